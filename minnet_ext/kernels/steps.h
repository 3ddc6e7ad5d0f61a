/* The loop over steps, and what each layer does in it.  See train.h for the products.
 */

/* Batch normalization of columns [n0, n1): statistics, X_hat, Z = gamma X_hat + beta. */
static void norm_forward(const minnet_layer *layer, const minnet_network *net, int of_batch,
                               int update, ptrdiff_t M, const real *X, ptrdiff_t ldx, const real *p, real *X_hat, real *inverse,
                               real *Z, real *Y, ptrdiff_t ld, ptrdiff_t n0, ptrdiff_t n1) {
    const real *gamma = (const real *)net->params + layer->weight;
    const real *beta = (const real *)net->params + layer->bias;
    real *mean = (real *)net->state + layer->mean, *var = (real *)net->state + layer->variance;
    for (ptrdiff_t n = n0; n < n1; n++) {
        real mu = mean[n], v = var[n];
        if (of_batch) {
            mu = v = 0;
            for (ptrdiff_t m = 0; m < M; m++) mu += X[m * ldx + n] * p[m];
            for (ptrdiff_t m = 0; m < M; m++) {
                real x = X[m * ldx + n] - mu;
                v += x * x * p[m];
            }
            if (update) {
                mean[n] = mean[n] * (real)layer->momentum + mu * (real)(1 - layer->momentum);
                var[n] = var[n] * (real)layer->momentum + v * (real)(1 - layer->momentum);
            }
        }
        inverse[n] = 1 / (real)sqrt((double)(v + (real)layer->epsilon));
        for (ptrdiff_t m = 0; m < M; m++) {
            real x = (X[m * ldx + n] - mu) * inverse[n];
            X_hat[m * ld + n] = x;
            Z[m * ld + n] = gamma[n] * x + beta[n];
        }
    }
    if (n0 < n1) {
        activate(layer, Z + n0, Y + n0, ld, M, n1 - n0);
    }
}

/* dX of columns [n0, n1) from dZ, and the gradients of gamma and beta, n1 - n0 of each. */
static void norm_backward(const minnet_layer *layer, const minnet_network *net, ptrdiff_t M,
                                const real *p, const real *X_hat, const real *inverse, const real *dZ,
                                ptrdiff_t ld, real *dX, ptrdiff_t ldx, real *dgamma, real *dbeta,
                                ptrdiff_t n0, ptrdiff_t n1) {
    const real *gamma = (const real *)net->params + layer->weight;
    for (ptrdiff_t n = n0; n < n1; n++) {
        real along = 0, sum = 0;
        for (ptrdiff_t m = 0; m < M; m++) {
            along += dZ[m * ld + n] * X_hat[m * ld + n];
            sum += dZ[m * ld + n];
        }
        dgamma[n - n0] = along;
        dbeta[n - n0] = sum;
        if (!dX) continue;
        real scale = gamma[n] * inverse[n];
        if (!layer->trainable) along = sum = 0;
        for (ptrdiff_t m = 0; m < M; m++) {
            real g = dZ[m * ld + n];
            dX[m * ldx + n] = (g - p[m] * (sum + X_hat[m * ld + n] * along)) * scale;
        }
    }
}

/* Gradient of a bias: the sums of columns [n0, n1) of dZ. */
static void column_sums(ptrdiff_t M, const real *dZ, ptrdiff_t ld, real *sums, ptrdiff_t n0,
                              ptrdiff_t n1) {
    for (ptrdiff_t n = n0; n < n1; n += LANES) {
        vreal sum = splat(0);
        for (ptrdiff_t m = 0; m < M; m++) sum = sum + load(dZ + m * ld + n);
        store(sums + n - n0, sum);
    }
}

/* dY = dY f'(Z) for some rows of n numbers, all with rows of the same length. */
INLINE void through_activation(const minnet_layer *layer, const real *Z, const real *Y, real *dY,
                                     ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t n) {
    differentiate(layer, Z, Y, ld, dY, ld, rows, n);
}

