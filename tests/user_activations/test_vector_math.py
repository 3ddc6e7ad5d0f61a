"""What loops.py does to functions of numbers, and vector_math.py against 60-digit arithmetic."""

import math
from decimal import Decimal

import numpy as np
import pytest
from exact import evaluate

import minnet

numba = pytest.importorskip("numba", reason="no Numba here")
DTYPES = ("float64", "float32")


UNIT = [
    (math.exp, Decimal.exp, (-120, 100), (-760, 720), 2.0),
    (math.log, Decimal.ln, (1e-45, 3e38), (5e-324, 1e308), 1.5),
    (math.log1p, lambda z: (1 + z).ln(), (-1 + 1e-6, 3e38), (-1 + 1e-15, 1e308), 4.0),
    (math.tanh, lambda z: 1 - 2 / ((2 * z).exp() + 1), (-30, 30), (-40, 40), 2.5),
    (math.expm1, lambda z: z.exp() - 1, (-120, 88), (-760, 709), 3.5),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "exact", "narrow", "wide", "bound"),
    UNIT,
    ids=["exp", "log", "log1p", "tanh", "expm1"],
)
def test_vector_functions(function, exact, narrow, wide, bound, dtype):
    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(
        lambda z: function(z)
    )
    made.compiled(dtype)
    low, high = narrow if dtype == "float32" else wide
    rng = np.random.default_rng(0)
    z = rng.uniform(max(low, -200), min(high, 200), 300)
    sizes = np.exp(rng.uniform(np.log(1e-9), np.log(high), 300))
    z = np.concatenate([z, sizes, -sizes]).astype(dtype)
    z = z[(z >= low) & (z <= high)]
    actual = made(z)
    truth = evaluate(exact, z)
    with np.errstate(over="ignore"):
        rounded = np.array([float(value) for value in truth]).astype(dtype)
    unit = np.spacing(np.abs(rounded)).astype(np.float64)
    errors = [abs(Decimal(float(a)) - t) for a, t in zip(actual, truth, strict=True)]
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(np.isfinite(actual), finite)
    worst = max(
        float(e / Decimal(float(u))) for e, u, ok in zip(errors, unit, finite, strict=True) if ok
    )
    assert worst <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "log", "log1p"])
def test_vector_functions_at_the_ends(name, dtype):
    function = getattr(np, name)
    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(
        lambda z: function(z)
    )
    info = np.finfo(dtype)
    z = np.array([0, -0.0, np.inf, -np.inf, np.nan, -1, 1, info.max, -info.max, info.tiny,
                  info.smallest_subnormal, -info.tiny, -2], dtype)  # fmt: skip
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(made(z), function(z), rtol=4 * info.eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_whole_numbers_are_left_alone(dtype):
    made = minnet.activation(derivative=lambda z: math.exp(2) + 0 * z, name="made")(
        lambda z: z * math.exp(2)
    )
    Z = np.linspace(-1, 1, 70).astype(dtype)
    np.testing.assert_allclose(made(Z), Z * np.exp(2), rtol=4 * np.finfo(dtype).eps)


def test_numbers_count_as_float32_in_float32():
    def uses(z):
        x = 2 * z + 1 - 0.5 * max(z, 0)
        return x / 3 if z > 1 else SCALE * x**2 + math.pi

    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(uses)
    from minnet.user_activations.loops import _Pipeline

    single = numba.njit(pipeline_class=_Pipeline, error_model="numpy")(made.function)
    assert isinstance(single(np.float32(0.3)), float)
    (signature,) = single.nopython_signatures
    assert str(signature) == "(float32,) -> float32"
    Z = np.linspace(-3, 3, 100)
    np.testing.assert_allclose(made(Z.astype("f4")), [uses(z) for z in Z], rtol=1e-5)
    np.testing.assert_allclose(made(Z), [uses(z) for z in Z], rtol=1e-14)


SCALE = 0.3


def test_loops_and_whole_numbers_keep_their_meaning():
    def power_series(z):
        total, term = 0.0, 1.0
        for i in range(1, 2 * 4):
            total += term
            term *= z / i
        return total + 7 // 2 - 7 % 4

    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(power_series)
    for dtype in DTYPES:
        Z = np.linspace(-1, 1, 70).astype(dtype)
        np.testing.assert_allclose(made(Z), [power_series(float(z)) for z in Z], rtol=1e-6)
