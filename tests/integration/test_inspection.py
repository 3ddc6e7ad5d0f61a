"""scikit-learn's inspection of fitted models: importance, partial dependence, boundaries."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import SKLEARN

from minnet import MinNetClassifier, MinNetRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 5))
W = np.array([0.0, 3.0, 0.0, -1.5, 0.0])  # two columns say something, one of them twice as much
NUMBERS = X @ W + 0.5
CLASSES = np.where(X[:, 1] + X[:, 3] > 0.7, "up", np.where(X[:, 1] < -0.7, "down", "level"))


@pytest.fixture(scope="module")
def linear():
    """A linear network, which finds the coefficients."""
    return MinNetRegressor(layers=[], solver="lbfgs", alpha=0, tol=1e-12, max_iter=500).fit(
        X, NUMBERS
    )


@pytest.fixture(scope="module")
def classifier():
    return MinNetClassifier((20,), solver="lbfgs", alpha=0.1, max_iter=1000, random_state=0).fit(
        X, CLASSES
    )


def test_permutation_importance_of_a_linear_model(linear):
    found = permutation_importance(linear, X, NUMBERS, n_repeats=30, random_state=0)
    # Shuffling column j adds 2 w_j^2 var(x_j) to the squared error, and r2 loses its share of var(y).
    expected = 2 * W**2 * X.var(axis=0) / NUMBERS.var()
    np.testing.assert_allclose(found.importances_mean, expected, atol=0.08)
    np.testing.assert_allclose(found.importances_mean[[0, 2, 4]], 0, atol=1e-4)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_permutation_importance_of_a_classifier(classifier, scoring):
    found = permutation_importance(
        classifier, X, CLASSES, scoring=scoring, n_repeats=5, random_state=0, n_jobs=2
    )
    assert set(np.argsort(found.importances_mean)[-2:]) == {1, 3}


def test_partial_dependence_is_the_line_of_a_linear_network(linear):
    for column in range(5):
        found = partial_dependence(linear, X, [column], kind="average", grid_resolution=20)
        grid = found["grid_values"][0]
        others = np.delete(X.mean(axis=0) * W, column).sum() + 0.5
        np.testing.assert_allclose(found["average"][0], others + W[column] * grid, atol=1e-4)


def test_individual_lines_are_parallel(linear):
    lines = partial_dependence(linear, X, [1], kind="individual", grid_resolution=5)["individual"][
        0
    ]
    np.testing.assert_allclose(lines - lines[:, :1], np.tile(lines[0] - lines[0, 0], (300, 1)),
                               atol=1e-9)  # fmt: skip


def test_partial_dependence_of_a_logistic_network():
    y = (X @ W > 0).astype(int)
    clf = MinNetClassifier(layers=[], solver="lbfgs", alpha=1.0).fit(X, y)
    found = partial_dependence(clf, X, [3], grid_resolution=10)
    w, b = clf.coefs_[0][:, 0], clf.intercepts_[0]
    for value, average in zip(found["grid_values"][0], found["average"][0], strict=True):
        at = X.copy()
        at[:, 3] = value
        np.testing.assert_allclose(average, expit(at @ w + b).mean(), rtol=1e-10)


def test_partial_dependence_of_each_class(classifier):
    found = partial_dependence(classifier, X, [(1, 3)], grid_resolution=4)
    assert found["average"].shape == (3, 4, 4)
    np.testing.assert_allclose(found["average"].sum(axis=0), 1, rtol=1e-12)


def test_display_of_partial_dependence(linear):
    plt = pytest.importorskip("matplotlib.pyplot")
    display = PartialDependenceDisplay.from_estimator(linear, X, [1, 3], kind="both")
    line = display.lines_[0, 0, -1]
    slope = np.polyfit(*line.get_data(), 1)[0]
    np.testing.assert_allclose(slope, 3.0, atol=1e-4)
    plt.close("all")


@pytest.mark.parametrize("library", [None, "pandas", "polars"])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "auto"])
def test_display_of_a_decision_boundary(library, method):
    plt = pytest.importorskip("matplotlib.pyplot")
    if method != "predict" and SKLEARN < (1, 7):
        pytest.skip("several classes on one picture: since scikit-learn 1.7")
    data = X[:, [1, 3]]
    if library is not None:
        frames = pytest.importorskip(library)
        data = frames.DataFrame({"a": data[:, 0], "b": data[:, 1]})
    model = make_pipeline(
        StandardScaler(), MinNetClassifier((9,), solver="lbfgs", max_iter=100, random_state=0)
    ).fit(data, CLASSES)
    display = DecisionBoundaryDisplay.from_estimator(
        model, data, response_method=method, grid_resolution=15
    )
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    if method == "predict":
        expected = np.searchsorted(model.classes_, model.predict(_as(grid, data)))
        np.testing.assert_array_equal(display.response.ravel(), expected)
    else:
        expected = model.predict_proba(_as(grid, data))
        np.testing.assert_allclose(display.response.reshape(-1, 3), expected, rtol=1e-12)
    plt.close("all")


def _as(grid, data):
    """Return a grid with the names of the data's columns."""
    if isinstance(data, np.ndarray):
        return grid
    return type(data)({"a": grid[:, 0], "b": grid[:, 1]})
