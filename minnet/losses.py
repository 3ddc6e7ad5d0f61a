r"""Losses on logits: the value and its gradient are one pair.

A loss sees the logits ``Z`` of shape (n_samples, n_outputs), the output of the last layer, and the
targets ``T``. It owns the inverse link (softmax, sigmoid, exp or nothing) that turns logits into
predictions, so that value and gradient can be computed without ever taking the logarithm of a rounded
probability. ``value`` is one number a sample; ``gradient`` is its derivative in ``Z``. Sample weights
and the mean over a batch belong to :class:`minnet.Network`.

Targets are class indices of shape (n_samples,) where the output is a softmax, and floats of shape
(n_samples, n_outputs) otherwise.
"""

from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax, xlogy

from minnet.common.checks import check_dtype, check_whole, is_real
from minnet.common.configurable import Configurable
from minnet.common.entry import entry
from minnet.common.fields import checked, finite, one_of
from minnet.common.names import suggest
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix
from minnet.links import INVERSE_LINKS, check_class_indices, check_normal_number, check_numbers

__all__ = [
    "AbsoluteError",
    "Huber",
    "Loss",
    "Poisson",
    "Quantile",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "get_loss",
    "list_losses",
]


def __dir__() -> list[str]:
    return __all__


#: Of sparse targets that are made dense a few rows at a time.
_NUMBERS_OF_A_BLOCK = 2**18


