"""What the loaders of fixed sets return: training, validation and test part of one set."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from minnet.common.callers import level_of_user
from minnet.common.types import Array, ArrayLike

__all__ = ["DTYPES", "check_labels", "check_pixels", "splits", "warn_of_order"]

DTYPES = ("float32", "float64", "uint8")


def splits(
    name: str,
    X: Array,
    y: Array,
    sizes: Sequence[int],
    dtype: np.dtype[Any],
    target_names: Sequence[str],
    description: str,
    white: int = 255,
) -> Bunch:
    """Cut images into three parts, in their order.

    Parameters
    ----------
    name : str
    X : ndarray of uint8, shape (n_samples, n_features)
    y : ndarray of int, shape (n_samples,)
    sizes : tuple of int
        Of training, validation and test part.
    dtype : dtype
        uint8 leaves the pixels; float32 and float64 divide them by ``white``.
    target_names : sequence of str
    description : str
    white : int, default=255

    Returns
    -------
    parts : :class:`sklearn.utils.Bunch`
    """
    parts = Bunch(name=name, target_names=np.array(target_names), DESCR=description)
    level = np.arange(256, dtype=np.uint8) if dtype == np.uint8 else np.arange(256) / white
    level = level.astype(dtype)
    first = 0
    for part, size in zip(("train", "valid", "test"), sizes, strict=True):
        parts[f"X_{part}"] = level[X[first : first + size]]
        parts[f"y_{part}"] = y[first : first + size].astype(np.int64)
        first += size
    return parts


def check_pixels(what: str, X: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return images that came from elsewhere as uint8, or say what is wrong with them."""
    X = np.asarray(X)
    if X.shape != shape:
        raise ValueError(f"{what} must have images of shape {shape}, got {X.shape}")
    if X.dtype.kind not in "iuf" or not (X.min() >= 0 and X.max() <= 255):  # NaN is neither
        raise ValueError(f"{what} must have pixels from 0 to 255, got others ({X.dtype})")
    pixels = X.astype(np.uint8)
    if (pixels != X).any():
        raise ValueError(f"{what} must have whole numbers as pixels, got others")
    return pixels


def check_labels(
    what: str, y: ArrayLike, n_samples: int, n_classes: int, counts: Sequence[int] | None = None
) -> Array:
    """Return labels, numbers or their digits, as int64, or say what is wrong with them.

    ``counts`` says how many there are of each class.
    """
    y = np.asarray(y)
    if y.shape != (n_samples,):
        raise ValueError(f"{what} must have {n_samples} labels, got an array of shape {y.shape}")
    try:
        labels = y.astype(np.int64)
    except (TypeError, ValueError, OverflowError):
        labels = None
    if labels is None or not ((labels >= 0) & (labels < n_classes)).all():
        raise ValueError(f"{what} must have the labels 0 to {n_classes - 1}, got others")
    if counts is not None:
        found = np.bincount(labels, minlength=n_classes).tolist()
        if found != list(counts):
            raise ValueError(f"{what} must have {list(counts)} images of its classes, got {found}")
    return labels


def warn_of_order(what: str) -> None:
    """Warn that a set arrived with the right counts, and yet is not what its authors gave out."""
    warnings.warn(
        f"{what}: shapes and counts are right, but the bytes, in their order, are not those of the "
        "original files, so that the parts may not be the usual ones.",
        stacklevel=level_of_user(),
    )