/* Sum of squares of x / scale. */
static double sum_of_squares(const real *x, ptrdiff_t n, real scale) {
    const real inverse = 1 / scale;
    double sum = 0;
    for (ptrdiff_t i = 0; i < n;) { /* few enough at a time to add up in `real` */
        const ptrdiff_t stop = i + SQUARES_PIECE < n ? i + SQUARES_PIECE : n;
        vreal s[4] = {splat(0), splat(0), splat(0), splat(0)};
        for (; i + 4 * LANES <= stop; i += 4 * LANES) {
            UNROLLED for (int j = 0; j < 4; j++) {
                vreal v = load(x + i + j * LANES) * inverse;
                s[j] = v * v + s[j];
            }
        }
        for (; i < stop; i += LANES) {
            vreal v = load_part(x + i, stop - i) * inverse;
            s[0] = v * v + s[0];
        }
        i = stop;
        sum += sum_of_lanes((s[0] + s[1]) + (s[2] + s[3]));
    }
    return sum;
}

/* The same for pieces of x, one after the other; thread t of T makes its share. */
static ptrdiff_t squares(const real *x, ptrdiff_t n, real scale, double *sums, int t, int T) {
    const ptrdiff_t pieces = (n + SQUARES_PIECE - 1) / SQUARES_PIECE;
    ptrdiff_t begin, end;
    share(pieces, 1, t, T, &begin, &end);
    for (ptrdiff_t k = begin; k < end; k++) {
        const ptrdiff_t i = k * SQUARES_PIECE;
        sums[k] = sum_of_squares(x + i, n - i < SQUARES_PIECE ? n - i : SQUARES_PIECE, scale);
    }
    return pieces;
}

/* Those of rows [k0, k1) of W, NR rows at a time, k0 a multiple of NR: just before the rows are used anyway. */
static void row_squares(const real *W, ptrdiff_t N, double *sums, ptrdiff_t k0, ptrdiff_t k1) {
    for (ptrdiff_t k = k0; k < k1; k += NR) {
        sums[k / NR] = sum_of_squares(W + k * N, (k1 - k < NR ? k1 - k : NR) * N, 1);
    }
}

/* The largest absolute value of each piece, likewise; NaN counts as 0, which leaves it to be seen. */
static ptrdiff_t largest(const real *x, ptrdiff_t n, double *values, int t, int T) {
    const ptrdiff_t pieces = (n + SQUARES_PIECE - 1) / SQUARES_PIECE;
    ptrdiff_t begin, end;
    share(pieces, 1, t, T, &begin, &end);
    for (ptrdiff_t k = begin; k < end; k++) {
        ptrdiff_t i = k * SQUARES_PIECE, stop = i + SQUARES_PIECE < n ? i + SQUARES_PIECE : n;
        real most = 0;
        for (; i < stop; i++) {
            real v = x[i] < 0 ? -x[i] : x[i];
            if (v > most) most = v;
        }
        values[k] = most;
    }
    return pieces;
}

/* With the whole gradient there: L2 is added, elements are clipped, then the norm; the factor that
 * brings it to clip_norm is returned, the same to every thread. */
