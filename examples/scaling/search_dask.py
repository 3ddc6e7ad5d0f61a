"""A grid search on the workers of a Dask cluster: python search_dask.py [ADDRESS OF ITS SCHEDULER].

Without an address two workers are started on this machine, a process of one thread each.
"""

import sys

import joblib
from dask.distributed import Client
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier


def main(address=None):
    cluster = {} if address else {"n_workers": 2, "threads_per_worker": 1}
    with Client(address, **cluster):
        X, y = load_digits(return_X_y=True)
        net = MinNetClassifier(learning_rate_init=0.01, random_state=0)
        model = make_pipeline(StandardScaler(), net)
        grid = {
            "minnetclassifier__init": ["glorot", "orthogonal"],
            "minnetclassifier__alpha": [1e-4, 1e-2],
        }
        # X and y go to each worker once, before the search.
        with joblib.parallel_config("dask", scatter=[X, y]):
            search = GridSearchCV(model, grid, cv=3).fit(X, y)
    print(f"{search.best_score_:.3f} with {search.best_params_}")
    return search


if __name__ == "__main__":
    main(*sys.argv[1:])
