"""What reading costs a fit on a stream: beside the same steps, by partial_fit, on data in memory.

    python -m benchmarks.stream [--rounds 7]

Each way of reading takes turns with the fit in memory; printed are medians, and the median of the ratios
with the smallest and the largest. A ratio of 1 means that the thread that reads ahead hides the reading.
"""

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.runner import restart_without_settings
from minnet import MinNetClassifier

N_BATCHES, N_ROWS, N_FEATURES, N_EPOCHS = 20, 2000, 200, 3


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_BATCHES * N_ROWS, N_FEATURES)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
    pieces = [slice(i, i + N_ROWS) for i in range(0, len(X), N_ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        for i, rows in enumerate(pieces):
            np.save(Path(folder, f"{i}.npy"), X[rows])
            np.savez_compressed(Path(folder, f"{i}.npz"), X=X[rows])

        def in_lists():
            return ((X[rows], y[rows]) for rows in pieces)

        def in_files():
            return ((np.load(Path(folder, f"{i}.npy")), y[r]) for i, r in enumerate(pieces))

        def compressed():
            return ((np.load(Path(folder, f"{i}.npz"))["X"], y[r]) for i, r in enumerate(pieces))

        def mapped():
            return (
                (np.load(Path(folder, f"{i}.npy"), mmap_mode="r"), y[r])
                for i, r in enumerate(pieces)
            )

        def waiting():
            for rows in pieces:
                time.sleep(0.005)  # such as for a database
                yield X[rows], y[rows]

        print(
            f"{N_BATCHES} batches of {N_ROWS} x {N_FEATURES} float32, {N_EPOCHS} epochs, 200 units, Adam"
        )
        print(f"{'read from':12} {'seconds':>8} {'reading alone':>14} {'to memory':>22}")
        for source in (in_lists, in_files, mapped, compressed, waiting):
            ratios, seconds, alone = [], [], []
            for _ in range(arguments.rounds):
                memory = taken(fit, X, y)
                stream = taken(fit, X, y, source)
                alone.append(taken(read, source))
                seconds.append(stream)
                ratios.append(stream / memory)
            middle = statistics.median
            spread = f"{middle(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
            name = source.__name__.replace("_", " ")
            print(f"{name:12} {middle(seconds):8.3f} {middle(alone):14.3f} {spread:>22}")


def fit(X, y, source=None):
    """Fit on a stream, or the same steps on rows in memory."""
    if source is None:
        pieces = [slice(i, i + N_ROWS) for i in range(0, len(X), N_ROWS)]
        clf = MinNetClassifier((200,), random_state=0)
        for _ in range(N_EPOCHS):
            for rows in pieces:
                clf.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
        return clf
    clf = MinNetClassifier((200,), n_iter_no_change=np.inf, random_state=0)
    return clf.fit_stream(source, n_epochs=N_EPOCHS, classes=[0, 1, 2])


def read(source):
    """Read what a fit reads."""
    for _ in range(N_EPOCHS):
        for _ in source():
            pass


def taken(call, *arguments):
    """Return the seconds that a call takes."""
    before = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - before


if __name__ == "__main__":
    restart_without_settings()
    main()
