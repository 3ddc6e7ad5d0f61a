/* Batch normalization in a step: Y = f(gamma X_hat + beta), X_hat with mean 0 and variance 1 in
 * each column. */
#ifndef MINNET_NORM_LAYER_H
#define MINNET_NORM_LAYER_H

#include <float.h>

#include "activate.h"
#include "dense_layer.h"
#include "share.h"
#include "workspace.h"

/* What an unbiased variance is, of a batch whose rows have shares with this sum of squares: so many
 * times the biased one. A batch of one row has none, and its 0 stays 0. */
INLINE real norm_unbiased(double squares) {
    return (real)(1 / fmax(1 - squares, REAL_BITS == 32 ? FLT_EPSILON : DBL_EPSILON));
}

INLINE double squares_of_shares(ptrdiff_t M, const real *p) {
    double squares = 0;
    for (ptrdiff_t m = 0; m < M; m++) squares += (double)p[m] * p[m];
    return squares;
}

/* Mean of column n of X, weighted by p. */
INLINE real norm_mean(ptrdiff_t M, const real *X, ptrdiff_t ldx, const real *p, ptrdiff_t n) {
    real mu = 0;
    for (ptrdiff_t m = 0; m < M; m++) mu += X[m * ldx + n] * p[m];
    return mu;
}

INLINE real norm_variance(ptrdiff_t M, const real *X, ptrdiff_t ldx, const real *p, ptrdiff_t n,
                          real mu) {
    real v = 0;
    for (ptrdiff_t m = 0; m < M; m++) {
        real x = X[m * ldx + n] - mu;
        v += x * x * p[m];
    }
    return v;
}

/* The running mean and variance of column n follow those of the batch. */
INLINE void norm_follow(const minnet_layer *layer, real *state, ptrdiff_t n, real mu, real v,
                        real unbiased) {
    real *mean = state + layer->mean, *var = state + layer->variance;
    mean[n] = mean[n] * (real)layer->momentum + mu * (real)(1 - layer->momentum);
    var[n] = var[n] * (real)layer->momentum + v * unbiased * (real)(1 - layer->momentum);
}

/* ---- in several processes */

/* Mean and variance of the rows of all of them. */
static void norm_sum_up(step_context *c, ptrdiff_t i) {
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t N = (ptrdiff_t)c->net->layers[i].n_out;
    real *sums = shared_numbers(c, SHARED_ROOM), *mean = out->moments, *var = mean + out->ld;
    ptrdiff_t begin, end;
    share(N, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t n = begin; n < end; n++) sums[n] = norm_mean(c->M, in->Y, in->ld, c->w->p, n);
    reduce_room(c, N);
    for (ptrdiff_t n = begin; n < end; n++) {
        mean[n] = sums[n];
        sums[n] = norm_variance(c->M, in->Y, in->ld, c->w->p, n, mean[n]);
    }
    reduce_room(c, N);
    for (ptrdiff_t n = begin; n < end; n++) var[n] = sums[n];
}

/* The running ones follow when nothing can go wrong with the step any more. */
static void norm_follow_all(step_context *c, int64_t step) {
    const minnet_share *s = c->hyper->share;
    const double squares =
        s->squares && s->weights[step] > 0 ? s->squares[step] : 1.0 / (double)c->length;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)c->net->n_layers; i++) {
        const minnet_layer *layer = &c->net->layers[i];
        if (layer->kind != LAYER_BATCH_NORM || !layer->trainable) continue;
        const real *mean = c->w->at[i + 1].moments, *var = mean + c->w->at[i + 1].ld;
        ptrdiff_t begin, end;
        share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
        for (ptrdiff_t n = begin; n < end; n++) {
            norm_follow(layer, c->net->state, n, mean[n], var[n], norm_unbiased(squares));
        }
    }
}

/* The sums of dZ and dZ X_hat over the rows of all processes, one after the other, for dX. */
static void norm_sum_gradients(step_context *c, ptrdiff_t i, const real *along, const real *sum,
                               ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t N = (ptrdiff_t)c->net->layers[i].n_out;
    real *sums = shared_numbers(c, SHARED_ROOM);
    for (ptrdiff_t n = begin; n < end; n++) {
        sums[n] = sum[n - begin];
        sums[N + n] = along[n - begin];
    }
    reduce_room(c, 2 * N);
}

/* ---- a step */

