"""Every number of a saved model times every hostile value: refused by name, or a model that works."""

import itertools
import re
import warnings

import hostile
import models
import numpy as np
import pytest

from minnet import load_model, save_model
from minnet.persistence.container import _DTYPES

#: What takes the place of a number in an array, by the kind of its dtype.
VALUES = {
    "f": [np.nan, np.inf, -np.inf, -1.0, 2.0**63, 1e38],
    "i": [-1, 2**31 - 1, 2**63 - 1, -(2**63)],
    "u": [2**8 - 1, 2**32 - 1],
    "b": [],
}
#: What takes the place of a number in the description.
NUMBERS = [{"float": "nan"}, {"float": "inf"}, {"float": "-inf"}, -1, 0, 0.5, 1e300]
NUMBERS += [2**52, 2**62, 2**63 - 1, 2**64 - 1]

#: What a model may say that was read, since one that was never saved says it too: its arguments are not
#: those that it was fitted with, or its numbers are too large to go on with.
SAID = re.compile(
    "architecture must stay|must be left at its default|units of Dense must|Solver produced non-finite|"
    "X must give finite numbers|weight_decay must be at most 2|class_weight must have finite"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    raws = {}
    for name, model in models.small_models().items():
        save_model(model, path)
        raws[name] = path.read_bytes()
    return raws


def use(model):
    """Predict, train on, and save: all must work."""
    if hasattr(model, "encodings_"):
        assert np.isfinite(model.set_params(output="encoded").transform(models.table())).all()
        return
    if hasattr(model, "encoder_"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.predict(models.table())
        return
    network = getattr(model, "network_", getattr(model, "network", model))
    if not hasattr(network, "params"):
        return
    dtype = network.dtype
    X = np.random.default_rng(0).normal(size=(12, network.sizes[0])).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if hasattr(model, "classes_"):
            if model._labels.kind == "multilabel":
                y = np.tile(np.eye(len(model.classes_), dtype=int), (12, 1))[:12]
            else:
                y = model.classes_[np.arange(12) % len(model.classes_)]
        else:
            y = np.random.default_rng(1).normal(size=(12, network.sizes[-1]))
        if hasattr(model, "partial_fit"):
            model.predict(X)
            if model.solver != "lbfgs":
                model.set_params(early_stopping=False).partial_fit(X, y)
            model.predict(X)
        else:
            assert np.isfinite(network.predict(X)).all()
        if hasattr(model, "run_epoch"):
            T = np.arange(12) % 3 if network.loss_.output == "softmax" else y
            model.run_epoch(*network.check_batch(X, T))


def outcome(raw, path, what, names):
    """Return what is wrong with what load_model makes of a file, or None."""
    path.write_bytes(raw)
    try:
        model = load_model(path)
    except ValueError as error:
        sentence = str(error).partition("cannot be read as a model: ")[2]
        return None if any(name in sentence for name in names) else f"{what}: {sentence}"
    try:
        use(model)
    except ValueError as error:
        return None if SAID.search(str(error)) else f"{what}: is read, and then {error!r}"
    return None


def hostile_arrays(raw, places):
    """Yield a file with another number in an array, what was done, and the names that are to blame."""
    header, record, data = hostile.parts(raw)
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = _DTYPES[entry["dtype"]]
        start, end = entry["data_offsets"]
        for value in VALUES[dtype.kind]:
            if dtype.kind in "iu" and not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max:
                continue
            for at in places if end > start else ():
                array = np.frombuffer(data[start:end], dtype).copy()
                array[at] = value
                changed = data[:start] + array.tobytes() + data[end:]
                # An array of a value is named by where the value stands.
                names = [name.removeprefix("run.best.").removeprefix("layers."), "run.best"]
                names = [name] if name.startswith("layers") else [*names, ""]
                yield hostile.build(header, record, changed), f"{name}[{at}] = {value}", names


def hostile_numbers(raw, inside):
    """Yield a file with another number in its description, what was done, and the names."""
    header, record, data = hostile.parts(raw)
    at = record
    for key in inside:
        at = at[key]
    for container, key in hostile.places(at):
        before = container[key]
        if type(before) not in (int, float):
            continue
        for value in NUMBERS:
            container[key] = value
            # An item of a list is named by the list.
            names = [str(key), "shape", "n_features", "belongs to nothing", "inputs"]
            names = [""] if isinstance(key, int) or key == "value" else names
            yield hostile.build(header, record, data), f"{key}: {before} -> {value}", names
        container[key] = before


def check(cases, path):
    found = [outcome(raw, path, what, names) for raw, what, names in cases]
    assert [each for each in found if each] == []
    assert len(found) > 20


@pytest.mark.parametrize("name", ["in training", "layers", "table encoder"])
def test_numbers_of_arrays(name, files, tmp_path):
    check(hostile_arrays(files[name], [0]), tmp_path / "model")


def test_numbers_of_a_training(files, tmp_path):
    check(hostile_numbers(files["in training"], ("model", "trainer")), tmp_path / "model")


@pytest.mark.slow
@pytest.mark.parametrize("name", models.small_models())
def test_all_numbers_of_all_models(name, files, tmp_path):
    check(hostile_numbers(files[name], ("model",)), tmp_path / "model")
    if "network" not in name and name != "unfitted":
        check(hostile_arrays(files[name], [0, -1]), tmp_path / "model")


@pytest.mark.parametrize("name", ["unfitted", "everything", "in training"])
def test_a_file_that_ends_anywhere(name, files, tmp_path):
    raw = files[name]
    header, _, data = hostile.parts(raw)
    begins = len(raw) - len(data)
    ends = {0, 1, 7, 8, 9, begins // 2, begins - 1, begins, begins + 1, len(raw) - 1}
    for entry in header.values():
        ends |= {begins + each + d for each in entry.get("data_offsets", ()) for d in (-1, 0, 1)}
    path = tmp_path / "model"
    for end in sorted(end for end in ends if end < len(raw)):
        for rest in (b"", b"\0" * (len(raw) - end)):  # cut, or never written to the disk
            path.write_bytes(raw[:end] + rest)
            if rest and end >= begins:
                found = outcome(raw[:end] + rest, path, end, [""])
                assert found is None
                continue
            with pytest.raises(ValueError, match="cannot be read as a model: "):
                load_model(path)


def test_arrays_that_changed_places(files, tmp_path):
    header, record, data = hostile.parts(files["in training"])
    names = [each for each in header if each != "__metadata__"]
    refused = []
    for a, b in itertools.combinations(names, 2):
        swapped = header | {a: header[b], b: header[a]}
        raw = hostile.build(swapped, record, data)
        other = [header[each]["shape"] for each in (a, b)]
        if other[0] == other[1]:
            assert outcome(raw, tmp_path / "model", f"{a} and {b}", [""]) is None
            continue
        (tmp_path / "model").write_bytes(raw)
        with pytest.raises(ValueError, match="must"):
            load_model(tmp_path / "model")
        refused.append((a, b))
    assert len(refused) > 20
