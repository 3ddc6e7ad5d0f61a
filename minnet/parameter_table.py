"""The parameter table: where the arrays of a network lie in its flat buffer, and how they are trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from minnet.common.fields import flag, real
from minnet.common.types import Array, Shape

__all__ = ["ParameterRow"]


def __dir__() -> list[str]:
    return __all__


@dataclass(frozen=True)
class ParameterRow:
    """One row of the parameter table: where an array lies and how it is trained.

    Attributes
    ----------
    layer : int
        Index of its layer.
    name : str
        Attribute of the layer, such as "W".
    offset : int
        First element in the flat buffer.
    shape : tuple of int
        Of the array.
    is_weight : bool
        Whether L2 and weight decay apply.
    lr_factor : float
        What the learning rate is multiplied with.
    trainable : bool
        Whether training changes it.
    decay_factor : float
        What ``weight_decay`` is multiplied with in a step, beside the rate; of weights.
    """

    layer: int
    name: str
    offset: int
    shape: Shape
    is_weight: bool
    lr_factor: float = real(0)
    trainable: bool = flag()
    decay_factor: float = real(0)

    @property
    def label(self) -> str:
        """Return what messages call it, such as "layers[0].W"."""
        return f"layers[{self.layer}].{self.name}"

    @property
    def slice(self) -> slice:
        """Return its place in the flat buffer."""
        return slice(self.offset, self.offset + math.prod(self.shape))


def refresh_table(table: list[ParameterRow], layers: Sequence[Any], sizes: Sequence[int]) -> None:
    """Let the rows say what the layers say now: ``trainable`` and the factors may change at any time.

    Parameters
    ----------
    table : list of ParameterRow
        Changed in place.
    layers : list of Layer
    sizes : list of int
        Of the network: of its input and of each layer's output.

    Examples
    --------
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(3)]).initialize(2)
    >>> net.layers[0].trainable = False
    >>> refresh_table(net.parameter_table, net.layers, net.sizes)
    >>> [row.trainable for row in net.parameter_table]
    [False, False]
    """
    for i, row in enumerate(table):
        layer = layers[row.layer]
        rate, decay = factors_of(layer, layer.parameters(sizes[row.layer])[row.name])
        if (row.lr_factor, row.decay_factor, row.trainable) != (rate, decay, layer.trainable):
            table[i] = replace(row, lr_factor=rate, decay_factor=decay, trainable=layer.trainable)


def factors_of(layer: Any, parameter: Any) -> tuple[float, float]:
    """Return what the learning rate and weight decay of a layer's parameter are multiplied with.

    Examples
    --------
    >>> from minnet import Dense
    >>> layer = Dense(3, lr_factor=0.5, bias_lr_factor=0.1, decay_factor=2.0)
    >>> [factors_of(layer, parameter) for parameter in layer.parameters(4).values()]
    [(0.5, 2.0), (0.1, 0.1)]
    """
    rate = layer.lr_factor if parameter.lr_factor is None else parameter.lr_factor
    return rate, rate if parameter.decay_factor is None else parameter.decay_factor


def rate_factors(table: Sequence[ParameterRow], params: Array) -> Any:
    """Return what the learning rate is multiplied with for each parameter: 0 where it is frozen.

    Parameters
    ----------
    table : list of ParameterRow
    params : ndarray of shape (n_parameters,)
        Whose layout the table describes.

    Returns
    -------
    ndarray like ``params``, or the number 1 where all factors are
    """
    if all(row.trainable and row.lr_factor == 1 for row in table):
        return params.dtype.type(1)
    factors = np.ones_like(params)
    for row in table:
        factors[row.slice] = row.lr_factor if row.trainable else 0
    return factors
