/* Activations and their derivatives, a row at a time; rows are padded to whole vectors.
 *
 * The formulas of minnet/activations.py; exp and tanh after Moshier's Cephes, erfc is the C
 * library's. NaN stays NaN.  Largest errors found, in ulp of either width, over all numbers
 * (tests/backends/test_ext_kernels.py checks them): exp 1.6, tanh 1.7, sigmoid 2.8, softsign 1.5,
 * elu 2.3, selu 3.1, lecun_tanh 3.7, softplus 2.3, its derivative 4.4, silu 3.1 where its sigmoid
 * is a normal number.  gelu has 2.1 for |z| < 1 and loses z^2 / 2 ulp in the left tail. Derivatives
 * made of y err by some ulp of the largest value that they take: what saturates has lost the rest
 * in y.
 */
#ifndef MINNET_ACTIVATE_H
#define MINNET_ACTIVATE_H

#include <math.h>

#include "elementary.h"
#include "user.h"

#define SELU_SCALE 1.0507009873554805
#define SELU_ALPHA 1.6732632423543772

INLINE vreal absolute(vreal x) {
    return from_bits(to_bits(x) & (sint)(~((usint)1 << (REAL_BITS - 1))));
}

INLINE vreal copy_sign(vreal magnitude, vreal sign) {
    const sint mask = (sint)((usint)1 << (REAL_BITS - 1));
    return from_bits(to_bits(magnitude) | (to_bits(sign) & mask));
}

/* e^c / 2^n and n, for c where e^c is a normal number. */
INLINE vreal exp_parts(vreal c, vint *n) {
#if REAL_BITS == 32
    const real magic =
        12582912.0f; /* 3 * 2^22: adding it rounds to a whole number, in the low bits */
    vreal k = c * 1.44269504088896341f + magic;
    *n = to_bits(k) - 0x4B400000;
    k = k - magic;
    vreal r = c - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    vreal p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return p * (r * r) + r + 1.0f;
#else
    const real magic = 6755399441055744.0; /* 3 * 2^51 */
    vreal k = c * 1.4426950408889634074 + magic;
    *n = to_bits(k) - (sint)0x4338000000000000;
    k = k - magic;
    vreal r = c - k * 6.93145751953125e-1;
    r = r - k * 1.42860682030941723212e-6;
    vreal z = r * r;
    vreal p = ((z * 1.26177193074810590878e-4 + 3.02994407707441961300e-2) * z + 1.0) * r;
    vreal q = ((z * 3.00198505138664455042e-6 + 2.52448340349684104192e-3) * z +
               2.27265548208155028766e-1) *
                  z +
              2.0;
    return p / (q - p) * 2.0 + 1.0;
#endif
}

/* e^x; it ends in subnormal numbers, then 0, and in infinity. */
INLINE vreal vexp(vreal x) {
#if REAL_BITS == 32
    const real low = -103.97208f, high = 88.72283f;
    const int bits = 23, twice_bias = 254;
#else
    const real low = -745.13321910194122, high = 709.782712893384;
    const int bits = 52, twice_bias = 2046;
#endif
    vreal c = where(x < low, splat(low), x);
    c = where(c > high, splat(high), c);
    vint n;
    vreal y = exp_parts(c, &n);
    /* two factors 2^(n / 2), since 2^n itself may be out of range where y 2^n is not */
    vuint both = (vuint)(n + twice_bias), half = both >> 1;
    y = y * from_bits((vint)(half << bits)) * from_bits((vint)((both - half) << bits));
    y = where(x < low, splat(0), y);
    return where(x > high, splat((real)INFINITY), y);
}

/* e^x for x <= 0; what would be less than the smallest normal number is 0. Takes half as long. */
INLINE vreal exp_down(vreal x) {
#if REAL_BITS == 32
    const real low = -87.33654f;
    const int bits = 23, bias = 127;
#else
    const real low = -708.39641853226408;
    const int bits = 52, bias = 1023;
#endif
    vint n;
    vreal y = exp_parts(where(x < low, splat(low), x), &n);
    y = y * from_bits((vint)((vuint)(n + bias) << bits));
    return where(x < low, splat(0), y);
}

