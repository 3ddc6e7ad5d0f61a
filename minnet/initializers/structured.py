"""Initializers of a whole weight matrix, whose entries are not independent of each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.linalg import hadamard, lapack

from minnet.common.blas import one_blas_thread
from minnet.common.checks import check_real, check_whole
from minnet.common.fields import checked, finite, flag, one_of, optional, real, whole
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer, require_matrix, resolve_fans
from minnet.initializers.gains import WithGain, check_gain, resolve_gain
from minnet.random import Stream


def _any_gain(name: str, value: Any) -> Any:
    return check_gain(name, value) if isinstance(value, str) else check_real(name, value)


class Orthogonal(WithGain):
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
    gain : float or str, default=1.0
        The factor g: every singular value of W. Also the name of an activation in
        :func:`calculate_gain`, or "auto", by the activation below the layer: :func:`variance_gain`.
    method : {"qr", "svd"}, default="qr"
        How Q is made. Both have the same law, and QR is the faster; the numbers differ.

    Notes
    -----
    torch, JAX and Keras decompose A; Lasagne takes U or V of the SVD alone.

    Of the kernel of a convolution the incoming weights of a unit, all places and inputs, are a column of
    W, as in torch, Lasagne and Keras; W is then (places * inputs, outputs). That matrix is orthogonal,
    the map of images is not: for that see :class:`DeltaOrthogonal`.

    If ``fan_out > fan_in``, the rows are orthonormal and the variance of an entry is
    :math:`g^2 / \text{fan}_{out}`: the length of a sample is kept, and spread over more units.

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

    names = ("orthogonal",)

    gain: float | str = checked(_any_gain)
    method: str = one_of("qr", "svd")

    def __init__(self, gain: float | str = 1.0, method: str = "qr") -> None:
        super().__init__(gain)
        self.method = method

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return g times the Q of a normal matrix."""
        fan_in, fan_out = require_matrix(self, shape)
        gain = resolve_gain(self.gain) if isinstance(self.gain, str) else self.gain
        long, short = max(shape), min(shape)
        if self.method == "qr":
            Q = _reflected(stream.normal((short, long), 0.0, 1.0, dtype).T)
            with np.errstate(over="ignore"):  # check_values reports it
                Q *= gain
        else:
            A = stream.normal((long, short), 0.0, 1.0, "float64")
            with one_blas_thread():
                U, _, Vt = np.linalg.svd(A, full_matrices=False)
                Q = gain * (U @ Vt)
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
    with one_blas_thread():
        Q = orgqr(np.asfortranarray(V), tau, lwork=lwork, overwrite_a=True)[0]
    Q *= np.where(beta < 0, -1, 1).astype(Q.dtype)
    return Q


