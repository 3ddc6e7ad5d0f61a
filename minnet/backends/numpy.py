"""The readable backend: the layers' own NumPy code, step by step."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minnet.backends.border import Border
from minnet.backends.hyper import Hyper
from minnet.common.part import Part
from minnet.common.types import Array, Matrix
from minnet.descend import descend
from minnet.network import Network

__all__ = ["NumpyBackend", "rows_of_block"]

_log = logging.getLogger("minnet")

# Rows are predicted in blocks whose widest layer takes about this much, so that memory stays bounded.
_BLOCK_BYTES = 16 * 2**20


def rows_of_block(network: Network) -> int:
    """Return how many rows are predicted at once."""
    return max(1, _BLOCK_BYTES // (max(network.sizes) * network.dtype.itemsize))


class NumpyBackend:
    """Runs a network's layers as they are written.

    Parameters
    ----------
    network : Network
        Initialized.
    n_threads : int or None, default=None
        Threads of the BLAS library that NumPy uses; None leaves its setting alone. It splits sums over
        them, so that the last bits depend on how many there are.
    """

    name = "numpy"

    def __init__(self, network: Network, n_threads: int | None = None) -> None:
        self.border = Border(network)
        self.network = network
        self.n_threads = n_threads
        self.fell_back = False

    @property
    def name_in_use(self) -> str:
        """Return the name of the backend whose code takes the steps."""
        return NumpyBackend.name if self.fell_back else self.name

    def fall_back(self, reason: object) -> NumpyBackend:
        """Return self, to run what another backend cannot; the log says so once."""
        if not self.fell_back:
            _log.info("the network runs on the numpy backend: %s", reason)
        self.fell_back = True
        return self

    def forward(self, X: Matrix) -> Array:
        """Return the logits of ``X``, block by block."""
        self.border.check_network()
        X = self.network.check_X(X)
        n_rows, block = X.shape[0], rows_of_block(self.network)
        with self._threads():
            if n_rows <= block:
                return self.network.forward(X)
            Z = np.empty((n_rows, self.network.sizes[-1]), dtype=self.network.dtype)
            for start in range(0, n_rows, block):
                Z[start : start + block] = self.network.forward(X[start : start + block])
            return Z

    def predict(
        self, X: Matrix, pair: bool = False, temperature: float | None = None
    ) -> tuple[Array, bool]:
        """Return predictions of ``X``, and whether all logits are finite.

        Parameters
        ----------
        X : array or CSR matrix
        pair : bool
            Of a single logit z return two columns: what becomes of -z, and of z.
        temperature : float or None
            What the logits are divided by.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self.predictions(self.forward(X), pair, temperature)

    def predict_plain(
        self, X: Any, pair: bool, temperature: float | None, most_bytes: int
    ) -> Array | None:
        """Return predictions in a single compiled look at ``X``; None where that is not possible.

        Then :meth:`predict` is to be asked, of an array that was checked. There is none to be had here.

        Parameters
        ----------
        X : object
            Nobody has looked at it.
        pair, temperature
            See :meth:`predict`.
        most_bytes : int
            That the logits may take.
        """
        return None

    def predictor(self, pair: bool, temperature: float | None) -> Callable[[Array], Array]:
        """Return a function that predicts, without a look at what comes out; see :meth:`predict`."""
        return lambda X: self.predict(X, pair, temperature)[0]

    def predictions(self, Z: Array, pair: bool, temperature: float | None) -> tuple[Array, bool]:
        """Return predictions from logits, and whether these are finite; see :meth:`predict`."""
        predict, finite = self.network.loss_.predict, bool(np.isfinite(Z).all())
        if temperature is not None:
            Z = Z / Z.dtype.type(temperature)
        # Not 1 - p, which is 0 where p rounds to 1.
        return np.hstack([predict(-Z), predict(Z)]) if pair else predict(Z), finite

    def loss_and_grad(
        self,
        X: Matrix,
        T: Matrix,
        weights: Array | None = None,
        weight_sum: float | None = None,
        leads: bool = True,
    ) -> tuple[float, Array]:
        """Return the objective of all rows as one batch, and its flat gradient.

        Parameters
        ----------
        X, T : arrays or CSR matrices
        weights : ndarray of shape (n_samples,) or None
            Sample weights.
        weight_sum : float or None
            Where the rows are those of one of several processes: the sum of the sample weights, or the
            number of rows, of all. What is returned is then what this process, which may have no row,
            adds to objective and gradient. None: there is one process.
        leads : bool
            Whether this process adds the L2 term, which is there once.
        """
        self.border.check_network()
        self.border.check_part(X, T, weights, weight_sum)
        self.border.check_values(T)
        one_of_all, part = None, None
        if weight_sum is not None:  # factors of rows are then 1 / weight_sum
            one_of_all, part = 1, Part(1, lambda numbers: numbers, leads=leads)
        with self._threads():
            return self.network.forward_backward(X, T, weights, one_of_all, weight_sum, part=part)[
                :2
            ]

    def train_steps(
        self,
        X: Matrix,
        T: Matrix,
        weights: Array | None,
        order: Array | None,
        start: int,
        stop: int,
        hyper: Hyper,
    ) -> Array:
        """Take the steps ``start`` to ``stop - 1`` of an epoch, in place.

        Parameters
        ----------
        X, T : arrays or CSR matrices
            The whole data of the fit, as :meth:`minnet.Network.check_batch` returns them. Of sparse
            targets the rows of one batch are made dense at a time.
        weights : ndarray of shape (n_samples,) or None
            Sample weights.
        order : ndarray of shape (n_samples,) or None
            In which order the epoch visits the rows; None means as they lie.
        start, stop : int
            Steps; step ``i`` takes rows ``i * batch_size`` up to ``(i + 1) * batch_size`` of the order.
        hyper : Hyper
            Its ``share`` says where several processes take the steps together; each then calls this with
            its own rows, which may be none, and with the same ``start`` and ``stop``.

        Returns
        -------
        ndarray of shape (stop - start,), float64
            Objective of each batch, times the length of the batch. Shorter if Ctrl-C came: these steps
            were taken, and the others were not. Of several processes it is that of all of them, in the
            network's dtype, and shorter where one of them wanted to stop.

        Raises
        ------
        Exception
            What ``share.sum`` or ``share.stops`` raises. The network and the optimizer are then as after
            the last step that was summed up.
        """
        self.border.check_network()
        self.border.check_steps(X, T, weights, order, start, stop, hyper)
        self.border.check_buffers()
        self.border.check_values(T, order)
        with self._threads():
            return descend(
                self.network,
                hyper.optimizer,
                X,
                T,
                weights,
                order=order,
                batch_size=hyper.batch_size,
                rates=hyper.rates,
                weight_sum=hyper.weight_sum,
                clip_value=hyper.clip_value,
                clip_norm=hyper.clip_norm,
                weight_decay=hyper.weight_decay,
                position=hyper.position,
                start=start,
                stop=stop,
                interrupted=hyper.stopped,
                share=hyper.share,
            )

    def _threads(self) -> AbstractContextManager[object]:
        if self.n_threads is None:
            return nullcontext()
        limits: AbstractContextManager[object] = threadpool_limits(self.n_threads, user_api="blas")
        return limits
