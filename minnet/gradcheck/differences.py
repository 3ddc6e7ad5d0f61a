"""Differences of the loss of a network, and what is known of them: their rounding, and kinks nearby."""

from typing import Any

import numpy as np

from minnet.common.types import Array, Matrix
from minnet.layers import Layer
from minnet.links import dense
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear

__all__ = ["central_difference", "pre_activations", "rounding", "wide_difference"]

#: By how much of the slope the slopes to either side may differ, where no pre-activation tells of a kink.
_BEND = 0.1


def rounding(
    network: Network, X: Matrix, T: Matrix, sample_weight: Array | None, loss: float
) -> float:
    """Return a bound of the rounding error of the objective."""
    Z, _ = network.forward_training(X, sample_weight)
    of_samples = np.abs(network.loss_.value(Z, dense(T)))  # they may cancel in the sum
    total = np.sum(of_samples if sample_weight is None else sample_weight * of_samples)
    n = len(Z) if sample_weight is None else np.sum(sample_weight)
    of_logits = np.abs(Z).max(initial=1.0)  # which cancel in the loss of a sample
    return 10 * np.finfo(np.float64).eps * max(of_logits, abs(loss), total / n if n else 0.0)


def central_difference(
    array: Array,
    k: int,
    epsilon: float,
    network: Network,
    X: Matrix,
    T: Matrix,
    sample_weight: Array | None,
) -> float | None:
    """Return the central difference for element ``k`` of ``network.params`` or of ``X``, flat.

    None where the step crosses a kink. At inputs, which are often 0, a layer of the user's may have kinks
    of its own: there the slopes to either side tell.
    """
    value, losses, sides = array[k], [], []
    try:
        for step in (epsilon, -epsilon):
            array[k] = value + step
            losses.append(network.objective(X, T, sample_weight))
            sides.append(_kink_sides(network, X, T, sample_weight))
    finally:
        array[k] = value
    if any(not np.array_equal(a, b) for a, b in zip(*sides, strict=True)):
        return None
    rise = losses[0] - losses[1]
    if array is not network.params:
        bend = losses[0] + losses[1] - 2 * network.objective(X, T, sample_weight)
        if abs(bend) > _BEND * abs(rise):
            return None
    return rise / (2 * epsilon)


def wide_difference(array: Array, k: int, epsilon: float, *batch: Any) -> float | None:
    """Return the central difference of fourth order, which takes a wider step; None as there."""
    far = central_difference(array, k, 2 * epsilon, *batch)
    near = central_difference(array, k, epsilon, *batch)
    return None if far is None or near is None else (4 * near - far) / 3


def _kink_sides(network: Network, X: Matrix, T: Matrix, sample_weight: Array | None) -> list[Array]:
    """Return on which side of each kink every pre-activation and residual lies."""
    Z, contexts = network.forward_training(X, sample_weight)
    sides = list(network.loss_.kink_sides(Z, dense(T)))
    for layer, ctx in zip(network.layers, contexts, strict=True):
        if isinstance(layer, PiecewiseLinear):
            sides += layer.kink_sides(ctx)
        kinks = getattr(layer.activation, "kinks", ())
        inner = pre_activations(layer, ctx) if kinks else None
        sides += [kink < inner for kink in kinks if inner is not None]
    return sides


def pre_activations(layer: Layer, ctx: Any) -> Array | None:
    """Return what the activation of a layer was given, or None where that is not known.

    A layer of the user's need not keep it: it is computed from what forward was given (:class:`Watch`).
    """
    inner = getattr(ctx, "Z", None)
    if inner is None and hasattr(layer, "W") and hasattr(layer, "b"):
        inner = ctx.given @ layer.W + layer.b
    return inner
