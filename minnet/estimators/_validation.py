"""The data that a fit is validated on, and their score."""

import contextlib
from math import ceil
from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing, column_or_1d
from sklearn.utils.validation import (
    _check_y,
    check_consistent_length,
)

from minnet.backends import make_backend
from minnet.common.checks import check_sparse
from minnet.estimators._data import validate, validate_weight
from minnet.estimators._targets import columns
from minnet.random import Stream
from minnet.training.reading import InMemory

__all__ = ["ValidationSet", "check_given", "split"]


class ValidationSet:
    """Scores a network on data that its training does not see: what a Trainer takes as ``validate``.

    The score is what the estimator's ``scoring`` says; the loss is the mean objective without the L2
    term.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Being fitted; what it learns from the targets is there.
    X : {ndarray, sparse matrix}
    y : {ndarray, sparse matrix}
        As the user gave it: for scorers.
    T, weights : ndarray, ndarray or None
        Targets of the loss, and the weights of loss and score.
    """

    def __init__(self, estimator, X, y, T, weights):
        self.estimator = estimator
        self.X, self.y, self.T, self.weights = X, y, T, weights
        self._backend = self._scorer = None
        if estimator.scoring not in (None, "loss"):
            self._scorer = check_scoring(estimator, estimator.scoring)
            if self.y.ndim == 2 and self.y.shape[1] == 1:
                y = self.y if isinstance(self.y, np.ndarray) else self.y.toarray()
                self.y = column_or_1d(y)

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, network):
        """Return score and loss of the network; the score is NaN where predictions are not finite."""
        estimator = self.estimator
        if self._backend is None:
            self._backend = make_backend(estimator.backend, network, estimator.n_threads)
        Z = self._backend.forward(self.X)
        values = network.loss_.value(Z, self.T)
        loss = float(np.average(values.astype(np.float64, copy=False), weights=self.weights))
        Y = network.loss_.predict(Z)
        if not (np.isfinite(Z).all() and np.isfinite(Y).all()):
            return np.nan, loss
        if estimator.scoring is None:
            return estimator._validation_score(Y, self.T, self.weights), loss
        if estimator.scoring == "loss":
            return -loss, loss
        return self._score(network), loss

    def digest(self):
        """Return what tells it from other sets and scores, in texts and numbers."""
        scoring = self.estimator.scoring
        data = InMemory((self.X, self.T, self.weights)).digest()
        return scoring if isinstance(scoring, str | None) else "function", data

    def _score(self, network):
        """Return what the scorer says of an estimator with this network."""
        fitted = self.estimator._as_fitted(
            network, n_iter=0
        )  # anew, whatever the scorer did to the last
        weights = {} if self.weights is None else {"sample_weight": self.weights}
        try:
            score = self._scorer(fitted, self.X, self.y, **weights)
        except AttributeError as error:
            if not isinstance(self.estimator.scoring, str):
                raise
            given = self.estimator.scoring
            raise ValueError(f"scoring must fit the estimator, got {given!r}: {error}") from None
        if not isinstance(score, Real):
            raise ValueError(f"scoring must give a number, got {score!r}")
        return score


def split(estimator, key, X, y, T, weights):
    """Set a part aside, as the key of the fit says.

    Returns
    -------
    X, T, weights
        The part to train on.
    ValidationSet
    """
    n_samples = X.shape[0]
    n_held = ceil(estimator.validation_fraction * n_samples)
    if n_held < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    if n_held == n_samples:
        raise ValueError(
            f"validation_fraction must leave rows to train on, got {estimator.validation_fraction} "
            f"for {n_samples} rows"
        )
    rows = estimator._held_rows(T, n_held, Stream(key, "split"))
    arrays = [X, T, y] if weights is None else [X, T, y, weights]
    parts = [_safe_indexing(array, part) for array in arrays for part in (~rows, rows)]
    train, held = parts[::2], parts[1::2]
    for part, sums in (("training", train[3:]), ("validation", held[3:])):
        if sums and not sums[0].sum() > 0:
            raise ValueError(f"sample_weight must not be all zero in the {part} part")
    X_val, T_val, y_val, *rest = held
    validation = ValidationSet(estimator, X_val, y_val, T_val, rest[0] if rest else None)
    return train[0], train[1], train[3] if rest else None, validation


@np.errstate(over="ignore", invalid="ignore")
def check_given(estimator, X, T, sample_weight, X_val, y_val, sample_weight_val):
    """Return a validation set of the user's, or None; the estimator has learned from X and T.

    Raises
    ------
    ValueError
        If it is no set for this fit: by the name of the argument.
    """
    if X_val is None or y_val is None:
        given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        given = [name for name, value in given.items() if value is not None]
        if given:
            raise ValueError(f"X_val and y_val must be given together, got only {given[0]}")
        return None
    if estimator.solver == "lbfgs":
        raise ValueError("X_val must be None for solver='lbfgs', which has no epochs")
    with _naming("X_val"):
        X_val = validate(estimator, X_val, dtype=X.dtype, reset=False)
    with _naming("y_val"):
        if sparse.issparse(y_val):
            if y_val.ndim != 2:
                raise ValueError(f"y_val must have two axes as a sparse array, got {y_val.ndim}")
            check_sparse("y_val", y_val)
        numeric = not hasattr(estimator, "predict_proba")
        y_val = _check_y(y_val, multi_output=True, y_numeric=numeric, estimator=estimator)
        check_consistent_length(X_val, y_val)
        T_val = estimator._check_held_targets(X_val, y_val)
        if T_val.shape[1:] != T.shape[1:]:
            raise ValueError(f"y_val must have {columns(T.shape[1])} as y, got {T_val.shape[1]}")
        estimator._check_for_loss(T_val, X.dtype, name="y_val")
    with _naming("sample_weight_val"):
        if sample_weight_val is not None:
            sample_weight_val = validate_weight(sample_weight_val, X_val)
    weights = estimator._held_weight(T_val, sample_weight_val, T, sample_weight)
    if weights is not None and not weights.sum() > 0:
        raise ValueError(
            "sample_weight_val must not be all zero: no sample has a positive weight with its class_weight"
        )
    return ValidationSet(estimator, X_val, y_val, T_val, weights)


@contextlib.contextmanager
def _naming(name):
    """Put the name of an argument before errors that do not have it."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        text = str(error)
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(text if name in text else f"{name}: {text}") from None
