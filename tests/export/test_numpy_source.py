"""The exported file, run by a Python that cannot import minnet, SciPy or scikit-learn."""

import subprocess
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
    OwnLayer,
    X,
    classifier,
    coded_rows,
    fitted,
    network,
    pieces,
    regressor,
    wide_rows,
)

from minnet import Dense, MinNetClassifier, MinNetRegressor, Network
from minnet.activations import Elu, LeakyRelu
from minnet.export import to_numpy_source
from minnet.losses import Quantile, SquaredError

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}

RUNNER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"minnet", "minnet_ext", "scipy", "sklearn", "joblib", "onnx"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import importlib.util
import numpy as np

spec = importlib.util.spec_from_file_location("model", sys.argv[1])
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)
X = np.load(sys.argv[2])
results = {"classes": np.asarray(getattr(model, "CLASSES", [])).astype("U")}
for name in ("forward", "predict", "predict_proba"):
    if hasattr(model, name):
        results[name] = getattr(model, name)(X)
assert not {"minnet", "scipy", "sklearn"} & {name.split(".")[0] for name in sys.modules}
np.savez(sys.argv[3], **results)
"""


def names_of(model, **arguments):
    """Return the names that the file defines, run here."""
    names = {}
    exec(compile(to_numpy_source(model, **arguments), "exported", "exec"), names)
    return names


def assert_close(found, expected, dtype):
    """Assert that the figures agree, in parts of the largest of their row or of 1."""
    assert found.shape == expected.shape
    assert found.dtype == dtype
    size = np.maximum(np.abs(expected).max(axis=-1, keepdims=True), 1)
    assert np.abs((found - expected) / size).max() <= TOLERANCE[dtype]


def run_alone(path, rows, folder):
    """Return what the file gives in a process of its own, from an empty folder."""
    np.save(folder / "X.npy", rows)
    subprocess.run(
        [sys.executable, "-I", "-c", RUNNER, str(path), "X.npy", "results.npz"],
        cwd=folder,
        check=True,
    )
    return np.load(folder / "results.npz")


# ---- in another process


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("labels", ["binary", "multiclass str", "multilabel", "one class"])
def test_classifiers_run_alone(labels, dtype, tmp_path):
    clf = classifier(LABELS[labels], dtype, activation="gelu", batch_norm=True, dropout=0.2)
    rows = X.astype(dtype)
    to_numpy_source(clf, tmp_path / "model.py")
    found = run_alone(tmp_path / "model.py", rows, tmp_path)
    np.testing.assert_array_equal(found["predict"], clf.predict(rows))
    assert_close(found["predict_proba"], clf.predict_proba(rows), dtype)
    assert_close(found["forward"], clf.network_.forward(rows), dtype)
    np.testing.assert_array_equal(found["classes"], clf.classes_.astype("U"))


def test_regressors_run_alone(tmp_path):
    reg = regressor(np.abs(NUMBERS), loss="poisson", activation="silu")
    to_numpy_source(reg, tmp_path / "model.py")
    found = run_alone(tmp_path / "model.py", X, tmp_path)
    assert_close(found["predict"], reg.predict(X), "float64")
    assert "predict_proba" not in found


def test_every_activation_in_one_network_runs_alone(tmp_path):
    net = Network([*(Dense(5, name) for name in ACTIVATIONS), Dense(3)]).initialize(
        4, random_state=0
    )
    to_numpy_source(net, tmp_path / "model.py")
    found = run_alone(tmp_path / "model.py", X, tmp_path)
    assert_close(found["predict"], net.predict(X), "float64")


# ---- layers, activations, links


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, LeakyRelu(0.3), Elu(2.5)], ids=str)
def test_activations(activation, dtype):
    net = network(activation, dtype)
    rows = wide_rows(dtype)
    with np.errstate(over="raise", invalid="raise"):
        assert_close(names_of(net)["predict"](rows), net.predict(rows), dtype)


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
    names = names_of(net)
    assert_close(names["predict"](rows), net.predict(rows), dtype)
    assert_close(names["forward"](rows), net.forward(rows), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("columns", COLUMNS)
def test_piecewise_linear(columns, within, dtype, tmp_path):
    net, rows = pieces(columns, dtype, within), coded_rows(dtype)
    assert_close(names_of(net)["predict"](rows), net.predict(rows), dtype)
    other = "float64" if dtype == "float32" else "float32"
    expected = net.astype(other).predict(rows)
    assert_close(names_of(net, dtype=other)["predict"](rows), expected, other)
    if columns == "all" and not within:
        to_numpy_source(net, tmp_path / "model.py")
        found = run_alone(tmp_path / "model.py", rows, tmp_path)
        assert_close(found["forward"], net.forward(rows), dtype)


@pytest.mark.parametrize("labels", LABELS)
def test_labels_are_kept(labels):
    clf = classifier(LABELS[labels])
    names = names_of(clf)
    found = names["predict"](X)
    np.testing.assert_array_equal(found, clf.predict(X))
    assert found.dtype == clf.predict(X).dtype
    assert names["CLASSES"].dtype == clf.classes_.dtype
    assert_close(names["predict_proba"](X), clf.predict_proba(X), "float64")


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressors_keep_their_shape(n_outputs):
    y = NUMBERS[:, 0] if n_outputs == 1 else NUMBERS
    reg = regressor(y)
    assert_close(names_of(reg)["predict"](X), reg.predict(X), "float64")


def test_weights_are_exact_to_the_bit():
    for dtype in DTYPES:
        net = network("tanh", dtype)
        net.layers[0].W[0, :3] = [-0.0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]
        names = names_of(net)
        for number, layer in enumerate([net.layers[i] for i in (0, 1, 3, 4)], start=1):
            for name in ("W", "b", "gamma", "beta"):
                if hasattr(layer, name):
                    found = names[f"{name}{number}"]
                    assert found.tobytes() == np.ascontiguousarray(getattr(layer, name)).tobytes()
                    assert found.dtype == dtype


def test_dtype():
    clf = classifier(CLASS)
    names = names_of(clf, dtype="float32")
    assert_close(names["predict_proba"](X), clf.predict_proba(X).astype("float32"), "float32")


@pytest.mark.parametrize("given", ["float16", "float32", "int64"])
def test_other_dtypes_are_converted_as_by_the_model(given):
    clf = classifier(CLASS)
    rows = (3 * X).astype(given)
    assert_close(names_of(clf)["predict_proba"](rows), clf.predict_proba(rows), "float64")


def test_huge_weights():
    net = network("tanh", "float64", "softmax_cross_entropy")
    net.layers[-1].W[...] *= 1e300
    rows = wide_rows("float64")
    assert_close(names_of(net)["predict"](rows), net.predict(rows), "float64")


# ---- what goes in


def test_bad_X():
    names = names_of(classifier(CLASS))
    for rows in (X[:, :3], X[0], X[np.newaxis], []):
        with pytest.raises(ValueError, match=r"^X must have shape \(n_samples, 4\), got "):
            names["predict"](rows)
    for value in (np.nan, np.inf):
        rows = X.copy()
        rows[3, 2] = value
        with pytest.raises(ValueError, match=r"^X must be finite, got NaN or infinity$"):
            names["predict_proba"](rows)


def test_bad_X_for_a_single_class():
    with pytest.raises(ValueError, match=r"^X must have shape"):
        names_of(classifier(np.zeros(60)))["predict"](X[:, :2])


def test_feature_names():
    frame = pd.DataFrame(X, columns=[*"abcd"])
    clf = fitted(MinNetClassifier((3,), max_iter=2), CLASS, frame)
    names = names_of(clf)
    assert names["FEATURE_NAMES"] == [*"abcd"]
    np.testing.assert_array_equal(names["predict"](frame), clf.predict(frame))
    np.testing.assert_array_equal(names["predict"](X), clf.predict(frame))
    with pytest.raises(ValueError, match=r"columns \['a', 'b', 'c', 'd'\], got \['d'"):
        names["predict"](frame[[*"dcba"]])


HOSTILE = [
    "'", '"', "'''", '"""', "\\", "\\'", '\\"""', "{}", "{0}", "%s", "\n", "\r", "\x00x", "\u2028",
    "\u202e", "\ud800", "'); import os; os.abort() #", '"""\nraise SystemExit\n"""',
    "\n\nraise SystemExit\n", "__import__('os').abort()", "# -*- coding: utf-7 -*-", "+AGEAOw-", "a" * 500,
]  # fmt: skip


