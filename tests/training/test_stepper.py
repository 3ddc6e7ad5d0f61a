import time

import numpy as np
import pytest

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, Network, RMSProp, Trainer
from minnet.callbacks import Callback, StopTraining
from minnet.training.stepper import Stepper

rng = np.random.default_rng(0)
X, T = rng.normal(size=(61, 3)), rng.integers(3, size=61)
LAYERS = {
    "plain": [Dense(7, "tanh"), Dense(3)],
    "dropout": [Dense(7, "relu"), Dropout(0.3), Dense(3)],
    # 61 rows in batches of 10 or 20 leave one alone, which the step before takes too
    "batch norm": [Dense(7), BatchNorm(activation="tanh"), Dropout(0.1), Dense(3)],
}


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def next_step(self, trainer):
        return self.step

    def at_step(self, trainer):
        raise StopTraining


def made(layers, optimizer, batch_size, after=None):
    network = Network(LAYERS[layers]).initialize(3, random_state=1)
    optimizer = optimizer.copy()
    optimizer.prepare(network.params)
    return Stepper(network, optimizer, X, T, batch_size, after)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize(
    ("optimizer", "batch_size"),
    [
        (SGD(0.1), 10),
        (SGD(0.05, momentum=0.9, nesterov=True), 20),
        (Adam(0.01), 7),
        (RMSProp(), 100),
    ],
)
def test_its_steps_are_those_of_a_trainer_wherever_it_is_cut(layers, optimizer, batch_size):
    n_steps = 40
    network = Network(LAYERS[layers]).initialize(3, random_state=1)
    with pytest.warns(UserWarning, match="ended by a callback"):
        Trainer(network, optimizer, batch_size=batch_size).fit(
            X, T, max_epochs=50, keep="last", callbacks=[StopAt(n_steps)]
        )
    for largest in (1, 3, 1000):
        stepper = made(layers, optimizer, batch_size)
        cuts = np.random.default_rng(largest)
        while stepper.step < n_steps:
            stepper.take(int(min(cuts.integers(1, largest + 1), n_steps - stepper.step)))
        assert stepper.step == n_steps
        np.testing.assert_array_equal(stepper.network.params, network.params)
        np.testing.assert_array_equal(stepper.network.state, network.state)


def test_the_loss_is_that_of_an_epoch():
    stepper = made("plain", SGD(0.1), 20)
    assert np.isnan(stepper.mean_loss())
    stepper.take(2)
    stepper.take(1000)
    network = Network(LAYERS["plain"]).initialize(3, random_state=1)
    trainer = Trainer(network, SGD(0.1), batch_size=20)
    trainer.run_epoch(X, T)
    assert stepper.step == trainer.n_steps == 4
    assert stepper.n_seen == len(X)
    assert stepper.mean_loss() == pytest.approx(trainer.loss_curve[0])
    assert np.isnan(stepper.mean_loss())


def test_one_goes_on_where_another_was():
    first = made("plain", SGD(0.1), 10)
    first.take(3)
    second = made("plain", SGD(0.1), 4, after=first)
    assert (second.step, second.n_seen) == (3, 30)
    second.take(1)
    assert (second.step, second.n_seen) == (4, 34)
    assert not np.array_equal(first._order, second._order)


def test_steps_for_a_time():
    stepper = made("plain", SGD(0.1), 10)
    began = time.perf_counter()
    stepper.take_for(0.05)
    assert time.perf_counter() - began >= 0.05
    first = stepper.step
    assert first >= 1
    stepper.take_for(60, upto=first + 12)
    assert stepper.step == first + 12
    stepper.take_for(1e-9)
    assert stepper.step == first + 13
    other = made("plain", SGD(0.1), 10)
    while other.step < stepper.step:
        other.take(1)
    np.testing.assert_array_equal(other.network.params, stepper.network.params)


def test_numbers_that_are_no_longer_finite_are_said():
    stepper = made("dropout", SGD(1e200), 10)
    while not stepper.diverged and stepper.step < 100:
        stepper.take(1)
    assert "non-finite" in stepper.diverged
    assert f"up to step {stepper.step}" in stepper.diverged
