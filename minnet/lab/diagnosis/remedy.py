"""A change of a model that can be made: what advice is."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from minnet.activations import Identity, get_activation
from minnet.estimators.architecture import hidden_layers, hidden_sizes
from minnet.estimators.base import BaseMinNet
from minnet.layers import BatchNorm, Dropout, Layer
from minnet.network import Network
from minnet.optimizers import Optimizer

__all__ = ["Remedy"]

#: Changes of the layers, which the other arguments do not say where ``layers`` lists them.
_OF_LAYERS = ("activation", "batch_norm", "dropout", "hidden_layers", "trainable")


@dataclass(frozen=True)
class Remedy:
    """A change of a model.

    Attributes
    ----------
    changes : dict
        Arguments of an estimator, by name, and what they are to be. Besides: ``scaler``, a transformer to
        put before the network; ``hidden_layers``, of how many hidden layers the first are kept;
        ``trainable``, True for all layers at their full rates.
    words : str
        Of the change, to follow "Set" and the like; made of ``changes`` unless given.

    Examples
    --------
    >>> from minnet import MinNetClassifier
    >>> remedy = Remedy({"init": "he_normal"})
    >>> remedy
    Remedy(init='he_normal')
    >>> remedy.apply(MinNetClassifier((64,) * 12))
    MinNetClassifier(hidden_layer_sizes=(64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
                                         64),
                     init='he_normal')
    """

    changes: dict[str, Any]
    words: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return f"Remedy({', '.join(f'{name}={value!r}' for name, value in self.changes.items())})"

    @property
    def text(self) -> str:
        """The change as the arguments that make it, or in words."""
        if self.words:
            return self.words
        return ", ".join(f"{name}={_quoted(value)}" for name, value in self.changes.items())

    def apply(self, model: Any) -> Any:
        """Return a new model with the change, not fitted; a Network with new weights.

        Parameters
        ----------
        model : Network, MinNetClassifier, MinNetRegressor or Pipeline that ends in one
            Is not changed.

        Returns
        -------
        Network, estimator or Pipeline
            A Pipeline also where a scaler is put before an estimator.

        Raises
        ------
        ValueError
            If the change is one of the training, and the model a Network, which has none of its own.
        """
        changes = dict(self.changes)
        scaler = changes.pop("scaler", None)
        if isinstance(model, Network):
            if scaler is not None:
                raise ValueError(
                    f"model must be an estimator or a Pipeline to have a {type(scaler).__name__} before "
                    "it, got a Network: scale X yourself"
                )
            return _changed_network(model, changes)
        if isinstance(model, Pipeline):
            steps = [(name, clone(step)) for name, step in model.steps]
            steps[-1] = (steps[-1][0], _changed_estimator(model[-1], changes))
        else:
            changed = _changed_estimator(model, changes)
            if scaler is None:
                return changed
            steps = [(type(model).__name__.lower(), changed)]
        if scaler is not None:
            taken = {name for name, _ in steps}
            name = type(scaler).__name__.lower()
            while name in taken:
                name += "_"
            steps.insert(-1, (name, clone(scaler)))
        if isinstance(model, Pipeline):
            return clone(model).set_params(steps=steps)
        return Pipeline(steps)


def _quoted(value: Any) -> str:
    """Return a value as the documentation writes it: strings in double quotes."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(k)}: {_quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_quoted, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _changed_estimator(estimator: BaseMinNet, changes: dict[str, Any]) -> BaseMinNet:
    estimator = clone(estimator)
    if estimator.layers is not None:
        layers = _changed_layers(estimator.layers, changes)
        estimator.set_params(layers=layers)
        changes = {name: value for name, value in changes.items() if name not in _OF_LAYERS}
    if "hidden_layers" in changes:
        n = changes.pop("hidden_layers")
        estimator.set_params(
            hidden_layer_sizes=tuple(hidden_sizes(estimator.hidden_layer_sizes)[:n])
        )
    changes.pop("trainable", None)
    if isinstance(estimator.solver, Optimizer):
        for name, attribute in (("learning_rate_init", "learning_rate"), ("momentum", "momentum")):
            if name in changes:
                solver = copy.deepcopy(estimator.solver)
                setattr(solver, attribute, changes.pop(name))
                estimator.set_params(solver=solver)
    return estimator.set_params(**changes)


def _changed_network(network: Network, changes: dict[str, Any]) -> Network:
    """Return a network of changed layers, initialized if the given one is."""
    of_training = set(changes) - {"init", "bias_init", "alpha", *_OF_LAYERS}
    if of_training:
        raise ValueError(
            f"model must be an estimator to change {', '.join(sorted(of_training))}, got a Network, which "
            "a Trainer trains: change it there"
        )
    *hidden, output = network.layers
    layers = [*_changed_layers(hidden, changes), *_changed_layers([output], changes, output=True)]
    options = {
        name: changes.get(name, getattr(network, name)) for name in ("init", "bias_init", "alpha")
    }
    new = Network(layers, network.loss, **options)
    if hasattr(network, "params"):
        new.initialize(network.sizes[0], random_state=network.key % 2**32, dtype=network.dtype)
    return new


# ---- layers


def _changed_layers(
    layers: Sequence[Layer], changes: dict[str, Any], output: bool = False
) -> list[Layer]:
    """Return copies of hidden layers, or of the output alone, with what changes in them."""
    new = [layer.copy() for layer in layers]
    for layer in new:
        for name in ("init", "bias_init"):
            if name in changes and hasattr(layer, name):
                setattr(layer, name, None)  # so that what the network is given holds for all
        if "trainable" in changes:
            layer.trainable = True
            layer.lr_factor = layer.lr_factor or 1.0
    if output:
        return new
    if "hidden_layers" in changes:
        ends = hidden_layers([*new, new[0]])
        new = new[: ends[changes["hidden_layers"] - 1] + 1]
    if "batch_norm" in changes:
        new = _normalized(new) if changes["batch_norm"] else _not_normalized(new)
    if "dropout" in changes:
        rate = changes["dropout"]
        new = [layer for layer in new if rate or not isinstance(layer, Dropout)]
        for layer in new:
            if isinstance(layer, Dropout):
                layer.rate = rate
    if "activation" in changes:
        _activate(new, changes["activation"])
    return new


def _is_linear(layer: Layer) -> bool:
    return layer.activation is None or isinstance(layer.activation, Identity)


def _normalized(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers with a BatchNorm between the weights and the activation of each Dense."""
    new = []
    for i, layer in enumerate(layers):
        new.append(layer)
        below_one = i + 1 < len(layers) and layers[i + 1].normalizes
        if layer.fully_connected and not below_one:
            new.append(BatchNorm(layer.activation))
            if layer.takes_activation and layer.activation is not None:
                layer.activation = Identity()
    return new


def _not_normalized(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers without those that normalize, whose activation their Dense takes over."""
    new: list[Layer] = []
    for layer in layers:
        if not layer.normalizes:
            new.append(layer)
        elif new and _is_linear(new[-1]) and new[-1].takes_activation:
            new[-1].activation = layer.activation
    return new


def _activate(layers: Sequence[Layer], name: str) -> None:
    """Give hidden layers another activation: those that have one, or all if none has."""
    taking = [layer for layer in layers if layer.takes_activation and not _is_linear(layer)]
    if not taking:
        taking = [
            layer
            for i, layer in enumerate(layers)
            if layer.takes_activation
            and (layer.normalizes or i + 1 == len(layers) or not layers[i + 1].normalizes)
        ]
    for layer in taking:
        layer.activation = get_activation(name)
