"""Compiled training with activations made by minnet.activation: against NumPy and minnet's own."""

import logging

import numpy as np
import pytest
from own_activations import (
    ALL,
    SAME,
    forget_numba,
    needs_both,
    needs_numba,
    own_leaky_relu,
    own_relu,
    own_silu,
    own_sine,
    own_softsign,
    own_tanh,
    run,
)
from parity import FACTORS, OPTIMIZERS, TOLERANCE, all_pairs, compare, compiled, problem, train
from scipy import sparse

import minnet
from minnet import SGD, BatchNorm, Dense, MinNetClassifier, Network, Trainer, check_gradients
from minnet.backends import Hyper, list_backends, make_backend
from minnet.backends.program import CannotLowerError, lower
from minnet.user_activations import CannotCompileError

DTYPES = ("float64", "float32")


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_gradients(activation):
    X = np.random.default_rng(0).normal(size=(6, 3))
    for layers in ([Dense(5, activation), Dense(4, activation), Dense(2)], [BatchNorm(activation)]):
        network = Network([*layers, Dense(2)]).initialize(3, random_state=0)
        assert check_gradients(network, X, [0, 1, 1, 0, 1, 0]).ok


# Without one normalization above another, which multiplies what float32 rounds.
OWN = {
    **FACTORS,
    "activation": (own_relu, own_softsign, own_silu, own_sine),
    "layers": tuple(name for name in FACTORS["layers"] if name != "layer_norm_on_top"),
}


@needs_both
@pytest.mark.parametrize("one", all_pairs(OWN), ids=lambda one: "-".join(map(str, one.values())))
def test_the_compiled_epoch_agrees_with_numpy(one, tmp_path):
    compare("cython", one, tmp_path)


def plain(**given):
    return {
        "layers": "dense", "activation": own_silu, "loss": "softmax", "optimizer": "sgd",
        "mode": "fused", "dtype": "float64", "weights": "unweighted", "alpha": 0.0, "batch_size": 7,
        "layout": "C", "order": "in_order",
    } | given  # fmt: skip


@needs_both
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3, 17, 64, 130, 511, 513, 1100])
def test_widths(width, dtype):
    layers = [Dense(width, own_silu), Dense(width, own_softsign), BatchNorm(own_relu), Dense(3)]
    for batch_size in (3, 40):
        one = plain(dtype=dtype, batch_size=batch_size, alpha=0.1)
        compare("cython", one, n_rows=batch_size + 5, layers=layers, n_features=4)


@needs_both
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("own", "known"), SAME, ids=lambda a: str(a))
def test_the_same_as_minnets_own(own, known, dtype):
    results = []
    for activation in (own, known):
        one = plain(dtype=dtype, optimizer="adam", mode="clip_norm")
        hidden = [Dense(n, activation, init="glorot", bias_init="uniform") for n in (9, 6)]
        network, X, T, weights = problem(one, layers=[*hidden, Dense(3)])
        train(compiled("cython", network), network, X, T, weights, one)
        results.append((network.params, compiled("cython", network).forward(X)))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=10 * TOLERANCE[dtype], rtol=TOLERANCE[dtype])


WIDE = [Dense(150, own_silu), BatchNorm(own_softsign), Dense(97, own_sine), Dense(5)]


def bits(one, n_threads, cuts=1):
    network, X, T, weights = problem(one, n_rows=60, layers=WIDE, n_features=70)
    backend = compiled("cython", network, n_threads)
    train(backend, network, X, T, weights, one, cuts=cuts)
    loss, gradient = backend.loss_and_grad(X, T, weights)
    return network.params, network.state, gradient, backend.forward(X), loss


@needs_both
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("mode", "batch_size"), [("fused", 13), ("both_clips", 33)])
def test_any_number_of_threads_gives_the_same_bits(mode, batch_size, dtype, monkeypatch):
    from minnet.backends import cython

    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)
    one = plain(dtype=dtype, mode=mode, batch_size=batch_size, optimizer="momentum")
    expected = bits(one, 1)
    for n_threads, cuts in ((2, 1), (3, 1), (2, 3)):
        for mine, theirs in zip(bits(one, n_threads, cuts), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@needs_both
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_alone_is_predicted_to_the_same_bits(dtype):
    network, X, _, _ = problem(plain(dtype=dtype), n_rows=200, layers=WIDE, n_features=70)
    backend = compiled("cython", network)
    whole = backend.forward(X)
    for i in (0, 17, 199):
        np.testing.assert_array_equal(backend.forward(X[i : i + 1])[0], whole[i])


@needs_both
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_sparse_rows(optimizer, dtype):
    one = plain(dtype=dtype, optimizer=optimizer, alpha=0.1)
    results = []
    for name in ("numpy", "cython"):
        network, X, T, weights = problem(one)
        X = sparse.csr_matrix(np.where(np.abs(X) > 0.8, X, 0).astype(dtype))
        hyper = Hyper(7, np.full(4, 0.01), OPTIMIZERS[optimizer](), X.shape[0], float(X.shape[0]))
        hyper.optimizer.prepare(network.params)
        backend = make_backend(name, network)
        backend.train_steps(X, T, weights, None, 0, 4, hyper)
        results.append((network.params, backend.forward(X)))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=TOLERANCE[dtype])


