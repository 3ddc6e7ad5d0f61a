/* The most multiplications and additions a second that the processor can do: no load, no store, sums in
 * registers.  benchmarks/peak.py compiles it once for each CPU level of minnet's kernels, with the flags
 * that setup.py gives these, and once more with BF16 for products of bfloat16 that are summed in float32.
 *
 *     gcc -O2 -ffp-contract=fast -pthread -mavx2 -mfma -DREAL=float benchmarks/peak.c -o /tmp/peak
 *     /tmp/peak 2 0.5                       # threads, seconds
 *
 * There are more sums than a multiplication and addition takes cycles times the units that do them.  What
 * keeps the compiler from computing less: an empty asm after each sum, after which the compiler knows neither
 * the sum nor a factor.  All numbers are whole and below 2 to the 24, so the sum that is printed is exact.
 */
#include "pinned.h"
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#define KEEP(v) __asm__ volatile("" : "+v"(v))
#elif defined(__AVX2__)
enum { BYTES = 32 };
#define KEEP(v) __asm__ volatile("" : "+x"(v))
#elif defined(__x86_64__)
enum { BYTES = 16 };
#define KEEP(v) __asm__ volatile("" : "+x"(v))
#elif defined(__aarch64__)
enum { BYTES = 16 };
#define KEEP(v) __asm__ volatile("" : "+w"(v))
#else
#error "no loop for this processor"
#endif

#define TWELVE(X)                                                                                      \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#if defined(__AVX512F__) || defined(__aarch64__) /* 32 registers, otherwise 16 */
enum { SUMS = 24 };
#define ALL(X)                                                                                         \
    TWELVE(X) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
#else
enum { SUMS = 12 };
#define ALL(X) TWELVE(X)
#endif

#ifndef ROUNDS
#define ROUNDS 262144 /* of a burst: below a millisecond, so that some burst is not interrupted */
#endif

#if defined(BF16) /* pairs of factors, the first in the low half: (lane + 1, 1) times (1, 2) */
#if defined(__AVX512BF16__)
#include <immintrin.h>
#define ADD_PRODUCT(sum, x, y) ((vector)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(y)))
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#include <arm_neon.h>
#define ADD_PRODUCT(sum, x, y)                                                                         \
    ((vector)vbfdotq_f32((float32x4_t)(sum), (bfloat16x8_t)(x), (bfloat16x8_t)(y)))
#else
#error "no products of bfloat16 at this level"
#endif
typedef float real;
typedef uint32_t factor;
static uint32_t bits(float v) {
    uint32_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}
static factor pair(float low, float high) { return bits(low) >> 16 | (bits(high) & 0xffff0000u); }
static factor first(int lane) { return pair((float)(lane + 1), 1); }
static factor second(void) { return pair(1, 2); }
enum { PRODUCTS = 2 };

#else /* lane + 1 times 2 */
#define ADD_PRODUCT(sum, x, y) ((sum) + (x) * (y))
typedef REAL real;
typedef REAL factor;
static factor first(int lane) { return (factor)(lane + 1); }
static factor second(void) { return 2; }
enum { PRODUCTS = 1 };
#endif

typedef real vector __attribute__((vector_size(BYTES)));
typedef factor factors __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / sizeof(real) };

static void prepare(int thread) { (void)thread; }

static double burst(int thread) {
    (void)thread;
    factor given[2][LANES];
    for (int lane = 0; lane < LANES; lane++) given[0][lane] = first(lane), given[1][lane] = second();
    factors x, y;
    memcpy(&x, given[0], sizeof x);
    memcpy(&y, given[1], sizeof y);
    KEEP(y);
#define START(i) vector sum##i = (vector){0} + (real)(i);
    ALL(START)
    for (int round = 0; round < ROUNDS; round++) {
#define STEP(i) sum##i = ADD_PRODUCT(sum##i, x, y); KEEP(sum##i); KEEP(x);
        ALL(STEP)
    }
    /* By way of memory: of variables that are indexed themselves the loop would keep none in a register. */
#define STORE(i) sum##i,
    const vector sums[SUMS] = {ALL(STORE)};
    double total = 0;
    for (int i = 0; i < SUMS; i++) {
        for (int lane = 0; lane < LANES; lane++) total += (double)sums[i][lane];
    }
    return total;
}

static double units(void) { return 2.0 * PRODUCTS * LANES * SUMS * ROUNDS * n_threads; }

static void describe(void) {
    printf("sums %d\nlanes %d\nproducts %d\nrounds %d\n", SUMS, LANES, PRODUCTS, ROUNDS);
}

int main(int count, char **given) {
    if (count < 3) return 2;
    run(atoi(given[1]), atof(given[2]));
    return 0;
}
