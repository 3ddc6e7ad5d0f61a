"""What the classifier and the regressor share: fit, partial_fit, and the fitted attributes."""

import contextlib
import copy
import time
import warnings
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from minnet._version import __version__
from minnet.activations import Activation, list_activations
from minnet.backends import list_backends, make_backend
from minnet.common.buffers import all_finite
from minnet.estimators._architecture import build_layers, check_initializers
from minnet.estimators._callbacks import EpochTasks
from minnet.estimators._coefs import Parameters
from minnet.estimators._data import check_parameters, validate, validate_weight
from minnet.estimators._dtypes import DTYPES, dtypes_of
from minnet.estimators._explained import Explained
from minnet.estimators._fit_info import fit_info
from minnet.estimators._input_scale import warn_of_scale
from minnet.estimators._kept import KeptBackend
from minnet.estimators._solvers import Solvers
from minnet.estimators._stream import fit_stream
from minnet.estimators._validation import check_given
from minnet.losses import get_loss
from minnet.network import Network
from minnet.schedules import Schedule
from minnet.training.callback import Callback
from minnet.training.divergence import finite_logits

_OF_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")

# Rows are predicted in blocks with about so many bytes of logits: what comes after the logits (softmax
# and the like) makes temporary arrays of their size.
_BLOCK_BYTES = 2**20
# A multiple, since a BLAS library may compute the last few rows of a product another way.
_ROW_STEP = 1024


