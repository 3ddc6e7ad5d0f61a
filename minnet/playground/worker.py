"""A thread that does what others ask, and in between what it has to do anyway."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["Worker"]


class Worker:
    """A thread: what only it touches needs no lock.

    Parameters
    ----------
    work : callable
        Done again and again while nobody asks for something; a call should take some milliseconds.
    pause : callable
        Returns for how many seconds to wait for questions before the next ``work``; None: until one comes.
    name : str
        Of the thread.

    Attributes
    ----------
    closed : bool

    Examples
    --------
    >>> from minnet.playground.worker import Worker
    >>> worker = Worker(work=lambda: None, pause=lambda: None, name="adder")
    >>> worker.ask(lambda: 1 + 1)
    2
    >>> worker.close()
    >>> worker.ask(lambda: 1 + 1)
    Traceback (most recent call last):
        ...
    ValueError: the adder must be open to be asked, and it was closed
    """

    def __init__(
        self, work: Callable[[], None], pause: Callable[[], float | None], name: str
    ) -> None:
        self._work, self._pause, self._name, self.closed = work, pause, name, False
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._inbox = queue.SimpleQueue()
        self._door, self._news = threading.Lock(), threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                asked = self._inbox.get(timeout=self._pause())
            except queue.Empty:
                self._work()
            else:
                if asked is None:
                    break
                future, function = asked
                try:
                    future.set_result(function())
                except Exception as error:
                    future.set_exception(error)
            with self._news:
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def ask(self, function: Callable[[], Any]) -> Any:
        """Return what a function returns in the thread, or raise what it raises.

        Parameters
        ----------
        function : callable

        Raises
        ------
        ValueError
            If the worker was closed.
        """
        future: Future[Any] = Future()
        with self._door:
            if self.closed:
                raise ValueError(f"the {self._name} must be open to be asked, and it was closed")
            self._inbox.put((future, function))
        return future.result()

    def wait(self, condition: Callable[[], bool], ends: float | None = None) -> bool:
        """Wait until something is so that the thread changes, or until it is closed; return whether.

        Parameters
        ----------
        condition : callable
        ends : float or None, default=None
            When to give up, by :func:`time.monotonic`.
        """
        seconds = None if ends is None else max(0.0, ends - time.monotonic())
        with self._news:
            return self._news.wait_for(lambda: self.closed or condition(), seconds)

    def close(self) -> None:
        """End the thread, after what was asked before."""
        with self._door:
            if not self.closed:
                self.closed = True
                self._inbox.put(None)
        self._thread.join()
