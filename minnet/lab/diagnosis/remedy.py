"""A change of a model that can be made: what advice is."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from minnet.activations import Identity, get_activation
from minnet.estimators.architecture import (
    given_layers,
    hidden_layers,
    hidden_sizes,
    taking_activation,
)
from minnet.estimators.arguments import defaults_of
from minnet.estimators.base import BaseMinNet
from minnet.estimators.effects import EFFECTS
from minnet.initializers.of_network import is_bias
from minnet.lab.diagnosis.wording import IN_OPTIMIZERS, OF_OPTIMIZERS, change_in_words
from minnet.layers import BatchNorm, Dense, Dropout, Layer
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.pytorch.layers import Softmax
from minnet.residual import without_open_skips

__all__ = ["Remedy", "by_batch", "changed_optimizer"]

#: Changes of the layers, which the other arguments do not say where ``layers`` lists them.
_OF_LAYERS = (
    "activation", "batch_norm", "dropout", "hidden_layers", "output_activation", "residual_scale",
    "trainable",
)  # fmt: skip


@dataclass(frozen=True)
class Remedy:
    """A change of a model.

    Attributes
    ----------
    changes : dict
        Arguments of an estimator, by name, and what they are to be. Besides: ``scaler``, a transformer to
        put before the network; ``hidden_layers``, of how many hidden layers the first are kept;
        ``residual_scale``, which the scalar of each residual block then starts as, and is trained;
        ``trainable``, True for all layers at their full rates; ``output_activation``, of a Network's last
        layer.
    words : str
        Of the change, to follow "Set" and the like; made of ``changes`` unless given.

    Examples
    --------
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import Remedy
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
        return change_in_words(self.changes, self.words, None)

    def _of_network(self, of_torch: bool = False) -> Remedy:
        """Return the part of it that a Network has itself; PyTorch has L2 and the loss elsewhere."""
        own = {"init", "bias_init", *_OF_LAYERS} | (set() if of_torch else {"alpha", "loss"})
        return Remedy({name: value for name, value in self.changes.items() if name in own})

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
        TypeError
            If the model is none of these.
        ValueError
            If the change is one of the training, and the model a Network, which has none of its own; or
            if the model has no such argument, or it has no effect there.
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
            model = clone(model)
            steps = [*model.steps]
            name, last = steps[-1]
            if isinstance(last, Pipeline):  # in which the scaler is put, too
                steps[-1] = name, self.apply(last)
                return model.set_params(steps=steps)
            steps[-1] = name, _changed_estimator(last, changes)
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
            return model.set_params(steps=steps)
        return Pipeline(steps)


def _changed_estimator(estimator: BaseMinNet, changes: dict[str, Any]) -> BaseMinNet:
    if not isinstance(estimator, BaseMinNet):
        raise TypeError(
            "model must be a Network, MinNetClassifier, MinNetRegressor or a Pipeline that ends in one, "
            f"got {type(estimator).__name__}"
        )
    estimator = clone(estimator)
    unused = _without_effect(estimator)
    changes = dict(changes)
    if isinstance(estimator.solver, Optimizer) and "solver" not in changes:
        if "weight_decay" in changes and "weight_decay" in estimator.solver.get_config():
            estimator.set_params(weight_decay=0.0)  # which would come on top
        estimator.set_params(solver=changed_optimizer(estimator.solver, changes))
    n_hidden = changes.pop("hidden_layers", None)
    if estimator.layers is not None:
        layers = given_layers(estimator)
        if "activation" in changes and taking_activation(layers):
            estimator.set_params(activation=changes["activation"])
        kept = layers if n_hidden is None else first_hidden(layers, n_hidden)
        estimator.set_params(
            layers=_changed_layers(kept, changes), **_fewer_initializers(estimator, layers, kept)
        )
        changes = {name: value for name, value in changes.items() if name not in _OF_LAYERS}
    elif n_hidden is not None:
        sizes = hidden_sizes(estimator.hidden_layer_sizes)
        kept_sizes = sizes[: max(n_hidden, 0)]
        before, after = ([Dense(n) for n in each] for each in (sizes, kept_sizes))
        fewer = _fewer_initializers(estimator, before, after)
        estimator.set_params(hidden_layer_sizes=tuple(kept_sizes), **fewer)
    changes.pop("trainable", None)
    estimator.set_params(**changes)
    defaults = defaults_of(type(estimator))
    for name in sorted(changes.keys() & _without_effect(estimator)):
        if changes[name] != defaults[name]:
            raise ValueError(
                f"model must be one on which {name} has an effect to set {name}={changes[name]!r:.100}, "
                f"got {estimator!r:.200}"
            )
    # What had an effect with another solver, say, and was set, would be warned of or refused.
    reset = _without_effect(estimator) - unused - changes.keys()
    return estimator.set_params(**{name: defaults[name] for name in reset})


