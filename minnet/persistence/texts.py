"""Arrays of texts as arrays of numbers, and back."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array

__all__ = ["pack", "pack_fixed", "unpack", "unpack_fixed"]


def pack(texts: list[str]) -> tuple[Array, Array]:
    """Return the lengths of texts in UTF-8, and their bytes end to end.

    Examples
    --------
    >>> lengths, raw = pack(["a", "bc"])
    >>> lengths, unpack(lengths, raw, "it")
    (array([1, 2]), array(['a', 'bc'], dtype=object))
    """
    written = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(text) for text in written], dtype=np.int64)
    return lengths, np.frombuffer(b"".join(written), dtype=np.uint8)


def unpack(lengths: Array, raw: Array, where: str) -> Array:
    """Return an array of texts of the shape of their lengths, or say what is wrong."""
    if not lengths.size or lengths.min() < 0 or sum(lengths.ravel().tolist()) != raw.size:
        raise ValueError(f"{where} must have lengths of texts that sum to {raw.size}")
    texts = np.empty(lengths.size, dtype=object)
    end = 0
    for i, length in enumerate(lengths.ravel().tolist()):
        start, end = end, end + length
        try:
            texts[i] = raw[start:end].tobytes().decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise ValueError(f"{where} must be texts in UTF-8") from None
    return texts.reshape(lengths.shape)


def pack_fixed(texts: Array) -> Array:
    """Return the code points of texts of a fixed width, one more axis."""
    native = np.ascontiguousarray(texts, texts.dtype.newbyteorder("="))
    return native.reshape(-1).view(np.uint32).reshape(*texts.shape, texts.dtype.itemsize // 4)


def unpack_fixed(codes: Array, where: str) -> Array:
    """Return the texts of code points, or say what is wrong."""
    if codes.ndim < 1 or codes.shape[-1] < 1 or (codes.size and codes.max() > 0x10FFFF):
        raise ValueError(f"{where} must be texts, got codes that are none")
    return codes.reshape(-1).view(f"=U{codes.shape[-1]}").reshape(codes.shape[:-1])
