"""A measure of a sweep as arrays over some of its axes, for the pictures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common.checks import check_text
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.lab.sweeps.result import Sweep, check_measure

__all__ = ["OfTable", "SweepTable", "axis_label", "in_lines", "measure_label", "table_of"]

_MEASURES = {
    "n_iter": "iterations", "training_loss": "training loss", "training_score": "training score",
    "validation_score": "validation score", "seconds": "seconds of training",
}  # fmt: skip
_AXES = {
    "init": "initialization", "depth": "hidden layers", "width": "units of a layer",
    "learning_rate": "learning rate", "learning_rate_init": "learning rate",
    "batch_size": "rows of a mini-batch", "hidden_layer_sizes": "sizes of the hidden layers",
}  # fmt: skip
_QUANTITIES = {
    "saturated": "share of saturated units", "dead": "share of dead units",
    "update_ratio": "size of the step over that of W",
}  # fmt: skip
_OF_NETWORK = {"sharpness": "sharpness", "stability_limit": "limit of the sharpness"}
_STATISTICS = {"sd": "sd", "rms": "rms", "mean": "mean", "max": "largest magnitude"}
_WHERE = {
    "first": "first hidden layer", "last": "last hidden layer",
    "ratio": "last over first hidden layer",
}  # fmt: skip


@dataclass(frozen=True)
class SweepTable:
    """Means over seeds with their intervals, over axes of a sweep.

    Attributes
    ----------
    measure : str
    names : tuple of str
        Of the axes; those of length 1 that were added have the name "".
    labels : tuple of list
        Of each axis.
    means, half_widths : ndarray
        With an axis for each name; NaN where there is no result.
    n_seeds : ndarray of int
        How many results are behind each mean.
    n_asked : int
        How many seeds there are.
    failed : ndarray of str
        "diverged" or "failed" for each cell in which a training did, or "".
    level : float
    """

    measure: str
    names: tuple[str, ...]
    labels: tuple[list[Any], ...]
    means: Array
    half_widths: Array
    n_seeds: Array
    n_asked: int
    failed: Array
    level: float

    def moved(self, order: tuple[int, ...]) -> SweepTable:
        """Return the same with its axes in another order."""
        arrays = (self.means, self.half_widths, self.n_seeds, self.failed)
        means, half_widths, n_seeds, failed = (np.transpose(one, order) for one in arrays)
        return SweepTable(
            self.measure,
            tuple(self.names[i] for i in order),
            tuple(self.labels[i] for i in order),
            means, half_widths, n_seeds, self.n_asked, failed, self.level,
        )  # fmt: skip


class OfTable:
    """Base of the pictures of a sweep."""

    def __init__(self, table: SweepTable) -> None:
        if not isinstance(table, SweepTable):
            raise TypeError(f"table must be what from_sweep makes, got {table!r:.200}")
        self.table = table


def table_of(
    sweep: Any,
    measure: str,
    chosen: Mapping[str, str | None],
    where: Mapping[str, Any] | None,
    level: float,
) -> SweepTable:
    """Return a measure over the chosen axes, where the others have the values of ``where``.

    They are given by the arguments that chose them. An axis that is None is the next of those that are
    left; where none is left it has length 1.
    """
    if not isinstance(sweep, Sweep):
        raise TypeError(f"sweep must be what minnet.lab.sweep returns, got {sweep!r:.200}")
    check_text("measure", measure)
    check_measure(sweep, "measure", measure)
    sweep, left = _selected(sweep, where)
    for argument, name in chosen.items():
        if name is not None:
            check_text(argument, name)
            _check_axis(argument, name, sweep)
            if name not in left:
                raise ValueError(f"an axis may be given once, and not in where, got {name!r} again")
            left.remove(name)
    names = tuple(
        name if name is not None else (left.pop(0) if left else "") for name in chosen.values()
    )
    if left:
        raise ValueError(
            f"where must give a value of each axis that is not drawn: of {', '.join(left)}"
        )
    labels = tuple(sweep.axes[name] if name else [""] for name in names)
    summary = sweep.summary(measure, level)
    shape = tuple(map(len, labels))
    means, halves = np.full(shape, np.nan), np.full(shape, np.nan)
    n_seeds, failed = np.zeros(shape, dtype=np.int64), np.full(shape, "", dtype=object)
    for row in summary.rows:
        at = tuple(labels[i].index(row[name]) if name else 0 for i, name in enumerate(names))
        means[at], halves[at] = row[measure], row[f"{measure}_half_width"]
        n_seeds[at] = row["n_seeds"]
        failed[at] = "diverged" if row["n_diverged"] else "failed" if row["n_failed"] else ""
    return SweepTable(
        measure, names, labels, means, halves, n_seeds, len(sweep.seeds), failed, summary.level
    )


def _check_axis(argument: str, name: Any, sweep: Sweep) -> None:
    if not sweep.axes:
        raise ValueError(
            f"{argument} must not be given for a sweep without axes, got {name!r:.200}"
        )
    check_name(argument, name, sweep.axes)


def _selected(sweep: Sweep, where: Mapping[str, Any] | None) -> tuple[Sweep, list[str]]:
    """Return the rows with these values, and the names of the axes that are left."""
    where = {} if where is None else where
    if not isinstance(where, Mapping):
        raise TypeError(f"where must be a dictionary of values by axes, got {where!r:.200}")
    for name, value in where.items():
        _check_axis("where", name, sweep)
        known = sweep.axes[name]
        if not isinstance(value, Hashable) or not any(
            value is one or value == one for one in known
        ):
            raise ValueError(
                f"where[{name!r}] must be one of {sweep.axes[name]}, got {value!r:.200}"
            )
    rows = [row for row in sweep.rows if all(row[name] == where[name] for name in where)]
    return Sweep(rows, sweep.axes), [name for name in sweep.axes if name not in where]


def measure_label(measure: str) -> str:
    """Return what a measure is called in a picture.

    Examples
    --------
    >>> measure_label("validation_score"), measure_label("start_dZ_sd_ratio")
    ('validation score', 'sd of dZ, last over first hidden layer, at the start')
    >>> measure_label("end_sharpness")
    'sharpness, at the end'
    """
    moment, _, rest = measure.partition("_")
    if moment not in ("start", "end"):
        return _MEASURES.get(measure, measure.replace("_", " "))
    if rest in _OF_NETWORK:
        return f"{_OF_NETWORK[rest]}, at the {moment}"
    quantity, _, place = rest.rpartition("_")
    array, _, statistic = quantity.partition("_")
    known = f"{_STATISTICS.get(statistic, statistic)} of {array}" if statistic else quantity
    return f"{_QUANTITIES.get(quantity, known)}, {_WHERE.get(place, place)}, at the {moment}"


def axis_label(name: str) -> str:
    """Return what an axis is called in a picture."""
    return _AXES.get(name, name.replace("__", " ").replace("_", " "))


def in_lines(label: Any, width: int = 22, n_lines: int = 2) -> str:
    r"""Return the label of a value in so many lines at most, cut where it is longer.

    Examples
    --------
    >>> in_lines(0.001), in_lines("SparseNormal(n_connections=15, scale=0.25)")
    ('0.001', 'SparseNormal(\nn_connections=15, ...')
    """
    left = f"{label:g}" if isinstance(label, float) else str(label)
    lines: list[str] = []
    while len(left) > width and len(lines) < n_lines - 1:
        at = max(left.rfind(mark, 0, width) + 1 for mark in "(,= ")
        at = at if at > width // 3 else width
        lines.append(left[:at].rstrip())
        left = left[at:].lstrip()
    return "\n".join([*lines, left if len(left) <= width else f"{left[: width - 3]}..."])
