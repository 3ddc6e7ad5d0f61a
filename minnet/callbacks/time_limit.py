"""A training that ends in time."""

import math
import time
import warnings
from typing import Any

from minnet.common.callers import level_of_user
from minnet.common.checks import is_real
from minnet.training.callback import Callback, StopTraining
from minnet.training.per_trainer import PerTrainer
from minnet.training.step_timer import StepTimer

__all__ = ["TimeLimit"]


class TimeLimit(Callback):
    """Ends a training after so many seconds, in the middle of an epoch if need be.

    It looks at the clock between steps, ever more often as the time draws near, and after each epoch: the
    limit is exceeded by a step or two, or by a validation. In the middle of an epoch the weights are
    those of the last step, and the epoch does not count: its loss is not noted. With early stopping the
    best weights come back. The time counts for each fit anew; what comes before the first step, such as
    checks and initializers that look at the data, is not in it.

    Parameters
    ----------
    seconds : float
        Above 0.

    Attributes
    ----------
    reached : bool
        Whether the last fit was ended by it.

    Warns
    -----
    UserWarning
        When it ends a training.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.callbacks import TimeLimit
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier(max_iter=10**6, n_iter_no_change=10**6).set_callbacks(TimeLimit(0.3))
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     _ = clf.fit(X / 16, y)

    >>> print(caught[0].message)
    The limit of 0.3 seconds was reached in epoch ...: training ended there.
    """

    def __init__(self, seconds: float) -> None:
        valid = is_real(seconds)
        if not (valid and 0 < seconds < math.inf):
            raise ValueError(f"seconds must be a number above 0, got {seconds!r}")
        self.seconds = seconds
        self.reached = False
        self._running = PerTrainer()

    def __repr__(self) -> str:
        return f"TimeLimit({self.seconds!r})"

    def begin(self, trainer: Any) -> None:
        """Start the clock."""
        self.reached = False
        timer = StepTimer(trainer)
        self._running[trainer] = {
            "timer": timer, "due": timer.after(trainer, 0), "over": time.perf_counter() + self.seconds
        }  # fmt: skip

    def next_step(self, trainer: Any) -> int | None:
        """Return at which step to look at the clock next."""
        return self._running[trainer]["due"]

    def at_step(self, trainer: Any) -> None:
        """End the training if its time is over."""
        fit = self._running[trainer]
        left = fit["over"] - time.perf_counter()
        if left <= 0:
            self.reached = True
            raise StopTraining(self._message(trainer.n_epochs + 1))
        fit["due"] = fit["timer"].after(trainer, left / 2)

    def end_epoch(self, trainer: Any) -> bool:
        """End the training if its time is over."""
        if time.perf_counter() < self._running[trainer]["over"]:
            return False
        self.reached = True
        warnings.warn(self._message(trainer.n_epochs), stacklevel=level_of_user())
        return True

    def end(self, trainer: Any) -> None:
        """Stop the clock."""
        self._running.pop(trainer, None)

    abort = end

    def _message(self, epoch: int) -> str:
        limit = f"The limit of {self.seconds:g} seconds was reached"
        return f"{limit} in epoch {epoch}: training ended there."
