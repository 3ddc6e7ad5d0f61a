/* The bytes a second that threads read, or read and write in place, of an array of their own each.
 *
 *     gcc -O3 -ffp-contract=fast -pthread -mavx2 -mfma benchmarks/bandwidth.c -o /tmp/bandwidth
 *     /tmp/bandwidth 2 0.5 16 read          # threads, seconds, MB of all threads together, read or update
 *
 * A burst goes over the array as often as makes at least 16 MB a thread.  Reading sums the numbers, with
 * eight vectors of sums; an update adds 1 (bytes count twice).  The array starts with ones; after an update eight
 * of its numbers are added up.
 */
#include "pinned.h"
#include <string.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX2__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
typedef float vector __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / sizeof(float), SUMS = 8 };

static size_t length; /* of a thread's array in vectors, a multiple of SUMS */
static int update, passes;
static vector *arrays[MOST_THREADS];

static void prepare(int thread) { /* on the thread's own CPU, where its memory is to be */
    vector *a = aligned_alloc(4096, (length * BYTES + 4095) / 4096 * 4096);
    if (!a) exit(2);
    for (size_t i = 0; i < length; i++) a[i] = (vector){0} + 1;
    arrays[thread] = a;
}

static double burst(int thread) {
    vector *a = arrays[thread];
    double total = 0;
    for (int pass = 0; pass < passes; pass++) {
        if (update) {
            for (size_t i = 0; i < length; i++) a[i] += 1;
        } else {
            vector sums[SUMS] = {{0}};
            float lanes[SUMS][LANES]; /* by way of memory, so that the sums themselves are in registers */
            for (size_t i = 0; i < length; i += SUMS) {
                for (int j = 0; j < SUMS; j++) sums[j] += a[i + (size_t)j];
            }
            for (int j = 0; j < SUMS; j++) memcpy(lanes[j], &sums[j], sizeof sums[j]);
            for (int j = 0; j < SUMS; j++) {
                for (int lane = 0; lane < LANES; lane++) total += (double)lanes[j][lane];
            }
        }
        __asm__ volatile("" : : "r"(a) : "memory"); /* a pass is not left out */
    }
    for (size_t i = 0; i < length && update; i += length / SUMS) total += (double)a[i][0];
    return total;
}

static double units(void) {
    return (double)length * BYTES * passes * (1 + update) * n_threads;
}

static void describe(void) {
    printf("numbers %zu\npasses %d\nupdate %d\nlooked_at %d\n", length * LANES, passes, update,
           SUMS);
}

int main(int count, char **given) {
    if (count < 5) return 2;
    const int threads = atoi(given[1]);
    const double bytes = atof(given[3]) * 1048576 / threads;
    length = (size_t)(bytes / BYTES / SUMS) * SUMS;
    if (length < SUMS) return 2;
    passes = bytes < 16 * 1048576 ? (int)(16 * 1048576 / bytes) : 1;
    update = strcmp(given[4], "update") == 0;
    run(threads, atof(given[2]));
    return 0;
}
