"""The theory against published numbers, closed forms, and networks drawn at random."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from minnet import Dense, Network
from minnet.activations import Tanh, get_activation, list_activations
from minnet.initializers.gaussian import gaussian_mean
from minnet.lab import theory
from minnet.lab.theory import MeanField

# ---- the quadrature


@pytest.mark.parametrize("sd", [0.0, 1e-3, 1.0, 3.0, 30.0])
def test_moments_of_a_relu(sd):
    relu = get_activation("relu")
    assert_allclose(gaussian_mean(relu, sd, relu.kinks), sd / np.sqrt(2 * np.pi), rtol=1e-13)
    assert_allclose(gaussian_mean(lambda z: relu(z) ** 2, sd, (0,)), sd**2 / 2, rtol=1e-13)


@pytest.mark.parametrize("name", list_activations())
def test_moments_of_every_activation(name):
    f = get_activation(name)

    def integrand(z):
        return f(np.array([1.7 * z]))[0] ** 2 * stats.norm.pdf(z)

    pieces = [-12, *sorted(k / 1.7 for k in f.kinks), 12]
    expected = sum(
        integrate.quad(integrand, a, b, epsabs=1e-13, limit=500)[0]
        for a, b in itertools.pairwise(pieces)
    )
    assert_allclose(gaussian_mean(lambda z: f(z) ** 2, 1.7, f.kinks), expected, rtol=1e-10)


# ---- the edge of chaos


@pytest.mark.parametrize(
    ("bias_variance", "weight_variance", "q"),
    [(0.01, 1.42421, 0.2733), (0.05, 1.76095, 0.5701), (0.1, 1.98607, 0.8058), (0.3, 2.50513, 1.4612)],
)  # fmt: skip
def test_critical_line_of_tanh(bias_variance, weight_variance, q):
    critical = MeanField.critical("tanh", bias_variance)
    assert_allclose(critical.weight_variance, weight_variance, atol=6e-6)
    assert_allclose(critical.fixed_variance(), q, atol=6e-5)
    assert_allclose(critical.chi(), 1, rtol=1e-9)
    assert critical.fixed_correlation() == 1
    scales = critical.depth_scales()
    assert np.isinf(scales["gradient"])
    assert np.isinf(scales["correlation"])


@pytest.mark.parametrize(
    ("name", "weight_variance"), [("tanh", 1), ("relu", 2), ("softsign", 1), ("leaky_relu", 2 / 1.0001)]
)  # fmt: skip
def test_critical_without_biases(name, weight_variance):
    assert_allclose(MeanField.critical(name).weight_variance, weight_variance, rtol=1e-7)


def test_there_is_no_edge_of_chaos_for_relu_with_biases():
    with pytest.raises(ValueError, match=r"bias_variance must be one at which .*elu.* is critical"):
        MeanField.critical("relu", 0.1)


@pytest.mark.parametrize(
    ("weight_variance", "chi", "depth", "of_variance"),
    [(1.0, 0.759, 3.63, 1.75), (1.3, 0.8802, 7.83, 1.79), (2.5, 1.1335, None, 1.18)],
)
def test_beside_the_critical_line(weight_variance, chi, depth, of_variance):
    network = MeanField("tanh", weight_variance, 0.05)
    scales = network.depth_scales()
    assert_allclose(network.chi(), chi, rtol=1e-3)
    assert_allclose(scales["variance"], of_variance, atol=6e-3)
    if depth is not None:  # ordered: inputs become alike, at the pace at which gradients vanish
        assert_allclose(scales["gradient"], depth, atol=6e-3)
        assert_allclose(scales["correlation"], depth, atol=6e-3)
        assert network.fixed_correlation() == 1
    else:
        assert scales["gradient"] < 0
        c = network.fixed_correlation()
        assert 0 < c < 0.99
        assert_allclose(network.correlation_map(c), c, atol=1e-8)


# ---- variances by depth


def test_tanh_at_weight_variance_1_decays_by_a_power():
    q = MeanField("tanh").variances(1.0, 1000)
    layers = np.array([10, 50, 1000])
    assert_allclose(2 * layers * q[layers], [1.044, 1.022, 1.002], atol=5.1e-4)
    assert MeanField("tanh").fixed_variance() == 0


def test_relu_at_weight_variance_2_keeps_everything():
    relu = MeanField("relu", 2.0)
    assert_allclose(relu.variances(3.0, 30), 3.0, rtol=1e-12)
    assert_allclose(relu.gradient_variances(3.0, 30), 1.0, rtol=1e-12)
    assert_allclose(MeanField("relu", 1.0).variances(1.0, 30)[-1], 2.0**-30, rtol=1e-10)


def test_variances_without_bounds():
    assert MeanField("relu", 2.5).fixed_variance() == np.inf
    assert MeanField("relu", 2.0, 0.1).fixed_variance() == np.inf
    assert MeanField("relu", 1.5).fixed_variance() == 0
    assert_allclose(MeanField("relu", 1.5, 0.1).fixed_variance(), 0.4, rtol=1e-9)
    with pytest.raises(ValueError, match="q must be given"):
        MeanField("relu", 2.5).chi()


def test_selu_has_its_fixed_point_at_1():
    selu = MeanField("selu", 1.0)
    # E f^2 is 1 at N(0, 1) for Klambauer's constants
    assert_allclose(selu.variance_map(1.0), 1.0, atol=1e-7)


def test_gains_of_tanh():
    network = MeanField("tanh", (5 / 3) ** 2)
    assert_allclose(network.fixed_variance(), 1.1785, atol=1e-4)
    assert_allclose(network.chi(), 1.210, atol=1e-3)
    unit = MeanField("tanh", 1.5925**2)
    assert_allclose(unit.fixed_variance(), 1, atol=1e-3)
    assert_allclose(unit.chi(), 1.178, atol=1e-3)


@pytest.mark.parametrize(
    ("weight_variance", "q", "expected"),
    [(1.0, 1.0, [0.628, 0.486, 0.408, 0.358, 0.322]), (1 / 3, 1 / 3, [0.460, 0.250, 0.141, 0.081, 0.047])],
)  # fmt: skip
def test_activations_of_the_papers_networks(weight_variance, q, expected):
    """Input of variance 1; tanh, normalized and standard initialization."""
    q = MeanField("tanh", weight_variance).variances(q, 4)
    rms = [np.sqrt(gaussian_mean(lambda z: np.tanh(z) ** 2, sd)) for sd in np.sqrt(q)]
    assert_allclose(rms, expected, atol=6e-4)


def test_lecuns_network_is_within_2_percent_of_critical():
    lecun = MeanField("lecun_tanh", 1.0)
    assert_allclose(lecun.fixed_variance(), 0.382, atol=5e-4)
    assert_allclose(lecun.chi(), 1.019, atol=5e-4)
    assert_allclose(lecun.variance_map(1.0), 0.750, atol=5e-4)


def test_selu_shrinks_errors_of_the_variance():
    """Klambauer et al. 2017: the derivative of mean and variance by the variance, at (0, 1)."""
    selu, step = get_activation("selu"), 1e-5

    def moments(q):
        sd = np.sqrt(q)
        mean = gaussian_mean(selu, sd, selu.kinks)
        return np.array([mean, gaussian_mean(lambda z: selu(z) ** 2, sd, selu.kinks) - mean**2])

    slopes = (moments(1 + step) - moments(1 - step)) / (2 * step)
    assert_allclose(slopes, [0.088835, 0.782648], atol=1e-6)


# ---- correlations


def test_relu_correlations_are_the_arc_cosine_kernel():
    relu = MeanField("relu", 2.0)
    for c in (-1.0, -0.7, -0.1, 0.0, 0.3, 0.9, 0.999, 1.0):
        expected = (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / np.pi
        assert_allclose(relu.correlation_map(c, 1.0), expected, atol=1e-6)


def test_relu_correlations_by_depth():
    relu, c, seen = MeanField("relu", 2.0), 0.0, {}
    for layer in range(1, 101):
        c = relu.correlation_map(c, 1.0)
        seen[layer] = c
    assert_allclose(
        [seen[i] for i in (1, 2, 10, 50, 100)], [0.3183, 0.4937, 0.8715, 0.9879, 0.9964], atol=2e-4
    )


def test_odd_activations_have_odd_correlation_maps():
    network = MeanField("tanh", 2.0)
    assert_allclose(network.correlation_map(-0.6, 1.0), -network.correlation_map(0.6, 1.0))
    assert_allclose(network.correlation_map(0.0, 1.0), 0, atol=1e-14)
    slope = (network.correlation_map(1.0) - network.correlation_map(1 - 1e-3)) / 1e-3
    assert_allclose(slope, network.chi(), rtol=1e-2)


# ---- singular values


def test_the_quarter_circle():
    s = np.linspace(0, 3, 40_001)
    density = theory.quarter_circle(s, 1.2)
    assert_allclose(integrate.trapezoid(density, s), 1, atol=1e-5)
    assert_allclose(integrate.trapezoid(density * s, s), theory.quarter_circle_mean(1.2), atol=1e-5)
    assert_allclose(integrate.trapezoid(density * s**2, s), 1.2**2, atol=1e-5)
    rng = np.random.default_rng(0)
    values = np.linalg.svd(rng.normal(0, 1.2 / 20, (400, 400)), compute_uv=False)
    assert_allclose(values.mean(), theory.quarter_circle_mean(1.2), rtol=5e-3)


def test_isometry():
    linear, relu = MeanField("identity", 1.0), MeanField("relu", 2.0)
    assert theory.jacobian_variance(linear, 7, orthogonal=True) == pytest.approx(0, abs=1e-12)
    assert theory.jacobian_variance(linear, 7) == pytest.approx(7)
    assert theory.jacobian_variance(relu, 7) == pytest.approx(14)
    assert theory.jacobian_variance(relu, 7, orthogonal=True) == pytest.approx(7)
    with pytest.raises(ValueError, match="network must be critical"):
        theory.jacobian_variance(MeanField("tanh", 2.0), 3)
    assert theory.jacobian_mean_square(MeanField("relu", 1.0), 1.0, 5) == pytest.approx(2**-5)


# ---- against networks


def test_a_wide_network_follows():
    width, n_layers, rng = 600, 6, np.random.default_rng(0)
    network = Network(
        [*[Dense(width, "tanh") for _ in range(n_layers)], Dense(3)], init="he_normal"
    )
    network.initialize(width, random_state=0)
    for row in network.parameter_table:
        if row.is_weight:
            shape = network.params[row.slice].shape
            network.params[row.slice] = rng.normal(0, np.sqrt(1.8 / width), shape)
        else:
            network.params[row.slice] = rng.normal(0, np.sqrt(0.1), network.params[row.slice].shape)
    X = rng.normal(size=(200, width))
    field, H = MeanField(Tanh(), 1.8, 0.1), X
    expected = field.variances(1.8 + 0.1, n_layers - 1)
    for layer, q in zip(network.layers[:-1], expected, strict=True):
        Z = H @ layer.W + layer.b
        assert_allclose((Z**2).mean(), q, rtol=0.08)
        H = np.tanh(Z)


def test_length_fluctuations_of_a_narrow_network():
    rng = np.random.default_rng(0)
    lengths = np.empty(4000)
    for i in range(len(lengths)):
        h = np.ones(40)
        for _ in range(5):
            h = np.maximum(h @ rng.normal(0, np.sqrt(2 / 40), (40, 40)), 0)
        lengths[i] = h @ h
    measured = (lengths**2).mean() / lengths.mean() ** 2
    assert_allclose(measured, theory.length_fluctuation([40] * 5), rtol=0.1)
    assert theory.length_fluctuation([100] * 50, rectifier=False) == pytest.approx(2.69, abs=5e-3)


@pytest.mark.parametrize("name", ["weight_variance", "bias_variance"])
@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
def test_bad_variances(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number of at least 0, got"):
        MeanField("tanh", **{name: value})


@pytest.mark.parametrize("c", [-1.1, 2, np.nan])
def test_bad_correlations(c):
    with pytest.raises(ValueError, match="c must be a finite number of at least -1 and at most 1"):
        MeanField("tanh").correlation_map(c, 1.0)


@pytest.mark.parametrize("activation", ["selu", "elu", "leaky_relu"])
def test_at_variance_0_both_slopes_of_a_kink_count(activation):
    network = MeanField(activation, weight_variance=0.4)
    f = network.activation
    h = 1e-7
    left, right = -f(np.array([-h]))[0] / h, f(np.array([h]))[0] / h
    expected = 0.4 * (left**2 + right**2) / 2
    assert network.chi(0.0) == pytest.approx(expected, rel=1e-5)
    assert network.depth_scales()["gradient"] == pytest.approx(-1 / np.log(expected), rel=1e-4)


def test_the_fixed_point_of_a_nearly_marginal_map_is_found():
    # silu's own edge of chaos: variances approach the fixed point as 1 / depth.
    network = MeanField.critical("silu", bias_variance=0.55514317)
    assert network.chi() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("factor", [1.02, 1.08, 1.2, 1.5, 2.5])
@pytest.mark.parametrize("bias_variance", [1e-3, 0.05])
def test_correlations_of_a_weakly_chaotic_network(factor, bias_variance):
    critical = MeanField.critical("tanh", bias_variance=bias_variance)
    network = MeanField("tanh", factor * critical.weight_variance, bias_variance)
    c = network.fixed_correlation()
    assert 0 < c < 1
    assert network.correlation_map(c) == pytest.approx(c, abs=1e-8)
    scales = network.depth_scales()
    assert scales["gradient"] < 0 < scales["correlation"]


@pytest.mark.parametrize("distance", [1.9, 1.0, 0.1, 1e-3, 1e-5, 1e-6, 1e-7, 1e-9, 1e-12])
def test_relu_correlations_close_to_1(distance):
    c = 1 - distance
    expected = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / np.pi
    found = MeanField("relu", 2.0).correlation_map(c, 1.0)
    assert found == pytest.approx(expected, rel=1e-12)
    assert 1 - found == pytest.approx(1 - expected, rel=1e-4)


@pytest.mark.parametrize("activation", ["tanh", "relu", "elu", "softsign", "gelu"])
def test_in_the_ordered_phase_the_map_leads_to_1(activation):
    network, c = MeanField(activation, 0.9, 0.1), -0.5
    for _ in range(100):
        c = network.correlation_map(c)
    assert c == pytest.approx(1, abs=1e-3)
    slope = (1 - network.correlation_map(1 - 1e-8)) / 1e-8
    assert slope == pytest.approx(network.chi(), rel=1e-3)


def test_a_linear_network_leaves_correlations_as_they_are():
    assert MeanField("identity").fixed_correlation(start=0.3) == 0.3


def test_biases_of_the_edge_of_chaos_have_their_own_variance():
    edge = {"name": "edge_of_chaos", "activation": "tanh", "bias_variance": 0.1}
    assert theory.weight_variance(edge, 100, 200, shape=(200,)) == pytest.approx(0.1)
    network = MeanField.from_initializer(edge, "tanh", 100, bias_init=edge)
    assert network.chi() == pytest.approx(1)


def test_the_gain_of_an_orthogonal_matrix_may_be_a_name():
    named = {"name": "orthogonal", "gain": "tanh"}
    assert theory.weight_variance(named, 100, 100) == pytest.approx((5 / 3) ** 2 / 100)
