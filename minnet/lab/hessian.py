r"""The Hessian of a network's objective: its largest eigenvalues, its trace, its spectrum.

Nothing here makes the matrix unless asked to: all of it comes from products with vectors
(:class:`minnet.curvature.HessianProduct`), each of which costs two gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from minnet.common import html
from minnet.common.checks import as_numbers, check_real, check_whole
from minnet.common.entry import entry
from minnet.common.names import check_name
from minnet.common.shown import Shown, text_table
from minnet.common.types import Array, ArrayLike, Matrix, RandomState
from minnet.curvature import HessianProduct
from minnet.lab.lanczos import gauss_nodes
from minnet.lab.subject import Subject, subject_of
from minnet.random import Stream, draw_key

__all__ = ["Hessian", "SpectralDensity", "TraceEstimate", "hessian"]

_ENDS = ("LA", "SA", "LM", "BE")
_MOST = 10**6  # eigenvalues, vectors or products: more would be a mistake
_DENSE = 40  # parameters: so small a matrix is made as a whole
_POINTS = 501
_WIDTH = 0.01  # of the spectrum
_ROUNDING = 1e-6


@entry
def hessian(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    position: int = 0,
    loss: Any = None,
) -> Hessian:
    r"""Return the Hessian of a network's objective on a batch, to ask for eigenvalues, trace and density.

    The objective is that of :meth:`minnet.Network.loss_and_grad`, as if the batch were all there is to
    fit, with the penalty on the weights; the pass is that of training: batch normalization takes the
    batch's own mean and variance, and dropout drops, the same units in each product. Frozen layers are
    left out. Kinks of rectifiers have no curvature: see :class:`minnet.curvature.HessianProduct`, also
    for the error, some 1e-10 of the largest eigenvalue.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
        As :func:`minnet.lab.probe` takes it: an estimator that is not fitted is seen as its fit would
        start. Nothing of it changes.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The batch. A product costs two gradients of it.
    y : array-like
        As ``fit`` takes it; for a Network the targets of its loss.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    position : int, default=0
        Samples drawn before: chooses the masks of dropout.
    loss : str, Loss or loss of PyTorch, default=None
        Of a model of PyTorch; the others have their own.

    Returns
    -------
    Hessian

    Raises
    ------
    ValueError
        If the data do not fit, if ``y`` is None, or if every layer is frozen.

    Examples
    --------
    At the start the spectrum has a few large eigenvalues, and a bulk near 0 (Sagun, Evci, Guney, Dauphin
    and Bottou 2017):

    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import hessian
    >>> X, y = load_digits(return_X_y=True)
    >>> H = hessian(MinNetClassifier((32,), "tanh", random_state=0), X[:300] / 16, y[:300])
    >>> H
    Hessian of 2,410 parameters on 300 rows: loss 2.35, length of the gradient 0.702
    >>> largest = H.eigenvalues(3)
    >>> trace = H.trace(random_state=0)
    >>> bool(largest[0] > 100 * trace.value / H.n_parameters)
    True
    """
    if y is None:
        raise ValueError("y must be given: the Hessian is that of a loss, got None")
    return Hessian(subject_of(model, X, y, sample_weight, loss=loss), position)


class TraceEstimate(NamedTuple):
    """The trace of a Hessian.

    Attributes
    ----------
    value : float
    standard_error : float
        0 where it is exact.
    """

    value: float
    standard_error: float


class Hessian(Shown):
    """A Hessian that is known by its products with vectors; made by :func:`hessian`.

    Vectors have the layout of ``network.params``: ``network.views(v)`` cuts one into arrays. What they
    have for frozen layers, or for layers outside of a :meth:`block`, is 0.

    Parameters
    ----------
    subject : Subject
        Network and batch.
    position : int
        Samples drawn before.

    Attributes
    ----------
    network : Network
        The one it is of; an estimator's own, or the one that its fit would start from.
    n_parameters : int
        Rows of the matrix: parameters that are trained.
    n_samples : int
        Rows of the batch.
    loss : float
        The objective.
    gradient : ndarray
        Of the objective.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab import hessian
    >>> X = np.array([[1.0, 0.0], [1.0, 2.0]])
    >>> net = Network([Dense(1)], loss="squared_error").initialize(2, random_state=0)
    >>> H = hessian(net, X, np.zeros((2, 1)))
    >>> H.to_dense().round(6) + 0.0  # that of least squares: the weights, then the bias
    array([[1., 1., 1.],
           [1., 2., 1.],
           [1., 1., 1.]])
    >>> H.eigenvalues(2).round(3), round(H.trace().value, 6)  # 2 + sqrt(2), 2 - sqrt(2)
    (array([3.414, 0.586]), 4.0)
    """

    def __init__(self, subject: Subject, position: int = 0) -> None:
        if not isinstance(subject, Subject) or subject.T is None:
            raise TypeError(f"subject must be a Subject with targets, got {subject!r:.200}")
        self.network = network = subject.network
        batch = subject.X, subject.T, subject.weights
        self._product = HessianProduct(network, *batch, position=position)
        self._trained = np.zeros(network.params.shape, dtype=bool)
        for row in network.parameter_table:
            self._trained[row.slice] = row.trainable
        self._chosen = np.arange(self._product.size)
        self.n_samples = subject.X.shape[0]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self.loss = float(network.forward_backward(*batch, position=position)[0])
        self.gradient = self._unpacked(self._product.gradient)
        if not self.n_parameters:
            raise ValueError("model must have a layer that is trained, got frozen ones only")

    @property
    def n_parameters(self) -> int:
        """Rows of the matrix."""
        return len(self._chosen)

    def _text(self) -> str:
        length = np.linalg.norm(self.gradient)
        return (
            f"Hessian of {self.n_parameters:,} parameters on {self.n_samples:,} rows: loss "
            f"{self.loss:.3g}, length of the gradient {length:.3g}"
        )

    def _html(self) -> str:
        return html.page(self._text())

    # ---- parts and products

    def block(self, layer: int) -> Hessian:
        """Return the Hessian in the parameters of one layer, with the others as they are.

        Parameters
        ----------
        layer : int
            Its place in ``network.layers``; a block has those of all layers, too.
        """
        check_whole("layer", layer, 0, len(self.network.layers) - 1)
        of_layer = np.zeros(self._trained.shape, dtype=bool)
        for row in self.network.parameter_table:
            of_layer[row.slice] = row.layer == layer
        block = object.__new__(type(self))
        vars(block).update(vars(self))
        block._chosen = np.flatnonzero(of_layer[self._trained])
        block.gradient = np.where(of_layer, self._unpacked(self._product.gradient), 0)
        if not block.n_parameters:
            raise ValueError(f"layer must be one with parameters that are trained, got {layer}")
        return block

    def matvec(self, v: ArrayLike) -> Array:
        """Return H v.

        Parameters
        ----------
        v : array-like
            Of the layout of ``network.params``.
        """
        v = as_numbers("v", v)
        if v.shape != self._trained.shape:
            raise ValueError(
                f"v must have the shape of network.params, {self._trained.shape}, got {v.shape}"
            )
        return self._unpacked(self._multiply(v[self._trained][self._chosen]))

    def to_dense(self) -> Array:
        """Return the matrix of shape (n_parameters, n_parameters), by as many products."""
        size = self.n_parameters
        H = np.empty((size, size))
        for i in range(size):
            H[i] = self._multiply(_unit(size, i))
        H += H.T
        H /= 2
        return H

    def _multiply(self, v: Array) -> Array:
        """Return H v for the parameters that count, without gaps."""
        whole = np.zeros(self._product.size)
        whole[self._chosen] = v
        return self._product(whole)[self._chosen]

    def _unpacked(self, v: Array) -> Array:
        """Return a vector, or each row of a matrix, in the layout of ``network.params``."""
        whole = np.zeros((*v.shape[:-1], self._product.size))
        whole[..., self._chosen if v.shape[-1] == len(self._chosen) else slice(None)] = v
        flat = np.zeros((*v.shape[:-1], *self._trained.shape))
        flat[..., self._trained] = whole
        return flat

    # ---- what is asked of it

    def eigenvalues(
        self,
        n: int = 1,
        which: str = "LA",
        *,
        return_eigenvectors: bool = False,
        tol: float = 1e-6,
        random_state: RandomState = 0,
    ) -> Any:
        """Return some eigenvalues, by Lanczos' iteration (``scipy.sparse.linalg.eigsh``).

        Parameters
        ----------
        n : int, default=1
            How many, at most as many as there are parameters.
        which : {"LA", "SA", "LM", "BE"}, default="LA"
            The largest, the smallest (most negative), those of the largest magnitude, or of both ends,
            half each; of an odd number one more of the largest.
        return_eigenvectors : bool, default=False
            Whether to return eigenvectors, too.
        tol : float, default=1e-6
            Relative error.
        random_state : int, RandomState or None, default=0
            Of the vector from which it starts, which hardly matters.

        Returns
        -------
        eigenvalues : ndarray of shape (n,)
            Descending; NaN if the gradient or a product is not finite.
        eigenvectors : ndarray of shape (n, n_params)
            Rows of length 1 of the layout of ``network.params``, if asked for: directions of
            :class:`minnet.lab.displays.LossSurfaceDisplay`, say.

        Raises
        ------
        RuntimeError
            If the iteration does not converge.
        """
        size = self.n_parameters
        n = check_whole("n", n, 1, size)
        check_name("which", which, _ENDS)
        tol = check_real("tol", tol, low=0)
        if not isinstance(return_eigenvectors, bool | np.bool_):
            raise ValueError(
                f"return_eigenvectors must be True or False, got {return_eigenvectors!r:.200}"
            )
        start = self._stream("eigenvalues", random_state).normal(size)
        first = self._multiply(start)
        if not np.isfinite(self.gradient).all() or not np.isfinite(first).all():
            values, vectors = np.full(n, np.nan), np.full((size, n), np.nan)
        elif not first.any():  # all 0, of which ARPACK finds nothing
            values, vectors = np.zeros(n), np.eye(size, n)
        elif size <= _DENSE or n >= size - 1:
            values, vectors = np.linalg.eigh(self.to_dense())
            chosen = _chosen_ends(values, n, which)
            values, vectors = values[chosen], vectors[:, chosen]
        else:
            values, vectors = self._by_arpack(n, which, start, tol)
        order = np.argsort(values)[::-1]
        if not return_eigenvectors:
            return values[order]
        return values[order], self._unpacked(np.ascontiguousarray(vectors[:, order].T))

    def _by_arpack(self, n: int, which: str, start: Array, tol: float) -> tuple[Array, Array]:
        size = self.n_parameters
        operator = LinearOperator((size, size), matvec=self._multiply, dtype=np.float64)
        if n == 1 and which == "BE":
            which = "LA"  # of an odd number one more is of the upper end
        try:
            return eigsh(operator, n, which=which, v0=start, tol=tol)
        except ArpackError as error:
            raise RuntimeError(
                f"n={n} eigenvalues of a Hessian of {size:,} parameters could not be found within "
                f"tol={tol:g}: ask for fewer, or for a larger tol"
            ) from error

    def trace(self, n_probes: int = 100, *, random_state: RandomState = 0) -> TraceEstimate:
        r"""Return the trace: the sum of all eigenvalues.

        By Hutchinson's estimate (1989), the mean of :math:`z^\top H z` over vectors of random signs,
        whose variance is :math:`2 \sum_{i \ne j} H_{ij}^2` over their number. Where there are no more
        parameters than ``n_probes``, the diagonal is computed instead: then it is exact.

        Parameters
        ----------
        n_probes : int, default=100
            Vectors, a product each.
        random_state : int, RandomState or None, default=0
            Of the signs.

        Returns
        -------
        TraceEstimate
            ``value`` and ``standard_error``.
        """
        n_probes = check_whole("n_probes", n_probes, 2, _MOST)
        size = self.n_parameters
        if size <= n_probes:
            diagonal = [self._multiply(_unit(size, i))[i] for i in range(size)]
            return TraceEstimate(float(np.sum(diagonal)), 0.0)
        stream = self._stream("trace", random_state)
        found = []
        for i in range(n_probes):
            signs = _signs(stream, size, i)
            found.append(signs @ self._multiply(signs))
        error = float(np.std(found, ddof=1) / math.sqrt(n_probes))
        return TraceEstimate(float(np.mean(found)), error)

    def density(
        self, n_vectors: int = 10, n_iter: int = 60, *, random_state: RandomState = 0
    ) -> SpectralDensity:
        """Return how the eigenvalues are distributed, by stochastic Lanczos quadrature.

        From random vectors, ``n_iter`` steps of Lanczos' iteration each, whose nodes and weights stand
        for the spectrum: Lin, Saad and Yang (2016); Ghorbani, Krishnan and Xiao (2019) and PyHessian (Yao
        et al. 2020) take it of networks. Moments up to the order of twice ``n_iter`` are exact in the
        mean over vectors.

        Parameters
        ----------
        n_vectors : int, default=10
            Random vectors.
        n_iter : int, default=60
            Products for each.
        random_state : int, RandomState or None, default=0
            Of the vectors.

        Returns
        -------
        SpectralDensity
        """
        n_vectors = check_whole("n_vectors", n_vectors, 1, _MOST)
        n_iter = check_whole("n_iter", n_iter, 1, _MOST)
        stream, size = self._stream("density", random_state), self.n_parameters
        pairs = [
            gauss_nodes(self._multiply, _signs(stream, size, i), n_iter) for i in range(n_vectors)
        ]
        return SpectralDensity(
            np.concatenate([nodes for nodes, _ in pairs]),
            np.concatenate([weights for _, weights in pairs]) / n_vectors,
            size,
        )

    def _stream(self, purpose: str, random_state: RandomState) -> Stream:
        return Stream(draw_key(random_state), f"hessian {purpose}", 0)


def _unit(size: int, i: int) -> Array:
    """Return the i-th unit vector."""
    v = np.zeros(size)
    v[i] = 1
    return v


def _signs(stream: Stream, size: int, i: int) -> Array:
    """Return the i-th vector of random signs."""
    return np.where(stream.uniform(size, start=i * size) < 0.5, -1.0, 1.0)


def _chosen_ends(values: Array, n: int, which: str) -> Array:
    """Return the places of those that ``eigsh`` would give, of ascending values."""
    places = np.arange(len(values))
    if which == "LA":
        return places[-n:]
    if which == "SA":
        return places[:n]
    if which == "LM":
        return np.argsort(np.abs(values))[-n:]
    return np.r_[places[: n // 2], places[len(places) - (n - n // 2) :]]


@dataclass(frozen=True, repr=False, eq=False)
class SpectralDensity(Shown):
    """How the eigenvalues of a Hessian are distributed; made by :meth:`Hessian.density`.

    Parameters
    ----------
    nodes : array-like of shape (n_nodes,)
        Eigenvalues that stand for all, of all vectors together; NaN where the gradient is not finite.
    weights : array-like of shape (n_nodes,)
        What share of the eigenvalues each stands for, at least 0; their sum is 1.
    n_parameters : int
        How many eigenvalues there are.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.lab import SpectralDensity
    >>> spectrum = SpectralDensity(np.array([0.0, 5.0]), np.array([0.9, 0.1]), 100)
    >>> grid, density = spectrum.on_grid(n_points=1001, width=0.1)
    >>> bool(abs(density.sum() * (grid[1] - grid[0]) - 1) < 1e-6)
    True
    """

    nodes: np.ndarray
    weights: np.ndarray
    n_parameters: int

    def __post_init__(self) -> None:
        nodes, weights = as_numbers("nodes", self.nodes), as_numbers("weights", self.weights)
        if nodes.ndim != 1 or not nodes.size:
            raise ValueError(
                f"nodes must have shape (n_nodes,), at least one, got shape {nodes.shape}"
            )
        if weights.shape != nodes.shape:
            raise ValueError(
                f"weights must have the shape of nodes, {nodes.shape}, got {weights.shape}"
            )
        if not (weights >= 0).all() or abs(weights.sum() - 1) > _ROUNDING:
            raise ValueError(
                f"weights must be at least 0 and have the sum 1, got {weights.min():g} as the least and "
                f"the sum {weights.sum():g}"
            )
        check_whole("n_parameters", self.n_parameters)
        vars(self).update(nodes=nodes, weights=weights)

    @property
    def is_finite(self) -> bool:
        """Whether all nodes are numbers: they are not where the gradient is not finite."""
        return bool(np.isfinite(self.nodes).all())

    def on_grid(self, n_points: int = _POINTS, width: float | None = None) -> tuple[Array, Array]:
        """Return the density, each node as a normal law around it.

        Parameters
        ----------
        n_points : int, default=501
            Of the grid.
        width : float, default=None
            Standard deviation of the normal laws; None is 0.01 of the range of the nodes.

        Returns
        -------
        grid : ndarray of shape (n_points,)
            A little beyond the nodes on both sides.
        density : ndarray of shape (n_points,)
            Its integral is 1; NaN, as the grid, where a node is not finite.
        """
        n_points = check_whole("n_points", n_points, 2, _MOST)
        if width is not None:
            width = check_real("width", width, low=0, left=False)
        if not self.is_finite:
            return np.full(n_points, np.nan), np.full(n_points, np.nan)
        low, high = float(self.nodes.min()), float(self.nodes.max())
        if width is None:
            width = _WIDTH * (high - low) or _WIDTH * abs(high) or _WIDTH
        grid = np.linspace(low - 5 * width, high + 5 * width, n_points)
        apart = (grid[:, np.newaxis] - self.nodes) / width
        laws = np.exp(-0.5 * np.square(apart)) / (width * math.sqrt(2 * math.pi))
        return grid, laws @ self.weights

    def share(self, low: float, high: float) -> float:
        """Return which share of the eigenvalues lies between two numbers, about.

        Parameters
        ----------
        low, high : float
            Both included.

        Returns
        -------
        float
            NaN where a node is not finite.
        """
        low, high = check_real("low", low), check_real("high", high)
        if not self.is_finite:
            return math.nan
        return float(self.weights[(self.nodes >= low) & (self.nodes <= high)].sum())

    def _rows(self) -> list[list[Any]]:
        least, largest = float(self.nodes.min()) + 0.0, float(self.nodes.max()) + 0.0  # not -0
        edge = 0.01 * max(abs(least), abs(largest))
        shares: list[list[Any]] = []
        if self.is_finite and edge > 0:
            shares = [
                [f"below {-edge:.3g}", float(self.weights[self.nodes < -edge].sum())],
                [f"within {edge:.3g} of 0", self.share(-edge, edge)],
                [f"above {edge:.3g}", float(self.weights[self.nodes > edge].sum())],
            ]
        return [["least", least], *shares, ["largest", largest]]

    def _title(self) -> str:
        return f"Spectrum of a Hessian of {self.n_parameters:,} parameters"

    def _text(self) -> str:
        return f"{self._title()}\n{text_table(['', 'eigenvalue or share'], self._rows())}"

    def _html(self) -> str:
        table = html.table(["", "eigenvalue or share"], self._rows())
        if not self.is_finite:
            return html.page(self._title(), table)
        drawn = html.curve(self.on_grid(101)[1], "density", 240, 60)
        return html.page(self._title(), html.figure("density", "", drawn), table)
