/* Epochs of one network or of several, the members of an ensemble.
 *
 * Members take their steps side by side, each on one thread at a time. A thread takes a few steps
 * of the member that has the most before it and that nobody else has; so five members keep two
 * threads busy to the end. What a member does depends on it alone: which thread takes its steps,
 * and how many at a time, changes no bit. An epoch begins with its order and ends with a look at
 * whether all is finite, the score of the held rows, a copy of the weights if it is the best so
 * far, and the count of epochs without a better loss, which may end the training.
 *
 * A network alone may have several threads for its steps. What an epoch of it costs beside them is
 * its order and about 0.5 us.
 */
#ifndef MINNET_MEMBERS_H
#define MINNET_MEMBERS_H

#include "infer.h"
#include "order.h"
#include "steps.h"

#ifdef _OPENMP
#define ONE_AT_A_TIME _Pragma("omp critical(minnet_members)")
#else
#define ONE_AT_A_TIME
#endif

enum member_status { MEMBER_FINE, MEMBER_DIVERGED, MEMBER_NO_MEMORY, MEMBER_STALLED };
enum member_scoring { SCORING_NONE, SCORING_LOSS, SCORING_REFINEMENT, SCORING_ACCURACY };

/* ---- the order of an epoch */

/* The rows of the epoch that the member is in, as they lie or shuffled; -1: no memory. */
static int put_in_order(minnet_member *m, minnet_fill words) {
    const size_t n = (size_t)m->data.n_samples;
    if (!m->order || m->ordered == m->part) return 0;
    m->ordered = m->part;
    if (m->shuffle) {
        const minnet_draw draw = {
            {(uint32_t)m->hyper.key, (uint32_t)(m->hyper.key >> 32)},
            {(uint32_t)m->part, (uint32_t)m->stream_code},
            {0},
        };
        if (random_order(&draw, words, n, m->order)) return -1;
    } else {
        for (size_t i = 0; i < n; i++) m->order[i] = (int64_t)i;
    }
    for (size_t i = 0; m->rows && i < n; i++) m->order[i] = m->rows[m->order[i]];
    return 0;
}

/* ---- its steps */

/* Steps `start` to `stop` - 1 of the present epoch, of which the last may have a row more. */
static int64_t steps_of_member(minnet_member *m, int64_t start, int64_t stop, minnet_fill uniform) {
    const int64_t last = m->n_steps - 1, before = m->done * m->n_steps;
    const int longer = m->long_step && stop > last;
    minnet_data data = m->data;
    minnet_hyper hyper = m->hyper;
    int64_t status = 0;
    data.order = m->order;
    hyper.rates += before;
    hyper.start = start;
    hyper.stop = longer ? last : stop;
    hyper.losses += before + start;
    if (start < hyper.stop) {
        status = train_steps(&m->network, &data, &hyper, m->n_params, uniform);
        m->hyper.steps_made += hyper.stop - start;
    }
    if (!longer || status) return status;
    const int64_t first = last * hyper.batch_size;
    data.order += first;
    hyper.batch_size = data.n_samples - first;
    hyper.start = 0;
    hyper.stop = 1;
    hyper.rates += last;
    hyper.position += first;
    hyper.losses = m->hyper.losses + before + last;
    hyper.steps_made = m->hyper.steps_made++;
    return train_steps(&m->network, &data, &hyper, m->n_params, uniform);
}

/* ---- the end of an epoch */

static int all_finite(const real *x, ptrdiff_t n) {
    vreal sum = splat(0);
    for (ptrdiff_t i = 0; i < n; i += LANES) sum = sum + load_part(x + i, n - i) * (real)0;
    return sum_of_lanes(sum) == 0;
}

/* The mean loss of n rows with logits Z. */
static double mean_loss(const minnet_member *m, const real *Z, ptrdiff_t n, ptrdiff_t n_out,
                        real *padded_rows) {
    const ptrdiff_t ld = padded(n_out);
    real ones[LOSS_ROWS], *d = padded_rows + LOSS_ROWS * ld;
    double losses[LOSS_ROWS], sum = 0;
    for (int i = 0; i < LOSS_ROWS; i++) ones[i] = 1;
    memset(padded_rows, 0, (size_t)(LOSS_ROWS * ld) * sizeof(real));
    for (ptrdiff_t from = 0; from < n; from += LOSS_ROWS) {
        const ptrdiff_t some = n - from < LOSS_ROWS ? n - from : LOSS_ROWS;
        for (ptrdiff_t i = 0; i < some; i++) {
            memcpy(padded_rows + i * ld, Z + (from + i) * n_out, (size_t)n_out * sizeof(real));
        }
        loss_rows(m->network.loss, m->network.loss_parameter, some, padded_rows, d, ld, n_out,
                  &m->held, from, NULL, ones, losses);
        for (ptrdiff_t i = 0; i < some; i++) {
            const double w = m->held.weights ? m->held.weights[data_row(&m->held, from + i)] : 1;
            sum += w * losses[i];
        }
    }
    return sum / m->held.weight_sum;
}