INLINE vreal vtanh(vreal x) {
    vreal a = absolute(x), z = x * x;
#if REAL_BITS == 32
    vreal p = z * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    vreal small = p * z * x + x;
#else
    vreal p =
        (z * -9.64399179425052238628e-1 - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
    vreal q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z +
              4.84406305325125486048e3;
    vreal small = p / q * z * x + x;
#endif
    vreal e = exp_down(a * (real)-2);
    vreal large = copy_sign(((real)1 - e) / ((real)1 + e), x);
    return where(a < (real)0.625, small, large);
}

/* log(1 + u) for u in [0, 1]. */
INLINE vreal vlog1p(vreal u) {
    vreal y = u + (real)1;
    return vlog(y) - ((y - (real)1) - u) / y;
}

INLINE vreal sigmoid(vreal z) {
    vreal e = vexp(-absolute(z)); /* at most 1 */
    vreal positive = (real)1 / (e + (real)1);
    return where(z < (real)0, e * positive, positive);
}

INLINE vreal softplus(vreal z) {
    vreal positive = where(z < (real)0, splat(0), z);
    return positive + vlog1p(vexp(-absolute(z)));
}

/* e^z - 1 for z <= 0, by 2t / (1 - t) with t = tanh(z / 2). */
INLINE vreal vexpm1(vreal z) {
    vreal t = vtanh(z * (real)0.5);
    return t * (real)2 / ((real)1 - t);
}

/* The normal distribution function. */
INLINE vreal normal_cdf(vreal z) {
    real part[LANES];
    memcpy(part, &z, sizeof z);
    for (int i = 0; i < LANES; i++) {
#if REAL_BITS == 32
        part[i] = 0.5f * erfcf(-0.70710678118654752440f * part[i]);
#else
        part[i] = 0.5 * erfc(-0.70710678118654752440 * part[i]);
#endif
    }
    memcpy(&z, part, sizeof z);
    return z;
}

#undef EACH
#define EACH(expression)                                     \
    for (ptrdiff_t m = 0; m < rows; m++, Z += ld, Y += ld) { \
        for (ptrdiff_t i = 0; i < n; i += LANES) {           \
            vreal z = load(Z + i);                           \
            (void)z;                                         \
            store(Y + i, expression);                        \
        }                                                    \
    }                                                        \
    break;

/* Y = f(Z) for some rows of n numbers, n rounded up to whole vectors; Y may be Z. */
static void activate(const minnet_layer *layer, const real *Z, real *Y, ptrdiff_t ld,
                     ptrdiff_t rows, ptrdiff_t n) {
    const vreal zero = splat(0);
    const real parameter = (real)layer->activation_parameter;
    switch (layer->activation) {
    case ACT_IDENTITY:
        if (Y == Z) break;
        EACH(z)
    case ACT_SIGMOID: EACH(sigmoid(z))
    case ACT_TANH: EACH(vtanh(z))
    case ACT_LECUN_TANH: EACH(vtanh(z * (real)(2.0 / 3.0)) * (real)1.7159)
    case ACT_SOFTSIGN: EACH(z / (absolute(z) + (real)1))
    case ACT_RELU: EACH(where(z <= zero, zero, z))
    case ACT_LEAKY_RELU: EACH(where(z <= zero, z * parameter, z))
    case ACT_ELU: EACH(where(z <= zero, vexpm1(where(z > zero, zero, z)) * parameter, z))
    case ACT_SELU:
        EACH(where(z <= zero, vexpm1(where(z > zero, zero, z)) * (real)(SELU_SCALE * SELU_ALPHA),
                   z * (real)SELU_SCALE))
    case ACT_GELU: EACH(z * normal_cdf(z))
    case ACT_SILU: EACH(z * sigmoid(z))
    case ACT_USER: user_activate(layer, Z, Y, ld, rows, n); break;
    case ACT_SOFTPLUS: EACH(softplus(z))
    default: EACH(splat((real)NAN)) /* unknown: it shall be seen */
    }
}

/* Z += bias, then Y = f(Z): a rectifier's in one pass. */
INLINE void activate_with_bias(const minnet_layer *layer, const real *bias, real *Z, real *Y,
                               ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t n) {
    const int relu = layer->activation == ACT_RELU && Y == Z;
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const vreal b = load_part(bias + j, n - j), zero = splat(0);
        for (ptrdiff_t m = 0; m < rows; m++) {
            const vreal z = load(Z + m * ld + j) + b;
            store(Z + m * ld + j, relu ? where(z <= zero, zero, z) : z);
        }
    }
    if (!relu) activate(layer, Z, Y, ld, rows, n);
}

INLINE vreal gelu_derivative(vreal z) {
    z = where(z > (real)40, splat(40), z);
    z = where(z < (real)-40, splat(-40), z);
    vreal density = vexp(z * z * (real)-0.5) * (real)0.39894228040143267794;
    return normal_cdf(z) + z * density;
}

INLINE vreal silu_derivative(vreal z, vreal y) {
    vreal s = sigmoid(z);
    return s + y * ((real)1 - s);
}

#undef EACH
#define EACH(expression)                                                \
    for (ptrdiff_t m = 0; m < rows; m++, Z += ld, Y += ld, dY += ldy) { \
        for (ptrdiff_t i = 0; i < n; i += LANES) {                      \
            vreal y = load(Y + i), dy = load(dY + i);                   \
            (void)y;                                                    \
            store(dY + i, dy * (expression));                           \
        }                                                               \
    }                                                                   \
    break;

/* dY = dY f'(Z) for some rows of n numbers; Z is read only where the layer needs it. */
static void differentiate(const minnet_layer *layer, const real *Z, const real *Y, ptrdiff_t ld,
                          real *dY, ptrdiff_t ldy, ptrdiff_t rows, ptrdiff_t n) {
    const vreal zero = splat(0), one = splat(1);
    const real parameter = (real)layer->activation_parameter;
    switch (layer->activation) {
    case ACT_IDENTITY: break;
    case ACT_SIGMOID: EACH(y * (one - y))
    case ACT_TANH: EACH(one - y * y)
    case ACT_LECUN_TANH: EACH(((real)1.7159 - y * y * (real)(1 / 1.7159)) * (real)(2.0 / 3.0))
    case ACT_SOFTSIGN: EACH((one - absolute(y)) * (one - absolute(y)))
    case ACT_RELU: EACH(where(y > zero, one, zero))
    case ACT_LEAKY_RELU: EACH(where(y > zero, one, splat(parameter)))
    case ACT_ELU: EACH(where(y > zero, one, y + parameter))
    case ACT_SELU:
        EACH(where(y > zero, splat((real)SELU_SCALE), y + (real)(SELU_SCALE * SELU_ALPHA)))
    case ACT_GELU: EACH(gelu_derivative(load(Z + i)))
    case ACT_SILU: EACH(silu_derivative(load(Z + i), y))
    case ACT_USER: user_differentiate(layer, Z, Y, ld, dY, ldy, rows, n); break;
    case ACT_SOFTPLUS: EACH(-vexpm1(-y)) /* 1 - e^-y would lose the small ones */
    default: EACH(splat((real)NAN))
    }
}
#undef EACH

#endif
