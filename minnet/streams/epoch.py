"""One pass over a source: pieces in an order of its own, rows through a buffer, batches out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Self

import numpy as np

from minnet.common.checks import check_whole
from minnet.common.types import Array
from minnet.random import Stream
from minnet.streams.pieces import read_pieces, row_counts
from minnet.streams.rows import Rows, cut, taken
from minnet.streams.shuffling import ShuffleBuffer
from minnet.streams.source import Source
from minnet.training.reading import in_batch

__all__ = ["Epoch", "Way"]

_BUFFER_BYTES = 2**26
_N_NUMBERS = 2**16  # of rows, in a block of them


@dataclass(frozen=True)
class Way:
    """How rows become batches.

    Attributes
    ----------
    batch_size : int
    shuffle_buffer : int or "auto"
        Rows; 0 does not shuffle.
    key : int
        Of the random numbers.
    """

    batch_size: int
    shuffle_buffer: int | str
    key: int

    def pieces(self, n_pieces: int, epoch: int) -> list[int]:
        """Return pieces in the order in which they are read."""
        if not self.shuffle_buffer:
            return list(range(n_pieces))
        return Stream(self.key, "order of the pieces", epoch).permutation(n_pieces).tolist()

    def batches(
        self, blocks: Iterable[Rows], row: Rows, n_rows: int | None, epoch: int
    ) -> Iterator[Rows]:
        """Iterate over batches of the rows in blocks, ``n_rows`` in all if that is known.

        ``row`` is one of those that are trained on: of the largest a smaller number has room.
        """
        if not self.shuffle_buffer:
            return cut(blocks, self.batch_size)
        size = self.shuffle_buffer
        if isinstance(size, str):
            size = max(self.batch_size, _BUFFER_BYTES // sum(array[:1].nbytes for array in row))
        size = size if n_rows is None else min(size, max(1, n_rows))
        return ShuffleBuffer(size, self.key, epoch).shuffled(blocks, self.batch_size)


class Epoch:
    """An iterator over the batches of an epoch, as tuples of arrays.

    Parameters
    ----------
    source : Source
    way : Way
    number : int
        Of the epoch: each has an order of its own.
    """

    def __init__(self, source: Source, way: Way, number: int) -> None:
        self._source, self._way, self._number = source, way, number
        self._batches: Iterator[Rows] | None = None
        self._next = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Rows:
        with in_batch(self._next):
            if self._batches is None:
                self._batches = self._begun()
            batch = next(self._batches)
        self._next += 1
        return batch

    def skip(self, n: int) -> None:
        """Pass over the next n batches.

        At the beginning of the epoch, pieces whose rows are all in those batches are not read, where it is
        known how many rows they have.
        """
        n = check_whole("n", n, low=0)
        if self._batches is not None:
            for _ in islice(self._batches, n):
                pass
        self._next += n

    def close(self) -> None:
        """End the epoch: what is open in the source is closed."""
        self._batches = iter(())  # the generators that it refers to end with it

    def _begun(self) -> Iterator[Rows]:
        """Return the batches from the next one on."""
        source, pieces = self._source, self._way.pieces(self._source.n_pieces, self._number)
        counts = row_counts(source, pieces)
        blocks = read_pieces(source, pieces)
        first = next(blocks, None)
        if first is None:
            return iter(())
        row, n_rows = taken(first, slice(1)), None if counts is None else sum(counts)
        if self._next and counts is not None:
            left = self._left(self._next, row, np.array(counts))
            blocks = _read_what_is_left(source, pieces, counts, left, row)
        else:
            blocks = chain([first], blocks)
        return islice(self._way.batches(blocks, row, n_rows, self._number), self._next, None)

    def _left(self, number: int, row: Rows, counts: Array) -> Array:
        """Return how many rows of each piece are in batches from a number on: with their numbers alone."""
        ends, left = counts.cumsum(), counts.copy()
        numbers = (
            (np.arange(start, min(start + _N_NUMBERS, ends[-1])),)
            for start in range(0, ends[-1], _N_NUMBERS)
        )
        for (batch,) in islice(self._way.batches(numbers, row, ends[-1], self._number), number):
            pieces = np.searchsorted(ends, batch, side="right")
            left -= np.bincount(pieces, minlength=len(counts))
        return left


# No methods: what is read is closed as soon as the epoch is dropped, to which it must not refer therefore.


def _read_what_is_left(
    source: Source, pieces: list[int], counts: list[int], left: Array, row: Rows
) -> Iterator[Rows]:
    """Read pieces of which something is left; for each row of the others comes a copy of one row."""
    for piece, n_rows, n_left in zip(pieces, counts, left, strict=True):
        if n_left:
            yield from read_pieces(source, [piece])
        else:
            yield tuple(np.broadcast_to(a, (n_rows, *a.shape[1:])) for a in row)
