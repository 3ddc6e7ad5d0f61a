"""Which trainings there are, as tables, and how long they took."""

from examples.glorot2010.curves import duration
from examples.glorot2010.protocol import PAPER_ROWS, PAPER_UPDATES, ROWS
from examples.glorot2010.rate_choices import rates
from examples.glorot2010.table1 import chosen

__all__ = ["length", "tables", "trainings"]


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
        f"{many} each. The {len(source.curves)} trainings of all figures took "
        f"{duration(seconds)} in all, a process each, on {', '.join(machines)}."
    )


def trainings(curves):
    """Return a table of the curves as rows of texts, the head first.

    A line for each kind of network, at the learning rate that most updates were made with, and one for
    those that served to choose it.
    """
    rows = [["network", "hidden layers", "updates", "time", "seeds", "images", "learning rate",
             "updates a second, at best"]]  # fmt: skip
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
    """Return updates, time and updates a second, each training's quickest session taken for all of it."""
    made = sorted({curve.updates for curve in curves})
    updates = f"{made[0]:,}" if len(made) == 1 else f"{made[0]:,} to {made[-1]:,}"
    timed = [curve for curve in curves if curve.pace]
    shortest = sum(curve.updates / curve.pace for curve in timed)
    pace = sum(curve.updates for curve in timed) / shortest if timed else 0
    return [updates, duration(sum(curve.seconds for curve in curves)), f"{pace:,.0f}"]


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
