"""One table in all containers: fitted in any, transformed in any, it is the same numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingRegressor

from minnet import TableEncoder
from minnet.tables.columns import Category

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

N = 23


def missing_some(values, seed):
    absent = np.random.default_rng(seed).random(N) < 0.2
    return [None if gone else value for value, gone in zip(values, absent, strict=True)]


rng = np.random.default_rng(0)
COLUMNS = {
    "float": missing_some(rng.normal(size=N).tolist(), 1),
    "whole": rng.integers(-5, 5, N).tolist(),
    "whole_or_missing": missing_some(rng.integers(0, 9, N).tolist(), 2),
    "flag": (rng.random(N) < 0.5).tolist(),
    "flag_or_missing": missing_some((rng.random(N) < 0.5).tolist(), 3),
    "text": missing_some(rng.choice(["a", "b", "", "nan"], N).tolist(), 4),
    "two": rng.choice(["no", "yes"], N).tolist(),
    "void": [None] * N,
}


class Interchanged:
    """A frame of a library that nobody knows."""

    def __init__(self, columns):
        schema = pa.table(COLUMNS).schema
        void = pa.field("void", pa.float64())  # the protocol has no type of nulls
        schema = schema.set(schema.get_field_index("void"), void)
        self.frame = pa.table(columns, schema=schema)

    def __dataframe__(self, *args, **kwargs):
        return self.frame.__dataframe__(*args, **kwargs)


class Streamed:
    """Another one, of a newer protocol."""

    def __init__(self, frame):
        self.frame, self.schema = frame, frame.schema

    def __arrow_c_stream__(self, *args, **kwargs):
        return self.frame.__arrow_c_stream__(*args, **kwargs)


def rows(columns):
    return [list(row) for row in zip(*columns.values(), strict=True)]


def objects(columns):
    return np.array([*columns.values()], dtype=object).T


def masked(columns):
    X = objects(columns)
    return np.ma.masked_array(np.where(X == None, "?", X), X == None)  # noqa: E711


def as_categories(columns):
    frame = pd.DataFrame(columns)
    return frame.astype(dict.fromkeys(("flag", "flag_or_missing", "text", "two"), "category"))


def arrow_backed(columns):
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


CONTAINERS = {
    "pandas": pd.DataFrame,
    "pandas object": lambda columns: pd.DataFrame(columns, dtype=object),
    "pandas nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas arrow": arrow_backed,
    "pandas category": as_categories,
    "polars": pl.DataFrame,
    "polars category": lambda columns: pl.DataFrame(columns).with_columns(
        pl.col("text", "two").cast(pl.Categorical)
    ),
    "pyarrow": pa.table,
    "pyarrow batch": pa.RecordBatch.from_pydict,
    "pyarrow dictionary": lambda columns: pa.table(
        {
            name: pa.array(values).dictionary_encode() if name in ("text", "two") else values
            for name, values in columns.items()
        }
    ),
    "interchange": Interchanged,
    "stream": lambda columns: Streamed(pa.table(columns)),
    "objects": objects,
    "list": rows,
    "masked": masked,
}


def head(columns, n):
    return {name: values[:n] for name, values in columns.items()}


@pytest.fixture(scope="module")
def fitted():
    return {
        name: TableEncoder(bins=4, output="structured").fit(make(COLUMNS))
        for name, make in CONTAINERS.items()
    }


def reference():
    """Return the structured table, made from the lists alone."""
    parts = {}
    for name in ("float", "whole", "whole_or_missing"):
        x = np.array(COLUMNS[name], dtype=float)
        known = x[~np.isnan(x)]
        low, center, high = np.quantile(known, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
        s = (x - center) / (high - low)
        parts[name] = np.nan_to_num(s / np.sqrt(1 + (s / 3) ** 2))
        if len(known) < N:
            parts[name + "_missing"] = np.isnan(x)
    for name in ("flag", "flag_or_missing", "two"):
        values = sorted({v for v in COLUMNS[name] if v is not None})
        signs = {None: 0, values[0]: -1, values[1]: 1}
        parts[f"{name}_{values[1]}"] = [signs[v] for v in COLUMNS[name]]
    places = {None: -1, "": 0, "a": 1, "b": 2, "nan": 3}
    parts["text"] = [places[v] for v in COLUMNS["text"]]
    return pd.DataFrame(parts)


@pytest.mark.parametrize("name", CONTAINERS)
def test_fit(fitted, name):
    encoder, expected = fitted[name], reference()
    names_in = None if hasattr(encoder, "feature_names_in_") else list(COLUMNS)
    names = list(encoder.get_feature_names_out(names_in))
    assert sorted(names) == sorted(expected)
    Z = encoder.transform(CONTAINERS[name](COLUMNS))
    np.testing.assert_allclose(Z, expected[names].astype(float), rtol=1e-6, atol=1e-7)
    assert (names_in is None) == (name not in ("objects", "list", "masked"))


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("name", CONTAINERS)
def test_fitted_in_any_transformed_in_any(fitted, name, n):
    X = CONTAINERS[name](head(COLUMNS, n))
    expected = fitted["pandas"].transform(pd.DataFrame(COLUMNS))[:n]
    for encoder in fitted.values():
        np.testing.assert_array_equal(encoder.transform(X), expected)


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_row_without_anything(fitted, name):
    X = CONTAINERS[name]({column: [None] for column in COLUMNS})
    expected = fitted["pandas"].transform(pd.DataFrame({column: [None] for column in COLUMNS}))
    np.testing.assert_array_equal(fitted["polars"].transform(X), expected)


@pytest.mark.parametrize("missing", [False, True])
def test_numbers_of_all_dtypes_and_more_rows_than_are_encoded_at_a_time(missing):
    rng, n = np.random.default_rng(0), 2500
    X = pd.DataFrame({
        "f8": rng.normal(size=n), "one": np.ones(n), "i8": rng.integers(-5, 2**62, n),
        "f4": rng.normal(size=n).astype("f4"), "u1": rng.integers(0, 200, n).astype("u1"),
        "b": rng.random(n) < 0.3,
    })  # fmt: skip
    if missing:
        X.loc[::7, ["f8", "f4"]] = np.nan
    parts = []
    for name, x in X.drop(columns="one").astype(float).items():
        low, center, high = np.nanquantile(x, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
        s = (x - center) / (high - low)
        parts.append(np.nan_to_num(s / np.sqrt(1 + (s / 3) ** 2)))
        if missing and name.startswith("f"):
            parts.append(np.isnan(x))
    options = {"bins": None, "categorical_features": None, "output": "structured"}
    encoder = TableEncoder(**options).fit(X)
    Z = encoder.transform(X)
    np.testing.assert_allclose(Z, np.transpose(parts), rtol=1e-6, atol=1e-7)
    for other in (X.astype(object), pl.from_pandas(X), pa.Table.from_pandas(X)):
        np.testing.assert_array_equal(encoder.transform(other), Z)
    np.testing.assert_array_equal(encoder.transform(X[1000:1200]), Z[1000:1200])
    as_one = TableEncoder(**options, dtype="float64").fit(X.to_numpy(float))
    of_frame = TableEncoder(**options, dtype="float64").fit(X)
    for order in "CF":
        A = X.to_numpy(float).astype(float, order=order)
        np.testing.assert_array_equal(as_one.transform(A), of_frame.transform(X))


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "dok"])
@pytest.mark.parametrize("output", ["encoded", "structured", "sparse"])
def test_sparse_matrices_are_numbers(kind, output):
    dense = np.round(np.random.default_rng(0).exponential(size=(40, 5)) - 0.4)
    dense[3, 2] = np.nan
    X = sparse.coo_array(dense).asformat(kind)
    encoder = TableEncoder(bins=4, output=output).fit(X)
    expected = TableEncoder(bins=4, output=output).fit(dense).transform(dense)
    assert abs(encoder.transform(X) - expected).sum() == 0
    assert abs(encoder.transform(dense) - expected).sum() == 0


def test_a_lazy_frame_is_to_be_collected():
    with pytest.raises(
        TypeError, match=r"^X must be .* got a LazyFrame: its collect\(\) makes a data"
    ):
        TableEncoder().fit(pl.LazyFrame({"a": [1.0, 2.0]}))


# ---- which columns are categories: as in HistGradientBoosting


def mixed():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 3, (30, 3)).astype(float), columns=["a", "b", "c"])
    X["d"] = pd.Categorical(rng.choice(["u", "v", "w"], 30))
    return X


FORMS = [
    "from_dtype", ["d"], ["a", "d"], np.array(["b", "d"]), pd.Index(["c", "d"]), [3], [0, 3],
    np.array([1, 3]), [3, 3], [False, True, False, True], np.array([True, False, False, True]), (0, 3),
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_categorical_features(form):
    X = mixed()
    boosting = HistGradientBoostingRegressor(max_iter=1, categorical_features=form)
    expected = boosting.fit(X, X["a"]).is_categorical_
    encoder = TableEncoder(categorical_features=form).fit(X)
    got = [isinstance(encoding, Category) for encoding in encoder.encodings_]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("form", [None, [], [False] * 4, ["a"], [1]], ids=str)
def test_what_is_not_named_is_numbers_if_it_can_be(form):
    X = mixed().assign(e=pd.Categorical([0, 2, 4] * 10), f=[True, False] * 15)
    form = [*form, False, False] if form == [False] * 4 else form
    encoder = TableEncoder(categorical_features=form).fit(X)
    got = [isinstance(encoding, Category) for encoding in encoder.encodings_]
    named = {"a": ["a"], 1: ["b"]}.get(form[0] if form else None, [])
    np.testing.assert_array_equal(got, X.columns.isin([*named, "d"]))
    np.testing.assert_array_equal(
        encoder.transform(X), encoder.transform(X.astype({"e": int, "f": float}))
    )


@pytest.mark.parametrize(
    "form",
    [["z"], [4], [-1], [True], [[0]], [0.5], ["a", 1], [None], 3, {"a"}, np.array("a")],
    ids=str,
)
def test_bad_categorical_features(form):
    with pytest.raises(ValueError, match="categorical_features"):
        TableEncoder(categorical_features=form).fit(mixed())


def test_names_need_names():
    with pytest.raises(ValueError, match="has no names: give positions or a mask"):
        TableEncoder(categorical_features=["a"]).fit(np.eye(3))
    encoder = TableEncoder(categorical_features=[0], output="structured").fit(
        np.arange(6.0).reshape(3, 2)
    )
    assert encoder.transform([[4.0, 1.0]])[0, 0] == 2  # fmt: skip
