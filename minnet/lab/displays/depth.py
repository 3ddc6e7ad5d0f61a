"""Variance by depth, measured and predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.names import check_name
from minnet.common.plotting import axes_of, foreground, is_dark, okabe_ito, tidy
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.prediction import predict_variances
from minnet.lab.probe import measure
from minnet.lab.subject import subject_of

__all__ = ["VarianceByDepthDisplay"]

_DIRECTIONS = ("forward", "backward")


@dataclass(eq=False, repr=False)
class VarianceByDepthDisplay:
    r"""Mean squares of pre-activations or of back-propagated gradients by depth, and what theory expects.

    Points are measured, the line is mean-field theory for the layers' own widths and initializers, the
    band what networks of these widths have at 2 standard errors; see
    :func:`minnet.lab.theory.predict_variances`. Gradients are relative to the last hidden layer's.

    Parameters
    ----------
    layers : list of str
        The hidden layers.
    measured : dict of ndarray of shape (n_layers,)
        ``"forward"`` and ``"backward"``; the latter NaN without targets.
    predicted : dict of ndarray of shape (n_layers,)
        Likewise; NaN from a layer on that theory knows nothing of.
    low, high : dict of ndarray of shape (n_layers,)
        The ends of the band.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    points_, line_ : matplotlib.lines.Line2D
    band_ : matplotlib.collections.PolyCollection

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab.displays import VarianceByDepthDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 60))
    >>> net = Network([*(Dense(60, "tanh") for _ in range(4)), Dense(2)], init="standard")
    >>> display = VarianceByDepthDisplay.from_estimator(net.initialize(60, random_state=0), X)
    >>> bool((display.measured["forward"] < display.high["forward"]).all())
    True
    """

    layers: Any
    measured: dict[str, Array]
    predicted: dict[str, Array]
    low: dict[str, Array]
    high: dict[str, Array]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        direction: str = "forward",
        n_errors: float = 2.0,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Measure an estimator or a network, ask theory about it, and draw both.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Not fitted, an estimator is drawn as its fit would start. Theory is about the start: the
            points of a trained network leave the line.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like, default=None
            Needed for ``direction="backward"``, and for an estimator that is not fitted.
        sample_weight : array-like of shape (n_samples,), default=None
        direction : {"forward", "backward"}, default="forward"
            What is drawn; both are kept.
        n_errors : float, default=2.0
            Half the width of the band, in standard errors.
        ax : matplotlib axes, optional
        **kwargs
            For the measured points.

        Returns
        -------
        display : VarianceByDepthDisplay
        """
        subject = subject_of(estimator, X, y, sample_weight, name="estimator")
        measurement = measure(subject, step=0, n_bins=1)
        hidden = measurement.hidden.copy()
        if not hidden.any():
            raise ValueError("estimator must have a hidden layer, got none")
        squares = {
            "forward": measurement["Z", "rms"][hidden] ** 2,
            "backward": measurement["dZ", "rms"][hidden] ** 2,
        }
        last = squares["backward"][-1]
        squares["backward"] = squares["backward"] / (last if last > 0 else np.nan)
        prediction = predict_variances(subject.network, subject.X)
        row_of = {place: row for row, place in enumerate(prediction.index)}
        # A layer of a user has a point but no place on the line.
        rows = [row_of.get(place, -1) for place in measurement.index[hidden]]
        low, high = prediction.interval(n_errors)
        low_back, high_back = prediction.gradient_interval(n_errors)

        def pick(values: Array) -> Array:
            return np.append(values, np.nan)[rows]

        display = cls(
            [layer for layer, shown in zip(measurement.layers, hidden, strict=True) if shown],
            squares,
            {
                "forward": pick(prediction.variances),
                "backward": pick(prediction.gradient_variances),
            },
            {"forward": pick(low), "backward": pick(low_back)},
            {"forward": pick(high), "backward": pick(high_back)},
        )
        return display.plot(ax=ax, direction=direction, **kwargs)

    def plot(self, ax: Any = None, *, direction: str = "forward", **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        direction : {"forward", "backward"}, default="forward"
        **kwargs
            For the measured points (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        check_name("direction", direction, _DIRECTIONS)
        measured = self.measured[direction]
        if not np.isfinite(measured).any():
            raise ValueError(
                f"there is nothing to draw for direction={direction!r}: going backward y must be given, "
                "and the gradients must be finite and not all 0"
            )
        self.ax_, self.figure_ = ax, _ = axes_of(ax)
        depth = np.arange(1, len(self.layers) + 1)
        color = okabe_ito(ax, 0)
        low, high = self.low[direction], self.high[direction]
        self.band_ = ax.fill_between(
            depth,
            low,
            high,
            color=color,
            alpha=0.4 if is_dark(ax) else 0.22,
            linewidth=0,
            label="theory at these widths",
        )
        (self.line_,) = ax.plot(
            depth,
            self.predicted[direction],
            color=color,
            linewidth=1.8,
            label="theory, infinite width",
        )
        options = {
            "color": okabe_ito(ax, 1),
            "marker": "o",
            "linestyle": "none",
            "label": "measured",
        }
        (self.points_,) = ax.plot(depth, measured, **{**options, **kwargs})
        if direction == "forward":
            ax.set_ylabel("mean square of pre-activations z")
        else:
            ax.set_ylabel("mean square of gradients ∂C/∂z,\nrelative to the last hidden layer")
        ax.set_xlabel("hidden layer")
        _log_scale(ax, [measured, self.predicted[direction], low, high])
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlim(0.5, len(depth) + 0.5)
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        ax.legend(frameon=False)
        return self


def _log_scale(ax: Any, drawn: Sequence[Any]) -> None:
    """Make the y axis logarithmic, with room around what is drawn and a decade at least."""
    values = np.concatenate([np.ravel(part) for part in drawn])
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return
    low, high = np.log10(values.min()), np.log10(values.max())
    room = max(0.08 * (high - low), (1 - (high - low)) / 2, 0.05)
    ax.set_yscale("log")
    ax.set_ylim(10 ** (low - room), 10 ** (high + room))
    if high - low < 2:  # powers of ten alone would be too few ticks
        from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        ax.yaxis.set_minor_locator(NullLocator())
