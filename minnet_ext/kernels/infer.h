/* Predictions: the way forward, a block of rows at a time, each block by one thread.
 *
 * Of many rows, each W is packed once, as panels that all blocks and threads read (product.h packs
 * them for each block anew), and the inputs of a dense layer are read where they lie. Sums run in
 * the order of dense.h, so that a row alone is predicted to the same bits.
 *
 * 10,000 rows of 784 -> 256 -> 10 on one core of a Zen 5: benchmarks/inference.py.
 */
#ifndef MINNET_INFER_H
#define MINNET_INFER_H

#include <stdlib.h>

#include "link.h"
#include "steps.h"

/* How many skips there are side by side, at most. */
static ptrdiff_t most_skips(const minnet_network *net) {
    ptrdiff_t now = 0, most = 0;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)net->n_layers; i++) {
        if (net->layers[i].kind == LAYER_SPLIT && net->layers[i].partner >= 0) now++;
        if (net->layers[i].kind == LAYER_ADD) now--;
        if (now > most) most = now;
    }
    return most;
}

/* ---- panels */

/* Whether layer i is a product of rows with a W of many columns. */
static int has_panels(const step_context *c, ptrdiff_t i) {
    if (c->net->layers[i].kind != LAYER_DENSE || (i == 0 && c->data->indptr)) return 0;
    if (narrow_edge((ptrdiff_t)c->net->layers[i].n_in, (ptrdiff_t)c->net->layers[i].n_out))
        return 0;
    return !above_pieces(c, i) && !is_bf16_layer(c, i) && !is_narrow_layer(c, i);
}

/* Numbers in the panels of a layer. */
INLINE ptrdiff_t size_of_panels(const minnet_layer *layer) {
    return (ptrdiff_t)layer->n_in * (((ptrdiff_t)layer->n_out + NR - 1) / NR * NR);
}

static void pack_panels(ptrdiff_t K, ptrdiff_t N, const real *W, real *panels) {
    const ptrdiff_t most = block_of(K);
    for (ptrdiff_t k = 0; k < K; k += most) {
        const ptrdiff_t depth = K - k < most ? K - k : most;
        for (ptrdiff_t n = 0; n < N; n += NR, panels += depth * NR)
            pack_straight(W + k * N + n, N, depth, N - n < NR ? N - n : NR, panels);
    }
}

/* Z = X W, then what f says. */
static void panels_forward(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const real *X, ptrdiff_t ldx,
                           const real *panels, real *Z, ptrdiff_t ld, const minnet_finish *f) {
    const ptrdiff_t most = block_of(K);
    for (ptrdiff_t k = 0; k < K; k += most) {
        const ptrdiff_t depth = K - k < most ? K - k : most;
        for (ptrdiff_t n = 0; n < N; n += NR, panels += depth * NR) {
            const ptrdiff_t width = N - n < NR ? N - n : NR;
            for (ptrdiff_t m = 0; m < M; m += MR) {
                const int rows = M - m < MR ? (int)(M - m) : MR;
                const ptrdiff_t ahead = m + MR < M ? 0 : depth * NR; /* the next panel: 1% */
                tile(rows, width, depth, X + m * ldx + k, ldx, 1, panels, NR, ahead, Z + m * ld + n,
                     ld, k == 0 ? TILE_STORE : TILE_UPDATE, 1, 1);
            }
            if (k + depth == K) finish(f, Z, ld, 0, M, n, width);
        }
    }
}

/* ---- a block of rows */

/* What layers whose products are in bfloat16 make of the rows of a block. */
INLINE ptrdiff_t bf16_pairs(const minnet_network *net, ptrdiff_t rows) {
    return (widest_of_bf16(net) + 1) / 2 * BF16_ROWS(rows);
}

/* What all blocks have in common. */
typedef struct {
    const minnet_network *net;
    const minnet_data *data;
    minnet_outputs *outputs;
    real *to;
    ptrdiff_t rows, widest; /* of a block; the longest row of any layer */
    const real *panels;     /* of all layers that have some; or NULL */
    int in_place;           /* whether inputs are read where they lie */
} inference;

/* The memory of a thread, see `take` of workspace.h. Two blocks of rows take turns as inputs and
 * outputs of the layers; dropout and splits have their inputs as outputs, and what is split is
 * copied for each skip. */
