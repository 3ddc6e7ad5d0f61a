"""A model with its data, as a user gives them; as it would start, and with a remedy."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from minnet.common.types import ArrayLike, Matrix
from minnet.estimators.base import BaseMinNet
from minnet.lab.diagnosis.losses import outcome_of
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.subject import Subject, subject_of
from minnet.network import Network
from minnet.optimizers import Optimizer

__all__ = ["Patient"]


class Patient:
    """A model and its data.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor or Pipeline that ends in one
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like
    sample_weight : array-like of shape (n_samples,) or None
    optimizer : str, Optimizer or None
    held_out : (X, y) or None
        Rows that the model is not trained on.
    """

    def __init__(
        self,
        model: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        optimizer: str | Optimizer | None = None,
        held_out: tuple[Any, Any] | None = None,
    ) -> None:
        self.model = model
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.optimizer = optimizer
        self.held_out = held_out

    @property
    def estimator(self) -> BaseMinNet | None:
        """The estimator, the last step of a pipeline; None for a Network."""
        last = self.model[-1] if isinstance(self.model, Pipeline) else self.model
        return last if isinstance(last, BaseMinNet) else None

    @property
    def fitted(self) -> bool:
        """Whether the model was trained; unknown of a Network, and then False."""
        return self.estimator is not None and getattr(self.estimator, "n_iter_", 0) > 0

    def subject(self) -> Subject:
        """Return the network, and the data as it takes them."""
        return subject_of(self.model, self.X, self.y, self.sample_weight, self.optimizer)

    def outcome(self, subject: Subject | None = None) -> float:
        """Return the loss of predictions over that of the best constant answer."""
        return outcome_of(self.subject() if subject is None else subject)

    def outcome_held_out(self) -> float | None:
        """Return that of the rows held out; None if there are none."""
        if self.held_out is None:
            return None
        return outcome_of(subject_of(self.model, *self.held_out))

    def at_start(self) -> Patient:
        """Return the same model before its fit; a Network is as it is."""
        return self._with(
            copy.deepcopy(self.model) if self.estimator is None else clone(self.model)
        )

    def after(self, remedy: Remedy) -> Patient:
        """Return the model with a remedy, before its fit; the data of a Network are scaled themselves."""
        scaler = remedy.changes.get("scaler")
        if isinstance(self.model, Network) and scaler is not None:
            others = {name: value for name, value in remedy.changes.items() if name != "scaler"}
            fitted = clone(scaler).fit(self.X)
            new = self._with(Remedy(others).apply(self.model))
            new.X = fitted.transform(self.X)
            if self.held_out is not None:
                new.held_out = (fitted.transform(self.held_out[0]), self.held_out[1])
            return new
        return self._with(remedy.apply(self.model))

    def _with(self, model: Any) -> Patient:
        return Patient(model, self.X, self.y, self.sample_weight, self.optimizer, self.held_out)
