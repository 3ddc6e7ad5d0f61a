r"""Singular values: of one layer's weights and Jacobian, and of many layers' product.

The Jacobian of a layer :math:`Y = f(X W + b)` by its input is :math:`W D`, with :math:`D` the diagonal
matrix of the derivatives :math:`f'(z)`. Its singular values say how the layer stretches each direction.

Sources: Marchenko & Pastur 1967; Silverstein & Bai 1995 ("On the empirical distribution of eigenvalues of
a class of large dimensional random matrices"); Pennington, Schoenholz & Ganguli 2017
(arXiv:1711.04735).
"""

from typing import Any

import numpy as np
from scipy.special import hyp2f1, ndtri

from minnet.activations import Activation, get_activation
from minnet.common.checks import as_numbers, check_flag, check_real, check_whole
from minnet.common.types import Array, ArrayLike
from minnet.initializers.gaussian import gaussian_nodes

__all__ = [
    "jacobian_density",
    "jacobian_mean_square",
    "jacobian_variance",
    "largest_singular_value",
    "marchenko_pastur",
    "marchenko_pastur_mean",
    "orthogonal_jacobian_density",
    "quarter_circle",
    "quarter_circle_mean",
]

_QUANTILES = 2**16


def quarter_circle(s: ArrayLike, scale: float = 1.0) -> Array:
    r"""Return the density of the singular values of a large square matrix of independent entries.

    .. math:: p(s) = \frac{\sqrt{4 \sigma^2 - s^2}}{\pi \sigma^2}, \quad 0 \le s \le 2 \sigma

    Parameters
    ----------
    s : array_like of float
        Singular values, at least 0.
    scale : float, default=1.0
        :math:`\sigma`, the square root of n times the variance of an entry.

    Returns
    -------
    density : ndarray, shape of ``s``

    See Also
    --------
    marchenko_pastur : The same for matrices that are not square.

    Examples
    --------
    >>> from minnet.lab.theory import quarter_circle
    >>> quarter_circle([0.0, 2.0, 3.0]).round(4)
    array([0.6366, 0.    , 0.    ])
    """
    s, scale = as_numbers("s", s), np.float64(check_real("scale", scale, 0, left=False))
    inside = (s >= 0) & (s <= 2 * scale)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        root = np.sqrt(np.clip(4 * scale**2 - s**2, 0, None))
        return np.where(inside, root / (np.pi * scale**2), 0.0)


def quarter_circle_mean(scale: float = 1.0) -> float:
    r"""Return the mean of the quarter circle, :math:`8 \sigma / 3 \pi`.

    So the mean singular values of about 0.8 and 0.5 that Glorot & Bengio (2010) report for layers'
    Jacobians under the normalized and the standard initialization:

    >>> from minnet.lab.theory import quarter_circle_mean
    >>> round(quarter_circle_mean(1.0), 4), round(quarter_circle_mean(3**-0.5), 4)
    (0.8488, 0.4901)

    Parameters
    ----------
    scale : float, default=1.0
        :math:`\sigma`, half of the largest singular value.
    """
    return 8 * check_real("scale", scale, 0) / (3 * np.pi)


def marchenko_pastur(s: ArrayLike, ratio: float = 1.0, scale: float = 1.0) -> Array:
    r"""Return the density of the singular values of a large matrix of independent entries.

    .. math:: p(s) = \frac{\sqrt{(b^2 - s^2)(s^2 - a^2)}}{\pi \sigma^2 \min(r, 1)\, s}, \quad
              a = \sigma |1 - \sqrt r| \le s \le b = \sigma (1 + \sqrt r)

    of the min(fan_in, fan_out) singular values that such a matrix has; for r = 1 it is the
    :func:`quarter_circle`. Marchenko & Pastur (1967) have it for the squares of the singular values.

    Parameters
    ----------
    s : array_like of float
        Singular values, at least 0.
    ratio : float, default=1.0
        :math:`r`, fan_out / fan_in.
    scale : float, default=1.0
        :math:`\sigma`, the square root of fan_in times the variance of an entry.

    Returns
    -------
    density : ndarray, shape of ``s``

    Examples
    --------
    A layer from 400 to 100 units squeezes no direction by more than one half:

    >>> from minnet.lab.theory import marchenko_pastur
    >>> marchenko_pastur([0.49, 1.0, 1.51], ratio=0.25).round(4)
    array([0.    , 1.2328, 0.    ])
    """
    s = as_numbers("s", s)
    ratio = check_real("ratio", ratio, 0, left=False)
    scale = np.float64(check_real("scale", scale, 0, left=False))
    if ratio == 1:  # the formula is 0 / 0 at 0
        return quarter_circle(s, scale)
    a, b = scale * abs(1 - np.sqrt(ratio)), scale * (1 + np.sqrt(ratio))
    inside = (s > a) & (s < b)
    with np.errstate(over="ignore", invalid="ignore"):
        root = np.sqrt(np.clip((b**2 - s**2) * (s**2 - a**2), 0, None))
        bottom = np.pi * scale**2 * min(ratio, 1) * np.where(inside, s, 1)
    return np.where(inside, root / bottom, 0.0)


