"""Which remedies help: each is made, and the model measured again."""

from __future__ import annotations

import math
from time import perf_counter

import numpy as np

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, examine
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import Trial, training_of

__all__ = ["Proof"]

_STEPS = 300  # of a training to compare with
_OPERATIONS = 2e10  # floating-point, of all trainings that one choice asks for: about a second
_PER_SECOND = 1e10
_MOST_COMPARED = 4
_BETTER = 0.9  # times the loss
_NOT_LEARNED = 0.95  # times that of the best constant


class Proof:
    """Makes remedies and measures the model again.

    Parameters
    ----------
    patient : Patient
        Before its fit.
    before : set of str
        Codes of what is found in it.
    seconds : float
        How long trainings for a comparison may take; 0 for none.
    """

    def __init__(self, patient: Patient, before: set[str], seconds: float) -> None:
        self.patient, self.before, self.seconds = patient, before, seconds
        self._until = perf_counter() + seconds
        self._codes: dict[str, set[str] | None] = {}
        self._trials: dict[str, Trial | None] = {}

    def __call__(self, code: str, found: Found) -> tuple[str, Remedy | None]:
        """Return the advice for a finding, and the best of its remedies if one helps."""
        helps = self._trains if found.by_training else self._removes
        helping: list[Remedy] = []
        for remedy in found.remedies:
            if len(helping) < _MOST_COMPARED and helps(code, remedy):
                helping.append(remedy)
        best = self._quickest(helping)
        if best is not None:
            return f"Set {best.text}{self._compared(best)}.", best
        if found.remedies and not found.advice:
            tried = " nor ".join(remedy.text for remedy in found.remedies)
            return f"This batch does not show what would help: not {tried}.", None
        return found.advice, None

    def _removes(self, code: str, remedy: Remedy) -> bool:
        """Return whether a finding goes away with a remedy, and no other comes."""
        key = repr(remedy)
        if key not in self._codes:
            try:
                self._codes[key] = set(examine(Case(self.patient.after(remedy))))
            except ValueError:  # such a model cannot be made
                self._codes[key] = None
        after = self._codes[key]
        return after is not None and code not in after and after <= self.before

    def _trains(self, code: str, remedy: Remedy) -> bool:
        """Return whether a short training goes further with a remedy, and learns something."""
        before, after = self.trial(None), self.trial(remedy)
        if after is None or not after.outcome < _NOT_LEARNED:
            return False
        return before is None or after.outcome < _BETTER * before.outcome

    def _quickest(self, remedies: list[Remedy]) -> Remedy | None:
        """Return the remedy with which a short training goes furthest."""
        if len(remedies) < 2:
            return remedies[0] if remedies else None
        trials = [self.trial(remedy) for remedy in remedies]
        # A tenth is no difference: then the order in which the check named them counts.
        outcomes = [math.inf if trial is None else round(trial.outcome, 1) for trial in trials]
        return remedies[int(np.argmin(outcomes))]

    def trial(self, remedy: Remedy | None) -> Trial | None:
        """Return a short training with a remedy, or of the model as it is."""
        key = repr(remedy)
        if key not in self._trials:
            patient = self.patient if remedy is None else self.patient.after(remedy)
            operations = max(_OPERATIONS, _PER_SECOND * self.seconds) / _MOST_COMPARED
            self._trials[key] = training_of(patient, _STEPS, operations)
        return self._trials[key]

    def _compared(self, remedy: Remedy) -> str:
        """Return what training says of a remedy, if that was asked for and there is time left."""
        if perf_counter() > self._until:
            return ""
        before, after = self.trial(None), self.trial(remedy)
        if before is None or after is None:
            return ""
        return (
            f": after {after.n_steps} steps the loss is {after.outcome:.2g} times that of the best "
            f"constant answer, and {before.outcome:.2g} times without"
        )
