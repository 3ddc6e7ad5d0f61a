"""Comparison of backpropagation with central differences."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minnet.common.checks import check_real, check_whole
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.links import dense
from minnet.network import Network

__all__ = ["GradientCheck", "check_gradients"]


@dataclass
class GradientCheck:
    r"""Result of :func:`check_gradients`.

    Attributes
    ----------
    errors : dict
        For each parameter array, by label, the relative error
        :math:`\lVert g - \hat g \rVert / \max(\lVert g \rVert, \lVert \hat g \rVert)`,
        or 0 where it is above the tolerance but the rounding of the losses explains it.
    n_checked, n_skipped : dict
        How many elements were compared, and how many were skipped for a kink.
    tolerance : float
    """

    tolerance: float
    errors: dict = field(default_factory=dict)
    n_checked: dict = field(default_factory=dict)
    n_skipped: dict = field(default_factory=dict)

    @property
    def max_error(self) -> float:
        """Return the largest of ``errors``."""
        return max(self.errors.values(), default=0.0)

    @property
    def ok(self) -> bool:
        """Return whether every error is below the tolerance."""
        return all(error < self.tolerance for error in self.errors.values())

    def __str__(self) -> str:
        width = max(map(len, self.errors), default=5)
        lines = [f"{'array':<{width}}  relative error  compared  skipped"]
        for label, error in self.errors.items():
            mark = "" if error < self.tolerance else f"  above {self.tolerance:g}"
            lines.append(
                f"{label:<{width}}  {error:14.2e}  {self.n_checked[label]:8d}  "
                f"{self.n_skipped[label]:7d}{mark}"
            )
        return "\n".join(lines)


def check_gradients(
    network: Network,
    X: Matrix,
    T: ArrayLike | Matrix,
    sample_weight: ArrayLike | None = None,
    *,
    epsilon: float = 1e-5,
    tolerance: float = 1e-6,
    max_elements: int | None = None,
    rng: Any = 0,
) -> GradientCheck:
    r"""Compare the gradient of a network with central differences, in float64.

    .. math:: \hat g_k = \frac{L(\theta + \epsilon e_k) - L(\theta - \epsilon e_k)}{2 \epsilon}

    Steps across a kink (ReLU at 0, absolute error at 0) say nothing about the derivative; they are
    found by the signs of the pre-activations and skipped. Frozen layers are left out.

    Parameters
    ----------
    network : Network
        Initialized; it is not changed. A float32 network is checked in a float64 copy.
    X : array of shape (n_samples, n_features)
    T : array
        Targets as :meth:`minnet.Network.loss_and_grad` takes them.
    sample_weight : array of shape (n_samples,), default=None
    epsilon : float, default=1e-5
        The step.
    tolerance : float, default=1e-6
        What counts as agreement.
    max_elements : int, default=None
        Check that many elements of each array, chosen at random, instead of all.
    rng : int or numpy Generator, default=0
        For that choice.

    Returns
    -------
    GradientCheck
        ``ok``, ``max_error``, ``errors``; it prints as a table.

    Examples
    --------
    >>> import numpy as np

    from minnet.common.checks import check_real, check_whole
    from minnet.network import Network
    >>> from minnet import Dense, Network, check_gradients
    >>> net = Network([Dense(5, "tanh"), Dense(3)], alpha=0.1).initialize(4, random_state=0)
    >>> check_gradients(net, np.eye(4), [0, 1, 2, 0]).ok
    True
    """
    epsilon = check_real("epsilon", epsilon, low=0, left=False)
    tolerance = check_real("tolerance", tolerance, low=0)
    if max_elements is not None:
        max_elements = check_whole("max_elements", max_elements)
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, got {network!r:.200}")
    network = network.astype("float64")
    X, T, sample_weight = network.check_batch(X, T, sample_weight)
    loss, grads = network.loss_and_grad(X, T, sample_weight)
    if not isinstance(rng, np.random.Generator):
        rng = np.random.default_rng(None if rng is None else check_whole("rng", rng, 0))
    result = GradientCheck(tolerance)
    for row in network.parameter_table:
        if not row.trainable:
            continue
        chosen = np.arange(row.slice.start, row.slice.stop)
        if max_elements is not None and len(chosen) > max_elements:
            chosen = rng.choice(chosen, max_elements, replace=False)
        pairs = []
        for k in chosen:
            difference = _central_difference(network, k, epsilon, X, T, sample_weight)
            if difference is not None:
                pairs.append((grads[k], difference))
        analytic, numeric = np.reshape(pairs, (-1, 2)).T
        scale = max(np.linalg.norm(analytic), np.linalg.norm(numeric))
        # The difference of two losses carries their rounding. Where gradients vanish (deep sigmoids,
        # a bias under batch normalization) there is little else, and it is no error of the gradient.
        rounding = np.finfo(np.float64).eps * max(1.0, abs(loss)) / epsilon
        error = np.linalg.norm(analytic - numeric)
        explained = tolerance * scale <= error <= 10 * rounding * np.sqrt(len(numeric))
        result.errors[row.label] = 0.0 if explained else float(error / scale)
        result.n_checked[row.label] = len(numeric)
        result.n_skipped[row.label] = len(chosen) - len(numeric)
    return result


def _central_difference(
    network: Network, k: int, epsilon: float, X: Matrix, T: Matrix, sample_weight: Array | None
) -> float | None:
    """Return the central difference for parameter ``k``, or None where the step crosses a kink."""
    value, losses, sides = network.params[k], [], []
    try:
        for step in (epsilon, -epsilon):
            network.params[k] = value + step
            losses.append(network.objective(X, T, sample_weight))
            sides.append(_kink_sides(network, X, T, sample_weight))
    finally:
        network.params[k] = value
    if any(not np.array_equal(a, b) for a, b in zip(*sides, strict=True)):
        return None
    return (losses[0] - losses[1]) / (2 * epsilon)


def _kink_sides(network: Network, X: Matrix, T: Matrix, sample_weight: Array | None) -> list[Array]:
    """Return on which side of each kink every pre-activation and residual lies."""
    Z, contexts = network.forward_training(X, sample_weight)
    sides = list(network.loss_.kink_sides(Z, dense(T)))
    for layer, ctx in zip(network.layers, contexts, strict=True):
        for kink in getattr(layer.activation, "kinks", ()):
            sides.append(kink < ctx.Z)
    return sides
