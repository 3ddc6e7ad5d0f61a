"""Backends: what runs the steps of a training.

A backend is made for a network and offers ``forward(X)``, ``loss_and_grad(X, T, weights)`` and
``train_steps(X, T, weights, order, start, stop, hyper)``, which changes the network's parameters in
place. ``numpy`` runs the layers' own code and is the one to read; ``cython`` and ``numba`` run the same
steps compiled, from a table of numbers (:mod:`minnet.backends.program`), and leave to ``numpy`` what has
no place in the table.
"""

import functools
import importlib
import importlib.util
from numbers import Integral

from minnet.backends.hyper import Hyper
from minnet.common.configured import suggest

__all__ = ["Hyper", "list_backends", "make_backend"]


#: More would be a mistake, and a system that cannot start them ends the process.
_MOST_THREADS = 1024

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
    if n_threads is not None and (
        not isinstance(n_threads, Integral) or n_threads == 0 or abs(n_threads) > _MOST_THREADS
    ):
        raise ValueError(
            f"n_threads must be None or a whole number other than 0, at most {_MOST_THREADS}, got "
            f"{n_threads!r}"
        )
    available = list_backends()
    if isinstance(name, str) and name == "auto":
        name = available[0]
    if not isinstance(name, str) or name not in available:
        raise ValueError(suggest(name, ["auto", *available], kind="backend"))
    # Imported where used: the compiled ones may not be there, and Numba is slow to import.
    module = importlib.import_module(f"minnet.backends.{name}")
    return getattr(module, f"{name.title()}Backend")(network, n_threads)
