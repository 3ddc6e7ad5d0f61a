"""A loss that grew by orders of magnitude and stayed finite is said, with what to lower; no other is."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from minnet import (
    SGD,
    Adam,
    AdamW,
    Dense,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    RMSProp,
    Trainer,
)
from minnet.losses import Huber
from minnet.training.lbfgs import minimize_lbfgs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 8))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
T = np.sin(X[:, :1]) + X[:, 1:2]
GROWN = r"The loss has grown from .* Lower the learning rate \(.*\)"


def messages(call):
    """Return the warnings about a loss that has grown, and whether the call raised of divergence."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except ValueError as error:
            if "non-finite" not in str(error):
                raise
            return None
    return [w for w in caught if "has grown" in str(w.message)]


def by_trainer(call):
    def run(optimizer, loss, **options):
        net = Network([Dense(20, "relu"), Dense(20, "relu"), Dense(1)], loss)
        trainer = Trainer(net.initialize(8, random_state=0), optimizer, batch_size=10, **options)
        call(trainer)

    return run


def by_estimator(call):
    def run(optimizer, loss, **options):
        given = {"hidden_layer_sizes": (20, 20), "batch_size": 10, "max_iter": 8, "random_state": 0}
        call(MinNetRegressor(loss, solver=optimizer, **given, **options), T[:, 0])

    return run


def often(call):
    for _ in range(8):
        call()


CALLS = {
    "Trainer.fit": by_trainer(lambda t: t.fit(X, T, max_epochs=8)),
    "Trainer.fit_stream": by_trainer(lambda t: t.fit_stream([(X[:60], T[:60]), (X[60:], T[60:])])),
    "run_epoch": by_trainer(lambda t: often(lambda: t.run_epoch(X, T))),
    "fit": by_estimator(lambda e, t: e.fit(X, t)),
    "fit weighted": by_estimator(lambda e, t: e.fit(X, t, np.arange(120) % 3)),
    "warm start": by_estimator(lambda e, t: e.set_params(warm_start=True).fit(X, t).fit(X, t)),
    "fit_stream": by_estimator(lambda e, t: e.fit_stream([(X[:60], t[:60]), (X[60:], t[60:])], 4)),
    "partial_fit": by_estimator(lambda e, t: often(lambda: e.partial_fit(X, t))),
}  # fmt: skip
OPTIMIZERS = {
    "adam": Adam,
    "adamw": lambda rate: AdamW(rate, weight_decay=1e-4),
    "rmsprop": RMSProp,
    "sgd": lambda rate: SGD(rate, 0.9),
}
LARGE = {"adam": 1e4, "adamw": 1e4, "rmsprop": 1e4, "sgd": 1.5}
FINE = {"adam": 0.01, "adamw": 0.01, "rmsprop": 0.01, "sgd": 0.01}


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", Huber(0.5)], ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("call", CALLS)
def test_steps_that_are_too_large_are_said(call, optimizer, loss):
    make = OPTIMIZERS[optimizer]
    said = messages(lambda: CALLS[call](make(LARGE[optimizer]), loss))
    if optimizer != "sgd":  # whose numbers may be no longer finite, which is said at once
        assert said
    for warning in said or ():
        assert warning.category is ConvergenceWarning
        assert warning.filename == __file__
        assert f"({LARGE[optimizer]:g})" in str(warning.message)
    assert messages(lambda: CALLS[call](make(FINE[optimizer]), loss)) == []


def test_a_classifier_that_blew_up_says_so():
    clf = MinNetClassifier((20,), solver="sgd", learning_rate_init=30.0, batch_size=10, alpha=1.0,
                           max_iter=20, random_state=0)  # fmt: skip
    with pytest.warns(ConvergenceWarning, match=GROWN):
        clf.fit(X, Y)


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_losses_that_grow_with_the_error_and_not_its_square_are_said_too(loss):
    reg = MinNetRegressor(loss, (20,), solver="sgd", learning_rate_init=5.0, batch_size=60,
                          max_iter=20, random_state=0)  # fmt: skip
    with pytest.warns(ConvergenceWarning, match=GROWN):
        reg.fit(X, T[:, 0])
    assert reg.score(X, T[:, 0]) < -1
    fine = reg.set_params(learning_rate_init=0.01)
    assert messages(lambda: fine.fit(X, T[:, 0])) == []


