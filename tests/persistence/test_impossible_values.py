"""What a class refuses when it is set, it refuses in a file too, and by the same name."""

import io
import json
import math

import hostile
import models
import numpy as np
import pytest

from minnet import MinNetRegressor, Trainer, load_model, save_model
from minnet.common.configurable import parameters
from minnet.common.fields import fields
from minnet.parameter_table import ParameterRow
from minnet.persistence.container import ArrayReader, write_container
from minnet.persistence.names import readable_classes
from minnet.persistence.values import Decoder, Encoder
from minnet.training.run import Run

# In a file, and in Python.
VALUES = [
    (-1, -1),
    (0, 0),
    (0.5, 0.5),
    (1, 1),
    (2.0, 2.0),
    (2**63, 2**63),
    ("x", "x"),
    (None, None),
    (True, True),
    ([1], [1]),
    ({"float": "nan"}, math.nan),
    ({"float": "inf"}, math.inf),
    ({"scalar": "float64", "value": -2.0}, np.float64(-2.0)),
    ({"tuple": []}, ()),
]

REQUIRED = {"units": 3, "n_steps": 7, "sparsity": 0.5, "array": [[1.0]]}

CONFIGURED = sorted(
    {
        (kind, cls.__name__, name)
        for kind, of_kind in readable_classes().items()
        for cls in of_kind.values()
        for name in fields(cls)
        if name in parameters(cls)
    }
)


def refused(check, value):
    """Return whether something does not take a value."""
    try:
        check(value)
    except (TypeError, ValueError):
        return True
    return False


@pytest.mark.parametrize(("kind", "class_name", "name"), CONFIGURED, ids=str)
def test_every_parameter_of_every_class(kind, class_name, name):
    of_kind = readable_classes()[kind]
    in_file, cls = next((n, c) for n, c in of_kind.items() if c.__name__ == class_name)
    made = cls(**{key: REQUIRED[key] for key in parameters(cls) if key in REQUIRED})
    written = Encoder().encode(made, "it")
    before = made.get_config()
    file = io.BytesIO()
    write_container(file, {}, "{}")
    arrays = ArrayReader(io.BytesIO(file.getvalue()), len(file.getvalue()))
    wrong = []
    for json_value, value in VALUES:
        description = written | {"config": written["config"] | {name: json_value}}

        def read(description=description):
            return Decoder(arrays).decode(json.loads(json.dumps(description)), "it")

        if refused(lambda value: setattr(made, name, value), value):
            wrong.append(value)
            assert made.get_config() == before
            with pytest.raises((TypeError, ValueError), match=name):
                cls(**before | {name: value})
            with pytest.raises(ValueError, match=rf"it cannot be a {in_file}: .*{name}"):
                read()
        elif refused(lambda value: cls(**before | {name: value}), value):  # beside the others
            with pytest.raises(ValueError, match=f"{name} must be|must be .* {name}"):
                read()
            setattr(made, name, before[name])
        else:
            assert getattr(read(), name) == getattr(made, name)
            setattr(made, name, before[name])
    assert len(wrong) > 3


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Return the file of a trainer in the middle of a training."""
    path = tmp_path_factory.mktemp("models") / "model"
    save_model(models.in_training(), path)
    return path.read_bytes()


PLACES = [(Trainer, ("model", "trainer"))]
PLACES += [(Run, ("model", "trainer", "run"))]
PLACES += [(ParameterRow, ("model", "network", "initialized", "parameters", 0))]


@pytest.mark.parametrize(
    ("path", "name", "field"),
    [
        (path, name, field)
        for cls, path in PLACES
        for name, field in fields(cls).items()
        if not field.in_array
    ],
    ids=str,
)
def test_every_field_of_a_training(path, name, field, raw, tmp_path):
    wrong = []
    for json_value, value in VALUES:
        (tmp_path / "model").write_bytes(hostile.changed(raw, (*path, name), json_value))
        if refused(lambda value: field.check(name, value), value):
            wrong.append(value)
            with pytest.raises(ValueError, match=rf"\.{name}\b"):
                load_model(tmp_path / "model")
        elif name != "n_epochs" or path[-1] == "run":  # which the curve must agree with
            load_model(tmp_path / "model")
    assert len(wrong) > 3


@pytest.mark.parametrize("path", [path for _, path in PLACES], ids=str)
def test_what_is_missing_is_named(path, raw, tmp_path):
    inside = hostile.parts(raw)[1]
    for key in path:
        inside = inside[key]
    for name in inside:
        if name in ("n_steps", "n_steps_before", "n_parts", "run"):  # the first files had none
            continue
        (tmp_path / "model").write_bytes(hostile.changed(raw, (*path, name), hostile.DELETE))
        with pytest.raises(ValueError, match=f"lacks the key '{name}'"):
            load_model(tmp_path / "model")


def test_epochs_and_curve_must_agree(raw, tmp_path):
    for n in (2, 4):
        (tmp_path / "model").write_bytes(hostile.changed(raw, ("model", "trainer", "n_epochs"), n))
        with pytest.raises(ValueError, match="n_epochs must be 3, the length of loss_curve, got"):
            load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("target_scale_", 0.0, "target_scale_ must be 2 finite float64 numbers above 0"),
        ("target_scale_", -1.0, "target_scale_ must be 2 finite float64 numbers above 0"),
        ("target_scale_", np.nan, "target_scale_ must be 2 finite float64 numbers"),
        ("target_mean_", np.inf, "target_mean_ must be 2 finite float64 numbers"),
    ],
)
def test_the_scale_of_targets(name, value, sentence, tmp_path):
    options = models.FAST | {"scale_targets": True}
    model = models.fitted(MinNetRegressor(**options), *models.data("numbers"))
    getattr(model, name)[1] = value
    save_model(model, tmp_path / "model")
    with pytest.raises(ValueError, match=sentence):
        load_model(tmp_path / "model")