static void lay_out_inference(const inference *job, arena *a, workspace *w) {
    const minnet_network *net = job->net;
    const ptrdiff_t size = job->rows * job->widest, L = (ptrdiff_t)net->n_layers;
    real *X = take(a, size, sizeof(real)), *Y = take(a, size, sizeof(real));
    real *spare = take(a, size, sizeof(real)), *inverse = take(a, job->widest, sizeof(real));
    real *kept = take(a, most_skips(net) * size, sizeof(real));
    w->scratch = take(a, product_scratch(net, job->rows), sizeof(real));
    w->pairs = take(a, bf16_pairs(net, job->rows), sizeof(uint32_t));
    w->at = take(a, L + 1, sizeof(layer_buffers));
    lay_out_sorted(&w->sorted, a, net, job->rows);
    if (!w->at) return;
    for (ptrdiff_t i = 0; i <= L; i++) {
        const minnet_layer *layer = i > 0 ? &net->layers[i - 1] : NULL;
        if (layer && layer->kind != LAYER_DROPOUT && layer->kind != LAYER_SPLIT) {
            real *swap = X;
            X = Y;
            Y = swap;
        }
        w->at[i] =
            (layer_buffers){.ld = job->widest, .Y = X, .Z = X, .extra = spare, .inverse = inverse};
        if (layer && layer->kind == LAYER_SPLIT) {
            w->at[i].extra = layer->partner < 0 ? X : kept;
            if (layer->partner >= 0) kept += size;
        }
        if (layer && layer->kind == LAYER_ADD) kept -= size;
    }
}

/* Whether rows of the data, as they lie, are rows of numbers, one beside the other. */
static int has_whole_rows(const minnet_data *data) {
    const int64_t size = sizeof(real);
    return !data->order && data->column_stride == size && data->row_stride % size == 0 &&
           (uintptr_t)data->X % sizeof(real) == 0;
}

/* Whether all numbers are finite: 0 times any other is NaN. */
static int are_finite_rows(const real *X, ptrdiff_t rows, ptrdiff_t ld, ptrdiff_t n) {
    vreal sum[4] = {splat(0), splat(0), splat(0), splat(0)};
    for (ptrdiff_t m = 0; m < rows; m++, X += ld) {
        ptrdiff_t j = 0;
        for (; j + 4 * LANES <= n; j += 4 * LANES) {
            UNROLLED
            for (int i = 0; i < 4; i++) sum[i] = sum[i] + load(X + j + i * LANES) * (real)0;
        }
        for (; j < n; j += LANES) sum[0] = sum[0] + load_part(X + j, n - j) * (real)0;
    }
    return sum_of_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])) == 0;
}

/* The inputs of a block, in at[0]; returns whether they are finite, where that is asked. */
static int inputs_of_block(const inference *job, step_context *c) {
    const minnet_data *data = job->data;
    const ptrdiff_t n = (ptrdiff_t)job->net->layers[0].n_in;
    layer_buffers *in = &c->w->at[0];
    if (data->indptr) return 1;
    if (job->in_place) {
        in->Y = (real *)(data->X + c->from * data->row_stride);
        in->ld = (ptrdiff_t)(data->row_stride / (int64_t)sizeof(real));
    } else {
        for (ptrdiff_t m = 0; m < c->M; m++)
            gather(data, data_row(data, c->from + m), in->Y + m * in->ld, n);
    }
    return !job->outputs->check_inputs || are_finite_rows(in->Y, c->M, in->ld, n);
}

/* What becomes of the logits of the rows of one block; returns whether they are finite, and the
 * inputs. */
static int infer_block(const inference *job, step_context *c) {
    const minnet_network *net = job->net;
    const ptrdiff_t L = (ptrdiff_t)net->n_layers, n_out = (ptrdiff_t)net->layers[L - 1].n_out;
    const layer_buffers *at = c->w->at, *out = &at[L];
    const real *panels = job->panels;
    int finite = inputs_of_block(job, c);
    for (ptrdiff_t i = 0; i < L; i++) {
        const minnet_layer *layer = &net->layers[i];
        if (layer->kind == LAYER_DROPOUT) continue;
        if (!job->panels || !has_panels(c, i)) {
            layer_forward(c, i);
            continue;
        }
        const minnet_finish finish = {layer, params_at(c, layer->bias), at[i + 1].Z, at[i + 1].Y,
                                      at[i + 1].ld};
        panels_forward(c->M, (ptrdiff_t)layer->n_in, (ptrdiff_t)layer->n_out, at[i].Y, at[i].ld,
                       panels, at[i + 1].Z, at[i + 1].ld, &finish);
        panels += size_of_panels(layer);
    }
    const ptrdiff_t wide = job->outputs->pair ? 2 : n_out;
    for (ptrdiff_t m = 0; m < c->M; m++) {
        real *row = out->Y + m * out->ld;
        finite &= link_row(job->outputs, row, n_out);
        memcpy(job->to + (c->from + m) * wide, row, (size_t)wide * sizeof(real));
    }
    return finite;
}

