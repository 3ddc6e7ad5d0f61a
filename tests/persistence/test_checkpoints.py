"""A training that was killed and run again ends with the same bits."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from killed_fit import KINDS
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from minnet import (
    AdamW,
    Dense,
    MinNetClassifier,
    Network,
    RMSProp,
    Trainer,
    copy_weights,
    load_model,
    save_model,
)
from minnet.backends import list_backends
from minnet.callbacks import Callback, Checkpoint, History, TensorBoard, TimeLimit
from minnet.lab import Probe
from minnet.schedules import Cosine, FlatThenCosine, WarmUp

SCRIPT = Path(__file__).parent / "killed_fit.py"
DIGITS = load_digits(return_X_y=True)
X, Y = DIGITS[0][:400] / 16, DIGITS[1][:400]

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def run(kind, path, *wait):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, SCRIPT, kind, path, *wait],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout.readline() == "fitting\n"
    return child


def outcome(child):
    text, _ = child.communicate()
    assert child.returncode == 0
    return text.strip()


def steps_in(path):
    """Return how many steps the checkpoint has; none where it was not written yet."""
    if not path.exists():
        return 0
    model = load_model(path)
    return getattr(model, "_trainer", model).n_steps


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_was_killed_ends_with_the_same_bits(kind, tmp_path):
    chance = random.Random(f"{kind} {time.time_ns()}")  # other moments each time: all must do
    path = tmp_path / "fit.safetensors"
    whole = run(kind, "-")
    done = []
    for i in range(4):  # 20 times over the kinds
        child = run(kind, path, "wait")
        time.sleep(chance.uniform(0.0, 0.4))
        while i == 3 and not steps_in(path):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        done.append(steps_in(path))
    assert done == sorted(done)
    assert done[-1] > 0
    expected = outcome(whole)
    assert outcome(run(kind, path)) == expected
    assert outcome(run(kind, path)) == expected  # complete: nothing is left to do


def classifier(**params):
    given = {"hidden_layer_sizes": (8,), "max_iter": 6, "n_iter_no_change": 50, "random_state": 0}
    return MinNetClassifier(**given | params)


def fit(est, path, **options):
    return est.set_callbacks(Checkpoint(path, **options)).fit(X, Y)


class Interrupting:
    """Presses Ctrl-C at an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def __call__(self, trainer):
        if trainer.n_epochs == self.epoch:
            raise KeyboardInterrupt


def test_there_are_checkpoints_within_an_epoch(tmp_path):
    path, seen = tmp_path / "t.safetensors", []

    class Looking(Callback):
        due = 0

        def next_step(self, trainer):
            return self.due

        def at_step(self, trainer):
            seen.append(load_model(path).n_steps)
            self.due = trainer.n_steps + 10

    net = Network([Dense(8, "tanh"), Dense(10)]).initialize(64, random_state=0)
    trainer = Trainer(net, batch_size=2)
    trainer.fit(X, Y, max_epochs=1, callbacks=[Checkpoint(path, every=0), Looking()])
    assert trainer.n_steps == 200
    assert len(set(seen)) > 5
    assert max(seen) < 200


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize(
    "optimizer",
    [AdamW(0.01, weight_decay=0.1), RMSProp(0.01), RMSProp(0.01, momentum=0.9)],
    ids=repr,
)
def test_every_optimizer_goes_on_with_the_same_bits(optimizer, backend, tmp_path):
    def train(*callbacks):
        net = Network([Dense(8, "tanh"), Dense(10)], alpha=0.1).initialize(64, random_state=0)
        trainer = Trainer(net, optimizer, batch_size=50, backend=backend)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trainer.fit(X, Y, max_epochs=6, callbacks=callbacks)

    path = tmp_path / "t.safetensors"
    whole = train()
    first = train(Checkpoint(path), Interrupting(3))
    assert first.n_epochs == 3
    second = train(Checkpoint(path))
    assert second.n_epochs == 6
    assert_array_equal(second.network.params, whole.network.params)
    assert_array_equal(second.optimizer.state, whole.optimizer.state)
    assert second.loss_curve == whole.loss_curve


