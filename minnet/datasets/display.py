"""Labelled images side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.checks import check_whole, is_whole
from minnet.common.numeric import check_numeric
from minnet.common.plotting import axes_of
from minnet.common.types import Array, ArrayLike, Matrix

__all__ = ["ImageGridDisplay"]


@dataclass(eq=False, repr=False)
class ImageGridDisplay:
    """Images of a data set with their labels, in rows and columns.

    Made by :meth:`from_data`.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width) or (n_images, height, width, 3)
        Colours between 0 and 1; greys of any range, which is that of all images together.
    labels : list of str
        What is written below each.
    n_columns : int, default=10
        Images in a row.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    im_ : matplotlib.image.AxesImage
        All images in one, with gaps between them.
    text_ : list of matplotlib.text.Text
        The labels.

    Examples
    --------
    >>> from minnet.datasets import ImageGridDisplay, SHAPESET_CLASSES, make_shapeset
    >>> X, y = make_shapeset(60)
    >>> display = ImageGridDisplay.from_data(X, y, target_names=SHAPESET_CLASSES)
    >>> display.images.shape, display.labels[0]
    ((60, 32, 32), 'ellipse')
    """

    images: Array
    labels: list[str]
    n_columns: int = 10

    @classmethod
    def from_data(
        cls,
        X: Matrix,
        y: ArrayLike,
        *,
        target_names: Sequence[str] | None = None,
        n_images: int = 60,
        n_columns: int = 10,
        shape: tuple[int, int] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the first images of a data set.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A row is a square grey image, row by row, or a colour image, as three grey ones.
        y : array-like of shape (n_samples,)
            Labels, which become titles.
        target_names : sequence of str, optional
            Names of the classes 0, 1, ...; otherwise y itself is written.
        n_images : int, default=60
            At most.
        n_columns : int, default=10
            Images in a row.
        shape : tuple (height, width), optional
            Of images that are not square.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For ``imshow``.

        Returns
        -------
        display : ImageGridDisplay
        """
        n_images = check_whole("n_images", n_images)
        n_columns = check_whole("n_columns", n_columns)
        check_numeric("X", X)
        X, y = np.asarray(X), np.asarray(y)
        if X.ndim != 2 or not len(X) or y.shape != (len(X),):
            raise ValueError(
                "X and y must have the shapes (n_samples, n_features) and (n_samples,), got "
                f"{X.shape} and {y.shape}"
            )
        if X.dtype.kind not in "buif":
            raise ValueError(f"X must be an array of real numbers, got one of {X.dtype}")
        X, y = X[:n_images], y[:n_images]
        if target_names is not None:
            named = isinstance(target_names, list | tuple | np.ndarray)
            if not named or not set(y.tolist()) <= set(range(len(target_names))):
                raise ValueError(
                    "target_names must be a list with a name for each class, got "
                    f"{target_names!r:.200}"
                )
        names = [str(label if target_names is None else target_names[label]) for label in y]
        return cls(_images(X, shape), names, n_columns).plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For ``imshow``.

        Returns
        -------
        self
        """
        n, height, width = self.images.shape[:3]
        n_rows = -(-n // self.n_columns)
        lines = max(label.count(" + ") for label in self.labels) + 1
        gap = width // 8
        text = round(height * 0.2) * lines  # room for the labels
        size = 0.95 * self.n_columns, 0.95 * n_rows * (height + text + gap) / (width + gap)
        self.ax_, self.figure_ = axes_of(ax, figsize=size)
        step = height + text + gap, width + gap
        whole = np.full(
            (n_rows * step[0], self.n_columns * step[1], *self.images.shape[3:]), np.nan
        )
        self.text_ = []
        for i, (image, label) in enumerate(zip(self.images, self.labels, strict=True)):
            top, left = (
                place * length
                for place, length in zip(divmod(i, self.n_columns), step, strict=True)
            )
            whole[top : top + height, left : left + width] = image
            written = self.ax_.text(
                left + width / 2 - 0.5,
                top + height + 0.5,
                label.replace(" + ", "\n+ "),
                ha="center",
                va="top",
                fontsize=6.5,
                linespacing=1.0,
            )
            self.text_.append(written)
        if self.images.ndim == 4:  # what is between colours is transparent
            alpha = ~np.isnan(whole[..., :1])
            whole = np.concatenate([np.nan_to_num(whole), alpha], axis=-1)
        self.im_ = self.ax_.imshow(whole, **{"cmap": "gray", "interpolation": "nearest"} | kwargs)
        self.ax_.set_axis_off()
        return self


def _images(X: Array, shape: tuple[int, int] | None) -> Array:
    """Return rows as pictures."""
    n, n_features = X.shape
    if shape is None:
        n_channels = (
            3 if n_features % 3 == 0 and math.isqrt(n_features // 3) ** 2 * 3 == n_features else 1
        )
        side = math.isqrt(n_features // n_channels)
        shape = side, side
    else:
        pair = isinstance(shape, list | tuple) and len(shape) == 2 and all(map(is_whole, shape))
        if not pair:
            raise ValueError(f"shape must be (height, width), got {shape!r:.200}")
        n_channels = n_features // math.prod(shape)
    if n_channels not in (1, 3) or n_channels * math.prod(shape) != n_features:
        raise ValueError(
            f"shape must be (height, width) of images of {n_features} pixels, or of a third of it for "
            f"colours, got {shape}"
        )
    if n_channels == 1:
        return X.reshape(n, *shape)
    colours = np.moveaxis(X.reshape(n, 3, *shape), 1, -1)
    return colours / 255 if colours.dtype == np.uint8 else colours
