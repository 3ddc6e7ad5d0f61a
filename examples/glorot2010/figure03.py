"""Figure 3: how the layers of tanh and softsign networks saturate through training."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.initial import show_interval
from examples.glorot2010.trained import as_it_starts, draw_layers, record

TITLE = "98th percentile and standard deviation of activations, standard initialization"
PAPER = (
    "Tanh: layer 1 saturates first, then layer 2, and so on. Softsign: the layers saturate less, and "
    "together, fast at first and then slowly."
)
ROWS = ("tanh", "softsign")
_SATURATED = 0.95


def measure(source):
    """Return the layers of both kinds of networks; None while one is missing."""
    found = _numbers(source.longest, source)
    return found and found | {"all seeds": _numbers(source.trained, source)}


def _numbers(which, source):
    curves = {row: which(row) for row in ROWS}
    if not all(curves.values()):
        return None
    found = {row: record(c, ("Y_p98", "Y_sd", "saturated")) for row, c in curves.items()}
    return found | {"basis": source.basis([*curves["tanh"], *curves["softsign"]])}


def draw(numbers):
    """Draw the first seed's networks, tanh on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(7, 7), layout="constrained", sharex=True)
    for ax, row in zip(axes, ROWS, strict=True):
        draw_layers(ax, numbers[row][0], middle="Y_p98", dashed="Y_sd")
        ax.set_ylim(0, 1.02)
        ax.set_title(row, loc="left")
    axes[0].set_xlabel("")
    axes[0].legend(fontsize=8, ncols=2, loc="upper left", bbox_to_anchor=(0.14, 1.0))
    figure.suptitle(TITLE, fontsize=10)
    return figure


def verdicts(numbers):
    """Return the verdict on C5.

    Its parts, each of all seeds, in layers 1 to 4 (the fifth is the one that the output pulls at): the
    98th percentile of tanh's first layer comes above 0.95, before that of the second, and no other before
    that of the layer below it; softsign's percentiles are less than half as far apart as tanh's, in the
    mean over the updates that both have, and in the end the largest is smaller than tanh's.
    """
    last = {row: np.array([e["Y_p98"][-1][:4] for e in numbers[row]]) for row in ROWS}
    times = np.array([_saturated_after(e) for e in numbers["tanh"]])
    until = min(e["updates"][-1] for row in ROWS for e in numbers[row])
    apart = {row: np.array([_mean_range(e, until) for e in numbers[row]]) for row in ROWS}
    in_order = (times[:, 0] < times[:, 1]) & (times[:, 1:-1] <= times[:, 2:]).all(axis=1)
    parts = [
        bool(in_order.all()),
        apart["softsign"].max() < apart["tanh"].min() / 2
        and last["softsign"].max(axis=1).max() < last["tanh"].max(axis=1).min(),
    ]
    said = "; ".join(
        f"{row}: 98th percentiles in the end {', '.join(f'{v:.3f}' for v in last[row].mean(axis=0))} in "
        f"layers 1 to 4, {show_interval(apart[row])} apart in the mean over {until:,} updates"
        for row in ROWS
    )
    first = ", ".join(f"{int(t):,} updates" if np.isfinite(t) else "not yet" for t in times[0])
    said += f"; tanh's layers came above {_SATURATED} after: {first}"
    n = min(len(numbers[row]) for row in ROWS)
    return [Verdict("C5", judged(parts), said, numbers["basis"], n)]


def untrained(numbers):
    """Return the numbers of networks that stay as they start."""
    still = {row: [as_it_starts(entry) for entry in numbers[row]] for row in ROWS}
    return numbers | still | {"all seeds": numbers["all seeds"] | still}


def _saturated_after(entry):
    """Return after how many updates each of layers 1 to 4 was first seen to be saturated, or inf."""
    above = np.array(entry["Y_p98"])[:, :4] > _SATURATED
    updates = np.array(entry["updates"], float)
    return np.where(above.any(axis=0), updates[above.argmax(axis=0)], np.inf)


def _mean_range(entry, until):
    """Return how far the percentiles of layers 1 to 4 are apart, in the mean over so many updates."""
    updates, values = np.array(entry["updates"]), np.array(entry["Y_p98"])[:, :4]
    there = updates <= until
    ranges = (values.max(axis=1) - values.min(axis=1))[there]
    return np.trapezoid(ranges, updates[there]) / max(updates[there][-1], 1)
