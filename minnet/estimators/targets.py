"""What ``fit`` takes as ``y``, labels or numbers, and what the loss takes as targets."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from minnet.common.callers import level_of_user
from minnet.common.ranks import joined, mean_of_ranks, of_ranks, sum_of_ranks
from minnet.common.types import Array, DTypeLike, Matrix

__all__ = [
    "Labels", "Numbers", "abbreviated", "by_columns", "check_indicator", "columns", "in_a_row",
]  # fmt: skip

# What to do about labels that do not belong to the fitted ones, by the call.
_CURES = {
    "warm_start": "; to start anew set warm_start=False",
    "partial_fit": "; to start anew call fit, or partial_fit of a new estimator with all in classes",
    "y_val": "",
}


#: Of 2: sums and squares of products within them are normal numbers.
_EXPONENTS = 500


def abbreviated(values: list[Any]) -> str:
    """Return some values as text: five, and how many more there are."""
    text = ", ".join(map(repr, values[:5]))
    return text + f" and {len(values) - 5} more" * (len(values) > 5)


def columns(n: int) -> str:
    """Return a number of columns as text."""
    return "1 column" if n == 1 else f"{n} columns"


def sorted_labels(y: Array) -> Array:
    """Return the labels in ``y``, each once, in their order; objects are strings."""
    classes = unique_labels(y)
    if y.dtype == object:
        labels = sorted(set(y.ravel().tolist()))
        if classes.tolist() != labels:  # an array of strings loses zeros at their ends
            return np.array(labels, dtype=object)
    return classes


def check_indicator(y: Any, name: str = "y") -> None:
    """Raise if a multilabel indicator, dense or sparse, has anything but zeros and ones."""
    values = _summed(y).data if sparse.issparse(y) else y
    others = values[(values != 0) & (values != 1)]
    if others.size:
        raise ValueError(
            f"{name} must have zeros and ones alone as a multilabel indicator, got {others[0]}"
        )


def _summed(y: Any) -> Any:
    """Return a sparse matrix as CSR whose entries have a place of their own each."""
    y = y.tocsr()
    if not y.has_canonical_format:
        y = y.copy()
        y.sum_duplicates()
    return y


@dataclass(frozen=True)
class Labels:
    """The classes of a problem, and how labels become targets and come back.

    Attributes
    ----------
    classes : ndarray
        The sorted labels; for multilabel the indices or names of the columns.
    kind : {"binary", "multiclass", "multilabel"}
        "binary" also covers a single class: both have one logistic output.
    sparse : bool
        Whether a multilabel indicator is a sparse matrix, as predictions then are.
    """

    classes: Array
    kind: str
    sparse: bool = False

    @classmethod
    @np.errstate(invalid="ignore")  # scikit-learn casts floats to integers to see what they are
    def of(cls, y: Any, name: str = "y") -> Labels:
        """Learn the classes from ``y``, which messages call by ``name``."""
        if type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biu":
            classes = np.unique(y)
            if len(classes) < len(y) // 2:  # otherwise scikit-learn may warn
                return cls._single(classes)
        # scikit-learn takes other numbers in a sparse one for a single column of labels.
        if sparse.issparse(y):
            check_indicator(y, name)
        check_classification_targets(y)
        target = type_of_target(y, input_name=name)
        if target == "multiclass-multioutput":
            raise ValueError(
                f"{name} must have one column of labels or be a multilabel indicator of zeros and ones, "
                "got several columns of labels (multiclass-multioutput is not supported)"
            )
        if target.startswith("multilabel"):
            check_indicator(y, name)
            return cls(np.arange(y.shape[1]), "multilabel", sparse.issparse(y))
        return cls._single(sorted_labels(y))

    @classmethod
    def _single(cls, classes: Array) -> Labels:
        return cls(classes, "binary" if len(classes) <= 2 else "multiclass")

    def declared(self, classes: Array) -> Labels:
        """Return the labels with ``classes``, all that there will be, for those found so far."""
        if self.kind != "multilabel":
            return self._single(classes)
        if len(classes) != len(self.classes):
            raise ValueError(
                f"classes must name the {len(self.classes)} columns of y, got {classes.tolist()}"
            )
        return Labels(classes, "multilabel", self.sparse)

    def only_in(self, T: Matrix, other: Matrix) -> list[Any]:
        """Return the labels that targets ``T`` have and ``other`` have not."""

        def found() -> tuple[set[int], ...]:
            if self.kind == "multilabel":
                return tuple(set(np.flatnonzero(t.sum(axis=0))) for t in (T, other))
            return tuple(set(np.unique(t).astype(np.intp)) for t in (T, other))

        there, here = (set().union(*each) for each in zip(*of_ranks(found), strict=True))
        return self.classes[sorted(there - here)].tolist()

    def check(self, found: Labels, call: str) -> None:
        """Raise if the labels ``found`` in a later ``y`` do not belong to these.

        ``call`` is "warm_start", in which no class may be missing either, "partial_fit" or "y_val".
        """
        if found is self:
            return
        name, as_before = ("y_val", "as y") if call == "y_val" else ("y", "as in the previous call")
        cure = _CURES[call]
        if (found.kind == "multilabel") != (self.kind == "multilabel"):
            names = {True: "a multilabel indicator", False: "one column of labels"}
            raise ValueError(
                f"{name} must be {names[self.kind == 'multilabel']} {as_before}, got "
                f"{names[found.kind == 'multilabel']}{cure}"
            )
        if self.kind == "multilabel":
            if len(found.classes) != len(self.classes):
                raise ValueError(
                    f"{name} must have {columns(len(self.classes))}, {as_before}, got "
                    f"{len(found.classes)}{cure}"
                )
            return
        here, there = self.classes.tolist(), found.classes.tolist()
        new, missing = sorted(set(there) - set(here)), sorted(set(here) - set(there))
        changes = [f"{word}: {abbreviated(labels)}"
                   for word, labels in (("new", new), ("missing", missing)) if labels]  # fmt: skip
        if call == "warm_start" and changes:
            if not new:
                cure += ", or use partial_fit, whose batches may lack classes"
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes}, `y` has {found.classes} "
                f"({'; '.join(changes)}){cure}"
            )
        if new:
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {found.classes} ({changes[0]}){cure}"
            )

    def attributes(self) -> dict[str, Any]:
        """Return what a fitted classifier has of them."""
        return {"_labels": self, "classes_": self.classes}

    @property
    def certain(self) -> bool:
        """Return whether there is a single class, which is the answer whatever the network says."""
        return self.kind == "binary" and len(self.classes) == 1

    @property
    def n_outputs(self) -> int:
        """Return how many outputs the network has."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def output(self) -> str:
        """Return the inverse link of the output layer."""
        return "softmax" if self.kind == "multiclass" else "logistic"

    def encode(self, y: Any, dtype: DTypeLike) -> Matrix:
        """Return targets: class indices for multiclass, floats (n_samples, n_outputs) otherwise.

        Those of a sparse indicator are a CSR matrix without stored zeros.
        """
        if self.kind == "multilabel" and sparse.issparse(y):
            T = sparse.csr_array(_summed(y), dtype=dtype, copy=True)
            T.eliminate_zeros()
            return T
        if self.kind == "multilabel":
            return (y > 0).astype(dtype)
        # In one dtype: NumPy compares signed and unsigned numbers as floats.
        indices = np.searchsorted(self.classes, y.astype(self.classes.dtype, copy=False))
        if self.kind == "multiclass":
            return indices.astype(np.int64)
        # A single class is the negative one, as in scikit-learn.
        return (indices == 1).astype(dtype)[:, np.newaxis]

    def decode(self, P: Array) -> Matrix:
        """Return labels from predicted probabilities (n_samples, n_outputs): an array, or a CSR matrix."""
        if self.kind == "multiclass":
            return self.classes[P.argmax(axis=1)]
        if self.kind == "multilabel":
            return (
                sparse.csr_matrix(P > 0.5, dtype=np.int64)
                if self.sparse
                else (P > 0.5).astype(np.int64)
            )
        if self.certain:
            return np.repeat(self.classes, len(P))
        return self.classes[(P[:, 0] > 0.5).astype(np.intp)]

    def right(self, P: Array, T: Array) -> Array:
        """Return in which rows what :meth:`decode` makes of probabilities is right, in all columns."""
        if self.kind == "multiclass":
            return P.argmax(axis=1) == T
        if self.certain:
            return np.ones(len(P), dtype=bool)
        return ((P > 0.5) == (T > 0.5)).all(axis=1)

    def weights(
        self,
        class_weight: dict[Any, float] | str,
        T: Matrix,
        sample_weight: Array | None = None,
        at: Matrix | None = None,
    ) -> Array:
        """Return each sample's class weight, for a dict from labels to weights or "balanced".

        "balanced" is inverse to the frequency of the class, in which a sample counts as often as
        its weight says; for multilabel it is the product over the columns, over its mean where it would
        be no normal number. ``at`` are other targets, to be weighted as those of ``T`` are.
        """
        at = T if at is None else at
        if isinstance(class_weight, str):
            n_classes = len(self.classes) if self.kind == "multiclass" else 2
            counts = sum_of_ranks(_counts(T, sample_weight, n_classes))
            pairs = zip(counts, _columns(at), strict=True)
            return _product([_balanced(count)[a] for count, a in pairs])
        got = f"got {class_weight!r}"
        if self.kind == "multilabel":
            raise ValueError(f"class_weight must be 'balanced' or None for multilabel y, {got}")
        labels = self.classes.tolist()
        # As in scikit-learn, a key that is no label is a mistake only where some label has no key.
        if not (class_weight.keys() <= set(labels) or class_weight.keys() >= set(labels)):
            raise ValueError(f"class_weight must have labels of {labels} as keys, {got}")
        values = [class_weight.get(label, 1.0) for label in labels]
        # A duration is a number for Python's tower.
        if any(isinstance(value, np.timedelta64) for value in values) or not all(
            isinstance(value, Real) and 0 <= value < np.inf for value in values
        ):
            raise ValueError(f"class_weight must have finite values of at least 0, {got}")
        return np.array(values, dtype=np.float64)[at.ravel().astype(np.intp)]


