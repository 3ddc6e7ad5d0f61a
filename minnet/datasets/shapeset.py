"""Shapeset-3x2: one or two of three shapes, in endlessly many images."""

import threading
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from sklearn.utils import Bunch

from minnet.common.checks import check_dtype, check_flag, check_whole
from minnet.common.types import Array, DTypeLike, RandomState
from minnet.datasets import _scenes
from minnet.datasets._splits import DTYPES
from minnet.random import Stream, draw_key

try:
    from minnet_ext import _shapeset as _ext
except ImportError:  # a pure installation; minnet.show_config() says why
    _ext = None

__all__ = ["SHAPESET_CLASSES", "ShapesetStream", "make_shapeset"]

#: Names of the classes 0 to 8.
SHAPESET_CLASSES = (
    "triangle",
    "quadrilateral",
    "ellipse",
    "triangle + quadrilateral",
    "quadrilateral + ellipse",
    "triangle + ellipse",
    "2 triangles",
    "2 quadrilaterals",
    "2 ellipses",
)

_LAST = 1 << 52  # images have smaller numbers
_CHUNK = 1024  # images made at a time by the NumPy code


def make_shapeset(
    n_samples: int = 100,
    *,
    random_state: RandomState = 0,
    start: int = 0,
    dtype: DTypeLike = "float32",
    return_details: bool = False,
) -> Any:  # (X, y), or (X, y, details)
    """Make images of Shapeset-3x2, the data that Glorot & Bengio (2010) made for their experiments.

    Each image has 32 x 32 grey pixels and shows one or two objects, each a triangle, a quadrilateral (a
    parallelogram) or an ellipse, of any size, direction and place. The class says which kinds there
    are. The page *Data sets* of the documentation has the rules.

    A ``random_state`` stands for an endless sequence of images, of which image i depends on i alone. So
    training and test images are pieces of one sequence that do not overlap.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    random_state : int, RandomState instance or None, default=0
        Which sequence. None takes another one at each call, a RandomState moves on by eight bytes.
    start : int, default=0
        Number of the first image, less than ``2**52``.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        uint8: the greys, 0 to 255. Otherwise ``2 * grey / 255 - 1``.
    return_details : bool, default=False
        Whether to return what the images were painted from.

    Returns
    -------
    X : ndarray of shape (n_samples, 1024) and the dtype
        Pixels, row by row: ``X.reshape(-1, 32, 32)`` are pictures.
    y : ndarray of shape (n_samples,), int64
        Classes: :data:`SHAPESET_CLASSES` has their names.
    details : :class:`sklearn.utils.Bunch`
        Only if asked for. Each is an array of n_samples rows; what there is for each object has two
        columns, and -1 or NaN where there is no second object:

        * ``bright``, bool: whether the objects are bright on a dark background;
        * ``n_objects``, 1 or 2;
        * ``background``, its grey;
        * ``kind`` (n_samples, 2): 0, 1, 2 for triangle, quadrilateral, ellipse; the second object is
          painted over the first;
        * ``grey`` (n_samples, 2);
        * ``rotation`` and ``orientation`` (n_samples, 2), in steps of 2 pi / 255: the rotation before the
          shape is stretched, and its direction;
        * ``scale`` (n_samples, 2, 2): the two full axes, in pixels, the longer one first;
        * ``centre`` (n_samples, 2, 2): x and y, in pixels from the upper left corner;
        * ``corners`` (n_samples, 2, 20, 2): x and y of the polygon's corners; the last one is repeated up
          to 20;
        * ``label``, which is y;
        * ``rejections``: how many second objects were drawn anew because they hid too much of the first.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010, section 2.1.

    Examples
    --------
    >>> from minnet.datasets import make_shapeset
    >>> X, y = make_shapeset(1000)
    >>> X.shape, X.dtype, y[:8]
    ((1000, 1024), dtype('float32'), array([...]))
    >>> one, _ = make_shapeset(1, start=500)
    >>> bool((one[0] == X[500]).all())
    True
    """
    n_samples = check_whole("n_samples", n_samples, low=0, high=_LAST)
    start = check_whole("start", start, low=0, high=_LAST - 1)
    if start + n_samples > _LAST:
        raise ValueError(f"start + n_samples must be at most 2**52, got {start} + {n_samples}")
    dtype = check_dtype(dtype, DTYPES)
    check_flag("return_details", return_details)
    stream = _stream(draw_key(random_state))
    X, y = _make(stream, start, n_samples, dtype)
    if not return_details:
        return X, y
    pieces = [
        _scenes.scenes(stream, start + i, min(_CHUNK, n_samples - i))
        for i in range(0, max(1, n_samples), _CHUNK)
    ]
    return X, y, Bunch(**{name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]})


