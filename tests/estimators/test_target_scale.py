"""Targets far from unit scale are warned of where a plain fit fails for it, and nowhere else."""

import warnings

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from minnet import SGD, MinNetClassifier, MinNetRegressor, RMSProp
from minnet.losses import Quantile

X, RAW = load_diabetes(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
UNIT = (RAW - RAW.mean()) / RAW.std()
WITHIN_1 = (RAW - RAW.min()) / np.ptp(RAW)

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")


def said(call, *data):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*data)
    return [w for w in caught if "y is far from" in str(w.message)]


def regressor(**params):
    return MinNetRegressor(**{"hidden_layer_sizes": (5,), "random_state": 0} | params)


FAR_ONES = {
    "raw": RAW, "times 1e3": RAW * 1e3, "times 1e-6": RAW * 1e-6, "plus 1e9": RAW + 1e9,
    "tiny": UNIT * 1e-30, "huge": UNIT * 1e15, "negative": -RAW,
    "offset 10": UNIT + 10, "offset -30": UNIT - 30,
    "years": 2000 + 10 * UNIT, "0.05": UNIT * 0.05, "constant": RAW * 0 + 1e6, "prices": 2e5 + 1e5 * UNIT,
}  # fmt: skip
NEAR_ONES = {
    "standardized": UNIT, "0..1": WITHIN_1, "-1..1": 2 * WITHIN_1 - 1,
    "half": UNIT / 2, "ten": UNIT * 10, "ratings": 2 + UNIT, "0/1": (RAW > 150).astype(float),
    "zero": RAW * 0,
    "constant": RAW * 0 + 3, "counts": np.round(np.abs(UNIT) * 3), "logarithms": np.log(RAW) - 4,
    "exponential": np.exp(UNIT),
}  # fmt: skip
CALLS = {
    "fit": lambda est, y: est.fit(X, y),
    "float32": lambda est, y: est.fit(X.astype(np.float32), np.clip(y, -1e30, 1e30)),
    "column": lambda est, y: est.fit(X, np.column_stack([UNIT, y])),
    "partial_fit": lambda est, y: est.partial_fit(X, y),
    "fit_stream": lambda est, y: est.fit_stream([(X[:200], y[:200]), (X[200:], y[200:])]),
    "initialize": lambda est, y: est.initialize(X, y),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("y", FAR_ONES.values(), ids=FAR_ONES)
def test_far_ones_are_warned_of_once_and_others_not(call, y):
    with np.errstate(over="ignore"):
        (warning,) = said(CALLS[call], regressor(max_iter=2), y)
    assert warning.filename == __file__
    what = "column 1 of y" if call == "column" else "y"
    assert str(warning.message).startswith(f"{what} is far from unit scale (mean ")
    assert "set scale_targets=True" in str(warning.message)
    assert not said(CALLS[call], regressor(max_iter=2, scale_targets=True), y)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("y", NEAR_ONES.values(), ids=NEAR_ONES)
def test_near_ones_are_not(call, y):
    assert not said(CALLS[call], regressor(max_iter=2), y)


SOLVERS = ["adam", "sgd", "adamw", "rmsprop", SGD(0.001, momentum=0.9), RMSProp(0.001)]


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", Quantile(0.4)], ids=str
)
def test_each_solver_and_loss(solver, loss):
    for y in (RAW, RAW * 1e-6, UNIT + 1e9):
        est = regressor(solver=solver, loss=loss, max_iter=1)
        assert len(said(lambda e, y: e.initialize(X, y), est, y)) == 1
    for y in (UNIT, WITHIN_1):
        assert not said(lambda e, y: e.initialize(X, y), est, y)


def test_lbfgs_copes_with_more():
    for y in (RAW, RAW * 1e3, RAW + 1e4, UNIT * 0.1):
        plain = regressor(solver="lbfgs", max_iter=100)
        scaled = regressor(solver="lbfgs", max_iter=100, scale_targets=True)
        assert not said(plain.fit, X, y)
        assert plain.score(X, y) > scaled.fit(X, y).score(X, y) - 0.1
    for y in (RAW * 1e-6, UNIT + 1e9, UNIT * 1e-3):
        assert len(said(regressor(solver="lbfgs").fit, X, y)) == 1


def test_where_it_warns_the_plain_fit_is_worse():
    for y in (RAW, RAW * 1e-6, UNIT + 10, UNIT * 0.05):
        plain = MinNetRegressor(max_iter=100, random_state=0)
        scaled = MinNetRegressor(max_iter=100, random_state=0, scale_targets=True).fit(X, y)
        assert len(said(plain.fit, X, y)) == 1
        assert plain.score(X, y) < scaled.score(X, y) - 0.1


def test_more_steps_and_larger_ones_reach_farther():
    y = UNIT + 10
    est = regressor(learning_rate_init=0.01)
    assert not said(lambda e, y: e.initialize(X, y), est, y)
    assert said(lambda e, y: e.initialize(X, y), est, UNIT + 100)
    many = np.tile(X, (20, 1)), np.tile(y, 20)
    assert not said(lambda e, x, y: e.initialize(x, y), regressor(), *many)


def test_a_bias_at_the_mean_is_near_it():
    biases = ["auto", "output_prior"]
    assert not said(regressor(max_iter=2, bias_init=biases).fit, X, UNIT + 1000)
    assert said(regressor(max_iter=2, bias_init=biases).fit, X, UNIT * 1000)


def test_other_estimators_and_links_are_not_warned():
    assert not said(regressor(loss="poisson", max_iter=2).fit, X, RAW)
    assert not said(MinNetClassifier(max_iter=2).fit, X, RAW.astype(int))
    scaling = TransformedTargetRegressor(regressor(max_iter=2), transformer=StandardScaler())
    assert not said(scaling.fit, X, RAW)


def test_the_fits_of_a_search_say_nearly_the_same():
    search = GridSearchCV(regressor(max_iter=2), {"alpha": [1e-4, 1e-3]}, cv=5)
    caught = said(search.fit, X, RAW)
    assert len(caught) == 11
    assert len({str(w.message) for w in caught}) <= 3
    assert {w.filename for w in caught} == {__file__}


def test_a_fit_that_goes_on_says_nothing():
    est = regressor(max_iter=2, warm_start=True)
    assert len(said(est.fit, X, RAW)) == 1
    assert not said(est.fit, X, RAW)
    assert not said(est.partial_fit, X, RAW)
