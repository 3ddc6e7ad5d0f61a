"""The main job: how deep a network trains, by its initial weights, on handwritten digits.

Trains networks of 1 to 20 hidden layers on scikit-learn's digits, four activations by three
initializations, beside scikit-learn's own MLPClassifier on the same split and with the same
arguments; prints a table, asks the laboratory why a deep network would not train, and draws three
pictures. Run it with ``make demo``, or with ``python examples/demo_digits.py``; ``--draws 5`` draws the
initial weights five times, and shows median, lowest and highest accuracy.
"""

import argparse
import textwrap
import time
import warnings
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, Network
from minnet.lab import diagnose
from minnet.lab.displays import VarianceByDepthDisplay
from minnet.layers import Dense

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DEPTHS = (1, 2, 3, 5, 8, 12, 16, 20)
WIDTH = 64
INITIALIZATIONS = ("standard", "glorot", "he")
# What is trained for each activation. The weights of the edge of chaos are those of "he" for relu,
# and close to them for tanh and softsign: where they matter is the sigmoid.
MODELS = {
    "sigmoid": (*INITIALIZATIONS, "edge_of_chaos", "MLPClassifier"),
    "tanh": (*INITIALIZATIONS, "MLPClassifier"),
    "softsign": INITIALIZATIONS,  # MLPClassifier does not have it
    "relu": (*INITIALIZATIONS, "MLPClassifier"),
}
ARGUMENTS = {
    "solver": "sgd",
    "learning_rate_init": 0.01,
    "momentum": 0.9,
    "batch_size": 50,
    "max_iter": 30,
    "n_iter_no_change": 30,  # all 30 epochs: a network that learns late gets its time
}
# Okabe and Ito's colours, told apart by colour-blind readers too; the markers tell in grey.
STYLES = {
    "standard": ("#D55E00", "o"),
    "glorot": ("#0072B2", "s"),
    "he": ("#009E73", "^"),
    "edge_of_chaos": ("#CC79A7", "D"),
    "MLPClassifier": ("#555555", "x"),
}


