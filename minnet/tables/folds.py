"""Which rows each member of an ensemble is trained on, and which it is scored on."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array
from minnet.random import Stream

__all__ = ["folds", "set_aside"]


def folds(T: Array, n_folds: int, stream: Stream, stratify: bool) -> Array:
    """Return the number of the fold of each row; -1 for rows that no fold may have.

    With ``stratify`` the rows are sorted by class, in a random order within each, and dealt out like
    cards: the sizes of the folds, and of each class in them, differ by one row at most. The only row of a
    class is in no fold, so that each member is trained on it.

    Parameters
    ----------
    T : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    n_folds : int
        At least 2.
    stream : Stream
        Decides what is left to chance.
    stratify : bool
        Whether ``T`` are classes, to be spread evenly.

    Returns
    -------
    ndarray of int of shape (n_samples,)

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.random import Stream
    >>> from minnet.tables.folds import folds
    >>> T = np.repeat([0, 1, 2], [8, 4, 1])
    >>> found = folds(T, 2, Stream(0, "folds"), stratify=True)
    >>> np.bincount(found[T == 0]), np.bincount(found[T == 1]), found[T == 2]
    (array([4, 4]), array([2, 2]), array([-1]))
    """
    order = stream.permutation(len(T))
    found = np.full(len(T), -1)
    if stratify:
        _, classes, counts = np.unique(T, return_inverse=True, return_counts=True)
        classes = classes.ravel()
        order = order[np.argsort(classes[order], kind="stable")]
        order = order[counts[classes[order]] > 1]
    found[order] = np.arange(len(order)) % n_folds
    return found


def set_aside(T: Array, fraction: float, stream: Stream, stratify: bool) -> Array:
    """Return which rows are set aside for validation: about that fraction, at least one of them.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.random import Stream
    >>> from minnet.tables.folds import set_aside
    >>> held = set_aside(np.repeat([0, 1], [80, 20]), 0.1, Stream(0, "split"), stratify=True)
    >>> np.bincount(np.repeat([0, 1], [80, 20])[held])
    array([8, 2])
    """
    return folds(T, max(2, round(1 / fraction)), stream, stratify) == 0
