"""Epochs that are taken several in one call end with the bits, records and stops of one at a time."""

import copy
import signal
import threading
import time
from contextlib import suppress
from itertools import product

import numpy as np
import pytest
from ensembles import LAYERS, WEIGHTS, X, targets
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.datasets import make_classification, make_regression

from minnet import (
    SGD,
    Adam,
    AdamW,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    RMSProp,
    Trainer,
    activation,
)
from minnet.backends import list_backends
from minnet.callbacks import Checkpoint, History
from minnet.optimizers import Cosine, FlatThenCosine, Schedule, StepDecay, WarmUp
from minnet.schedules import Adaptive, ByStep
from minnet.training import epochs

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif("cython" not in list_backends(), reason="needs the extension"),
    pytest.mark.usefixtures("at_any_pace"),
]

OPTIMIZERS = [
    SGD(0.1),
    SGD(0.05, momentum=0.9, nesterov=True),
    Adam(0.01),
    AdamW(0.01),
    RMSProp(0.01, momentum=0.5),
]
SCHEDULES = [
    "constant",
    "invscaling",
    "adaptive",
    Cosine(),
    Cosine(9),
    StepDecay(7, 0.5),
    FlatThenCosine(),
    WarmUp(10, then=Cosine()),
]
LOSSES = [
    ("log_loss", 2),
    ("log_loss", 3),
    ("sigmoid_cross_entropy", 1),
    ("squared_error", 2),
    ("poisson", 1),
]
STEPS = [{}, {"shuffle": False}, {"clip_norm": 0.1}, {"clip_value": 0.01}, {"weight_decay": 0.1}]
STALLS = [
    {"tol": 0, "n_iter_no_change": np.inf},
    {"tol": 1e-2, "n_iter_no_change": 0},
    {"tol": 1e-3, "n_iter_no_change": 2},
    {"tol": 0.5, "n_iter_no_change": 3},
]
RECORDS = [
    "n_epochs",
    "n_parts",
    "n_seen",
    "n_steps",
    "n_steps_before",
    "loss_curve",
    "best_loss",
    "no_improvement_count",
    "validation_scores",
]


def at_a_time(n_steps, monkeypatch):
    """Let a call take so many steps at most; 0: all epochs are taken one by one."""
    monkeypatch.setattr(epochs, "_STEPS_AT_ONCE", n_steps)


def assert_equal_trainers(one, other):
    assert_array_equal(one.network.params, other.network.params)
    assert_array_equal(one.network.state, other.network.state)
    assert_array_equal(one.optimizer.state, other.optimizer.state)
    assert one.optimizer.step == other.optimizer.step
    assert one.optimizer.learning_rate == other.optimizer.learning_rate
    assert type(one.optimizer.learning_rate) is type(other.optimizer.learning_rate)
    for name in RECORDS:
        assert_array_equal(getattr(one, name), getattr(other, name), name, strict=True)


def network(layers="dense", loss="log_loss", n_outputs=2, alpha=0.01, dtype="float64"):
    net = Network([*copy.deepcopy(LAYERS[layers]), Dense(n_outputs)], loss=loss, alpha=alpha)
    return net.initialize(4, random_state=0, dtype=dtype)


def both(fit, monkeypatch, n_steps=2**15):
    """Return two trainers of the same: of several epochs at a time, and of one."""
    trainers = []
    for most in (n_steps, 0):
        at_a_time(most, monkeypatch)
        trainers.append(fit())
    return trainers


CASES = list(product(LAYERS, OPTIMIZERS, SCHEDULES, STEPS, STALLS, [None, WEIGHTS], ["f4", "f8"]))


@pytest.mark.parametrize("case", range(0, len(CASES), 97))
def test_the_bits_are_those_of_one_epoch_at_a_time(case, monkeypatch, calls):
    layers, optimizer, schedule, steps, stalls, weights, dtype = CASES[case]
    loss, n_outputs = LOSSES[case % len(LOSSES)]
    options = {
        "learning_rate": schedule,
        "batch_size": [7, 10, 61, 15][case % 4],
        **steps,
        **stalls,
    }
    early = {} if case % 3 else {"keep": "last"}
    options["n_threads"] = [None, 1, 2][case % 3]

    def fit():
        net = network(layers, loss, n_outputs, [0, 0.01][case % 2], dtype)
        trainer = Trainer(net, optimizer, **options)
        for max_epochs in (23, 5):
            with suppress(ValueError):  # of divergence, after which the records are compared, too
                trainer.fit(X, targets(loss, n_outputs), weights, max_epochs=max_epochs, **early)
        return trainer

    one, other = both(fit, monkeypatch, [2**15, 40][case % 2])
    assert_equal_trainers(one, other)
    assert calls or one.n_epochs < 28


