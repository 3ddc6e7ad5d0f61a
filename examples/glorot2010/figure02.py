"""Figure 2: activations of a sigmoid network with four hidden layers through training."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.protocol import PAPER_UPDATES, PRIOR_ERROR
from examples.glorot2010.trained import as_it_starts, draw_layers, record

TITLE = "Mean and standard deviation of activations, sigmoid, 4 hidden layers"
PAPER = (
    "The top layer falls to 0 quickly; the others stay above 0.5, the higher the nearer they are to the "
    "output. The top layer leaves 0 after about 100 epochs, and then the first layer begins to saturate. "
    "With five hidden layers it never did."
)
_FALLEN = 0.1
_EARLY = PAPER_UPDATES // 20
_LEARNED = 3.0  # points below the prior's error


def measure(source):
    """Return the layers of networks with 4 and 5 hidden layers; None while there are none with 4."""
    found = _numbers(source.longest, source)
    return found | {"all seeds": _numbers(source.trained, source)} if found["4"] else None


def _numbers(which, source):
    found = {}
    for depth in (4, 5):
        curves = which("sigmoid", depth)
        found[str(depth)] = record(curves, ("Y_mean", "Y_sd"))
        for entry, curve in zip(found[str(depth)], curves, strict=True):
            entry["validated"] = curve.column("updates", "validation_error").tolist()
            errors = curve.column("validation_error", "validation_error")
            entry["validation_error"] = errors.tolist()
        found[f"basis {depth}"] = source.basis(curves) if curves else ""
    return found


def draw(numbers):
    """Draw the first seed's network with 4 hidden layers."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    draw_layers(ax, numbers["4"][0], middle="Y_mean", band="Y_sd", label="activation")
    ax.set(ylim=(0, 1), title=TITLE)
    after = learned_after(numbers["4"][0])
    if after < np.inf:
        ax.axvline(after, color="0.3", lw=0.9, ls=":")
        ax.text(
            0.96 * after, 0.985, "the error leaves its plateau", ha="right", va="top", fontsize=8
        )
    ax.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 0.06))
    return figure


def verdicts(numbers):
    """Return the verdict on C4.

    Its parts, each of all seeds: with 4 layers the mean of the top layer falls below 0.1 within 5 % of the
    paper's training, 250,000 updates; it comes back above 0.1 later, and the error falls 3 points below
    that of always the same class; with 5 layers the top layer falls as early, and the error does not fall
    so, in at least as many updates as it took with 4 layers.
    """
    fell = [_fell(entry) for entry in numbers["4"]]
    learned = [learned_after(entry) for entry in numbers["4"]]
    back = [entry["Y_mean"][-1][-1] > _FALLEN for entry in numbers["4"]]
    parts = [all(fell), all(fell) and all(back) and max(learned) < np.inf]
    said = "4 layers: " + "; ".join(map(_course, numbers["4"]))
    basis = numbers["basis 4"]
    if numbers["5"]:
        # Shorter trainings could not have shown the contrary.
        made = min(entry["updates"][-1] for entry in numbers["5"])
        never = all(learned_after(entry) == np.inf for entry in numbers["5"])
        parts.append(made >= max(learned) and never and all(map(_fell, numbers["5"])))
        said += "; 5 layers: " + "; ".join(map(_course, numbers["5"]))
        basis += f"; 5 layers: {numbers['basis 5']}"
    n = min(len(numbers[depth]) for depth in "45" if numbers[depth])
    return [Verdict("C4", judged(parts), said, basis, n)]


def untrained(numbers):
    """Return the numbers of networks that stay as they start."""
    still = {depth: [as_it_starts(entry) for entry in numbers[depth]] for depth in "45"}
    return numbers | still | {"all seeds": numbers["all seeds"] | still}


def _fell(entry):
    """Return whether the top layer fell to 0 early."""
    below = np.flatnonzero(np.array(entry["Y_mean"])[:, -1] < _FALLEN)
    return len(below) > 0 and entry["updates"][below[0]] <= _EARLY


def learned_after(entry):
    """Return after how many updates the error was first seen below the plateau; inf if it is on it."""
    errors = np.array(entry["validation_error"])
    below = errors < PRIOR_ERROR - _LEARNED
    return entry["validated"][below.argmax()] if below[-1] else np.inf


def _course(entry):
    """Return what the top layer and the error did, in words."""
    top, after = np.array(entry["Y_mean"])[:, -1], learned_after(entry)
    plateau = (
        f"left the plateau after {after:,.0f} updates" if after < np.inf else "did not leave it"
    )
    return (
        f"mean of the top layer at least {top.min():.4f}, in the end {top[-1]:.4f}; the error {plateau}: "
        f"{entry['validation_error'][-1]:.2f} %"
    )
