"""The file of a sweep: a line for each training, so that what is done outlasts whatever ends the process.

Only lines are appended, each at once and flushed to the disk. A line that was not finished is dropped when
the file is opened again, and what a full disk has taken of one is taken back at once.
"""

from __future__ import annotations

import json
import math
import os
import stat
import warnings
from typing import Any, Self

from minnet._version import __version__
from minnet.common.callers import level_of_user
from minnet.common.checks import check_path, is_real, is_whole
from minnet.lab.sweeps.grid import MEASURES, distinct

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal", "read_journal"]

_FORMAT = "minnet sweep 1"
_LABEL = bool | int | float | str
_NO_AXIS = "-"
_START = f'{{"format": "{_FORMAT}"'.encode()


class Journal:
    """The open file of a sweep, which no other process writes into meanwhile.

    Parameters
    ----------
    path : path-like
        It is made where it is not there.
    header : dict
        ``"axes"``, names, labels and digests of the values; ``"varied"``, the names of what these change;
        ``"fixed"`` and ``"data"``, what is the same in all trainings.

    Attributes
    ----------
    found : dict of str to list of dict
        The lines that the file had, by the keys of the trainings.

    Raises
    ------
    OSError
        If it cannot be written, or is written by another process.
    ValueError
        If it is no such file, or one of other data or other arguments.
    """

    def __init__(self, path: str | os.PathLike[str], header: dict[str, Any]) -> None:
        self.path = check_path("path", path)
        _check_regular(self.path)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, 0o666)
        try:
            self._lock()
            lines, self._size = _whole_lines(_content(self._file), self.path)
            headers = [line for line in lines if "format" in line]
            asked = _decoded(json.loads(json.dumps(_encoded(header))))
            if headers:
                _check_same(headers, asked, self.path)
            os.ftruncate(self._file, self._size)
            self.found = _by_key(lines)
            if not any(known["axes"] == asked["axes"] for known in headers):
                self.append({"format": _FORMAT, "minnet": __version__, **header})
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f"path must be a file that no other sweep writes at present, got {self.path!r:.200}"
            ) from None
        except OSError:  # a file system without locks
            pass

    def append(self, line: dict[str, Any]) -> None:
        """Write a line, to be there after whatever happens next; or nothing of it, and raise OSError."""
        left = memoryview(json.dumps(_encoded(line)).encode() + b"\n")
        size = self._size + len(left)
        try:
            os.lseek(self._file, self._size, os.SEEK_SET)
            while left:
                left = left[os.write(self._file, left) :]
            self._size = size
            os.fsync(self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from error
        finally:
            if self._size < size:
                os.ftruncate(self._file, self._size)

    def close(self) -> None:
        """Close the file, and let others write it."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_journal(path: str | os.PathLike[str]) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """Return the axes of a file's sweeps with their labels, and the lines that no later one replaces.

    A value has the label that it was given last; where two values have the same one, one of these is
    changed. A line of a sweep that had no axis of a name has the label "-" there.
    """
    path = check_path("path", path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"path must be a file that a sweep wrote, got {path!r:.200}")
    _check_regular(path)
    with open(path, "rb") as file:
        lines, _ = _whole_lines(file.read(), path)
    if not lines:
        raise ValueError(_not_ours(path))
    kept = [line for of_key in _by_key(lines).values() for line in _last(of_key)]
    labels = _labels(lines)
    axes: dict[str, list[Any]] = {name: list(found.values()) for name, found in labels.items()}
    for name, known in axes.items():
        without = _NO_AXIS
        while without in known:
            without += _NO_AXIS
        for line in kept:
            value = line["values"].get(name)
            line["settings"][name] = without if value is None else labels[name][value]
        if any(line["settings"][name] == without for line in kept):
            known.append(without)
    return axes, kept


def _by_key(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if "key" in line:
            found.setdefault(line["key"], []).append(line)
    return found


def _last(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a training without those of which a later one has all values."""
    return [
        line
        for i, line in enumerate(lines)
        if not any(line["values"].items() <= later["values"].items() for later in lines[i + 1 :])
    ]


def _labels(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what the values of each axis are called, by their digests."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        for name, labels, digests in line.get("axes", ()):
            found.setdefault(name, {}).update(zip(digests, labels, strict=True))
    for line in lines:  # of which the header may be damaged
        for name, value in line.get("values", {}).items():
            found.setdefault(name, {}).setdefault(value, line["settings"][name])
    return {
        name: dict(zip(of_axis, distinct(list(of_axis.values())), strict=True))
        for name, of_axis in found.items()
    }


def _check_regular(path: str) -> None:
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"path must be that of a file, or of none yet, got {path!r:.200}")


def _content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 2**24):
        parts.append(part)
    return b"".join(parts)


