"""Rows of a training's losses: each is what the network says at that moment, and there are few."""

import warnings

import numpy as np
import pytest

from minnet import SGD, Dense, Network
from minnet.lab.loss_history import LossHistory
from minnet.training.stepper import Stepper

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
T = (X[:, 0] > 0).astype(int)
DATA = X[:60], T[:60], X[60:], T[60:]


def stepper_of(rate=0.1, after=None):
    network = Network([Dense(5, "tanh"), Dense(2)]).initialize(3, random_state=0)
    if after is not None:
        network.params[...] = after.network.params
    optimizer = SGD(rate)
    optimizer.prepare(network.params)
    return Stepper(network, optimizer, *DATA[:2], batch_size=20, after=after)


def train(history, n_steps):
    while history.stepper.step < n_steps:
        history.stepper.take(min(history.next_step, n_steps) - history.stepper.step)
        if history.stepper.step == history.next_step:
            history.add()


def test_the_first_and_the_last_row_are_what_the_network_says():
    history = LossHistory(stepper_of(), *DATA)
    network = history.stepper.network
    (first,) = history.rows()
    assert first[1] == pytest.approx(network.objective(*DATA[:2]))
    train(history, 50)
    last = history.rows()[-1]
    error = (network.predict(DATA[2]).argmax(axis=1) != DATA[3]).mean()
    assert last[0] == 50
    assert last[2:] == pytest.approx([network.objective(*DATA[2:]), error])


def test_the_training_loss_is_that_of_the_steps_since_the_row_before():
    history, other = LossHistory(stepper_of(), *DATA), stepper_of()
    train(history, 40)  # up to step 64 each step has a row
    losses = []
    for _ in range(40):
        before = other.n_seen
        other.take(1)
        losses.append(other.mean_loss())
        assert other.n_seen == before + 20
    np.testing.assert_allclose(history.rows()[1:, 1], losses, rtol=1e-6)
    assert history.rows().dtype == np.float32


def test_many_steps_have_few_rows():
    history = LossHistory(stepper_of(), *DATA)
    train(history, 3000)
    steps = history.rows()[:, 0]
    assert (steps[0], steps[-1]) == (0, 3000)
    assert np.array_equal(steps[:64], np.arange(64))
    assert np.all(np.diff(steps) <= 1 + steps[1:] / 32)
    assert len(steps) < 220
    history.stepper.take(1)
    assert history.rows()[-1, 0] == 3001  # for this moment, and not kept
    history.stepper.take(1)
    assert 3001 not in history.rows()[:, 0]


def test_one_goes_on_where_another_was():
    first = LossHistory(stepper_of(), *DATA)
    train(first, 10)
    second = LossHistory(stepper_of(0.5, after=first.stepper), *DATA, before=first)
    train(second, 20)
    assert second.rows()[:, 0].tolist() == list(range(21))


def test_losses_beyond_all_bounds_are_no_warning():
    history = LossHistory(stepper_of(1e300), *DATA)
    history.stepper.take(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history.add()
        assert not np.isfinite(history.rows()[-1, 1:3]).all()
