"""Width scaling: the factors of the paper's table, and activations that do not change with the width."""

import numpy as np
import pytest
from scipy import sparse

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, MinNetClassifier, Network
from minnet.initializers import LecunNormal, VarianceScaling, Zeros
from minnet.mup import coordinate_check, mup


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(100, 20)), rng.integers(3, size=100)


def net_of(width, n_hidden=2, activation="relu"):
    return [*[Dense(width, activation) for _ in range(n_hidden)], Dense(3)]


def factors(layers):
    return [(layer.lr_factor, layer.bias_lr_factor) for layer in layers if isinstance(layer, Dense)]


# Yang et al. 2022, table 3, relative to the base width: m = 8 times as wide.


def test_factors_for_adam():
    assert factors(mup(net_of(512, 3), 64)) == [(1, 1), (1 / 8, 1), (1 / 8, 1), (1 / 8, 1)]


def test_factors_for_sgd():
    layers = mup(net_of(512, 3), 64, "sgd")
    assert factors(layers) == [(8, 8), (1, 8), (1, 8), (1 / 8, 1)]


def test_factors_of_layers_that_widen_differently():
    layers = [Dense(200, "tanh"), Dense(900, "tanh"), Dense(3)]
    assert factors(mup(layers, [100, 300])) == [(1, 1), (1 / 2, 1), (1 / 3, 1)]
    assert factors(mup(layers, [100, 300], "sgd")) == [(2, 2), (3 / 2, 3), (1 / 3, 1)]


def test_factors_that_were_there_are_multiplied():
    layers = [Dense(200, lr_factor=3.0), Dense(200, lr_factor=5.0, bias_lr_factor=7.0), Dense(3)]
    assert factors(mup(layers, 100)) == [(3, 3), (2.5, 7), (0.5, 1)]
    assert factors(layers) == [(3, None), (5, 7), (1, None)], "the layers given are copied"


def test_other_layers_stay():
    layers = [Dense(200), BatchNorm("relu", momentum=0.5, lr_factor=3.0), Dropout(0.1), Dense(3)]
    scaled = mup(layers, 100, "sgd")
    # Scale and shift of a normalization are vectors, as biases are.
    assert scaled[1] == BatchNorm("relu", momentum=0.5, lr_factor=6.0)
    assert mup(layers, 100)[1].lr_factor == 3
    assert scaled[2] == Dropout(0.1)
    assert scaled[2] is not layers[2]


def test_initial_variances():
    net = Network(mup(net_of(512, 2, "tanh"), 64)).initialize(20, random_state=0)
    assert net.init_["layers[0].W"] == LecunNormal(gain=1.0)
    assert net.init_["layers[1].W"].variance(512, 512) == pytest.approx(1.5925**2 / 512, rel=1e-4)
    assert net.init_["layers[2].W"] == Zeros()
    layers = mup(net_of(512, 2, "tanh"), 64, zero_output=False)
    net = Network(layers).initialize(20, random_state=0)
    of_output = net.init_["layers[2].W"]
    assert of_output == VarianceScaling(1 / 8)
    # As 1 / fan_in²: twice the width, a quarter of the variance.
    wider = Network(mup(net_of(1024), 64, zero_output=False)).initialize(20).init_["layers[2].W"]
    assert of_output.variance(512, 3) == pytest.approx(4 * wider.variance(1024, 3))
    given = mup([Dense(512, init="orthogonal"), Dense(3, init="he")], 64)
    assert [layer.init for layer in given] == ["orthogonal", "he"]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_base_width_is_trained_as_ever(optimizer, data):
    def scaled(width):
        return mup(net_of(width), 64, optimizer, zero_output=False)

    def plain(width):
        return [Dense(layer.units, layer.activation, init=layer.init) for layer in scaled(width)]

    found = [coordinate_check(f, [64], *data, optimizer=optimizer) for f in (scaled, plain)]
    np.testing.assert_array_equal(*found)


OPTIMIZERS = pytest.mark.parametrize(
    ("optimizer", "name"),
    [(Adam(0.01), "adam"), (SGD(0.1, 0.0), "sgd"), (SGD(0.1, 0.9), "sgd")],
    ids=["adam", "sgd", "momentum"],
)
WIDTHS = [64, 256, 1024]


def standard(width, factor=1.0):
    return [
        Dense(width, "relu", init="lecun_normal", lr_factor=factor),
        Dense(width, "relu", init={"name": "lecun_normal", "gain": "auto"}, lr_factor=factor),
        Dense(3, lr_factor=factor),
    ]


@OPTIMIZERS
def test_activations_and_their_change_are_the_same_at_every_width(optimizer, name, data):
    scaled = coordinate_check(
        lambda w: mup(net_of(w), 64, name), WIDTHS, *data, optimizer=optimizer
    )
    assert scaled.sizes.shape == scaled.changes.shape == (3, 5, 3)
    assert (scaled.changes[:, 0] == 0).all()
    # The output starts from 0: in the first step no layer below it moves.
    assert (scaled.changes[:, 1, :-1] == 0).all()
    for values, first in [(scaled.sizes, 1), (scaled.changes, 2)]:
        assert (values[:, first:] > 0).all()
        assert (values.max(axis=0) < 1.6 * values.min(axis=0))[first:].all()
    plain = coordinate_check(standard, WIDTHS, *data, optimizer=optimizer)
    for values in plain:
        assert values[-1, 1:, -1].max() > 4 * values[0, 1:, -1].max()


