"""Does the best learning rate transfer over widths, and at what cost? Standard against muP, with Adam.

    python -m benchmarks.mup_transfer           # ten minutes on a core; writes results/mup_transfer.json

Two hidden layers of ReLU on the digits, four epochs of batches of 100 (72 steps), the training loss at the
end, for each learning rate, width and seed. A run is written as it ends: one that was stopped goes on.
``examples/research/plot_mup_transfer.py`` draws the record and trains the narrow networks again.

Above a width of 1024 are the rates about the best at 1024, and the best at 64.
"""

import argparse
import itertools
import json
import shlex
import sys
import warnings
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe
from minnet import Adam, Dense, Network, Trainer
from minnet.mup import mup

BASE_WIDTH = 64
#: Powers of two: the learning rates up to a width of 1024, and above it.
RATES = {
    "standard": (range(-12, -3), (*range(-12, -7), -6, -5)),
    "muP": (range(-9, -2), (-7, -6, -5, -4, -3)),
    "muP, first layer / 4": (range(-9, -2), (-6, -5, -4)),
}
EPOCHS, BATCH = 4, 100
SEEDS = {64: 3, 128: 3, 256: 3, 512: 3, 1024: 3, 2048: 2, 4096: 1}


def layers_of(kind, width):
    """Return the layers of a network in one of the parametrizations."""
    standard = [Dense(width, "relu"), Dense(width, "relu"), Dense(10)]
    if kind == "standard":
        return standard
    if kind == "muP, first layer / 4":
        standard[0] = Dense(width, "relu", lr_factor=1 / 4)
    return mup(standard, BASE_WIDTH)


def data():
    X, t = load_digits(return_X_y=True)
    return ((X - X.mean()) / X.std()).astype("float32"), t


def loss_after(layers, rate, seed, X, t):
    """Return the training loss of a network after the epochs."""
    network = Network(layers).initialize(X.shape[1], random_state=seed, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # four epochs are what is meant
        Trainer(network, Adam(rate), batch_size=BATCH).fit(X, t, max_epochs=EPOCHS)
    return float(network.objective(X, t))


def grid():
    """Yield what is measured, narrow networks first."""
    for width, n_seeds in SEEDS.items():
        for seed, (kind, (narrow, wide)) in itertools.product(range(n_seeds), RATES.items()):
            for power in narrow if width <= 1024 else wide:
                yield kind, width, power, seed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parent / "results" / "mup_transfer.json"
    parser.add_argument("--out", type=Path, default=here, help="the record")
    options = parser.parse_args()
    record = {"runs": []}
    if options.out.exists():
        record = json.loads(options.out.read_text())
    done = {(kind, width, power, seed) for kind, width, power, seed, _ in record["runs"]}
    record["command"] = shlex.join(["python", "-m", "benchmarks.mup_transfer", *sys.argv[1:]])
    packages = ("numpy", "scipy", "scikit-learn")
    record["machine"] = describe(1, [], packages).strip().splitlines()
    X, t = data()
    with threadpool_limits(1):
        for kind, width, power, seed in grid():
            if (kind, width, power, seed) in done:
                continue
            loss = loss_after(layers_of(kind, width), 2.0**power, seed, X, t)
            record["runs"].append([kind, width, power, seed, float(f"{loss:.5g}")])
            rows = ",\n".join(json.dumps(run) for run in record["runs"])
            head = json.dumps(
                {key: value for key, value in record.items() if key != "runs"}, indent=1
            )
            options.out.write_text(head[:-2] + ',\n "runs": [\n' + rows + "\n]}\n")


if __name__ == "__main__":
    main()
