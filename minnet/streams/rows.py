"""Rows on their way: equally long arrays side by side, cut and joined without a copy too many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np

from minnet.common.types import Array

__all__ = ["Rows", "cut", "joined", "taken"]

#: Inputs, targets and, where there are any, weights; or whatever else belongs together row by row.
Rows: TypeAlias = tuple[Array, ...]


def cut(blocks: Iterable[Rows], size: int) -> Iterator[Rows]:
    """Iterate over the same rows in blocks of ``size``; the last one may be shorter.

    Examples
    --------
    >>> [len(x) for x, in cut([(np.arange(5),), (np.arange(3),)], 3)]
    [3, 3, 2]
    """
    held: list[Rows] = []
    n_held = 0
    for block in blocks:
        start, n_rows = 0, len(block[0])
        while n_rows - start >= size - n_held:
            stop = start + size - n_held
            yield joined([*held, taken(block, slice(start, stop))])
            held, n_held, start = [], 0, stop
        if start < n_rows:
            held.append(taken(block, slice(start, n_rows)))
            n_held += n_rows - start
    if held:
        yield joined(held)


def joined(blocks: list[Rows]) -> Rows:
    """Return blocks one after the other as one."""
    if len(blocks) == 1:
        return blocks[0]
    return tuple(np.concatenate(arrays) for arrays in zip(*blocks, strict=True))


def taken(rows: Rows, which: slice | Array) -> Rows:
    """Return some of the rows."""
    if isinstance(which, slice):
        return tuple(array[which] for array in rows)
    return tuple(array.take(which, axis=0) for array in rows)  # twice as fast as by brackets