def marchenko_pastur_mean(ratio: float = 1.0, scale: float = 1.0) -> float:
    r"""Return the mean of :func:`marchenko_pastur`.

    .. math:: \sigma \sqrt{\max(r, 1)}\; {}_2F_1(-\tfrac12, \tfrac12; 2; \min(r, 1/r))

    the moment of order 1/2 of the law of Marchenko and Pastur. Its mean square is
    :math:`\sigma^2 \max(r, 1)`.

    Parameters
    ----------
    ratio : float, default=1.0
        fan_out / fan_in.
    scale : float, default=1.0
        Square root of fan_in times the variance of an entry.

    Returns
    -------
    mean : float

    Examples
    --------
    >>> from minnet.lab.theory import marchenko_pastur_mean
    >>> round(marchenko_pastur_mean(), 4), round(marchenko_pastur_mean(ratio=0.25), 4)
    (0.8488, 0.9677)
    """
    ratio = check_real("ratio", ratio, 0, left=False)
    scale = check_real("scale", scale, 0, left=False)
    small = min(ratio, 1 / ratio)
    return float(scale * np.sqrt(max(ratio, 1)) * hyp2f1(-0.5, 0.5, 2.0, small))


def jacobian_density(
    s: ArrayLike,
    activation: str | Activation,
    q: float,
    weight_variance: float = 1.0,
    ratio: float = 1.0,
) -> Array:
    r"""Return the density of the singular values of a layer's Jacobian, :math:`W D`.

    The Stieltjes transform :math:`m(z)` of the squared singular values solves

    .. math:: z = -\frac1m + r \int D x \, \frac{t(x)}{1 + t(x)\, m}, \quad
              t(x) = \sigma_w^2 f'(\sqrt q x)^2

    (Marchenko & Pastur 1967; Silverstein & Bai 1995; the squared derivatives are the matrix T there). For
    ``"identity"`` it is :func:`marchenko_pastur`. Derivatives below 1 pull the mean down: for tanh under
    the normalized initialization it is 0.53 in the first layer, at q = 1, and rises with depth to the
    quarter circle's 0.85, as variances fall.

    Parameters
    ----------
    s : array_like of float
        Singular values, at least 0.
    activation : str or Activation
        By its name or as an object.
    q : float
        Variance of the layer's pre-activations.
    weight_variance : float, default=1.0
        :math:`\sigma_w^2`, fan_in times the variance of a weight.
    ratio : float, default=1.0
        :math:`r`, fan_out / fan_in.

    Returns
    -------
    density : ndarray, shape of ``s``
        Its integral is the share of the min(fan_in, fan_out) singular values that are not 0: less than
        1 where a rectifier switches many units off.

    Examples
    --------
    >>> from minnet.lab.theory import jacobian_density, quarter_circle
    >>> import numpy as np
    >>> s = np.array([0.5, 1.5])
    >>> jacobian_density(s, "identity", 1.0).round(4), quarter_circle(s).round(4)
    (array([0.6164, 0.4211]), array([0.6164, 0.4211]))
    """
    weight_variance = check_real("weight_variance", weight_variance, 0, left=False)
    ratio = check_real("ratio", ratio, 0, left=False)
    q = check_real("q", q, 0)
    activation = get_activation(activation)
    s = as_numbers("s", s)
    t, weights = _squared_derivatives(activation, q)
    # In units of sigma_w, so that the steps below suit all sizes.
    x = (s.ravel() / np.sqrt(weight_variance)) ** 2
    m = _stieltjes(x, t, weights * ratio)
    density = 2 * s.ravel() * m.imag / np.pi / weight_variance / min(ratio, 1)
    return np.where(s > 0, density.reshape(s.shape), 0.0)


