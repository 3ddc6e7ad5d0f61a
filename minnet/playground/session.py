"""One learner's session: a thread that trains, and one door for all that a page asks."""

from __future__ import annotations

import copy
import json
import math
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from typing import Any, Self

import joblib
import numpy as np

from minnet.common.checks import check_flag, check_real, check_whole
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.common.worker import Worker
from minnet.playground.advice import advice
from minnet.playground.blackboard import blackboard
from minnet.playground.experiment import KEEPS_WEIGHTS, Experiment, FieldsError, choices
from minnet.playground.frame import Framer
from minnet.playground.phase import phase_map
from minnet.playground.snapshot import Snapshot
from minnet.training.stepper import Stepper

__all__ = ["Session"]

_CHUNK = 0.02  # seconds that the thread trains before it listens again
_PACE = 0.5  # seconds over which steps per second are counted
_IDLE = 60.0  # seconds after which a training that nobody looks at rests
_LONGEST_PAUSE = 5.0  # seconds between frames: the machine may have slept while one was made
_ROWS = 32  # of the history, one for each so manieth of the steps before
_MOST_WAITING = 2.0
_MOST_STEPS = 10_000
_KNOWN = {
    "ask": ("choices", "state", "frame", "program", "diagnose", "phase", "blackboard", "paper"),
    "do": ("change", "play", "pause", "speed", "step", "reset"),
}

_IN_THREAD = ("state", "program")  # of what is asked

