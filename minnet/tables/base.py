"""What the estimators for tables share: their arguments, fit, and the mean over the members."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from minnet.backends import MOST_THREADS, list_backends
from minnet.common.communicator import refuse_together
from minnet.common.entry import entry, shorten
from minnet.common.sklearn_versions import CallbackSupportMixin, with_callbacks
from minnet.common.types import Array, ArrayLike, RandomState
from minnet.estimators.arguments import Between, Names
from minnet.estimators.data import in_memory
from minnet.estimators.documentation import DocumentedMixin
from minnet.estimators.parameters import ParametersMixin
from minnet.estimators.prediction import predict_blocks
from minnet.estimators.targets import Labels, Numbers
from minnet.losses import Loss
from minnet.network import Network
from minnet.tables.encoder import TableEncoder
from minnet.tables.fit import TabularFit, inputs_of
from minnet.tables.reading import WHOLE_TABLES
from minnet.tables.rules import QUALITIES, Recipe
from minnet.training.callback import Callback

__all__ = ["BaseTabular"]

_AUTO = Names("auto")
_POSITIVE = Between(Real, 0, None, closed="neither")
_WHOLE = Between(Integral, 1, None, closed="left")


class BaseTabular(
    ParametersMixin, DocumentedMixin, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta
):
    """Base of the estimators for tables.

    Parameters
    ----------
    quality : {"fast", "balanced", "best"}, default="balanced"
        One network, an ensemble, or a larger one: see :func:`minnet.tables.recipe_for`.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns are categories: as in :class:`minnet.TableEncoder`.
    time_limit : float or None, default=None
        Seconds that ``fit`` may take. Some steps are timed, and no more epochs are planned than there is
        time for; a training that takes longer is ended at the limit, with a warning.
    n_members : int or "auto", default="auto"
        Networks. Of several, each leaves a fold of its own out.
    bins : int, None or "auto", default="auto"
        Pieces of each column of numbers at most; None: numbers as they are, scaled. "auto" is 32, fewer
        from 26 columns on (:func:`minnet.tables.recipe_for`), or None: what is better on rows that members
        have not seen. Where there are many (500 in a fold), one member of each kind is trained for a
        quarter of the epochs, then all members of the better kind, which callbacks watch. Otherwise
        members of both kinds are trained to the end, of those without pieces as many as can tell, and
        callbacks watch those on pieces. With ``time_limit`` all are on pieces.
    hidden_layer_sizes : tuple of int or "auto", default="auto"
        Units of each hidden layer.
    dropout : float or "auto", default="auto"
        Rate of a Dropout after each hidden layer.
    code_dropout : float or "auto", default="auto"
        In training, the probability with which each category of a row is taken for an unknown one, so that
        the networks learn to do without any of them (:class:`minnet.PiecewiseLinear`): those of columns
        with more than two values. "auto" is 0 where there are fewer than ten such columns.
    max_iter : int or "auto", default="auto"
        Epochs, over which the learning rate falls to 0. Of several networks the training ends where their
        mean score has not become better for a quarter of them.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch.
    learning_rate_init : float or "auto", default="auto"
        Learning rate at the start. Of weights it is divided by the square root of their fan_in
        (:func:`minnet.ntk.ntk`); of biases it is a tenth.
    weight_decay : float or "auto", default="auto"
        Decoupled weight decay: each step multiplies the weights by ``1 - rate * weight_decay``.
    random_state : int, RandomState or None, default=None
        Decides folds, initial weights, order and dropout; consumed once a fit.
    verbose : bool or int, default=False
        1 or True shows progress from the third second on, with the time left.
    backend : {"auto", "cython", "numba", "numpy"}, default="auto"
        What runs the training; "auto" takes the first of them that is installed.
    n_threads : int or None, default=None
        Threads over the members, or over the steps of a single one; None takes as many as there are. The
        bits of the result do not depend on it on the backend "cython".

    Attributes
    ----------
    encoder_ : TableEncoder
        What makes numbers of the table's columns.
    networks_ : list of Network
        The members.
    recipe_ : Recipe
        How they were made and trained.
    seeds_ : list of int
        The random_state of each member.
    n_iter_ : int
        Epochs.
    best_epoch_ : int
        The epoch, from 1, whose weights all members have: the one with the best mean score.
    loss_curves_, validation_scores_ : list of list of float
        Of each member, by epoch: the mean objective, and the score on what it was not trained on.
    oof_score_ : float
        As ``score``, of ``oof_prediction_``, on the rows that have one; NaN where R2 has a single row.
    temperature_ : float
        What logits are divided by before the mean is taken.
    fit_info_ : dict
        As in :class:`minnet.MinNetClassifier`.
    n_features_in_, feature_names_in_
        How many columns ``X`` had, and their names, where it had some and all are strings.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "quality": [Names(*QUALITIES)],
        "categorical_features": TableEncoder._parameter_constraints["categorical_features"],
        "time_limit": [_POSITIVE, None],
        "n_members": [_WHOLE, _AUTO],
        "bins": [Between(Integral, 1, 255, closed="both"), _AUTO, None],
        "hidden_layer_sizes": ["array-like", _WHOLE, _AUTO],
        "dropout": [Between(Real, 0, 1, closed="left"), _AUTO],
        "code_dropout": [Between(Real, 0, 1, closed="left"), _AUTO],
        "max_iter": [_WHOLE, _AUTO],
        "batch_size": [_WHOLE, _AUTO],
        "learning_rate_init": [_POSITIVE, _AUTO],
        "weight_decay": [Between(Real, 0, None, closed="left"), _AUTO],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "backend": [Names("auto", *list_backends())],
        "n_threads": [Between(Integral, 1, MOST_THREADS, closed="both"), None],
    }

    #: Whether the targets are classes.
    _of_classes: ClassVar[bool]

    quality: str
    categorical_features: Any
    time_limit: float | None
    n_members: int | str
    bins: int | str | None
    hidden_layer_sizes: Any
    dropout: float | str
    code_dropout: float | str
    max_iter: int | str
    batch_size: int | str
    learning_rate_init: float | str
    weight_decay: float | str
    random_state: RandomState
    verbose: bool | int
    backend: str
    n_threads: int | None

    n_features_in_: int
    feature_names_in_: Array
    encoder_: TableEncoder
    networks_: list[Network]
    recipe_: Recipe
    temperature_: float
    _backends: list[Any]
    _in_fit: TabularFit

    # ---- what differs between classifier and regressor

    @abstractmethod
    def _learn_targets(self, y: Any, sample_weight: Array | None) -> tuple[Any, Array]:
        """Return what ``y`` is, and the targets of the loss."""

    @abstractmethod
    def _held_targets(self, targets: Any, y: Any) -> Array:
        """Return the targets of the loss for a validation set."""

    @abstractmethod
    def _loss(self, targets: Any) -> str | Loss:
        """Return the loss of the networks."""

    @abstractmethod
    def _attributes_of(
        self, targets: Labels | Numbers, y_range: tuple[Array, Array]
    ) -> dict[str, Any]:
        """Return what the fitted estimator has of its targets."""

    @abstractmethod
    def _oof_attributes(
        self,
        fitted: dict[str, Any],
        outputs: Array,
        T: Array,
        known: Array,
        weights: Array | None,
    ) -> dict[str, Any]:
        """Return ``oof_prediction_`` and ``oof_score_``, of rows of outputs that are ``known``."""

    def _total_weight(
        self, targets: Any, T: Array, sample_weight: Array | None, of: Array | None = None
    ) -> Array | None:
        """Return the sample weights with those of the classes, by their frequency in ``of``."""
        return sample_weight

    def _calibrates(self) -> bool:
        """Return whether a temperature is to be found."""
        return False

    # ---- fit

    @with_callbacks
    @entry
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the ensemble to a table.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Columns of numbers, categories, strings and booleans, with missing values: see
            :class:`minnet.TableEncoder`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as those of :class:`minnet.MinNetClassifier` or :class:`minnet.MinNetRegressor`.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0 and not all 0. Rows of weight 0 are not trained on.
        X_val, y_val : data frame or array-like, default=None
            What every member is scored on, instead of a fold of ``X``. Each is then trained on all of
            ``X``, so that there are no out-of-fold predictions. A Pipeline transforms it as ``X`` with
            ``transform_input=["X_val"]``.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights in the score.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data or arguments do not fit. The estimator is then as it was.
        RuntimeError
            If another call of ``fit`` of the same estimator goes on.
        KeyboardInterrupt
            As in :meth:`minnet.MinNetClassifier.fit`: a single Ctrl-C ends the training with a warning,
            and what it has reached is kept.
        """
        refuse_together(f"{type(self).__name__}.fit")
        X, y, sample_weight = in_memory(
            (X, y, sample_weight), ("X", "y", "sample_weight"), WHOLE_TABLES
        )
        held = X_val, y_val, sample_weight_val
        held = in_memory(held, ("X_val", "y_val", "sample_weight_val"), WHOLE_TABLES)
        call = TabularFit(self, X, y, sample_weight, held)
        if self.__dict__.setdefault("_in_fit", call) is not call:
            raise RuntimeError(
                f"a {type(self).__name__} must not be fitted by two calls at once, got one from a "
                "callback or another thread: let the other end first, or clone it"
            )
        try:
            call.run()
        finally:
            del self._in_fit
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_in_fit", None)  # of a copy that a callback makes
        return state

    def _given_recipe(self) -> dict[str, Any]:
        """Return the arguments that stand in the recipe, by its names."""
        given = {name: getattr(self, name) for name in Recipe._fields}
        sizes = given["hidden_layer_sizes"]
        if not isinstance(sizes, str):
            sizes = np.atleast_1d(np.asarray(sizes)).tolist()
            if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in sizes):
                raise ValueError(
                    "hidden_layer_sizes must be whole numbers of at least 1 or 'auto', got "
                    f"{self.hidden_layer_sizes!r:.200}"
                )
            given["hidden_layer_sizes"] = tuple(sizes)
        return given

    def _begin_fit(self) -> list[Callback]:
        """Tell callbacks that a fit begins; return minnet's own, which the training calls."""
        self._init_callback_context(task_name="fit", max_subtasks=0)
        given = vars(self).get("_skl_callbacks", [])
        others = [callback for callback in given if not isinstance(callback, Callback)]
        if others:
            raise TypeError(
                f"callbacks of {type(self).__name__} must be minnet's or functions, got {others[0]!r:.200}"
            )
        return list(given)

    def _put(self, fitted: dict[str, Any]) -> None:
        """Replace what an earlier fit left."""
        kept = {
            name: value
            for name, value in vars(self).items()
            if not (name.endswith("_") and not name.startswith("_"))
        }
        self.__dict__ = kept | fitted

    # ---- prediction

    def _mean_of_members(self, X: Any, output: Callable[[Array], Array]) -> Array:
        """Return the mean over the members of ``output(Z)`` for their logits ``Z``, in float64."""
        check_is_fitted(self, "networks_")
        fitted = vars(self)  # which a fit in another thread replaces as a whole
        networks, temperature = fitted["networks_"], fitted["temperature_"]
        try:
            Z = inputs_of(fitted["encoder_"], X, self)
        except (TypeError, ValueError) as error:
            shorten(error)
            raise

        def cooled(logits: Array) -> Array:
            logits = logits.astype(np.float64)
            return output(logits if temperature == 1 else logits / temperature)

        total: Any = 0.0
        for cache, network in zip(fitted["_backends"], networks, strict=True):
            backend = cache.get(self.backend, network, self.n_threads)
            total = total + predict_blocks(Z, [backend], lambda each: cooled(each[0]))
        return total / len(networks)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.sparse = True
        return tags
