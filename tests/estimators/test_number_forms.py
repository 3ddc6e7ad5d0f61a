"""Numbers in every form that a regressor's fit takes, through its whole life.

The oracle is the same deed with the same numbers in a float64 array.
"""

import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from versions import SKLEARN

from minnet import MinNetClassifier, MinNetRegressor
from minnet.persistence import load_model, save_model

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore")

N = 24
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
INDEX = RNG.permutation(N) + 5
HALVES = RNG.integers(-4, 5, N) / 2  # the same in every dtype
WHOLE = RNG.integers(0, 5, N)
FLAGS = WHOLE > 2
PAIRS = np.column_stack([HALVES, WHOLE])


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


#: As a user gives them, and in an array.
FORMS = {
    "list": (HALVES.tolist(), HALVES), "tuple": (tuple(WHOLE.tolist()), WHOLE),
    **{dtype: (HALVES.astype(dtype), HALVES) for dtype in ("f2", "f4", ">f8", "g")},
    **{dtype: (WHOLE.astype(dtype), WHOLE) for dtype in ("i1", "u1", "u8", ">i4")},
    "bool": (FLAGS, FLAGS), "no mask": (np.ma.array(HALVES), HALVES),
    "objects": (HALVES.astype(object), HALVES), "bool objects": (FLAGS.astype(object), FLAGS),
    "Decimal": (objects([Decimal(number) for number in HALVES.tolist()]), HALVES),
    "Fraction": ([Fraction(number) for number in HALVES.tolist()], HALVES),
    "digits": (HALVES.astype(str), HALVES), "digits as objects": (objects(HALVES.astype(str)), HALVES),
    "StringDType": (HALVES.astype(str).astype(np.dtypes.StringDType()), HALVES),
    **{f"pandas {dtype}": (pd.Series(numbers, index=INDEX, dtype=dtype), numbers) for dtype, numbers in
       {"float32": HALVES, "object": HALVES, "Int64": WHOLE, "UInt8": WHOLE, "Float32": HALVES,
        "boolean": FLAGS, "int8[pyarrow]": WHOLE, "double[pyarrow]": HALVES, "bool[pyarrow]": FLAGS,
        "category": HALVES, "Sparse[float]": HALVES}.items()},
    "pandas decimal": (
        pd.Series(list(map(Decimal, HALVES.tolist())), dtype=pd.ArrowDtype(pa.decimal128(5, 1))), HALVES),
    "Int64 array": (pd.array(WHOLE, dtype="Int64"), WHOLE),
    **{f"polars {dtype}": (pl.Series(numbers, dtype=dtype), numbers) for dtype, numbers in
       {pl.Float32: HALVES, pl.Int16: WHOLE, pl.Int128: WHOLE, pl.Boolean: FLAGS}.items()},
    "polars decimal": (pl.Series([Decimal(number) for number in HALVES.tolist()]), HALVES),
    "arrow": (pa.array(HALVES), HALVES), "arrow bool": (pa.array(FLAGS), FLAGS),
    "pairs": (PAIRS.tolist(), PAIRS), "pairs of objects": (PAIRS.astype(object), PAIRS),
    "frame": (pd.DataFrame(PAIRS, index=INDEX, columns=["a", "b"]), PAIRS),
    "frame of several": (
        pd.DataFrame({"a": HALVES, "b": WHOLE}).astype({"a": "Float32", "b": "UInt8"}), PAIRS),
    "polars frame": (pl.DataFrame({"a": HALVES, "b": WHOLE}), PAIRS),
    "arrow table": (pa.table({"a": HALVES, "b": WHOLE}), PAIRS),
}  # fmt: skip

#: scikit-learn's metrics, or its choice of rows, do not read these.
UNREAD = {"StringDType", "polars Int128", "digits", "digits as objects"}


def regressor(**options):
    return MinNetRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0, **options)


def fits(y, tmp_path):
    reg = regressor().fit(X, y)
    assert reg.predict(X).dtype == np.float64
    assert regressor().fit(X.astype(np.float32), y).predict(X).dtype == np.float32
    scaled = regressor(scale_targets=True, solver="lbfgs").fit(X, y)
    return reg.predict(X), scaled.predict(X), reg.score(X, y), reg.score(X, y, WHOLE + 1)


def stops_early(y, tmp_path):
    scores = []
    for scoring in None, "neg_mean_absolute_error", lambda reg, X, y: r2_score(y, reg.predict(X)):
        reg = regressor(early_stopping=True, validation_fraction=0.3, scoring=scoring).fit(X, y)
        scores.append(reg.validation_scores_)
        scores.append(regressor(scoring=scoring).fit(X, y, X_val=X, y_val=y).validation_scores_)
    return scores


def goes_on(y, tmp_path):
    reg = regressor(warm_start=True).partial_fit(X, y).partial_fit(X, y)
    reg.fit_stream([(X, y)], 2).fit(X, y)
    save_model(reg, tmp_path / "model")
    kept = [load_model(tmp_path / "model"), pickle.loads(pickle.dumps(reg))]
    return [est.fit(X, y).predict(X) for est in kept]


def is_searched(y, tmp_path):
    search = GridSearchCV(regressor(), {"alpha": [1e-3]}, cv=3, error_score="raise").fit(X, y)
    return search.predict(X), search.cv_results_["split1_test_score"]


def is_scored(y, tmp_path):
    reg = regressor().fit(X, y)
    scores = [get_scorer("r2")(reg, X, y), -make_scorer(mean_absolute_error)(reg, X, y)]
    scores += list(cross_val_score(regressor(), X, y, scoring="neg_mean_squared_error", cv=3))
    return scores, permutation_importance(reg, X, y, n_repeats=2, random_state=0).importances


DEEDS = [fits, stops_early, goes_on, is_searched, is_scored]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    return {
        (deed, id(numbers)): deed(numbers.astype(float), path)
        for deed in DEEDS
        for numbers in (HALVES, WHOLE, FLAGS, PAIRS)
    }


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("form", FORMS)
def test_whole_life(expected, form, deed, tmp_path):
    if form in UNREAD and deed in (is_scored, is_searched):
        pytest.skip("scikit-learn does not read them")
    if form.startswith("arrow") and deed in (is_scored, is_searched) and SKLEARN < (1, 7):
        pytest.skip("scikit-learn takes rows of Arrow's data since 1.7")
    given, numbers = FORMS[form]
    for found, wanted in zip(deed(given, tmp_path), expected[deed, id(numbers)], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("weight", [2, 0.5, np.float32(2), np.int64(3)])
@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_one_weight_for_all_rows(cls, weight):
    y = WHOLE if cls is MinNetClassifier else HALVES
    same = np.full(len(X), float(weight))
    scores = {
        cls(hidden_layer_sizes=(4,), max_iter=2, random_state=0, scoring=scoring, warm_start=True)
        .fit(X, y, w, X_val=X, y_val=y, sample_weight_val=w)
        .partial_fit(X, y, w)
        .fit_stream([(X, y, w)], 2, X_val=X, y_val=y, sample_weight_val=w)
        .score(X, y, w)
        for scoring in (None, "neg_mean_absolute_error")
        for w in (weight, same)
    }
    assert len(scores) == 1