class ShapesetStream:
    """Endlessly many batches of Shapeset-3x2, for ``fit_stream``.

    Each ``iter`` begins at image ``start``. Its iterator has ``skip(n)``, which passes over n batches
    without making them, so that a training that is resumed goes on at once where it was.

    A batch is made in one call that lets other threads run: ``fit_stream`` makes the next ones while it
    trains. Batches of a stream are cut into the mini-batches of the training. Some hundreds of images are
    enough for one: larger ones that wait drive a large network's weights out of the processor's cache
    (``benchmarks/SHAPESET.md``).

    Parameters
    ----------
    batch_size : int, default=250
        Images of a batch.
    random_state : int, RandomState instance or None, default=0
        Which sequence of images, as in :func:`make_shapeset`; looked at once, here.
    start : int, default=0
        Number of the first image.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        As in :func:`make_shapeset`.

    Examples
    --------
    Three thousand mini-batches of 10, thirty "epochs":

    >>> from minnet import MinNetClassifier
    >>> from minnet.datasets import ShapesetStream, make_shapeset
    >>> clf = MinNetClassifier((100,), "tanh", solver="sgd", batch_size=10, momentum=0,
    ...                        learning_rate_init=0.05, random_state=0)
    >>> stream = ShapesetStream(1000, start=1000)
    >>> clf = clf.fit_stream(stream, n_epochs=30, batches_per_epoch=1, classes=range(9))
    >>> X, y = make_shapeset(1000)  # images that were not trained on
    >>> clf.score(X, y) > 1 / 6  # better than one answer for all
    True
    """

    def __init__(
        self,
        batch_size: int = 250,
        *,
        random_state: RandomState = 0,
        start: int = 0,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.batch_size = check_whole("batch_size", batch_size)
        self.random_state = random_state
        self.start = check_whole("start", start, low=0, high=_LAST - 1)
        self.dtype = check_dtype(dtype, DTYPES)
        self._key = draw_key(random_state)

    def __repr__(self) -> str:
        return (
            f"ShapesetStream({self.batch_size}, random_state={self.random_state!r}, "
            f"start={self.start}, dtype={self.dtype.name!r})"
        )

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Return an iterator of ``(X, y)``, each as :func:`make_shapeset` returns it."""
        return _Batches(_stream(self._key), self.start, self.batch_size, self.dtype)


class _Batches:
    """An iterator of batches that knows the number of its next image; threads may share it."""

    def __init__(self, stream: Stream, position: int, batch_size: int, dtype: DTypeLike) -> None:
        self.position = position
        self._made = stream, batch_size, dtype
        self._lock = threading.Lock()  # another thread may ask while images are made

    def __reduce__(self) -> tuple[Any, ...]:
        stream, batch_size, dtype = self._made
        return _Batches, (stream, self.position, batch_size, dtype)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Array, Array]:
        stream, batch_size, dtype = self._made
        with self._lock:
            if self.position + batch_size > _LAST:
                raise StopIteration  # after 4e15 images
            batch = _make(stream, self.position, batch_size, dtype)
            self.position += batch_size
        return batch

    def skip(self, n: int) -> None:
        """Pass over the next n batches."""
        n_images = check_whole("n", n, low=0) * self._made[1]
        with self._lock:
            self.position += n_images


def _stream(key: int) -> Stream:
    return Stream(key, "shapeset")


def _make(stream: Stream, start: int, n: int, dtype: DTypeLike) -> tuple[Array, Array]:
    """Make images that were checked: compiled if the extension is there."""
    X, y = np.empty((n, _scenes.SIDE**2), dtype), np.empty(n, np.int64)
    if _ext is not None:
        _ext.fill(*stream.address, start, X, y, _scenes.levels(dtype), *_scenes.tables())
        return X, y
    for i in range(0, n, _CHUNK):
        scene = _scenes.scenes(stream, start + i, min(_CHUNK, n - i))
        _scenes.paint(scene, X[i : i + _CHUNK])
        y[i : i + _CHUNK] = scene["label"]
    return X, y
