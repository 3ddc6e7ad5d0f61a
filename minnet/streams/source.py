"""What a stream reads from: rows in pieces, each of which can be read by itself, in any order."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from minnet.common.types import Array
from minnet.streams.columns import Columns
from minnet.streams.rows import Rows

__all__ = ["Source", "TableSource"]


class Source(ABC):
    """Rows in ``n_pieces`` pieces: groups of rows of a file, partitions, chunks, or all there is."""

    n_pieces: int

    @property
    def feature_names(self) -> list[str] | None:
        """Return the names of the inputs; None where they have none, or are not known yet."""
        return None

    def n_rows(self, piece: int) -> int | None:
        """Return how many rows a piece has; None where that is not known before they were read."""
        return None

    @abstractmethod
    def where(self, piece: int) -> str:
        """Return what an error calls a piece."""

    @abstractmethod
    def rows(self, piece: int) -> Iterator[Rows]:
        """Read a piece, block by block."""

    @abstractmethod
    def targets(self, piece: int) -> Iterator[Array]:
        """Read the targets of a piece, and nothing else where that is possible."""


class TableSource(Source):
    """A source whose pieces are tables with named columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    @property
    def feature_names(self) -> list[str] | None:
        """Return the names of the inputs; None where they are numbers, or not known yet."""
        names = self._columns.features
        return names if names and all(isinstance(name, str) for name in names) else None

    @abstractmethod
    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Read these columns of a piece, or all, table by table: of any library, or dicts of arrays."""

    def rows(self, piece: int) -> Iterator[Rows]:
        """Read a piece, table by table."""
        where = self.where(piece)
        with _closed(self.tables(piece, self._columns.wanted)) as tables:
            for table in tables:
                if _has_rows(table):
                    yield self._columns.rows(table, where)

    def targets(self, piece: int) -> Iterator[Array]:
        """Read the targets of a piece, table by table."""
        where = self.where(piece)
        with _closed(self.tables(piece, self._columns.targets)) as tables:
            for table in tables:
                if _has_rows(table):
                    yield self._columns.target_of(table, where)


@contextlib.contextmanager
def _closed(tables: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """Close in the end what reads tables, if it can be: an error that is kept may keep it alive."""
    try:
        yield tables
    finally:
        if hasattr(tables, "close"):
            tables.close()


def _has_rows(table: Any) -> bool:
    """Return whether a table has any rows."""
    if isinstance(table, dict):
        return len(next(iter(table.values()))) > 0
    return len(table) > 0
