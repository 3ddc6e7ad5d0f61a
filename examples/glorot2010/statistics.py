"""Uncertainties of errors: of the images they are counted on, of seeds, and of the wander of SGD.

With batches of ten and a constant rate the error of a network goes up and down from one measurement to
the next by more than the test images explain. An error is therefore read off a trend, and what it may be
off by is in its interval.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = [
    "WINDOW", "Difference", "Estimate", "Level", "combined", "difference", "error_interval", "estimate",
    "level", "mean_interval", "pooled", "wander",
]  # fmt: skip

WINDOW = 3.0  # a trend is fitted from a third of the updates on
_LEAST = 4  # measurements; with fewer there is no trend


def mean_interval(values, confidence=0.95):
    """Return mean and half the width of Student's confidence interval; NaN for a single value.

    Parameters
    ----------
    values : array-like
        One for each seed.
    confidence : float, default=0.95

    Examples
    --------
    >>> from examples.glorot2010.statistics import mean_interval
    >>> mean, half = mean_interval([1.0, 2.0, 3.0])
    >>> mean, round(half, 3)
    (2.0, 2.484)
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(values.mean()), math.nan
    t = stats.t.ppf(0.5 + confidence / 2, len(values) - 1)
    return float(values.mean()), float(t * values.std(ddof=1) / math.sqrt(len(values)))


def error_interval(errors, n_images=10_000, confidence=0.95):
    r"""Return mean and half width of the interval of an error in percent, from single measurements.

    Two uncertainties, added in squares: that of the seeds (Student's), where there are two or more; and
    that of the test images, :math:`z \sqrt{p (1 - p) / n}`, which are the same for all seeds.

    Parameters
    ----------
    errors : array-like
        In percent, one for each seed.
    n_images : int, default=10000
        Test images.
    confidence : float, default=0.95

    Examples
    --------
    >>> from examples.glorot2010.statistics import error_interval
    >>> mean, half = error_interval([20.0])
    >>> mean, round(half, 2)
    (20.0, 0.78)
    """
    mean, of_seeds = mean_interval(errors, confidence)
    p = min(max(mean / 100, 0.0), 1.0)
    of_images = 100 * stats.norm.ppf(0.5 + confidence / 2) * math.sqrt(p * (1 - p) / n_images)
    return mean, float(math.hypot(0.0 if math.isnan(of_seeds) else of_seeds, of_images))


@dataclass(frozen=True)
class Level:
    """An error at some moment of one training: its value, the variance of that, and degrees of freedom."""

    value: float
    variance: float
    degrees: float


def wander(updates, errors):
    """Return the residual variance of errors about their trend, and its degrees of freedom.

    The trend: a straight line over the logarithm of the updates, from a third of them on.

    Examples
    --------
    >>> import numpy as np
    >>> from examples.glorot2010.statistics import wander
    >>> updates = np.arange(1, 21) * 50_000
    >>> errors = 100 - 5 * np.log(updates) + np.tile([0.5, -0.5], 10)
    >>> variance, degrees = wander(updates, errors)
    >>> round(variance, 2), degrees
    (0.29, 12)
    """
    x, y = _window(updates, errors, np.max(updates, initial=0))
    if len(x) < _LEAST:
        return 0.0, 0
    residuals = y - np.polyval(np.polyfit(x, y, 1), x)
    return float((residuals**2).sum() / (len(x) - 2)), len(x) - 2


def pooled(parts):
    """Return the pooled variance of ``(variance, degrees)`` and its degrees, (0, 0) without any."""
    parts = [(variance, degrees) for variance, degrees in parts if degrees]
    degrees = sum(d for _, d in parts)
    return (sum(v * d for v, d in parts) / degrees, degrees) if degrees else (0.0, 0)


