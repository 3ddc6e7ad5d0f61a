"""Fits and predictions in processes made in every way; run by test_processes.py, one way at a time.

    python tests/faults/processes.py fork

It prints "the same" if each process gives, bit by bit, what this one gives alone.
"""

import hashlib
import multiprocessing
import os
import pickle
import sys
import warnings

import joblib
import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from minnet import MinNetClassifier

warnings.simplefilter("ignore", ConvergenceWarning)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 100))
y = np.arange(600) % 3
MAIN = os.getpid() if __name__ == "__main__" else None  # not that of a child
INPUTS = [X, sparse.csr_matrix(X * (X > 1)), X.astype(np.float32)]


def fit(backend, kind=0):
    """Fit a network whose steps are worth several threads."""
    sizes = (400, 300) if backend == "cython" else (30,)
    model = MinNetClassifier(
        sizes, max_iter=2, batch_size=200, random_state=0, n_threads=2, backend=backend
    )
    model.fit(INPUTS[kind], y)
    if backend == "cython" and sys.platform == "linux" and os.getpid() == MAIN:
        assert len(os.listdir("/proc/self/task")) > 1  # else there is nothing to lose in a fork
    return model


def digest(model):
    """Return a digest of weights, loss and predictions."""
    sums = hashlib.sha256(model.network_.params.tobytes())
    sums.update(np.array(model.loss_curve_).tobytes())
    for given in INPUTS:
        sums.update(model.predict_proba(given).tobytes())
        sums.update(model.predict_proba(given[:1]).tobytes())
    return sums.hexdigest()


def in_child(pickled, backend, kind):
    """Predict with a model of the parent, fit another; return both digests."""
    return digest(pickle.loads(pickled)), digest(fit(backend, kind))


def by_multiprocessing(method, backend):
    models = [fit(backend, kind) for kind in range(len(INPUTS))]  # several threads have run
    here = [digest(model) for model in models]
    context = multiprocessing.get_context(method)
    arguments = [(pickle.dumps(model), backend, kind) for kind, model in enumerate(models)]
    with context.Pool(2) as pool:
        there = pool.starmap_async(in_child, arguments * 2).get()
    assert there == [(one, one) for one in here] * 2
    # And the parent goes on as before.
    assert [digest(fit(backend, kind)) for kind in range(len(INPUTS))] == here


def by_fork_without_pickling(backend):
    """The child of a fork predicts with the very object of its parent, whose threads it has not."""
    model = fit(backend)
    here = digest(model)
    for _ in range(3):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.write(writer, (digest(model) + digest(fit(backend))).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            there = pipe.read()
        assert os.waitpid(child, 0)[1] == 0
        assert there == here + here
    assert digest(fit(backend)) == here


def by_loky(backend):
    here = digest(fit(backend))
    there = joblib.Parallel(n_jobs=2, backend="loky")(
        joblib.delayed(in_child)(pickle.dumps(fit(backend)), backend, 0) for _ in range(4)
    )
    assert there == [(here, here)] * 4


def by_grid_search(backend):
    searches = []
    for n_jobs in (1, 2):
        model = MinNetClassifier((20,), max_iter=3, random_state=0, backend=backend)
        grid = {"alpha": [0.0, 0.1, 10.0], "solver": ["adam", "sgd", "lbfgs"]}
        searches.append(GridSearchCV(model, grid, cv=3, n_jobs=n_jobs).fit(X, y))
    one, two = searches
    for split in range(3):
        name = f"split{split}_test_score"
        assert one.cv_results_[name].tolist() == two.cv_results_[name].tolist()
    assert one.best_params_ == two.best_params_
    assert digest_of_network(one) == digest_of_network(two)


def digest_of_network(search):
    return hashlib.sha256(search.best_estimator_.network_.params.tobytes()).hexdigest()


WAYS = {
    "fork": lambda backend: by_multiprocessing("fork", backend),
    "forkserver": lambda backend: by_multiprocessing("forkserver", backend),
    "spawn": lambda backend: by_multiprocessing("spawn", backend),
    "os.fork": by_fork_without_pickling,
    "loky": by_loky,
    "GridSearchCV": by_grid_search,
}

if __name__ == "__main__":
    WAYS[sys.argv[1]](sys.argv[2])
    print("the same")
