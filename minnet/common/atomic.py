"""A file is there as a whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from typing import Any

__all__ = ["write_atomically"]


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a file for writing that takes the place of ``path`` when the block ends without an error.

    It is written beside ``path`` under another name, flushed to the disk and renamed, so that whoever
    opens ``path`` at any time finds the old file or the new one, also after the process was killed or
    the power failed. After an error the old file is as it was, and nothing is left beside it; only a
    killed process may leave its unfinished file, ``.minnet-*.tmp``. Permissions are as the umask has
    them. Where ``path`` is a symbolic link, the file that it points to is replaced.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    file : binary file object

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
    path = os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".minnet-{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and temporary in (error.filename, error.filename2):
            raise OSError(error.errno, error.strerror, path) from error  # not the other name
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the new name last; some systems cannot, and then nothing is lost but this promise."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
