"""Waiting for workers, and noticing when one is gone: an error in the place of a hang."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

__all__ = ["Watch", "WorkerLostError", "workers_of"]

_PAUSE = 1.0  # seconds between two looks


def workers_of(client: Any) -> dict[str, dict[str, Any]]:
    """Return what the scheduler knows of each worker, by its address."""
    # client.scheduler_info() reads what an update in the background may have replaced meanwhile.
    workers: dict[str, dict[str, Any]] = client.sync(client.scheduler.identity, n_workers=-1)[
        "workers"
    ]
    return workers


class WorkerLostError(RuntimeError):
    """A worker that was needed has ended, or is silent."""


class Watch:
    """Waits for tasks for as long as the workers that they need are there.

    A task that is bound to a worker waits for ever when that is gone, and so does one on a worker that is
    stopped.

    Parameters
    ----------
    client : distributed.Client
    timeout : float
        After how many seconds without a sign of life a worker counts as stopped.

    Attributes
    ----------
    needed : set of str
        Addresses of workers.
    """

    def __init__(self, client: Any, timeout: float) -> None:
        self.client, self.timeout = client, timeout
        self.needed: set[str] = set()
        self._signs: dict[str, tuple[float, float]] = {}  # the last one, and when it was first seen

    def wait(self, futures: Iterable[Any], any_of_them: bool = False) -> None:
        """Return when all tasks are done, or one of them; raise what one that failed has raised."""
        from distributed import TimeoutError as NotYet
        from distributed import wait

        waiting = list(futures)
        until = "FIRST_COMPLETED" if any_of_them else "ALL_COMPLETED"
        while True:
            try:
                wait(waiting, timeout=_PAUSE, return_when=until)
                break
            except NotYet:
                if any(future.status not in ("pending", "finished") for future in waiting):
                    break
                self.look()
        for future in waiting:
            if future.status == "error":
                raise future.exception()
            if future.status not in ("pending", "finished"):
                raise WorkerLostError(
                    f"a task of the fit was {future.status}: the cluster was restarted, or what it "
                    "needs was lost"
                )

    def look(self) -> None:
        """Raise if a worker that is needed is gone or silent."""
        workers = workers_of(self.client)
        for address in sorted(self.needed):
            if address not in workers:
                raise WorkerLostError(
                    f"the worker {address} was lost during the fit: it ended, was killed (the memory "
                    "limit?) or was shut down; its log tells more"
                )
            sign, now = workers[address]["last_seen"], time.monotonic()
            before = self._signs.setdefault(address, (sign, now))
            if before[0] != sign:
                self._signs[address] = sign, now
            elif now - before[1] > self.timeout:
                raise WorkerLostError(
                    f"the worker {address} has given no sign of life for {self.timeout:g} seconds "
                    "(timeout): it is stopped, or its machine cannot be reached"
                )
