"""Activations made by minnet.activation: against formulas, and how they are named, copied and pickled."""

import copy
import logging
import math
import pickle
import subprocess
import sys
import textwrap
import warnings

import joblib
import numpy as np
import own_activations
import pytest
import scipy.special
from own_activations import (
    ALL,
    SAME,
    forget_numba,
    log_cosh,
    needs_numba,
    own_leaky_relu,
    own_relu,
    own_sigmoid,
    own_silu,
    own_sine,
    own_softsign,
    own_tanh,
    run,
)
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

import minnet
from minnet import Dense, MinNetClassifier, Network, check_gradients
from minnet.activations import get_activation, list_activations, name_of
from minnet.lab.theory import MeanField
from minnet.user_activations import CannotCompileError, UserActivation

DTYPES = ("float64", "float32")

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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_without_numba_they_run_as_python(activation, dtype, caplog, monkeypatch):
    forget_numba(monkeypatch)
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
def test_nan_stays_nan(activation, numba, monkeypatch):
    if not numba:
        forget_numba(monkeypatch)
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

    with pytest.raises(ValueError, match="too large") as caught:
        only_negative(np.array([1.0, 10.0]))
    assert caught.value.__context__ is None  # that Numba cannot compile it is said in the log
    with pytest.raises(CannotCompileError, match="a function that raises is called from Python"):
        only_negative.compiled("float32")


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
    done = subprocess.run([sys.executable, "-W", "ignore", script], capture_output=True, text=True)
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


def test_called_with_a_function_and_its_derivative():
    def half(z):
        return 0.5 * z

    made = minnet.activation(half, lambda z: 0.5, name="half")
    assert get_activation("half") is made
    np.testing.assert_array_equal(made(np.array([2.0, -4.0])), [1.0, -2.0])
