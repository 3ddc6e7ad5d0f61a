"""What a process knows of a mini-batch of which others have rows too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minnet.common.types import Array, DTypeLike

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """The rows of a mini-batch that one of several processes has, maybe none, and what all have.

    Attributes
    ----------
    n_rows : int
        Rows of the mini-batch in all processes.
    total : callable
        ``total(numbers)`` returns the sum of an array over all processes. All call it alike.
    weight : float or None
        Sum of the sample weights of the mini-batch; None without sample weights.
    squares : float or None
        Sum of the squares of their shares in it; None: they are alike.
    leads : bool
        Whether it is this process that counts what is there once: the L2 term.
    """

    n_rows: int
    total: Callable[[Array], Array]
    weight: float | None = None
    squares: float | None = None
    leads: bool = True

    def shares(self, n: int, sample_weight: Array | None, dtype: DTypeLike) -> Array:
        """Return the shares of this process's ``n`` rows in the weights of the mini-batch."""
        if sample_weight is None or not self.weight:
            return np.full((n, 1), 1 / self.n_rows, dtype=dtype)
        return (sample_weight / self.weight).astype(dtype)[:, np.newaxis]

    @property
    def squares_of_shares(self) -> float:
        """Return the sum of the squares of the shares of all rows."""
        return self.squares if self.weight and self.squares is not None else 1 / self.n_rows
