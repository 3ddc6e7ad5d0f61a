"""What the pictures share: axes, colours, legends."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.common.entry import entry
from minnet.common.extras import import_extra
from minnet.common.types import Array

__all__ = ["OKABE_ITO", "axes_of", "foreground", "layer_colors", "layer_legend", "pyplot", "split"]

# Okabe & Ito's colours, which colour-blind readers tell apart and which show on white and on black.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

_MOST_IN_LEGEND = 7


def pyplot() -> Any:
    """Return matplotlib.pyplot, or say how to get it."""
    return import_extra(
        "matplotlib.pyplot", "the displays need matplotlib: pip install 'minnet-learn[plot]'"
    )


@entry
def axes_of(ax: Any, figsize: tuple[float, float] | None = None) -> tuple[Any, Any]:
    """Return the axes given or new ones, and their figure."""
    if ax is None:
        _, ax = pyplot().subplots(figsize=figsize, layout="constrained")
    return ax, _checked(ax).get_figure()


def _checked(ax: Any) -> Any:
    """Return the axes, or say that they are none."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be matplotlib axes or None, got {ax!r}")
    return ax


def split(
    ax: Any, n: int, figsize: tuple[float, float], projection: str | None = None
) -> tuple[Array, Any]:
    """Return ``n`` axes side by side and their figure.

    ``ax`` may be None, that many axes, or axes whose place they take.
    """
    plt = pyplot()
    if ax is None:
        figure = plt.figure(figsize=figsize, layout="constrained")
        grid = figure.add_gridspec(1, n)
    elif isinstance(ax, list | tuple | np.ndarray):
        axes = np.ravel(np.asarray(ax, dtype=object))
        if len(axes) != n:
            raise ValueError(f"ax must be one axes or {n} of them, got {len(axes)}")
        figures = [_checked(one).get_figure() for one in axes]
        return axes, figures[0]
    else:
        _checked(ax)
        if n == 1 and (projection is None or ax.name == projection):
            return np.array([ax], dtype=object), ax.get_figure()
        figure, place = ax.get_figure(), ax.get_subplotspec()
        if place is None:
            raise ValueError(
                f"ax must be axes of a grid, such as of plt.subplots, or {n} axes, got {ax!r}"
            )
        ax.set_axis_off()
        grid = place.subgridspec(1, n)
    made = [figure.add_subplot(grid[0, i], projection=projection) for i in range(n)]
    return np.array(made, dtype=object), figure


def below(ax: Any) -> Any:
    """Return new axes that take the lower part of the place of these, over the same x."""
    figure, place = ax.get_figure(), ax.get_subplotspec()
    if place is not None:
        upper, lower = place.subgridspec(2, 1, height_ratios=(3, 2))
        ax.set_subplotspec(upper)
        return figure.add_subplot(lower, sharex=ax)
    box = ax.get_position()
    part = 0.4 * box.height
    ax.set_position((box.x0, box.y0 + part, box.width, box.height - part))
    return figure.add_axes((box.x0, box.y0, box.width, 0.85 * part), sharex=ax)


def foreground() -> str:
    """Return the colour of text: black on white, white on black."""
    return pyplot().rcParams["text.color"]


def is_dark(ax: Any) -> bool:
    """Return whether the background is."""
    from matplotlib.colors import to_rgb

    return float(np.dot(to_rgb(ax.get_facecolor()), (0.2126, 0.7152, 0.0722))) < 0.5


def okabe_ito(ax: Any, i: int) -> str:
    """Return a colour of the list; the first is light enough for a dark background."""
    if i == 0 and is_dark(ax):
        return OKABE_ITO[5]
    return OKABE_ITO[i % len(OKABE_ITO)]


def layer_colors(ax: Any, n: int) -> Array:
    """Return colours for layers in their order: viridis, without what the background swallows."""
    low, high = (0.35, 0.98) if is_dark(ax) else (0.02, 0.68)
    return pyplot().colormaps["viridis"](np.linspace(low, high, n) if n > 1 else [(low + high) / 2])


def layer_legend(ax: Any, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> Any:
    """Draw a legend; of many layers, some evenly spaced ones."""
    n = len(handles)
    shown = np.unique(np.linspace(0, n - 1, min(n, _MOST_IN_LEGEND)).round().astype(int))
    options = {"frameon": False, "title": "layer", **options}
    return ax.legend([handles[i] for i in shown], [labels[i] for i in shown], **options)


def letter_size(ax: Any, font_size: float | None = None) -> tuple[float, float]:
    """Return width and height of a letter, as parts of the axes': a guess before anything is drawn."""
    size = ax.get_window_extent()
    points = pyplot().rcParams["font.size"] if font_size is None else font_size
    height = points * ax.get_figure().dpi / 72
    return 0.55 * height / size.width, height / size.height


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Have ticks at 1, 2 and 5, or more, where the powers of ten alone would be too few."""
    if high < 100 * low:
        from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

        places = (1, 2, 5) if high > 5 * low else (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
        axis.set_major_locator(LogLocator(subs=places))
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_locator(NullLocator())


def free_legend(ax: Any, **options: Any) -> Any:
    """Draw a legend in a corner that curves leave free; where they leave none, make room above them."""
    legend = ax.legend(**{"frameon": False, "borderaxespad": 0.3, **options})
    texts = [text.get_text() for text in legend.get_texts()]
    letter, line = letter_size(ax)
    width = (max(map(len, texts), default=0) + 8) * letter
    height = (1.4 * len(texts) + 0.8) * line
    x, y = _curves(ax)
    top = {"upper left": x < width, "upper right": x > 1 - width}
    for place, beside in {
        **top, "lower left": x < width, "lower right": x > 1 - width,
    }.items():  # fmt: skip
        inside = (y > 1 - height) if place in top else (y < height)
        if not (beside & inside).any():
            legend.set_loc(place)
            return legend
    reach, place = min((y[beside].max(), place) for place, beside in top.items())
    legend.set_loc(place)
    scale = ax.transScale + ax.transLimits
    above = max(1.0, reach / (1 - min(height, 0.6)))
    ax.set_ylim(top=scale.inverted().transform((0, above))[1])
    return legend


def _curves(ax: Any) -> tuple[Array, Array]:
    """Return points along all lines and edges of areas, as parts of the axes' width and height."""
    ax.get_xlim(), ax.get_ylim()  # what is pending of their scaling is done
    scale = ax.transScale + ax.transLimits
    paths = [line.get_xydata() for line in ax.lines if line.get_transform() == ax.transData]
    paths += [path.vertices for area in ax.collections for path in area.get_paths()]
    points = [np.empty((0, 2))]
    for path in paths:
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = scale.transform(path)
        ends = ends[np.isfinite(ends).all(axis=1)]
        if len(ends):
            parts = np.linspace(0, len(ends) - 1, 8 * len(ends))
            at = np.arange(len(ends))
            points.append(np.column_stack([np.interp(parts, at, column) for column in ends.T]))
    x, y = np.concatenate(points).T
    return x, y


def color_bar(figure: Any, drawn: Any, ax: Any, label: str) -> Any:
    """Draw a colour bar without an outline."""
    bar = figure.colorbar(drawn, ax=ax, label=label)
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=7)
    return bar


def tidy(ax: Any) -> None:
    """Take away what only frames."""
    ax.spines[["top", "right"]].set_visible(False)