@pytest.mark.parametrize("n_rows", [1, 2, 19, 61])
@pytest.mark.parametrize("layers", ["dense", "norms"])
def test_a_row_left_over_goes_to_the_last_step(n_rows, layers, monkeypatch, calls):
    n_rows = max(n_rows, 2) if layers == "norms" else n_rows

    def fit():
        trainer = Trainer(network(layers), "adam", batch_size=6, n_iter_no_change=np.inf)
        return trainer.fit(X[:n_rows], targets("log_loss", 2)[:n_rows], max_epochs=9)

    assert_equal_trainers(*both(fit, monkeypatch))
    assert calls


@pytest.mark.parametrize("n_samples", [2, 127, 1000, 2**11 + 1, 4096, 9001, 70_001])
def test_orders_are_those_of_the_random_streams(n_samples, monkeypatch, calls):
    """Whatever the numbers of rows that the compiled sort has ways of its own for."""
    numbers = np.random.default_rng(0).normal(size=(n_samples, 1))

    def fit():
        net = Network([Dense(1)], loss="squared_error").initialize(1, random_state=3)
        options = {"batch_size": 64, "n_iter_no_change": np.inf}
        return Trainer(net, SGD(0.1, momentum=0.5), **options).fit(
            numbers, np.tanh(numbers), max_epochs=4
        )

    assert_equal_trainers(*both(fit, monkeypatch))
    assert calls == [3]


@pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 127, 128, 129, 130, 1000, 1031])
def test_losses_are_summed_as_one_epoch_at_a_time_does(n_steps, monkeypatch, calls):
    numbers = np.random.default_rng(1).normal(size=(n_steps, 1))

    def fit():
        net = Network([Dense(1)], loss="squared_error").initialize(1, random_state=0)
        options = {"batch_size": 1, "n_iter_no_change": np.inf}
        return Trainer(net, SGD(0.01), **options).fit(numbers, np.exp(numbers), max_epochs=40)

    one, other = both(fit, monkeypatch)
    assert one.loss_curve == other.loss_curve
    assert sum(calls) == 39


@pytest.mark.parametrize(
    "options",
    [
        {"n_iter_no_change": 0},
        {"n_iter_no_change": 1, "tol": 1e-3},
        {"n_iter_no_change": 5, "tol": 1e-2},
        {"n_iter_no_change": 2, "tol": 1e-3, "learning_rate": "adaptive"},
        {"n_iter_no_change": 2, "tol": np.inf, "learning_rate": "adaptive"},
        {"n_iter_no_change": 2, "tol": 10.0, "learning_rate": "invscaling"},
    ],
)
@pytest.mark.parametrize("keep", [None, "last"])
def test_a_stall_ends_at_the_same_epoch(options, keep, monkeypatch, calls):
    def fit():
        trainer = Trainer(network(), SGD(0.5), batch_size=10, **options)
        return trainer.fit(X, targets("log_loss", 2), max_epochs=120, keep=keep)

    one, other = both(fit, monkeypatch)
    assert_equal_trainers(one, other)
    assert one.n_epochs < 120 or keep or options["n_iter_no_change"] > 4


def test_a_run_ends_for_the_same_reason(monkeypatch, calls):
    reasons = []

    class Noting(Trainer):
        def restore_best_weights(self):
            reasons.append((self.run.stopped, self.run.n_epochs, self.run.ending_epoch))
            super().restore_best_weights()

    def fit(n_iter_no_change):
        trainer = Noting(network(), "adam", tol=0.01, n_iter_no_change=n_iter_no_change)
        return trainer.fit(X, targets("log_loss", 2), max_epochs=70)

    for n_iter_no_change in (3, np.inf):
        both(lambda n=n_iter_no_change: fit(n), monkeypatch)
    assert reasons[0] == reasons[1]
    assert reasons[0][0] == "stalled"
    assert reasons[2] == reasons[3] == ("max_epochs", 70, False)


