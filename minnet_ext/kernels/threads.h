/* Threads: who takes what, and where they wait for each other.
 *
 * Threads split columns going forward and rows of W going backward, at multiples of tiles; no sum
 * is split, so that any number of threads gives the same bits.
 */
#ifndef MINNET_THREADS_H
#define MINNET_THREADS_H

#include "vec.h"

/* PARALLEL before a block: n_threads threads run it. */
#ifdef _OPENMP
#include <omp.h>
#define PARALLEL _Pragma("omp parallel num_threads(n_threads)")
#else
#define PARALLEL
static int omp_get_thread_num(void) { return 0; }
static int omp_get_num_threads(void) { return 1; }
#endif
#if defined(__GNUC__) && !defined(_WIN32)
#include <sched.h>
/* Threads wait for each other by looking at a counter. A wait is short where each thread has a CPU,
 * so it spins at first; then it offers its CPU, since the thread waited for may be in need of it.
 */
typedef struct {
    int arrived, round;
} minnet_barrier;
static void minnet_wait(minnet_barrier *b, int T) {
    if (T == 1) return;
    int round = __atomic_load_n(&b->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == T) {
        __atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b->round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&b->round, __ATOMIC_ACQUIRE) == round; spins++) {
        if (spins < 1000) {
#ifdef __SSE2__
            __builtin_ia32_pause();
#endif
        } else {
            sched_yield();
        }
    }
}
#define BARRIER(b, T) minnet_wait(b, T)
#elif defined(_OPENMP)
typedef int minnet_barrier;
#define BARRIER(b, T) _Pragma("omp barrier")
#else
typedef int minnet_barrier;
#define BARRIER(b, T) ((void)0)
#endif

/* The share of thread t of T in n things that come in groups of `group`. */
INLINE void share(ptrdiff_t n, ptrdiff_t group, int t, int T, ptrdiff_t *begin, ptrdiff_t *end) {
    ptrdiff_t groups = (n + group - 1) / group;
    *begin = groups * t / T * group;
    *end = groups * (t + 1) / T * group;
    if (*end > n) *end = n;
}

#endif
