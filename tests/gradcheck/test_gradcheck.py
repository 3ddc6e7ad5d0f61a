"""minnet.gradcheck: every derivative passes it, and wrong ones do not."""

import re

import numpy as np
import pytest
from scipy import sparse

from minnet import BatchNorm, Dense, Dropout, LayerNorm, Network, PiecewiseLinear, check_gradients
from minnet.activations import _BY_NAME, Elu, LeakyRelu, Sigmoid, Tanh, get_activation
from minnet.gradcheck import GradientCheck
from minnet.layers import Layer, Parameter
from minnet.losses import SquaredError, get_loss, list_losses

N, K = 9, 3
WEIGHTS = np.array([1, 0, 2, 0.5, 1, 3, 0, 1, 1])


@pytest.fixture(name="X")
def inputs():
    return np.random.default_rng(1).normal(size=(N, 4))


def targets(loss, X):
    loss = get_loss(loss, K)
    if loss.output == "softmax":
        return np.arange(N) % K
    return (np.abs(X[:, :K]) > 0.5).astype(float)


def initialized(layers, loss="log_loss", alpha=0.0):
    network = Network(layers, loss, bias_init={"name": "normal", "std": 0.1}, alpha=alpha)
    network.initialize(4, random_state=0)
    rng = np.random.default_rng(2)
    for layer in network.layers:
        if layer.normalizes:  # away from gamma = 1 and beta = 0
            layer.gamma, layer.beta = rng.normal(1, 0.3, (2, layer.gamma.size))
        if isinstance(layer, BatchNorm):
            layer.running_mean = rng.normal(size=layer.gamma.size)
            layer.running_var = rng.uniform(0.5, 2, layer.gamma.size)
    return network


def assert_right(network, X, T, weight=None, n_arrays=None):
    result = check_gradients(network, X, T, weight)
    assert result.ok, f"\n{result}"
    assert len(result.errors) == (n_arrays or len(network.parameter_table))
    assert all(result.n_checked.values())
    return result


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "activation", [*map(get_activation, _BY_NAME), LeakyRelu(0.3), Elu(2.0)], ids=repr
)
def test_every_activation(activation, weight, X):
    network = initialized([Dense(6, activation), Dense(5, activation), Dense(K)], alpha=0.1)
    assert_right(network, X, targets("log_loss", X), weight)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "loss", [*list_losses(), SquaredError("softmax"), SquaredError("logistic")], ids=str
)
def test_every_loss(loss, weight, X):
    network = initialized([Dense(6, "tanh"), Dense(K)], loss, alpha=0.1)
    assert_right(network, X, targets(loss, X), weight)


KNOTS = [np.linspace(-1, 1, 40), None, [-0.5, 0.1], 2]
STACKS = {
    "linear": [Dense(K)],
    "activation on the output": [Dense(5, "tanh"), Dense(K, "softsign")],
    "dropout": [Dropout(0.2), Dense(8, "tanh"), Dropout(0.5), Dense(K)],
    "batch norm": [Dense(6), BatchNorm("tanh"), Dense(K)],
    "batch norm with kinks": [Dense(6), BatchNorm("relu"), Dense(K)],
    "batch norm first and last": [BatchNorm(), Dense(K), BatchNorm("tanh")],
    "layer norm": [Dense(6), LayerNorm("tanh"), Dense(K)],
    "layer norm with kinks": [Dense(6), LayerNorm("relu"), Dense(K)],
    "layer norm first and last": [LayerNorm(), Dense(K), LayerNorm("tanh", epsilon=0.1)],
    "layer norm of one unit": [Dense(1, "tanh"), LayerNorm("silu"), Dense(K)],
    "pieces first": [PiecewiseLinear(KNOTS), Dense(6, "tanh"), Dense(K)],
    "pieces within": [Dense(4, "tanh"), PiecewiseLinear(KNOTS), Dense(K)],
    "all together": [
        BatchNorm("softsign"),
        Dense(6),
        BatchNorm("silu"),
        Dropout(0.3),
        Dense(5, "gelu"),
        LayerNorm("softsign"),
        Dense(K),
    ],
    "deep": [*[Dense(4, "lecun_tanh")] * 6, Dense(K)],
}


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("stack", STACKS)
def test_every_layer(stack, alpha, weight, X):
    network = initialized(STACKS[stack], alpha=alpha)
    assert_right(network, X, targets("log_loss", X), weight)


def test_frozen_layers_are_left_out_and_let_gradients_through(X):
    layers = [
        Dense(6, "tanh"),
        Dense(5, "tanh", trainable=False),
        BatchNorm(trainable=False),
        Dense(K),
    ]
    result = assert_right(initialized(layers, alpha=0.5), X, targets("log_loss", X), n_arrays=4)
    assert list(result.errors) == ["layers[0].W", "layers[0].b", "layers[3].W", "layers[3].b"]


