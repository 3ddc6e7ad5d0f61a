import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from minnet.datasets import make_toy_data
from minnet.datasets.toy import CLASSES


@pytest.mark.parametrize("name", CLASSES)
def test_the_classes_can_be_told_apart_by_their_neighbours(name):
    X, T, X_test, T_test = make_toy_data(name, n_samples=500, noise=0.05)
    assert X.shape == (500, 64 if name == "digits" else 2)
    assert set(T) == set(T_test) == set(range(CLASSES[name]))
    assert len(X_test) == len(T_test) == 300
    shares = np.bincount(T) / len(T)
    assert shares.min() > 0.7 / CLASSES[name]
    assert KNeighborsClassifier(5).fit(X, T).score(X_test, T_test) > 0.9


@pytest.mark.parametrize(
    ("name", "straight"), [("blobs", True), ("spirals", False), ("xor", False), ("circles", False)]
)
def test_which_need_more_than_a_straight_line(name, straight):
    X, T, X_test, T_test = make_toy_data(name, n_samples=500)
    score = LogisticRegression().fit(X, T).score(X_test, T_test)
    assert (score > 0.9) is straight
    assert straight or score < 0.7


@pytest.mark.parametrize("name", CLASSES)
def test_the_scale_is_known_from_the_rows_to_train_on(name):
    X, _, X_test, _ = make_toy_data(name, n_samples=300, noise=0.2)
    axis = None if name == "digits" else 0
    assert_allclose(X.mean(axis=axis), 0, atol=1e-12)
    assert_allclose(X.std(axis=axis), 1)
    assert np.all(np.abs(X_test.std(axis=axis) - 1) < 0.15)


def test_it_is_the_same_each_time():
    for first, second in zip(make_toy_data("moons"), make_toy_data("moons"), strict=True):
        assert_array_equal(first, second)


def test_without_noise_the_shapes_are_exact():
    X, T, *_ = make_toy_data("xor", noise=0)
    # Scaled and shifted, a quadrant is a quadrant of another centre: two cuts tell all.
    inside = X[T == 1]
    centre = [(X[:, i].max() + X[:, i].min()) / 2 for i in (0, 1)]
    assert (((inside - centre).prod(axis=1)) > -0.1).all()
    X, T, *_ = make_toy_data("circles", noise=0)
    radii = np.hypot(*(X - X[T == 1].mean(axis=0)).T)
    assert radii[T == 1].max() < radii[T == 0].min()


def test_noise_is_of_the_size_that_is_asked_for():
    clear, noisy = (make_toy_data("circles", n_samples=1000, noise=noise)[0] for noise in (0, 0.3))
    # Both are divided by their standard deviations; squares add up in that of the noisy one.
    scale = np.sqrt(1 - np.corrcoef(clear.ravel(), noisy.ravel())[0, 1] ** 2)
    raw = np.sqrt(1 / scale**2 - 1) * 0.3
    # radii are U(0.7, 1), of mean square 0.73, times 1 or 0.4: 0.58 of it on average; an axis has half
    assert raw == pytest.approx(np.sqrt(0.58 * 0.73 / 2), rel=0.05)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": "spiral"}, "name must be"),
        ({"n_samples": 1001}, "n_samples must be a whole number of at least 2 and at most 1000"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0"),
    ],
)
def test_what_cannot_be_is_said(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_toy_data(**{"name": "moons"} | wrong)
