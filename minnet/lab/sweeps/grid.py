"""The grid of a sweep: its axes, and what a value is called."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.checks import is_real, is_whole
from minnet.common.configurable import Configurable, shown
from minnet.common.shown import in_one_line
from minnet.lab.sweeps.identity import digest

__all__ = [
    "MEASURES",
    "RESERVED",
    "Axis",
    "Cell",
    "cells_of",
    "check_seeds",
    "distinct",
    "read_grid",
]

#: What is measured of each training.
MEASURES = ("n_iter", "training_loss", "training_score", "validation_score", "seconds")
#: Columns that no axis can be called.
RESERVED = ("seed", "fold", *MEASURES, "diverged", "error", "warning")

_MOST_LETTERS = 80
_LARGEST_SEED = 2**32 - 1  # that a random_state of scikit-learn can be


@dataclass(frozen=True)
class Axis:
    """An argument that varies.

    Attributes
    ----------
    name : str
    values : tuple
    labels : tuple
        What the values are in tables: numbers, truth values and texts; all different.
    digests : tuple of str
        What the values are, to compare calls by.
    """

    name: str
    values: tuple[Any, ...]
    labels: tuple[Any, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """Settings to train with; of those that vary, what they are called, and what to compare them by."""

    settings: dict[str, Any]
    labels: dict[str, Any]
    digests: dict[str, str]


def read_grid(given: Mapping[str, Any]) -> tuple[list[Axis], dict[str, Any]]:
    """Return the axes of a grid, and what is the same in all its cells.

    Examples
    --------
    >>> axes, fixed = read_grid({"init": ["glorot", None], "depth": range(1, 4), "alpha": 0.1})
    >>> [axis.labels for axis in axes], fixed
    ([('glorot', 'None'), (1, 2, 3)], {'alpha': 0.1})
    """
    axes, fixed = [], {}
    for name, value in given.items():
        if name in RESERVED:
            raise ValueError(f"{name} cannot be an axis: it is a column of what a sweep finds")
        named = _named_values(value)
        if named is None:
            fixed[name] = value
        else:
            axes.append(_axis(name, *named))
    return axes, fixed


def _named_values(value: Any) -> tuple[list[Any], list[Any]] | None:
    """Return the values of an axis and their labels; None for what is one value."""
    is_mapping = isinstance(value, Mapping) and not sparse.issparse(value)  # of which some are
    if is_mapping and not isinstance(value.get("name"), str):
        return list(value.values()), [str(key) for key in value]
    is_row = isinstance(value, np.ndarray) and value.ndim == 1
    if not (is_row or isinstance(value, list | range)):
        return None
    values = value.tolist() if is_row else list(value)
    return values, [_label(one) for one in values]


def _axis(name: str, values: list[Any], labels: list[Any]) -> Axis:
    if not values:
        raise ValueError(f"{name} must have a value at least, got none")
    found: dict[str, Any] = {}
    for value, label in zip(values, labels, strict=True):
        known = digest(value)
        if known in found:
            raise ValueError(f"{name} must have different values, got {label!r} twice")
        found[known] = label
    return Axis(name, tuple(values), tuple(distinct(labels)), tuple(found))


def distinct(labels: list[Any]) -> list[Any]:
    """Return labels that are all different, and all numbers or all texts.

    Examples
    --------
    >>> distinct([0.1, 0.2]), distinct([0.1, "auto", "auto"])
    ([0.1, 0.2], ['0.1', 'auto', 'auto (2)'])
    """
    mixed = len({isinstance(label, str) for label in labels}) > 1
    unique: list[Any] = []
    for label in [str(label) for label in labels] if mixed else labels:
        n_same = unique.count(label)
        n = n_same + 1
        while n_same and f"{label} ({n})" in unique:
            n += 1
        unique.append(f"{label} ({n})" if n_same else label)
    return unique


def _label(value: Any) -> Any:
    """Return what a value is called: a number or a truth value as it is, else a text in one line.

    Examples
    --------
    >>> from minnet.initializers import GlorotUniform
    >>> _label(np.float64(0.5)), _label(GlorotUniform(gain=2)), _label((64, 32)), _label(None)
    (0.5, 'GlorotUniform(gain=2)', '(64, 32)', 'None')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or (is_real(value) and value == value):
        return value
    if isinstance(value, functools.partial):
        text = f"partial({_label(value.func)})"
    elif isinstance(value, str):
        text = value
    elif inspect.isclass(value) or inspect.isroutine(value):
        text = value.__name__
    elif isinstance(value, list | tuple | dict | np.ndarray | Configurable):
        try:
            text = shown(value)
        except RecursionError:  # a list that holds itself
            text = "..."
    else:
        text = repr(value)
    return in_one_line(text, _MOST_LETTERS)


def cells_of(axes: list[Axis], fixed: Mapping[str, Any]) -> Iterator[Cell]:
    """Yield the cells of a grid, the last axis fastest."""
    for places in itertools.product(*(range(len(axis.values)) for axis in axes)):
        at = list(zip(axes, places, strict=True))
        yield Cell(
            {**fixed, **{axis.name: axis.values[i] for axis, i in at}},
            {axis.name: axis.labels[i] for axis, i in at},
            {axis.name: axis.digests[i] for axis, i in at},
        )


def check_seeds(seeds: Any) -> list[int]:
    """Return the seeds: so many from 0 on, or those given.

    Examples
    --------
    >>> check_seeds(3), check_seeds([7, 8])
    ([0, 1, 2], [7, 8])
    """
    if is_whole(seeds, 1, 10**6):
        return list(range(int(seeds)))
    given = list(seeds) if isinstance(seeds, list | tuple | range | np.ndarray) else []
    if (
        not given
        or len(set(map(str, given))) < len(given)
        or not all(is_whole(seed, 0, _LARGEST_SEED) for seed in given)
    ):
        raise ValueError(
            "seeds must be a number of seeds, or different whole numbers of at least 0 and below 2**32, "
            f"got {seeds!r:.200}"
        )
    return [int(seed) for seed in given]
