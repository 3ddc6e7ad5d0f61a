"""Networks, folds of rows and trainings that tests of ensembles have in common."""

import copy

import numpy as np
from numpy.testing import assert_array_equal

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    EnsembleTrainer,
    LayerNorm,
    Network,
    PiecewiseLinear,
    Residual,
    Trainer,
)
from minnet.optimizers import Cosine, RMSProp
from minnet.temperature import refined_loss

N, K = 61, 3  # rows, and networks
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
X[:, 2] = X[:, 2].round()  # codes, some of them
Y = (X[:, 0] + 0.5 * RNG.normal(size=N) > 0).astype(int)
WEIGHTS = RNG.uniform(0.5, 2, N)
FOLDS = np.arange(N) % K
ROWS = [np.flatnonzero(i != FOLDS) for i in range(K)]
HELD = [np.flatnonzero(i == FOLDS) for i in range(K)]

LAYERS = {
    "dense": [Dense(8, "tanh")],
    "dropout": [Dense(8, "silu"), Dropout(0.3)],
    "norms": [Dense(8), BatchNorm(activation="relu"), Dense(6), LayerNorm()],
    "pieces": [
        PiecewiseLinear([[-2.0, -1.0, -0.5, 0.0, 0.7, 2.0], None, 3, [0.0, 1.0]], 0.3),
        Dense(8, "silu"),
        Dropout(0.1),
    ],
    "residual": [Dense(8), Residual([Dense(8, "relu")])],
    "frozen": [Dense(8, "relu", trainable=False, lr_factor=0.5), Dense(5, "tanh", lr_factor=2.0)],
}
OPTIMIZERS = [SGD(0.1), SGD(0.05, momentum=0.9), Adam(0.01), AdamW(0.01), RMSProp(0.01)]
OPTIONS = [
    {},
    {"clip_norm": 0.1, "learning_rate": Cosine(20)},
    {"clip_value": 0.01, "shuffle": False, "learning_rate": Cosine()},
    {"weight_decay": 0.1, "learning_rate": "invscaling"},
]


def networks(layers="dense", loss="log_loss", n_outputs=2, dtype="float64", alpha=0.01):
    def one(i):
        own = copy.deepcopy(LAYERS[layers])
        net = Network([*own, Dense(n_outputs)], loss=loss, alpha=alpha)
        return net.initialize(4, random_state=i, dtype=dtype)

    return [one(i) for i in range(K)]


def targets(loss, n_outputs):
    if loss == "log_loss" and n_outputs > 1:
        return np.arange(N) % n_outputs if n_outputs > 2 else Y
    if loss in ("log_loss", "sigmoid_cross_entropy"):
        return (X[:, :n_outputs] > 0).astype(float)
    return np.abs(X[:, :n_outputs])


def validation(rows, T, weights, scoring):
    def score(network):
        Z = network.forward(X[rows].astype(network.dtype))
        w = None if weights is None else weights[rows]
        if scoring == "refinement":
            return -refined_loss(Z, T[rows], network.loss_.output, w)[0]
        return -np.average(network.loss_.value(Z, T[rows]).astype(float), weights=w)

    return score


def one_by_one(nets, optimizer, T, weights, max_epochs, scoring=None, keep="best", **options):
    """Train each network by a Trainer of its own."""
    trainers = []
    for i, net in enumerate(nets):
        batch = net.check_batch(X, T, weights)
        trainer = Trainer(net, optimizer, tol=0, n_iter_no_change=10**9, **options)
        trainer.fit(
            X[ROWS[i]],
            batch[1][ROWS[i]],
            None if weights is None else weights[ROWS[i]],
            max_epochs=max_epochs,
            validate=scoring and validation(HELD[i], batch[1], weights, scoring),
            early_stopping=keep == "best",
        )
        trainers.append(trainer)
    return trainers


def together(nets, optimizer, T, weights, max_epochs, callbacks=(), **options):
    held = HELD if options.get("scoring") else None
    return EnsembleTrainer(nets, optimizer, **options).fit(
        X, T, weights, rows=ROWS, held=held, max_epochs=max_epochs, callbacks=callbacks
    )


def assert_same(nets, others):
    for one, other in zip(nets, others, strict=True):
        assert_array_equal(one.params, other.params)
        assert_array_equal(one.state, other.state)
