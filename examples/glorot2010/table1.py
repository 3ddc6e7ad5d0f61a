"""Table 1 and Figure 11: test error on Shapeset-3x2 against updates, beside the paper's final numbers.

``python -m examples.glorot2010.table1 --curves FOLDER --out FOLDER`` draws what runs.py has measured, and
writes ``table1.json``, ``table1.md`` and ``table1.png``.
"""

import argparse
import json
import math
from pathlib import Path

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import read_curves
from examples.glorot2010.error_curves import draw, tested
from examples.glorot2010.protocol import PAPER, PAPER_ROWS, PAPER_UPDATES, PRIOR_ERROR, ROWS
from examples.glorot2010.report import markdown_table
from examples.glorot2010.statistics import error_interval, separated

__all__ = [
    "chosen",
    "compared_at",
    "comparison",
    "course",
    "markdown",
    "summarize",
    "table",
    "verdict",
]

#: Where the repository keeps the curves of the long runs.
COMMITTED = Path(__file__).parent / "data"

#: Below the table.
NOTE = (
    "Intervals of 95 %, of seeds and test images; where a row has one seed, of the images alone. "
    "*: p < 0.005, with one seed each by the images alone; in brackets: seeds, where there are several."
)

_NEAR = 2.0  # points: the paper's three best rows are 0.7 apart
_LEARNED = 3.0  # points below the prior: those that learned nothing are near, too


def chosen(curves, depth=5, width=1000, fixed=0, shape="equal"):
    """Return the curves of each row at its learning rate: the one that most updates were made with.

    Of rates with equally many, the one with the smallest last validation error.

    Parameters
    ----------
    curves : list of Curve
    depth, width : int
        Only networks of this size.
    fixed : int, default=0
        Only those that were trained on so many images over and over; 0 for fresh ones.
    shape : str, default="equal"
        Only those with hidden layers of such sizes.

    Returns
    -------
    dict of str to list of Curve
        Sorted by seed; the rows in the order of the paper, then the others.
    """
    found = {}
    for row in ROWS:
        of_row = [
            c
            for c in curves
            if [c.run[key] for key in ("row", "depth", "width", "fixed", "shape")]
            == [row, depth, width, fixed, shape]
            and not c.diverged
            and c.points
        ]
        if of_row:
            made = {}  # of each rate its updates, and what speaks for it where these are equal
            for curve in of_row:
                n, best = made.get(curve.run["rate"], (0, -math.inf))
                error = curve.last("validation_error") or (0, math.inf)
                made[curve.run["rate"]] = n + curve.updates, max(best, -error[1])
            rate = max(made, key=made.get)
            of_rate = [c for c in of_row if c.run["rate"] == rate]
            found[row] = sorted(of_rate, key=lambda c: c.run["seed"])
    return found


def compared_at(rows):
    """Return the largest number of updates at which each row has a test error, of any seed, or None."""
    every = [set().union(*map(tested, curves)) for curves in rows.values()]
    common = set.intersection(*every) if every else set()
    return max(common, default=None)


def _at(updates, errors):
    mean, half = error_interval(errors)
    found = {"updates": updates, "n_seeds": len(errors)}
    return found | {"mean": round(mean, 3), "half_width": round(half, 3)}


def summarize(rows):
    """Return the table's numbers.

    Parameters
    ----------
    rows : dict of str to list of Curve
        As :func:`chosen` returns it.

    Returns
    -------
    dict
        ``compared_at``: updates at which rows are compared, None if there is no such number. ``rows``: of
        each row its learning rate, the seeds that got there, their errors with mean and half width of the
        95 % interval, the difference from tanh N and whether it is significant (p < 0.005), the means
        wherever test errors were counted, ``course``, and the paper's.
    """
    updates = compared_at(rows)
    table = {}
    for row, curves in rows.items():
        by_curve = [tested(curve) for curve in curves]
        entry = {
            "name": ROWS[row][0],
            "rate": curves[0].run["rate"],
            "seeds": [curve.run["seed"] for curve in curves],
            "hours": round(sum(curve.seconds for curve in curves) / 3600, 3),
            "paper": PAPER.get(row),
        }
        if updates is not None:
            there = [i for i, by_updates in enumerate(by_curve) if updates in by_updates]
            errors = [by_curve[i][updates] for i in there]
            mean, half = error_interval(errors)
            entry["seeds"] = [entry["seeds"][i] for i in there]
            entry |= {"errors": errors, "mean": round(mean, 3), "half_width": round(half, 3)}
        entry["course"] = [
            _at(updates, [by_updates[updates] for by_updates in by_curve if updates in by_updates])
            for updates in sorted(set().union(*by_curve))
        ]
        table[row] = entry
    if "tanh-n" in table and updates is not None:
        for row, entry in table.items():
            difference, significant = separated(table["tanh-n"]["errors"], entry["errors"])
            if row != "tanh-n":
                entry["against"] = {"difference": round(difference, 3), "significant": significant}
    return {"compared_at": updates, "rows": table}


