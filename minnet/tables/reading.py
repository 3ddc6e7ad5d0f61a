"""Columns of a table, whatever holds it: as numbers with NaN, or as codes of distinct values.

Each library's frames have a class here that knows its dtypes; what is left, Python's objects, is looked at
value by value.
"""

from __future__ import annotations

import functools
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from importlib.util import find_spec
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from minnet.common.checks import check_sparse
from minnet.common.frames import is_pandas_frame, is_polars_frame
from minnet.common.numeric import check_array_like
from minnet.common.types import Array
from minnet.estimators.data import in_memory

__all__ = ["WHOLE_TABLES", "Table", "blocks", "read_table"]

#: What is to be said of collections of Dask.
WHOLE_TABLES = "compute() it first if that is what you want"

_NUMBERS: tuple[type, ...] = (Real, Decimal, np.bool_)
_PLAIN: tuple[type, ...] = (*_NUMBERS, str, bytes)


#: What a column has by the kind of its dtype in NumPy.
_KINDS = {
    "b": "boolean", "i": "number", "u": "number", "f": "number", "U": "text", "S": "text", "T": "text",
    "O": "object",
}  # fmt: skip

#: Kinds of dtypes in NumPy that float64 takes.
_REAL = "biuf"

#: Rows that are encoded at a time: their numbers stay in the processor's cache.
_BLOCK = 1024

#: For fewer, a library's own search for distinct values takes longer to begin than Python's to end.
_FEW_ROWS = 100


class Table(ABC):
    """A table of ``n_rows`` rows and ``n_columns`` columns with the names ``names``, if they have any.

    Errors call it ``name``.
    """

    name = "X"
    X: Any
    n_rows: int
    n_columns: int
    names: Sequence[Any] | None = None

    @abstractmethod
    def kind(self, i: int) -> str:
        """Return what a column has by its dtype: "number", "boolean", "category", "text" or "object"."""

    @abstractmethod
    def objects(self, i: int) -> list[Any]:
        """Return the values of a column."""

    def _numbers(self, i: int) -> Array:
        """Return a column of the kinds "number" and "boolean" as an array, NaN where one is missing."""
        raise NotImplementedError  # each kind of table has its own

    def _distinct(self, i: int) -> tuple[Iterable[Any], Array]:
        """Return values of a column and where among them each row's is, -1 if it is missing."""
        return distinct(self.objects(i))

    def column(self, i: int) -> str:
        """Return how errors call a column."""
        return f"column {i if self.names is None else repr(self.names[i])} of {self.name}"

    def role(self, i: int) -> str:
        """Return what a column is taken for: "number", "boolean", "category" or "text"."""
        kind = self.kind(i)
        if kind != "object":
            return kind
        types = _types(self.objects(i))
        if types and types <= {bool, np.bool_}:
            return "boolean"
        if all(issubclass(cls, _NUMBERS) for cls in types):
            return "number"
        if all(issubclass(cls, _PLAIN) for cls in types):
            return "text"
        other = next(cls for cls in types if not issubclass(cls, _PLAIN))
        raise self.refused(i, next(value for value in self.objects(i) if type(value) is other))

    def is_numeric(self, i: int) -> bool:
        """Return whether a column can be read as numbers."""
        role = self.role(i)
        if role != "category":
            return role != "text"
        return all(issubclass(cls, _NUMBERS) for cls in _types(self.objects(i)))

    def numbers(self, i: int) -> Array:
        """Return a column of numbers as an array of any real dtype, NaN where one is missing."""
        if not self.is_numeric(i):
            texts = (value for value in self.objects(i) if isinstance(value, (str, bytes)))
            example = next(texts, None)
            got = "categories" if example is None else f"texts such as {example!r:.60}"
            raise ValueError(f"{self.column(i)} must be numbers, as it was in fit, got {got}")
        if self.kind(i) in ("number", "boolean"):
            return self._numbers(i)
        values = self.objects(i)
        if any(map(_is_missing_type, set(map(type, values)) - {type(None)})):
            values = [np.nan if _is_missing_type(type(value)) else value for value in values]
        try:
            return np.array(values, dtype=np.float64)
        except (OverflowError, ValueError) as error:  # of 10**400, and of a signaling NaN
            raise ValueError(
                f"{self.column(i)} must be numbers that a float can hold: {error}"
            ) from None

    def blocks_of_numbers(self, columns: list[int]) -> Iterator[tuple[slice, Array]]:
        """Yield some rows after the other, and what columns of numbers have there, in float64."""
        all_at_once = self._is_of_numbers()
        read = [] if all_at_once else [self.numbers(i) for i in columns]
        for rows in blocks(self.n_rows):
            if all_at_once:
                block = np.ascontiguousarray(self._block(rows), np.float64)
                yield rows, block if len(columns) == self.n_columns else block[:, columns]
                continue
            block = np.empty((rows.stop - rows.start, len(columns)))
            for k, column in enumerate(read):
                block[:, k] = column[rows]
            yield rows, block

    def _is_of_numbers(self) -> bool:
        """Return whether all columns are numbers or booleans, and ``_block`` reads them."""
        return False

    def _block(self, rows: slice) -> Array:
        """Return rows as an array of any real dtype, NaN where a number is missing."""
        raise NotImplementedError  # asked of those alone whose columns are all numbers

    def categories(self, i: int) -> tuple[list[Any], Array]:
        """Return the distinct values of a column, and where among them each row's is.

        Returns
        -------
        values : list of str, int, float or bool
            Of all others the text.
        codes : ndarray of shape (n_rows,)
            -1 where it is missing.
        """
        try:
            found, codes = self._distinct(i)
        except TypeError:
            raise self.refused(i, next(filter(_is_unhashable, self.objects(i)), None)) from None
        index: dict[Any, int] = {}
        place = [-1 if is_missing(v) else index.setdefault(plain(v), len(index)) for v in found]
        return list(index), np.array([*place, -1])[codes]

    def refused(self, i: int, value: Any) -> TypeError:
        """Return the error for a value that is neither number nor category."""
        kind = type(value).__name__
        return TypeError(
            f"{self.column(i)} must be numbers, texts, booleans or categories (an argument must be a "
            f"string or a number), got the {kind} {value!r:.60}{_cure(kind)}"
        )


