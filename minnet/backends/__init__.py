"""Backends: what runs the steps of a training.

A backend is made for a network and offers ``forward(X)`` and ``train_steps(X, T, weights, order, start,
stop, hyper)``, which changes the network's parameters in place. ``numpy`` runs the layers' own code and
is the one to read.
"""

from dataclasses import dataclass

import numpy as np

from minnet._configured import suggest
from minnet.backends.numpy import NumpyBackend
from minnet.optimizers import Optimizer

__all__ = ["Hyper", "NumpyBackend", "list_backends", "make_backend"]

_BY_NAME = {"numpy": NumpyBackend}


@dataclass(frozen=True)
class Hyper:
    """How the steps of one epoch are taken.

    Attributes
    ----------
    batch_size : int
    rates : ndarray
        Learning rate of each step of the epoch.
    optimizer : Optimizer
    n_samples : int
        Rows of the whole fit.
    weight_sum : float
        Sum of the sample weights of the whole fit.
    position : int
        Samples drawn before this epoch: where the random streams of dropout go on.
    clip_value, clip_norm : float or None
    weight_decay : float
        Decoupled: each step multiplies the weights by ``1 - rate * weight_decay``.
    """

    batch_size: int
    rates: np.ndarray
    optimizer: Optimizer
    n_samples: int
    weight_sum: float
    position: int = 0
    clip_value: float | None = None
    clip_norm: float | None = None
    weight_decay: float = 0.0


def list_backends():
    """Return the names of the backends that can run here, the preferred one first.

    Examples
    --------
    >>> list_backends()
    ['numpy']
    """
    return list(_BY_NAME)


def make_backend(name, network, n_threads=None):
    """Return the backend ``name`` for ``network``; "auto" is the first of :func:`list_backends`.

    Raises
    ------
    ValueError
        If there is no such backend here.
    """
    if name == "auto":
        name = list_backends()[0]
    if name not in _BY_NAME:
        raise ValueError(suggest(name, ["auto", *_BY_NAME], kind="backend"))
    return _BY_NAME[name](network, n_threads)
