import gc
import json
import math
import random
import struct
import threading
import time
import warnings
import weakref
from itertools import pairwise

import numpy as np
import pytest

from minnet.playground.experiment import Experiment, choices
from minnet.playground.session import Session

SMALL = Experiment(depth=2, width=8)


def header(frame):
    (length,) = struct.unpack("<I", frame[:4])
    return json.loads(frame[4 : 4 + length])


def key_of(frame):
    told = header(frame)
    return [told["generation"], told["version"]]


def test_watching_changes_no_bit():
    # Everything that depends on where an epoch is cut, and on what a pass leaves behind.
    experiment = Experiment(depth=3, width=16, batch_norm=True, dropout=0.2, batch_size=7)

    def train(session, watched):
        for _ in range(8):
            if watched:
                session.answer({"ask": "frame"})
            session.answer({"do": "step", "n": 200})
        return session._stepper.network

    with Session(experiment, playing=False) as session:
        alone = train(session, watched=False)
    with Session(experiment, budget=1.0, playing=False) as session:
        begun, ended, seen = threading.Event(), threading.Event(), set()

        def watch():
            while True:
                last = ended.is_set()
                seen.add(header(session.answer({"ask": "frame"}))["step"])
                begun.set()
                if last:
                    break

        watcher = threading.Thread(target=watch)
        watcher.start()
        begun.wait()
        watched = train(session, watched=True)
        ended.set()
        watcher.join()
    assert {0, 1600} <= seen
    np.testing.assert_array_equal(watched.params, alone.params)
    np.testing.assert_array_equal(watched.state, alone.state)


def test_frames_take_no_more_than_their_share():
    class Slow:
        """Makes frames that cost a given time."""

        def __init__(self):
            self.made = []  # when each was begun and done

        def frame(self, snapshot, with_points):
            began = time.monotonic()
            time.sleep(0.02)
            self.made.append((began, time.monotonic()))
            return struct.pack("<I", 0) + str(snapshot.version).encode()

    with Session(SMALL, budget=0.25, speed=None) as session:
        session._framer = slow = Slow()
        after = None
        while len(slow.made) < 8:
            frame = session.answer({"ask": "frame", "after": after, "wait": 2})
            after = [0, int(frame[4:])] if isinstance(frame, bytes) else after
    # The first comes at once, and after it three times what it cost is waited, or 5 seconds.
    for (began, done), (following, _) in pairwise(slow.made):
        assert following - done >= min(3 * (done - began), 5) - 1e-3


def test_a_moved_control_is_seen_without_the_wait_of_the_budget():
    with Session(SMALL, budget=0.001) as session:  # a frame a minute or so
        session.answer({"ask": "frame"})
        after = key_of(session.answer({"ask": "frame", "after": None}))
        session._next_frame = math.inf
        assert session.answer({"ask": "frame", "after": after, "wait": 0.1}) == {"none": True}
        session.answer({"do": "change", "experiment": {"gain": 2.0}})
        frame = session.answer({"ask": "frame", "after": after, "wait": 2})
        assert header(frame)["experiment"]["gain"] == 2.0


def test_no_frame_from_before_a_change_comes_after_it():
    with Session(SMALL, budget=0.001) as session:
        for gain in (2.0, 3.0):
            told = session.answer({"do": "change", "experiment": {"gain": gain}})
            frame = session.answer({"ask": "frame", "wait": 2})
            assert key_of(frame) >= [told["generation"], told["version"]]
            session.answer({"do": "change", "experiment": {"learning_rate": 0.001 * gain}})
            # A page that shows another one already asks for what is newer than that.
            later = key_of(session.answer({"ask": "frame", "wait": 2}))
            assert later > key_of(frame)
            beyond = [later[0], later[1] + 10**6]
            again = session.answer({"ask": "frame", "after": beyond, "wait": 0.05})
            assert again == {"none": True} or key_of(again) > later


