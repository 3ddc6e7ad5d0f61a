/* Batch normalization in a step: Y = f(gamma X_hat + beta), X_hat with mean 0 and variance 1 in
 * each column. */
#ifndef MINNET_NORM_LAYER_H
#define MINNET_NORM_LAYER_H

#include <float.h>

#include "activate.h"
#include "dense_layer.h"
#include "workspace.h"

/* What an unbiased variance is, of a batch whose rows have the shares p: so many times the biased
 * one. A batch of one row has none, and its 0 stays 0. */
INLINE real norm_unbiased(ptrdiff_t M, const real *p) {
    double squares = 0;
    for (ptrdiff_t m = 0; m < M; m++) squares += (double)p[m] * p[m];
    return (real)(1 / fmax(1 - squares, REAL_BITS == 32 ? FLT_EPSILON : DBL_EPSILON));
}

/* Mean and variance of column n of X, weighted by p; the running ones follow, if `unbiased` is not
 * 0: by so much. */
INLINE void norm_statistics(const minnet_layer *layer, ptrdiff_t M, const real *X, ptrdiff_t ldx,
                            const real *p, real unbiased, real *running_mean,
                            real *running_variance, ptrdiff_t n, real *mean, real *variance) {
    real mu = 0, v = 0;
    for (ptrdiff_t m = 0; m < M; m++) mu += X[m * ldx + n] * p[m];
    for (ptrdiff_t m = 0; m < M; m++) {
        real x = X[m * ldx + n] - mu;
        v += x * x * p[m];
    }
    if (unbiased != 0) {
        running_mean[n] =
            running_mean[n] * (real)layer->momentum + mu * (real)(1 - layer->momentum);
        running_variance[n] = running_variance[n] * (real)layer->momentum +
                              v * unbiased * (real)(1 - layer->momentum);
    }
    *mean = mu;
    *variance = v;
}

static void norm_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const real *gamma = params_at(c, layer->weight), *beta = params_at(c, layer->bias);
    real *mean = (real *)c->net->state + layer->mean,
         *var = (real *)c->net->state + layer->variance;
    const int of_batch = c->hyper && layer->trainable;
    const ptrdiff_t M = c->M, ldx = in->ld, ld = out->ld;
    const real *X = in->Y;
    real *X_hat = out->extra, *inverse = out->inverse, *Z = out->Z;
    const real unbiased = of_batch && !c->hyper->gradient ? norm_unbiased(M, c->w->p) : 0;
    ptrdiff_t begin, end;
    share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t n = begin; n < end; n++) {
        real mu = mean[n], v = var[n];
        if (of_batch) norm_statistics(layer, M, X, ldx, c->w->p, unbiased, mean, var, n, &mu, &v);
        inverse[n] = 1 / (real)sqrt((double)(v + (real)layer->epsilon));
        for (ptrdiff_t m = 0; m < M; m++) {
            real x = (X[m * ldx + n] - mu) * inverse[n];
            X_hat[m * ld + n] = x;
            Z[m * ld + n] = gamma[n] * x + beta[n];
        }
    }
    if (begin < end) activate(layer, Z + begin, out->Y + begin, ld, M, end - begin);
}

/* dX of columns [n0, n1) from dZ, and the gradients of gamma and beta, n1 - n0 of each. */
static void norm_backward(const step_context *c, ptrdiff_t i, real *dgamma, real *dbeta,
                          ptrdiff_t n0, ptrdiff_t n1) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t M = c->M, ld = out->ld, ldx = in->ld;
    const real *X_hat = out->extra, *dZ = out->d, *p = c->w->p,
               *gamma = params_at(c, layer->weight);
    real *dX = in->d;
    for (ptrdiff_t n = n0; n < n1; n++) {
        real along = 0, sum = 0;
        for (ptrdiff_t m = 0; m < M; m++) {
            along += dZ[m * ld + n] * X_hat[m * ld + n];
            sum += dZ[m * ld + n];
        }
        dgamma[n - n0] = along;
        dbeta[n - n0] = sum;
        if (i == 0) continue;
        real scale = gamma[n] * out->inverse[n];
        if (!layer->trainable) along = sum = 0;
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
    norm_backward(c, i, dgamma, dbeta, begin, end);
    if (i > 0 && begin < end) {
        differentiate(layer - 1, in->Z + begin, in->Y + begin, in->ld, in->d + begin, in->ld, c->M,
                      end - begin);
    }
    if (!layer->trainable) return;
    step_of_vector(c, layer, dgamma, (ptrdiff_t)layer->weight + begin, end - begin);
    step_of_vector(c, layer, dbeta, (ptrdiff_t)layer->bias + begin, end - begin);
}

#endif
