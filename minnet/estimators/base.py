"""What the classifier and the regressor share: their arguments, and the ways to fit them."""

from __future__ import annotations

import copy
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if

from minnet._version import __version__
from minnet.activations import Activation
from minnet.common.entry import entry
from minnet.common.sklearn_versions import CallbackSupportMixin, CardMixin, with_callbacks
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix, RandomState
from minnet.estimators.arguments import CONSTRAINTS
from minnet.estimators.data import Data, Features
from minnet.estimators.documentation import DocumentedMixin
from minnet.estimators.fit import Fit, FitStream, Initialize, PartialFit
from minnet.estimators.fitted import Fitted
from minnet.estimators.inspection import InspectionMixin
from minnet.estimators.parameters import ParametersMixin
from minnet.estimators.prediction import PredictionMixin
from minnet.estimators.preset import PresetMixin, by_preset
from minnet.estimators.several import FitSeveral
from minnet.estimators.solvers import takes_batches, trains_several
from minnet.estimators.targets import Labels, Numbers
from minnet.estimators.together import as_one_of_ranks
from minnet.estimators.validation import keeps_best
from minnet.layers import Layer
from minnet.losses import Loss
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.random import Stream
from minnet.schedules import Schedule
from minnet.training import Trainer

__all__ = ["DURING_FIT", "BaseMinNet"]

# What scikit-learn's callbacks keep in an estimator while it is fitted.
DURING_FIT = (
    "_callback_fit_ctx", "_skl_callbacks", "_skl_callbacks_to_teardown", "_parent_callback_ctx"
)  # fmt: skip


