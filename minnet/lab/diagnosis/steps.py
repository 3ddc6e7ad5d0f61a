"""What is wrong with the steps of the training: their size and their number."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import Trial
from minnet.optimizers import SGD

_LARGE_STEP = 0.1  # of its size, a weight matrix a step: below it nothing is tried
_SURELY_TOO_LARGE = 5.0  # where nothing can be tried
_UPDATE_LOW = 1e-5
_SANE = 1e-5, 1.0  # learning rates
_DEFAULT_RATE = 0.001
_FIRST_STEPS = 100
_STEPS = 300
_OPERATIONS = 1.5e10  # floating-point
_NOTHING = 0.95  # of the loss of the best constant
_SOMETHING = 0.9
_TRAINS = 0.3
_FEW_WRONG = 0.06
_ALIKE = 0.05
_FAR_BEHIND = {
    True: 4.0,
    False: 10.0,
}  # times the loss at a better rate; by whether there are classes
_LARGE_MOMENTUM = 0.95
_USUAL_MOMENTUM = 0.9


@finding(
    "after 300 steps of training the loss over that of the best constant: 0.95, if a lower rate "
    "comes below 0.9; or 0.3, if a lower rate comes to a tenth of it (a quarter, of classes). It is "
    "tried where a step changes a matrix by 0.1 of its size",
)
def _learning_rate_too_high(case: Case) -> Found | None:
    m, ratios = case.m, _update_ratios(case)
    if ratios is None or case.fitted:
        return None
    # Weights near 0 take any step: a step is large if it is so beside weights of variance 1 / fan_in, too.
    size = m["W", "rms"] * np.sqrt(m.fan_in)
    beside = ratios * np.minimum(size, 1.0)
    row = int(np.nanargmax(beside))
    worst, layer = float(beside[row]), int(m.index[row])
    if not worst > _LARGE_STEP:
        return None
    rate = case.subject.optimizer.learning_rate
    of = "their size" if size[row] >= 1 else "the size that weights usually have"
    sentence = (
        f"At learning rate {rate:g} a step changes the weights of layer {layer} by {worst:.2g} of {of}, "
        "where about 0.001 to 0.01 is usual"
    )
    own = case.trial(_FIRST_STEPS)
    if own is None:
        if worst <= _SURELY_TOO_LARGE:
            return None
        remedies = _rates(case, [rate * 0.01 / worst])
        return Found(layer, worst, _SURELY_TOO_LARGE, f"{sentence}.", remedies)
    if _trains(own):
        return None
    better = _better(case, _lower(case), _FIRST_STEPS, 5e9)
    if not np.isinf(own.outcome):  # a longer training may recover, or other rates fall behind
        better = _better(case, [remedy for remedy, _ in better], _STEPS, _OPERATIONS)
        own = case.trial(_STEPS, operations=_OPERATIONS)
    if not better or own is None:
        return None
    # The highest rate that still trains is near the edge: the next is as good, and safer.
    better = better[min(1, len(better) - 1) :]
    best, trial = better[0]
    became = f"is {own.outcome:.2g} times" if own.outcome < 1e3 else "has grown far beyond"
    sentence += (
        f"; after {own.n_steps} steps the loss {became} that of the best answer that is the same for "
        f"all, where {case.patient.words(best)} comes to {trial.outcome:.2g} times."
    )
    threshold = _NOTHING if own.left >= _NOTHING else _TRAINS
    remedies = [remedy for remedy, _ in better[:2]]
    return Found(layer, own.outcome, threshold, sentence, remedies, by_training=True)


@finding(
    "the step over the size of the matrix: 1e-5 in every layer",
    unless=("dead_units", "exploding_forward", "learning_rate_too_high"),
)
def _learning_rate_too_low(case: Case) -> Found | None:
    ratios = _update_ratios(case)
    if ratios is None or case.learned or case.fitted:  # near a minimum small steps are right
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
        layer, worst, _UPDATE_LOW, sentence, _rates(case, [rate * 0.01 / max(worst, 1e-300)])
    )


# ---- what they share


def _rates(case: Case, about: list[float]) -> list[Remedy]:
    """Return learning rates to try, within what is sane and other than the present one."""
    rates = [float(f"{np.clip(rate, *_SANE):.1g}") for rate in about]
    present = case.subject.optimizer.learning_rate
    return [
        Remedy({"learning_rate_init": rate}) for rate in dict.fromkeys(rates) if rate != present
    ]


def _lower(case: Case) -> list[Remedy]:
    """Return what makes steps smaller: less momentum where that is large, and lower rates."""
    optimizer = case.subject.optimizer
    rate = optimizer.learning_rate
    remedies = []
    if optimizer.constants().get("momentum", 0.0) > _LARGE_MOMENTUM:
        remedies.append(Remedy({"momentum": _USUAL_MOMENTUM}))
    about = [rate / 10, rate / 100, rate / 1000, min(_DEFAULT_RATE, rate / 10)]
    return remedies + _rates(case, about)


def _better(
    case: Case, remedies: list[Remedy], n_steps: int, operations: float
) -> list[tuple[Remedy, Trial]]:
    """Return those with which a training goes far further than as it is, and about as far as the best."""
    own = case.trial(n_steps, operations=operations)
    if own is None or _trains(own):
        return []
    trials = [(remedy, case.trial(n_steps, remedy, operations)) for remedy in remedies]
    better = [(remedy, trial) for remedy, trial in trials if trial and _is_behind(own, trial)]
    least = min((trial.left for _, trial in better), default=0.0)
    return [pair for pair in better if pair[1].left <= least + _ALIKE]


def _trains(trial: Trial) -> bool:
    """Return whether a short training has gone so far that there is no reason for alarm."""
    few_wrong = trial.wrong <= _FEW_WRONG and trial.errors <= _TRAINS
    return few_wrong or (trial.outcome <= _TRAINS and not trial.errors > _TRAINS / 3)


def _is_behind(own: Trial, other: Trial) -> bool:
    """Return whether a training goes nowhere, or far less far than another one."""
    if own.left >= _NOTHING:
        return other.left < _SOMETHING
    return own.left >= _FAR_BEHIND[not np.isnan(own.errors)] * other.left


def _update_ratios(case: Case) -> Array | None:
    """Return each row's step beside its weights, as if momentum went on; None where it is not known."""
    optimizer = case.subject.optimizer
    if optimizer is None or not case.m.layers or not np.isfinite(case.m["update_ratio"]).any():
        return None
    return case.m["update_ratio"] / max(1 - optimizer.constants().get("momentum", 0.0), 1e-3)