@pytest.mark.parametrize("rate", [1e2, 1e200])
def test_divergence_is_told_of_the_same_epoch(rate, monkeypatch, calls):
    """First parameters grow; those of a network in float64 take some epochs to overflow."""
    seen = []

    def fit():
        net = Network([Dense(3), Dense(1)], loss="squared_error").initialize(4, random_state=0)
        trainer = Trainer(net, SGD(0.01), batch_size=61, n_iter_no_change=np.inf)
        trainer.fit(X, X[:, :1], max_epochs=9)
        trainer.optimizer.learning_rate = rate if rate > 1e3 else 0.6
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite") as error:
            trainer.fit(X * 30, X[:, :1], max_epochs=200)
        seen.append(str(error.value))
        return trainer

    one, other = both(fit, monkeypatch)
    assert seen[0] == seen[1]
    assert one.n_epochs == other.n_epochs
    np.testing.assert_array_equal(one.loss_curve, other.loss_curve)
    assert_array_equal(one.network.params, other.network.params)


def test_a_rate_that_is_refused_is_told_when_its_epoch_comes(monkeypatch, calls):
    def fit():
        trainer = Trainer(
            network(), SGD(1.0), batch_size=61, learning_rate=WarmUp(20), weight_decay=5.0
        )
        with pytest.raises(ValueError, match="weight_decay must be at most"):
            trainer.fit(X, targets("log_loss", 2), max_epochs=30)
        return trainer

    one, other = both(fit, monkeypatch)
    assert_equal_trainers(one, other)
    assert one.n_epochs == 8  # the next rate is 9 / 20


# ---- who is asked between two epochs


class Own(ByStep):
    def factors(self, steps):
        return np.ones(len(steps))


class OwnAdaptive(Adaptive):
    pass


@pytest.mark.parametrize(
    "learning_rate", [lambda step: 0.1, Own(), OwnAdaptive(), WarmUp(3, Own())]
)
def test_schedules_of_the_users_own_are_asked_epoch_by_epoch(learning_rate, calls):
    trainer = Trainer(network(), "sgd", learning_rate=learning_rate)
    trainer.fit(X, targets("log_loss", 2), max_epochs=10)
    assert not calls


@pytest.mark.parametrize(
    "options",
    [
        {"callbacks": [History()]},
        {"callbacks": [lambda trainer: None]},
        {"validate": lambda net: 1.0, "early_stopping": False},
        {"validate": lambda net: 1.0},
    ],
    ids=["callback", "function", "scores", "early stopping"],
)
def test_who_looks_at_each_epoch_does(options, calls):
    Trainer(network()).fit(X, targets("log_loss", 2), max_epochs=10, **options)
    assert not calls


@pytest.mark.parametrize("verbose", [1, 2])
def test_what_is_printed_is_printed_in_time(verbose, calls, capsys):
    Trainer(network(), verbose=verbose).fit(X, targets("log_loss", 2), max_epochs=10)
    assert not calls
    assert "loss" in capsys.readouterr().out


@pytest.mark.parametrize("backend", [name for name in list_backends() if name != "cython"])
def test_other_backends_go_epoch_by_epoch(backend, calls):
    Trainer(network(), backend=backend).fit(X, targets("log_loss", 2), max_epochs=5)
    assert not calls


@pytest.mark.parametrize("of", ["rows", "targets"])
@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01)])
def test_sparse_data_have_the_same_bits(of, optimizer, monkeypatch):
    rows, T = (sparse.csr_array(X), targets("squared_error", 2))
    if of == "targets":
        rows, T = X, sparse.csr_array(T)

    def fit():
        trainer = Trainer(network(loss="squared_error"), optimizer, batch_size=10)
        return trainer.fit(rows, T, WEIGHTS, max_epochs=15)

    assert_equal_trainers(*both(fit, monkeypatch))


def test_a_function_of_ones_own_has_the_same_bits(monkeypatch, calls):
    @activation(derivative=lambda z: (1 - z * z) / (1 + z * z) ** 2)
    def bump_of_epochs(z):
        return z / (1 + z * z)

    def fit():
        net = Network([Dense(6, bump_of_epochs), Dropout(0.2), Dense(2)]).initialize(
            4, random_state=0
        )
        return Trainer(net, "adam", batch_size=10).fit(X, targets("log_loss", 2), max_epochs=15)

    one, other = both(fit, monkeypatch)
    assert_equal_trainers(one, other)


