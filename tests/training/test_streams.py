"""Training on streams: what comes batch by batch trains as what is there as a whole."""

import itertools
import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from minnet import SGD, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.backends import list_backends
from minnet.schedules import WarmUp
from minnet.training.reading import ReadAhead

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 0)
BATCHES = [(X[i : i + 24], Y[i : i + 24]) for i in range(0, 120, 24)]


def classifier(**params):
    given = {"hidden_layer_sizes": (7,), "random_state": 3, "batch_size": 10}
    return MinNetClassifier(**given | {"n_iter_no_change": np.inf} | params)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("convert", [np.asarray, np.float32, sparse.csr_matrix])
def test_a_stream_takes_the_steps_of_partial_fit(backend, solver, convert):
    batches = [(convert(x), y) for x, y in BATCHES]
    options = {"backend": backend, "solver": solver}
    options["learning_rate"] = "invscaling" if solver == "sgd" else WarmUp(9)
    whole = classifier(**options).fit_stream(batches, n_epochs=3, classes=[0, 1, 2])
    parts = classifier(**options)
    for x, y in batches * 3:
        parts.partial_fit(x, y, classes=[0, 1, 2])
    assert_array_equal(whole.network_.params, parts.network_.params)
    assert whole.n_iter_ == len(whole.loss_curve_) == 3
    assert whole.t_ == parts.t_ == 360
    np.testing.assert_allclose(
        whole.loss_curve_, np.reshape(parts.loss_curve_, (3, 5)).mean(axis=1)
    )


def test_one_batch_is_fit():
    stream = classifier().fit_stream([(X, Y)], n_epochs=4, classes=[0, 1, 2])
    whole = classifier(max_iter=4).fit(X, Y)
    assert_array_equal(stream.network_.params, whole.network_.params)
    assert stream.loss_curve_ == whole.loss_curve_


def test_weights_of_samples_come_along():
    weights = RNG.integers(0, 3, size=120)
    batches = [(x, y, w) for (x, y), w in zip(BATCHES, weights.reshape(5, 24), strict=True)]
    stream = classifier().fit_stream(batches, classes=[0, 1, 2])
    parts = classifier()
    for x, y, w in batches:
        parts.partial_fit(x, y, sample_weight=w, classes=[0, 1, 2])
    assert_array_equal(stream.network_.params, parts.network_.params)


@pytest.mark.parametrize("kind", ["function", "iterator"])
def test_an_epoch_may_be_a_piece_of_an_endless_stream(kind):
    def endless():
        return itertools.cycle(BATCHES)

    batches = endless if kind == "function" else endless()
    pieces = classifier().fit_stream(batches, 5, batches_per_epoch=3, classes=[0, 1, 2])
    passes = classifier().fit_stream(BATCHES, 3, classes=[0, 1, 2])
    assert_array_equal(pieces.network_.params, passes.network_.params)
    assert pieces.n_iter_ == len(pieces.loss_curve_) == 5


def test_a_stream_that_ends_ends_the_fit():
    stream = classifier().fit_stream(iter(BATCHES), 50, batches_per_epoch=2, classes=[0, 1, 2])
    assert stream.n_iter_ == 3  # the last epoch has one batch
    passed = classifier().fit_stream(BATCHES, classes=[0, 1, 2])
    assert_array_equal(stream.network_.params, passed.network_.params)