def test_ctrl_c_then_again(tmp_path):
    def trainer():
        net = Network([Dense(8, "tanh"), Dense(10)]).initialize(64, random_state=0)
        return Trainer(net, "adam", n_iter_no_change=50)

    path = tmp_path / "t.safetensors"
    options = {"max_epochs": 8, "validate": lambda net: -abs(net.params.sum() - 3)}
    whole = trainer().fit(X, Y, **options)
    with pytest.warns(UserWarning, match="interrupted by user"):
        trainer().fit(X, Y, **options, callbacks=[Interrupting(3), Checkpoint(path)])
    again = trainer().fit(X, Y, **options, callbacks=[Checkpoint(path)])
    assert_array_equal(again.network.params, whole.network.params)
    assert again.loss_curve == whole.loss_curve
    assert again.validation_scores == whole.validation_scores


class PowerCut(Callback):
    """Breaks a training at a step."""

    def __init__(self, step):
        self.step = step

    def next_step(self, trainer):
        return self.step

    def at_step(self, trainer):
        if trainer.n_steps == self.step:
            raise MemoryError("the power is gone")


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", ["TimeLimit", "History", "Probe", "TensorBoard"])
def test_other_callbacks_begin_where_the_training_is_taken_up(kind, place, tmp_path):
    make = {
        "TimeLimit": lambda: TimeLimit(1000),
        "History": History,
        "Probe": lambda: Probe(X, Y, steps=2),
        "TensorBoard": lambda: TensorBoard(tmp_path / "board"),
    }[kind]

    def fit_with(other, *more):
        callbacks = [other, Checkpoint(path, every=0)]
        callbacks = callbacks if place == "before" else callbacks[::-1]
        return classifier(batch_size=40).set_callbacks(*callbacks, *more).fit(X, Y)

    path = tmp_path / "c.safetensors"
    whole = classifier(batch_size=40).fit(X, Y)
    with pytest.raises(MemoryError, match="power"):
        fit_with(make(), PowerCut(25))
    other = make()
    again = fit_with(other)
    assert_array_equal(again.network_.params, whole.network_.params)
    assert again.loss_curve_ == whole.loss_curve_
    if kind == "History":
        assert other.to_dict()["epoch"] == [3, 4, 5, 6]
    if kind == "Probe":
        first = other.recording[0].step
        assert 20 <= first <= 26
        assert [m.step for m in other.recording] == list(range(first, 61, 2))
    if kind == "TimeLimit":
        assert not other.reached


