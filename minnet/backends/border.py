"""The border: what the steps of a backend rely on is compared before each call.

Python may hold wrong things: a network that was initialized anew, an optimizer that was made for another
one, data of another fit. Compiled code would read and write beyond its arrays, so nothing passes here that
it does not bear. What is said of data costs no pass over them; rows of ``order`` and class indices are
looked at where they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import index, is_
from typing import Any

import numpy as np
from scipy import sparse

from minnet.activations import Activation
from minnet.backends.hyper import Hyper
from minnet.backends.share import Share
from minnet.common.bf16 import rounds_products
from minnet.common.buffers import ParameterViews, offset_in
from minnet.common.checks import check_sparse
from minnet.common.flat_parameters import check_is_network
from minnet.common.types import Array, Matrix
from minnet.layers import Layer
from minnet.losses import Loss
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.parameter_table import ParameterRow, refresh_table

__all__ = ["Border", "check_rates"]

#: What may change on a live layer; who has compiled the old value is told.
_WATCHED = (
    "units",
    "activation",
    "trainable",
    "lr_factor",
    "bias_lr_factor",
    "decay_factor",
    "rate",
    "code_dropout",
    "momentum",
    "epsilon",
)

#: Counts beyond it would overflow in sums of two.
_MOST = 2**62


class Border:
    """Compares calls with the network that a backend was made for.

    Parameters
    ----------
    network : Network
        Initialized.

    Attributes
    ----------
    version : int
        Goes up when the configuration of a layer has changed: what was compiled from it is then out of
        date.

    Examples
    --------
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(3)]).initialize(2)
    >>> border = Border(net)
    >>> net.layers[0].lr_factor = 0.5
    >>> border.check_network()
    1
    >>> net = net.initialize(2)
    >>> border.check_network()
    Traceback (most recent call last):
        ...
    ValueError: the network was initialized anew, or its params replaced: make a new Trainer or backend
    """

    def __init__(self, network: Network) -> None:
        check_is_network("network", network)
        network._check_initialized()
        self.network = network
        self.version = 0
        self._params, self._state = network.params, network.state
        self._shapes = network.params.shape, network.state.shape
        self._made = list(network.sizes), network.key
        self._dtype = network.dtype
        self._layers = list(network.layers)
        self._places = {
            (i, name): (offset_in(network.params, getattr(layer, name)), parameter.shape)
            for i, layer in enumerate(self._layers)
            for name, parameter in layer.parameters(network.sizes[i]).items()
        }
        self._rows: list[ParameterRow] | None = None
        self._numbers: list[Any] = []
        self._seen: list[list[Any]] = []
        self._numbers_of: list[Callable[[], Any]] = []
        self._take_over()
        self.version = 0

    def check_network(self) -> int:
        """Return the version, or say in what the network is no longer the one that it was.

        Raises
        ------
        ValueError
            If its buffers, layers, sizes, dtype or key are others, or if a layer has a configuration that
            its class refuses or that does not fit its parameters.
        """
        network = self.network
        if network.params is not self._params or network.state is not self._state:
            raise ValueError(
                "the network was initialized anew, or its params replaced: make a new Trainer or backend"
            )
        layers = network.layers
        if len(layers) != len(self._layers) or not all(map(is_, layers, self._layers)):
            raise ValueError(
                "the layers of the network are not those that it was initialized with: make a new "
                "Network of them, and a new Trainer"
            )
        # The dtype itself: None equals float64.
        if network.dtype is not self._dtype or (network.sizes, network.key) != self._made:
            raise ValueError(
                "sizes, dtype and key of the network must be those that it was initialized with"
            )
        if (
            ParameterViews.n_changes != self._n_changes
            or network.parameter_table != self._rows
            or (self._numbers and self._numbers != [get() for get in self._numbers_of])
        ):
            self._take_over()
        return self.version

    def check_buffers(self) -> None:
        """Say if the buffers were changed in place: compiled steps find it when they take them."""
        dtype = self.network.dtype
        for array, shape in zip((self._params, self._state), self._shapes, strict=True):
            if array.shape != shape or array.dtype != dtype or not array.flags.carray:
                raise ValueError(
                    f"params and state of the network must be writable, contiguous and {dtype} as when it "
                    f"was initialized, got {_described(array)}"
                )

    def check_part(
        self, X: Matrix, T: Matrix, weights: Array | None, weight_sum: float | None
    ) -> int:
        """Return how many rows a batch has, or a part of it whose whole has this sum of weights.

        Raises
        ------
        ValueError, TypeError
            If something is wrong with them, or a layer looks beyond the part.
        """
        if weight_sum is None:
            return self.check_batch(X, T, weights)
        if not 0 < weight_sum < np.inf:
            raise ValueError(f"weight_sum must be finite and above 0, got {weight_sum!r}")
        for layer in self.network.layers:
            if layer.differs_in_training:
                raise ValueError(
                    f"weight_sum must be None for a network with {type(layer).__name__}, whose outputs "
                    f"depend on the other rows or on their place, got {weight_sum!r}"
                )
        return self.check_batch(X, T, weights, may_be_empty=True)

    def check_batch(
        self, X: Matrix, T: Matrix, weights: Array | None, may_be_empty: bool = False
    ) -> int:
        """Return how many rows the data have, or say what is wrong with them.

        They are as :meth:`minnet.Network.check_batch` returns them. One of several processes may have
        none.
        """
        network = self.network
        sizes, dtype = network.sizes, network.dtype
        if isinstance(X, np.ndarray):
            pass
        elif sparse.issparse(X):
            check_sparse("X", X)
            if X.format != "csr" or not network.layers[0].accepts_sparse:
                raise ValueError(
                    f"X must be an array or, for Dense, a CSR matrix, got {_described(X)}"
                )
        else:
            raise TypeError(f"X must be an array or a CSR matrix, got {X!r:.100}")
        shape = X.shape
        fits = len(shape) == 2 and shape[1] == sizes[0] and (shape[0] > 0 or may_be_empty)
        if not fits or X.dtype != dtype:
            raise ValueError(
                f"X must be of {dtype} and have shape (n_samples, {sizes[0]}), got {_described(X)}"
            )
        n = shape[0]
        loss = network.loss_
        if not isinstance(loss, Loss):
            raise TypeError(f"loss_ of the network must be a Loss, got {loss!r:.100}")
        wanted, of = ((n,), np.int64) if loss.output == "softmax" else ((n, sizes[-1]), dtype)
        fits = isinstance(T, np.ndarray)
        if sparse.issparse(T):
            check_sparse("T", T)
            fits = T.format == "csr" and T.ndim == 2
        if not fits or T.shape != wanted or T.dtype != of:
            raise ValueError(
                f"T must be of {np.dtype(of)} and have shape {wanted} for {loss!r}, got {_described(T)}"
            )
        if weights is not None:
            _check_vector("weights", weights, np.float64, n)
        return n

    def check_steps(
        self,
        X: Matrix,
        T: Matrix,
        weights: Array | None,
        order: Array | None,
        start: int,
        stop: int,
        hyper: Hyper,
    ) -> None:
        """Say what is wrong with the arguments of ``train_steps``, if something is.

        Raises
        ------
        ValueError, TypeError
            With the argument, what it was and what it may be.
        """
        share, optimizer = hyper.share, hyper.optimizer
        n = self.check_batch(X, T, weights, may_be_empty=share is not None)
        batch_size = index(hyper.batch_size)
        if share is not None:
            n_steps = _check_share(share, n, weights is not None)
        else:
            n_steps = -(-n // batch_size) if batch_size > 0 else 0
        if not 0 <= index(start) <= index(stop) <= n_steps:
            raise ValueError(
                f"start and stop must be from 0 to the {n_steps} steps of an epoch, got {start} and "
                f"{stop} of {n} rows in batches of {batch_size}"
            )
        if share is not None:
            n_all = share.n_samples
            if hyper.n_samples != n_all:
                raise ValueError(
                    f"n_samples must be the {n_all} rows of all steps of share, got {hyper.n_samples!r}"
                )
        elif hyper.n_samples != n:
            raise ValueError(f"n_samples must be the {n} rows of X, got {hyper.n_samples!r}")
        if not hyper.weight_sum > 0:
            raise ValueError(f"weight_sum must be above 0, got {hyper.weight_sum!r}")
        if not 0 <= index(hyper.position) < _MOST:
            raise ValueError(f"position must be a count, got {hyper.position!r}")
        _check_vector("rates", hyper.rates, np.float64, stop, more=True)
        if order is not None:
            _check_vector("order", order, np.int64, n)
        self.check_optimizer(optimizer)

    def check_values(self, T: Matrix, order: Array | None = None) -> None:
        """Look at all class indices and rows of the order, for who does not where they are read."""
        n_outputs = self.network.sizes[-1]
        if not T.shape[0]:
            return
        if T.ndim == 1 and not 0 <= T.min() <= T.max() < n_outputs:
            raise ValueError(
                f"T must be class indices from 0 to {n_outputs - 1}, got values from {T.min()} "
                f"to {T.max()}"
            )
        n = T.shape[0]
        if order is not None and not 0 <= order.min() <= order.max() < n:
            raise ValueError(f"order must have {n} rows from 0 to {n - 1}")

    def check_optimizer(self, optimizer: Optimizer) -> None:
        """Say what is wrong with an optimizer, or with its state for this network."""
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an Optimizer object, got {optimizer!r:.100}")
        state, dtype = optimizer.state, self.network.dtype
        wanted = (optimizer.n_state, *self._shapes[0])
        fits = isinstance(state, np.ndarray) and state.shape == wanted and state.dtype == dtype
        if state is None or not fits or not state.flags.carray:
            raise ValueError(
                f"the state of {optimizer!r} must be writable, contiguous, of {dtype} and have shape "
                f"{wanted} for this network, got {_described(state)}: make a new Trainer with it, or call "
                "its prepare(network.params)"
            )
        if not 0 <= index(optimizer.step) < _MOST:
            raise ValueError(f"step of {optimizer!r} must be a count, got {optimizer.step!r}")

    def _take_over(self) -> None:
        """Take note of another configuration of the layers, unless it does not fit their parameters."""
        sizes, table = self.network.sizes, self.network.parameter_table
        n_changes = ParameterViews.n_changes
        numbers = [get() for get in self._numbers_of]
        seen = [
            [getattr(layer, name, None) for name in _WATCHED]
            + [_columns_of(layer), rounds_products(layer)]
            for layer in self._layers
        ]
        if (seen, numbers, table) == (self._seen, self._numbers, self._rows):
            self._n_changes = n_changes  # it was a layer of another network
            return
        for i, layer in enumerate(self._layers):
            n_outputs = layer.output_size(sizes[i])
            if n_outputs != sizes[i + 1]:
                raise ValueError(
                    f"layers[{i}] must have {sizes[i + 1]} units as when the network was initialized, got "
                    f"{n_outputs}: call initialize(n_features), and make a new Trainer"
                )
        rows = (
            [row for row in table if isinstance(row, ParameterRow)]
            if isinstance(table, list)
            else []
        )
        places = {(row.layer, row.name): (row.offset, row.shape) for row in rows}
        if places != self._places or len(rows) != len(table):
            raise ValueError("parameter_table must have the rows that the initialization gave it")
        refresh_table(table, self._layers, sizes)
        # Numbers of an activation are not set through its layer: each call looks at them.
        self._numbers_of = [
            partial(getattr, layer.activation, name)
            for layer in self._layers
            if isinstance(layer.activation, Activation)
            for name in layer.activation.get_config()
        ]
        self._numbers = [get() for get in self._numbers_of]
        self._seen, self._rows, self._n_changes = seen, list(table), n_changes
        self.version += 1


def _columns_of(layer: Layer) -> list[Any]:
    """Return what a piecewise linear layer makes of its columns, to be compared with ``==``."""
    columns = getattr(layer, "columns", None)
    if not isinstance(columns, list):
        return []
    return [column.tobytes() if isinstance(column, np.ndarray) else column for column in columns]


def check_rates(rates: Any, n_steps: int) -> Array:
    """Return the rates of an epoch's steps as float64, or say what is wrong with those of a schedule.

    Examples
    --------
    >>> check_rates([0.1], 2)
    Traceback (most recent call last):
        ...
    ValueError: rates of the schedule must be 2 finite numbers of at least 0, got [0.1]
    """
    array = np.asarray(rates)
    if array.shape == (n_steps,) and array.dtype.kind in "fiu":
        array = np.ascontiguousarray(array, dtype=np.float64)
        if array.min() >= 0 and array.max() < np.inf:
            return array
    raise ValueError(
        f"rates of the schedule must be {n_steps} finite numbers of at least 0, got {rates!r:.200}"
    )


def _check_share(share: Share, n: int, weighted: bool) -> int:
    """Return how many steps a share of ``n`` rows has, or say what is wrong with it.

    Raises
    ------
    ValueError, TypeError
    """
    if not isinstance(share, Share):
        raise TypeError(f"share must be a Share or None, got {share!r:.100}")
    n_steps = len(share.lengths) if isinstance(share.lengths, np.ndarray) else 0
    _check_vector("lengths of share", share.lengths, np.int64, n_steps)
    _check_vector("positions of share", share.positions, np.int64, n_steps)
    _check_vector("bounds of share", share.bounds, np.int64, n_steps + 1)
    alone = share.sum is None
    if not callable(share.stops) or not (alone or callable(share.sum)):
        raise TypeError(f"sum and stops of share must be callables, got {share!r:.100}")
    if weighted and not alone:
        _check_vector("weights of share", share.weights, np.float64, n_steps)
        _check_vector("squares of share", share.squares, np.float64, n_steps)
    rows = np.diff(share.bounds)
    within = n_steps and 0 <= share.bounds.min() <= share.bounds.max() <= n
    if not within or rows.min() < 0:
        raise ValueError(
            f"bounds of share must go up from 0 to the {n} rows of X, got {share.bounds!r:.100}"
        )
    fits = rows == share.lengths if alone else (rows <= share.lengths) & (share.lengths > 0)
    if not fits.all() or share.lengths.min() < 1:
        raise ValueError(
            "lengths of share must be at least 1 and the rows of a step, or more where other processes "
            f"have some, got {share.lengths!r:.100}"
        )
    if not 0 <= share.positions.min() <= share.positions.max() < _MOST:
        raise ValueError(f"positions of share must be counts, got {share.positions!r:.100}")
    return n_steps


def _check_vector(name: str, array: Any, dtype: Any, n: int, more: bool = False) -> None:
    fits = isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype == dtype
    if not fits or not (array.shape[0] == n or (more and array.shape[0] >= n)):
        raise ValueError(
            f"{name} must have shape ({n},) and be of {np.dtype(dtype)}, got {_described(array)}"
        )


def _described(array: Any) -> str:
    if isinstance(array, np.ndarray) or sparse.issparse(array):
        return f"{type(array).__name__} of shape {array.shape} and {array.dtype}"
    return f"{array!r:.100}"
