/* The steps of training, all in one call and one parallel region: gather, forward, loss, backward,
 * update.
 *
 * A layer kind is a header with a `forward` and a `backward` of (context, number of the layer); it
 * reads the buffers at [i] and [i + 1] of workspace.h, and computes its share of rows or columns.
 * A new one is a line in each switch below: a kind that has none is an error of the compiler.
 */
#ifndef MINNET_STEPS_H
#define MINNET_STEPS_H

#include "bf16_layer.h"
#include "clip.h"
#include "dense_layer.h"
#include "dropout_layer.h"
#include "losses.h"
#include "narrow_layer.h"
#include "norm_layer.h"
#include "piecewise_layer.h"
#include "row_norm_layer.h"
#include "share.h"
#include "skip_layer.h"
#include "sparse_layer.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"

static void layer_forward(step_context *c, ptrdiff_t i) {
    switch ((enum layer_kind)c->net->layers[i].kind) {
    case LAYER_DENSE:
        if (i == 0 && c->data->indptr) sparse_layer_forward(c);
        else if (above_pieces(c, i)) piecewise_dense_forward(c);
        else if (is_bf16_layer(c, i)) bf16_layer_forward(c, i);
        else if (is_narrow_layer(c, i)) narrow_layer_forward(c, i);
        else dense_layer_forward(c, i);
        break;
    case LAYER_DROPOUT: dropout_layer_forward(c, i); break;
    case LAYER_BATCH_NORM: norm_layer_forward(c, i); break;
    case LAYER_LAYER_NORM: row_norm_layer_forward(c, i); break;
    case LAYER_SPLIT: split_layer_forward(c, i); break;
    case LAYER_ADD: add_layer_forward(c, i); break;
    case LAYER_PIECEWISE_LINEAR: piecewise_layer_forward(c); break;
    }
}

static void layer_backward(step_context *c, ptrdiff_t i) {
    switch ((enum layer_kind)c->net->layers[i].kind) {
    case LAYER_DENSE:
        if (i == 0 && c->data->indptr) sparse_layer_backward(c);
        else if (above_pieces(c, i)) piecewise_dense_backward(c);
        else if (is_bf16_layer(c, i)) bf16_layer_backward(c, i);
        else if (is_narrow_layer(c, i)) narrow_layer_backward(c, i);
        else dense_layer_backward(c, i);
        break;
    case LAYER_DROPOUT: dropout_layer_backward(c, i); break;
    case LAYER_BATCH_NORM: norm_layer_backward(c, i); break;
    case LAYER_LAYER_NORM: row_norm_layer_backward(c, i); break;
    case LAYER_SPLIT: split_layer_backward(c, i); break;
    case LAYER_ADD: add_layer_backward(c, i); break;
    case LAYER_PIECEWISE_LINEAR: break; /* nothing is below it */
    }
}

#pragma GCC diagnostic pop

/* Which rows, and what the step does to each parameter. */
static void begin_step(step_context *c, int64_t step) {
    const minnet_hyper *hyper = c->hyper;
    const double rate = hyper->rates[step];
    const double made = (double)(hyper->steps_made + (step - hyper->start) + 1);
    c->from = first_row(c->data, hyper, step);
    c->M = first_row(c->data, hyper, step + 1) - c->from;
    c->position = hyper->position + (hyper->share ? hyper->share->positions[step] : c->from);
    c->length = hyper->share ? (ptrdiff_t)hyper->share->lengths[step] : c->M;
    c->rate = rate;
    c->common = (minnet_step){
        .optimizer = hyper->optimizer,
        .nesterov = hyper->nesterov,
        .momentum = hyper->momentum,
        .beta_1 = hyper->beta_1,
        .beta_2 = hyper->beta_2,
        .epsilon = hyper->epsilon,
        .clip_value = hyper->clip_value,
        .rate = rate,
        .correct_v = 1,
        .decay = 1,
    };
    if (hyper->optimizer == OPTIMIZER_ADAM) {
        c->common.rate = rate / (1 - pow(hyper->beta_1, made));
        c->common.correct_v = 1 / (1 - pow(hyper->beta_2, made));
    }
    c->squares = 0;
    c->n_squares = 0;
}

/* The factor of each row, and its share in the batch; `weighed` is for how many they are known. */
static void weigh_batch(const step_context *c, int64_t step, ptrdiff_t *weighed) {
    const minnet_data *data = c->data;
    const minnet_share *s = c->hyper->share;
    if (c->M == *weighed && !data->weights && !s) return;
    const double n_samples = s ? s->n_samples : (double)data->n_samples;
    const double *total = s && s->weights ? &s->weights[step] : NULL;
    weigh(data, c->from, c->M, (double)c->length, n_samples, total, c->w->factor, c->w->p);
    *weighed = c->M;
}

/* The rows of the batch. */
static void gather_batch(step_context *c) {
    const minnet_data *data = c->data;
    workspace *w = c->w;
    const ptrdiff_t n_in = (ptrdiff_t)c->net->layers[0].n_in;
    const ptrdiff_t n_out = (ptrdiff_t)c->net->layers[c->net->n_layers - 1].n_out;
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    for (ptrdiff_t m = begin; m < end; m++) {
        const int64_t row = data_row(data, c->from + m);
        if (!data->indptr) {
            if (m + GATHER_AHEAD < end)
                fetch_row(data, data_row(data, c->from + m + GATHER_AHEAD), n_in);
            gather(data, row, w->at[0].Y + m * w->at[0].ld, n_in);
        }
        if (w->targets) scatter_target(data, row, w->targets + m * n_out, n_out);
    }
    if (c->t != 0) return;
    if (w->slot) w->n_used = sparse_slots(data, c->from, c->M, w->slot, w->used, w->n_used);
}

