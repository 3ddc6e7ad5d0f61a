"""A sweep's file: whatever ends the process or cuts the file, what was done is taken up, and no more."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import sweep_to_interrupt

from minnet import MinNetClassifier
from minnet.initializers import GlorotUniform
from minnet.lab import Sweep, sweep
from minnet.lab.sweeps import running, training

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")
SCRIPT = Path(__file__).parent / "sweep_to_interrupt.py"

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
MODEL = MinNetClassifier((3,), max_iter=1)
AXES = {"init": ["he", "zeros"], "alpha": [0.1, 1.0]}


@pytest.fixture
def trained(monkeypatch):
    """Return the list of the settings and seeds that are trained."""
    made, real = [], training._train
    monkeypatch.setattr(
        training, "_train", lambda *given: (made.append((given[1], given[2])), real(*given))[1]
    )
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sweep.jsonl"


def run(path, **changes):
    return sweep(**{"model": MODEL, "X": X, "y": Y, "path": path, "seeds": 2, **AXES, **changes})


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def test_the_same_call_trains_nothing_and_returns_the_same(path, trained):
    found = run(path, probe=True)
    assert len(trained) == 8
    content = path.read_bytes()
    again = run(path, probe=True)
    assert len(trained) == 8
    assert again.rows == found.rows or repr(again.rows) == repr(found.rows)  # nan is not nan
    assert repr(again.layers) == repr(found.layers)
    assert path.read_bytes() == content
    loaded = Sweep.load(path)
    assert loaded.axes == found.axes
    assert {repr({**row, "fold": None}) for row in loaded.rows} == {
        repr({**{k: row[k] for k in ("init", "alpha", "seed")}, "fold": None, **row})
        for row in found.rows
    }


# How a file may be cut: where its content ends.
CUTS = {
    "nothing": lambda content: 0,
    "in the header": lambda content: 10,
    "after the header": lambda content: content.index(b"\n") + 1,
    "without the header's end": lambda content: content.index(b"\n"),
    "in a line": lambda content: len(content) - 40,
    "before the last end of line": lambda content: len(content) - 1,
    "in the middle": lambda content: 2 * len(content) // 3,
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_file_that_was_cut_loses_the_line_that_was_cut(cut, path, trained):
    found = run(path)
    content = path.read_bytes()
    short = content[: CUTS[cut](content)]
    path.write_bytes(short)
    del trained[:]
    again = run(path)
    whole = max(short.count(b"\n") - 1, 0)
    assert len(trained) == 8 - whole
    assert again["training_loss"].tolist() == found["training_loss"].tolist()
    assert sorted(json.loads(line)["key"] for line in lines(path)[1:]) == sorted(
        json.loads(line)["key"] for line in content.splitlines()[1:]
    )


@pytest.mark.parametrize("damage", [b"\0" * 30, b"[1, 2]", b'{"key": 1}', b"\xff{"])
def test_a_damaged_line_is_said_and_made_again(damage, path, trained):
    run(path)
    content = lines(path)
    content[3] = damage + b"\n"
    path.write_bytes(b"".join(content))
    del trained[:]
    with pytest.warns(UserWarning, match="1 lines of .* are damaged"):
        run(path)
    assert len(trained) == 1


@pytest.mark.parametrize(
    "content", [b"hello\n", b"{}\n", b'{"key": 1}\n', b'{"format": "minnet recording 1"}\n']
)
def test_another_file_is_left_as_it_is(content, path):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="path must be a file that a sweep wrote"):
        run(path)
    with pytest.raises(ValueError, match="path must be a file that a sweep wrote"):
        Sweep.load(path)
    assert path.read_bytes() == content


def test_a_folder_and_a_pipe_are_errors_at_once(tmp_path):
    with pytest.raises(OSError, match="path must be"):
        run(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="path must be"):
            run(tmp_path / "pipe")
        with pytest.raises(OSError, match="path must be"):
            Sweep.load(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "none" / "file")


SLOW = (
    "another order", "fewer", "another seed", "a new axis", "the size as width", "a label that moves",
    "one axis less", "functions of a name", "without axes",
)  # fmt: skip


def quick_and_slow(names):
    return [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in names]


# Calls after the first, and how many trainings each adds.
CHANGED_GRIDS = {
    "more values": ([{"alpha": [0.1, 1.0, 2.0]}], 4),
    "another order": ([{"alpha": [1.0, 0.1], "init": ["zeros", "he"]}], 0),
    "fewer": ([{"alpha": [1.0], "init": "he"}], 0),
    "more seeds": ([{"seeds": 3}], 4),
    "another seed": ([{"seeds": [1]}], 0),
    "a new axis": ([{"activation": ["relu", "tanh"]}], 8),
    "a new axis, and back": ([{"activation": ["tanh", "relu"]}, {"activation": "tanh"}, {}], 8),
    "other labels": ([{"init": {"one": "he", "two": GlorotUniform()}}], 4),
    "the size as width": ([{"width": [3, 4]}], 8),
}


@pytest.mark.parametrize("kind", quick_and_slow(CHANGED_GRIDS))
def test_a_changed_grid_takes_what_is_there(kind, path, trained):
    calls, n_new = CHANGED_GRIDS[kind]
    run(path)
    del trained[:]
    for changes in calls:
        found = run(path, **changes)
    assert len(trained) == n_new
    fresh = run(None, **calls[-1])
    assert found["training_loss"].tolist() == fresh["training_loss"].tolist()


def other(shape, rng):
    return np.ones(shape)


CHANGED_ARGUMENTS = {
    "X": ({"X": X + 1e-9}, "X differs"),
    "y": ({"y": 1 - Y}, "y differs"),
    "sample_weight": ({"sample_weight": np.ones(60)}, "sample_weight differs"),
    "model": ({"model": MinNetClassifier((3,), max_iter=3)}, "max_iter differs"),
    "two": (
        {"model": MinNetClassifier((4,), max_iter=3)},
        "hidden_layer_sizes and max_iter differ",
    ),
    "an argument": ({"activation": "tanh"}, "activation differs"),
    "its code": ({"bias_init": other}, "bias_init differs"),
    "test_size": ({"test_size": 0.5}, "test_size differs"),
    "X_val": ({"X_val": X, "y_val": Y}, "X_val, y_val and test_size differ"),
    "cv": ({"cv": 2}, "cv"),
    "scoring": ({"scoring": "neg_log_loss"}, "scoring differs"),
    "probe": ({"probe": True}, "probe differs"),
    "train": ({"train": False}, "train"),
}


@pytest.mark.parametrize("kind", CHANGED_ARGUMENTS)
def test_changed_data_and_arguments_are_noticed(kind, path, trained):
    changes, text = CHANGED_ARGUMENTS[kind]
    run(path)
    content = path.read_bytes()
    del trained[:]
    with pytest.raises(ValueError, match=f"same data and arguments, got .*{text}"):
        run(path, **changes)
    assert trained == []
    assert path.read_bytes() == content


def test_what_failed_is_tried_again_and_what_diverged_is_not(path, trained):
    there = path.with_suffix(".there")

    def needs(shape, rng):
        if not there.exists():
            raise FileNotFoundError("not yet")
        return np.full(shape, 0.1)

    changes = {"init": {"needs": needs}, "solver": "sgd", "learning_rate": [0.1, 1e300], "alpha": 0}
    changes["max_iter"] = 3
    with pytest.warns(UserWarning, match="all 2 trainings"):
        run(path, **changes, seeds=1)
    there.touch()
    found = run(path, **changes, seeds=1)
    assert found["error"][0] is None
    assert found["diverged"].tolist() == [False, True]
    assert len(trained) == 4
    run(path, **changes, seeds=1)
    assert len(trained) == 4


def test_two_at_once_are_refused(path, trained):
    def second(shape, rng):
        with pytest.raises(OSError, match="no other sweep writes at present"):
            run(path)
        return np.ones(shape)

    assert run(path, init=[second], alpha=0, seeds=1)["error"].tolist() == [None]


LIMITED = """
import resource, runpy, sys
del sys.argv[0]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(0)),) * 2)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except OSError as error:
    assert sys.argv[1] in str(error)
    sys.exit(error.errno)
