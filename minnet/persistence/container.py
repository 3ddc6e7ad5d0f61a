"""The container: safetensors, a header of JSON and then arrays, end to end.

The format is eight bytes with the length of the header (little-endian), the header, which has for each
array its dtype, shape and place, and the arrays. It can hold nothing that runs. It is read here and not
by the library of that name, for three reasons: the library maps the file into memory, where a disk
error or a file that is cut meanwhile kills the process; it takes headers up to 100 MB, of which a few
bytes may become an object; and here each array is compared with the architecture before a byte of it is
read. The tests compare both, in both directions.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from minnet.common.fields import one_of, text
from minnet.common.types import Array, DTypeLike, Shape
from minnet.persistence.record import Record, parse_json, shorten, too_large

__all__ = ["MAX_HEADER", "ArrayReader", "can_hold", "write_container"]

#: Most bytes of a header, enough for 1400 layers. What it says may take thirty times as much memory.
MAX_HEADER = 3 * 2**19

_METADATA = "__metadata__"
_KEY = "minnet"
_MOST_DIMENSIONS = 8
_LARGEST_OF_NONE = 2**16  # a size beside one of 0, which takes no bytes

_BITS = {"F": (64, 32, 16), "I": (64, 32, 16, 8), "U": (64, 32, 16, 8)}
_DTYPES: dict[str, np.dtype[Any]] = {
    f"{kind}{bits}": np.dtype(f"<{kind.lower()}{bits // 8}")
    for kind, sizes in _BITS.items()
    for bits in sizes
} | {"BOOL": np.dtype("?")}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


def can_hold(dtype: np.dtype[Any]) -> bool:
    """Return whether arrays of the dtype can be written."""
    return dtype.kind in "biuf" and dtype.newbyteorder("<") in _NAMES


def write_container(file: BinaryIO, arrays: Mapping[str, Array], description: str) -> None:
    """Write arrays and a description.

    Parameters
    ----------
    file : binary file object
    arrays : dict of ndarray
        By name. What is the same is written as the same bytes.
    description : str
        Goes into the header.

    Raises
    ------
    ValueError
        If the header would be longer than a reader takes.
    """
    # Wide elements first: all of them are then aligned.
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {_METADATA: {_KEY: description}}
    offset = 0
    for name in names:
        array = arrays[name]
        end = offset + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    words = json.dumps(header, separators=(",", ":"))
    words += " " * (-len(words) % 8)
    if too_large(words, MAX_HEADER):
        raise ValueError(
            f"the model's description must have at most {MAX_HEADER} bytes, got {len(words)}: "
            "it has too many layers or arguments; joblib.dump has no such limit"
        )
    written = words.encode("ascii")
    file.write(struct.pack("<Q", len(written)))
    file.write(written)
    for name in names:
        array = arrays[name]
        file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)


@dataclass(frozen=True)
class _Entry:
    dtype: np.dtype[Any]
    shape: Shape
    start: int


class ArrayReader:
    """Reads the header at once, checks it, and the arrays when they are asked for.

    Parameters
    ----------
    file : binary file object
    size : int
        Of the file, in bytes.

    Attributes
    ----------
    description : str
        What :func:`write_container` was given.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        start = file.read(8)
        if len(start) < 8:
            raise ValueError(f"it has {size} bytes, and a model has more")
        (length,) = struct.unpack("<Q", start)
        if length > min(MAX_HEADER, size - 8):
            raise ValueError(
                f"its header must have at most {min(MAX_HEADER, size - 8)} bytes, got {length}: it is "
                "not a file of save_model, or a part is missing"
            )
        written = file.read(length)
        if len(written) < length or not written.startswith(b"{"):
            raise ValueError("its header is not JSON: it is not a file of save_model")
        try:
            header = Record(parse_json(written.decode("utf-8")), "the header")
        except UnicodeDecodeError:
            raise ValueError("its header is not UTF-8: it is not a file of save_model") from None
        del written
        if _METADATA not in header:
            raise ValueError("its header has no metadata: it is not a file of save_model")
        metadata = Record(header.take(_METADATA), "the metadata")
        if _KEY not in metadata:
            raise ValueError("its metadata are not minnet's: it is not a file of save_model")
        self.description = metadata.read(_KEY, text())
        metadata.done()
        self._data = 8 + length
        self._entries = _entries(header, size - self._data)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def array(
        self,
        name: Any,
        dtypes: Sequence[DTypeLike],
        shape: Shape | None = None,
        *,
        ndim: int | None = None,
        where: str | None = None,
    ) -> Array:
        """Return an array, which is then no longer there.

        Parameters
        ----------
        name : str
        dtypes : sequence of dtype
            Those that it may have.
        shape : tuple of int, default=None
            That it must have; compared before anything is read.
        ndim : int, default=None
            Dimensions that it must have.
        where : str, default=None
            What messages call it; None means its name.
        """
        where = f"the array {shorten(name)}" if where is None else where
        if type(name) is not str or name not in self._entries:
            raise ValueError(f"{where} should be in the array {shorten(name)}, which is not there")
        entry = self._entries.pop(name)
        if entry.dtype not in dtypes:
            wanted = " or ".join(str(np.dtype(dtype)) for dtype in dtypes)
            raise ValueError(f"{where} must have dtype {wanted}, got {entry.dtype}")
        if shape is not None and entry.shape != tuple(shape):
            raise ValueError(f"{where} must have shape {tuple(shape)}, got {entry.shape}")
        if ndim is not None and len(entry.shape) != ndim:
            raise ValueError(f"{where} must have {ndim} dimensions, got {len(entry.shape)}")
        return self._read(entry, where)

    def _read(self, entry: _Entry, where: str) -> Array:
        raw = np.empty(math.prod(entry.shape) * entry.dtype.itemsize, dtype=np.uint8)
        self._file.seek(self._data + entry.start)
        if self._file.readinto(raw) != raw.size:  # type: ignore[attr-defined]
            raise ValueError(f"{where} ends before its last number")
        if entry.dtype == np.bool_ and raw.size and raw.max() > 1:
            raise ValueError(f"{where} must be of zeros and ones, got {raw.max()}")
        array = raw.view(entry.dtype).reshape(entry.shape)
        return array.astype(entry.dtype.newbyteorder("="), copy=False)

    def done(self) -> None:
        """Raise if an array was not asked for."""
        for name in self._entries:
            raise ValueError(f"it has the array {shorten(name)}, which belongs to nothing")


