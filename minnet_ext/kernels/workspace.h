/* What a layer works with: its buffers, and the context of a step.
 *
 * All memory of training lies in one block that the caller owns (hyper->workspace); `lay_out` says
 * how large it must be, and where what is.
 */
#ifndef MINNET_WORKSPACE_H
#define MINNET_WORKSPACE_H

#include <math.h>

#include "bf16.h"
#include "data.h"
#include "table.h"
#include "threads.h"
#include "tile.h"
#include "update.h"

#ifdef __SANITIZE_ADDRESS__ /* what lies in one block of memory is kept apart: `make sanitize` */
#include <sanitizer/asan_interface.h>
#define GAP                 64
#define GUARD(gap)          ASAN_POISON_MEMORY_REGION(gap, GAP)
#define UNGUARD(all, bytes) ASAN_UNPOISON_MEMORY_REGION(all, bytes)
#else
#define GAP                 0
#define GUARD(gap)          ((void)0)
#define UNGUARD(all, bytes) ((void)0)
#endif

/* The inputs of a layer, or its outputs, for a batch: rows of `ld` numbers. */
typedef struct {
    ptrdiff_t ld;
    real *Y, *Z; /* outputs, and what the activation was applied to: Y where it is not read again */
    real *d;     /* the gradient of the loss by Z */
    real *extra; /* what a layer keeps for its way back: dropout its mask, normalization X_hat; or a
                  * split for its add */
    real *moments; /* normalization's in several processes: ld means, ld variances of the step */
    real *inverse; /* of each column: normalization's 1 / standard deviation (LayerNorm's is of each
                    * row), an add's part of ds */
} layer_buffers;

/* The rows of a batch by piece (piecewise.h): those of column i, in piece or code j, are `row` at
 * i * ld from end[first + i + j - 1] (0 for j = 0) to end[first + i + j]. */
typedef struct {
    ptrdiff_t ld, n_numbers, n_codes; /* columns of codes */
    int32_t *end, *row;
    real *u;       /* how far in its piece each of them is, in the same order */
    real *numbers; /* the columns that are numbers, one after the other, and few pieces' */
    float *drawn;  /* for each column of codes, row by row, where such are dropped */
} sorted_rows;

typedef struct {
    layer_buffers *at; /* inputs of layer i at [i], its outputs at [i + 1] */
    ptrdiff_t widest;  /* the largest `ld` */
    real *factor, *p;  /* of each row: see `weigh` */
    real *targets;     /* sparse targets: those of the batch, row by row; or NULL */
    real *grads;       /* the whole gradient, where it is wanted or clipped by its norm; or NULL */
    uint32_t *pairs,   /* of the batch under a layer whose products are in bfloat16, */
        *gradient_pairs; /* and of dZ: see bf16_layer.h */
    real *scratch;       /* scratch_size numbers a thread */
    ptrdiff_t scratch_size;
    int is_far;  /* whether the next rows of W are fetched in an update: see tile.h */
    real *parts; /* of few rows and several threads: see forward_by_blocks; or NULL */
    double *row_loss,
        *partial;  /* the loss of each row; sums of squares of pieces of the parameters */
    int32_t *slot; /* sparse rows, exact steps: see sparse_layer.h; or NULL */
    int64_t *used;
    real *G;
    ptrdiff_t n_used;   /* rows of W with a slot */
    sorted_rows sorted; /* under a first layer that is piecewise linear */
    minnet_barrier barrier;
} workspace;

/* What one thread knows of the step that it is in. */
typedef struct {
    const minnet_network *net;
    const minnet_data *data;
    minnet_hyper *hyper; /* NULL: no training */
    workspace *w;
    minnet_fill uniform;  /* random numbers for dropout */
    int t, T;             /* this thread, of how many */
    real *scratch, *sums; /* its own: for products, and four rows of any layer */
    ptrdiff_t n_params;
    double l2;         /* alpha over the sum of sample weights */
    double lazy_scale; /* the first layer's W is so many times what is kept: see sparse_layer.h */
    ptrdiff_t from, M; /* the batch: M rows of the order at `from`; */
    int64_t position;  /* samples drawn before them; */
    ptrdiff_t length;  /* and rows of the batch, M unless other processes have some */
    int ended;         /* see share.h */
    double rate;       /* of the step; and what it does to each parameter: */
    minnet_step common;
    double squares;      /* of all weights, as far as they are known; the rest is in `partial`, */
    ptrdiff_t n_squares; /* so many sums */
} step_context;

INLINE void wait_for_all(step_context *c) {
    (void)c;
    BARRIER(&c->w->barrier, c->T);
}

INLINE real *params_at(const step_context *c, int64_t offset) {
    return (real *)c->net->params + offset;
}

/* The optimizer's state, or NULL where it has none. */
INLINE real *state_at(void *state, ptrdiff_t offset) {
    return state ? (real *)state + offset : NULL;
}

