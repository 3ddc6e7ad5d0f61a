"""The backends agree: numpy is the oracle for cython and numba.

``MINNET_CPU=baseline pytest tests/backends/test_parity.py`` runs the kernels of another CPU level.
"""

import logging
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from parity import (
    FACTORS,
    LOSSES,
    NUMBA_FACTORS,
    TOLERANCE,
    all_pairs,
    assert_close,
    compare,
    compiled,
    laid_out,
    problem,
    train,
)
from scipy import sparse

from minnet import (
    SGD,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    Network,
    Residual,
)
from minnet.activations import _BY_NAME, Activation, Relu
from minnet.backends import Hyper, list_backends, make_backend
from minnet.layers import Layer
from minnet.losses import SquaredError

COMPILED = [name for name in ("cython", "numba") if name in list_backends()]
needs_cython = pytest.mark.skipif("cython" not in COMPILED, reason="no extension here")
needs_numba = pytest.mark.skipif("numba" not in COMPILED, reason="no Numba here")

SIZES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100, 600, 1000)


def label(value):
    return "-".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def case(**given):
    plain = {
        "layers": "dense", "activation": "tanh", "loss": "softmax", "optimizer": "sgd",
        "mode": "fused", "dtype": "float64", "weights": "unweighted", "alpha": 0.0, "batch_size": 7,
        "layout": "C", "order": "in_order",
    }  # fmt: skip
    return plain | given


CASES = [("cython", one) for one in all_pairs(FACTORS)]
CASES += [("numba", one) for one in all_pairs(NUMBA_FACTORS)]


@pytest.mark.parametrize(("backend", "one"), CASES, ids=label)
def test_all_pairs(backend, one, tmp_path):
    if backend not in COMPILED:
        pytest.skip(f"no {backend} here")
    compare(backend, one, tmp_path)


def test_the_cases_cover_all_pairs():
    cases = all_pairs(FACTORS)
    assert len(cases) < 210
    for a in FACTORS:
        for b in FACTORS:
            met = {(one[a], one[b]) for one in cases}
            assert a == b or len(met) == len(FACTORS[a]) * len(FACTORS[b])


# ---- sizes


def compare_sizes(backend, fan_in, fan_out, dtype, n_rows=9, **given):
    """As hidden and as output layer; batches of 7 rows and 2, or as given."""
    layers = [Dense(fan_out, "tanh"), Dense(fan_in, "sigmoid"), Dense(fan_out)]
    one = case(dtype=dtype, loss="squared", alpha=0.1, weights="weighted", **given)
    compare(backend, one, n_rows=n_rows, layers=layers, n_features=fan_in)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", COMPILED)
def test_small_sizes(backend, dtype):
    small = [n for n in SIZES if n < 100]
    for i, fan_in in enumerate(small):
        for fan_out in small[i % 2 :: 2]:
            compare_sizes(backend, fan_in, fan_out, dtype, optimizer="momentum")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", COMPILED)
@pytest.mark.parametrize(
    ("fan_in", "fan_out"), [(1, 600), (600, 1), (100, 33), (17, 600), (600, 100), (1000, 31)]
)
def test_large_sizes(backend, fan_in, fan_out, dtype):
    compare_sizes(backend, fan_in, fan_out, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["fused", "clip_norm"])
@pytest.mark.parametrize("batch_size", [1, 7, 26])
@needs_cython
def test_rows_of_any_length_are_normalized(mode, batch_size, dtype):
    one = case(dtype=dtype, mode=mode, batch_size=batch_size, alpha=0.1)
    for n in SIZES[:-2]:
        layers = [LayerNorm("silu"), Dense(n), LayerNorm("tanh"), Dense(3)]
        compare("cython", one, layers=layers, n_features=n)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fan_in", SIZES)
@needs_cython
def test_every_size_with_every_size(fan_in, dtype):
    for fan_out in (n for n in SIZES if fan_in * n <= 100_000):
        for n_rows, batch_size in ((9, 7), (4, 1)):
            compare_sizes("cython", fan_in, fan_out, dtype, n_rows=n_rows, batch_size=batch_size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [5, 6, 11, 12, 13, 23, 24, 25, 26, 60, 97, 193])
