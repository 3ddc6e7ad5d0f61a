"""onnxruntime gives what the model gives."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from export_models import (
    ACTIVATIONS,
    CLASS,
    COLUMNS,
    DTYPES,
    LABELS,
    NUMBERS,
    X,
    classifier,
    coded_rows,
    fitted,
    network,
    pieces,
    regressor,
    wide_rows,
)
from scipy import special, stats

import minnet
from minnet import Dense, MinNetClassifier, Network
from minnet.activations import Elu, LeakyRelu
from minnet.export import onnx_model, to_onnx
from minnet.export.onnx_operators import onnx_classes
from minnet.losses import Huber, Quantile, SquaredError

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

pytestmark = pytest.mark.dev

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def session(exported):
    """Return onnxruntime's session of a model or a file."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    given = exported.SerializeToString() if isinstance(exported, onnx.ModelProto) else str(exported)
    return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def run(exported, X):
    return session(exported).run(None, {"X": X})


def assert_close(found, expected, dtype):
    """Assert that the figures agree, in parts of the largest of their row or of 1."""
    assert found.shape == expected.shape
    assert found.dtype == dtype
    size = np.maximum(np.abs(expected).max(axis=1, keepdims=True), 1)
    assert np.abs((found - expected) / size).max() <= TOLERANCE[dtype]


