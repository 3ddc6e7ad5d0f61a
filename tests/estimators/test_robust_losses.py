"""MinNetRegressor with the quantile and Huber losses, on every backend."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import GridSearchCV

from minnet import MinNetRegressor
from minnet.backends import list_backends
from minnet.losses import Huber, Loss, Poisson, Quantile

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)

BACKENDS = [name for name in list_backends() if name != "auto"]


def skewed(n=1500, seed=0):
    """Return inputs and targets whose spread grows with the first input."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    return X, np.sin(3 * X[:, 1]) + (1 + X[:, 0]) * rng.exponential(size=n)


def cut(X, y, n=1000):
    return X[:n], X[n:], y[:n], y[n:]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_that_share_of_new_rows_lies_below_a_quantile(quantile, dtype):
    X, X_new, y, y_new = cut(*skewed(6000), n=4000)
    reg = MinNetRegressor(Quantile(quantile), (30,), max_iter=80, learning_rate_init=0.003,
                          random_state=0).fit(X.astype(dtype), y)  # fmt: skip
    predicted = reg.predict(X_new.astype(dtype))
    assert predicted.dtype == dtype
    assert abs((y_new < predicted).mean() - quantile) < 0.03
    # Where the targets spread more the quantile is further out: it is no shifted mean.
    for half in (X_new[:, 0] < 0, X_new[:, 0] >= 0):
        assert abs((y_new < predicted)[half].mean() - quantile) < 0.05


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_linear_quantile_is_that_of_linear_programming(backend):
    X, y = skewed(400)
    weight = np.random.default_rng(1).uniform(0, 2, len(y)).round(1)
    exact = QuantileRegressor(quantile=0.8, alpha=0).fit(X, y, sample_weight=weight)
    best = mean_pinball_loss(y, exact.predict(X), alpha=0.8, sample_weight=weight)
    reg = MinNetRegressor(Quantile(0.8), (), alpha=0, max_iter=300, learning_rate_init=0.02,
                          tol=0, n_iter_no_change=300, backend=backend, random_state=0)  # fmt: skip
    reg.fit(X, y, sample_weight=weight)
    found = mean_pinball_loss(y, reg.predict(X), alpha=0.8, sample_weight=weight)
    assert best <= found < 1.01 * best
    np.testing.assert_allclose(reg.predict(X), exact.predict(X), atol=0.2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("loss", ["huber", Huber(0.5)], ids=str)
def test_huber_hardly_sees_a_few_bad_targets(loss, solver, backend):
    X, _ = skewed(400)
    y = X @ [2.0, -1.0]
    bad = y.copy()
    bad[::20] += 1000
    options = {
        "max_iter": 200,
        "learning_rate_init": 0.02,
        "tol": 1e-7,
        "n_iter_no_change": 200,
        "solver": solver,
        "backend": backend,
        "random_state": 0,
    }
    assert MinNetRegressor(loss, (), **options).fit(X, bad).score(X, y) > 0.95
    assert MinNetRegressor("squared_error", (), **options).fit(X, bad).score(X, y) < 0


def test_huber_with_a_wide_delta_is_the_squared_error():
    X, y = skewed(300)
    options = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}
    wide = MinNetRegressor(Huber(1e6), **options).fit(X, y)
    quadratic = MinNetRegressor("squared_error", **options).fit(X, y)
    np.testing.assert_allclose(wide.predict(X), quadratic.predict(X), rtol=1e-8)
    np.testing.assert_allclose(wide.loss_curve_, quadratic.loss_curve_, rtol=1e-10)


@pytest.mark.parametrize("loss", [Quantile(0.7), Huber(0.4)], ids=repr)
def test_outputs_are_summed_and_learned_each(loss):
    X, y = skewed(300)
    Y = np.column_stack([y, -y, y + X[:, 0]])
    reg = MinNetRegressor(loss, (), max_iter=40, learning_rate_init=0.05, shuffle=False, alpha=0,
                          init="zeros", n_iter_no_change=40, random_state=0)  # fmt: skip
    together = clone(reg).fit(X, Y)
    for j in range(3):  # a linear model's outputs do not know of each other
        alone = clone(reg).fit(X, Y[:, j])
        np.testing.assert_allclose(alone.predict(X), together.predict(X)[:, j], rtol=1e-9)


