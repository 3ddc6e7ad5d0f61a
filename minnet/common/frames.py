"""Which library an object's table or column is of: told without importing any of them."""

from __future__ import annotations

import sys
from typing import Any

__all__ = [
    "is_dask_array", "is_dask_collection", "is_dask_frame", "is_frame_or_column", "is_pandas_frame",
    "is_polars_frame", "is_polars_lazy_frame", "is_pyarrow_data",
]  # fmt: skip


def is_pandas_frame(value: Any) -> bool:
    """Return whether a value is a DataFrame of pandas."""
    return _is_of(value, "pandas", "DataFrame")


def is_polars_frame(value: Any) -> bool:
    """Return whether a value is a DataFrame of polars."""
    return _is_of(value, "polars", "DataFrame")


def is_polars_lazy_frame(value: Any) -> bool:
    """Return whether a value is a LazyFrame of polars, which has no numbers yet."""
    return _is_of(value, "polars", "LazyFrame")


def is_pyarrow_data(value: Any) -> bool:
    """Return whether a value is a table, a batch of records or an array of pyarrow."""
    return _is_of(value, "pyarrow", "Table", "RecordBatch", "Array", "ChunkedArray")


def is_frame_or_column(value: Any) -> bool:
    """Return whether a value is a table or a column of pandas, polars or pyarrow.

    Examples
    --------
    >>> import pandas as pd
    >>> is_frame_or_column(pd.Series([1, 2])), is_frame_or_column([1, 2])
    (True, False)
    """
    columns = (_is_of(value, library, "Series") for library in ("pandas", "polars"))
    return (
        is_pandas_frame(value) or is_polars_frame(value) or is_pyarrow_data(value) or any(columns)
    )


def is_dask_collection(value: Any) -> bool:
    """Return whether a value is one of Dask's, which is computed when it is asked for.

    Examples
    --------
    >>> is_dask_collection([1, 2])
    False
    """
    if not hasattr(value, "__dask_graph__"):  # what a call for an array costs: 0.05 µs
        return False
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(value)


def is_dask_array(value: Any) -> bool:
    """Return whether a value is an array of Dask's."""
    return _is_of(value, "dask.array", "Array")


def is_dask_frame(value: Any) -> bool:
    """Return whether a value is a table or a column of Dask's."""
    return _is_of(value, "dask.dataframe", "DataFrame", "Series")


def _is_of(value: Any, library: str, *classes: str) -> bool:
    """Return whether a value is of one of these classes of a library, which is imported if it is."""
    module = sys.modules.get(library)
    return module is not None and isinstance(
        value, tuple(getattr(module, name) for name in classes)
    )
