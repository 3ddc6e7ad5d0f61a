"""What is wrong with the steps of the training: their size and their number."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy
from minnet.optimizers import SGD

_UPDATE_HIGH = 0.5  # of its size, a weight matrix a step
_UPDATE_LOW = 1e-5
_SANE = 1e-5, 1.0  # learning rates


@finding(
    "the step of a weight matrix over the size of it, or over that of weights of variance 1 / "
    "fan_in if it is less: 0.5, with momentum as if it went on",
)
def _learning_rate_too_high(case: Case) -> Found | None:
    m, ratios = case.m, _update_ratios(case)
    if ratios is None:
        return None
    # Weights near 0 take any step: a step is large if it is so beside weights of variance 1 / fan_in, too.
    size = m["W", "rms"] * np.sqrt(m.fan_in)
    beside = ratios * np.minimum(size, 1.0)
    row = int(np.nanargmax(beside))
    worst, layer = float(beside[row]), int(m.index[row])
    if worst <= _UPDATE_HIGH:
        return None
    rate = case.subject.optimizer.learning_rate
    of = "their size" if size[row] >= 1 else "the size that weights usually have"
    sentence = (
        f"At learning rate {rate:g} a step changes the weights of layer {layer} by {worst:.2g} of {of}, "
        "where about 0.001 to 0.01 is usual."
    )
    return Found(layer, worst, _UPDATE_HIGH, sentence, _rates(case, rate * 0.01 / worst))


@finding(
    "the step over the size of the matrix: 1e-5 in every layer",
    unless=("dead_units", "exploding_forward", "learning_rate_too_high"),
)
def _learning_rate_too_low(case: Case) -> Found | None:
    ratios = _update_ratios(case)
    if ratios is None or case.learned:  # near a minimum small steps are right
        return None
    row = int(np.nanargmax(ratios))
    worst, layer = float(ratios[row]), int(case.m.index[row])
    if worst >= _UPDATE_LOW:
        return None
    optimizer, clip = case.subject.optimizer, case.subject.clip or {}
    rate, norm, limit = (
        optimizer.learning_rate,
        float(np.linalg.norm(case.gradient)),
        clip.get("clip_norm"),
    )
    clipped = type(optimizer) is SGD and limit is not None and norm > limit
    sentence = (
        f"At learning rate {rate:g} no step changes the weights of a layer by more than {worst:.2g} of "
        "their size, where about 0.001 to 0.01 is usual."
    )
    if clipped:
        sentence += f" The gradient has a norm of {norm:.3g}, and {limit:g} are left of it."
        return Found(layer, worst, _UPDATE_LOW, sentence, [Remedy({"clip_norm": None})])
    return Found(
        layer, worst, _UPDATE_LOW, sentence, _rates(case, rate * 0.01 / max(worst, 1e-300))
    )


# ---- what they share


def _rates(case: Case, about: float) -> list[Remedy]:
    """Return learning rates to try."""
    rates = [float(f"{np.clip(about, *_SANE):.1g}")]
    return [Remedy({"learning_rate_init": rate}) for rate in rates]


def _update_ratios(case: Case) -> Array | None:
    """Return each row's step beside its weights, as if momentum went on; None where it is not known."""
    optimizer = case.subject.optimizer
    if optimizer is None or not case.m.layers or not np.isfinite(case.m["update_ratio"]).any():
        return None
    return case.m["update_ratio"] / max(1 - optimizer.constants().get("momentum", 0.0), 1e-3)
