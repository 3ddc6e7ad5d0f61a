"""Batches that are empty, and batches that are wrong: of every kind, in every place, in every call."""

import itertools
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from minnet import SGD, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.callbacks import Callback, Checkpoint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
BATCHES = [(X[i : i + 12], Y[i : i + 12]) for i in range(0, 60, 12)]
EMPTY = X[:0], Y[:0]

pytestmark = pytest.mark.filterwarnings("ignore:Training interrupted")


def trainer():
    net = Network([Dense(4, "tanh"), Dense(1)], "log_loss").initialize(3, random_state=0)
    return Trainer(net, SGD(0.1, momentum=0.9), batch_size=5, tol=0, n_iter_no_change=np.inf)


def by_trainer(batches, n_epochs=1, callbacks=(), **options):
    return trainer().fit_stream(batches, n_epochs=n_epochs, callbacks=callbacks, **options)


def by_estimator(cls, **more):
    def fit(batches, n_epochs=1, callbacks=(), **options):
        est = cls(hidden_layer_sizes=(4,), batch_size=5, random_state=0, tol=0, n_iter_no_change=99)
        est.set_callbacks(*callbacks)
        return est.fit_stream(batches, n_epochs, **options, **more)._trainer

    return fit


CALLS = {
    "Trainer": by_trainer,
    "classifier": by_estimator(MinNetClassifier, classes=[0, 1]),
    "regressor": by_estimator(MinNetRegressor),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class Seekable:
    """An iterator that can skip, as a file of records can."""

    def __init__(self, items):
        self.items, self.at = items, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at >= len(self.items):
            raise StopIteration
        self.at += 1
        return self.items[self.at - 1]

    def skip(self, n):
        self.at += n


PLACES = [(0,), (0, 0, 0), (2,), (5,), (0, 1, 1, 3, 5, 5)]


def with_empty(batches, places):
    """Put empty batches before those of these numbers."""
    return [
        item
        for i, batch in enumerate([*batches, None])
        for item in [EMPTY] * places.count(i) + ([batch] if batch else [])
    ]


# ---- empty ones


@each_call
@pytest.mark.parametrize("places", PLACES, ids=str)
@pytest.mark.parametrize("per_epoch", [None, 3])
def test_empty_batches_are_left_out(call, places, per_epoch):
    if per_epoch:
        options = {"n_epochs": 4, "batches_per_epoch": per_epoch}
        plain = call(BATCHES * 4, **options)
        holey = call(iter(with_empty(BATCHES, places) * 4), **options)
    else:
        plain = call(BATCHES, n_epochs=3)
        holey = call(with_empty(BATCHES, places), n_epochs=3)
    assert_array_equal(holey.network.params, plain.network.params)
    assert holey.loss_curve == plain.loss_curve
    assert holey.n_parts == plain.n_parts == (12 if per_epoch else 15)


@pytest.mark.parametrize(
    "empty",
    [
        ([], []), (np.empty((0, 3)), []), (pd.DataFrame(X[:0]), pd.Series(Y[:0])),
        (pl.DataFrame(X[:0]), pl.Series(Y[:0])), (sparse.csr_array((0, 3)), np.array([])),
        (X[:0], Y[:0], None), (X[:0], Y[:0], np.ones(0)), (X[:0, :2], Y[:0]),
    ],
    ids=lambda empty: type(empty[0]).__name__,
)  # fmt: skip
@each_call
def test_nothing_may_come_in_any_form(call, empty):
    assert call([empty, *BATCHES, empty]).n_seen == 60


@each_call
@pytest.mark.parametrize("n_empty", [0, 1, 3])
def test_a_stream_of_nothing_is_refused(call, n_empty):
    there = f"{n_empty} without any row" if n_empty else "none"
    with pytest.raises(ValueError, match=f"batches must have at least one batch, got {there}$"):
        call([EMPTY] * n_empty)


class StopAt(Callback):
    """Presses Ctrl-C at a step."""

    def __init__(self, step):
        self.step = step

    def next_step(self, trainer):
        return self.step

    def at_step(self, trainer):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "call", [CALLS["Trainer"], CALLS["classifier"]], ids=["Trainer", "estimator"]
)
@pytest.mark.parametrize("places", [(), (0, 1, 1, 3, 5, 5)], ids=str)
@pytest.mark.parametrize("stream", ["list", "iterator", "seekable"])
@pytest.mark.parametrize("step", [1, 17])  # three steps a batch, fifteen a pass
def test_a_resumed_training_finds_its_place(call, places, stream, step, tmp_path):
    once = stream != "list"
    options = {"n_epochs": 3} | ({"batches_per_epoch": 4} if once else {})
    items = with_empty(BATCHES, places) * (3 if once else 1)
    make = {"list": list, "iterator": iter, "seekable": Seekable}[stream]
    whole = call(make(items), **options)
    checkpoint = Checkpoint(tmp_path / "c", every=0)
    call(make(items), **options, callbacks=[checkpoint, StopAt(step)])
    resumed = call(make(items), **options, callbacks=[Checkpoint(tmp_path / "c")])
    assert_array_equal(resumed.network.params, whole.network.params)
    assert resumed.loss_curve == whole.loss_curve
    # An error after that has the number of its batch in the stream:
    wrong = [*items[:-1], (X, Y[:5])]
    checkpoint = Checkpoint(tmp_path / "d", every=0)
    call(make(wrong), **options | {"n_epochs": 1}, callbacks=[checkpoint, StopAt(1)])
    with pytest.raises(ValueError, match=f"batch {len(wrong) - 1}: "):
        call(make(wrong), n_epochs=9, callbacks=[Checkpoint(tmp_path / "d")],
             **({"batches_per_epoch": 4} if once else {}))  # fmt: skip


