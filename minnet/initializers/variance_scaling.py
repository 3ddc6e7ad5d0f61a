"""One formula, many names: the variance of a weight is a scale divided by a number of units.

:class:`VarianceScaling` takes all of the formula. The names that users know are in ``named_scalings``;
each says in three attributes which scale, mode and distribution it stands for.
"""

from __future__ import annotations

import math

import numpy as np

from minnet.common.checks import check_real, check_whole
from minnet.common.fields import finite, one_of
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer, always_finite, resolve_fans
from minnet.initializers.gains import resolve_gain
from minnet.random import Stream

# The standard deviation of a standard normal variable cut at -2 and 2.
TRUNCATED_STD = 0.87962566103423978

# No draw is so many standard deviations from the mean.
FARTHEST = 10

MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS = ("uniform", "normal", "truncated_normal")


class Scaling(Initializer):
    r"""Base class: weights whose variance is a scale divided by a number of units.

    A subclass has ``scale``, ``mode`` and ``distribution``, as attributes of the class or of its objects;
    see :class:`VarianceScaling`. Some have further factors of the variance,
    :math:`g^2 / (1 + a^2)`, or a cut.

    Attributes
    ----------
    gain : float or str, default=1.0
        The factor g, or the name of an activation in :func:`calculate_gain`.
    negative_slope : float, default=0.0
        The slope a.
    truncated : bool, default=False
        Whether the normal law is cut.
    """

    scale: float
    mode: str
    distribution: str
    gain: float | str = 1.0
    negative_slope: float = 0.0
    truncated: bool = False

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of one weight.

        Parameters
        ----------
        fan_in : int
            Inputs of a unit.
        fan_out : int
            Outputs that an input goes to.

        Examples
        --------
        >>> VarianceScaling(2.0).variance(50, 10)
        0.04
        """
        fan_in, fan_out = check_whole("fan_in", fan_in), check_whole("fan_out", fan_out)
        gain, slope = resolve_gain(self.gain), self.negative_slope
        scale = gain * gain * self.scale / (1.0 + slope * slope)  # infinite where ** raises
        check_real("scale", scale, low=0, left=False)
        fan: float
        if self.mode == "fan_in":
            fan = fan_in
        elif self.mode == "fan_out":
            fan = fan_out
        elif self.mode == "fan_avg":
            fan = (fan_in + fan_out) / 2
        else:
            fan = math.sqrt(fan_in * fan_out)
        return scale / fan

    @always_finite
    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return values whose variance is the scale divided by the fan."""
        std = math.sqrt(self.variance(*resolve_fans(shape, fans)))
        if std > np.finfo(dtype).max / FARTHEST:
            raise ValueError(
                f"{type(self).__name__} must give finite numbers in {dtype}, got a standard deviation of "
                f"{std:g}"
            )
        if self.distribution == "uniform":
            bound = math.sqrt(3.0) * std
            return stream.uniform(shape, -bound, bound, dtype)
        if self.distribution == "normal" and not self.truncated:
            return stream.normal(shape, 0.0, std, dtype)
        return stream.truncated_normal(shape, 0.0, std / TRUNCATED_STD, -2.0, 2.0, dtype)


class VarianceScaling(Scaling):
    r"""Weights whose variance is a scale divided by the fan.

    .. math:: \operatorname{Var} W_{ij} = \frac{\text{scale}}{n}, \qquad
              n = \text{fan}_{in},\; \text{fan}_{out},\;
              \frac{\text{fan}_{in} + \text{fan}_{out}}{2}
              \text{ or } \sqrt{\text{fan}_{in}\, \text{fan}_{out}}

    With :math:`s = \sqrt{\text{scale} / n}` the values are
    :math:`U(-\sqrt 3\, s, \sqrt 3\, s)`, :math:`N(0, s^2)`, or
    :math:`N(0, (s / 0.8796)^2)` cut at two of its standard deviations, whose own standard
    deviation is then exactly :math:`s`.

    Parameters
    ----------
    scale : float, default=1.0
        The variance times the fan.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}, default="fan_in"
        Which fan n is.
    distribution : {"uniform", "normal", "truncated_normal"}, default="normal"
        The shape of the law.

    Notes
    -----
    Keras calls ``"normal"`` what is truncated here, and its and JAX's *normal* initializers of
    Glorot, He and LeCun are truncated; torch's and Lasagne's are not, and minnet's only with
    ``truncated=True``. Caffe's ``variance_norm`` FAN_IN, FAN_OUT and AVERAGE are the first three
    modes; ``fan_geo_avg`` is JAX's.

    Examples
    --------
    >>> from minnet.initializers import VarianceScaling
    >>> W = VarianceScaling(2.0, mode="fan_avg")((300, 100), rng=0)
    >>> print(f"{W.std():.2f}, expected {(2 / 200) ** 0.5:.2f}")
    0.10, expected 0.10
    """

    names = ("variance_scaling",)

    scale: float = finite(0, left=False)
    mode: str = one_of(*MODES)
    distribution: str = one_of(*DISTRIBUTIONS)

    def __init__(
        self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "normal"
    ) -> None:
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
