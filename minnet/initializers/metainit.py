r"""MetaInit: the norms of the weights are learned before training, by how a step changes the gradient."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minnet.common.callers import level_of_user
from minnet.common.fields import finite, real, whole
from minnet.common.flat_parameters import check_is_network
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer
from minnet.initializers.named_scalings import GlorotUniform
from minnet.random import Stream
from minnet.random.of_layers import layer_stream

__all__ = ["MetaInit", "gradient_quotient"]

_SMALLEST = 0.1  # of its norm a step leaves at least
_LOOKS = 20  # at how good the norms are, in all steps
_JUDGED = 4  # times the rows of a step


class MetaInit(Initializer):
    r"""Weights whose norms were learned, so that a step of gradient descent changes the gradient little.

    Glorot's uniform law is drawn, and then the norm of each weight matrix, one number a layer, descends
    the gradient quotient

    .. math:: \mathrm{GQ} = \frac1N \Bigl\lVert \frac{g - H g}{g + e} - 1 \Bigr\rVert_1 , \qquad
              e = \pm 10^{-5} \text{ with the sign of } g,

    the mean relative change of the gradient :math:`g` of the weights after a step of rate 1 along it, with
    the Hessian :math:`H`: about 0 for a linear cost, large where signals explode. Each of ``max_iter``
    steps is :math:`\pm` ``learning_rate`` by the sign of the derivative, with momentum, on a new batch of
    normal inputs and random targets: data are not looked at. In the last quarter ``learning_rate`` falls
    to 0, so that the norms settle; the paper's does not. What is returned are the norms of the least
    quotient among the first, the last and some twenty between, on a batch of four times the rows that no
    step is taken on: it is not above that of the draw there. The paper returns the last. Dauphin and
    Schoenholz 2019, "MetaInit: Initializing learning by learning to initialize", algorithm 1.

    Parameters
    ----------
    max_iter : int, default=200
        Steps; the paper takes 500 or more.
    learning_rate : float, default=0.1
        What the first step changes a norm by.
    momentum : float, default=0.9
        At least 0 and below 1.
    batch_size : int, default=32
        Random rows of a step; under batch normalization at least 2.
    gain : float, default=1.0
        Of the law that the weights begin with.

    Notes
    -----
    Without :meth:`minnet.Network.adapt` it is a draw of Glorot's law; an estimator's ``fit`` calls that by
    itself. Then all weight matrices of the network that have an initializer equal to it are scaled
    together. Each step takes 11 gradients in float64 (products of the Hessian and the third derivative are
    differences of gradients), so that the default costs as much as some 2,200 steps of training on 32
    rows; to choose the norms adds less than a tenth. Norms alone cannot make every network nearly linear:
    where the quotient does not fall, as in a residual network of tanh that was tried, the weights stay as
    they were drawn. Where no weight matrix of its own is trained, it warns. The inputs of the network
    should be standardized, as those that it is shown are.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.initializers import MetaInit, gradient_quotient
    >>> rng = np.random.default_rng(0)
    >>> X, T = rng.normal(size=(64, 20)), rng.integers(5, size=64)
    >>> layers = [*(Dense(20, "tanh") for _ in range(5)), Dense(5)]
    >>> net = Network(layers, init=MetaInit(gain=3.0)).initialize(20, random_state=0)
    >>> before = gradient_quotient(net, X, T)
    >>> bool(gradient_quotient(net.adapt(X), X, T) < 0.1 * before)
    True
    """

    names = ("metainit",)

    needs_X = False
    accepts_sparse = True  # it looks at neither
    adapts_by_sums = True

    max_iter: int = whole()
    learning_rate: float = finite(0, left=False)
    momentum: float = real(0, 1)
    batch_size: int = whole()
    gain: float = finite(0, left=False)

    def __init__(
        self,
        max_iter: int = 200,
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        batch_size: int = 32,
        gain: float = 1.0,
    ) -> None:
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.batch_size = batch_size
        self.gain = gain

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return weights of Glorot's uniform law."""
        return GlorotUniform(gain=self.gain).draw(shape, stream, dtype, fans)

    def adapt(
        self, network: Any, layer_index: int, X: Any, T: Any, sample_weight: Array | None
    ) -> None:
        """Scale the weights of all layers with this initializer, where it is asked for the first."""
        its = [row for row in network.parameter_table if network.init_[row.label] == self]
        mine = [row for row in its if row.is_weight and row.trainable]
        if layer_index != (mine or its)[0].layer:
            return
        if not mine:
            warnings.warn(
                f"{self!r} learns nothing: {its[0].label} and the other arrays it is given for are no "
                "weight matrices that are trained; name another initializer, or let a layer be trained",
                UserWarning,
                level_of_user(),
            )
            return
        needs_two = any(
            layer.normalizes and layer.differs_in_training and layer.trainable
            for layer in network.layers
        )
        if needs_two and self.batch_size < 2:
            raise ValueError(
                "batch_size of MetaInit must be at least 2 under batch normalization, which makes one row "
                f"0, got {self.batch_size}"
            )
        stream = layer_stream(network.key, network.layers, layer_index, "metainit")
        copy = network.astype("float64")
        rows = {row.label: row for row in copy.parameter_table}
        own = [rows[row.label] for row in mine]
        speeds = np.zeros(len(own))
        judged = _random_batch(copy, stream, self.max_iter, _JUDGED * self.batch_size)
        every = max(1, self.max_iter // _LOOKS)
        best, least = copy.params.copy(), _judgement(copy, judged)
        for i in range(self.max_iter):
            batch = _random_batch(copy, stream, i, self.batch_size)
            slopes = _slopes(copy, *batch, own)
            if not np.isfinite(slopes).all():
                slopes = np.ones(len(own))  # what explodes is made smaller
            rate = self.learning_rate * min(1.0, 4 * (1 - i / self.max_iter))
            speeds = self.momentum * speeds - rate * np.sign(slopes)
            for row, speed in zip(own, speeds, strict=True):
                W = copy.params[row.slice]
                norm = np.linalg.norm(W)
                if norm > 0:
                    W *= max(1 + speed / norm, _SMALLEST)
            left = self.max_iter - 1 - i
            if left % every == 0 and ((value := _judgement(copy, judged)) <= least):
                best, least = copy.params.copy(), value
        for row, wanted in zip(mine, own, strict=True):
            network.params[row.slice] = best[wanted.slice]


def gradient_quotient(network: Any, X: Any, T: Any, sample_weight: Any = None) -> float:
    r"""Return by how much a step of gradient descent at rate 1 changes the gradient, relatively.

    .. math:: \mathrm{GQ} = \frac1N \Bigl\lVert \frac{g - H g}{g + e} - 1 \Bigr\rVert_1

    over the weights of all layers that are trained, with :math:`e = 10^{-5}` of the sign of :math:`g`;
    see :class:`MetaInit`.

    Parameters
    ----------
    network : Network
        Initialized; it is not changed.
    X : array of shape (n_samples, n_features)
        Inputs, a row for each sample.
    T : array-like
        Targets, as :meth:`minnet.Network.loss_and_grad` takes them.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.

    Returns
    -------
    float

    Examples
    --------
    That of a linear cost is about 0, whatever the weights are:

    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.initializers import gradient_quotient
    >>> net = Network([Dense(1)], loss="absolute_error").initialize(3, random_state=0)
    >>> round(gradient_quotient(net, np.eye(3) + 1, [[9.0], [8.0], [7.0]]), 4)
    0.0
    """
    check_is_network("network", network)
    return _quotient(network, X, T, sample_weight).value


def _quotient(network: Any, X: Any, T: Any, sample_weight: Any = None) -> _Quotient:
    return _Quotient(network.curvature(X, T, sample_weight), network.parameter_table)


class _Quotient:
    """The gradient quotient of a batch, and its gradient."""

    def __init__(self, product: Any, table: Any) -> None:
        trained = [row for row in table if row.trainable]
        sizes = [row.slice.stop - row.slice.start for row in trained]
        self.product = product
        self.places = np.repeat([row.is_weight for row in trained], sizes).astype(bool)
        with np.errstate(over="ignore", invalid="ignore"):
            self.g = np.where(self.places, product.gradient, 0.0)
            self.Hg = self._times(self.g)
            self.below = self.g + np.where(self.g >= 0, 1e-5, -1e-5)
            self.r = np.where(self.places, (self.g - self.Hg) / self.below - 1, 0.0)
        n = max(np.count_nonzero(self.places), 1)
        self.value = float(np.abs(self.r).sum() / n)

    def _times(self, v: Array) -> Array:
        return np.where(self.places, self.product(v), 0.0)

    def gradient(self) -> Array:
        """Return its derivative by the weights, times how many they are."""
        a = np.sign(self.r) / self.below
        b = a * (self.g - self.Hg) / self.below
        third = np.where(self.places, self.product.third(self.g, a), 0.0)
        return self._times(a - b - self._times(a)) - third


def _judgement(network: Any, batch: tuple[Array, Array]) -> float:
    """Return the quotient on a batch; infinite where it is not finite."""
    value = _quotient(network, *batch).value
    return value if np.isfinite(value) else np.inf


def _slopes(network: Any, X: Array, T: Array, rows: list[Any]) -> Array:
    """Return the derivatives of the quotient by the norms of some weight matrices, times a number."""
    quotient = _quotient(network, X, T)
    if not np.isfinite(quotient.value):
        return np.full(len(rows), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = quotient.gradient()
    slopes, start = {}, 0
    for row in network.parameter_table:
        if row.trainable:
            stop = start + row.slice.stop - row.slice.start
            slopes[row.label] = gradient[start:stop] @ network.params[row.slice]
            start = stop
    return np.array([slopes[row.label] for row in rows])


def _random_batch(network: Any, stream: Stream, step: int, n: int) -> tuple[Array, Array]:
    """Return normal inputs, and targets that have nothing to do with them."""
    n_features, n_outputs = network.sizes[0], network.sizes[-1]
    width = n_features + n_outputs
    drawn = stream.normal((n, width), start=2 * step * n * width)
    X, Z = drawn[:, :n_features], drawn[:, n_features:]
    output = network.loss_.output
    if output == "softmax":
        return X, Z.argmax(axis=1)
    if output == "logistic":
        return X, (Z > 0).astype(float)
    return X, np.abs(Z) if output == "exp" else Z
