"""Histograms of layers, one above the other."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minnet.common.plotting import foreground, layer_colors, letter_size, tidy
from minnet.common.types import Array

__all__ = ["covering_range", "note_room", "ridges"]

_COVERED = 0.998  # of a histogram, by the range that is drawn
_HEIGHT = 0.86  # of the room of a row
_NOTE_SIZE = 8.3  # points
_SPIKE = 6.0  # a bin that is so many times as high as all others is cut, and its share told


def ridges(
    ax: Any,
    densities: Any,
    edges: Any,
    labels: Sequence[str],
    notes: Sequence[str] | None = None,
    laws: Any = None,
) -> tuple[list[Any], list[Any]]:
    """Draw filled histograms in rows, the first on top, each scaled to its own height.

    Parameters
    ----------
    ax : matplotlib axes
    densities, edges : sequences of ndarray
    labels : list of str
    notes : list of str, optional
        Written at the right of the rows.
    laws : list of (x, density) or None, optional
        Curves over the histograms, on their scale.

    Returns
    -------
    patches : list of StepPatch
    lines : list of Line2D
        The curves.
    """
    n, patches, lines = len(densities), [], []
    most_lines = 0.9 / (1.25 * letter_size(ax, _NOTE_SIZE)[1] * n)
    for row, color in enumerate(layer_colors(ax, n)):
        base, density = n - 1 - row, np.asarray(densities[row])
        law = laws[row] if laws is not None else None
        top, spike = _scale(density, None if law is None else law[1])
        ax.axhline(base, color=foreground(), linewidth=0.6, alpha=0.35, zorder=1)
        heights = np.minimum(density / top, 1) * _HEIGHT
        patch = ax.stairs(
            base + heights, edges[row], baseline=base, fill=True, color=color, alpha=0.85, zorder=2
        )
        patches.append(patch)
        if law is not None:
            x, values = law
            curve = base + np.minimum(values / top, 1.05) * _HEIGHT
            curve[values <= 1e-3 * values.max()] = np.nan  # what is not drawn is 0
            lines += ax.plot(x, curve, color=foreground(), linewidth=1.4, zorder=3)
        note = "" if notes is None else notes[row]
        if spike:
            note = f"{spike:.0%} in one bin\n{note}"
        if note.count("\n") + 1 > most_lines:
            note = note.replace("\n", ", ")
        ax.annotate(
            note, (1, base + 0.5), (-4, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="center", fontsize=_NOTE_SIZE,
        )  # fmt: skip
    ax.set_yticks(np.arange(n)[::-1] + 0.02, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.08, n + 0.02)
    tidy(ax)
    ax.spines["left"].set_visible(False)
    return patches, lines


def note_room(ax: Any) -> float:
    """Return by what part of it the x axis must be longer for the notes at its right."""
    longest = max(len(line) for text in ax.texts for line in text.get_text().split("\n"))
    labels = max(len(label.get_text()) for label in ax.get_yticklabels())
    letter, _ = letter_size(ax, _NOTE_SIZE)
    # The layout may take the labels' room at the left from the axes.
    share = (longest + 2) * letter / max(1 - 1.2 * labels * letter, 0.5)
    return min(share / max(1 - share, 0.1), 1.0)


def _scale(density: Array, law: Array | None) -> tuple[float, float]:
    """Return what is drawn at full height, and the share of a bin that is cut (or 0)."""
    highest = density.max(initial=0.0)
    others = np.delete(density, density.argmax()).max(initial=0.0) if density.size > 1 else 0.0
    if law is not None:
        # A law may go to infinity at its edge.
        return max(highest, np.quantile(law, 0.98)) or 1.0, 0.0
    if 0 < others * _SPIKE < highest:
        return 1.25 * others, highest / density.sum()
    return highest or 1.0, 0.0


def covering_range(densities: Iterable[Array], edges: Iterable[Array]) -> tuple[float, float]:
    """Return the range of x in which nearly all of each histogram lies."""
    lows, highs = [], []
    for density, places in zip(densities, edges, strict=True):
        mass = np.append(0.0, np.cumsum(density * np.diff(places)))
        mass /= mass[-1]
        lows.append(np.interp((1 - _COVERED) / 2, mass, places))
        highs.append(np.interp((1 + _COVERED) / 2, mass, places))
    low, high = min(lows), max(highs)
    margin = 0.04 * (high - low)
    return low - margin, high + margin