@pytest.mark.parametrize("loss", [Quantile(0.7), Huber(0.4)], ids=repr)
@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_are_repetition(loss, backend):
    X, y = skewed(60)
    times = np.arange(60) % 3
    options = {
        "batch_size": 60,
        "solver": "sgd",
        "shuffle": False,
        "max_iter": 15,
        "backend": backend,
        "random_state": 0,
        "learning_rate_init": 0.05,
        "alpha": 0.1,
    }
    weighted = MinNetRegressor(loss, (6,), **options).fit(X, y, sample_weight=times)
    repeated = MinNetRegressor(loss, (6,), **options)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_targets_that_are_all_equal_are_reached(dtype):
    X = skewed(100)[0].astype(dtype)
    for loss in (Quantile(0.9), Huber()):
        reg = MinNetRegressor(loss, (), init="zeros", max_iter=5, random_state=0)
        reg.fit(X, np.zeros(100))
        assert reg.loss_ == 0  # the subgradient at the kink is 0: it stays
        np.testing.assert_array_equal(reg.predict(X), 0)


def test_early_stopping_by_the_loss():
    X, y = skewed(3000)
    reg = MinNetRegressor(Quantile(0.9), (20,), early_stopping=True, scoring="loss", max_iter=80,
                          learning_rate_init=0.01, random_state=0).fit(X, y)  # fmt: skip
    assert reg.best_validation_score_ == max(reg.validation_scores_)
    assert abs((y < reg.predict(X)).mean() - 0.9) < 0.04


def test_grid_search_over_losses():
    X, y = skewed(200)
    reg = MinNetRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0)
    grid = {"loss": [Quantile(q) for q in np.array([0.25, 0.75])] + ["huber", Huber(np.float64(2))]}
    search = GridSearchCV(reg, grid, cv=2).fit(X.astype(np.float32), y)
    assert len(search.cv_results_["params"]) == 4
    for given in grid["loss"]:
        fitted = clone(reg).set_params(loss=given).fit(X.astype(np.float32), y)
        assert fitted.predict(X.astype(np.float32)).dtype == np.float32
    assert "loss=Quantile(quantile=0.75)" in repr(clone(reg).set_params(loss=grid["loss"][1]))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("hubert", "The 'loss' parameter of MinNetRegressor must be .*'huber'"),
        (Huber(1e300), "delta must lie between .* in float32, got 1e.300"),
        (0.9, "The 'loss' parameter of MinNetRegressor must be"),
    ],
    ids=str,
)
def test_wrong_losses(loss, message):
    X, y = skewed(50)
    with pytest.raises(ValueError, match=message):
        MinNetRegressor(loss).fit(X.astype(np.float32), y)


@pytest.mark.filterwarnings("error")
def test_huge_residuals_give_no_warning():
    X, y = skewed(50)
    for dtype, huge in ((np.float32, 1e30), (np.float64, 1e300)):
        for loss in (Quantile(0.9), Huber()):
            reg = MinNetRegressor(loss, (3,), max_iter=2, backend="numpy", random_state=0)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Stochastic Optimizer|y is far from unit")
                reg.fit(X.astype(dtype), y * huge)
            assert np.isfinite(reg.loss_)
            assert np.isfinite(reg.predict(X.astype(dtype))).all()


# ---- another loss from call to call


class Own(Loss):
    def value(self, Z, T):
        return ((Z - T) ** 4).sum(axis=1)

    def gradient(self, Z, T):
        return 4 * (Z - T) ** 3


@pytest.mark.parametrize("second", ["absolute_error", Quantile(0.9), Huber(0.3), Own()], ids=repr)
@pytest.mark.parametrize("backend", BACKENDS)
def test_partial_fit_with_another_loss_uses_it(backend, second):
    X, y = skewed(60)
    results = []
    for name in (backend, "numpy"):
        reg = MinNetRegressor("squared_error", (4,), solver="sgd", backend=name, random_state=0)
        reg.partial_fit(X, y).set_params(loss=second).partial_fit(X, y)
        results.append(np.concatenate([reg.loss_curve_, reg.predict(X)]))
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_the_link_follows_the_loss():
    X, y = skewed(60)
    reg = MinNetRegressor("huber", (4,), random_state=0).partial_fit(X, y)
    reg.set_params(loss=Poisson()).partial_fit(X, np.abs(y))
    assert (reg.predict(X) > 0).all()