def level(updates, errors, at, others=(0.0, 0)):
    """Return the error of a training at some moment, by the trend of its measurements up to there.

    Parameters
    ----------
    updates, errors : array-like
        Of one training.
    at : int
        Updates; the last measurement is at or before it.
    others : tuple
        Pooled :func:`wander` of all trainings: what the last measurement is uncertain by, where there
        are fewer than four to fit a trend to.

    Returns
    -------
    Level
    """
    x, y = _window(updates, errors, at)
    if len(x) < _LEAST:
        return Level(float(y[-1]), others[0], others[1] or math.inf)
    slope, start = np.polyfit(x, y, 1)
    residual = ((y - start - slope * x) ** 2).sum() / (len(x) - 2)
    lever = 1 / len(x) + (x[-1] - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()
    return Level(float(start + slope * x[-1]), float(residual * lever), len(x) - 2)


def _window(updates, errors, at):
    """Return logarithms of updates and errors of what a trend is fitted to."""
    updates, errors = np.asarray(updates, float), np.asarray(errors, float)
    there = (updates <= at) & (updates >= at / WINDOW) & (updates > 0)
    if not there.any():  # before the first third, as before training
        there = updates == updates[updates <= at].max(initial=-1)
        return np.zeros(there.sum()), errors[there]
    return np.log(updates[there]), errors[there]


@dataclass(frozen=True)
class Estimate:
    """A row's error: value, the variance that networks add (not images), its degrees, and seeds."""

    value: float
    variance: float
    degrees: float
    n_seeds: int

    def half_width(self, n_images=10_000, confidence=0.95):
        """Return half the width of the interval, of seeds, wander and images."""
        p = min(max(self.value / 100, 0.0), 1.0)
        images = 1e4 * p * (1 - p) / n_images
        return _half_width([(self.variance, self.degrees), (images, math.inf)], 1 - confidence)


def estimate(levels, of_seeds=(0.0, 0)):
    """Return a row's error from the levels of its seeds.

    Parameters
    ----------
    levels : list of Level
    of_seeds : tuple
        Variance from seed to seed without wander, and degrees, from rows that have several: for a row
        with one. Rows with several have their own, in which wander is contained.
    """
    values = np.array([one.value for one in levels])
    if len(values) > 1:
        variance = float(values.var(ddof=1) / len(values))
        return Estimate(float(values.mean()), variance, len(values) - 1, len(values))
    parts = [(levels[0].variance, levels[0].degrees or math.inf)]
    parts.append((of_seeds[0], of_seeds[1] or math.inf))
    return Estimate(levels[0].value, *_added(parts), 1)


@dataclass(frozen=True)
class Difference:
    """Of two rows' errors, the second one less the first."""

    value: float
    parts: tuple
    several_seeds: bool

    def half_width(self, alpha=0.05):
        """Return half the width of the interval of 1 - alpha."""
        return _half_width(self.parts, alpha)

    def significant(self, alpha=0.005):
        """Return whether the difference is not 0, two-sided; the paper's level unless given."""
        return abs(self.value) > self.half_width(alpha)

    def equivalent(self, margin, alpha=0.05):
        """Return whether it is shown to lie within a margin: two one-sided tests, each of alpha."""
        return abs(self.value) + self.half_width(2 * alpha) < margin


def difference(a, b, correlation=0.0, n_images=10_000):
    r"""Return the difference of two estimates, ``b - a``.

    Student's law with Satterthwaite's degrees of freedom on the variances of both rows' networks and that
    of the images, :math:`(p_a q_a + p_b q_b - 2 r \sqrt{p_a q_a p_b q_b}) / n`.

    Parameters
    ----------
    a, b : Estimate
    correlation : float
        *r*, of the two rows' wrong answers to the same images; 0 for other images.
    n_images : int, default=10000

    Examples
    --------
    >>> from examples.glorot2010.statistics import Estimate, difference
    >>> a, b = (Estimate(error, 0.0, 1, 1) for error in (15.60, 16.27))
    >>> apart = difference(a, b)  # Table 1, by its images alone
    >>> round(apart.value, 2), apart.significant(), apart.equivalent(2.0)
    (0.67, False, True)
    >>> a, b = (Estimate(error, 0.8**2, 8, 1) for error in (15.60, 16.27))
    >>> difference(a, b).equivalent(2.0)  # if another seed may be 0.8 off
    False
    """
    variance = [p * (1 - p) for p in np.clip([a.value / 100, b.value / 100], 0.0, 1.0)]
    images = sum(variance) - 2 * correlation * math.sqrt(variance[0] * variance[1])
    parts = [(a.variance, a.degrees), (b.variance, b.degrees), (1e4 * images / n_images, math.inf)]
    return Difference(b.value - a.value, tuple(parts), min(a.n_seeds, b.n_seeds) > 1)


def combined(terms, n_images=10_000):
    """Return a sum of estimates, each with a weight, as of other images each.

    Examples
    --------
    >>> from examples.glorot2010.statistics import Estimate, combined
    >>> a, b = Estimate(60.0, 0.5, 4, 2), Estimate(50.0, 0.5, 4, 2)
    >>> gain = combined([(1, a), (-1, b)])
    >>> gain.value, gain.significant()
    (10.0, True)
    """
    parts = []
    for weight, one in terms:
        p = min(max(one.value / 100, 0.0), 1.0)
        parts.append((weight**2 * one.variance, one.degrees))
        parts.append((weight**2 * 1e4 * p * (1 - p) / n_images, math.inf))
    value = sum(weight * one.value for weight, one in terms)
    return Difference(value, tuple(parts), min(one.n_seeds for _, one in terms) > 1)


def _added(parts):
    """Return the sum of variances and Satterthwaite's degrees of freedom of it."""
    total = sum(variance for variance, _ in parts)
    if not total:
        return 0.0, math.inf
    lost = sum(variance**2 / degrees for variance, degrees in parts)
    return total, total**2 / lost if lost else math.inf


def _half_width(parts, alpha):
    total, degrees = _added(parts)
    law = stats.t(degrees) if math.isfinite(degrees) else stats.norm
    return float(law.ppf(1 - alpha / 2) * math.sqrt(total))
