"""Which initializer makes each array of a network, what it may ask, and what it may see of data."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Self

import numpy as np
from scipy import sparse

from minnet.activations import Activation, Identity, LeakyRelu, name_of
from minnet.common.blas import one_blas_thread
from minnet.common.checks import check_whole
from minnet.common.communicator import fail_together, in_use
from minnet.common.entry import entry
from minnet.common.ranks import joined, of_ranks, place_among_ranks
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.initializers.base import Initializer
from minnet.initializers.spec import auto_initializer, get_initializer
from minnet.random import Stream

__all__ = ["InitializerSupport", "is_bias", "resolve"]

Place = tuple[int, str]  # of an array: index of its layer, and its name

_MAX_ROWS = 4096  # that an initializer sees: the variance of a unit is then known to 2%


class InitializerSupport:
    """Mixin of a network: what initializers may ask of it, and what they see of data."""

    layers: list[Any]
    params: Array
    key: int
    dtype: np.dtype[Any]
    parameter_table: list[Any]
    init_: dict[str, Initializer]
    _check_initialized: Callable[[], None]
    _forward_adapting: Callable[[Any, Any, Any, list[Array]], Array]
    check_batch: Callable[..., tuple[Matrix, Array, Array | None]]

    def activation_below(self, layer_index: int) -> Activation | None:
        """Return the activation whose output comes into a layer, or None if data do.

        Dropout between them does not count, and a linear normalization does: what was below it no
        longer matters.

        Parameters
        ----------
        layer_index : int
            Position among the layers, from 0.

        Examples
        --------
        >>> from minnet import Dense, Dropout, Network
        >>> net = Network([Dense(9, "tanh"), Dropout(), Dense(3)])
        >>> net.activation_below(0), net.activation_below(2)
        (None, Tanh())
        """
        check_whole("layer_index", layer_index, 0, len(self.layers) - 1)
        for below in reversed(self.layers[:layer_index]):
            # A linear normalization has made mean 0 and variance 1 of whatever was below it.
            if below.activation is not None:
                return below.activation
        return None

    def activation_above(self, layer_index: int) -> Activation:
        """Return the activation that the output of a layer goes through.

        Its own; where the layer is linear and normalization or dropout follows, theirs.

        Parameters
        ----------
        layer_index : int
            Position among the layers, from 0.

        Examples
        --------
        >>> from minnet import BatchNorm, Dense, Network
        >>> Network([Dense(9), BatchNorm("relu"), Dense(3)]).activation_above(0)
        Relu()
        """
        check_whole("layer_index", layer_index, 0, len(self.layers) - 1)
        activation = self.layers[layer_index].activation or Identity()
        for above in self.layers[layer_index + 1 :]:
            passes = above.normalizes or above.only_in_training
            if not isinstance(activation, Identity) or not passes:
                break
            activation = above.activation or activation
        return activation

    @entry
    def adapt(
        self,
        X: Matrix,
        T: ArrayLike | Matrix | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Show data to the initializers that look at them, after :meth:`initialize`.

        They are called once, in the order of the layers, as ``adapt(network, layer_index, X, T,
        sample_weight)`` with what comes into their layer, through the layers below as already adapted:
        nothing is dropped, and batch normalization takes the mean and variance of these rows. Where all of
        them say how many rows they need (``n_rows``: 1024 for "unit_variance" and "hull"), they see as
        many as the one that needs most: at random, one out of each of so many equal stretches of the rows
        of positive weight. Otherwise they see 4096 of these rows at most, evenly spaced. No more rows go
        through the layers. One whose ``needs_X`` is False gets None for ``X``, and all rows of ``T`` and
        ``sample_weight``. A sparse ``T`` is made dense for
        initializers whose ``accepts_sparse`` is False. The estimators call this in ``fit``. Without such
        an initializer nothing happens. In a block of :func:`minnet.distributed.together` each process has
        rows of its own, and the initializers see those of all.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like or sparse matrix, default=None
            Targets, as :meth:`loss_and_grad` takes them.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data do not fit or an initializer cannot use them. The network is then as it was.

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import Dense, Network
        >>> X = np.random.default_rng(0).normal(size=(100, 4))
        >>> net = Network([Dense(9, "tanh", init="lsuv"), Dense(1)], "squared_error").initialize(4, 0)
        >>> float((net.adapt(X).layers[0].W.T @ X.T).std().round(6))
        1.0
        """
        self._check_initialized()
        if not any(hasattr(initializer, "adapt") for initializer in self.init_.values()):
            return self
        communicator = in_use()
        before = self.params.copy()
        try:
            with nullcontext() if communicator is None else fail_together(communicator):
                shard = communicator is not None
                batch = self.check_batch(X, T, sample_weight, targets=T is not None, part=shard)
                self._adapt(*batch)
        except BaseException:
            self.params[...] = before
            raise
        return self

    def _adapt(self, X: Matrix, T: Matrix | None, sample_weight: Array | None) -> None:
        waiting: dict[int, list[Any]] = {}
        for row in self.parameter_table:
            initializer = self.init_[row.label]
            of_layer = waiting.setdefault(row.layer, [])
            if hasattr(initializer, "adapt") and initializer not in of_layer:
                of_layer.append(initializer)
        looking = [i for i, these in waiting.items() if any(each.needs_X for each in these)]
        wanted = _rows_wanted([each for i in looking for each in waiting[i] if each.needs_X])
        stream = None if wanted is None else Stream(self.key, "rows of adapt")
        rows = _some_rows(X.shape[0], sample_weight, wanted or _MAX_ROWS, stream)
        Y, t, s = (
            None if a is None else _of_ranks(a[rows])
            for a in (X if looking else None, T, sample_weight)
        )
        p = None if s is None else (s / s.sum()).astype(self.dtype)[:, np.newaxis]
        past: list[Array] = []
        with one_blas_thread() if looking else nullcontext():
            for i, layer in enumerate(self.layers):
                for initializer in waiting.get(i, ()):
                    x, targets, weights = Y, t, s
                    if not initializer.needs_X:
                        x, targets, weights = None, T, sample_weight
                        if not initializer.adapts_by_sums:
                            targets, weights = map(_of_ranks, (T, sample_weight))
                    initializer.adapt(self, i, x, _targets_for(initializer, targets), weights)
                    _check_finite(self, i, initializer)
                if looking and i < looking[-1]:
                    Y = self._forward_adapting(layer, Y, p, past)


