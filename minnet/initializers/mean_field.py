"""Where a deep network with random weights is critical: for initializers and for the theory of the lab."""

import numpy as np
from scipy.optimize import brentq

from minnet.activations import Activation
from minnet.common.types import Array
from minnet.initializers.gaussian import gaussian_mean

__all__ = [
    "critical_point",
    "find_critical_point",
    "mean_square",
    "mean_square_slope",
    "slope_of_map",
]


def mean_square(activation: Activation, q: float) -> float:
    r"""Return :math:`\int D z \, f(\sqrt q z)^2`, z standard normal.

    Parameters
    ----------
    activation : Activation
    q : float
        Variance of the pre-activations.

    Examples
    --------
    >>> from minnet.activations import Relu
    >>> round(mean_square(Relu(), 3.0), 12)
    1.5
    """
    return gaussian_mean(lambda Z: activation(Z) ** 2, np.sqrt(q), activation.kinks)


def mean_square_slope(activation: Activation, q: float) -> float:
    r"""Return :math:`\int D z \, f'(\sqrt q z)^2`, z standard normal."""

    def square_slope(Z: Array) -> Array:
        return activation.derivative(Z, activation(Z)) ** 2

    return gaussian_mean(square_slope, np.sqrt(q), activation.kinks)


def critical_point(activation: Activation, bias_variance: float) -> tuple[float, float]:
    r"""Return the weight variance and the pre-activations' variance at which :math:`\chi_1 = 1`.

    .. math:: \sigma_w^2 \int D z \, f'(\sqrt q z)^2 = 1, \qquad
              q = \sigma_w^2 \int D z \, f(\sqrt q z)^2 + \sigma_b^2

    The smallest q that solves both and does not repel: variances beside it must not run away from it.
    Poole et al. 2016; Schoenholz et al. 2017.

    Parameters
    ----------
    activation : Activation
    bias_variance : float
        :math:`\sigma_b^2`.

    Returns
    -------
    weight_variance, q : float
        :math:`\sigma_w^2` is the fan-in times the variance of a weight. Where
        the activation is 0 at 0 and there are no biases, q is 0 (and any other q does for ReLU, whose
        map leaves each as it is).

    Raises
    ------
    ValueError
        If there is no such point: ReLU has one for a bias variance of 0 only, GELU and SiLU from some
        bias variance on.

    Examples
    --------
    >>> from minnet.activations import Tanh
    >>> weight_variance, q = critical_point(Tanh(), 0.05)
    >>> round(weight_variance, 5), round(q, 4)
    (1.76095, 0.57)
    """
    found = find_critical_point(activation, bias_variance)
    if found is None:
        others = (b for b in _BIAS_VARIANCES if find_critical_point(activation, b) is not None)
        other = next(others, None)
        raise ValueError(
            f"bias_variance must be one at which {activation!r} is critical for some weight variance, "
            f"got {bias_variance!r}: "
            + (
                "none from 0 to 10 was found"
                if other is None
                else f"it may be {other:g}, for example"
            )
        )
    return found


_BIAS_VARIANCES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def find_critical_point(activation: Activation, bias_variance: float) -> tuple[float, float] | None:
    """Return what :func:`critical_point` does, or None."""
    if bias_variance == 0 and abs(float(activation(np.zeros(1))[0])) < 1e-12:
        # Near 0 the activation is a straight line, or two that meet there.
        slope = mean_square_slope(activation, 1e-30 if 0.0 in activation.kinks else 0.0)
        small = 1e-2
        if slope > 0 and mean_square(activation, small) / slope <= small * (1 + 1e-9):
            return 1 / slope, 0.0

    def weight_variance(q: float) -> float:
        slope = mean_square_slope(activation, q)
        return 1 / slope if slope > 0 else np.inf

    def excess(q: float) -> float:
        # The bias variance that makes q the fixed point, less the one wanted.
        return q - weight_variance(q) * mean_square(activation, q) - bias_variance

    grid = np.geomspace(1e-8, 1e4, 121)
    values = np.array([excess(q) for q in grid])
    for k in np.flatnonzero((values[:-1] < 0) != (values[1:] < 0)):
        q = brentq(excess, grid[k], grid[k + 1], xtol=1e-14)
        if slope_of_map(activation, weight_variance(q), q) < 1 + 1e-3:
            return weight_variance(q), q
    return None


def slope_of_map(activation: Activation, weight_variance: float, q: float) -> float:
    r"""Return :math:`\partial q' / \partial q`: above 1, q repels.

    It is :math:`\sigma_w^2 E f f' z / \sqrt q`, which needs no second derivative.
    """

    def product(Z: Array) -> Array:
        Y = activation(Z)
        return Y * activation.derivative(Z, Y) * Z

    return weight_variance * gaussian_mean(product, np.sqrt(q), activation.kinks) / q
