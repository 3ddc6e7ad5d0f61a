/* A dense layer with few outputs in a step: see narrow.h. */
#ifndef MINNET_NARROW_LAYER_H
#define MINNET_NARROW_LAYER_H

#include "dense_layer.h"
#include "narrow.h"

#if NARROW > 0

INLINE int is_narrow_layer(const step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    return is_narrow((ptrdiff_t)layer->n_in, (ptrdiff_t)layer->n_out);
}

/* There are too few columns for several threads: they split rows of the batch. */
static void narrow_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const minnet_finish finish = {layer, params_at(c, layer->bias), out->Z, out->Y, out->ld};
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    const ptrdiff_t N = (ptrdiff_t)layer->n_out;
    narrow_forward(0, N, (ptrdiff_t)layer->n_in, in->Y, in->ld, params_at(c, layer->weight), N,
                   out->Z, out->ld, &finish, c->scratch, begin, end);
}

static void narrow_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
    const ptrdiff_t w = (ptrdiff_t)layer->weight;
    const minnet_step step = step_of(c, layer, 1, c->l2);
    real *W = params_at(c, w);
    ptrdiff_t begin, end;
    share(N, NR, c->t, c->T, &begin, &end);
    step_of_bias(c, i, begin, end);
    share(K, NR, c->t, c->T, &begin, &end);
    if (c->l2 != 0) {
        row_squares(W, N, c->w->partial + c->n_squares, begin, end);
        c->n_squares += (K + NR - 1) / NR;
    }
    if (i > 0) {
        const minnet_finish finish = {layer - 1, NULL, in->Z, in->Y, in->ld};
        narrow_backward(N, c->M, out->d, out->ld, W, in->d, in->ld, &finish, c->scratch, begin,
                        end);
    }
    if (!layer->trainable) return;
    narrow_update(0, N, &step, c->M, in->Y, in->ld, out->d, out->ld, W, N, state_at(c->hyper->V, w),
                  state_at(c->hyper->M, w), state_at(c->w->grads, w), begin, end);
}

#else

INLINE int is_narrow_layer(const step_context *c, ptrdiff_t i) {
    (void)c, (void)i;
    return 0;
}
#define narrow_layer_forward(c, i)  ((void)0)
#define narrow_layer_backward(c, i) ((void)0)

#endif
#endif
