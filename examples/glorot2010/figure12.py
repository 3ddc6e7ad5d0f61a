"""Figure 12: test error on MNIST and CIFAR-10, or on scikit-learn's digits in their place."""

import numpy as np

from examples.glorot2010.curves import plain
from examples.glorot2010.error_curves import COLORS, LINES
from examples.glorot2010.one_run import evaluate
from examples.glorot2010.protocol import BATCH_SIZE, PAPER_ROWS, ROWS
from examples.glorot2010.statistics import error_interval
from minnet import SGD, Dense, Network, Trainer
from minnet.datasets import load_digits_splits
from minnet.lab.sweeps.running import run_each

TITLE = "Test error on other data sets during training, 5 hidden layers"
PAPER = (
    "With softsign, softsign N, tanh, tanh N and sigmoid 1.64, 1.72, 1.76, 1.64 and 2.21 % on MNIST; "
    "55.78, 53.80, 55.90, 52.92 and 57.28 % on CIFAR-10."
)
FINAL = {
    "MNIST": dict(zip(PAPER_ROWS, (1.64, 1.72, 1.76, 1.64, 2.21), strict=True)),
    "CIFAR-10": dict(zip(PAPER_ROWS, (55.78, 53.80, 55.90, 52.92, 57.28), strict=True)),
}
RATES = (0.01, 0.03, 0.1)


def train(parts, row, rate, seed, width, epochs):
    """Train a network on a data set; return its validation and test error after each epoch.

    Parameters
    ----------
    parts : Bunch
        Of :mod:`minnet.datasets`.
    row : str
        Of Table 1.
    rate : float
    seed : int
        Of the weights and of the order of the images.
    width, epochs : int

    Returns
    -------
    validation, test : list of float
        In percent; empty if training diverged.
    """
    _, activation, init, _, _ = ROWS[row]
    network = Network([*[Dense(width, activation)] * 5, Dense(len(parts.target_names))], init=init)
    network.initialize(parts.X_train.shape[1], random_state=seed, dtype="float32")
    validation, test = [], []

    def note(trainer):
        validation.append(evaluate(network, parts.X_valid, parts.y_valid)[1])
        test.append(evaluate(network, parts.X_test, parts.y_test)[1])
        return len(test) == epochs

    trainer = Trainer(network, SGD(rate), batch_size=BATCH_SIZE, n_iter_no_change=10**9)
    try:
        trainer.fit(parts.X_train, parts.y_train, max_epochs=epochs + 1, callbacks=[note])
    except ValueError as error:
        if not str(error).startswith("Solver produced non-finite"):
            raise
        return [], []
    return validation, test


def measure(source):
    """Return test errors by data set, row and seed, at the rate that is best on validation images."""
    found = {}
    for parts in source.sets or [load_digits_splits()]:
        found[parts.name] = {
            "n_test": len(parts.X_test),
            "updates": [
                -(-len(parts.X_train) // BATCH_SIZE) * i for i in range(1, source.epochs + 1)
            ],
            "rows": _rows(parts, source),
        }
    return found


def _rows(parts, source):
    def all_of(jobs):
        calls = [(parts, *job, source.width, source.epochs) for job in jobs]
        ended = dict(run_each(train, calls, n_jobs=source.jobs))  # in any order
        return {job: ended[i] for i, job in enumerate(jobs)}

    seeds, found = source.seeds[:3], {}
    tried = all_of([(row, rate, seeds[0]) for row in PAPER_ROWS for rate in RATES])
    last = {job: validation[-1] for job, (validation, _) in tried.items() if validation}
    best = {row: min((j for j in last if j[0] == row), key=last.get) for row in PAPER_ROWS}
    tried |= all_of([(*best[row][:2], seed) for row in PAPER_ROWS for seed in seeds[1:]])
    for row, (_, rate, _) in best.items():
        every = {seed: tried[row, rate, seed][1] for seed in seeds}
        kept = [seed for seed, errors in every.items() if errors]
        found[row] = {"rate": rate, "seeds": kept, "test_error": [plain(every[s]) for s in kept]}
    return found


def draw(numbers):
    """Draw a panel for each data set, with the paper's final errors where it has them."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    size = (6.4 * len(numbers), 5.0)
    figure, axes = plt.subplots(1, len(numbers), figsize=size, layout="constrained", squeeze=False)
    for ax, (name, found) in zip(axes[0], numbers.items(), strict=True):
        for row, of_row in found["rows"].items():
            errors = np.transpose(of_row["test_error"])
            middle, half = np.transpose([error_interval(e, found["n_test"]) for e in errors])
            label = f"{ROWS[row][0]} (rate {of_row['rate']:g}): {middle[-1]:.2f} ± {half[-1]:.2f} %"
            style = {"color": COLORS[row], "ls": LINES[row], "label": label}
            ax.plot(found["updates"], middle, marker="o", ms=3, **style)
            low, high = errors.min(axis=1), errors.max(axis=1)
            ax.fill_between(found["updates"], low, high, color=COLORS[row], alpha=0.12, lw=0)
            if name in FINAL:
                place = 1.3 * found["updates"][-1]
                ax.plot(place, FINAL[name][row], "*", ms=11, color=COLORS[row], mec="k", mew=0.4)
        ax.set(
            xscale="log", yscale="log", xlabel="updates, of 10 images each", ylabel="test error, %"
        )
        for axis, digits in ((ax.xaxis, (1, 2, 5)), (ax.yaxis, (1, 2, 5))):
            axis.set_major_locator(LogLocator(subs=digits))
            axis.set_major_formatter("{x:,g}")
            axis.set_minor_formatter("")
        ax.set_title(name, loc="left")
        ax.grid(alpha=0.3, which="both")
        # Below the axes: lines may go everywhere.
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16), "ncols": 2}
        ax.legend(
            fontsize=8, title="error at the end, 95 % interval; bands reach over all seeds", **below
        )
    return figure


def verdicts(numbers):
    """Return none: C1 to C12 are about Shapeset."""
    return []
