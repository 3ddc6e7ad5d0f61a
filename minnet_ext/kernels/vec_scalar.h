/* vec.h for compilers without vector types: a vector is one number. */
#ifndef MINNET_VEC_SCALAR_H
#define MINNET_VEC_SCALAR_H

#include <math.h>

#define INLINE static inline

#define LANES      1
#define WORD_LANES 1

typedef real vreal;
typedef sint vint;
typedef usint vuint;
typedef uint64_t vu64;

/* A mask is any number other than 0 where the comparison holds. */
INLINE vreal splat(real x) { return x; }
INLINE vreal load(const void *from) {
    vreal v;
    memcpy(&v, from, sizeof v);
    return v;
}
INLINE void store(void *to, vreal v) { memcpy(to, &v, sizeof v); }
INLINE vint to_bits(vreal v) {
    vint bits;
    memcpy(&bits, &v, sizeof v);
    return bits;
}
INLINE vreal from_bits(vint bits) {
    vreal v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
INLINE vreal where(vint mask, vreal a, vreal b) { return mask ? a : b; }
INLINE vuint even(vuint a, vuint b) { return (void)b, a; }
INLINE vuint odd(vuint a, vuint b) { return (void)a, b; }
INLINE vuint zip_low(vuint a, vuint b) { return (void)b, a; }
INLINE vuint zip_high(vuint a, vuint b) { return (void)a, b; }
INLINE vreal to_real(vint i) { return (vreal)i; }

INLINE vu64 splat_words(uint64_t x) { return x; }
INLINE vu64 zip_low_words(vu64 a, vu64 b) { return (void)b, a; }
INLINE vu64 zip_high_words(vu64 a, vu64 b) { return (void)a, b; }
INLINE vu64 mul32(vu64 a, vu64 b) { return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu); }

#if REAL_BITS == 32
INLINE vreal vsqrt(vreal v) { return sqrtf(v); }
#else
INLINE vreal vsqrt(vreal v) { return sqrt(v); }
INLINE int any(vint mask) { return mask != 0; }
INLINE void store_narrow(float *to, vreal v) { *to = (float)v; }
#endif

#endif
