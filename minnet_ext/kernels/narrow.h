/* Products of a dense layer with few outputs, and of the last few outputs of one with more.
 *
 * Lanes lie along the inputs, of which there are many, and not along the outputs, where most of
 * them would be idle.  So W is turned around first, NARROW_SCRATCH numbers of scratch memory.  Each
 * sum over inputs runs in the lanes of one register, then over these in halves, whatever the rows
 * beside it; sums over rows run from the first to the last.  Which outputs take this way depends on
 * the layer's shape alone: a row alone is predicted to the same bits as among others.
 *
 * A step of 30-100-3 with batches of 200 rows had 46% of its time in the last layer. One of
 * 64-100-10 takes 45 us without this file, 40 with it for the last layer, and 37 with it for the
 * last 4 of 100 columns as well: benchmarks/narrow.py, the log in benchmarks/NOTES.md.
 */
#ifndef MINNET_NARROW_H
#define MINNET_NARROW_H

#include "product.h"
#include "update.h"

#if NARROW > 0

/* The largest number of vectors of inputs that are worked on at a time, and how many with N
 * outputs: so many sums stay in registers. */
#define NARROW_VECTORS       4
#define VECTORS_OF_NARROW(N) ((N) > NARROW / 2 ? 2 : NARROW_VECTORS)

/* Rows that go backward at a time: they are still in the first-level cache when the activation's
 * derivative is applied. */
#define NARROW_ROWS 32

/* Rows that go forward at a time: as many as a vector has room for, or two, of which each has whole
 * vectors; and where the sums of the next row are. */
#define ROWS_OF_NARROW(N) ((N) > LANES / 2 ? 2 : LANES / (N))
#define SUMS_OF_NARROW(N) ((N) > LANES / 2 ? ((N) + LANES - 1) / LANES * LANES : (N))

/* Inputs in whole groups of vectors. */
INLINE ptrdiff_t whole_groups(ptrdiff_t n) {
    const ptrdiff_t group = NARROW_VECTORS * LANES;
    return (n + group - 1) / group * group;
}

INLINE int is_narrow(ptrdiff_t K, ptrdiff_t N) {
    return N > 0 && N <= NARROW && K >= LANES && whole_groups(K) * N <= NARROW_SCRATCH;
}

/* How many of N outputs, the last, are beyond whole vectors, and so few that they are narrow; of
 * inputs that are one block of a product. */
INLINE ptrdiff_t narrow_edge(ptrdiff_t K, ptrdiff_t N) {
    const ptrdiff_t edge = N % LANES;
    return 2 * edge <= LANES && K <= BLOCK_K && is_narrow(K, edge) ? edge : 0;
}

/* turned[j][k - k0] = W[k * ldw + j] for k0 <= k < k1, 0 up to ld. */
INLINE void turn_narrow(const ptrdiff_t N, const real *W, ptrdiff_t ldw, ptrdiff_t k0, ptrdiff_t k1,
                        real *turned, ptrdiff_t ld) {
    transpose(k1 - k0, N, W + k0 * ldw, ldw, turned, ld);
    for (ptrdiff_t j = 0; j < N; j++) {
        for (ptrdiff_t k = k1 - k0; k < ld; k++) turned[j * ld + k] = 0;
    }
}

/* Rows [m0, m1) of N columns of Z = X W. */
INLINE void narrow_forward_of(const int N, ptrdiff_t K, const real *X, ptrdiff_t ldx, const real *W,
                              ptrdiff_t ldw, real *Z, ptrdiff_t ld, real *scratch, ptrdiff_t m0,
                              ptrdiff_t m1) {
    const int R = ROWS_OF_NARROW(N), S = SUMS_OF_NARROW(N);
    const int n_sums = (R * S + LANES - 1) / LANES * LANES;
    const ptrdiff_t deep = whole_groups(K), whole = K / LANES * LANES;
    sint in_row[LANES]; /* what lies beyond a row may be anything */
    for (ptrdiff_t k = 0; k < LANES; k++) in_row[k] = whole + k < K ? -1 : 0;
    vint inside;
    memcpy(&inside, in_row, sizeof inside);
    turn_narrow(N, W, ldw, 0, K, scratch, deep);
    for (ptrdiff_t m = m0; m < m1; m += R) {
        const real *x[LANES];
        vreal sum[2 * (NARROW + LANES)];
        real sums[2 * (NARROW + LANES)];
        UNROLLED
        for (int i = 0; i < R; i++) x[i] = X + (m + i < m1 ? m + i : m1 - 1) * ldx;
        UNROLLED
        for (int i = 0; i < n_sums; i++) sum[i] = splat(0);
        for (ptrdiff_t k = 0; k < whole; k += LANES) {
            vreal w[NARROW];
            UNROLLED
            for (int j = 0; j < N; j++) {
                w[j] = load(scratch + j * deep + k);
                IN_REGISTER(w[j]);
            }
            UNROLLED
            for (int i = 0; i < R; i++) {
                vreal a = load(x[i] + k);
                IN_REGISTER(a);
                UNROLLED
                for (int j = 0; j < N; j++) sum[i * S + j] = a * w[j] + sum[i * S + j];
            }
        }
        if (whole < K) {
            UNROLLED
            for (int i = 0; i < R; i++) {
                const vreal a = from_bits(to_bits(load(x[i] + whole)) & inside);
                UNROLLED
                for (int j = 0; j < N; j++) {
                    sum[i * S + j] = a * load(scratch + j * deep + whole) + sum[i * S + j];
                }
            }
        }
        UNROLLED
        for (int i = 0; i < n_sums; i += LANES) store(sums + i, sums_of_lanes(sum + i));
        for (int i = 0; i < R && m + i < m1; i++) {
            memcpy(Z + (m + i) * ld, sums + i * S, (size_t)N * sizeof(real));
        }
    }
}

