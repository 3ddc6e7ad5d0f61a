"""Small problems of which every draw is a new one: data, split and noise come from the draw's number.

A problem that is generated is generated anew; of one that is real (it comes with scikit-learn) the rows
are dealt anew to the training and the test part. Splits of one data set share its rows, so that their
spread says too little of what another sample would give; a draw of a generated problem shares nothing.
"""

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

__all__ = ["CLASSIFICATION", "PROBLEMS", "REGRESSION", "draw"]

_N_TEST = 1000  # rows of a generated problem; of a real one, all that are not trained on


def _real(load):
    def make(n, seed):
        X, y = load(return_X_y=True)
        return X, y

    return make


def _generated(function, **arguments):
    def make(n, seed):
        return function(n + _N_TEST, random_state=seed, **arguments)

    return make


def _hastie(n, seed):
    return datasets.make_hastie_10_2(n + _N_TEST, random_state=seed)


def _swiss_roll(n, seed):
    return datasets.make_swiss_roll(n + _N_TEST, noise=0.5, random_state=seed)


# name: (how it is made, rows of the training part)
CLASSIFICATION = {
    "iris": (_real(datasets.load_iris), 100),
    "wine": (_real(datasets.load_wine), 120),
    "breast_cancer": (_real(datasets.load_breast_cancer), 380),
    "digits": (_real(datasets.load_digits), 400),
    "circles": (_generated(datasets.make_circles, noise=0.1, factor=0.6), 300),
    "moons": (_generated(datasets.make_moons, noise=0.2), 300),
    "hastie": (_hastie, 400),
    "clusters": (
        _generated(
            datasets.make_classification, n_features=20, n_informative=5, n_classes=3, class_sep=1.0
        ),
        400,
    ),
}
REGRESSION = {
    "diabetes": (_real(datasets.load_diabetes), 300),
    "friedman1": (_generated(datasets.make_friedman1), 400),
    "friedman2": (_generated(datasets.make_friedman2, noise=50.0), 400),
    "friedman3": (_generated(datasets.make_friedman3, noise=0.1), 400),
    "sparse": (_generated(datasets.make_sparse_uncorrelated, n_features=10), 400),
    "swiss_roll": (_swiss_roll, 400),
}
PROBLEMS = {**CLASSIFICATION, **REGRESSION}
LARGER = {"friedman1, 1000 rows": (_generated(datasets.make_friedman1), 1000)}


def draw(name, seed):
    """Return ``X_train, X_test, y_train, y_test``, standardized by the training part; targets too."""
    make, n = {**PROBLEMS, **LARGER}[name]
    X, y = make(n, seed)
    labels = y if name in CLASSIFICATION else None
    parts = train_test_split(X, y, train_size=n, random_state=seed, stratify=labels)
    parts[:2] = _standardized(*parts[:2])
    if labels is None:
        parts[2:] = (t.ravel() for t in _standardized(*(t.reshape(-1, 1) for t in parts[2:])))
    return parts


def _standardized(train, test):
    scaler = StandardScaler().fit(np.asarray(train, dtype=float))
    return scaler.transform(train), scaler.transform(test)
