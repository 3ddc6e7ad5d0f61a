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
    """

    layer: int
    name: str
    offset: int
    shape: Shape
    is_weight: bool
    lr_factor: float = real(0)
    trainable: bool = flag()

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
        own = layer.parameters(sizes[row.layer])[row.name].lr_factor
        factor = layer.lr_factor if own is None else own
        if (row.lr_factor, row.trainable) != (factor, layer.trainable):
            table[i] = replace(row, lr_factor=factor, trainable=layer.trainable)


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
