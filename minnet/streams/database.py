"""Rows out of a database, by a cursor of Python's database API (PEP 249)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet.common.types import Array

__all__ = ["is_connection", "is_cursor", "name_the_thread", "tables_of_cursor"]


def is_connection(value: Any) -> bool:
    """Return whether a value is a connection as PEP 249 describes it; SQLite's can be called, too."""
    return all(hasattr(value, name) for name in ("cursor", "commit", "close"))


def is_cursor(value: Any) -> bool:
    """Return whether a value is a cursor as PEP 249 describes it."""
    return hasattr(value, "fetchmany") and hasattr(value, "description")


def tables_of_cursor(cursor: Any, n_rows: int) -> Iterator[dict[str, Array]]:
    """Iterate over what a query has found, by so many rows; close the cursor in the end.

    Examples
    --------
    >>> import sqlite3
    >>> cursor = sqlite3.connect(":memory:").execute("SELECT 1 AS a, 'x' AS b")
    >>> list(tables_of_cursor(cursor, 10))
    [{'a': array([1], dtype=object), 'b': array(['x'], dtype=object)}]
    """
    if cursor.description is None:
        raise ValueError(
            "source must return a cursor that has run a query with rows, got one without"
        )
    names = [str(column[0]) for column in cursor.description]
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise ValueError(
            f"source must have columns of different names, got {again!r} twice or more"
        )
    try:
        with name_the_thread():
            while rows := cursor.fetchmany(n_rows):
                columns = zip(*rows, strict=True)
                yield {name: _column(values) for name, values in zip(names, columns, strict=True)}
    finally:
        with contextlib.suppress(Exception):  # what went wrong before is what is told
            cursor.close()


@contextlib.contextmanager
def name_the_thread() -> Iterator[None]:
    """Say what helps where SQLite refuses a connection to the thread that reads ahead."""
    try:
        yield
    except Exception as error:
        if "same thread" in str(error):
            raise RuntimeError(
                "source must use a connection that other threads may use, since a thread reads ahead: "
                "sqlite3.connect(path, check_same_thread=False)"
            ) from error
        raise


def _column(values: tuple[Any, ...]) -> Array:
    """Return values as an array of objects, whatever they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
