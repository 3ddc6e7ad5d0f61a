/* The table of kernels: one struct of function pointers per CPU level.
 *
 * level.c fills it in once for each level it is compiled for; dispatch.h picks one of them when
 * minnet_ext is imported; the Cython modules call through it.  A new kernel is a function in
 * draws.c or training.c, declared in entry.h, with a line in level.c and a new member here.
 */
#ifndef MINNET_TABLE_H
#define MINNET_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "program.h"

/* A draw: whose random words, and the parameters of the law. */
typedef struct {
    uint32_t key[2];    /* low and high half of the 64-bit key */
    uint32_t stream[2]; /* counter words 2 and 3: index, CRC-32 of the name */
    double p[8];        /* in the order of minnet/random/streams.py's _fill_* functions */
} minnet_draw;

/* Writes values start, ..., start + n - 1 of a draw to out.  Any piece equals that piece of the
 * whole, so threads may split a draw anywhere. */
typedef void (*minnet_fill)(const minnet_draw *draw, uint64_t start, size_t n, void *out);

/* Takes steps of training; returns 0, or -1 where there is no memory, or the bytes that the
 * workspace needs. */
typedef int64_t (*minnet_train)(const minnet_network *network, const minnet_data *data,
                                minnet_hyper *hyper, int64_t n_params);

/* Writes what becomes of the logits of all rows to `to`, contiguous; returns 0, or -1 where there
 * is no memory. */
typedef int (*minnet_infer)(const minnet_network *network, const minnet_data *data,
                            minnet_outputs *outputs, void *to);

/* to = A B, M x K x N, contiguous but for the rows of A, which are lda numbers apart; returns as
 * minnet_infer. */
typedef int (*minnet_gemm)(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const void *A, ptrdiff_t lda,
                           const void *B, void *to, int64_t n_threads);

/* Takes steps of n members of an ensemble, `most` of one at a time; `memory` has `bytes` for each
 * thread, what `minnet_train` asks for. */
typedef void (*minnet_advance)(minnet_member *members, int64_t n, int64_t most, char *memory,
                               int64_t bytes, int64_t n_threads);

/* Score and mean loss of a member's held rows; returns as minnet_infer. */
typedef int (*minnet_score)(minnet_member *member, double *score, double *loss);

/* Logits to be refined: output j of row i at j * ld + i, in rows of whole vectors. */
typedef struct {
    ptrdiff_t n_out, ld;
    const double *Z,
        *T; /* T is NULL for classes, whose Z is by how much each is ahead of the true */
    const double *most, *shares; /* of each row: the largest Z, and its share in the weights */
} minnet_logits;

typedef struct {
    const char *name;
    minnet_fill words;
    minnet_fill uniform_f32, uniform_f64;
    minnet_fill normal_f32, normal_f64;
    minnet_fill truncated_f32, truncated_f64;
    minnet_train train_f32, train_f64;
    minnet_infer infer_f32, infer_f64;
    minnet_gemm gemm_f32, gemm_f64;
    minnet_advance members_f32, members_f64;
    minnet_score score_f32, score_f64;
} minnet_kernels;

extern const minnet_kernels minnet_kernels_scalar;
#ifdef MINNET_HAVE_BASELINE
extern const minnet_kernels minnet_kernels_baseline;
#endif
#ifdef MINNET_HAVE_V4
extern const minnet_kernels minnet_kernels_v4;
#endif
#ifdef MINNET_HAVE_V3
extern const minnet_kernels minnet_kernels_v3;
#endif

#endif
