/* Numbers and vectors of the width and the level being compiled.
 *
 * A unit (draws.c, training.c) is compiled once for each width of number, with -DREAL_BITS=32 or
 * 64, and each level, with the level's flags.  Everywhere then:
 *
 *     real, LANES          float or double, and how many a vector holds: the widest of the level's
 * registers vreal, vint, vuint   vectors of numbers, and of integers as wide: sint and usint vu64
 * vector of 64-bit words, whatever the width: for random words
 *
 * GCC's and Clang's vector types do arithmetic, shifts and comparisons with C's operators; the
 * rest is a handful of functions, named alike in vec_scalar.h, which stands in where a compiler
 * has no vector types (and for the level "scalar").  A comparison gives a mask: integers of the
 * same width, all bits set where it holds.
 */
#ifndef MINNET_VEC_H
#define MINNET_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if REAL_BITS == 32
typedef float real;
typedef int32_t sint;
typedef uint32_t usint;
#else
typedef double real;
typedef int64_t sint;
typedef uint64_t usint;
#endif

#if defined(MINNET_SCALAR) || !defined(__GNUC__)
#include "vec_scalar.h"
#else

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#ifdef __AVX512F__
#define VBYTES 64
#elif defined(__AVX2__)
#define VBYTES 32
#else
#define VBYTES 16
#endif
#define LANES            (VBYTES * 8 / REAL_BITS)
#define WORD_LANES       (VBYTES / 8)

typedef real vreal __attribute__((vector_size(VBYTES)));
typedef sint vint __attribute__((vector_size(VBYTES)));
typedef usint vuint __attribute__((vector_size(VBYTES)));
typedef int64_t vi64 __attribute__((vector_size(VBYTES)));
typedef uint64_t vu64 __attribute__((vector_size(VBYTES)));

/* Lanes of two vectors of n: those of even and odd number, and the first and second half of both
 * zipped. */
#define EVEN_16          0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_16           1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW_16           0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16          8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVEN_8           0, 2, 4, 6, 8, 10, 12, 14
#define ODD_8            1, 3, 5, 7, 9, 11, 13, 15
#define LOW_8            0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8           4, 12, 5, 13, 6, 14, 7, 15
#define EVEN_4           0, 2, 4, 6
#define ODD_4            1, 3, 5, 7
#define LOW_4            0, 4, 1, 5
#define HIGH_4           2, 6, 3, 7
#define EVEN_2           0, 2
#define ODD_2            1, 3
#define LOW_2            0, 2
#define HIGH_2           1, 3
/* Lanes of two vectors of n, for all lanes l: l where its bit s is 0, of the second where it is 1;
 * and the same of l with the other bit. */
#define OWN(l, s, n)     ((l) & (s) ? (n) + (l) : (l))
#define OTHER(l, s, n)   ((l) & (s) ? (n) + (l) - (s) : (l) + (s))
#define ALL_2(F, s)      F(0, s, 2), F(1, s, 2)
#define ALL_4(F, s)      F(0, s, 4), F(1, s, 4), F(2, s, 4), F(3, s, 4)
#define FOUR(F, l, s, n) F(l, s, n), F(l + 1, s, n), F(l + 2, s, n), F(l + 3, s, n)
#define ALL_8(F, s)      FOUR(F, 0, s, 8), FOUR(F, 4, s, 8)
#define ALL_16(F, s)     FOUR(F, 0, s, 16), FOUR(F, 4, s, 16), FOUR(F, 8, s, 16), FOUR(F, 12, s, 16)
#ifdef __clang__
#define SHUFFLE(index, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(index, a, b, ...) __builtin_shuffle(a, b, (index){__VA_ARGS__})
#endif
#if VBYTES == 64 && REAL_BITS == 32
#define LANES_OF(which) which##_16
#elif VBYTES / (REAL_BITS / 8) == 8
#define LANES_OF(which) which##_8
#elif VBYTES / (REAL_BITS / 8) == 4
#define LANES_OF(which) which##_4
#else
#define LANES_OF(which) which##_2
#endif
#if VBYTES == 64
#define WORDS_OF(which) which##_8
#elif VBYTES == 32
#define WORDS_OF(which) which##_4
#else
#define WORDS_OF(which) which##_2
#endif

