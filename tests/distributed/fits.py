"""A fit whose rows come in shards, what tells it from another, and ranks that fail in the midst of it."""

import hashlib
import os
import signal
import warnings

import numpy as np

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier
from minnet.distributed import Gloo

EPOCHS, BATCH = 15, 25
STEPS = EPOCHS * 500 // BATCH
#: Arguments of :func:`classifier` for L-BFGS: those that have no effect as by default.
LBFGS = {
    "solver": "lbfgs", "max_iter": 20, "layers": None, "batch_size": "auto", "n_iter_no_change": 10,
    "learning_rate_init": 0.001,
}  # fmt: skip


def rows(n_samples=500):
    """Return rows of three classes that a network learns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 6))
    return X, np.array(["a", "b", "c"])[np.argmax(X[:, :3] + X[:, 3:], axis=1)]


def sizes(size, n_samples=500):
    """Return unequal shards, of which the last but one is empty where there are three."""
    return {1: [n_samples], 2: [n_samples - 170, 170], 3: [n_samples - 170, 0, 170]}[size]


def shard(rank, size):
    """Return the rows of a rank."""
    ends = np.cumsum([0, *sizes(size)])
    X, y = rows()
    return X[ends[rank] : ends[rank + 1]], y[ends[rank] : ends[rank + 1]]


def classifier(**arguments):
    """Return one that uses what must be global: normalization of batches, dropout, order."""
    options = {
        "layers": [Dense(12, "tanh"), BatchNorm(), Dropout(0.2), Dense(8, "relu")],
        "learning_rate_init": 0.01,
        "batch_size": BATCH,
        "max_iter": EPOCHS,
        "n_iter_no_change": 1000,
        "random_state": 3,
        "n_threads": 1,
    }
    return MinNetClassifier(**{**options, **arguments})


def fitted(X, y, model=None, **arguments):
    """Return the classifier fitted, without the warning that there might be more epochs."""
    model = classifier(**arguments) if model is None else model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Maximum iterations")
        return model.fit(X, y)


def digest(model):
    """Return what tells a fitted network from any that is not the same to the bit."""
    network = model.network_
    return hashlib.sha256(network.params.tobytes() + network.state.tobytes()).hexdigest()


class Failing:
    """What makes a communicator do something in one of its sums: in the midst of an epoch."""

    what, at = None, 0

    def sum(self, numbers):
        """Fail where it is time."""
        self.at -= 1
        if self.at == 0:
            FAILURES[self.what]()
        super().sum(numbers)


class Fails(Failing, Gloo):
    """A rank of gloo's that fails."""


def _raise():
    raise MemoryError("this rank alone has no memory")


#: How a rank is lost.
LOST = ["exits", "is killed", "stops", "raises"]
FAILURES = {
    "exits": lambda: os._exit(3),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stops": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "raises": _raise,
    "is interrupted": lambda: os.kill(os.getpid(), signal.SIGINT),
}
