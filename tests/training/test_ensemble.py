"""Members of an ensemble get the bits that each gets from a Trainer of its own, whatever they are."""

from itertools import product

import numpy as np
import pytest
from ensembles import (
    HELD,
    LAYERS,
    OPTIMIZERS,
    OPTIONS,
    ROWS,
    WEIGHTS,
    X,
    Y,
    assert_same,
    networks,
    one_by_one,
    targets,
    together,
)
from numpy.testing import assert_array_equal

from minnet import EnsembleTrainer, Trainer
from minnet.backends import list_backends
from minnet.callbacks import History
from minnet.losses import Huber, Quantile
from minnet.optimizers import Cosine
from minnet.training import members

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


needs_kernels = pytest.mark.skipif("cython" not in list_backends(), reason="needs the extension")


@needs_kernels
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("seconds", [0.0, 1e-4])
def test_neither_threads_nor_cuts_change_a_bit(layers, n_threads, seconds, monkeypatch):
    options = {"optimizer": "adam", "T": Y, "weights": WEIGHTS, "max_epochs": 5, "batch_size": 7}
    options |= {"scoring": "refinement", "learning_rate": Cosine()}
    nets, others = networks(layers, dtype="float32"), networks(layers, dtype="float32")
    one = together(nets, n_threads=1, **options)
    monkeypatch.setattr(members, "_SECONDS_A_CALL", seconds)
    monkeypatch.setattr("minnet.backends.members.threads_worth", lambda products: n_threads)
    monkeypatch.setattr(members.MembersInTurn, "advance", None)  # it is all compiled
    other = together(others, n_threads=n_threads, **options)
    assert_same(nets, others)
    assert one.loss_curves == other.loss_curves
    assert one.validation_scores_of == other.validation_scores_of
    assert one.best_epochs == other.best_epochs


@needs_kernels
@pytest.mark.parametrize("layers", LAYERS)
def test_threads_share_the_steps_of_a_network_that_is_alone(layers, monkeypatch):
    monkeypatch.setattr("minnet.backends.cython.threads_worth", lambda products: 3)
    usual, tasks, trained = members.MembersTogether._task, [], []

    def seen(self, *args):
        found = usual(self, *args)
        tasks.append(found[0])
        return found

    monkeypatch.setattr(members.MembersTogether, "_task", seen)
    for n_threads in (1, 3):
        net = networks(layers, dtype="float32")[0]
        options = {"scoring": "refinement", "batch_size": 7, "n_threads": n_threads}
        ensemble = EnsembleTrainer([net], "adam", **options)
        ensemble.fit(X, Y, rows=ROWS[:1], held=HELD[:1], max_epochs=5)
        assert {task.n_threads for task in tasks} == {n_threads}
        tasks.clear()
        trained.append((net, ensemble.loss_curves, ensemble.validation_scores_of))
    assert_same([trained[0][0]], [trained[1][0]])
    assert trained[0][1:] == trained[1][1:]
    EnsembleTrainer(networks(layers), "adam", n_threads=3).fit(X, Y, max_epochs=2)
    assert {task.n_threads for task in tasks} == {1}


@needs_kernels
def test_cuts_anywhere_change_no_bit(monkeypatch):
    options = {"optimizer": "adam", "T": Y, "weights": WEIGHTS, "max_epochs": 8, "batch_size": 5}
    nets = networks("norms")
    one = together(nets, scoring="loss", **options)
    rng, parts = np.random.default_rng(0), members.parts
    monkeypatch.setattr(members, "parts", lambda some, n: parts(some, int(rng.integers(1, 60))))
    for _ in range(5):
        others = networks("norms")
        other = together(others, scoring="loss", **options)
        assert_same(nets, others)
        assert one.loss_curves == other.loss_curves
        assert one.validation_scores_of == other.validation_scores_of


@needs_kernels
def test_many_networks_on_few_threads_and_rows_of_any_kind(monkeypatch):
    monkeypatch.setattr("minnet.backends.members.threads_worth", lambda products: 4)
    rng = np.random.default_rng(0)
    rows = [None, rng.integers(0, len(X), 100), X[:, 0] > 0, [3], [5, 5, 5], np.arange(11)]
    held = [None, [0], None, X[:, 1] > 0, [1, 1], np.arange(len(X))]
    nets, others = (
        [networks("dropout")[0].initialize(4, random_state=i) for i in range(6)] for _ in range(2)
    )
    options = {"scoring": "loss", "batch_size": 10, "keep": "last"}
    for backend, each in (("numpy", nets), ("cython", others)):
        ensemble = EnsembleTrainer(each, "sgd", backend=backend, **options)
        ensemble.fit(X, Y, rows=rows, held=held, max_epochs=4)
    for one, other in zip(nets, others, strict=True):
        np.testing.assert_allclose(one.params, other.params, rtol=1e-9, atol=1e-12)
    assert np.isnan(ensemble.validation_scores_of[0]).all()
    assert ensemble.best_epochs[0] == 0


@needs_kernels
@pytest.mark.parametrize("scoring", ["loss", "refinement"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "n_outputs"),
    [
        ("log_loss", 1), ("log_loss", 2), ("log_loss", 5), ("sigmoid_cross_entropy", 3),
        ("squared_error", 2), ("absolute_error", 1), (Huber(0.5), 3), (Quantile(0.3), 1), ("poisson", 1),
    ],
)  # fmt: skip
def test_compiled_scores_are_those_of_numpy(loss, n_outputs, weights, dtype, scoring):
    if scoring == "refinement" and "log" not in str(loss) and "cross" not in str(loss):
        return
    T = targets(loss, n_outputs)
    found = []
    for backend in ("numpy", "cython"):
        nets = networks("dense", loss=loss, n_outputs=n_outputs, dtype=dtype)
        options = {"scoring": scoring, "backend": backend, "keep": "last", "batch_size": 20}
        ensemble = together(nets, "adam", T, weights, 3, **options)
        found.append((ensemble.validation_scores_of, ensemble.validation_loss_curve))
    for one, other in zip(*found, strict=True):
        tolerance = 1e-4 if dtype == "float32" else 1e-10
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
