"""The size of inputs, which layers expect to be about 1."""

import numpy as np
from scipy import sparse

from minnet.common.types import Array, DTypeLike, Matrix

__all__ = ["at_least_normal", "root_mean_squares"]

_LEAST = 1e-150  # whose square is a normal number


def root_mean_squares(X: Matrix) -> tuple[Array, float]:
    """Return the root mean square of each column, and of all numbers.

    Of a sparse matrix they are those of the numbers that it stores.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    columns : ndarray of shape (n_features,), float64
    whole : float

    Examples
    --------
    >>> import numpy as np
    >>> root_mean_squares(np.array([[1.0, 10.0], [-1.0, 10.0]]))[0]
    array([ 1., 10.])
    """
    columns, whole = _root_mean_squares(X)
    if _LEAST < whole < np.inf or 0 in X.shape:
        return columns, whole
    # Squares overflow, or are 0: those of numbers of a usual size do not.
    largest = float(abs(X).max())
    if not 0 < largest < np.inf:
        return columns, whole
    columns, whole = _root_mean_squares(X.astype(np.float64) / largest)
    return columns * largest, whole * largest


def _root_mean_squares(X: Matrix) -> tuple[Array, float]:
    with np.errstate(over="ignore"):
        if sparse.issparse(X):
            squares = X.astype(np.float64).multiply(X).sum(axis=0)
            stored = np.diff(X.tocsc().indptr)
            squares = np.asarray(squares).ravel() / np.maximum(stored, 1)
            whole = np.sqrt(np.square(X.data, dtype=np.float64).mean()) if X.nnz else 0.0
        else:
            squares = np.square(X, dtype=np.float64).mean(axis=0)
            whole = np.sqrt(squares.mean())
        return np.sqrt(squares), float(whole)


def at_least_normal(value: float, dtype: DTypeLike) -> float:
    """Return a number above 0, or the smallest normal one of a dtype that cannot hold it."""
    return max(value, float(np.finfo(np.dtype(dtype)).tiny))
