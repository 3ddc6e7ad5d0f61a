"""A file is there as a whole or not at all."""

import contextlib
import os
import platform
import secrets
import stat
import zlib
from collections.abc import Iterator
from typing import Any

from minnet.common.checks import check_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["write_atomically"]

#: What an unfinished file is called. A lock may hold on one host only, so that each cleans up its own.
_OWN = f".minnet-{zlib.crc32(platform.node().encode()):08x}-"
_END = ".tmp"

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISLNK: "a link",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a file for writing that takes the place of ``path`` when the block ends without an error.

    It is written beside ``path`` under another name, flushed to the disk and renamed, so that whoever
    opens ``path`` at any time finds the old file or the new one, also after the process was killed or
    the power failed. After an error the old file is as it was, and nothing is left beside it.

    Only a killed process leaves its unfinished file, ``.minnet-*.tmp``; the next one that writes into the
    folder on the same host removes it. One that is being written is locked, and stays (on Windows, which
    has no such locks, all stay).

    A file that is replaced hands on its permissions, and its owner and group as far as the system lets
    this process give them; where it does not, the group that the new file has instead gets no rights.
    Access control lists and other attributes are not handed on. A new file has the permissions that the
    umask leaves. Where ``path`` is a symbolic link, the file that it points to is replaced, or made. Other
    names (hard links) of a file keep the old content.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    file : binary file object

    Raises
    ------
    OSError
        If ``path`` is there and no regular file but a folder, a device, a pipe or a socket, itself or at
        the end of links: at once, without opening it, and once more before it would be replaced. If the
        file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with write_atomically(os.path.join(folder, "numbers")) as file:
    ...         _ = file.write(b"123")
    ...         before = os.path.exists(os.path.join(folder, "numbers"))
    ...     before, os.listdir(folder)
    (False, ['numbers'])
    """
    given = check_path("path", path)
    replaced = _regular_file(given, os.stat)
    path = os.path.realpath(given)
    folder = os.path.dirname(path)
    _remove_leftovers(folder)
    temporary = ""
    try:
        temporary, descriptor = _new_file(folder, 0o666 if replaced is None else 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            replaced = _regular_file(path, os.lstat) or replaced
            if replaced is not None:
                _hand_on(replaced, file.fileno())
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no open file; elsewhere it is locked until it has its name
            os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and _is_own(error.filename):
            raise OSError(error.errno, error.strerror, path) from error  # not the other name
        raise
    _sync_folder(folder)


def _regular_file(path: str, look: Any) -> os.stat_result | None:
    """Return what the system knows of a regular file, None where there is nothing; or raise."""
    try:
        found: os.stat_result = look(path)
    except FileNotFoundError:
        if os.path.basename(path) in ("", os.curdir, os.pardir):
            raise
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for is_kind, name in _KINDS.items() if is_kind(found.st_mode)), "none")
        error = IsADirectoryError if kind == "a folder" else OSError
        raise error(f"path must be that of a file, or of none yet, got {path!r}, which is {kind}")
    return found


def _new_file(folder: str, mode: int) -> tuple[str, int]:
    """Make a file that is locked as long as it is open; return its path and its descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        temporary = os.path.join(folder, f"{_OWN}{secrets.token_hex(8)}{_END}")
        descriptor = os.open(temporary, flags, mode)
        if fcntl is None:
            return temporary, descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # taken for a leftover before it was locked
            os.close(descriptor)
            continue
        except OSError:  # a file system without locks: nobody there can take it for one
            return temporary, descriptor
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        os.close(descriptor)


def _is_own(path: Any) -> bool:
    """Return whether a path is that of an unfinished file of this host."""
    name = os.path.basename(str(path))
    return name.startswith(_OWN) and name.endswith(_END)


def _remove_leftovers(folder: str) -> None:
    """Remove what processes of this host have left that were killed: nobody holds its lock."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _is_own(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_dead(entry.path)


def _remove_if_dead(temporary: str) -> None:
    descriptor = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(temporary)
    finally:
        os.close(descriptor)


def _hand_on(replaced: os.stat_result, descriptor: int) -> None:
    """Give a new file the permissions of the one that it replaces, its owner and its group."""
    if not hasattr(os, "fchown"):
        return
    new, mode = os.fstat(descriptor), stat.S_IMODE(replaced.st_mode) & 0o777
    if (new.st_uid, new.st_gid) != (replaced.st_uid, replaced.st_gid):
        for owner in (replaced.st_uid, -1):
            with contextlib.suppress(OSError):
                os.fchown(descriptor, owner, replaced.st_gid)
                break
        else:
            mode &= 0o707  # the rights of that group are not for another
    with contextlib.suppress(OSError):  # a file system without permissions
        os.fchmod(descriptor, mode)


def _sync_folder(folder: str) -> None:
    """Make the new name last; some systems cannot, and then nothing is lost but this promise."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
