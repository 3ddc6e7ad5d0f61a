"""What every initializer is: an object with its configuration only, called with a shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from minnet.common.checks import check_dtype, is_whole
from minnet.common.configurable import Configurable
from minnet.common.entry import entry
from minnet.common.types import Array, ArrayLike, DTypeLike, Shape
from minnet.initializers.layouts import channels_last, fans_of_kernel, usual_layouts
from minnet.random import Stream, as_stream

DType = np.dtype[Any]
Fans = tuple[int, int] | None
Draw = TypeVar("Draw", bound=Callable[..., Array])


class Initializer(Configurable):
    """Base class of the initializers; a subclass says how its values are drawn in :meth:`draw`.

    An initializer holds no seed and no numbers. Two layers that share one differ, because the
    random stream comes with the call. (A Keras initializer holds its seed, so that two layers
    sharing one object start out equal.)

    One that looks at data has a method ``adapt(network, layer_index, X, T, sample_weight)``, which
    :meth:`minnet.Network.adapt` calls once after all arrays are drawn, and which changes the arrays
    of its own layer in place. What it is given, that method says.

    Attributes
    ----------
    names : tuple of str
        What ``init=`` and :func:`get_initializer` call minnet's own: its name, then aliases.
    draws_biases : bool
        Whether ``bias_init="auto"`` draws the biases of a hidden layer from the initializer of its
        weights, because the two belong together.
    needs_X : bool
        Whether ``adapt`` looks at ``X``.
    n_rows : int or None
        How many rows of ``X`` it needs, drawn at random; None: as many as :meth:`minnet.Network.adapt`
        gives, evenly spaced. Where another initializer of the network needs more, it gets more.
    accepts_sparse : bool
        Whether ``adapt`` takes sparse targets as they are, a CSR matrix; otherwise it gets an array.
    adapts_by_sums : bool
        Whether ``adapt``, with ``needs_X=False``, sums up itself what the rows of several processes that
        train together bring (``minnet.common.ranks``); otherwise it gets the targets of all of them.
    draws_kernels : bool
        Whether it has a law for the kernel of a convolution too, see :meth:`draw_kernel`.
    as_given : bool
        Whether :meth:`draw` is to have the shape as it is asked for, whatever its layout.

    Examples
    --------
    >>> from minnet.initializers import Initializer
    >>> class Laplace(Initializer):
    ...     def __init__(self, scale=0.1):
    ...         self.scale = scale
    ...     def draw(self, shape, stream, dtype, fans):
    ...         return stream.generator().laplace(scale=self.scale, size=shape)

    >>> Laplace()((784, 256), rng=0, dtype="float32").shape
    (784, 256)
    """

    names: ClassVar[tuple[str, ...]] = ()
    draws_biases: bool = False
    needs_X: bool = True
    n_rows: int | None = None
    accepts_sparse: bool = False
    adapts_by_sums: bool = False
    draws_kernels: bool = True
    as_given: bool = False

    @entry
    def __call__(
        self,
        shape: int | Shape,
        rng: Any = None,
        dtype: DTypeLike = "float64",
        fans: Fans = None,
        layout: str | None = None,
    ) -> Array:
        """Return a new array of the shape, drawn from this initializer's law.

        Parameters
        ----------
        shape : tuple of int
            Of a weight matrix ``(fan_in, fan_out)``, of a bias ``(fan_out,)``, or, with ``layout``,
            of the kernel of a convolution, for example ``(3, 3, 16, 32)``.
        rng : None, int, numpy Generator or RandomState, or Stream
            Where the random numbers come from; the same seed gives the same array.
        dtype : {"float64", "float32"}
            The type of the array.
        fans : (int, int) or None
            Fan-in and fan-out of the unit, for a bias, whose shape does not tell them.
        layout : str or None
            What the axes are, a letter for each: I the inputs, O the outputs, D, H and W the places of
            a kernel. ``"HWIO"`` is the order of Keras, TensorFlow and JAX, ``"OIHW"`` that of torch,
            Caffe and Lasagne; with one place it is ``"WIO"`` or ``"OIW"``, with three ``"DHWIO"`` or
            ``"OIDHW"``, and ``"OI"`` is torch's weight matrix. Any other order does as well, such as
            ``"IHWO"``, Lasagne's c01b. A seed gives the same weights in every layout, in other places.

        Returns
        -------
        ndarray
            C-contiguous, writable, its own memory.

        Examples
        --------
        >>> from minnet.initializers import HeNormal
        >>> keras = HeNormal()((3, 3, 16, 32), rng=0, layout="HWIO")
        >>> torch = HeNormal()((32, 16, 3, 3), rng=0, layout="OIHW")
        >>> bool((torch.transpose(2, 3, 1, 0) == keras).all())
        True
        >>> print(f"{keras.std():.3f}, expected {(2 / (3 * 3 * 16)) ** 0.5:.3f}")
        0.118, expected 0.118
        """
        shape, name = _check_shape(shape), type(self).__name__
        known, stream = check_dtype(dtype), as_stream(rng)
        if layout is not None:
            axes = channels_last(shape, layout)
            if fans is not None:
                raise ValueError(f"fans must be left out where layout tells them, got {fans!r}")
        looked_at = not getattr(type(self).draw, "always_finite", False)
        if layout is None or self.as_given:
            drawn = self.draw(shape, stream, known, fans)
            return check_values(drawn, shape, known, name, looked_at)
        kernel = tuple(shape[axis] for axis in axes)
        values = check_values(self.draw_kernel(kernel, stream, known), kernel, known, name)
        return check_values(values.transpose(np.argsort(axes)), shape, known, name, finite=False)

    def for_layer(self, network: Any, layer_index: int) -> Initializer:
        """Return the initializer that draws for this layer; the network asks before it draws.

        A subclass that depends on where it stands returns another one of its kind, with what it has
        found out in the place of "auto".

        Parameters
        ----------
        network : Network
            Not initialized yet: its layers are there, their sizes and weights are not. See
            :meth:`minnet.Network.activation_below` and :meth:`minnet.Network.activation_above`.
        layer_index : int
            Of the layer in ``network.layers``.

        Returns
        -------
        Initializer
        """
        return self

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return the values; a subclass must have this method."""
        raise TypeError(f"{type(self).__name__} must have draw(shape, stream, dtype, fans)")

    def draw_kernel(self, shape: Shape, stream: Stream, dtype: DType) -> Array:
        """Return the kernel of a convolution, or a weight matrix, whose layout is known.

        Unless a subclass has another law for it: all the incoming weights of a unit, of every place and
        input, are drawn as a column of a matrix (as Keras, torch, Caffe and Lasagne do where a law is of
        matrices).

        Parameters
        ----------
        shape : tuple of int
            (places ..., inputs, outputs), whatever the layout that is asked for.
        stream : Stream
            Where the random numbers come from.
        dtype : numpy.dtype
            Of the result.

        Returns
        -------
        ndarray
            Of that shape.
        """
        fans = fans_of_kernel(shape)
        if len(shape) == 2 or not self.draws_kernels:
            return self.draw(shape, stream, dtype, fans)
        matrix = math.prod(shape[:-1]), shape[-1]
        return np.asarray(self.draw(matrix, stream, dtype, fans)).reshape(shape)

    def variance(self, fan_in: int, fan_out: int) -> float | None:
        """Return the variance of a weight whose mean is 0; None if no formula says so.

        Parameters
        ----------
        fan_in : int
            Inputs of a unit.
        fan_out : int
            Outputs that an input goes to.
        """
        return None


