"""Which rows of each step one of several processes takes, and how their numbers come together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Share"]


@dataclass(frozen=True)
class Share:
    """The part of one process in the steps of an epoch that several processes take together.

    A step is of ``lengths[i]`` rows in all, of which this process has
    ``bounds[i + 1] - bounds[i]``, which may be 0.

    Attributes
    ----------
    bounds : ndarray of shape (n_steps + 1,), int64
        Step ``i`` takes rows ``bounds[i]`` up to ``bounds[i + 1]`` of the order of this process.
    positions : ndarray of shape (n_steps,), int64
        The place of the first of them among the rows of the epoch of all processes: what the random
        streams of dropout go by.
    lengths : ndarray of shape (n_steps,), int64
        Rows of the step in all processes, at least 1.
    weights, squares : ndarray of shape (n_steps,), float64, or None
        Sum of the sample weights of these rows, and of the squares of their shares in it; None without
        sample weights, when they are ``lengths`` and ``1 / lengths``.
    sum : callable or None
        ``sum(numbers)`` replaces a one-dimensional contiguous array by the sum over all processes. It is
        called for the means of batch normalization and for the gradient of each step. None: there is one
        process, which takes all rows of a step.
    stops : callable
        Asked in each step, before the gradients are summed up, whether this process wants no further one:
        all end after the same step.
    leads : bool
        Whether it is this process that counts in the loss what is there once: the L2 term.
    """

    bounds: np.ndarray
    positions: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray | None = None
    squares: np.ndarray | None = None
    sum: Callable[[np.ndarray], None] | None = None
    stops: Callable[[], bool] = lambda: False
    leads: bool = True