def test_ctrl_c_leaves_whole_steps_and_their_records():
    """Pressed while epochs are taken many at a time."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(500, 10))
    y = (numbers[:, 0] > 0).astype(int)

    def trainer():
        net = Network([Dense(8, "tanh"), Dense(2)]).initialize(10, random_state=0)
        return Trainer(net, "adam", batch_size=25, tol=0, n_iter_no_change=10**9)

    def press():
        while stopped.n_epochs < 50:
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopped = trainer()
        threading.Thread(target=press, daemon=True).start()
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            stopped.fit(numbers, y, max_epochs=10**9)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.n_steps == stopped.optimizer.step == 20 * stopped.n_epochs + stopped.n_steps % 20
    assert len(stopped.loss_curve) == stopped.n_epochs
    again = trainer().fit(numbers, y, max_epochs=stopped.n_epochs)
    assert again.loss_curve == stopped.loss_curve
    if stopped.n_steps % 20 == 0:
        assert_array_equal(again.network.params, stopped.network.params)


def test_a_checkpoint_resumes_what_was_trained_several_at_a_time(tmp_path, monkeypatch, calls):
    """A training with a checkpoint goes epoch by epoch, from there on or from the beginning."""
    options = {"batch_size": 10, "n_iter_no_change": np.inf, "learning_rate": Cosine(100)}
    y = targets("log_loss", 2)
    one = Trainer(network("dropout"), "adam", **options)
    one.fit(X, y, max_epochs=8).fit(X, y, max_epochs=7)
    assert calls
    path = tmp_path / "checkpoint"
    for max_epochs in (3, 7):
        other = Trainer(network("dropout"), "adam", **options).fit(X, y, max_epochs=8)
        other.fit(X, y, max_epochs=max_epochs, callbacks=[Checkpoint(path)])
    assert_equal_trainers(one, other)


# ---- estimators

ESTIMATORS = {
    "default": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 1e-3},
    "dropout": {"layers": [Dense(9, "silu"), Dropout(0.3)], "solver": "adamw"},
    "decay": {"weight_decay": 0.1, "alpha": 0.0, "batch_size": 50, "solver": "rmsprop"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "shuffle": False},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "cosine": {"learning_rate": Cosine(), "clip_norm": 0.3, "keep": "last"},
    "numpy": {"backend": "numpy"},
}


@pytest.mark.parametrize("arguments", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("of", [MinNetClassifier, MinNetRegressor])
@pytest.mark.parametrize("form", ["float32", "float64", "csr"])
def test_estimators_have_the_same_bits(arguments, of, form, monkeypatch):
    if of is MinNetClassifier:
        rows, y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
    else:
        rows, y = make_regression(120, 6, random_state=0)
        y = y / y.std()
    rows = sparse.csr_array(rows) if form == "csr" else rows.astype(form)

    def fit():
        model = of(hidden_layer_sizes=(12,), random_state=0, max_iter=30, warm_start=True)
        model.set_params(**({"hidden_layer_sizes": (100,)} if "layers" in arguments else {}))
        model.set_params(**arguments)
        model.fit(rows, y).fit(rows, y)
        if (
            not arguments.keys() & {"early_stopping", "keep"}
            and arguments.get("learning_rate") != Cosine()
        ):
            model.partial_fit(rows, y)
        return model

    one, other = both(fit, monkeypatch)
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert_array_equal(a, b)
    assert one.loss_curve_ == other.loss_curve_
    assert (one.n_iter_, one.t_, one.loss_) == (other.n_iter_, other.t_, other.loss_)
    assert one.best_loss_ == other.best_loss_


def test_a_default_fit_takes_its_epochs_together(calls):
    rows, y = make_classification(400, random_state=0)
    MinNetClassifier(random_state=0, max_iter=40).fit(rows, y)
    assert calls == [39]


def test_a_schedule_that_is_foreseen_is_known_to_the_package():
    """Each public schedule is either foreseen, or a function or a base of the user's own."""
    from minnet import schedules

    public = {getattr(schedules, name) for name in schedules.__all__ if name[0].isupper()}
    own = {Schedule, ByStep, schedules.FunctionOfStep}
    assert public - own == {*epochs._FORESEEN, WarmUp}
