"""Labels and numbers in the forms in which users have them, as arrays of NumPy's plain dtypes.

scikit-learn reads nullable whole numbers and booleans as floats, dates as the numbers they are stored as,
masked elements as what lies under the mask, and strings beside a NaN as the text "nan". What it makes of
all else, and what it says of it, is right: that is left to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence, Sized
from decimal import Decimal
from numbers import Integral, Number, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples

from minnet.common.checks import is_real
from minnet.common.entry import entry
from minnet.common.numeric import check_array_like
from minnet.common.types import Array

__all__ = ["as_labels", "as_numbers", "as_weights", "for_metrics"]

#: Of an array's labels all are of one row.
_LABELS: tuple[tuple[type, ...], ...] = (
    (bool, np.bool_), (Integral,), (float, np.floating), (str,)
)  # fmt: skip

#: Arrays in an array: scikit-learn says what is wrong with them.
_ARRAYS = (Sequence, np.ndarray)

_NUMBERS = (Real, np.bool_, Decimal, str, *_ARRAYS)

#: Dtypes of polars that NumPy has not, and older polars cannot make arrays of.
_OF_128_BITS = ("Int128", "UInt128")

_EXACT = 2.0**53  # up to here floats have all whole numbers


@entry
def as_labels(values: Any, name: str = "y") -> Any:
    """Return labels as an array of booleans, whole numbers, floats or strings.

    What no array can be made of comes back as it is: scikit-learn says what is wrong with it.

    Parameters
    ----------
    values : array-like
        Of NumPy, pandas (nullable, categorical and Arrow's dtypes too), polars or pyarrow, or a list; a
        frame is an array of two axes. Whole numbers and booleans stay what they are.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If there are labels of another kind (dates, durations, complex numbers, ...), of several kinds,
        missing ones (None, NaN, NA, NaT, masked), or whole numbers of more than 64 bits.

    Examples
    --------
    >>> import pandas as pd
    >>> as_labels(pd.Series([2**60, 1], dtype="Int64"))
    array([1152921504606846976,                   1])
    >>> as_labels(pd.Series([True, False], dtype="boolean"))
    array([ True, False])
    """
    if _is_plain(values):
        return values
    A = _Labels(name).read(values)
    if type(A) is np.ndarray and A.dtype.kind in "biuf":
        if A.dtype.char == "g" and np.array_equal(A, A.astype(np.float64)):
            return A.astype(np.float64)
        if not A.dtype.isnative:
            return A.astype(A.dtype.newbyteorder("="))
    return A


@entry
def as_numbers(values: Any, name: str = "y") -> Any:
    """Return numbers as an array, or as they are where scikit-learn makes numbers of them.

    Parameters
    ----------
    values : array-like
        As :func:`as_labels` takes them.
    name : str
        What messages call it.

    Raises
    ------
    ValueError
        If there are things that are no numbers (dates, durations, ...), or missing ones.

    Examples
    --------
    >>> import numpy as np
    >>> as_numbers(np.array(["2020-01-01"], dtype="datetime64[D]"))
    Traceback (most recent call last):
    ValueError: y must be numbers, got datetime64[D]
    """
    return values if _is_plain(values) else _Numbers(name).read(values)


@entry
def as_weights(values: Any, name: str, of: Any = None) -> Any:
    """Return weights as :func:`as_numbers` does numbers; texts are none, though they look like some.

    A single number comes back as it is, or where it is said ``of`` what rows they are, for each of them:
    then they are for a metric, which does not always look whether they are finite.
    """
    if of is not None and is_real(values):
        values = np.full(_num_samples(of), values, dtype=np.float64)
    weights = _Weights(name).read(values)
    floats = getattr(getattr(weights, "dtype", None), "kind", None) == "f"
    if of is not None and floats and not np.isfinite(weights).all():
        got = "NaN" if np.isnan(weights).any() else "infinity"
        raise ValueError(f"{name} must be finite numbers, got {got}")
    # Metrics divide by the sum, and say so in other words or with a ZeroDivisionError.
    known = isinstance(weights, np.ndarray) and weights.dtype.kind in "biuf"
    if of is not None and known and weights.size and weights.sum() == 0:
        raise ValueError(f"{name} must not add up to 0: no mean of the rows can be taken with it")
    return weights


def for_metrics(values: Any, plain: Any) -> Any:
    """Return labels as a user gave them where scikit-learn's metrics read them as what they are.

    Otherwise (objects that are numbers, strings of NumPy's StringDType, nullable numbers that no float
    holds) the plain ones, with the index and the name of a pandas Series.

    Examples
    --------
    >>> import numpy as np
    >>> for_metrics(np.array([1, 2], dtype=object), np.array([1, 2]))
    array([1, 2])
    """
    if values is plain or sparse.issparse(values):
        return values
    if str(getattr(values, "dtype", "")) in _OF_128_BITS:
        return plain
    try:
        read = check_array(values, ensure_2d=False, dtype=None)
    except Exception:  # whatever the library makes of it that they are of
        return plain
    texts = {read.dtype.kind, plain.dtype.kind} <= {"U", "O"}
    # As floats 2**60 and 2**60 + 1 are equal.
    if texts or (read.dtype.kind in "biuf" and np.array_equal(read.astype(plain.dtype), plain)):
        return values
    if hasattr(values, "iloc") and values.ndim == plain.ndim == 1:
        return type(values)(plain, index=values.index, name=values.name)
    return plain


def _is_plain(values: Any) -> bool:
    """Return whether there is nothing to be read: in a call that takes microseconds."""
    return (
        type(values) is np.ndarray
        and values.dtype.kind in "biuf"
        and values.dtype.isnative
        and values.dtype.char != "g"
        and values.ndim > 0
    )


# ---- from what users have to arrays


class _Reader(ABC):
    """Makes an array of what a user gives; a subclass says what may be in it.

    Parameters
    ----------
    name : str
        Of the argument.
    """

    wanted: ClassVar[str]
    missing: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, values: Any) -> Any:
        """Return an array, or the values where scikit-learn is to say what is wrong with them."""
        if isinstance(values, np.ma.MaskedArray):
            if np.ma.is_masked(values):
                n_masked = np.ma.count_masked(values)
                raise ValueError(
                    f"{self.name} must have no masked elements, got {n_masked} of them"
                )
            values = values.data
        if sparse.issparse(values) and values.dtype.kind not in "biuf":
            raise self._refused(values.dtype, "")
        if isinstance(values, np.matrix | str | bytes | Number) or sparse.issparse(values):
            return values
        columns = _columns(values)
        if columns is not None:
            return self._of_frame(values, columns)
        if hasattr(values, "__array__"):
            return self._of_column(values)
        if isinstance(values, Sequence):
            return self._of_sequence(values)
        check_array_like(self.name, values)
        return values

    def _of_frame(self, values: Any, columns: dict[Any, Any]) -> Any:
        # Two columns of one name, none at all, or sparse ones.
        if not columns or len(columns) != values.shape[1] or hasattr(values, "sparse"):
            return values
        where = " in column {!r}" if len(columns) > 1 else ""
        arrays = [self._of_column(column, where.format(key)) for key, column in columns.items()]
        if any(array.ndim != 1 for array in arrays):
            return values
        if len({array.dtype.kind in "UO" for array in arrays}) > 1:  # texts and numbers
            arrays = [array.astype(object) for array in arrays]
        return self.checked(np.column_stack(arrays))

    def _of_column(self, column: Any, where: str = "") -> Array:
        dtype: Any = getattr(column, "dtype", None)
        if hasattr(dtype, "construct_array_type"):  # of pandas, and not of NumPy
            if hasattr(dtype, "categories"):
                codes = np.asarray(getattr(column, "cat", column).codes)
                if (codes < 0).any():
                    raise self._is_missing("NaN", where)
                return self._of_column(dtype.categories, where)[codes]
            if hasattr(dtype, "numpy_dtype") and dtype.kind in "biuf":
                if column.isna().any():
                    raise self._is_missing("NA", where)
                return column.to_numpy(dtype=dtype.numpy_dtype)
        if str(dtype) in _OF_128_BITS:
            A = np.array(column.to_list(), dtype=object)
        else:
            A = np.asarray(column)
        if A.ndim == 0:
            return A
        if A.dtype.kind == "T":  # NumPy's StringDType
            A = A.astype(object)
        called = str(dtype)
        return self.checked(A, where, "" if called in ("None", "object") else called)

    def _of_sequence(self, values: Sequence[Any]) -> Any:
        try:
            A = np.asarray(values)
            if A.dtype.kind in "Uf":
                objects = np.asarray(values, dtype=object)
                if objects.shape == A.shape and not self.is_exact(A, objects):
                    A = objects
        except (TypeError, ValueError, OverflowError):  # ragged
            return values
        return self.checked(A)

    # ---- what may be in them

    @abstractmethod
    def checked(self, A: Array, where: str = "", dtype: str = "") -> Array:
        """Return an array, perhaps in a better dtype; raise if it has what it must not have.

        ``where`` is the column, ``dtype`` what the user calls the dtype.
        """

    def is_exact(self, A: Array, objects: Array) -> bool:
        """Return whether NumPy's array of texts or floats has what the list has."""
        return True

    def _refused(self, got: Any, where: str) -> ValueError:
        sentence = f"{self.name} must {self.wanted}, got {got}{where}"
        if str(got).startswith("complex"):  # scikit-learn's word for it, which its checks look for
            sentence += " (Complex data not supported)"
        return ValueError(sentence)

    def _is_missing(self, got: str, where: str) -> ValueError:
        return ValueError(f"{self.name} must have no missing {self.missing}, got {got}{where}")

    def _types(self, items: list[Any], where: str) -> list[type[Any]]:
        """Return the types of objects, sorted by name, after a look for missing ones."""
        types = sorted(set(map(type, items)), key=lambda kind: kind.__name__)
        others = {kind for kind in types if not issubclass(kind, str | Integral | Sized)}
        for item in items if others else []:
            if type(item) in others and (
                item is None or type(item).__name__ == "NAType" or item != item
            ):
                raise self._is_missing(repr(item), where)
        return types


class _Labels(_Reader):
    wanted = "have labels that are strings, whole numbers or booleans"
    missing = "labels"

    def checked(self, A: Array, where: str = "", dtype: str = "") -> Array:
        if A.dtype.kind in "biufUS":
            return A  # what to do with bytes scikit-learn says
        if A.dtype.kind != "O":
            raise self._refused(dtype or A.dtype, where)
        labels = A.ravel().tolist()
        types = self._types(labels, where)
        if any(issubclass(kind, _ARRAYS) and not issubclass(kind, str) for kind in types):
            return A  # bytes are such, too
        for kind in types:
            if issubclass(kind, np.timedelta64) or not issubclass(kind, sum(_LABELS, ())):
                raise self._refused(dtype or kind.__name__, where)
        if not labels:
            return A
        alike = next(row for row in _LABELS if any(issubclass(kind, row) for kind in types))
        if not all(issubclass(kind, alike) for kind in types):
            names = " and ".join(kind.__name__ for kind in types)
            raise ValueError(f"{self.name} must have labels of one type, got {names}{where}")
        return A if str in alike else self._typed(A, labels, alike, where)

    def _typed(self, A: Array, labels: list[Any], alike: tuple[type, ...], where: str) -> Array:
        """Return labels of one type as an array of it."""
        if Integral not in alike:
            return np.array(labels).reshape(A.shape)
        typed = np.array(list(map(int, labels)))
        if typed.dtype.kind not in "iu":
            largest = max(labels, key=abs)
            raise ValueError(
                f"{self.name} must have labels of at most 64 bits or strings, got {largest}{where}"
            )
        return typed.reshape(A.shape)

    def is_exact(self, A: Array, objects: Array) -> bool:
        if A.dtype.kind == "f":
            return not any(isinstance(item, Integral) for item in objects[np.abs(A) > _EXACT])
        labels = objects.ravel().tolist()
        # A number or a NaN is no text, and an array of texts loses zeros at their ends.
        return all(isinstance(label, str) for label in labels) and A.ravel().tolist() == labels


class _Numbers(_Reader):
    wanted = "be numbers"
    missing = "values"

    def checked(self, A: Array, where: str = "", dtype: str = "") -> Array:
        if A.dtype.kind == "U":
            self._check_texts(A.ravel().tolist(), where)
        if A.dtype.kind in "biufU":
            return A
        if A.dtype.kind != "O":
            raise self._refused(dtype or A.dtype, where)
        values = A.ravel().tolist()
        for kind in self._types(values, where):
            if issubclass(kind, np.timedelta64 | bytes) or not issubclass(kind, _NUMBERS):
                raise self._refused(dtype or kind.__name__, where)
        self._check_texts([value for value in values if isinstance(value, str)], where)
        return A

    def _check_texts(self, texts: list[str], where: str) -> None:
        """Raise for the first text that does not look like a number; those that do scikit-learn takes."""
        for text in texts:
            try:
                float(text)
            except ValueError as error:
                cure = ": classes are for a classifier" if self.name.startswith("y") else ""
                got = f"strings, such as {text!r:.60} ({error!s:.100})"
                raise self._refused(got, where + cure) from None


class _Weights(_Numbers):
    def read(self, values: Any) -> Any:
        if isinstance(values, str | bytes):
            raise self._refused(repr(values), "")
        return super().read(values)

    def checked(self, A: Array, where: str = "", dtype: str = "") -> Array:
        if A.dtype.kind == "U" or (
            A.dtype.kind == "O" and any(isinstance(item, str) for item in A.ravel().tolist())
        ):
            raise self._refused("strings", where)
        return super().checked(A, where, dtype)


def _columns(values: Any) -> dict[Any, Any] | None:
    """Return the columns of a frame by name, of pandas, polars or pyarrow; None if it is no frame."""
    if hasattr(values, "iloc") and values.ndim == 2:
        return {name: values.iloc[:, i] for i, name in enumerate(values.columns)}
    if hasattr(values, "get_columns"):
        return {column.name: column for column in values.get_columns()}
    if hasattr(values, "column_names"):
        return dict(zip(values.column_names, values.columns, strict=True))
    return None
