"""Rounding to bfloat16, and products of what is rounded."""

import numpy as np
import pytest
from scipy import sparse

from minnet import Dense, Dropout, Network, PiecewiseLinear
from minnet.common.bf16 import are_in_bf16, bf16_product, to_bf16


def nearest(x):
    """Return the nearest number of 8 significant bits, by arithmetic in float64."""
    mantissa, exponent = np.frexp(np.float64(x))
    return np.ldexp(np.rint(mantissa * 2**8), exponent - 8)


def test_numbers_are_rounded_to_8_significant_bits():
    rng = np.random.default_rng(0)
    X = (rng.standard_normal(100_000) * 10.0 ** rng.integers(-33, 37, 100_000)).astype(np.float32)
    np.testing.assert_array_equal(to_bf16(X), nearest(X).astype(np.float32))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (1 + 2**-8, 1.0),  # ties go to the even neighbour
        (1 + 3 * 2**-8, 1 + 2 * 2**-7),
        (-1 - 2**-8, -1.0),
        (np.inf, np.inf),
        (-np.inf, -np.inf),
        (3.4e38, np.inf),
        (2.0**-126, 2.0**-126),
        (2.0**-126 - 2.0**-149, 0.0),  # numbers below the least normal one
        (0.0, 0.0),
    ],
)
def test_ends_and_ties(x, expected):
    assert to_bf16(np.float32([x]))[0] == np.float32(expected)


def test_nan_stays_nan_whatever_its_bits():
    bits = np.array([0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000], np.uint32)
    assert np.isnan(to_bf16(bits.view(np.float32))).all()


def test_sign_of_zero_stays():
    assert np.signbit(to_bf16(np.float32([-0.0, -1e-40]))).all()


def test_product_is_that_of_rounded_operands():
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((9, 40)), rng.standard_normal((40, 7))
    A, B = A.astype(np.float32), B.astype(np.float32)
    expected = nearest(A) @ nearest(B)
    np.testing.assert_allclose(bf16_product(A, B), expected, rtol=1e-5, atol=1e-5)
    assert abs(bf16_product(A, B) - A @ B).max() > 1e-3


def test_sparse_rows_are_multiplied_as_they_are():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((9, 40)).astype(np.float32)
    A = sparse.csr_matrix(np.where(A > 0.5, A, 0))
    B = rng.standard_normal((40, 7)).astype(np.float32)
    np.testing.assert_array_equal(bf16_product(A, B), A @ B)


def test_which_layers_have_products_in_bfloat16():
    layers = [Dense(16), Dropout(0.1), Dense(15), Dense(16), Dense(30), Dense(2)]
    sizes = [16, 16, 16, 15, 16, 30, 2]
    assert are_in_bf16(layers, sizes) == [True, False, False, False, True, False]
    assert are_in_bf16([Dense(20)], [15, 20]) == [False]


def test_columns_that_are_encoded_are_not_multiplied():
    columns = [list(range(18))] * 2
    network = Network([PiecewiseLinear(columns), Dense(16), Dense(16)], precision="bf16")
    network.initialize(2, random_state=0)
    assert are_in_bf16(network.layers, network.sizes) == [False, False, True]
