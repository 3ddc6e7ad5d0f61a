"""The learning rate beside the curvature: above the limit of stability steps of gradient descent grow."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minnet.lab.sharpness import sharpness_of, stability_limit

__all__ = ["Stability", "stability_of"]

_MOST_ROWS = 3000
_TOL = 0.01
_MOST_PRODUCTS = 30


@dataclass(frozen=True)
class Stability:
    """The largest eigenvalue of the Hessian at the start, and the learning rates that go with it.

    Attributes
    ----------
    sharpness : float
        Of the batch, or of some of its rows.
    highest_rate : float
        At which steps do not grow along the steepest direction.
    share : float
        The learning rate over it. Networks train a little above 1 all the same, as the steps carry them to
        where it is flatter: up to some 2 for smooth activations and 6 for rectifiers (Lewkowycz, Bahri,
        Dyer, Sohl-Dickstein and Gur-Ari 2020).
    closes : float
        The share of the distance along the steepest direction that a step closes.
    momentum : float
    """

    sharpness: float
    highest_rate: float
    share: float
    closes: float

    momentum: float

    def in_words(self) -> str:
        """Return where the limit comes from, as half a sentence."""
        top, rate = f"{self.sharpness:.2g}", f"{self.highest_rate:.2g}"
        limit = f"{self.sharpness * self.highest_rate:.3g}"
        by = f", with momentum {self.momentum:g}" if self.momentum else ""
        return (
            f"the largest eigenvalue of the Hessian is {top}, so that steps grow along its eigenvector at "
            f"rates above {limit} / {top} = {rate}{by}"
        )


def stability_of(subject: Any, most_rows: int = _MOST_ROWS) -> Stability | None:
    """Return it for gradient descent, with or without momentum; None for other optimizers.

    Of a few rows the largest eigenvalue is too large rather than too small: one row counts for more. Adam
    divides by past gradients, of which there are none at the start; clipping has a stability of its own.
    """
    optimizer, clip = subject.optimizer, subject.clip or {}
    if optimizer is None or optimizer.compiled != "sgd" or not optimizer.learning_rate > 0:
        return None
    if any(value is not None for value in clip.values()) or subject.T is None:
        return None
    n = subject.X.shape[0]
    if n > most_rows:
        rows = np.linspace(0, n - 1, most_rows).round().astype(int)
        weights = None if subject.weights is None else subject.weights[rows]
        subject = replace(subject, X=subject.X[rows], T=subject.T[rows], weights=weights)
        if weights is not None and not weights.any():
            return None
    zeros = np.zeros_like(subject.network.params)
    with np.errstate(all="ignore"):
        sharpness = sharpness_of(subject, zeros, _TOL, _MOST_PRODUCTS)
    if not (math.isfinite(sharpness) and sharpness > 0):
        return None
    rate = optimizer.learning_rate
    share = sharpness / stability_limit(optimizer)
    momentum = optimizer.constants().get("momentum", 0.0)
    closes = rate * sharpness / max(1 - momentum, 1e-3)
    return Stability(sharpness, rate / share, share, closes, momentum)
