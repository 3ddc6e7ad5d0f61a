"""A sweep that is to be ended: ``sweep_to_interrupt.py PATH N_JOBS`` prints a digest of its rows.

To make a model takes so many seconds as the variable WAIT of the environment says.
"""

import hashlib
import os
import sys
import time

import numpy as np

from minnet import MinNetClassifier
from minnet.lab import sweep

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)


def make(init, width):
    time.sleep(float(os.environ.get("WAIT", "0")))
    return MinNetClassifier((width,), init=init, max_iter=2)


def main():
    path, n_jobs = sys.argv[1], int(sys.argv[2])
    axes = {"init": ["he", "zeros"], "width": [3, 4]}
    found = sweep(make, X, Y, **axes, seeds=2, path=path, n_jobs=n_jobs, probe=True)
    rows = [{name: row[name] for name in row if name != "seconds"} for row in found.rows]
    print(len(rows), hashlib.md5(repr(rows).encode()).hexdigest(), flush=True)


if __name__ == "__main__":
    main()