def test_hostile_labels_are_literals():
    labels = np.array(HOSTILE)
    y = labels[np.arange(60) % len(labels)]
    for kept in (y, y.astype(object)):
        clf = classifier(kept)
        names = names_of(clf)
        assert names["CLASSES"].tolist() == clf.classes_.tolist() == sorted(set(labels.tolist()))
        assert_close(names["predict_proba"](X), clf.predict_proba(X), "float64")


def test_hostile_feature_names_are_literals(tmp_path):
    names = HOSTILE[:-1]
    rows = np.random.default_rng(0).normal(size=(60, len(names)))
    reg = fitted(
        MinNetRegressor(hidden_layer_sizes=3, max_iter=2),
        NUMBERS,
        # Arrow's strings, which pandas takes where pyarrow is installed, have no lone surrogates.
        pd.DataFrame(rows, columns=pd.Index(names, dtype=object)),
    )
    assert names_of(reg)["FEATURE_NAMES"] == names
    to_numpy_source(reg, tmp_path / "model.py")
    found = run_alone(tmp_path / "model.py", rows, tmp_path)
    assert_close(found["predict"], reg.network_.predict(rows), "float64")


class Loud(str):
    """A str whose printed form would be code."""

    def __repr__(self):
        return "__import__('os').abort()"

    __str__ = __format__ = __repr__


