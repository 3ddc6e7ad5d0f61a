"""The compiled backend: the steps of an epoch in a single call into minnet_ext."""

import time

import numpy as np
from scipy import sparse

import minnet_ext
from minnet.backends import formulas
from minnet.backends.hyper import Hyper
from minnet.backends.numpy import NumpyBackend
from minnet.backends.program import USER, CannotLowerError, lower, lower_loss, lower_optimizer
from minnet.common.checks import check_sparse
from minnet.optimizers import SGD
from minnet.user_activations import CannotCompileError
from minnet_ext import _train, effective_n_threads

if getattr(minnet_ext, "table_digest", None) != formulas.digest():
    raise ImportError(
        "minnet_ext was built from another table than minnet/backends/formulas.py: build it again "
        "(`pip install .`, or `make kernels` in a checkout)"
    )

__all__ = ["CythonBackend"]

# A call is cut after about this long, so that Ctrl-C is heard.
_SECONDS_A_CALL = 0.2

# A full-batch gradient is summed up over this many rows at a time.
_ROWS_OF_A_GRADIENT = 1024

# Below this many multiplications a step (some 80 µs), a second thread gives little, and costs much where
# another process wants its CPU: a step has a dozen places at which threads wait for each other.
_MULTIPLICATIONS_A_THREAD = 8_000_000


