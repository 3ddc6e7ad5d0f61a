"""What is wrong with a network that is linear, or nearly so."""

from __future__ import annotations

from minnet.activations import Identity
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy


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
