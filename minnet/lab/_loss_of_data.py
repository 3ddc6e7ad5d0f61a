"""The loss of a measurement."""

import numpy as np

from minnet.lab.measurement import Measurement
from minnet.lab.subject import Subject

__all__ = ["loss_of_data"]


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
