"""Shapeset-3x2 in NumPy: the rules of an image, a thousand images at a time.

``minnet_ext/_shapeset.pyx`` repeats the steps below one image at a time, some ten times faster, and
gives the same bits: both use only ``+ - * / sqrt``, in the order written, and the tables made here.

An image has 64 blocks of four random words of its own, so that it can be made without the others:

======== ============================================================================
block    its words
======== ============================================================================
0        polarity, number of objects, grey of the background, (not used)
1        first object: kind, grey, first rotation, orientation
2        first object: two scales, x and y of its centre
3        second object: kind, grey, first rotation, orientation
4 ... 53 second object, attempts 1 to 50: two scales, x and y of its centre
======== ============================================================================

A whole number below n is ``word * n >> 32``: no two of them differ in probability by more than 2**-32.
"""

from math import factorial

import numpy as np

from minnet.common.types import Array, ArrayLike, DTypeLike
from minnet.random import Stream
from minnet.random.elementary import cos_sin

__all__ = ["ATTEMPTS", "KINDS", "LABELS", "SIDE", "WORDS", "levels", "paint", "scenes", "tables"]

Scene = dict[str, Array]  # of many images: what is in each, by name

SIDE = 32
WORDS = 256
ATTEMPTS = 50
KINDS = ("triangle", "quadrilateral", "ellipse")
#: The class of the kinds of a first and a second object; that of one object is its kind.
LABELS = np.array([[6, 3, 5], [3, 7, 4], [5, 4, 8]])

_N_CORNERS = (3, 4, 20)
_N_TURNS = 255  # steps of a full turn
_N_BITS = 50


def _cos_sin(numerator: ArrayLike, denominator: int) -> Array:
    """Return cosine and sine of ``2 pi numerator / denominator``, the same on every machine."""
    turns = np.atleast_1d(np.asarray(numerator, np.int64)) * (1 << _N_BITS) // denominator
    return np.stack(cos_sin(turns, _N_BITS, "float64"), axis=-1)


def _corners(n: int) -> Array:
    """Return n points on a circle of diameter 1, the last one repeated up to the size of the table.

    Their angles are 2 pi (t / n + 1 / (2 n) + 1 / 4): an edge is horizontal, at the bottom as y points
    down, and they go round clockwise.
    """
    t = np.minimum(np.arange(max(_N_CORNERS)), n - 1)
    return 0.5 * _cos_sin(4 * t + 2 + n, 4 * n)


def _exponential(n: int) -> Array:
    """Return the coefficients of 2**f, f from -1/2 to 1/2: Taylor's, less than 1e-17 off."""
    powers = [1.0]
    for _ in range(n - 1):
        powers.append(powers[-1] * 0.6931471805599453)
    return np.array([power / factorial(i) for i, power in enumerate(powers)])


