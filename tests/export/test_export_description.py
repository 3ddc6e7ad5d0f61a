"""What both exports refuse, and with which sentence."""

import numpy as np
import pytest
from export_models import (
    CLASS,
    NUMBERS,
    OwnClassifier,
    OwnDense,
    OwnLayer,
    OwnLink,
    OwnLoss,
    OwnTanh,
    RenamedClassifier,
    X,
    classifier,
    fitted,
    regressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import minnet
from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network
from minnet.export.description import describe_model


def initialized(*layers, loss="squared_error"):
    return Network([*layers, Dense(2)], loss).initialize(4, random_state=0)


def test_dropout_is_left_out():
    found = describe_model(initialized(Dropout(0.5), Dense(3, "tanh"), Dropout(0.5), BatchNorm()))
    assert [type(layer) for layer in found.layers] == [Dense, BatchNorm, Dense]
    assert found.sizes == [4, 3, 3, 2]
    assert (found.n_features, found.n_outputs, found.is_classifier) == (4, 2, False)


@pytest.mark.parametrize("model", [MinNetClassifier(), MinNetRegressor()])
def test_unfitted_estimator(model):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        describe_model(model)


def test_network_without_parameters():
    with pytest.raises(ValueError, match="call initialize"):
        describe_model(Network([Dense(3)]))


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (LogisticRegression(), "got LogisticRegression"),
        (None, "got NoneType"),
        (MinNetClassifier, "got ABCMeta"),
        (make_pipeline(MinNetClassifier()), r"got a Pipeline: skl2onnx .*register_skl2onnx\(\)"),
    ],
)
def test_wrong_types(model, named):
    with pytest.raises(TypeError, match=f"^model must be .*{named}"):
        describe_model(model)


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        (OwnLayer(), r"got OwnLayer as layers\[0\]"),
        (OwnDense(3), r"got OwnDense as layers\[0\]"),
        (Dense(3, OwnTanh()), r"got OwnTanh in layers\[0\]"),
        (BatchNorm(OwnTanh()), r"got OwnTanh in layers\[0\]"),
    ],
)
def test_parts_of_a_users_own(layer, named):
    with pytest.raises(TypeError, match=f"^an export knows .*{named}$"):
        describe_model(initialized(layer))


def test_a_compiled_activation_of_a_users_own():
    own = minnet.activation(derivative=lambda y: 1 - y * y, name="mine")(lambda z: np.tanh(z))
    with pytest.raises(TypeError, match=r"got mine in layers\[0\]"):
        describe_model(initialized(Dense(3, own)))


def test_losses_of_a_users_own():
    with pytest.raises(TypeError, match="got the loss OwnLink with a predict of its own"):
        describe_model(initialized(loss=OwnLink()))
    assert describe_model(initialized(loss=OwnLoss())).output == "exp"


def test_subclasses():
    with pytest.raises(TypeError, match="got OwnClassifier with a predict of its own"):
        describe_model(fitted(OwnClassifier((3,), max_iter=2), CLASS))
    assert (
        describe_model(fitted(RenamedClassifier((3,), max_iter=2), CLASS)).model
        == "MinNetClassifier"
    )


@pytest.mark.parametrize("dtype", ["float16", "int64", "nonsense", object(), 3])
def test_bad_dtype(dtype):
    with pytest.raises(ValueError, match=r"^dtype must be float32 or float64, got"):
        describe_model(initialized(), dtype)


def test_dtype_leaves_the_model_alone():
    model = regressor(NUMBERS)
    before = model.network_.params.copy()
    assert describe_model(model, "float32").layers[0].W.dtype == np.float32
    assert model.network_.params.dtype == np.float64
    np.testing.assert_array_equal(model.network_.params, before)


def test_kinds():
    assert describe_model(classifier(CLASS)).kind == "multiclass"
    assert describe_model(classifier(CLASS > 0)).kind == "binary"
    assert describe_model(regressor(NUMBERS)).kind == "regression"
    assert describe_model(classifier(CLASS)).feature_names is None
    assert X.shape[1] == describe_model(classifier(CLASS)).n_features
