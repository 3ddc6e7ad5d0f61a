/* One optimizer step on a run of parameters, given their gradient. */
#ifndef MINNET_UPDATE_H
#define MINNET_UPDATE_H

#include <math.h>

#include "lanes.h"
#include "program.h"
#include "tile.h"

/* What a step does to each parameter: constants of the step, the same for all. */
typedef struct {
    int64_t optimizer, nesterov;
    double momentum, beta_1, beta_2, epsilon, clip_value;
    double rate;      /* of this step, times the layer's factor, over Adam's correction of m */
    double correct_v; /* 1 / (1 - beta_2^t) */
    double decay;     /* 1 - rate * weight_decay, for weights */
    double l2;        /* alpha over the sum of sample weights, for weights */
} minnet_step;

/* Sums of two products are fused in one way only: see ROUNDED. */

/* W[0..n) gets one step with the gradient g (without L2, which is added here); of n, up to LANES
 * count. */
INLINE void update_vector(const minnet_step *s, vreal g, real *W, real *V, real *M, ptrdiff_t n) {
    vreal w = load_part(W, n), step;
    g = w * (real)s->l2 + g;
    if (s->clip_value < INFINITY) {
        const real c = (real)s->clip_value;
        g = where(g > c, splat(c), g);
        g = where(g < -c, splat(-c), g);
    }
    if (s->optimizer == OPTIMIZER_ADAM) {
        vreal m = load_part(M, n), v = load_part(V, n);
        m = m * (real)s->beta_1 + rounded(g, splat((real)(1 - s->beta_1)));
        v = v * (real)s->beta_2 + rounded(g * g, splat((real)(1 - s->beta_2)));
        store_part(M, m, n);
        store_part(V, v, n);
        step = m / (vsqrt(v * (real)s->correct_v) + (real)s->epsilon);
    } else if (s->optimizer == OPTIMIZER_RMSPROP) {
        vreal v = load_part(V, n);
        v = v * (real)s->beta_2 + rounded(g * g, splat((real)(1 - s->beta_2)));
        store_part(V, v, n);
        step = g / (vsqrt(v) + (real)s->epsilon);
        if (s->momentum != 0) {
            step = load_part(M, n) * (real)s->momentum + step;
            store_part(M, step, n);
        }
    } else if (s->optimizer != OPTIMIZER_SGD) {
        step = splat((real)NAN); /* unknown: it shall be seen */
    } else if (s->momentum != 0) {
        vreal v = load_part(V, n) * (real)s->momentum + g;
        store_part(V, v, n);
        step = s->nesterov ? v * (real)s->momentum + g : v;
    } else {
        step = g;
    }
    HERE(w);
    store_part(W, w * (real)s->decay - rounded(step, splat((real)s->rate)), n);
}

/* What the steps of `rows` rows of W, and up to NR columns, will read, comes nearer. */
INLINE void fetch_for_update(int rows, ptrdiff_t ld, const real *W, const real *V, const real *M) {
    for (ptrdiff_t i = 0; i < rows * ld; i += ld) {
        PREFETCH_TO_WRITE(W + i);
        PREFETCH_TO_WRITE(W + i + LANES);
        if (V) PREFETCH_TO_WRITE(V + i);
        if (V) PREFETCH_TO_WRITE(V + i + LANES);
        if (M) PREFETCH_TO_WRITE(M + i);
        if (M) PREFETCH_TO_WRITE(M + i + LANES);
    }
}

/* A step of a run of any length; V and M may be NULL where the optimizer does not use them. */
static void update_run(const minnet_step *s, const real *g, real *W, real *V, real *M,
                       ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        update_vector(s, load_part(g + i, n - i), W + i, V ? V + i : NULL, M ? M + i : NULL, n - i);
    }
}

#endif
