"""What is wrong with the targets, or with the answers that a network starts with."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy
from minnet.links import dense
from minnet.training.constant_answer import loss_of_answer

# Losses of numbers, times that of the best constant.
_OF_ZEROS = 5.0
_OF_OUTPUTS = 10.0  # those of weights drawn at random stray
_LARGE_TARGET = 10.0  # standard deviation

_SCALED = Remedy({"scale_targets": True})
_PRIOR = Remedy({"bias_init": "output_prior"})


@finding(
    "for numbers: the sd of the targets: 10 (not with the Poisson loss); or the loss over "
    "that of the best constant: 5, if answers of 0 have such a loss",
    unless=("exploding_forward",),
)
def _unscaled_targets(case: Case) -> Found | None:
    loss, best = case.network.loss_, case.best
    if not case.m.layers or _of_classes(loss):
        return None
    last, T = int(case.m.index[-1]), dense(case.subject.T).astype(np.float64)
    if loss.output == "identity" and (sd := float(np.sqrt(T.var(axis=0).sum()))) > _LARGE_TARGET:
        sentence = (
            f"The targets have a standard deviation of {sd:.3g}, where new networks answer with 1."
        )
        return Found(last, sd, _LARGE_TARGET, sentence, [_SCALED])
    if best is None or not best > 0 or case.loss <= _OF_ZEROS * best:
        return None
    of_zeros = loss_of_answer(loss, 0.0, T, case.subject.weights)
    if of_zeros <= _OF_ZEROS * best:
        return None
    sentence = (
        f"{_beside_best(case.loss, best)}, and answers of 0, where new networks start, have "
        f"{of_zeros:.3g}."
    )
    remedies = [_SCALED, _PRIOR] if loss.output == "identity" else [_PRIOR]
    return Found(last, case.loss, _OF_ZEROS * best, sentence, remedies)


@finding(
    "for classes: the loss, which should be the entropy of the class prior; over c + max(c, "
    "1), where c is the loss of logits that are all 0. For numbers: the loss over that of the "
    "best constant: 10, otherwise",
    unless=("unscaled_targets",),
)
def _initial_loss_too_high(case: Case) -> Found | None:
    loss, best = case.loss, case.best
    if not case.m.layers or best is None or not best > 0:
        return None
    last = int(case.m.index[-1])
    remedies = [
        _PRIOR,
        Remedy({"init": "auto"}),
        Remedy({"init": "auto", "bias_init": "auto"}),
        Remedy({"init": "auto", "bias_init": "output_prior"}),
    ]
    if not _of_classes(case.network.loss_):
        if loss <= _OF_OUTPUTS * best:
            return None
        sentence = f"{_beside_best(loss, best)}: the outputs are far from the targets."
        return Found(last, loss, _OF_OUTPUTS * best, sentence, remedies)
    # Beside the loss of logits that are all 0, where a good start is: it is above the entropy if the
    # classes are of uneven frequency.
    k = case.network.sizes[-1]
    targets, weights = dense(case.subject.T), case.subject.weights
    chance = loss_of_answer(case.network.loss_, np.zeros(k), targets, weights)
    threshold = float(chance + max(chance, 1.0))
    if loss <= threshold:
        return None
    sentence = (
        f"The loss is {loss:.3g}, where always answering with the frequencies of the classes has "
        f"{best:.3g}: the network is sure, and wrong."
    )
    return Found(last, loss, threshold, sentence, remedies)


def _of_classes(loss: Any) -> bool:
    return loss.output in ("softmax", "logistic")


def _beside_best(loss: float, best: float) -> str:
    return f"The loss is {loss:.3g}, where the best answer that is the same for all has {best:.3g}"
