r"""The temperature at which probabilities fit best: one number that logits are divided by.

A network that has learned for long ranks well and is too sure of itself: its log loss grows while the
error still falls. What is left of the log loss at the best temperature

.. math:: \min_T \; \frac{1}{\sum_i s_i} \sum_i s_i\, l(z_i / T, t_i)

tells how much can be known from the logits, however sure they are: their refinement loss (Berta,
Holzmüller, Jordan and Bach 2025, "Rethinking early stopping: refine, then calibrate", arXiv:2501.19195;
the temperature is that of Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from minnet.common.checks import as_numbers
from minnet.common.names import check_name
from minnet.common.types import Array

__all__ = ["best_temperature"]


def __dir__() -> list[str]:
    return __all__


# minnet_ext/kernels/score.h takes the same steps; change both.
_LIMIT = float(np.log(1024))  # of the logarithm of 1 / T, above and below
_STEP = 1e-7  # a shorter step changes nothing
_NO_LOSS = 1e-10  # where all is right, the best temperature is 0: here is near enough
_MOST_STEPS = 60

#: What is minimized, and its first and second derivative, at 1 / T.
_Curve = Callable[[float], tuple[float, float, float]]


def best_temperature(
    Z: Any, T: Any, output: str = "softmax", sample_weight: Any = None
) -> tuple[float, float]:
    r"""Return the temperature at which the mean log loss is least, and that loss.

    Newton's method in :math:`\log(1 / T)` from T = 1, with bisection where it leaves the bracket.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_outputs)
        Logits, finite.
    T : array-like
        Class indices, shape (n_samples,), for "softmax"; numbers from 0 to 1, of the shape of Z, for
        "logistic".
    output : {"softmax", "logistic"}, default="softmax"
        Whether the outputs are classes of which one is true, or independent of each other.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        What each sample counts; None means all alike.

    Returns
    -------
    temperature : float
        From 1 / 1024 to 1024. Where each row is right, it goes down until the loss is below 1e-10; where
        it makes no difference, as with logits that are all equal, it is 1.
    loss : float

    Raises
    ------
    ValueError
        If the arguments do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.temperature import best_temperature
    >>> Z = [[8.0, 0.0], [8.0, 0.0], [8.0, 0.0], [8.0, 0.0]]  # very sure, and wrong once
    >>> temperature, loss = best_temperature(Z, [0, 0, 0, 1])
    >>> round(8.0 / temperature, 4), round(float(np.log(3)), 4)
    (1.0986, 1.0986)
    """
    check_name("output", output, ("softmax", "logistic"))
    Z = as_numbers("Z", Z)
    if Z.ndim != 2 or not Z.size or not np.isfinite(Z).all():
        raise ValueError(f"Z must be finite logits of shape (n_samples, n_outputs), got {Z!r:.100}")
    T = np.asarray(T)
    if output == "softmax":
        fits = T.shape == Z.shape[:1] and T.dtype.kind in "iu"
        fits = fits and T.min() >= 0 and T.max() < Z.shape[1]
    else:
        fits = T.shape == Z.shape and T.dtype.kind in "biuf" and bool(((T >= 0) & (T <= 1)).all())
    if not fits:
        wanted = (
            f"class indices below {Z.shape[1]}, of shape {Z.shape[:1]}"
            if output == "softmax"
            else f"numbers from 0 to 1, of shape {Z.shape}"
        )
        raise ValueError(f"T must be {wanted}, got {T!r:.100}")
    if sample_weight is not None:
        sample_weight = as_numbers("sample_weight", sample_weight)
        weighs = sample_weight.shape == Z.shape[:1] and np.isfinite(sample_weight).all()
        if not weighs or sample_weight.min() < 0 or not sample_weight.sum() > 0:
            raise ValueError(
                f"sample_weight must be numbers of at least 0, not all of them 0, of shape {Z.shape[:1]}, "
                f"got {sample_weight!r:.100}"
            )
    temperature, loss, _ = _minimized(_curve(Z, T, output, sample_weight))
    return temperature, loss


def refined_loss(
    Z: Array, T: Array, output: str, sample_weight: Array | None = None
) -> tuple[float, float]:
    """Return the mean log loss at the best temperature, and that at 1; NaN where a logit is not finite.

    Parameters
    ----------
    Z, T, output, sample_weight
        As :func:`best_temperature` takes them, not checked.

    Examples
    --------
    >>> from minnet.temperature import refined_loss
    >>> refined, plain = refined_loss(np.array([[1.0], [-1.0]]), np.array([[1], [0]]), "logistic")
    >>> refined < 1e-10, round(plain, 3)
    (True, 0.313)
    """
    if not np.isfinite(Z).all():
        return np.nan, np.nan
    _, loss, plain = _minimized(_curve(Z.astype(np.float64), T, output, sample_weight))
    return loss, plain


def _minimized(curve: _Curve) -> tuple[float, float, float]:
    """Return the best temperature, the loss there, and the loss at temperature 1."""
    at, low, high = 0.0, -_LIMIT, _LIMIT  # of log(1 / T)
    plain = np.nan
    for step in range(_MOST_STEPS):
        beta = float(np.exp(at))
        loss, first, second = curve(beta)
        if step == 0:
            plain = loss
        slope = beta * first
        bend = slope + beta * beta * second
        if slope > 0:
            high = at
        else:
            low = at
        new = at - slope / bend if bend > 0 else np.inf
        if not low < new < high:
            new = 0.5 * (low + high)
        if slope == 0 or loss <= _NO_LOSS or abs(new - at) <= _STEP:
            break
        at = new
    return 1 / beta, float(loss), float(plain)


def _curve(Z: Array, T: Array, output: str, sample_weight: Array | None) -> _Curve:
    """Return the function that is minimized, of logits in float64."""
    shares = np.full(len(Z), 1 / len(Z))
    if sample_weight is not None:
        shares = sample_weight / sample_weight.sum()

    def softmax(beta: float) -> tuple[float, float, float]:
        P = np.exp(beta * (D - most))
        sums = P.sum(axis=1, keepdims=True)
        P /= sums
        loss = beta * most[:, 0] + np.log(sums[:, 0])
        first = (P * D).sum(axis=1)
        second = (P * D * D).sum(axis=1) - first * first
        return float(shares @ loss), float(shares @ first), float(shares @ second)

    def logistic(beta: float) -> tuple[float, float, float]:
        U = beta * Z
        P = expit(U)
        loss = (np.maximum(U, 0) + np.log1p(np.exp(-np.abs(U))) - T * U).sum(axis=1)
        first = ((P - T) * Z).sum(axis=1)
        second = (P * (1 - P) * Z * Z).sum(axis=1)
        return float(shares @ loss), float(shares @ first), float(shares @ second)

    if output == "logistic":
        return logistic
    D = Z - Z[np.arange(len(Z)), T][:, None]  # by how much each class is ahead of the true one
    most = D.max(axis=1, keepdims=True)
    return softmax
