"""Which weights to draw instead of those that a network has."""

from typing import Any

import numpy as np

from minnet.activations import Identity
from minnet.initializers.mean_field import find_critical_point
from minnet.lab.measurement import Measurement
from minnet.network import Network

__all__ = ["other_weights"]

_CLEARLY = 1.5  # times the variance advised
_FIRST = 3.0  # of the first layer, which sees data and no activation: "auto" has Glorot's law there


def other_weights(m: Measurement, network: Network, larger: bool) -> str | None:
    """Return what to do about weights that are too small or too large, as the start of a sentence.

    Nothing is advised that is there already: where the weights have the variance that He or Glorot and
    Bengio give them, the edge of chaos of the activation is tried, where it has one.

    Parameters
    ----------
    m : Measurement
    network : Network
    larger : bool
        Whether larger weights would help; smaller ones otherwise.

    Returns
    -------
    str or None
        Such as 'Draw larger weights: init="he_normal"'; None if other weights do not help.
    """
    rows = np.flatnonzero(m.hidden)
    names = {m.activations[row] for row in rows}
    layers = [network.layers[int(m.index[row])] for row in rows]
    rectifiers = sum((layer.activation or Identity()).is_rectifier for layer in layers)
    fan_in, fan_out = m.fan_in[rows], m.fan_out[rows]
    if 2 * rectifiers > len(rows):
        advised = {"he_normal": 2.0 / fan_in}
    else:
        advised = {"glorot": 2.0 / (fan_in + fan_out)}
    if len(names) == 1:
        edge = _edge(layers[0])
        if edge is not None:
            advised["edge_of_chaos"] = edge / fan_in
    limits = np.where(rows == 0, _FIRST, _CLEARLY)
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, variance in advised.items():
            ratio = variance / np.square(m["W", "rms"][rows])
            # A row of a BatchNorm has no weights: NaN, which is no cause.
            if (ratio > limits if larger else ratio < 1 / limits).any():
                return f'Draw {"larger" if larger else "smaller"} weights: init="{name}"'
    return None


def _edge(layer: Any) -> float | None:
    """Return the critical weight variance without biases, or None."""
    try:
        found = find_critical_point(layer.activation or Identity(), 0.0)
    except Exception:  # a user's own may be anything
        return None
    return None if found is None else found[0]
