"""MNIST: from OpenML, or from its four files."""

import gzip
import hashlib
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from minnet.common.checks import LARGEST_SIZE, check_dtype, check_file, check_flag, check_path
from minnet.common.types import Array, DTypeLike
from minnet.datasets._openml import fetch
from minnet.datasets._splits import DTYPES, check_labels, check_pixels, splits, warn_of_order

__all__ = ["fetch_mnist", "load_idx", "load_mnist"]

#: The third byte of an IDX file says of what type the numbers are; all are big-endian.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 32
_MOST_INFLATION = 1032  # of deflate: no more bytes come out of one
_PIECE = 1 << 20

#: SHA-256 of the files' contents, not compressed.
_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_SIZES = (50_000, 10_000, 10_000)
_COUNTS = (6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958)
_INSTEAD = (
    "put the files {}, as they are or with .gz, into a folder and call "
    "minnet.datasets.load_mnist(folder)"
).format(", ".join(_FILES))
_DESCRIPTION = """MNIST: 28 x 28 grey images of handwritten digits (LeCun, Cortes & Burges).

50,000 images for training, 10,000 for validation, 10,000 for tests, as in Glorot & Bengio (2010): the
validation part is the end of the 60,000 that their authors gave for training."""


def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    cache: bool = True,
    dtype: DTypeLike = "float32",
) -> Bunch:
    """Fetch MNIST from OpenML, with the parts that Glorot & Bengio (2010) used.

    Parameters
    ----------
    data_home, cache
        As in :func:`sklearn.datasets.fetch_openml`, which downloads, once, and checks the download.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        uint8: the pixels 0 to 255. Otherwise they are divided by 255.

    Returns
    -------
    parts : :class:`sklearn.utils.Bunch`
        ``X_train`` (50000, 784), ``X_valid`` and ``X_test`` (10000, 784), their labels ``y_train``,
        ``y_valid`` and ``y_test`` (int64), ``target_names``, ``name`` and ``DESCR``.

    Raises
    ------
    OSError
        If there is no network, or OpenML does not answer.
    ValueError
        If what came has other shapes, pixels, labels or class counts than MNIST.

    Warns
    -----
    UserWarning
        If it has those of MNIST, but not its checksums.
    """
    dtype = check_dtype(dtype, DTYPES)
    X, y = fetch("MNIST", 554, data_home, cache, _INSTEAD)
    X = check_pixels("MNIST", X, (sum(_SIZES), 784))
    y = check_labels("MNIST", y, sum(_SIZES), 10, _COUNTS)
    n = _SIZES[0] + _SIZES[1]
    images, labels = X.reshape(-1, 28, 28), y.astype(np.uint8)
    arrived = (images[:n], labels[:n], images[n:], labels[n:])
    if [_digest(array) for array in arrived] != list(_FILES.values()):
        warn_of_order("MNIST from OpenML")
    return splits("MNIST", X, y, _SIZES, dtype, list("0123456789"), _DESCRIPTION)


def load_mnist(
    folder: str | os.PathLike[str], *, dtype: DTypeLike = "float32", check: bool = True
) -> Bunch:
    """Load MNIST, or a set in its form, from its four files.

    Parameters
    ----------
    folder : path
        With ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each as it is or compressed (``.gz``). Some programs unpack them as
        ``train-images.idx3-ubyte`` and so on: that is read, too.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        As in :func:`fetch_mnist`.
    check : bool, default=True
        Whether the contents must be those of the original files, by their SHA-256. False takes sets of
        other contents and sizes, such as Fashion-MNIST.

    Returns
    -------
    parts : :class:`sklearn.utils.Bunch`
        As of :func:`fetch_mnist`. The validation part is the last sixth of the training images.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is not in the IDX format, does not fit the others, or is not the original.
    """
    dtype = check_dtype(dtype, DTYPES)
    check = check_flag("check", check)
    paths = [_find(Path(check_path("folder", folder)), stem) for stem in _FILES]
    found = []
    for path, (stem, digest) in zip(paths, _FILES.items(), strict=True):
        array = load_idx(path)
        if array.dtype != np.uint8 or array.ndim != int(stem[-7]):
            raise ValueError(
                f"{path} must have unsigned bytes in {stem[-7]} dimensions, "
                f"got {array.dtype} in {array.ndim}"
            )
        if check and _digest(array) != digest:
            raise ValueError(
                f"{path} must be MNIST's own file, got one with another SHA-256: "
                "check=False loads it all the same"
            )
        found.append(array)
    images = [array.reshape(len(array), math.prod(array.shape[1:])) for array in found[::2]]
    if found[0].shape[1:] != found[2].shape[1:]:
        raise ValueError(f"the images in {folder} must have one size, got {found[0].shape[1:]} and "
                         f"{found[2].shape[1:]}")  # fmt: skip
    labels = []
    for X, y, part in zip(images, found[1::2], ("train", "t10k"), strict=True):
        if not X.size:
            shape = found[0 if part == "train" else 2].shape
            raise ValueError(f"{part}-images in {folder} must have pixels, got the shape {shape}")
        labels.append(check_labels(f"{part}-labels in {folder}", y, len(X), 256))
    X, y = np.concatenate(images), np.concatenate(labels)
    n_valid = len(images[0]) // 6
    sizes = (len(images[0]) - n_valid, n_valid, len(images[1]))
    names = [str(label) for label in range(y.max() + 1)]
    name = "MNIST" if check else f"{folder}, in MNIST's form"
    return splits(name, X, y, sizes, dtype, names, _DESCRIPTION if check else name)


