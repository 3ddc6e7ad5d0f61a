"""What the models of a sweep are trained on, and what is held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv, train_test_split
from sklearn.utils import _safe_indexing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples, check_consistent_length

from minnet.common.checks import check_real, check_sparse, is_whole
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.diagnosis.patient import as_csr
from minnet.lab.sweeps.identity import identity

__all__ = ["Data", "split_data"]

_HELD_OUT = 0.25


@dataclass(frozen=True)
class Data:
    """Rows to train on and rows held out, in the user's own form.

    Attributes
    ----------
    X, y, sample_weight : as ``fit`` takes them
    X_val, y_val : likewise, or None
    rows, held_out : ndarray of int or None
        Which rows of ``X`` are trained on and which are held out; None where all are trained on. They are
        taken where they are needed, so that processes share one ``X``.
    fold : int or None
        Of a cross-validation.
    """

    X: Any
    y: Any
    sample_weight: Any
    X_val: Any = None
    y_val: Any = None
    rows: Array | None = None
    held_out: Array | None = None
    fold: int | None = None

    def chosen(self) -> Data:
        """Return the rows to train on and those held out, taken from all."""
        if self.rows is None or self.held_out is None:
            return self
        weight = self.sample_weight
        if weight is not None and np.ndim(weight) > 0:
            weight = _safe_indexing(weight, self.rows)
        return Data(
            _safe_indexing(self.X, self.rows),
            _safe_indexing(self.y, self.rows),
            weight,
            _safe_indexing(self.X, self.held_out),
            _safe_indexing(self.y, self.held_out),
            fold=self.fold,
        )

    def identity(self) -> dict[str, Any]:
        """Return what the data are, by what they are called."""
        parts = {"X": self.X, "y": self.y, "sample_weight": self.sample_weight}
        parts |= {"X_val": self.X_val, "y_val": self.y_val}
        return {name: identity(part) for name, part in parts.items()}


def split_data(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    *,
    X_val: Matrix | None,
    y_val: ArrayLike | None,
    test_size: float | None,
    cv: Any,
    train: bool,
) -> tuple[list[Data], Any]:
    """Return the data of a training, or of one for each fold, and what tells the splits apart.

    Parameters
    ----------
    model : estimator
        A classifier's classes are kept in proportion.
    X, y, sample_weight, X_val, y_val : as ``sweep`` takes them
    test_size, cv : as ``sweep`` takes them
    train : bool
        Whether something is trained: otherwise nothing is held out.
    """
    if y is None:
        raise ValueError("y must be given: the models are trained on it, got None")
    given = {"X_val": X_val is not None, "test_size": test_size is not None, "cv": cv is not None}
    if sum(given.values()) > 1:
        names = " and ".join(name for name, there in given.items() if there)
        raise ValueError(f"one of X_val, test_size and cv may be given, got {names}")
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together, got one of them")
    given_parts = {"X": X, "y": y, "sample_weight": sample_weight, "X_val": X_val, "y_val": y_val}
    for name, part in given_parts.items():
        if sparse.issparse(part):
            check_sparse(name, part)  # before SciPy follows its indices
    X, X_val, y, y_val = map(as_csr, (X, X_val, y, y_val))
    check_consistent_length(X, y)
    whole = Data(X, y, sample_weight, X_val, y_val)
    if not train or X_val is not None:
        return [whole], None
    classifies = is_classifier(model)
    if cv is not None:
        folds = _folds(whole, cv, classifies)
        return folds, [identity(one.held_out) for one in folds]
    share = _HELD_OUT if test_size is None else check_real("test_size", test_size, 0.0)
    if share > 1 and not share.is_integer():
        raise ValueError(
            f"test_size must be a share below 1 or a whole number of rows, got {test_size!r:.200}"
        )
    if share == 0:
        return [whole], None
    return [_held_out(whole, share, classifies)], share


def _folds(whole: Data, cv: Any, classifies: bool) -> list[Data]:
    pairs = isinstance(cv, list) and cv and all(_is_pair(one) for one in cv)
    if not (pairs or is_whole(cv, 2) or callable(getattr(cv, "split", None))):
        raise ValueError(
            "cv must be a whole number of at least 2, a splitter or a list of pairs of rows, got "
            f"{cv!r:.200}"
        )
    try:
        splits: Iterator[Any] = check_cv(cv, whole.y, classifier=classifies).split(whole.X, whole.y)
        found = list(splits)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cv: {error}") from error
    if not found or not all(map(_is_pair, found)):
        raise ValueError(f"cv must make pairs of rows, got {cv!r:.200}")
    n = _num_samples(whole.X)
    return [
        replace(whole, rows=_check_rows(rows, n), held_out=_check_rows(held_out, n), fold=i)
        for i, (rows, held_out) in enumerate(found)
    ]


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2


def _check_rows(given: Any, n: int) -> Array:
    """Return places of rows, of which there are n; they may be a mask."""
    try:
        rows = np.asarray(given)
    except ValueError:  # of lists of different lengths
        rows = np.array(None)
    if rows.ndim == 1 and rows.dtype == bool and len(rows) == n:
        rows = np.flatnonzero(rows)
    if (
        rows.ndim != 1
        or rows.dtype.kind not in "iu"
        or not 0 <= rows.min(initial=n) < n > rows.max()
    ):
        raise ValueError(
            f"rows of cv must be whole numbers of at least 0 and below {n}, one at least, got "
            f"{given!r:.200}"
        )
    return rows


def _held_out(whole: Data, share: float, classifies: bool) -> Data:
    """Return the data with a share of the rows held out: the same ones in each call."""
    n = _num_samples(whole.X)
    size: float = share if share < 1 else int(share)
    labels = None
    is_sparse = sparse.issparse(whole.y)
    if classifies and not is_sparse and type_of_target(whole.y) in ("binary", "multiclass"):
        codes = np.unique(np.asarray(whole.y).ravel().astype(str), return_inverse=True)[1]
        counts = np.bincount(codes)
        n_held = n * share if share < 1 else share
        if counts.min() > 1 and len(counts) <= min(n_held, n - n_held):
            labels = codes
    try:
        rows, held_out = train_test_split(
            np.arange(n), test_size=size, random_state=0, stratify=labels
        )
    except ValueError as error:
        raise ValueError(f"test_size: {error}") from None
    return replace(whole, rows=np.sort(rows), held_out=np.sort(held_out))