INLINE ptrdiff_t padded(ptrdiff_t n) {
    /* whole tiles of either width, but no multiple of 4096 bytes, where rows fall on each other in
     * the first-level cache */
    ptrdiff_t p = (n + ROW_UNIT - 1) / ROW_UNIT * ROW_UNIT;
    return p % 512 == 0 ? p + ROW_UNIT : p;
}

/* The row length of the inputs of layer i, which are the outputs of layer i - 1; sparse inputs and
 * those of a piecewise linear layer are not there. */
INLINE ptrdiff_t row_length(const minnet_network *net, const minnet_data *data, ptrdiff_t i) {
    if (i == 0) return data->indptr ? 0 : padded((ptrdiff_t)net->layers[0].n_in);
    if (net->layers[i - 1].kind == LAYER_PIECEWISE_LINEAR) return 0;
    return padded((ptrdiff_t)net->layers[i - 1].n_out);
}

INLINE ptrdiff_t widest_row(const minnet_network *net, const minnet_data *data) {
    ptrdiff_t widest = 0;
    for (ptrdiff_t i = 0; i <= (ptrdiff_t)net->n_layers; i++) {
        const ptrdiff_t ld = row_length(net, data, i);
        if (ld > widest) widest = ld;
    }
    return widest;
}

/* The next piece of a block of memory; without a block, only its size grows. */
typedef struct {
    char *base;
    size_t size;
} arena;

INLINE void *take(arena *a, ptrdiff_t n, size_t size) {
    char *at = a->base ? a->base + a->size : NULL;
    a->size += ((size_t)n * size + 63) / 64 * 64 + GAP;
    if (at) GUARD(a->base + a->size - GAP);
    return at;
}
#define TAKE(n, type) ((type *)take(a, n, sizeof(type)))

/* The rows of the order from which on a step has its own; step + 1: up to which. */
INLINE ptrdiff_t first_row(const minnet_data *data, const minnet_hyper *hyper, int64_t step) {
    if (hyper->share) return (ptrdiff_t)hyper->share->bounds[step];
    const int64_t first = step * hyper->batch_size;
    return (ptrdiff_t)(first < data->n_samples ? first : data->n_samples);
}

/* The most entries that one batch of sparse rows has. */
static ptrdiff_t most_entries(const minnet_data *data, const minnet_hyper *hyper) {
    ptrdiff_t most = 0;
    for (int64_t step = hyper->start; step < hyper->stop; step++) {
        const ptrdiff_t end = first_row(data, hyper, step + 1);
        ptrdiff_t entries = 0;
        for (ptrdiff_t i = first_row(data, hyper, step); i < end; i++) {
            const int64_t row = data_row(data, i);
            entries += (ptrdiff_t)(data->indptr[row + 1] - data->indptr[row]);
        }
        if (entries > most) most = entries;
    }
    return most;
}

static void lay_out_layers(workspace *w, arena *a, const minnet_network *net,
                           const minnet_data *data, ptrdiff_t batch, int shared) {
    const ptrdiff_t L = (ptrdiff_t)net->n_layers;
    w->at = TAKE(L + 1, layer_buffers);
    w->widest = widest_row(net, data);
    for (ptrdiff_t i = 0; i <= L; i++) {
        const minnet_layer *layer = i > 0 ? &net->layers[i - 1] : NULL;
        layer_buffers b = {.ld = row_length(net, data, i)};
        const int splits = layer && layer->kind == LAYER_SPLIT; /* its outputs are its inputs */
        b.Y = !splits ? TAKE(batch * b.ld, real) : w->at ? w->at[i - 1].Y : NULL;
        b.d = TAKE(batch * b.ld, real);
        b.Z = layer && layer->needs_Z ? TAKE(batch * b.ld, real) : b.Y;
        if (splits) b.extra = b.Y;
        else if (layer && layer->kind != LAYER_DENSE && layer->kind != LAYER_ADD) {
            b.extra = TAKE(batch * b.ld, real);
        }
        if (layer && (layer->kind == LAYER_BATCH_NORM || layer->kind == LAYER_ADD)) {
            b.inverse = TAKE(b.ld, real);
        }
        if (layer && layer->kind == LAYER_BATCH_NORM && shared) b.moments = TAKE(2 * b.ld, real);
        if (layer && layer->kind == LAYER_LAYER_NORM) b.inverse = TAKE(batch, real);
        if (w->at) w->at[i] = b;
    }
}

static void lay_out_sorted(sorted_rows *sorted, arena *a, const minnet_network *net,
                           ptrdiff_t batch) {
    const minnet_layer *layer = &net->layers[0];
    if (layer->kind != LAYER_PIECEWISE_LINEAR) return;
    const minnet_column *columns = (const minnet_column *)(intptr_t)layer->columns;
    const ptrdiff_t n = (ptrdiff_t)layer->n_in;
    sorted->n_numbers = sorted->n_codes = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sorted->n_numbers += (ptrdiff_t)columns[i].n_numbers;
        sorted->n_codes += columns[i].n_codes > 0;
    }
    sorted->ld = padded(batch);
    sorted->end = TAKE((ptrdiff_t)layer->n_out + n, int32_t);
    sorted->row = TAKE(n * sorted->ld, int32_t);
    sorted->u = TAKE(n * sorted->ld, real);
    sorted->numbers = TAKE(sorted->n_numbers * sorted->ld, real);
    sorted->drawn = layer->rate > 0 ? TAKE(batch * sorted->n_codes, float) : NULL;
}

