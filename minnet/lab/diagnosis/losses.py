"""Losses without the penalty of the weights, and wrong answers."""

import numpy as np

from minnet.common.types import Array
from minnet.lab.measurement import Measurement
from minnet.lab.subject import Subject
from minnet.links import dense
from minnet.training.constant_answer import loss_of_constant

__all__ = ["errors_of", "logits_of", "loss_of_data", "outcome_of"]

_MOST_OF_IT = 0.999  # of the objective


def loss_of_data(subject: Subject, m: Measurement) -> float:
    """Return the loss of a measurement without the penalty of the weights."""
    network, T, weights = subject.network, subject.T, subject.weights
    l2 = sum(
        float(np.square(network.params[row.slice], dtype=np.float64).sum())
        for row in network.parameter_table
        if row.is_weight
    )
    total = T.shape[0] if weights is None else weights.sum()
    penalty = 0.5 * network.alpha / total * l2
    if penalty < _MOST_OF_IT * m.loss:
        return m.loss - penalty
    # Of a difference of two large numbers little would be left.
    Z = network.forward_training(subject.X, weights)[0]
    return float(np.average(network.loss_.value(Z, dense(T)).astype(np.float64), weights=weights))


def logits_of(subject: Subject) -> Array:
    """Return the logits of inference."""
    with np.errstate(over="ignore", invalid="ignore"):
        return subject.network.forward(subject.X)


def outcome_of(subject: Subject, Z: Array | None = None) -> float:
    """Return the loss of predictions over that of the best constant answer; NaN if that is unknown."""
    network, weights = subject.network, subject.weights
    T = dense(subject.T)
    best = loss_of_constant(network, T, weights)
    if best is None or not best > 0:
        return np.nan
    Z = logits_of(subject) if Z is None else Z
    with np.errstate(over="ignore", invalid="ignore"):
        losses = network.loss_.value(Z, T).astype(np.float64)
        return float(np.average(losses, weights=weights)) / best


def errors_of(subject: Subject, Z: Array | None = None) -> tuple[float, float]:
    """Return the share of wrong answers, and it over that of the best constant answer; NaN if none are.

    A network may be sure of the few that it has wrong: its loss is large then, and it has learned.
    """
    network, T = subject.network, dense(subject.T)
    weights = np.ones(len(T)) if subject.weights is None else subject.weights
    total = weights.sum()
    Z = logits_of(subject) if Z is None else Z
    if network.loss_.output == "softmax":
        wrong = Z.argmax(axis=1) != T
        least = 1 - np.bincount(T, weights=weights).max() / total
    elif network.loss_.output == "logistic":
        T = T.reshape(len(T), -1) > 0.5
        wrong = ((Z > 0) != T).mean(axis=1)
        ones = weights @ T / total
        least = np.minimum(ones, 1 - ones).mean()
    else:
        return np.nan, np.nan
    share = float(weights @ wrong / total)
    return share, share / float(least) if least > 0 else np.nan
