"""Figure 11 and Table 1: test error on Shapeset-3x2 against updates."""

import dataclasses

from examples.glorot2010 import error_curves, table1
from examples.glorot2010.curves import Curve
from examples.glorot2010.protocol import PAPER_ROWS, ROWS

TITLE = "Test error on Shapeset-3x2 during training, 5 hidden layers"
PAPER = (
    "In decreasing order of the final error: sigmoid, tanh, softsign, softsign N, tanh N; and, for "
    "reference, fine-tuning after pre-training with denoising autoencoders."
)


RULES = table1.verdict  # whose docstring has them
_PRETRAINED = "sigmoid-pretrained"
_NAMES = ("updates", "validation_error", "test_error")


def measure(source):
    """Return the table's numbers and the curves; None without curves that have a test error.

    What came after the paper is in :mod:`examples.glorot2010.later`.
    """
    found = table1.chosen(source.curves, width=source.width)
    rows = {row: curves for row, curves in found.items() if row in (*PAPER_ROWS, _PRETRAINED)}
    # The reference may be shorter: the rows of the table are compared without it.
    scattered = table1.scatter(source.curves)
    summary = table1.summarize({row: rows[row] for row in rows if row in PAPER_ROWS}, scattered)
    if summary["compared_at"] is None:
        return None
    pair = {}
    if {"tanh-n", _PRETRAINED} <= set(rows):
        pair = table1.summarize({row: rows[row] for row in ("tanh-n", _PRETRAINED)}, scattered)
    return {
        "summary": summary,
        "pretrained": pair if pair.get("compared_at") else None,
        "untrained": _at_start(rows),
        "doubts": {row: source.doubt(curves[0].run) for row, curves in rows.items()},
        "label": source.label,
        "curves": listed(rows),
    }


def _at_start(rows):
    """Return the table of the networks before training, by their error on validation images."""
    start = {}
    for row, curves in rows.items():
        if row not in PAPER_ROWS:
            continue
        start[row] = [Curve(curve.run) for curve in curves]
        for still, curve in zip(start[row], curves, strict=True):
            first = curve.points[0]["validation_error"]
            still.add({"updates": 1, "validation_error": first, "test_error": first})
    return table1.summarize(start)


def listed(rows):
    """Return curves by row as JSON has them."""
    return {
        row: [
            {"run": c.run} | {name: [p[name] for p in c.points] for name in _NAMES} for c in curves
        ]
        for row, curves in rows.items()
    }


def unlisted(entries):
    """Return what :func:`listed` was given, as far as it has it."""
    rows = {}
    for row, of_row in entries.items():
        rows[row] = [Curve(entry["run"]) for entry in of_row]
        for curve, entry in zip(rows[row], of_row, strict=True):
            for values in zip(*(entry[name] for name in _NAMES), strict=True):
                curve.add(dict(zip(_NAMES, values, strict=True)))
    return rows


def draw(numbers):
    """Draw the curves and the paper's final errors."""
    return error_curves.draw(unlisted(numbers["curves"])).figure


def draw_overview(numbers):
    """Draw the rows of the table and the paper's final errors, small."""
    rows = unlisted(numbers["curves"])
    return error_curves.draw_overview({row: rows[row] for row in rows if row in PAPER_ROWS})


def tables(numbers):
    """Return Table 1 where rows are compared, and its course, each as rows of texts."""
    return [table1.comparison(numbers["summary"]), table1.course(numbers["summary"])]


def remarks(numbers):
    """Return what the table's intervals are, and how pre-training did."""
    said = [table1.NOTE]
    pair = numbers["pretrained"]
    doubts = [f"{ROWS[row][0]}: {doubt}" for row, doubt in numbers["doubts"].items() if doubt]
    said += [f"Learning rates with a doubt: {'; '.join(doubts)}."] * bool(doubts)
    if pair:
        plain, trained = pair["rows"]["tanh-n"], pair["rows"][_PRETRAINED]
        apart = trained["against"]
        said.append(
            f"After {pair['compared_at']:,} updates, sigmoid after pre-training {trained['mean']:.2f} ± "
            f"{trained['half_width']:.2f} %, tanh N {plain['mean']:.2f} ± {plain['half_width']:.2f} %: "
            f"a difference of {apart['difference']:+.2f} ± {apart['half_width']:.2f}."
        )
    return said


def untrained(numbers):
    """Return the numbers of networks before training."""
    return numbers | {"summary": numbers["untrained"]}


def verdicts(numbers):
    """Return the verdict on C9, if all rows are there."""
    found = table1.verdict(numbers["summary"])
    if found is None:
        return []
    return [dataclasses.replace(found, basis=found.basis.replace("long runs", numbers["label"]))]
