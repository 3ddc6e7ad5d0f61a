"""Variance by depth, measured and predicted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from minnet.common.checks import check_whole
from minnet.common.names import check_name
from minnet.common.plotting import (
    axes_of,
    foreground,
    free_legend,
    is_dark,
    log_ticks,
    okabe_ito,
    tidy,
)
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.prediction import curves_at, predict_variances
from minnet.lab.probe import one_pass
from minnet.lab.rows import describe_rows, row_indices
from minnet.lab.subject import Subject, subject_of

__all__ = ["VarianceByDepthDisplay"]

_DIRECTIONS = ("forward", "backward")


@dataclass(eq=False, repr=False)
class VarianceByDepthDisplay:
    r"""Mean squares of pre-activations or of back-propagated gradients by depth, and what theory expects.

    Points are measured, the line is mean-field theory for the layers' own widths and initializers, the
    band what networks of these widths have at 2 standard errors; see
    :func:`minnet.lab.theory.predict_variances`. Gradients are relative to the last hidden layer's. One
    network is one draw from what the band is about: ``n_networks=20`` draws 19 others beside it, as thin
    lines, and tells how many of all points are in the band.

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
    others : dict of ndarray of shape (n_others, n_layers), default=None
        What other networks have, drawn by the same initializers.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    points_, line_ : matplotlib.lines.Line2D
    other_lines_ : list of matplotlib.lines.Line2D
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

    Twenty networks, and the share of their layers that are in the band:

    >>> net = Network([*(Dense(60, "relu") for _ in range(8)), Dense(2)], init="he")
    >>> net = net.initialize(60, random_state=0)
    >>> display = VarianceByDepthDisplay.from_estimator(net, X, n_networks=20)
    >>> 0.9 < display.share_in_band("forward") <= 1
    True

    Two initializations on one axes, each with a colour and a row of the legend:

    >>> shown = {}
    >>> for init, color in (("standard", "tab:orange"), ("glorot", "tab:blue")):
    ...     net = Network([*(Dense(60, "tanh") for _ in range(4)), Dense(2)], init=init)
    ...     shown[init] = VarianceByDepthDisplay.from_estimator(
    ...         net.initialize(60, random_state=0), X, color=color, ax=display.ax_
    ...     )

    >>> parts = [(one.band_, one.line_, one.points_) for one in shown.values()]
    >>> legend = display.ax_.legend(parts, shown)
    """

    layers: Any
    measured: dict[str, Array]
    predicted: dict[str, Array]
    low: dict[str, Array]
    high: dict[str, Array]
    others: dict[str, Array] | None = None

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
        n_networks: int = 1,
        color: Any = None,
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
            Inputs, a row for each sample.
        y : array-like, default=None
            Needed for ``direction="backward"``, and for an estimator that is not fitted.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.
        direction : {"forward", "backward"}, default="forward"
            What is drawn; both are kept.
        n_errors : float, default=2.0
            Half the width of the band, in standard errors.
        n_networks : int, default=1
            How many networks are measured: the one given, and others whose parameters are drawn anew by
            the same initializers, each by a stream that follows from the given network's.
        color : matplotlib color, optional
            Of all parts, to tell several displays on one axes apart.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the measured points.

        Returns
        -------
        display : VarianceByDepthDisplay
        """
        n_networks = check_whole("n_networks", n_networks)
        subject = subject_of(estimator, X, y, sample_weight, name="estimator")
        places, names, squares = _mean_squares(subject)
        if not places:
            raise ValueError("estimator must have a hidden layer, got none")
        others = [_mean_squares(one)[2] for one in _redrawn(subject, n_networks - 1)]
        prediction = predict_variances(subject.network, subject.X)
        # A layer of a user has a point but no place on the line.
        curves = curves_at(prediction, places, n_errors)
        predicted, low, high = (
            {way: curves[way][of] for way in _DIRECTIONS} for of in ("predicted", "low", "high")
        )
        display = cls(
            names,
            squares,
            predicted,
            low,
            high,
            {
                name: np.reshape([one[name] for one in others], (-1, len(places)))
                for name in _DIRECTIONS
            },
        )
        return display.plot(ax=ax, direction=direction, color=color, **kwargs)

    def share_in_band(self, direction: str = "forward") -> float:
        """Return the share of the layers of all networks whose mean squares are in the band.

        Parameters
        ----------
        direction : {"forward", "backward"}, default="forward"
            Activations going forward, or gradients going back.

        Returns
        -------
        share : float
            NaN where theory has no band. Layers whose band has no width do not count.
        """
        check_name("direction", direction, _DIRECTIONS)
        low, high = self.low[direction], self.high[direction]
        counts = low < high
        values = self._all(direction)[:, counts]
        inside = (low[counts] <= values) & (values <= high[counts])
        return float(inside.mean()) if inside.size else np.nan

    def _all(self, direction: str) -> Array:
        """Return the mean squares of all networks, the given one first."""
        others: Any = [] if self.others is None else self.others[direction]
        return np.vstack([self.measured[direction], *others])

    def plot(
        self, ax: Any = None, *, direction: str = "forward", color: Any = None, **kwargs: Any
    ) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        direction : {"forward", "backward"}, default="forward"
            Activations going forward, or gradients going back.
        color : matplotlib color, optional
            Of all parts, to tell several displays on one axes apart.
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
        of_theory = okabe_ito(ax, 0) if color is None else color
        of_points = okabe_ito(ax, 1) if color is None else color
        everything = self._all(direction)
        low, high, line = self.low[direction], self.high[direction], self.predicted[direction]
        # Of one layer a band and a line have no width but for the one they are given here.
        along = depth if len(depth) > 1 else np.array([0.85, 1.15])
        limits = ax.get_ylim() if ax.has_data() else ()
        self.band_ = ax.fill_between(
            along,
            np.broadcast_to(low, along.shape),
            np.broadcast_to(high, along.shape),
            color=of_theory,
            alpha=0.4 if is_dark(ax) else 0.22,
            linewidth=0,
            label="theory at these widths",
        )
        (self.line_,) = ax.plot(
            along,
            np.broadcast_to(line, along.shape),
            color=of_theory,
            linewidth=1.8,
            label="theory, infinite width",
        )
        options = {"color": of_points, "marker": "o", "linestyle": "none", "label": "measured"}
        if len(everything) > 1:
            options |= {"markersize": 4.5, "markeredgecolor": ax.get_facecolor(), "zorder": 4}
        (self.points_,) = ax.plot(depth, measured, **{**options, **kwargs})
        self.other_lines_ = [
            ax.plot(depth, values, color=of_points, linewidth=0.6, alpha=0.6, zorder=2)[0]
            for values in everything[1:]
        ]
        if self.other_lines_:
            share = self.share_in_band(direction)
            known = "" if np.isnan(share) else f": {share:.0%} in the band"
            self.other_lines_[0].set_label(f"{len(everything) - 1} networks more{known}")
        if direction == "forward":
            ax.set_ylabel("mean square of pre-activations z")
        else:
            ax.set_ylabel("mean square of gradients ∂C/∂z,\nrelative to the last hidden layer")
        ax.set_xlabel("hidden layer")
        _log_scale(ax, [everything, line, low, high, limits])
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        ax.set_xlim(0.5, max(len(depth) + 0.5, ax.get_xlim()[1] if limits else 0))
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        if color is None:
            free_legend(ax)
        else:  # of several displays: who draws them knows what tells them apart
            ax.legend(frameon=False)
        return self


