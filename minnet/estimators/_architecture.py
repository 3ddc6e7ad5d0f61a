"""From the arguments of an estimator to the layers of a network."""

from numbers import Integral

import numpy as np

from minnet.initializers import get_initializer
from minnet.layers import BatchNorm, Dense, Dropout

__all__ = ["build_layers", "check_initializers", "hidden_sizes"]


def hidden_sizes(hidden_layer_sizes):
    """Return the sizes of the hidden layers as a list.

    Examples
    --------
    >>> hidden_sizes(100), hidden_sizes((64, 32))
    ([100], [64, 32])
    """
    sizes = hidden_layer_sizes
    sizes = [sizes] if np.ndim(sizes) == 0 else list(sizes)
    if not all(isinstance(n, Integral) and not isinstance(n, bool | np.bool_) for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be whole numbers, got {sizes!r:.200}.")
    if any(n <= 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes!r:.200}.")
    return [int(n) for n in sizes]


def check_initializers(estimator):
    """Raise if ``init`` or ``bias_init`` is no specification of an initializer, by its own name."""
    for name in ("init", "bias_init"):
        given = getattr(estimator, name)
        several = isinstance(given, list | tuple)
        for i, spec in enumerate(given if several else [given]):
            if not (spec is None or (isinstance(spec, str) and spec == "auto")):
                get_initializer(spec, name=f"{name}[{i}]" if several else name)


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
        if not np.array_equal(given, default):
            raise ValueError(
                f"{name} must be left at its default {default!r} where layers= describes the "
                f"hidden layers, got {given!r}"
            )
    if not isinstance(estimator.layers, list | tuple):
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
