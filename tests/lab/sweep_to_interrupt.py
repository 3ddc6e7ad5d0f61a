"""A sweep that is to be ended: ``sweep_to_interrupt.py PATH N_JOBS`` prints a digest of its rows.

Where the variable HALT of the environment is a number, no model is made any more once the file has so many
lines: the process waits to be ended, and its workers end with it.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np

from minnet import MinNetClassifier
from minnet.lab import sweep

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)


def wait_if_told(path):
    most, parent = float(os.environ.get("HALT", "inf")), os.getppid()
    while path.exists() and path.read_bytes().count(b"\n") >= most and os.getppid() == parent:
        time.sleep(0.05)


def main():
    path, n_jobs = Path(sys.argv[1]), int(sys.argv[2])

    def make(init, width):
        wait_if_told(path)
        return MinNetClassifier((width,), init=init, max_iter=2)

    axes = {"init": ["he", "zeros"], "width": [3, 4]}
    found = sweep(make, X, Y, **axes, seeds=2, path=path, n_jobs=n_jobs, probe=True)
    rows = [{name: row[name] for name in row if name != "seconds"} for row in found.rows]
    print(len(rows), hashlib.md5(repr(rows).encode()).hexdigest(), flush=True)


if __name__ == "__main__":
    main()
