"""Early stopping by the loss or any scorer: what is scored, what comes back, what goes on."""

import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_poisson_deviance,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV

from minnet import MinNetClassifier, MinNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(1)
X = RNG.normal(size=(120, 4))
Y = np.digitize(X[:, 0] + X[:, 1] + RNG.normal(size=120), [-1, 1])
NAMES = np.array(["a", "b", "c"])[Y]
R = X @ [1.0, -2.0, 0.5, 0.0] + RNG.normal(size=120)
LABELS = np.column_stack([Y > 0, X[:, 2] > 0]).astype(int)
HELD = {"X_val": X[80:], "sample_weight_val": RNG.uniform(size=40)}
W = HELD["sample_weight_val"]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 6, "random_state": 0, "learning_rate_init": 0.01}


def fit(make, y, **arguments):
    est = make(**{**SMALL, "early_stopping": True, **arguments})
    return est.fit(X[:80], y[:80], **HELD, y_val=y[80:])


SCORES = {
    "balanced_accuracy": (
        MinNetClassifier,
        NAMES,
        lambda e, X, y: balanced_accuracy_score(y, e.predict(X), sample_weight=W),
    ),
    "neg_log_loss": (
        MinNetClassifier,
        NAMES,
        lambda e, X, y: -log_loss(y, e.predict_proba(X), sample_weight=W),
    ),
    "roc_auc_ovr_weighted": (
        MinNetClassifier,
        NAMES,
        lambda e, X, y: roc_auc_score(
            y, e.predict_proba(X), multi_class="ovr", average="weighted", sample_weight=W
        ),
    ),
    "f1_micro": (
        MinNetClassifier,
        LABELS,
        lambda e, X, y: f1_score(y, e.predict(X), average="micro", sample_weight=W),
    ),
    "neg_mean_absolute_error": (
        MinNetRegressor,
        R,
        lambda e, X, y: -mean_absolute_error(y, e.predict(X), sample_weight=W),
    ),
    "neg_mean_poisson_deviance": (
        lambda **k: MinNetRegressor("poisson", **k),
        np.round(np.exp(R / 4)),
        lambda e, X, y: -mean_poisson_deviance(y, e.predict(X), sample_weight=W),
    ),
}


@pytest.mark.parametrize("scoring", SCORES)
def test_names_of_scorers(scoring):
    make, y, expected = SCORES[scoring]
    est = fit(make, y, scoring=scoring)
    assert len(est.validation_scores_) == 6
    assert est.best_validation_score_ == max(est.validation_scores_)
    # The best weights came back: the fitted model has the best score.
    assert expected(est, X[80:], y[80:]) == pytest.approx(est.best_validation_score_, rel=1e-12)
    assert est.n_iter_ == len(est.validation_loss_curve_)


def test_a_scorer_sees_the_labels_as_given_in_the_split_too():
    seen = []

    def scorer(estimator, X, y):
        seen.append((estimator.classes_.tolist(), X.copy(), y.copy()))
        return estimator.score(X, y)

    est = MinNetClassifier(**SMALL, early_stopping=True, scoring=scorer).fit(X, NAMES)
    names, rows, labels = seen[0]
    assert names == ["a", "b", "c"]
    where = [int(np.flatnonzero((row == X).all(axis=1))[0]) for row in rows]
    np.testing.assert_array_equal(labels, NAMES[where])
    assert len(set(where)) == 12
    plain = MinNetClassifier(**SMALL, early_stopping=True).fit(X, NAMES)
    assert est.validation_scores_ == plain.validation_scores_
    np.testing.assert_array_equal(est.network_.params, plain.network_.params)


