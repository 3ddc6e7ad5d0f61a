"""From the arguments of an estimator to the layers of a network."""

from numbers import Integral

import numpy as np

from minnet.layers import BatchNorm, Dense, Dropout, Layer

__all__ = ["build_layers", "hidden_sizes"]


def hidden_sizes(hidden_layer_sizes):
    """Return the sizes of the hidden layers as a list.

    Examples
    --------
    >>> hidden_sizes(100), hidden_sizes((64, 32))
    ([100], [64, 32])
    """
    sizes = hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if not all(isinstance(n, Integral) and not isinstance(n, bool | np.bool_) for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be whole numbers, got {sizes}.")
    if any(n <= 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(n) for n in sizes]


def build_layers(estimator, n_outputs):
    """Return the layers for an estimator's arguments, the output layer included.

    Raises
    ------
    ValueError
        If ``layers`` is given beside another argument of the architecture.
    """
    output = Dense(n_outputs)
    if estimator.layers is None:
        return [*_hidden_layers(estimator), output]
    defaults = {
        "hidden_layer_sizes": (100,),
        "activation": "relu",
        "dropout": 0.0,
        "batch_norm": False,
    }
    for name, default in defaults.items():
        given = getattr(estimator, name)
        if given is not default and given != default:
            raise ValueError(
                f"{name} must be left at its default {default!r} where layers= describes the hidden "
                f"layers, got {given!r}"
            )
    if isinstance(estimator.layers, Layer) or not hasattr(estimator.layers, "__iter__"):
        raise TypeError(f"layers must be a list of layers, got {estimator.layers!r}")
    return [*estimator.layers, output]


def _hidden_layers(estimator):
    layers = []
    for size in hidden_sizes(estimator.hidden_layer_sizes):
        if estimator.batch_norm:
            layers += [Dense(size), BatchNorm(estimator.activation)]
        else:
            layers.append(Dense(size, estimator.activation))
        if estimator.dropout:
            layers.append(Dropout(estimator.dropout))
    return layers
