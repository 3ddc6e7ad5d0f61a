"""Singular values of the layers' Jacobians before training, tanh, by the scale of the inputs."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.initial import INITS
from examples.glorot2010.protocol import N_FEATURES, ROWS, Run, measured_on
from minnet.datasets import make_shapeset
from minnet.lab.jacobians import layer_jacobians, singular_values
from minnet.lab.theory import MeanField, jacobian_density

TITLE = (
    "Mean singular value of the layers' Jacobians before training, tanh, by the size of the inputs"
)
PAPER = (
    "Their mean is about 0.8 with the normalized initialization and 0.5 with the standard one, and is the "
    "ratio of variances from layer to layer."
)
EXPECTED = {"normalized": 0.8, "standard": 0.5}
#: The generator's own scale; the paper does not say which one it has.
OWN = "from -1 to 1"
_SHARES = (0.25, 0.75)  # images whose mean square is at these quantiles
_S = np.linspace(0, 2.2, 111)


def scales():
    """Return what makes of images from -1 to 1 those of another scale, by its name."""
    X, _ = make_shapeset(2000, start=15_000)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    return {
        OWN: lambda X: X,
        "from 0 to 1": lambda X: (X + 1) / 2,
        "from 0 to 1, less the mean image": lambda X: (X - mean) / 2,
        "standardized": lambda X: (X - mean) / sd,
    }


def theory(init, squares, depth=5, width=1000):
    """Return the mean singular value in layers 2 to ``depth``, in the mean over them, by theory.

    Parameters
    ----------
    init : {"standard", "normalized"}
    squares : array-like
        Of images the mean square of their pixels.
    depth, width : int

    Returns
    -------
    ndarray, of the shape of ``squares``
    """
    name = ROWS[INITS[init]][2]
    first = MeanField.from_initializer(name, "tanh", N_FEATURES, width).weight_variance
    others = MeanField.from_initializer(name, "tanh", width)
    known = np.geomspace(1e-4, 2, 24)
    means = []
    for q in known:
        density = jacobian_density(_S, "tanh", q, others.weight_variance)
        means.append(np.trapezoid(density * _S, _S))
    of_layers = [others.variances(first * square, depth - 1)[1:] for square in np.ravel(squares)]
    return np.interp(of_layers, known, means).mean(axis=1).reshape(np.shape(squares))


def measure(source):
    """Return the mean singular values of images by scale and initialization, and theory beside them."""
    X, _ = measured_on("probe")
    depth, width, seeds = 5, source.width, source.seeds[: len(_SHARES)]
    found = {"seeds": list(seeds), "depth": depth, "width": width, "scales": {}, "squares": {}}
    for scale, scaled in scales().items():
        images = scaled(X).astype(np.float32)
        squares = (images**2).mean(axis=1)
        order = np.argsort(squares)
        at = [order[int(share * len(order))] for share in _SHARES]
        found["squares"][scale] = plain(np.quantile(squares, np.linspace(0, 1, 33)))
        found["scales"][scale] = {}
        for init, row in INITS.items():
            of_init = []
            for seed, i in zip(seeds, at, strict=False):
                network = Run(row, 1.0, seed, depth, width).network()
                # The first layer and the output are not square.
                matrices = list(layer_jacobians(network, images[[i]]).values())[1:depth]
                s = np.array([singular_values(J) for J in matrices])
                entry = {"square": plain(squares[i]), "mean": plain(s.mean(axis=1))}
                of_init.append(entry | {"rms": plain(np.sqrt((s**2).mean(axis=1)))})
            found["scales"][scale][init] = of_init
    curve = np.geomspace(0.01, 2, 40)
    found["theory"] = {"square": plain(curve)}
    found["theory"] |= {init: plain(theory(init, curve, depth, width)) for init in INITS}
    return found


def _by_theory(numbers, scale, init):
    """Return the mean over all images of a scale, by theory."""
    curve = numbers["theory"]
    return np.interp(numbers["squares"][scale], curve["square"], curve[init]).mean()


def _measured(numbers, scale, init):
    return np.array([np.mean(one["mean"]) for one in numbers["scales"][scale][init]])


def until(numbers):
    """Return up to which mean square of the inputs theory's mean rounds to the paper's 0.8."""
    curve = np.array(numbers["theory"]["normalized"])
    return float(np.interp(-0.75, -curve, numbers["theory"]["square"]))


def remarks(numbers):
    """Return what the paper's numbers are."""
    return [
        "In a linear network the quarter circle gives means of 0.849 and 0.490, from which tanh's slope "
        "takes its part: the more, the larger the inputs. What multiplies a gradient's variance is the "
        "mean square, not the mean.",
    ]