def test_a_time_limit_before_a_checkpoint_counts_from_where_the_training_is_taken_up(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c.safetensors", every=0)
    limit = TimeLimit(0.01)
    net = classifier(max_iter=10**6, n_iter_no_change=10**6, batch_size=10)
    done = []
    for _ in range(3):
        with pytest.warns(UserWarning, match="training ended there"):
            net.set_callbacks(limit, checkpoint).fit(X, Y)
        done.append(net._trainer.n_steps)
    assert done == sorted(set(done))


def test_two_checkpoints_of_one_fit(tmp_path):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    whole = classifier().fit(X, Y)
    two = [Checkpoint(path, every=0) for path in paths]
    with pytest.raises(MemoryError, match="power"):
        classifier().set_callbacks(*two, PowerCut(3)).fit(X, Y)
    for _ in range(2):  # begun anew from both, and complete in both
        again = classifier().set_callbacks(*two).fit(X, Y)
        assert_array_equal(again.network_.params, whole.network_.params)
    for path in paths:
        alone = classifier().set_callbacks(Checkpoint(path)).fit(X, Y)
        assert_array_equal(alone.network_.params, whole.network_.params)


def test_a_complete_fit_is_there_at_once(tmp_path):
    path = tmp_path / "c.safetensors"
    options = {"early_stopping": True, "max_iter": 200, "n_iter_no_change": 3}
    first = fit(classifier(**options, learning_rate_init=0.05), path)
    assert first.n_iter_ < 200
    again = fit(classifier(**options, learning_rate_init=0.05), path)
    assert_array_equal(again.network_.params, first.network_.params)
    assert again.n_iter_ == first.n_iter_
    assert again.validation_scores_ == first.validation_scores_
    loaded = load_model(path)
    assert loaded.n_iter_ == first.n_iter_
    assert_array_equal(loaded.network_.params, first.network_.params)  # the best ones
    save_model(loaded, path)  # which is a model, and no training any more
    with pytest.raises(ValueError, match="not in training"):
        fit(classifier(**options, learning_rate_init=0.05), path)


def test_a_checkpoint_in_the_middle_is_read_with_the_best_weights_so_far(tmp_path):
    path = tmp_path / "c.safetensors"
    options = {"early_stopping": True, "max_iter": 30, "learning_rate_init": 0.3}
    net = classifier(**options, batch_size=40)
    net.set_callbacks(Checkpoint(path, every=0), PowerCut(9 * 20 + 3))
    with pytest.raises(MemoryError, match="power"):
        net.fit(X, Y)
    model = load_model(path)
    best = int(np.argmax(model.validation_scores_)) + 1
    assert best < model.n_iter_
    same = classifier(**options | {"max_iter": best}, batch_size=40).fit(X, Y)
    assert_array_equal(model.network_.params, same.network_.params)


@pytest.mark.parametrize("schedule", [Cosine(), WarmUp(5, FlatThenCosine())], ids=repr)
def test_a_schedule_over_the_fit_goes_on_where_it_was(schedule, tmp_path):
    def made(*callbacks, max_iter=6):
        options = {"learning_rate": schedule, "batch_size": 40, "max_iter": max_iter}
        return classifier(**options).set_callbacks(*callbacks).fit(X, Y)

    checkpoint = Checkpoint(tmp_path / "c.safetensors", every=0)
    whole = made()
    with pytest.raises(MemoryError, match="power"):
        made(checkpoint, PowerCut(25))
    with pytest.raises(ValueError, match=r"differs in the number of epochs \(6 in the file, 7 now"):
        made(checkpoint, max_iter=7)
    again = made(checkpoint)
    assert_array_equal(again.network_.params, whole.network_.params)
    assert again.loss_curve_ == whole.loss_curve_


def test_a_stall_that_is_none_by_the_arguments_now_is_gone_on_from(tmp_path):
    path = tmp_path / "c.safetensors"
    impatient = fit(classifier(max_iter=12, tol=0.05, n_iter_no_change=1), path)
    assert impatient.n_iter_ < 12
    whole = classifier(max_iter=12, tol=0.05, n_iter_no_change=50).fit(X, Y)
    again = fit(classifier(max_iter=12, tol=0.05, n_iter_no_change=50), path)
    assert again.n_iter_ == 12
    assert_array_equal(again.network_.params, whole.network_.params)


@pytest.mark.parametrize(
    "other",
    [
        {"random_state": 1},
        {"hidden_layer_sizes": (9,)},
        {"learning_rate_init": 0.002},
        {"beta_1": 0.8},
        {"batch_size": 50},
        {"alpha": 0.1},
        {"loss": "squared_error"},
        {"init": "he"},
        {"learning_rate": lambda step: 0.1},
    ],
)
def test_another_fit_is_refused(tmp_path, other):
    path = tmp_path / "c.safetensors"
    est = fit(classifier(), path)
    before = est.network_.params.copy()
    (name,) = other
    name = {"hidden_layer_sizes": "layers"}.get(name, name).removesuffix("_init")
    with pytest.raises(
        ValueError, match=rf"of the same fit, got .* differs in [^,]*{name}"
    ) as caught:
        fit(est.set_params(**other), path)
    assert str(caught.value).count(" in the file") <= 1  # nothing else is said to differ
    assert_array_equal(est.network_.params, before)
    if "learning_rate" not in other:
        fit(est, path, resume=False)
        assert load_model(path).get_params()[next(iter(other))] == next(iter(other.values()))


@pytest.mark.parametrize("more", [0, 2])
def test_a_fit_that_is_complete_in_its_file_says_so(tmp_path, more, recwarn):
    path = tmp_path / "c.safetensors"
    est = fit(classifier(), path)
    recwarn.clear()
    again = fit(classifier(max_iter=est.max_iter + more), path)
    said = [str(w.message) for w in recwarn if "complete in" in str(w.message)]
    assert (len(said) == 1 and str(path) in said[0] and "nothing was trained" in said[0]) == (
        more == 0
    )
    assert all(w.filename == __file__ for w in recwarn)
    assert again.n_iter_ == est.n_iter_ + more


@pytest.mark.parametrize("change", ["X", "one number", "y", "rows", "sample_weight"])
def test_other_data_are_refused(tmp_path, change):
    path = tmp_path / "c.safetensors"
    fit(classifier(), path)
    data = {"X": X, "y": Y}
    if change == "X":
        data["X"] = X + 1
    elif change == "one number":
        data["X"] = X.copy()
        data["X"][137, 5] += 1e-9
    elif change == "y":
        data["y"] = np.roll(Y, 1)
    elif change == "rows":
        data = {"X": X[:-1], "y": Y[:-1]}
    else:
        data["sample_weight"] = np.arange(1, 401)
    names = {"one number": "X", "rows": r"X .*\(400, 64\) in the file, \(399, 64\) now"}
    with pytest.raises(ValueError, match=f"same fit, .* differs in {names.get(change, change)}"):
        classifier().set_callbacks(Checkpoint(path)).fit(**data)


@pytest.mark.parametrize("change", ["none", "watched", "scoring", "rows", "labels", "weights"])
def test_another_validation_is_refused(tmp_path, change):
    path = tmp_path / "c.safetensors"
    params, held = {"early_stopping": True}, {"X_val": X[:90], "y_val": Y[:90]}
    net = classifier(**params).set_callbacks(Checkpoint(path)).fit(X, Y, **held)
    if change == "none":
        params, held = {}, {}
    elif change == "watched":
        params = {}
    elif change == "scoring":
        params["scoring"] = "loss"
    elif change == "rows":
        held = {"X_val": X[:80], "y_val": Y[:80]}
    elif change == "labels":
        held["y_val"] = np.roll(Y[:90], 1)
    else:
        held["sample_weight_val"] = np.arange(1, 91)
    other = classifier(**params).set_callbacks(Checkpoint(path))
    names = {"none": "early_stopping", "watched": "early_stopping", "scoring": "scoring", "rows": "X_val",
             "labels": "y_val", "weights": "sample_weight_val"}  # fmt: skip
    with pytest.raises(ValueError, match=f"same fit, .* differs in {names[change]} "):
        other.fit(X, Y, **held)
    again = classifier(early_stopping=True, max_iter=7).set_callbacks(Checkpoint(path))
    again.fit(X, Y, X_val=X[:90], y_val=Y[:90])
    assert again.validation_scores_[:6] == net.validation_scores_


def test_every_number_of_an_array_that_is_an_argument_counts(tmp_path):
    W = np.linspace(-0.1, 0.1, 64 * 40).reshape(64, 40)
    shape = {"hidden_layer_sizes": (40,)}
    fit(classifier(init=[W, "he"], **shape), tmp_path / "c")
    fit(classifier(init=[W.copy(), "he"], **shape), tmp_path / "c")
    W[30, 20] += 1e-9
    with pytest.raises(ValueError, match="checkpoint of the same fit"):
        fit(classifier(init=[W, "he"], **shape), tmp_path / "c")


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    path = tmp_path / "c.safetensors"
    save_model(classifier().fit(X, Y), path)
    with pytest.raises(ValueError, match="which has a model that was not in training"):
        fit(classifier(), path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"cannot be read as a model"):
        fit(classifier(), path)
    with pytest.raises(ValueError, match=r"a checkpoint cannot keep this training: .*scoring"):
        fit(classifier(scoring=lambda est, X, y: 0.0, early_stopping=True), tmp_path / "d")
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '[^']*folder'$"):
        fit(classifier(), tmp_path / "no" / "folder")


