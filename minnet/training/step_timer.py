"""At which step a time will have passed."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["StepTimer"]


class StepTimer:
    """Tells at which step so many seconds will be over, by the pace of the training so far.

    Parameters
    ----------
    trainer : Trainer
        That is about to begin.
    """

    def __init__(self, trainer: Any) -> None:
        self._first = trainer.n_steps
        self._began = time.perf_counter()

    def after(self, trainer: Any, seconds: float) -> int:
        """Return the step that comes about so many seconds from now, at least one step on.

        At most it is twice as far as the training has come, for its first steps tell little.
        """
        made = trainer.n_steps - self._first
        pace = made / max(time.perf_counter() - self._began, 1e-9)
        return trainer.n_steps + max(1, min(made, int(seconds * pace)))
