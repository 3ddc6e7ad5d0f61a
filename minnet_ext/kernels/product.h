/* Products with many rows: C = A B, a panel of columns at a time.
 *
 * A panel is NR columns of B, up to BLOCK_K rows deep, packed one row after the other: a tile then
 * reads it from the first-level cache, and not each row from another page.  Beyond PACK_ROWS rows
 * of PACK_DEPTH numbers, A is packed as well, MR rows side by side, and streams from the
 * second-level cache (2 to 15% of large products).  B may lie turned around: squares of vectors are
 * transposed in registers on the way into the panel.
 *
 * Threads split panels.  Every sum runs over k in one order, block by block, so that the bits do
 * not depend on the split.  C has room for whole vectors of columns.
 *
 * One core of a Zen 5, whose peak is 274 Gflop/s in float32 (benchmarks/peak.c), by
 * benchmarks/products.c: 221 for 128 x 784 x 256, 211 for squares of 2048.
 */
#ifndef MINNET_PRODUCT_H
#define MINNET_PRODUCT_H

#include "activate.h"
#include "gemm.h"

/* How many of K terms are summed up at a time: as equal blocks as can be, since a short last one
 * would cost a pass over C for little. */
INLINE ptrdiff_t block_of(ptrdiff_t K) {
    const ptrdiff_t blocks = (K + BLOCK_K - 1) / BLOCK_K;
    return ((K + blocks - 1) / blocks + 7) / 8 * 8;
}

/* What becomes of a product: with a bias, Z = C + bias and Y = f(Z); without, C = C f'(Z). */
typedef struct {
    const minnet_layer *layer;
    const real *bias;
    real *Z, *Y;
    ptrdiff_t ld; /* of Z and Y; with a bias, Z is C */
} minnet_finish;

INLINE void finish(const minnet_finish *f, real *C, ptrdiff_t ldc, ptrdiff_t m0, ptrdiff_t m1,
                   ptrdiff_t n, ptrdiff_t width) {
    const ptrdiff_t at = m0 * f->ld + n, rows = m1 - m0;
    C += m0 * ldc + n;
    if (!f->bias) {
        differentiate(f->layer, f->Z + at, f->Y + at, f->ld, C, ldc, rows, width);
        return;
    }
    activate_with_bias(f->layer, f->bias + n, C, f->Y + at, ldc, rows, width);
}

/* panel[k][j] = B[k * ldb + j] for j < width, 0 beyond. */
static NOINLINE void pack_straight(const real *B, ptrdiff_t ldb, ptrdiff_t depth, ptrdiff_t width,
                                   real *panel) {
    for (ptrdiff_t k = 0; k < depth; k++) {
        const real *b = B + k * ldb;
        if (width == NR) {
            store(panel + k * NR, load(b));
            store(panel + k * NR + LANES, load(b + LANES));
            continue;
        }
        for (int j = 0; j < width; j += LANES)
            store(panel + k * NR + j, load_part(b + j, width - j));
    }
}

/* panel[k][j] = B[j * ldb + k] for j < width, 0 beyond. */
static NOINLINE void pack_turned(const real *B, ptrdiff_t ldb, ptrdiff_t depth, ptrdiff_t width,
                                 real *panel) {
    if (width < NR) memset(panel, 0, (size_t)(depth * NR) * sizeof(real));
    for (ptrdiff_t j = 0; j < width; j += LANES) {
        const ptrdiff_t some = width - j < LANES ? width - j : LANES;
        ptrdiff_t k = 0;
        for (; some == LANES && k + LANES <= depth; k += LANES) {
            vreal v[LANES];
            UNROLLED
            for (int i = 0; i < LANES; i++) v[i] = load(B + (j + i) * ldb + k);
            turn(v);
            UNROLLED
            for (int i = 0; i < LANES; i++) store(panel + (k + i) * NR + j, v[i]);
        }
        for (; k < depth; k++) {
            for (ptrdiff_t i = 0; i < some; i++) panel[k * NR + j + i] = B[(j + i) * ldb + k];
        }
    }
}

/* packed[k][i] = A[i * lda + k], MR rows side by side, then the next MR. */
static NOINLINE void pack_rows(const real *A, ptrdiff_t lda, ptrdiff_t rows, ptrdiff_t depth,
                               real *packed) {
    for (ptrdiff_t m = 0; m < rows; m += MR, packed += depth * MR) {
        const ptrdiff_t some = rows - m < MR ? rows - m : MR;
        const real *a = A + m * lda;
        ptrdiff_t k = 0;
#if VBYTES > 16 /* squares of which MR rows count; what a vector has beyond them, the next one \
                   overwrites */
        for (; LANES >= MR && some == MR && k + LANES < depth; k += LANES) {
            vreal v[LANES];
            UNROLLED
            for (int i = 0; i < LANES; i++) v[i] = load(a + (i < MR ? i : 0) * lda + k);
            turn(v);
            UNROLLED
            for (int i = 0; i < LANES; i++) store(packed + (k + i) * MR, v[i]);
        }
#endif
        for (; k < depth; k++) {
            for (ptrdiff_t i = 0; i < some; i++) packed[k * MR + i] = a[i * lda + k];
        }
    }
}

/* Rows of A that are packed at a time: as equal blocks as can be, since B is packed for each. */
INLINE ptrdiff_t rows_of_block(ptrdiff_t M) {
    const ptrdiff_t blocks = (M + BLOCK_M - 1) / BLOCK_M;
    return ((M + blocks - 1) / blocks + MR - 1) / MR * MR;
}

/* Columns [n0, n1) of C = A B, or of C = A B^T (turned), M x K x N; then what `f` says, if not
 * NULL. */
static void product(ptrdiff_t M, ptrdiff_t K, const real *A, ptrdiff_t lda, const real *B,
                    ptrdiff_t ldb, int turned, real *C, ptrdiff_t ldc, const minnet_finish *f,
                    real *scratch, ptrdiff_t n0, ptrdiff_t n1) {
    real *panel = scratch, *packed = scratch + PANEL_SIZE;
    const int packs = M > PACK_ROWS && K >= PACK_DEPTH;
    const ptrdiff_t rows_most = packs ? rows_of_block(M) : M, most = block_of(K);
    for (ptrdiff_t m0 = 0; m0 < M && n0 < n1; m0 += rows_most) {
        const ptrdiff_t m1 = M - m0 < rows_most ? M : m0 + rows_most;
        for (ptrdiff_t k = 0; k < K; k += most) {
            const ptrdiff_t depth = K - k < most ? K - k : most;
            if (packs) pack_rows(A + m0 * lda + k, lda, m1 - m0, depth, packed);
            for (ptrdiff_t n = n0; n < n1; n += NR) {
                const ptrdiff_t width = n1 - n < NR ? n1 - n : NR;
                if (turned) {
                    pack_turned(B + n * ldb + k, ldb, depth, width, panel);
                } else {
                    pack_straight(B + k * ldb + n, ldb, depth, width, panel);
                }
                for (ptrdiff_t m = m0; m < m1; m += MR) {
                    const int rows = m1 - m < MR ? (int)(m1 - m) : MR;
                    const real *a = packs ? packed + (m - m0) * depth : A + m * lda + k;
                    tile(rows, width, depth, a, packs ? 1 : lda, packs ? MR : 1, panel, NR, 0,
                         C + m * ldc + n, ldc, k == 0 ? TILE_STORE : TILE_UPDATE, 1, 1);
                    if (f && k + depth == K) finish(f, C, ldc, m, m + rows, n, width);
                }
            }
        }
    }
}

#endif
