"""Shapeset-3x2: every rule against a plain rewriting of it, pieces against the whole, C against NumPy."""

import copy
import math
import pickle
import sys
import threading
import time
import zlib
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet import SGD, Dense, Network, Trainer
from minnet.callbacks import Checkpoint
from minnet.datasets import SHAPESET_CLASSES, ShapesetStream, make_shapeset, shapeset
from minnet.random import Stream, draw_key

SIDES = (3, 4, 20)
LONELY = 943_402  # an image of the default sequence whose second object was redrawn 50 times
CHECKSUMS = (2636671146, 1185042260)  # CRC-32 of the first thousand images and labels
LABELS = {(0, 1): 3, (1, 2): 4, (0, 2): 5, (0, 0): 6, (1, 1): 7, (2, 2): 8}

needs_extension = pytest.mark.skipif(shapeset._ext is None, reason="no extension")


@pytest.fixture(params=["compiled", "numpy"])
def code(request, monkeypatch):
    """Which code makes the images."""
    if request.param == "numpy":
        monkeypatch.setattr(shapeset, "_ext", None)
    elif shapeset._ext is None:
        pytest.skip("no extension")


def polygon(kind, rotation, orientation, scales):
    """Return the corners about the centre, by the words of the rules."""
    n = SIDES[kind]
    angles = 2 * np.pi * (np.arange(n) / n + 1 / (2 * n) + 1 / 4)
    points = 0.5 * np.stack([np.cos(angles), np.sin(angles)])
    alpha = rotation * 2 * np.pi / 255

    def turn(angle):
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    back = -math.atan(scales[1] / scales[0] * math.tan(alpha))
    points = turn(back) @ np.diag(scales) @ turn(alpha) @ points
    base = points[:, 0] - points[:, -1]  # the edge at the bottom
    assert abs(base[1]) < 1e-9 * abs(base[0])
    return (turn(orientation * 2 * np.pi / 255) @ points).T


def redrawn(shapes, centres):
    """Say whether the rule of overlap wants another second object."""
    (kind_1, scale_1, points_1), (kind_2, scale_2, points_2) = shapes
    line = np.array(centres[1]) - np.trunc(centres[0])
    d = np.hypot(*line)
    p = (points_1 @ line / d).max() + (points_2 @ -line / d).max()
    if p < d:
        return False
    area = [
        s[0] * s[1] * SIDES[k] * math.sin(2 * math.pi / SIDES[k]) / (2 * math.pi)
        for k, s in ((kind_1, scale_1), (kind_2, scale_2))
    ]
    return area[1] / area[0] * (1 - 2 ** (-(p - d) / d)) > 0.5


def fill(image, corners, grey):
    """Paint the rows of a polygon with its corners at whole numbers, from one crossing to the other."""
    corners = [(math.trunc(x), math.trunc(y)) for x, y in corners]
    last = max(y for _, y in corners)
    for row in range(32):
        crossings = []
        for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
            (x0, y0), (x1, y1) = sorted((one, other), key=lambda corner: corner[1])
            if y0 <= row < y1 or y0 < row == y1 == last:
                crossings.append(x0 + math.trunc(Fraction((row - y0) * (x1 - x0), y1 - y0)))
        if crossings:
            image[row, min(crossings) : max(crossings) + 1] = grey


