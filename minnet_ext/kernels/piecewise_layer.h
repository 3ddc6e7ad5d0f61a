/* A piecewise linear layer in a step, first and right below a dense one: it sorts the rows of a
 * batch, the dense one computes with them (piecewise.h). */
#ifndef MINNET_PIECEWISE_LAYER_H
#define MINNET_PIECEWISE_LAYER_H

#include "piecewise.h"

/* Whether layer i has a piecewise linear one below. */
INLINE int above_pieces(const step_context *c, ptrdiff_t i) {
    return i == 1 && c->net->layers[0].kind == LAYER_PIECEWISE_LINEAR;
}

/* Whether codes are dropped: in training alone. */
INLINE int drops_codes(const step_context *c) {
    return c->hyper && c->net->layers[0].rate > 0 && c->w->sorted.n_codes > 0;
}

/* Random numbers for the codes of all rows; those of a row depend on how many samples were drawn
 * before it, not on its batch. */
static void draw_for_codes(step_context *c) {
    const minnet_layer *layer = &c->net->layers[0];
    const ptrdiff_t n = c->w->sorted.n_codes;
    const minnet_draw draw = {
        {(uint32_t)c->hyper->key, (uint32_t)(c->hyper->key >> 32)},
        {(uint32_t)layer->stream_index, (uint32_t)layer->stream_code},
        {0.5, 0.5, 0, 1},
    };
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    if (begin < end) {
        const uint64_t at = (uint64_t)(c->position + begin) * (uint64_t)n;
        c->uniform(&draw, at, (size_t)((end - begin) * n), c->w->sorted.drawn + begin * n);
    }
    wait_for_all(c); /* rows are shared here, columns below */
}

/* Makes x, a column of codes, no code in the rows where it is dropped. */
static void drop_codes(const step_context *c, const minnet_column *column, real *x) {
    const float rate = (float)c->net->layers[0].rate;
    const ptrdiff_t n = c->w->sorted.n_codes;
    const float *drawn = c->w->sorted.drawn + column->number;
    for (ptrdiff_t m = 0; m < c->M; m++) x[m] = drawn[m * n] < rate ? -1 : x[m];
}

static void piecewise_layer_forward(step_context *c) {
    const minnet_layer *layer = &c->net->layers[0];
    const layer_buffers *in = &c->w->at[0];
    const sorted_rows *sorted = &c->w->sorted;
    const int drops = drops_codes(c);
    ptrdiff_t begin, end;
    if (drops) draw_for_codes(c);
    share((ptrdiff_t)layer->n_in, 1, c->t, c->T, &begin, &end);
    for (ptrdiff_t i = begin; i < end; i++) {
        const minnet_column *column = column_at(layer, i);
        real *bin = c->scratch, *x = bin + padded(c->M); /* of codes it is not read again */
        if (!column->n_codes) x = sorted->numbers + (ptrdiff_t)column->number * sorted->ld;
        for (ptrdiff_t m = 0; m < c->M; m++) x[m] = in->Y[m * in->ld + i];
        if (drops && column->n_codes) drop_codes(c, column, x);
        if (is_sorted(column)) {
            sort_rows(layer, column, c->M, x, bin, sorted->end + column->first + i,
                      sorted->row + i * sorted->ld, sorted->u + i * sorted->ld);
        } else {
            encode_few(layer, column, c->M, x, x + sorted->ld, sorted->ld);
        }
    }
}

/* The panel of up to `width` output columns of the dense layer: its scratch. */
INLINE piecewise_panel panel_of(const step_context *c) {
    const minnet_layer *layers = c->net->layers;
    return (piecewise_panel){
        .layer = layers,
        .sorted = &c->w->sorted,
        .M = c->M,
        .N = (ptrdiff_t)layers[1].n_out,
        .code = drops_codes(c) ? (real)(1 / (1 - layers[0].rate)) : 1,
        .panel = c->scratch,
        .block = (real *)(((uintptr_t)(c->scratch + PANEL_SIZE) + 63) & ~(uintptr_t)63),
    };
}

static void piecewise_dense_forward(step_context *c) {
    const minnet_layer *layer = &c->net->layers[1];
    const layer_buffers *out = &c->w->at[2];
    const minnet_finish f = {layer, params_at(c, layer->bias), out->Z, out->Y, out->ld};
    const piecewise_panel p = panel_of(c);
    const real *W = params_at(c, layer->weight);
    const ptrdiff_t most = PIECEWISE_VECTORS * LANES;
    ptrdiff_t begin, end;
    share(p.N, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t n = begin; n < end; n += most) {
        const ptrdiff_t width = end - n < most ? end - n : most;
        const int vectors = (int)((width + LANES - 1) / LANES),
                  part = (int)width - (vectors - 1) * LANES;
        switch (vectors) {
        case 1: panel_forward(1, part, &p, W + n); break;
        case 2: panel_forward(2, part, &p, W + n); break;
        case 3: panel_forward(3, part, &p, W + n); break;
        case 4: panel_forward(4, part, &p, W + n); break;
        }
        const size_t bytes = (size_t)(vectors * LANES) * sizeof(real);
        for (ptrdiff_t m = 0; m < p.M; m++) {
            memcpy(out->Z + m * out->ld + n, p.block + m * vectors * LANES, bytes);
        }
        finish(&f, out->Z, out->ld, 0, p.M, n, width);
    }
}

static void piecewise_dense_backward(step_context *c) {
    const minnet_layer *layer = &c->net->layers[1];
    const layer_buffers *out = &c->w->at[2];
    const piecewise_panel p = panel_of(c);
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, w = (ptrdiff_t)layer->weight;
    const ptrdiff_t most = PIECEWISE_VECTORS * LANES;
    const minnet_step step = step_of(c, layer, 1, c->l2);
    ptrdiff_t begin, end;
    if (c->l2 != 0) {
        share(K, NR, c->t, c->T, &begin, &end);
        row_squares(params_at(c, w), p.N, c->w->partial + c->n_squares, begin, end);
        c->n_squares += (K + NR - 1) / NR;
        wait_for_all(c); /* they are split in another way than the weights */
    }
    share(p.N, NR, c->t, c->T, &begin, &end);
    step_of_bias(c, 1, begin, end);
    if (!layer->trainable) return;
    for (ptrdiff_t n = begin; n < end; n += most) {
        const ptrdiff_t width = end - n < most ? end - n : most;
        const int vectors = (int)((width + LANES - 1) / LANES);
        const panel_weights weights = {
            .step = &step,
            .W = params_at(c, w + n),
            .V = state_at(c->hyper->V, w + n),
            .Mo = state_at(c->hyper->M, w + n),
            .G = state_at(c->w->grads, w + n),
            .width = width,
        };
        const size_t bytes = (size_t)(vectors * LANES) * sizeof(real);
        for (ptrdiff_t m = 0; m < p.M; m++) {
            memcpy(p.block + m * vectors * LANES, out->d + m * out->ld + n, bytes);
        }
        switch (vectors) {
        case 1: panel_backward(1, &p, &weights); break;
        case 2: panel_backward(2, &p, &weights); break;
        case 3: panel_backward(3, &p, &weights); break;
        case 4: panel_backward(4, &p, &weights); break;
        }
    }
}

#endif
