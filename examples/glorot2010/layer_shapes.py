"""Layers of growing and of shrinking size: do they gain from the normalized initialization, too?"""

import numpy as np

from examples.glorot2010.claims import Verdict
from examples.glorot2010.curves import plain
from examples.glorot2010.initial import INITS, show_interval
from examples.glorot2010.protocol import Run, measured_on
from minnet import Dense, Network
from minnet.lab import probe

TITLE = "Back-propagated gradients before training where layers grow or shrink, tanh"
PAPER = (
    "The gains were the same when the layer size increased or decreased with the layer's number."
)
SHAPES = {
    "shrinking": (1000, 800, 600, 400, 200),
    "growing": (200, 400, 600, 800, 1000),
}


def measure(source):
    """Return the sd of back-propagated gradients where layers shrink or grow, by shape and seed."""
    X, y = measured_on("probe")
    seeds = source.seeds
    shapes = {k: [width * source.width // 1000 for width in v] for k, v in SHAPES.items()}
    found = {"seeds": list(seeds), "shapes": shapes}
    for init, row in INITS.items():
        found[init] = {}
        for shape, widths in shapes.items():
            name = Run(row, 1.0).describe()["init"]
            per_seed = []
            for seed in seeds:
                layers = [Dense(width, "tanh") for width in widths]
                network = Network([*layers, Dense(9)], init=name)
                network.initialize(X.shape[1], random_state=seed, dtype="float32")
                per_seed.append(plain(probe(network, X, y)["dZ", "sd"][: len(widths)]))
            found[init][shape] = per_seed
    return found


def verdicts(numbers):
    """Return the verdict on C11, as far as gradients at the start can tell: "partly" at most.

    For both shapes the range of the layers' gradients (largest over smallest sd) is smaller with the
    normalized initialization by a factor of 2 or more.
    """
    parts, said = [], []
    for shape in numbers["shapes"]:
        ranges = {}
        for init in INITS:
            sd = np.array(numbers[init][shape])
            ranges[init] = sd.max(axis=1) / sd.min(axis=1)
        parts.append(ranges["standard"].mean() > 2 * ranges["normalized"].mean())
        said.append(
            f"{shape}: largest over smallest gradient {show_interval(ranges['standard'], 2)} standard, "
            f"{show_interval(ranges['normalized'], 2)} normalized"
        )
    n = len(numbers["seeds"])
    basis = f"before training, {n} seeds"
    outcome = "partly" if all(parts) else "not"
    return [
        Verdict("C11", outcome, "; ".join(said) + "; the errors after training are open", basis)
    ]


def draw(numbers):
    """Draw the gradients' sd by layer, a panel for each shape."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
    for ax, (shape, widths) in zip(axes, numbers["shapes"].items(), strict=True):
        layers = np.arange(1, len(widths) + 1)
        for init, color in zip(INITS, ("#D55E00", "#0072B2"), strict=True):
            sd = np.array(numbers[init][shape])
            ax.plot(layers, sd.mean(axis=0), "o-", color=color, label=init)
            ax.fill_between(layers, sd.min(axis=0), sd.max(axis=0), color=color, alpha=0.2)
        ax.set_xticks(layers, [f"{i}\n{width}" for i, width in enumerate(widths, 1)])
        ax.set(yscale="log", xlabel="layer and its units")
        ax.set_title(shape, loc="left")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("sd of back-propagated gradients")
    axes[0].legend()
    return figure
