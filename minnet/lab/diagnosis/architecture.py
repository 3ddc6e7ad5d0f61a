"""What is wrong with the layers themselves: which of them learn, and what is dropped or normalized."""

from __future__ import annotations

import math

import numpy as np
from sklearn.base import is_classifier

from minnet.estimators.architecture import hidden_sizes
from minnet.estimators.solvers import batch_size_of
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy, by_batch
from minnet.lab.diagnosis.trial import Trial
from minnet.lab.diagnosis.weights import orthogonal_weights
from minnet.lab.diagnosis.wording import as_advice
from minnet.layers import Dropout

_SLOW = 1e-3  # times the learning rate
_DROPPED = 3.4  # variance that dropout adds, in units of what passes: one of 0.78, three of 0.54
_SURELY_DROPPED = 15.0  # where nothing can be tried
_GROWS = 5.0  # by which gradients grow through normalized layers
_SURELY_GROWS = 200.0
_FEW_ROWS = 16  # of a batch
_STEPS = 300
_MORE_STEPS = 1000
_LEARNED = 0.6  # times the loss of the best constant: it trains well enough
_SHARE = 0.25  # of what is learned without
_HALF = 0.5
_NOTHING = 0.95
_LEFT = 0.2, 3.0  # not learned by batches of few rows, and times what is left without
_FEWER = 5  # hidden layers
_USUAL_WIDTH = 100  # that of the estimators
_ENOUGH = 0.05  # is learned without, of the loss of the best constant


@finding(
    "layers with weights of which none is trained at a rate of 0.001 of the learning rate or more: all; "
    "or some, if a short training learns twice as much with all of them"
)
def _frozen(case: Case) -> Found | None:
    network = case.network
    rows = [row for row in network.parameter_table if row.is_weight]
    learning = {row.layer for row in rows if row.trainable and row.lr_factor >= _SLOW}
    frozen = sorted({row.layer for row in rows} - learning)
    if not frozen:
        return None
    remedy, n = Remedy({"trainable": True}), len(frozen) + len(learning)
    why = "trainable=False or an lr_factor near 0"
    if case.patient.of_torch:
        why = "requires_grad=False or a learning rate near 0"
    if not learning:
        sentence = f"None of the {n} layers with weights is trained: each has {why}."
        return Found(frozen[0], float(n), float(n), sentence, [remedy])
    own = case.trial(_MORE_STEPS)
    if own is None or own.left < _HALF:  # random features may do
        return None
    compared = _learns_less(case, remedy, _HALF, _MORE_STEPS)
    if compared is None:
        return None
    sentence = (
        f"Of the {n} layers with weights {len(frozen)} are not trained, with {why}, from layer "
        f"{frozen[0]} on: {compared}."
    )
    advice = f"{as_advice(case.patient.words(remedy))}."
    figures = frozen[0], float(len(frozen)), float(n)
    return Found(*figures, sentence, [remedy], advice, tried=True)


@finding(
    "sum of rate / (1 - rate) over the layers with dropout: 3.4, if a short training learns less than a "
    "quarter of what it does without",
    unless=("frozen",),
)
def _too_much_dropout(case: Case) -> Found | None:
    rates = [layer.rate for layer in case.network.layers if isinstance(layer, Dropout)]
    dropped = sum(rate / (1 - rate) for rate in rates)
    if not dropped > _DROPPED or (case.fitted and case.learned):
        return None
    compared = _learns_less(case, Remedy({"dropout": 0.0}))
    if compared is None and (dropped <= _SURELY_DROPPED or _can_be_tried(case)):
        return None
    n, worst = len(rates), max(rates)
    sentence = (
        f"Dropout of {worst:g} in {_layers(n)} leaves {1 - worst:.2g} of the units, and noise "
        f"{math.sqrt(dropped):.2g} times as large as what passes"
        f"{'' if compared is None else f': {compared}'}."
    )
    usual = [rate for rate in (0.2, 0.5) if rate < worst]
    remedies = [Remedy({"dropout": rate}) for rate in (*usual, 0.0)]
    layer = next(i for i, a in enumerate(case.network.layers) if isinstance(a, Dropout))
    tried = compared is not None
    return Found(layer, dropped, _DROPPED, sentence, remedies, by_training=tried)


