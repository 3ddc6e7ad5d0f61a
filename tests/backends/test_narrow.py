"""Few outputs, and the last few of many, have products of their own: the shapes on both sides of these."""

import itertools

import numpy as np
import pytest

from minnet import SGD, Adam, Dense, Network, Trainer
from minnet.backends import list_backends, make_backend

if "cython" not in list_backends():
    pytest.skip("the extension is not here", allow_module_level=True)

TOLERANCE = {"float32": 3e-5, "float64": 1e-12}
#: Widths below, at and above whole vectors and groups of them; and beyond what has room to be turned.
WIDTHS = [1, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 129, 1536, 1537, 5000]
OUTPUTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16]
#: Widths whose last outputs are beyond whole vectors: few of them, or many; and whole vectors.
EDGES = [17, 20, 24, 25, 28, 34, 50, 64, 100, 104]


def problem(n_features, width, n_outputs, dtype, loss=None, n_rows=53, activation="tanh"):
    loss = loss or ("log_loss" if n_outputs > 1 else "squared_error")
    network = Network([Dense(width, activation), Dense(n_outputs)], loss=loss, alpha=0.1)
    network.initialize(n_features, random_state=0, dtype=dtype)
    rng = np.random.default_rng(width + n_outputs)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    if loss == "log_loss":
        T = rng.integers(0, n_outputs, n_rows)
    else:
        T = rng.normal(size=(n_rows, n_outputs)).astype(dtype)
    return network, X, T


def close(actual, expected, dtype):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, 0, TOLERANCE[dtype] * max(scale, 1e-6))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_outputs", OUTPUTS)
def test_logits_and_gradients(n_outputs, dtype):
    for width in WIDTHS:
        network, X, T = problem(5, width, n_outputs, dtype)
        backend = make_backend("cython", network)
        close(backend.forward(X), network.forward(X), dtype)
        expected, gradient = network.loss_and_grad(X, T)
        loss, own = backend.loss_and_grad(X, T)
        assert loss == pytest.approx(expected, rel=TOLERANCE[dtype])
        close(own, gradient, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_outputs", OUTPUTS)
def test_a_narrow_layer_at_the_bottom(n_outputs, dtype):
    for n_features in (15, 16, 40, 130):
        network, X, T = problem(n_features, n_outputs, 2, dtype)
        backend = make_backend("cython", network)
        close(backend.forward(X), network.forward(X), dtype)
        close(backend.loss_and_grad(X, T)[1], network.loss_and_grad(X, T)[1], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("width", EDGES)
def test_the_last_columns_of_a_wide_layer(width, dtype):
    for n_features in (15, 16, 37, 130, 800):
        network, X, T = problem(n_features, width, 3, dtype)
        backend = make_backend("cython", network)
        close(backend.forward(X), network.forward(X), dtype)
        close(backend.loss_and_grad(X, T)[1], network.loss_and_grad(X, T)[1], dtype)
        whole = backend.forward(X)
        for n_rows in (1, 2, 23, 25):
            np.testing.assert_array_equal(backend.forward(X[:n_rows]), whole[:n_rows])


def train(problem, optimizer, backend, n_threads=1, batch_size=20, **options):
    network, X, T = problem
    trainer = Trainer(
        network, optimizer, batch_size=batch_size, backend=backend, n_threads=n_threads, **options
    )
    for _ in range(3):
        trainer.run_epoch(X, T)
    return network.params


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (SGD(0.05), {}),
        (SGD(0.05, momentum=0.9), {"weight_decay": 0.1}),
        (Adam(0.01), {}),
        (SGD(0.05), {"clip_norm": 0.01}),
        (SGD(0.05), {"clip_value": 0.001}),
    ],
    ids=["sgd", "momentum", "adam", "clip_norm", "clip_value"],
)
def test_trainings(optimizer, options, dtype):
    for width, n_outputs in itertools.product((16, 33, 100), (1, 3, 5, 8, 10, 12)):
        made = [
            train(problem(5, width, n_outputs, dtype), optimizer, backend, **options)
            for backend in ("numpy", "cython")
        ]
        close(made[1], made[0], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("optimizer", [SGD(0.05), Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize("batch_size", [5, 53])
def test_trainings_of_wide_layers_with_an_edge(batch_size, optimizer, dtype):
    for width in (20, 50, 104):
        made = [
            train(problem(37, width, 10, dtype), optimizer, backend, batch_size=batch_size)
            for backend in ("numpy", "cython")
        ]
        close(made[1], made[0], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("optimizer", [SGD(0.05), Adam(0.01)], ids=["sgd", "adam"])
def test_bits_do_not_depend_on_threads(optimizer, dtype):
    for width, n_outputs in itertools.product((32, 100, 200, 300), (1, 2, 3, 5, 8, 10, 12)):
        one, *others = (
            train(problem(300, width, n_outputs, dtype, n_rows=900), optimizer, "cython", n, 300)
            for n in (1, 2, 3)
        )
        for other in others:
            np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_outputs", OUTPUTS)
def test_a_row_alone_is_predicted_as_among_others(n_outputs, dtype):
    network, X, _ = problem(5, 100, n_outputs, dtype, n_rows=230)
    backend = make_backend("cython", network)
    whole = backend.forward(X)
    for n_rows in (1, 2, 5, 23, 25, 191, 193):
        np.testing.assert_array_equal(backend.forward(X[:n_rows]), whole[:n_rows])
        np.testing.assert_array_equal(backend.forward(X[-n_rows:]), whole[-n_rows:])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_classes", [2, 3, 8, 9, 16, 17])
@pytest.mark.parametrize("n_rows", [1, 15, 16, 17, 33])
def test_softmax_of_logits_that_no_exponential_holds(n_classes, n_rows, dtype):
    network, X, T = problem(5, 20, n_classes, dtype, loss="log_loss", n_rows=n_rows)
    network.layers[1].b[:] = np.linspace(-2000, 2000, n_classes)
    expected, gradient = network.loss_and_grad(X, T)
    loss, own = make_backend("cython", network).loss_and_grad(X, T)
    assert loss == pytest.approx(expected, rel=TOLERANCE[dtype])
    close(own, gradient, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_classes", [2, 3, 8, 10, 17])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_seen(n_classes, value, dtype):
    for column in range(n_classes):
        network, X, T = problem(5, 20, n_classes, dtype, loss="log_loss")
        network.layers[1].b[column] = value
        assert not np.isfinite(make_backend("cython", network).loss_and_grad(X, T)[0])