# ---- layers, activations, links


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, LeakyRelu(0.3), Elu(2.5)], ids=str)
def test_activations(activation, dtype):
    net = network(activation, dtype)
    rows = wide_rows(dtype)
    assert_close(run(to_onnx(net), rows)[0], net.predict(rows), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("columns", COLUMNS)
def test_piecewise_linear(columns, within, opset, dtype):
    net, rows = pieces(columns, dtype, within), coded_rows(dtype)
    assert_close(run(to_onnx(net, opset=opset), rows)[0], net.predict(rows), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_number_by_number(activation, dtype):
    net = Network([Dense(1, activation, init="ones", bias_init="zeros")], "squared_error")
    net.initialize(1, dtype=dtype)
    tiny = np.geomspace(1e-20, 1e4, 500)
    z = np.concatenate([-tiny[::-1], [0.0], tiny, np.linspace(-12, 12, 4001)])[
        :, np.newaxis
    ].astype(dtype)
    expected = net.layers[0].activation(z.astype(np.float64))
    found = run(to_onnx(net), z)[0]
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["sigmoid", "silu", "softplus", "elu", "tanh", "softsign"])
def test_small_values_keep_their_digits(activation, dtype):
    net = Network([Dense(1, activation, init="ones", bias_init="zeros")], "squared_error")
    net.initialize(1, dtype=dtype)
    z = np.concatenate([np.linspace(-80, -1, 100), -np.geomspace(1e-30, 1, 100)])[:, np.newaxis]
    z = z.astype(dtype)
    expected = net.layers[0].activation(z.astype(np.float64))
    np.testing.assert_allclose(run(to_onnx(net), z)[0], expected, rtol=TOLERANCE[dtype], atol=0)


def test_gelu_in_float64_is_right_to_the_last_digits():
    net = Network([Dense(1, "gelu", init="ones", bias_init="zeros")], "squared_error").initialize(1)
    z = np.linspace(-11, 11, 20001)[:, np.newaxis]
    expected = 0.5 * z * special.erfc(-z / np.sqrt(2))
    np.testing.assert_allclose(run(to_onnx(net), z)[0], expected, rtol=2e-13, atol=0)
    np.testing.assert_allclose(expected, z * stats.norm.cdf(z), rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_means_lose_no_digits_in_batch_normalization(dtype):
    net = network("identity", dtype)
    norm = net.layers[1]
    norm.running_mean[...] = 1000
    norm.running_var[...] = 1e-4
    rows = (np.ones((5, 4)) * 100).astype(dtype)
    assert_close(run(to_onnx(net), rows)[0], net.predict(rows), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "loss",
    [
        "softmax_cross_entropy",
        "sigmoid_cross_entropy",
        "squared_error",
        "poisson",
        "absolute_error",
        "huber",
        Quantile(0.9),
        SquaredError("softmax"),
        SquaredError("logistic"),
    ],
    ids=str,
)
def test_links_of_all_losses(loss, dtype):
    net = network("tanh", dtype, loss)
    rows = wide_rows(dtype)
    assert_close(run(to_onnx(net), rows)[0], net.predict(rows), dtype)


# ---- classifiers and regressors


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("labels", LABELS)
def test_classifiers(labels, dtype):
    y = LABELS[labels]
    clf = classifier(y, dtype)
    rows = X.astype(dtype)
    exported = to_onnx(clf)
    assert [output.name for output in exported.graph.output] == ["label", "probabilities"]
    label, probabilities = run(exported, rows)
    assert_close(probabilities, clf.predict_proba(rows), dtype)
    np.testing.assert_array_equal(label, clf.predict(rows))
    assert label.dtype == (object if "str" in labels or "object" in labels else np.int64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "loss", ["squared_error", "poisson", "absolute_error", Huber(2.0), "quantile"]
)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressors(n_outputs, loss, dtype):
    y = np.abs(NUMBERS)[:, :n_outputs]
    reg = regressor(y.ravel() if n_outputs == 1 else y, dtype, loss=loss)
    rows = X.astype(dtype)
    (found,) = run(to_onnx(reg), rows)
    assert_close(found, reg.predict(rows).reshape(-1, n_outputs), dtype)


def test_classifiers_with_a_quadratic_loss():
    for y in (CLASS, CLASS > 0):
        clf = classifier(y, loss="squared_error", activation="softsign")
        assert_close(run(to_onnx(clf), X)[1], clf.predict_proba(X), "float64")


def test_linear_models():
    clf = classifier(CLASS, hidden_layer_sizes=())
    assert_close(run(to_onnx(clf), X)[1], clf.predict_proba(X), "float64")


def test_probabilities_of_binary_classes_keep_their_digits():
    clf = classifier(CLASS > 0, hidden_layer_sizes=())
    rows = 1e4 * X
    found = run(to_onnx(clf), rows)[1]
    np.testing.assert_allclose(found, clf.predict_proba(rows), rtol=1e-9, atol=1e-300)
    assert (found.min(axis=1) < 1e-16).any()


@pytest.mark.parametrize("n_rows", [0, 1, 1000])
@pytest.mark.parametrize("labels", ["multiclass str", "binary", "multilabel", "one class"])
def test_any_number_of_rows(labels, n_rows):
    clf = classifier(LABELS[labels])
    rows = np.random.default_rng(0).normal(size=(n_rows, 4))
    label, probabilities = run(to_onnx(clf), rows)
    assert len(label) == len(probabilities) == n_rows
    if n_rows:
        np.testing.assert_array_equal(label, clf.predict(rows))


# ---- dtypes


def test_dtype():
    clf = classifier(CLASS)
    exported = to_onnx(clf, dtype="float32")
    assert_close(run(exported, X.astype(np.float32))[1], clf.predict_proba(X), "float32")


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64"])
def test_onnxruntime_refuses_other_dtypes(dtype):
    exported = session(to_onnx(classifier(CLASS)))
    with pytest.raises(Exception, match=r"Unexpected input data type"):
        exported.run(None, {"X": X.astype(dtype)})


def test_onnxruntime_refuses_other_widths():
    exported = session(to_onnx(classifier(CLASS)))
    with pytest.raises(Exception, match="invalid dimensions"):
        exported.run(None, {"X": X[:, :3]})


def test_huge_weights():
    for dtype in DTYPES:
        net = network("tanh", dtype, "softmax_cross_entropy")
        net.layers[-1].W[...] *= 1e30
        rows = wide_rows(dtype)
        found, expected = run(to_onnx(net), rows)[0], net.predict(rows)
        assert np.isfinite(found).all()
        assert_close(found, expected, dtype)


# ---- opsets, metadata, files


@pytest.mark.parametrize("opset", [13, 15, 21])
def test_opsets(opset):
    exported = to_onnx(network("gelu", "float64"), opset=opset)
    assert [(o.domain, o.version) for o in exported.opset_import] == [("", opset)]
    rows = wide_rows("float64")
    assert_close(run(exported, rows)[0], network("gelu", "float64").predict(rows), "float64")


@pytest.mark.parametrize("opset", [12, 10_000, 17.0, "17", None, True])
def test_bad_opset(opset):
    with pytest.raises(ValueError, match=r"^opset must be a whole number from 13 to"):
        to_onnx(network("relu", "float64"), opset=opset)


def test_metadata():
    names = ["a", "b", '"', "\u00e9"]
    clf = fitted(MinNetClassifier((3,), max_iter=2), CLASS, pd.DataFrame(X, columns=names))
    exported = to_onnx(clf)
    assert (exported.producer_name, exported.producer_version) == ("minnet", minnet.__version__)
    assert exported.ir_version == 8
    properties = {prop.key: prop.value for prop in exported.metadata_props}
    assert json.loads(properties["feature_names"]) == names
    assert properties["minnet_version"] == minnet.__version__
    assert (properties["model"], properties["kind"]) == ("MinNetClassifier", "multiclass")
    assert session(exported).get_modelmeta().custom_metadata_map == properties
    shape = exported.graph.input[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["n_samples", 4]


def test_file(tmp_path):
    clf = classifier(CLASS)
    exported = to_onnx(clf, tmp_path / "model.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert onnx.load(tmp_path / "model.onnx") == exported
    np.testing.assert_array_equal(run(tmp_path / "model.onnx", X)[0], clf.predict(X))
    to_onnx(regressor(NUMBERS), str(tmp_path / "model.onnx"))
    assert run(tmp_path / "model.onnx", X)[0].shape == (60, 2)


def test_the_same_model_gives_the_same_bytes():
    clf = classifier(LABELS["multiclass str"])
    assert to_onnx(clf).SerializeToString() == to_onnx(clf).SerializeToString()


def test_a_failed_export_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match="model must be"):
        to_onnx("no model", path)

    def replace(*paths):
        raise OSError(28, "disk full", *paths)

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(OSError, match="disk full") as caught:
        to_onnx(classifier(CLASS), path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_unwritable_paths(tmp_path):
    clf = classifier(CLASS)
    with pytest.raises(FileNotFoundError, match=r"nowhere.model\.onnx"):
        to_onnx(clf, tmp_path / "nowhere" / "model.onnx")
    with pytest.raises((IsADirectoryError, PermissionError)):
        to_onnx(clf, tmp_path)
    with pytest.raises(TypeError):
        to_onnx(clf, 3)
    assert list(tmp_path.iterdir()) == []


def test_too_many_parameters(monkeypatch):
    monkeypatch.setattr(onnx_model, "_LARGEST", 100)
    with pytest.raises(ValueError, match="must have less than 2 GiB of parameters for ONNX, got"):
        to_onnx(classifier(CLASS))


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'minnet-learn\[onnx\]'"):
        to_onnx(classifier(CLASS))


# ---- labels that ONNX has no type for


@pytest.mark.parametrize(
    ("classes", "named"),
    [
        (np.array([0.5, 1.5]), "whole numbers of 64 bits for ONNX, got 0.5, 1.5"),
        (np.array([1, 2**63], dtype=np.uint64), "got 1, 9223372036854775808"),
        (np.array([1e300, 2.0]), "got 1e.300, 2.0"),
        (np.array([None, "a"], dtype=object), "got None, 'a'"),
        (np.array(["a", "\ud800"]), "valid Unicode for ONNX, got '.ud800'"),
    ],
)
def test_labels_without_a_type(classes, named):
    with pytest.raises(TypeError, match=f"^labels must be .*{named}"):
        onnx_classes(classes)


def test_hostile_labels_stay_text():
    hostile = np.array(["", "a\nb", "\"'); raise SystemExit #", "\u202e"])
    clf = classifier(hostile[np.arange(60) % 4])
    np.testing.assert_array_equal(run(to_onnx(clf), X)[0], clf.predict(X))
