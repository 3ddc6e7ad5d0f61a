"""What is wrong where the targets of few rows are so far off that the squared error is theirs alone."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from minnet.common.types import Array
from minnet.estimators.data import rows_of
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.reference import reference_of
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.spread import spreads
from minnet.lab.diagnosis.trial import MOST_ROWS, training_of
from minnet.lab.diagnosis.wording import as_advice
from minnet.links import dense
from minnet.losses import Huber, SquaredError

_FAR = 10.0  # standard deviations of the others, from the median
_GAP = 3.0  # times the distance of the next
_ROUNDING = 1e-13  # of numbers
_MOST = 0.05  # of the rows, but for which spreads are taken
_RULES = 0.75  # of all squared distances
_USUAL = 0.3, 3.0  # standard deviations for which the default of Huber's loss will do
_TOLD = 0.3  # of the squared distances of such targets, by other models
_FEWEST = 60  # rows, of which a third tells something
_STEPS = 1000
_OPERATIONS = 5e9  # floating-point
_NOTHING = 0.05  # explained
_ALIKE = 0.05  # the same
_NEARLY_ALL = 0.999
_SHOWN = 3
_LEAVES = 0.7  # of what is not explained, without a remedy


@finding(
    "for numbers, with the squared error: the share that a few targets, 10 standard deviations and a gap "
    "away from the others, have of all squared distances from the median: 0.75, if no other model tells "
    "them, and a short training explains more of the others with Huber's loss or without them",
    unless=("targets_alike", "rows_alike"),
    of_data=True,
)
def _outlying_targets(case: Case) -> Found | None:
    loss, estimator = case.network.loss_, case.estimator
    of_numbers = loss.name == SquaredError.name and loss.output == "identity"
    if not of_numbers or (estimator is not None and is_classifier(estimator)):
        return None
    y, weights = _numbers(case.patient.y), case.subject.weights
    count = np.arange(len(y)) if weights is None else np.flatnonzero(weights > 0)
    far, shares = outlying(y[count])
    j = int(shares.argmax())
    rows, others = count[far[:, j]], count[~far.any(axis=1)]
    if not shares[j] > _RULES or len(others) < _FEWEST:
        return None
    parted = _Parted(case, rows, others, j)
    if parted.are_told():
        return None
    sd, share = float(y[others, j].std()), float(shares[j])
    sentence = (
        f"Few rows rule the loss: {len(rows)} of {len(count)} targets"
        f"{'' if y.shape[1] == 1 else f' of output {j}'}, {_some(y[rows, j])}, "
        f"hold{'s' * (len(rows) == 1)} {'nearly all' if share > _NEARLY_ALL else f'{share:.0%}'} of the "
        f"squared distances from the median; the others have a standard deviation of {sd:.3g}."
    )
    look = "Look at these rows, and leave them out if they are wrong"
    was = max(parted.explained(Remedy({})), 0.0)
    helps = _best(parted, _robust(case, sd), was)
    if helps is not None:
        remedy, explains = helps
        change = as_advice(case.patient.words(remedy))
        advice = f"{look}; or {change[0].lower()}{change[1:]}: {_compared(explains, was)}."
        return Found(None, share, _RULES, sentence, [remedy], advice, tried=True)
    # By the spread of the others targets can be scaled.
    scaled = [] if estimator is None else [Remedy({"scale_targets": True})]
    helps = _best(_Parted(case, rows[:0], others, j), [Remedy({}), *scaled], was)
    if helps is None:
        return None
    remedy, explains = helps
    also = f", with {case.patient.words(remedy)}," if remedy.changes else ""
    advice = f"{look}: without them{also} {_compared(explains, was)}."
    return Found(None, share, _RULES, sentence, advice=advice, tried=True)


def outlying(y: Array) -> tuple[Array, Array]:
    """Return which targets are far from all others, and what share of the squared distances they have.

    There is a gap between them and the others, where a heavy tail is a continuum.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_outputs)

    Returns
    -------
    far : ndarray of bool, shape (n_rows, n_outputs)
    shares : ndarray of shape (n_outputs,)
        Of the squared distances from the median.
    """
    distances = np.abs(y - np.median(y, axis=0))
    most = int(_MOST * len(y))
    farthest = -np.sort(-distances, axis=0)[: most + 1]
    sd = spreads(y)[0]
    varies = sd > _ROUNDING * np.abs(y).max(
        axis=0
    )  # else the others are one number, and these are rare
    apart = (farthest[:-1] > np.maximum(_FAR * sd, _GAP * farthest[1:])) & varies
    last = most - 1 - apart[::-1].argmax(axis=0) if most else np.zeros(y.shape[1], int)
    least = np.take_along_axis(farthest, last[np.newaxis], axis=0)
    far = (distances >= least) & apart.any(axis=0)
    with np.errstate(all="ignore"):
        squares = np.square(distances / distances.max(axis=0))  # so that none overflows
        shares = np.where(far, squares, 0).sum(axis=0) / squares.sum(axis=0)
    return far, np.nan_to_num(shares)


class _Parted:
    """Rows to train on, those that are far off among them, and others to judge by."""

    def __init__(self, case: Case, far: Array, others: Array, output: int) -> None:
        drawn = np.random.RandomState(0).permutation(others)[: 2 * MOST_ROWS]
        third = len(drawn) // 3
        self.case, self.output, self.far = case, output, far
        self.judges = np.sort(drawn[:third])
        self.own = np.sort(np.append(far, drawn[third:][: MOST_ROWS - len(far)]))

    def are_told(self) -> bool:
        """Return whether other models tell the rows that are far off, without being trained on them."""
        subject = self.case.subject
        T = dense(subject.T)[self.own]
        known = reference_of(replace(subject, X=subject.X[self.own], T=T, weights=None))
        if known is None:
            return False
        at = np.isin(self.own, self.far)
        t, mean = T.reshape(len(T), -1)[:, self.output], known.mean[:, self.output]
        left = np.square((t - mean)[at]).sum() / np.square((t - np.median(t))[at]).sum()
        return bool(left < 1 - _TOLD)

    def explained(self, remedy: Remedy) -> float:
        """Return what share of the variance of others a training with a remedy explains."""
        try:
            patient = self._of_rows(self.case.patient.after(remedy))
            trial = training_of(patient, _STEPS, _OPERATIONS)
        except ValueError:  # there is no such model
            return -np.inf
        if trial is None or trial.model is None:
            return -np.inf
        given = self.case.patient
        t = _numbers(rows_of(given.y, self.judges))[:, self.output]
        with np.errstate(all="ignore"):
            answers = trial.model.predict(rows_of(given.X, self.judges)).reshape(len(t), -1)
            left = np.square(answers[:, self.output] - t).mean() / t.var()
        return float(1 - left) if np.isfinite(left) else -np.inf

    def _of_rows(self, patient: Patient) -> Patient:
        patient = copy.copy(patient)
        patient.X, patient.y = rows_of(patient.X, self.own), rows_of(patient.y, self.own)
        if patient.sample_weight is not None and np.ndim(patient.sample_weight):
            patient.sample_weight = rows_of(patient.sample_weight, self.own)
        if patient.estimator is None and patient.optimizer is None:
            patient.optimizer = "adam"
        patient.held_out = None
        return patient


def _numbers(y: Any) -> Array:
    """Return targets of numbers, a column for each output."""
    numbers = np.asarray(dense(y), dtype=np.float64)
    return numbers.reshape(len(numbers), -1)


def _robust(case: Case, sd: float) -> list[Remedy]:
    """Return losses to try, by the standard deviation of most targets."""
    usual = _USUAL[0] < sd < _USUAL[1]
    changes: dict[str, Any] = {"loss": "huber" if usual else Huber(float(f"{sd:.1g}"))}
    if getattr(case.estimator, "scale_targets", False):
        changes["scale_targets"] = False  # by a spread that is that of few rows
    return [Remedy(changes), Remedy(changes | {"bias_init": "output_prior"})]


def _best(parted: _Parted, remedies: list[Remedy], was: float) -> tuple[Remedy, float] | None:
    """Return the first remedy that explains about as much as any; None if that is too little."""
    explained = [parted.explained(remedy) for remedy in remedies]
    if not max(explained) > 1 - _LEAVES * (1 - was):
        return None
    return next(
        pair for pair in zip(remedies, explained, strict=True) if pair[1] > max(explained) - _ALIKE
    )


def _some(targets: Array) -> str:
    """Return the farthest of some numbers, in words."""
    farthest = sorted(set(targets.tolist()), key=abs, reverse=True)
    shown = ", ".join(f"{one:.3g}" for one in farthest[:_SHOWN])
    return shown if len(farthest) <= _SHOWN else f"such as {shown}"


def _compared(explains: float, was: float) -> str:
    nothing = "nothing" if was < _NOTHING else f"{was:.2g}"
    return (
        f"a short training then explains {explains:.2g} of the variance of other rows, and "
        f"{nothing} as it is"
    )
