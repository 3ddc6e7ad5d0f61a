"""Random numbers addressed by counter: Philox4x32-10, streams and three laws.

A sequential generator has one state that every draw moves on: adding a layer changes all later
draws, and two threads cannot share it.  Philox is a function instead: *counter and key in, four
random words out*.  A fit draws one 64-bit key from its ``random_state``; a `Stream` is that key
with a name and an index (``Stream(key, "initializer", 2)`` belongs to layer 2), and value ``i``
of a stream is computed from ``i`` alone.  So any piece of a draw can be made on any thread, and
one layer's draws do not depend on the others.

What a draw is, word for word:

* counter = (low, high half of the block number; index; CRC-32 of the name), key = (low, high
  half of the 64-bit key); word ``i`` of a stream is word ``i % 4`` of block ``i // 4``;
* uniform, float32: ``u = (w >> 8) * 2**-24`` of one word; float64: ``u = ((a >> 5) * 2**26 +
  (b >> 6)) * 2**-53`` of two.  ``U(low, high)`` is ``mid + half * (2 u - 1)``, clipped to the
  bounds, so that ``U(-a, a)`` is ``a * (2 u - 1)`` exactly rounded once;
* normal: Box and Muller's pairs ``sqrt(-2 log u1) * (cos, sin)(2 pi u2)``, with ``u1`` in (0, 1];
* truncated normal: the inverse of the distribution function, in float64.

The laws use the steps of ``minnet.random.elementary``, in the dtype of the draw.  The compiled
extension repeats them and gives the same bits, several tens of times faster; without it the
NumPy code below does the work, a chunk at a time.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy
   as 1, 2, 3", SC 2011.
.. [2] G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958.
.. [3] M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988.
"""

from __future__ import annotations

import math
import operator
import secrets
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from minnet.common.checks import check_dtype, is_integer, is_real, is_whole
from minnet.common.types import Array
from minnet.random.elementary import cos_sin, log, ndtri

try:
    from minnet_ext import _random as _ext
except ImportError:  # a pure installation; minnet.show_config() says why
    _ext = None

__all__ = ["Stream", "as_stream", "draw_key", "draw_on", "philox4x32"]

Shape = int | tuple[int, ...]

_CHUNK = 1 << 15  # values made at a time by the NumPy code: about 2 MB of temporaries
#: Up to which number of a stream one may begin.
MAX_START = 1 << 60
_MASK = 0xFFFFFFFF

_n_threads: ContextVar[int | None] = ContextVar("n_threads", default=None)


@contextmanager
def draw_on(n_threads: int | None) -> Iterator[None]:
    """Make the draws within a ``with`` block on at most so many threads; None: as many as there are CPUs.

    The values do not depend on it.
    """
    token = _n_threads.set(n_threads)
    try:
        yield
    finally:
        _n_threads.reset(token)


