"""CIFAR-10: from OpenML, or from the files of its binary version."""

import hashlib
import os
import tarfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from minnet.common.checks import check_dtype, check_flag, check_path
from minnet.common.types import Array, DTypeLike
from minnet.datasets._openml import fetch
from minnet.datasets._splits import DTYPES, check_labels, check_pixels, splits, warn_of_order

__all__ = ["fetch_cifar10", "load_cifar10"]

#: MD5 of the files, as of the archive cifar-10-binary.tar.gz.
_FILES = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
)  # fmt: skip
_ARCHIVE = "cifar-10-binary.tar.gz"
_FOLDER = "cifar-10-batches-bin"
_RECORD = 1 + 3 * 32 * 32  # a label and the pixels
_PER_FILE = 10_000
#: What a broken archive raises when it is read.
_BROKEN: tuple[type[Exception], ...] = (tarfile.TarError, EOFError, zlib.error, OSError)
with suppress(ImportError):  # Python may be built without it, and then reads no such archive
    from lzma import LZMAError

    _BROKEN = (*_BROKEN, LZMAError)
_SIZES = (40_000, 10_000, 10_000)
_INSTEAD = (
    f"download {_ARCHIVE} (the binary version, https://www.cs.toronto.edu/~kriz/cifar.html), and give the "
    "archive or the folder with its files to minnet.datasets.load_cifar10"
)
_DESCRIPTION = """CIFAR-10: 32 x 32 colour images of ten kinds of things (Krizhevsky, 2009).

40,000 images for training, 10,000 for validation, 10,000 for tests, as in Glorot & Bengio (2010): the
validation part is the last of the five batches that their author gave for training. A row has 1024 red
pixels, then 1024 green and 1024 blue ones, each row by row."""