def by_the_rules(number, random_state=0):
    """Make one image as the documentation describes it, with nothing of minnet but random words."""
    words = Stream(draw_key(random_state), "shapeset").words(256, 256 * number).reshape(64, 4)

    def whole(word, n):
        return int(word) * n >> 32

    def grey(word, bright):
        return 140 + whole(word, 116) if bright else whole(word, 115)

    def placed(block, kind, rotation, orientation):
        units = [int(word) / 2**32 for word in words[block]]
        scales = sorted(((0.2 + 0.6 * u) * 32 for u in units[:2]), reverse=True)
        points = polygon(kind, rotation, orientation, scales)
        low, high = 1 - points.min(axis=0), 31 - points.max(axis=0)
        return (kind, scales, points), low + np.array(units[2:]) * (high - low)

    def drawn(block):
        kind = whole(words[block, 0], 3)
        most = {0: 42, 1: 31, 2: 6}[kind]  # the steps of 2 pi / 255 below pi / n
        assert most * 2 * np.pi / 255 < np.pi / SIDES[kind] < (most + 1) * 2 * np.pi / 255
        rotation = whole(words[block, 2], 2 * most + 1) - most
        return kind, rotation, whole(words[block, 3], 254), grey(words[block, 1], bright)

    bright = whole(words[0, 0], 2) == 1
    image = np.full((32, 32), grey(words[0, 2], not bright), np.uint8)
    *first, grey_1 = drawn(1)
    shape_1, centre_1 = placed(2, *first)
    fill(image, shape_1[2] + centre_1, grey_1)
    if whole(words[0, 1], 2) == 0:
        return image.ravel(), first[0], 0
    *second, grey_2 = drawn(3)
    for attempt in range(50):
        shape_2, centre_2 = placed(4 + attempt, *second)
        if not redrawn((shape_1, shape_2), (centre_1, centre_2)):
            fill(image, shape_2[2] + centre_2, grey_2)
            return image.ravel(), LABELS[tuple(sorted((first[0], second[0])))], attempt
    return image.ravel(), first[0], 50


@pytest.mark.parametrize("random_state", [0, 7])
def test_images_follow_the_rules(code, random_state):
    start = 12_345 * random_state
    X, y, details = make_shapeset(
        400, random_state=random_state, start=start, dtype="uint8", return_details=True
    )
    for i in range(len(X)):
        image, label, rejections = by_the_rules(start + i, random_state)
        assert_array_equal(X[i], image)
        assert (y[i], details.rejections[i]) == (label, rejections)
    assert set(y) == set(range(9)) == set(range(len(SHAPESET_CLASSES)))


def test_a_second_object_that_finds_no_place_is_left_out(code):
    X, y, details = make_shapeset(1, start=LONELY, dtype="uint8", return_details=True)
    image, label, rejections = by_the_rules(LONELY)
    assert rejections == details.rejections[0] == 50
    assert details.n_objects[0] == 1
    assert details.kind[0, 1] == details.grey[0, 1] == -1
    assert np.isnan(details.corners[0, 1]).all()
    assert_array_equal(X[0], image)
    assert y[0] == label == details.kind[0, 0]


def test_details_are_in_their_bounds():
    X, y, details = make_shapeset(5000, return_details=True)
    image = X.reshape(-1, 32, 32)
    level = 2 * details.background / 255 - 1
    for edge in (image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]):
        assert_allclose(edge, np.repeat(level[:, np.newaxis], 32, axis=1), atol=1e-6)
    two = details.n_objects == 2
    assert_array_equal(details.label, y)
    assert_array_equal(np.isin(y, [3, 4, 5, 6, 7, 8]), two)
    assert not details.rejections[~two].any()
    for number, some in ((0, np.ones(5000, bool)), (1, two)):
        scale, corners = details.scale[some, number], details.corners[some, number]
        assert 6.4 <= scale.min() < 6.6
        assert 25.4 < scale.max() <= 25.6
        assert (scale[:, 0] >= scale[:, 1]).all()
        assert 1 - 1e-9 < corners.min() < 1.1
        assert 30.9 < corners.max() < 31 + 1e-9
        grey, bright = details.grey[some, number], details.bright[some]
        assert (grey[bright].min(), grey[bright].max()) == (140, 255)
        assert (grey[~bright].min(), grey[~bright].max()) == (0, 114)
        assert set(details.orientation[some, number]) == set(range(254))
        for kind, most in enumerate((42, 31, 6)):
            rotation = details.rotation[some, number][details.kind[some, number] == kind]
            assert set(rotation) == set(range(-most, most + 1))
    background = details.background
    assert (background[details.bright].min(), background[details.bright].max()) == (0, 114)
    assert (background[~details.bright].min(), background[~details.bright].max()) == (140, 255)


