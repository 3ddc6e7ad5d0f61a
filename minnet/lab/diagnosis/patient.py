"""A model with its data, as a user gives them; as it would start, and with a remedy."""

from __future__ import annotations

import copy
import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.utils.validation import _num_samples

from minnet.common.types import Array, ArrayLike, Matrix
from minnet.estimators.base import BaseMinNet
from minnet.estimators.data import check_data, rows_of
from minnet.estimators.fitted import Fitted
from minnet.lab.diagnosis.losses import outcome_of
from minnet.lab.diagnosis.remedy import Remedy, changed_optimizer
from minnet.lab.diagnosis.wording import change_in_words
from minnet.lab.subject import Subject, last_step, subject_of
from minnet.network import Network
from minnet.optimizers import Optimizer, get_optimizer
from minnet.pytorch.recognition import is_torch_model

__all__ = ["Patient"]


@dataclass
class Work:
    """What short trainings took, in floating-point operations; not those that are bounded by a clock."""

    operations: float = 0.0


class Patient:
    """A model and its data.

    Of a model of PyTorch there is the network that computes the same, and the data as that takes them.
    Of a pipeline there is the last step, and the data as the steps before transform them. A model that is
    not fitted is a copy that draws the same numbers each time, calls no callbacks and says nothing.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like
    sample_weight : array-like of shape (n_samples,) or None
    optimizer : str, Optimizer or None
    held_out : (X, y) or None
        Rows that the model is not trained on.
    loss : str, Loss or loss of PyTorch, default=None
        Of a model of PyTorch.

    Attributes
    ----------
    n_rows : int
        Of the training.
    work : Work
        Of it and all patients that were made of it.
    """

    def __init__(
        self,
        model: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        optimizer: str | Optimizer | None = None,
        held_out: tuple[Any, Any] | None = None,
        loss: Any = None,
    ) -> None:
        X, X_val = as_csr(X), None if held_out is None else as_csr(held_out[0])
        model, X, X_val = last_step(model, X, y, X_val)
        if held_out is not None:
            held_out = X_val, held_out[1]
        self._torch: Subject | None = None
        if is_torch_model(model):
            read = self._torch = subject_of(model, X, y, sample_weight, optimizer, loss=loss)
            assert read.source is not None
            if held_out is not None:
                held_out = read.source.rows(held_out[0]), read.source.targets(held_out[1])
            model, optimizer = read.network, read.optimizer
            X, y, sample_weight = read.X, read.T, read.weights
        elif loss is not None:
            raise ValueError(f"loss must be None but for a model of PyTorch, got {loss!r:.200}")
        if isinstance(model, BaseMinNet) and not hasattr(model, "network_"):
            model = _quiet(model)
        self.model = model
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.n_rows = _rows_of_fit(model, _num_samples(X))
        self.optimizer = optimizer
        self.held_out = held_out
        self.work = Work()
        if held_out is not None:
            self._check_held_out(*held_out)

    def _check_held_out(self, X_val: Any, y_val: Any) -> None:
        """Raise if the rows held out are not such as the network can be asked of."""
        known = None
        estimator = self.estimator
        if estimator is not None and not hasattr(estimator, "network_"):
            estimator._validate_params()
            data = check_data(estimator, self.X, self.y, self.sample_weight)
            known = Fitted(data.features, data.targets)
        try:
            if known is None:
                subject_of(self.model, X_val, y_val)
            else:
                check_data(estimator, X_val, y_val, known=known, call="batch")
        except (TypeError, ValueError) as error:
            text = re.sub(r"\b([Xy])\b", r"\1_val", str(error))
            text = text if "_val" in text else f"X_val and y_val do not fit: {text}"
            raise ValueError(text) from error

    @property
    def estimator(self) -> BaseMinNet | None:
        """The estimator; None for a Network."""
        return self.model if isinstance(self.model, BaseMinNet) else None

    @property
    def fitted(self) -> bool:
        """Whether the model was trained: of a Network with an optimizer, if its weights are not as drawn.

        Without an optimizer, and of a model of PyTorch, it is unknown, and then False.
        """
        if self.estimator is not None:
            return getattr(self.estimator, "n_iter_", 0) > 0
        if self._torch is not None or self.optimizer is None:
            return False
        return not np.array_equal(self.anew().model.params, self.model.params)

    def subject(self) -> Subject:
        """Return the network, and the data as it takes them."""
        with warnings.catch_warnings(action="ignore"):  # a fit says so, and a finding says more
            subject = subject_of(self.model, self.X, self.y, self.sample_weight, self.optimizer)
        if self._torch is None:
            return subject
        layers = self._torch.network.layers
        source = self._torch.source if len(layers) == len(subject.network.layers) else None
        return replace(subject, source=source)

    @property
    def of_torch(self) -> bool:
        """Whether the model is one of PyTorch."""
        return self._torch is not None

    @property
    def layer_names(self) -> dict[int, str] | None:
        """What the layers are called in a model of PyTorch; None of others, which have numbers."""
        source = None if self._torch is None else self._torch.source
        return None if source is None else dict(enumerate(source.called))

    def words(self, remedy: Remedy) -> str:
        """Return a change as the user of the model writes it."""
        changes = dict(remedy.changes)
        if self._torch is not None and "alpha" in changes:
            changes["weight_decay"] = changes.pop("alpha") / self._weight_sum()
        return change_in_words(changes, remedy.words, self.model, self._torch is not None)

    def _weight_sum(self) -> float:
        if self.sample_weight is None or np.ndim(self.sample_weight) == 0:
            return float(_num_samples(self.X))
        return float(np.sum(self.sample_weight))

    def outcome(self, subject: Subject | None = None) -> float:
        """Return the loss of predictions over that of the best constant answer."""
        return outcome_of(self.subject() if subject is None else subject)

    def subject_held_out(self) -> Subject | None:
        """Return the network with the rows held out; None if there are none."""
        return None if self.held_out is None else subject_of(self.model, *self.held_out)

    def outcome_held_out(self) -> float | None:
        """Return the outcome of the rows held out; None if there are none."""
        subject = self.subject_held_out()
        return None if subject is None else outcome_of(subject)

    def at_start(self) -> Patient:
        """Return the same model before its fit; a Network is as it is."""
        if self.estimator is not None:
            return self._with(_quiet(self.estimator))
        return self._with(copy.deepcopy(self.model))

    def anew(self) -> Patient:
        """Return the same model before its fit; a Network with weights as it was initialized with."""
        if self.estimator is not None or self._torch is not None:
            return self.at_start()
        return self._with(Remedy({}).apply(self.model))

    def of_rows(self, most: int) -> Patient:
        """Return the patient with a copy of at most so many rows, a random choice in their order.

        Among them are some of each class, and none of weight 0.
        """
        new = self._with(self.model)
        rows = self._some_rows(most)
        new.X, new.y = rows_of(self.X, rows), rows_of(self.y, rows)
        if self.sample_weight is not None and np.ndim(self.sample_weight) > 0:
            new.sample_weight = rows_of(self.sample_weight, rows)
        if self._torch is not None and self.model.alpha:
            # PyTorch's weight decay does not depend on the number of rows.
            new.model = copy.deepcopy(self.model)
            new.model.alpha *= len(rows) / _num_samples(self.X)
        return new

    def _some_rows(self, most: int) -> Array:
        rows = np.arange(_num_samples(self.X))
        if self.sample_weight is not None and np.ndim(self.sample_weight) > 0:
            rows = rows[np.asarray(self.sample_weight, dtype=float) > 0]
        if len(rows) <= most:
            return rows
        # Not evenly spaced: rows may have a period.
        rows = np.random.RandomState(0).permutation(rows)
        chosen = rows[:most]
        if np.ndim(self.y) == 1 and (self.estimator is None or is_classifier(self.estimator)):
            _, first = np.unique(np.asarray(self.y)[rows].astype(str), return_index=True)
            if 10 * len(first) < most:
                others = np.delete(rows, first)
                chosen = np.append(rows[first], others[: most - len(first)])
        return np.sort(chosen)

    def after(self, remedy: Remedy) -> Patient:
        """Return the model with a remedy, before its fit, and the data as it then takes them.

        Raises
        ------
        ValueError
            If there is no such model.
        """
        new = self._with(self.model)
        changes = dict(remedy.changes)
        scaler = changes.pop("scaler", None)
        if scaler is not None:
            scaler = clone(scaler).fit(self.X)
            new.X = scaler.transform(self.X)
            if self.held_out is not None:
                new.held_out = scaler.transform(self.held_out[0]), self.held_out[1]
        if isinstance(self.model, Network):
            if self.optimizer is not None:
                new.optimizer = changed_optimizer(get_optimizer(self.optimizer), changes)
            if changes.pop("scale_targets", False):
                new._scale_targets()
        new.model = Remedy(changes).apply(self.model)
        return new

    def _scale_targets(self) -> None:
        y = np.asarray(self.y, dtype=np.float64)
        mean, sd = y.mean(axis=0), y.std(axis=0)
        sd = np.where(sd > 0, sd, 1.0)
        self.y = (y - mean) / sd
        if self.held_out is not None:
            self.held_out = self.held_out[0], (np.asarray(self.held_out[1]) - mean) / sd

    def _with(self, model: Any) -> Patient:
        new = copy.copy(self)
        new.model = model
        return new


def as_csr(X: Any) -> Any:
    """Return a sparse matrix in the form that has rows, and all else as it is."""
    return X.tocsr() if sparse.issparse(X) else X


def _rows_of_fit(model: Any, n_given: int) -> int:
    """Return how many rows a fit had, of which some are given; of a model before its fit all are."""
    trainer = getattr(model, "_trainer", None)
    if trainer is None or not trainer.n_epochs:
        return n_given
    return max(n_given, round(trainer.n_seen / trainer.n_epochs))


def _quiet(estimator: BaseMinNet) -> BaseMinNet:
    """Return a clone that draws the same each time, calls nobody and prints nothing."""
    new = clone(estimator).set_params(verbose=False, backend="auto")
    new.set_callbacks()
    if new.random_state is None:
        new.set_params(random_state=0)
    return new
