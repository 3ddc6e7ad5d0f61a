"""Which rows of which shard a step takes, where the rows of a training lie in several shards.

Each step takes rows of all shards, in proportion to what they have: as many as Webster's method of
apportionment, known from parliaments, gives to a shard as seats. Row ``j`` of ``n`` that a shard has
stands at ``(j + 1/2) / n``, and the rows of all are taken in the order of these places, those of
the first shard first where places are equal. So each row comes once an epoch, and no message is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from minnet.common.types import Array
from minnet.descend import shuffled_order
from minnet.random import Stream

__all__ = ["ShardSteps", "joined_order", "order_of_shard", "rows_taken"]

# That are looked at in one go, one for each shard and step.
_NUMBERS = 2**18


def rows_taken(sizes: Sequence[int], bounds: Array) -> Array:
    """Return how many rows of each shard are taken before each step.

    Parameters
    ----------
    sizes : sequence of int
        Rows of the shards, of which some may have none.
    bounds : ndarray of shape (n_steps + 1,), int64
        How many rows of all are taken before each step; the last is the sum of ``sizes``.

    Returns
    -------
    ndarray of shape (n_shards, n_steps + 1), int64

    Examples
    --------
    >>> rows_taken([6, 0, 2], np.array([0, 3, 6, 8]))
    array([[0, 2, 5, 6],
           [0, 0, 0, 0],
           [0, 1, 1, 2]])
    """
    return np.concatenate([taken for _, taken in _in_blocks(sizes, bounds)], axis=1)


def _in_blocks(sizes: Sequence[int], bounds: Array) -> Iterator[tuple[slice, Array]]:
    """Yield what :func:`rows_taken` returns for so many bounds at a time that it needs little memory."""
    n_bounds = max(1, _NUMBERS // len(sizes))
    for first in range(0, len(bounds), n_bounds):
        block = slice(first, first + n_bounds)
        yield block, _rows_taken(sizes, bounds[block])


def _rows_taken(sizes: Sequence[int], bounds: Array) -> Array:
    column = np.asarray(sizes, dtype=np.int64)[:, np.newaxis]
    # The rows that stand before a place are those in proportion to it, but for half a row of each shard:
    # between these two are the last rows that are taken before a step.
    slack = len(sizes) / 2 + 1
    below, upto = (bounds - slack) / sum(sizes), (bounds + slack) / sum(sizes)
    # Halved until no shard has more than one row between them.
    for _ in range(ceil(log2(4 * slack * max(sizes) / sum(sizes))) + 1):
        middle = (below + upto) / 2
        enough = _standing_upto(middle, column).sum(axis=0) >= bounds
        below, upto = np.where(enough, below, middle), np.where(enough, middle, upto)
    taken = _standing_upto(below, column)
    between = _standing_upto(upto, column) > taken
    places = np.where(between, _place(taken, column), np.inf)
    in_order = np.argsort(places, axis=0, kind="stable")
    turn = np.argsort(in_order, axis=0, kind="stable")
    return taken + (turn < bounds - taken.sum(axis=0))


def _place(row: Array, size: Array) -> Array:
    return (row + 0.5) / np.maximum(size, 1)


def _standing_upto(place: Array, size: Array) -> Array:
    """Return how many of the rows of a shard stand at a place or before it."""
    n_rows = np.clip(np.floor(place * size + 0.5).astype(np.int64), 0, size)
    n_rows -= (n_rows > 0) & (_place(n_rows - 1, size) > place)  # the product was rounded
    n_rows += (n_rows < size) & (_place(n_rows, size) <= place)
    return n_rows


@dataclass(frozen=True)
class ShardSteps:
    """The part of one shard in the steps of an epoch: see :class:`minnet.backends.share.Share`."""

    bounds: Array
    positions: Array
    lengths: Array

    @classmethod
    def of(cls, rank: int, sizes: Sequence[int], bounds: Array) -> ShardSteps:
        """Return that of a rank.

        Parameters
        ----------
        rank : int
            Which shard.
        sizes, bounds
            See :func:`rows_taken`.
        """
        own, of_ranks_before = np.empty_like(bounds), np.empty_like(bounds)
        for block, taken in _in_blocks(sizes, bounds):
            own[block] = taken[rank]
            of_ranks_before[block] = taken[:rank].sum(axis=0)
        return cls(own, bounds[:-1] + np.diff(of_ranks_before), np.diff(bounds))


def order_of_shard(rank: int, n_rows: int, key: int, epoch: int) -> Array:
    """Return the rows of a shard in the random order of an epoch; the first has that of one process."""
    if rank == 0:
        return shuffled_order(n_rows, key, epoch)
    return Stream(key, f"shuffle of shard {rank}", epoch).permutation(n_rows)


def joined_order(sizes: Sequence[int], bounds: Array, orders: Sequence[Array]) -> Array:
    """Return the order in which one process that has the rows of all shards takes the same steps.

    Parameters
    ----------
    sizes, bounds
        See :func:`rows_taken`.
    orders : sequence of ndarray
        In which each shard's rows are taken.

    Examples
    --------
    >>> orders = np.array([3, 0, 1, 2]), np.array([1, 0])
    >>> joined_order([4, 2], np.array([0, 3, 6]), orders).tolist()
    [3, 0, 5, 1, 2, 4]
    """
    joined = np.empty(bounds[-1], dtype=np.int64)
    positions, first = bounds[:-1].copy(), 0
    for size, taken, order in zip(sizes, rows_taken(sizes, bounds), orders, strict=True):
        lengths = np.diff(taken)
        joined[np.arange(size) + np.repeat(positions - taken[:-1], lengths)] = first + order
        positions += lengths
        first += size
    return joined
