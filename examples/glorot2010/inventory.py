"""Which trainings there are: tables of the curves, and of how their learning rates were chosen."""

import json
from pathlib import Path

from examples.glorot2010.curves import duration
from examples.glorot2010.protocol import PAPER_ROWS, PAPER_UPDATES, ROWS
from examples.glorot2010.table1 import chosen

__all__ = ["length", "rates", "tables", "trainings"]


def tables(curves, folder):
    """Return the tables by their titles, without those that would be empty.

    Parameters
    ----------
    curves : list of Curve
    folder : path-like
        Of the curve files.
    """
    found = {
        "Trainings": (trainings(curves), where(curves)),
        "Learning rates: error in percent on validation images, by rate": (rates(folder), ""),
    }
    return {title: pair for title, pair in found.items() if len(pair[0]) > 1}


def length(source):
    """Return two sentences: how far the networks of Table 1 were trained, and how long all curves took.

    Parameters
    ----------
    source : Source
    """
    rows = {row: source.trained(row) for row in PAPER_ROWS}
    furthest = [max(curve.updates for curve in curves) for curves in rows.values() if curves]
    if not furthest:
        return ""
    seeds = sorted({len(source.longest(row)) for row in rows if rows[row]})
    n = sorted({min(furthest), max(furthest)})
    updates = " to ".join(f"{one:,}" for one in n)
    shares = " to ".join(f"{100 * one / PAPER_UPDATES:.2g}" for one in n)
    many = "one seed" if seeds == [1] else f"{' to '.join(map(str, seeds))} seeds"
    sessions = [session for curve in source.curves for session in curve.sessions]
    machines = sorted({f"{s['processor']} with {s['cores']} cores" for s in sessions})
    seconds = sum(curve.seconds for curve in source.curves)
    return (
        f"{updates} updates for each row of Table 1, {shares} % of the paper's {PAPER_UPDATES:,}, with "
        f"{many} each. The {len(source.curves)} trainings of all figures took {duration(seconds)} in "
        f"all, a process each, on {', '.join(machines)}."
    )


def trainings(curves):
    """Return a table of the curves as rows of texts, the head first.

    A line for each kind of network, at the learning rate that most updates were made with, and one for
    those that served to choose it.
    """
    rows = [["network", "hidden layers", "updates", "time", "seeds", "images", "learning rate",
             "updates a second"]]  # fmt: skip
    used = []
    for size in sorted({_size(curve) for curve in curves}):
        fixed, shape, depth, width = size[0], size[1], -size[2], -size[3]
        for row, of_row in chosen(curves, depth, width, fixed, shape).items():
            used += of_row
            rate, seeds = of_row[0].run["rate"], ", ".join(str(c.run["seed"]) for c in of_row)
            layers = f"{depth} x {width}" + f", {shape}" * (shape != "equal")
            images = f"{fixed:,}" if fixed else "fresh"
            updates, took, pace = _effort(of_row)
            rows.append([ROWS[row][0], layers, updates, took, seeds, images, f"{rate:g}", pace])
    others = [curve for curve in curves if not any(curve is one for one in used)]
    if others:
        updates, took, pace = _effort(others)
        rows.append([f"{len(others)} to choose rates with", "", updates, took, "", "", "", pace])
    return rows


def _size(curve):
    """Return what kind of network it is, so that the paper's own kind is sorted first."""
    run = curve.run
    return run["fixed"], run["shape"], -run["depth"], -run["width"]


def _effort(curves):
    """Return updates, time and updates a second."""
    made = sorted({curve.updates for curve in curves})
    updates = f"{made[0]:,}" if len(made) == 1 else f"{made[0]:,} to {made[-1]:,}"
    seconds = sum(curve.seconds for curve in curves)
    pace = sum(curve.updates for curve in curves) / seconds if seconds else 0
    return [updates, duration(seconds), f"{pace:,.0f}"]


def where(curves):
    """Return a sentence on what the curves were made with."""
    sessions = [session for curve in curves for session in curve.sessions]
    machines = {f"{s['processor']} with {s['cores']} cores" for s in sessions}
    names = {"minnet-learn": "minnet", "numpy": "NumPy", "python": "Python"}
    used = [
        f"{said} {', '.join(sorted({s['versions'][name] for s in sessions}))}"
        for name, said in names.items()
    ]
    threads = " or ".join(map(str, sorted({s["threads"] for s in sessions})))
    return (
        f"On {', '.join(sorted(machines))}, {threads} thread{'s' * (threads != '1')} a training, several "
        f"side by side, measurements included; {', '.join(used)}."
    )


def rates(folder):
    """Return how learning rates were chosen, as rows of texts, the head first: a line for each stage.

    Parameters
    ----------
    folder : path-like
        With the files ``rates-*.json`` of ``runs.py``.
    """
    found = {}
    for path in sorted(Path(folder).glob("rates-*.json")):
        kind = path.stem.removeprefix("rates-")
        found |= {(kind, row): how for row, how in json.loads(path.read_text()).items()}
    every = [errors for how in found.values() for errors in how["validation_error"].values()]
    tried = sorted({rate for errors in every for rate in errors}, key=float)
    rows = [["network", "hidden layers", "chosen", "after updates", *tried]]
    for kind, row in sorted(found, key=lambda key: (len(key[0]), key[0], list(ROWS).index(key[1]))):
        size = ", ".join(kind.replace("fixed", "images: ").split("-")).replace("x", " x ")
        how, stages = found[kind, row], found[kind, row]["validation_error"]
        for updates, errors in stages.items():
            cells = ["" if errors.get(rate) is None else f"{errors[rate]:.2f}" for rate in tried]
            best = ""
            if updates == max(stages, key=int):
                best = "none" if how["chosen"] is None else f"{how['chosen']:g}"
            rows.append([ROWS[row][0], size, best, f"{int(updates):,}", *cells])
    return rows
