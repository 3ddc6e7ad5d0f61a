"""Comparison of backpropagation with central differences."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common import html
from minnet.common.checks import check_real, check_whole
from minnet.common.entry import entry
from minnet.common.flat_parameters import check_is_network
from minnet.common.shown import Shown, text_table, wrapped
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.gradcheck.differences import Differences
from minnet.gradcheck.mistakes import explain
from minnet.gradcheck.watch import ForwardStops, Watch
from minnet.network import Network

__all__ = ["GradientCheck", "check_gradients"]

_HEADS = ("array", "relative error", "compared", "skipped", "cannot tell", "")

#: Of X: what a layer does to its inputs wrongly it does to most of them.
_MOST_INPUTS = 200


def __dir__() -> list[str]:
    return __all__


@dataclass(repr=False)
class GradientCheck(Shown):
    r"""Result of :func:`check_gradients`; it prints as a table, and is true where it is ``ok``.

    Attributes
    ----------
    errors : dict
        For each array, by label, the relative error
        :math:`\lVert g - \hat g \rVert / \max(\lVert g \rVert, \lVert \hat g \rVert)`;
        0 where the rounding of the losses explains the difference and is itself below the tolerance times
        the largest gradient (root mean square) of any array; NaN where the array cannot be told;
        infinite where the gradient, or the loss, is NaN or infinite.
    n_checked, n_skipped, n_unclear : dict
        How many elements were compared, how many were skipped for a kink, and how many cannot be told
        since what they change of the loss is lost in its rounding.
    notes : dict
        What is likely wrong, in words, for those arrays of which it can be said.
    tolerance : float
        The largest error that passes.
    """

    tolerance: float
    errors: dict = field(default_factory=dict)
    n_checked: dict = field(default_factory=dict)
    n_skipped: dict = field(default_factory=dict)
    n_unclear: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)

    @property
    def max_error(self) -> float:
        """Return the largest of ``errors``; NaN if an array cannot be told."""
        return float(np.max(list(self.errors.values()), initial=0.0))

    @property
    def ok(self) -> bool:
        """Return whether every array could be told, and every error is below the tolerance."""
        return all(error < self.tolerance for error in self.errors.values())

    def __bool__(self) -> bool:
        return self.ok

    def _rows(self) -> list[list[Any]]:
        return [
            [
                label,
                "cannot tell" if np.isnan(error) else f"{error:.2e}",
                self.n_checked[label],
                self.n_skipped[label],
                self.n_unclear[label],
                self._verdict(label, error),
            ]
            for label, error in self.errors.items()
        ]

    def _verdict(self, label: str, error: float) -> str:
        if np.isinf(error):
            return "see below" if label in self.notes else "not finite"
        return f"above {self.tolerance:g}" if error >= self.tolerance else ""

    def _sentences(self) -> list[str]:
        """Return the notes, each once, behind the arrays that it is about."""
        arrays: dict[str, list[str]] = {}
        for label, note in self.notes.items():
            arrays.setdefault(note, []).append(label)
        return [f"{', '.join(labels)}: {note}." for note, labels in arrays.items()]

    def _text(self) -> str:
        said = [wrapped(sentence, "  ") for sentence in self._sentences()]
        return "\n".join([text_table(_HEADS, self._rows()), *([""] if said else []), *said])

    def _html(self) -> str:
        errors = list(self.errors.values())
        n_wrong = sum(error >= self.tolerance for error in errors)
        n_unclear = sum(map(np.isnan, errors))
        found = [f"{n_wrong} above"] if n_wrong else []
        found += [f"{n_unclear} that cannot be told"] if n_unclear else []
        n_ok = len(errors) - n_wrong - n_unclear
        title = f"Gradients of {len(errors)} arrays: {n_ok} with an error below {self.tolerance:g}"
        said = map(html.paragraph, self._sentences())
        return html.page(", ".join([title, *found]), html.table(_HEADS, self._rows()), *said)


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

    Compared are the gradients of all parameters. What a layer returns for the layer below shows in those
    below it; of a first layer of your own, if it returns a gradient of its inputs, that is compared with
    differences in 200 elements of ``X`` (or ``max_elements``), as "layers[0].X".

    The difference of two losses carries their rounding, :math:`2^{-52} |L| / \epsilon`. Where that hides
    what is to be seen (targets of 1e9 have losses of 1e18), differences of fourth order with a step of
    :math:`1000 \epsilon` are taken as well; an array on which these do not agree either "cannot be told":
    it is no error, and ``ok`` is not True. Data of unit scale are what to check with. A gradient or a
    loss that is NaN or infinite is an infinite error.

    Of layers, activations and losses of your own, what is wrong is said in words where it is one of the
    usual mistakes: a matrix that is transposed, a bias gradient that is not summed over the rows, a
    derivative that is missing, a sign, a factor. A mistake is named only where making it gives the very
    numbers. So it is where ``forward`` or ``backward`` stops, or gives an array of another shape: that is
    no error of the check, but an infinite one of the arrays whose gradient is not there.

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
        ``ok``, ``max_error``, ``errors``, ``n_unclear``, ``notes``; it prints as a table, with what is
        likely wrong below.

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

    A layer of your own, with a mistake that its shape does not show:

    >>> class Mine(Dense):
    ...     def backward(self, dY, ctx):
    ...         dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
    ...         ctx.dW, ctx.db = dZ.T @ ctx.X, dZ.sum(axis=0)
    ...         return dZ @ self.W.T
    ...
    >>> net = Network([Mine(4, "tanh"), Dense(3)]).initialize(4, random_state=0)
    >>> result = check_gradients(net, np.eye(4) - 0.2, [0, 1, 2, 0])
    >>> result.notes
    {'layers[0].W': 'dW is transposed'}
    """
    epsilon = check_real("epsilon", epsilon, low=0, left=False)
    tolerance = check_real("tolerance", tolerance, low=0)
    if max_elements is not None:
        max_elements = check_whole("max_elements", max_elements)
    check_is_network("network", network)
    network = network.astype("float64")
    X, T, sample_weight = network.check_batch(X, T, sample_weight)
    if not isinstance(rng, np.random.Generator):
        rng = np.random.default_rng(None if rng is None else check_whole("rng", rng, 0))
    if not sparse.issparse(X):
        X = np.array(X, order="C")  # in which steps are taken
    rows = [row for row in network.parameter_table if row.trainable]
    watch = Watch(network)
    try:
        with np.errstate(invalid="ignore"):  # NaN is what stands for a gradient that is not there
            loss, grads, contexts = network.forward_backward(X, T, sample_weight)
    except ForwardStops as stopped:
        labels = [row.label for row in rows]
        none, notes = dict.fromkeys(labels, 0), dict.fromkeys(labels, str(stopped))
        infinite = dict.fromkeys(labels, np.inf)
        return GradientCheck(tolerance, infinite, none, dict(none), dict(none), notes)
    differences = Differences(network, X, T, sample_weight)
    noise = differences.rounding(loss) / epsilon
    sizes = [np.sqrt(np.mean(grads[row.slice] ** 2)) for row in rows]
    largest = max(filter(np.isfinite, sizes), default=0.0)
    result = GradientCheck(tolerance)

    def compare(
        array: Array, gradient: Array, chosen: Array, difference: Any, step: float
    ) -> tuple[float, int]:
        """Return the error, NaN where rounding hides it, and how many elements no kink is near."""
        found = [(k, difference(array, k, step)) for k in chosen]
        pairs = [(gradient[k], value) for k, value in found if value is not None]
        if not (np.isfinite(loss) and np.isfinite(gradient[chosen]).all()):
            return np.inf, len(pairs)
        analytic, numeric = np.reshape(pairs, (-1, 2)).T
        scale = max(np.linalg.norm(analytic), np.linalg.norm(numeric))
        error, unsure = np.linalg.norm(analytic - numeric), noise * epsilon / step
        if error < tolerance * scale or error > unsure * np.sqrt(len(pairs)):
            return float(error / scale), len(pairs)
        # What is left of a gradient that vanishes (deep sigmoids, a bias under batch normalization).
        told = not pairs or (np.isfinite(numeric).all() and unsure <= tolerance * largest)
        return 0.0 if told else np.nan, len(pairs)

    checked = [(row.label, network.params, grads, row.slice, max_elements) for row in rows]
    if watch.dX is not None:
        whole, most = slice(0, X.size), max_elements or _MOST_INPUTS
        checked.append(("layers[0].X", X.reshape(-1), watch.dX.reshape(-1), whole, most))
    for label, array, gradient, part, limit in checked:
        chosen = np.arange(part.start, part.stop)
        if limit is not None and len(chosen) > limit:
            chosen = rng.choice(chosen, limit, replace=False)
        error, n_compared = compare(array, gradient, chosen, differences.central, epsilon)
        n_told = n_compared
        if np.isnan(error):
            error, n_told = compare(array, gradient, chosen, differences.wide, 1000 * epsilon)
            if not n_told or not error < tolerance:  # it says nothing against a gradient
                error, n_told = np.nan, 0
        result.errors[label] = error
        result.n_checked[label] = n_told
        result.n_skipped[label] = len(chosen) - n_compared
        result.n_unclear[label] = n_compared - n_told
    wrong = [label for label, error in result.errors.items() if error >= tolerance]
    if wrong:
        result.notes = explain(network, watch, contexts, T, wrong)
    return result
