"""A training that ends in time, also within an epoch."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from minnet import Adam, Dense, MinNetClassifier, Network, Trainer
from minnet.callbacks import Callback, TimeLimit, time_limit
from minnet.training import step_timer

X, y = load_digits(return_X_y=True)
X = X / 16


class Clock(Callback):
    """A clock of its own, on which a step takes five milliseconds and the end of an epoch some more."""

    def __init__(self, of_an_epoch=0.0):
        self.now, self.of_an_epoch = 0.0, of_an_epoch

    def perf_counter(self):
        return self.now

    def begin(self, trainer):
        self.at = trainer.n_steps

    def next_step(self, trainer):
        return self.at

    def at_step(self, trainer):
        if trainer.n_steps == self.at:
            self.now += 0.005
            self.at += 1

    def end_epoch(self, trainer):
        self.now += self.of_an_epoch


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    for module in (time_limit, step_timer):
        monkeypatch.setattr(module, "time", clock)
    return clock


def a_trainer(**options):
    network = Network([Dense(10)]).initialize(64, random_state=0)
    return Trainer(network, Adam(), batch_size=1, **options)


def test_an_epoch_is_left_in_the_middle(clock):
    limit, trainer = TimeLimit(0.3), a_trainer()  # an epoch would take nine seconds
    with pytest.warns(UserWarning, match=r"limit of 0\.3 seconds was reached in epoch 1") as caught:
        trainer.fit(X, y, callbacks=[clock, limit])
    assert 0.3 <= clock.now < 0.3 + 2 * 0.005 + 1e-9  # by a step or two
    assert len(caught) == 1  # nothing about convergence, or a user who interrupted
    assert limit.reached
    assert trainer.n_epochs == 0
    assert 59 <= trainer.n_steps <= 61
    # the weights are those of as many steps
    again = a_trainer()

    class Stop(Callback):
        def next_step(self, made):
            return trainer.n_steps

        def at_step(self, made):
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted by user"):
        again.fit(X, y, callbacks=[Stop()])
    np.testing.assert_array_equal(again.network.params, trainer.network.params)


def test_a_training_that_ends_before_is_as_without():
    limit = TimeLimit(1e6)
    options = {"max_iter": 5, "n_iter_no_change": 5, "random_state": 0}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*converged")
        watched = MinNetClassifier((8,), **options).set_callbacks(limit).fit(X, y)
        plain = MinNetClassifier((8,), **options).fit(X, y)
    assert not limit.reached
    np.testing.assert_array_equal(watched.coefs_[0], plain.coefs_[0])
    assert watched.loss_curve_ == plain.loss_curve_


def test_a_time_that_is_over_after_an_epoch(clock):
    clock.of_an_epoch = 0.2
    limit = TimeLimit(0.1)
    trainer = Trainer(Network([Dense(10)]).initialize(64, random_state=0), batch_size=10**4)
    with pytest.warns(UserWarning, match="in epoch 1"):
        trainer.fit(X, y, callbacks=[clock, limit])
    assert limit.reached
    assert trainer.n_epochs == 1


def test_each_fit_has_its_own_time():
    """In processes of its own, by the usual clock."""
    limit = TimeLimit(0.2)
    clf = MinNetClassifier((8,), max_iter=10**6, n_iter_no_change=10**6, tol=0)
    clf.set_callbacks(limit)
    with pytest.warns(UserWarning, match="limit"):
        search = GridSearchCV(clf, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2).fit(X, y)
    assert limit.reached
    assert search.best_estimator_.fit_info_["seconds"] >= 0.2
    assert min(search.cv_results_["mean_fit_time"]) >= 0.2


def test_early_stopping_has_its_best_weights(clock):
    limit = TimeLimit(0.4)  # some ten epochs of eight steps
    clf = MinNetClassifier(
        (8,), max_iter=10**6, n_iter_no_change=10**6, early_stopping=True, random_state=0
    )
    with pytest.warns(UserWarning, match="limit"):
        clf.set_callbacks(clock, limit).fit(X, y)
    assert 2 < clf.n_iter_ < 12
    assert clf.best_validation_score_ == max(clf.validation_scores_)


def test_no_limit_is_left_running(clock):
    limit = TimeLimit(0.05)
    trainer = a_trainer()
    with pytest.warns(UserWarning, match="limit"):
        trainer.fit(X, y, callbacks=[clock, limit])
    assert not limit._running
    assert pickle.loads(pickle.dumps(limit)).reached


@pytest.mark.parametrize("seconds", [0, -1, np.inf, np.nan, "1", None, True])
def test_what_is_no_time(seconds):
    with pytest.raises(ValueError, match="seconds must be a number above 0"):
        TimeLimit(seconds)