def is_missing(value: Any) -> bool:
    """Return whether a value says that there is none: None, NaN, NaT or NA.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), "", 0)]
    [True, True, False, False]
    """
    if value is None or _is_missing_type(type(value)):
        return True
    if isinstance(value, (float, np.floating, Decimal)):
        return bool(value != value)
    return isinstance(value, (np.datetime64, np.timedelta64)) and bool(np.isnat(value))


def _types(values: list[Any]) -> set[type]:
    """Return the types of the values that are not missing; floats may be NaN."""
    return {cls for cls in set(map(type, values)) if not _is_missing_type(cls)}


def _is_unhashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return True
    return False


def _is_missing_type(cls: type) -> bool:
    return cls is type(None) or cls.__name__ in ("NAType", "NaTType")


def plain(value: Any) -> Any:
    """Return a category as Python's str, bool, int or float; of others the text."""
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration, too, whose own shows its name
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, (Real, Decimal)) else str(value)


def distinct(values: list[Any]) -> tuple[list[Any], Array]:
    """Return the distinct values of a list, and where among them each is.

    Examples
    --------
    >>> distinct(["b", "a", "b"])
    (['b', 'a'], array([0, 1, 0]))
    """
    index: dict[Any, int] = {}
    codes = [index.setdefault(value, len(index)) for value in values]
    return list(index), np.array(codes, dtype=np.intp)


def blocks(n_rows: int) -> Iterator[slice]:
    """Yield slices of some rows each, one after the other, that together are all of them."""
    return (slice(start, min(start + _BLOCK, n_rows)) for start in range(0, n_rows, _BLOCK))


