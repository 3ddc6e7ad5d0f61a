"""What other models explain of the targets: a network cannot learn what is not in the data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from minnet.common.types import Array, Matrix
from minnet.lab.diagnosis.spread import RULED, shares_of_bulk, spreads
from minnet.lab.subject import Subject
from minnet.links import dense
from minnet.training.constant_answer import logits_of, loss_of_constant

__all__ = ["Reference", "reference_of"]

_MOST_ROWS = 1000
_FEWEST_ROWS = 50  # of which two thirds can teach anything
_MOST_COLUMNS = 2000  # of inputs and of targets together, that are worth a second
_FOLDS = 3
_TREES = 40
_NOTHING = 0.98
_FEWEST_OTHERS = 20  # rows with another answer than most, from which anything can be learned
_RARE = 0.02  # of the rows
_SHRUNK = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True)
class Reference:
    """How far trees and a linear model come on rows that they were not trained on.

    Attributes
    ----------
    name : str
        Of the better one.
    outcome : float
        Its loss over that of the best answer that is the same for all rows; 1 where it explains nothing.
    rows : ndarray of shape (n_rows,)
        Which rows were used.
    mean : ndarray of shape (n_rows, n_outputs)
        What it predicts of each while it is not trained on it: probabilities, or numbers.
    unweighted : float
        The outcome where each row counts the same: large weights of few rows hide what can be told.
    n_others : int
        Rows of another class than the commonest; all rows where there are no classes, or several labels.
    """

    name: str
    outcome: float
    rows: Array
    mean: Array
    unweighted: float
    n_others: int

    @property
    def too_few(self) -> bool:
        """Whether nearly all rows have one class: what a training makes of others is then chance."""
        return self.n_others < min(_FEWEST_OTHERS, _RARE * len(self.rows))

    @property
    def explains_nothing(self) -> bool:
        """Whether it is no better than chance makes it; of too few rows of a class nobody can tell."""
        return self.n_others >= _FEWEST_OTHERS and min(self.outcome, self.unweighted) > _NOTHING


def reference_of(subject: Subject) -> Reference | None:
    """Return what other models explain of a subject's targets by cross-validation.

    Predictions are drawn towards the mean of the targets as far as is best for the loss, so that what
    explains nothing comes out at 1 and not above it. Trees tell from few rows, and do not ask for scaled
    columns; what lies in a sum of many columns a linear model finds first.

    Parameters
    ----------
    subject : Subject
        Of its rows at most 1000 are used, by chance.

    Returns
    -------
    Reference or None
        None where the data are too few or too wide, or the loss is one of the user's own.
    """
    X, T, weights = _some_rows(subject)
    wide = X.shape[1] + (1 if T.ndim == 1 else T.shape[1]) > _MOST_COLUMNS
    best = loss_of_constant(subject.network, T, weights)
    if best is None or not best > 0 or X.shape[0] < _FEWEST_ROWS or wide:
        return None
    found = _all_of(subject, X, T, weights, best)
    if weights is not None and np.ptp(weights) > 0 and all(one[1] > _NOTHING for one in found):
        alike = loss_of_constant(subject.network, T, None)
        others = [] if not alike else _all_of(subject, X, T, None, alike)
    else:
        others = found
    if not found:
        return None
    name, outcome, mean = min(found, key=lambda one: one[1])
    unweighted = min((one[1] for one in others), default=outcome)
    return Reference(name, outcome, _rows(subject), mean, unweighted, _n_others(subject, T))


def _n_others(subject: Subject, T: Array) -> int:
    """Return how many rows have another class than the commonest; all where there are no classes."""
    if subject.network.loss_.output == "softmax":
        return int(len(T) - np.bincount(T).max())
    if not _is_binary(subject):
        return len(T)
    ones = int((T > 0.5).sum())
    return min(ones, len(T) - ones)


def _all_of(
    subject: Subject, X: Matrix, T: Array, weights: Array | None, best: float
) -> list[tuple[str, float, Array]]:
    """Return each model's name, outcome and predictions."""
    found = []
    for name, model in _models(subject):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                mean = _cross_validated(model, X, T, weights, subject)
            except ValueError:  # a class of one row, say
                continue
        outcome = _shrunk_loss(mean, T, weights, subject) / best
        if np.isfinite(outcome):
            found.append((name, outcome, mean))
    return found


