"""Singular values of the layers' Jacobians against the laws of random matrices."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.activations import Activation, Identity
from minnet.common.checks import check_whole
from minnet.common.plotting import axes_of
from minnet.common.types import Array, ArrayLike, Matrix, RandomState
from minnet.lab.displays._ridges import note_room, ridges
from minnet.lab.jacobians import jacobians
from minnet.lab.prediction import predict_variances
from minnet.lab.spectra import jacobian_density, marchenko_pastur, orthogonal_jacobian_density
from minnet.lab.subject import subject_of

__all__ = ["SingularValuesDisplay"]

_LAWS = ("weights", "jacobian")
_ZERO = 1e-9  # of the largest


@dataclass(eq=False, repr=False)
class SingularValuesDisplay:
    r"""Histograms of the singular values of each layer's Jacobian, with what random matrices have.

    ``law="jacobian"`` is the law of :math:`W D`, with the derivatives at the pre-activations' predicted
    variance: :func:`minnet.lab.theory.jacobian_density`. ``law="weights"`` is that of :math:`W` alone, of
    which the derivatives take: the quarter circle where the layer is square,
    :func:`minnet.lab.theory.marchenko_pastur` otherwise. Orthogonal weights stretch all directions alike,
    and what is left are the derivatives, :func:`minnet.lab.theory.orthogonal_jacobian_density`; where such
    a layer widens no law is drawn.

    Parameters
    ----------
    values : list of ndarray of shape (n_samples, k)
        Singular values, a layer an array.
    layers : list of str
        Names of the layers, from the input up.
    scales : ndarray of shape (n_layers,)
        Square roots of fan_in times the variance of a weight.
    ratios : ndarray of shape (n_layers,)
        fan_out / fan_in.
    activations : list of Activation
        That of each layer.
    variances : ndarray of shape (n_layers,)
        Of pre-activations, predicted; NaN where theory knows nothing.
    orthogonal : ndarray of bool, shape (n_layers,)
        Whether all singular values of the weights are equal.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
    patches_ : list of matplotlib.patches.StepPatch
    lines_ : list of matplotlib.lines.Line2D
        The law, for the layers that have one.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lab.displays import SingularValuesDisplay
    >>> X = np.random.default_rng(0).normal(size=(10, 100))
    >>> net = Network([Dense(100, "tanh"), Dense(50, "tanh"), Dense(2)]).initialize(100, random_state=0)
    >>> SingularValuesDisplay.from_estimator(net, X).ratios
    array([1. , 0.5])
    """

    values: list[Array]
    layers: Any
    scales: Array
    ratios: Array
    activations: list[Activation]
    variances: Array
    orthogonal: Array

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike | None = None,
        *,
        n_samples: int = 4,
        random_state: RandomState = 0,
        law: str = "jacobian",
        n_bins: int = 40,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Compute the Jacobians of an estimator's or a network's hidden Dense layers and draw them.

        Parameters
        ----------
        estimator : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or Network
            Not fitted, an estimator is drawn as its fit would start. The laws are about the start.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like, default=None
            Needed for an estimator that is not fitted only.
        n_samples : int, default=4
            At so many rows of ``X``.
        random_state : int, RandomState or None, default=0
            Which rows.
        law : {"jacobian", "weights"} or None, default="jacobian"
            Which law of random matrices is drawn beside them, if any.
        n_bins : int, default=40
            How many bins the histogram has.
        ax : matplotlib axes, optional
            Where to draw; None makes new axes.
        **kwargs
            For the drawn patches.

        Returns
        -------
        display : SingularValuesDisplay
        """
        subject = subject_of(estimator, X, y, name="estimator")
        network = subject.network
        found = jacobians(network, subject.X, n_samples=n_samples, random_state=random_state)
        prediction = predict_variances(network, subject.X)
        variances = dict(zip(prediction.index.tolist(), prediction.variances, strict=True))
        places = [int(name.split()[0]) for name in found.names]
        kept = [
            row
            for row, place in enumerate(places)
            if found.hidden[row] and network.layers[place].fully_connected
        ]
        if not kept:
            raise ValueError("estimator must have a hidden Dense layer, got none")
        layers = [network.layers[places[row]] for row in kept]
        display = cls(
            [found.layers[row] for row in kept],
            [found.names[row] for row in kept],
            np.array([np.sqrt(layer.W.shape[0] * layer.W.var()) for layer in layers]),
            np.array([layer.W.shape[1] / layer.W.shape[0] for layer in layers]),
            [layer.activation or Identity() for layer in layers],
            np.array([variances[places[row]] for row in kept]),
            np.array([_is_orthogonal(layer.W) for layer in layers]),
        )
        return display.plot(ax=ax, law=law, n_bins=n_bins, **kwargs)

    def plot(
        self, ax: Any = None, *, law: str = "jacobian", n_bins: int = 40, **kwargs: Any
    ) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib axes, optional
            New ones unless given.
        law : {"jacobian", "weights"} or None, default="jacobian"
            Which law of random matrices is drawn beside them, if any.
        n_bins : int, default=40
            From 0 to the largest singular value of all layers. Values that are 0, as a rectifier makes
            them, are in no bin; their share is written at the right.
        **kwargs
            For the drawn patches (``matplotlib.patches.StepPatch``).

        Returns
        -------
        self
        """
        if law is not None and not (isinstance(law, str) and law in _LAWS):
            raise ValueError(f"law must be 'jacobian', 'weights' or None, got {law!r:.200}")
        n_bins = check_whole("n_bins", n_bins, 1, 10**6)
        n = len(self.layers)
        self.ax_, self.figure_ = ax, _ = axes_of(ax, (6.4, 1.2 + 0.72 * n))
        edges = np.linspace(0, 1.02 * max(np.max(values) for values in self.values), n_bins + 1)
        densities, notes = zip(*(_histogram(values, edges) for values in self.values), strict=True)
        x = np.linspace(0, edges[-1], 401)[1:]
        laws = [self._law(row, law, x, edges) for row in range(n)]
        self.patches_, self.lines_ = ridges(ax, densities, [edges] * n, self.layers, notes, laws)
        for patch in self.patches_:
            patch.set(**kwargs)
        if self.lines_:
            name = "theory" if law == "jacobian" else "Marchenko–Pastur law of W"
            if law == "weights" and np.all(self.ratios == 1):
                name = "quarter circle"
            ax.legend(
                self.lines_[:1], [name], frameon=False, loc="lower right", bbox_to_anchor=(1, 1),
                borderaxespad=0.2,
            )  # fmt: skip
        ax.set_xlim(0, (1 + note_room(ax)) * edges[-1])
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel("singular value of the layer's Jacobian")
        return self

    def _law(self, row: int, law: str | None, x: Array, edges: Array) -> tuple[Array, Array] | None:
        """Return x and the density there, or None."""
        scale, ratio, orthogonal = self.scales[row], self.ratios[row], self.orthogonal[row]
        if law is None or scale == 0 or (orthogonal and (law == "weights" or ratio > 1)):
            return None
        if law == "weights":
            return x, marchenko_pastur(x, ratio, scale)
        q = self.variances[row]
        if not np.isfinite(q):
            return None
        if orthogonal:
            # By the histogram's bins: much or all of it may be in one place. Zeros are in no bin.
            bins = np.append(_ZERO * edges[-1], edges[1:])
            density = orthogonal_jacobian_density(bins, self.activations[row], q, scale**2)
            return np.repeat(edges, 2)[1:-1], np.repeat(density, 2)
        return x, jacobian_density(x, self.activations[row], q, scale**2, ratio)


def _histogram(values: Array, edges: Array) -> tuple[Array, str]:
    """Return the density of the values, those that are 0 left out of the bins, and a note on them."""
    values = np.ravel(values)
    some = values > _ZERO * edges[-1]
    density = np.histogram(values[some], edges)[0] / (values.size * np.diff(edges))
    note = f"mean {values.mean():.2f}\nrms {np.sqrt(np.mean(values**2)):.2f}"
    zeros = 1 - some.mean()
    return density, f"{zeros:.0%} are 0\n{note}" if zeros > 0 else note


def _is_orthogonal(W: Array) -> bool:
    """Return whether all singular values are equal, but for rounding."""
    s = np.linalg.svd(np.asarray(W, dtype=np.float64), compute_uv=False)
    return bool(len(s) > 1 and s[-1] > (1 - 1e-4) * s[0])
