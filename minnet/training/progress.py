"""What verbose=1 shows: how far a training is."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import sys
import textwrap
import threading
import time
import warnings
from typing import Any

from scipy import sparse

from minnet.common.types import Matrix
from minnet.training.callback import Callback
from minnet.training.step_timer import StepTimer

__all__ = ["Progress", "say"]

_SILENT = 2.0  # seconds: a shorter training has its closing line alone
_REFRESH = 0.2  # seconds from one look of the bar to the next
_LINE = 2.0  # seconds from one line to the next where there is no bar, at least ...
_LINE_SHARE = 0.05  # ... and at least this share of the time so far: a night is no thousand lines

_COLUMNS = 80  # of a log, and of a terminal that does not know its own
_NOTEBOOK_COLUMNS = 90
# Of the bar's line, beside epoch and figures.
_NARROWEST_BAR = len(" |12345| ")
_TIMES, _LONG_TIMES = len("00:00<00:00"), len("1:00:00<12:00:00")

_REASONS = {
    "max_epochs": "the maximum number of epochs is reached",
    "callback": "ended by a callback",
    "interrupted": "interrupted",
    "diverged": "diverged",
    "end_of_stream": "the stream has ended",
}


class Progress(Callback):
    """Shows a bar with epoch, loss, validation score, rows per second and time left; then a closing line.

    The bar is tqdm's, on ``sys.stderr`` if that is a terminal, or the notebook's. Without tqdm, in a log
    file and the like there is a line every two seconds or more instead, and in other processes and
    threads than the main ones, where fits would write over each other, the closing line alone.

    Parameters
    ----------
    max_epochs : int
        Of the training: what 100 % are. It may end before.
    X : array or sparse matrix, default=None
        The rows of an epoch; None where they come in parts.
    n_rows : int, default=None
        How many rows an epoch has, where several networks are trained on those of ``X``.
    """

    def __init__(self, max_epochs: int, X: Matrix | None = None, n_rows: int | None = None) -> None:
        self._max_epochs = max_epochs
        self._n_rows = n_rows or (None if X is None else X.shape[0])  # of an epoch
        self._dense = X is not None and not sparse.issparse(X)
        self._bar: Any = None

    def begin(self, trainer: Any) -> None:
        """Start the clock."""
        self._began = self._looked = time.perf_counter()
        self._epochs_before, self._seen_before = trainer.n_epochs, trainer.n_seen
        self._validated_before = len(trainer.validation_scores)
        self._seen, self._steps = trainer.n_seen, trainer.n_steps
        self._timer = StepTimer(trainer)
        self._due = self._timer.after(trainer, _REFRESH) if self._may_pause(trainer) else None
        self._done_before = trainer.run.n_epochs  # where a checkpoint was resumed
        self._in_epoch, self._wait = False, _SILENT
        self._loss, self._n_losses = 0.0, 0
        self._place = _place()

    def begin_epoch(self, trainer: Any) -> None:
        """Note that an epoch begins."""
        self._epoch_seen, self._in_epoch = trainer.n_seen, True

    def next_step(self, trainer: Any) -> int | None:
        """Return at which step to look next, if it is time to; None where pausing would change bits."""
        self._look(trainer)
        return self._due

    def at_step(self, trainer: Any) -> None:
        """Name the next step to look at."""
        self._due = self._timer.after(trainer, _REFRESH)

    def end_epoch(self, trainer: Any) -> None:
        """Show the figures of the epoch."""
        self._in_epoch, self._n_rows = False, trainer.n_seen - self._epoch_seen
        self._look(trainer)

    def end(self, trainer: Any) -> None:
        """Take the bar away and print the closing line."""
        if self._bar is not None:
            self._bar.n = self._bar.total  # a notebook leaves an incomplete bar there, in red
        self._close()
        seconds = time.perf_counter() - self._began
        n = trainer.n_epochs - self._epochs_before
        loss = [] if not n else [f"loss = {trainer.loss_curve[-1]:.8f}"]
        figures = [f"{n} epoch{'s' * (n != 1)} in {_duration(seconds)}", *loss]
        if self._validated(trainer):
            figures.append(f"validation score = {trainer.validation_scores[-1]:.4f}")
        figures.append(f"{self._speed(trainer):,.0f} rows/s")
        line = f"{', '.join(figures)}: {_reason(trainer)}."
        if _in_notebook() or _is_terminal(sys.stdout):
            line = textwrap.fill(line, _columns(sys.stdout))
        say(line)

    def abort(self, trainer: Any) -> None:
        """Take the bar away; a notebook leaves it there, in red."""
        self._close()

    def _may_pause(self, trainer: Any) -> bool:
        """Return whether pausing changes no bit.

        Plain SGD scales the weights of sparse rows when it pauses, which rounds them.
        """
        optimizer = trainer.optimizer
        return self._dense or not optimizer.is_plain or not trainer.network.alpha

    def _look(self, trainer: Any) -> None:
        now = time.perf_counter()
        if now - self._looked < self._wait:
            return
        if self._place is None:
            self._wait = math.inf
            return
        elapsed, self._looked = now - self._began, now
        if self._place == "bar" and self._bar is None:
            self._bar = _open_bar(self._max_epochs, self._done_before, elapsed)
            if self._bar is None:
                self._place = "lines"
        done = self._done(trainer)
        epoch = f"Epoch {min(int(done) + 1, self._max_epochs)}/{self._max_epochs}"
        figures = self._figures(trainer)
        now_done = done - self._done_before
        left = elapsed * (self._max_epochs - done) / now_done if now_done else None
        if self._place == "lines":
            self._wait = max(_LINE, _LINE_SHARE * elapsed)
            line = f"{epoch}, {_about(elapsed)}"
            if left is not None:
                line += f", {_about(left)} left"
            say(line + _fitting(figures, _COLUMNS - len(line)))
            return
        bar: Any = self._bar
        self._wait = _REFRESH
        bar.n = done
        bar.set_description_str(epoch, refresh=False)
        times = _LONG_TIMES if max(elapsed, left or 0) >= 3600 else _TIMES
        room = _columns(sys.stderr) - len(epoch) - _NARROWEST_BAR - times
        bar.set_postfix_str(_fitting(figures, room).removeprefix(", "), refresh=False)
        bar.refresh()

    def _rows(self, trainer: Any) -> int:
        """Return the rows seen in this training; the trainer counts them part by part."""
        if trainer.n_seen != self._seen:
            self._seen, self._steps = trainer.n_seen, trainer.n_steps
        rows = (trainer.n_steps - self._steps) * trainer.batch_size
        if self._n_rows is not None:
            rows = min(rows, self._n_rows)  # the last batch may be short
        return trainer.n_seen - self._seen_before + rows

    def _done(self, trainer: Any) -> float:
        """Return how many epochs are done, as a number with a fraction."""
        done = self._done_before + trainer.n_epochs - self._epochs_before
        if self._in_epoch and self._n_rows:
            rows = self._rows(trainer) - (self._epoch_seen - self._seen_before)
            done += min(rows / self._n_rows, 1 - 1e-9)
        return done

    def _figures(self, trainer: Any) -> list[str]:
        """Return loss and score of the last epoch, or of the first one so far, and the mean speed."""
        found = []
        if trainer.n_epochs > self._epochs_before:
            found.append(f"loss {_number(trainer.loss_curve[-1])}")
        elif self._in_epoch and trainer.run.losses:
            found.append(f"loss {_number(self._loss_so_far(trainer))}")
        if self._validated(trainer):
            found.append(f"val score {_number(trainer.validation_scores[-1])}")
        return [*found, f"{_thousands(self._speed(trainer))} rows/s"]

    def _validated(self, trainer: Any) -> bool:
        return len(trainer.validation_scores) > self._validated_before

    def _speed(self, trainer: Any) -> float:
        return self._rows(trainer) / max(time.perf_counter() - self._began, 1e-9)

    def _loss_so_far(self, trainer: Any) -> float:
        """Return the mean loss of the first epoch's steps."""
        run = trainer.run
        self._loss += sum(float(losses.sum()) for losses in run.losses[self._n_losses :])
        self._n_losses = len(run.losses)
        return self._loss / (run.n_rows + run.start * trainer.batch_size)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _reason(trainer: Any) -> str:
    """Return why the training has ended."""
    stopped = trainer.run.stopped
    if stopped == "stalled":
        scored = trainer.run.best is not None
        return f"the {'validation score' if scored else 'loss'} did not improve any more"
    return _REASONS[stopped]


