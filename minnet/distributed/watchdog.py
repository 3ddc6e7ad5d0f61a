"""A thread that ends what waits for too long in calls that have no timeout of their own."""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable

__all__ = ["Watchdog"]

RESTS = 20  # within the time: so much later, by a share, it may end
SHORTEST = 1e-3  # seconds of a rest


class Watchdog:
    """Ends a block that takes longer than so many seconds.

    A clock is not asked, neither by the block, whose price is that of counting, nor by the thread, which
    counts its rests: a process that was stopped for a while, with its threads, has not waited meanwhile.

    Parameters
    ----------
    seconds : float
    end : callable
        ``end(thread)`` is called, once, with the number of the thread that has waited; by another thread.

    Examples
    --------
    >>> import threading
    >>> from minnet.distributed.watchdog import Watchdog
    >>> too_long = threading.Event()
    >>> with Watchdog(0.1, lambda thread: too_long.set()):
    ...     too_long.wait(10)
    True
    """

    def __init__(self, seconds: float, end: Callable[[int], None]) -> None:
        self._rest = max(seconds / RESTS, SHORTEST)
        self._n_rests = math.ceil(seconds / self._rest)
        self._end = end
        self._n_bounds = 0  # of blocks, begun and ended: odd within one
        self._waits = 0  # the number of the thread
        self._watches = False

    def __enter__(self) -> None:
        if not self._watches:
            self._watches = True
            of_this, often = weakref.ref(self), (self._rest, self._n_rests)
            threading.Thread(target=_watch, args=(of_this, *often), daemon=True).start()
        self._waits = threading.get_ident()
        self._n_bounds += 1

    def __exit__(self, *raised: object) -> None:
        self._n_bounds += 1


def _watch(of: Callable[[], Watchdog | None], rest: float, n_rests: int) -> None:
    """Look for a block that goes on over so many rests, as long as there is a watchdog."""
    known = n_same = 0
    while True:
        time.sleep(rest)
        watchdog = of()
        if watchdog is None:
            return
        n_bounds = watchdog._n_bounds
        n_same = n_same + 1 if n_bounds == known and n_bounds % 2 else 0
        known = n_bounds
        if n_same >= n_rests:
            watchdog._end(watchdog._waits)
            return
        del watchdog  # it may go while this rests
