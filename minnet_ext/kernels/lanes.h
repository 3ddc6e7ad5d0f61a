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

/* Lane i of the result is the sum of the lanes of v[i], for LANES vectors; in halves. */
INLINE vreal sums_of_lanes(vreal *v) {
#define HALVE(s) \
    UNROLLED     \
    for (int i = 0; i < s; i++) v[i] = ADD_LANES(s, v[i], v[i + s]);
#if LANES > 8
    HALVE(8)
#endif
#if LANES > 4
    HALVE(4)
#endif
#if LANES > 2
    HALVE(2)
#endif
#if LANES > 1
    HALVE(1)
#endif
#undef HALVE
    return v[0];
}

/* Turns a square of vectors around: zipping row i with row i + LANES / 2, log2(LANES) times. */
INLINE void turn(vreal *v) {
    vreal w[LANES];
    UNROLLED
    for (int round = 1; round < LANES; round *= 2) {
        UNROLLED
        for (int i = 0; i < LANES / 2; i++) {
            const vuint a = (vuint)to_bits(v[i]), b = (vuint)to_bits(v[i + LANES / 2]);
            w[2 * i] = from_bits((vint)zip_low(a, b));
            w[2 * i + 1] = from_bits((vint)zip_high(a, b));
        }
        UNROLLED
        for (int i = 0; i < LANES; i++) v[i] = w[i];
    }
}

/* Whether a part of a square is copied number by number. */
INLINE int is_costly_part(ptrdiff_t rows, ptrdiff_t columns) {
#if LANES == 16 || LANES == 8 && REAL_BITS == 64
    return rows < 4 || columns < 4;
#else
    return rows < LANES || columns < LANES;
#endif
}

/* to[j * ldt + i] = from[i * ldf + j] for i < rows and j < columns. */
static NOINLINE void transpose(ptrdiff_t rows, ptrdiff_t columns, const real *from, ptrdiff_t ldf,
                               real *to, ptrdiff_t ldt) {
    if ((rows == 1 && ldt == 1) || (columns == 1 && ldf == 1)) {
        memcpy(to, from, (size_t)(rows * columns) * sizeof(real));
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i += LANES) {
        const ptrdiff_t high = rows - i < LANES ? rows - i : LANES;
        for (ptrdiff_t j = 0; j < columns; j += LANES) {
            const ptrdiff_t wide = columns - j < LANES ? columns - j : LANES;
            const real *f = from + i * ldf + j;
            real *t = to + j * ldt + i;
            if (is_costly_part(high, wide)) {
                for (ptrdiff_t c = 0; c < wide; c++) {
                    for (ptrdiff_t r = 0; r < high; r++) t[c * ldt + r] = f[r * ldf + c];
                }
                continue;
            }
            vreal v[LANES];
            UNROLLED
            for (int r = 0; r < LANES; r++) v[r] = load_part(f + (r < high ? r : 0) * ldf, wide);
            turn(v);
            UNROLLED
            for (int c = 0; c < LANES; c++) {
                if (c < wide) store_part(t + c * ldt, v[c], high);
            }
        }
    }
}

#endif
