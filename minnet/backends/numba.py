"""The numba backend: the steps of an epoch through kernels that Numba compiles at first use."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from minnet.backends.hyper import Hyper
from minnet.backends.numpy import NumpyBackend
from minnet.backends.program import CannotLowerError, lower
from minnet.common.types import Array, DTypeLike, Matrix
from minnet.layers import Dense

__all__ = ["NumbaBackend"]


class NumbaBackend(NumpyBackend):
    """Takes the steps of networks of Dense layers compiled; all else is the readable backend's.

    The first training step in a process compiles (some ten seconds), or reads Numba's cache.
    """

    name = "numba"

    def train_steps(
        self, X: Matrix, T: Matrix, weights: Array | None, order: Array | None, start: int, stop: int,
        hyper: Hyper,
    ) -> Array:  # fmt: skip
        """Take the steps ``start`` to ``stop - 1`` of an epoch, in place: see :class:`NumpyBackend`."""
        self.border.check_network()
        self.border.check_steps(X, T, weights, order, start, stop, hyper)
        self.border.check_buffers()
        self.border.check_values(T, order)
        lowered = None
        try:
            lowered = self._compile(X, hyper)
        except CannotLowerError as reason:
            self.fall_back(reason)
        if lowered is None:
            return super().train_steps(X, T, weights, order, start, stop, hyper)
        layers, loops = lowered
        from minnet.backends._numba_kernels import train_steps  # compiles: not before it is needed

        optimizer, network, losses = hyper.optimizer, self.network, np.zeros(stop)
        names = ("momentum", "nesterov", "beta_1", "beta_2", "epsilon")
        given = optimizer.constants()
        clip = np.inf if hyper.clip_value is None else float(hyper.clip_value)
        targets, csr = _targets(T, network.dtype)
        weights = np.empty(0) if weights is None else _plain(weights)
        order = np.empty(0, np.int64) if order is None else _plain(order)
        with self._threads():
            train_steps(network.dtype)(
                layers, loops[-1].address, float(network.alpha), network.params, _plain(X), targets,
                *csr, weights, order, float(hyper.weight_sum), hyper.batch_size, start, stop,
                _plain(hyper.rates), optimizer.compiled == "adam",
                tuple(float(given.get(name, 0)) for name in names), optimizer.state, float(hyper.decay),
                clip, optimizer.step, losses,
            )  # fmt: skip
        optimizer.step += stop - start
        return losses[start:]

    def _compile(self, X: Matrix, hyper: Hyper) -> tuple[Array, list[Any]]:
        """Return the lowered layers and the loops whose addresses they have, the loss's the last."""
        network, optimizer = self.network, hyper.optimizer
        if not isinstance(X, np.ndarray):
            raise CannotLowerError("X is sparse")
        if optimizer.compiled not in ("sgd", "adam"):
            raise CannotLowerError(f"the optimizer is {optimizer!r}")
        if hyper.share is not None:
            raise CannotLowerError("several processes take the steps together")
        if hyper.clip_norm is not None:
            raise CannotLowerError("clip_norm is given")
        layers, _ = lower(network, kinds=(Dense,))
        if layers["precision"].any():
            raise CannotLowerError(f"precision is {network.precision!r}")
        from minnet.backends._numba_losses import loss_loop
        from minnet.user_activations.loops import loops_of

        loops = []
        for layer, row in zip(network.layers, layers, strict=True):
            loops.append(loops_of(layer.activation, network.dtype))
            row["value"], row["slope"] = loops[-1].value_address, loops[-1].slope_address
        return layers, [*loops, loss_loop(network.loss_, network.dtype)]


def _targets(T: Matrix, dtype: DTypeLike) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return targets as rows of bytes, and the arrays of those that are sparse: one of both is empty.

    Of classes the empty one has the network's dtype too: for each other one Numba would compile again.
    """
    if sparse.issparse(T):
        of_rows = np.empty((0, T.shape[1] * T.dtype.itemsize), np.int8)
        return of_rows, (_plain(T.indptr, np.int64), _plain(T.indices, np.int64), _plain(T.data))
    rows = _plain(T.reshape(len(T), -1))
    nothing = np.empty(0, np.int64)
    return rows.view(np.int8), (nothing, nothing, np.empty(0, dtype))


def _plain(array: Array, dtype: DTypeLike | None = None) -> Array:
    """Return the array writable, aligned and contiguous, a view or a copy."""
    return np.require(array, dtype, requirements=["C", "W", "A"])
