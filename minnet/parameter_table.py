"""The parameter table: where the arrays of a network lie in its flat buffer, and how they are trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common.fields import flag, real
from minnet.common.types import Array, Shape

__all__ = ["ParameterRow", "rate_factors"]


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
    is_weight : bool
        Whether L2 and weight decay apply.
    lr_factor : float
    trainable : bool
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
