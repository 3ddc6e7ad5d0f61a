"""Which worker has which rows: shards, which are of the same rows wherever Dask has put the parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minnet.dask.parts import Parts, joined
from minnet.dask.watch import Watch

__all__ = ["Shard", "shards_of"]


@dataclass(frozen=True)
class Shard:
    """The rows that one worker trains on.

    Attributes
    ----------
    worker : str
        Its address.
    data : dict of str to Future
        By the arguments of ``fit``.
    """

    worker: str
    data: dict[str, Any]


def shards_of(
    client: Any,
    parts: dict[str, Parts],
    workers: list[str],
    watch: Watch,
    of_first: frozenset[str] = frozenset(),
) -> list[Shard]:
    """Return shards in the order of the rows, as equal as can be, each on a worker of its own.

    Parameters
    ----------
    client : distributed.Client
    parts : dict of str to Parts
        By the arguments of ``fit``; those that have rows in common have equally many.
    workers : list of str
        Their addresses. Those that have no row are left out.
    watch : Watch
        Is told which workers are needed.
    of_first : frozenset of str
        Those of which the first rank has all rows, and the others have none.
    """
    size = min(len(workers), max(parts["X"].n_rows, 1))
    placed = _nearest_workers(client, parts["X"], workers, size)
    watch.needed |= set(placed)
    shards = []
    for rank, worker in enumerate(placed):
        data = {
            name: _shard(client, each, rank, size, worker)
            if name not in of_first
            else _shard(client, each, 0, 1, worker)
            for name, each in parts.items()
            if name not in of_first or rank == 0
        }
        shards.append(Shard(worker, data))
    watch.wait(future for shard in shards for future in shard.data.values())
    return shards


def _bounds(n_rows: int, rank: int, size: int) -> tuple[int, int]:
    return n_rows * rank // size, n_rows * (rank + 1) // size


def _nearest_workers(client: Any, parts: Parts, workers: list[str], size: int) -> list[str]:
    """Return a worker for each rank: one that has many of its rows, so that few have to move."""
    holders = client.who_has(parts.futures)
    there: dict[tuple[int, str], int] = {}
    for rank in range(size):
        for i, first, last in parts.within(*_bounds(parts.n_rows, rank, size)):
            for worker in holders.get(parts.futures[i].key, ()):
                there[rank, worker] = there.get((rank, worker), 0) + last - first
    placed: dict[int, str] = {}
    for rank, worker in sorted(there, key=lambda pair: (-there[pair], pair)):
        if worker in workers and rank not in placed and worker not in placed.values():
            placed[rank] = worker
    others = iter([worker for worker in workers if worker not in placed.values()])
    return [placed[rank] if rank in placed else next(others) for rank in range(size)]


def _shard(client: Any, parts: Parts, rank: int, size: int, worker: str) -> Any:
    """Return the rows of one rank, as the result of a task on its worker."""
    return client.submit(
        joined,
        parts.pieces(client, *_bounds(parts.n_rows, rank, size)),
        workers=[worker],
        allow_other_workers=False,
        pure=False,
    )
