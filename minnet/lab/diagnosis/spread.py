"""How numbers are spread, and which columns are ruled by few rows."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array

__all__ = ["RULED", "shares_of_bulk", "spreads"]

RULED = 0.3  # of the standard deviation of a column that few rows rule, is that of most rows

_ENOUGH_ROWS = 3000  # of which spreads are taken
_BULK = 0.95  # of the rows, those nearest to the median


def spreads(X: Array) -> tuple[Array, Array]:
    """Return the standard deviation of each column, of most rows and of all."""
    X = X[:: -(-X.shape[0] // _ENOUGH_ROWS)].astype(np.float64)
    distances = np.abs(X - np.median(X, axis=0))
    near = distances <= np.quantile(distances, _BULK, axis=0, method="lower")
    n = near.sum(axis=0)
    means = np.where(near, X, 0).sum(axis=0) / n
    squares = np.where(near, np.square(X - means), 0).sum(axis=0) / n
    return np.sqrt(squares), X.std(axis=0)


def shares_of_bulk(bulk: Array, whole: Array) -> Array:
    """Return the first of the :func:`spreads` over the second; 1 where most rows do not differ."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((bulk > 1e-12 * whole) & (whole > 0), bulk / whole, 1.0)
