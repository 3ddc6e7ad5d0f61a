"""Many small fits in one process: whether memory, files or threads grow.

    python -m benchmarks.soak                      10,000 fits, some minutes
    python -m benchmarks.soak --fits 500 --warm-up 100

Fits go round over estimators, solvers, precisions, dense and sparse inputs, early stopping, partial_fit,
pickling and predicting. What a process takes in its first fits (code, caches, threads, the allocator's
own) is no growth: the resident memory after the warm-up is what the end is compared with. The exit code
is 1 if memory has grown by more than ``--limit`` MB, or if files or threads stayed open.
"""

import argparse
import contextlib
import copy
import ctypes
import gc
import os
import pickle
import sys
import threading
import time
import tracemalloc
import warnings

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from minnet import MinNetClassifier, MinNetRegressor
from minnet.lab import probe

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident():
    """Return the resident memory of this process in MB."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * _PAGE / 2**20


def n_files():
    """Return the number of open file descriptors."""
    return len(os.listdir("/proc/self/fd")) - 1  # the one that lists them


def n_threads():
    """Return the number of threads of this process, those of C libraries included."""
    return len(os.listdir("/proc/self/task"))


def give_back():
    """Return to the system what the allocator holds but nobody uses; where that is possible."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


class Jobs:
    """Small fits of many kinds, one after the other."""

    def __init__(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(120, 10))
        labels, numbers = np.arange(120) % 3, X[:, :2] ** 2
        few = X * (X > 0.5)
        self.inputs = [X, X.astype(np.float32), sparse.csr_matrix(few), sparse.csc_array(few)]
        self.targets = {MinNetClassifier: labels, MinNetRegressor: numbers}
        small = {"hidden_layer_sizes": (16, 8), "max_iter": 4, "batch_size": 20}
        kinds = [
            {},
            {"solver": "sgd", "learning_rate": "adaptive"},
            {"solver": "lbfgs"},
            {"early_stopping": True},
            {"dropout": 0.2, "batch_norm": True},
            {"activation": "gelu", "init": "orthogonal", "n_threads": 2},
            {"solver": "sgd", "momentum": 0.0, "weight_decay": 1e-3},
            {"clip_norm": 1.0, "shuffle": False},
            {"init": "lsuv"},
            {"backend": "numpy", "max_iter": 2},
            {"warm_start": True},
        ]
        self.estimators = [cls(**{**small, **kind}) for kind in kinds for cls in self.targets]

    def run(self, i):
        """Do the ``i``-th fit, and something with it."""
        estimator = clone(self.estimators[i % len(self.estimators)]).set_params(random_state=i)
        X = self.inputs[(i // len(self.estimators)) % len(self.inputs)]
        y = self.targets[type(estimator)]
        n_features = X.shape[1] - i % 3  # sizes change, as they do in a search
        X = X[:, :n_features]
        estimator.fit(X, y)
        what = i % 6
        if what == 0:
            pickle.loads(pickle.dumps(estimator)).predict(X)
        elif what == 1 and estimator.solver != "lbfgs" and not estimator.early_stopping:
            estimator.partial_fit(X, y)
        elif what == 2:
            copy.deepcopy(estimator).score(X, y)
        elif what == 3:
            estimator.fit(X, y)
        elif what == 4:
            probe(estimator, X, y)
        elif what == 5:
            bad = np.full(X.shape, np.nan)
            with contextlib.suppress(ValueError):
                estimator.fit(bad, y)
        estimator.predict(X[:1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=10_000)
    parser.add_argument("--warm-up", type=int, default=1_000)
    parser.add_argument("--limit", type=float, default=10.0, help="MB of growth allowed")
    parser.add_argument("--trace", action="store_true", help="say which lines' memory grew")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    jobs, start, began = Jobs(), None, time.perf_counter()
    every = max(1, options.fits // 20)
    print("fits    MB resident   files   threads")
    for i in range(options.fits):
        if i == options.warm_up:
            give_back()
            start = resident(), n_files(), n_threads()
            if options.trace:
                tracemalloc.start(5)
                before = tracemalloc.take_snapshot()
        if i % every == 0:
            print(f"{i:6}  {resident():11.1f}   {n_files():5}   {n_threads():7}", flush=True)
        jobs.run(i)
    as_it_is = resident()
    give_back()
    end = resident(), n_files(), n_threads()
    print(f"{options.fits:6}  {as_it_is:11.1f}   {end[1]:5}   {end[2]:7}")
    if options.trace:
        for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:15]:
            print(line)
    growth = end[0] - start[0]
    seconds = time.perf_counter() - began
    print(
        f"after the warm-up of {options.warm_up} fits memory grew by {growth:.1f} MB "
        f"(from {start[0]:.1f}; {as_it_is - end[0]:.1f} MB were free in the allocator), files by "
        f"{end[1] - start[1]}, threads by {end[2] - start[2]} ({threading.active_count()} of them "
        f"Python's), in {seconds:.0f} s"
    )
    return int(growth > options.limit or end[1] > start[1] or end[2] > start[2])


if __name__ == "__main__":
    sys.exit(main())
