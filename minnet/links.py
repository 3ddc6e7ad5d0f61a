"""Inverse links, from logits to predictions; and the targets that belong to them, or one sentence.

A loss names its link: "identity", "softmax", "logistic" or "exp". Behind a softmax there are classes, and
targets are their indices; behind the others there are numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.special import expit, log_softmax, softmax

from minnet.common.buffers import all_finite
from minnet.common.checks import as_numbers, check_sparse
from minnet.common.numeric import check_numeric
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix

__all__ = [
    "INVERSE_LINKS",
    "LOG_INVERSE_LINKS",
    "check_class_indices",
    "check_normal_number",
    "check_numbers",
    "dense",
]


def __dir__() -> list[str]:
    return __all__


#: Predictions from logits of shape (n_samples, n_outputs).
INVERSE_LINKS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda Z: Z,
    "softmax": lambda Z: softmax(Z, axis=1),
    "logistic": expit,
    "exp": np.exp,
}

#: Logarithms of the predictions, where they are probabilities; exact where the probability rounds to 0.
LOG_INVERSE_LINKS: dict[str, Callable[[Array], Array]] = {
    "softmax": lambda Z: log_softmax(Z, axis=1),
    "logistic": lambda Z: -np.logaddexp(0, -Z),
}


def check_class_indices(T: ArrayLike, n_samples: int, n_outputs: int) -> Array:
    """Return class indices as int64 of shape (n_samples,), or say what is wrong with them."""
    if sparse.issparse(T):
        raise ValueError(
            f"T must be an array of class indices for a softmax, got a {type(T).__name__}"
        )
    check_numeric("T", T)
    T = np.asarray(T)
    if T.shape != (n_samples,):
        raise ValueError(
            f"T must be class indices of shape ({n_samples},), got an array of shape {T.shape}"
        )
    if T.dtype.kind not in "buif":
        T = as_numbers("T", T)
    with np.errstate(invalid="ignore"):
        indices = T.astype(np.int64)
    if n_samples and (
        not np.array_equal(indices, T) or indices.min() < 0 or indices.max() >= n_outputs
    ):
        raise ValueError(
            f"T must be class indices from 0 to {n_outputs - 1}, got values from "
            f"{T.min()} to {T.max()}"
        )
    return indices


def check_numbers(
    T: Matrix,
    n_samples: int,
    n_outputs: int,
    dtype: DTypeLike,
    low: float = -np.inf,
    high: float = np.inf,
    loss: str = "",
) -> Matrix:
    """Return finite targets of shape (n_samples, n_outputs), or say what is wrong with them.

    Sparse ones stay sparse, as CSR. ``low`` and ``high`` are what a ``loss`` of that name allows.
    """
    plain = type(T) is np.ndarray and T.dtype == dtype  # in every step of a stream
    is_sparse = not plain and sparse.issparse(T)
    if not plain:
        check_numeric("T", T)
        T = T if is_sparse else np.asarray(T)
    if T.ndim == 1 and n_outputs == 1 and not is_sparse:
        T = T[:, np.newaxis]
    if T.shape != (n_samples, n_outputs):
        raise ValueError(
            f"T must have shape {(n_samples, n_outputs)}, got an array of shape {T.shape}"
        )
    numbers = T
    if is_sparse:
        T = _plain_csr(T, dtype)
        numbers = T.data if T.nnz == n_samples * n_outputs else np.append(T.data, 0)
    elif not plain:
        T = numbers = as_numbers("T", T, dtype)
    if not all_finite(numbers):
        raise ValueError("T must be finite, got NaN or infinity")
    if (low > -np.inf or high < np.inf) and numbers.size:
        least, most = numbers.min(), numbers.max()
        if high < np.inf and (least < low or most > high):
            raise ValueError(
                f"T must lie between {low:g} and {high:g}, got values from {least} to {most}"
            )
        if least < low:
            raise ValueError(f"T must be at least {low:g} for the loss {loss!r}, got {least}")
    return T


def _plain_csr(T: Matrix, dtype: DTypeLike) -> Matrix:
    """Return a sparse matrix as CSR in a dtype, whose entries have a place of their own each."""
    check_sparse("T", T)
    check_numeric("T", T)
    T = T.tocsr()
    numbers = as_numbers("T", T.data, dtype)
    if numbers is T.data and T.has_canonical_format:
        return T
    T = sparse.csr_array((numbers, T.indices, T.indptr), shape=T.shape)
    if not T.has_canonical_format:
        T = T.copy()
        T.sum_duplicates()
    return T


def dense(T: Matrix) -> Array:
    """Return the targets of a batch as an array: losses know no others."""
    return T.toarray() if sparse.issparse(T) else T


def check_normal_number(name: str, value: float, dtype: DTypeLike) -> None:
    """Raise where a positive number is none of the normal numbers of a dtype."""
    info = np.finfo(np.dtype(dtype))
    if not float(info.tiny) <= value <= float(info.max):
        raise ValueError(
            f"{name} must lie between {info.tiny:.2g} and {info.max:.2g} in {info.dtype}, got {value}"
        )
