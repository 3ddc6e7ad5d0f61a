"""Labels on the outside, targets of the loss on the inside."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

__all__ = ["Labels", "typed_labels"]


def typed_labels(y, name="y"):
    """Return an array of Python's objects as one of booleans, whole numbers or floats, if it is that.

    scikit-learn takes such an array for no known kind of labels. Strings, and what is not known here,
    stay as they are.

    Raises
    ------
    ValueError
        If a label is missing (None, NaN), if types are mixed, or if a number has more than 64 bits.
    """
    labels = y.ravel().tolist()
    for label in labels:
        if label is None or type(label).__name__ == "NAType" or label != label:
            raise ValueError(f"{name} must have no missing labels, got {label!r}")
    for kinds in (bool, np.bool_), Integral, Real, str:
        inside = [isinstance(label, kinds) for label in labels]
        if all(inside):
            break
        if any(inside):
            names = sorted({type(label).__name__ for label in labels})
            raise ValueError(f"{name} must have labels of one type, got {' and '.join(names)}")
    else:
        return y
    if kinds is str or not labels:
        return y
    typed = np.array(labels)
    if kinds is Integral and typed.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must have labels of at most 64 bits or strings, got {max(labels, key=abs)}"
        )
    return typed.reshape(y.shape)


@dataclass(frozen=True)
class Labels:
    """The classes of a problem, and how labels become targets and come back.

    Attributes
    ----------
    classes : ndarray
        The sorted labels; for multilabel the indices of the columns.
    kind : {"binary", "multiclass", "multilabel"}
        "binary" also covers a single class: both have one logistic output.
    sparse : bool
        Whether a multilabel indicator is a sparse matrix, as predictions then are.
    """

    classes: np.ndarray
    kind: str
    sparse: bool = False

    @classmethod
    @np.errstate(invalid="ignore")  # scikit-learn casts floats to integers to see what they are
    def of(cls, y):
        """Learn the classes from ``y``."""
        check_classification_targets(y)
        target = type_of_target(y, input_name="y")
        if target == "multiclass-multioutput":
            raise ValueError(
                "y must have one column of labels or be a multilabel indicator of zeros and ones, "
                "got several columns of labels (multiclass-multioutput is not supported)"
            )
        if target.startswith("multilabel"):
            return cls(np.arange(y.shape[1]), "multilabel", sparse.issparse(y))
        return cls._single(unique_labels(y))

    @classmethod
    def _single(cls, classes):
        return cls(classes, "binary" if len(classes) <= 2 else "multiclass")

    def declared(self, classes):
        """Return the labels with ``classes``, all that there will be, for those found so far."""
        if self.kind != "multilabel":
            return self._single(classes)
        if len(classes) != len(self.classes):
            raise ValueError(
                f"classes must name the {len(self.classes)} columns of y, got {classes.tolist()}"
            )
        return Labels(classes, "multilabel", self.sparse)

    def check(self, found, all_of_them):
        """Raise if the labels ``found`` in a later ``y`` do not belong to these.

        With ``all_of_them`` (a warm start) none may be missing either.
        """
        if (found.kind == "multilabel") != (self.kind == "multilabel"):
            names = {True: "a multilabel indicator", False: "one column of labels"}
            raise ValueError(
                f"y must be {names[self.kind == 'multilabel']} as in the previous call, got "
                f"{names[found.kind == 'multilabel']}"
            )
        if self.kind == "multilabel":
            if len(found.classes) != len(self.classes):
                raise ValueError(
                    f"y must have {len(self.classes)} columns, as in the previous call, got "
                    f"{len(found.classes)}"
                )
            return
        here, there = set(self.classes.tolist()), set(found.classes.tolist())
        if all_of_them and here != there:
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes}, `y` has {found.classes}"
            )
        if not there <= here:
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {found.classes}."
            )

    @property
    def n_outputs(self):
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def output(self):
        """Return the inverse link of the output layer."""
        return "softmax" if self.kind == "multiclass" else "logistic"

    def encode(self, y, dtype):
        """Return targets: class indices for multiclass, floats (n_samples, n_outputs) otherwise."""
        if self.kind == "multilabel":
            y = y.toarray() if sparse.issparse(y) else y
            return (y > 0).astype(dtype)
        indices = np.searchsorted(self.classes, y)
        if self.kind == "multiclass":
            return indices.astype(np.int64)
        # A single class is the negative one, as in scikit-learn.
        return (indices == 1).astype(dtype)[:, np.newaxis]

    def decode(self, P):
        """Return labels, as an array, from predicted probabilities (n_samples, n_outputs)."""
        if self.kind == "multiclass":
            return self.classes[P.argmax(axis=1)]
        if self.kind == "multilabel":
            return (P > 0.5).astype(np.int64)
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(P))
        return self.classes[(P[:, 0] > 0.5).astype(np.intp)]

    def weights(self, class_weight, T, sample_weight=None, at=None):
        """Return each sample's class weight, for a dict from labels to weights or "balanced".

        "balanced" is inverse to the frequency of the class, in which a sample counts as often as
        its weight says; for multilabel it is the product over the columns. ``at`` are other targets,
        to be weighted as those of ``T`` are.
        """
        at = T if at is None else at
        if isinstance(class_weight, str):
            columns, wanted = (A.astype(np.intp).reshape(len(A), -1).T for A in (T, at))
            weights = [_balanced(t, sample_weight, a) for t, a in zip(columns, wanted, strict=True)]
            return np.prod(weights, axis=0)
        got = f"got {class_weight!r}"
        if self.kind == "multilabel":
            raise ValueError(f"class_weight must be 'balanced' or None for multilabel y, {got}")
        labels = self.classes.tolist()
        # As in scikit-learn, a key that is no label is a mistake only where some label has no key.
        if not (class_weight.keys() <= set(labels) or class_weight.keys() >= set(labels)):
            raise ValueError(f"class_weight must have labels of {labels} as keys, {got}")
        values = [class_weight.get(label, 1.0) for label in labels]
        if not all(isinstance(value, Real) and 0 <= value < np.inf for value in values):
            raise ValueError(f"class_weight must have finite values of at least 0, {got}")
        return np.array(values, dtype=np.float64)[at.ravel().astype(np.intp)]


def _balanced(t, sample_weight, at):
    """Return, at the classes ``at``, the weights that make all classes of ``t`` weigh the same.

    Samples weigh 1 on average; those of a class that is not there, nothing.
    """
    n_classes = 1 + max(t.max(), at.max())
    counts = np.bincount(t, weights=sample_weight, minlength=n_classes).astype(np.float64)
    present = counts > 0
    weights = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights[at]
