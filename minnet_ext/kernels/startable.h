/* How many threads can be made: OpenMP's runtimes end the process where the system refuses one
 * (limits on processes, memory, a container's pids), so it is asked first, by threads that do
 * nothing. */
#ifndef MINNET_STARTABLE_H
#define MINNET_STARTABLE_H

#include "dispatch.h"

#if defined(_OPENMP) && !defined(_WIN32)

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *minnet_pass(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* The stack that OpenMP gives a thread: OMP_STACKSIZE, in kB unless it says so; 0: the system's. */
static size_t minnet_stack_size(void) {
    const char *text = getenv("OMP_STACKSIZE");
    if (!text) text = getenv("GOMP_STACKSIZE");
    if (!text) return 0;
    char *unit;
    const size_t size = strtoul(text, &unit, 10);
    while (*unit == ' ') unit++;
    const char *units = "bBkKmMgG", *place = *unit ? strchr(units, *unit) : units + 2;
    return place ? size << (place - units) / 2 * 10 : 0;
}

/* The threads of this process, 0 where it cannot be told. */
static int minnet_count_threads(void) {
    int n = 0;
    FILE *file = fopen("/proc/self/stat", "r");
    if (!file) return 0;
    char text[512];
    const size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    const char *rest = strrchr(text, ')'); /* the name before may hold anything */
    if (rest) sscanf(rest + 1, " %*c%*d%*d%*d%*d%*d%*u%*u%*u%*u%*u%*u%*u%*d%*d%*d%*d%d", &n);
    return n;
}

/* Makes up to n threads at a time; returns how many there were. They are gone afterwards. */
static int minnet_try_threads(int n) {
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_attr_t attributes;
    pthread_t *threads = malloc((size_t)n * sizeof *threads);
    if (!threads) return 0;
    const int before = minnet_count_threads();
    int made = 0;
    pthread_attr_init(&attributes);
    if (minnet_stack_size()) pthread_attr_setstacksize(&attributes, minnet_stack_size());
    pthread_mutex_lock(&gate);
    while (made < n && !pthread_create(&threads[made], &attributes, minnet_pass, &gate)) made++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < made; i++) pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    free(threads);
    /* a thread that was waited for counts a little longer */
    const struct timespec pause = {0, 50000};
    for (int i = 0; i < 200 && made > 0 && minnet_count_threads() > before; i++) {
        nanosleep(&pause, NULL);
    }
    return made;
}

/* Of n threads for a parallel region, so many as can be made; what was found once is remembered, by
 * each thread, since each has a pool of its own. One more is tried than is needed, for whatever
 * else asks. */
static int minnet_startable(int n) {
    static _Thread_local int found = 1, most = INT_MAX;
    if (n > most) n = most;
    if (n <= found) return n;
    const int needed = n - found, made = minnet_try_threads(needed + 1);
    found = made > needed ? n : made > 1 ? found + made - 1 : found;
    if (found < n) most = found;
    return found;
}

#else
static int minnet_startable(int n) { return n; }
#endif

#endif
