"""Columns at the ends of what numbers and categories can be."""

import numpy as np
import pandas as pd
import pytest

from minnet import TableEncoder

INF = np.inf
LARGEST = np.finfo(float).max

#: Columns of numbers, in rising order as far as they are known.
NUMBERS = {
    "infinite ends": [-INF, -1.0, 0.0, 1.0, 2.0, INF],
    "one or infinite": [5.0, 5.0, 5.0, INF],
    "both infinite": [-INF, INF],
    "mostly infinite": [-INF, -INF, -INF, 0.0, 1.0, INF, INF, INF, INF],
    "largest": [-LARGEST, -1e300, 0.0, 1.0, 1e300, LARGEST],
    "two largest": [-LARGEST, LARGEST],
    "smallest": [0.0, 5e-324, 1e-323, 2e-323],
    "beyond float32": [1.0, 1e40, 2e40, 1e200],
    "int64": np.array([-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]),
    "uint64": np.array([0, 1, 2**64 - 1], np.uint64),
    "int8": np.array([-128, 0, 127], np.int8),
    "float16": np.array([-65504, 0, 1, 65504, INF], np.float16),
    "longdouble": np.array([0, 1, 2], np.longdouble),
    "missing": [np.nan, -1.0, 0.0, 3.0, INF, np.nan],
    "negative zero": [-0.0, 0.0, 1.0],
    "close": 1e15 + np.arange(5),
    "rare one": [0.0] * 99 + [1.0],
    "heavy tail": 10.0 ** np.arange(-150, 150, 7),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bins", [1, 5, 32])
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_stay_in_order_and_finite(name, bins, dtype):
    x = np.asarray(NUMBERS[name])
    encoder = TableEncoder(bins=bins, output="structured", dtype=dtype).fit(x[:, None])
    Z = encoder.transform(x[:, None])
    known = ~np.isnan(x)
    z = Z[known, 0].astype(float)
    assert np.isfinite(Z).all()
    assert (abs(z) <= 3.0001).all()
    assert (np.diff(z) >= 0).all()
    assert z[0] < z[-1]
    assert (Z[~known, 0] == 0).all()
    infinite = np.isinf(x[known].astype(float))
    np.testing.assert_allclose(z[infinite], 3 * np.sign(x[known][infinite]), rtol=1e-6)
    edges = encoder.columns_[0]
    assert 2 <= len(edges) <= bins + 1
    assert (np.diff(edges) > 1e-7).all()
    np.testing.assert_allclose(edges[[0, -1]], z[[0, -1]], rtol=1e-6, atol=1e-30)
    E = encoder.set_params(output="encoded").transform(x[:, None])
    assert np.isfinite(E).all()
    # What no row of fit was like.
    other = np.array([[-INF], [-LARGEST], [np.nan], [1e-300], [LARGEST], [INF]])
    pieces = encoder.transform(other)[:, 1 : len(edges)]
    assert (pieces >= -1.01).all()
    assert (pieces <= 2.01).all()


@pytest.mark.parametrize("x", [[7.0, 7.0], [INF, INF], [np.nan, np.nan], [LARGEST] * 3, [3.0]])
def test_constant_columns_vanish(x):
    X = np.column_stack([x, np.zeros(len(x)) + 2])
    assert TableEncoder().fit(X).columns_ == []
    with_other = np.column_stack([x, np.arange(len(x))])
    assert len(TableEncoder().fit(with_other).columns_) == (len(x) > 1)


def test_constant_or_missing_is_an_indicator():
    encoder = TableEncoder().fit([[2.0, 0], [np.nan, 1], [2.0, 0]])
    np.testing.assert_array_equal(encoder.transform([[np.nan, 0], [9.0, 0]])[:, 0], [1, 0])
    assert encoder.get_feature_names_out()[0] == "x0_missing"
    # None missing in fit: then the median.
    encoder = TableEncoder(output="structured").fit([[1.0], [2.0], [4.0]])
    np.testing.assert_array_equal(encoder.transform([[np.nan], [2.0]]), [[0], [0]])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["readonly", "strided", "memmap", "swapped"])
