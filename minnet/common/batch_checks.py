"""What a network is given to compute with: data of its dtype and of fitting sizes, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.buffers import all_finite
from minnet.common.checks import as_numbers, check_flag, check_sparse
from minnet.common.entry import entry
from minnet.common.numeric import check_numeric
from minnet.common.types import Array, ArrayLike, Matrix

__all__ = ["BatchChecks", "check_output", "check_weight_sum"]

#: Gradients are divided by the sum of the weights: below this they would overflow.
_SMALLEST_SUM = 1e-290


class BatchChecks:
    """Mixin of a network: it says what is wrong with data."""

    layers: list[Any]
    sizes: list[int]
    dtype: np.dtype[Any]
    loss_: Any
    _check_initialized: Callable[[], None]
    _is_bound: Callable[[], bool]

    def _fits(self, X: Any) -> bool:
        """Return whether X is what :meth:`check_X` returns of it: a look that costs less than a row."""
        return (
            self._is_bound()
            and type(X) is np.ndarray
            and X.dtype == self.dtype
            and X.ndim == 2
            and X.shape[1] == self.sizes[0]
        )

    @entry
    def check_X(self, X: Matrix) -> Matrix:
        """Return X in the network's dtype, or say what is wrong with its shape.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs, a row for each sample.
        """
        self._check_initialized()
        if sparse.issparse(X):
            check_sparse("X", X)
            check_numeric("X", X)
            X = X.astype(self.dtype, copy=False)
            X = X.tocsr() if self.layers[0].accepts_sparse else X.toarray()
        elif type(X) is not np.ndarray or X.dtype != self.dtype:
            X = as_numbers("X", X, self.dtype)
        if X.ndim != 2 or X.shape[1] != self.sizes[0]:
            raise ValueError(f"X must have shape (n_samples, {self.sizes[0]}), got {X.shape}")
        return X

    @entry
    def check_batch(
        self,
        X: Matrix,
        T: ArrayLike | Matrix | None,
        sample_weight: ArrayLike | None = None,
        targets: bool = True,
        part: bool = False,
    ) -> tuple[Matrix, Matrix, Array | None]:
        """Return X, T and sample_weight as the network computes with them, or say what is wrong.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like
            Targets of the loss, as :meth:`minnet.Network.loss_and_grad` takes them.
        sample_weight : array-like of shape (n_samples,) or None
            What each sample counts; None means all alike.
        targets : bool, default=True
            Whether there are targets; without, ``T`` is not looked at.
        part : bool, default=False
            Whether it is a part of the data, as one process of several has: it may have no rows, and
            weights that are all zero.
        """
        if targets is not True:
            check_flag("targets", targets)
        if part is not False:
            check_flag("part", part)
        X = self.check_X(X)
        n = X.shape[0]
        if n == 0 and not part:
            raise ValueError("X must have at least one row, got none")
        if not all_finite(X.data if sparse.issparse(X) else X):
            raise ValueError("X must be finite, got NaN or infinity")
        if targets:
            T = self.loss_.as_targets(T, n, self.sizes[-1], self.dtype)
        weights = None if sample_weight is None else _check_weights(sample_weight, n, part)
        return X, T, weights  # T is None without targets


def _check_weights(sample_weight: ArrayLike, n: int, part: bool) -> Array:
    weights = as_numbers("sample_weight", sample_weight)
    if weights.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("sample_weight must be finite and at least 0")
    if not part:
        check_weight_sum(float(weights.sum()))
    return weights


def check_output(network: Any, i: int, Y: Any, n_samples: int) -> None:
    """Raise if what layer ``i`` gives is no array of its size, which the next one may not notice."""
    shape = (n_samples, network.sizes[i + 1])
    if not isinstance(Y, np.ndarray) or Y.shape != shape:
        got = None if Y is None else f"a {type(Y).__name__}"
        got = f"an array of shape {Y.shape}" if isinstance(Y, np.ndarray) else got
        where = f"layers[{i}] ({type(network.layers[i]).__name__})"
        raise ValueError(f"{where}: forward must return an array of shape {shape}, got {got}")


def check_weight_sum(total: float) -> None:
    """Raise where sample weights sum up to nothing that can be divided by."""
    if total == 0:
        raise ValueError("sample_weight must not be all zero")
    if total < _SMALLEST_SUM:
        raise ValueError(f"sample_weight must sum to at least {_SMALLEST_SUM:g}, got {total:g}")
