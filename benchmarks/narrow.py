"""Steps of few outputs, and of few rows, and one row predicted: the least of many bursts, on one thread.

    OMP_NUM_THREADS=1 python -m benchmarks.narrow

``before_after.py`` compares two versions by these steps; ``PYTHONPATH=../other`` before this command times
another checkout. The log of NOTES.md has what came. Settings of BLAS in the environment are dropped.
"""

import itertools
import time
import warnings

import numpy as np

from benchmarks.runner import restart_without_settings
from minnet import SGD, Adam, Dense, MinNetClassifier, Network
from minnet.backends import make_backend
from minnet.backends.hyper import Hyper

__all__ = ["STEPS", "prepare"]

N_ROWS = 20_000
SECONDS = 0.005  # of a burst
OPTIMIZERS = {"sgd": SGD, "adam": Adam}
#: Sizes of the layers, rows of a batch, optimizer.
CASES = [
    # few outputs
    ((30, 100, 3), 200, "adam"),
    ((30, 100, 3), 200, "sgd"),
    ((30, 100, 1), 200, "adam"),
    ((30, 100, 8), 200, "adam"),
    ((64, 100, 10), 200, "adam"),
    ((64, 50, 20, 5), 200, "adam"),
    ((784, 100, 10), 200, "adam"),
    ((20, 16, 16, 1), 16, "sgd"),
    ((64, 64, 10), 32, "sgd"),
    ((784, 256, 10), 128, "sgd"),
    ((256, 256, 256, 10), 64, "sgd"),
    # few rows; the first are the paper's
    ((1024, 1000, 1000, 1000, 1000, 1000, 9), 10, "sgd"),
    ((1024, 1000, 1000, 1000, 1000, 1000, 9), 10, "adam"),
    ((1024, 1024, 1024, 10), 10, "sgd"),
    ((1024, 1024, 1024, 10), 4, "sgd"),
    ((784, 2048, 10), 10, "sgd"),
    ((256, 256, 256, 10), 4, "sgd"),
    ((256, 256, 256, 10), 1, "sgd"),
]
STEPS = {
    f"step-{'-'.join(map(str, sizes))}/{batch}-{optimizer}": (sizes, batch, optimizer)
    for sizes, batch, optimizer in CASES
}


def stepper(sizes, batch, optimizer, n_threads):
    """Return a function that takes so many steps, of rectifiers with a softmax or a logistic output."""
    rng = np.random.default_rng(0)
    layers = [*(Dense(n, "relu") for n in sizes[1:-1]), Dense(sizes[-1])]
    network = Network(layers, loss="log_loss" if sizes[-1] > 1 else "sigmoid_cross_entropy")
    network.initialize(sizes[0], random_state=0, dtype="float32")
    X = rng.standard_normal((N_ROWS, sizes[0]), dtype=np.float32)
    T = rng.integers(0, max(2, sizes[-1]), N_ROWS)
    T = T if sizes[-1] > 1 else T[:, np.newaxis].astype(np.float32)
    backend, order = make_backend("cython", network, n_threads), rng.permutation(N_ROWS)
    n_steps_of_epoch = N_ROWS // batch
    optimizer = OPTIMIZERS[optimizer](0.001)
    optimizer.prepare(network.params)
    rates = np.full(n_steps_of_epoch, 1e-3)
    hyper = Hyper(batch, rates, optimizer, N_ROWS, float(N_ROWS))
    start = 0

    def take(n_steps):
        nonlocal start
        n_steps = min(n_steps, n_steps_of_epoch)
        if start + n_steps > n_steps_of_epoch:
            start = 0
        backend.train_steps(X, T, None, order, start, start + n_steps, hyper)
        start += n_steps
        return n_steps

    return take


def prepare(name, threads):
    """Return a burst of steps in a worker's process: a step's time is the lower quartile of many."""
    take = stepper(*STEPS[name], threads)
    times, n_steps = _times(take, 10 * SECONDS)  # warm, and how many steps are a burst

    def burst(seconds):
        nonlocal n_steps
        times, n_steps = _times(take, seconds, n_steps)
        return {"seconds": float(np.percentile(times, 25)), "bursts": len(times)}

    return burst, {"first": float(np.median(times))}


def _times(take, seconds, n_steps=1):
    """Return the times of a step in short bursts, and how many steps such a burst has."""
    times, ends = [], time.perf_counter() + seconds
    for i in itertools.count():
        began = time.perf_counter()
        taken = take(n_steps)
        times.append((time.perf_counter() - began) / taken)
        n_steps = max(1, int(SECONDS / min(times)))
        if time.perf_counter() > ends and i:
            return times, n_steps


def _least(function, n_bursts):
    times = []
    for _ in range(n_bursts):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return 1e6 * min(times)


def main():
    for name, case in STEPS.items():
        take = stepper(*case, 1)
        _, n_steps = _times(take, 10 * SECONDS)
        times, _ = _times(take, 50 * SECONDS, n_steps)
        print(f"{name}: {1e6 * min(times):.2f} us")
    X = np.random.default_rng(0).standard_normal((1000, 64), dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = MinNetClassifier((64,), max_iter=2, random_state=0).fit(X, np.arange(1000) % 10)
    row = X[:1].copy()
    calls = {"predict_proba": clf.predict_proba, "Network.forward": clf.network_.forward}
    if hasattr(clf, "predictor"):
        calls["predictor()"] = clf.predictor()
    for name, call in calls.items():
        least = _least(lambda call=call: [call(row) for _ in range(2000)], 15) / 2000
        print(f"{name}, one row of 64-64-10: {least:.2f} us")


if __name__ == "__main__":
    restart_without_settings()
    main()
