"""Where a network's numbers became NaN or infinite: what the errors about it say."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.buffers import all_finite
from minnet.common.types import Array, Matrix
from minnet.network import Network

__all__ = ["divergence", "finite_logits", "finite_predictions", "training_divergence"]

_ROWS = 1024


def divergence(network: Any, loss: float, X: Array | None, when: str, cure: str) -> str | None:
    """Return the sentences about a fit whose numbers are no longer finite; None where all are.

    Parameters
    ----------
    network : Network
    loss : float
        The last objective.
    X : array or CSR matrix, or None
        Inputs of the fit, as ``Network.check_batch`` returns them: in these is looked for the layer
        where a loss overflows.
    when : str
        Such as "in epoch 3".
    cure : str
        What to try, besides scaling the inputs.
    """
    rows = network.parameter_table
    at = next((r.layer for r in rows if not all_finite(network.params[r.slice])), None)
    if at is None and np.isfinite(loss):
        return None
    what, scaled = "parameter weights" if at is not None else "losses", "inputs"
    if at is None and X is not None:
        at = _first_overflow(network, X)
    if at is not None:
        where = _layer_label(network, at)
    else:
        where = f"the loss on {_layer_label(network, len(network.layers) - 1)}"
        if network.loss_.output in ("identity", "exp"):
            scaled = "inputs and the targets"
    return (
        f"Solver produced non-finite {what}. The input data may contain large values and need to be "
        f"preprocessed. It happened in {where} {when}: scale the {scaled}{cure}."
    )


def training_divergence(trainer: Any, X: Matrix | None) -> str | None:
    """Return what to say of a trainer whose last epoch diverged; None where all is finite."""
    loss = trainer.loss_curve[-1] if trainer.loss_curve else 0.0
    if np.isfinite(loss) and trainer.is_finite():
        return None
    when = f"in epoch {trainer.n_epochs}, at learning rate {trainer.optimizer.learning_rate:g}"
    cure = ", lower the learning rate or set clip_norm"
    return divergence(trainer.network, loss, X, when, cure)


def finite_logits(network: Network, backend: Any, X: Matrix) -> Array:
    """Return the logits that a backend computes for ``X``; or raise where some are not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        Z = backend.forward(X)
        if np.isfinite(Z).all():
            return Z
    raise _not_finite(network, X)


def finite_predictions(
    network: Network, backend: Any, X: Matrix, pair: bool = False, temperature: float | None = None
) -> Array:
    """Return the predictions that a backend computes for ``X``; or raise as :func:`finite_logits`."""
    Y, finite = backend.predict(X, pair, temperature)
    if finite:
        return Y
    raise _not_finite(network, X)


def _not_finite(network: Network, X: Matrix) -> ValueError:
    """Return the error that names the first layer whose outputs for ``X`` are not finite."""
    at = _first_overflow(network, X)
    where = _layer_label(network, len(network.layers) - 1 if at is None else at)
    return ValueError(
        f"X must give finite numbers in every layer, got NaN or infinity in {where}, in {network.dtype}: "
        "scale the inputs as those of the fit were, and look for NaN and infinity in coefs_."
    )


def _first_overflow(network: Network, X: Matrix) -> int | None:
    """Return the index of the first layer with outputs for ``X`` that are not finite, or None."""
    first = None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, X.shape[0], _ROWS):
            outputs = network.forward(X[start : start + _ROWS], return_all=True)
            for i, Y in enumerate(outputs[:first]):
                if not np.isfinite(Y).all():
                    first = i
                    break
    return first


def _layer_label(network: Network, i: int) -> str:
    return f"layer {i} ({type(network.layers[i]).__name__})"
