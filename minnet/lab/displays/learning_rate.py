"""The range test of the learning rate."""

from typing import Any, Self

from minnet.common.plotting import axes_of, foreground, free_legend, okabe_ito, tidy
from minnet.common.types import ArrayLike, Matrix
from minnet.lab.learning_rate import RangeTest, find_learning_rate

__all__ = ["LearningRateDisplay"]


class LearningRateDisplay:
    """Loss of a copy of a model while the learning rate rises, and the rate that is suggested.

    Parameters
    ----------
    test : RangeTest
        Of :func:`minnet.lab.find_learning_rate`.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    line_ : matplotlib.lines.Line2D
        The smoothed losses.
    points_ : matplotlib.lines.Line2D
        The losses of the mini-batches.
    suggestion_line_ : matplotlib.lines.Line2D

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab.displays import LearningRateDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((64,), solver="sgd", random_state=0)
    >>> display = LearningRateDisplay.from_estimator(clf, X / 16, y)
    >>> 0.01 < display.test.suggestion < 1
    True
    """

    def __init__(self, test: RangeTest) -> None:
        if not isinstance(test, RangeTest):
            raise TypeError(f"test must be what find_learning_rate returns, got {test!r:.200}")
        self.test = test

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        low: float = 1e-6,
        high: float = 10.0,
        n_steps: int = 200,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Test the rates on a copy of an estimator or a network, and draw the losses.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            A copy of it is trained; it stays as it is.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like
            Targets, as ``fit`` takes them.
        sample_weight, low, high, n_steps
            See :func:`minnet.lab.find_learning_rate`.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the line.

        Returns
        -------
        display : LearningRateDisplay
        """
        test = find_learning_rate(
            estimator, X, y, sample_weight, low=low, high=high, n_steps=n_steps
        )
        return cls.from_test(test, ax=ax, **kwargs)

    @classmethod
    def from_test(cls, test: RangeTest, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw a test that was made.

        Parameters
        ----------
        test : RangeTest
            What :func:`minnet.lab.find_learning_rate` returned.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the line.

        Returns
        -------
        display : LearningRateDisplay
        """
        return cls(test).plot(ax=ax, **kwargs)

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
        test = self.test
        options = {"color": okabe_ito(ax, 0), "linewidth": 1.8, "zorder": 3, **kwargs}
        (self.points_,) = ax.plot(
            test.learning_rates, test.losses, ".", color=foreground(), alpha=0.3, markersize=4,
            label="mini-batch",
        )  # fmt: skip
        (self.line_,) = ax.plot(
            test.learning_rates, test.smoothed, **{"label": "smoothed", **options}
        )
        self.suggestion_line_ = ax.axvline(
            test.suggestion, color=okabe_ito(ax, 1), linewidth=1.4, linestyle=(0, (4, 2)),
            label=f"suggested: {test.suggestion:.2g}",
        )  # fmt: skip
        ax.set_xscale("log")
        # The last losses may be many times the others: the curve is what is to be seen.
        low, high = test.smoothed.min(), test.smoothed[0]
        margin = 0.35 * (high - low) or 0.1
        ax.set_ylim(min(low, test.losses.min()) - 0.1 * margin, high + margin)
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
        tidy(ax)
        free_legend(ax)
        return self