def load_idx(path: str | os.PathLike[str]) -> Array:
    """Load an array from a file in the IDX format, compressed by gzip or not.

    The format is that of MNIST's files: two zero bytes, the type of the numbers (8: unsigned byte, 9:
    signed byte, 11: short, 12: int, 13: float, 14: double), the number of dimensions, the size of each as
    4 bytes, and the numbers in C order, all big-endian.

    Parameters
    ----------
    path : path
        Where the file is.

    Returns
    -------
    array : ndarray
        Its numbers are in the machine's byte order.

    Raises
    ------
    ValueError
        If the file is none such, is too short or too long. Its sizes are compared with its length
        before memory is taken.

    Examples
    --------
    >>> import os, tempfile
    >>> from minnet.datasets import load_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "two-by-three")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    ...     load_idx(path)
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    """
    path = Path(check_file("path", path))
    with path.open("rb") as raw:
        length = os.fstat(raw.fileno()).st_size
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if compressed else raw
        try:
            return _read(path, stream, length, compressed)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} must be whole and a gzip file, got: {error}") from error


def _read(path: Path, stream: Any, length: int, compressed: bool) -> Array:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
        raise ValueError(f"{path} must be an IDX file, got one that begins with {start!r}")
    n_dimensions = start[3]
    if not 1 <= n_dimensions <= _MOST_DIMENSIONS:
        raise ValueError(f"{path} must have 1 to {_MOST_DIMENSIONS} dimensions, got {n_dimensions}")
    sizes = stream.read(4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise ValueError(f"{path} must have {n_dimensions} sizes, got a file that ends before")
    shape = struct.unpack(f">{n_dimensions}I", sizes)
    dtype = np.dtype(_TYPES[start[2]])
    wanted = math.prod(shape) * dtype.itemsize
    most = _MOST_INFLATION * length if compressed else length - 4 - 4 * n_dimensions
    if wanted > most or (not compressed and wanted < most):
        raise ValueError(
            f"{path} must have {wanted} bytes of data for its shape {shape}, "
            f"got {'at most ' * compressed}{most}"
        )
    if math.prod(filter(None, shape)) * dtype.itemsize > LARGEST_SIZE:  # beside a size of zero
        raise ValueError(f"{path} must have sizes that an array can have, got {shape}")
    data = bytearray()
    while len(data) < wanted:
        piece = stream.read(min(_PIECE, wanted - len(data)))
        if not piece:
            raise ValueError(f"{path} must have {wanted} bytes of data, got {len(data)}")
        data += piece
    if stream.read(1):  # of a compressed file this also compares its checksum
        raise ValueError(f"{path} must have {wanted} bytes of data, got more")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _digest(array: Array) -> str:
    """Return the SHA-256 of the IDX file of an array of bytes."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _find(folder: Path, stem: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"folder must be a folder, got {str(folder)!r}: {_INSTEAD}")
    for name in (stem, stem.replace("-idx", ".idx")):  # the second as some programs unpack it
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise FileNotFoundError(f"{folder} must have {stem}, or {stem}.gz, got neither: {_INSTEAD}")