def _whole_lines(content: bytes, path: str) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of a file that are whole, and where the last of them ends."""
    if not content.startswith(_START):
        if _START.startswith(content):  # of the first line a part was written, or nothing
            return [], 0
        raise ValueError(_not_ours(path))
    end = content.rfind(b"\n") + 1
    lines, n_damaged = [], 0
    for line in content[:end].split(b"\n")[:-1]:
        try:
            decoded = _decoded(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            decoded = None
        if _is_header(decoded) or _is_training(decoded):
            lines.append(decoded)
        else:
            n_damaged += 1
    if end and "format" not in (lines or [{}])[0]:
        raise ValueError(_not_ours(path))
    if n_damaged:
        warnings.warn(
            f"{n_damaged} lines of {path!r:.200} are damaged and do not count: their trainings are to be "
            "made again",
            stacklevel=level_of_user(),
        )
    return lines, end


def _has(value: Any, **kinds: Any) -> bool:
    """Return whether a value is a dictionary with items of these kinds."""
    return isinstance(value, dict) and all(
        name in value and isinstance(value[name], kind) for name, kind in kinds.items()
    )


def _is_header(line: Any) -> bool:
    return (
        _has(line, format=str, axes=list, varied=list, fixed=dict, data=dict)
        and line["format"] == _FORMAT
        and all(isinstance(name, str) for name in line["varied"])
        and all(
            isinstance(axis, list)
            and list(map(type, axis)) == [str, list, list]
            and len(axis[1]) == len(axis[2])
            and all(isinstance(label, _LABEL) for label in axis[1])
            and all(isinstance(value, str) for value in axis[2])
            for axis in line["axes"]
        )
    )


def _is_training(line: Any) -> bool:
    return (
        _has(
            line,
            key=str,
            settings=dict,
            values=dict,
            seed=int,
            fold=int | None,
            row=dict,
            layers=list,
        )
        and line["settings"].keys() == line["values"].keys()
        and all(isinstance(value, str) for value in line["values"].values())
        and all(isinstance(label, _LABEL) for label in line["settings"].values())
        and _has(line["row"], diverged=bool, error=str | None, warning=str | None)
        and all(name in line["row"] for name in MEASURES)
        and all(
            is_real(value)
            for name, value in line["row"].items()
            if name not in ("diverged", "error", "warning")
        )
        and is_whole(line["seed"], 0)
        and all(
            _has(layer, moment=str, layer=int, name=str, hidden=bool) for layer in line["layers"]
        )
    )


def _not_ours(path: str) -> str:
    return (
        f"path must be a file that a sweep wrote, got {path!r:.200}, which is none, or is damaged"
    )


def _check_same(known: list[dict[str, Any]], asked: dict[str, Any], path: str) -> None:
    """Raise if a file is of other data or of other arguments than those asked for."""
    varied = {name for header in (*known, asked) for name in header["varied"]}
    differ = [
        name
        for part in ("data", "fixed")
        for name in {**known[0][part], **asked[part]}
        if known[0][part].get(name) != asked[part].get(name)
        and not any(_is_part_of(name, one) or _is_part_of(one, name) for one in varied)
    ]
    if differ:
        raise ValueError(
            f"path must be a file of a sweep with the same data and arguments, got {path!r:.200}, where "
            f"{_listed(differ)}: give another path for another sweep"
        )


def _is_part_of(name: str, whole: str) -> bool:
    return name == whole or name.startswith(f"{whole}__")


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last} differ" if first else f"{last} differs"


def _encoded(value: Any) -> Any:
    """Return a value for JSON, which has no infinity and no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {name: _encoded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {name: _decoded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value
