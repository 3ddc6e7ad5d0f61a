"""Figure 1: example images, Shapeset-3x2 on top and what stands in for Small-ImageNet below."""

from itertools import zip_longest

import numpy as np

from minnet.datasets import SHAPESET_CLASSES, ImageGridDisplay, load_digits_splits, make_shapeset

TITLE = "Example images with their classes"
PAPER = (
    "Top: Shapeset at 64 x 64 pixels (the networks saw 32 x 32); which of the kinds of objects are "
    "there is to be told. Bottom: Small-ImageNet at full resolution."
)
_N_IMAGES = 20
_NOT_PUBLIC = "Small-ImageNet is not public"


def measure(source):
    """Return the first images of Shapeset's default sequence, and some of the set in the second place.

    That is ``source.images``, a bunch of :func:`minnet.datasets.load_image_folder`, or scikit-learn's
    digits.
    """
    X, y = make_shapeset(_N_IMAGES, dtype="uint8")
    top = _kept(X, y, SHAPESET_CLASSES, "Shapeset-3x2, 32 x 32")
    if source.images is None:
        digits = load_digits_splits(dtype="uint8")
        name = f"{digits.name}: {_NOT_PUBLIC}"
        return [top, _kept(digits.X_train, digits.y_train, digits.target_names, name)]
    images, side = source.images, round(source.images.data.shape[1] ** 0.5)
    name = f"the user's folder of images, {side} x {side}: {_NOT_PUBLIC}"
    # As many of each class.
    rows = [np.flatnonzero(images.target == c).tolist() for c in range(len(images.target_names))]
    first = [row for rank in zip_longest(*rows) for row in rank if row is not None][:_N_IMAGES]
    return [top, _kept(images.data[first], images.target[first], images.target_names, name)]


def _kept(X, y, target_names, name):
    X, y = X[:_N_IMAGES], y[:_N_IMAGES]
    if X.dtype.kind == "f":  # greys between 0 and 1
        X = np.rint(255 * X).astype(int)
    labels = [str(target_names[label]) for label in y]
    return {"name": name, "images": X.tolist(), "labels": labels}


def draw(numbers):
    """Draw both sets, one above the other."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(9, 5), layout="constrained")
    for ax, found in zip(axes, numbers, strict=True):
        X, names = np.array(found["images"]), list(dict.fromkeys(found["labels"]))
        y = [names.index(label) for label in found["labels"]]
        ImageGridDisplay.from_data(X, y, target_names=names, ax=ax)
        ax.set_title(found["name"], loc="left")
    return figure


def verdicts(numbers):
    """Return none: nothing is claimed."""
    return []
