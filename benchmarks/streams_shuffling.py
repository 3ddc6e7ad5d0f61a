"""What buffer a file needs that is sorted by class, to train as a shuffled one: test accuracy.

    python -m benchmarks.streams_shuffling [--rows 200000] [--seeds 3] [--epochs 3]

The rows of ten classes lie one class after the other, in a file of one group of rows (as a query of a
database has them), of 20 or of 200; or in a file of one group that is read from a cache. Needs pyarrow.
"""

import argparse
import statistics
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from sklearn.datasets import make_classification

from minnet import MinNetClassifier
from minnet.streams import BatchStream

BATCH_SIZE, N_CLASSES = 2000, 10
GROUPS = {"1 group": 1, "20 groups": 20, "200 groups": 200, "a cache": 1}
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        f"{arguments.rows} rows of {N_CLASSES} classes, {arguments.epochs} epochs, batches of "
        f"{BATCH_SIZE} and 200; mean test accuracy of {arguments.seeds} seeds (smallest-largest)"
    )
    scores = {}
    for seed in range(arguments.seeds):
        X, y, X_test, y_test = drawn(arguments.rows, seed)
        measured = run(X, y, arguments.epochs, seed)
        scores.setdefault("shuffled beforehand", []).append(measured(None, 0.0, X_test, y_test))
        for name in GROUPS:
            for share in SHARES:
                score = measured(name, share, X_test, y_test)
                scores.setdefault((name, share), []).append(score)
    print("\n| buffer, of all rows | " + " | ".join(GROUPS) + " |")
    print("|---|" + "---|" * len(GROUPS))
    for share in SHARES:
        cells = [shown(scores[name, share]) for name in GROUPS]
        print(f"| {f'{share:.0%}' if share else 'none'} | " + " | ".join(cells) + " |")
    print(f"| shuffled beforehand | {shown(scores['shuffled beforehand'])} | | | |")


def drawn(n_rows, seed):
    """Return rows sorted by class, and others to test with."""
    X, y = make_classification(
        n_rows + 20_000, 20, n_informative=12, n_redundant=4, n_classes=N_CLASSES,
        n_clusters_per_class=3, flip_y=0.02, random_state=seed,
    )  # fmt: skip
    X = X.astype(np.float32)
    order = np.argsort(y[:n_rows], kind="stable")
    return X[:n_rows][order], y[:n_rows][order], X[n_rows:], y[n_rows:]


def run(X, y, n_epochs, seed):
    """Return what measures a network on these rows."""

    def measured(name, share, X_test, y_test):
        order = np.random.default_rng(seed).permutation(len(X)) if name is None else slice(None)
        columns = {f"x{j}": X[order, j] for j in range(X.shape[1])}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rows.parquet")
            group = -(-len(X) // GROUPS.get(name, 20))
            parquet.write_table(pa.table(columns | {"y": y[order]}), path, row_group_size=group)
            buffer, cache = int(share * len(X)), folder if name == "a cache" else None
            options = {"shuffle_buffer": buffer, "cache": cache, "random_state": seed}
            stream = BatchStream(path, "y", batch_size=BATCH_SIZE, **options)
            clf = MinNetClassifier((64,), random_state=seed, n_threads=1)
            clf.fit_stream(stream, n_epochs=n_epochs, classes=range(N_CLASSES))
        return (clf.predict(np.asarray(X_test)) == y_test).mean()

    return measured


def shown(values):
    """Return scores as text."""
    return f"{statistics.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    main()
