"""Figure 2: activations of a sigmoid network with four hidden layers through training."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.protocol import PRIOR_ERROR
from examples.glorot2010.trained import draw_layers, record

TITLE = "Mean and standard deviation of activations, sigmoid, 4 hidden layers"
PAPER = (
    "The top layer falls to 0 quickly; the others stay above 0.5, the higher the nearer they are to the "
    "output. The top layer leaves 0 after about 100 epochs, and then the first layer begins to saturate. "
    "With five hidden layers it never did."
)
_FALLEN = 0.1
_LEARNED = 3.0  # points below the prior's error


def measure(source):
    """Return the layers of networks with 4 and 5 hidden layers; None while there are none with 4."""
    found = {}
    for depth in (4, 5):
        curves = source.trained("sigmoid", depth)
        found[str(depth)] = record(curves, ("Y_mean", "Y_sd"))
        for entry, curve in zip(found[str(depth)], curves, strict=True):
            entry["validation_error"] = curve.column(
                "validation_error", "validation_error"
            ).tolist()
        found[f"basis {depth}"] = source.basis(curves) if curves else ""
    return found if found["4"] else None


def draw(numbers):
    """Draw the first seed's network with 4 hidden layers."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    draw_layers(ax, numbers["4"][0], middle="Y_mean", band="Y_sd", label="activation: mean ± sd")
    ax.set(ylim=(0, 1), title=TITLE)
    ax.legend(fontsize=8, ncols=2)
    return figure


def verdicts(numbers):
    """Return the verdict on C4.

    Its parts, each of all seeds: with 4 layers the mean of the top layer falls below 0.1 within the first
    tenth of 2,000,000 updates (100 epochs, if they are of 20,000 updates); it comes back above 0.1 later,
    and the error falls 3 points below that of always the same class; with 5 layers the error does not, in
    at least as many updates as the networks with 4 layers took to come back.
    """
    fell, left, back = [], [], []
    for entry in numbers["4"]:
        top, updates = np.array(entry["Y_mean"])[:, -1], np.array(entry["updates"])
        below = np.flatnonzero(top < _FALLEN)
        fell.append(len(below) > 0 and updates[below[0]] <= 200_000)
        left.append(fell[-1] and top[-1] > _FALLEN and _learned(entry))
        back.append(_came_back(top, updates))
    parts = [all(fell), all(left)]
    lowest = ", ".join(f"{np.array(e['Y_mean'])[:, -1].min():.3f}" for e in numbers["4"])
    said = (
        f"4 layers: lowest mean of the top layer {lowest}; it left 0 again in {sum(left)} of {len(left)} "
        f"networks, validation error {_errors(numbers['4'])} %"
    )
    basis = numbers["basis 4"]
    if numbers["5"]:
        # Shorter trainings could not have shown the contrary.
        made = min(entry["updates"][-1] for entry in numbers["5"])
        parts.append(made >= max(back) and not any(map(_learned, numbers["5"])))
        said += f"; 5 layers: {_errors(numbers['5'])} %"
        basis += f"; 5 layers: {numbers['basis 5']}"
    return [Verdict("C4", judged(parts), said, basis)]


def _came_back(top, updates):
    """Return after how many updates the top layer was first seen to have left 0; inf if it was not."""
    fallen = np.flatnonzero(top < _FALLEN)
    above = np.flatnonzero(top > _FALLEN)
    above = above[above > fallen[0]] if len(fallen) else above[:0]
    return updates[above[0]] if len(above) else np.inf


def _learned(entry):
    return entry["validation_error"][-1] < PRIOR_ERROR - _LEARNED


def _errors(entries):
    return ", ".join(f"{entry['validation_error'][-1]:.2f}" for entry in entries)
