"""Steps of networks with few outputs, and one row predicted: the least of many bursts, on one thread.

    OMP_NUM_THREADS=1 python -m benchmarks.narrow

In turns with another checkout (``PYTHONPATH=../other``) it compares two versions: the log of NOTES.md has
what came. Settings of BLAS in the environment are dropped.
"""

import time
import warnings

import numpy as np

from benchmarks.runner import restart_without_settings
from minnet import SGD, Adam, Dense, MinNetClassifier, Network
from minnet.backends import make_backend
from minnet.backends.hyper import Hyper

__all__ = ["least_step"]

N_ROWS = 20_000
CASES = [
    ((30, 100, 3), 200, Adam),
    ((30, 100, 3), 200, SGD),
    ((30, 100, 1), 200, Adam),
    ((30, 100, 8), 200, Adam),
    ((64, 100, 10), 200, Adam),
    ((784, 100, 10), 200, Adam),
    ((20, 16, 16, 1), 16, SGD),
    ((64, 64, 10), 32, SGD),
]


def least_step(sizes, batch, optimizer, n_bursts=25):
    """Return the microseconds of a step of rectifiers with a softmax, or a logistic output."""
    rng = np.random.default_rng(0)
    layers = [*(Dense(n, "relu") for n in sizes[1:-1]), Dense(sizes[-1])]
    network = Network(layers, loss="log_loss" if sizes[-1] > 1 else "sigmoid_cross_entropy")
    network.initialize(sizes[0], random_state=0, dtype="float32")
    X = rng.standard_normal((N_ROWS, sizes[0]), dtype=np.float32)
    T = rng.integers(0, max(2, sizes[-1]), N_ROWS)
    T = T if sizes[-1] > 1 else T[:, np.newaxis].astype(np.float32)
    backend, order, n_steps = (
        make_backend("cython", network, 1),
        rng.permutation(N_ROWS),
        N_ROWS // batch,
    )
    optimizer = optimizer(0.001)
    optimizer.prepare(network.params)
    hyper = Hyper(batch, np.full(n_steps, 1e-3), optimizer, N_ROWS, float(N_ROWS))
    return (
        _least(lambda: backend.train_steps(X, T, None, order, 0, n_steps, hyper), n_bursts)
        / n_steps
    )


def _least(function, n_bursts):
    times = []
    for _ in range(n_bursts):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return 1e6 * min(times)


def main():
    for sizes, batch, optimizer in CASES:
        name = f"{'-'.join(map(str, sizes))}, batch {batch}, {optimizer.__name__}"
        print(f"{name}: {least_step(sizes, batch, optimizer):.2f} us a step")
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
