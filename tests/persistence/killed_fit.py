"""A fit that is to be killed: ``killed_fit.py KIND CHECKPOINT`` prints "fitting", then a digest.

With "wait" after that it does not end: it waits to be killed, however late that comes.
"""

import hashlib
import itertools
import signal
import sys
import time
import warnings

import numpy as np
from scipy import sparse

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.callbacks import Callback, Checkpoint
from minnet.schedules import Cosine

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 40))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)


class Slowly(Callback):
    """Takes no more than so many steps a second, so that there is time to be killed in."""

    def __init__(self, pace):
        self.pace = pace

    def begin(self, trainer):
        self.first, self.due, self.began = None, 0, time.monotonic()

    def next_step(self, trainer):
        if self.first is None:  # a checkpoint was taken up, if there is one
            self.first = self.due = trainer.n_steps
        return self.due

    def at_step(self, trainer):
        self.due = trainer.n_steps + 20
        late = time.monotonic() - self.began - (trainer.n_steps - self.first) / self.pace
        time.sleep(max(0.0, -late))


def layers():
    return [Dense(30, "tanh"), BatchNorm("relu"), Dropout(0.2), Dense(20, "relu")]


def early_stopping(callbacks):
    est = MinNetClassifier(layers=layers(), batch_size=10, max_iter=30, early_stopping=True,
                           n_iter_no_change=100, random_state=0)  # fmt: skip
    return est.set_callbacks(*callbacks).fit(X, Y)


def watched(callbacks):
    est = MinNetRegressor(hidden_layer_sizes=(50,), solver="sgd", learning_rate="adaptive", tol=1e-2,
                          n_iter_no_change=2, batch_size=10, max_iter=40, random_state=1)  # fmt: skip
    return est.set_callbacks(*callbacks).fit(X, X[:, 0] * X[:, 3], X_val=X[:50], y_val=X[:50, 0])


def sparse_rows(callbacks):
    rows = sparse.random_array((3000, 500), density=0.02, rng=np.random.default_rng(1)).tocsr()
    est = MinNetClassifier((20,), solver="sgd", momentum=0, alpha=0.1, batch_size=5, max_iter=60,
                           n_iter_no_change=100, random_state=2)  # fmt: skip
    return est.set_callbacks(*callbacks).fit(rows, Y)


def stream(callbacks):
    def endless():
        for i in itertools.count():
            rows = np.random.default_rng(i).integers(0, 3000, size=500)
            yield X[rows].astype(np.float32), Y[rows]

    est = MinNetClassifier((40,), learning_rate=Cosine(20_000), batch_size=5, random_state=3)
    options = {"n_epochs": 25, "batches_per_epoch": 8, "classes": [0, 1, 2]}
    return est.set_callbacks(*callbacks).fit_stream(endless, **options)


def trainer(callbacks):
    network = Network([*layers(), Dense(3)]).initialize(40, random_state=4)
    options = {"batch_size": 10, "clip_norm": 1.0, "weight_decay": 0.01, "backend": "numpy"}
    trained = Trainer(network, "sgd", **options)
    return trained.fit(X, Y, max_epochs=4, callbacks=callbacks)


#: With as many steps a second as make them last about two and a half.
KINDS = {early_stopping: 3200, watched: 3300, sparse_rows: 14_000, stream: 8000, trainer: 480}
KINDS = {each.__name__: (each, pace) for each, pace in KINDS.items()}


def digest(fitted):
    """Return a digest of weights, optimizer and records."""
    trained = getattr(fitted, "_trainer", fitted)
    of = hashlib.sha256()
    for array in (trained.network.params, trained.network.state, trained.optimizer.state):
        of.update(np.ascontiguousarray(array).tobytes())
    records = [trained.loss_curve, trained.validation_scores, trained.validation_loss_curve]
    records += [trained.n_epochs, trained.n_seen, trained.n_steps, trained.optimizer.learning_rate]
    records += [trained.best_score, trained.best_loss, getattr(fitted, "n_iter_", None)]
    of.update(repr(records).encode())
    return of.hexdigest()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    kind, path, *wait = sys.argv[1:]
    fit, pace = KINDS[kind]
    # Without a checkpoint it pauses, too: with sparse rows and L2 that decides how sums are rounded.
    callbacks = [Slowly(pace)] + ([] if path == "-" else [Checkpoint(path, every=0.03)])
    print("fitting", flush=True)
    outcome = digest(fit(callbacks))
    if wait:
        signal.pause()
    print(outcome)
