"""What a process of the benchmark measures: a rank of ``mpi``, of ``gloo ADDRESS RANK``, or one ``alone``.

A rank measures, together with the other one, each on a core of its own: the computing alone of a step at
this rank's rows, both ranks at once, with sums that do nothing; the sum alone of as many bytes as the step
sends; and the steps as they are. One process alone, with one thread, takes the same steps without any of
it. Lines of JSON are printed.
"""

import contextlib
import json
import sys
import time
import warnings

import numpy as np

from minnet import Adam, Dense, Network, Trainer
from minnet.callbacks import Callback
from minnet.distributed import MPI, Communicator, Gloo, together
from minnet.training.lbfgs import minimize_lbfgs

__all__ = ["NETWORKS", "N_RANKS"]

N_RANKS = 2
#: Widths, rows of a step in all, steps of an epoch.
NETWORKS = {
    "digits 64-64-10": ((64, 64, 10), 32, 3000),
    "mnist 784-256-10": ((784, 256, 10), 128, 300),
    "mnist 784-256-10, large batch": ((784, 256, 10), 4096, 10),
    "wide 1024-2048-2048-10": ((1024, 2048, 2048, 10), 512, 6),
    "wide 1024-2048-2048-10, large batch": ((1024, 2048, 2048, 10), 4096, 1),
}
EPOCHS = 7
SECONDS_OF_SUMS = 2.0
#: Widths, rows in all, evaluations of the objective.
LBFGS = (784, 256, 10), 20_000, 20
#: What --quick has instead.
QUICK = {
    "NETWORKS": {
        "digits 64-64-10": ((64, 64, 10), 32, 50),
        "small 784-32-10": ((784, 32, 10), 128, 5),
    },
    "EPOCHS": 2,
    "SECONDS_OF_SUMS": 0.05,
    "LBFGS": ((784, 32, 10), 1_000, 5),
}


class Idle(Communicator):
    """Two ranks with the same rows, whose sums do nothing: what is left is the computing of one."""

    rank, size = 0, N_RANKS

    def sum(self, numbers):
        """Leave the numbers as they are."""

    def gather(self, thing):
        """Return it for both."""
        return [thing] * self.size

    def abort(self):
        """Do nothing: there is no connection."""


class Times(Callback):
    """Notes when each epoch has ended."""

    def __init__(self):
        self.ends = []

    def end_epoch(self, trainer):
        """Note the time."""
        self.ends.append(time.perf_counter())


def problem(widths, n_samples, ranks):
    """Return an initialized network, and the rows and classes of some ranks, so many each."""
    n_features, *hidden, n_classes = widths
    layers = [Dense(width, "relu") for width in hidden] + [Dense(n_classes)]
    network = Network(layers, loss="log_loss")
    network.initialize(n_features, dtype="float32", random_state=0)
    parts = []
    for rank in ranks:
        rng = np.random.default_rng(rank)
        X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
        parts.append((X, rng.integers(0, n_classes, n_samples)))
    return network, *map(np.concatenate, zip(*parts, strict=True))


def seconds_of_a_step(communicator, widths, batch, n_steps, ranks):
    """Return the median over epochs, without the first; None on the ranks that call no callback."""
    network, X, T = problem(widths, batch * n_steps // N_RANKS, ranks)
    trainer = Trainer(network, Adam(1e-4), batch_size=batch, n_iter_no_change=10**6, n_threads=1)
    times = Times()
    with together(communicator) if communicator else contextlib.nullcontext():
        trainer.fit(X, T, max_epochs=EPOCHS + 1, callbacks=[times])
    return float(np.median(np.diff(times.ends))) / n_steps if times.ends else None


def seconds_of_a_sum(communicator, n_numbers):
    """Return the median of sums of so many float32, one after the other."""
    numbers, spent = np.zeros(n_numbers, np.float32), []
    until = time.perf_counter() + SECONDS_OF_SUMS
    while True:
        for _ in range(10):
            began = time.perf_counter()
            communicator.sum(numbers)
            spent.append(time.perf_counter() - began)
        if communicator.gather(time.perf_counter() > until)[0]:
            return float(np.median(spent))


def lbfgs(communicator, ranks):
    """Return what a minimization takes, and where it ends."""
    widths, n_samples, n_evaluations = LBFGS
    network, X, T = problem(widths, n_samples // N_RANKS, ranks)
    with together(communicator) if communicator else contextlib.nullcontext():
        minimize_lbfgs(network, X[:100], T[:100], max_fun=2, n_threads=1)  # to begin with
        network.initialize(widths[0], dtype="float32", random_state=0)
        began = time.perf_counter()
        n_iter, loss = minimize_lbfgs(
            network, X, T, max_iter=1000, max_fun=n_evaluations, n_threads=1
        )
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "n_iter": n_iter, "loss": loss, "rows": n_samples}


def measure_alone(report):
    """Measure the steps of one process, with the rows of both ranks."""
    everyone = range(N_RANKS)
    for name, (widths, batch, n_steps) in NETWORKS.items():
        report("step", network=name, step=seconds_of_a_step(None, widths, batch, n_steps, everyone))
    report("lbfgs", **lbfgs(None, everyone))


def measure_rank(communicator, report):
    """Measure the steps of this rank with the other, and what they consist of."""
    own = [communicator.rank]
    for name, (widths, batch, n_steps) in NETWORKS.items():
        communicator.gather("both begin at once")
        idle = seconds_of_a_step(Idle(), widths, batch, n_steps, own)
        computing = max(communicator.gather(idle))
        n_numbers = problem(widths, 1, own)[0].params.size + 2  # behind the gradient: flag, loss
        found = {
            "compute": computing,
            "sum": seconds_of_a_sum(communicator, n_numbers),
            "step": seconds_of_a_step(communicator, widths, batch, n_steps, own),
        }
        report("step", network=name, batch=batch, bytes=4 * n_numbers, **found)
    report("lbfgs", **lbfgs(communicator, own))


def main():
    """Measure as the engine that is named."""
    warnings.simplefilter("ignore")
    if sys.argv[1] == "--quick":
        del sys.argv[1]
        globals().update(QUICK)
    engine, *where = sys.argv[1:]
    communicator = None
    if engine == "mpi":
        communicator = MPI()
    elif engine == "gloo":
        communicator = Gloo(where[0], int(where[1]), N_RANKS, timeout=300)

    def report(kind, **found):
        if communicator is None or communicator.rank == 0:
            print(json.dumps({"engine": engine, "kind": kind, **found}), flush=True)

    if communicator is None:
        measure_alone(report)
    else:
        measure_rank(communicator, report)


if __name__ == "__main__":
    main()
