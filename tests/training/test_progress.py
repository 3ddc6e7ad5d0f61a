"""What verbose=1 shows, in a terminal, without one, and where many fits run."""

import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from minnet import SGD, Dense, MinNetClassifier, Network, Trainer
from minnet.callbacks import Callback
from minnet.training import progress
from minnet.training.progress import Progress

X, y = load_digits(return_X_y=True)
X = X / 16
pytestmark = pytest.mark.filterwarnings("ignore:.*converge")

CLOSING = (
    r"(\d+) epochs? in [\d.]+ s(?:, loss = (\d+\.\d{8}))?(?:, validation score = (-?\d\.\d{4}))?"
    r", [\d,]+ rows/s: (.+)\."
)


class Slow(Callback):
    """Takes its time at each of the steps."""

    def __init__(self, seconds=0.02):
        self.seconds = seconds

    def begin(self, trainer):
        self.at = trainer.n_steps

    def next_step(self, trainer):
        return self.at

    def at_step(self, trainer):
        time.sleep(self.seconds)
        self.at = trainer.n_steps + 1


class Failing(Callback):
    def __init__(self, error):
        self.error = error

    def end_epoch(self, trainer):
        if trainer.n_epochs == 2:
            raise self.error


@pytest.fixture
def impatient(monkeypatch):
    """Show something from the beginning, and often."""
    for name, value in {"_SILENT": 0.0, "_REFRESH": 0.01, "_LINE": 0.05}.items():
        monkeypatch.setattr(progress, name, value)


def a_classifier(**options):
    given = {"max_iter": 3, "n_iter_no_change": 100, "random_state": 0, "verbose": 1} | options
    return MinNetClassifier((8,), **given)


def closing(out):
    """Return epochs, loss, score and reason of the only line."""
    found = re.fullmatch(CLOSING + "\n", out)
    assert found, out
    return found.groups()


class TestClosingLine:
    @pytest.mark.parametrize("verbose", [1, True])
    def test_a_short_fit_has_one_line(self, capsys, verbose):
        clf = a_classifier(verbose=verbose).fit(X, y)
        captured = capsys.readouterr()
        n, loss, score, reason = closing(captured.out)
        assert (n, loss, score) == ("3", f"{clf.loss_:.8f}", None)
        assert reason == "the maximum number of epochs is reached"
        assert captured.err == ""

    def test_a_stall_has_its_message_too(self, capsys):
        a_classifier(n_iter_no_change=2, tol=10.0, max_iter=50).fit(X, y)
        message, last = capsys.readouterr().out.splitlines(keepends=True)
        assert message.endswith("tol=10.000000 for 2 consecutive epochs. Stopping.\n")
        assert closing(last)[3] == "the loss did not improve any more"

    def test_validation(self, capsys):
        options = {"early_stopping": True, "n_iter_no_change": 1, "tol": 10.0}
        clf = a_classifier(**options, max_iter=50).fit(X, y)
        last = capsys.readouterr().out.splitlines(keepends=True)[-1]
        _, _, score, reason = closing(last)
        assert score == f"{clf.validation_scores_[-1]:.4f}"
        assert reason == "the validation score did not improve any more"

    def test_a_callback_that_ends_it(self, capsys):
        network = Network([Dense(10)]).initialize(64, random_state=0)
        Trainer(network, verbose=1).fit(X, y, callbacks=[lambda trainer: trainer.n_epochs == 2])
        n, *_, reason = closing(capsys.readouterr().out)
        assert (n, reason) == ("2", "ended by a callback")

    def test_an_interruption(self, capsys):
        with pytest.warns(UserWarning, match="interrupted"):
            a_classifier().set_callbacks(Failing(KeyboardInterrupt())).fit(X, y)
        n, *_, reason = closing(capsys.readouterr().out)
        assert (n, reason) == ("2", "interrupted")

    @pytest.mark.filterwarnings("ignore:Solver")
    def test_divergence(self, capsys):
        network = Network([Dense(1)], loss="squared_error").initialize(64, random_state=0)
        trainer = Trainer(
            network, SGD(1e-3), verbose=1, learning_rate=lambda step: 1e200 * (step > 60)
        )
        trainer.fit(X, y.astype(float), validate=lambda network: 0.5)
        assert capsys.readouterr().out.endswith(": diverged.\n")

    def test_an_error_has_none(self, capsys):
        with pytest.raises(RuntimeError):
            a_classifier().set_callbacks(Failing(RuntimeError("it fails"))).fit(X, y)
        assert capsys.readouterr().out == ""

    def test_a_warm_start_counts_its_own_epochs(self, capsys):
        clf = a_classifier(warm_start=True).fit(X, y)
        capsys.readouterr()
        clf.fit(X, y)
        assert closing(capsys.readouterr().out)[0] == "3"

    def test_partial_fit_has_its_line(self, capsys):
        clf = a_classifier().partial_fit(X, y, classes=np.unique(y))
        assert capsys.readouterr().out == f"Iteration 1, loss = {clf.loss_:.8f}\n"