@needs_both
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [own_relu, own_silu, own_leaky_relu], ids=repr)
def test_nan_stays_visible_in_training(activation, dtype):
    network, X, T, _ = problem(plain(dtype=dtype), layers=[Dense(6, activation), Dense(3)])
    network.layers[0].W[2, 1] = np.nan
    backend = compiled("cython", network)
    assert np.isnan(backend.forward(X)).all()
    hyper = Hyper(7, np.full(4, 0.01), SGD(), len(X), float(len(X)))
    hyper.optimizer.prepare(network.params)
    assert np.isnan(backend.train_steps(X, T, None, None, 0, 4, hyper)).any()
    assert np.isnan(network.params).sum() > 1


@needs_both
@pytest.mark.parametrize("level", ["scalar", "baseline", "v3", "v4"])
def test_cpu_levels(level):
    import minnet_ext

    if level not in minnet_ext.cpu_levels:
        pytest.skip(f"no {level} here")
    code = """
    import sys
    sys.path[:0] = [sys.argv[1], sys.argv[1] + "/user_activations"]
    from own_activations import own_silu, own_softsign
    from minnet import Dense
    from parity import compare
    from test_user_activations_training import plain
    for dtype in ("float32", "float64"):
        for mode in ("fused", "clip_norm"):
            layers = [Dense(37, own_silu), Dense(70, own_softsign), Dense(3)]
            compare("cython", plain(dtype=dtype, mode=mode), n_rows=20, layers=layers, n_features=5)
    """
    run(code, MINNET_CPU=level)


@needs_both
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_out_of_sight_gives_nan():
    import numba

    @numba.njit
    def inner(z):
        if z > 9:
            raise ValueError("too large")
        return z

    made = minnet.activation(derivative=lambda z: 1, name="made")(lambda z: inner(z))
    network = Network([Dense(20, made, init="ones"), Dense(3, init="ones")]).initialize(1)
    backend = compiled("cython", network)
    assert np.isnan(backend.forward([[10.0]])).all()
    assert np.isnan(made(np.full(3, 10.0))).all()
    assert np.isfinite(backend.forward([[2.0]])).all()


# ---- what is lowered


def test_the_table_has_no_addresses():
    network = Network([Dense(4, own_silu), Dense(3, own_relu)]).initialize(2, random_state=0)
    table, _ = lower(network, users_activations=True)
    assert table["activation"].tolist() == [12, 12]
    assert table["needs_Z"].tolist() == [True, False]
    assert not table["value"].any()
    assert not table["slope"].any()
    with pytest.raises(CannotLowerError, match=r"layers\[0\] has the activation own_silu"):
        lower(network)
    if {"cython", "numba"} <= {*list_backends()}:
        backend = make_backend("cython", network)
        np.testing.assert_array_equal(backend.layers, table)


@needs_numba
def test_the_numba_backend_leaves_it_to_numpy(caplog):
    caplog.set_level(logging.INFO, logger="minnet")
    network = Network([Dense(4, own_silu), Dense(3)]).initialize(2, random_state=0)
    assert (
        Trainer(network, backend="numba").fit(np.eye(2), [0, 1], max_epochs=1).backend_in_use
        == "numpy"
    )
    assert "has the activation own_silu" in caplog.text


@needs_both
def test_what_numba_cannot_compile_runs_on_numpy(caplog):
    table = {0: 1.0}

    @minnet.activation(derivative=lambda z: helper(z) / z)
    def proportional(z):
        return z * table.get(0)

    def helper(z):
        return z

    caplog.set_level(logging.INFO, logger="minnet")
    network = Network([Dense(4, proportional), Dense(3)]).initialize(2, random_state=0)
    backend = make_backend("cython", network)
    assert backend.layers is None
    X = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(backend.forward(X), network.forward(X))
    assert "runs on the numpy backend: Numba cannot compile proportional: " in caplog.text
    with pytest.raises(CannotCompileError, match="Numba cannot compile proportional"):
        proportional.compiled("float64")
    Z = np.array([0.5, -2.0])
    np.testing.assert_array_equal(proportional(Z), Z)


@pytest.mark.skipif("cython" not in list_backends(), reason="no extension here")
def test_without_numba_training_runs_on_numpy(caplog, monkeypatch):
    forget_numba(monkeypatch)
    caplog.set_level(logging.INFO, logger="minnet")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.integers(2, size=30)
    options = {"max_iter": 3, "tol": 9, "n_iter_no_change": 1, "random_state": 0}
    clf = MinNetClassifier((5,), activation=own_tanh, **options).fit(X, y)
    expected = MinNetClassifier((5,), activation="tanh", backend="numpy", **options).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-12)
    assert "the network runs on the numpy backend: Numba is needed" in caplog.text
