"""Which remedies help: each is made, and the model measured again."""

from __future__ import annotations

import copy
import math
import threading
import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.utils.validation import _num_samples

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import CHECKS, Found, examine
from minnet.lab.diagnosis.patient import Patient, Work
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import MOST_ROWS, Trial, tells_by_its_end, training_of
from minnet.lab.diagnosis.wording import as_advice, with_names
from minnet.lab.subject import Subject

__all__ = ["Proof"]

_STEPS = 300  # of a training to compare with
_LONGER = (100, 300, 1000)  # the same where seconds are given for it, until one has learned
_LEARNED = 0.1  # times the loss of the best constant
_OPERATIONS = 2e10  # floating-point, of all trainings that one choice asks for: about a second
_MOST_SPENT = 1e11  # likewise, of models that are made and measured
_MOST_TRAINED = 4e11  # of their trainings, after which no more are made: some 20 seconds
_A_DRAW, _OF_QR = 200, 20  # of a weight; of each times the shorter side
_A_LAYER = 3e7  # to make, measure and compare it, whatever its size
_MOST_COMPARED = 4
_ALIKE = 0.1  # differences of losses, over that of the best constant
_BETTER = 0.9  # times the loss
_LOWER = 0.98  # times the loss, of a remedy whose finding goes away
_LEARNS_WELL = 0.5  # the same
_NOT_LEARNED = 0.95  # times that of the best constant
_OF_PLAN = {"too_few_steps", "learning_rate_too_low"}  # not looked for where more is wrong
#: What changes what is found in the data: biases are where targets lie, a loss how far off they may.
_OF_DATA = {"scaler", "scale_targets", "shuffle", "bias_init", "loss"}


@dataclass(frozen=True)
class _Made:
    """A model with a remedy, measured."""

    codes: frozenset[str]
    same: bool  # as without
    of_plan: tuple[Found, ...] = ()  # what is found of the planned training


