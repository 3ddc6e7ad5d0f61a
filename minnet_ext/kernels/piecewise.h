/* Products of piecewise linear columns (minnet/piecewise.py) with W, whose encoded rows are never
 * made.
 *
 * A column x in piece j, at the share u of its width, gives x W[0] + A[j] + u W[1 + j], with W[k]
 * the column's rows of W and A[j] = W[1] + ... + W[j].  The first term is a product like any other,
 * of all columns that are numbers (and of u of each piece, where they are few).  For the others the
 * rows of a batch are sorted by piece, column by column, once a step.  Then A[j] grows in registers
 * while W is read once, from the lowest piece up, and meets the rows of its piece: two additions,
 * however many pieces there are.  Going backward, the sums of dZ and of u dZ over the rows of a
 * piece are dA[j] and its part of dW[1 + j]; from the highest piece down,
 *
 *     dW[1 + j] = sum of u dZ + dA[j + 1] + dA[j + 2] + ...
 *
 * A code is a piece with the row W[code] alone; where codes are dropped in training, it counts more
 * than 1.  All of it is done for a panel of output columns at a time, for which Z, or dZ, lies
 * packed in a cache near by.  Threads split output columns, and sums run over the rows of a piece
 * as they lie in the batch, so that the bits do not depend on the number of threads.
 *
 * benchmarks/piecewise.py measures it beside the dense products of the encoded rows.  A step cannot
 * be faster than the update of all weights: with few pieces a column, or few rows, little is
 * gained.
 */
#ifndef MINNET_PIECEWISE_H
#define MINNET_PIECEWISE_H

#include "dense_layer.h"
#include "sparse.h"
#include "workspace.h"

INLINE const minnet_column *column_at(const minnet_layer *layer, ptrdiff_t i) {
    return (const minnet_column *)(intptr_t)layer->columns + i;
}

/* The numbers of the pieces of a column: minnet/backends/program.py, lower_columns. */
typedef struct {
    const real *edge, *inverse; /* lower edges; 1 / width, or 0: its edges are the same number */
    ptrdiff_t n;
} column_pieces;

INLINE column_pieces pieces_of(const minnet_layer *layer, const minnet_column *column) {
    const real *numbers = (const real *)(intptr_t)layer->pieces + column->at;
    const ptrdiff_t n = (ptrdiff_t)column->n_pieces;
    return (column_pieces){numbers, numbers + n, n};
}

/* Whether the rows of a batch are sorted by what the column becomes. */
INLINE int is_sorted(const minnet_column *column) {
    return column->n_codes > 0 || column->n_pieces >= column->n_numbers;
}

/* In which piece x lies: the last whose lower edge is at most x, or the first. */
INLINE ptrdiff_t piece_at(const real *edge, ptrdiff_t n, real x) {
    ptrdiff_t at = 0;
    while (n > 1) { /* without branches, which depend on the data */
        const ptrdiff_t half = n / 2;
        at += half & -(ptrdiff_t)(edge[at + half] <= x);
        n -= half;
    }
    return at;
}

/* The same for whole vectors of numbers: of not too many edges, all are counted that are at most x.
 */
static void pieces_at(const column_pieces *p, ptrdiff_t M, const real *x, real *piece) {
    for (ptrdiff_t m = 0; m < M && p->n > 8 * LANES; m++)
        piece[m] = (real)piece_at(p->edge, p->n, x[m]);
    for (ptrdiff_t m = 0; m < M && p->n <= 8 * LANES; m += LANES) {
        const vreal v = load(x + m);
        vreal count = splat(0);
        for (ptrdiff_t j = 1; j < p->n; j++) {
            count = count + where(splat(p->edge[j]) <= v, splat(1), splat(0));
        }
        store(piece + m, count);
    }
}

/* Which code x is, or n where it is none. */
INLINE ptrdiff_t code_at(ptrdiff_t n, real x) {
    if (!(x >= 0 && x < (real)n)) return n; /* NaN, too */
    const ptrdiff_t code = (ptrdiff_t)x;
    return (real)code == x && code < n ? code : n;
}

/* Sorts the rows of a column x by piece or by code.  `end` has room for one bin more than there
 * are: that of no code, which is not read again.  `bin` is scratch for M numbers. */
