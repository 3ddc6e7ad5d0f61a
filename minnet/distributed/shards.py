"""One process that takes the batches which several would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minnet.common.checks import is_whole
from minnet.common.communicator import Communicator
from minnet.common.types import Array

__all__ = ["Shards"]


class Shards(Communicator):
    """Lets one process that has the rows of all shards train as several would that have one each.

    In its block a fit takes the same rows in the same steps, so that anyone can check that a training by
    several processes is that of one: in float64 the weights are equal but for rounding.

    Parameters
    ----------
    sizes : sequence of int
        Rows of each shard, in the order in which they lie in ``X``; a shard may have none.

    Raises
    ------
    ValueError
        If a size is none, or if a fit is given another number of rows than their sum.

    Examples
    --------
    >>> from minnet import MinNetClassifier
    >>> from minnet.distributed import Shards, together
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> with together(Shards([70, 0, 80])):  # as three processes would
    ...     clf = MinNetClassifier(max_iter=5, random_state=0).fit(X, y)

    >>> clf.n_iter_
    5
    """

    rank, size = 0, 1
    shards: tuple[int, ...]

    def __init__(self, sizes: Sequence[int]) -> None:
        if not isinstance(sizes, list | tuple) or not sizes or not all(map(_is_size, sizes)):
            raise ValueError(
                f"sizes must be a list of numbers of rows, one for each shard, got {sizes!r:.200}"
            )
        self.shards = tuple(int(size) for size in sizes)

    def __repr__(self) -> str:
        return f"Shards({list(self.shards)!r:.200})"

    def sum(self, numbers: Array) -> None:
        """Leave an array as it is: there is one process.

        Parameters
        ----------
        numbers : ndarray
            As the base has it.
        """

    def gather(self, thing: Any) -> list[Any]:
        """Return a list of what was given.

        Parameters
        ----------
        thing : object
            As the base has it.
        """
        return [thing]

    def abort(self) -> None:
        """Do nothing: nobody waits."""


def _is_size(size: Any) -> bool:
    return is_whole(size, 0)
