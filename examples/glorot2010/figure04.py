"""Figure 4: how activations are distributed at the end of training."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from minnet.common.plotting import layer_colors

TITLE = "Activations at the end of training, standard initialization"
PAPER = (
    "Tanh: modes at -1, 1 or 0, the lower layers saturated. Softsign: much of the mass is between 0.6 and "
    "0.8 on both sides, where it bends and is not yet flat."
)
_BANDS = {"zero": (0.0, 0.15), "middle": (0.35, 0.55), "knee": (0.6, 0.8), "bound": (0.9, 1.0)}
_PLACES = {
    "zero": "at 0",
    "middle": "from 0.35 to 0.55",
    "knee": "from 0.6 to 0.8",
    "bound": "at 1",
}


def measure(source):
    """Return the histograms of both kinds of networks; None while one is missing."""
    found, used = {}, []
    for row in ("tanh", "softsign"):
        curves = source.longest(row)
        if not curves:
            return None
        used += curves
        found[row] = [
            {"seed": c.run["seed"], **{k: v[: c.run["depth"]] if k != "updates" else v
                                       for k, v in c.histograms.items()}}
            for c in curves
        ]  # fmt: skip
    return found | {"basis": source.basis(used)}


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


def verdicts(numbers):
    """Return the verdict on C6.

    Its parts, each of all seeds. Tanh: every layer is denser at 0 or at its bounds (0.9 to 1) than in
    between (0.35 to 0.55), and the first one is densest at the bounds. Softsign: every layer is denser
    from 0.6 to 0.8 than from 0.9 to 1, and most of them denser there than from 0.35 to 0.55.
    """
    seen = {
        row: [
            [bands(*pair) for pair in zip(e["density"], e["edges"], strict=True)] for e in entries
        ]
        for row, entries in numbers.items()
        if row != "basis"
    }
    tanh, softsign = seen["tanh"], seen["softsign"]
    parts = [
        all(max(b["zero"], b["bound"]) > b["middle"] for layers in tanh for b in layers)
        and all(max(layers[0], key=layers[0].get) == "bound" for layers in tanh),
        all(b["knee"] > b["bound"] for layers in softsign for b in layers)
        and all(
            sum(b["knee"] > b["middle"] for b in layers) > len(layers) / 2 for layers in softsign
        ),
    ]
    said = "; ".join(
        f"{row}, layers 1 to {len(layers[0])} of the first network are densest "
        + ", ".join(_PLACES[max(b, key=b.get)] for b in layers[0])
        for row, layers in seen.items()
    )
    # The narrowest of all comparisons, so that a reader sees by how little the rule may hold.
    every = [(i, b) for layers in softsign for i, b in enumerate(layers, 1)]
    layer, closest = min(
        every, key=lambda each: (each[1]["knee"] + 1e-9) / (each[1]["bound"] + 1e-9)
    )
    said += (
        f"; softsign's layer {layer} has a density of {closest['knee']:.3f} from 0.6 to 0.8 and of "
        f"{closest['bound']:.3f} from 0.9 to 1, the closest of them"
    )
    n = min(len(entries) for entries in seen.values())
    return [Verdict("C6", judged(parts), said, numbers["basis"], n)]
