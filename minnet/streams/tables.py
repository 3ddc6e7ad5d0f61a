"""Tables from elsewhere: in memory, partitions of Dask, lazy frames, and what a function returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from minnet.common.frames import (
    is_frame_or_column,
    is_pandas_frame,
    is_polars_frame,
    is_pyarrow_data,
)
from minnet.streams.columns import Columns, names_of
from minnet.streams.database import is_cursor, name_the_thread, tables_of_cursor
from minnet.streams.source import TableSource

__all__ = ["DaskFrame", "Frames", "LazyFrame", "Returned", "is_table"]


def is_table(value: Any) -> bool:
    """Return whether a value is a table of pandas, polars or pyarrow."""
    is_of_arrow = is_pyarrow_data(value) and hasattr(value, "schema")
    return is_pandas_frame(value) or is_polars_frame(value) or is_of_arrow


class Frames(TableSource):
    """Tables that are in memory: a piece is a slice of one."""

    def __init__(self, frames: Sequence[Any], columns: Columns, batch_size: int) -> None:
        super().__init__(columns)
        columns.look_at(names_of(frames[0]))
        self._frames = frames
        self._pieces = [
            (number, start, min(start + batch_size, len(frame)))
            for number, frame in enumerate(frames)
            for start in range(0, len(frame), batch_size)
        ]
        self.n_pieces = len(self._pieces)

    def n_rows(self, piece: int) -> int | None:
        """Return how many rows a slice has."""
        _, start, stop = self._pieces[piece]
        return stop - start

    def where(self, piece: int) -> str:
        """Return which rows of which table a slice has."""
        number, start, stop = self._pieces[piece]
        return f"rows {start} to {stop - 1} of table {number}"

    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Return a slice."""
        number, start, stop = self._pieces[piece]
        frame = self._frames[number]
        yield frame.iloc[start:stop] if hasattr(frame, "iloc") else frame.slice(start, stop - start)


class DaskFrame(TableSource):
    """A data frame of Dask: each of its partitions is a piece, computed when it is read."""

    def __init__(self, frame: Any, columns: Columns) -> None:
        super().__init__(columns)
        columns.look_at(list(frame.columns))
        self._frame = frame
        self.n_pieces = frame.npartitions

    def where(self, piece: int) -> str:
        """Return the number of the partition."""
        return f"partition {piece}"

    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Compute a partition."""
        yield self._frame[names].partitions[piece].compute()


class LazyFrame(TableSource):
    """A query of polars, run by its streaming engine: one piece."""

    n_pieces = 1

    def __init__(self, frame: Any, columns: Columns, batch_size: int) -> None:
        super().__init__(columns)
        if not hasattr(frame, "collect_batches"):
            raise ImportError(
                "source must not be a LazyFrame where polars is older than 1.34, which gave no batches: "
                "pip install -U polars"
            )
        columns.look_at(frame.collect_schema().names())
        self._frame = frame
        self._batch_size = batch_size

    def where(self, piece: int) -> str:
        """Return what an error calls it."""
        return "the rows of the LazyFrame"

    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Run the query for some columns."""
        return self._frame.select(names).collect_batches(chunk_size=self._batch_size, lazy=True)


class Returned(TableSource):
    """What a function returns, called once a pass: a cursor of a database, or an iterable of tables."""

    n_pieces = 1

    def __init__(self, function: Callable[[], Any], columns: Columns, batch_size: int) -> None:
        super().__init__(columns)
        self._function = function
        self._batch_size = batch_size

    def where(self, piece: int) -> str:
        """Return what an error calls it."""
        return "what source() returned"

    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Call the function: which columns there are is its affair."""
        with name_the_thread():
            given = self._function()
        if is_cursor(given):
            return tables_of_cursor(given, self._batch_size)
        if is_frame_or_column(given):
            given = [given]
        if isinstance(given, Iterable) and not isinstance(given, str | bytes | dict):
            return map(_checked, given)
        raise TypeError(
            "source must return a cursor of a database that has run its query, or an iterable of tables, "
            f"got a {type(given).__name__}"
        )


def _checked(table: Any) -> Any:
    """Return a table, or say that it is none."""
    if is_table(table):
        return table
    raise TypeError(
        "source must return tables of pandas, polars or pyarrow, one after the other, got a "
        f"{type(table).__name__}"
    )
