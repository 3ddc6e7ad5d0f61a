"""Bands of finite width against closed forms, and against small networks drawn many times."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet.activations import get_activation
from minnet.lab import theory
from minnet.lab.theory import MeanField, variance_band


def simulate(field, q, widths, n_draws, n_samples=1, correlation=0.0):
    """Return mean squares of pre-activations and of gradients, over the last layer's, by draw."""
    f, rng = get_activation(field.activation), np.random.default_rng(0)
    C = np.full((n_samples, n_samples), correlation) + (1 - correlation) * np.eye(n_samples)
    root = np.linalg.cholesky(C)
    squares, gradients = np.empty((2, n_draws, len(widths)))
    for draw in range(n_draws):
        zs, Ws = [np.sqrt(q) * root @ rng.normal(size=(n_samples, widths[0]))], []
        for n_in, n_out in itertools.pairwise(widths):
            Ws.append(rng.normal(0, np.sqrt(field.weight_variance / n_in), (n_in, n_out)))
            b = rng.normal(0, np.sqrt(field.bias_variance), n_out)
            zs.append(f(zs[-1]) @ Ws[-1] + b)
        squares[draw] = [np.square(z).mean() for z in zs]
        dZs = [rng.normal(size=(n_samples, widths[-1]))]
        for z, W in zip(zs[-2::-1], Ws[::-1], strict=True):
            dZs.append(dZs[-1] @ W.T * f.derivative(z, f(z)))
        gradients[draw] = [np.square(dZ).mean() for dZ in dZs[::-1]]
    return squares, gradients / gradients[:, -1:]


@pytest.mark.parametrize(
    ("field", "q", "widths", "n_samples", "correlation"),
    [
        (MeanField("relu", 2.0), 1.0, [40] * 5, 1, 0.0),
        (MeanField("tanh", 1.5, 0.1), 0.8, [40] * 5, 1, 0.0),
        (MeanField("tanh", 2.5), 1.5, [30, 60, 30, 60], 1, 0.0),
        (MeanField("relu", 2.0), 1.0, [40] * 4, 8, 0.3),
        (MeanField("tanh", 1.5, 0.1), 0.8, [40] * 5, 8, 0.5),
        (MeanField("sigmoid", 4.0, 0.1), 1.0, [40] * 4, 4, 0.5),
        # Inputs without anything in common, which become alike by chance:
        (MeanField("identity", 1.0), 1.0, [40] * 12, 30, 0.0),
        (MeanField("tanh", 0.5), 0.3, [40] * 12, 30, 0.0),
        (MeanField("relu", 2.0), 1.0, [40] * 8, 30, 0.0),
    ],
)
def test_small_networks(field, q, widths, n_samples, correlation):
    band = variance_band(field, q, widths, n_samples, correlation)
    squares, gradients = simulate(field, q, widths, 1500, n_samples, correlation)
    errors = squares.std(axis=0) / np.sqrt(len(squares))
    assert (abs(squares.mean(axis=0) - band.means) < 4 * errors + 2e-3).all()
    # First order in 1 / 40, and 1500 draws: 6 % and more are left where the law has a long tail.
    assert_allclose(squares.std(axis=0), band.standard_errors, rtol=0.12)
    assert_allclose(gradients.mean(axis=0), band.gradient_variances, rtol=0.06)
    relative = gradients.std(axis=0) / gradients.mean(axis=0)
    assert_allclose(relative, band.gradient_errors, rtol=0.2, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "weight_variance", "number"), [("relu", 2.0, 5), ("identity", 1.0, 2)]
)
def test_the_products_of_hanin_and_rolnick(name, weight_variance, number):
    """E q^2 multiplies by 1 + 5/n a layer, and a layer's mean square has 2/n more by its own units."""
    widths = np.array([20, 50, 30, 40])
    band = variance_band(MeanField(name, weight_variance), 3.0, widths)
    assert_allclose(band.variances, 3.0)
    assert_allclose(band.means, 3.0)
    moments = np.append(1.0, np.cumprod(1 + number / widths[:-1])) * (1 + 2 / widths)
    assert_allclose(band.standard_errors / 3, np.sqrt(moments - 1), rtol=1e-6)
    fluctuation = theory.length_fluctuation(widths[:-1], rectifier=name == "relu")
    assert_allclose(moments[-1], fluctuation * (1 + 2 / 40))
    # Backward to first order: the sum.
    sums = np.cumsum(number / widths[-2::-1])[::-1]
    assert_allclose(np.log1p(band.gradient_errors[:-1] ** 2), sums, rtol=1e-6)


