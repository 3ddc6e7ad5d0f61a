"""Each unit by what data make of it: its weights to variance 1, its bias into the middle of the data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.callers import level_of_user
from minnet.common.fields import finite, whole
from minnet.common.types import Array, Matrix, Shape
from minnet.initializers.base import DType, Fans, Initializer, require_matrix
from minnet.initializers.named_scalings import LecunNormal
from minnet.random import Stream
from minnet.random.of_layers import layer_stream

_N_ROWS = 1024  # the standard deviation of a unit is then known to some 3 %


class UnitVariance(Initializer):
    r"""Normal weights, those of each unit divided by the standard deviation of what it makes of data.

    .. math:: W_{ij} = g\, \frac{V_{ij}}{\operatorname{sd}_x \sum_i x_i V_{ij}} ,
              \qquad V_{ij} \sim N(0, 1)

    layer by layer from the input on, where x is the output of the layers below, already scaled. So the
    pre-activation of every unit has the standard deviation g, whatever the scales of the inputs and
    however much they depend on each other. :class:`LSUV` has one number for a whole matrix, and the units
    differ. It is the initialization "std" of RealMLP, whose biases are :class:`Hull`: Holzmüller,
    Grinsztajn and Steinwart 2024, "Better by Default", arXiv:2407.04491.

    Parameters
    ----------
    gain : float, default=1.0
        The standard deviation g.

    Notes
    -----
    Without data it is LeCun's normal law, which does that for inputs of variance 1 that do not depend on
    each other. An estimator's ``fit`` shows it data by itself; for a network call
    :meth:`minnet.Network.adapt` after ``initialize``. It looks at 1024 rows, and sample weights count.
    Columns that are the same number in all of them play no part; where there are no others, the weights
    stay as they were drawn, with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> X = np.random.default_rng(0).normal(size=(500, 3)) * [1, 10, 1000]
    >>> layers = [Dense(4, "silu"), Dense(2)]
    >>> net = Network(layers, loss="squared_error", init="unit_variance").initialize(3, random_state=0)
    >>> (net.adapt(X).layers[0].W.T @ X.T).std(axis=1).round(6)
    array([1., 1., 1., 1.])
    """

    names = ("unit_variance",)

    accepts_sparse = True  # it does not look at targets
    n_rows = _N_ROWS

    gain: float = finite(0, left=False)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return weights of LeCun's normal law."""
        require_matrix(self, shape)
        return LecunNormal(gain=self.gain).draw(shape, stream, dtype, fans)

    def adapt(
        self, network: Any, layer_index: int, X: Any, T: Any, sample_weight: Array | None
    ) -> None:
        """Divide the weights of each unit by the standard deviation of ``X @ W``."""
        layer = _with_weights(self, network, layer_index, X)
        W = layer.W.astype(np.float64)
        varying = _varying(X)
        if varying.any():
            Z = X[:, varying].astype(np.float64) @ W[varying]
            with np.errstate(all="ignore"):
                W = (W * (self.gain / _sds(Z, sample_weight))).astype(layer.W.dtype)
        if not varying.any() or not np.isfinite(W).all():
            warnings.warn(
                f"layers[{layer_index}].W ({type(layer).__name__}) stays as it was drawn: its inputs "
                "are the same in all rows of these data, so UnitVariance has nothing to divide by",
                stacklevel=level_of_user(),
            )
            return
        layer.W = W


