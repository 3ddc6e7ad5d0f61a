"""Dask's collections as parts, whose rows lie on the workers one after the other."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.frames import is_dask_array, is_dask_collection, is_dask_frame
from minnet.dask.watch import Watch

__all__ = ["Parts", "check_collection", "joined", "of_whole_rows", "parts_of", "rows_of_part"]


@dataclass(frozen=True)
class Parts:
    """One collection, of which each part is the result of a task.

    Attributes
    ----------
    futures : list of Future
        In the order of the rows.
    ends : list of int
        How many rows there are up to the end of each part.
    """

    futures: list[Any]
    ends: list[int]

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return self.ends[-1]

    def within(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """Return where rows from ``first`` up to ``last`` lie: numbers of parts, and which rows of each.

        Where there are no such rows it is one part without rows, which has columns.
        """
        found = []
        for i in range(bisect.bisect_right(self.ends, first), len(self.ends)):
            begin = self.ends[i - 1] if i else 0
            if begin >= last:
                break
            rows = max(first - begin, 0), min(last, self.ends[i]) - begin
            if rows[0] < rows[1]:
                found.append((i, *rows))
        return found or [(0, 0, 0)]

    def pieces(self, client: Any, first: int, last: int) -> list[Any]:
        """Return rows from ``first`` up to ``last`` as results of tasks, cut where the parts lie."""
        return [
            self.futures[i]
            if rows == [0, self.ends[i] - (self.ends[i - 1] if i else 0)]
            else client.submit(rows_of_part, self.futures[i], *rows, pure=False)
            for i, *rows in self.within(first, last)
        ]


def check_collection(name: str, value: Any) -> None:
    """Raise unless a value is an array, a frame or a column of Dask's."""
    if not (is_dask_array(value) or is_dask_frame(value)):
        kind = type(value).__name__
        what = "one of dask.delayed" if is_dask_collection(value) else f"a {kind}"
        raise TypeError(
            f"{name} must be a Dask array, DataFrame or Series, got {what}: make it one "
            "(dask.array.from_array, dask.dataframe.from_pandas), or take the estimator of this name "
            "without Dask"
        )
    if getattr(value, "ndim", 1) not in (1, 2):
        raise ValueError(f"{name} must have one axis or two, got {value.ndim}")


def parts_of(client: Any, collections: dict[str, Any], watch: Watch) -> dict[str, Parts]:
    """Have collections computed on the workers; return their parts.

    What they have in common, such as a file that is read, is computed once. How many rows a part has is
    found out from the part itself, since chunks may be of unknown sizes.
    """
    parts: dict[str, list[Any]] = {}
    for is_kind in (is_dask_array, is_dask_frame):  # Dask does not optimize them together
        kind = {name: value for name, value in collections.items() if is_kind(value)}
        made = client.persist([of_whole_rows(value) for value in kind.values()]) if kind else []
        parts |= {name: _futures(each) for name, each in zip(kind, made, strict=True)}
    everything = [future for futures in parts.values() for future in futures]
    watch.wait(everything)
    counted = client.map(_n_rows, everything, pure=False)
    watch.wait(counted)
    counts = iter(client.gather(counted))
    return {
        name: Parts(futures, np.cumsum([next(counts) for _ in futures]).tolist())
        for name, futures in parts.items()
    }


def of_whole_rows(collection: Any) -> Any:
    """Return a collection whose parts have all columns."""
    if is_dask_array(collection) and collection.ndim == 2 and collection.numblocks[1] > 1:
        return collection.rechunk({1: -1})
    return collection


def _futures(collection: Any) -> list[Any]:
    """Return the parts of a collection that is being computed, in their order."""
    from distributed import futures_of

    # Keys are (name, number of the part).
    return sorted(futures_of(collection), key=lambda future: future.key[1])


def _n_rows(part: Any) -> int:
    return int(part.shape[0])


def rows_of_part(part: Any, first: int, last: int) -> Any:
    """Return rows from ``first`` up to ``last`` of an array, a sparse matrix, a frame or a column."""
    if sparse.issparse(part):
        return part.tocsr()[first:last]
    return part.iloc[first:last] if hasattr(part, "iloc") else part[first:last]


def joined(pieces: list[Any]) -> Any:
    """Return pieces, at least one, as one array, matrix, frame or column."""
    # One without rows may be of any dtype.
    pieces = [each for each in pieces if each.shape[0]] or pieces[:1]
    if len(pieces) == 1:
        return pieces[0]
    if any(sparse.issparse(each) for each in pieces):
        return sparse.vstack(pieces, format="csr")
    if any(isinstance(each, np.ma.MaskedArray) for each in pieces):
        return np.ma.concatenate(pieces)  # what is masked is refused by the fit
    frames = sum(hasattr(each, "iloc") for each in pieces)
    if not frames:
        return np.concatenate(pieces)
    if frames < len(pieces):
        names = " and ".join(sorted({type(each).__name__ for each in pieces}))
        raise TypeError(f"the parts of a collection must be of one kind, got {names}")
    import pandas as pd

    return pd.concat(pieces)
