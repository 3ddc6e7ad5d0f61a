"""Encoders of tables in files: every kind of column and argument comes back, what is none is refused."""

import copy
import math
import re

import hostile
import numpy as np
import pandas as pd
import pytest
from hostile import DELETE, build, changed, parts
from models import difference, table

from minnet import TableEncoder, load_model, save_model
from minnet.tables.columns import Category, Number


@pytest.fixture
def saved(tmp_path):
    """Return what a model is after it was saved and loaded."""

    def there_and_back(model):
        save_model(model, tmp_path / "model")
        return load_model(tmp_path / "model")

    return there_and_back


MIXED = np.array([[1, "x"], [2.5, True], [None, 1], [10**30, "1"], [-0.0, None]], dtype=object)

TABLES = {
    "frame": table(),
    "array": np.random.default_rng(0).normal(size=(30, 3)),
    "float32": np.random.default_rng(0).normal(size=(30, 1)).astype("float32"),
    "sparse": pytest.importorskip("scipy.sparse").random(30, 4, 0.5, "csr", random_state=0),
    "mixed": MIXED,
    "texts": np.array([["", "a\0"], ["é\ud800", "a"], ["☃", "a"]], dtype=object),
    "huge": np.array([[1e308], [-1e308], [np.inf], [0.0]]),
    "nothing varies": pd.DataFrame({"same": [1.0] * 4, "void": [np.nan] * 4, "text": ["a"] * 4}),
    "all missing": np.full((5, 2), None),
    "whole": np.array([[2**62], [2**62 + 1], [2**63 - 1]]),
}

ARGUMENTS = [
    {},
    {"bins": None, "output": "structured", "dtype": "float64"},
    {"bins": 3, "dtype": np.float64, "output": "sparse", "min_frequency": 3},
    {"bins": np.int64(2), "dtype": np.dtype("float32"), "max_categories": 2, "min_frequency": 0.2},
    {"categorical_features": [0], "dtype": float, "max_categories": None, "min_frequency": None},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("name", TABLES)
def test_an_encoder_comes_back(name, arguments, saved):
    X = TABLES[name]
    if name == "frame" and "categorical_features" in arguments:
        arguments = arguments | {"categorical_features": [0, 6]}
    encoder = TableEncoder(**arguments).fit(X)
    other = saved(encoder)
    assert difference(encoder, other) is None
    assert difference(encoder.get_feature_names_out(), other.get_feature_names_out()) is None
    if encoder.columns_:
        Z, same = encoder.transform(X), other.transform(X)
        assert type(Z) is type(same)
        dense = [
            each.toarray() if arguments.get("output") == "sparse" else each for each in (Z, same)
        ]
        assert difference(*dense) is None
    assert difference(saved(TableEncoder(**arguments)), TableEncoder(**arguments)) is None


@pytest.mark.parametrize(
    "features",
    [pd.Index(["rare", "flag"]), pd.Series([True] * 8), ("rare",), np.array([4, 6]), range(8)],
)
def test_any_form_of_categorical_features(features, saved):
    X = table()
    encoder = TableEncoder(categorical_features=features).fit(X)
    other = saved(encoder)
    assert difference(encoder.transform(X), other.transform(X)) is None
    given = other.categorical_features
    assert isinstance(given, np.ndarray) or given == features
    assert difference(saved(other), other) is None
    assert np.asarray(given).tolist() == np.asarray(features).tolist()


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_set_output_and_requests_come_back(output, saved):
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        encoder = TableEncoder().set_output(transform=output).set_fit_request(sample_weight=True)
        other = saved(encoder)
        assert str(other.get_metadata_routing()) == str(encoder.get_metadata_routing())
    assert other._sklearn_output_config == encoder._sklearn_output_config
    X = table()
    frames = [each.fit(X).transform(X) for each in (encoder, other)]
    assert type(frames[0]) is type(frames[1])


def test_thousands_of_columns_and_categories(saved, tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 2000))).rename(columns=str)
    X["ids"] = pd.Categorical([f"id {i}" for i in rng.integers(0, 10**6, 40)])
    encoder = TableEncoder().fit(X)
    assert difference(encoder, saved(encoder)) is None
    header, _, _ = parts((tmp_path / "model").read_bytes())
    assert len(header) < 20


def test_an_older_fit_does_not_come_back(saved):
    encoder = TableEncoder().fit(table())
    encoder.fit(table().to_numpy())
    assert not hasattr(saved(encoder), "feature_names_in_")


# ---- what is no encoder


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    save_model(TableEncoder(bins=4, min_frequency=3).fit(table()), path)
    return path.read_bytes()


def outcome(raw, path):
    """Return the model of a file, or the error that refuses it in a sentence."""
    path.write_bytes(raw)
    try:
        return load_model(path)
    except ValueError as error:
        found = error
    assert found.__cause__ is None
    assert "cannot be read as a model: " in str(found)
    assert "\n" not in str(found)
    return found


def refused(raw, path):
    """Return the sentence with which a file is refused."""
    found = outcome(raw, path)
    assert isinstance(found, ValueError)
    return str(found).partition("cannot be read as a model: ")[2]


WRONG = [DELETE, None, [], {}, -1, 2**62, 10**30, 0.5, "x", "__class__", {"float": "nan"}]
WRONG += [{"array": "columns.center"}, {"tuple": [1]}, [[]], {"dict": [[1, 2]]}]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_every_key_with_every_wrong_value(raw, tmp_path):
    """It is refused in a sentence, or makes an encoder that works or says why not."""
    X, (_, record, _) = table(), parts(raw)
    model = record["model"]
    keys = [("model", key) for key in model] + [("model", "fitted", key) for key in model["fitted"]]
    keys += [("model", "params", key) for key in model["params"]]
    n_refused = 0
    for key in keys:
        for value in WRONG:
            read = outcome(changed(raw, key, value), tmp_path / "model")
            if isinstance(read, ValueError):
                n_refused += 1
                continue
            assert key[1] != "fitted" or value is None or key[-1] == "feature_names", (key, value)
            if hasattr(read, "encodings_"):
                assert len(read.transform(X.to_numpy(object))) == len(X)
    assert n_refused > 120


