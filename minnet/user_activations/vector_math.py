"""exp, expm1, tanh, log and log1p in steps that a compiler can run on vectors; imports Numba.

The C library's take one number at a time. These are the steps of minnet_ext/kernels/activate.h, after
Moshier's Cephes, and of its logarithm (Sun's msun), for float32 and float64; for other numbers the C
library's are taken.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir as llvm
from numba import types
from numba.extending import intrinsic, overload

from minnet.common.types import Array

__all__ = ["REPLACEMENTS", "exp", "expm1", "log", "log1p", "tanh"]


class _Width:
    """What the numbers of one width are made of."""

    def __init__(self, real, bits, mantissa, offset):
        self.real, self.bits, self.mantissa = real, bits, mantissa
        self.bias = 2 ** (bits - mantissa - 2) - 1
        # Adding it rounds to a whole number, which is then in the low bits.
        self.magic = 1.5 * 2.0**mantissa
        self.magic_bits = (self.bias + mantissa << mantissa) + (1 << (mantissa - 1))
        self.offset = offset  # the bits of sqrt(1/2)

    def constant(self, value):
        return llvm.Constant(llvm.IntType(self.bits), value)


_WIDTHS = {
    types.float32: _Width(np.float32, 32, 23, 0x3F3504F3),
    types.float64: _Width(np.float64, 64, 52, 0x3FE6A09E00000000),
}


@intrinsic
def _two_to(typing, k):
    """Return ``2**n`` for ``k = n + magic``, if that is a normal number."""
    width = _WIDTHS[k]

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], llvm.IntType(width.bits))
        exponent = builder.add(bits, width.constant(width.bias - width.magic_bits))
        bits = builder.shl(exponent, width.constant(width.mantissa))
        return builder.bitcast(bits, arguments[0].type)

    return k(k), generate


@intrinsic
def _exponent(typing, x):
    """Return ``k + magic`` for ``x = 2**k m`` with m from sqrt(1/2) to sqrt(2)."""
    width = _WIDTHS[x]

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], llvm.IntType(width.bits))
        one = width.bias << width.mantissa
        bits = builder.add(bits, width.constant(one - width.offset))
        k = builder.lshr(bits, width.constant(width.mantissa))
        bits = builder.add(k, width.constant(width.magic_bits - width.bias))
        return builder.bitcast(bits, arguments[0].type)

    return x(x), generate


@intrinsic
def _mantissa(typing, x):
    """Return that m."""
    width = _WIDTHS[x]

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], llvm.IntType(width.bits))
        one = width.bias << width.mantissa
        bits = builder.add(bits, width.constant(one - width.offset))
        bits = builder.and_(bits, width.constant((1 << width.mantissa) - 1))
        bits = builder.add(bits, width.constant(width.offset))
        return builder.bitcast(bits, arguments[0].type)

    return x(x), generate


def exp(x: Array) -> Any:
    """Return e to the power of a number."""
    return math.exp(x)


def expm1(x: Array) -> Any:
    """Return ``exp(x) - 1``, right for small x too."""
    return math.expm1(x)


def tanh(x: Array) -> Any:
    """Return the hyperbolic tangent of a number."""
    return math.tanh(x)


def log(x: Array) -> Any:
    """Return the natural logarithm of a number."""
    return math.log(x)


def log1p(x: Array) -> Any:
    """Return ``log(1 + x)``, right for small x too."""
    return math.log1p(x)


#: The functions that are replaced, and by what.
REPLACEMENTS = [
    (function, own)
    for own in (exp, expm1, tanh, log, log1p)
    for function in (getattr(math, own.__name__), getattr(np, own.__name__))
]

_OPTIONS = {"error_model": "numpy", "forceinline": True}


def _overloaded(function):
    """Let Numba take ``make(width)`` for ``function`` of float32 and float64."""

    def register(make):
        made = {kind: make(width.real, width.magic) for kind, width in _WIDTHS.items()}
        others = getattr(math, function.__name__)

        @overload(function, jit_options=_OPTIONS)
        def choose(x):
            return made.get(x, lambda x: others(x))

        return make

    return register


@_overloaded(exp)
def _make_exp(real, magic):
    narrow = real is np.float32
    low = real(-103.97208 if narrow else -745.13321910194122)
    high = real(88.72283 if narrow else 709.782712893384)
    magic, half, one, two = real(magic), real(0.5), real(1), real(2)
    log2e = real(1.4426950408889634074)
    # The logarithm of 2 in two parts: whole numbers times the first are exact.
    high_part = real(0.693359375 if narrow else 6.93145751953125e-1)
    low_part = real(-2.12194440e-4 if narrow else 1.42860682030941723212e-6)
    zero, infinity = real(0), real(np.inf)
    if narrow:
        p = tuple(map(real, (
            1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
            5.0000001201e-1,
        )))  # fmt: skip

        @numba.njit(**_OPTIONS)
        def near(r):
            y = ((((p[0] * r + p[1]) * r + p[2]) * r + p[3]) * r + p[4]) * r + p[5]
            return y * (r * r) + r + one
    else:
        p = (1.26177193074810590878e-4, 3.02994407707441961300e-2)
        q = (3.00198505138664455042e-6, 2.52448340349684104192e-3, 2.27265548208155028766e-1)

        @numba.njit(**_OPTIONS)
        def near(r):
            z = r * r
            top = ((p[0] * z + p[1]) * z + one) * r
            below = ((q[0] * z + q[1]) * z + q[2]) * z + two
            return top / (below - top) * two + one

    def vector_exp(x):
        c = low if x < low else x
        c = high if c > high else c
        k = (c * log2e + magic) - magic
        y = near((c - k * high_part) - k * low_part)
        # Two factors, since 2^k itself may be out of range where the product is not.
        first = (k * half + magic) - magic
        y = y * _two_to(first + magic) * _two_to((k - first) + magic)
        y = zero if x < low else y
        return infinity if x > high else y

    return vector_exp


@_overloaded(tanh)
def _make_tanh(real, magic):
    zero, one, minus_two, border = real(0), real(1), real(-2), real(0.625)
    if real is np.float32:
        p: Any = tuple(map(real, (
            -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
        )))  # fmt: skip

        @numba.njit(**_OPTIONS)
        def near(z):
            return (((p[0] * z + p[1]) * z + p[2]) * z + p[3]) * z + p[4]
    else:
        p = (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3)
        q = (1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)

        @numba.njit(**_OPTIONS)
        def near(z):
            return ((p[0] * z + p[1]) * z + p[2]) / (((z + q[0]) * z + q[1]) * z + q[2])

    def vector_tanh(x):
        a, z = abs(x), x * x
        small = near(z) * z * x + x
        e = exp(minus_two * a)
        large = (one - e) / (one + e)
        large = -large if x < zero else large
        return small if a < border else large

    return vector_tanh


@_overloaded(expm1)
def _make_expm1(real, magic):
    one, half, two, tiny = real(1), real(0.5), real(2), real(4) * np.finfo(real).tiny

    def vector_expm1(x):
        t = tanh(half * x)
        small, large = two * t / (one - t), exp(x) - one
        small = x if abs(x) < tiny else small
        return large if x > one else small

    return vector_expm1


@_overloaded(log)
def _make_log(real, magic):
    narrow = real is np.float32
    magic, half, two = real(magic), real(0.5), real(2)
    high, low = (
        map(real, (6.9313812256e-01, 9.0580006145e-06))
        if narrow
        else (6.93147180369123816490e-01, 1.90821492927058770002e-10)
    )
    # Subnormal numbers are brought into the range of the others first.
    smallest, scale, shift = (
        (np.finfo(real).tiny, real(2.0**25), real(25))
        if narrow
        else (np.finfo(real).tiny, real(2.0**54), real(54))
    )
    zero, one = real(0), real(1)
    infinity, nothing = real(np.inf), real(np.nan)
    if narrow:
        c = tuple(map(real, (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841)))

        @numba.njit(**_OPTIONS)
        def series(z):
            return z * (((c[3] * z + c[2]) * z + c[1]) * z + c[0])
    else:
        c = (
            6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
            2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
            1.479819860511658591e-01,
        )  # fmt: skip

        @numba.njit(**_OPTIONS)
        def series(z):
            y = ((c[6] * z + c[5]) * z + c[4]) * z + c[3]
            return z * (((y * z + c[2]) * z + c[1]) * z + c[0])

    def vector_log(x):
        tiny = x < smallest
        w = x * scale if tiny else x
        k = (_exponent(w) - magic) - (shift if tiny else zero)
        f = _mantissa(w) - one
        s = f / (two + f)
        r = series(s * s)
        square = half * f * f
        y = k * high - ((square - (s * (square + r) + k * low)) - f)
        y = x if x == infinity or x != x else y
        y = -infinity if x == zero else y
        return nothing if x < zero else y

    return vector_log


@_overloaded(log1p)
def _make_log1p(real, magic):
    zero, one, infinity = real(0), real(1), real(np.inf)

    def vector_log1p(x):
        u = x + one
        y = log(u)
        correction = ((u - one) - x) / u
        return y if u == infinity or u <= zero else y - correction

    return vector_log1p
