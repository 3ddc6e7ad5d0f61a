"""Targets that are far from unit scale: a warning where a fit would fail for it."""

from __future__ import annotations

import math
import warnings

import numpy as np

from minnet.common.callers import level_of_user
from minnet.common.types import Array, Estimator
from minnet.network import Network
from minnet.optimizers import SGD, Optimizer

__all__ = ["warn_of_target_scale"]

_N_ROWS = 1000  # that are looked at


def warn_of_target_scale(estimator: Estimator, network: Network, T: Array, n_samples: int) -> None:
    """Warn where numbers are far from what the initialized network can reach, or too close together.

    ``T`` are the targets of a regressor that does not scale them, or those of another estimator; those of
    some of the rows, of which there are ``n_samples``, or of all.

    A step of Adam moves each weight by the learning rate at most, so that an output comes only so far;
    with SGD far targets make large steps, which diverge; and all but L-BFGS stop too early, by ``tol``,
    where the spread is small. The bounds are where R2 is some 0.2 behind that with ``scale_targets``, on
    diabetes, Friedman's #1 (1000 and 5000 rows) and a skewed target (500 rows), by defaults.
    """
    if getattr(estimator, "scale_targets", True) or network.loss_.output != "identity":
        return
    smallest, largest, ratio = _bounds(estimator, n_samples)
    T = T[:: -(-len(T) // _N_ROWS)]
    if T.shape[1] == 1:  # in two sums, which say in most cases that all is well
        t = T[:, 0]
        with np.errstate(over="ignore", invalid="ignore"):
            mean, square = float(t.sum()) / len(t), float(np.dot(t, t)) / len(t)
        variance = square - mean * mean
        if (
            smallest**2 < variance
            and square < largest**2
            and mean * mean < min(ratio, 100) * variance
        ):
            return
    T = T.astype(np.float64)
    unit = np.abs(T).max(axis=0)
    unit[unit == 0] = 1.0
    T /= unit  # so that no square overflows or underflows
    mean, spread = T.mean(axis=0) * unit, T.std(axis=0) * unit
    spread[spread <= 1e-14 * np.abs(mean)] = 0.0  # what rounding leaves of a constant
    offset = np.abs(mean - getattr(network.layers[-1], "b", 0.0))  # from where the outputs begin
    with np.errstate(over="ignore"):
        far = ~(np.hypot(offset, spread) <= largest)
        far |= (spread > 0) & ((spread < smallest) | (offset > ratio * spread))
    if not far.any():
        return
    # One digit: the fits of a search have nearly the same targets.
    i = int(far.argmax())
    column = f"column {i} of y" if len(far) > 1 else "y"
    warnings.warn(
        f"{column} is far from unit scale (mean {mean[i]:.0e}, standard deviation {spread[i]:.0e}), which "
        "networks learn badly or not at all: set scale_targets=True",
        stacklevel=level_of_user(),
    )


def _bounds(estimator: Estimator, n_samples: int) -> tuple[float, float, float]:
    """Return the smallest spread, the largest size, and the largest offset for a spread."""
    solver = estimator.solver
    if solver == "lbfgs":
        return 0.03, math.inf, 500.0
    if solver == "sgd" or isinstance(solver, SGD):
        return 0.1, 100.0, 20.0
    rate = solver.learning_rate if isinstance(solver, Optimizer) else estimator.learning_rate_init
    batch_size = 200 if estimator.batch_size == "auto" else int(estimator.batch_size)
    n_steps = int(estimator.max_iter) * -(-n_samples // batch_size)
    reach = min(max(rate * n_steps, 1.0), 10.0)
    return 0.1, 50.0 * reach, 3.0 * reach