def _mean_squares(subject: Subject) -> tuple[list[int], list[str], dict[str, Array]]:
    """Return places, names and mean squares of the hidden layers; gradients over the last one's."""
    network = subject.network
    # A diverged network is measured as it is.
    with np.errstate(over="ignore", invalid="ignore"):
        _, grads, contexts = one_pass(subject)
        known = describe_rows(network, row_indices(contexts))
        shown = [row for row, hidden in enumerate(known["hidden"]) if hidden]
        places = [known["index"][row] for row in shown]
        forward = [_mean_square(contexts[i].Z) for i in places]
        backward = [np.nan if grads is None else _mean_square(contexts[i].dZ) for i in places]
        last = backward[-1] if backward and backward[-1] > 0 else np.nan
        squares = {"forward": np.array(forward), "backward": np.array(backward) / last}
    return places, [known["layers"][row] for row in shown], squares


def _mean_square(values: Array) -> float:
    return float(np.mean(np.square(values, dtype=np.float64)))


def _redrawn(subject: Subject, n: int) -> Iterator[Subject]:
    """Yield the subject with networks whose parameters are drawn anew, each by another stream."""
    network = subject.network
    stream = np.random.RandomState(network.key % 2**32)
    for _ in range(n):
        another = network.astype(network.dtype)  # a copy
        another.initialize(network.sizes[0], stream, network.dtype)
        another.adapt(subject.X, subject.T, subject.weights)
        yield replace(subject, network=another)


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
    log_ticks(ax.yaxis, 10**low, 10**high)
