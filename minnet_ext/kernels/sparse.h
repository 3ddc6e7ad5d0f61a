/* Products of sparse rows (CSR) with W: only the rows of W whose input is not zero are touched.
 *
 * Forward, a row's sums stay in registers, up to SPARSE_VECTORS vectors of columns at a time, while
 * its entries pick rows of W.  The update W -= rate X^T dZ walks the same entries and writes the
 * same rows. Entries may come in any order, and those of one place add up.  Threads split columns
 * at multiples of NR, so that the bits do not depend on how many there are.
 *
 * 100 columns of float32, W of 20 MB, one core of a busy Zen 5, its best epoch: 13 ns an entry each
 * way, from the third-level cache.
 */
#ifndef MINNET_SPARSE_H
#define MINNET_SPARSE_H

#include "activate.h"
#include "compiler.h"
#include "data.h"

/* Vector v of some, the last of which has `part` lanes. */
INLINE vreal load_vector(const real *from, int v, const int vectors, int part) {
    return v < vectors - 1 || part == LANES ? load(from) : load_part(from, part);
}
INLINE void store_vector(real *to, vreal x, int v, const int vectors, int part) {
    if (v < vectors - 1 || part == LANES) store(to, x);
    else store_part(to, x, part);
}

/* Fetches the rows of W that come soon. */
INLINE void fetch(const int vectors, const minnet_data *data, ptrdiff_t i, ptrdiff_t stop,
                  const real *W, ptrdiff_t N) {
    if (i + SPARSE_AHEAD >= stop) return;
    const real *w = W + entry_column(data, i + SPARSE_AHEAD) * N;
    for (int v = 0; v < vectors; v += 64 / (int)(LANES * sizeof(real))) PREFETCH(w + v * LANES);
}

/* z = scale (entries [i, stop) of X) W + b on some vectors of columns; the last has `part` lanes.
 */
INLINE void row_product(const int vectors, int part, const minnet_data *data, ptrdiff_t i,
                        ptrdiff_t stop, const real *W, ptrdiff_t N, real scale, const real *b,
                        real *z) {
    const real *values = (const real *)data->X;
    vreal sum[SPARSE_VECTORS];
    for (int v = 0; v < vectors; v++) sum[v] = splat(0);
    for (; i < stop; i++) {
        const real *w = W + entry_column(data, i) * N;
        fetch(vectors, data, i, stop, W, N);
        const vreal x = splat(values[i]);
        for (int v = 0; v < vectors; v++)
            sum[v] = rounded(x, load_vector(w + v * LANES, v, vectors, part)) + sum[v];
    }
    const vreal s = splat(scale);
    for (int v = 0; v < vectors; v++) {
        store(z + v * LANES, rounded(sum[v], s) + load_vector(b + v * LANES, v, vectors, part));
    }
}

/* Rows of W, by column of X or by slot, lose rate x dz; `changes` (if squared) gains those of W^2.
 */
INLINE void row_update(const int vectors, int part, const int squared, const minnet_data *data,
                       ptrdiff_t i, ptrdiff_t stop, const real *dz, real rate, real *W, ptrdiff_t N,
                       const int32_t *slot, real *changes) {
    const real *values = (const real *)data->X;
    vreal d[SPARSE_VECTORS], sum[SPARSE_VECTORS];
    for (int v = 0; v < vectors; v++) {
        d[v] = load_vector(dz + v * LANES, v, vectors, part);
        sum[v] = squared ? load(changes + v * LANES) : splat(0);
    }
    for (; i < stop; i++) {
        const ptrdiff_t k = entry_column(data, i);
        real *w = W + (slot ? slot[k] - 1 : k) * N;
        if (!slot) fetch(vectors, data, i, stop, W, N);
        const vreal x = splat(rate * values[i]);
        for (int v = 0; v < vectors; v++) {
            const vreal before = load_vector(w + v * LANES, v, vectors, part),
                        after = before - rounded(x, d[v]);
            store_vector(w + v * LANES, after, v, vectors, part);
            if (squared) sum[v] = rounded(after - before, after + before) + sum[v];
        }
    }
    for (int v = 0; v < vectors && squared; v++) store(changes + v * LANES, sum[v]);
}

