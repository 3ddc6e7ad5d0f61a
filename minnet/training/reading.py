"""Where a training's data come from: memory, or a stream of which a thread reads ahead."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, count, islice
from typing import Any, Self, TypeAlias

import numpy as np
from scipy import sparse
from sklearn import config_context, get_config

from minnet.common.checks import check_whole
from minnet.common.types import Array, Matrix
from minnet.training.run import Run

__all__ = [
    "Batch",
    "Batches",
    "InMemory",
    "ReadAhead",
    "digest_of",
    "in_batch",
    "no_rows",
    "unpack",
]

#: Inputs, targets and sample weights, as ``Network.check_batch`` returns them.
Batch: TypeAlias = tuple[Matrix, Array, Array | None]

_END = object()
_PATIENCE = 1.0  # seconds
_AHEAD = 2  # items that lie ready at most
_LOOK = 0.1  # seconds after which a reader that waits for room looks whether it shall end
_BLOCK_BYTES = 2**20
_MAKES_BATCHES = ": minnet.streams.BatchStream makes them of files, tables and arrays"


class ReadAhead:
    """Iterates over ``prepare(item)`` of each item, of which a thread keeps the next ones ready.

    The compiled kernels let other threads run while they compute, so that reading, decompressing and
    checking cost little time as long as they take less than the training. Python code that computes for
    milliseconds at a stretch does cost time: the training waits for the interpreter after each part.

    Parameters
    ----------
    items : iterable
        Consumed in the thread, one item after the other.
    prepare : callable
        Called in the thread, with each item.

    Examples
    --------
    >>> with ReadAhead(range(4), lambda i: i**2) as squares:
    ...     list(squares)
    [0, 1, 4, 9]
    """

    def __init__(self, items: Iterable[Any], prepare: Callable[[Any], Any]) -> None:
        self._items = items
        self._prepare = prepare
        self._ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._read, get_config()),
            name="minnet-reader",
            daemon=True,  # a reader that hangs must not keep the program from ending
        )

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except BaseException:  # Ctrl-C while it begins
            self._stop.set()
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._stop.set()
        # Whoever waits to put finds room, sees the flag and ends. An item that takes long to come must
        # not hold up an error or Ctrl-C: its thread ends when it is there.
        patience = time.monotonic() + _PATIENCE
        while self._thread.is_alive() and time.monotonic() < patience:
            with contextlib.suppress(queue.Empty):
                self._ready.get(timeout=0.01)

    def __iter__(self) -> Iterator[Any]:
        while True:
            value, error = self._ready.get()
            if error is not None:
                raise error
            if value is _END:
                return
            yield value

    def _read(self, settings: dict[str, Any]) -> None:
        try:
            with config_context(**settings):  # scikit-learn's settings are those of a thread
                for item in self._items:
                    if self._stop.is_set():
                        return
                    self._put(self._prepare(item), None)
                    if self._stop.is_set():
                        return
        except BaseException as error:
            self._put(None, error)
        else:
            self._put(_END, None)
        finally:
            _close(self._items)

    def _put(self, value: Any, error: BaseException | None) -> None:
        """Wait for room; of what nobody will take any more there is no need."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                return self._ready.put((value, error), timeout=_LOOK)


