"""Memory of a search over a cluster: what a large X costs each worker, and the process that asks.

A grid search of six fits (a scaler and a network, three folds), on two local workers of one thread, with X
in memory and sent by the engine, sent ahead by ``scatter``, or left in a file from which the workers read
rows (``examples/scaling/search_large.py``). Peaks of resident memory are those beyond what the same search
needs with a small X, as multiples of X; pages of a file that is mapped count, too, though the system can
take them back. What the JVM of Spark keeps, an X for each fit, is not counted; it had 4 GB.

    python -m benchmarks.search_memory dask ray spark    # writes SEARCH_MEMORY.md
"""

import argparse
import contextlib
import datetime
import os
import subprocess
import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks.memory import Peak
from minnet import MinNetClassifier
from minnet.callbacks import Callback

__all__ = ["main"]

REPORT = Path(__file__).with_name("SEARCH_MEMORY.md")
WAYS = {"sent": "X as it is", "scatter": "`scatter=[X, y]`", "file": "rows from a file"}


class NotePeak(Callback):
    """Writes the peak of its process's memory into a file, after each fit."""

    def __init__(self, folder):
        self.folder = folder

    def end(self, trainer):
        """Write the peak, in MB."""
        Path(self.folder, str(os.getpid())).write_text(str(peak()))


def peak():
    """Return the peak of resident memory of this process, in MB."""
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x]
    return int(line.split()[1]) / 1024


def rows_of(numbers, path):
    """Return the rows of a file that have these numbers."""
    return np.load(path, mmap_mode="r")[numbers.ravel()]


def search(X, y, folder, path=None):
    """Run the search; ``X`` are numbers of rows if there is a path."""
    net = MinNetClassifier((16,), max_iter=1, batch_size=1000, random_state=0, n_threads=1)
    net.set_callbacks(NotePeak(folder))
    steps = [StandardScaler(copy=not path), net]
    if path:
        steps.insert(0, FunctionTransformer(rows_of, kw_args={"path": path}))
    grid = {"minnetclassifier__alpha": [1e-4, 1e-2]}
    return GridSearchCV(make_pipeline(*steps), grid, cv=3, refit=False).fit(X, y)


@contextlib.contextmanager
def dask():
    """Two workers of Dask; gives what joblib is told."""
    from dask.distributed import Client

    with Client(n_workers=2, threads_per_worker=1):
        yield {"backend": "dask"}


@contextlib.contextmanager
def ray():
    """Two processes of Ray; gives what joblib is told."""
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield {"backend": "ray", "n_jobs": 2}
    ray.shutdown()


@contextlib.contextmanager
def spark():
    """Two processes of Spark; gives what joblib is told."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from joblibspark import register_spark
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]")
    session = builder.config("spark.driver.memory", "4g").getOrCreate()  # 1g is too little
    register_spark()
    yield {"backend": "spark", "n_jobs": 2}
    session.stop()


ENGINES = {"dask": dask, "ray": ray, "spark": spark}


def versions():
    """Return the versions of what is there."""
    names = "distributed", "ray", "pyspark", "joblib", "scikit-learn"
    found = {dist.name: dist.version for dist in metadata.distributions()}
    return ", ".join(f"{name} {found[name]}" for name in names if name in found)


def measure(engine, way, megabytes):
    """Print the peaks of the worker that has most and of this process, as multiples of X."""
    n_features = 500
    n_samples = int(megabytes * 2**20 / 4 / n_features)
    with tempfile.TemporaryDirectory() as folder, ENGINES[engine]() as told:
        path = os.path.join(folder, "X.npy")
        notes = [os.path.join(folder, name) for name in ("small", "large")]
        for note in notes:
            os.mkdir(note)
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
        y = X[:, 0] > 0
        with joblib.parallel_config(**told):
            search(X[:1000].copy(), y[:1000], notes[0])
        if way == "file":
            np.save(path, X)
            X = np.arange(n_samples)[:, None]
        if way == "scatter":
            told["scatter"] = [X, y]
        with Peak() as here, joblib.parallel_config(**told):
            search(X, y, notes[1], path if way == "file" else None)
        before, after = (
            max(float(each.read_text()) for each in Path(note).iterdir()) for note in notes
        )
    print(f"{(after - before) / megabytes:.1f} | {here.added / megabytes:.1f}")


def main():
    """Measure what is named, each in a fresh process, and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engines", nargs="+", choices=ENGINES)
    parser.add_argument("--megabytes", type=int, default=200, help="of X (default: %(default)s)")
    arguments = parser.parse_args()
    megabytes = arguments.megabytes
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    path = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)  # of the workers
    lines = [
        "# Memory of a search over a cluster",
        "",
        *(__doc__ or "").strip().splitlines()[2:-2],
        "",
        f"X has {megabytes} MB (float32). `python -m benchmarks.search_memory "
        f"{' '.join(arguments.engines)}`, {datetime.date.today()},",
        f"{versions()}.",
        "",
        "| joblib backend | X | peak of a worker, in X | of the process that asks |",
        "|---|---|---|---|",
    ]
    for engine in arguments.engines:
        for way in WAYS if engine == "dask" else ("sent", "file"):
            # Not of __main__, which the workers of Ray have not.
            call = f"from benchmarks.search_memory import measure; measure{engine, way, megabytes}"
            done = subprocess.run([sys.executable, "-c", call], check=True, stdout=subprocess.PIPE)
            lines.append(f"| {engine} | {WAYS[way]} | {done.stdout.decode().splitlines()[-1]} |")
            print(lines[-1], flush=True)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
