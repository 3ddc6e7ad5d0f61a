"""The parameter table: where the arrays of a network lie in its flat buffer, and how they are trained."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ParameterRow"]


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
    shape: tuple
    is_weight: bool
    lr_factor: float
    trainable: bool

    @property
    def label(self):
        """Return what messages call it, such as "layers[0].W"."""
        return f"layers[{self.layer}].{self.name}"

    @property
    def slice(self):
        """Return its place in the flat buffer."""
        return slice(self.offset, self.offset + int(np.prod(self.shape)))
