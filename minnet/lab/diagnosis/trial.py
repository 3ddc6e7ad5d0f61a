"""Short trainings: of a model as it is, and with a remedy."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import _num_samples

from minnet.estimators.base import BaseMinNet
from minnet.estimators.solvers import batch_size_of
from minnet.lab.diagnosis.losses import errors_of
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.subject import Subject
from minnet.training import Trainer
from minnet.training.callback import Callback, StopTraining
from minnet.training.step_timer import StepTimer

__all__ = ["Trial", "training_of"]

MOST_ROWS = 1000
_FEWEST_STEPS = 10  # tell something
_BATCH = 32  # of a Network, whose training is not known
_PER_SECOND = 5e9  # floating-point operations of lbfgs, which does not look at the clock

# What a step costs beside the products, in floating-point operations: measured roughly.
_PER_WEIGHT = 10  # in the optimizer
_PER_UNIT = 30  # and row: activation, its derivative, normalization
_PER_LAYER = 1e4  # of calls; and where Python computes
_PER_LAYER_IN_PYTHON = 1e6
_IN_C = ("minnet.layers", "minnet.residual")

#: Arguments that say when a training ends: whether another value helps only whole trainings can tell.
_OF_THE_END = (
    "max_iter", "tol", "n_iter_no_change", "early_stopping", "validation_fraction", "keep"
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """What a short training came to.

    Attributes
    ----------
    n_steps : int
        How long it was; iterations of lbfgs.
    outcome : float
        The loss of predictions on the rows of the training over that of the best answer that is the same
        for all: 1 where nothing was learned; infinite where the training diverged.
    held_out : float or None
        The same of the rows held out.
    model : object
        What was trained; None where that failed.
    wrong, errors : float
        The share of wrong answers, and as ``outcome`` it over that of the best constant answer; NaN where
        there are no classes.
    """

    n_steps: int
    outcome: float
    held_out: float | None
    model: Any
    wrong: float = math.nan
    errors: float = math.nan

    @property
    def left(self) -> float:
        """The less of ``outcome`` and ``errors``: what was not learned."""
        return self.outcome if math.isnan(self.errors) else min(self.outcome, self.errors)


def training_of(
    patient: Patient,
    n_steps: int,
    operations: float,
    *,
    seconds: float = math.inf,
    own_end: bool = False,
) -> Trial | None:
    """Train a model from its start for some steps, by its own rules but for when to stop.

    Parameters
    ----------
    patient : Patient
        Is not changed. At most 1000 of its rows are used, by chance.
    n_steps : int
        At most so many; fewer of a large network.
    operations : float
        Floating-point operations that it may take.
    seconds : float, default=inf
        That it may take; the result then depends on the clock.
    own_end : bool, default=False
        Whether it also stops where the model's fit would stop.

    Returns
    -------
    Trial or None
        None where it would be too short to tell anything, or the network's training is not known.
    """
    small = patient.at_start().of_rows(MOST_ROWS)
    with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        subject = small.subject()
        if small.estimator is None and subject.optimizer is None:
            return None
        batch_size = _batch_size(small)
        lbfgs = small.estimator is not None and small.estimator.solver == "lbfgs"
        cost = _operations(subject, batch_size) * (2 if lbfgs else 1)  # a line search has more
        if lbfgs and seconds < math.inf:
            operations = min(operations, _PER_SECOND * seconds)
        n_steps = int(min(n_steps, operations / cost))
        if n_steps < _FEWEST_STEPS:
            return None
        stop = _StopAfter(n_steps, seconds)
        # The objective divides the L2 term by the rows of the training, of which some are here.
        share = _num_samples(small.X) / patient.n_rows
        if seconds == math.inf:
            patient.work.operations += n_steps * cost
        try:
            if small.estimator is None:
                if patient._torch is None:  # whose weight decay does not depend on the rows
                    subject.network.alpha *= share
                _train_network(subject, batch_size, stop)
                trained: Any = small._with(subject.network)
            else:
                small.estimator.set_params(alpha=small.estimator.alpha * share)
                longer: float | None = None
                if own_end:
                    longer = _steps_an_epoch(small.estimator, patient.n_rows)
                    longer /= _steps_an_epoch(small.estimator, _num_samples(small.X))
                trained = small._with(_train_estimator(small, batch_size, stop, longer))
            outcome, held_out = trained.outcome(), trained.outcome_held_out()
            wrong, errors = errors_of(trained.subject())
        except Exception:
            # It diverged, or a layer of the user's cannot go on: no training either way.
            return Trial(stop.n_steps, math.inf, None, None)
    if any("interrupted by user" in str(warning.message) for warning in said):
        raise KeyboardInterrupt  # it was for all that is going on, not for this training
    n_taken = trained.estimator.n_iter_ if lbfgs else stop.n_steps
    outcome = outcome if math.isfinite(outcome) else math.inf
    return Trial(n_taken, outcome, held_out, trained.model, wrong, errors)


class _StopAfter(Callback):
    """Ends a training after so many steps or seconds, and notes how many steps there were."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds, self.n_steps = most, seconds, 0

    def begin(self, trainer: Any) -> None:
        """Start the clock."""
        self.until = perf_counter() + self.seconds
        self.timer = StepTimer(trainer)
        self.due = self.most if self.seconds == math.inf else 1

    def next_step(self, trainer: Any) -> int | None:
        """Return the last step, or that at which to look at the clock."""
        return self.due

    def at_step(self, trainer: Any) -> None:
        """End the training if it is time."""
        left = self.until - perf_counter()
        if trainer.n_steps >= self.most or left <= 0:
            raise StopTraining("This short training is over.")
        self.due = min(self.timer.after(trainer, left / 2), self.most)

    def end(self, trainer: Any) -> None:
        """Note the steps."""
        self.n_steps = trainer.n_steps

    abort = end


