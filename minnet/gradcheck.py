"""Comparison of backpropagation with central differences."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minnet.common import html
from minnet.common.checks import check_real, check_whole
from minnet.common.entry import entry
from minnet.common.shown import Shown, text_table
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.links import dense
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear

__all__ = ["GradientCheck", "check_gradients"]

_HEADS = ("array", "relative error", "compared", "skipped", "cannot tell", "")


def __dir__() -> list[str]:
    return __all__


@dataclass(repr=False)
class GradientCheck(Shown):
    r"""Result of :func:`check_gradients`; it prints as a table.

    Attributes
    ----------
    errors : dict
        For each parameter array, by label, the relative error
        :math:`\lVert g - \hat g \rVert / \max(\lVert g \rVert, \lVert \hat g \rVert)`;
        0 where the rounding of the losses explains the difference and is itself below the tolerance times
        the largest gradient (root mean square) of any array; NaN where the array cannot be told;
        infinite where the gradient, or the loss, is NaN or infinite.
    n_checked, n_skipped, n_unclear : dict
        How many elements were compared, how many were skipped for a kink, and how many cannot be told
        since what they change of the loss is lost in its rounding.
    tolerance : float
        The largest error that passes.
    """

    tolerance: float
    errors: dict = field(default_factory=dict)
    n_checked: dict = field(default_factory=dict)
    n_skipped: dict = field(default_factory=dict)
    n_unclear: dict = field(default_factory=dict)

    @property
    def max_error(self) -> float:
        """Return the largest of ``errors``; NaN if an array cannot be told."""
        return float(np.max(list(self.errors.values()), initial=0.0))

    @property
    def ok(self) -> bool:
        """Return whether every array could be told, and every error is below the tolerance."""
        return all(error < self.tolerance for error in self.errors.values())

    def _rows(self) -> list[list[Any]]:
        return [
            [
                label,
                "cannot tell" if np.isnan(error) else f"{error:.2e}",
                self.n_checked[label],
                self.n_skipped[label],
                self.n_unclear[label],
                self._note(error),
            ]
            for label, error in self.errors.items()
        ]

    def _note(self, error: float) -> str:
        if np.isinf(error):
            return "not finite"
        return f"above {self.tolerance:g}" if error >= self.tolerance else ""

    def _text(self) -> str:
        return text_table(_HEADS, self._rows())

    def _html(self) -> str:
        errors = list(self.errors.values())
        n_wrong = sum(error >= self.tolerance for error in errors)
        n_unclear = sum(map(np.isnan, errors))
        found = [f"{n_wrong} above"] if n_wrong else []
        found += [f"{n_unclear} that cannot be told"] if n_unclear else []
        n_ok = len(errors) - n_wrong - n_unclear
        title = f"Gradients of {len(errors)} arrays: {n_ok} with an error below {self.tolerance:g}"
        return html.page(", ".join([title, *found]), html.table(_HEADS, self._rows()))


@entry
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

    The difference of two losses carries their rounding, :math:`2^{-52} |L| / \epsilon`. Where that hides
    what is to be seen (targets of 1e9 have losses of 1e18), differences of fourth order with a step of
    :math:`1000 \epsilon` are taken as well; an array on which these do not agree either "cannot be told":
    it is no error, and ``ok`` is not True. Data of unit scale are what to check with. A gradient or a
    loss that is NaN or infinite is an infinite error.

    Parameters
    ----------
    network : Network
        Initialized; it is not changed. A float32 network is checked in a float64 copy.
    X : array of shape (n_samples, n_features)
        Inputs, a row for each sample.
    T : array
        Targets as :meth:`minnet.Network.loss_and_grad` takes them.
    sample_weight : array of shape (n_samples,), default=None
        What each sample counts; None means all alike.
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
        ``ok``, ``max_error``, ``errors``, ``n_unclear``; it prints as a table.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network, check_gradients
    >>> net = Network([Dense(5, "tanh"), Dense(3)], alpha=0.1).initialize(4, random_state=0)
    >>> check_gradients(net, np.eye(4), [0, 1, 2, 0]).ok
    True

    Targets of another scale than the outputs leave nothing to be seen:

    >>> far = Network([Dense(5, "tanh"), Dense(1)], "squared_error").initialize(4, random_state=0)
    >>> result = check_gradients(far, np.eye(4), [1e12, 2e12, 3e12, 4e12])
    >>> print(result)
    array        relative error  compared  skipped  cannot tell
    layers[0].W     cannot tell         0        0           20
    layers[0].b     cannot tell         0        0            5
    layers[1].W     cannot tell         0        0            5
    layers[1].b     cannot tell         0        0            1
    >>> result.ok
    False
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
    rounding = _rounding(network, X, T, sample_weight, loss) / epsilon
    rows = [row for row in network.parameter_table if row.trainable]
    sizes = [np.sqrt(np.mean(grads[row.slice] ** 2)) for row in rows]
    largest = max(filter(np.isfinite, sizes), default=0.0)
    result = GradientCheck(tolerance)

    def compare(chosen: Array, difference: Any, step: float) -> tuple[float, int]:
        """Return the error, NaN where rounding hides it, and how many elements no kink is near."""
        found = [(k, difference(network, k, step, X, T, sample_weight)) for k in chosen]
        pairs = [(grads[k], value) for k, value in found if value is not None]
        if not (np.isfinite(loss) and np.isfinite(grads[chosen]).all()):
            return np.inf, len(pairs)
        analytic, numeric = np.reshape(pairs, (-1, 2)).T
        scale = max(np.linalg.norm(analytic), np.linalg.norm(numeric))
        error, noise = np.linalg.norm(analytic - numeric), rounding * epsilon / step
        if error < tolerance * scale or error > noise * np.sqrt(len(pairs)):
            return float(error / scale), len(pairs)
        # What is left of a gradient that vanishes (deep sigmoids, a bias under batch normalization).
        told = not pairs or (np.isfinite(numeric).all() and noise <= tolerance * largest)
        return 0.0 if told else np.nan, len(pairs)

    for row in rows:
        chosen = np.arange(row.slice.start, row.slice.stop)
        if max_elements is not None and len(chosen) > max_elements:
            chosen = rng.choice(chosen, max_elements, replace=False)
        error, n_compared = compare(chosen, _central_difference, epsilon)
        n_told = n_compared
        if np.isnan(error):
            error, n_told = compare(chosen, _wide_difference, 1000 * epsilon)
            if not n_told or not error < tolerance:  # it says nothing against a gradient
                error, n_told = np.nan, 0
        result.errors[row.label] = error
        result.n_checked[row.label] = n_told
        result.n_skipped[row.label] = len(chosen) - n_compared
        result.n_unclear[row.label] = n_compared - n_told
    return result


def _rounding(
    network: Network, X: Matrix, T: Matrix, sample_weight: Array | None, loss: float
) -> float:
    """Return a bound of the rounding error of the objective."""
    Z, _ = network.forward_training(X, sample_weight)
    of_samples = np.abs(network.loss_.value(Z, dense(T)))  # they may cancel in the sum
    total = np.sum(of_samples if sample_weight is None else sample_weight * of_samples)
    n = len(Z) if sample_weight is None else np.sum(sample_weight)
    of_logits = np.abs(Z).max(initial=1.0)  # which cancel in the loss of a sample
    return 10 * np.finfo(np.float64).eps * max(of_logits, abs(loss), total / n if n else 0.0)


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


def _wide_difference(
    network: Network, k: int, epsilon: float, X: Matrix, T: Matrix, sample_weight: Array | None
) -> float | None:
    """Return the central difference of fourth order, which takes a wider step; None as there."""
    far = _central_difference(network, k, 2 * epsilon, X, T, sample_weight)
    near = _central_difference(network, k, epsilon, X, T, sample_weight)
    return None if far is None or near is None else (4 * near - far) / 3


def _kink_sides(network: Network, X: Matrix, T: Matrix, sample_weight: Array | None) -> list[Array]:
    """Return on which side of each kink every pre-activation and residual lies."""
    Z, contexts = network.forward_training(X, sample_weight)
    sides = list(network.loss_.kink_sides(Z, dense(T)))
    for layer, ctx in zip(network.layers, contexts, strict=True):
        if isinstance(layer, PiecewiseLinear):
            sides += layer.kink_sides(ctx)
        for kink in getattr(layer.activation, "kinks", ()):
            sides.append(kink < ctx.Z)
    return sides
