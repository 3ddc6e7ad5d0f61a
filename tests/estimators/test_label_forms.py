"""Labels in every form that fit takes, through the whole life of a classifier.

The oracle is the same deed with labels 0, 1, 2 in an int64 array: what predicts labels predicts those of
the same codes, and every number is the same.
"""

import enum
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from versions import SKLEARN

from minnet import MinNetClassifier, MinNetTransformer
from minnet.export import to_numpy_source, to_onnx
from minnet.persistence import load_model, save_model

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore")

N = 24
RNG = np.random.default_rng(0)
CODES = RNG.permutation(np.arange(N) % 3)
X = np.eye(3)[CODES] + RNG.normal(scale=0.7, size=(N, 3))
INDEX = RNG.permutation(N) + 5  # of series: only places count
FOLDS = KFold(3)

Word = enum.StrEnum("Word", {"A": "a", "B": "b", "C": "c"})
Number = enum.IntEnum("Number", {"A": 3, "B": 4, "C": 5})

WHOLE, TEXTS, FLAGS, FLOATS = [3, 4, 5], ["a", "b", "c"], [False, True], [3.0, 4.0, 5.0]
LARGE = [2**60, 2**60 + 1, 2**60 + 2]
BEYOND = [2**63, 2**63 + 1, 2**63 + 2]


def series(dtype):
    return lambda labels: pd.Series(labels, index=INDEX[: len(labels)], name="t", dtype=dtype)


def category(**options):
    return lambda labels: pd.Series(pd.Categorical(labels, **options), index=INDEX[: len(labels)])


def objects(labels):
    return np.array(labels, dtype=object)


def arrow_dictionary(labels):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(labels).dictionary_encode()))


def of_polars(dtype):
    return lambda labels: pl.Series(labels, dtype=dtype)


def column(make):
    """Return a maker of one column with two axes."""
    return lambda labels: make(labels)[:, None]


