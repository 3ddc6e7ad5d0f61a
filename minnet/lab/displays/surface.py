"""The loss over two weights or directions: Glorot & Bengio 2010, figure 5."""

import operator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.checks import as_numbers, check_real, check_whole, n_axes
from minnet.common.names import check_name
from minnet.common.plotting import color_bar, split
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.subject import subject_of
from minnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from minnet.network import Network

__all__ = ["LossSurfaceDisplay"]

_KINDS = ("contour", "surface")
_TITLES = {"log_loss": "cross-entropy", "squared_error": "quadratic cost"}


@dataclass(eq=False, repr=False)
class LossSurfaceDisplay:
    """The loss of a network over a plane of its parameters, for one or several losses.

    Made by :meth:`from_estimator`.

    Parameters
    ----------
    x, y : ndarray of shape (n_points,)
        Along the two axes.
    losses : dict of str to ndarray of shape (n_points, n_points)
        Mean losses, ``[i, j]`` at ``y[i]`` and ``x[j]``.
    labels : tuple of str
        Of the axes.
    here : tuple of float
        Where the network is.

    Attributes
    ----------
    axes_ : ndarray of matplotlib axes
        One for each loss.
    ax_ : matplotlib axes
        The first of them.
    figure_ : matplotlib figure
    surfaces_ : list
        What is drawn in each: a contour set or a surface.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab.displays import LossSurfaceDisplay
    >>> rng = np.random.default_rng(0)
    >>> net = Network([Dense(3, "tanh"), Dense(2)]).initialize(4, random_state=0)
    >>> X, T = rng.normal(size=(50, 4)), rng.integers(2, size=50)
    >>> display = LossSurfaceDisplay.from_estimator(
    ...     net, X, T, loss=["log_loss", "squared_error"], n_points=11
    ... )
    >>> display.labels
    ('weight W[0, 0] of layer 0', 'weight W[0, 0] of layer 1')
    """

    x: Array
    y: Array
    losses: dict[str, Array]
    labels: tuple[str, ...]
    here: tuple[float, ...]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike,
        *,
        loss: Any = None,
        weights: Any = None,
        directions: Any = None,
        span: float = 5.0,
        n_points: int = 41,
        kind: str = "contour",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Compute the loss of an estimator or a network over a plane, and draw it.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Not fitted, an estimator is drawn as its fit would start. Nothing of it changes.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like
            As ``fit`` takes it; the targets of the loss for a Network.
        loss : str, Loss, or list of them, optional
            "log_loss" and "squared_error" are meant on what the network predicts: probabilities for a
            classifier. The network's own unless given. Without the L2 term.
        weights : pair of (layer, (row, column)), optional
            Two weights by the place of their layer and their place in its ``W``. The first weights of
            the first and of the last layer unless given.
        directions : pair of ndarray of shape (n_params,), optional
            Two directions instead of two weights, of the layout of ``network.params``.
        span : float, default=5.0
            How far the plane reaches to both sides of where the network is.
        n_points : int, default=41
            In each direction.
        kind : {"contour", "surface"}, default="contour"
            Which of the pictures is drawn.
        ax : matplotlib axes or array of them, optional
            Where to draw; None makes new axes.
        **kwargs
            For ``contourf`` or ``plot_surface``.

        Returns
        -------
        display : LossSurfaceDisplay
        """
        subject = subject_of(estimator, X, y, name="estimator")
        if subject.T is None:
            raise ValueError("y must be given: the loss depends on it, got None")
        if weights is not None and directions is not None:
            raise ValueError("weights must be None where directions are given, got both")
        span = check_real("span", span, low=0, left=False)
        n_points = check_whole("n_points", n_points, 2)
        network = subject.network.astype(subject.network.dtype)  # a copy
        chosen = (
            [network.loss_] if loss is None else loss if isinstance(loss, list | tuple) else [loss]
        )
        objects = {_title(one): _loss(one, network.loss_.output) for one in chosen}
        if directions is None:
            plane, labels, here = _of_weights(network, weights)
        else:
            plane, labels, here = (
                _of_directions(network, directions),
                ("direction 1", "direction 2"),
                (0, 0),
            )
        steps = np.linspace(-span, span, n_points)
        origin = network.params.copy()
        losses = {name: np.empty((n_points, n_points)) for name in objects}
        with np.errstate(over="ignore", invalid="ignore"):
            for i, b in enumerate(steps):
                for j, a in enumerate(steps):
                    network.params[...] = origin + a * plane[0] + b * plane[1]
                    Z = network.forward(subject.X)
                    for name, one in objects.items():
                        values = one.value(Z, subject.T)
                        losses[name][i, j] = np.average(values, weights=subject.weights)
        display = cls(here[0] + steps, here[1] + steps, losses, labels, here)
        return display.plot(ax=ax, kind=kind, **kwargs)

    def plot(self, ax: Any = None, *, kind: str = "contour", **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes or array of them, optional
            New ones unless given. Where there are several losses, one axes gives its place to them.
        kind : {"contour", "surface"}, default="contour"
            Seen from above, or in three dimensions.
        **kwargs
            For ``contourf`` or ``plot_surface``.

        Returns
        -------
        self
        """
        check_name("kind", kind, _KINDS)
        n = len(self.losses)
        solid = kind == "surface"
        size = (5.2 * n, 4.4 if solid else 4.2)
        self.axes_, self.figure_ = split(ax, n, size, projection="3d" if solid else None)
        self.ax_, self.surfaces_ = self.axes_[0], []
        for one, (name, losses) in zip(self.axes_, self.losses.items(), strict=True):
            one.set_title(name if solid else f"{name} (★ the network)", loc="left")
            one.set_xlabel(self.labels[0])
            one.set_ylabel(self.labels[1])
            draw = self._draw_solid if solid else self._draw_flat
            self.surfaces_.append(draw(one, losses, kwargs))
        return self

    def _draw_flat(self, ax: Any, losses: Array, kwargs: dict[str, Any]) -> Any:
        drawn = ax.contourf(self.x, self.y, losses, **{"levels": 24, "cmap": "viridis", **kwargs})
        ax.contour(
            self.x, self.y, losses, levels=drawn.levels, colors="k", linewidths=0.25, alpha=0.6
        )
        ax.plot(
            *self.here,
            marker="*",
            markersize=13,
            color="#E69F00",
            markeredgecolor="k",
            linestyle="none",
        )
        color_bar(self.figure_, drawn, ax, "mean loss")
        return drawn

    def _draw_solid(self, ax: Any, losses: Array, kwargs: dict[str, Any]) -> Any:
        x, y = np.meshgrid(self.x, self.y)
        options = {"cmap": "viridis", "rcount": 60, "ccount": 60, "linewidth": 0, **kwargs}
        drawn = ax.plot_surface(x, y, losses, **options)
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_pane_color((0.5, 0.5, 0.5, 0.1))
        ax.grid(False)
        ax.xaxis.labelpad = ax.yaxis.labelpad = ax.zaxis.labelpad = 8
        ax.set_zlabel("mean loss")
        ax.set_box_aspect(None, zoom=0.8)  # room for the labels
        return drawn