class _Matrix(Table):
    """An array of numbers, or of Python's objects."""

    def __init__(self, X: Array) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape

    def kind(self, i: int) -> str:
        return _KINDS[self.X.dtype.kind]

    def objects(self, i: int) -> list[Any]:
        return self.X[:, i].tolist()

    def _numbers(self, i: int) -> Array:
        return self.X[:, i]

    def _is_of_numbers(self) -> bool:
        return self.X.dtype.kind in _REAL

    def _block(self, rows: slice) -> Array:
        return self.X[rows]

    def _distinct(self, i: int) -> tuple[Iterable[Any], Array]:
        if self.X.dtype.kind not in _REAL:
            return super()._distinct(i)
        values, codes = np.unique(self.X[:, i], return_inverse=True)
        return values.tolist(), codes


class _Sparse(_Matrix):
    """A sparse matrix, whose columns become dense one by one."""

    def __init__(self, X: Any) -> None:
        super().__init__(sparse.csc_array(X))

    def _numbers(self, i: int) -> Array:
        return self.X[:, [i]].toarray().ravel()

    def _is_of_numbers(self) -> bool:
        return False  # as a block, rows would be looked for in every column

    def objects(self, i: int) -> list[Any]:
        return self._numbers(i).tolist()

    def _distinct(self, i: int) -> tuple[Iterable[Any], Array]:
        values, codes = np.unique(self._numbers(i), return_inverse=True)
        return values.tolist(), codes


class _Pandas(Table):
    """A DataFrame of pandas."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.names = X.columns.tolist()
        self._dtypes = list(X.dtypes)

    @functools.cached_property
    def _columns(self) -> list[Any]:
        return [column for _, column in self.X.items()]

    def kind(self, i: int) -> str:
        dtype = self._dtypes[i]
        if isinstance(dtype, np.dtype) and dtype.kind in _KINDS:
            return _KINDS[dtype.kind]
        name = str(dtype)
        if name == "category" or name.startswith("dictionary<"):
            return "category"
        if name == "str" or name.startswith(("string", "large_string", "binary")):
            return "text"
        if dtype.kind in _REAL or name.startswith(("decimal", "null[")):
            return "boolean" if dtype.kind == "b" else "number"
        raise _unknown(self, i, name)

    def objects(self, i: int) -> list[Any]:
        return self._columns[i].tolist()

    def _numbers(self, i: int) -> Array:
        column = self._columns[i]
        if isinstance(column.dtype, np.dtype):
            return column.to_numpy()
        return column.to_numpy(dtype=np.float64, na_value=np.nan)

    def _is_of_numbers(self) -> bool:
        return all(isinstance(of, np.dtype) and of.kind in _REAL for of in set(self._dtypes))

    def _block(self, rows: slice) -> Array:
        return self.X.iloc[rows].to_numpy(np.float64)

    def _distinct(self, i: int) -> tuple[Iterable[Any], Array]:
        column = self._columns[i]
        few = self.n_rows < _FEW_ROWS
        if column.dtype == "category":
            categories, codes = column.array.categories, column.array.codes
            if len(categories) <= self.n_rows:
                return categories.tolist(), codes
            if few:
                used, places = distinct(codes.tolist())
                return [None if code < 0 else categories[code] for code in used], places
        if few:
            return super()._distinct(i)
        codes, values = sys.modules["pandas"].factorize(column)
        return values.tolist(), codes


class _Polars(Table):
    """A DataFrame of polars."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.shape
        self.names = list(X.columns)
        self._dtypes = list(X.dtypes)

    def kind(self, i: int) -> str:
        dtype = self._dtypes[i]
        name = str(dtype).partition("(")[0]
        if dtype.is_numeric() or name == "Null":
            return "number"
        kinds = {
            "Boolean": "boolean", "String": "text", "Binary": "text", "Categorical": "category",
            "Enum": "category", "Object": "object",
        }  # fmt: skip
        if name not in kinds:
            raise _unknown(self, i, name)
        return kinds[name]

    def objects(self, i: int) -> list[Any]:
        return self.X.to_series(i).to_list()

    def _numbers(self, i: int) -> Array:
        return self.X.to_series(i).cast(sys.modules["polars"].Float64).to_numpy()


