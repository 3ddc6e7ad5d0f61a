"""minnet.network: what ``init="auto"`` picks."""

import numpy as np
import pytest

from minnet import BatchNorm, Dense, Dropout, LayerNorm, Network
from minnet.activations import LeakyRelu
from minnet.initializers import (
    FromArray,
    GlorotUniform,
    HeNormal,
    LecunNormal,
    auto_initializer,
)
from minnet.initializers.spec import DEEP


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("tanh", GlorotUniform()),
        ("softsign", GlorotUniform()),
        ("identity", GlorotUniform()),
        ("logistic", GlorotUniform(gain=4.0)),
        ("relu", HeNormal()),
        ("silu", HeNormal()),
        ("selu", LecunNormal()),
        (LeakyRelu(0.3), HeNormal(negative_slope=0.3)),
    ],
    ids=str,
)
def test_auto_picks_by_activation(activation, expected):
    hidden = [Dense(5, activation) for _ in range(DEEP)]
    network = Network([*hidden, Dense(3)]).initialize(4)
    assert network.init_["layers[1].W"] == expected
    assert network.init_[f"layers[{DEEP}].W"] == auto_initializer("identity")
    # the first layer sees data, from which no activation has taken variance; selu wants it at 1
    assert network.init_["layers[0].W"] == (expected if activation == "selu" else GlorotUniform())


def test_auto_counts_hidden_layers():
    """However they are written: whatever has no weight matrix is no layer, one of a named law is."""
    for between in ([], [Dropout(0.1)], [BatchNorm("relu")]):
        for n_hidden, expected in ((DEEP - 1, GlorotUniform()), (DEEP, HeNormal())):
            hidden = [Dense(3, "relu", init="sparse"), *[Dense(3, "relu")] * (n_hidden - 1)]
            network = Network([*between, *hidden, Dense(1)]).initialize(4)
            assert network.init_[f"layers[{len(between) + 1}].W"] == expected


def test_auto_biases_are_one_more_row_of_weights():
    layers = [Dense(400, "tanh"), Dense(300, "sigmoid"), Dense(3)]
    network = Network(layers).initialize(4, 0)
    assert network.init_["layers[1].b"] == network.init_["layers[1].W"] == GlorotUniform(gain=4.0)
    assert network.layers[1].b.std() == pytest.approx(4 * np.sqrt(2 / 700), rel=0.15)
    bound = np.sqrt(6 / 404)
    assert 0.9 * bound < np.abs(network.layers[0].b).max() <= bound
    np.testing.assert_array_equal(network.layers[2].b, 0)  # the output's


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(5, "relu", init="he"), Dense(3)],  # its initializer is named
        [Dense(5), BatchNorm("relu"), Dense(3)],  # batch normalization takes a bias away
        [Dense(3)],
    ],
    ids=str,
)
def test_auto_biases_are_zero_elsewhere(layers):
    network = Network(layers).initialize(4, random_state=0)
    np.testing.assert_array_equal(network.layers[0].b, 0)


def test_auto_biases_are_zero_beside_a_named_init():
    network = Network([Dense(5, "tanh"), Dense(3)], init="glorot").initialize(4, random_state=0)
    np.testing.assert_array_equal(network.layers[0].b, 0)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ([BatchNorm("sigmoid")], GlorotUniform(gain=4.0)),
        ([Dropout(0.1), BatchNorm(), Dropout(0.1), BatchNorm("selu")], LecunNormal()),
        ([BatchNorm(LeakyRelu(0.2)), *[Dense(5, "tanh")] * DEEP], HeNormal(negative_slope=0.2)),
        ([BatchNorm()], GlorotUniform()),
        ([LayerNorm("sigmoid")], GlorotUniform(gain=4.0)),
        ([LayerNorm(), Dropout(0.1), LayerNorm("selu")], LecunNormal()),
    ],
    ids=str,
)
def test_auto_looks_through_batch_norm_and_dropout(between, expected):
    network = Network([Dense(5), Dense(5), *between, Dense(3, "relu")]).initialize(4)
    assert network.init_["layers[1].W"] == expected


def test_auto_draws_the_biases_below_a_layer_norm():
    """It takes away their mean over the units alone."""
    network = Network([Dense(5), LayerNorm("relu"), Dense(3)]).initialize(4, random_state=0)
    assert np.ptp(network.layers[0].b) > 0
    _, flat = network.loss_and_grad(np.eye(4), [0, 1, 2, 0])
    db = network.views(flat)[0]["b"]
    assert abs(db).max() > 1e-3 > 1e-12 > abs(db.sum())


def test_auto_looks_no_further_than_the_first_activation():
    network = Network([Dense(5), Dense(5, "sigmoid"), BatchNorm("tanh"), Dense(3)]).initialize(4)
    assert network.init_["layers[1].W"] == GlorotUniform(gain=4.0)


W1 = np.arange(20.0).reshape(4, 5)


def test_init_says_what_was_picked():
    network = Network([Dense(2), Dense(1)], init=[W1[:, :2], "glorot"]).initialize(4)
    assert network.init_["layers[0].W"] == FromArray(W1[:, :2])
    assert network.init_["layers[1].W"] == GlorotUniform()