def _columns(T: Matrix) -> Iterator[Array]:
    """Iterate over the columns of targets, as class indices."""
    if not sparse.issparse(T):
        yield from (T[:, np.newaxis] if T.ndim == 1 else T).astype(np.intp).T
        return
    T = T.tocsc()
    for start, stop in pairwise(T.indptr):
        column = np.zeros(T.shape[0], dtype=np.intp)
        column[T.indices[start:stop]] = 1
        yield column


def _counts(T: Matrix, sample_weight: Array | None, n_classes: int) -> Array:
    """Return how often each class occurs in each column; a sample as often as its weight says."""
    counts = [np.bincount(t, weights=sample_weight, minlength=n_classes) for t in _columns(T)]
    return np.array(counts, dtype=np.float64)


def _balanced(counts: Array) -> Array:
    """Return the weights that make all classes weigh the same.

    Samples weigh 1 on average; those of a class that is not there, nothing.
    """
    present = counts > 0
    weights = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def _product(factors: Iterable[Array]) -> Array:
    """Return the product of arrays; over its mean where it under- or overflows, as of hundreds it does."""
    product, exponents = np.ones(1), np.zeros(1, dtype=np.int64)
    for factor in factors:
        product, more = np.frexp(product * factor)  # exact: a power of 2 is taken out
        exponents = exponents + more
    exponents = np.where(product > 0, exponents, 0)
    bounds = of_ranks(lambda: [exponents.min(), exponents.max()] if exponents.size else [])
    least, most = min(map(min, filter(None, bounds))), max(map(max, filter(None, bounds)))
    if not -_EXPONENTS < least <= most < _EXPONENTS:
        product = np.ldexp(product, exponents - most)
        return product / joined(of_ranks(lambda: product)).mean()
    return np.ldexp(product, exponents)