/* ---- all of them */

/* The block of rows that begins at `from`; returns whether it is finite. */
static int infer_rows(const inference *job, step_context *c, ptrdiff_t from) {
    const ptrdiff_t left = (ptrdiff_t)job->data->n_samples - from;
    c->from = from;
    c->M = left < job->rows ? left : job->rows;
    return infer_block(job, c);
}

/* Each thread takes the next block that none has taken: some may come late. One that is alone takes
 * all: it may be in the parallel region of a caller (members.h), which is not to share them. */
static void infer_blocks(const inference *job, int n_threads, char *memory) {
    const ptrdiff_t n_rows = (ptrdiff_t)job->data->n_samples, rows = job->rows;
    arena own = {memory, 0};
    workspace w = {.widest = job->widest};
    lay_out_inference(job, &own, &w);
    step_context c = {
        .net = job->net, .data = job->data, .w = &w, .T = 1, .lazy_scale = 1, .scratch = w.scratch};
    int finite = 1;
    if (n_threads == 1) {
        for (ptrdiff_t from = 0; from < n_rows; from += rows) finite &= infer_rows(job, &c, from);
    } else {
#pragma omp for schedule(dynamic) nowait
        for (ptrdiff_t from = 0; from < n_rows; from += rows) finite &= infer_rows(job, &c, from);
    }
    if (!finite) {
#pragma omp critical(minnet_infer) /* Microsoft's OpenMP has no atomic write */
        job->outputs->not_finite = 1;
    }
}

/* What becomes of the logits of all rows, into `to`, contiguous. */
static int infer(const minnet_network *net, const minnet_data *data, minnet_outputs *outputs,
                 real *to) {
    const ptrdiff_t L = (ptrdiff_t)net->n_layers, n_rows = (ptrdiff_t)data->n_samples;
    const ptrdiff_t blocks = (n_rows + INFERENCE_ROWS - 1) / INFERENCE_ROWS;
    const ptrdiff_t even = ((n_rows + blocks - 1) / blocks + MR - 1) / MR * MR;
    const int n_threads = blocks < outputs->n_threads ? (int)blocks : (int)outputs->n_threads;
    const step_context c = {.net = net, .data = data};
    inference job = {
        .net = net,
        .data = data,
        .outputs = outputs,
        .to = to,
        .rows = blocks > 1 ? even : n_rows,
        .widest = widest_row(net, data),
    };
    ptrdiff_t of_panels = 0;
    for (ptrdiff_t i = 0; i < L && blocks > 1; i++)
        of_panels += has_panels(&c, i) ? size_of_panels(&net->layers[i]) : 0;
    workspace w = {0};
    arena of_thread = {0}, all = {0};
    lay_out_inference(&job, &of_thread, &w);
    take(&all, of_panels, sizeof(real));
    const size_t at = all.size, bytes = at + of_thread.size * (size_t)n_threads;
    char *memory = malloc(bytes + 64);
    if (!memory) return -1;
    char *base = (char *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
    if (of_panels > 0) {
        real *panels = (real *)base;
        for (ptrdiff_t i = 0; i < L; i++) {
            const minnet_layer *layer = &net->layers[i];
            if (!has_panels(&c, i)) continue;
            pack_panels((ptrdiff_t)layer->n_in, (ptrdiff_t)layer->n_out,
                        params_at(&c, layer->weight), panels);
            panels += size_of_panels(layer);
        }
        job.panels = (real *)base;
        job.in_place = has_panels(&c, 0) && has_whole_rows(data);
    }
    if (n_threads == 1) { /* a parallel region of one thread takes 0.1 us */
        infer_blocks(&job, 1, base + at);
    } else {
        PARALLEL
        {
            infer_blocks(&job, n_threads,
                         base + at + of_thread.size * (size_t)omp_get_thread_num());
        }
    }
    UNGUARD(base, bytes);
    free(memory);
    return 0;
}

#endif
