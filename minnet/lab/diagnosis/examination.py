"""``diagnose``: all checks on a model, and what was tried of their remedies."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from minnet.common.checks import is_finite_real
from minnet.common.communicator import apart
from minnet.common.types import ArrayLike, Matrix
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import CHECKS, Found, examine
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.proof import Proof
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.report import Finding, Report
from minnet.lab.diagnosis.wording import with_names
from minnet.lab.subject import steps_of, with_last_step
from minnet.optimizers import Optimizer
from minnet.pytorch.recognition import is_torch_model
from minnet.pytorch.writing import lacks_link, write_model

__all__ = ["diagnose"]

_MOST_ROWS = 5000
_SECONDS = 10.0  # of train=True
_LEARNS = 0.8  # times the loss of the best constant, after a short training
_NOT_KNOWN_WHY = "learned_nothing", "learned_little"


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what overflows is a finding
@apart()
def diagnose(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    X_val: Matrix | None = None,
    y_val: ArrayLike | None = None,
    optimizer: str | Optimizer | None = None,
    train: bool | float = False,
    loss: Any = None,
) -> Report:
    """Say what is wrong with a network and what to change.

    Each of the report's ``findings`` has a ``sentence``, an ``advice`` and, where one is known to help, a
    ``remedy``; ``report.apply()`` returns the model with the first. Printed, the report is all sentences.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
        An estimator that is not fitted is looked at as its fit would start. For models of PyTorch see
        :func:`probe`.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows of the training data: some hundred, better all. Of more than 5000 a random choice is looked
        at, the same each time, with rows of each class.
    y : array-like
        As ``fit`` takes it; for a Network the targets of its loss.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    X_val, y_val : the same, default=None
        Rows that a fitted estimator was not trained on: they tell overfitting from learning, and ``X``
        must then be the rows that it was trained on. Of a model that is not fitted, as one of PyTorch
        always counts, they are only checked, and judged in the trainings of ``train``.
    optimizer : str or Optimizer, default=None
        An estimator's own unless given; the learning rate of a Network alone is not judged.
    train : bool or float, default=False
        Train the model and the model with each remedy for a short while, and say by how much the losses
        differ. A number is how many seconds that may take, roughly; True stands for 10. A remedy that
        does not make the loss lower is not said then. A Network and a model of PyTorch need
        ``optimizer`` for it.
    loss : str, Loss or loss of PyTorch, default=None
        Of a model of PyTorch, as for :func:`probe`.

    Returns
    -------
    Report

    Raises
    ------
    TypeError
        If ``model`` is none of these.
    ValueError
        If the data do not fit the model or each other, or ``train`` is asked for where it is not known how
        the model is trained.

    Notes
    -----
    A remedy is printed only if it was made and measured: with it the finding goes away, and no other
    comes, but that the training is too short or too slow, which shows only then: ``apply(all=True)`` mends
    that, too.

    A fit has learned where its loss is under 0.3 of that of the best constant answer, or where it explains
    three quarters of what trees or a linear model explain of rows that they were not trained on: no
    network learns noise. Then nothing is a finding that does not show in the outcome; it is a remark.
    Otherwise the causes come in the order of the evidence: what the data let nobody learn; what is wrong
    at the start, first that with whose remedy a short training learns; what became of the network is a
    remark. A Network counts as fitted if ``optimizer`` is given, its weights are not those that it was
    initialized with, and training does not go on from them.

    The measurement is that of :func:`minnet.lab.probe`. The output layer is left out where layers are
    compared: its width is another.

    {findings}

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import diagnose
    >>> X, y = load_digits(return_X_y=True)
    >>> deep = MinNetClassifier((64,) * 12, "relu", init="glorot", random_state=0)
    >>> report = diagnose(deep, X / 16, y)
    >>> [finding.code for finding in report.findings]
    ['vanishing_forward', 'vanishing_backward']
    >>> report.findings[0].remedy
    Remedy(init='he_normal')
    """
    if y is None:
        raise ValueError("y must be given: half of what can be wrong shows in gradients, got None")
    if (X_val is None) != (y_val is None):
        missing = "y_val" if y_val is None else "X_val"
        raise ValueError(f"{missing} must be given with the other of X_val and y_val, got None")
    if X is None:
        raise ValueError("X must be given: rows of the training data, got None")
    if isinstance(train, bool | np.bool_):
        seconds = _SECONDS * bool(train)
    elif is_finite_real(train) and train >= 0:
        seconds = float(train)
    else:
        raise ValueError(
            f"train must be True, False or a number of seconds of at least 0, got {train!r:.200}"
        )
    held_out = None if X_val is None else (X_val, y_val)
    whole = patient = Patient(model, X, y, sample_weight, optimizer, held_out, loss)
    if patient.n_rows > _MOST_ROWS:
        patient = patient.of_rows(_MOST_ROWS)
    if seconds and patient.estimator is None and patient.optimizer is None:
        raise ValueError(
            "train needs optimizer=: how this model is trained is not known without it"
        )
    case = Case(patient, whole)
    found = examine(case)
    before = patient.anew() if case.failed else patient.at_start()
    start = examine(Case(before)) if case.failed else found
    proof = Proof(before, start, seconds)
    if case.failed:
        findings, remarks = _causes(found, start, proof)
    else:
        told = {code: _finding(code, what, proof) for code, what in found.items()}
        only_remarks = case.learned and (case.fitted or case.estimator is None)
        if "not_finite" in told and len(told) > 1:
            remedies = [what.remedies[0] for what in found.values() if what.remedies]
            if remedies and proof.keeps(remedies[0], "not_finite"):  # the data are not all
                told = {"not_finite": told.pop("not_finite")} | told
        remarks = [
            told[code]
            for code, what in found.items()
            if what.remark or (only_remarks and not CHECKS[code].after_fit)
        ]
        findings = [one for one in told.values() if one not in remarks]
    as_given = clone(model) if patient.estimator is not None else patient.at_start().model
    if getattr(steps_of(model)[-1], "preset", None) is not None:  # which a remedy may not change
        as_given = with_last_step(as_given, clone(patient.model))
    finish = None
    if is_torch_model(model):
        like = getattr(model, "_orig_mod", model)
        finish = partial(write_model, like=like, with_link=lacks_link(patient.model, like))
    return Report(findings, case.m, remarks, _outcome(case), as_given, finish, proof.together)


def _causes(
    found: dict[str, Found], start: dict[str, Found], proof: Proof
) -> tuple[list[Finding], list[Finding]]:
    """Return what is wrong with a fit that has not learned, in the order of the evidence; and remarks.

    What the data do not let anybody learn comes first, then what is wrong at the start, beginning with
    that with whose remedy a short training learns. What the fitted network shows besides follows from it.
    """
    of_fit = {
        code: what
        for code, what in found.items()
        if CHECKS[code].after_fit or (what.tried and code not in start)
    }
    symptoms = {
        code: what for code, what in found.items() if code not in start and code not in of_fit
    }
    unknown = [_finding(code, of_fit.pop(code), proof) for code in _NOT_KNOWN_WHY if code in of_fit]
    causes = [
        _finding(code, what, proof)
        for code, what in start.items()
        if not of_fit.keys() & set(CHECKS[code].unless)
    ]
    if len(causes) > 1 or (causes and of_fit):
        # What the outputs cannot reach no other change brings nearer.
        causes.sort(key=lambda cause: cause.code != "output_range" and not _learns(cause, proof))
    if not causes or not _learns(causes[0], proof):
        causes[:0] = [_finding(code, what, proof) for code, what in of_fit.items() if what.tried]
    conclusive = [_finding(code, what, proof) for code, what in of_fit.items() if not what.tried]
    asked = unknown and causes and not conclusive and all(what.remedies for what in start.values())
    if asked and not any(one.remedy for one in causes) and unknown[0].remedy:
        causes = unknown + causes  # nothing helps with what is found at the start
    if not conclusive + causes and unknown and _is_higher_rate(unknown[0].remedy, proof):
        one = unknown[0]
        figures = one.layer, one.figure, one.threshold, one.sentence
        unknown[0] = Finding("learning_rate_too_low", *figures, partial(_told, one))
    causes = conclusive + causes or unknown
    if causes and (causes != unknown or (symptoms and causes[0].remedy)):
        # To mend what became of a network is no advice where something else is the cause.
        only_said = [replace(what, remedies=(), advice="") for what in symptoms.values()]
        return causes, [_finding(*one, proof) for one in zip(symptoms, only_said, strict=True)]
    causes += [
        _finding(code, replace(what, by_training=True), proof) for code, what in symptoms.items()
    ]
    return causes, []


def _learns(finding: Finding, proof: Proof) -> bool:
    """Return whether a short training with the finding's remedy learns."""
    return finding.remedy is not None and proof.learns(finding.remedy, _LEARNS)


