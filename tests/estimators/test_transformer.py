"""Hidden layers as features: activations(X, layer=) and MinNetTransformer."""

import joblib
import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import SKLEARN, knows_columns

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    MinNetTransformer,
    load_model,
    save_model,
)
from minnet.backends import list_backends, make_backend
from minnet.estimators.architecture import first_layers
from minnet.layers import Layer

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

LAYERS = [
    LayerNorm(),
    Dense(12, "tanh"),
    Dropout(0.5),
    Dense(7),
    BatchNorm("relu"),
    Dropout(0.3),
    Dense(5, "softsign"),
]


class Twice(Layer):
    """An own layer, which no compiled backend has."""

    def forward(self, X, ctx):
        return 2 * X

    def backward(self, dY, ctx):
        return 2 * dY


@pytest.fixture(scope="module", params=list_backends())
def fitted(request, iris):
    X, y = iris
    options = {"max_iter": 5, "random_state": 0, "backend": request.param}
    return MinNetClassifier(layers=LAYERS, **options).fit(X, y)


# ---- activations


@pytest.mark.parametrize(
    ("layer", "position"),
    [(0, 2), (1, 5), (2, 6), (-1, 6), (-2, 5), (-3, 2), (np.int64(1), 5)]
    + [(f"layers[{i}]", i) for i in range(8)],
)
def test_activations_are_those_of_the_layer(fitted, iris, layer, position):
    X, _ = iris
    Y, expected = X, None
    for i, of in enumerate(fitted.network_.layers[: position + 1]):  # the formulas, for inference
        if isinstance(of, Dense):
            Y = of.activation(Y @ of.W + of.b)
        elif isinstance(of, BatchNorm):
            scaled = (Y - of.running_mean) / np.sqrt(of.running_var + of.epsilon)
            Y = of.activation(of.gamma * scaled + of.beta)
        elif isinstance(of, LayerNorm):
            of_row = (Y.T - Y.mean(axis=1)) / np.sqrt(Y.var(axis=1) + of.epsilon)
            Y = of.activation(of.gamma * of_row.T + of.beta)
        expected = Y if i == position else None
    got = fitted.activations(X, layer)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_last_hidden_layer_is_the_default(fitted, iris):
    np.testing.assert_array_equal(fitted.activations(iris[0]), fitted.activations(iris[0], 2))


