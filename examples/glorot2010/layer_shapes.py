"""Layers of growing and of shrinking size: do they gain from the normalized initialization, too?

Gradients are measured before training; errors come from runs.py with ``--shape shrinking`` and
``--shape growing``.
"""

import copy
import dataclasses

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.error_curves import tested
from examples.glorot2010.initial import INITS, show_interval
from examples.glorot2010.protocol import PRIOR_ERROR, Run, measured_on
from examples.glorot2010.statistics import Estimate, combined
from examples.glorot2010.table1 import compared_at, estimates, scatter
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
    found = {
        shape: {"label": source.label, "updates": made, "rates": {}, "estimates": {}}
        for shape in shapes
    }
    for (shape, init), (curves, estimate) in estimates(rows, made, scatter(source.curves)).items():
        found[shape]["rates"][init] = curves[0].run["rate"]
        found[shape][init] = [_last(curve, made) for curve in curves]
        found[shape]["estimates"][init] = dataclasses.asdict(estimate)
    return found


def _last(curve, made):
    errors = tested(curve)
    return errors[max(n for n in errors if n <= made)]


def _estimates(found):
    """Return the estimates of a shape's errors by initialization."""
    return {init: Estimate(**found["estimates"][init]) for init in INITS}


def untrained(numbers):
    """Return the numbers of networks that always answer the same class."""
    errors = copy.deepcopy(numbers["errors"])
    for found in errors.values():
        for init in INITS:
            found[init] = [PRIOR_ERROR] * len(found[init])
            found["estimates"][init]["value"] = PRIOR_ERROR
    return numbers | {"errors": errors}


def verdicts(numbers):
    """Return the verdict on C11; none without errors of equal, growing and shrinking layers.

    Its parts, each for growing and for shrinking layers, by intervals of images, wander and seeds: the
    test error is smaller with the normalized initialization (p < 0.005); and it is shown to be smaller by
    at least three quarters of what equal layers gain (a one-sided test of 5 %). Gradients before training
    are shown, and are no part: they are smaller in range whatever is gained.
    """
    said = []
    for shape in numbers["shapes"]:
        ranges = {}
        for init in INITS:
            sd = np.array(numbers[init][shape])
            ranges[init] = sd.max(axis=1) / sd.min(axis=1)
        said.append(
            f"{shape}: largest over smallest gradient {show_interval(ranges['standard'], 2)} standard, "
            f"{show_interval(ranges['normalized'], 2)} normalized"
        )
    basis = f"before training, {len(numbers['seeds'])} seeds"
    errors = numbers["errors"]
    if not {"equal", *numbers["shapes"]} <= set(errors):
        return []
    better, gains, found = [], {}, {shape: _estimates(of) for shape, of in errors.items()}
    for shape, of_shape in errors.items():
        gain = combined([(1, found[shape]["standard"]), (-1, found[shape]["normalized"])])
        gains[shape] = f"{gain.value:.1f} ± {gain.half_width():.1f} ({shape})"
        if shape in numbers["shapes"]:
            better.append(gain.value > 0 and gain.significant())
        rates = " and ".join(f"{of_shape['rates'][init]:g}" for init in INITS)
        both = (
            f"{found[shape][i].value:.2f} ± {found[shape][i].half_width():.2f} % {i}" for i in INITS
        )
        said.append(
            f"{shape}, after {of_shape['updates']:,} updates: {', '.join(both)} (rates {rates})"
        )
        seeds = [len(of_shape[init]) for init in INITS]
        basis += f"; {shape}: {of_shape['label']}, {' and '.join(map(str, seeds))} networks"
    alike = []
    for shape in numbers["shapes"]:
        terms = [(1, found[shape]["standard"]), (-1, found[shape]["normalized"])]
        terms += [(-_ALIKE, found["equal"]["standard"]), (_ALIKE, found["equal"]["normalized"])]
        more = combined(terms)
        alike.append(better[len(alike)] and more.value > more.half_width(2 * 0.05))
    said.append(f"gains {', '.join(gains.values())} points")
    n = min(len(of_shape[init]) for of_shape in errors.values() for init in INITS)
    return [Verdict("C11", judged([*better, *alike]), "; ".join(said), basis, n)]


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
        of_init = [_estimates(found)[init] for found in errors.values()]
        middle, half = zip(*((one.value, one.half_width()) for one in of_init), strict=True)
        places = np.arange(len(errors)) + 0.16 * (i - 0.5)
        ax.errorbar(places, middle, half, fmt="o", capsize=4, color=color)
    ax.set_xticks(range(len(errors)), list(errors))
    ax.set(xlabel="layers", ylabel="test error, %")
    ax.set_xlim(-0.5, len(errors) - 0.5)
    updates = next(iter(errors.values()))["updates"]
    ax.set_title(
        f"after {updates:,} updates, in the same colours: test error and its 95 % interval",
        loc="left",
    )
    ax.grid(alpha=0.3)
