/* The main program of peak.c and bandwidth.c: threads, one pinned to each CPU, that work in bursts.
 *
 * All begin a burst together; it takes from the first that begins to the last that ends.  Printed are
 * the units of work a second of the fastest burst and of the median one (all threads together), how
 * many bursts there were, and the sum of what they returned, which says whether all was computed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int n_threads;

/* What the including file defines. */
static void prepare(int thread);
static double burst(int thread); /* works, and returns what came of it */
static double units(void);       /* of work, of one burst of all threads */
static void describe(void);      /* prints what makes the sum, as "name value" */

enum { MOST_THREADS = 256, MOST_BURSTS = 100000, FEWEST_BURSTS = 5 };

static int n_bursts;
static double limit, times[MOST_BURSTS], total;
static atomic_int arrived, round_of_barrier, stop;
static struct {
    _Alignas(128) double began;
    double ended, sum;
} of[MOST_THREADS];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void meet(void) {
    const int round = atomic_load(&round_of_barrier);
    if (atomic_fetch_add(&arrived, 1) == n_threads - 1) {
        atomic_store(&arrived, 0);
        atomic_store(&round_of_barrier, round + 1);
    }
    for (int spins = 0; atomic_load(&round_of_barrier) == round; spins++) {
        if (spins > 1000) sched_yield();
    }
}

#if defined(__linux__)
static cpu_set_t may; /* the CPUs that the process may use */

/* Bind this thread to the CPU of that number among them; more threads than CPUs share. */
static int pin(int thread) {
    cpu_set_t one;
    for (int cpu = 0, left = thread % CPU_COUNT(&may); cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &may) && left-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            return !pthread_setaffinity_np(pthread_self(), sizeof one, &one);
        }
    }
    return 0;
}
#else
static int pin(int thread) { return thread >= 0; } /* macOS binds no thread to a CPU */
#endif

static void *work(void *number) {
    const int thread = (int)(size_t)number;
    if (!pin(thread)) {
        fprintf(stderr, "thread %d could not be bound to a CPU\n", thread);
        exit(2);
    }
    prepare(thread);
    const double start = now();
    for (meet(); !atomic_load(&stop); meet()) {
        of[thread].began = now();
        of[thread].sum = burst(thread);
        of[thread].ended = now();
        meet();
        if (thread == 0) {
            double began = of[0].began, ended = of[0].ended;
            for (int i = 0; i < n_threads; i++) {
                began = of[i].began < began ? of[i].began : began;
                ended = of[i].ended > ended ? of[i].ended : ended;
                total += of[i].sum;
            }
            times[n_bursts++] = ended - began;
            const int enough = now() - start > limit && n_bursts >= FEWEST_BURSTS;
            atomic_store(&stop, enough || n_bursts == MOST_BURSTS);
        }
    }
    return NULL;
}

static int earlier(const void *a, const void *b) {
    const double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

/* threads, seconds, and what else the program asks for */
static void run(int threads, double seconds) {
    pthread_t others[MOST_THREADS];
    n_threads = threads, limit = seconds;
    if (threads < 1 || threads > MOST_THREADS) exit(2);
#if defined(__linux__)
    if (sched_getaffinity(0, sizeof may, &may)) exit(2);
#endif
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&others[i], NULL, work, (void *)(size_t)i)) exit(2);
    }
    work(NULL);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
    qsort(times, (size_t)n_bursts, sizeof *times, earlier);
    printf("best %.17g\nmedian %.17g\nbursts %d\nsum %.17g\n", units() / times[0],
           units() / times[n_bursts / 2], n_bursts, total);
    describe();
}