class InMemory:
    """Data that are there as a whole: an epoch has one part.

    Parameters
    ----------
    data : tuple (X, T, sample_weight)
    sizes : sequence of int or None, default=None
        Rows of the shards that they are of, which one process has all of; None: there are none.

    Attributes
    ----------
    ranks : Ranks or None
        Where several processes have a part of the data each.
    """

    begins_anew = True  # with each epoch
    parts_per_epoch = 1

    def __init__(self, data: Batch, sizes: Sequence[int] | None = None) -> None:
        self.data = data
        self.X = data[0]
        self.sizes = sizes
        self.ranks: Any = None

    @property
    def rows(self) -> tuple[Matrix, Array | None]:
        """Inputs and their weights."""
        return self.data[0], self.data[2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def epoch(self, run: Run) -> Iterator[Batch]:
        """Iterate over what is left of the epoch."""
        if not run.part:
            yield self.data

    def digest(self) -> dict[str, str]:
        """Return shapes, and numbers that other data do not have, but for one chance in 2**32.

        All of the data are looked at: it takes about a second a gigabyte, and no copy.
        """
        names = ("X", "y", "sample_weight")
        told = {name: _described(given) for name, given in zip(names, self.data, strict=True)}
        return told if self.sizes is None else told | {"the shards": repr(list(self.sizes))}


def _described(given: Any) -> str:
    """Return shape and digest of an array or a sparse matrix."""
    if given is None:
        return "None"
    parts = [given.indptr, given.indices, given.data] if sparse.issparse(given) else [given]
    digest = 0
    for part in parts:
        digest = digest_of(part, digest)
    return f"{given.shape} #{digest:08x}"


def digest_of(array: Array, digest: int) -> int:
    """Return a digest that goes on over an array; how it lies in memory makes no difference."""
    digest = zlib.crc32(repr((array.shape, array.dtype.kind)).encode(), digest)
    step = max(1, _BLOCK_BYTES * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), step):
        block = np.ascontiguousarray(array[start : start + step])
        if block.dtype.kind in "iu":  # how wide an index is, SciPy decides
            block = block.astype(np.int64, copy=False)
        digest = zlib.crc32(block.data, digest)
    return digest


class Batches:
    """A stream: an epoch has many parts. A batch without rows is left out, as if it were not there.

    Parameters
    ----------
    batches, n_epochs, batches_per_epoch
        See :meth:`minnet.Trainer.fit_stream`.

    Attributes
    ----------
    prepare : callable
        Makes ``(X, T, sample_weight)`` of a batch; to be set before the first epoch.
    """

    X = sizes = ranks = None  # that there are as a whole
    prepare: Callable[..., Batch]

    def __init__(self, batches: Any, n_epochs: int, batches_per_epoch: int | None) -> None:
        check_whole("n_epochs", n_epochs)
        if batches_per_epoch is not None:
            check_whole("batches_per_epoch", batches_per_epoch)
        if not callable(batches):
            once = _iterator(batches) is batches
            if once and n_epochs > 1 and batches_per_epoch is None:
                raise ValueError(
                    f"batches must be iterable n_epochs={n_epochs} times, got a "
                    f"{type(batches).__name__}, which is so once: give a list, a function that returns a "
                    "new one, or batches_per_epoch"
                )
        self._batches = batches
        self._per_epoch = batches_per_epoch
        self._open = contextlib.ExitStack()
        self._ready: Iterator[Batch] | None = None
        self._begun: tuple[list[Any], Iterator[Any]] | None = None
        self._by_epoch = False  # whether epochs have orders of their own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    @property
    def begins_anew(self) -> bool:
        """Whether each epoch begins with the first batch."""
        return self._per_epoch is None

    @property
    def parts_per_epoch(self) -> int | None:
        """How many batches an epoch has; None where it is not known before they were read."""
        if self._per_epoch is None:
            with contextlib.suppress(TypeError, NotImplementedError):  # what has no length
                return len(self._batches)
        return self._per_epoch

    def peek(self) -> tuple[int, Any]:
        """Return the first batch that has rows, as it came, and its number.

        The first epoch has it all the same.
        """
        items, seen = self._items(), []
        for number, item in _numbered(items):
            seen.append(item)
            with in_batch(number):
                empty = _is_empty(item)
            if not empty:
                self._begun = seen, items
                return number, item
        raise no_rows(len(seen))

    def digest(self) -> dict[str, str]:
        """Return what other streams may have too: one is not looked at, but may say how it is made."""
        told = {"batches_per_epoch": repr(self._per_epoch)}
        return told | ({"batches": repr(self._batches)} if _has_epochs(self._batches) else {})

    def epoch(self, run: Run) -> Iterator[Batch]:
        """Iterate over what is left of the epoch."""
        if self._per_epoch is None:
            with self._read_from(run.part + run.n_empty, run.n_epochs) as ready:
                yield from _with_rows(ready, run)
            return
        if self._ready is None:
            done = run.n_epochs * self._per_epoch + run.part + run.n_empty
            self._ready = iter(self._open.enter_context(self._read_from(done)))
        yield from islice(_with_rows(self._ready, run), self._per_epoch - run.part)

    def _items(self, epoch: int = 0) -> Iterator[Any]:
        batches = self._batches() if callable(self._batches) else self._batches
        self._by_epoch = _has_epochs(batches)
        return batches.iter_epoch(epoch) if self._by_epoch else _iterator(batches)

    def _read_from(self, number: int, epoch: int = 0) -> ReadAhead:
        """Return the reader of the batches of an epoch from a number on."""
        begun, self._begun = self._begun, None
        # The first batch that was looked at is of epoch 0.
        if begun is None or (epoch and self._by_epoch):
            begun = [], self._items(epoch)
        seen, items = begun
        if number > len(seen) and hasattr(items, "skip"):
            items.skip(number - len(seen))
            numbered = _numbered(items, number)
        else:
            numbered = islice(_numbered(chain(seen, items)), number, None)
        return ReadAhead(_closing(items, numbered), self._prepare_item)

    def _prepare_item(self, numbered: tuple[int, Any]) -> Batch | None:
        number, item = numbered
        with in_batch(number):
            return None if _is_empty(item) else self.prepare(*unpack(item))


