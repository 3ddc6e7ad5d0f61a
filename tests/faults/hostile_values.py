"""Values that no argument expects: what a bad call puts in the place of a good one.

Each is a function of the good value, so that it can be that value spoiled: cut short, with a NaN in it,
of another type. Names are stable, so that a call can be repeated by name.
"""

import datetime
import decimal
import fractions
import os
import tempfile

import numpy as np
import pandas as pd
from scipy import sparse

try:
    import polars
except ImportError:
    polars = None

__all__ = ["HOSTILE", "HUGE", "NO_FLAG", "NO_NAME", "NO_NUMBER", "NO_NUMBERS"]


def _array(value):
    """Return a good value as an array that is its own, or a small one where it is none."""
    if sparse.issparse(value):
        return value.toarray()
    if isinstance(value, np.ndarray | list | tuple):
        try:
            return np.array(value)
        except ValueError:
            pass
    return np.arange(6.0).reshape(3, 2)


def _with(value, what):
    array = _array(value).astype(np.float64, copy=True) if _numbers(value) else np.ones((3, 2))
    if array.size:
        array.flat[array.size // 2] = what
    return array


def _numbers(value):
    return _array(value).dtype.kind in "buif"


def _read_only(value):
    array = _array(value)
    array.flags.writeable = False
    return array


def _records(value):
    return np.zeros(len(np.atleast_1d(_array(value))), dtype=[("a", np.float64), ("b", np.int64)])


def _ragged(value):
    return [list(range(i % 3 + 1)) for i in range(len(np.atleast_1d(_array(value))))]


def _real(value):
    return _array(value) if _numbers(value) else np.ones((3, 2))


class _Strange:
    """An object that is nothing."""


def _nothing(*args, **kwargs):
    return None


def _words(*args, **kwargs):
    return "words"


def _no_arguments():
    return 1.0


HOSTILE = {
    "None": lambda v: None,
    "empty string": lambda v: "",
    "string": lambda v: "hostile",
    "long string": lambda v: "x" * 500,
    "string with NUL": lambda v: "a\0b",
    "surrogate": lambda v: "\udcff",
    "bytes": lambda v: b"bytes",
    "bytearray": lambda v: bytearray(b"bytes"),
    "nan": lambda v: float("nan"),
    "inf": lambda v: float("inf"),
    "-inf": lambda v: float("-inf"),
    "-1": lambda v: -1,
    "0": lambda v: 0,
    "1": lambda v: 1,
    "7": lambda v: 7,
    "0.5": lambda v: 0.5,
    "-0.5": lambda v: -0.5,
    "1.5": lambda v: 1.5,
    "1e308": lambda v: 1e308,
    "1e-320": lambda v: 1e-320,
    "10**12": lambda v: 10**12,
    "2**63": lambda v: 2**63,
    "-2**63": lambda v: -(2**63),
    "10**400": lambda v: 10**400,
    "-10**400": lambda v: -(10**400),
    "complex": lambda v: 1 + 2j,
    "True": lambda v: True,
    "False": lambda v: False,
    "float64 nan": lambda v: np.float64("nan"),
    "int8": lambda v: np.int8(-5),
    "uint8": lambda v: np.uint8(3),
    "float16": lambda v: np.float16(3.0),
    "numpy bool": lambda v: np.bool_(True),
    "numpy str": lambda v: np.str_("tanh"),
    "Fraction": lambda v: fractions.Fraction(1, 3),
    "Decimal": lambda v: decimal.Decimal("0.5"),
    "datetime": lambda v: datetime.datetime(2020, 1, 1),
    "numpy datetime": lambda v: np.datetime64("2020-01-01"),
    "object": lambda v: _Strange(),
    "class of the value": lambda v: type(v),
    "class": lambda v: _Strange,
    "int class": lambda v: int,
    "Ellipsis": lambda v: ...,
    "slice": lambda v: slice(0, 3),
    "module": lambda v: np,
    "function of nothing": lambda v: _no_arguments,
    "function that gives None": lambda v: _nothing,
    "function that gives words": lambda v: _words,
    "generator": lambda v: (i for i in range(3)),
    "iterator of the value": lambda v: iter(_array(v)) if _array(v).ndim else iter([]),
    "range": lambda v: range(3),
    "empty dict": lambda v: {},
    "dict": lambda v: {"a": 1, 2: "b"},
    "dict with the value": lambda v: {"value": v},
    "set": lambda v: {1, 2},
    "empty list": lambda v: [],
    "list of None": lambda v: [None, None],
    "list of strings": lambda v: ["a", "b", "c"],
    "list of dicts": lambda v: [{}, {}],
    "list of the value": lambda v: [v],
    "tuple of the value twice": lambda v: (v, v),
    "list of itself": lambda v: _endless(),
    "empty tuple": lambda v: (),
    "pair": lambda v: (1, 2),
    "pair with -1": lambda v: (-1, 2),
    "pair with 0": lambda v: (0, 2),
    "pair with 10**12": lambda v: (10**12, 2),
    "pair of nan": lambda v: (float("nan"), float("nan")),
    "triple": lambda v: (1, 2, 3),
    "list of lists": lambda v: [[1.0, 2.0], [3.0, 4.0]],
    "ragged": _ragged,
    "empty array": lambda v: np.empty(0),
    "no rows": lambda v: _array(v)[:0] if _array(v).ndim else np.empty((0, 3)),
    "no columns": lambda v: np.empty((len(np.atleast_1d(_array(v))), 0)),
    "0-d array": lambda v: np.array(1.0),
    "1-d array": lambda v: np.atleast_1d(_array(v)).ravel(),
    "3-d array": lambda v: np.ones((2, 3, 2)),
    "one row less": lambda v: np.atleast_1d(_array(v))[:-1],
    "one row": lambda v: np.atleast_1d(_array(v))[:1],
    "one column more": lambda v: (
        np.column_stack([_real(v), np.ones(len(np.atleast_1d(_real(v))))])
        if _real(v).ndim in (1, 2)
        else np.ones((3, 9))
    ),
    "transposed": lambda v: _array(v).T,
    "nan in it": lambda v: _with(v, np.nan),
    "inf in it": lambda v: _with(v, -np.inf),
    "1e300 in it": lambda v: _with(v, 1e300),
    "negative in it": lambda v: _with(v, -3),
    "all zero": lambda v: np.zeros_like(_real(v), dtype=float),
    "negative": lambda v: -np.abs(_real(v).astype(float)) - 1,
    "halves": lambda v: _real(v) + 0.5,
    "read-only": _read_only,
    "float16 array": lambda v: _real(v).astype(np.float16),
    "longdouble array": lambda v: _real(v).astype(np.longdouble),
    "big-endian array": lambda v: _real(v).astype(">f8"),
    "int8 array": lambda v: np.ones(np.shape(_real(v)), np.int8),
    "uint64 array": lambda v: np.full(np.shape(_real(v)), 2**64 - 1, np.uint64),
    "bool array": lambda v: np.ones(np.shape(_real(v)), bool),
    "complex array": lambda v: _real(v).astype(complex) + 1j,
    "object array": lambda v: _array(v).astype(object),
    "array of None": lambda v: np.full(np.shape(_array(v)), None, object),
    "array of huge ints": lambda v: np.full(np.shape(_array(v)), 10**400, object),
    "array of strings": lambda v: _array(v).astype(str),
    "array of words": lambda v: np.full(np.shape(_array(v)), "word"),
    "array of dates": lambda v: np.full(np.shape(_array(v)), np.datetime64("2020-01-01")),
    "array of mixed": lambda v: np.array([1, "a", None, 2.5], dtype=object),
    "records": _records,
    "masked array": lambda v: np.ma.masked_array(_real(v), mask=np.ones(np.shape(_real(v)), bool)),
    "every other element": lambda v: (
        np.repeat(_array(v), 2, axis=0)[::2] if _array(v).ndim else _array(v)
    ),
    "memoryview": lambda v: memoryview(np.ascontiguousarray(_real(v), dtype=np.float64)),
    "coo": lambda v: sparse.coo_matrix(np.atleast_2d(_flat(v))),
    "dia": lambda v: sparse.dia_matrix(np.atleast_2d(_flat(v))),
    "bsr": lambda v: sparse.bsr_matrix(np.atleast_2d(_flat(v))),
    "csr array": lambda v: sparse.csr_array(np.atleast_2d(_flat(v))),
    "csc with nan": lambda v: sparse.csc_matrix(np.atleast_2d(_flat(_with(v, np.nan)))),
    "complex csr": lambda v: sparse.csr_matrix(np.atleast_2d(_flat(v)) * (1 + 1j)),
    "1-d coo": lambda v: sparse.coo_array(_flat(v).ravel()),
    "broken csr": lambda v: _broken_csr(v),
    "frame": lambda v: pd.DataFrame(np.atleast_2d(_flat(v))),
    "frame of words": lambda v: pd.DataFrame({"a": ["x"] * 3, "b": ["y"] * 3}),
    "series of NA": lambda v: pd.Series([pd.NA] * len(np.atleast_1d(_array(v)))),
    "many": lambda v: np.ones(5_000),
    # ---- numbers that are none: dates, durations, what is missing
    "date": lambda v: datetime.date(2020, 1, 1),
    "duration": lambda v: datetime.timedelta(days=1),
    "numpy duration": lambda v: np.timedelta64(3, "D"),
    "Timestamp": lambda v: pd.Timestamp("2020-01-01"),
    "Period": lambda v: pd.Period("2020-01", "M"),
    "NaT": lambda v: pd.NaT,
    "NA": lambda v: pd.NA,
    "numpy void": lambda v: np.void(b"abcd"),
    "array of durations": lambda v: np.full(np.shape(_array(v)), np.timedelta64(3, "D")),
    "array of NaT": lambda v: np.full(np.shape(_array(v)), np.datetime64("NaT")),
    "array of date objects": lambda v: np.full(
        np.shape(_array(v)), datetime.date(2020, 1, 1), object
    ),
    "array of NA": lambda v: np.full(np.shape(_array(v)), pd.NA, object),
    "array of Decimals": lambda v: np.full(np.shape(_array(v)), decimal.Decimal("0.5"), object),
    "array of complex objects": lambda v: np.full(np.shape(_array(v)), 1 + 2j, object),
    "array of StringDType": lambda v: np.full(np.shape(_array(v)), "word", np.dtypes.StringDType()),
    "array of void": lambda v: np.zeros(np.shape(_array(v)), "V4"),
    "one masked": lambda v: _one_masked(v),
    "masked whole numbers": lambda v: np.ma.masked_equal(np.rint(_real(v)).astype(int), 0),
    "list of dates": lambda v: [datetime.date(2020, 1, 1)] * _n_rows(v),
    # ---- frames and series
    "series": lambda v: pd.Series(_flat(v).ravel()[: _n_rows(v)]),
    "series of dates": lambda v: pd.Series(pd.date_range("2020-01-01", periods=_n_rows(v))),
    "series of durations": lambda v: pd.Series(pd.timedelta_range("1D", periods=_n_rows(v))),
    "series of periods": lambda v: pd.Series(
        pd.period_range("2020-01", periods=_n_rows(v), freq="M")
    ),
    "series of complex": lambda v: pd.Series(np.ones(_n_rows(v)) * 1j),
    "series of categories": lambda v: (
        pd.Series(["a", "b"] * _n_rows(v)).head(_n_rows(v)).astype("category")
    ),
    "index": lambda v: pd.Index(_flat(v).ravel()[: _n_rows(v)]),
    "frame of dates": lambda v: _columns(v, pd.date_range("2020-01-01", periods=_n_rows(v))),
    "frame of durations": lambda v: _columns(v, pd.timedelta_range("1D", periods=_n_rows(v))),
    "frame of periods": lambda v: _columns(
        v, pd.period_range("2020-01", periods=_n_rows(v), freq="M")
    ),
    "frame with one date": lambda v: _columns(v, 1.0).assign(
        last=pd.date_range("2020-01-01", periods=_n_rows(v))
    ),
    "frame of complex": lambda v: _columns(v, 1j),
    "frame with columns of one name": lambda v: _columns(v, 1.0).set_axis(
        ["a"] * _n_columns(v), axis=1
    ),
    "frame with names of two kinds": lambda v: _columns(v, 1.0).set_axis(
        [0, *"abcdefghijklmnopqrstuvwxyz"[: _n_columns(v) - 1]], axis=1
    ),
    "frame of nullable with NA": lambda v: _columns(
        v, pd.array([1, pd.NA] * _n_rows(v))[: _n_rows(v)]
    ),
    "frame of sparse": lambda v: _columns(v, pd.arrays.SparseArray(np.zeros(_n_rows(v)))),
    "frame of objects": lambda v: _columns(v, 1.0).astype(object),
    "frame of no rows": lambda v: _columns(v, 1.0).iloc[:0],
    "polars frame": lambda v: _polars(v, 1.0),
    "polars frame of dates": lambda v: _polars(v, datetime.date(2020, 1, 1)),
    "polars frame of durations": lambda v: _polars(v, datetime.timedelta(days=1)),
    "polars frame of words": lambda v: _polars(v, "word"),
    "polars series": lambda v: _polars(v, 1.0)["0"],
    # ---- sparse with wrong values
    "csr with inf": lambda v: sparse.csr_array(np.atleast_2d(_flat(_with(v, np.inf)))),
    "csr of halves": lambda v: sparse.csr_array(np.atleast_2d(_flat(v)) + 0.5),
    "csr of negatives": lambda v: sparse.csr_array(-np.abs(np.atleast_2d(_flat(v))) - 1),
    "csr of bool": lambda v: sparse.csr_array(np.atleast_2d(_flat(v)) != 0),
    "csr of whole numbers": lambda v: sparse.csr_array(
        np.rint(np.atleast_2d(_flat(v))).astype(np.int8)
    ),
    "csr twice in a place": lambda v: _twice(v),
    "csr with pointers that fall": lambda v: _falling(v),
    "lil": lambda v: sparse.lil_array(np.atleast_2d(_flat(v))),
    "dok": lambda v: sparse.dok_array(np.atleast_2d(_flat(v))),
    # ---- names and numbers in each other's place
    "upper case": lambda v: v.upper() if isinstance(v, str) else "RELU",
    "title case": lambda v: v.title() if isinstance(v, str) else "Adam",
    "a letter twice": lambda v: v[:1] + v if isinstance(v, str) else "ssgd",
    "number as a string": lambda v: "3",
    "0.01": lambda v: 0.01,
    "-2": lambda v: -2,
    "1000": lambda v: 1000,
    # ---- what is no file
    "folder": lambda v: tempfile.mkdtemp(),
    "pipe": lambda v: _pipe(),
    "file in no folder": lambda v: os.path.join("none", "such", "file"),
    "path of a file as a folder": lambda v: os.path.join(__file__, "file"),
}

#: What is no number, no array of numbers, no name and no flag: to take one in their place is nonsense.
NO_NUMBERS = {
    name for name in HOSTILE if any(word in name for word in ("date", "duration", "period", "complex"))
} | {
    "Timestamp", "Period", "NaT", "numpy void", "array of NaT", "array of void", "one masked",
    "masked array", "object", "class", "int class", "module", "Ellipsis", "slice", "dict",
    "function that gives None", "bytes",
} & set(HOSTILE)  # fmt: skip
NO_NUMBER = NO_NUMBERS | {
    "string", "empty string", "number as a string", "list of strings", "empty list", "pair", "triple",
    "frame", "csr array", "set", "empty dict", "generator", "many", "3-d array",
}  # fmt: skip
NO_NAME = (NO_NUMBERS - {"function that gives None", "bytes"}) | {
    "0.01", "-2", "7", "nan", "True", "empty dict", "set", "frame", "series",
}  # fmt: skip
NO_FLAG = (NO_NUMBERS - {"function that gives None"}) | {
    "string", "empty string", "0.5", "nan", "empty list", "pair", "frame", "series", "set", "7",
}  # fmt: skip

#: Those that ask for more memory than there is: a MemoryError is an answer to them.
HUGE = {"10**12", "2**63", "pair with 10**12", "10**400", "uint64 array", "array of huge ints"}


def _flat(value):
    array = np.asarray(_real(value), dtype=float)
    return array if array.ndim < 3 else array.reshape(len(array), -1)


def _endless():
    endless = []
    endless.append(endless)
    return endless


def _n_rows(value):
    return max(1, len(np.atleast_1d(_array(value))))


def _n_columns(value):
    return _array(value).shape[1] if _array(value).ndim == 2 else 1


def _columns(value, column):
    """Return a frame with as many rows and columns as the value, each the column given."""
    names = [f"c{i}" for i in range(_n_columns(value))]
    return pd.DataFrame(dict.fromkeys(names, column), index=range(_n_rows(value)))


def _polars(value, item):
    return polars.DataFrame({str(i): [item] * _n_rows(value) for i in range(_n_columns(value))})


def _one_masked(value):
    masked = np.ma.masked_array(_real(value))
    masked[(0,) * masked.ndim] = np.ma.masked
    return masked


def _twice(value):
    X = sparse.csr_matrix(np.atleast_2d(_flat(value)) + 1.0)
    X.indices[:2] = 0
    return X


def _falling(value):
    X = sparse.csr_matrix(np.atleast_2d(_flat(value)) + 1.0)
    X.indptr[1:-1] = X.indptr[-1] + 5
    return X


def _pipe():
    path = os.path.join(tempfile.mkdtemp(), "pipe")
    os.mkfifo(path)
    return path


def _broken_csr(value):
    X = sparse.csr_matrix(np.atleast_2d(_flat(value)) + 1.0)
    X.indices[-1:] = 1000
    return X