def test_memory(order, kind, tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 4))
    expected = TableEncoder().fit(X).transform(X)
    Y = np.array(X, order=order)
    if kind == "readonly":
        Y.flags.writeable = False
    elif kind == "strided":
        Y = np.array(np.repeat(np.repeat(X, 2, 0), 3, 1), order=order)[::2, ::3]
    elif kind == "swapped":
        Y = Y.astype(Y.dtype.newbyteorder())
    else:
        Y = np.memmap(tmp_path / "X", float, "w+", shape=X.shape, order=order)
        Y[:] = X
        Y = np.memmap(tmp_path / "X", float, "r", shape=X.shape, order=order)
    before = Y.copy()
    np.testing.assert_array_equal(TableEncoder().fit(Y).transform(Y), expected)
    np.testing.assert_array_equal(Y, before)


# ---- categories


def frame(values, dtype=object):
    return pd.DataFrame({"a": pd.Series(values, dtype=dtype)})


def codes(values, other=None, **params):
    encoder = TableEncoder(output="structured", **params).fit(frame(values))
    return encoder.transform(frame(values if other is None else other))[:, 0].tolist()


@pytest.mark.parametrize(
    ("values", "other", "expected"),
    [
        (["b", "a", "c"], ["a", "b", "c", "d", None], [0, 1, 2, -1, -1]),
        (["b", "a"], ["a", "b", "d", None], [-1, 1, 0, 0]),
        (["a", "a", None], ["a", None, "b"], [0, -1, -1]),
        ([True, False, None], [True, False, None, 1, 0, 1.0, "True"], [1, -1, 0, 1, -1, 1, 0]),
        ([1, "1", 2.5, "b"], ["b", "1", 2.5, 1, 1.0, True], [3, 2, 1, 0, 0, 0]),
        (["", " ", "nan", np.nan], ["", " ", "nan", np.nan, pd.NA, pd.NaT], [0, 1, 2, -1, -1, -1]),
        ([b"x", b"y", "z"], ["x", "y", b"z"], [0, 1, 2]),
        (["\udc80", "é", "e\u0301"], ["e\u0301", "é", "\udc80"], [0, 1, 2]),
        ([np.str_("u"), "v", "w"], ["w", np.str_("v"), "u"], [2, 1, 0]),
    ],
)
def test_values_are_told_apart_as_in_python(values, other, expected):
    assert codes(values, other) == expected


@pytest.mark.parametrize(
    "categories",
    [["a", "", "nan", "b"], [1, 0, 2**60, -1], [0.5, 1.0, np.inf, -2.0], [True, False],
     pd.interval_range(0, 4), pd.date_range("2020", periods=4), ["a", 1, 2.5, "b"]],
    ids=str,
)  # fmt: skip
def test_few_rows_with_many_categories_are_the_same_as_among_others(categories):
    codes = np.random.default_rng(0).integers(-1, len(categories), 40)
    X = pd.DataFrame({"a": pd.Categorical.from_codes(codes, categories)})
    encoder = TableEncoder(output="structured").fit(X)
    Z = encoder.transform(X)
    assert len(np.unique(Z)) == len(categories) + 1
    for rows in (slice(1), slice(3, 4), slice(7, 9), slice(30, 33)):
        np.testing.assert_array_equal(encoder.transform(X[rows]), Z[rows])
    np.testing.assert_array_equal(
        encoder.transform(X[codes < 0][:1]), [[0 if len(categories) == 2 else -1]]
    )


def test_named_columns_may_have_anything_that_can_be_told_apart():
    dates = pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-02", None, "2026-01-03"])
    X = pd.DataFrame({"a": dates, "b": [1.5, 2.5, 1.5, np.inf, np.nan]})
    encoder = TableEncoder(categorical_features=["a", "b"], output="structured").fit(X)
    expected = [[0, 0], [1, 1], [1, 0], [-1, 2], [2, -1]]
    np.testing.assert_array_equal(encoder.transform(X), expected)


