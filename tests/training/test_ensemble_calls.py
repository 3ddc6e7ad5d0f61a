"""How an EnsembleTrainer is called: what ends it, what watches it, what it refuses, and files of it."""

import copy
import pickle
import signal
import warnings

import numpy as np
import pytest
from ensembles import HELD, ROWS, WEIGHTS, K, X, Y, assert_same, networks
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from minnet import SGD, Dense, EnsembleTrainer, Network, Trainer, load_model, save_model
from minnet.backends import list_backends
from minnet.callbacks import Callback, Checkpoint, History, StopTraining, TimeLimit
from minnet.optimizers import Cosine

BACKENDS = [name for name in ("cython", "numpy") if name in list_backends()]


@pytest.fixture(autouse=True)
def _no_ctrl_c_before(monkeypatch):
    monkeypatch.setattr("minnet.training.interrupts._last_heard", -np.inf)


class KilledError(Exception):
    """Ends a training as a process that is killed does."""


class At(Callback):
    """Does something at a step."""

    def __init__(self, step, action):
        self.step, self.action, self.seen = step, action, []

    def next_step(self, trainer):
        return self.step

    def at_step(self, trainer):
        self.seen.append(trainer.n_steps)
        self.action(trainer)


def a_trainer(backend="auto", scoring="refinement", **options):
    options = {"batch_size": 10, "learning_rate": Cosine()} | options
    return EnsembleTrainer(networks(), "adam", backend=backend, scoring=scoring, **options)


def fit(trainer, max_epochs=6, **options):
    held = HELD if trainer.scoring else None
    return trainer.fit(X, Y, WEIGHTS, rows=ROWS, held=held, max_epochs=max_epochs, **options)


def stop(trainer):
    raise StopTraining("enough")


def interrupt(trainer):
    signal.raise_signal(signal.SIGINT)


def kill(trainer):
    raise KilledError


# ---- what ends it


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("action", [stop, interrupt])
@pytest.mark.parametrize("step", [1, 28, 44])  # an epoch has 14
def test_it_can_be_stopped_at_any_step(step, action, keep, backend):
    trainer, watch = a_trainer(backend, keep=keep), At(step, action)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(UserWarning, match="enough|interrupted"):
            fit(trainer, callbacks=[watch])
    finally:
        signal.signal(signal.SIGINT, usual)
    assert step <= watch.seen[0] < step + K
    assert trainer.n_steps == watch.seen[0]
    assert trainer.n_epochs == len(trainer.loss_curve) == watch.seen[0] // 14
    assert {len(curve) for curve in trainer.loss_curves} == {trainer.n_epochs}
    assert all(np.isfinite(network.params).all() for network in trainer.networks)
    fit(trainer, max_epochs=2)  # it goes on
    assert trainer.n_epochs == watch.seen[0] // 14 + 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_ctrl_c_is_heard_where_nobody_watches(backend, monkeypatch):
    monkeypatch.setattr("minnet.training.members._SECONDS_A_CALL", 0.0)
    taken = []
    name = {"cython": "minnet.backends.members.CompiledMembers.take",
            "numpy": "minnet.backends.numpy.NumpyBackend.train_steps"}[backend]  # fmt: skip
    module, _, method = name.rpartition(".")
    owner = pytest.importorskip(module.rpartition(".")[0]).__dict__[module.rpartition(".")[2]]
    steps = getattr(owner, method)

    def count(*args, **kwargs):
        taken.append(1)
        if len(taken) == 12:
            signal.raise_signal(signal.SIGINT)
        return steps(*args, **kwargs)

    monkeypatch.setattr(owner, method, count)
    trainer = a_trainer(backend)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(UserWarning, match="interrupted"):
            fit(trainer, max_epochs=50)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert len(taken) == 12
    assert trainer.n_epochs < 12
    assert {len(curve) for curve in trainer.loss_curves} == {trainer.n_epochs}


def test_a_time_limit_ends_it():
    trainer = a_trainer()
    with pytest.warns(UserWarning, match="limit of 0.2 seconds"):
        fit(trainer, max_epochs=10**6, callbacks=[TimeLimit(0.2)])
    assert 0 < trainer.n_epochs < 10**5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("keep", ["best", "last"])
