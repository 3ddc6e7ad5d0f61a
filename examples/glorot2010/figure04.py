"""Figure 4: how activations are distributed at the end of training."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.protocol import Run, measured_on
from minnet.common.plotting import layer_colors
from minnet.lab import probe

TITLE = "Activations at the end of training, standard initialization"
PAPER = (
    "Tanh: modes at -1, 1 or 0, the lower layers saturated. Softsign: much of the mass is between 0.6 and "
    "0.8 on both sides, where it bends and is not yet flat."
)
_BANDS = {"zero": (0.0, 0.15), "middle": (0.35, 0.55), "knee": (0.6, 0.8), "bound": (0.9, 1.0)}
_ROWS = ("tanh", "softsign")
_CLEARLY = 1.1
_PLACES = {
    "": "nowhere by a tenth",
    "zero": "at 0",
    "middle": "from 0.35 to 0.55",
    "knee": "from 0.6 to 0.8",
    "bound": "at 1",
}


def measure(source):
    """Return the histograms of both kinds of networks; None while one is missing."""
    found = _numbers(source.longest, source)
    if found is None:
        return None
    start = {row: [_at_start(row, source.width)] for row in _ROWS}
    return found | {"all seeds": _numbers(source.trained, source), "untrained": start}


def _numbers(which, source):
    found, used = {}, []
    for row in _ROWS:
        curves = which(row)
        if not curves:
            return None
        used += curves
        found[row] = [
            {"seed": c.run["seed"], "updates": c.histograms["updates"]}
            | {key: c.histograms[key][: c.run["depth"]] for key in ("density", "edges")}
            for c in curves
        ]
    return found | {"basis": source.basis(used)}


def _at_start(row, width):
    """Return the histograms of a network before training."""
    run = Run(row, width=width)
    density, edges = probe(run.network(), *measured_on("probe")).histogram("Y")
    return {"density": plain(density[: run.depth], 4), "edges": plain(edges[: run.depth], 4)}


def draw(numbers):
    """Draw the first seed's networks, tanh on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(7, 7), layout="constrained")
    low, high = _BANDS["knee"]
    for ax, row in zip(axes, ("tanh", "softsign"), strict=True):
        entry = numbers[row][0]
        colors = layer_colors(ax, len(entry["density"]))
        pairs = zip(entry["density"], entry["edges"], strict=True)
        for i, (density, edges) in enumerate(pairs):
            ax.stairs(density, edges, color=colors[i], lw=1.4, label=f"layer {i + 1}")
        ax.set_title(f"{row}, after {entry['updates']:,} updates", loc="left")
        for side in (-1, 1):
            ax.axvspan(side * low, side * high, color="0.5", alpha=0.18, lw=0, zorder=0,
                       label="from 0.6 to 0.8" if side > 0 else None)  # fmt: skip
        ax.set(xlim=(-1, 1), ylabel="density")
    axes[1].set_xlabel("activation")
    axes[0].legend(fontsize=8, loc="upper right", bbox_to_anchor=(0.9, 1.0))
    return figure


def bands(density, edges):
    """Return the mean density of |activation| in each band.

    Examples
    --------
    >>> from examples.glorot2010.figure04 import bands
    >>> {name: round(value, 3) for name, value in bands([0.5, 0.5], [-1.0, 0.0, 1.0]).items()}
    {'zero': 0.5, 'middle': 0.5, 'knee': 0.5, 'bound': 0.5}
    """
    mass = np.append(0.0, np.cumsum(np.asarray(density) * np.diff(edges)))

    def below(x):
        return np.interp(x, edges, mass)

    return {
        name: float((below(high) - below(low) + below(-low) - below(-high)) / (2 * (high - low)))
        for name, (low, high) in _BANDS.items()
    }


def bands_of_layers(numbers):
    """Return the density in each band by row, network and layer."""
    return {
        row: [
            [bands(*pair) for pair in zip(e["density"], e["edges"], strict=True)]
            for e in numbers[row]
        ]
        for row in _ROWS
    }


def untrained(numbers):
    """Return the numbers of networks before training."""
    start = numbers["untrained"]
    return numbers | start | {"all seeds": numbers["all seeds"] | start}


def verdicts(numbers):
    """Return the verdict on C6.

    Its parts, each of all seeds, "denser" meaning by 10 % or more. Tanh: every layer is denser at 0 or at
    its bounds (0.9 to 1) than in between (0.35 to 0.55), and the first one is densest at the bounds.
    Softsign: more than half of the layers are denser from 0.6 to 0.8 than at 0, from 0.35 to 0.55 and from
    0.9 to 1. "Partly" if one of the two holds, or if softsign's is so of a layer.
    """
    seen = bands_of_layers(numbers)
    tanh, softsign = seen["tanh"], seen["softsign"]
    at_knees = [sum(_densest(b) == "knee" for b in layers) for layers in softsign]
    parts = [
        all(max(b["zero"], b["bound"]) > _CLEARLY * b["middle"] for layers in tanh for b in layers)
        and all(_densest(layers[0]) == "bound" for layers in tanh),
        min(at_knees) > len(softsign[0]) / 2,
    ]
    said = "; ".join(
        f"{row}, layers 1 to {len(layers[0])} of the first network are densest "
        + ", ".join(_PLACES[_densest(b)] for b in layers[0])
        for row, layers in seen.items()
    )
    outcome = judged(parts)
    if outcome == "not" and min(at_knees):
        outcome = "partly"
    n = min(len(entries) for entries in seen.values())
    return [Verdict("C6", outcome, said, numbers["basis"], n)]


def _densest(found):
    """Return the band that is denser than the others, "" if it is not by a tenth."""
    second, first = sorted(found, key=found.get)[-2:]
    return first if found[first] > _CLEARLY * found[second] else ""
