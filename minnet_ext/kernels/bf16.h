/* Products in bfloat16 with sums in float32: what bf16.c has for a level, and its sizes.
 *
 * A pair is 32 bits: two terms that follow each other along the sum, each a float rounded to the
 * nearest bfloat16 (ties to even, numbers below the least normal one to 0), the first in the lower
 * half. Where the number of terms is odd, the last pair ends with 0.
 */
#ifndef MINNET_BF16_H
#define MINNET_BF16_H

#include "tile.h"

/* So many terms are summed up at a time. It says in which order sums run. A panel of their pairs
 * lies in the second-level cache: with half as many, which fit the first, a step of wide layers
 * takes 2% longer. */
#define BF16_BLOCK 1024

/* Rows of W that are updated while NR columns of dZ stay in a cache. */
#define BF16_UPDATE_ROWS (8 * MR)

/* Numbers of scratch memory of a thread: a panel, or the pairs of its columns of a batch. */
#define BF16_PANEL      (BF16_BLOCK / 2 * NR)
#define BF16_STRIP(M)   (((M) + 1) / 2 * BF16_UPDATE_ROWS)
#define BF16_SCRATCH(M) (BF16_PANEL > BF16_STRIP(M) ? BF16_PANEL : BF16_STRIP(M))

/* Rows of a batch, in whole tiles. */
#define BF16_ROWS(M) (((M) + MR - 1) / MR * MR)

#if REAL_BITS == 32

typedef struct {
    /* to[p * group + j] = pair p of row j of B: B[j * ldb + 2 p] and the next; 0 from `width` on */
    void (*rows)(const float *B, ptrdiff_t ldb, ptrdiff_t depth, ptrdiff_t width, ptrdiff_t group,
                 uint32_t *to);
    /* the same of columns: B[2 p * ldb + j], and that below */
    void (*columns)(const float *B, ptrdiff_t ldb, ptrdiff_t depth, ptrdiff_t width,
                    ptrdiff_t group, uint32_t *to);
    /* sums[i * NR + j] = the sum over n pairs a[p * MR + i], b[p * NR + j], i < rows, j < width */
    void (*tile)(int rows, ptrdiff_t width, ptrdiff_t n, const uint32_t *a, const uint32_t *b,
                 float *sums);
} minnet_bf16;

#endif

_Static_assert(BF16_BLOCK % 2 == 0, "blocks are whole pairs");

#endif