/* x - 0 is x for every x, so the compiler drops the subtraction (x + 0 it must keep) */
INLINE vreal splat(real x) { return x - (vreal){0}; }
INLINE vreal load(const void *from) {
    vreal v;
    memcpy(&v, from, sizeof v);
    return v;
}
INLINE void store(void *to, vreal v) { memcpy(to, &v, sizeof v); }
INLINE vint to_bits(vreal v) { return (vint)v; }
INLINE vreal from_bits(vint v) { return (vreal)v; }
INLINE vreal where(vint mask, vreal a, vreal b) {
    return (vreal)(((vint)a & mask) | ((vint)b & ~mask));
}
/* lanes 0, 2, ... and 1, 3, ... of a followed by b */
INLINE vuint even(vuint a, vuint b) { return SHUFFLE(vint, a, b, LANES_OF(EVEN)); }
INLINE vuint odd(vuint a, vuint b) { return SHUFFLE(vint, a, b, LANES_OF(ODD)); }
/* the first and second half of a0, b0, a1, b1, ... */
INLINE vuint zip_low(vuint a, vuint b) { return SHUFFLE(vint, a, b, LANES_OF(LOW)); }
INLINE vuint zip_high(vuint a, vuint b) { return SHUFFLE(vint, a, b, LANES_OF(HIGH)); }
/* a and b with lanes s away from each other added up: lane l of a where bit s of l is 0, of b else.
 */
#define ADD_LANES(s, a, b)                                                                         \
    (from_bits((vint)SHUFFLE(vint, (vuint)to_bits(a), (vuint)to_bits(b), LANES_OF(ALL)(OWN, s))) + \
     from_bits(                                                                                    \
         (vint)SHUFFLE(vint, (vuint)to_bits(a), (vuint)to_bits(b), LANES_OF(ALL)(OTHER, s))))

INLINE vu64 splat_words(uint64_t x) { return x - (vu64){0}; }
INLINE vu64 zip_low_words(vu64 a, vu64 b) { return SHUFFLE(vi64, a, b, WORDS_OF(LOW)); }
INLINE vu64 zip_high_words(vu64 a, vu64 b) { return SHUFFLE(vi64, a, b, WORDS_OF(HIGH)); }
/* The 64-bit products of the low 32 bits of each lane. */
#if defined(__AVX512F__)
INLINE vu64 mul32(vu64 a, vu64 b) { return (vu64)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
INLINE vu64 mul32(vu64 a, vu64 b) { return (vu64)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
#elif defined(__SSE2__)
INLINE vu64 mul32(vu64 a, vu64 b) { return (vu64)_mm_mul_epu32((__m128i)a, (__m128i)b); }
#else
INLINE vu64 mul32(vu64 a, vu64 b) { return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu); }
#endif

#if REAL_BITS == 32

/* Integers to numbers, exactly. */
INLINE vreal to_real(vint i) { return __builtin_convertvector(i, vreal); }
#if defined(__AVX512F__)
INLINE vreal vsqrt(vreal v) { return (vreal)_mm512_sqrt_ps((__m512)v); }
#elif defined(__AVX2__)
INLINE vreal vsqrt(vreal v) { return (vreal)_mm256_sqrt_ps((__m256)v); }
#elif defined(__SSE2__)
INLINE vreal vsqrt(vreal v) { return (vreal)_mm_sqrt_ps((__m128)v); }
#else
INLINE vreal vsqrt(vreal v) {
    for (int i = 0; i < LANES; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
}
#endif

#else /* 64 bits */

/* Below 2^51 in size, by adding 3 * 2^51 in the bits and taking it off again as a number, since
 * AVX2 has no instruction for it. */
INLINE vreal to_real(vint i) {
    return (vreal)(i + (int64_t)0x4338000000000000) - 6755399441055744.0;
}

/* As floats, rounded to nearest. */
typedef float vhalf __attribute__((vector_size(VBYTES / 2)));
INLINE void store_narrow(float *to, vreal v) {
    vhalf narrow = __builtin_convertvector(v, vhalf);
    memcpy(to, &narrow, sizeof narrow);
}

#if defined(__AVX512F__)
INLINE vreal vsqrt(vreal v) { return (vreal)_mm512_sqrt_pd((__m512d)v); }
INLINE int any(vint mask) { return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask) != 0; }
#elif defined(__AVX2__)
INLINE vreal vsqrt(vreal v) { return (vreal)_mm256_sqrt_pd((__m256d)v); }
INLINE int any(vint mask) { return _mm256_movemask_pd((__m256d)mask); }
#elif defined(__SSE2__)
INLINE vreal vsqrt(vreal v) { return (vreal)_mm_sqrt_pd((__m128d)v); }
INLINE int any(vint mask) { return _mm_movemask_pd((__m128d)mask); }
#else
INLINE vreal vsqrt(vreal v) {
    for (int i = 0; i < LANES; i++) v[i] = __builtin_sqrt(v[i]);
    return v;
}
INLINE int any(vint mask) { return (mask[0] | mask[1]) != 0; }
#endif

#endif /* width */
#endif /* vector types */
#endif
