"""minnet.descend: the loop over mini-batches, which the trainer and the readable backend run."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, Network, Trainer
from minnet.descend import descend, shuffled_order

N, BATCH_SIZE = 22, 5  # the last of 5 mini-batches has 2 rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
T = np.arange(N) % 3
WEIGHT = np.linspace(0.5, 2, N)
OPTIONS = [
    {},
    {"clip_value": 0.01},
    {"clip_norm": 0.1},
    {"weight_decay": 0.1},
    {"clip_value": 0.05, "clip_norm": 0.1, "weight_decay": 0.1},
]


def make(dtype="float64"):
    layers = [
        Dense(6, lr_factor=2.0), BatchNorm("tanh"), Dropout(0.2), Dense(5, trainable=False), Dense(3),
    ]  # fmt: skip
    return Network(layers, alpha=0.1).initialize(4, random_state=0, dtype=dtype)


def prepared(optimizer, network):
    optimizer.prepare(network.params)
    return optimizer


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_an_order_visits_each_row_once_and_is_another_in_each_epoch(n):
    orders = [shuffled_order(n, key=3, epoch=epoch) for epoch in range(20)]
    for order in orders:
        assert_array_equal(np.sort(order), np.arange(n))
    assert len({tuple(order) for order in orders}) > 1 or n == 1
    assert_array_equal(shuffled_order(n, key=3, epoch=5), orders[5])


def test_plain_steps_by_hand():
    network = Network([Dense(1, init="zeros")], "squared_error").initialize(1)
    x, t = np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [4.0], [6.0]])
    sgd = prepared(SGD(0.1), network)
    order = np.array([2, 0, 1])
    losses = descend(network, sgd, x, t, order=order, batch_size=2)
    # Rows 2 and 0, W = b = 0: residuals -6 and -2, so dW = (-18 - 2) / 2 and db = (-6 - 2) / 2.
    W, b = 1.0, 0.4
    # Row 1 alone: residual 2 + 0.4 - 4.
    np.testing.assert_allclose(losses, [2 * (36 + 4) / 4, 1.6**2 / 2], rtol=1e-12)
    np.testing.assert_allclose(network.layers[0].W, [[W + 0.1 * 1.6 * 2]], rtol=1e-12)
    np.testing.assert_allclose(network.layers[0].b, [b + 0.1 * 1.6], rtol=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), Adam(0.1)], ids=str)
def test_a_trainer_on_the_readable_backend_takes_the_very_steps(optimizer, options, dtype, weight):
    networks = make(dtype), make(dtype)
    trainer = Trainer(networks[0], optimizer, batch_size=BATCH_SIZE, backend="numpy", **options)
    own = prepared(optimizer.copy(), networks[1])
    X_, T_, weight_ = networks[1].check_batch(X, T, weight)
    for epoch in range(3):
        trainer.run_epoch(X_, T_, weight_)
        order = shuffled_order(N, networks[1].key, epoch)
        losses = descend(
            networks[1],
            own,
            X_,
            T_,
            weight_,
            order=order,
            batch_size=BATCH_SIZE,
            position=epoch * N,
            **options,
        )
        assert trainer.loss_curve[-1] == losses.sum() / N
    assert_array_equal(networks[0].params, networks[1].params)
    assert_array_equal(networks[0].state, networks[1].state)
    assert_array_equal(trainer.optimizer.state, own.state)


def test_pieces_of_an_epoch_are_the_epoch():
    networks, losses = [make(), make()], []
    order = shuffled_order(N, 0, 0)
    for network, cuts in zip(networks, ([0, 5], [0, 1, 3, 5]), strict=True):
        adam = prepared(Adam(0.1), network)
        pieces = [
            descend(network, adam, X, T, order=order, batch_size=BATCH_SIZE, start=start, stop=stop)
            for start, stop in itertools.pairwise(cuts)
        ]
        losses.append(np.concatenate(pieces))
    assert_array_equal(losses[0], losses[1])
    assert_array_equal(networks[0].params, networks[1].params)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_an_interrupted_epoch_took_whole_steps(n_steps):
    networks = make(), make()
    asked = iter([False] * (n_steps - 1) + [True])
    sgd = prepared(SGD(0.1), networks[0])
    losses = descend(networks[0], sgd, X, T, batch_size=BATCH_SIZE, interrupted=lambda: next(asked))
    assert len(losses) == sgd.step == n_steps
    sgd = prepared(SGD(0.1), networks[1])
    descend(networks[1], sgd, X, T, batch_size=BATCH_SIZE, stop=n_steps)
    assert_array_equal(networks[0].params, networks[1].params)