class Loss(Configurable):
    """Base of all losses; a user's own defines ``value``, ``gradient`` and, if need be, ``predict``.

    Attributes
    ----------
    name : str
        What ``loss="..."`` calls one of minnet's own.
    output : {"identity", "softmax", "logistic", "exp"}
        The inverse link that ``predict`` applies.
    target_range : (float, float)
        Smallest and largest target, where targets are numbers.
    best_constant : "mean", float or None
        What of the targets is the best answer of all that do not look at the inputs: their mean, a
        quantile, or None where that is not known.
    """

    name: str
    output: str = "identity"
    target_range = -np.inf, np.inf
    best_constant: str | float | None = None

    def value(self, Z: Array, T: Array) -> Array:
        """Return the loss of each sample, shape (n_samples,)."""
        raise TypeError(f"{type(self).__name__} must define value(Z, T) and gradient(Z, T).")

    def gradient(self, Z: Array, T: Array) -> Array:
        """Return the derivative of ``value`` in ``Z``, of the shape and dtype of ``Z``."""
        raise TypeError(f"{type(self).__name__} must define value(Z, T) and gradient(Z, T).")

    def predict(self, Z: Array) -> Array:
        """Return predictions from logits: the inverse link applied to ``Z``."""
        return INVERSE_LINKS[self.output](Z)

    def kink_sides(self, Z: Array, T: Array) -> tuple[Array, ...]:
        """Return boolean arrays that change where the loss has a kink; most losses have none."""
        return ()

    @entry
    def check_targets(
        self, T: ArrayLike | Matrix, n_samples: int, n_outputs: int, dtype: DTypeLike
    ) -> Matrix:
        """Return ``T`` as ``value`` and ``gradient`` take it, or say what is wrong with it.

        Parameters
        ----------
        T : array-like or sparse matrix
            Class indices (n_samples,) for a softmax output; otherwise numbers (n_samples, n_outputs),
            or (n_samples,) where there is one output. A loss of your own that overrides this method
            need not know sparse matrices: it is called with dense blocks of their rows.
        n_samples, n_outputs : int
            What the network makes of the batch.
        dtype : dtype
            Of the network.

        Returns
        -------
        ndarray or CSR matrix
            int64 of shape (n_samples,), or ``dtype`` of shape (n_samples, n_outputs), which is sparse
            where ``T`` is. ``value`` and ``gradient`` see it dense, the rows of one batch at a time.

        Raises
        ------
        ValueError
            If shape or values do not fit.
        """
        check_whole("n_samples", n_samples, 0)
        check_whole("n_outputs", n_outputs)
        check_dtype(dtype)
        if self.output == "softmax":
            return check_class_indices(T, n_samples, n_outputs)
        name = type(self).__name__.lower()
        return check_numbers(T, n_samples, n_outputs, dtype, *self.target_range, loss=name)

    def as_targets(
        self, T: ArrayLike | Matrix, n_samples: int, n_outputs: int, dtype: DTypeLike
    ) -> Matrix:
        """Return what :meth:`check_targets` does, even of a sparse ``T`` that it does not know.

        Parameters
        ----------
        T : array-like
            Targets of the loss, as :meth:`minnet.Network.loss_and_grad` takes them.
        n_samples : int
            Rows that there must be.
        n_outputs : int
            Outputs of the network.
        dtype : str or dtype
            What the network computes in.
        """
        if self.output == "softmax" or not sparse.issparse(T):
            return self.check_targets(T, n_samples, n_outputs, dtype)
        if is_own(self) or type(self).check_targets is Loss.check_targets:  # they know sparse ones
            return self.check_targets(T, n_samples, n_outputs, dtype)
        T = check_numbers(T, n_samples, n_outputs, np.float64)
        n_rows = max(1, _NUMBERS_OF_A_BLOCK // n_outputs)
        blocks = (T[start : start + n_rows].toarray() for start in range(0, n_samples, n_rows))
        checked = (self.check_targets(block, len(block), n_outputs, dtype) for block in blocks)
        return sparse.vstack([sparse.csr_array(block) for block in checked], format="csr")


class SoftmaxCrossEntropy(Loss):
    r"""Cross-entropy of a softmax: :math:`l = \log \sum_j e^{z_j} - z_t`, gradient :math:`p - e_t`.

    Examples
    --------
    >>> from minnet.losses import SoftmaxCrossEntropy
    >>> import numpy as np
    >>> loss, Z, T = SoftmaxCrossEntropy(), np.array([[0.0, 0.0], [1000.0, 0.0]]), np.array([0, 1])
    >>> loss.value(Z, T).round(4)
    array([6.931e-01, 1.000e+03])
    >>> loss.gradient(Z, T)
    array([[-0.5,  0.5],
           [ 1. , -1. ]])
    """

    name = "softmax_cross_entropy"
    best_constant = "mean"
    output = "softmax"

    def value(self, Z: Array, T: Array) -> Array:
        # The maximum goes first: what all logits have in common would cost the digits that differ.
        D = Z - Z.max(axis=1, keepdims=True)
        return np.log(np.exp(D).sum(axis=1)) - D[np.arange(len(T)), T]

    def gradient(self, Z: Array, T: Array) -> Array:
        dZ = softmax(Z, axis=1)
        dZ[np.arange(len(T)), T] -= 1
        return dZ


class SigmoidCrossEntropy(Loss):
    r"""Cross-entropy of independent sigmoids, summed over outputs; targets in [0, 1].

    :math:`l = \sum_j \log(1 + e^{z_j}) - t_j z_j`, gradient :math:`\sigma(z) - t`. One output is binary
    classification, several are multilabel.

    Examples
    --------
    >>> from minnet.losses import SigmoidCrossEntropy
    >>> import numpy as np
    >>> SigmoidCrossEntropy().value(np.array([[0.0], [-1000.0]]), np.array([[1.0], [1.0]])).round(4)
    array([6.931e-01, 1.000e+03])
    """

    name = "sigmoid_cross_entropy"
    best_constant = "mean"
    output = "logistic"
    target_range = 0.0, 1.0

    def value(self, Z: Array, T: Array) -> Array:
        return (np.maximum(Z, 0) - Z * T + np.log1p(np.exp(-np.abs(Z)))).sum(axis=1)

    def gradient(self, Z: Array, T: Array) -> Array:
        return expit(Z) - T


class SquaredError(Loss):
    r"""Quadratic loss :math:`l = \tfrac12 \sum_j (y_j - t_j)^2`, on linear or squashed outputs.

    With ``output="softmax"`` or ``"logistic"`` it is the quadratic cost on probabilities, which Glorot
    and Bengio (2010, figure 5) compare with cross-entropy: its gradient carries the derivative of the
    squashing and has plateaus where cross-entropy has none.

    Parameters
    ----------
    output : {"identity", "softmax", "logistic"}, default="identity"
        What is applied to the logits before the comparison. "sigmoid" is taken for "logistic".

    Examples
    --------
    >>> from minnet.losses import SquaredError
    >>> import numpy as np
    >>> SquaredError().value(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    array([2.5])
    >>> SquaredError(output="softmax").gradient(np.array([[0.0, 0.0]]), np.array([0]))
    array([[-0.25,  0.25]])
    """

    name = "squared_error"
    output: str = one_of("identity", "softmax", "logistic")

    def __init__(self, output: str = "identity") -> None:
        self.output = "logistic" if isinstance(output, str) and output == "sigmoid" else output

    @property
    def best_constant(self) -> str | float | None:  # type: ignore[override]
        """The mean; after another inverse link it is not known."""
        return "mean" if self.output == "identity" else None

    def _residual(self, Z: Array, T: Array) -> tuple[Array, Array]:
        Y = self.predict(Z)
        if self.output != "softmax":
            return Y, Y - T
        D = Y.copy()
        D[np.arange(len(T)), T] -= 1
        return Y, D

    def value(self, Z: Array, T: Array) -> Array:
        _, D = self._residual(Z, T)
        return 0.5 * np.square(D).sum(axis=1)

    def gradient(self, Z: Array, T: Array) -> Array:
        Y, D = self._residual(Z, T)
        if self.output == "softmax":
            return Y * (D - (D * Y).sum(axis=1, keepdims=True))
        if self.output == "logistic":
            return D * Y * (1 - Y)
        return D


class Poisson(Loss):
    r"""Half the Poisson deviance with a log link; targets at least 0.

    :math:`l = \sum_j e^{z_j} - t_j z_j + t_j \log t_j - t_j`, gradient :math:`e^z - t`.

    Examples
    --------
    >>> from minnet.losses import Poisson
    >>> import numpy as np
    >>> Poisson().value(np.log([[2.0]]), np.array([[2.0]]))
    array([0.])
    """

    name = "poisson"
    best_constant = "mean"
    output = "exp"
    target_range = 0.0, np.inf

    def value(self, Z: Array, T: Array) -> Array:
        return (np.exp(Z) - T * Z + xlogy(T, T) - T).sum(axis=1)

    def gradient(self, Z: Array, T: Array) -> Array:
        return np.exp(Z) - T


class AbsoluteError(Loss):
    r"""Absolute error :math:`l = \sum_j |z_j - t_j|`; its gradient is the sign, 0 at 0.

    Examples
    --------
    >>> from minnet.losses import AbsoluteError
    >>> import numpy as np
    >>> AbsoluteError().gradient(np.array([[1.0, -2.0]]), np.array([[0.0, 0.0]]))
    array([[ 1., -1.]])
    """

    name = "absolute_error"
    best_constant = 0.5

    def value(self, Z: Array, T: Array) -> Array:
        return np.abs(Z - T).sum(axis=1)

    def gradient(self, Z: Array, T: Array) -> Array:
        return np.sign(Z - T)

    def kink_sides(self, Z: Array, T: Array) -> tuple[Array, ...]:
        return Z > T, Z < T  # at 0 the gradient is that of neither side


class Huber(Loss):
    r"""Huber's loss: quadratic near the target, linear beyond ``delta``; a few bad targets pull little.

    :math:`l = \sum_j \tfrac12 r_j^2` where :math:`|r_j| \le \delta` and
    :math:`\delta (|r_j| - \delta / 2)` beyond, with :math:`r = z - t`; the gradient is :math:`r`, cut
    off at :math:`\pm\delta`. It is continuous: the kinks are in the gradient's own slope. Huber 1964,
    "Robust estimation of a location parameter".

    Parameters
    ----------
    delta : float, default=1.0
        Where the loss becomes linear, in the unit of the targets: above 0, and a normal number of the
        network's dtype.

    Raises
    ------
    ValueError
        If ``delta`` is no such number.

    Examples
    --------
    >>> from minnet.losses import Huber
    >>> import numpy as np
    >>> loss, Z, T = Huber(delta=2.0), np.array([[1.0, -5.0]]), np.zeros((1, 2))
    >>> loss.value(Z, T), loss.gradient(Z, T)
    (array([8.5]), array([[ 1., -2.]]))
    """

    name = "huber"
    best_constant = 0.5
    delta: float = finite(0, left=False)

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def value(self, Z: Array, T: Array) -> Array:
        R = Z - T
        C = np.clip(R, -self.delta, self.delta)
        return (C * (R - 0.5 * C)).sum(axis=1)

    def gradient(self, Z: Array, T: Array) -> Array:
        return np.clip(Z - T, -self.delta, self.delta)

    def kink_sides(self, Z: Array, T: Array) -> tuple[Array, ...]:
        R = Z - T
        return self.delta < R, -self.delta > R

    def check_targets(
        self, T: ArrayLike | Matrix, n_samples: int, n_outputs: int, dtype: DTypeLike
    ) -> Matrix:
        T = super().check_targets(T, n_samples, n_outputs, dtype)
        check_normal_number("delta", self.delta, dtype)
        return T


def _check_share(name: str, value: Any) -> float:
    if not is_real(value) or not 0 < value < 1:
        raise ValueError(f"{name} must be a number between 0 and 1, both excluded, got {value!r}")
    return float(value)


class Quantile(Loss):
    r"""Quantile (pinball) loss: its minimum is the conditional quantile of the targets.

    :math:`l = \sum_j \max(q (t_j - z_j),\; (q - 1) (t_j - z_j))`; the gradient is :math:`-q` below the
    target and :math:`1 - q` above it. At the target, where every number between the two is a
    subgradient, it is 0. ``Quantile(0.5)`` is half the absolute error. Koenker and Bassett 1978,
    "Regression quantiles".

    Parameters
    ----------
    quantile : float, default=0.5
        Which quantile, between 0 and 1, both excluded: 0.9 is what nine of ten targets lie below.

    Raises
    ------
    ValueError
        If ``quantile`` is no such number.

    Examples
    --------
    >>> from minnet.losses import Quantile
    >>> import numpy as np
    >>> loss, Z, T = Quantile(0.75), np.array([[1.0, -1.0]]), np.zeros((1, 2))
    >>> loss.value(Z, T), loss.gradient(Z, T)
    (array([1.]), array([[ 0.25, -0.75]]))
    """

    name = "quantile"
    quantile: float = checked(_check_share)

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = quantile

    @property
    def best_constant(self) -> str | float | None:  # type: ignore[override]
        """The quantile of the targets."""
        return self.quantile

    def value(self, Z: Array, T: Array) -> Array:
        return self._weigh(Z - T, -self.quantile).sum(axis=1)

    def gradient(self, Z: Array, T: Array) -> Array:
        return self._weigh(np.sign(Z - T), self.quantile)

    def _weigh(self, R: Array, below: float) -> Array:
        """Return what is above 0 times ``1 - q``, and what is below times ``below``; NaN stays."""
        return (1 - self.quantile) * np.maximum(R, 0) + below * np.minimum(R, 0)

    def kink_sides(self, Z: Array, T: Array) -> tuple[Array, ...]:
        return Z > T, Z < T  # at 0 the gradient is that of neither side


_BY_NAME: dict[str, type[Loss]] = {cls.name: cls for cls in Loss.__subclasses__()}


def is_own(loss: Loss) -> bool:
    """Return whether it is one of minnet's own, not of a user's subclass."""
    return type(loss) in _BY_NAME.values()


def list_losses() -> list[str]:
    """Return the names that ``loss=`` of a :class:`minnet.Network` accepts.

    Examples
    --------
    >>> from minnet.losses import list_losses
    >>> "log_loss" in list_losses()
    True
    """
    return ["log_loss", *_BY_NAME]


def get_loss(spec: str | Loss, n_outputs: int) -> Loss:
    """Turn what a user gave as a loss into a :class:`Loss`.

    Parameters
    ----------
    spec : str or Loss
        A name from :func:`list_losses` or an object. "log_loss" is the softmax cross-entropy, and the
        sigmoid cross-entropy where there is a single output.
    n_outputs : int
        Outputs of the last layer.

    Returns
    -------
    Loss

    Examples
    --------
    >>> from minnet.losses import get_loss
    >>> get_loss("log_loss", n_outputs=10), get_loss("log_loss", n_outputs=1)
    (SoftmaxCrossEntropy(), SigmoidCrossEntropy())
    """
    if isinstance(spec, Loss):
        return spec
    check_whole("n_outputs", n_outputs)
    if isinstance(spec, str) and spec == "log_loss":
        return SigmoidCrossEntropy() if n_outputs == 1 else SoftmaxCrossEntropy()
    if isinstance(spec, str) and spec in _BY_NAME:
        return _BY_NAME[spec]()
    error = ValueError if isinstance(spec, str) else TypeError
    instead = f"{spec.__name__}()" if isinstance(spec, type) and issubclass(spec, Loss) else None
    raise error(suggest("loss", spec, list_losses(), "a name or a Loss object", instead))
