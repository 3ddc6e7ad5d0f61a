"""A grid search over rows in a file that all workers can read: python search_large.py [ADDRESS] [FILE].

What the engine sends are the numbers of rows. The first step of the pipeline reads these, so that a
worker holds the rows of the fit at hand and no others. Without a file one is made.
"""

import os
import sys
import tempfile

import joblib
import numpy as np
from dask.distributed import Client
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from minnet import MinNetClassifier


def rows_of(numbers, path):
    """Return the rows of a file that have these numbers."""
    return np.load(path, mmap_mode="r")[numbers.ravel()]


def make_file(path, n_samples=20_000, n_features=100):
    rng = np.random.default_rng(0)
    np.save(path, rng.normal(size=(n_samples, n_features)).astype("float32"))


def main(address=None, path=None):
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            path = os.path.join(folder, "X.npy")
            make_file(path)
        y = np.load(path, mmap_mode="r")[:, 0] > 0
        numbers = np.arange(len(y))[:, None]

        read = FunctionTransformer(rows_of, kw_args={"path": path})
        net = MinNetClassifier(tol=0.05, n_iter_no_change=1, random_state=0)
        model = make_pipeline(read, StandardScaler(copy=False), net)
        cluster = {} if address else {"n_workers": 2, "threads_per_worker": 1}
        with Client(address, **cluster), joblib.parallel_config("dask"):
            grid = {"minnetclassifier__learning_rate_init": [1e-3, 1e-2]}
            search = GridSearchCV(model, grid, cv=3, refit=False).fit(numbers, y)
    print(f"{search.best_score_:.3f} with {search.best_params_}")
    return search


if __name__ == "__main__":
    main(*sys.argv[1:])
