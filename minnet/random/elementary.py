"""Logarithm, sine and cosine, and the inverse normal law, written as IEEE steps.

The functions of a C library or of NumPy round differently from one machine to the next.  Those
here use only ``+ - * / sqrt`` on floating-point numbers and exact integer steps, each of which
IEEE 754 fixes to the last bit, always in the order written.  ``minnet_ext/kernels/elementary.h``
and ``minnet_ext/kernels/ndtri.h`` repeat the same steps in C (compiled without contraction to
FMA), so a normal draw has the same bits on every machine, with or without the extension.

Change a constant or the order of a sum here and in C together; ``tests/backends/test_ext.py`` compares
them bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# log: the reduction and minimax polynomials of FreeBSD's msun (e_log.c, e_logf.c; Sun, 1993).
# offset: the bits of sqrt(1/2), rounded; one: the bits of 1.0; n_mantissa: bits of the fraction.
_LOG: dict[str, dict[str, Any]] = {
    "float32": {
        "int": np.int32,
        "one": 0x3F800000,
        "offset": 0x3F3504F3,
        "n_mantissa": 23,
        "ln2_high": 6.9313812256e-01,
        "ln2_low": 9.0580006145e-06,
        "poly": (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841),
    },
    "float64": {
        "int": np.int64,
        "one": 0x3FF0000000000000,
        "offset": 0x3FE6A09E00000000,
        "n_mantissa": 52,
        "ln2_high": 6.93147180369123816490e-01,
        "ln2_low": 1.90821492927058770002e-10,
        "poly": (
            6.666666666666735130e-01,
            3.999999999940941908e-01,
            2.857142874366239149e-01,
            2.222219843214978396e-01,
            1.818357216161805012e-01,
            1.531383769920937332e-01,
            1.479819860511658591e-01,
        ),
    },
}

# sin(pi/2 t) = t S(t^2) and cos(pi/2 t) = 1 + t^2 C(t^2) on |t| <= 1/2: Chebyshev fits of S and C
# in t^2 on [0, 1/4]; their errors, 5e-9 and 8e-10 in float32, 5e-18 and 5e-19 in float64, are
# below the rounding of the last step.
_SIN = {
    "float32": (
        1.5707963219532366854,
        -0.6459634776648117955,
        0.079680217647755413373,
        -0.0046021492128141759311,
    ),
    "float64": (
        1.5707963267948966143,
        -0.64596409750624431573,
        0.079692626246043003134,
        -0.0046817541323409759917,
        0.00016044115074219091052,
        -3.598643352982309702e-6,
        5.6339337815378539538e-8,
    ),
}
_COS = {
    "float32": (
        -1.2337005493742193572,
        0.25366941035710849881,
        -0.020861528342199968579,
        0.00090673989840326650869,
    ),
    "float64": (
        -1.2337005501361698269,
        0.25366950790104782321,
        -0.020863480763340772521,
        0.00091926027454684461873,
        -0.000025202039028029176105,
        4.7106784055052271063e-7,
        -6.3293963449674235121e-9,
    ),
}

# Wichura, Algorithm AS 241 (Applied Statistics 37, 1988), PPND16: numerators and denominators of
# the centre, the near tail and the far tail, constant term first.
_CENTRE = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
_NEAR = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
_FAR = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)


def _horner(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Sum of ``coefficients[i] * x**i`` by Horner's rule, in the dtype of `x`."""
    real = x.dtype.type
    value = np.full_like(x, real(coefficients[-1]))
    for coefficient in coefficients[-2::-1]:
        value *= x
        value += real(coefficient)
    return value


def log(x: Array) -> Array:
    """Return the natural logarithm of positive, normal numbers (float32 or float64)."""
    c = _LOG[x.dtype.name]
    real = x.dtype.type
    # x = 2^k m with sqrt(1/2) <= m < sqrt(2), read off the bits.
    bits = x.view(c["int"]) + c["int"](c["one"] - c["offset"])
    n = c["n_mantissa"]
    k = ((bits >> n) - (c["one"] >> n)).astype(x.dtype)
    m = ((bits & c["int"]((1 << n) - 1)) + c["int"](c["offset"])).view(x.dtype)
    f = m - real(1)
    # log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f)
    s = f / (real(2) + f)
    z = s * s
    r = z * _horner(z, c["poly"])
    half_square = real(0.5) * f * f
    correction = s * (half_square + r) + k * real(c["ln2_low"])
    return k * real(c["ln2_high"]) - ((half_square - correction) - f)


def cos_sin(turns: Array, n_bits: int, dtype: str) -> tuple[Array, Array]:
    """Return cosine and sine of ``2 pi turns / 2**n_bits``, for integers `turns` (int32/64)."""
    # The nearest quarter turn q and what is left of it, t in [-1/2, 1/2]: both exact.
    n = n_bits - 2
    q = (turns + (1 << (n - 1))) >> n
    t = (turns - (q << n)).astype(dtype) * np.dtype(dtype).type(2.0**-n)
    z = t * t
    sine = t * _horner(z, _SIN[dtype])
    cosine = np.dtype(dtype).type(1) + z * _horner(z, _COS[dtype])
    odd = (q & 1).astype(bool)
    c = np.where(odd, sine, cosine)
    s = np.where(odd, cosine, sine)
    np.negative(c, out=c, where=((q + 1) & 2).astype(bool))
    np.negative(s, out=s, where=(q & 2).astype(bool))
    return c, s


def _ratio(x: Array, polynomials: tuple[tuple[float, ...], tuple[float, ...]]) -> Array:
    return _horner(x, polynomials[0]) / _horner(x, polynomials[1])


def ndtri(p: Array) -> Array:
    """Return the inverse of the standard normal distribution function, 0 < p < 1, float64.

    Wichura's AS 241 (PPND16), about 1e-16 relative.
    """
    q = p - 0.5
    value = q * _ratio(0.180625 - q * q, _CENTRE)
    tail = np.abs(q) > 0.425
    q = q[tail]
    p = p[tail]
    r = np.sqrt(-log(np.where(q < 0, p, 1.0 - p)))
    x = np.where(r <= 5, _ratio(r - 1.6, _NEAR), _ratio(r - 5.0, _FAR))
    value[tail] = np.where(q < 0, -x, x)
    return value
