"""Images with their labels, drawn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet.datasets import SHAPESET_CLASSES, ImageGridDisplay, make_shapeset

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_each_image_is_drawn_above_its_label():
    X, y = make_shapeset(70)
    display = ImageGridDisplay.from_data(X, y, target_names=SHAPESET_CLASSES)
    assert display.figure_ is display.ax_.get_figure()
    drawn = np.asarray(display.im_.get_array())
    assert len(display.text_) == 60
    for i, text in enumerate(display.text_):
        assert text.get_text().replace("\n", " ") == SHAPESET_CLASSES[y[i]]
        x, below = text.get_position()
        left, bottom = round(x + 0.5 - 16), round(below - 0.5)
        assert_array_equal(drawn[bottom - 32 : bottom, left : left + 32], X[i].reshape(32, 32))
    assert len({text.get_position() for text in display.text_}) == 60


def test_a_last_row_may_have_gaps_and_y_may_be_written():
    _, ax = plt.subplots()
    X = np.arange(5 * 6.0).reshape(5, 6)
    y = np.array(["a", "b", "c", "d", "e"])
    display = ImageGridDisplay.from_data(X, y, n_columns=3, shape=(2, 3), ax=ax, cmap="viridis")
    assert display.ax_ is ax
    assert display.images.shape == (5, 2, 3)
    assert display.labels == list(y)
    assert display.im_.get_cmap().name == "viridis"


def test_colours_are_three_images_one_after_the_other():
    X = np.random.default_rng(0).integers(0, 256, (2, 3 * 64)).astype(np.uint8)
    display = ImageGridDisplay.from_data(X, [0, 1])
    assert display.images.shape == (2, 8, 8, 3)
    assert_allclose(display.images[1, 2, 5], X[1].reshape(3, 8, 8)[:, 2, 5] / 255)
    drawn = np.asarray(display.im_.get_array())
    assert drawn.shape[-1] == 4
    assert_allclose(drawn[:8, :8, :3], display.images[0])
    assert set(np.unique(drawn[..., 3])) == {0.0, 1.0}  # what is between them is transparent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": np.zeros((2, 4, 4))}, r"X and y must have the shapes .* got \(2, 4, 4\) and \(2,\)"),
        ({"y": [0]}, "X and y must have the shapes"),
        ({"X": np.zeros((0, 16)), "y": []}, "X and y must have the shapes"),
        ({"X": np.zeros((2, 15))}, r"shape must be \(height, width\) of images of 15 pixels"),
        ({"shape": (5, 5)}, r"shape must be .* got \(5, 5\)"),
        ({"shape": (2, 4)}, r"shape must be .* got \(2, 4\)"),
        ({"target_names": ["one"]}, "target_names must be a list with a name for each class"),
        ({"n_images": 0}, "n_images must be a whole number of at least 1"),
        ({"n_columns": 1.5}, "n_columns must be a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        ImageGridDisplay.from_data(**{"X": np.zeros((2, 16)), "y": [0, 1]} | options)
