"""One task for each worker: the ranks of a fit, from their start to the first error or the result."""

from __future__ import annotations

import contextlib
import time
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

from minnet.common.callers import level_of_user
from minnet.common.types import Estimator
from minnet.dask.placement import Shard
from minnet.dask.watch import Watch, WorkerLostError
from minnet.dask.worker import Result, address_towards, ask_to_stop, train

__all__ = ["alone", "run_ranks"]

_LOCK = "minnet-fit"
_TURN = (
    5.0  # seconds for which a turn is waited for at once: longer, and Ctrl-C would leave a claim
)
_PATIENCE = 4.0  # seconds in which the cause of an error is looked for on other workers

#: What :class:`minnet.distributed.Gloo` says of ranks that have not begun.
_NOT_COME = "has come to"


@contextlib.contextmanager
def alone(client: Any) -> Iterator[None]:
    """Let one fit at a time have the workers: two that each hold half of them would wait for ever."""
    from distributed import Lock

    # The lease ends by itself, some seconds after a program that holds it has been killed.
    lock = Lock(_LOCK, scheduler_rpc=client.scheduler, loop=client.loop)
    try:
        while not lock.acquire(timeout=_TURN):
            pass
        try:
            yield
        finally:
            lock.release()
    finally:
        if hasattr(lock, "refresh_callback"):
            client.loop.add_callback(lock.refresh_callback.stop)


def run_ranks(
    client: Any, estimator: Estimator, shards: list[Shard], timeout: float, watch: Watch
) -> Result:
    """Train an estimator, a rank on each shard; return what rank 0 has to tell.

    The first error ends all ranks. Ctrl-C asks them to stop, and to keep what they have reached; a second
    one ends them.
    """
    fit, size = uuid.uuid4().hex, len(shards)
    options = {"allow_other_workers": False, "pure": False}
    address = client.submit(
        address_towards, _host(shards[-1].worker), workers=[shards[0].worker], **options
    )
    tasks = [
        client.submit(
            train, fit, estimator, shard.data, rank, size, address, timeout,
            workers=[shard.worker], **options,
        )
        for rank, shard in enumerate(shards)
    ]  # fmt: skip
    try:
        try:
            return _result(tasks, shards, watch)
        except KeyboardInterrupt:
            if estimator.solver == "lbfgs":  # has no callbacks, through which it could be asked
                raise
            warnings.warn(
                "the fit is asked to stop after the present step, and to keep what it has reached; "
                "Ctrl-C again ends it without",
                stacklevel=level_of_user(),
            )
            client.run(ask_to_stop, fit, workers=[shards[0].worker], on_error="ignore")
            return _result(tasks, shards, watch)
    except Exception as error:
        cause = _cause(tasks, shards, watch, error)
        raise cause from (error if cause is not error else None)
    finally:
        # What runs notices at its next sum that nobody waits for it.
        client.cancel([address, *tasks], force=True)


def _result(tasks: list[Any], shards: list[Shard], watch: Watch) -> Result:
    """Wait for all ranks, or for the first error."""
    waiting = dict(zip(tasks, shards, strict=True))
    while waiting:
        # A worker that is done may go.
        watch.needed = {shard.worker for shard in waiting.values()}
        watch.wait(waiting, any_of_them=True)
        waiting = {task: shard for task, shard in waiting.items() if not task.done()}
    result: Result = tasks[0].result()
    return result


def _host(address: str) -> str:
    from distributed.comm import get_address_host

    return str(get_address_host(address))


def _cause(tasks: list[Any], shards: list[Shard], watch: Watch, first: Exception) -> BaseException:
    """Return what has caused the error that came first: a lost worker, or what its own rank has raised."""
    busy = _busy(tasks, shards, watch.client) if _NOT_COME in str(first) else ""
    if busy:
        return TimeoutError(
            f"{busy}, so that it has not begun its part of the fit within {watch.timeout:g} seconds "
            "(timeout): wait for that first, or make timeout longer"
        )
    watch.needed = {shard.worker for shard in shards}
    until = time.monotonic() + _PATIENCE
    while True:
        is_over = all(task.done() for task in tasks) or time.monotonic() > until
        raised = [task.exception() for task in tasks if task.status == "error"]
        own = [error for error in raised if not _tells_of_another(error)]
        if own:
            return own[0]
        try:
            watch.look()
        except WorkerLostError as lost:
            return lost
        if is_over:
            return first
        time.sleep(0.1)


def _tells_of_another(error: BaseException) -> bool:
    """Return whether an error says of a rank only that another one has failed."""
    named = isinstance(error, RuntimeError) and str(error).startswith("rank ")
    return named or isinstance(error, ConnectionError | TimeoutError | WorkerLostError)


def _busy(tasks: list[Any], shards: list[Shard], client: Any) -> str:
    """Say which worker is busy with something else, if there is one."""
    processing, own = client.processing(), {task.key for task in tasks}
    for task, shard in zip(tasks, shards, strict=True):
        others = [str(key) for key in processing.get(shard.worker, ()) if key not in own]
        if others and not task.done():
            return f"the worker {shard.worker} is busy with {', '.join(others):.200}"
    return ""
