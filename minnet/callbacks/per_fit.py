"""What a callback keeps of each fit that it watches at present."""

from weakref import WeakKeyDictionary

__all__ = ["PerFit"]


class PerFit(WeakKeyDictionary):
    """A value for each trainer; empty in copies and pickles, whose fits are others.

    Examples
    --------
    >>> import copy
    >>> class Trainer:
    ...     pass
    >>> trainer, values = Trainer(), PerFit()
    >>> values[trainer] = "an open file"
    >>> len(values), len(copy.deepcopy(values))
    (1, 0)
    """

    def __reduce__(self):
        return PerFit, ()

    def __copy__(self):
        return PerFit()

    def __deepcopy__(self, memo):
        return PerFit()
