"""Products of matrices in bfloat16: 8 bits of precision, the exponents of float32, sums in float32.

What ``precision="bf16"`` of a :class:`minnet.Network` computes in its dense layers. This is its meaning,
for the readable backend; the compiled one (``minnet_ext/kernels/bf16.c``) adds the same products in an
order of its own. The formulas are those of :class:`minnet.Dense`, which is left as one reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from minnet.common.types import Array, Matrix

__all__ = [
    "FEW",
    "are_in_bf16",
    "bf16_product",
    "round_products",
    "rounds_products",
    "to_bf16",
]

#: A layer with fewer inputs or outputs is computed in float32: there is next to nothing to gain.
FEW = 16


def to_bf16(X: Array) -> Array:
    """Return an array of float32, each number rounded to the nearest bfloat16, ties to even.

    Numbers below the least normal one, 1.2e-38, become 0, as the instructions of processors have it.

    Examples
    --------
    >>> to_bf16(np.array([1.0, 1.003, 1.005, -2.02, 1e-39], np.float32)).tolist()
    [1.0, 1.0, 1.0078125, -2.015625, 0.0]
    """
    bits = np.ascontiguousarray(X, np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + (bits >> 16 & 1))) & np.uint32(0xFFFF0000)
    rounded = np.where(np.isnan(X), bits | np.uint32(0x400000), rounded)
    rounded = np.where(np.abs(X) < np.finfo(np.float32).tiny, bits & np.uint32(0x80000000), rounded)
    return rounded.astype(np.uint32).view(np.float32)


def bf16_product(A: Matrix, B: Array) -> Array:
    """Return the product of two matrices of float32, rounded to bfloat16; of a CSR matrix in float32.

    Examples
    --------
    >>> bf16_product(np.float32([[1.003, 2]]), np.float32([[1], [0.5]]))
    array([[2.]], dtype=float32)
    """
    if not isinstance(A, np.ndarray):
        return A @ B
    return to_bf16(A) @ to_bf16(B)


class _Rounding(partial[Any]):
    """A layer's way forward or back with products in bfloat16: told from what others put there."""


def round_products(layer: Any, rounds: bool) -> None:
    """Let a dense layer compute its three products in bfloat16, or again as its class does.

    What others have put on it stays, and is then what computes.
    """
    here = [name for name in ("forward", "backward") if name in vars(layer)]
    if rounds and not here:
        layer.forward = _Rounding(_forward, layer)
        layer.backward = _Rounding(_backward, layer)
    for name in here:
        if not rounds and isinstance(vars(layer)[name], _Rounding):
            delattr(layer, name)


def rounds_products(layer: Any) -> bool:
    """Return whether a layer computes its products in bfloat16."""
    return isinstance(vars(layer).get("backward"), _Rounding)


def _forward(layer: Any, X: Matrix, ctx: Any) -> Array:
    Z = bf16_product(X, layer.W) + layer.b
    ctx.X, ctx.Z, ctx.Y = X, Z, layer.activation(Z)
    Y: Array = ctx.Y
    return Y


def _backward(layer: Any, dY: Array, ctx: Any) -> Any:
    dZ = dY * layer.activation.derivative(ctx.Z, ctx.Y)
    ctx.dZ, ctx.dW, ctx.db = dZ, bf16_product(ctx.X.T, dZ), dZ.sum(axis=0)
    return bf16_product(dZ, layer.W.T) if ctx.needs_dX else None


def are_in_bf16(layers: Sequence[Any], sizes: Sequence[int]) -> list[bool]:
    """Return for each layer of a network of ``precision="bf16"`` whether its products are in bfloat16.

    Those of dense layers with at least ``FEW`` inputs and outputs are, unless the inputs are the columns
    that a layer has encoded, which are not multiplied.
    """
    encoded = [False, *(layer.encodes for layer in layers)]
    return [
        layer.fully_connected and min(sizes[i : i + 2]) >= FEW and not encoded[i]
        for i, layer in enumerate(layers)
    ]