_N_NONZERO = 15  # Martens's


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
        fan-in, rounded, at least 1. One or the other: ``n_nonzero`` must then be left at its default.
    std : float, default=1.0
        The standard deviation of the weights that are not zero.
    exact : bool, default=True
        With False each weight is non-zero with probability ``fraction``, or ``n_nonzero`` divided by
        the fan-in, independently of the others: the number is k on average only, and may be 0.

    Notes
    -----
    That is for sigmoids, with biases of 0. For tanh, ``init=Sparse(std=0.25), bias_init=0.5`` stands
    in for them (Sutskever, Martens, Dahl & Hinton 2013, section 3.1).

    Lasagne's ``sparsity`` is the ``fraction`` here (cut off instead of rounded), torch's the fraction
    of *zeros* (and, on a ``torch.nn.Linear``, counted per input). Caffe's ``gaussian`` with
    ``sparse`` keeps each weight with probability ``sparse / n_outputs``: it is
    ``Sparse(fraction=sparse / n_outputs, exact=False)``, and has ``sparse`` non-zero weights on average
    only where the two fans are equal.

    Examples
    --------
    >>> from minnet.initializers import Sparse
    >>> W = Sparse(n_nonzero=2)((10, 4), rng=0)
    >>> (W != 0).sum(axis=0)
    array([2, 2, 2, 2])
    """

    names = ("sparse",)

    n_nonzero: int = whole()
    fraction: float | None = optional(real(0, 1, left=False, right=True))
    std: float = finite(0, left=False)
    exact: bool = flag()

    def __init__(
        self,
        n_nonzero: int = _N_NONZERO,
        fraction: float | None = None,
        std: float = 1.0,
        exact: bool = True,
    ) -> None:
        if fraction is not None and n_nonzero != _N_NONZERO:
            raise ValueError(
                f"n_nonzero must be left at its default {_N_NONZERO} where fraction says how many weights "
                f"are not zero, got n_nonzero={n_nonzero!r:.100} and fraction={fraction!r:.100}"
            )
        self.n_nonzero = n_nonzero
        self.fraction = fraction
        self.std = std
        self.exact = exact

    def count(self, fan_in: int) -> int:
        """Return the number of non-zero incoming weights of a unit, where it is exact.

        Parameters
        ----------
        fan_in : int
            Inputs of a unit.

        Examples
        --------
        >>> from minnet.initializers import Sparse
        >>> Sparse().count(100), Sparse().count(4), Sparse(fraction=0.2).count(100)
        (15, 4, 20)
        """
        fan_in = check_whole("fan_in", fan_in, 0)
        if self.fraction is None:
            return min(self.n_nonzero, fan_in)
        return max(1, round(self.fraction * fan_in))

    def variance(self, fan_in: int, fan_out: int) -> float:
        r"""Return the variance of a weight, :math:`k\, \text{std}^2 / \text{fan}_{in}`.

        Parameters
        ----------
        fan_in : int
            Inputs of a unit.
        fan_out : int
            Outputs that an input goes to; they do not matter.
        """
        check_whole("fan_out", fan_out)
        return self._share(check_whole("fan_in", fan_in)) * float(self.std) * float(self.std)

    def _share(self, fan_in: int) -> float:
        """Return the fraction of non-zero weights that is expected."""
        given = not self.exact and self.fraction is not None
        return float(self.fraction) if given else self.count(fan_in) / fan_in  # type: ignore[arg-type]

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return zeros with k normal values in each column."""
        fan_in, fan_out = require_matrix(self, shape)
        # A stream has no state: the places need their own, or they would depend on the values.
        places = dataclasses.replace(stream, name=stream.name + "/places")
        if not self.exact:
            kept = places.uniform(shape, 0.0, 1.0, "float64") < self._share(fan_in)
            return np.where(kept, stream.normal(shape, 0.0, self.std, dtype), 0)
        k = self.count(fan_in)
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
    torch's ``eye_``; the identity of a convolution is :class:`Dirac`. If ``fan_out > fan_in``, the units
    without an input of their own start equal
    (at zero) and get equal gradients.

    Examples
    --------
    >>> from minnet.initializers import Identity
    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """

    names = ("identity", "eye")

    draws_kernels = False  # Dirac is the identity of a convolution

    gain: float = finite()

    def __init__(self, gain: float = 1.0) -> None:
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

    names = ("positive_unitball",)

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return uniform values, each column divided by its sum."""
        require_matrix(self, shape)
        # (0, 1] instead of [0, 1): a sum is then never zero.
        U = 1.0 - stream.uniform(shape, 0.0, 1.0, "float64")
        return U / U.sum(axis=0)


