"""The random streams of a network's layers."""

from collections.abc import Sequence

from minnet.random.streams import Stream

__all__ = ["layer_stream"]


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
