"""Errors against updates, as lines; the paper's final errors, as stars."""

import numpy as np

from examples.glorot2010.protocol import PAPER, PAPER_ROWS, PAPER_UPDATES, PRIOR_ERROR, ROWS
from examples.glorot2010.statistics import error_interval

__all__ = ["COLORS", "LINES", "draw", "draw_overview", "spread"]

COLORS = dict(zip(PAPER_ROWS, ("#D55E00", "#E69F00", "#0072B2", "#56B4E9", "#009E73"), strict=True))
LINES = dict(zip(PAPER_ROWS, ("-", "--", "-", "--", "-."), strict=True))
_OTHER_COLORS = ("#CC79A7", "#7F7F7F", "#8C564B", "#A0A000", "#17BECF", "#9467BD", "#000000")
_NEAR = 3.0  # points: stars as near as this stand side by side


def tested(curve):
    """Return the test errors of a curve by updates."""
    return {p["updates"]: p["test_error"] for p in curve.points if p["test_error"] is not None}


def spread(places, apart):
    """Return places for labels, in the same order, at least so far apart and near to where they belong.

    Examples
    --------
    >>> from examples.glorot2010.error_curves import spread
    >>> spread([10.0, 80.0, 11.0], 4.0)
    [8.5, 80.0, 12.5]
    """
    groups = []  # of neighbours that touch, each as a list of places
    for place in sorted(places):
        groups.append([place])
        while len(groups) > 1 and _top(groups[-2], apart) + apart > _bottom(groups[-1], apart):
            last = groups.pop()
            groups[-1] += last
    found = [_bottom(group, apart) + apart * i for group in groups for i in range(len(group))]
    ranks = np.argsort(np.argsort(places, kind="stable"), kind="stable")
    return [float(found[rank]) for rank in ranks]


def _bottom(group, apart):
    return np.mean(group) - apart * (len(group) - 1) / 2


def _top(group, apart):
    return np.mean(group) + apart * (len(group) - 1) / 2


def draw(rows, ax=None, until=None):
    """Draw test errors with their intervals, and validation errors as thin lines.

    Parameters
    ----------
    rows : dict of str to list of Curve
        As :func:`examples.glorot2010.table1.chosen` returns it.
    ax : matplotlib axes, optional
        New ones unless given.
    until : int, optional
        Show so many updates, with each row's name where its line ends; otherwise all of them, and the
        paper's final errors.

    Returns
    -------
    Axes
    """
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(7.8, 5.8), layout="constrained")
    colors, ends = _colors(rows), {}
    for row, curves in rows.items():
        ends[row] = _draw_validation(ax, curves, colors[row], until)
        by_updates = [tested(curve) for curve in curves]
        steps = sorted(n for n in set().union(*by_updates) if until is None or n <= until)
        errors = [[t[n] for t in by_updates if n in t] for n in steps]
        n = [len(e) for e in errors] or [len(curves)]  # some may have ended early
        seeds = f"{min(n)} to {max(n)}" if min(n) < max(n) else f"{n[0]}"
        label = f"{ROWS[row][0]} (rate {curves[0].run['rate']:g}, seeds: {seeds})"
        style = {
            "color": colors[row],
            "ls": LINES.get(row, "-"),
            "marker": "o",
            "ms": 3.5,
            "lw": 1.8,
        }
        if not steps:
            continue
        middle, half = np.transpose([error_interval(e) for e in errors])
        ax.plot(steps, middle, label=label, **style)
        ax.fill_between(steps, middle - half, middle + half, color=colors[row], alpha=0.18, lw=0)
        ends[row] = steps[-1], middle[-1]
    ax.set(xscale="log", xlabel="updates, of 10 images each", ylabel="error, %")
    ax.grid(alpha=0.3)
    widths = {curve.run["width"] for curves in rows.values() for curve in curves}
    size = f"Shapeset-3x2, 5 hidden layers of {', '.join(map(str, sorted(widths)))}"
    styles = [
        ax.plot([], [], color="0.4", marker="o", ms=3.5, lw=1.8, label="on 10,000 test images")[0],
        ax.fill_between([], [], color="0.4", alpha=0.3, lw=0, label="95 %: images, seeds"),
        ax.plot([], [], color="0.4", lw=0.8, label="on 5,000 validation images")[0],
    ]
    _draw_prior(ax, left=until is not None)
    if until is None:
        ax.set(ylim=(0, 95), title=f"{size}: ours and the paper's")
        styles.append(_draw_paper(ax, rows, colors))
        of_rows = [
            line for line in ax.lines if str(line.get_label()).startswith(tuple(_names(rows)))
        ]
        ax.legend(handles=[*of_rows, *styles], fontsize=8, loc="lower left")
    else:
        ax.set_title(f"{size}; learning rates in brackets")
        labels = {row: f"{ROWS[row][0]} ({rows[row][0].run['rate']:g})" for row in rows}
        _label_ends(ax, ends, labels, colors, until)
        ax.legend(handles=styles, fontsize=8, loc="lower left")
    return ax