/* V vectors of columns of dX = dZ W^T, of which `width` numbers count. */
INLINE void narrow_backward_of(const int N, const int V, ptrdiff_t M, const real *dZ, ptrdiff_t ldz,
                               const real *turned, ptrdiff_t deep, real *dX, ptrdiff_t ldx,
                               ptrdiff_t width) {
    vreal w[NARROW * NARROW_VECTORS];
    UNROLLED
    for (int j = 0; j < N; j++) {
        UNROLLED
        for (int v = 0; v < V; v++) w[j * V + v] = load(turned + j * deep + v * LANES);
    }
    for (ptrdiff_t m = 0; m < M; m++) {
        const real *d = dZ + m * ldz;
        real *to = dX + m * ldx;
        vreal sum[NARROW_VECTORS];
        UNROLLED
        for (int v = 0; v < V; v++) {
            sum[v] = splat(d[0]) * w[v];
            ROUNDED(sum[v]); /* or the copy for half the vectors fuses another of the products */
        }
        UNROLLED
        for (int j = 1; j < N; j++) {
            vreal a = splat(d[j]);
            IN_REGISTER(a);
            UNROLLED
            for (int v = 0; v < V; v++) sum[v] = a * w[j * V + v] + sum[v];
        }
        UNROLLED
        for (int v = 0; v < V; v++) {
            if (v * LANES < width) store(to + v * LANES, sum[v]);
        }
    }
}

/* The N columns of X^T dZ, of which V vectors of rows at most count: one after the other. */
INLINE void narrow_update_of(const int N, const int V, ptrdiff_t M, const real *X, ptrdiff_t ldx,
                             const real *dZ, ptrdiff_t ldz, ptrdiff_t rows, real *columns) {
    vreal sum[NARROW * NARROW_VECTORS];
    UNROLLED
    for (int i = 0; i < N * V; i++) sum[i] = splat(0);
    for (ptrdiff_t m = 0; m < M; m++) {
        const real *x = X + m * ldx, *d = dZ + m * ldz;
        vreal a[NARROW_VECTORS];
        UNROLLED
        for (int v = 0; v < V; v++) {
            /* rows of X are padded to ROW_UNIT numbers */
            a[v] = v * LANES < rows ? load(x + v * LANES) : splat(0);
            IN_REGISTER(a[v]);
        }
        UNROLLED
        for (int j = 0; j < N; j++) {
            vreal b = splat(d[j]);
            IN_REGISTER(b);
            UNROLLED
            for (int v = 0; v < V; v++) sum[j * V + v] = a[v] * b + sum[j * V + v];
        }
    }
    UNROLLED
    for (int i = 0; i < N * V; i++) store(columns + i * LANES, sum[i]);
}

#if NARROW == 12
#define WIDER_NARROW(call)    \
    case 5: call(5); break;   \
    case 6: call(6); break;   \
    case 7: call(7); break;   \
    case 8: call(8); break;   \
    case 9: call(9); break;   \
    case 10: call(10); break; \
    case 11: call(11); break; \
    case 12: call(12); break;
#else
#define WIDER_NARROW(call)
#endif
/* A call for each number of outputs, known to the compiler. */
#define FOR_NARROW(N, call) \
    switch (N) {            \
    case 1: call(1); break; \
    case 2: call(2); break; \
    case 3: call(3); break; \
    case 4:                 \
        call(4);            \
        break;              \
        WIDER_NARROW(call)  \
    }

