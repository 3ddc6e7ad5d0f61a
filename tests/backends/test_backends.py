"""minnet.backends: the readable one takes the steps that the layers' own code describes."""

import itertools

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, Network, Trainer
from minnet.backends import Hyper, list_backends, make_backend
from minnet.backends import numpy as numpy_backend
from minnet.backends.numpy import NumpyBackend
from minnet.layers import Layer

N, BATCH_SIZE = 22, 5
N_STEPS = 5  # the last one takes 2 rows


@pytest.fixture(name="X")
def inputs():
    return np.random.default_rng(0).normal(size=(N, 4))


T = np.arange(N) % 3
WEIGHTS = np.linspace(0, 2, N)


def make(dtype="float64", alpha=0.1):
    layers = [Dense(6), BatchNorm("tanh"), Dropout(0.2), Dense(3)]
    return Network(layers, alpha=alpha).initialize(4, random_state=0, dtype=dtype)


def hyper(network, optimizer, **given):
    optimizer.prepare(network.params)
    rates = given.pop("rates", np.linspace(0.1, 0.2, N_STEPS))
    return Hyper(BATCH_SIZE, rates, optimizer, N, given.pop("weight_sum", float(N)), **given)


def test_steps_by_hand(X):
    order = np.random.default_rng(1).permutation(N)
    network, expected = make(), make()
    given = hyper(network, SGD(momentum=0.9), weight_sum=WEIGHTS.sum(), position=100)
    found = make_backend("numpy", network).train_steps(X, T, WEIGHTS, order, 0, N_STEPS, given)
    V, losses = np.zeros_like(expected.params), []
    for step in range(N_STEPS):
        rows = order[BATCH_SIZE * step : BATCH_SIZE * (step + 1)]
        loss, grads, contexts = expected.forward_backward(
            X[rows], T[rows], WEIGHTS[rows], N, WEIGHTS.sum(), 100 + BATCH_SIZE * step
        )
        V = 0.9 * V + grads
        expected.params -= given.rates[step] * V
        expected.layers[1].update_state(contexts[1])
        losses.append(loss * len(rows))
    np.testing.assert_allclose(network.params, expected.params, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(network.state.any(), True)
    np.testing.assert_allclose(network.state, expected.state, rtol=1e-12)
    np.testing.assert_allclose(found, losses, rtol=1e-12)


@pytest.mark.parametrize("cuts", [[0, 5], [0, 1, 5], [0, 2, 3, 4, 5]], ids=str)
@pytest.mark.parametrize("order", [None, np.arange(N)[::-1]], ids=["as they lie", "reversed"])
def test_where_an_epoch_is_cut_changes_no_bit(cuts, order, X):
    whole, parts = make(), make()
    for network, places in ((whole, [0, N_STEPS]), (parts, cuts)):
        given = hyper(network, Adam(), clip_norm=0.5, weight_decay=0.1)
        backend = make_backend("auto", network)
        for start, stop in itertools.pairwise(places):
            backend.train_steps(X, T, WEIGHTS, order, start, stop, given)
    np.testing.assert_array_equal(parts.params, whole.params)
    np.testing.assert_array_equal(parts.state, whole.state)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_rows_are_dense_rows(dtype, X):
    X = (X * (np.abs(X) > 0.8)).astype(dtype)
    results = []
    for data in (X, sparse.csr_matrix(X)):
        network = Network([Dense(6, "tanh"), Dense(3)]).initialize(4, random_state=0, dtype=dtype)
        order = np.arange(N)[::-1]
        make_backend("numpy", network).train_steps(
            data, T, None, order, 0, N_STEPS, hyper(network, SGD())
        )
        results.append((network.params, make_backend("numpy", network).forward(data)))
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for dense, from_sparse in zip(*results, strict=True):
        np.testing.assert_allclose(from_sparse, dense, rtol=tolerance, atol=tolerance)
        assert from_sparse.dtype == dtype


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 30])
def test_forward_in_blocks_is_forward(n, X, monkeypatch):
    network, rows = make(), np.resize(X, (n, 4))
    expected = network.forward(rows)
    monkeypatch.setattr(numpy_backend, "_BLOCK_BYTES", 8 * 6 * 8)  # 8 rows of the widest layer
    backend = make_backend("numpy", network)
    np.testing.assert_allclose(backend.forward(rows), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(backend.forward(sparse.csr_matrix(rows)), expected, atol=1e-13)


class BlasThreads(Layer):
    seen: list = []  # noqa: RUF012

    def forward(self, X, ctx):
        self.seen.extend(
            pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
        )
        return X

    def backward(self, dY, ctx):
        return dY


def test_n_threads_limits_blas_for_the_call_alone(X):
    network = Network([BlasThreads(), Dense(3)]).initialize(4, random_state=0)
    BlasThreads.seen.clear()
    with threadpool_limits(2, user_api="blas"):
        before = threadpool_info()
        backend = make_backend("numpy", network, n_threads=1)
        backend.forward(X)
        backend.train_steps(X, T, None, None, 0, 1, hyper(network, SGD()))
        assert threadpool_info() == before
    assert BlasThreads.seen
    assert set(BlasThreads.seen) == {1}


def test_an_overflow_is_left_to_the_trainer(X):
    network = Network([Dense(6), Dense(3)]).initialize(4, random_state=0)
    given = hyper(network, SGD(), rates=np.full(N_STEPS, 1e300))
    with np.errstate(all="raise", under="ignore"):
        make_backend("numpy", network).train_steps(X, T, None, None, 0, N_STEPS, given)
    assert not np.isfinite(network.params).all()


def test_lookup():
    network = make()
    assert list_backends()[-1] == "numpy"
    assert isinstance(make_backend("numpy", network), NumpyBackend)
    assert make_backend("auto", network).name == list_backends()[0]
    with pytest.raises(ValueError, match=r"backend must be .* got 'numpi': did you mean 'numpy'"):
        make_backend("numpi", network)


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.05}, {"clip_value": 0.01}])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("backend", list_backends())
def test_batches_of_other_sizes_leave_nothing_behind(backend, frozen, clip, X):
    networks = []
    for name in (backend, "numpy"):
        layers = [Dense(6, "relu", trainable=not frozen), BatchNorm("tanh"), Dense(3)]
        networks.append(Network(layers).initialize(4, random_state=0))
        trainer = Trainer(networks[-1], SGD(0.1), batch_size=9, backend=name, **clip)
        for n in (N, 3, 20, 7):
            trainer.run_epoch(X[:n], T[:n])
    one, other = networks
    np.testing.assert_allclose(one.params, other.params, rtol=1e-12, atol=1e-15)