@needs_cython
def test_batches_around_the_sizes_of_tiles(batch_size, dtype):
    layers = [Dense(130, "tanh"), BatchNorm("relu"), Dense(140, "softsign"), Dense(3)]
    one = case(dtype=dtype, batch_size=batch_size, order="permuted", alpha=0.1)
    compare("cython", one, n_rows=batch_size + 13, layers=layers, n_features=20)


# ---- the same bits however the work is cut

WIDE = [
    Dropout(0.1),
    Dense(150, "tanh"),
    BatchNorm("relu"),
    Dropout(0.3),
    Dense(100, "gelu"),
    LayerNorm("tanh"),
    Residual(
        [Dense(90, "tanh"), Residual([Dense(90)], 0.3, True), LayerNorm(), Dense(100)], 0.5, True
    ),
    Dense(5),
]


def bits(one, n_threads=1, cuts=1):
    n_rows = 40 if one["batch_size"] <= 40 else 2 * one["batch_size"] - 3
    network, X, T, weights = problem(one, n_rows=n_rows, layers=WIDE, n_features=70)
    optimizer, losses = train(
        compiled("cython", network, n_threads), network, X, T, weights, one, cuts=cuts
    )
    loss, gradient = compiled("cython", network, n_threads).loss_and_grad(X, T, weights)
    return network.params, network.state, optimizer.state, gradient, loss, sum(losses)


@pytest.fixture
def all_threads(monkeypatch):
    """As many threads as asked for, however small the work."""
    from minnet.backends import cython

    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)


BITWISE = [
    case(dtype=dtype, optimizer=optimizer, mode=mode, batch_size=batch_size, alpha=0.1)
    | {"weights": "weighted", "order": "permuted"}
    for dtype in ("float32", "float64")
    for optimizer, mode, batch_size in (
        ("sgd", "fused", 13), ("momentum", "both_clips", 26), ("adam", "weight_decay", 40),
        ("nesterov", "clip_norm", 5), ("sgd", "weight_decay", 100), ("sgd", "fused", 300),
        ("adam", "clip_value", 300), ("momentum", "clip_norm", 300),
        ("rmsprop", "clip_norm", 26), ("rmsprop_momentum", "fused", 13), ("adamw", "fused", 40),
    )
]  # fmt: skip


