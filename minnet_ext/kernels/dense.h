/* Products of a dense layer: forward, backward, and the update of its weights.
 *
 * Bias and activation are applied to the columns that the product has just left.  Going backward, a
 * block of rows of W gives its part of dX first and is updated right after, while it is still in
 * the cache.
 */
#ifndef MINNET_DENSE_H
#define MINNET_DENSE_H

#include "product.h"
#include "update.h"

/* Columns [n0, n1) of Z = X W, then what f says.  Sums run over the same blocks of k with few rows
 * as with many, so that a row alone is predicted to the same bits. */
static void dense_forward(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const real *X, ptrdiff_t ldx,
                          const real *W, real *Z, ptrdiff_t ld, const minnet_finish *f,
                          real *scratch, ptrdiff_t n0, ptrdiff_t n1) {
    const ptrdiff_t most = block_of(K);
    ptrdiff_t n = n0;
    for (; M <= FEW_ROWS && (n + NR <= n1 || n + LANES == n1); n += NR) {
        const ptrdiff_t width = n1 - n < NR ? n1 - n : NR;
        const ptrdiff_t ahead =
            n + 2 * NR <= N ? NR : 0; /* W's next columns: 20% on skinny batches */
        for (ptrdiff_t k = 0; k < K; k += most) {
            const ptrdiff_t depth = K - k < most ? K - k : most;
            for (ptrdiff_t m = 0; m < M; m += MR) {
                const int rows = M - m < MR ? (int)(M - m) : MR;
                tile(rows, width, depth, X + m * ldx + k, ldx, 1, W + k * N + n, N, ahead,
                     Z + m * ld + n, ld, k == 0 ? TILE_STORE : TILE_UPDATE, 1, 1);
            }
        }
        if (f) finish(f, Z, ld, 0, M, n, width);
    }
    if (n < n1) product(M, K, X, ldx, W, N, 0, Z, ld, f, scratch, n, n1);
}

/* Columns [k0, k1) of dX = dZ W^T, then what f says. `plain`: W alone is in the second-level cache,
 * and not the optimizer's state with it. */
static void dense_backward(int plain, ptrdiff_t M, ptrdiff_t N, const real *dZ, ptrdiff_t ldz,
                           const real *W, real *dX, ptrdiff_t ldx, const minnet_finish *f,
                           real *scratch, ptrdiff_t k0, ptrdiff_t k1) {
    if (M > FEW_ROWS || N < 8 * LANES) {
        product(M, N, dZ, ldz, W, N, 1, dX, ldx, f, scratch, k0, k1);
        return;
    }
    if (M == 0) return; /* a process may have no row of a batch */
    /* Few rows: turning W around would cost more than the product. The rows of dZ that are at work
     * stay in the first-level cache; if that has no room for all, W comes once for each part of
     * them from the second-level cache: 3 to 4% of a step. */
    const ptrdiff_t parts = (M + DOT_A - 1) / DOT_A, most = (M + parts - 1) / parts;
    const int fits = M * N * (ptrdiff_t)sizeof(real) <= NEAR_BYTES;
    const ptrdiff_t some = fits || !plain ? DOT_B : k1 - k0;
    real sums[DOTS];
    for (ptrdiff_t kb = k0; kb < k1; kb += some) {
        const ptrdiff_t ke = k1 - kb < some ? k1 : kb + some;
        for (ptrdiff_t m = 0; m < M; m += most) {
            const int rows = M - m < most ? (int)(M - m) : (int)most;
            for (ptrdiff_t k = kb; k < ke; k += DOT_B) {
                const real *a[DOT_A], *b[DOT_B];
                for (int i = 0; i < rows; i++) a[i] = dZ + (m + i) * ldz;
                for (int j = 0; j < DOT_B; j++) b[j] = W + (k + j < ke ? k + j : ke - 1) * N;
                dots(rows, N, a, b, sums);
                for (int i = 0; i < rows; i++) {
                    for (int j = 0; j < DOT_B && k + j < ke; j++)
                        dX[(m + i) * ldx + k + j] = sums[i * DOT_B + j];
                }
            }
        }
    }
    finish(f, dX, ldx, 0, M, k0, k1 - k0);
}

/* Up to MR rows of W from k on, and up to NR of the columns from n to ne, take a step with X^T dZ;
 * see dense_update. */
INLINE void update_tile(const minnet_step *s, int plain, int far, ptrdiff_t M, ptrdiff_t N,
                        const real *X, ptrdiff_t ldx, const real *dZ, ptrdiff_t ldz, real *W,
                        real *V, real *Mo, real *G, ptrdiff_t k, int rows, ptrdiff_t n,
                        ptrdiff_t ne) {
    const real keep = (real)(s->decay - s->rate * s->l2), scale = (real)-s->rate;
    const ptrdiff_t width = ne - n < NR ? ne - n : NR, at = k * N + n;
    real sums[MR * NR];
    if ((plain || G) &&
        (width == NR || width == LANES)) { /* W += -rate X^T dZ, in the tile itself */
        tile(rows, width, M, X + k, 1, ldx, dZ + n, ldz, 0, (plain ? W : G) + at, N,
             plain ? TILE_UPDATE : TILE_STORE, keep, scale);
        return;
    }
    if (far) fetch_for_update(rows, N, W + at, V ? V + at : NULL, Mo ? Mo + at : NULL);
    tile(rows, width, M, X + k, 1, ldx, dZ + n, ldz, 0, sums, NR, TILE_STORE, 0, 0);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < width; j += LANES) {
            const ptrdiff_t part = width - j, o = at + i * N + j;
            const vreal g = load(sums + i * NR + j);
            if (G) {
                store_part(G + o, g, part);
            } else if (plain) {
                const vreal change = rounded(g, splat(scale));
                store_part(W + o, load_part(W + o, part) * keep + change, part);
            } else {
                update_vector(s, g, W + o, V ? V + o : NULL, Mo ? Mo + o : NULL, part);
            }
        }
    }
}

