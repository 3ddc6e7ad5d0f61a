"""Rows that are equal: which they are, and how well answers can be that are equal for them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.common.types import Array, Matrix
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.spread import RULED, shares_of_bulk, spreads
from minnet.links import dense
from minnet.training.constant_answer import loss_of_constant

__all__ = ["EQUAL", "kinds_of_rows", "least_loss"]

EQUAL = 1e-7  # numbers that differ by less of their size


def kinds_of_rows(X: Matrix, most: int) -> Array | None:
    """Return for each row which of the different ones it is; None where there are more than so many."""
    factors = np.random.default_rng(0).integers(
        2**63, size=X.shape[1], dtype=np.uint64
    ) | np.uint64(1)
    if sparse.issparse(X):
        entries = sparse.coo_array(X)
        hashes = np.zeros(X.shape[0], np.uint64)
        np.add.at(hashes, entries.row, _bits(entries.data) * factors[entries.col])
    else:
        hashes = (_bits(_centred(X)) * factors).sum(axis=1)
    different, kinds = np.unique(hashes, return_inverse=True)
    return kinds if len(different) <= most else None


def _centred(X: Array) -> Array:
    """Return columns that few rows rule about their median: scaled, the others lie far off and close."""
    ruled = shares_of_bulk(*spreads(X)) < RULED
    if not ruled.any():
        return X
    X = X.copy()
    X[:, ruled] -= np.median(X[:, ruled], axis=0)
    return X


def _bits(values: Array) -> Array:
    """Return numbers, rounded, as whole ones whose sums wrap around and so do not depend on the order."""
    equal = max(EQUAL, 10 * float(np.finfo(values.dtype).eps))
    mantissas, exponents = np.frexp(values.astype(np.float64))
    bits = (np.ldexp(np.round(mantissas / equal), exponents) + 0.0).view(np.uint64)  # -0 is 0
    return bits ^ (bits >> np.uint64(32))


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
