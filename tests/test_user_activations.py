"""Activations made by minnet.activation: against formulas, differences, minnet's own and each other."""

import copy
import logging
import math
import pickle
import subprocess
import sys
import textwrap
import warnings
from decimal import Decimal
from pathlib import Path

import joblib
import numpy as np
import own_activations
import pytest
import scipy.special
from exact import evaluate
from own_activations import (
    ALL,
    log_cosh,
    own_leaky_relu,
    own_relu,
    own_sigmoid,
    own_silu,
    own_sine,
    own_softsign,
    own_tanh,
)
from parity import FACTORS, TOLERANCE, all_pairs, compare, compiled, problem, train
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import minnet
from minnet import SGD, BatchNorm, Dense, MinNetClassifier, Network, check_gradients
from minnet import activations as registry
from minnet.activations import LeakyRelu, get_activation, list_activations, name_of
from minnet.backends import Hyper, list_backends, make_backend
from minnet.backends.program import CannotLowerError, lower
from minnet.lab.theory import MeanField
from minnet.user_activations import CannotCompileError, UserActivation

DTYPES = ("float64", "float32")
needs_cython = pytest.mark.skipif("cython" not in list_backends(), reason="no extension here")
needs_numba = pytest.mark.skipif("numba" not in list_backends(), reason="no Numba here")
needs_both = pytest.mark.skipif(not {"cython", "numba"} <= {*list_backends()}, reason="needs both")

FORMULAS = {
    own_softsign: (lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    own_relu: (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
    own_leaky_relu: (lambda z: np.where(z > 0, z, z / 4), lambda z: np.where(z > 0, 1, 0.25)),
    own_tanh: (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    own_sigmoid: (scipy.special.expit, lambda z: scipy.special.expit(z) * scipy.special.expit(-z)),
    own_silu: (
        lambda z: z * scipy.special.expit(z),
        lambda z: scipy.special.expit(z) * (1 + z * scipy.special.expit(-z)),
    ),
    own_sine: (lambda z: np.sin(2 * z), lambda z: 2 * np.cos(2 * z)),
    log_cosh: (lambda z: np.logaddexp(z, -z) - np.log(2), np.tanh),
}
SAME = [(own_softsign, "softsign"), (own_relu, "relu"), (own_leaky_relu, LeakyRelu(0.25)),
        (own_tanh, "tanh"), (own_sigmoid, "sigmoid"), (own_silu, "silu")]  # fmt: skip


@pytest.fixture(autouse=True)
def _names_are_given_back():
    before = dict(registry._REGISTERED)
    yield
    registry._REGISTERED.clear()
    registry._REGISTERED.update(before)


@pytest.fixture
def no_numba(monkeypatch):
    """Nothing is compiled, and nothing was."""
    monkeypatch.setitem(sys.modules, "minnet._loops", None)
    for activation in ALL:
        monkeypatch.setattr(activation, "_loops", {})


def numbers(dtype):
    return np.linspace(-9.03, 9.1, 301).astype(dtype).reshape(7, 43)


# ---- values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_value_and_derivative(activation, dtype):
    Z = numbers(dtype)
    before = Z.copy()
    Y = activation(Z)
    slope = activation.derivative(Z, Y)
    eps = np.finfo(dtype).eps
    value, derivative = FORMULAS[activation]
    exact = Z.astype(np.float64)
    np.testing.assert_allclose(Y, value(exact), rtol=8 * eps, atol=8 * eps)
    np.testing.assert_allclose(slope, derivative(exact), rtol=8 * eps, atol=8 * eps)
    for result in (Y, slope):
        assert (result.dtype, result.shape) == (Z.dtype, Z.shape)
    np.testing.assert_array_equal(Z, before)


@pytest.mark.usefixtures("no_numba")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_without_numba_they_run_as_python(activation, dtype, caplog):
    caplog.set_level(logging.INFO, logger="minnet")
    Z = numbers(dtype)
    Y = activation(Z)
    eps = np.finfo(dtype).eps
    value, derivative = FORMULAS[activation]
    exact = Z.astype(np.float64)
    np.testing.assert_allclose(Y, value(exact), rtol=8 * eps, atol=8 * eps)
    slope = activation.derivative(Z if activation.needs_Z else None, Y)
    np.testing.assert_allclose(slope, derivative(exact), rtol=8 * eps, atol=8 * eps)
    assert (Y.dtype, Y.shape) == (slope.dtype, slope.shape) == (Z.dtype, Z.shape)
    assert [record.getMessage() for record in caplog.records] == [
        f"the activation {activation} runs as Python, number by number: Numba is needed to compile "
        f"{activation}: pip install 'minnet-learn[jit]'"
    ]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 3, 4)])