def test_an_l2_term_that_makes_the_steps_too_large_is_named():
    def fitted(alpha, rate):
        clf = MinNetClassifier((20,), solver="sgd", learning_rate_init=rate, alpha=alpha,
                               max_iter=20, random_state=0)  # fmt: skip
        return messages(lambda: clf.fit(X, Y))

    assert "learning rate (0.1) or alpha (10000)," in str(fitted(1e4, 0.1)[0].message)
    assert "alpha" not in str(fitted(1e-4, 50.0)[0].message)


def test_with_early_stopping_the_weights_that_come_back_count():
    def validate(network):
        return scores.pop(0)

    def train():
        net = Network([Dense(1)], "squared_error").initialize(8, random_state=0)
        rates = lambda step: 0.01 if step < 24 else 10.0  # noqa: E731  # from the third epoch on
        trainer = Trainer(net, Adam(), batch_size=10, learning_rate=rates)
        trainer.fit(X, T, max_epochs=5, validate=validate)

    scores = [0.5, 0.6, 0.4, 0.3, 0.2]
    assert messages(train) == []
    scores = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert len(messages(train)) == 1


def test_other_data_are_no_growth():
    for factor, shift in ((1.0, 1000.0), (1000.0, 0.0), (1e-3, 0.0), (1.0, -50.0)):
        est = MinNetRegressor(hidden_layer_sizes=(20,), random_state=0)
        assert messages(lambda e=est: e.partial_fit(X, T[:, 0]).partial_fit(X, T[:, 0])) == []
        t = factor * T[:, 0] + shift
        assert messages(lambda e=est, t=t: e.partial_fit(X, t).partial_fit(X, t)) == []


def test_nor_is_the_noise_of_few_rows():
    est = MinNetRegressor(hidden_layer_sizes=(40,), batch_size=2, random_state=1)
    rng = np.random.default_rng(5)

    def call():
        rows = rng.normal(size=(5, 6))
        est.partial_fit(rows, rows[:, 0] + rng.normal(size=5))

    assert [messages(call) for _ in range(60)] == [[]] * 60


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_lbfgs_never_ends_above_its_start(scale):
    net = Network([Dense(20, "relu"), Dense(1)], "squared_error").initialize(8, random_state=0)
    before = net.objective(X, T * scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert minimize_lbfgs(net, X, T * scale, max_iter=30)[1] <= before


# ---- weight decay


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("rate", [0.001, 0.1])
def test_a_decay_that_makes_weights_grow_is_refused(call, rate):
    with pytest.raises(
        ValueError, match=rf"weight_decay must be at most 2 / .* = {2 / rate:g}, got"
    ):
        CALLS[call](SGD(rate), "squared_error", weight_decay=2.01 / rate)
    messages(lambda: CALLS[call](SGD(rate), "squared_error", weight_decay=1.99 / rate))


def test_the_decay_of_an_optimizer_and_the_rate_of_a_layer_count():
    for optimizer, factors in (
        (AdamW(0.1, weight_decay=15.0), {}),
        (SGD(0.1), {"lr_factor": 4.0}),
        (SGD(0.1), {"decay_factor": 4.0}),
    ):
        layers = [Dense(3), Dense(1, **factors)]
        net = Network(layers, "squared_error").initialize(8, random_state=0)
        before = net.params.copy()
        with pytest.raises(ValueError, match="weight_decay must be at most"):
            Trainer(net, optimizer, weight_decay=6.0).fit(X, T)
        np.testing.assert_array_equal(net.params, before)