def test_a_label_cannot_write_its_own_literal():
    classes = np.array([Loud("a"), Loud("b")], dtype=object)
    clf = classifier(classes[CLASS % 2])
    clf.classes_ = classes  # what sklearn would keep of them is its own affair
    source = to_numpy_source(clf)
    assert "abort" not in source
    assert names_of(clf)["CLASSES"].tolist() == ["a", "b"]


@pytest.mark.parametrize("label", [None, b"bytes", (1, 2), 1j, np.nan, np.inf])
def test_labels_that_are_no_literals(label):
    clf = classifier(CLASS > 0)
    clf.classes_ = np.empty(2, dtype=object)
    clf.classes_[:] = ["a", label]
    with pytest.raises(
        TypeError, match=r"^labels must be strings or numbers to be written in Python"
    ):
        to_numpy_source(clf)


# ---- the file


def test_file(tmp_path):
    clf = classifier(LABELS["multiclass str"])
    source = to_numpy_source(clf, tmp_path / "model.py")
    assert (tmp_path / "model.py").read_text(encoding="utf-8") == source
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"]
    assert source == to_numpy_source(clf)


def test_a_failed_export_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.py"
    path.write_text("old")
    with pytest.raises(TypeError, match="got OwnLayer"):
        to_numpy_source(Network([OwnLayer(), Dense(1)], "squared_error").initialize(3), path)
    assert path.read_text() == "old"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        to_numpy_source(classifier(CLASS), tmp_path / "nowhere" / "model.py")


def test_only_what_is_needed_is_written():
    source = to_numpy_source(regressor(NUMBERS))
    assert "def relu" in source
    for name in ("sigmoid", "softmax", "gelu", "import math", "CLASSES", "FEATURE_NAMES"):
        assert name not in source
    assert max(map(len, source.splitlines())) <= 100


def test_linear_models():
    reg = regressor(NUMBERS, hidden_layer_sizes=())
    assert_close(names_of(reg)["predict"](X), reg.predict(X), "float64")