def test_shapes(shape):
    Z = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
    Y = own_softsign(Z)
    assert Y.shape == own_softsign.derivative(None, Y).shape == shape
    np.testing.assert_allclose(Y, Z / (1 + np.abs(Z)))


def test_other_numbers_and_layouts():
    Z = np.arange(-6, 6).reshape(3, 4)
    for given in (Z, Z.tolist(), Z.astype(np.float16), np.asfortranarray(Z.astype(float))):
        Y = own_softsign(given)
        assert Y.dtype == np.float64
        np.testing.assert_allclose(Y, Z / (1 + np.abs(Z)))
    every_other = Z.astype(np.float32)[::2, ::-1]
    np.testing.assert_allclose(own_relu(every_other), np.maximum(every_other, 0))


@pytest.mark.parametrize("numba", [True, False])
@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_nan_stays_nan(activation, numba, request):
    if not numba:
        request.getfixturevalue("no_numba")
    for dtype in DTYPES:
        Z = np.array([np.nan, 1.0] * 40, dtype)
        Y = activation(Z)
        np.testing.assert_array_equal(np.isnan(Y), np.isnan(Z))
        slope = activation.derivative(Z, Y)
        np.testing.assert_array_equal(np.isnan(slope), np.isnan(Z))


@needs_numba
def test_division_by_zero_is_no_error():
    @minnet.activation(derivative=lambda z: -1 / z**2, kinks=(0,))
    def reciprocal(z):
        return 1 / z

    np.testing.assert_array_equal(reciprocal(np.array([0.0, -0.0, 2.0])), [np.inf, -np.inf, 0.5])


@needs_numba
def test_a_function_that_raises_runs_as_python():
    @minnet.activation(derivative=lambda z: 1)
    def only_negative(z):
        if z > 9:
            raise ValueError("too large")
        return z

    with pytest.raises(ValueError, match="too large"):
        only_negative(np.array([1.0, 10.0]))
    with pytest.raises(CannotCompileError, match="a function that raises is called from Python"):
        only_negative.compiled("float32")


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


# ---- the functions that run on vectors

UNIT = [
    (math.exp, Decimal.exp, (-120, 100), (-760, 720), 2.0),
    (math.log, Decimal.ln, (1e-45, 3e38), (5e-324, 1e308), 1.5),
    (math.log1p, lambda z: (1 + z).ln(), (-1 + 1e-6, 3e38), (-1 + 1e-15, 1e308), 4.0),
    (math.tanh, lambda z: 1 - 2 / ((2 * z).exp() + 1), (-30, 30), (-40, 40), 2.5),
    (math.expm1, lambda z: z.exp() - 1, (-120, 88), (-760, 709), 3.5),
]


@needs_numba
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "exact", "narrow", "wide", "bound"),
    UNIT,
    ids=["exp", "log", "log1p", "tanh", "expm1"],
)
def test_vector_functions(function, exact, narrow, wide, bound, dtype):
    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(
        lambda z: function(z)
    )
    made.compiled(dtype)
    low, high = narrow if dtype == "float32" else wide
    rng = np.random.default_rng(0)
    z = rng.uniform(max(low, -200), min(high, 200), 300)
    sizes = np.exp(rng.uniform(np.log(1e-9), np.log(high), 300))
    z = np.concatenate([z, sizes, -sizes]).astype(dtype)
    z = z[(z >= low) & (z <= high)]
    actual = made(z)
    truth = evaluate(exact, z)
    with np.errstate(over="ignore"):
        rounded = np.array([float(value) for value in truth]).astype(dtype)
    unit = np.spacing(np.abs(rounded)).astype(np.float64)
    errors = [abs(Decimal(float(a)) - t) for a, t in zip(actual, truth, strict=True)]
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(np.isfinite(actual), finite)
    worst = max(
        float(e / Decimal(float(u))) for e, u, ok in zip(errors, unit, finite, strict=True) if ok
    )
    assert worst <= bound