ARRAYS = [
    ("center", math.nan, "center must be a finite number, got nan"),
    ("center", math.inf, "center must be a finite number, got inf"),
    ("scale", 0.0, "scale must be a finite number above 0, got 0.0"),
    ("scale", math.inf, "scale must be a finite number above 0, got inf"),
    ("least", math.nan, "least and most must be in their order within -3 and 3"),
    ("least", -3.5, "least and most must be in their order within -3 and 3"),
    ("most", -3.0, "least and most must be in their order within -3 and 3"),
    ("n_edges", -1, "columns.edges must have as many parts as its columns say"),
    ("n_edges", 2**62, "columns.edges must have as many parts as its columns say"),
    ("edges", math.nan, "edges must be two or more finite float32 numbers"),
    ("edges", 9.0, "edges must be in rising order"),
    ("varies", 0, "edges must be two or more finite float32 numbers, if it varies"),
    ("varies", 2, "must be of zeros and ones"),
    ("n_values", -1, "columns.types must have as many parts"),
    ("n_values", 2**63 - 1, "columns.types must have as many parts"),
    ("n_codes", 2**62, r"n_codes must be \d by its codes, got"),
    ("n_codes", -1, r"n_codes must be \d by its codes, got"),
    ("types", 4, "columns.types must be at most 3, got 4"),
    ("types", 1, "columns.texts must be the text of a int"),
    ("types", 2, "columns.texts must be the text of a float"),
    ("types", 3, "columns.texts must be the text of a bool"),
    ("lengths", -1, "lengths of texts that sum to"),
    ("lengths", 2**62, "lengths of texts that sum to"),
    ("texts", 255, "must be texts in UTF-8"),
    ("texts", ord("z"), "must be sorted, each once|the text of a bool"),
    ("is_category", 1, r"must have shape \(\d,\), got"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), ARRAYS, ids=str)
def test_every_array_with_a_wrong_number(name, value, sentence, raw, tmp_path):
    header, record, data = parts(raw)
    entry = header[f"columns.{name}"]
    dtype = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}.get(entry["dtype"], "u1")
    start, end = entry["data_offsets"]
    array = np.frombuffer(data[start:end], dtype).copy()
    array[0] = value
    broken = build(header, record, data[:start] + array.tobytes() + data[end:])
    found = refused(broken, tmp_path / "model")
    assert re.search(sentence, found), found


@pytest.mark.parametrize("change", ["missing", "shorter", "another dtype"])
def test_every_array_missing_shorter_or_of_another_dtype(change, raw, tmp_path):
    header, record, data = parts(raw)
    names = [name for name in header if name.startswith("columns.")]
    assert len(names) == 15
    for name in names:
        broken, (start, end) = copy.deepcopy(header), header[name]["data_offsets"]
        entry, size = broken[name], (end - start) // header[name]["shape"][0]
        if change == "missing":
            broken[f"{name}x"] = broken.pop(name)
        elif change == "shorter":
            entry["shape"][0] -= 1
            broken["rest"] = entry | {"shape": [1], "data_offsets": [end - size, end]}
            entry["data_offsets"] = [start, end - size]
        else:
            entry["dtype"] = {8: "U64", 4: "U32", 1: "I8"}[size]
        found = refused(build(broken, record, data), tmp_path / "model")
        assert name in found or name.removeprefix("columns.") in found or "belongs to" in found, (
            found
        )


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        (Number(0.0, -1.0, None, -3.0, 3.0, True, False), "scale must be a finite number above 0"),
        (Number(0.0, 1.0, np.array([0.0, 1.0]), -3.0, 3.0, True, False), "finite float32 numbers"),
        (Category([1.5, 1], [0, 1], 2, -1), "values must be sorted"),
        (Category([1, True], [0, 1], 2, -1), "values must be sorted"),
        (Category([(1,)], [0], 1, -1), "values must be texts and numbers"),
        (Category([math.nan], [0], 1, -1), "values must be texts and numbers"),
        (Category(["a", "b"], [0, 5], 6, -1), "codes must be those of its values"),
        (Category(["a", "b"], [1, 0], 2, -1), "codes must be those of its values"),
    ],
)
def test_what_cannot_be_read_is_not_written(encoding, sentence, tmp_path):
    encoder = TableEncoder().fit(table())
    encoder.encodings_[0] = encoding
    with pytest.raises(ValueError, match=rf"encodings_\[0\]\.{sentence}|{sentence}"):
        save_model(encoder, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_names_of_columns_that_are_the_same_are_refused(raw, tmp_path):
    header, record, data = parts(raw)
    entry = record["model"]["fitted"]["feature_names"]
    start, end = header[entry["bytes"]]["data_offsets"]
    texts = data[start:end].replace(b"flag", b"city")
    found = refused(build(header, record, data[:start] + texts + data[end:]), tmp_path / "model")
    assert "must be None or different, got 'city' again" in found


def test_a_size_that_is_huge_makes_nothing_large(raw, tmp_path):
    for value in hostile.HUGE:
        found = refused(changed(raw, ("model", "fitted", "n_features"), value), tmp_path / "model")
        assert "n_features" in found or "must have shape" in found or "within 64 bits" in found