class Hull(Initializer):
    r"""Biases that put each unit's zero inside the data: between some rows taken at random.

    .. math:: b_j = - \sum_{k=1}^{K} \lambda_{kj} \sum_i x^{(kj)}_i W_{ij} , \qquad
              \lambda_{kj} = \frac{E_{kj}}{\sum_l E_{lj}} , \qquad E_{kj} \sim \mathrm{Exp}(1)

    for K random rows :math:`x^{(kj)}` of what comes into the layer: minus a random convex combination of
    K pre-activations of the unit. A unit bends, or has its steepest slope, where its pre-activation is 0;
    with biases of 0 that is a hyperplane through the origin for all units, wherever the data are. It is
    the initialization "he+5" of RealMLP: Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default",
    arXiv:2407.04491; Steinwart 2019, "A Sober Look at Neural Network Initializations", arXiv:1903.11482.

    For ``bias_init``, with any ``init``; the weights of the layer are scaled first.

    Parameters
    ----------
    n_points : int, default=5
        K. With 1 each unit's zero is at a row of the data; with many it is near their mean.

    Notes
    -----
    Without data all biases are 0. An estimator's ``fit`` shows it data by itself; for a network call
    :meth:`minnet.Network.adapt` after ``initialize``. It looks at 1024 rows, of which it draws by sample
    weight; the draws follow from the random state of the network.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> X = np.random.default_rng(0).normal(size=(500, 3)) + 100
    >>> layers = [Dense(4, "relu", bias_init="hull"), Dense(1)]
    >>> net = Network(layers, loss="squared_error").initialize(3, random_state=0).adapt(X)
    >>> Z = X @ net.layers[0].W + net.layers[0].b
    >>> bool((Z.min(axis=0) < 0).all() and (Z.max(axis=0) > 0).all())
    True
    """

    names = ("hull",)

    accepts_sparse = True
    draws_kernels = False
    n_rows = _N_ROWS

    n_points: int = whole()

    def __init__(self, n_points: int = 5) -> None:
        self.n_points = n_points

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return zeros."""
        if len(shape) != 1:
            raise ValueError(
                f"Hull makes biases, as bias_init: shape must be (fan_out,), got {shape}"
            )
        return np.zeros(shape, dtype)

    def adapt(
        self, network: Any, layer_index: int, X: Any, T: Any, sample_weight: Array | None
    ) -> None:
        """Set the biases of the layer by its pre-activations on random rows."""
        layer = _with_weights(self, network, layer_index, X)
        Z = X.astype(np.float64) @ layer.W.astype(np.float64)
        stream = layer_stream(network.key, network.layers, layer_index, "hull")
        u, v = stream.uniform((2, self.n_points, Z.shape[1]))
        share = -np.log1p(-u) + np.finfo(np.float64).tiny  # Exp(1), and never 0 in all
        p = np.full(len(Z), 1 / len(Z)) if sample_weight is None else sample_weight
        rows = np.searchsorted(np.cumsum(p), v * np.sum(p), side="right").clip(max=len(Z) - 1)
        points = np.take_along_axis(Z, rows, axis=0)
        layer.b = -(points * (share / share.sum(axis=0))).sum(axis=0)


def _with_weights(initializer: Initializer, network: Any, layer_index: int, X: Matrix) -> Any:
    """Return a layer with pre-activations ``X @ W``, or say that it has none."""
    layer = network.layers[layer_index]
    W = getattr(layer, "W", None)
    if W is None or W.ndim != 2 or len(W) != X.shape[1]:
        raise ValueError(
            f"{type(initializer).__name__} needs a layer that computes X @ W with a weight matrix W of "
            f"shape ({X.shape[1]}, n_outputs), as Dense does; layers[{layer_index}] is {layer!r:.200}"
        )
    return layer


def _varying(X: Matrix) -> Array:
    """Return which columns differ between rows by more than rounding."""
    least, most = X.min(axis=0), X.max(axis=0)
    if sparse.issparse(X):
        least, most = least.toarray().ravel(), most.toarray().ravel()
    with np.errstate(over="ignore"):
        return (most - least) > 16 * np.finfo(X.dtype).eps * np.maximum(abs(least), abs(most))


def _sds(Z: Array, sample_weight: Array | None) -> Array:
    """Return the standard deviation of each column, each row with its weight."""
    largest = np.abs(Z).max(axis=0)
    scaled = Z / largest  # whose squares cannot overflow
    mean = np.average(scaled, axis=0, weights=sample_weight)
    return largest * np.sqrt(np.average(np.square(scaled - mean), axis=0, weights=sample_weight))
