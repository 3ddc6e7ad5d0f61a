"""Table 1 and Figure 11: test error on Shapeset-3x2 against updates, beside the paper's final numbers.

``python -m examples.glorot2010.table1 --curves FOLDER --out FOLDER`` draws what runs.py has measured, and
writes ``table1.json``, ``table1.md`` and ``table1.png``.
"""

import argparse
import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np

from examples.glorot2010.answers import correlation
from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import read_curves
from examples.glorot2010.error_curves import draw, tested
from examples.glorot2010.protocol import (
    DATA,
    PAPER,
    PAPER_ROWS,
    PAPER_UPDATES,
    PRIOR_ERROR,
    ROWS,
)
from examples.glorot2010.report import markdown_table
from examples.glorot2010.statistics import WINDOW, difference, estimate, level, pooled, wander

__all__ = [
    "chosen",
    "compared_at",
    "comparison",
    "course",
    "estimates",
    "markdown",
    "scatter",
    "summarize",
    "table",
    "verdict",
]

#: Where the repository keeps the curves of the long runs.
COMMITTED = DATA

#: Below the table.
NOTE = (
    "Errors are read off a trend of the measurements from a third of the updates on, where there are four "
    "or more. Intervals of 95 % are of test images, of the wander of SGD about that trend, and of seeds: "
    "of a row's own where it has several (in brackets), otherwise as much as the rows that have several "
    "scatter. Rows are compared on the same images. *: p < 0.005, where both rows have several seeds; "
    "≈: shown to be within 2 points (two one-sided tests of 5 %)."
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
    """Return the largest number of updates at which each row has a test error, of any seed, or None.

    Rows that ended on the plateau of always the same class do not count: their error is their last one.
    """
    by_row = [[tested(curve) for curve in curves] for curves in rows.values()]
    # Only rows that have one: what was not tested is not on the plateau.
    moving = [t for t in by_row if not any(t) or not _on_plateau(t)]
    every = [set().union(*of_row) for of_row in moving or by_row]
    common = set.intersection(*every) if every else set()
    return max(common, default=None)


def _on_plateau(of_row):
    return all(t[max(t)] > PRIOR_ERROR - _LEARNED for t in of_row if t)


def scatter(curves):
    """Return what trainings scatter by: the variance of wander, and that from seed to seed without it.

    Parameters
    ----------
    curves : list of Curve
        Of any kinds; what differs in the seed alone is of one.

    Returns
    -------
    about, of_seeds : (float, int)
        Pooled variances, each with its degrees of freedom; 0 and 0 where nothing is known. Wander is
        that of networks which had left the plateau before the measurements a trend is fitted to. Seeds
        are compared where all of a kind were tested last.
    """
    kinds = {}
    for curve in curves:
        kind = tuple((k, str(v)) for k, v in curve.run.items() if k != "seed")
        kinds.setdefault(kind, []).append(_series(curve))
    every = [one for of_kind in kinds.values() for one in of_kind]
    about = pooled([wander(*one) for one in every if _is_moving(*one)])
    parts = []
    for of_kind in kinds.values():
        common = set.intersection(*(set(one[0]) for one in of_kind)) if len(of_kind) > 1 else ()
        if common:
            values = [dict(zip(*one, strict=True))[max(common)] for one in of_kind]
            parts.append((float(np.var(values, ddof=1)), len(values) - 1))
    variance, degrees = pooled(parts)
    return about, (max(variance - about[0], 0.0), degrees)


def estimates(rows, updates, scattered):
    """Return of each row the seeds that got so far and the estimate of its error.

    Parameters
    ----------
    rows : dict of str to list of Curve
    updates : int
    scattered : tuple
        Of :func:`scatter`.

    Returns
    -------
    dict of str to (list of Curve, Estimate)
    """
    about, of_seeds = scattered
    found = {}
    for row, curves in rows.items():
        series = [_series(curve) for curve in curves]
        there = [i for i, one in enumerate(series) if updates in one[0]]
        if not there:  # a row that ended on its plateau before that
            last = max((max(one[0], default=0) for one in series), default=0)
            there = [i for i, one in enumerate(series) if last in one[0]]
        levels = [level(*series[i], updates, about) for i in there]
        if levels:
            found[row] = [curves[i] for i in there], estimate(levels, of_seeds)
    return found


def _is_moving(updates, errors):
    """Return whether all that a trend is fitted to has left the plateau of always the same class."""
    late = [e for n, e in zip(updates, errors, strict=True) if n >= updates[-1] / WINDOW]
    return bool(late) and max(late) < PRIOR_ERROR - _LEARNED


def _series(curve):
    """Return updates and test errors of a curve."""
    errors = tested(curve)
    return list(errors), list(errors.values())


def summarize(rows, scattered=None):
    """Return the table's numbers.

    Parameters
    ----------
    rows : dict of str to list of Curve
        As :func:`chosen` returns it.
    scattered : tuple, optional
        Of :func:`scatter`; of these rows unless given.

    Returns
    -------
    dict
        ``compared_at``: updates at which rows are compared, None if there is no such number. ``rows``: of
        each row its learning rate, the seeds that got there, their last ``errors``, ``mean`` and
        ``half_width`` of the estimate, its difference ``against`` tanh N, the estimates wherever test
        errors were counted, ``course``, and the paper's. ``pairs``: the differences of any two rows of
        the paper.
    """
    if scattered is None:
        scattered = scatter([curve for curves in rows.values() for curve in curves])
    updates = compared_at(rows)
    compared = {} if updates is None else estimates(rows, updates, scattered)
    table = {}
    for row, curves in rows.items():
        entry = {
            "name": ROWS[row][0],
            "rate": curves[0].run["rate"],
            "seeds": [curve.run["seed"] for curve in curves],
            "hours": round(sum(curve.seconds for curve in curves) / 3600, 3),
            "paper": PAPER.get(row),
        }
        if row in compared:
            there, found = compared[row]
            entry["seeds"] = [curve.run["seed"] for curve in there]
            entry["errors"] = [_last_tested(curve, updates) for curve in there]
            entry |= {"mean": round(found.value, 3), "half_width": round(found.half_width(), 3)}
        entry["course"] = []
        for at in sorted(set().union(*(tested(curve) for curve in curves))):
            there, found = estimates({row: curves}, at, scattered)[row]
            of_row = {"updates": at, "n_seeds": len(there), "mean": round(found.value, 3)}
            entry["course"].append(of_row | {"half_width": round(found.half_width(), 3)})
        table[row] = entry
    pairs = {}
    for a, b in combinations(compared, 2):
        pairs[f"{a} {b}"] = _apart(compared[a], compared[b])
    if "tanh-n" in compared:
        for row in compared:
            if row != "tanh-n":
                table[row]["against"] = _apart(compared["tanh-n"], compared[row])
    return {"compared_at": updates, "rows": table, "pairs": pairs}


def _last_tested(curve, updates):
    errors = tested(curve)
    return errors[max(n for n in errors if n <= updates)]


def _apart(a, b):
    """Return how far two rows are apart, as JSON has it."""
    learned = all(one.value < PRIOR_ERROR - _LEARNED for _, one in (a, b))
    r = correlation(a[0][0].run, b[0][0].run) if learned else 0.0
    apart = difference(a[1], b[1], r)
    return {
        "difference": round(apart.value, 3),
        "half_width": round(apart.half_width(), 3),
        "significant": bool(apart.significant()),
        "several_seeds": apart.several_seeds,
        "equal": bool(apart.equivalent(_NEAR)),
    }


def pair(summary, a, b):
    """Return the difference of two rows, b less a, in whichever order it is known."""
    known = summary["pairs"].get(f"{a} {b}")
    if known is not None:
        return known
    known = summary["pairs"][f"{b} {a}"]
    return known | {"difference": -known["difference"]}


def verdict(summary):
    """Return the verdict on C9, the ranking; None while a row of the paper is missing.

    Three parts, by intervals of images, wander and seeds: of tanh N, softsign N and softsign any two are
    shown to be within 2 points (two one-sided tests of 5 %), each 3 points or more below the error of
    always the same class; each of them is that low and significantly better than tanh; so is tanh, and
    significantly better than sigmoid, by 10 points or more. Significant: p < 0.005, two-sided, as in the
    paper.
    """
    rows = summary["rows"]
    if summary["compared_at"] is None or not set(PAPER_ROWS) <= set(rows):
        return None

    def learned(row):
        return rows[row]["mean"] <= PRIOR_ERROR - _LEARNED

    def better(a, b, by=0.0):
        apart = pair(summary, a, b)
        return learned(a) and apart["significant"] and apart["difference"] > by

    best = ("tanh-n", "softsign-n", "softsign")
    near = {two: pair(summary, *two) for two in combinations(best, 2)}
    parts = [
        all(apart["equal"] for apart in near.values()) and all(map(learned, best)),
        all(better(row, "tanh") for row in best),
        better("tanh", "sigmoid", by=10.0),
    ]
    order = sorted(PAPER_ROWS, key=lambda row: rows[row]["mean"])
    measured = " < ".join(
        f"{rows[row]['name']} {rows[row]['mean']:.2f} ± {rows[row]['half_width']:.2f}"
        for row in order
    )
    apart = "; ".join(
        f"{rows[b]['name']} less {rows[a]['name']} {one['difference']:+.2f} ± {one['half_width']:.2f}"
        for (a, b), one in near.items()
    )
    said = (
        f"the three best rows are shown to be within 2 points of each other ({apart})",
        "each of them is better than tanh",
        "tanh is far better than sigmoid",
    )
    measured += " %: " + "; ".join(
        f"{text}: {'yes' if part else 'no'}" for text, part in zip(said, parts, strict=True)
    )
    n = {len(rows[row]["errors"]) for row in PAPER_ROWS}
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
        rows.append([*cells, *_errors(entry, shown), _from(entry), _of_paper(entry)])
    return rows


def comparison(summary):
    """Return the part of the table where rows are compared, as rows of texts, the head first."""
    updates = summary["compared_at"]
    rows = [["row", f"error after {updates:,} updates, %", "from Tanh N, points",
             f"the paper's after {PAPER_UPDATES:,}, %", "seeds", "learning rate"]]  # fmt: skip
    for entry in summary["rows"].values():
        error = f"{entry['mean']:.2f} ± {entry['half_width']:.2f}"
        cells = [entry["name"], error, _from(entry), _of_paper(entry)]
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


def _from(entry):
    return difference_words(entry["against"]) if entry.get("against") else ""


def difference_words(against):
    """Return a difference with its interval, a star if it is significant, and ≈ for shown to be near."""
    marks = "*" * (against["significant"] and against["several_seeds"]) + "≈" * against["equal"]
    return f"{against['difference']:+.2f} ± {against['half_width']:.2f}{marks}"


def _of_paper(entry):
    return "" if entry["paper"] is None else f"{entry['paper']:.2f}"


def markdown(summary):
    """Return the table in Markdown."""
    lines = markdown_table(table(summary))
    return "\n".join([*lines, "", NOTE.replace("*", r"\*")]) + "\n"


def make(folder, out):
    """Write table, numbers and picture; return the summary."""
    curves = read_curves(folder)
    rows = chosen(curves)
    if not rows:
        raise ValueError(
            f"curves must be a folder with curve files of runs.py, got {str(folder)!r}"
        )
    summary = summarize(rows, scatter(curves))
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