def verdict(summary):
    """Return the verdict on C9, the ranking; None while a row of the paper is missing.

    Three parts: the means of tanh N, softsign N and softsign are within 2 points, and 3 points or more
    below the error of always the same class; each of them is significantly better than tanh; tanh is
    significantly better than sigmoid, by 10 points or more. Significant: p < 0.005, two-sided, as in the
    paper.
    """
    rows = summary["rows"]
    if summary["compared_at"] is None or not set(PAPER_ROWS) <= set(rows):
        return None
    errors = {row: rows[row]["errors"] for row in PAPER_ROWS}

    def near(a, b):
        return abs(separated(errors[a], errors[b])[0]) <= _NEAR

    def better(a, b, by=0.0):
        difference, significant = separated(errors[a], errors[b])
        return significant and difference > by

    best = ("tanh-n", "softsign-n", "softsign")
    parts = [
        all(near(a, b) for a in best for b in best)
        and all(rows[row]["mean"] <= PRIOR_ERROR - _LEARNED for row in best),
        all(better(row, "tanh") for row in best),
        better("tanh", "sigmoid", by=10.0),
    ]
    order = sorted(PAPER_ROWS, key=lambda row: rows[row]["mean"])
    measured = " < ".join(
        f"{rows[row]['name']} {rows[row]['mean']:.2f} ± {rows[row]['half_width']:.2f}"
        for row in order
    )
    said = (
        "the three best rows are within 2 points of each other",
        "each of them is better than tanh",
        "tanh is far better than sigmoid",
    )
    measured += " %: " + "; ".join(
        f"{text}: {'yes' if part else 'no'}" for text, part in zip(said, parts, strict=True)
    )
    n = {len(errors[row]) for row in PAPER_ROWS}
    seeds = f"{min(n)} seed{'s' * (n != {1})}" + " or more" * (len(n) > 1)
    basis = (
        f"long runs, {summary['compared_at']:,} updates of the paper's {PAPER_UPDATES:,}, {seeds}"
    )
    return Verdict("C9", judged(parts), measured, basis, min(n))


def table(summary):
    """Return the table as rows of texts, the head first.

    It has the errors where rows are compared, and after 1, 2, 5, 10, 20, 50, ... thousand updates.
    """
    updates = summary["compared_at"]
    shown, head = _shown(summary)
    apart = "from Tanh N" + (f" at {updates:,}" if updates is not None else "")
    rows = [["row", "learning rate", "seeds", *head, apart, f"paper, at {PAPER_UPDATES:,}"]]
    for entry in summary["rows"].values():
        cells = [entry["name"], f"{entry['rate']:g}", str(len(entry["seeds"]))]
        rows.append([*cells, *_errors(entry, shown), _apart(entry), _of_paper(entry)])
    return rows


def comparison(summary):
    """Return the part of the table where rows are compared, as rows of texts, the head first."""
    updates = summary["compared_at"]
    rows = [["row", f"error after {updates:,} updates, %", "from Tanh N, points",
             f"the paper's after {PAPER_UPDATES:,}, %", "seeds", "learning rate"]]  # fmt: skip
    for entry in summary["rows"].values():
        cells = [entry["name"], *_errors(entry, [updates]), _apart(entry), _of_paper(entry)]
        rows.append([*cells, str(len(entry["seeds"])), f"{entry['rate']:g}"])
    return rows


def course(summary):
    """Return the errors on the way, as rows of texts, the head first; in brackets seeds above one."""
    shown, head = _shown(summary)
    rows = [["row", *head]]
    return rows + [[e["name"], *_errors(e, shown, True)] for e in summary["rows"].values()]


def _shown(summary):
    """Return after how many updates errors are shown, and what stands above them."""
    courses = (entry["course"] for entry in summary["rows"].values())
    every = sorted({at["updates"] for course in courses for at in course})
    shown = [
        n for n in every if n == summary["compared_at"] or str(n).rstrip("0") in ("1", "2", "5")
    ]
    head = [f"error after {n:,} updates, %" for n in shown[:1]] + [f"{n:,}" for n in shown[1:]]
    return shown, head


def _errors(entry, shown, with_seeds=False):
    found = dict.fromkeys(shown, "")
    for at in entry["course"]:
        if at["updates"] in found:
            seeds = f" ({at['n_seeds']})" if with_seeds and at["n_seeds"] > 1 else ""
            found[at["updates"]] = f"{at['mean']:.2f} ± {at['half_width']:.2f}{seeds}"
    return list(found.values())


def _apart(entry):
    against = entry.get("against")
    return f"{against['difference']:+.2f}" + "*" * against["significant"] if against else ""


def _of_paper(entry):
    return "" if entry["paper"] is None else f"{entry['paper']:.2f}"


def markdown(summary):
    """Return the table in Markdown."""
    lines = markdown_table(table(summary))
    return "\n".join([*lines, "", NOTE.replace("*", r"\*")]) + "\n"


def make(folder, out):
    """Write table, numbers and picture; return the summary."""
    rows = chosen(read_curves(folder))
    if not rows:
        raise ValueError(
            f"curves must be a folder with curve files of runs.py, got {str(folder)!r}"
        )
    summary = summarize(rows)
    found = verdict(summary)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    record = summary | {"verdict": found and found.record()}
    (out / "table1.json").write_text(json.dumps(record, indent=1) + "\n")
    (out / "table1.md").write_text(markdown(summary))
    figure = draw(rows).figure
    figure.savefig(out / "table1.png", dpi=130)
    import matplotlib.pyplot as plt

    plt.close(figure)
    return record


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", default=COMMITTED, help="folder (default: %(default)s)")
    parser.add_argument("--out", default="glorot2010_report", help="folder (default: %(default)s)")
    given = parser.parse_args(arguments)
    record = make(given.curves, given.out)
    print(markdown(record))
    if record["verdict"]:
        print(Verdict(*(record["verdict"][k] for k in ("claim", "outcome", "measured", "basis"))))


if __name__ == "__main__":
    main()
