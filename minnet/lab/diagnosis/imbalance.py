"""What is wrong where some classes have few rows: they are not answered."""

from __future__ import annotations

import copy

import numpy as np
from scipy import special

from minnet.common.types import Array
from minnet.estimators.data import rows_of
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import MOST_ROWS, training_of
from minnet.lab.diagnosis.wording import as_advice
from minnet.links import dense

_RARE = 0.5  # of its share if all classes had the same
_FEWEST = 8  # rows of a class, half of which tell whether it can be told
_RIGHT = 0.4  # of the rows of a class
_BETTER = 0.2  # share of their rows
_LARGE_RATIO = 100.0
_LEARNS = 0.8  # times the loss of the best constant
_OF_WEIGHTS = 300  # steps
_LARGE_L2 = 0.003  # alpha over the rows
_MOST = 0.75  # of what other models tell
_STEPS = 100, 500  # few rows are soon known by heart
_OPERATIONS = 5e9  # floating-point

_BALANCED = Remedy({"class_weight": "balanced"})


@finding(
    "after a fit: answers of a class of few rows (under half of an equal share) over its rows: 0.1, if "
    '``class_weight="balanced"`` tells it better on other rows',
    after_fit=True,
)
def _one_class(case: Case) -> Found | None:
    model = case.estimator
    if not case.fitted or getattr(model, "class_weight", "balanced") is not None:
        return None
    of_rows, answered = _columns(case.network.loss_.output, dense(case.subject.T), case.logits)
    n, there, right = len(of_rows), of_rows.sum(axis=0), (of_rows & answered).sum(axis=0)
    k = 2 if case.network.loss_.output == "logistic" else len(there)
    rare = (there >= _FEWEST) & (there < _RARE * n / k)
    missed = np.flatnonzero(rare & (right < _RIGHT * there))
    if not missed.size:
        return None
    was = _balanced_accuracy(of_rows, answered)
    accuracy, plain = max(_on_other_rows(case, of_rows, missed, n_steps) for n_steps in _STEPS)
    # By how much more of the missed rows are right, and that this is not by chance.
    more = _BETTER + 1.0 / np.sqrt(there[missed].sum() / 2)
    if accuracy < was + more * len(missed) / (there > 0).sum():
        return None
    first = int(missed[np.argmin(right[missed] / there[missed])])
    sentence = (
        f"Of the {int(there[first])} rows (of {n}) of {_name(case, first)} "
        f"{int(right[first]) or 'none'} {'is' if right[first] == 1 else 'are'} answered right: so few "
        "count for little in the loss."
    )
    advice = (
        f"{as_advice(case.patient.words(_BALANCED))}: on rows that it was not trained on, a short "
        f"training then has a balanced accuracy of {accuracy:.2f}, where the fit has {was:.2f} on its own."
    )
    calibrated = _knows_what_can_be_known(case, of_rows, first)
    if calibrated:
        before = right.sum() / of_rows.sum()
        advice += (
            f" Its price is the share of right answers, {plain:.2f} in place of {before:.2f}: the "
            "probabilities of the fit are about as good as those of other models."
        )
    figure = float(right[first] / there[first])
    return Found(None, figure, _RIGHT, sentence, [_BALANCED], advice, tried=True, remark=calibrated)


@finding(
    "after a fit that learned too little: the largest of ``class_weight`` over the smallest: 100, if "
    "training goes further with others",
    after_fit=True,
)
def _class_weights(case: Case) -> Found | None:
    model = case.estimator
    weights = getattr(model, "class_weight", None)
    if not case.failed or not isinstance(weights, dict):
        return None
    each = np.array([float(weights.get(label, 1.0)) for label in np.unique(case.patient.y)])
    ratio = float(each.max() / max(each.min(), 1e-300))
    if not ratio > _LARGE_RATIO:
        return None
    sentence = (
        f"class_weight makes one row of a class count as much as {ratio:.3g} of another: the loss is "
        "then nearly that of one class alone."
    )
    for remedy in (_BALANCED, Remedy({"class_weight": None})):
        trial = case.trial(_OF_WEIGHTS, remedy)
        if trial is not None and trial.outcome < _LEARNS:
            advice = (
                f"{as_advice(case.patient.words(remedy))}: after {trial.n_steps} steps the loss, with "
                f"these weights, is {trial.outcome:.2g} times that of the best constant answer."
            )
            return Found(None, ratio, _LARGE_RATIO, sentence, [remedy], advice, tried=True)
    return None