def _rows(subject: Subject) -> Array:
    rows = np.random.RandomState(0).permutation(subject.X.shape[0])
    return np.sort(rows[:_MOST_ROWS])


def _some_rows(subject: Subject) -> tuple[Matrix, Array, Array | None]:
    rows = _rows(subject)
    X, weights = subject.X[rows], subject.weights
    return _even(X), dense(subject.T)[rows], None if weights is None else weights[rows]


def _even(X: Matrix) -> Matrix:
    """Return ranks of the columns that few rows rule: trees draw thresholds where there are hardly any."""
    if sparse.issparse(X):
        return X
    ruled = shares_of_bulk(*spreads(X)) < RULED
    if not ruled.any():
        return X
    X = X.astype(np.float64)
    X[:, ruled] = rankdata(X[:, ruled], axis=0) / len(X)
    return X


def _models(subject: Subject) -> list[tuple[str, Any]]:
    # Not imported with minnet: this takes longer than all the rest.
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler

    scaler = MaxAbsScaler() if sparse.issparse(subject.X) else StandardScaler()
    options = {"n_estimators": _TREES, "min_samples_leaf": 2, "random_state": 0}
    if subject.network.loss_.output == "softmax" or _is_binary(subject):
        linear = make_pipeline(scaler, LogisticRegression(C=0.1, max_iter=50))
        return [("trees", ExtraTreesClassifier(**options)), ("a linear model", linear)]
    linear = make_pipeline(scaler, RidgeCV(np.logspace(-2, 4, 7)))
    return [("trees", ExtraTreesRegressor(**options)), ("a linear model", linear)]


def _is_binary(subject: Subject) -> bool:
    """Return whether the targets are one column of two classes; of several columns numbers will do."""
    T = subject.T
    return subject.network.loss_.output == "logistic" and (T.ndim == 1 or T.shape[1] == 1)


def _cross_validated(
    model: Any, X: Matrix, T: Array, weights: Array | None, subject: Subject
) -> Array:
    """Return the means that a model predicts of rows that it is not trained on."""
    from sklearn.model_selection import KFold

    classes = subject.network.loss_.output == "softmax"
    n_outputs = subject.network.sizes[-1]
    mean = np.zeros((len(T), n_outputs))
    y = T.ravel() if T.ndim == 2 and T.shape[1] == 1 else T
    for train, test in KFold(_FOLDS, shuffle=True, random_state=0).split(T):
        of_rows = {}
        if weights is not None:  # of a pipeline they are those of its last step
            step = f"{model.steps[-1][0]}__" if hasattr(model, "steps") else ""
            of_rows[f"{step}sample_weight"] = weights[train]
        model.fit(X[train], y[train], **of_rows)
        if classes:
            mean[np.ix_(test, model.classes_.astype(int))] = model.predict_proba(X[test])
        elif _is_binary(subject):
            mean[test, 0] = model.predict_proba(X[test]) @ model.classes_
        else:
            mean[test] = model.predict(X[test]).reshape(len(test), -1)
    return mean


def _shrunk_loss(mean: Array, T: Array, weights: Array | None, subject: Subject) -> float:
    """Return the network's loss of predictions that are drawn to the mean of the targets."""
    loss = subject.network.loss_
    if loss.output == "softmax":
        centre = np.bincount(T, weights=weights, minlength=mean.shape[1])
        centre = centre / centre.sum()
    else:
        centre = np.average(T, axis=0, weights=weights)
    losses = [_loss(centre + share * (mean - centre), T, weights, loss) for share in _SHRUNK]
    return float(np.min(losses))


def _loss(mean: Array, T: Array, weights: Array | None, loss: Any) -> float:
    if loss.output in ("softmax", "logistic"):
        mean = np.clip(mean, _TINY, 1 - _TINY)  # linear models do not keep to probabilities
    elif loss.output == "exp":
        mean = np.maximum(mean, _TINY)
    Z = logits_of(mean, loss.output)
    if loss.output != "softmax":
        T = T.reshape(len(T), -1)
    if isinstance(loss.best_constant, float):  # then that quantile of the residuals is best, too
        Z = Z + np.quantile(T - Z, loss.best_constant, axis=0)
    return float(np.average(loss.value(Z, T), weights=weights))


_TINY = 1e-6
