"""What one call of a trainer was given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minnet.training.callback import Callback, as_callback
from minnet.training.interrupts import Interrupts

__all__ = ["Call"]


class Call:
    """What one call was given, and what belongs to it alone."""

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
        self.callbacks = [as_callback(callback) for callback in callbacks]
        self.next_steps: list[int | None] = []
        self.interrupts = Interrupts()
