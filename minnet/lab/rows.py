"""Which layers of a network a measurement has as its rows, and what they are called."""

from collections.abc import Mapping, Sequence
from typing import Any

from minnet.activations import Identity, name_of
from minnet.common.types import Matrix
from minnet.layers import Context
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear
from minnet.residual import skips

__all__ = ["describe_rows", "ends_branch", "first_inputs", "on_main_line", "row_indices"]


def row_indices(contexts: Sequence[Any]) -> list[int]:
    """Return the places of the layers that left pre-activations and activations in their contexts."""
    return [i for i, ctx in enumerate(contexts) if hasattr(ctx, "Z") and hasattr(ctx, "Y")]


def describe_rows(
    network: Network, rows: list[int], labels_of: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Return what a measurement says about its rows, the layers at these places.

    ``labels_of`` has what a layer is called, by its place, where that is not its place and its class.
    """
    layers = [network.layers[i] for i in rows]
    activations = [layer.activation or Identity() for layer in layers]
    names = ["" if isinstance(a, Identity) else name_of(a) for a in activations]
    labels = []
    for i, layer, name in zip(rows, layers, names, strict=True):
        inside = ", ".join(filter(None, [str(getattr(layer, "units", "")), name]))
        called = labels_of[i] if labels_of else f"{i} {type(layer).__name__}"
        labels.append(called + (f"({inside})" if inside else ""))
    return {
        "layers": labels,
        "activations": [name or "identity" for name in names],
        "index": rows,
        "hidden": [_is_hidden(network, i) and i != rows[-1] for i in rows],
        "fan_in": [network.sizes[i] for i in rows],
        "fan_out": [network.sizes[i + 1] for i in rows],
    }


def first_inputs(network: Network, X: Matrix) -> Matrix:
    """Return what the first weights are given: the inputs, or what a PiecewiseLinear makes of them."""
    first = network.layers[0]
    return first.forward(X, Context()) if isinstance(first, PiecewiseLinear) else X


def ends_branch(network: Network, i: int) -> bool:
    """Return whether the outputs of layer ``i`` are added to what comes along a skip."""
    above = (layer for layer in network.layers[i + 1 :] if not layer.only_in_training)
    return next(above, network.layers[i]).closes_skip


def on_main_line(network: Network, places: Sequence[int]) -> list[bool]:
    """Return of layers, by their places, whether signals cannot go past them along a skip."""
    blocks = skips(network.layers).items()
    return [not any(begin < i < end for begin, end in blocks) for i in places]


def _is_hidden(network: Network, i: int) -> bool:
    """Return whether layer ``i`` is not one that the next above normalizes."""
    above = [layer for layer in network.layers[i + 1 :] if not layer.only_in_training]
    return not (network.layers[i].fully_connected and above and above[0].normalizes)
