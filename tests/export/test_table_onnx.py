"""Models of tables in onnxruntime: every kind of column, with missing and unknown values."""

import json

import numpy as np
import pytest
from table_models import COLUMNS, FRAME, KINDS, N, strange, tabular, target
from test_onnx_export import session

from minnet import TableEncoder, TabularClassifier
from minnet.export import to_onnx

pytestmark = pytest.mark.dev


def feed(exported, X):
    """Return what onnxruntime gets: each column as its input wants it, as a user would make it."""
    inputs = session(exported).get_inputs()
    dtypes = {"tensor(float)": np.float32, "tensor(double)": np.float64}
    if [given.name for given in inputs] == ["X"]:
        return {"X": np.asarray(X, dtype=dtypes[inputs[0].type])}
    fed = {}
    for given, column in zip(inputs, np.asarray(X, dtype=object).T, strict=True):
        assert given.shape == ["n_samples", 1]
        if given.type == "tensor(string)":
            fed[given.name] = np.array(list(map(str, column)), dtype=object)[:, None]
        else:
            numbers = [np.nan if value is None else value for value in column]
            fed[given.name] = np.array(numbers, dtype=dtypes[given.type])[:, None]
    return fed


def check(model, X, dtype=None, tolerance=1e-6):
    exported = to_onnx(model, dtype=dtype)
    found = session(exported).run(None, feed(exported, X))
    assert found[-1].dtype == (dtype or "float32")
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(found[0], model.predict(X))
        expected = model.predict_proba(X)
    else:
        expected = (model.predict if hasattr(model, "predict") else model.transform)(X)
    expected = np.asarray(expected).reshape(len(X), -1)
    size = np.maximum(np.abs(expected).max(axis=0), 1)
    assert np.abs((found[-1] - expected) / size).max() < tolerance
    return exported


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("output", ["encoded", "structured", "sparse"])
@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_alone(name, output, dtype):
    X = FRAME[["number", name]] if name != "number" else FRAME[["number"]]
    encoder = TableEncoder(output=output, bins=5, min_frequency=3).fit(X)
    dense = TableEncoder(output="structured" if output == "structured" else "encoded")
    dense.set_params(bins=5, min_frequency=3).fit(X)
    exported = to_onnx(encoder, dtype=dtype)
    for rows in (X, strange()[list(X)]):
        (found,) = session(exported).run(None, feed(exported, rows))
        np.testing.assert_allclose(found, dense.transform(rows), atol=5e-5)


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_columns_together(kind, dtype):
    model = tabular(kind, FRAME)
    exported = check(model, FRAME, dtype)
    check(model, strange(), dtype)
    check(model, strange()[:1], dtype)
    inputs = [given.name for given in exported.graph.input]
    assert inputs == list(FRAME)
    outputs = ["variable"] if kind.startswith("number") else ["label", "probabilities"]
    assert [given.name for given in exported.graph.output] == outputs


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_alone_are_one_input(kind):
    X = FRAME[["number", "gaps", "whole", "same", "void"]]
    for rows in (X, X.to_numpy().astype(np.float32)):
        model = tabular(kind, rows, n_members=1, bins=None)
        exported = check(model, rows)
        assert [given.name for given in exported.graph.input] == ["X"]
    check(tabular(kind, np.ones((N, 2))), np.ones((4, 2)))


def test_a_calibrated_classifier():
    model = tabular("multiclass", FRAME, calibrate=True)
    assert model.temperature_ != 1
    check(model, FRAME)


def test_columns_without_names_and_names_that_others_have():
    model = tabular("binary", FRAME.to_numpy(object))
    exported = check(model, FRAME.to_numpy(object))
    assert [given.name for given in exported.graph.input] == [
        f"x{i}" for i in range(FRAME.shape[1])
    ]
    names = ["label", "probabilities", "", "Cast_0", "constant_0", "variable", "x2", "a b"]
    X = FRAME[["city", "number", "gaps", "two", "whole", "flag", "same", "rare"]].set_axis(
        names, axis=1
    )
    exported = check(tabular("binary", X), X)
    inputs = [given.name for given in exported.graph.input]
    assert inputs == [
        "label_",
        "probabilities_",
        "x2",
        "Cast_0",
        "constant_0",
        "variable_",
        "x2_",
        "a b",
    ]
    properties = {prop.key: prop.value for prop in exported.metadata_props}
    assert json.loads(properties["inputs"]) == inputs
    assert json.loads(properties["feature_names"]) == names


@pytest.mark.parametrize("opset", [13, 21])
def test_opsets(opset):
    exported = to_onnx(tabular("binary", FRAME), opset=opset)
    versions = [(o.domain, o.version) for o in exported.opset_import]
    assert versions == [("", opset), ("ai.onnx.ml", 2)]
    session(exported).run(None, feed(exported, FRAME))


def test_categories_that_onnx_cannot_tell_apart():
    for column, named in (
        ([1, "1", 2, "x"], "categories of different texts for ONNX, got 1 and '1'"),
        (["a\ud800", "b", "c", "d"], "categories in Unicode for ONNX"),
    ):
        encoder = TableEncoder().fit(np.array([column, [1, 2, 3, 4]], dtype=object).T)
        with pytest.raises(TypeError, match=f"^column 0 must have {named}"):
            to_onnx(encoder)
    encoder = TableEncoder(categorical_features=[0]).fit([[2**24], [2**24 + 1], [3]])
    with pytest.raises(
        TypeError, match="that float32 tells apart for ONNX, got 16777216 and 16777217"
    ):
        to_onnx(encoder)
    rows = np.array([[2**24], [2**24 + 1], [7]], dtype=float)
    found = session(to_onnx(encoder, dtype="float64")).run(None, {"x0": rows})[0]
    np.testing.assert_array_equal(found, encoder.transform(rows))
    with pytest.raises(ValueError, match="must have a column that varies for an export"):
        to_onnx(TableEncoder().fit(np.ones((3, 2))))


def test_a_class_of_the_users_own_is_refused():
    class Own(TabularClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, ::-1]

    model = Own(max_iter=1, n_members=1).fit(FRAME, target("binary"))
    with pytest.raises(TypeError, match=r"knows TabularClassifier\.predict_proba, got Own with a"):
        to_onnx(model)