def say(text: str) -> None:
    """Print a line at once, for which a bar on the screen makes room."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is None:
        print(text, flush=True)
    else:
        tqdm.tqdm.write(text)
        sys.stdout.flush()  # a process of a search may end without doing so


def _fitting(figures: list[str], room: int) -> str:
    """Return as many of the figures as there is room for, each behind a comma."""
    text = ""
    for figure in figures:
        if len(text) + 2 + len(figure) > room:
            break
        text += f", {figure}"
    return text


def _place() -> str | None:
    """Return where progress is shown: "bar", "lines", or None for nowhere."""
    in_front = (
        multiprocessing.current_process().name == "MainProcess"
        and multiprocessing.parent_process() is None
        and threading.current_thread() is threading.main_thread()
    )
    if not in_front:
        return None
    return "bar" if _in_notebook() or _is_terminal(sys.stderr) else "lines"


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def _open_bar(n_epochs: int, initial: float, elapsed: float) -> Any:
    """Return tqdm's bar for a training that began ``elapsed`` seconds ago, or None without tqdm."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in a notebook without widgets the bar is text
            from tqdm.auto import tqdm
    except ImportError:
        return None

    class Bar(tqdm):
        monitor_interval = 0  # no thread that looks after bars which do not move

    is_widget = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    look = "{desc} |{bar}| {elapsed}<{remaining}{postfix}"
    bar = Bar(
        total=n_epochs,
        initial=initial,
        leave=False,
        bar_format=look,
        delay=1e-9,  # so that it is not drawn before it has its figures
        # What a notebook gets on stderr it shows in red.
        file=sys.stdout if _in_notebook() and not is_widget else None,
        **_size(),
    )
    bar.start_t -= elapsed
    return bar


