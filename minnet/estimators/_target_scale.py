"""Targets in units of their own spread."""

from dataclasses import dataclass

import numpy as np

__all__ = ["TargetScale"]


@dataclass(frozen=True)
class TargetScale:
    """Mean and standard deviation of each output, and targets in units of these.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_outputs,), float64
        The scale of an output that is constant is 1.

    Examples
    --------
    >>> import numpy as np
    >>> scale = TargetScale.of(np.array([[1.0], [3.0]]), None)
    >>> scale.apply(np.array([[1.0], [5.0]])).ravel(), scale.undo(np.array([[0.0]])).ravel()
    (array([-1.,  3.]), array([2.]))
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, y, sample_weight):
        """Learn them from targets (n_samples, n_outputs) in float64 and their weights."""
        unit = np.abs(y).max(axis=0)  # so that no square overflows or underflows
        unit[unit == 0] = 1.0
        mean = np.average(y / unit, axis=0, weights=sample_weight)
        spread = np.sqrt(np.average(np.square(y / unit - mean), axis=0, weights=sample_weight))
        # What rounding leaves of a constant is no spread.
        spread[spread <= 10 * np.finfo(np.float64).eps * np.abs(mean)] = 0.0
        scale = spread * unit
        scale[scale == 0] = 1.0
        return cls(mean * unit, scale)

    def apply(self, y):
        """Return targets in units of the spread."""
        return (y - self.mean) / self.scale

    def undo(self, Y):
        """Return predictions in the units of the targets, in their dtype."""
        return (Y * self.scale + self.mean).astype(Y.dtype, copy=False)