def resolve_fans(shape: Shape, fans: Fans = None, layout: str | None = None) -> tuple[int, int]:
    """Return ``(fan_in, fan_out)`` of a weight matrix or a kernel, or ``fans`` where given.

    The fans of a kernel are the numbers of its inputs and outputs, times the number of its places, as in
    Keras, JAX, torch, Caffe and Lasagne. Keras takes ``fan_in = fan_out = n`` for a 1-d shape, and all
    of them know one layout of a kernel only. These are guesses, so minnet asks.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    fans : tuple of int or None
        Both sizes, where they are not those of the shape.
    layout : str or None
        What the axes are, such as ``"HWIO"`` or ``"OIHW"``: see :class:`Initializer`. A matrix without
        one is (fan_in, fan_out).

    Examples
    --------
    >>> from minnet.initializers import resolve_fans
    >>> resolve_fans((784, 256))
    (784, 256)
    >>> resolve_fans((256,), fans=(784, 256))
    (784, 256)
    >>> resolve_fans((3, 3, 16, 32), layout="HWIO"), resolve_fans((32, 16, 3, 3), layout="OIHW")
    ((144, 288), (144, 288))
    """
    if fans is not None and layout is not None:
        raise ValueError(f"fans must be left out where layout tells them, got {fans!r}")
    if fans is not None:
        if (
            not isinstance(fans, tuple | list)
            or len(fans) != 2
            or not all(is_whole(fan) for fan in fans)
        ):
            raise ValueError(f"fans must be two whole numbers (fan_in, fan_out), got {fans!r}")
        return int(fans[0]), int(fans[1])
    shape = _check_shape(shape)
    if layout is not None:
        return fans_of_kernel(tuple(shape[axis] for axis in channels_last(shape, layout)))
    if len(shape) != 2:
        raise ValueError(f"shape must be (fan_in, fan_out), {_beside(shape)}, got {shape}")
    return shape[0], shape[1]


