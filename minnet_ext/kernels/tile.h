/* The sizes of tiles and blocks: what each is, and why it is so large.  Whoever changes one
 * measures benchmarks/products.c and benchmarks/gemm.py before and after; what must hold between
 * them is asserted at the end.
 *
 * BLOCK_K, FEW_ROWS, HELD_ROWS, NARROW, NR and SQUARES_PIECE say in which order sums run, so that
 * another value gives other bits; the other sizes do not.
 */
#ifndef MINNET_TILE_H
#define MINNET_TILE_H

#include "vec.h"

/* ---- the micro-kernels of gemm.h */

/* A tile is MR rows of NR columns, whose sums stay in registers: 24 of 32 with AVX-512, 12 of 16
 * else. A tile of fewer rows is a case of the switch in `tile_rows`, which has 12. */
#if VBYTES == 64
#define MR 12
#else
#define MR 6
#endif
#define NR (2 * LANES)

/* Products of rows with rows: up to DOT_A of A (the cases of the switch in `dots`) with DOT_B of B
 * at a time, so many sums fit into registers. */
#if VBYTES == 64
#define DOT_A 5
#define DOT_B 3
#else
#define DOT_A 2
#define DOT_B 4
#endif
#define DOTS \
    ((DOT_A * DOT_B + LANES - 1) / LANES * LANES) /* numbers that they leave: whole vectors */

/* Updates of up to HELD_ROWS rows of a batch (the cases of the switch in `update_held`) keep HELD
 * vectors of each row of dZ in registers. */
#define HELD_ROWS 12
#if VBYTES == 64
#define HELD 2
#else
#define HELD 1
#endif
#define HELD_DEPTH (3 * NR) /* rows of W that they take at a time, at most: 2% over NR */

/* The first-level cache: bytes of dZ of few rows that stay in it, the bytes after which addresses
 * fall on the same place, and how many lines of one place it keeps at the same time. */
#define NEAR_BYTES (24 << 10)
#define SAME_PLACE 4096
#define WAYS       12

/* And fetch the next ones where there are more than FAR_BYTES of weights, from a batch of FAR_ROWS
 * on, if there is one thread: 7 to 12% of a step of the paper's network (benchmarks/workloads.py).
 * With weights in the second-level cache that costs 1 to 5%, with fewer rows, which wait for memory
 * anyway, 1 to 4%. With two threads it gains 4% where both cores have one last cache, and costs 8%
 * where each has its own. */
#define FAR_BYTES (4 << 20)
#define FAR_ROWS  8

/* ---- the blocks of product.h and dense.h */

/* Of a batch: up to FEW_ROWS, packing W costs more than it saves; beyond PACK_ROWS, packing the
 * batch saves more than it costs. */
#define FEW_ROWS  (2 * MR)
#define PACK_ROWS 192

/* And no batch is packed for sums of fewer terms: 9% of a step of 64-100-10 with 200 rows. */
#define PACK_DEPTH 300

/* A panel is NR columns of B, at most BLOCK_K rows of them: it fits the first-level cache. BLOCK_M
 * packed rows of A, as deep, fit the second-level cache. A batch of 512 is one block with AVX-512:
 * packing W once and not twice is 3 to 5% of its products. */
#define BLOCK_K 384
#if VBYTES == 64
#define BLOCK_M (43 * MR)
#else
#define BLOCK_M (40 * MR)
#endif

/* Updates of many rows: blocks of W for which the columns of X and dZ fit the second-level cache.
 */
#define UPDATE_ROWS    (8 * MR)
#define UPDATE_COLUMNS (4 * NR)

/* Updates of few rows: of W so many bytes at most, in steps of NR rows up to HELD_DEPTH, which dX
 * has just read: they are still in the second-level cache. */
#define FEW_BYTES (400 << 10)

/* Predicted together by one thread: so many rows that packing W is 5% of it. */
#define INFERENCE_ROWS 192

/* Weights of so many numbers or more are beyond the second-level cache with the optimizer's state:
 * those that a tile changes are fetched before its sums are made. */
#define FAR_NUMBERS (64 << 10)

/* Numbers of scratch memory that a product takes, for a panel and for packed rows of A. */
#define PANEL_SIZE         (BLOCK_K * NR)
#define PRODUCT_SCRATCH(M) (PANEL_SIZE + ((M) > PACK_ROWS ? BLOCK_K * BLOCK_M : 0))

/* ---- narrow.h */

/* Up to so many outputs, lanes lie along the inputs: along the outputs a quarter of them or more
 * would be idle, or the other way around of two vectors. In vectors of 4 the lanes that are idle
 * cost less than their sums at the end. */
#if VBYTES == 64
#define NARROW 12
#elif LANES == 8
#define NARROW 4
#else
#define NARROW 0
#endif
#define NARROW_SCRATCH PANEL_SIZE /* numbers of W turned around, at most */

/* ---- sparse.h */

/* Vectors of columns whose sums stay in registers: the cases of the switches there. */
#if VBYTES == 64
#define SPARSE_VECTORS 8 /* with as many sums of squares, 16 of 32 registers */
#else
#define SPARSE_VECTORS 4
#endif
#define SPARSE_AHEAD 8 /* entries: their rows of W are fetched that long before */

/* ---- piecewise.h */

/* Vectors of columns in a panel: the cases of the switches in piecewise_layer.h. */
#define PIECEWISE_VECTORS    4
#define PIECEWISE_AHEAD      4 /* rows of W are fetched that long before */
#define PIECEWISE_SCRATCH(M) (PANEL_SIZE + (M) * PIECEWISE_VECTORS * LANES + 4 * ROW_UNIT)

/* ---- data.h: rows of so many bytes or more are fetched so many rows before they are copied. */

#define GATHER_BYTES 1024
#define GATHER_AHEAD 2

/* ---- the rest */

#define LOSS_ROWS     32   /* rows whose sums wait for their logarithms together */
#define FEW_CLASSES   16   /* so many or fewer: a softmax takes its exponentials across rows */
#define SQUARES_PIECE 4096 /* squares added up in `real` before they are added to a double */
#define USER_NUMBERS  512  /* in a call of a user's activation, at most */
#define USER_GROUP    64   /* a multiple of what a compiler takes at a time */
#define ROW_UNIT      32   /* rows of buffers are multiples of it, so that tiles need no edge */

_Static_assert(MR == 6 || MR == 12, "the switch in tile_rows has these cases");
_Static_assert(DOT_A == 5 || DOT_A == 2, "the switch in dots has these cases");
_Static_assert(FEW_ROWS <= PACK_ROWS, "a batch that is packed is not one of few rows");
_Static_assert(BLOCK_M % MR == 0 && UPDATE_ROWS % MR == 0, "blocks of rows are whole tiles");
_Static_assert(UPDATE_COLUMNS % NR == 0 && ROW_UNIT % NR == 0, "blocks of columns are whole tiles");
_Static_assert(INFERENCE_ROWS % MR == 0, "a block of predicted rows is whole tiles");
_Static_assert(BLOCK_K % 8 == 0, "block_of rounds up to eights");
_Static_assert(SQUARES_PIECE % (4 * LANES) == 0, "a piece is whole vectors, four at a time");
_Static_assert(LOSS_ROWS % LANES == 0, "logarithms are taken of whole vectors");
_Static_assert(USER_GROUP % LANES == 0 && USER_NUMBERS % USER_GROUP == 0,
               "groups are whole vectors");

#endif