class BaseMinNet(
    PredictionMixin,
    InspectionMixin,
    ParametersMixin,
    PresetMixin,
    DocumentedMixin,
    CallbackSupportMixin,
    CardMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Base of the estimators.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Units of each hidden layer; an empty tuple makes a linear model.
    activation : str or Activation, default="relu"
        Of the hidden layers: "identity", "logistic" (= "sigmoid"), "tanh", "relu", "softsign" or
        another of :func:`minnet.activations.list_activations`, or an object. With ``layers`` it is that of
        the layers which name none.
    solver : {"adam", "sgd", "adamw", "rmsprop", "lbfgs"} or Optimizer, default="adam"
        "lbfgs" minimizes over all data at once and suits small data sets. The others are
        ``minnet.optimizers``; an object, such as ``minnet.SGD(0.1, momentum=0.9)`` or one of your
        own, is copied. It has its learning rate and its constants itself, so that
        ``learning_rate_init``, ``momentum``, ``nesterovs_momentum``, ``beta_1``, ``beta_2`` and
        ``epsilon`` must be left at their defaults.
    alpha : float, default=0.0001
        Strength of the L2 term ``alpha / (2 sum(sample_weight)) * |W|**2`` of the objective. Unlike
        in scikit-learn its effect does not depend on ``batch_size``.
    batch_size : int or "auto", default="auto"
        "auto" is ``min(200, n_samples)``.
    learning_rate : {"constant", "invscaling", "adaptive"}, Schedule or callable, default="constant"
        As in scikit-learn, the names are without effect for solver="adam" (a warning says so), for which
        there are, as for all others, the schedules :class:`minnet.optimizers.StepDecay`,
        :class:`minnet.optimizers.Cosine`, :class:`minnet.optimizers.FlatThenCosine` and
        :class:`minnet.optimizers.WarmUp`, which start from ``learning_rate_init``, or the learning rate
        of an optimizer object, and functions of the step (0, 1, 2, ...) that return the rate itself. Steps
        go on counting in ``partial_fit`` and in a warm start. ``Cosine()`` is over the fit: at 0 after
        ``max_iter`` epochs.
    learning_rate_init : float, default=0.001
        Learning rate at the start.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs (iterations of "lbfgs").
    shuffle : bool, default=True
        Visit the samples in a new random order in each epoch. With False they keep their order, of time
        say: each epoch has the same mini-batches, and what ``early_stopping`` sets aside are the last
        rows.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order, dropout and validation split; consumed once a fit.
    tol : float, default=1e-4
        What counts as an improvement of the loss or the validation score.
    verbose : bool or int, default=False
        1 or True shows progress from the third second on: a bar with epoch, loss, validation score, rows
        per second and time left (``pip install 'minnet-learn[progress]'``), or a line every few seconds;
        a closing line says why the fit ended. From 2 on, and always with solver="lbfgs" and in
        ``partial_fit``, there is a line an iteration instead.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the fitted weights. The architecture must not have changed.
    momentum : float, default=0.9
        Of "sgd", between 0 and 1.
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=False
        Stop when the score on a validation set stalls, and return to the best weights. The set is
        ``X_val`` of ``fit``; without it ``validation_fraction`` of the data are set aside: by chance, in
        the proportions of the classes where there are classes and that is possible; with
        ``shuffle=False`` the last rows, whatever their classes. On few rows give a classifier
        ``scoring="loss"``: their accuracy stands still too soon.
    validation_fraction : float, default=0.1
        The share of the rows that ``early_stopping`` sets aside, rounded up.
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam" and "adamw".
    epsilon : float, default=1e-8
        Of "adam", "adamw" and "rmsprop".
    n_iter_no_change : int or inf, default=10
        Training stops after more than that many epochs in a row without improvement.
    max_fun : int, default=15000
        Most evaluations of the objective by "lbfgs".
    init : str, dict, Initializer, array, callable or list, default="auto"
        Of the weight matrices; a list has one entry for each, the output's included, and None where the
        layer names its own. The names
        are "zeros", "ones", "constant", "uniform", "normal", "truncated_normal",
        "variance_scaling", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
        "lecun_uniform", "lecun_normal", "standard", "torch_linear", "sklearn_mlp",
        "edge_of_chaos", "orthogonal", "sparse", "identity", "positive_unitball", "nguyen_widrow",
        "zero_hadamard", "lsuv", "unit_variance", "metainit"; and "gaussian" for "normal"; "glorot",
        "xavier", "xavier_uniform" for "glorot_uniform"; "xavier_normal" for "glorot_normal";
        "kaiming_uniform" for "he_uniform"; "he", "kaiming", "kaiming_normal", "msra" for
        "he_normal"; "lecun" for "lecun_normal"; "eye" for "identity". ("output_prior" and "hull" make
        biases; "dirac", "delta_orthogonal" and "bilinear" make kernels of convolutions, which no layer
        here has.) See :doc:`/initializers`.

        "auto" picks by the activation that the output of a layer goes through, and ``init_`` says what:
        "lecun_normal" for selu; otherwise "glorot_uniform" for the first layer, which sees data, and for
        the output; between them "he_normal" for gelu, silu and softplus, and from 10 hidden layers on
        for relu and leaky_relu; "glorot_uniform" for all others, with gain 4 for the logistic sigmoid.

        Parameters of an object are searched by names such as ``init__gain`` or, in a list,
        ``init__0__gain``; so are those of other objects, ``solver__momentum`` for one.
    bias_init : the same, default="auto"
        Of the biases, with lists by the same rule. "auto" draws those of a hidden layer as one more row of
        weights where "auto" picked the initializer of the weights, and is "zeros" otherwise.
    layers : list of Layer, default=None
        The hidden layers themselves (Dense, Dropout, BatchNorm, LayerNorm, your own), instead of
        ``hidden_layer_sizes``, ``dropout`` and ``batch_norm``. They are copied; the output layer is added,
        with its softmax where there is one. A Dense that names no activation has that of the estimator,
        which comes after a normalization that follows and names none; ``Dense(64, "identity")`` is linear.
        A last Dense that looks like an output layer, of as many units as there are outputs or classes and
        with no activation named, linear or a sigmoid where the output has one, is warned of.
        Their parameters are searched by names such as ``layers__0__units``.
    output_layer : dict, default=None
        Arguments of the :class:`minnet.Dense` that is added as the output layer: ``init``, ``bias_init``,
        ``trainable``, ``lr_factor``, ``bias_lr_factor``, ``decay_factor``.
    dropout : float, default=0.0
        Rate of a Dropout after each hidden layer.
    batch_norm : bool, default=False
        Whether to normalize the pre-activations of each hidden layer over the batch. One row has no
        variance: ``batch_size=1`` and data of one row are refused, and a row that would be left over at
        the end of an epoch is joined to the batch before.
    weight_decay : float, default=0.0
        Decoupled weight decay: each step multiplies the weights by ``1 - rate * weight_decay``, which
        must not be below -1, with the ``lr_factor`` of their layer, or its ``decay_factor``, where it
        names one. That of "adamw" (0.01), or of an AdamW object, comes on top.
    clip_norm, clip_value : float or None, default=None
        Clip the gradient by its norm, or each of its elements.
    scoring : str, callable or None, default=None
        What the validation set is scored by. None: accuracy, or R2 for a regressor, which is no measure
        of a quantile. "loss": minus the loss, without L2; a classifier that stops by it predicts better
        than one that stops by the accuracy of a few rows; of a classifier "refinement" is minus the log
        loss at the best temperature, whatever the weights' own. Otherwise the name of a scorer of
        scikit-learn, or ``scorer(estimator, X, y)``, the higher the better, which gets rows of the kind
        that ``fit`` got, such as a data frame with its names and its index, and ``sample_weight=`` too
        where the validation set has weights.
    keep : {"best", "last"} or None, default=None
        "best": all ``max_iter`` epochs are made, as a schedule over the fit asks for, and the weights of
        the epoch with the best score on the validation set come back; "last": all are made, and the last
        weights stay. No stall ends the fit, though it may lower the rate ("adaptive"), and reaching
        ``max_iter`` is no warning. None: as ``early_stopping`` says.
    n_networks : int, default=1
        Networks that ``fit`` trains: more than one predict the mean of their probabilities, or of their
        numbers. Each has the very bits of a fit of its own with ``random_state=seeds_[i]``: its own
        initial weights, order, dropout and, with ``early_stopping``, rows that are set aside. With
        ``keep="last"``, or "best" by ``scoring="loss"`` or "refinement", they are trained at the same time
        (:class:`minnet.EnsembleTrainer`), a thread for each; otherwise, and where there are callbacks, one
        after the other, and each calls the callbacks, which must be minnet's and no Checkpoint. More than
        one is for ``fit`` with ``warm_start=False`` and without ``calibrate``: ``partial_fit`` and
        ``fit_stream`` are not there.
    backend : {"auto", "cython", "numba", "numpy"}, default="auto"
        What runs the training; "auto" takes the first of them that is installed.
    n_threads : int or None, default=None
        Threads; None leaves the libraries' settings alone. On the backend "cython" the bits of the result
        do not depend on it. On "numpy" and "numba" these are the threads of the BLAS library, which splits
        sums over them: there the last bits may.
    preset : "tables" or None, default=None
        "tables" sets other arguments, so that ``fit`` learns better from scaled columns of a table than
        MLPClassifier's defaults do, in less time: two layers of 192 units (silu), learning rates by fan-in
        (:func:`minnet.ntk.ntk`) that fall to zero over the fit, ``beta_2=0.95``, decoupled weight decay,
        dropout, few epochs; :meth:`written_out` shows all. Those that it sets must be left at their
        defaults: others are errors. All others have their effect, such as ``early_stopping``, with which
        the best weights stay, and ``n_networks``. It is for ``fit`` and ``initialize``: ``partial_fit``
        and ``fit_stream``, which do not know how many rows there are, are not there.
        :ref:`The migration page <preset-tables>` has what it is worth.
    precision : {"bf16"} or None, default=None
        "bf16": dense layers of at least 16 inputs and units multiply what is rounded to bfloat16, and sum
        up in float32; all else is float32, whatever ``X`` is. Wide layers are faster then on some
        processors, see :doc:`/precision`; not for "lbfgs". None: float32 where ``X`` is, else float64.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weight matrices (fan_in, fan_out) and bias vectors, layer by layer. Assigning copies in.
    network_ : Network
        The fitted network; of several the first, whose are the weights and records here.
    networks_, seeds_ : list
        All ``n_networks``, and the ``random_state`` of each where there are several.
    init_ : list of Initializer
        What initialized each weight matrix.
    loss_ : float
        Mean objective of the last epoch.
    loss_curve_ : list of float
        Of every epoch (not with "lbfgs").
    best_loss_ : float or None
        Smallest of ``loss_curve_``; None with early stopping.
    validation_scores_, validation_loss_curve_ : list of float
        Score and loss (without L2) on the validation set after each epoch; None unless this fit had
        a validation set. After a warm start those of earlier fits come first.
    best_validation_score_ : float
        Largest score of this fit; in a warm start that of its first weights may be it. None where
        there are no scores.
    n_iter_ : int
        Epochs of this fit; after ``partial_fit`` of all calls.
    t_ : int
        Samples seen in whole epochs.
    n_layers_, n_outputs_, out_activation_
        As in scikit-learn: layers counting the input, units and activation of the output.
    fit_info_ : dict
        What ran the last call of ``fit`` or ``partial_fit``, in numbers and strings: "random_key", of
        all random streams; "backend", "cpu_level" of its kernels, "n_threads", the most it could use
        (None where not known); "dtype"; "seconds"; "versions" of minnet, numpy, scipy and
        scikit-learn.
    n_features_in_, feature_names_in_
        How many columns ``X`` had, and their names, where it had some and all are strings.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    hidden_layer_sizes: ArrayLike
    activation: str | Activation
    solver: str | Optimizer
    alpha: float
    batch_size: int | str
    learning_rate: str | Schedule | Callable[[int], float]
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: RandomState
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    loss: str | Loss
    init: Any
    bias_init: Any
    layers: list[Layer] | None
    output_layer: dict[str, Any] | None
    dropout: float
    batch_norm: bool
    weight_decay: float
    clip_norm: float | None
    clip_value: float | None
    scoring: str | Callable[..., float] | None
    keep: str | None
    n_networks: int
    backend: str
    n_threads: int | None
    preset: str | None
    precision: str | None

    n_features_in_: int
    feature_names_in_: Array
    network_: Network
    _trainer: Trainer
    seeds_: list[int]
    _in_fit: Fitted

    # ---- what differs between classifier and regressor

    @abstractmethod
    def _check_targets(
        self,
        y: Any,
        dtype: DTypeLike,
        sample_weight: Array | None,
        known: Any,
        call: str,
        classes: Any,
    ) -> tuple[Labels | Numbers, Array]:
        """Return what ``y`` is, which is learned from it unless known, and the targets of the loss."""

    @abstractmethod
    def _check_held_targets(self, targets: Any, y: Any, dtype: DTypeLike) -> Array:
        """Return the targets of the loss for a validation set."""

    @abstractmethod
    def _fitted_targets(self) -> Labels | Numbers:
        """Return what a fit has learned of ``y``."""

    @abstractmethod
    def _loss(self, targets: Any) -> str | Loss:
        """Return the loss for ``Network``."""

    def _outcome(self, targets: Any, Y: Array, T: Array) -> Array:
        """Return what the score needs of some rows of predictions: the predictions, unless it is less."""
        return Y

    @abstractmethod
    def _validation_score(self, Y: Array, T: Matrix, sample_weight: Array | None) -> float:
        """Return the score of the outcome ``Y`` of all rows, whose targets are ``T``."""

    def _held_rows(self, targets: Any, T: Array, n_held: int, stream: Stream) -> Array:
        """Return which rows are set aside for validation, by chance."""
        held = np.zeros(len(T), dtype=bool)
        held[stream.permutation(len(T))[:n_held]] = True
        return held

    def _check_parts(self, targets: Any, T: Array, T_held: Array) -> None:
        """Warn if what is trained on and what is set aside do not go together."""

    def _total_weight(
        self, targets: Any, T: Array, sample_weight: Array | None, call: str
    ) -> Array | None:
        """Return the sample weights with the class weights in them."""
        return sample_weight

    def _held_weight(
        self, targets: Any, T_val: Array, sample_weight_val: Array | None, data: Data
    ) -> Array | None:
        """Return the weights of a validation set, with the class weights of the training set."""
        return sample_weight_val

    # ---- fit

    @with_callbacks
    @entry
    @by_preset
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to data.

        In a block of :func:`minnet.distributed.together` the data are the rows that this process has, or
        none, and the estimator at the end is the same on all.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64. A data frame of pandas or polars,
            or an Arrow table, may have columns of any numbers and of booleans, nullable or categorical
            too, and its names are kept; dates, durations, strings and complex numbers are errors that
            name the column, as masked elements are.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Class labels (strings, whole numbers, booleans), a multilabel indicator of zeros and ones, or
            numbers; of NumPy, pandas, polars, Arrow, or in a list. Nullable whole numbers and booleans
            stay what they are. Dates and durations, masked elements and missing values are errors. A
            sparse indicator is never made dense beyond the rows of a batch, and gives the same bits.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0 and not all 0.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            With ``early_stopping=True`` validated on instead of a part of ``X``; otherwise watched:
            scores and losses are noted and nothing depends on them. Not for solver="lbfgs". A Pipeline
            transforms it as ``X`` with ``transform_input=["X_val"]``. Of several processes each gives its
            rows, or None; for a scorer the first one gives all.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            No labels but those in ``y``, in any form; some may be missing.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights in score and loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data or arguments do not fit, or if training diverges. The estimator is then as it
            was.
        KeyboardInterrupt
            If Ctrl-C comes in a search, a cross-validation or another that fits many models, or a second
            time within two seconds. Otherwise it ends training with a warning, and the model is kept.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` comes first; or if the loss stayed finite and has grown, to twice what it
            was and what one answer for all rows has.
        """
        kind = as_one_of_ranks(FitSeveral if trains_several(self) else Fit)
        kind(self, X, y, sample_weight, held=(X_val, y_val, sample_weight_val)).run()
        return self

    @entry
    @by_preset
    def initialize(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Make the network and its initial weights as ``fit`` does, and train nothing.

        What follows goes on from these weights: ``partial_fit``, or ``fit`` and ``fit_stream`` with
        ``warm_start=True``. In between they may be looked at, probed, or taken from another model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Also what initializers that look at the data see.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            With all classes there will be.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data or arguments do not fit. The estimator is then as it was.

        See Also
        --------
        minnet.copy_weights : Takes weights from another model.
        """
        as_one_of_ranks(Initialize)(self, X, y, sample_weight).run()
        return self

    @available_if(takes_batches)
    @entry
    def partial_fit(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Go on with one epoch over the given data.

        The optimizer and its learning rate stay those of the first call; ``alpha``, ``batch_size``,
        ``shuffle``, ``verbose``, clipping and weight decay are read anew in each.
        Callbacks are not called; a warning says so where there are any.
        What ``scale_targets`` and initializers that look at data take from them is of the first call's,
        which should have 100 rows or more.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as ``fit`` takes them.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data or arguments do not fit; the estimator is then as it was. Or if training diverges.
        KeyboardInterrupt
            If Ctrl-C comes. The estimator keeps the steps that were taken.
        """
        as_one_of_ranks(PartialFit)(self, X, y, sample_weight).run()
        return self

    @available_if(takes_batches)
    @with_callbacks
    @entry
    def fit_stream(
        self,
        batches: Iterable[Any] | Callable[[], Iterable[Any]],
        n_epochs: int = 1,
        *,
        batches_per_epoch: int | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to data that come batch by batch and need not fit into memory.

        As in ``fit``, it starts anew unless ``warm_start=True``. Each batch is cut into mini-batches of
        ``batch_size`` rows and takes the steps of one ``partial_fit``; a thread reads and checks the next
        batches meanwhile.

        Parameters
        ----------
        batches : iterable or callable
            Of ``(X, y)`` or ``(X, y, sample_weight)``, each as ``partial_fit`` takes them; or a function
            that returns such an iterable, called once an epoch. One without any row is left out. The
            first one is looked at for the number of features and the dtype. If it is an iterator with
            a method ``skip(n)``, a fit that is resumed from a checkpoint tells it what to leave out;
            others are read from their beginning. A checkpoint cannot tell other batches from these.
            ``scale_targets`` and initializers that look at data see the first batch alone: a warning
            says so where it has less than 100 rows.
        n_epochs : int, default=1
            At most: a loss or score that stalls ends the fit, see ``n_iter_no_change``.
        batches_per_epoch : int or None, default=None
            None: an epoch is one pass. Otherwise ``batches`` is passed through once, endless or not, and
            so many of it are called an epoch: a loss is noted and validation is due after each.
        X_val, y_val, sample_weight_val
            A validation set, as in ``fit``. Early stopping needs one.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a batch does not fit, with its number, counted from 0; if none has a row; or if training
            diverges. The estimator is then as it was. An error that ``batches`` raises stays what it is,
            with the number in a note.

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import MinNetRegressor
        >>> def measured():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(200):
        ...         X = rng.uniform(-1, 1, size=(500, 2))
        ...         yield X, X[:, 0] * X[:, 1]
        >>> reg = MinNetRegressor(hidden_layer_sizes=(32,), learning_rate_init=0.01, random_state=0)
        >>> reg = reg.fit_stream(measured(), n_epochs=10, batches_per_epoch=20)
        >>> reg.predict([[0.8, 0.5], [-0.8, 0.5]]).round(1)
        array([ 0.4, -0.4])
        """
        held = X_val, y_val, sample_weight_val
        FitStream(self, batches, n_epochs, batches_per_epoch, held=held).run()
        return self

    def _state(self) -> Fitted:
        """Return what the estimator is fitted with; within a fit, what that has found out so far."""
        if "_in_fit" in vars(self):
            return self._in_fit
        features = Features(self.n_features_in_, vars(self).get("feature_names_in_"))
        return Fitted(features, self._fitted_targets(), self.network_)

    def _as_fitted(self, network: Network, n_iter: int, trainer: Trainer | None = None) -> Self:
        """Return a copy that is fitted with a network, in the middle of a fit, without its callbacks."""
        state = copy.copy(self._state())
        state.network, state.n_iter, state.trainer = network, n_iter, trainer
        state.validated = trainer is not None and len(trainer.validation_scores) > 0
        state.early_stopping = keeps_best(self)
        state.temperature = None
        fitted = copy.copy(self)
        for name in DURING_FIT:
            fitted.__dict__.pop(name, None)
        state.put_into(fitted)
        return fitted

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # at once: another thread may be in partial_fit
        state.pop("_in_fit", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        version = state.get("_minnet_version", __version__)
        if version != __version__:
            warnings.warn(
                f"this {type(self).__name__} was pickled by minnet {version} and is read by "
                f"{__version__}: what it does may differ",
                stacklevel=2,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
