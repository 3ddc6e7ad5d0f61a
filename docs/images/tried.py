"""Draw tried.svg, the row of badges that says where minnet was tried, from tried.csv.

``python docs/images/tried.py`` writes the picture and prints its alternative text.
"""

import csv
import sys
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent

# White text on each is read on a light page and on a dark one; "not tried" is also told by its words.
COLOURS = {
    "all tests": "#1a7f37",
    "make test": "#1a7f37",
    "tests in part": "#8a6100",
    "emulated: bits of draws equal": "#0969da",
    "run: bits of draws equal": "#0969da",
    "not tried": "#59636e",
}
DARK = "#32383f"
WIDTH, HEIGHT, GAP, PADDING = 500, 22, 6, 7


def read():
    """Return (what was tried, how) for each line of the table."""
    with open(FOLDER / "tried.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(", ".join(filter(None, (row["system"], row["Python"]))), row["what"]) for row in rows]


def alternative_text():
    return "Tried on: " + "; ".join(f"{where}: {what}" for where, what in read()) + "."


def drawing():
    """Return the text of tried.svg."""
    badges, x, y = [], 0, 0
    for where, what in read():
        left, right = (_length(text) + 2 * PADDING for text in (where, what))
        if x + left + right > WIDTH:
            x, y = 0, y + HEIGHT + GAP
        badges.append(
            _half(x, y, left, where, DARK) + _half(x + left, y, right, what, COLOURS[what])
        )
        x += left + right + GAP
    text = escape(alternative_text())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + HEIGHT}" width="{WIDTH}" '
        f'height="{y + HEIGHT}" role="img" aria-label="{text}">\n<title>{text}</title>\n'
        '<g font-family="Verdana, DejaVu Sans, Helvetica, sans-serif" font-size="11" fill="#fff" '
        'text-anchor="middle">\n' + "".join(badges) + "</g>\n</svg>\n"
    )


def _length(text):
    """Return about how long a text is in the font's size of 11."""
    return sum(4.0 if letter in " ,.:-ijlrtf" else 7.0 for letter in text)


def _half(x, y, width, text, colour):
    middle, baseline = x + width / 2, y + HEIGHT / 2 + 4
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{HEIGHT}" fill="{colour}"/>'
        f'<text x="{middle:g}" y="{baseline:g}" textLength="{width - 2 * PADDING:g}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>\n'
    )


if __name__ == "__main__":
    (FOLDER / "tried.svg").write_text(drawing(), encoding="utf-8")
    sys.stdout.write(alternative_text() + "\n")
