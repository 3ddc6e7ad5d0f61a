/* Products of a dense layer with few outputs: half a vector at most.
 *
 * Lanes lie along the inputs, of which there are many, and not along the outputs, where most of
 * them would be idle.  So W is turned around first, NARROW_SCRATCH numbers of scratch memory.  Each
 * sum over inputs runs in the lanes of one register, then over these in halves, whatever the rows
 * beside it; sums over rows run from the first to the last.  Which layers take this way depends on
 * their shapes alone: a row alone is predicted to the same bits as among others.
 *
 * A step of 30-100-3 with batches of 200 rows had 46% of its time in the last layer: the rows
 * training-table of benchmarks/run.py.
 */
#ifndef MINNET_NARROW_H
#define MINNET_NARROW_H

#include "product.h"
#include "update.h"

#if NARROW > 0

/* The largest number of vectors of inputs that are worked on at a time, and how many with N
 * outputs. */
#define NARROW_VECTORS       4
#define VECTORS_OF_NARROW(N) ((N) > NARROW / 2 ? 2 : NARROW_VECTORS)

/* Inputs in whole groups of vectors. */
INLINE ptrdiff_t whole_groups(ptrdiff_t n) {
    const ptrdiff_t group = NARROW_VECTORS * LANES;
    return (n + group - 1) / group * group;
}

INLINE int is_narrow(ptrdiff_t K, ptrdiff_t N) {
    return N <= NARROW && K >= LANES && whole_groups(K) * N <= NARROW_SCRATCH;
}

/* turned[j][k] = W[k][j] for k0 <= k < k1, 0 up to a whole vector. */
INLINE void turn_narrow(const ptrdiff_t N, const real *W, ptrdiff_t k0, ptrdiff_t k1, real *turned,
                        ptrdiff_t ld) {
    for (ptrdiff_t j = 0; j < N; j++) {
        real *to = turned + j * ld;
        for (ptrdiff_t k = k0; k < k1; k++) to[k - k0] = W[k * N + j];
        for (ptrdiff_t k = k1 - k0; k < ld; k++) to[k] = 0;
    }
}

/* Rows [m0, m1) of Z = X W, then what f says. */
INLINE void narrow_forward_of(const int N, ptrdiff_t K, const real *X, ptrdiff_t ldx, const real *W,
                              real *Z, ptrdiff_t ld, const minnet_finish *f, real *scratch,
                              ptrdiff_t m0, ptrdiff_t m1) {
    const int R = LANES / N; /* rows at a time */
    const ptrdiff_t deep = whole_groups(K), whole = K / LANES * LANES;
    sint in_row[LANES]; /* what lies beyond a row may be anything */
    for (ptrdiff_t k = 0; k < LANES; k++) in_row[k] = whole + k < K ? -1 : 0;
    vint inside;
    memcpy(&inside, in_row, sizeof inside);
    turn_narrow(N, W, 0, K, scratch, deep);
    for (ptrdiff_t m = m0; m < m1; m += R) {
        const real *x[LANES];
        vreal sum[LANES];
        real sums[LANES];
        UNROLLED
        for (int i = 0; i < R; i++) x[i] = X + (m + i < m1 ? m + i : m1 - 1) * ldx;
        UNROLLED
        for (int i = 0; i < LANES; i++) sum[i] = splat(0);
        for (ptrdiff_t k = 0; k < whole; k += LANES) {
            vreal w[LANES];
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
                for (int j = 0; j < N; j++) sum[i * N + j] = a * w[j] + sum[i * N + j];
            }
        }
        if (whole < K) {
            UNROLLED
            for (int i = 0; i < R; i++) {
                const vreal a = from_bits(to_bits(load(x[i] + whole)) & inside);
                UNROLLED
                for (int j = 0; j < N; j++) {
                    sum[i * N + j] = a * load(scratch + j * deep + whole) + sum[i * N + j];
                }
            }
        }
        store(sums, sums_of_lanes(sum));
        for (int i = 0; i < R && m + i < m1; i++) {
            real *z = Z + (m + i) * ld;
            UNROLLED
            for (int j = 0; j < N; j++) z[j] = sums[i * N + j];
        }
    }
    finish(f, Z, ld, m0, m1, 0, N);
}

