"""From the arguments of an estimator to the layers of a network, and which of these are hidden layers."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Sequence
from typing import Any

from minnet.activations import Identity, Sigmoid, get_activation
from minnet.common.callers import level_of_user
from minnet.common.checks import is_integer, n_axes
from minnet.common.names import suggest
from minnet.common.types import Estimator
from minnet.initializers import get_initializer
from minnet.layers import BatchNorm, Dense, Dropout, Layer, is_open
from minnet.losses import SquaredError
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear
from minnet.residual import check_layers

__all__ = [
    "build_layers", "check_initializers", "first_layers", "given_layers", "hidden_layers",
    "hidden_sizes", "output_layer", "position_of", "taking_activation", "warn_of_output_layer",
]  # fmt: skip

#: The arguments of Dense that ``output_layer`` may have.
_OF_OUTPUT = ("init", "bias_init", "trainable", "lr_factor", "bias_lr_factor", "decay_factor")


def hidden_sizes(hidden_layer_sizes: Any) -> list[int]:
    """Return the sizes of the hidden layers as a list.

    Examples
    --------
    >>> hidden_sizes(100), hidden_sizes((64, 32))
    ([100], [64, 32])
    """
    sizes = hidden_layer_sizes
    sizes = [sizes] if n_axes(sizes) == 0 else list(sizes)
    if not all(is_integer(n) for n in sizes):
        hint = ": did you mean layers=?" if any(isinstance(n, Layer) for n in sizes) else "."
        raise ValueError(f"hidden_layer_sizes must be whole numbers, got {sizes!r:.200}{hint}")
    if any(n <= 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes!r:.200}.")
    return [int(n) for n in sizes]


def check_initializers(estimator: Estimator | Network) -> None:
    """Raise if ``init`` or ``bias_init`` is no specification of an initializer, by its own name."""
    for name in ("init", "bias_init"):
        given = getattr(estimator, name)
        several = isinstance(given, list | tuple)
        for i, spec in enumerate(given if several else [given]):
            if not (spec is None or (isinstance(spec, str) and spec == "auto")):
                get_initializer(spec, name=f"{name}[{i}]" if several else name)


def output_layer(estimator: Estimator, n_outputs: int = 1) -> Dense:
    """Return the output layer, or say what is wrong with the arguments that an estimator has for it."""
    given = estimator.output_layer or {}
    for name in given:
        if name not in _OF_OUTPUT:
            raise ValueError(
                suggest("output_layer", name, _OF_OUTPUT, "a dict with arguments of Dense")
            )
    try:
        return Dense(n_outputs, Identity(), **given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"output_layer: {error}") from None


def build_layers(estimator: Estimator, n_outputs: int) -> list[Layer]:
    """Return the layers for an estimator's arguments, the output layer included."""
    output = output_layer(estimator, n_outputs)
    if estimator.layers is None:
        return [*_hidden_layers(estimator), output]
    layers = [layer.copy() if is_open(layer) else layer for layer in given_layers(estimator)]
    for layer in taking_activation(layers):
        # A user's own layer may keep it as it is.
        layer.activation = get_activation(estimator.activation)
    for layer in filter(is_open, layers):
        layer.activation = Identity()
    return [*layers, output]


def _hidden_layers(estimator: Estimator) -> list[Layer]:
    layers: list[Layer] = []
    for size in hidden_sizes(estimator.hidden_layer_sizes):
        if estimator.batch_norm:
            layers += [Dense(size, Identity()), BatchNorm(estimator.activation)]
        else:
            layers.append(Dense(size, estimator.activation))
        if estimator.dropout:
            layers.append(Dropout(estimator.dropout))
    return layers


def given_layers(estimator: Estimator) -> list[Layer]:
    """Return the hidden layers that an estimator is given, or say what is wrong with them."""
    if not isinstance(estimator.layers, list | tuple | Layer):  # what can be read once is none
        raise TypeError(f"layers must be a list of layers, got {estimator.layers!r:.200}")
    return check_layers(estimator.layers)


def taking_activation(layers: Sequence[Layer]) -> list[Layer]:
    """Return those of hidden layers after which the estimator's activation comes.

    A Dense begins a hidden layer, to which the normalizations and dropouts after it belong. It has
    the activation once: after its last normalization, or after the Dense where there is none. If
    one of them names an activation, "identity" included, it has that alone. Where a residual block begins
    or ends, so does what belongs together.

    Examples
    --------
    >>> from minnet import BatchNorm, Dense, Dropout
    >>> taking_activation([Dense(9), Dropout(), Dense(8, "identity"), Dense(7), BatchNorm()])
    [Dense(9), BatchNorm()]
    >>> taking_activation([BatchNorm(), Dense(6), BatchNorm("tanh")])
    []
    """
    found = []
    cuts = [i for i, layer in enumerate(layers) if layer.opens_skip or layer.closes_skip]
    for begin, end in itertools.pairwise(sorted([*_begins(layers), *cuts, len(layers)])):
        taking = [layer for layer in layers[begin:end] if layer.takes_activation]
        if layers[begin].takes_activation and all(map(is_open, taking)):
            found.append(taking[-1])
    return found


