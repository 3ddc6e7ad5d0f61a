/* Products in bfloat16: conversion to pairs, and the micro-kernel.
 *
 * setup.py compiles this file once for each level, and once more for v4 with MINNET_BF16, where it
 * uses the instruction `vdpbf16ps`. That adds the second product of a pair to the sum and then the
 * first, each by a fused multiplication and addition that takes and gives 0 for numbers below the
 * least normal one (found by trying on a Zen 5, with 9 million random pairs, and as Intel describes
 * it). All else does the same in float32, to the same bits, at less than half the speed.
 *
 * One core of a Zen 5, whose peak is 535 Gflop/s in bfloat16: see benchmarks/bf16.py.
 */
#include "bf16.h"

#include <math.h>

#include "entry.h"
#include "lanes.h"

/* ---- to bfloat16 */

#ifdef MINNET_BF16

INLINE vuint pairs_beside(vreal low, vreal high) { /* lanes of `low` in the lower half */
    const __m512i a = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)low));
    const __m512i b = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)high));
    return (vuint)_mm512_or_si512(a, _mm512_slli_epi32(b, 16));
}
INLINE vuint pairs_behind(vreal first, vreal second) { /* lanes 0 and 1, 2 and 3, ... of both */
    return (vuint)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

#else

/* In the upper halves; the lower ones are 0. */
INLINE vuint to_bf16(vreal v) {
    const vuint bits = (vuint)to_bits(v), sign = bits & 0x80000000u;
    const vreal size = from_bits((vint)(bits ^ sign));
    const vreal rounded = from_bits((vint)((bits + 0x7fffu + ((bits >> 16) & 1u))));
    const vreal quiet = from_bits((vint)(bits | 0x00400000u));
    const vreal least = splat(1.17549435e-38f);
    v = where(size != size, quiet, where(size < least, from_bits((vint)sign), rounded));
    return (vuint)to_bits(v) & 0xffff0000u;
}
INLINE vuint pairs_beside(vreal low, vreal high) { return (to_bf16(low) >> 16) | to_bf16(high); }
INLINE vuint pairs_behind(vreal first, vreal second) {
    const vuint a = to_bf16(first), b = to_bf16(second);
    return (even(a, b) >> 16) | odd(a, b);
}

#endif

/* Some lanes of a vector, without a byte behind them: it may be another thread's. */
INLINE void store_lanes(uint32_t *to, vreal v, ptrdiff_t n) {
    if (LANES == 1 || n >= LANES) store(to, v);
    else if (n == MR) memcpy(to, &v, MR % LANES * sizeof *to);
    else memcpy(to, &v, (size_t)n * sizeof *to);
}

/* The pairs that begin at a row's numbers, of which there are n. */
INLINE vreal pairs_of_row(const float *from, ptrdiff_t n) {
    const vreal first = load_part(from, n);
    const vreal second = n > LANES ? load_part(from + LANES, n - LANES) : splat(0);
    return from_bits((vint)pairs_behind(first, second));
}

static void rows(const float *B, ptrdiff_t ldb, ptrdiff_t depth, ptrdiff_t width, ptrdiff_t group,
                 uint32_t *to) {
    for (ptrdiff_t j = 0; j < group; j += LANES) {
        const ptrdiff_t lanes = group - j < LANES ? group - j : LANES;
        const ptrdiff_t some = width - j < LANES ? width - j : LANES;
        for (ptrdiff_t k = 0; k < depth; k += 2 * LANES) {
            vreal v[LANES];
            const ptrdiff_t left = (depth - k + 1) / 2, pairs = left < LANES ? left : LANES;
            uint32_t *at = to + k / 2 * group + j;
            if (some >= LANES && depth - k >= 2 * LANES) { /* all but edges */
                UNROLLED
                for (int i = 0; i < LANES; i++) {
                    const float *from = B + (j + i) * ldb + k;
                    PREFETCH(from + 4 * LANES);
                    PREFETCH(from + 5 * LANES);
                    v[i] = from_bits((vint)pairs_behind(load(from), load(from + LANES)));
                }
                turn(v);
                UNROLLED
                for (int i = 0; i < LANES; i++) store_lanes(at + i * group, v[i], lanes);
                continue;
            }
            UNROLLED
            for (int i = 0; i < LANES; i++) {
                v[i] = i < some ? pairs_of_row(B + (j + i) * ldb + k, depth - k) : splat(0);
            }
            turn(v);
            if (pairs == LANES) {
                UNROLLED
                for (int i = 0; i < LANES; i++) store_lanes(at + i * group, v[i], lanes);
            } else {
                for (ptrdiff_t i = 0; i < pairs; i++) store_lanes(at + i * group, v[i], lanes);
            }
        }
    }
}

static void columns(const float *B, ptrdiff_t ldb, ptrdiff_t depth, ptrdiff_t width,
                    ptrdiff_t group, uint32_t *to) {
    for (ptrdiff_t k = 0; k < depth; k += 2, B += 2 * ldb, to += group) {
        if (group == NR && width == NR && k + 1 < depth) { /* all but edges, and columns of X */
            UNROLLED
            for (int j = 0; j < NR; j += LANES) {
                PREFETCH(B + j + NR); /* the next panel of W */
                PREFETCH(B + ldb + j + NR);
                store(to + j, from_bits((vint)pairs_beside(load(B + j), load(B + ldb + j))));
            }
            continue;
        }
        for (ptrdiff_t j = 0; j < group; j += LANES) {
            const ptrdiff_t lanes = group - j < LANES ? group - j : LANES, some = width - j;
            vreal low = splat(0), high = splat(0);
            if (some > 0) low = load_part(B + j, some);
            if (some > 0 && k + 1 < depth) high = load_part(B + ldb + j, some);
            store_lanes(to + j, from_bits((vint)pairs_beside(low, high)), lanes);
        }
    }
}

/* ---- the micro-kernel */

#ifdef MINNET_BF16

INLINE vreal add_pair(vreal sum, vreal a, vreal b) {
    return (vreal)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

#else

#if defined(__AVX512F__) && !defined(MINNET_SCALAR)
INLINE vreal fused(vreal a, vreal b, vreal c) {
    return (vreal)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif defined(__FMA__) && !defined(MINNET_SCALAR)
INLINE vreal fused(vreal a, vreal b, vreal c) {
    return (vreal)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#else
INLINE vreal fused(vreal a, vreal b, vreal c) {
    real x[LANES], y[LANES], z[LANES];
    store(x, a);
    store(y, b);
    store(z, c);
    for (int i = 0; i < LANES; i++) z[i] = fmaf(x[i], y[i], z[i]);
    return load(z);
}
#endif

/* The x86 processors can take and give 0 for small numbers by themselves. Others compare, which
 * differs from it in sums that are the least normal number after they are rounded, and were not
 * before. */
#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#define FLUSHES 0x8040u
INLINE vreal flushed(vreal v) { return v; }
#else
INLINE vreal flushed(vreal v) {
    const vuint sign = (vuint)to_bits(v) & 0x80000000u;
    const vreal size = from_bits((vint)((vuint)to_bits(v) ^ sign));
    return where(size < splat(1.17549435e-38f), from_bits((vint)sign), v);
}
#endif

INLINE vreal low_half(vreal pairs) { return from_bits((vint)((vuint)to_bits(pairs) << 16)); }
INLINE vreal high_half(vreal pairs) {
    return from_bits((vint)((vuint)to_bits(pairs) & 0xffff0000u));
}
INLINE vreal add_pair(vreal sum, vreal a, vreal b) {
    sum = flushed(fused(high_half(a), high_half(b), sum));
    return flushed(fused(low_half(a), low_half(b), sum));
}

#endif

INLINE void tile_of(const int rows, const int vectors, ptrdiff_t n, const uint32_t *a,
                    const uint32_t *b, float *sums) {
    vreal sum0[MR], sum1[MR];
    UNROLLED
    for (int i = 0; i < rows; i++) sum0[i] = sum1[i] = splat(0);
    for (; n > 0; n--, a += MR, b += NR) {
        vreal b0 = load(b), b1 = load(b + (vectors - 1) * LANES);
        IN_REGISTER(b0);
        IN_REGISTER(b1);
        UNROLLED
        for (int i = 0; i < rows; i++) {
            float pair;
            memcpy(&pair, a + i, sizeof pair);
            vreal x = splat(pair);
            sum0[i] = add_pair(sum0[i], x, b0);
            if (vectors == 2) sum1[i] = add_pair(sum1[i], x, b1);
        }
    }
    UNROLLED
    for (int i = 0; i < rows; i++) {
        store(sums + i * NR, sum0[i]);
        if (vectors == 2) store(sums + i * NR + LANES, sum1[i]);
    }
}

INLINE void tile_rows(int rows, const int vectors, ptrdiff_t n, const uint32_t *a,
                      const uint32_t *b, float *sums) {
    switch (rows) {
    case 1: tile_of(1, vectors, n, a, b, sums); break;
    case 2: tile_of(2, vectors, n, a, b, sums); break;
    case 3: tile_of(3, vectors, n, a, b, sums); break;
    case 4: tile_of(4, vectors, n, a, b, sums); break;
    case 5: tile_of(5, vectors, n, a, b, sums); break;
    case 6: tile_of(6, vectors, n, a, b, sums); break;
#if MR == 12
    case 7: tile_of(7, vectors, n, a, b, sums); break;
    case 8: tile_of(8, vectors, n, a, b, sums); break;
    case 9: tile_of(9, vectors, n, a, b, sums); break;
    case 10: tile_of(10, vectors, n, a, b, sums); break;
    case 11: tile_of(11, vectors, n, a, b, sums); break;
    case 12: tile_of(12, vectors, n, a, b, sums); break;
#endif
    }
}

static NOINLINE void tile_wide(int rows, ptrdiff_t n, const uint32_t *a, const uint32_t *b,
                               float *sums) {
    tile_rows(rows, 2, n, a, b, sums);
}
static NOINLINE void tile_narrow(int rows, ptrdiff_t n, const uint32_t *a, const uint32_t *b,
                                 float *sums) {
    tile_rows(rows, 1, n, a, b, sums);
}

static void tile(int rows, ptrdiff_t width, ptrdiff_t n, const uint32_t *a, const uint32_t *b,
                 float *sums) {
#ifdef FLUSHES
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSHES);
#endif
    if (width > LANES) tile_wide(rows, n, a, b, sums);
    else tile_narrow(rows, n, a, b, sums);
#ifdef FLUSHES
    _mm_setcsr(before);
#endif
}

#ifdef MINNET_BF16
const minnet_bf16 OF_LEVEL(bf16_instruction) = {rows, columns, tile};
#else
const minnet_bf16 OF_LEVEL(bf16_emulated) = {rows, columns, tile};
#endif