@pytest.mark.parametrize(
    "given",
    [
        {"path": 3},
        {"path": "a", "every": -1},
        {"path": "a", "every": "b"},
        {"path": "a", "resume": "no"},
    ],
)
def test_arguments(given):
    with pytest.raises((TypeError, ValueError), match=r"(path|every|resume) must be"):
        Checkpoint(**given)


@pytest.mark.parametrize(
    ("room", "number"), [(0, errno.ENOSPC), (3, errno.ENOSPC), (3, errno.EDQUOT), (3, errno.EIO)]
)
def test_a_full_disk_fails_the_checkpoint_and_not_the_fit(room, number, tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    est = classifier(max_iter=20).set_callbacks(Checkpoint(path, every=0))
    good = classifier(max_iter=20).fit(X, Y)
    usual, calls = os.fsync, []

    def fsync(descriptor):  # room for the first checkpoints (a file and its folder each)
        calls.append(descriptor)
        if len(calls) > 2 * room:
            raise OSError(number, os.strerror(number))
        usual(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        est.fit(X, Y)
    [said] = [w for w in caught if "could not be written" in str(w.message)]
    assert os.strerror(number) in str(said.message)
    assert "the training goes on" in str(said.message)
    assert said.filename == __file__
    assert len(calls) > 20
    assert_array_equal(est.network_.params, good.network_.params)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["c.safetensors"] * (room > 0)
    again = fit(classifier(max_iter=20), path)  # the last complete one is still good
    assert_array_equal(again.network_.params, good.network_.params)


def test_a_disk_that_has_room_again(tmp_path, monkeypatch, caplog):
    path, usual, calls = tmp_path / "c.safetensors", os.fsync, []

    def fsync(descriptor):  # two causes by turns, and room now and then
        calls.append(descriptor)
        number = [errno.ENOSPC, errno.EIO, 0][len(calls) // 5 % 3]
        if len(calls) > 10 and number:
            raise OSError(number, os.strerror(number))
        usual(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with warnings.catch_warnings(record=True) as caught, caplog.at_level("INFO", "minnet"):
        warnings.simplefilter("always")
        classifier(max_iter=60).set_callbacks(Checkpoint(path, every=0)).fit(X, Y)
    said = [str(w.message) for w in caught if "could not be written" in str(w.message)]
    assert len(said) == 2
    for number in (errno.ENOSPC, errno.EIO):
        assert any(os.strerror(number) in each for each in said)
    assert "could be written again" in caplog.text


def test_searches_take_a_folder(tmp_path):
    grid = {"alpha": [1e-4, 1e-2]}
    est = classifier().set_callbacks(Checkpoint(tmp_path))
    search = GridSearchCV(est, grid, cv=2, n_jobs=2).fit(X, Y)
    plain = GridSearchCV(classifier(), grid, cv=2).fit(X, Y)
    assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert len(os.listdir(tmp_path)) == 5  # four fits and the last one
    again = GridSearchCV(est, grid, cv=2).fit(X, Y)
    assert_array_equal(again.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert len(os.listdir(tmp_path)) == 5


def test_a_path_with_a_slash_at_its_end_is_a_folder(tmp_path):
    path = os.path.join(tmp_path, "new", "")
    fit(classifier(), path)
    fit(classifier(random_state=1), path)
    assert len(os.listdir(path)) == 2


def test_a_fit_that_changes_the_working_directory_keeps_its_file(tmp_path, monkeypatch):
    class Elsewhere(Callback):
        def end_epoch(self, trainer):
            os.chdir(tmp_path / "b")

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    net = classifier().set_callbacks(Checkpoint("c.safetensors", every=0), Elsewhere()).fit(X, Y)
    assert os.listdir(tmp_path / "b") == []
    assert load_model(tmp_path / "a" / "c.safetensors").n_iter_ == net.n_iter_


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0), 0, np.int64(3)], ids=str)
def test_a_fit_that_could_not_be_gone_on_from_is_told_at_its_beginning(seed, tmp_path, recwarn):
    clf = MinNetClassifier((4,), max_iter=2, random_state=seed)
    clf.set_callbacks(Checkpoint(tmp_path / "fit.safetensors")).fit(X, Y)
    said = [str(w.message) for w in recwarn if "random_state must be a whole" in str(w.message)]
    assert len(said) == (not isinstance(seed, int | np.integer))


def test_other_weights_to_begin_with_are_another_fit(tmp_path):
    path = tmp_path / "fit.safetensors"
    source = MinNetClassifier((4,), max_iter=2, random_state=5).fit(X, Y)

    def fit(taken):
        clf = MinNetClassifier((4,), warm_start=True, max_iter=2, random_state=0).initialize(X, Y)
        if taken:
            copy_weights(source, clf)
        return clf.set_callbacks(Checkpoint(path)).fit(X, Y)

    fit(taken=False)
    with pytest.raises(ValueError, match=r"differs in the weights to begin with \(other numbers\)"):
        fit(taken=True)
    with pytest.warns(UserWarning, match="complete"):
        fit(taken=False)


def test_a_warm_start_has_a_file_of_its_own(tmp_path):
    est = classifier(warm_start=True).set_callbacks(Checkpoint(tmp_path))
    plain = classifier(warm_start=True)
    for _ in range(2):
        est.fit(X, Y)
        plain.fit(X, Y)
        assert_array_equal(est.network_.params, plain.network_.params)
    assert len(os.listdir(tmp_path)) == 2


class Breaking(Callback):
    """Makes a weight NaN at a step, as a rate that is too high does."""

    def __init__(self, step):
        self.step = step

    def next_step(self, trainer):
        return self.step

    def at_step(self, trainer):
        if trainer.n_steps == self.step:
            trainer.network.params[3] = np.nan
            trainer.optimizer.state[:, 3] = np.nan


def test_weights_that_are_none_do_not_take_the_place_of_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "c.safetensors"
    est = classifier(batch_size=40).set_callbacks(Breaking(35), Checkpoint(path, every=0))
    with pytest.raises(ValueError, match="non-finite"):
        est.fit(X, Y)
    model = load_model(path)
    assert 30 < model._trainer.n_steps <= 35
    assert np.isfinite(model.network_.params).all()
    again = fit(classifier(batch_size=40), path)
    assert_array_equal(again.network_.params, classifier(batch_size=40).fit(X, Y).network_.params)


def test_a_fit_that_diverged_is_kept_with_its_best_weights_and_goes_on(tmp_path):
    path = tmp_path / "c.safetensors"
    params = {"batch_size": 40, "early_stopping": True}
    with pytest.warns(UserWarning, match="The weights of the best epoch were restored"):
        est = classifier(**params).set_callbacks(Breaking(35), Checkpoint(path)).fit(X, Y)
    loaded = load_model(path)
    assert_array_equal(loaded.network_.params, est.network_.params)
    again = fit(classifier(**params), path)  # its outcome is there at once
    assert_array_equal(again.network_.params, est.network_.params)
    save_model(est, path)
    for model in (est, loaded, again, load_model(path)):
        model.set_params(early_stopping=False).partial_fit(X, Y)
        assert np.isfinite(model.network_.params).all()
        assert_array_equal(model.network_.params, est.network_.params)
