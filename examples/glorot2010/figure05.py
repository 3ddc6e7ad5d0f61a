"""Figure 5: the cost over two weights, cross-entropy beside quadratic cost."""

import numpy as np

from examples.glorot2010.claims import Verdict, judged
from examples.glorot2010.curves import plain
from examples.glorot2010.initial import show_interval
from examples.glorot2010.statistics import mean_interval
from minnet import Dense, Network
from minnet.lab.displays import LossSurfaceDisplay

TITLE = "Cost over two weights of a tanh network with one hidden layer, random inputs and targets"
PAPER = "There are clearly more severe plateaus with the quadratic cost."

N_NETWORKS = 20
_FLAT = 0.05  # of the largest slope of the same surface
_COSTS = ("cross-entropy", "quadratic cost")


def surface(seed):
    """Return a display of both costs for random inputs and targets, with its weights as axes."""
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(100, 5)), rng.integers(2, size=100)
    network = Network([Dense(5, "tanh"), Dense(2)], init="glorot_uniform")
    network.initialize(5, random_state=seed)
    import matplotlib.pyplot as plt

    display = LossSurfaceDisplay.from_estimator(
        network, X, T, loss=["log_loss", "squared_error"], span=10.0, n_points=41, kind="surface"
    )
    plt.close(display.figure_)
    return display


def flat_share(display):
    """Return which share of the plane is flat: a slope of less than 5 % of the largest, by cost."""
    found = {}
    for name, losses in display.losses.items():
        found[name] = float((_slopes(display.x, display.y, losses) < _FLAT).mean())
    return found


def _slopes(x, y, losses):
    """Return the slopes of a surface as shares of the largest one."""
    slopes = np.hypot(*np.gradient(losses, y, x))
    return slopes / slopes.max()


def measure(source):
    """Return the flat shares of all networks, and the surfaces of the first."""
    first = surface(0)
    shares = [flat_share(first), *(flat_share(surface(seed)) for seed in range(1, N_NETWORKS))]
    return {
        "x": plain(first.x),
        "y": plain(first.y),
        "losses": {name: plain(values) for name, values in first.losses.items()},
        "labels": list(first.labels),
        "here": plain(first.here),
        "flat": {name: [share[name] for share in shares] for name in _COSTS},
    }


def draw(numbers):
    """Draw the first network's surfaces, and below them where they are flat."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure = plt.figure(figsize=(8.4, 7.2), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1))
    losses = {name: np.array(values) for name, values in numbers["losses"].items()}
    x, y = np.array(numbers["x"]), np.array(numbers["y"])
    for i, (name, values) in enumerate(losses.items()):
        solid = figure.add_subplot(grid[0, i], projection="3d")
        solid.plot_surface(*np.meshgrid(x, y), values, cmap="viridis", rcount=60, ccount=60)
        solid.set_title(name, loc="left")
        solid.set(xlabel="weight a", ylabel="weight b", zlabel="mean cost")
        solid.locator_params(nbins=4)
        solid.set_box_aspect(None, zoom=1.0)  # room for the labels
        ax = figure.add_subplot(grid[1, i])
        drawn = ax.contourf(x, y, values, levels=24, cmap="viridis")
        flat = (_slopes(x, y, values) < _FLAT).astype(float)
        ax.contourf(x, y, flat, levels=[0.5, 1.5], colors="none", hatches=["xx"])
        figure.colorbar(drawn, ax=ax, label="mean cost").locator = MaxNLocator(5)
        ax.set(xlabel=f"a: {numbers['labels'][0]}", ylabel=f"b: {numbers['labels'][1]}")
        ax.set_title(
            f"hatched: flat, {100 * flat.mean():.0f} % of the plane", loc="left", fontsize=10
        )
    return figure


def untrained(numbers):
    """Return the numbers with the two costs exchanged: these networks are not trained anyway."""
    flat = dict(zip(_COSTS, reversed([numbers["flat"][name] for name in _COSTS]), strict=True))
    return numbers | {"flat": flat}


def verdicts(numbers):
    """Return the verdict on C10: the quadratic cost is flat in more of the plane.

    Its parts: on average, by more than the 95 % interval of the differences; and in three quarters of the
    networks.
    """
    entropy, quadratic = (np.array(numbers["flat"][name]) for name in _COSTS)
    more = quadratic - entropy
    mean, half = mean_interval(more)
    parts = [mean > half, (more > 0).mean() >= 0.75]
    said = (
        f"flat (slope below 5 % of the largest) in a share of {show_interval(quadratic)} of the plane "
        f"with the quadratic cost and {show_interval(entropy)} with cross-entropy; more in "
        f"{int((more > 0).sum())} of {len(more)} networks"
    )
    n = len(more)
    return [Verdict("C10", judged(parts), said, f"{n} random networks and data sets", n)]
