"""What the calls that no longer fit are made of, see border_cases.py."""

import os
import sys
import warnings

import numpy as np
from scipy import sparse

from minnet import Dense, Network, Trainer

N, FEATURES, CLASSES = 64, 6, 3
BACKEND = sys.argv[1] if len(sys.argv) > 1 else "numpy"

RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, FEATURES))
Y = RNG.integers(0, CLASSES, N)
CSR = sparse.random(N, FEATURES, 0.5, "csr", random_state=0)

CASES = {}


def case(function):
    CASES[function.__name__.strip("_")] = function
    return function


def each(name, values):
    """Make a case for each of some values, by their names."""

    def decorate(function):
        for key, value in values.items():
            CASES[f"{name}: {key}"] = lambda value=value: function(value)
        return function

    return decorate


def network(layers=None, loss="log_loss", dtype="float64", features=FEATURES):
    layers = layers or [Dense(5, "tanh"), Dense(CLASSES)]
    return Network(layers, loss=loss).initialize(features, 0, dtype)


def trainer(net=None, optimizer="sgd", **options):
    options = {"batch_size": 8, "backend": BACKEND} | options
    return Trainer(net or network(), optimizer, **options)


def fit(made, X=X, T=Y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.fit(X, T, max_epochs=2, **options)


def at_epoch(change):
    """Return a callback that changes something after the first epoch."""
    return lambda trainer: change(trainer) and None


def broken(X, **arrays):
    X = X.copy()
    for name, array in arrays.items():
        setattr(X, name, array)
    return X


BAD_TARGETS = {
    "large": Y + 10**9,
    "just too large": np.full(N, CLASSES),
    "negative": np.full(N, -(10**7)),
    "just negative": np.full(N, -1),
    "one in the middle": np.where(np.arange(N) == N // 2, 2**62, Y),
    "short": Y[:10],
    "none": Y[:0],
    "matrix": np.ones((N, CLASSES)),
    "text": np.array(["a"] * N),
    "None": None,
}

BAD_INPUTS = {
    "long": np.ones((10**6, FEATURES)),
    "short": X[:10],
    "none": X[:0],
    "narrow": X[:, :2],
    "wide": np.ones((N, 100_000)),
    "a vector": X[0],
    "deep": X[None],
    "text": X.astype(str),
    "complex": X.astype(complex),
    "NaN": X * np.nan,
    "None": None,
    "wide and sparse": sparse.random(N, 100_000, 0.01, "csr"),
    "short and sparse": CSR[:10],
    "columns out of range": None,
    "rows out of range": None,
}
BAD_INPUTS["columns out of range"] = broken(CSR, indices=CSR.indices + 10**6)
BAD_INPUTS["negative columns"] = broken(CSR, indices=CSR.indices - 10**6)
BAD_INPUTS["rows out of range"] = broken(CSR, indptr=CSR.indptr * 1000)
BAD_INPUTS["rows that are a list"] = broken(CSR, indptr=CSR.indptr.tolist())
BAD_INPUTS["columns that are no numbers"] = broken(CSR, indices=CSR.indices.astype("U3"))
BAD_INPUTS["rows too few"] = broken(CSR, indptr=CSR.indptr[:10])
BAD_INPUTS["values too few"] = broken(CSR, data=CSR.data[:3])


def outcome(function):
    """Return what a case comes to, in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            function()
            said = "ok"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}".replace("\n", " ")
        os.write(write, said[:4000].encode())
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    return said if status == 0 else f"exit status {status}"
