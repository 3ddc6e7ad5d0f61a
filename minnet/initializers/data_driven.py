"""Initializers that look at data: drawn first, then adapted by ``Network.adapt``."""

from __future__ import annotations

import math
import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
from scipy import sparse

from minnet.activations import Identity
from minnet.common.blas import one_blas_thread
from minnet.common.callers import level_of_user
from minnet.common.fields import finite, whole
from minnet.common.ranks import sum_of_ranks
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer
from minnet.initializers.structured import Orthogonal
from minnet.random import Stream

_FEW_ROWS = 500  # no BLAS splits a sum that is so short


class LSUV(Initializer):
    r"""Layer-sequential unit variance: orthonormal weights, scaled by what data make of them.

    .. math:: W \leftarrow \frac{g}{\operatorname{sd} Z} W \quad\text{until}\quad
              \left| \frac{\operatorname{Var} Z}{g^2} - 1 \right| < \text{tol}, \qquad Z = X W + b

    layer by layer from the input on, where X is the output of the layers below, already scaled, and
    the variance is over all units and all samples of the batch. Mishkin & Matas 2016, "All you need
    is a good init", algorithm 1.

    Parameters
    ----------
    tol : float, default=0.1
        How far the variance may be from the one wanted, as a fraction of it.
    max_iter : int, default=10
        How often the weights are scaled at most.
    gain : float, default=1.0
        The standard deviation g of the pre-activations that is wanted; the paper's is 1.

    Notes
    -----
    Without data it is an :class:`Orthogonal` draw. An estimator's ``fit`` shows it data by itself; for
    a network call :meth:`minnet.Network.adapt` after ``initialize``.

    With biases of 0, as in the paper and as ``bias_init="auto"`` has them here, Z is linear in W: the
    first scaling is exact, and the second look only confirms it. Given biases are kept, and more
    rounds may be needed. Where Z does not vary at all, the weights stay as they were drawn, with a
    warning. The defaults are those of the authors' code for Keras. Their code for Caffe has 0.02 and
    20; that for PyTorch compares the standard deviation with ``tol``, not the variance, and shifts the
    biases to a mean of 0 as well.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> X = 3 * np.random.default_rng(0).normal(size=(500, 20))
    >>> layers = [Dense(50, "relu"), Dense(50, "relu"), Dense(3)]
    >>> net = Network(layers, loss="squared_error", init="lsuv").initialize(20, random_state=0)
    >>> print(f"{net.adapt(X).forward(X).std():.6f}")
    1.000000
    """

    names = ("lsuv",)

    accepts_sparse = True  # it does not look at targets

    tol: float = finite(0, left=False)
    max_iter: int = whole()
    gain: float = finite(0, left=False)

    def __init__(self, tol: float = 0.1, max_iter: int = 10, gain: float = 1.0) -> None:
        self.tol = tol
        self.max_iter = max_iter
        self.gain = gain

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return orthonormal weights."""
        return Orthogonal().draw(shape, stream, dtype, fans)

    def adapt(
        self, network: Any, layer_index: int, X: Any, T: Any, sample_weight: Array | None
    ) -> None:
        """Scale the weights of the layer by the standard deviation of ``X @ W + b``."""
        layer = network.layers[layer_index]
        b = getattr(layer, "b", 0.0)
        where = f"layers[{layer_index}].W ({type(layer).__name__})"
        P = X @ layer.W  # what the scaling changes; the bias stays
        for _ in range(self.max_iter):
            sd = _sd(P + b, sample_weight) / self.gain
            if abs(sd * sd - 1) < self.tol:  # ** would raise where it overflows
                return
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                W = layer.W / sd
            if sd == 0 or not np.isfinite(W).all():
                warnings.warn(
                    f"{where} stays as it was drawn: the standard deviation of its pre-activations on "
                    f"these data is {sd * self.gain:g}, so LSUV has nothing to divide by",
                    stacklevel=level_of_user(),
                )
                return
            layer.W = W
            P = P / sd
        sd = _sd(P + b, sample_weight) / self.gain
        if not abs(sd * sd - 1) < self.tol:
            variance = sd * self.gain * (sd * self.gain)
            warnings.warn(
                f"{where} was scaled {self.max_iter} times, and the variance of its pre-activations is "
                f"still {variance:g} where LSUV wants {self.gain**2:g}: too much of it is "
                "that of the biases, which stay as they are",
                stacklevel=level_of_user(),
            )


class OutputPrior(Initializer):
    r"""Output biases at which the network starts out predicting the mean of the targets.

    .. math:: b = \log p \;\text{(softmax)}, \quad \log \frac{p}{1 - p} \;\text{(logistic)}, \quad
              \bar t \;\text{(identity)}, \quad \log \bar t \;\text{(exp)}

    for the share p of each class, or the mean of the targets, under the sample weights. So training
    need not begin by learning how frequent the classes are; with output weights of 0 the first loss
    is the entropy of the classes. Goodfellow, Bengio & Courville 2016, "Deep learning", section 8.4.

    For ``bias_init``. The biases of the other layers are 0.

    Notes
    -----
    Without data all biases are 0. An estimator's ``fit`` shows it data by itself; for a network call
    :meth:`minnet.Network.adapt` after ``initialize``, with targets.

    A class that does not occur, or in a logistic output always does, counts as if half a sample were
    different: its share is 1 / (2 n) for n samples, and a mean of 0 under a logarithm is taken for
    that as well.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(8, "tanh"), Dense(2)], init=["glorot", "zeros"], bias_init="output_prior")
    >>> net = net.initialize(3, random_state=0).adapt(np.eye(3), [0, 0, 1])
    >>> net.predict(np.eye(3))[0].round(4)
    array([0.6667, 0.3333])
    """

    names = ("output_prior",)

    needs_X = False
    accepts_sparse = True
    adapts_by_sums = True
    draws_kernels = False

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return zeros."""
        if len(shape) != 1:
            raise ValueError(
                f"OutputPrior makes biases, as bias_init: shape must be (fan_out,), got {shape}"
            )
        return np.zeros(shape, dtype)

    def adapt(
        self, network: Any, layer_index: int, X: Any, T: Any, sample_weight: Array | None
    ) -> None:
        """Set the biases of the output layer by the targets; leave those of others at 0."""
        layer = network.layers[layer_index]
        if layer is not network.layers[-1] or not hasattr(layer, "b"):
            return
        if T is None:
            raise ValueError(
                "T must be given for OutputPrior, which looks at the targets, got None"
            )
        activation, output = network.activation_above(layer_index), network.loss_.output
        if not isinstance(activation, Identity):
            raise ValueError(
                "OutputPrior needs an output layer without an activation, whose biases are logits, "
                f"got {activation!r}"
            )
        weights = np.ones(T.shape[0]) if sample_weight is None else sample_weight
        p = weights / sum_of_ranks(weights.sum())
        least = 0.5 / sum_of_ranks(np.count_nonzero(p))
        if output == "softmax":
            shares = sum_of_ranks(np.bincount(T, p, minlength=len(layer.b)))
            shares = np.where(shares > 0, shares, least)
            layer.b = np.log(shares / shares.sum())
            return
        with one_blas_thread() if len(p) > _FEW_ROWS else nullcontext():
            mean = p @ (T if sparse.issparse(T) else np.asarray(T, dtype=np.float64))
        mean = sum_of_ranks(mean)
        if output == "logistic":
            mean = np.clip(mean, least, 1 - least)
            layer.b = np.log(mean) - np.log1p(-mean)
        elif output == "exp":
            layer.b = np.log(np.where(mean > 0, mean, least))
        else:
            layer.b = mean


def _sd(Z: Array, sample_weight: Array | None) -> float:
    """Return the standard deviation of all entries, each row with its weight; 0 if it is rounding."""
    largest = float(np.abs(Z).max())
    if largest == 0 or not math.isfinite(largest):
        return largest * 0  # NaN for infinity
    p = (
        np.full(len(Z), 1 / len(Z))
        if sample_weight is None
        else sample_weight / sample_weight.sum()
    )
    scaled = Z.astype(np.float64) / largest  # whose squares cannot overflow
    mean = p @ scaled.mean(axis=1)
    sd = math.sqrt(p @ np.square(scaled - mean).mean(axis=1))
    return largest * sd if sd > 16 * np.finfo(Z.dtype).eps else 0.0
