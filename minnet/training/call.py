"""One call of a trainer: what it was given, whom it tells how far it is, and what may end it."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minnet.common.callers import level_of_user
from minnet.common.communicator import leads
from minnet.common.types import Array, Matrix
from minnet.training.callback import Callback, StopTraining, as_callback
from minnet.training.interrupts import Interrupts
from minnet.training.run import Run

__all__ = ["Call", "OneCallAtATime"]


class Call:
    """What one call was given, and what belongs to it alone.

    Parameters
    ----------
    source : InMemory or Batches
    validation : Validation
    callbacks : list of Callback or callable
    n_epochs : int or None
        The most it may train for; None where the caller decides from epoch to epoch.

    Attributes
    ----------
    n_steps_of_part : int
        How many steps the present part of an epoch has; 1 where it has not begun.
    first_loss : float or None
        The objective at its first step.
    targets : tuple of targets and their weights, or None
        On which steps were taken last.
    ranks : Ranks or None
        Where several processes make the call together.
    """

    def __init__(
        self,
        source: Any = None,
        validation: Any = None,
        callbacks: Sequence[Callback | Callable[[Any], Any]] = (),
        n_epochs: int | None = None,
    ) -> None:
        if not isinstance(callbacks, list | tuple):
            raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r:.200}")
        self.source = source
        self.validation = validation
        self.callbacks: list[Callback] = []
        self.ranks = None if source is None else source.ranks
        self.add([as_callback(callback, f"callbacks[{i}]") for i, callback in enumerate(callbacks)])
        self.n_epochs = n_epochs
        self.n_steps_of_part = 1
        self.next_steps: list[int | None] = []
        self.interrupts = Interrupts() if self.ranks is None else self.ranks.interrupts
        self.first_loss: float | None = None
        self.targets: tuple[Matrix, Array | None] | None = None

    def add(self, callbacks: list[Callback]) -> None:
        """Have some more callbacks called; of several processes one calls them."""
        self.callbacks += callbacks if self.ranks is None else self.ranks.callbacks(callbacks)

    def validate(self, network: Any) -> tuple[float, float]:
        """Return score and loss of a network; those of rank 0, where there are several."""
        if self.ranks is None:
            return self.validation(network)
        return self.ranks.of_first(lambda: self.validation(network))

    def digest(self) -> dict[str, str]:
        """Return what tells the data of the call from others, those of all ranks."""
        own = self.source.digest() | self.validation.digest()
        return own if self.ranks is None else self.ranks.digest(own)

    @property
    def n_steps_of_fit(self) -> int | None:
        """How many steps its epochs have, if all parts are as the present one; None if it is not known."""
        parts = self.source.parts_per_epoch
        if self.n_epochs is None or parts is None:
            return None
        return self.n_epochs * parts * self.n_steps_of_part

    def steps_before(self, run: Run) -> int:
        """Return how many of them are before the present part."""
        return (run.n_epochs * self.source.parts_per_epoch + run.part) * self.n_steps_of_part

    # ---- what callbacks are told, and what may end the training

    @contextlib.contextmanager
    def watched(self, trainer: Any) -> Iterator[None]:
        """Tell the callbacks at the end of a block that the training has ended, or was aborted."""
        try:
            yield
            for callback in self.callbacks:
                callback.end(trainer)
            if self.ranks is not None:
                self.ranks.agree()
        except BaseException:
            for callback in self.callbacks:
                callback.abort(trainer)
            raise

    def begin(self, trainer: Any) -> None:
        """Tell the callbacks that a training begins; first those that may resume another one."""
        for callback in sorted(self.callbacks, key=lambda callback: not callback.resumes):
            callback.begin(trainer)

    def begin_epoch(self, trainer: Any) -> None:
        """Tell the callbacks that an epoch begins."""
        for callback in self.callbacks:
            callback.begin_epoch(trainer)

    def end_epoch(self, trainer: Any) -> bool:
        """Tell the callbacks that an epoch has ended; return whether one of them ends the training."""
        answers = [callback.end_epoch(trainer) for callback in self.callbacks]
        return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)

    def stop(self, run: Run, cause: StopTraining | KeyboardInterrupt) -> None:
        """Note what has ended a training, and warn of it; raise it where it is to end more than that."""
        if isinstance(cause, StopTraining):
            ends_more = self.ranks is not None and not self.ranks.stopped
            reason, said = "callback", "Training ended by a callback."
        else:
            ends_more = self.interrupts.end_all
            reason, said = "interrupted", "Training interrupted by user."
        if ends_more:
            raise cause
        run.stopped = reason
        if leads():
            warnings.warn(str(cause) or said, stacklevel=level_of_user())


class OneCallAtATime:
    """Mixin of a trainer: a call from a callback or another thread is refused while one is made."""

    run: Any
    _call: Any
    _busy: threading.Lock

    @contextlib.contextmanager
    def _alone(self, call: Call) -> Iterator[Call]:
        """Keep other calls out until this one has ended."""
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(
                f"this {type(self).__name__} must not be in training already when it is told to train, "
                "got a call from a callback or another thread: let it end first, or make another one"
            )
        try:
            self._call = call
            yield call
        finally:
            self.run = self._call = None
            self._busy.release()
