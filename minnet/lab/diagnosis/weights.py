"""Which weights, and which layers, to try instead of those that a network has."""

from __future__ import annotations

from typing import Any

from minnet.activations import Identity
from minnet.estimators.architecture import hidden_layers
from minnet.initializers.mean_field import find_critical_point
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.remedy import Remedy

__all__ = ["weights_to_try"]

_FEWER_LAYERS = 5


def weights_to_try(case: Case) -> list[Remedy]:
    """Return what may mend signals that fade or grow: other weights, then other layers.

    What is there already is left out.
    """
    m, network = case.m, case.network
    layers = [network.layers[int(m.index[row])] for row in range(len(m.layers)) if m.hidden[row]]
    names = {m.activations[row] for row in range(len(m.layers)) if m.hidden[row]}
    rectifiers = sum((layer.activation or Identity()).is_rectifier for layer in layers)
    first = "he_normal" if 2 * rectifiers > len(layers) else "glorot"
    inits = [first]
    if len(names) == 1 and _has_edge(layers[0]):
        inits.append("edge_of_chaos")
    inits += ["orthogonal", "auto"]
    there = getattr(case.estimator, "init", network.init)
    remedies = [Remedy({"init": name}) for name in inits if name != there]
    remedies += [Remedy({"init": name, "bias_init": "auto"}) for name in inits[:1]]
    normalizes = any(layer.normalizes for layer in network.layers)
    remedies.append(Remedy({"batch_norm": not normalizes}))
    if len(hidden_layers(network.layers)) > _FEWER_LAYERS:
        words = f"only {_FEWER_LAYERS} hidden layers"
        remedies.append(Remedy({"hidden_layers": _FEWER_LAYERS}, words))
    return remedies


def _has_edge(layer: Any) -> bool:
    """Return whether an activation has a critical weight variance without biases."""
    try:
        return find_critical_point(layer.activation or Identity(), 0.0) is not None
    except Exception:  # a user's own may be anything
        return False