/* Columns [k0, k1) of dX = dZ W^T, then what f says. */
INLINE void narrow_backward_of(const int N, ptrdiff_t M, const real *dZ, ptrdiff_t ldz,
                               const real *W, real *dX, ptrdiff_t ldx, const minnet_finish *f,
                               real *scratch, ptrdiff_t k0, ptrdiff_t k1) {
    const int V = VECTORS_OF_NARROW(N);
    const ptrdiff_t deep = whole_groups(k1 - k0);
    turn_narrow(N, W, k0, k1, scratch, deep);
    for (ptrdiff_t k = 0; k < k1 - k0; k += V * LANES) {
        const ptrdiff_t width = k1 - k0 - k < V * LANES ? k1 - k0 - k : V * LANES;
        vreal w[NARROW * NARROW_VECTORS];
        UNROLLED
        for (int j = 0; j < N; j++) {
            UNROLLED
            for (int v = 0; v < V; v++) w[j * V + v] = load(scratch + j * deep + k + v * LANES);
        }
        for (ptrdiff_t m = 0; m < M; m++) {
            const real *d = dZ + m * ldz;
            real *to = dX + m * ldx + k0 + k;
            vreal sum[NARROW_VECTORS];
            UNROLLED
            for (int v = 0; v < V; v++) sum[v] = splat(d[0]) * w[v];
            UNROLLED
            for (int j = 1; j < N; j++) {
                vreal a = splat(d[j]);
                IN_REGISTER(a);
                UNROLLED
                for (int v = 0; v < V; v++) sum[v] = a * w[j * V + v] + sum[v];
            }
            if (width == V * LANES) {
                UNROLLED
                for (int v = 0; v < V; v++) store(to + v * LANES, sum[v]);
            } else {
                for (int v = 0; v * LANES < width; v++) store(to + v * LANES, sum[v]);
            }
        }
        finish(f, dX, ldx, 0, M, k0 + k, width);
    }
}

/* Rows [k0, k1) of W take a step with X^T dZ; or the gradient goes to G. */
INLINE void narrow_update_of(const int N, const minnet_step *s, ptrdiff_t M, const real *X,
                             ptrdiff_t ldx, const real *dZ, ptrdiff_t ldz, real *W, real *V,
                             real *Mo, real *G, ptrdiff_t k0, ptrdiff_t k1) {
    const int vectors = VECTORS_OF_NARROW(N);
    for (ptrdiff_t k = k0; k < k1; k += vectors * LANES) {
        const ptrdiff_t rows = k1 - k < vectors * LANES ? k1 - k : vectors * LANES;
        vreal sum[NARROW * NARROW_VECTORS];
        real columns[NARROW * NARROW_VECTORS * LANES], g[NARROW * NARROW_VECTORS * LANES];
        UNROLLED
        for (int i = 0; i < N * vectors; i++) sum[i] = splat(0);
        for (ptrdiff_t m = 0; m < M; m++) {
            const real *x = X + m * ldx + k, *d = dZ + m * ldz;
            vreal a[NARROW_VECTORS];
            UNROLLED
            for (int v = 0; v < vectors; v++) {
                /* rows of X are padded to ROW_UNIT numbers */
                a[v] = v * LANES < rows ? load(x + v * LANES) : splat(0);
                IN_REGISTER(a[v]);
            }
            UNROLLED
            for (int j = 0; j < N; j++) {
                vreal b = splat(d[j]);
                IN_REGISTER(b);
                UNROLLED
                for (int v = 0; v < vectors; v++)
                    sum[j * vectors + v] = a[v] * b + sum[j * vectors + v];
            }
        }
        UNROLLED
        for (int i = 0; i < N * vectors; i++) store(columns + i * LANES, sum[i]);
        for (ptrdiff_t i = 0; i < rows; i++) {
            UNROLLED
            for (int j = 0; j < N; j++) g[i * N + j] = columns[j * vectors * LANES + i];
        }
        const ptrdiff_t at = k * N, n = rows * N;
        if (G) memcpy(G + at, g, (size_t)n * sizeof(real));
        else update_run(s, g, W + at, V ? V + at : NULL, Mo ? Mo + at : NULL, n);
    }
}

#if NARROW == 8
#define WIDER_NARROW(call)  \
    case 5: call(5); break; \
    case 6: call(6); break; \
    case 7: call(7); break; \
    case 8: call(8); break;
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

static NOINLINE void narrow_forward(ptrdiff_t N, ptrdiff_t K, const real *X, ptrdiff_t ldx,
                                    const real *W, real *Z, ptrdiff_t ld, const minnet_finish *f,
                                    real *scratch, ptrdiff_t m0, ptrdiff_t m1) {
#define CALL(n) narrow_forward_of(n, K, X, ldx, W, Z, ld, f, scratch, m0, m1)
    FOR_NARROW(N, CALL)
#undef CALL
}

static NOINLINE void narrow_backward(ptrdiff_t N, ptrdiff_t M, const real *dZ, ptrdiff_t ldz,
                                     const real *W, real *dX, ptrdiff_t ldx, const minnet_finish *f,
                                     real *scratch, ptrdiff_t k0, ptrdiff_t k1) {
#define CALL(n) narrow_backward_of(n, M, dZ, ldz, W, dX, ldx, f, scratch, k0, k1)
    FOR_NARROW(N, CALL)
#undef CALL
}

static NOINLINE void narrow_update(ptrdiff_t N, const minnet_step *s, ptrdiff_t M, const real *X,
                                   ptrdiff_t ldx, const real *dZ, ptrdiff_t ldz, real *W, real *V,
                                   real *Mo, real *G, ptrdiff_t k0, ptrdiff_t k1) {
#define CALL(n) narrow_update_of(n, s, M, X, ldx, dZ, ldz, W, V, Mo, G, k0, k1)
    FOR_NARROW(N, CALL)
#undef CALL
}

#endif
#endif
