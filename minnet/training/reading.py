"""Where a training's data come from: memory, or a stream of which a thread reads ahead."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Self, TypeAlias

import numpy as np
from scipy import sparse
from sklearn import config_context, get_config

from minnet.common.checks import check_whole
from minnet.common.types import Array, Matrix
from minnet.training.run import Run

__all__ = ["Batch", "Batches", "InMemory", "ReadAhead", "unpack"]

#: Inputs, targets and sample weights, as ``Network.check_batch`` returns them.
Batch: TypeAlias = tuple[Matrix, Array, Array | None]

_END = object()
_PATIENCE = 1.0  # seconds
_ROWS_OF_A_DIGEST = 100


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
    n_ahead : int, default=2
        How many items lie ready at most.

    Examples
    --------
    >>> with ReadAhead(range(4), lambda i: i**2) as squares:
    ...     list(squares)
    [0, 1, 4, 9]
    """

    def __init__(
        self, items: Iterable[Any], prepare: Callable[[Any], Any], n_ahead: int = 2
    ) -> None:
        self._items = items
        self._prepare = prepare
        self._ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(n_ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._read, get_config()),
            name="minnet-reader",
            daemon=True,  # a reader that hangs must not keep the program from ending
        )

    def __enter__(self) -> Self:
        self._thread.start()
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
                    self._ready.put((self._prepare(item), None))
                    if self._stop.is_set():
                        return
        except BaseException as error:
            self._ready.put((None, error))
        else:
            self._ready.put((_END, None))


class InMemory:
    """Data that are there as a whole: an epoch has one part.

    Parameters
    ----------
    data : tuple (X, T, sample_weight)
    """

    def __init__(self, data: Batch) -> None:
        self._data = data
        self.X = data[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def epoch(self, run: Run) -> Iterator[Batch]:
        """Iterate over what is left of the epoch."""
        if not run.part:
            yield self._data

    def digest(self) -> int:
        """Return a number that data of other shapes, other targets or (some) other rows do not have."""
        X, T, sample_weight = self._data
        some = X[:: max(1, X.shape[0] // _ROWS_OF_A_DIGEST)]
        some = some.toarray() if sparse.issparse(some) else np.ascontiguousarray(some)
        digest = zlib.crc32(repr((X.shape, X.dtype.name)).encode())
        for array in (some, T, sample_weight):
            if array is not None:
                digest = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, digest)
        return digest


class Batches:
    """A stream: an epoch has many parts.

    Parameters
    ----------
    batches, n_epochs, batches_per_epoch
        See :meth:`minnet.Trainer.fit_stream`.

    Attributes
    ----------
    prepare : callable
        Makes ``(X, T, sample_weight)`` of a batch; to be set before the first epoch.
    """

    X = None  # that there is as a whole
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
        self._begun: tuple[Any, Iterator[Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def peek(self) -> Any:
        """Return the first batch as it came; the first epoch has it all the same."""
        items = self._items()
        for first in items:
            self._begun = first, items
            return first
        raise ValueError("batches must have at least one batch, got none")

    def digest(self) -> int:
        """Return a number that other streams may have too: a stream cannot be looked at."""
        return self._per_epoch or 0

    def epoch(self, run: Run) -> Iterator[Batch]:
        """Iterate over what is left of the epoch."""
        if self._per_epoch is None:
            with self._read_from(run.part) as ready:
                yield from ready
            return
        if self._ready is None:
            done = run.n_epochs * self._per_epoch + run.part
            self._ready = iter(self._open.enter_context(self._read_from(done)))
        yield from islice(self._ready, self._per_epoch - run.part)

    def _items(self) -> Iterator[Any]:
        return _iterator(self._batches() if callable(self._batches) else self._batches)

    def _read_from(self, number: int) -> ReadAhead:
        """Return the reader of the batches from a number on."""
        if self._begun is None:
            items = _left_out(self._items(), number)
        else:
            (first, items), self._begun = self._begun, None
            items = _left_out(items, number - 1) if number else chain([first], items)
        return ReadAhead(enumerate(items, number), self._prepare_item)

    def _prepare_item(self, numbered: tuple[int, Any]) -> Batch:
        number, item = numbered
        try:
            return self.prepare(*unpack(item))
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"batch {number}: {error}") from error


def unpack(item: Any) -> tuple[Any, Any, Any]:
    """Return the two or three things that a batch is."""
    if not isinstance(item, tuple | list) or not 2 <= len(item) <= 3:
        raise TypeError(
            "batches must have tuples of X, its targets and, if wanted, sample_weight, got a "
            f"{type(item).__name__}"
            + (f" of {len(item)}" if isinstance(item, tuple | list) else "")
        )
    return (*item, None) if len(item) == 2 else tuple(item)


def _iterator(batches: Any) -> Iterator[Any]:
    with contextlib.suppress(TypeError):
        if not isinstance(
            batches, np.ndarray | memoryview | str | bytes | sparse.sparray | sparse.spmatrix
        ):
            return iter(batches)
    raise TypeError(
        "batches must be an iterable of tuples or a function that returns one, got a "
        f"{type(batches).__name__}"
    )


def _left_out(items: Any, n: int) -> Iterator[Any]:
    """Return the iterator without its next ``n`` items."""
    if n and hasattr(items, "skip"):
        items.skip(n)
        return items
    return islice(items, n, None)
