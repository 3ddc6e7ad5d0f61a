"""The regressor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from minnet.activations import Activation
from minnet.common.docstrings import complete_docstring
from minnet.common.entry import entry
from minnet.common.ranks import sum_of_ranks
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix, RandomState
from minnet.estimators.arguments import Names
from minnet.estimators.base import BaseMinNet
from minnet.estimators.plain import as_numbers, as_weights
from minnet.estimators.predictor import Predictor
from minnet.estimators.targets import Numbers, by_columns, columns
from minnet.layers import Layer
from minnet.losses import Loss, get_loss
from minnet.optimizers import Optimizer
from minnet.schedules import Schedule
from minnet.training.divergence import finite_predictions

__all__ = ["MinNetRegressor"]


@complete_docstring(BaseMinNet)
class MinNetRegressor(RegressorMixin, BaseMinNet):
    """Neural network regressor for one or several outputs.

    It takes every argument of :class:`sklearn.neural_network.MLPRegressor`, with the same name,
    place, default and meaning, and those from ``init`` on, which are minnet's.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        "squared_error" (half of it), "poisson" (half the deviance, with a log link: ``y >= 0``),
        "absolute_error", "huber" (quadratic up to a distance of 1, linear beyond), "quantile" (the
        median), or an object such as :class:`minnet.losses.Quantile` (0.9) and
        :class:`minnet.losses.Huber` (2.0); each summed over outputs.
    scale_targets : bool, default=False
        Whether to train on targets in units of their standard deviation from their mean (weighted by
        ``sample_weight``, output by output; in ``partial_fit`` and ``fit_stream`` those of the first
        batch, which should have 100 rows or more). Predictions are in the units of ``y``; ``loss_``, the
        curves and arguments of the loss, such as Huber's ``delta``, are in those of the spread. Without
        it targets far from unit scale need many steps before the output has come as far: a warning says
        where a fit is likely to fail for it.

    Attributes
    ----------
    target_mean_, target_scale_ : ndarray of shape (n_outputs,) or None
        Of ``scale_targets``.

    See Also
    --------
    MinNetClassifier : The same for classes.

    Examples
    --------
    >>> from minnet import MinNetRegressor
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=5, random_state=0)
    >>> reg = MinNetRegressor(hidden_layer_sizes=20, solver="lbfgs", max_iter=500, random_state=0)
    >>> reg.fit(X, y / y.std()).score(X, y / y.std()) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMinNet._parameter_constraints,
        "scale_targets": ["boolean"],
        "loss": [Names("squared_error", "poisson", "absolute_error", "huber", "quantile"), Loss],
    }

    scale_targets: bool
    n_outputs_: int
    target_mean_: Array | None
    target_scale_: Array | None

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str | Activation = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule | Callable[[int], float] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        init: Any = "auto",
        bias_init: Any = "auto",
        layers: list[Layer] | None = None,
        output_layer: dict[str, Any] | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        scale_targets: bool = False,
        scoring: str | Callable[..., float] | None = None,
        keep: str | None = None,
        n_networks: int = 1,
        backend: str = "auto",
        n_threads: int | None = None,
        preset: str | None = None,
        precision: str | None = None,
    ) -> None:
        self._store(locals())

    def predict(self, X: Matrix) -> Array:
        """Predict numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """
        Y = self._at_once(X)
        if Y is not None:
            return self._fitted_targets().predictions(Y)

        def made(network: Any, backend: Any, X: Matrix) -> Array:
            # Of each network by itself: the mean over several is that of their predictions, to the bit.
            return self._fitted_targets().predictions(finite_predictions(network, backend, X))

        return self._predicted(X, made)

    def predictor(self) -> Predictor:
        """Return a function that predicts few rows in some microseconds.

        It is for services: it has copied the network, is called with an array of the network's dtype,
        and looks at nothing but its shape.

        Returns
        -------
        minnet.estimators.predictor.Predictor

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import MinNetRegressor
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> reg = MinNetRegressor(random_state=0, max_iter=300).fit(X, X[:, 0])
        >>> np.array_equal(reg.predictor()(X[:3]), reg.predict(X[:3]))
        True
        """
        check_is_fitted(self, "network_")
        return Predictor(
            self.networks_,
            self.backend,
            self.n_threads,
            finish=self._fitted_targets().predictions,
        )

    @entry
    def score(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2, the mean over outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers in any form that ``fit`` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        float
        """
        weights = as_weights(sample_weight, "sample_weight", of=y)
        return super().score(X, as_numbers(y), weights)

    # ---- what the base asks for

    def _check_targets(
        self,
        y: Any,
        dtype: DTypeLike,
        sample_weight: Array | None,
        known: Numbers | None,
        call: str,
        classes: None,
    ) -> tuple[Numbers, Array]:
        y = by_columns(y)
        if known is None:
            numbers = self._learn_scale(y, sample_weight)
            return numbers, numbers.encode(y, dtype)
        if self.scale_targets != (known.mean is not None):
            raise ValueError(
                f"scale_targets must stay as it was fitted, got {self.scale_targets}: to start anew set "
                "warm_start=False and call fit"
            )
        if y.shape[1] != known.n_outputs:
            raise ValueError(
                f"y must have {columns(known.n_outputs)}, as in the previous call, got {y.shape[1]}; to "
                "start anew set warm_start=False and call fit"
            )
        return known, known.encode(y, dtype)

    def _learn_scale(self, y: Array, sample_weight: Array | None) -> Numbers:
        numbers = Numbers(y.shape[1])
        if not self.scale_targets:
            return numbers
        output = get_loss(self._loss(numbers), y.shape[1]).output
        if output != "identity":
            raise ValueError(
                f"scale_targets must be False for a loss on {output} outputs, got True with {self.loss!r}"
            )
        if sample_weight is not None and not sum_of_ranks(sample_weight.sum()) > 0:
            sample_weight = None  # which is refused in a moment
        return Numbers.of(y, sample_weight)

    def _check_held_targets(self, targets: Numbers, y: Any, dtype: DTypeLike) -> Array:
        return targets.encode(by_columns(y), dtype)

    def _fitted_targets(self) -> Numbers:
        return Numbers(self.n_outputs_, self.target_mean_, self.target_scale_)

    def _loss(self, targets: Numbers) -> str | Loss:
        if isinstance(self.loss, Loss) and self.loss.output == "softmax":
            raise ValueError(f"loss must not be one on a softmax for numbers, got {self.loss!r}")
        return self.loss

    def _validation_score(self, Y: Array, T: Matrix, sample_weight: Array | None) -> float:
        return r2_score(T, Y, sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
