"""Predictions, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.types import Array, Matrix
from minnet.training.divergence import finite_logits

__all__ = ["predict_blocks"]

# Rows are predicted in blocks with about so many bytes of logits: what comes after the logits (softmax
# and the like) makes temporary arrays of their size.
_BLOCK_BYTES = 2**20
# A multiple, since a BLAS library may compute the last few rows of a product another way.
_ROW_STEP = 1024


def predict_blocks(X: Matrix, backend: Any, output: Callable[[Array], Matrix]) -> Matrix:
    """Return ``output(Y)`` for what a backend makes of ``X``, computed a block of rows at a time."""
    network = backend.network
    n_rows = X.shape[0]
    step = max(1, _BLOCK_BYTES // (network.dtype.itemsize * network.sizes[-1]))
    block = max(1, step // _ROW_STEP) * _ROW_STEP
    if n_rows <= min(block, step):
        return output(finite_logits(network, backend, X))
    if sparse.issparse(X):
        X = X.tocsr()

    def outputs() -> Iterator[Any]:
        for start in range(0, n_rows, block):
            Z = finite_logits(network, backend, X[start : start + block])
            for first in range(0, len(Z), step):
                yield output(Z[first : first + step])

    parts = outputs()
    first = next(parts)
    if sparse.issparse(first):
        return sparse.vstack([first, *parts], format="csr")
    Y = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)
    Y[: len(first)] = first
    done = len(first)
    for some in parts:
        Y[done : done + len(some)] = some
        done += len(some)
    return Y
