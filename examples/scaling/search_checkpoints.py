"""A search that outlives its workers, and itself: python search_checkpoints.py [ADDRESS] [FOLDER].

Each fit writes checkpoints into the folder, which all workers share. A worker that is killed costs the
epochs since the last one; after anything else run the program again: fits that are complete are read.
"""

import sys
from itertools import chain

import joblib
from dask.distributed import Client
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier
from minnet.callbacks import Checkpoint


def main(address=None, folder="checkpoints", *callbacks):
    X, y = load_digits(return_X_y=True)
    net = MinNetClassifier(learning_rate_init=0.01, random_state=0)
    net.set_callbacks(Checkpoint(f"{folder}/", every=10), *callbacks)
    model = make_pipeline(StandardScaler(), net)
    grid = {"minnetclassifier__alpha": [1e-4, 1e-2]}

    # What only one worker has is lost with it: each gets a copy, and keeps it.
    splits = list(StratifiedKFold(3).split(X, y))
    everything = [X, y, *chain.from_iterable(splits)]
    cluster = {} if address else {"n_workers": 2, "threads_per_worker": 1}
    with Client(address, **cluster) as client:
        client.amm.stop()  # Dask's memory manager would take the copies away
        with joblib.parallel_config("dask", scatter=everything):
            search = GridSearchCV(model, grid, cv=splits).fit(X, y)
    print(f"{search.best_score_:.3f} with {search.best_params_}")
    return search


if __name__ == "__main__":
    main(*sys.argv[1:])
