"""One network on the rows of a Dask collection: python together_dask.py [ADDRESS].

The address is that of the scheduler; without one two workers are started on this machine.
"""

import sys

import dask.array as da
from dask.distributed import Client
from sklearn.datasets import load_digits

from minnet.dask import DaskMinNetClassifier


def main(address=None):
    cluster = {} if address else {"n_workers": 2, "threads_per_worker": 1}
    with Client(address, **cluster):
        X, y = load_digits(return_X_y=True)
        X = da.from_array(X / 16, chunks=(200, 64))  # or dask.dataframe.read_parquet
        y = da.from_array(y, chunks=200)
        clf = DaskMinNetClassifier(learning_rate_init=0.01, random_state=0).fit(X, y)
        probabilities = clf.predict_proba(X)  # lazy
        print(f"{clf.n_iter_} epochs; {probabilities[:1].compute().round(2)}")
        return clf.to_local()  # a MinNetClassifier


if __name__ == "__main__":
    main(*sys.argv[1:])
