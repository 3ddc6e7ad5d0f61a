"""Initializers that wrap what a user brings: an array or a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.common.numeric import check_numeric
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer, check_values
from minnet.random import Stream


class FromArray(Initializer):
    """Values given as an array, for example of an earlier fit.

    Parameters
    ----------
    array : array-like of numbers
        The values; the array is copied, and the shape asked for must be its own.

    Examples
    --------
    >>> from minnet.initializers import FromArray
    >>> FromArray([[1, 2], [3, 4]])((2, 2))
    array([[1., 2.],
           [3., 4.]])
    """

    as_given = True

    def __init__(self, array: Any) -> None:
        if isinstance(array, np.ma.MaskedArray):
            check_numeric("array", array)
        try:
            array = np.array(array)
        except ValueError as error:
            raise ValueError(f"array must be an array of numbers: {error}") from None
        self.array = check_values(array, array.shape, None, "array")

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return a copy of the array."""
        return self.array.copy()


class FromFunction(Initializer):
    """Values made by a user's function.

    Parameters
    ----------
    function : callable
        Called as ``function(shape, rng, dtype)`` with the shape, a
        :class:`numpy.random.Generator` seeded from the layer's stream, and the NumPy dtype. A
        function that takes fewer arguments gets fewer: ``function(shape)`` and
        ``function(shape, rng)`` do; optional parameters are passed only if they are named
        ``rng`` or ``dtype``.

    Examples
    --------
    >>> from minnet.initializers import FromFunction
    >>> def laplace(shape, rng):
    ...     return rng.laplace(scale=0.1, size=shape)

    >>> FromFunction(laplace)((784, 256), rng=0).shape
    (784, 256)
    """

    as_given = True

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, got {function!r}")
        self.function = function

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return what the function makes."""
        # A new array, because the function may hold on to the one that it returns.
        return np.array(_call(self.function, shape, stream.generator(), dtype))


def _call(function: Callable[..., Any], shape: Shape, rng: Any, dtype: DType) -> Any:
    """Call the function with as many of shape, rng, dtype as it takes."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # compiled, and without a signature
        parameters = []
    if not parameters:
        return function(shape)
    first, *others = parameters
    if first.kind is first.VAR_POSITIONAL:
        return function(shape, rng, dtype)
    left = {"rng": rng, "dtype": dtype}
    named = {other.name: left.pop(other.name) for other in others if other.name in left}
    positional = [shape]
    for other in others:
        required = other.default is other.empty and other.name not in named
        if required and other.kind is other.POSITIONAL_ONLY and left:
            positional.append(left.pop(next(iter(left))))
        elif required and other.kind is other.POSITIONAL_OR_KEYWORD and left:
            named[other.name] = left.pop(next(iter(left)))
    return function(*positional, **named)
