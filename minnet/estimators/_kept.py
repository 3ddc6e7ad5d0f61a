"""The backend that predicts, kept from call to call."""

import operator

from minnet.backends import make_backend

__all__ = ["KeptBackend"]


class KeptBackend:
    """Makes a backend when it is first asked for, and again when what it was made of has changed.

    To make one takes longer than to predict one row. Copies and pickles start without.
    """

    def __init__(self):
        self._kept = None

    def get(self, name, network, n_threads):
        """Return the backend ``name`` for ``network``."""
        made_of = _parts(name, network, n_threads)
        kept = self._kept  # read once: other threads may predict too
        if kept is None or not _same(kept[0], made_of):
            kept = self._kept = made_of, make_backend(name, network, n_threads)
        return kept[1]

    def __reduce__(self):
        return KeptBackend, ()


def _same(parts, others):
    """Return whether the parts are the very same objects: fast, and right for arrays too."""
    return len(parts) == len(others) and all(map(operator.is_, parts, others))


def _parts(name, network, n_threads):
    """Return all that may change of what a backend reads of its network when it is made."""
    parts = [name, n_threads, network, network.loss_]
    for layer in network.layers:
        parts += vars(layer).values()
        if layer.activation is not None:
            parts += vars(layer.activation).values()
    return parts