class CythonBackend:
    """Runs a network's steps compiled; what it cannot lower, it leaves to the readable backend.

    Of sparse inputs (CSR) only the entries are computed with. With plain SGD, a step costs what its
    batch's entries cost, L2 and weight decay included: they are a number that the first layer's weights
    are multiplied with at the end of the epoch. Momentum, Adam and clipping change every weight in every
    step; they are computed exactly, at the cost of a pass over all weights a step.

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
        self._workspace = np.zeros(1, dtype=np.int8)
        self._pace = None, 1  # what steps were measured, and how many of them a call may take
        try:
            self.layers, _ = lower(network, users_activations=True)
            program, self._functions = _with_functions(self.layers, network)
        except (CannotLowerError, CannotCompileError) as reason:
            self.layers = None
            self.readable.because(reason)
        else:
            self._bytes = program.view(np.int8)
            self._products = [int(row["n_in"]) * int(row["n_out"]) for row in self.layers]

    @property
    def ran(self):
        """Return the name of the backend whose code took the steps."""
        return self.readable.ran if self.readable.said else self.name

    def forward(self, X):
        """Return the logits of ``X``, a block of rows at a time."""
        network = self.network
        X = network.check_X(X)
        if self.layers is None or X.shape[0] == 0:
            return self.readable.forward(X)
        Z = np.empty((X.shape[0], network.sizes[-1]), dtype=network.dtype)
        n_threads = self._threads(X.shape[0], X)
        dense, csr = _dense_or_csr(X, checked=True)
        _train.infer(self._bytes, network.params, network.state, dense, csr, Z, n_threads)
        return Z

    def train_steps(self, X, T, weights, order, start, stop, hyper):
        """Take the steps ``start`` to ``stop - 1`` of an epoch, in place.

        See :meth:`minnet.backends.numpy.NumpyBackend.train_steps`.
        """
        optimizer = hyper.optimizer
        loss = lower_loss(self.network.loss_)
        if self.layers is None or loss is None or optimizer.compiled not in formulas.OPTIMIZERS:
            what, part = ("loss", self.network.loss_) if loss is None else ("optimizer", optimizer)
            readable = self.readable.because(f"the {what} is {part!r}")
            return readable.train_steps(X, T, weights, order, start, stop, hyper)
        plain = optimizer.is_plain
        lazy = None
        if sparse.issparse(X) and plain and hyper.clip_value is None and hyper.clip_norm is None:
            # What the first layer's weights must be multiplied with, and their sums of squares.
            lazy = np.zeros(1 + self.network.sizes[1])
        data = _dense_or_csr(X)
        n_threads = self._threads(hyper.batch_size, X, passes=lazy is None)
        first, losses = start, np.empty(stop)
        steps, n_steps = self._pace
        if steps != (X.shape, hyper.batch_size, n_threads, plain):
            steps, n_steps = (X.shape, hyper.batch_size, n_threads, plain), 1
        try:
            while start < stop:
                began = time.perf_counter()
                upto = min(stop, start + n_steps)
                self._call(
                    loss, data, T, weights, order, start, upto, hyper, n_threads, losses, lazy=lazy
                )
                optimizer.step += upto - start
                seconds = (time.perf_counter() - began) / (upto - start)
                start, n_steps = upto, max(1, int(_SECONDS_A_CALL / max(seconds, 1e-7)))
                if hyper.stopped():
                    break
            self._pace = steps, n_steps
        finally:
            if lazy is not None and lazy[0] not in (0, 1):
                W = self.network.layers[0].W
                W *= W.dtype.type(lazy[0])
        return losses[first:start]

    def loss_and_grad(self, X, T, weights=None):
        """Return the objective of all rows as one batch, and its flat gradient."""
        loss_of_row = lower_loss(self.network.loss_)
        if self.layers is None or loss_of_row is None:
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
            data = _dense_or_csr(X[rows])
            n_threads = self._threads(n_rows, X, passes=True)
            self._call(
                loss_of_row, data, T[rows], given, None, 0, 1, hyper, n_threads, value, alpha, part
            )
            loss += value[0] / n_rows
            grads += part
        return loss, grads

    def _call(
        self, loss, data, T, weights, order, start, stop, hyper, n_threads, losses,
        alpha=None, gradient=None, lazy=None,
    ):  # fmt: skip
        network = self.network
        arguments = (
            self._bytes,
            *loss,
            network.alpha if alpha is None else alpha,
            network.params,
            network.state,
            *data,
            T if T.ndim == 1 else None,
            T if T.ndim == 2 else None,
            None if weights is None else np.ascontiguousarray(weights, dtype=np.float64),
            None if order is None else np.ascontiguousarray(order, dtype=np.int64),
            hyper.weight_sum,
            hyper.batch_size,
            start,
            stop,
            np.ascontiguousarray(hyper.rates, dtype=np.float64),
            lower_optimizer(hyper.optimizer),
            hyper.optimizer.state,
            hyper.decay,
            hyper.clip_value,
            hyper.clip_norm,
            hyper.position,
            network.key,
            n_threads,
        )
        results = losses, lazy, gradient
        needed = _train.train_steps(*arguments, self._workspace, *results)
        if needed:
            self._workspace = np.zeros(needed, dtype=np.int8)
            _train.train_steps(*arguments, self._workspace, *results)

    def _threads(self, batch_size, X, passes=False):
        """Return how many threads the steps are worth; ``passes``: they change all weights."""
        allowed = effective_n_threads(self.n_threads)
        products = list(self._products)
        if sparse.issparse(X):
            weights = products[0] / batch_size if passes else 0
            products[0] = weights + X.nnz / X.shape[0] * self.network.sizes[1]
        worth = int(3 * batch_size * sum(products)) // _MULTIPLICATIONS_A_THREAD
        return max(1, min(allowed, worth))


def _with_functions(layers, network):
    """Return the table with the addresses of users' activations, and what must live as long as it."""
    layers, functions = layers.copy(), []
    for layer, row in zip(network.layers, layers, strict=True):
        if row["activation"] == USER:
            loops = layer.activation.compiled(network.dtype)
            row["value"], row["slope"] = loops.value_address, loops.slope_address
            functions.append(loops)
    return layers, functions


def _dense_or_csr(X, checked=False):
    """Return X as the kernels take it: ``X, None``, or None and the arrays of CSR rows."""
    if not sparse.issparse(X):
        return X, None
    X = X.tocsr()
    if not checked:
        check_sparse("X", X)  # the kernels read where the indices lead
    narrow = X.indices.dtype == np.int32
    indptr = np.require(X.indptr, np.int64, ["C", "A"])
    indices = np.require(X.indices, np.int32 if narrow else np.int64, ["C", "A"])
    values = np.require(X.data, requirements=["C", "A"])
    return None, (indptr, indices, values)
