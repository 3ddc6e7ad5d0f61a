"""Pieces of HTML for notebooks: tables, curves of a line's height, matrices as heat maps.

No scripts, and nothing is fetched. Text takes the colour of the page and zero that of its background, so
that all of it is readable on light and on dark. What is shown is bounded, however large the data are.
"""

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from minnet.common.shown import number, some_of
from minnet.common.types import Array

__all__ = [
    "curve",
    "details",
    "figure",
    "heat_map",
    "listing",
    "matrix",
    "page",
    "paragraph",
    "row",
    "table",
]

_MOST_ROWS, _FIRST_ROWS = 40, 28  # of a table
_MOST_NUMBERS = 8  # rows and columns of a matrix that is shown in numbers
_MOST_PIXELS = 64, 2304  # of a heat map: in a row or column, and in all
_LOWEST = 12  # pixels of the screen, of a heat map with one row
_MOST_POINTS = 100  # of a curve
_DIGITS = 4  # of numbers in a table
_LONG, _LONGEST = 40, 120  # characters of a cell that is broken into lines, and that is cut

# Okabe & Ito's vermilion and blue, for numbers above and below 0.
_ABOVE, _BELOW = (213, 94, 0), (0, 114, 178)
_N_SHADES = 16
_STRONGEST = 0.75  # opacity in a table, where there is text on it

_STYLE = """<style>
.minnet { color: var(--jp-content-font-color1, var(--vscode-editor-foreground, inherit));
  font-size: 0.85rem; line-height: 1.4; text-align: left; max-width: 72em; overflow-x: auto; }
.minnet p { margin: 0.2em 0 0.5em; max-width: 60em; }
.minnet .minnet-title { font-weight: bold; }
.minnet .minnet-faint { opacity: 0.7; }
.minnet table { border-collapse: collapse; margin: 0.2em 0 0.6em; font-size: inherit; color: inherit;
  width: auto; background: none; border: none; display: table; }
.minnet tr, .minnet tbody tr:nth-child(odd), .minnet tbody tr:nth-child(even),
.minnet tbody tr:hover { background: none; border: none; }
.minnet th, .minnet td { padding: 0.1em 0.6em; border: none; text-align: right; color: inherit;
  background: none; white-space: nowrap; font-variant-numeric: tabular-nums; vertical-align: middle; }
.minnet th { font-weight: bold; border-bottom: 1px solid rgba(128, 128, 128, 0.6); }
.minnet.minnet .minnet-left.minnet-left { text-align: left; }
.minnet.minnet td.minnet-long { white-space: normal; overflow-wrap: anywhere; min-width: 20em; }
.minnet svg { display: inline-block; vertical-align: middle; overflow: visible; max-width: none; }
.minnet .minnet-curve path { fill: none; stroke: currentColor; stroke-width: 1.5; opacity: 0.8;
  vector-effect: non-scaling-stroke; }
.minnet .minnet-curve circle { fill: #D55E00; }
.minnet figure { display: inline-block; margin: 0.2em 0.9em 0.6em 0; vertical-align: top; padding: 0; }
.minnet figcaption { font-size: 0.85em; margin: 0 0 0.2em; padding: 0; text-align: left;
  font-style: normal; color: inherit; }
.minnet figcaption b { font-size: 1.15em; }
.minnet img { image-rendering: pixelated; border: 1px solid rgba(128, 128, 128, 0.6); margin: 0;
  background: none; max-width: none; display: block; box-sizing: content-box; border-radius: 0; }
.minnet table.minnet-numbers { margin: 0; border: 1px solid rgba(128, 128, 128, 0.6); }
.minnet table.minnet-numbers td { padding: 0.05em 0.45em; font-size: 0.9em; }
.minnet .minnet-part { border-top: 1px solid rgba(128, 128, 128, 0.4); padding: 0.5em 0 0; margin: 0; }
.minnet .minnet-row { display: flex; }
.minnet .minnet-row > .minnet-faint { flex: none; width: 5.5em; margin: 0.2em 0; }
.minnet details { margin: 0.2em 0 0.6em; }
.minnet summary { cursor: pointer; }
.minnet ol { margin: 0.2em 0 0.6em; padding-left: 1.6em; max-width: 60em; }
.minnet li { margin: 0 0 0.5em; }
</style>"""


def page(title: str, *parts: str) -> str:
    """Return the parts under a title, with the style that they need."""
    head = paragraph(title, "title")
    return f'{_STYLE}<div class="minnet">{head}{"".join(parts)}</div>'


def paragraph(text: str, kind: str = "text") -> str:
    """Return text that is escaped; ``kind`` is "title", "faint" or "text"."""
    return f'<p class="minnet-{kind}">{escape(" ".join(text.split()))}</p>'


def details(summary: str, *parts: str) -> str:
    """Return parts that a click opens."""
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def listing(items: Sequence[str]) -> str:
    """Return pieces of HTML as a numbered list."""
    return f"<ol>{''.join(f'<li>{item}</li>' for item in items)}</ol>"


