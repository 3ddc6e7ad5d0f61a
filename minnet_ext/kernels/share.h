/* Steps that several processes take together: what of a step is this one's, and how their numbers
 * come together.
 *
 * A process may have no row of a step. What it adds to a sum is then 0, but it takes part in each,
 * in the same order as the others.
 */
#ifndef MINNET_SHARE_H
#define MINNET_SHARE_H

#include "workspace.h"

/* Replaces n of share->numbers, from `first` on, by their sums over all processes; returns whether
 * no step shall be taken any more, since that failed or a process wants none. `last`: it is the
 * gradient of a step, a flag of that, which the callee sets, and the loss. */
typedef int64_t (*minnet_reduce)(void *with, int64_t first, int64_t n, int64_t last);

/* What is behind the gradient in share->numbers: the flag, the loss of a step, and room for what a
 * normalization sums up. */
enum behind_gradient { SHARED_FLAG, SHARED_LOSS, SHARED_ROOM };

/* Whether the steps have numbers summed over several processes. */
INLINE int is_shared(const step_context *c) {
    return c->hyper && c->hyper->share && c->hyper->share->reduce;
}

INLINE real *shared_numbers(const step_context *c, enum behind_gradient which) {
    return (real *)c->hyper->share->numbers + c->n_params + which;
}

/* All threads call it when the numbers are there; after one that failed nothing is summed, and what
 * is computed from it not used. */
static void reduce_numbers(step_context *c, ptrdiff_t first, ptrdiff_t n, int last) {
    minnet_share *s = c->hyper->share;
    wait_for_all(c);
    if (c->t == 0 && !s->ended) {
        const minnet_reduce reduce = (minnet_reduce)(intptr_t)s->reduce;
        s->ended = reduce(s->with_, first, n, last);
    }
    wait_for_all(c);
    c->ended = (int)s->ended;
}

/* The gradient and the loss of a step, over all processes. */
INLINE void reduce_gradient(step_context *c, int64_t step) {
    const ptrdiff_t n = c->n_params + SHARED_ROOM;
    if (c->t == 0) *shared_numbers(c, SHARED_LOSS) = (real)c->hyper->losses[step];
    reduce_numbers(c, 0, n, 1);
    if (c->t == 0) c->hyper->losses[step] = *shared_numbers(c, SHARED_LOSS);
}

/* n numbers at SHARED_ROOM. */
INLINE void reduce_room(step_context *c, ptrdiff_t n) {
    reduce_numbers(c, c->n_params + SHARED_ROOM, n, 0);
}

#endif