@finding(
    "with batch normalization: the sd of dC/ds in the first hidden layer over the last: 5; or rows of a "
    "batch: fewer than 16; if a short training learns less than a quarter of what it does without. "
    "Batches of 1 row",
    unless=("frozen", "too_much_dropout"),
)
def _batch_norm_harms(case: Case) -> Found | None:
    layers = case.network.layers
    normalizing = [i for i, layer in enumerate(layers) if by_batch(layer) and layer.trainable]
    rows, learned = _rows_of_a_batch(case), case.fitted and case.learned
    if not normalizing or (learned and not (rows is not None and 1 < rows < _FEW_ROWS)):
        return None
    first, without = normalizing[0], Remedy({"batch_norm": False})
    if rows == 1:
        sentence = "A batch of 1 row has no variance: batch normalization cannot be trained on it."
        return Found(first, 1.0, 1.0, sentence, [without])
    if rows is not None and rows < _FEW_ROWS:
        compared = _leaves_more(case, without, _STEPS * (_FEW_ROWS // rows))
        if compared is not None:
            sentence = (
                f"Batch normalization takes mean and variance from {rows} rows, which is noise: "
            )
            return Found(first, rows, _FEW_ROWS, f"{sentence}{compared}.", [without])
    if learned:
        return None
    rms = case.m["dZ", "rms"][np.flatnonzero(case.m.hidden)]
    grows = float(rms[0] / rms[-1]) if len(rms) > 1 and rms[-1] > 0 else 1.0
    if not grows > _GROWS:
        return None
    orthogonal = Remedy({"batch_norm": False, "init": orthogonal_weights(case)})
    compared = _learns_less(case, without) or _learns_less(case, orthogonal)
    remedies = [without, Remedy({"batch_norm": False, "init": "auto"})]
    if grows > _SURELY_GROWS and len(normalizing) > _FEWER:
        fewer = Remedy({"hidden_layers": _FEWER}, f"only {_FEWER} hidden layers")
        remedies.append(fewer)
        own = case.trial(_STEPS)
        if compared is None and own is not None and own.outcome >= _NOTHING:
            compared = _learns_less(case, fewer)
    remedies.append(orthogonal)
    if compared is None and (not grows > _SURELY_GROWS or _can_be_tried(case)):
        return None
    sentence = (
        f"Gradients explode through {len(normalizing)} layers of batch normalization, which multiplies "
        f"them in each: the root mean square of dC/ds is {grows:.3g} times as large in the first hidden "
        f"layer as in the last{'' if compared is None else f': {compared}'}."
    )
    return Found(first, grows, _GROWS, sentence, remedies, by_training=compared is not None)


@finding(
    "units of the narrowest hidden layer: 1, or fewer than half of the classes; if a short training "
    "leaves three times as much as with wider ones",
    unless=("frozen", "too_much_dropout", "batch_norm_harms"),
)
def _bottleneck(case: Case) -> Found | None:
    model = case.estimator
    if model is None or model.layers is not None:
        return None
    sizes = hidden_sizes(model.hidden_layer_sizes)
    limit = max(2.0, case.network.sizes[-1] / 2) if is_classifier(model) else 2.0
    if not sizes or min(sizes) >= limit:
        return None
    narrow = min(sizes)
    usual = min((n for n in sizes if n >= limit), default=_USUAL_WIDTH)
    wider = Remedy({"hidden_layer_sizes": tuple(n if n >= limit else usual for n in sizes)})
    compared = _leaves_more(case, wider, _MORE_STEPS)
    if compared is None:
        return None
    at = next(i for i, n in enumerate(case.network.sizes[1:]) if n == narrow)
    through = f"{narrow} units" if narrow > 1 else "the one unit"
    sentence = f"What the network knows of a row goes through {through} of layer {at}: {compared}."
    return Found(at, float(narrow), limit, sentence, [wider])


# ---- what they share


def _learns_less(
    case: Case, remedy: Remedy, share: float = _SHARE, n_steps: int = _STEPS
) -> str | None:
    """Return how much less a short training learns than with a remedy; None if it learns its share."""
    own = case.trial(n_steps)
    if own is None or own.outcome < _LEARNED:
        return None
    other = case.trial(n_steps, remedy)
    if other is None or 1 - other.outcome < _ENOUGH:
        return None
    if 1 - min(own.outcome, 1.0) >= share * (1 - other.outcome):
        return None
    return _compared(case, own, other, remedy)


def _leaves_more(case: Case, remedy: Remedy, n_steps: int) -> str | None:
    """Return how much more a training leaves than with a remedy; None if it is not much."""
    own = case.trial(n_steps)
    if own is None or own.left < _LEFT[0]:
        return None
    other = case.trial(n_steps, remedy)
    if other is None or not own.left > _LEFT[1] * other.left:
        return None
    return _compared(case, own, other, remedy)


def _compared(case: Case, own: Trial, other: Trial, remedy: Remedy) -> str:
    return (
        f"after {own.n_steps} steps the loss is {own.outcome:.2g} times that of the best constant answer, "
        f"and {other.outcome:.2g} with {case.patient.words(remedy)}"
    )


def _can_be_tried(case: Case) -> bool:
    return case.trial(_STEPS) is not None


def _rows_of_a_batch(case: Case) -> int | None:
    """Return how many rows a step takes; None where that is not known."""
    model = case.estimator
    if model is None or model.solver == "lbfgs":
        return None
    if model.batch_size == "auto":
        return batch_size_of(model, case.X.shape[0])
    return int(model.batch_size)


def _layers(n: int) -> str:
    return f"{n} layers" if n > 1 else "1 layer"
