"""The mean and the variance of a weight, for every initializer: what theory needs to know of it."""

from typing import Any

import numpy as np

from minnet.common.checks import check_whole
from minnet.common.types import Shape
from minnet.initializers import (
    Constant,
    EdgeOfChaos,
    Normal,
    Ones,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    Zeros,
    get_initializer,
    materialize,
)
from minnet.initializers.gains import resolve_gain
from minnet.network import Network

__all__ = ["law_of_layer", "weight_mean", "weight_variance"]


def weight_variance(
    initializer: Any, fan_in: int, fan_out: int, shape: Shape | None = None
) -> float:
    r"""Return the variance of a weight under an initializer.

    ========================================= ====================================================
    initializer                               variance
    ========================================= ====================================================
    with ``variance(fan_in, fan_out)``        what that says
    EdgeOfChaos, of biases                    :math:`\sigma_b^2`
    Zeros, Ones, Constant                     0
    Uniform                                   :math:`(\text{high} - \text{low})^2 / 12`
    Normal                                    :math:`\text{std}^2`
    TruncatedNormal                           that of the normal law between its bounds
    Orthogonal                                :math:`g^2 / \max(\text{fan}_{in}, \text{fan}_{out})`
    any other                                 measured: that of the entries of one draw
    ========================================= ====================================================

    Parameters
    ----------
    initializer : str, dict, Initializer, array or callable
        See :func:`minnet.initializers.get_initializer`.
    fan_in, fan_out : int
        Inputs of a unit.
    shape : tuple of int, optional
        Of the array; (fan_in, fan_out) unless given, (fan_out,) for a bias.

    Returns
    -------
    variance : float

    Examples
    --------
    >>> from minnet.lab.theory import weight_variance
    >>> weight_variance("glorot", 300, 100), weight_variance("orthogonal", 300, 100)
    (0.005, 0.0033333333333333335)
    >>> print(f"{weight_variance('truncated_normal', 300, 100) / 0.01**2:.4f}")
    0.7737
    """
    return _law(initializer, fan_in, fan_out, shape)[1]


def weight_mean(initializer: Any, fan_in: int, fan_out: int, shape: Shape | None = None) -> float:
    """Return the mean of a weight under an initializer; see :func:`weight_variance`.

    Mean-field theory is for weights of mean 0.

    Parameters
    ----------
    initializer : str, dict, Initializer or callable
        As ``init`` takes it.
    fan_in : int
        Inputs of a unit.
    fan_out : int
        Outputs that an input goes to.
    shape : tuple of int, default=None
        Of the weights, where an initializer needs it.

    Examples
    --------
    >>> from minnet.lab.theory import weight_mean
    >>> weight_mean("glorot", 300, 100), weight_mean(0.1, 300, 100)
    (0.0, 0.1)
    """
    return _law(initializer, fan_in, fan_out, shape)[0]


def law_of_layer(network: Network, i: int, name: str) -> tuple[float, float]:
    """Return mean and variance of the weights ("W") or biases ("b") of layer ``i``, by its initializer.

    One that looked at data is taken at its word: it is those of the numbers that are there.
    """
    initializer, array = network.init_[f"layers[{i}].{name}"], getattr(network.layers[i], name)
    if hasattr(initializer, "adapt"):
        return float(array.mean()), float(array.var())
    law = initializer, network.sizes[i], network.sizes[i + 1], array.shape
    return weight_mean(*law), weight_variance(*law)


def _law(spec: Any, fan_in: int, fan_out: int, shape: Shape | None) -> tuple[float, float]:
    """Return mean and variance."""
    initializer: Any = get_initializer(spec, name="initializer")
    fan_in, fan_out = check_whole("fan_in", fan_in), check_whole("fan_out", fan_out)
    known = type(initializer)
    if known is EdgeOfChaos and shape is not None and len(shape) == 1:
        return 0.0, float(initializer.bias_variance)
    variance = initializer.variance(fan_in, fan_out)
    if variance is not None:
        return 0.0, float(variance)
    if known in (Zeros, Ones, Constant):
        value = {Zeros: 0.0, Ones: 1.0}.get(known, getattr(initializer, "value", 0.0))
        return float(value), 0.0
    if known is Uniform:
        low, high = initializer.low, initializer.high
        return (low + high) / 2, (high - low) ** 2 / 12
    if known is Normal:
        return float(initializer.mean), float(np.square(float(initializer.std)))
    if known is TruncatedNormal:
        from scipy import stats  # slow to import

        mean, variance = stats.truncnorm.stats(initializer.lower, initializer.upper, moments="mv")
        std = initializer.std
        return float(initializer.mean + std * mean), float(std**2 * variance)
    if known is Orthogonal:
        return 0.0, float(np.square(resolve_gain(initializer.gain))) / max(fan_in, fan_out)
    shape = (fan_in, fan_out) if shape is None else shape
    values = materialize(initializer, shape, rng=0, fans=(fan_in, fan_out), name="initializer")
    return float(np.mean(values)), float(np.var(values))
