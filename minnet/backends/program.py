"""Lowering: a network as a table of numbers, which a compiled backend can walk.

The table holds kinds, sizes and offsets into the network's flat buffers, no pointers: it can be printed,
compared and pickled, and it is the same for every compiled backend.
"""

import numpy as np

from minnet import activations, losses
from minnet.layers import BatchNorm, Dense, Dropout
from minnet.user_activations import UserActivation

__all__ = ["LAYER", "USER", "CannotLowerError", "describe", "lower", "lower_loss"]

#: One layer; the fields are those of ``minnet_layer`` in minnet_ext/kernels/program.h.
LAYER = np.dtype(
    [
        ("kind", np.int64),
        ("activation", np.int64),
        ("n_in", np.int64),
        ("n_out", np.int64),
        ("weight", np.int64),  # offset of W or gamma in the parameters
        ("bias", np.int64),  # offset of b or beta
        ("mean", np.int64),  # offset of the running mean in the layer state
        ("variance", np.int64),
        ("trainable", np.int64),
        ("needs_Z", np.int64),  # whether the activation's derivative reads Z
        ("value", np.int64),  # addresses of a user's activation: 0 here, a backend fills in its own
        ("slope", np.int64),
        ("stream_index", np.int64),  # of dropout's random stream
        ("stream_code", np.int64),
        ("activation_parameter", np.float64),
        ("lr_factor", np.float64),  # of W
        ("bias_lr_factor", np.float64),  # of all else
        ("rate", np.float64),  # of dropout
        ("momentum", np.float64),  # of batch normalization
        ("epsilon", np.float64),
    ]
)

_KINDS = {Dense: 0, Dropout: 1, BatchNorm: 2}

_ACTIVATIONS = {
    activations.Identity: 0,
    activations.Sigmoid: 1,
    activations.Tanh: 2,
    activations.LecunTanh: 3,
    activations.Softsign: 4,
    activations.Relu: 5,
    activations.LeakyRelu: 6,
    activations.Elu: 7,
    activations.Selu: 8,
    activations.Gelu: 9,
    activations.Silu: 10,
    activations.Softplus: 11,
}

#: The code of an activation made by :func:`minnet.activation`.
USER = 12

_LOSSES = {
    losses.SoftmaxCrossEntropy(): 0,
    losses.SigmoidCrossEntropy(): 1,
    losses.SquaredError(): 2,
    losses.SquaredError("softmax"): 3,
    losses.SquaredError("logistic"): 4,
    losses.Poisson(): 5,
    losses.AbsoluteError(): 6,
}

#: Those with a parameter of their own.
_LOSSES_OF_A_PARAMETER = {losses.Huber: 7, losses.Quantile: 8}


_OPTIMIZERS = {"sgd": 0, "adam": 1, "rmsprop": 2}


class CannotLowerError(Exception):
    """The network has a part that only its own Python code can run."""


def lower(network, kinds=(Dense, Dropout, BatchNorm), users_activations=False):
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
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(5, "tanh"), Dense(3)]).initialize(4, random_state=0)
    >>> layers, loss = lower(net)
    >>> layers[["n_in", "n_out", "weight"]].tolist(), loss
    ([(4, 5, 0), (5, 3, 32)], (0, 0.0))
    """
    table = np.zeros(len(network.layers), dtype=LAYER)
    offsets = {(row.layer, row.name): row.offset for row in network.parameter_table}
    for i, (layer, row) in enumerate(zip(network.layers, table, strict=True)):
        if type(layer) not in kinds:
            raise CannotLowerError(f"layers[{i}] is a {type(layer).__name__}")
        row["kind"] = _KINDS[type(layer)]
        row["n_in"], row["n_out"] = network.sizes[i : i + 2]
        row["trainable"] = layer.trainable
        row["lr_factor"] = row["bias_lr_factor"] = layer.lr_factor
        if isinstance(layer, Dropout):
            _, row["stream_index"], row["stream_code"] = network.draws(i).address
            row["rate"] = layer.rate
            continue
        activation = layer.activation
        row["needs_Z"] = activation.needs_Z
        if type(activation) in _ACTIVATIONS:
            row["activation"] = _ACTIVATIONS[type(activation)]
            parameters = activation.get_config().values()
            row["activation_parameter"] = next(iter(parameters), 0.0)
        elif users_activations and type(activation) is UserActivation:
            row["activation"] = USER
        else:
            raise CannotLowerError(f"layers[{i}] has the activation {activation!r}")
        if isinstance(layer, Dense):
            row["weight"], row["bias"] = offsets[i, "W"], offsets[i, "b"]
            if layer.bias_lr_factor is not None:
                row["bias_lr_factor"] = layer.bias_lr_factor
        else:
            row["weight"], row["bias"] = offsets[i, "gamma"], offsets[i, "beta"]
            row["mean"] = _offset(layer.running_mean, network.state)
            row["variance"] = _offset(layer.running_var, network.state)
            row["momentum"], row["epsilon"] = layer.momentum, layer.epsilon
    loss = lower_loss(network.loss_)
    if loss is None:
        raise CannotLowerError(f"the loss is {network.loss_!r}")
    return table, loss


def lower_loss(loss):
    """Return the code and the parameter (0 where it has none) of a loss; None for a user's own.

    A network may get another loss between two calls (``partial_fit``), so each call asks anew.

    Examples
    --------
    >>> from minnet.losses import Quantile
    >>> lower_loss(Quantile(0.9))
    (8, 0.9)
    """
    if type(loss) in _LOSSES_OF_A_PARAMETER:
        (parameter,) = loss.get_config().values()
        return _LOSSES_OF_A_PARAMETER[type(loss)], parameter
    return (_LOSSES[loss], 0.0) if loss in _LOSSES else None


def describe(optimizer):
    """Return the code and the constants (0 where it has none) of an optimizer for the compiled steps."""
    constants = dict.fromkeys(("momentum", "nesterov", "beta_1", "beta_2", "epsilon"), 0)
    kind = _OPTIMIZERS[optimizer.compiled]
    return {"kind": kind, "step": optimizer.step} | constants | optimizer.constants()


def _offset(view, flat):
    """Return at which element of ``flat`` a view of it begins."""
    return (view.ctypes.data - flat.ctypes.data) // flat.itemsize