def draw_overview(rows):
    """Draw the longest training of each row and the paper's final errors, small; return the figure."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(4.6, 4.1), layout="constrained")
    colors = _colors(rows)
    for row, curves in rows.items():
        longest = max(curves, key=lambda curve: curve.points[-1]["updates"])
        updates, errors = _validated(longest)
        ax.plot(updates, errors, color=colors[row], ls=LINES.get(row, "-"), lw=1.8)
    ax.set(xscale="log", ylim=(0, 95), xlabel="updates, of 10 images each", ylabel="error, %")
    ax.grid(alpha=0.3)
    _draw_prior(ax, left=True)
    _draw_paper(ax, rows, colors, room=80)
    ax.set_title("ours (lines) and the paper's (stars)", fontsize=10)
    return figure


def _names(rows):
    return [f"{ROWS[row][0]} (" for row in rows]


def _colors(rows):
    others = iter(_OTHER_COLORS)
    return {row: COLORS.get(row) or next(others) for row in rows}


def _validated(curve):
    """Return updates above 0 and validation errors."""
    points = [(p["updates"], p["validation_error"]) for p in curve.points if p["updates"]]
    return np.array([p for p in points if p[1] is not None], float).reshape(-1, 2).T


def _draw_validation(ax, curves, color, until=None):
    """Draw the mean validation error where all curves have one; return its end, if there is one."""
    every = [dict(zip(*_validated(curve), strict=True)) for curve in curves]
    steps = sorted(set.intersection(*map(set, every)))
    steps = [n for n in steps if until is None or n <= until]
    means = [np.mean([errors[n] for errors in every]) for n in steps]
    ax.plot(steps, means, color=color, lw=0.8, alpha=0.8)
    return (steps[-1], means[-1]) if steps else None


def _draw_prior(ax, left):
    """Draw the error of always the same class, its name where there is room."""
    ax.axhline(PRIOR_ERROR, color="0.4", lw=0.8)
    side = {"x": 0.01, "ha": "left"} if left else {"x": 0.99, "ha": "right"}
    ax.text(y=PRIOR_ERROR + 3, s="always the same class: 83.33 %", va="bottom", fontsize=8,
            color="0.3", transform=ax.get_yaxis_transform(), **side)  # fmt: skip


def _draw_paper(ax, rows, colors, room=18):
    """Draw the paper's final errors in a column of its own, with their names; return a star.

    The column ends at ``room`` times the paper's updates.
    """
    lowest, _ = ax.get_xlim()
    first, names_at, end = 0.72 * PAPER_UPDATES, 2.6 * PAPER_UPDATES, room * PAPER_UPDATES
    ax.axvspan(first, end, color="0.5", alpha=0.12, lw=0)
    ax.set_xlim(lowest, end)
    ax.set_xticks([10**k for k in range(3, 7)])
    ax.text(
        (first * end) ** 0.5, 50, f"the paper, after\n{PAPER_UPDATES:,}", ha="center", fontsize=8
    )
    shown = sorted((row for row in PAPER_ROWS if row in rows), key=PAPER.get)
    *labels, _ = spread([*(PAPER[row] for row in shown), PRIOR_ERROR], 5.0)  # not on that line
    before, side = -np.inf, 0
    for row, label in zip(shown, labels, strict=True):
        side = side + 1 if PAPER[row] - before < _NEAR else 0  # stars on one spot hide each other
        before, x = PAPER[row], PAPER_UPDATES * 1.3**side
        ax.plot(x, PAPER[row], marker="*", ms=11, color=colors[row], mec="k", mew=0.4, ls="")
        ax.plot([x, names_at], [PAPER[row], label], color=colors[row], lw=0.7)
        text = f"{ROWS[row][0]} {PAPER[row]:.2f}"
        ax.text(1.06 * names_at, label, text, va="center", fontsize=8)
    return ax.plot([], [], "*", ms=10, color="0.7", mec="k", mew=0.4, label="the paper's")[0]


def _label_ends(ax, ends, labels, colors, until):
    """Write names to the right of where lines end, apart from each other."""
    ends = {row: end for row, end in ends.items() if end is not None}
    lowest, _ = ax.get_xlim()
    ax.set_xlim(lowest, until * (until / lowest) ** 0.45)
    low, high = ax.get_ylim()
    places = spread([error for _, error in ends.values()], (high - low) / 22)
    for (row, (updates, error)), place in zip(ends.items(), places, strict=True):
        ax.plot([updates, 1.25 * until], [error, place], color=colors[row], lw=0.7)
        ax.text(1.3 * until, place, labels[row], va="center", fontsize=8.5)
