"""What a sweep found, and its summary over seeds."""

from __future__ import annotations

import os
from collections.abc import Hashable
from numbers import Real
from typing import Any, Self

import numpy as np
from scipy import stats

from minnet.common.checks import check_real, is_real, is_whole
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.lab.sweeps.grid import MEASURES
from minnet.lab.sweeps.journal import read_journal
from minnet.lab.sweeps.tables import Table, check_rows, frame_of

__all__ = ["Summary", "Sweep", "check_measure"]

_TEXTS = ("diverged", "error", "warning")


class Sweep(Table):
    """What :func:`minnet.lab.sweep` found: a row for each cell of the grid, seed and fold.

    A row has the settings under the names of the axes, initializers and the like by their printed form;
    ``seed``, and ``fold`` with a cross-validation; and

    ==================== ====================================================================
    column
    ==================== ====================================================================
    ``n_iter``           epochs of the training, or iterations of "lbfgs"
    ``training_loss``    the last objective, ``loss_``
    ``training_score``   of the rows trained on: accuracy or R², or that of ``scoring``
    ``validation_score`` likewise of the rows held out
    ``seconds``          that the training took
    ``diverged``         whether its numbers became infinite
    ``error``            what was raised, or None
    ``warning``          what was warned of, or None
    ==================== ====================================================================

    With ``probe``: ``start_Z_sd_first``, ``start_Z_sd_last`` and ``start_Z_sd_ratio``, the standard
    deviation of the pre-activations of the first and of the last hidden layer before training and the last
    one over the first one, and so on for ``end`` and each other quantity; of the network as a whole
    ``start_sharpness``, ``end_sharpness`` and likewise ``stability_limit``. What does not exist is NaN.

    ``sweep["validation_score"]`` is a column as an array.

    Parameters
    ----------
    rows : list of dict
        A dictionary for each training.
    axes : dict of str to list
        The labels of each axis, in their order.
    layers : list of dict, default=None
        What was probed: a dictionary for each training, moment and layer.

    Attributes
    ----------
    columns : list of str
        The names of the columns, in their order.
    seeds : list of int
        Those that there are rows of.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import sweep
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((20,), max_iter=5)
    >>> found = sweep(clf, X / 16, y, activation=["tanh", "relu"], depth=[1, 2], seeds=2)
    >>> len(found), found.axes
    (8, {'activation': ['tanh', 'relu'], 'depth': [1, 2]})
    >>> found["validation_score"].shape, len(found.summary())
    ((8,), 4)
    """

    def __init__(
        self,
        rows: list[dict[str, Any]],
        axes: dict[str, list[Any]],
        layers: list[dict[str, Any]] | None = None,
    ) -> None:
        if not isinstance(axes, dict):
            raise TypeError(
                f"axes must be a dictionary of lists of labels by name, got {axes!r:.200}"
            )
        layers = [] if layers is None else layers
        check_rows("layers", layers)
        check_rows("rows", rows)
        _check_axes(rows, axes)
        fold = ["fold"] if any(row.get("fold") is not None for row in rows) else []
        known = [*axes, "seed", *fold, *MEASURES, *_TEXTS]
        probed = dict.fromkeys(name for row in rows for name in row if name not in (*known, "fold"))
        super().__init__(rows, [*known[: -len(_TEXTS)], *probed, *_TEXTS])
        self.axes = {name: list(labels) for name, labels in axes.items()}
        self.layers = layers

    @property
    def seeds(self) -> list[int]:
        """Those that there are rows of."""
        return list(dict.fromkeys(row["seed"] for row in self.rows))

    def summary(self, measures: Any = None, level: float = 0.95) -> Summary:
        r"""Return the mean over the seeds of each cell, with its interval.

        The interval is Student's: the mean and, to both sides, :math:`t_{n-1} s / \sqrt n`, of the n seeds
        that have a result and their standard deviation s. Folds are averaged before. With one seed the
        half width is NaN. The interval is about seeds: the rows held out are the same for all.

        Parameters
        ----------
        measures : str or list of str, default=None
            Columns with numbers; None means ``n_iter``, loss, scores and seconds.
        level : float, default=0.95
            How often such an interval has the true mean in it, above 0 and below 1.

        Returns
        -------
        Summary
        """
        level = check_real("level", level, 0, 1, left=False)
        if level == 1:
            raise ValueError("level must be below 1, got 1.0")
        if measures is None:
            names = [name for name in MEASURES if np.isfinite(self._numbers(name)).any()]
        elif isinstance(measures, str | list | tuple):
            given = [measures] if isinstance(measures, str) else measures
            names = [check_measure(self, "measures", name) for name in given]
        else:
            raise TypeError(
                f"measures must be None, a name or a list of names, got {measures!r:.200}"
            )
        cells: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in self.rows:
            cells.setdefault(tuple(row[name] for name in self.axes), []).append(row)
        places = [{label: i for i, label in enumerate(labels)} for labels in self.axes.values()]

        def order(cell: tuple[Any, ...]) -> list[int]:
            return [of_axis[label] for of_axis, label in zip(places, cell, strict=True)]

        summarized = [
            _summarize(dict(zip(self.axes, cell, strict=True)), cells[cell], names, level)
            for cell in sorted(cells, key=order)
        ]
        return Summary(summarized, list(self.axes), names, level)

    def _numbers(self, name: str) -> Array:
        return np.array([row.get(name, np.nan) for row in self.rows], dtype=np.float64)

    def layers_to_frame(self) -> Any:
        """Return what was probed as a pandas DataFrame with a row for each row, moment and layer."""
        columns = dict.fromkeys(name for layer in self.layers for name in layer)
        return frame_of(self.layers, list(columns))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what sweeps have written into a file so far, all of it; nothing is trained.

        Where calls had other axes, a row has all of them: "-" in those that its call did not vary. Values
        that calls gave the same label to are told apart: the second one is "label (2)".

        Parameters
        ----------
        path : path-like
            Where the file is.

        Returns
        -------
        Sweep

        Raises
        ------
        OSError, ValueError
            If there is no such file.
        """
        axes, lines = read_journal(path)
        rows, layers = [], []
        for line in lines:
            head = {**line["settings"], "seed": line["seed"], "fold": line["fold"]}
            rows.append({**head, **line["row"]})
            layers += [{**head, **layer} for layer in line["layers"]]
        return cls(rows, axes, layers)

    def _title(self) -> str:
        n_diverged = sum(bool(row["diverged"]) for row in self.rows)
        n_failed = sum(row["error"] is not None and not row["diverged"] for row in self.rows)
        sizes = " x ".join(f"{name} ({len(labels)})" for name, labels in self.axes.items())
        said = f"Sweep of {sizes or 'one cell'}: {len(self)} rows of {len(self.seeds)} seeds"
        said += f", {n_diverged} diverged" if n_diverged else ""
        return said + (f", {n_failed} failed" if n_failed else "")

    def _shown(self) -> tuple[list[str], list[list[Any]]]:
        score = "validation_score"
        if not np.isfinite(self._numbers(score)).any():
            score = "training_score"
        summary = self.summary([name for name in ("training_loss", score) if len(self)])
        heads, cells = summary._shown()
        empty = [
            i
            for i, head in enumerate(heads)
            if head not in self.axes
            and all(row[i] in (None, 0) or row[i] != row[i] for row in cells)
        ]
        kept = [i for i in range(len(heads)) if i not in empty]
        return [heads[i] for i in kept], [[row[i] for i in kept] for row in cells]


class Summary(Table):
    """Means over seeds, made by :meth:`Sweep.summary`: a row for each cell of the grid.

    Beside the settings a row has ``n_seeds``, of how many the training ended well, ``n_diverged`` and
    ``n_failed``; and of each measure the mean, under its name, and half the width of its interval, under
    the name with ``_half_width``.

    Parameters
    ----------
    rows : list of dict
        A dictionary for each cell.
    axes : list of str
        The names of the columns with settings.
    measures : list of str
        What there are means of.
    level : float
        How often such an interval has the true mean in it.

    Attributes
    ----------
    columns : list of str
        The names of the columns, in their order.
    """

    def __init__(
        self, rows: list[dict[str, Any]], axes: list[str], measures: list[str], level: float
    ) -> None:
        check_rows("rows", rows)
        for name, names in {"axes": axes, "measures": measures}.items():
            if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
                raise TypeError(f"{name} must be a list of names, got {names!r:.200}")
        level = check_real("level", level, 0, 1, left=False)
        each = [column for name in measures for column in (name, f"{name}_half_width")]
        super().__init__(rows, [*axes, "n_seeds", "n_diverged", "n_failed", *each])
        self.measures = measures
        self.level = level

    def _title(self) -> str:
        return f"{len(self)} cells: means over seeds, with intervals of {100 * self.level:g} %"


def check_measure(sweep: Sweep, argument: str, name: Any) -> str:
    """Return the name of a column with numbers that were measured, or say what there is."""
    others = (*sweep.axes, "seed", "fold", *_TEXTS)
    known = [
        one
        for one in sweep.columns
        if one not in others and all(is_real(row.get(one, 0)) for row in sweep.rows)
    ]
    return check_name(argument, name, known)


def _check_axes(rows: list[dict[str, Any]], axes: dict[str, list[Any]]) -> None:
    """Raise if an axis has no labels, or a row none of them, or no numbers where these must be."""
    for name, labels in axes.items():
        if not isinstance(name, str) or not _are_labels(labels):
            raise TypeError(
                "axes must be a dictionary of lists of different numbers, truth values and texts by name, "
                f"got {labels!r:.200} for {name!r:.100}"
            )
        known = set(labels)
        for row in rows:
            if not isinstance(row.get(name), Hashable) or row.get(name) not in known:
                raise ValueError(
                    f"rows must each have a label of the axis {name!r}, got {row.get(name)!r:.200}"
                )
    for row in rows:
        for name in ("seed", "diverged", "error"):
            if name not in row:
                raise ValueError(f"rows must each have {name!r}, got one with {list(row)!r:.200}")
        if not is_whole(row["seed"], 0):
            raise ValueError(f"rows must have whole numbers as 'seed', got {row['seed']!r:.200}")
        for name in MEASURES:
            if not is_real(row.get(name, 0.0)):
                raise ValueError(f"rows must have numbers as {name!r}, got {row[name]!r:.200}")


def _are_labels(given: Any) -> bool:
    return (
        isinstance(given, list | tuple | range)
        and len(given) > 0
        and all(one is None or isinstance(one, Real | np.bool_ | str) for one in given)
        and len(set(given)) == len(given)
    )


def _summarize(
    labels: dict[str, Any], rows: list[dict[str, Any]], names: list[str], level: float
) -> dict[str, Any]:
    by_seed: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_seed.setdefault(row["seed"], []).append(row)
    diverged = [any(row["diverged"] for row in of_seed) for of_seed in by_seed.values()]
    failed = [any(row["error"] for row in of_seed) for of_seed in by_seed.values()]
    found = {
        **labels,
        "n_seeds": sum(not wrong for wrong in failed),
        "n_diverged": sum(diverged),
        "n_failed": sum(f and not d for f, d in zip(failed, diverged, strict=True)),
    }
    for name in names:
        values = np.array(
            [np.mean([row.get(name, np.nan) for row in of_seed]) for of_seed in by_seed.values()]
        )
        values = values[~np.isnan(values)]
        n = len(values)
        found[name] = float(values.mean()) if n else np.nan
        half = np.nan
        if n > 1:
            with np.errstate(invalid="ignore"):
                half = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
        found[f"{name}_half_width"] = float(half)
    return found
