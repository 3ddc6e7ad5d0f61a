"""One learner's session: a thread that trains, and one door for all that a page asks."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from minnet.common.blas import one_blas_thread
from minnet.common.checks import check_flag, check_real, check_whole
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.playground.experiment import KEEPS_WEIGHTS, Experiment, choices
from minnet.playground.frame import Framer
from minnet.playground.training import Training

__all__ = ["Session", "Snapshot"]

_CHUNK = 0.02  # seconds that the thread trains before it listens again
_PACE = 0.5  # seconds over which steps per second are counted
_MOST_HISTORY = 400
_MOST_WAITING = 2.0
_MOST_STEPS = 10_000

_Answers = dict[str, Callable[[Any, Mapping[str, Any]], Any]]


@dataclass(frozen=True)
class Snapshot:
    """All that one moment of a session is: weights and setting of the same moment.

    Attributes
    ----------
    experiment : Experiment
    network, optimizer
        Copies that nobody trains.
    generation : int
        Grows by a new start.
    version : int
        Grows by each change that shows, and never shrinks.
    step, epoch : int
    playing : bool
    status : {"ok", "diverged", "failed"}
    message : str
        A sentence on a status that is not "ok".
    steps_per_second : float
        Of the last half second or so in which it trained.
    history : ndarray of float32, shape (n, 4)
        Step, training loss since the row before, test loss and test error; at most 400 rows.
    X, T, X_test, T_test : ndarray
        The same objects in a generation.
    """

    experiment: Experiment
    network: Network
    optimizer: Optimizer
    generation: int
    version: int
    step: int
    epoch: int
    playing: bool
    status: str
    message: str
    steps_per_second: float
    history: Array
    X: Array
    T: Array
    X_test: Array
    T_test: Array


class Session:
    """Trains an experiment in a thread of its own, and answers messages meanwhile.

    Only that thread touches what is trained: it does what messages want between two pieces of about 20
    ms. What a page looks at is a copy, so that looking changes no bit of the result.

    Parameters
    ----------
    experiment : Experiment or None, default=None
        None means the defaults.
    budget : float, default=0.3
        Share of the time that may go into frames, above 0 and at most 1.
    playing : bool, default=True
        Whether it trains at once.

    Examples
    --------
    >>> from minnet.playground.session import Session
    >>> with Session(playing=False) as session:
    ...     session.answer({"do": "step", "n": 3})["generation"]
    ...     session.answer({"do": "change", "experiment": {"depth": 99}})
    0
    {'error': 'depth must be a whole number of at least 0 and at most 60, got 99'}
    """

    def __init__(
        self, experiment: Experiment | None = None, budget: float = 0.3, playing: bool = True
    ) -> None:
        if not isinstance(experiment, Experiment | None):
            raise TypeError(f"experiment must be an Experiment or None, got {experiment!r:.200}")
        self._budget = check_real("budget", budget, 0, 1, left=False)
        self._playing = check_flag("playing", playing)
        # What only the thread changes:
        self._training = Training(experiment or Experiment())
        self._generation = self._version = self._until = 0
        self._failed = ""
        self._seconds_a_step = self._steps_per_second = 0.0
        self._counted_from: tuple[float, int] | None = None
        # What only who makes a frame changes:
        self._framing = threading.Lock()
        self._framer = Framer()
        self._frame: tuple[tuple[int, int], bool, bytes] | None = None
        self._history, self._history_of = np.empty((0, 4)), -1
        self._next_frame = 0.0
        # What they share:
        self._inbox: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._inbox, self._door, self._closed = queue.SimpleQueue(), threading.Lock(), False
        self._news = threading.Condition()
        self._hurry = True  # a control was moved since the last frame
        self._thread = threading.Thread(target=self._run, name="minnet playground", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; every later message is answered with an error."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._inbox.put(None)
        with self._news:
            self._news.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- the thread

    def _run(self) -> None:
        while True:
            work = None
            with contextlib.suppress(queue.Empty):
                work = self._inbox.get(block=not self._trains())
                if work is None:
                    return
            if work is None:
                self._train()
            else:
                _do(*work)
            with self._news:
                self._news.notify_all()

    def _trains(self) -> bool:
        return self._playing or self._training.step < self._until

    def _train(self) -> None:
        """Take steps for about 20 ms."""
        training = self._training
        first, began = training.step, time.perf_counter()
        self._counted_from = self._counted_from or (began, first)
        now, ends = began, began + _CHUNK
        try:
            while now < ends and self._trains() and not training.diverged:
                n = max(1, int((ends - now) / max(self._seconds_a_step, 1e-6)))
                if not self._seconds_a_step:
                    n = 1
                if not self._playing:
                    n = min(n, self._until - training.step)
                training.take(n)
                now = time.perf_counter()
            if training.diverged:
                self._playing, self._until = False, 0
        except Exception as error:  # the page goes on, and says it
            self._playing, self._until, self._failed = False, 0, f"{type(error).__name__}: {error}"
        self._seconds_a_step = (now - began) / max(1, training.step - first)
        since, step = self._counted_from
        if now - since > _PACE:
            self._steps_per_second = (training.step - step) / (now - since)
            self._counted_from = now, training.step
        if not self._trains():
            self._counted_from = None
        self._version += 1

    def _tell(self, function: Callable[[], Any]) -> Any:
        """Have the thread call a function between two pieces of training; return what it returns."""
        future: Future[Any] = Future()
        with self._door:
            if self._closed:
                raise ValueError("the session must be open to be asked, and it was closed")
            self._inbox.put((future, function))
        return future.result()

    def _key(self) -> tuple[int, int]:
        return self._generation, self._version

    def _keys(self) -> dict[str, int]:
        return {"generation": self._generation, "version": self._version}

    def _changed(self) -> dict[str, int]:
        self._version += 1
        self._hurry = True
        return self._keys()

    def _start_anew(self, experiment: Experiment) -> None:
        """Begin a new generation, if the network can be made."""
        self._training = Training(experiment)
        self._generation += 1
        self._failed = ""
        self._until, self._seconds_a_step, self._counted_from = 0, 0.0, None

    # ---- what messages want done

    def _change(self, given: Any) -> dict[str, Any]:
        before = self._training.experiment
        if not isinstance(given, Mapping):
            raise ValueError(f"experiment must be a dictionary of its fields, got {given!r:.200}")
        experiment = Experiment.from_dict({**before.to_dict(), **given})
        old, new = before.to_dict(), experiment.to_dict()
        changed = {name for name in new if new[name] != old[name]}
        if changed:
            if changed <= KEEPS_WEIGHTS and not self._training.diverged:
                self._training = Training(experiment, self._training)
            else:
                self._start_anew(experiment)
            self._changed()
        return {"experiment": new, **self._keys()}

    def _play(self, playing: bool) -> dict[str, int]:
        if playing and (self._training.diverged or self._failed):
            self._start_anew(self._training.experiment)
        self._playing, self._until = playing, 0
        self._counted_from = None
        return self._changed()

    def _begin_steps(self, n: int) -> dict[str, int]:
        self._playing, self._until = False, self._training.step + n
        if self._training.diverged:
            self._until = 0
        return self._changed()

    def _reset(self, seed: Any) -> dict[str, int]:
        experiment = self._training.experiment
        if seed is not None:
            experiment = Experiment.from_dict({**experiment.to_dict(), "seed": seed})
        self._start_anew(experiment)
        return self._changed()

    # ---- the door

    def answer(self, message: Any) -> bytes | dict[str, Any]:
        """Return the answer to one message; any number of threads may ask at once.

        ===================================================== ==========================================
        message                                               answer
        ===================================================== ==========================================
        ``{"ask": "choices"}``                                :func:`choices`
        ``{"ask": "state"}``                                  experiment, playing, generation, version
        ``{"ask": "frame", "after", "wait", "points"}``       bytes of a frame newer than ``after``
                                                              (generation, version); ``{"none": True}`` if
                                                              none came in ``wait`` seconds (at most 2);
                                                              with the data, unless they are those of the
                                                              generation ``points``
        ``{"ask": "program"}``                                ``{"program": text}``
        ``{"do": "change", "experiment": {fields}}``          the experiment as it is then
        ``{"do": "play"}``, ``{"do": "pause"}``               generation, version
        ``{"do": "step", "n": 1}``                            the same, when so many steps are done
        ``{"do": "reset", "seed": None}``                     the same; with another seed, if one is given
        ===================================================== ==========================================

        What is wrong with a message is said as ``{"error": sentence}``, and nothing is changed.

        Parameters
        ----------
        message : dict

        Returns
        -------
        dict or bytes
        """
        try:
            return self._answer(message)
        except (TypeError, ValueError) as error:
            return {"error": str(error)}

    def _answer(self, message: Any) -> bytes | dict[str, Any]:
        if not isinstance(message, Mapping) or len(message.keys() & {"ask", "do"}) != 1:
            raise ValueError(
                f"message must be a dictionary with 'ask' or 'do', got {message!r:.200}"
            )
        kind = "ask" if "ask" in message else "do"
        known = self._ASKED if kind == "ask" else self._DONE
        name = check_name(kind, message[kind], known)
        if self._closed:
            raise ValueError("the session must be open to be asked, and it was closed")
        return known[name](self, message)

    def _answer_step(self, message: Mapping[str, Any]) -> dict[str, Any]:
        n = check_whole("n", message.get("n", 1), 1, _MOST_STEPS)
        self._tell(lambda: self._begin_steps(n))
        with self._news:
            self._news.wait_for(lambda: self._closed or self._playing or not self._trains())
        return self._tell(self._keys)

    def _state(self) -> dict[str, Any]:
        experiment = self._training.experiment.to_dict()
        return {"experiment": experiment, "playing": self._playing, **self._keys()}

    def _program(self) -> dict[str, Any]:
        training = self._training
        text = training.experiment.program(training.step)
        if training.was_changed:
            text = (
                "# On the page something was changed on the way; this has the last setting throughout.\n"
                + text
            )
        return {"program": text}

    # ---- frames

    def _answer_frame(self, message: Mapping[str, Any]) -> bytes | dict[str, Any]:
        after, points = message.get("after"), message.get("points")
        if after is not None:
            if not isinstance(after, list | tuple) or len(after) != 2:
                raise ValueError(f"after must be [generation, version] or None, got {after!r:.200}")
            after = check_whole("generation", after[0], 0), check_whole("version", after[1], 0)
        if points is not None:
            check_whole("points", points, 0)
        ends = time.monotonic() + check_real("wait", message.get("wait", 0), 0, _MOST_WAITING)
        with self._news:
            self._news.wait_for(
                lambda: self._closed or self._key() != after, ends - time.monotonic()
            )
        if self._key() == after:
            return {"none": True}
        with self._framing:
            if self._frame is not None:
                key, has_points, frame = self._frame
                newer = key != after and key[0] == self._generation
                fresh = self._playing or key == self._key()
                if newer and fresh and (has_points or points == key[0]):
                    return frame
            if not self._may_frame(ends):
                return {"none": True}
            return self._make_frame(points)

    def _may_frame(self, ends: float) -> bool:
        """Wait until a frame is due by the budget, or until a control is moved; return whether it is."""
        due = self._next_frame
        with self._news:
            self._news.wait_for(
                lambda: (
                    self._closed or self._hurry or not self._trains() or time.monotonic() >= due
                ),
                max(0.0, min(due, ends) - time.monotonic()),
            )
        return self._hurry or not self._trains() or time.monotonic() >= due

    def _make_frame(self, points: int | None) -> bytes:
        self._hurry = False
        began = time.monotonic()
        snapshot = self._recorded(*self._tell(self._snapshot))
        key = snapshot.generation, snapshot.version
        has_points = points != key[0]
        frame = self._framer.frame(snapshot, has_points)
        self._frame = key, has_points, frame
        now = time.monotonic()
        self._next_frame = now + (now - began) * (1 / self._budget - 1)
        return frame

    def _snapshot(self) -> tuple[Snapshot, float]:
        """Return what there is now, without a history, and the loss since the last time."""
        training = self._training
        status = "diverged" if training.diverged else "failed" if self._failed else "ok"
        snapshot = Snapshot(
            training.experiment,
            *training.copies(),
            *self._key(),
            training.step,
            training.epoch,
            self._trains(),
            status,
            training.diverged or self._failed,
            self._steps_per_second if self._trains() else 0.0,
            np.empty((0, 4), np.float32),
            *training.data,
        )
        return snapshot, training.mean_loss()

    def _recorded(self, snapshot: Snapshot, loss: float) -> Snapshot:
        """Return the snapshot with the history up to it."""
        if self._history_of != snapshot.generation:
            self._history, self._history_of = np.empty((0, 4)), snapshot.generation
        if not len(self._history) or self._history[-1, 0] != snapshot.step:
            network, T = snapshot.network, snapshot.T_test
            with one_blas_thread(), np.errstate(all="ignore"):
                if math.isnan(loss) and not snapshot.step:
                    loss = network.objective(snapshot.X, snapshot.T)
                Z = network.forward(snapshot.X_test)
                test_loss = network.loss_.value(Z, T).mean()
            row = snapshot.step, loss, test_loss, (Z.argmax(axis=1) != T).mean()
            self._history = np.vstack([self._history, row])
            if len(self._history) > _MOST_HISTORY:
                self._history = np.vstack([self._history[:-1:2], row])
        return replace(snapshot, history=self._history.astype(np.float32))

    _ASKED: ClassVar[_Answers] = {
        "choices": lambda self, message: choices(),
        "state": lambda self, message: self._tell(self._state),
        "frame": _answer_frame,
        "program": lambda self, message: self._tell(self._program),
    }
    _DONE: ClassVar[_Answers] = {
        "change": lambda self, message: self._tell(lambda: self._change(message.get("experiment"))),
        "play": lambda self, message: self._tell(lambda: self._play(True)),
        "pause": lambda self, message: self._tell(lambda: self._play(False)),
        "step": _answer_step,
        "reset": lambda self, message: self._tell(lambda: self._reset(message.get("seed"))),
    }


def _do(future: Future[Any], function: Callable[[], Any]) -> None:
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