def stochastic_solver(estimator):
    """Return True where the solver takes mini-batches; only then are there partial_fit and fit_stream."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


class _ActivationNames(StrOptions):
    """The names of activations, those included that are registered later."""

    def __init__(self):
        super().__init__(set())

    @property
    def options(self):
        return set(list_activations())

    @options.setter
    def options(self, value):
        pass  # the base class sets what is looked up here


class BaseMinNet(Explained, Solvers, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the estimators; see MinNetClassifier and MinNetRegressor."""

    _parameter_constraints: ClassVar[dict] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [_ActivationNames(), Activation],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule, callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "init": "no_validation",  # get_initializer knows more, and names the closest match
        "bias_init": "no_validation",
        "layers": "no_validation",
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "clip_value": [Interval(Real, 0, None, closed="neither"), None],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "backend": [StrOptions({"auto", *list_backends()})],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    }

    # ---- what differs between classifier and regressor

    @abstractmethod
    def _check_targets(self, X, y, first, **given):
        """Return the targets of the loss for ``y``; if ``first``, learn from it what there is."""

    @abstractmethod
    def _check_held_targets(self, X, y):
        """Return the targets of a validation set, after ``_check_targets`` of the training set."""

    @abstractmethod
    def _n_outputs(self, T):
        """Return the number of outputs for the targets ``T``."""

    @abstractmethod
    def _loss(self):
        """Return the loss for ``Network``."""

    @abstractmethod
    def _validation_score(self, Y, T, sample_weight):
        """Return the score of the network's predictions ``Y`` for the targets ``T``."""

    def _held_rows(self, T, n_held, stream):
        """Return which rows are set aside for validation."""
        held = np.zeros(len(T), dtype=bool)
        held[stream.permutation(len(T))[:n_held]] = True
        return held

    def _total_weight(self, T, sample_weight, incremental):
        """Return the sample weights with the class weights in them."""
        return sample_weight

    def _held_weight(self, T_val, sample_weight_val, T, sample_weight):
        """Return the weights of a validation set, with the class weights of the training set."""
        return sample_weight_val

    # ---- fit

    @with_callbacks
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Fit the network to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, a multilabel indicator, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0 and not all 0.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            With ``early_stopping=True`` validated on instead of a part of ``X``; otherwise watched:
            scores and losses are noted and nothing depends on them. Not for solver="lbfgs". A Pipeline
            transforms it as ``X`` with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            No labels but those in ``y``; some may be missing.
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
        """
        began = time.perf_counter()
        with self._untouched_on_error():
            self._validate_params()
            check_parameters(self)
            epochs = 0 if self.solver == "lbfgs" else self.max_iter
            context = self._init_callback_context(max_subtasks=epochs)
            # Scorers of callbacks take it as it is: nothing that they do not know, such as X_val.
            metadata = None if sample_weight is None else {"sample_weight": sample_weight}
            data = {"X": X, "y": y, "metadata": metadata}
            context.call_on_fit_task_begin(estimator=self, **data)
            warm = self.warm_start and hasattr(self, "network_")
            X, y, sample_weight = self._check_arrays(X, y, sample_weight, reset=not warm)
            T, weights = self._learn_targets(X, y, sample_weight, first=not warm)
            held = X_val, y_val, sample_weight_val
            validation = check_given(self, X, T, sample_weight, *held)
            network = self._network_of_fit(X, T, weights, warm)
            callbacks = self._callbacks_of_trainer(EpochTasks(self, context, data))
            if self.solver == "lbfgs":
                if callbacks and not isinstance(callbacks[0], EpochTasks):
                    warnings.warn(
                        f"{type(callbacks[0]).__name__} watches steps, and solver='lbfgs' takes none: "
                        "it was not called",
                        stacklevel=3,
                    )
                ran = self._fit_lbfgs(network, X, T, weights)
            else:
                previous = getattr(self, "_trainer", None) if warm else None
                data_of_fit = X, y, T, weights, validation
                ran = self._fit_stochastic(network, previous, *data_of_fit, callbacks)
            seconds = time.perf_counter() - began
            self.fit_info_ = fit_info(network, ran, self.n_threads, seconds)
            context.call_on_fit_task_end(estimator=self, **data, reconstruction_attributes={})
        return self

    def _callbacks_of_trainer(self, tasks):
        """Return the callbacks that are minnet's own, and the tasks if there are others."""
        given = getattr(self, "_skl_callbacks", [])
        own = [callback for callback in given if isinstance(callback, Callback)]
        return own if len(own) == len(given) else [*own, tasks]

    @with_callbacks
    def _fit_stream(self, batches, n_epochs, *held, **given):
        with self._untouched_on_error():
            self._validate_params()
            fit_stream(self, batches, n_epochs, *held, **given)
        return self

    def initialize(self, X, y, sample_weight=None):
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
        began = time.perf_counter()
        with self._untouched_on_error():
            self._validate_params()
            X, T, weights = self._check_data(X, y, sample_weight, first=True)
            network = self._new_network(X, T, weights)
            network.check_batch(X, T, weights)
            self._publish(network, None, n_iter=0)
            ran = make_backend(self.backend, network, self.n_threads).ran
            seconds = time.perf_counter() - began
            self.fit_info_ = fit_info(network, ran, self.n_threads, seconds)
        return self

    def _partial_fit(self, X, y, sample_weight, **given):
        began = time.perf_counter()
        with self._untouched_on_error():
            self._validate_params()
            check_parameters(self)
            if self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True")
            first = not hasattr(self, "network_")
            X, T, weights = self._check_data(X, y, sample_weight, first=first, **given)
            if first:
                network = self._new_network(X, T, weights)
            else:
                network = self.network_
                self._check_unchanged(T)
            data = network.check_batch(X, T, weights)
            trainer = getattr(self, "_trainer", None)
            if trainer is None:
                trainer = self._new_trainer(network, X.shape[0])
            else:
                vars(trainer).update(self._trainer_options(X.shape[0]))
            self._take_arguments(network)
            try:
                trainer.run_epoch(*data)
                trainer.raise_if_diverged(data[0])
                trainer.check_stall()
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user.", stacklevel=3)
            self._publish(network, trainer, n_iter=trainer.n_epochs)
            seconds = time.perf_counter() - began
            self.fit_info_ = fit_info(network, trainer.ran, self.n_threads, seconds)
        return self

    @contextlib.contextmanager
    def _untouched_on_error(self):
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            # What scikit-learn keeps during a fit, it needs to close its callbacks.
            during = {k: v for k, v in vars(self).items() if k in _OF_CALLBACKS}
            vars(self).clear()
            vars(self).update(before | during)
            raise

    def _check_data(self, X, y, sample_weight, first, **given):
        """Return X, targets and weights in the dtype of the fit."""
        X, y, sample_weight = self._check_arrays(X, y, sample_weight, reset=first)
        return X, *self._learn_targets(X, y, sample_weight, first, **given)

    # scikit-learn tells by the sum whether numbers are finite, and that of huge ones is not.
    @np.errstate(over="ignore", invalid="ignore")
    def _check_arrays(self, X, y, sample_weight, reset):
        X, y = validate(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=not hasattr(self, "predict_proba"),
            dtype=dtypes_of(X),
            reset=reset,
        )
        if sample_weight is not None:
            sample_weight = validate_weight(sample_weight, X)
        return X, y, sample_weight

    def _learn_targets(self, X, y, sample_weight, first, **given):
        """Return targets and weights; the first time, what they are is learned."""
        T = self._check_targets(X, y, first, **given)
        self._check_for_loss(T, X.dtype)
        weights = self._total_weight(T, sample_weight, incremental="classes" in given)
        if weights is not None:
            with np.errstate(over="ignore"):
                total = weights.sum()
            if not total > 0:
                raise ValueError(
                    "sample_weight must not be all zero: no sample has a positive weight."
                )
            if total == np.inf:
                raise ValueError(
                    f"sample_weight must have a finite sum, got up to {weights.max():g}"
                )
        return T, weights

    def _check_for_loss(self, T, dtype, name="y"):
        n_outputs = self._n_outputs(T)
        try:
            get_loss(self._loss(), n_outputs).check_targets(T, len(T), n_outputs, dtype)
        except ValueError as error:  # a loss calls its targets T
            raise ValueError(str(error).replace("T must", f"{name} must", 1)) from None

    def _new_network(self, X, T, weights=None):
        check_initializers(self)
        layers = build_layers(self, self._n_outputs(T))
        network = Network(layers, self._loss(), self.init, self.bias_init, self.alpha)
        if self.solver == "lbfgs":
            for layer in network.layers:
                if layer.differs_in_training:
                    raise ValueError(
                        "solver must be 'sgd' or 'adam' for a network with "
                        f"{type(layer).__name__}, got 'lbfgs'"
                    )
        warn_of_scale(X)
        network.initialize(X.shape[1], self.random_state, dtype=X.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # a fit of such numbers will say so
            return network.adapt(X, T, weights)

    def _network_of_fit(self, X, T, weights, warm):
        """Return what a fit begins with: a new network, or in a warm start a copy of the fitted one."""
        if not warm:
            return self._new_network(X, T, weights)
        self._check_unchanged(T)
        network = copy.deepcopy(self.network_)
        self._take_arguments(network)
        return network

    def _check_unchanged(self, T):
        """Raise where the arguments no longer describe the fitted network."""
        layers, fitted = build_layers(self, self._n_outputs(T)), self.network_.layers
        if layers != fitted:
            raise ValueError(
                f"the architecture must stay as it was fitted, {fitted}, got {layers}: set "
                "warm_start=False and call fit to start anew"
            )

    def _take_arguments(self, network):
        """Give a fitted network those arguments that may change from call to call."""
        network.alpha = self.alpha
        network.loss = self._loss()
        network.loss_ = get_loss(network.loss, network.sizes[-1])

    def _publish(self, network, trainer, n_iter, validated=False):
        """Set the fitted attributes."""
        self.network_ = network
        self.n_iter_ = n_iter
        self.n_outputs_ = network.sizes[-1]
        self.out_activation_ = network.loss_.output
        self.init_ = [network.init_[row.label] for row in network.parameter_table if row.is_weight]
        self.n_layers_ = len(self.init_) + 1
        self.t_ = 0
        self._kept_backend = KeptBackend()
        self._minnet_version = __version__
        for name in ("_trainer", "_optimizer", "_no_improvement_count", "loss_curve_", "best_loss_",
                     "validation_scores_", "validation_loss_curve_",
                     "best_validation_score_", "fit_info_"):  # fmt: skip
            vars(self).pop(name, None)
        if trainer is None:
            return
        self._trainer = trainer
        self._optimizer = trainer.optimizer
        self._no_improvement_count = trainer.no_improvement_count
        self.t_ = trainer.n_seen
        self.loss_curve_ = trainer.loss_curve
        self.loss_ = trainer.loss_curve[-1] if trainer.loss_curve else np.inf
        self.best_loss_ = None if validated and self.early_stopping else trainer.best_loss
        self.validation_scores_ = trainer.validation_scores if validated else None
        self.validation_loss_curve_ = trainer.validation_loss_curve if validated else None
        self.best_validation_score_ = trainer.best_score if validated else None

    def _as_fitted(self, network, n_iter, trainer=None):
        """Return a copy that is fitted with a network, in the middle of a fit, without its callbacks."""
        fitted = copy.copy(self)
        for name in list(vars(fitted)):
            if name.startswith(("_callback", "_skl", "_trainer")):
                del vars(fitted)[name]
        validated = trainer is not None and len(trainer.validation_scores) > 0
        fitted._publish(network, trainer, n_iter, validated)
        return fitted

    # ---- the fitted network

    @np.errstate(over="ignore", invalid="ignore")
    def _apply_to_logits(self, X, output):
        """Return ``output(Z)`` for the logits ``Z`` of ``X``."""
        check_is_fitted(self, "network_")
        backend = self._kept_backend.get(self.backend, self.network_, self.n_threads)
        return self._apply(X, backend, output)

    def _apply(self, X, backend, output):
        """Return ``output(Y)`` for what a backend makes of ``X``, computed a block of rows at a time."""
        if not self._passes_all_checks(X):
            X = validate(self, X, dtype=dtypes_of(X), reset=False)
        network = backend.network
        n_rows = X.shape[0]
        block = _BLOCK_BYTES // (network.dtype.itemsize * network.sizes[-1])
        block = max(1, block // _ROW_STEP) * _ROW_STEP
        if n_rows <= block:
            return output(finite_logits(network, backend, X))
        if sparse.issparse(X):
            X = X.tocsr()
        first = output(finite_logits(network, backend, X[:block]))
        Y = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)
        Y[:block] = first
        for start in range(block, n_rows, block):
            rows = slice(start, start + block)
            Y[rows] = output(finite_logits(network, backend, X[rows]))
        return Y

    def _passes_all_checks(self, X):
        """Return whether validate_data would return ``X`` as it is; False if that is not plain.

        For a single row validate_data takes longer than the network.
        """
        return (
            type(X) is np.ndarray
            and X.dtype in DTYPES
            and X.ndim == 2
            and X.shape[0] > 0
            and X.shape[1] == self.n_features_in_
            and "feature_names_in_" not in vars(self)
            and all_finite(X)
        )

    @property
    def coefs_(self):
        """Weight matrices, layer by layer: views of the network's; assigning copies in."""
        return self._parameters("coefs_", "W")

    @coefs_.setter
    def coefs_(self, values):
        self._parameters("coefs_", "W").assign(values)

    @property
    def intercepts_(self):
        """Bias vectors, layer by layer: views of the network's; assigning copies in."""
        return self._parameters("intercepts_", "b")

    @intercepts_.setter
    def intercepts_(self, values):
        self._parameters("intercepts_", "b").assign(values)

    def _parameters(self, attribute, name):
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {attribute} before it is fitted")
        views = self.network_.views(self.network_.params)
        return Parameters(attribute, [arrays[name] for arrays in views if name in arrays])

    def __setstate__(self, state):
        super().__setstate__(state)
        version = state.get("_minnet_version", __version__)
        if version != __version__:
            warnings.warn(
                f"this {type(self).__name__} was pickled by minnet {version} and is read by "
                f"{__version__}: what it does may differ",
                stacklevel=2,
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
