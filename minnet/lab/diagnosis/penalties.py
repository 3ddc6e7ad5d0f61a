"""What holds the weights down: too much L2 or weight decay, and clipping that leaves nothing of a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.inputs import scaled_inputs, unusual_scale
from minnet.lab.diagnosis.planned import (
    Plan,
    compared,
    falls_short,
    goes_further,
    planned_training,
)
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import Trial

_ALPHA = 1e-4  # that of the estimators
_L2 = 0.003  # its share of a weight that a step of gradient descent at rate 1 takes away
_DECAY = 0.5  # of a weight, over the training
_LEFT_BY_CLIPPING = 0.1
_STEPS = 300  # of a training that is set to be shorter
_NO_BETTER = 0.95  # times the loss of the best constant


@finding(
    "``alpha`` over the sum of the sample weights: 0.003, where the training as it is set learns less "
    "than half of what can be explained, and goes further with the default",
)
def _too_much_l2(case: Case) -> Found | None:
    weights, alpha = case.subject.weights, case.network.alpha
    total = case.patient.n_rows * (1.0 if weights is None else float(weights.mean()))
    if case.fitted or case.learned or not case.m.layers or not alpha / total > _L2:
        return None
    of_data, of_penalty = _gradients(case, alpha / total)
    strength = case.patient.words(Remedy({"alpha": float(alpha)}))
    sentence = (
        f"{strength} holds the weights down: the gradient of the L2 term is {of_penalty:.2g} in "
        f"size, that of the data {of_data:.2g}."
    )
    usual = 0.0 if case.patient.of_torch else _ALPHA
    return _without(case, alpha / total, _L2, sentence, Remedy({"alpha": usual}))


@finding(
    "decoupled weight decay: the share of a weight that it takes away over the training: 0.5, where the "
    "training as it is set learns less than half of what can be explained, and goes further without",
)
def _too_much_weight_decay(case: Case) -> Found | None:
    optimizer, model, plan = case.subject.optimizer, case.estimator, Plan.of(case)
    if case.fitted or case.learned or optimizer is None:
        return None
    decay = optimizer.decoupled_weight_decay + (0.0 if model is None else model.weight_decay)
    rate, n_steps = optimizer.learning_rate, 300 if plan is None else plan.n_steps
    taken = -np.expm1(-min(rate * decay, 1.0) * n_steps)
    if not taken > _DECAY:
        return None
    sentence = (
        f"weight_decay={decay:g} holds the weights down: each step takes {rate * decay:.2g} of them away, "
        f"and there are {n_steps} steps."
    )
    return _without(case, float(taken), _DECAY, sentence, Remedy({"weight_decay": 0.0}))


@finding(
    "the size of the first step over that without clipping: 0.1, where the training as it is set learns "
    "less than half of what can be explained, and goes further without",
)
def _clipped(case: Case) -> Found | None:
    clip = {name: value for name, value in (case.subject.clip or {}).items() if value is not None}
    if case.fitted or case.learned or case.subject.optimizer is None or not clip:
        return None
    whole = float(np.linalg.norm(case.step(clipped=False)))
    left = float(np.linalg.norm(case.step())) / max(whole, 1e-300)
    if not left < _LEFT_BY_CLIPPING:
        return None
    norm, said = np.linalg.norm(case.gradient), ", ".join(f"{n}={v:g}" for n, v in clip.items())
    sentence = (
        f"The gradient has a norm of {norm:.2g}, and {said} leaves {left:.2g} of the first step."
    )
    return _without(case, left, _LEFT_BY_CLIPPING, sentence, Remedy(dict.fromkeys(clip)))


# ---- what they share


def _without(
    case: Case, figure: float, threshold: float, sentence: str, remedy: Remedy
) -> Found | None:
    """Return what was found, if a training falls short and goes further with the remedy."""
    own = planned_training(case)
    if own is None or not falls_short(case, own):
        return None
    if own.outcome < _NO_BETTER:
        sentence += (
            f" The training ends at {own.outcome:.2g} times the loss of the best constant answer."
        )
    else:
        sentence += " The training ends no better than the best constant answer."
    for train in (planned_training, _short_training):  # it may be too short, besides
        helps = _what_helps(case, remedy, train)
        if helps is not None:
            best, also, own, other = helps
            advice = compared(case, best, own, other)
            return Found(None, figure, threshold, sentence + also, [best], advice, tried=True)
    return None


def _short_training(case: Case, remedy: Remedy | None = None) -> Trial | None:
    return case.trial(_STEPS, remedy)


def _what_helps(
    case: Case, remedy: Remedy, train: Callable[..., Trial | None]
) -> tuple[Remedy, str, Trial, Trial] | None:
    """Return what goes further, what else is to be said, and the trainings without it and with it.

    What holds the weights down hides what inputs of an unusual scale do: then both have to be mended.
    """
    own, other = train(case), train(case, remedy)
    if own is None or other is None:
        return None
    alone = goes_further(own, other)
    scale = None if case.estimator is None or case.encodes else unusual_scale(case.X)
    if scale is not None:
        with_one = other if alone else train(case, scaled_inputs(case))
        both = scaled_inputs(case, **remedy.changes)
        with_both = train(case, both)
        if with_one is not None and with_both is not None and goes_further(with_one, with_both):
            return both, f" {scale.sentence}", own, with_both
    return (remedy, "", own, other) if alone else None


def _gradients(case: Case, strength: float) -> tuple[float, float]:
    """Return the sizes of the gradients by the weights: of the data's loss and of the L2 term."""
    network = case.network
    rows = [row for row in network.parameter_table if row.is_weight]
    whole = np.concatenate([case.gradient[row.slice] for row in rows]).astype(np.float64)
    penalty = np.concatenate([network.params[row.slice] for row in rows]).astype(np.float64)
    penalty *= strength
    return float(np.linalg.norm(whole - penalty)), float(np.linalg.norm(penalty))
