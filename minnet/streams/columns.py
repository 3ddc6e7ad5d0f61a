"""Which columns of a table are inputs, target and weight, and how they become arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.common.buffers import all_finite
from minnet.common.names import suggest
from minnet.common.types import Array
from minnet.streams.rows import Rows
from minnet.streams.values import MissingError, values_of

__all__ = ["Columns", "in_full_width", "names_of"]

_CURE = "fill them, or leave out the rows, before they come here"


class Columns:
    """The columns that are read, by name, and the dtype of the inputs.

    Parameters
    ----------
    target : name or list of names
        Of the column of labels or numbers, or of several of numbers.
    sample_weight : name or None
    features : list of names or None
        None: all other columns.
    dtype : dtype or None
        Of the inputs. None: float32 where all of them have it, otherwise float64.

    Attributes
    ----------
    features : list of names or None
        None until a table was seen.
    targets, others : list of names
        Of the targets; and of all that are no inputs.
    """

    def __init__(self, target: Any, sample_weight: Any, features: Any, dtype: Any) -> None:
        self.target = target
        self.sample_weight = sample_weight
        self.dtype = dtype
        several = isinstance(target, list | tuple)
        self.targets = _names("target", target if several else [target])
        weights = [] if sample_weight is None else _names("sample_weight", [sample_weight])
        self.others = [*self.targets, *weights]
        self.features = None if features is None else _names("columns", features)
        both = [name for name in self.features or () if name in self.others]
        if both:
            raise ValueError(
                f"columns must have the names of inputs alone, got {both[0]!r}, which is target or "
                "sample_weight"
            )

    def look_at(self, names: Sequence[Any]) -> None:
        """Learn from the names of all columns which are inputs; raise if there are not those wanted."""
        n_targets = len(self.targets)
        for argument, wanted in (
            ("target", self.others[:n_targets]),
            ("sample_weight", self.others[n_targets:]),
            ("columns", self.features or []),
        ):
            for name in wanted:
                if name not in names:
                    raise ValueError(suggest(argument, name, map(str, names)))
        inputs = [name for name in names if name not in self.others]
        self.features = self.features or inputs
        if not inputs:
            raise ValueError("source must have columns beside target and sample_weight, got none")
        again = next((name for name in self.wanted if list(names).count(name) > 1), None)
        if again is not None:
            raise ValueError(
                f"source must have columns of different names, got {again!r} more than once"
            )

    @property
    def wanted(self) -> list[Any]:
        """Return the names of all columns to be read; none where they are not known yet."""
        return [] if self.features is None else [*self.features, *self.others]

    def rows(self, table: Any, where: str) -> Rows:
        """Return inputs, targets and, if there are any, weights of a table; say where what is wrong is."""
        names = names_of(table)
        if self.features is None:
            self.look_at(names)
        _check_there(self.wanted, names, where)
        columns = [_numbers(table, name, where) for name in self.features or ()]
        if self.dtype is None:
            narrow = all(column.dtype == np.float32 for column in columns)
            self.dtype = np.dtype(np.float32 if narrow else np.float64)
        X = np.empty((len(columns[0]), len(columns)), self.dtype)
        with np.errstate(over="ignore"):  # what is too large for the dtype is named below
            for j, column in enumerate(columns):
                X[:, j] = column
        if not all_finite(X):
            for name, values in zip(self.features or (), X.T, strict=True):
                _check_finite(name, values, where)
        y = self._target(table, where)
        if self.sample_weight is None:
            return X, y
        weights = _numbers(table, self.sample_weight, where).astype(np.float64)
        _check_finite(self.sample_weight, weights, where)
        return X, y, weights

    def target_of(self, table: Any, where: str) -> Array:
        """Return the targets of a table: in one column, or in several of numbers."""
        _check_there(self.targets, names_of(table), where)
        return self._target(table, where)

    def _target(self, table: Any, where: str) -> Array:
        if not isinstance(self.target, list | tuple):
            return in_full_width(_read(table, self.target, where, finite=True))
        columns = [_numbers(table, name, where, finite=True) for name in self.targets]
        return np.column_stack(columns).astype(np.float64, copy=False)


def _names(argument: str, names: Any) -> list[Any]:
    """Return names of columns as a list, or say what is wrong with them."""
    of_arrays = getattr(names, "ndim", 0) == 1 and hasattr(names, "tolist")
    if not (isinstance(names, list | tuple) or of_arrays):
        raise TypeError(f"{argument} must be a list of names of columns, got {names!r:.100}")
    listed = names.tolist() if of_arrays else list(names)
    for name in listed:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(f"{argument} must be names of columns, got {name!r:.100}")
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"{argument} must be different names of columns, got {listed!r:.200}")
    return listed


def in_full_width(y: Array) -> Array:
    """Return whole numbers and others in 64 bits: what comes later may be larger."""
    if y.dtype.kind in "iu" and (y.dtype != np.uint64 or not (y >> 63).any()):
        return y.astype(np.int64, copy=False)
    return y.astype(np.float64, copy=False) if y.dtype.kind == "f" else y


def names_of(table: Any) -> list[Any]:
    """Return the names of a table's columns."""
    if isinstance(table, dict):
        return list(table)
    return list(table.schema.names if hasattr(table, "num_rows") else table.columns)


def _check_there(wanted: list[Any], names: list[Any], where: str) -> None:
    """Raise if a table has not these columns."""
    missing = set(wanted).difference(names)
    if missing:
        first = next(name for name in wanted if name in missing)
        raise ValueError(f"column {first!r} must be in all parts of source, it is not in {where}")


def _read(table: Any, name: Any, where: str, finite: bool = False) -> Array:
    """Return a column as an array."""
    try:
        values = values_of(table[name])
    except MissingError as error:
        raise ValueError(
            f"column {name!r} must have no missing values, got {error} in {where}: {_CURE}"
        ) from None
    except TypeError as error:
        raise TypeError(
            f"column {name!r} must have numbers or texts, got {error} in {where}"
        ) from None
    if finite and values.dtype.kind == "f":
        _check_finite(name, values, where)
    return values


def _numbers(table: Any, name: Any, where: str, finite: bool = False) -> Array:
    """Return a column of numbers as an array."""
    values = _read(table, name, where, finite)
    if values.dtype.kind == "O" and len(values):
        raise TypeError(
            f"column {name!r} must have numbers, got texts such as {values[0]!r:.60} in {where}: encode "
            "it before, or leave it out by columns="
        )
    return values


def _check_finite(name: Any, values: Array, where: str) -> None:
    if all_finite(values):
        return
    n_missing = np.count_nonzero(np.isnan(values))
    if n_missing:
        raise ValueError(
            f"column {name!r} must have no missing values, got {n_missing} NaN in {where}: {_CURE}"
        )
    raise ValueError(
        f"column {name!r} must have numbers that are finite in {values.dtype}, got others in {where}"
    )
