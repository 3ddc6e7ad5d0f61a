"""Differences of the loss of a network, and what is known of them: their rounding, and kinks nearby."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.types import Array, Matrix
from minnet.layers import Layer
from minnet.links import dense
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear

__all__ = ["Differences"]

#: By how much of the slope the slopes to either side may differ, where no pre-activation tells of a kink.
_BEND = 0.1


class Differences:
    """Differences of the objective of a network on a batch, in elements of a flat array.

    The array is ``network.params`` or ``X`` itself: steps are taken in it, and taken back.
    """

    def __init__(self, network: Network, X: Matrix, T: Matrix, sample_weight: Array | None) -> None:
        self.network = network
        self.X, self.T, self.sample_weight = X, T, sample_weight

    def rounding(self, loss: float) -> float:
        """Return a bound of the rounding error of the objective."""
        weight = self.sample_weight
        Z, _ = self.network.forward_training(self.X, weight)
        of_samples = np.abs(
            self.network.loss_.value(Z, dense(self.T))
        )  # they may cancel in the sum
        total = np.sum(of_samples if weight is None else weight * of_samples)
        n = len(Z) if weight is None else np.sum(weight)
        of_logits = np.abs(Z).max(initial=1.0)  # which cancel in the loss of a sample
        return 10 * np.finfo(np.float64).eps * max(of_logits, abs(loss), total / n if n else 0.0)

    def central(self, array: Array, k: int, epsilon: float) -> float | None:
        """Return the central difference in element ``k``, or None where the step crosses a kink.

        At inputs, which are often 0, a layer of the user's may have kinks of its own: there the slopes to
        either side tell.
        """
        value, losses, sides = array[k], [], []
        try:
            for step in (epsilon, -epsilon):
                array[k] = value + step
                losses.append(self._objective())
                sides.append(self._kink_sides())
        finally:
            array[k] = value
        if any(not np.array_equal(a, b) for a, b in zip(*sides, strict=True)):
            return None
        rise = losses[0] - losses[1]
        if array is not self.network.params:
            bend = losses[0] + losses[1] - 2 * self._objective()
            if abs(bend) > _BEND * abs(rise):
                return None
        return rise / (2 * epsilon)

    def wide(self, array: Array, k: int, epsilon: float) -> float | None:
        """Return the central difference of fourth order, which takes a wider step; None as there."""
        far, near = self.central(array, k, 2 * epsilon), self.central(array, k, epsilon)
        return None if far is None or near is None else (4 * near - far) / 3

    def _objective(self) -> float:
        return self.network.objective(self.X, self.T, self.sample_weight)

    def _kink_sides(self) -> list[Array]:
        """Return on which side of each kink every pre-activation and residual lies."""
        Z, contexts = self.network.forward_training(self.X, self.sample_weight)
        sides = list(self.network.loss_.kink_sides(Z, dense(self.T)))
        for layer, ctx in zip(self.network.layers, contexts, strict=True):
            if isinstance(layer, PiecewiseLinear):
                sides += layer.kink_sides(ctx)
            kinks = getattr(layer.activation, "kinks", ())
            inner = _pre_activations(layer, ctx) if kinks else None
            sides += [kink < inner for kink in kinks if inner is not None]
        return sides


def _pre_activations(layer: Layer, ctx: Any) -> Array | None:
    """Return what the activation of a layer was given, or None where that is not known.

    A layer of the user's need not keep it: it is computed from what forward was given (:class:`Watch`).
    """
    inner = getattr(ctx, "Z", None)
    if inner is None and hasattr(layer, "W") and hasattr(layer, "b"):
        inner = ctx.given @ layer.W + layer.b
    return inner