def require_matrix(initializer: Initializer, shape: Shape) -> tuple[int, int]:
    """Return ``(fan_in, fan_out)``, or raise for a shape that is no weight matrix."""
    if len(shape) != 2:
        name, instead = type(initializer).__name__, "which makes weight matrices"
        if len(shape) > 2 and initializer.draws_kernels:
            instead = _beside(shape)
        raise ValueError(f"shape must be (fan_in, fan_out) for {name}, {instead}, got {shape}")
    return shape[0], shape[1]


def _beside(shape: Shape) -> str:
    """Return what to give beside a shape that does not tell its fans."""
    if len(shape) < 2:
        return "or fans=(fan_in, fan_out) given beside it"
    return f"or have layout= beside it that says what its axes are, {usual_layouts(shape)}"


def always_finite(draw: Draw) -> Draw:
    """Mark a ``draw`` that gives finite numbers or raises: to look at them took a third of its time."""
    draw.always_finite = True  # type: ignore[attr-defined]
    return draw


def check_values(
    values: ArrayLike, shape: Shape, dtype: DTypeLike | None, name: str, finite: bool = True
) -> Array:
    """Return values as a C-contiguous, writable array of the dtype, or say what is wrong.

    ``finite`` says whether to look for NaN and infinity.
    """
    values = np.asarray(values)
    if values.shape != tuple(shape):
        raise ValueError(f"{name} must give an array of shape {tuple(shape)}, got {values.shape}")
    if values.dtype.kind not in "buif":
        raise ValueError(f"{name} must give real numbers, got dtype {values.dtype}")
    flags = values.flags
    if values.dtype != dtype or not (flags.c_contiguous and flags.writeable and flags.owndata):
        with np.errstate(over="ignore"):
            values = np.require(values, dtype, ["C", "W", "O"])
    if finite and not np.isfinite(values).all():
        raise ValueError(f"{name} must give finite numbers in {values.dtype}, got NaN or infinity")
    return values


def _check_shape(shape: Any) -> Shape:
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    if len(sizes) == 0 or not all(is_whole(size) for size in sizes):
        raise ValueError(f"shape must be a tuple of whole numbers of at least 1, got {shape!r}")
    return tuple(int(size) for size in sizes)
