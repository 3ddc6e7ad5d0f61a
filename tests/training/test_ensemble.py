"""Members of an ensemble get the bits that each gets from a Trainer of its own, whatever they are."""

import copy
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    Network,
    Residual,
    Trainer,
)
from minnet.backends import list_backends
from minnet.callbacks import History
from minnet.optimizers import Cosine, RMSProp
from minnet.temperature import refined_loss
from minnet.training import EnsembleTrainer

N, K = 61, 3  # rows, and networks
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
Y = (X[:, 0] + 0.5 * RNG.normal(size=N) > 0).astype(int)
WEIGHTS = RNG.uniform(0.5, 2, N)
FOLDS = np.arange(N) % K
ROWS = [np.flatnonzero(i != FOLDS) for i in range(K)]
HELD = [np.flatnonzero(i == FOLDS) for i in range(K)]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LAYERS = {
    "dense": [Dense(8, "tanh")],
    "dropout": [Dense(8, "silu"), Dropout(0.3)],
    "norms": [Dense(8), BatchNorm(activation="relu"), Dense(6), LayerNorm()],
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
    if loss == "log_loss":
        return Y if n_outputs > 1 else Y.astype(float)
    return np.stack([X[:, j] for j in range(n_outputs)], axis=1)


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


def check(layers, optimizer, options, scoring, keep, weights, dtype, backend, n_threads=None):
    nets, others = networks(layers, dtype=dtype), networks(layers, dtype=dtype)
    call = {"optimizer": optimizer, "T": Y, "weights": weights, "max_epochs": 7, "scoring": scoring}
    call |= {"keep": keep, "batch_size": 10, "backend": backend, **options}
    trainers = one_by_one(nets, **call)
    ensemble = together(others, n_threads=n_threads, **call)
    assert_same(nets, others)
    for i, trainer in enumerate(trainers):
        assert ensemble.loss_curves[i] == trainer.loss_curve
        assert ensemble.members[i].optimizer.step == trainer.optimizer.step
        assert ensemble.members[i].optimizer.learning_rate == trainer.optimizer.learning_rate
        assert_array_equal(ensemble.members[i].optimizer.state, trainer.optimizer.state)
        if scoring is not None:
            found = ensemble.validation_scores_of[i]
            np.testing.assert_allclose(found, trainer.validation_scores, rtol=1e-5)
            assert ensemble.best_epochs[i] == 1 + np.argmax(found)


def test_a_second_fit_begins_a_schedule_over_the_fit_anew():
    nets, others = networks(), networks()
    options = {"batch_size": 10, "learning_rate": Cosine()}
    ensemble, history = EnsembleTrainer(others, "adam", **options), History()
    for max_epochs in (3, 4):
        ensemble.fit(X, Y, rows=ROWS, max_epochs=max_epochs, callbacks=[history])
    for i, net in enumerate(nets):
        trainer, of_first = Trainer(net, "adam", **options), History()
        for max_epochs in (3, 4):
            trainer.fit(X[ROWS[i]], Y[ROWS[i]], max_epochs=max_epochs, callbacks=[of_first])
        if i == 0:
            assert history.to_dict()["learning_rate"] == of_first.to_dict()["learning_rate"]
    assert_same(nets, others)


CASES = list(product(LAYERS, range(len(OPTIMIZERS)), range(len(OPTIONS)), range(3), range(2)))


@pytest.mark.parametrize(
    ("backend", "case"),
    [
        (backend, case)
        for backend, every in (("cython", 23), ("numpy", 101), ("numba", 305))
        for case in range(0, len(CASES), every)
        if backend in list_backends()
    ],
)
def test_each_network_gets_the_bits_of_a_trainer(case, backend):
    layers, optimizer, options, scoring, weighted = CASES[case]
    check(
        layers,
        OPTIMIZERS[optimizer],
        OPTIONS[options],
        [None, "loss", "refinement"][scoring],
        ["best", "last"][case % 2],
        WEIGHTS if weighted else None,
        ["float64", "float32"][case % 3 == 0],
        backend,
        n_threads=[None, 1, 2][case % 3] if backend == "cython" else None,
    )
