"""The loss of the best answer that does not look at the input."""

from typing import Any

import numpy as np

from minnet.common.types import Array, Matrix
from minnet.links import dense
from minnet.losses import Loss
from minnet.network import Network

__all__ = ["logits_of", "loss_of_answer", "loss_of_constant"]

_TINY = 1e-300


def loss_of_constant(network: Network, T: Matrix, weights: Array | None) -> float | None:
    """Return the loss of the best answer that does not look at the input; None if it is not known."""
    T = dense(T)  # of the size of the logits, which were measured at once
    loss, p = network.loss_, _shares(T, weights)
    if loss.best_constant is None:
        return None
    if isinstance(loss.best_constant, str):  # the mean
        if loss.output == "softmax":
            mean = np.bincount(T, weights=p, minlength=network.sizes[-1])
        else:
            mean = p @ T.astype(np.float64)
        return loss_of_answer(loss, logits_of(mean, loss.output), T, weights)
    # Of unweighted targets: near enough for a comparison by factors. Huber's lies near one of them.
    T = T.astype(np.float64)
    return loss_of_answer(loss, np.quantile(T, loss.best_constant, axis=0), T, weights)


def loss_of_answer(loss: Loss, Z: Any, T: Array, weights: Array | None) -> float:
    """Return the mean loss of one answer, of logits, to all samples."""
    shape = (len(T), *np.shape(Z)) if np.ndim(Z) else T.shape
    return float(_shares(T, weights) @ loss.value(np.broadcast_to(Z, shape), T))


def logits_of(mean: Array, output: str) -> Array:
    """Return the logits at which a network predicts a mean."""
    if output == "identity":
        return mean
    logits = np.log(np.maximum(mean, _TINY))
    return logits - np.log(np.maximum(1 - mean, _TINY)) if output == "logistic" else logits


def _shares(T: Array, weights: Array | None) -> Array:
    """Return the share of each sample."""
    return np.full(len(T), 1 / len(T)) if weights is None else weights / weights.sum()