def _size() -> dict[str, Any]:
    """Return the size of a terminal that does not know its own; tqdm would draw nothing there."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if 0 in os.get_terminal_size(sys.stderr.fileno()):
            return {"ncols": _COLUMNS, "nrows": 24}
    return {"dynamic_ncols": True}


def _is_terminal(stream: Any) -> bool:
    return getattr(stream, "isatty", bool)()


def _columns(stream: Any) -> int:
    """Return the width of a terminal, 80 where it does not know its own; notebooks are wide."""
    if _in_notebook():
        return _NOTEBOOK_COLUMNS
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    return _COLUMNS


def _number(x: float) -> str:
    """Return a number in few characters: "0.1234", "1.23e-05", "123.5"."""
    if 0 < abs(x) < 1e-3:
        return f"{x:.2e}"
    return f"{x:.4f}" if abs(x) < 10 else f"{x:.4g}"


def _thousands(n: float) -> str:
    """Return "985", "6.7k" or "12M"."""
    units = iter(("", "k", "M", "G"))
    unit = next(units)
    while n >= 999.5 and unit != "G":
        n, unit = n / 1000, next(units)
    return f"{n:.{1 if unit and n < 9.95 else 0}f}{unit}"


def _duration(seconds: float) -> str:
    """Return "1.2 s", "3 min 20 s" or "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _about(seconds: float) -> str:
    """Return the same, from ten minutes on in whole minutes, from ten hours on in hours."""
    unit = 60 if seconds < 36_000 else 3600
    return _duration(seconds if seconds < 600 else unit * round(seconds / unit))
