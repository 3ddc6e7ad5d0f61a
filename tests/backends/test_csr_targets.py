"""Sparse targets: the same bits as with dense ones, and never dense beyond a batch."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    Network,
    RMSProp,
    Trainer,
    check_gradients,
)
from minnet.backends import list_backends, make_backend
from minnet.callbacks import Callback
from minnet.losses import Huber, Loss, Poisson, Quantile, SquaredError

N, FEATURES, OUTPUTS = 101, 5, 7  # batches of 10: the last has one row
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, FEATURES))
SPARSE_X = sparse.csr_array(np.where(X > 0.5, X, 0))
WEIGHTS = RNG.uniform(0.1, 2, N)
NUMBERS = np.where(RNG.random((N, OUTPUTS)) < 0.2, RNG.normal(size=(N, OUTPUTS)), 0)
ONES = (NUMBERS != 0).astype(float)


class Own(Loss):
    """Of a user: no backend compiles it, and its targets are arrays."""

    output = "logistic"

    def value(self, Z, T):
        return SquaredError("logistic").value(Z, T)

    def gradient(self, Z, T):
        assert isinstance(T, np.ndarray)
        return SquaredError("logistic").gradient(Z, T)


class Smoothing(Own):
    def check_targets(self, T, n_samples, n_outputs, dtype):
        T = np.asarray(T, dtype)
        assert T.shape == (n_samples, n_outputs)
        return 0.8 * T + 0.1


LOSSES = {
    "sigmoid_cross_entropy": ("sigmoid_cross_entropy", ONES),
    "squared_error": ("squared_error", NUMBERS),
    "logistic": (SquaredError("logistic"), ONES),
    "poisson": (Poisson(), ONES),
    "huber": (Huber(0.5), NUMBERS),
    "quantile": (Quantile(0.7), NUMBERS),
    "own": (Own(), ONES),
    "own check": (Smoothing(), ONES),
}
OPTIMIZERS = {
    "sgd": SGD(0.1),
    "momentum": SGD(0.1, momentum=0.9),
    "adam": Adam(0.01),
    "adamw": AdamW(0.01),
    "rmsprop": RMSProp(0.01),
}
LAYERS = {
    "dense": [Dense(6, "tanh")],
    "dropout": [Dense(6, "relu"), Dropout(0.3)],
    "batch_norm": [Dense(6), BatchNorm("tanh")],
}


def unsorted_twice(T):
    """Indices that descend, and each entry in two halves."""
    T = sparse.coo_array(T)
    halves = np.tile(T.data / 2, 2), (np.tile(T.row, 2), np.tile(T.col, 2))
    T = sparse.coo_array(halves, shape=T.shape).tocsr(copy=True)
    rows = np.repeat(np.arange(N), np.diff(T.indptr))
    order = np.lexsort([-T.indices, rows])
    return sparse.csr_array((T.data[order], T.indices[order], T.indptr), shape=T.shape)


def with_zeros(T):
    T = sparse.csr_array(np.where(T == 0, 9, T))
    T.data[T.data == 9] = 0
    return T


def wide(T):
    T = sparse.csr_array(T)
    T.indices, T.indptr = T.indices.astype(np.int64), T.indptr.astype(np.int64)
    return T


FORMS = {
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "coo_matrix": sparse.coo_matrix,
    "lil_matrix": sparse.lil_matrix,
    "unsorted_twice": unsorted_twice,
    "with_zeros": with_zeros,
    "wide": wide,
    "float32": lambda T: sparse.csr_array(T.astype(np.float32)),
    "bool": lambda T: sparse.csr_array(T.astype(bool)),
}


def trained(T, backend, loss="sigmoid_cross_entropy", optimizer="adam", layers="dense", X=X,
            weights=None, dtype="float64", **options):  # fmt: skip
    net = Network([*LAYERS[layers], Dense(OUTPUTS)], loss, alpha=0.1).initialize(FEATURES, 0, dtype)
    trainer = Trainer(net, OPTIMIZERS[optimizer], batch_size=10, backend=backend, **options)
    for _ in range(2):
        trainer.run_epoch(X, T, weights)
    return [net.params, net.state, trainer.optimizer.state, np.array(trainer.loss_curve)]


def assert_same_bits(T, form=sparse.csr_array, **options):
    for one, other in zip(trained(T, **options), trained(form(T), **options), strict=True):
        assert_array_equal(one, other)


#: Numba compiles each loss for a second; what it does with targets is the same for all of them.
PAIRS = [
    (backend, loss)
    for backend in list_backends()
    for loss in (("sigmoid_cross_entropy", "own") if backend == "numba" else LOSSES)
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("backend", "loss"), PAIRS)
def test_the_bits_are_those_of_dense_targets(backend, loss, optimizer):
    loss, T = LOSSES[loss]
    weighted = {"weights": WEIGHTS, "dtype": "float32", "shuffle": False}
    for options in ({}, weighted):
        assert_same_bits(T, loss=loss, optimizer=optimizer, backend=backend, **options)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("layers", LAYERS)
def test_with_layers_inputs_and_clipping(layers, backend):
    for X_, optimizer in itertools.product((X, SPARSE_X), ("sgd", "adam")):
        if sparse.issparse(X_) and optimizer == "sgd" and backend == "numba":
            continue  # it leaves sparse X to numpy
        for clip in ({}, {"clip_norm": 0.1}, {"clip_value": 0.01}):
            options = {"optimizer": optimizer, "backend": backend, "layers": layers, **clip}
            assert_same_bits(ONES, X=X_, **options)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("form", FORMS)
def test_forms(form, backend):
    T = ONES if form == "bool" else NUMBERS.astype(np.float32).astype(float)
    assert_same_bits(T, FORMS[form], backend=backend, loss="squared_error")


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradient(loss, backend):
    loss, T = LOSSES[loss]
    net = Network([Dense(6, "tanh"), Dense(OUTPUTS)], loss).initialize(FEATURES, 0)
    expected, same = net.loss_and_grad(X, T, WEIGHTS), net.loss_and_grad(
        X, sparse.csr_array(T), WEIGHTS
    )  # fmt: skip
    assert expected[0] == same[0] == net.objective(X, sparse.csr_array(T), WEIGHTS)
    assert_array_equal(expected[1], same[1])
    runner = make_backend(backend, net)
    results = [
        runner.loss_and_grad(*net.check_batch(X, t, WEIGHTS)) for t in (T, sparse.csr_array(T))
    ]
    assert results[0][0] == results[1][0]
    assert_array_equal(results[0][1], results[1][1])


def test_gradients_are_checked_with_them():
    net = Network([Dense(3, "tanh"), Dense(OUTPUTS)], Huber()).initialize(FEATURES, 0)
    assert check_gradients(net, X[:4], sparse.csr_array(NUMBERS[:4])).ok


class Pausing(Callback):
    def next_step(self, trainer):
        return trainer.n_steps + 1


@pytest.mark.parametrize("backend", list_backends())
def test_threads_and_pauses_change_no_bit(backend):
    nets = []
    for n_threads, callbacks in ((1, []), (3, [Pausing()])):
        net = Network([Dense(6), Dense(OUTPUTS)], "sigmoid_cross_entropy").initialize(FEATURES, 0)
        trainer = Trainer(net, batch_size=40, backend=backend, n_threads=n_threads, tol=0)
        with pytest.warns(ConvergenceWarning):
            trainer.fit(X, sparse.csr_array(ONES), max_epochs=2, callbacks=callbacks)
        nets.append(net)
    assert_array_equal(nets[0].params, nets[1].params)


BROKEN = {
    "2 of 1": (ONES * 2, "T must lie between 0 and 1, got values from 0.0 to 2.0"),
    "negative": (-ONES, "T must lie between 0 and 1, got values from -1.0 to 0.0"),
    "NaN": (np.where(ONES, np.nan, 0), "T must be finite, got NaN or infinity"),
    "complex": (
        np.where(np.arange(OUTPUTS) == 3, 1j, ONES),
        "T must be .* complex numbers in column 3.*",
    ),
    "narrow": (ONES[:, :3], r"T must have shape \(101, 7\), got an array of shape \(101, 3\)"),
    "short": (ONES[:5], r"T must have shape \(101, 7\), got an array of shape \(5, 7\)"),
}


@pytest.mark.parametrize("loss", ["sigmoid_cross_entropy", Smoothing()], ids=["", "own check"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.coo_array])
@pytest.mark.parametrize("what", ["NaN", "complex", "narrow", "short", "2 of 1", "negative"])
def test_what_is_wrong_is_said(what, form, loss):
    T, message = BROKEN[what]
    if isinstance(loss, Loss) and what in ("2 of 1", "negative"):
        pytest.skip("its own check takes them")
    net = Network([Dense(OUTPUTS)], loss).initialize(FEATURES, 0)
    with pytest.raises(ValueError, match=f"^{message}$"):
        net.loss_and_grad(X, form(T))


def test_indices_that_lead_out_of_the_matrix_and_classes():
    T = sparse.csr_matrix(ONES)
    T.indices[0] = OUTPUTS
    net = Network([Dense(OUTPUTS)], "squared_error").initialize(FEATURES, 0)
    with pytest.raises(ValueError, match="T must be a valid CSR matrix"):
        net.loss_and_grad(X, T)
    net = Network([Dense(OUTPUTS)]).initialize(FEATURES, 0)
    with pytest.raises(ValueError, match="T must be an array of class indices for a softmax"):
        net.loss_and_grad(X, T)
