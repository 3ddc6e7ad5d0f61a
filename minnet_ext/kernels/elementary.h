/* Logarithm, and cosine with sine, step for step as minnet/random/elementary.py (constants and
 * sources there), so that both give the same bits.  Errors below 0.9 ulp and 1.7 ulp.
 */
#ifndef MINNET_ELEMENTARY_H
#define MINNET_ELEMENTARY_H

#include "vec.h"

#if REAL_BITS == 32
#define ONE_BITS   0x3F800000
#define LOG_OFFSET 0x3F3504F3
#define FRACTION   23
#define LN2_HIGH   6.9313812256e-01f
#define LN2_LOW    9.0580006145e-06f
#define LOG_POLY   0.66666662693f, 0.40000972152f, 0.28498786688f, 0.24279078841f
#define SIN_POLY                                                               \
    1.5707963219532366854f, -0.6459634776648117955f, 0.079680217647755413373f, \
        -0.0046021492128141759311f
#define COS_POLY                                                                 \
    -1.2337005493742193572f, 0.25366941035710849881f, -0.020861528342199968579f, \
        0.00090673989840326650869f
#else
#define ONE_BITS   0x3FF0000000000000
#define LOG_OFFSET 0x3FE6A09E00000000
#define FRACTION   52
#define LN2_HIGH   6.93147180369123816490e-01
#define LN2_LOW    1.90821492927058770002e-10
#define LOG_POLY                                                                      \
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,     \
        2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01, \
        1.479819860511658591e-01
#define SIN_POLY                                                                        \
    1.5707963267948966143, -0.64596409750624431573, 0.079692626246043003134,            \
        -0.0046817541323409759917, 0.00016044115074219091052, -3.598643352982309702e-6, \
        5.6339337815378539538e-8
#define COS_POLY                                                                          \
    -1.2337005501361698269, 0.25366950790104782321, -0.020863480763340772521,             \
        0.00091926027454684461873, -0.000025202039028029176105, 4.7106784055052271063e-7, \
        -6.3293963449674235121e-9
#endif

/* The sum of c[i] x^i by Horner's rule. */
INLINE vreal horner(vreal x, const real *c, int n) {
    vreal value = splat(c[n - 1]);
    for (int i = n - 2; i >= 0; i--) value = value * x + c[i];
    return value;
}

/* Positive, normal x. */
INLINE vreal vlog(vreal x) {
    static const real poly[] = {LOG_POLY};
    const sint one = ONE_BITS, offset = LOG_OFFSET, fraction = ((sint)1 << FRACTION) - 1;
    vint bits = to_bits(x) + (one - offset);
    vreal k = to_real((vint)((vuint)bits >> FRACTION) - (one >> FRACTION));
    vreal m = from_bits((bits & fraction) + offset);
    vreal f = m - (real)1;
    vreal s = f / (f + (real)2);
    vreal z = s * s;
    vreal r = z * horner(z, poly, sizeof poly / sizeof *poly);
    vreal half_square = f * (real)0.5 * f;
    vreal correction = s * (half_square + r) + k * LN2_LOW;
    return k * LN2_HIGH - ((half_square - correction) - f);
}

/* Of the angle turns / 2^n_bits, in turns; turns >= 0. */
INLINE void cos_sin(vint turns, int n_bits, vreal *cosine, vreal *sine) {
    static const real sin_poly[] = {SIN_POLY}, cos_poly[] = {COS_POLY};
    const int n = n_bits - 2;
    vint q = (vint)((vuint)(turns + ((sint)1 << (n - 1))) >> n); /* the nearest quarter turn */
    vreal t = to_real(turns - (q << n)) * ((real)1 / (real)((sint)1 << n));
    vreal z = t * t;
    vreal s = t * horner(z, sin_poly, sizeof sin_poly / sizeof *sin_poly);
    vreal c = z * horner(z, cos_poly, sizeof cos_poly / sizeof *cos_poly) + (real)1;
    vint odd = -(q & 1);
    /* Bit 1 of q + 1 and of q, moved to where a number has its sign, says which to negate. */
    vint minus_cosine = (vint)((vuint)((q + 1) & 2) << (REAL_BITS - 2));
    vint minus_sine = (vint)((vuint)(q & 2) << (REAL_BITS - 2));
    *cosine = from_bits(to_bits(where(odd, s, c)) ^ minus_cosine);
    *sine = from_bits(to_bits(where(odd, c, s)) ^ minus_sine);
}

#endif
