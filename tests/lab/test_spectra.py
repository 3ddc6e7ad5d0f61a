"""Laws of singular values against the singular values of matrices that were drawn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate
from scipy.stats import norm

from minnet.activations import get_activation
from minnet.lab import theory


def singular_values(n, p, scale, slopes=1.0, seed=0):
    """Return those of a normal matrix with fan_in n, fan_out p, whose columns are multiplied by slopes."""
    W = np.random.default_rng(seed).normal(0, scale / np.sqrt(n), (n, p))
    return np.linalg.svd(W * slopes, compute_uv=False)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9, 1.0, 1.5, 4.0])
def test_moments_of_marchenko_pastur(ratio):
    scale = 1.3
    a, b = scale * abs(1 - np.sqrt(ratio)), scale * (1 + np.sqrt(ratio))
    moments = [
        integrate.quad(lambda s, k=k: s**k * theory.marchenko_pastur(s, ratio, scale), a, b, limit=200)[0]
        for k in range(3)
    ]  # fmt: skip
    mean = theory.marchenko_pastur_mean(ratio, scale)
    assert_allclose(moments, [1, mean, scale**2 * max(ratio, 1)], rtol=1e-6)


@pytest.mark.parametrize("shape", [(600, 150), (500, 500), (200, 500)])
def test_marchenko_pastur_is_the_law_of_drawn_matrices(shape):
    n, p = shape
    values = singular_values(n, p, 1.3)
    assert_allclose(values.mean(), theory.marchenko_pastur_mean(p / n, 1.3), rtol=5e-3)
    # Kolmogorov's distance; eigenvalues repel, so that it is of order 1 / n.
    grid = np.linspace(0, 4, 8001)
    distribution = integrate.cumulative_trapezoid(
        theory.marchenko_pastur(grid, p / n, 1.3), grid, initial=0
    )
    empirical = np.searchsorted(np.sort(values), grid) / len(values)
    assert abs(empirical - distribution).max() < 0.02


def test_the_square_case_is_the_quarter_circle():
    s = np.linspace(0, 3, 301)
    assert_allclose(theory.marchenko_pastur(s, 1.0, 1.2), theory.quarter_circle(s, 1.2))
    assert_allclose(
        theory.marchenko_pastur(s[1:], 1 - 1e-9, 1.2), theory.quarter_circle(s[1:], 1.2), atol=1e-5
    )
    assert_allclose(
        theory.marchenko_pastur_mean(1.0, 1.2), theory.quarter_circle_mean(1.2), rtol=1e-12
    )
    papers = [theory.marchenko_pastur_mean(scale=scale) for scale in (1, 3**-0.5)]
    assert_allclose(papers, [0.8488, 0.4901], atol=5e-5)


@pytest.mark.parametrize("ratio", [0.4, 1.0, 2.5])
def test_the_jacobian_of_a_linear_layer_has_the_law_of_its_weights(ratio):
    s = np.linspace(0.02, 3.5, 200)
    density = theory.jacobian_density(s, "identity", 1.0, 1.44, ratio)
    assert_allclose(density, theory.marchenko_pastur(s, ratio, 1.2), atol=2e-3)


@pytest.mark.parametrize(
    ("activation", "q", "weight_variance", "ratio"),
    [
        ("tanh", 1.0, 1.0, 1.0),
        ("softsign", 0.5, 1.5, 0.5),
        ("sigmoid", 2.0, 16.0, 1.0),
        ("selu", 1.0, 1.0, 2.0),
    ],
)
def test_jacobians_of_drawn_layers(activation, q, weight_variance, ratio):
    f, n = get_activation(activation), 600
    p = int(n * ratio)
    z = np.sqrt(q) * norm.ppf((np.arange(p) + 0.5) / p)
    values = singular_values(n, p, np.sqrt(weight_variance), f.derivative(z, f(z)))
    s = np.concatenate([np.geomspace(1e-5, 0.1, 1000), np.linspace(0.1, 5, 4001)[1:]])
    density = theory.jacobian_density(s, activation, q, weight_variance, ratio)
    assert_allclose(integrate.trapezoid(density, s), 1, atol=1e-3)
    assert_allclose(integrate.trapezoid(density * s, s), values.mean(), rtol=1e-2)
    assert_allclose(integrate.trapezoid(density * s**2, s), np.square(values).mean(), rtol=1e-2)
    distribution = integrate.cumulative_trapezoid(density, s, initial=0)
    empirical = np.searchsorted(np.sort(values), s) / len(values)
    assert abs(empirical - distribution).max() < 0.02


@pytest.mark.parametrize(("ratio", "share"), [(0.5, 0.5), (1.0, 0.5), (2.0, 1.0), (3.0, 1.0)])
def test_a_rectifier_leaves_a_part_of_the_singular_values(ratio, share):
    """Half of the columns of W are there: Marchenko and Pastur's law for them."""
    s = np.concatenate([np.geomspace(1e-5, 0.1, 1000), np.linspace(0.1, 5, 4001)[1:]])
    density = theory.jacobian_density(s, "relu", 1.0, 2.0, ratio)
    assert_allclose(integrate.trapezoid(density, s), share, atol=2e-3)
    inside = s > 0.02
    expected = share * theory.marchenko_pastur(s[inside], ratio / 2, np.sqrt(2))
    assert_allclose(density[inside], expected, atol=5e-3)


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_the_largest_of_a_product_and_the_rest(n_layers):
    rng, n = np.random.default_rng(0), 500
    product = np.eye(n)
    for _ in range(n_layers):
        product = product @ rng.normal(0, 1 / np.sqrt(n), (n, n))
    values = np.linalg.svd(product, compute_uv=False)
    assert_allclose(values[0], theory.largest_singular_value(n_layers), rtol=0.06)
    assert_allclose(np.square(values).mean(), 1, rtol=0.03)
    # The variance of the squares, at the edge of chaos: L for Gaussian weights.
    linear = theory.MeanField("identity", 1.0)
    assert_allclose(np.square(values).var(), theory.jacobian_variance(linear, n_layers), rtol=0.1)
    assert_allclose(
        theory.largest_singular_value(n_layers, 1.1) / 1.1**n_layers,
        theory.largest_singular_value(n_layers),
    )
    if n_layers == 4:
        assert np.median(values) < 0.35  # most directions are lost


