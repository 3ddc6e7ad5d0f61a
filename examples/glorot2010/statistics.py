"""Uncertainties: of a mean over seeds, of an error counted on test images, and of differences."""

import math

import numpy as np
from scipy import stats

__all__ = ["error_interval", "mean_interval", "separated"]


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
    r"""Return mean and half width of the interval of an error in percent.

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


def separated(a, b, n_images=10_000, alpha=0.005):
    r"""Return the difference of two rows' mean errors, ``b - a``, and whether it is significant.

    Welch's standard error over seeds and the binomial one of the images, added in squares; Student's law
    with Welch's degrees of freedom. Where one row has a single seed, it is taken to scatter as the other
    row's do; where both have, the normal law on the images alone. The images are the same for both rows:
    taking them as two samples errs towards "no".

    Parameters
    ----------
    a, b : array-like
        Errors in percent, one for each seed.
    n_images : int, default=10000
    alpha : float, default=0.005
        Two-sided; the paper's own.

    Returns
    -------
    difference : float
    significant : bool

    Examples
    --------
    >>> from examples.glorot2010.statistics import separated
    >>> separated([15.6], [16.27])  # Table 1: a tie
    (0.6..., False)
    >>> separated([15.6], [27.15])
    (11.5..., True)
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    difference = float(b.mean() - a.mean())
    p = np.clip([a.mean() / 100, b.mean() / 100], 0.0, 1.0)
    of_images = 1e4 * float((p * (1 - p)).sum()) / n_images
    several = [errors for errors in (a, b) if len(errors) > 1]
    if not several:
        quantile, square = stats.norm.ppf(1 - alpha / 2), of_images
    else:
        if len(several) == 2:
            parts = np.array([errors.var(ddof=1) / len(errors) for errors in several])
        else:
            parts = several[0].var(ddof=1) * np.array([1 / len(a) + 1 / len(b)])
        square = parts.sum() + of_images
        # What the images add has as good as infinitely many degrees of freedom.
        of_parts = np.array([len(errors) - 1 for errors in several])
        degrees = square**2 / max((parts**2 / of_parts).sum(), 1e-300)
        quantile = stats.t.ppf(1 - alpha / 2, degrees)
    return difference, bool(abs(difference) > quantile * math.sqrt(square))
