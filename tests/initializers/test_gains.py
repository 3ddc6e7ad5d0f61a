"""Gains and critical variances: what an initializer makes of the activation that it stands above."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone

from minnet import BatchNorm, Dense, Dropout, MinNetRegressor, Network
from minnet.activations import Activation, Gelu, LeakyRelu, Relu, Tanh, get_activation
from minnet.initializers import (
    EdgeOfChaos,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    Initializer,
    LecunNormal,
    LecunUniform,
    NguyenWidrow,
    Orthogonal,
    Zeros,
    variance_gain,
)
from minnet.initializers.mean_field import critical_point, mean_square

DTYPES = ["float64", "float32"]


def follows(values, law):
    return stats.kstest(np.asarray(values, "float64").ravel(), law.cdf).pvalue > 1e-3


# Published to 4 digits: 1 / rms and 1 / sd of the activation of a standard normal number.
GAINS = {
    "tanh": (1.5925, 1.5925),
    "softsign": (2.3375, 2.3375),
    "sigmoid": (1.8462, 4.8013),
    "relu": (1.4142, 1.7129),
    "silu": (1.6765, 1.7872),
    "elu": (1.2452, 1.2708),
    "softplus": (1.0419, 1.9191),
    "selu": (1.0, 1.0),
    "identity": (1.0, 1.0),
}


@pytest.mark.parametrize("name", GAINS)
def test_variance_gain(name):
    of_square, of_variance = GAINS[name]
    assert variance_gain(name) == pytest.approx(of_square, abs=5.1e-5)
    assert variance_gain(name, centered=True) == pytest.approx(of_variance, abs=5.1e-5)
    assert variance_gain(get_activation(name)) == variance_gain(name)


def test_variance_gain_in_closed_form():
    assert variance_gain("relu") == pytest.approx(math.sqrt(2), rel=1e-11)
    assert variance_gain("relu", centered=True) == pytest.approx(
        (0.5 - 1 / (2 * math.pi)) ** -0.5, rel=1e-11
    )
    for slope in (0.0, 0.2, 3.0):
        expected = math.sqrt(2 / (1 + slope**2))
        assert variance_gain(LeakyRelu(slope)) == pytest.approx(expected, rel=1e-11)


class Step(Activation):
    """A user's own, with a jump beside 0."""

    kinks = (0.5,)

    def __init__(self, height=1.0):
        self.height = height

    def __call__(self, Z):
        return np.where(Z > 0.5, self.height, 0.0)


def test_variance_gain_of_a_users_own():
    p = stats.norm.sf(0.5)
    assert variance_gain(Step(3.0)) == pytest.approx(1 / (3 * math.sqrt(p)), rel=1e-11)
    centered = variance_gain(Step(3.0), centered=True)
    assert centered == pytest.approx(1 / (3 * math.sqrt(p * (1 - p))), rel=1e-11)


# Edge of chaos


def test_edge_of_chaos_has_the_published_variances():
    published = {0.01: 1.42421, 0.05: 1.76095, 0.1: 1.98607, 0.3: 2.50513}
    for bias_variance, weight_variance in published.items():
        edge = EdgeOfChaos("tanh", bias_variance)
        assert edge.weight_variance() == pytest.approx(weight_variance, abs=6e-6)
        assert edge.variance(200, 300) == pytest.approx(weight_variance / 200, abs=3e-8)
    assert EdgeOfChaos("relu").weight_variance() == 2
    # Roberts, Yaida & Hanin 2022, "The principles of deep learning theory", section 5.3.4.
    assert EdgeOfChaos("gelu", 0.17292239).weight_variance() == pytest.approx(1.98305826, abs=1e-7)
    assert EdgeOfChaos("silu", 0.55514317).weight_variance() == pytest.approx(1.98800468, abs=1e-7)


