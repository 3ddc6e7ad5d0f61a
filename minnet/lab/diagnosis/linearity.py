"""What is wrong with a network that is linear."""

from __future__ import annotations

import numpy as np

from minnet.activations import Activation, Identity
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy
from minnet.links import dense


@finding(
    "layers with weights in a row, where no layer of the network has a nonlinear activation: 1 (not if "
    "the targets are the inputs)"
)
def _linear_network(case: Case) -> Found | None:
    layers = case.network.layers
    for layer in layers:
        if layer.only_in_training or layer.opens_skip or layer.closes_skip:
            continue
        known = layer.fully_connected or layer.normalizes
        if not known or not _is_linear(layer.activation or Identity()):
            return None
    full = [i for i, layer in enumerate(layers) if layer.fully_connected]
    if len(full) < 2 or _is_autoencoder(case):
        return None
    sentence = (
        f"The network is linear: without an activation its {len(full)} layers compute what one could, "
        "which may be meant."
    )
    return Found(full[0], float(len(full)), 1.0, sentence, [Remedy({"activation": "relu"})])


# ---- what they share


def _is_linear(f: Activation) -> bool:
    """Return whether an activation is a straight line, whatever it is called."""
    if isinstance(f, Identity):
        return True
    Z = np.linspace(-8.0, 8.0, 33)
    try:
        Y = np.asarray(f(Z.copy()), dtype=np.float64)
    except Exception:  # a user's own may want another shape
        return False
    return bool(np.abs(np.diff(Y, 2)).max() <= 1e-9 * np.abs(Y).max())


def _is_autoencoder(case: Case) -> bool:
    """Return whether the targets are the inputs, up to the unit of each column."""
    X, T = dense(case.X), dense(case.subject.T)
    if X.shape != T.shape:
        return False
    X, T = (A - A.mean(axis=0) for A in (X.astype(np.float64), T.astype(np.float64)))
    products = (X * T).sum(axis=0)
    sizes = np.sqrt(np.square(X).sum(axis=0) * np.square(T).sum(axis=0))
    return bool((products >= 0.999 * sizes).all())
