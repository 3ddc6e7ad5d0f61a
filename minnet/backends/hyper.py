"""What the steps of one epoch are told."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minnet.backends.share import Share
from minnet.optimizers import Optimizer

__all__ = ["Hyper"]


@dataclass(frozen=True)
class Hyper:
    """How the steps of one epoch are taken.

    Attributes
    ----------
    batch_size : int
    rates : ndarray
        Learning rate of each step of the epoch.
    optimizer : Optimizer
    n_samples : int
        Rows of the whole fit.
    weight_sum : float
        Sum of the sample weights of the whole fit.
    position : int
        Samples drawn before this epoch: where the random streams of dropout go on.
    clip_value, clip_norm : float or None
    weight_decay : float
        Decoupled: each step multiplies the weights by ``1 - rate * decay``.
    interrupted : callable or None
        A backend asks between steps whether to return early: Ctrl-C came.
    share : Share or None
        Where several processes take the steps together; ``n_samples`` and ``weight_sum`` are then of all.
    """

    batch_size: int
    rates: np.ndarray
    optimizer: Optimizer
    n_samples: int
    weight_sum: float
    position: int = 0
    clip_value: float | None = None
    clip_norm: float | None = None
    weight_decay: float = 0.0
    interrupted: Callable[[], bool] | None = None
    share: Share | None = None

    @property
    def decay(self) -> float:
        """Return the weight decay, the optimizer's own included."""
        return self.weight_decay + self.optimizer.decoupled_weight_decay

    def stopped(self) -> bool:
        """Return whether to take no further step."""
        return self.interrupted is not None and self.interrupted()
