"""Data frames and series of pandas and polars, as inputs and as targets."""

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import knows_columns, since

from minnet import MinNetClassifier, MinNetRegressor
from minnet.lab import probe, sweep

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

NAMES = ["u", "v", "w"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
INDEX = RNG.permutation(60)  # of series and frames: only places count
COUNTS = RNG.integers(1, 4, 60)
LABELS = np.array(["a", "b", "c"])[RNG.integers(0, 3, 60)]
NUMBERS = X[:, 0] - X[:, 1] ** 2

FRAMES = {
    "pandas": pd.DataFrame(X, columns=NAMES, index=INDEX),
    "pandas nullable": pd.DataFrame(X, columns=NAMES, dtype="Float64"),
    "pandas object": pd.DataFrame(X, columns=NAMES, dtype=object),
    "polars": pl.DataFrame(X, schema=NAMES),
}
TEXTS = {
    "pandas object": pd.Series(LABELS, dtype=object, index=INDEX),
    "pandas string": pd.Series(LABELS, dtype="string"),
    "pandas category": pd.Series(LABELS, dtype="category"),
    "pandas column": pd.DataFrame({"y": LABELS})["y"],
    "polars": pl.Series(LABELS),
    "polars categorical": pl.Series(LABELS, dtype=pl.Categorical),
    "polars enum": pl.Series(LABELS, dtype=pl.Enum(["c", "b", "a"])),
}
WEIGHTS = {
    "pandas": pd.Series(COUNTS, index=INDEX),
    "pandas nullable": pd.Series(COUNTS, dtype="Int64"),
    "polars": pl.Series(COUNTS),
}


def classifier(**options):
    return MinNetClassifier((5,), max_iter=3, random_state=0, **options)


def regressor():
    return MinNetRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0)


@pytest.fixture(scope="module")
def reference():
    return classifier().fit(X, LABELS, COUNTS, X_val=X, y_val=LABELS, sample_weight_val=COUNTS)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("y", TEXTS)
@pytest.mark.parametrize("frame", FRAMES)
def test_fit_as_with_arrays(reference, frame, y, weight):
    frame, y, weight = FRAMES[frame], TEXTS[y], WEIGHTS[weight]
    clf = classifier().fit(frame, y, weight, X_val=frame, y_val=y, sample_weight_val=weight)
    np.testing.assert_array_equal(clf.coefs_[0], reference.coefs_[0])
    assert clf.validation_loss_curve_ == reference.validation_loss_curve_
    assert list(clf.classes_) == ["a", "b", "c"]
    assert list(clf.feature_names_in_) == NAMES
    np.testing.assert_array_equal(clf.predict(frame), reference.predict(X))
    np.testing.assert_array_equal(clf.predict_proba(frame), reference.predict_proba(X))
    assert clf.score(frame, y, weight) == reference.score(X, LABELS, COUNTS)


@pytest.mark.parametrize("classes", [pd.Series(["a", "b", "c"]), pl.Series(["a", "b", "c"])])
@pytest.mark.parametrize("frame", FRAMES)
def test_partial_fit_as_with_arrays(frame, classes):
    expected = classifier().partial_fit(X, LABELS, COUNTS, classes=["a", "b", "c"])
    clf = classifier().partial_fit(FRAMES[frame], TEXTS["polars"], WEIGHTS["polars"], classes)
    for _ in range(2):
        np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])
        clf.partial_fit(FRAMES[frame], TEXTS["pandas category"], WEIGHTS["pandas"])
        expected.partial_fit(X, LABELS, COUNTS)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(NUMBERS, index=INDEX),
        pd.Series(NUMBERS, dtype="Float64"),
        pl.Series(NUMBERS),
    ],
)
def test_numbers(y):
    expected = regressor().fit(X, NUMBERS)
    reg = regressor().fit(FRAMES["polars"], y)
    np.testing.assert_array_equal(reg.predict(FRAMES["polars"]), expected.predict(X))


@pytest.mark.parametrize("library", [pd, pl])
def test_several_columns(library):
    several = np.column_stack([NUMBERS, -NUMBERS])
    expected = regressor().fit(X, several).predict(X)
    frame = library.DataFrame({"a": NUMBERS, "b": -NUMBERS})
    np.testing.assert_array_equal(regressor().fit(X, frame).predict(X), expected)
    indicator = (several > 0).astype(int)
    expected = classifier().fit(X, indicator).predict(X)
    frame = library.DataFrame({"a": indicator[:, 0], "b": indicator[:, 1]})
    np.testing.assert_array_equal(classifier().fit(X, frame).predict(X), expected)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.Series(COUNTS, dtype="Int64"), [1, 2, 3]),
        (pd.Series(COUNTS, dtype="category"), [1, 2, 3]),
        (pd.Series(COUNTS > 1, dtype="boolean"), [False, True]),
        (pl.Series(COUNTS), [1, 2, 3]),
        (pl.Series(COUNTS > 1), [False, True]),
    ],
)
def test_labels_that_are_numbers(y, classes):
    clf = classifier().fit(X, y)
    assert list(clf.classes_) == classes
    np.testing.assert_array_equal(clf.predict(X), classifier().fit(X, np.asarray(y)).predict(X))