/* Whether a row with predictions Y is in the right class, or right in all of its columns. */
static int is_right(const minnet_data *held, ptrdiff_t i, const real *Y, ptrdiff_t n_out) {
    if (held->classes) {
        real found = 1;
        const ptrdiff_t class_ = class_of(held, i, n_out, &found);
        ptrdiff_t most = 0;
        for (ptrdiff_t j = 1; j < n_out; j++) most = Y[j] > Y[most] ? j : most;
        return found == 1 && most == class_;
    }
    for (ptrdiff_t j = 0; j < n_out; j++) {
        if ((Y[j] > (real)0.5) != (target(held, data_row(held, i), j) > (real)0.5)) return 0;
    }
    return 1;
}

/* The share of n rows, with finite logits Z, that are right. */
static double accuracy(const minnet_member *m, const real *Z, ptrdiff_t n, ptrdiff_t n_out,
                       real *padded_row) {
    const minnet_outputs outputs = {.n_threads = 1, .link = m->held_link, .temperature = 1};
    double sum = 0;
    memset(padded_row, 0, (size_t)padded(n_out) * sizeof(real));
    for (ptrdiff_t i = 0; i < n; i++) {
        memcpy(padded_row, Z + i * n_out, (size_t)n_out * sizeof(real));
        link_row(&outputs, padded_row, n_out);
        const double w = m->held.weights ? m->held.weights[data_row(&m->held, i)] : 1;
        if (is_right(&m->held, i, padded_row, n_out)) sum += w;
    }
    return sum / m->held.weight_sum;
}

/* Logits and targets of n rows as `refine` takes them; whether all targets are there. */
static int lay_out_logits(const minnet_member *m, const real *Z, ptrdiff_t n, minnet_logits *z,
                          double *to) {
    const minnet_data *held = &m->held;
    const ptrdiff_t ld = z->ld, n_out = z->n_out;
    double *logits = to, *targets = to + n_out * ld, *most, *shares;
    const int softmax = held->classes != NULL;
    most = softmax ? targets : targets + n_out * ld;
    shares = most + ld;
    memset(to, 0, (size_t)(shares + ld - to) * sizeof(double));
    for (ptrdiff_t i = 0; i < n; i++) {
        const int64_t row = data_row(held, i);
        const real *own = Z + i * n_out;
        real found = 1;
        const ptrdiff_t class_ = softmax ? class_of(held, i, n_out, &found) : 0;
        if (found != 1) return 0;
        for (ptrdiff_t j = 0; j < n_out; j++) {
            const double ahead = softmax ? (double)own[j] - (double)own[class_] : (double)own[j];
            logits[j * ld + i] = ahead;
            if (softmax) most[i] = ahead > most[i] ? ahead : most[i];
            else targets[j * ld + i] = (double)target(held, row, j);
        }
        shares[i] = (held->weights ? held->weights[row] : 1) / held->weight_sum;
    }
    z->Z = logits;
    z->T = softmax ? NULL : targets;
    z->most = most;
    z->shares = shares;
    return 1;
}

/* Score and loss of the held rows; -1: no memory. */
static int score_held(minnet_member *m, double *score, double *loss) {
    const ptrdiff_t n = (ptrdiff_t)m->held.n_samples;
    const ptrdiff_t n_out = (ptrdiff_t)m->network.layers[m->network.n_layers - 1].n_out;
    const ptrdiff_t ld = (n + ROW_UNIT - 1) / ROW_UNIT * ROW_UNIT;
    const size_t of_rows = (size_t)(n * n_out + 2 * LOSS_ROWS * padded(n_out)) * sizeof(real);
    const int refines = m->scoring == SCORING_REFINEMENT;
    const size_t of_logits = refines ? (size_t)((2 * n_out + 2) * ld) * sizeof(double) : 0;
    char *memory = malloc(of_logits + of_rows);
    if (!memory) return -1;
    real *Z = (real *)(memory + of_logits);
    *score = *loss = NAN;
    minnet_outputs logits = {.n_threads = m->held_threads, .link = LINK_IDENTITY, .temperature = 1};
    if (infer(&m->network, &m->held, &logits, Z)) {
        free(memory);
        return -1;
    }
    const int finite = all_finite(Z, n * n_out);
    if (m->scoring == SCORING_ACCURACY) {
        *loss = mean_loss(m, Z, n, n_out, Z + n * n_out);
        if (finite) *score = accuracy(m, Z, n, n_out, Z + n * n_out);
    } else if (finite && !refines) {
        *loss = mean_loss(m, Z, n, n_out, Z + n * n_out);
        *score = -*loss;
    } else if (finite) {
        minnet_logits z = {.n_out = n_out, .ld = ld};
        if (lay_out_logits(m, Z, n, &z, (double *)memory)) {
            OF_LEVEL(refine)(&z, score, loss);
            *score = -*score;
        }
    }
    free(memory);
    return 0;
}