static double finish_gradient(const minnet_network *net, const minnet_hyper *hyper, real *grads,
                                    ptrdiff_t n_params, double l2, double *partial,
                                    minnet_barrier *barrier, int t, int T) {
    (void)barrier;
    ptrdiff_t begin, end;
    for (ptrdiff_t i = 0; i < (ptrdiff_t)net->n_layers && l2 != 0; i++) {
        const minnet_layer *layer = &net->layers[i];
        if (layer->kind != LAYER_DENSE || !layer->trainable) continue;
        real *g = grads + layer->weight;
        const real *W = (const real *)net->params + layer->weight;
        share((ptrdiff_t)(layer->n_in * layer->n_out), 64, t, T, &begin, &end);
        for (ptrdiff_t j = begin; j < end; j++) g[j] += (real)l2 * W[j];
    }
    BARRIER_OF(barrier)
    if (hyper->clip_value < INFINITY) {
        const real c = (real)hyper->clip_value;
        share(n_params, 64, t, T, &begin, &end);
        for (ptrdiff_t j = begin; j < end; j++) grads[j] = grads[j] > c ? c : grads[j] < -c ? -c : grads[j];
        BARRIER_OF(barrier)
    }
    if (!(hyper->clip_norm < INFINITY)) return 1;
    double most = 0, sum = 0;
    ptrdiff_t pieces = largest(grads, n_params, partial, t, T);
    BARRIER_OF(barrier)
    for (ptrdiff_t k = 0; k < pieces; k++) most = partial[k] > most ? partial[k] : most;
    BARRIER_OF(barrier)
    if (!(most > 0) || !(most < INFINITY)) return 1;
    /* divided by the largest, so that squares do not overflow */
    squares(grads, n_params, (real)most, partial, t, T);
    BARRIER_OF(barrier)
    for (ptrdiff_t k = 0; k < pieces; k++) sum += partial[k];
    const double norm = most * sqrt(sum);
    return norm > hyper->clip_norm ? hyper->clip_norm / norm : 1;
}

