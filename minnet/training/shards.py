"""Which rows of which shard a step takes, where the rows of a training lie in several shards.

Each step takes rows of all shards, in proportion to what they have: as many as Webster's method of
apportionment, known from parliaments, gives to a shard as seats. Row ``j`` of ``n`` that a shard has
stands at ``(j + 1/2) / n``, and the rows of all are taken in the order of these places, those of
the first shard first where places are equal. So each row comes once an epoch, and no message is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from minnet.common.types import Array
from minnet.descend import shuffled_order
from minnet.random import Stream

__all__ = ["ShardSteps", "joined_order", "order_of_shard", "rows_taken"]

# Places that are nearer than 2 ** -40 are equal: far below 1 / n, and above what rounding changes.
_HALVINGS = 40


def rows_taken(sizes: Sequence[int], bounds: Array) -> Iterator[Array]:
    """Yield, for one shard after the other, how many of its rows are taken before each step.

    Parameters
    ----------
    sizes : sequence of int
        Rows of the shards, of which some may have none.
    bounds : ndarray of shape (n_steps + 1,), int64
        How many rows of all are taken before each step; the last is the sum of ``sizes``.

    Examples
    --------
    >>> [taken.tolist() for taken in rows_taken([6, 0, 2], np.array([0, 3, 6, 8]))]
    [[0, 2, 5, 6], [0, 0, 0, 0], [0, 1, 1, 2]]
    """
    below, upto = np.zeros(len(bounds)), np.ones(len(bounds))
    for _ in range(_HALVINGS):
        middle = (below + upto) / 2
        enough = sum(_standing_upto(middle, size) for size in sizes) >= bounds
        below, upto = np.where(enough, below, middle), np.where(enough, middle, upto)
    left = bounds - sum(_standing_upto(below, size) for size in sizes)
    for size in sizes:
        before = _standing_upto(below, size)
        of_equals = np.minimum(left, _standing_upto(upto, size) - before)
        left = left - of_equals
        yield before + of_equals


def _standing_upto(place: Array, size: int) -> Array:
    """Return how many of the rows of a shard stand at a place or before it."""
    return np.floor(place * size + 0.5).astype(np.int64)


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
        positions = bounds[:-1].copy()
        for other, taken in zip(range(rank + 1), rows_taken(sizes, bounds), strict=False):
            if other < rank:
                positions += np.diff(taken)
        return cls(taken, positions, np.diff(bounds))


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
