"""The weights of the first layer as images."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.checks import check_whole, is_whole
from minnet.common.plotting import axes_of, color_bar, is_dark, pyplot
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.subject import network_of

__all__ = ["FirstLayerWeightsDisplay"]


@dataclass(eq=False, repr=False)
class FirstLayerWeightsDisplay:
    """The incoming weights of the first layer's units as images: what each unit looks for.

    Made by :meth:`from_estimator`.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        Weights of each unit, in the form of an input.
    units : ndarray of int, shape (n_images,)
        Which unit each is of.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    im_ : matplotlib.image.AxesImage
        All images in one, with gaps between them.

    Examples
    --------
    >>> from minnet import Dense, Network
    >>> from minnet.lab.displays import FirstLayerWeightsDisplay
    >>> net = Network([Dense(30, "tanh"), Dense(10)]).initialize(64, random_state=0)
    >>> FirstLayerWeightsDisplay.from_estimator(net).images.shape
    (25, 8, 8)
    """

    images: Array
    units: Array

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix = None,
        y: ArrayLike | None = None,
        *,
        shape: tuple[int, ...] | None = None,
        n_images: int = 25,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the weights of an estimator's or a network's first layer.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Fitted, or as its fit would start.
        X, y : array-like, default=None
            Needed for an estimator that is not fitted only.
        shape : (int, int), optional
            Height and width of the images that the features are; a square unless given.
        n_images : int, default=25
            At most; those units whose weights are largest, in the order of the layer.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        display : FirstLayerWeightsDisplay
        """
        network = network_of(estimator, X, y)
        first = next((layer for layer in network.layers if layer.fully_connected), None)
        if first is None:
            raise ValueError(f"estimator must have a Dense layer, got {network.layers}")
        n_images = check_whole("n_images", n_images)
        n_features = first.W.shape[0]
        if shape is None:
            side = round(n_features**0.5)
            shape = (side, side)
        if not isinstance(shape, tuple | list) or len(shape) != 2 or not all(map(is_whole, shape)):
            raise ValueError(f"shape must be two whole numbers (height, width), got {shape!r}")
        if shape[0] * shape[1] != n_features:
            raise ValueError(
                f"shape must be (height, width) with the {n_features} features in it, got {shape}"
            )
        sizes = np.linalg.norm(first.W, axis=0)
        units = np.sort(np.argsort(-sizes, kind="stable")[:n_images])
        images = first.W[:, units].T.reshape(-1, *shape).astype(np.float64)
        return cls(images, units).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        **kwargs
            For ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        self
        """
        self.ax_, self.figure_ = ax, figure = axes_of(ax, (5.4, 4.6))
        n, height, width = self.images.shape
        columns = int(np.ceil(np.sqrt(n)))
        rows = -(-n // columns)
        gap = max(1, round(0.08 * max(height, width)))
        tiled = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
        for i, image in enumerate(self.images):
            top, left = i // columns * (height + gap), i % columns * (width + gap)
            tiled[top : top + height, left : left + width] = image
        reach = np.abs(self.images).max() or 1.0
        options = {
            "cmap": _diverging(ax),
            "vmin": -reach,
            "vmax": reach,
            "interpolation": "nearest",
        }
        self.im_ = ax.imshow(tiled, **{**options, **kwargs})
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.set_xlabel(f"incoming weights of {n} units of the first layer")
        color_bar(figure, self.im_, ax, "weight")
        return self


def _diverging(ax: Any) -> str:
    """Return a colour map whose middle, weight 0, is like the background."""
    dark = "berlin"  # since matplotlib 3.10
    if is_dark(ax) and dark in pyplot().colormaps:
        return dark
    return "gray" if is_dark(ax) else "RdBu_r"
