"""The compiled backend: the steps of an epoch in a single call into minnet_ext."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

import minnet_ext
from minnet.backends import formulas
from minnet.backends.hyper import Hyper
from minnet.backends.numpy import NumpyBackend
from minnet.backends.program import (
    USER,
    CannotLowerError,
    lower,
    lower_columns,
    lower_loss,
    lower_optimizer,
)
from minnet.common.checks import check_sparse
from minnet.common.types import Array, Matrix
from minnet.losses import is_own
from minnet.network import Network
from minnet.optimizers import SGD
from minnet.user_activations import CannotCompileError
from minnet_ext import _predictor, _train, effective_n_threads

if getattr(minnet_ext, "table_digest", None) != formulas.digest():
    raise ImportError(
        "minnet_ext was built from another table than minnet/backends/formulas.py: build it again "
        "(`pip install .`, or `make kernels` in a checkout)"
    )

__all__ = ["CythonBackend", "as_read", "threads_worth"]

# A call is cut after about this long, so that Ctrl-C is heard.
_SECONDS_A_CALL = 0.2

# A full-batch gradient is summed up over this many rows at a time.
_ROWS_OF_A_GRADIENT = 1024

# Kinds of layers: those of residual blocks, those in which each row is by itself, and what a Dense above
# takes apart.
_SKIPS = [formulas.LAYER_KINDS.index(name) for name in ("split", "add")]
_OF_ROWS = [
    formulas.LAYER_KINDS.index(name)
    for name in ("dense", "layer_norm", "split", "add", "piecewise_linear")
]
LINKS = {name: code for code, name in enumerate(formulas.LINKS)}
_PIECEWISE = formulas.LAYER_KINDS.index("piecewise_linear")

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
        None takes as many as the steps can use, at most what the machine and its settings allow; one,
        where several processes take steps together and ``OMP_NUM_THREADS`` is not set.
    """

    name = "cython"

    def __init__(self, network: Network, n_threads: int | None = None) -> None:
        self.network = network
        self.n_threads = n_threads
        self.readable = NumpyBackend(network, n_threads)
        self.border = self.readable.border
        self._pace: tuple[Any, int] = None, 1  # what steps were measured, how many a call may take
        self._compile()

    def _compile(self) -> None:
        """Lower the network as it is now."""
        network = self.network
        self._version = self.border.version
        self.layers: Array | None = None
        self.program: Any = None
        try:
            self.layers, _ = lower(network, users_activations=True)
            table, self._functions = _with_functions(self.layers, network)
        except (CannotLowerError, CannotCompileError) as reason:
            self.layers = None
            self.readable.fall_back(reason)
            return
        sizes = network.params.size, network.state.size, network.dtype.itemsize
        widths = np.where(np.isin(table["kind"], _SKIPS), 1, table["n_out"])
        self.products = [int(n) for n in table["n_in"] * widths]
        columns = pieces = None
        if table["kind"][0] == _PIECEWISE:
            columns, pieces = lower_columns(vars(network.layers[0])["columns"], network.dtype)
            # What a step of the Dense above costs: a look at each column, and the change of its weights.
            self.products[:2] = 0, int(4 * table["n_in"][0] * table["n_out"][1])
        self.multiplications = float(sum(self.products))
        self.program = _train.Program(table, *sizes, network.key, columns, pieces)

    def is_ready(self) -> bool:
        """Return whether there is a program for the network as it is now."""
        if self.border.check_network() != self._version:
            self._compile()
        return self.program is not None

    @property
    def name_in_use(self) -> str:
        """Return the name of the backend whose code takes the steps."""
        return self.readable.name if self.readable.fell_back else self.name

    @property
    def steps_a_call(self) -> int:
        """Return how many of the steps that were taken last fit into a call."""
        return self._pace[1]

    def forward(self, X: Matrix) -> Array:
        """Return the logits of ``X``, a block of rows at a time."""
        network = self.network
        if not self.is_ready():
            return self.readable.forward(X)
        return self._infer(network.check_X(X), network.sizes[-1])[0]

    def predict(
        self, X: Matrix, pair: bool = False, temperature: float | None = None
    ) -> tuple[Array, bool]:
        """Return predictions of ``X``, and whether all logits are finite.

        See :meth:`minnet.backends.numpy.NumpyBackend.predict`.
        """
        network = self.network
        link = self._link()
        if link is None:
            with np.errstate(over="ignore", invalid="ignore"):
                return self.readable.predictions(self.forward(X), pair, temperature)
        n_outputs = 2 if pair else network.sizes[-1]
        return self._infer(network.check_X(X), n_outputs, link, pair, temperature or 1.0)

    def predict_plain(
        self, X: Any, pair: bool, temperature: float | None, most_bytes: int
    ) -> Array | None:
        """Return predictions of an array in a single look at it; None where one asks :meth:`predict`.

        See :meth:`minnet.backends.numpy.NumpyBackend.predict_plain`.
        """
        network = self.network
        link = self._link()
        if link is None:
            return None
        return _predictor.predict_plain(
            self.program,
            network.params,
            network.state,
            X,
            most_bytes,
            self.n_threads,
            self.multiplications,
            link,
            pair,
            temperature or 1.0,
        )

    def predictor(self, pair: bool, temperature: float | None) -> Any:
        """Return a function that predicts, of its own numbers and without checks; see :meth:`predict`."""
        network = self.network
        link = self._link()
        if link is None:
            return self.readable.predictor(pair, temperature)
        return _predictor.Predictor(
            self.program,
            network.params,
            network.state,
            self.n_threads,
            self.multiplications,
            link,
            pair,
            temperature or 1.0,
            self._functions,
        )

    def _link(self) -> int | None:
        """Return the code of what becomes of logits; None where compiled code cannot predict."""
        loss = self.network.loss_
        return LINKS.get(loss.output) if is_own(loss) and self.is_ready() else None

    def _infer(self, X: Matrix, n_outputs: int, *options: Any) -> tuple[Array, bool]:
        network, n_rows = self.network, X.shape[0]
        Y = np.empty((n_rows, n_outputs), dtype=network.dtype)
        n_threads = self.threads(n_rows, X)
        read = as_read(X, checked=True)
        return Y, self.program.infer(network.params, network.state, read, Y, n_threads, *options)

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

        See :meth:`minnet.backends.numpy.NumpyBackend.train_steps`.
        """
        network, optimizer = self.network, hyper.optimizer
        ready = self.is_ready()
        self.border.check_steps(X, T, weights, order, start, stop, hyper)
        loss = lower_loss(network.loss_)
        if not ready or loss is None or optimizer.compiled not in formulas.OPTIMIZERS:
            what, part = ("loss", network.loss_) if loss is None else ("optimizer", optimizer)
            readable = self.readable.fall_back(f"the {what} is {part!r}")
            return readable.train_steps(X, T, weights, order, start, stop, hyper)
        if not hyper.rates.flags.carray:
            hyper = replace(hyper, rates=np.require(hyper.rates, requirements=["C", "A"]))
        plain = optimizer.is_plain
        lazy = None
        share = hyper.share
        together = share is not None and share.sum is not None
        unclipped = hyper.clip_value is None and hyper.clip_norm is None
        if sparse.issparse(X) and plain and unclipped and not together:
            # What the first layer's weights must be multiplied with, and their sums of squares.
            lazy = np.zeros(1 + network.sizes[1])
        data = as_read(X), as_read(T, checked=True), as_read(weights), as_read(order)
        batch_size = hyper.batch_size if share is None else share.rows_of_step
        n_threads = self.threads(batch_size, X, lazy is None, together)
        first, losses = start, np.empty(stop)
        steps, n_steps = self._pace
        if steps != (X.shape, batch_size, n_threads, plain):
            steps, n_steps = (X.shape, batch_size, n_threads, plain), 1
        try:
            while start < stop:
                began = time.perf_counter()
                upto = min(stop, start + n_steps)
                taken = self.program.train_steps(
                    loss,
                    network.alpha,
                    network.params,
                    network.state,
                    *data,
                    start,
                    upto,
                    hyper,
                    lower_optimizer(optimizer),
                    n_threads,
                    losses,
                    lazy,
                )
                start += taken
                seconds = (time.perf_counter() - began) / max(1, taken)
                n_steps = max(1, int(_SECONDS_A_CALL / max(seconds, 1e-7)))
                # Several processes end after the same step, and none by itself.
                if self.program.ended if together else hyper.stopped():
                    break
            self._pace = steps, n_steps
        finally:
            if lazy is not None and lazy[0] not in (0, 1):
                W: Array = vars(network.layers[0])["W"]
                W *= W.dtype.type(lazy[0])
        return losses[first:start]

    def loss_and_grad(
        self,
        X: Matrix,
        T: Matrix,
        weights: Array | None = None,
        weight_sum: float | None = None,
        leads: bool = True,
    ) -> tuple[float, Array]:
        """Return the objective of all rows as one batch, and its flat gradient.

        See :meth:`minnet.backends.numpy.NumpyBackend.loss_and_grad`.
        """
        network = self.network
        ready = self.is_ready()
        n_samples = self.border.check_part(X, T, weights, weight_sum)
        loss_of_row = lower_loss(network.loss_)
        if not ready or self.layers is None or loss_of_row is None or not n_samples:
            return self.readable.loss_and_grad(X, T, weights, weight_sum, leads)
        is_part = weight_sum is not None
        if weight_sum is None:
            weight_sum = float(n_samples if weights is None else weights.sum())
        # Rows of such layers do not know of each other, nor of their place, so a few at a time will do.
        apart = bool((np.isin(self.layers["kind"], _OF_ROWS) & (self.layers["rate"] == 0)).all())
        together = _ROWS_OF_A_GRADIENT if apart else n_samples
        loss, grads = 0.0, np.zeros_like(network.params)
        part = np.zeros_like(grads)
        optimizer = SGD()
        optimizer.prepare(part)
        n_threads = self.threads(min(together, n_samples), X, True, is_part)
        for first in range(0, n_samples, together):
            rows = slice(first, min(first + together, n_samples))
            n_rows = rows.stop - first
            value = np.empty(1)
            self.program.train_steps(
                loss_of_row,
                network.alpha if first == 0 and leads else 0.0,
                network.params,
                network.state,
                as_read(X[rows]),
                as_read(T[rows], checked=True),
                None if weights is None else as_read(weights[rows]),
                None,
                0,
                1,
                Hyper(n_rows, np.zeros(1), optimizer, n_rows, weight_sum),
                lower_optimizer(optimizer),
                n_threads,
                value,
                gradient=part,
            )
            loss += value[0] / n_rows
            grads += part
        return loss, grads

    def threads(
        self, batch_size: int, X: Matrix, passes: bool = False, together: bool = False
    ) -> int:
        """Return how many threads the steps are worth; ``passes``: they change all weights.

        Several processes may share a machine's cores, and threads that have none hold all of them up:
        where nobody says how many to take, it is one.
        """
        if together and self.n_threads is None and not os.environ.get("OMP_NUM_THREADS"):
            return 1
        products = self.products
        if sparse.issparse(X):
            weights = products[0] / batch_size if passes else 0
            first = weights + X.nnz / max(1, X.shape[0]) * self.network.sizes[1]
            products = [first, *products[1:]]
        worth = threads_worth(batch_size * sum(products))
        # How many there may be takes longer to find out than a row.
        return 1 if worth == 1 else min(effective_n_threads(self.n_threads), worth)


def threads_worth(products: float) -> int:
    """Return how many threads so many products of a forward pass are worth, in training, at least one."""
    return max(1, int(3 * products) // _MULTIPLICATIONS_A_THREAD)


def _with_functions(layers: Array, network: Network) -> tuple[Array, list[Any]]:
    """Return the table with the addresses of users' activations, and what must live as long as it."""
    layers, functions = layers.copy(), []
    for layer, row in zip(network.layers, layers, strict=True):
        activation: Any = layer.activation
        if row["activation"] == USER:
            loops = activation.compiled(network.dtype)
            row["value"], row["slope"] = loops.value_address, loops.slope_address
            functions.append(loops)
    return layers, functions


def as_read(X: Any, checked: bool = False) -> Any:
    """Return an array as the kernels read it: the arrays of CSR rows, vectors contiguous and aligned."""
    if sparse.issparse(X):
        X = X.tocsr()
        if not checked:
            check_sparse("X", X)  # the kernels read where the indices lead
        narrow = X.indices.dtype == np.int32
        indptr = np.require(X.indptr, np.int64, ["C", "A"])
        indices = np.require(X.indices, np.int32 if narrow else np.int64, ["C", "A"])
        return indptr, indices, np.require(X.data, requirements=["C", "A"])
    if X is None or X.ndim == 2 or (X.flags.c_contiguous and X.flags.aligned):
        return X
    return np.require(X, requirements=["C", "A"])
