/* From random words to values: words, uniform, normal, truncated normal.
 *
 * The same numbers, to the last bit, as the _fill_* functions of minnet/random/streams.py, which
 * say what each law is.  Measured on one core of a Zen 5 server, v3 / baseline / scalar, ns a
 * value: uniform float32 0.7 / 1.3 / 2.0, float64 1.6 / 3.2 / 4.6; normal float32 1.3 / 2.2 / 3.1,
 * float64 3.3 / 5.9 / 9.9; truncated normal on +-2 6 / 11 / 15.
 */
#ifndef MINNET_LAWS_H
#define MINNET_LAWS_H

#include "elementary.h"
#include "philox.h"

/* Values made at a time: their words and they stay in the first-level cache. */
#define PIECE 512

typedef void (*piece_law)(const double *p, const uint32_t *words, size_t n, void *out);

/* Cuts a draw into pieces that begin at a multiple of 4 values, where blocks begin and pairs do.
 * Whole pieces go straight to out, others by way of a buffer, so that the laws below need only
 * whole vectors: n_words words and size bytes make a value. */
INLINE void by_pieces(const minnet_draw *draw, uint64_t start, size_t n, char *out, int n_words,
                      size_t size, piece_law law) {
    uint32_t words[2 * PIECE + 4 * PHILOX_BLOCKS];
    double values[PIECE];
    while (n > 0) {
        size_t skip = (size_t)(start % 4);
        size_t m = n < PIECE - skip ? n : PIECE - skip;
        size_t rounded = (skip + m + 31) / 32 * 32; /* a multiple of any number of lanes */
        philox(draw, (start - skip) / 4 * n_words, rounded / 4 * n_words, words);
        if (m == PIECE) {
            law(draw->p, words, PIECE, out);
        } else {
            law(draw->p, words, rounded, values);
            memcpy(out, (char *)values + skip * size, m * size);
        }
        start += m;
        n -= m;
        out += m * size;
    }
}

INLINE void piece_words(const double *p, const uint32_t *words, size_t n, void *out) {
    (void)p;
    memcpy(out, words, n * sizeof *words);
}

/* Random integers, the high UNIT bits of WORDS words, and those integers as numbers. */
#if REAL_BITS == 32
#define UNIT  24
#define WORDS 1
INLINE vint random_bits(const uint32_t *words) {
    vuint w;
    memcpy(&w, words, sizeof w);
    return (vint)(w >> 8);
}
INLINE vreal bits_to_real(vint k) { return to_real(k); }
#else
#define UNIT  53
#define WORDS 2
INLINE vint random_bits(const uint32_t *words) {
    vuint w;
    memcpy(&w, words, sizeof w);
    return (vint)((FIRST_WORD(w) >> 5 << 26) | (SECOND_WORD(w) >> 6));
}
/* in two parts that to_real can take */
INLINE vreal bits_to_real(vint k) {
    return to_real((vint)((vuint)k >> 26)) * 67108864.0 + to_real(k & 0x3FFFFFF);
}
#endif

/* p: mid, half, low, high */
INLINE void piece_uniform(const double *p, const uint32_t *words, size_t n, void *out) {
    const real scale = (real)1 / (real)((sint)1 << (UNIT - 1));
    const real mid = (real)p[0], half = (real)p[1];
    const vreal low = splat((real)p[2]), high = splat((real)p[3]);
    for (size_t i = 0; i < n; i += LANES) {
        vreal k = bits_to_real(random_bits(words + i * WORDS));
        vreal v = (k * scale - (real)1) * half + mid;
        v = where(v < low, low, v);
        v = where(v > high, high, v);
        store((real *)out + i, v);
    }
}

/* p: mean, std */
INLINE void piece_normal(const double *p, const uint32_t *words, size_t n, void *out) {
    const real mean = (real)p[0], std = (real)p[1];
    const real unit = (real)1 / (real)((sint)1 << UNIT);
    for (size_t i = 0; i < n; i += 2 * LANES) {
        vuint a = (vuint)random_bits(words + i * WORDS);
        vuint b = (vuint)random_bits(words + (i + LANES) * WORDS);
        vreal u1 = (bits_to_real((vint)even(a, b)) + (real)1) * unit;
        vreal radius = vsqrt(vlog(u1) * (real)-2);
        vreal c, s;
        cos_sin((vint)odd(a, b), UNIT, &c, &s);
        c = c * radius * std + mean;
        s = s * radius * std + mean;
        vuint first = zip_low((vuint)to_bits(c), (vuint)to_bits(s));
        vuint second = zip_high((vuint)to_bits(c), (vuint)to_bits(s));
        store((real *)out + i, from_bits((vint)first));
        store((real *)out + i + LANES, from_bits((vint)second));
    }
}

#if REAL_BITS == 64 /* also of float32, rounded at the end */
#include "ndtri.h"

/* p: mean, std, p_lower, p_width, lower, upper, sign */
INLINE vreal truncated(const double *p, const uint32_t *words) {
    const vreal largest = splat(1 - 0x1p-53), lower = splat(p[4]), upper = splat(p[5]);
    vreal u = bits_to_real(random_bits(words) | 1) * 0x1p-53;
    vreal q = u * p[3] + p[2];
    vreal z = ndtri(where(q > largest, largest, q));
    z = where(z < lower, lower, z);
    z = where(z > upper, upper, z);
    return z * p[6] * p[1] + p[0];
}

INLINE void piece_truncated(const double *p, const uint32_t *words, size_t n, void *out) {
    for (size_t i = 0; i < n; i += LANES) store((double *)out + i, truncated(p, words + 2 * i));
}

INLINE void piece_truncated_narrow(const double *p, const uint32_t *words, size_t n, void *out) {
    for (size_t i = 0; i < n; i += LANES)
        store_narrow((float *)out + i, truncated(p, words + 2 * i));
}
#endif

#endif
