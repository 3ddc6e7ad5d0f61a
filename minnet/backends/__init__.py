"""Backends: what runs the steps of a training.

A backend is made for a network and offers ``forward(X)``, ``loss_and_grad(X, T, weights)`` and
``train_steps(X, T, weights, order, start, stop, hyper)``, which changes the network's parameters in
place. ``numpy`` runs the layers' own code and is the one to read; ``cython`` and ``numba`` run the same
steps compiled, from a table of numbers (:mod:`minnet.backends.program`), and leave to ``numpy`` what has
no place in the table.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

from minnet.backends.hyper import Hyper
from minnet.common.checks import is_whole
from minnet.common.names import check_name
from minnet.network import Network

__all__ = ["Hyper", "list_backends", "make_backend"]


def __dir__() -> list[str]:
    return __all__


#: More would be a mistake, and a system that cannot start them ends the process.
MOST_THREADS = 1024

#: All there are, each with what it needs to be installed; the preferred one first.
BACKENDS = {"cython": "minnet_ext", "numba": "numba", "numpy": "numpy"}


@functools.cache
def list_backends() -> tuple[str, ...]:
    """Return the names of the backends that can run here, the preferred one first.

    Examples
    --------
    >>> from minnet.backends import list_backends
    >>> list_backends()[-1]
    'numpy'
    """
    return tuple(name for name, module in BACKENDS.items() if importlib.util.find_spec(module))


def check_backend(name: str, value: Any) -> str:
    """Return the name of a backend that can run here or "auto", or say what there is."""
    return check_name(name, value, ("auto", *list_backends()))


def check_n_threads(name: str, value: Any) -> int | None:
    """Return None or a number of threads, or say what it may be."""
    if value is not None and not is_whole(value, 1, MOST_THREADS):
        raise ValueError(
            f"{name} must be None, which takes all processors, or a whole number from 1 to "
            f"{MOST_THREADS}, got {value!r:.200}"
        )
    return value


def make_backend(name: str, network: Network, n_threads: int | None = None) -> Any:
    """Return the backend ``name`` for ``network``; "auto" is the first of :func:`list_backends`.

    Raises
    ------
    ValueError
        If there is no such backend here.
    """
    check_n_threads("n_threads", n_threads)
    check_backend("backend", name)
    if name == "auto":
        name = list_backends()[0]
    # Imported where used: the compiled ones may not be there, and Numba is slow to import.
    module = importlib.import_module(f"minnet.backends.{name}")
    return getattr(module, f"{name.title()}Backend")(network, n_threads)