def _without_effect(estimator: BaseMinNet) -> set[str]:
    """Return the arguments that have no effect beside the others."""
    return {
        name
        for name, conditions in EFFECTS.items()
        if not all(condition.holds(estimator, False) for condition in conditions)
    }


def changed_optimizer(optimizer: Optimizer, changes: dict[str, Any]) -> Optimizer:
    """Return a copy of an optimizer with those of the changes that are its own, which are taken out."""
    optimizer = copy.deepcopy(optimizer)
    config = optimizer.get_config()
    for argument in [*changes]:
        name = IN_OPTIMIZERS.get(argument, argument)
        if argument in OF_OPTIMIZERS and name in config:
            setattr(optimizer, name, changes.pop(argument))
    return optimizer


def _changed_network(network: Network, changes: dict[str, Any]) -> Network:
    """Return a network of changed layers, initialized if the given one is."""
    own = Remedy(changes)._of_network().changes
    if own != changes:
        told = {name: value for name, value in changes.items() if name not in own}
        text = change_in_words(told, "", network)
        raise ValueError(
            f"model must be an estimator to have its training changed, got a Network: make its Trainer "
            f"with {text}"
        )
    *hidden, output = network.layers
    n_hidden = changes.get("hidden_layers")
    kept = hidden if n_hidden is None else first_hidden(hidden, n_hidden)
    fewer = _fewer_initializers(network, [*hidden, output], [*kept, output])
    last = [output]
    if "output_activation" in changes and isinstance(output, Softmax):
        fewer, last = fewer | _fewer_initializers(network, [*kept, output], kept), []
    layers = [*_changed_layers(kept, changes), *_changed_layers(last, changes, output=True)]
    options = {
        name: getattr(network, name) for name in ("init", "bias_init", "alpha", "precision")
    } | fewer
    new = Network(
        layers,
        changes.get("loss", network.loss),
        **{name: changes.get(name, options[name]) for name in options},
    )
    if hasattr(network, "params"):
        new.initialize(network.sizes[0], random_state=_Key(network.key), dtype=network.dtype)
    return new


class _Key(np.random.RandomState):
    """A random state whose first bytes are the key of another network, so that both draw alike."""

    def __init__(self, key: int) -> None:
        super().__init__(0)
        self.key = key

    def bytes(self, length: int) -> bytes:
        """Return the key."""
        return self.key.to_bytes(length, "little")


# ---- layers


def first_hidden(layers: Sequence[Layer], n: int) -> list[Layer]:
    """Return the first hidden layers, with the normalizations and dropouts that belong to them."""
    ends = hidden_layers([*layers, Dense(1)])  # the output comes after
    if not ends or n <= 0:
        return list(layers)
    return without_open_skips(layers[: ends[min(n, len(ends)) - 1] + 1])


def _fewer_initializers(
    model: BaseMinNet | Network, before: Sequence[Layer], after: Sequence[Layer]
) -> dict[str, Any]:
    """Return ``init`` and ``bias_init`` for fewer hidden layers, where they are lists."""
    given = {name: getattr(model, name) for name in ("init", "bias_init")}
    lists = {name: value for name, value in given.items() if isinstance(value, list | tuple)}
    if not lists or len(before) == len(after):
        return {}
    # Of a network the output is among the layers.
    n_last = 1 if isinstance(model, Network) else 0
    weights, biases = _n_arrays(after[: len(after) - n_last])
    last = {"init": 1, "bias_init": 1}
    if n_last:
        last = dict(zip(last, _n_arrays(after[-1:]), strict=True))
    kept = {"init": weights, "bias_init": biases}
    return {
        name: [*value[: kept[name]], *(value[-last[name] :] if last[name] else [])]
        for name, value in lists.items()
    }


