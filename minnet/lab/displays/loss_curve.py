"""Learning curves of one or several estimators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.pipeline import Pipeline

from minnet.common.checks import check_flag
from minnet.common.plotting import (
    axes_of,
    below,
    foreground,
    free_legend,
    log_ticks,
    okabe_ito,
    tidy,
)
from minnet.common.types import Array

__all__ = ["LossCurveDisplay"]

_DASHED = (0, (4, 2))


@dataclass(eq=False, repr=False)
class LossCurveDisplay:
    """Loss by epoch of one or several estimators, in training and in validation, and validation scores.

    Each estimator has a colour. Training losses are solid lines, validation losses dashed ones of the same
    colour; validation scores are in axes of their own below. With ``scoring="loss"`` the score is the
    validation loss, and is not drawn again.

    Parameters
    ----------
    losses : dict of str to ndarray of shape (n_epochs,)
        By the name of the estimator.
    scores : dict of str to ndarray of shape (n_epochs,)
        On validation data, of those estimators that have some.
    validation_losses : dict of str to ndarray of shape (n_epochs,), default=None
        Likewise. They are without the L2 term, which training losses have.

    Attributes
    ----------
    ax_ : matplotlib axes
    score_ax_ : matplotlib axes or None
        Those of the scores, below.
    figure_ : matplotlib figure
    lines_ : list of matplotlib.lines.Line2D
    validation_lines_ : list of matplotlib.lines.Line2D
    score_lines_ : list of matplotlib.lines.Line2D

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab.displays import LossCurveDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 20))
    >>> fits = {
    ...     init: MinNetClassifier((30,), max_iter=5, n_iter_no_change=5, init=init).fit(X, X[:, 0] > 0)
    ...     for init in ("glorot", "he")
    ... }
    >>> list(LossCurveDisplay.from_estimator(fits).losses)
    ['glorot', 'he']
    """

    losses: dict[str, Array]
    scores: dict[str, Array]
    validation_losses: dict[str, Array] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        names: Sequence[str] | None = None,
        log: bool = False,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the curves of fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimators, or dict of str to estimator
            Fitted with "adam" or "sgd": MinNetClassifier, MinNetRegressor, pipelines that end in one. A
            :class:`minnet.Trainer` does, too: the curve of a Network is kept there.
        names : list of str, optional
            For the legend; the keys of a dict, or the names of the classes, unless given.
        log : bool, default=False
            Whether the axis of the loss is logarithmic.
        ax : matplotlib axes, optional
            Where there are scores, their axes take the lower part of its place.
        **kwargs
            For the lines of the loss.

        Returns
        -------
        display : LossCurveDisplay
        """
        if isinstance(estimator, dict):
            given, models = list(estimator), list(estimator.values())
        else:
            models = list(estimator) if isinstance(estimator, list | tuple) else [estimator]
            models = [model[-1] if isinstance(model, Pipeline) else model for model in models]
            given = [type(model).__name__ for model in models]
            if len(set(given)) < len(given):
                given = [f"{name} {i}" for i, name in enumerate(given)]
        if names is not None and not isinstance(names, list | tuple):
            raise TypeError(f"names must be a list of names, got {names!r}")
        names = given if names is None else list(names)
        if not models:
            raise ValueError("estimator must be one or several estimators, got none")
        if len(names) != len(models):
            raise ValueError(f"names must be {len(models)} names, got {names}")
        losses, scores, validation_losses = {}, {}, {}
        for name, model in zip(names, models, strict=True):
            last = model[-1] if isinstance(model, Pipeline) else model
            curve = _curve(last, "loss_curve")
            if curve is None:
                raise ValueError(
                    "estimator must be fitted with the solver 'adam' or 'sgd', which leave a loss_curve_, "
                    f"got {last!r}"
                )
            losses[name] = curve
            score, loss = _curve(last, "validation_scores"), _curve(last, "validation_loss_curve")
            if loss is not None:
                validation_losses[name] = loss
            if score is not None and not (loss is not None and np.array_equal(score, -loss, True)):
                scores[name] = score
        return cls(losses, scores, validation_losses).plot(ax=ax, log=log, **kwargs)

    def plot(self, ax: Any = None, *, log: bool = False, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given. Where there are scores, their axes take the lower part of its place.
        log : bool, default=False
            Whether the axis of the loss is logarithmic.
        **kwargs
            For the lines of the loss (``matplotlib.axes.Axes.plot``).

        Returns
        -------
        self
        """
        check_flag("log", log)
        size = (6.4, 5.6) if self.scores else None
        self.ax_, self.figure_ = ax, _ = axes_of(ax, size)
        panels = [ax, below(ax)] if self.scores else [ax]
        self.score_ax_: Any = panels[1] if self.scores else None
        self.lines_, self.validation_lines_, self.score_lines_ = [], [], []
        validation_losses = self.validation_losses or {}
        for i, (name, losses) in enumerate(self.losses.items()):
            options = {"color": okabe_ito(ax, i), "linewidth": 1.8, "label": name, **kwargs}
            self.lines_ += ax.plot(_epochs(losses), losses, **options)
            style = {"color": self.lines_[-1].get_color(), "linewidth": 1.6}
            if name in validation_losses:
                losses = validation_losses[name]
                self.validation_lines_ += ax.plot(
                    _epochs(losses), losses, linestyle=_DASHED, **style
                )
            if name in self.scores:
                scores = self.scores[name]
                self.score_lines_ += panels[1].plot(
                    _epochs(scores), scores, linestyle=_DASHED, **style
                )
        if log:
            ax.set_yscale("log")
            log_ticks(ax.yaxis, *ax.get_ylim())
        ax.set_ylabel("loss" if validation_losses else "training loss")
        if self.score_ax_ is not None:
            self.score_ax_.set_ylabel("validation score")
            ax.tick_params(labelbottom=False)
        for panel in panels:
            panel.xaxis.get_major_locator().set_params(integer=True)
            panel.grid(axis="y", color=foreground(), alpha=0.15, linewidth=0.6)
            tidy(panel)
        panels[-1].set_xlabel("epoch")
        handles = list(self.lines_) if len(self.losses) > 1 or "label" in kwargs else []
        if validation_losses:
            from matplotlib.lines import Line2D

            color = foreground() if handles else style["color"]
            handles += [
                Line2D([], [], color=color, linestyle="-", label="training"),
                Line2D([], [], color=color, linestyle=_DASHED, label="validation"),
            ]
        if handles:
            free_legend(ax, handles=handles)
        return self


def _curve(model: Any, name: str) -> Array | None:
    """Return what an estimator or a trainer noted each epoch, or None if there is nothing but NaN."""
    noted = getattr(model, f"{name}_", None) or getattr(model, name, None)
    if not noted:
        return None
    curve = np.asarray(noted, dtype=np.float64)
    return None if np.isnan(curve).all() else curve


def _epochs(curve: Array) -> Array:
    return np.arange(1, len(curve) + 1)
