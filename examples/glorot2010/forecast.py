"""Are the paper's errors within reach? A power law of the validation error, tested on what is known."""

import numpy as np
from scipy import stats

from examples.glorot2010 import protocol
from examples.glorot2010.error_curves import COLORS, LINES
from examples.glorot2010.protocol import PAPER_UPDATES, PRIOR_ERROR, ROWS

TITLE = "Validation error, and its power law carried on to the paper's length"
PAPER = "After 5,000,000 updates tanh N, softsign N, softsign, tanh err in 15.60, 16.06, 16.27, 27.15 %."
_ROWS = ("tanh-n", "softsign-n", "softsign", "tanh")
_LEARNED = 3.0  # points below the error of always the same class
_LEAST = 6  # measurements
#: Shares of the updates made, from which on the law is fitted: it may bend.
_FROM = (0.1, 0.2, 0.4)


def fit(updates, errors, to, share):
    """Return the error that a power law of the updates predicts, and its prediction interval of 95 %.

    A straight line through the logarithms, by least squares, from a share of the updates on.

    Parameters
    ----------
    updates, errors : ndarray
    to : int
        Updates to predict at.
    share : float

    Returns
    -------
    slope, predicted, low, high : float
        None where there are fewer than six measurements that learned something.

    Examples
    --------
    >>> import numpy as np
    >>> from examples.glorot2010.forecast import fit
    >>> updates = np.arange(1, 21) * 25_000
    >>> law = fit(updates, 50 * (updates / 25_000) ** -0.3, 5_000_000, 0.2)
    >>> [round(float(value), 2) for value in law]
    [-0.3, 10.2, 10.2, 10.2]
    """
    there = (updates >= share * updates[-1]) & (errors < PRIOR_ERROR - _LEARNED)
    if there.sum() < _LEAST or not there[-1]:
        return None
    x, y = np.log(updates[there]), np.log(errors[there])
    slope, start = np.polyfit(x, y, 1)
    residual = ((y - start - slope * x) ** 2).sum() / (len(x) - 2)
    at = np.log(to)
    lever = 1 + 1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
    half = stats.t.ppf(0.975, len(x) - 2) * np.sqrt(residual * lever)
    predicted = start + slope * at
    return slope, *np.exp([predicted, predicted - half, predicted + half])


def _predicted(updates, errors, to):
    """Return the middle of the fits from different shares, and from the lowest to the highest interval."""
    fits = [law for share in _FROM if (law := fit(updates, errors, to, share)) is not None]
    if not fits:
        return None
    slopes, values, low, high = zip(*fits, strict=True)
    return {
        "slopes": [float(min(slopes)), float(max(slopes))],
        "value": float(np.median(values)),
        "low": float(min(low)),
        "high": float(max(high)),
    }


def measure(source):
    """Return of each row its validation errors, what they predict, and what the first half predicted.

    None without a curve that is long enough.
    """
    found = {}
    for row in _ROWS:
        curves = source.longest(row)
        if not curves:
            continue
        curve = curves[0]
        points = [(p["updates"], p["validation_error"]) for p in curve.points if p["updates"]]
        updates, errors = np.array([p for p in points if p[1] is not None], float).T
        entry = {
            "updates": updates.tolist(),
            "errors": errors.tolist(),
            "predicted": _predicted(updates, errors, PAPER_UPDATES),
            "paper": protocol.PAPER[row],
        }
        half = updates <= updates[-1] / 2
        back = _predicted(updates[half], errors[half], updates[-1]) if half.any() else None
        if back is not None:
            # What is predicted is a single measurement; the trend there is of the last quarter.
            late = updates >= 0.75 * updates[-1]
            line = (
                np.polyfit(np.log(updates[late]), np.log(errors[late]), 1)
                if late.sum() > 3
                else None
            )
            trend = errors[-1] if line is None else np.exp(np.polyval(line, np.log(updates[-1])))
            back |= {"at": float(updates[-1]), "measured": float(errors[-1]), "trend": float(trend)}
        entry["back-test"] = back
        if entry["predicted"]:
            found[row] = entry
    return found or None


def _reach(entry):
    """Return how the paper's error lies to the prediction, in words."""
    if entry["predicted"]["low"] > entry["paper"]:
        return "ours would end above"
    return "ours would end below" if entry["predicted"]["high"] < entry["paper"] else "within reach"


