"""Pipelines with models of tables through skl2onnx: an input for each column, or several in one."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from table_models import FRAME, strange, tabular, target

from minnet import MinNetClassifier, TableEncoder
from minnet.export import register_skl2onnx

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from skl2onnx.common.data_types import (  # noqa: E402
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from test_table_onnx import session  # noqa: E402

pytestmark = pytest.mark.dev

TEXTS = ("city", "two", "holes", "rare", "empty", "mixed", "constant")


@pytest.fixture(autouse=True)
def _registered():
    register_skl2onnx()


def types(numbers):
    of = {name: StringTensorType if name in TEXTS else numbers for name in FRAME}
    return [(name, kind([None, 1])) for name, kind in of.items()]


def run(model, X, numbers):
    exported = skl2onnx.convert_sklearn(
        model,
        initial_types=types(numbers),
        options={"zipmap": False} if hasattr(model, "predict_proba") else None,
    )
    fed = feed_of(exported, X)
    return session(exported).run(None, fed)


def feed_of(exported, X):
    fed = {}
    for given, name in zip(session(exported).get_inputs(), X, strict=True):
        column = X[name].tolist()
        if given.type == "tensor(string)":
            fed[given.name] = np.array(list(map(str, column)), dtype=object)[:, None]
        else:
            dtype = np.float32 if given.type == "tensor(float)" else np.float64
            fed[given.name] = np.array([np.nan if v is None else v for v in column], dtype)[:, None]
    return fed


@pytest.mark.parametrize("numbers", [FloatTensorType, DoubleTensorType])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "numbers"])
def test_estimators(kind, numbers):
    model = tabular(kind, FRAME)
    for X in (FRAME, strange()):
        found = run(model, X, numbers)
        expected = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
        size = np.maximum(np.abs(expected).max(axis=0), 1)
        assert np.abs((found[-1] - expected) / size).max() < 1e-6
        if len(found) > 1:
            np.testing.assert_array_equal(found[0], model.predict(X))


@pytest.mark.parametrize("numbers", [FloatTensorType, DoubleTensorType])
def test_an_encoder_in_a_pipeline(numbers):
    encoder = TableEncoder(bins=4)
    pipeline = make_pipeline(encoder, MinNetClassifier((5,), max_iter=2, random_state=0))
    with pytest.warns(ConvergenceWarning):
        pipeline.fit(FRAME, target("multiclass"))
    label, probabilities = run(pipeline, strange(), numbers)
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(strange()), atol=1e-5)
    np.testing.assert_array_equal(label, pipeline.predict(strange()))


def test_several_columns_in_one_input():
    X = FRAME[["number", "gaps", "whole"]].to_numpy(np.float32)
    encoder = TableEncoder(bins=4, categorical_features=[2]).fit(X)
    for given in ([("X", FloatTensorType([None, 3]))],
                  [("A", FloatTensorType([None, 2])), ("B", Int64TensorType([None, 1]))]):  # fmt: skip
        exported = skl2onnx.convert_sklearn(encoder, initial_types=given)
        fed = {"X": X} if len(given) == 1 else {"A": X[:, :2], "B": X[:, 2:].astype(np.int64)}
        (found,) = session(exported).run(None, fed)
        np.testing.assert_allclose(found, encoder.transform(X), atol=1e-5)


def test_columns_of_another_kind_are_refused():
    encoder = TableEncoder().fit(FRAME[["number", "city"]])
    for given, named in (
        ([FloatTensorType([None, 1])] * 2, "column 'city' must come in as StringTensorType"),
        ([StringTensorType([None, 1])] * 2, "column 'number' must come in as DoubleTensorType"),
    ):
        with pytest.raises(TypeError, match=named):
            skl2onnx.convert_sklearn(encoder, initial_types=list(zip("ab", given, strict=True)))
    with pytest.raises(ValueError, match="must have 2 columns together, got 1"):
        skl2onnx.convert_sklearn(encoder, initial_types=[("a", FloatTensorType([None, 1]))])