class _Arrow(Table):
    """A table of pyarrow."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_rows, self.n_columns = X.num_rows, X.num_columns
        self.names = list(X.schema.names)
        self._dtypes = list(X.schema.types)

    def kind(self, i: int) -> str:
        dtype = self._dtypes[i]
        types = sys.modules["pyarrow"].types
        kinds = {
            "number": ("integer", "floating", "decimal", "null"),
            "boolean": ("boolean",),
            "category": ("dictionary",),
            "text": ("string", "large_string", "string_view", "binary", "large_binary"),
        }
        for kind, names in kinds.items():
            if any(getattr(types, f"is_{name}")(dtype) for name in names):
                return kind
        raise _unknown(self, i, str(dtype))

    def objects(self, i: int) -> list[Any]:
        return self.X.column(i).to_pylist()

    def _numbers(self, i: int) -> Array:
        column = self.X.column(i).cast(sys.modules["pyarrow"].float64(), safe=False)
        return column.to_numpy(zero_copy_only=False)


def _unknown(table: Table, i: int, dtype: str) -> TypeError:
    return TypeError(
        f"{table.column(i)} must be numbers, texts, booleans or categories, got {dtype}{_cure(dtype)}"
    )


def _cure(what: str) -> str:
    if not what.lower().startswith(("date", "time", "duration", "period")):
        return ""
    return (
        ": make numbers of them, such as days since one of them, or categories, such as the weekday"
    )


def read_table(X: Any, estimator: Any, name: str = "X") -> Table:
    """Return the table in a data frame, an array, a list or a sparse matrix; errors call it ``name``.

    Raises
    ------
    ValueError
        If it has not two axes, no rows, no columns, or several columns of one name.
    """
    (X,) = in_memory((X,), (name,), WHOLE_TABLES)
    table = _of_frame(X, name) or _of_array(X, estimator, name)
    table.name = name
    names = list(table.names or ())
    if len(set(names)) < len(names):
        again = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"{name} must have columns of different names, got {again!r} {names.count(again)} times"
        )
    if 0 in (table.n_rows, table.n_columns):
        check_array(np.empty((table.n_rows, table.n_columns)), estimator=estimator)
    return table


def _of_frame(X: Any, name: str) -> Table | None:
    if is_pandas_frame(X):
        return _Pandas(X)
    if is_polars_frame(X):
        return _Polars(X)
    arrow = _as_arrow(X, name)
    return None if arrow is None else _Arrow(arrow)


def _as_arrow(X: Any, name: str) -> Any:
    """Return a frame of another library as a table of pyarrow; None if it is none."""
    by_stream = hasattr(X, "__arrow_c_stream__") and hasattr(X, "schema")
    if not by_stream and not hasattr(X, "__dataframe__"):
        return None
    if find_spec("pyarrow") is None:
        raise ImportError(
            f"{name} must be a data frame of pandas or polars where pyarrow is not installed, got "
            f"{type(X)}"
        )
    import pyarrow as pa
    from pyarrow import interchange

    return pa.table(X) if by_stream else interchange.from_dataframe(X)


def _of_array(X: Any, estimator: Any, name: str) -> Table:
    if isinstance(X, np.ma.MaskedArray):
        as_numbers = X.dtype.kind in "iuf"
        values = np.array(X.data, dtype=np.float64 if as_numbers else object)
        values[np.ma.getmaskarray(X)] = np.nan if as_numbers else None
        X = values
    elif isinstance(X, list | tuple):
        X = _of_list(X)
    else:
        check_array_like(name, X)
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "MmV":
        raise TypeError(
            f"{name} must be numbers, texts, booleans or categories, got {dtype}{_cure(dtype.name)}"
        )
    X = check_array(X, dtype=None, accept_sparse=True, ensure_all_finite=False, estimator=estimator)
    if not sparse.issparse(X):
        return _Matrix(X)
    check_sparse(name, X)
    return _Sparse(X)


def _of_list(X: Any) -> Any:
    """Return rows as an array: of numbers, or of the objects that they have."""
    try:
        array = np.asarray(X)
    except (TypeError, ValueError, OverflowError):
        return X
    return np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
