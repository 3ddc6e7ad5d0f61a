"""Ranks that are processes, connected by gloo, which may be killed and stopped."""

import functools
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import wait
from typing import NamedTuple

#: The most seconds that any of it may take: a hang, then.
LONGEST = 120


class Outcome(NamedTuple):
    """What became of a rank."""

    value: object = None  # what it returned
    error: BaseException | None = None  # what it raised
    status: int | None = None  # with which it ended before it had said anything
    seconds: float = 0  # until then, from the moment on when it began to run


@functools.cache
def _starter():
    """Return what forks a process that has imported all there is to import, in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["minnet.distributed", "minnet.callbacks", "torch.distributed"])
    return context


def outcomes(size, function, *arguments, stopped=(), with_processes=None):
    """Return the :class:`Outcome` of ``function(rank, size, address, *arguments)`` of each rank.

    ``stopped`` are ranks that stop themselves for ever: they are not waited for. ``with_processes`` is
    called with the ids of all processes before they begin.
    """
    from minnet.distributed import free_address

    context, address = _starter(), free_address("127.0.0.1")
    pipes = [context.Pipe() for _ in range(size)]
    processes = [
        context.Process(
            target=_run, args=(pipes[rank][1], function, rank, size, address, arguments)
        )
        for rank in range(size)
    ]
    try:
        for process, (_, theirs) in zip(processes, pipes, strict=True):
            process.start()
            theirs.close()
        if with_processes is not None:
            with_processes([process.pid for process in processes])
        for ours, _ in pipes:
            ours.send("begin")
        began, found = time.monotonic(), {}
        for rank in set(range(size)) - set(stopped):
            found[rank] = None
        while waiting := [rank for rank, outcome in found.items() if outcome is None]:
            ready = wait([pipes[rank][0] for rank in waiting], began + LONGEST - time.monotonic())
            assert ready, f"ranks {waiting} hang"
            for rank in waiting:
                if pipes[rank][0] in ready:
                    found[rank] = _heard(pipes[rank][0], processes[rank], time.monotonic() - began)
        return [found.get(rank, Outcome()) for rank in range(size)]
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()


def _heard(pipe, process, seconds):
    try:
        value, error = pipe.recv()
        return Outcome(value, error, seconds=seconds)
    except EOFError:
        process.join()
        return Outcome(status=process.exitcode, seconds=seconds)


def _run(pipe, function, rank, size, address, arguments):
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    pipe.recv()
    try:
        said = function(rank, size, address, *arguments), None
    except BaseException as error:
        said = None, error
    pipe.send(said)


def stop_for_ever():
    """Be there, and say nothing."""
    os.kill(os.getpid(), signal.SIGSTOP)
