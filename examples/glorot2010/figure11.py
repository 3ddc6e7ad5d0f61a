"""Figure 11 and Table 1: test error on Shapeset-3x2 against updates."""

from examples.glorot2010 import table1
from examples.glorot2010.claims import Verdict
from examples.glorot2010.curves import Curve

TITLE = "Test error on Shapeset-3x2 during training, 5 hidden layers"
PAPER = (
    "In decreasing order of the final error: sigmoid, tanh, softsign, softsign N, tanh N; and, for "
    "reference, fine-tuning after pre-training with denoising autoencoders."
)


def measure(source):
    """Return the table's numbers and the curves; None without curves that have a test error."""
    rows = table1.chosen(source.curves, width=source.width)
    summary = table1.summarize(rows)
    if summary["compared_at"] is None:
        return None
    found = table1.verdict(summary)
    return {
        "summary": summary,
        "verdict": found and found.record(),
        "label": source.label,
        "curves": {
            row: [
                {"run": c.run, **{name: _listed(c, name) for name in
                                  ("updates", "validation_error", "test_error")}}
                for c in curves
            ]
            for row, curves in rows.items()
        },
    }  # fmt: skip


def _listed(curve, name):
    return [point[name] for point in curve.points]


def draw(numbers):
    """Draw the curves and the paper's final errors."""
    rows = {}
    for row, entries in numbers["curves"].items():
        rows[row] = [Curve(entry["run"]) for entry in entries]
        for curve, entry in zip(rows[row], entries, strict=True):
            names = ("updates", "validation_error", "test_error")
            for values in zip(*(entry[name] for name in names), strict=True):
                curve.add(dict(zip(names, values, strict=True)))
    return table1.draw(rows, numbers["summary"]).figure


def table(numbers):
    """Return Table 1 as rows of texts."""
    return table1.table(numbers["summary"])


def verdicts(numbers):
    """Return the verdict on C9, if all rows are there."""
    record = numbers["verdict"]
    if record is None:
        return []
    basis = record["basis"].replace("long runs", numbers["label"])
    return [Verdict(record["claim"], record["outcome"], record["measured"], basis)]
