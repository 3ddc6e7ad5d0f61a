"""Statistics of Shapeset-3x2: against the laws that the rules imply, and another generator's figures.

The other generator follows the published code; its figures are means over some thousand images. Ours are
compared with them by standard errors: that of our mean, and that of a mean over as many images as it had.
"""

import numpy as np
import pytest
from scipy import stats

from minnet.datasets import make_shapeset

N = 30_000
N_OTHER = 3000  # images that the other generator's figures are of, unless it says otherwise
N_PAIRS = 1517  # those with two objects among them


@pytest.fixture(scope="module")
def data():
    X, y, details = make_shapeset(N, random_state=20100, return_details=True)
    return X.astype(np.float64), y, details


def agrees(values, other, n_other, rounding):
    """Say whether the mean of `values` is, in four standard errors, a mean over `n_other` of them."""
    error = values.std() * np.sqrt(1 / len(values) + 1 / n_other)
    return abs(values.mean() - other) < 4 * error + rounding


def law_of_pixels():
    """Return mean and second moment of a pixel, background or object: dark or bright, half each."""
    value = 2 * np.arange(256) / 255 - 1
    dark, bright = value[:115], value[140:]
    return (dark.mean() + bright.mean()) / 2, ((dark**2).mean() + (bright**2).mean()) / 2


def test_pixel_mean(data):
    means = data[0].mean(axis=1)
    expected, _ = law_of_pixels()
    assert expected == pytest.approx(-1 / 510)
    assert abs(means.mean() - expected) < 4 * means.std() / np.sqrt(N)
    assert agrees(means, 0.008, N_OTHER, 0.0005)


def test_pixel_variance(data):
    squares = (data[0] ** 2).mean(axis=1)
    mean, second = law_of_pixels()
    assert abs(squares.mean() - second) < 4 * squares.std() / np.sqrt(N)
    assert second - mean**2 == pytest.approx(0.3719, abs=1e-4)
    assert data[0].var() == pytest.approx(second - mean**2, rel=0.01)
    assert agrees(squares, 0.370, N_OTHER, 0.0005)


