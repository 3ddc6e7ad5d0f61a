"""How a Trainer is called: bad arguments, calls within calls, calls at once, and how callbacks stop it."""

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from minnet import SGD, Adam, Dense, MinNetClassifier, Network, Trainer
from minnet.callbacks import Callback, StopTraining

X = np.random.default_rng(0).normal(size=(60, 4))
T = (X[:, 0] > 0).astype(int)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def a_network():
    return Network([Dense(5, "tanh"), Dense(2)]).initialize(4, random_state=0)


def a_trainer(**options):
    return Trainer(a_network(), SGD(0.1), batch_size=20, **options)


class At(Callback):
    """Does something in one of its calls, once."""

    def __init__(self, when, action, step=1):
        self.when, self.action, self.step = when, action, step
        self.ended = self.aborted = 0

    def __getattribute__(self, name):
        when = object.__getattribute__(self, "when") if name != "when" else None
        if name == when:
            return self._act
        return object.__getattribute__(self, name)

    def _act(self, trainer):
        self.when = ""
        return self.action(trainer)

    def next_step(self, trainer):
        return self.step

    def end(self, trainer):
        self.ended += 1

    def abort(self, trainer):
        self.aborted += 1


# ---- arguments

ARRAY, MATRIX = np.zeros(2), sparse.csr_matrix(np.eye(2))
BAD = {
    "optimizer": [None, 3, "adamm", SGD, ARRAY],
    "batch_size": [0, -1, 2.5, True, "auto", None, np.nan, ARRAY, MATRIX],
    "learning_rate": [None, 0.1, "constantly", ARRAY, SGD(0.1)],
    "power_t": [-1, None, "0.5", np.nan, np.inf, ARRAY],
    "shuffle": [None, 1, "yes", ARRAY, MATRIX],
    "tol": [-1e-4, None, "1e-4", np.nan, True, ARRAY],
    "n_iter_no_change": [-1, 2.5, None, "10", np.nan, True, ARRAY],
    "clip_value": [0, -1, "1", np.nan, True, ARRAY],
    "clip_norm": [0, -1, "1", np.nan, True, ARRAY],
    "weight_decay": [-1, None, "0", np.nan, np.inf, True, ARRAY],
    "backend": [None, 1, "numpyy", ARRAY, MATRIX],
    "n_threads": [0, 2.5, "2", 10**6, ARRAY, MATRIX],
    "verbose": [None, -1, "yes", 1.5, ARRAY, MATRIX],
}
BAD_FOR_FIT = {
    "max_epochs": [0, -1, 2.5, None, "5", True, ARRAY],
    "validate": [1, "f1", Network, ARRAY],
    "early_stopping": [None, 1, "yes", ARRAY],
    "callbacks": [None, 1, "stop", [1], [Callback], MATRIX],
    "X": [None, 1, "X", X[0], X[:, :3], np.full((60, 4), np.nan), X[:0]],
    "T": [None, 1, "T", T[:5], T + 1, T - 0.5, X],
    "sample_weight": [1, "w", np.ones(5), -np.ones(60), np.zeros(60), np.full(60, np.nan)],
}
BAD_FOR_STREAM = {
    "batches": [None, 1, X, "X"],
    "n_epochs": [0, 2.5, None, "5"],
    "batches_per_epoch": [0, 2.5, "5"],
    **{name: BAD_FOR_FIT[name] for name in ("validate", "early_stopping", "callbacks")},
}
BAD_FOR_RUN_EPOCH = {name: BAD_FOR_FIT[name] for name in ("X", "T", "sample_weight")}


CALLS = {
    "fit": ({"X": X, "T": T}, BAD_FOR_FIT),
    "fit_stream": ({"batches": [(X, T)]}, BAD_FOR_STREAM),
    "run_epoch": ({"X": X, "T": T}, BAD_FOR_RUN_EPOCH),
}


def each(bad):
    return [(name, value) for name, values in bad.items() for value in values]


def shown(value):
    return value if isinstance(value, str) else repr(value)[:20]


def refused(call, name):
    with pytest.raises((TypeError, ValueError), match=name):
        call()