def tables(numbers):
    """Return what is predicted, and what was, as rows of texts."""
    rows = [["row", "fitted until", "slope", f"predicted at {PAPER_UPDATES:,}, %", "the paper's",
             "which is", "back-test: from the first half", "measured (trend)"]]  # fmt: skip
    for row, entry in numbers.items():
        law, back = entry["predicted"], entry["back-test"]
        slope = " to ".join(f"{s:.2f}" for s in dict.fromkeys(law["slopes"]))
        cells = [ROWS[row][0], f"{entry['updates'][-1]:,.0f}", slope]
        cells += [
            f"{law['value']:.1f} ({law['low']:.1f} to {law['high']:.1f})",
            f"{entry['paper']:.2f}",
        ]
        cells.append(_reach(entry))
        if back:
            cells += [f"{back['value']:.1f} ({back['low']:.1f} to {back['high']:.1f})"]
            cells += [f"{back['measured']:.1f} ({back['trend']:.1f})"]
        rows.append(cells + [""] * (len(rows[0]) - len(cells)))
    return [rows]


def remarks(numbers):
    """Return how it is fitted, and how the back-test came out."""
    shares = ", ".join(f"{100 * share:.0f}" for share in _FROM)
    backs = [entry["back-test"] for entry in numbers.values() if entry["back-test"]]
    kept = sum(back["low"] <= back["measured"] <= back["high"] for back in backs)
    off = [back["value"] - back["trend"] for back in backs]
    said = (
        f"Straight lines through logarithms, from {shares} % of the updates on: their median, and from "
        "the lowest to the highest end of their prediction intervals of 95 %. They know nothing of a "
        "floor that errors may have, nor of other seeds."
    )
    if backs:
        said += (
            f" The first half of a training predicted its last error within the interval in {kept} of "
            f"{len(backs)}; the median was off the trend by {min(off):+.1f} to {max(off):+.1f} points."
        )
    return [said]


def draw(numbers):
    """Draw errors, their laws, and the paper's errors as stars, on logarithmic axes."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7.4, 5.0), layout="constrained")
    for i, (row, entry) in enumerate(numbers.items()):
        updates, errors = np.array(entry["updates"]), np.array(entry["errors"])
        ax.plot(updates, errors, color=COLORS[row], ls=LINES[row], lw=1.2, label=ROWS[row][0])
        law = entry["predicted"]
        ends = [errors[-3:].mean(), law["value"]]
        ax.plot([updates[-1], PAPER_UPDATES], ends, color=COLORS[row], lw=0.8, ls=":")
        place = PAPER_UPDATES * (1 + 0.1 * i)
        bars = [[law["value"] - law["low"]], [law["high"] - law["value"]]]
        style = {"color": COLORS[row], "capsize": 3, "marker": "o", "ms": 4}
        ax.errorbar([place], [law["value"]], bars, **style)
        ax.plot(place, entry["paper"], "*", ms=11, color=COLORS[row], mec="k", mew=0.4)
        back = entry["back-test"]
        if back:
            bars = [[back["value"] - back["low"]], [back["high"] - back["value"]]]
            style |= {"mfc": "w", "lw": 0.8, "alpha": 0.7}
            ax.errorbar([back["at"] * (1.04 + 0.03 * i)], [back["value"]], bars, **style)
    ax.plot([], [], "*", ms=10, color="0.7", mec="k", mew=0.4, label="the paper's")
    ax.errorbar([], [], [], color="0.4", marker="o", ms=4, capsize=3, label="predicted")
    style = {"color": "0.4", "marker": "o", "ms": 4, "mfc": "w", "capsize": 3}
    ax.errorbar([], [], [], label="predicted from the first half", **style)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="updates, of 10 images each",
        xlim=(9_000, 1.6 * PAPER_UPDATES),
    )
    ax.set(ylabel="error on validation images, %", ylim=(9, 95))
    ax.set_yticks([10, 15, 20, 30, 40, 60, 80], [10, 15, 20, 30, 40, 60, 80])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, loc="lower left")
    return figure


def verdicts(numbers):
    """Return none: it is no claim of the paper."""
    return []
