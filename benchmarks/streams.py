"""Training on a parquet file that need not fit into memory, beside the same rows in memory.

    python -m benchmarks.streams [--rows 10000000] [--columns 40] [--rounds 3] [--hidden 128 64]

A file is written into a temporary folder, and removed in the end: 40 columns of float32 and labels of
ten classes. Each way trains a network for an epoch in a process of its own, in turns: "memory" by ``fit``
on an array that was read before, "stream" by ``fit_stream`` on the file, with the usual buffer, "order"
without one. The clock runs while the training does. Needs pyarrow.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.runner import without_settings
from minnet import MinNetClassifier
from minnet.streams import BatchStream

GROUP, N_CLASSES = 100_000, 10
WAYS = ("memory", "stream", "order")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, nargs="*", default=[128, 64])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        way, path = arguments.one
        print(json.dumps(measured(way, path, tuple(arguments.hidden), arguments.threads)))
        return
    found = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        write(path, arguments.rows, arguments.columns)
        print(
            f"{arguments.rows} rows of {arguments.columns} columns, {path.stat().st_size / 2**20:.0f} MiB "
            f"of parquet; hidden layers {arguments.hidden}, {arguments.threads} threads, one epoch, "
            f"{arguments.rounds} rounds\n"
        )
        for _ in range(arguments.rounds):
            for way in WAYS:
                command = [sys.executable, "-m", "benchmarks.streams", *sys.argv[1:]]
                run = subprocess.run(
                    [*command, "--one", way, path], check=True, capture_output=True,
                    env=without_settings(),
                )  # fmt: skip
                found[way].append(json.loads(run.stdout))
    report(found, arguments.rows)


def report(found, n_rows):
    """Print a table."""
    middle = statistics.median
    print("| read from | seconds | thousand rows/s | of memory's rate | CPU µs a row | peak MiB |")
    print("|---|---|---|---|---|---|")
    for way in WAYS:
        seconds = [run["seconds"] for run in found[way]]
        ratios = [m["seconds"] / s for m, s in zip(found["memory"], seconds, strict=True)]
        cpu = middle(run["cpu"] for run in found[way]) / n_rows * 1e6
        peak = max(run["peak"] for run in found[way]) / 2**20
        cells = [way, spread(seconds, ".1f"), f"{n_rows / middle(seconds) / 1e3:.0f}"]
        cells += [spread(ratios, ".2f"), f"{cpu:.2f}", f"{peak:.0f}"]
        print(f"| {' | '.join(cells)} |")


def spread(values, form):
    """Return the median, and the smallest and the largest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def write(path, n_rows, n_columns):
    """Write a file, group by group; every fourth column has two decimals, as measurements have."""
    rng = np.random.default_rng(0)
    names = [f"x{j}" for j in range(n_columns)]
    schema = pa.schema([(name, pa.float32()) for name in names] + [("label", pa.int64())])
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, n_rows, GROUP):
            X = rng.normal(size=(min(GROUP, n_rows - start), n_columns)).astype(np.float32)
            X[:, ::4] = X[:, ::4].round(2)
            label = np.floor(5 + 1.5 * (X[:, 0] * X[:, 1] + X[:, 2])).clip(0, N_CLASSES - 1)
            writer.write_table(pa.table([*X.T, label.astype(np.int64)], schema=schema))


def measured(way, path, hidden, n_threads):
    """Train one way; return the seconds, of the clock and of the processor, and the peak of memory."""
    warnings.simplefilter("ignore")
    clf = MinNetClassifier(
        hidden, max_iter=1, n_iter_no_change=np.inf, random_state=0, n_threads=n_threads
    )
    clf.fit(np.eye(N_CLASSES, dtype=np.float32), np.arange(N_CLASSES))  # what happens once
    if way == "memory":
        table = parquet.read_table(path)
        y = table.column("label").to_numpy()
        X = np.empty((len(y), table.num_columns - 1), np.float32)
        for j in range(X.shape[1]):
            X[:, j] = table.column(j).to_numpy()
        del table
    else:
        options = {"shuffle_buffer": 0} if way == "order" else {}
        stream = BatchStream(path, "label", random_state=0, **options)
    clock, cpu = time.perf_counter(), time.process_time()
    if way == "memory":
        clf.fit(X, y)
    else:
        clf.fit_stream(stream, classes=range(N_CLASSES))
    return {
        "seconds": time.perf_counter() - clock,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    main()