@pytest.mark.parametrize(("name", "value"), each(BAD), ids=shown)
def test_an_option_is_checked_when_a_trainer_is_made(name, value):
    network = a_network()
    before = network.params.copy()
    refused(lambda: Trainer(network, **{"optimizer": "sgd"} | {name: value}), name)
    assert_array_equal(network.params, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [pair for pair in each(BAD) if pair[0] not in ("optimizer", "learning_rate", "power_t")],
    ids=shown,
)
def test_options_are_set_all_or_none(name, value):
    trainer = a_trainer()
    before = pickle.dumps(trainer)
    first = {"tol": 0.5} if name != "tol" else {"batch_size": 3}
    refused(lambda: trainer.set_options(**first, **{name: value}), name)
    assert pickle.dumps(trainer) == before


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [(call, *pair) for call, (_, bad) in CALLS.items() for pair in each(bad)],
    ids=shown,
)
def test_a_call_with_a_bad_argument_takes_no_step_and_begins_no_callback(call, name, value):
    trainer, begun = a_trainer(), []
    arguments = CALLS[call][0]
    if call != "run_epoch":
        arguments = arguments | {"callbacks": [At("begin", begun.append)]}
    before = pickle.dumps(trainer)
    refused(lambda: getattr(trainer, call)(**arguments | {name: value}), name.removesuffix("s"))
    assert pickle.dumps(trainer) == before
    assert not begun


def test_a_backend_that_is_set_anew_is_used():
    trainer = a_trainer(backend="auto")
    trainer.run_epoch(X, T)
    trainer.set_options(backend="numpy")
    trainer.run_epoch(X, T)
    assert trainer.backend_in_use == "numpy"


# ---- one call at a time


SENTENCE = "this Trainer must not be in training already"


@pytest.mark.parametrize("when", ["begin", "begin_epoch", "at_step", "end_epoch"])
@pytest.mark.parametrize(
    "call",
    [
        lambda trainer: trainer.fit(X, T),
        lambda trainer: trainer.fit_stream([(X, T)]),
        lambda trainer: trainer.run_epoch(X, T),
        lambda trainer: trainer.set_options(batch_size=1),
    ],
    ids=["fit", "fit_stream", "run_epoch", "set_options"],
)
def test_a_call_within_a_callback_is_refused_and_changes_nothing(when, call):
    trainer, undisturbed = a_trainer(), a_trainer()
    undisturbed.fit(X, T, max_epochs=3)

    def disturb(trainer):
        with pytest.raises(RuntimeError, match=SENTENCE):
            call(trainer)

    trainer.fit(X, T, max_epochs=3, callbacks=[At(when, disturb)])
    assert_array_equal(trainer.network.params, undisturbed.network.params)
    assert trainer.loss_curve == undisturbed.loss_curve
    assert pickle.dumps(trainer) == pickle.dumps(undisturbed)


def test_a_refused_call_that_nobody_catches_ends_the_training_as_an_error():
    trainer = a_trainer()
    callback = At("end_epoch", lambda trainer: trainer.fit(X, T))
    with pytest.raises(RuntimeError, match=SENTENCE):
        trainer.fit(X, T, callbacks=[callback])
    assert (callback.ended, callback.aborted) == (0, 1)
    assert trainer.run is None
    trainer.fit(X, T, max_epochs=2)  # and it may train again


def test_two_threads_on_one_trainer_get_one_training_and_one_sentence():
    trainer, undisturbed = a_trainer(), a_trainer()
    undisturbed.fit(X, T, max_epochs=5)
    inside, tried, errors = threading.Event(), threading.Event(), []

    def wait(trainer):
        inside.set()
        assert tried.wait(600)

    def other():
        assert inside.wait(600)
        for call in (trainer.run_epoch, trainer.fit):
            try:
                call(X, T)
            except RuntimeError as error:
                errors.append(str(error))
        tried.set()

    thread = threading.Thread(target=other)
    thread.start()
    trainer.fit(X, T, max_epochs=5, callbacks=[At("at_step", wait)])
    thread.join()
    assert len(errors) == 2
    assert all(SENTENCE in error for error in errors)
    assert_array_equal(trainer.network.params, undisturbed.network.params)
    assert trainer.n_steps == undisturbed.n_steps