def test_early_stopping_on_a_validation_set_keeps_the_best_weights():
    held = {"X_val": X[:30], "y_val": Y[:30]}
    options = {"early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.3}
    est = classifier(**options).fit_stream(BATCHES, 200, classes=[0, 1, 2], **held)
    assert est.n_iter_ < 200
    assert len(est.validation_scores_) == est.n_iter_
    assert est.score(X[:30], Y[:30]) == pytest.approx(est.best_validation_score_)
    with pytest.raises(ValueError, match="X_val and y_val must be given for early_stopping=True"):
        classifier(early_stopping=True).fit_stream(BATCHES, classes=[0, 1, 2])


def test_a_warm_start_goes_on_and_a_cold_one_begins_anew():
    est = classifier(warm_start=True).fit_stream(BATCHES, classes=[0, 1, 2])
    est.fit_stream(BATCHES)  # the classes are known
    whole = classifier().fit_stream(BATCHES, 2, classes=[0, 1, 2])
    # As in every warm start the optimizer is a new one, so plain SGD shows that all else goes on.
    assert est.loss_curve_[0] == whole.loss_curve_[0]
    plain = {"solver": "sgd", "momentum": 0, "warm_start": True}
    est = classifier(**plain).fit_stream(BATCHES, classes=[0, 1, 2]).fit_stream(BATCHES)
    whole = classifier(**plain).fit_stream(BATCHES, 2, classes=[0, 1, 2])
    assert_array_equal(est.network_.params, whole.network_.params)
    anew = est.set_params(warm_start=False).fit_stream(BATCHES, 2, classes=[0, 1, 2])
    assert_array_equal(anew.network_.params, whole.network_.params)


@pytest.mark.parametrize(
    ("batches", "n_epochs", "options", "error", "message"),
    [
        ([], 1, {}, ValueError, "batches must have at least one batch, got none"),
        (3, 1, {}, TypeError, "batches must be an iterable of tuples or a function"),
        (iter(BATCHES), 2, {}, ValueError, "batches must be iterable n_epochs=2 times, got a list_it"),
        ([X], 1, {}, TypeError, "batches must have tuples of X, its targets .*BatchStream makes"),
        ((X, Y), 1, {}, TypeError, "batches must have tuples of X, its targets .*BatchStream makes"),
        ("a.csv", 1, {}, TypeError, "batches must be an iterable of tuples .*BatchStream makes them"),
        ([(X, Y, None, 1)], 1, {}, TypeError, "batches must have tuples .* got a tuple of 4"),
        (BATCHES, 0, {}, ValueError, "n_epochs must be a whole number of at least 1, got 0"),
        (BATCHES, 1, {"batches_per_epoch": 0}, ValueError, "batches_per_epoch must be a whole numb"),
        ([*BATCHES, (X[:, :3], Y)], 1, {}, ValueError, "batch 5: X has 3 features"),
        ([*BATCHES, (X, Y + 5)], 1, {}, ValueError, "batch 5: `y` has classes not in"),
        ([*BATCHES, (X * np.nan, Y)], 1, {}, ValueError, "batch 5: Input X contains NaN"),
    ],
)  # fmt: skip
def test_a_bad_stream_says_what_and_where_and_changes_nothing(
    batches, n_epochs, options, error, message
):
    est = classifier().fit(X, Y)
    before, known = est.network_.params.copy(), dict(vars(est))
    with pytest.raises(error, match=message):
        est.fit_stream(batches, n_epochs, classes=[0, 1, 2], **options)
    assert_array_equal(est.network_.params, before)
    assert vars(est) == known


def test_classes_must_be_known():
    with pytest.raises(ValueError, match="classes must be given"):
        classifier().fit_stream(BATCHES)
    with pytest.raises(AttributeError, match="has no attribute 'fit_stream'"):
        classifier(solver="lbfgs").fit_stream(BATCHES, classes=[0, 1, 2])


def _until_readers_end():
    for thread in threading.enumerate():
        if thread.name == "minnet-reader":
            thread.join()


def test_an_error_of_the_reader_is_raised_where_it_is_waited_for():
    def broken():
        yield BATCHES[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        classifier().fit_stream(broken, classes=[0, 1, 2])
    _until_readers_end()


def test_a_regressor_and_a_trainer_take_streams():
    T = X @ [1.0, 2, 3, 4, 5]
    batches = [(X[i::4], T[i::4]) for i in range(4)]
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.05, "random_state": 0}
    est = MinNetRegressor(hidden_layer_sizes=(), n_iter_no_change=np.inf, alpha=0, **options)
    est.fit_stream(batches, 100)
    np.testing.assert_allclose(est.coefs_[0].ravel(), [1, 2, 3, 4, 5], atol=0.01)
    net = Network([Dense(1)], "squared_error").initialize(5, random_state=0)
    trainer = Trainer(net, SGD(0.05), n_iter_no_change=np.inf).fit_stream(batches, n_epochs=100)
    np.testing.assert_allclose(net.layers[0].W.ravel(), [1, 2, 3, 4, 5], atol=0.01)
    assert (trainer.n_epochs, trainer.n_parts, trainer.n_seen) == (100, 400, 12000)


def test_the_reader_is_ahead_by_no_more_than_it_may():
    read = []

    def items():
        for i in range(20):
            read.append(i)
            yield i

    with ReadAhead(items(), lambda i: i) as ready:
        for i in ready:
            time.sleep(0.005)
            assert len(read) <= i + 1 + 2 + 1  # one in hand, two ready, one waiting to be
    assert read == list(range(20))


def test_a_reader_that_is_left_early_ends():
    with ReadAhead(itertools.count(), lambda i: i) as ready:
        assert list(itertools.islice(ready, 5)) == [0, 1, 2, 3, 4]
    _until_readers_end()
