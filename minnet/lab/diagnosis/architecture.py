"""What is wrong with the layers themselves: which there are, and which of them learn."""

from __future__ import annotations

from minnet.activations import Identity
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy


@finding("layers with parameters of which none is trained: all")
def _frozen(case: Case) -> Found | None:
    rows = case.network.parameter_table
    layers = case.network.layers
    learning = [row for row in rows if layers[row.layer].trainable and row.lr_factor > 0]
    if learning or not rows:
        return None
    n = len({row.layer for row in rows})
    sentence = (
        f"None of the {n} layers with weights is trained: each has trainable=False or lr_factor=0."
    )
    return Found(rows[0].layer, float(n), float(n), sentence, [Remedy({"trainable": True})])


@finding(
    "layers with weights in a row, where no layer of the network has a nonlinear activation: 1"
)
def _linear_network(case: Case) -> Found | None:
    layers = case.network.layers
    for layer in layers:
        if layer.only_in_training:
            continue
        known = layer.fully_connected or layer.normalizes
        if not known or not isinstance(layer.activation, Identity):
            return None
    dense = [i for i, layer in enumerate(layers) if layer.fully_connected]
    if len(dense) < 2:
        return None
    sentence = (
        f"The network is linear: without an activation its {len(dense)} layers compute what one could, "
        "which may be meant."
    )
    return Found(dense[0], float(len(dense)), 1.0, sentence, [Remedy({"activation": "relu"})])
