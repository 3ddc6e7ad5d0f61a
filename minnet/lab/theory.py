r"""What should happen in a deep network with random weights, by theory.

Notation: a layer is :math:`z = h W + b`, :math:`h' = f(z)`, with independent weights of mean 0 and
variance :math:`\sigma_w^2 / \text{fan\_in}` and biases of variance :math:`\sigma_b^2`. :math:`q` is the
variance of the pre-activations :math:`z`, over the weights; :math:`c` the correlation of the
pre-activations that two inputs cause; :math:`D z` the standard normal law. All of it holds for wide
layers; :func:`variance_band` says how wide, and :func:`predict_variances` has it for a given network.

Sources: Poole, Lahiri, Raghu, Sohl-Dickstein & Ganguli 2016 (arXiv:1606.05340), Schoenholz, Gilmer,
Ganguli & Sohl-Dickstein 2017 (arXiv:1611.01232), Pennington, Schoenholz & Ganguli 2017
(arXiv:1711.04735), Hanin & Rolnick 2018 (arXiv:1803.01719).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import brentq

from minnet.activations import Activation, get_activation
from minnet.common.checks import check_real, check_whole, is_real
from minnet.common.entry import entry
from minnet.common.types import Array
from minnet.initializers import get_initializer, resolve_fans
from minnet.initializers.gaussian import gaussian_mean, gaussian_nodes
from minnet.initializers.mean_field import (
    critical_point,
    mean_square,
    mean_square_slope,
    slope_of_map,
)
from minnet.lab.finite_width import VarianceBand, length_fluctuation, variance_band
from minnet.lab.prediction import Prediction, predict_variances
from minnet.lab.spectra import (
    jacobian_density,
    jacobian_mean_square,
    jacobian_variance,
    largest_singular_value,
    marchenko_pastur,
    marchenko_pastur_mean,
    orthogonal_jacobian_density,
    quarter_circle,
    quarter_circle_mean,
)
from minnet.lab.weights import weight_mean, weight_variance
from minnet.layers import Dense
from minnet.network import Network

__all__ = [
    "MeanField",
    "Prediction",
    "VarianceBand",
    "jacobian_density",
    "jacobian_mean_square",
    "jacobian_variance",
    "largest_singular_value",
    "length_fluctuation",
    "marchenko_pastur",
    "marchenko_pastur_mean",
    "orthogonal_jacobian_density",
    "predict_variances",
    "quarter_circle",
    "quarter_circle_mean",
    "variance_band",
    "weight_mean",
    "weight_variance",
]


def __dir__() -> list[str]:
    return __all__


_MOST_LAYERS = 10**6  # one after the other: more would take for ever
_LARGEST = 1e12  # a variance beyond it counts as infinite
_SMALLEST = 1e-24  # stands for a variance of 0 in limits


@dataclass(frozen=True)
class MeanField:
    r"""An infinitely wide network of one activation, in which every layer is alike.

    Parameters
    ----------
    activation : str or Activation
        By its name or as an object.
    weight_variance : float, default=1.0
        :math:`\sigma_w^2`, the fan-in times the variance of a weight.
    bias_variance : float, default=0.0
        :math:`\sigma_b^2`.

    Examples
    --------
    At a bias variance of 0.05, that of Schoenholz et al. (2017), tanh is critical for a weight variance of
    1.76:

    >>> from minnet.lab.theory import MeanField
    >>> critical = MeanField.critical("tanh", bias_variance=0.05)
    >>> round(critical.weight_variance, 3), round(critical.fixed_variance(), 3)
    (1.761, 0.57)
    >>> MeanField("relu", weight_variance=1.0).variances(1.0, 4)  # Glorot: half of it a layer
    array([1.    , 0.5   , 0.25  , 0.125 , 0.0625])
    """

    activation: Any  # a name becomes its Activation
    weight_variance: float = 1.0
    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", get_activation(self.activation))
        for name in ("weight_variance", "bias_variance"):
            object.__setattr__(self, name, check_real(name, getattr(self, name), low=0))

    # ---- means over a normal pre-activation of variance q

    def _mean(self, function: Callable[[Array], Array], q: float) -> float:
        return gaussian_mean(function, np.sqrt(q), self.activation.kinks)

    def _slope(self, Z: Array) -> Array:
        return self.activation.derivative(Z, self.activation(Z))

    # ---- variances

    def variance_map(self, q: float) -> float:
        r"""Return the variance a layer further on.

        .. math:: q' = \sigma_w^2 \int D z \, f(\sqrt q z)^2 + \sigma_b^2

        Parameters
        ----------
        q : float
            Variance of the pre-activations.

        Returns
        -------
        q : float
        """
        q = check_real("q", q, low=0)
        return self._next(q)

    def _next(self, q: float) -> float:
        return self.weight_variance * mean_square(self.activation, q) + self.bias_variance

    def variances(self, q: float, n_layers: int) -> Array:
        """Return the variances of ``n_layers`` layers after one with variance ``q``, that one first.

        Parameters
        ----------
        q : float
            Variance of the pre-activations.
        n_layers : int
            How many layers deep.

        Returns
        -------
        q : ndarray of shape (n_layers + 1,)
        """
        values = np.empty(check_whole("n_layers", n_layers, 0, _MOST_LAYERS) + 1)
        values[0] = check_real("q", q, low=0)
        for i in range(n_layers):
            values[i + 1] = self._next(values[i])
        return values

    def fixed_variance(self, start: float = 1.0, tol: float = 1e-12) -> float:
        """Return the variance that layers tend to.

        Parameters
        ----------
        start : float, default=1.0
            Variance of the first layer. Where the map leaves every variance as it is (ReLU at weight
            variance 2), it is the answer.
        tol : float, default=1e-12
            How close it comes before the search ends.

        Returns
        -------
        q : float
            0 or infinity where variances vanish or grow without bound.
        """
        q, tol = check_real("start", start, low=0), check_real("tol", tol, low=0)
        for _ in range(200):
            new = self._next(q)
            if abs(new - q) <= tol * max(q, 1):
                return new if new > 10 * tol else 0.0
            q = new
            if q > _LARGEST:
                return np.inf

        # Slow: the fixed point is nearly marginal. Where the map crosses the diagonal is found by
        # bracketing.
        def moved(value: float) -> float:
            return self._next(value) - value

        low, high = (0.0, q) if new < q or moved(q) < 0 else (q, _LARGEST)
        if moved(low) <= tol and low == 0.0:
            return 0.0
        return brentq(moved, low, high, xtol=tol, maxiter=1000) if moved(high) < 0 else np.inf

    # ---- gradients

    def chi(self, q: float | None = None) -> float:
        r"""Return by what factor a layer multiplies the variance of gradients going backward.

        .. math:: \chi_1 = \sigma_w^2 \int D z \, f'(\sqrt q z)^2

        It is the slope of the correlation map at 1, too: two nearby inputs come closer below 1
        (ordered), move apart above (chaotic).

        Parameters
        ----------
        q : float, optional
            Variance of the pre-activations; the fixed one unless given.

        Returns
        -------
        chi : float
        """
        q = self.fixed_variance() if q is None else q
        if not is_real(q) or q < 0:
            raise ValueError(f"q must be a number of at least 0, got {q!r}")
        if np.isinf(q):
            raise ValueError("q must be given: the variance grows without bound")
        # At q = 0 the limit from above: half of the slopes on either side of a kink, not the one at it.
        return self.weight_variance * mean_square_slope(self.activation, max(q, _SMALLEST))

    def gradient_variances(self, q: float, n_layers: int) -> Array:
        r"""Return the variance of the cost's gradient by pre-activations, relative to the last layer's.

        Layers of equal width. The variance of the gradient by the *weights* of a layer is this times
        the mean square of the layer's input: in a linear network the two factors cancel, and it is
        alike in all layers however the gradients vanish (Glorot & Bengio 2010, equation 14).

        Parameters
        ----------
        q : float
            Variance of the first layer's pre-activations.
        n_layers : int
            How many layers deep.

        Returns
        -------
        variances : ndarray of shape (n_layers,)
            First layer first; the last is 1.
        """
        before = self.variances(q, check_whole("n_layers", n_layers, 1, _MOST_LAYERS) - 1)[:-1]
        factors = [self.chi(value) for value in before]
        return np.concatenate([np.cumprod(factors[::-1])[::-1], [1.0]])

    @classmethod
    def critical(cls, activation: str | Activation, bias_variance: float = 0.0) -> Self:
        r"""Return the network whose gradients neither vanish nor explode.

        Its :math:`\chi_1` is 1 at the fixed variance.

        Parameters
        ----------
        activation : str or Activation
            By its name or as an object.
        bias_variance : float, default=0.0
            Variance of the biases, at least 0.

        Returns
        -------
        network : MeanField

        Raises
        ------
        ValueError
            If there is none: relu and its kin are critical for a bias variance of 0 only.
        """
        activation = get_activation(activation)
        bias_variance = check_real("bias_variance", bias_variance, low=0)
        weight_variance, _ = critical_point(activation, bias_variance)
        return cls(activation, weight_variance, bias_variance)

    # ---- correlations

    def correlation_map(self, c: float, q: float | None = None) -> float:
        r"""Return the correlation of two inputs' pre-activations a layer further on.

        .. math:: c' = \left(\sigma_w^2 \iint D z_1 D z_2 \, f(u_1) f(u_2) + \sigma_b^2\right) / q', \quad
                  u_1 = \sqrt q z_1, \; u_2 = \sqrt q (c z_1 + \sqrt{1 - c^2} z_2)

        Parameters
        ----------
        c : float
            From -1 to 1.
        q : float, optional
            Variance of the pre-activations of both; the fixed one unless given.

        Returns
        -------
        c : float
        """
        c = check_real("c", c, -1, 1)
        q = self.fixed_variance() if q is None else check_real("q", q, low=0)
        joint = self._joint_mean(self.activation, c, q)
        mapped = (self.weight_variance * joint + self.bias_variance) / self._next(q)
        return float(np.clip(mapped, -1, 1))  # rounding may lead beyond

    def _joint_mean(self, function: Callable[[Array], Array], c: float, q: float) -> float:
        """Return the mean of f(u1) f(u2) for two normal numbers of variance q and correlation c."""
        size, sign = abs(c), np.sign(c) or 1.0
        kinks = np.array([k / np.sqrt(q) for k in self.activation.kinks] if q > 0 else [])
        if size > 1 - 1e-14:
            z, weights = gaussian_nodes([*kinks, *-kinks])
            return float(weights @ (function(np.sqrt(q) * z) * function(sign * np.sqrt(q) * z)))
        # u1 and u2 share a part, and given that they are independent: E f f = E_shared (E f | shared)^2.
        own, common = np.sqrt(1 - size), np.sqrt(size)
        # Near a kink the inner mean bends within the size of the own parts.
        near = own * np.array([-8, -4, -2, -1, -0.5, 0, 0.5, 1, 2, 4, 8])
        bends = (sign_of * k / common + near for k in kinks for sign_of in {1, sign} if common > 0)
        shared, outer = gaussian_nodes(np.concatenate([[], *bends]))
        shared, outer = shared[outer > 1e-20], outer[outer > 1e-20]

        def given(sign: float) -> Array:
            """Return the mean of f(sign * u) for each shared part."""
            z, weights = _nodes_between((sign * kinks - common * shared[:, np.newaxis]) / own)
            u = common * shared[:, np.newaxis] + own * z
            return (weights * function(sign * np.sqrt(q) * u)).sum(axis=1)

        return float(outer @ (given(1) * given(sign)))

    def fixed_correlation(self, start: float = 0.5, tol: float = 1e-10) -> float:
        """Return the correlation that the pre-activations of any two inputs tend to.

        Parameters
        ----------
        start : float, default=0.5
            Where layers leave every correlation as it is (a linear network), it is the answer.
        tol : float, default=1e-10
            How close it comes before the search ends.

        Returns
        -------
        c : float
            1 in the ordered phase and at the edge of chaos: inputs can no longer be told apart.
        """
        start, tol = check_real("start", start, -1, 1), check_real("tol", tol, 0, left=False)
        q = self.fixed_variance()
        if self.chi(q) <= 1 + 1e-9:
            stays = 0 < q < np.inf and abs(self.correlation_map(start, q) - start) < tol
            return start if stays else 1.0

        def moved(c: float) -> float:
            return self.correlation_map(c, q) - c

        if moved(0.0) <= tol:  # nothing draws independent inputs together
            return 0.0
        # The fixed point lies below 1, at which the map has another: closer to 1 the less chaotic it is.
        for distance in (0.1, 1e-2, 1e-3, 1e-4, 1e-5):
            if moved(1 - distance) < 0:
                return brentq(moved, 0.0, 1 - distance, xtol=tol)
        return 1.0

    # ---- depth scales

    def depth_scales(self) -> dict[str, float]:
        r"""Return over how many layers information decays by a factor e, at the fixed point.

        .. math:: 1/\xi_q = -\ln \frac{\partial q'}{\partial q}, \quad 1/\xi_c = -\ln
                  \sigma_w^2 \iint D z_1 D z_2 f'(u_1) f'(u_2), \quad 1/\xi_\nabla = -\ln \chi_1

        A network trains up to a depth of about :math:`6 \xi_c` (Schoenholz et al. 2017).

        Returns
        -------
        scales : dict of float
            ``variance``, ``correlation`` and ``gradient``; infinite at the edge of chaos, negative where
            it grows (gradients in the chaotic phase).
        """
        q, c = max(self.fixed_variance(), _SMALLEST), self.fixed_correlation()
        slope_of_c = self.weight_variance * self._joint_mean(self._slope, c, q)
        slope_of_q = slope_of_map(self.activation, self.weight_variance, q)
        rates = {"variance": slope_of_q, "correlation": slope_of_c, "gradient": self.chi(q)}
        return {name: _scale(rate) for name, rate in rates.items()}

    # ---- initializers

    @classmethod
    @entry
    def from_initializer(
        cls,
        initializer: Any,
        activation: str | Activation,
        fan_in: int,
        fan_out: int | None = None,
        bias_init: Any = None,
    ) -> Self:
        r"""Return the network whose weights have the variance of an initializer.

        Parameters
        ----------
        initializer : str, dict, Initializer, array or callable
            See :func:`minnet.initializers.get_initializer`; its variance is
            :func:`minnet.lab.theory.weight_variance`. One that asks its layer, such as "edge_of_chaos" or
            one with ``gain="auto"``, is told this activation.
        activation : str or Activation
            By its name or as an object.
        fan_in : int
            Inputs of a unit.
        fan_out : int, optional
            ``fan_in`` unless given.
        bias_init : the same as ``initializer``, optional
            Of the biases; 0 unless given. A mean other than 0 counts by its square.

        Returns
        -------
        network : MeanField

        Examples
        --------
        >>> from minnet.lab.theory import MeanField
        >>> round(MeanField.from_initializer("standard", "tanh", 500).chi(0.0), 4)  # 1/3
        0.3333
        >>> round(MeanField.from_initializer("he", "relu", 500).chi(1.0), 4)
        1.0
        >>> round(MeanField.from_initializer("edge_of_chaos", "tanh", 500).weight_variance, 4)
        1.0
        """
        fans = resolve_fans((), fans=(fan_in, fan_in if fan_out is None else fan_out))
        inside = Network([Dense(fans[0], activation), Dense(fans[1], activation)])
        initializer = get_initializer(initializer, name="initializer").for_layer(inside, 1)
        bias_variance = 0.0
        if bias_init is not None:
            shape = (fans[1],)
            bias_init = get_initializer(bias_init, name="bias_init").for_layer(inside, 1)
            bias_variance = weight_variance(bias_init, *fans, shape=shape)
            mean = weight_mean(bias_init, *fans, shape=shape)
            bias_variance += mean * mean
        return cls(activation, fan_in * weight_variance(initializer, *fans), bias_variance)


def _scale(rate: float) -> float:
    """Return -1 / ln(rate)."""
    if rate <= 0:
        return 0.0
    logarithm = -np.log(rate)
    return np.inf if abs(logarithm) < 1e-9 else float(1 / logarithm)


def _nodes_between(breaks: Array) -> tuple[Array, Array]:
    """Return nodes and weights for means over a normal number, cut at breaks of its own in each row."""
    edges = np.linspace(-9, 9, 19)
    rows = np.broadcast_to(edges, (len(breaks), len(edges)))
    edges = np.sort(np.hstack([rows, np.clip(breaks, -9, 9)]), axis=1)
    x, w = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges, axis=1)[..., np.newaxis] / 2
    z = (edges[:, :-1, np.newaxis] + half * (x + 1)).reshape(len(edges), -1)
    weights = (half * w).reshape(len(edges), -1) * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return z, weights / weights.sum(axis=1, keepdims=True)