def warn_of_output_layer(estimator: Estimator, network: Network, n_classes: int) -> None:
    """Warn where the last of the layers in ``layers=`` seems to be meant as the output layer.

    That is a Dense, with nothing after it, of as many units as there are outputs or classes, which does
    what an output layer does: it names no activation, or is linear, or has the sigmoid of one output or of
    several labels. A linear one and a sigmoid with another just like it below are meant to be hidden: so
    is a deep linear network made. One that names no activation may be either, whatever is below.
    """
    *below, last = estimator.layers or [None]
    output = network.layers[-1]
    units = getattr(last, "units", None)
    if last is None or not last.fully_connected or units not in (output.units, n_classes):
        return
    activation, given = last.activation, estimator.activation
    if is_open(last):
        usual = isinstance(given, str) and given not in ("identity", "sigmoid")
        cure = f"name its activation, as in Dense({units}, {given if usual else 'tanh'!r}),"
    else:
        alike = [one for one in below if getattr(one, "units", None) == units]
        labels = getattr(network.loss, "output", None) in ("sigmoid", "logistic")
        squashed = (
            isinstance(activation, Sigmoid) and units == output.units and (units == 1 or labels)
        )
        if any(one.activation == activation for one in alike):
            return
        if not (squashed or isinstance(activation, Identity)):
            return
        cure = f"give it another activation, as in Dense({units}, 'tanh'),"
    warnings.warn(
        f"{last!r} is the last hidden layer, with as many units as there are outputs or classes: the "
        "output layer, with its softmax or sigmoid where there is one, is added by itself. Leave it out "
        f"of layers=, or {cure} if it is meant as a hidden layer",
        stacklevel=level_of_user(),
    )


# ---- hidden layers of a network


def hidden_layers(layers: Sequence[Layer]) -> list[int]:
    """Return the position of the last layer of each hidden layer among a network's layers.

    A hidden layer begins with a layer that is neither normalization nor dropout nor an encoding of
    columns nor the beginning or end of a residual block, and ends before the next such one; the last of
    them is the output.

    Examples
    --------
    >>> from minnet import BatchNorm, Dense, Dropout
    >>> hidden_layers([Dropout(), Dense(9), BatchNorm("relu"), Dense(5), Dropout(), Dense(3)])
    [2, 4]
    """
    return [i - 1 for i in _begins(layers)[1:]]


def _begins(layers: Sequence[Layer]) -> list[int]:
    """Return the positions at which hidden layers, and the output, begin."""
    return [
        i
        for i, layer in enumerate(layers)
        if not (layer.normalizes or layer.only_in_training or layer.opens_skip or layer.closes_skip)
        and not isinstance(layer, PiecewiseLinear)
    ]


def position_of(layers: Sequence[Layer], layer: int | str) -> int:
    """Return the position among a network's layers of the hidden layer that a user names.

    Parameters
    ----------
    layers : list of Layer
        The output layer is among them.
    layer : int or str
        A number counts hidden layers; "layers[i]" is the position itself.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> from minnet import Dense, Dropout
    >>> layers = [Dense(9), Dropout(), Dense(5), Dense(3)]
    >>> position_of(layers, 0), position_of(layers, -1), position_of(layers, "layers[0]")
    (1, 2, 0)
    """
    if isinstance(layer, str):
        n_layers = len(layers)
        found = re.fullmatch(r"layers\[(\d{1,9})\]", layer)
        if found is None or int(found[1]) >= n_layers:
            raise ValueError(
                f"layer must be the number of a hidden layer or one of 'layers[0]' to "
                f"'layers[{n_layers - 1}]', got {layer!r}"
            )
        return int(found[1])
    hidden = hidden_layers(layers)
    if not is_integer(layer):
        raise ValueError(
            f"layer must be a whole number or a name such as 'layers[0]', got {layer!r}"
        )
    if not hidden:
        raise ValueError(f"layer must name a hidden layer, and the network has none, got {layer!r}")
    if not -len(hidden) <= layer < len(hidden):
        raise ValueError(
            f"layer must be from {-len(hidden)} to {len(hidden) - 1} for {len(hidden)} hidden "
            f"layer{'s' if len(hidden) > 1 else ''}, got {layer!r}"
        )
    return hidden[layer]


def first_layers(network: Network, n_layers: int) -> Network:
    """Return a network of the first layers of another, which shares their parameters.

    It is for inference: its loss is there because a network has one.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> network = Network([Dense(9, "tanh"), Dense(3)]).initialize(4, random_state=0)
    >>> first_layers(network, 1).forward(np.zeros((2, 4))).shape
    (2, 9)
    """
    first = Network.__new__(Network)
    # The arrays of the first layers are the first in the flat buffers, so that offsets stay valid; the
    # layers are the very same, bound to the same arrays.
    vars(first).update(
        vars(network),
        layers=network.layers[:n_layers],
        parameter_table=[row for row in network.parameter_table if row.layer < n_layers],
        sizes=network.sizes[: n_layers + 1],
        loss="squared_error",
        loss_=SquaredError(),
    )
    first._n_state_arrays = network._n_state_arrays[:n_layers]
    return first
