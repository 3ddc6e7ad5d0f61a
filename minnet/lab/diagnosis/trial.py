"""Short trainings: of a model as it is, and with a remedy."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from minnet.estimators.solvers import batch_size_of
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.subject import Subject
from minnet.training import Trainer

__all__ = ["Trial", "training_of"]

_MOST_ROWS = 1000
_FEWEST_STEPS = 10  # tell something
_PER_WEIGHT = 6  # operations of a step for each row of the batch
_BATCH = 32  # of a Network, whose training is not known


@dataclass(frozen=True)
class Trial:
    """What a short training came to.

    Attributes
    ----------
    n_steps : int
        How long it was.
    outcome : float
        The loss of predictions on the rows of the training over that of the best answer that is the same
        for all: 1 where nothing was learned; infinite where the training diverged.
    held_out : float or None
        The same of the rows held out.
    model : object
        What was trained.
    """

    n_steps: int
    outcome: float
    held_out: float | None
    model: Any


def training_of(patient: Patient, n_steps: int, operations: float) -> Trial | None:
    """Train a model from its start for some steps, by its own rules but for when to stop.

    Parameters
    ----------
    patient : Patient
        Is not changed. At most 1000 of its rows are used, evenly spaced.
    n_steps : int
        At most so many; fewer of a large network.
    operations : float
        Floating-point operations that it may take.

    Returns
    -------
    Trial or None
        None where it would be too short to tell anything, or the network's training is not known.
    """
    X, y, weights = _some_rows(patient)
    n_rows = _num_samples(X)
    small = Patient(patient.at_start().model, X, y, weights, patient.optimizer, patient.held_out)
    subject = small.subject()
    if small.estimator is None and subject.optimizer is None:
        return None
    lbfgs = small.estimator is not None and small.estimator.solver == "lbfgs"
    if lbfgs:
        batch_size = n_rows
    elif small.estimator is None:
        batch_size = min(_BATCH, n_rows)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch_size = batch_size_of(small.estimator, n_rows)
    n_weights = sum(
        row.slice.stop - row.slice.start for row in subject.network.parameter_table if row.is_weight
    )
    affordable = operations / (_PER_WEIGHT * max(n_weights, 1) * batch_size)
    n_steps = int(min(n_steps, affordable))
    if n_steps < _FEWEST_STEPS:
        return None
    n_epochs = max(1, round(n_steps * batch_size / n_rows))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if small.estimator is None:
                trained = _train_network(subject, batch_size, n_epochs)
            else:
                trained = _train_estimator(small, n_epochs, weights)
            outcome, held_out = (
                small._with(trained).outcome(),
                small._with(trained).outcome_held_out(),
            )
    except (ValueError, FloatingPointError):  # diverged
        return Trial(n_steps, math.inf, None, None)
    return Trial(n_steps, outcome if math.isfinite(outcome) else math.inf, held_out, trained)


def _some_rows(patient: Patient) -> tuple[Any, Any, Any]:
    n = _num_samples(patient.X)
    if n <= _MOST_ROWS:
        return patient.X, patient.y, patient.sample_weight
    rows = np.linspace(0, n - 1, _MOST_ROWS).round().astype(int)
    X, y = _safe_indexing(patient.X, rows), _safe_indexing(patient.y, rows)
    weights = patient.sample_weight
    return X, y, None if weights is None or np.ndim(weights) == 0 else _safe_indexing(weights, rows)


def _train_network(subject: Subject, batch_size: int, n_epochs: int) -> Any:
    trainer = Trainer(subject.network, subject.optimizer, batch_size=batch_size, tol=0.0)
    trainer.n_iter_no_change = n_epochs
    trainer.fit(subject.X, subject.T, subject.weights, max_epochs=n_epochs)
    return subject.network


def _train_estimator(patient: Patient, n_epochs: int, weights: Any) -> Any:
    model = patient.model
    last = patient.estimator
    assert last is not None
    last.set_params(
        max_iter=n_epochs,
        tol=0.0,
        n_iter_no_change=max(n_epochs, 1),
        early_stopping=False,
        verbose=False,
    )
    if weights is None:
        return model.fit(patient.X, patient.y)
    if model is last:
        return model.fit(patient.X, patient.y, sample_weight=weights)
    name = model.steps[-1][0]
    return model.fit(patient.X, patient.y, **{f"{name}__sample_weight": weights})
