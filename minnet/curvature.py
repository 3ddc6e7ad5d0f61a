r"""Second derivatives of a network's objective: products of its Hessian with vectors.

The Hessian :math:`H = \nabla^2 L(\theta)` of a network has as many rows as the network has parameters,
and is hardly ever needed as a matrix: eigenvalues, traces and quadratic forms take products
:math:`H v`. A product is the derivative of the gradient along ``v``, here a central difference,

.. math:: H v \approx \frac{g(\theta + \epsilon v) - g(\theta - \epsilon v)}{2 \epsilon}, \qquad
          \epsilon^{-2} = 10^{12} \sum_l
          \frac{\sum_j x_{lj}^2 v_{lj}^2}{\max(1, \sum_j x_{lj}^2 \theta_{lj}^2)},

with :math:`l` the layers and :math:`x_{lj}` the root mean square of what the parameter is multiplied
with, the inputs of weights and 1 for others: the step is measured by how far it moves pre-activations,
so that inputs or weights of any size may be in any column and layer. So the layers' own ``forward`` and
``backward`` are all that it needs, and it holds for every layer, loss and activation, those of a user
too. It is computed in float64, where the error is some 1e-10 of :math:`\lVert H \rVert \lVert v
\rVert`: a third derivative times :math:`\epsilon^2`, and the rounding of the gradients over
:math:`\epsilon`. Pearlmutter's exact way (1994) would ask a second derivative of every layer,
activation and loss, for digits that nothing here uses.

Kinks would spoil the difference: a pre-activation that a step carries over the kink of a rectifier adds
the jump of the slope over :math:`2 \epsilon`. So each number is held on its side: beyond a kink its
activation goes on as before. That is the Hessian at :math:`\theta` as automatic differentiation has it, in
which kinks have no curvature. A layer that has kinks has a method ``held`` too, which returns one that
is linear. A kink inside a layer of a user's own, which no ``activation``, ``kink_sides`` or ``held``
tells, is not seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse

from minnet.activations import Activation
from minnet.common.checks import as_numbers, check_real
from minnet.common.entry import KnownKeywords
from minnet.common.flat_parameters import check_is_network
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.losses import Loss
from minnet.parameter_table import ParameterRow
from minnet.random.of_layers import check_position

__all__ = ["HessianProduct"]

_STEP = 1e-6
_WIDE_STEP = 3e-4  # of second differences
_BACK = 1e-6  # from a kink, to see how the slope changes on that side


def __dir__() -> list[str]:
    return __all__


class HessianProduct(KnownKeywords):
    """Products of the Hessian of a network's objective on a batch with vectors.

    Vectors have one number for each parameter that is trained, in the order of the parameter table:
    frozen layers are left out. The network is copied, so that nothing of it changes, and later changes
    of it do not matter; dropout drops the same units in each product. Several threads may share one, and
    copies and pickles of it multiply alike.

    Parameters
    ----------
    network : Network
        Initialized.
    X : array or CSR matrix of shape (n_samples, n_features)
        Inputs, a row for each sample.
    T : array-like or sparse matrix
        Targets, as :meth:`minnet.Network.loss_and_grad` takes them.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    n_samples, weight_sum : number, default=None
        Samples and sum of weights of the whole fit of which this is a batch; by default of ``X``.
    position : int, default=0
        Samples drawn before: chooses the masks of dropout.

    Attributes
    ----------
    size : int
        How many parameters are trained.
    params, gradient : ndarray of shape (size,)
        Their values, and the gradient there.

    Examples
    --------
    The Hessian of linear least squares is that of a quadratic function, X'X / n:

    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.curvature import HessianProduct
    >>> X = np.array([[1.0, 0.0], [1.0, 2.0]])
    >>> net = Network([Dense(1)], loss="squared_error").initialize(2, random_state=0)
    >>> product = HessianProduct(net, X, np.zeros((2, 1)))
    >>> product(np.array([1.0, 0.0, 0.0])).round(6)  # for the weights, then the bias
    array([1., 1., 1.])
    """

    def __init__(
        self,
        network: Any,
        X: Matrix,
        T: Any,
        sample_weight: Any = None,
        n_samples: float | None = None,
        weight_sum: float | None = None,
        position: int = 0,
    ) -> None:
        check_is_network("network", network)
        if n_samples is not None:
            n_samples = check_real("n_samples", n_samples, low=0, left=False)
        if weight_sum is not None:
            weight_sum = check_real("weight_sum", weight_sum, low=0, left=False)
        self._network = network = network.astype("float64")
        check_position(position, network.sizes)
        batch = network.check_batch(X, T, sample_weight)
        self._arguments = (*batch, n_samples, weight_sum, position)
        rows = [row for row in network.parameter_table if row.trainable]
        self._places = [row.slice for row in rows]
        self.size = sum(place.stop - place.start for place in self._places)
        self.params = self._packed(network.params)
        self._units = self._units_of(rows)
        first = _Held(network)
        self.gradient = self._packed(first.gradient(*self._arguments))
        self._idle = [first]

    def __reduce__(self) -> tuple[Any, ...]:
        # On which sides of the kinks it is, is seen anew at the same parameters.
        return type(self), (self._plain_network(), *self._arguments)

    def __call__(self, v: ArrayLike) -> Array:
        """Return H v.

        Parameters
        ----------
        v : array-like of shape (size,)
            Any length but infinity.
        """
        v, exponent = _scaled(self._vector("v", v))
        if not v.any():
            return np.zeros(self.size)
        epsilon = _STEP / _length(self._units * v)
        with np.errstate(over="ignore", invalid="ignore"):
            ahead, behind = self.params + epsilon * v, self.params - epsilon * v
            difference = self._gradient(ahead) - self._gradient(behind)
            return np.ldexp(difference / (2 * epsilon), exponent)

    def third(self, v: ArrayLike, w: ArrayLike) -> Array:
        r"""Return the derivative of H v along w: the third derivative with two vectors.

        .. math:: \frac{g(\theta + a + b) - g(\theta + a - b) - g(\theta - a + b) + g(\theta - a - b)}
                  {4 \epsilon^2}, \qquad a = \epsilon v, \; b = \epsilon w,

        with steps some hundred times as long as for a product: its error is some 1e-8 of the largest there
        can be.

        Parameters
        ----------
        v, w : array-like of shape (size,)
            Any length but infinity.
        """
        v, exponent_v = _scaled(self._vector("v", v))
        w, exponent_w = _scaled(self._vector("w", w))
        if not (v.any() and w.any()):
            return np.zeros(self.size)
        steps = [_WIDE_STEP / _length(self._units * x) for x in (v, w)]
        a, b = steps[0] * v, steps[1] * w
        with np.errstate(over="ignore", invalid="ignore"):
            sums = self._gradient(self.params + (a + b)) + self._gradient(self.params - (a + b))
            differences = self._gradient(self.params + (a - b)) + self._gradient(
                self.params - (a - b)
            )
            third = (sums - differences) / (4 * steps[0] * steps[1])
            return np.ldexp(third, exponent_v + exponent_w)

    def _units_of(self, rows: list[ParameterRow]) -> Array:
        """Return of each parameter by how much it moves pre-activations, over how large those are."""
        network: Any = self._network
        X, _, sample_weight, *_, position = self._arguments
        with np.errstate(over="ignore", invalid="ignore"):
            contexts = network.forward_training(X, sample_weight, position)[1]
            units = [
                np.broadcast_to(1.0, row.shape)
                if not (row.is_weight and network.layers[row.layer].fully_connected)
                else np.broadcast_to(_sizes(contexts[row.layer].X)[:, np.newaxis], row.shape)
                for row in rows
            ]
            squares: dict[int, float] = {}
            for row, unit in zip(rows, units, strict=True):
                moved = unit * network.params[row.slice].reshape(row.shape)
                squares[row.layer] = squares.get(row.layer, 0.0) + float((moved**2).sum())
            return self._joined(
                [
                    (unit / math.sqrt(max(1.0, squares[row.layer]))).ravel()
                    for row, unit in zip(rows, units, strict=True)
                ]
            )

    def _vector(self, name: str, v: ArrayLike) -> Array:
        v = as_numbers(name, v)
        if v.shape != (self.size,):
            raise ValueError(f"{name} must have shape ({self.size},), got {v.shape}")
        return v

    def _gradient(self, params: Array) -> Array:
        """Return the gradient elsewhere, each number on its side of each kink."""
        try:  # each thread that is at it has a network of its own
            held = self._idle.pop()
        except IndexError:
            held = _Held(self._plain_network())
            held.gradient(*self._arguments)
        self._unpack(params, held.network)
        found = self._packed(held.gradient(*self._arguments))
        self._idle.append(held)
        return found

    def _plain_network(self) -> Any:
        """Return a copy of the network as it was given."""
        network: Any = self._network.astype("float64")
        network.loss_ = network.loss_.loss
        for layer in network.layers:
            if isinstance(layer.activation, _HeldActivation):
                layer.activation = layer.activation.activation
        self._unpack(self.params, network)
        return network

    def _unpack(self, vector: Array, network: Any) -> None:
        start = 0
        for place in self._places:
            stop = start + place.stop - place.start
            network.params[place] = vector[start:stop]
            start = stop

    def _packed(self, flat: Array) -> Array:
        return self._joined([flat[place] for place in self._places])

    @staticmethod
    def _joined(parts: list[Array]) -> Array:
        return np.concatenate(parts) if parts else np.zeros(0)


def _scaled(v: Array) -> tuple[Array, int]:
    """Return a vector with a largest number near 1, and which power of 2 it was divided by.

    No digit is lost, and squares of what is left neither overflow nor vanish.
    """
    largest = np.abs(v).max(initial=0.0)
    exponent = int(np.frexp(largest)[1]) if np.isfinite(largest) else 0
    return np.ldexp(v, -exponent), exponent


def _length(v: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return math.sqrt(v @ v)


def _sizes(X: Matrix) -> Array:
    """Return the root mean square of each column, none less than a thousandth of that of all."""
    squares = X.multiply(X) if sparse.issparse(X) else np.square(X)
    sizes = np.sqrt(np.asarray(squares.mean(axis=0), dtype=np.float64).ravel())
    least = 1e-3 * math.sqrt(np.square(sizes).mean())
    return np.maximum(sizes, least if least != 0 else 1.0)


class _Held:
    """A network whose activations and loss stay on the side of each kink on which they begin.

    Parameters
    ----------
    network : Network
        Its own: it is changed.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.activations: list[_HeldActivation] = []
        network.loss_ = _HeldLoss(network.loss_)
        for i, layer in enumerate(network.layers):
            if i > 0 and hasattr(layer, "held"):  # the inputs of the first stay where they are
                network.layers[i] = layer.held()
            if layer.activation is not None and layer.activation.kinks:
                layer.activation = _HeldActivation(layer.activation)
                self.activations.append(layer.activation)

    def gradient(self, *arguments: Any) -> Array:
        """Return the flat gradient at the parameters that the network has."""
        for activation in self.activations:
            activation.begin()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self.network.forward_backward(*arguments)[1]