def tables(numbers):
    """Return a table of the scales, as rows of texts."""
    rows = [["pixels", "mean square", "normalized, measured", "by theory", "standard, measured",
             "by theory"]]  # fmt: skip
    for scale in numbers["scales"]:
        cells = [scale, f"{np.mean(numbers['squares'][scale]):.3f}"]
        for init in ("normalized", "standard"):
            cells.append(" and ".join(f"{v:.3f}" for v in _measured(numbers, scale, init)))
            cells.append(f"{_by_theory(numbers, scale, init):.3f}")
        rows.append(cells)
    return [rows]


def untrained(numbers):
    """Return the numbers with the two initializations exchanged: these networks are not trained anyway."""
    exchanged = dict(zip(INITS, reversed(INITS), strict=True))
    found = {
        scale: {init: of_scale[exchanged[init]] for init in INITS}
        for scale, of_scale in numbers["scales"].items()
    }
    theory = numbers["theory"] | {init: numbers["theory"][exchanged[init]] for init in INITS}
    return numbers | {"scales": found, "theory": theory}


def verdicts(numbers):
    """Return the verdict on C3.

    The paper does not say how its inputs are scaled, and the claim depends on it; so the verdict is for
    inputs of a mean square up to that at which theory's mean no longer rounds to 0.8. Its parts: at the
    scales whose images have a smaller one, what was measured rounds to 0.8 and to 0.5; and what was
    measured of any image at any of the four scales is that of the theory within 5 %.
    """
    found = {
        (scale, init): _measured(numbers, scale, init).mean()
        for scale in numbers["scales"]
        for init in INITS
    }
    theory = {key: _by_theory(numbers, *key) for key in found}
    curve = numbers["theory"]
    off = [
        abs(np.mean(one["mean"]) / np.interp(one["square"], curve["square"], curve[init]) - 1)
        for scale in numbers["scales"]
        for init in INITS
        for one in numbers["scales"][scale][init]
    ]
    bar = until(numbers)
    small = [scale for scale, squares in numbers["squares"].items() if np.mean(squares) <= bar]
    fits = bool(small) and all(
        round(found[scale, init], 1) == value for scale in small for init, value in EXPECTED.items()
    )
    parts = [fits, fits and max(off) < 0.05]
    said = f"for inputs of a mean square up to {bar:.2f}: " + "; ".join(
        f"pixels {scale}: {found[scale, 'normalized']:.3f} and {found[scale, 'standard']:.3f}, by theory "
        f"over all images {theory[scale, 'normalized']:.3f} and {theory[scale, 'standard']:.3f}"
        for scale in numbers["scales"]
    )
    said += f" (normalized and standard; single images at most {100 * max(off):.1f} % off)"
    n = len(numbers["seeds"])
    basis = (
        f"before training, {numbers['depth']} x {numbers['width']}, an image of each of {n} seeds"
    )
    return [Verdict("C3", judged(parts), said, basis, n)]


def draw(numbers):
    """Draw the mean singular value against the mean square of the input, measured on theory's line."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
    curve = numbers["theory"]
    for init, color in zip(INITS, ("#D55E00", "#0072B2"), strict=True):
        ax.plot(curve["square"], curve[init], color=color, lw=1.2, label=f"{init}, theory")
        for scale, marker in zip(numbers["scales"], "osD^", strict=True):
            of_scale = numbers["scales"][scale][init]
            style = {"color": color, "marker": marker, "ms": 6, "ls": "", "mec": "k", "mew": 0.4}
            values = [np.mean(one["mean"]) for one in of_scale]
            ax.plot([one["square"] for one in of_scale], values, **style)
    for scale, marker in zip(numbers["scales"], "osD^", strict=True):
        ax.plot(
            [], [], color="0.6", marker=marker, ls="", mec="k", mew=0.4, label=f"pixels {scale}"
        )
    for init, value in EXPECTED.items():
        ax.axhspan(value - 0.05, value + 0.05, color="0.5", alpha=0.15, lw=0)
        text = f"rounds to the paper's {value}, {init}"
        ax.text(1.9, value + 0.045, text, fontsize=8, color="0.3", va="top", ha="right")
    ax.set(xscale="log", xlabel="mean square of the input's pixels", ylim=(0.3, 0.9))
    ax.set(ylabel="mean singular value, layers 2 to 5", xlim=(0.01, 2))
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 0.02))
    return figure
