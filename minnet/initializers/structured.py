"""Initializers of a whole weight matrix, whose entries are not independent of each other."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.linalg import lapack

from minnet.initializers.base import (
    Array,
    DType,
    Fans,
    Initializer,
    Shape,
    check_choice,
    check_number,
    is_count,
    require_matrix,
)
from minnet.random import Stream


class Orthogonal(Initializer):
    r"""Orthonormal columns or rows, every direction equally likely (Haar measure).

    .. math:: W = g\, Q, \qquad Q^T Q = I \text{ if } \text{fan}_{in} \ge \text{fan}_{out},
              \quad Q Q^T = I \text{ otherwise}

    With ``"qr"``, Q is that of a QR decomposition :math:`A = Q' R` of a matrix of independent
    standard normal numbers, :math:`Q_{ij} = Q'_{ij} \operatorname{sign} R_{jj}`: without the signs
    the law would depend on the library's convention. A itself is never made: after each Householder
    reflection what is left of A is again a matrix of independent normal numbers, so that the
    reflections are drawn directly (Stewart 1980), in half the time. With ``"svd"``,
    :math:`Q = U V^T` of :math:`A = U \Sigma V^T`, the orthonormal matrix closest to A.

    Saxe, McClelland & Ganguli 2013; Stewart 1980, "The efficient generation of random orthogonal
    matrices with an application to condition estimators", section 3.

    Parameters
    ----------
    gain : float, default=1.0
        The factor g: every singular value of W.
    method : {"qr", "svd"}, default="qr"
        How Q is made. Both have the same law, and QR is the faster; the numbers differ.

    Notes
    -----
    torch, JAX and Keras decompose A; Lasagne takes U or V of the SVD alone.

    ``"qr"`` computes in the dtype of the result, as they do: the entries of :math:`Q^T Q - I` are
    below about 1e-6 in float32 and 1e-14 in float64. The float32 matrix of a seed is another draw,
    not the float64 one rounded. ``"svd"`` computes in float64 and rounds.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.initializers import Orthogonal
    >>> W = Orthogonal(gain=2.0)((5, 3), rng=0)
    >>> bool(np.allclose(W.T @ W, 4 * np.eye(3)))
    True
    """

    def __init__(self, gain: float = 1.0, method: str = "qr") -> None:
        check_number("gain", gain)
        check_choice("method", method, ("qr", "svd"))
        self.gain = gain
        self.method = method

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return g times the Q of a normal matrix."""
        fan_in, fan_out = require_matrix(self, shape)
        long, short = max(shape), min(shape)
        if self.method == "qr":
            Q = _reflected(stream.normal((short, long), 0.0, 1.0, dtype).T)
            with np.errstate(over="ignore"):  # check_values reports it
                Q *= self.gain
        else:
            A = stream.normal((long, short), 0.0, 1.0, "float64")
            U, _, Vt = np.linalg.svd(A, full_matrices=False)
            Q = self.gain * (U @ Vt)
        return Q if fan_in >= fan_out else Q.T


def _reflected(X: Array) -> Array:
    """Return the product of reflections, the j-th of which takes ``X[j:, j]`` to the j-th axis.

    Columns are negated where that is the negative axis. The names are those of LAPACK's larfg: a
    reflection is I - tau v v^T with v = (1, x / (alpha - beta)).
    """
    V = np.tril(X)
    alpha = np.diagonal(V).copy()
    beta = -np.copysign(np.sqrt(np.einsum("ij,ij->j", V, V)), alpha)
    some = beta != 0  # else there is nothing to reflect
    tau = np.divide(beta - alpha, beta, out=np.zeros_like(beta), where=some)
    V /= np.where(some, alpha - beta, 1)
    orgqr = lapack.sorgqr if V.dtype == np.float32 else lapack.dorgqr
    lwork = 64 * V.shape[1]  # room for blocks of 64 columns; LAPACK's are 32
    Q = orgqr(np.asfortranarray(V), tau, lwork=lwork, overwrite_a=True)[0]
    Q *= np.where(beta < 0, -1, 1).astype(Q.dtype)
    return Q