/* Whether a step is W = keep W - rate X^T dZ. */
INLINE int is_plain(const minnet_step *s, const real *V, const real *G) {
    return !G && !V && s->optimizer == OPTIMIZER_SGD && s->clip_value == INFINITY;
}

/* Rows of W for which dX is computed and which then are updated, so that they are still in a cache.
 */
INLINE ptrdiff_t rows_together(int plain, ptrdiff_t M, ptrdiff_t N, ptrdiff_t rows) {
    if (M > PACK_ROWS) return rows;
    if (M > FEW_ROWS) return 4 * NR;
    ptrdiff_t some = NR;
    while (plain && some < HELD_DEPTH && (some + NR) * N * (ptrdiff_t)sizeof(real) <= FEW_BYTES)
        some += NR;
    return some;
}

/* Rows of W that an update with dZ in registers takes at a time: so many that the parts of them
 * that it is at do not push each other out of the first-level cache. Of 1024 columns and 10 rows of
 * a batch that is 1.3 to 1.4 of a step. */
INLINE ptrdiff_t held_depth(ptrdiff_t N) {
    const ptrdiff_t row = N * (ptrdiff_t)sizeof(real), step = row & -row; /* its lowest bit */
    const ptrdiff_t rows = step < SAME_PLACE ? SAME_PLACE / step * WAYS : WAYS;
    return rows < HELD_DEPTH ? rows : HELD_DEPTH;
}

/* Rows [k0, k1) of the first n1 columns of W take a step with X^T dZ; or the gradient goes to G.
 *
 * Few rows of a batch: along the rows of W, as they lie in memory. Many: in blocks of W for which
 * the columns of X and of dZ stay in the second-level cache. `ahead`, if not 0: of few
 * rows, the rows of W so many further are fetched; of many, what a tile is to change. */
static void dense_update(const minnet_step *s, ptrdiff_t ahead, ptrdiff_t M, ptrdiff_t N,
                         const real *X, ptrdiff_t ldx, const real *dZ, ptrdiff_t ldz, real *W,
                         real *V, real *Mo, real *G, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n1) {
    const int plain = is_plain(s, V, G), far = ahead != 0 && M > FEW_ROWS;
    ptrdiff_t held = 0; /* columns of W done with dZ in registers */
    if (plain && M <= HELD_ROWS) {
        const real keep = (real)(s->decay - s->rate * s->l2), scale = (real)-s->rate;
        held = n1 / (HELD * LANES) * (HELD * LANES);
        const ptrdiff_t depth = held_depth(N);
        for (ptrdiff_t k = k0; k < k1; k += depth) {
            const ptrdiff_t rows = k1 - k < depth ? k1 - k : depth;
            real x[HELD_DEPTH * HELD_ROWS];
            for (ptrdiff_t r = 0; r < rows; r++) {
                for (ptrdiff_t m = 0; m < M; m++) x[r * HELD_ROWS + m] = X[m * ldx + k + r];
            }
            for (ptrdiff_t n = 0; n < held; n += HELD * LANES) {
                update_held((int)M, rows, x, dZ + n, ldz, W + k * N + n, N, ahead * N, keep, scale);
            }
        }
    }
    const ptrdiff_t high = M > PACK_ROWS ? UPDATE_ROWS : MR,
                    wide = M > PACK_ROWS ? UPDATE_COLUMNS : n1;
    for (ptrdiff_t kb = k0; kb < k1; kb += high) {
        const ptrdiff_t ke = k1 - kb < high ? k1 : kb + high;
        for (ptrdiff_t nb = held; nb < n1; nb += wide) {
            const ptrdiff_t ne = n1 - nb < wide ? n1 : nb + wide;
            for (ptrdiff_t k = kb; k < ke; k += MR) {
                const int rows = ke - k < MR ? (int)(ke - k) : MR;
                for (ptrdiff_t n = nb; n < ne; n += NR) {
                    for (int i = 0; i < rows && M <= FEW_ROWS;
                         i++) { /* the next block of rows: 5% of a step */
                        PREFETCH(W + (k + k1 - k0 + i) * N + n);
                        PREFETCH(W + (k + k1 - k0 + i) * N + n + LANES);
                    }
                    update_tile(s, plain, far, M, N, X, ldx, dZ, ldz, W, V, Mo, G, k, rows, n, ne);
                }
            }
        }
    }
}

#endif