def split():
    """Return standardized train and test data."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def make_model(name, activation, depth, draw):
    """Return an unfitted classifier: minnet's with the initialization `name`, or scikit-learn's."""
    hidden, arguments = (WIDTH,) * depth, {**ARGUMENTS, "random_state": draw}
    if name == "MLPClassifier":
        activation = {"sigmoid": "logistic"}.get(activation, activation)
        return MLPClassifier(hidden, activation, **arguments)
    return MinNetClassifier(hidden, activation, init=name, **arguments)


def run(X, X_test, y, y_test, draws):
    """Fit every combination, printing a row of the table as each is done.

    Returns the test accuracies by activation and initialization, each of shape (depths, draws).
    """
    print(f"digits: {len(X)} training and {len(X_test)} test images of 8 x 8 pixels, 10 classes")
    print(f"hidden layers of {WIDTH}, {ARGUMENTS['max_iter']} epochs of SGD:")
    print(textwrap.fill(", ".join(f"{k}={v!r}" for k, v in ARGUMENTS.items()), 80), end="\n\n")
    what = "test accuracy" if draws == 1 else f"median test accuracy of {draws} draws"
    print(f"{'':26}{what}, by number of hidden layers")
    head = f"{'activation':<11}{'init':<15}" + "".join(f"{d:6d}" for d in DEPTHS) + "     s"
    print(head + "\n" + "-" * len(head), flush=True)
    accuracies = {}
    for activation, names in MODELS.items():
        for name in names:
            print(f"{activation:<11}{name:<15}", end="", flush=True)
            start = time.perf_counter()
            scores = np.empty((len(DEPTHS), draws))
            for i, depth in enumerate(DEPTHS):
                for draw in range(draws):
                    model = make_model(name, activation, depth, draw)
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ConvergenceWarning)
                        scores[i, draw] = model.fit(X, y).score(X_test, y_test)
                print(f"{np.median(scores[i]):6.2f}", end="", flush=True)
            print(f"{time.perf_counter() - start:6.1f}", flush=True)
            if draws > 1:
                for what, edge in (("lowest", scores.min(axis=1)), ("highest", scores.max(axis=1))):
                    print(f"{'':14}{what:<12}" + "".join(f"{a:6.2f}" for a in edge), flush=True)
            accuracies[activation, name] = scores
        print(flush=True)
    return accuracies


def draw_depths(accuracies, y, path):
    """Draw test accuracy against depth, a line for each initialization."""
    fig, axes = plt.subplots(2, 2, figsize=(11, 7), sharex=True, sharey=True, layout="constrained")
    for ax, activation in zip(axes.flat, MODELS, strict=True):
        for name in MODELS[activation]:
            colour, marker = STYLES[name]
            dashes = "--" if name == "MLPClassifier" else "-"
            scores = accuracies[activation, name]
            ax.plot(DEPTHS, np.median(scores, axis=1), dashes, color=colour, marker=marker)
            ax.fill_between(DEPTHS, *np.quantile(scores, [0, 1], axis=1), color=colour, alpha=0.15)
        ax.axhline(np.bincount(y).max() / len(y), color="black", linewidth=0.8, linestyle=":")
        ax.set_title(activation, loc="left", fontweight="bold")
        ax.set_ylim(0, 1.03)
        ax.grid(alpha=0.3)
    axes[0, 1].annotate("always the same digit", (1, 0.11), va="bottom", fontsize=8)
    for ax in axes[1]:
        ax.set_xticks(DEPTHS)
        ax.set_xlabel("hidden layers")
    for ax in axes[:, 0]:
        ax.set_ylabel("test accuracy")
    names = {"MLPClassifier": "scikit-learn's MLPClassifier"}
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, linestyle="--" if name in names else "-")
        for name, (colour, marker) in STYLES.items()
    ]
    labels = [names.get(name, f'init="{name}"') for name in STYLES]
    fig.legend(handles, labels, loc="outside lower center", ncols=len(STYLES), fontsize=9)
    draws = len(scores[0])
    several = (
        "one draw of weights" if draws == 1 else f"median and range of {draws} draws of weights"
    )
    fig.suptitle(
        f"How deep a network trains is decided before its first step\n(digits, layers of {WIDTH}, "
        f"{ARGUMENTS['max_iter']} epochs of the same SGD; one split, {several})",
        fontsize=11,
    )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def draw_activations(X, path, depth=8):
    """Draw the distribution of activations by layer in a deeper network, before training."""
    fig, axes = plt.subplots(2, 2, figsize=(11, 7), sharex=True, layout="constrained")
    for ax, activation in zip(axes.flat, MODELS, strict=True):
        for k, init in enumerate(INITIALIZATIONS):
            hidden = [Dense(WIDTH, activation) for _ in range(depth)]
            network = Network([*hidden, Dense(10)], init=init).initialize(
                X.shape[1], random_state=0
            )
            colour, marker = STYLES[init]
            for i, Y in enumerate(network.forward(X, return_all=True)[:-1], start=1):
                x = i + 0.25 * (k - 1)
                low, lower, middle, upper, high = np.percentile(Y, [2, 25, 50, 75, 98])
                ax.vlines(x, low, high, color=colour, linewidth=1)
                ax.vlines(x, lower, upper, color=colour, linewidth=5, alpha=0.6)
                ax.plot(
                    x, middle, marker, color=colour, markersize=4, label=init if i == 1 else None
                )
        ax.set_title(activation, loc="left", fontweight="bold")
        ax.set_xticks(range(1, depth + 1))
        ax.grid(axis="y", alpha=0.3)
        ax.set_axisbelow(True)
    for ax in axes[1]:
        ax.set_xlabel("hidden layer")
    for ax in axes[:, 0]:
        ax.set_ylabel("activation")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, title="initialization")
    fig.suptitle(
        f"Activations of the training images just after initialization, {depth} layers of {WIDTH}\n"
        "(mark: median; bar: middle half; line: 2nd to 98th percentile)",
        fontsize=11,
    )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def ask_the_laboratory(X, y, path, depth=20):
    """Print what is wrong with a deep network, and draw what is measured beside what theory says."""
    X, y = X[:300], y[:300]
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    handles = {ax: [] for ax in axes}
    for init in ("glorot", "he"):
        model = MinNetClassifier((WIDTH,) * depth, "relu", init=init, random_state=0)
        print(f"\n{depth} layers of {WIDTH} rectifiers, init={init!r}:")
        for line in str(diagnose(model, X, y)).splitlines():
            print(textwrap.fill(line, 80), flush=True)
        colour, marker = STYLES[init]
        for ax, direction in zip(axes, ("forward", "backward"), strict=True):
            display = VarianceByDepthDisplay.from_estimator(
                model, X, y, direction=direction, n_networks=20, color=colour, marker=marker, ax=ax
            )
            share = display.share_in_band(direction)
            display.line_.set_label(
                f"{init}: theory; band: {share:.0%} of what was measured is in it"
            )
            handles[ax].append(display.line_)
    for ax in axes:
        ax.set_ylim(1e-9, 1e2)
        ax.legend(handles=handles[ax], loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=9)
        ax.set_xticks(range(2, depth + 1, 3))
    fig.suptitle(
        f"{depth} layers of {WIDTH} rectifiers before training, and what theory says of them\n(marks: one "
        "network; thin lines: 19 more; band: two standard errors, by theory, for these widths)",
        fontsize=11,
    )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main():
    """Run the demonstration and say where the pictures are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo_output"))
    parser.add_argument("--draws", type=int, default=1, help="draws of initial weights")
    arguments = parser.parse_args()
    if arguments.draws < 1:
        parser.error(f"--draws must be at least 1, got {arguments.draws}")
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    X, X_test, y, y_test = split()
    accuracies = run(X, X_test, y, y_test, arguments.draws)
    ask_the_laboratory(X, y, folder / "laboratory.png")
    draw_depths(accuracies, y_test, folder / "depth.png")
    draw_activations(X, folder / "activations.png")
    print(f"\naccuracy by depth:     {folder / 'depth.png'}")
    print(f"activations by layer:  {folder / 'activations.png'}")
    print(f"the laboratory:        {folder / 'laboratory.png'}")
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