class Sparse(Initializer):
    r"""A few normal incoming weights per unit, the others zero.

    .. math:: W_{ij} \sim N(0, \text{std}^2) \text{ for } k \text{ random } i
              \text{ of each column } j, \quad W_{ij} = 0 \text{ elsewhere}

    So the input of a unit has the same variance whatever the fan-in. Martens 2010.

    Parameters
    ----------
    n_nonzero : int, default=15
        The number k of non-zero incoming weights of each unit, exact. A unit with fewer inputs
        is connected to all of them.
    fraction : float, optional
        The fraction of non-zero incoming weights, above 0 and at most 1; k is it times the
        fan-in, rounded, at least 1. If given, ``n_nonzero`` is not used.
    std : float, default=1.0
        The standard deviation of the weights that are not zero.

    Notes
    -----
    Lasagne's ``sparsity`` is the ``fraction`` here, torch's the fraction of *zeros* (and, on a
    ``torch.nn.Linear``, counted per input). Caffe's ``gaussian`` with ``sparse`` draws the
    number of non-zero weights as well.

    Examples
    --------
    >>> from minnet.initializers import Sparse
    >>> W = Sparse(n_nonzero=2)((10, 4), rng=0)
    >>> (W != 0).sum(axis=0)
    array([2, 2, 2, 2])
    """

    def __init__(
        self, n_nonzero: int = 15, fraction: float | None = None, std: float = 1.0
    ) -> None:
        if not is_count(n_nonzero):
            raise ValueError(f"n_nonzero must be a whole number >= 1, got {n_nonzero!r}")
        if fraction is not None:
            check_number("fraction", fraction, low=0, inclusive=False)
            if fraction > 1:
                raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}")
        check_number("std", std, low=0, inclusive=False)
        self.n_nonzero = n_nonzero
        self.fraction = fraction
        self.std = std

    def count(self, fan_in: int) -> int:
        """Return the number of non-zero incoming weights of a unit.

        Examples
        --------
        >>> Sparse().count(100), Sparse().count(4), Sparse(fraction=0.2).count(100)
        (15, 4, 20)
        """
        if self.fraction is None:
            return min(self.n_nonzero, fan_in)
        return max(1, round(self.fraction * fan_in))

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return zeros with k normal values in each column."""
        fan_in, fan_out = require_matrix(self, shape)
        k = self.count(fan_in)
        # A stream has no state: the places need their own, or they would depend on the values.
        places = dataclasses.replace(stream, name=stream.name + "/places")
        words = places.words(fan_in * fan_out).reshape(shape)
        rows = np.argpartition(words, k - 1, axis=0)[:k]
        W = np.zeros(shape, dtype)
        np.put_along_axis(W, rows, stream.normal((k, fan_out), 0.0, self.std, dtype), axis=0)
        return W


class Identity(Initializer):
    r"""The identity matrix times a gain; what does not fit is zero.

    .. math:: W_{ij} = g\, [i = j]

    Parameters
    ----------
    gain : float, default=1.0
        The factor g.

    Notes
    -----
    torch's ``eye_``. If ``fan_out > fan_in``, the units without an input of their own start equal
    (at zero) and get equal gradients.

    Examples
    --------
    >>> from minnet.initializers import Identity
    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        check_number("gain", gain)
        self.gain = gain

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return g times the identity."""
        fan_in, fan_out = require_matrix(self, shape)
        return self.gain * np.eye(fan_in, fan_out)


class PositiveUnitball(Initializer):
    r"""Positive weights, the incoming weights of each unit summing to 1.

    .. math:: W_{ij} = \frac{U_{ij}}{\sum_k U_{kj}}, \qquad U_{ij} \sim U(0, 1)

    Caffe's ``positive_unitball``.

    Examples
    --------
    >>> from minnet.initializers import PositiveUnitball
    >>> PositiveUnitball()((10, 2), rng=0).sum(axis=0).round(12)
    array([1., 1.])
    """

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return uniform values, each column divided by its sum."""
        require_matrix(self, shape)
        # (0, 1] instead of [0, 1): a sum is then never zero.
        U = 1.0 - stream.uniform(shape, 0.0, 1.0, "float64")
        return U / U.sum(axis=0)
