"""Backends: what runs the steps of a training.

A backend is made for a network and offers ``forward(X)`` and ``train_steps(X, T, weights, order, start,
stop, hyper)``, which changes the network's parameters in place. ``numpy`` runs the layers' own code and
is the one to read; ``cython`` and ``numba`` run the same steps compiled, from a table of numbers
(:mod:`minnet.backends.program`), and leave to ``numpy`` what has no place in the table.
"""

import functools
import importlib
import importlib.util
from dataclasses import dataclass

import numpy as np

from minnet._configured import suggest
from minnet.optimizers import Optimizer

__all__ = ["Hyper", "list_backends", "make_backend"]


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


#: What each backend needs to be installed; the preferred one first.
_NEEDS = {"cython": "minnet_ext", "numba": "numba", "numpy": "numpy"}


@functools.cache
def list_backends():
    """Return the names of the backends that can run here, the preferred one first.

    Examples
    --------
    >>> list_backends()[-1]
    'numpy'
    """
    return tuple(name for name, module in _NEEDS.items() if importlib.util.find_spec(module))


def make_backend(name, network, n_threads=None):
    """Return the backend ``name`` for ``network``; "auto" is the first of :func:`list_backends`.

    Raises
    ------
    ValueError
        If there is no such backend here.
    """
    available = list_backends()
    if name == "auto":
        name = available[0]
    if name not in available:
        raise ValueError(suggest(name, ["auto", *available], kind="backend"))
    # Imported where used: the compiled ones may not be there, and Numba is slow to import.
    module = importlib.import_module(f"minnet.backends.{name}")
    return getattr(module, f"{name.title()}Backend")(network, n_threads)
