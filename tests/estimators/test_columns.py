"""What X may not be: what is no number is named by its column, the rest told as scikit-learn does."""

import contextlib
import datetime
import warnings
from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.neural_network import MLPClassifier
from versions import SKLEARN

from minnet import MinNetClassifier, MinNetRegressor, MinNetTransformer

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore")

N = 12
A = np.random.default_rng(0).normal(size=(N, 2))
Y = np.arange(N) % 2
FRAME = pd.DataFrame(A, columns=["a", "b"])
WHEN = pd.Series(pd.date_range("2020", periods=N))
MASKED = np.ma.masked_array(A, mask=np.zeros(A.shape, dtype=bool))
MASKED[3, 1] = np.ma.masked
TEXTS = ["red", "blue", "green"] * 4


def frame(b):
    return FRAME.assign(b=b)


def objects(values):
    array = np.empty((N, 2), dtype=object)
    array[:, 0], array[:, 1] = 1.5, list(values)
    return array


def polars(values, dtype=None):
    return pl.DataFrame({"a": A[:, 0], "b": pl.Series(values, dtype=dtype)})


def arrow(values):
    return pa.table({"a": A[:, 0], "b": pa.array(values)})


def structured():
    array = np.zeros(N, dtype=[("a", float), ("b", int)])
    return array[:, np.newaxis]


DAYS = WHEN.dt.date.tolist()
COUNTED = WHEN - WHEN[0]
ARROW = pd.ArrowDtype
#: In the second column, what it is.
NOT_NUMBERS = {
    "dates": {
        "pandas": frame(WHEN),
        "pandas zone": frame(WHEN.dt.tz_localize("Europe/Vienna")),
        "pandas objects": frame(WHEN.astype(object)),
        "pandas category": frame(WHEN.astype("category")),
        "pandas arrow": frame(WHEN.astype(ARROW(pa.timestamp("ns")))),
        "pandas arrow day": frame(pd.Series(DAYS, dtype=ARROW(pa.date32()))),
        "pandas two names": frame(WHEN).set_axis(["b", "b"], axis=1),
        "polars": polars(WHEN.tolist()),
        "polars day": polars(DAYS),
        "arrow": arrow(DAYS),
        "objects": objects(WHEN),
        "objects of numpy": objects(WHEN.to_numpy()),
        "list": [[1.0, day] for day in DAYS],
        "array": np.column_stack([WHEN, WHEN])[:, [0, 0]].astype("datetime64[s]"),
    },
    "times of day": {
        "polars": polars([datetime.time(1)] * N),
        "pandas": frame([datetime.time(1)] * N),
        "pandas arrow": frame(pd.Series([1] * N, dtype=ARROW(pa.time32("s")))),
        "arrow": arrow([datetime.time(1)] * N),
        "objects": objects([datetime.time(1)] * N),
    },
    "sequences": {
        "pandas": frame([[1.0, 2.0]] * N),
        "pandas arrays": frame([np.ones(2)] * N),
        "pandas arrow": frame(pd.Series([[1.0, 2.0]] * N, dtype=ARROW(pa.list_(pa.float64())))),
        "polars": polars([[1.0, 2.0]] * N),
        "polars arrays": polars([[1.0, 2.0]] * N, pl.Array(pl.Float64, 2)),
        "arrow": arrow([[1.0, 2.0]] * N),
        "list": [[1.0, [2.0]]] * N,
        "list of several lengths": [[1.0, [2.0] * (1 + i % 2)] for i in range(N)],
    },
    "durations": {
        "pandas": frame(COUNTED),
        "pandas arrow": frame(COUNTED.astype(ARROW(pa.duration("ns")))),
        "polars": polars([datetime.timedelta(i) for i in range(N)]),
        "arrow": arrow(COUNTED.tolist()),
        "objects": objects(COUNTED),
        "objects of numpy": objects(COUNTED.to_numpy()),
        "list": [[1.0, length] for length in COUNTED],
    },
    "periods": {"pandas": frame(WHEN.dt.to_period("D"))},
    "intervals": {"pandas": frame(pd.Series(pd.interval_range(0, N)))},
    "complex numbers": {
        "pandas": frame(A[:, 1] + 1j),
        "objects": objects(A[:, 1] + 1j),
        "list": [[1.0, 2j]] * N,
        "array": A + [0, 1j],
        "sparse": sparse.csr_array(A + [0, 1j]),
        "sparse columns": sparse.csc_matrix(A + [0, 1j]),
    },
    "strings": {
        "pandas": frame(TEXTS),
        "pandas category": frame(pd.Series(TEXTS, dtype="category")),
        "pandas digits": frame(["1", "2"] * 6),
        "pandas category of digits": frame(pd.Series(["1", "2"] * 6, dtype="category")),
        "pandas arrow": frame(pd.Series(TEXTS, dtype=ARROW(pa.string()))),
        "polars": polars(TEXTS),
        "polars category": polars(TEXTS, pl.Categorical),
        "arrow": arrow(TEXTS),
        "objects": objects(TEXTS),
        "objects of bytes": objects([b"1"] * N),
        "list": [[1.0, "2"]] * N,
    },
    "no masked elements": {
        "array": MASKED,
        "of ints": np.ma.masked_equal(np.arange(2 * N).reshape(N, 2), 5),
    },
    "no missing values": {
        "objects": objects([pd.NA] * N),
        "pandas": frame(objects([pd.NA] * N)[:, 1]),
    },
    "a structured array with the fields 'a', 'b'": {"array": structured()},
}
BAD = [(what, form) for what, forms in NOT_NUMBERS.items() for form in forms]


