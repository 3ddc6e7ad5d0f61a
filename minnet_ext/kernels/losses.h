/* Losses on logits: values and gradients of some rows.  The formulas of minnet/losses.py.
 *
 * Logarithms and exponentials are computed for whole vectors: along a row for softmax, over all
 * rows and columns one after the other for the rest, so that a single output fills its vectors as
 * well.
 */
#ifndef MINNET_LOSSES_H
#define MINNET_LOSSES_H

#include "activate.h"
#include "data.h"

/* P = exp(Z - largest) for n numbers, zeros up to a whole vector; returns their sum. NaN stays to
 * be seen. */
INLINE real exponentials(const real *Z, real *P, ptrdiff_t n, real *largest) {
    vreal most = splat(Z[0]), sum = splat(0);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const vreal z = load_part_over(splat(Z[0]), Z + j, n - j);
        most = where(z > most, z, most);
    }
    *largest = largest_of_lanes(most);
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        vreal e = exp_down(load(Z + j) - *largest);
        store(P + j, e);
        if (n - j < LANES) { /* what lies beyond the row is anything */
            e = load_part(P + j, n - j);
            store(P + j, e);
        }
        sum = sum + e;
    }
    return sum_of_lanes(sum);
}

/* Softmax of a row and its loss: dZ = factor (p - 1 of the class). */
static void softmax_rows(ptrdiff_t M, const real *Z, real *dZ, ptrdiff_t ld, ptrdiff_t n,
                         const minnet_data *data, ptrdiff_t from, const real *factor,
                         double *losses) {
    real sums[LOSS_ROWS], largest[LOSS_ROWS], logs[LOSS_ROWS];
    for (ptrdiff_t m = 0; m < M; m++)
        sums[m] = exponentials(Z + m * ld, dZ + m * ld, n, largest + m);
    for (ptrdiff_t m = M; m % LANES; m++) sums[m] = 1;
    for (ptrdiff_t m = 0; m < M; m += LANES) {
        const vreal sum = load(sums + m);
        store(logs + m, where(sum == sum, vlog(sum), sum));
        store(sums + m, (real)1 / sum);
    }
    for (ptrdiff_t m = 0; m < M; m++) {
        real f = factor[m], *d = dZ + m * ld;
        const ptrdiff_t class_ = class_of(data, from + m, n, &f);
        const real of_class = (d[class_] * sums[m] - 1) * f;
        for (ptrdiff_t j = 0; j < n; j += LANES) store(d + j, load(d + j) * sums[m] * f);
        d[class_] = of_class;
        /* the largest logit last: it may share digits with that of the class that the logarithm
         * lacks */
        losses[m] = f * ((double)logs[m] + (double)(largest[m] - Z[m * ld + class_]));
    }
}

/* The same of few classes, up to LANES rows: a vector has a class of all of them. */
static void softmax_of_few(ptrdiff_t M, const real *Z, real *dZ, ptrdiff_t ld, ptrdiff_t n,
                           const minnet_data *data, ptrdiff_t from, const real *factor,
                           double *losses) {
    real columns[FEW_CLASSES * LANES] = {0}, f[LANES] = {0}, logs[LANES], ahead[LANES];
    sint classes[LANES] = {0};
    for (ptrdiff_t m = 0; m < M; m++) {
        f[m] = factor[m];
        classes[m] = (sint)class_of(data, from + m, n, f + m);
    }
    vint class_;
    memcpy(&class_, classes, sizeof class_);
    transpose(M, n, Z, ld, columns, LANES);
    const vreal scale = load(f);
    vreal most = load(columns), own = most, sum = splat(0);
    for (ptrdiff_t j = 1; j < n; j++) {
        const vreal z = load(columns + j * LANES);
        most = where(z > most, z, most);
        own = where(class_ == (sint)j, z, own);
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        const vreal e = exp_down(load(columns + j * LANES) - most);
        store(columns + j * LANES, e);
        sum = sum + e;
    }
    const vreal inverse = splat(1) / sum;
    for (ptrdiff_t j = 0; j < n; j++) {
        const vreal p = load(columns + j * LANES) * inverse;
        store(columns + j * LANES, where(class_ == (sint)j, p - (real)1, p) * scale);
    }
    transpose(n, M, columns, LANES, dZ, ld);
    store(logs, where(sum == sum, vlog(sum), sum));
    store(ahead, most - own);
    for (ptrdiff_t m = 0; m < M; m++) losses[m] = f[m] * ((double)logs[m] + (double)ahead[m]);
}

/* Squared error of a softmax. */
static void squared_softmax_rows(ptrdiff_t M, const real *Z, real *dZ, ptrdiff_t ld, ptrdiff_t n,
                                 const minnet_data *data, ptrdiff_t from, const real *factor,
                                 double *losses) {
    for (ptrdiff_t m = 0; m < M; m++) {
        real f = factor[m], *d = dZ + m * ld, largest;
        const ptrdiff_t class_ = class_of(data, from + m, n, &f);
        const real inverse = 1 / exponentials(Z + m * ld, d, n, &largest);
        double value = 0, inner = 0;
        for (ptrdiff_t j = 0; j < n; j++) {
            d[j] *= inverse;
            const double away = d[j] - (j == class_);
            value += 0.5 * away * away;
            inner += away * d[j];
        }
        for (ptrdiff_t j = 0; j < n; j++) d[j] *= (real)(d[j] - (j == class_) - inner) * f;
        losses[m] = f * value;
    }
}

