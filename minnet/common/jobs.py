"""What ``n_jobs`` would have other threads or processes do, done by this thread."""

from __future__ import annotations

import warnings
from typing import Any

from joblib import parallel_config
from joblib.parallel import SequentialBackend

from minnet.common.callers import level_of_user

__all__ = ["one_at_a_time"]


class _ThisThread(SequentialBackend):
    """Takes one call after the other, whatever ``n_jobs`` says, which it warns of once."""

    def __init__(self, warns: bool) -> None:
        super().__init__()
        self._warns = warns

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        one = int(super().effective_n_jobs(1 if n_jobs is None else n_jobs))
        if n_jobs not in (None, 1) and self._warns:
            self._warns = False
            warnings.warn(
                f"n_jobs is taken as 1 in a block of together, got {n_jobs}: other threads and processes "
                "are outside of the block, where each fit would be of the rows of one rank alone",
                stacklevel=level_of_user(),
            )
        return one


def one_at_a_time(warns: bool) -> Any:
    """Return a block in which what joblib would start, for scikit-learn or others, stays in this thread.

    Parameters
    ----------
    warns : bool
        Whether a warning says so where something else is asked for.

    Examples
    --------
    >>> from joblib import Parallel, delayed
    >>> with one_at_a_time(warns=False):
    ...     Parallel(n_jobs=2)(delayed(pow)(n, 2) for n in range(3))
    [0, 1, 4]
    """
    return parallel_config(backend=_ThisThread(warns))