def test_one_that_diverges_ends_with_its_best_epoch_and_others_go_on(keep, watched, backend):
    # a row on which networks[0] alone is trained
    data = np.r_[X, X[:1]], np.r_[X[:, :1], [[1e150]]]
    rows = [np.r_[ROWS[0], len(X)], ROWS[1], ROWS[2]]
    options = {"batch_size": 10, "backend": backend}
    options["learning_rate"] = lambda step: (
        0.0 if step < 10 else 10.0
    )  # two epochs without a change
    nets, alone, new = (networks(loss="squared_error", n_outputs=1) for _ in range(3))
    trainer = EnsembleTrainer(nets, SGD(), scoring="loss", keep=keep, **options)
    call = {"rows": rows, "held": HELD, "callbacks": [lambda trainer: None] if watched else ()}
    if keep == "last":
        with pytest.raises(ValueError, match=r"non-finite.* in epoch 3 of networks\[0\]"):
            trainer.fit(*data, max_epochs=6, **call)
        return
    with pytest.warns(ConvergenceWarning, match=r"networks\[0\].*best epoch were restored"):
        trainer.fit(*data, max_epochs=6, **call)
    assert_array_equal(nets[0].params, new[0].params)
    assert trainer.best_epochs[0] == 1
    assert np.isnan(trainer.loss_curves[0][3:]).all()
    assert np.isfinite(trainer.loss_curve[-1])
    for i in (1, 2):
        one = EnsembleTrainer([alone[i]], SGD(), scoring="loss", keep=keep, **options)
        one.fit(*data, rows=rows[i : i + 1], held=HELD[i : i + 1], max_epochs=6)
        assert trainer.loss_curves[i] == one.loss_curves[0]
        assert_array_equal(nets[i].params, alone[i].params)


# ---- which weights stay


@pytest.mark.parametrize("backend", BACKENDS)
def test_joint_is_the_epoch_of_the_best_mean(backend):
    trainer = fit(a_trainer(backend, joint=True, learning_rate="constant"), max_epochs=8)
    last = fit(a_trainer(backend, keep="last", learning_rate="constant"), max_epochs=8)
    assert trainer.validation_scores == last.validation_scores
    best = 1 + int(np.argmax(trainer.validation_scores))
    assert trainer.best_epochs == [best] * K
    assert trainer.best_epoch == best
    again = fit(a_trainer(backend, keep="last", learning_rate="constant"), max_epochs=best)
    assert_same(trainer.networks, again.networks)
    shares = [WEIGHTS[held].sum() / WEIGHTS.sum() for held in HELD]
    mean = sum(
        w * curve[best - 1] for w, curve in zip(shares, last.validation_scores_of, strict=True)
    )
    assert trainer.best_score == pytest.approx(mean)


def test_weights_that_were_there_take_part_in_a_second_fit():
    trainer = fit(a_trainer(learning_rate="constant", scoring="loss"), max_epochs=10)
    before = [network.params.copy() for network in trainer.networks]
    for member in trainer.members:
        member.optimizer.learning_rate = member.initial_rate = 1e4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(trainer, max_epochs=1)
    assert trainer.best_epochs == [0] * K
    for network, params in zip(trainer.networks, before, strict=True):
        assert_array_equal(network.params, params)


# ---- what watches it


def test_callbacks_see_means_over_the_networks():
    history, trainer = History(), a_trainer()
    seen = []
    fit(trainer, callbacks=[history, lambda t: seen.append((t.n_epochs, t.n_steps, t.n_seen))])
    figures = history.to_dict()
    assert figures["loss"] == trainer.loss_curve
    assert figures["loss"][2] == pytest.approx(np.mean([c[2] for c in trainer.loss_curves]))
    assert figures["validation_score"] == trainer.validation_scores
    assert figures["validation_loss"] == trainer.validation_loss_curve
    assert seen[1] == (2, 2 * 14, 2 * sum(map(len, ROWS)))
    assert "3 networks" in repr(trainer)


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_is_shown(verbose, capsys):
    fit(a_trainer(verbose=verbose))
    out = capsys.readouterr().out
    assert ("6 epochs in" in out) == (verbose == 1)
    assert (out.count("Iteration") == 6) == (verbose == 2)


# ---- files


