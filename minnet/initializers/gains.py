"""Gains: what to multiply a standard deviation by, to make up for an activation."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from minnet.activations import get_activation, list_activations
from minnet.common.checks import check_flag, check_real
from minnet.common.fields import checked
from minnet.common.names import suggest
from minnet.initializers.base import Initializer
from minnet.initializers.gaussian import gaussian_mean

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

    See Also
    --------
    variance_gain : The gain that keeps the second moment, for any activation.

    Notes
    -----
    5/3 for tanh is torch's convention, not the gain that keeps activations at unit variance: that
    is :math:`1/\sqrt{E \tanh^2 Z} = 1.5925` for standard normal Z. Nor is it the edge of chaos,
    which for tanh without biases is gain 1. And 1 for sigmoid makes up for nothing: it loses seven
    tenths of the second moment.

    Examples
    --------
    >>> from minnet.initializers import calculate_gain
    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if not isinstance(activation, str) or activation not in _GAINS:
        what, instead = "the name of an activation", f"variance_gain({activation!r:.50})"
        raise ValueError(_unknown("activation", activation, what, _GAINS, instead))
    if param is None:
        return _GAINS[activation]
    if activation != "leaky_relu":
        raise ValueError(f"param is the slope of 'leaky_relu'; {activation!r} has none")
    param = check_real("param", param)
    return math.sqrt(2.0 / (1.0 + param * param))


def variance_gain(activation: Any, centered: bool = False) -> float:
    r"""Return the gain with which an activation keeps the second moment of standard normal inputs.

    .. math:: g = \frac{1}{\sqrt{E f(Z)^2}}, \qquad
              \text{or } \frac{1}{\sqrt{\operatorname{Var} f(Z)}} \text{ if centered},
              \qquad Z \sim N(0, 1)

    A layer whose inputs are f(Z) has :math:`\operatorname{Var} Z' = n_\text{in} \operatorname{Var} W
    \cdot E f(Z)^2`, so that :math:`\operatorname{Var} W = g^2 / n_\text{in}` gives 1 again. This is
    what ``gain="auto"`` stands for. The mean is computed by quadrature, cut at the kinks of f.

    Parameters
    ----------
    activation : str or Activation
        A name, or an object, also of a class of your own; where its derivative jumps, ``kinks`` should
        say so.
    centered : bool, default=False
        Take the variance instead of the second moment: for what is centred on its way, for example
        by a batch normalization.

    Returns
    -------
    float
        The factor of the standard deviation.

    See Also
    --------
    calculate_gain : torch's table, which is a convention.

    Examples
    --------
    >>> from minnet.initializers import variance_gain
    >>> [round(variance_gain(name), 4) for name in ("tanh", "relu", "sigmoid")]
    [1.5925, 1.4142, 1.8462]

    Of an activation of your own:

    >>> import numpy as np
    >>> from minnet.activations import Activation
    >>> class Sine(Activation):
    ...     needs_Z = True
    ...     def __call__(self, Z):
    ...         return np.sin(Z)
    ...     def derivative(self, Z, Y):
    ...         return np.cos(Z)

    >>> print(f"{variance_gain(Sine()):.4f} {((1 - np.exp(-2)) / 2) ** -0.5:.4f}")
    1.5209 1.5209
    """
    check_flag("centered", centered)
    f = get_activation(activation)
    square = gaussian_mean(lambda Z: f(Z) ** 2, kinks=f.kinks)
    if centered:
        square -= gaussian_mean(f, kinks=f.kinks) ** 2
    if not (1e-24 < square < math.inf):
        what = "variance" if centered else "mean square"
        raise ValueError(
            f"activation must be one whose outputs have a finite {what} above 0 for standard normal "
            f"inputs, got {square:g} for {f!r}"
        )
    return float(f"{1 / math.sqrt(square):.12g}")  # so that all machines draw the same weights


def check_gain(name: str, value: Any) -> Any:
    """Return a gain that is a number, "auto" or the name of an activation, or say what is wrong."""
    if not isinstance(value, str):
        resolve_gain(value)
    elif value != "auto" and value not in _GAINS:
        what = 'a number above 0, "auto" or the name of an activation'
        raise ValueError(_unknown(name, value, what, ["auto", *_GAINS], 'gain="auto"'))
    return value


def _unknown(name: str, value: Any, what: str, options: Iterable[str], instead: str) -> str:
    """Return the sentence for what is not in the table; an activation that it lacks has a gain too."""
    lacking = isinstance(value, str) and value in list_activations()
    what += " in torch's table"
    return suggest(name, value, options, what, instead=instead if lacking else None)


class WithGain(Initializer):
    """Base class of the initializers with a gain that may be left to the layer: ``gain="auto"``."""

    gain: float | str = checked(check_gain)

    def __init__(self, gain: float | str = 1.0) -> None:
        self.gain = gain

    def for_layer(self, network: Any, layer_index: int) -> Initializer:
        """Return the initializer with the gain of what comes into the layer in place of "auto".

        That is :func:`variance_gain` of the activation below, which the weights make up for, and 1 for
        the first layer: standardized data keep their variance.

        Examples
        --------
        >>> from minnet import Dense, Network
        >>> net = Network([Dense(9, "relu"), Dense(9, "tanh")], init={"name": "lecun", "gain": "auto"})
        >>> init = net.initialize(n_features=4, random_state=0).init_
        >>> init["layers[0].W"], init["layers[1].W"]
        (LecunNormal(), LecunNormal(gain=1.41421356237))
        """
        if not isinstance(self.gain, str) or self.gain != "auto":
            return self
        below = network.activation_below(layer_index)
        gain = 1.0 if below is None else variance_gain(below)
        return type(self)(**{**self.get_config(), "gain": gain})


def resolve_gain(gain: float | str) -> float:
    """Return the number of a gain that is a number above 0 or the name of an activation."""
    if isinstance(gain, str):
        if gain == "auto":
            raise ValueError(
                "gain must be a number where no layer is known, got 'auto': only a Network knows what "
                "comes into a layer; variance_gain('relu'), for example, gives the number"
            )
        return calculate_gain(gain)
    if not isinstance(gain, numbers.Real):
        raise TypeError(f"gain must be a number above 0 or the name of an activation, got {gain!r}")
    return check_real("gain", gain, low=0, left=False)
