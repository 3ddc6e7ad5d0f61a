/* Rows of the data: inputs, targets, weights. */
#ifndef MINNET_DATA_H
#define MINNET_DATA_H

#include "compiler.h"
#include "program.h"
#include "tile.h"

/* Row i of an epoch. */
INLINE int64_t data_row(const minnet_data *data, ptrdiff_t i) {
    return data->order ? data->order[i] : (int64_t)i;
}

/* The class of a row.  One that has no output reads nothing, and its factor makes its loss NaN. */
INLINE ptrdiff_t class_of(const minnet_data *data, ptrdiff_t i, ptrdiff_t n, real *factor) {
    const int64_t class_ = data->classes[data_row(data, i)];
    if ((uint64_t)class_ < (uint64_t)n) return (ptrdiff_t)class_;
    *factor = (real)NAN;
    return 0;
}

/* Number i of some of either width. */
INLINE ptrdiff_t index_at(const void *indices, int64_t wide, ptrdiff_t i) {
    return wide ? (ptrdiff_t)((const int64_t *)indices)[i]
                : (ptrdiff_t)((const int32_t *)indices)[i];
}

/* Column of entry i of sparse rows. */
INLINE ptrdiff_t entry_column(const minnet_data *data, ptrdiff_t i) {
    return index_at(data->indices, data->wide_indices, i);
}

/* A number that may lie at any address: arrays of NumPy need not be aligned. */
INLINE real target(const minnet_data *data, int64_t row, ptrdiff_t j) {
    real t;
    memcpy(&t, data->T + row * data->t_row_stride + j * data->t_column_stride, sizeof t);
    return t;
}

/* A row of sparse targets, made dense; entries of one place add up. */
INLINE void scatter_target(const minnet_data *data, int64_t row, real *to, ptrdiff_t n) {
    memset(to, 0, (size_t)n * sizeof(real));
    const ptrdiff_t end = (ptrdiff_t)data->t_indptr[row + 1];
    for (ptrdiff_t i = (ptrdiff_t)data->t_indptr[row]; i < end; i++) {
        to[index_at(data->t_indices, data->t_wide_indices, i)] += ((const real *)data->T)[i];
    }
}

/* One row of the data, in the network's type and contiguous. */
INLINE void gather(const minnet_data *data, int64_t row, real *to, ptrdiff_t n) {
    const char *x = data->X + row * data->row_stride;
    if (data->column_stride == (int64_t)sizeof(real)) {
        memcpy(to, x, (size_t)n * sizeof(real));
    } else {
        for (ptrdiff_t j = 0; j < n; j++) memcpy(to + j, x + j * data->column_stride, sizeof(real));
    }
}

/* A long row comes nearer, where its numbers lie one beside the other. Rows in random order come
 * from memory, and what a processor fetches by itself begins anew at each. */
INLINE void fetch_row(const minnet_data *data, int64_t row, ptrdiff_t n) {
    const char *x = data->X + row * data->row_stride;
    const ptrdiff_t bytes = n * (ptrdiff_t)sizeof(real);
    if (data->column_stride != (int64_t)sizeof(real) || bytes < GATHER_BYTES) return;
    for (ptrdiff_t i = 0; i < bytes; i += 64) PREFETCH(x + i);
}

/* What the loss of each row of a batch is multiplied with, and its share p in the batch's weights.
 * In several processes the batch has `length` rows of n_samples, and their weights the sum
 * `*total`.
 */
static void weigh(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, double length,
                  double n_samples, const double *total, real *factor, real *p) {
    const double scale = n_samples / (length * data->weight_sum);
    double sum = 0;
    for (ptrdiff_t m = 0; m < M; m++) {
        const double w = data->weights ? data->weights[data_row(data, from + m)] : 1;
        factor[m] = (real)(w * scale);
        sum += w;
    }
    if (total) sum = *total;
    for (ptrdiff_t m = 0; m < M; m++) { /* rounded once: the only row of a batch has exactly 1 */
        p[m] = (real)(data->weights && sum > 0 ? data->weights[data_row(data, from + m)] / sum
                                               : 1.0 / length);
    }
}

#endif
