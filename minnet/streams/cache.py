"""A temporary copy of a source on a disk, from which rows are soon read in any order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from minnet.common.types import Array
from minnet.streams.arrays import Arrays
from minnet.streams.epoch import Epoch, Way
from minnet.streams.rows import Rows
from minnet.streams.source import Source

__all__ = ["Cached"]

_PIECE_ROWS = 256  # are read at a time: a buffer holds rows of many places


class Cached(Source):
    """The rows of another source, copied when they are first asked for: a piece is 256 of them.

    Parameters
    ----------
    source : Source
    folder : str
        In which a folder is made, and removed with this object.
    batch_size : int
    """

    def __init__(self, source: Source, folder: str, batch_size: int) -> None:
        self._source, self._folder, self._batch_size = source, folder, batch_size

    @property
    def n_pieces(self) -> int:  # type: ignore[override]  # not known before the copy is there
        """Return how many pieces the copy has."""
        return self._copy.n_pieces

    @property
    def feature_names(self) -> list[str] | None:
        """Return the names of the inputs of the other source."""
        return self._source.feature_names

    def n_rows(self, piece: int) -> int | None:
        """Return how many rows a piece has."""
        return self._copy.n_rows(piece)

    def where(self, piece: int) -> str:
        """Return which rows a piece has."""
        return self._copy.where(piece)

    def rows(self, piece: int) -> Iterator[Rows]:
        """Read a piece."""
        return self._copy.rows(piece)

    def targets(self, piece: int) -> Iterator[Array]:
        """Read the targets of a piece."""
        return self._copy.targets(piece)

    @cached_property
    def _copy(self) -> Arrays:
        """Copy the rows as they lie."""
        self._temporary = tempfile.TemporaryDirectory(prefix="minnet-stream-", dir=self._folder)
        columns: list[_Column] = []
        for rows in Epoch(self._source, Way(self._batch_size, 0, 0), 0):
            columns = columns or [
                _Column(os.path.join(self._temporary.name, str(i)), array)
                for i, array in enumerate(rows)
            ]
            for column, array in zip(columns, rows, strict=True):
                column.append(array)
        if not columns:
            columns = [_Column(os.devnull, np.empty((0, 1))), _Column(os.devnull, np.empty(0))]
        return Arrays(tuple(columns), columns[0].dtype, _PIECE_ROWS)


class _Column:
    """An array in a file of its own; of texts it has their numbers.

    Parameters
    ----------
    path : str
    like : ndarray
        Has dtype and, but for the number of rows, shape.
    """

    def __init__(self, path: str, like: Array) -> None:
        self._path, self._row = path, like.shape[1:]
        self._texts: dict[str, int] | None = {} if like.dtype == object else None
        self.dtype = np.dtype(np.int64) if like.dtype == object else like.dtype
        self._n_rows = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self._n_rows, *self._row

    def append(self, array: Array) -> None:
        if self._texts is not None:
            for text in array.tolist():
                self._texts.setdefault(text, len(self._texts))
            array = np.array([self._texts[text] for text in array.tolist()])
        if array.dtype != self.dtype:  # whole numbers, and then others
            self._promote(np.result_type(array.dtype, self.dtype))
        with open(self._path, "ab") as file:
            array.astype(self.dtype, copy=False).tofile(file)
        self._n_rows += len(array)

    def __getitem__(self, rows: slice) -> Array:
        size = int(np.prod(self._row))
        array = np.fromfile(
            self._path,
            self.dtype,
            (rows.stop - rows.start) * size,
            offset=rows.start * size * self.dtype.itemsize,
        ).reshape(-1, *self._row)
        return array if self._texts is None else np.array(list(self._texts), dtype=object)[array]

    def _promote(self, dtype: Any) -> None:
        array = np.fromfile(self._path, self.dtype).astype(dtype)
        array.tofile(self._path)
        self.dtype = array.dtype
