"""Losses without the penalty of the weights."""

import numpy as np

from minnet.lab.measurement import Measurement
from minnet.lab.subject import Subject
from minnet.links import dense
from minnet.training.constant_answer import loss_of_constant

__all__ = ["loss_of_data", "outcome_of"]


def loss_of_data(subject: Subject, m: Measurement) -> float:
    """Return the loss of a measurement without the penalty of the weights."""
    network, T, weights = subject.network, subject.T, subject.weights
    l2 = sum(
        float(np.square(network.params[row.slice], dtype=np.float64).sum())
        for row in network.parameter_table
        if row.is_weight
    )
    total = T.shape[0] if weights is None else weights.sum()
    return m.loss - 0.5 * network.alpha / total * l2


def outcome_of(subject: Subject) -> float:
    """Return the loss of predictions over that of the best constant answer; NaN if that is unknown."""
    network, weights = subject.network, subject.weights
    T = dense(subject.T)
    best = loss_of_constant(network, T, weights)
    if best is None or not best > 0:
        return np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        losses = network.loss_.value(network.forward(subject.X), T).astype(np.float64)
        return float(np.average(losses, weights=weights)) / best
