"""Histograms of activations and gradients by layer: Glorot & Bengio 2010, figures 4 and 6 to 8."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from minnet.common.checks import check_flag
from minnet.common.names import check_name
from minnet.common.plotting import axes_of, foreground, layer_colors, layer_legend, tidy
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.displays._ridges import covering_range, note_room, ridges
from minnet.lab.measurement import Measurement
from minnet.lab.probe import probe

__all__ = ["ActivationHistogramDisplay", "GradientHistogramDisplay"]

_KINDS = ("ridges", "lines")


@dataclass(eq=False, repr=False)
class _HistogramDisplay:
    """What the histograms share."""

    _quantities: ClassVar[tuple[str, ...]] = ()
    _names: ClassVar[dict[str, str]] = {}

    density: Array
    edges: Array
    layers: Any
    quantity: str
    sd: Array

    @classmethod
    def from_measurement(
        cls,
        measurement: Measurement,
        *,
        quantity: str | None = None,
        hidden_only: bool = True,
        ax: Any = None,
        kind: str = "ridges",
        **kwargs: Any,
    ) -> Self:
        """Draw a measurement of :func:`minnet.lab.probe`.

        Parameters
        ----------
        measurement : Measurement
            What :func:`minnet.lab.probe` returned.
        quantity : str, optional
            Which array of the measurement.
        hidden_only : bool, default=True
            Leave out the output layer, and linear layers below a normalization.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        kind : {"ridges", "lines"}, default="ridges"
            Which of the pictures is drawn.
        **kwargs
            For the drawn patches.

        Returns
        -------
        display
        """
        if not isinstance(measurement, Measurement):
            raise TypeError(f"measurement must be a Measurement, got {measurement!r:.200}")
        quantity = cls._quantities[0] if quantity is None else quantity
        check_name("quantity", quantity, cls._quantities)
        check_flag("hidden_only", hidden_only)
        density, edges = measurement.histogram(quantity)
        rows = np.asarray(np.isfinite(density).all(axis=1))
        if not rows.any():
            raise ValueError(
                f"measurement must have {quantity}: give y where it is made, and a finite network"
            )
        if hidden_only and (rows & measurement.hidden).any():
            rows &= measurement.hidden
        layers = [layer for layer, shown in zip(measurement.layers, rows, strict=True) if shown]
        sd = measurement[quantity, "sd"][rows]
        display = cls(density[rows], edges[rows], layers, quantity, sd)
        return display.plot(ax=ax, kind=kind, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        quantity: str | None = None,
        hidden_only: bool = True,
        n_bins: int = 64,
        ax: Any = None,
        kind: str = "ridges",
        **kwargs: Any,
    ) -> Self:
        """Measure an estimator or a network and draw it.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Not fitted, an estimator is drawn as its fit would start.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like, default=None
            As ``fit`` takes it; the targets of the loss for a Network. Needed for gradients, and for an
            estimator that is not fitted.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.
        quantity : str, optional
            Which array of the measurement; the first that the class names unless given.
        hidden_only : bool, default=True
            Leave out the output layer, and linear layers below a normalization.
        n_bins : int, default=64
            How many bins the histogram has.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        kind : {"ridges", "lines"}, default="ridges"
            Which of the pictures is drawn.
        **kwargs
            For the drawn patches.

        Returns
        -------
        display
        """
        return cls.from_measurement(
            probe(estimator, X, y, sample_weight, n_bins=n_bins),
            quantity=quantity,
            hidden_only=hidden_only,
            ax=ax,
            kind=kind,
            **kwargs,
        )

    def plot(self, ax: Any = None, *, kind: str = "ridges", **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        kind : {"ridges", "lines"}, default="ridges"
            A row for each layer, scaled to its own height, with the standard deviation at its right;
            or all of them as lines on one scale. In ridges a bin that is more than six times as high as
            all others (the zeros of a rectifier) is cut, and its share written.
        **kwargs
            For the drawn patches (``matplotlib.patches.StepPatch``).

        Returns
        -------
        self
        """
        check_name("kind", kind, _KINDS)
        n = len(self.layers)
        size = (6.4, 1.2 + 0.62 * n) if kind == "ridges" else None
        self.ax_, self.figure_ = ax, _ = axes_of(ax, size)
        if kind == "ridges":
            notes = [f"sd {sd:.2g}" for sd in self.sd]
            self.patches_, _ = ridges(ax, self.density, self.edges, self.layers, notes)
            for patch in self.patches_:
                patch.set(**kwargs)
        else:
            colors = layer_colors(ax, n)
            self.patches_ = [
                ax.stairs(density, edges, **{"color": color, "linewidth": 1.6, **kwargs})
                for density, edges, color in zip(self.density, self.edges, colors, strict=True)
            ]
            # Beside the axes: curves go everywhere.
            beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
            layer_legend(ax, self.patches_, self.layers, **beside)
            ax.set_ylabel("density")
            ax.set_ylim(bottom=0)
            tidy(ax)
        ax.axvline(0, color=foreground(), linewidth=0.6, alpha=0.35, zorder=0)
        low, high = covering_range(self.density, self.edges)
        ax.set_xlim(low, high + (note_room(ax) * (high - low) if kind == "ridges" else 0))
        ax.locator_params(axis="x", nbins=6)
        ax.ticklabel_format(axis="x", scilimits=(-2, 4), useMathText=True)
        ax.set_xlabel(self._names[self.quantity])
        return self


