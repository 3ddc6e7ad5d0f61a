"""Numbers for JSON: what is read again is what was given, to the digits that were kept."""

import json

import numpy as np
import pytest

from minnet.common.plain import plain_numbers

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (2, 2, 2)])
def test_json_gives_back_the_numbers(shape):
    values = RNG.normal(size=shape) * 10.0 ** RNG.integers(-300, 300, shape)
    text = json.dumps(plain_numbers(values), allow_nan=False)
    np.testing.assert_array_equal(json.loads(text), values)


def test_whole_numbers_stay_whole():
    assert json.dumps(plain_numbers(np.arange(3))) == "[0, 1, 2]"
    assert plain_numbers(2.5) == 2.5


def test_what_is_not_finite_is_null():
    assert plain_numbers([[np.nan, 1.0], [np.inf, -np.inf]]) == [[None, 1.0], [None, None]]
    assert plain_numbers(float("nan")) is None


@pytest.mark.parametrize("n_digits", [1, 4, 12])
def test_digits_that_are_kept(n_digits):
    values = RNG.normal(size=200) * 10.0 ** RNG.integers(-30, 30, 200)
    kept = np.array(plain_numbers(values, n_digits))
    np.testing.assert_allclose(kept, values, rtol=0.5001 * 10.0 ** (1 - n_digits))
    np.testing.assert_array_equal(kept, [float(f"{v:.{n_digits - 1}e}") for v in values])
