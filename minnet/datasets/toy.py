"""Small classifications on which one sees a network learn: in the plane, and scikit-learn's digits."""

from __future__ import annotations

import functools

import numpy as np
from sklearn.datasets import make_blobs, make_circles, make_moons

from minnet.common.checks import check_real, check_whole
from minnet.common.entry import entry
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.datasets.digits import load_digits_splits

__all__ = ["CLASSES", "MOST_SAMPLES", "make_toy_data"]

#: How many classes each has.
CLASSES = {"circles": 2, "moons": 2, "spirals": 2, "xor": 2, "blobs": 4, "digits": 10}

MOST_SAMPLES = 1000
_N_TEST = 300
_TURNS = 1.75  # of a spiral
_CENTERS = [[1, 1], [-1, 1], [-1, -1], [1, -1]]


@entry
def make_toy_data(
    name: str, n_samples: int = 400, noise: float = 0.05
) -> tuple[Array, Array, Array, Array]:
    """Make a small classification, the same each time: five in the plane, or scikit-learn's digits.

    Parameters
    ----------
    name : {"circles", "moons", "spirals", "xor", "blobs", "digits"}
        The digits are scikit-learn's, of 64 pixels.
    n_samples : int, default=400
        Rows to train on, at most 1000.
    noise : float, default=0.05
        Standard deviation of what is added to each number, where the largest is about 1; at least 0.

    Returns
    -------
    X, T, X_test, T_test : ndarray
        Inputs in float64 and classes; 300 rows to test on. The inputs of both are scaled by what is known
        of ``X``: to mean 0 and variance 1 in each of the two coordinates, or over all pixels together.

    Examples
    --------
    >>> from minnet.datasets import make_toy_data
    >>> X, T, X_test, T_test = make_toy_data("spirals", n_samples=100)
    >>> X.shape, X_test.shape, X.std(axis=0).round(6)
    ((100, 2), (300, 2), array([1., 1.]))
    """
    check_name("name", name, CLASSES)
    n_samples = check_whole("n_samples", n_samples, 2, MOST_SAMPLES)
    noise = check_real("noise", noise, 0)
    rng = np.random.default_rng(0)
    if name == "digits":
        X, T = _digits()
        rows = np.append(np.arange(n_samples), np.arange(len(X) - _N_TEST, len(X)))
        X, T = X[rows], T[rows]
    else:
        # Each half by itself, so that more rows to train on leave those to test on alone.
        halves = [_in_the_plane(name, n, rng) for n in (_N_TEST, n_samples)]
        X, T = (np.concatenate(part[::-1]) for part in zip(*halves, strict=True))
    X = (
        X
        + noise
        * np.random.default_rng(1).normal(size=(MOST_SAMPLES + _N_TEST, X.shape[1]))[-len(X) :]
    )
    known = X[:n_samples]
    axis = None if name == "digits" else 0
    X = (X - known.mean(axis=axis)) / known.std(axis=axis)
    return X[:n_samples], T[:n_samples], X[n_samples:], T[n_samples:]


def _in_the_plane(name: str, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return points without noise and their classes, which alternate."""
    T = np.arange(n) % CLASSES[name]
    if name == "xor":
        X = rng.uniform(-1, 1, size=(n, 2))
        return X, (X[:, 0] * X[:, 1] > 0).astype(int)
    if name == "spirals":
        radius = np.sqrt(rng.uniform(0.02, 1, size=n))
        angle = 2 * np.pi * _TURNS * radius + np.pi * T
        return radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)]), T
    state = int(rng.integers(2**31))
    if name == "blobs":
        return make_blobs(n, centers=_CENTERS, cluster_std=0.3, random_state=state)[:2]
    if name == "moons":
        return make_moons(n, random_state=state)
    X, T = make_circles(n, factor=0.4, random_state=state)
    return X * rng.uniform(0.7, 1, size=(n, 1)), T


@functools.cache
def _digits() -> tuple[Array, Array]:
    parts = load_digits_splits(dtype="float64")
    X = np.concatenate([parts.X_train, parts.X_valid, parts.X_test])
    return X, np.concatenate([parts.y_train, parts.y_valid, parts.y_test])
