"""Initializers that do not look at the shape: constants and independent draws of one law."""

from __future__ import annotations

import math

import numpy as np

from minnet.common.checks import check_real
from minnet.common.fields import finite
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer
from minnet.random import Stream


class Zeros(Initializer):
    r"""All zeros: right for biases, fatal for the weights of a hidden layer.

    .. math:: W_{ij} = 0

    Units that start equal get equal gradients and stay equal for ever. A network without a hidden
    layer has no such symmetry and trains from zeros all the same.

    Examples
    --------
    >>> from minnet.initializers import Zeros
    >>> Zeros()((3,))
    array([0., 0., 0.])
    """

    names = ("zeros",)

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return zeros."""
        return np.zeros(shape, dtype)


class Ones(Initializer):
    r"""All ones, as the scale of a batch normalization.

    .. math:: W_{ij} = 1

    Examples
    --------
    >>> from minnet.initializers import Ones
    >>> Ones()((3,))
    array([1., 1., 1.])
    """

    names = ("ones",)

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return ones."""
        return np.ones(shape, dtype)


class Constant(Initializer):
    r"""The same value everywhere, for example a small positive bias for ReLU.

    .. math:: W_{ij} = \text{value}

    Parameters
    ----------
    value : float, default=0.0
        The value.

    Examples
    --------
    >>> from minnet.initializers import Constant
    >>> Constant(0.1)((3,))
    array([0.1, 0.1, 0.1])
    """

    names = ("constant",)

    value: float = finite()

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return the value everywhere."""
        return np.full(shape, self.value, "float64")


class Uniform(Initializer):
    r"""Uniform between two bounds, whatever the shape.

    .. math:: W_{ij} \sim U(\text{low}, \text{high}), \qquad
              \operatorname{Var} W = \frac{(\text{high} - \text{low})^2}{12}

    Parameters
    ----------
    low, high : float, default=-0.05, 0.05
        The bounds.

    Notes
    -----
    The defaults are Keras's. Lasagne's ``Uniform(r)`` is ``Uniform(-r, r)`` and its ``std`` is
    :meth:`with_std`; Caffe and torch take (0, 1) unless told; JAX's ``uniform(scale)`` is
    ``Uniform(0, scale)``, not centred.

    Examples
    --------
    >>> from minnet.initializers import Uniform
    >>> W = Uniform(-0.1, 0.1)((4, 3), rng=0)
    >>> bool(abs(W).max() <= 0.1)
    True
    """

    names = ("uniform",)

    low: float = finite()
    high: float = finite()

    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        self.low = low
        self.high = high
        if low >= high:
            raise ValueError(f"low must be below high, got low={low!r} and high={high!r}")

    @classmethod
    def with_std(cls, std: float, mean: float = 0.0) -> Uniform:
        r"""Return the uniform law of this mean and standard deviation.

        .. math:: U(\text{mean} - \sqrt 3\, \text{std},\; \text{mean} + \sqrt 3\, \text{std})

        Parameters
        ----------
        std : float
            Standard deviation of the law.
        mean : float, default=0.0
            Its mean.

        Examples
        --------
        >>> from minnet.initializers import Uniform
        >>> Uniform.with_std(1.0)
        Uniform(low=-1.7320508075688772, high=1.7320508075688772)
        """
        check_real("std", std, low=0, left=False)
        check_real("mean", mean)
        half = math.sqrt(3.0) * std
        return cls(mean - half, mean + half)

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return independent uniform values."""
        return stream.uniform(shape, self.low, self.high, dtype)


class Normal(Initializer):
    r"""Normal of a fixed mean and standard deviation, whatever the shape.

    .. math:: W_{ij} \sim N(\text{mean}, \text{std}^2)

    Parameters
    ----------
    mean : float, default=0.0
        The mean.
    std : float, default=0.01
        The standard deviation.

    Notes
    -----
    The default is Lasagne's and JAX's 0.01. Caffe's ``gaussian`` and torch's ``normal_`` have 1,
    Keras's ``RandomNormal`` 0.05.

    Examples
    --------
    >>> from minnet.initializers import Normal
    >>> W = Normal(std=0.02)((200, 100), rng=0)
    >>> print(f"{W.std():.3f}")
    0.020
    """

    names = ("normal", "gaussian")

    mean: float = finite()
    std: float = finite(0)

    def __init__(self, mean: float = 0.0, std: float = 0.01) -> None:
        self.mean = mean
        self.std = std

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return independent normal values."""
        return stream.normal(shape, self.mean, self.std, dtype)


class TruncatedNormal(Initializer):
    r"""Normal, cut at some standard deviations from its mean.

    .. math:: W_{ij} = \text{mean} + \text{std}\, Z_{ij}, \qquad
              Z_{ij} \sim N(0, 1) \text{ given } \text{lower} \le Z_{ij} \le \text{upper}

    Parameters
    ----------
    mean : float, default=0.0
        The mean before the cut.
    std : float, default=0.01
        The standard deviation *before* the cut. It is not corrected: cut at 2 on both sides, the
        values have 0.8796 of it. ``VarianceScaling(distribution="truncated_normal")`` does correct.
    lower, upper : float, default=-2.0, 2.0
        Where to cut, in units of ``std`` from the mean.

    Notes
    -----
    JAX cuts in units of ``std`` as here. In torch's ``trunc_normal_`` the bounds ``a, b`` are the
    values themselves: its ``std=0.02`` with the default bounds of -2 and 2 is not cut at all.

    Examples
    --------
    >>> from minnet.initializers import TruncatedNormal
    >>> W = TruncatedNormal(std=0.1)((200, 100), rng=0)
    >>> bool(abs(W).max() <= 0.2)
    True
    """

    names = ("truncated_normal",)

    mean: float = finite()
    std: float = finite(0)
    lower: float = finite()
    upper: float = finite()

    def __init__(
        self, mean: float = 0.0, std: float = 0.01, lower: float = -2.0, upper: float = 2.0
    ) -> None:
        self.mean = mean
        self.std = std
        self.lower = lower
        self.upper = upper
        if lower >= upper:
            raise ValueError(f"lower must be below upper, got lower={lower!r} and upper={upper!r}")

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return independent values of the cut law."""
        return stream.truncated_normal(shape, self.mean, self.std, self.lower, self.upper, dtype)