def test_the_critical_point_does_not_repel():
    # GELU: the variance at the smallest bias variance that has an edge is (3 + sqrt 17) / 2 (ibid.).
    weight_variance, q = critical_point(Gelu(), 0.17292239)
    assert q == pytest.approx((3 + math.sqrt(17)) / 2, rel=1e-5)
    # Below it, chi is 1 where variances run away from: 4 and 0 without biases, for example.
    for bias_variance in (0.0, 0.1):
        with pytest.raises(ValueError, match=r"at which Gelu\(\) is critical for some weight"):
            critical_point(Gelu(), bias_variance)
    weight_variance, q = critical_point(Gelu(), 0.3)
    deep = 50.0
    for _ in range(3000):
        deep = weight_variance * mean_square(Gelu(), deep) + 0.3
    assert deep == pytest.approx(q, rel=1e-3)


def test_a_constant_has_no_edge():
    class Constant(Activation):
        def __call__(self, Z):
            return np.zeros_like(Z)

        def derivative(self, Z, Y):
            return np.zeros_like(Z)

    with pytest.raises(ValueError, match="is critical for some weight variance, got 0"):
        EdgeOfChaos(Constant())((3, 2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("distribution", ["normal", "uniform", "orthogonal"])
def test_edge_of_chaos_draws_normal_biases(distribution, dtype):
    edge = EdgeOfChaos("tanh", 0.05, distribution)
    b = edge((4000,), rng=1, dtype=dtype)
    assert follows(b, stats.norm(0, math.sqrt(0.05)))
    assert not EdgeOfChaos("auto")((40,), rng=1).any()


@pytest.mark.parametrize("shape", [(60, 60), (90, 30), (30, 90)])
def test_edge_of_chaos_orthogonal_has_the_variance(shape):
    edge = EdgeOfChaos("tanh", 0.05, "orthogonal")
    W = edge(shape, rng=1)
    s = np.linalg.svd(W, compute_uv=False)
    np.testing.assert_allclose(s, s[0])
    assert shape[0] * np.mean(W**2) == pytest.approx(1.760954640, rel=1e-9)
    if shape[0] >= shape[1]:
        assert s[0] ** 2 == pytest.approx(1.760954640, rel=1e-9)


# What a network tells its initializers


def made(layers, n_features=6, **given):
    return Network(layers, "squared_error", **given).initialize(n_features, random_state=0)


@pytest.mark.parametrize(
    "cls", [GlorotUniform, GlorotNormal, LecunNormal, LecunUniform, Orthogonal]
)
def test_auto_gain_is_of_the_activation_below(cls):
    layers = [Dense(9, "relu"), Dense(8, "tanh"), Dense(7), Dense(2, "relu")]
    net = made(layers, init=cls(gain="auto"))
    gains = [1.0, variance_gain("relu"), variance_gain("tanh"), 1.0]
    for i, gain in enumerate(gains):
        resolved = net.init_[f"layers[{i}].W"]
        assert resolved == cls(gain=gain)
        assert type(resolved.gain) is float
    plain = made(layers, init=cls())
    for layer, other, gain in zip(net.layers, plain.layers, gains, strict=True):
        np.testing.assert_allclose(layer.W, gain * other.W, rtol=1e-12)
    assert net.init == cls(gain="auto"), "what the user gave stays"


def test_auto_gain_keeps_other_parameters():
    net = made([Dense(9, "relu"), Dense(1)], init=LecunNormal("auto", truncated=True))
    assert net.init_["layers[1].W"] == LecunNormal(variance_gain("relu"), truncated=True)
    net = made(
        [Dense(9, "relu"), Dense(1)], init={"name": "orthogonal", "gain": "auto", "method": "svd"}
    )
    assert net.init_["layers[1].W"] == Orthogonal(variance_gain("relu"), "svd")


def test_auto_gain_of_a_users_own():
    net = made([Dense(9, Step(3.0)), Dense(1)], init=LecunNormal("auto"))
    assert net.init_["layers[1].W"].gain == pytest.approx(1 / (3 * math.sqrt(stats.norm.sf(0.5))))


def test_auto_gain_is_through_dropout_and_batch_normalization():
    layers = [
        Dropout(0.1), Dense(9, "relu"), Dropout(), Dense(8), BatchNorm("tanh"), Dropout(),
        Dense(7, "relu"), BatchNorm(), Dense(1),
    ]  # fmt: skip
    net = made(layers, init=GlorotUniform("auto"))
    gains = [net.init_[f"layers[{i}].W"].gain for i in (1, 3, 6, 8)]
    # After a linear batch normalization the variance is 1, whatever was below it.
    assert gains == [1.0, variance_gain("relu"), variance_gain("tanh"), 1.0]
    assert net.activation_below(1) is None
    assert [net.activation_above(i) for i in (1, 3, 6)] == [Relu(), Tanh(), Relu()]


@pytest.mark.parametrize("name", ["relu", "tanh", "softplus", "sigmoid", "gelu"])
def test_auto_gain_keeps_the_second_moment(name):
    X = np.random.default_rng(0).normal(size=(200, 400))
    net = made([Dense(400, name) for _ in range(8)], 400, init=LecunNormal("auto"))
    last = net.layers[-1]
    Z = net.forward(X, return_all=True)[-2] @ last.W
    assert np.mean(Z**2) == pytest.approx(1, rel=0.25)


@pytest.mark.parametrize(
    "cls", [GlorotUniform, GlorotNormal, LecunNormal, LecunUniform, Orthogonal]
)
def test_auto_gain_without_a_network(cls):
    message = r"^gain must be a number where no layer is known, got 'auto': only a Network knows"
    with pytest.raises(ValueError, match=message):
        cls("auto")((5, 3), rng=0)
    assert cls("auto").copy() == cls("auto")
    assert repr(cls("auto")) == f"{cls.__name__}(gain='auto')"


def test_auto_gain_of_a_biases_initializer():
    net = made(
        [Dense(9, "relu"), Dense(9, "relu"), Dense(1)], init="zeros", bias_init=LecunNormal("auto")
    )
    assert net.init_["layers[1].b"] == LecunNormal(variance_gain("relu"))


def test_an_activation_without_output_is_named():
    with pytest.raises(
        ValueError, match=r"^layers\[1\]\.W \(Dense\): activation must be one whose out"
    ):
        made([Dense(9, Step(0.0)), Dense(1)], init=GlorotUniform("auto"))


class Ask(Initializer):
    """A user's own that asks the network."""

    def __init__(self, value="auto"):
        self.value = value

    def for_layer(self, network, layer_index):
        return Ask(float(layer_index)) if self.value == "auto" else self

    def draw(self, shape, stream, dtype, fans):
        return np.full(shape, self.value)


def test_a_users_own_may_ask_the_network():
    net = made([Dense(3), Dropout(), Dense(2)], init=Ask())
    assert net.init_["layers[2].W"] == Ask(2.0)
    assert (net.layers[2].W == 2).all()


def test_edge_of_chaos_takes_the_activation_below():
    layers = [Dense(300, "tanh"), Dropout(), Dense(200), BatchNorm("relu"), Dense(1)]
    net = made(layers, 500, init="edge_of_chaos")
    # The first layer has none below: all layers of a network are alike in the theory.
    expected = {0: EdgeOfChaos("tanh"), 2: EdgeOfChaos("tanh"), 4: EdgeOfChaos("relu")}
    for i, initializer in expected.items():
        assert net.init_[f"layers[{i}].W"] == initializer
    assert follows(net.layers[2].W, stats.norm(0, 1 / math.sqrt(300)))
    assert follows(net.layers[4].W, stats.norm(0, math.sqrt(2 / 200)))


def test_biases_that_belong_to_the_weights_are_drawn_with_them():
    edge = EdgeOfChaos(bias_variance=0.05)
    layers = [Dense(2000, "tanh"), Dense(9), BatchNorm("tanh"), Dense(1)]
    net = made(layers, init=edge)
    assert net.init_["layers[0].b"] == EdgeOfChaos("tanh", 0.05)
    assert follows(net.layers[0].b, stats.norm(0, math.sqrt(0.05)))
    assert net.init_["layers[1].b"] == net.init_["layers[3].b"] == Zeros()
    net = made(layers, init=["nguyen_widrow", "orthogonal", "orthogonal"])
    assert net.init_["layers[0].b"] == NguyenWidrow()
    assert follows(net.layers[0].b, stats.uniform(-0.7 * 2000 ** (1 / 6), 1.4 * 2000 ** (1 / 6)))
    assert not made(layers, init=edge, bias_init="zeros").layers[0].b.any()
    # A layer's own initializer counts as well, and others' biases stay 0.
    net = made([Dense(9, "tanh", init=edge), Dense(9, "tanh", init="he"), Dense(1)])
    assert net.init_["layers[0].b"] == EdgeOfChaos("tanh", 0.05)
    assert net.init_["layers[1].b"] == Zeros()


def test_edge_of_chaos_is_critical():
    # Gradients going back through 30 layers keep their size at the edge; beside it they do not.
    X = np.random.default_rng(0).normal(size=(20, 300))
    sizes = {}
    for name, init in {
        "edge": EdgeOfChaos(bias_variance=0.05),
        "ordered": LecunNormal(0.8),
        "chaotic": LecunNormal(1.8),
    }.items():
        layers = [Dense(300, "tanh", init=init) for _ in range(30)]
        net = made([*layers, Dense(1, init=LecunNormal())], 300)
        contexts = net.forward_backward(X, np.ones((20, 1)))[2]
        sizes[name] = np.mean(contexts[3].dZ ** 2) / np.mean(contexts[29].dZ ** 2)
    assert 0.1 < sizes["edge"] < 10
    assert sizes["ordered"] < 1e-3
    assert sizes["chaotic"] > 1e2


def test_edge_of_chaos_of_a_users_own():
    class Sine(Activation):
        def __call__(self, Z):
            return np.sin(Z)

        def derivative(self, Z, Y):
            return np.cos(Z)

    # E cos² = (1 + exp(-2q)) / 2 and E sin² = (1 - exp(-2q)) / 2, so that q = tanh(q) + bias variance.
    edge = EdgeOfChaos(Sine(), bias_variance=0.2)
    q = 1.0
    for _ in range(1000):
        q = np.tanh(q) + 0.2
    assert edge.weight_variance() == pytest.approx(2 / (1 + np.exp(-2 * q)), rel=1e-10)
    net = made([Dense(9, Sine()), Dense(1)], init=EdgeOfChaos(bias_variance=0.2))
    assert net.init_["layers[1].W"].activation == Sine()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: EdgeOfChaos("tanhh"),
            "activation must be a name or an Activation object, got 'tanhh'",
        ),
        (
            lambda: EdgeOfChaos(3),
            "activation must be a name or an Activation object, got 3",
        ),
        (
            lambda: EdgeOfChaos("tanh", -0.1),
            "bias_variance must be a finite number of at least 0, got -0.1",
        ),
        (
            lambda: EdgeOfChaos("tanh", distribution="normall"),
            "distribution must be 'normal', 'uniform' or 'orthogonal', got 'normall': did",
        ),
        (
            lambda: EdgeOfChaos("relu", 0.1)((3, 2)),
            "bias_variance must be one at which Relu() is critical for some weight variance, got 0.1: it "
            "may be 0, for example",
        ),
        (
            lambda: EdgeOfChaos("gelu")((3, 2)),
            "bias_variance must be one at which Gelu() is critical for some weight variance, got 0.0: it "
            "may be 0.2, for example",
        ),
        (
            lambda: EdgeOfChaos("softplus")((3, 2)),
            "bias_variance must be one at which Softplus() is critical for some weight variance, got "
            "0.0: none from 0 to 10 was found",
        ),
        (
            lambda: EdgeOfChaos()((3, 2)),
            "activation must be named where no layer is known, got 'auto': only a Network",
        ),
        (
            lambda: made([Dense(3, "relu"), Dense(1)], init=EdgeOfChaos(bias_variance=0.1)),
            "layers[0].W (Dense): bias_variance must be one at which Relu() is critical",
        ),
    ],
)
def test_edge_of_chaos_says_what_is_wrong(make, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_estimators_record_what_auto_stands_for():
    X = np.random.default_rng(0).normal(size=(30, 3))
    for init, expected in {
        "edge_of_chaos": EdgeOfChaos("relu"),
        GlorotUniform("auto"): GlorotUniform(variance_gain("relu")),
    }.items():
        model = MinNetRegressor(hidden_layer_sizes=(5,), init=init, solver="lbfgs").fit(X, X[:, 0])
        assert model.init_[1] == expected
        assert clone(model).get_params()["init"] == model.get_params()["init"] == init
    assert HeNormal().for_layer(model.network_, 1) == HeNormal()
