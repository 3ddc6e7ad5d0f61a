"""Which columns of a table are categories: by their dtypes, or as the user names them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.types import Array
from minnet.tables.reading import Table

__all__ = ["check_categorical_features"]


def check_categorical_features(categorical_features: Any, table: Table) -> list[bool]:
    """Return for each column whether it is one of categories.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like of str, int or bool, or None
        As :class:`sklearn.ensemble.HistGradientBoostingClassifier` takes it.
    table : Table
        Columns that cannot be read as numbers are categories in any case.

    Raises
    ------
    ValueError
        If there are no such columns.
    """
    by_dtype = isinstance(categorical_features, str)
    if by_dtype or categorical_features is None:
        named = [False] * table.n_columns
    else:
        named = _named(np.asarray(categorical_features), table)
    if by_dtype:
        return [table.role(i) != "number" for i in range(table.n_columns)]
    return [name or not table.is_numeric(i) for i, name in enumerate(named)]


def _named(features: Array, table: Table) -> list[bool]:
    n = table.n_columns
    types = set(map(type, features.tolist())) if features.ndim == 1 else set()
    if features.size == 0:
        return [False] * n
    if types == {bool}:
        if len(features) != n:
            raise ValueError(
                f"categorical_features must have one entry for each of {n} columns as a mask, got "
                f"{len(features)}"
            )
        return features.tolist()
    if types == {int}:
        if features.min() < 0 or features.max() >= n:
            raise ValueError(
                f"categorical_features must be positions from 0 to {n - 1}, got {features.tolist()!r:.200}"
            )
        return np.isin(np.arange(n), features).tolist()
    if types == {str}:
        names = [] if table.names is None else list(table.names)
        missing = next((name for name in features.tolist() if name not in names), None)
        if missing is not None:
            has = f"has {names!r:.200}" if names else "has no names: give positions or a mask"
            raise ValueError(
                f"categorical_features must be names of columns of X, got {missing!r}, and X {has}"
            )
        return [name in features.tolist() for name in names]
    raise ValueError(
        "categorical_features must be 'from_dtype', None, or an array-like of names, positions or "
        f"booleans, got {features.tolist()!r:.200}"
    )