static void sort_rows(const minnet_layer *layer, const minnet_column *column, ptrdiff_t M,
                      const real *x, real *bin, int32_t *end, int32_t *row, real *u) {
    const column_pieces p = pieces_of(layer, column);
    const ptrdiff_t n_codes = (ptrdiff_t)column->n_codes, n_bins = n_codes > 0 ? n_codes + 1 : p.n;
    memset(end, 0, (size_t)n_bins * sizeof *end);
    for (ptrdiff_t m = 0; m < M && n_codes > 0; m++) bin[m] = (real)code_at(n_codes, x[m]);
    if (n_codes == 0) pieces_at(&p, M, x, bin);
    for (ptrdiff_t m = 0; m < M; m++) end[(ptrdiff_t)bin[m]]++;
    int32_t begin = 0;
    for (ptrdiff_t j = 0; j < n_bins; j++) {
        const int32_t count = end[j];
        end[j] = begin;
        begin += count;
    }
    for (ptrdiff_t m = 0; m < M; m++) {
        const ptrdiff_t j = (ptrdiff_t)bin[m], at = end[j]++;
        row[at] = (int32_t)m;
        if (n_codes == 0) u[at] = (x[m] - p.edge[j]) * p.inverse[j];
    }
}

/* u of all pieces for a column of few, each in a row of `ld` numbers. */
static void encode_few(const minnet_layer *layer, const minnet_column *column, ptrdiff_t M,
                       const real *x, real *to, ptrdiff_t ld) {
    const column_pieces p = pieces_of(layer, column);
    for (ptrdiff_t j = 0; j < p.n; j++, to += ld) {
        for (ptrdiff_t m = 0; m < M; m++) {
            real u = (x[m] - p.edge[j]) * p.inverse[j];
            if (j > 0 && u < 0) u = 0;
            if (j < p.n - 1 && u > 1) u = 1;
            to[m] = u;
        }
    }
}

/* Where the next row of W is that a number is multiplied with: `column` and `row` walk through all
 * of them. */
typedef struct {
    ptrdiff_t column, row;
} number_place;

INLINE ptrdiff_t next_number(const minnet_layer *layer, number_place *at) {
    while (at->row == (ptrdiff_t)column_at(layer, at->column)->n_numbers) {
        at->column++;
        at->row = 0;
    }
    return (ptrdiff_t)column_at(layer, at->column)->first + at->row++;
}

/* What a panel of output columns is computed from: `vectors` of them, the last with `part` lanes.
 */
typedef struct {
    const minnet_layer *layer; /* the piecewise linear one */
    const sorted_rows *sorted;
    ptrdiff_t M, N;
    real code;   /* what a code counts: 1, or more where others are dropped */
    real *block; /* Z or dZ, M packed rows of `vectors` vectors */
    real *panel; /* scratch for a product: PANEL_SIZE numbers */
} piecewise_panel;

/* A column's rows in Z: A[j] + u W[1 + j]. */
INLINE void pieces_forward(const int vectors, int part, const piecewise_panel *p,
                           const minnet_column *column, ptrdiff_t c, const real *W) {
    const column_pieces pieces = pieces_of(p->layer, column);
    const ptrdiff_t N = p->N, ld = p->sorted->ld;
    const int32_t *end = p->sorted->end + column->first + c, *row = p->sorted->row + c * ld;
    const real *u = p->sorted->u + c * ld;
    vreal A[PIECEWISE_VECTORS], w[PIECEWISE_VECTORS];
    for (int v = 0; v < vectors; v++) A[v] = splat(0);
    for (ptrdiff_t j = 0, i = 0; j < pieces.n && i < p->M; j++) {
        const real *from = W + (1 + j) * N;
        for (int v = 0; v < vectors; v++) {
            PREFETCH(from + PIECEWISE_AHEAD * N + v * LANES);
            w[v] = load_vector(from + v * LANES, v, vectors, part);
        }
        for (; i < end[j]; i++) {
            real *z = p->block + row[i] * (vectors * LANES);
            const vreal share = splat(u[i]);
            for (int v = 0; v < vectors; v++) {
                store(z + v * LANES, share * w[v] + (load(z + v * LANES) + A[v]));
            }
        }
        for (int v = 0; v < vectors && pieces.inverse[j] > 0; v++) A[v] = A[v] + w[v];
    }
}