def _entries(header: Record, size: int) -> dict[str, _Entry]:
    """Return where the arrays lie, which must fill the file from the header to its end."""
    entries, places = {}, []
    for name in list(header):
        where = f"the array {shorten(name)}"
        record = Record(header.take(name), where)
        dtype = _DTYPES[record.read("dtype", one_of(*_DTYPES))]
        shape, offsets = record.items("shape"), record.items("data_offsets")
        record.done()
        largest = max(size, _LARGEST_OF_NONE)
        if len(shape) > _MOST_DIMENSIONS or not _are_sizes(shape, largest):
            raise ValueError(
                f"{where} must have a shape of at most {_MOST_DIMENSIONS} sizes that fit into the "
                f"file, got {shorten(str(shape))}"
            )
        if len(offsets) != 2 or not _are_sizes(offsets, size):
            got = shorten(str(offsets))
            raise ValueError(f"{where} must lie within {size} bytes of data, got {got}")
        start, end = offsets
        needed = math.prod(shape) * dtype.itemsize
        if end - start != needed:
            raise ValueError(f"{where} must have {needed} bytes by its shape, got {end - start}")
        entries[name] = _Entry(dtype, tuple(shape), start)
        places.append((start, end))
    at = 0
    for start, end in sorted(places):
        if start != at:
            raise ValueError(f"its arrays must lie end to end, but one is at {start} and not {at}")
        at = end
    if at != size:
        raise ValueError(f"its arrays must end with the file: they have {at} bytes of {size}")
    return entries


def _are_sizes(items: list[Any], limit: int) -> bool:
    return all(type(n) is int and 0 <= n <= limit for n in items)
