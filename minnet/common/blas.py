"""Sums of the libraries below NumPy and SciPy that do not depend on how many threads these have."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

from threadpoolctl import OpenBLASController, ThreadpoolController

__all__ = ["one_blas_thread"]

_lock = threading.Lock()
_inside = 0  # how many blocks there are at present, in all threads
_limit: Any = None


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS and LAPACK compute on one thread while the block lasts, in the whole process.

    They split sums over their threads, so that the last bits depend on how many there are: in a worker of
    joblib others than in its parent. The setting is that of the process. So where blocks of several
    threads overlap, the first one sets it, and the last one puts back what was there. It takes some 25
    microseconds, and the first time some milliseconds to find the libraries.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with one_blas_thread():
    ...     {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
    {1}
    """
    global _inside, _limit
    with _lock:
        if not _inside:
            _take_control()
            _limit = _libraries().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _take_control()
                _limit.restore_original_limits()


@functools.cache
def _libraries() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  # has a BLAS of its own, which must be there to be found

    return ThreadpoolController()


def _take_control() -> None:
    """Have threadpoolctl 3.8 or newer listen to this thread.

    It does to the one that set a limit first, and until that is taken back the others' calls do nothing.
    """
    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def _begin_anew() -> None:
    """Forget what other threads of a process were doing when it was forked."""
    global _lock, _inside
    _lock, _inside = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
