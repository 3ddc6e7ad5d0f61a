"""What the laboratory looks at: the network of a model, with data in the network's own form."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from minnet.common.communicator import apart
from minnet.common.entry import entry
from minnet.common.shown import described
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.estimators.base import BaseMinNet
from minnet.estimators.data import check_data, check_X
from minnet.estimators.fit import new_network
from minnet.estimators.preset import written_for
from minnet.estimators.solvers import new_trainer
from minnet.network import Network
from minnet.optimizers import Optimizer, clip_gradients, get_optimizer
from minnet.pytorch.model import TorchModel
from minnet.pytorch.recognition import as_array, is_torch_model, is_torch_optimizer

__all__ = [
    "Subject",
    "batch_for",
    "last_step",
    "network_of",
    "step_of",
    "steps_of",
    "subject_of",
    "with_last_step",
]


@dataclass(frozen=True)
class Subject:
    """A network and a batch for it.

    Attributes
    ----------
    network : Network
    X : array or CSR matrix of shape (n_samples, n_features)
    T : ndarray or None
        Targets of the loss.
    weights : ndarray of shape (n_samples,) or None
    optimizer : Optimizer or None
        What trains the network, where that is known.
    clip : dict
        ``clip_value`` and ``clip_norm`` of the training.
    source : TorchModel or None
        The model of PyTorch that the network stands for.
    """

    network: Network
    X: Matrix
    T: Any
    weights: Array | None
    optimizer: Any = None
    clip: dict[str, float | None] | None = None
    source: TorchModel | None = None

    @property
    def labels(self) -> dict[int, str] | None:
        """What the layers are called in the model that the network stands for, by their places."""
        return None if self.source is None else dict(enumerate(self.source.labels))


@entry
@apart()
def subject_of(
    model: Any,
    X: Matrix,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    optimizer: str | Optimizer | None = None,
    name: str = "model",
    loss: Any = None,
) -> Subject:
    """Return the network of a model and the data as that network takes them.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
        An estimator need not be fitted: the network is then the one that its fit would start from.
        The steps of a pipeline before the last transform ``X``.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like, default=None
        Targets of the loss for a network, what ``fit`` takes for an estimator.
    sample_weight : array-like of shape (n_samples,), default=None
    optimizer : str or Optimizer, default=None
        The estimator's own unless given; a network alone has none.
    name : str, default="model"
        What the caller's argument is called in errors.
    loss : str, Loss or loss of PyTorch, default=None
        Of a model of PyTorch; the others have their own.

    Returns
    -------
    Subject

    Raises
    ------
    TypeError
        If ``model`` is none of these.
    ValueError
        If the data do not fit, or if ``y`` is missing where the network depends on it.
    """
    model, X, _ = last_step(model, X, y)
    if y is None and sample_weight is not None:
        raise ValueError("sample_weight must be None where y is not given: it weighs the losses")
    if is_torch_model(model):
        return _of_torch(model, X, y, sample_weight, optimizer, loss)
    if loss is not None:
        raise ValueError(f"loss must be None but for a model of PyTorch, got {loss!r:.200}")
    if isinstance(model, Network):
        if y is None:
            X, T, weights = model.check_X(X), None, None
        else:
            X, T, weights = _batch(model, X, y, sample_weight)
        return Subject(model, X, T, weights, _given(optimizer))
    if not isinstance(model, BaseMinNet):
        raise TypeError(
            f"{name} must be a Network, a MinNetClassifier, a MinNetRegressor, a Pipeline that ends "
            f"in one or a torch.nn.Sequential, got {described(model)}"
        )
    return _of_estimator(model, X, y, sample_weight, optimizer)


def _of_torch(model: Any, X: Any, y: Any, sample_weight: Any, optimizer: Any, loss: Any) -> Subject:
    """Return a model of PyTorch as a network, with its data and its optimizer."""
    source = TorchModel.read(model, y, loss, optimizer)
    network, X = source.network, source.rows(X)
    T = weights = None
    if y is None:
        X = network.check_X(X)
    else:
        X, T, weights = _batch(network, X, source.targets(y), as_array(sample_weight))
        weights = source.criterion.weights(T, weights)
        network.loss = source.criterion.of_batch(T)
    if not is_torch_optimizer(optimizer):
        return Subject(network, X, T, weights, _given(optimizer), source=source)
    own = source.optimizer(X.shape[0] if weights is None else float(weights.sum()))
    return Subject(network, X, T, weights, own, source=source)


def _batch(network: Network, X: Matrix, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Return what a network takes, and what it calls T in errors as it is called here."""
    try:
        return network.check_batch(X, y, sample_weight)
    except (TypeError, ValueError) as error:
        if not str(error).startswith("T "):
            raise
        raise type(error)(f"y{str(error)[1:]}") from error


@apart()
def network_of(model: Any, X: Matrix = None, y: ArrayLike | None = None) -> Network:
    """Return the network of a model, as :func:`subject_of` does.

    A network and a fitted estimator need no data for it.
    """
    last = model
    while isinstance(last, Pipeline) and last.steps:
        last = last.steps[-1][1]
    if X is None and is_torch_model(model):
        return TorchModel.read(model, y).network
    if X is not None or not isinstance(last, BaseMinNet | Network):
        return subject_of(model, X, y, name="estimator").network
    if isinstance(last, Network):
        return last
    if hasattr(last, "network_"):
        return last.network_
    raise NotFittedError(f"{type(last).__name__} is not fitted: give X and y, or fit it first")


