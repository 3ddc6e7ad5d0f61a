"""The best temperature of logits: against SciPy's bounded minimization, and where there is none."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from minnet.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy
from minnet.temperature import best_temperature, refined_loss


def problem(output, n_outputs, scale, seed=0):
    rng = np.random.default_rng(seed)
    Z = scale * rng.normal(size=(80, n_outputs))
    noisy = Z / scale + rng.normal(size=Z.shape)
    T = noisy.argmax(axis=1) if output == "softmax" else (noisy > 0).astype(float)
    return Z, T, SoftmaxCrossEntropy() if output == "softmax" else SigmoidCrossEntropy()


@pytest.mark.parametrize("scale", [1e-2, 0.3, 1.0, 30.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("output", "n_outputs"), [("softmax", 2), ("softmax", 7), ("logistic", 1), ("logistic", 4)]
)
def test_it_is_the_minimum_that_scipy_finds(output, n_outputs, weighted, scale):
    Z, T, loss = problem(output, n_outputs, scale)
    weights = np.random.default_rng(1).integers(0, 3, len(Z)).astype(float) if weighted else None

    def mean(b):
        return np.average(loss.value(Z * np.exp(b), T), weights=weights)

    best = minimize_scalar(mean, bounds=(-6.9, 6.9), method="bounded", options={"xatol": 1e-9})
    temperature, least = best_temperature(Z, T, output, weights)
    assert least == pytest.approx(best.fun, abs=1e-12)
    assert temperature == pytest.approx(np.exp(-best.x), rel=1e-5)
    assert refined_loss(Z, T, output, weights) == (least, pytest.approx(mean(0.0), abs=1e-12))
    narrow = refined_loss(Z.astype(np.float32), T, output, weights)[0]
    assert narrow == pytest.approx(least, rel=1e-5)


@pytest.mark.parametrize("scale", [1e-300, 1e-6, 1.0, 1e6])
def test_where_there_is_no_minimum_it_is_bounded(scale):
    right = scale * np.array([[2.0, 0.0], [0.0, 1.0]])
    for T, most in ([0, 1], np.log(2)), ([1, 0], np.inf):  # all right, all wrong
        temperature, loss = best_temperature(right, T)
        assert 1 / 1025 < temperature < 1025
        assert np.isfinite(loss)
        assert loss <= most
    one_class = best_temperature(scale * np.array([[1.0], [2.0]]), [[1], [1]], "logistic")
    assert np.isfinite(one_class).all()
    assert best_temperature(np.zeros((3, 4)), [0, 1, 2]) == (1.0, pytest.approx(np.log(4)))


def test_logits_that_are_not_finite_have_no_score():
    assert np.isnan(refined_loss(np.array([[np.nan, 0.0]]), np.array([0]), "softmax")).all()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (([[0.0, np.inf]], [0]), "Z"),
        (([0.0, 1.0], [0, 1]), "Z"),
        (([[0.0, 1.0]], [2]), "T"),
        (([[0.0, 1.0]], [[0.0, 1.5]], "logistic"), "T"),
        (([[0.0, 1.0]], [0], "exp"), "output"),
        (([[0.0, 1.0]], [0], "softmax", [0.0]), "sample_weight"),
    ],
)
def test_what_does_not_fit_is_named(arguments, name):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        best_temperature(*arguments)
