"""Data, networks and comparisons for the tests of ranks that train together."""

import numpy as np
import pytest

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    Network,
)
from minnet.distributed import Shards, together
from tests.distributed.in_threads import run_ranks

rng = np.random.default_rng(0)
N = 83
X = rng.normal(size=(N, 5))
CLASSES = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)
NUMBERS = X[:, :2] - X[:, 2:4] ** 2
WEIGHTS = rng.integers(0, 4, N).astype(float)
EARLY_ZERO = np.where(np.arange(N) < 50, 0.0, WEIGHTS + 1)  # all of the first shards


def slow(*values):
    """Mark what is for CI alone."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


SHARDINGS = [[42, 41], [50, 0, 33], [1, 81, 1], [0, 0, 83], [20, 21, 20, 22]]


def part(rows, sizes, rank):
    """Return the rows of a rank."""
    if rows is None:
        return None
    ends = np.cumsum([0, *sizes])
    return rows[ends[rank] : ends[rank + 1]]


def network(kind="plain", dtype="float64", key=1):
    layers = {
        "plain": [Dense(7, "relu"), Dense(3)],
        "all": [
            Dense(8, "tanh"),
            BatchNorm("relu"),
            Dropout(0.3),
            Dense(6, "tanh"),
            BatchNorm(),
            Dense(3),
        ],
        "frozen": [Dense(8, trainable=False), BatchNorm("relu", trainable=False), Dense(3)],
        "numbers": [Dense(6, "tanh"), Dropout(0.2), Dense(2)],
    }[kind]
    loss = "squared_error" if kind == "numbers" else "log_loss"
    return Network(layers, loss=loss, alpha=0.01).initialize(5, random_state=key, dtype=dtype)


def state(trainer):
    """Return what is the same on all ranks when a training has ended, whatever way."""
    net, optimizer = trainer.network, trainer.optimizer
    arrays = net.params, net.state, np.ravel(optimizer.state)
    numbers = (
        trainer.n_epochs, trainer.n_steps, trainer.n_steps_before, trainer.n_seen, trainer.n_parts,
        optimizer.step, optimizer.learning_rate, trainer.best_loss, trainer.best_score,
        trainer.no_improvement_count,
    )  # fmt: skip
    curves = trainer.loss_curve, trainer.validation_scores, trainer.validation_loss_curve
    return [a.tobytes() for a in arrays], numbers, repr(curves)


def assert_equal(states):
    for other in states[1:]:
        assert other == states[0]


def both(sizes, fit, *data):
    """Return what a function of rows makes of the shards, on each rank, and of all in one process."""
    of_ranks = run_ranks(len(sizes), lambda c: fit(*(part(d, sizes, c.rank) for d in data)))
    with together(Shards(sizes)):
        return of_ranks, fit(*data)


def assert_is_one(of_ranks, one, rtol=1e-10):
    """Compare trainers of ranks, which are equal to the bit, with that of one process."""
    assert_equal([state(trainer) for trainer in of_ranks])
    first = of_ranks[0]
    assert state(first)[1][:6] == state(one)[1][:6]
    np.testing.assert_allclose(first.loss_curve, one.loss_curve, rtol=rtol)
    predicted, expected = (trainer.network.predict(X) for trainer in (first, one))
    np.testing.assert_allclose(predicted, expected, rtol=rtol, atol=rtol)
    for array in "params", "state":
        got, expected = getattr(first.network, array), getattr(one.network, array)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)
