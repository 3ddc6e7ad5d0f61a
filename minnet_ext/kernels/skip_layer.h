/* Residual blocks in a step: what a split is given goes into the layers above it, and past them to
 * its add, Y = X0 + s X.
 */
#ifndef MINNET_SKIP_LAYER_H
#define MINNET_SKIP_LAYER_H

#include "activate.h"
#include "dense_layer.h"
#include "workspace.h"

static void split_layer_forward(step_context *c, ptrdiff_t i) {
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    if (out->extra == in->Y) return; /* in training each layer has outputs of its own */
    const size_t size = (size_t)c->net->layers[i].n_in * sizeof(real);
    for (ptrdiff_t m = 0; m < c->M; m++) {
        memcpy(out->extra + m * out->ld, in->Y + m * in->ld, size);
    }
}

static void add_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const layer_buffers *split = &c->w->at[layer->partner + 1];
    const real s = *params_at(c, layer->bias);
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    for (ptrdiff_t m = begin; m < end; m++) {
        const real *X = in->Y + m * in->ld, *X0 = split->extra + m * split->ld;
        real *Y = out->Y + m * out->ld;
        for (ptrdiff_t n = 0; n < (ptrdiff_t)layer->n_out; n += LANES) {
            store(Y + n, load(X + n) * s + load(X0 + n));
        }
    }
}

/* dX = s dY; ds is summed up column by column, so that its bits do not depend on the threads. */
static void add_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const real s = *params_at(c, layer->bias);
    ptrdiff_t begin, end;
    share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
    if (begin >= end) return;
    for (ptrdiff_t n = begin; n < end; n += LANES) {
        vreal sum = splat(0);
        for (ptrdiff_t m = 0; m < c->M; m++) {
            const vreal dY = load(out->d + m * out->ld + n);
            sum = dY * load(in->Y + m * in->ld + n) + sum;
            store(in->d + m * in->ld + n, dY * s);
        }
        store(out->inverse + n, sum);
    }
    differentiate(layer - 1, in->Z + begin, in->Y + begin, in->ld, in->d + begin, in->ld, c->M,
                  end - begin);
}

/* The step of an add's s, which nothing reads any more in this step. */
static void step_of_scale(const step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    if (!layer->trainable) return;
    double sum = 0;
    for (ptrdiff_t n = 0; n < (ptrdiff_t)layer->n_out; n++) sum += c->w->at[i + 1].inverse[n];
    const real ds = (real)sum;
    step_of_vector(c, layer, &ds, (ptrdiff_t)layer->bias, 1);
}

static void split_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const layer_buffers *skip = layer->partner < 0 ? NULL : &c->w->at[layer->partner + 1];
    if (skip && c->t == 0) step_of_scale(c, (ptrdiff_t)layer->partner);
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    if (i == 0 || begin >= end) return;
    for (ptrdiff_t m = begin; m < end; m++) {
        for (ptrdiff_t n = 0; n < (ptrdiff_t)layer->n_in; n += LANES) {
            vreal dX = load(out->d + m * out->ld + n);
            if (skip) dX = dX + load(skip->d + m * skip->ld + n);
            store(in->d + m * in->ld + n, dX);
        }
    }
    const ptrdiff_t at = begin * in->ld;
    differentiate(layer - 1, in->Z + at, in->Y + at, in->ld, in->d + at, in->ld, end - begin,
                  (ptrdiff_t)layer->n_in);
}

#endif
