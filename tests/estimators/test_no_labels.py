"""What is no label and no number: one sentence that names the argument, for every argument of its kind."""

import datetime
import enum
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse
from versions import SKLEARN

from minnet import MinNetClassifier, MinNetRegressor

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore")

N = 12
X = np.random.default_rng(0).normal(size=(N, 2))
CODES = np.arange(N) % 3
NUMBERS = np.arange(N) / N
DAYS = pd.Series(pd.date_range("2020", periods=N))
SPANS = pd.Series(pd.to_timedelta(np.arange(N), unit="D"))
US = DAYS.dt.unit  # nanoseconds in pandas 2
Colour = enum.Enum("Colour", ["RED", "BLUE"])


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def classifier(**options):
    return MinNetClassifier((3,), max_iter=1, random_state=0, **options)


def regressor():
    return MinNetRegressor(hidden_layer_sizes=(3,), max_iter=1, random_state=0)


#: What messages say that it is, and the thing.
NOTHING = {
    f"datetime64[{US}]": DAYS,
    f"datetime64[{US}, CET]": DAYS.dt.tz_localize("CET"),
    "datetime64[D]": DAYS.to_numpy().astype("M8[D]"),
    f"timedelta64[{SPANS.dt.unit}]": SPANS,
    "timedelta64[s]": SPANS.to_numpy().astype("m8[s]"),
    "period[D]": DAYS.dt.to_period("D"),
    f"datetime64[{US}] ": DAYS.astype("category"),
    "interval[int64, right]": pd.Series(pd.interval_range(0, N)),
    "timestamp[us][pyarrow]": DAYS.astype("timestamp[us][pyarrow]"),
    "date32[day][pyarrow]": pd.Series(DAYS.dt.date.tolist(), dtype=pd.ArrowDtype(pa.date32())),
    "duration[us][pyarrow]": SPANS.astype("duration[us][pyarrow]"),
    "Date": pl.Series(DAYS.dt.date.tolist()),
    "Datetime(time_unit='us', time_zone=None)": pl.Series(
        [datetime.datetime(2020, 1, 1 + i) for i in range(N)]
    ),
    "Duration(time_unit='us')": pl.Series([datetime.timedelta(i) for i in range(N)]),
    "Time": pl.Series([datetime.time(i) for i in range(N)]),
    "datetime64[ms]": pa.array(DAYS.dt.date.tolist(), type=pa.date64()),
    "Timestamp": objects(DAYS.tolist()),
    "date": DAYS.dt.date.tolist(),
    "time": [datetime.time(i) for i in range(N)],
    "timedelta": [datetime.timedelta(i) for i in range(N)],
    "datetime64": objects(list(DAYS.to_numpy())),
    "timedelta64": objects(list(SPANS.to_numpy())),
    "complex128 (Complex data not supported)": CODES + 0j,
    "complex (Complex data not supported)": objects((CODES + 0j).tolist()),
    "|V3": np.zeros(N, dtype="V3"),
    "[('a', '<i8')]": np.zeros(N, dtype=[("a", "i8")]),
    "dict": [{0: 1}] * N,
    "set": objects([{0, 1}] * N),
    "builtin_function_or_method": [print] * N,
    "Colour": [Colour.RED, Colour.BLUE] * (N // 2),
    f"datetime64[{US}] in column 'when'": pd.DataFrame({"a": NUMBERS, "when": DAYS}),
    "Date in column 'when'": pl.DataFrame({"a": NUMBERS, "when": DAYS.dt.date.tolist()}),
}
MISSING = {
    "None": [0, 1, None] * 4,
    "nan in a list": ["a", "b", np.nan] * 4,
    "NA": [0, 1, pd.NA] * 4,
    "NaT": [0, 1, pd.NaT] * 4,
    "nan in objects": objects([0, 1, np.nan] * 4),
    "Int64": pd.Series([0, 1, None] * 4, dtype="Int64"),
    "boolean": pd.Series([False, True, None] * 4, dtype="boolean"),
    "string": pd.Series(["1", "2", None] * 4, dtype="string"),
    "str": pd.Series(["1", "2", None] * 4, dtype="str"),
    "category": pd.Series([0, 1, None] * 4, dtype="category"),
    "int64[pyarrow]": pd.Series([0, 1, None] * 4, dtype="int64[pyarrow]"),
    "string[pyarrow]": pd.Series(["1", "2", None] * 4, dtype=pd.ArrowDtype(pa.string())),
    "StringDType": np.array(["1", "2", None] * 4, dtype=np.dtypes.StringDType(na_object=None)),
    "polars": pl.Series(["1", "2", None] * 4),
    "polars bool": pl.Series([False, True, None] * 4),
    "frame": pd.DataFrame({"t": pd.array([0, 1, None] * 4, dtype="Int64")}),
    "masked": np.ma.masked_equal(CODES, 1),
    "floats": np.where(CODES == 1, np.nan, CODES),
    "polars floats": pl.Series([0, 1, None] * 4),
    "arrow": pa.array([0, 1, None] * 4),
}
OF_LABELS = {
    "fit": (lambda it: classifier().fit(X, it), "y"),
    "partial_fit": (lambda it: classifier().partial_fit(X, it, classes=[0, 1, 2]), "y"),
    "fit_stream": (
        lambda it: classifier().fit_stream([(X, CODES), (X, it)], classes=[0, 1, 2]),
        "y",
    ),
    "classes": (lambda it: classifier().partial_fit(X, CODES, classes=it), "classes"),
    "y_val": (lambda it: classifier().fit(X, CODES, X_val=X, y_val=it), "y_val"),
    "score": (lambda it: classifier().fit(X, CODES).score(X, it), "y"),
    "initialize": (lambda it: classifier().initialize(X, it), "y"),
}
OF_NUMBERS = {
    "fit": (lambda it: regressor().fit(X, it), "y"),
    "partial_fit": (lambda it: regressor().partial_fit(X, it), "y"),
    "y_val": (lambda it: regressor().fit(X, NUMBERS, X_val=X, y_val=it), "y_val"),
    "score": (lambda it: regressor().fit(X, NUMBERS).score(X, it), "y"),
    "sample_weight": (lambda it: classifier().fit(X, CODES, it), "sample_weight"),
    "sample_weight_val": (
        lambda it: regressor().fit(X, NUMBERS, X_val=X, y_val=NUMBERS, sample_weight_val=it),
        "sample_weight_val",
    ),
    "score weight": (lambda it: classifier().fit(X, CODES).score(X, CODES, it), "sample_weight"),
}


@pytest.mark.parametrize("call", OF_LABELS)
@pytest.mark.parametrize("what", NOTHING)
def test_no_labels(what, call):
    call, name = OF_LABELS[call]
    with pytest.raises(ValueError, match=name) as caught:
        call(NOTHING[what])
    sentence = (
        f"{name} must have labels that are strings, whole numbers or booleans, got {what.strip()}"
    )
    assert str(caught.value).removeprefix("batch 1: ") == sentence


@pytest.mark.parametrize("call", OF_NUMBERS)
@pytest.mark.parametrize("what", NOTHING)
def test_no_numbers(what, call):
    call, name = OF_NUMBERS[call]
    with pytest.raises(ValueError, match=name) as caught:
        call(NOTHING[what])
    assert str(caught.value) == f"{name} must be numbers, got {what.strip()}"


@pytest.mark.parametrize("call", [*OF_LABELS, *(f"{call} " for call in OF_NUMBERS)])
@pytest.mark.parametrize("what", MISSING)
def test_missing(what, call):
    kind = OF_LABELS if call in OF_LABELS else OF_NUMBERS
    call, name = kind[call.strip()]
    # Texts that look like numbers are numbers where scikit-learn takes them for such.
    with pytest.raises(ValueError, match=r"missing|masked|NaN|numbers|convert") as caught:
        call(MISSING[what])
    text = str(caught.value).removeprefix("batch 1: ")
    if kind is OF_NUMBERS and what == "nan in a list":
        assert "could not convert string to float" in text or text.startswith(name)
    elif "floats" in what or what == "arrow":
        assert "NaN" in text
    else:
        wanted = ("labels", "masked") if kind is OF_LABELS else ("values", "masked", "be numbers")
        assert text.startswith(f"{name} must ")
        assert any(word in text for word in wanted)


@pytest.mark.parametrize("number", [Decimal(1), Fraction(1, 2)])
def test_numbers_that_are_no_labels(number):
    items = [number, number * 2] * (N // 2)
    plain = [float(item) for item in items]
    for form in items, objects(items):
        with pytest.raises(ValueError, match=f"y must have .* got {type(number).__name__}"):
            classifier().fit(X, form)
        fits = [regressor().fit(X, y, weight) for y, weight in ((form, plain), (plain, form))]
        for reg in fits:
            np.testing.assert_array_equal(
                reg.predict(X), regressor().fit(X, plain, plain).predict(X)
            )
        assert fits[0].score(X, form) == fits[0].score(X, plain)


@pytest.mark.parametrize("weight", [["1"] * N, np.array(["1"] * N), objects(["1"] * N), "1", b"1"])
def test_weights_are_no_texts(weight):
    with pytest.raises(ValueError, match="sample_weight must be numbers, got"):
        classifier().fit(X, CODES, weight)


@pytest.mark.parametrize(
    "value", [np.timedelta64(7, "s"), datetime.date(2020, 1, 1), 1j, pd.NaT, "1"]
)
def test_class_weights(value):
    with pytest.raises(ValueError, match="class_weight must have finite values of at least 0, got"):
        classifier(class_weight={0: value, 1: 1, 2: 1}).fit(X, CODES)
    with pytest.raises(
        ValueError, match=r"class_weight must have labels of \[0, 1, 2\] as keys, got"
    ):
        classifier(class_weight={value: 1, 1: 1, 2: 1}).fit(X, CODES)


# ---- indicators

TRUE = np.column_stack([CODES > 0, CODES > 1])
CALLS = {
    "fit": (lambda it: classifier().fit(X, it), "y"),
    "partial_fit": (lambda it: classifier().partial_fit(X, it, classes=[0, 1]), "y"),
    "fit_stream": (lambda it: classifier().fit_stream([(X, TRUE), (X, it)], classes=[0, 1]), "y"),
    "y_val": (lambda it: classifier().fit(X, TRUE, X_val=X, y_val=it), "y_val"),
    "score": (lambda it: classifier().fit(X, TRUE).score(X, it), "y"),
}
FORMS = {
    "array": np.array,
    "list": lambda it: it.tolist(),
    "objects": lambda it: it.astype(object),
    "frame": lambda it: pd.DataFrame(it, columns=["a", "b"]),
    "nullable": lambda it: pd.DataFrame(it, columns=["a", "b"]).convert_dtypes(),
    "polars": lambda it: pl.DataFrame(it, schema=["a", "b"]),
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
}
MIXED = {
    "mixed columns": pd.DataFrame({"a": TRUE[:, 0], "b": TRUE[:, 1].astype(int)}),
    "mixed nullable": pd.DataFrame(
        {
            "a": pd.array(TRUE[:, 0], dtype="boolean"),
            "b": pd.array(TRUE[:, 1] * 1.0, dtype="Float64"),
        }
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("low_high", [(0, 2), (-1, 1), (0.0, 3.0), (0, -1), (2, 2)])
def test_indicators_have_zeros_and_ones(low_high, form, call):
    call, name = CALLS[call]
    low, high = low_high
    with pytest.raises(ValueError, match=name) as caught:
        call(FORMS[form](np.where(TRUE, high, low)))
    text = str(caught.value).removeprefix("batch 1: ")
    # One with -1 and 1 in a sparse matrix has three values.
    alone = f"{name} must have zeros and ones alone as a multilabel indicator, got "
    assert text.startswith((alone, f"{name} must have one column of labels or be a multilabel"))


@pytest.mark.parametrize("dtype", [bool, "i1", "i8", "u1", "f4", "f8"])
@pytest.mark.parametrize("form", FORMS)
def test_indicators(form, dtype):
    given = FORMS[form](TRUE.astype(dtype))
    clf = classifier(early_stopping=True, validation_fraction=0.5, scoring="accuracy")
    clf.fit(X, given).set_params(warm_start=True).fit(X, given, X_val=X, y_val=given)
    expected = classifier(early_stopping=True, validation_fraction=0.5, scoring="accuracy")
    expected.fit(X, TRUE).set_params(warm_start=True).fit(X, TRUE, X_val=X, y_val=TRUE)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.validation_scores_ == expected.validation_scores_
    assert clf.score(X, given) == expected.score(X, TRUE)


@pytest.mark.parametrize("form", MIXED)
def test_indicators_of_several_dtypes(form):
    clf = classifier().fit(X, MIXED[form])
    np.testing.assert_array_equal(clf.predict_proba(X), classifier().fit(X, TRUE).predict_proba(X))
    assert clf.score(X, MIXED[form]) == clf.score(X, TRUE)


# ---- what scikit-learn says

OF_SCIKIT_LEARN = {
    "a scalar": (3, "Input should have at least 1 dimension"),
    "no axis": (np.array(3), "Input should have at least 1 dimension"),
    "an object": (object(), "Input should have at least 1 dimension"),
    "a text": ("abc", "Input should have at least 1 dimension"),
    "a text of its own": ("no_validation", "Input should have at least 1 dimension"),
    "nothing": (None, "requires y to be passed, but the target y is None"),
    "no rows": ([], "Found array with 0 sample"),
    "three axes": (np.zeros((N, 2, 2)), "Found array with dim 3"),
    "ragged": ([[1, 2]] + [[1]] * (N - 1), "y: setting an array element with a sequence"),
    "ragged objects": (objects([[1, 2]] + [[1]] * (N - 1)), "sequence"),
    "two columns of a name": (
        pd.DataFrame(TRUE * 1, columns=["a", "a"]),
        "columns of different names",
    ),
    "nullable ones": (
        pd.DataFrame(TRUE, columns=["a", "a"], dtype="boolean"),
        "columns of different names",
    ),
    "no columns": (pd.DataFrame(index=range(N)), "at least one array or dtype is required"),
    "a matrix": (np.asmatrix(CODES).T, "np.matrix is not supported"),
    "an index of tuples": (pd.MultiIndex.from_arrays([CODES, CODES]), "sequence"),
}


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("what", OF_SCIKIT_LEARN)
def test_sentences_of_scikit_learn(what, make):
    y, sentence = OF_SCIKIT_LEARN[what]
    if sentence == "columns of different names" and SKLEARN < (1, 9):
        make().fit(X, y)  # they are two columns
        return
    with pytest.raises((TypeError, ValueError), match=sentence.replace("sequence", "[Ss]equence")):
        make().fit(X, y)


@pytest.mark.parametrize("y", [np.array(["a", "b", "c"] * 4), ["a", "b", "c"] * 4])
def test_texts_are_no_numbers(y):
    with pytest.raises(ValueError, match="could not convert string to float"):
        regressor().fit(X, y)
