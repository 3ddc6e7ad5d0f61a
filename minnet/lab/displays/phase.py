"""The phase diagram of mean-field theory, with a network in it."""

from typing import Any, Self

import numpy as np

from minnet.activations import Activation, get_activation, name_of
from minnet.common.checks import as_numbers
from minnet.common.plotting import OKABE_ITO, axes_of, foreground, is_dark
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.phase import gradient_factors, layer_sizes, shared_activation, unit_of
from minnet.lab.subject import network_of

__all__ = ["PhaseDiagramDisplay"]

_LEVELS = (0.1, 0.25, 0.5, 0.75, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


class PhaseDiagramDisplay:
    r"""Where gradients vanish and where they explode, by the sizes of weights and biases.

    Contours of :math:`\chi_1`, the factor by which a layer multiplies the variance of gradients, at the
    fixed point of the variance. Where it is 1 a network is critical: at the edge of chaos. Below,
    inputs become alike with depth and gradients vanish (ordered), above they part and gradients explode
    (chaotic): Poole et al. 2016, Schoenholz et al. 2017.

    Parameters
    ----------
    activation : Activation
        By its name or as an object.
    sigma_w : ndarray of shape (n_w,)
        :math:`\sigma_w`, the square root of fan_in times the variance of a weight.
    sigma_b : ndarray of shape (n_b,)
        :math:`\sigma_b`, the standard deviation of a bias.
    chi : ndarray of shape (n_b, n_w)
        Factor of gradients at each point of the grid.
    points : ndarray of shape (n_points, 2)
        :math:`\sigma_w` and :math:`\sigma_b` of the layers of a network.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    contours_ : matplotlib contour set
    critical_ : matplotlib contour set
        The line :math:`\chi_1 = 1`.
    points_ : matplotlib.lines.Line2D or None

    Examples
    --------
    >>> from minnet.lab.displays import PhaseDiagramDisplay
    >>> display = PhaseDiagramDisplay.from_activation("tanh", sigma_w=[0.5, 3.0], sigma_b=[0.0])
    >>> display.chi.round(2)
    array([[0.25, 1.86]])
    """

    def __init__(
        self,
        activation: Activation,
        sigma_w: Array,
        sigma_b: Array,
        chi: Array,
        points: ArrayLike = (),
    ) -> None:
        self.activation = activation
        self.sigma_w = sigma_w
        self.sigma_b = sigma_b
        self.chi = chi
        self.points = _pairs(points)

    @classmethod
    def from_activation(
        cls,
        activation: str | Activation,
        *,
        sigma_w: ArrayLike | None = None,
        sigma_b: ArrayLike | None = None,
        points: ArrayLike = (),
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the diagram of an activation.

        Parameters
        ----------
        activation : str or Activation
            By its name or as an object.
        sigma_w : array-like, optional
            Of the grid; 161 values from 0.3 to 3, over the largest slope, unless given.
        sigma_b : array-like, optional
            121 values from 0 to 1.2, over the largest slope, unless given.
        points : array-like of shape (n_points, 2)
            Pairs of sigma_w and sigma_b to mark.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the marked points.

        Returns
        -------
        display : PhaseDiagramDisplay
        """
        activation = get_activation(activation)
        points = _pairs(points)
        top = points.max(axis=0, initial=0.0) * 1.15
        unit = unit_of(activation)
        sigma_w = _grid("sigma_w", sigma_w, 0.3 * unit, max(3 * unit, top[0]), 161)
        sigma_b = _grid("sigma_b", sigma_b, 0.0, max(1.2 * unit, top[1]), 121)
        chi = gradient_factors(activation, sigma_w, sigma_b)
        return cls(activation, sigma_w, sigma_b, chi, points).plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix = None,
        y: ArrayLike | None = None,
        *,
        sigma_w: ArrayLike | None = None,
        sigma_b: ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the diagram of a network's activation, with its layers marked "you are here".

        The weights and biases that are there are measured, trained or not. The first layer is left out
        where there are others: its input is the data.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Its hidden layers must be Dense (or Dropout) with one activation.
        X, y : array-like, default=None
            Needed for an estimator that is not fitted only.
        sigma_w, sigma_b : array-like, optional
            See :meth:`from_activation`.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the marked points.

        Returns
        -------
        display : PhaseDiagramDisplay
        """
        network = network_of(estimator, X, y)
        activation = shared_activation(network)
        if activation is None:
            raise ValueError(
                "estimator must have hidden Dense layers of one activation and no normalization or "
                f"residual block, got {network.layers}"
            )
        options = {"sigma_w": sigma_w, "sigma_b": sigma_b, "points": layer_sizes(network), **kwargs}
        return cls.from_activation(activation, ax=ax, **options)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        **kwargs
            For the marked points (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        self.ax_, self.figure_ = ax, _ = axes_of(ax)
        low, high = OKABE_ITO[0], OKABE_ITO[1]
        chi = np.maximum(self.chi, 1e-6)
        self.contours_ = self.critical_ = self.points_ = None
        if min(chi.shape) > 1:
            grid = self.sigma_w, self.sigma_b, chi
            shade = 0.3 if is_dark(ax) else 0.16
            ax.contourf(*grid, levels=[0, 1, np.inf], colors=[low, high], alpha=shade)
            levels = [level for level in _LEVELS if chi.min() < level < chi.max()]
            if levels:
                options = {"colors": foreground(), "linewidths": 0.7, "alpha": 0.6}
                self.contours_ = ax.contour(*grid, levels=levels, **options)
                ax.clabel(
                    self.contours_, fmt="%g", fontsize="small", manual=self._places(levels, chi)
                )
            if chi.min() < 1 < chi.max():
                self.critical_ = ax.contour(*grid, levels=[1], colors=foreground(), linewidths=2.4)
            self._name_phases(ax, chi)
        if len(self.points):
            options = {
                "marker": "*", "markersize": 15, "linestyle": "none", "color": OKABE_ITO[4],
                "markeredgecolor": foreground(), "markeredgewidth": 0.9, "zorder": 5,
                "clip_on": False,
            }  # fmt: skip
            (self.points_,) = ax.plot(*self.points.T, **{**options, **kwargs})
            x, y = self.points[-1]
            left = x > np.mean(ax.get_xlim())
            n = len(self.points)
            ax.annotate(
                "you are here" + (f" ({n} layers)" if n > 1 else ""),
                (x, y), (-12 if left else 12, 10), textcoords="offset points",
                ha="right" if left else "left", fontweight="bold", zorder=6, bbox=_box(ax),
            )  # fmt: skip
        ax.tick_params(axis="x", pad=8)  # below a star on the axis
        ax.set_xlabel(r"size of the weights, $\sigma_w$ = (fan_in Var $W$)$^{1/2}$")
        ax.set_ylabel(r"size of the biases, $\sigma_b$")
        ax.set_title(
            rf"{name_of(self.activation)}: gradient factor $\chi_1$ of a layer", loc="left"
        )
        return self

    def _places(self, levels: Any, chi: Array) -> list[tuple[float, float]]:
        """Return where contours are labelled: in one row, below the names of the phases."""
        row = int(0.62 * (len(self.sigma_b) - 1))
        places = []
        for level in levels:
            above = chi[row] >= level
            crossings = np.flatnonzero(above[1:] != above[:-1])
            places += [(self.sigma_w[column], self.sigma_b[row]) for column in crossings[:1]]
        return places

    def _name_phases(self, ax: Any, chi: Array) -> None:
        """Write the names of the phases where each has room."""
        names = ("ordered:\ngradients vanish", "chaotic:\ngradients explode")
        for name, inside in zip(names, (chi < 1, chi > 1), strict=True):
            row = int(0.86 * (len(self.sigma_b) - 1))
            columns = np.flatnonzero(inside[row])
            if columns.size < 0.2 * len(self.sigma_w):
                continue
            x = self.sigma_w[columns[[0, -1]]].mean()
            ax.text(x, self.sigma_b[row], name, ha="center", va="center", bbox=_box(ax), zorder=4)


def _box(ax: Any) -> dict[str, Any]:
    return {"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.75, "pad": 1.5}


def _grid(name: str, given: ArrayLike | None, low: float, high: float, n: int) -> Array:
    if given is None:
        return np.linspace(low, high, n)
    values = as_numbers(name, given)
    if values.ndim != 1 or not values.size or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"{name} must be numbers of at least 0, in a row, got {given!r}")
    return values


def _pairs(points: ArrayLike) -> Array:
    """Return points as an array of shape (n_points, 2)."""
    array = as_numbers("points", points)
    if array.size and (array.ndim not in (1, 2) or array.shape[-1] != 2):
        raise ValueError(f"points must have shape (n_points, 2), got {array.shape}")
    return array.reshape(-1, 2)