def orthogonal_jacobian_density(
    edges: ArrayLike, activation: str | Activation, q: float, weight_variance: float = 1.0
) -> Array:
    r"""Return the density of the singular values of a layer's Jacobian if its weights are orthogonal.

    The columns of :math:`W` are orthonormal times :math:`\sigma_w`, so that those of :math:`W D` are the
    slopes, :math:`\sigma_w |f'(z)|` with normal z of variance q: for a layer that does not widen.

    Parameters
    ----------
    edges : array_like of float, shape (n_bins + 1,)
        Ascending. Densities are means between them: a rectifier's law is all in two places.
    activation : str or Activation
        By its name or as an object.
    q : float
        Variance of the layer's pre-activations.
    weight_variance : float, default=1.0
        :math:`\sigma_w^2`, fan_in times the variance of a weight: the square of the gain.

    Returns
    -------
    density : ndarray of shape (n_bins,)
        Values that are 0 count only if the first edge is 0.

    See Also
    --------
    jacobian_density : The same for independent weights.

    Examples
    --------
    Half of a rectifier's are 0, and the others the gain:

    >>> from minnet.lab.theory import orthogonal_jacobian_density
    >>> orthogonal_jacobian_density([0.0, 0.5, 1.0, 1.5], "relu", q=1.0, weight_variance=2.0)
    array([1., 0., 1.])
    """
    weight_variance = check_real("weight_variance", weight_variance, 0, left=False)
    q = check_real("q", q, 0)
    activation, edges = get_activation(activation), as_numbers("edges", edges)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"edges must be two or more numbers that ascend, got {edges!r:.200}")
    # So many quantiles of the normal law.
    Z = np.sqrt(q) * ndtri((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    slopes = np.sqrt(weight_variance) * np.abs(activation.derivative(Z, activation(Z)))
    return np.histogram(slopes, edges)[0] / (_QUANTILES * np.diff(edges))


def _squared_derivatives(activation: Activation, q: float) -> tuple[Array, Array]:
    """Return the values of f'^2 on normal pre-activations and their probabilities, few of them."""
    z, weights = gaussian_nodes([k / np.sqrt(q) for k in activation.kinks] if q > 0 else ())
    z, weights = z[weights > 1e-16], weights[weights > 1e-16]
    Z = np.sqrt(q) * z
    t = activation.derivative(Z, activation(Z)) ** 2
    # Equal and nearly equal values are one: a rectifier has two, an odd activation half of all.
    edges = np.linspace(0, max(t.max(), 1e-300), 401)
    group = np.clip(np.searchsorted(edges, t, side="right") - 1, 0, 399)
    mass = np.bincount(group, weights, minlength=400)
    kept = mass > 0
    return np.bincount(group, weights * t, minlength=400)[kept] / mass[kept], mass[kept]


def _stieltjes(x: Array, t: Array, weights: Array) -> Array:
    """Return m(x + i0): Newton's method, from far above the real axis down to it."""
    top = t.max() * (1 + np.sqrt(weights.sum())) ** 2 + x.max(initial=0.0)
    # Down to a height that is small beside x: zeros among the singular values must not show there.
    heights = np.geomspace(max(top, 1.0), 1e-8 * np.maximum(x, 1e-12), 60)
    m = -1 / (x + 1j * heights[0])
    for height in heights:
        z = x + 1j * height
        for _ in range(4):
            below = 1 + t * m[:, np.newaxis]
            value = z + 1 / m - (t / below) @ weights
            slope = -1 / m**2 + (t / below) ** 2 @ weights
            new = m - value / slope
            # A step that leaves the upper half plane is too long: the solution lies in it.
            m = np.where((new.imag > 0) & np.isfinite(new), new, m * (1 + 0.1j) / abs(1 + 0.1j))
    return m


# ---- layers in a row


def jacobian_mean_square(network: Any, q: float, n_layers: int = 1) -> float:
    r"""Return the mean squared singular value of the Jacobian of some layers.

    .. math:: \chi_1(q_1) \chi_1(q_2) \dots

    Parameters
    ----------
    network : MeanField
        Activation, weights and biases of the layers.
    q : float
        Variance of the first of these layers' pre-activations.
    n_layers : int, default=1
        How many layers deep.

    Returns
    -------
    mean_square : float
    """
    n_layers = check_whole("n_layers", n_layers)
    network = _mean_field("network", network)
    return float(np.prod([network.chi(value) for value in network.variances(q, n_layers - 1)]))


def largest_singular_value(n_layers: int, scale: float = 1.0) -> float:
    r"""Return the largest singular value of a product of square matrices of independent entries.

    .. math:: \sigma^L \sqrt{(L + 1)^{L + 1} / L^L} \approx \sigma^L \sqrt{e L}

    for wide layers (Pennington et al. 2017, for linear networks): with :math:`\sigma = 1` the mean square
    stays 1 and the largest grows with depth, so that most directions are lost. Of orthogonal matrices all
    singular values of the product are :math:`\sigma^L` (Saxe et al. 2013, arXiv:1312.6120).

    Parameters
    ----------
    n_layers : int
        L.
    scale : float, default=1.0
        :math:`\sigma`, the square root of n times the variance of an entry.

    Returns
    -------
    largest : float

    Examples
    --------
    >>> from minnet.lab.theory import largest_singular_value
    >>> round(largest_singular_value(1), 4), round(largest_singular_value(50), 2)
    (2.0, 11.72)
    """
    n_layers, scale = check_whole("n_layers", n_layers), check_real("scale", scale, 0)
    logarithm = (n_layers + 1) * np.log(n_layers + 1) - n_layers * np.log(n_layers)
    with np.errstate(over="ignore"):
        return float(np.power(scale, n_layers) * np.exp(logarithm / 2))


def jacobian_variance(network: Any, n_layers: int, orthogonal: bool = False) -> float:
    r"""Return the variance of the input-output Jacobian's squared singular values, at the edge of chaos.

    .. math:: L \left(\frac{\mu_2}{\mu_1^2} - 1 - s_1\right), \quad
              \mu_k = \int D z\, f'(\sqrt{q^*} z)^{2k}

    with :math:`s_1 = -1` for independent weights, 0 for orthogonal matrices (Pennington et al. 2017).
    It is 0 only where all directions are kept alike: dynamical isometry.

    Parameters
    ----------
    network : MeanField
        Critical: ``chi()`` is 1.
    n_layers : int
        L.
    orthogonal : bool, default=False
        Whether the weights are orthogonal matrices.

    Returns
    -------
    variance : float

    Examples
    --------
    >>> from minnet.lab.theory import jacobian_variance
    >>> from minnet.lab.theory import MeanField
    >>> relu = MeanField("relu", weight_variance=2.0)
    >>> round(jacobian_variance(relu, 10), 6), round(jacobian_variance(relu, 10, orthogonal=True), 6)
    (20.0, 10.0)
    """
    n_layers = check_whole("n_layers", n_layers)
    q = _mean_field("network", network).fixed_variance()
    chi = network.chi(q)
    if abs(chi - 1) > 1e-6:
        raise ValueError(f"network must be critical, with chi() 1, got {chi:.6g}")
    mu_1, mu_2 = (network._mean(lambda Z, k=k: network._slope(Z) ** (2 * k), q) for k in (1, 2))
    check_flag("orthogonal", orthogonal)
    return n_layers * (mu_2 / mu_1**2 - 1 + (0 if orthogonal else 1))


def _mean_field(name: str, network: Any) -> Any:
    if isinstance(network, type) or not hasattr(network, "fixed_variance"):
        raise TypeError(f"{name} must be a MeanField, got {network!r:.200}")
    return network
