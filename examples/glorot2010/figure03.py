"""Figure 3: how the layers of tanh and softsign networks saturate through training."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.initial import show_interval
from examples.glorot2010.trained import draw_layers, record

TITLE = "98th percentile (markers) and standard deviation (dashed) of activations, standard initialization"
PAPER = (
    "Tanh: layer 1 saturates first, then layer 2, and so on. Softsign: the layers saturate less, and "
    "together, fast at first and then slowly."
)


def measure(source):
    """Return the layers of both kinds of networks; None while one is missing."""
    curves = {row: source.trained(row) for row in ("tanh", "softsign")}
    if not all(curves.values()):
        return None
    found = {row: record(c, ("Y_p98", "Y_sd", "saturated")) for row, c in curves.items()}
    return found | {"basis": source.basis([*curves["tanh"], *curves["softsign"]])}


def draw(numbers):
    """Draw the first seed's networks, tanh on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(7, 7), layout="constrained", sharex=True)
    for ax, row in zip(axes, ("tanh", "softsign"), strict=True):
        draw_layers(ax, numbers[row][0], middle="Y_p98", dashed="Y_sd")
        ax.set_ylim(0, 1.02)
        ax.set_title(row, loc="left")
    axes[0].set_xlabel("")
    axes[0].legend(fontsize=8, ncols=2)
    figure.suptitle(TITLE, fontsize=10)
    return figure


def verdicts(numbers):
    """Return the verdict on C5, from the last measurement.

    Its parts, each of all seeds: tanh's first layer is saturated (a 98th percentile above 0.95) and layers
    1 to 4 are in that order (the fifth is the one that the output pulls at); softsign's percentiles of
    these layers are less than half as far apart as tanh's, and the largest is smaller than tanh's.
    """
    last = {
        row: np.array([e["Y_p98"][-1][:4] for e in numbers[row]]) for row in ("tanh", "softsign")
    }
    spread = {row: values.max(axis=1) - values.min(axis=1) for row, values in last.items()}
    largest = {row: values.max(axis=1) for row, values in last.items()}
    parts = [
        last["tanh"][:, 0].min() > 0.95 and bool((np.diff(last["tanh"], axis=1) < 0).all()),
        spread["softsign"].max() < spread["tanh"].min() / 2
        and largest["softsign"].max() < largest["tanh"].min(),
    ]
    said = "; ".join(
        f"{row}: 98th percentiles {', '.join(f'{v:.3f}' for v in last[row].mean(axis=0))} in layers 1 to "
        f"4, {show_interval(spread[row])} apart"
        for row in last
    )
    return [Verdict("C5", judged(parts), said, numbers["basis"])]
