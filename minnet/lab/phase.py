r"""Where a network is in the phase diagram: sizes of weights and biases, and the factor of gradients."""

from typing import Any

import numpy as np

from minnet.activations import Activation, Identity
from minnet.common.types import Array
from minnet.initializers.mean_field import find_critical_point, mean_square, mean_square_slope
from minnet.lab.weights import law_of_layer
from minnet.network import Network

__all__ = [
    "edge_of_chaos", "gradient_factors", "layer_sizes", "shared_activation", "start_sizes", "unit_of",
]  # fmt: skip

_N_VARIANCES = 240


def unit_of(activation: Activation) -> float:
    """Return one over the largest slope, the unit of both axes: of a sigmoid the edge is far out."""
    Z = np.linspace(-8, 8, 1601)
    return float(1 / np.abs(activation.derivative(Z, activation(Z))).max())


def gradient_factors(activation: Activation, sigma_w: Array, sigma_b: Array) -> Array:
    r"""Return :math:`\chi_1` on a grid, from means at some variances instead of a search at each point.

    A variance q is fixed where :math:`\sigma_b^2 = q - \sigma_w^2 E f^2`, which is solved for q by
    interpolation; the largest q is the stable one, and what lies beyond all of them grows without bound.

    Parameters
    ----------
    activation : Activation
    sigma_w, sigma_b : ndarray of shape (n_w,) and (n_b,)

    Returns
    -------
    chi : ndarray of shape (n_b, n_w)
    """
    variances = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, _N_VARIANCES)])
    squares, slopes = [], []
    for q in variances:
        squares.append(mean_square(activation, q))
        slopes.append(mean_square_slope(activation, q))
    if activation.kinks:  # at a kink itself the slope is of one side
        slopes[0] = slopes[1]
    chi = np.empty((len(sigma_b), len(sigma_w)))
    for column, w in enumerate(np.square(sigma_w)):
        needed = variances - w * np.array(squares)
        # From the right: the lowest so far. Where it rises through sigma_b^2 is the largest fixed point.
        rising = np.minimum.accumulate(needed[::-1])[::-1]
        q = np.interp(np.square(sigma_b), rising, variances)
        chi[:, column] = w * np.interp(np.log1p(1e6 * q), np.log1p(1e6 * variances), slopes)
    return chi


def edge_of_chaos(activation: Activation, sigma_b: Array) -> Array:
    r"""Return the points at which :math:`\chi_1` is 1 at a stable variance.

    Parameters
    ----------
    activation : Activation
    sigma_b : ndarray of shape (n_b,)

    Returns
    -------
    edge : ndarray of shape (n_points, 2)
        Pairs of :math:`\sigma_w` and :math:`\sigma_b`, without those of ``sigma_b`` that have none: a ReLU
        has one at 0 only.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.activations import get_activation
    >>> from minnet.lab.phase import edge_of_chaos
    >>> edge_of_chaos(get_activation("relu"), np.array([0.0, 0.5])).round(3)
    array([[1.414, 0.   ]])
    """
    found = [(find_critical_point(activation, b * b), b) for b in sigma_b]
    return np.array([(np.sqrt(point[0]), b) for point, b in found if point]).reshape(-1, 2)


def shared_activation(network: Network) -> Activation | None:
    """Return the activation of all hidden layers; None for a network that has no place in the diagram.

    Its hidden layers must be Dense, or Dropout, with one activation and no normalization or residual
    block.
    """
    found: set[Any] = {network.layers[i].activation or Identity() for i in _hidden(network)}
    apart = any(layer.normalizes or layer.opens_skip for layer in network.layers)
    return found.pop() if len(found) == 1 and not apart else None


def layer_sizes(network: Network) -> Array:
    r"""Return :math:`\sigma_w` and :math:`\sigma_b` of the layers that are there, trained or not.

    The first layer is left out where there are others: its input is the data.

    Returns
    -------
    sizes : ndarray of shape (n_layers, 2)
        Of no layer where the network has no place in the diagram: see :func:`shared_activation`.
    """
    layers = [network.layers[i] for i in _compared(network)]
    sizes = [
        (np.sqrt(layer.W.shape[0] * layer.W.var(dtype=np.float64)), _rms(layer.b))
        for layer in layers
    ]
    return np.array(sizes).reshape(-1, 2)


def start_sizes(network: Network) -> Array:
    r"""Return :math:`\sigma_w` and :math:`\sigma_b` that the initializers of these layers stand for."""
    sizes = []
    for i in _compared(network):
        of_weights = network.sizes[i] * law_of_layer(network, i, "W")[1]
        mean, variance = law_of_layer(network, i, "b")
        sizes.append((np.sqrt(of_weights), np.sqrt(variance + mean**2)))
    return np.array(sizes).reshape(-1, 2)


def _hidden(network: Network) -> list[int]:
    return [i for i, layer in enumerate(network.layers[:-1]) if layer.fully_connected]


def _compared(network: Network) -> list[int]:
    hidden = _hidden(network) if shared_activation(network) is not None else []
    return hidden[1:] or hidden


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