def classifier(**arguments):
    return MinNetClassifier((3,), max_iter=2, random_state=0, **arguments)


def regressor():
    return MinNetRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    """Return estimators that are fitted to what has the same columns."""
    return {
        "array": (classifier().fit(A, Y), MinNetTransformer(classifier()).fit(A, Y)),
        "frame": (classifier().fit(FRAME, Y), MinNetTransformer(classifier()).fit(FRAME, Y)),
    }


CALLS = {
    "fit": lambda X, clf, features: classifier().fit(X, Y),
    "fit numbers": lambda X, clf, features: regressor().fit(X, A[:, 0]),
    "fit a transformer": lambda X, clf, features: MinNetTransformer(classifier()).fit(X, Y),
    "initialize": lambda X, clf, features: classifier().initialize(X, Y),
    "partial_fit": lambda X, clf, features: classifier().partial_fit(X, Y, classes=[0, 1]),
    "fit_stream": lambda X, clf, features: classifier().fit_stream([(X, Y)], classes=[0, 1]),
    "later partial_fit": lambda X, clf, features: clf.partial_fit(X, Y),
    "predict": lambda X, clf, features: clf.predict(X),
    "predict_proba": lambda X, clf, features: clf.predict_proba(X),
    "predict_log_proba": lambda X, clf, features: clf.predict_log_proba(X),
    "score": lambda X, clf, features: clf.score(X, Y),
    "activations": lambda X, clf, features: clf.activations(X),
    "transform": lambda X, clf, features: features.transform(X),
    "X_val": lambda X, clf, features: classifier().fit(FRAME, Y, X_val=X, y_val=Y),
    "X_val of a stream": lambda X, clf, features: classifier().fit_stream(
        [(FRAME, Y)], classes=[0, 1], X_val=X, y_val=Y
    ),
    "later batch": lambda X, clf, features: classifier().fit_stream(
        [(FRAME, Y), (X, Y)], classes=[0, 1]
    ),
}


@pytest.mark.parametrize(("what", "form"), BAD)
def test_what_is_no_number_is_named(fitted, what, form):
    X = NOT_NUMBERS[what][form]
    named = hasattr(X, "columns")
    clf, features = fitted["frame" if named else "array"]
    before = clf.network_.params.copy()
    column = "column 0" if (what, form) == ("dates", "array") else "column 1"
    if named:
        column = "column 'b'"
    for name, call in CALLS.items():
        with pytest.raises(ValueError, match=f"must (be real numbers, got|have) {what}") as caught:
            call(X, clf, features)
        text = str(caught.value)
        assert column in text or "structured" in what, name
        assert ("X_val" in text) == ("X_val" in name)
        assert text.startswith("batch 1: ") or name != "later batch"
    np.testing.assert_array_equal(clf.network_.params, before)


# ---- the shape and the names: scikit-learn's own sentences


