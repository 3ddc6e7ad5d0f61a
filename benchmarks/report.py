"""Numbers and tables as text."""

import textwrap

import numpy as np

__all__ = ["figure", "quartile_text", "ratio_text", "table", "wrapped"]


def figure(seconds):
    """Return a time in three digits with its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if abs(seconds) >= size or unit == "ns":
            digits = seconds / size
            decimals = max(0, 2 - int(np.floor(np.log10(abs(digits))))) if digits else 0
            return f"{digits:,.{min(decimals, 2)}f} {unit}"
    return ""


def quartile_text(values):
    """Return the median and, in brackets, the quartiles of some times."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return f"{figure(median)} ({figure(low)} to {figure(high)})"


def ratio_text(quartiles):
    """Return a ratio with its quartiles."""
    low, median, high = (f"{q:.0f}" if q >= 30 else f"{q:.1f}" if q >= 10 else f"{q:.2f}"
                         for q in quartiles)  # fmt: skip
    return f"{median} ({low} to {high})"


def table(head, rows):
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def wrapped(text):
    """Return a report with its long lines of prose broken; rows of tables must be one line."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("|") or len(line) < 120:
            lines.append(line)
        else:
            hanging = "  " if line.startswith("- ") else ""
            lines += textwrap.wrap(line, 118, subsequent_indent=hanging,
                                   break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return "\n".join(lines)