#: The labels, in their order, and what makes of a list of them what a user gives.
FORMS = {
    **{f"{name} list": (labels, list) for name, labels in
       {"int": WHOLE, "str": TEXTS, "bool": FLAGS, "float": FLOATS, "large": LARGE,
        "beyond": BEYOND, "negative": [-5, 0, 7],
        "surrogate": ["a", "b", "\ud800"], "StrEnum": list(Word), "IntEnum": list(Number)}.items()},
    "tuple": (WHOLE, tuple),
    "list of numpy's": (TEXTS, lambda labels: list(np.array(labels))),
    **{dtype: (WHOLE, lambda labels, dtype=dtype: np.array(labels, dtype=dtype)) for dtype in
       ("i1", "i2", "i4", "u1", "u2", "u4", "u8", ">i4", "f2", "f4", "f8", "g", ">f8")},
    "large array": (LARGE, np.array), "beyond array": (BEYOND, np.array),
    "bool array": (FLAGS, np.array), "str array": (TEXTS, np.array),
    "StringDType": (TEXTS, lambda labels: np.array(labels, dtype=np.dtypes.StringDType())),
    "StringDType with NaN": (
        TEXTS, lambda labels: np.array(labels, dtype=np.dtypes.StringDType(na_object=np.nan))),
    **{f"{name} objects": (labels, objects) for name, labels in
       {"int": WHOLE, "str": TEXTS, "bool": FLAGS, "float": FLOATS, "large": LARGE,
        "StrEnum": list(Word), "IntEnum": list(Number), "int8": [np.int8(i) for i in WHOLE],
        "float32": [np.float32(i) for i in WHOLE], "np.bool": [np.False_, np.True_]}.items()},
    "no mask": (WHOLE, np.ma.array),
    "a column": (TEXTS, column(np.array)), "a column of objects": (WHOLE, column(objects)),
    **{f"pandas {dtype}": (labels, series(dtype)) for dtype, labels in
       {"int64": WHOLE, "bool": FLAGS, "str": TEXTS, "string": TEXTS, "string[python]": TEXTS,
        "object": WHOLE, "Int8": WHOLE, "Int64": LARGE, "UInt64": BEYOND, "Float32": WHOLE,
        "Float64": FLOATS, "boolean": FLAGS, "int8[pyarrow]": WHOLE, "int64[pyarrow]": LARGE,
        "uint64[pyarrow]": BEYOND, "double[pyarrow]": FLOATS, "bool[pyarrow]": FLAGS,
        "string[pyarrow]": TEXTS, "Sparse[int]": WHOLE}.items()},
    "pandas Arrow text": (TEXTS, series(pd.ArrowDtype(pa.large_string()))),
    "pandas Arrow dictionary": (TEXTS, arrow_dictionary),
    "pandas Arrow dictionary of int": (WHOLE, arrow_dictionary),
    "category": (TEXTS, category()),
    "category ordered": (TEXTS, category(categories=["z", *TEXTS[::-1]], ordered=True)),
    "category of int": (LARGE, category(categories=[7, *LARGE[::-1]])),
    "category of bool": (FLAGS, category()),
    "category of Int64": (LARGE, lambda labels: category()(pd.array(labels, dtype="Int64"))),
    "Categorical": (TEXTS, pd.Categorical),
    "Int64 array": (LARGE, lambda labels: pd.array(labels, dtype="Int64")),
    "boolean array": (FLAGS, lambda labels: pd.array(labels, dtype="boolean")),
    "Int64 index": (LARGE, lambda labels: pd.Index(labels, dtype="Int64")),
    "frame": (LARGE, lambda labels: series("Int64")(labels).to_frame()),
    "frame of text": (TEXTS, lambda labels: series("str")(labels).to_frame()),
    **{f"polars {dtype}": (labels, of_polars(dtype)) for dtype, labels in
       {pl.Int64: LARGE, pl.Int8: WHOLE, pl.UInt64: BEYOND, pl.Int128: LARGE, pl.Boolean: FLAGS,
        pl.String: TEXTS, pl.Categorical: TEXTS, pl.Enum(["z", *TEXTS]): TEXTS, pl.Float32: WHOLE,
        pl.Object: WHOLE}.items()},
    "polars frame": (LARGE, lambda labels: pl.DataFrame({"t": labels})),
    "arrow": (LARGE, pa.array), "arrow bool": (FLAGS, pa.array), "arrow text": (TEXTS, pa.array),
    "arrow dictionary": (TEXTS, lambda labels: pa.array(labels).dictionary_encode()),
    "arrow chunks": (LARGE, lambda labels: pa.chunked_array([labels[:9], labels[9:]])),
    "arrow table": (TEXTS, lambda labels: pa.table({"t": labels})),
}  # fmt: skip

#: One or two of each kind; the others take long together.
QUICK = {
    "int list", "str list", "large list", "u8", ">i4", "f2", "g", "StringDType with NaN", "int objects",
    "bool objects", "large objects", "IntEnum objects", "a column of objects",
    "pandas string", "pandas object", "pandas Int64", "pandas boolean", "pandas UInt64",
    "pandas int64[pyarrow]", "pandas bool[pyarrow]", "category ordered", "category of bool",
    "category of Int64", "Int64 array", "frame", "polars Int128", "polars Boolean", "polars frame",
    "arrow chunks", "arrow dictionary",
}  # fmt: skip


def marked(names):
    return [form if form in QUICK else pytest.param(form, marks=pytest.mark.slow) for form in names]


#: scikit-learn's own metrics and meta-estimators do not read these: as unknown, or as equal floats.
UNREAD = [name for name, (labels, make) in FORMS.items()
          if "StringDType" in name or "Int128" in name
          or ("objects" in name and not isinstance(labels[0], str))
          or name in ("pandas object", "polars Object", "g", "frame of text", "arrow table")
          or (labels[0] > 2**59 if isinstance(labels[0], int) else False)]  # fmt: skip


def classifier(**options):
    options = {"max_iter": 2, "random_state": 0, "learning_rate_init": 0.05, **options}
    return MinNetClassifier((4,), **options)


