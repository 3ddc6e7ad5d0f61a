"""Rows that are equal: which they are, and how well answers can be that are equal for them."""

from __future__ import annotations

import numpy as np

from minnet.common.scale import root_mean_squares
from minnet.common.types import Array, Matrix
from minnet.lab.diagnosis.case import Case
from minnet.links import dense
from minnet.training.constant_answer import loss_of_constant

__all__ = ["EQUAL", "kinds_of_rows", "least_loss"]

EQUAL = 1e-7  # rows that differ by less of their size


def kinds_of_rows(X: Matrix, most: int) -> Array | None:
    """Return for each row which of the different ones it is; None where there are more than so many."""
    sizes = root_mean_squares(X)[0]
    direction = np.random.default_rng(0).uniform(1, 2, X.shape[1]) / np.where(sizes > 0, sizes, 1)
    places = np.asarray(X @ direction, dtype=np.float64).ravel()
    unit = np.abs(places).max()
    equal = max(EQUAL, 10 * float(np.finfo(X.dtype).eps))
    rounded = np.round(places / (unit * equal)) if unit > 0 else places
    different, kinds = np.unique(rounded, return_inverse=True)
    return kinds if len(different) <= most else None


def least_loss(case: Case, kinds: Array) -> float | None:
    """Return the loss of the best answers to each kind of row over that of the best constant."""
    T, weights = dense(case.subject.T), case.subject.weights
    if case.best is None or not case.best > 0:
        return None
    total = 0.0
    for kind in range(int(kinds.max()) + 1):
        rows = kinds == kind
        own = None if weights is None else weights[rows]
        if own is not None and not own.sum() > 0:
            continue
        share = rows.mean() if own is None or weights is None else own.sum() / weights.sum()
        loss = loss_of_constant(case.network, T[rows], own)
        total += float(share) * (0.0 if loss is None else loss)
    return total / case.best
