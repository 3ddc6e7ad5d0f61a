/* Products of small matrices: one micro-kernel, used forward, backward and for the update.
 *
 * tile() multiplies up to MR rows of A with NR = 2 vectors of columns of B and leaves the sums in
 * `out`, MR rows of NR numbers.  A is read one number at a time through two strides, so it may be
 * transposed; B is read a vector at a time, row by row.  Every sum runs over k in one order, in one
 * register, so the bits do not depend on how rows and columns are split among tiles and threads.
 *
 * A micro-kernel is an inline function whose first arguments are numbers known where it is called:
 * a switch over them compiles it once for each.
 */
#ifndef MINNET_GEMM_H
#define MINNET_GEMM_H

#include "compiler.h"
#include "lanes.h"
#include "tile.h"

/* What becomes of the sums. */
enum tile_mode {
    TILE_STORE, /* out = sums */
    TILE_UPDATE /* out = keep out + scale sums */
};

/* One term of each sum: column k of A, row k of B. */
INLINE void tile_step(const int rows, const int vectors, const real *a, ptrdiff_t a_row,
                      const real *b, ptrdiff_t ahead, vreal *sum0, vreal *sum1) {
    PREFETCH(b + ahead);
    if (vectors == 2) PREFETCH(b + ahead + LANES);
    vreal b0 = load(b), b1 = load(b + (vectors - 1) * LANES);
    IN_REGISTER(b0);
    IN_REGISTER(b1);
    UNROLLED
    for (int i = 0; i < rows; i++) {
        vreal x = splat(a[i * a_row]);
        IN_REGISTER(x);
        sum0[i] = x * b0 + sum0[i];
        if (vectors == 2) sum1[i] = x * b1 + sum1[i];
    }
}

INLINE void tile_of(const int rows, const int vectors, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                    ptrdiff_t a_step, const real *b, ptrdiff_t b_step, ptrdiff_t ahead, real *out,
                    ptrdiff_t out_row, int mode, real keep, real scale) {
    vreal sum0[MR], sum1[MR];
    const vreal splat_scale = splat(scale);
    UNROLLED
    for (int i = 0; i < rows; i++) {
        sum0[i] = sum1[i] = splat(0);
        PREFETCH_TO_WRITE(out + i * out_row); /* 10% of large products */
        if (vectors == 2) PREFETCH_TO_WRITE(out + i * out_row + LANES);
    }
    for (; n >= 4; n -= 4) {
        UNROLLED
        for (int k = 0; k < 4; k++, a += a_step, b += b_step) {
            tile_step(rows, vectors, a, a_row, b, ahead, sum0, sum1);
        }
    }
    for (; n > 0; n--, a += a_step, b += b_step) {
        tile_step(rows, vectors, a, a_row, b, ahead, sum0, sum1);
    }
    UNROLLED
    for (int i = 0; i < rows; i++) {
        real *to = out + i * out_row;
        if (mode == TILE_UPDATE) {
            sum0[i] = load(to) * keep + rounded(sum0[i], splat_scale);
            if (vectors == 2) sum1[i] = load(to + LANES) * keep + rounded(sum1[i], splat_scale);
        }
        store(to, sum0[i]);
        if (vectors == 2) store(to + LANES, sum1[i]);
    }
}