class TestLines:
    def test_without_a_terminal(self, capsys, impatient):
        a_classifier(early_stopping=True, batch_size=100).set_callbacks(Slow()).fit(X, y)
        captured = capsys.readouterr()
        *lines, _ = captured.out.splitlines()
        assert captured.err == ""
        pattern = (
            r"Epoch [123]/3, [\d.]+ s(, [\d.]+ s left)?(, loss \d\.\d{4}(, val score \d\.\d{4})?)?"
            r", [\d.]+k? rows/s"
        )
        assert len(lines) > 5
        assert all(re.fullmatch(pattern, line) for line in lines), lines
        assert len([line for line in lines if line.startswith("Epoch 1/3")]) > 1  # within an epoch

    def test_the_loss_of_the_first_epoch_so_far(self, capsys, impatient):
        class Summing(Callback):
            def end_epoch(self, trainer):
                self.loss = trainer.loss_curve[-1]

        summing = Summing()
        # At so small a rate all batches have about the loss of the epoch.
        options = {"batch_size": 100, "learning_rate_init": 1e-9, "max_iter": 1}
        a_classifier(**options).set_callbacks(Slow(), summing).fit(X, y)
        *lines, _ = capsys.readouterr().out.splitlines()
        shown = [float(found[1]) for line in lines if (found := re.search("loss ([^,]+)", line))]
        assert len(shown) > 2
        np.testing.assert_allclose(shown, summing.loss, rtol=0.05)

    def test_a_stream(self, capsys, impatient):
        batches = [(X[i::5], y[i::5]) for i in range(5)]
        clf = a_classifier(batch_size=100).set_callbacks(Slow())
        clf.fit_stream(iter(batches), n_epochs=4, batches_per_epoch=2, classes=np.unique(y))
        *lines, last = capsys.readouterr().out.splitlines(keepends=True)
        assert lines[0].startswith("Epoch 1/4, ")
        assert any(line.startswith("Epoch 2/4, ") for line in lines)
        assert closing(last)[0] == "3"
        assert closing(last)[3] == "the stream has ended"

    def test_as_often_as_is_said(self, capsys, monkeypatch):
        monkeypatch.setattr(progress, "_SILENT", 0.25)
        monkeypatch.setattr(progress, "_LINE", 0.25)
        began = time.perf_counter()
        a_classifier(batch_size=100).set_callbacks(Slow()).fit(X, y)
        n_most = (time.perf_counter() - began) / 0.25
        assert 1 < len(capsys.readouterr().out.splitlines()) <= n_most + 1

    def test_in_a_terminal_without_tqdm(self, capsys, impatient, monkeypatch):
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        monkeypatch.setattr(progress, "_place", lambda: "bar")
        a_classifier(batch_size=100).set_callbacks(Slow()).fit(X, y)
        assert capsys.readouterr().out.startswith("Epoch 1/3")

    def test_rows_and_time_left(self, capsys, impatient):
        batch, n_rows = 100, len(X)
        a_classifier(batch_size=batch).set_callbacks(Slow(0.05)).fit(X, y)
        *lines, _ = capsys.readouterr().out.splitlines()
        for line in lines[3:]:
            numbers = re.search(r", ([\d.]+) s, ([\d.]+) s left.* ([\d.]+)(k?) rows/s", line)
            elapsed, left = float(numbers[1]), float(numbers[2])
            rows = float(numbers[3]) * (1000 if numbers[4] else 1) * elapsed
            assert left == pytest.approx(elapsed * (3 * n_rows - rows) / rows, rel=0.25, abs=0.3)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_no_bit_changes(make, solver, impatient, capsys):
    options = {"solver": solver, "batch_size": 16, "alpha": 0.1}
    options |= {"momentum": 0.0} if solver == "sgd" else {}
    plain = a_classifier(verbose=0, **options).fit(make(X), y)
    shown = a_classifier(**options).fit(make(X), y)
    assert plain.loss_curve_ == shown.loss_curve_
    for one, other in zip(plain.coefs_, shown.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_have_the_closing_line_alone(impatient, capsys):
    from joblib import Parallel, delayed

    fit = delayed(a_classifier(batch_size=100).set_callbacks(Slow()).fit)
    Parallel(2, prefer="threads")([fit(X, y)])
    Parallel(2, prefer="threads")(delayed(a_classifier().fit)(X, y) for _ in range(2))
    lines = capsys.readouterr().out.splitlines(keepends=True)
    assert [closing(line)[0] for line in lines] == ["3"] * 3


def test_a_search_in_processes():
    code = """
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from minnet import MinNetClassifier
if __name__ == "__main__":
    clf = MinNetClassifier((5,), max_iter=3, verbose=1)
    GridSearchCV(clf, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2).fit(*load_iris(return_X_y=True))
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in run.stdout.splitlines(keepends=True) if line.strip()]
    # Whole lines and nothing else. Usually five; that one was missing was seen twice, nobody knows why.
    assert 3 <= len(lines) <= 5
    assert {closing(line)[0] for line in lines} == {"3"}


# ---- the bar, in a terminal

IN_A_TERMINAL = """
import sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from minnet import MinNetClassifier
from minnet.callbacks import Callback
from minnet.training import progress
progress._SILENT = progress._REFRESH = 0.05

class Slow(Callback):
    at = 0
    def next_step(self, trainer):
        return max(self.at, trainer.n_steps)
    def at_step(self, trainer):
        time.sleep(0.03)
        self.at = trainer.n_steps + 1

    def end_epoch(self, trainer):
        if trainer.n_epochs == 3 and how != "plainly":
            raise {"error": RuntimeError("it fails"), "interrupt": KeyboardInterrupt()}[how]

how = sys.argv[1]
X = np.random.default_rng(0).normal(size=(500, 10))
clf = MinNetClassifier((5,), max_iter=4, tol=10.0, n_iter_no_change=2, learning_rate="adaptive",
                       solver="sgd", batch_size=50, random_state=0, verbose=1, early_stopping=True)
try:
    clf.set_callbacks(Slow()).fit(X, X[:, 0] > 0)
except RuntimeError:
    print("an error")
import tqdm
print(len(getattr(tqdm.tqdm, "_instances", ())), "bars left")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
@pytest.mark.parametrize("size", [(30, 120), (0, 0)])
@pytest.mark.parametrize("how", ["plainly", "error", "interrupt"])
def test_the_bar(how, size):
    import fcntl
    import struct
    import termios

    pytest.importorskip("tqdm")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    run = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, how], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    read = b""
    try:
        while piece := os.read(ours, 4096):
            read += piece
    except OSError:  # Linux's way to say that the other end is closed
        pass
    finally:
        os.close(ours)
    assert run.wait() == 0, read.decode()
    drawn = re.split(r"[\r\n]+", read.decode())
    bars = [line for line in drawn if line.startswith("Epoch")]
    figures = r"(, loss \d\.\d{4}(, val score \d\.\d{4})?)?, [\d.]+k? rows/s *"
    line = r"Epoch [1234]/4 \|(.*)\| \d\d:\d\d<(\?|\d\d:\d\d)" + figures
    found = [re.fullmatch(line, bar) for bar in bars]
    assert len(bars) > 5
    assert all(found), bars
    assert min(len(bar[1]) for bar in found) >= 5
    assert max(map(len, bars)) <= (size[1] or 80)
    assert len([bar for bar in bars if bar.startswith("Epoch 2/4")]) > 1  # within an epoch
    screen = [line.rstrip("\r").split("\r")[-1].strip() for line in read.decode().split("\n")]
    screen = re.sub(r"\n([\w ]+\.\n)", r" \1", "\n".join([*filter(None, screen), ""])).splitlines()
    if how == "error":
        assert screen == ["an error", "0 bars left"]
    else:
        *_, last, left = screen
        closing(last + "\n")
        assert left == "0 bars left"
    if how == "plainly":
        assert "Setting learning rate" in screen[0]  # on a line of its own
        assert len(screen) == 3


