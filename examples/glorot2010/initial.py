"""Tanh networks before training, standard and normalized: Figures 6, 7 and 8, claims C1 and C2."""

import functools

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.protocol import ROWS, Run, measured_on
from examples.glorot2010.statistics import mean_interval
from minnet.lab import probe
from minnet.lab.displays import ActivationHistogramDisplay, GradientHistogramDisplay
from minnet.lab.theory import MeanField

__all__ = [
    "INITS",
    "basis",
    "draw_histograms",
    "measure",
    "predicted",
    "show_interval",
    "verdicts_on_gradients",
]

#: Rows of Table 1 by what they are called here.
INITS = {"standard": "tanh", "normalized": "tanh-n"}
SHRINK = 1 / np.sqrt(3)

_NAMES = {"Y": "activation", "dZ": "back-propagated gradient", "dW": "weight gradient"}


@functools.cache
def measure(seeds=(0, 1, 2, 3, 4), depth=5, width=1000):
    """Probe networks that were not trained on the 300 images.

    Parameters
    ----------
    seeds : tuple of int
    depth, width : int

    Returns
    -------
    dict
        Of each initialization: ``sd`` of activations "Y", back-propagated gradients "dZ" and weight
        gradients "dW", a list for each seed with an entry for each hidden layer; the first seed's
        ``histograms``; and by theory the activations' sd, ``predicted``, and the factor of the
        gradients' sd from layer to layer, ``predicted back``.
    """
    X, y = measured_on("probe")
    found = {"seeds": list(seeds), "depth": depth, "width": width}
    for init, row in INITS.items():
        seen = [probe(Run(row, 1.0, seed, depth, width).network(), X, y) for seed in seeds]
        found[init] = {
            "sd": {name: [plain(m[name, "sd"][:depth]) for m in seen] for name in _NAMES},
            "predicted": plain(predicted(init, X, depth, width)),
            "predicted back": plain(predicted_back(init, X, depth, width)),
            "histograms": {
                name: [plain(part[:depth], 4) for part in seen[0].histogram(name)]
                for name in _NAMES
            },
        }
    return found


def _theory(init, X, width):
    """Return the mean fields of the first and of the other layers, and variances at the first layer.

    The images are what they are: given one, the first layer's pre-activations are normal, of variance
    ``|x|^2 Var W``. The maps of mean-field theory are smooth, and a few variances stand for all images.
    """
    name = ROWS[INITS[init]][2]
    first = MeanField.from_initializer(name, "tanh", X.shape[1], width)
    squares = np.einsum("ij,ij->i", X, X, dtype=np.float64) / X.shape[1]
    levels = np.quantile(squares, (np.arange(32) + 0.5) / 32)
    return MeanField.from_initializer(name, "tanh", width), first.weight_variance * levels


def predicted(init, X, depth=5, width=1000):
    """Return the standard deviation of each hidden layer's activations by mean-field theory.

    By the variance map from layer to layer, then the mean over images.
    """
    others, levels = _theory(init, X, width)
    variances = [others.variances(level, depth)[1:] for level in levels]
    return np.sqrt(np.mean(variances, axis=0) / others.weight_variance)


def predicted_back(init, X, depth=5, width=1000):
    """Return by what factor theory has the sd of the gradients change a layer, on the way down.

    The geometric mean over layers, of the mean over images.
    """
    others, levels = _theory(init, X, width)
    variances = [others.gradient_variances(level, depth) for level in levels]
    return float(np.mean(variances, axis=0)[0]) ** (0.5 / (depth - 1))


def draw_histograms(numbers, quantity):
    """Draw the paper's two panels: standard on top, normalized below, a line for each layer."""
    import matplotlib.pyplot as plt

    display = ActivationHistogramDisplay if quantity == "Y" else GradientHistogramDisplay
    figure, axes = plt.subplots(2, 1, figsize=(7, 7), layout="constrained")
    layers = [str(i + 1) for i in range(numbers["depth"])]
    for ax, init in zip(axes, INITS, strict=True):
        density, edges = map(np.array, numbers[init]["histograms"][quantity])
        sd = numbers[init]["sd"][quantity][0]
        display(density, edges, layers, quantity, sd).plot(ax=ax, kind="lines")
        ax.set_title(f"{init} initialization", loc="left")
        limit = 1.02 if quantity == "Y" else 3.5 * max(sd)
        ax.set(xlim=(-limit, limit), xlabel="")
        if quantity == "dZ":  # one notation in both panels
            ax.ticklabel_format(axis="x", style="plain")
    axes[1].set_xlabel(f"{_NAMES[quantity]} (tanh, before training)")
    return figure


