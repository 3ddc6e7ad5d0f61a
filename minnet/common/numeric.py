"""Whether what is given as numbers is numbers: what NumPy would make floats of in silence is named.

To NumPy a date is nanoseconds, "1" is 1 and the numbers under a mask are numbers.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Set, ValuesView
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.frames import (
    is_pandas_frame,
    is_polars_frame,
    is_polars_lazy_frame,
    is_pyarrow_data,
)
from minnet.common.types import Array

__all__ = ["check_array_like", "check_numeric"]

#: What there is besides numbers: by the kind of an array's dtype, and by the type of a Python object.
_KINDS = {"M": "dates", "m": "durations", "c": "complex numbers"} | dict.fromkeys("UST", "strings")
_TYPES: tuple[tuple[tuple[type, ...], str], ...] = (
    ((str, bytes), "strings"),
    ((datetime.date, np.datetime64), "dates"),
    ((datetime.time,), "times of day"),
    ((datetime.timedelta, np.timedelta64), "durations"),
    ((complex, np.complexfloating), "complex numbers"),
    ((list, tuple, np.ndarray), "sequences"),
    ((dict,), "dictionaries"),
)
_ORDINARY = {int, float, bool, type(None)}
_NAMES = {"Period": "periods", "Interval": "intervals", "NAType": "missing values"}  # of pandas

_CURES = {
    "dates": "leave them out, or count them from one of them, in days say",
    "times of day": "count their seconds since midnight",
    "durations": "divide them by one of them, a day say",
    "periods": "leave them out, or count them from one of them",
    "intervals": "give both of their ends, or their middle",
    "complex numbers": "give real and imaginary parts as two columns",
    "sequences": "make a column of each of their elements",
    "strings": "encode them, with OneHotEncoder or OrdinalEncoder in a ColumnTransformer",
    "dictionaries": "make columns of them, with DictVectorizer",
    "missing values": "impute them, with SimpleImputer say, or leave their rows out",
}

_CURE_OF_TEXTS = (
    "make columns of them, with TfidfVectorizer (of texts) or OneHotEncoder (of categories)"
)


def check_numeric(name: str, value: Any, n_axes: int | None = None) -> None:
    """Raise if something in an array-like or a data frame is known to be no real number.

    Objects of an unknown kind are left to those who make an array of them.

    Parameters
    ----------
    name : str
        The argument's.
    value : array-like, data frame or sparse matrix
    n_axes : int or None, default=None
        Only arrays of so many axes are looked at, or all: the others are refused for their shape.

    Raises
    ------
    ValueError
        For dates, times, durations, periods, intervals, complex numbers, strings, sequences, dictionaries
        in the place of rows, masked elements, pandas.NA among Python's objects and structured arrays: with
        the name or number of the column; and for vectors that are not stacked.
    TypeError
        For iterators, sets, dictionaries and frames that are computed later.

    Examples
    --------
    >>> check_numeric("X", [[1.0, "abc"]])
    Traceback (most recent call last):
        ...
    ValueError: X must be real numbers, got strings in column 1, such as 'abc' (could not convert string
    to float: 'abc'): encode them, with OneHotEncoder or OrdinalEncoder in a ColumnTransformer
    """
    if type(value) is np.ndarray and value.dtype.kind in "biuf":
        return
    if sparse.issparse(value):
        _check_sparse(name, value)
        return
    if isinstance(value, np.ma.MaskedArray):
        _check_mask(name, value)
    for where, column in _suspects(name, value, n_axes):
        what, example = _non_numbers(column)
        if what == "sequences" and not where:
            if not _have_one_shape(column):  # NumPy says that they are ragged
                continue
            raise ValueError(
                f"{name} must be real numbers, got sequences: numpy.stack({name}) makes rows of them"
            )
        # Of a dictionary in a column NumPy says what it is.
        if what is not None and not (what == "dictionaries" and where):
            raise ValueError(_sentence(name, what, where, example))


def check_array_like(name: str, value: Any) -> None:
    """Raise for what has elements and is no array, and say how to make one of it.

    Examples
    --------
    >>> check_array_like("y", (label for label in "ab"))
    Traceback (most recent call last):
        ...
    TypeError: y must be an array-like, got a generator: make a list of it
    """
    if is_polars_lazy_frame(value):
        cure = "its collect() makes a data frame"
    elif isinstance(value, Iterator | Set | ValuesView):
        cure = "make a list of it"
    elif isinstance(value, Mapping) and not sparse.issparse(value):  # of dok_array it is both
        as_columns = name.startswith("X")
        cure = "pandas.DataFrame makes columns of it" if as_columns else "make a list of its values"
    else:
        return
    raise TypeError(f"{name} must be an array-like, got a {type(value).__name__}: {cure}")


def _check_sparse(name: str, X: Any) -> None:
    if X.dtype.kind != "c":
        return
    X = X.tocoo()
    places = X.coords[-1][X.data.imag != 0]
    where = f" in column {places.min()}" if X.ndim == 2 and len(places) else ""
    raise ValueError(_sentence(name, "complex numbers", where, X.dtype))


def _check_mask(name: str, value: Any) -> None:
    mask = np.ma.getmaskarray(value)
    if mask.dtype == bool and mask.any():
        where = f", the first in column {mask.any(axis=0).argmax()}" if mask.ndim == 2 else ""
        raise ValueError(
            f"{name} must have no masked elements, got {mask.sum()}{where}: {_CURES['missing values']}"
        )


def _suspects(name: str, value: Any, n_axes: int | None) -> Iterator[tuple[str, Array]]:
    """Return what may be no numbers, column by column, each with a text that says where it is."""
    if is_pandas_frame(value):
        for i, (label, dtype) in enumerate(zip(value.columns, value.dtypes, strict=True)):
            if getattr(dtype, "kind", "O") not in "biuf":
                yield f" in column {label!r}", np.asarray(value.iloc[:, i])
        return
    if is_polars_frame(value):
        for i, (label, dtype) in enumerate(value.schema.items()):
            if not dtype.is_numeric() and str(dtype) != "Boolean":
                yield f" in column {label!r}", np.asarray(value.to_series(i))
        return
    if is_pyarrow_data(value) and hasattr(value, "schema"):
        for i, label in enumerate(value.schema.names):
            yield f" in column {label!r}", np.asarray(value.column(i))
        return
    array = _as_array(value)
    if array.ndim == 0:
        check_array_like(name, value)
    if array.dtype.names:
        raise ValueError(
            f"{name} must be real numbers, got a structured array with the fields "
            f"{', '.join(map(repr, array.dtype.names))}: make columns of them, with "
            "numpy.lib.recfunctions.structured_to_unstructured"
        )
    if array.dtype.kind in "biuf" or array.ndim != (array.ndim if n_axes is None else n_axes):
        return
    if array.dtype == object and _ORDINARY.issuperset(map(type, array.ravel().tolist())):
        return
    if array.ndim != 2:
        yield "", array.ravel()
        return
    columns = np.arange(array.shape[1])
    if array.dtype.kind == "c":  # first those that are not real
        columns = columns[np.argsort(~array.imag.any(axis=0), kind="stable")]
    for i in columns:
        yield f" in column {i}", array[:, i]


def _as_array(value: Any) -> Array:
    """Return an array that has what a list has in it, as it is; an empty one if there is none."""
    if isinstance(value, np.ndarray):
        return value
    for dtype in (None, object):
        try:
            array = np.asarray(value, dtype=dtype)
        except Exception:  # whatever the object's own methods raise: NumPy will say it again
            continue
        if array.dtype.kind not in "US":  # in which a list's numbers would be strings, too
            return array
    return np.empty(0)


def _have_one_shape(rows: Array) -> bool:
    try:
        return len({np.shape(row) for row in rows}) == 1
    except Exception:  # ragged rows, rows that hold themselves, what an object's own methods raise
        return False


def _non_numbers(column: Array) -> tuple[str | None, Any]:
    """Return what a column has besides numbers, and one of it."""
    if column.ndim > 1:
        return "sequences", column
    if column.dtype.kind != "O":
        what = _KINDS.get(column.dtype.kind)
        return what, column.flat[0] if what == "strings" and column.size else column.dtype
    values = column.ravel().tolist()
    for kind in dict.fromkeys(map(type, values)):
        known = (what for kinds, what in _TYPES if issubclass(kind, kinds))
        what = next(known, _NAMES.get(kind.__name__))
        if what is not None:
            return what, next(value for value in values if type(value) is kind)
    return None, None


def _sentence(name: str, what: str, where: str, example: Any) -> str:
    if what == "missing values":
        return f"{name} must have no missing values, got {example!r}{where}: {_CURES[what]}"
    text = f"{name} must be real numbers, got {what}{where}"
    cure = _CURES[what]
    if what in ("strings", "dictionaries") and not where:  # in the place of rows, or of one number
        cure = cure if what == "dictionaries" else _CURE_OF_TEXTS
        cure = cure if name == "X" else ""
    if what == "strings":
        example = bytes(example) if isinstance(example, bytes) else str(example)
        text += f", such as {example!r:.60}"
        try:
            float(example)
        except ValueError as error:
            text += f" ({error!s:.100})"
        else:
            return f"{text}: if they are numbers, convert them to float first"
    elif what == "complex numbers":
        text += " (Complex data not supported)"
    return f"{text}: {cure}" if cure else text
