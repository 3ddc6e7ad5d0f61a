/* Vectors of the level being compiled: the widest that its registers hold.
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

#if defined(MINNET_SCALAR) || !defined(__GNUC__)
#include "vec_scalar.h"
#else

#ifdef __SSE2__
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

#ifdef __AVX512F__
#define VBYTES 64
#define EVEN_F32 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_F32 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW_F32 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_F32 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVEN_F64 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_F64 1, 3, 5, 7, 9, 11, 13, 15
#define LOW_F64 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_F64 4, 12, 5, 13, 6, 14, 7, 15
#elif defined(__AVX2__)
#define VBYTES 32
#define EVEN_F32 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_F32 1, 3, 5, 7, 9, 11, 13, 15
#define LOW_F32 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_F32 4, 12, 5, 13, 6, 14, 7, 15
#define EVEN_F64 0, 2, 4, 6
#define ODD_F64 1, 3, 5, 7
#define LOW_F64 0, 4, 1, 5
#define HIGH_F64 2, 6, 3, 7
#else
#define VBYTES 16
#define EVEN_F32 0, 2, 4, 6
#define ODD_F32 1, 3, 5, 7
#define LOW_F32 0, 4, 1, 5
#define HIGH_F32 2, 6, 3, 7
#define EVEN_F64 0, 2
#define ODD_F64 1, 3
#define LOW_F64 0, 2
#define HIGH_F64 1, 3
#endif

#define LANES_F32 (VBYTES / 4)
#define LANES_F64 (VBYTES / 8)

typedef float vf32 __attribute__((vector_size(VBYTES)));
typedef double vf64 __attribute__((vector_size(VBYTES)));
typedef int32_t vi32 __attribute__((vector_size(VBYTES)));
typedef int64_t vi64 __attribute__((vector_size(VBYTES)));
typedef uint32_t vu32 __attribute__((vector_size(VBYTES)));
typedef uint64_t vu64 __attribute__((vector_size(VBYTES)));
typedef float vf32_half __attribute__((vector_size(VBYTES / 2)));

#ifdef __clang__
#define SHUFFLE(index, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(index, a, b, ...) __builtin_shuffle(a, b, (index){__VA_ARGS__})
#endif

/* What both widths of number have; N is f32 or f64, R its number, F, I, U
 * its vectors of numbers and integers. */
#define DEFINE_VECTOR(N, R, F, I, U, EVEN, ODD, LOW, HIGH)                                    \
    /* x - 0 is x for every x, so the compiler drops the subtraction (x + 0 it must keep) */  \
    INLINE F splat_##N(R x) { return x - (F){0}; }                                            \
    INLINE F load_##N(const void *from) { F v; memcpy(&v, from, sizeof v); return v; }        \
    INLINE void store_##N(void *to, F v) { memcpy(to, &v, sizeof v); }                        \
    INLINE I bits_##N(F v) { return (I)v; }                                                   \
    INLINE F from_bits_##N(I v) { return (F)v; }                                              \
    INLINE F select_##N(I mask, F a, F b) { return (F)(((I)a & mask) | ((I)b & ~mask)); }     \
    /* lanes 0, 2, ... and 1, 3, ... of a followed by b */                                    \
    INLINE U even_##N(U a, U b) { return SHUFFLE(I, a, b, EVEN); }                            \
    INLINE U odd_##N(U a, U b) { return SHUFFLE(I, a, b, ODD); }                              \
    /* the first and second half of a0, b0, a1, b1, ... */                                    \
    INLINE U zip_low_##N(U a, U b) { return SHUFFLE(I, a, b, LOW); }                          \
    INLINE U zip_high_##N(U a, U b) { return SHUFFLE(I, a, b, HIGH); }

DEFINE_VECTOR(f32, float, vf32, vi32, vu32, EVEN_F32, ODD_F32, LOW_F32, HIGH_F32)
DEFINE_VECTOR(f64, double, vf64, vi64, vu64, EVEN_F64, ODD_F64, LOW_F64, HIGH_F64)

INLINE vu64 splat_u64(uint64_t x) { return x - (vu64){0}; }

/* Integers to real numbers, exactly.  64 bits: below 2^51 in size, by adding 3 * 2^51 in the bits
 * and taking it off again as a number, since AVX2 has no instruction for it. */
INLINE vf32 to_real_f32(vi32 i) { return __builtin_convertvector(i, vf32); }
INLINE vf64 to_real_f64(vi64 i) {
    return (vf64)(i + (int64_t)0x4338000000000000) - 6755399441055744.0;
}

/* Two doubles for each lane of float: rounds to nearest. */
INLINE void store_narrow(float *to, vf64 v) {
    vf32_half narrow = __builtin_convertvector(v, vf32_half);
    memcpy(to, &narrow, sizeof narrow);
}

#if defined(__AVX512F__)
INLINE vf32 sqrt_f32(vf32 v) { return (vf32)_mm512_sqrt_ps((__m512)v); }
INLINE vf64 sqrt_f64(vf64 v) { return (vf64)_mm512_sqrt_pd((__m512d)v); }
INLINE int any_f64(vi64 mask) { return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask) != 0; }
INLINE vu64 mul32(vu64 a, vu64 b) { return (vu64)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__)
INLINE vf32 sqrt_f32(vf32 v) { return (vf32)_mm256_sqrt_ps((__m256)v); }
INLINE vf64 sqrt_f64(vf64 v) { return (vf64)_mm256_sqrt_pd((__m256d)v); }
INLINE int any_f64(vi64 mask) { return _mm256_movemask_pd((__m256d)mask); }
/* The 64-bit products of the low 32 bits of each lane. */
INLINE vu64 mul32(vu64 a, vu64 b) { return (vu64)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
#elif defined(__SSE2__)
INLINE vf32 sqrt_f32(vf32 v) { return (vf32)_mm_sqrt_ps((__m128)v); }
INLINE vf64 sqrt_f64(vf64 v) { return (vf64)_mm_sqrt_pd((__m128d)v); }
INLINE int any_f64(vi64 mask) { return _mm_movemask_pd((__m128d)mask); }
INLINE vu64 mul32(vu64 a, vu64 b) { return (vu64)_mm_mul_epu32((__m128i)a, (__m128i)b); }
#else
INLINE vf32 sqrt_f32(vf32 v) {
    for (int i = 0; i < LANES_F32; i++) v[i] = __builtin_sqrtf(v[i]);
    return v;
}
INLINE vf64 sqrt_f64(vf64 v) {
    for (int i = 0; i < LANES_F64; i++) v[i] = __builtin_sqrt(v[i]);
    return v;
}
INLINE int any_f64(vi64 mask) { return (mask[0] | mask[1]) != 0; }
INLINE vu64 mul32(vu64 a, vu64 b) { return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu); }
#endif

#endif /* vector types */
#endif
