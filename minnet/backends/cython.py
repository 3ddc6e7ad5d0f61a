"""The compiled backend: the steps of an epoch in a single call into minnet_ext."""

import time

import numpy as np

from minnet.backends.hyper import Hyper
from minnet.backends.numpy import NumpyBackend
from minnet.backends.program import CannotLowerError, describe, lower
from minnet.optimizers import SGD, Adam
from minnet_ext import _train, effective_n_threads

__all__ = ["CythonBackend"]

# A call is cut after about this long, so that Ctrl-C is heard.
_SECONDS_A_CALL = 0.2

# A full-batch gradient is summed up over this many rows at a time.
_ROWS_OF_A_GRADIENT = 1024

# Below this many multiplications a step, a second thread costs more than it gives.
_MULTIPLICATIONS_A_THREAD = 300_000


class CythonBackend:
    """Runs a network's steps compiled; what it cannot lower, it leaves to the readable backend.

    Parameters
    ----------
    network : Network
        Initialized.
    n_threads : int or None, default=None
        None takes as many as the steps can use, at most what the machine and its settings allow.
    """

    name = "cython"

    def __init__(self, network, n_threads=None):
        self.network = network
        self.n_threads = n_threads
        self.readable = NumpyBackend(network, n_threads)
        try:
            self.layers, self.loss = lower(network)
        except CannotLowerError as reason:
            self.layers = None
            self.readable.because(reason)

    def forward(self, X):
        """Return the logits of ``X``, a block of rows at a time."""
        network = self.network
        X = network.check_X(X)
        if self.layers is None or not isinstance(X, np.ndarray) or X.shape[0] == 0:
            return self.readable.forward(X)
        Z = np.empty((X.shape[0], network.sizes[-1]), dtype=network.dtype)
        n_threads = self._threads(X.shape[0])
        _train.infer(self.layers.view(np.int8), network.params, network.state, X, Z, n_threads)
        return Z

    def train_steps(self, X, T, weights, order, start, stop, hyper):
        """Take the steps ``start`` to ``stop - 1`` of an epoch, in place.

        See :meth:`minnet.backends.NumpyBackend.train_steps`.
        """
        optimizer = hyper.optimizer
        if (
            self.layers is None
            or type(optimizer) not in (SGD, Adam)
            or not isinstance(X, np.ndarray)
        ):
            sparse = not isinstance(X, np.ndarray)
            reason = "X is sparse" if sparse else f"the optimizer is {optimizer!r}"
            readable = self.readable.because(reason)
            return readable.train_steps(X, T, weights, order, start, stop, hyper)
        first, losses, n_steps = start, np.empty(stop), 1
        while start < stop:
            began = time.perf_counter()
            upto = min(stop, start + n_steps)
            self._call(X, T, weights, order, start, upto, hyper, losses)
            optimizer.step += upto - start
            seconds = (time.perf_counter() - began) / n_steps
            start, n_steps = upto, max(1, int(_SECONDS_A_CALL / max(seconds, 1e-7)))
        # Summed at the end: where the calls are cut must not change a bit.
        return float(losses[first:].sum())

    def loss_and_grad(self, X, T, weights=None):
        """Return the objective of all rows as one batch, and its flat gradient."""
        if self.layers is None or not isinstance(X, np.ndarray):
            return self.readable.loss_and_grad(X, T, weights)
        n_samples = X.shape[0]
        weight_sum = float(n_samples if weights is None else weights.sum())
        # Rows of Dense layers do not know of each other, so a few at a time will do.
        together = n_samples if (self.layers["kind"] != 0).any() else _ROWS_OF_A_GRADIENT
        loss, grads = 0.0, np.zeros_like(self.network.params)
        part = np.zeros_like(grads)
        for first in range(0, n_samples, together):
            rows = slice(first, min(first + together, n_samples))
            n_rows = rows.stop - first
            hyper = Hyper(n_rows, np.zeros(1), SGD(), n_rows, weight_sum)
            hyper.optimizer.prepare(part)
            given = None if weights is None else weights[rows]
            alpha = self.network.alpha if first == 0 else 0.0
            value = np.empty(1)
            self._call(X[rows], T[rows], given, None, 0, 1, hyper, value, alpha, part)
            loss += value[0] / n_rows
            grads += part
        return loss, grads

    def _call(self, X, T, weights, order, start, stop, hyper, losses, alpha=None, gradient=None):
        network = self.network
        _train.train_steps(
            self.layers.view(np.int8),
            self.loss,
            network.alpha if alpha is None else alpha,
            network.params,
            network.state,
            X,
            T if T.ndim == 1 else None,
            T if T.ndim == 2 else None,
            None if weights is None else np.ascontiguousarray(weights, dtype=np.float64),
            None if order is None else np.ascontiguousarray(order, dtype=np.int64),
            hyper.weight_sum,
            hyper.batch_size,
            start,
            stop,
            np.ascontiguousarray(hyper.rates, dtype=np.float64),
            describe(hyper.optimizer),
            hyper.optimizer.state,
            hyper.weight_decay,
            hyper.clip_value,
            hyper.clip_norm,
            hyper.position,
            network.key,
            self._threads(hyper.batch_size),
            losses,
            gradient,
        )

    def _threads(self, batch_size):
        allowed = effective_n_threads(self.n_threads)
        work = 3 * batch_size * sum(int(row["n_in"]) * int(row["n_out"]) for row in self.layers)
        return max(1, min(allowed, work // _MULTIPLICATIONS_A_THREAD))
