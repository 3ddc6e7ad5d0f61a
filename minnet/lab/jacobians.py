r"""Singular values of the Jacobians of a network's layers, and of the network from end to end.

The layers' own ``backward`` computes them: a sample is taken as often as there are outputs, and the rows
of the identity matrix go back through the copies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.common import html
from minnet.common.checks import is_whole
from minnet.common.shown import Shown, some_of, text_table
from minnet.common.types import Array, ArrayLike, Matrix, RandomState
from minnet.lab.rows import describe_rows, row_indices
from minnet.lab.subject import subject_of
from minnet.layers import Context
from minnet.network import Network
from minnet.random import Stream, draw_key
from minnet.residual import skips

__all__ = ["Jacobians", "jacobians"]

_HEADS = ("layer", "mean", "rms", "least", "largest")
_MOST_DRAWN = 6


@dataclass(frozen=True, repr=False)
class Jacobians(Shown):
    r"""Singular values; made by :func:`jacobians`.

    Attributes
    ----------
    names : list of str
        Labels of the layers.
    layers : list of ndarray of shape (n_samples, min(n_inputs, n_outputs))
        Of each layer's :math:`J = \partial Y / \partial X`, descending: Glorot & Bengio (2010) call it
        :math:`J^i = \partial z^{i+1} / \partial z^i`.
    end_to_end : ndarray of shape (n_samples, k)
        Of the product of the hidden layers' Jacobians, from the output of the first hidden layer to
        that of the last; of the one layer itself where there is but one.
    hidden : ndarray of bool
        Which layers are hidden.
    """

    names: list
    layers: list
    end_to_end: np.ndarray
    hidden: np.ndarray

    @property
    def means(self) -> Array:
        """Mean singular value of each layer."""
        return np.array([values.mean() for values in self.layers])

    @property
    def rms(self) -> Array:
        """Root mean square singular value of each layer.

        For square layers its square is the factor by which a gradient's variance changes going back.
        """
        return np.array([np.sqrt(np.square(values).mean()) for values in self.layers])

    def _all(self) -> tuple[list[str], list[Array]]:
        return [*self.names, "end to end"], [*self.layers, self.end_to_end]

    def _rows(self) -> list[list[Any]]:
        return [
            [name, values.mean(), np.sqrt(np.square(values).mean()), values.min(), values.max()]
            for name, values in zip(*self._all(), strict=True)
        ]

    def _title(self) -> str:
        n = len(self.end_to_end)
        return f"Singular values of the Jacobians on {n} sample{'s' * (n != 1)}"

    def _text(self) -> str:
        return f"{self._title()}\n{text_table(_HEADS, self._rows())}"

    def _html(self) -> str:
        columns = list(zip(*self._rows()[:-1], strict=True))[1:]
        curves = [None, *columns] if len(self.names) > 1 else []
        drawn = [
            html.figure(name, "on the first sample", html.curve(values[0], name, 150, 50, mark=0))
            for name, values in zip(*self._all(), strict=True)
        ]
        shown = [drawn[i] for i in some_of(len(drawn), _MOST_DRAWN)]
        return html.page(
            self._title(), html.table(_HEADS, self._rows(), curves=curves), html.row("", *shown)
        )


def jacobians(
    model: Any,
    X: Matrix,
    y: ArrayLike | None = None,
    n_samples: int = 4,
    random_state: RandomState | None = None,
) -> Jacobians:
    r"""Return singular values of a network's Jacobians on some samples.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
        As :func:`minnet.lab.probe` takes it, and used as in prediction: dropout off, running averages.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Inputs, a row for each sample.
    y : array-like, default=None
        Needed for an estimator that is not fitted only.
    n_samples : int, default=4
        So many rows of ``X``, drawn without replacement; all if there are fewer. A layer with 1000 units
        takes about a second each.
    random_state : int, RandomState or None, default=None
        Which rows.

    Returns
    -------
    Jacobians

    Examples
    --------
    Why the mean singular value is about 0.8 for the normalized initialization and 0.5 for the standard
    one (Glorot & Bengio 2010, section 4.2.1): the quarter circle says 0.849 and 0.490, and tanh's slope
    takes from it:

    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab import jacobians
    >>> X = 0.6 * np.random.default_rng(0).normal(size=(10, 200))
    >>> layers = [Dense(200, "tanh") for _ in range(5)] + [Dense(10)]
    >>> for init in "glorot", "standard":
    ...     net = Network(layers, init=init, bias_init="zeros").initialize(200, random_state=0)
    ...     print(init, jacobians(net, X, random_state=0).means[:5].round(1))
    glorot [0.7 0.7 0.7 0.8 0.8]
    standard [0.4 0.5 0.5 0.5 0.5]
    """
    if not is_whole(n_samples):
        raise ValueError(f"n_samples must be a whole number of at least 1, got {n_samples!r}")
    subject = subject_of(model, X, y)
    network, X = subject.network, subject.X
    if not X.shape[0]:
        raise ValueError("X must have at least one row, got none")
    chosen = Stream(draw_key(random_state), "jacobians", 0).permutation(X.shape[0])[:n_samples]
    _, contexts = network.forward_training(X[chosen[:1]])
    rows = describe_rows(network, row_indices(contexts), subject.labels)
    hidden = [i for i, is_hidden in zip(rows["index"], rows["hidden"], strict=True) if is_hidden]
    per_layer, ends = [], []
    for row in np.sort(chosen):
        matrices = layer_jacobians(network, X[[row]])
        per_layer.append([singular_values(J) for J in matrices.values()])
        ends.append(singular_values(_end_to_end(network, matrices, hidden)))
    labels = dict(zip(rows["index"], rows["layers"], strict=True))
    return Jacobians(
        [labels.get(i, f"{i} {type(network.layers[i]).__name__}") for i in matrices],
        [np.array(values) for values in zip(*per_layer, strict=True)],
        np.array(ends),
        np.array([i in hidden for i in matrices]),
    )


def layer_jacobians(network: Network, x: Matrix) -> dict[int, Array]:
    """Return each layer's dY/dX at one sample ``x`` of shape (1, n_features), by the layer's place.

    They have the shape (n_outputs, n_inputs). Dropout, which does nothing in prediction, has none, and
    neither has the beginning of a residual block. The block's own Jacobian stands at its end.
    """
    x = x.toarray() if hasattr(x, "toarray") else x
    matrices: dict[int, Array] = {}
    past: list[Array] = []
    begins = {end: begin for begin, end in skips(network.layers).items()}
    for i, layer in enumerate(network.layers):
        n_outputs = network.sizes[i + 1]
        if layer.opens_skip or layer.closes_skip:
            Y = layer.forward(x, Context(skips=past))
            if layer.closes_skip:
                matrices[i] = product(network, matrices, begins[i], i)
        else:
            ctx = Context(training=False, needs_dX=True)
            Y = layer.forward(np.repeat(x, n_outputs, axis=0), ctx)
            if not layer.only_in_training:
                matrices[i] = layer.backward(np.eye(n_outputs, dtype=network.dtype), ctx)
        x = Y[:1]
    return matrices


def product(network: Network, matrices: dict[int, Array], first: int, last: int) -> Array:
    """Return the Jacobian of the layers from ``first`` to ``last``, both included.

    Where ``first`` lies within a residual block, what comes along the skip does not depend on it.
    """
    J = np.eye(network.sizes[first], dtype=network.dtype)
    for _, product_so_far in products(network, matrices, first, last):
        J = product_so_far
    return J


def products(
    network: Network, matrices: dict[int, Array], first: int, last: int
) -> Iterator[tuple[int, Array]]:
    """Yield the place of each layer from ``first`` to ``last`` and the Jacobian of those up to it."""
    J: Array | None = None
    past: list[Array] = []
    for i in range(first, last + 1):
        layer = network.layers[i]
        if layer.opens_skip or layer.closes_skip:
            J = np.eye(network.sizes[i], dtype=network.dtype) if J is None else J
            if layer.opens_skip:
                past.append(J)
            else:
                J = layer.s * J + (past.pop() if past else 0)
        elif i in matrices:
            J = matrices[i] if J is None else matrices[i] @ J
        if J is not None:
            yield i, J


def _end_to_end(network: Network, matrices: dict[int, Array], hidden: list[int]) -> Array:
    """Return the Jacobian from the first hidden layer's output to the last's."""
    if not hidden:
        first, last = 0, max(matrices)
    else:
        first, last = (hidden[0] + 1, hidden[-1]) if len(hidden) > 1 else (0, hidden[0])
    return product(network, matrices, first, last)


def singular_values(J: Array) -> Array:
    """Return the singular values of a matrix, descending; NaN if it is not finite."""
    if not np.isfinite(J).all():
        return np.full(min(J.shape), np.nan)
    return np.linalg.svd(J.astype(np.float64), compute_uv=False)
