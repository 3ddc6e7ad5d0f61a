"""Figure 9: the sizes of weight gradients through training, tanh."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.initial import INITS, show_interval
from examples.glorot2010.trained import draw_layers, record

TITLE = "Standard deviation of weight gradients through training, tanh"
PAPER = (
    "Standard initialization (top): the layers' weight gradients diverge, those of lower layers are "
    "larger. Normalized (bottom): they stay alike."
)
_QUICKLY = 20_000  # updates: what is probably one unit of the paper's axis


def measure(source):
    """Return the layers' gradients; None while one initialization is missing."""
    curves = {init: source.longest(row) for init, row in INITS.items()}
    if not all(curves.values()):
        return None
    found = {init: record(c, ("dW_sd", "dZ_sd")) for init, c in curves.items()}
    found["basis standard"] = source.basis(curves["standard"])
    return found | {"basis": source.basis([*curves["standard"], *curves["normalized"]])}


def draw(numbers):
    """Draw the first seed's networks, the standard initialization on top."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, 1, figsize=(7, 7), layout="constrained", sharex=True, sharey=True
    )
    for ax, init in zip(axes, INITS, strict=True):
        draw_layers(ax, numbers[init][0], middle="dW_sd", label="sd of weight gradients", log=True)
        ax.set_title(f"{init} initialization", loc="left")
    axes[0].set_xlabel("")
    axes[0].legend(fontsize=8, ncols=2, loc="upper left", bbox_to_anchor=(0.05, 1.0))
    figure.suptitle(TITLE, fontsize=10)
    return figure


def verdicts(numbers):
    """Return the verdicts on C7 and C8, each part of all seeds.

    C7: at the start the gradients of layer 1 are below those of layer 5; they are above them at a
    measurement within 20,000 updates ("partly" if at a later one).

    C8, over the second half of the measurements after the start: the geometric mean of largest over
    smallest sd is larger with the standard initialization; it is above 2 there, and below 2 with the
    normalized one; and layer 1 has a larger sd than layer 5 with the standard one.
    """
    start, turned = [], []
    for entry in numbers["standard"]:
        dZ, updates = np.array(entry["dZ_sd"]), np.array(entry["updates"])
        start.append(dZ[0, 0] < dZ[0, -1])
        above = np.flatnonzero(dZ[:, 0] > dZ[:, -1])
        turned.append(int(updates[above[0]]) if start[-1] and len(above) else None)
    done = all(t is not None for t in turned)
    quickly = done and max(turned) <= _QUICKLY
    when = ", ".join("never" if t is None else f"after {t:,} updates" for t in turned)
    at = [np.array(e["dZ_sd"])[[0, -1]][:, [0, -1]] for e in numbers["standard"]]
    ratios = [show_interval([one[i, 0] / one[i, 1] for one in at], 2) for i in (0, 1)]
    said = (
        f"the gradients of layer 1 were first measured above those of layer 5: {when}; their ratio was "
        f"{ratios[0]} at the start and {ratios[1]} at the end"
    )
    outcome = "reproduced" if quickly else "partly" if done else "not"
    n = len(numbers["standard"])
    found = [Verdict("C7", outcome, said, numbers["basis standard"], n)]
    spread, slope = {}, {}
    for init in INITS:
        late = [np.array(e["dW_sd"])[1:] for e in numbers[init]]
        late = [np.log(values[len(values) // 2 :]) for values in late]
        spread[init] = np.array([np.exp((v.max(axis=1) - v.min(axis=1)).mean()) for v in late])
        slope[init] = np.array([np.exp((v[:, 0] - v[:, -1]).mean()) for v in late])
    parts = [
        spread["standard"].min() > spread["normalized"].max(),
        spread["standard"].min() > 2 > spread["normalized"].max(),
        slope["standard"].min() > 1,
    ]
    said = "; ".join(
        f"{init}: largest over smallest {show_interval(spread[init], 2)}, layer 1 over layer 5 "
        f"{show_interval(slope[init], 2)}"
        for init in INITS
    )
    n = min(len(numbers[init]) for init in INITS)
    return [*found, Verdict("C8", judged(parts), said, numbers["basis"], n)]