def _told(finding: Finding) -> tuple[str, Remedy | None]:
    return finding.advice, finding.remedy


def _is_higher_rate(remedy: Remedy | None, proof: Proof) -> bool:
    """Return whether a remedy is nothing but a higher learning rate."""
    if remedy is None or remedy.changes.keys() != {"learning_rate_init"}:
        return False
    optimizer = proof.patient.subject().optimizer
    return bool(remedy.changes["learning_rate_init"] > optimizer.learning_rate)


def _finding(code: str, what: Found, proof: Proof) -> Finding:
    sentence = with_names(what.sentence, proof.patient.layer_names)
    figures = what.layer, what.figure, what.threshold, sentence
    return Finding(code, *figures, partial(proof, code, what))


def _outcome(case: Case) -> str:
    """Return what became of a fitted model, where that is something to say."""
    if not case.failed or case.best is None:
        return ""
    how_much = "nothing" if case.learned_nothing else "little"
    return (
        f"The fit has learned {how_much}: its loss is {case.outcome * case.best:.3g}, where the best "
        f"answer that is the same for all rows has {case.best:.3g}."
    )


def _table() -> str:
    """Return the table of the findings, for the docstring."""
    rule = f"{'=' * 27} {'=' * 66}"
    rows = [rule, f"{'code':<27} figure, and what is too much of it", rule]
    for code, check in CHECKS.items():
        for i, line in enumerate(textwrap.wrap(check.row, 74)):
            rows.append(f"{f'``{code}``' if i == 0 else '':<27} {line}")
    return "\n    ".join([*rows, rule])


if diagnose.__doc__:  # not with python -OO
    diagnose.__doc__ = diagnose.__doc__.replace("{findings}", _table())
