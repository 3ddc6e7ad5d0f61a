"""A file is written as a whole or not at all."""

import contextlib
import os
import secrets

__all__ = ["write_file"]


def write_file(path, content):
    """Put ``content`` (bytes) at ``path``, at once: after an error the old file is as it was.

    It is written beside ``path``, flushed to the disk and renamed. Where ``path`` is a symbolic link,
    the file that it points to is replaced.
    """
    path = os.path.realpath(os.fsdecode(path))
    temporary = os.path.join(os.path.dirname(path), f".minnet-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename, error.filename2 = path, None  # not the other name
        raise
