"""Which rows of each step one of several processes takes, and how their numbers come together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minnet.common.part import Part
from minnet.common.types import Array

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
        sample weights, when they are ``lengths`` and ``1 / lengths``, and not needed without ``sum``.
    sum : callable or None
        ``sum(numbers)`` replaces a one-dimensional contiguous array by the sum over all processes. It is
        called for the means of batch normalization and for the gradient of each step, behind which are the
        flag of ``stops`` and the loss. None: there is one process, which takes all rows of a step.
    stops : callable
        Asked in each step, right before the gradients are summed up, whether this process wants no step
        any more: that one is then taken by none.
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

    @property
    def n_samples(self) -> int:
        """Return how many rows all processes have in the steps."""
        return int(self.lengths.sum())

    @property
    def rows_of_step(self) -> int:
        """Return about how many rows of a step are in this process, at least 1."""
        return max(1, int(self.bounds[-1] - self.bounds[0]) // max(1, len(self.lengths)))

    def step(self, i: int) -> tuple[int, int, int, int, Part | None]:
        """Return the first row of a step and its end, its position, its length and the part in it.

        The part is None where this process has all of the rows.
        """
        first, last, length = int(self.bounds[i]), int(self.bounds[i + 1]), int(self.lengths[i])
        part = None
        if self.sum is not None:
            weight = None if self.weights is None else float(self.weights[i])
            squares = None if self.squares is None else float(self.squares[i])
            part = Part(length, self.total, weight, squares, self.leads)
        return first, last, int(self.positions[i]), length, part

    def total(self, numbers: Array) -> Array:
        """Return the sum of an array over all processes."""
        assert self.sum is not None
        flat = np.array(numbers).ravel()  # a copy, to be changed in place
        self.sum(flat)
        return flat.reshape(numbers.shape)

    def total_step(self, grads: Array, loss: float) -> tuple[Array, float, bool]:
        """Return gradient and loss of all processes, and whether one of them wants no step any more."""
        behind = np.array([self.stops(), loss], dtype=grads.dtype)
        summed = self.total(np.concatenate([grads, behind]))
        return summed[:-2], float(summed[-1]), bool(summed[-2] != 0)
