import json
import struct
import threading
import time

import numpy as np
import pytest

from minnet.playground.experiment import Experiment
from minnet.playground.session import Session


def header(frame):
    (length,) = struct.unpack("<I", frame[:4])
    return json.loads(frame[4 : 4 + length])


@pytest.fixture
def session():
    with Session(playing=False) as session:
        yield session


def ask(session, name, **more):
    return session.answer({"ask": name, **more})


def do(session, name, **more):
    return session.answer({"do": name, **more})


def test_steps_are_taken_one_by_one(session):
    before = header(ask(session, "frame"))
    keys = do(session, "step")
    do(session, "step", n=30)
    after = header(ask(session, "frame"))
    assert (before["step"], after["step"]) == (0, 31)
    assert keys["generation"] == before["generation"] == after["generation"]
    assert before["version"] < keys["version"] < after["version"]
    assert after["epoch"] == 31 * 32 // 400


def test_play_trains_and_pause_holds(session):
    do(session, "play")
    while header(ask(session, "frame"))["step"] < 50:
        time.sleep(0.01)
    do(session, "pause")
    first, second = (header(ask(session, "frame")) for _ in range(2))
    assert first["step"] == second["step"]
    assert not first["playing"]


def test_a_reset_begins_a_new_generation(session):
    do(session, "step", n=3)
    first = do(session, "reset")
    second = do(session, "reset", seed=7)
    assert (first["generation"], second["generation"]) == (1, 2)
    frame = header(ask(session, "frame"))
    assert (frame["step"], frame["experiment"]["seed"]) == (0, 7)


def test_what_changes_the_weights_begins_anew_and_the_rest_does_not(session):
    for change, generation in (
        ({"learning_rate": 0.2}, 0),
        ({"batch_size": 7, "optimizer": "adam", "dropout": 0.2}, 0),
        ({"gain": 2.0}, 1),
        ({"gain": 2.0}, 1),  # nothing changes
        ({"gain": 1.0, "dropout": 0.0}, 2),
    ):
        do(session, "step", n=5)
        assert do(session, "change", experiment=change)["experiment"].items() >= change.items()
        assert ask(session, "state")["generation"] == generation


def test_a_wrong_change_changes_nothing(session):
    before = ask(session, "state")
    answer = do(session, "change", experiment={"width": 8, "depth": -1})
    sentence = "depth must be a whole number of at least 0 and at most 60, got -1"
    assert answer == {"error": sentence, "fields": {"depth": sentence}}
    assert ask(session, "state") == before


def test_all_that_is_wrong_with_a_change_is_said(session):
    before = ask(session, "state")
    wrong = {"depth": 600, "width": 8, "activation": "tan", "noise": "much"}
    answer = do(session, "change", experiment=wrong)
    assert list(answer["fields"]) == ["depth", "activation", "noise"]
    for name, sentence in answer["fields"].items():
        assert sentence.startswith(f"{name} must be")
        assert f"got {wrong[name]!r}" in sentence
    assert answer["error"] == "; ".join(answer["fields"].values())
    assert ask(session, "state") == before


def test_a_frame_comes_only_when_there_is_something_new(session):
    after = [header(ask(session, "frame"))[name] for name in ("generation", "version")]
    assert ask(session, "frame", after=after, wait=0.05) == {"none": True}
    threading.Timer(0.1, do, (session, "step")).start()
    while (frame := ask(session, "frame", after=after, wait=2)) == {"none": True}:
        pass
    assert header(frame)["step"] == 1


def test_points_come_unless_the_page_has_them(session):
    assert "points" in header(ask(session, "frame"))["arrays"]
    do(session, "step")
    assert "points" not in header(ask(session, "frame", points=0))["arrays"]
    do(session, "reset")
    assert "points" in header(ask(session, "frame", points=0))["arrays"]


def test_a_network_that_diverges_says_so_and_begins_anew_with_a_change(session):
    do(
        session,
        "change",
        experiment={"optimizer": "sgd", "activation": "relu", "learning_rate": 10.0},
    )
    do(session, "step", n=1000)
    frame = header(ask(session, "frame"))
    assert frame["status"] == "diverged"
    assert "non-finite" in frame["message"]
    do(session, "change", experiment={"learning_rate": 0.01})
    do(session, "step", n=10)
    frame = header(ask(session, "frame"))
    assert (frame["status"], frame["step"], np.isfinite(frame["loss"])) == ("ok", 10, True)


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"experiment": 3}, TypeError, "experiment must be an Experiment or None, got 3"),
        (
            {"experiment": {"depth": 3}},
            TypeError,
            "experiment must be an Experiment or None, got {",
        ),
        ({"playing": "no"}, ValueError, "playing must be True or False, got 'no'"),
        ({"budget": 0}, ValueError, "budget must be"),
        ({"speed": -1}, ValueError, "steps_per_second must be"),
    ],
)
def test_what_a_session_cannot_be_given_is_refused(given, error, sentence):
    before = set(threading.enumerate())
    with pytest.raises(error, match=sentence):
        Session(**given)
    assert not set(threading.enumerate()) - before


def test_the_thread_ends_when_the_session_is_closed():
    session = Session()
    thread = session._worker._thread
    assert thread.is_alive()
    session.close()
    assert not thread.is_alive()
    session.close()
    assert "closed" in ask(session, "state")["error"]


@pytest.mark.parametrize(
    "message",
    [
        None,
        3,
        {},
        {"ask": "state", "do": "play"},
        {"ask": "weather"},
        {"do": ["play"]},
        {"do": "step", "n": 0},
        {"do": "change"},
        {"do": "reset", "seed": -1},
        {"ask": "frame", "after": 3},
        {"ask": "frame", "wait": 60},
        {"ask": "frame", "points": "x"},
    ],
)
def test_a_wrong_message_is_answered_with_a_sentence(session, message):
    before = ask(session, "state")
    answer = session.answer(message)
    assert "error" in answer
    assert len(answer["error"].split()) > 4
    assert ask(session, "state") == before


def test_the_program_makes_the_same_weights(session):
    do(session, "step", n=33)
    trained = session._stepper.network.params
    names = {}
    with pytest.warns(UserWarning, match="33 steps"):
        exec(ask(session, "program")["program"], names)
    assert np.array_equal(names["network"].params, trained)
    assert ask(session, "choices")["width"]["high"] == 512
    assert Experiment().to_dict() == ask(session, "state")["experiment"]