def test_the_last_of_many_changes_arrives_at_each_of_two_pages():
    with Session(SMALL, playing=False) as session:
        seen = [None, None]
        for page in (0, 1):
            seen[page] = key_of(session.answer({"ask": "frame"}))
        for gain in (0.5, 1.5, 2.5):
            session.answer({"do": "change", "experiment": {"gain": gain}})
        for page in (0, 1):
            frame = session.answer({"ask": "frame", "after": seen[page], "wait": 1})
            assert header(frame)["experiment"]["gain"] == 2.5
            assert header(frame)["step"] == 0


def test_two_pages_share_their_frames():
    with Session(SMALL, budget=0.001) as session:
        first = session.answer({"ask": "frame"})
        session._next_frame = math.inf
        assert session.answer({"ask": "frame"}) == first  # no second one is made within the budget


def test_many_threads_change_all_controls_at_once():
    offered, errors = choices(), []

    def one(seed):
        rng = random.Random(seed)
        after = None
        for _ in range(20):
            control = rng.choice(list(offered))
            about = offered[control]
            if about["kind"] == "choice":
                value = rng.choice(about["values"])
            elif about["kind"] == "flag":
                value = rng.random() < 0.5
            elif control in ("depth", "width"):
                value = rng.randint(1, 12)
            else:
                value = rng.choice([about["low"], about["default"], about["high"], -1, None])
            for message in (
                {"do": "change", "experiment": {control: value}},
                rng.choice(
                    [{"do": "play"}, {"do": "pause"}, {"do": "step", "n": 3}, {"do": "reset"}]
                ),
                {"do": "speed", "steps_per_second": rng.choice([None, 50])},
                {"ask": "frame", "after": after, "wait": 0.02},
                {"ask": "state"},
            ):
                answer = session.answer(message)
                if isinstance(answer, bytes):
                    after = key_of(answer)
                elif "error" in answer:
                    refused = message.get("do") == "change" and " must " in answer["error"]
                    # Between an edge and its biases there may be none: EdgeOfChaos says so.
                    if not (refused or "edge of chaos" in answer["error"]):
                        errors.append((message, answer))

    with Session(SMALL) as session, np.errstate(all="ignore"):
        threads = [threading.Thread(target=one, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = session.answer({"ask": "state"})
        frame = header(session.answer({"ask": "frame"}))
    assert not errors
    assert frame["experiment"] == state["experiment"]
    assert frame["generation"] == state["generation"] > 5


def test_each_frame_is_of_one_moment():
    """The width of the layers and the setting beside them never differ, whenever a frame is made."""
    with Session(SMALL, budget=1.0, speed=None) as session:
        changing = True

        def change():
            rng = random.Random(0)
            while changing:
                fields = {
                    "width": rng.randint(2, 30),
                    "depth": rng.randint(1, 5),
                    "gain": rng.random() + 0.5,
                }
                session.answer({"do": "change", "experiment": fields})

        changer = threading.Thread(target=change)
        changer.start()
        generations = set()
        while len(generations) < 15:
            frame = header(session.answer({"ask": "frame", "after": None, "wait": 2}))
            generations.add(frame["generation"])
            setting = frame["experiment"]
            expected = [setting["width"]] * setting["depth"] + [2]
            assert [layer["width"] for layer in frame["layers"]] == expected
        changing = False
        changer.join()


def test_slow_motion():
    with Session(SMALL) as session:
        assert session.answer({"ask": "state"})["speed"] == 300
        session.answer({"ask": "frame"})
        session.answer({"do": "speed", "steps_per_second": 50})
        began = time.monotonic()
        session.answer({"do": "reset"})
        for _ in range(10):
            time.sleep(0.05)
            taken = session._stepper.step
            assert taken <= 50 * (time.monotonic() - began) + 3  # 20 ms may be made up for
        while session._stepper.step < 10:
            time.sleep(0.01)
        session.answer({"do": "speed", "steps_per_second": None})
        while session._stepper.step < 500:
            time.sleep(0.01)
        assert session.answer({"ask": "state"})["speed"] is None


def test_the_history_begins_at_the_start_and_stays_short():
    with Session(Experiment(depth=1, width=2), playing=False) as session:
        session.answer({"do": "step", "n": 10_000})  # nobody looks
        history = session._worker.ask(session._snapshot).history
        steps = history[:, 0]
        assert steps[0] == 0
        assert steps[-1] == 10_000
        assert 100 < len(steps) < 300
        assert np.all(np.diff(steps) > 0)
        assert np.all(np.diff(steps) <= 1 + steps[1:] / 32)
        assert np.isfinite(history).all()
        # What is noted of a moment is what the network is at that moment.
        network, (X, T, X_test, T_test) = session._stepper.network, session._data
        error = (network.predict(X_test).argmax(axis=1) != T_test).mean()
        assert history[-1, 2:] == pytest.approx([network.objective(X_test, T_test), error])
        session.answer({"do": "step"})
        assert session._worker.ask(session._snapshot).history[-1, 0] == 10_001
        session.answer({"do": "reset"})
        first = session._worker.ask(session._snapshot).history
        assert first.shape == (1, 4)
        assert first[0, 1] == pytest.approx(session._stepper.network.objective(X, T))


def test_nobody_looks_nothing_burns():
    with Session(SMALL, speed=None) as session:
        time.sleep(0.2)
        assert session._stepper.step == 0  # it begins before the learner's eyes
        session.answer({"ask": "frame"})
        while session._stepper.step < 100:
            time.sleep(0.01)
        session._asked -= 61  # a minute later
        session.answer({"ask": "state"})
        rests = session._stepper.step
        time.sleep(0.2)
        assert session._stepper.step == rests
        assert session.answer({"ask": "state"})["playing"]
        session.answer({"ask": "frame"})
        while session._stepper.step == rests:
            time.sleep(0.01)


def test_a_loss_beyond_float32_is_no_warning():
    exploding = {"gain": 20.0, "activation": "relu", "depth": 40, "init": "he_normal"}
    exploding |= {"optimizer": "sgd", "learning_rate": 1e-5}
    with Session(Experiment(**exploding), playing=False) as session, warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = header(session.answer({"ask": "frame"}))
        assert frame["loss"] is None or frame["loss"] > 1e38
        session.answer({"do": "step", "n": 5})
        session.answer({"ask": "frame"})


def test_an_error_in_training_is_said_and_the_session_goes_on():
    with Session(SMALL, playing=False) as session:

        def broken(n):
            raise MemoryError("no memory is left")

        session._stepper.take = broken
        session.answer({"do": "step"})
        frame = header(session.answer({"ask": "frame"}))
        assert (frame["status"], frame["playing"]) == ("failed", False)
        assert "no memory is left" in frame["message"]
        session.answer({"do": "play"})
        assert header(session.answer({"ask": "frame"}))["status"] == "ok"


def test_nothing_is_left_of_a_closed_session():
    before = threading.active_count()
    gone = []
    for _ in range(5):
        with Session(SMALL) as session:
            session.answer({"ask": "frame", "wait": 1})
        gone.append(weakref.ref(session))
    del session
    gc.collect()
    assert [ref() for ref in gone] == [None] * 5
    assert threading.active_count() == before


def test_who_waits_when_a_session_is_closed_gets_an_answer():
    session = Session(SMALL, playing=False)
    after = key_of(session.answer({"ask": "frame"}))
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(session.answer({"ask": "frame", "after": after, "wait": 2}))
    )
    waiting.start()
    session.close()
    waiting.join()
    assert answers in (
        [{"none": True}],
        [{"error": "the playground session must be open to be asked, and it was closed"}],
    )


@pytest.mark.parametrize("asked", ["diagnose", "phase", "blackboard"])
def test_what_others_compute_comes_through_the_same_door(asked):
    with Session(SMALL, playing=False) as session:
        answer = session.answer({"ask": asked})
        assert isinstance(answer, dict)
        assert "error" not in answer
        assert json.dumps(answer)
        wrong = session.answer({"ask": "blackboard", "n_samples": 99})
        assert "n_samples must be" in wrong["error"]
