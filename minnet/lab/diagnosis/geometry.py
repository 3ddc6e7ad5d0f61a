"""The shape of what a network makes of its inputs: how bent it is, and how many directions are left."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.common.types import Array, Matrix
from minnet.layers import Context
from minnet.network import Network

__all__ = ["curvature", "directions", "layer_outputs"]

_MOST_ROWS = 128


def layer_outputs(network: Network, X: Matrix) -> list[Array]:
    """Return what each layer gives: without dropout, and normalized by the batch as in training."""
    Y, outputs = X, []
    past: list[Array] = []
    with np.errstate(all="ignore"):
        for layer in network.layers:
            Y = layer.forward(Y, Context(training=layer.normalizes, skips=past))
            outputs.append(Y)
    return outputs


def curvature(network: Network, X: Matrix, layer: int) -> float:
    r"""Return how far a network up to a layer is from linear on a batch.

    For pairs of rows a, b it is the root mean square of

    .. math:: f\left(\tfrac{a + b}{2}\right) - \tfrac{1}{2} (f(a) + f(b))

    over that of :math:`\tfrac{1}{2} (f(a) - f(b))`: 0 of what is linear, about 1 of rectifiers.
    """
    n = min(X.shape[0], 2 * _MOST_ROWS) // 2
    rows = np.linspace(0, X.shape[0] - 1, 2 * n).round().astype(int)
    a, b = X[rows[:n]], X[rows[n:]]
    three = [a, b, (a + b) * X.dtype.type(0.5)]
    pairs = sparse.vstack(three, format="csr") if sparse.issparse(X) else np.vstack(three)
    Y = layer_outputs(network, pairs)[layer]
    fa, fb, middle = Y[:n].astype(np.float64), Y[n : 2 * n], Y[2 * n :]
    bent = np.square(middle - (fa + fb) / 2).sum()
    apart = np.square((fa - fb) / 2).sum()
    return float(np.sqrt(bent / apart)) if apart > 0 else 0.0


def directions(values: Array) -> float:
    r"""Return in how many directions rows lie from their mean.

    It is the participation ratio :math:`(\sum \lambda)^2 / \sum \lambda^2` of the eigenvalues of their
    covariance, each row counted by its direction alone: 1 where all lie on a line, 0 where all are the
    same point.
    """
    every = -(-len(values) // _MOST_ROWS)
    rows = values[::every].astype(np.float64)
    rows = rows - rows.mean(axis=0)
    lengths = np.sqrt(np.square(rows).sum(axis=1))
    apart = lengths > 0
    if not apart.any():
        return 0.0
    rows = rows[apart] / lengths[apart, np.newaxis]
    return float(len(rows) ** 2 / np.square(rows @ rows.T).sum())