INLINE void codes_forward(const int vectors, int part, const piecewise_panel *p,
                          const minnet_column *column, ptrdiff_t c, const real *W) {
    const int32_t *end = p->sorted->end + column->first + c,
                  *row = p->sorted->row + c * p->sorted->ld;
    const vreal code = splat(p->code);
    for (ptrdiff_t j = 0, i = 0; j < (ptrdiff_t)column->n_codes && i < p->M; j++) {
        if (i == end[j]) continue;
        vreal w[PIECEWISE_VECTORS];
        for (int v = 0; v < vectors; v++) {
            w[v] = load_vector(W + j * p->N + v * LANES, v, vectors, part);
        }
        for (; i < end[j]; i++) {
            real *z = p->block + row[i] * (vectors * LANES);
            for (int v = 0; v < vectors; v++)
                store(z + v * LANES, code * w[v] + load(z + v * LANES));
        }
    }
}

/* The columns that are numbers, times W[0] of each: a product, with these rows of W packed. */
INLINE void numbers_forward(const int vectors, int part, const piecewise_panel *p, const real *W) {
    const ptrdiff_t K = p->sorted->n_numbers, ld = p->sorted->ld;
    for (int v = 0; v < vectors; v += 2) {
        const int two = v + 1 < vectors;
        number_place place = {0, 0};
        for (ptrdiff_t k = 0; k < K; k += BLOCK_K) {
            const ptrdiff_t depth = K - k < BLOCK_K ? K - k : BLOCK_K;
            for (ptrdiff_t i = 0; i < depth; i++) {
                const real *w = W + next_number(p->layer, &place) * p->N + v * LANES;
                real *to = p->panel + i * NR;
                store(to, load_vector(w, v, vectors, part));
                if (two) store(to + LANES, load_vector(w + LANES, v + 1, vectors, part));
            }
            for (ptrdiff_t m = 0; m < p->M; m += MR) {
                const int rows = p->M - m < MR ? (int)(p->M - m) : MR;
                tile(rows, two ? NR : LANES, depth, p->sorted->numbers + k * ld + m, 1, ld,
                     p->panel, NR, 0, p->block + m * vectors * LANES + v * LANES, vectors * LANES,
                     TILE_UPDATE, 1, 1);
            }
        }
    }
}

/* Z = X W of a panel; W points to its first column. */
INLINE void panel_forward(const int vectors, int part, const piecewise_panel *p, const real *W) {
    memset(p->block, 0, (size_t)(p->M * vectors * LANES) * sizeof(real));
    for (ptrdiff_t c = 0; c < (ptrdiff_t)p->layer->n_in; c++) {
        const minnet_column *column = column_at(p->layer, c);
        const real *w = W + (ptrdiff_t)column->first * p->N;
        if (column->n_codes) codes_forward(vectors, part, p, column, c, w);
        else if (is_sorted(column)) pieces_forward(vectors, part, p, column, c, w);
    }
    if (p->sorted->n_numbers) numbers_forward(vectors, part, p, W);
}

/* What a step takes of the weights of a panel, and where their gradient goes: `at` is the place of
 * the panel's first weight. */
typedef struct {
    const minnet_step *step;
    real *W, *V, *Mo, *G;
    ptrdiff_t width;
} panel_weights;

/* The weights of a panel in row k of W take a step with the gradient g; or it is noted. */
static NOINLINE void step_of_row(const panel_weights *w, ptrdiff_t at, const real *g) {
    if (w->G) {
        memcpy(w->G + at, g, (size_t)w->width * sizeof(real));
        return;
    }
    update_run(w->step, g, w->W + at, w->V ? w->V + at : NULL, w->Mo ? w->Mo + at : NULL, w->width);
}

INLINE void fetch_weights(const panel_weights *w, ptrdiff_t at, const int vectors) {
    for (int v = 0; v < vectors; v++) {
        PREFETCH_TO_WRITE(w->W + at + v * LANES);
        if (w->V) PREFETCH_TO_WRITE(w->V + at + v * LANES);
        if (w->Mo) PREFETCH_TO_WRITE(w->Mo + at + v * LANES);
    }
}

