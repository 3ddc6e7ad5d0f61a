"""The long trainings of examples/glorot2010, on networks that take seconds."""

import doctest
import errno
import io
import itertools
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from minnet.datasets import make_shapeset
from minnet.persistence import load_model

# Beside an installed wheel there are no examples.
pytest.importorskip("examples.glorot2010.runs")
from examples.glorot2010 import answers, curves, one_run, protocol, runs

ROOT = Path(protocol.__file__).parents[2]
TINY = {"depth": 2, "width": 20}
# As main() does for the processes: images are not standardized, which the framework says.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("module", [curves, one_run, protocol, runs], ids=lambda m: m.__name__)
def test_docstrings_run(module):
    found = doctest.testmod(module)
    assert found.failed == 0


@pytest.mark.parametrize(("row", "scale"), [("tanh", 1.0), ("softsign", 1.0), ("sigmoid", 1.0),
                                            ("tanh-n", None), ("softsign-n", None)])  # fmt: skip
def test_weights_are_drawn_as_the_paper_says(row, scale):
    network = protocol.Run(row, 0.1, depth=2, width=100).network()
    for layer in network.layers:
        fan_in, fan_out = layer.W.shape
        bound = 1 / np.sqrt(fan_in) if scale else np.sqrt(6 / (fan_in + fan_out))
        # The largest of n uniform numbers is within 10 / n of the bound with certainty enough.
        assert bound * (1 - 10 / layer.W.size) < np.abs(layer.W).max() <= bound * (1 + 1e-6)
        assert not layer.b.any()
    assert network.dtype == np.float32
    assert network.sizes == [1024, 100, 100, 9]


def test_checkpoints_are_asked_for_the_test_images(tmp_path, monkeypatch):
    """Of two networks it is kept which images each answers wrongly, and how that goes together."""
    monkeypatch.setattr(answers, "RECORD", tmp_path / "answers.json")
    wrong, X, y = [], *make_shapeset(10_000)
    tried = [protocol.Run(row, 0.1, depth=1, width=10) for row in ("tanh", "tanh-n")]
    for run in tried:
        one_run.train(run, 100, tmp_path, per_epoch=100, n_measured=50)
        network = load_model(tmp_path / "checkpoints" / f"{run.name}.safetensors").network
        wrong.append(network.forward(X).argmax(axis=1) != y)
    answers.correlations.cache_clear()
    answers.main([str(tmp_path / "checkpoints")])
    expected = np.corrcoef(*wrong)[0, 1]
    a, b = (run.describe() for run in tried)
    assert answers.correlation(a, b) == answers.correlation(b, a) == pytest.approx(expected)
    assert answers.correlation(a, b | {"seed": 9}) == pytest.approx(expected)  # the smallest known
    (point, _) = answers.kept(answers.RECORD)
    assert point["updates"] == 100
    assert point["error"] == pytest.approx(100 * wrong[0].mean())
    answers.correlations.cache_clear()


@pytest.mark.parametrize("row", protocol.ROWS)
def test_every_row_can_be_trained(row, tmp_path):
    curve = one_run.train(
        protocol.Run(row, 0.001, **TINY), 20, tmp_path, per_epoch=20, n_measured=50
    )
    assert curve.updates == 20
    assert np.isfinite(curve.column("validation_error")).all()


def test_training_is_plain_sgd_on_the_images_that_follow_the_reserved_ones(tmp_path):
    run = protocol.Run("tanh-n", 0.1, seed=3, **TINY)
    one_run.train(run, 100, tmp_path, per_epoch=50, every=50, n_measured=50)
    network = run.network()
    X, y = make_shapeset(1000, random_state=3, start=20_000)
    for i in range(0, 1000, 10):
        network.params -= 0.1 * network.loss_and_grad(X[i : i + 10], y[i : i + 10])[1]
    trained = load_model(tmp_path / "checkpoints" / f"{run.name}.safetensors").network
    np.testing.assert_allclose(trained.params, network.params, atol=2e-5)
    assert np.abs(trained.params - run.network().params).max() > 0.01


