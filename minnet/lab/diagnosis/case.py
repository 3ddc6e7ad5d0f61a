"""What the checks look at: a network with a batch, measured, and what is known of its training."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from minnet.common.types import Array, Matrix
from minnet.lab.diagnosis.first_steps import FirstSteps
from minnet.lab.diagnosis.losses import errors_of, logits_of, loss_of_data, outcome_of
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.reference import Reference, reference_of
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.stability import Stability, stability_of
from minnet.lab.diagnosis.trial import Trial, training_of
from minnet.lab.measurement import Measurement
from minnet.lab.probe import measure, one_pass
from minnet.lab.rows import first_inputs, on_main_line
from minnet.lab.subject import Subject, step_of
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear
from minnet.training.constant_answer import loss_of_constant

__all__ = ["Case"]

_LEARNED = 0.5  # of the loss of the best constant
_FEW_WRONG = 0.2  # of the errors of the best constant: it may be sure of them
_NOTHING = 0.95
_GOES_ON = 0.9  # times the loss
_STEPS = 300
_SHARE = 0.75  # of what can be explained


class Case:
    """A patient's network, measured on the batch.

    Parameters
    ----------
    patient : Patient
    whole : Patient or None
        With all rows, where the patient has some of them.
    """

    subject: Subject
    m: Measurement
    gradient: Array

    def __init__(self, patient: Patient, whole: Patient | None = None) -> None:
        self.patient = patient
        self.whole = patient if whole is None else whole
        self.subject = patient.subject()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            passed = one_pass(self.subject)
        self.m = measure(self.subject, passed=passed)
        assert passed[1] is not None
        self.gradient = passed[1]
        self._trials: dict[tuple[int, str, float, bool], Trial | None] = {}

    @property
    def network(self) -> Network:
        """That is looked at."""
        return self.subject.network

    @property
    def X(self) -> Matrix:
        """Its inputs."""
        return self.subject.X

    @cached_property
    def first_inputs(self) -> Matrix:
        """What its first weights are given: the inputs, or what a PiecewiseLinear makes of them."""
        return first_inputs(self.network, self.X)

    @property
    def encodes(self) -> bool:
        """Whether its first layer encodes the columns, by edges and codes that a scaler would miss."""
        return isinstance(self.network.layers[0], PiecewiseLinear)

    @property
    def estimator(self) -> Any:
        """The estimator whose network it is, or None."""
        return self.patient.estimator

    @cached_property
    def fitted(self) -> bool:
        """Whether it has been trained."""
        return self.patient.fitted

    @cached_property
    def loss(self) -> float:
        """In a pass of training, without the penalty of the weights."""
        return loss_of_data(self.subject, self.m)

    @cached_property
    def best(self) -> float | None:
        """The loss of the best answer that is the same for all rows."""
        return loss_of_constant(self.network, self.subject.T, self.subject.weights)

    @cached_property
    def outcome(self) -> float:
        """The loss of the network's predictions over that of the best constant answer; NaN if unknown.

        Unlike ``loss`` it is that of inference: without dropout, with running averages.
        """
        return outcome_of(self.subject, self.logits)

    @cached_property
    def errors(self) -> float:
        """The wrong answers over those of the best constant answer; NaN where none are."""
        return errors_of(self.subject, self.logits)[1]

    @cached_property
    def logits(self) -> Array:
        """Of inference."""
        return logits_of(self.subject)

    @cached_property
    def subject_held_out(self) -> Subject | None:
        """The same network with the rows held out; None if there are none."""
        return self.patient.subject_held_out()

    @cached_property
    def outcome_held_out(self) -> float:
        """The outcome on the rows held out; NaN where there are none."""
        held_out = self.subject_held_out
        return np.nan if held_out is None else outcome_of(held_out)

    @cached_property
    def errors_held_out(self) -> float:
        """The errors on the rows held out; NaN where there are none."""
        held_out = self.subject_held_out
        return np.nan if held_out is None else errors_of(held_out)[1]

    @cached_property
    def reference(self) -> Reference | None:
        """What other models explain of the targets; None if that cannot be told. Takes half a second."""
        return reference_of(self.subject)

    @cached_property
    def learned(self) -> bool:
        """Then gradients come from few samples, and weights may be large.

        What noise does not let anybody learn a fit need not have learned.
        """
        if self.best is None:
            return False
        if not self.fitted:
            return self.loss < _LEARNED * self.best
        if self.outcome < _LEARNED or self.errors < _FEW_WRONG:
            return True
        if self.outcome < 1 and self.reference is not None and self.reference.explains_nothing:
            # Then it knows its rows by heart, unless it tells others.
            return self.outcome_held_out < _NOTHING
        return not self.falls_short(self.outcome)

    def falls_short(self, outcome: float) -> bool:
        """Return whether a training with such an outcome has learned less than it could."""
        if outcome < _LEARNED:
            return False
        if not outcome < 1:
            return True
        if self.reference is None or self.reference.explains_nothing:
            return outcome >= _NOTHING
        return 1 - outcome < _SHARE * (1 - self.reference.outcome)

    @cached_property
    def failed(self) -> bool:
        """Whether a fit has learned less than it could; of a Network also, whether it would not go on."""
        if not self.fitted or not self.outcome >= _LEARNED or self.learned:
            return False
        if self.estimator is not None:
            return True
        trial = self.trial(_STEPS)  # its weights may be those of the user's own initialization
        return trial is None or not trial.outcome < _GOES_ON * self.outcome

    @property
    def learned_nothing(self) -> bool:
        """Whether a fit answers no better than one that is the same for all rows."""
        return self.failed and self.outcome >= _NOTHING

    @cached_property
    def hidden(self) -> Array:
        """Places of the hidden rows to compare by depth; none where nothing is to be said of signals.

        Of a residual block it is the sum alone, past whose branch signals go.
        """
        if self.learned:
            return np.zeros(0, np.int64)
        on_main = on_main_line(self.network, list(map(int, self.m.index)))
        return np.flatnonzero(self.m.hidden & np.array(on_main, dtype=bool))

    @cached_property
    def first_steps(self) -> FirstSteps:
        """Trainings that are judged by rows held out, of the model as it is and with remedies."""
        return FirstSteps(self.patient)

    @cached_property
    def stability(self) -> Stability | None:
        """The learning rate beside the curvature; None but for gradient descent.

        Takes the time of some 20 gradients.
        """
        return stability_of(self.subject)

    def step(self, clipped: bool = True) -> Array:
        """Return the first step, of all parameters, as if momentum went on; zeros without an optimizer."""
        optimizer = self.subject.optimizer
        if optimizer is None:
            return np.zeros_like(self.gradient)
        clip = self.subject.clip if clipped else None
        first = replace(self.subject, optimizer=optimizer.copy(), clip=clip)
        momentum = optimizer.constants().get("momentum", 0.0)
        return step_of(first, self.gradient) / max(1 - momentum, 1e-3)

    def trial(
        self,
        n_steps: int,
        remedy: Remedy | None = None,
        operations: float = 5e9,
        own_end: bool = False,
    ) -> Trial | None:
        """Return a short training from the start, with a remedy if one is given; None if it cannot be."""
        key = n_steps, repr(remedy), operations, own_end
        if key not in self._trials:
            try:
                patient = self.patient.at_start() if remedy is None else self.patient.after(remedy)
                trial = training_of(patient, n_steps, operations, own_end=own_end)
            except ValueError:  # there is no such model
                trial = None
            self._trials[key] = trial
        return self._trials[key]
