"""Table 1 and Figure 11: test error on Shapeset-3x2 against updates, beside the paper's final numbers.

``python -m examples.glorot2010.table1 --curves FOLDER --out FOLDER`` draws what runs.py has measured, and
writes ``table1.json``, ``table1.md`` and ``table1.png``.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import read_curves
from examples.glorot2010.protocol import PAPER, PAPER_ROWS, PRIOR_ERROR, ROWS
from examples.glorot2010.report import markdown_table
from examples.glorot2010.statistics import error_interval, separated

__all__ = ["chosen", "compared_at", "draw", "markdown", "summarize", "table", "verdict"]

#: Where the repository keeps the curves of the long runs.
COMMITTED = Path(__file__).parent / "data"

COLORS = dict(zip(PAPER_ROWS, ("#D55E00", "#E69F00", "#0072B2", "#56B4E9", "#009E73"), strict=True))
LINES = dict(zip(PAPER_ROWS, ("-", "--", "-", "--", "-."), strict=True))
#: Below the table.
NOTE = (
    "Intervals of 95 %, of seeds and test images; where a row has one seed, of the images alone. "
    "*: p < 0.005."
)

_TIE = 2.0  # points: the paper's three best rows are 0.7 apart
_LEARNED = 3.0  # points below the prior's error: networks that have learned nothing tie, too


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


def _tested(curve):
    return {p["updates"]: p["test_error"] for p in curve.points if p["test_error"] is not None}


def compared_at(rows):
    """Return the largest number of updates at which each row has a test error, of any seed, or None."""
    every = [set().union(*map(_tested, curves)) for curves in rows.values()]
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
        tested = [_tested(curve) for curve in curves]
        entry = {
            "name": ROWS[row][0],
            "rate": curves[0].run["rate"],
            "seeds": [curve.run["seed"] for curve in curves],
            "hours": round(sum(curve.seconds for curve in curves) / 3600, 3),
            "paper": PAPER.get(row),
        }
        if updates is not None:
            there = [i for i, by_updates in enumerate(tested) if updates in by_updates]
            errors = [tested[i][updates] for i in there]
            mean, half = error_interval(errors)
            entry["seeds"] = [entry["seeds"][i] for i in there]
            entry |= {"errors": errors, "mean": round(mean, 3), "half_width": round(half, 3)}
        entry["course"] = [
            _at(updates, [by_updates[updates] for by_updates in tested if updates in by_updates])
            for updates in sorted(set().union(*tested))
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

    def tie(a, b):
        return abs(separated(errors[a], errors[b])[0]) <= _TIE

    def better(a, b, by=0.0):
        difference, significant = separated(errors[a], errors[b])
        return significant and difference > by

    best = ("tanh-n", "softsign-n", "softsign")
    parts = [
        all(tie(a, b) for a in best for b in best)
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
        "the three best rows tie",
        "each of them is better than tanh",
        "tanh is far better than sigmoid",
    )
    measured += " %: " + "; ".join(
        f"{text}: {'yes' if part else 'no'}" for text, part in zip(said, parts, strict=True)
    )
    n = {len(errors[row]) for row in PAPER_ROWS}
    seeds = f"{min(n)} seed{'s' * (n != {1})}" + " or more" * (len(n) > 1)
    basis = f"long runs, {summary['compared_at']:,} updates of the paper's 5,000,000, {seeds}"
    return Verdict("C9", judged(parts), measured, basis)


def draw(rows, summary, ax=None):
    """Draw test error against updates, the paper's final errors and the line of the prior.

    Returns
    -------
    Axes
    """
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(8.5, 5.2), layout="constrained")
    others = iter(("#CC79A7", "#7F7F7F", "#8C564B", "#BCBD22", "#17BECF", "#9467BD", "#000000"))
    for row, curves in rows.items():
        color = COLORS.get(row) or next(others)
        _draw_validation(ax, curves, color)
        steps = sorted({updates for curve in curves for updates in _tested(curve)})
        errors = [[t[n] for t in map(_tested, curves) if n in t] for n in steps]
        if not steps:
            continue
        middle, half = np.transpose([error_interval(e) for e in errors])
        n = [len(e) for e in errors]  # some may have ended early
        seeds = (
            f"{min(n)} to {max(n)} seeds" if min(n) < max(n) else f"{n[0]} seed{'s' * (n[0] != 1)}"
        )
        label = f"{ROWS[row][0]} (rate {curves[0].run['rate']:g}, {seeds})"
        ax.plot(steps, middle, LINES.get(row, ":"), color=color, marker="o", ms=3, label=label)
        ax.fill_between(steps, middle - half, middle + half, color=color, alpha=0.18, lw=0)
    ax.axhline(PRIOR_ERROR, color="0.4", lw=0.8)
    ax.set(xscale="log", xlabel="updates of 10 images", ylim=(0, 95))
    ax.set_ylabel("test error, % (thin: on validation images)")
    lowest, highest = ax.get_xlim()
    highest = max(highest, 5e6) * 1.6
    ax.set_xlim(lowest, highest)
    # On the right there are no lines yet.
    where = (highest / 1.05, PRIOR_ERROR + 2.5)
    ax.text(*where, "always the same class: 83.33 %", ha="right", fontsize=8, color="0.3")
    for row in set(PAPER) & set(rows):
        ax.plot(5e6, PAPER[row], marker="*", ms=11, color=COLORS[row], mec="k", mew=0.4, ls="")
    ax.text(5e6, 3, "★ the paper", ha="center", fontsize=8)
    ax.grid(alpha=0.3, which="both")
    widths = {curve.run["width"] for curves in rows.values() for curve in curves}
    size = f"5 hidden layers of {', '.join(map(str, sorted(widths)))}"
    ax.set_title(f"Shapeset-3x2, {size}: ours (lines) and the paper's (stars)", loc="left")
    ax.legend(fontsize=8, loc="lower left")
    return ax


def _draw_validation(ax, curves, color):
    """Draw the mean validation error where all curves have one."""
    errors = [
        dict(zip(c.column("updates"), c.column("validation_error"), strict=True)) for c in curves
    ]
    steps = [n for n in sorted(set.intersection(*map(set, errors))) if n]
    means = [np.mean([of_one[n] for of_one in errors]) for n in steps]
    ax.plot(steps, means, color=color, lw=0.8, alpha=0.8)


def table(summary):
    """Return the table as rows of texts, the head first.

    It has the errors where rows are compared, and after 1, 2, 5, 10, 20, 50, ... thousand updates.
    """
    updates = summary["compared_at"]
    courses = [{at["updates"]: at for at in entry["course"]} for entry in summary["rows"].values()]
    every = sorted(set().union(*courses))
    shown = [n for n in every if n == updates or str(n).rstrip("0") in ("1", "2", "5")]
    head = [f"error after {n:,} updates, %" for n in shown[:1]] + [f"{n:,}" for n in shown[1:]]
    apart = "from Tanh N" + (f" at {updates:,}" if updates is not None else "")
    rows = [["row", "learning rate", "seeds", *head, apart, "paper, at 5,000,000"]]
    for entry, course in zip(summary["rows"].values(), courses, strict=True):
        cells = [entry["name"], f"{entry['rate']:g}", str(len(entry["seeds"]))]
        for n in shown:
            at = course.get(n)
            cells.append(f"{at['mean']:.2f} ± {at['half_width']:.2f}" if at else "")
        against = entry.get("against")
        cells.append(
            f"{against['difference']:+.2f}" + "*" * against["significant"] if against else ""
        )
        rows.append([*cells, "" if entry["paper"] is None else f"{entry['paper']:.2f}"])
    return rows


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
    figure = draw(rows, summary).figure
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
