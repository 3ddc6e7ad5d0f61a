/* vec.h for compilers without vector types: a vector is one number. */
#ifndef MINNET_VEC_SCALAR_H
#define MINNET_VEC_SCALAR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline

#define LANES_F32 1
#define LANES_F64 1

typedef float vf32;
typedef double vf64;
typedef int32_t vi32;
typedef int64_t vi64;
typedef uint32_t vu32;
typedef uint64_t vu64;

/* A mask is any number other than 0 where the comparison holds. */
#define DEFINE_SCALAR(N, R, F, I, U)                                                          \
    INLINE F splat_##N(R x) { return x; }                                                     \
    INLINE F load_##N(const void *from) { F v; memcpy(&v, from, sizeof v); return v; }        \
    INLINE void store_##N(void *to, F v) { memcpy(to, &v, sizeof v); }                        \
    INLINE I bits_##N(F v) { I bits; memcpy(&bits, &v, sizeof v); return bits; }              \
    INLINE F from_bits_##N(I bits) { F v; memcpy(&v, &bits, sizeof v); return v; }            \
    INLINE F select_##N(I mask, F a, F b) { return mask ? a : b; }                            \
    INLINE U even_##N(U a, U b) { (void)b; return a; }                                        \
    INLINE U odd_##N(U a, U b) { (void)a; return b; }                                         \
    INLINE U zip_low_##N(U a, U b) { (void)b; return a; }                                     \
    INLINE U zip_high_##N(U a, U b) { (void)a; return b; }

DEFINE_SCALAR(f32, float, vf32, vi32, vu32)
DEFINE_SCALAR(f64, double, vf64, vi64, vu64)

INLINE vu64 splat_u64(uint64_t x) { return x; }
INLINE vf32 to_real_f32(vi32 i) { return (float)i; }
INLINE vf64 to_real_f64(vi64 i) { return (double)i; }
INLINE void store_narrow(float *to, vf64 v) { *to = (float)v; }
INLINE vf32 sqrt_f32(vf32 v) { return sqrtf(v); }
INLINE vf64 sqrt_f64(vf64 v) { return sqrt(v); }
INLINE int any_f64(vi64 mask) { return mask != 0; }
INLINE vu64 mul32(vu64 a, vu64 b) { return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu); }

#endif