/* Loss and dZ of each of LANES outputs with logits z and targets t. */
INLINE vreal loss_of_lanes(int64_t loss, double parameter, vreal z, vreal t, vreal *d) {
    const vreal zero = splat(0), p = splat((real)parameter);
    vreal y;
    switch (loss) {
    case LOSS_SIGMOID_CROSS_ENTROPY: *d = sigmoid(z) - t; return softplus(z) - z * t;
    case LOSS_SQUARED_ERROR_LOGISTIC:
        y = sigmoid(z);
        *d = (y - t) * y * ((real)1 - y);
        return (y - t) * (y - t) * (real)0.5;
    case LOSS_POISSON:
        y = vexp(z);
        *d = y - t;
        return y - t * z + where(t > zero, t * vlog(t), zero) - t;
    case LOSS_SQUARED_ERROR: *d = z - t; return *d * *d * (real)0.5;
    case LOSS_HUBER:
        y = z - t;
        *d = where(y > p, p, where(y < -p, -p, y));
        return *d * (y - *d * (real)0.5);
    case LOSS_QUANTILE:
        y = z - t;
        *d = where(y > zero, splat((real)(1 - parameter)), where(y < zero, -p, y));
        return *d * y;
    case LOSS_ABSOLUTE_ERROR:
        y = z - t;
        *d = where(y > zero, splat(1), where(y < zero, splat(-1), y));
        return absolute(y);
    default: /* unknown: it shall be seen */ return *d = splat((real)NAN);
    }
}

/* The losses whose outputs do not know of each other. */
static void output_rows(int64_t loss, double parameter, ptrdiff_t M, const real *Z, real *dZ,
                        ptrdiff_t ld, ptrdiff_t n, const minnet_data *data, ptrdiff_t from,
                        const real *targets, const real *factor, double *losses) {
    real z[LANES], t[LANES], values[LANES];
    ptrdiff_t m = 0, j = 0; /* the next output to read */
    for (ptrdiff_t k = 0; k < M; k++) losses[k] = 0;
    while (m < M) {
        ptrdiff_t to_m = m, to_j = j; /* the next to write */
        int lanes = 0;
        for (; lanes < LANES && m < M; lanes++) {
            z[lanes] = Z[m * ld + j];
            t[lanes] = targets ? targets[m * n + j] : target(data, data_row(data, from + m), j);
            if (++j == n) j = 0, m++;
        }
        for (int i = lanes; i < LANES; i++) z[i] = t[i] = 0;
        vreal d;
        store(values, loss_of_lanes(loss, parameter, load(z), load(t), &d));
        store(z, d);
        for (int i = 0; i < lanes; i++) {
            losses[to_m] += (double)values[i] * factor[to_m];
            dZ[to_m * ld + to_j] = z[i] * factor[to_m];
            if (++to_j == n) to_j = 0, to_m++;
        }
    }
}

/* Writes factor times the gradient to dZ, and factor times the loss of each row.  Z and dZ are
 * padded to whole vectors; `targets` are those rows of sparse targets, or NULL. */
static void loss_rows(int64_t loss, double parameter, ptrdiff_t M, const real *Z, real *dZ,
                      ptrdiff_t ld, ptrdiff_t n, const minnet_data *data, ptrdiff_t from,
                      const real *targets, const real *factor, double *losses) {
    for (ptrdiff_t m = 0; m < M; m += LOSS_ROWS) {
        const ptrdiff_t some = M - m < LOSS_ROWS ? M - m : LOSS_ROWS, at = m * ld;
        if (loss == LOSS_SOFTMAX_CROSS_ENTROPY && n <= FEW_CLASSES) {
            for (ptrdiff_t i = 0; i < some; i += LANES) {
                softmax_of_few(some - i < LANES ? some - i : LANES, Z + at + i * ld,
                               dZ + at + i * ld, ld, n, data, from + m + i, factor + m + i,
                               losses + m + i);
            }
        } else if (loss == LOSS_SOFTMAX_CROSS_ENTROPY) {
            softmax_rows(some, Z + at, dZ + at, ld, n, data, from + m, factor + m, losses + m);
        } else if (loss == LOSS_SQUARED_ERROR_SOFTMAX) {
            squared_softmax_rows(some, Z + at, dZ + at, ld, n, data, from + m, factor + m,
                                 losses + m);
        } else {
            output_rows(loss, parameter, some, Z + at, dZ + at, ld, n, data, from + m,
                        targets ? targets + m * n : NULL, factor + m, losses + m);
        }
    }
}

#endif
