"""The one way from data to a fitted estimator, which fit, fit_stream, partial_fit and initialize take."""

from __future__ import annotations

import copy
import sys
import time
import warnings
from typing import Any

import numpy as np

from minnet.backends import make_backend
from minnet.common.callers import level_of_user
from minnet.common.communicator import leads, refuse_together
from minnet.common.configurable import Configurable
from minnet.common.ranks import of_ranks
from minnet.common.types import Array, Estimator, Matrix, RandomState
from minnet.estimators.architecture import build_layers, check_initializers, warn_of_output_layer
from minnet.estimators.data import Data, check_data, in_memory, warn_of_scale
from minnet.estimators.effects import ARCHITECTURE, EFFECTS, check_effects
from minnet.estimators.fitted import Fitted, fit_info
from minnet.estimators.solvers import new_trainer, run_lbfgs, trainer_options, warn_of_changes
from minnet.estimators.target_scale import warn_of_target_scale
from minnet.estimators.validation import ValidationSet, check_held, keeps_best, split
from minnet.network import Network
from minnet.random.streams import draw_key, draw_on
from minnet.training import Trainer
from minnet.training.callback import Callback
from minnet.training.reading import Batch, Batches, InMemory, in_batch, unpack

__all__ = [
    "Fit", "FitStream", "Initialize", "PartialFit", "Tasks", "another_network", "described_network",
    "draw", "new_network",
]  # fmt: skip

#: The standard error of a mean is then a tenth of the standard deviation, and that of the latter 7 %.
_ENOUGH_ROWS = 100

#: What to do instead with collections of Dask.
_PART_BY_PART = (
    "minnet.dask.DaskMinNetClassifier and DaskMinNetRegressor train where its parts lie, fit_stream reads "
    "one after the other; compute() it first if that is what you want"
)
_IN_FULL = "compute() it first if that is what you want"


def new_network(estimator: Estimator, data: Data, random_state: RandomState = None) -> Network:
    """Return the network that a fit of an estimator starts from; of its random_state if none is given."""
    network = described_network(estimator, data)
    n_classes = len(getattr(data.targets, "classes", ()))
    warn_of_output_layer(estimator, network, n_classes)
    warn_of_scale(data.X, network.layers[0])
    random_state = estimator.random_state if random_state is None else random_state
    draw(estimator, network, data, draw_key(random_state))
    warn_of_target_scale(estimator, network, data.T, data.T.shape[0])
    return network


def another_network(estimator: Estimator, data: Data, random_state: int) -> Network:
    """Return a network that differs in what is random, where :func:`new_network` has warned."""
    network = described_network(estimator, data)
    draw(estimator, network, data, draw_key(random_state))
    return network


