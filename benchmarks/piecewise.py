"""How long a first layer takes on piecewise linear columns, and on the encoded rows.

    python -m benchmarks.piecewise [--columns 57] [--pieces 32] [--units 256] [--batch 256]

The same network is trained on the table, with PiecewiseLinear as its first layer, and on the encoded one.
What the steps of the layers above take is measured with a first layer of one input, and taken off. Runs
alternate; the best and the median of each are printed, in microseconds a step, or a row for predictions.
On a machine that others use too, only the best says something.
"""

import argparse
import itertools
import time

import numpy as np

from benchmarks.runner import restart_without_settings
from minnet import Adam, Dense, Network, PiecewiseLinear
from minnet.backends import Hyper, make_backend
from minnet.piecewise import encode


def network(layers, X, units, dtype):
    net = Network([*layers, Dense(units, "silu"), Dense(2)])
    return net.initialize(X.shape[1], random_state=0, dtype=dtype)


class Run:
    """One network, its data, and how long a step and a prediction took each time."""

    def __init__(self, layers, X, batch_size, units, dtype):
        self.network = network(layers, X, units, dtype)
        self.X, self.T, _ = self.network.check_batch(X.astype(dtype), np.arange(len(X)) % 2, None)
        self.backend = make_backend("cython", self.network, 1)
        assert self.backend.name_in_use == "cython"
        optimizer = Adam(1e-4)
        optimizer.prepare(self.network.params)
        self.n_steps = len(X) // batch_size
        rates = np.full(self.n_steps, 1e-4)
        self.hyper = Hyper(batch_size, rates, optimizer, len(X), float(len(X)))
        self.steps, self.predictions = [], []

    def measure(self):
        """Take the steps of an epoch, and predict."""
        began = time.perf_counter()
        self.backend.train_steps(self.X, self.T, None, None, 0, self.n_steps, self.hyper)
        trained = time.perf_counter()
        self.backend.forward(self.X)
        self.steps.append((trained - began) / self.n_steps * 1e6)
        self.predictions.append((time.perf_counter() - trained) / len(self.X) * 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (
        ("columns", 57),
        ("pieces", 32),
        ("units", 256),
        ("batch", 256),
        ("rounds", 200),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dtype", default="float32")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * given.batch, given.columns))
    columns = [np.quantile(x, np.linspace(0, 1, given.pieces + 1)) for x in X.T]
    encoded = np.hstack([encode(x, edges) for x, edges in zip(X.T, columns, strict=True)])
    of_all = (given.batch, given.units, given.dtype)
    runs = {
        "pieces": Run([PiecewiseLinear(columns)], X, *of_all),
        "encoded": Run([], encoded, *of_all),
        "above": Run([], X[:, :1], *of_all),
    }
    for _, run in itertools.product(range(given.rounds + 1), runs.values()):
        run.measure()
    for kind in ("steps", "predictions"):
        for of in (np.min, np.median):
            times = {name: of(getattr(run, kind)[1:]) for name, run in runs.items()}
            first = {name: times[name] - times["above"] for name in ("pieces", "encoded")}
            text = ", ".join(f"{name} {value:.2f}" for name, value in times.items())
            print(
                f"{kind}, {of.__name__}: {text}; {first['encoded'] / first['pieces']:.1f} times faster"
            )


if __name__ == "__main__":
    restart_without_settings()
    main()
