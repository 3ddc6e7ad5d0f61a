/* A dense layer in a step: Y = f(X W + b).
 *
 * Its last columns, if they are few beyond whole vectors, are narrow.h's: 4 of 100, which would
 * take a tile of 16. */
#ifndef MINNET_DENSE_LAYER_H
#define MINNET_DENSE_LAYER_H

#include "dense.h"
#include "narrow.h"
#include "squares.h"
#include "workspace.h"

/* What a step does to the weights of a layer, or to its other parameters. */
INLINE minnet_step step_of(const step_context *c, const minnet_layer *layer, int is_weight,
                           double l2) {
    minnet_step s = c->common;
    s.rate = c->common.rate * (is_weight ? layer->lr_factor : layer->bias_lr_factor);
    s.decay = is_weight ? 1 - c->rate * layer->decay_factor * c->hyper->weight_decay : 1;
    s.l2 = is_weight ? l2 : 0;
    return s;
}

/* The n parameters of a layer at `offset`, no weights, take a step with their gradient g; or it is
 * noted. */
static void step_of_vector(const step_context *c, const minnet_layer *layer, const real *g,
                           ptrdiff_t offset, ptrdiff_t n) {
    if (n <= 0) return;
    if (c->w->grads) {
        memcpy(c->w->grads + offset, g, (size_t)n * sizeof(real));
        return;
    }
    const minnet_step step = step_of(c, layer, 0, 0);
    update_run(&step, g, params_at(c, offset), state_at(c->hyper->V, offset),
               state_at(c->hyper->M, offset), n);
}

/* Gradient of a bias: the sums of columns [n0, n1) of dZ. */
static void column_sums(ptrdiff_t M, const real *dZ, ptrdiff_t ld, real *sums, ptrdiff_t n0,
                        ptrdiff_t n1) {
    for (ptrdiff_t n = n0; n < n1; n += NR) { /* in rows of whole tiles */
        vreal sum[NR / LANES];
        UNROLLED
        for (int v = 0; v < NR / LANES; v++) sum[v] = splat(0);
        for (ptrdiff_t m = 0; m < M; m++) {
            const real *d = dZ + m * ld + n;
            UNROLLED
            for (int v = 0; v < NR / LANES; v++) sum[v] = sum[v] + load(d + v * LANES);
        }
        UNROLLED
        for (int v = 0; v < NR / LANES; v++) store(sums + n - n0 + v * LANES, sum[v]);
    }
}

/* The step of columns [begin, end) of the bias of layer i. */
static void step_of_bias(const step_context *c, ptrdiff_t i, ptrdiff_t begin, ptrdiff_t end) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *out = &c->w->at[i + 1];
    if (!layer->trainable || end <= begin) return;
    column_sums(c->M, out->d, out->ld, c->sums, begin, end);
    step_of_vector(c, layer, c->sums, (ptrdiff_t)layer->bias + begin, end - begin);
}

/* Z = X W of few rows, by blocks of rows of W: a thread takes those that it updates, as far as that
 * can be, and finds them in its own cache. Where two cores do not share their last cache, a step of
 * the paper's network takes 1.2 to 1.3 times as long without it, as long as on one thread; where
 * they do, 0.98. The sums of each block lie in `parts` and are added up in the order of one thread:
 * the same bits. */
static void forward_by_blocks(step_context *c, const minnet_layer *layer, const layer_buffers *in,
                              const layer_buffers *out) {
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out, M = c->M;
    const ptrdiff_t most = block_of(K), strips = (N + NR - 1) / NR, size = M * out->ld;
    const real *W = params_at(c, layer->weight);
    real *parts = c->w->parts;
    ptrdiff_t begin, end;
    share((K + most - 1) / most * strips, 1, c->t, c->T, &begin, &end);
    for (ptrdiff_t next; begin < end; begin = next) {
        const ptrdiff_t block = begin / strips, k = block * most, first = block * strips;
        const ptrdiff_t depth = K - k < most ? K - k : most;
        next = first + strips < end ? first + strips : end;
        const ptrdiff_t n1 = (next - first) * NR < N ? (next - first) * NR : N;
        dense_forward(M, depth, N, in->Y + k, in->ld, W + k * N, parts + block * size, out->ld,
                      NULL, c->scratch, (begin - first) * NR, n1);
    }
    wait_for_all(c);
    share(N, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t m = 0; m < M; m++) {
        for (ptrdiff_t n = begin; n < end; n += LANES) {
            const real *part = parts + m * out->ld + n;
            vreal sum = load(part);
            for (ptrdiff_t k = most; k < K; k += most) sum = sum + load(part += size);
            store(out->Z + m * out->ld + n, sum);
        }
    }
}

static void dense_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
    const minnet_finish then = {layer, params_at(c, layer->bias), out->Z, out->Y, out->ld};
    ptrdiff_t begin, end;
    share(N, NR, c->t, c->T, &begin, &end);
    if (c->w->parts && c->T > 1 && c->M <= FEW_ROWS && K > BLOCK_K) {
        forward_by_blocks(c, layer, in, out);
        if (begin < end) finish(&then, out->Z, out->ld, 0, c->M, begin, end - begin);
        return;
    }
    const real *W = params_at(c, layer->weight);
    const ptrdiff_t edge = narrow_edge(K, N), whole = end < N - edge ? end : N - edge;
    dense_forward(c->M, K, N, in->Y, in->ld, W, out->Z, out->ld, &then, c->scratch, begin, whole);
    if (whole < end) {
        narrow_forward(whole, edge, K, in->Y, in->ld, W, N, out->Z, out->ld, &then, c->scratch, 0,
                       c->M);
    }
}

static void dense_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t M = c->M, K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
    const ptrdiff_t edge = narrow_edge(K, N), w = (ptrdiff_t)layer->weight;
    const minnet_step step = step_of(c, layer, 1, c->l2);
    real *W = params_at(c, w), *G = state_at(c->w->grads, w);
    real *V = state_at(c->hyper->V, w), *Mo = state_at(c->hyper->M, w);
    ptrdiff_t begin, end;
    share(N, NR, c->t, c->T, &begin, &end);
    step_of_bias(c, i, begin, end);
    share(K, NR, c->t, c->T, &begin, &end);
    const int plain = is_plain(&step, V, G);
    const ptrdiff_t some = rows_together(plain, M, N, end - begin);
    for (ptrdiff_t k = begin; k < end; k += some) {
        const ptrdiff_t k1 = k + some < end ? k + some : end;
        if (c->l2 != 0) row_squares(W, N, c->w->partial + c->n_squares, k, k1);
        if (i > 0) {
            const minnet_finish finish = {layer - 1, NULL, in->Z, in->Y, in->ld};
            dense_backward(plain, M, N, out->d, out->ld, W, in->d, in->ld, &finish, c->scratch, k,
                           k1);
        }
        if (layer->trainable) {
            const int is_far =
                M > FEW_ROWS ? K * N >= FAR_NUMBERS : c->w->is_far && M >= FAR_ROWS && k1 < end;
            const ptrdiff_t ahead = is_far ? some : 0;
            dense_update(&step, ahead, M, N, in->Y, in->ld, out->d, out->ld, W, V, Mo, G, k, k1,
                         N - edge);
        }
        if (layer->trainable && edge > 0) {
            narrow_update(N - edge, edge, &step, M, in->Y, in->ld, out->d, out->ld, W, N, V, Mo, G,
                          k, k1);
        }
    }
    if (c->l2 != 0) c->n_squares += (K + NR - 1) / NR;
}

#endif
