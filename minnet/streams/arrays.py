"""Arrays that are not in memory, or are: HDF5, zarr, memory-mapped files, Dask, NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.buffers import all_finite
from minnet.common.types import Array
from minnet.streams.columns import in_full_width
from minnet.streams.rows import Rows
from minnet.streams.source import Source
from minnet.streams.values import MissingError, values_of

__all__ = ["Arrays"]

_NAMES = ("X", "y", "sample_weight")
_FEWEST_ROWS = 256  # in a piece: to read one takes its time, however few there are


class Arrays(Source):
    """Arrays side by side, ``(X, y)`` or ``(X, y, sample_weight)``: a piece is a chunk of rows of ``X``.

    They have a shape, and slices of rows: those of h5py, zarr, NumPy, memory maps. Those of Dask are
    computed as they are read; where their chunks are of unknown length, all must have the same.
    """

    def __init__(self, arrays: tuple[Any, ...], dtype: Any, batch_size: int) -> None:
        self._arrays = arrays
        self._dtype = dtype
        _check_axes(arrays)
        self._by_chunk = math.isnan(arrays[0].shape[0])
        if self._by_chunk:
            n_chunks = [getattr(array, "numblocks", (None,))[0] for array in arrays]
            if len(set(n_chunks)) > 1:
                raise ValueError(
                    "source must have arrays of the same chunks where their lengths are unknown, got "
                    f"{n_chunks} chunks: call compute_chunk_sizes() on them"
                )
            self.n_pieces = arrays[0].numblocks[0]
            return
        lengths = [array.shape[0] for array in arrays]
        if len(set(lengths)) > 1:
            raise ValueError(f"source must have arrays of the same number of rows, got {lengths}")
        self._bounds = _bounds(arrays[0], batch_size)
        self.n_pieces = len(self._bounds) - 1

    def n_rows(self, piece: int) -> int | None:
        """Return how many rows a chunk has."""
        return None if self._by_chunk else self._bounds[piece + 1] - self._bounds[piece]

    def where(self, piece: int) -> str:
        """Return which rows a chunk has, or its number."""
        if self._by_chunk:
            return f"chunk {piece}"
        return f"rows {self._bounds[piece]} to {self._bounds[piece + 1] - 1}"

    def rows(self, piece: int) -> Iterator[Rows]:
        """Read a chunk."""
        X = self._read(0, piece)
        if self._dtype is None:
            self._dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
        if X.dtype.kind == "O" and X.size:
            text = X.flat[0]
            raise TypeError(
                f"X must have numbers, got texts such as {text!r:.60} in {self.where(piece)}"
            )
        with np.errstate(over="ignore"):
            X = X.astype(self._dtype, copy=False)
        if not all_finite(X):
            column = np.flatnonzero(~np.isfinite(X).all(axis=0))[0]
            raise ValueError(
                f"X must have finite numbers and none missing, got others in column {column} in "
                f"{self.where(piece)}"
            )
        if len(X):
            weights = (self._read(i, piece) for i in range(2, len(self._arrays)))
            yield X, self._targets(piece), *weights

    def targets(self, piece: int) -> Iterator[Array]:
        """Read the targets of a chunk."""
        yield self._targets(piece)

    def _targets(self, piece: int) -> Array:
        y = in_full_width(self._read(1, piece))
        if y.dtype.kind == "f" and not all_finite(y):
            raise ValueError(
                f"y must have finite numbers and none missing, got others in {self.where(piece)}"
            )
        return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y

    def _read(self, i: int, piece: int) -> Array:
        array = self._arrays[i]
        if self._by_chunk:
            part = array.blocks[piece]
        else:
            part = array[self._bounds[piece] : self._bounds[piece + 1]]
        part = np.asarray(part.compute() if hasattr(part, "compute") else part)
        try:
            return (
                part if part.dtype.kind in "biuf" else values_of(part.ravel()).reshape(part.shape)
            )
        except MissingError as error:
            raise ValueError(
                f"{_NAMES[i]} must have no missing values, got {error} in {self.where(piece)}"
            ) from None
        except TypeError as error:
            raise TypeError(
                f"{_NAMES[i]} must have numbers or texts, got {error} in {self.where(piece)}"
            ) from None


def _check_axes(arrays: tuple[Any, ...]) -> None:
    """Raise if they are not X, y and perhaps weights."""
    if len(arrays) not in (2, 3):
        raise ValueError(
            f"source must have two or three arrays, X, y and perhaps weights, got {len(arrays)}"
        )
    for name, array, axes in zip(_NAMES, arrays, ((2,), (1, 2), (1,)), strict=False):
        if sparse.issparse(array) or not hasattr(array, "shape") or not hasattr(array, "dtype"):
            raise TypeError(
                f"source must have dense arrays, got a {type(array).__name__} in the place of {name}"
            )
        if len(array.shape) not in axes:
            raise ValueError(
                f"source must have an array with {' or '.join(map(str, axes))} axes in the place of "
                f"{name}, got one of shape {array.shape}"
            )


def _bounds(X: Any, batch_size: int) -> list[int]:
    """Return where pieces begin and end: at chunks, several of which are one piece if they are short."""
    chunks, n_rows = getattr(X, "chunks", None), X.shape[0]
    bounds, fewest = [0], min(batch_size, _FEWEST_ROWS)
    if not chunks:
        ends = [*range(fewest, n_rows, fewest)]
    elif isinstance(chunks[0], tuple):  # of Dask: the length of each
        ends = np.cumsum(chunks[0]).tolist()[:-1]
    else:
        ends = [*range(chunks[0], n_rows, chunks[0])]
    for end in ends:
        if end - bounds[-1] >= fewest:
            bounds.append(end)
    return [*bounds, n_rows] if n_rows > bounds[-1] else bounds
