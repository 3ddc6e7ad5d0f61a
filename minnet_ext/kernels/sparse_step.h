/* One step of the first layer on sparse rows.
 *
 * L2 and weight decay would touch all of W.  Plain SGD keeps W / s instead, where every step multiplies
 * the number s, and |W / s|^2 as one sum for each vector of columns, from the changes that it makes.  Any
 * other optimizer moves every weight in every step: it gets the gradient of those rows of W that occur in
 * the batch (each has a slot) and one pass over all of W.
 *
 * W of 50,000 x 100 float32, 64 rows of 80 entries, one core of a Zen 5: 0.15 ms a step with plain SGD,
 * 3.3 ms with momentum, 2.9 ms with Adam.
 */
#ifndef MINNET_SPARSE_STEP_H
#define MINNET_SPARSE_STEP_H
#define SMALLEST_SCALE 1e-4 /* of s: below it W is multiplied out */

/* The most entries that one batch has. */
static ptrdiff_t most_entries(const minnet_data *data, const minnet_hyper *hyper) {
    ptrdiff_t most = 0;
    for (int64_t step = hyper->start; step < hyper->stop; step++) {
        ptrdiff_t entries = 0;
        for (int64_t i = step * hyper->batch_size; i < (step + 1) * hyper->batch_size; i++) {
            if (i >= data->n_samples) break;
            const int64_t row = data_row(data, (ptrdiff_t)i);
            entries += (ptrdiff_t)(data->indptr[row + 1] - data->indptr[row]);
        }
        if (entries > most) most = entries;
    }
    return most;
}

/* Numbers the rows of W that occur in a batch, from 1 on: slot[k] is the number of row k, 0 where it
 * does not occur, used[] the rows by number.  Returns how many; n_used is the count of the batch before. */
static ptrdiff_t sparse_slots(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, int32_t *slot,
                              int64_t *used, ptrdiff_t n_used) {
    for (ptrdiff_t j = 0; j < n_used; j++) slot[used[j]] = 0;
    n_used = 0;
    for (ptrdiff_t m = 0; m < M; m++) {
        const int64_t row = data_row(data, from + m);
        for (int64_t i = data->indptr[row]; i < data->indptr[row + 1]; i++) {
            const ptrdiff_t k = entry_column(data, (ptrdiff_t)i);
            if (slot[k]) continue;
            used[n_used++] = k;
            slot[k] = (int32_t)n_used;
        }
    }
    return n_used;
}
#endif

/* squares[v] += the sums in vector v of columns [n0, n1), the first of which is n0 / LANES. */
static void add_squares(double *squares, const real *sums, ptrdiff_t n0, ptrdiff_t n1) {
    for (ptrdiff_t n = n0; n < n1; n++) squares[n / LANES] += sums[n - n0];
}

/* Sums of squares of columns [n0, n1) of W. */
static void column_squares(const real *W, ptrdiff_t K, ptrdiff_t N, double *squares, real *sums,
                                 ptrdiff_t n0, ptrdiff_t n1) {
    for (ptrdiff_t k = 0; k < K; k += 64) { /* few enough rows to add up in `real` */
        memset(sums, 0, (size_t)(n1 - n0) * sizeof(real));
        for (ptrdiff_t r = k; r < k + 64 && r < K; r++) {
            for (ptrdiff_t n = n0; n < n1; n++) sums[n - n0] += W[r * N + n] * W[r * N + n];
        }
        add_squares(squares, sums, n0, n1);
    }
}

/* Plain SGD on columns [n0, n1) of W / scale, of which `squares` (NULL: not wanted) has the sums of
 * squares; returns the next scale.  `sums` is scratch for n1 - n0 numbers. */
static double sparse_lazy_step(const minnet_step *s, const minnet_data *data, ptrdiff_t from,
                                     ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const real *dZ, ptrdiff_t ldz,
                                     real *W, double scale, double *squares, real *sums, ptrdiff_t n0,
                                     ptrdiff_t n1) {
    scale *= s->decay - s->rate * s->l2;
    if (!(scale >= SMALLEST_SCALE)) {
        for (ptrdiff_t k = 0; k < K; k++) {
            for (ptrdiff_t n = n0; n < n1; n++) W[k * N + n] *= (real)scale;
        }
        for (ptrdiff_t n = n0; n < n1 && squares; n += LANES) squares[n / LANES] *= scale * scale;
        scale = 1;
    }
    if (n0 >= n1) return scale;
    if (squares) memset(sums, 0, (size_t)(n1 - n0 + LANES - 1) / LANES * LANES * sizeof(real));
    sparse_update(data, from, M, N, dZ, ldz, (real)(s->rate / scale), W, NULL,
                        squares ? sums : NULL, n0, n1);
    if (squares) add_squares(squares, sums, n0, n1);
    return scale;
}

/* Columns [n0, n1) of G = X^T dZ, the n_used rows of it that are not 0. */
static void sparse_gradient(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, ptrdiff_t N,
                                  const real *dZ, ptrdiff_t ldz, real *G, const int32_t *slot,
                                  ptrdiff_t n_used, ptrdiff_t n0, ptrdiff_t n1) {
    if (n0 >= n1) return;
    for (ptrdiff_t j = 0; j < n_used; j++) memset(G + j * N + n0, 0, (size_t)(n1 - n0) * sizeof(real));
    sparse_update(data, from, M, N, dZ, ldz, -1, G, slot, NULL, n0, n1);
}

/* Rows [k0, k1) of W take a step with the gradient G, which has the rows with a slot; the others'
 * gradient is 0.  Or (grads) the whole gradient is only noted. */
static void sparse_exact_step(const minnet_step *s, ptrdiff_t N, const real *G, const int32_t *slot,
                                    real *W, real *V, real *Mo, real *grads, ptrdiff_t k0, ptrdiff_t k1) {
    for (ptrdiff_t k = k0, next; k < k1; k = next) {
        next = k + 1;
        if (slot[k]) {
            const real *g = G + (ptrdiff_t)(slot[k] - 1) * N;
            if (grads) memcpy(grads + k * N, g, (size_t)N * sizeof(real));
            else update_run(s, g, W + k * N, V ? V + k * N : NULL, Mo ? Mo + k * N : NULL, N);
            continue;
        }
        while (next < k1 && !slot[next]) next++;
        if (grads) {
            memset(grads + k * N, 0, (size_t)((next - k) * N) * sizeof(real));
            continue;
        }
        for (ptrdiff_t i = k * N; i < next * N; i += LANES) {
            const int part = next * N - i < LANES ? (int)(next * N - i) : LANES;
            update_vector(s, splat(0), W + i, V ? V + i : NULL, Mo ? Mo + i : NULL, part);
        }
    }
}
