"""Layouts: which axes of a shape are the inputs, the outputs and the places of a convolution's kernel."""

from __future__ import annotations

import math
from typing import Any

from minnet.common.types import Shape

#: By the number of axes: the order of Keras, TensorFlow and JAX, and that of torch, Caffe and Lasagne.
_USUAL = {2: ("IO", "OI"), 3: ("WIO", "OIW"), 4: ("HWIO", "OIHW"), 5: ("DHWIO", "OIDHW")}


def channels_last(shape: Shape, layout: Any) -> list[int]:
    """Return the axes in the order places (D, H, W), inputs, outputs, or say what is wrong.

    Parameters
    ----------
    shape : tuple of int
        Of a weight matrix, or of a kernel.
    layout : str
        A letter for each axis: I for inputs, O for outputs, D, H and W for the places of a kernel.

    Examples
    --------
    >>> channels_last((32, 16, 3, 3), "OIHW")
    [2, 3, 1, 0]
    """
    if len(shape) not in _USUAL:
        raise ValueError(f"shape must have 2 to 5 axes where layout is given, got {shape}")
    letters = set(layout) if isinstance(layout, str) else set()
    if not (len(letters) == len(layout if letters else "") == len(shape)) or not (
        {"I", "O"} <= letters <= set("IODHW")
    ):
        raise ValueError(
            f"layout must have one letter for each axis of {shape}, I for inputs, O for outputs and D, H "
            f"or W for the places of a kernel, {usual_layouts(shape)}, got {layout!r:.100}"
        )
    places = sorted(letters - {"I", "O"})
    return [layout.index(letter) for letter in [*places, "I", "O"]]


def fans_of_kernel(shape: Shape) -> tuple[int, int]:
    """Return fan-in and fan-out of a shape (places ..., inputs, outputs).

    A unit of the output sees the inputs at every place of the kernel, and an input goes to the outputs
    at every place.

    Examples
    --------
    >>> fans_of_kernel((3, 3, 16, 32))
    (144, 288)
    """
    places = math.prod(shape[:-2])
    return places * shape[-2], places * shape[-1]


def usual_layouts(shape: Shape) -> str:
    """Return the layouts of other libraries for so many axes, as an error names them."""
    keras, torch = _USUAL.get(len(shape), _USUAL[4])
    return f'such as "{keras}" (Keras, JAX) or "{torch}" (torch, Caffe)'
