"""What a worker runs: one rank of a fit."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from minnet.common.callers import level_of_user
from minnet.common.communicator import Communicator, together
from minnet.common.types import Array, Estimator
from minnet.distributed import Gloo, free_address
from minnet.training.callback import Callback, StopTraining
from minnet.training.per_trainer import PerTrainer
from minnet.training.step_timer import StepTimer

__all__ = ["Result", "address_towards", "ask_to_stop", "train"]

_INTERRUPTED = "Training interrupted by user."
_EVERY = 0.25  # seconds between two looks whether the user has asked to stop

#: Fits whose rank 0 is in this process and that the user has asked to stop.
_asked: set[str] = set()


@dataclass
class Result:
    """What rank 0 has to tell.

    Attributes
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Fitted.
    callbacks : list of Callback
        As the fit has left them.
    warned : list of Warning
        Each once.
    """

    estimator: Estimator
    callbacks: list[Any]
    warned: list[Warning]


def train(
    fit: str,
    estimator: Estimator,
    data: dict[str, Any],
    rank: int,
    size: int,
    address: str,
    timeout: float,
) -> Result | None:
    """Train an estimator on one shard; return on rank 0 what there is to tell.

    Parameters
    ----------
    fit : str
        Its name, which no other has.
    estimator : MinNetClassifier or MinNetRegressor
        Does not change.
    data : dict
        Arguments of its ``fit``.
    rank, size, address, timeout
        See :class:`minnet.distributed.Gloo`.
    """
    estimator = copy.deepcopy(estimator)  # workers that are threads of one process share it
    if estimator.n_threads is None:
        estimator.n_threads = _n_threads()
    callbacks = list(vars(estimator).get("_skl_callbacks", ()))
    is_cancelled = _watch_of_task()
    if estimator.solver != "lbfgs":
        estimator.set_callbacks(*callbacks, _StopOnDemand(fit, is_cancelled))
    ranks: Communicator = _Alone(is_cancelled)
    if size > 1:
        ranks = _Cancellable(address, rank, size, timeout, is_cancelled)
    try:
        with _warnings_of(rank) as warned, together(ranks):
            estimator.fit(**data)
    finally:
        _asked.discard(fit)
    if rank:
        return None
    estimator.set_callbacks()
    return Result(estimator, callbacks, warned)


def ask_to_stop(fit: str) -> None:
    """Have a fit end after the present step, and keep what it has reached; called beside its task."""
    _asked.add(fit)


def address_towards(host: str) -> str:
    """Return a free address of this worker, of the interface that reaches another one."""
    return free_address(host)


def _n_threads() -> int:
    from distributed import get_worker

    return int(get_worker().state.nthreads)


def _watch_of_task() -> Callable[[], bool]:
    """Return a function that tells whether nobody waits for the present task any more."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_cancelled() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return is_cancelled


@contextlib.contextmanager
def _warnings_of(rank: int) -> Iterator[list[Warning]]:
    """Collect the warnings of rank 0, for the user; those of others are the same."""
    warned: list[Warning] = []
    with warnings.catch_warnings(record=True, action="always") as caught:
        yield warned
    if rank == 0:
        once = {(one.category, str(one.message)): one.message for one in caught}
        warned += [one for one in once.values() if isinstance(one, Warning)]


class _CancelledError(RuntimeError):
    """The task was cancelled: nobody will hear of it."""


class _Cancellable(Gloo):
    """Ends the ranks of a fit that nobody waits for, since the user or the user's program is gone."""

    def __init__(
        self, address: str, rank: int, size: int, timeout: float, is_cancelled: Callable[[], bool]
    ) -> None:
        self._is_cancelled = is_cancelled
        super().__init__(address, rank, size, timeout)

    def sum(self, numbers: Array) -> None:
        if self._is_cancelled():
            raise _CancelledError("the fit was cancelled")
        super().sum(numbers)


class _Alone(Communicator):
    """The only rank."""

    rank, size = 0, 1

    def __init__(self, is_cancelled: Callable[[], bool]) -> None:
        self._is_cancelled = is_cancelled

    def sum(self, numbers: Array) -> None:
        if self._is_cancelled():
            raise _CancelledError("the fit was cancelled")

    def gather(self, thing: Any) -> list[Any]:
        return [thing]

    def abort(self) -> None:
        pass


class _StopOnDemand(Callback):
    """Ends a training when the user asks for it, far away, or when nobody waits for it any more."""

    def __init__(self, fit: str, is_cancelled: Callable[[], bool]) -> None:
        self.fit, self.is_cancelled = fit, is_cancelled
        self._due = PerTrainer()

    def begin(self, trainer: Any) -> None:
        timer = StepTimer(trainer)
        self._due[trainer] = timer, timer.after(trainer, 0)

    def next_step(self, trainer: Any) -> int | None:
        return self._due[trainer][1]

    def at_step(self, trainer: Any) -> None:
        if self._is_over():
            raise StopTraining(_INTERRUPTED)
        timer, _ = self._due[trainer]
        self._due[trainer] = timer, timer.after(trainer, _EVERY)

    def end_epoch(self, trainer: Any) -> bool:
        if not self._is_over():
            return False
        warnings.warn(_INTERRUPTED, stacklevel=level_of_user())
        return True

    def _is_over(self) -> bool:
        return self.fit in _asked or self.is_cancelled()