class Proof:
    """Makes remedies and measures the model again.

    It keeps a copy of at most 1000 rows; all of the data, not copied, where what is found does not show
    in those.

    Parameters
    ----------
    patient : Patient
        Before its fit.
    found : dict of str to Found
        What is found in it, by code, most serious first.
    seconds : float
        How long trainings for a comparison may take; 0 for none.
    """

    def __init__(self, patient: Patient, found: dict[str, Found], seconds: float) -> None:
        patient = copy.copy(patient)
        patient.work = Work()  # not what the findings took
        self.patient, self.before, self.seconds = patient, set(found), seconds
        self._found = found
        self._left = seconds
        self._spent = 0.0
        self._sizes: list[tuple[int, int]] | None = None
        self._made: dict[str, _Made | None] = {}
        self._trials: dict[tuple[str, bool], Trial | None] = {}
        self._compared: dict[str, Trial | None] = {}
        self._lock = threading.Lock()
        self._few: Patient | None = patient.of_rows(MOST_ROWS)
        if _num_samples(patient.X) <= MOST_ROWS:
            self.patient, self._few = self._few, None

    def __call__(self, code: str, found: Found) -> tuple[str, Remedy | None]:
        """Return the advice for a finding, and the best of its remedies if one helps."""
        if found.tried:
            return found.advice, found.remedies[0] if found.remedies else None
        with self._lock, _silently():
            self._reduce()
            helps = self._trains if found.by_training else self._removes
            helping: list[Remedy] = []
            for remedy in found.remedies:
                if helping and "hidden_layers" in remedy.changes and not found.must_learn:
                    continue  # another network is the last resort
                if len(helping) == _MOST_COMPARED or not helps(code, remedy):
                    continue
                if helping and self.patient.work.operations > _MOST_TRAINED:
                    break
                if not found.must_learn:
                    helping.append(remedy)
                elif (loss := self._loss_of(remedy)) < _NOT_LEARNED:
                    helping.append(remedy)
                    if loss < _LEARNS_WELL:
                        break  # to try the others takes long
            for best in self._ranked(helping):
                compared = self._comparison(best)
                if compared is not None:
                    return f"{as_advice(self.patient.words(best))}{compared}.", best
            return self._without(code, found, helping), None

    def _reduce(self) -> None:
        """Go on with a copy of few rows, if all that is found shows in those, too."""
        if self._few is None:
            return
        in_few = set(examine(Case(self._few)))
        if self.before <= in_few:
            self.patient, self.before = self._few, in_few
        self._few = None

    def learns(self, remedy: Remedy | None, below: float) -> bool:
        """Return whether the loss of a short training is below so many times that of a constant."""
        with self._lock, _silently():
            self._reduce()
            trial = self._trial(remedy)
        return trial is not None and trial.outcome < below

    def _loss_of(self, remedy: Remedy) -> float:
        """Return the loss of a short training over that of the best constant; 0 if there can be none."""
        trial = self._trial(remedy, operations=_OPERATIONS)
        return 0.0 if trial is None else trial.outcome

    def together(self, remedies: list[tuple[str, Remedy]]) -> Remedy:
        """Return remedies as one, each with what it is for.

        Those are left out with which something new would be found, and those for what has gone with the
        remedies before them: the rate that large inputs bear is too low when they are scaled.
        """
        with self._lock, _silently():
            self._reduce()
            both = remedies[0][1]
            for code, remedy in remedies[1:]:
                gone = code in self.before and code not in self._codes_with(both)
                there = both.changes.keys() & remedy.changes.keys()
                if gone or any(repr(both.changes[k]) != repr(remedy.changes[k]) for k in there):
                    continue
                own = {k: value for k, value in remedy.changes.items() if k not in there}
                words = remedy.words if not there else ""
                words = ", ".join(filter(None, [both.text, Remedy(own, words).text]))
                more = Remedy(both.changes | own, words)
                made = self._with(more)
                if made is not None and made.codes <= self._codes_with(both):
                    both = more
            return self._with_longer_training(both)

    def _with_longer_training(self, both: Remedy) -> Remedy:
        """Return remedies with those of the planned training, which are found only now."""
        made = self._with(both)
        for found in made.of_plan if made is not None else ():
            if not both.changes.keys() & found.remedies[0].changes.keys():
                changes = both.changes | found.remedies[0].changes
                both = Remedy(changes, ", ".join([both.text, found.remedies[0].text]))
        return both

    def keeps(self, remedy: Remedy, code: str) -> bool:
        """Return whether something is found with a remedy, too."""
        with self._lock, _silently():
            self._reduce()
            return code in self._codes_with(remedy)

    # ---- measuring again

    def _removes(self, code: str, remedy: Remedy) -> bool:
        """Return whether a finding goes away with a remedy, and no other comes."""
        made = self._with(remedy)
        if made is None or made.same or code in made.codes:
            return False
        new = made.codes - self.before
        # That a training is too short or too slow shows only when nothing worse is wrong; and what the
        # place of targets costs, only when the outputs can reach them.
        behind = _OF_PLAN | ({"unscaled_targets"} if code == "output_range" else set())
        return not new or (new <= behind and self._better(*self._trial_pair(remedy)))

    def _codes_with(self, remedy: Remedy) -> frozenset[str]:
        made = self._with(remedy)
        return frozenset(self.before) if made is None else made.codes

    def _with(self, remedy: Remedy) -> _Made | None:
        """Return what is found in the model with a remedy; None if there can be no such model."""
        key = repr(remedy)
        if key not in self._made and not self._affordable(remedy):
            self._made[key] = None
        if key not in self._made:
            try:
                after = self.patient.after(remedy)
                case = Case(after)
                same = _unchanged(self.patient, after, remedy) and _same(
                    self.patient.subject(), case.subject
                )
                found = {} if same else self._examined(case, remedy)
                codes = set() if same else found.keys() | self._of_data(remedy)
                of_plan = [found[code] for code in _OF_PLAN - self.before if code in found]
                self._made[key] = _Made(frozenset(codes), same, tuple(of_plan))
            except Exception:  # whatever a layer or an initializer of the user's may raise
                self._made[key] = None
        return self._made[key]

    def _affordable(self, remedy: Remedy) -> bool:
        """Return whether another model may be made and measured; the first always may."""
        network = self.patient.subject().network if self._sizes is None else None
        if network is not None:
            shapes = [row.shape for row in network.parameter_table if row.is_weight]
            self._sizes = [(max(shape), min(shape)) for shape in shapes]
        assert self._sizes is not None
        n_rows = min(self.patient.n_rows, MOST_ROWS)
        cost = _A_LAYER * len(self._sizes)
        cost += sum((_A_DRAW + 6 * n_rows) * long * short for long, short in self._sizes)
        if "orthogonal" in remedy.changes.values():
            cost += sum(_OF_QR * long * short**2 for long, short in self._sizes)
        trained = self.patient.work.operations
        within = self._spent + cost <= _MOST_SPENT and trained <= _MOST_TRAINED
        afford = not self._made or within
        self._spent += cost if afford else 0
        return afford

    def _examined(self, case: Case, remedy: Remedy) -> dict[str, Found]:
        if remedy.changes.keys() & _OF_DATA:
            return examine(case)
        return examine(case, self._of_data(remedy))

    def _of_data(self, remedy: Remedy) -> set[str]:
        """Return what is found in the data, and stays with a remedy that leaves them as they are."""
        if remedy.changes.keys() & _OF_DATA:
            return set()
        return {code for code in self.before if CHECKS[code].of_data}

    # ---- training

    def _trains(self, code: str, remedy: Remedy) -> bool:
        """Return whether a short training goes further with a remedy, and learns something."""
        before, after = self._trial_pair(remedy)
        learned = after is not None and after.outcome < _NOT_LEARNED
        return learned and self._better(before, after)

    def _trial_pair(self, remedy: Remedy) -> tuple[Trial | None, Trial | None]:
        """Return short trainings without a remedy and with it."""
        own_end = tells_by_its_end(remedy.changes)
        return self._trial(None, own_end), self._trial(remedy, own_end)

    def _better(self, before: Trial | None, after: Trial | None) -> bool:
        if before is None or after is None:
            return after is not None
        return after.outcome < _BETTER * before.outcome

    def _ranked(self, remedies: list[Remedy]) -> list[Remedy]:
        """Return remedies by how far a short training goes with them; alike, as the check has them."""
        if len(remedies) < 2:
            return remedies
        trials = [self._trial(remedy, tells_by_its_end(remedy.changes)) for remedy in remedies]
        outcomes = [math.inf if trial is None else trial.outcome for trial in trials]
        best = min(outcomes)
        first = next(i for i, outcome in enumerate(outcomes) if outcome <= best + _ALIKE)
        others = [i for i in np.argsort(outcomes, kind="stable") if i != first]
        return [remedies[i] for i in [first, *others]]

    def _trial(
        self,
        remedy: Remedy | None,
        own_end: bool = False,
        operations: float = _OPERATIONS / _MOST_COMPARED,
    ) -> Trial | None:
        """Return a short training with a remedy, or of the model as it is."""
        key = repr(remedy), own_end
        if key not in self._trials:
            self._trials[key] = self._train(remedy, _STEPS, operations, own_end=own_end)
        return self._trials[key]

    def _train(
        self, remedy: Remedy | None, n_steps: int, operations: float, **options: Any
    ) -> Trial | None:
        try:
            patient = self.patient if remedy is None else self.patient.after(remedy)
            return training_of(patient, n_steps, operations, **options)
        except Exception:  # as above
            return None

    # ---- where there are seconds for it

    def _comparison(self, remedy: Remedy) -> str | None:
        """Return what training says of a remedy; nothing if it was not asked; None if it does not help."""
        own_end = tells_by_its_end(remedy.changes)
        pair = None
        for n_steps in _LONGER[-1:] if own_end else _LONGER:
            before = self._longer(None, n_steps, own_end)
            if before is None:
                break
            after = self._longer(remedy, n_steps if own_end else before.n_steps, own_end)
            if after is None:
                break
            pair = before, after
            if min(before.outcome, after.outcome) < _LEARNED or before.n_steps < n_steps:
                break
        if pair is None:
            return ""
        before, after = pair
        if not after.outcome < _LOWER * before.outcome:
            return None
        text = (
            f": after {after.n_steps} steps the loss is {after.outcome:.2g} times that of the best "
            f"constant answer, and {_times(before.outcome)} without"
        )
        held_out, without = after.held_out, before.held_out
        if held_out is None or without is None or math.isnan(held_out) or math.isnan(without):
            return text  # of a single row a constant tells all
        text += f"; on the rows held out {held_out:.2g} and {_times(without)}"
        return text

    def _longer(self, remedy: Remedy | None, n_steps: int, own_end: bool) -> Trial | None:
        """Return a training that takes a share of the seconds; None where none are left."""
        key = repr((remedy, n_steps, own_end))
        if key not in self._compared:
            if not self._left > 0:
                return None
            began = perf_counter()
            share = min(self._left, self.seconds / _MOST_COMPARED)
            self._compared[key] = self._train(
                remedy, n_steps, math.inf, seconds=share, own_end=own_end
            )
            self._left -= perf_counter() - began
        return self._compared[key]

    def _without(self, code: str, found: Found, helping: list[Remedy]) -> str:
        """Return the advice where no remedy is said."""
        if helping:  # so a training was asked for
            tried = " and ".join(self.patient.words(remedy) for remedy in helping)
            return f"A short training is not better with what mends it: {tried}."
        if found.remedies and not found.advice:
            if (remedy := self._of_its_cause(code)) is not None:
                return f"What mends the cause mends this, too: {self.patient.words(remedy)}."
            tried = " nor ".join(self.patient.words(remedy) for remedy in found.remedies)
            return f"This batch does not show what would help: not {tried}."
        return with_names(found.advice, self.patient.layer_names)

    def _of_its_cause(self, code: str) -> Remedy | None:
        """Return the remedy of what is more serious, if this finding goes away with it, too."""
        for other, what in self._found.items():
            if other == code:
                return None
            for remedy in what.remedies:
                if self._removes(other, remedy):
                    made = self._with(remedy)
                    if made is not None and code not in made.codes:
                        return remedy
                    break
        return None