"""


class FullDisk:
    """Takes so many bytes more."""

    def __init__(self, room):
        self.room, self.write = room, os.write

    def __call__(self, file, data):
        taken = self.write(file, bytes(data)[: self.room])
        self.room -= taken
        if not taken:
            raise OSError(errno.ENOSPC, "No space left on device")
        return taken


@pytest.mark.parametrize("room", [0, 1, 500, 3000, 4500])
def test_a_full_disk_leaves_what_was_whole(room, path, trained, monkeypatch):
    monkeypatch.setattr("minnet.lab.sweeps.journal.os.write", FullDisk(room))
    with pytest.raises(OSError, match=r"No space left on device.*sweep\.jsonl"):
        run(path)
    monkeypatch.undo()
    assert all(line.endswith(b"\n") and json.loads(line) for line in lines(path))


def test_after_a_full_disk_the_same_call_goes_on(path, trained, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("minnet.lab.sweeps.journal.os.write", FullDisk(3500))
        with pytest.raises(OSError, match="No space left"):
            run(path)
    n_done = len(lines(path)) - 1
    assert 0 < n_done < 8
    n_before = len(trained)
    assert run(path)["training_loss"].tolist() == run(None)["training_loss"].tolist()
    assert len(trained) - n_before == 8 - n_done + 8


def printed(path, n_jobs, capsys):
    monkey = pytest.MonkeyPatch()
    monkey.setattr(sys, "argv", ["", str(path), str(n_jobs)])
    sweep_to_interrupt.main()
    monkey.undo()
    return capsys.readouterr().out.split()


def begun(path, n_jobs, halt="inf", before=()):
    command = [sys.executable, *before, str(SCRIPT), str(path), str(n_jobs)]
    # Into files: a pipe ends with the last process that could print, which may wait for work in vain.
    with path.with_suffix(".out").open("w") as out, path.with_suffix(".err").open("w") as err:
        return subprocess.Popen(
            command,
            env={**os.environ, "HALT": halt},
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def ended(process, path):
    """Return what a process has printed to both of its outputs, when it has ended."""
    process.wait(timeout=600)
    return path.with_suffix(".out").read_text(), path.with_suffix(".err").read_text()


@posix
@pytest.mark.slow
def test_a_limit_of_the_system_leaves_what_was_whole(path, tmp_path, capsys):
    process = begun(path, 1, before=["-c", LIMITED, "9000"])
    said = ended(process, path)[1]
    assert process.returncode == errno.EFBIG, said
    assert 1 < len(lines(path)) < 9
    assert all(json.loads(line) for line in lines(path))
    assert printed(path, 1, capsys) == printed(tmp_path / "other", 1, capsys)


def whole(path):
    return [line for line in lines(path) if line.endswith(b"\n")] if path.exists() else []


@posix
@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "n_jobs"), [(signal.SIGKILL, 1), (signal.SIGKILL, 2), (signal.SIGINT, 2)]
)
def test_who_is_killed_in_the_middle_goes_on(number, n_jobs, path, tmp_path, capsys):
    process = begun(path, n_jobs, halt="5")
    while process.poll() is None and len(whole(path)) < 3:
        time.sleep(0.05)
    if number == signal.SIGINT:  # from a terminal it goes to all
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, said = ended(process, path)
    assert 3 <= len(whole(path)) < 9
    if number == signal.SIGINT:
        assert process.returncode == 0, said
        assert "Sweep interrupted by user" in said
        assert int(out.split()[0]) == len(whole(path)) - 1
    else:
        assert process.returncode == -number
    assert printed(path, 1, capsys) == printed(tmp_path / "other", 1, capsys)


@posix
def test_what_begins_when_who_asked_for_it_was_killed_ends(monkeypatch):
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    exits = threading.Event()
    monkeypatch.setattr(running.os, "_exit", lambda code: exits.set())
    monkeypatch.setattr(running, "parent_process", lambda: gone)  # which has its pid
    assert running._numbered(0, gone.pid, exits.wait, (10,)) == (0, True)


@pytest.mark.slow
def test_rows_do_not_depend_on_the_number_of_processes(tmp_path, capsys):
    assert printed(tmp_path / "a", 1, capsys) == printed(tmp_path / "b", 2, capsys)


CALLS = []


def interrupted(shape, rng):
    CALLS.append(shape)
    if len(CALLS) == 3:  # there are two layers
        raise KeyboardInterrupt
    return np.ones(shape)


@pytest.mark.parametrize("with_path", [False, True])
def test_ctrl_c_keeps_what_is_done(with_path, path, trained):
    CALLS.clear()
    changes = {"init": {"one": interrupted, "he": "he"}}
    with pytest.warns(UserWarning, match="Sweep interrupted by user: 7 of 8 trainings are missing"):
        found = run(path if with_path else None, **changes)
    assert len(found) == 1
    if with_path:
        assert len(run(path, **changes)) == 8
        assert len(trained) == 2 + 7


def named(value):
    def constant(shape, rng):
        return np.full(shape, value)

    return constant


# Calls with one file, which call values otherwise or vary other arguments.
SHARED_FILES = {
    "a label of another value": [
        {"activation": {"a": "tanh", "b": "relu"}, "seeds": 1},
        {"activation": {"b": "tanh", "c": "relu"}, "seeds": [1]},
    ],
    "a label that moves": [
        {"activation": {"a": "tanh", "b": "relu"}, "seeds": 1},
        {"activation": {"b": "tanh", "a": "relu"}, "seeds": 2},
    ],
    "functions of a name": [{"init": [named(0.1)]}, {"init": [named(0.3)]}],
    "other axes": [{"alpha": [0.1, 0.2]}, {"batch_size": [10, 20]}],
    "one axis more": [{"alpha": [0.1, 0.2]}, {"alpha": [0.1, 0.2], "activation": ["tanh", "relu"]}],
    "one axis less": [{"alpha": [0.1, 0.2], "activation": ["tanh", "relu"]}, {"alpha": [0.1, 0.2, 1.0]}],
    "numbers and texts": [{"batch_size": [10]}, {"batch_size": {"auto": "auto", "10": 10}}],
    "without axes": [{}, {"alpha": [0.1]}, {}],
    "no results": [{"n_threads": [1, 2]}, {"n_threads": [2, 1], "alpha": [0.1]}],
}  # fmt: skip


@pytest.mark.parametrize("kind", quick_and_slow(SHARED_FILES))
def test_a_shared_file_has_each_training_once_and_no_cell_has_two_settings(kind, path):
    trainings = {}  # by all parameters: (seed, loss)
    for changes in SHARED_FILES[kind]:
        found = sweep(MODEL, X, Y, path=path, **changes)
        for row in found.rows:
            settings = MODEL.get_params()
            for name in found.axes:
                given = changes[name]
                settings[name] = given[row[name]] if isinstance(given, dict) else row[name]
                if name == "init":
                    settings[name] = given[0]
            trainings.setdefault(str(settings), set()).add((row["seed"], row["training_loss"]))
    loaded = Sweep.load(path)
    cells = {}
    for row in loaded.rows:
        assert all(row[name] in loaded.axes[name] for name in loaded.axes)
        cell = tuple(row[name] for name in loaded.axes)
        cells.setdefault(cell, []).append((row["seed"], row["training_loss"]))
    assert sorted(map(sorted, cells.values())) == sorted(map(sorted, trainings.values()))
    means = [np.mean([loss for _, loss in one]) for one in trainings.values()]
    assert sorted(loaded.summary()["training_loss"]) == pytest.approx(sorted(means))
    assert repr(loaded)


@pytest.mark.parametrize("number", ["1" + "0" * 400, '"3"', "null", "[1]", "true"])
@pytest.mark.parametrize("name", ["n_iter", "seconds", "seed"])
def test_a_number_that_was_written_by_hand_is_checked(name, number, path):
    run(path, alpha=0.1, seeds=1)
    content = path.read_text()
    changed, n = re.subn(rf'"{name}": [^,}}]+', f'"{name}": {number}', content, count=1)
    assert n == 1
    path.write_text(changed)
    with pytest.warns(UserWarning, match="1 lines of .* are damaged"):
        loaded = Sweep.load(path)
    assert len(loaded) == len(loaded.summary()) == 1


def test_a_label_that_is_the_sign_for_no_axis_is_told_from_it(path):
    sweep(MODEL, X, Y, path=path, seeds=1, alpha={"-": 0.1})
    sweep(MODEL, X, Y, path=path, seeds=1, activation=["relu"])
    assert Sweep.load(path).axes == {"alpha": ["-", "--"], "activation": ["relu", "-"]}
