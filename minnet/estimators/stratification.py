"""Rows set aside for validation that have the labels of all rows in proportion."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.common.types import Array, Matrix
from minnet.random import Stream

__all__ = ["stratified_rows"]


def stratified_rows(T: Matrix, n_held: int, stream: Stream) -> Array:
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
    T : ndarray of shape (n_samples,), or ndarray or CSR matrix of shape (n_samples, n_columns)
        Indices of classes, or zeros and ones, of which a matrix stores no zeros and no place twice. What
        is done takes time in proportion to the ones, and to their labels squared.
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
    >>> from minnet.estimators.stratification import stratified_rows
    >>> from minnet.random import Stream
    >>> T = np.repeat([0, 1, 2], [60, 30, 10])
    >>> held = stratified_rows(T, 20, Stream(0, "split"))
    >>> np.bincount(T[held])
    array([12,  6,  2])
    """
    n_samples = T.shape[0]
    n_columns = T.shape[1] if T.ndim == 2 else 1
    order = stream.permutation(n_samples)
    words = stream.words(n_columns, start=n_samples).tolist()  # those after the permutation's
    choose = _Classes(T, order, words) if n_columns == 1 else _Indicator(T, order, words)
    kept = np.zeros(n_samples, dtype=bool)
    while True:
        held = choose.rows(n_held, kept)
        more = choose.first_of_lost(~held)
        if len(more) == 0 or kept.sum() + len(more) > n_samples - n_held:
            return held
        kept[more] = True


def _every(rows: Array, n: int, word: int) -> Array:
    """Return n rows at equal distances, from a start that a random word decides."""
    start = word * len(rows) >> 32  # from 0 to len(rows), an n-th of which is the distance
    return rows[(np.arange(n) * len(rows) + start) // n]


class _Classes:
    """Systematic sampling of rows that have one class each."""

    def __init__(self, T: Matrix, order: Array, words: list[int]) -> None:
        self.classes = T.ravel().astype(np.intp)
        self.order = order[np.argsort(self.classes[order], kind="stable")]
        self.word = words[0]

    def rows(self, n_held: int, kept: Array) -> Array:
        """Return which rows to set aside; none of those ``kept``."""
        held = np.zeros(len(self.order), dtype=bool)
        held[_every(self.order[~kept[self.order]], n_held, self.word)] = True
        return held

    def first_of_lost(self, trained: Array) -> Array:
        """Return the first row of each class of which none is ``trained`` on."""
        _, first, labels = np.unique(self.classes, return_index=True, return_inverse=True)
        return np.sort(first[np.bincount(labels[trained], minlength=len(first)) == 0])


class _Indicator:
    """Iterative stratification of rows that have any number of labels each."""

    def __init__(self, T: Matrix, order: Array, words: list[int]) -> None:
        T = sparse.csr_array(T)
        self.shape, self.indptr, self.labels = T.shape, T.indptr, T.indices
        self.counts = np.bincount(self.labels, minlength=T.shape[1])
        self.words = words
        self.order = order[_gray_code_order(T[order], self.counts)]
        by_label = T[self.order].tocsc()
        by_label.sort_indices()
        # Of each label its rows, in their order.
        self.rows_of = np.split(self.order[by_label.indices], by_label.indptr[1:-1])

    def rows(self, n_held: int, kept: Array) -> Array:
        """Return which rows to set aside; none of those ``kept``."""
        n_samples = self.shape[0]
        left = self.counts.copy()  # rows of each label that are not yet decided on
        wanted = left * (n_held / n_samples)
        held, decided = np.zeros(n_samples, dtype=bool), np.zeros(n_samples, dtype=bool)
        n_missing = n_held
        while left.any():
            label = np.where(left > 0, left, n_samples + 1).argmin()
            rows = self.rows_of[label]
            rows = rows[~decided[rows]]
            decided[rows] = True
            left -= self._count(rows)
            rows = rows[~kept[rows]]
            n_taken = int(wanted[label] + self.words[label] / 2**32)  # rounded by chance
            n_taken = max(0, min(n_taken, n_missing, len(rows)))
            rows = _every(rows, n_taken, self.words[label])
            held[rows] = True
            n_missing -= n_taken
            wanted -= self._count(rows)
        order = self.order
        for rest in (order[~decided[order]], order):  # first those without a label
            rest = rest[~held[rest] & ~kept[rest]]
            rows = _every(rest, min(n_missing, len(rest)), self.words[0])
            held[rows] = True
            n_missing -= len(rows)
        return held

    def _count(self, rows: Array) -> Array:
        """Return how many of some rows have each label."""
        n_labels = self.indptr[rows + 1] - self.indptr[rows]
        before = np.cumsum(n_labels) - n_labels
        entries = np.arange(n_labels.sum()) + np.repeat(self.indptr[rows] - before, n_labels)
        return np.bincount(self.labels[entries], minlength=self.shape[1])

    def first_of_lost(self, trained: Array) -> Array:
        """Return the first row of each label, or without it, of which none is ``trained`` on."""
        ones = self._count(np.flatnonzero(trained))
        lost = np.flatnonzero((self.counts > 0) & (ones == 0))
        without = np.flatnonzero((self.counts < self.shape[0]) & (ones == trained.sum()))
        first = [self.rows_of[label].min() for label in lost]
        for label in without:
            rows = np.sort(self.rows_of[label])
            first.append(np.flatnonzero(np.append(rows, -1) != np.arange(len(rows) + 1))[0])
        return np.unique(np.array(first, dtype=np.intp))


def _gray_code_order(T: Matrix, counts: Array) -> Array:
    """Sort rows as a Gray code does, rare labels first: neighbours have most of their labels in common.

    That is by the parity of how many labels a row has up to each. Two rows differ there first where one
    of them has a label that the other has not, and the parity is then odd for the one that has it, if
    both have an even number of labels before it. So the keys are the places of the labels, of which every
    second counts backwards.
    """
    n_samples, n_labels = T.shape
    place = np.empty(n_labels, dtype=np.int64)
    place[np.argsort(counts, kind="stable")] = np.arange(n_labels)
    T = sparse.csr_array((T.data, place[T.indices], T.indptr), shape=T.shape)
    T.sort_indices()
    lengths = np.diff(T.indptr)
    ends = T.indptr[1:] + np.arange(n_samples)  # each row has one key more, for its end
    keys = np.full(T.nnz + n_samples, n_labels, dtype=np.int64)
    keys[np.arange(T.nnz) + np.repeat(np.arange(n_samples), lengths)] = T.indices
    depth = np.arange(len(keys)) - np.repeat(ends - lengths, lengths + 1)
    text = np.where(depth % 2 == 0, n_labels - keys, keys).astype(">u4").tobytes()
    of_rows = [text[4 * i : 4 * j] for i, j in zip(ends - lengths, ends + 1, strict=True)]
    return np.array(sorted(range(n_samples), key=of_rows.__getitem__), dtype=np.intp)
