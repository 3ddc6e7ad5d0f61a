"""Recordings: what is in the file is what a page of a session would have shown at the same steps."""

import gzip
import json

import numpy as np
import pytest
from frames import decode
from numpy.testing import assert_allclose, assert_array_equal

from minnet.playground import frame
from minnet.playground.blackboard import blackboard
from minnet.playground.experiment import Experiment, choices
from minnet.playground.recording import record
from minnet.playground.session import Session

RUNS = [
    ("One", "It learns.", {"data": "moons", "depth": 2, "width": 8, "n_samples": 100}),
    ("Two", "It does not.", {"data": "moons", "depth": 2, "width": 8, "init": "zeros"}),
]
STEPS = [0, 1, 7, 1500]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "runs.bin"
    record(path, RUNS, STEPS)
    return path


def read(path):
    """Return the header, and the frames of each recording, by the description of the file alone."""
    content = gzip.decompress(path.read_bytes())
    size = int.from_bytes(content[:4], "little")
    header, frames = json.loads(content[4 : 4 + size]), content[4 + size :]
    return header, [
        [decode(frames[begin : begin + length]) for begin, length in run["frames"]]
        for run in header["recordings"]
    ]


def test_the_file_has_what_a_page_needs(file):
    header, runs = read(file)
    assert header["choices"] == json.loads(json.dumps(choices()))
    assert [(run["title"], run["text"]) for run in header["recordings"]] == [
        run[:2] for run in RUNS
    ]
    for run, (_, _, controls), frames in zip(header["recordings"], RUNS, runs, strict=True):
        experiment = Experiment.from_dict(controls)
        assert run["experiment"] == experiment.to_dict()
        assert run["blackboard"] == blackboard(experiment)
        assert [head["step"] for head, _ in frames] == STEPS
        assert ["points" in arrays for _, arrays in frames] == [True, False, False, False]


def test_its_numbers_are_those_of_a_session(file):
    _, runs = read(file)
    with Session(Experiment.from_dict(RUNS[0][2]), playing=False) as session:
        for i, step in enumerate(STEPS[:3]):
            if step:
                session.answer({"do": "step", "n": step - STEPS[i - 1]})
            frame = session.answer({"ask": "frame", "after": None, "wait": 2, "points": None})
            _, expected = decode(frame)
            _, arrays = runs[0][i]
            for name in arrays:
                if name in ("history", "points"):
                    assert_array_equal(arrays[name], expected[name])
                else:
                    n_bits = 8 if name == "boundary" or name.endswith("density") else 11
                    assert_allclose(arrays[name], expected[name], rtol=2.0**-n_bits, atol=1e-38)


def test_the_same_runs_give_the_same_file(file, tmp_path):
    record(tmp_path / "again.bin", RUNS, STEPS)
    assert (tmp_path / "again.bin").read_bytes() == file.read_bytes()


def test_a_run_that_diverges_ends_there(tmp_path):
    wild = {"depth": 40, "width": 8, "activation": "relu", "gain": 20.0, "optimizer": "sgd"}
    record(tmp_path / "wild.bin", [("Wild", "", wild)], [0, 500, 600, 700])
    ((*_, (last, _)),) = read(tmp_path / "wild.bin")[1]
    assert last["status"] == "diverged"
    assert last["step"] < 600


@pytest.mark.parametrize("steps", [[], [-1], [5, 5], [5, 1], [0.5]])
def test_wrong_steps_are_refused_and_nothing_is_written(steps, tmp_path):
    with pytest.raises(ValueError, match="steps must"):
        record(tmp_path / "none.bin", RUNS, steps)
    with pytest.raises(ValueError, match="depth must"):
        record(tmp_path / "none.bin", [("", "", {"depth": -1})], [0])
    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_was_read_can_be_written_again():
    numbers = {
        "a": np.array([[1.5, np.nan], [0, -2]], np.float32),
        "b": np.float32(3),
        "c": np.zeros((0, 4)),
    }
    whole = frame.encode({"step": 3, "n": None, "ü": "ß"}, numbers)
    header, arrays = frame.decode(whole)
    assert header == {"step": 3, "n": None, "ü": "ß"}
    assert frame.encode(header, arrays) == whole
