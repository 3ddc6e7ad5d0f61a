"""How results show themselves: printed in full, bounded at a prompt, as HTML in a notebook."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import get_config

__all__ = [
    "InNotebooks",
    "Shown",
    "bounded",
    "columns",
    "described",
    "in_lines",
    "in_one_line",
    "number",
    "some_of",
    "text_table",
    "wrapped",
]

_MOST_LINES = 60
_FIRST_LINES = 40  # of more
_WIDTHS = 60, 100  # least and most columns that are used
_GAP = "  "
_SHORT = 60  # letters of a value in an error
_NARROWEST = 12  # a column of text is cut so far


class InNotebooks:
    """Mixin of what a notebook shows as the HTML of ``_html``, unless scikit-learn is set to show text."""

    @property
    def _repr_html_(self) -> Callable[[], str | None]:
        if get_config()["display"] != "diagram":
            raise AttributeError(
                "_repr_html_ is there with sklearn.set_config(display='diagram') only"
            )
        return self._html

    def _html(self) -> str | None:
        raise NotImplementedError  # each class has its own


class Shown(InNotebooks):
    """Mixin of a result: it says what it is in ``_text`` and ``_html``."""

    def __str__(self) -> str:
        return self._text()

    def __repr__(self) -> str:
        return bounded(self._text())

    def _text(self) -> str:
        raise NotImplementedError  # each class has its own


def in_one_line(text: str, most: int) -> str:
    r"""Return a text without line breaks, cut to so many letters.

    Examples
    --------
    >>> in_one_line("no weights\ntoday", 12)
    'no weight...'
    """
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


def described(value: Any) -> str:
    """Return what a value is, for an error: its printed form where that is short, or its class.

    Examples
    --------
    >>> described(3), described("a" * 100)
    ('3', 'a str')
    """
    text = repr(value)
    return text if len(text) <= _SHORT and "\n" not in text else f"a {type(value).__name__}"


def columns() -> int:
    """Return how many columns text may take: those of the terminal, within limits."""
    least, most = _WIDTHS
    return min(max(shutil.get_terminal_size().columns, least), most)


def bounded(text: str) -> str:
    """Return text without its middle if it has more lines than a screen or two.

    Examples
    --------
    >>> text = chr(10).join(map(str, range(1000)))
    >>> bounded(text).splitlines()[38:43]
    ['38', '39', '... 941 lines left out; print() shows all', '981', '982']
    """
    lines = text.splitlines()
    if len(lines) <= _MOST_LINES:
        return text
    n_last = _MOST_LINES - _FIRST_LINES - 1
    left_out = len(lines) - _FIRST_LINES - n_last
    note = f"... {left_out} lines left out; print() shows all"
    return "\n".join([*lines[:_FIRST_LINES], note, *lines[-n_last:]])


def wrapped(text: str, indent: str = "") -> str:
    """Return a paragraph in lines of the terminal's width, all but the first indented."""
    return textwrap.fill(" ".join(text.split()), columns(), subsequent_indent=indent)


def in_lines(pieces: Sequence[str], indent: int) -> str:
    """Return pieces joined by commas, in lines of the terminal's width; all but the first indented.

    Examples
    --------
    >>> print("f(" + in_lines(["a" * 30, "b" * 30, "c" * 30], 2) + ")")
    f(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,
      cccccccccccccccccccccccccccccc)
    """
    lines, width = [""], columns() - indent - 1
    for piece in pieces:
        longer = f"{lines[-1]}, {piece}" if lines[-1] else piece
        if lines[-1] and len(longer) > width:
            lines.append(piece)
        else:
            lines[-1] = longer
    return (",\n" + " " * indent).join(lines)


def some_of(n: int, most: int) -> list[int]:
    """Return the numbers below n, or so many of them, evenly spaced, the first and the last included.

    Examples
    --------
    >>> some_of(3, 5), some_of(100, 5)
    ([0, 1, 2], [0, 25, 50, 74, 99])
    """
    return list(range(n)) if n <= most else np.linspace(0, n - 1, most).round().astype(int).tolist()


def number(value: Any, digits: int = 3) -> str:
    """Return a cell of a table: text as it is, a number with so many digits, nothing for None.

    Examples
    --------
    >>> number("tanh"), number(12345), number(0.012345), number(None), number((3, 4))
    ('tanh', '12,345', '0.0123', '', '(3, 4)')
    >>> number(float("nan"))  # what was computed is shown
    'nan'
    """
    if isinstance(value, bool | np.bool_ | str | tuple):
        return " ".join(str(value).splitlines())
    if value is None:
        return ""
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if 10**digits <= abs(value) < 1e7:
        return f"{value:,.0f}"  # not 1.23e+04
    return f"{value:.{digits}g}"


def text_table(
    heads: Sequence[str], rows: Sequence[Sequence[Any]], left: Sequence[int] = (0,), digits: int = 3
) -> str:
    """Return a table of text that fits the terminal.

    Columns of words, ``left``, are cut where they are too long; the others stand to the right.

    Examples
    --------
    >>> print(text_table(["layer", "mean"], [["0 Dense", 0.51234], ["1 Dense", None]]))
    layer     mean
    0 Dense  0.512
    1 Dense
    """
    cells = [list(heads), *([number(value, digits) for value in row] for row in rows)]
    widths = [max(len(line[j]) for line in cells) for j in range(len(heads))]
    too_wide = sum(widths) + len(_GAP) * (len(heads) - 1) - columns()
    while too_wide > 0:
        cut = max(left, key=widths.__getitem__)
        if widths[cut] <= _NARROWEST:
            break
        shorter = max(_NARROWEST, widths[cut] - too_wide)
        too_wide -= widths[cut] - shorter
        widths[cut] = shorter
    lines = []
    for line in cells:
        padded = [
            f"{_cut(cell, width):{'<' if j in left else '>'}{width}}"
            for j, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append(_GAP.join(padded).rstrip())
    return "\n".join(lines)


def _cut(text: str, width: int) -> str:
    # In ASCII, since a terminal may have nothing else.
    return text if len(text) <= width else text[: width - 3] + "..."