def show_interval(values, digits=3):
    """Return "mean ± half width" of values over seeds; the value alone where there is one.

    Examples
    --------
    >>> from examples.glorot2010.initial import show_interval
    >>> show_interval([1.0, 2.0, 3.0])
    '2.000 ± 2.484'
    >>> show_interval([1.0])
    '1.000'
    """
    mean, half = mean_interval(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def basis(numbers):
    n, shape = len(numbers["seeds"]), f"{numbers['depth']} x {numbers['width']}"
    return f"before training, {shape}, 300 images, {n} seeds"


def shrinkage(numbers, init, quantity):
    """Return by what factor the sd changes a layer, towards where the signal goes; an entry for a seed.

    Geometric mean over the hidden layers: upwards for activations, downwards for gradients.
    """
    sd = np.array(numbers[init]["sd"][quantity])
    factors = (sd[:, -1] / sd[:, 0]) ** (1 / (sd.shape[1] - 1))
    return factors if quantity == "Y" else 1 / factors


def exchanged(numbers):
    """Return the numbers with the two initializations' networks exchanged; theory stays where it is."""
    theory = {init: {k: v for k, v in numbers[init].items() if "predicted" in k} for init in INITS}
    one, other = INITS
    return numbers | {one: numbers[other] | theory[one], other: numbers[one] | theory[other]}


def verdicts_on_gradients(numbers):
    """Return the verdicts on C1 and C2.

    C1: gradients shrink by 1/sqrt(3) a layer within 10 %; activations by that or up to 15 % more, since
    tanh takes its part; weight gradients of all hidden layers within a factor of 2 although gradients
    shrink so.

    C2: the factor of the gradients a layer is nearer to 1 than to 1/sqrt(3); it is that of the theory,
    which counts tanh's slope, within 5 %; activations of all layers are those of the theory within 5 %.
    """
    found = []
    back = shrinkage(numbers, "standard", "dZ")
    forth = shrinkage(numbers, "standard", "Y")
    dW = np.array(numbers["standard"]["sd"]["dW"])
    spread = dW.max(axis=1) / dW.min(axis=1)
    parts = [
        abs(back.mean() / SHRINK - 1) < 0.10,
        0.85 < forth.mean() / SHRINK < 1.05,
        spread.mean() < 2 and abs(back.mean() / SHRINK - 1) < 0.10,
    ]
    said = (
        f"a layer multiplies gradients by {show_interval(back)} and activations by "
        f"{show_interval(forth)} (1/sqrt(3) = 0.577); largest over smallest sd of weight gradients "
        f"{show_interval(spread, 2)}"
    )
    n = len(numbers["seeds"])
    found.append(Verdict("C1", judged(parts), said, basis(numbers), n))
    back = shrinkage(numbers, "normalized", "dZ")
    sd = np.array(numbers["normalized"]["sd"]["Y"])
    theory = np.array(numbers["normalized"]["predicted"])
    off = np.abs(sd.mean(axis=0) / theory - 1).max()
    factor = numbers["normalized"]["predicted back"]
    said = (
        f"a layer multiplies gradients by {show_interval(back)}, by theory {factor:.3f}; sd of "
        f"activations {', '.join(f'{v:.3f}' for v in sd.mean(axis=0))}, by theory "
        f"{', '.join(f'{v:.3f}' for v in theory)}: at most {100 * off:.1f} % off"
    )
    parts = [back.mean() > (1 + SHRINK) / 2, abs(back.mean() / factor - 1) < 0.05, off < 0.05]
    found.append(Verdict("C2", judged(parts), said, basis(numbers), n))
    return found