@pytest.mark.parametrize(
    "make_copy", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))]
)
def test_a_copy_made_in_the_middle_of_a_training_may_train(make_copy):
    copies = []
    trainer = a_trainer().fit(
        X, T, max_epochs=2, callbacks=[At("at_step", lambda t: copies.append(make_copy(t)))]
    )
    copies[0].fit(X, T, max_epochs=1)
    assert trainer.n_epochs == 2


def test_partial_fit_of_one_estimator_in_threads_leaves_whole_epochs():
    model = MinNetClassifier((5,), solver="sgd", random_state=0, backend="numpy")
    model.partial_fit(X, T, classes=[0, 1])
    refused_calls = []

    def train():
        for _ in range(20):
            try:
                model.partial_fit(X, T)
            except RuntimeError as error:
                refused_calls.append(str(error))

    threads = [threading.Thread(target=train) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trainer = model._trainer
    n_done = 81 - len(refused_calls)
    assert all(
        "a MinNetClassifier must not be fitted by two calls at once" in each or SENTENCE in each
        for each in refused_calls
    )
    assert trainer.n_epochs == len(trainer.loss_curve) == trainer.n_steps == n_done
    assert trainer.optimizer.step == n_done


# ---- stopping


def test_stopping_is_no_interrupt():
    assert not issubclass(StopTraining, KeyboardInterrupt)
    assert issubclass(StopTraining, Exception)


def stop(trainer):
    raise StopTraining("enough")


@pytest.mark.parametrize(
    ("when", "n_epochs"), [("begin_epoch", 0), ("at_step", 0), ("end_epoch", 1)]
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_callback_stops_a_training_with_its_words(when, n_epochs, early_stopping):
    trainer = a_trainer()
    scores = iter(range(100))
    callback, stopped = At(when, stop), []
    note = At("end", lambda trainer: stopped.append(trainer.run.stopped))
    with pytest.warns(UserWarning, match="^enough$") as caught:
        trainer.fit(
            X,
            T,
            validate=lambda network: next(scores),
            early_stopping=early_stopping,
            callbacks=[callback, note],
        )
    assert [str(each.message) for each in caught] == ["enough"]
    assert caught[0].filename == __file__
    assert stopped == ["callback"]
    assert trainer.n_epochs == len(trainer.loss_curve) == n_epochs
    assert trainer.n_steps == {"begin_epoch": 0, "at_step": 1, "end_epoch": 3}[when]
    assert (callback.ended, callback.aborted) == (1, 0)


def test_a_stop_and_an_interrupt_are_told_apart():
    reasons = {}
    for name, error in (("callback", StopTraining()), ("interrupted", KeyboardInterrupt())):

        def fail(trainer, error=error):
            raise error

        note = At("end", lambda trainer: reasons.setdefault(trainer.run.stopped, trainer.n_steps))
        with pytest.warns(UserWarning, match="ended by a callback|interrupted by user"):
            a_trainer().fit(X, T, callbacks=[At("at_step", fail), note])
        assert name in reasons
    assert reasons == {"callback": 1, "interrupted": 1}


def test_warnings_name_the_line_that_called():
    trainer = a_trainer()
    cases = [
        lambda: trainer.fit(X, T, max_epochs=1),
        lambda: trainer.fit(X, T, max_epochs=1, validate=lambda network: np.nan),
    ]
    for case in cases:
        with warnings.catch_warnings(record=True, action="always") as caught:
            case()
        assert caught
        assert {each.filename for each in caught} == {__file__}
        assert {each.category for each in caught} == {ConvergenceWarning}


@pytest.mark.parametrize("given", [None, "adam", Adam, 0.1])
def test_an_optimizer_that_is_none_is_refused_in_one_sentence(given):
    trainer = a_trainer()
    before = trainer.network.params.copy()
    trainer.optimizer = given
    with pytest.raises(TypeError, match=r"^optimizer must be an Optimizer object, got "):
        trainer.fit(X, T, max_epochs=1)
    np.testing.assert_array_equal(trainer.network.params, before)