def test_what_it_costs_is_bounded_by_its_pauses():
    """It pauses some five times a second, not at each step."""

    class Counting(Progress):
        pauses = 0

        def at_step(self, trainer):
            super().at_step(trainer)
            self.pauses += 1

    counting = Counting(5, X)
    network = Network([Dense(50, "tanh"), Dense(10)]).initialize(64, random_state=0)
    trainer = Trainer(network, SGD(0.1), batch_size=1)
    began = time.perf_counter()
    trainer.fit(X, y, max_epochs=5, callbacks=[counting])
    seconds = time.perf_counter() - began
    # doubling until a fifth of a second is reached, then by the clock
    assert counting.pauses <= 5 + np.log2(trainer.n_steps) + 10 * seconds


@pytest.mark.parametrize("place", ["bar", "lines"])
@pytest.mark.parametrize("n_epochs", [4, 10_000])
@pytest.mark.parametrize("hours", [0, 0.9, 12])
@pytest.mark.parametrize("loss", [2.3, 1e-9, 123456.7])
@pytest.mark.parametrize("score", [0.97, -0.97, -123456.7])
@pytest.mark.parametrize("n_rows", [1, 10**6])
def test_80_columns_hold_loss_and_score(
    place, n_epochs, hours, loss, score, n_rows, capsys, monkeypatch
):
    tqdm = pytest.importorskip("tqdm")
    monkeypatch.setattr(progress, "_columns", lambda stream: 80)
    monkeypatch.setattr(progress, "_place", lambda: place)
    monkeypatch.setattr(tqdm.std, "_screen_shape_wrapper", lambda: lambda file: (80, 24))
    trainer = Trainer(Network([Dense(1)]).initialize(64, random_state=0))
    trainer.run = type("Run", (), {"n_epochs": 0, "losses": []})
    shown = Progress(n_epochs)
    shown.begin(trainer)
    shown.begin_epoch(trainer)
    trainer.n_epochs, trainer.n_seen = n_epochs // 2, n_rows * n_epochs
    trainer.loss_curve, trainer.validation_scores = [loss], [score]
    shown._began -= 3600 * hours + 5
    shown._looked -= 3600 * hours + 5
    shown.end_epoch(trainer)
    shown.abort(trainer)
    captured = capsys.readouterr()
    line = captured.out.strip() if place == "lines" else captured.err.split("\r")[1].strip()
    assert len(line) <= 80
    # No figure is cut.
    figures = dict(re.findall(r", (loss|val score) (-?[\d.]+(?:e[-+]\d+)?)(?=,|$)", line))
    assert float(figures["loss"]) == pytest.approx(loss, rel=1e-3)
    assert float(figures["val score"]) == pytest.approx(score, rel=1e-3)


@pytest.mark.parametrize("in_notebook", [False, True])
def test_a_notebook_without_widgets_shows_no_red(in_notebook, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(progress, "_in_notebook", lambda: in_notebook)
    bar = progress._open_bar(3, 0, 0.0)
    bar.close()
    stream = sys.stdout if in_notebook else sys.stderr
    assert getattr(bar.fp, "_wrapped", bar.fp) is stream