# ---- wrong ones


def changed(array, value):
    array = array.astype(float)
    array[0] = value
    return array


WRONG = {
    "NaN in X": (changed(X, np.nan), Y), "infinity in X": (changed(X, np.inf), Y),
    "NaN in y": (X, changed(Y, np.nan)), "short y": (X, Y[:5]), "short X": (X[:5], Y),
    "no X": (X[:0], Y), "no y": (X, Y[:0]), "a vector": (X[:, 0], Y),
    "text": (X.astype(str) + "a", Y), "short weights": (X, Y, np.ones(5)),
    "negative weights": (X, Y, -np.ones(60)), "no tuple": 3, "one thing": (X,), "None": None,
    "four things": (X, Y, None, None), "an object": (object(), Y), "no rows": (3, 4),
}  # fmt: skip


@each_call
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("place", [0, 2])
def test_what_is_wrong_with_a_batch_has_its_number(call, wrong, place):
    batches = [*BATCHES[:place], wrong]
    with pytest.raises((TypeError, ValueError), match=rf"^batch {place}: "):
        call(batches)
    with pytest.raises((TypeError, ValueError), match=rf"^batch {place + 2}: "):
        call(iter([EMPTY, EMPTY, *batches]))


@each_call
@pytest.mark.parametrize("kind", [OSError, KeyError, ValueError, ZeroDivisionError])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_an_error_of_the_stream_stays_what_it_is(call, kind, place):
    def batches():
        yield from BATCHES[:place]
        raise error

    error = kind("the disk is gone")
    with pytest.raises(kind, match="the disk is gone") as raised:
        call(batches)
    assert raised.value is error
    assert error.__notes__ == [f"It was raised by batches, in the place of batch {place}."]


def test_other_columns_are_wrong_in_each_batch_but_the_first():
    for call in CALLS.values():
        with pytest.raises(ValueError, match=r"^batch 3: X "):
            call([EMPTY, *BATCHES[:2], (X[:, :2], Y)])
    frames = [(pd.DataFrame(x, columns=["a", "b", "c"]), y) for x, y in BATCHES]
    renamed = frames[0][0].rename(columns={"b": "d"}), frames[0][1]
    with pytest.raises(ValueError, match=r"^batch 2: The feature names should match"):
        CALLS["classifier"]([*frames[:2], renamed])


def test_a_failed_stream_leaves_the_estimator_as_it_was():
    est = MinNetClassifier((4,), random_state=0, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est.fit(X, Y)
    before, known = est.network_.params.copy(), dict(vars(est))
    for place, wrong in itertools.product((0, 3), WRONG.values()):
        with pytest.raises((TypeError, ValueError), match=f"^batch {place}: "):
            est.fit_stream([*BATCHES[:place], wrong], classes=[0, 1])
    assert vars(est) == known
    assert_array_equal(est.network_.params, before)
