"""MetaInit: its quotient by dense Hessians, its slopes by differences, and what becomes of bad starts."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Residual,
)
from minnet.initializers import GlorotUniform, HeNormal, MetaInit, gradient_quotient
from minnet.initializers.metainit import _JUDGED, _random_batch, _slopes
from minnet.random.of_layers import layer_stream

X = np.random.default_rng(0).normal(size=(64, 20))
CLASS = np.random.default_rng(1).integers(5, size=64)
DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = (DIGITS - DIGITS.mean()) / DIGITS.std()


def deep(init, activation="tanh", depth=8, width=12, dtype="float64", **given):
    layers = [*(Dense(width, activation) for _ in range(depth)), Dense(5)]
    network = Network(layers, init=init, bias_init="zeros", **given)
    return network.initialize(20, random_state=0, dtype=dtype)


def weights_of(network):
    return [network.params[row.slice] for row in network.parameter_table if row.is_weight]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_quotient_by_its_formula(activation):
    network = Network([Dense(4, activation), Dense(3)]).initialize(5, random_state=0)
    x, t, h = X[:20, :5], CLASS[:20] % 3, 1e-6
    places = [row.slice for row in network.parameter_table if row.is_weight]
    g = network.loss_and_grad(x, t)[1]
    along = np.zeros_like(g)
    for place in places:
        along[place] = g[place]
    before, sides = network.params.copy(), []
    for sign in 1, -1:
        network.params[...] = before + sign * h * along
        sides.append(network.loss_and_grad(x, t)[1])
    network.params[...] = before
    Hg = (sides[0] - sides[1]) / (2 * h)
    g, Hg = (np.concatenate([v[place] for place in places]) for v in (g, Hg))
    expected = np.abs((g - Hg) / (g + np.where(g >= 0, 1e-5, -1e-5)) - 1).mean()
    assert gradient_quotient(network, x, t) == pytest.approx(expected, rel=1e-4)
    assert np.array_equal(network.params, before)


def test_a_linear_cost_has_none():
    network = Network([Dense(3)], "absolute_error", init="normal").initialize(20, random_state=0)
    assert gradient_quotient(network, X, np.full((64, 3), 1e3)) < 1e-3


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_slopes_against_differences(activation):
    network = deep(GlorotUniform(gain=1.5), activation, depth=3, width=12)
    rows = [row for row in network.parameter_table if row.is_weight]
    found = _slopes(network, X, CLASS, rows) / sum(W.size for W in weights_of(network))
    for row, slope in zip(rows, found, strict=True):
        W, quotients, h = network.params[row.slice], [], 1e-5
        before = W.copy()
        for sign in 1, -1:
            W[...] = before * (1 + sign * h)
            quotients.append(gradient_quotient(network, X, CLASS))
        W[...] = before
        expected = (quotients[0] - quotients[1]) / (2 * h)
        assert slope == pytest.approx(expected, rel=0.02, abs=0.02 * np.abs(found).max())


@pytest.mark.parametrize(
    ("activation", "gain", "dtype"),
    [
        pytest.param("tanh", 0.3, "float64", marks=pytest.mark.slow),
        ("tanh", 3.0, "float64"),
        pytest.param("relu", 3.0, "float32", marks=pytest.mark.slow),
    ],
)
def test_a_bad_start_comes_near_a_good_one(activation, gain, dtype):
    bad = deep(MetaInit(gain=gain), activation, dtype=dtype)
    directions = [W / np.linalg.norm(W) for W in weights_of(bad)]
    before = gradient_quotient(bad, X, CLASS)
    after = gradient_quotient(bad.adapt(X), X, CLASS)
    good = gradient_quotient(
        deep(HeNormal() if activation == "relu" else "glorot", activation), X, CLASS
    )
    assert before > 0.8
    assert after < 0.7
    assert after < 0.5 * good
    for W, direction in zip(weights_of(bad), directions, strict=True):
        np.testing.assert_allclose(W / np.linalg.norm(W), direction, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_in_which_signals_vanish_trains_then():
    def loss(init):
        model = MinNetClassifier(
            (24,) * 10, "tanh", init=init, bias_init="zeros", solver="sgd", learning_rate_init=0.02,
            batch_size=32, max_iter=20, tol=0, random_state=0,
        )  # fmt: skip
        return model.fit(DIGITS[:600], DIGIT[:600]).loss_

    assert loss(GlorotUniform(gain=0.3)) > 2.2
    assert loss(MetaInit(gain=0.3, max_iter=120)) < 0.8


LOSSES = ["log_loss", "squared_error", "poisson", "sigmoid_cross_entropy", "huber"]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_kind_of_output(loss):
    layers = [Dense(9), BatchNorm("relu"), Dropout(0.2), Dense(8, "tanh"), Dense(4)]
    network = Network(layers, loss, init={"name": "metainit", "max_iter": 5}).initialize(6, 0)
    before = network.params.copy()
    network.adapt(np.eye(6))
    assert np.isfinite(network.params).all()
    assert not np.array_equal(network.params, before)
    again = Network(layers, loss, init={"name": "metainit", "max_iter": 5}).initialize(6, 0)
    assert np.array_equal(
        again.adapt(7 + 3 * np.eye(6)).params, network.params
    )  # data do not matter


def test_only_weights_that_are_its_own_and_trained_change():
    mine = MetaInit(max_iter=5)
    layers = [
        Dense(9, "tanh", init="glorot"),
        Dense(9, "tanh", init=mine),
        Dense(9, "tanh", init=mine, trainable=False),
        Dense(9, "tanh", init=MetaInit(max_iter=3)),
        Dense(3, init="zeros"),
    ]
    network = Network(layers).initialize(6, random_state=0)
    before = network.params.copy()
    network.adapt(np.eye(6))
    changed = [
        row.label
        for row in network.parameter_table
        if not np.array_equal(before[row.slice], network.params[row.slice])
    ]
    assert changed == ["layers[1].W", "layers[3].W"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_by_its_name_in_an_estimator():
    fitted = MinNetRegressor(hidden_layer_sizes=(9,), init="metainit", max_iter=3, random_state=0)
    assert fitted.fit(X, X[:, 0]).network_.init_["layers[0].W"] == MetaInit()


def test_what_cannot_be():
    with pytest.raises(ValueError, match="max_iter must be a whole number of at least 1, got 0"):
        MetaInit(max_iter=0)
    for momentum in 1.0, 1.5, -0.1, np.nan:
        with pytest.raises(ValueError, match=r"momentum must be at least 0 and below 1, got"):
            MetaInit(momentum=momentum)

    class Duck:
        def curvature(self):
            pass

    for no_network in 3, Duck():
        with pytest.raises(TypeError, match="network must be a Network, got"):
            gradient_quotient(no_network, X, CLASS)


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize(
    "norm", [BatchNorm("relu"), BatchNorm("relu", trainable=False), LayerNorm("relu")], ids=repr
)
def test_rows_that_a_step_needs(norm, batch_size):
    init = MetaInit(max_iter=3, batch_size=batch_size)
    network = Network([Dense(9), norm, Dense(3)], init=init).initialize(6, random_state=0)
    before = network.params.copy()
    if batch_size == 1 and isinstance(norm, BatchNorm) and norm.trainable:
        with pytest.raises(ValueError, match="batch_size of MetaInit must be at least 2 under"):
            network.adapt(X[:, :6])
        assert np.array_equal(network.params, before)
    else:  # the draw may be the best that it sees
        assert np.isfinite(network.adapt(X[:, :6]).params).all()


@pytest.mark.parametrize("asked", ["frozen", "biases"])
def test_where_it_learns_nothing_it_says_so(asked):
    frozen = asked == "frozen"
    layers = [Dense(9, "tanh", trainable=not frozen), Dense(3, trainable=not frozen)]
    given = {"init" if frozen else "bias_init": MetaInit(max_iter=2)}
    network = Network(layers, **given).initialize(6, random_state=0)
    before = network.params.copy()
    with pytest.warns(
        UserWarning, match=r"MetaInit\(max_iter=2\) learns nothing: layers\[0\]"
    ) as said:
        network.adapt(X[:, :6])
    assert [warning.filename for warning in said] == [__file__]
    assert np.array_equal(network.params, before)


@pytest.mark.parametrize("max_iter", [1, 7, 45])
@pytest.mark.parametrize(
    "name", ["residual relu", "residual tanh", "softplus", "selu", "LayerNorm"]
)
def test_the_quotient_is_never_above_that_of_the_draw(name, max_iter):
    """On the batch that norms are judged on: of networks on which single steps make it larger."""
    if name.startswith("residual"):
        hidden = [Residual([Dense(12, name.split()[1]), Dense(12)]) for _ in range(4)]
    elif name == "LayerNorm":
        hidden = [layer for _ in range(5) for layer in (Dense(12), LayerNorm("relu"))]
    else:
        hidden = [Dense(12, name) for _ in range(8)]
    init = MetaInit(max_iter, batch_size=8)
    network = Network([Dense(12), *hidden, Dense(5)], init=init, bias_init="zeros")
    network.initialize(20, random_state=0)
    stream = layer_stream(network.key, network.layers, 0, "metainit")
    batch = _random_batch(network, stream, max_iter, _JUDGED * 8)
    before = gradient_quotient(network, *batch)
    assert gradient_quotient(network.adapt(X), *batch) <= before
