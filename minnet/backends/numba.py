"""The numba backend: the steps of an epoch through kernels that Numba compiles at first use."""

import numpy as np

from minnet.backends.numpy import NumpyBackend
from minnet.backends.program import CannotLowerError, lower, lower_loss, lower_optimizer
from minnet.layers import Dense

__all__ = ["NumbaBackend"]


class NumbaBackend:
    """Runs networks of Dense layers compiled, on one thread; others run on the readable backend.

    The first training step in a process compiles (some ten seconds), or reads Numba's cache.

    Parameters
    ----------
    network : Network
        Initialized.
    n_threads : int or None, default=None
        Threads of the readable backend, for what is left to it.
    """

    name = "numba"

    def __init__(self, network, n_threads=None):
        self.network = network
        self.readable = NumpyBackend(network, n_threads)
        self.layers = None
        try:
            self.layers, _ = lower(network, kinds=(Dense,))
        except CannotLowerError as reason:
            self.readable.because(reason)

    @property
    def ran(self):
        """Return the name of the backend whose code took the steps."""
        return self.readable.ran if self.readable.said else self.name

    def forward(self, X):
        """Return the logits of ``X``."""
        return self.readable.forward(X)

    def loss_and_grad(self, X, T, weights=None):
        """Return the objective of all rows as one batch, and its flat gradient."""
        return self.readable.loss_and_grad(X, T, weights)

    def train_steps(self, X, T, weights, order, start, stop, hyper):
        """Take the steps ``start`` to ``stop - 1`` of an epoch, in place.

        See :meth:`minnet.backends.numpy.NumpyBackend.train_steps`.
        """
        optimizer, network = hyper.optimizer, self.network
        known = optimizer.compiled in ("sgd", "adam")
        loss = lower_loss(network.loss_)
        lowered = self.layers is not None and loss is not None and known
        if not lowered or not isinstance(X, np.ndarray) or hyper.clip_norm is not None:
            reason = "clip_norm is given" if known else f"the optimizer is {optimizer!r}"
            reason = reason if isinstance(X, np.ndarray) else "X is sparse"
            reason = reason if loss is not None else f"the loss is {network.loss_!r}"
            readable = self.readable.because(reason)
            return readable.train_steps(X, T, weights, order, start, stop, hyper)
        from minnet.backends._numba_kernels import train_steps  # compiles: not before it is needed

        constants = lower_optimizer(optimizer)
        losses = np.zeros(stop)
        none = np.empty((0, 1), network.dtype)
        # Read-only and strided arrays would each be compiled for again: one type for all.
        train_steps(
            self.layers,
            *loss,
            float(network.alpha),
            network.params,
            _plain(X),
            _plain(T) if T.ndim == 1 else np.empty(0, np.int64),
            none if T.ndim == 1 else _plain(T),
            np.empty(0) if weights is None else _plain(weights),
            np.empty(0, np.int64) if order is None else _plain(order),
            X.shape[0],
            float(hyper.weight_sum),
            hyper.batch_size,
            start,
            stop,
            _plain(hyper.rates),
            constants["kind"],
            tuple(
                float(constants[name])
                for name in ("momentum", "nesterov", "beta_1", "beta_2", "epsilon")
            ),
            optimizer.state,
            float(hyper.decay),
            np.inf if hyper.clip_value is None else float(hyper.clip_value),
            optimizer.step,
            losses,
        )
        optimizer.step += stop - start
        return losses[start:]


def _plain(array):
    """Return the array writable, aligned and contiguous, a view or a copy."""
    return np.require(array, requirements=["C", "W", "A"])