def test_any_piece_equals_the_same_piece_of_the_whole(code):
    X, y = make_shapeset(2500, random_state=3)
    for start, n in ((0, 1), (1, 1), (1023, 3), (2499, 1), (700, 1500)):
        piece, labels = make_shapeset(n, random_state=3, start=start)
        assert_array_equal(piece, X[start : start + n])
        assert_array_equal(labels, y[start : start + n])


@needs_extension
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("start", [0, 10**12, 2**52 - 5000])
def test_compiled_and_numpy_give_the_same_bits(dtype, start, monkeypatch):
    X, y = make_shapeset(5000, random_state=11, start=start, dtype=dtype)
    monkeypatch.setattr(shapeset, "_ext", None)
    by_numpy, labels = make_shapeset(5000, random_state=11, start=start, dtype=dtype)
    assert X.dtype == by_numpy.dtype == dtype
    assert_array_equal(X, by_numpy)
    assert_array_equal(y, labels)


def test_the_images_of_a_seed_never_change(code):
    X, y = make_shapeset(1000, dtype="uint8")
    assert (zlib.crc32(X), zlib.crc32(y.astype("<i8"))) == CHECKSUMS


def test_pixels_are_the_greys_between_minus_one_and_one():
    greys, _ = make_shapeset(300, dtype="uint8")
    for dtype in ("float32", "float64"):
        X, _ = make_shapeset(300, dtype=dtype)
        assert_array_equal(X, (2 * greys.astype("float64") / 255 - 1).astype(dtype))


def test_random_state_is_that_of_scikit_learn():
    X, _ = make_shapeset(20, random_state=5)
    same, _ = make_shapeset(20, random_state=np.random.RandomState(5))
    assert_array_equal(X, same)
    moving = np.random.RandomState(5)
    assert_array_equal(make_shapeset(20, random_state=moving)[0], X)
    assert (make_shapeset(20, random_state=moving)[0] != X).any()
    assert (
        make_shapeset(20, random_state=None)[0] != make_shapeset(20, random_state=None)[0]
    ).any()
    assert make_shapeset(0)[0].shape == (0, 1024)
    assert make_shapeset(0, return_details=True)[2].corners.shape == (0, 2, 20, 2)


def test_a_stream_is_the_sequence_in_batches(code):
    X, y = make_shapeset(700, random_state=2, start=50)
    stream = ShapesetStream(100, random_state=2, start=50)
    batches = iter(stream)
    for i in (0, 100):
        got = next(batches)
        assert_array_equal(got[0], X[i : i + 100])
        assert_array_equal(got[1], y[i : i + 100])
    batches.skip(3)
    assert batches.position == 550
    assert_array_equal(next(batches)[0], X[500:600])
    assert_array_equal(next(iter(stream))[0], X[:100])  # another iterator begins anew
    assert repr(stream) == "ShapesetStream(100, random_state=2, start=50, dtype='float32')"


