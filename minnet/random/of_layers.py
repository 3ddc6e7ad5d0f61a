"""The random streams of a network's layers."""

from collections.abc import Sequence
from typing import Any

from minnet.common.checks import check_whole
from minnet.random.streams import MAX_START, Stream

__all__ = ["check_position", "layer_stream"]


def check_position(position: Any, sizes: Sequence[int]) -> int:
    """Return how many samples were drawn before, or say what is wrong.

    Parameters
    ----------
    position : int
        So many that each layer's stream can still begin there.
    sizes : sequence of int
        Numbers that a sample may draw: the sizes of a network.

    Examples
    --------
    >>> check_position(-1, [4, 3])
    Traceback (most recent call last):
        ...
    ValueError: position must be a whole number of at least 0 and at most 288230376151711744, got -1
    """
    return check_whole("position", position, 0, MAX_START // max(sizes))


def layer_stream(key: int, layers: Sequence[object], i: int, purpose: str) -> Stream:
    """Return the stream of layer ``i`` for a purpose: a parameter's name, or "draws" in training.

    It is named by the kind of the layer and by how many of its kind come before it, so that changing one
    layer leaves the numbers of the others alone.

    Examples
    --------
    >>> from minnet import Dense, Dropout
    >>> layers = [Dense(9), Dropout(0.5), Dense(3)]
    >>> layer_stream(0, layers, 2, "W") == layer_stream(0, [Dense(7), Dense(3)], 1, "W")
    True
    """
    cls = type(layers[i])
    ordinal = sum(type(before) is cls for before in layers[:i])
    return Stream(key, f"{cls.__name__}.{purpose}", ordinal)