def test_the_last_layer_gives_the_logits(fitted, iris):
    Z = fitted.activations(iris[0], "layers[7]")
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(P, fitted.predict_proba(iris[0]), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("layer", [3, -4, "layers[8]", "layers[-1]", "dense", 1.5, None, True, ""])
def test_no_such_layer(fitted, iris, layer):
    with pytest.raises(ValueError, match=r"layer must .*got"):
        fitted.activations(iris[0], layer)


def test_a_linear_model_has_no_hidden_layer(iris):
    clf = MinNetClassifier(layers=[], max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match="the network has none"):
        clf.activations(iris[0])
    assert clf.activations(iris[0], "layers[0]").shape == (150, 3)


def test_only_of_fitted(iris):
    with pytest.raises(NotFittedError):
        MinNetClassifier().activations(iris[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", list_backends())
def test_dtype_is_that_of_the_fit(iris, dtype, backend):
    X, y = iris[0].astype(dtype), iris[1]
    clf = MinNetClassifier((9,), max_iter=2, backend=backend).fit(X, y)
    assert clf.activations(X).dtype == dtype
    assert clf.activations(X.astype("float64")).dtype == dtype


@pytest.mark.parametrize("format", ["csr", "csc"])
def test_sparse_as_dense(iris, format):
    X, y = iris
    X = X * (X > 0)
    clf = MinNetClassifier((9, 4), max_iter=3).fit(X, y)
    S = sparse.csr_array(X).asformat(format)
    np.testing.assert_allclose(clf.activations(S, 0), clf.activations(X, 0), rtol=1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_blocks_of_rows(iris, kind):
    clf = MinNetClassifier((9, 64), max_iter=2, random_state=0).fit(*iris)
    X = np.tile(iris[0], (50, 1))  # 7500 rows, of which 2048 make a block
    once = clf.activations(iris[0])
    np.testing.assert_allclose(clf.activations(kind(X)), np.tile(once, (50, 1)), rtol=1e-12)


def test_layers_after_it_are_not_computed(iris):
    clf = MinNetClassifier((9, 5, 4), max_iter=2, backend="numpy").fit(*iris)

    def fail(X, ctx):
        raise AssertionError("computed")

    clf.network_.layers[2].forward = fail
    assert clf.activations(iris[0], 1).shape == (150, 5)
    with pytest.raises(AssertionError, match="computed"):
        clf.activations(iris[0], 2)


@pytest.mark.skipif("cython" not in list_backends(), reason="not built")
def test_layers_before_an_own_one_are_compiled(iris):
    layers = [Dense(9, "tanh"), Dense(5, "relu"), Twice()]
    clf = MinNetClassifier(layers=layers, max_iter=2, random_state=0).fit(*iris)
    assert make_backend("cython", clf.network_).layers is None
    assert make_backend("cython", first_layers(clf.network_, 2)).layers is not None
    np.testing.assert_allclose(
        2 * clf.activations(iris[0], "layers[1]"),
        clf.activations(iris[0], "layers[2]"),
        rtol=1e-12,
        atol=1e-14,  # of sums that cancel
    )


def test_they_follow_the_weights(iris):
    X, y = iris
    clf = MinNetClassifier((9,)).partial_fit(X, y, classes=[0, 1, 2])
    before = clf.activations(X)
    clf.partial_fit(X, y)
    W, b = clf.coefs_[0], clf.intercepts_[0]
    np.testing.assert_allclose(clf.activations(X), np.maximum(X @ W + b, 0), rtol=1e-12)
    assert not np.array_equal(before, clf.activations(X))


# ---- the transformer


def test_transform_is_activations(iris):
    X, y = iris
    network = MinNetClassifier((9, 4), max_iter=5, random_state=0)
    features = MinNetTransformer(network, layer=0).fit(X, y)
    assert not hasattr(network, "network_")
    np.testing.assert_array_equal(features.transform(X), network.fit(X, y).activations(X, 0))
    # Another layer of the same fit.
    features.set_params(layer=-1)
    np.testing.assert_array_equal(features.transform(X), network.activations(X))
    assert list(features.get_feature_names_out()) == [f"minnettransformer{i}" for i in range(4)]


def test_of_a_regressor(numbers):
    X, y = numbers
    network = MinNetRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0)
    features = MinNetTransformer(network).fit_transform(X, y)
    np.testing.assert_array_equal(features, network.fit(X, y).activations(X))


def test_frozen_estimator_is_used_as_it_is(iris):
    X, y = iris
    clf = MinNetClassifier((9,), max_iter=5).fit(X, y)
    before = clf.coefs_[0].copy()
    features = MinNetTransformer(FrozenEstimator(clf)).fit(X[:60], 1 - (y[:60] > 0))
    np.testing.assert_array_equal(features.transform(X), clf.activations(X))
    np.testing.assert_array_equal(clf.coefs_[0], before)
    again = clone(features).fit(X, y)
    assert again.estimator_.estimator is clf


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(iris, library):
    frames = pytest.importorskip(library)
    if not knows_columns(library):
        pytest.skip("a scaler that does not know this polars' columns: scikit-learn before 1.9")
    X, y = iris
    names = ["a", "b", "c", "d"]
    frame = frames.DataFrame({name: X[:, i] for i, name in enumerate(names)})
    network = MinNetClassifier((3,), max_iter=3, random_state=0)
    pipe = make_pipeline(StandardScaler(), MinNetTransformer(network)).set_output(transform=library)
    out = pipe.fit(frame, y).transform(frame)
    assert isinstance(out, frames.DataFrame)
    assert list(out.columns) == ["minnettransformer0", "minnettransformer1", "minnettransformer2"]
    assert list(pipe[-1].feature_names_in_) == names
    np.testing.assert_array_equal(out.to_numpy(), pipe[-1].estimator_.activations(
        pipe[0].transform(frame)))  # fmt: skip
    with pytest.raises(ValueError, match="The feature names should match"):
        pipe.transform(frame[["b", "a", "c", "d"]])


def test_in_a_search(iris):
    X, y = iris
    pipe = Pipeline(
        [
            ("net", MinNetTransformer(MinNetClassifier((8, 4), max_iter=20, random_state=0))),
            ("clf", LogisticRegression()),
        ]
    )
    grid = {"net__layer": [0, -1], "net__estimator__activation": ["tanh", "relu"]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.6
    assert search.best_estimator_[0].transform(X).shape[1] in (8, 4)


def test_metadata_is_routed(iris):
    X, y = iris
    X_val, y_val = X[::2] + 5, y[::2]
    sample_weight = np.arange(150.0)
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False).fit(X + 5)
        network = MinNetClassifier((8,), max_iter=6, random_state=0).set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        pipe = Pipeline(
            [("scale", clone(scaler)), ("net", MinNetTransformer(network))],
            transform_input=["X_val"],
        )
        pipe.fit(X + 5, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)
    alone = clone(network).fit(
        scaler.transform(X + 5), y, sample_weight, X_val=scaler.transform(X_val), y_val=y_val
    )
    inside = pipe[-1].estimator_
    np.testing.assert_array_equal(inside.coefs_[0], alone.coefs_[0])
    assert inside.validation_loss_curve_ == alone.validation_loss_curve_


def test_metadata_without_routing(iris):
    X, y = iris
    sample_weight = np.arange(150.0)
    network = MinNetClassifier((8,), max_iter=3, random_state=0)
    features = MinNetTransformer(network).fit(X, y, sample_weight=sample_weight)
    np.testing.assert_array_equal(
        features.transform(X), network.fit(X, y, sample_weight).activations(X)
    )


def test_bad_layers_are_told_before_the_fit(iris):
    X, y = iris
    network = MinNetClassifier((8,), max_iter=3)
    features = MinNetTransformer(network).fit(X, y)
    before = features.estimator_
    features.set_params(layer=1, estimator__solver="no solver")
    with pytest.raises(ValueError, match="layer must be from -1 to 0 for 1 hidden layer, got 1"):
        features.fit(X, y)
    assert features.estimator_ is before
    frozen = MinNetTransformer(FrozenEstimator(before), layer=5)
    with pytest.raises(ValueError, match="layer must be from -1 to 0"):
        frozen.fit(X, y)
    assert not hasattr(frozen, "estimator_")


def test_a_layer_that_is_not_there_after_the_fit(iris):
    features = MinNetTransformer(MinNetClassifier((8,), max_iter=2)).fit(*iris)
    features.set_params(layer=7)
    for call in (lambda: features.transform(iris[0]), features.get_feature_names_out):
        with pytest.raises(ValueError, match="layer must be from -1 to 0"):
            call()
    html = features._repr_html_()  # is shown all the same
    assert SKLEARN < (1, 9) or "Fitted attributes" in html
    assert "minnet-net" not in html


def test_only_for_networks(iris):
    with pytest.raises(ValueError, match="estimator"):
        MinNetTransformer(LogisticRegression()).fit(*iris)
    features = MinNetTransformer(MinNetClassifier((8,)))
    with pytest.raises(NotFittedError):
        features.transform(iris[0])
    assert not hasattr(features, "n_features_in_")


def test_its_network_is_drawn_up_to_the_layer(iris):
    features = MinNetTransformer(MinNetClassifier((8, 4), max_iter=2), layer=0)
    assert "minnet-net" not in features._repr_html_()
    html = features.fit(*iris)._repr_html_()
    assert 'aria-label="MinNetTransformer: 4 inputs, 1 layer, 40 parameters"' in html
    assert "40 parameters; the first 1 of 3 layers; float64" in html


def test_saving(iris, tmp_path):
    features = MinNetTransformer(MinNetClassifier((8,), max_iter=2)).fit(*iris)
    joblib.dump(features, tmp_path / "features.joblib")
    loaded = joblib.load(tmp_path / "features.joblib")
    np.testing.assert_array_equal(loaded.transform(iris[0]), features.transform(iris[0]))
    with pytest.raises(TypeError, match=r"got a MinNetTransformer: joblib.dump keeps anything"):
        save_model(features, tmp_path / "features.minnet")
    save_model(features.estimator_, tmp_path / "network.minnet")
    frozen = MinNetTransformer(FrozenEstimator(load_model(tmp_path / "network.minnet"))).fit(*iris)
    np.testing.assert_array_equal(frozen.transform(iris[0]), features.transform(iris[0]))
