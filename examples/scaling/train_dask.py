"""One network trained on all workers of a Dask cluster: python train_dask.py [ADDRESS OF ITS SCHEDULER].

Without an address two workers are started on this machine, a process of one thread each.
"""

import sys

import dask.array as da
from dask.distributed import Client

from minnet.dask import DaskMinNetClassifier


def main(address=None):
    cluster = {} if address else {"n_workers": 2, "threads_per_worker": 1}
    with Client(address, **cluster) as client:
        # As many rows as you like: each block is made, or read from a file, where it is used.
        rng = da.random.default_rng(0)
        X = rng.normal(size=(60_000, 20), chunks=(10_000, 20))
        y = da.where(X[:, 0] * X[:, 1] > 0, "same sign", "different")
        train, test = slice(0, 50_000), slice(50_000, None)
        # The mean and the spread of all rows: a scaler fitted in each worker would scale by its own.
        mean, spread = da.compute(X[train].mean(axis=0), X[train].std(axis=0))
        X = (X - mean) / spread

        clf = DaskMinNetClassifier(
            (64,), batch_size=2000, learning_rate_init=0.01, max_iter=30, early_stopping=True,
            keep="best", random_state=0, client=client,
        )  # fmt: skip
        clf.fit(X[train], y[train])
        print(f"accuracy {clf.score(X[test], y[test]):.3f} after {clf.n_iter_} epochs")

        # Lazy: computed where they are asked for, block by block.
        probabilities = clf.predict_proba(X[test])
        print(probabilities[:3].compute().round(3))
    return clf.to_local()  # a MinNetClassifier, for where there is no Dask


if __name__ == "__main__":
    main(*sys.argv[1:])