def _targets_for(initializer: Any, T: Matrix) -> Matrix:
    """Return targets as an initializer takes them."""
    return T.toarray() if sparse.issparse(T) and not initializer.accepts_sparse else T


def resolve(network: Any, declared: Sequence[dict[str, Any]]) -> dict[Place, Initializer]:
    """Return the initializer of each array: the layer's own, the network's, or by activation.

    Parameters
    ----------
    network : Network
    declared : list of dict of Parameter
        What each layer declares, by name.

    Returns
    -------
    initializers : dict of Initializer
        By (index of the layer, name of the array), as they are for their layer.
    """
    specs = _specs(network, declared)
    initializers = {}
    for (i, name), spec in specs.items():
        label = f"layers[{i}].{name}"
        initializer = get_initializer(spec, name=label)
        try:
            initializers[i, name] = initializer.for_layer(network, i)
        except Exception as error:
            where = f"{label} ({type(network.layers[i]).__name__})"
            if type(error) is not ValueError:
                error.add_note(f"It was raised by the initializer of {where}.")
                raise
            raise ValueError(f"{where}: {error}") from error
    return initializers


def _specs(network: Any, declared: Sequence[dict[str, Any]]) -> dict[Place, Any]:
    """Return what was given or picked for each array, as :func:`get_initializer` takes it."""
    specs = {(i, name): p.init for i, ps in enumerate(declared) for name, p in ps.items()}
    weights = [(i, name) for (i, name) in specs if declared[i][name].is_weight]
    biases = [(i, name) for i, name in specs if is_bias(network.layers[i], name, declared[i][name])]
    for argument, given, places in (
        ("init", network.init, weights),
        ("bias_init", network.bias_init, biases),
    ):
        entries = given if isinstance(given, list | tuple) else [given] * len(places)
        if len(entries) != len(places):
            what = "weight matrix" if places is weights else "bias"
            raise ValueError(
                f"{argument} must have one entry per {what}, the output's included: {len(places)}, got "
                f"{len(entries)}"
            )
        if (
            entries is not given
            and not _is_auto(given)
            and all(specs[p] is not None for p in places)
        ):
            raise ValueError(
                f"{argument} must be left at 'auto' where every layer names its own initializer, got "
                f"{given!r:.200}"
            )
        for position, (place, spec) in enumerate(zip(places, entries, strict=True)):
            if specs[place] is None:
                specs[place] = spec
            elif entries is given and spec is not None:
                raise ValueError(
                    f"{argument}[{position}] must be None, since layers[{place[0]}] names its own "
                    f"initializer {specs[place]!r}, got {spec!r}"
                )
    automatic = [place for place in weights if _is_auto(specs[place])]
    for i, name in automatic:
        first = (i, name) == weights[0]
        specs[i, name] = _auto(network, i, first_layer=first, n_hidden=len(weights) - 1)
    for i, name in biases:
        if _is_auto(specs[i, name]):
            of_layer = [place for place in weights if place[0] == i]
            specs[i, name] = _auto_bias(network.layers, i, specs, of_layer, automatic)
    return specs


