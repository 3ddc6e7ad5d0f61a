"""What several processes that train one network say to each other, and that they do."""

from __future__ import annotations

import contextlib
import functools
import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from minnet.common.jobs import one_at_a_time
from minnet.common.types import Array

__all__ = [
    "Communicator", "abort_on_error", "apart", "exchange", "fail_together", "in_use", "leads",
    "on_all_ranks", "refuse_together", "together",
]  # fmt: skip

_Fact = TypeVar("_Fact")
_Function = TypeVar("_Function", bound=Callable[..., Any])

_in_use: ContextVar[Communicator | None] = ContextVar("minnet_communicator", default=None)


class _Said(NamedTuple):
    """What a rank says in an exchange, or that it cannot take part: an error, in words."""

    succeeded: bool
    fact: bytes  # pickled


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

    #: Rows of each shard, where one process has those of all (:class:`minnet.distributed.Shards`).
    shards: tuple[int, ...] | None = None

    # How many blocks of exchanges there are around a call, and whether all ranks know that they failed.
    depth = 0
    all_know = False

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

    def left(self, error: BaseException) -> None:  # noqa: B027 - nothing to do for some
        """Take note that an error ends the block of :func:`together`; others may not know of it.

        Parameters
        ----------
        error : BaseException
            What the block has raised.
        """


def in_use() -> Communicator | None:
    """Return the communicator of the block :func:`together` that this is called in, or None."""
    return _in_use.get()


@contextlib.contextmanager
def together(communicator: Communicator) -> Iterator[Communicator]:
    """Let the fits in a block be those of several processes, each with a shard of the rows.

    All ranks call the same methods in it, in one order: the others wait for one that leaves a fit out.
    Threads and processes that are started in the block are outside of it. What scikit-learn would have
    several of them do, by ``n_jobs``, is done one after the other in the block, with a warning.

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
        with one_at_a_time(warns=communicator.rank == 0):
            yield communicator
    except BaseException as error:
        communicator.left(error)
        raise
    finally:
        _in_use.reset(before)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Let a block within one of :func:`together` be of this process alone: what users' functions do there.

    A scorer or a callback of rank 0 may fit a model of its own, for which the others would not be there.
    """
    before = _in_use.set(None)
    try:
        yield
    finally:
        _in_use.reset(before)


def leads() -> bool:
    """Return whether it is this process that warns and shows progress: where there are several, rank 0."""
    communicator = _in_use.get()
    return communicator is None or communicator.rank == 0


def exchange(communicator: Communicator, function: Callable[[], _Fact]) -> list[_Fact]:
    """Return what a function returns on each rank; where it raises on one, raise on all.

    Every phase of a fit that may fail on one rank alone is called by this, so that the others do not wait
    for it in vain.

    Parameters
    ----------
    communicator : Communicator
    function : callable
        ``function()`` returns what is to be pickled. It may exchange things itself.

    Returns
    -------
    list
        In the order of the ranks.

    Raises
    ------
    RuntimeError
        Where the function raised on another rank: what it raised, in words. On that rank it is raised
        itself. Or where another rank has called something else.
    """
    with _block(communicator):
        error = None
        try:
            said = _Said(True, pickle.dumps(function()))
        except BaseException as raised:
            if communicator.all_know:  # an exchange within failed
                raise
            error, said = raised, _failure(raised)
        try:
            everyone = communicator.gather(said)
        except BaseException as lost:  # or Ctrl-C came before the others could hear of it
            _end(communicator)
            if error is None:
                raise
            raise error from lost
        complaint = _complaint(everyone)
        if complaint is None:
            return [pickle.loads(one.fact) for one in everyone]
        communicator.all_know = True
        raise RuntimeError(complaint) if error is None else error


@contextlib.contextmanager
def fail_together(communicator: Communicator) -> Iterator[None]:
    """Let a block that raises on one rank raise on all.

    The others do so in the :func:`exchange` that they come to next; the block ends with one. What raises
    where the others wait for a sum of arrays ends the connection instead: see :func:`abort_on_error`. A
    block within another is part of that.

    Parameters
    ----------
    communicator : Communicator
    """
    with _block(communicator) as outermost:
        try:
            yield
            if outermost:
                exchange(communicator, lambda: None)
        except BaseException as error:
            if outermost and not communicator.all_know:
                try:
                    communicator.gather(_failure(error))
                except BaseException:
                    _end(communicator)
            raise


def on_all_ranks(method: _Function) -> _Function:
    """Return a method that, in a block :func:`together`, fails on all ranks where it fails on one."""

    @functools.wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        communicator = _in_use.get()
        if communicator is None:
            return method(*args, **kwargs)
        with fail_together(communicator):
            return method(*args, **kwargs)

    return called  # type: ignore[return-value]


def refuse_together(what: str, why: str = "it trains in one process") -> None:
    """Raise in a block :func:`together`, for what one process does alone."""
    if _in_use.get() is not None:
        raise RuntimeError(
            f"{what} must be called outside of a block of together, got a call within one: {why}"
        )


@contextlib.contextmanager
def abort_on_error(communicator: Communicator) -> Iterator[None]:
    """End the connection where a block of sums raises, which the other ranks would wait for.

    Parameters
    ----------
    communicator : Communicator
    """
    try:
        yield
    except BaseException:
        _end(communicator)
        raise


@contextlib.contextmanager
def _block(communicator: Communicator) -> Iterator[bool]:
    """Count a block; what is known of an error is that of the outermost, as which True is told."""
    outermost = communicator.depth == 0
    if outermost:
        communicator.all_know = False
    communicator.depth += 1
    try:
        yield outermost
    finally:
        communicator.depth -= 1


def _end(communicator: Communicator) -> None:
    """End the connection: there is nothing more to be told."""
    communicator.all_know = True
    communicator.abort()


def _complaint(everyone: list[Any]) -> str | None:
    """Return what is wrong with what all have said, in words."""
    for rank, one in enumerate(everyone):
        if not isinstance(one, _Said):
            order = "all ranks must make the same calls in the same order"
            return f"{order}, got another one on rank {rank}"
    failed = next((rank for rank, one in enumerate(everyone) if not one.succeeded), None)
    return None if failed is None else f"rank {failed} failed: {everyone[failed].fact.decode()}"


def _failure(error: BaseException) -> _Said:
    """Return what a rank says of an error."""
    text = "".join(traceback.format_exception_only(error)).strip()
    return _Said(False, text.encode(errors="replace"))