def _n_arrays(layers: Sequence[Layer]) -> tuple[int, int]:
    """Return how many entries lists of ``init`` and ``bias_init`` have for layers."""
    weights = biases = 0
    n_inputs = 1  # of how many they are does not depend on it
    for layer in layers:
        for name, parameter in layer.parameters(n_inputs).items():
            weights += parameter.is_weight
            biases += is_bias(layer, name, parameter)
        n_inputs = int(layer.output_size(n_inputs))
    return weights, biases


def _changed_layers(
    layers: Sequence[Layer], changes: dict[str, Any], output: bool = False
) -> list[Layer]:
    """Return copies of hidden layers, or of the output alone, with what changes in them."""
    new = [layer.copy() for layer in layers]
    for layer in new:
        for name in ("init", "bias_init"):
            if name in changes and hasattr(layer, name):
                setattr(layer, name, None)  # so that what the network is given holds for all
        if "trainable" in changes and not layer.closes_skip:  # whose scale is a constant, mostly
            layer.trainable = True
            layer.lr_factor = layer.lr_factor if layer.lr_factor >= 1e-3 else 1.0
            if getattr(layer, "bias_lr_factor", None) == 0:
                layer.bias_lr_factor = None
        if "residual_scale" in changes and layer.closes_skip:
            layer.scale, layer.trainable = changes["residual_scale"], True
    if output:
        if new and "output_activation" in changes:
            new[-1].activation = get_activation(changes["output_activation"])
        return new
    if "batch_norm" in changes:
        new = _normalized(new) if changes["batch_norm"] else _not_normalized(new)
    if "dropout" in changes:
        new = _dropped(new, changes["dropout"])
    if "activation" in changes:
        _activate(new, changes["activation"])
    return new


def by_batch(layer: Layer) -> bool:
    """Return whether a layer takes mean and variance of each mini-batch, as BatchNorm does."""
    return layer.normalizes and layer.differs_in_training


def _is_linear(layer: Layer) -> bool:
    return layer.activation is None or isinstance(layer.activation, Identity)


def _normalized(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers with a BatchNorm between the weights and the activation of each Dense."""
    new = []
    for i, layer in enumerate(layers):
        new.append(layer)
        below_one = i + 1 < len(layers) and layers[i + 1].normalizes
        if not layer.fully_connected or below_one:
            continue
        if layer.takes_activation:
            new.append(BatchNorm(layer.activation))
            if layer.activation is not None:
                layer.activation = Identity()
        else:  # a user's own, whose activation stays where it is
            new.append(BatchNorm(Identity()))
    return new


def _not_normalized(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers without those that normalize by the batch, whose activation their Dense takes over."""
    new: list[Layer] = []
    for layer in layers:
        if not by_batch(layer):
            new.append(layer)
        elif new and _is_linear(new[-1]) and new[-1].takes_activation:
            new[-1].activation = layer.activation
    return new


def _dropped(layers: Sequence[Layer], rate: float) -> list[Layer]:
    """Return layers whose Dropouts have another rate; with new ones if there are none."""
    there = [layer for layer in layers if isinstance(layer, Dropout)]
    if rate == 0:
        return [layer for layer in layers if not isinstance(layer, Dropout)]
    for dropout in there:
        dropout.rate = rate
    if there:
        return list(layers)
    ends = hidden_layers([*layers, Dense(1)])
    new: list[Layer] = []
    for i, layer in enumerate(layers):
        new += [layer, Dropout(rate)] if i in ends else [layer]
    return new


def _activate(layers: Sequence[Layer], activation: Any) -> None:
    """Give hidden layers another activation: those that have one, or all if none has.

    Those that name none have the estimator's.
    """
    taking = [layer for layer in layers if layer.takes_activation and not _is_linear(layer)]
    if not taking and not taking_activation(layers):
        taking = [
            layer
            for i, layer in enumerate(layers)
            if layer.takes_activation
            and (layer.normalizes or i + 1 == len(layers) or not layers[i + 1].normalizes)
        ]
    for layer in taking:
        layer.activation = get_activation(activation)
