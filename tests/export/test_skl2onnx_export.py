"""Pipelines that end in minnet's estimators, exported by skl2onnx."""

import sys

import numpy as np
import pytest
from export_models import CLASS, LABELS, NUMBERS, OwnTanh, X, classifier, regressor
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from minnet import (
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    MinNetTransformer,
    PiecewiseLinear,
)
from minnet.export import register_skl2onnx, to_numpy_source, to_onnx

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType  # noqa: E402

pytestmark = [pytest.mark.dev, pytest.mark.filterwarnings("ignore")]

TENSOR = {"float32": FloatTensorType, "float64": DoubleTensorType, "int64": Int64TensorType}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(autouse=True)
def _registered():
    register_skl2onnx()


def export(model, dtype="float64", **options):
    given = [("X", TENSOR[dtype]([None, 4]))]
    options = {"options": {"zipmap": False}, **options}
    return skl2onnx.convert_sklearn(model, initial_types=given, **options)


def run(exported, X):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    given = exported.SerializeToString()
    return ort.InferenceSession(given, options, providers=["CPUExecutionProvider"]).run(
        None, {"X": X}
    )


def pipeline(model, y):
    return make_pipeline(StandardScaler(), model).fit(3 + 2 * X, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("labels", LABELS)
def test_classifiers_in_a_pipeline(labels, dtype):
    clf = MinNetClassifier((6,), "gelu", batch_norm=True, max_iter=5, random_state=0)
    model = pipeline(clf, LABELS[labels])
    rows = (3 + 2 * X).astype(dtype)
    label, probabilities = run(export(model, dtype), rows)
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(
        probabilities, model.predict_proba(rows), rtol=0, atol=TOLERANCE[dtype]
    )
    np.testing.assert_array_equal(label, model.predict(rows))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_encoded_columns_in_a_pipeline(dtype):
    layers = [PiecewiseLinear([[-1.0, 0.0, 1.0], None, 2, [0.0, 0.5]]), Dense(6, "silu")]
    model = pipeline(MinNetClassifier(layers=layers, max_iter=5, random_state=0), CLASS)
    transformer = MinNetTransformer(FrozenEstimator(model[-1]), layer="layers[0]").fit(X, CLASS)
    rows = (3 + 2 * X).astype(dtype)
    np.testing.assert_allclose(
        run(export(model, dtype), rows)[1], model.predict_proba(rows), rtol=0, atol=TOLERANCE[dtype]
    )
    (found,) = run(export(transformer, dtype, options=None), X.astype(dtype))
    np.testing.assert_allclose(found, transformer.transform(X), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regressors_in_a_pipeline(n_outputs, dtype):
    reg = MinNetRegressor(hidden_layer_sizes=6, activation="softplus", max_iter=5, random_state=0)
    model = pipeline(reg, NUMBERS[:, :n_outputs])
    rows = (3 + 2 * X).astype(dtype)
    (found,) = run(export(model, dtype, options=None), rows)
    expected = model.predict(rows).reshape(-1, n_outputs)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype])


def test_skl2onnx_to_onnx_guesses_the_type_of_the_input():
    model = pipeline(MinNetClassifier((6,), max_iter=5, random_state=0), CLASS)
    exported = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    np.testing.assert_allclose(run(exported, X)[1], model.predict_proba(X), rtol=0, atol=1e-12)


def test_whole_numbers_come_in_as_float32():
    clf = classifier(CLASS)
    rows = np.rint(3 * X).astype(np.int64)
    label, probabilities = run(export(clf, "int64"), rows)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, clf.predict_proba(rows), atol=1e-5)
    np.testing.assert_array_equal(label, clf.predict(rows))


@pytest.mark.parametrize("labels", ["binary str", "multiclass int", "multilabel"])
def test_zipmap(labels):
    clf = classifier(LABELS[labels])
    rows = X.astype(np.float32)  # onnxruntime has no ZipMap of float64
    label, dictionaries = run(export(clf, "float32", options=None), rows)
    np.testing.assert_array_equal(label, clf.predict(rows))
    found = np.array([[row[name] for name in clf.classes_] for row in dictionaries])
    np.testing.assert_allclose(found, clf.predict_proba(rows), atol=1e-5)


def test_zipmap_in_columns():
    clf = classifier(CLASS)
    label, *columns = run(export(clf, options={"zipmap": "columns"}), X)
    np.testing.assert_array_equal(label, clf.predict(X))
    np.testing.assert_allclose(np.column_stack(columns), clf.predict_proba(X), atol=1e-12)