def is_bias(layer: Any, name: str, parameter: Any) -> bool:
    """Return whether an array is one of those that a list of ``bias_init`` has entries for.

    That is the bias of a fully connected layer, whoever initializes it, and what else is no weight
    matrix and leaves its initializer to the network.
    """
    if parameter.is_weight:
        return False
    return parameter.init is None or (layer.fully_connected and name == "b")


def _is_auto(spec: Any) -> bool:
    return spec is None or (isinstance(spec, str) and spec == "auto")


def _auto(network: Any, i: int, first_layer: bool, n_hidden: int) -> Initializer:
    """Return the initializer for layer ``i`` by the activation that its output goes through."""
    activation = network.activation_above(i)
    slope = activation.negative_slope if isinstance(activation, LeakyRelu) else 0.0
    return auto_initializer(name_of(activation), slope, first_layer, n_hidden)


def _auto_bias(
    layers: Sequence[Any],
    i: int,
    specs: dict[Place, Any],
    weights: list[Place],
    automatic: list[Place],
) -> Any:
    """Return the law of the layer's weights if it can matter and is meant for biases, or zeros.

    It is meant for them if "auto" picked it or if the initializer says so. With all biases 0 a network
    of odd activations is an odd function, and one of rectifiers has all its kinks in one place: it
    learns the rest of the functions late. An output's bias is learned at once, and batch normalization
    takes a bias away.
    """
    above = layers[i + 1] if i + 1 < len(layers) else None
    if above is None or (above.normalizes and above.differs_in_training):  # by the batch
        return "zeros"
    for place in weights:
        where = f"layers[{i}].{place[1]}"
        if place in automatic or get_initializer(specs[place], name=where).draws_biases:
            return specs[place]
    return "zeros"


def _rows_wanted(initializers: list[Any]) -> int | None:
    """Return how many rows the one needs that needs most; None where one does not say, or none looks."""
    wanted = []
    for each in initializers:
        if each.n_rows is None:
            return None
        wanted.append(check_whole(f"n_rows of {type(each).__name__}", each.n_rows))
    return max(wanted, default=None)


def _of_ranks(values: Any) -> Any:
    """Return the rows that all ranks have; those that are given where there is one."""
    return joined(of_ranks(lambda: values))


def _some_rows(
    n: int, sample_weight: Array | None, most: int, stream: Stream | None
) -> slice | Array:
    """Return at most so many rows of those that have a weight: evenly spaced, or one of each stretch.

    Where several processes have a part of the rows each, they are so many of all, and those of them are
    returned that this one has.
    """
    rows = np.arange(n) if sample_weight is None else np.flatnonzero(sample_weight)
    before, n_all = place_among_ranks(len(rows))
    if sample_weight is None and n_all <= most:
        return slice(None)
    m = min(n_all, most)
    bounds = np.arange(m + 1) * n_all // m
    places = bounds[:-1]
    if stream is not None:
        places = places + (stream.uniform(m) * np.diff(bounds)).astype(np.int64)
    places -= before
    return rows[places[(places >= 0) & (places < len(rows))]]


def _check_finite(network: Any, i: int, initializer: Initializer) -> None:
    for row in network.parameter_table:
        if row.layer == i and not np.isfinite(network.params[row.slice]).all():
            raise ValueError(
                f"{row.label} must be finite after it was adapted to data, got NaN or infinity from "
                f"{initializer!r}"
            )
