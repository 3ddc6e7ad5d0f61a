r"""The long trainings of Table 1, several side by side.

From the root of a checkout, ``setup.py build_ext --inplace`` done or minnet installed::

    python -m examples.glorot2010.runs --rows tanh,tanh-n --updates 1000000 --seeds 0,1,2 --jobs 4

First the learning rate of each row is chosen: each of ``--rates`` is tried for ``--rate-updates`` updates
with the first seed, and the one with the smallest validation error is taken. With several numbers, such as
``--rate-updates 20000,100000``, the better half (of five: two) goes on to the next one. Then each row is
trained with it from each seed. Every training is a process of its own with ``--threads`` threads, and
leaves a curve, ``NAME.json``, and a checkpoint in the folder ``--out``; ``rates-5x1000.json`` tells how
rates were chosen.

The same command again goes on where it was, also after a kill or with more updates, and ends with the same
bits as if nothing had happened. Checkpoints are only good for the machine's kind of processor that wrote
them: on another one the results differ by rounding.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np

from examples.glorot2010.curves import Curve
from examples.glorot2010.one_run import is_due
from examples.glorot2010.protocol import PAPER_ROWS, ROWS, SHAPES, Run
from minnet.common.atomic import write_atomically

__all__ = ["rank_rates", "run_all"]

RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
# Libraries that would each take all cores.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ROOT = Path(__file__).parents[2]


def run_all(runs, updates, folder, *, jobs=1, until=math.inf, say_every=15.0, **options):
    """Train all runs, ``jobs`` at a time, each in its process; print progress.

    Parameters
    ----------
    runs : list of Run
    updates : int or dict of Run to int
    folder : path-like
    jobs : int, default=1
        Processes at a time.
    until : float, default=inf
        End after this time, as ``time.time()`` tells it.
    say_every : float, default=15
        Seconds from one line of progress to the next.
    **options
        As :func:`examples.glorot2010.one_run.train` takes them.

    Returns
    -------
    curves : dict of Run to Curve
        Of those that were begun.

    Raises
    ------
    RuntimeError
        If a process failed, when the others have ended.
    """
    updates = updates if isinstance(updates, dict) else dict.fromkeys(runs, updates)
    state, due = _State(runs, updates, folder, jobs), time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            left = [run for run in runs if not state.is_done(run)]
            ended = [pool.submit(_train, run, state, until, options) for run in left]
            while wait(ended, timeout=0.2).not_done:
                if time.monotonic() >= due:
                    state.say()
                    due = time.monotonic() + say_every
        except BaseException:
            state.stop()
            raise
    state.say()
    for one in ended:
        one.result()
    if state.failures:
        raise RuntimeError("\n".join(state.failures))
    return {run: Curve.read(path) for run in runs if (path := state.path(run)).exists()}


def _train(run, state, until, options):
    """Train a run in a process of its own, unless it is too late to begin."""
    if time.time() >= until or state.stopped:
        return
    more = {"run": dataclasses.asdict(run), "updates": state.updates[run]}
    more |= options | {"until": until if math.isfinite(until) else None}
    threads = str(options.get("n_threads", 1))
    environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, threads)
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])
    )
    command = [sys.executable, "-m", "examples.glorot2010.one_run", str(state.folder)]
    process = subprocess.Popen(
        [*command, json.dumps(more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        # Ctrl-C is for this process, which then tells the others.
        start_new_session=True,
    )
    state.watch(run, process)


class _State:
    """How far the runs are."""

    def __init__(self, runs, updates, folder, jobs):
        self.folder, self.updates, self._jobs = Path(folder), updates, jobs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.failures, self.stopped = [], False
        self._processes, self._lock = {}, threading.Lock()
        self._began = time.monotonic()
        self._said = {}
        for run in runs:
            path, said = self.path(run), {"updates": 0}
            if path.exists():
                curve = Curve.read(path)
                said = {"updates": curve.updates, "diverged": curve.diverged}
            self._said[run] = said
        self._first = {run: said["updates"] for run, said in self._said.items()}
        self._n_open = sum(not self.is_done(run) for run in runs)

    def path(self, run):
        return self.folder / f"{run.name}.json"

    def is_done(self, run):
        """Return whether nothing is left to do."""
        said = self._said[run]
        return said.get("diverged", False) or said["updates"] >= self.updates[run]

    def watch(self, run, process):
        """Take note of what a process says until it ends."""
        with self._lock:
            self._processes[run] = process
            if self.stopped:
                process.send_signal(signal.SIGINT)
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
        reader.start()
        for line in process.stdout:
            said = json.loads(line)
            if "warning" in said:
                print(f"{run.name}: {said['warning']}", flush=True)
                continue
            # A checkpoint may be behind the curve that was there.
            self._first[run] = min(self._first[run], said["updates"])
            self._said[run] = said
        reader.join()
        if process.wait() and not self.stopped:
            self.failures.append(f"{run.name} ended with {process.returncode}: {errors[0][-2000:]}")
        with self._lock:
            del self._processes[run]

    def stop(self):
        """Let each training write its checkpoint and end."""
        with self._lock:
            self.stopped = True
            for process in self._processes.values():
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)

    def say(self):
        """Print how far all are, and for how long there is still work."""
        seconds = time.monotonic() - self._began
        made = {run: said["updates"] for run, said in self._said.items()}
        left = {
            run: 0 if self.is_done(run) else self.updates[run] - made[run] for run in self._said
        }
        total, new = sum(made.values()), sum(made[run] - self._first[run] for run in made)
        line = f"{_clock(seconds)}: {total:,} updates of {total + sum(left.values()):,}"
        if new > 0:
            # The longest run cannot be split, and the others share what processes there are.
            pace = new / seconds / max(1, min(self._jobs, self._n_open))
            longest = max(max(left.values()), sum(left.values()) / self._jobs)
            line += f", {new / seconds:,.0f} a second, {_clock(longest / pace)} left"
        with self._lock:
            running = list(self._processes)
        for run in running:
            said = self._said[run]
            line += f"\n    {run.name}: {said['updates']:,}"
            if "loss" in said:
                line += f", loss {said['loss']:.4f}, validation error {said['validation_error']} %"
        print(line, flush=True)


def _clock(seconds):
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def rank_rates(curves, updates):
    """Return the rates of each row by their validation error after so many updates, the smallest first.

    Parameters
    ----------
    curves : dict of Run to Curve
    updates : int

    Returns
    -------
    ranked : dict of str to list of float
        Without rates with which training diverged or did not get so far, and rows where none did.
    table : dict of str to dict
        Of each row the validation error by rate; None where there is none.

    Examples
    --------
    >>> from examples.glorot2010.curves import Curve
    >>> from examples.glorot2010.protocol import Run
    >>> from examples.glorot2010.runs import rank_rates
    >>> curves = {Run("tanh", rate): Curve({}) for rate in (0.01, 0.1)}
    >>> for curve, error in zip(curves.values(), (70.0, 65.0)):
    ...     curve.add({"updates": 1000, "validation_error": error})
    >>> rank_rates(curves, 1000)
    ({'tanh': [0.1, 0.01]}, {'tanh': {'0.01': 70.0, '0.1': 65.0}})
    """
    table, ranked = {}, {}
    for run, curve in curves.items():
        error = None if curve.diverged else curve.at("validation_error", updates)
        table.setdefault(run.row, {})[f"{run.rate:g}"] = error
    for row, errors in table.items():
        found = {rate: error for rate, error in errors.items() if error is not None}
        if found:
            ranked[row] = [float(rate) for rate in sorted(found, key=found.get)]
    return ranked, table


def _options(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", default=",".join(PAPER_ROWS), help=f"of {', '.join(ROWS)}")
    add("--updates", type=int, default=500_000, help="of each run (default: %(default)s)")
    add("--rates", default=",".join(map(str, RATES)), help="to choose from (default: %(default)s)")
    add("--rate-updates", default="20000", help="to choose after (default: %(default)s)")
    add("--seeds", default="0", help="default: %(default)s")
    add("--depth", type=int, default=5, help="hidden layers (default: %(default)s)")
    add("--width", type=int, default=1000, help="units of each (default: %(default)s)")
    add("--fixed", type=int, default=0, help="train on so many images over and over (default: no)")
    add("--shape", default="equal", choices=list(SHAPES), help="of the hidden layers' sizes")
    add("--jobs", type=int, default=1, help="runs side by side (default: %(default)s)")
    add("--threads", type=int, default=1, help="of each run (default: %(default)s)")
    add("--minutes", type=float, default=math.inf, help="end after so many, to go on another time")
    add("--out", default="glorot2010_runs", help="folder (default: %(default)s)")
    add("--per-epoch", type=int, default=1000, help="updates from one line of progress to the next")
    add(
        "--every", type=int, default=25_000, help="updates from one validation to the next, at most"
    )
    add("--measured", type=int, help="use so many validation and test images only")
    add("--checkpoint-every", type=float, default=60.0, help="seconds (default: %(default)s)")
    given = parser.parse_args(arguments)
    given.rows = given.rows.split(",")
    unknown = [row for row in given.rows if row not in ROWS]
    if unknown:
        parser.error(f"--rows must be of {', '.join(ROWS)}, got {', '.join(unknown)}")
    for name, kind in (("rates", float), ("seeds", int), ("rate_updates", int)):
        try:
            values = [kind(value) for value in getattr(given, name).split(",")]
        except ValueError:
            name = name.replace("_", "-")
            parser.error(f"--{name} must be numbers, got {getattr(given, name)!r}")
        setattr(given, name, list(dict.fromkeys(values)))
    _check_ranges(parser, given)
    for name in ("updates", "rate_updates"):
        for n in np.atleast_1d(getattr(given, name)):
            if n < given.per_epoch or n % given.per_epoch:
                parser.error(
                    f"--{name.replace('_', '-')} must be a multiple of {given.per_epoch}, got {n}"
                )
    if given.rate_updates != sorted(given.rate_updates):
        parser.error(f"--rate-updates must ascend, got {given.rate_updates}")
    if len(given.rates) > 1 and not all(is_due(n, given.every) for n in given.rate_updates):
        parser.error(
            "--rate-updates must be a number after which there is a validation: 1, 2 or 5 times a "
            f"power of 10, or a multiple of {given.every}, got {given.rate_updates}"
        )
    return given


_LEAST = {
    "depth": 1, "width": 1, "fixed": 0, "jobs": 1, "threads": 1, "per_epoch": 1, "every": 1,
    "measured": 1, "seeds": 0, "checkpoint_every": 0, "minutes": 0,
}  # fmt: skip


def _check_ranges(parser, given):
    for name, least in _LEAST.items():
        value = getattr(given, name)
        if value is not None and not np.all(np.greater_equal(value, least)):
            parser.error(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
    if not all(0 < rate < math.inf for rate in given.rates):
        parser.error(f"--rates must be numbers above 0, got {given.rates}")


def _choose(given, size, options):
    """Try rates, the better half for longer; return the best one of each row, and note all errors.

    Where time is over before all have been tried, nothing is chosen and nothing noted.
    """
    left, tables = dict.fromkeys(given.rows, given.rates), {}
    for updates in given.rate_updates:
        # The same rate of all rows, then the next one: whoever ends early has seen every row.
        tried = [
            Run(row, rate, given.seeds[0], **size)
            for rate in given.rates
            for row in given.rows
            if rate in left.get(row, ())
        ]
        curves = run_all(tried, updates, given.out, **options)
        if not all(run in curves and _has(curves[run], updates) for run in tried):
            print(
                "time is over, and rates are still being tried: the same command goes on",
                flush=True,
            )
            return {}
        ranked, table = rank_rates(curves, updates)
        left = {row: rates[: max(1, len(rates) // 2)] for row, rates in ranked.items()}
        for row, errors in table.items():
            tables.setdefault(row, {})[str(updates)] = errors
    rates = {row: of_row[0] for row, of_row in left.items()}
    _note_rates(given, rates, tables)
    return rates


def _has(curve, updates):
    return curve.diverged or curve.updates >= updates


def _note_rates(given, rates, tables):
    """Write how the rates were chosen, beside what other calls wrote of other rows; print it."""
    path = Path(given.out) / f"rates-{Run(given.rows[0], **_size(given)).kind}.json"
    try:
        record = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise ValueError(f"{path} is damaged: remove it, and rates are noted anew") from error
    for row, of_row in tables.items():
        how = {"seed": given.seeds[0], "validation_error": of_row}
        record[row] = {"chosen": rates.get(row), **how}
        print(f"{row}: learning rate {rates.get(row)}, of {of_row}", flush=True)
    lines = [f'"{row}": {json.dumps(record[row])}' for row in sorted(record)]
    with write_atomically(path) as file:
        file.write(("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _size(given):
    return {name: getattr(given, name) for name in ("depth", "width", "fixed", "shape")}


def main(arguments=None):
    given = _options(arguments)
    until = time.time() + 60 * given.minutes
    size = _size(given)
    options = {
        "jobs": given.jobs, "until": until, "n_threads": given.threads, "every": given.every,
        "per_epoch": given.per_epoch, "n_measured": given.measured,
        "checkpoint_every": given.checkpoint_every,
    }  # fmt: skip
    rates = dict.fromkeys(given.rows, given.rates[0])
    if len(given.rates) > 1:
        rates = _choose(given, size, options)
    runs = [
        Run(row, rates[row], seed, **size)
        for seed in given.seeds
        for row in given.rows
        if row in rates
    ]
    if time.time() < until:
        run_all(runs, given.updates, given.out, **options)


if __name__ == "__main__":
    # A time limit from outside ends all as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("ended; the same command goes on from here")
    # A folder that cannot be written, a training that failed, a damaged file.
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(str(error))
