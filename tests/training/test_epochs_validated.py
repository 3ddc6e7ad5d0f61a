"""Epochs validated by compiled code, several in one call: their scores, and the bits of one at a time."""

import signal
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification, make_multilabel_classification

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor
from minnet.backends import list_backends
from minnet.backends.members import CompiledMembers
from minnet.callbacks import History
from minnet.estimators.validation import ValidationSet
from minnet.losses import SquaredError
from minnet.optimizers import Cosine
from minnet.training import epochs

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* has no effect with keep="),
    pytest.mark.skipif("cython" not in list_backends(), reason="needs the extension"),
    pytest.mark.usefixtures("at_any_pace"),
]

PLAIN = {"n_samples": 160, "n_features": 6, "random_state": 0}
LABELS = {
    "binary": make_classification(**PLAIN, flip_y=0.2),
    "classes": make_classification(**PLAIN, n_informative=4, n_classes=3),
    "columns": make_multilabel_classification(**PLAIN, n_classes=4),
}
WEIGHTS = np.random.default_rng(0).uniform(0.2, 2, 160)
ARGUMENTS = [
    {},
    {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.3,
        "n_iter_no_change": 1,
    },
    {"layers": [Dense(9), BatchNorm(activation="relu"), Dropout(0.3)], "n_iter_no_change": 4},
    {"keep": "last", "learning_rate": Cosine(), "solver": "rmsprop"},
    {"keep": "best", "n_iter_no_change": 2, "tol": 1e-2},
    {"tol": 0.5, "n_iter_no_change": 3, "clip_norm": 0.5, "shuffle": False},
]
SETS = ["set aside", "given", "weighted"]


def fitted(labels, arguments, of_set, dtype="float64", callbacks=(), times=1):
    X, y = LABELS[labels]
    X = X.astype(dtype)
    options = {"random_state": 0, "max_iter": 40, "batch_size": 20, "warm_start": times > 1}
    model = MinNetClassifier(**({"early_stopping": True} | options | arguments))
    if "layers" not in arguments:
        model.set_params(hidden_layer_sizes=(12,))
    model.set_callbacks(*callbacks)
    for _ in range(times):
        if of_set == "set aside":
            model.fit(X, y, sample_weight=WEIGHTS if dtype == "float32" else None)
        else:
            held = {"X_val": X[120:], "y_val": y[120:]}
            if of_set == "weighted":
                held["sample_weight_val"] = WEIGHTS[120:]
            model.fit(X[:120], y[:120], **held)
    return model


def assert_same(one, other):
    assert_array_equal(one.network_.params, other.network_.params)
    assert_array_equal(one.network_.state, other.network_.state)
    assert_array_equal(one.loss_curve_, other.loss_curve_)
    assert_array_equal(one.validation_scores_, other.validation_scores_)
    assert_array_equal(one.validation_loss_curve_, other.validation_loss_curve_)
    assert one.n_iter_ == other.n_iter_
    assert one.best_validation_score_ == other.best_validation_score_
    trainer, as_well = one._trainer, other._trainer
    assert_array_equal(trainer.optimizer.state, as_well.optimizer.state)
    for name in ("best_loss", "best_score", "no_improvement_count", "n_seen", "n_steps", "n_parts"):
        assert getattr(trainer, name) == getattr(as_well, name)