@pytest.mark.slow
def test_pretraining_changes_the_hidden_layers_and_is_left_out_on_resuming(tmp_path):
    run = protocol.Run("sigmoid-pretrained", 0.05, **TINY)
    start, plain = run.network(), run.network(pretrained=False)
    losses = start.reconstruction_losses
    assert all(losses[i][-1] < losses[i][0] for i in (0, 1))
    same = [np.array_equal(a.W, b.W) for a, b in zip(start.layers, plain.layers, strict=True)]
    assert same == [False, False, True]
    settings = {"per_epoch": 100, "every": 500, "n_measured": 200}
    straight = one_run.train(run, 300, tmp_path / "straight", **settings)
    one_run.train(run, 100, tmp_path / "twice", **settings)
    twice = one_run.train(run, 300, tmp_path / "twice", **settings)
    assert without_time(twice) == without_time(straight)


def test_no_training_sees_what_is_measured():
    pieces = {piece: protocol.measured_on(piece) for piece in ("test", "validation", "probe")}
    assert [len(y) for _, y in pieces.values()] == [10_000, 5_000, 300]
    everything = np.concatenate([X for X, _ in pieces.values()])
    first = next(iter(protocol.Run("tanh", 0.1).stream(10)))[0]
    assert not (everything[:, np.newaxis, ::37] == first[:, ::37]).all(axis=-1).any()
    np.testing.assert_array_equal(everything, make_shapeset(len(everything))[0])


def test_a_fixed_set_comes_whole_in_each_pass_in_another_order():
    run = protocol.Run("tanh", 0.1, seed=2, fixed=300)
    stream = run.stream(100)
    batches = [next(stream) for _ in range(6)]
    X, y = make_shapeset(300, random_state=2, start=20_000)
    for i in (0, 3):
        seen = np.concatenate([batch for batch, _ in batches[i : i + 3]])
        order = [int(np.flatnonzero((image == X).all(axis=1))[0]) for image in seen]
        assert sorted(order) == list(range(300))
        labels = np.concatenate([batch for _, batch in batches[i : i + 3]])
        np.testing.assert_array_equal(labels, y[order])
        assert order != sorted(order)
    assert (batches[0][1] != batches[3][1]).any()
    skipped = run.stream(100)
    skipped.skip(4)
    for a, b in zip(next(skipped), batches[4], strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="fixed must be a multiple of 7"):
        run.stream(7)


def test_errors_and_losses_are_those_of_scikit_learn():
    network = protocol.Run("tanh-n", 0.1, **TINY).network()
    X, y = make_shapeset(2500)
    loss, error = one_run.evaluate(network, X, y)
    p = network.predict(X)
    assert error == pytest.approx(100 * (1 - accuracy_score(y, p.argmax(axis=1))))
    assert loss == pytest.approx(log_loss(y, p, labels=range(9)), rel=1e-5)


#: one_run, which waits for a line after each that it says.
ONE_RUN = """
import sys
from examples.glorot2010 import one_run

def say(*text, **options):
    print(*text, **options)
    sys.stdin.readline()

one_run.print = say
one_run.main()
"""


def options(run, folder, **more):
    settings = {"updates": 3000, "per_epoch": 100, "every": 500, "n_measured": 200}
    settings |= {"run": {"row": run.row, "rate": run.rate, "seed": run.seed, **TINY}}
    return [str(folder), json.dumps(settings | more)]


