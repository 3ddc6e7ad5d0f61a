"""The classifier for tables."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from minnet.common.docstrings import complete_docstring
from minnet.common.entry import entry
from minnet.common.types import Array, ArrayLike, RandomState
from minnet.estimators.arguments import Names
from minnet.estimators.plain import as_labels, as_weights
from minnet.estimators.targets import Labels, in_a_row
from minnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from minnet.tables.base import BaseTabular

__all__ = ["TabularClassifier"]

#: Probabilities whose logarithms are taken: what scikit-learn clips float64 to.
_BOUNDS = np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps


@complete_docstring(BaseTabular)
class TabularClassifier(ClassifierMixin, BaseTabular):
    """Classifier for tables: an ensemble of networks, with nothing to choose.

    A data frame in, with numbers, categories, strings, booleans and missing values; probabilities out. The
    columns are encoded by pieces of a line (:class:`minnet.TableEncoder`), each network leaves a
    fold of the rows out, which tells how long they are trained, and probabilities are averaged.
    :doc:`/tables` says what each part is worth, and where boosting is better.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with ``sample_weight``, as in :class:`minnet.MinNetClassifier`.
    calibrate : bool, default=True
        Whether logits are divided by a temperature before probabilities are averaged. The one at which
        the members' predictions for rows that they were not trained on have the least log loss makes each
        of them as sure as it should be; since their mean is less sure, it is its power
        0.7 that is taken where there are several.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    oof_prediction_ : ndarray of shape (n_samples, n_classes)
        Probabilities of each row of ``fit`` by the member that was not trained on it; NaN where all were.
        Not there where a validation set was given, or of fewer than ten rows.
    oof_log_loss_ : float
        Their log loss.

    See Also
    --------
    TabularRegressor : The same for numbers.
    MinNetClassifier : One network of any architecture.

    Examples
    --------
    >>> import pandas as pd
    >>> from minnet import TabularClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> X["size"] = pd.cut(X["petal length (cm)"], 3, labels=["small", "middle", "large"])
    >>> clf = TabularClassifier(max_iter=20, random_state=0).fit(X, y)
    >>> clf.predict_proba(X.iloc[[0, 149]]).round(1)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    >>> clf.oof_score_ > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [dict, Names("balanced"), None],
        "calibrate": ["boolean"],
    }

    _of_classes = True

    class_weight: dict[Any, float] | str | None
    calibrate: bool
    classes_: Array
    _labels: Labels

    def __init__(
        self,
        quality: str = "balanced",
        *,
        categorical_features: Any = "from_dtype",
        class_weight: dict[Any, float] | str | None = None,
        calibrate: bool = True,
        time_limit: float | None = None,
        n_members: int | str = "auto",
        bins: int | str | None = "auto",
        hidden_layer_sizes: ArrayLike | str = "auto",
        dropout: float | str = "auto",
        code_dropout: float | str = "auto",
        max_iter: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float | str = "auto",
        weight_decay: float | str = "auto",
        random_state: RandomState = None,
        verbose: bool | int = False,
        backend: str = "auto",
        n_threads: int | None = None,
    ) -> None:
        self._store(locals())

    def predict_proba(self, X: Any) -> Array:
        """Predict probabilities: the mean over the members.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; for multilabel that of each label being 1.
        """
        check_is_fitted(self, "networks_")
        if self._labels.kind != "binary":
            return self._mean_of_members(X, self._link)
        # Not 1 - p, which is 0 where p rounds to 1.
        P = self._mean_of_members(X, lambda Z: np.hstack([self._link(-Z), self._link(Z)]))
        return P if len(self.classes_) == 2 else np.ones((len(P), 1))

    def predict_log_proba(self, X: Any) -> Array:
        """Predict the logarithms of probabilities.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Finite: where a probability rounds to 0 it is that of the smallest number.
        """
        P = self.predict_proba(X)
        return np.log(np.maximum(P, np.finfo(P.dtype).smallest_normal))

    def predict(self, X: Any) -> Any:
        """Predict class labels: those of the largest mean probability.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) of zeros and ones for multilabel
        """
        check_is_fitted(self, "networks_")
        return self._labels.decode(self._mean_of_members(X, self._link))

    @entry
    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy; for multilabel the fraction of rows that are right in every label.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels in any form that ``fit`` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        float
        """
        labels = as_labels(y)
        return super().score(X, labels, as_weights(sample_weight, "sample_weight", of=labels))

    # ---- what the base asks for

    def _link(self, Z: Array) -> Array:
        return self.networks_[0].loss_.predict(Z)

    def _learn_targets(self, y: Any, sample_weight: Array | None) -> tuple[Labels, Array]:
        y = in_a_row(y)
        labels = Labels.of(y)
        T = labels.encode(y, np.float32)
        return labels, T.toarray() if labels.sparse else T

    def _held_targets(self, targets: Labels, y: Any) -> Array:
        y = in_a_row(y)
        targets.check(Labels.of(y, "y_val"), "y_val")
        T = targets.encode(y, np.float32)
        return T.toarray() if sparse.issparse(T) else T

    def _loss(self, targets: Labels) -> Loss:
        return SoftmaxCrossEntropy() if targets.output == "softmax" else SigmoidCrossEntropy()

    def _total_weight(
        self,
        targets: Labels,
        T: Array,
        sample_weight: Array | None,
        of: Array | None = None,
    ) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        if of is None:
            weights = targets.weights(self.class_weight, T, sample_weight)
        else:
            weights = targets.weights(self.class_weight, of, None, at=T)
        return weights if sample_weight is None else weights * sample_weight

    def _calibrates(self) -> bool:
        return self.calibrate

    def _attributes_of(self, targets: Any, y_range: tuple[Array, Array]) -> dict[str, Any]:
        return targets.attributes()

    def _oof_attributes(
        self,
        fitted: dict[str, Any],
        outputs: Array,
        T: Array,
        known: Array,
        weights: Array | None,
    ) -> dict[str, Any]:
        labels = fitted["_labels"]
        if labels.kind == "binary" and len(labels.classes) == 1:
            sure = np.where(np.isnan(outputs), np.nan, 1.0)
            return {"oof_prediction_": sure, "oof_score_": 1.0, "oof_log_loss_": 0.0}
        P, T = outputs[known], T[known]
        y, said = (T, P.argmax(axis=1)) if T.ndim == 1 else (T > 0.5, P > 0.5)
        if labels.kind == "binary":
            outputs = np.hstack([1 - outputs, outputs])
        return {
            "oof_prediction_": outputs,
            "oof_score_": float(accuracy_score(y, said, sample_weight=weights)),
            "oof_log_loss_": _log_loss(P, T, weights),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _log_loss(P: Array, T: Array, weights: Array | None) -> float:
    """Return the mean log loss of probabilities as a network gives them, a column for each output."""
    P = np.clip(P, *_BOUNDS)
    if T.ndim == 1:
        of_rows = -np.log(P[np.arange(len(T)), T])
    else:
        of_rows = -(T * np.log(P) + (1 - T) * np.log1p(-P)).sum(axis=1)
    return float(np.average(of_rows, weights=weights))