def test_orthogonal_products_keep_every_direction():
    from minnet.initializers import Orthogonal

    product = np.linalg.multi_dot([Orthogonal(1.01)((60, 60), rng=seed) for seed in range(20)])
    values = np.linalg.svd(product, compute_uv=False)
    assert_allclose(values, 1.01**20, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: theory.marchenko_pastur(1.0, 0.0),
            "ratio must be a finite number above 0, got 0.0",
        ),
        (
            lambda: theory.marchenko_pastur_mean(1.0, -1.0),
            "scale must be a finite number above 0, got -1.0",
        ),
        (
            lambda: theory.jacobian_density(1.0, "tanh", -1.0),
            "q must be a finite number of at least 0, got -1.0",
        ),
        (
            lambda: theory.jacobian_density(1.0, "tanh", 1.0, 0),
            "weight_variance must be a finite number above 0",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("activation", "q", "shape"),
    [("tanh", 0.7, (400, 400)), ("sigmoid", 2.0, (500, 300)), ("relu", 1.0, (400, 400))],
)
def test_orthogonal_layers_have_the_law_of_their_slopes(activation, q, shape):
    from minnet.initializers import Orthogonal

    f, values = get_activation(activation), []
    for seed in range(5):
        z = np.random.default_rng(seed).normal(0, np.sqrt(q), shape[1])
        W = Orthogonal(1.3)(shape, rng=seed)
        values.append(np.linalg.svd(W * f.derivative(z, f(z)), compute_uv=False))
    values = np.concatenate(values)
    edges = np.linspace(0.01, 1.4, 15)  # zeros of a rectifier are in none
    density = theory.orthogonal_jacobian_density(edges, activation, q, 1.69)
    shares = np.histogram(values, edges)[0] / len(values)
    assert_allclose(density * np.diff(edges), shares, atol=5 * np.sqrt(0.25 / len(values)))
    assert shares.sum() == pytest.approx(0.5 if activation == "relu" else 1, abs=0.06)
