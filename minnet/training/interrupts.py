"""Ctrl-C is heard between two steps, and nowhere within one."""

from __future__ import annotations

import signal
import threading
import time

# What the functions of ``signal`` call, which look for members of enumerations too: 10 µs a fit.
from _signal import getsignal as get_handler  # type: ignore[import-not-found]
from _signal import signal as set_handler
from contextlib import nullcontext
from typing import Any, Self

from minnet.common.callers import within_a_search

__all__ = ["Interrupts", "InterruptsOfRanks"]

_AGAIN = 2.0  # seconds

_last_heard = -float("inf")  # when Ctrl-C came last in a training, whichever it was


class Interrupts:
    """Receives Ctrl-C (SIGINT) for the length of a block, in which parts may hold it back.

    What changes in such a part changes as a whole: weights together with the count of their updates. At
    the part's end Ctrl-C has its usual effect. Outside the main thread, where Python delivers no signals,
    nothing is done.

    Attributes
    ----------
    came : bool
        Whether Ctrl-C waits for the end of the part that holds it back.
    again : bool
        Whether it came within two seconds of one before, in this training or another.
    heard : bool
        Whether it came at all.

    Examples
    --------
    >>> import signal
    >>> before = signal.signal(signal.SIGINT, signal.default_int_handler)  # none in the background
    >>> done = []
    >>> try:
    ...     with Interrupts() as interrupts:
    ...         with interrupts.held():
    ...             signal.raise_signal(signal.SIGINT)
    ...             done.append(interrupts.came)
    ...         done.append("not reached")
    ... except KeyboardInterrupt:
    ...     done.append("interrupted")
    >>> done
    [True, 'interrupted']
    >>> _ = signal.signal(signal.SIGINT, before)
    """

    def __init__(self) -> None:
        self.came = self.again = self.heard = False
        self._holding = False
        self._usual: Any = None
        self._held = _Held(self)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            usual = get_handler(signal.SIGINT)
            # Otherwise it is ignored, or left to the system, or handled by other than Python.
            if callable(usual):
                self._usual = usual
                set_handler(signal.SIGINT, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        if self._usual is not None:
            set_handler(signal.SIGINT, self._usual)

    @property
    def end_all(self) -> bool:
        """Whether Ctrl-C shall end more than this training, which then must not pass for a whole one."""
        return self.again or within_a_search()

    def _receive(self, number: int, frame: Any) -> None:
        global _last_heard
        now = time.monotonic()
        self.heard = True
        self.again |= now - _last_heard < _AGAIN
        _last_heard = now
        if self._holding:
            self.came = True
        else:
            self._usual(number, frame)

    def held(self) -> _Held:
        """Hold Ctrl-C back for the length of a block."""
        return self._held


class InterruptsOfRanks(Interrupts):
    """Those of one of several processes that train together: nothing is raised before all of them know.

    That is when they agree upon it. A second Ctrl-C within two seconds is not held back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._agreed: bool | None = None

    def _receive(self, number: int, frame: Any) -> None:
        self._holding = time.monotonic() - _last_heard >= _AGAIN
        super()._receive(number, frame)

    def held(self) -> Any:
        """Hold Ctrl-C back for the length of a block, as everywhere."""
        return nullcontext()

    @property
    def end_all(self) -> bool:
        """Whether Ctrl-C shall end more than this training: so it does where not all ranks know of it."""
        return self._agreed is not False

    @property
    def end_all_here(self) -> bool:
        """Whether Ctrl-C of this rank shall end more than this training."""
        return super().end_all

    def agree(self, end_all: bool) -> None:
        """Take note of what Ctrl-C, which all ranks know of by now, shall end."""
        self.came, self._agreed = False, end_all


class _Held:
    """The block, or one within another: entered three times an epoch, so no generator."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._depth = 0

    def __enter__(self) -> None:
        self._depth += 1
        self._interrupts._holding = True

    def __exit__(self, *error: object) -> None:
        interrupts = self._interrupts
        self._depth -= 1
        if self._depth:
            return
        interrupts._holding = False
        if interrupts.came:
            interrupts.came = False
            interrupts._usual(signal.SIGINT, None)
