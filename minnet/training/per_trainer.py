"""What a callback keeps of each training that it watches at present."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["PerTrainer"]


class PerTrainer(WeakKeyDictionary):
    """A value for each trainer; empty in copies and pickles, whose fits are others.

    Examples
    --------
    >>> import copy
    >>> class Trainer:
    ...     pass
    >>> trainer, values = Trainer(), PerTrainer()
    >>> values[trainer] = "an open file"
    >>> len(values), len(copy.deepcopy(values))
    (1, 0)
    """

    def __reduce__(self) -> Any:
        return PerTrainer, ()

    def __copy__(self) -> PerTrainer:
        return PerTrainer()

    def __deepcopy__(self, memo: Any) -> PerTrainer:
        return PerTrainer()
