"""The training that an estimator is set to: how many steps there are, and how far they can go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minnet.estimators.base import BaseMinNet
from minnet.estimators.solvers import batch_size_of, new_schedule
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import Trial
from minnet.lab.diagnosis.wording import as_advice, in_words

__all__ = [
    "Plan",
    "compared",
    "counted",
    "ended_by",
    "falls_short",
    "goes_further",
    "planned_training",
]

_SAMPLED = 200  # steps at which a schedule is asked for the rate
_MOST_STEPS = 3000  # of a training that is tried
_OPERATIONS = 1e10  # floating-point
_UNKNOWN_STEPS = 1000  # of a Network, whose trainer is not known
_LEARNS = 0.7
_LESS = 0.7  # times the loss without a remedy


@dataclass(frozen=True)
class Plan:
    """The steps of a training, of a model before its fit.

    Attributes
    ----------
    case : Case
        Of an estimator.
    n_rows, batch_size, n_steps : int
        The rows of the training and of its mini-batches, and its steps if it runs for ``max_iter`` epochs.
    """

    case: Case
    n_rows: int
    batch_size: int
    n_steps: int

    @classmethod
    def of(cls, case: Case) -> Plan | None:
        """Return the plan of a case; None of a Network, whose trainer is not known."""
        estimator, n_rows = case.estimator, case.patient.n_rows
        if estimator is None:
            return None
        if estimator.solver == "lbfgs":
            return cls(case, n_rows, n_rows, estimator.max_iter)
        batch_size = batch_size_of(estimator, n_rows)
        return cls(case, n_rows, batch_size, estimator.max_iter * math.ceil(n_rows / batch_size))

    @cached_property
    def share_of_rate(self) -> float:
        """What a schedule leaves of the learning rate, on average over the steps."""
        estimator = self.case.estimator
        if estimator.solver == "lbfgs":
            return 1.0
        initial = self.case.subject.optimizer.learning_rate
        schedule = new_schedule(estimator).over(self.n_steps)
        if not initial > 0:
            return 1.0
        steps = np.unique(np.linspace(0, self.n_steps - 1, _SAMPLED).astype(int))
        per_epoch = self.n_steps // estimator.max_iter
        rates = []
        for step in steps.tolist():
            n_seen = step // per_epoch * self.n_rows
            rates.append(float(schedule.rates(initial, initial, step, 1, n_seen)[0]))
        return float(np.mean(rates)) / initial

    @cached_property
    def reach(self) -> float:
        """By how much of itself the loss would fall over all steps, if gradients stayed as they are."""
        if self.case.subject.optimizer is None:
            return math.inf
        fall = -float(self.case.gradient @ self.case.step())
        return fall * self.n_steps * self.share_of_rate / max(self.case.loss, 1e-300)


def planned_training(case: Case, remedy: Remedy | None = None) -> Trial | None:
    """Return what becomes of the training as it is set, on some of the rows; of its beginning if long."""
    if case.estimator is None:
        return case.trial(_UNKNOWN_STEPS, remedy)
    return case.trial(_MOST_STEPS, remedy, _OPERATIONS, own_end=True)


def falls_short(case: Case, trial: Trial) -> bool:
    """Return whether a training learns less than it could; not so where nobody could learn anything."""
    if case.best is None or not case.best > 0 or not case.falls_short(trial.outcome):
        return False
    known = case.reference
    return known is None or not (known.explains_nothing or known.too_few)


def goes_further(own: Trial, other: Trial | None) -> bool:
    """Return whether a training with a remedy learns, and clearly more than one without."""
    return other is not None and other.outcome <= min(_LEARNS, _LESS * own.outcome)


def compared(case: Case, remedy: Remedy, own: Trial, other: Trial) -> str:
    """Return the advice to take a remedy, with what was measured of it."""
    return (
        f"{as_advice(case.patient.words(remedy))}: after {other.n_steps} steps the loss is "
        f"{other.outcome:.2g} times that of the best constant answer, and {in_words(own.outcome)} without."
    )


def ended_by(estimator: BaseMinNet) -> str | None:
    """Return which argument ended a fit: "max_iter" or "tol"; None if none did, as after partial_fit."""
    if estimator.n_iter_ == estimator.max_iter:
        return "max_iter"
    trainer = getattr(estimator, "_trainer", None)
    if estimator.keep is not None:  # no stall ends it
        return None
    if trainer is not None and trainer.no_improvement_count <= estimator.n_iter_no_change:
        return None
    return "tol"


def counted(n: int, what: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> print(counted(1, "step"), counted(2, "epoch"))
    1 step 2 epochs
    """
    return f"{n} {what}{'s' * (n != 1)}"
