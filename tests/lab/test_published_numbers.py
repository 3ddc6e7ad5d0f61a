"""Numbers of the literature on initialization that no other test has, to the digits that are known.

The others: gains and critical variances in tests/initializers/test_gains.py, the laws of initializers in
test_initializers.py and test_structured_initializers.py beside it, theory in tests/lab/test_theory.py.
"""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet import Dense, Network
from minnet.activations import get_activation
from minnet.initializers import EdgeOfChaos, GlorotUniform, LecunNormal, Orthogonal, variance_gain
from minnet.initializers.gaussian import gaussian_mean
from minnet.lab import theory
from minnet.lab.theory import MeanField


def activation_rms(name, variances):
    """Return the root mean square of activations, for each variance of the pre-activations."""
    f = get_activation(name)
    return [math.sqrt(gaussian_mean(lambda z: f(z) ** 2, math.sqrt(q))) for q in variances]


def test_lecuns_tanh():
    """LeCun, Bottou, Orr & Müller 1998: f(±1) = ±1."""
    f = get_activation("lecun_tanh")
    assert_allclose(f(np.array([1.0, -1.0])), [0.999997, -0.999997], atol=5e-7)
    assert_allclose(f.derivative(np.zeros(1), np.zeros(1)), 1.1439, atol=5e-5)


def test_the_factor_of_a_sigmoid():
    """Bengio 2012: weights four times as large, since the slope at 0 is a quarter."""
    f = get_activation("sigmoid")
    assert f.derivative(np.zeros(1), f(np.zeros(1)))[0] == 0.25
    network = Network([Dense(5, "sigmoid"), Dense(5, "sigmoid"), Dense(2)]).initialize(3)
    assert network.init_["layers[1].W"] == GlorotUniform(gain=4.0)


@pytest.mark.parametrize(
    ("weight_variance", "expected"),
    [(1.0, [0.523, 0.430, 0.373, 0.332, 0.303]), (1 / 3, [0.358, 0.199, 0.113, 0.065, 0.038])],
)
def test_tanh_networks_on_inputs_of_second_moment_one_half(weight_variance, expected):
    q = MeanField("tanh", weight_variance).variances(0.5 * weight_variance, 4)
    assert_allclose(activation_rms("tanh", q), expected, atol=6e-4)


@pytest.mark.parametrize(("weight_variance", "chi"), [(1.3, 0.8802), (2.5, 1.1335)])
def test_chi_beside_the_critical_line_to_4_digits(weight_variance, chi):
    assert_allclose(MeanField("tanh", weight_variance, 0.05).chi(), chi, atol=5.1e-5)


def test_torchs_gain_of_tanh_is_chaotic():
    network = MeanField("tanh", (5 / 3) ** 2)
    q = network.fixed_variance()
    found = [q, network.chi(), *activation_rms("tanh", [q])]
    assert_allclose(found, [1.1785, 1.2098, 0.6513], atol=5e-5)


def test_relu_correlations_approach_1_slowly():
    """9 pi² / (2 l²) holds only asymptotically: at 100 layers it is still 20 % off."""
    relu, c = MeanField("relu", 2.0), 0.0
    for _ in range(100):
        c = relu.correlation_map(c, 1.0)
    assert (1 - c) / (9 * math.pi**2 / (2 * 100**2)) == pytest.approx(0.805, abs=5e-4)


def test_length_fluctuations():
    """Hanin & Rolnick 2018: the products of 1 + 5/n, for a linear network of 1 + 2/n."""
    assert theory.length_fluctuation([100] * 50) == pytest.approx(11.47, abs=5e-3)
    assert theory.length_fluctuation([100] * 50, rectifier=False) == pytest.approx(2.69, abs=5e-3)
    assert theory.length_fluctuation([1000] * 5) == pytest.approx(1.025, abs=5e-4)


def test_the_largest_singular_value_of_a_product():
    """Of n matrices: the square is (n + 1)^(n + 1) / n^n, which goes like e n."""
    assert theory.largest_singular_value(1) ** 2 == pytest.approx(4)
    assert theory.largest_singular_value(3) ** 2 == pytest.approx(4**4 / 3**3)
    assert theory.largest_singular_value(1000) ** 2 == pytest.approx(1000 * math.e, rel=1e-3)


def test_orthogonal_tanh_networks_are_nearly_isometric_where_variances_are_small():
    """Pennington, Schoenholz & Ganguli 2017: to 0 with the variance, for orthogonal weights only."""
    for n_layers in (5, 50):
        small = [
            theory.jacobian_variance(MeanField.critical("tanh", b), n_layers, orthogonal=True)
            for b in (1e-2, 1e-4, 1e-6)
        ]
        assert small[0] > 10 * small[1] > 100 * small[2] > 0
        gaussian = theory.jacobian_variance(MeanField.critical("tanh", 1e-6), n_layers)
        assert gaussian == pytest.approx(n_layers + small[2])


def test_fifty_layers_of_float32():
    """Saxe, McClelland & Ganguli 2013: orthogonal products keep all directions, Gaussian ones few."""
    n, orthogonal, gaussian = 60, np.eye(60), np.eye(60)
    for seed in range(50):
        orthogonal = orthogonal @ Orthogonal(1.01)((n, n), rng=seed, dtype="float32")
        gaussian = gaussian @ LecunNormal()((n, n), rng=seed, dtype="float32")
    values = np.linalg.svd(orthogonal, compute_uv=False)
    assert_allclose(values, 1.01**50, rtol=5e-6)  # 1e-7 a layer, what rounding leaves
    values = np.linalg.svd(gaussian, compute_uv=False)
    assert 0.2 < np.square(values).mean() < 5
    assert np.median(values) < 1e-6


def test_glorot_on_thirty_rectifiers():
    """He et al. 2015: a factor of 2 a layer, 2^-30 = 9.3e-10."""
    field = MeanField.from_initializer("glorot", "relu", 500)
    assert field.variances(1.0, 30)[-1] == pytest.approx(9.3e-10, abs=0.05e-10)


# ---- what an initializer asks of its layer, the theory knows by the activation


def test_an_initializer_may_leave_the_activation_to_the_theory():
    edge = {"name": "edge_of_chaos", "bias_variance": 0.05}
    field = MeanField.from_initializer(edge, "tanh", 100, bias_init=edge)
    assert field.weight_variance == pytest.approx(1.76095, abs=6e-6)
    assert field.bias_variance == pytest.approx(0.05)
    assert field == MeanField.from_initializer(
        EdgeOfChaos("tanh", 0.05), "tanh", 100, bias_init=EdgeOfChaos("tanh", 0.05)
    )
    for name in ("lecun_normal", "orthogonal"):
        field = MeanField.from_initializer({"name": name, "gain": "auto"}, "softsign", 100)
        assert field.weight_variance == pytest.approx(variance_gain("softsign") ** 2)
        assert field.variance_map(1.0) == pytest.approx(1.0)
