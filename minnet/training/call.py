"""What one call of a trainer was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minnet.common.types import Array, Matrix
from minnet.training.callback import Callback, as_callback
from minnet.training.interrupts import Interrupts

__all__ = ["Call"]


class Call:
    """What one call was given, and what belongs to it alone.

    Attributes
    ----------
    first_loss : float or None
        The objective at its first step.
    targets : tuple of targets and their weights, or None
        On which steps were taken last.
    """

    def __init__(
        self,
        source: Any = None,
        validation: Any = None,
        callbacks: Sequence[Callback | Callable[[Any], Any]] = (),
    ) -> None:
        if not isinstance(callbacks, list | tuple):
            raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r:.200}")
        self.source = source
        self.validation = validation
        self.callbacks = [
            as_callback(callback, f"callbacks[{i}]") for i, callback in enumerate(callbacks)
        ]
        self.next_steps: list[int | None] = []
        self.interrupts = Interrupts()
        self.first_loss: float | None = None
        self.targets: tuple[Matrix, Array | None] | None = None
