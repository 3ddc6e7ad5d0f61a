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
        curves = source.longest("sigmoid", depth)
        found[str(depth)] = record(curves, ("Y_mean", "Y_sd"))
        for entry, curve in zip(found[str(depth)], curves, strict=True):
            entry["validated"] = curve.column("updates", "validation_error").tolist()
            errors = curve.column("validation_error", "validation_error")
            entry["validation_error"] = errors.tolist()
        found[f"basis {depth}"] = source.basis(curves) if curves else ""
    return found if found["4"] else None


def draw(numbers):
    """Draw the first seed's network with 4 hidden layers."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    draw_layers(ax, numbers["4"][0], middle="Y_mean", band="Y_sd", label="activation")
    ax.set(ylim=(0, 1), title=TITLE)
    after = _learned_after(numbers["4"][0])
    if after < np.inf:
        ax.axvline(after, color="0.3", lw=0.9, ls=":")
        ax.text(
            0.96 * after, 0.985, "the error leaves its plateau", ha="right", va="top", fontsize=8
        )
    ax.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.06))
    return figure


def verdicts(numbers):
    """Return the verdict on C4.

    Its parts, each of all seeds: with 4 layers the mean of the top layer falls below 0.1 within the first
    tenth of 2,000,000 updates (100 epochs, if they are of 20,000 updates); it comes back above 0.1 later,
    and the error falls 3 points below that of always the same class; with 5 layers the error does not, in
    at least as many updates as it took with 4 layers.
    """
    fell, left = [], []
    for entry in numbers["4"]:
        top, updates = np.array(entry["Y_mean"])[:, -1], np.array(entry["updates"])
        below = np.flatnonzero(top < _FALLEN)
        fell.append(len(below) > 0 and updates[below[0]] <= 200_000)
        left.append(fell[-1] and top[-1] > _FALLEN and _learned_after(entry) < np.inf)
    learned = [_learned_after(entry) for entry in numbers["4"]]
    parts = [all(fell), all(left)]
    said = "4 layers: " + "; ".join(map(_course, numbers["4"]))
    basis = numbers["basis 4"]
    if numbers["5"]:
        # Shorter trainings could not have shown the contrary.
        made = min(entry["updates"][-1] for entry in numbers["5"])
        never = all(_learned_after(entry) == np.inf for entry in numbers["5"])
        parts.append(made >= max(learned) and never)
        said += "; 5 layers: " + "; ".join(map(_course, numbers["5"]))
        basis += f"; 5 layers: {numbers['basis 5']}"
    n = min(len(numbers[depth]) for depth in "45" if numbers[depth])
    return [Verdict("C4", judged(parts), said, basis, n)]


def _learned_after(entry):
    """Return after how many updates the error was first seen below the plateau; inf if it is on it."""
    errors = np.array(entry["validation_error"])
    below = errors < PRIOR_ERROR - _LEARNED
    return entry["validated"][below.argmax()] if below[-1] else np.inf


def _course(entry):
    """Return what the top layer and the error did, in words."""
    top, after = np.array(entry["Y_mean"])[:, -1], _learned_after(entry)
    plateau = (
        f"left the plateau after {after:,.0f} updates" if after < np.inf else "did not leave it"
    )
    return (
        f"mean of the top layer at least {top.min():.4f}, in the end {top[-1]:.4f}; the error {plateau}: "
        f"{entry['validation_error'][-1]:.2f} %"
    )
