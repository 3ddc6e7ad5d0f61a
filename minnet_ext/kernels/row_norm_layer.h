/* Layer normalization in a step: Y = f(gamma X_hat + beta), X_hat with mean 0 and variance 1 in
 * each row.
 *
 * Threads split rows; the gradients of gamma and beta are sums over rows, for which they split
 * columns.
 */
#ifndef MINNET_ROW_NORM_LAYER_H
#define MINNET_ROW_NORM_LAYER_H

#include "activate.h"
#include "dense_layer.h"
#include "lanes.h"
#include "workspace.h"

/* X_hat of a row of n numbers, zeros up to a whole vector; returns 1 / sigma. */
INLINE real normalize_row(const real *X, real *X_hat, ptrdiff_t n, double epsilon) {
    vreal sum = splat(0), squares = splat(0);
    for (ptrdiff_t j = 0; j < n; j += LANES) sum = sum + load_part(X + j, n - j);
    const vreal mean = splat(sum_of_lanes(sum) / (real)n);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const vreal x = load_part_over(mean, X + j, n - j) - mean;
        squares = squares + x * x;
        store(X_hat + j, x);
    }
    const real variance = sum_of_lanes(squares) / (real)n;
    const real inverse = 1 / (real)sqrt((double)(variance + (real)epsilon));
    for (ptrdiff_t j = 0; j < n; j += LANES) store(X_hat + j, load(X_hat + j) * inverse);
    return inverse;
}

static void row_norm_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const real *gamma = params_at(c, layer->weight), *beta = params_at(c, layer->bias);
    const ptrdiff_t n = (ptrdiff_t)layer->n_out, ld = out->ld;
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    for (ptrdiff_t m = begin; m < end; m++) {
        real *X_hat = out->extra + m * ld, *Z = out->Z + m * ld;
        const real inverse = normalize_row(in->Y + m * in->ld, X_hat, n, layer->epsilon);
        if (c->hyper) out->inverse[m] = inverse; /* predictions have no way back, and no room */
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            store(Z + j, load(X_hat + j) * load(gamma + j) + load(beta + j));
        }
    }
    const ptrdiff_t at = begin * ld;
    if (begin < end) activate(layer, out->Z + at, out->Y + at, ld, end - begin, n);
}

/* dX of a row of n numbers: g = dZ gamma without its mean and its part along X_hat, over sigma. */
INLINE void row_norm_backward(const real *dZ, const real *X_hat, const real *gamma, real inverse,
                              real *dX, ptrdiff_t n) {
    vreal sum = splat(0), along = splat(0);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const vreal g = load_part(dZ + j, n - j) * load(gamma + j);
        sum = sum + g;
        along = along + g * load(X_hat + j);
        store(dX + j, g);
    }
    const real mean = sum_of_lanes(sum) / (real)n, part = sum_of_lanes(along) / (real)n;
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        store(dX + j, (load(dX + j) - mean - load(X_hat + j) * part) * inverse);
    }
}

static void row_norm_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const real *gamma = params_at(c, layer->weight), *dZ = out->d, *X_hat = out->extra;
    const ptrdiff_t n = (ptrdiff_t)layer->n_out, ld = out->ld, ldx = in->ld;
    ptrdiff_t begin, end;
    if (i > 0) {
        share(c->M, 1, c->t, c->T, &begin, &end);
        for (ptrdiff_t m = begin; m < end; m++) {
            row_norm_backward(dZ + m * ld, X_hat + m * ld, gamma, out->inverse[m], in->d + m * ldx,
                              n);
        }
        const ptrdiff_t at = begin * ldx;
        if (begin < end) {
            differentiate(layer - 1, in->Z + at, in->Y + at, ldx, in->d + at, ldx, end - begin, n);
        }
    }
    if (!layer->trainable) return;
    if (i > 0) wait_for_all(c); /* all rows have read gamma, which now changes */
    real *dgamma = c->sums, *dbeta = c->sums + c->w->widest;
    share(n, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t j = begin; j < end; j += LANES) {
        vreal along = splat(0), sum = splat(0);
        for (ptrdiff_t m = 0; m < c->M; m++) {
            const vreal g = load(dZ + m * ld + j);
            along = along + g * load(X_hat + m * ld + j);
            sum = sum + g;
        }
        store(dgamma + j - begin, along);
        store(dbeta + j - begin, sum);
    }
    step_of_vector(c, layer, dgamma, (ptrdiff_t)layer->weight + begin, end - begin);
    step_of_vector(c, layer, dbeta, (ptrdiff_t)layer->bias + begin, end - begin);
}

#endif