@needs_numba
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "log", "log1p"])
def test_vector_functions_at_the_ends(name, dtype):
    function = getattr(np, name)
    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(
        lambda z: function(z)
    )
    info = np.finfo(dtype)
    z = np.array([0, -0.0, np.inf, -np.inf, np.nan, -1, 1, info.max, -info.max, info.tiny,
                  info.smallest_subnormal, -info.tiny, -2], dtype)  # fmt: skip
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(made(z), function(z), rtol=4 * info.eps)


@needs_numba
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_whole_numbers_are_left_alone(dtype):
    made = minnet.activation(derivative=lambda z: math.exp(2) + 0 * z, name="made")(
        lambda z: z * math.exp(2)
    )
    Z = np.linspace(-1, 1, 70).astype(dtype)
    np.testing.assert_allclose(made(Z), Z * np.exp(2), rtol=4 * np.finfo(dtype).eps)


@needs_numba
def test_numbers_count_as_float32_in_float32():
    def uses(z):
        x = 2 * z + 1 - 0.5 * max(z, 0)
        return x / 3 if z > 1 else SCALE * x**2 + math.pi

    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(uses)
    import numba

    from minnet._loops import _Pipeline

    single = numba.njit(pipeline_class=_Pipeline, error_model="numpy")(made.function)
    assert isinstance(single(np.float32(0.3)), float)
    (signature,) = single.nopython_signatures
    assert str(signature) == "(float32,) -> float32"
    Z = np.linspace(-3, 3, 100)
    np.testing.assert_allclose(made(Z.astype("f4")), [uses(z) for z in Z], rtol=1e-5)
    np.testing.assert_allclose(made(Z), [uses(z) for z in Z], rtol=1e-14)


SCALE = 0.3


@needs_numba
def test_loops_and_whole_numbers_keep_their_meaning():
    def power_series(z):
        total, term = 0.0, 1.0
        for i in range(1, 2 * 4):
            total += term
            term *= z / i
        return total + 7 // 2 - 7 % 4

    made = minnet.activation(derivative=lambda z: z, name="made", check=False)(power_series)
    for dtype in DTYPES:
        Z = np.linspace(-1, 1, 70).astype(dtype)
        np.testing.assert_allclose(made(Z), [power_series(float(z)) for z in Z], rtol=1e-6)


# ---- training


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_gradients(activation):
    X = np.random.default_rng(0).normal(size=(6, 3))
    for layers in ([Dense(5, activation), Dense(4, activation), Dense(2)], [BatchNorm(activation)]):
        network = Network([*layers, Dense(2)]).initialize(3, random_state=0)
        assert check_gradients(network, X, [0, 1, 1, 0, 1, 0]).ok


OWN = {**FACTORS, "activation": (own_relu, own_softsign, own_silu, own_sine)}


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
        hyper = Hyper(7, np.full(4, 0.01), SGD(), X.shape[0], float(X.shape[0]))
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
    assert np.isnan(backend.train_steps(X, T, None, None, 0, 4, hyper))
    assert np.isnan(network.params).sum() > 1