def _columns(output: str, T: Array, Z: Array) -> tuple[Array, Array]:
    """Return which rows have a class, a column each, and which are answered with it."""
    if output == "softmax":
        classes = np.arange(Z.shape[1])
        return T[:, np.newaxis] == classes, Z.argmax(axis=1)[:, np.newaxis] == classes
    T, said = T.reshape(len(T), -1) > 0.5, Z > 0
    return np.hstack([~T, T]), np.hstack([~said, said])


def _balanced_accuracy(of_rows: Array, answered: Array) -> float:
    """Return the mean of the classes' shares of rows that are answered with them."""
    there = of_rows.sum(axis=0)
    right = (of_rows & answered).sum(axis=0)
    return float(np.mean(right[there > 0] / there[there > 0]))


def _knows_what_can_be_known(case: Case, of_rows: Array, column: int) -> bool:
    """Return whether the probabilities of a class tell most of what other models tell of it."""
    known = case.reference
    held_down = case.network.alpha / case.patient.n_rows > _LARGE_L2  # then it could answer more
    if not case.learned or known is None or held_down:
        return False
    p_fit, p_known = _probabilities(case)[known.rows], known.mean
    if p_fit.shape[1] != of_rows.shape[1]:  # of labels
        p_fit, p_known = np.hstack([1 - p_fit, p_fit]), np.hstack([1 - p_known, p_known])
    there = of_rows[known.rows, column]
    best = _log_loss(np.full(len(there), there.mean()), there)
    explained = [best - _log_loss(p[:, column], there) for p in (p_fit, p_known)]
    return bool(explained[0] > max(_MOST * explained[1], 0.0))


def _probabilities(case: Case) -> Array:
    """Return the probabilities of a fit."""
    softmax = case.network.loss_.output == "softmax"
    return special.softmax(case.logits, axis=1) if softmax else special.expit(case.logits)


def _log_loss(p: Array, there: Array) -> float:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-np.mean(np.where(there, np.log(p), np.log(1 - p))))


def _on_other_rows(case: Case, of_rows: Array, missed: Array, n_steps: int) -> tuple[float, float]:
    """Return the balanced and the plain accuracy of a training with class weights, on rows unseen."""
    rng = np.random.RandomState(0)
    few = rng.permutation(np.flatnonzero(of_rows[:, missed].any(axis=1)))
    others = rng.permutation(np.flatnonzero(~of_rows[:, missed].any(axis=1)))
    seen = np.r_[
        few[: len(few) // 2][: MOST_ROWS // 3], others[: len(others) // 2][: 2 * MOST_ROWS // 3]
    ]
    unseen = np.r_[few[len(few) // 2 :], others[len(others) // 2 :][:MOST_ROWS]]
    try:
        start = copy.copy(case.patient.after(_BALANCED))
    except ValueError:  # there is no such model
        return 0.0, 0.0
    weights = start.sample_weight
    start.X, start.y = rows_of(start.X, seen), rows_of(start.y, seen)
    if weights is not None and np.ndim(weights) > 0:
        start.sample_weight = rows_of(weights, seen)
    trial = training_of(start, n_steps, _OPERATIONS)
    if trial is None or trial.model is None:
        return 0.0, 0.0
    X, y = rows_of(case.patient.X, unseen), rows_of(case.patient.y, unseen)
    try:
        subject = Patient(trial.model, X, y).subject()
    except ValueError:  # a label that is not among those seen
        return 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        Z = subject.network.forward(subject.X)
    there, said = _columns(subject.network.loss_.output, dense(subject.T), Z)
    return _balanced_accuracy(there, said), float((there & said).sum() / there.sum())


def _name(case: Case, column: int) -> str:
    """Return what a column of :func:`_columns` stands for."""
    model, output = case.estimator, case.network.loss_.output
    n_labels = case.network.sizes[-1]
    if output == "logistic" and n_labels > 1:
        value, label = divmod(column, n_labels)
        return f"label {label} as {value}"
    return f"class {model.classes_[column]!s:.30}"