/* Rows [m0, m1) of Z = X W, of the N columns from n on, then what f says. */
static NOINLINE void narrow_forward(ptrdiff_t n, ptrdiff_t N, ptrdiff_t K, const real *X,
                                    ptrdiff_t ldx, const real *W, ptrdiff_t ldw, real *Z,
                                    ptrdiff_t ld, const minnet_finish *f, real *scratch,
                                    ptrdiff_t m0, ptrdiff_t m1) {
#define CALL(N_) narrow_forward_of(N_, K, X, ldx, W + n, ldw, Z + n, ld, scratch, m0, m1)
    FOR_NARROW(N, CALL)
#undef CALL
    finish(f, Z, ld, m0, m1, n, N);
}

/* Columns [k0, k1) of dX = dZ W^T, then what f says. */
static NOINLINE void narrow_backward(ptrdiff_t N, ptrdiff_t M, const real *dZ, ptrdiff_t ldz,
                                     const real *W, real *dX, ptrdiff_t ldx, const minnet_finish *f,
                                     real *scratch, ptrdiff_t k0, ptrdiff_t k1) {
    const ptrdiff_t deep = whole_groups(k1 - k0), most = VECTORS_OF_NARROW(N) * LANES;
    turn_narrow(N, W, N, k0, k1, scratch, deep);
    for (ptrdiff_t k = k0; k < k1; k += most) {
        const ptrdiff_t width = k1 - k < most ? k1 - k : most;
        const real *w = scratch + (k - k0);
#define WITH(N_, V) \
    narrow_backward_of(N_, V, rows, dZ + m * ldz, ldz, w, deep, dX + m * ldx + k, ldx, width)
#define ALL(N_)  WITH(N_, VECTORS_OF_NARROW(N_))
#define HALF(N_) WITH(N_, VECTORS_OF_NARROW(N_) / 2)
        for (ptrdiff_t m = 0; m < M; m += NARROW_ROWS) {
            const ptrdiff_t rows = M - m < NARROW_ROWS ? M - m : NARROW_ROWS;
            if (2 * width > most) FOR_NARROW(N, ALL)
            else FOR_NARROW(N, HALF)
            finish(f, dX, ldx, m, m + rows, k, width);
        }
#undef HALF
#undef ALL
#undef WITH
    }
}

/* Rows [k0, k1) of the N columns of W from n on take a step with X^T dZ; or the gradient goes to G.
 */
static NOINLINE void narrow_update(ptrdiff_t n, ptrdiff_t N, const minnet_step *s, ptrdiff_t M,
                                   const real *X, ptrdiff_t ldx, const real *dZ, ptrdiff_t ldz,
                                   real *W, ptrdiff_t ldw, real *V, real *Mo, real *G, ptrdiff_t k0,
                                   ptrdiff_t k1) {
    const ptrdiff_t most = VECTORS_OF_NARROW(N) * LANES;
    real columns[NARROW * NARROW_VECTORS * LANES], g[NARROW * NARROW_VECTORS * LANES];
    for (ptrdiff_t k = k0; k < k1; k += most) {
        const ptrdiff_t rows = k1 - k < most ? k1 - k : most, at = k * ldw + n;
        const int half = 2 * rows <= most;
#define WITH(N_, V_) narrow_update_of(N_, V_, M, X + k, ldx, dZ + n, ldz, rows, columns)
#define ALL(N_)      WITH(N_, VECTORS_OF_NARROW(N_))
#define HALF(N_)     WITH(N_, VECTORS_OF_NARROW(N_) / 2)
        if (half) FOR_NARROW(N, HALF)
        else FOR_NARROW(N, ALL)
#undef HALF
#undef ALL
#undef WITH
        transpose(N, rows, columns, half ? most / 2 : most, g, N);
        if (N == ldw && !G) {
            update_run(s, g, W + at, V ? V + at : NULL, Mo ? Mo + at : NULL, rows * N);
            continue;
        }
        for (ptrdiff_t i = 0; i < rows; i++) {
            const ptrdiff_t o = at + i * ldw;
            if (G) memcpy(G + o, g + i * N, (size_t)N * sizeof(real));
            else update_run(s, g + i * N, W + o, V ? V + o : NULL, Mo ? Mo + o : NULL, N);
        }
    }
}

#else
#define is_narrow(K, N)      0
#define narrow_edge(K, N)    0
#define narrow_forward(...)  ((void)0)
#define narrow_backward(...) ((void)0)
#define narrow_update(...)   ((void)0)
#endif
#endif