@pytest.mark.parametrize(
    ("make", "y", "scoring"),
    [(MinNetClassifier, NAMES, "accuracy"), (MinNetRegressor, R, "r2")],
    ids=["accuracy", "r2"],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_none_is_accuracy_and_r2(make, y, scoring, dtype):
    def fits(scoring):
        est = make(**SMALL, early_stopping=True, scoring=scoring)
        return est.fit(X.astype(dtype), y)

    one, two = fits(None), fits(scoring)
    rtol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(one.validation_scores_, two.validation_scores_, rtol=rtol)


@pytest.mark.parametrize(("make", "y"), [(MinNetClassifier, Y), (MinNetRegressor, R)])
def test_the_loss(make, y):
    est = fit(make, y, scoring="loss", max_iter=300, n_iter_no_change=5, alpha=10.0)
    np.testing.assert_array_equal(est.validation_scores_, -np.array(est.validation_loss_curve_))
    assert est.n_iter_ < 300
    best = int(np.argmin(est.validation_loss_curve_))
    assert best >= est.n_iter_ - 1 - 6 or est.validation_loss_curve_[best] > -est.tol
    again = make(**{**SMALL, "max_iter": best + 1}, alpha=10.0).fit(X[:80], y[:80])
    np.testing.assert_array_equal(est.network_.params, again.network_.params)


@pytest.mark.parametrize("n_classes", [2, 3, 4, 7])
def test_the_split_is_stratified_for_every_number_of_classes(n_classes):
    # MLPClassifier's is stratified for two classes only.
    y = np.repeat(np.arange(n_classes), 10 * (1 + np.arange(n_classes)))
    rows = np.random.default_rng(0).normal(size=(len(y), 3))
    counts = []

    def scorer(estimator, X, y):
        counts.append(np.bincount(y, minlength=n_classes))
        return 0.0

    MinNetClassifier(**SMALL, early_stopping=True, scoring=scorer).fit(rows, y)
    np.testing.assert_array_equal(counts[0], 1 + np.arange(n_classes))  # a tenth of each


# ---- odd scores


def nan_at(*epochs):
    calls = []

    def scorer(estimator, X, y, **weights):
        calls.append(estimator.network_.params.copy())
        scorer.seen = calls
        return np.nan if len(calls) in epochs else 1 / len(calls)

    return scorer


@pytest.mark.parametrize(("make", "y"), [(MinNetClassifier, Y), (MinNetRegressor, R)])
def test_a_score_that_is_nan_is_never_the_best(make, y):
    # In scikit-learn a NaN starts the count of epochs without improvement anew.
    scorer = nan_at(1, 3, 4, 5)
    est = fit(make, y, scoring=scorer, n_iter_no_change=3, max_iter=50)
    assert est.n_iter_ == 6
    assert est.best_validation_score_ == 0.5
    np.testing.assert_array_equal(np.isnan(est.validation_scores_), [1, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(est.network_.params, scorer.seen[1])


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_no_score_at_all_keeps_the_last_weights_and_says_so(value):
    seen = []

    def scorer(estimator, X, y, **weights):
        seen.append(estimator.network_.params.copy())
        return value

    with pytest.warns(ConvergenceWarning, match="NaN or minus infinity in every epoch"):
        est = fit(MinNetRegressor, R, scoring=scorer, n_iter_no_change=3, max_iter=50)
    assert est.n_iter_ == 4
    np.testing.assert_array_equal(est.network_.params, seen[-1])
    assert np.isfinite(est.validation_loss_curve_).all()


@pytest.mark.filterwarnings("ignore:Only one class")
def test_a_score_that_is_undefined_for_one_class():
    y = (Y > 0).astype(int)
    y[80:] = 1
    with pytest.warns(ConvergenceWarning, match="in every epoch"):
        est = fit(MinNetClassifier, y, scoring="roc_auc")
    assert np.isnan(est.validation_scores_).all()


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        (lambda *a, **k: 1 / 0, ZeroDivisionError, "division"),
        (lambda *a, **k: "good", ValueError, "scoring must give a number, got 'good'"),
        (lambda *a, **k: [0.5], ValueError, r"scoring must give a number, got \[0.5\]"),
        (lambda *a, **k: None, ValueError, "scoring must give a number, got None"),
        (
            lambda estimator, X, y: 0.0,
            TypeError,
            "scoring must take sample_weight where rows have weights",
        ),
        ("acuracy", ValueError, "The 'scoring' parameter of MinNetClassifier must be"),
        (5, ValueError, "The 'scoring' parameter of MinNetClassifier must be"),
        ("precision", ValueError, "Target is multiclass but average='binary'"),
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_a_scorer_that_fails_leaves_everything(scoring, error, message, fitted):
    est = MinNetClassifier(**SMALL, early_stopping=True, warm_start=True)
    if fitted:
        est.fit(X[:80], Y[:80])
        params = est.network_.params.copy()
    before = dict(vars(est.set_params(scoring=scoring)))
    with pytest.raises(error, match=message):
        est.fit(X[:80], Y[:80], **HELD, y_val=Y[80:])
    assert vars(est).keys() == before.keys()
    assert all(vars(est)[name] is value for name, value in before.items())
    if fitted:
        np.testing.assert_array_equal(est.network_.params, params)


@pytest.mark.parametrize(
    ("cls", "y", "scoring", "message"),
    [
        (MinNetRegressor, R, "roc_auc", "MinNetReg"),
        (MinNetRegressor, R, "accuracy", "continuous is not supported"),
        (MinNetClassifier, Y, "f1", "Target is multiclass"),
        (MinNetClassifier, Y, "roc_auc", "multi_class must be"),
        (MinNetClassifier, np.where(Y > 0, "yes", "no"), "f1", "pos_label=1 is not a valid label"),
        (MinNetClassifier, np.where(Y > 0, "yes", "no"), "r2", ""),
    ],
)
def test_a_scorer_that_does_not_fit_the_estimator_or_its_targets(cls, y, scoring, message):
    with pytest.raises(
        ValueError, match=f"scoring must fit the estimator, got '{scoring}': .*{message}"
    ):
        fit(cls, y, scoring=scoring)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_in_a_scorer(early_stopping):
    seen = []

    def scorer(estimator, X, y, **weights):
        seen.append(estimator.network_.params.copy())
        if len(seen) == 4:
            raise KeyboardInterrupt
        return [0.1, 0.9, 0.5][len(seen) - 1]

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est = fit(MinNetRegressor, R, scoring=scorer, early_stopping=early_stopping)
    assert est.n_iter_ == len(est.loss_curve_) == len(est.validation_scores_) == 4
    assert len(est.validation_loss_curve_) == 4
    np.testing.assert_array_equal(est.validation_scores_, [0.1, 0.9, 0.5, math.nan])
    np.testing.assert_array_equal(est.network_.params, seen[1 if early_stopping else 3])


def test_a_scorer_that_spoils_its_estimator_spoils_no_fit():
    def scorer(estimator, X, y, **weights):
        score = estimator.score(X, y)
        estimator.set_params(alpha=1e9, early_stopping=False, scoring=None).fit(X, y)
        return score

    one = fit(MinNetClassifier, Y, scoring=scorer)
    two = fit(MinNetClassifier, Y, scoring=lambda e, X, y, **w: e.score(X, y))
    np.testing.assert_array_equal(one.network_.params, two.network_.params)
    assert one.alpha == 1e-4


# ---- one call after another


def test_a_warm_start_scores_the_weights_it_starts_from():
    scores = iter([0.1, 0.9, 0.5])
    est = fit(MinNetRegressor, R, scoring=lambda *a, **k: next(scores), max_iter=3, warm_start=True)
    best = est.network_.params.copy()
    # Another score and another set: 0.9 was the best of the first, and says nothing of the second.
    later = iter([0.3, 0.1, 0.2])
    est.set_params(scoring=lambda e, X, y: next(later), max_iter=2)
    est.fit(X[:80], R[:80], X_val=X[:40], y_val=R[:40])
    assert est.best_validation_score_ == 0.3
    assert est.validation_scores_ == [0.1, 0.9, 0.5, 0.1, 0.2]
    np.testing.assert_array_equal(est.network_.params, best)

    seen, third = [], iter([0.3, 0.4, 0.2])

    def scorer(estimator, X, y):
        seen.append(estimator.network_.params.copy())
        return next(third)

    est.set_params(scoring=scorer).fit(X[:80], R[:80], X_val=X[:40], y_val=R[:40])
    assert est.best_validation_score_ == 0.4
    np.testing.assert_array_equal(seen[0], best)
    np.testing.assert_array_equal(est.network_.params, seen[1])
    assert not np.array_equal(seen[1], best)


def test_the_same_set_again_has_the_same_best():
    est = fit(MinNetClassifier, Y, warm_start=True, max_iter=10)
    first = est.best_validation_score_
    est.fit(X[:80], Y[:80], **HELD, y_val=Y[80:])
    assert est.best_validation_score_ >= first
    assert est.best_validation_score_ == max(est.validation_scores_)


def test_warm_starts_with_and_without_a_set():
    est = MinNetRegressor(**SMALL, warm_start=True).fit(X[:80], R[:80])
    assert est.validation_scores_ is est.validation_loss_curve_ is None
    est.fit(X[:80], R[:80], **HELD, y_val=R[80:])
    assert len(est.loss_curve_) == 12
    assert len(est.validation_scores_) == len(est.validation_loss_curve_) == 6
    est.fit(X[:80], R[:80])
    assert est.validation_scores_ is est.validation_loss_curve_ is None
    est.set_params(early_stopping=True).fit(X[:80], R[:80], **HELD, y_val=R[80:])
    assert len(est.validation_scores_) == 6 + est.n_iter_
    est.set_params(early_stopping=False).partial_fit(X[:80], R[:80])
    assert est.validation_scores_ is est.validation_loss_curve_ is None
    assert est.best_validation_score_ is None
    assert est.best_loss_ == min(est.loss_curve_)


def test_partial_fit_refuses_early_stopping_whatever_the_score():
    est = fit(MinNetRegressor, R, scoring="loss")
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        est.partial_fit(X, R)


# ---- as an argument


def negative_bias(y, P):
    return -abs(float(np.mean(y - P)))


def test_scoring_is_an_argument_as_scikit_learn_has_it():
    scorer = make_scorer(negative_bias)
    est = MinNetRegressor(**SMALL, early_stopping=True, scoring=scorer)
    assert clone(est).get_params()["scoring"] is not None
    fitted = clone(est).fit(X, R)
    assert fitted.best_validation_score_ == max(fitted.validation_scores_) <= 0
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    search = GridSearchCV(est, {"scoring": [None, "loss", "r2", scorer]}, cv=2).fit(X, R)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_diverging_fit_under_a_scorer():
    rates = {"solver": "sgd", "momentum": 0, "learning_rate": lambda t: 0.01 if t < 3 else 1e200}
    with pytest.warns(ConvergenceWarning, match="The weights of the best epoch were restored"):
        est = fit(MinNetRegressor, R, scoring="neg_mean_absolute_error", **rates)
    assert np.isfinite(est.predict(X)).all()
    assert len(est.validation_scores_) == len(est.validation_loss_curve_) == est.n_iter_
    with pytest.raises(ValueError, match="Solver produced non-finite"):
        fit(MinNetRegressor, R, early_stopping=False, **rates)