def draw(estimator: Estimator, network: Network, data: Data, key: int) -> None:
    """Draw the initial weights of a network."""
    with draw_on(estimator.n_threads):
        network._initialize(data.X.shape[1], key, data.X.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # a fit of such numbers will say so
            network.adapt(data.X, data.T, data.weights)


def described_network(estimator: Estimator, data: Data) -> Network:
    """Return the network that the arguments of an estimator describe."""
    check_initializers(estimator)
    layers = build_layers(estimator, data.targets.n_outputs)
    loss = estimator._loss(data.targets)
    network = Network(
        layers,
        loss,
        estimator.init,
        estimator.bias_init,
        estimator.alpha,
        estimator.precision,
    )
    if estimator.solver == "lbfgs":
        if estimator.precision is not None:
            raise ValueError(
                "precision must be None for solver='lbfgs', whose line search compares losses to more "
                f"digits, got {estimator.precision!r}"
            )
        for layer in network.layers:
            if layer.differs_in_training:
                raise ValueError(
                    "solver must be 'adam', 'sgd', 'adamw', 'rmsprop' or an optimizer for a network with "
                    f"{layer!r}, got 'lbfgs'"
                )
    return network


def _warn_of_first_piece(estimator: Estimator, network: Network, n_samples: int) -> None:
    """Warn where statistics of all data are taken from few rows, the first of a stream."""
    if n_samples >= _ENOUGH_ROWS or not leads():
        return
    if getattr(estimator, "scale_targets", False):
        what = "scale_targets=True takes mean and standard deviation of y"
    else:
        initializers = network.init_.values()
        adapting = next((one for one in initializers if hasattr(one, "adapt")), None)
        if adapting is None:
            return
        what = f"{type(adapting).__name__} sets parameters by the data"
    warnings.warn(
        f"{what} from the first batch alone, of {n_samples} row(s): make that "
        f"{_ENOUGH_ROWS} rows or more, in random order",
        stacklevel=level_of_user(),
    )


class Fit:
    """A call of ``fit``: the sequence that all calls share; a subclass says what is different in its own.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
    *data
        ``X, y, sample_weight``, as the user gave them.
    held : tuple
        ``X_val, y_val, sample_weight_val``, likewise.
    classes : array-like or None
        Of a classifier that does not see all of its data.
    """

    call = "fit"
    is_told = True  # to scikit-learn's callbacks
    in_pieces = (
        False  # so that what is learned of the data before the first step is of a part of them
    )
    interrupt: KeyboardInterrupt | None = None  # to be raised when the estimator has what is done
    not_read: frozenset[str] = frozenset()  # arguments that are for other calls

    def __init__(
        self,
        estimator: Estimator,
        *data: Any,
        held: tuple[Any, Any, Any] = (None, None, None),
        classes: Any = None,
    ) -> None:
        self.began = time.perf_counter()
        self.estimator, self.data, self.held, self.classes = estimator, data, held, classes

    def run(self) -> None:
        """Fit the estimator; if that fails, it is as it was."""
        estimator = self.estimator
        self.check_arguments()
        if not self.in_pieces:
            self.data = in_memory(self.data, ("X", "y", "sample_weight"), _PART_BY_PART)
        self.held = in_memory(self.held, ("X_val", "y_val", "sample_weight_val"), _IN_FULL)
        self.tasks = self.begin() if self.is_told else None
        known = estimator._state() if self.goes_on() else None
        data = self.first_data(known)
        state = self.state = Fitted(data.features, data.targets)
        if estimator.__dict__.setdefault("_in_fit", state) is not state:
            raise RuntimeError(
                f"a {type(estimator).__name__} must not be fitted by two calls at once, got one from a "
                "callback or another thread: let the other end first, or clone it"
            )
        try:
            validation = self.validation(data)
            network = state.network = self.network(data, new=known is None)
            if self.in_pieces and known is None:
                _warn_of_first_piece(estimator, network, self.n_samples(data))
            ran = self.train(network, data, validation)
            seconds = time.perf_counter() - self.began
            state.info = fit_info(network, ran, estimator.n_threads, seconds)
        finally:
            del estimator._in_fit
        before = estimator.__dict__
        state.put_into(estimator)
        try:
            if self.tasks is not None:
                self.tasks.end_fit()
        except BaseException:
            estimator.__dict__ = before
            raise
        if self.interrupt is not None:
            raise self.interrupt

    # ---- what differs

    def check_arguments(self) -> None:
        """Raise if the arguments of the estimator are not what they may be."""
        given = self.estimator._validate_params()
        self.check_n_networks()
        self.check()
        self.check_is_validated()
        check_effects(self.estimator, given, self.held[0] is not None, self.not_read)

    def check_n_networks(self) -> None:
        """Raise where several networks are asked for of a call that trains one."""
        if self.estimator.n_networks > 1:
            raise ValueError(
                "n_networks must be 1 for initialize, partial_fit and fit_stream, which make one network, "
                f"got {self.estimator.n_networks}"
            )

    def check(self) -> None:
        """Raise if the arguments are not for this call."""

    def check_is_validated(self) -> None:
        """Raise where an argument needs a validation set and there is none."""
        estimator, lbfgs = self.estimator, self.estimator.solver == "lbfgs"
        if (estimator.early_stopping and not lbfgs) or self.held[0] is not None:
            return
        if estimator.keep == "best" and not lbfgs and "keep" not in self.not_read:
            needs, instead = "keep", "None or 'last'"
        elif getattr(estimator, "calibrate", False) and "calibrate" not in self.not_read:
            needs, instead = "calibrate", "False"
        else:
            return
        cure = (
            "take another solver" if lbfgs else "set early_stopping=True, or give X_val and y_val"
        )
        raise ValueError(
            f"{needs} must be {instead} without a validation set, got {getattr(estimator, needs)!r}: "
            f"{cure}"
        )

    def begin(self) -> Tasks | None:
        """Tell scikit-learn's callbacks that a fit begins."""
        X, y, sample_weight = self.data
        # Scorers of callbacks take it as it is: nothing that they do not know, such as X_val.
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        n_epochs = 0 if self.estimator.solver == "lbfgs" else self.estimator.max_iter
        return Tasks(self.estimator, "fit", n_epochs, {"X": X, "y": y, "metadata": metadata})

    def goes_on(self) -> bool:
        """Return whether the call begins with what is fitted."""
        return self.estimator.warm_start and hasattr(self.estimator, "network_")

    def first_data(self, known: Fitted | None) -> Data:
        """Return the data that the network is made for, checked."""
        X, y, sample_weight = self.data
        return self.checked(X, y, sample_weight, known)

    def validation(self, data: Data) -> ValidationSet | None:
        """Return the validation set that was given, checked, or None."""
        return check_held(self.estimator, data, *self.held)

    def network(self, data: Data, new: bool) -> Network:
        """Return what the call begins with: a new network, or a copy of the fitted one."""
        if new:
            return self.new_network(data)
        network = copy.deepcopy(self.fitted_network(data))
        self.take_arguments(network, data)
        return network

    def train(self, network: Network, data: Data, validation: ValidationSet | None) -> str:
        """Train the network and note how; return the name of the backend that ran."""
        estimator = self.estimator
        if estimator.solver == "lbfgs":
            self.warn_of_callbacks()
            self.state.n_iter, self.state.loss, ran = run_lbfgs(
                estimator, network, data.X, data.T, data.weights
            )
            return ran
        if estimator.early_stopping and validation is None:
            data, validation = self.split(network, data)
        trainer = self.trainer(network, self.n_samples(data))
        epochs_before = trainer.n_epochs
        trainer.fit(
            *self.rows_of_training(network, data),
            max_epochs=estimator.max_iter,
            validate=validation,
            early_stopping=estimator.early_stopping,
            keep=estimator.keep,
            callbacks=self.callbacks(),
        )
        return self.note(trainer, trainer.n_epochs - epochs_before, validation)

    def split(self, network: Network, data: Data) -> tuple[Data, ValidationSet]:
        """Return what is trained on, and a part that is set aside."""
        return split(self.estimator, network.key, data)

    def rows_of_training(self, network: Network, data: Data) -> tuple[Any, Any, Any]:
        """Return inputs, targets and weights as a trainer takes them."""
        X, T, weights = data.X, data.T, data.weights
        if type(X) is np.ndarray and X.dtype == network.dtype and weights is None:
            T = network.loss_.as_targets(T, T.shape[0], network.sizes[-1], network.dtype)
            X = InMemory((X, T, None))  # a trainer would look through X once more
        return X, T, weights

    # ---- what they need

    def batch(self, network: Network, data: Data) -> Batch:
        """Return data as a network computes with them."""
        return network.check_batch(data.X, data.T, data.weights)

    def n_samples(self, data: Data) -> int:
        """Return how many rows there are."""
        return data.X.shape[0]

    def new_network(self, data: Data) -> Network:
        """Return the network that a new fit starts from."""
        return new_network(self.estimator, data)

    def checked(self, X: Any, y: Any, sample_weight: Any, known: Fitted | None) -> Data:
        """Return checked data, see :func:`check_data`."""
        options = {"known": known, "call": self.call, "classes": self.classes}
        return check_data(self.estimator, X, y, sample_weight, **options)

    def callbacks(self) -> list[Callback]:
        """Return what the trainer calls: minnet's own callbacks, and the tasks if there are others."""
        given = getattr(self.estimator, "_skl_callbacks", [])
        own = [callback for callback in given if isinstance(callback, Callback)]
        if self.tasks is None or len(own) == len(given):
            return own
        return [*own, self.tasks]

    def warn_of_callbacks(self) -> None:
        """Warn if there is a callback that L-BFGS does not call."""
        first = next(iter(self.callbacks()), self.tasks)
        if first is not self.tasks:
            warnings.warn(
                f"{type(first).__name__} watches steps, and solver='lbfgs' takes none: it was not called",
                stacklevel=level_of_user(),
            )

    def fitted_network(self, data: Data) -> Network:
        """Return the fitted network; raise where the arguments no longer describe it."""
        estimator = self.estimator
        layers = build_layers(estimator, data.targets.n_outputs)
        fitted = estimator.network_.layers
        if layers != fitted:
            raise ValueError(
                f"the architecture must stay as it was fitted, {fitted}, got {layers}: set "
                "warm_start=False and call fit to start anew"
            )
        precision = estimator.network_.precision
        if precision != estimator.precision:
            raise ValueError(
                f"precision must stay as it was fitted, {precision!r}, got {estimator.precision!r}: set "
                "warm_start=False and call fit to start anew"
            )
        return estimator.network_

    def take_arguments(self, network: Network, data: Data) -> None:
        """Give a fitted network those arguments that may change from call to call; warn of others."""
        for name in ("init", "bias_init"):
            asked, begun = getattr(self.estimator, name), getattr(network, name)
            told_apart = all(isinstance(spec, str | Configurable) for spec in (asked, begun))
            if told_apart and asked != begun and leads():
                warnings.warn(
                    f"{name}={asked!r:.200} has no effect where a fit goes on from fitted weights: set "
                    "warm_start=False and call fit to start anew",
                    stacklevel=level_of_user(),
                )
        network.alpha = self.estimator.alpha
        network.loss = self.estimator._loss(data.targets)

    def trainer(self, network: Network, n_samples: int) -> Trainer:
        """Return a trainer; after a warm start the records of the last one go on."""
        trainer = new_trainer(self.estimator, network, n_samples)
        if self.goes_on() and hasattr(self.estimator, "_trainer"):
            trainer.continue_from(self.estimator._trainer)
        return trainer

    def note(self, trainer: Trainer, n_iter: int, validation: ValidationSet | None = None) -> str:
        """Note a training; return the name of the backend that ran."""
        state = self.state
        state.trainer, state.n_iter = trainer, n_iter
        state.validated = validation is not None
        state.early_stopping = keeps_best(self.estimator)
        if validation is not None and getattr(self.estimator, "calibrate", False):
            state.temperature = of_ranks(lambda: validation.temperature(trainer.network))[0]
        return trainer.backend_in_use


class FitStream(Fit):
    """A call of ``fit_stream``, whose data are ``batches, n_epochs, batches_per_epoch``."""

    call = "partial_fit"
    in_pieces = True
    not_read = frozenset({"validation_fraction"})

    def check(self) -> None:
        """Raise if the arguments are not for this call."""
        refuse_together("fit_stream")
        if self.estimator.early_stopping and self.held[0] is None:
            raise ValueError(
                "X_val and y_val must be given for early_stopping=True: nothing is set aside of a stream"
            )

    def begin(self) -> Tasks:
        """Tell scikit-learn's callbacks that a fit begins, whose data are not there as a whole."""
        data = {"X": None, "y": None, "metadata": None}
        return Tasks(self.estimator, "fit_stream", self.data[1], data)

    def first_data(self, known: Fitted | None) -> Data:
        """Return the first batch that has rows, checked."""
        self.source = Batches(*self.data)
        number, batch = self.source.peek()
        with in_batch(number):
            return self.checked(*unpack(batch), known)

    def train(self, network: Network, data: Data, validation: ValidationSet | None) -> str:
        """Train the network and note how; return the name of the backend that ran."""

        def prepare(X: Any, y: Any, sample_weight: Any) -> tuple[Matrix, Array, Array | None]:
            batch = self.checked(X, y, sample_weight, self.state)
            return trainer.check_batch(batch.X, batch.T, batch.weights)

        self.source.prepare = prepare
        trainer = self.trainer(network, sys.maxsize)
        epochs_before = trainer.n_epochs
        trainer.fit_stream(
            self.source,
            n_epochs=self.data[1],
            validate=validation,
            early_stopping=self.estimator.early_stopping,
            keep=self.estimator.keep,
            callbacks=self.callbacks(),
        )
        return self.note(trainer, trainer.n_epochs - epochs_before, validation)


class PartialFit(Fit):
    """A call of ``partial_fit``: one epoch, on the fitted network itself."""

    call = "partial_fit"
    in_pieces = True
    is_told = False
    not_read = frozenset({"keep", "n_iter_no_change", "scoring", "tol", "validation_fraction"})

    def check(self) -> None:
        """Raise if the arguments are not for this call."""
        if self.estimator.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if getattr(self.estimator, "calibrate", False):
            raise ValueError("partial_fit does not support calibrate=True")
        if vars(self.estimator).get("_skl_callbacks"):
            warnings.warn(
                "set_callbacks has no effect in partial_fit, which calls no callbacks: use fit or "
                "fit_stream, or take them away with set_callbacks()",
                stacklevel=level_of_user(),
            )

    def goes_on(self) -> bool:
        """Return whether the call begins with what is fitted."""
        return hasattr(self.estimator, "network_")

    def network(self, data: Data, new: bool) -> Network:
        """Return a new network, or the fitted one."""
        return self.new_network(data) if new else self.fitted_network(data)

    def train(self, network: Network, data: Data, validation: ValidationSet | None) -> str:
        """Train the network and note how; return the name of the backend that ran."""
        estimator = self.estimator
        batch = self.batch(network, data)
        n_samples = self.n_samples(data)
        trainer = getattr(estimator, "_trainer", None)
        if trainer is None:
            trainer = new_trainer(estimator, network, n_samples)
        else:
            warn_of_changes(estimator, trainer)
            trainer.set_options(**trainer_options(estimator, n_samples))
        self.take_arguments(network, data)
        try:
            trainer.run_epoch(InMemory(batch), None)
            trainer.raise_if_diverged(batch[0])
            trainer.check_stall()
        except KeyboardInterrupt as interrupt:
            self.interrupt = (
                interrupt  # for the loop around the call; the steps that were taken stay
            )
        return self.note(trainer, trainer.n_epochs)


class Initialize(Fit):
    """A call of ``initialize``: a new network, and nothing is trained."""

    is_told = False
    not_read = frozenset({*EFFECTS, "calibrate"}) - ARCHITECTURE

    def goes_on(self) -> bool:
        """Return whether the call begins with what is fitted."""
        return False

    def train(self, network: Network, data: Data, validation: ValidationSet | None) -> str:
        """Train the network and note how; return the name of the backend that ran."""
        self.batch(network, data)
        return make_backend(self.estimator.backend, network, self.estimator.n_threads).name_in_use


class Tasks(Callback):
    """Makes a fit, and each epoch, a task of scikit-learn's callbacks, as their protocol has it.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
    name : str
        Of the fit's task.
    n_epochs : int
        Most of them.
    data : dict
        ``X``, ``y`` and ``metadata``, what the callbacks may ask for.
    """

    def __init__(self, estimator: Estimator, name: str, n_epochs: int, data: dict[str, Any]):
        self.estimator = estimator
        self.fit_data = {"estimator": estimator, **data}
        self.context = estimator._init_callback_context(task_name=name, max_subtasks=n_epochs)
        self.context.call_on_fit_task_begin(**self.fit_data)

    def begin_epoch(self, trainer: Trainer) -> None:
        """Begin the task of an epoch."""
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(
            **self.fit_data, reconstruction_attributes=lambda: self._attributes(trainer)
        )

    def end_epoch(self, trainer: Trainer) -> Any:
        """End it; True ends the training."""
        return self.task.call_on_fit_task_end(
            **self.fit_data, reconstruction_attributes=lambda: self._attributes(trainer)
        )

    def end_fit(self) -> None:
        """Tell that the fit is over."""
        self.context.call_on_fit_task_end(**self.fit_data, reconstruction_attributes={})

    def _attributes(self, trainer: Trainer) -> dict[str, Any]:
        """Return the attributes of the estimator as if its fit ended here."""
        fitted = self.estimator._as_fitted(copy.deepcopy(trainer.network), trainer.n_epochs)
        fitted.__dict__["loss_curve_"] = list(trainer.loss_curve)
        arguments = fitted.get_params(deep=False)
        return {name: value for name, value in vars(fitted).items() if name not in arguments}