/* The parameters of a layer take a step, or (grads) their gradient is only noted. */
INLINE minnet_step step_of(const minnet_step *common, const minnet_layer *layer,
                                 const minnet_hyper *hyper, double rate, int is_weight, double l2) {
    minnet_step s = *common;
    s.rate = common->rate * (is_weight ? layer->lr_factor : layer->bias_lr_factor);
    s.decay = is_weight ? 1 - rate * layer->lr_factor * hyper->weight_decay : 1;
    s.l2 = is_weight ? l2 : 0;
    return s;
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

/* What the loss of each row of a batch is multiplied with, and its share p in the batch's weights. */
static void weigh(const minnet_data *data, ptrdiff_t from, ptrdiff_t M, real *factor, real *p) {
    const double scale = (double)data->n_samples / ((double)M * data->weight_sum);
    double sum = 0;
    for (ptrdiff_t m = 0; m < M; m++) {
        const double w = data->weights ? data->weights[data_row(data, from + m)] : 1;
        factor[m] = (real)(w * scale);
        sum += w;
    }
    for (ptrdiff_t m = 0; m < M; m++) { /* rounded once: the only row of a batch has exactly 1 */
        p[m] = (real)(data->weights && sum > 0 ? data->weights[data_row(data, from + m)] / sum
                                               : 1.0 / (double)M);
    }
}

#define INFERENCE_ROWS 192 /* a multiple of every MR, so many that packing W is 5% of it; a block belongs to one thread */

/* Logits of all rows into `out`, contiguous. */
static int infer(const minnet_network *net, const minnet_data *data, minnet_hyper *hyper, void *to) {
    const ptrdiff_t L = (ptrdiff_t)net->n_layers, n_rows = (ptrdiff_t)data->n_samples;
    const ptrdiff_t rows_most = n_rows < INFERENCE_ROWS ? n_rows : INFERENCE_ROWS;
    const ptrdiff_t blocks = (n_rows + rows_most - 1) / rows_most;
    const ptrdiff_t n_in = (ptrdiff_t)net->layers[0].n_in, n_out = (ptrdiff_t)net->layers[L - 1].n_out;
    const real *params = net->params;
    ptrdiff_t widest = data->indptr ? 0 : padded(n_in);
    for (ptrdiff_t i = 0; i < L; i++) {
        if (padded((ptrdiff_t)net->layers[i].n_out) > widest) widest = padded((ptrdiff_t)net->layers[i].n_out);
    }
    const ptrdiff_t size = 3 * rows_most * widest + widest + PRODUCT_SCRATCH(INFERENCE_ROWS);
    real *memory = calloc((size_t)(size * hyper->n_threads + 16), sizeof(real));
    if (!memory) return -1;

    PARALLEL {
        const int t = omp_get_thread_num(), T = omp_get_num_threads();
        real *X = memory + t * size, *Y = X + rows_most * widest, *spare = Y + rows_most * widest;
        real *inverse = spare + rows_most * widest, *scratch = inverse + widest;
        ptrdiff_t begin, end;
        share(blocks, 1, t, T, &begin, &end);
        for (ptrdiff_t block = begin; block < end; block++) {
            const ptrdiff_t from = block * rows_most;
            const ptrdiff_t M = n_rows - from < rows_most ? n_rows - from : rows_most;
            for (ptrdiff_t m = 0; m < M && !data->indptr; m++) gather(data, from + m, X + m * widest, n_in);
            for (ptrdiff_t i = 0; i < L; i++) {
                const minnet_layer *layer = &net->layers[i];
                if (layer->kind == LAYER_DROPOUT) continue;
                if (layer->kind == LAYER_BATCH_NORM) {
                    norm_forward(layer, net, 0, 0, M, X, widest, NULL, spare, inverse, Y, Y, widest, 0,
                                       (ptrdiff_t)layer->n_out);
                } else if (i == 0 && data->indptr) {
                    sparse_forward(data, from, M, (ptrdiff_t)layer->n_out, params + layer->weight, 1,
                                         params + layer->bias, Y, Y, widest, layer, 0, (ptrdiff_t)layer->n_out);
                } else {
                    const minnet_finish finish = {layer, params + layer->bias, Y, Y, widest};
                    dense_forward(M, (ptrdiff_t)layer->n_in, (ptrdiff_t)layer->n_out, X, widest,
                                        params + layer->weight, Y, widest, &finish, scratch, 0,
                                        (ptrdiff_t)layer->n_out);
                }
                real *swap = X;
                X = Y;
                Y = swap;
            }
            for (ptrdiff_t m = 0; m < M; m++) {
                memcpy((real *)to + (from + m) * n_out, X + m * widest, (size_t)n_out * sizeof(real));
            }
        }
    }
    free(memory);
    return 0;
}

static int64_t train_steps(const minnet_network *net, const minnet_data *data, minnet_hyper *hyper,
                                 int64_t n_params, minnet_fill uniform) {
    const ptrdiff_t L = (ptrdiff_t)net->n_layers;
    const ptrdiff_t batch = (ptrdiff_t)hyper->batch_size;
    const int by_norm = hyper->clip_norm < INFINITY;
    const double l2 = net->alpha / data->weight_sum;
    real *params = net->params, *V = hyper->V, *Mo = hyper->M;

    /* ---- the workspace holds everything */
    ptrdiff_t widest = 0, total = 0;
    ptrdiff_t *ld = malloc((size_t)(L + 1) * sizeof *ld);
    real **pointers = calloc((size_t)(5 * (L + 1)), sizeof *pointers);
    if (!ld || !pointers) { free(ld); free(pointers); return -1; }
    real **in = pointers, **Z = in + L + 1, **d = Z + L + 1, **extra = d + L + 1, **inverse = extra + L + 1;
    for (ptrdiff_t i = 0; i <= L; i++) {
        ptrdiff_t width = i == 0 ? net->layers[0].n_in : net->layers[i - 1].n_out;
        ld[i] = i == 0 && data->indptr ? 0 : padded(width);
        if (ld[i] > widest) widest = ld[i];
    }
    const ptrdiff_t scratch_size = PRODUCT_SCRATCH(batch) + 4 * widest;
    const ptrdiff_t n_threads = (ptrdiff_t)hyper->n_threads;
    for (ptrdiff_t i = 0; i <= L; i++) total += 4 * batch * ld[i] + ld[i];
    total += 2 * padded(batch) + (by_norm ? padded((ptrdiff_t)n_params) : 0) + n_threads * scratch_size;
    total += (5 * (L + 1) + 4) * GAP;
    ptrdiff_t n_partial = (ptrdiff_t)n_params / SQUARES_PIECE + 1;
    for (ptrdiff_t i = 0; i < L; i++) n_partial += (ptrdiff_t)net->layers[i].n_in / NR + 1;
    const int64_t bytes = (int64_t)total * (int64_t)sizeof(real) + (batch + n_partial) * (int64_t)sizeof(double) + 64;
    if (hyper->workspace_bytes < bytes) { free(ld); free(pointers); return bytes; }
    real *next = (real *)(((uintptr_t)hyper->workspace + 63) & ~(uintptr_t)63);
    UNGUARD(hyper->workspace, (size_t)bytes);
#define TAKE(n) (next += (n) + GAP, GUARD(next - GAP), next - GAP - (n))
    for (ptrdiff_t i = 0; i <= L; i++) {
        in[i] = TAKE(batch * ld[i]);
        d[i] = TAKE(batch * ld[i]);
        Z[i] = in[i];
        if (i > 0) {
            const minnet_layer *layer = &net->layers[i - 1];
            if (layer->needs_Z) Z[i] = TAKE(batch * ld[i]);
            if (layer->kind != LAYER_DENSE) extra[i] = TAKE(batch * ld[i]);
            if (layer->kind == LAYER_BATCH_NORM) inverse[i] = TAKE(ld[i]);
        }
    }
    real *factor = TAKE(padded(batch)), *p = TAKE(padded(batch));
    real *grads = hyper->gradient ? hyper->gradient : by_norm ? TAKE(padded((ptrdiff_t)n_params)) : NULL;
    real *scratches = TAKE(n_threads * scratch_size);
    double *row_loss = (double *)next, *partial = row_loss + batch;
#undef TAKE
    /* of sparse rows: exact steps need the gradient of the rows of W that occur in a batch */
    const int exact = data->indptr && !hyper->lazy && net->layers[0].trainable;
    const ptrdiff_t K0 = (ptrdiff_t)net->layers[0].n_in, N0 = (ptrdiff_t)net->layers[0].n_out;
    ptrdiff_t n_used = 0, most = exact ? most_entries(data, hyper) : 0;
    if (most > K0) most = K0;
    int32_t *slot = exact ? calloc((size_t)K0, sizeof *slot) : NULL;
    int64_t *used = exact ? malloc((size_t)(most + 1) * sizeof *used) : NULL;
    real *G = exact ? malloc((size_t)(most * N0 + 1) * sizeof *G) : NULL;
    if (exact && (!slot || !used || !G)) {
        free(slot); free(used); free(G); free(pointers); free(ld);
        return -1;
    }
    minnet_barrier barrier = {0};
    (void)barrier;

    PARALLEL {
        const int t = omp_get_thread_num(), T = omp_get_num_threads();
        real *scratch = scratches + t * scratch_size, *sums = scratch + PRODUCT_SCRATCH(batch);
        ptrdiff_t begin, end, weighed = 0; /* rows whose factors are known */
        double s0 = hyper->lazy ? hyper->lazy[0] : 1; /* the first layer's W is s0 times what is kept */
        if (s0 == 0) {
            s0 = 1;
            share(N0, NR, t, T, &begin, &end);
            if (l2 != 0) {
                column_squares(params + net->layers[0].weight, K0, N0, hyper->lazy + 1, sums, begin, end);
            }
        }
        for (int64_t step = hyper->start; step < hyper->stop; step++) {
            const ptrdiff_t from = (ptrdiff_t)step * batch;
            const ptrdiff_t M = (ptrdiff_t)data->n_samples - from < batch ? (ptrdiff_t)data->n_samples - from : batch;
            const double rate = hyper->rates[step];
            const double made = (double)(hyper->steps_made + (step - hyper->start) + 1);
            minnet_step common = {
                hyper->optimizer, hyper->nesterov, hyper->momentum, hyper->beta_1, hyper->beta_2,
                hyper->epsilon, hyper->clip_value, rate, 1, 1, 0,
            };
            if (hyper->optimizer == OPTIMIZER_ADAM) {
                common.rate = rate / (1 - pow(hyper->beta_1, made));
                common.correct_v = 1 / (1 - pow(hyper->beta_2, made));
            }

            /* ---- the batch */
            share(data->indptr ? 0 : M, 1, t, T, &begin, &end);
            for (ptrdiff_t m = begin; m < end; m++) {
                gather(data, data_row(data, from + m), in[0] + m * ld[0], (ptrdiff_t)net->layers[0].n_in);
            }
            if (t == 0) {
                if (exact) n_used = sparse_slots(data, from, M, slot, used, n_used);
                if (M != weighed || data->weights) weigh(data, from, M, factor, p);
                weighed = M;
            }
            BARRIER

            /* ---- forward */
            for (ptrdiff_t i = 0; i < L; i++) {
                const minnet_layer *layer = &net->layers[i];
                if (layer->kind == LAYER_DROPOUT) {
                    const ptrdiff_t n = (ptrdiff_t)layer->n_out;
                    const minnet_draw draw = {
                        {(uint32_t)hyper->key, (uint32_t)(hyper->key >> 32)},
                        {(uint32_t)layer->stream_index, (uint32_t)layer->stream_code},
                        {0.5, 0.5, 0, 1},
                    };
                    const real keep = (real)(1 / (1 - layer->rate));
                    float *u = (float *)sums;
                    share(M, 1, t, T, &begin, &end);
                    for (ptrdiff_t m = begin; m < end; m++) {
                        const uint64_t at = (uint64_t)(hyper->position + from + m) * (uint64_t)n;
                        uniform(&draw, at, (size_t)n, u);
                        for (ptrdiff_t j = 0; j < n; j++) {
                            const real mask = u[j] >= (float)layer->rate ? keep : 0;
                            extra[i + 1][m * ld[i + 1] + j] = mask;
                            in[i + 1][m * ld[i + 1] + j] = in[i][m * ld[i] + j] * mask;
                        }
                    }
                } else {
                    share((ptrdiff_t)layer->n_out, NR, t, T, &begin, &end);
                    if (layer->kind == LAYER_BATCH_NORM) {
                        norm_forward(layer, net, (int)layer->trainable, !hyper->gradient, M, in[i], ld[i], p, extra[i + 1], inverse[i + 1],
                                           Z[i + 1], in[i + 1], ld[i + 1], begin, end);
                    } else if (i == 0 && data->indptr) {
                        sparse_forward(data, from, M, N0, params + layer->weight, (real)s0,
                                             params + layer->bias, Z[1], in[1], ld[1], layer, begin, end);
                    } else {
                        const minnet_finish finish = {
                            layer, params + layer->bias, Z[i + 1], in[i + 1], ld[i + 1],
                        };
                        dense_forward(M, (ptrdiff_t)layer->n_in, (ptrdiff_t)layer->n_out, in[i], ld[i],
                                            params + layer->weight, Z[i + 1], ld[i + 1], &finish, scratch,
                                            begin, end);
                    }
                }
                BARRIER
            }

            /* ---- loss and its gradient */
            const minnet_layer *top = &net->layers[L - 1];
            share(M, 1, t, T, &begin, &end);
            if (begin < end) {
                const ptrdiff_t n = (ptrdiff_t)top->n_out, at = begin * ld[L];
                loss_rows(net->loss, net->loss_parameter, end - begin, in[L] + at, d[L] + at, ld[L], n,
                                data, from + begin, factor + begin, row_loss + begin);
                through_activation(top, Z[L] + at, in[L] + at, d[L] + at, ld[L], end - begin, n);
            }
            double squares = 0; /* of all weights, for the loss: those of sparse rows are always known */
            ptrdiff_t n_squares = 0;
            if (t == 0 && hyper->lazy && l2 != 0) {
                for (ptrdiff_t v = 0; v < (N0 + LANES - 1) / LANES; v++) squares += hyper->lazy[1 + v];
                squares *= s0 * s0;
            }
            BARRIER

            /* ---- backward and update */
            for (ptrdiff_t i = L - 1; i >= 0; i--) {
                const minnet_layer *layer = &net->layers[i];
                const minnet_layer *below = i > 0 ? &net->layers[i - 1] : NULL;
                const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
                const minnet_step of_weight = step_of(&common, layer, hyper, rate, 1, l2);
                const minnet_step of_bias = step_of(&common, layer, hyper, rate, 0, l2);
                real *dZ = d[i + 1];
#define AT(state, offset) ((state) ? (state) + (offset) : NULL)
                if (layer->kind == LAYER_DROPOUT) {
                    share(M, 1, t, T, &begin, &end);
                    for (ptrdiff_t m = begin; m < end && below; m++) {
                        for (ptrdiff_t j = 0; j < K; j++) {
                            d[i][m * ld[i] + j] = dZ[m * ld[i + 1] + j] * extra[i + 1][m * ld[i + 1] + j];
                        }
                    }
                    if (below && begin < end) {
                        const ptrdiff_t at = begin * ld[i];
                        through_activation(below, Z[i] + at, in[i] + at, d[i] + at, ld[i], end - begin, K);
                    }
                } else if (layer->kind == LAYER_BATCH_NORM) {
                    share(N, NR, t, T, &begin, &end);
                    real *dgamma = sums, *dbeta = sums + widest;
                    norm_backward(layer, net, M, p, extra[i + 1], inverse[i + 1], dZ, ld[i + 1],
                                        below ? d[i] : NULL, ld[i], dgamma, dbeta, begin, end);
                    if (below && begin < end) {
                        through_activation(below, Z[i] + begin, in[i] + begin, d[i] + begin, ld[i], M,
                                                 end - begin);
                    }
                    const ptrdiff_t g = (ptrdiff_t)layer->weight + begin, b = (ptrdiff_t)layer->bias + begin;
                    if (layer->trainable && grads) {
                        memcpy(grads + g, dgamma, (size_t)(end - begin) * sizeof(real));
                        memcpy(grads + b, dbeta, (size_t)(end - begin) * sizeof(real));
                    } else if (layer->trainable && end > begin) {
                        update_run(&of_bias, dgamma, params + g, AT(V, g), AT(Mo, g), end - begin);
                        update_run(&of_bias, dbeta, params + b, AT(V, b), AT(Mo, b), end - begin);
                    }
                } else {
                    const ptrdiff_t w = (ptrdiff_t)layer->weight, b = (ptrdiff_t)layer->bias;
                    share(N, NR, t, T, &begin, &end);
                    if (layer->trainable && end > begin) {
                        column_sums(M, dZ, ld[i + 1], sums, begin, end);
                        if (grads) {
                            memcpy(grads + b + begin, sums, (size_t)(end - begin) * sizeof(real));
                        } else {
                            update_run(&of_bias, sums, params + b + begin, AT(V, b + begin),
                                             AT(Mo, b + begin), end - begin);
                        }
                    }
                    if (i == 0 && data->indptr && !hyper->lazy && l2 != 0) {
                        share(K, NR, t, T, &begin, &end);
                        row_squares(params + w, N, partial + n_squares, begin, end);
                        share(N, NR, t, T, &begin, &end);
                    }
                    if (hyper->lazy && i == 0 && layer->trainable) {
                        s0 = sparse_lazy_step(&of_weight, data, from, M, K, N, dZ, ld[1], params + w, s0,
                                                    l2 != 0 ? hyper->lazy + 1 : NULL, sums, begin, end);
                    } else if (exact && i == 0) {
                        sparse_gradient(data, from, M, N, dZ, ld[1], G, slot, n_used, begin, end);
                        BARRIER
                        share(K, NR, t, T, &begin, &end);
                        sparse_exact_step(&of_weight, N, G, slot, params + w, AT(V, w), AT(Mo, w),
                                                grads ? grads + w : NULL, begin, end);
                    }
                    share(i == 0 && data->indptr ? 0 : K, NR, t, T, &begin, &end);
                    /* a block's rows of W are still in a cache when they are updated */
                    const ptrdiff_t some = M > PACK_ROWS ? end - begin : M > FEW_ROWS ? 4 * NR : NR;
                    for (ptrdiff_t k = begin; k < end; k += some) {
                        const ptrdiff_t k1 = k + some < end ? k + some : end;
                        if (l2 != 0) row_squares(params + w, N, partial + n_squares, k, k1);
                        if (below) {
                            const minnet_finish finish = {below, NULL, Z[i], in[i], ld[i]};
                            dense_backward(M, N, dZ, ld[i + 1], params + w, d[i], ld[i], &finish, scratch,
                                                 k, k1);
                        }
                        if (layer->trainable) {
                            dense_update(&of_weight, M, N, in[i], ld[i], dZ, ld[i + 1], params + w,
                                               AT(V, w), AT(Mo, w), grads ? grads + w : NULL, k, k1);
                        }
                    }
                    if (l2 != 0 && !(hyper->lazy && i == 0)) n_squares += (K + NR - 1) / NR;
                }
#undef AT
                BARRIER
            }
            if (t == 0) {
                double sum = 0;
                for (ptrdiff_t m = 0; m < M; m++) sum += row_loss[m];
                for (ptrdiff_t i = 0; i < n_squares; i++) squares += partial[i];
                hyper->losses[step - hyper->start] = (sum + 0.5 * l2 * squares) * (double)M;
            }

            /* ---- the whole gradient, where it is wanted or clipped by its norm */
            if (grads) {
                const real scale = (real)finish_gradient(net, hyper, grads, (ptrdiff_t)n_params, l2,
                                                               partial, &barrier, t, T);
                if (hyper->gradient) continue;
                for (ptrdiff_t i = 0; i < L; i++) {
                    const minnet_layer *layer = &net->layers[i];
                    if (layer->kind == LAYER_DROPOUT || !layer->trainable) continue;
                    const int dense = layer->kind == LAYER_DENSE;
                    const ptrdiff_t sizes[2] = {(ptrdiff_t)(dense ? layer->n_in * layer->n_out : layer->n_out),
                                                (ptrdiff_t)layer->n_out};
                    const ptrdiff_t at[2] = {(ptrdiff_t)layer->weight, (ptrdiff_t)layer->bias};
                    for (int k = 0; k < 2; k++) {
                        minnet_step s = step_of(&common, layer, hyper, rate, dense && k == 0, 0);
                        s.clip_value = INFINITY;
                        share(sizes[k], NR, t, T, &begin, &end);
                        if (end <= begin) continue;
                        const ptrdiff_t o = at[k] + begin;
                        for (ptrdiff_t j = 0; j < end - begin; j++) grads[o + j] *= scale;
                        update_run(&s, grads + o, params + o, V ? V + o : NULL, Mo ? Mo + o : NULL, end - begin);
                    }
                }
                BARRIER
            }
        }
        if (t == 0 && hyper->lazy) hyper->lazy[0] = s0;
    }
    free(slot);
    free(used);
    free(G);
    UNGUARD(hyper->workspace, (size_t)bytes);
    free(pointers);
    free(ld);
    return 0;
}
