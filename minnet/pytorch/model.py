"""A Sequential of PyTorch as a network of minnet, and the data for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common.entry import entry
from minnet.common.types import ArrayLike, Matrix
from minnet.initializers import FromArray
from minnet.losses import Loss
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.pytorch.criteria import Criterion, criterion_of, targets_of
from minnet.pytorch.modules import Chain, begins_with_flatten, link_of, read_modules
from minnet.pytorch.optimizers import TorchOptimizer
from minnet.pytorch.recognition import as_array, is_torch_model, is_torch_optimizer

__all__ = ["TorchModel", "network_from_torch"]


@dataclass(frozen=True)
class TorchModel:
    """A model of PyTorch and the network that computes the same.

    Attributes
    ----------
    model : torch.nn.Module
    network : Network
    names : list of tuple of str
        For each layer of the network what the modules that it stands for are called in the model, such
        as ("block.0", "block.1").
    labels : list of str
        For each layer the name and the kind of its first module, such as "block.0 Linear".
    criterion : Criterion
        Its loss.
    """

    model: Any
    network: Network
    names: list[tuple[str, ...]]
    labels: list[str]
    criterion: Criterion
    _chain: Chain
    _optimizer: TorchOptimizer | None = None

    @classmethod
    def read(cls, model: Any, y: Any = None, loss: Any = None, optimizer: Any = None) -> TorchModel:
        """Read a model; an optimizer of PyTorch says which parameters are trained, and at which rates."""
        of_torch = TorchOptimizer(optimizer, model) if is_torch_optimizer(optimizer) else None
        model = getattr(model, "_orig_mod", model)  # one that torch.compile returned
        chain = read_modules(model, of_torch.factor if of_torch else _is_trained)
        criterion = criterion_of(loss, y, link_of(model), chain.sizes[-1])
        if criterion.has_link:
            chain = chain.without_link()
        return cls(
            model,
            _network(chain, criterion.loss),
            [tuple(name for name, _ in parts) for parts in chain.parts],
            [f"{parts[0][0]} {type(parts[0][1]).__name__}" for parts in chain.parts],
            criterion,
            chain,
            of_torch,
        )

    @property
    def called(self) -> list[str]:
        """What each layer is called in a sentence, such as "Linear 'block.0'"."""
        called = [label.split(" ", 1) for label in self.labels]
        return [f"{kind} {name!r}" for name, kind in called]

    def rows(self, X: Matrix) -> Matrix:
        """Return inputs as rows: tensors as arrays, pictures flattened where the model does so first."""
        X = as_array(X)
        if getattr(X, "ndim", 2) > 2 and begins_with_flatten(self.model):
            X = X.reshape(len(X), -1)
        return X

    def targets(self, y: ArrayLike) -> Any:
        """Return targets as the network's loss takes them."""
        return targets_of(y, self.criterion.loss, self.network.sizes[-1])

    def optimizer(self, weight_sum: float) -> Optimizer | None:
        """Return the optimizer; the L2 term that PyTorch's have becomes the network's."""
        if self._optimizer is None:
            return None
        self.network.alpha = self._optimizer.alpha(weight_sum)
        optimizer = self._optimizer.converted()
        self._optimizer.put_state(optimizer, self.network, self._chain.parameters)
        return optimizer


def _is_trained(parameter: Any) -> float:
    return float(parameter is not None and parameter.requires_grad)


def _network(chain: Chain, loss: Loss) -> Network:
    dense = [layer for layer in chain.layers if layer.fully_connected]
    given: dict[str, Any] = {
        name: "torch_linear"
        for name in ("init", "bias_init")
        if any(getattr(layer, name) is None for layer in dense)
    }
    network = Network(chain.layers, loss, **given)
    network.initialize(chain.sizes[0], random_state=0, dtype=chain.dtype)
    for i, (layer, arrays) in enumerate(zip(network.layers, chain.arrays, strict=True)):
        for name, values in arrays.items():
            setattr(layer, name, values)
            label = f"layers[{i}].{name}"
            if label in network.init_ and np.isfinite(values).all():
                network.init_[label] = FromArray(values)
    return network


@entry
def network_from_torch(
    model: Any, y: ArrayLike | None = None, loss: str | Loss | Any | None = None
) -> Network:
    """Return a network of minnet that computes what a model of PyTorch computes.

    Parameters
    ----------
    model : torch.nn.Sequential
        Of Linear, activations, Dropout, BatchNorm1d, LayerNorm, Flatten and Identity, also in Sequentials
        of their own. A Linear and the activation after it are one layer. What minnet does not have, such
        as ``Mish`` or ``GELU("tanh")``, PyTorch computes. Nothing of the model changes.
    y : array-like or tensor, default=None
        Targets, from which the loss is taken if none is given: class indices mean cross-entropy of a
        softmax, zeros and ones of one output or of columns that of sigmoids, and other numbers the
        squared error.
    loss : str, Loss, or loss of PyTorch, default=None
        A name from :func:`minnet.losses.list_losses`, or such as ``torch.nn.CrossEntropyLoss()``: minnet's
        loss of the same minimum, which is half of ``MSELoss`` for one output, say.

    Returns
    -------
    Network
        In float64 if the model is, and in float32 otherwise. A last Softmax, LogSoftmax or Sigmoid is the
        link of the loss where that has one: then ``forward`` returns what comes before it. Parameters
        that do not require a gradient are frozen. Drawn anew by ``initialize`` it has the weights that
        PyTorch would draw, of other random numbers.

    Raises
    ------
    TypeError
        If it is no Sequential, or has other modules; the sentence names them.
    ValueError
        If a module does not fit the one before, or the loss does not fit the model's last module.

    Examples
    --------
    With PyTorch (``pip install 'minnet-learn[torch]'``):

    >>> from torch import nn  # doctest: +SKIP
    >>> from minnet.pytorch import network_from_torch
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))  # doctest: +SKIP
    >>> network_from_torch(model).layers  # doctest: +SKIP
    [Dense(8, activation=Tanh()), Dense(3, activation=Identity())]
    """
    if not is_torch_model(model):
        raise TypeError(f"model must be a torch.nn.Sequential, got {model!r:.200}")
    return TorchModel.read(model, y, loss).network
