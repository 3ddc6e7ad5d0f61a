"""One learner's session: a thread that trains, and one door for all that a page asks."""

import copy
import json
import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import joblib

from minnet.common.checks import check_flag, check_real, check_whole
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.lab.loss_history import LossHistory
from minnet.playground.advice import advice
from minnet.playground.blackboard import blackboard
from minnet.playground.experiment import KEEPS_WEIGHTS, Experiment, FieldsError, choices
from minnet.playground.frame import Framer, Snapshot
from minnet.playground.phase import phase_map
from minnet.playground.worker import Worker
from minnet.training.stepper import Stepper

__all__ = ["Session"]

_CHUNK = 0.02  # seconds that the thread trains before it listens again
_PACE = 0.5  # seconds over which steps per second are counted
_IDLE = 60.0  # seconds after which a training that nobody looks at rests
_LONGEST_PAUSE = 5.0  # seconds between frames: the machine may have slept while one was made
_MOST_WAITING = 2.0
_MOST_STEPS = 10_000
_PAPER = Path(__file__).with_name("static") / "paper.json"

Message = Mapping[str, Any]

#: What is asked and needs nothing but the experiment: its answer is computed where it is asked.
_COMPUTED: dict[str, Callable[[Experiment, Message], dict[str, Any]]] = {
    "choices": lambda experiment, options: choices(),
    "diagnose": lambda experiment, options: advice(experiment),
    "phase": lambda experiment, options: phase_map(experiment.activation),
    "blackboard": blackboard,
    "paper": lambda experiment, options: json.loads(_PAPER.read_text("utf-8")),
}
_KNOWN = {
    "ask": ("state", "frame", "program", *_COMPUTED),
    "do": ("change", "play", "pause", "speed", "step", "reset"),
}


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
    _data: tuple[Array, Array, Array, Array]
    _history: LossHistory
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
        self._generation, self._version, self._steps_per_second = -1, 0, 0.0
        self._until = math.inf if check_flag("playing", playing) else 0  # the step to stop at
        self._begin(experiment or Experiment())
        self._do_speed({"steps_per_second": speed})
        self._changed()
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

    def _plays(self) -> bool:
        return self._until == math.inf

    def _trains(self) -> bool:
        return self._stepper.step < self._until

    def _pause(self) -> float | None:
        """Return for how many seconds to listen before the next steps; None: until somebody speaks."""
        if not self._trains() or (self._plays() and time.monotonic() - self._asked > _IDLE):
            return None
        return max(0.0, self._due - time.perf_counter())

    def _train(self) -> None:
        """Take steps for about 20 ms, or as many as the speed allows in that time."""
        stepper, history, now = self._stepper, self._history, time.perf_counter()
        upto = min(history.next_step, self._until)
        since, step = self._counted_from = self._counted_from or (now, stepper.step)
        if self._plays() and self._speed:
            upto = min(upto, stepper.step + math.ceil(self._speed * _CHUNK))
            self._due = max(self._due, now - _CHUNK) + (upto - stepper.step) / self._speed
        try:
            stepper.take_for(_CHUNK, upto)
            if stepper.step == history.next_step or stepper.diverged:
                history.add()
        except Exception as error:  # a page has no other way to learn of it
            self._failed = f"{type(error).__name__}: {error}"
        if stepper.diverged or self._failed:
            self._until = 0
        if (passed := time.perf_counter() - since) > _PACE:
            self._steps_per_second = (stepper.step - step) / passed
            self._counted_from = since + passed, stepper.step
        self._version += 1

    # ---- what messages want done, in the thread

    def _begin(self, experiment: Experiment, old: Stepper | None = None) -> None:
        """Train this from now on: a new generation, or on with the weights of an old one."""
        X, T, *_ = data = self._data if old else experiment.make_data()
        network, optimizer = experiment.network(X), experiment.make_optimizer()
        optimizer.prepare(network.params)
        if old:
            network.params[...], network.state[...] = old.network.params, old.network.state
            if experiment.optimizer == self.experiment.optimizer:
                optimizer.state, optimizer.step = old.optimizer.state, old.optimizer.step
        self._stepper = Stepper(
            network, optimizer, X, T, experiment.batch_size, old, self.n_threads
        )
        self.experiment, self._data, self._was_changed = experiment, data, old is not None
        self._failed = ""
        if not self._plays():
            self._until = 0
        self._history = LossHistory(self._stepper, *data, before=self._history if old else None)
        if old is None:
            self._generation += 1

    def _keys(self) -> dict[str, Any]:
        return {"generation": self._generation, "version": self._version}

    def _changed(self) -> dict[str, Any]:
        self._version += 1
        self._hurry = True  # a control was moved since the last frame
        self._due, self._counted_from = 0.0, None
        return self._keys()

    def _do_change(self, message: Message) -> dict[str, Any]:
        experiment = Experiment.from_dict(message.get("experiment"), self.experiment)
        changed = experiment.changes_from(self.experiment).keys()
        if changed:
            goes_on = changed <= KEEPS_WEIGHTS and not self._stepper.diverged
            self._begin(experiment, self._stepper if goes_on else None)
            self._changed()
        return self._ask_state({})

    def _do_play(self, message: Message) -> None:
        if self._stepper.diverged or self._failed:
            self._begin(self.experiment)
        self._until = math.inf

    def _do_pause(self, message: Message) -> None:
        self._until = 0

    def _do_step(self, message: Message) -> None:
        n = check_whole("n", message.get("n", 1), 1, _MOST_STEPS)
        self._until = 0 if self._stepper.diverged else self._stepper.step + n

    def _do_speed(self, message: Message) -> None:
        speed = message.get("steps_per_second")
        if speed is not None:
            speed = check_real("steps_per_second", speed, 0, 1e9, left=False)
        self._speed = speed

    def _do_reset(self, message: Message) -> None:
        seed = self.experiment.seed if message.get("seed") is None else message["seed"]
        self._begin(replace(self.experiment, seed=seed))

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
            if name in _COMPUTED:
                options = {key: message[key] for key in message if key != "ask"}
                return _COMPUTED[name](self._worker.ask(lambda: self.experiment), options)
            if name == "frame":
                return self._ask_frame(message)
            method = getattr(self, f"_{kind}_{name}")
            answer = self._worker.ask(lambda: method(message) or self._changed())
            if name == "step":
                self._worker.wait(lambda: self._plays() or not self._trains())
                answer = self._worker.ask(self._keys)
            return answer
        except FieldsError as error:
            return {"error": str(error), "fields": error.sentences}
        except (TypeError, ValueError) as error:
            return {"error": str(error)}

    def _ask_state(self, message: Message) -> dict[str, Any]:
        known = {"session": self._name, "playing": self._plays(), "speed": self._speed}
        known |= self._keys() | {"step": self._stepper.step}
        return known | {"experiment": self.experiment.to_dict()}

    def _ask_program(self, message: Message) -> dict[str, Any]:
        note = "# Something was changed on the way: this has the last setting throughout.\n"
        text = self.experiment.program(self._stepper.step)
        return {"program": note * self._was_changed + text}

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
        if self._worker.closed or self._asked - asked > _IDLE:
            self._worker.ask(lambda: None)  # says so; wakes the thread
        if not self._worker.wait(lambda: (self._generation, self._version) != after, ends):
            return {"none": True}
        with self._framing:
            if self._frame is not None and not self._hurry:  # made for another page, maybe
                key, has_points, frame = self._frame
                waits = self._trains() and time.monotonic() < self._next_frame
                fresh = waits or key == (self._generation, self._version)
                if fresh and (after is None or key > after) and (has_points or points == key[0]):
                    return frame
            until = min(self._next_frame, ends)
            if self._worker.wait(lambda: self._hurry or not self._trains(), until) or until < ends:
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
        stepper = self._stepper
        return Snapshot(
            self.experiment,
            *copy.deepcopy((stepper.network, stepper.optimizer)),
            *self._data,
            **self._keys(),
            step=stepper.step,
            epoch=stepper.n_seen // len(self._data[0]),
            playing=self._trains(),
            status="diverged" if stepper.diverged else "failed" if self._failed else "ok",
            message=stepper.diverged or self._failed,
            steps_per_second=self._steps_per_second if self._trains() else 0.0,
            history=self._history.rows(),
        )
