"""A measure of a sweep over a numeric axis, as curves with bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from minnet.common.checks import check_flag, is_finite_real
from minnet.common.plotting import (
    foreground,
    free_legend,
    is_dark,
    layer_colors,
    log_ticks,
    okabe_ito,
    split,
    tidy,
)
from minnet.common.types import Array
from minnet.lab.displays._sweep_table import (
    OfTable,
    axis_label,
    in_lines,
    measure_label,
    table_of,
)
from minnet.lab.sweeps.result import Sweep

__all__ = ["SweepCurvesDisplay"]

_MANY = 6  # curves, for as many of which there are colours by name
_DECADES = 30.0  # an axis whose numbers differ by such a factor is logarithmic


class SweepCurvesDisplay(OfTable):
    """A measure of a sweep over one of its axes that has numbers: a curve for each value of another.

    Points are means over seeds, bands their intervals (:meth:`minnet.lab.Sweep.summary`); a point from one
    seed has no band, and one without a result is left out.

    Parameters
    ----------
    table : SweepTable
        What :meth:`from_sweep` makes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib axes
        One for each panel.
    figure_ : matplotlib figure
    lines_ : list of list of matplotlib.lines.Line2D
        The curves of each panel.
    bands_ : list of list of matplotlib.collections.PolyCollection

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import sweep
    >>> from minnet.lab.displays import SweepCurvesDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((20,), max_iter=2)
    >>> found = sweep(clf, X / 16, y, init=["glorot", "he"], learning_rate=[0.001, 0.1], seeds=2)
    >>> display = SweepCurvesDisplay.from_sweep(found, x="learning_rate")
    >>> display.axes_[0].get_xscale(), len(display.lines_[0])
    ('log', 2)
    """

    @classmethod
    def from_sweep(
        cls,
        sweep: Any,
        measure: str = "validation_score",
        *,
        x: str | None = None,
        lines: str | None = None,
        panels: str | None = None,
        where: Mapping[str, Any] | None = None,
        level: float = 0.95,
        log: bool = False,
        log_x: bool | None = None,
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
        x : str, default=None
            The axis that goes to the right; None takes the last one with numbers.
        lines, panels : str, default=None
            The axes with a curve for each value, and with axes for each. None takes what is left in the
            order of the sweep.
        where : dict, default=None
            Values of axes that are not drawn, as the sweep labels them.
        level : float, default=0.95
            How often an interval has the true mean in it.
        log : bool, default=False
            Whether the measure's axis is logarithmic.
        log_x : bool, default=None
            Whether the other one is; None means where its numbers differ thirtyfold.
        ax : matplotlib axes, optional
            Where to draw, or one for each panel; None makes new ones.
        **kwargs
            For the curves (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        display : SweepCurvesDisplay
        """
        x = _numeric_axis(sweep, (lines, panels, *(where or ()))) if x is None else x
        table = table_of(
            sweep, measure, {"lines": lines, "panels": panels, "x": x}, where, level
        ).moved((1, 0, 2))
        if not _is_numeric(table.labels[2]):
            raise ValueError(f"x must be an axis of numbers, got {x!r}")
        return cls(table).plot(ax=ax, log=log, log_x=log_x, **kwargs)

    def plot(
        self, ax: Any = None, *, log: bool = False, log_x: bool | None = None, **kwargs: Any
    ) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw, or one for each panel; None makes new ones.
        log : bool, default=False
            Whether the measure's axis is logarithmic.
        log_x : bool, default=None
            Whether the other one is; None means where its numbers differ thirtyfold.
        **kwargs
            For the curves (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        table, log = self.table, check_flag("log", log)
        x = np.array(table.labels[2], dtype=np.float64)
        if log_x is None:
            log_x = bool(x.min() > 0 and x.max() > _DECADES * x.min())
        log_x = check_flag("log_x", log_x)
        if not (np.isfinite(table.means) & ((table.means > 0) | (not log))).any():
            raise ValueError(f"there is nothing to draw of {table.measure!r}: no mean is finite")
        n_panels, n_lines, _ = table.means.shape
        self.axes_, self.figure_ = split(ax, n_panels, (1.2 + 4.4 * min(n_panels, 3), 3.8))
        self.lines_, self.bands_ = [], []
        for panel, one in enumerate(self.axes_):
            colors = _colors(one, table.labels[1])
            drawn = [
                self._draw(one, x, (panel, line), colors[line], kwargs) for line in range(n_lines)
            ]
            self.lines_.append([line for line, _ in drawn])
            self.bands_.append([band for _, band in drawn])
            if log_x:
                one.set_xscale("log")
                log_ticks(one.xaxis, x.min(), x.max())
            elif np.array_equal(x, x.round()):
                one.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
            if log:
                one.set_yscale("log")
            self._name(one, panel)
        self._share_heights(log)
        if table.names[1]:
            title = axis_label(table.names[1])
            free_legend(self.axes_[-1], title=title, fontsize="small", title_fontsize="small")
        return self

    def _draw(
        self, ax: Any, x: Array, at: tuple[int, int], color: Any, options: dict[str, Any]
    ) -> tuple[Any, Any]:
        """Draw a curve and its band."""
        table, order = self.table, np.argsort(x)
        mean, half = table.means[at][order], table.half_widths[at][order]
        half = np.where(np.isfinite(half), half, 0.0)
        (line,) = ax.plot(
            x[order], mean,
            **{
                "color": color, "marker": "o", "markersize": 4, "linewidth": 1.6,
                "label": in_lines(table.labels[1][at[1]], 32, 1), **options,
            },
        )  # fmt: skip
        band = ax.fill_between(
            x[order], mean - half, mean + half, color=line.get_color(), linewidth=0,
            alpha=0.35 if is_dark(ax) else 0.2,
        )  # fmt: skip
        return line, band

    def _name(self, ax: Any, panel: int) -> None:
        table = self.table
        ax.set_xlabel(axis_label(table.names[2]))
        if panel == 0:
            ax.set_ylabel(measure_label(table.measure))
        if table.names[0]:
            name = f"{axis_label(table.names[0])}: {in_lines(table.labels[0][panel], 30, 1)}"
            ax.set_title(name, fontsize="medium")
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)

    def _share_heights(self, log: bool) -> None:
        """Give all panels the same range, that of the means and those ends of bands that are in reach."""
        table = self.table
        half = np.where(np.isfinite(table.half_widths), table.half_widths, 0.0)
        values = np.concatenate([np.ravel(table.means + sign * half) for sign in (-1, 0, 1)])
        values = values[np.isfinite(values) & ((values > 0) | (not log))]
        means = table.means[np.isfinite(table.means) & ((table.means > 0) | (not log))]
        room = (means.max() - means.min()) or abs(means.max()) or 1.0
        if log:
            low, high = max(values.min(), means.min() / 10), min(values.max(), means.max() * 10)
            low, high = low / 1.15, high * 1.15
        else:  # the interval of two seeds that differ may be many times as wide as all else
            low = max(values.min(), means.min() - room) - 0.05 * room
            high = min(values.max(), means.max() + room) + 0.05 * room
        for ax in self.axes_:
            ax.set_ylim(low, high)


def _is_numeric(labels: list[Any]) -> bool:
    return all(is_finite_real(one) for one in labels)


def _numeric_axis(sweep: Any, others: tuple[Any, ...]) -> str:
    """Return the last axis with numbers that is not one of the others."""
    if not isinstance(sweep, Sweep):
        raise TypeError(f"sweep must be what minnet.lab.sweep returns, got {sweep!r:.200}")
    found = [name for name in sweep.axes if _is_numeric(sweep.axes[name]) and name not in others]
    if not found:
        names = f"those of {', '.join(sweep.axes)}" if sweep.axes else "none"
        raise ValueError(f"sweep must have an axis of numbers for x, got {names}")
    return found[-1]


def _colors(ax: Any, labels: list[Any]) -> Any:
    """Return colours: in an order for numbers and for many curves, else such as are told apart best."""
    if len(labels) <= _MANY and not (_is_numeric(labels) and len(labels) > 1):
        return [okabe_ito(ax, i) for i in range(len(labels))]
    return layer_colors(ax, len(labels))
