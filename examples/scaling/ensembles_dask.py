"""Halving, bagging, cross-validation on a Dask cluster: python ensembles_dask.py [ADDRESS].

The address is that of its scheduler; without one two workers are started on this machine.
"""

import sys

import joblib
from dask.distributed import Client
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score
from sklearn.model_selection import HalvingGridSearchCV, cross_val_predict

from minnet import MinNetClassifier


def main(address=None):
    cluster = {} if address else {"n_workers": 2, "threads_per_worker": 1}
    X, y = load_digits(return_X_y=True)
    X = X / 16
    net = MinNetClassifier(learning_rate_init=0.01, random_state=0)
    grid = {"init": ["glorot", "orthogonal"], "alpha": [1e-4, 1e-2]}
    with Client(address, **cluster), joblib.parallel_config("dask", scatter=[X, y]):
        halving = HalvingGridSearchCV(net, grid, cv=3, random_state=0).fit(X, y)
        bagging = BaggingClassifier(net, n_estimators=6, random_state=0).fit(X, y)
        predicted = cross_val_predict(halving.best_estimator_, X, y, cv=3)
    print(f"halving: {halving.best_params_}")
    print(f"its best, cross-validated: {accuracy_score(y, predicted):.3f}")
    print(f"bagging, on the same rows: {bagging.score(X, y):.3f}")
    return halving, bagging, predicted


if __name__ == "__main__":
    main(*sys.argv[1:])
