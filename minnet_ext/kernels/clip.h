/* Steps with the whole gradient there: where it is clipped by its norm, or only wanted. */
#ifndef MINNET_CLIP_H
#define MINNET_CLIP_H

#include "dense_layer.h"
#include "squares.h"
#include "workspace.h"

/* With the whole gradient there: L2 is added, elements are clipped, then the norm; the factor that
 * brings it to clip_norm is returned, the same to every thread. */
static double finish_gradient(step_context *c, ptrdiff_t n_params) {
    const minnet_network *net = c->net;
    const minnet_hyper *hyper = c->hyper;
    const double l2 = c->l2;
    const int t = c->t, T = c->T;
    real *grads = c->w->grads;
    double *partial = c->w->partial;
    ptrdiff_t begin, end;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)net->n_layers && l2 != 0; i++) {
        const minnet_layer *layer = &net->layers[i];
        if (layer->kind != LAYER_DENSE || !layer->trainable) continue;
        real *g = grads + layer->weight;
        const real *W = (const real *)net->params + layer->weight;
        share((ptrdiff_t)(layer->n_in * layer->n_out), 64, t, T, &begin, &end);
        for (ptrdiff_t j = begin; j < end; j++) g[j] += (real)l2 * W[j];
    }
    wait_for_all(c);
    if (hyper->clip_value < INFINITY) {
        const real most = (real)hyper->clip_value;
        share(n_params, 64, t, T, &begin, &end);
        for (ptrdiff_t j = begin; j < end; j++) {
            grads[j] = grads[j] > most ? most : grads[j] < -most ? -most : grads[j];
        }
        wait_for_all(c);
    }
    if (!(hyper->clip_norm < INFINITY)) return 1;
    double most = 0, sum = 0;
    ptrdiff_t pieces = largest(grads, n_params, partial, t, T);
    wait_for_all(c);
    for (ptrdiff_t k = 0; k < pieces; k++) most = partial[k] > most ? partial[k] : most;
    wait_for_all(c);
    if (!(most > 0) || !(most < INFINITY)) return 1;
    /* divided by the largest, so that squares do not overflow */
    squares(grads, n_params, (real)most, partial, t, T);
    wait_for_all(c);
    for (ptrdiff_t k = 0; k < pieces; k++) sum += partial[k];
    const double norm = most * sqrt(sum);
    return norm > hyper->clip_norm ? hyper->clip_norm / norm : 1;
}

/* All parameters take a step with the gradient times scale. */
static void step_of_all(step_context *c, real scale) {
    for (ptrdiff_t i = 0; i < (ptrdiff_t)c->net->n_layers; i++) {
        const minnet_layer *layer = &c->net->layers[i];
        if (!layer->trainable) continue;
        const int dense = layer->kind == LAYER_DENSE;
        const ptrdiff_t n = (ptrdiff_t)layer->n_out;
        const ptrdiff_t sizes[2] = {dense ? (ptrdiff_t)layer->n_in * n : n,
                                    layer->kind == LAYER_ADD ? 1 : n};
        const ptrdiff_t at[2] = {(ptrdiff_t)layer->weight, (ptrdiff_t)layer->bias};
        for (int k = 0; k < 2; k++) {
            if (at[k] < 0) continue;
            minnet_step s = step_of(c, layer, dense && k == 0, 0);
            s.clip_value = INFINITY;
            ptrdiff_t begin, end;
            share(sizes[k], NR, c->t, c->T, &begin, &end);
            if (end <= begin) continue;
            const ptrdiff_t o = at[k] + begin;
            real *g = c->w->grads + o;
            for (ptrdiff_t j = 0; j < end - begin; j++) g[j] *= scale;
            update_run(&s, g, params_at(c, o), state_at(c->hyper->V, o), state_at(c->hyper->M, o),
                       end - begin);
        }
    }
}

#endif
