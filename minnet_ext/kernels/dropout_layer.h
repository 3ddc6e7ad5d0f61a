/* Dropout in a step: each input is zeroed at random, or multiplied with 1 / (1 - rate).
 *
 * The random numbers of a sample depend on how many samples were drawn before it, not on its batch.
 */
#ifndef MINNET_DROPOUT_LAYER_H
#define MINNET_DROPOUT_LAYER_H

#include "activate.h"
#include "workspace.h"

static void dropout_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t n = (ptrdiff_t)layer->n_out;
    const minnet_draw draw = {
        {(uint32_t)c->hyper->key, (uint32_t)(c->hyper->key >> 32)},
        {(uint32_t)layer->stream_index, (uint32_t)layer->stream_code},
        {0.5, 0.5, 0, 1},
    };
    const real keep = (real)(1 / (1 - layer->rate));
    float *u = (float *)c->sums;
    const real *X = in->Y;
    real *mask = out->extra, *Y = out->Y;
    const ptrdiff_t ldx = in->ld, ld = out->ld;
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    for (ptrdiff_t m = begin; m < end; m++) {
        const uint64_t at = (uint64_t)(c->position + m) * (uint64_t)n;
        c->uniform(&draw, at, (size_t)n, u);
        for (ptrdiff_t j = 0; j < n; j++) {
            mask[m * ld + j] = u[j] >= (float)layer->rate ? keep : 0;
            Y[m * ld + j] = X[m * ldx + j] * mask[m * ld + j];
        }
    }
}

static void dropout_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t n = (ptrdiff_t)layer->n_in;
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    if (i == 0 || begin >= end) return;
    const real *dY = out->d, *mask = out->extra;
    real *dX = in->d;
    const ptrdiff_t ldx = in->ld, ld = out->ld;
    for (ptrdiff_t m = begin; m < end; m++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            dX[m * ldx + j] = dY[m * ld + j] * mask[m * ld + j];
        }
    }
    const ptrdiff_t at = begin * ldx;
    differentiate(layer - 1, in->Z + at, in->Y + at, ldx, dX + at, ldx, end - begin, n);
}

#endif