def plain(label):
    return label.value if isinstance(label, enum.Enum) else np.array(label).item()


class Given:
    """Labels in a form, their plain ones, and how predictions become codes again."""

    def __init__(self, form, n_classes=3):
        labels, make = FORMS.get(form, ([0, 1, 2][:n_classes], np.array))
        self.labels = [plain(label) for label in labels]
        codes = CODES % len(labels)
        self.y = make([labels[code] for code in codes])
        self.listed = [self.labels[code] for code in codes]
        self.first = make([labels[code] for code in codes[:9]])
        self.rest = make([labels[code] for code in codes[9:]])

    def codes(self, predicted):
        """Return codes; labels must be equal and of the type that they were."""
        predicted = np.asarray(predicted).tolist()
        for label in predicted:
            assert isinstance(label, type(self.labels[0]) | float)
        return [self.labels.index(label) for label in predicted]


def same_numbers(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)


# ---- the deeds: each returns codes and numbers


def fits(given):
    clf = classifier().fit(X, given.y)
    assert clf.score(X, given.y) == accuracy_score(
        given.codes(clf.predict(X)), given.codes(given.listed)
    )
    weighted = clf.score(X, given.y, np.arange(N))
    return given.codes(clf.classes_), given.codes(clf.predict(X)), clf.predict_proba(X), weighted


def fits_by_lbfgs(given):
    clf = classifier(solver="lbfgs").fit(X, given.y)
    return given.codes(clf.predict(X)), clf.predict_proba(X)


def stops_early(given):
    scores = []
    for scoring in (
        None, "loss", "accuracy", "neg_log_loss", make_scorer(accuracy_score),
        lambda clf, X, y: clf.score(X, y), lambda clf, X, y: accuracy_score(y, clf.predict(X)),
    ):  # fmt: skip
        options = {"validation_fraction": 0.3, "scoring": scoring, "max_iter": 1}
        clf = classifier(early_stopping=True, **options).fit(X, given.y)
        scores.append(clf.validation_scores_)
    return (scores,)


def is_validated(given):
    scores = []
    for y, y_val in (given.y, given.y), (given.y, given.listed), (given.listed, given.y):
        clf = classifier(scoring="accuracy", max_iter=1).fit(X, y, X_val=X[::-1], y_val=y_val)
        scores.append((clf.validation_scores_, clf.validation_loss_curve_))
    return (scores,)


def goes_on(given):
    clf = classifier().partial_fit(X[:9], given.first, classes=given.y)
    clf.partial_fit(X[9:], given.rest).partial_fit(X, given.y, classes=given.labels)
    streamed = classifier(warm_start=True).fit_stream(
        [(X[:9], given.first), (X[9:], given.rest)], 2, classes=given.labels
    )
    streamed.fit(X, given.listed).fit(X, given.y)
    return tuple(given.codes(est.predict(X)) for est in (clf, streamed)), streamed.predict_proba(X)


def has_class_weights(given):
    weights = {label: 1.0 + i for i, label in enumerate(given.labels)}
    clf = clone(classifier(class_weight=weights)).fit(X, given.y)
    balanced = classifier(class_weight="balanced").fit(X, given.y)
    return clf.predict_proba(X), balanced.predict_proba(X)


def is_searched(given):
    search = GridSearchCV(classifier(), {"alpha": [1e-3]}, cv=FOLDS, error_score="raise")
    search.fit(X, given.y)
    return given.codes(search.predict(X)), search.cv_results_["split1_test_score"]


def is_kept(given, tmp_path):
    clf = classifier(class_weight=dict.fromkeys(given.labels, 1.0)).fit(X, given.y)
    save_model(clf, tmp_path / "model")
    codes = []
    for kept in load_model(tmp_path / "model"), pickle.loads(pickle.dumps(clf)):
        assert kept.classes_.dtype == clf.classes_.dtype
        kept.set_params(warm_start=True)
        codes.append(given.codes(kept.fit(X, given.y).predict(X)))
    return (codes,)


