"""The figures of one epoch."""

import math
import time
from typing import Any

__all__ = ["FIGURES", "Epoch"]

FIGURES = (
    "epoch", "loss", "validation_loss", "validation_score", "learning_rate", "seconds", "rows_per_second",
)  # fmt: skip


class Epoch:
    """Takes the time of an epoch from its beginning on.

    Parameters
    ----------
    trainer : Trainer
        That is about to begin it.
    """

    def __init__(self, trainer: Any) -> None:
        self._rate = trainer.next_rate()
        self._n_seen = trainer.n_seen
        self._n_scores = len(trainer.validation_scores)
        self._began = time.perf_counter()

    def figures(self, trainer: Any) -> dict[str, float]:
        """Return the figures at the epoch's end, by name."""
        seconds = time.perf_counter() - self._began
        validated = len(trainer.validation_scores) > self._n_scores
        return {
            "epoch": trainer.n_epochs,
            "loss": trainer.loss_curve[-1],
            "validation_loss": trainer.validation_loss_curve[-1] if validated else math.nan,
            "validation_score": trainer.validation_scores[-1] if validated else math.nan,
            "learning_rate": self._rate,
            "seconds": seconds,
            "rows_per_second": (trainer.n_seen - self._n_seen) / seconds,
        }