@pytest.mark.parametrize(
    ("step", "options", "backend"),
    [
        (2, {}, BACKENDS[0]),
        (37, {}, BACKENDS[0]),
        (37, {}, "numpy"),
        (28, {"keep": "last"}, BACKENDS[0]),
        (61, {"joint": True}, BACKENDS[0]),
        (61, {"scoring": None}, "numpy"),
    ],
)
def test_a_killed_training_goes_on_to_the_same_bits(step, options, backend, tmp_path):
    path = tmp_path / "ensemble.safetensors"
    whole = fit(a_trainer(backend, **options))
    with pytest.raises(KilledError):
        fit(a_trainer(backend, **options), callbacks=[Checkpoint(path, every=0), At(step, kill)])
    found = load_model(path)
    assert isinstance(found, EnsembleTrainer)
    resumed = fit(a_trainer(backend, **options), callbacks=[Checkpoint(path, every=0)])
    assert_same(whole.networks, resumed.networks)
    assert_array_equal(whole.loss_curves, resumed.loss_curves)
    assert_array_equal(whole.validation_scores_of, resumed.validation_scores_of)
    assert whole.best_epochs == resumed.best_epochs
    assert whole.loss_curve == resumed.loss_curve
    assert_same(whole.networks, load_model(path).networks)


def test_another_training_is_refused(tmp_path):
    path = tmp_path / "ensemble.safetensors"
    fit(a_trainer(), callbacks=[Checkpoint(path)])
    with pytest.raises(ValueError, match="differs in keep"):
        fit(a_trainer(keep="last"), callbacks=[Checkpoint(path)])
    trainer = a_trainer()
    rows, held = [list(each) for each in (ROWS, HELD)]
    rows[1], held[1] = held[1], rows[1]
    with pytest.raises(ValueError, match=r"differs in rows\[1\].*, held\[1\]"):
        trainer.fit(X, Y, WEIGHTS, rows=rows, held=held, max_epochs=6, callbacks=[Checkpoint(path)])
    with pytest.raises(ValueError, match="another kind"):
        Trainer(networks()[0]).fit(X, Y, callbacks=[Checkpoint(path)])


@pytest.mark.parametrize("way", ["file", "pickle", "deepcopy"])
def test_a_trainer_that_is_kept_goes_on_to_the_same_bits(way, tmp_path):
    trainer = fit(a_trainer(learning_rate="constant"), max_epochs=3)
    if way == "file":
        save_model(trainer, tmp_path / "ensemble.safetensors")
        other = load_model(tmp_path / "ensemble.safetensors")
    else:
        other = pickle.loads(pickle.dumps(trainer)) if way == "pickle" else copy.deepcopy(trainer)
    for each in (trainer, other):
        fit(each, max_epochs=3)
    assert_same(trainer.networks, other.networks)
    assert trainer.loss_curve == other.loss_curve


# ---- what it refuses


def test_what_does_not_fit_is_named():
    nets = networks()
    for bad, name in (
        ([], "networks must be a list"),
        (nets[0], "networks must be a list"),
        ([nets[0], nets[0]], r"networks\[1\] must be another network"),
        ([nets[0], networks("dropout")[1]], r"networks\[1\] must have the layers"),
        ([nets[0], networks(dtype="float32")[1]], r"networks\[1\] must have the dtype"),
        ([nets[0], Network([Dense(2)])], r"networks\[1\] must be initialized"),
    ):
        with pytest.raises((TypeError, ValueError), match=name):
            EnsembleTrainer(bad)
    with pytest.raises(ValueError, match="learning_rate must not be 'adaptive'"):
        EnsembleTrainer(nets, learning_rate="adaptive")
    with pytest.raises(ValueError, match="scoring must be 'loss' for a network"):
        EnsembleTrainer(networks(loss="squared_error"), scoring="refinement").fit(
            X, X[:, :2], held=HELD
        )
    trainer = a_trainer()
    for bad in (
        [[0]],
        [[0], [1], []],
        [[0], [1], [-1]],
        [[0], [1], [61]],
        [[0.5], [1], [2]],
        "abc",
    ):
        with pytest.raises(ValueError, match=r"^(rows|held)"):
            trainer.fit(X, Y, rows=ROWS, held=bad)
        with pytest.raises(ValueError, match=r"^(rows|held)"):
            trainer.fit(X, Y, rows=bad, held=HELD)
    with pytest.raises(ValueError, match="held must have rows for one network at least"):
        trainer.fit(X, Y, rows=ROWS, held=[None] * K)
    with pytest.raises(ValueError, match="held must be given"):
        trainer.fit(X, Y, rows=ROWS)
    weights = np.where(np.isin(np.arange(len(X)), HELD[2]), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"must not be all zero in held\[2\]"):
        trainer.fit(X, Y, weights, rows=ROWS, held=HELD)
    assert trainer.n_steps == 0


def test_a_call_within_a_call_is_refused():
    trainer, said = a_trainer(), []

    def again(trainer):
        with pytest.raises(RuntimeError, match="in training already"):
            fit(trainer)
        said.append(True)

    fit(trainer, max_epochs=1, callbacks=[again])
    assert said