def is_exported(given):
    clf = classifier().fit(X, given.y)
    names = {}
    exec(to_numpy_source(clf), names)
    codes = [given.codes(names["predict"](X))]
    if not any("\ud800" in str(label) for label in given.labels) and given.labels != BEYOND:
        ort = pytest.importorskip("onnxruntime")
        session = ort.InferenceSession(to_onnx(clf).SerializeToString())
        label = session.run(["label"], {"X": X})[0].tolist()
        codes.append([given.labels.index(one) for one in label])
    else:
        codes *= 2
    return (codes,)


def is_looked_into(given):
    clf = classifier().fit(X, given.y)
    importances = permutation_importance(clf, X, given.y, n_repeats=2, random_state=0).importances
    return importances, MinNetTransformer(classifier()).fit(X, given.y).transform(X)


DEEDS = [fits, fits_by_lbfgs, stops_early, is_validated, goes_on, has_class_weights, is_searched,
         is_kept, is_exported, is_looked_into]  # fmt: skip


def is_scored(given):
    clf = classifier().fit(X, given.y)
    names = ["accuracy", "f1_macro", "matthews_corrcoef", "neg_log_loss", "roc_auc_ovr"]
    if len(given.labels) == 2:
        names += ["roc_auc", "average_precision"]
    numbers = [get_scorer(name)(clf, X, given.y) for name in names]
    folds = cross_val_score(
        classifier(), X, given.y, scoring="balanced_accuracy", cv=3, error_score="raise"
    )
    return numbers, folds


def is_part_of_others(given):
    calibrated = CalibratedClassifierCV(classifier(), cv=3).fit(X, given.y)
    votes = VotingClassifier([("a", classifier()), ("b", classifier(max_iter=1))], voting="soft")
    codes = [given.codes(est.predict(X)) for est in (calibrated, votes.fit(X, given.y))]
    return codes, given.codes(cross_val_predict(classifier(), X, given.y, cv=3))


OF_SCIKIT_LEARN = [is_scored, is_part_of_others]


def skip_what_is_older(form, deed):
    if form.startswith("arrow") and deed in (is_searched, *OF_SCIKIT_LEARN) and SKLEARN < (1, 7):
        pytest.skip("scikit-learn takes rows of Arrow's data since 1.7")
    if "UInt64" in form and deed is stops_early and np.__version__.startswith("2.0."):
        pytest.skip("numpy.isin takes labels beyond 2**63 since NumPy 2.1")


def do(deed, given, tmp_path):
    return deed(given, tmp_path) if deed is is_kept else deed(given)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return {
        (deed, n): do(deed, Given("codes", n), tmp_path_factory.mktemp("models"))
        for deed in DEEDS + OF_SCIKIT_LEARN
        for n in (2, 3)
    }


def test_the_quick_ones_are_there():
    assert FORMS.keys() >= QUICK


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("form", marked(FORMS))
def test_whole_life(expected, form, deed, tmp_path):
    skip_what_is_older(form, deed)
    given = Given(form)
    for found, numbers in zip(
        do(deed, given, tmp_path), expected[deed, len(given.labels)], strict=True
    ):
        same_numbers(found, numbers)


@pytest.mark.parametrize("deed", OF_SCIKIT_LEARN, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("form", marked(form for form in FORMS if form not in UNREAD))
def test_with_scikit_learn(expected, form, deed):
    skip_what_is_older(form, deed)
    given = Given(form)
    for found, numbers in zip(deed(given), expected[deed, len(given.labels)], strict=True):
        same_numbers(found, numbers)


def test_texts_that_end_in_zeros_stay_apart(tmp_path):
    y = ["a", "a\0", "b\0"] * 8
    for given in y, objects(y), np.array(y, dtype=np.dtypes.StringDType()):
        clf = MinNetClassifier((8,), solver="lbfgs", random_state=0).fit(
            np.eye(3)[[0, 1, 2] * 8], given
        )
        save_model(clf, tmp_path / "model")
        for est in clf, load_model(tmp_path / "model"):
            assert est.predict(np.eye(3)).tolist() == y[:3]
