"""Parts of a user's own that give what they must not: who computes with them says which, and what."""

import numpy as np
import pytest

from minnet import Dense, MinNetClassifier, Network, Trainer, check_gradients
from minnet.layers import Layer, Parameter
from minnet.losses import Loss
from minnet.optimizers import Optimizer

X = np.random.default_rng(0).normal(size=(12, 4))
T = np.random.default_rng(1).normal(size=(12, 3))
WEIGHTS = np.linspace(0.5, 1.5, 12)

#: What computes with a network.
COMPUTES = {
    "forward": lambda network, T: network.forward(X),
    "forward of all": lambda network, T: network.forward(X, return_all=True),
    "predict": lambda network, T: network.predict(X),
    "gradient": lambda network, T: network.loss_and_grad(X, T),
    "weighted": lambda network, T: network.loss_and_grad(X, T, WEIGHTS),
    "objective": lambda network, T: network.objective(X, T),
    "trainer": lambda network, T: Trainer(network).run_epoch(X, T),
    "hessian": lambda network, T: network.hessian_vector_product(X, T, network.params),
}


class Mine(Layer):
    """Adds a parameter to each column, but for what is wrong with it."""

    def __init__(self, gives):
        self.gives = gives

    def parameters(self, n_inputs):
        return {"c": Parameter((n_inputs,))}

    def forward(self, X, ctx):
        return self.gives(X + self.c)

    def backward(self, dY, ctx):
        ctx.dc = dY.sum(axis=0)
        return dY


OUTPUTS = {
    "None": (lambda Y: None, "None"),
    "list": (lambda Y: Y.tolist(), "a list"),
    "narrow": (lambda Y: Y[:, :1], r"an array of shape \(12, 1\)"),
    "rows": (lambda Y: Y[:5], r"an array of shape \(5, 4\)"),
    "vector": (lambda Y: Y.mean(axis=1), r"an array of shape \(12,\)"),
    "number": (lambda Y: Y.sum(), "a float64"),
}


@pytest.mark.parametrize("deed", COMPUTES)
@pytest.mark.parametrize("gives", OUTPUTS)
@pytest.mark.parametrize("place", ["first", "before normalization", "last"])
def test_what_forward_of_a_layer_gives(gives, deed, place):
    give, got = OUTPUTS[gives]
    layers = {
        "first": [Mine(give), Dense(3)],
        "before normalization": [Mine(give), Mine(lambda Y: Y), Dense(3)],
        "last": [Dense(4), Mine(give)],
    }[place]
    network = Network(layers, "squared_error").initialize(4, random_state=0)
    targets = np.zeros((12, network.sizes[-1]))
    i = 1 if place == "last" else 0
    with pytest.raises(ValueError, match=rf"^layers\[{i}\] \(Mine\): forward must .*got {got}$"):
        COMPUTES[deed](network, targets)


class Squared(Loss):
    """Half the squared error, but for what is wrong with it."""

    name = "mine"

    def __init__(self, value=lambda losses: losses.sum(axis=1), gradient=lambda dZ: dZ):
        self.of_value, self.of_gradient = value, gradient

    def get_config(self):
        return {"value": self.of_value, "gradient": self.of_gradient}

    def value(self, Z, T):
        return self.of_value(0.5 * (Z - T) ** 2)

    def gradient(self, Z, T):
        return self.of_gradient(Z - T)


VALUES = {
    "matrix": (lambda losses: losses, r"\(12, 3\)"),
    "column": (lambda losses: losses.sum(axis=1, keepdims=True), r"\(12, 1\)"),
    "mean": (lambda losses: losses.mean(), r"\(\)"),
    "of columns": (lambda losses: losses.mean(axis=0), r"\(3,\)"),
}
GRADIENTS = {
    "vector": (lambda dZ: dZ.sum(axis=1), r"\(12,\)|\(12, 12\)"),
    "number": (lambda dZ: dZ.mean(), r"\(\)|\(12, 1\)"),
    "column": (lambda dZ: dZ[:, :1], r"\(12, 1\)"),
}


@pytest.mark.parametrize("deed", ["gradient", "weighted", "objective", "trainer"])
@pytest.mark.parametrize("value", VALUES)
def test_what_value_of_a_loss_gives(value, deed):
    give, shape = VALUES[value]
    network = Network([Dense(3)], Squared(value=give)).initialize(4, random_state=0)
    with pytest.raises(ValueError, match=rf"^value of .* must give .*\(12,\), .*got {shape}$"):
        COMPUTES[deed](network, T)


@pytest.mark.parametrize("deed", ["gradient", "weighted", "trainer", "hessian"])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_what_gradient_of_a_loss_gives(gradient, deed):
    give, shape = GRADIENTS[gradient]
    network = Network([Dense(3)], Squared(gradient=give)).initialize(4, random_state=0)
    with pytest.raises(
        ValueError, match=rf"^gradient of .* must give .*\(12, 3\), .*got ({shape})$"
    ):
        COMPUTES[deed](network, T)


def test_right_ones_compute_as_minnets_own():
    mine = Network([Dense(3)], Squared()).initialize(4, random_state=0)
    own = Network([Dense(3)], "squared_error").initialize(4, random_state=0)
    for weights in (None, WEIGHTS):
        loss, grads = mine.loss_and_grad(X, T, weights)
        expected_loss, expected_grads = own.loss_and_grad(X, T, weights)
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-12)
        np.testing.assert_allclose(grads, expected_grads, rtol=1e-12)
    assert check_gradients(mine, X, T)


# ---- what is missing


class Forgets(Mine):
    def backward(self, dY, ctx):
        return dY


def test_a_gradient_that_backward_forgets():
    network = Network([Forgets(lambda Y: Y), Dense(3)], "squared_error").initialize(4)
    for deed in ("gradient", "trainer", "hessian"):
        with pytest.raises(AttributeError, match=r"^backward must leave ctx.dc, the gradient of c"):
            COMPUTES[deed](network, T)


@pytest.mark.parametrize(
    "given", [{"c": (4,)}, [Parameter((4,))], None, Parameter((4,)), {"c": None}], ids=repr
)
def test_parameters_that_are_none(given):
    layer = type("Mine", (Layer,), {"parameters": lambda self, n: given})()
    with pytest.raises(TypeError, match=r"^layers\[0\] \(Mine\): parameters must return a dict"):
        Network([layer, Dense(3)]).initialize(4)


@pytest.mark.parametrize("given", ["a", None, 2.5, 0, -1, (4,)], ids=repr)
def test_a_size_that_is_none(given):
    layer = type("Mine", (Layer,), {"output_size": lambda self, n: given})()
    with pytest.raises(ValueError, match=r"^output_size of layers\[0\] must be a whole number"):
        Network([layer, Dense(3)]).initialize(4)


class Still(Optimizer):
    def __init__(self, rate=0.1):
        self.rate = rate

    def update(self, params, grads, rates):
        params -= rates * grads


def test_an_optimizer_without_a_rate():
    network = Network([Dense(3)]).initialize(4, random_state=0)
    for call in (
        lambda: Trainer(network, Still()),
        lambda: MinNetClassifier((3,), solver=Still()).fit(X, np.arange(12) % 3),
    ):
        with pytest.raises(TypeError, match=r"^optimizer must have a learning_rate, got Still\(\)"):
            call()


def test_the_class_of_a_loss_in_the_place_of_a_loss():
    with pytest.raises(TypeError, match=r"did you mean Squared\(\)\?"):
        Network([Dense(3)], Squared)
