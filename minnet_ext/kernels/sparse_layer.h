/* The first layer in a step, on sparse rows (CSR).
 *
 * L2 and weight decay would touch all of W.  Plain SGD keeps W / s instead, where every step
 * multiplies the number s, and |W / s|^2 as one sum for each vector of columns, from the changes
 * that it makes.  Any other optimizer moves every weight in every step: it gets the gradient of
 * those rows of W that occur in the batch (each has a slot) and one pass over all of W.
 *
 * W of 50,000 x 100 float32, 64 rows of 80 entries, one core of a Zen 5: 0.15 ms a step with plain
 * SGD, 3.3 ms with momentum, 2.9 ms with Adam.
 */
#ifndef MINNET_SPARSE_LAYER_H
#define MINNET_SPARSE_LAYER_H

#include "dense_layer.h"
#include "sparse.h"
#include "squares.h"
#include "workspace.h"

#define SMALLEST_SCALE 1e-4 /* of W: below it W is multiplied out */

/* Numbers the rows of W that occur in a batch, from 1 on: slot[k] is the number of row k, 0 where
 * it does not occur, used[] the rows by number.  Returns how many; n_used is the count of the batch
 * before. */
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
    for (ptrdiff_t j = 0; j < n_used; j++)
        memset(G + j * N + n0, 0, (size_t)(n1 - n0) * sizeof(real));
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

/* Before the first step: the sums of squares of W, if L2 asks for them. */
static void sparse_layer_begin(step_context *c) {
    const minnet_layer *layer = &c->net->layers[0];
    c->lazy_scale = c->hyper->lazy ? c->hyper->lazy[0] : 1;
    if (c->lazy_scale != 0) return;
    c->lazy_scale = 1;
    if (c->l2 == 0) return;
    ptrdiff_t begin, end;
    share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
    column_squares(params_at(c, layer->weight), (ptrdiff_t)layer->n_in, (ptrdiff_t)layer->n_out,
                   c->hyper->lazy + 1, c->sums, begin, end);
}

/* The sum of squares of W at the moment. */
static double sparse_layer_squares(const step_context *c) {
    const ptrdiff_t N = (ptrdiff_t)c->net->layers[0].n_out;
    double squares = 0;
    for (ptrdiff_t v = 0; v < (N + LANES - 1) / LANES; v++) squares += c->hyper->lazy[1 + v];
    return squares * (c->lazy_scale * c->lazy_scale);
}

static void sparse_layer_forward(step_context *c) {
    const minnet_layer *layer = &c->net->layers[0];
    const layer_buffers *out = &c->w->at[1];
    ptrdiff_t begin, end;
    share((ptrdiff_t)layer->n_out, NR, c->t, c->T, &begin, &end);
    sparse_forward(c->data, c->from, c->M, (ptrdiff_t)layer->n_out, params_at(c, layer->weight),
                   (real)c->lazy_scale, params_at(c, layer->bias), out->Z, out->Y, out->ld, layer,
                   begin, end);
}

static void sparse_layer_backward(step_context *c) {
    const minnet_layer *layer = &c->net->layers[0];
    const layer_buffers *out = &c->w->at[1];
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
    const ptrdiff_t w = (ptrdiff_t)layer->weight;
    const minnet_step step = step_of(c, layer, 1, c->l2);
    real *W = params_at(c, w);
    double *lazy = c->hyper->lazy;
    ptrdiff_t begin, end, k0, k1;
    share(N, NR, c->t, c->T, &begin, &end);
    share(K, NR, c->t, c->T, &k0, &k1);
    step_of_bias(c, 0, begin, end);
    if (!lazy && c->l2 != 0) {
        row_squares(W, N, c->w->partial + c->n_squares, k0, k1);
        c->n_squares += (K + NR - 1) / NR;
    }
    if (!layer->trainable) return;
    if (lazy) {
        c->lazy_scale =
            sparse_lazy_step(&step, c->data, c->from, c->M, K, N, out->d, out->ld, W, c->lazy_scale,
                             c->l2 != 0 ? lazy + 1 : NULL, c->sums, begin, end);
        return;
    }
    sparse_gradient(c->data, c->from, c->M, N, out->d, out->ld, c->w->G, c->w->slot, c->w->n_used,
                    begin, end);
    wait_for_all(c);
    sparse_exact_step(&step, N, c->w->G, c->w->slot, W, state_at(c->hyper->V, w),
                      state_at(c->hyper->M, w), state_at(c->w->grads, w), k0, k1);
}

#endif
