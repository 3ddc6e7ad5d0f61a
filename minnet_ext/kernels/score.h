/* The log loss of logits at the temperature that fits them best, in 64 bits.
 *
 * minnet/temperature.py takes the same steps, and says what they are; change both. Rows lie side by
 * side in vectors, whatever the number of outputs.
 */
#ifndef MINNET_SCORE_H
#define MINNET_SCORE_H

#include "activate.h"
#include "table.h"

#define SCORE_LIMIT      6.931471805599453 /* log(1024) */
#define SCORE_STEP       1e-7
#define SCORE_NO_LOSS    1e-10
#define SCORE_MOST_STEPS 60

/* The mean loss at 1 / T = beta, and its derivatives. */
typedef struct {
    double loss, first, second;
} score_curve;

/* Classes of which one is true: Z is by how much each is ahead of it. */
static score_curve softmax_curve(const minnet_logits *z, double beta) {
    vreal loss = splat(0), first = splat(0), second = splat(0);
    for (ptrdiff_t i = 0; i < z->ld; i += LANES) {
        const vreal most = load(z->most + i), share = load(z->shares + i);
        vreal sum = splat(0), sum_d = splat(0), sum_dd = splat(0);
        for (ptrdiff_t j = 0; j < z->n_out; j++) {
            const vreal d = load(z->Z + j * z->ld + i), e = exp_down((d - most) * beta);
            sum = sum + e;
            sum_d = sum_d + e * d;
            sum_dd = sum_dd + e * d * d;
        }
        const vreal mean = sum_d / sum;
        loss = loss + (most * beta + vlog(sum)) * share;
        first = first + mean * share;
        second = second + (sum_dd / sum - mean * mean) * share;
    }
    return (score_curve){sum_of_lanes(loss), sum_of_lanes(first), sum_of_lanes(second)};
}

/* Outputs that do not know of each other. */
static score_curve logistic_curve(const minnet_logits *z, double beta) {
    vreal loss = splat(0), first = splat(0), second = splat(0);
    for (ptrdiff_t j = 0; j < z->n_out; j++) {
        for (ptrdiff_t i = 0; i < z->ld; i += LANES) {
            const vreal u = load(z->Z + j * z->ld + i), t = load(z->T + j * z->ld + i);
            const vreal share = load(z->shares + i), p = sigmoid(u * beta);
            loss = loss + (softplus(u * beta) - t * u * beta) * share;
            first = first + (p - t) * u * share;
            second = second + p * ((real)1 - p) * u * u * share;
        }
    }
    return (score_curve){sum_of_lanes(loss), sum_of_lanes(first), sum_of_lanes(second)};
}

/* The least mean loss, and that at temperature 1. */
static void refine(const minnet_logits *z, double *refined, double *plain) {
    double at = 0, low = -SCORE_LIMIT, high = SCORE_LIMIT; /* of log(1 / T) */
    for (int step = 0; step < SCORE_MOST_STEPS; step++) {
        const double beta = exp(at);
        const score_curve c = z->T ? logistic_curve(z, beta) : softmax_curve(z, beta);
        const double slope = beta * c.first, bend = slope + beta * beta * c.second;
        if (step == 0) *plain = c.loss;
        *refined = c.loss;
        if (slope > 0) high = at;
        else low = at;
        double new = bend > 0 ? at - slope / bend : INFINITY;
        if (!(low < new && new < high)) new = 0.5 * (low + high);
        if (slope == 0 || c.loss <= SCORE_NO_LOSS || fabs(new - at) <= SCORE_STEP) return;
        at = new;
    }
}

#endif
