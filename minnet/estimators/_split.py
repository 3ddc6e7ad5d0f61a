"""Which rows are set aside for validation, so that both parts have the labels in proportion."""

import numpy as np

__all__ = ["stratified_rows"]


def stratified_rows(T, n_held, stream):
    """Choose rows for validation that have the labels of all rows in proportion.

    Classes: the rows are sorted by class, in a random order within each, and from a random start on
    every ``n_samples / n_held``-th is taken (systematic sampling [1]_). Of c rows of a class that is
    ``c * n_held / n_samples``, rounded down or up, for every number of classes and of rows.

    Multilabel indicators: iterative stratification [2]_. The label with the fewest rows left to
    decide on gets its share of them, at equal distances in the order of their other labels; what they
    bring of these counts towards the shares of these. Rows without a label come last. A few
    labels are within a row of their shares; of dozens the frequent ones may be several rows off.

    What a label needs most are rows to train on: where all of its rows would be set aside, one is
    kept back and another taken instead, as long as there are enough rows.

    Parameters
    ----------
    T : ndarray of shape (n_samples,) or (n_samples, n_columns)
        Indices of classes, or zeros and ones.
    n_held : int
        From 1 to ``n_samples``.
    stream : Stream
        Decides what is left to chance.

    Returns
    -------
    ndarray of bool of shape (n_samples,)
        True for the rows set aside.

    References
    ----------
    .. [1] W. G. Cochran, Sampling Techniques, 3rd edition, Wiley 1977, chapter 8.
    .. [2] K. Sechidis, G. Tsoumakas, I. Vlahavas, On the Stratification of Multi-Label Data, ECML
       PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.estimators._split import stratified_rows
    >>> from minnet.random import Stream
    >>> T = np.repeat([0, 1, 2], [60, 30, 10])
    >>> held = stratified_rows(T, 20, Stream(0, "split"))
    >>> np.bincount(T[held])
    array([12,  6,  2])
    """
    columns = T.reshape(len(T), -1).astype(np.intp)
    n_samples, n_columns = columns.shape
    choose = _systematic if n_columns == 1 else _iterative
    order = stream.permutation(n_samples)
    words = stream.words(n_columns, start=n_samples).tolist()  # those after the permutation's
    labels = columns + 2 * np.arange(n_columns)  # a number for each value of each column
    n_labels = labels.max() + 1
    kept = np.zeros(n_samples, dtype=bool)
    while True:
        held = choose(columns, n_held, kept, order, words)
        # Of each label that is lost to training, the first row.
        lost = np.bincount(labels[~held].ravel(), minlength=n_labels) == 0
        rows, at = np.nonzero(lost[labels])
        _, first = np.unique(labels[rows, at], return_index=True)
        more = np.unique(rows[first])
        if len(more) == 0 or kept.sum() + len(more) > n_samples - n_held:
            return held
        kept[more] = True


def _every(rows, n, word):
    """Return n rows at equal distances, from a start that a random word decides."""
    start = word * len(rows) >> 32  # from 0 to len(rows), an n-th of which is the distance
    return rows[(np.arange(n) * len(rows) + start) // n]


def _systematic(columns, n_held, kept, order, words):
    order = order[np.argsort(columns[order, 0], kind="stable")]
    held = np.zeros(len(order), dtype=bool)
    held[_every(order[~kept[order]], n_held, words[0])] = True
    return held


def _iterative(columns, n_held, kept, order, words):
    left = columns.sum(axis=0)  # rows of each label that are not yet decided on
    # In the order of a Gray code: neighbours have most of their labels in common.
    rarest_first = np.argsort(left, kind="stable")
    keys = np.bitwise_xor.accumulate(columns[:, rarest_first], axis=1)
    order = order[np.lexsort(keys[order].T[::-1])]
    wanted = left * (n_held / len(columns))
    held = np.zeros(len(columns), dtype=bool)
    decided = np.zeros(len(columns), dtype=bool)
    while left.any():
        label = np.where(left > 0, left, len(columns) + 1).argmin()
        rows = order[(columns[order, label] == 1) & ~decided[order]]
        decided[rows] = True
        left -= columns[rows].sum(axis=0)
        rows = rows[~kept[rows]]
        n_taken = int(wanted[label] + words[label] / 2**32)  # rounded by chance
        n_taken = max(0, min(n_taken, n_held - held.sum(), len(rows)))
        rows = _every(rows, n_taken, words[label])
        held[rows] = True
        wanted -= columns[rows].sum(axis=0)
    for rest in (order[~decided[order]], order):  # first those without a label
        rest = rest[~held[rest] & ~kept[rest]]
        rows = _every(rest, min(n_held - held.sum(), len(rest)), words[0])
        held[rows] = True
    return held
