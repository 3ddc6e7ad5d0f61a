"""What a column of a table becomes: learned from its rows, kept as plain numbers and texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common.types import Array

__all__ = ["Category", "Number", "fit_category", "fit_number", "scaled", "weighted_quantiles"]

#: Beyond it a scaled number is +-3 in any precision: so huge numbers and infinite ones are.
FAR = 1e100

#: Edges that are nearer are one: the numbers between them are the same in float32.
_NEAR = 1e-6

#: The scale of numbers that are all the same: all others are as near as they can be.
_ENDLESS = float(np.finfo(np.float64).max)

_FEW_CATEGORIES = 30
_FEW_ROWS = 5


@dataclass(frozen=True)
class Number:
    """A column of numbers.

    Attributes
    ----------
    center, scale : float
        Median and interquartile range.
    edges : ndarray of shape (n_edges,) or None
        Of the pieces, in units of the scaled column; None if it stays as it is.
    least, most : float
        Within which the scaled column stays: as far beyond the edges as the outermost pieces are wide.
    varies : bool
        Whether two of the known numbers differ; the column has no output otherwise.
    indicates_missing : bool
        Whether some but not all were missing, which a column of its own then says.
    """

    center: float
    scale: float
    edges: Array | None
    least: float
    most: float
    varies: bool
    indicates_missing: bool


@dataclass(frozen=True)
class Category:
    """A column of categories.

    Attributes
    ----------
    values : list of str, int, float or bool
        Those of the training rows, sorted.
    codes : list of int
        The code of each of them, from 0 to ``n_codes`` - 1.
    n_codes : int
        0 where all rows were the same: the column then has no output.
    infrequent : int
        The code that rare values share and unknown ones get, or -1 if there is none.
    """

    values: list[Any]
    codes: list[int]
    n_codes: int
    infrequent: int

    @property
    def is_binary(self) -> bool:
        """Whether the column becomes one of -1 and 1."""
        return self.n_codes == 2

    def encoded(self, values: Sequence[Any], codes: Array) -> Array:
        """Return what the rows become: codes, or -1 and 1 of two; without one -1, or 0 of two.

        Parameters
        ----------
        values : list of str, int, float or bool
            Those of these rows.
        codes : ndarray of shape (n_samples,)
            Where in ``values`` each row's is, -1 if it is missing.
        """
        known = dict(zip(self.values, self.codes, strict=True))
        outputs = np.array([known.get(value, self.infrequent) for value in values] + [-1])
        if self.is_binary:
            outputs = np.where(outputs < 0, 0, 2 * outputs - 1)
        return outputs[codes]

    def names(self) -> list[str]:
        """Return the text of each code."""
        names = ["infrequent"] * self.n_codes
        for value, code in zip(self.values, self.codes, strict=True):
            if code != self.infrequent:
                names[code] = str(value)
        return names


def fit_number(x: Array, weight: Array | None, bins: int | None) -> Number:
    """Return what numbers become.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        NaN where one is missing.
    weight : ndarray of shape (n_samples,) or None
        Positive.
    bins : int or None
        Of how many pieces a column has at most.

    Examples
    --------
    >>> fit_number(np.array([1.0, 2.0, 4.0, 5.0, np.nan]), None, bins=None)
    Number(center=3.0, scale=3.0, edges=None, least=-3.0, most=3.0, varies=True, indicates_missing=True)
    """
    if weight is None:
        x = np.sort(x)
    else:
        order = np.argsort(x)
        x, weight = x[order], weight[order]
    n_known = len(x) - int(np.isnan(x).sum())  # the missing ones are last
    indicates_missing = 0 < n_known < len(x)
    x, weight = x[:n_known], None if weight is None else weight[:n_known]
    finite = slice(*np.searchsorted(x, [-np.inf, np.inf], "right") - [0, np.isposinf(x).sum()])
    center, scale = _center_and_scale(x[finite], None if weight is None else weight[finite])
    z = scaled(x, center, scale).astype(np.float32)
    varies = bool(n_known) and bool(z[-1] - z[0] > _NEAR)
    edges, least, most = None, -3.0, 3.0
    if varies and bins is not None:
        edges = _apart(weighted_quantiles(z, weight, bins))
        first, *_, last = np.diff(edges[[0, 1, -2, -1]].astype(np.float64)).tolist()
        least, most = max(least, float(edges[0]) - first), min(most, float(edges[-1]) + last)
    return Number(center, scale, edges, least, most, varies, indicates_missing)


def _apart(edges: Array) -> Array:
    """Return rising edges without those that are too near to the one before, or to the last.

    Examples
    --------
    >>> _apart(np.array([0.0, 0.0, 1e-9, 0.5, 1.0 - 1e-9, 1.0]))
    array([0. , 0.5, 1. ])
    """
    kept = [edges[0]]
    for edge in edges[1:-1]:
        if edge - kept[-1] > _NEAR and edges[-1] - edge > _NEAR:
            kept.append(edge)
    return np.array([*kept, edges[-1]])


def _center_and_scale(x: Array, weight: Array | None) -> tuple[float, float]:
    """Return the median of sorted finite numbers, and how far the middle half of them goes."""
    if not len(x):
        return 0.0, _ENDLESS
    low, center, high = weighted_quantiles(x, weight, 4)[1:4].tolist()
    # Halves: the difference of the largest numbers is infinite.
    half = high / 2 - low / 2 if high > low else (float(x[-1]) / 2 - float(x[0]) / 2) / 2
    return center, min(2 * half, _ENDLESS) if half > 0 else _ENDLESS


def scaled(x: Array, center: Any, scale: Any) -> Array:
    """Return numbers in units of ``scale`` around ``center``, within -3 and 3; NaN where one is.

    A formula of elements alone: a row is the same among others and by itself.

    Examples
    --------
    >>> scaled(np.array([0.0, 1.0, 1e300, -np.inf, np.nan]), 0.0, 1.0).round(2)
    array([ 0.  ,  0.95,  3.  , -3.  ,   nan])
    """
    with np.errstate(over="ignore"):
        z = (x - center) / scale
    z = np.clip(z, -FAR, FAR, out=z)
    return z / np.sqrt(1 + (z / 3) ** 2)


def weighted_quantiles(x: Array, weight: Array | None, n: int) -> Array:
    """Return the quantiles at 0/n, 1/n, ..., n/n: numbers of ``x``, or the middle of two neighbours.

    A row of weight 2 counts as two rows. NumPy calls them "averaged_inverted_cdf".

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        Sorted.
    weight : ndarray of shape (n_samples,) or None
        Positive.
    n : int

    Examples
    --------
    >>> weighted_quantiles(np.array([1.0, 2.0, 3.0, 4.0]), None, 2)
    array([1. , 2.5, 4. ])
    >>> weighted_quantiles(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 5.0]), 2)
    array([1., 4., 4.])
    """
    total = np.arange(1, len(x) + 1) if weight is None else np.cumsum(weight)
    # Products rather than quotients: exact for whole weights. Sums of others are, to rounding.
    wanted, slack = np.arange(n + 1) * total[-1], 0 if weight is None else 1e-10
    last = len(x) - 1
    at = np.minimum(np.searchsorted(total * n, wanted * (1 - slack), "left"), last)
    after = np.minimum(np.searchsorted(total * n, wanted * (1 + slack), "right"), last)
    return x[at] / 2 + x[after] / 2


def fit_category(
    values: Sequence[Any],
    counts: Array,
    some_missing: bool,
    min_frequency: float | str | None,
    max_categories: int | None,
) -> Category:
    """Return what categories become.

    Parameters
    ----------
    values : list of str, int, float or bool
    counts : ndarray of shape (n_values,)
        In how many rows each is, or the sum of their weights.
    some_missing : bool
        Whether there were rows without any.
    min_frequency, max_categories
        As :class:`~minnet.TableEncoder` takes them.

    Examples
    --------
    >>> fit_category(["b", "a", "c"], np.array([9, 1, 1]), False, 2, None)
    Category(values=['a', 'b', 'c'], codes=[1, 0, 1], n_codes=2, infrequent=1)
    """
    order = sorted(range(len(values)), key=lambda i: (isinstance(values[i], str), values[i]))
    values, counts = [values[i] for i in order], counts[order]
    rare = counts < _least(min_frequency, len(values), counts.sum())
    if max_categories is not None and len(values) - rare.sum() + (rare.sum() > 0) > max_categories:
        by_count = np.argsort(-counts, kind="stable")
        rare[by_count[max_categories - 1 :]] = True
    if rare.sum() == 1:  # which would stand for itself
        rare[:] = False
    n_codes = int((~rare).sum())
    codes = np.where(rare, n_codes, np.cumsum(~rare) - 1)
    infrequent = n_codes if rare.any() else -1
    n_codes += bool(rare.any())
    if n_codes == 1 and not some_missing:
        n_codes = 0
    return Category(values, codes.tolist(), n_codes, infrequent)


def _least(min_frequency: float | str | None, n_values: int, total: float) -> float:
    """Return in how many rows a category must be to be none of the rare ones."""
    if min_frequency is None:
        return 0
    if isinstance(min_frequency, str):  # "auto"
        return _FEW_ROWS if n_values > _FEW_CATEGORIES else 0
    return min_frequency * total if isinstance(min_frequency, float) else min_frequency
