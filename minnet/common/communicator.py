"""What several processes that train one network say to each other, and that they do."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from minnet.common.types import Array

__all__ = ["Communicator", "in_use", "together"]

_in_use: ContextVar[Communicator | None] = ContextVar("minnet_communicator", default=None)


class Communicator(ABC):
    """Connects the processes, or ranks, that train one network on a shard of the rows each.

    All of them call the same methods in the same order. Two operations are all that a training needs: a
    sum of arrays in each step, and an exchange of small objects before and after an epoch.

    Attributes
    ----------
    rank : int
        The number of this process, from 0 on. Rank 0 calls callbacks and shows progress.
    size : int
        How many there are.
    """

    rank: int
    size: int

    @abstractmethod
    def sum(self, numbers: Array) -> None:
        """Replace an array by the sum of those of all ranks, which get the same bits.

        Parameters
        ----------
        numbers : ndarray of float32 or float64
            One-dimensional and contiguous; of one size and dtype on all ranks. Changed in place.
        """

    @abstractmethod
    def gather(self, thing: Any) -> list[Any]:
        """Return what all ranks gave, in the order of the ranks.

        Parameters
        ----------
        thing : object
            To be pickled.
        """

    @abstractmethod
    def abort(self) -> None:
        """End the connection, since this rank cannot go on: what the others wait for fails."""


def in_use() -> Communicator | None:
    """Return the communicator of the block :func:`together` that this is called in, or None."""
    return _in_use.get()


@contextlib.contextmanager
def together(communicator: Communicator) -> Iterator[Communicator]:
    """Let the fits in a block be those of several processes, each with a shard of the rows.

    Parameters
    ----------
    communicator : Communicator
        Such as :class:`minnet.distributed.MPI`.

    Yields
    ------
    Communicator
    """
    if not isinstance(communicator, Communicator):
        raise TypeError(f"communicator must be a Communicator, got {communicator!r:.200}")
    if _in_use.get() is not None:
        raise RuntimeError("together must not be entered within another block of it")
    before = _in_use.set(communicator)
    try:
        yield communicator
    finally:
        _in_use.reset(before)
