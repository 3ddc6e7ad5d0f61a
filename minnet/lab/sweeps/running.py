"""Many calls of a function, several at once: what each returns comes as soon as it is there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from multiprocessing import parent_process
from typing import Any

from joblib import Parallel, delayed

__all__ = ["run_each"]

_LOOK = 0.5  # seconds from one look at the parent to the next


def run_each(
    function: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    *,
    n_jobs: int | None = None,
) -> Generator[tuple[int, Any], None, None]:
    """Call a function with each of many tuples of arguments, and yield what it returns.

    What has begun ends with the iterator: an exception in its place, such as Ctrl-C, ends the processes.

    Parameters
    ----------
    function : callable
    calls : sequence of tuple
        Large arrays in them are mapped into the memory of the processes, and not copied for each.
    n_jobs : int, default=None
        Calls at a time, as joblib has it.

    Yields
    ------
    i : int
        Which call: they end in any order.
    returned : object
    """
    if n_jobs is not None and n_jobs > 0:
        n_jobs = max(1, min(n_jobs, len(calls)))
    # One call at a time, or several would have to end before the first is known of.
    options = {"n_jobs": n_jobs, "batch_size": 1, "return_as": "generator_unordered"}
    try:
        parallel = Parallel(**options)
    except ValueError:  # of a backend that a context has set, which returns all at the end only
        parallel = Parallel(**options, backend="loky")
    asker = os.getpid()
    yield from parallel(
        delayed(_numbered)(i, asker, function, call) for i, call in enumerate(calls)
    )


def _numbered(
    i: int, asker: int, function: Callable[..., Any], call: tuple[Any, ...]
) -> tuple[int, Any]:
    _end_with(asker)
    return i, function(*call)


_watched: set[int] = set()


def _end_with(asker: int) -> None:
    """End this process, if it was begun by the one that asks, soon after that was killed."""
    parent = parent_process()  # as it was at the beginning: it may be gone already
    if asker in _watched or os.name != "posix" or parent is None or parent.pid != asker:
        return
    _watched.add(asker)
    threading.Thread(target=_watch, args=(asker,), daemon=True).start()


def _watch(asker: int) -> None:
    while os.getppid() == asker:
        time.sleep(_LOOK)
    os._exit(1)