Message = Mapping[str, Any]


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
        Whether it trains as soon as somebody asks for a frame, and rests where nobody has for a minute.
    speed : float or None, default=300.0
        Steps per second; None means as many as it can.

    Attributes
    ----------
    experiment : Experiment
        The present one.
    n_threads : int
        That train.

    Examples
    --------
    >>> from minnet.playground.session import Session
    >>> with Session(playing=False) as session:  # doctest: +ELLIPSIS
    ...     session.answer({"do": "step", "n": 3})["generation"]
    ...     session.answer({"do": "change", "experiment": {"depth": 99}})
    0
    {'error': 'depth must be a whole number of at least 0 and at most 60, got 99', 'fields': {...}}
    """

    experiment: Experiment
    _stepper: Stepper
    _data: tuple[Array, ...]
    _until: int  # the step at which it stops where it does not play
    _speed: float | None
    _hurry: bool  # a control was moved since the last frame
    _due: float  # when the next steps are to be taken, by the speed
    _counted_from: tuple[float, int] | None

    def __init__(
        self,
        experiment: Experiment | None = None,
        budget: float = 0.3,
        playing: bool = True,
        speed: float | None = 300.0,
    ) -> None:
        if not isinstance(experiment, Experiment | None):
            raise TypeError(f"experiment must be an Experiment or None, got {experiment!r:.200}")
        # What frames and browser are to do needs a processor, too.
        self.n_threads = max(1, joblib.cpu_count() - 1)
        self._name = secrets.token_hex(8)
        self._budget = check_real("budget", budget, 0, 1, left=False)
        # What only the thread changes:
        self._playing, self._hurry = check_flag("playing", playing), True
        self._generation, self._version, self._steps_per_second = -1, 0, 0.0
        self._begin(experiment or Experiment())
        self._do_speed({"steps_per_second": speed})
        # What only the one who makes a frame changes:
        self._framing, self._framer = threading.Lock(), Framer()
        self._frame: tuple[tuple[int, int], bool, bytes] | None = None
        self._began_frame = self._next_frame = 0.0
        self._asked = -math.inf  # when somebody wanted a frame last
        self._worker = Worker(self._train, self._pause, "playground session")

    def close(self) -> None:
        """End the thread; every later message is answered with an error."""
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- the thread

    def _trains(self) -> bool:
        return self._playing or self._stepper.step < self._until

    def _pause(self) -> float | None:
        """Return for how many seconds to listen before the next steps; None: until somebody speaks."""
        if not self._trains() or (self._playing and time.monotonic() - self._asked > _IDLE):
            return None
        return max(0.0, self._due - time.perf_counter()) if self._speed and self._playing else 0.0

    def _train(self) -> None:
        """Take steps for about 20 ms, or as many as the speed allows in that time."""
        stepper, now, upto = self._stepper, time.perf_counter(), self._next_row
        since, step = self._counted_from = self._counted_from or (now, stepper.step)
        if not self._playing:
            upto = min(upto, self._until)
        elif self._speed:
            upto = min(upto, stepper.step + math.ceil(self._speed * _CHUNK))
            self._due = max(self._due, now - _CHUNK) + (upto - stepper.step) / self._speed
        try:
            stepper.take_for(_CHUNK, upto)
            if stepper.step == self._next_row or stepper.diverged:
                self._add_row()
        except Exception as error:  # a page has no other way to learn of it
            self._failed = f"{type(error).__name__}: {error}"
        if stepper.diverged or self._failed:
            self._playing, self._until = False, 0
        if (passed := time.perf_counter() - since) > _PACE:
            self._steps_per_second = (stepper.step - step) / passed
            self._counted_from = since + passed, stepper.step
        self._version += 1

    def _row(self, forget: bool) -> tuple[float, ...]:
        """Return a row of the history for this moment."""
        stepper, (X, T, X_test, T_test) = self._stepper, self._data
        with np.errstate(all="ignore"):
            loss = stepper.mean_loss(forget)
            if not stepper.step:
                loss = stepper.network.loss_.value(stepper.forward(X), T).mean()
            Z = stepper.forward(X_test)
            test_loss = stepper.network.loss_.value(Z, T_test).mean()
        return stepper.step, loss, test_loss, (Z.argmax(axis=1) != T_test).mean()

    def _add_row(self) -> None:
        self._history.append(self._row(forget=True))
        self._next_row = self._stepper.step + max(1, self._stepper.step // _ROWS)

    # ---- what messages want done, in the thread

    def _begin(self, experiment: Experiment, goes_on: bool = False) -> None:
        """Train this from now on: a new generation, or with the same weights where it goes on."""
        old = self._stepper if goes_on else None
        X, T, *_ = data = self._data if goes_on else experiment.make_data()
        network, optimizer = experiment.network(X), experiment.make_optimizer()
        optimizer.prepare(network.params)
        if old is not None:
            network.params[...], network.state[...] = old.network.params, old.network.state
            if experiment.optimizer == self.experiment.optimizer:
                optimizer.state, optimizer.step = old.optimizer.state, old.optimizer.step
        self._stepper = Stepper(
            network, optimizer, X, T, experiment.batch_size, old, self.n_threads
        )
        self.experiment, self._data, self._was_changed = experiment, data, goes_on
        if not goes_on:
            self._generation += 1
            self._history: list[tuple[float, ...]] = []
            self._add_row()
        self._failed, self._until = "", 0
        self._due, self._counted_from = 0.0, None

    def _keys(self) -> dict[str, Any]:
        return {"generation": self._generation, "version": self._version}

    def _changed(self) -> dict[str, Any]:
        self._version += 1
        self._hurry = True
        self._counted_from = None
        return self._keys()

    def _do_change(self, message: Message) -> dict[str, Any]:
        before = self.experiment.to_dict()
        experiment = Experiment.from_dict(message.get("experiment"), self.experiment)
        changed = {name for name, value in experiment.to_dict().items() if value != before[name]}
        if changed:
            self._begin(experiment, changed <= KEEPS_WEIGHTS and not self._stepper.diverged)
            self._changed()
        return self._ask_state({})

    def _do_play(self, message: Message) -> dict[str, Any]:
        if self._stepper.diverged or self._failed:
            self._begin(self.experiment)
        self._playing, self._until = True, 0
        return self._changed()

    def _do_pause(self, message: Message) -> dict[str, Any]:
        self._playing, self._until = False, 0
        return self._changed()

    def _do_step(self, message: Message) -> dict[str, Any]:
        n = check_whole("n", message.get("n", 1), 1, _MOST_STEPS)
        self._playing = False
        self._until = 0 if self._stepper.diverged else self._stepper.step + n
        return self._changed()

    def _do_speed(self, message: Message) -> dict[str, Any]:
        speed = message.get("steps_per_second")
        if speed is not None:
            speed = check_real("steps_per_second", speed, 0, 1e9, left=False)
        self._speed, self._due = speed, 0.0
        return self._changed()

    def _do_reset(self, message: Message) -> dict[str, Any]:
        seed = message.get("seed")
        self._begin(replace(self.experiment, **{} if seed is None else {"seed": seed}))
        return self._changed()

    # ---- the door

    def answer(self, message: Any) -> bytes | dict[str, Any]:
        """Return the answer to one message; any number of threads may ask at once.

        ===================================================== ==========================================
        message                                               answer
        ===================================================== ==========================================
        ``{"ask": "choices"}``                                :func:`choices`
        ``{"ask": "state"}``                                  the session's random name, experiment,
                                                              playing, speed, step, generation, version
        ``{"ask": "frame", "after", "wait", "points"}``       bytes of a frame newer than ``after``
                                                              (generation, version); ``{"none": True}`` if
                                                              none came in ``wait`` seconds (at most 2);
                                                              with the data, unless they are those of the
                                                              generation ``points``
        ``{"ask": "program"}``                                ``{"program": text}``
        ``{"ask": "diagnose"}``                               :func:`advice`
        ``{"ask": "phase"}``                                  :func:`phase_map`, of the activation
        ``{"ask": "blackboard", options}``                    :func:`blackboard`
        ``{"ask": "paper"}``                                  the curves of the paper
        ``{"do": "change", "experiment": {fields}}``          the state then
        ``{"do": "play"}``, ``{"do": "pause"}``               generation, version
        ``{"do": "speed", "steps_per_second": None}``         the same; None is as fast as it goes
        ``{"do": "step", "n": 1}``                            the same, when so many steps are done
        ``{"do": "reset", "seed": None}``                     the same; with another seed, if one is given
        ===================================================== ==========================================

        What is wrong with a message is said as ``{"error": sentence}``, and nothing is changed; where it
        is wrong with fields of an experiment, ``"fields"`` has what is said of each.

        Parameters
        ----------
        message : dict

        Returns
        -------
        dict or bytes
        """
        try:
            if not isinstance(message, Mapping) or len({"ask", "do"} & message.keys()) != 1:
                what = "a dictionary with 'ask' or 'do'"
                raise ValueError(f"message must be {what}, got {message!r:.200}")
            kind = "ask" if "ask" in message else "do"
            name = check_name(kind, message[kind], _KNOWN[kind])
            method = getattr(self, f"_{kind}_{name}")
            if kind == "ask" and name not in _IN_THREAD and not self._worker.closed:
                return method(message)
            answer = self._worker.ask(lambda: method(message))
            if name == "step":
                self._worker.wait(lambda: self._playing or not self._trains())
                answer = self._worker.ask(self._keys)
            return answer
        except FieldsError as error:
            return {"error": str(error), "fields": error.sentences}
        except (TypeError, ValueError) as error:
            return {"error": str(error)}

    def _ask_choices(self, message: Message) -> dict[str, Any]:
        return choices()

    def _ask_state(self, message: Message) -> dict[str, Any]:
        known = {"session": self._name, "playing": self._playing, "speed": self._speed}
        known |= self._keys() | {"step": self._stepper.step}
        return known | {"experiment": self.experiment.to_dict()}

    def _ask_program(self, message: Message) -> dict[str, Any]:
        note = "# Something was changed on the way: this has the last setting throughout.\n"
        text = self.experiment.program(self._stepper.step)
        return {"program": note * self._was_changed + text}

    def _ask_diagnose(self, message: Message) -> dict[str, Any]:
        return advice(self.experiment)

    def _ask_phase(self, message: Message) -> dict[str, Any]:
        return phase_map(self.experiment.activation)

    def _ask_blackboard(self, message: Message) -> dict[str, Any]:
        return blackboard(self.experiment, {k: v for k, v in message.items() if k != "ask"})

    def _ask_paper(self, message: Message) -> dict[str, Any]:
        file = resources.files("minnet.playground").joinpath("static/paper.json")
        return json.loads(file.read_text("utf-8"))

    # ---- frames, for one who asks at a time

    def _ask_frame(self, message: Message) -> bytes | dict[str, Any]:
        after, points = message.get("after"), message.get("points")
        if after is not None:
            if not isinstance(after, list | tuple) or len(after) != 2:
                raise ValueError(f"after must be [generation, version] or None, got {after!r:.200}")
            after = check_whole("generation", after[0], 0), check_whole("version", after[1], 0)
        if points is not None:
            check_whole("points", points, 0)
        ends = time.monotonic() + check_real("wait", message.get("wait", 0), 0, _MOST_WAITING)
        asked, self._asked = self._asked, time.monotonic()
        if self._asked - asked > _IDLE:
            self._worker.ask(lambda: None)  # the thread may sleep
        if not self._worker.wait(lambda: (self._generation, self._version) != after, ends):
            return {"none": True}
        with self._framing:
            due = self._next_frame
            if self._frame is not None and not self._hurry:  # made for another page, maybe
                key, has_points, frame = self._frame
                waits = self._trains() and time.monotonic() < due
                fresh = waits or key == (self._generation, self._version)
                if fresh and (after is None or key > after) and (has_points or points == key[0]):
                    return frame
            if (
                self._worker.wait(lambda: self._hurry or not self._trains(), min(due, ends))
                or due <= ends
            ):
                return self._make_frame(points)
            return {"none": True}

    def _make_frame(self, points: int | None) -> bytes:
        self._hurry = False
        snapshot = self._worker.ask(self._snapshot)
        has_points = points != snapshot.generation
        frame = self._framer.frame(snapshot, has_points)
        self._frame = (snapshot.generation, snapshot.version), has_points, frame
        now = time.monotonic()
        pause = (now - self._began_frame) * (1 / self._budget - 1)
        self._next_frame = now + min(pause, _LONGEST_PAUSE)
        return frame

    def _snapshot(self) -> Snapshot:
        """Return, in the thread, what there is now."""
        self._began_frame = time.monotonic()
        stepper, trains = self._stepper, self._trains()
        rows = self._history
        if rows[-1][0] != stepper.step:
            rows = [*rows, self._row(forget=False)]
        with np.errstate(over="ignore"):
            history = np.array(rows, dtype=np.float32)
        return Snapshot(
            self.experiment,
            *copy.deepcopy((stepper.network, stepper.optimizer)),
            self._generation,
            self._version,
            stepper.step,
            stepper.n_seen // len(self._data[0]),
            trains,
            "diverged" if stepper.diverged else "failed" if self._failed else "ok",
            stepper.diverged or self._failed,
            self._steps_per_second if trains else 0.0,
            history,
            *self._data,
        )
