"""The trainer's options: what they may be, when it is made and when one is set later."""

import inspect

import numpy as np
import pytest

from minnet import Dense, Network, Trainer
from minnet.common.fields import fields


def make():
    return Network([Dense(6, "tanh"), Dense(2)]).initialize(3, random_state=0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"clip_norm": 0}, "clip_norm must be None or above 0, got 0"),
        ({"clip_value": -1.0}, "clip_value must be None or above 0, got -1.0"),
        ({"clip_norm": "1"}, "clip_norm must be None or above 0, got '1'"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
        ({"weight_decay": np.nan}, "weight_decay must be at least 0"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"learning_rate": "constnt"}, "did you mean 'constant'"),
        ({"backend": "nunpy"}, "backend must be .*, got 'nunpy': did you mean 'numpy'"),
    ],
    ids=str,
)
def test_wrong_settings_get_one_sentence(given, message):
    with pytest.raises(ValueError, match=message):
        Trainer(make(), **given)


WRONG = {
    "batch_size": [0, -1, 2.5, True, "32", None, 2**63],
    "shuffle": [0, 1, None, "yes"],
    "tol": [-1e-9, np.nan, None, "0", True],
    "n_iter_no_change": [-1, 0.5, np.nan, None, "10", True],
    "clip_value": [0, -1.0, np.nan, "1", True],
    "clip_norm": [0, -1.0, np.nan, "1", True],
    "weight_decay": [-1e-9, np.nan, np.inf, None, "0", True],
    "backend": ["nunpy", None, 3, ["numpy"]],
    "n_threads": [0, 1.5, "2", 10**6],
    "verbose": [-1, 0.5, None, "yes"],
}


def test_every_option_is_among_the_wrong_ones_and_every_record_is_a_field():
    """So an attribute that is added is checked, and kept in files, or this test says that it is not."""
    trainer = Trainer(make())
    others = {"network", "optimizer", "schedule", "run"}
    public = {name for name in vars(trainer) if not name.startswith("_")}
    assert public - others == set(fields(Trainer))
    options = set(inspect.signature(Trainer).parameters) - {"network", "optimizer"}
    assert options - {"learning_rate", "power_t"} == set(WRONG)


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, vs in WRONG.items() for v in vs], ids=str
)
def test_every_option_is_checked_before_the_first_step_and_when_it_is_set_later(name, value):
    with pytest.raises(ValueError, match=rf"^(unknown )?{name}\b.*(got|{value!r})"):
        Trainer(make(), **{name: value})
    trainer = Trainer(make())
    before = getattr(trainer, name)
    with pytest.raises(ValueError, match=rf"^(unknown )?{name}\b"):
        setattr(trainer, name, value)
    assert getattr(trainer, name) == before
