"""The main job: four activations by three initializations on handwritten digits.

Trains a network with three hidden layers on scikit-learn's digits for every combination, beside
scikit-learn's own MLPClassifier on the same split and with the same arguments; prints a table, asks
the laboratory why a deep network would not train, and draws three pictures. Run it with ``make demo``,
or with ``python examples/demo_digits.py [FOLDER]``.
"""

import sys
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
from matplotlib.ticker import LogFormatterMathtext, LogLocator

ACTIVATIONS = ("sigmoid", "tanh", "softsign", "relu")
INITIALIZATIONS = ("standard", "glorot", "he")
HIDDEN = (64, 64, 64)
ARGUMENTS = {
    "solver": "sgd",
    "learning_rate_init": 0.05,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "batch_size": 50,
    "max_iter": 60,
    "tol": 1e-3,
    "random_state": 0,
}
# Okabe and Ito's colours, told apart by colour-blind readers too; the markers tell in grey.
STYLES = {
    "standard": ("#D55E00", "o"),
    "glorot": ("#0072B2", "s"),
    "he": ("#009E73", "^"),
    "MLPClassifier": ("#555555", "x"),
}


def split():
    """Return standardized train and test data."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def timed_fit(model, X, y):
    """Fit and return the seconds it took."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return time.perf_counter() - start


def run(X, X_test, y, y_test):
    """Fit every combination, printing a row of the table as each is done; return loss curves."""
    print(f"digits: {len(X)} training and {len(X_test)} test images of 8 x 8 pixels, 10 classes")
    print(f"network: 64 - {' - '.join(map(str, HIDDEN))} - 10, softmax and cross-entropy;")
    print("  " + ", ".join(f"{k}={v!r}" for k, v in ARGUMENTS.items()), end="\n\n")
    head = (
        f"{'activation':<11}{'initialization':<20}{'test accuracy':>14}{'epochs':>8}{'seconds':>9}"
    )
    print(head + "\n" + "-" * len(head), flush=True)
    curves = {}
    for activation in ACTIVATIONS:
        models = {
            init: MinNetClassifier(HIDDEN, activation, init=init, **ARGUMENTS)
            for init in INITIALIZATIONS
        }
        if activation != "softsign":  # MLPClassifier does not have it
            name = {"sigmoid": "logistic"}.get(activation, activation)
            models["MLPClassifier"] = MLPClassifier(HIDDEN, name, **ARGUMENTS)
        for name, model in models.items():
            label = "(MLPClassifier's)" if name == "MLPClassifier" else name
            print(f"{activation:<11}{label:<20}", end="", flush=True)
            seconds = timed_fit(model, X, y)
            accuracy = model.score(X_test, y_test)
            print(f"{accuracy:14.3f}{model.n_iter_:8d}{seconds:9.2f}", flush=True)
            curves[activation, name] = model.loss_curve_
        print(flush=True)
    return curves


def draw_activations(X, path, depth=8):
    """Draw the distribution of activations by layer in a deeper network, before training."""
    fig, axes = plt.subplots(2, 2, figsize=(11, 7), sharex=True, layout="constrained")
    for ax, activation in zip(axes.flat, ACTIVATIONS, strict=True):
        for k, init in enumerate(INITIALIZATIONS):
            hidden = [Dense(64, activation) for _ in range(depth)]
            network = Network([*hidden, Dense(10)], init=init).initialize(64, random_state=0)
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
        f"Activations of the training images just after initialization, {depth} layers of 64\n"
        "(mark: median; bar: middle half; line: 2nd to 98th percentile)",
        fontsize=11,
    )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def draw_learning_curves(curves, path):
    """Draw training loss against epochs."""
    fig, axes = plt.subplots(2, 2, figsize=(11, 7), sharex=True, sharey=True, layout="constrained")
    for ax, activation in zip(axes.flat, ACTIVATIONS, strict=True):
        for name, (colour, marker) in STYLES.items():
            if (activation, name) in curves:
                loss = curves[activation, name]
                epochs = np.arange(1, len(loss) + 1)
                style = {"color": colour, "marker": marker, "markevery": 5, "markersize": 4}
                ax.semilogy(epochs, loss, label=name, **style)
        ax.axhline(np.log(10), color="black", linewidth=0.8, linestyle=":")
        ax.set_title(activation, loc="left", fontweight="bold")
        ax.grid(alpha=0.3)
        ax.annotate(
            "knowing nothing: log 10", (60, np.log(10)), ha="right", va="bottom", fontsize=8
        )
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    for ax in axes[:, 0]:
        ax.set_ylabel("training loss (nats)")
        ax.set_ylim(top=5)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4, title="initialization")
    fig.suptitle("Learning curves on digits, three hidden layers of 64", fontsize=11)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def ask_the_laboratory(X, y, path, depth=20):
    """Print what is wrong with a deep network, and draw what is measured beside what theory says."""
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for init, style in (("glorot", "-"), ("he", "--")):
        model = MinNetClassifier(
            (128,) * depth, "relu", init=init, bias_init="zeros", random_state=0
        )
        print(f"\n{depth} layers of 128 rectifiers, init={init!r}:")
        print(textwrap.fill(str(diagnose(model, X[:300], y[:300])), 100), flush=True)
        for ax, direction in zip(axes, ("forward", "backward"), strict=True):
            display = VarianceByDepthDisplay.from_estimator(
                model, X[:300], y[:300], direction=direction, ax=ax
            )
            colour, marker = STYLES[init]
            display.points_.set(color=colour, marker=marker, label=f"{init}, measured")
            display.line_.set(color=colour, linestyle=style, label=f"{init}, theory")
            display.band_.set(color=colour, alpha=0.2, label=None)
    for ax in axes:
        ax.set_ylim(1e-8, 1e2)
        ax.yaxis.set_major_locator(LogLocator(numticks=12))
        ax.yaxis.set_major_formatter(LogFormatterMathtext())
        ax.legend()
        ax.set_xticks(range(2, depth + 1, 3))
    fig.suptitle(
        f"{depth} layers of 128 rectifiers before training (band: two standard errors of theory)"
    )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main(folder="demo_output"):
    """Run the demonstration and say where the pictures are."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    X, X_test, y, y_test = split()
    curves = run(X, X_test, y, y_test)
    ask_the_laboratory(X, y, folder / "laboratory.png")
    print("\ndrawing ...", flush=True)
    draw_activations(X, folder / "activations.png")
    draw_learning_curves(curves, folder / "learning_curves.png")
    print(f"activations by layer:  {folder / 'activations.png'}")
    print(f"learning curves:       {folder / 'learning_curves.png'}")
    print(f"the laboratory:        {folder / 'laboratory.png'}")
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main(*sys.argv[1:2])
