"""The map of the phase diagram for an activation; where a network is on it, its frames say."""

import functools
from typing import Any

import numpy as np

from minnet.activations import get_activation
from minnet.common.types import ArrayLike
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
    edge = []
    for b in np.linspace(0, sigma_b[-1], _N_CRITICAL):
        found = find_critical_point(function, b * b)
        if found is not None and np.sqrt(found[0]) <= sigma_w[-1]:
            edge.append(_rounded([np.sqrt(found[0]), b]))
    chi = gradient_factors(function, sigma_w, sigma_b)
    with np.errstate(divide="ignore"):
        scales = 1 / np.abs(np.log(chi))
    return {
        "activation": activation,
        "weight_sd": _rounded(sigma_w),
        "bias_sd": _rounded(sigma_b),
        "slope": [_rounded(row) for row in chi],
        "depth_scale": [_rounded(row) for row in scales],
        "edge": edge,
    }


def _rounded(values: ArrayLike) -> list[float | None]:
    """Return numbers as JSON has them: with some digits, and None for infinity."""
    return [float(f"{v:.{_DIGITS}g}") if np.isfinite(v) else None for v in np.asarray(values)]
