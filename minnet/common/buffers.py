"""Flat, aligned buffers: where the arrays of a network lie."""

import numpy as np

__all__ = ["aligned_zeros", "all_finite", "next_aligned"]

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


def aligned_zeros(n, dtype):
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


def next_aligned(n, dtype):
    """Return the smallest element offset of at least ``n`` that is a multiple of 64 bytes.

    Examples
    --------
    >>> next_aligned(3, "float32"), next_aligned(16, "float64")
    (16, 16)
    """
    step = _ALIGNMENT // np.dtype(dtype).itemsize
    return -(-n // step) * step


def all_finite(X):
    """Return whether all numbers are finite; the sum tells in most cases, without a mask of X."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()) or np.isfinite(X).all())