def test_wide_layers_have_no_band():
    field = MeanField("tanh", 1.5, 0.1)
    band = variance_band(field, 0.8, [10**9] * 5)
    assert_allclose(band.variances, field.variances(0.8, 4))
    assert_allclose(band.gradient_variances, field.gradient_variances(0.8, 5))
    low, high = band.interval()
    assert_allclose(low, high, rtol=1e-3)
    assert (band.standard_errors < 1e-3).all()


def test_widths_that_differ():
    """The gradient goes from n' units to n: by fan_out over fan_in."""
    band = variance_band(MeanField("identity", 1.0), 1.0, [100, 50, 200])
    assert_allclose(band.gradient_variances, [2.0, 4.0, 1.0])


def test_two_layers_may_differ_in_all():
    fields = [MeanField("relu", 2.0), MeanField("tanh", 1.5, 0.2)]
    band = variance_band(fields, 1.0, [50, 60, 70])
    assert_allclose(band.variances, [1.0, 1.0, fields[1].variance_map(1.0)])
    assert_allclose(band.gradient_variances[1], fields[1].chi(1.0) * 70 / 60)


def test_a_batch_strays_less_than_a_sample():
    field, widths = MeanField("relu", 2.0), [50] * 6
    one, equal = variance_band(field, 1.0, widths), variance_band(field, 1.0, widths, 100, 1.0)
    many = variance_band(field, 1.0, widths, 100, 0.0)
    assert_allclose(equal.standard_errors, one.standard_errors, rtol=1e-9)
    assert (many.standard_errors < 0.8 * one.standard_errors).all()


def test_the_interval_is_that_of_a_log_normal_law():
    band = variance_band(MeanField("relu", 2.0), 2.0, [30] * 4)
    low, high = band.interval(1.5)
    sd = np.sqrt(np.log1p((band.standard_errors / band.means) ** 2))
    assert_allclose(np.log(high / low), 3 * sd)
    assert_allclose(np.sqrt(low * high) * np.exp(sd**2 / 2), band.means)  # the mean of that law
    low, high = band.gradient_interval()
    assert low[-1] == high[-1] == 1


def test_nothing_in_nothing_out():
    band = variance_band(MeanField("tanh", 0.5), 0.0, [10, 10])
    assert_allclose(band.variances, 0)
    assert_allclose(band.interval(), 0)
    assert_allclose(band.gradient_variances, [0.5, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": []}, "widths must be a whole number of at least 1"),
        ({"widths": [3, 0]}, "widths must be a whole number of at least 1"),
        ({"q": -1.0}, "q must be a finite number of at least 0, got -1.0"),
        ({"n_samples": 0}, "n_samples must be a whole number of at least 1, got 0"),
        (
            {"correlation": 2.0},
            "correlation must be a finite number of at least -1 and at most 1, got 2.0",
        ),
        ({"network": [MeanField("tanh")] * 3}, "network must be one MeanField or 1"),
    ],
)
def test_bad_arguments(arguments, message):
    given = {"network": MeanField("tanh"), "q": 1.0, "widths": [5, 5], **arguments}
    with pytest.raises(ValueError, match=message):
        variance_band(**given)
