"""Sparse inputs: the compiled backend against the readable one and against dense inputs."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    RMSProp,
    Trainer,
)
from minnet.backends import Hyper, make_backend

minnet_ext = pytest.importorskip("minnet_ext", reason="installed without the extension")
cython = pytest.importorskip("minnet.backends.cython")

N, FEATURES, BATCH_SIZE = 50, 40, 16  # the last batch has 2 rows
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}

OPTIMIZERS = {
    "sgd": (SGD(0.3), {}),
    "momentum": (SGD(0.1, momentum=0.9), {}),
    "nesterov": (SGD(0.1, momentum=0.9, nesterov=True), {}),
    "adam": (Adam(0.01), {}),
    "adamw": (AdamW(0.01, weight_decay=0.3), {}),
    "rmsprop": (RMSProp(0.003), {}),
    "rmsprop, momentum": (RMSProp(0.001, momentum=0.9), {}),
    "clip_value": (SGD(0.3), {"clip_value": 0.01}),
    "clip_norm": (SGD(0.3), {"clip_norm": 0.1}),
    "adam, clip_norm": (Adam(0.01), {"clip_norm": 0.1, "clip_value": 0.05}),
}


def make_X(dtype="float64", features=FEATURES, n=N):
    X = sparse.random(n, features, 0.15, "csr", random_state=0).astype(dtype)
    X.data[:] -= np.asarray(0.4, dtype)
    X = X.tolil()
    X[3] = X[7] = 0  # empty rows
    return X.tocsr()


def make_network(layers=None, dtype="float64", features=FEATURES, alpha=0.0, **options):
    layers = layers or [Dense(21, "tanh"), Dense(3)]
    return Network(layers, alpha=alpha, **options).initialize(features, 0, dtype)


def train(X, optimizer, *, layers=None, alpha=0.0, T=None, weights=None, epochs=3, loss="log_loss",
          backend="cython", n_threads=1, **options):  # fmt: skip
    """Return parameters, loss curve and logits after some epochs."""
    network = make_network(layers, X.dtype, X.shape[1], alpha, loss=loss)
    trainer = Trainer(
        network, optimizer, batch_size=BATCH_SIZE, backend=backend, n_threads=n_threads, **options
    )
    data = network.check_batch(X, np.arange(X.shape[0]) % 3 if T is None else T, weights)
    for _ in range(epochs):
        trainer.run_epoch(*data)
    return network.params, trainer.loss_curve, make_backend(backend, network, n_threads).forward(X)


def assert_close(results, expected, dtype):
    for ours, theirs in zip(results, expected, strict=True):
        assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.fixture(autouse=True)
def no_way_around(monkeypatch):
    """The compiled backend must not leave sparse inputs to the readable one."""

    def refuse(*args, **kwargs):
        raise AssertionError("left to the readable backend")

    init = cython.CythonBackend.__init__

    def guarded(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.readable.train_steps = self.readable.forward = self.readable.loss_and_grad = refuse

    monkeypatch.setattr(cython.CythonBackend, "__init__", guarded)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_the_readable_backend_and_the_dense_one(name, weight_decay, alpha, dtype):
    optimizer, options = OPTIMIZERS[name]
    options = {"alpha": alpha, "weight_decay": weight_decay, **options}
    X = make_X(dtype)
    compiled = train(X, optimizer, **options)
    assert_close(compiled, train(X, optimizer, backend="numpy", **options), dtype)
    assert_close(compiled, train(X.toarray(), optimizer, **options), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 129, 300])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_widths(name, units, dtype):
    X = make_X(dtype)
    given = {"layers": [Dense(units, "tanh"), Dense(3)], "alpha": 0.5}
    optimizer, _ = OPTIMIZERS[name]
    compiled = train(X, optimizer, **given)
    assert_close(compiled, train(X, optimizer, backend="numpy", **given), dtype)
    two = train(X, optimizer, n_threads=2, **given)
    for ours, theirs in zip(two, compiled, strict=True):
        assert_array_equal(ours, theirs)


ARCHITECTURES = {
    "linear": ([Dense(3)], {}),
    "gelu": ([Dense(20, "gelu"), Dense(3)], {}),
    "batch norm, dropout": ([Dense(20), BatchNorm("tanh"), Dropout(0.3), Dense(3)], {}),
    "factor": (
        [Dense(20, "tanh", lr_factor=0.3, bias_lr_factor=2.0, decay_factor=1.5), Dense(3)],
        {},
    ),
    "frozen": ([Dense(20, "tanh", trainable=False), Dense(3)], {}),
    "regression": ([Dense(20, "relu"), Dense(2)], {"loss": "squared_error"}),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", ["sgd", "momentum", "clip_norm"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architectures(architecture, name, weighted):
    layers, given = ARCHITECTURES[architecture]
    optimizer, options = OPTIMIZERS[name]
    given = {"alpha": 1.0, "weight_decay": 0.1, "layers": layers, **given, **options}
    if "loss" in given:
        given["T"] = np.random.default_rng(1).normal(size=(N, 2))
    if weighted:
        given["weights"] = np.arange(N) % 4 / 2
    compiled = train(make_X(), optimizer, **given)
    assert_close(compiled, train(make_X(), optimizer, backend="numpy", **given), "float64")


def unsorted(X):
    flipped = X.copy()
    for i in range(X.shape[0]):
        row = slice(X.indptr[i], X.indptr[i + 1])
        flipped.indices[row] = X.indices[row][::-1]
        flipped.data[row] = X.data[row][::-1]
    flipped.has_sorted_indices = False
    return flipped


def duplicated(X):
    halves = X.copy()
    halves.data = np.repeat(X.data / 2, 2)
    halves.indices, halves.indptr = np.repeat(X.indices, 2), X.indptr * 2
    halves.has_canonical_format = False
    return halves


def with_wide_indices(X):
    wide = X.copy()
    wide.indices, wide.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return wide


def read_only(X):
    locked = X.copy()
    for array in (locked.data, locked.indices, locked.indptr):
        array.flags.writeable = False
    return locked


def strided_and_unaligned(X):
    odd = X.copy()
    odd.indices = np.repeat(X.indices, 2)[::2]
    raw = np.zeros(X.data.nbytes + 1, np.uint8)
    odd.data = raw[1:].view(X.dtype)
    odd.data[:] = X.data
    return odd


def with_stored_zeros(X):
    X = X.copy()
    X.data[::3] = 0
    return X


def all_zero(X):
    return sparse.csr_matrix(X.shape, dtype=X.dtype)


def as_array(X):
    return sparse.csr_array(X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize(
    "change",
    [unsorted, duplicated, with_wide_indices, read_only, strided_and_unaligned,
     with_stored_zeros, all_zero, as_array],
)  # fmt: skip
def test_matrices(change, name, dtype):
    X = change(make_X(dtype))
    optimizer, _ = OPTIMIZERS[name]
    compiled = train(X, optimizer, alpha=1.0)
    assert_close(compiled, train(X.toarray(), optimizer, alpha=1.0, backend="numpy"), dtype)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_one_column_and_one_row(name):
    optimizer, _ = OPTIMIZERS[name]
    for X in (make_X(features=1), make_X(n=8)[:1]):
        compiled = train(X, optimizer, alpha=1.0)
        assert_close(compiled, train(X.toarray(), optimizer, alpha=1.0, backend="numpy"), "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("units", [5, 100])
def test_threads_and_cuts_change_no_bit(units, name, dtype, monkeypatch):
    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)
    optimizer, options = OPTIMIZERS[name]
    layers = [Dense(units, "tanh"), Dense(3)]
    given = {"layers": layers, "alpha": 3.0, "weight_decay": 0.1, **options}
    results = []
    for n_threads, seconds in [(1, 1e9), (1, 0), (2, 1e9), (3, 0), (4, 1e9)]:
        monkeypatch.setattr(cython, "_SECONDS_A_CALL", seconds)
        results.append(train(make_X(dtype), optimizer, n_threads=n_threads, **given))
    for other, (ours, first) in itertools.product(results[1:], enumerate(results[0])):
        assert_array_equal(other[ours], first)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [0.5, 0.99, 1.0, 1.5])
def test_weights_that_shrink_fast(rate, dtype):
    # Each step multiplies W by 1 - rate: small scales are multiplied out, negative ones too.
    X = make_X(dtype)
    given = {"weight_decay": 1.0, "alpha": 0.01, "epochs": 4}
    compiled = train(X, SGD(rate), **given)
    assert_close(compiled, train(X, SGD(rate), backend="numpy", **given), dtype)


def test_the_loss_of_a_long_epoch_keeps_its_digits():
    X = make_X("float32", n=4000)
    _, losses, _ = train(X, SGD(0.3), alpha=400.0)
    _, expected, _ = train(X.astype("float64"), SGD(0.3), alpha=400.0, backend="numpy")
    assert_allclose(losses, expected, rtol=1e-6)


def test_an_interrupted_epoch_leaves_true_weights(monkeypatch):
    monkeypatch.setattr(cython, "_SECONDS_A_CALL", 0)  # one step a call
    X, network, expected = make_X(), make_network(alpha=2.0), make_network(alpha=2.0)
    T = np.arange(N) % 3
    optimizer = SGD(0.3)
    optimizer.prepare(network.params)
    hyper = Hyper(BATCH_SIZE, np.full(4, 0.3), optimizer, N, float(N))
    backend = make_backend("cython", network)
    program, calls = backend.program, []

    class Interrupted:
        def train_steps(self, *args):
            if len(calls) == 2:
                raise KeyboardInterrupt
            calls.append(program.train_steps(*args))
            return calls[-1]

    backend.program = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        backend.train_steps(X, T, None, None, 0, 4, hyper)
    make_backend("numpy", expected).train_steps(X, T, None, None, 0, 2, hyper)
    assert_allclose(network.params, expected.params, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("layers", [None, [Dense(20), BatchNorm("tanh"), Dense(3)]])
def test_loss_and_gradient(layers, alpha, monkeypatch):
    monkeypatch.setattr(cython, "_ROWS_OF_A_GRADIENT", 16)
    X, T, weights = make_X(), np.arange(N) % 3, np.arange(N) % 4 / 2
    network = make_network(layers, alpha=alpha)
    for given in (None, weights):
        loss, grads = make_backend("cython", network).loss_and_grad(X, T, given)
        expected = make_backend("numpy", network).loss_and_grad(X, T, given)
        assert loss == pytest.approx(expected[0], rel=1e-12)
        assert_allclose(grads, expected[1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_predictions_of_many_rows(n_threads, monkeypatch):
    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)
    X, network = make_X(n=1000), make_network()
    Z = make_backend("cython", network, n_threads).forward(X)
    assert_allclose(Z, network.forward(X), rtol=1e-12, atol=1e-14)
    assert_array_equal(Z[500:501], make_backend("cython", network).forward(X[500:501]))


def broken(**changes):
    X = make_X()
    for name, (place, value) in changes.items():
        getattr(X, name)[place] = value
    return X


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (broken(indices=(5, FEATURES)), "indices out of bounds"),
        (broken(indices=(5, -1)), "indices out of bounds"),
        (broken(indptr=(-1, 10_000)), "indices out of bounds"),
        (broken(indptr=(4, 10_000)), "row pointers that are not ascending"),
        (broken(indptr=(0, -3)), "row pointers that are not ascending"),
    ],
)
def test_broken_matrices_raise(X, message):
    network = make_network()
    optimizer = SGD()
    optimizer.prepare(network.params)
    backend = make_backend("cython", network)
    hyper = Hyper(BATCH_SIZE, np.full(4, 0.3), optimizer, N, float(N))
    with pytest.raises(ValueError, match=f"X must be a valid CSR matrix, got {message}"):
        backend.train_steps(X, np.arange(N) % 3, None, None, 0, 4, hyper)
    with pytest.raises(ValueError, match=f"X must be a valid CSR matrix, got {message}"):
        backend.forward(X)


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_estimators(solver, form):
    X = make_X()
    given = {"hidden_layer_sizes": (9,), "solver": solver, "max_iter": 5, "random_state": 0}
    y = np.array(["a", "b", "c"])[np.arange(N) % 3]
    fitted = [
        MinNetClassifier(**given).fit(data, y).predict_proba(data)
        for data in (X.asformat(form), X.toarray())
    ]
    assert_allclose(*fitted, rtol=1e-8)
    target = X @ np.linspace(-1, 1, FEATURES)
    fitted = [
        MinNetRegressor(**given).fit(data, target).predict(data)
        for data in (X.asformat(form), X.toarray())
    ]
    assert_allclose(*fitted, rtol=1e-7, atol=1e-9)


MEMORY = """
import resource
import numpy as np
from scipy import sparse
from minnet import Dense, Network, SGD, Adam, Trainer
from minnet.backends import make_backend

n, features = 2000, 200_000
columns = np.random.default_rng(0).integers(0, features, 20 * n)
X = sparse.csr_matrix((np.ones(20 * n, "float32"), columns, np.arange(0, 20 * n + 1, 20)), (n, features))
network = Network([Dense(8, "relu"), Dense(2)], alpha=1.0).initialize(features, 0, "float32")
trainers = [Trainer(network, o, batch_size=500, n_threads=2) for o in (SGD(0.1), Adam())]
data = network.check_batch(X, np.arange(n) % 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for trainer in trainers:
    trainer.run_epoch(*data)
make_backend("cython", network, 2).forward(X)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
def test_nothing_is_made_dense():
    # A dense batch of 500 rows would take 400 MB.
    result = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False, env=os.environ
    )
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 40
