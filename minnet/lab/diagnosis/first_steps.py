"""The first steps of a training, of a model as it is and with a remedy, judged by rows held out."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples

from minnet.estimators.data import rows_of
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import Trial, training_of

__all__ = ["FirstSteps"]

# Losses over that of the best constant answer, and how often that of the better is in the other's.
_NOTHING, _HARDLY_LEARNS, _LEARNS = 0.95, 0.5, 0.15
_NUMBERS_LEARN = 0.3
_SLIGHTLY, _SLOWER, _MUCH_SLOWER = 1.2, 1.5, 3.0

_OPERATIONS = 4e9  # floating-point, of one training
_MOST_ROWS = 1500
_FEWEST_ROWS = 60  # of which a third tells something
_OTHER_NUMBERS = 20260  # a random state
_ANEW = Remedy({})  # a Network with new weights, which it has with every remedy
_OF_A_NETWORK = "adam"  # whose optimizer is not known


class FirstSteps:
    """Losses after the first steps of a training, over that of the best constant answer.

    Each model is trained on two thirds of the rows and judged by the rest: inputs of a hundred times the
    usual size are soon learned by heart, and tell nothing of other rows.

    Parameters
    ----------
    patient : Patient
        Is not changed.
    n_steps : int
        How many steps there are, of a network that is not too large for it.
    """

    def __init__(self, patient: Patient, n_steps: int = 300) -> None:
        self.n_steps = n_steps
        n = _num_samples(patient.X)
        rows = np.linspace(0, n - 1, min(n, _MOST_ROWS)).round().astype(int)
        own, others = _parted(patient, rows) if n >= _FEWEST_ROWS else (rows, rows[:0])
        self.patient = new = patient.at_start()
        new.X, new.y = _rows_of(patient, own)
        new.held_out = _rows_of(patient, others) if len(others) else None
        if patient.sample_weight is not None and np.ndim(patient.sample_weight):
            new.sample_weight = rows_of(patient.sample_weight, own)
        if patient.estimator is None and patient.optimizer is None:
            new.optimizer = _OF_A_NETWORK
        self._trials: dict[str, tuple[Patient, Trial] | None] = {}
        self._of_other_numbers = False

    def trained(self) -> Any:
        """Return the model as it is after the first steps; None where that cannot be."""
        tried = self._tried(_ANEW if self.patient.estimator is None else None)
        return None if tried is None else tried[1].model

    def loss(self, remedy: Remedy | None = None) -> float:
        """Return the loss over that of the best constant answer; NaN if it is not known."""
        tried = self._tried(remedy)
        if tried is None:
            return math.nan
        trial = tried[1]
        loss = trial.outcome if trial.held_out is None else trial.held_out
        return math.inf if math.isnan(loss) else loss

    def loss_of_worst_output(self, remedy: Remedy | None = None) -> float:
        """Return the same of the output that is worst off, as squares; of numbers alone."""
        tried = self._tried(remedy)
        if tried is None or tried[1].model is None:
            return math.nan if tried is None else math.inf
        patient, trial = tried
        X, y = (patient.X, patient.y) if patient.held_out is None else patient.held_out
        T = np.asarray(y, dtype=np.float64).reshape(_num_samples(X), -1)
        with np.errstate(all="ignore"):
            errors = np.square(trial.model.predict(X).reshape(T.shape) - T).mean(axis=0)
        varying = T.var(axis=0) > 0
        ratios = errors[varying] / T.var(axis=0)[varying]
        return float(np.nan_to_num(ratios, nan=math.inf).max()) if ratios.size else math.nan

    def better_with(
        self,
        remedies: Sequence[Remedy],
        far: bool = False,
        *,
        of_worst_output: bool = False,
        anew: bool = True,
        or_else: Remedy | None = None,
    ) -> bool:
        """Return whether the model is clearly better with one of the remedies.

        Where it learns nothing it has to be so with other random numbers, too.

        Parameters
        ----------
        remedies : list of Remedy
        far : bool
            Whether what they change is so far from the usual that less proof is asked for, and none
            where nothing is learned either way or nothing can be tried.
        of_worst_output : bool
            Whether the output that is worst off counts, not all of them together.
        anew : bool
            Whether a Network is compared with one like it of new weights, not with itself.
        or_else : Remedy or None
            What is simpler: the others have to be clearly better than with it, too.
        """
        loss = self.loss_of_worst_output if of_worst_output else self.loss
        before = loss(_ANEW if anew and self.patient.estimator is None else None)
        if before <= (_NUMBERS_LEARN if of_worst_output else _LEARNS) and not far:
            return False
        if not any(_clearly_better(before, loss(remedy), far) for remedy in remedies):
            return False
        if or_else is not None:
            simpler = loss(or_else)
            if not any(_clearly_better(simpler, loss(remedy), far) for remedy in remedies):
                return False
        if self.patient.estimator is None or before < _NOTHING or far or self._of_other_numbers:
            return True
        other = self._with_other_numbers
        return other.better_with(remedies, of_worst_output=of_worst_output, or_else=or_else)

    @cached_property
    def _with_other_numbers(self) -> FirstSteps:
        """The same of another random state."""
        other = copy.copy(self)
        other.patient = self.patient.after(Remedy({"random_state": _OTHER_NUMBERS}))
        other.patient.held_out = self.patient.held_out
        other._trials, other._of_other_numbers = {}, True
        return other

    def _tried(self, remedy: Remedy | None) -> tuple[Patient, Trial] | None:
        """Return a model with a remedy, and its training; None where that cannot be."""
        key = repr(remedy)
        if key not in self._trials:
            self._trials[key] = self._train(remedy)
        return self._trials[key]

    def _train(self, remedy: Remedy | None) -> tuple[Patient, Trial] | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                patient = self.patient if remedy is None else self.patient.after(remedy)
                trial = training_of(patient, self.n_steps, _OPERATIONS)
            except ValueError:  # no such model can be made
                return None
        return None if trial is None else (patient, trial)


def _clearly_better(before: float, after: float, far: bool) -> bool:
    if math.isnan(before) or math.isnan(after) or min(before, after) >= _NOTHING:
        return far
    if far:
        return before > after
    if before >= _NOTHING:
        return before > _SLIGHTLY * after
    return before > (_SLOWER if before > _HARDLY_LEARNS else _MUCH_SLOWER) * after


def _parted(patient: Patient, rows: Any) -> tuple[Any, Any]:
    """Return two thirds of rows and the rest, both in their order; no class is in the rest alone."""
    drawn = np.random.default_rng(0).permutation(len(rows))
    third = len(rows) // 3
    own, others = rows[np.sort(drawn[third:])], rows[np.sort(drawn[:third])]
    labels = np.asarray(patient.y)
    if patient.estimator is not None and is_classifier(patient.estimator) and labels.ndim == 1:
        others = others[np.isin(labels[others], labels[own])]
    return own, others


def _rows_of(patient: Patient, rows: Any) -> tuple[Any, Any]:
    return rows_of(patient.X, rows), rows_of(patient.y, rows)