@contextlib.contextmanager
def in_batch(number: int) -> Iterator[None]:
    """Say of what is wrong with a batch which one it is."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"batch {number}: {error}") from error
    except Exception as error:
        error.add_note(f"It was raised by batch {number}.")
        raise


def no_rows(n_batches: int) -> ValueError:
    """Return the error about a stream of so many batches, all of them empty."""
    there = f"{n_batches} without any row" if n_batches else "none"
    return ValueError(f"batches must have at least one batch, got {there}")


def _numbered(items: Iterator[Any], first: int = 0) -> Iterator[tuple[int, Any]]:
    """Return the batches with their numbers; note the number in an error that is raised in their place."""
    for number in count(first):
        try:
            item = next(items)
        except StopIteration:
            return
        except Exception as error:
            told = "\n".join([str(error), *getattr(error, "__notes__", [])])
            if f"batch {number}" not in told:
                error.add_note(f"It was raised by batches, in the place of batch {number}.")
            raise
        yield number, item


def _closing(items: Iterator[Any], numbered: Iterable[Any]) -> Iterator[Any]:
    """Iterate over numbered items, and close in the end where they come from."""
    try:
        yield from numbered
    finally:
        _close(items)


def _close(items: Any) -> None:
    """Close what iterates, if it can be closed: a generator, a stream, a file."""
    if hasattr(items, "close"):
        items.close()


def _is_empty(item: Any) -> bool:
    """Return whether no part of a batch has rows."""
    return not any(_n_rows(part) for part in unpack(item) if part is not None)


def _n_rows(part: Any) -> int:
    """Return the number of rows; 1 for what has none, of which others will say what is wrong."""
    with contextlib.suppress(TypeError, IndexError):
        return part.shape[0] if hasattr(part, "shape") else len(part)
    return 1


def _with_rows(batches: Iterable[Batch | None], run: Run) -> Iterator[Batch]:
    """Leave out those without rows; count them, since a training that is resumed must pass over them."""
    for batch in batches:
        if batch is None:
            run.n_empty += 1
        else:
            yield batch


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """Return the two or three things that a batch is."""
    if not isinstance(item, tuple | list) or not 2 <= len(item) <= 3:
        of = f" of {len(item)}" if isinstance(item, tuple | list) else _MAKES_BATCHES
        raise TypeError(
            "batches must have tuples of X, its targets and, if wanted, sample_weight, got a "
            f"{type(item).__name__}{of}"
        )
    return (*item, None) if len(item) == 2 else tuple(item)


def _has_epochs(batches: Any) -> bool:
    """Return whether batches come in another order in each epoch, as a ``BatchStream`` has them."""
    return callable(getattr(batches, "iter_epoch", None))


def _iterator(batches: Any) -> Iterator[Any]:
    with contextlib.suppress(TypeError):
        if not isinstance(
            batches, np.ndarray | memoryview | str | bytes | sparse.sparray | sparse.spmatrix
        ):
            return iter(batches)
    raise TypeError(
        "batches must be an iterable of tuples or a function that returns one, got a "
        f"{type(batches).__name__}{_MAKES_BATCHES}"
    )
