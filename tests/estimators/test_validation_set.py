"""A validation set of the user's: what is done with it, and what is wrong with it."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from versions import ALL_ZERO, SKLEARN, since

from minnet import MinNetClassifier, MinNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = np.digitize(X[:, 0] + X[:, 1], [-1, 1])
R = X @ [1.0, -2.0, 0.5, 0.0]
LABELS = np.column_stack([Y > 0, X[:, 2] > 0]).astype(int)
TRAIN, HELD = slice(60), slice(60, 90)
XV, YV, RV = X[HELD], Y[HELD], R[HELD]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 0, "learning_rate_init": 0.01}
TASKS = {
    "numbers": (MinNetRegressor, R),
    "several": (MinNetRegressor, np.column_stack([R, R**2])),
    "counts": (lambda **k: MinNetRegressor("poisson", **k), np.round(np.exp(R / 3))),
    "two": (MinNetClassifier, np.array(["no", "yes"])[(Y > 1).astype(int)]),
    "three": (MinNetClassifier, Y),
    "labels": (MinNetClassifier, LABELS),
}
tasks = pytest.mark.parametrize(("make", "y"), TASKS.values(), ids=TASKS.keys())


def fit(make, y, held=HELD, weights=None, **arguments):
    est = make(**{**SMALL, **arguments})
    return est.fit(X[TRAIN], y[TRAIN], X_val=X[held], y_val=y[held], sample_weight_val=weights)


def loss_without_l2(est, X, y, weights=None):
    """The mean loss by its textbook formula, from what the public methods predict."""
    if isinstance(est, MinNetRegressor):
        P = est.predict(X).reshape(len(y), -1)
        y = y.reshape(len(y), -1)
        if est.loss == "poisson":
            with np.errstate(divide="ignore"):
                values = (P - y + np.where(y > 0, y * np.log(np.where(y > 0, y / P, 1)), 0)).sum(1)
        else:
            values = 0.5 * ((P - y) ** 2).sum(axis=1)
    else:
        P = est.predict_proba(X)
        if y.ndim == 2:
            values = -(y * np.log(P) + (1 - y) * np.log(1 - P)).sum(axis=1)
        else:
            values = -np.log(P[np.arange(len(y)), np.searchsorted(est.classes_, y)])
    return np.average(values, weights=weights)


class Keeps:
    """A scorer that keeps the parameters it has seen."""

    def __init__(self, scores=None):
        self.seen, self.scores = [], scores

    def __call__(self, estimator, X, y, **weights):
        self.seen.append(estimator.network_.params.copy())
        self.asked = X, y, weights
        return self.scores[len(self.seen) - 1] if self.scores else len(self.seen)


# ---- what is done with it


@tasks
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_and_losses_of_the_last_epoch_are_those_of_the_fitted_model(make, y, weighted):
    weights = RNG.uniform(size=30) if weighted else None
    est = fit(make, y, weights=weights, alpha=3.0)
    assert len(est.validation_scores_) == len(est.validation_loss_curve_) == est.n_iter_ == 8
    score = est.score(X[HELD], y[HELD], sample_weight=weights)
    if isinstance(est, MinNetRegressor) and y.ndim == 2:
        score = r2_score(y[HELD], est.predict(X[HELD]), sample_weight=weights)
    assert est.validation_scores_[-1] == pytest.approx(score, rel=1e-12)
    expected = loss_without_l2(est, X[HELD], y[HELD], weights)
    assert est.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)
    assert est.best_validation_score_ == max(est.validation_scores_)


@tasks
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_set_that_is_only_watched_changes_nothing(make, y, solver):
    watched = fit(make, y, solver=solver)
    alone = make(**SMALL, solver=solver).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(watched.network_.params, alone.network_.params)
    assert watched.loss_curve_ == alone.loss_curve_
    assert watched.best_loss_ == min(watched.loss_curve_)
    assert alone.validation_scores_ is alone.validation_loss_curve_ is None
    assert alone.best_validation_score_ is None


def test_a_watched_score_that_stalls_stops_nothing():
    est = fit(MinNetRegressor, R, scoring=lambda *_: 0.0, max_iter=30, tol=0, n_iter_no_change=2)
    assert est.n_iter_ == 30


@tasks
def test_early_stopping_trains_on_all_rows_and_stops_on_the_set(make, y):
    scorer = Keeps([0.1, 0.5, 0.9, 0.3, 0.9, 0.2, 0.1])
    est = fit(make, y, early_stopping=True, scoring=scorer, n_iter_no_change=3, max_iter=100)
    assert est.n_iter_ == 7
    assert est.t_ == 7 * 60
    assert est.best_loss_ is None
    assert est.best_validation_score_ == 0.9
    np.testing.assert_array_equal(est.network_.params, scorer.seen[2])  # bit by bit, the first best
    alone = make(**{**SMALL, "max_iter": 3}).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(est.network_.params, alone.network_.params)


@pytest.mark.parametrize("inputs", ["float32", "sparse", "lists", "frame"])
def test_what_it_may_be(inputs):
    convert = {
        "float32": lambda A: A.astype(np.float32),
        "sparse": sparse.csc_array,
        "lists": np.ndarray.tolist,
        "frame": lambda A: pd.DataFrame(A, columns=list("abcd")),
    }[inputs]
    expected = fit(MinNetClassifier, Y)
    est = MinNetClassifier(**SMALL)
    train = X[TRAIN] if inputs != "frame" else convert(X[TRAIN])
    est.fit(train, Y[TRAIN], X_val=convert(X[HELD]), y_val=Y[HELD].tolist())
    rtol = 1e-6 if inputs == "float32" else 1e-12
    assert est.coefs_[0].dtype == np.float64  # the training data decide
    np.testing.assert_allclose(
        est.validation_loss_curve_, expected.validation_loss_curve_, rtol=rtol
    )


def test_the_training_data_decide_the_dtype():
    est = MinNetRegressor(**SMALL)
    est.fit(X[TRAIN].astype(np.float32), R[TRAIN], X_val=X[HELD], y_val=R[HELD])
    assert est.network_.dtype == np.float32
    assert est.validation_scores_[-1] == pytest.approx(est.score(X[HELD], R[HELD]), rel=1e-5)


def test_sparse_labels():
    expected = fit(MinNetClassifier, LABELS)
    est = MinNetClassifier(**SMALL)
    indicator = sparse.csr_array(LABELS)
    est.fit(X[TRAIN], indicator[TRAIN], X_val=X[HELD], y_val=indicator[HELD])
    assert est.validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize("missing", [[0], [2], [0, 1]])
@pytest.mark.parametrize("scoring", [None, "loss", "accuracy", "balanced_accuracy"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_classes_may_be_missing_in_it(missing, scoring):
    held = 60 + np.flatnonzero(~np.isin(Y[HELD], missing))
    est = fit(MinNetClassifier, Y, held, scoring=scoring, early_stopping=True)
    assert np.isfinite(est.validation_scores_).all()
    assert est.validation_loss_curve_[0] > 0
    best = est.validation_scores_.index(max(est.validation_scores_))
    assert est.best_validation_score_ == est.validation_scores_[best]
    expected = loss_without_l2(est, X[held], Y[held])
    assert est.validation_loss_curve_[best] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(est.classes_, [0, 1, 2])


@pytest.mark.parametrize("class_weight", [{0: 2.0, 1: 1.0, 2: 0.5}, "balanced"])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights_are_those_of_the_training_set(class_weight, weighted):
    s, s_val = (RNG.uniform(size=60), RNG.uniform(size=30)) if weighted else (None, None)
    est = MinNetClassifier(**SMALL, class_weight=class_weight)
    est.fit(X[TRAIN], Y[TRAIN], s, X_val=X[HELD], y_val=Y[HELD], sample_weight_val=s_val)
    of_class = [2.0, 1.0, 0.5]
    if class_weight == "balanced":
        counts = np.bincount(Y[TRAIN], weights=s)
        of_class = counts.sum() / (3 * counts)
    weights = np.asarray(of_class)[Y[HELD]] * (1 if s_val is None else s_val)
    right = est.predict(X[HELD]) == Y[HELD]
    assert est.validation_scores_[-1] == pytest.approx(np.average(right, weights=weights))
    expected = loss_without_l2(est, X[HELD], Y[HELD], weights)
    assert est.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_dropout_and_batch_norm_are_as_in_prediction(backend):
    est = fit(MinNetClassifier, Y, dropout=0.4, batch_norm=True, backend=backend)
    accuracy = accuracy_score(Y[HELD], est.predict(X[HELD]))
    assert est.validation_scores_[-1] == pytest.approx(accuracy)
    expected = loss_without_l2(est, X[HELD], Y[HELD])
    assert est.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)


# ---- scikit-learn around it


def test_a_pipeline_transforms_it():
    with sklearn.config_context(enable_metadata_routing=True):
        net = MinNetRegressor(**SMALL).set_fit_request(
            X_val=True, y_val=True, sample_weight_val=True
        )
        steps = [("scale", StandardScaler()), ("net", net)]
        weights = RNG.uniform(size=30)
        given = {"X_val": 100 * X[HELD], "y_val": R[HELD], "sample_weight_val": weights}
        pipeline = Pipeline(steps, transform_input=["X_val"])
        pipeline.fit(100 * X[TRAIN], R[TRAIN], **given)
        score = pipeline.score(100 * X[HELD], R[HELD])
    predicted = pipeline.predict(100 * X[HELD])
    net = pipeline[-1]
    assert net.validation_scores_[-1] == r2_score(R[HELD], predicted, sample_weight=weights)
    assert net.validation_scores_[-1] != score


@since((1, 9), "sklearn.callback")
def test_callbacks_get_no_metadata_but_the_weights_of_the_fit():
    seen = []

    class Callback:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, metadata=None):
            seen.append(metadata)

        def teardown(self, estimator, context):
            pass

    est = MinNetRegressor(**SMALL).set_callbacks(Callback())
    weights = np.arange(len(R[TRAIN])) + 1.0
    est.fit(X[TRAIN], R[TRAIN], X_val=XV, y_val=RV)
    est.fit(X[TRAIN], R[TRAIN], sample_weight=weights, X_val=XV, y_val=RV)
    assert seen[:9] == [None] * 9  # eight epochs and the fit
    assert all(given.keys() == {"sample_weight"} for given in seen[9:])
    assert seen[-1]["sample_weight"] is weights


# ---- what is wrong with it


def altered(array, value):
    array = np.array(array, dtype=float)
    array.flat[3] = value
    return array


WRONG = [
    ({"X_val": XV}, "X_val and y_val must be given together, got only X_val"),
    ({"y_val": YV}, "X_val and y_val must be given together, got only y_val"),
    ({"sample_weight_val": YV}, "X_val and y_val must be given together, got only sample_weight_v"),
    ({"X_val": altered(XV, np.nan), "y_val": YV}, "X_val: Input X contains NaN."),
    ({"X_val": altered(XV, np.inf), "y_val": YV}, "X_val: Input X contains infinity"),
    ({"X_val": XV[:, :3], "y_val": YV}, "X_val: X has 3 features, but MinNet"),
    ({"X_val": XV[:, 0], "y_val": YV}, "X_val: Expected 2D array, got 1D array instead"),
    ({"X_val": XV[:0], "y_val": YV[:0]}, "X_val: Found array with 0 sample(s)"),
    (
        {"X_val": np.full((30, 4), "a"), "y_val": YV},
        "X_val: X must be real numbers, got strings in",
    ),
    ({"X_val": XV, "y_val": YV[:20]}, "y_val: Found input variables with inconsistent numbers"),
    ({"X_val": XV, "y_val": altered(YV, np.nan)}, "y_val: Input y contains NaN."),
    ({"X_val": XV, "y_val": np.zeros((30, 2, 2))}, "y_val: Found array with dim 3"),
    (
        {"X_val": XV, "y_val": YV, "sample_weight_val": np.zeros(30)},
        f"sample_weight_val: {ALL_ZERO}"
        if SKLEARN >= (1, 9)
        else "sample_weight_val must not be all zero",
    ),
    (
        {"X_val": XV, "y_val": YV, "sample_weight_val": np.ones(29)},
        "sample_weight_val: sample_weight.shape == (29,), expected (30,)!",
    ),
    (
        {"X_val": XV, "y_val": YV, "sample_weight_val": altered(np.ones(30), -1)},
        "sample_weight_val: Negative values in data passed to `sample_weight`.",
    ),
]
ONLY_CLASSIFIER = [
    ({"X_val": XV, "y_val": YV + 1}, "y_val: `y` has classes not in `self.classes_`."),
    ({"X_val": XV, "y_val": YV.astype(str)}, "y_val: `y` has classes not in `self.classes_`."),
    ({"X_val": XV, "y_val": RV}, "y_val: Unknown label type: continuous."),
    ({"X_val": XV, "y_val": LABELS[HELD]}, "y_val must be one column of labels as y, got"),
]
ONLY_REGRESSOR = [
    ({"X_val": XV, "y_val": np.c_[RV, RV]}, "y_val must have 1 column as y, got 2"),
    (
        {"X_val": XV, "y_val": np.full(30, "a")},
        "y_val must be numbers, got strings, such as 'a'",
    ),
    ({"X_val": XV, "y_val": sparse.csr_array(RV[:, None])}, "y_val: "),
]
ALL_WRONG = [
    *[(MinNetClassifier, Y, *case) for case in WRONG + ONLY_CLASSIFIER],
    *[(MinNetRegressor, R, *case) for case in WRONG + ONLY_REGRESSOR],
]


@pytest.mark.parametrize(("make", "y", "given", "message"), ALL_WRONG)
@pytest.mark.parametrize("fitted", [False, True])
def test_one_sentence_and_nothing_changed(make, y, given, message, fitted):
    est = make(**SMALL, early_stopping=True)
    if fitted:
        est.set_params(warm_start=True).fit(X[TRAIN], y[TRAIN])
        params = est.network_.params.copy()
    before = copy.copy(vars(est))
    with pytest.raises((TypeError, ValueError)) as caught:
        est.fit(X[TRAIN], y[TRAIN], **given)
    assert str(caught.value).startswith(message), caught.value
    assert vars(est).keys() == before.keys()
    assert all(vars(est)[name] is value for name, value in before.items())
    if fitted:
        np.testing.assert_array_equal(est.network_.params, params)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_more_of_the_same():
    with pytest.raises(ValueError, match="X_val: Input X contains infinity or a value too large"):
        MinNetRegressor().fit(
            X[TRAIN].astype(np.float32), R[TRAIN], X_val=altered(XV, 1e300), y_val=RV
        )
    with pytest.raises(ValueError, match="y_val must be at least 0 for the loss 'poisson', got -"):
        MinNetRegressor("poisson").fit(X[TRAIN], np.abs(R[TRAIN]), X_val=XV, y_val=RV)
    with pytest.raises(ValueError, match="X_val must be None for solver='lbfgs'"):
        fit(MinNetRegressor, R, solver="lbfgs")
    frame, other = pd.DataFrame(X, columns=list("abcd")), pd.DataFrame(X, columns=list("dcba"))
    with pytest.raises(ValueError, match="X_val: The feature names should match those"):
        MinNetRegressor().fit(frame[TRAIN], R[TRAIN], X_val=other[HELD], y_val=RV)
    weights = (YV == 0).astype(float)
    with pytest.raises(ValueError, match="sample_weight_val must not be all zero"):
        fit(MinNetClassifier, Y, weights=weights, class_weight={0: 0.0})


def test_a_single_row_is_enough_for_the_accuracy():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        est = fit(MinNetClassifier, Y, slice(60, 61), early_stopping=True)
    assert set(est.validation_scores_) <= {0.0, 1.0}


# ---- a single class, which is predicted whatever the network says


def _held(clf, y, **also):
    return clf.fit(X[TRAIN], y[TRAIN], X_val=XV, y_val=y[HELD], **also)


ONE = {"zeros": np.zeros(90, int), "text": np.full(90, "all"), "column": np.full((90, 1), 7)}
CALLS = {
    "given": _held,
    "weighted": lambda clf, y: _held(clf, y, sample_weight_val=np.linspace(0, 1, 30)),
    "set aside": lambda clf, y: clf.set_params(early_stopping=True).fit(X, y),
    "kept best": lambda clf, y: _held(clf.set_params(keep="best"), y),
    "fit_stream": lambda clf, y: clf.fit_stream(
        [(X[TRAIN], y[TRAIN])] * 2, 3, classes=np.unique(y), X_val=XV, y_val=y[HELD]
    ),
}


@pytest.mark.parametrize("backend", ["numpy", "auto"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", ONE)
def test_the_score_of_one_class_is_the_accuracy_of_predict(form, call, backend):
    y = ONE[form]
    clf = MinNetClassifier(**SMALL | {"learning_rate_init": 1e-4}, backend=backend)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        CALLS[call](clf, y)
    assert (clf.predict(XV) == y.ravel()[HELD]).all()
    assert set(clf.validation_scores_) == {1.0}
    assert clf.score(XV, y[HELD]) == 1.0
    # Not so for the network alone, which says 0.5 and more of the class that there is not.
    assert (clf.network_.predict(XV) > 0.5).any()


@pytest.mark.parametrize("backend", ["numpy", "auto"])
def test_one_class_of_two_declared_is_scored_as_predicted(backend):
    clf, y = MinNetClassifier(**SMALL | {"learning_rate_init": 1e-4}, backend=backend), ONE["zeros"]
    clf.fit_stream([(X[TRAIN], y[TRAIN])], classes=[0, 1], X_val=XV, y_val=y[HELD])
    assert clf.validation_scores_ == [clf.score(XV, y[HELD])]
    assert clf.score(XV, y[HELD]) < 1