INLINE void tile_rows(int rows, const int vectors, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                      ptrdiff_t a_step, const real *b, ptrdiff_t b_step, ptrdiff_t ahead, real *out,
                      ptrdiff_t out_row, int mode, real keep, real scale) {
    switch (rows) {
    case 1:
        tile_of(1, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 2:
        tile_of(2, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 3:
        tile_of(3, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 4:
        tile_of(4, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 5:
        tile_of(5, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 6:
        tile_of(6, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
#if MR == 12
    case 7:
        tile_of(7, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 8:
        tile_of(8, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 9:
        tile_of(9, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
        break;
    case 10:
        tile_of(10, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep,
                scale);
        break;
    case 11:
        tile_of(11, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep,
                scale);
        break;
    case 12:
        tile_of(12, vectors, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep,
                scale);
        break;
#endif
    }
}
static NOINLINE void tile_wide(int rows, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                               ptrdiff_t a_step, const real *b, ptrdiff_t b_step, ptrdiff_t ahead,
                               real *out, ptrdiff_t out_row, int mode, real keep, real scale) {
    tile_rows(rows, 2, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
}
static NOINLINE void tile_narrow(int rows, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                                 ptrdiff_t a_step, const real *b, ptrdiff_t b_step, ptrdiff_t ahead,
                                 real *out, ptrdiff_t out_row, int mode, real keep, real scale) {
    tile_rows(rows, 1, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
}
INLINE void tile(int rows, ptrdiff_t width, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                 ptrdiff_t a_step, const real *b, ptrdiff_t b_step, ptrdiff_t ahead, real *out,
                 ptrdiff_t out_row, int mode, real keep, real scale) {
    if (width > LANES)
        tile_wide(rows, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
    else tile_narrow(rows, n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);
}

/* An update of few rows of X and dZ: W = keep W + scale X^T dZ for n rows of W and HELD vectors of
 * columns. Its dZ stays in registers, so that each weight is read and written once and nothing else
 * is but the numbers of X: x[r * HELD_ROWS + m], packed. Where `ahead` is not 0, the weights so far
 * ahead are fetched. */
INLINE void held_of(const int rows, const int fetches, ptrdiff_t n, const real *x, const real *dZ,
                    ptrdiff_t ldz, real *W, ptrdiff_t ldw, ptrdiff_t ahead, real keep, real scale) {
    vreal d[HELD_ROWS][HELD];
    UNROLLED
    for (int m = 0; m < rows; m++) {
        UNROLLED
        for (int v = 0; v < HELD; v++) {
            d[m][v] = load(dZ + m * ldz + v * LANES) * scale;
            IN_REGISTER(d[m][v]);
        }
    }
    for (; n > 0; n--, x += HELD_ROWS, W += ldw) {
        vreal w[HELD];
        UNROLLED
        for (int v = 0; v < HELD; v++) {
            w[v] = load(W + v * LANES) * keep;
            if (fetches) PREFETCH(W + ahead + v * LANES);
        }
        UNROLLED
        for (int m = 0; m < rows; m++) {
            vreal xm = splat(x[m]);
            IN_REGISTER(xm);
            UNROLLED
            for (int v = 0; v < HELD; v++) w[v] = xm * d[m][v] + w[v];
        }
        UNROLLED
        for (int v = 0; v < HELD; v++) store(W + v * LANES, w[v]);
    }
}

static NOINLINE void update_held(int rows, ptrdiff_t n, const real *x, const real *dZ,
                                 ptrdiff_t ldz, real *W, ptrdiff_t ldw, ptrdiff_t ahead, real keep,
                                 real scale) {
    if (ahead) {
        switch (rows) { /* from FAR_ROWS on */
        case 8: held_of(8, 1, n, x, dZ, ldz, W, ldw, ahead, keep, scale); return;
        case 9: held_of(9, 1, n, x, dZ, ldz, W, ldw, ahead, keep, scale); return;
        case 10: held_of(10, 1, n, x, dZ, ldz, W, ldw, ahead, keep, scale); return;
        case 11: held_of(11, 1, n, x, dZ, ldz, W, ldw, ahead, keep, scale); return;
        case 12: held_of(12, 1, n, x, dZ, ldz, W, ldw, ahead, keep, scale); return;
        }
    }
    switch (rows) {
    case 1: held_of(1, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 2: held_of(2, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 3: held_of(3, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 4: held_of(4, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 5: held_of(5, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 6: held_of(6, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 7: held_of(7, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 8: held_of(8, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 9: held_of(9, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 10: held_of(10, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 11: held_of(11, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    case 12: held_of(12, 0, n, x, dZ, ldz, W, ldw, 0, keep, scale); break;
    }
}

/* out[i * DOT_B + j] = the product of rows a[i] and b[j], n numbers long; room for DOTS numbers. */
INLINE void dots_of(const int rows, ptrdiff_t n, const real *const *a, const real *const *b,
                    real *out) {
    vreal sum[DOTS];
    UNROLLED
    for (int i = 0; i < DOTS; i++) sum[i] = splat(0);
    ptrdiff_t k = 0;
    for (; k + LANES <= n; k += LANES) {
        vreal y[DOT_B];
        UNROLLED
        for (int j = 0; j < DOT_B; j++) {
            y[j] = load(b[j] + k);
            IN_REGISTER(y[j]);
        }
        UNROLLED
        for (int i = 0; i < rows; i++) {
            vreal x = load(a[i] + k);
            IN_REGISTER(x);
            UNROLLED
            for (int j = 0; j < DOT_B; j++) sum[i * DOT_B + j] = x * y[j] + sum[i * DOT_B + j];
        }
    }
    if (k < n) {
        UNROLLED
        for (int i = 0; i < rows; i++) {
            const vreal x = load_part(a[i] + k, n - k);
            UNROLLED
            for (int j = 0; j < DOT_B; j++) {
                sum[i * DOT_B + j] = x * load_part(b[j] + k, n - k) + sum[i * DOT_B + j];
            }
        }
    }
    UNROLLED
    for (int i = 0; i < rows * DOT_B; i += LANES) store(out + i, sums_of_lanes(sum + i));
}
static NOINLINE void dots(int rows, ptrdiff_t n, const real *const *a, const real *const *b,
                          real *out) {
    switch (rows) {
    case 1: dots_of(1, n, a, b, out); break;
    case 2: dots_of(2, n, a, b, out); break;
#if DOT_A == 5
    case 3: dots_of(3, n, a, b, out); break;
    case 4: dots_of(4, n, a, b, out); break;
    case 5: dots_of(5, n, a, b, out); break;
#endif
    }
}

#endif