@dataclass(frozen=True)
class Numbers:
    """The targets of a regression, in units of their own spread if wanted.

    Attributes
    ----------
    n_outputs : int
    mean, scale : ndarray of shape (n_outputs,) or None
        Mean and standard deviation (1 where that is 0) of each output, in float64; None where the loss
        takes the targets as they are.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = Numbers.of(np.array([[1.0], [3.0]]), None)
    >>> numbers.encode(np.array([[1.0], [5.0]]), "float64").ravel()
    array([-1.,  3.])
    >>> numbers.decode(np.array([[0.0]]))
    array([[2.]])
    """

    n_outputs: int
    mean: Array | None = None
    scale: Array | None = None

    @classmethod
    def of(cls, y: Array, sample_weight: Array | None) -> Numbers:
        """Learn mean and spread from targets (n_samples, n_outputs) and their weights."""
        y = y.astype(np.float64, copy=False)
        largest = of_ranks(lambda: np.abs(y).max(axis=0, initial=0.0))
        unit = np.max(largest, axis=0)  # so that no square overflows or underflows
        unit[unit == 0] = 1.0
        mean = mean_of_ranks(y / unit, sample_weight)
        spread = np.sqrt(mean_of_ranks(np.square(y / unit - mean), sample_weight))
        # What rounding leaves of a constant is no spread.
        spread[spread <= 10 * np.finfo(np.float64).eps * np.abs(mean)] = 0.0
        scale = spread * unit
        scale[scale == 0] = 1.0
        return cls(y.shape[1], mean * unit, scale)

    def attributes(self) -> dict[str, Any]:
        """Return what a fitted regressor has of them."""
        return {"target_mean_": self.mean, "target_scale_": self.scale}

    def encode(self, y: Array, dtype: DTypeLike) -> Array:
        """Return the targets of the loss for numbers (n_samples, n_outputs)."""
        T = y
        with np.errstate(over="ignore"):
            # Of other columns than those of the fit the caller says so.
            if self.mean is not None and self.scale is not None and y.shape[1] == self.n_outputs:
                T = (y.astype(np.float64, copy=False) - self.mean) / self.scale
            T = T.astype(dtype, copy=False)
        if not np.isfinite(T).all():
            raise ValueError(f"y must be finite in {T.dtype}, got {y.flat[np.abs(y).argmax()]}")
        return T

    def decode(self, Y: Array) -> Array:
        """Return predictions in the units of the targets, in their dtype."""
        if self.mean is None or self.scale is None:
            return Y
        return (Y * self.scale + self.mean).astype(Y.dtype, copy=False)

    def predictions(self, Y: Array) -> Array:
        """Return what ``predict`` does: :meth:`decode`, of a single output a vector."""
        Y = self.decode(Y)
        return Y.ravel() if Y.shape[1] == 1 else Y


def in_a_row(y: Any) -> Any:
    """Return labels in a single column as a vector."""
    if y.ndim == 2 and y.shape[1] == 1:
        return _as_vector(y.toarray() if sparse.issparse(y) else y)
    return y


def by_columns(y: Any) -> Array:
    """Return numbers as (n_samples, n_outputs)."""
    if sparse.issparse(y):
        raise TypeError(f"y must be a dense array of numbers, got {type(y).__name__}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = _as_vector(y)
    return y[:, np.newaxis] if y.ndim == 1 else y


def _as_vector(y: Array) -> Array:
    """Return a column as a vector, with scikit-learn's warning at the user's line."""
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
        "(n_samples, ), for example using ravel().",
        DataConversionWarning,
        stacklevel=level_of_user(),
    )
    return y.ravel()
