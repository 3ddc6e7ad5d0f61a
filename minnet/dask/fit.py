"""A fit on the workers of a cluster, from collections to what it leaves."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet.common.callers import level_of_user
from minnet.common.types import Estimator
from minnet.dask.parts import Parts, check_collection, parts_of
from minnet.dask.placement import Shard, shards_of
from minnet.dask.ranks import alone, run_ranks
from minnet.dask.watch import Watch, workers_of
from minnet.dask.worker import Result
from minnet.training.callback import Callback

__all__ = ["fit_on_workers"]

#: What a worker is that takes part: one that is paused, since its memory is nearly full, will go on.
_RUNNING = ("running", "paused")


def fit_on_workers(estimator: Estimator, data: dict[str, Any]) -> None:
    """Fit an estimator of this package; if that fails, it is as it was.

    Parameters
    ----------
    estimator : DaskMinNetClassifier or DaskMinNetRegressor
    data : dict of str to collection
        By the arguments of ``fit``; without those that are None.
    """
    estimator._validate_params()
    for name, collection in data.items():
        check_collection(name, collection)
    client = estimator._client()
    call = object()
    if estimator.__dict__.setdefault("_in_dask_fit", call) is not call:
        raise RuntimeError(
            f"a {type(estimator).__name__} must not be fitted by two calls at once, got one from another "
            "thread: let the other end first, or clone it"
        )
    try:
        local = estimator._unfitted()
        if estimator.warm_start:
            vars(local).update(estimator._fitted())
        watch = Watch(client, estimator.timeout)
        with _off_the_worker(), alone(client):
            shards = _shards(client, data, watch, _of_first(estimator))
            result = run_ranks(client, local, shards, estimator.timeout, watch)
    finally:
        del estimator._in_dask_fit
    _take_over(estimator, result)
    for warning in result.warned:
        warnings.warn(warning, stacklevel=level_of_user())


@contextlib.contextmanager
def _off_the_worker() -> Iterator[None]:
    """Where a task calls ``fit``, give its thread to the tasks of the fit, which may need it."""
    from distributed import rejoin, secede

    try:
        secede()
    except ValueError:  # it is no task
        yield
        return
    try:
        yield
    finally:
        rejoin()


def _of_first(estimator: Estimator) -> frozenset[str]:
    """Return what rank 0 has as a whole: a validation set whose score is no sum over its rows."""
    if estimator.scoring in (None, "loss", "refinement"):
        return frozenset()
    return frozenset({"X_val", "y_val", "sample_weight_val"})


def _shards(
    client: Any, data: dict[str, Any], watch: Watch, of_first: frozenset[str]
) -> list[Shard]:
    """Return the rows of each worker; the parts that they were made of are let go."""
    workers = workers_of(client).items()
    running = sorted(address for address, worker in workers if worker["status"] in _RUNNING)
    if not running:
        raise RuntimeError(
            "the cluster has no worker that runs: client.wait_for_workers(n) waits until there are n"
        )
    watch.needed = set(running)
    parts = parts_of(client, data, watch)
    _check_rows(parts)
    return shards_of(client, parts, running, watch, of_first)


def _check_rows(parts: dict[str, Parts]) -> None:
    for name, each in parts.items():
        of = "X_val" if name.endswith("_val") else "X"
        if of in parts and each.n_rows != parts[of].n_rows:
            raise ValueError(
                f"{name} must have a row for each of {of}, got {each.n_rows} and {parts[of].n_rows}"
            )
    if not parts["X"].n_rows:
        raise ValueError("X must have at least one row, got none in any of its parts")


def _take_over(estimator: Estimator, result: Result) -> None:
    """Have an estimator fitted as rank 0's is, and its callbacks as that has left them."""
    fitted = estimator._fitted()
    others = {name: value for name, value in vars(estimator).items() if name not in fitted}
    there = vars(result.estimator).items()
    estimator.__dict__ = others | {name: value for name, value in there if name not in others}
    if isinstance(estimator.random_state, np.random.RandomState):
        estimator.random_state.set_state(result.estimator.random_state.get_state())
    for own, done in zip(vars(estimator).get("_skl_callbacks", ()), result.callbacks, strict=True):
        if isinstance(own, Callback):
            # What is a function is not a record, and a copy of the user's would not be the user's.
            vars(own).update({k: v for k, v in vars(done).items() if not callable(v)})
