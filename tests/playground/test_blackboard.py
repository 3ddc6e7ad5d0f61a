import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from minnet.playground.blackboard import LIMITS, blackboard
from minnet.playground.experiment import Experiment, choices


def board_of(activation="tanh", n_layers=1, **more):
    experiment = Experiment(activation=activation, bias=0.3, data="blobs")
    return blackboard(experiment, {"n_layers": n_layers, "n_samples": 4, **more})


def test_each_step_begins_where_the_last_one_ended():
    boards = [board_of(n_layers=2, steps=n) for n in range(3)]
    for one, other in itertools.pairwise(boards):
        assert one["loss_after"] == other["loss"]
        for before, after in zip(one["layers"], other["layers"], strict=True):
            assert before["W_after"] == after["W"]
            assert before["b_after"] == after["b"]


@pytest.mark.parametrize("init", choices()["init"]["values"])
@pytest.mark.parametrize("data", choices()["data"]["values"])
def test_every_setting_fits_the_blackboard(init, data):
    for size in (1, 6):
        options = {"n_samples": size, "n_units": size, "n_layers": LIMITS["n_layers"][1]}
        board = blackboard(
            Experiment(data=data, init=init, gain=1.5, depth=60, batch_norm=True), options
        )
        assert len(board["X"]) == size
        assert np.shape(board["layers"][1]["W"]) == (size, size)
        assert board["data"] == ("moons" if data == "digits" else data)
        assert len(set(board["T"])) == min(size, len(board["P"][0]))  # each class has its turn
        assert len(json.dumps(board, allow_nan=False)) < 80_000


def test_what_it_shares_with_the_experiment():
    experiment = Experiment(init="he_normal", activation="relu", gain=2.0, seed=3, width=7, depth=9)
    options = {"n_units": 4, "n_layers": 2}
    layers = blackboard(experiment, options)["layers"]
    net = replace(experiment, width=4, depth=2).network()
    for layer, drawn in zip(layers, net.layers, strict=True):
        np.testing.assert_array_equal(layer["W"], drawn.W)
    assert [layer["activation"] for layer in layers] == ["relu", "relu", "identity"]


def test_fields_of_the_experiment_can_be_asked_for():
    """A page asks for what it shows, though the session may not have heard of it yet."""
    other = {"activation": "relu", "seed": 4}
    asked = blackboard(Experiment(), {"experiment": other})
    assert asked == blackboard(Experiment(**other))
    assert asked != blackboard(Experiment())


def test_what_has_diverged_is_written_without_nan():
    board = blackboard(Experiment(activation="relu"), {"steps": 1000, "learning_rate": 100.0})
    assert None in [board["loss"], board["loss_after"], *board["losses"]] or board["loss"] > 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_samples": 7}, "n_samples must be a whole number of at least 1 and at most 6, got 7"),
        ({"n_units": "3"}, "n_units must be a whole number of at least 1 and at most 6, got '3'"),
        ({"n_layers": 0}, "n_layers must be a whole number of at least 1 and at most 3, got 0"),
        ({"steps": 1001}, "steps must be a whole number of at least 0 and at most 1000, got 1001"),
        ({"learning_rate": -1}, "learning_rate must be a finite number of at least 0 and at most"),
        ({"experiment": 3}, "experiment must be a dictionary of its fields, got 3"),
        (
            {"experiment": {"depth": -1}},
            "depth must be a whole number of at least 0 and at most 60",
        ),
        ({"samples": 3}, "option must be .*, got 'samples'"),
    ],
)
def test_a_wrong_option_is_one_sentence(options, match):
    with pytest.raises(ValueError, match=match):
        blackboard(Experiment(), options)
