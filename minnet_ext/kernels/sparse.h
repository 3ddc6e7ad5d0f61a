/* Products of sparse rows (CSR) with W: only the rows of W whose input is not zero are touched.
 *
 * Forward, a row's sums stay in registers, up to SPARSE_VECTORS vectors of columns at a time, while its
 * entries pick rows of W.  The update W -= rate X^T dZ walks the same entries and writes the same rows.
 * Entries may come in any order, and those of one place add up.  Threads split columns at multiples of
 * NR, so that the bits do not depend on how many there are.
 *
 * 100 columns of float32, W of 20 MB, one core of a busy Zen 5, its best epoch: 13 ns an entry each way, from the
 * third-level cache.
 */
#ifndef MINNET_SPARSE_H
#define MINNET_SPARSE_H
#if VBYTES == 64
#define SPARSE_VECTORS 8 /* with as many sums of squares, 16 of 32 registers */
#define ALL_VECTORS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8)
#else
#define SPARSE_VECTORS 4
#define ALL_VECTORS(DO) DO(1) DO(2) DO(3) DO(4)
#endif
#define AHEAD 8 /* entries: their rows of W are fetched that long before */
INLINE ptrdiff_t entry_column(const minnet_data *data, ptrdiff_t i) {
    return data->wide_indices ? (ptrdiff_t)((const int64_t *)data->indices)[i]
                              : (ptrdiff_t)((const int32_t *)data->indices)[i];
}
#endif

#undef LOAD
#undef STORE
#define LOAD(from, v) (v < vectors - 1 || part == LANES ? load(from) : load_part(from, part))
#define STORE(to, x, v)                                                                           \
    if (v < vectors - 1 || part == LANES) store(to, x);                                     \
    else store_part(to, x, part);

/* Fetches the rows of W that come soon. */
INLINE void fetch(const int vectors, const minnet_data *data, ptrdiff_t i, ptrdiff_t stop,
                        const real *W, ptrdiff_t N) {
    if (i + AHEAD >= stop) return;
    const real *w = W + entry_column(data, i + AHEAD) * N;
    for (int v = 0; v < vectors; v += 64 / (int)(LANES * sizeof(real))) PREFETCH(w + v * LANES);
}

/* z = scale (entries [i, stop) of X) W + b on some vectors of columns; the last has `part` lanes. */
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
        for (int v = 0; v < vectors; v++) sum[v] = rounded(x, LOAD(w + v * LANES, v)) + sum[v];
    }
    const vreal s = splat(scale);
    for (int v = 0; v < vectors; v++) {
        store(z + v * LANES, rounded(sum[v], s) + LOAD(b + v * LANES, v));
    }
}

/* Rows of W, by column of X or by slot, lose rate x dz; `changes` (if squared) gains those of W^2. */
INLINE void row_update(const int vectors, int part, const int squared, const minnet_data *data,
                             ptrdiff_t i, ptrdiff_t stop, const real *dz, real rate, real *W,
                             ptrdiff_t N, const int32_t *slot, real *changes) {
    const real *values = (const real *)data->X;
    vreal d[SPARSE_VECTORS], sum[SPARSE_VECTORS];
    for (int v = 0; v < vectors; v++) {
        d[v] = LOAD(dz + v * LANES, v);
        sum[v] = squared ? load(changes + v * LANES) : splat(0);
    }
    for (; i < stop; i++) {
        const ptrdiff_t k = entry_column(data, i);
        real *w = W + (slot ? slot[k] - 1 : k) * N;
        if (!slot) fetch(vectors, data, i, stop, W, N);
        const vreal x = splat(rate * values[i]);
        for (int v = 0; v < vectors; v++) {
            const vreal before = LOAD(w + v * LANES, v), after = before - rounded(x, d[v]);
            STORE(w + v * LANES, after, v)
            if (squared) sum[v] = rounded(after - before, after + before) + sum[v];
        }
    }
    for (int v = 0; v < vectors && squared; v++) store(changes + v * LANES, sum[v]);
}

/* Z[0..M) x [n0..n1) = scale X W + b of the rows of X at `from` in the order, Y = f(Z). */
static void sparse_forward(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, ptrdiff_t N,
                                 const real *W, real scale, const real *b, real *Z, real *Y,
                                 ptrdiff_t ld, const minnet_layer *layer, ptrdiff_t n0, ptrdiff_t n1) {
    for (ptrdiff_t m = 0; m < M && n0 < n1; m++) {
        const int64_t row = data_row(data, from + m);
        const ptrdiff_t i = (ptrdiff_t)data->indptr[row], stop = (ptrdiff_t)data->indptr[row + 1];
        for (ptrdiff_t n = n0; n < n1; n += SPARSE_VECTORS * LANES) {
            const ptrdiff_t width = n1 - n < SPARSE_VECTORS * LANES ? n1 - n : SPARSE_VECTORS * LANES;
            const int vectors = (int)((width + LANES - 1) / LANES);
            const int part = (int)width - (vectors - 1) * LANES;
            real *z = Z + m * ld + n;
#undef CALL
#define CALL(V)                                                                                   \
    case V: row_product(V, part, data, i, stop, W + n, N, scale, b + n, z); break;
            switch (vectors) { ALL_VECTORS(CALL) }
        }
    }
    if (n0 < n1) activate(layer, Z + n0, Y + n0, ld, M, n1 - n0);
}

/* W -= rate X^T dZ on columns [n0, n1); W may be the gradient of rows with a slot. */
static void sparse_update(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, ptrdiff_t N,
                                const real *dZ, ptrdiff_t ldz, real rate, real *W, const int32_t *slot,
                                real *changes, ptrdiff_t n0, ptrdiff_t n1) {
    for (ptrdiff_t m = 0; m < M; m++) {
        const int64_t row = data_row(data, from + m);
        const ptrdiff_t i = (ptrdiff_t)data->indptr[row], stop = (ptrdiff_t)data->indptr[row + 1];
        for (ptrdiff_t n = n0; n < n1; n += SPARSE_VECTORS * LANES) {
            const ptrdiff_t width = n1 - n < SPARSE_VECTORS * LANES ? n1 - n : SPARSE_VECTORS * LANES;
            const int vectors = (int)((width + LANES - 1) / LANES);
            const int part = (int)width - (vectors - 1) * LANES;
            const real *dz = dZ + m * ldz + n;
#undef CALL
#define CALL(V)                                                                                   \
    case V:                                                                                       \
        if (changes) {                                                                            \
            row_update(V, part, 1, data, i, stop, dz, rate, W + n, N, NULL, changes + n - n0); \
        } else {                                                                                  \
            row_update(V, part, 0, data, i, stop, dz, rate, W + n, N, slot, NULL);          \
        }                                                                                         \
        break;
            switch (vectors) { ALL_VECTORS(CALL) }
        }
    }
}

#undef LOAD
#undef STORE