/* The inputs and outputs, at most, of layers whose products are in bfloat16; 0 without any. */
INLINE ptrdiff_t widest_of_bf16(const minnet_network *net) {
    ptrdiff_t widest = 0;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)net->n_layers; i++) {
        const minnet_layer *layer = &net->layers[i];
        if (layer->precision == PRECISION_OWN) continue;
        if ((ptrdiff_t)layer->n_in > widest) widest = (ptrdiff_t)layer->n_in;
        if ((ptrdiff_t)layer->n_out > widest) widest = (ptrdiff_t)layer->n_out;
    }
    return widest;
}

/* Numbers of scratch memory that a thread takes for the products of a batch. */
INLINE ptrdiff_t product_scratch(const minnet_network *net, ptrdiff_t batch) {
    const ptrdiff_t piecewise = PIECEWISE_SCRATCH(batch), bf16 = BF16_SCRATCH(batch);
    ptrdiff_t most = PRODUCT_SCRATCH(batch);
    if (net->layers[0].kind == LAYER_PIECEWISE_LINEAR && piecewise > most) most = piecewise;
    if (widest_of_bf16(net) > 0 && bf16 > most) most = bf16;
    return most;
}

/* Numbers of the sums of all blocks of a layer, the largest of them. */
static ptrdiff_t most_parts(const minnet_network *net, const minnet_data *data, ptrdiff_t batch) {
    ptrdiff_t most = 0;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)net->n_layers; i++) {
        const ptrdiff_t blocks = ((ptrdiff_t)net->layers[i].n_in + BLOCK_K - 1) / BLOCK_K;
        const ptrdiff_t size = blocks * batch * row_length(net, data, i + 1);
        const int dense = net->layers[i].kind == LAYER_DENSE && !(i == 0 && data->indptr);
        if (dense && size > most) most = size;
    }
    return most;
}

/* Where what is in a block of memory at `base`; returns how many bytes that takes. NULL: only the
 * latter. */
static size_t lay_out(workspace *w, char *base, const minnet_network *net, const minnet_data *data,
                      const minnet_hyper *hyper, ptrdiff_t n_params) {
    arena block = {base, 0}, *a = &block;
    const ptrdiff_t batch = (ptrdiff_t)hyper->batch_size;
    const int shared = hyper->share && hyper->share->reduce;
    lay_out_layers(w, a, net, data, batch, shared);
    w->factor = TAKE(padded(batch), real);
    w->p = TAKE(padded(batch), real);
    w->targets = NULL;
    if (data->t_indptr) {
        w->targets = TAKE(batch * (ptrdiff_t)net->layers[net->n_layers - 1].n_out, real);
    }
    w->grads = shared ? hyper->share->numbers : hyper->gradient;
    if (!w->grads && hyper->clip_norm < INFINITY) w->grads = TAKE(padded(n_params), real);
    lay_out_sorted(&w->sorted, a, net, batch);
    const ptrdiff_t of_bf16 = widest_of_bf16(net);
    w->pairs = TAKE((of_bf16 + 1) / 2 * BF16_ROWS(batch), uint32_t);
    w->gradient_pairs = TAKE((batch + 1) / 2 * padded(of_bf16), uint32_t);
    w->scratch_size = product_scratch(net, batch) + 4 * w->widest;
    w->scratch = TAKE((ptrdiff_t)hyper->n_threads * w->scratch_size, real);
    w->is_far = hyper->n_threads == 1 && n_params > FAR_BYTES / (ptrdiff_t)sizeof(real);
    w->parts = NULL;
    if (hyper->n_threads > 1 && batch <= FEW_ROWS) {
        w->parts = TAKE(most_parts(net, data, batch), real);
    }
    w->row_loss = TAKE(batch, double);
    ptrdiff_t n_partial = n_params / SQUARES_PIECE + 1;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)net->n_layers; i++) {
        n_partial += (ptrdiff_t)net->layers[i].n_in / NR + 1;
    }
    w->partial = TAKE(n_partial, double);
    w->slot = NULL;
    if (data->indptr && !hyper->lazy && net->layers[0].trainable) {
        const ptrdiff_t K = (ptrdiff_t)net->layers[0].n_in, most = most_entries(data, hyper);
        const ptrdiff_t rows = most < K ? most : K;
        w->slot = TAKE(K, int32_t);
        w->used = TAKE(rows, int64_t);
        w->G = TAKE(rows * (ptrdiff_t)net->layers[0].n_out + LANES, real);
    }
    return block.size;
}
#undef TAKE

#endif
