"""A column of a table of any library as an array of NumPy: numbers, booleans, or texts as objects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

from minnet.common.types import Array

__all__ = ["MissingError", "values_of"]


class MissingError(ValueError):
    """So many values are missing in a column."""


def values_of(column: Any) -> Array:
    """Return a column as an array of booleans, numbers or, in an array of objects, texts.

    Parameters
    ----------
    column : array or column of NumPy, pandas, polars or pyarrow
        Categories are taken for what they stand for.

    Raises
    ------
    MissingError
        If values are missing; a NaN among floats is one that others find.
    TypeError
        If it has neither numbers nor texts.

    Examples
    --------
    >>> values_of(np.array([1, 2], dtype="uint8")), values_of(np.array([b"a", b"b"]))
    (array([1, 2], dtype=uint8), array(['a', 'b'], dtype=object))
    """
    library = type(column).__module__.partition(".")[0]
    return _READERS.get(library, _of_numpy)(column)


def _of_arrow(column: Any) -> Array:
    types = sys.modules["pyarrow"].types
    kind = column.type
    if column.null_count:
        raise MissingError(f"{column.null_count} nulls")
    if types.is_dictionary(kind) or types.is_string(kind) or types.is_large_string(kind):
        return _of_arrow_dictionary(
            column if types.is_dictionary(kind) else column.dictionary_encode()
        )
    if types.is_decimal(kind):
        kind = sys.modules["pyarrow"].float64()
        column = column.cast(kind)
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
        return column.to_numpy(zero_copy_only=False)
    return _of_objects(column.to_pylist(), str(kind))


def _of_arrow_dictionary(column: Any) -> Array:
    """Return what the codes stand for: each text is one object, which is soon compared."""
    parts = [_of_arrow_codes(chunk) for chunk in getattr(column, "chunks", [column]) if len(chunk)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=object)


def _of_arrow_codes(column: Any) -> Array:
    if column.dictionary.null_count:  # which may be used or not
        return _of_objects(column.to_pylist(), str(column.type))
    values = _of_objects(column.dictionary.to_pylist(), str(column.type.value_type))
    return values[column.indices.to_numpy(zero_copy_only=False)]


def _of_polars(column: Any) -> Array:
    polars = sys.modules["polars"]
    if column.null_count():
        raise MissingError(f"{column.null_count()} nulls")
    if column.dtype.is_decimal():
        column = column.cast(polars.Float64)
    if column.dtype.is_numeric() or column.dtype == polars.Boolean:
        return column.to_numpy()
    return _of_objects(column.to_list(), str(column.dtype))


def _of_pandas(column: Any) -> Array:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return _of_numpy(column.to_numpy())
    n_missing = int(column.isna().sum())
    if n_missing:
        raise MissingError(f"{n_missing} missing")
    if hasattr(dtype, "categories"):
        return values_of(dtype.categories.to_series())[column.cat.codes.to_numpy()]
    if hasattr(dtype, "numpy_dtype") and dtype.kind in "biuf":
        return column.to_numpy(dtype=dtype.numpy_dtype)
    return _of_objects(column.tolist(), str(dtype))


def _of_numpy(column: Any) -> Array:
    array = np.asarray(column)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind in "SUTO":
        return _of_objects(array.tolist(), str(array.dtype))
    raise TypeError(str(array.dtype))


def _of_objects(values: list[Any], dtype: str) -> Array:
    """Return Python's objects as an array; ``dtype`` is what their column calls them."""
    types = set(map(type, values))
    n_missing = sum(map(_is_missing, values)) if not types <= _COMPLETE else 0
    if n_missing:
        raise MissingError(f"{n_missing} missing")
    if all(issubclass(each, str) for each in types):
        return _as_objects(values)
    if types == {bytes}:
        return _as_objects([value.decode() for value in values])
    if types <= {bool, np.bool_}:
        return np.array(values, dtype=bool)
    if all(issubclass(each, Integral) for each in types):
        return np.array(values)
    if all(issubclass(each, Real | Decimal) for each in types):
        return np.array(values, dtype=np.float64)
    others = [each for each in types if not issubclass(each, str | Real | Decimal)]
    kinds = sorted(each.__name__ for each in others or types)
    raise TypeError(dtype if dtype != "object" else " and ".join(kinds))


def _as_objects(texts: list[str]) -> Array:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


_COMPLETE = {str, bytes, bool, np.bool_, int}


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


_READERS: dict[str, Callable[[Any], Array]] = {
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_arrow,
}
