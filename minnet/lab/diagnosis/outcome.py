"""What is wrong with the outcome of a fit."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.estimators.solvers import batch_size_of
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.equal_rows import kinds_of_rows, least_loss
from minnet.lab.diagnosis.planned import counted, ended_by
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.settings import settings_to_try
from minnet.lab.diagnosis.wording import as_advice

_CONTRADICT = 0.9  # of the loss of the best constant, that equal rows leave
_NOTHING_LEARNED = 0.95
_LITTLE_LEARNED = 0.3
_STEPS = 300
_EXPLAINED = 0.98
_LONGER = 1.25  # the loss over that of a longer fit
_OWN_ROWS = 0.5  # of the loss of the best constant
_LEARNS = 0.9
_KNOWN = 0.1  # the same, of all rows by heart or by a rule
_ALIKE = 0.1
_FEW_EPOCHS = 200
_TOL = 1e-4  # that of the estimators
_MOST_STEPS = 3000  # of a fit that stopped early


@finding(
    "after a fit that learned nothing: the loss of the best answer to each group of equal rows, over "
    "that of the best answer that is the same for all: 0.9",
    unless=("rows_alike",),
    after_fit=True,
)
def _labels_contradict(case: Case) -> Found | None:
    if not case.learned_nothing:
        return None
    kinds = kinds_of_rows(case.X, case.X.shape[0] // 2)
    left = None if kinds is None else least_loss(case, kinds)
    if left is None or left < _CONTRADICT:
        return None
    sentence = (
        "Rows of the inputs that are equal have different targets: the best answers to them have "
        f"{left:.2g} times the loss of one answer to all, and no model can do better."
    )
    advice = "Look for columns that tell these rows apart, and at how X and y were put together."
    return Found(None, left, _CONTRADICT, sentence, advice=advice)


@finding(
    "after a fit that learned little: the loss of trees and of a linear model on rows they were not "
    "trained on, over that of the best answer that is the same for all: 0.98",
    unless=("rows_alike", "labels_contradict", "other_rows", "class_weights", "outlying_targets"),
    after_fit=True,
)
def _no_input_explains(case: Case) -> Found | None:
    if not case.failed or case.reference is None or not case.reference.explains_nothing:
        return None
    two_values = not sparse.issparse(case.X) and all(len(np.unique(x)) <= 2 for x in case.X.T)
    if two_values and (_after_a_stop(case, _KNOWN) or _knows_at_higher_rate(case)):
        return None  # a parity, say
    outcome, n = case.reference.outcome, len(case.reference.rows)
    sentence = (
        "The inputs do not seem to explain the targets: on rows they were not trained on, neither trees "
        f"nor a linear model come below {outcome:.3g} times the loss of the best answer that is the same "
        f"for all ({n} rows)."
    )
    advice = "See that the rows of X and y belong together: a shuffled y looks like this."
    if two_values:
        advice = (
            "Such inputs of two values may explain them all the same, by a parity say, which neither "
            "trees nor lines see."
        )
    return Found(None, outcome, _EXPLAINED, sentence, advice=advice)


@finding(
    "after a fit that learned too little: its own last loss over that of the best answer that is the "
    "same for all of these rows: under 0.5",
    unless=("labels_contradict",),
    after_fit=True,
)
def _other_rows(case: Case) -> Found | None:
    model = case.estimator
    if not case.failed or model is None or model.early_stopping or not model.shuffle:
        return None
    # With batch normalization they may be right as a batch.
    if case.best is None or case.loss < _OWN_ROWS * case.best:
        return None
    last = getattr(model, "loss_", None)
    if last is None or not last < _OWN_ROWS * case.best or case.outcome < _NOTHING_LEARNED:
        return None
    sentence = (
        f"The fit ended at a loss of {last:.2g}, and on these rows the network has "
        f"{case.outcome * case.best:.3g}: they are others than those that it was trained on last, or not "
        "prepared as those were."
    )
    advice = (
        "Give the rows of the fit as X, with their sample_weight if they had any, and rows that were held "
        "out as X_val."
    )
    return Found(None, last / case.best, _OWN_ROWS, sentence, advice=advice)


@finding(
    "after a fit that learned too little and ended before ``max_iter``: its loss over that of a longer "
    "one: 1.25",
    unless=("no_input_explains", "labels_contradict", "rows_alike", "other_rows"),
    after_fit=True,
)
def _stopped_too_early(case: Case) -> Found | None:
    return _after_a_stop(case, _LEARNS)


def _knows_at_higher_rate(case: Case) -> bool:
    """Return whether a short training at ten times the rate tells nearly all rows."""
    optimizer = case.subject.optimizer
    if optimizer is None:
        return False
    rate = float(f"{10 * optimizer.learning_rate:.1g}")
    trial = case.trial(_STEPS, Remedy({"learning_rate_init": rate}))
    return trial is not None and trial.outcome < _KNOWN


def _after_a_stop(case: Case, learns: float) -> Found | None:
    """Return a finding if a fit stopped and would have learned with more patience, or at a higher rate."""
    model = case.estimator
    if not case.failed or model is None or ended_by(model) != "tol":
        return None
    if model.t_ / batch_size_of(model, case.X.shape[0]) > _MOST_STEPS:
        return None
    patience = max(50, 5 * model.n_iter_no_change)
    what = f"The fit stopped after {counted(model.n_iter_, 'epoch')}"
    if model.early_stopping:
        what += ", by the score of its validation set."
        remedies = [
            Remedy({"scoring": "loss"}),
            Remedy({"n_iter_no_change": patience}),
            Remedy({"scoring": "loss", "n_iter_no_change": patience}),
            Remedy({"early_stopping": False}),
            Remedy({"early_stopping": False, "tol": 0.0, "n_iter_no_change": patience}),
        ]
    else:
        what += f": by tol={model.tol:g} its loss no longer went down."
        if model.solver == "lbfgs":
            remedies = [Remedy({"tol": model.tol * 1e-3})]
        else:
            remedies = [
                Remedy({"n_iter_no_change": patience}),
                Remedy({"tol": 0.0, "n_iter_no_change": patience}),
            ]
            if model.max_iter < _FEW_EPOCHS:
                usual = {"tol": _TOL, "n_iter_no_change": 10, "max_iter": _FEW_EPOCHS}
                remedies.append(Remedy(usual))
    enough = min(case.outcome / _LONGER, learns)
    longest = case.trial(_MOST_STEPS, remedies[-1], own_end=True)
    if longest is None or longest.outcome > enough:
        return None  # it is something else
    for remedy in remedies:
        trial = longest if remedy is remedies[-1] else case.trial(_MOST_STEPS, remedy, own_end=True)
        if trial is None or trial.outcome > min(enough, longest.outcome + _ALIKE):
            continue
        advice = (
            f"{as_advice(case.patient.words(remedy))}: after {trial.n_steps} steps the loss is "
            f"{trial.outcome:.2g} times that of the best constant answer, and {case.outcome:.2g} "
            "as it was."
        )
        return Found(
            None, case.outcome / trial.outcome, _LONGER, what, [remedy], advice, tried=True
        )
    return None


@finding(
    "after a fit: the loss of the predictions over that of the best answer that is the same for all: "
    "0.95, where nothing else is found",
    after_fit=True,
)
def _learned_nothing(case: Case) -> Found | None:
    if not case.learned_nothing:
        return None
    sentence = (
        f"The loss of the predictions is {case.outcome:.3g} times that of the best answer that is the "
        "same for all rows."
    )
    return _not_known_why(case, sentence, _NOTHING_LEARNED)


@finding(
    "after a fit: the same: 0.3, if other models explain a third more; where nothing else is found",
    after_fit=True,
)
def _learned_little(case: Case) -> Found | None:
    if not case.failed or case.learned_nothing or case.reference is None:
        return None
    sentence = (
        f"The loss of the predictions is {case.outcome:.2g} times that of the best answer that is the "
        f"same for all rows; with {case.reference.name} it is {case.reference.outcome:.2g} times, on rows "
        "they were not trained on."
    )
    return _not_known_why(case, sentence, _LITTLE_LEARNED)


# ---- what they share


def _not_known_why(case: Case, sentence: str, threshold: float) -> Found:
    """Return a finding that says what was tried of the settings."""
    if case.reference is not None and case.reference.too_few:
        labels = np.asarray(case.whole.y)
        n_others = len(labels) - np.unique(labels, return_counts=True)[1].max()
        advice = (
            f"Only {n_others} of {len(labels)} rows have another class than the commonest: too few to "
            "tell whether they can be told, and what would help. Give more of them."
        )
        return Found(None, case.outcome, threshold, sentence, advice=advice)
    trial = case.trial(_STEPS)
    if trial is not None and trial.outcome < case.outcome / _LONGER:
        advice = (
            f"These settings are not the cause: a new training comes to {trial.outcome:.2g} times in "
            f"{trial.n_steps} steps, if it is not stopped."
        )
        return Found(None, case.outcome, threshold, sentence, advice=advice)
    remedies = settings_to_try(case)
    # Of many rates tried one reads one.
    others = [one for one in remedies if "learning_rate_init" not in one.changes]
    tried = [case.patient.words(one) for one in others]
    if len(others) < len(remedies):
        tried.insert(0, "other learning rates")
    no_better = f": a short training goes no better with {' nor '.join(tried)}" if tried else ""
    advice = f"This batch does not show why{no_better}."
    return Found(None, case.outcome, threshold, sentence, remedies, advice, by_training=True)
