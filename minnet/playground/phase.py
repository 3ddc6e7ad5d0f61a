"""The map of the phase diagram for an activation; where a network is on it, its frames say."""

import functools
from typing import Any

import numpy as np

from minnet.activations import get_activation
from minnet.initializers.mean_field import find_critical_point
from minnet.lab.phase import gradient_factors, unit_of

__all__ = ["phase_map"]

_MOST_W, _MOST_B = 4.0, 1.5  # over the largest slope of the activation
_N_W, _N_B, _N_CRITICAL = 81, 46, 31
_DIGITS = 4


@functools.lru_cache(maxsize=32)
def phase_map(activation: str) -> dict[str, Any]:
    r"""Return the factor of gradients by the sizes of weights and biases, for the page.

    Parameters
    ----------
    activation : str
        By its name.

    Returns
    -------
    map : dict
        ``activation``; ``sigma_w`` and ``sigma_b``, lists of numbers; ``chi``, a list for each ``sigma_b``
        of :math:`\chi_1` by ``sigma_w``; ``critical``, pairs of ``sigma_w`` and ``sigma_b`` on the edge of
        chaos, without those that there are none of (ReLU has one at 0).

    Examples
    --------
    >>> from minnet.playground.phase import phase_map
    >>> phase_map("tanh")["critical"][0]
    [1.0, 0.0]
    """
    function = get_activation(activation)
    unit = unit_of(function)
    sigma_w, sigma_b = np.linspace(0, _MOST_W * unit, _N_W), np.linspace(0, _MOST_B * unit, _N_B)
    edge = []
    for b in np.linspace(0, sigma_b[-1], _N_CRITICAL):
        found = find_critical_point(function, b * b)
        if found is not None and np.sqrt(found[0]) <= sigma_w[-1]:
            edge.append([_rounded(np.sqrt(found[0])), _rounded(b)])
    chi = gradient_factors(function, sigma_w, sigma_b)
    return {
        "activation": activation,
        "sigma_w": [_rounded(w) for w in sigma_w],
        "sigma_b": [_rounded(b) for b in sigma_b],
        "chi": [[_rounded(value) for value in row] for row in chi],
        "critical": edge,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