def test_edges(data):
    """Mean of |d/dx| plus that of |d/dy|: a filler that leaves out border pixels has 0.087."""
    pictures = data[0].reshape(-1, 32, 32)
    edges = sum(np.abs(np.diff(pictures, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2))
    assert agrees(edges, 0.0906, N, 0.00005)


@pytest.mark.slow
def test_share_of_the_first_principal_component(data):
    shares = []
    for block in np.split(data[0], 10):
        values = np.linalg.eigvalsh(np.cov(block, rowvar=False))
        shares.append(values[-1] / values.sum())
    error = np.std(shares, ddof=1) / np.sqrt(10)  # of 30,000 images, as many as the other's
    assert error < 0.003
    assert abs(np.mean(shares) - 0.56) < 4 * np.sqrt(2) * error + 0.005


def test_the_first_principal_component_is_the_background(data):
    X, _, details = data
    centred = X - X.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    scores = centred @ vectors[:, -1]
    assert abs(np.corrcoef(scores, details.background)[0, 1]) > 0.9


def test_class_frequencies():
    y = np.concatenate([make_shapeset(100_000, random_state=i, dtype="uint8")[1] for i in range(3)])
    counts = np.bincount(y, minlength=9)
    expected = np.repeat([1 / 6, 1 / 9, 1 / 18], 3) * len(y)
    assert stats.chisquare(counts, expected).pvalue > 1e-4
    for some, others in zip(
        np.split(counts / len(y), 3), ((0.164, 0.166), (0.108, 0.116), (0.053, 0.060)), strict=True
    ):
        p = some.mean()
        error = np.sqrt(p * (1 - p) / N_OTHER)
        assert min(others) - 3 * error < some.min() <= some.max() < max(others) + 3 * error


def test_polarity_and_number_are_even(data):
    _, _, details = data
    error = 0.5 / np.sqrt(N)
    assert abs(details.bright.mean() - 0.5) < 4 * error
    assert abs((details.n_objects == 2).mean() - 0.5) < 4 * error
    assert abs(np.corrcoef(details.bright, details.n_objects)[0, 1]) < 4 / np.sqrt(N)


def test_greys_turns_and_scales_are_uniform(data):
    _, _, details = data
    for bright, (low, n) in ((True, (140, 116)), (False, (0, 115))):
        objects = details.grey[details.bright == bright]
        background = details.background[details.bright != bright]
        for greys in (objects[objects >= 0], background):
            assert stats.chisquare(np.bincount(greys - low, minlength=n)).pvalue > 1e-4
    assert stats.chisquare(np.bincount(details.orientation[:, 0], minlength=254)).pvalue > 1e-4
    # The larger and the smaller of two uniform numbers have the distribution functions u^2, 1 - (1 - u)^2.
    u = (details.scale[:, 0] / 32 - 0.2) / 0.6
    assert stats.kstest(u[:, 0], lambda x: x**2).pvalue > 1e-4
    assert stats.kstest(u[:, 1], lambda x: 1 - (1 - x) ** 2).pvalue > 1e-4
    # Where a box may lie depends on its size: the place, relative to its range, does not.
    low = 1 - (details.corners[:, 0] - details.centre[:, 0, np.newaxis]).min(axis=1)
    high = 31 - (details.corners[:, 0] - details.centre[:, 0, np.newaxis]).max(axis=1)
    place = (details.centre[:, 0] - low) / (high - low)
    for axis in range(2):
        assert stats.kstest(place[:, axis], "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(place.T)[0, 1]) < 4 / np.sqrt(N)


def test_rejections(data):
    rejections = data[2].rejections[data[2].n_objects == 2]
    assert agrees(rejections, 0.90, N_PAIRS, 0.005)
    assert rejections.max() < 50  # never the limit, as in the other's


def area(corners):
    """Return the area of polygons, by the trapezoidal formula."""
    x, y = np.moveaxis(corners, -1, 0)
    return 0.5 * (x * np.roll(y, -1, axis=-1) - y * np.roll(x, -1, axis=-1)).sum(axis=-1)


def common(one, other):
    """Return the part of a convex polygon in another one (Sutherland & Hodgman)."""
    for a, b in zip(other, np.roll(other, -1, axis=0), strict=True):
        inside = [(b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) for x, y in one]
        kept = []
        for i, (point, s) in enumerate(zip(one, inside, strict=True)):
            before, t = one[i - 1], inside[i - 1]
            if s * t < 0:
                kept.append(before + (point - before) * (t / (t - s)))
            if s >= 0:
                kept.append(point)
        if not kept:
            return np.zeros((1, 2))
        one = kept
    return np.array(one)


def distinct(corners):
    return corners[np.r_[True, (np.diff(corners, axis=0) != 0).any(axis=1)]]


def test_covered_area(data):
    details = data[2]
    areas = area(details.corners)
    assert agrees(areas[~np.isnan(areas)] / 1024, 0.122, N_OTHER * 1.5, 0.0005)


def test_visible_part_of_the_first_object(data):
    details = data[2]
    pairs = details.corners[details.n_objects == 2][:6000]
    visible = []
    for first, second in pairs:
        first, second = distinct(first), distinct(second)
        assert area(first) > 0  # clockwise, y pointing down
        visible.append(1 - area(common(first, second)) / area(first))
    visible = np.array(visible)
    assert agrees(visible, 0.898, N_PAIRS, 0.0005)
    rng = np.random.default_rng(0)
    samples = [rng.choice(visible, N_PAIRS, replace=False) for _ in range(200)]
    quantiles = np.percentile(samples, 5, axis=1)
    assert abs(quantiles.mean() - 0.64) < 4 * quantiles.std() * np.sqrt(2) + 0.005
    # The rule is a heuristic: a few objects are a little more than half hidden.
    least = np.min(samples, axis=1)
    assert 0.4 < least.min() < 0.515 + 0.0005
    assert least.max() > 0.515 - 0.06