def test_threads_that_share_an_iterator_get_each_batch_once(monkeypatch):
    def slow(stream, start, n, dtype):
        time.sleep(0.002)  # other threads run meanwhile, as they do while images are made
        return start

    monkeypatch.setattr(shapeset, "_make", slow)
    batches, got = iter(ShapesetStream(10)), []
    threads = [
        threading.Thread(target=lambda: got.extend(next(batches) for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(0, 200, 10))


def test_a_copied_or_pickled_iterator_goes_on_where_it_was():
    batches = iter(ShapesetStream(5, random_state=4))
    next(batches)
    X, y = make_shapeset(5, random_state=4, start=5)
    for other in (copy.copy(batches), copy.deepcopy(batches), pickle.loads(pickle.dumps(batches))):
        got = next(other)
        assert_array_equal(got[0], X)
        assert_array_equal(got[1], y)
    assert batches.position == 5


def test_training_on_the_stream_is_training_on_its_batches():
    def network():
        layers = [Dense(20, "tanh"), Dense(9)]
        return Network(layers).initialize(1024, random_state=0, dtype="float32")

    streamed, listed = network(), network()
    Trainer(streamed, SGD(0.01), batch_size=10).fit_stream(
        ShapesetStream(50, start=1000), n_epochs=2, batches_per_epoch=3
    )
    batches = [make_shapeset(50, start=start) for start in range(1000, 1300, 50)]
    Trainer(listed, SGD(0.01), batch_size=10).fit_stream(batches)
    assert_array_equal(streamed.params, listed.params)


def test_an_interrupted_training_goes_on_by_skipping(tmp_path, monkeypatch):
    skipped = []
    skip = shapeset._Batches.skip
    monkeypatch.setattr(
        shapeset._Batches, "skip", lambda *args: skipped.append(args[1]) or skip(*args)
    )

    def train(**options):
        net = Network([Dense(20, "tanh"), Dense(9)]).initialize(1024, random_state=0)
        trainer = Trainer(net, "adam", batch_size=10, n_iter_no_change=99)
        stream = ShapesetStream(40)
        return trainer.fit_stream(stream, n_epochs=6, batches_per_epoch=3, **options).network.params

    def interrupt(trainer):
        if trainer.n_epochs == 4:
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint.safetensors"
    with pytest.warns(UserWarning, match="interrupted by user"):
        train(callbacks=[interrupt, Checkpoint(path, every=0)])
    assert not skipped
    assert_array_equal(train(callbacks=[Checkpoint(path)]), train())
    assert len(skipped) == 1
    assert 6 < skipped[0] <= 12


@needs_extension
def test_other_threads_run_while_images_are_made():
    interval = sys.getswitchinterval()
    seen = []
    sys.setswitchinterval(60)  # no thread is made to give way
    try:
        for _ in range(10):  # a loaded machine may wake this thread too late
            begun, done = threading.Event(), []

            def make(begun=begun, done=done):
                begun.set()
                make_shapeset(50_000, dtype="uint8")
                done.append(True)

            thread = threading.Thread(target=make)
            thread.start()
            begun.wait()
            seen.append(not done)
            thread.join()
            if any(seen):
                break
    finally:
        sys.setswitchinterval(interval)
    assert any(seen)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": -1}, ValueError, "n_samples must be a whole number of at least 0"),
        ({"n_samples": 2.5}, ValueError, "n_samples must be a whole number"),
        ({"start": -1}, ValueError, "start must be a whole number of at least 0"),
        ({"start": 2**52}, ValueError, "start must be a whole number .* at most"),
        ({"start": 2**52 - 5}, ValueError, r"start \+ n_samples must be at most 2\*\*52"),
        ({"dtype": "int32"}, ValueError, "dtype must be float32, float64 or uint8, got 'int32'"),
        ({"dtype": ">f4"}, ValueError, "dtype must be float32"),
        ({"dtype": "what"}, ValueError, "dtype must be float32"),
        ({"return_details": 1}, ValueError, "return_details must be True or False"),
        ({"random_state": "x"}, ValueError, "random_state must be None, a whole number from 0 to"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(options, error, message):
    with pytest.raises(error, match=message):
        make_shapeset(**{"n_samples": 10} | options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"start": "a"}, "start must be a whole number"),
        ({"dtype": "f2"}, "dtype must be float32"),
    ],
)
def test_streams_say_what_is_wrong_with_them(arguments, message):
    with pytest.raises(ValueError, match=message):
        ShapesetStream(**arguments)
    with pytest.raises(ValueError, match="n must be a whole number"):
        iter(ShapesetStream()).skip(-1)


@needs_extension
def test_compiled_code_refuses_arrays_of_other_sizes():
    from minnet.datasets import _scenes

    tables = _scenes.tables()
    X, y = np.zeros((5, 1024), np.uint8), np.zeros(5, np.int64)
    level = _scenes.levels("uint8")
    for arrays in (
        (X[:, :1000].copy(), y, level, *tables),
        (X, y[:3], level, *tables),
        (X, y, level[:9], *tables),
        (X, y, level, tables[0][:9], *tables[1:]),
        (X, y, level, *tables[:3], tables[3][:0]),
    ):
        with pytest.raises(ValueError, match="wrong size"):
            shapeset._ext.fill(0, 0, 0, 0, *arrays)
