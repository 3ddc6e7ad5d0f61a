"""minnet.training.lbfgs: known optima, limits and failures."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from minnet import Dense, Network
from minnet.training.lbfgs import minimize_lbfgs

N = 60


@pytest.fixture(name="X")
def inputs():
    return np.random.default_rng(0).normal(size=(N, 4))


def linear(loss, n_outputs=1, alpha=0.0, dtype="float64"):
    network = Network([Dense(n_outputs)], loss, alpha=alpha)
    return network.initialize(4, random_state=0, dtype=dtype)


def quietly(*args, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return minimize_lbfgs(*args, **given)


def test_least_squares_are_solved(X):
    T = X @ [[1.0, 2], [-1, 0], [3, 0.5], [0, 1]] + [0.5, -2]
    network = linear("squared_error", 2)
    n_iter, loss = quietly(network, X, T, tol=1e-10)
    np.testing.assert_allclose(network.layers[0].W, [[1, 2], [-1, 0], [3, 0.5], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(network.layers[0].b, [0.5, -2], atol=1e-6)
    assert loss < 1e-12
    assert 1 <= n_iter <= 30


def test_ridge_is_solved(X):
    y = X @ [1.0, -2, 0, 1] + np.random.default_rng(1).normal(size=N)
    weight = np.random.default_rng(2).uniform(0, 2, N)
    network = linear("squared_error", alpha=3.0)
    quietly(network, X, y, weight, tol=1e-9)
    ridge = Ridge(alpha=3.0).fit(X, y, weight)
    np.testing.assert_allclose(network.layers[0].W[:, 0], ridge.coef_, atol=1e-5)
    np.testing.assert_allclose(network.layers[0].b, ridge.intercept_, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_is_solved(n_classes, X):
    y = (X @ np.random.default_rng(3).normal(size=(4, n_classes))).argmax(axis=1)
    y = np.where(np.random.default_rng(4).random(N) < 0.2, 0, y)
    binary = n_classes == 2
    network = linear("log_loss", 1 if binary else 3, alpha=2.0)
    _, loss = quietly(network, X, y.astype(float) if binary else y, tol=1e-9)
    logistic = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=10_000).fit(X, y)
    expected = logistic.coef_.T
    np.testing.assert_allclose(network.layers[0].W, expected, atol=1e-4)
    network.layers[0].W = expected
    network.layers[0].b = logistic.intercept_
    best = network.objective(X, y.astype(float) if binary else y)
    assert loss == pytest.approx(best, rel=1e-9)


def test_poisson_regression_is_solved(X):
    y = np.random.default_rng(5).poisson(np.exp(0.3 * X[:, 0] + 0.5)).astype(float)
    network = linear("poisson", alpha=1.5)
    quietly(network, X, y, tol=1e-9)
    poisson = PoissonRegressor(alpha=1.5 / N, tol=1e-9, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(network.layers[0].W[:, 0], poisson.coef_, atol=1e-4)


def test_zero_weights_remove_rows(X):
    y, weight = X @ [1.0, -2, 0, 1], np.ones(N)
    y[:10], weight[:10] = 1e3, 0
    network = linear("squared_error")
    quietly(network, X, y, weight, tol=1e-9)
    np.testing.assert_allclose(network.layers[0].W[:, 0], [1, -2, 0, 1], atol=1e-5)


def test_a_hidden_layer_is_trained_and_the_loss_is_its_objective(X):
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    network = Network([Dense(10, "tanh"), Dense(2)], alpha=0.1).initialize(4, random_state=0)
    before = network.objective(X, y)
    _, loss = quietly(network, X, y, max_iter=1000)
    assert loss < before / 2
    assert network.objective(X, y) == pytest.approx(loss, rel=1e-12)


def test_float32_is_minimized_in_float64_and_rounded(X):
    y = X @ [1.0, -2, 0, 1]
    wide, narrow = linear("squared_error"), linear("squared_error", dtype="float32")
    narrow.layers[0].W = wide.layers[0].W
    wide.layers[0].W = narrow.layers[0].W  # from the same, rounded start
    quietly(wide, X.astype(np.float32), y.astype(np.float32), tol=1e-9)
    quietly(narrow, X.astype(np.float32), y.astype(np.float32), tol=1e-9)
    assert narrow.params.dtype == np.float32
    np.testing.assert_array_equal(narrow.layers[0].W, wide.layers[0].W.astype(np.float32))


def test_frozen_layers_stay(X):
    network = Network([Dense(5, "tanh", trainable=False), Dense(2)]).initialize(4, random_state=0)
    W = network.layers[0].W.copy()
    quietly(network, X, (X[:, 0] > 0).astype(int), max_iter=1000)
    np.testing.assert_array_equal(network.layers[0].W, W)


@pytest.mark.parametrize("limit", ["max_iter", "max_fun"])
def test_a_limit_is_announced(limit, X):
    network, y = linear("log_loss", 2), (X[:, 0] > 0).astype(int)
    message = r"lbfgs failed to converge .* \(status=1\).*max_fun"
    with pytest.warns(ConvergenceWarning, match=message):
        n_iter, loss = minimize_lbfgs(network, X, y, **{limit: 3}, tol=1e-12)
    assert n_iter <= 3
    assert loss == pytest.approx(network.objective(X, y))


def test_a_loose_tolerance_stops_sooner(X):
    y = (X[:, 0] > 0).astype(int)
    counts = [quietly(linear("log_loss", 2, 1.0), X, y, tol=tol)[0] for tol in (1e-8, 1e-2, 10)]
    assert counts[0] > counts[1] > counts[2] == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_minimum_that_is_not_finite_is_an_error(X):
    network = linear("squared_error")
    before = network.params.copy()
    with pytest.raises(ValueError, match=r"Solver produced non-finite .* of lbfgs"):
        minimize_lbfgs(network, 1e200 * X, X[:, 0])
    np.testing.assert_array_equal(network.params, before)


def test_data_are_checked(X):
    with pytest.raises(ValueError, match="X must have shape"):
        minimize_lbfgs(linear("squared_error"), X[:, :2], X[:, 0])


def test_iterations_are_printed(X, capsys):
    network = linear("squared_error")
    n_iter, loss = minimize_lbfgs(network, X, X @ [1.0, 2, 3, 4], tol=1e-8, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == n_iter
    assert lines[0].startswith("Iteration 1, loss = ")
    assert lines[-1] == f"Iteration {n_iter}, loss = {loss:.8f}"
