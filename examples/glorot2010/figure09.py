"""Figure 9: the sizes of weight gradients through training, tanh."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.figure02 import learned_after
from examples.glorot2010.initial import INITS, show_interval
from examples.glorot2010.protocol import PAPER_UPDATES
from examples.glorot2010.trained import as_it_starts, draw_layers, record

TITLE = "Standard deviation of weight gradients through training, tanh"
PAPER = (
    "Standard initialization (top): the layers' weight gradients diverge, those of lower layers are "
    "larger. Normalized (bottom): they stay alike."
)
_QUICKLY = PAPER_UPDATES // 20
_APART = 1.5


def measure(source):
    """Return the layers' gradients; None while one initialization is missing."""
    found = _numbers(source.longest, source)
    return found and found | {"all seeds": _numbers(source.trained, source)}


def _numbers(which, source):
    curves = {init: which(row) for init, row in INITS.items()}
    if not all(curves.values()):
        return None
    found = {init: record(c, ("dW_sd", "dZ_sd")) for init, c in curves.items()}
    for init, of_init in curves.items():
        for entry, curve in zip(found[init], of_init, strict=True):
            entry["validated"] = curve.column("updates", "validation_error").tolist()
            entry["validation_error"] = curve.column(
                "validation_error", "validation_error"
            ).tolist()
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
    measurement within the first 5 % of the paper's training, 250,000 updates ("partly" if at a later one).

    C8, by the geometric mean of largest over smallest sd over the second half of the measurements: with
    the standard initialization it is 1.5 times what it was at the start, and 1.5 times that with the
    normalized one; with the normalized one it moved from its start by less than half as much (in
    logarithms); and with the standard one layer 1 has a sd 1.2 times that of layer 5.
    """
    start, turned = [], []
    for entry in numbers["standard"]:
        dZ, updates = np.array(entry["dZ_sd"]), np.array(entry["updates"])
        start.append(dZ[0, 0] < dZ[0, -1])
        above = np.flatnonzero(dZ[:, 0] > dZ[:, -1])
        turned.append(int(updates[above[0]]) if start[-1] and len(above) else None)
    done = all(t is not None for t in turned)
    when = ", ".join("never" if t is None else f"after {_share(t)}" for t in turned)
    at = [np.array(e["dZ_sd"])[[0, -1]][:, [0, -1]] for e in numbers["standard"]]
    ratios = [show_interval([one[i, 0] / one[i, 1] for one in at], 2) for i in (0, 1)]
    left = [learned_after(entry) for entry in numbers["standard"]]
    left = ", ".join(f"after {n:,.0f}" if n < np.inf else "not yet" for n in left)
    said = (
        f"the gradients of layer 1 were first measured above those of layer 5: {when}; their ratio was "
        f"{ratios[0]} at the start and {ratios[1]} at the end; the error left its plateau: {left}"
    )
    outcome = "reproduced" if done and max(turned) <= _QUICKLY else "partly" if done else "not"
    n = len(numbers["standard"])
    found = [Verdict("C7", outcome, said, numbers["basis standard"], n)]
    first, late = {}, {}
    slope = []
    for init in INITS:
        logs = [np.log(e["dW_sd"]) for e in numbers[init]]
        first[init] = np.array([np.ptp(v[0]) for v in logs])
        second = [v[1:][len(v[1:]) // 2 :] for v in logs]
        late[init] = np.array([np.ptp(v, axis=1).mean() for v in second])
        if init == "standard":
            slope = np.exp([(v[:, 0] - v[:, -1]).mean() for v in second])
    moved = {init: late[init] - first[init] for init in INITS}
    parts = [
        moved["standard"].min() > np.log(_APART)
        and late["standard"].min() - late["normalized"].max() > np.log(_APART),
        np.abs(moved["normalized"]).max() < moved["standard"].min() / 2,
        slope.min() > 1.2,
    ]
    said = "; ".join(
        f"{init}: largest over smallest {show_interval(np.exp(first[init]), 2)} at the start, "
        f"{show_interval(np.exp(late[init]), 2)} in the second half"
        for init in INITS
    )
    said += f"; standard: layer 1 over layer 5 {show_interval(slope, 2)}"
    n = min(len(numbers[init]) for init in INITS)
    return [*found, Verdict("C8", judged(parts), said, numbers["basis"], n)]


def _share(updates):
    return f"{updates:,} updates, {100 * updates / PAPER_UPDATES:.2g} % of the paper's training"


def untrained(numbers):
    """Return the numbers of networks that stay as they start."""
    still = {init: [as_it_starts(entry) for entry in numbers[init]] for init in INITS}
    return numbers | still | {"all seeds": numbers["all seeds"] | still}