static void norm_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const real *gamma = params_at(c, layer->weight), *beta = params_at(c, layer->bias);
    const real *mean = (real *)c->net->state + layer->mean,
               *var = (real *)c->net->state + layer->variance;
    const int of_batch = c->hyper && layer->trainable;
    const ptrdiff_t M = c->M, ldx = in->ld, ld = out->ld;
    const real *X = in->Y;
    real *X_hat = out->extra, *inverse = out->inverse, *Z = out->Z;
    const int shared = of_batch && is_shared(c),
              follows = of_batch && !shared && !c->hyper->gradient;
    const real unbiased = follows ? norm_unbiased(squares_of_shares(M, c->w->p)) : 0;
    ptrdiff_t begin, end;
    if (shared) {
        norm_sum_up(c, i);
        mean = out->moments;
        var = mean + ld;
    }
    share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t n = begin; n < end; n++) {
        real mu = mean[n], v = var[n];
        if (of_batch && !shared) {
            mu = norm_mean(M, X, ldx, c->w->p, n);
            v = norm_variance(M, X, ldx, c->w->p, n, mu);
        }
        if (follows) norm_follow(layer, c->net->state, n, mu, v, unbiased);
        inverse[n] = 1 / (real)sqrt((double)(v + (real)layer->epsilon));
        for (ptrdiff_t m = 0; m < M; m++) {
            real x = (X[m * ldx + n] - mu) * inverse[n];
            X_hat[m * ld + n] = x;
            Z[m * ld + n] = gamma[n] * x + beta[n];
        }
    }
    if (begin < end) activate(layer, Z + begin, out->Y + begin, ld, M, end - begin);
}

/* The gradients of gamma and beta, n1 - n0 of each, from dZ: sums over the rows. */
static void norm_gradients(const step_context *c, ptrdiff_t i, real *dgamma, real *dbeta,
                           ptrdiff_t n0, ptrdiff_t n1) {
    const layer_buffers *out = &c->w->at[i + 1];
    const ptrdiff_t M = c->M, ld = out->ld;
    const real *X_hat = out->extra, *dZ = out->d;
    for (ptrdiff_t n = n0; n < n1; n++) {
        real along = 0, sum = 0;
        for (ptrdiff_t m = 0; m < M; m++) {
            along += dZ[m * ld + n] * X_hat[m * ld + n];
            sum += dZ[m * ld + n];
        }
        dgamma[n - n0] = along;
        dbeta[n - n0] = sum;
    }
}

/* dX of columns [n0, n1) from dZ and these sums, where all rows of the batch are in them. */
static void norm_backward(const step_context *c, ptrdiff_t i, const real *dgamma, const real *dbeta,
                          ptrdiff_t n0, ptrdiff_t n1) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t M = c->M, ld = out->ld, ldx = in->ld;
    const real *X_hat = out->extra, *dZ = out->d, *p = c->w->p,
               *gamma = params_at(c, layer->weight);
    real *dX = in->d;
    for (ptrdiff_t n = n0; n < n1; n++) {
        const real scale = gamma[n] * out->inverse[n];
        const real along = layer->trainable ? dgamma[n - n0] : 0;
        const real sum = layer->trainable ? dbeta[n - n0] : 0;
        for (ptrdiff_t m = 0; m < M; m++) {
            real g = dZ[m * ld + n];
            dX[m * ldx + n] = (g - p[m] * (sum + X_hat[m * ld + n] * along)) * scale;
        }
    }
}

static void norm_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i];
    real *dgamma = c->sums, *dbeta = c->sums + c->w->widest;
    ptrdiff_t begin, end;
    share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
    norm_gradients(c, i, dgamma, dbeta, begin, end);
    if (i > 0 && layer->trainable && is_shared(c)) {
        norm_sum_gradients(c, i, dgamma, dbeta, begin, end);
        const real *sums = shared_numbers(c, SHARED_ROOM);
        norm_backward(c, i, sums + layer->n_out + begin, sums + begin, begin, end);
    } else if (i > 0) {
        norm_backward(c, i, dgamma, dbeta, begin, end);
    }
    if (i > 0 && begin < end) {
        differentiate(layer - 1, in->Z + begin, in->Y + begin, in->ld, in->d + begin, in->ld, c->M,
                      end - begin);
    }
    if (!layer->trainable) return;
    step_of_vector(c, layer, dgamma, (ptrdiff_t)layer->weight + begin, end - begin);
    step_of_vector(c, layer, dbeta, (ptrdiff_t)layer->bias + begin, end - begin);
}

#endif
