"""Which reader a source is for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from minnet.streams.arrays import Arrays
from minnet.streams.arrow import dataset_at, reader_of_dataset
from minnet.streams.columns import Columns
from minnet.streams.database import is_connection
from minnet.streams.source import Source
from minnet.streams.tables import DaskFrame, Frames, LazyFrame, Returned, is_table

__all__ = ["open_source"]


def open_source(
    source: Any, target: Any, sample_weight: Any, features: Any, dtype: Any, batch_size: int
) -> Source:
    """Return what reads a source; see :class:`minnet.streams.BatchStream` for what they may be."""
    if isinstance(source, tuple):
        _check_unnamed(target=target, sample_weight=sample_weight, columns=features)
        return Arrays(source, dtype, batch_size)
    if all(isinstance(path, str | os.PathLike) for path in _several(source)):
        source = dataset_at(source)
    reader = _reader_of_columns(source)
    if reader is None:
        hint = ""
        if isinstance(source, Iterator):
            hint = ", which can be read once: give a function that returns a new one"
        elif is_connection(source):
            hint = ": give a function that runs a query, and returns the cursor"
        raise TypeError(
            "source must be a path, a dataset of pyarrow, a data frame or LazyFrame, a list of them, a "
            "tuple of arrays (X, y), or a function that returns a cursor or tables, got a "
            f"{type(source).__name__}{hint}"
        )
    if target is None:
        raise ValueError("target must be the name of the column that is to be learned, got None")
    return reader(Columns(target, sample_weight, features, dtype), batch_size)


def _check_unnamed(**given: Any) -> None:
    """Raise where columns are named of arrays."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} must be None for a tuple of arrays, X, y and perhaps weights, which have no "
                f"names, got {value!r:.100}"
            )


def _several(source: Any) -> list[Any]:
    """Return what is in a list, or what is none as the one thing in a list."""
    return source if isinstance(source, list) and source else [source]


def _reader_of_columns(source: Any) -> Callable[[Columns, int], Source] | None:
    """Return what opens a source with named columns; None if it is none."""
    several = _several(source)
    if all(map(is_table, several)):
        return lambda columns, n: Frames(several, columns, n)
    if hasattr(source, "get_fragments") and hasattr(source, "schema"):
        return lambda columns, n: reader_of_dataset(source, columns, n)
    if hasattr(source, "collect_schema"):
        return lambda columns, n: LazyFrame(source, columns, n)
    if all(hasattr(source, name) for name in ("npartitions", "partitions", "columns")):
        return lambda columns, n: DaskFrame(source, columns)
    if callable(source) and not isinstance(source, type) and not is_connection(source):
        return lambda columns, n: Returned(source, columns, n)
    return None
