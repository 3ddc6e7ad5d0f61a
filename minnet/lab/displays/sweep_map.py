"""A measure of a sweep over two of its axes, as colours and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from minnet.common.checks import check_flag
from minnet.common.plotting import foreground, pyplot, split
from minnet.common.types import Array
from minnet.lab.displays._sweep_table import (
    OfTable,
    SweepTable,
    axis_label,
    in_lines,
    measure_label,
    table_of,
)

__all__ = ["SweepMapDisplay"]

_LARGEST, _SMALLEST = 10.0, 5.0  # points, of the numbers
_LETTER = 0.6  # of the height of a letter is its width
_CELL = 0.78, 0.46  # inches
_CORNER = 0.2  # of a cell
_MOST_ACROSS = 3  # panels
_SHORT = 4  # letters of a label that is turned upright


class SweepMapDisplay(OfTable):
    """A measure of a sweep over two of its axes: a cell's colour is the mean over seeds.

    In a cell are the mean and, below it, half the width of its interval
    (:meth:`minnet.lab.Sweep.summary`). A cell without a result is hatched, with the reason where there is
    one. Where fewer seeds have a result than were asked for, ``n=`` says how many. Numbers that would not
    fit are left out: half widths first. A cell with a corner has a mean, though some of its trainings
    diverged or failed.

    Parameters
    ----------
    table : SweepTable
        What :meth:`from_sweep` makes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib axes
        One for each panel.
    figure_ : matplotlib figure
    meshes_ : list of matplotlib.collections.QuadMesh
    texts_ : list of list of matplotlib.text.Text
        What is in the cells of each panel.
    color_bar_ : matplotlib colorbar

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import sweep
    >>> from minnet.lab.displays import SweepMapDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((20,), max_iter=2)
    >>> found = sweep(clf, X / 16, y, init=["glorot", "he"], depth=[1, 2, 3], seeds=2)
    >>> display = SweepMapDisplay.from_sweep(found)
    >>> display.table.means.shape, display.axes_[0].get_xlabel()
    ((1, 2, 3), 'hidden layers')
    """

    @classmethod
    def from_sweep(
        cls,
        sweep: Any,
        measure: str = "validation_score",
        *,
        x: str | None = None,
        y: str | None = None,
        panels: str | None = None,
        where: Mapping[str, Any] | None = None,
        level: float = 0.95,
        log: bool = False,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a measure of a sweep.

        Parameters
        ----------
        sweep : Sweep
            What :func:`minnet.lab.sweep` returns.
        measure : str, default="validation_score"
            A column with numbers.
        x, y, panels : str, default=None
            The axes that go to the right, down, and from one panel to the next. None takes what is left in
            the order of the sweep: the first goes down, the second to the right.
        where : dict, default=None
            Values of axes that are not drawn, as the sweep labels them.
        level : float, default=0.95
            How often an interval has the true mean in it.
        log : bool, default=False
            Whether colours go by the logarithm.
        ax : matplotlib axes, optional
            Where to draw, or one for each panel; None makes new ones.
        **kwargs
            For the mesh (``matplotlib.axes.Axes.pcolormesh``), such as ``cmap``, ``vmin`` and ``vmax``.

        Returns
        -------
        display : SweepMapDisplay
        """
        table = table_of(sweep, measure, {"y": y, "x": x, "panels": panels}, where, level)
        return cls(table.moved((2, 0, 1))).plot(ax=ax, log=log, **kwargs)

    def plot(self, ax: Any = None, *, log: bool = False, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw, or one for each panel; None makes new ones.
        log : bool, default=False
            Whether colours go by the logarithm.
        **kwargs
            For the mesh (``matplotlib.axes.Axes.pcolormesh``), such as ``cmap``, ``vmin`` and ``vmax``.

        Returns
        -------
        self
        """
        table, log = self.table, check_flag("log", log)
        finite = table.means[np.isfinite(table.means) & ((table.means > 0) | (not log))]
        if not finite.size:
            raise ValueError(
                f"there is nothing to draw of {table.measure!r}: no cell has a finite mean"
                + (" above 0" if log else "")
            )
        self.axes_, self.figure_ = _panels(ax, table)
        norm = _norm(log, kwargs.pop("vmin", finite.min()), kwargs.pop("vmax", finite.max()))
        options = {"cmap": "viridis", "norm": norm, "edgecolors": "none", **kwargs}
        self.meshes_ = []
        for panel, one in enumerate(self.axes_):
            self.meshes_.append(self._draw(one, panel, options))
        self.color_bar_ = self.figure_.colorbar(
            self.meshes_[0], ax=list(self.axes_), label=self._said(), pad=0.02
        )
        self.color_bar_.outline.set_visible(False)
        # What has room is known when all else is in its place.
        self.figure_.draw_without_rendering()
        for one in self.axes_:
            _turn_labels(one)
        self.figure_.draw_without_rendering()
        self.texts_ = [self._write(one, panel) for panel, one in enumerate(self.axes_)]
        return self

    def _said(self) -> str:
        """Return what the colours and the numbers are."""
        table = self.table
        said = measure_label(table.measure)
        if table.n_asked > 1:
            said += f"\nmean of {table.n_asked} seeds ± {100 * table.level:g} %"
        in_part = table.failed[np.isfinite(table.means) & (table.failed != "")]
        if in_part.size:
            # The label is turned: in it this is the upper right corner.
            said += f"\n\N{BLACK LOWER RIGHT TRIANGLE} some {' or '.join(sorted(set(in_part)))}"
        return said

    def _draw(self, ax: Any, panel: int, options: dict[str, Any]) -> Any:
        """Draw the colours of a panel, its labels and its cells without a result."""
        table = self.table
        name, down, across = table.names
        rows, columns = table.labels[1:]
        ax.set_facecolor("none")
        missing = np.argwhere(~self._has_color(panel, options["norm"]))
        for i, j in missing:
            ax.add_patch(_hatched(i, j))
        values = np.ma.masked_where(~self._has_color(panel, options["norm"]), table.means[panel])
        edges = np.arange(len(columns) + 1) - 0.5, np.arange(len(rows) + 1) - 0.5
        mesh = ax.pcolormesh(*edges, values, **options)
        for i, j in np.argwhere(self._has_color(panel, mesh.norm) & (table.failed[panel] != "")):
            ax.add_patch(_corner(i, j, _on(mesh.cmap(mesh.norm(table.means[panel, i, j])))))
        ax.set_xticks(range(len(columns)), [in_lines(label) for label in columns])
        first = panel % _MOST_ACROSS == 0 or len(self.axes_) == 1
        ax.set_yticks(range(len(rows)), [in_lines(label) for label in rows] if first else [])
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_xlabel(axis_label(across))
        ax.set_ylabel(axis_label(down) if first else "")
        if name:
            ax.set_title(
                f"{axis_label(name)}: {in_lines(table.labels[0][panel], 30)}", fontsize="medium"
            )
        return mesh

    def _has_color(self, panel: int, norm: Any) -> Array:
        means = self.table.means[panel]
        return np.isfinite(means) & ((means > 0) | (not _is_log(norm)))

    def _write(self, ax: Any, panel: int) -> list[Any]:
        """Write into the cells what fits."""
        table, size = self.table, ax.get_window_extent()
        points = 72 / self.figure_.dpi
        wide = size.width * points / len(table.labels[2])
        high = size.height * points / len(table.labels[1])
        cells = {(i, j): self._lines(panel, i, j) for i, j in np.ndindex(table.means.shape[1:])}
        longest = [_longest(cells.values(), which) for which in (slice(0, 1), slice(None))]
        both = min(_LARGEST, wide * 0.94 / (_LETTER * longest[1]), high * 0.94 / (3 * 1.15))
        alone = min(_LARGEST, wide * 0.94 / (_LETTER * longest[0]), high * 0.94 / 1.15)
        if alone < _SMALLEST:
            return []
        if both < _SMALLEST:
            cells = {at: lines[:1] for at, lines in cells.items()}
        font, texts = (both if both >= _SMALLEST else alone), []
        mesh = self.meshes_[panel]
        for (i, j), lines in cells.items():
            has_color = self._has_color(panel, mesh.norm)[i, j]
            color = foreground()
            if has_color:
                color = _on(mesh.cmap(mesh.norm(table.means[panel, i, j])))
            texts.append(
                ax.text(
                    j, i, "\n".join(lines), ha="center", va="center", fontsize=font, color=color,
                    linespacing=1.15, bbox=None if has_color or not lines else _box(),
                )
            )  # fmt: skip
        return texts

    def _lines(self, panel: int, i: int, j: int) -> list[str]:
        """Return what is said of a cell: mean, half width, number of seeds."""
        table, at = self.table, (panel, i, j)
        if not np.isfinite(table.means[at]):
            return [table.failed[at]] if table.failed[at] else []
        half = table.half_widths[at]
        decimals = self._decimals()
        lines = [_number(table.means[at], decimals)]
        if np.isfinite(half):
            lines.append(f"±{_number(half, decimals)}")
        if table.n_seeds[at] < table.n_asked:
            lines.append(f"n={table.n_seeds[at]}")
        return lines

    def _decimals(self) -> int | None:
        """Return how many decimals tell cells apart; None for numbers of too many sizes."""
        means = self.table.means[np.isfinite(self.table.means)]
        sizes = np.abs(means[means != 0])
        if sizes.size and (sizes.max() >= 1e5 or sizes.max() >= 1e4 * sizes.min()):
            return None
        least = 2 - np.floor(np.log10(sizes.max() if sizes.size else 1.0))
        halves = self.table.half_widths[self.table.half_widths > 0]
        fine = -np.floor(np.log10(np.median(halves))) if halves.size else least
        return int(np.clip(np.clip(fine, least, least + 1), 0, 6))


def _number(value: float, decimals: int | None) -> str:
    if decimals is None:
        return f"{value:.2g}".replace("e-0", "e-").replace("e+0", "e")
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) and decimals else text


def _longest(cells: Any, which: slice) -> int:
    return max((len(line) for lines in cells for line in lines[which]), default=1)


def _norm(log: bool, low: float, high: float) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    if low == high:  # one colour, in the middle
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return LogNorm(low, high) if log else Normalize(low, high)


def _is_log(norm: Any) -> bool:
    from matplotlib.colors import LogNorm

    return isinstance(norm, LogNorm)


def _hatched(i: int, j: int) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(
        (j - 0.5, i - 0.5), 1, 1, hatch="////", facecolor="none", edgecolor=foreground(),
        alpha=0.3, linewidth=0,
    )  # fmt: skip


def _corner(i: int, j: int, color: str) -> Any:
    from matplotlib.patches import Polygon

    right, top = j + 0.5, i - 0.5
    return Polygon(
        [(right - _CORNER, top), (right, top), (right, top + _CORNER)], color=color, linewidth=0
    )


def _on(color: Any) -> str:
    """Return black or white, whichever is read better on a colour."""
    return "black" if np.dot(color[:3], (0.2126, 0.7152, 0.0722)) > 0.45 else "white"


def _box() -> dict[str, Any]:
    return {
        "facecolor": pyplot().rcParams["axes.facecolor"],
        "edgecolor": "none",
        "alpha": 0.75,
        "pad": 1.0,
    }


def _turn_labels(ax: Any) -> None:
    """Turn the labels below the cells if they are wider than these."""
    labels = ax.get_xticklabels()
    wide = ax.get_window_extent().width / len(labels)
    if max(label.get_window_extent().width for label in labels) <= 0.97 * wide:
        return
    if max(len(label.get_text()) for label in labels) <= _SHORT:
        ax.tick_params(axis="x", labelrotation=90)
        return
    ax.tick_params(axis="x", labelrotation=40)
    for label in labels:
        label.set(ha="right", rotation_mode="anchor")


def _panels(ax: Any, table: SweepTable) -> tuple[Array, Any]:
    """Return axes for the panels, and their figure."""
    n, n_rows, n_columns = table.means.shape
    wide = 1.2 + max(n_columns, 2) * _CELL[0] * min(n, _MOST_ACROSS) + 0.09 * _longest_label(table)
    below = max(len(in_lines(label)) for label in table.labels[2])
    high = 1.1 + max(n_rows, 3) * _CELL[1] + (0.05 * min(below, 25) if below > 8 else 0)
    if ax is not None or n <= _MOST_ACROSS:
        return split(ax, n, (wide, high))
    lines = -(-n // _MOST_ACROSS)
    figure = pyplot().figure(figsize=(wide, high * lines), layout="constrained")
    grid = figure.add_gridspec(lines, _MOST_ACROSS)
    axes = [figure.add_subplot(grid[divmod(i, _MOST_ACROSS)]) for i in range(n)]
    return np.array(axes, dtype=object), figure


def _longest_label(table: SweepTable) -> int:
    return max(len(line) for label in table.labels[1] for line in in_lines(label).split("\n"))
