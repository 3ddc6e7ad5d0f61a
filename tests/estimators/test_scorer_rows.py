"""What a scorer of early stopping gets: rows in the form in which fit got them."""

import warnings

import numpy as np
import pytest
from forms import CLASSES, COUNTS, FORMS, FRAME, INDEX, A, N, pa, pd, pl
from scipy import sparse
from sklearn.metrics import accuracy_score, make_scorer

from minnet import MinNetClassifier, MinNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TARGETS = {
    "array": CLASSES,
    "texts": np.array(["a", "b", "c"])[CLASSES],
    "list": CLASSES.tolist(),
    "series": pd.Series(CLASSES, index=INDEX, name="t"),
    "nullable": pd.Series(CLASSES, index=INDEX, dtype="Int64"),
    "category": pd.Series(np.array(["a", "b", "c"])[CLASSES], index=INDEX, dtype="category"),
    "polars": pl.Series(CLASSES),
    "arrow": pa.array(CLASSES),
}
WEIGHTS = {
    "none": None,
    "array": COUNTS,
    "series": pd.Series(COUNTS, index=INDEX),
    "polars": pl.Series(COUNTS),
    "list": COUNTS.tolist(),
}


def dense(rows):
    return rows.toarray() if sparse.issparse(rows) else np.asarray(rows, dtype=float)


def names(rows):
    if isinstance(rows, pa.Table | pa.RecordBatch):
        return rows.schema.names
    return list(getattr(rows, "columns", []))


class Watcher:
    """A scorer that keeps what it gets."""

    def __call__(self, estimator, X, y, sample_weight=None):
        self.seen = X, y, sample_weight
        return float(np.average(estimator.predict(X) == np.asarray(y), weights=sample_weight))


def fit(X, y, weight=None, held="split", **options):
    """Return a fitted classifier; no warning of names is given on the way."""
    options = {"scoring": Watcher(), **options}
    clf = MinNetClassifier((4,), early_stopping=True, max_iter=2, random_state=0, **options)
    given = {"X_val": X, "y_val": y, "sample_weight_val": weight} if held == "X_val" else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="X (does not have|has) .*feature names")
        return clf.fit(X, y, weight, **given)


def assert_same_form(rows, whole, places):
    """Compare the rows of a scorer with these of what fit got."""
    assert type(rows) is type(whole)
    assert names(rows) == names(whole)
    assert getattr(rows, "dtype", None) == getattr(whole, "dtype", None)
    if hasattr(whole, "iloc"):
        assert rows.equals(whole.iloc[places])
    elif sparse.issparse(whole):
        assert rows.format == whole.format
        np.testing.assert_array_equal(dense(rows), dense(whole)[places])
    else:
        np.testing.assert_array_equal(np.asarray(rows), np.asarray(whole)[places])


@pytest.fixture(scope="module")
def reference():
    """Return the fits of arrays, and which rows their scorers saw."""
    numbered = np.column_stack([A, np.arange(N) / N])
    places = fit(numbered, CLASSES).scoring.seen[0][:, 2] * N
    fits = {held: fit(A, CLASSES, held=held) for held in ("split", "X_val")}
    return fits, {"split": np.rint(places).astype(int), "X_val": np.arange(N)}


@pytest.mark.parametrize("held", ["split", "X_val"])
@pytest.mark.parametrize("form", FORMS)
def test_inputs(reference, form, held):
    X = FORMS[form]
    clf = fit(X, CLASSES, held=held)
    rows = clf.scoring.seen[0]
    if held == "X_val":
        assert rows is X
    assert_same_form(rows, X, reference[1][held])
    assert clf.validation_scores_ == pytest.approx(reference[0][held].validation_scores_)


@pytest.mark.parametrize("held", ["split", "X_val"])
@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("y", TARGETS)
def test_targets_and_weights(reference, y, weight, held):
    y, weight = TARGETS[y], WEIGHTS[weight]
    seen = fit(FRAME, y, weight, held).scoring.seen
    assert_same_form(seen[1], y, reference[1][held])
    if weight is not None:
        assert_same_form(seen[2], weight, reference[1][held])
    numbered = fit(FRAME, y, weight, held, class_weight="balanced").scoring.seen[2]
    assert type(numbered) is np.ndarray  # with those of the classes


@pytest.mark.parametrize("scoring", ["f1_macro", "neg_log_loss", make_scorer(accuracy_score)])
@pytest.mark.parametrize("form", ["pandas", "polars", "arrow table", "list", "array coo"])
def test_scorers_of_scikit_learn(form, scoring):
    expected = fit(A, CLASSES, scoring=scoring).validation_scores_
    clf = fit(FORMS[form], TARGETS["nullable"], scoring=scoring)
    assert clf.validation_scores_ == pytest.approx(expected)


def test_a_watched_set_and_a_stream_have_it_too():
    for call in ("fit", "fit_stream"):
        clf = MinNetClassifier((4,), max_iter=2, scoring=Watcher(), random_state=0)
        held = {"X_val": FRAME, "y_val": TARGETS["category"]}
        if call == "fit":
            clf.fit(FRAME, TARGETS["category"], **held)
        else:
            batches = [(FRAME, TARGETS["category"]), (FRAME[:9], TARGETS["category"][:9])]
            clf.fit_stream(batches, 2, classes=["a", "b", "c"], **held)
        assert clf.scoring.seen[0] is FRAME
        assert clf.scoring.seen[1] is held["y_val"]


@pytest.mark.parametrize("column", [CLASSES[:, None], sparse.csr_array(CLASSES[:, None] + 1)])
def test_a_column_is_scored_as_predictions_are(column):
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        seen = fit(A, column).scoring.seen
    assert seen[1].shape == (4,)


def test_a_scorer_that_needs_the_names_of_a_regression():
    def scorer(estimator, X, y):
        residuals = y["cost"] - estimator.predict(X[["age", "income"]])[:, 0]  # by the index
        return -residuals.abs().mean() - y["gain"].abs().mean()

    y = pd.DataFrame(A, columns=["cost", "gain"], index=INDEX)
    reg = MinNetRegressor(early_stopping=True, max_iter=2, random_state=0, scoring=scorer)
    assert np.isfinite(reg.fit(FRAME, y).validation_scores_).all()