def test_nocl_gives_indices_for_labels():
    clf = classifier(LABELS["multiclass str"])
    label, _ = run(export(clf, options={"zipmap": False, "nocl": True}), X)
    np.testing.assert_array_equal(clf.classes_[label], clf.predict(X))


def test_output_class_labels():
    clf = classifier(CLASS)
    *_, names = run(export(clf, options={"zipmap": False, "output_class_labels": True}), X)
    np.testing.assert_array_equal(names, clf.classes_)


FEATURES = {
    "classifier": lambda: MinNetClassifier(
        (6, 5), "gelu", batch_norm=True, max_iter=5, random_state=0
    ),
    "regressor": lambda: MinNetRegressor(
        layers=[Dense(6, "tanh"), Dropout(0.3), Dense(5, "selu")], max_iter=5, random_state=0
    ),
    "frozen": lambda: FrozenEstimator(
        MinNetClassifier((6, 5), max_iter=5, dropout=0.2, random_state=0).fit(X, CLASS)
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "layer", [-1, 0, 1, -2, "layers[0]", "layers[1]", "layers[2]", "layers[3]"]
)
@pytest.mark.parametrize("estimator", FEATURES)
def test_the_features_of_a_layer_before_another_step(estimator, layer, dtype):
    features = MinNetTransformer(FEATURES[estimator](), layer=layer)
    last = LogisticRegression() if estimator != "regressor" else LinearRegression()
    model = make_pipeline(StandardScaler(), features, last).fit(3 + 2 * X, CLASS)
    rows = (3 + 2 * X).astype(dtype)
    options = {} if estimator != "regressor" else {"options": None}
    found = run(export(model, dtype, **options), rows)[-1]
    expected = model.predict(rows) if estimator == "regressor" else model.predict_proba(rows)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    # Alone, and by minnet's own exports.
    scaled = model[0].transform(rows)
    expected = features.transform(scaled)
    (alone,) = run(export(features, dtype, options=None), scaled)
    (onnx,) = run(to_onnx(features, dtype=dtype), scaled)
    names: dict = {}
    exec(to_numpy_source(features, dtype=dtype), names)
    for found in (alone, onnx, names["transform"](scaled)):
        assert found.dtype == dtype
        assert found.shape == expected.shape == (len(X), features._n_features_out)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=TOLERANCE[dtype])


def test_the_features_of_others_are_refused():
    class Own(MinNetClassifier):
        def activations(self, X, layer=-1):
            return super().activations(X, layer) + 1

    with pytest.raises(TypeError, match=r"MinNetClassifier\.activations, got Own with a"):
        to_onnx(MinNetTransformer(Own((3,), max_iter=2)).fit(X, CLASS))
    with pytest.raises(NotFittedError):
        to_onnx(MinNetTransformer(MinNetClassifier()))


def test_two_networks_in_one_graph():
    members = [
        (name, MinNetClassifier((5,), name, max_iter=5, random_state=0)) for name in ("elu", "tanh")
    ]
    model = VotingClassifier(members, voting="soft", flatten_transform=False).fit(X, CLASS)
    label, probabilities = run(export(model), X)
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)


def test_grid_search():
    pipe = make_pipeline(MinMaxScaler(), MinNetClassifier((5,), max_iter=3, random_state=0))
    search = GridSearchCV(pipe, {"minnetclassifier__activation": ["relu", "selu"]}, cv=2).fit(
        X, CLASS
    )
    label, probabilities = run(export(search), X)
    np.testing.assert_array_equal(label, search.predict(X))
    np.testing.assert_allclose(probabilities, search.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("opset", [13, 15])
def test_target_opset(opset):
    clf = classifier(CLASS, activation="gelu")
    exported = export(clf, target_opset=opset)
    assert max(o.version for o in exported.opset_import if o.domain == "") <= opset
    np.testing.assert_allclose(run(exported, X)[1], clf.predict_proba(X), atol=1e-12)


def test_old_target_opset():
    with pytest.raises(ValueError, match="target_opset must be at least 13 for minnet, got 12"):
        export(classifier(CLASS), target_opset=12)


def test_parts_of_a_users_own():
    with pytest.raises(TypeError, match=r"got OwnTanh in layers\[0\]"):
        export(regressor(NUMBERS, activation=OwnTanh()), options=None)


def test_without_skl2onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="register_skl2onnx needs skl2onnx: pip install"):
        register_skl2onnx()


def test_minnet_imports_none_of_the_optional_libraries():
    import subprocess

    code = (
        "import sys, minnet.export; print({'onnx', 'skl2onnx', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
