"""Derivatives of functions of arrays by differences of fourth order, away from their kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.common.types import Array

__all__ = ["differences", "slope", "slopes_of_columns"]

_STEP = 1e-4
#: Share of the largest slope by which slopes may change over a step; at a kink they change by more.
_BEND = 0.01


def differences(
    objective: Callable[[], float], array: Array, rng: np.random.Generator, most: int = 200
) -> tuple[Array, Array]:
    """Return the positions of some elements of an array, and the derivatives of the objective by them.

    Those next to a kink are left out, and of many elements ``most`` are tried.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 0.0])
    >>> chosen, slopes = differences(lambda: x[0] ** 2 + 3 * x[1] + abs(x[2]), x, None)
    >>> chosen, slopes.round(6)  # there is a kink at the third
    (array([0, 1]), array([2., 3.]))
    """
    chosen = np.arange(array.size)
    if array.size > most:
        chosen = np.sort(rng.choice(chosen, most, replace=False))
    here, flat = objective(), array.reshape(-1)
    values = np.empty((4, len(chosen)))
    for j, k in enumerate(chosen):
        value = flat[k]
        for i, factor in enumerate((1, -1, 2, -2)):
            flat[k] = value + factor * _STEP
            values[i, j] = objective()
        flat[k] = value
    slopes, smooth = _of_fourth_order(here, values, _STEP)
    return chosen[smooth], slopes[smooth]


def slopes_of_columns(value: Callable[[Array], Array], Z: Array) -> tuple[Array, Array]:
    """Return the derivative of the value of each row by its numbers, and where no kink is near."""
    here, columns = value(Z), []
    for j in range(Z.shape[1]):
        step = np.zeros_like(Z)
        step[:, j] = _STEP
        values = np.array([value(Z + factor * step) for factor in (1, -1, 2, -2)])
        columns.append(_of_fourth_order(here, values, _STEP))
    slopes, smooth = (np.stack(arrays, axis=1) for arrays in zip(*columns, strict=True))
    return slopes, smooth


def slope(f: Callable[[Array], Array], Z: Array) -> Array:
    """Return the derivative of a function of numbers; next to its kinks that which it says itself.

    Examples
    --------
    >>> slope(np.tanh, np.array([0.0, 1.0])).round(6)
    array([1.      , 0.419974])
    """
    values = np.array([f(Z + factor * _STEP) for factor in (1, -1, 2, -2)])
    slopes, smooth = _of_fourth_order(f(Z), values, _STEP)
    if smooth.all():
        return slopes
    derivative: Any = getattr(f, "derivative", None)
    return np.where(smooth, slopes, derivative(Z, f(Z)) if derivative else np.nan)


def _of_fourth_order(here: Any, values: Array, step: float) -> tuple[Array, Array]:
    """Return slopes from the values one and two steps to either side, and where there is no kink."""
    near, far = (values[0] - values[1]) / (2 * step), (values[2] - values[3]) / (4 * step)
    bends = np.maximum(
        np.abs(values[0] - 2 * here + values[1]), np.abs(values[2] - 2 * here + values[3])
    )
    smooth = bends <= _BEND * step * np.abs(near).max(initial=0.0)
    return (4 * near - far) / 3, smooth