def philox4x32(counter: Any, key: Any) -> Array:
    """Return the Philox4x32-10 random words of each counter.

    Parameters
    ----------
    counter : array-like of shape (..., 4), uint32
        The number of the block.
    key : array-like of shape (2,), uint32
        The key.

    Returns
    -------
    words : ndarray of shape (..., 4), uint32
        Ten rounds of ``(c0, c1, c2, c3) -> (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1,
        lo(M0 c0))``, the key raised by the golden ratio and by ``sqrt(3) - 1`` after each [1]_.

    References
    ----------
    .. [1] Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> from minnet.random import philox4x32
    >>> [f"{word:08x}" for word in philox4x32([0, 0, 0, 0], [0, 0])]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    # 32-bit numbers in 64-bit lanes: a product then holds both of its halves.
    try:
        c0, c1, c2, c3 = np.moveaxis(np.asarray(counter).astype(np.uint64), -1, 0)
        k0, k1 = (int(word) & _MASK for word in np.asarray(key))
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"counter must be four and key two whole numbers of 32 bits: {error}"
        ) from None
    for _ in range(10):
        p0 = c0 * np.uint64(0xD2511F53)
        p1 = c2 * np.uint64(0xCD9E8D57)
        c0 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0)
        c1 = p1 & np.uint64(_MASK)
        c2 = (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1)
        c3 = p0 & np.uint64(_MASK)
        k0 = (k0 + 0x9E3779B9) & _MASK
        k1 = (k1 + 0xBB67AE85) & _MASK
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


@dataclass(frozen=True, slots=True)
class Stream:
    """One sequence of random numbers, addressed by position.

    A stream has no state: drawing twice gives the same numbers twice.

    Parameters
    ----------
    key : int
        64-bit key, ``0 <= key < 2**64``.
    name : str
        The purpose of the draws, such as ``"initializer"`` or ``"dropout"``.
    index : int, default=0
        Which of the streams of that name, for example the layer; ``0 <= index < 2**32``.

    Examples
    --------
    >>> from minnet.random import Stream
    >>> stream = Stream(0, "initializer", 1)
    >>> draw = stream.uniform(1000, -1.0, 1.0, dtype="float32")
    >>> bool((stream.uniform(10, -1.0, 1.0, dtype="float32", start=990) == draw[990:]).all())
    True
    """

    key: int
    name: str
    index: int = 0

    def __post_init__(self) -> None:
        for field, limit in (("key", 1 << 64), ("index", 1 << 32)):
            value = _integer(field, getattr(self, field), limit)
            object.__setattr__(self, field, value)
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a str, got {self.name!r}.")

    @property
    def address(self) -> tuple[int, int, int]:
        """Key and the two counter words that are the stream's own."""
        return self.key, self.index, zlib.crc32(self.name.encode())

    def words(self, n: int, start: int = 0) -> Array:
        """Return words ``start`` to ``start + n`` of the stream.

        Parameters
        ----------
        n : int
            Number of words.
        start : int, default=0
            Number of the first.

        Returns
        -------
        words : ndarray of shape (n,), uint32
        """
        out = np.empty(_integer("n", n, MAX_START), np.uint32)
        return self._fill("words", out, start)

    def uniform(
        self,
        shape: Shape,
        low: float = 0.0,
        high: float = 1.0,
        dtype: Any = "float64",
        start: int = 0,
    ) -> Array:
        """Draw from the uniform law between `low` and `high`.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the result, filled in C order.
        low, high : float, default=0.0, 1.0
            Bounds; rounding may give `high` itself unless the bounds are 0 and 1.
        dtype : {"float32", "float64"}, default="float64"
            Precision of the draw.
        start : int, default=0
            Number, in the stream, of the first value.

        Returns
        -------
        values : ndarray of the given shape and dtype
            ``mid + half * (2 u - 1)``.
        """
        out = _empty(shape, dtype)
        real = out.dtype.type
        bounds = _finite(real, low=low, high=high)
        if not low <= high:
            raise ValueError(f"low must not exceed high, got low={low!r} and high={high!r}.")
        mid = _finite(real, mid=0.5 * float(low) + 0.5 * float(high))
        half = _finite(real, half=0.5 * float(high) - 0.5 * float(low))
        return self._fill("uniform", out, start, *mid, *half, *bounds)

    def normal(
        self,
        shape: Shape,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: Any = "float64",
        start: int = 0,
    ) -> Array:
        """Draw from the normal law.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the result, filled in C order.
        mean, std : float, default=0.0, 1.0
            Mean and standard deviation, ``std >= 0``.
        dtype : {"float32", "float64"}, default="float64"
            Precision of the draw.
        start : int, default=0
            Number, in the stream, of the first value.

        Returns
        -------
        values : ndarray of the given shape and dtype
            ``mean + std * z``; values ``2 p`` and ``2 p + 1`` are
            ``z = sqrt(-2 log u1) * (cos, sin)(2 pi u2)``.  The largest possible ``|z|`` is 5.8 in
            float32 and 8.6 in float64.
        """
        out = _empty(shape, dtype)
        parameters = _finite(out.dtype.type, mean=mean, std=std)
        _not_negative("std", std)
        return self._fill("normal", out, start, *parameters)

    def truncated_normal(
        self,
        shape: Shape,
        mean: float = 0.0,
        std: float = 1.0,
        lower: float = -2.0,
        upper: float = 2.0,
        dtype: Any = "float64",
        start: int = 0,
    ) -> Array:
        """Draw from a normal law restricted to an interval.

        Parameters
        ----------
        shape : int or tuple of int
            Shape of the result, filled in C order.
        mean, std : float, default=0.0, 1.0
            Mean and standard deviation of the law *before* it is cut; the cut one has a smaller
            deviation (0.8796 of `std` at two deviations), and nothing here corrects for it.
        lower, upper : float, default=-2.0, 2.0
            Bounds, in deviations from the mean; may be infinite.
        dtype : {"float32", "float64"}, default="float64"
            Precision of the result; the draw itself is made in float64.
        start : int, default=0
            Number, in the stream, of the first value.

        Returns
        -------
        values : ndarray of the given shape and dtype
            ``mean + std * F^-1(F(lower) + (F(upper) - F(lower)) u)``, ``F`` the normal
            distribution function.
        """
        out = _empty(shape, dtype)
        parameters = _finite(np.float64, mean=mean, std=std)
        _finite(out.dtype.type, mean=mean, std=std)
        _not_negative("std", std)
        for name, value in (("lower", lower), ("upper", upper)):
            if not is_real(value):
                raise ValueError(f"{name} must be a number, got {value!r:.100}.")
        if not lower < upper:
            raise ValueError(
                f"lower must be less than upper, got lower={lower!r} and upper={upper!r}."
            )
        from scipy.special import ndtr  # only this law needs it

        # By symmetry work where the distribution function is small, hence precise.
        flip = lower + upper > 0
        if flip:
            lower, upper = -upper, -lower
        p_lower = float(ndtr(lower))
        p_width = float(ndtr(upper)) - p_lower
        if p_width < 1e-290:
            raise ValueError(
                "lower and upper must enclose a probability of at least 1e-290, got "
                f"lower={lower!r} and upper={upper!r}."
            )
        sign = -1.0 if flip else 1.0
        law = (*parameters, p_lower, p_width, float(lower), float(upper), sign)
        return self._fill("truncated", out, start, *law)

    def permutation(self, n: int) -> Array:
        """Return a random order of ``0 ... n - 1``.

        Parameters
        ----------
        n : int
            Length, less than ``2**32``.

        Returns
        -------
        order : ndarray of shape (n,), int64
            The positions sorted by their random words, equal words by position.
        """
        n = _integer("n", n, 1 << 32)
        pairs = np.left_shift(self.words(n), np.uint64(32))
        pairs |= np.arange(n, dtype=np.uint64)
        pairs.sort()
        pairs &= np.uint64(_MASK)
        return pairs.view(np.int64)

    def generator(self) -> np.random.Generator:
        """Return a fresh NumPy generator seeded from the stream, for a user's own function.

        Returns
        -------
        generator : numpy.random.Generator
        """
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.address)))

    def _fill(self, law: str, out: Array, start: int, *parameters: float) -> Array:
        """Fill `out` with values `start`, ... of a law, compiled if the extension is there."""
        start = _integer("start", start, MAX_START)
        flat = out.reshape(-1)
        if _ext is not None:
            fill = getattr(_ext, "fill_" + law)
            fill(*self.address, start, flat, *parameters, _n_threads.get())
            return out
        for i in range(0, flat.size, _CHUNK):
            _LAWS[law](self, start + i, flat[i : i + _CHUNK], *parameters)
        return out


