"""Batch normalization by the number of images in a batch: mean and variance of ten are noise.

``python -m examples.glorot2010.batch_sizes`` measures what is missing in the record.
"""

import argparse
import itertools

import numpy as np

from examples.glorot2010.one_run import evaluate
from examples.glorot2010.protocol import N_CLASSES, N_FEATURES, measured_on
from examples.glorot2010.records import RECORDS, keep, kept
from examples.glorot2010.statistics import Estimate, pooled
from minnet import SGD, BatchNorm, Dense, LayerNorm, Network, Trainer
from minnet.datasets import ShapesetStream

TITLE = "Batch normalization by the number of images in a batch"
PAPER = ""  # it could say nothing of it
RECORD = RECORDS / "normalization.json"

DEPTH, WIDTH = 5, 300
#: Updates by the number of images in a batch.
UPDATES = {10: 10_000, 30: 5_000, 100: 2_500}
RATES = (0.01, 0.03, 0.1, 0.3)
SEEDS = (1, 2)  # shown; rates are chosen with seed 0
_FIRST = 20_000  # images before it are for measuring


def hidden(kind, width=WIDTH):
    """Return the layers of one hidden layer: "none", "batch norm" or "layer norm"."""
    layers = {
        "none": lambda: [Dense(width, "tanh")],
        "batch norm": lambda: [Dense(width), BatchNorm("tanh")],
        "layer norm": lambda: [Dense(width), LayerNorm("tanh")],
    }
    return layers[kind]()


KINDS = ("none", "batch norm", "layer norm")


def train(kind, batch, rate, seed, updates, width=WIDTH):
    """Train tanh N without or with a normalization; return validation and test error in percent."""
    layers = [layer for _ in range(DEPTH) for layer in hidden(kind, width)]
    network = Network([*layers, Dense(N_CLASSES)], init="glorot_uniform")
    network.initialize(N_FEATURES, random_state=seed, dtype="float32")
    if updates:
        options = {"shuffle": False, "n_iter_no_change": 10**9, "n_threads": 1}
        trainer = Trainer(network, SGD(rate), batch_size=batch, **options)
        images = ShapesetStream(50 * batch, random_state=seed, start=_FIRST)
        trainer.fit_stream(iter(images), n_epochs=updates // 500, batches_per_epoch=10)
    pieces = (measured_on("validation"), measured_on("test"))
    return [round(evaluate(network, *piece)[1], 3) for piece in pieces]


def measure(source):
    """Return the errors that are kept; None without any."""
    cells = kept(RECORD)
    return _table(cells) if cells else None


def _table(cells):
    """Return the best rate and its errors by kind and batch, from the single trainings."""
    found, parts = {}, []
    for kind in dict.fromkeys(cell["kind"] for cell in cells):
        for batch in UPDATES:
            own = [c for c in cells if (c["kind"], c["batch"]) == (kind, batch)]
            tried = {c["rate"]: c["errors"][0] for c in own if c["seed"] == 0}
            if not tried:
                continue
            rate = min(tried, key=tried.get)
            shown = [c["errors"][1] for c in own if c["rate"] == rate and c["seed"] in SEEDS]
            if not shown:  # the seed that the rate was chosen with
                shown = [c["errors"][1] for c in own if c["rate"] == rate]
            every = [c["errors"][1] for c in own if c["rate"] == rate]
            parts.append((float(np.var(every, ddof=1)) if len(every) > 1 else 0.0, len(every) - 1))
            entry = {"rate": rate, "tried": {f"{r:g}": e for r, e in sorted(tried.items())}}
            found.setdefault(kind, {})[str(batch)] = entry | {"test_error": shown}
    numbers = {"updates": {str(n): made for n, made in UPDATES.items()}, "kinds": found}
    return numbers | {"of seeds": list(pooled(parts))}


def _interval(numbers, entry):
    """Return the mean error of a cell and half its interval: of images, and of seeds as in all cells."""
    variance, degrees = numbers["of seeds"]
    errors = entry["test_error"]
    one = Estimate(float(np.mean(errors)), variance / len(errors), degrees or np.inf, len(errors))
    return one.value, one.half_width()


def draw(numbers):
    """Draw test errors by the number of images in a batch, a line for each kind."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for i, (kind, entries) in enumerate(numbers["kinds"].items()):
        places = np.array([int(batch) for batch in entries]) * (1 + 0.04 * (i - 0.5))
        intervals = [_interval(numbers, entry) for entry in entries.values()]
        middle, half = np.transpose(intervals)
        style = {"marker": "osD"[i], "capsize": 3, "color": ("#0072B2", "#D55E00", "#009E73")[i]}
        ax.errorbar(places, middle, half, label=kind, **style)
    ax.set(xscale="log", xlabel="images in a batch", ylabel="test error, %")
    batches = [int(batch) for batch in numbers["updates"]]
    ax.set_xticks(batches, [f"{n}\n{numbers['updates'][str(n)]:,} updates" for n in batches])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return figure


def tables(numbers):
    """Return the errors and how rates were chosen, as rows of texts."""
    rates = sorted({rate for e in _entries(numbers) for rate in e["tried"]}, key=float)
    rows = [["normalization", "images in a batch", "updates", "test error, %", "learning rate",
             *(f"validation at {rate}" for rate in rates)]]  # fmt: skip
    for kind, of_kind in numbers["kinds"].items():
        for batch, entry in of_kind.items():
            shown = "{:.2f} ± {:.2f}".format(*_interval(numbers, entry))
            tried, rate = entry["tried"], f"{entry['rate']:g}"
            if entry["rate"] in (min(map(float, tried)), max(map(float, tried))):
                rate += ", at the edge of the grid"
            cells = [kind, batch, f"{numbers['updates'][batch]:,}", shown, rate]
            rows.append([*cells, *(f"{tried[r]:.2f}" if r in tried else "" for r in rates)])
    return [rows]


def _entries(numbers):
    return [entry for of_kind in numbers["kinds"].values() for entry in of_kind.values()]


def remarks(numbers):
    """Return what the intervals are."""
    return [
        "Rates are the best of seed 0 on validation images; errors are of other seeds. Intervals: test "
        "images, and as much as seeds scatter in all cells."
    ]


def verdicts(numbers):
    """Return none: it is not the paper's."""
    return []


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS), help="default: %(default)s")
    kinds = parser.parse_args(arguments).kinds.split(",")
    cells = list(itertools.product(UPDATES, kinds))
    for batch, kind in cells:
        for rate in RATES:
            _add(kind, batch, rate, 0)
    for seed, (batch, kind) in itertools.product(SEEDS, cells):
        rate = _table(kept(RECORD))["kinds"][kind][str(batch)]["rate"]
        _add(kind, batch, rate, seed)


def _add(kind, batch, rate, seed):
    """Train a network, unless it is in the record."""
    cell, cells = {"kind": kind, "batch": batch, "rate": rate, "seed": seed}, kept(RECORD)
    if not any(cell.items() <= known.items() for known in cells):
        errors = train(kind, batch, rate, seed, UPDATES[batch])
        keep(RECORD, [*cells, cell | {"errors": errors}])
        print(cell, errors, flush=True)


if __name__ == "__main__":
    main()