def test_a_frozen_batch_norm_passes(X):
    network = initialized([Dense(6), BatchNorm("tanh", trainable=False), Dense(K)])
    assert_right(network, X, targets("log_loss", X), WEIGHTS, n_arrays=4)


def test_a_float32_network_is_checked_in_float64(X):
    network = Network([Dense(6, "tanh"), Dense(K)]).initialize(4, random_state=0, dtype="float32")
    result = assert_right(network, X.astype(np.float32), targets("log_loss", X))
    assert result.max_error < 1e-8


# ---- kinks


def test_steps_across_a_kink_are_skipped():
    network = Network([Dense(2, "relu", init="zeros"), Dense(1, init="ones")], "squared_error")
    network.initialize(2)
    result = check_gradients(network, [[1.0, 2.0]], [[5.0]])  # every pre-activation is 0
    assert result.ok
    assert result.n_skipped["layers[0].W"] == 4
    assert result.n_checked["layers[0].W"] == 0
    assert result.n_skipped["layers[1].b"] == 0


def test_kinks_of_the_loss_are_skipped():
    network = Network([Dense(1, init="ones")], "absolute_error").initialize(1)
    result = check_gradients(network, [[1.0], [2.0]], [[1.0], [0.0]])
    assert result.n_skipped == {"layers[0].W": 1, "layers[0].b": 1}
    assert check_gradients(network, [[1.0], [2.0]], [[1.5], [0.0]]).n_checked["layers[0].W"] == 1


# ---- what is wrong is found


class WrongTanh(Tanh):
    def derivative(self, Z, Y):
        return 1 - Y


class SlightlyWrongTanh(Tanh):
    def derivative(self, Z, Y):
        return (1 - Y * Y) * (1 + 1e-5)


class WrongSigmoid(Sigmoid):
    def derivative(self, Z, Y):
        return 1.001 * Y * (1 - Y)


class DenseWithWrong(Dense):
    """Dense whose backward gets one thing wrong."""

    def __init__(self, units, activation="tanh", wrong="dW"):
        super().__init__(units, activation)
        self.wrong = wrong

    def backward(self, dY, ctx):
        dX = super().backward(dY, ctx)
        if self.wrong == "dX":
            return -dX
        setattr(ctx, self.wrong, getattr(ctx, self.wrong) * 1.01)
        return dX


class BatchNormAsConstants(BatchNorm):
    """The classic mistake: mean and deviation taken as constants in backward."""

    def backward(self, dY, ctx):
        super().backward(dY, ctx)
        return ctx.dZ * self.gamma / ctx.sigma


def wrong_arrays(network, X):
    result = check_gradients(network, X, targets(network.loss, X))
    assert result.ok == (result.max_error < result.tolerance)
    return [label for label, error in result.errors.items() if error >= result.tolerance]


@pytest.mark.parametrize("activation", [WrongTanh(), SlightlyWrongTanh()], ids=repr)
def test_a_wrong_activation_is_found(activation, X):
    network = initialized([Dense(6, activation), Dense(K)])
    assert wrong_arrays(network, X) == ["layers[0].W", "layers[0].b"]


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ("dW", ["layers[1].W"]),
        ("db", ["layers[1].b"]),
        ("dX", ["layers[0].W", "layers[0].b"]),
    ],
)
def test_a_wrong_backward_is_found_where_it_is(wrong, found, X):
    network = initialized([Dense(6, "tanh"), DenseWithWrong(5, wrong=wrong), Dense(K)])
    assert wrong_arrays(network, X) == found


def test_a_wrong_batch_norm_is_found(X):
    network = initialized([Dense(6, "tanh"), BatchNormAsConstants(), Dense(K)])
    assert wrong_arrays(network, X) == ["layers[0].W", "layers[0].b"]


class TwiceTheGradient(SquaredError):  # noqa: N818
    def gradient(self, Z, T):
        return 2 * super().gradient(Z, T)


def test_a_wrong_loss_is_found(X):
    network = Network([Dense(K)], TwiceTheGradient()).initialize(4, random_state=0)
    assert not check_gradients(network, X, X[:, :K]).ok


class Silent(Layer):
    """A layer that forgets to hand on its gradient."""

    def parameters(self, n_inputs):
        return {"g": Parameter((n_inputs,), init="ones")}

    def forward(self, X, ctx):
        return X * self.g

    def backward(self, dY, ctx):
        ctx.dg = np.zeros_like(self.g)
        return dY * self.g


