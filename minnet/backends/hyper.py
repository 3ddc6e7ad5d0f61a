"""What the steps of one epoch are told."""

from dataclasses import dataclass

import numpy as np

from minnet._interrupts import Interrupts
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
        Decoupled: each step multiplies the weights by ``1 - rate * weight_decay``.
    interrupts : Interrupts or None
        A backend looks between steps whether Ctrl-C came, and returns early then.
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
    interrupts: Interrupts | None = None

    @property
    def interrupted(self):
        """Return whether to take no further step."""
        return self.interrupts is not None and self.interrupts.came
