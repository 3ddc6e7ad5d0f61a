"""The classical gain of each activation: what to multiply a standard deviation by."""

from __future__ import annotations

import math
import numbers

from minnet._configured import suggest
from minnet.initializers.base import check_number

_GAINS = {
    "identity": 1.0,
    "linear": 1.0,
    "sigmoid": 1.0,
    "logistic": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.sqrt(2.0 / (1.0 + 0.01**2)),
    "selu": 3.0 / 4.0,
}


def calculate_gain(activation: str, param: float | None = None) -> float:
    r"""Return the gain of an activation in torch's table.

    ======================= ====================================================
    activation              gain
    ======================= ====================================================
    identity, linear        1
    sigmoid, logistic       1
    tanh                    5/3
    relu                    :math:`\sqrt 2`
    leaky_relu              :math:`\sqrt{2 / (1 + a^2)}`, slope a = 0.01
    selu                    3/4
    ======================= ====================================================

    Parameters
    ----------
    activation : str
        Name of the activation.
    param : float, optional
        The negative slope of ``"leaky_relu"``; no other activation has one.

    Returns
    -------
    float
        The factor of the standard deviation.

    Notes
    -----
    5/3 for tanh is torch's convention, not the gain that keeps activations at unit variance: that
    is :math:`1/\sqrt{E \tanh^2 Z} = 1.5925` for standard normal Z. Nor is it the edge of chaos,
    which for tanh without biases is gain 1.

    Examples
    --------
    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if not isinstance(activation, str) or activation not in _GAINS:
        raise ValueError(suggest(activation, _GAINS, kind="activation", where="a gain"))
    if param is None:
        return _GAINS[activation]
    if activation != "leaky_relu":
        raise ValueError(f"param is the slope of 'leaky_relu'; {activation!r} has none")
    check_number("param", param)
    return math.sqrt(2.0 / (1.0 + param**2))


def resolve_gain(gain: float | str) -> float:
    """Return the number of a gain that is a number above 0 or the name of an activation."""
    if isinstance(gain, str):
        return calculate_gain(gain)
    if not isinstance(gain, numbers.Real):
        raise TypeError(f"gain must be a number > 0 or the name of an activation, got {gain!r}")
    check_number("gain", gain, low=0, inclusive=False)
    return float(gain)
