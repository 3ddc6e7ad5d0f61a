/* Sums of squares of parameters and gradients, in pieces, so that threads may share them. */
#ifndef MINNET_SQUARES_H
#define MINNET_SQUARES_H

#include "lanes.h"
#include "threads.h"
#include "tile.h"

/* Sum of squares of x / scale. */
static double sum_of_squares(const real *x, ptrdiff_t n, real scale) {
    const real inverse = 1 / scale;
    double sum = 0;
    for (ptrdiff_t i = 0; i < n;) { /* few enough at a time to add up in `real` */
        const ptrdiff_t stop = i + SQUARES_PIECE < n ? i + SQUARES_PIECE : n;
        vreal s[4] = {splat(0), splat(0), splat(0), splat(0)};
        for (; i + 4 * LANES <= stop; i += 4 * LANES) {
            UNROLLED
            for (int j = 0; j < 4; j++) {
                vreal v = load(x + i + j * LANES) * inverse;
                s[j] = v * v + s[j];
            }
        }
        for (; i < stop; i += LANES) {
            vreal v = load_part(x + i, stop - i) * inverse;
            s[0] = v * v + s[0];
        }
        i = stop;
        sum += sum_of_lanes((s[0] + s[1]) + (s[2] + s[3]));
    }
    return sum;
}

/* The same for pieces of x, one after the other; thread t of T makes its share. */
static ptrdiff_t squares(const real *x, ptrdiff_t n, real scale, double *sums, int t, int T) {
    const ptrdiff_t pieces = (n + SQUARES_PIECE - 1) / SQUARES_PIECE;
    ptrdiff_t begin, end;
    share(pieces, 1, t, T, &begin, &end);
    for (ptrdiff_t k = begin; k < end; k++) {
        const ptrdiff_t i = k * SQUARES_PIECE;
        sums[k] = sum_of_squares(x + i, n - i < SQUARES_PIECE ? n - i : SQUARES_PIECE, scale);
    }
    return pieces;
}

/* Those of rows [k0, k1) of W, NR rows at a time, k0 a multiple of NR: just before the rows are
 * used anyway. */
static void row_squares(const real *W, ptrdiff_t N, double *sums, ptrdiff_t k0, ptrdiff_t k1) {
    for (ptrdiff_t k = k0; k < k1; k += NR) {
        sums[k / NR] = sum_of_squares(W + k * N, (k1 - k < NR ? k1 - k : NR) * N, 1);
    }
}

/* The largest absolute value of each piece, likewise; NaN counts as 0, which leaves it to be seen.
 */
static ptrdiff_t largest(const real *x, ptrdiff_t n, double *values, int t, int T) {
    const ptrdiff_t pieces = (n + SQUARES_PIECE - 1) / SQUARES_PIECE;
    ptrdiff_t begin, end;
    share(pieces, 1, t, T, &begin, &end);
    for (ptrdiff_t k = begin; k < end; k++) {
        ptrdiff_t i = k * SQUARES_PIECE, stop = i + SQUARES_PIECE < n ? i + SQUARES_PIECE : n;
        real most = 0;
        for (; i < stop; i++) {
            real v = x[i] < 0 ? -x[i] : x[i];
            if (v > most) most = v;
        }
        values[k] = most;
    }
    return pieces;
}

#endif