def _of_estimator(
    estimator: BaseMinNet,
    X: Matrix,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    optimizer: str | Optimizer | None,
) -> Subject:
    fresh = not hasattr(estimator, "network_")
    if fresh and y is None:
        raise ValueError(
            f"y must be given for a {type(estimator).__name__} that is not fitted: its network "
            "depends on it, got None"
        )
    if fresh:
        estimator = clone(estimator)
        estimator._validate_params()
        data = check_data(estimator, X, y, sample_weight)
        network = new_network(estimator, data)
        X, T, weights = network.check_batch(data.X, data.T, data.weights)
    else:
        network = estimator.network_
        X, T, weights = batch_for(estimator, network, X, y, sample_weight)
    trainer = getattr(estimator, "_trainer", None)
    if optimizer is None and estimator.solver != "lbfgs":
        if trainer is None:
            # What is looked at may be less than a mini-batch of the training.
            least = 1 if estimator.batch_size == "auto" else estimator.batch_size
            trainer = new_trainer(estimator, network, max(X.shape[0], least))
        optimizer = trainer.optimizer
    clip = {"clip_value": estimator.clip_value, "clip_norm": estimator.clip_norm}
    return Subject(network, X, T, weights, _given(optimizer), clip)


@apart()
def batch_for(
    estimator: BaseMinNet,
    network: Network,
    X: Matrix,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[Any, Any, Any]:
    """Return a batch as a network takes it, by what its estimator has learned of labels.

    It need not have all classes.
    """
    known = estimator._state()
    if y is None:
        return network.check_X(check_X(estimator, X, known.features)), None, None
    data = check_data(estimator, X, y, sample_weight, known=known, call="batch")
    return network.check_batch(data.X, data.T, data.weights)


def last_step(
    model: Any, X: Matrix, y: ArrayLike | None, X_val: Matrix | None = None
) -> tuple[Any, Any, Any]:
    """Return the last step of a pipeline, also of pipelines in it, and data as the others transform them.

    Any other model is returned with the data as they are. The steps are fitted where the last is not. A
    preset is written out.

    Parameters
    ----------
    model : object
    X : array-like, sparse matrix or None
    y : array-like or None
    X_val : array-like, sparse matrix or None
        Is transformed, too, by what was fitted on ``X``.
    """
    steps = []
    while isinstance(model, Pipeline) and model.steps:
        steps.append(Pipeline(model.steps[:-1]) if len(model.steps) > 1 else None)
        model = model.steps[-1][1]
    fitted = hasattr(model, "network_")
    if any(steps):
        X, X_val = copy.deepcopy(X), copy.deepcopy(X_val)  # a step may write into what it gets
    for before in filter(None, steps):
        if fitted:
            X = before.transform(X)
        else:
            before = clone(before)  # which writes nothing
            X = before.fit_transform(X, y)
        if X_val is not None:
            X_val = before.transform(X_val)
    if isinstance(model, BaseMinNet) and X is not None:
        model = written_for(model, X)
    return model, X, X_val


def steps_of(model: Any) -> list[Any]:
    """Return the steps of a pipeline, and of those at its end; of any other model itself."""
    steps = [model]
    while isinstance(steps[-1], Pipeline) and steps[-1].steps:
        steps[-1:] = [step for _, step in steps[-1].steps]
    return steps


def with_last_step(model: Any, last: Any) -> Any:
    """Return a model, or a pipeline with another last step."""
    if not isinstance(model, Pipeline):
        return last
    *before, (name, inner) = model.steps
    return model.set_params(steps=[*before, (name, with_last_step(inner, last))])


def _given(optimizer: str | Optimizer | None) -> Optimizer | None:
    """Return a copy of an optimizer with its state, or None."""
    if optimizer is None:
        return None
    if isinstance(optimizer, str):
        return get_optimizer(optimizer)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be a name or an Optimizer object, got {optimizer!r}")
    return copy.deepcopy(optimizer)


def step_of(subject: Subject, grads: Array) -> Array:
    """Return by how much the next step would change each parameter; the optimizer is spent."""
    network, optimizer = subject.network, subject.optimizer
    grads = grads.copy()  # an optimizer may overwrite them
    clip_gradients(grads, **(subject.clip or {}))
    if optimizer.state is None or optimizer.state.shape[1:] != grads.shape:
        optimizer.prepare(grads)
    factors = {row.lr_factor * row.trainable for row in network.parameter_table}
    rates = optimizer.learning_rate
    if factors != {1}:
        rates = np.zeros_like(grads)
        for row in network.parameter_table:
            rates[row.slice] = optimizer.learning_rate * row.lr_factor * row.trainable
    if optimizer.compiled:
        # The step of minnet's own does not depend on where it starts: from 0 nothing is rounded away.
        moved = np.zeros_like(grads)
        optimizer.update(moved, grads, rates)
        return moved
    after = network.params.copy()
    optimizer.update(after, grads, rates)
    return after - network.params
