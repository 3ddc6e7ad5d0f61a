/* Predictions from logits, a row at a time: the formulas of minnet/links.py. */
#ifndef MINNET_LINK_H
#define MINNET_LINK_H

#include "losses.h"

/* Whether the first n numbers of a row, which is padded to whole vectors, are finite. */
INLINE int is_finite_row(const real *Z, ptrdiff_t n) {
    vreal sum = splat(0);
    for (ptrdiff_t j = 0; j < n; j += LANES) sum = sum + load_part(Z + j, n - j) * (real)0;
    return sum_of_lanes(sum) == 0;
}

/* Makes predictions of the n logits of a row, in place; it is padded to whole vectors, and has room
 * for two numbers. Returns whether the logits are finite. */
static int link_row(const minnet_outputs *o, real *Z, ptrdiff_t n) {
    const int finite = is_finite_row(Z, n);
    if (o->temperature != 1) {
        for (ptrdiff_t j = 0; j < n; j += LANES)
            store(Z + j, load(Z + j) / splat((real)o->temperature));
    }
    if (o->pair) {
        Z[1] = Z[0];
        Z[0] = -Z[0];
        n = 2;
    }
    if (o->link == LINK_SOFTMAX) {
        real largest;
        const real sum = exponentials(Z, Z, n, &largest);
        for (ptrdiff_t j = 0; j < n; j += LANES) store(Z + j, load(Z + j) / splat(sum));
    } else if (o->link != LINK_IDENTITY) {
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const vreal z = load(Z + j);
            store(Z + j, o->link == LINK_LOGISTIC ? sigmoid(z)
                         : o->link == LINK_EXP    ? vexp(z)
                                                  : splat((real)NAN));
        }
    }
    return finite;
}

#endif