@pytest.mark.parametrize(
    ("frame", "dtype"),
    [
        (pd.DataFrame(X, columns=NAMES, dtype="float32"), "float32"),
        (pd.DataFrame(X, columns=NAMES, dtype="Float32"), "float32"),
        (pl.DataFrame(X, schema=NAMES).cast(pl.Float32), "float32"),
        (pd.DataFrame(X, columns=NAMES, dtype="float[pyarrow]"), "float32"),
        (pa.table(dict(zip(NAMES, X.T.astype("float32"), strict=True))), "float32"),
        (pa.table(dict(zip(NAMES, X.T, strict=True))), "float64"),
        (FRAMES["polars"].with_columns(pl.col("u").cast(pl.Float32)), "float64"),
        (pd.DataFrame(X, columns=NAMES).astype({"u": "float32"}), "float64"),
        (pl.DataFrame(COUNTS.reshape(20, 3), schema=NAMES), "float64"),
    ],
)
def test_dtype(frame, dtype):
    # float32 in all columns is computed in float32, as in an array.
    y = LABELS[: len(frame)]
    for clf in (
        classifier().fit(frame, y),
        classifier().partial_fit(frame, y, classes=list("abc")),
    ):
        assert clf.network_.dtype == dtype
        assert clf.predict_proba(frame).dtype == dtype
        assert clf.fit(X, LABELS, X_val=frame, y_val=y).network_.dtype == "float64"


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("what", ["must be in the same order", "unseen at fit time:\n- x"])
def test_wrong_columns(frame, what):
    frame = FRAMES[frame]
    if "order" in what:
        wrong = frame[["v", "u", "w"]]
    elif isinstance(frame, pl.DataFrame):
        wrong = frame.rename({"u": "x"})
    else:
        wrong = frame.rename(columns={"u": "x"})
    clf = classifier().fit(frame, LABELS)
    before = clf.coefs_[0].copy()
    calls = [
        lambda: clf.predict(wrong),
        lambda: clf.predict_proba(wrong),
        lambda: clf.activations(wrong),
        lambda: clf.partial_fit(wrong, LABELS),
        lambda: classifier().fit(frame, LABELS, X_val=wrong, y_val=LABELS),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="The feature names should match") as error:
            call()
        assert what in str(error.value)
    np.testing.assert_array_equal(clf.coefs_[0], before)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        clf.predict(X)


@since((1, 9), "columns of one name are refused")
@pytest.mark.parametrize(
    ("frame", "got"),
    [
        (pd.DataFrame(X, columns=list("aba")), "'a' 2 times"),
        (pd.DataFrame(X, columns=pd.Index([1, 2, 2])), "2 2 times"),
        (
            pa.Table.from_arrays([pa.array(column) for column in X.T], names=list("aaa")),
            "'a' 3 times",
        ),
    ],
    ids=["pandas", "numbers", "pyarrow"],
)
def test_columns_of_one_name_are_told_in_a_sentence(frame, got):
    clf = classifier().fit(X, LABELS)
    calls = [
        lambda: classifier().fit(frame, LABELS),
        lambda: classifier().fit(X, LABELS, X_val=frame, y_val=LABELS),
        lambda: clf.predict(frame),
        lambda: clf.partial_fit(frame, LABELS),
        lambda: probe(clf, frame, LABELS),
        lambda: sweep(clf, frame, LABELS, seeds=1),
        lambda: sweep(clf, X, LABELS, seeds=1, X_val=frame, y_val=LABELS),
        lambda: regressor().fit(X, frame),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="must have columns of different names") as error:
            call()
        assert str(error.value).endswith(f" must have columns of different names, got {got}")


@pytest.mark.parametrize(
    "frame",
    [
        FRAMES["pandas nullable"].mask(X > 2, pd.NA),
        FRAMES["polars"].with_columns(pl.when(pl.col("u") > 0).then(pl.col("u"))),
    ],
)
def test_missing_values_are_told(frame):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        classifier().fit(frame, LABELS)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([None, *COUNTS[1:]], dtype="Int64"),
        pl.Series([None, *COUNTS[1:].tolist()]),
    ],
)
def test_missing_targets_are_told(y):
    for estimator in (classifier(), regressor()):
        with pytest.raises(ValueError, match=r"Input y contains NaN|y must have no missing"):
            estimator.fit(X, y)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_pipeline_of_frames(library):
    # What set_output puts out comes in, with its names.
    if not knows_columns(library):
        pytest.skip("a scaler that does not know this polars' columns: scikit-learn before 1.9")
    pipe = make_pipeline(StandardScaler(), classifier()).set_output(transform=library)
    pipe.fit(FRAMES[library], LABELS)
    assert list(pipe[-1].feature_names_in_) == NAMES
    expected = make_pipeline(StandardScaler(), classifier()).fit(X, LABELS)
    np.testing.assert_array_equal(pipe.predict(FRAMES[library]), expected.predict(X))


@pytest.mark.parametrize("column", [lambda y: y[:, np.newaxis], lambda y: pd.DataFrame({"y": y})])
@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_the_warning_of_a_column_points_at_the_call(cls, column):
    X, y = np.eye(12), np.arange(12) % 2
    est = cls(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
    calls = [
        lambda: est.fit(X, column(y)),
        lambda: est.partial_fit(X, column(y)),
        lambda: est.initialize(X, column(y)),
        lambda: est.fit(X, y, X_val=X, y_val=column(y)),
    ]
    for call in calls:
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed") as caught:
            call()
        told = [warning for warning in caught if warning.category is DataConversionWarning]
        assert {warning.filename for warning in told} == {__file__}
    assert est.predict(X).shape == (12,)
