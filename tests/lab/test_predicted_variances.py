"""Variances of weights by initializer, and of given networks, against draws and measurements."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from minnet import BatchNorm, Dense, Dropout, LayerNorm, MinNetClassifier, Network
from minnet.initializers import (
    Constant,
    FromArray,
    Normal,
    TruncatedNormal,
    Uniform,
    get_initializer,
    list_initializers,
    materialize,
)
from minnet.lab import probe
from minnet.lab.theory import MeanField, predict_variances, weight_mean, weight_variance
from minnet.layers import Layer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ---- weights


@pytest.mark.parametrize("name", [*list_initializers(), "laplace"])
def test_the_variance_of_every_initializer(name):
    if name == "laplace":
        spec = lambda shape, rng: rng.laplace(scale=0.1, size=shape)  # noqa: E731
    else:
        spec = get_initializer(name)
    fans, draws = (160, 120), []
    for seed in range(4):
        try:
            draws.append(materialize(spec, fans, rng=seed))
        except ValueError as error:
            pytest.skip(f"makes no matrix: {error}")
    W = np.concatenate(draws)
    assert_allclose(weight_variance(spec, *fans), W.var(), rtol=0.03, atol=1e-16)
    assert_allclose(weight_mean(spec, *fans), W.mean(), atol=4 * W.std() / np.sqrt(W.size) + 1e-3)


@pytest.mark.parametrize(
    ("initializer", "mean", "variance"),
    [
        (Normal(0.5, 0.2), 0.5, 0.04),
        (Uniform(0.0, 3.0), 1.5, 0.75),
        (TruncatedNormal(0.0, 1.0, -2.0, 2.0), 0.0, 0.87962566103423978**2),
        (TruncatedNormal(1.0, 2.0, 0.0, 30.0), 1 + 2 * np.sqrt(2 / np.pi), 4 * (1 - 2 / np.pi)),
        (Constant(0.1), 0.1, 0.0),
        (FromArray([[1.0, 2.0], [3.0, 6.0]]), 3.0, 3.5),
        ({"name": "orthogonal", "gain": 3.0}, 0.0, 9 / 2),
        ({"name": "sparse", "n_nonzero": 1, "std": 2.0}, 0.0, 2.0),
        ({"name": "he_normal", "mode": "fan_out"}, 0.0, 1.0),
    ],
)
def test_laws(initializer, mean, variance):
    assert_allclose(weight_mean(initializer, 2, 2), mean, atol=1e-12)
    assert_allclose(weight_variance(initializer, 2, 2), variance, atol=1e-12)


def test_mean_fields_of_initializers():
    assert_allclose(MeanField.from_initializer("standard", "tanh", 70).weight_variance, 1 / 3)
    assert_allclose(MeanField.from_initializer("glorot", "tanh", 300, 100).weight_variance, 1.5)
    # Martens: 15 weights a unit, for tanh times a quarter: 15 / 16, nearly critical
    martens = MeanField.from_initializer(
        {"name": "sparse", "std": 0.25}, "tanh", 1000, bias_init=0.5
    )
    assert_allclose(martens.weight_variance, 15 / 16)
    assert_allclose(martens.bias_variance, 0.25)
    torch = MeanField.from_initializer("torch_linear", "relu", 50, bias_init="torch_linear")
    assert_allclose([torch.weight_variance, torch.bias_variance], [1 / 3, 1 / 150])


# ---- networks

X = np.random.default_rng(1).normal(size=(300, 200))
T = np.random.default_rng(2).integers(10, size=300)


def deviations(layers, X=X, **options):
    """Return by how many standard errors the logarithms of what is measured stray."""
    network = Network(layers, **options).initialize(X.shape[1], random_state=0)
    prediction, m = predict_variances(network, X), probe(network, X, T)
    assert prediction.index.tolist() == m.index.tolist()
    assert prediction.stopped == ""
    low, high = prediction.interval(1.0)
    forward = m["Z", "rms"] ** 2
    back = m["dZ", "rms"] ** 2 / m["dZ", "rms"][prediction.reference] ** 2
    low_back, high_back = prediction.gradient_interval(1.0)
    rows = m.hidden & (np.arange(len(forward)) != prediction.reference)
    errors = np.maximum(np.log(high / low) / 2, 0.01)
    errors_back = np.log(high_back / low_back) / 2
    return (
        (np.log(forward / prediction.variances) / errors)[m.hidden],
        (np.log(back / prediction.gradient_variances)[rows] / errors_back[rows]),
    )


NETWORKS = {
    "glorot": [*(Dense(200, "tanh") for _ in range(6))],
    "widths": [*(Dense(n, "tanh", init="glorot_normal") for n in (300, 100, 250, 80))],
    "constant biases": [*(Dense(200, "relu", init="he", bias_init=0.1) for _ in range(5))],
    "sigmoid": [
        Dense(n, "sigmoid", bias_init={"name": "normal", "std": 0.3}) for n in (200, 150, 100)
    ],
    "mixed": [Dense(200, "selu"), Dense(150, "softsign"), Dense(200, "elu"), Dense(100, "gelu")],
    "dropout": [
        *(Dropout(0.1), Dense(300, "relu"), Dropout(0.3), Dense(200, "relu")),
        *(Dropout(0.5), Dense(200, "tanh")),
    ],
    "batch norm": [layer for n in (200, 150, 200) for layer in (Dense(n), BatchNorm("relu"))],
    "some batch norm": [
        *(Dense(200, "tanh"), Dense(150), BatchNorm("tanh"), Dense(200), BatchNorm("relu")),
        Dense(100, "tanh"),
    ],
    "layer norm": [layer for n in (200, 150, 200) for layer in (Dense(n), LayerNorm("relu"))],
    "some layer norm": [
        *(Dense(200, "tanh"), Dense(150), LayerNorm("tanh"), Dense(200), LayerNorm("relu")),
        Dense(100, "tanh"),
    ],
    "layer norm of activations": [
        *(Dense(200, "relu"), LayerNorm(), Dense(150, "relu"), LayerNorm(), Dense(200, "tanh")),
    ],
    "both norms": [
        *(Dense(200), BatchNorm("tanh"), Dense(150), LayerNorm("tanh"), Dense(200, "tanh")),
    ],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_predicted_is_measured(name):
    forward, backward = deviations([*NETWORKS[name], Dense(10)])
    assert (abs(forward) < 3.5).all()
    assert (abs(backward) < 3.5).all()


def test_homogeneous_networks_are_the_mean_fields():
    net = Network(
        [*(Dense(200, "tanh") for _ in range(4)), Dense(200)], init="standard", bias_init="zeros"
    )
    alike = X / np.sqrt(np.square(X).mean(axis=1, keepdims=True))
    prediction = predict_variances(net.initialize(200, random_state=0), alike)
    field = MeanField("tanh", 1 / 3)
    q = field.variances(1 / 3, 4)
    assert_allclose(prediction.variances, q)
    assert_allclose(prediction.gradient_variances[:4], field.gradient_variances(q[0], 4))
    assert prediction.reference == 3


def test_long_and_short_inputs_go_their_own_ways():
    """Half of the inputs ten times as long: the mean of tanh^2 is not tanh^2 at the mean."""
    net = Network(
        [Dense(200, "tanh"), Dense(200, "tanh"), Dense(9)], init="glorot", bias_init="zeros"
    )
    alike = X[:288] / np.sqrt(np.square(X[:288]).mean(axis=1, keepdims=True))
    lengths = np.where(np.arange(288) % 2, 0.2, 2.0)[:, np.newaxis]
    prediction = predict_variances(net.initialize(200, random_state=0), lengths * alike)
    field = MeanField("tanh")
    first = np.array([0.04, 4.0])
    second = np.array([field.variance_map(q) for q in first])
    assert_allclose(prediction.variances[1], second.mean())
    chis = np.array([[field.chi(q) for q in layer] for layer in (first, second)])
    expected = chis.prod(axis=0).mean() / chis[1].mean()
    assert_allclose(prediction.gradient_variances[0], expected)
    measured = probe(net, lengths * alike)["Z", "rms"][1] ** 2
    assert_allclose(measured, prediction.variances[1], rtol=0.1)


def test_gradients_through_batch_normalization_explode():
    """Yang et al. 2019: by pi / (pi - 1) a layer for ReLU."""
    layers = [layer for _ in range(5) for layer in (Dense(100), BatchNorm("relu"))]
    net = Network([*layers, Dense(10)]).initialize(200, random_state=0)
    prediction = predict_variances(net, X)
    normalized = prediction.gradient_variances[1:-1:2]
    assert_allclose(normalized[:-1] / normalized[1:], np.pi / (np.pi - 1), rtol=1e-3)
    assert_allclose(prediction.variances[1:-1:2], 1)
    assert_allclose(prediction.standard_errors[1:-1:2], 0)


def test_sparse_input_and_estimators():
    S = sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
    net = Network([Dense(50, "tanh"), Dense(10)]).initialize(200, random_state=0)
    assert_allclose(
        predict_variances(net, S).variances, predict_variances(net, S.toarray()).variances
    )
    clf = MinNetClassifier((50,), "tanh", random_state=0, max_iter=2, tol=1.0, n_iter_no_change=1)
    fresh = predict_variances(clf, X, T)
    assert_allclose(predict_variances(clf.fit(X, T), X).variances, fresh.variances)


class Double(Layer):
    """A layer of a user."""

    def forward(self, X, ctx):
        return 2 * X

    def backward(self, dY, ctx):
        return 2 * dY


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Double(), r"layers\[2\] is Double"),
        (
            Dense(50, "tanh", init="positive_unitball"),
            r"the weights of layers\[2\] have the mean 0.02, not 0",
        ),
        (BatchNorm("tanh", trainable=False), r"layers\[2\] is BatchNorm.*, frozen"),
    ],
)
def test_where_theory_stops(layer, reason):
    net = Network([Dense(50, "tanh"), Dense(50, "tanh"), layer, Dense(50, "tanh"), Dense(10)])
    prediction = predict_variances(net.initialize(200, random_state=0), X)
    assert np.isfinite(prediction.variances[:2]).all()
    assert np.isnan(prediction.variances[2:]).all()
    assert_allclose(prediction.gradient_variances[1], 1)
    assert re.search(reason, prediction.stopped)


@pytest.mark.parametrize(
    "init", ["lsuv", "edge_of_chaos", "nguyen_widrow", {"name": "lecun_normal", "gain": "auto"}]
)
def test_initializers_that_look_at_layer_or_data(init):
    layers = [*(Dense(200, "tanh") for _ in range(4)), Dense(3)]
    net = (
        Network(layers, init=init, bias_init="zeros")
        .initialize(200, random_state=0)
        .adapt(X, T % 3)
    )
    prediction, m = predict_variances(net, X), probe(net, X)
    assert prediction.stopped == ""
    assert_allclose(prediction.variances[:4], m["Z", "rms"][:4] ** 2, rtol=0.15)


def test_nothing_to_predict():
    net = Network([Double(), Dense(10)]).initialize(200, random_state=0)
    with pytest.raises(ValueError, match="model must have a layer that can be predicted"):
        predict_variances(net, X)


def test_batch_normalization_of_the_input():
    layers = [BatchNorm("tanh"), Dense(200, "tanh"), Dense(200, "tanh"), Dense(10)]
    net = Network(layers, bias_init="zeros").initialize(200, random_state=0)
    prediction, m = predict_variances(net, 3 * X + 1), probe(net, 3 * X + 1, T)
    assert_allclose(prediction.variances[0], 1)
    assert_allclose(m["Z", "rms"][:3] ** 2, prediction.variances[:3], rtol=0.1)
    gradients = m["dZ", "rms"][:3] ** 2 / m["dZ", "rms"][2] ** 2
    assert_allclose(gradients, prediction.gradient_variances[:3], rtol=0.2)


@pytest.mark.parametrize("of", [np.asarray, sparse.csr_matrix])
def test_layer_normalization_of_the_input(of):
    lengths = np.geomspace(0.1, 10, 300)[:, np.newaxis]
    data = 3 * lengths * X + 1
    layers = [LayerNorm("tanh"), Dense(200), LayerNorm("tanh"), Dense(200, "tanh"), Dense(10)]
    net = Network(layers, bias_init="zeros").initialize(200, random_state=0)
    prediction, m = predict_variances(net, of(data)), probe(net, data, T)
    assert_allclose(prediction.variances[[0, 2]], 1)
    assert_allclose(m["Z", "rms"][:4] ** 2, prediction.variances[:4], rtol=0.1)
    gradients = m["dZ", "rms"][:4] ** 2 / m["dZ", "rms"][3] ** 2
    assert_allclose(gradients, prediction.gradient_variances[:4], rtol=0.2)


def test_gradients_through_layer_normalization_grow_as_without():
    """By E f'^2 / E f^2 a layer: 1 for ReLU, whatever the sizes of the weights."""
    for gain in (0.1, 1.0, 10.0):
        layers = [layer for _ in range(5) for layer in (Dense(1000), LayerNorm("relu"))]
        init = {"name": "lecun_normal", "gain": gain}
        net = Network([*layers, Dense(10)], init=init).initialize(200, random_state=0)
        prediction = predict_variances(net, X)
        normalized = prediction.gradient_variances[1:-1:2]
        assert_allclose(normalized[:-1] / normalized[1:], 1, rtol=3e-3)  # less 2 of 1000 directions
        assert_allclose(prediction.standard_errors[1:-1:2], 0)


def test_a_linear_model_has_one_row():
    prediction = predict_variances(
        Network([Dense(10)], init="lecun").initialize(200, random_state=0), X
    )
    assert_allclose(prediction.variances, [np.square(X).mean()])
    assert_allclose(prediction.gradient_variances, [1.0])
