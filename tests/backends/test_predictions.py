"""What backends make of logits: the formulas of SciPy, whether they are finite, threads, a row alone."""

import itertools

import numpy as np
import pytest
from scipy.special import expit, softmax

from minnet import Dense, Network
from minnet.backends import list_backends, make_backend
from minnet.losses import SquaredError

LINKS = {
    "identity": ("squared_error", lambda Z: Z),
    "softmax": ("log_loss", lambda Z: softmax(Z, axis=1)),
    "logistic": ("sigmoid_cross_entropy", expit),
    "exp": ("poisson", np.exp),
}
TOLERANCE = {"float32": 2e-6, "float64": 2e-15}


def network(loss, n_outputs, dtype="float64", factor=1.0):
    net = Network([Dense(7, "tanh"), Dense(n_outputs)], loss=loss)
    net.initialize(5, random_state=n_outputs, dtype=dtype)
    net.params *= factor
    return net


def inputs(n_rows, dtype):
    return np.random.default_rng(0).normal(size=(n_rows, 5)).astype(dtype)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("link", LINKS)
def test_predictions(backend, dtype, link):
    loss, formula = LINKS[link]
    for n_outputs, n_rows, temperature in itertools.product(
        (1, 2, 3, 15, 16, 17, 33), (1, 5, 200), (None, 0.3)
    ):
        if link == "softmax" and n_outputs == 1:
            continue
        net, X = network(loss, n_outputs, dtype, factor=3.0), inputs(n_rows, dtype)
        made, finite = make_backend(backend, net).predict(X, temperature=temperature)
        Z = net.forward(X).astype(np.float64)
        expected = formula(Z if temperature is None else Z / temperature)
        assert finite
        assert made.dtype == net.dtype
        np.testing.assert_allclose(made, expected, 10 * TOLERANCE[dtype], 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_two_columns_of_one_logit(backend, dtype):
    net, X = network("sigmoid_cross_entropy", 1, dtype, factor=10.0), inputs(300, dtype)
    made, finite = make_backend(backend, net).predict(X, pair=True)
    Z = net.forward(X).astype(np.float64)
    assert finite
    assert made.shape == (300, 2)
    # Not 1 - p: each is exact to its own digits, how small it may be.
    np.testing.assert_allclose(made, np.hstack([expit(-Z), expit(Z)]), 60 * TOLERANCE[dtype])


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("n_rows", [1, 300])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_told(backend, link, n_rows, value):
    for n_outputs, column in ((1, 0), (40, 0), (40, 39)):
        net, X = network(LINKS[link][0], n_outputs), inputs(n_rows, "float64")
        made_of = make_backend(backend, net)
        assert made_of.predict(X)[1] is True
        net.layers[1].b[column] = value
        assert made_of.predict(X)[1] is False


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("link", LINKS)
def test_a_row_alone_is_predicted_as_among_others(dtype, link):
    net, X = network(LINKS[link][0], 19, dtype), inputs(500, dtype)
    whole = make_backend("auto", net).predict(X)[0]
    for i in (0, 95, 499):
        alone = make_backend("auto", net).predict(X[i : i + 1])[0]
        np.testing.assert_array_equal(alone[0], whole[i])
    for n_threads in (1, 2, 3):
        np.testing.assert_array_equal(make_backend("auto", net, n_threads).predict(X)[0], whole)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("units", [(40,), (3, 40), (129, 9)])
def test_of_many_rows_weights_are_packed_once(dtype, units):
    # Sums of more terms than a panel is deep; layers of few outputs below and above others.
    net = Network([*(Dense(n, "relu") for n in units), Dense(10)]).initialize(
        800, random_state=0, dtype=dtype
    )
    X = np.random.default_rng(0).normal(size=(600, 800)).astype(dtype)
    backend = make_backend("auto", net, 1)
    whole, _ = backend.predict(X)
    alone = [backend.predict(X[i : i + 1])[0][0] for i in range(len(X))]
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_allclose(whole, make_backend("numpy", net).predict(X)[0], 1e-4, 1e-5)
    for n_rows in (192, 193, 194, 400):
        np.testing.assert_array_equal(backend.predict(X[:n_rows])[0], whole[:n_rows])
    room = np.empty(X.nbytes + 1, np.int8)[1:].view(dtype).reshape(X.shape)
    room[...] = X
    wide = np.repeat(X, 2, axis=1)
    for other in (room, np.asfortranarray(X), wide[:, ::2], X[::-1][::-1], wide[:, :800] * 0 + X):
        for n_threads in (1, 2, 3):
            made = make_backend("auto", net, n_threads).predict(other)[0]
            np.testing.assert_array_equal(made, whole)
    np.testing.assert_array_equal(backend.predict(X[::-3])[0], whole[::-3])


class Shifted(SquaredError):  # noqa: N818  # a loss, no exception
    """Predicts one more than the logits: a loss of a user's, which no kernel knows."""

    def predict(self, Z):
        return Z + 1


@pytest.mark.parametrize("backend", list_backends())
def test_a_loss_of_ones_own_predicts_itself(backend):
    net, X = network(Shifted(), 3), inputs(4, "float64")
    made, finite = make_backend(backend, net).predict(X)
    assert finite
    np.testing.assert_allclose(made, net.forward(X) + 1, rtol=1e-13)
