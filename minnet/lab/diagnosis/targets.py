"""What is wrong with the targets, or with the answers that a network starts with."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.activations import Identity
from minnet.common.types import Array
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.inputs import Scale, are_beyond_squares
from minnet.lab.diagnosis.outlying_targets import outlying
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.wording import as_advice, in_words
from minnet.links import dense
from minnet.training.constant_answer import loss_of_answer

_OUT_OF_REACH = 0.1  # of the best constant's loss
_SOME_ROWS = 20
_CUT_OFF = 0.5  # of the rows of a class, by a rectifier
_WORSE = 1.2  # times the loss without it

# Losses of numbers, times that of the best constant.
_OF_ZEROS = 5.0
_OF_OUTPUTS = 10.0  # those of weights drawn at random stray
_FAR_OFF = 100.0

# Standard deviations of targets, and of outputs beside each other; means in standard deviations.
_LARGE_TARGET, _SMALL_TARGET, _UNLIKE, _OFFSET = 10.0, 0.1, 10.0, 2.0
_FAR_TOO_LARGE, _FAR_TOO_SMALL, _FAR_OFFSET = 1e3, 1e-3, 30.0

_SCALED = Remedy({"scale_targets": True})
_PRIOR = Remedy({"bias_init": "output_prior"})
_LINEAR = Remedy({"output_activation": "identity"}, "a last layer without an activation")

_NO_SOFTMAX = Remedy(
    {"output_activation": "identity"},
    "without the softmax of the last layer, which the loss has itself",
)


@finding(
    "the least loss of what the last layer's activation lets through, over that of the best constant: "
    "0.1; or the share of the rows of a class that its own output, cut off by a rectifier, does not learn "
    "from after the first steps: 0.5, if they are worse than without it"
)
def _output_range(case: Case) -> Found | None:
    i, activation = _of_output(case)
    best, twice = case.best, _are_shares(case)
    if best is None or not best > 0 or (activation is None and not twice):
        return None
    low, high = (0.0, 1.0) if twice else _range_of(activation)
    if not (np.isfinite(low) or np.isfinite(high)):
        return None
    loss, T = case.network.loss_, dense(case.subject.T)
    answers = np.clip(_best_logits(loss.output, T, case.network.sizes[-1]), low, high)
    share = loss_of_answers(loss, answers, T, case.subject.weights) / best
    if not share > _OUT_OF_REACH:
        return None if twice else _cut_off(case, i, activation, low)
    bounds = " and ".join(
        f"{word} {bound:.3g}"
        for word, bound in (("at least", low), ("at most", high))
        if np.isfinite(bound)
    )
    name = "softmax" if twice else type(activation).__name__.lower()
    if _of_classes(loss):
        why = f"before the {_link(loss)} of the loss, so that no class can be sure"
    else:
        why = f"and the targets go from {T.min():.3g} to {T.max():.3g}"
    sentence = (
        f"The outputs are {bounds}, by the {name} of the last layer, {why}: no weights have less than "
        f"{share:.2g} times the loss of the best answer that is the same for all."
    )
    advice = "Leave out the softmax of the last layer, which the loss has itself." if twice else ""
    return Found(i, share, _OUT_OF_REACH, sentence, [_NO_SOFTMAX if twice else _LINEAR], advice)


@finding(
    "for numbers: the sd of the targets: over 10, below 0.1; of one output over another's: 10; or their "
    "mean in standard deviations: 2 (with a Poisson loss: the loss over that of the best constant: 5, if "
    "answers of 0 have such a loss). Each where first steps are worse than with scaled targets",
    unless=("exploding_forward", "targets_alike", "outlying_targets"),
)
def _unscaled_targets(case: Case) -> Found | None:
    loss = case.network.loss_
    if not case.m.layers or _of_classes(loss) or case.failed:
        return None
    if loss.output == "identity":
        scale, remedies = _unusual_scale(case), [_SCALED, _PRIOR]
    else:
        scale, remedies = _far_from_zero(case), [_PRIOR]
    if scale is None or not case.first_steps.better_with(
        remedies[:1], scale.far, of_worst_output=loss.output == "identity"
    ):
        return None
    last = int(case.m.index[-1])
    advice = ""
    if are_beyond_squares(case.subject.T):
        advice = f"Divide y by {scale.figure:.0e}, that is give it in other units."
    return Found(last, scale.figure, scale.threshold, scale.sentence, remedies, advice)


@finding(
    "for classes: the loss, which should be the entropy of the class prior; over c + max(c, "
    "1), where c is the loss of logits that are all 0. For numbers: the loss over that of the "
    "best constant: 10, otherwise. Each where first steps do not mend it",
    unless=(
        "not_finite", "targets_alike", "outliers", "unscaled_inputs", "exploding_forward",
        "output_range", "unscaled_targets",
    ),
)  # fmt: skip
def _initial_loss_too_high(case: Case) -> Found | None:
    best = case.best
    if not case.m.layers or best is None or not best > 0:
        return None
    of_classes = _of_classes(case.network.loss_)
    if of_classes:
        # Beside the loss of logits that are all 0, where a good start is: it is above the entropy if
        # the classes are of uneven frequency.
        k = case.network.sizes[-1]
        targets, weights = dense(case.subject.T), case.subject.weights
        chance = loss_of_answer(case.network.loss_, np.zeros(k), targets, weights)
        threshold = float(chance + max(chance, 1.0))
    else:
        threshold = _OF_OUTPUTS * best
    if not case.loss > threshold:
        return None
    # Dropout multiplies in a pass of training what is left: no fault of the weights.
    loss = min(case.loss, case.outcome * best)
    if not loss > threshold:
        return None
    remedies = [
        _PRIOR,
        Remedy({"bias_init": "zeros"}),
        Remedy({"init": "auto"}),
        Remedy({"init": "auto", "bias_init": "auto"}),
        Remedy({"init": "auto", "bias_init": "output_prior"}),
    ]
    if not case.first_steps.better_with(remedies[-2:], far=loss > _FAR_OFF * threshold, anew=False):
        return None
    if of_classes:
        sentence = (
            f"The loss is {loss:.3g}, where always answering with the frequencies of the classes has "
            f"{best:.3g}: the network is sure, and wrong."
        )
    else:
        sentence = f"{_beside_best(loss, best)}: the outputs are far from the targets."
    return Found(int(case.m.index[-1]), loss, threshold, sentence, remedies)


# ---- the range of the outputs


def _of_output(case: Case) -> tuple[int, Any]:
    """Return the last layer that predicts, and its activation if it has one that is not linear."""
    layers = case.network.layers
    i = max(i for i, layer in enumerate(layers) if not layer.only_in_training)
    activation = getattr(layers[i], "activation", None)
    return i, None if isinstance(activation, Identity) else activation


def _cut_off(case: Case, i: int, activation: Any, low: float) -> Found | None:
    """Return a finding if the output of a class stays where a rectifier has no slope."""
    steps, T = case.first_steps, case.subject.T
    trained = case.network if case.fitted else steps.trained()
    if case.network.loss_.output != "softmax" or trained is None:
        return None
    at_it = trained.forward(case.X) == low
    shares = [at_it[k == T, k].mean() if (k == T).any() else 0 for k in range(at_it.shape[1])]
    worst = int(np.argmax(shares))
    if not shares[worst] > _CUT_OFF:
        return None
    before, after = steps.loss(Remedy({})), steps.loss(_LINEAR)
    if not before > _WORSE * after:
        return None
    when = "" if case.fitted else f"after {steps.n_steps} steps of training "
    sentence = (
        f"The {type(activation).__name__.lower()} of the last layer cuts off what is below {low:.3g}, and "
        f"has no slope there: {when}the output of class {worst} is cut off on {shares[worst]:.0%} of its "
        "rows, from which it then does not learn."
    )
    advice = (
        f"{as_advice(case.patient.words(_LINEAR))}: after {steps.n_steps} steps the loss of other rows is "
        f"{after:.2g} times that of the best constant answer, and {in_words(before)} with it."
    )
    return Found(i, float(shares[worst]), _CUT_OFF, sentence, [_LINEAR], advice, tried=True)


def _are_shares(case: Case) -> bool:
    """Return whether what goes into the loss's softmax has been through one already."""
    if case.network.loss_.output != "softmax":
        return False
    Z = case.network.forward(case.X[:_SOME_ROWS])
    return bool((Z >= 0).all() and np.allclose(Z.sum(axis=1), 1.0, atol=1e-5))


