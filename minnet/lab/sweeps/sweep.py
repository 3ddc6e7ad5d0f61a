"""Train or probe a grid of settings, with seeds."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names

from minnet.common.callers import level_of_user
from minnet.common.checks import check_flag, check_verbose, is_whole
from minnet.common.communicator import apart
from minnet.common.entry import entry
from minnet.common.names import check_name, suggest
from minnet.common.types import ArrayLike, Matrix
from minnet.estimators.base import BaseMinNet
from minnet.estimators.data import Features, check_data, check_X
from minnet.lab.probe import probe as probe_once
from minnet.lab.sweeps.data import Data, split_data
from minnet.lab.sweeps.grid import Cell, cells_of, check_seeds, read_grid
from minnet.lab.sweeps.identity import digest, identity
from minnet.lab.sweeps.journal import Journal
from minnet.lab.sweeps.models import Maker, last_of
from minnet.lab.sweeps.result import Sweep
from minnet.lab.sweeps.running import run_each
from minnet.lab.sweeps.training import OF_NETWORK, Outcome, Training, train_one
from minnet.layers import Dense
from minnet.network import Network

__all__ = ["sweep"]

_PROBED = ("Z_sd", "Y_sd", "dZ_sd", "dW_sd", "saturated", "dead", "update_ratio")
_EVERY = 2.0  # seconds from one line of progress to the next


@entry
@apart()
def sweep(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    seeds: Any = 3,
    X_val: Matrix | None = None,
    y_val: ArrayLike | None = None,
    test_size: float | None = None,
    cv: Any = None,
    scoring: str | Callable[..., float] | None = None,
    train: bool = True,
    probe: bool | list[str] = False,
    n_jobs: int | None = None,
    path: str | os.PathLike[str] | None = None,
    verbose: bool | int = 0,
    **axes: Any,
) -> Sweep:
    """Train, or probe, a model with each setting of a grid, from several seeds.

    ``sweep(clf, X, y, init=["glorot", "he"], depth=[2, 5, 10], seeds=5)`` trains 30 networks. A list is an
    axis of the grid, any other value is the same for all cells. What a training gives depends on its
    settings and its seed only, and has the same bits for each ``n_jobs`` and in each order.

    With ``path`` each training is written to a file as soon as it has ended, and the same call again goes
    on with what is missing: after Ctrl-C, a kill, a full disk. A call with more or other values takes what
    is there; trainings that failed are tried again, those that diverged are not. The file is of one data
    set and one model: a call with others is an error that says what differs.

    Parameters
    ----------
    model : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or function
        An estimator is cloned for each training. A function is called with the settings by their names,
        and with ``seed`` if it takes that, and returns an estimator or a pipeline.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Inputs, a row for each sample; processes share an array in memory.
    y : array-like
        As ``fit`` takes it.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts in training; None means all alike. In scores all count alike.
    seeds : int or list of int, default=3
        So many seeds from 0 on, or these: the ``random_state`` of the model, and of the steps of a
        pipeline that have none.
    X_val, y_val : array-like, default=None
        Rows that are held out, for ``validation_score``. No training sees them.
    test_size : float, default=None
        Which share, or how many, of the rows of ``X`` are held out, the same ones for all; the classes in
        proportion. None means 0.25, unless ``X_val`` or ``cv`` is given; 0 means none.
    cv : int or splitter, default=None
        A cross-validation: a row for each fold.
    scoring : str or callable, default=None
        A score of scikit-learn; None means the model's ``score``, accuracy or R².
    train : bool, default=True
        False measures the networks as a fit would start, and trains nothing.
    probe : bool or list of str, default=False
        Whether the layers are measured at the start and the end of each training, on 300 rows of those
        trained on: the quantities of :class:`minnet.lab.Measurement`, such as "Y_sd", "dZ_rms", "dead" or
        "J_mean". True means "Z_sd", "Y_sd", "dZ_sd", "dW_sd", "saturated", "dead", "update_ratio". Where
        nothing is trained False means that, too. "sharpness" and "stability_limit" are of the network: the
        largest eigenvalue of the Hessian as the optimizer meets it, which takes the time of some 20 to 60
        gradients, and what it would have to stay below (:func:`minnet.lab.stability_limit`).
    n_jobs : int, default=None
        Trainings at a time, in processes of joblib; None means 1, and -1 one for each core. Each has one
        thread, unless the model's ``n_threads`` is given.
    path : path-like, default=None
        A file for what is done, of lines of JSON. Without it Ctrl-C leaves what it returns.
    verbose : bool or int, default=0
        Whether progress is printed.
    **axes
        Lists of values, by the names of the model's parameters, those of its parts included
        (``init__gain``). ``depth`` and ``width`` make ``hidden_layer_sizes``, numbers as ``learning_rate``
        are ``learning_rate_init``; in a pipeline all these, and names of the last step, go without its
        prefix. A dictionary of values by labels names them: ``init={"mine": my_function}``. Where one
        value is a list itself, the axis is a list of lists: ``layers=[[Dense(9)], [Dense(5), Dense(5)]]``.

    Returns
    -------
    Sweep
        A row for each cell, seed and fold. After Ctrl-C what is done, with a warning.

    Raises
    ------
    TypeError, ValueError
        If arguments or data do not fit, for all cells. An error in one cell is a row with ``error``.
    OSError
        If ``path`` cannot be written. What is done is there.
    RuntimeError
        If a process was killed. What is done is in ``path``.

    Warns
    -----
    UserWarning
        If trainings failed, or Ctrl-C ended the sweep.
    ConvergenceWarning
        If some diverged, and none failed in another way.

    See Also
    --------
    minnet.lab.displays.SweepMapDisplay : A heat map over two axes.
    minnet.lab.displays.SweepCurvesDisplay : Curves over a numeric axis.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import sweep
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((30,), "tanh", max_iter=3, learning_rate_init=0.01)
    >>> found = sweep(clf, X / 16, y, init=["zeros", "glorot"], depth=[1, 3], seeds=2)
    >>> for row in found.summary("validation_score").rows:
    ...     row["init"], row["depth"], row["n_seeds"], round(row["validation_score"], 1)
    ('zeros', 1, 2, 0.1)
    ('zeros', 3, 2, 0.1)
    ('glorot', 1, 2, 0.9)
    ('glorot', 3, 2, 0.9)
    """
    train, verbose = check_flag("train", train), check_verbose("verbose", verbose)
    seeds = check_seeds(seeds)
    n_jobs = _check_n_jobs(n_jobs)
    grid, fixed = read_grid(axes)
    cells = list(cells_of(grid, fixed))
    maker = Maker(model, cells[0].settings)
    for cell in cells[1:]:
        Maker(model, cell.settings)
    columns = _check_columns(probe, train)
    _check_scoring(scoring)
    first, example, features = _example(maker, cells, seeds[0], (X, y, sample_weight))
    options = {"X_val": X_val, "y_val": y_val, "test_size": test_size, "cv": cv, "train": train}
    data, split = split_data(last_of(example), X, y, sample_weight, **options)
    if features is not None and X_val is not None:
        _check_X_val(example, X_val, features)
    training = Training(maker, scoring, train, columns)
    todo = [
        _Todo(cell, seed, one, i) for i, cell in enumerate(cells) for seed in seeds for one in data
    ]
    header = {}
    if path is not None:
        for one in todo:
            one.key = one.find_key(maker)
        header = {
            "axes": [[axis.name, list(axis.labels), list(axis.digests)] for axis in grid],
            "varied": sorted({name for axis in grid for name in maker.varied(axis.name)}),
            "fixed": {
                **_identity(maker, first), "scoring": identity(scoring), "train": train,
                "probe": list(columns), "cv" if cv is not None else "test_size": split,
            },
            "data": data[0].identity(),
        }  # fmt: skip
    opened: AbstractContextManager[Journal | None]
    opened = contextlib.nullcontext() if path is None else Journal(path, header)
    with opened as journal:
        _run(training, todo, n_jobs, journal, verbose)
    return _collected(todo, {axis.name: list(axis.labels) for axis in grid})


@dataclasses.dataclass
class _Todo:
    """A training to make, and what became of it."""

    cell: Cell
    seed: int
    data: Data
    number: int
    key: str = ""
    outcome: Outcome | None = None
    known: dict[str, Any] | None = None  # line of the file

    def find_key(self, maker: Maker) -> str:
        return digest([_identity(maker, self.cell), self.seed, self.data.fold])

    def line(self) -> dict[str, Any]:
        """Return it as a line of the file, with the axes of earlier calls that had it."""
        assert self.outcome is not None
        before = self.known or {"settings": {}, "values": {}}
        return {
            "key": self.key,
            "settings": {**before["settings"], **self.cell.labels},
            "values": {**before["values"], **self.cell.digests},
            "seed": self.seed, "fold": self.data.fold,
            "row": self.outcome.row, "layers": self.outcome.layers,
        }  # fmt: skip

    def take(self, lines: list[dict[str, Any]]) -> None:
        """Take what a file has of it; what failed is made again."""
        if not lines:
            return
        self.known = lines[-1]
        row = self.known["row"]
        if row["error"] is None or row["diverged"]:
            self.outcome = Outcome(row, self.known["layers"])

    def is_said(self, lines: list[dict[str, Any]]) -> bool:
        """Return whether one of the lines has the values of all axes."""
        return any(self.cell.digests.items() <= line["values"].items() for line in lines)


def _identity(maker: Maker, cell: Cell) -> dict[str, Any]:
    try:
        return maker.identity(cell.settings, cell.labels)
    except Exception as error:  # of settings that no model can be made of
        return {
            **{name: identity(value) for name, value in cell.settings.items()},
            "error": str(error),
        }


def _run(
    training: Training,
    todo: list[_Todo],
    n_jobs: int | None,
    journal: Journal | None,
    verbose: int,
) -> None:
    """Make the trainings that are not in the file, and write each into it."""
    if journal is not None:
        for one in todo:
            lines = journal.found.get(one.key, [])
            one.take(lines)
            if one.outcome is not None and not one.is_said(lines):
                journal.append(one.line())
    # All cells with the first seed come first: who looks in early has seen the whole grid.
    waiting = [one for one in todo if one.outcome is None]
    waiting.sort(key=lambda one: one.seed)
    progress = _Progress(len(todo), len(waiting), bool(verbose))
    calls = [(training, one.cell.settings, one.seed, one.data) for one in waiting]
    try:
        with contextlib.closing(run_each(train_one, calls, n_jobs=n_jobs)) as ended:
            for i, outcome in ended:
                waiting[i].outcome = outcome
                if journal is not None:
                    journal.append(waiting[i].line())
                progress.step()
    except KeyboardInterrupt:
        n_missing = sum(one.outcome is None for one in todo)
        again = "the same call goes on" if journal is not None else "path=... would keep them"
        warnings.warn(
            f"Sweep interrupted by user: {n_missing} of {len(todo)} trainings are missing; {again}.",
            stacklevel=level_of_user(),
        )
    except TerminatedWorkerError as error:
        kept = "" if journal is None else "; what is done is in path, and the same call goes on"
        raise RuntimeError(
            f"a process of the sweep was killed, or memory was short for {n_jobs} trainings at a "
            f"time{kept}"
        ) from error


def _collected(todo: list[_Todo], axes: dict[str, list[Any]]) -> Sweep:
    rows, layers = [], []
    for one in todo:
        if one.outcome is None:
            continue
        fold = {} if one.data.fold is None else {"fold": one.data.fold}
        head = {**one.cell.labels, "seed": one.seed, **fold}
        rows.append({**head, **one.outcome.row})
        layers += [{**head, **layer} for layer in one.outcome.layers]
    wrong = [row for row in rows if row["error"] or row["diverged"]]
    if wrong:
        n_diverged = sum(row["diverged"] for row in wrong)
        became = ["failed"] * (n_diverged < len(wrong)) + ["diverged"] * (n_diverged > 0)
        how_many = "all" if len(wrong) == len(rows) else f"{len(wrong)} of"
        warnings.warn(
            f"{how_many} {len(rows)} trainings of the sweep {' or '.join(became)}, the first one with "
            f"{wrong[0]['error'] or wrong[0]['warning']}",
            UserWarning if "failed" in became else ConvergenceWarning,
            stacklevel=level_of_user(),
        )
    return Sweep(rows, axes, layers)


def _example(
    maker: Maker, cells: Iterable[Cell], seed: int, data: tuple[Any, ...]
) -> tuple[Cell, Any, Features | None]:
    """Return the first cell whose model takes the data, this model and the features."""
    first: Exception | None = None
    for cell in cells:
        try:
            model = maker(cell.settings, seed)
            features = _check_data(model, *data)
        except Exception as error:  # of a function of the user: any
            first = first or error
        else:
            return cell, model, features
    assert first is not None
    raise first


@entry
def _check_data(model: Any, X: Any, y: Any, sample_weight: Any) -> Features | None:
    """Raise if no fit can take the data; what a pipeline makes of them is not known before."""
    if not isinstance(model, BaseMinNet) or y is None:
        return None
    model._validate_params()
    return check_data(model, X, y, sample_weight).features


@entry
def _check_X_val(model: Any, X_val: Any, features: Features) -> None:
    """Raise if the model could not predict these rows: after each training it would be too late."""
    try:
        with warnings.catch_warnings(action="ignore"):  # each row has them
            check_X(model, X_val, features)
    except (TypeError, ValueError) as error:
        raise type(error)(f"X_val: {error}") from error


def _check_scoring(scoring: Any) -> None:
    if scoring is None or callable(scoring):
        return
    names = get_scorer_names()
    if not isinstance(scoring, str) or scoring not in names:
        what = "the name of a score of scikit-learn, a callable or None"
        raise ValueError(suggest("scoring", scoring, names, what))


def _check_n_jobs(n_jobs: Any) -> int | None:
    if n_jobs is not None and (not is_whole(n_jobs, -(2**31), 2**31) or n_jobs == 0):
        raise ValueError(
            f"n_jobs must be a whole number other than 0, or None, got {n_jobs!r:.200}"
        )
    return n_jobs


def _check_columns(probe: Any, train: bool) -> tuple[str, ...]:
    """Return what is probed, by the names that a measurement has."""
    if isinstance(probe, bool | np.bool_):
        return _PROBED if probe or not train else ()
    if not isinstance(probe, list | tuple) or not all(isinstance(name, str) for name in probe):
        raise TypeError(
            f"probe must be True, False or a list of names such as 'Y_sd', got {probe!r:.200}"
        )
    known = probe_once(Network([Dense(1)]).initialize(1, 0), [[0.0]], [0.0], n_jacobians=1)
    names = known.keys()
    names = [*(name for name in names if known[name].ndim == 1), *OF_NETWORK]
    for name in probe:
        check_name("probe", name, names)
    return tuple(dict.fromkeys(probe)) or (() if train else _PROBED)


class _Progress:
    """Prints how far a sweep is, every few seconds and at its end."""

    def __init__(self, n_all: int, n_left: int, shown: bool) -> None:
        self._n_all, self._n_left, self._shown = n_all, n_left, shown
        self._n_done = 0
        self._began = time.monotonic()
        self._due = self._began + _EVERY
        if shown and n_left < n_all:
            print(f"sweep: {n_all - n_left} of {n_all} trainings were done before", flush=True)

    def step(self) -> None:
        self._n_done += 1
        now, left = time.monotonic(), self._n_left - self._n_done
        if self._shown and (now >= self._due or not left):
            self._due = now + _EVERY
            seconds = now - self._began
            print(
                f"sweep: {self._n_all - left} of {self._n_all} trainings, {_clock(seconds)}, about "
                f"{_clock(left * seconds / self._n_done)} left",
                flush=True,
            )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"
