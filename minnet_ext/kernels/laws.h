/* From random words to values: words, uniform, normal, truncated normal.
 *
 * The same numbers, to the last bit, as the _fill_* functions of minnet/random/streams.py, which say what
 * each law is.  Measured on one core of a Zen 5 server, v3 / baseline / scalar, ns a value:
 * uniform float32 0.7 / 1.3 / 2.0, float64 1.6 / 3.2 / 4.6; normal float32 1.3 / 2.2 / 3.1,
 * float64 3.3 / 5.9 / 9.9; truncated normal on +-2 6 / 11 / 15.
 *
 * Included once for each width of real.h.
 */
#ifndef MINNET_LAWS_H
#define MINNET_LAWS_H

#include "table.h"

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

static void fill_words(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, 1, sizeof(uint32_t), piece_words);
}

/* Random integers: 24 bits of one word, or 53 bits of two. */
INLINE vi32 random_bits_f32(const uint32_t *words) {
    vu32 w;
    memcpy(&w, words, sizeof w);
    return (vi32)(w >> 8);
}
INLINE vi64 random_bits_f64(const uint32_t *words) {
    vu64 w;
    memcpy(&w, words, sizeof w);
    return (vi64)((FIRST_WORD(w) >> 5 << 26) | (SECOND_WORD(w) >> 6));
}

/* Those integers as numbers; 53 bits in two parts that to_real_f64 can take. */
INLINE vf32 bits_to_real_f32(vi32 k) { return to_real_f32(k); }
INLINE vf64 bits_to_real_f64(vi64 k) {
    return to_real_f64((vi64)((vu64)k >> 26)) * 67108864.0 + to_real_f64(k & 0x3FFFFFF);
}
#endif

#undef UNIT
#undef WORDS
#if REAL_BITS == 32
#define UNIT 24
#define WORDS 1
#else
#define UNIT 53
#define WORDS 2
#endif

/* p: mid, half, low, high */
INLINE void NAME(piece_uniform)(const double *p, const uint32_t *words, size_t n, void *out) {
    const real scale = (real)1 / (real)((sint)1 << (UNIT - 1));
    const real mid = (real)p[0], half = (real)p[1];
    const vreal low = NAME(splat)((real)p[2]), high = NAME(splat)((real)p[3]);
    for (size_t i = 0; i < n; i += LANES) {
        vreal k = NAME(bits_to_real)(NAME(random_bits)(words + i * WORDS));
        vreal v = (k * scale - (real)1) * half + mid;
        v = NAME(select)(v < low, low, v);
        v = NAME(select)(v > high, high, v);
        NAME(store)((real *)out + i, v);
    }
}

/* p: mean, std */
INLINE void NAME(piece_normal)(const double *p, const uint32_t *words, size_t n, void *out) {
    const real mean = (real)p[0], std = (real)p[1];
    const real unit = (real)1 / (real)((sint)1 << UNIT);
    for (size_t i = 0; i < n; i += 2 * LANES) {
        vuint a = (vuint)NAME(random_bits)(words + i * WORDS);
        vuint b = (vuint)NAME(random_bits)(words + (i + LANES) * WORDS);
        vreal u1 = (NAME(bits_to_real)((vint)NAME(even)(a, b)) + (real)1) * unit;
        vreal radius = NAME(sqrt)(NAME(log)(u1) * (real)-2);
        vreal c, s;
        NAME(cos_sin)((vint)NAME(odd)(a, b), UNIT, &c, &s);
        c = c * radius * std + mean;
        s = s * radius * std + mean;
        vuint first = NAME(zip_low)((vuint)NAME(bits)(c), (vuint)NAME(bits)(s));
        vuint second = NAME(zip_high)((vuint)NAME(bits)(c), (vuint)NAME(bits)(s));
        NAME(store)((real *)out + i, NAME(from_bits)((vint)first));
        NAME(store)((real *)out + i + LANES, NAME(from_bits)((vint)second));
    }
}

/* p: mean, std, p_lower, p_width, lower, upper, sign */
INLINE void NAME(piece_truncated)(const double *p, const uint32_t *words, size_t n, void *out) {
    const vf64 largest = splat_f64(1 - 0x1p-53), lower = splat_f64(p[4]), upper = splat_f64(p[5]);
    for (size_t i = 0; i < n; i += LANES_F64) {
        vf64 u = bits_to_real_f64(random_bits_f64(words + 2 * i) | 1) * 0x1p-53;
        vf64 q = u * p[3] + p[2];
        vf64 z = ndtri(select_f64(q > largest, largest, q));
        z = select_f64(z < lower, lower, z);
        z = select_f64(z > upper, upper, z);
        vf64 v = z * p[6] * p[1] + p[0];
#if REAL_BITS == 32
        store_narrow((float *)out + i, v);
#else
        store_f64((double *)out + i, v);
#endif
    }
}

static void NAME(fill_uniform)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, WORDS, sizeof(real), NAME(piece_uniform));
}
static void NAME(fill_normal)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, WORDS, sizeof(real), NAME(piece_normal));
}
static void NAME(fill_truncated)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, 2, sizeof(real), NAME(piece_truncated));
}
