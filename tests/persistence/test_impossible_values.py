"""What a class refuses when it is set, it refuses in a file too, and by the same name."""

import contextlib
import io
import json
import math

import hostile
import models
import numpy as np
import pytest

from minnet import Dense, MinNetRegressor, Trainer, load_model, save_model
from minnet.common.configurable import parameters
from minnet.common.fields import Field, fields
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

REQUIRED = {
    "units": 3,
    "n_steps": 7,
    "sparsity": 0.5,
    "array": [[1.0]],
    "layers": [Dense(3)],
    "columns": [3, None],
}

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
    ids=lambda value: None if isinstance(value, Field) else str(value),
)
def test_every_field_of_a_training(path, name, field, raw, tmp_path):
    wrong = []
    for json_value, value in VALUES:
        (tmp_path / "model").write_bytes(hostile.changed(raw, (*path, name), json_value))
        if refused(lambda value: field.check(name, value), value):
            wrong.append(value)
            with pytest.raises(ValueError, match=rf"\.{name}\b"):
                load_model(tmp_path / "model")
        else:  # it may contradict another
            with contextlib.suppress(ValueError):
                load_model(tmp_path / "model")
    assert len(wrong) > 3


@pytest.mark.parametrize("path", [path for _, path in PLACES], ids=str)
def test_what_is_missing_is_named(path, raw, tmp_path):
    inside = hostile.parts(raw)[1]
    for key in path:
        inside = inside[key]
    for name in inside:
        if name in (
            "n_steps",
            "n_steps_before",
            "n_parts",
            "run",
            "n_empty",
            "told",
            "decay_factor",
        ):  # the first files had none
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
def test_the_scale_of_targets(name, value, sentence, tmp_path, monkeypatch):
    options = models.FAST | {"scale_targets": True}
    model = models.fitted(MinNetRegressor(**options), *models.data("numbers"))
    getattr(model, name)[1] = value
    with pytest.raises(ValueError, match=sentence):
        save_model(model, tmp_path / "model")
    monkeypatch.setattr("minnet.persistence.estimator.check_numbers", lambda *args: None)
    save_model(model, tmp_path / "model")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=sentence):
        load_model(tmp_path / "model")


ARRAYS = ["layers.0.W", "layers.1.running_mean", "layers.1.running_var", "run.best.layers.3.b"]
ARRAYS += ["optimizer.0.layers.0.W", "optimizer.1.layers.1.gamma"]


def array_of(trainer, name):
    """Return a view of an array by the name that a file has for it."""
    kind, _, rest = name.rpartition("layers.")
    layer, name = rest.split(".")
    if name.startswith("running"):
        return getattr(trainer.network.layers[int(layer)], name)
    flat = trainer.network.params if not kind else trainer.run.best[0]
    if kind.startswith("optimizer"):
        flat = trainer.optimizer.state[int(kind[10])]
    return trainer.network.views(flat)[int(layer)][name]


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0])
def test_what_cannot_be_read_is_not_written(name, value, tmp_path):
    trainer = models.in_training()
    save_model(trainer, tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    array_of(trainer, name).flat[-1] = value
    square = name.startswith("optimizer.1")
    if (value == -1 and not square and not name.endswith("var")) or (value == np.inf and square):
        save_model(trainer, tmp_path / "model")
        load_model(tmp_path / "model")
        return
    with pytest.raises(ValueError, match=rf"^{name} must be of .*, got {value}"):
        save_model(trainer, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_an_estimator_with_weights_that_are_none(solver, tmp_path):
    options = models.FAST | {"solver": solver}
    model = models.fitted(MinNetRegressor(**options), *models.data("numbers"))
    model.coefs_[1][2, 3] = np.nan
    with pytest.raises(ValueError, match=r"^layers\.1\.W must be of finite numbers only, got nan"):
        save_model(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        (
            "loss_curve",
            lambda curve: curve[:-1],
            "n_epochs must be 2, the length of loss_curve, got 3",
        ),
        ("loss_curve", lambda curve: curve * 2, "n_epochs must be 6, the length of loss_curve"),
        ("validation_scores", lambda curve: [0.5] * 4, "validation_scores must be at most 3 long"),
        ("validation_scores", lambda curve: [0.5] * 2, "validation_loss_curve must be 2 long"),
        ("validation_loss_curve", lambda curve: [0.5], "validation_loss_curve must be 0 long"),
        ("best_score", lambda score: math.nan, "best_score must be a number"),
        ("best_loss", lambda loss: math.nan, "best_loss must be a number"),
        ("no_improvement_count", lambda n: 4, "no_improvement_count must be at most 3 by n_epochs"),
        ("n_parts", lambda n: 2, "n_epochs must be at most 2 by n_parts, got 3"),
        ("n_seen", lambda n: 2, "n_parts must be at most 2 by n_seen, got 3"),
    ],
)
def test_records_that_contradict_each_other(name, change, sentence, tmp_path, monkeypatch):
    trainer = models.in_training()
    vars(trainer)[name] = change(getattr(trainer, name))
    monkeypatch.setattr("minnet.persistence.trainings.check_trainer", lambda trainer: None)
    save_model(trainer, tmp_path / "model")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=rf"read as a model: .*{sentence}"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("n_epochs", 4, "run.n_epochs must be at most 3 by n_epochs, got 4"),
        ("start", 3, "run.losses must be 3 long, as run.start says, got 2"),
        ("start", 0, "run.losses must be 0 long, as run.start says, got 2"),
        ("part", 4, "run.part must be at most 3 by n_parts, got 4"),
        ("part", 2, "run.part must be at most 0 by run.n_rows, got 2"),
        ("n_rows", 1, "run.n_rows must be at most 0 by the rows of its parts, got 1"),
        ("first_score", 1, "run.first_score must be at most 0 by validation_scores, got 1"),
    ],
)
def test_a_run_that_contradicts_its_trainer(name, value, sentence, raw, tmp_path):
    path = ("model", "trainer", "run", name)
    (tmp_path / "model").write_bytes(hostile.changed(raw, path, value))
    with pytest.raises(ValueError, match=sentence):
        load_model(tmp_path / "model")