@needs_both
@pytest.mark.parametrize("level", ["scalar", "baseline", "v3", "v4"])
def test_cpu_levels(level):
    import minnet_ext

    if level not in minnet_ext.cpu_levels:
        pytest.skip(f"no {level} here")
    code = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from own_activations import own_silu, own_softsign
    from minnet import Dense
    from parity import compare
    from test_user_activations import plain
    for dtype in ("float32", "float64"):
        for mode in ("fused", "clip_norm"):
            layers = [Dense(37, own_silu), Dense(70, own_softsign), Dense(3)]
            compare("cython", plain(dtype=dtype, mode=mode), n_rows=20, layers=layers, n_features=5)
    """
    run(code, MINNET_CPU=level)


def run(code, **variables):
    import os

    command = [sys.executable, "-c", textwrap.dedent(code), str(Path(__file__).parent)]
    done = subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    assert make_backend("numba", network).layers is None
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


@needs_cython
@pytest.mark.usefixtures("no_numba")
def test_without_numba_training_runs_on_numpy(caplog):
    caplog.set_level(logging.INFO, logger="minnet")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.integers(2, size=30)
    options = {"max_iter": 3, "tol": 9, "n_iter_no_change": 1, "random_state": 0}
    clf = MinNetClassifier((5,), activation=own_tanh, **options).fit(X, y)
    expected = MinNetClassifier((5,), activation="tanh", backend="numpy", **options).fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), atol=1e-12)
    assert "the network runs on the numpy backend: Numba is needed" in caplog.text


# ---- names


def test_registered_by_name():
    assert "own_silu" in list_activations()
    assert get_activation("own_silu") is own_silu
    assert name_of(own_silu) == "own_silu"
    assert Dense(8, "own_silu") == Dense(8, own_silu)
    assert repr(Dense(8, "own_silu")) == "Dense(8, activation=own_silu)"
    with pytest.raises(ValueError, match="did you mean 'own_silu'"):
        get_activation("own_sil")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_know_names_that_come_later():
    X, y = np.eye(6), [0, 1] * 3
    clf = MinNetClassifier((3,), activation="come_later", max_iter=2, tol=9, n_iter_no_change=1)
    with pytest.raises(ValueError, match="The 'activation' parameter of MinNetClassifier must be"):
        clf.fit(X, y)
    made = minnet.activation(derivative=lambda z: 1, name="come_later")(lambda z: z)
    clf.fit(X, y)
    assert clf.network_.layers[0].activation is made


def test_a_cell_that_runs_again_replaces_the_name():
    for factor in (1.0, 2.0):
        made = minnet.activation(derivative=lambda z, a=factor: a, name="again")(
            lambda z, a=factor: a * z
        )
    assert get_activation("again") is made
    np.testing.assert_array_equal(made(np.ones(1)), [2.0])
    assert list_activations().count("again") == 1


def test_what_is_no_activation_is_refused():
    with pytest.raises(TypeError, match="derivative must be given, got None: write"):

        @minnet.activation
        def lonely(z):
            return z

    with pytest.raises(ValueError, match=r"name must not be one of minnet's own.*'tanh'"):
        minnet.activation(derivative=lambda z: 1, name="tanh")(lambda z: z)
    with pytest.raises(ValueError, match="name must be given as a str"):
        minnet.activation(derivative=lambda z: 1)(lambda z: z)
    with pytest.raises(TypeError, match=r"own must take one argument, z, got \(a, b\)"):
        minnet.activation(derivative=lambda z: 1, name="own")(lambda a, b: a)
    with pytest.raises(TypeError, match=r"derivative of own must take .* got \(x\)"):
        minnet.activation(derivative=lambda x: 1, name="own")(lambda z: z)
    with pytest.raises(TypeError, match="function must be a Python function of numbers, got"):
        minnet.activation(math.tanh, derivative=lambda y: 1 - y * y)
    with pytest.raises(TypeError, match="own must return a number for a number, got None"):
        minnet.activation(derivative=lambda z: 1, name="own")(lambda z: None)
    with pytest.raises(TypeError, match="kinks of own must be numbers, got"):
        minnet.activation(derivative=lambda z: 1, name="own", kinks="0")(lambda z: z)
    assert "own" not in list_activations()


def test_a_wrong_derivative_is_noticed_at_once_and_by_the_check_of_gradients():
    with pytest.warns(
        UserWarning, match=r"the derivative of wrong at z = -4.37 is -8.74, but cent"
    ):
        wrong = minnet.activation(derivative=lambda z: 2 * z, name="wrong")(lambda z: z**3)
    X = np.random.default_rng(0).normal(size=(6, 3))
    network = Network([Dense(5, wrong), Dense(2)]).initialize(3, random_state=0)
    assert not check_gradients(network, X, [0, 1, 1, 0, 1, 0]).ok
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minnet.activation(derivative=lambda z: 2 * z, name="wrong", check=False)(lambda z: z**3)
        minnet.activation(derivative=lambda z: 1 / z, name="wrong")(lambda z: math.log(z))


# ---- copies and pickles


def test_equality_copies_and_clones():
    assert own_silu == own_silu != own_relu
    for other in (copy.copy(own_silu), copy.deepcopy(own_silu), clone(own_silu, safe=False)):
        assert other is own_silu
    assert clone(MinNetClassifier(activation=own_silu)).activation is own_silu
    network = Network([Dense(3, own_silu)])
    assert network.layers[0].activation is own_silu
    assert own_softsign.__doc__ == "Saturates slowly."
    assert own_softsign.__name__ == "own_softsign"

    def scaled(a):
        return minnet.activation(derivative=lambda z: a, name="scaled")(lambda z: a * z)

    one, same, other = scaled(1.0), scaled(1.0), scaled(2.0)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other


def test_pickled_by_import_path(tmp_path):
    data = pickle.dumps(own_silu)
    assert pickle.loads(data) is own_silu
    assert b"own_activations" in data
    assert len(data) < 100
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, y[:200]
    clf = MinNetClassifier((9,), activation="own_silu", max_iter=3, random_state=0, tol=9)
    clf.set_params(n_iter_no_change=1).fit(X, y)
    joblib.dump((clf, X, clf.predict_proba(X)), tmp_path / "clf")
    code = f"""
    import sys
    sys.path.insert(0, sys.argv[1])
    import joblib, numpy as np
    clf, X, expected = joblib.load({str(tmp_path / "clf")!r})
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    from own_activations import own_silu
    assert clf.network_.layers[0].activation is own_silu
    clf.fit(X, np.arange(200) % 3)
    """
    run(code)


def test_what_cannot_be_imported_says_so():
    @minnet.activation(derivative=lambda z: 1)
    def inside(z):
        return z

    with pytest.raises((AttributeError, pickle.PicklingError), match=r"<locals>\.inside\.function"):
        pickle.dumps(inside)


def test_a_script_sends_its_own_to_other_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import pickle
            import minnet
            from joblib import Parallel, delayed
            from sklearn.datasets import load_digits
            from sklearn.model_selection import GridSearchCV, cross_validate

            SLOPE = 0.1

            @minnet.activation(derivative=lambda z: 1.0 if z > 0 else SLOPE, kinks=(0,))
            def mine(z):
                return z if z > 0 else SLOPE * z

            def which(activation):
                return activation.function(-2.0), activation.name in minnet.activations.list_activations()

            if __name__ == "__main__":
                X, y = load_digits(return_X_y=True)
                X, y = X[:300] / 16, y[:300]
                clf = minnet.MinNetClassifier((8,), max_iter=4, tol=9, n_iter_no_change=1, random_state=0)
                search = GridSearchCV(clf, {"activation": ["tanh", mine]}, n_jobs=2, cv=2).fit(X, y)
                again = GridSearchCV(clf, {"activation": ["tanh", mine]}, cv=2).fit(X, y)
                a, b = (s.cv_results_["mean_test_score"] for s in (search, again))
                assert (a == b).all(), (a, b)
                clf.set_params(activation=mine)
                found = cross_validate(clf, X, y, n_jobs=2, return_estimator=True)["estimator"][0]
                assert found.activation is mine
                assert found.network_.layers[0].activation is mine
                assert Parallel(2)([delayed(which)(mine)] * 2) == [(-0.2, True)] * 2
                assert pickle.loads(pickle.dumps(mine)) is mine
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr


def test_a_search_in_two_processes():
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, y[:200]
    clf = MinNetClassifier((8,), max_iter=3, tol=9, n_iter_no_change=1, random_state=0)
    grid = {"activation": [own_relu, own_activations.own_tanh]}
    scores = [
        GridSearchCV(clf, grid, cv=2, n_jobs=n).fit(X, y).cv_results_["mean_test_score"]
        for n in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


# ---- elsewhere


@pytest.mark.parametrize(("own", "known"), SAME, ids=lambda a: str(a))
def test_theory(own, known):
    for variance in (0.5, 2.0):
        mine, theirs = (MeanField(a, variance, 0.1) for a in (own, known))
        assert mine.variance_map(1.3) == pytest.approx(theirs.variance_map(1.3), rel=1e-12)
        assert mine.chi(0.7) == pytest.approx(theirs.chi(0.7), rel=1e-12)
        assert mine.correlation_map(0.4, 1.0) == pytest.approx(theirs.correlation_map(0.4, 1.0))


def test_importing_minnet_imports_no_numba():
    run("""
    import sys
    import minnet
    minnet.activation(derivative=lambda z: 1, name="mine")(lambda z: z)
    assert "numba" not in sys.modules
    """)


def test_it_is_a_user_activation():
    assert isinstance(own_silu, UserActivation)
    assert own_silu.needs_Z
    assert not own_relu.needs_Z
    assert own_relu.kinks == (0.0,)
