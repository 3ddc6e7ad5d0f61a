/* Which kernels this CPU can run, and how many threads this process may use. */
#ifndef MINNET_DISPATCH_H
#define MINNET_DISPATCH_H

#include <string.h>

#include "table.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(_OPENMP) && !defined(_WIN32)
#include <pthread.h>
#endif

/* The levels compiled in, best first; the last one is NULL. */
static const minnet_kernels *const minnet_levels[] = {
#ifdef MINNET_HAVE_V4
    &minnet_kernels_v4,
#endif
#ifdef MINNET_HAVE_V3
    &minnet_kernels_v3,
#endif
#ifdef MINNET_HAVE_BASELINE
    &minnet_kernels_baseline,
#endif
    &minnet_kernels_scalar,   NULL,
};

/* Whether the CPU and the operating system (which must save the wide registers; the builtin asks
 * it with XGETBV) can run a level. */
static int minnet_supported(const minnet_kernels *level) {
#ifdef MINNET_HAVE_V4
    if (level == &minnet_kernels_v4) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    }
#endif
#ifdef MINNET_HAVE_V3
    if (level == &minnet_kernels_v3) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    }
#endif
    (void)level;
    return 1;
}

/* GNU's OpenMP does not survive fork: the child inherits the pool of threads but not the threads,
 * and its next parallel region waits for ever.  So a forked child stays on one thread. */
static int minnet_forked = 0;

#if defined(_OPENMP) && !defined(_WIN32)
static void minnet_on_fork(void) { minnet_forked = 1; }
static void minnet_watch_fork(void) { pthread_atfork(NULL, NULL, minnet_on_fork); }
#else
static void minnet_watch_fork(void) {}
#endif

static int minnet_openmp(void) {
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

/* OpenMP's own limit: the CPUs of this process, or OMP_NUM_THREADS. */
static int minnet_max_threads(void) {
#ifdef _OPENMP
    return minnet_forked ? 1 : omp_get_max_threads();
#else
    return 1;
#endif
}

#endif