INLINE void pieces_backward(const int vectors, const piecewise_panel *p,
                            const minnet_column *column, ptrdiff_t c, const panel_weights *w) {
    const column_pieces pieces = pieces_of(p->layer, column);
    const ptrdiff_t N = p->N, ld = p->sorted->ld, first = (ptrdiff_t)column->first;
    const int32_t *end = p->sorted->end + first + c, *row = p->sorted->row + c * ld;
    const real *u = p->sorted->u + c * ld;
    real g[PIECEWISE_VECTORS * LANES];
    vreal above[PIECEWISE_VECTORS];
    for (int v = 0; v < vectors; v++) above[v] = splat(0);
    for (ptrdiff_t j = pieces.n - 1; j >= 0; j--) {
        fetch_weights(w, (first + 1 + j - PIECEWISE_AHEAD) * N, vectors);
        vreal dA[PIECEWISE_VECTORS], dw[PIECEWISE_VECTORS];
        for (int v = 0; v < vectors; v++) dA[v] = dw[v] = splat(0);
        for (ptrdiff_t i = j > 0 ? end[j - 1] : 0; i < end[j]; i++) {
            const real *d = p->block + row[i] * (vectors * LANES);
            const vreal share = splat(u[i]);
            for (int v = 0; v < vectors; v++) {
                const vreal dz = load(d + v * LANES);
                dA[v] = dA[v] + dz;
                dw[v] = share * dz + dw[v];
            }
        }
        const int is_piece = pieces.inverse[j] > 0;
        for (int v = 0; v < vectors; v++) {
            store(g + v * LANES, is_piece ? dw[v] + above[v] : splat(0));
            above[v] = above[v] + dA[v];
        }
        step_of_row(w, (first + 1 + j) * N, g);
    }
}

INLINE void codes_backward(const int vectors, const piecewise_panel *p, const minnet_column *column,
                           ptrdiff_t c, const panel_weights *w) {
    const ptrdiff_t first = (ptrdiff_t)column->first;
    const int32_t *end = p->sorted->end + first + c, *row = p->sorted->row + c * p->sorted->ld;
    real g[PIECEWISE_VECTORS * LANES];
    for (ptrdiff_t j = 0, i = 0; j < (ptrdiff_t)column->n_codes; j++) {
        fetch_weights(w, (first + j + PIECEWISE_AHEAD) * p->N, vectors);
        vreal sum[PIECEWISE_VECTORS];
        for (int v = 0; v < vectors; v++) sum[v] = splat(0);
        for (; i < end[j]; i++) {
            const real *d = p->block + row[i] * (vectors * LANES);
            for (int v = 0; v < vectors; v++) sum[v] = sum[v] + load(d + v * LANES);
        }
        for (int v = 0; v < vectors; v++) store(g + v * LANES, sum[v] * p->code);
        step_of_row(w, (first + j) * p->N, g);
    }
}

INLINE void numbers_backward(const int vectors, const piecewise_panel *p, const panel_weights *w) {
    const ptrdiff_t K = p->sorted->n_numbers, ld = p->sorted->ld;
    number_place place = {0, 0};
    real g[PIECEWISE_VECTORS * LANES * MR];
    for (ptrdiff_t k = 0; k < K; k += MR) {
        const int rows = K - k < MR ? (int)(K - k) : MR;
        for (int v = 0; v < vectors; v += 2) {
            tile(rows, v + 1 < vectors ? NR : LANES, p->M, p->sorted->numbers + k * ld, ld, 1,
                 p->block + v * LANES, vectors * LANES, 0, g + v * LANES, vectors * LANES,
                 TILE_STORE, 0, 0);
        }
        for (int i = 0; i < rows; i++) {
            step_of_row(w, next_number(p->layer, &place) * p->N, g + i * vectors * LANES);
        }
    }
}

/* The rows of W of a panel take a step with X^T dZ. */
INLINE void panel_backward(const int vectors, const piecewise_panel *p, const panel_weights *w) {
    for (ptrdiff_t c = 0; c < (ptrdiff_t)p->layer->n_in; c++) {
        const minnet_column *column = column_at(p->layer, c);
        if (column->n_codes) codes_backward(vectors, p, column, c, w);
        else if (is_sorted(column)) pieces_backward(vectors, p, column, c, w);
    }
    if (p->sorted->n_numbers) numbers_backward(vectors, p, w);
}

#endif
