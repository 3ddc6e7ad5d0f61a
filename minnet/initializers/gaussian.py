"""Means over normal numbers, by quadrature: what gains and the theory of deep networks are made of."""

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss

from minnet.common.types import Array

__all__ = ["gaussian_mean", "gaussian_nodes"]

_REACH = 13.0  # standard deviations; beyond it lies less than 1e-37
_PANELS = 52
_NODES = 24

_rule = lru_cache(leggauss)  # its eigenvalue problem takes longer than the sums


def gaussian_nodes(breaks: Iterable[float] = ()) -> tuple[Array, Array]:
    r"""Return nodes and weights with which :math:`E f(z) \approx \sum_i w_i f(z_i)`, z standard normal.

    Gauss-Legendre rules on half standard deviations, cut at ``breaks``, where f may have a kink or a
    jump: Gauss-Hermite rules, which cannot be cut, are right to three digits for a ReLU.

    Parameters
    ----------
    breaks : iterable of float
        In standard deviations.

    Returns
    -------
    z, weights : ndarray of shape (n_nodes,), float64
        Kept for the next call, and so not to be written to.
    """
    return _nodes(tuple(float(b) for b in breaks if -_REACH < b < _REACH))


@lru_cache(maxsize=64)  # theory asks for the same thousands of times
def _nodes(breaks: tuple[float, ...]) -> tuple[Array, Array]:
    edges = np.linspace(-_REACH, _REACH, _PANELS + 1)
    edges = np.unique(np.concatenate([edges, breaks]))
    x, w = _rule(_NODES)
    half = np.diff(edges)[:, np.newaxis] / 2
    z = (edges[:-1, np.newaxis] + half * (x + 1)).ravel()
    weights = (half * w).ravel() * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    weights /= weights.sum()
    z.flags.writeable = weights.flags.writeable = False
    return z, weights


def gaussian_mean(
    function: Callable[[Array], Array], sd: float = 1.0, kinks: Iterable[float] = ()
) -> float:
    r"""Return :math:`E f(\sigma z)`, z standard normal.

    Parameters
    ----------
    function : callable
        Maps an array to an array.
    sd : float
    kinks : iterable of float
        Where ``function`` has kinks or jumps.

    Returns
    -------
    mean : float

    Examples
    --------
    >>> import numpy as np
    >>> round(gaussian_mean(np.square, sd=3.0), 12)
    9.0
    """
    z, weights = gaussian_nodes([k / sd for k in kinks] if sd > 0 else ())
    return float(weights @ np.asarray(function(sd * z), dtype=np.float64))