@needs_cython
@pytest.mark.parametrize("one", BITWISE, ids=label)
def test_any_number_of_threads_gives_the_same_bits(one, all_threads):
    expected = bits(one)
    for n_threads in (2, 3, 4):
        for mine, theirs in zip(bits(one, n_threads), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@needs_cython
@pytest.mark.parametrize("one", BITWISE[::2], ids=label)
@pytest.mark.parametrize("cuts", [2, 5])
def test_where_an_epoch_is_cut_changes_no_bit(one, cuts, all_threads):
    *expected, loss = bits(one)
    *actual, own = bits(one, 2, cuts)
    for mine, theirs in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert own == loss


@needs_cython
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("n_rows", "n_features"), [(1, 70), (2, 70), (95, 70), (96, 70), (97, 900), (300, 70)]
)
def test_inference(n_rows, n_features, dtype, all_threads, tmp_path):
    network, X, _, _ = problem(case(dtype=dtype), n_rows=n_rows, layers=WIDE, n_features=n_features)
    expected = network.forward(X)
    whole = compiled("cython", network).forward(X)
    assert_close(whole, expected, 0, dtype, "logits")
    for n_threads in (2, 3, 4):
        actual = compiled("cython", network, n_threads).forward(X)
        np.testing.assert_array_equal(actual, whole)
    backend = compiled("cython", network)
    for i in {0, n_rows // 2, n_rows - 1}:
        np.testing.assert_array_equal(backend.forward(X[i : i + 1])[0], whole[i])
    np.testing.assert_array_equal(backend.forward(X[n_rows // 3 :]), whole[n_rows // 3 :])
    for layout in FACTORS["layout"]:
        actual = backend.forward(laid_out(X, layout, tmp_path))
        np.testing.assert_array_equal(actual, whole)


@needs_cython
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients(dtype):
    for one in all_pairs({name: FACTORS[name] for name in ("layers", "loss", "weights", "alpha")}):
        network, X, T, weights = problem(case(**one, dtype=dtype))
        state = network.state.copy()
        expected, gradient = network.loss_and_grad(X, T, weights)
        loss, own = compiled("cython", network).loss_and_grad(X, T, weights)
        assert loss == pytest.approx(expected, rel=TOLERANCE[dtype])
        assert_close(own, gradient, 0, dtype, "gradient")
        np.testing.assert_array_equal(network.state, state)


# ---- numbers that are none, or huge


def with_value(value, activation, dtype):
    layers = [Dense(6, activation), Dense(4, activation), Dense(3)]
    network, X, T, _ = problem(case(dtype=dtype), layers=layers)
    network.layers[1].W[2, 1] = value
    return network, X, T


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", _BY_NAME)
def test_nan_and_infinity_stay_visible(activation, value, dtype):
    network, X, T = with_value(value, activation, dtype)
    expected = network.forward(X)
    hyper = Hyper(7, np.full(4, 0.01), SGD(), len(X), float(len(X)))
    hyper.optimizer.prepare(network.params)
    total = make_backend("numpy", network).train_steps(X, T, None, None, 0, 4, hyper).sum()
    for name in COMPILED:
        own, X, T = with_value(value, activation, dtype)
        if name == "cython":
            logits = compiled(name, own).forward(X)
            np.testing.assert_array_equal(np.isnan(logits), np.isnan(expected))
            np.testing.assert_array_equal(np.isinf(logits), np.isinf(expected))
        loss = compiled(name, own).train_steps(X, T, None, None, 0, 4, hyper).sum()
        assert np.isfinite(loss) == np.isfinite(total)
        np.testing.assert_array_equal(np.isfinite(own.params), np.isfinite(network.params))
        if np.isnan(value):
            assert np.isnan(loss)
            assert np.isnan(own.params).sum() > 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if "softmax" not in loss])
def test_losses_keep_nan_and_survive_huge_logits(name, loss):
    for scale in (1e3, 1e30, np.nan):
        results = []
        for backend in ("numpy", name):
            network, X, T, _ = problem(case(loss=loss, dtype="float32"), layers=[Dense(3)])
            network.layers[0].b[1] = scale
            train(make_backend(backend, network), network, X, T, None, case(loss=loss), n_epochs=1)
            results.append(network.params)
        np.testing.assert_array_equal(np.isfinite(results[0]), np.isfinite(results[1]))
        if scale == 1e3:
            np.testing.assert_allclose(results[1], results[0], rtol=1e-4)


@needs_cython
@pytest.mark.parametrize(("dtype", "huge"), [("float32", 1e25), ("float64", 1e200)])
def test_norms_of_huge_gradients_do_not_overflow(dtype, huge):
    changes = []
    for name in ("numpy", "cython"):
        network, X, T, _ = problem(case(dtype=dtype, loss="squared"), layers=[Dense(3)])
        before = network.params.copy()
        hyper = Hyper(26, np.full(1, 0.1), SGD(), 26, 26.0, clip_norm=1.0)
        hyper.optimizer.prepare(network.params)
        make_backend(name, network).train_steps(X, T * huge, None, None, 0, 1, hyper)
        changes.append(network.params - before)
    assert np.linalg.norm(changes[0]) == pytest.approx(0.1, rel=1e-5)
    np.testing.assert_allclose(changes[1], changes[0], rtol=1e-3)


@needs_cython
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_only_row_of_a_batch_is_its_mean(dtype):
    # 0.37 / 0.37 is 1 only if both were rounded alike; X_hat would not be 0, which relu can tell.
    layers = [BatchNorm("relu", lr_factor=0), Dense(3)]
    one = case(dtype=dtype, weights="weighted", batch_size=1)
    network, X, T, weights = problem(one, layers=layers)
    W = network.layers[1].W.copy()
    train(compiled("cython", network), network, X, T, weights + 0.37, one)
    np.testing.assert_array_equal(network.layers[1].W, W)


@needs_cython
def test_dropout_compares_in_single_precision():
    probe = Network([Dropout(0.5), Dense(1)]).initialize(40, random_state=1)
    drawn = probe.draws(0).uniform((26, 40), dtype="float32")
    rate = float(drawn[3, 5]) + 1e-9  # rounds to the number drawn, which is thus kept
    layers, one = [Dropout(rate), Dense(3)], case(batch_size=26)
    networks = []
    for name in ("numpy", "cython"):
        network, X, T, _ = problem(one, layers=layers, n_features=40)
        hyper = Hyper(26, np.full(1, 0.1), SGD(), 26, 26.0)
        hyper.optimizer.prepare(network.params)
        make_backend(name, network).train_steps(X, T, None, None, 0, 1, hyper)
        networks.append(network)
    np.testing.assert_array_equal(networks[0].draws(0).address, probe.draws(0).address)
    np.testing.assert_allclose(networks[1].params, networks[0].params, rtol=1e-10, atol=1e-12)


@needs_cython
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_scale_of_sample_weights_does_not_matter(dtype):
    results = []
    for name in ("numpy", "cython"):
        for scale in (1.0, 2.0**140, 2.0**-140):  # float32 ends at 2^128 and 2^-149
            one = case(dtype=dtype, weights="weighted", layers="batch_norm")
            network, X, T, weights = problem(one)
            train(make_backend(name, network), network, X, T, weights * scale, one)
            results.append(network.params)
    for params in results[1:]:
        np.testing.assert_allclose(params, results[0], rtol=1e-4, atol=1e-6)


# ---- what is left to the readable backend


class Shift(Layer):
    def forward(self, X, ctx):
        return X + 1

    def backward(self, dY, ctx):
        return dY


class Cube(Activation):
    needs_Z = True

    def __call__(self, Z):
        return Z**3

    def derivative(self, Z, Y):
        return 3 * Z**2


class MyRelu(Relu):
    def __call__(self, Z):
        return np.maximum(Z, 0.5)


class MyError(SquaredError):
    pass


class MyDense(Dense):
    pass


class MySGD(SGD):
    def update(self, params, grads, rates):
        super().update(params, 2 * grads, rates)


OWN = {
    "layer": ([Dense(4, "tanh"), Shift(), Dense(3)], "squared_error", SGD),
    "subclassed layer": ([MyDense(4, "tanh"), Dense(3)], "squared_error", SGD),
    "activation": ([Dense(4, Cube()), Dense(3)], "squared_error", SGD),
    "subclassed activation": ([Dense(4, MyRelu()), Dense(3)], "squared_error", SGD),
    "activation of batch norm": ([BatchNorm(Cube()), Dense(3)], "squared_error", SGD),
    "loss": ([Dense(4, "tanh"), Dense(3)], MyError(), SGD),
    "optimizer": ([Dense(4, "tanh"), Dense(3)], "squared_error", MySGD),
}


def steps(backend, X, T, optimizer, n_calls=3, **given):
    hyper = Hyper(7, np.full(4, 0.01), optimizer, X.shape[0], 26.0, **given)
    optimizer.prepare(backend.network.params)
    for _ in range(n_calls):
        backend.train_steps(X, T, None, None, 0, 4, hyper)
    return backend.network.params


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("what", OWN)
def test_a_users_own_part_runs_on_numpy_and_says_so_once(name, what, caplog):
    layers, loss, optimizer = OWN[what]
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(26, 5)), rng.normal(size=(26, 3))
    networks = [Network(layers, loss=loss).initialize(5, random_state=0) for _ in range(2)]
    expected = steps(make_backend("numpy", networks[0]), X, T, optimizer())
    caplog.set_level(logging.INFO, logger="minnet")
    backend = make_backend(name, networks[1])
    np.testing.assert_array_equal(steps(backend, X, T, optimizer()), expected)
    if what != "optimizer":
        np.testing.assert_array_equal(backend.forward(X), networks[0].forward(X))
    assert len(caplog.records) == 1
    assert "runs on the numpy backend" in caplog.text


@pytest.mark.parametrize("name", COMPILED)
def test_an_error_of_a_users_own_part_is_not_that_of_another(name):
    class Refuses(Dense):
        def forward(self, X, ctx):
            raise ValueError("no layer of mine")

    network = Network([Refuses(3)], "squared_error").initialize(5, random_state=0)
    with pytest.raises(ValueError, match="no layer of mine") as caught:
        steps(make_backend(name, network), np.ones((26, 5)), np.ones((26, 3)), Adam())
    assert caught.value.__context__ is None  # that it is not compiled is said in the log


@pytest.mark.parametrize("name", COMPILED)
def test_what_is_lowered_is_not_mentioned(name, caplog):
    caplog.set_level(logging.INFO, logger="minnet")
    network, X, T, _ = problem(case())
    steps(make_backend(name, network), X, T, Adam())
    assert not caplog.records


@needs_numba
def test_numba_says_what_it_leaves_to_numpy(caplog):
    caplog.set_level(logging.INFO, logger="minnet")
    network, X, T, _ = problem(case())
    expected = steps(make_backend("numpy", problem(case())[0]), X, T, SGD(), clip_norm=0.01)
    actual = steps(make_backend("numba", network), X, T, SGD(), clip_norm=0.01)
    np.testing.assert_array_equal(actual, expected)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_rows(name, dtype):
    one = case(dtype=dtype)
    network, X, T, _ = problem(one)
    X = np.where(np.abs(X) > 0.8, X, 0).astype(dtype)
    initial = network.params.copy()
    expected = steps(make_backend("numpy", network), X, T, SGD())
    own = problem(one)[0]
    backend = make_backend(name, own)
    assert_close(steps(backend, sparse.csr_matrix(X), T, SGD()), expected, initial, dtype, "params")
    assert_close(backend.forward(sparse.csr_matrix(X)), network.forward(X), 0, dtype, "logits")


# ---- Numba


@needs_numba
def test_without_a_place_for_the_cache_numba_compiles_all_the_same(monkeypatch):
    import numba

    from minnet.backends._numba_kernels import cached

    namespace = {}
    exec("def twice(x):\n    return x + x", namespace)  # a file that Numba finds no place beside
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(namespace["twice"])
    assert cached(numba.njit)(namespace["twice"])(21) == 42


def test_importing_and_fitting_do_not_import_numba():
    code = """
    import sys
    import numpy as np
    import minnet, minnet.backends
    from minnet import MinNetClassifier
    assert "numba" not in sys.modules
    backend = minnet.backends.list_backends()[0]
    MinNetClassifier((3,), max_iter=2, tol=9, n_iter_no_change=1).fit(np.eye(8), [0, 1] * 4)
    assert backend == "numba" or "numba" not in sys.modules
    """
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    subprocess.run(command, check=True)


@needs_numba
def test_numba_compiles_one_version_for_all_layouts(tmp_path):
    from minnet.backends._numba_kernels import train_steps

    for layout in FACTORS["layout"]:
        for loss in ("softmax", "squared"):
            one = case(layout=layout, loss=loss, weights="weighted", order="permuted")
            network, X, T, weights = problem(one, tmp_path)
            T, weights = T[::-1], weights[::-1]
            T.flags.writeable = weights.flags.writeable = False
            train(compiled("numba", network), network, X, T, weights, one, n_epochs=1)
    # Of several Numba's cache on disk may mix up what processes compile at once.
    assert len(train_steps(np.dtype("float64")).signatures) == 1


# ---- through the estimator


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_estimators_agree(solver, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(103, 6)).astype(dtype)
    y = np.array(["a", "b", "c"])[(X[:, 0] + X[:, 1] * X[:, 2] > 0) + (X[:, 3] > 1).astype(int)]
    probabilities = []
    for backend in ("numpy", *COMPILED):
        clf = MinNetClassifier(
            (17, 9), activation="tanh", init="glorot", solver=solver, batch_size=10, max_iter=5,
            random_state=0, backend=backend,
        )  # fmt: skip
        probabilities.append(clf.fit(X, y).predict_proba(X))
    for other in probabilities[1:]:
        assert_close(other, probabilities[0], 0, dtype, "probabilities")


# ---- the product alone


@needs_cython
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 0, 2), (5, 3, 33), (25, 400, 65), (200, 130, 31), (500, 800, 100)]
)
def test_gemm(shape, dtype):
    from minnet_ext._runtime import gemm

    m, k, n = shape
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    one, three = np.full((2, m, n), np.nan, dtype)
    gemm(A, B, one, 1)
    gemm(A, B, three, 3)
    np.testing.assert_allclose(one, A.astype(float) @ B, atol=np.finfo(dtype).eps * 4 * k + 1e-300)
    np.testing.assert_array_equal(one, three)
    with pytest.raises(ValueError, match="shapes that fit"):
        gemm(A, B[1:] if k else np.ones((1, n), dtype), one, 1)
