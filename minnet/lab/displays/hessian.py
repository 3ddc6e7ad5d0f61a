"""Curvature drawn: the spectrum of the Hessian, and its largest eigenvalue through training."""

from typing import Any, Self

import numpy as np

from minnet.common.checks import as_numbers, check_real
from minnet.common.plotting import axes_of, foreground, free_legend, okabe_ito, tidy
from minnet.common.types import Array, ArrayLike, Matrix, RandomState
from minnet.lab.hessian import SpectralDensity, hessian
from minnet.lab.measurement import Recording

__all__ = ["SharpnessDisplay", "SpectralDensityDisplay"]

_LEAST = 1e-4  # of the largest density: below it nothing is drawn


class SharpnessDisplay:
    """Sharpness through training, and the line above which steps diverge on a quadratic function.

    Full-batch gradient descent raises the largest eigenvalue of the Hessian to 2 over the learning rate,
    and goes on there (Cohen, Kaur, Li, Kolter and Talwalkar 2021).

    Parameters
    ----------
    steps : array-like of shape (n_measurements,)
        Of training, before each measurement.
    sharpness : array-like of shape (n_measurements,)
        Largest eigenvalues; what is not finite is left out.
    limits : array-like of shape (n_measurements,)
        Where the line is, at each step; NaN where there is none.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    line_ : matplotlib.lines.Line2D
    limit_line_ : matplotlib.lines.Line2D or None

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import SGD, Dense, Network, Trainer
    >>> from minnet.lab import Probe
    >>> from minnet.lab.displays import SharpnessDisplay
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> T = np.sin(2 * X[:, :1])
    >>> net = Network([Dense(20, "tanh"), Dense(1)], "squared_error").initialize(4, random_state=0)
    >>> probe = Probe(X, T, steps=50, sharpness=True)
    >>> trainer = Trainer(net, SGD(0.1), batch_size=50, n_iter_no_change=np.inf)
    >>> stop = lambda trainer: trainer.n_epochs == 200
    >>> _ = trainer.fit(X, T, max_epochs=500, callbacks=[probe, stop])
    >>> SharpnessDisplay.from_recording(probe.recording).limits[-1]
    np.float64(20.0)
    """

    def __init__(self, steps: ArrayLike, sharpness: ArrayLike, limits: ArrayLike) -> None:
        self.steps = as_numbers("steps", steps)
        self.sharpness = as_numbers("sharpness", sharpness)
        self.limits = as_numbers("limits", limits)
        for name in ("steps", "sharpness", "limits"):
            shape = getattr(self, name).shape
            if len(shape) != 1 or shape != self.steps.shape:
                raise ValueError(f"{name} must have shape (n_measurements,) as steps, got {shape}")

    @classmethod
    def from_recording(cls, recording: Recording, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw what a Probe with ``sharpness=True`` recorded.

        Parameters
        ----------
        recording : Recording
            Of :class:`minnet.lab.Probe`.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the line.

        Returns
        -------
        display : SharpnessDisplay
        """
        if not isinstance(recording, Recording):
            raise TypeError(f"recording must be a Recording, got {recording!r:.200}")
        if np.isnan(recording.sharpness).all():
            raise ValueError(
                "recording must have sharpness: make it by Probe(X, y, sharpness=True), got one without"
            )
        found = cls(recording.steps, recording.sharpness, recording.stability_limits)
        return found.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        **kwargs
            For the line (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        self.ax_, self.figure_ = ax, _ = axes_of(ax)
        color = okabe_ito(ax, len(ax.get_lines()) // 2)  # several trainings share axes
        shown = np.where(np.isfinite(self.sharpness), self.sharpness, np.nan)
        options = {"color": color, "linewidth": 1.8, "label": "sharpness", **kwargs}
        (self.line_,) = ax.plot(self.steps, shown, **options)
        self.limit_line_ = None
        if np.isfinite(self.limits).any():
            constant = np.nanmin(self.limits) == np.nanmax(self.limits)
            label = f"limit: {np.nanmax(self.limits):.3g}" if constant else "limit"
            (self.limit_line_,) = ax.plot(
                self.steps, np.where(np.isfinite(self.limits), self.limits, np.nan),
                color=self.line_.get_color(), linestyle=(0, (4, 2)), linewidth=1.4, label=label,
            )  # fmt: skip
        ax.set_xlabel("training step")
        ax.set_ylabel("largest eigenvalue of the Hessian")
        ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        free_legend(ax)
        return self


class SpectralDensityDisplay:
    """How the eigenvalues of the Hessian are distributed, on a logarithmic scale.

    Parameters
    ----------
    density : SpectralDensity
        Of :meth:`minnet.lab.Hessian.density`.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    line_ : matplotlib.lines.Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab.displays import SpectralDensityDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((32,), "tanh", random_state=0)
    >>> display = SpectralDensityDisplay.from_estimator(clf, X[:100] / 16, y[:100], n_vectors=2)
    >>> bool(display.density.share(-0.3, 0.3) > 0.95)  # most directions are nearly flat
    True
    """

    def __init__(self, density: SpectralDensity) -> None:
        if not isinstance(density, SpectralDensity):
            raise TypeError(f"density must be a SpectralDensity, got {density!r:.200}")
        self.density = density

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_vectors: int = 10,
        n_iter: int = 60,
        random_state: RandomState = 0,
        width: float | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Find the density of an estimator's or a network's Hessian on a batch, and draw it.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Not fitted, an estimator is seen as its fit would start.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The batch.
        y : array-like
            Targets, as ``fit`` takes them.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.
        n_vectors, n_iter, random_state
            See :meth:`minnet.lab.Hessian.density`.
        width : float, default=None
            See :meth:`plot`.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the line.

        Returns
        -------
        display : SpectralDensityDisplay
        """
        H = hessian(estimator, X, y, sample_weight)
        density = H.density(n_vectors, n_iter, random_state=random_state)
        return cls(density).plot(ax=ax, width=width, **kwargs)

    @classmethod
    def from_density(
        cls, density: SpectralDensity, *, width: float | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw a density that was found.

        Parameters
        ----------
        density : SpectralDensity
            Of :meth:`minnet.lab.Hessian.density`.
        width : float, default=None
            See :meth:`plot`.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the line.

        Returns
        -------
        display : SpectralDensityDisplay
        """
        return cls(density).plot(ax=ax, width=width, **kwargs)

    def plot(self, ax: Any = None, *, width: float | None = None, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        width : float, default=None
            Standard deviation of the normal laws that stand for single eigenvalues; None is 0.01 of the
            range of the spectrum.
        **kwargs
            For the line (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        if width is not None:
            width = check_real("width", width, low=0, left=False)
        if not self.density.is_finite:
            raise ValueError(
                "density must have finite nodes to be drawn, got NaN or infinity: the gradient of its "
                "network is not finite"
            )
        grid, values = self.density.on_grid(width=width)
        self.ax_, self.figure_ = ax, _ = axes_of(ax)
        options = {"color": okabe_ito(ax, 0), "linewidth": 1.6, **kwargs}
        (self.line_,) = ax.plot(grid, _cut(values), **options)
        ax.set_yscale("log")
        ax.set_xlabel("eigenvalue of the Hessian")
        ax.set_ylabel("density")
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        return self


def _cut(values: Array) -> Array:
    """Return a density without what is nearly nothing, which would stretch a logarithmic scale."""
    least = _LEAST * min(1.0, 1 / max(values.size, 1)) * values.max()
    return np.where(values > least, values, np.nan)