def _times(outcome: float) -> str:
    return f"{outcome:.2g}" if math.isfinite(outcome) else "is not finite"


def _silently() -> warnings.catch_warnings:
    return warnings.catch_warnings(action="ignore")


def _unchanged(before: Patient, after: Patient, remedy: Remedy) -> bool:
    """Return whether an estimator has all that a remedy says, so far as its network does not tell."""
    if before.estimator is None or after.estimator is None:
        return True
    old = before.estimator.get_params(deep=False)
    new = after.estimator.get_params(deep=False)
    of_network = {"init", "bias_init", "layers", "hidden_layer_sizes", "activation", "batch_norm"}
    told = (remedy.changes.keys() & old.keys()) - of_network
    return all(bool(old[name] == new[name]) for name in told)


def _same(before: Subject, after: Subject) -> bool:
    """Return whether networks start alike, with the same data and steps."""
    a, b = before.network, after.network
    return (
        a.layers == b.layers
        and np.array_equal(a.params, b.params)
        and a.alpha == b.alpha
        and before.optimizer == after.optimizer
        and before.X.shape == after.X.shape
        and _close(before.X, after.X)
        and _close(before.T, after.T)
    )


def _close(A: Any, B: Any) -> bool:
    difference = abs(A - B)
    return bool(difference.max() <= 1e-6 * abs(A).max())