class NguyenWidrow(Initializer):
    r"""Units whose bends are spread over the inputs' range, weights and biases alike.

    .. math:: W_{\cdot j} = r\, d_j, \quad b_j \sim U(-r, r), \qquad
              r = 0.7\, \text{fan}_{out}^{1 / \text{fan}_{in}}

    with :math:`d_j` a random direction of length 1: every unit is nearly linear over a slice of the
    cube :math:`[-1, 1]^{\text{fan}_{in}}` and flat elsewhere, and the slices of all units cover it.
    Nguyen & Widrow 1990, "Improving the learning speed of 2-layer neural networks by choosing
    initial values of the adaptive weights".

    Parameters
    ----------
    factor : float, default=0.7
        The number before the power, by which slices overlap.

    Notes
    -----
    For one hidden layer of tanh units and inputs scaled to [-1, 1]; with many inputs the power is
    nearly 1, and little is left of the idea. Where it makes the weights of a hidden layer,
    ``bias_init="auto"`` draws the biases from it too.

    The paper takes the direction of a uniform point in a cube; here every direction is equally
    likely. MATLAB's ``initnw`` lays the biases evenly over the range, with the sign of the first
    weight, instead of drawing them, gives a single unit the bias 0 and a constant input the weight
    0, maps the range of each input to [-1, 1] itself, and multiplies by half the width of the
    activation's active range: for ``tansig`` that is ``factor=1.4``.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.initializers import NguyenWidrow
    >>> abs(NguyenWidrow()((1, 10), rng=0)[0, :3]).round(12)
    array([7., 7., 7.])
    >>> np.linalg.norm(NguyenWidrow()((4, 16), rng=0), axis=0)[:3].round(12)
    array([1.4, 1.4, 1.4])
    """

    names = ("nguyen_widrow",)

    draws_biases = True
    draws_kernels = False  # a law of one hidden layer on inputs in a cube

    factor: float = finite(0, left=False)

    def __init__(self, factor: float = 0.7) -> None:
        self.factor = factor

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return directions times r for a matrix, uniform values for a bias."""
        if len(shape) > 1:
            require_matrix(self, shape)
        fan_in, fan_out = resolve_fans(shape, fans)
        radius = self.factor * fan_out ** (1 / fan_in)
        if len(shape) == 1:
            return stream.uniform(shape, -radius, radius, dtype)
        # Normal numbers, scaled to length 1, have no direction that they prefer.
        D = stream.normal(shape, 0.0, 1.0, "float64")
        return D * (radius / np.linalg.norm(D, axis=0))


class ZerO(Initializer):
    r"""Zeros and ones only, and the signs of a Hadamard matrix where a layer widens; nothing random.

    .. math:: W = I \text{ or its first columns}, \quad \text{if fan}_{in} \ge \text{fan}_{out};
              \qquad W_{ij} = 2^{-(m - 1) / 2} H_{ij}, \; m = \lceil \log_2 \text{fan}_{out} \rceil,
              \quad \text{otherwise}

    H is the Hadamard matrix of order :math:`2^m`, whose entries are 1 and -1 and whose rows are
    orthogonal. The identity alone would give nothing to the units beyond the number of inputs, and
    would keep the updates of hidden layers at the rank of the input. Zhao, Schäfer & Anandkumar 2022,
    "ZerO initialization: initializing neural networks with only zeros and ones", algorithm 1.

    Parameters
    ----------
    gain : float, default=1.0
        A factor of all weights.

    Notes
    -----
    Any seed gives the same weights. A layer that widens beyond the next power of two (``fan_in``
    itself, if it is one) has units with equal weights, which only the layers above tell apart. Named
    ``"zero_hadamard"``; ``"zeros"`` is all zeros. The authors' code has :math:`2^{-m / 2}` for the
    factor, as a Hadamard matrix is orthogonal with it; that is the paper's divided by :math:`\sqrt 2`.

    Examples
    --------
    >>> from minnet.initializers import ZerO
    >>> ZerO()((3, 2))
    array([[1., 0.],
           [0., 1.],
           [0., 0.]])
    >>> ZerO()((2, 4)) * 2**0.5
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.]])
    """

    names = ("zero_hadamard",)

    gain: float = finite()

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return the identity, or a part of a Hadamard matrix."""
        fan_in, fan_out = require_matrix(self, shape)
        if fan_in >= fan_out:
            return self.gain * np.eye(fan_in, fan_out)
        m = (fan_out - 1).bit_length()
        H = hadamard(2**m, dtype=np.int8)[:fan_in, :fan_out]
        return self.gain * 2.0 ** (-(m - 1) / 2) * H

    def draw_kernel(self, shape: Shape, stream: Stream, dtype: DType) -> Array:
        """Return zeros with that matrix at the centre, place k // 2 of k: the paper's algorithm 2."""
        K = np.zeros(shape, dtype)
        K[tuple(k // 2 for k in shape[:-2])] = self.draw(shape[-2:], stream, dtype, None)
        return K