/* z, dz and so on: `width` columns, at most SPARSE_VECTORS vectors of them. */
INLINE void product_columns(ptrdiff_t width, const minnet_data *data, ptrdiff_t i, ptrdiff_t stop,
                            const real *W, ptrdiff_t N, real scale, const real *b, real *z) {
    const int vectors = (int)((width + LANES - 1) / LANES),
              part = (int)width - (vectors - 1) * LANES;
    switch (vectors) {
    case 1: row_product(1, part, data, i, stop, W, N, scale, b, z); break;
    case 2: row_product(2, part, data, i, stop, W, N, scale, b, z); break;
    case 3: row_product(3, part, data, i, stop, W, N, scale, b, z); break;
    case 4: row_product(4, part, data, i, stop, W, N, scale, b, z); break;
#if SPARSE_VECTORS == 8
    case 5: row_product(5, part, data, i, stop, W, N, scale, b, z); break;
    case 6: row_product(6, part, data, i, stop, W, N, scale, b, z); break;
    case 7: row_product(7, part, data, i, stop, W, N, scale, b, z); break;
    case 8: row_product(8, part, data, i, stop, W, N, scale, b, z); break;
#endif
    }
}

INLINE void update_columns(ptrdiff_t width, const int squared, const minnet_data *data, ptrdiff_t i,
                           ptrdiff_t stop, const real *dz, real rate, real *W, ptrdiff_t N,
                           const int32_t *slot, real *changes) {
    const int vectors = (int)((width + LANES - 1) / LANES),
              part = (int)width - (vectors - 1) * LANES;
    switch (vectors) {
    case 1: row_update(1, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
    case 2: row_update(2, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
    case 3: row_update(3, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
    case 4: row_update(4, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
#if SPARSE_VECTORS == 8
    case 5: row_update(5, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
    case 6: row_update(6, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
    case 7: row_update(7, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
    case 8: row_update(8, part, squared, data, i, stop, dz, rate, W, N, slot, changes); break;
#endif
    }
}

/* Z[0..M) x [n0..n1) = scale X W + b of the rows of X at `from` in the order, Y = f(Z). */
static void sparse_forward(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, ptrdiff_t N,
                           const real *W, real scale, const real *b, real *Z, real *Y, ptrdiff_t ld,
                           const minnet_layer *layer, ptrdiff_t n0, ptrdiff_t n1) {
    const ptrdiff_t most = SPARSE_VECTORS * LANES;
    for (ptrdiff_t m = 0; m < M && n0 < n1; m++) {
        const int64_t row = data_row(data, from + m);
        const ptrdiff_t i = (ptrdiff_t)data->indptr[row], stop = (ptrdiff_t)data->indptr[row + 1];
        for (ptrdiff_t n = n0; n < n1; n += most) {
            product_columns(n1 - n < most ? n1 - n : most, data, i, stop, W + n, N, scale, b + n,
                            Z + m * ld + n);
        }
    }
    if (n0 < n1) activate(layer, Z + n0, Y + n0, ld, M, n1 - n0);
}

/* W -= rate X^T dZ on columns [n0, n1); W may be the gradient of rows with a slot. */
static void sparse_update(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, ptrdiff_t N,
                          const real *dZ, ptrdiff_t ldz, real rate, real *W, const int32_t *slot,
                          real *changes, ptrdiff_t n0, ptrdiff_t n1) {
    const ptrdiff_t most = SPARSE_VECTORS * LANES;
    for (ptrdiff_t m = 0; m < M; m++) {
        const int64_t row = data_row(data, from + m);
        const ptrdiff_t i = (ptrdiff_t)data->indptr[row], stop = (ptrdiff_t)data->indptr[row + 1];
        for (ptrdiff_t n = n0; n < n1; n += most) {
            const ptrdiff_t width = n1 - n < most ? n1 - n : most;
            const real *dz = dZ + m * ldz + n;
            if (changes) {
                update_columns(width, 1, data, i, stop, dz, rate, W + n, N, NULL, changes + n - n0);
            } else {
                update_columns(width, 0, data, i, stop, dz, rate, W + n, N, slot, NULL);
            }
        }
    }
}

#endif