def row(label: str, *figures: str) -> str:
    """Return figures side by side, with a word before them, if any."""
    if not (figures and label):
        return f"<div>{''.join(figures)}</div>"
    return f'<div class="minnet-row">{paragraph(label, "faint")}<div>{"".join(figures)}</div></div>'


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[Any]],
    left: Sequence[int] = (0,),
    curves: Sequence[Sequence[float] | Array | None] = (),
) -> str:
    """Return a table.

    Parameters
    ----------
    heads : list of str
    rows : list of list
        Text, numbers, None. From the middle of many some are left out.
    left : sequence of int
        Columns of words; the others stand to the right.
    curves : list of array-like or None
        A curve for each column, in a first line.

    Returns
    -------
    str
    """
    kinds = [' class="minnet-left"' if j in left else "" for j in range(len(heads))]
    first = "".join(
        f"<th{kind}>{escape(head)}</th>" for kind, head in zip(kinds, heads, strict=True)
    )
    lines = []
    if any(one is not None for one in curves):
        drawn = ["" if one is None else curve(one) for one in curves]
        lines.append("".join(f"<td>{one}</td>" for one in drawn))
    n_last = _MOST_ROWS - _FIRST_ROWS
    for i, row in enumerate(rows):
        if len(rows) > _MOST_ROWS and _FIRST_ROWS <= i < len(rows) - n_last:
            if i == _FIRST_ROWS:
                text = f"… {len(rows) - _MOST_ROWS:,} rows left out"
                lines.append(f'<td class="minnet-left" colspan="{len(heads)}">{text}</td>')
            continue
        cells = [_short(number(value, _DIGITS)) for value in row]
        lines.append("".join(_cell(cell, j in left) for j, cell in enumerate(cells)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, is_left: bool) -> str:
    classes = ["minnet-left"] * is_left + ["minnet-long"] * (len(text) > _LONG)
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f"<td{kind}>{escape(text)}</td>"


def curve(
    values: Any, label: str = "", width: int = 64, height: int = 24, mark: int | None = None
) -> str:
    """Return a curve of numbers, on a logarithmic scale if they are positive and over a hundredfold.

    A dot is at the last number, or at that with the index ``mark``. What is not finite is a gap.
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    chosen = some_of(len(values), _MOST_POINTS)
    if mark is not None and mark not in chosen:
        chosen = sorted([*chosen, mark])
    finite = values[np.isfinite(values)]
    logarithmic = len(finite) > 0 and 0 < finite.min() < finite.max() / 100
    said = f"{label}: " if label else ""
    if len(finite):
        said += f"{number(finite[0])} to {number(finite[-1])}"
        said += ", logarithmic scale" if logarithmic else ""
    heights = np.full(len(values), np.nan)
    usable = np.isfinite(values)
    heights[usable] = np.log(values[usable]) if logarithmic else values[usable]
    low, high = (np.nanmin(heights), np.nanmax(heights)) if len(finite) else (0.0, 0.0)
    steps, drawn, at = "", False, ""
    shown = mark if mark is not None else max(np.flatnonzero(usable), default=-1)
    for i in chosen:
        x = width * i / max(len(values) - 1, 1)
        share = (heights[i] - low) / (high - low) if high > low else 0.5
        y = height - 3 - (height - 6) * share
        if not usable[i]:
            drawn = False
            continue
        steps += f"{'L' if drawn else 'M'}{x:.1f} {y:.1f}"
        drawn = True
        if i == shown:
            at = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
    return (
        f'<svg class="minnet-curve" width="{width + 6}" height="{height}" '
        f'viewBox="-3 0 {width + 6} {height}" role="img" aria-label="{escape(said)}">'
        f'<title>{escape(said)}</title><path d="{steps}"/>{at}</svg>'
    )


def matrix(array: Array, name: str, note: str = "") -> str:
    """Return an array as a figure: in numbers on coloured cells if it is small, else as a heat map.

    Vermilion is above 0, blue below, and the colour is the stronger the larger the number is within this
    array; of an array with more than two axes the first one goes down.

    Parameters
    ----------
    array : ndarray or sparse matrix
    name : str
        Of the caption.
    note : str
        How it was computed, for the caption.

    Returns
    -------
    str
    """
    shape = " × ".join(map(str, array.shape))
    said = f" = {note}" if note else ""
    caption = f'<b>{escape(name)}</b>{escape(said)} <span class="minnet-faint">{shape}</span>'
    low, high = (array.min(), array.max()) if array.shape and min(array.shape) else (None, None)
    array, left_out = _rows_and_columns(array)
    if max(array.shape) <= _MOST_NUMBERS:
        inside = _numbers(array)
    else:
        inside = _picture(array, f"{name}: {shape}")
        caption += f"<br/>{number(low)} to {number(high)}{left_out}"
    return f"<figure><figcaption>{caption}</figcaption>{inside}</figure>"


def figure(name: str, note: str, inside: str) -> str:
    """Return a picture under its name and a note, which are escaped."""
    caption = f"<b>{escape(name)}</b><br/>{escape(note)}"
    return f"<figure><figcaption>{caption}</figcaption>{inside}</figure>"


def heat_map(values: Array, label: str) -> str:
    """Return numbers that are not below 0 as a heat map, logarithmic where they need it.

    The colour goes from the least to the largest number.
    """
    values, left_out = _rows_and_columns(values)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    low, high = finite.min(), finite.max()
    logarithmic = 0 < low < high / 100
    scaled = np.log(np.where(values > 0, values, low)) if logarithmic else values
    low_shade, high_shade = (np.log(low), np.log(high)) if logarithmic else (low, high)
    span = high_shade - low_shade
    shades = (scaled - low_shade) / span if span > 0 else np.full(values.shape, 0.5 * (high > 0))
    shades = np.where(np.isfinite(values), 0.05 + 0.95 * shades, np.nan)
    said = f"{number(low)} to {number(high)}{', logarithmic' if logarithmic else ''}{left_out}"
    return figure(label, said, _picture(shades, f"{label}: {said}", scale=1.0))


# ---- matrices


def _rows_and_columns(array: Any) -> tuple[Array, str]:
    """Return an array as a dense matrix that is not too large for a picture, and what was left out."""
    if array.ndim == 1:
        array = array.reshape(1, -1)
    elif array.ndim > 2:
        array = array.reshape(len(array), -1)
    in_line, in_all = _MOST_PIXELS
    n_rows, n_columns = (min(n, in_line) for n in array.shape)
    if n_rows * n_columns > in_all:
        side = int(in_all**0.5)
        n_rows = min(n_rows, max(side, in_all // n_columns))
        n_columns = in_all // n_rows
    rows = some_of(array.shape[0], n_rows)
    columns = some_of(array.shape[1], n_columns)
    left_out = ""
    if (len(rows), len(columns)) != array.shape:
        left_out = f"; {len(rows)} × {len(columns)} of them"
    array = array[rows][:, columns]
    if hasattr(array, "toarray"):
        array = array.toarray()
    return np.asarray(array, dtype=np.float64), left_out


def _shares(array: Array, scale: float | None = None) -> Array:
    """Return numbers between -1 and 1: parts of the largest magnitude, NaN where there is none."""
    finite = np.abs(array[np.isfinite(array)])
    scale = finite.max(initial=0.0) if scale is None else scale
    with np.errstate(invalid="ignore"):
        return np.clip(array / (scale or 1.0), -1, 1)


def _numbers(array: Array) -> str:
    lines = []
    for row, shares in zip(array, _shares(array), strict=True):
        cells = [
            f'<td style="background: {_colour(share)}">{_plain(value)}</td>'
            for value, share in zip(row, shares, strict=True)
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="minnet-numbers"><tbody>{"".join(lines)}</tbody></table>'


def _plain(value: float) -> str:
    return "nan" if np.isnan(value) else f"{value:.3g}"


def _colour(share: float) -> str:
    if np.isnan(share):
        return "rgba(128,128,128,0.5)"
    red, green, blue = _ABOVE if share > 0 else _BELOW
    return f"rgba({red},{green},{blue},{_STRONGEST * abs(share):.2f})"


def _picture(array: Array, said: str, scale: float | None = None) -> str:
    """Return a heat map as a picture with a pixel for each number."""
    n_rows, n_columns = array.shape
    side = max(3, min(20, 110 // max(array.shape)))
    shares = _shares(array, scale)
    shades = np.where(np.isnan(shares), 2 * _N_SHADES + 1, np.rint((shares + 1) * _N_SHADES))
    coded = base64.b64encode(_png(shades.astype(np.uint8))).decode()
    return (
        f'<img src="data:image/png;base64,{coded}" style="width: {side * n_columns}px; '
        f'height: {max(side * n_rows, _LOWEST)}px" alt="{escape(said)}"/>'
    )


def _png(shades: Array) -> bytes:
    """Return a PNG file of shades: 0 strongest below, 16 transparent, 32 strongest above, 33 no number."""
    steps = np.arange(-_N_SHADES, _N_SHADES + 1)
    colours = [_BELOW if step < 0 else _ABOVE for step in steps] + [(128, 128, 128)]
    opacity = [*np.rint(np.abs(steps) * (255 / _N_SHADES)).astype(int).tolist(), 128]
    n_rows, n_columns = shades.shape
    # Each line begins with its filter, none.
    lines = np.hstack([np.zeros((n_rows, 1), np.uint8), shades])
    pieces = [
        (b"IHDR", struct.pack(">IIBBBBB", n_columns, n_rows, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(np.ravel(colours).tolist())),
        (b"tRNS", bytes(opacity)),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in pieces
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
