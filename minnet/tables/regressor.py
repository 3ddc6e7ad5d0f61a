"""The regressor for tables."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from minnet.common.docstrings import complete_docstring
from minnet.common.entry import entry
from minnet.common.types import Array, ArrayLike, RandomState
from minnet.estimators.plain import as_numbers, as_weights
from minnet.estimators.targets import Numbers, by_columns, columns
from minnet.tables.base import BaseTabular

__all__ = ["TabularRegressor"]


@complete_docstring(BaseTabular)
class TabularRegressor(RegressorMixin, BaseTabular):
    """Regressor for tables: an ensemble of networks, with nothing to choose.

    A data frame in, with numbers, categories, strings, booleans and missing values. The columns are
    encoded by pieces of a line (:class:`minnet.TableEncoder`), each network leaves a fold of the
    rows out, which tells how long they are trained, and predictions are averaged. Networks see targets in
    units of their standard deviation; what they say is cut off at the least and the largest target of
    ``fit``.
    :doc:`/tables` says what each part is worth, and where boosting is better.

    Attributes
    ----------
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        What each row of ``fit`` is predicted by the member that was not trained on it. Not there where a
        validation set was given, or of fewer than ten rows.

    See Also
    --------
    TabularClassifier : The same for classes.
    MinNetRegressor : One network of any architecture.

    Examples
    --------
    >>> from minnet import TabularRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressor(max_iter=20, random_state=0).fit(X, y)
    >>> reg.oof_score_ > 0.4
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = BaseTabular._parameter_constraints

    _of_classes = False

    n_outputs_: int
    target_mean_: Array | None
    target_scale_: Array | None
    target_range_: tuple[Array, Array]

    def __init__(
        self,
        quality: str = "balanced",
        *,
        categorical_features: Any = "from_dtype",
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

    def predict(self, X: Any) -> Array:
        """Predict numbers: the mean over the members.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In float64.
        """
        check_is_fitted(self, "networks_")
        numbers = Numbers(self.n_outputs_, self.target_mean_, self.target_scale_)
        Y = _within(self.target_range_, numbers, self._mean_of_members(X, np.asarray))
        return Y.ravel() if Y.shape[1] == 1 else Y

    @entry
    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2, the mean over outputs.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of ``fit``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers in any form that ``fit`` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        float
        """
        return super().score(X, as_numbers(y), as_weights(sample_weight, "sample_weight", of=y))

    # ---- what the base asks for

    def _learn_targets(self, y: Any, sample_weight: Array | None) -> tuple[Numbers, Array]:
        y = by_columns(y)
        known = sample_weight is not None and sample_weight.sum() > 0
        numbers = Numbers.of(y, sample_weight if known else None)
        return numbers, numbers.encode(y, np.float32)

    def _held_targets(self, targets: Numbers, y: Any) -> Array:
        y = by_columns(y)
        if y.shape[1] != targets.n_outputs:
            raise ValueError(f"y_val must have {columns(targets.n_outputs)} as y, got {y.shape[1]}")
        return targets.encode(y, np.float32)

    def _loss(self, targets: Numbers) -> str:
        return "squared_error"

    def _attributes_of(self, targets: Any, y_range: tuple[Array, Array]) -> dict[str, Any]:
        return {**targets.attributes(), "target_range_": y_range}

    def _oof_attributes(
        self,
        fitted: dict[str, Any],
        outputs: Array,
        T: Array,
        known: Array,
        weights: Array | None,
    ) -> dict[str, Any]:
        numbers = Numbers(T.shape[1], fitted["target_mean_"], fitted["target_scale_"])
        Y = _within(fitted["target_range_"], numbers, outputs)
        # In units of the standard deviation, in which no square overflows.
        score = np.nan
        if known.sum() > 1:
            Z = numbers.encode(Y[known], np.float64)
            score = float(r2_score(T[known], Z, sample_weight=weights))
        return {
            "oof_prediction_": Y.ravel() if Y.shape[1] == 1 else Y,
            "oof_score_": score,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _within(ends: tuple[Array, Array], numbers: Numbers, outputs: Array) -> Array:
    """Return outputs in the units of the targets, as far as these went."""
    with np.errstate(over="ignore"):
        return np.clip(numbers.decode(outputs), *ends)
