"""Flat, aligned buffers: where the arrays of a network lie."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minnet.common.attributes import KnownAttributes
from minnet.common.types import Array, DTypeLike

__all__ = ["ParameterViews", "aligned_zeros", "all_finite", "next_aligned", "offset_in"]

_FEW = 10_000  # whose mask costs less than to set NumPy's handling of errors
_ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


def aligned_zeros(n: int, dtype: DTypeLike) -> Array:
    """Return ``n`` zeros that start at a multiple of 64 bytes.

    Examples
    --------
    >>> aligned_zeros(3, "float32").ctypes.data % 64
    0
    """
    dtype = np.dtype(dtype)
    raw = np.zeros(n * dtype.itemsize + _ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + n * dtype.itemsize].view(dtype)


def next_aligned(n: int, dtype: DTypeLike) -> int:
    """Return the smallest element offset of at least ``n`` that is a multiple of 64 bytes.

    Examples
    --------
    >>> next_aligned(3, "float32"), next_aligned(16, "float64")
    (16, 16)
    """
    step = _ALIGNMENT // np.dtype(dtype).itemsize
    return -(-n // step) * step


def offset_in(flat: Array, view: Array) -> int:
    """Return at which element of ``flat`` a view of it begins.

    Examples
    --------
    >>> flat = np.zeros(10)
    >>> offset_in(flat, flat[3:])
    3
    """
    return (view.ctypes.data - flat.ctypes.data) // flat.itemsize


def all_finite(X: Array) -> bool:
    """Return whether all numbers are finite; of many, the sum tells in most cases, without a mask."""
    if X.size < _FEW:
        return bool(np.isfinite(X).all())
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()) or np.isfinite(X).all())


class ParameterViews(KnownAttributes):
    """Mixin of a layer: its parameters and state are views of arrays that a network owns.

    Attributes
    ----------
    n_changes : int
        How often attributes of bound layers were set or taken away: who has compiled layers looks at
        them again.
    """

    n_changes = 0
    _elsewhere = dict.fromkeys(
        ("W", "b"), "call initialize of the network, which has a copy of the layer"
    )

    def bind(self, arrays: Mapping[str, Array]) -> None:
        """Make the network's arrays, by name, attributes of this layer."""
        self.__dict__.update(arrays)
        self.__dict__["_arrays"] = frozenset(arrays)

    def __setattr__(self, name: str, value: Any) -> None:
        # Assigning a parameter copies into the network's flat buffer, so that views stay views.
        if name in self.__dict__.get("_arrays", ()):
            view, value = self.__dict__[name], np.asarray(value)
            if value.shape != view.shape:
                raise ValueError(
                    f"{name} of {self!r} must have shape {view.shape}, got {value.shape}"
                )
            view[...] = value
        else:
            super().__setattr__(name, value)
            if "_arrays" in self.__dict__:
                ParameterViews.n_changes += 1

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if "_arrays" in self.__dict__:
            ParameterViews.n_changes += 1
