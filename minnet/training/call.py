"""What one call of a trainer was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minnet.common.types import Array, Matrix
from minnet.training.callback import Callback, as_callback
from minnet.training.interrupts import Interrupts
from minnet.training.run import Run

__all__ = ["Call"]


class Call:
    """What one call was given, and what belongs to it alone.

    Parameters
    ----------
    source : InMemory or Batches
    validation : Validation
    callbacks : list of Callback or callable
    n_epochs : int or None
        The most it may train for; None where the caller decides from epoch to epoch.

    Attributes
    ----------
    n_steps_of_part : int
        How many steps the present part of an epoch has; 1 where it has not begun.
    first_loss : float or None
        The objective at its first step.
    targets : tuple of targets and their weights, or None
        On which steps were taken last.
    ranks : Ranks or None
        Where several processes make the call together.
    """

    def __init__(
        self,
        source: Any = None,
        validation: Any = None,
        callbacks: Sequence[Callback | Callable[[Any], Any]] = (),
        n_epochs: int | None = None,
    ) -> None:
        if not isinstance(callbacks, list | tuple):
            raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r:.200}")
        self.source = source
        self.validation = validation
        self.callbacks: list[Callback] = []
        self.ranks = None if source is None else source.ranks
        self.add([as_callback(callback, f"callbacks[{i}]") for i, callback in enumerate(callbacks)])
        self.n_epochs = n_epochs
        self.n_steps_of_part = 1
        self.next_steps: list[int | None] = []
        self.interrupts = Interrupts() if self.ranks is None else self.ranks.interrupts
        self.first_loss: float | None = None
        self.targets: tuple[Matrix, Array | None] | None = None

    def add(self, callbacks: list[Callback]) -> None:
        """Have some more callbacks called; of several processes one calls them."""
        self.callbacks += callbacks if self.ranks is None else self.ranks.callbacks(callbacks)

    def validate(self, network: Any) -> tuple[float, float]:
        """Return score and loss of a network; those of rank 0, where there are several."""
        if self.ranks is None:
            return self.validation(network)
        return self.ranks.of_first(lambda: self.validation(network))

    def digest(self) -> dict[str, str]:
        """Return what tells the data of the call from others, those of all ranks."""
        own = self.source.digest() | self.validation.digest()
        return own if self.ranks is None else self.ranks.digest(own)

    @property
    def n_steps_of_fit(self) -> int | None:
        """How many steps its epochs have, if all parts are as the present one; None if it is not known."""
        parts = self.source.parts_per_epoch
        if self.n_epochs is None or parts is None:
            return None
        return self.n_epochs * parts * self.n_steps_of_part

    def steps_before(self, run: Run) -> int:
        """Return how many of them are before the present part."""
        return (run.n_epochs * self.source.parts_per_epoch + run.part) * self.n_steps_of_part