def test_a_missing_gradient_is_found(X):
    assert wrong_arrays(initialized([Silent(), Dense(K)]), X) == ["layers[0].g"]


# ---- the inputs of a first layer


class First(Layer):
    """A layer without parameters, whose gradient no array of the network shows where it comes first."""

    def __init__(self, f, slope):
        self.f = f
        self.slope = slope

    def forward(self, X, ctx):
        ctx.X = X
        return self.f(X)

    def backward(self, dY, ctx):
        return None if self.slope is None else dY * self.slope(ctx.X)


def relu(X):
    return np.maximum(X, 0)


@pytest.mark.parametrize(
    ("layer", "notes"),
    [
        (First(np.square, lambda X: 2 * X), {}),
        (
            First(np.square, lambda X: X),
            {"layers[0].X": "dX is half of what it should be: a factor"},
        ),
        (First(np.square, lambda X: -2 * X), {"layers[0].X": "dX has the wrong sign"}),
        (First(np.square, lambda X: 1.0), {"layers[0].X": "dX is not the derivative of what"}),
        (First(np.square, lambda X: X[:, :1, None]), {"layers[0].X": "dX has the shape (9, 9, 4)"}),
        (
            First(np.square, lambda X: X @ X),
            {"layers[0].X": "dX is not there: backward stops in the"},
        ),
        (BatchNormAsConstants("tanh"), {"layers[0].X": "dX is not the derivative of what"}),
    ],
    ids=["right", "half", "sign", "other", "shape", "stops", "batch norm"],
)
def test_the_gradient_of_the_inputs_of_ones_own_first_layer(layer, notes, X):
    network, T = initialized([layer, Dense(6, "relu"), Dense(K)]), targets("log_loss", X)
    before = X.copy()
    result = check_gradients(network, X, T, WEIGHTS)
    assert result.ok == (not notes)
    assert {*result.errors} == {*(row.label for row in network.parameter_table), "layers[0].X"}
    assert result.notes.keys() == notes.keys()
    assert all(result.notes[label].startswith(said) for label, said in notes.items()), result
    np.testing.assert_array_equal(X, before)


def test_inputs_at_a_kink_that_only_the_layer_knows_are_skipped(X):
    X[:, ::2] = 0
    T = targets("log_loss", X)
    network = initialized([First(relu, lambda X: X > 0), Dense(6, "tanh"), Dense(K)])
    result = check_gradients(network, X, T)
    assert result.ok
    assert (result.n_checked["layers[0].X"], result.n_skipped["layers[0].X"]) == (2 * N, 2 * N)


def test_of_many_inputs_some_are_compared():
    X = np.random.default_rng(3).normal(size=(100, 4))
    network, T = initialized([First(np.sin, np.cos), Dense(K)]), np.arange(100) % K
    assert check_gradients(network, X, T).n_checked["layers[0].X"] == 200
    result = check_gradients(network, X, T, max_elements=3)
    assert result.n_checked == {"layers[1].W": 3, "layers[1].b": 3, "layers[0].X": 3}


@pytest.mark.parametrize("layer", [First(np.sign, None), Dense(5, "tanh")], ids=["own", "minnet's"])
def test_a_first_layer_need_not_return_a_gradient_of_its_inputs(layer, X):
    assert_right(initialized([layer, Dense(K)]), X, targets("log_loss", X))


def test_a_sparse_matrix_has_no_gradient(X):
    network = initialized([type("Own", (Dense,), {})(5, "tanh"), Dense(K)])
    assert_right(network, sparse.csr_array(X), targets("log_loss", X))


# ---- the check itself


def test_the_network_is_not_changed(X):
    network = initialized(STACKS["all together"])
    params, state = network.params.copy(), network.state.copy()
    T = targets("log_loss", X)
    check_gradients(network, X, T)
    np.testing.assert_array_equal(network.params, params)
    np.testing.assert_array_equal(network.state, state)
    assert network.layers[1].W.base is not None


def test_some_elements_only(X):
    network, T = initialized(STACKS["batch norm"]), targets("log_loss", X)
    result = check_gradients(network, X, T, max_elements=4, rng=1)
    assert result.ok
    assert set(result.n_checked.values()) == {4, 3}  # the output's bias has 3
    again = check_gradients(network, X, T, max_elements=4, rng=1)
    assert again.errors == result.errors


def test_tolerance_and_epsilon_are_used(X):
    network, T = initialized(STACKS["batch norm"]), targets("log_loss", X)
    coarse = check_gradients(network, X, T, epsilon=0.01)
    assert not coarse.ok
    assert coarse.max_error > 100 * check_gradients(network, X, T).max_error
    assert check_gradients(network, X, T, epsilon=0.01, tolerance=2 * coarse.max_error).ok