class ActivationHistogramDisplay(_HistogramDisplay):
    """Histograms of activations (or pre-activations), layer by layer.

    Made by :meth:`from_estimator` or :meth:`from_measurement`.

    Parameters
    ----------
    density : ndarray of shape (n_layers, n_bins)
        Share of the values in each bin, by layer.
    edges : ndarray of shape (n_layers, n_bins + 1)
        Borders of the bins.
    layers : list of str
        Names of the layers, from the input up.
    quantity : {"Y", "Z"}
        Activations or pre-activations.
    sd : ndarray of shape (n_layers,)
        Standard deviations.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    patches_ : list of matplotlib.patches.StepPatch

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab.displays import ActivationHistogramDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 20))
    >>> net = Network([Dense(50, "tanh"), Dense(50, "tanh"), Dense(2)]).initialize(20, random_state=0)
    >>> ActivationHistogramDisplay.from_estimator(net, X).layers
    ['0 Dense(50, tanh)', '1 Dense(50, tanh)']
    """

    _quantities = ("Y", "Z")
    _names: ClassVar = {"Y": "activation", "Z": "pre-activation"}


class GradientHistogramDisplay(_HistogramDisplay):
    r"""Histograms of back-propagated gradients :math:`\partial C / \partial z`, or of weight gradients.

    Made by :meth:`from_estimator` or :meth:`from_measurement`.

    Parameters
    ----------
    density : ndarray of shape (n_layers, n_bins)
        Share of the values in each bin, by layer.
    edges : ndarray of shape (n_layers, n_bins + 1)
        Borders of the bins.
    layers : list of str
        Names of the layers, from the input up.
    quantity : {"dZ", "dW"}
        Gradients by pre-activations, of each sample; or by weights, of the objective.
    sd : ndarray of shape (n_layers,)
        Standard deviations.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    patches_ : list of matplotlib.patches.StepPatch

    Notes
    -----
    Weight gradients can be alike in all layers while the gradients by pre-activations vanish (Glorot &
    Bengio 2010, equation 14): look at ``"dZ"`` first.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab.displays import GradientHistogramDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 20))
    >>> net = Network([Dense(50, "tanh"), Dense(50, "tanh"), Dense(2)]).initialize(20, random_state=0)
    >>> GradientHistogramDisplay.from_estimator(net, X, (X[:, 0] > 0).astype(int)).quantity
    'dZ'
    """

    _quantities = ("dZ", "dW")
    _names: ClassVar = {
        "dZ": "back-propagated gradient ∂C/∂z of a sample",
        "dW": "weight gradient ∂C/∂W",
    }
