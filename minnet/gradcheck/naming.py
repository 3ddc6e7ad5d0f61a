"""Which of several candidates an array is, but for a factor, in words."""

from __future__ import annotations

import numpy as np

from minnet.common.types import Array

__all__ = ["Candidates", "named", "same"]

#: Relative difference up to which two arrays are the same.
_SAME = 1e-6

#: Arrays that somebody could have computed, the right one first; the words go on from its name.
Candidates = list[tuple[tuple[str, ...], Array]]


def same(a: Array, b: Array) -> bool:
    """Return whether two arrays have one shape, and differ by rounding alone.

    Examples
    --------
    >>> same(np.ones(3), np.ones(3) + 1e-9), same(np.ones(3), np.ones((3, 1)))
    (True, False)
    """
    if np.shape(a) != np.shape(b) or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.linalg.norm(a - b) <= _SAME * max(np.linalg.norm(a), np.linalg.norm(b)))


def named(value: Array, candidates: Candidates, n_samples: int, unknown: str) -> str:
    """Return which mistake gives a value: "" if it is right, ``unknown`` if none is known that does.

    Parameters
    ----------
    value : ndarray
        The gradient that is looked at.
    candidates : list of (words, ndarray)
        The right one, without words, and what mistakes make of it.
    n_samples : int
        Rows of the batch.
    unknown : str
        What is said where no candidate fits.

    Examples
    --------
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> candidates = [((), A), (("is transposed",), A.T)]
    >>> named(A.T, candidates, 9, "is wrong"), named(-4 * A, candidates, 9, "is wrong")
    ('is transposed', 'has the wrong sign, and is 4 times what it should be')
    >>> named(A**2, candidates, 9, "is wrong")
    'is wrong'
    """
    right = candidates[0][1]
    if _is_written_as(value, right):
        return ""
    if not np.isfinite(value).all():
        return "is not finite"
    if not value.any():
        return "is zero everywhere"
    ways: list[tuple[str, ...]] = []
    for words, array in candidates:
        if words and same(array, right):
            continue  # here it is no mistake, say as all derivatives are 1
        factor = _factor(value, array, n_samples)
        if factor is not None:
            ways.append((*words, *_words(factor, n_samples)))
    if not ways:
        return unknown
    fewest = min(map(len, ways))
    said = [", and ".join(words) for words in ways if len(words) == fewest]
    return ", or ".join(dict.fromkeys(said))


def _is_written_as(value: Array, right: Array) -> bool:
    """Return whether the value, written into the array of a parameter, is right."""
    try:
        return same(np.broadcast_to(value, right.shape), right)
    except ValueError:
        return False


def _factor(value: Array, array: Array, n_samples: int) -> float | None:
    """Return the factor from an array to the value; None if they differ otherwise."""
    if np.shape(value) != np.shape(array) or not np.isfinite(array).all() or not np.any(array):
        return None
    factor = float(np.vdot(array, value) / np.vdot(array, array))
    if not factor or not same(value, factor * array):
        return None
    # One number is a multiple of any other, which says nothing.
    return factor if np.count_nonzero(array) > 1 or _usual(abs(factor), n_samples) else None


def _usual(size: float, n_samples: int) -> list[str]:
    """Return what a factor may come from."""
    rows = f"n_samples ({n_samples}) times"
    meanings = [
        (1.0, ""),
        (2.0, "is twice what it should be: a factor of 2 too much"),
        (0.5, "is half of what it should be: a factor of 2 is missing"),
        (n_samples, f"is {rows} too large, as if summed over the rows instead of averaged"),
        (1 / n_samples, f"is {rows} too small, as if averaged over the rows once more"),
    ]
    return [words for number, words in meanings if abs(size / number - 1) <= _SAME]


def _words(factor: float, n_samples: int) -> list[str]:
    """Return what a factor between a gradient and the right one says; nothing if it is 1."""
    sign = ["has the wrong sign"] if factor < 0 else []
    usual = _usual(abs(factor), n_samples)
    if "" in usual:
        return sign
    return [*sign, ", or ".join(usual) or f"is {abs(factor):.6g} times what it should be"]
