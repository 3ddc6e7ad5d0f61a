"""The map of the phase diagram for an activation; where a network is on it, its frames say."""

import functools
from typing import Any

import numpy as np

from minnet.activations import get_activation
from minnet.common.plain import plain_numbers
from minnet.lab.phase import edge_of_chaos, gradient_factors, unit_of

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
        ``activation``; ``weight_sd`` and ``bias_sd``, lists of the sizes :math:`\sigma_w` and
        :math:`\sigma_b`; ``slope``, a list for each ``bias_sd`` of :math:`\chi_1` by ``weight_sd``;
        ``depth_scale``, likewise :math:`1 / |\ln \chi_1|`, over how many layers a gradient changes by a
        factor e, None where it does not; ``edge``, pairs of ``weight_sd`` and ``bias_sd`` on the edge of
        chaos, without those that there are none of (ReLU has one at 0).

    Examples
    --------
    >>> from minnet.playground.phase import phase_map
    >>> phase_map("tanh")["edge"][0]
    [1.0, 0.0]
    """
    function = get_activation(activation)
    unit = unit_of(function)
    sigma_w, sigma_b = np.linspace(0, _MOST_W * unit, _N_W), np.linspace(0, _MOST_B * unit, _N_B)
    edge = edge_of_chaos(function, np.linspace(0, sigma_b[-1], _N_CRITICAL))
    chi = gradient_factors(function, sigma_w, sigma_b)
    with np.errstate(divide="ignore"):
        scales = 1 / np.abs(np.log(chi))
    arrays = {
        "weight_sd": sigma_w,
        "bias_sd": sigma_b,
        "slope": chi,
        "depth_scale": scales,
        "edge": edge[edge[:, 0] <= sigma_w[-1]],
    }
    plain = {name: plain_numbers(values, _DIGITS) for name, values in arrays.items()}
    return {"activation": activation} | plain
