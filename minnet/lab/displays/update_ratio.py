"""Size of the steps beside that of the weights, by layer through training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.checks import check_real
from minnet.common.plotting import (
    axes_of,
    foreground,
    layer_colors,
    layer_legend,
    log_ticks,
    tidy,
)
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.displays._recorded import check_recording, record
from minnet.lab.measurement import Recording

__all__ = ["UpdateRatioDisplay"]


@dataclass(eq=False, repr=False)
class UpdateRatioDisplay:
    r"""Size of a step beside that of the weights, :math:`|\Delta W| / |W|`, by layer through training.

    A layer whose line is far below the others' learns more slowly than they do; one that changes by
    several per cent in each step is shaken. About :math:`10^{-3}` is a common rule for steps that are
    neither too small nor too large (Karpathy's course *Neural networks: zero to hero*, 2022), and the
    dashed line is there. It is a rule of thumb, for the middle of a training.

    Made by :meth:`from_recording` or :meth:`from_estimator`.

    Parameters
    ----------
    steps : ndarray of int, shape (n_measurements,)
        Steps of the training at which it was looked.
    values : ndarray of shape (n_measurements, n_layers)
        Euclidean norm of the next step of the weights over that of the weights.
    layers : list of str
        Names of the layers, from the input up.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    lines_ : list of matplotlib.lines.Line2D
        A line for each layer.
    reference_line_ : matplotlib.lines.Line2D or None

    Notes
    -----
    The step is that which the optimizer would take on the rows of the probe: its state, its learning
    rate and clipping are in it, decoupled weight decay is not. The gradient of a smaller mini-batch is
    noisier and so longer: to see the steps of a training with small batches, give the probe as many rows
    as a batch has.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab.displays import UpdateRatioDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 20))
    >>> clf = MinNetClassifier((30, 30), "tanh", max_iter=5, n_iter_no_change=5, random_state=0)
    >>> display = UpdateRatioDisplay.from_estimator(clf, X, X[:, 0] > 0, steps=[0, 2, 5])
    >>> display.steps, display.values.shape
    (array([0, 2, 5]), (3, 3))
    """

    steps: Array
    values: Array
    layers: Any

    @classmethod
    def from_recording(cls, recording: Recording, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw what a :class:`minnet.lab.Probe` recorded.

        Parameters
        ----------
        recording : Recording
            What a :class:`minnet.lab.Probe` noted that was given ``y``. There is a line for each layer
            with weights.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        display : UpdateRatioDisplay
        """
        check_recording(recording)
        values = recording["update_ratio"]
        shown = ~np.isnan(values).all(axis=0)
        if not shown.any():
            raise ValueError(
                "recording must have update ratios, which a Probe measures that is given y, got none"
            )
        layers = [name for name, there in zip(recording.layers, shown, strict=True) if there]
        return cls(recording.steps, values[:, shown], layers).plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        X_probe: Matrix = None,
        y_probe: ArrayLike | None = None,
        steps: int | Sequence[int] | None = None,
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
        X_probe, y_probe : array-like, default=None
            The rows to measure, the first 300 unless given.
        steps : None, int or list of int, default=None
            When to measure, see :class:`minnet.lab.Probe`. None measures up to some hundred times, most
            often at the start: enough for a curve, wherever training ends.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        display : UpdateRatioDisplay
        """
        recording = record(
            estimator, X, y, X_probe, y_probe, backward=True, steps=steps, display=cls.__name__
        )
        return cls.from_recording(recording, ax=ax, **kwargs)

    def plot(self, ax: Any = None, *, reference: float | None = 1e-3, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        reference : float or None, default=1e-3
            Where a dashed line is drawn; None draws none.
        **kwargs
            For the lines (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        if reference is not None:
            reference = check_real("reference", reference, 0, left=False)
        values = np.asarray(self.values, dtype=np.float64)
        seen = values[np.isfinite(values) & (values > 0)]
        if not seen.size:
            raise ValueError(
                "there is nothing to draw: no layer moves in any of the measurements, or none is finite"
            )
        self.ax_, self.figure_ = ax, _ = axes_of(ax)
        drawn = any(axes.has_data() for axes in ax.get_shared_y_axes().get_siblings(ax))
        limits = ax.get_ylim() if drawn else (np.inf, 0.0)  # what is there stays inside
        self.lines_ = []
        for i, color in enumerate(layer_colors(ax, len(self.layers))):
            options = {"color": color, "linewidth": 1.8, **kwargs}
            self.lines_ += ax.plot(self.steps, values[:, i], **options)
        low, high = seen.min(), seen.max()
        self.reference_line_: Any = None
        if reference is not None:
            self.reference_line_ = ax.axhline(
                reference, color=foreground(), linestyle="--", linewidth=1
            )
            low, high = min(low, reference), max(high, reference)
        room = (high / low) ** 0.06 * 1.1
        ax.set_yscale("log")
        low, high = min(low / room, limits[0]), max(high * room, limits[1])
        ax.set_ylim(low, high)
        log_ticks(ax.yaxis, low, high)
        ax.set_xlabel("training step")
        ax.set_ylabel("step over weights, |ΔW| / |W|")
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        # On a logarithmic axis there is no place for a layer that never moves.
        still = [" (0)" if not np.nansum(column) else "" for column in values.T]
        names = [name + mark for name, mark in zip(self.layers, still, strict=True)]
        layer_legend(ax, self.lines_, names, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return self
