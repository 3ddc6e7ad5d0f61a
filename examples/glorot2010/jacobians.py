"""Singular values of the layers' Jacobians before training, tanh."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.initial import INITS, show_interval
from examples.glorot2010.protocol import Run, measured_on
from minnet.lab import jacobians

TITLE = "Singular values of the layers' Jacobians before training, tanh"
PAPER = (
    "Their mean is about 0.8 with the normalized initialization and 0.5 with the standard one, and is the "
    "ratio of variances from layer to layer."
)


def measure(source):
    """Return the mean singular value of each hidden layer's Jacobian after the first, by seed."""
    X, _ = measured_on("probe")
    depth, width, seeds = 5, source.width, source.seeds[:3]
    found = {"seeds": list(seeds), "depth": depth, "width": width}
    for init, row in INITS.items():
        per_seed = []
        for seed in seeds:
            network = Run(row, 1.0, seed, depth, width).network()
            seen = jacobians(network, X, n_samples=1, random_state=seed)
            # The first layer and the output are not square.
            per_seed.append({"mean": plain(seen.means[1:depth]), "rms": plain(seen.rms[1:depth])})
        found[init] = per_seed
    return found


def remarks(numbers):
    """Return what the paper's numbers are."""
    return [
        "In a linear network the quarter circle gives means of 0.849 and 0.490, from which tanh's "
        "slope takes its part. What multiplies a gradient's variance is the mean square, not the mean."
    ]


def verdicts(numbers):
    """Return the verdict on C3.

    Its parts: the means round to 0.8 and to 0.5.
    """
    means = {init: [np.mean(one["mean"]) for one in numbers[init]] for init in INITS}
    parts = [round(np.mean(means[init]), 1) == expected for init, expected in
             (("normalized", 0.8), ("standard", 0.5))]  # fmt: skip
    said = ", ".join(f"{init} {show_interval(values)}" for init, values in means.items())
    said = f"mean over layers 2 to {numbers['depth']}: {said}; the quarter circle gives 0.849 and 0.490"
    n = len(numbers["seeds"])
    basis = f"before training, one image of each of {n} seeds"
    return [Verdict("C3", judged(parts), said, basis, n)]


def draw(numbers):
    """Draw mean and root mean square by layer."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    layers = np.arange(2, numbers["depth"] + 1)
    for init, color in zip(INITS, ("#D55E00", "#0072B2"), strict=True):
        for name, said in (("rms", "root mean square"), ("mean", "mean")):
            values = np.array([one[name] for one in numbers[init]])
            middle = values.mean(axis=0)
            bars = np.abs([values.min(axis=0), values.max(axis=0)] - middle)
            style = {"marker": "os"[name == "rms"], "mfc": "w" if name == "rms" else color}
            label = f"{init}, {said}"
            ax.errorbar(layers, middle, bars, color=color, capsize=3, label=label, **style)
    for value, init in ((0.8, "normalized"), (0.5, "standard")):
        ax.axhline(value, color="0.5", lw=0.8, ls=":")
        said = f"the paper's mean, {init}: {value}"
        ax.text(layers[-1], value + 0.008, said, ha="right", fontsize=8, color="0.3")
    ax.set(xlabel="layer", ylabel="singular values", ylim=(0.4, 1.0), xticks=layers)
    ax.legend(fontsize=8, loc="center right", bbox_to_anchor=(1.0, 0.42))
    return figure