class _HeldActivation(Activation):
    """An activation each of whose numbers stays on its side of each kink, and goes on beyond as there."""

    needs_Z = True

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._sides: list[tuple[Array, Array]] = []  # of each call in a pass
        self._slopes: list[tuple[Array, Array]] = []

    def begin(self) -> None:
        self._slopes = []

    def __call__(self, Z: Array) -> Array:
        n = len(self._slopes)
        if n == len(self._sides):
            self._sides.append(_sides(Z, self.activation))
        near = np.clip(Z, *self._sides[n])
        Y = self.activation(near)
        slope = self.activation.derivative(near, Y)
        if not np.array_equal(near, Z):  # a parabola goes on
            beyond = Z - near
            back = near - np.copysign(_BACK, beyond)
            bend = slope - self.activation.derivative(back, self.activation(back))
            bend *= np.abs(beyond) / _BACK
            Y, slope = Y + (slope + bend / 2) * beyond, slope + bend
        self._slopes.append((Z, slope))
        return Y

    def derivative(self, Z: Array, Y: Array) -> Array:
        for of_call, slope in self._slopes:
            if of_call is Z:
                return slope
        return self.activation.derivative(Z, Y)


def _sides(Z: Array, activation: Activation) -> tuple[Array, Array]:
    """Return between which numbers each pre-activation stays: on a kink, those of its slope there."""
    low, high = np.full(Z.shape, -np.inf), np.full(Z.shape, np.inf)
    kinks = sorted(activation.kinks)
    belongs_below = {kink: _belongs_below(activation, kink) for kink in kinks}
    for kink in kinks:
        below = belongs_below[kink]
        low[(kink < Z) if below else (kink <= Z)] = np.nextafter(kink, np.inf) if below else kink
    for kink in reversed(kinks):
        below = belongs_below[kink]
        high[(kink >= Z) if below else (kink > Z)] = kink if below else np.nextafter(kink, -np.inf)
    return low, high


def _belongs_below(activation: Activation, kink: float) -> bool:
    """Return whether the derivative at a kink is that of the side below it."""
    Z = np.array([np.nextafter(kink, -np.inf), kink, np.nextafter(kink, np.inf)])
    below, at, above = activation.derivative(Z, activation(Z))
    return bool(abs(at - below) <= abs(at - above))


class _HeldLoss(Loss):
    """A loss whose gradient does not jump where a residual crosses a kink."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self._first: tuple[Array, tuple[Array, ...]] | None = None

    def value(self, Z: Array, T: Array) -> Array:
        return np.zeros(len(Z))  # only gradients are asked for

    def gradient(self, Z: Array, T: Array) -> Array:
        sides = self.loss.kink_sides(Z, T)
        if self._first is None:
            self._first = Z, sides
        at, before = self._first
        for side, first in zip(sides, before, strict=True):
            crossed = np.reshape(side != first, (len(Z), -1))
            Z = np.where(crossed, at, Z)
        return self.loss.gradient(Z, T)
