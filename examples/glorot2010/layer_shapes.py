"""Layers of growing and of shrinking size: do they gain from the normalized initialization, too?

Gradients are measured before training; errors come from runs.py with ``--shape shrinking`` and
``--shape growing``.
"""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.initial import INITS, show_interval
from examples.glorot2010.protocol import Run, measured_on
from examples.glorot2010.statistics import error_interval, separated
from examples.glorot2010.table1 import compared_at
from minnet.lab import probe

TITLE = "Layers that grow or shrink, tanh: gradients before training, errors in training"
PAPER = (
    "The gains were the same when the layer size increased or decreased with the layer's number."
)
_SHAPES = ("shrinking", "growing")
_ALIKE = 0.75


def measure(source):
    """Return the sd of back-propagated gradients, and errors where there are curves, by shape and seed."""
    X, y = measured_on("probe")
    widths = {shape: Run("tanh", width=source.width, shape=shape).widths for shape in _SHAPES}
    found = {"seeds": list(source.seeds), "shapes": widths}
    for init, row in INITS.items():
        found[init] = {}
        for shape in _SHAPES:
            runs = [Run(row, seed=seed, width=source.width, shape=shape) for seed in source.seeds]
            found[init][shape] = [
                plain(probe(run.network(), X, y)["dZ", "sd"][: run.depth]) for run in runs
            ]
    return found | {"errors": _errors(source)}


def _errors(source):
    """Return test errors of both initializations by shape, all after the same number of updates."""
    rows = {
        (shape, init): source.trained(row, shape=shape)
        for shape in ("equal", *_SHAPES)
        for init, row in INITS.items()
    }
    shapes = [shape for shape, _ in rows if all(rows[shape, init] for init in INITS)]
    rows = {key: curves for key, curves in rows.items() if key[0] in shapes}
    made = compared_at(rows)
    if made is None:
        return {}
    found = {shape: {"label": source.label, "updates": made, "rates": {}} for shape in shapes}
    for (shape, init), curves in rows.items():
        found[shape]["rates"][init] = curves[0].run["rate"]
        errors = (curve.at("test_error", made) for curve in curves)
        found[shape][init] = [error for error in errors if error is not None]
    return found


def verdicts(numbers):
    """Return the verdict on C11.

    Three parts, each for both shapes. Before training the range of the layers' gradients (largest over
    smallest sd) is smaller with the normalized initialization by a factor of 2 or more. After training its
    test error is smaller, significantly (p < 0.005), and by at least three quarters of what equal layers
    gain. Without errors of all three the verdict is "partly" at most.
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
    basis = f"before training, {len(numbers['seeds'])} seeds"
    errors = numbers["errors"]
    better, gains = [], {}
    for shape, found in errors.items():
        difference, significant = separated(found["standard"], found["normalized"])
        gains[shape] = -difference
        if shape in numbers["shapes"]:
            better.append(significant and difference < 0)
        mean, half = zip(*(error_interval(found[init]) for init in INITS), strict=True)
        said.append(
            f"{shape}, after {found['updates']:,} updates: {mean[0]:.2f} ± {half[0]:.2f} % standard, "
            f"{mean[1]:.2f} ± {half[1]:.2f} % normalized"
        )
        seeds = [len(found[init]) for init in INITS]
        basis += f"; {shape}: {found['label']}, {' and '.join(map(str, seeds))} networks"
    if not {"equal", *numbers["shapes"]} <= set(gains):
        outcome = "partly" if all(parts) else "not"
        said.append("errors after training are open")
    else:
        alike = [gains[shape] >= _ALIKE * gains["equal"] for shape in numbers["shapes"]]
        listed = ", ".join(f"{gain:.1f} ({shape})" for shape, gain in gains.items())
        said.append(f"gains {listed} points")
        outcome = judged([*parts, *better, *alike])
    n = min(
        (len(found[init]) for found in errors.values() for init in INITS),
        default=len(numbers["seeds"]),
    )
    return [Verdict("C11", outcome, "; ".join(said), basis, n)]


def draw(numbers):
    """Draw the gradients' sd by layer, a panel for each shape, and the errors after training."""
    import matplotlib.pyplot as plt

    errors = numbers["errors"]
    figure = plt.figure(figsize=(8, 3.8 * (1 + bool(errors))), layout="constrained")
    grid = figure.add_gridspec(1 + bool(errors), 2)
    first = figure.add_subplot(grid[0, 0])
    axes = [first, figure.add_subplot(grid[0, 1], sharey=first)]
    axes += [figure.add_subplot(grid[1, :])] if errors else []
    for ax, (shape, widths) in zip(axes, numbers["shapes"].items(), strict=False):
        layers = np.arange(1, len(widths) + 1)
        for init, color in zip(INITS, ("#D55E00", "#0072B2"), strict=True):
            sd = np.array(numbers[init][shape])
            ax.plot(layers, sd.mean(axis=0), "o-", color=color, label=init)
            ax.fill_between(layers, sd.min(axis=0), sd.max(axis=0), color=color, alpha=0.2)
        ax.set_xticks(layers, [f"{i}\n{width}" for i, width in enumerate(widths, 1)])
        ax.set(yscale="log", xlabel="layer and its units")
        ax.set_title(f"{shape} layers, before training", loc="left")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("sd of back-propagated gradients")
    axes[0].legend()
    if errors:
        _draw_errors(axes[2], errors)
    return figure


def _draw_errors(ax, errors):
    for i, (init, color) in enumerate(zip(INITS, ("#D55E00", "#0072B2"), strict=True)):
        middle, half = zip(*(error_interval(found[init]) for found in errors.values()), strict=True)
        places = np.arange(len(errors)) + 0.16 * (i - 0.5)
        ax.errorbar(places, middle, half, fmt="o", capsize=4, color=color, label=init)
    ax.set_xticks(range(len(errors)), list(errors))
    ax.set(xlabel="layers", ylabel="test error, %")
    ax.set_xlim(-0.5, len(errors) - 0.5)
    ax.legend(loc="upper right")
    updates = next(iter(errors.values()))["updates"]
    ax.set_title(f"after {updates:,} updates: test error and its 95 % interval", loc="left")
    ax.grid(alpha=0.3)
