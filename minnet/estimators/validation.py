"""The data that a fit is validated on, how they are set aside, and their score."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from numbers import Number, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing, column_or_1d
from sklearn.utils.validation import _check_y, check_consistent_length

from minnet.backends import make_backend
from minnet.backends.numpy import rows_of_block
from minnet.common.checks import check_sparse
from minnet.common.communicator import apart, exchange, in_use, leads
from minnet.common.ranks import joined, of_ranks, sum_of_ranks
from minnet.common.types import Array, Estimator, Matrix
from minnet.estimators.agreement import agree_on_weights, has_no_rows
from minnet.estimators.data import (
    Data,
    as_targets,
    check_for_loss,
    check_X,
    rows_of,
    validate_weight,
)
from minnet.estimators.plain import for_metrics
from minnet.estimators.targets import Labels, columns
from minnet.links import dense
from minnet.network import Network
from minnet.random import Stream
from minnet.temperature import best_temperature, refined_loss
from minnet.training.reading import InMemory

__all__ = [
    "ValidationSet", "check_held", "check_parts", "held_mask", "keeps_best", "naming", "rows_of_data",
    "set_aside", "shards", "split",
]  # fmt: skip

_BYTES_OF_LOGITS = 2**21


class ValidationSet:
    """Scores a network on data that its training does not see: what a Trainer takes as ``validate``.

    The score is what the estimator's ``scoring`` says; the loss is the mean objective without the L2
    term.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Being fitted.
    data : Data
        Of these rows. A scorer gets them as they were given: with names, an index, labels of their kind.
    """

    def __init__(self, estimator: Estimator, data: Data) -> None:
        self.estimator = estimator
        self.X, self.T, self.weights, self.targets = data.X, data.T, data.weights, data.targets
        self._backend: Any = None
        #: Where compiled code scores them.
        self.held_rows: Any = None
        parts = zip(*of_ranks(lambda: (data.T, data.weights)), strict=True)
        self.T_of_ranks, self.weights_of_ranks = map(joined, parts)
        if _has_scorer(estimator):
            self._scorer = check_scoring(estimator, estimator.scoring)
            self._scored = _for_scorer(estimator, data, self._scorer)

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, network: Network) -> tuple[float, float]:
        """Return score and loss of the network; the score is NaN where predictions are not finite."""
        estimator = self.estimator
        if self._backend is None:
            self._backend = make_backend(estimator.backend, network, estimator.n_threads)
            self.held_rows = self._compiled()
        scored = None if self.held_rows is None else self.held_rows.score()
        if scored is not None:
            return scored
        parts = of_ranks(lambda: self._outcomes(network))
        values, outcomes, finite = zip(*parts, strict=True)
        of_rows = joined(values).astype(np.float64, copy=False)
        loss = float(np.average(of_rows, weights=self.weights_of_ranks))
        if not all(finite):
            return np.nan, loss
        if estimator.scoring is None:
            return estimator._validation_score(
                joined(outcomes), self.T_of_ranks, self.weights_of_ranks
            ), loss
        if estimator.scoring == "loss":
            return -loss, loss
        if estimator.scoring == "refinement":
            of_set = dense(self.T_of_ranks), network.loss_.output, self.weights_of_ranks
            return -refined_loss(joined(outcomes), *of_set)[0], loss
        return of_ranks(lambda: self._score(network) if leads() else np.nan)[0], loss

    def _compiled(self) -> Any:
        """Return the rows as compiled code scores them, which knows the accuracy; None if it cannot."""
        estimator, backend = self.estimator, self._backend
        accuracy = estimator.scoring is None and getattr(estimator, "_scored_by_accuracy", False)
        if isinstance(self.targets, Labels) and self.targets.certain:
            return None  # which are right, whatever the logits
        communicator = in_use()
        alone = communicator is None or communicator.size == 1
        if backend.name != "cython" or not accuracy or not alone:
            return None
        # Imported where used: minnet_ext may not be there.
        from minnet.backends.members import HeldRows

        rows = self.X, self.T, self.weights
        return HeldRows(backend, *rows) if HeldRows.can_take(backend, *rows) else None

    def _outcomes(self, network: Network) -> tuple[Array, Array | None, bool]:
        """Return of each row the loss and what the score needs; and whether all are finite."""
        scoring = self.estimator.scoring
        values, outcomes, finite = [], [], True
        for rows, Z in _logits_by_rows(self._backend, self.X):
            T = dense(self.T[rows])
            values.append(network.loss_.value(Z, T))
            Y = network.loss_.predict(Z)
            finite = finite and bool(np.isfinite(Z).all() and np.isfinite(Y).all())
            if scoring is None:
                outcomes.append(self.estimator._outcome(self.targets, Y, T))
            elif scoring == "refinement":
                outcomes.append(Z)
        return joined(values), joined(outcomes), finite

    def anew(self) -> ValidationSet:
        """Return the same set for another network."""
        other = copy.copy(self)
        other._backend = other.held_rows = None
        return other

    def temperature(self, network: Network) -> float:
        """Return the temperature at which the probabilities of a classifier's network fit best.

        Where all rows are right the best is 0, which would make all predictions sure: then it is 1, since
        such a set does not tell how sure they may be.
        """

        def logits() -> Array:
            return joined([Z for _, Z in _logits_by_rows(self._backend, self.X)])

        Z = joined(of_ranks(logits))
        T, weights, output = dense(self.T_of_ranks), self.weights_of_ranks, network.loss_.output
        right = Z.argmax(axis=1) == T if output == "softmax" else ((Z > 0) == (T > 0.5)).all(axis=1)
        counted = right if weights is None else right[weights > 0]
        if counted.all() or not np.isfinite(Z).all():
            return 1.0
        return best_temperature(Z, T, output, weights)[0]

    def digest(self) -> dict[str, str]:
        """Return what tells it from other sets and scores, by the names of arguments."""
        scoring = self.estimator.scoring
        data = InMemory((self.X, self.T, self.weights)).digest()
        told = {"scoring": repr(scoring) if isinstance(scoring, str | None) else "a function"}
        return told | {f"{name}_val": text for name, text in data.items()}

    def _score(self, network: Network) -> float:
        """Return what the scorer says of an estimator with this network."""
        # Fitted anew, whatever the scorer did to the last one.
        fitted = self.estimator._as_fitted(network, n_iter=0)
        X, y, sample_weight = self._scored
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        try:
            with apart():
                score = self._scorer(fitted, X, y, **weights)
        except (AttributeError, TypeError, ValueError) as error:
            if not isinstance(self.estimator.scoring, str):
                if weights and isinstance(error, TypeError) and "'sample_weight'" in str(error):
                    raise TypeError(
                        "scoring must take sample_weight where rows have weights, by sample_weight or "
                        f"class_weight: {error}"
                    ) from error
                raise
            given = self.estimator.scoring
            raise ValueError(f"scoring must fit the estimator, got {given!r}: {error}") from None
        if not isinstance(score, Real):
            raise ValueError(f"scoring must give a number, got {score!r}")
        return float(score)


def keeps_best(estimator: Estimator) -> bool:
    """Return whether a fit ends with the weights of the epoch with the best score."""
    return estimator.early_stopping if estimator.keep is None else estimator.keep == "best"


def _logits_by_rows(backend: Any, X: Matrix) -> Iterator[tuple[slice, Array]]:
    """Iterate over logits, a few rows at a time: what is made of them takes memory of their size.

    A backend makes as many rows at once as it does of all of them, so that these are the same bits.
    """
    network = backend.network
    n_rows, n_computed = X.shape[0], rows_of_block(network)
    n_given = max(1, _BYTES_OF_LOGITS // (network.sizes[-1] * network.dtype.itemsize))
    X = X.tocsr() if sparse.issparse(X) else X
    for start in range(0, n_rows, n_computed):
        Z = backend.forward(X[start : start + n_computed] if n_computed < n_rows else X)
        for first in range(0, len(Z), n_given):
            some = Z[first : first + n_given]
            yield slice(start + first, start + first + len(some)), some


def _has_scorer(estimator: Estimator) -> bool:
    return estimator.scoring not in (None, "loss", "refinement")


def _for_scorer(estimator: Estimator, data: Data, scorer: Any) -> tuple[Any, Any, Any]:
    """Return ``X``, ``y`` and ``sample_weight`` for a scorer: as they were given, as far as that goes."""
    X, y, sample_weight = data.given
    # scikit-learn's metrics know fewer kinds of labels than fit.
    named = isinstance(estimator.scoring, str)
    y = data.y if named else for_metrics(y, data.y)
    # Metrics of probabilities, which are dense, take no sparse indicator.
    if named and sparse.issparse(y) and scorer._response_method != "predict":
        y = y.toarray()
    if (isinstance(y, np.ndarray) or sparse.issparse(y)) and y.shape[1:] == (1,):
        y = column_or_1d(y.toarray() if sparse.issparse(y) else y)  # as predictions are
    if data.weights is not data.sample_weight or isinstance(sample_weight, Number):
        sample_weight = data.weights  # with those of classes, or the same for all
    return X, y, sample_weight


@np.errstate(over="ignore", invalid="ignore")
def check_held(
    estimator: Estimator, data: Data, X_val: Any, y_val: Any, sample_weight_val: Any
) -> ValidationSet | None:
    """Return a validation set of the user's, or None.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Does not change.
    data : Data
        What is trained on.
    X_val, y_val, sample_weight_val
        As the user gave them.

    Raises
    ------
    ValueError
        If it is no set for this fit: by the name of the argument.
    """
    if X_val is None or y_val is None:
        held = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        given = [name for name, value in held.items() if value is not None]
        if given:
            raise ValueError(f"X_val and y_val must be given together, got only {given[0]}")
        return None
    if estimator.solver == "lbfgs":
        raise ValueError("X_val must be None for solver='lbfgs', which has no epochs")
    targets, as_given = data.targets, (X_val, y_val, sample_weight_val)
    if in_use() is not None and has_no_rows(X_val):  # others have some
        X_val, y_val, sample_weight_val = data.X[:0], data.y[:0], None
    else:
        with naming("X_val"):
            X_val = check_X(estimator, X_val, data.features, data.X.dtype)
        with naming("y_val"):
            y_val = _check_held_y(estimator, y_val)
            check_consistent_length(X_val, y_val)
    if in_use() is not None and not sum_of_ranks(X_val.shape[0]):
        raise ValueError("X_val must have at least one row on some rank, got none on all of them")
    with naming("y_val"):
        T_val = estimator._check_held_targets(targets, y_val, data.X.dtype)
        if T_val.shape[1:] != data.T.shape[1:]:
            raise ValueError(
                f"y_val must have {columns(data.T.shape[1])} as y, got {T_val.shape[1]}"
            )
        check_for_loss(estimator, targets, T_val, data.X.dtype, name="y_val")
    with naming("sample_weight_val"):
        if sample_weight_val is not None:
            sample_weight_val = validate_weight(sample_weight_val, X_val, "sample_weight_val")
        sample_weight_val = agree_on_weights("sample_weight_val", sample_weight_val, X_val)
    weights = estimator._held_weight(targets, T_val, sample_weight_val, data)
    if weights is not None and not sum_of_ranks(weights.sum()) > 0:
        raise ValueError(
            "sample_weight_val must not be all zero: no sample has a positive weight with its class_weight"
        )
    part = Data(X_val, y_val, T_val, sample_weight_val, weights, data.features, targets, as_given)
    if _has_scorer(estimator) and in_use() is not None:
        part = _on_rank_0(estimator, part)
    return ValidationSet(estimator, part)


def _check_held_y(estimator: Estimator, y_val: Any) -> Any:
    """Return the targets of a validation set as an array, checked as far as those of some rows can be."""
    if sparse.issparse(y_val):
        if y_val.ndim != 2:
            raise ValueError(f"y_val must have two axes as a sparse array, got {y_val.ndim}")
        check_sparse("y_val", y_val)
    numeric = not hasattr(estimator, "predict_proba")
    y_val = as_targets(estimator, y_val, "y_val")
    return _check_y(y_val, multi_output=True, y_numeric=numeric, estimator=estimator)


def _on_rank_0(estimator: Estimator, held: Data) -> Data:
    """Return the rows that this rank validates on where a scorer needs all in one place: rank 0 has them.

    The other ranks have the same or none.
    """
    told = InMemory((held.X, held.T, held.weights)).digest()
    first, *others = of_ranks(lambda: told if held.X.shape[0] else None)
    if not all(other is None or other == first for other in others):
        raise ValueError(
            f"scoring={estimator.scoring!r:.100} needs all rows of X_val in one place: give X_val and "
            "y_val on rank 0 alone, or the same on all ranks"
        )
    return held if leads() else rows_of_data(held, np.arange(0))


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the name of an argument before errors that do not have it."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        text = str(error)
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(text if name in text else f"{name}: {text}") from None


# ---- what is set aside where the user gives no validation set


def split(estimator: Estimator, key: int, data: Data) -> tuple[Data, ValidationSet]:
    """Return what is trained on, and a part that is set aside."""
    return set_aside(estimator, data, held_mask(estimator, key, data))


def set_aside(estimator: Estimator, data: Data, rows: Array) -> tuple[Data, ValidationSet]:
    """Return the rows that are trained on, and those that are set aside, which are True in ``rows``."""
    if _has_scorer(estimator) and in_use() is not None:
        raise ValueError(
            "scoring must be None, 'loss' or 'refinement' where a part of each shard is set aside, got "
            f"{estimator.scoring!r:.100}: give X_val and y_val, on rank 0 alone or the same on all ranks"
        )
    train, held = (rows_of_data(data, part) for part in (~rows, rows))
    check_parts(estimator, train, held)
    if _has_scorer(estimator):
        held = replace(held, given=_given_rows(data, held, np.flatnonzero(rows)))
    return train, ValidationSet(estimator, held)


def held_mask(estimator: Estimator, key: int, data: Data) -> Array:
    """Return which rows are set aside.

    The key of the fit says which, by chance; with ``shuffle=False`` it is the last rows. Where several
    processes have a shard of the rows each, that are the last rows of all, and by chance so many of each
    shard as it has of all rows.
    """
    sizes, mine = shards(data.X.shape[0])
    n_samples = sum(sizes)
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
    ends = np.cumsum(sizes)
    if not estimator.shuffle:
        first = int(ends[mine[0]]) - sizes[mine[0]]
        return first + np.arange(data.X.shape[0]) >= n_samples - n_held
    n_held_before = np.append(0, ends * n_held // n_samples)
    parts, start = [], 0
    for shard in mine:
        T = data.T if len(mine) == 1 else data.T[start : start + sizes[shard]]
        n_held_of_it = int(n_held_before[shard + 1] - n_held_before[shard])
        stream = Stream(key, "split", shard)
        parts.append(
            estimator._held_rows(data.targets, T, n_held_of_it, stream)
            if n_held_of_it
            else np.zeros(sizes[shard], dtype=bool)
        )
        start += sizes[shard]
    return joined(parts)


def shards(n_samples: int) -> tuple[list[int], list[int]]:
    """Return how many rows each shard has, and the numbers of those that this process has."""
    communicator = in_use()
    if communicator is None:
        return [n_samples], [0]
    if communicator.shards is not None:
        return list(communicator.shards), list(range(len(communicator.shards)))
    return exchange(communicator, lambda: n_samples), [communicator.rank]


def check_parts(estimator: Estimator, train: Data, held: Data) -> None:
    """Warn if what is trained on and what is set aside do not go together; raise if one has no weight."""
    estimator._check_parts(train.targets, train.T, held.T)
    for name, part in (("training", train), ("validation", held)):
        if part.weights is not None and not sum_of_ranks(part.weights.sum()) > 0:
            raise ValueError(f"sample_weight must not be all zero in the {name} part")


def rows_of_data(data: Data, rows: Array) -> Data:
    """Return some of the rows."""
    X, y, T = (_safe_indexing(array, rows) for array in (data.X, data.y, data.T))
    weights = None if data.weights is None else _safe_indexing(data.weights, rows)
    sample_weight = weights
    if data.weights is not data.sample_weight and data.sample_weight is not None:
        sample_weight = _safe_indexing(data.sample_weight, rows)
    return replace(data, X=X, y=y, T=T, sample_weight=sample_weight, weights=weights)


def _given_rows(data: Data, held: Data, rows: Array) -> tuple[Any, ...]:
    """Return the rows of what the user gave, in its form."""
    wholes = data.X, data.y, data.sample_weight
    parts = held.X, held.y, held.sample_weight
    return tuple(
        part if given is whole or isinstance(given, Number) else rows_of(given, rows)
        for given, whole, part in zip(data.given, wholes, parts, strict=True)
    )