def _range_of(activation: Any) -> tuple[float, float]:
    """Return the least and the largest value of an activation, as far as can be seen."""
    far = 1e6
    Z = np.concatenate([[-far, -1e3], np.linspace(-50, 50, 2001), [1e3, far]]).reshape(-1, 1)
    try:
        with np.errstate(all="ignore"):
            Y = np.asarray(activation(Z), dtype=np.float64)
    except Exception:  # a user's own may be anything
        return -np.inf, np.inf
    low, high = float(np.nanmin(Y)), float(np.nanmax(Y))
    return (-np.inf if low < -1e3 else low), (np.inf if high > 1e3 else high)


def _best_logits(output: str, T: Array, n_outputs: int) -> Array:
    """Return the outputs with the least loss, were there no bounds."""
    sure = 30.0
    if output == "softmax":
        return np.where(np.eye(n_outputs, dtype=bool)[T], sure, -sure)
    T = T.astype(np.float64)
    if output == "identity":
        return T
    with np.errstate(divide="ignore"):
        logits = np.log(T) - (np.log(1 - T) if output == "logistic" else 0.0)
    return np.clip(logits, -sure, sure)


def loss_of_answers(loss: Any, Z: Array, T: Array, weights: Array | None) -> float:
    """Return the mean loss of answers, of logits."""
    return float(np.average(loss.value(Z, T), weights=weights))