@pytest.mark.parametrize(
    ("labels", "number", "of_set", "dtype"),
    list(product(LABELS, range(len(ARGUMENTS)), SETS, ["float32", "float64"])),
)
def test_the_bits_are_those_of_one_epoch_at_a_time(
    labels, number, of_set, dtype, monkeypatch, calls
):
    models = []
    for most in ([2**15, 100][number % 2], 0):
        monkeypatch.setattr(epochs, "_STEPS_AT_ONCE", most)
        models.append(fitted(labels, ARGUMENTS[number], of_set, dtype, times=1 + number % 2))
    assert bool(calls) == (labels != "columns")  # several columns may be sparse
    monkeypatch.setattr(epochs, "_STEPS_AT_ONCE", 2**15)
    watched = fitted(labels, ARGUMENTS[number], of_set, dtype, [History()], 1 + number % 2)
    assert_same(models[0], models[1])
    assert_same(models[0], watched)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("of_set", ["given", "weighted"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_are_those_of_the_model(labels, of_set, dtype, calls):
    X, y = LABELS[labels]
    model = fitted(labels, {"keep": "last", "max_iter": 9}, of_set, dtype)
    assert calls == ([] if labels == "columns" else [8])
    weights = WEIGHTS[120:] if of_set == "weighted" else None
    X_val = X[120:].astype(dtype)
    assert_allclose(model.validation_scores_[-1], model.score(X_val, y[120:], weights), rtol=1e-12)
    T = y[120:] if labels == "classes" else y[120:].reshape(40, -1).astype(dtype)
    values = model.network_.loss_.value(model.network_.forward(X_val), T)
    mean = np.average(values.astype(float), weights=weights)
    rtol = 1e-5 if dtype == "float32" else 1e-12
    assert_allclose(model.validation_loss_curve_[-1], mean, rtol=rtol)


@pytest.mark.parametrize("labels", LABELS)
def test_compiled_scores_are_those_of_the_readable_backend(labels, monkeypatch):
    arguments = {"keep": "last", "alpha": 1.0, "max_iter": 25}
    one = fitted(labels, arguments, "weighted")
    monkeypatch.setattr(ValidationSet, "_compiled", lambda self: None)
    for backend in ("cython", "numpy"):
        other = fitted(labels, {**arguments, "backend": backend}, "weighted")
        assert_allclose(one.validation_scores_, other.validation_scores_, rtol=1e-9)
        assert_allclose(one.validation_loss_curve_, other.validation_loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("loss", [SquaredError("softmax"), SquaredError("logistic")])
def test_other_losses_of_classes(loss, monkeypatch, calls):
    labels = "classes" if loss.output == "softmax" else "binary"
    one = fitted(labels, {"loss": loss}, "given")
    assert calls
    monkeypatch.setattr(epochs, "_STEPS_AT_ONCE", 0)
    assert_same(one, fitted(labels, {"loss": loss}, "given"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"scoring": "accuracy"},
        {"scoring": "loss"},
        {"scoring": "refinement"},
        {"backend": "numpy"},
        {"verbose": 1},
    ],
    ids=str,
)
def test_other_scores_are_asked_for_epoch_by_epoch(arguments, calls, capsys):
    fitted("binary", {"max_iter": 5, **arguments}, "given")
    assert not calls


def test_a_score_of_a_subclass_is_asked_epoch_by_epoch(calls):
    class Other(MinNetClassifier):
        def _validation_score(self, Y, T, sample_weight):
            return 0.25

    model = Other(early_stopping=True, max_iter=5, random_state=0).fit(*LABELS["binary"])
    assert not calls
    assert model.validation_scores_ == [0.25] * 5


def test_a_regressor_is_asked_epoch_by_epoch(calls):
    X, y = LABELS["binary"]
    MinNetRegressor(early_stopping=True, max_iter=5, random_state=0).fit(X, y)
    assert not calls


@pytest.mark.filterwarnings("ignore:X is far from unit scale")
@pytest.mark.parametrize("keep", [None, "last"])
def test_divergence_comes_back_to_the_best(keep, monkeypatch, calls):
    """At a rate at which the weights overflow in one of the epochs of a call."""
    X, y = LABELS["classes"]
    arguments = {
        "solver": "sgd",
        "learning_rate_init": 2e3,
        "activation": "identity",
        "momentum": 0.99,
    }
    models, said = [], []
    for most in (2**15, 0):
        monkeypatch.setattr(epochs, "_STEPS_AT_ONCE", most)
        model = MinNetClassifier(
            (8, 8, 8), early_stopping=True, keep=keep, alpha=0.1, random_state=0, max_iter=200,
            n_iter_no_change=np.inf, **arguments,
        )  # fmt: skip
        try:
            with np.errstate(all="ignore"):
                models.append(model.fit(X * 100, y))
        except ValueError as error:
            said.append(str(error))
    if keep is None:
        assert_same(*models)
        assert len(models[0].loss_curve_) > 3
        assert np.isnan(models[0].loss_curve_[-1])
    else:
        assert said[0] == said[1]
        assert "non-finite" in said[0]
    assert calls


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("at_call", [1, 2])
def test_ctrl_c_in_a_call_leaves_its_last_epoch_whole(monkeypatch, validated, at_call):
    monkeypatch.setattr("minnet.backends.cython.CythonBackend.steps_a_call", 60)
    monkeypatch.setattr(epochs, "_SECONDS_A_CALL", 1e-4)
    X, y = LABELS["classes"]
    n_calls, take = [], CompiledMembers.take

    def pressed(self, tasks):
        take(self, tasks)
        n_calls.append(tasks[0].done)
        if len(n_calls) == at_call:
            monkeypatch.setattr("minnet.training.interrupts._last_heard", -1e9)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(CompiledMembers, "take", pressed)
    model = MinNetClassifier(
        (5,), random_state=0, max_iter=10**5, n_iter_no_change=10**6, batch_size=16,
        learning_rate_init=0.003, early_stopping=validated,
    )  # fmt: skip
    given = {"X_val": X[100:], "y_val": y[100:]} if validated else {}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(UserWarning, match="interrupted by user"):
            model.fit(X[:100], y[:100], **given)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(n_calls) == at_call
    assert len(model.loss_curve_) == model.n_iter_
    if validated:
        assert len(model.validation_scores_) == model.n_iter_
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.best_validation_score_ == pytest.approx(model.score(X[100:], y[100:]))
    else:
        assert model.best_loss_ == min(model.loss_curve_)
