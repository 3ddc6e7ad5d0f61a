/* Predictions: the way forward, a block of rows at a time, each block by one thread. */
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

/* Two blocks of rows take turns as inputs and outputs of the layers; dropout and splits have their
 * inputs as outputs, and what is split is copied for each skip. */
static void lay_out_inference(workspace *w, layer_buffers *at, const minnet_network *net,
                              ptrdiff_t rows, real *memory) {
    real *X = memory, *Y = X + rows * w->widest, *spare = Y + rows * w->widest;
    w->at = at;
    w->scratch = spare + rows * w->widest + w->widest;
    real *kept = w->scratch + product_scratch(net, INFERENCE_ROWS);
    for (ptrdiff_t i = 0; i <= (ptrdiff_t)net->n_layers; i++) {
        const minnet_layer *layer = i > 0 ? &net->layers[i - 1] : NULL;
        if (layer && layer->kind != LAYER_DROPOUT && layer->kind != LAYER_SPLIT) {
            real *swap = X;
            X = Y;
            Y = swap;
        }
        at[i] = (layer_buffers){
            .ld = w->widest,
            .Y = X,
            .Z = X,
            .extra = spare,
            .inverse = spare + rows * w->widest,
        };
        if (layer && layer->kind == LAYER_SPLIT) {
            at[i].extra = layer->partner < 0 ? X : kept;
            if (layer->partner >= 0) kept += rows * w->widest;
        }
        if (layer && layer->kind == LAYER_ADD) kept -= rows * w->widest;
    }
}

/* What becomes of the logits of the rows of one block, into `to`; returns whether they are finite.
 */
static int infer_block(step_context *c, const minnet_outputs *outputs, real *to) {
    const ptrdiff_t L = (ptrdiff_t)c->net->n_layers, n_out = (ptrdiff_t)c->net->layers[L - 1].n_out;
    const layer_buffers *in = &c->w->at[0], *out = &c->w->at[L];
    for (ptrdiff_t m = 0; m < c->M && !c->data->indptr; m++) {
        gather(c->data, data_row(c->data, c->from + m), in->Y + m * in->ld,
               (ptrdiff_t)c->net->layers[0].n_in);
    }
    for (ptrdiff_t i = 0; i < L; i++) {
        if (c->net->layers[i].kind != LAYER_DROPOUT) layer_forward(c, i);
    }
    const ptrdiff_t wide = outputs->pair ? 2 : n_out;
    int finite = 1;
    for (ptrdiff_t m = 0; m < c->M; m++) {
        real *row = out->Y + m * out->ld;
        finite &= link_row(outputs, row, n_out);
        memcpy(to + (c->from + m) * wide, row, (size_t)wide * sizeof(real));
    }
    return finite;
}

/* What becomes of the logits of all rows, into `to`, contiguous. */
static int infer(const minnet_network *net, const minnet_data *data, minnet_outputs *outputs,
                 real *to) {
    const int n_threads = (int)outputs->n_threads;
    const ptrdiff_t L = (ptrdiff_t)net->n_layers, n_rows = (ptrdiff_t)data->n_samples;
    const ptrdiff_t rows = n_rows < INFERENCE_ROWS ? n_rows : INFERENCE_ROWS;
    const ptrdiff_t blocks = (n_rows + rows - 1) / rows, widest = widest_row(net, data);
    const ptrdiff_t size =
        (3 + most_skips(net)) * rows * widest + widest + product_scratch(net, INFERENCE_ROWS);
    const size_t of_numbers = (size_t)(size * n_threads + 16) * sizeof(real);
    const size_t of_layers = (size_t)(L + 1) * sizeof(layer_buffers);
    workspace counted = {0};
    arena of_rows = {0};
    lay_out_sorted(&counted.sorted, &of_rows, net, rows);
    const size_t sorted_at = (of_numbers + of_layers * (size_t)n_threads + 63) / 64 * 64;
    char *memory = calloc(sorted_at + of_rows.size * (size_t)n_threads, 1);
    if (!memory) return -1;

    PARALLEL
    {
        const int t = omp_get_thread_num();
        workspace w = {.widest = widest};
        step_context c = {.net = net, .data = data, .w = &w, .T = 1, .lazy_scale = 1};
        layer_buffers *at = (layer_buffers *)(memory + of_numbers) + t * (L + 1);
        arena own = {memory + sorted_at + (size_t)t * of_rows.size, 0};
        lay_out_sorted(&w.sorted, &own, net, rows);
        lay_out_inference(&w, at, net, rows, (real *)memory + t * size);
        c.scratch = w.scratch;
        ptrdiff_t begin, end;
        share(blocks, 1, t, omp_get_num_threads(), &begin, &end);
        for (ptrdiff_t block = begin; block < end; block++) {
            c.from = block * rows;
            c.M = n_rows - c.from < rows ? n_rows - c.from : rows;
            if (!infer_block(&c, outputs, to)) {
#pragma omp critical(minnet_infer) /* Microsoft's OpenMP has no atomic write */
                outputs->not_finite = 1;
            }
        }
    }
    free(memory);
    return 0;
}

#endif
