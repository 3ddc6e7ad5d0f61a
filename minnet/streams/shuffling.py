"""Rows shuffled on their way, by a buffer in which each waits for a random time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from minnet.common.types import Array
from minnet.random import Stream
from minnet.streams.rows import Rows, cut, taken

__all__ = ["ShuffleBuffer"]

_SHARE = 8  # of the buffer, at most one in so many rows is exchanged at a time
_FEWEST = (
    64  # rows that a buffer holds, and that are exchanged: an exchange costs some microseconds
)


class ShuffleBuffer:
    """A buffer of ``n_rows`` rows: whenever as many come in as go out, those that go are drawn from it.

    The buffer is cut into as many equal parts as rows are to go, and one row of each part goes: so none
    goes twice, and a row stays for ``n_rows`` others on average, whatever its place.

    Parameters
    ----------
    n_rows : int
        At least 64 are taken.
    key, epoch : int
        Of the random numbers.

    Examples
    --------
    >>> buffer = ShuffleBuffer(100, key=0, epoch=0)
    >>> batches = [rows for rows, in buffer.shuffled([(np.arange(1000),)], 50)]
    >>> len(batches), int(batches[0].max()), np.unique(np.concatenate(batches)).size
    (20, 99, 1000)
    """

    def __init__(self, n_rows: int, key: int, epoch: int) -> None:
        self.n_rows = max(n_rows, _FEWEST)
        self._places = Stream(key, "places in the shuffle buffer", epoch)
        self._order = Stream(key, "order of the shuffle buffer", epoch)
        self._n_drawn = 0

    def shuffled(self, blocks: Iterable[Rows], size: int) -> Iterator[Rows]:
        """Iterate over the rows of all blocks, ``size`` at a time; the last time there may be fewer."""
        step = min(size, max(self.n_rows // _SHARE, _FEWEST))
        return cut(self._exchanged(cut(blocks, step), step), size)

    def _exchanged(self, blocks: Iterator[Rows], step: int) -> Iterator[Rows]:
        buffer: Rows = ()
        n_held = 0
        for rows in blocks:
            if not buffer:
                buffer = tuple(np.empty((self.n_rows, *a.shape[1:]), a.dtype) for a in rows)
            buffer = tuple(map(_promoted, buffer, rows))
            n_new = min(len(rows[0]), self.n_rows - n_held)  # as long as there is room
            _put(buffer, slice(n_held, n_held + n_new), taken(rows, slice(n_new)))
            n_held += n_new
            if n_new < len(rows[0]):
                rows = taken(rows, slice(n_new, None))
                places = self._drawn(len(rows[0]))
                leaving = taken(buffer, places)
                _put(buffer, places, rows)
                yield leaving
        left = self._permuted(np.arange(n_held))
        for start in range(0, n_held, step):
            yield taken(buffer, left[start : start + step])

    def _drawn(self, n: int) -> Array:
        """Return different places in the buffer, in random order."""
        bounds = np.arange(n + 1) * self.n_rows // n
        shares = self._places.uniform(n, start=self._n_drawn)
        places = bounds[:-1] + (shares * np.diff(bounds)).astype(np.intp)
        return self._permuted(places)

    def _permuted(self, places: Array) -> Array:
        """Return places, fewer than 2**32, sorted by random words; what is drawn next has others."""
        n = len(places)
        pairs = self._order.words(n, self._n_drawn).astype(np.uint64) << np.uint64(32)
        pairs |= np.arange(n, dtype=np.uint64)
        pairs.sort()  # faster than argsort
        self._n_drawn += n
        return places[(pairs & np.uint64(2**32 - 1)).view(np.int64)]


def _put(buffer: Rows, places: slice | Array, rows: Rows) -> None:
    for array, new in zip(buffer, rows, strict=True):
        array[places] = new


def _promoted(array: Array, new: Array) -> Array:
    """Return the array in a dtype that has room for new values, too."""
    dtype = np.result_type(array.dtype, new.dtype)
    return array if dtype == array.dtype else array.astype(dtype)