def without_time(curve):
    return [point | {"seconds": None} for point in curve.points]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    run = protocol.Run("softsign", 0.05, seed=1, **TINY)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    one = [sys.executable, "-m", "examples.glorot2010.one_run"]
    # In a process like the others: how many threads BLAS has may decide how it rounds what is measured.
    subprocess.run([*one, *options(run, tmp_path / "straight")], cwd=ROOT, env=environment,
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    straight = curves.Curve.read(tmp_path / "straight" / f"{run.name}.json")
    folder = tmp_path / "killed"
    for after in (700, 2100):
        command = [sys.executable, "-c", ONE_RUN, *options(run, folder, checkpoint_every=0.01)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        with process:
            for line in process.stdout:
                print(
                    file=process.stdin, flush=True
                )  # it may go on, and is killed within a hundred steps
                if json.loads(line)["updates"] >= after:
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL
    done = subprocess.run([*one, *options(run, folder)], cwd=ROOT, env=environment, check=True,
                          stdout=subprocess.PIPE, text=True)  # fmt: skip
    said = [json.loads(line)["updates"] for line in done.stdout.splitlines()]
    assert 700 < said[0] < 3000  # it did not begin anew
    resumed = curves.Curve.read(folder / f"{run.name}.json")
    assert without_time(resumed) == without_time(straight)
    assert resumed.histograms == straight.histograms
    weights = [
        load_model(tmp_path / where / "checkpoints" / f"{run.name}.safetensors").network.params
        for where in ("straight", "killed")
    ]
    np.testing.assert_array_equal(*weights)
    starts = [(session["from"], session["to"]) for session in resumed.sessions]
    assert starts[0][0] == 0
    assert starts[-1][1] == 3000
    assert all(a[1] == b[0] for a, b in itertools.pairwise(starts))


@pytest.mark.slow
def test_runs_choose_their_rates_and_go_on_where_they_were(tmp_path, capsys):
    arguments = ["--rows", "tanh,relu-he", "--rates", "0.001,0.1,1000", "--rate-updates", "200,500",
                 "--per-epoch", "100", "--depth", "2", "--width", "20", "--every", "500",
                 "--measured", "300", "--jobs", "2", "--seeds", "0,5",
                 "--out", str(tmp_path)]  # fmt: skip
    runs.main([*arguments, "--updates", "1000"])
    chosen = json.loads((tmp_path / "rates-2x20.json").read_text())
    by_name = {path.stem: curves.Curve.read(path) for path in tmp_path.glob("*seed*.json")}
    assert by_name["relu-he-2x20-rate1000-seed0"].diverged
    assert chosen["relu-he"]["validation_error"]["200"]["1000"] is None
    for row in ("tanh", "relu-he"):
        after = {
            updates: {
                rate: by_name[f"{row}-2x20-rate{rate:g}-seed0"].at("validation_error", updates)
                for rate in (0.001, 0.1, 1000)
            }
            for updates in (200, 500)
        }
        # The better half after 200 updates went on to 500.
        finite = {rate: error for rate, error in after[200].items() if error is not None}
        better = sorted(finite, key=finite.get)[: max(1, len(finite) // 2)]
        seen = {float(rate) for rate in chosen[row]["validation_error"]["500"]}
        assert seen == set(better)
        assert chosen[row]["chosen"] == min(better, key=after[500].get)
        for seed in (0, 5):
            curve = by_name[f"{row}-2x20-rate{chosen[row]['chosen']:g}-seed{seed}"]
            assert curve.updates == 1000
            assert [point["updates"] for point in curve.points][-3:] == [200, 500, 1000]
            assert curve.last("test_error")[0] == 1000
    capsys.readouterr()
    runs.main([*arguments, "--updates", "2000"])
    said = capsys.readouterr().out
    assert "8,000 updates of 8,000" in said
    assert len(curves.read_curves(tmp_path)) == len(by_name)
    name = f"tanh-2x20-rate{chosen['tanh']['chosen']:g}-seed5"
    longer = curves.Curve.read(tmp_path / f"{name}.json")
    n = len(by_name[name].points)
    assert without_time(longer)[:n] == without_time(by_name[name])
    assert [(s["from"], s["to"]) for s in longer.sessions] == [(0, 1000), (1000, 2000)]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to be handled")
def test_ending_all_runs_ends_each_with_a_checkpoint(tmp_path):
    command = [sys.executable, "-m", "examples.glorot2010.runs", "--rows", "tanh,softsign",
               "--rates", "0.1", "--updates", "100000000", "--per-epoch", "1000", "--depth", "2",
               "--width", "20", "--jobs", "2", "--measured", "100", "--out", str(tmp_path)]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while len(list(tmp_path.glob("*.json"))) < 2 and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1]
    assert process.returncode == 1
    assert "the same command goes on from here" in said
    for path in tmp_path.glob("*.json"):
        made = curves.Curve.read(path).updates
        saved = load_model(tmp_path / "checkpoints" / f"{path.stem}.safetensors")
        assert saved.n_steps == made > 0  # nothing is lost


def test_a_run_whose_time_is_over_ends_and_goes_on_later(tmp_path):
    run = protocol.Run("tanh", 0.05, **TINY)
    settings = {"per_epoch": 100, "every": 500, "n_measured": 200}
    straight = one_run.train(run, 1000, tmp_path / "straight", **settings)
    stopped = one_run.train(run, 1000, tmp_path / "stopped", is_over=lambda: True, **settings)
    assert stopped.updates == 100
    resumed = one_run.train(run, 1000, tmp_path / "stopped", **settings)
    assert without_time(resumed) == without_time(straight)


def test_pieces_of_another_size_are_refused(tmp_path):
    """Images are counted in them: others would come again, or be left out."""
    run = protocol.Run("tanh", 0.05, **TINY)
    settings = {"every": 500, "n_measured": 200}
    one_run.train(run, 200, tmp_path, per_epoch=100, **settings)
    before = (tmp_path / f"{run.name}.json").read_bytes()
    for other in (50, 200):
        with pytest.raises(ValueError, match=f"per_epoch must be 100, .* got {other}"):
            one_run.train(run, 400, tmp_path, per_epoch=other, **settings)
    assert (tmp_path / f"{run.name}.json").read_bytes() == before


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    run = protocol.Run("tanh", 0.05, **TINY)
    settings = {"per_epoch": 100, "every": 500, "n_measured": 200}
    one_run.train(run, 100, tmp_path, **settings)
    (lock,) = (tmp_path / "checkpoints").glob("*.lock")
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.warns(UserWarning, match="is written by another process"):
            curve = one_run.train(run, 200, tmp_path, is_over=lambda: True, **settings)
        assert curve.updates == 100
        # What the other one does meanwhile is not done again, nor lost.
        (tmp_path / "other").mkdir()
        there = one_run.train(run, 200, tmp_path / "other", **settings)
        ahead = threading.Timer(
            0.3, lambda: (there.write(tmp_path / f"{run.name}.json"), other.close())
        )
        ahead.start()
        with pytest.warns(UserWarning, match="is written by another process"):
            curve = one_run.train(run, 200, tmp_path, **settings)
    assert curve.points == there.points
    assert curve.sessions == there.sessions


def test_a_training_ends_with_a_checkpoint_when_nobody_listens(tmp_path, monkeypatch):
    def closed(*args, **options):
        raise BrokenPipeError

    run = protocol.Run("tanh", 0.05, **TINY)
    settings = {"per_epoch": 100, "every": 500, "n_measured": 200}
    straight = one_run.train(run, 300, tmp_path / "straight", **settings)
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "print", closed, raising=False)
        curve = one_run.train(run, 300, tmp_path / "orphan", **settings)
    assert curve.updates == 100
    checkpoint = tmp_path / "orphan" / "checkpoints" / f"{run.name}.safetensors"
    assert load_model(checkpoint).n_steps == 100
    resumed = one_run.train(run, 300, tmp_path / "orphan", **settings)
    assert without_time(resumed) == without_time(straight)


def test_a_checkpoint_that_cannot_be_written_is_told(tmp_path, monkeypatch, capsys):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    run = protocol.Run("tanh", 0.05, **TINY)
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    monkeypatch.setattr("minnet.callbacks.checkpoint.save_model", full)
    with warnings.catch_warnings():
        one_run.main(options(run, tmp_path, updates=100))
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if "could not be written" in json.loads(line).get("warning", "")]
    assert told
    # And whoever started the process passes it on.
    process = SimpleNamespace(stdout=lines, stderr=io.StringIO(), wait=lambda: 0)
    state = runs._State([run], {run: 100}, tmp_path, 1)
    state.watch(run, process)
    said = capsys.readouterr().out
    assert said.startswith(f"{run.name}: the checkpoint '{tmp_path}")
    assert not state.failures
    assert state.is_done(run)


def test_the_time_left_is_that_of_the_runs_that_are_left(tmp_path, monkeypatch, capsys):
    done, left = (protocol.Run(row, 0.1, **TINY) for row in ("tanh", "softsign"))
    curve = curves.Curve(done.describe())
    curve.sessions = [{"from": 0, "to": 1000, "seconds": 1.0}]
    curve.write(tmp_path / f"{done.name}.json")
    now = [100.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    state = runs._State([done, left], dict.fromkeys((done, left), 1000), tmp_path, 2)
    lines = [json.dumps({"updates": updates}) for updates in (100, 500)]
    state.watch(left, SimpleNamespace(stdout=lines, stderr=io.StringIO(), wait=lambda: 0))
    now[0] += 10  # seconds for 500 - 0 updates
    state.say()
    assert "1,500 updates of 2,000, 50 a second, 0:00:10 left" in capsys.readouterr().out


def test_rates_are_not_chosen_where_time_was_over_before(tmp_path, capsys, monkeypatch):
    arguments = ["--rows", "tanh", "--rates", "0.01,0.1", "--rate-updates", "200", "--per-epoch", "100",
                 "--depth", "2", "--width", "20", "--minutes", "0", "--out", str(tmp_path)]  # fmt: skip
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    runs.main([*arguments, "--updates", "1000"])
    assert "rates are still being tried" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.json"))


def test_the_command_ends_with_a_sentence(tmp_path, monkeypatch):
    (tmp_path / f"{protocol.Run('tanh', 0.1).name}.json").write_text("{")
    arguments = ["--rows", "tanh", "--rates", "0.1", "--out", str(tmp_path)]
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    monkeypatch.setattr(sys, "argv", ["runs.py", *arguments])
    monkeypatch.delitem(sys.modules, "examples.glorot2010.runs")
    with pytest.raises(SystemExit) as end:
        runpy.run_module("examples.glorot2010.runs", run_name="__main__")
    assert end.value.code.startswith("path must be that of a curve file, got ")


def test_a_process_that_fails_is_reported(tmp_path):
    run = protocol.Run("tanh", 0.05, **TINY)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / f"{run.name}.safetensors").write_bytes(b"broken")
    with pytest.raises(RuntimeError, match=f"{run.name} ended with 1(.|\n)*ValueError"):
        runs.run_all([run], 100, tmp_path, per_epoch=100, n_measured=100)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--rows", "tanh,gelu"], "--rows must be of softsign"),
    (["--rates", "0.1,fast"], "--rates must be numbers"),
    (["--updates", "1500"], "--updates must be a multiple of 1000"),
    (["--rate-updates", "3000"], "--rate-updates must be a number after which"),
    (["--rates", "0"], "--rates must be numbers above 0"),
    (["--rates", "0.1,nan"], "--rates must be numbers above 0"),
    (["--jobs", "0"], "--jobs must be at least 1, got 0"),
    (["--threads", "0"], "--threads must be at least 1"),
    (["--width", "0"], "--width must be at least 1"),
    (["--depth", "-1"], "--depth must be at least 1"),
    (["--seeds", "0,-1"], "--seeds must be at least 0"),
    (["--per-epoch", "0"], "--per-epoch must be at least 1"),
    (["--every", "0"], "--every must be at least 1"),
    (["--measured", "0"], "--measured must be at least 1"),
    (["--minutes", "nan"], "--minutes must be at least 0"),
])  # fmt: skip
def test_wrong_options_are_told(arguments, message, capsys):
    with pytest.raises(SystemExit):
        runs.main(arguments)
    assert message in capsys.readouterr().err


def test_other_files_are_no_curves(tmp_path):
    path = tmp_path / "other.json"
    for text in ("{", "[1]", '{"format": "other"}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="path must be that of a curve file"):
            curves.Curve.read(path)


@pytest.mark.parametrize(("row", "rate", "message"), [("gelu", 0.1, "row must be one of softsign"),
                                                      ("tanh", 0, "rate must be a number above 0"),
                                                      ("tanh", np.nan, "rate must be")])  # fmt: skip
def test_wrong_runs_are_refused(row, rate, message):
    with pytest.raises(ValueError, match=message):
        protocol.Run(row, rate)
