"""Lowering: a network as a table of numbers, which a compiled backend can walk.

The table holds kinds, sizes and offsets into the network's flat buffers, no pointers: it can be printed,
compared and pickled, and it is the same for every compiled backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minnet import activations, losses
from minnet.backends import formulas
from minnet.common.bf16 import rounds_products
from minnet.common.buffers import offset_in
from minnet.common.scale import at_least_normal
from minnet.common.types import Array, DTypeLike
from minnet.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from minnet.optimizers import Optimizer
from minnet.piecewise import PiecewiseLinear, in_precision, n_encoded
from minnet.residual import Add, Split, skips
from minnet.user_activations import UserActivation

if TYPE_CHECKING:
    from minnet.network import Network

__all__ = [
    "COLUMN",
    "LAYER",
    "USER",
    "CannotLowerError",
    "lower",
    "lower_columns",
    "lower_loss",
    "lower_optimizer",
]


def _dtype_of(struct: str) -> np.dtype[Any]:
    return np.dtype(
        [
            (name, {"int64_t": np.int64, "double": np.float64}[kind])
            for kind, names, _ in formulas.STRUCTS[struct]
            for name in names.split()
        ]
    )


#: One layer, as ``minnet_layer`` of :mod:`minnet.backends.formulas`.
LAYER = _dtype_of("minnet_layer")

#: One column of the inputs of a piecewise linear layer, as ``minnet_column``.
COLUMN = _dtype_of("minnet_column")

_KINDS: dict[type[Layer], str] = {
    Dense: "dense",
    Dropout: "dropout",
    BatchNorm: "batch_norm",
    Split: "split",
    Add: "add",
    LayerNorm: "layer_norm",
    PiecewiseLinear: "piecewise_linear",
}

# Up to so many, sorting rows by piece costs more than a product with all pieces: see piecewise.h.
_FEW_PIECES = 3

# Pieces, or codes, are numbered in float32.
_MOST_OF_COLUMN = 2**24 - 2

#: The code of an activation made by :func:`minnet.activation`.
USER = formulas.ACTIVATIONS.index("user")

_BF16 = formulas.PRECISIONS.index("bf16")

_OPTIMIZER_CODES = {name: code for code, name in enumerate(formulas.OPTIMIZERS)}

_NO_OPTIMIZER = {
    **dict.fromkeys(("momentum", "nesterov", "beta_1", "beta_2", "epsilon"), 0.0),
    **dict.fromkeys(("V", "M"), -1),
}


class CannotLowerError(Exception):
    """The network has a part that only its own Python code can run."""


def lower(
    network: Network,
    kinds: tuple[type[Layer], ...] = tuple(_KINDS),
    users_activations: bool = False,
) -> tuple[Array, tuple[int, float]]:
    """Return a network's layers as an array of dtype ``LAYER``, and its loss as ``lower_loss`` does.

    Parameters
    ----------
    network : Network
        Initialized.
    kinds : tuple of type
        The layers that the backend can run.
    users_activations : bool, default=False
        Whether it can call functions made by :func:`minnet.activation`.

    Raises
    ------
    CannotLowerError
        If a layer, an activation or the loss is not one of minnet's own.

    Examples
    --------
    >>> from minnet.backends.program import lower
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(5, "tanh"), Dense(3)]).initialize(4, random_state=0)
    >>> layers, loss = lower(net)
    >>> layers[["n_in", "n_out", "weight"]].tolist(), loss
    ([(4, 5, 0), (5, 3, 32)], (0, 0.0))
    """
    table = np.zeros(len(network.layers), dtype=LAYER)
    offsets = {(row.layer, row.name): row.offset for row in network.parameter_table}
    partners = skips(network.layers, complete=False)
    partners |= {end: begin for begin, end in partners.items()}
    for i, (layer, row) in enumerate(zip(network.layers, table, strict=True)):
        if type(layer) not in kinds:
            raise CannotLowerError(f"layers[{i}] is a {type(layer).__name__}")
        row["kind"] = formulas.LAYER_KINDS.index(_KINDS[type(layer)])
        row["n_in"], row["n_out"] = network.sizes[i : i + 2]
        row["weight"] = row["bias"] = -1
        row["trainable"] = layer.trainable
        row["lr_factor"] = row["bias_lr_factor"] = row["decay_factor"] = layer.lr_factor
        if layer.only_in_training:
            _, row["stream_index"], row["stream_code"] = network.draws(i).address
            row["rate"] = layer.rate
        elif layer.opens_skip or layer.closes_skip:
            row["partner"] = partners.get(i, -1)
            row["bias"] = offsets.get((i, "s"), -1)
        elif type(layer) is PiecewiseLinear:
            _lower_piecewise(network, i, row)
        else:
            _lower_activation(network, i, row, users_activations)
            if layer.fully_connected:
                _lower_dense(network, i, row, offsets)
            else:
                _lower_normalization(network, i, row, offsets)
    loss = lower_loss(network.loss_)
    if loss is None:
        raise CannotLowerError(f"the loss is {network.loss_!r}")
    return table, loss


def _lower_piecewise(network: Network, i: int, row: Any) -> None:
    layer: Any = network.layers[i]
    _, row["stream_index"], row["stream_code"] = network.draws(i).address
    row["rate"] = layer.code_dropout
    above = network.layers[i + 1 : i + 2]
    if i != 0 or not above or type(above[0]) is not Dense:
        raise CannotLowerError(
            f"layers[{i}] is a PiecewiseLinear that is not the first layer right below a Dense"
        )
    if max(map(n_encoded, layer.columns)) > _MOST_OF_COLUMN:
        raise CannotLowerError(f"layers[{i}] makes {_MOST_OF_COLUMN} numbers of a column")


def _lower_activation(network: Network, i: int, row: Any, users_activations: bool) -> None:
    activation: Any = network.layers[i].activation
    row["needs_Z"] = activation.needs_Z
    if activations.is_own(activation) and activation.name in formulas.ACTIVATIONS:
        row["activation"] = formulas.ACTIVATIONS.index(activation.name)
        row["activation_parameter"] = _parameter(activation)
    elif users_activations and type(activation) is UserActivation:
        row["activation"] = USER
    else:
        raise CannotLowerError(f"layers[{i}] has the activation {activation!r}")


def _lower_dense(network: Network, i: int, row: Any, offsets: dict[tuple[int, str], int]) -> None:
    layer: Any = network.layers[i]
    row["weight"], row["bias"] = offsets[i, "W"], offsets[i, "b"]
    row["precision"] = _BF16 if rounds_products(layer) else 0
    if layer.bias_lr_factor is not None:
        row["bias_lr_factor"] = layer.bias_lr_factor
    if layer.decay_factor is not None:
        row["decay_factor"] = layer.decay_factor


def _lower_normalization(
    network: Network, i: int, row: Any, offsets: dict[tuple[int, str], int]
) -> None:
    layer: Any = network.layers[i]
    row["weight"], row["bias"] = offsets[i, "gamma"], offsets[i, "beta"]
    row["epsilon"] = at_least_normal(layer.epsilon, network.dtype)
    if type(layer) is BatchNorm:
        row["mean"] = offset_in(network.state, layer.running_mean)
        row["variance"] = offset_in(network.state, layer.running_var)
        row["momentum"] = layer.momentum


def lower_columns(columns: list[Any], dtype: DTypeLike) -> tuple[Array, Array]:
    """Return columns of a piecewise linear layer as an array of ``COLUMN``, and the numbers of the pieces.

    The latter are, one column after the other, the lower edges, then the inverses of the widths: 0 where
    both edges are the same number in the dtype. Of few pieces all numbers are made, as of no pieces.

    Examples
    --------
    >>> columns, pieces = lower_columns([None, 3, np.array([0.0, 2.0, 3.0])], "float64")
    >>> columns.tolist(), pieces
    ([(0, 0, 0, 0, 0, 1), (1, 0, 3, 0, 0, 0), (4, 2, 0, 0, 1, 3)], array([0. , 2. , 0.5, 1. ]))
    """
    table = np.zeros(len(columns), dtype=COLUMN)
    pieces: list[Array] = [np.empty(0)]
    first = at = n_numbers = n_of_codes = 0
    for row, column in zip(table, columns, strict=True):
        row["first"], first = first, first + n_encoded(column)
        if isinstance(column, int):
            row["n_codes"] = column
            row["number"], n_of_codes = n_of_codes, n_of_codes + 1
            continue
        row["n_numbers"] = 1
        if column is not None:
            edges, inverse = in_precision(column, dtype)
            pieces += [edges[:-1], inverse]
            row["n_pieces"] = len(inverse)
            row["n_numbers"] += len(inverse) if len(inverse) <= _FEW_PIECES else 0
            row["at"], at = at, at + 2 * len(inverse)
        row["number"], n_numbers = n_numbers, n_numbers + row["n_numbers"]
    return table, np.concatenate(pieces).astype(dtype)


def lower_loss(loss: losses.Loss) -> tuple[int, float] | None:
    """Return the code and the parameter (0 where it has none) of a loss; None for a user's own.

    A network may get another loss between two calls (``partial_fit``), so each call asks anew.

    Examples
    --------
    >>> from minnet.losses import Quantile
    >>> lower_loss(Quantile(0.9))
    (8, 0.9)
    """
    if not losses.is_own(loss):
        return None
    for name in (f"{loss.name}_{loss.output}", loss.name):
        if name in formulas.LOSSES:
            return formulas.LOSSES.index(name), _parameter(loss)
    return None


def lower_optimizer(optimizer: Optimizer) -> dict[str, Any] | None:
    """Return an optimizer's code, constants and rows of state by name; None for a user's own.

    A row that it does not have (momentum may be 0) is -1.

    Examples
    --------
    >>> from minnet.optimizers import SGD
    >>> {name: value for name, value in lower_optimizer(SGD(momentum=0.9)).items() if value}
    {'momentum': 0.9, 'M': -1}
    """
    if optimizer.compiled not in formulas.OPTIMIZERS:
        return None
    code = _OPTIMIZER_CODES[optimizer.compiled]
    lowered = {**_NO_OPTIMIZER, **optimizer.constants(), "step": optimizer.step, "kind": code}
    for i, row in enumerate(formulas.OPTIMIZERS[optimizer.compiled][: optimizer.n_state]):
        lowered[row] = i
    return lowered


def _parameter(part: activations.Activation | losses.Loss) -> float:
    """Return the one number that the kernels know of a part; its output is in the code."""
    numbers = [value for value in part.get_config().values() if not isinstance(value, str)]
    if len(numbers) > 1:
        raise CannotLowerError(f"{part!r} has more than one parameter")
    return numbers[0] if numbers else 0.0