@OPTIMIZERS
def test_changes_show_what_sizes_hide(optimizer, name, data):
    # A rate that falls with the width keeps the outputs, and leaves layers below them behind: the
    # first with Adam, all with SGD (Yang et al. 2022, section 5 and appendix J).
    slower = coordinate_check(lambda w: standard(w, 64 / w), WIDTHS, *data, optimizer=optimizer)
    hidden = slower.sizes[:, 1:, :-1]
    assert (hidden.max(axis=0) < 1.3 * hidden.min(axis=0)).all()
    falls = slower.changes[0, 1:] / slower.changes[-1, 1:]
    assert (falls[:, 0] > 10).all()
    if name == "sgd":
        assert (falls[1:, 1] > 3).all()


def test_changes_by_hand(data):
    """One step of SGD from known weights, by NumPy."""
    X, t = data
    found = coordinate_check(
        lambda w: [Dense(w, "identity", init=0.1), Dense(3, init=0.2)], [5], X, t,
        optimizer=SGD(0.3, 0.0), n_steps=1,
    )  # fmt: skip
    W1, W2 = np.full((20, 5), 0.1), np.full((5, 3), 0.2)
    Z2 = X @ W1 @ W2
    error = np.exp(Z2) / np.exp(Z2).sum(axis=1, keepdims=True) - np.eye(3)[t]
    dW2, db2 = (X @ W1).T @ error / 100, error.mean(axis=0)
    dW1, db1 = X.T @ (error @ W2.T) / 100, (error @ W2.T).mean(axis=0)
    Z1 = X @ (W1 - 0.3 * dW1) - 0.3 * db1
    after = Z1 @ (W2 - 0.3 * dW2) - 0.3 * db2
    expected = [np.abs(Z1 - X @ W1).mean(), np.abs(after - Z2).mean()]
    np.testing.assert_allclose(found.changes[0], [[0, 0], expected], rtol=1e-9, atol=1e-12)
    sizes = [[np.abs(X @ W1).mean(), np.abs(Z2).mean()], [np.abs(Z1).mean(), np.abs(after).mean()]]
    np.testing.assert_allclose(found.sizes[0], sizes, rtol=1e-9)


def test_without_zeros_the_first_output_falls(data):
    def scaled(width):
        return mup(net_of(width), 64, zero_output=False)

    sizes = coordinate_check(scaled, [64, 1024], *data, optimizer=Adam(0.01)).sizes
    assert sizes[0, 0, -1] / sizes[1, 0, -1] == pytest.approx(4, rel=0.5)  # as 1 / sqrt(width)
    assert sizes[0, -1, -1] / sizes[1, -1, -1] < 1.5  # after four steps no longer


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_estimator_has_the_same_rates(optimizer, data):
    hidden = [Dense(512, "relu"), BatchNorm(), Dense(256, "relu")]
    whole = mup([*hidden, Dense(3)], [64, 64], optimizer)
    given = mup(hidden, [64, 64], optimizer, output=False)
    clf = MinNetClassifier(
        layers=given, init=[None, None, "zeros"], bias_init="output_prior", random_state=0,
        solver=optimizer, learning_rate_init=0.01 / 4, max_iter=1, tol=1, n_iter_no_change=1,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="Maximum iterations"):
        clf.fit(*data)
    rates = {row.label: 0.01 / 4 * row.lr_factor for row in clf.network_.parameter_table}
    network = Network(whole).initialize(20, random_state=0)
    for row in network.parameter_table:
        of_output_bias = row.label == "layers[3].b"
        assert rates[row.label] == pytest.approx(
            0.01 * row.lr_factor / (4 if of_output_bias else 1)
        )


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (
            ([Dense(3)], 64),
            ValueError,
            r"layers must have a hidden Dense layer, got \[Dense\(3\)\]",
        ),
        ((["relu", Dense(3)], 64), TypeError, r"layers\[0\] must be a Layer such as Dense\(64\)"),
        ((net_of(9), 64, "lbfgs"), ValueError, "optimizer must be 'adam' or 'sgd', got 'lbfgs'"),
        (
            (net_of(9), [64]),
            ValueError,
            r"base_width must be a whole number of at least 1, or 2 of",
        ),
        ((net_of(9), 0.5), ValueError, "base_width must be a whole number of at least 1"),
        ((net_of(9), True), ValueError, "base_width must be a whole number of at least 1"),
    ],
)
def test_bad_arguments(args, error, message):
    with pytest.raises(error, match=message):
        mup(*args)


def of_depth(width):
    return [Dense(width, "relu") for _ in range(width)] + [Dense(10)]


@pytest.mark.parametrize(
    ("make_layers", "widths", "message"),
    [
        (
            of_depth,
            [1, 2],
            "as many Dense layers for each width, at least one, got 3 for the width 2",
        ),
        (lambda width: [BatchNorm()], [1], "at least one, got 0 for the width 1"),
        (net_of, [], r"widths must be whole numbers in a row, at least one, got \[\]"),
        (net_of, np.empty(0, dtype=int), "widths must be whole numbers in a row, at least one"),
    ],
)
def test_what_has_no_coordinates(make_layers, widths, message, data):
    X, T = data
    loss = "squared_error" if make_layers(1)[-1] == BatchNorm() else "log_loss"
    T = X if loss == "squared_error" else T
    with pytest.raises(ValueError, match=message):
        coordinate_check(make_layers, widths, X, T, loss=loss)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_coordinates_of_sparse_data(form, data):
    X, T = data
    expected = coordinate_check(net_of, [8, 16], X, T, n_steps=2)
    found = coordinate_check(net_of, [8, 16], form(X), T, n_steps=2)
    np.testing.assert_allclose(found.sizes, expected.sizes, rtol=1e-6)
    np.testing.assert_allclose(found.changes, expected.changes, rtol=1e-6)