static void keep_best(minnet_member *m, double score) {
    m->best_score = score;
    if (!m->best_params) return;
    memcpy(m->best_params, m->network.params, (size_t)m->n_params * sizeof(real));
    if (m->n_state) memcpy(m->best_state, m->network.state, (size_t)m->n_state * sizeof(real));
}

/* As NumPy sums contiguous numbers up, to the bit. */
static double sum_by_pairs(const double *x, int64_t n) {
    if (n > 128) {
        const int64_t half = n / 2 - n / 2 % 8;
        return sum_by_pairs(x, half) + sum_by_pairs(x + half, n - half);
    }
    if (n < 8) {
        double sum = -0.0;
        for (int64_t i = 0; i < n; i++) sum += x[i];
        return sum;
    }
    double r[8];
    int64_t i = 8;
    for (int j = 0; j < 8; j++) r[j] = x[j];
    for (; i < n - n % 8; i += 8) {
        for (int j = 0; j < 8; j++) r[j] += x[i + j];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++) sum += x[i];
    return sum;
}

/* Counts epochs without a better loss or score, as EarlyStopping of minnet/training/stopping.py. */
static void look_for_stall(minnet_member *m, double loss, double score) {
    const double enough = m->best_score + m->tol;
    const int better =
        m->score_decides ? score > -INFINITY && score >= enough : loss <= m->best_loss - m->tol;
    m->no_improvement = better ? 0 : m->no_improvement + 1;
    if (!m->score_decides && loss < m->best_loss) m->best_loss = loss;
    if (m->n_iter_no_change >= 0 && m->no_improvement > m->n_iter_no_change) {
        m->status = MEMBER_STALLED;
    }
}

static void end_epoch(minnet_member *m) {
    const double *losses = m->hyper.losses + m->done * m->n_steps;
    const double sum = sum_by_pairs(losses, m->n_steps);
    const double loss = sum / (double)m->data.n_samples;
    double score = NAN;
    m->mean_losses[m->done] = loss;
    if (!isfinite(sum) || !all_finite(m->network.params, (ptrdiff_t)m->n_params)) {
        m->status = MEMBER_DIVERGED;
    } else if (m->scoring != SCORING_NONE && score_held(m, &score, m->held_losses + m->done)) {
        m->status = MEMBER_NO_MEMORY;
    }
    if (m->status == MEMBER_FINE) {
        look_for_stall(m, loss, score);
        if (m->scoring != SCORING_NONE) m->scores[m->done] = score;
        if (score > m->best_score) keep_best(m, score);
    }
    m->at = 0;
    m->done++;
    m->part++;
    m->hyper.position += m->data.n_samples;
}

/* ---- all of them */

static int64_t steps_left(const minnet_member *m) {
    if (m->status != MEMBER_FINE) return 0;
    return (m->n_epochs - m->done) * m->n_steps + m->stop - m->at;
}

/* Takes so many steps at most, within an epoch. */
static void advance_member(minnet_member *m, int64_t most, char *memory, int64_t bytes,
                           const minnet_fill uniform, const minnet_fill words) {
    int64_t stop = m->done < m->n_epochs ? m->n_steps : m->stop;
    if (stop - m->at > most) stop = m->at + most;
    m->hyper.workspace = memory;
    m->hyper.workspace_bytes = bytes;
    if (put_in_order(m, words) || steps_of_member(m, m->at, stop, uniform)) {
        m->status = MEMBER_NO_MEMORY;
        return;
    }
    m->at = stop;
    if (stop == m->n_steps) end_epoch(m);
}

/* The member that a thread goes on with; NULL where there is none. */
static minnet_member *next_member(minnet_member *members, int64_t n) {
    minnet_member *found = NULL;
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        if (members[i].taken || steps_left(&members[i]) <= most) continue;
        found = &members[i];
        most = steps_left(found);
    }
    if (found) found->taken = 1;
    return found;
}

static void advance_members(minnet_member *members, int64_t n, int64_t most, char *memory,
                            int64_t bytes, int n_threads, minnet_fill uniform, minnet_fill words) {
    (void)n_threads;
    PARALLEL
    {
        char *own = memory + omp_get_thread_num() * bytes;
        minnet_member *m;
        ONE_AT_A_TIME { m = next_member(members, n); }
        while (m) { /* who finds none is not needed any more: each that is left has its thread */
            advance_member(m, most, own, bytes, uniform, words);
            ONE_AT_A_TIME {
                m->taken = 0;
                m = next_member(members, n);
            }
        }
    }
}

#endif