def _batch_size(patient: Patient) -> int:
    n_rows = _num_samples(patient.X)
    if patient.estimator is None:
        return min(_BATCH, n_rows)
    return (
        n_rows if patient.estimator.solver == "lbfgs" else batch_size_of(patient.estimator, n_rows)
    )


def _steps_an_epoch(estimator: BaseMinNet, n_rows: int) -> int:
    return (
        1 if estimator.solver == "lbfgs" else math.ceil(n_rows / batch_size_of(estimator, n_rows))
    )


def _operations(subject: Subject, batch_size: int) -> float:
    """Return about how many floating-point operations a step takes."""
    network, X = subject.network, subject.X
    n_inputs = X.nnz / X.shape[0] if sparse.issparse(X) else X.shape[1]
    total = 0.0
    for row in network.parameter_table:
        n = row.slice.stop - row.slice.start
        reached = n * n_inputs / X.shape[1] if row.layer == 0 else n
        total += _PER_WEIGHT * n + (6 * batch_size * reached if row.is_weight else 0)
    in_c = all(type(layer).__module__ in _IN_C for layer in network.layers)
    per_layer = _PER_LAYER if in_c else _PER_LAYER_IN_PYTHON
    return total + sum(_PER_UNIT * batch_size * n + per_layer for n in network.sizes[1:])


def _train_network(subject: Subject, batch_size: int, stop: _StopAfter) -> None:
    trainer = Trainer(subject.network, subject.optimizer, batch_size=batch_size, tol=0.0)
    trainer.n_iter_no_change = math.inf
    trainer.fit(subject.X, subject.T, subject.weights, max_epochs=stop.most, callbacks=[stop])


def _train_estimator(
    patient: Patient, batch_size: int, stop: _StopAfter, longer: float | None
) -> Any:
    """Train an estimator; to its own end where it is said how many times as many rows there are."""
    estimator = patient.estimator
    assert estimator is not None
    n_rows = _num_samples(patient.X)
    lbfgs = estimator.solver == "lbfgs"
    n_epochs = stop.most if lbfgs else math.ceil(stop.most * batch_size / n_rows)
    if longer is not None:
        own: dict[str, Any] = {
            "max_iter": min(max(1, round(estimator.max_iter * longer)), max(n_epochs, 1))
        }
        if not estimator.early_stopping:  # the set of X_val is not here
            own["keep"] = "last" if estimator.keep == "best" else estimator.keep
    else:
        own = {"max_iter": max(n_epochs, 1), "tol": 0.0, "early_stopping": False, "scoring": None}
        own |= {"n_iter_no_change": max(n_epochs, 1), "keep": None}
    if hasattr(estimator, "calibrate"):
        own["calibrate"] = False
    if callable(estimator.scoring) and longer is not None:
        own["scoring"] = "loss"  # a scorer of the user's own is not to notice
    estimator.set_params(warm_start=False, n_networks=1, **own).set_callbacks(stop)
    return estimator.fit(patient.X, patient.y, sample_weight=patient.sample_weight)


def tells_by_its_end(changes: dict[str, Any]) -> bool:
    """Return whether a change is one of when a training ends."""
    return any(name in _OF_THE_END for name in changes)
