/* Vectors at the edge of an array, and sums of the lanes of a vector. */
#ifndef MINNET_LANES_H
#define MINNET_LANES_H

#include "compiler.h"
#include "vec.h"

/* a b, rounded: see ROUNDED. */
INLINE vreal rounded(vreal a, vreal b) {
    vreal p = a * b;
    ROUNDED(p);
    return p;
}

/* The first n lanes from memory (all of them where n is larger), the others from `rest`. */
INLINE vreal load_part_over(vreal rest, const real *from, ptrdiff_t n) {
    if (n >= LANES) return load(from);
#if VBYTES == 64 && REAL_BITS == 32
    return (vreal)_mm512_mask_loadu_ps((__m512)rest, (__mmask16)((1u << n) - 1), from);
#elif VBYTES == 64
    return (vreal)_mm512_mask_loadu_pd((__m512d)rest, (__mmask8)((1u << n) - 1), from);
#else
    real lanes[LANES];
    store(lanes, rest);
    for (ptrdiff_t j = 0; j < n; j++) lanes[j] = from[j];
    return load(lanes);
#endif
}
INLINE vreal load_part(const real *from, ptrdiff_t n) { return load_part_over(splat(0), from, n); }
INLINE void store_part(real *to, vreal v, ptrdiff_t n) {
    if (n >= LANES) {
        store(to, v);
        return;
    }
#if VBYTES == 64 && REAL_BITS == 32
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)v);
#elif VBYTES == 64
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << n) - 1), (__m512d)v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (ptrdiff_t j = 0; j < n; j++) to[j] = lanes[j];
#endif
}

/* In halves: a tree of shuffles. */
INLINE real sum_of_lanes(vreal v) {
#if VBYTES == 64 && REAL_BITS == 32
    return _mm512_reduce_add_ps((__m512)v);
#elif VBYTES == 64
    return _mm512_reduce_add_pd((__m512d)v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    }
    return lanes[0];
#endif
}
INLINE real largest_of_lanes(vreal v) {
#if VBYTES == 64 && REAL_BITS == 32
    return _mm512_reduce_max_ps((__m512)v);
#elif VBYTES == 64
    return _mm512_reduce_max_pd((__m512d)v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int i = 1; i < LANES; i++) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
#endif
}

/* Lane i of the result is the sum of the lanes of v[i], for LANES vectors. */
INLINE vreal sums_of_lanes(vreal *v) {
    UNROLLED
    for (int half = LANES / 2; half > 0; half /= 2) {
        UNROLLED
        for (int i = 0; i < half; i++) {
            const vuint a = (vuint)to_bits(v[i]), b = (vuint)to_bits(v[i + half]);
            v[i] = from_bits((vint)zip_low(a, b)) + from_bits((vint)zip_high(a, b));
        }
    }
    return v[0];
}

#endif