RARE = ["a"] * 9 + ["b"] * 4 + ["c"] * 2 + ["d"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"a": 0, "b": 1, "c": 2, "d": 3, "e": -1}),
        ({"min_frequency": None}, {"a": 0, "b": 1, "c": 2, "d": 3, "e": -1}),
        ({"min_frequency": 2}, {"a": 0, "b": 1, "c": 2, "d": 3, "e": -1}),  # d would stand for d
        ({"min_frequency": 3}, {"a": 0, "b": 1, "c": 2, "d": 2, "e": 2}),
        ({"min_frequency": 0.2}, {"a": 0, "b": 1, "c": 2, "d": 2, "e": 2}),
        ({"max_categories": 4}, {"a": 0, "b": 1, "c": 2, "d": 3, "e": -1}),
        ({"max_categories": 3}, {"a": 0, "b": 1, "c": 2, "d": 2, "e": 2}),
        ({"max_categories": 2}, {"a": -1, "b": 1, "c": 1, "d": 1, "e": 1}),
        ({"max_categories": 2, "min_frequency": 3}, {"a": -1, "b": 1, "c": 1, "d": 1, "e": 1}),
        ({"max_categories": 3, "min_frequency": 4}, {"a": 0, "b": 1, "c": 2, "d": 2, "e": 2}),
    ],
    ids=str,
)
def test_rare_ones_are_joined(params, expected):
    assert codes(RARE, list(expected), **params) == list(expected.values())
    missing = 0 if min(expected.values()) < 0 and expected["a"] < 0 else -1
    assert codes([*RARE, None], [None], **params) == [missing]


def test_thousands_of_categories():
    rng = np.random.default_rng(0)
    counts = np.minimum(1 + 3000 // np.arange(1, 10_001), 400)
    values = rng.permutation(np.repeat([f"v{i:05}" for i in range(10_000)], counts)).tolist()
    encoder = TableEncoder(output="structured").fit(frame(values))
    assert encoder.columns_ == [256]
    names = encoder.set_params(output="encoded").get_feature_names_out()
    assert names[0] == "a_v00000"
    assert names[-2:].tolist() == ["a_v00254", "a_infrequent"]
    known = encoder.encodings_[0]
    assert len(known.values) == 10_000
    assert encoder.transform(frame(["v09999", "new", None])).sum(axis=1).tolist() == [1, 1, 0]


def test_a_column_of_identities_vanishes():
    values = [f"id{i}" for i in range(500)]
    assert TableEncoder().fit(frame(values)).columns_ == []
    few = TableEncoder().fit(frame(values[:30]))  # of few categories all are kept
    assert few.columns_ == [30]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([[1], [2], [3]], "list"), ([(1, []), (1, []), 2], "tuple"), ([{"b": 1}, None, 2], "dict"),
        ([1j, 2.0, 3], "complex"), ([pd.Timestamp("2026"), None, None], "make numbers of them"),
        ([pd.Timedelta(1), 1.0, 2], "make numbers of them"), ([10**400, 1, 2], "a float can hold"),
        ([pd.Interval(0, 1), None, 1], "Interval"), ([np.ones(2), 1, 2], "ndarray"),
        ([len, 1, 2], "func"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [frame, lambda values: np.array([*values, None], object)[:, None]])
def test_other_things_in_cells_are_refused(column, said, kind):
    with pytest.raises((TypeError, ValueError), match=f"column .* of X must be .*{said}"):
        TableEncoder().fit(kind(column))


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame(np.eye(2), columns=["a", "a"]),
        np.array([["2026-01-01"]], "M8[D]"),
        np.zeros((2, 1), [("a", float)]),
        [[1.0], [1.0, 2.0]],
        [[[1.0]]],
        [1.0, 2.0],
        {"a": [1, 2]},
        "table",
        None,
        np.ones((2, 2)) * 1j,
    ],
    ids=str,
)
def test_no_tables(X):
    with pytest.raises((ValueError, TypeError)):
        TableEncoder().fit(X)
