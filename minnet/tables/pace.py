"""How many epochs a time limit leaves room for, and what ends a training at the limit."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from typing import Any

from minnet.common.callers import level_of_user
from minnet.common.checks import LARGEST_SIZE
from minnet.common.types import Array
from minnet.network import Network
from minnet.training.callback import Callback, StopTraining
from minnet.training.step_timer import StepTimer

__all__ = ["EndAt", "EndStall", "epochs_in_time"]

#: Steps that are timed, after a first one, and the share of the time that a training is planned for.
_STEPS, _PLANNED = 10, 0.8

#: The steps that are timed take this share of the time of their call at least.
_OF_TAKEN = 0.2

#: What it takes to score a row, of what it takes to train on it.
_SCORED = 0.35


def epochs_in_time(
    new_trainer: Callable[..., Any],
    networks: list[Network],
    data: tuple[Array, Array, Array | None],
    trained: list[Array],
    held: list[Array] | None,
    batch_size: int,
    end: float,
) -> int:
    """Return how many epochs of training end in time, at least one; some steps of copies are timed.

    Parameters
    ----------
    new_trainer : callable
        ``new_trainer(networks)`` returns what will train them.
    networks, data, trained, held
        What it will be given: networks, ``(X, T, sample_weight)``, and rows for each network.
    batch_size : int
    end : float
        By ``time.perf_counter()``.
    """
    n_trained, n_held = (sum(map(len, parts)) for parts in (trained, held or []))
    # What is made once for a training takes longer than a few steps: it comes before the clock, and what
    # every call takes beside its steps is what the faster of two with a step each takes.
    trainer = new_trainer(copy.deepcopy(networks))
    timed = []
    for n_steps in (1, 1, _STEPS):
        few = [part[: n_steps * batch_size] for part in trained]
        scored = None if held is None else [part[:1] for part in held]
        began = time.perf_counter()
        trainer.fit(*data, rows=few, held=scored, max_epochs=1, callbacks=[_RaiseInterrupt()])
        timed.append((time.perf_counter() - began, sum(map(len, few))))
    (alone, n_alone), (taken, n_rows) = min(timed[:2]), timed[2]
    seconds = taken / n_rows
    if n_rows > n_alone:
        seconds = max((taken - alone) / (n_rows - n_alone), _OF_TAKEN * seconds)
    of_epoch = seconds * (n_trained + _SCORED * n_held)
    n_epochs = _PLANNED * (end - time.perf_counter()) / of_epoch
    return max(1, int(min(n_epochs, LARGEST_SIZE)))


class _RaiseInterrupt(Callback):
    """Lets Ctrl-C end more than a training of which nothing is kept."""

    def end(self, trainer: Any) -> None:
        if trainer.run.stopped == "interrupted":
            raise KeyboardInterrupt


class EndAt(Callback):
    """Ends a training when a time has come.

    Parameters
    ----------
    end : float
        By ``time.perf_counter()``.
    said : str
        What the warning says.
    """

    def __init__(self, end: float, said: str) -> None:
        self.end_time, self.said = end, said

    def begin(self, trainer: Any) -> None:
        """Begin to time steps."""
        self._timer = StepTimer(trainer)
        self._due = self._timer.after(trainer, 0)

    def next_step(self, trainer: Any) -> int | None:
        """Return at which step to look at the clock next."""
        return self._due

    def at_step(self, trainer: Any) -> None:
        """End the training if its time is over."""
        left = self.end_time - time.perf_counter()
        if left <= 0:
            raise StopTraining(self.said)
        self._due = self._timer.after(trainer, left / 2)

    def end_epoch(self, trainer: Any) -> bool:
        """End the training if its time is over."""
        if time.perf_counter() < self.end_time:
            return False
        warnings.warn(self.said, stacklevel=level_of_user())
        return True


class EndStall(Callback):
    """Ends a training whose best epoch lies some epochs back.

    Parameters
    ----------
    n_epochs : int
        So many without a better score are enough.
    """

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs, self.ended = n_epochs, False

    def end_epoch(self, trainer: Any) -> bool:
        """End the training if the mean score stands still."""
        self.ended = 0 < trainer.best_epoch <= trainer.n_epochs - self.n_epochs
        return self.ended
