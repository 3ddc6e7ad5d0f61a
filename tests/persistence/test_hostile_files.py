"""Files that are broken, by accident or on purpose: one ValueError with one sentence, nothing else."""

import json
import os
import random
import re
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import hostile
import models
import numpy as np
import pytest
from hostile import DELETE, build, changed, nested, parts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minnet import load_model, save_model
from minnet.persistence.container import MAX_HEADER


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the bytes of small models, by name."""
    path = tmp_path_factory.mktemp("models") / "model"
    raws = {}
    for name, model in models.small_models().items():
        save_model(model, path)
        raws[name] = path.read_bytes()
    return raws


@pytest.fixture(scope="module")
def bulk(files):
    return hostile.bulk(files["adam"])


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "model"

    def load(raw):
        path.write_bytes(raw)
        return load_model(path)

    return load


def outcome(load, raw):
    """Return the model of a file, or the error with which it is refused."""
    try:
        return load(raw)
    except ValueError as error:
        return error


def check_error(error):
    """Raise unless an error is a sentence; return it without the path."""
    assert type(error) is ValueError
    # What was not foreseen is kept as the cause; the frames of a check are not.
    assert error.__cause__ is None
    assert error.__suppress_context__
    _, told, sentence = str(error).partition(" cannot be read as a model: ")
    assert told
    assert "\n" not in sentence
    assert 10 < len(sentence) <= 403
    return sentence


def refused(load, raw):
    """Return the sentence with which a file is refused."""
    return check_error(outcome(load, raw))


def survives(load, raw):
    """Load a file: a sentence says what is wrong, or there is a model that can be shown."""
    found = outcome(load, raw)
    if isinstance(found, Exception):
        check_error(found)
    else:
        assert repr(found)


NET = ("model", "fitted", "network")
INIT = (*NET, "initialized")
TRAINER = ("model", "fitted", "trainer")
LABELS = ("model", "fitted", "labels")

DESCRIPTIONS = [
    (("format",), 2, "it has format 2, written by minnet '0.*a newer minnet reads it"),
    (("format",), 0, "format must be a whole number of at least 1"),
    (("format",), 1.0, "format must be a whole number of at least 1"),
    (("format",), DELETE, "lacks the key 'format'"),
    (("extra",), 1, "the description has the unknown key 'extra'"),
    (("model",), [], "model must be an object, got a list of 0"),
    (
        ("model", "class"),
        "os.system",
        "model.class must be 'Network', 'Trainer', .* got 'os.system'",
    ),
    (("model", "class"), "__import__", "model.class must be .* got '__import__'"),
    (("model", "class"), "MinNetRegressor", "model.params has the unknown key 'calibrate'"),
    (("model", "params", "momenta"), 1, "model.params has the unknown key 'momenta'"),
    (("model", "params", "alpha"), -1, "The 'alpha' parameter of MinNetClassifier must be"),
    (("model", "params", "alpha"), {"float": "nan"}, "The 'alpha' parameter"),
    (("model", "params", "alpha"), {"eval": "1"}, "must be a value that save_model writes"),
    (("model", "params", "init"), "glorto", "did you mean 'glorot'"),
    (
        ("model", "params", "init"),
        {"initializer": "os", "config": {}},
        "model.params.init.initializer must be .* got 'os'",
    ),
    (
        ("model", "params", "init"),
        {"initializer": "zeros", "config": None},
        "config must be an object",
    ),
    (("model", "params", "init"), {"initializer": "zeros", "config": {"a": 1}}, "unknown key 'a'"),
    (
        ("model", "params", "init"),
        {"initializer": "FromFunction", "config": {}},
        "names are 'zeros'",
    ),
    (
        ("model", "params", "init"),
        {"initializer": "normal", "config": {"std": -1}},
        "cannot be a normal: std must be",
    ),
    (
        ("model", "params", "layers"),
        [{"layer": "Layer", "config": {}}],
        "must be 'BatchNorm'",
    ),
    (
        ("model", "params", "activation"),
        {"registered_activation": "cube"},
        "must be registered with minnet.activation before",
    ),
    (("model", "params", "random_state"), {"random_state": 3}, "should be in the array 3"),
    (
        ("model", "params", "hidden_layer_sizes"),
        {"array": "loss_curve", "of": "str"},
        "dtype uint32",
    ),
    (("model", "requests"), {"fit": {"a": True}}, "requests.fit is not possible"),
    (("model", "requests"), {"fit": {"sample_weight": 1}}, "requests.fit must be what fit takes"),
    (("model", "requests"), {"__init__": {}}, "unknown key '__init__'"),
    (("model", "fitted", "n_iter"), -1, "n_iter must be a whole number of at least 0"),
    (("model", "fitted", "early_stopping"), 1, "early_stopping must be True or False"),
    (("model", "fitted", "validated"), 1, "validated must be True or False"),
    (("model", "fitted", "fit_info"), "x", "fit_info must be texts and numbers by name"),
    (("model", "fitted", "fit_info", "dict", 0, 1), [1], "fit_info must be texts and numbers"),
    (("model", "fitted", "trainer"), None, "unknown key 'early_stopping'"),
    (("model", "fitted", "feature_names"), ["a"] * 6, "feature_names must be None or 6 texts"),
    (("model", "fitted", "labels"), None, "labels must be an object, got None"),
    (("model", "fitted", "network"), None, "network must be an object, got None"),
    ((*LABELS, "classes"), [0, 1, 2], "must be an array of labels"),
    ((*LABELS, "classes"), {"objects": [1, 0, 2], "shape": [3]}, "can be sorted, each once"),
    ((*LABELS, "classes"), {"objects": [0, "b", 2], "shape": [3]}, "can be sorted, each once"),
    (
        (*LABELS, "classes"),
        {"objects": [0, 1, 2, 3], "shape": [4]},
        "must fit the network's 3 outputs",
    ),
    ((*LABELS, "classes"), {"objects": [0, 1, 2], "shape": [2**62]}, "a shape for 3 objects"),
    ((*LABELS, "kind"), "binary", "must be one or two for binary labels"),
    ((*LABELS, "kind"), "multilabel", "must fit the network's 3 outputs of softmax"),
    ((*NET, "layers"), [], "layers must have at least one layer"),
    ((*NET, "layers", 0), {"loss": "poisson", "config": {}}, "must be of the kind layer"),
    ((*NET, "layers", 0, "config", "units"), 10**12, r"must have shape \(6, 1000000000000\)"),
    ((*NET, "layers", 0, "config", "units"), 10**30, "a number must be within 64 bits"),
    ((*NET, "layers", 0, "config", "units"), -7, "units of Dense must be a whole number"),
    ((*NET, "alpha"), -1, "alpha must be at least 0"),
    ((*NET, "loss"), "kaput", "loss must be"),
    ((*NET, "loss"), "poisson", "must fit the network's 3 outputs of exp"),
    ((*NET, "initialized"), None, "must be initialized, and"),
    ((*INIT, "n_features"), 2**62, r"must have shape \(4611686018427387904, 7\), got \(6, 7\)"),
    ((*INIT, "n_features"), 0, "n_features must be a whole number of at least 1"),
    ((*INIT, "dtype"), "float16", "dtype must be 'float32' or 'float64', got 'float16'"),
    ((*INIT, "dtype"), "float32", "must have dtype float32, got float64"),
    ((*INIT, "key"), 2**64, "within 64 bits"),
    ((*INIT, "key"), -1, "key must be a whole number of at least 0"),
    ((*INIT, "parameters"), [], r"parameters\[0\] must be an object, got None"),
    (
        (*INIT, "parameters", 0, "layer"),
        1,
        "layer must be a whole number of at least 0 and at most 0",
    ),
    ((*INIT, "parameters", 0, "name"), "__class__", "name must be 'W', got '__class__'"),
    ((*INIT, "parameters", 0, "is_weight"), False, "is_weight must be True"),
    ((*INIT, "parameters", 0, "lr_factor"), {"float": "inf"}, "lr_factor must be at least 0"),
    ((*INIT, "parameters", 0, "decay_factor"), -1, "decay_factor must be at least 0"),
    ((*INIT, "parameters", 0, "init"), None, "must be of the kind initializer"),
    ((*TRAINER, "step"), -1, "step must be a whole number of at least 0"),
    ((*TRAINER, "n_seen"), 1.5, "n_seen must be a whole number of at least 0"),
    ((*TRAINER, "n_epochs"), 2**63, "n_epochs must be a whole number of at least 0"),
    ((*TRAINER, "batch_size"), 0, "batch_size must be a whole number of at least 1"),
    (
        (*TRAINER, "backend"),
        "evil",
        "model.fitted.trainer.backend must be 'auto', .* got 'evil'",
    ),
    ((*TRAINER, "n_threads"), 0, "n_threads must be None, which takes all processors"),
    ((*TRAINER, "initial_rate"), {"float": "nan"}, "initial_rate must be a finite number"),
    ((*TRAINER, "optimizer"), {"schedule": "Constant", "config": {}}, "of the kind optimizer"),
    ((*TRAINER, "schedule"), {"schedule": "FunctionOfStep", "config": {}}, "must be 'Adaptive'"),
    (
        (*TRAINER, "schedule"),
        {"schedule": "InvScaling", "config": {"power_t": "x"}},
        "power_t must be at least 0",
    ),
    (
        (*TRAINER, "schedule"),
        {"schedule": "Cosine", "config": {"n_steps": 0, "final": 0.0}},
        "n_steps must be None or a whole number of at least 1",
    ),
    (
        (*TRAINER, "schedule"),
        {"schedule": "WarmUp", "config": {"n_steps": 3, "then": "x", "start": 0.0}},
        "then must be None or a schedule by step",
    ),
    ((*TRAINER, "n_steps_before"), -1, "n_steps_before must be a whole number of at least 0"),
    (
        (*TRAINER, "optimizer"),
        {"optimizer": "SGD", "config": {}},
        "has the array 'optimizer.*which belongs to nothing",
    ),
]


@pytest.mark.parametrize(("path", "value", "sentence"), DESCRIPTIONS)
def test_a_description_that_is_wrong_somewhere(path, value, sentence, files, load):
    found = refused(load, changed(files["adam"], path, value))
    assert re.search(sentence, found), found


def with_header(**entries):
    def change(raw):
        header, _, data = parts(raw)
        return build({**header, **entries}, None, data)

    return change


def with_entry(**values):
    def change(raw):
        header, _, data = parts(raw)
        header["layers.0.W"] |= values
        return build(header, None, data)

    return change


def with_description(text):
    return lambda raw: build(parts(raw)[0], text, parts(raw)[2])


def with_length(length):
    return lambda raw: struct.pack("<Q", length) + raw[8:]


EMPTY = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}

CONTAINERS = {
    "empty": (lambda raw: b"", "it has 0 bytes"),
    "short": (lambda raw: raw[:7], "it has 7 bytes"),
    "no header": (lambda raw: raw[:8], "its header must have at most 0 bytes"),
    "half": (
        lambda raw: raw[: len(raw) // 2],
        "a part is missing|must end with the file|lie within",
    ),
    "without the last byte": (lambda raw: raw[:-1], "must lie within|fit into the file"),
    "one byte more": (lambda raw: raw + b"\0", "its arrays must end with the file"),
    "a pickle": (
        lambda raw: b"\x80\x04cos\nsystem\n(S'touch /tmp/x'\ntR.",
        "header must have at most",
    ),
    "length 0": (with_length(0), "its header is not JSON"),
    "length 2**63": (with_length(2**63), "its header must have at most"),
    "length 2**64 - 1": (with_length(2**64 - 1), "its header must have at most"),
    "header is a list": (lambda raw: build(b"[1, 2]"), "its header is not JSON"),
    "header is not UTF-8": (lambda raw: build(b'{"\xff": 1}'), "its header is not UTF-8"),
    "header is cut": (lambda raw: build(b'{"a": '), "its JSON is broken at character"),
    "header is deep": (
        lambda raw: build(b'{"a":' + nested(10**5).encode() + b"}"),
        "nested too deeply",
    ),
    "header has NaN": (lambda raw: build(b'{"a": NaN}'), "NaN is not JSON"),
    "header has 1e999": (lambda raw: build(b'{"a": 1e999}'), "a number must be finite"),
    "header has a long number": (
        lambda raw: build(b'{"a": ' + b"9" * 10**5 + b"}"),
        "a number must be within 64 bits",
    ),
    "header has a key twice": (lambda raw: build(b'{"a": 1, "a": 1}'), "the key 'a' occurs twice"),
    "no metadata": (lambda raw: build({}), "not a file of save_model"),
    "other metadata": (lambda raw: build({"__metadata__": {"format": "pt"}}), "not minnet's"),
    "more metadata": (
        lambda raw: build({"__metadata__": {"minnet": "{}", "format": "pt"}}),
        "unknown key 'format'",
    ),
    "metadata of a number": (lambda raw: build({"__metadata__": {"minnet": 3}}), "must be a text"),
    "description is cut": (with_description('{"format"'), "its JSON is broken"),
    "description is a list": (with_description("[]"), "the description must be an object"),
    # how deep Python's JSON goes is not the same in all versions
    "description is deep": (with_description(nested(10**4)), "nested too deeply|be an object"),
    "description has keys twice": (with_description('{"format":1,"format":1}'), "occurs twice"),
    "unknown dtype": (with_entry(dtype="O"), "dtype must be 'F64'"),
    "no dtype": (with_entry(dtype=None), "dtype must be 'F64'"),
    "other dtype": (with_entry(dtype="I64"), "must have dtype float64, got int64"),
    "shape 2**62": (with_entry(shape=[2**62, 7]), "sizes that fit into the file"),
    "shape of a product of 2**63": (with_entry(shape=[2**32, 2**31]), "sizes that fit into"),
    "negative shape": (with_entry(shape=[-6, -7]), "sizes that fit into the file"),
    "shape of floats": (with_entry(shape=[6.0, 7]), "sizes that fit into the file"),
    "shape of truth": (with_entry(shape=[True, 42]), "sizes that fit into the file"),
    "shape of 50 ones": (with_entry(shape=[1] * 50), "at most 8 sizes"),
    "other shape": (with_entry(shape=[7, 6]), r"must have shape \(6, 7\), got \(7, 6\)"),
    "more dimensions": (with_entry(shape=[6, 7, 1]), r"must have shape \(6, 7\)"),
    "larger shape": (with_entry(shape=[6, 8]), "must have 384 bytes by its shape, got 336"),
    "offsets beyond the file": (with_entry(data_offsets=[10**12, 10**12 + 336]), "must lie within"),
    "negative offsets": (with_entry(data_offsets=[-336, 0]), "must lie within"),
    "offsets that overlap": (with_entry(data_offsets=[0, 336]), "must lie end to end"),
    "reversed offsets": (
        with_entry(data_offsets=[336, 0]),
        "must have 336 bytes by its shape, got -336",
    ),
    "three offsets": (with_entry(data_offsets=[0, 1, 2]), "must lie within"),
    "a path as a name": (
        with_header(**{"../../evil": EMPTY}),
        "array '../../evil', which belongs to",
    ),
    "an absolute path": (
        with_header(**{"/etc/passwd": EMPTY}),
        "'/etc/passwd', which belongs to nothing",
    ),
    "an entry with more": (with_entry(extra=1), "has the unknown key 'extra'"),
    "an entry that is a list": (with_header(a=[]), "the array 'a' must be an object"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_is_wrong_somewhere(name, files, load):
    change, sentence = CONTAINERS[name]
    found = refused(load, change(files["adam"]))
    assert re.search(sentence, found), found


def test_a_truth_that_is_neither_0_nor_1(load, tmp_path):
    X, y = models.data("binary")
    model = models.fitted(models.classifier("lbfgs"), X, y.astype(bool))
    save_model(model, tmp_path / "model")
    raw = bytearray((tmp_path / "model").read_bytes())
    assert raw[-2:] == b"\0\1"
    raw[-1] = 2
    assert "must be of zeros and ones, got 2" in refused(load, bytes(raw))


def test_texts_that_are_none(load, files):
    raw = files["layers"]
    header, record, data = parts(raw)
    name = record["model"]["fitted"]["labels"]["classes"]["array"]
    start = header[name]["data_offsets"][0]
    beyond = data[:start] + struct.pack("<I", 0x110000) + data[start + 4 :]
    assert "must be texts" in refused(load, build(header, None, beyond))
    header, record, data = parts(files["everything"])
    entry = record["model"]["fitted"]["feature_names"]
    start, end = header[entry["bytes"]]["data_offsets"]
    assert data[start:end].decode() == "aü☃b../x"
    broken = data[:start] + b"\xff" * (end - start) + data[end:]
    assert "must be texts in UTF-8" in refused(load, build(header, None, broken))
    start, _ = header[entry["array"]]["data_offsets"]
    for lengths in ([2**62, 2**62, 2**63 - 1, 1, 0, 11], [-1, 2, 2, 2, 2, 4], [1] * 6):
        broken = data[:start] + struct.pack("<6q", *lengths) + data[start + 48 :]
        assert "lengths of texts that sum to 11" in refused(load, build(header, None, broken))


def test_bulk_is_refused_or_read(bulk, load):
    for name, raw in bulk.items():
        assert len(raw) <= MAX_HEADER + 10_000, name
        survives(load, raw)


@pytest.mark.parametrize("name", ["arrays", "keys twice", "names", "tuples"])
def test_bulk_takes_little_memory(name, bulk, load):
    tracemalloc.start()
    survives(load, bulk[name])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="of systems that can fork")
def test_the_long_fuzz_finds_nothing_in_a_few_files():
    script = Path(__file__).parent / "fuzz.py"
    done = subprocess.run(
        [sys.executable, script, "--files", "60"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 files" in done.stdout


def test_a_large_size_makes_nothing_large(files, load):
    """Layers without weights do not compare their size with the file, but make nothing of it either."""
    header, record, data = parts(files["fresh network"])
    record["model"]["network"] |= {
        "layers": [{"layer": "Dropout", "config": {}}] * 3,
        "initialized": {"n_features": 2**62, "dtype": "float64", "key": 0, "parameters": []},
    }
    tracemalloc.start()
    assert load(build(header, record, data)).sizes == [2**62] * 4
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
    record["model"]["network"]["layers"][1] = {"layer": "BatchNorm", "config": {}}
    assert "which is not there" in refused(load, build(header, record, data))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="path must be that of a file"):
        load_model(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"null (byte|character)"):
        load_model("a\0b")
    if os.path.exists("/dev/zero"):
        with pytest.raises(ValueError, match="path must be that of a file"):
            load_model("/dev/zero")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="path must be that of a file"):
            load_model(tmp_path / "pipe")


def test_an_old_file_without_a_new_argument_has_its_default(files, load):
    raw = changed(files["adam"], ("model", "params", "clip_norm"), DELETE)
    for name in ("lr_factor", "decay_factor"):
        raw = changed(raw, (*NET, "layers", 0, "config", name), DELETE)
    model = load(changed(raw, (*INIT, "parameters", 0, "decay_factor"), DELETE))
    assert model.clip_norm is None
    assert model.network_.layers[0].lr_factor == 1.0
    assert model.network_.layers[0].decay_factor is None
    assert model.network_.parameter_table[0].decay_factor == 1.0


# ---- files that a program has made


FUZZ = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(
    name=st.sampled_from(
        ["unfitted", "everything", "layers", "multilabel", "regressor", "trainer"]
    ),
    mutation=st.sampled_from(list(hostile.MUTATIONS)),
    seed=st.integers(0, 2**32),
)
def test_mutated_files(name, mutation, seed, files, load):
    survives(load, hostile.MUTATIONS[mutation](files[name], random.Random(seed)))


@FUZZ
@given(
    edits=st.lists(st.tuples(st.integers(0, 10**5), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_flipped_bits(edits, files, load):
    raw = bytearray(files["layers"])
    for place, bits in edits:
        raw[place % len(raw)] ^= bits
    survives(load, bytes(raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["tuple", "dict", "float", "array", "of", "shape", "config", "layer", "loss"]
            )
            | st.text(max_size=5),
            inside,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@FUZZ
@given(place=st.integers(0, 10**4), value=JSON)
def test_any_json_anywhere(place, value, files, load):
    header, record, data = parts(files["everything"])
    found = hostile.places(record)
    inside, key = found[place % len(found)]
    inside[key] = value
    survives(load, build(header, record, data))


@FUZZ
@given(
    st.binary(max_size=300)
    | st.builds(lambda b: struct.pack("<Q", len(b)) + b, st.binary(max_size=99))
)
def test_any_bytes(load, raw):
    survives(load, raw)


def test_a_loaded_model_that_was_changed_inside_its_bounds_still_predicts(files, load):
    """Numbers of the weights are anyone's; what comes of them are numbers, or an error."""
    header, record, data = parts(files["adam"])
    X, _ = models.data("multiclass")
    for seed in range(20):
        noise = bytearray(data)
        for name, entry in header.items():
            if name.startswith(("layers.", "optimizer.")):
                start, end = entry["data_offsets"]
                numbers = np.frombuffer(random.Random(seed).randbytes(end - start)).copy()
                numbers[~np.isfinite(numbers)] = 1
                numbers = np.abs(numbers) if name.startswith("optimizer.1") else numbers
                noise[start:end] = numbers.tobytes()
        model = load(build(header, record, bytes(noise)))
        with np.errstate(all="ignore"):
            finite = np.isfinite(model.network_.forward(X)).all()
        if finite:
            assert model.predict_proba(X).shape == (len(X), 3)
        else:
            with pytest.raises(ValueError, match="X must give finite numbers in every layer"):
                model.predict_proba(X)


def test_the_description_is_plain_json(files):
    for raw in files.values():
        header, record, _ = parts(raw)
        assert json.dumps(header).isascii()
        assert list(record) == ["format", "minnet", "model"]
