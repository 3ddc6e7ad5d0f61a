r"""Sharpness: the largest eigenvalue of the Hessian as the steps of an optimizer meet it.

A step of gradient descent multiplies the distance from a minimum by :math:`1 - \eta \lambda` along an
eigenvector of the Hessian: above :math:`\lambda = 2 / \eta` it grows. Full-batch training raises the
largest eigenvalue to that line and goes on there: Cohen, Kaur, Li, Kolter and Talwalkar, "Gradient descent
on neural networks typically occurs at the edge of stability" (2021).

An optimizer that divides each parameter's step by a number of its own meets
:math:`P^{-1/2} H P^{-1/2}`, with these numbers in :math:`P`: Cohen et al., "Adaptive gradient methods at
the edge of stability" (2022).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.common.types import Array
from minnet.curvature import HessianProduct
from minnet.lab.lanczos import largest_eigenvalue
from minnet.lab.subject import Subject
from minnet.optimizers import Adam, Optimizer, RMSProp, clip_gradients
from minnet.random import Stream

__all__ = ["sharpness_of", "stability_limit"]

_TOL = 1e-3


def stability_limit(optimizer: Optimizer | None) -> float:
    r"""Return the sharpness above which the steps of an optimizer diverge on a quadratic function.

    ================================== ======================================================
    optimizer                          limit
    ================================== ======================================================
    SGD                                :math:`2 / \eta`
    SGD with momentum                  :math:`(2 + 2 \mu) / \eta`
    SGD with Nesterov's momentum       :math:`(2 + 2 \mu) / (\eta (1 + 2 \mu))`
    Adam, AdamW (preconditioned)       :math:`(2 + 2 \beta_1) / (\eta (1 - \beta_1))`, 38/η
    RMSProp (preconditioned)           :math:`(2 + 2 \mu) / \eta`
    ================================== ======================================================

    They hold for the whole gradient of a function of constant curvature. Mini-batches stay below, by the
    noise of their gradients; decoupled weight decay, which pulls besides, is not in them.

    Parameters
    ----------
    optimizer : Optimizer or None
        With its learning rate.

    Returns
    -------
    float
        Infinite at rate 0; NaN for None, and for an optimizer of a user's own class, whose law is not
        known.

    Examples
    --------
    >>> from minnet import SGD, Adam
    >>> from minnet.lab import stability_limit
    >>> [round(stability_limit(o), 6) for o in (SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.001))]
    [20.0, 38.0, 38000.0]
    """
    if optimizer is None:
        return math.nan
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer object or None, got {optimizer!r:.200}")
    if optimizer.compiled is None:
        return math.nan
    constants = optimizer.constants()
    momentum = constants.get("beta_1", constants.get("momentum", 0.0))
    limit = 2 + 2 * momentum
    if constants.get("nesterov"):
        limit /= 1 + 2 * momentum
    if isinstance(optimizer, Adam):  # whose momentum is an average
        limit /= 1 - momentum
    return limit / optimizer.learning_rate if optimizer.learning_rate else math.inf


def sharpness_of(subject: Subject, grads: Array, tol: float = _TOL, max_iter: int = 100) -> float:
    """Return the largest eigenvalue of the Hessian of a batch as the optimizer meets it.

    Parameters
    ----------
    subject : Subject
        With targets. Without an optimizer, or with one of a user's own, it is the Hessian's own.
    grads : ndarray
        The gradient of the batch, in the layout of ``network.params``.
    tol : float, default=1e-3
        Relative error.
    max_iter : int, default=100
        Products with vectors, at most.

    Returns
    -------
    float
        NaN where a gradient is not finite, or nothing is trained.
    """
    network = subject.network
    trained = np.zeros(network.params.shape, dtype=bool)
    for row in network.parameter_table:
        trained[row.slice] = row.trainable
    if not trained.any() or not np.isfinite(grads).all():
        return math.nan
    product = HessianProduct(network, subject.X, subject.T, subject.weights)
    root = np.sqrt(_step_sizes(subject, grads)[trained])
    start = Stream(0, "sharpness", 0).normal(product.size)
    return largest_eigenvalue(lambda v: root * product(root * v), start, tol, max_iter)


def _step_sizes(subject: Subject, grads: Array) -> Array:
    """Return each parameter's step over its gradient and the learning rate, were momentum not there."""
    network, optimizer = subject.network, subject.optimizer
    sizes = np.ones(network.params.shape)
    for row in network.parameter_table:
        sizes[row.slice] = row.lr_factor
    if not isinstance(optimizer, Adam | RMSProp) or optimizer.compiled is None:
        return sizes
    grads = grads.astype(np.float64)  # a copy
    clip_gradients(grads, **(subject.clip or {}))
    constants: dict[str, Any] = optimizer.constants()
    keeps = constants["beta_2"]
    row_of_squares = 1 if isinstance(optimizer, Adam) else 0
    known = optimizer.state is not None and optimizer.state.shape[1:] == grads.shape
    squares = optimizer.state[row_of_squares].astype(np.float64) if known else 0.0  # type: ignore[index]
    squares = keeps * squares + (1 - keeps) * np.square(grads)
    if isinstance(optimizer, Adam):
        squares /= 1 - keeps ** ((optimizer.step if known else 0) + 1)
    return sizes / (np.sqrt(squares) + constants["epsilon"])
