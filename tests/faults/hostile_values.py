"""Values that no argument expects: what a bad call puts in the place of a good one.

Each is a function of the good value, so that it can be that value spoiled: cut short, with a NaN in it,
of another type. Names are stable, so that a call can be repeated by name.
"""

import datetime
import decimal
import fractions

import numpy as np
import pandas as pd
from scipy import sparse

__all__ = ["HOSTILE", "HUGE"]


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
}

#: Those that ask for more memory than there is: a MemoryError is an answer to them.
HUGE = {"10**12", "2**63", "pair with 10**12", "10**400", "uint64 array", "array of huge ints"}


def _flat(value):
    array = np.asarray(_real(value), dtype=float)
    return array if array.ndim < 3 else array.reshape(len(array), -1)


def _endless():
    endless = []
    endless.append(endless)
    return endless


def _broken_csr(value):
    X = sparse.csr_matrix(np.atleast_2d(_flat(value)) + 1.0)
    X.indices[-1:] = 1000
    return X
