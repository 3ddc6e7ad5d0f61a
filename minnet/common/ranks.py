"""What is of all ranks where several processes train together; of the one there is, otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from minnet.common.communicator import exchange, in_use
from minnet.common.types import Array

__all__ = [
    "joined", "mean_of_ranks", "of_ranks", "place_among_ranks", "sum_of_ranks",
]  # fmt: skip

_Thing = TypeVar("_Thing")


def of_ranks(function: Callable[[], _Thing]) -> list[_Thing]:
    """Return what a function returns on each rank; see :func:`minnet.common.communicator.exchange`."""
    communicator = in_use()
    return [function()] if communicator is None else exchange(communicator, function)


def sum_of_ranks(numbers: Any) -> Any:
    """Return the sum of a number or an array over the ranks; what is given where there is one."""
    first, *others = of_ranks(lambda: numbers)
    for other in others:
        first = first + other
    return first


def mean_of_ranks(x: Array, weights: Array | None) -> Array:
    """Return the mean of each column of the rows of all ranks, which may have weights."""
    communicator = in_use()
    if communicator is None or communicator.size == 1:
        return np.average(x, axis=0, weights=weights)
    weighted = x if weights is None else x * weights[:, np.newaxis]
    sums = np.append(weighted.sum(axis=0), len(x) if weights is None else weights.sum())
    sums = sum_of_ranks(sums)
    return sums[:-1] / sums[-1]


def joined(parts: Sequence[Any]) -> Any:
    """Return parts of the rows as one array or matrix; those that are None are left out."""
    parts = [part for part in parts if part is not None]
    if len(parts) <= 1:
        return parts[0] if parts else None
    if any(map(sparse.issparse, parts)):
        return sparse.vstack([sparse.csr_array(part) for part in parts], format="csr")
    return np.concatenate(parts)


def place_among_ranks(n: int) -> tuple[int, int]:
    """Return how many rows the ranks before have, and how many there are, where this one has so many."""
    communicator = in_use()
    if communicator is None:
        return 0, n
    sizes = exchange(communicator, lambda: n)
    return sum(sizes[: communicator.rank]), sum(sizes)