def fetch_cifar10(
    *,
    data_home: str | os.PathLike[str] | None = None,
    cache: bool = True,
    dtype: DTypeLike = "float32",
) -> Bunch:
    """Fetch CIFAR-10 from OpenML, with the parts that Glorot & Bengio (2010) used.

    Parameters
    ----------
    data_home, cache
        As in :func:`sklearn.datasets.fetch_openml`, which downloads, once, and checks the download. It
        is hundreds of megabytes of text, and gigabytes of numbers on the way: :func:`load_cifar10` needs
        neither.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        uint8: the pixels 0 to 255. Otherwise they are divided by 255.

    Returns
    -------
    parts : :class:`sklearn.utils.Bunch`
        ``X_train`` (40000, 3072), ``X_valid`` and ``X_test`` (10000, 3072), their labels ``y_train``,
        ``y_valid`` and ``y_test`` (int64), ``target_names``, ``name`` and ``DESCR``.

    Raises
    ------
    OSError
        If there is no network, or OpenML does not answer.
    ValueError
        If what came has other shapes, pixels, labels or class counts than CIFAR-10.

    Warns
    -----
    UserWarning
        If it has those of CIFAR-10, but not the checksums of its files in their order.
    """
    dtype = check_dtype(dtype, DTYPES)
    X, y = fetch("CIFAR-10", 40927, data_home, cache, _INSTEAD)
    X = check_pixels("CIFAR-10", X, (sum(_SIZES), _RECORD - 1))
    y = check_labels("CIFAR-10", y, sum(_SIZES), 10, [sum(_SIZES) // 10] * 10)
    records = np.column_stack([y.astype(np.uint8), X])
    batches = [records[i : i + _PER_FILE] for i in range(0, len(records), _PER_FILE)]
    if [_digest(batch) for batch in batches] != list(_FILES.values()):
        warn_of_order("CIFAR-10 from OpenML")
    return splits("CIFAR-10", X, y, _SIZES, dtype, _CLASSES, _DESCRIPTION)


def load_cifar10(
    path: str | os.PathLike[str], *, dtype: DTypeLike = "float32", check: bool = True
) -> Bunch:
    """Load CIFAR-10 from the files of its binary version.

    The Python version consists of pickles. To open one is to run what is in it, so it is not read here.

    Parameters
    ----------
    path : path
        The archive ``cifar-10-binary.tar.gz``, or a folder with it, with ``data_batch_1.bin`` ...
        ``data_batch_5.bin`` and ``test_batch.bin``, or with their folder ``cifar-10-batches-bin``.
        Nothing is unpacked to disk.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        As in :func:`fetch_cifar10`.
    check : bool, default=True
        Whether the files must be the original ones, by their MD5. False takes files of the same form
        with other contents and sizes.

    Returns
    -------
    parts : :class:`sklearn.utils.Bunch`
        As of :func:`fetch_cifar10`. The validation part is the fifth batch.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is not in the format, or not the original.
    """
    dtype = check_dtype(dtype, DTYPES)
    check = check_flag("check", check)
    batches = []
    for name, data in _contents(Path(check_path("path", path))).items():
        if not data or len(data) % _RECORD:
            raise ValueError(
                f"{name} in {path} must have records of {_RECORD} bytes, got {len(data)} bytes"
            )
        records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
        if check and _digest(records) != _FILES[name]:
            raise ValueError(
                f"{name} in {path} must be CIFAR-10's own file, got one with another MD5: "
                "check=False loads it all the same"
            )
        check_labels(f"{name} in {path}", records[:, 0], len(records), 10)
        batches.append(records)
    records = np.concatenate(batches)
    lengths = [len(batch) for batch in batches]
    sizes = (sum(lengths[:4]), lengths[4], lengths[5])
    X, y = records[:, 1:], records[:, 0]
    name = "CIFAR-10" if check else f"{path}, in CIFAR-10's form"
    return splits(name, X, y, sizes, dtype, _CLASSES, _DESCRIPTION if check else name)


def _digest(records: Array) -> str:
    return hashlib.md5(np.ascontiguousarray(records).data, usedforsecurity=False).hexdigest()


def _contents(path: Path) -> dict[str, bytes]:
    """Return the bytes of each file, by its name."""
    if path.is_dir():
        there = {
            folder: [(folder / name).is_file() for name in _FILES]
            for folder in (path, path / _FOLDER)
        }
        for folder in there:
            if all(there[folder]):
                return _of_folder(folder)
        if (path / _ARCHIVE).is_file():
            return _of_archive(path / _ARCHIVE)
        for folder in there:
            if any(there[folder]):
                return _of_folder(folder)  # which says what is missing
        if (path / "test_batch").is_file() or (path / "cifar-10-batches-py").is_dir():
            raise ValueError(
                f"{path} must have CIFAR-10's binary version, got the Python version, whose pickles can "
                f"run code when they are opened: {_INSTEAD}"
            )
    elif path.is_file():
        return _of_archive(path)
    raise FileNotFoundError(f"{path} must have CIFAR-10's binary version, got none: {_INSTEAD}")


def _of_folder(folder: Path) -> dict[str, bytes]:
    found = {}
    for name in _FILES:
        file = folder / name
        if not file.is_file():
            raise FileNotFoundError(f"{folder} must have {name}, got none: {_INSTEAD}")
        _check_size(file, name, file.stat().st_size)
        found[name] = file.read_bytes()
    return found


def _of_archive(path: Path) -> dict[str, bytes]:
    found = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = Path(member.name).name
                if member.isreg() and name in _FILES and name not in found:
                    _check_size(path, name, member.size)
                    found[name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # not of the contents
        reason = str(error).partition("\n")[0].rstrip(":")  # what follows is a line for each format
        raise ValueError(f"{path} must be a whole tar archive, got: {reason}") from error
    missing = [name for name in _FILES if name not in found]
    if missing:
        raise ValueError(f"{path} must have {', '.join(missing)}, got none: {_INSTEAD}")
    return {name: found[name] for name in _FILES}


def _check_size(where: Path, name: str, size: int) -> None:
    most = _RECORD * _PER_FILE
    if size > most:
        raise ValueError(f"{name} in {where} must have at most {most} bytes, got {size}")