def test_vanishing_gradients_pass_and_mistakes_in_them_are_found(X):
    # Glorot and Bengio's case: the rounding of the loss is more than 1e-6 of these gradients.
    def deep(activation):
        network = Network([*[Dense(10, activation)] * 8, Dense(K)], init="standard")
        return network.initialize(4, random_state=0)

    T = targets("log_loss", X)
    network = deep("sigmoid")
    first = network.views(network.loss_and_grad(X, T)[1])[0]["W"]
    assert np.linalg.norm(first) < 1e-7
    assert check_gradients(network, X, T).ok
    assert not check_gradients(deep(WrongSigmoid()), X, T).ok


def test_large_losses_pass(X):
    network = initialized([Dense(6, "tanh"), Dense(K)], "squared_error")
    assert_right(network, X, 1e6 + X[:, :K])


class HalfTanh(Tanh):
    def derivative(self, Z, Y):
        return 0.5 * (1 - Y * Y)


class DenseWithoutBiasGradient(DenseWithWrong):
    def backward(self, dY, ctx):
        dX = Dense.backward(self, dY, ctx)
        ctx.db = np.zeros_like(ctx.db)
        return dX


LAYERS = {
    "right": lambda: Dense(5, "tanh"),
    "halved": lambda: Dense(5, HalfTanh()),
    "sign": lambda: DenseWithWrong(5, wrong="dX"),
    "no bias": lambda: DenseWithoutBiasGradient(5),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
def test_what_rounding_hides_is_no_agreement(loss, layer, X):
    layers = [Dense(6, "tanh"), LAYERS[layer](), Dense(2)]
    sure = []
    for exponent in range(-12, 13, 3):
        scale = 10.0**exponent
        T = scale * np.abs(X[:, :2])
        network = initialized(layers, loss)
        result = check_gradients(network, X, T, max_elements=10)
        unclear = [label for label, error in result.errors.items() if np.isnan(error)]
        assert all(result.n_unclear[label] > 0 for label in unclear)
        if layer == "right":
            wrong = [label for label, e in result.errors.items() if e >= result.tolerance]
            assert not wrong, (scale, result)
            assert result.ok or unclear
        else:
            assert not result.ok, (scale, result)
        sure += [exponent] * (not unclear)
    assert {-3, 0, 3} <= {*sure}  # where there is something to be seen it is seen


class DenseTimes(Dense):
    def __init__(self, units, activation="tanh", factor=np.nan):
        super().__init__(units, activation)
        self.factor = factor

    def backward(self, dY, ctx):
        dX = super().backward(dY, ctx)
        ctx.dW = ctx.dW * self.factor
        return dX * self.factor


@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["weight", "backward", "last backward"])
def test_what_is_not_finite_is_an_error(where, value, X):
    own = DenseTimes(5, factor=value)
    layers = {
        "weight": [Dense(6, "tanh"), Dense(K)],
        "backward": [Dense(6, "tanh"), own, Dense(K)],
        "last backward": [Dense(6, "tanh"), DenseTimes(K, "identity", value)],
    }
    network = initialized(layers[where])
    if where == "weight":
        network.layers[1].W[0, 0] = value
    result = check_gradients(network, X, targets("log_loss", X), max_elements=10)
    assert not result.ok
    assert result.max_error == result.errors["layers[0].W"] == np.inf
    assert " inf " in str(result)
    assert "not finite" in str(result)
    assert "inf" in result._html()


def test_it_prints_as_a_table():
    errors = {"a.W": 1e-9, "b": 0.5, "c": np.nan}
    counts = {"a.W": 12, "b": 3, "c": 0}, {"a.W": 0, "b": 1, "c": 0}, {"a.W": 0, "b": 0, "c": 4}
    lines = str(GradientCheck(1e-6, errors, *counts)).splitlines()
    assert lines[0].split() == [
        "array",
        "relative",
        "error",
        "compared",
        "skipped",
        "cannot",
        "tell",
    ]
    assert lines[1].split() == ["a.W", "1.00e-09", "12", "0", "0"]
    assert re.fullmatch(r"b\s+5.00e-01\s+3\s+1\s+0  above 1e-06", lines[2])
    assert re.fullmatch(r"c\s+cannot tell\s+0\s+0\s+4", lines[3])
    result = GradientCheck(1e-6, {"a.W": 1e-9, "b": 0.5})
    assert not result.ok
    assert result.max_error == 0.5


def test_input_is_checked(X):
    with pytest.raises(ValueError, match="call initialize"):
        check_gradients(Network([Dense(2)]), X, np.zeros(N))
    with pytest.raises(ValueError, match="X must have shape"):
        check_gradients(initialized([Dense(2)]), X[:, :3], np.zeros(N))
