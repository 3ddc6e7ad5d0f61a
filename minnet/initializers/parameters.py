"""The initial parameters of a network: where each array lies, and its values."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.buffers import aligned_zeros, all_finite, next_aligned
from minnet.common.types import Array, DTypeLike
from minnet.initializers.base import Initializer
from minnet.initializers.of_network import resolve
from minnet.initializers.spec import materialize
from minnet.parameter_table import ParameterRow, factors_of
from minnet.random.of_layers import layer_stream

__all__ = ["draw_parameters"]


def draw_parameters(
    network: Any, sizes: list[int], key: int, dtype: DTypeLike
) -> tuple[list[ParameterRow], dict[str, Initializer], Array]:
    """Draw each array of a network from a random stream of its own.

    Parameters
    ----------
    network : Network
        Of which only the layers and what initializes them are looked at.
    sizes : list of int
        Inputs of each layer, then the outputs of the last.
    key : int
        Of all random streams.
    dtype : {"float64", "float32"}

    Returns
    -------
    table : list of ParameterRow
    initializers : dict of Initializer
        By the labels of the table.
    params : ndarray
        Flat, 64-byte aligned.
    """
    layers = network.layers
    declared = [layer.parameters(n) for layer, n in zip(layers, sizes, strict=False)]
    for i, parameters in enumerate(declared):
        if not isinstance(parameters, dict) or not all(
            hasattr(parameter, "is_weight") for parameter in parameters.values()
        ):
            raise TypeError(
                f"layers[{i}] ({type(layers[i]).__name__}): parameters must return a dict of Parameter "
                f"by name, got {parameters!r:.200}"
            )
    chosen = resolve(network, declared)
    table: list[ParameterRow] = []
    initializers, arrays, offset = {}, [], 0
    for i, (layer, parameters) in enumerate(zip(layers, declared, strict=True)):
        for name, parameter in parameters.items():
            rate, decay = factors_of(layer, parameter)
            row = ParameterRow(
                i, name, offset, parameter.shape, parameter.is_weight, rate, layer.trainable, decay
            )
            where = f"{row.label} ({type(layer).__name__})"
            stream, fans = layer_stream(key, layers, i, name), (sizes[i], sizes[i + 1])
            initializer = initializers[row.label] = chosen[i, name]
            # Drawn in float64 and rounded, so that both dtypes start from the same weights.
            array = materialize(initializer, parameter.shape, rng=stream, fans=fans, name=where)
            arrays.append((array, where))
            table.append(row)
            offset = next_aligned(row.slice.stop, dtype)
    params = aligned_zeros(offset, dtype)
    for row, (array, where) in zip(table, arrays, strict=True):
        with np.errstate(over="ignore"):
            params[row.slice] = array.ravel()
        if dtype != array.dtype and not all_finite(params[row.slice]):
            raise ValueError(f"{where} must give finite numbers in {dtype}, got NaN or infinity")
    return table, initializers, params