def _link(loss: Any) -> str:
    return "softmax" if loss.output == "softmax" else "sigmoid"


# ---- the scale of the targets


def _unusual_scale(case: Case) -> Scale | None:
    """Return what is unusual of the scale of targets that are numbers of any size."""
    T = dense(case.subject.T).astype(np.float64)
    most = ~outlying(T)[0]  # the others may have nearly all of the variance
    unit = (
        float(np.abs(T, where=most, out=np.zeros_like(T)).max()) or 1.0
    )  # no square overflows, or is 0
    T = np.divide(T, unit, where=most, out=np.zeros_like(T))
    mean, sd = unit * T.mean(axis=0, where=most), unit * T.std(axis=0, where=most)
    varying = np.flatnonzero(sd > 1e-14 * np.abs(mean))
    if not varying.size:
        return None
    largest, least = (int(varying[f(sd[varying])]) for f in (np.argmax, np.argmin))
    has, new = "a standard deviation of", "where new networks answer with about 1."
    if sd[largest] > _LARGE_TARGET:
        what = f"{_targets(T, largest)} {has} {sd[largest]:.3g}, {new}"
        return Scale(float(sd[largest]), _LARGE_TARGET, what, sd[largest] > _FAR_TOO_LARGE)
    if sd[largest] > _UNLIKE * sd[least]:
        ratio = float(sd[largest] / sd[least])
        sentence = (
            f"The targets of output {largest} have {has} {sd[largest]:.3g}, those of output {least} one "
            f"of {sd[least]:.3g}: the loss hardly sees the latter."
        )
        return Scale(ratio, _UNLIKE, sentence, ratio > _FAR_TOO_LARGE)
    if sd[least] < _SMALL_TARGET:
        what = f"{_targets(T, least)} {has} {sd[least]:.3g}, {new}"
        return Scale(float(sd[least]), _SMALL_TARGET, what, sd[least] < _FAR_TOO_SMALL)
    begins = np.asarray(getattr(case.network.layers[-1], "b", 0.0), dtype=np.float64)
    offsets = np.where(sd > 0, np.abs(mean - begins) / np.where(sd > 0, sd, 1), 0)
    off = int(varying[offsets[varying].argmax()])
    if offsets[off] > _OFFSET:
        sentence = (
            f"{_targets(T, off)} a mean of {mean[off]:.3g} and {has} {sd[off]:.3g}, and answers begin "
            f"around {np.broadcast_to(begins, sd.shape)[off]:.3g}."
        )
        return Scale(float(offsets[off]), _OFFSET, sentence, offsets[off] > _FAR_OFFSET)
    return None


def _targets(T: Array, output: int) -> str:
    return "The targets have" if T.shape[1] == 1 else f"The targets of output {output} have"


def _far_from_zero(case: Case) -> Scale | None:
    """Return how much worse the loss is than it could be, if answers of 0 are as bad."""
    loss, best = case.network.loss_, case.best
    if best is None or not best > 0 or case.loss <= _OF_ZEROS * best:
        return None
    T = dense(case.subject.T).astype(np.float64)
    of_zeros = loss_of_answer(loss, 0.0, T, case.subject.weights)
    if of_zeros <= _OF_ZEROS * best:
        return None
    sentence = (
        f"{_beside_best(case.loss, best)}, and answers of 0, where new networks start, have "
        f"{of_zeros:.3g}."
    )
    return Scale(case.loss, _OF_ZEROS * best, sentence, case.loss > _FAR_OFF * best)


# ---- what they share


def _of_classes(loss: Any) -> bool:
    return loss.output in ("softmax", "logistic")


def _beside_best(loss: float, best: float) -> str:
    return f"The loss is {loss:.3g}, where the best answer that is the same for all has {best:.3g}"