/* The loss of each row, and its gradient by the uppermost Z. */
static void loss_and_gradient(step_context *c) {
    const minnet_network *net = c->net;
    const ptrdiff_t L = (ptrdiff_t)net->n_layers;
    const minnet_layer *top = &net->layers[L - 1];
    const layer_buffers *out = &c->w->at[L];
    ptrdiff_t begin, end;
    share(c->M, 1, c->t, c->T, &begin, &end);
    if (begin >= end) return;
    const ptrdiff_t n = (ptrdiff_t)top->n_out, at = begin * out->ld;
    const real *targets = c->w->targets ? c->w->targets + begin * n : NULL;
    loss_rows(net->loss, net->loss_parameter, end - begin, out->Y + at, out->d + at, out->ld, n,
              c->data, c->from + begin, targets, c->w->factor + begin, c->w->row_loss + begin);
    differentiate(top, out->Z + at, out->Y + at, out->ld, out->d + at, out->ld, end - begin, n);
}

static void report_loss(step_context *c, int64_t step) {
    const minnet_share *s = c->hyper->share;
    const double l2 = s && !s->leads ? 0 : c->l2;
    double sum = 0, squares = c->squares;
    for (ptrdiff_t m = 0; m < c->M; m++) sum += c->w->row_loss[m];
    for (ptrdiff_t i = 0; i < c->n_squares; i++) squares += c->w->partial[i];
    c->hyper->losses[step - c->hyper->start] = (sum + 0.5 * l2 * squares) * (double)c->length;
}

static void take_step(step_context *c, int64_t step, ptrdiff_t *weighed) {
    const ptrdiff_t L = (ptrdiff_t)c->net->n_layers;
    begin_step(c, step);
    gather_batch(c);
    if (c->t == 0) weigh_batch(c, step, weighed);
    wait_for_all(c);
    for (ptrdiff_t i = 0; i < L; i++) {
        layer_forward(c, i);
        wait_for_all(c);
    }
    loss_and_gradient(c);
    /* of the weights of sparse rows, whose squares are always known; those of others are summed up
     * on the way */
    if (c->t == 0 && c->hyper->lazy && c->l2 != 0) c->squares = sparse_layer_squares(c);
    wait_for_all(c);
    for (ptrdiff_t i = L - 1; i >= 0; i--) {
        layer_backward(c, i);
        wait_for_all(c);
    }
    if (c->t == 0) report_loss(c, step);
    if (!c->w->grads) return;
    if (is_shared(c)) {
        reduce_gradient(c, step - c->hyper->start);
        if (c->ended) return;
        norm_follow_all(c, step);
    }
    const double scale = finish_gradient(c, c->n_params);
    if (c->hyper->gradient) return;
    step_of_all(c, (real)scale);
    wait_for_all(c);
}

static int64_t train_steps(const minnet_network *net, const minnet_data *data, minnet_hyper *hyper,
                           int64_t n_params, minnet_fill uniform) {
    workspace w = {0};
    const int64_t bytes = 64 + (int64_t)lay_out(&w, NULL, net, data, hyper, (ptrdiff_t)n_params);
    if (hyper->workspace_bytes < bytes) return bytes;
    UNGUARD(hyper->workspace, (size_t)bytes);
    char *base = (char *)(((uintptr_t)hyper->workspace + 63) & ~(uintptr_t)63);
    lay_out(&w, base, net, data, hyper, (ptrdiff_t)n_params);
    if (w.slot) memset(w.slot, 0, (size_t)net->layers[0].n_in * sizeof *w.slot);
    /* its gaps and frozen layers count in the norm, and what lies there may be of another layout */
    if (w.grads && !hyper->gradient) memset(w.grads, 0, (size_t)n_params * sizeof(real));
    const int n_threads = (int)hyper->n_threads;
    (void)n_threads;

    PARALLEL
    {
        const int t = omp_get_thread_num();
        ptrdiff_t weighed = 0;
        step_context c = {
            .net = net,
            .data = data,
            .hyper = hyper,
            .w = &w,
            .uniform = uniform,
            .t = t,
            .T = omp_get_num_threads(),
            .scratch = w.scratch + t * w.scratch_size,
            .n_params = (ptrdiff_t)n_params,
            .l2 = net->alpha / data->weight_sum,
        };
        c.sums = c.scratch + (w.scratch_size - 4 * w.widest);
        sparse_layer_begin(&c);
        int64_t step = hyper->start;
        for (; step < hyper->stop; step++) {
            take_step(&c, step, &weighed);
            if (c.ended) break;
        }
        if (t == 0 && hyper->share) hyper->share->taken = step - hyper->start;
        if (t == 0 && hyper->lazy) hyper->lazy[0] = c.lazy_scale;
    }
    UNGUARD(hyper->workspace, (size_t)bytes);
    return 0;
}

#endif
