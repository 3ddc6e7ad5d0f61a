"""Initializers of kernels of convolutions alone: pure functions, as no layer of minnet has a kernel."""

from __future__ import annotations

import math

import numpy as np

from minnet.common.fields import finite, whole
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer
from minnet.initializers.gains import WithGain
from minnet.initializers.layouts import usual_layouts
from minnet.initializers.structured import Orthogonal
from minnet.random import Stream


class _OfKernels(Initializer):
    """Base class: there are values for the kernel of a convolution, and for nothing else."""

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Raise: what has no layout, or two axes, is no kernel."""
        name = type(self).__name__
        if len(shape) in (3, 4, 5):
            such = usual_layouts(shape)
            raise ValueError(f"layout must say for {name} what axes {shape} has, {such}, got None")
        raise ValueError(
            f"shape must have 3 to 5 axes, as a kernel of a convolution has, for {name}, got {len(shape)}"
        )

    def draw_kernel(self, shape: Shape, stream: Stream, dtype: DType) -> Array:
        """Return the kernel."""
        if len(shape) == 2:
            return self.draw(shape, stream, dtype, None)
        return self._fill(np.zeros(shape, dtype), stream)

    def _fill(self, K: Array, stream: Stream) -> Array:
        """Return zeros of the shape (places ..., inputs, outputs) with values put in."""
        raise NotImplementedError  # each class has its own


class Dirac(_OfKernels):
    r"""The identity of a convolution: each output channel is an input channel, as it is.

    .. math:: K_{c, i, o} = g\, [i = o], \qquad K_{p, i, o} = 0
              \text{ at every place } p \text{ but the centre } c = \lfloor k / 2 \rfloor

    With groups that is so for the output channels of each, so that each group passes on its inputs.
    Channels that do not fit are zero. As torch's ``dirac_``, whose gain is 1.

    Parameters
    ----------
    groups : int, default=1
        Of the convolution: the output channels fall into so many, and the inputs in the shape are those
        of one group.
    gain : float, default=1.0
        The factor g.

    Notes
    -----
    For kernels alone, of one to three places; :class:`Identity` is for weight matrices. Convolutions
    with it must be padded by k // 2 to keep the size of an image, and k be odd.

    Examples
    --------
    >>> from minnet.initializers import Dirac
    >>> K = Dirac()((3, 3, 2, 2), layout="HWIO")
    >>> K[1, 1], K.sum()
    (array([[1., 0.],
           [0., 1.]]), np.float64(2.0))
    """

    names = ("dirac",)

    groups: int = whole()
    gain: float = finite()

    def __init__(self, groups: int = 1, gain: float = 1.0) -> None:
        self.groups = groups
        self.gain = gain

    def _fill(self, K: Array, stream: Stream) -> Array:
        """Return the kernel with the gain at the centre of channels that belong together."""
        *places, _, n_outputs = K.shape
        if n_outputs % self.groups:
            raise ValueError(
                f"groups must divide the {n_outputs} outputs of the shape, got {self.groups}"
            )
        of_group = n_outputs // self.groups
        centre = K[tuple(k // 2 for k in places)]
        for first in range(0, n_outputs, of_group):
            np.fill_diagonal(centre[:, first : first + of_group], self.gain)
        return K


class DeltaOrthogonal(WithGain, _OfKernels):
    r"""An orthogonal matrix at the centre of the kernel, zeros elsewhere: the convolution keeps lengths.

    .. math:: K_c = g\, Q, \quad Q Q^T = I, \qquad K_p = 0
              \text{ at every place } p \text{ but the centre } c = \lfloor (k - 1) / 2 \rfloor

    with Q from the Haar measure, as of :class:`Orthogonal`. Orthonormal weights of all places do not
    make a convolution that keeps the length of an image; this does, for any depth (dynamical
    isometry), and networks of 10,000 convolutions trained from it. Xiao, Bahri, Sohl-Dickstein,
    Schoenholz & Pennington 2018, "Dynamical isometry and a mean field theory of CNNs", algorithm 1.

    Parameters
    ----------
    gain : float or str, default=1.0
        The factor g, or the name of an activation in :func:`calculate_gain`.

    Notes
    -----
    For kernels alone, of one to three places, and as many outputs as inputs or more: fewer cannot keep
    lengths. JAX's ``delta_orthogonal`` and TensorFlow 1's, with the same centre; :class:`Dirac`
    takes place k // 2, as torch does, which differs where k is even.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.initializers import DeltaOrthogonal
    >>> K = DeltaOrthogonal()((16, 8, 3, 3), rng=0, layout="OIHW")
    >>> bool(np.allclose(K[:, :, 1, 1].T @ K[:, :, 1, 1], np.eye(8))), (K != 0).sum()
    (True, np.int64(128))
    """

    names = ("delta_orthogonal",)

    def _fill(self, K: Array, stream: Stream) -> Array:
        """Return the kernel with an orthogonal matrix at the centre."""
        *places, n_inputs, n_outputs = K.shape
        if n_inputs > n_outputs:
            raise ValueError(
                f"shape must have as many outputs as inputs or more for DeltaOrthogonal, got {n_inputs} "
                f"inputs and {n_outputs} outputs"
            )
        Q = Orthogonal(self.gain).draw((n_inputs, n_outputs), stream, K.dtype, None)
        K[tuple((k - 1) // 2 for k in places)] = Q
        return K


class Bilinear(_OfKernels):
    r"""A transposed convolution that enlarges an image by linear interpolation; nothing random.

    .. math:: K_{p, i, o} = \prod_a w_{k_a}(p_a), \qquad
              w_k(x) = 1 - \frac{|x - (k - 1) / 2|}{\lceil k / 2 \rceil}, \quad x = 0, \ldots, k - 1

    the same for every pair of channels. As Caffe's ``bilinear``, which has two equal places; one and
    three are interpolated linearly in the same way.

    Notes
    -----
    For kernels alone. To enlarge by a factor f, take a kernel of size ``2 * f - f % 2``, a stride of f, a
    padding of ``ceil((f - 1) / 2)``, and one group a channel, that is a shape with one input and C
    outputs: where a group has several inputs, their images are added up. Versions of Caffe before
    2017 put the centre of kernels of 3, 7, 11 ... half a place too far, which no factor f needs.

    Examples
    --------
    >>> from minnet.initializers import Bilinear
    >>> Bilinear()((4, 1, 1), layout="WIO").ravel()  # by a factor of 2
    array([0.25, 0.75, 0.75, 0.25])
    """

    names = ("bilinear",)

    def _fill(self, K: Array, stream: Stream) -> Array:
        """Return the same weights of interpolation for all channels."""
        weights = np.ones(())
        for k in K.shape[:-2]:
            of_axis = 1 - np.abs(np.arange(k) - (k - 1) / 2) / math.ceil(k / 2)
            weights = np.multiply.outer(weights, of_axis)
        K[:] = weights[..., None, None]
        return K