class Odd:
    """Has the attributes that it is given, and nothing of what belongs to them."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


class AsArray(Odd):
    def __array__(self, dtype=None, copy=None):
        return self.array


ODD = {
    "series": FRAME["a"],
    "row": FRAME.iloc[0],
    "polars series": pl.Series(A[:, 0]),
    "arrow array": pa.array(A[:, 0]),
    "two of a name": FRAME.set_axis(["a", "a"], axis=1),
    "two names": FRAME.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), axis=1),
    "numbers for names": FRAME.set_axis([0, 1], axis=1),
    "mixed names": FRAME.set_axis(["a", 1], axis=1),
    "other names": FRAME.set_axis(["a", "c"], axis=1),
    "other order": FRAME[["b", "a"]],
    "name too many": FRAME.assign(c=1.0),
    "name missing": FRAME[["a"]],
    "no columns": FRAME[[]],
    "no rows": FRAME[:0],
    "nothing": pd.DataFrame(),
    "polars nothing": pl.DataFrame(),
    "frames": [FRAME],
    "list of series": [FRAME["a"], FRAME["b"]],
    "number": 3.5,
    "scalar": np.float64(3),
    "0-d": np.array(3.5),
    "0-d object": np.array(None),
    "1-d": A[:, 0],
    "3-d": A[:, :, None],
    "matrix": np.asmatrix(A),
    "1-d sparse": sparse.coo_array(A[:, 0]),
    "ragged": [[1, 2], [3]] * 6,
    "ragged objects": np.array([[1, 2], [3]] * 6, dtype=object),
    "1-d objects": np.array([object()] * N),
    "objects": objects([object()] * N),
    "dicts": objects([{}] * N),
    "None": None,
    "nan": float("nan"),
    "string": "abc",
    "bytes": b"abc",
    "strings": TEXTS,
    "list of dicts": [{"a": 1}] * N,
    "range": range(N),
    "frame class": pd.DataFrame,
    "polars class": pl.DataFrame,
    "array class": np.ndarray,
    "sparse class": sparse.csr_array,
    "estimator": MLPClassifier(),
    "object": object(),
    "dtypes": Odd(dtypes=3),
    "dtype": Odd(dtype="float32", dtypes=["float32"], shape=(N, 2)),
    "shape": Odd(shape="abc", ndim="abc", dtype="abc"),
    "columns": Odd(columns=["a", "b"], iloc=3, dtypes=None, shape=(N, 2)),
    "schema": Odd(schema=None, column=3),
    "1-d inside": AsArray(array=A[:, 0], dtypes=3, shape=(N, 2)),
    "no array inside": AsArray(array=3),
}
with contextlib.suppress(ValueError):  # before SciPy 1.15
    ODD["1-d sparse rows"] = sparse.csr_array(A[:, 0])
#: As scikit-learn's MLPClassifier has them; others are compared with the one that they resemble.
AS_FIT = {
    "fit": lambda est, X: est.fit(X, Y),
    "partial_fit": lambda est, X: est.partial_fit(X, Y, classes=[0, 1]),
}
AS_PREDICT = {
    name: (lambda est, X, name=name: getattr(est, name)(X))
    for name in ("predict", "predict_proba", "predict_log_proba")
} | {
    "score": lambda est, X: est.score(X, Y),
    "partial_fit": lambda est, X: est.partial_fit(X, Y),
}


def outcome(call, *arguments):
    """Return the kind of the error and what it says, without the estimator's name; or None."""
    try:
        call(*arguments)
    except Exception as error:
        text = (
            str(error).replace("MinNetClassifier", "MLPClassifier").split("\nMLPClassifier does")[0]
        )
        return type(error), text
    return None


def quiet(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome(call, *arguments)


def mlp():
    return MLPClassifier((3,), max_iter=2, random_state=0)


TEXTS = {"string", "bytes", "strings", "list of dicts"}  # of which ours names a vectorizer
AS_THEIRS = sorted(set(ODD) - TEXTS - {"two of a name"})  # where scikit-learn has narwhals' error


@pytest.mark.parametrize("calls", [AS_FIT, AS_PREDICT], ids=["as fit", "as predict"])
def test_sentence_of_two_columns_of_a_name(calls):
    for call in calls.values():
        found = outcome(call, classifier().fit(FRAME, Y), ODD["two of a name"])
        if SKLEARN >= (1, 9):
            assert found == (ValueError, "X must have columns of different names, got 'a' 2 times")
        else:  # it takes them in fit
            assert found is None or issubclass(found[0], ValueError)


@pytest.mark.parametrize("odd", sorted(TEXTS))
def test_sentences_of_texts(odd):
    calls = [partial(call, classifier()) for call in AS_FIT.values()]
    calls += [partial(call, classifier().fit(A, Y)) for call in AS_PREDICT.values()]
    calls += [lambda X: classifier().initialize(X, Y)]
    for call in calls:
        kind, text = outcome(call, ODD[odd])
        assert kind is ValueError
        assert text.startswith("X must be real numbers, got ")
        assert "Vectorizer" in text


@pytest.mark.parametrize("odd", AS_THEIRS)
def test_sentences_of_fit(odd):
    X = ODD[odd]
    expected = quiet(mlp().fit, X, Y)
    for call in AS_FIT.values():
        assert outcome(call, classifier(), X) == quiet(call, mlp(), X)
    for call in (classifier().initialize, MinNetTransformer(classifier()).fit):
        assert outcome(call, X, Y) == expected
    found = outcome(lambda: classifier().fit_stream([(X, Y)], classes=[0, 1]))
    assert (found is None) == (expected is None)
    assert found is None or expected[1] in found[1]


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("odd", AS_THEIRS)
def test_sentences_of_a_fitted_one(odd, names):
    X, seen = ODD[odd], FRAME if names else A
    ours, theirs = classifier().fit(seen, Y), mlp().fit(seen, Y)
    in_fit = quiet(
        mlp().fit, X, Y
    )  # which looks for floats, and MLPClassifier's predict for any numbers
    for call in AS_PREDICT.values():
        assert outcome(call, ours, X) in (quiet(call, theirs, X), in_fit)
    expected = quiet(theirs.predict, X), in_fit
    features = MinNetTransformer(classifier()).fit(seen, Y)
    assert outcome(ours.activations, X) in expected
    assert outcome(features.transform, X) in expected
    if X is not None and expected[0] is not None:
        kind, text = outcome(lambda: classifier().fit(seen, Y, X_val=X, y_val=Y))
        assert text in ["X_val: " + told for _, told in filter(None, expected)]
        assert kind in (TypeError, ValueError)