_TURNS = _cos_sin(np.arange(_N_TURNS), _N_TURNS)
_CORNERS = np.stack([_corners(n) for n in _N_CORNERS])
#: Area of a polygon beside that of the ellipse around it, n sin(2 pi / n) / (2 pi), times 2 pi.
_FULLNESS = np.array([n * _cos_sin(1, n)[0, 1] for n in _N_CORNERS])
_EXPONENTIAL = _exponential(14)
#: The first rotation has the whole numbers of steps between -pi/n and pi/n.
_STEPS = np.array([2 * ((_N_TURNS - 1) // (2 * n)) + 1 for n in _N_CORNERS])


def tables() -> tuple[Array, Array, Array, Array]:
    """Return what the compiled code needs of them."""
    return _TURNS, _CORNERS, _FULLNESS, _EXPONENTIAL


def levels(dtype: DTypeLike) -> Array:
    """Return the pixel of each grey: the grey itself as uint8, otherwise 2 grey / 255 - 1."""
    greys = np.arange(256)
    if np.dtype(dtype) == np.uint8:
        return greys.astype(np.uint8)
    return (2 * greys / 255 - 1).astype(dtype)


def _below(words: Array, n: ArrayLike) -> Array:
    return (words.astype(np.uint64) * np.asarray(n, np.uint64) >> np.uint64(32)).astype(np.int64)


def _unit(words: Array) -> Array:
    return words * 2.0**-32


def _grey(words: Array, bright: Array) -> Array:
    return np.where(bright, 140 + _below(words, 116), _below(words, 115))


def scenes(stream: Stream, start: int, n: int) -> Scene:
    """Draw images ``start``, ... of a stream.

    Returns
    -------
    scene : dict of ndarray
        See ``return_details`` of :func:`minnet.datasets.make_shapeset`.
    """
    words = stream.words(WORDS * n, WORDS * start).reshape(n, WORDS // 4, 4)
    bright = _below(words[:, 0, 0], 2) == 1
    n_objects = 1 + _below(words[:, 0, 1], 2)
    background = _grey(words[:, 0, 2], ~bright)
    first = _begin(words[:, 1], bright)
    _place(first, words[:, 2], slice(None))
    second = _begin(words[:, 3], bright)
    rejections = np.zeros(n, np.int64)
    waiting = np.flatnonzero(n_objects == 2)
    for attempt in range(ATTEMPTS):
        _place(second, words[waiting, 4 + attempt], waiting)
        waiting = waiting[_hides(second, first, waiting)]
        rejections[waiting] += 1
        if not len(waiting):
            break
    n_objects[waiting] = 1
    scene = {"bright": bright, "n_objects": n_objects, "background": background}
    for name in first:
        scene[name] = np.stack([first[name], second[name]], axis=1)
    absent = n_objects == 1
    scene["kind"][absent, 1] = scene["grey"][absent, 1] = -1
    for name in ("scale", "centre", "corners"):
        scene[name][absent, 1] = np.nan
    scene["corners"] = scene["corners"] + scene["centre"][:, :, np.newaxis]
    single = scene["kind"][:, 0]
    scene["label"] = np.where(absent, single, LABELS[single, scene["kind"][:, 1]])
    scene["rejections"] = rejections
    return scene


def _begin(words: Array, bright: Array) -> Scene:
    """Draw what stays when a shape is redrawn: kind, grey, first rotation and orientation."""
    n = len(words)
    kind = _below(words[:, 0], 3)
    rotation = _below(words[:, 2], _STEPS[kind]) - _STEPS[kind] // 2
    return {
        "kind": kind,
        "grey": _grey(words[:, 1], bright),
        "rotation": rotation,
        "orientation": _below(words[:, 3], _N_TURNS - 1),
        "scale": np.ones((n, 2)),
        "centre": np.zeros((n, 2)),
        "corners": np.zeros((n, max(_N_CORNERS), 2)),
    }


def _rotated(turns: Array, x: Array, y: Array) -> tuple[Array, Array]:
    c, s = turns[..., 0], turns[..., 1]
    return c * x - s * y, s * x + c * y


def _place(shape: Scene, words: Array, some: Array | slice) -> None:
    """Draw scale and position of some of the shapes, and compute their corners about the centre."""
    alpha, orientation = _TURNS[shape["rotation"][some]], _TURNS[shape["orientation"][some]]
    a = (0.2 + 0.6 * _unit(words[:, 0])) * SIDE
    b = (0.2 + 0.6 * _unit(words[:, 1])) * SIDE
    s0, s1 = np.maximum(a, b), np.minimum(a, b)
    # The base edge, (1, 0) at first, has this direction after rotation and stretching ...
    x, y = s0 * alpha[:, 0], s1 * alpha[:, 1]
    h = np.sqrt(x * x + y * y)
    x, y = x / h, y / h
    # ... and is turned back, then to the orientation.
    c = orientation[:, 0] * x + orientation[:, 1] * y
    s = orientation[:, 1] * x - orientation[:, 0] * y
    corners = _CORNERS[shape["kind"][some]]
    x, y = _rotated(alpha[:, np.newaxis], corners[..., 0], corners[..., 1])
    turns = np.stack([c, s], axis=-1)[:, np.newaxis]
    corners = np.stack(_rotated(turns, s0[:, np.newaxis] * x, s1[:, np.newaxis] * y), axis=-1)
    low, high = 1.0 - corners.min(axis=1), (SIDE - 1.0) - corners.max(axis=1)
    shape["scale"][some] = np.stack([s0, s1], axis=-1)
    shape["centre"][some] = low + _unit(words[:, 2:]) * (high - low)
    shape["corners"][some] = corners


def _power_of_two(x: Array) -> Array:
    """Return 2**x, x from -1000 to 0."""
    n = np.floor(x + 0.5)
    f = x - n
    value = np.full_like(x, _EXPONENTIAL[-1])
    for coefficient in _EXPONENTIAL[-2::-1]:
        value = value * f + coefficient
    return np.ldexp(value, n.astype(np.int32))


def _hides(second: Scene, first: Scene, some: Array) -> Array:
    """Say whether, by the estimate, the second covers more than half of the first."""
    d = second["centre"][some] - np.floor(first["centre"][some])
    square = d[:, 0] * d[:, 0] + d[:, 1] * d[:, 1]
    # Both extents and the distance are taken times the distance.
    touch = _reach(first["corners"][some], d) + _reach(second["corners"][some], -d)
    x = np.full_like(square, -1000.0)
    np.divide(touch, square, out=x, where=square > 0)
    x = np.where(square > 0, np.maximum(-1000.0, 1.0 - x), x)
    area = [
        shape["scale"][some, 0] * shape["scale"][some, 1] * _FULLNESS[shape["kind"][some]]
        for shape in (second, first)
    ]
    near = touch >= square
    hidden = area[0] / area[1] * (1.0 - _power_of_two(np.where(near, x, 0.0)))
    return near & (hidden > 0.5)


def _reach(corners: Array, direction: Array) -> Array:
    along = corners[..., 0] * direction[:, :1] + corners[..., 1] * direction[:, 1:]
    return along.max(axis=1)


def masks(corners: Array) -> Array:
    """Return which pixels of an image belong to each polygon, (n, 32, 32) of bool.

    Corners are moved to whole numbers first, towards 0. A row is filled from one crossing of its line
    with the polygon to the other one, both of them rounded towards the upper corner of their edge: the
    pixels of both belong to it. So do the first and the last row.
    """
    n = len(corners)
    left, right = np.full((n, SIDE), float(SIDE)), np.full((n, SIDE), -1.0)
    rows = np.arange(SIDE)
    corners = np.floor(corners)
    following = np.roll(corners, -1, axis=1)
    last = corners[..., 1].max(axis=1)[:, np.newaxis]
    for (x0, y0), (x1, y1) in zip(
        np.moveaxis(corners, 0, -1)[..., np.newaxis],
        np.moveaxis(following, 0, -1)[..., np.newaxis],
        strict=True,
    ):
        down = y0 < y1
        top, bottom = np.where(down, y0, y1), np.where(down, y1, y0)
        x, to = np.where(down, x0, x1), np.where(down, x1, x0)
        crossed = (top <= rows) & (
            (rows < bottom) | ((rows == last) & (rows == bottom) & (top < bottom))
        )
        height = np.maximum(bottom - top, 1.0)
        edge = x + np.trunc((rows - top) * (to - x) / height)
        np.copyto(left, np.minimum(left, edge), where=crossed)
        np.copyto(right, np.maximum(right, edge), where=crossed)
    columns = np.arange(SIDE)
    return (left[..., np.newaxis] <= columns) & (columns <= right[..., np.newaxis])


def paint(scene: Scene, X: Array) -> None:
    """Paint the images of a scene into the rows of X: background, first object, second object."""
    level = levels(X.dtype)
    X[...] = level[scene["background"]][:, np.newaxis]
    for number in range(2):
        (some,) = np.nonzero(scene["n_objects"] > number)
        painted = level[scene["grey"][some, number]][:, np.newaxis]
        inside = masks(scene["corners"][some, number]).reshape(len(some), SIDE**2)
        X[some] = np.where(inside, painted, X[some])
