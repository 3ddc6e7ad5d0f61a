"""A support vector machine on tens of thousands of images: a kernel for two classes at a time.

``python -m examples.glorot2010.svm --sizes 1000,20000`` adds to the record that the documentation draws.
"""

import argparse
import itertools
import json
import time

import numpy as np
from sklearn.svm import SVC

from examples.glorot2010.protocol import measured_on
from examples.glorot2010.records import RECORDS, keep, kept
from minnet.datasets import make_shapeset

__all__ = ["RECORD", "PairwiseSVM", "svm_error"]

#: What was measured.
RECORD = RECORDS / "svm.json"
GAMMAS = tuple(2**k / 1024 for k in range(5))
CS = (1.0, 10.0, 100.0)
_CHUNK = 1000  # images whose kernel with all training images is held at a time


def _kernel(A, B, gamma):
    """Return exp(-gamma |a - b|^2) of the rows of two arrays of float32."""
    K = A @ B.T
    K *= 2
    K -= np.einsum("ij,ij->i", A, A)[:, np.newaxis]
    K -= np.einsum("ij,ij->i", B, B)
    np.minimum(K, 0, out=K)  # a distance of 0, rounded
    K *= gamma
    return np.exp(K, out=K)


class PairwiseSVM:
    """RBF support vector machines of each two classes, which vote: what scikit-learn's ``SVC`` is.

    ``SVC`` computes its kernel image by image. Here it is a matrix product for two classes at a time, in
    float32, and those of a class with itself are kept: of 50,000 Shapeset images 0.3 n² of the n² entries
    are held at most, 2.2 GB as float64, which the solver wants.

    Parameters
    ----------
    gamma : float
    Cs : sequence of float
        Penalties: a machine for each of them, which share kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> from examples.glorot2010.svm import PairwiseSVM
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(90, 4)).astype("float32"), np.repeat([0, 1, 2], 30)
    >>> machines = PairwiseSVM(0.5, Cs=[1.0, 10.0]).fit(X, y)
    >>> bool((machines.predict(X)[1] == SVC(C=10.0, gamma=0.5).fit(X, y).predict(X)).all())
    True
    """

    def __init__(self, gamma, Cs):
        self.gamma, self.Cs = gamma, list(Cs)

    def fit(self, X, y):
        """Train on images of shape (n, n_features), float32, and their classes."""
        self.classes, self._X = np.unique(y), X
        rows = {c: np.flatnonzero(y == c) for c in self.classes}
        own = {c: _kernel(X[of_class], X[of_class], self.gamma) for c, of_class in rows.items()}
        self._pairs = list(itertools.combinations(self.classes, 2))
        self._coef = np.zeros((len(self.Cs), len(X), len(self._pairs)), np.float32)
        self._intercept = np.zeros((len(self.Cs), len(self._pairs)))
        for i, (a, b) in enumerate(self._pairs):
            n, of_pair = len(rows[a]), np.append(rows[a], rows[b])
            K = np.empty((len(of_pair), len(of_pair)))
            K[:n, :n], K[n:, n:] = own[a], own[b]
            K[n:, :n] = _kernel(X[rows[b]], X[rows[a]], self.gamma)
            K[:n, n:] = K[n:, :n].T
            for j, C in enumerate(self.Cs):
                machine = SVC(kernel="precomputed", C=C).fit(K, np.arange(len(K)) < n)
                self._coef[j, of_pair[machine.support_], i] = machine.dual_coef_[0]
                self._intercept[j, i] = machine.intercept_[0]
        return self

    def predict(self, X):
        """Return the class with most votes, the first of equals, of shape (n_Cs, n)."""
        found = []
        for start in range(0, len(X), _CHUNK):
            K = _kernel(X[start : start + _CHUNK], self._X, self.gamma)
            votes = np.zeros((len(self.Cs), len(K), len(self.classes)), int)
            for j in range(len(self.Cs)):
                first = K @ self._coef[j] + self._intercept[j] > 0
                for i, (a, b) in enumerate(self._pairs):
                    votes[j, :, np.searchsorted(self.classes, a)] += first[:, i]
                    votes[j, :, np.searchsorted(self.classes, b)] += ~first[:, i]
            found.append(self.classes[votes.argmax(axis=2)])
        return np.concatenate(found, axis=1)


def svm_error(n, gammas=GAMMAS, n_test=10_000, seed=0):
    """Return the test error of an RBF SVM that was trained on n images.

    Parameters
    ----------
    n : int
        The first so many images of the set that networks are trained on.
    gammas : sequence of float
        The best of them, and of :data:`CS`, by the error on the 5,000 validation images.
    n_test : int, default=10000
    seed : int, default=0
        Of the images.

    Returns
    -------
    dict
        ``n``, ``C``, ``gamma``, ``validation_error`` and ``error`` in percent, ``grid`` (the validation
        error of each C, by gamma) and ``seconds``.
    """
    began = time.process_time()
    X, y = make_shapeset(n, random_state=seed, start=20_000, dtype="float32")
    (X_val, y_val), (X_test, y_test) = measured_on("validation"), measured_on("test", n_test)
    tried, best = {}, None
    for gamma in gammas:
        machines = PairwiseSVM(gamma, CS).fit(X, y)
        wrong = (machines.predict(X_val) != y_val).mean(axis=1)
        tried[f"{gamma:g}"] = (100 * wrong).round(3).tolist()
        if best is None or wrong.min() < best[0]:
            best = wrong.min(), int(wrong.argmin()), gamma, machines.predict(X_test)
    validation, at, gamma, answers = best
    return {
        "n": n,
        "C": CS[at],
        "gamma": gamma,
        "validation_error": round(100 * float(validation), 3),
        "error": round(100 * float((answers[at] != y_test).mean()), 3),
        "grid": tried,
        "seconds": round(time.process_time() - began, 1),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", required=True, help="numbers of images, such as 1000,20000")
    parser.add_argument("--gammas", help="default: 1, 2, 4, 8 and 16 over 1024")
    given = parser.parse_args(arguments)
    gammas = [float(g) for g in given.gammas.split(",")] if given.gammas else GAMMAS
    for n in map(int, given.sizes.split(",")):
        point = svm_error(n, gammas)
        points = [p for p in kept(RECORD) if p["n"] != n] + [point]
        keep(RECORD, sorted(points, key=lambda p: p["n"]))
        print(json.dumps(point), flush=True)


if __name__ == "__main__":
    main()
