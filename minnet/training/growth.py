"""A training whose numbers stayed finite, and whose loss grew all the same."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from minnet.common.callers import level_of_user
from minnet.common.communicator import leads
from minnet.common.types import Array, Matrix
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.training.constant_answer import loss_of_constant

__all__ = ["check_decay", "warn_if_grown"]

# How much worse a loss must be; and over the number of rows, where one answer says too much of them.
_FACTOR, _OF_FEW, _FEW = 2.0, 500.0, 50
_N_ROWS = 1000  # of which the constant answer is made, at most,
_N_NUMBERS = 2**20  # and as many targets


def check_decay(network: Network, rates: Array, decay: float) -> None:
    """Raise where a step of weight decay makes weights larger, and of the other sign.

    A step multiplies them by ``1 - rate * decay``, which is below -1 where ``rate * decay`` is above 2,
    with the rate times the layer's factor.
    """
    if not decay:
        return
    rows = network.parameter_table
    factors = [row.decay_factor for row in rows if row.is_weight and row.trainable]
    rate = float(rates.max()) * max(factors, default=0.0)
    if rate * decay > 2:
        raise ValueError(
            f"weight_decay must be at most 2 / learning rate = {2 / rate:g}, got {decay:g}: each step "
            f"multiplies the weights by 1 - rate * weight_decay = {1 - rate * decay:g}, so that they grow "
            "without bound; lower it or the learning rate"
        )


def warn_if_grown(
    network: Network,
    optimizer: Optimizer,
    weight_decay: float,
    *,
    loss: float,
    first_loss: float,
    best_loss: float,
    targets: tuple[Matrix, Array | None],
) -> None:
    """Warn where a training leaves a loss that has grown.

    It must be twice what it was in the best epoch and above what it was at the first step of the call,
    since data may change between calls, and twice that of the best constant answer; 500 / n times of n
    rows, where they are fewer than 50. ``loss`` is that of the weights that are kept; ``targets`` are
    those of the last steps, and their weights.
    """
    if not np.isfinite(loss) or not loss > first_loss or not leads():
        return
    T, weights = targets
    if not T.shape[0]:  # of several processes one may have no rows
        return
    factor = _FACTOR if T.shape[0] >= _FEW else _OF_FEW / T.shape[0]
    least = best_loss if best_loss < first_loss else first_loss
    if not loss > factor * least:
        return
    step = -(-T.shape[0] // max(1, min(_N_ROWS, _N_NUMBERS // network.sizes[-1])))
    some = None if weights is None else weights[::step]
    if some is not None and not some.any():
        return
    with np.errstate(over="ignore"):
        constant = loss_of_constant(network, T[::step], some)
    if constant is not None and not loss > factor * constant:
        return
    answer = "" if constant is None else f", where one answer for all rows has {constant:.2g}"
    decay = weight_decay + optimizer.decoupled_weight_decay
    or_decay = f" or weight_decay ({decay:g})" if decay else ""
    if optimizer.learning_rate * network.alpha > T.shape[0]:  # a step takes all of a weight or more
        or_decay = f" or alpha ({network.alpha:g}){or_decay}"
    warnings.warn(
        f"The loss has grown from {least:.2g} to {loss:.2g}{answer}: the steps are too large. Lower the "
        f"learning rate ({optimizer.learning_rate:g}){or_decay}, or set clip_norm.",
        ConvergenceWarning,
        stacklevel=level_of_user(),
    )
