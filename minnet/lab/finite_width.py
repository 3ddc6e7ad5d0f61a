r"""How far networks of finite width stray from mean-field theory.

Given the activations :math:`h` below, the :math:`n` pre-activations of a layer with normal weights are
independent and normal, with variance :math:`q = \sigma_w^2 |h|^2 / n_\text{below} + \sigma_b^2`. So
:math:`q` is a Markov chain over layers, with the mean that :meth:`MeanField.variance_map` gives and

.. math:: \operatorname{Var}(q' \mid q) = \frac{\sigma_w^4}{n}
          \left(E f^4 - (E f^2)^2\right), \qquad
          \operatorname{Var} q' \approx \left(\frac{\partial q'}{\partial q}\right)^2 \operatorname{Var} q
          + E\, \frac{\sigma_w^4}{n} \left(E f^4 - (E f^2)^2\right) .

For a rectifier or a linear network this is exact, and multiplies up to :math:`\prod (1 + 5/n)` and
:math:`\prod (1 + 2/n)`. That the sum of :math:`1/n` decides is in Hanin & Rolnick 2018
(arXiv:1803.01719), the 5 in Hanin & Nica 2018 (arXiv:1812.05994): the logarithm of a rectifier network's
squared gradient is nearly normal, with variance :math:`5 \sum 1/n`. For two inputs whose pre-activations
have the correlation :math:`c`, the covariance takes the place of the variance; its powers of :math:`c`
come from Mehler's formula. It is a root mean square over networks: what inputs have in common by chance
grows by about :math:`(1 - c^2)^2 / n` a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common import html
from minnet.common.checks import as_numbers, check_flag, check_real, check_whole, n_axes
from minnet.common.shown import Shown, text_table, wrapped
from minnet.common.types import Array, ArrayLike
from minnet.lab._chain import Step, propagate

_OF_FIELDS = ("activation", "weight_variance", "bias_variance")

__all__ = ["VarianceBand", "length_fluctuation", "variance_band"]

_HEADS = ("layer", "variance", "low", "high", "of gradients", "low", "high")


def length_fluctuation(widths: ArrayLike, rectifier: bool = True) -> float:
    r"""Return :math:`E |h|^4 / (E |h|^2)^2` of the last layer's activations, over random weights.

    .. math:: \prod_j (1 + 5 / n_j) \text{ for ReLU}, \quad
              \prod_j (1 + 2 / n_j) \text{ for a linear network}

    Exact for normal weights that keep the mean length (He's, for ReLU), biases 0, and the input given:
    1 is no fluctuation. Depth over width decides (Hanin & Rolnick 2018, Hanin & Nica 2018).

    Parameters
    ----------
    widths : sequence of int
        Of the layers after the input.
    rectifier : bool, default=True
        Whether the activation is ReLU; linear otherwise.

    Returns
    -------
    ratio : float

    See Also
    --------
    variance_band : The same for any activation, to first order in 1 / width.

    Examples
    --------
    >>> from minnet.lab.theory import length_fluctuation
    >>> round(length_fluctuation([100] * 50), 2), round(length_fluctuation([1000] * 5), 3)
    (11.47, 1.025)
    """
    widths = as_numbers("widths", widths)
    if not (widths > 0).all():
        raise ValueError(f"widths must be above 0, got {widths}")
    check_flag("rectifier", rectifier)
    return float(np.prod(1 + (5 if rectifier else 2) / widths))


@dataclass(frozen=True, repr=False)
class VarianceBand(Shown):
    r"""Variances by depth with their standard errors; made by :func:`variance_band`.

    Attributes
    ----------
    variances : ndarray of shape (n_layers,)
        Of the pre-activations, in infinitely wide layers.
    means : ndarray of shape (n_layers,)
        What they are on average over networks of these widths, to first order in 1 / width.
    standard_errors : ndarray of shape (n_layers,)
        Standard deviation, over networks, of the mean square of a layer's pre-activations.
    gradient_variances : ndarray of shape (n_layers,)
        Of the cost's gradient by the pre-activations, relative to the last layer's.
    gradient_errors : ndarray of shape (n_layers,)
        Standard deviation, over networks, of the mean square of these gradients over the last layer's,
        divided by ``gradient_variances``.
    """

    variances: np.ndarray
    means: np.ndarray
    standard_errors: np.ndarray
    gradient_variances: np.ndarray
    gradient_errors: np.ndarray

    def interval(self, n_errors: float = 2.0) -> tuple[Array, Array]:
        """Return lower and upper ends of the variances, at some standard errors of their logarithms.

        Parameters
        ----------
        n_errors : float, default=2.0
            How many standard errors wide.

        Returns
        -------
        low, high : ndarray of shape (n_layers,)
        """
        n_errors = check_real("n_errors", n_errors, 0)
        relative = np.divide(
            self.standard_errors,
            self.means,
            out=np.zeros_like(self.means),
            where=self.standard_errors > 0,
        )
        return _log_normal(self.means, relative, n_errors)

    def gradient_interval(self, n_errors: float = 2.0) -> tuple[Array, Array]:
        """Return lower and upper ends of the gradients' variances, likewise.

        Parameters
        ----------
        n_errors : float, default=2.0
            How many standard errors wide.
        """
        n_errors = check_real("n_errors", n_errors, 0)
        return _log_normal(self.gradient_variances, self.gradient_errors, n_errors)

    def _labels(self) -> list[str]:
        return [str(i) for i in range(len(self.variances))]

    def _columns(self) -> list[Array]:
        forward, backward = self.interval(), self.gradient_interval()
        return [self.variances, *forward, self.gradient_variances, *backward]

    def _rows(self) -> list[list[Any]]:
        # What is not known, as gradients through weights of 0, is NaN.
        columns = [
            [None if np.isnan(value) else value for value in values] for values in self._columns()
        ]
        return [list(row) for row in zip(self._labels(), *columns, strict=True)]

    def _title(self) -> str:
        return (
            f"Variances by depth in {len(self.variances)} layers, low and high at 2 standard errors"
        )

    def _text(self) -> str:
        return f"{wrapped(self._title())}\n{text_table(_HEADS, self._rows())}"

    def _html(self) -> str:
        curves = [None, *self._columns()] if len(self.variances) > 1 else []
        return html.page(self._title(), html.table(_HEADS, self._rows(), curves=curves))


def _log_normal(mean: Array, relative: Array, n_errors: float) -> tuple[Array, Array]:
    """Return the ends for a log-normal law of this mean and relative standard deviation."""
    log_variance = np.log1p(relative**2)
    centre, reach = mean * np.exp(-log_variance / 2), np.exp(n_errors * np.sqrt(log_variance))
    return centre / reach, centre * reach


def variance_band(
    network: Any, q: float, widths: Sequence[int], n_samples: int = 1, correlation: float = 0.0
) -> VarianceBand:
    r"""Return variances by depth for layers of given widths, with their standard errors.

    Parameters
    ----------
    network : MeanField or sequence of MeanField
        One for all layers; or n_layers - 1, each with the activation of a layer and the variances of
        weights and biases between it and the next.
    q : float
        Variance of the first layer's pre-activations: the input is given.
    widths : sequence of int, length n_layers
        From the first hidden layer on.
    n_samples : int, default=1
        Over how many inputs the measurement averages. They share the weights, and hence a part of the
        fluctuation.
    correlation : float, default=0.0
        Of the pre-activations that two of these inputs cause in the first layer.

    Returns
    -------
    band : VarianceBand

    Notes
    -----
    For normal weights; uniform ones differ in terms of higher order, orthogonal ones fluctuate less.
    Gradients are taken to be independent of the activations, as in all of the theory.

    Examples
    --------
    >>> from minnet.lab.theory import variance_band
    >>> from minnet.lab.theory import MeanField
    >>> band = variance_band(MeanField("relu", 2.0), 1.0, [100] * 6)
    >>> band.variances
    array([1., 1., 1., 1., 1., 1.])
    >>> band.standard_errors.round(3)
    array([0.141, 0.266, 0.353, 0.425, 0.49 , 0.549])
    >>> low, high = band.interval()
    >>> float(high[-1].round(2))
    2.45
    """
    if not isinstance(widths, list | tuple | range | np.ndarray) or n_axes(widths) != 1:
        raise ValueError(f"widths must be whole numbers in a row, got {widths!r:.200}")
    widths = [check_whole("widths", width) for width in widths]
    if not widths:
        raise ValueError("widths must be a whole number of at least 1 for each layer, got none")
    q = check_real("q", q, low=0)
    n_samples = check_whole("n_samples", n_samples)
    correlation = check_real("correlation", correlation, -1, 1)
    several = isinstance(network, list | tuple)
    fields = list(network) if several else [network] * (len(widths) - 1)
    for field in fields:
        if not all(hasattr(field, name) for name in _OF_FIELDS):
            raise TypeError(
                f"network must be one MeanField or a list of them, got {network!r:.200}"
            )
    if len(fields) != len(widths) - 1:
        raise ValueError(
            f"network must be one MeanField or {len(widths) - 1}, one less than there are widths, "
            f"got {len(fields)}"
        )
    last = fields[-1].activation if fields else None
    layers = [
        Step(field.activation, width, above.weight_variance, above.bias_variance)
        for field, width, above in zip(fields, widths, fields, strict=False)
    ]
    layers.append(Step(last, widths[-1]))
    try:
        return VarianceBand(*propagate(layers, q, n_samples, correlation, n_outputs=widths[-1]))
    except (OverflowError, ZeroDivisionError):
        raise ValueError(f"q must be of a size whose square a float can hold, got {q!r}") from None
