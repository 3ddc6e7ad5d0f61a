"""From every kind of source come the same rows, in order or shuffled, from any batch on."""

import numpy as np
import pytest
from sources import MAKERS, N_ROWS, NAMELESS, NAMES, UNCOUNTED, drawn, make

from minnet import MinNetClassifier
from minnet.streams import BatchStream

each_kind = pytest.mark.parametrize("kind", MAKERS)


def rows_of(batches):
    """Return the rows of batches as three arrays."""
    return [
        np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*batches, strict=True)
    ]


def by_first_of(X):
    """Return the order of the rows by the first column."""
    return np.argsort(X[:, 0])


@each_kind
@pytest.mark.parametrize("batch_size", [64, 5000])
def test_rows_come_as_they_lie(kind, batch_size, tmp_path):
    source, named = make(kind, tmp_path)
    batches = list(BatchStream(source, **named, batch_size=batch_size, shuffle_buffer=0))
    assert [len(y) for _, y, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    for got, given in zip(rows_of(batches), drawn(), strict=True):
        np.testing.assert_array_equal(got.astype(given.dtype), given)
    X = batches[0][0]
    if kind in NAMELESS:
        assert type(X) is np.ndarray
    else:
        assert list(X.columns) == NAMES
    # What a database or a text has is of 64 bits.
    assert np.asarray(X).dtype == ("float64" if kind in ("sqlite", "csv", "csv_gz") else "float32")


@each_kind
def test_any_epoch_has_each_row_once_and_can_be_entered_anywhere(kind, tmp_path):
    source, named = make(kind, tmp_path)
    stream = BatchStream(source, **named, batch_size=90, shuffle_buffer=200, random_state=0)
    orders = []
    for epoch in range(2):
        batches = list(stream.iter_epoch(epoch))
        X, y, w = rows_of(batches)
        orders.append(X[:, 0])
        by_first, rows = by_first_of(X), drawn()
        for got, given in zip((X, y, w), rows, strict=True):
            expected = given[by_first_of(rows[0])]
            np.testing.assert_array_equal(got[by_first].astype(given.dtype), expected)
        for n in (7, 11, 40) if epoch else (1,):
            entered = stream.iter_epoch(epoch)
            entered.skip(n // 2)
            entered.skip(n - n // 2)
            for got, given in zip(entered, batches[n:], strict=True):
                np.testing.assert_array_equal(np.asarray(got[0]), np.asarray(given[0]))
                np.testing.assert_array_equal(got[1], given[1])
        taken = stream.iter_epoch(epoch)
        next(taken)
        taken.skip(3)
        np.testing.assert_array_equal(next(taken)[1], batches[4][1])
    assert not np.array_equal(*orders)
    cached = BatchStream(source, **named, batch_size=90, random_state=0, cache=tmp_path)
    [first, *others] = list(cached.iter_epoch(1))
    X, y, w = rows_of([first, *others])
    np.testing.assert_array_equal(y[by_first_of(X)], rows[1][by_first_of(rows[0])])
    entered = cached.iter_epoch(1)
    entered.skip(1)
    np.testing.assert_array_equal(rows_of(list(entered))[2], rows_of(others)[2])
    if kind in UNCOUNTED:
        with pytest.raises(TypeError, match="no len"):
            len(stream)
    else:
        assert len(stream) == -(-N_ROWS // 90)


@each_kind
def test_an_estimator_learns_from_it_as_from_the_same_batches(kind, tmp_path):
    source, named = make(kind, tmp_path)
    stream = BatchStream(source, **named, batch_size=250, random_state=0, dtype="float32")
    classes = stream.classes()
    assert classes.tolist() == ["down", "up"]
    cached = BatchStream(source, **named, cache=str(tmp_path))
    assert cached.classes().tolist() == classes.tolist()
    epochs = iter([list(stream.iter_epoch(epoch)) for epoch in range(2)])
    expected = MinNetClassifier((8,), random_state=0)
    expected.fit_stream(lambda: next(epochs), n_epochs=2, classes=classes)
    clf = MinNetClassifier((8,), random_state=0).fit_stream(stream, n_epochs=2, classes=classes)
    np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])
    if kind not in NAMELESS:
        assert clf.feature_names_in_.tolist() == NAMES
