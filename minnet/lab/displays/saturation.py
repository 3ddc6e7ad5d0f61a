"""Saturation by layer through training: Glorot & Bengio 2010, figures 2, 3 and 10."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.names import check_name
from minnet.common.plotting import (
    axes_of,
    foreground,
    layer_colors,
    layer_legend,
    tidy,
)
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.displays._recorded import check_recording, record
from minnet.lab.measurement import Recording

__all__ = ["SaturationDisplay"]

_KINDS = ("saturated", "activations", "dead")


@dataclass(eq=False, repr=False)
class SaturationDisplay:
    """Saturation of each layer through training.

    Made by :meth:`from_recording` or :meth:`from_estimator`.

    Parameters
    ----------
    steps : ndarray of int, shape (n_measurements,)
        Steps of the training at which it was looked.
    values : dict of ndarray of shape (n_measurements, n_layers)
        ``"saturated"``, ``"dead"``: shares of pre-activations and of units; ``"p98"``, ``"sd"``: 98th
        percentile and standard deviation of activations.
    layers : list of str
        Names of the layers, from the input up.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    lines_ : list of matplotlib.lines.Line2D
        A line for each layer.
    markers_ : list of matplotlib.lines.Line2D
        The percentiles, for ``kind="activations"``.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab.displays import SaturationDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 20))
    >>> clf = MinNetClassifier((30, 30), "tanh", max_iter=5, n_iter_no_change=5, random_state=0)
    >>> display = SaturationDisplay.from_estimator(clf, X, X[:, 0] > 0, steps=[0, 2, 5])
    >>> display.steps, display.values["sd"].shape
    (array([0, 2, 5]), (3, 2))
    """

    steps: Array
    values: dict[str, Array]
    layers: Any

    @classmethod
    def from_recording(
        cls, recording: Recording, *, kind: str = "saturated", ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw what a :class:`minnet.lab.Probe` recorded.

        Parameters
        ----------
        recording : Recording
            What :class:`minnet.lab.Probe` noted.
        kind : {"saturated", "activations", "dead"}, default="saturated"
            Which of the pictures is drawn.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the lines.

        Returns
        -------
        display : SaturationDisplay
        """
        check_recording(recording)
        hidden = recording[0].hidden
        if not hidden.any():
            raise ValueError("recording must be of a network with a hidden layer, got none")
        names = {"saturated": "saturated", "dead": "dead", "p98": ("Y", "p98"), "sd": ("Y", "sd")}
        values = {name: recording[key][:, hidden] for name, key in names.items()}
        layers = [name for name, shown in zip(recording.layers, hidden, strict=True) if shown]
        return cls(recording.steps, values, layers).plot(ax=ax, kind=kind, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        X_probe: Matrix = None,
        steps: int | Sequence[int] | None = None,
        kind: str = "saturated",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Train a clone of an estimator with a :class:`minnet.lab.Probe`, and draw its recording.

        For a Network, give the probe to ``Trainer.fit`` and draw :meth:`from_recording`.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, or Pipeline that ends in one
            A clone of it is trained; it stays as it is.
        X, y : array-like
            As ``fit`` takes them.
        X_probe : array-like, default=None
            The rows to measure, the first 300 of ``X`` unless given. The paper has a fixed set of 300.
        steps : None, int or list of int, default=None
            When to measure, see :class:`minnet.lab.Probe`. None measures up to some hundred times, most
            often at the start: enough for a curve, wherever training ends.
        kind : {"saturated", "activations", "dead"}, default="saturated"
            Which of the pictures is drawn.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the lines.

        Returns
        -------
        display : SaturationDisplay
        """
        recording = record(estimator, X, y, X_probe, steps=steps, display=cls.__name__)
        return cls.from_recording(recording, kind=kind, ax=ax, **kwargs)

    def plot(self, ax: Any = None, *, kind: str = "saturated", **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        kind : {"saturated", "activations", "dead"}, default="saturated"
            The share of pre-activations on the flat ends of an activation that has two; 98th percentiles
            (markers) and standard deviations (lines) of activations, as in the paper; or the share of
            units without a slope on any sample.
        **kwargs
            For the lines (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        check_name("kind", kind, _KINDS)
        values = self.values["sd" if kind == "activations" else kind]
        if not np.isfinite(values).any():
            raise ValueError(
                "kind must be 'activations' or 'dead' for activations that do not saturate on both "
                f"sides, got {kind!r}"
            )
        self.ax_, self.figure_ = ax, _ = axes_of(ax)
        colors = layer_colors(ax, len(self.layers))
        self.lines_, self.markers_ = [], []
        for i, color in enumerate(colors):
            options = {"color": color, "linewidth": 1.8, **kwargs}
            self.lines_ += ax.plot(self.steps, values[:, i], **options)
            if kind == "activations":
                self.markers_ += ax.plot(
                    self.steps, self.values["p98"][:, i], color=color, marker="o", markersize=3.5,
                    linestyle="none",
                )  # fmt: skip
        ax.set_xlabel("training step")
        labels = {
            "saturated": "share of saturated pre-activations",
            "dead": "share of dead units",
            "activations": "activations: 98th percentile (points)\nand standard deviation (lines)",
        }
        ax.set_ylabel(labels[kind])
        if kind != "activations":
            from matplotlib.ticker import PercentFormatter

            ax.set_ylim(bottom=0)
            ax.yaxis.set_major_formatter(PercentFormatter(1.0))
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        # Beside the axes: curves go everywhere.
        layer_legend(ax, self.lines_, self.layers, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return self
