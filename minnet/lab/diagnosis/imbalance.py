"""What is wrong where some classes have few rows: they are not answered."""

from __future__ import annotations

import copy

import numpy as np
from scipy import special
from sklearn.utils.validation import _num_samples

from minnet.common.types import Array
from minnet.estimators.data import rows_of
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.losses import logits_of
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import MOST_ROWS, training_of
from minnet.lab.diagnosis.wording import as_advice
from minnet.links import dense

_RARE = 0.5  # of its share if all classes had the same
_FEWEST = 5  # rows of a class, each of which is told by what the others taught
_RIGHT = 0.4  # of the rows of a class
_BETTER = 0.2  # share of their rows
_PRICE = 0.01  # of right answers
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
    model, output = case.estimator, case.network.loss_.output
    if not case.fitted or getattr(model, "class_weight", "balanced") is not None:
        return None
    of_rows, answered = _columns(output, dense(case.subject.T), case.logits)
    there, right = of_rows.sum(axis=0), (of_rows & answered).sum(axis=0)
    k = 2 if output == "logistic" else len(there)
    rare = there < _RARE * len(of_rows) / k
    if not (rare & (right < _RIGHT * np.maximum(there, 1))).any():
        return None
    patient = _with_all_of(case, np.flatnonzero(rare))
    if patient is not case.patient:
        subject = patient.subject()
        of_rows, answered = _columns(output, dense(subject.T), logits_of(subject))
        there, right = of_rows.sum(axis=0), (of_rows & answered).sum(axis=0)
    missed = np.flatnonzero(rare & (there >= _FEWEST) & (right < _RIGHT * there))
    if not missed.size:
        return None
    was = _balanced_accuracy(of_rows, answered)
    accuracy, plain = max(_on_other_rows(patient, of_rows, missed, n_steps) for n_steps in _STEPS)
    # By how much more of the missed rows are right, and that this is not by chance.
    more = _BETTER + 1.0 / np.sqrt(there[missed].sum())
    if accuracy < was + more * len(missed) / (there > 0).sum():
        return None
    first = int(missed[np.argmin(right[missed] / there[missed])])
    sentence = (
        f"Of the {int(there[first])} rows (of {_num_samples(case.whole.X)}) of {_name(case, first)} "
        f"{int(right[first]) or 'none'} {'is' if right[first] == 1 else 'are'} answered right: so few "
        "count for little in the loss."
    )
    advice = (
        f"{as_advice(case.patient.words(_BALANCED))}: on rows that it was not trained on, a short "
        f"training then has a balanced accuracy of {accuracy:.2f}, where the fit has {was:.2f} on its own."
    )
    before, calibrated = _accuracy(case), _knows_what_can_be_known(case, first)
    if plain < before - _PRICE or calibrated:
        advice += f" Its price is the share of right answers, {plain:.2f} in place of {before:.2f}"
        others = ": the probabilities of the fit are about as good as those of other models."
        advice += others if calibrated else "."
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


def _accuracy(case: Case) -> float:
    """Return the share of right answers."""
    of_rows, answered = _columns(case.network.loss_.output, dense(case.subject.T), case.logits)
    return float((of_rows & answered).sum() / of_rows.sum())


def _with_all_of(case: Case, columns: Array) -> Patient:
    """Return the patient with more rows of some classes, where there are more than are looked at."""
    whole, classes = case.whole, getattr(case.estimator, "classes_", None)
    if whole is case.patient or np.ndim(whole.y) != 1 or classes is None:
        return case.patient
    labels = np.asarray(whole.y)
    of_few = np.isin(labels, np.asarray(classes)[columns])
    rng = np.random.RandomState(0)
    few, others = (rng.permutation(np.flatnonzero(at)) for at in (of_few, ~of_few))
    rows = np.sort(np.append(few[:MOST_ROWS], others[: 2 * MOST_ROWS]))
    new = copy.copy(whole)
    new.X, new.y = rows_of(whole.X, rows), rows_of(whole.y, rows)
    if whole.sample_weight is not None and np.ndim(whole.sample_weight) > 0:
        new.sample_weight = rows_of(whole.sample_weight, rows)
    return new


def _knows_what_can_be_known(case: Case, column: int) -> bool:
    """Return whether the probabilities of a class tell most of what other models tell of it."""
    known = case.reference
    held_down = case.network.alpha / case.patient.n_rows > _LARGE_L2  # then it could answer more
    if not case.learned or known is None or held_down:
        return False
    of_rows = _columns(case.network.loss_.output, dense(case.subject.T), case.logits)[0]
    p_fit, p_known = _probabilities(case)[known.rows], known.mean
    if p_fit.shape[1] != of_rows.shape[1]:  # of labels
        p_fit, p_known = np.hstack([1 - p_fit, p_fit]), np.hstack([1 - p_known, p_known])
    there = of_rows[known.rows, column]
    if there.sum() < _FEWEST:
        return False
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


def _on_other_rows(
    patient: Patient, of_rows: Array, missed: Array, n_steps: int
) -> tuple[float, float]:
    """Return the balanced and the plain accuracy of trainings with class weights, on rows unseen.

    Two trainings have half of the rows each, and tell the others.
    """
    rng = np.random.RandomState(0)
    few = rng.permutation(np.flatnonzero(of_rows[:, missed].any(axis=1)))
    others = rng.permutation(np.flatnonzero(~of_rows[:, missed].any(axis=1)))
    there, right = np.zeros((2, of_rows.shape[1]))
    for i in (0, 1):
        seen = np.r_[few[i::2][: MOST_ROWS // 3], others[i::2][: 2 * MOST_ROWS // 3]]
        unseen = np.r_[few[1 - i :: 2], others[1 - i :: 2][:MOST_ROWS]]
        counts = _told(patient, seen, unseen, n_steps)
        if counts is None:
            return 0.0, 0.0
        there, right = there + counts[0], right + counts[1]
    return float(np.mean(right[there > 0] / there[there > 0])), float(right.sum() / there.sum())


def _told(patient: Patient, seen: Array, unseen: Array, n_steps: int) -> tuple[Array, Array] | None:
    """Return how many rows unseen there are of each class, and how many of them a training tells."""
    try:
        start = copy.copy(patient.after(_BALANCED))
    except ValueError:  # there is no such model
        return None
    weights = start.sample_weight
    start.X, start.y = rows_of(start.X, seen), rows_of(start.y, seen)
    if weights is not None and np.ndim(weights) > 0:
        start.sample_weight = rows_of(weights, seen)
    trial = training_of(start, n_steps, _OPERATIONS)
    if trial is None or trial.model is None:
        return None
    X, y = rows_of(patient.X, unseen), rows_of(patient.y, unseen)
    try:
        subject = Patient(trial.model, X, y).subject()
    except ValueError:  # a label that is not among those seen
        return None
    of_rows, answered = _columns(subject.network.loss_.output, dense(subject.T), logits_of(subject))
    return of_rows.sum(axis=0), (of_rows & answered).sum(axis=0)


def _name(case: Case, column: int) -> str:
    """Return what a column of :func:`_columns` stands for."""
    model, output = case.estimator, case.network.loss_.output
    n_labels = case.network.sizes[-1]
    if output == "logistic" and n_labels > 1:
        value, label = divmod(column, n_labels)
        return f"label {label} as {value}"
    return f"class {model.classes_[column]!s:.30}"
