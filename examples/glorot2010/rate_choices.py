"""How learning rates were chosen, and what is to be said against each choice."""

import json
import math
from pathlib import Path

from examples.glorot2010.protocol import PRIOR_ERROR, ROWS

__all__ = ["doubts", "rates"]

_LEARNED = 3.0  # points below the error of always the same class
#: Validation errors of one network scatter by so much from one measurement to the next.
_WANDER = 0.8
_N_IMAGES = 5_000


def _choices(folder):
    """Return what runs.py noted, by kind and row."""
    found = {}
    for path in sorted(Path(folder).glob("rates-*.json")):
        kind = path.stem.removeprefix("rates-")
        found |= {(kind, row): how for row, how in json.loads(path.read_text()).items()}
    return found


def _judged(how, rate):
    """Return what is to be said against a rate, and which others are not told apart from the best."""
    stages = {int(n): _known(errors) for n, errors in how["validation_error"].items()}
    # One that diverged bounds the grid, too.
    tried = {float(r) for errors in how["validation_error"].values() for r in errors}
    last = stages[max(stages)]
    said, near = [], []
    if last and len(tried) > 1:
        best = min(last, key=last.get)
        if min(last.values()) > PRIOR_ERROR - _LEARNED:
            said.append("chosen at chance level")
        if rate in (min(tried), max(tried)):
            said.append("at the edge of the grid")
        # On the same images, whose share in the difference is taken as half of that of others.
        p = last[best] / 100
        sd = math.sqrt(2 * _WANDER**2 + 1e4 * p * (1 - p) / _N_IMAGES)
        near = [r for r in last if r != best and last[r] - last[best] < 1.96 * sd]
    return said, sorted(near, key=float)


def _known(errors):
    return {rate: error for rate, error in errors.items() if error is not None}


def doubts(folder):
    """Return what is to be said against rates, by (kind, row, rate); without those inside the grid.

    Parameters
    ----------
    folder : path-like
        With the files ``rates-*.json`` of ``runs.py``.
    """
    found = {}
    for (kind, row), how in _choices(folder).items():
        tried = {float(r) for errors in how["validation_error"].values() for r in errors}
        for rate in tried:
            said, _ = _judged(how, rate)
            if said:
                found[kind, row, rate] = ", ".join(said)
    return found


def rates(folder):
    """Return how learning rates were chosen, as rows of texts, the head first: a line for each stage.

    Parameters
    ----------
    folder : path-like
        With the files ``rates-*.json`` of ``runs.py``.
    """
    found = _choices(folder)
    every = [errors for how in found.values() for errors in how["validation_error"].values()]
    tried = sorted({rate for errors in every for rate in errors}, key=float)
    rows = [["network", "hidden layers", "chosen", "after updates", *tried, "the choice"]]
    for kind, row in sorted(found, key=lambda key: (len(key[0]), key[0], list(ROWS).index(key[1]))):
        size = ", ".join(kind.replace("fixed", "images: ").split("-")).replace("x", " x ")
        how, stages = found[kind, row], found[kind, row]["validation_error"]
        for updates, errors in stages.items():
            cells = ["" if errors.get(rate) is None else f"{errors[rate]:.2f}" for rate in tried]
            best, said = "", ""
            if updates == max(stages, key=int):
                best = "none" if how["chosen"] is None else f"{how['chosen']:g}"
                against, near = _judged(how, how["chosen"])
                against += [f"not told apart from {', '.join(near)}"] * bool(near)
                said = "; ".join(against)
            rows.append([ROWS[row][0], size, best, f"{int(updates):,}", *cells, said])
    return rows
