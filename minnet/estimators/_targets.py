"""Labels on the outside, targets of the loss on the inside."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

__all__ = ["Labels"]


@dataclass(frozen=True)
class Labels:
    """The classes of a problem, and how labels become targets and come back.

    Attributes
    ----------
    classes : ndarray
        The sorted labels; for multilabel the indices of the columns.
    kind : {"binary", "multiclass", "multilabel"}
        "binary" also covers a single class: both have one logistic output.
    """

    classes: np.ndarray
    kind: str

    @classmethod
    def of(cls, y, classes=None):
        """Learn the classes from ``y``, or take ``classes`` for them unless ``y`` is multilabel."""
        check_classification_targets(y)
        target = type_of_target(y, input_name="y")
        if target == "multiclass-multioutput":
            raise ValueError(
                "y must have one column of labels or be a multilabel indicator of zeros and ones, got "
                "several columns of labels (multiclass-multioutput is not supported)"
            )
        if target.startswith("multilabel"):
            return cls(np.arange(y.shape[1]), "multilabel")
        found = unique_labels(y if classes is None else classes)
        return cls(found, "binary" if len(found) <= 2 else "multiclass")

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
            y = y.toarray() if sparse.issparse(y) else np.asarray(y)
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"y must be a multilabel indicator with {len(self.classes)} columns, as in the "
                    f"previous call, got shape {y.shape}"
                )
            return (y > 0).astype(dtype)
        indices = np.searchsorted(self.classes, y)
        if self.kind == "multiclass":
            return indices.astype(np.int64)
        # A single class is the negative one, as in scikit-learn.
        return (indices == 1).astype(dtype)[:, np.newaxis]

    def decode(self, P):
        """Return labels from predicted probabilities (n_samples, n_outputs)."""
        if self.kind == "multiclass":
            return self.classes[P.argmax(axis=1)]
        if self.kind == "multilabel":
            return (P > 0.5).astype(np.int64)
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(P))
        return self.classes[(P[:, 0] > 0.5).astype(np.intp)]

    def distribute(self, P):
        """Return one column a class from the outputs' probabilities."""
        if self.kind != "binary":
            return P
        if len(self.classes) == 1:
            return np.ones_like(P)
        return np.hstack([1 - P, P])
