"""What is wrong with the layers themselves: which of them learn."""

from __future__ import annotations

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