def _title(loss: str | Loss) -> str:
    if isinstance(loss, str):
        return _TITLES.get(loss, loss)
    if isinstance(loss, SoftmaxCrossEntropy | SigmoidCrossEntropy):
        return _TITLES["log_loss"]
    return _TITLES["squared_error"] if isinstance(loss, SquaredError) else type(loss).__name__


def _loss(spec: str | Loss, output: str) -> Loss:
    """Return the loss object for a network whose own loss predicts by ``output``."""
    if isinstance(spec, Loss):
        return spec
    if not isinstance(spec, str):
        raise TypeError(f"loss must be a name, a Loss or a list of them, got {spec!r:.200}")
    if spec == "squared_error":
        return SquaredError(output if output in ("softmax", "logistic") else "identity")
    if spec == "log_loss" and output in ("softmax", "logistic"):
        return SoftmaxCrossEntropy() if output == "softmax" else SigmoidCrossEntropy()
    raise ValueError(
        f"loss must be 'squared_error', a Loss, or for a classifier 'log_loss', got {spec!r}"
    )


_WEIGHTS = "weights must be two of (layer, (row, column)), got {!r}"


def _of_weights(
    network: Network, weights: Any
) -> tuple[list[Array], tuple[str, ...], tuple[float, ...]]:
    """Return two unit vectors, the labels of the axes and where the network is."""
    rows = {row.layer: row for row in network.parameter_table if row.name == "W"}
    if weights is None:
        if not rows:
            raise ValueError("directions must be given for a network without weights W, got None")
        weights = [(min(rows), (0, 0)), (max(rows), (0, 0))]
        if min(rows) == max(rows):
            weights[1] = (max(rows), (-1, -1))
    try:
        weights = [
            (operator.index(layer), tuple(map(operator.index, place))) for layer, place in weights
        ]
    # NotImplementedError is what iter() of SciPy's BSR matrices raises.
    except (TypeError, ValueError, NotImplementedError):
        raise ValueError(_WEIGHTS.format(weights)) from None
    if len(weights) != 2:
        raise ValueError(_WEIGHTS.format(weights))
    plane, labels, here = [], [], []
    for layer, place in weights:
        if layer not in rows or len(place) != 2:
            raise ValueError(
                f"weights must name layers with W, one of {sorted(rows)}, got {layer!r}"
            )
        unit = np.zeros_like(network.params)
        shape = rows[layer].shape
        try:
            unit[rows[layer].slice].reshape(shape)[place] = 1
        except IndexError:
            raise ValueError(
                f"weights must be places in W of shape {shape} for layer {layer}, got {place}"
            ) from None
        plane.append(unit)
        i, j = (int(np.arange(size)[at]) for size, at in zip(shape, place, strict=True))
        labels.append(f"weight W[{i}, {j}] of layer {layer}")
        here.append(float(network.layers[layer].W[place]))
    return plane, tuple(labels), tuple(here)


def _of_directions(network: Network, directions: Any) -> list[Array]:
    if not isinstance(directions, list | tuple | np.ndarray) or n_axes(directions) == 0:
        raise TypeError(f"directions must be two arrays, got {directions!r:.200}")
    plane = [as_numbers("directions", direction, network.dtype) for direction in directions[:3]]
    if len(plane) != 2 or any(direction.shape != network.params.shape for direction in plane):
        raise ValueError(
            f"directions must be two arrays of shape {network.params.shape}, got {len(directions)} of "
            f"shapes {[direction.shape for direction in plane]}"
        )
    return plane