# The laws in NumPy: the specification of minnet_ext/kernels/laws.h.  Each fills `out` with the
# values numbered `start`, start + 1, ... of a stream.


def _fill_words(stream: Stream, start: int, out: Array) -> None:
    key, index, code = stream.address
    first = start // 4
    block = np.arange(first, (start + len(out) + 3) // 4, dtype=np.uint64)
    counter = np.empty((len(block), 4), np.uint32)
    counter[:, 0] = block & np.uint64(_MASK)
    counter[:, 1] = block >> np.uint64(32)
    counter[:, 2:] = index, code
    words = philox4x32(counter, (key & _MASK, key >> 32)).ravel()
    out[:] = words[start - 4 * first :][: len(out)]


def _bits(stream: Stream, start: int, n: int, dtype: np.dtype[Any]) -> Array:
    """Random integers ``start``, ...: 24 bits (int32) for float32, 53 (int64) for float64."""
    if dtype == np.float32:
        words = np.empty(n, np.uint32)
        _fill_words(stream, start, words)
        return (words >> np.uint32(8)).view(np.int32)
    words = np.empty(2 * n, np.uint32)
    _fill_words(stream, 2 * start, words)
    a, b = words.reshape(n, 2).T.astype(np.int64)
    return ((a >> 5) << 26) | (b >> 6)


def _fill_uniform(
    stream: Stream, start: int, out: Array, mid: float, half: float, low: float, high: float
) -> None:
    real = out.dtype.type
    k = _bits(stream, start, len(out), out.dtype).astype(out.dtype)
    k *= real(2.0**-23 if real is np.float32 else 2.0**-52)
    k -= real(1)  # 2 u - 1, exact
    np.clip(real(mid) + real(half) * k, real(low), real(high), out=out)


def _fill_normal(stream: Stream, start: int, out: Array, mean: float, std: float) -> None:
    real = out.dtype.type
    n_bits = 24 if real is np.float32 else 53
    first = start - start % 2  # whole pairs
    n_pairs = (start + len(out) - first + 1) // 2
    k = _bits(stream, first, 2 * n_pairs, out.dtype).reshape(n_pairs, 2)
    u1 = (k[:, 0].astype(out.dtype) + real(1)) * real(2.0**-n_bits)
    radius = np.sqrt(real(-2) * log(u1))
    z = np.stack(cos_sin(k[:, 1], n_bits, out.dtype.name), axis=1)
    z *= radius[:, None]
    out[:] = real(mean) + real(std) * z.ravel()[start - first :][: len(out)]


def _fill_truncated(
    stream: Stream,
    start: int,
    out: Array,
    mean: float,
    std: float,
    p_lower: float,
    p_width: float,
    lower: float,
    upper: float,
    sign: float,
) -> None:
    # Odd integers: u is symmetric about 1/2 and neither 0 nor 1, also for infinite bounds.
    u = (_bits(stream, start, len(out), np.dtype("float64")) | 1).astype("float64") * 2.0**-53
    p = np.minimum(p_lower + p_width * u, 1 - 2.0**-53)
    z = np.clip(ndtri(p), lower, upper)
    out[:] = mean + std * (sign * z)


_LAWS: dict[str, Callable[..., None]] = {
    "words": _fill_words,
    "uniform": _fill_uniform,
    "normal": _fill_normal,
    "truncated": _fill_truncated,
}


def as_stream(rng: Any, name: str = "initializer", index: int = 0) -> Stream:
    """Return the stream that `rng` stands for.

    Parameters
    ----------
    rng : None, int, numpy.random.Generator, numpy.random.RandomState or Stream
        None takes a fresh key from the system; an int is the key; a NumPy generator gives a key,
        moving on by eight bytes; a stream is returned as it is.
    name : str, default="initializer"
        Name of the stream.
    index : int, default=0
        Its index.

    Returns
    -------
    stream : Stream

    Examples
    --------
    >>> from minnet.random import as_stream
    >>> as_stream(3)
    Stream(key=3, name='initializer', index=0)
    """
    if isinstance(rng, Stream):
        return rng
    if rng is None:
        return Stream(secrets.randbits(64), name, index)
    if is_integer(rng):
        return Stream(_integer("rng", rng, 1 << 64), name, index)
    if isinstance(rng, (np.random.Generator, np.random.RandomState)):
        return Stream(int.from_bytes(rng.bytes(8), "little"), name, index)
    raise TypeError(
        "rng must be None, an int, a numpy.random.Generator, a numpy.random.RandomState or a "
        f"minnet.random.Stream, got {rng!r}."
    )


def draw_key(random_state: Any) -> int:
    """Return a 64-bit key, taken once from a scikit-learn ``random_state``.

    Parameters
    ----------
    random_state : None, int or numpy.random.RandomState
        As everywhere in scikit-learn; a RandomState moves on by eight bytes.

    Returns
    -------
    key : int

    Examples
    --------
    >>> from minnet.random import draw_key
    >>> draw_key(0) == draw_key(0)
    True
    """
    try:
        if type(random_state) is int:
            # To make a RandomState takes 90 µs, most of them for entropy that the seed replaces.
            generator = getattr(_of_thread, "generator", None)
            if generator is None:
                generator = _of_thread.generator = np.random.RandomState(0)
            generator.seed(random_state)
        else:
            generator = check_random_state(random_state)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(
            "random_state must be None, a whole number from 0 to 2**32 - 1 or a numpy RandomState, got "
            f"{random_state!r:.200}"
        ) from None
    return int.from_bytes(generator.bytes(8), "little")


_of_thread = threading.local()


def _integer(name: str, value: Any, limit: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {value!r}.") from None
    if not 0 <= number < limit:
        raise ValueError(f"{name} must be at least 0 and less than {limit}, got {number}.")
    return number


def _finite(real: type, **parameters: Any) -> list[float]:
    """Round parameters to the dtype of the draw, once, and refuse what is not finite in it."""
    rounded = []
    for name, value in parameters.items():
        with np.errstate(over="ignore"):
            # + 0.0: no negative zero
            number = float(real(value)) + 0.0 if is_real(value) else math.nan
        if not math.isfinite(number):
            raise ValueError(f"{name} must be finite in {real.__name__}, got {value!r}.")
        rounded.append(number)
    return rounded


def _not_negative(name: str, value: float) -> None:
    if value < 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}.")


def _empty(shape: Shape, dtype: Any) -> Array:
    dtype = check_dtype(dtype)
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    if not all(is_whole(size, low=0) for size in sizes):
        raise ValueError(f"shape must be whole numbers of at least 0, got {shape!r}.")
    return np.empty(shape, dtype)
