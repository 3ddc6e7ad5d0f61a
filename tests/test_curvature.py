"""minnet.curvature: products of the Hessian, compared with second differences of the objective itself."""

import copy
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from own_activations import own_leaky_relu, own_silu
from scipy import sparse

from minnet import BatchNorm, Dense, Dropout, Network, PiecewiseLinear, Residual
from minnet.activations import _BY_NAME, Elu, LeakyRelu, get_activation
from minnet.curvature import HessianProduct
from minnet.lab import hessian
from minnet.layers import Layer, Parameter
from minnet.losses import Huber, Quantile, SquaredError, get_loss, list_losses

N, K = 9, 3
WEIGHTS = np.array([1, 0, 2, 0.5, 1, 3, 0, 1, 1])
X = np.random.default_rng(1).normal(size=(N, 4))


class Scale(Layer):
    """A user's own layer."""

    def parameters(self, n_inputs):
        return {"g": Parameter((n_inputs,), init="ones")}

    def forward(self, X, ctx):
        ctx.X = X
        return X * self.g**2

    def backward(self, dY, ctx):
        ctx.dg = 2 * self.g * (dY * ctx.X).sum(axis=0)
        return dY * self.g**2


def targets(loss):
    loss = get_loss(loss, K)
    if loss.output == "softmax":
        return np.arange(N) % K
    return (np.abs(X[:, :K]) > 0.5).astype(float)


def network_of(layers, loss="log_loss", alpha=0.3, dtype="float64"):
    network = Network(layers, loss, bias_init={"name": "normal", "std": 0.3}, alpha=alpha)
    return network.initialize(4, random_state=0, dtype=dtype)


def second_difference(network, T, weight, u, v, h=1e-4):
    """Return u'Hv from objectives alone."""
    before, total = network.params.copy(), 0.0
    for a, b in (1, 1), (1, -1), (-1, 1), (-1, -1):
        network.params[...] = before + h * (a * u + b * v)
        total += a * b * network.objective(X, T, weight)
    network.params[...] = before
    return total / (4 * h * h)


def assert_right(network, T, weight=None, n=6):
    rng, trained = np.random.default_rng(3), np.zeros(network.params.shape)
    for row in network.parameter_table:
        trained[row.slice] = row.trainable
    before, state = network.params.copy(), network.state.copy()
    for _ in range(n):
        u, v = rng.normal(size=(2, trained.size)) * trained / np.sqrt(trained.sum())
        Hv = network.hessian_vector_product(X, T, v, weight)
        expected = second_difference(network, T, weight, u, v)
        assert u @ Hv == pytest.approx(expected, rel=1e-5, abs=2e-6 * max(1, np.linalg.norm(Hv)))
        assert not Hv[trained == 0].any()
    assert np.array_equal(network.params, before)
    assert np.array_equal(network.state, state)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "activation",
    [
        *map(get_activation, _BY_NAME),
        LeakyRelu(0.3),
        Elu(2.0),
        *(pytest.param(own, marks=pytest.mark.slow) for own in (own_silu, own_leaky_relu)),
    ],
    ids=repr,
)
def test_every_activation(activation, weight):
    network = network_of([Dense(6, activation), Dense(5, activation), Dense(K)])
    assert_right(network, targets("log_loss"), weight)


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "loss",
    [*list_losses(), SquaredError("softmax"), SquaredError("logistic"), Huber(0.4), Quantile(0.2)],
    ids=str,
)
def test_every_loss(loss, weight):
    assert_right(network_of([Dense(6, "tanh"), Dense(K)], loss), targets(loss), weight)


KNOTS = [np.linspace(-1, 1, 4), None, np.array([-0.5, 0.1, 0.3]), 2]
STACKS = {
    "linear": [Dense(K)],
    "activation on the output": [Dense(5, "tanh"), Dense(K, "softsign")],
    "dropout": [Dropout(0.2), Dense(8, "tanh"), Dropout(0.5), Dense(K)],
    "batch norm": [Dense(6), BatchNorm("relu"), Dense(K)],
    "pieces": [PiecewiseLinear(KNOTS), Dense(3, "tanh"), PiecewiseLinear(KNOTS[:3]), Dense(K)],
    "dropped codes": [
        PiecewiseLinear(KNOTS, 0.4),
        Dense(3, init="zeros", bias_init="zeros", trainable=False),
        PiecewiseLinear([2, 1, None], 0.4),
        Dense(K),
    ],
    "frozen": [Dense(6, "tanh", trainable=False), Dense(5, "tanh"), Dense(K)],
    "frozen batch norm": [Dense(6), BatchNorm("tanh", trainable=False), Dense(K)],
    "residual": [
        Dense(6, "relu"),
        Residual([Dense(6, "tanh"), Dense(6)], 0.5, trainable_scale=True),
        Dense(K),
    ],
    "own layer": [Dense(6, "gelu"), Scale(), Dense(K)],
}


@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", STACKS)
def test_every_layer(name, weight, alpha):
    assert_right(network_of(STACKS[name], alpha=alpha), targets("log_loss"), weight)


def test_linear_regression():
    network = network_of([Dense(1)], "squared_error", alpha=0)
    X1 = np.c_[X, np.ones(N)]
    product = HessianProduct(network, X, np.zeros((N, 1)), WEIGHTS)
    H = np.array([product(e) for e in np.eye(5)])
    np.testing.assert_allclose(H, X1.T @ (WEIGHTS[:, None] * X1) / WEIGHTS.sum(), atol=1e-8)


def test_softmax_regression():
    network = network_of([Dense(K)], alpha=0)
    product = HessianProduct(network, X, targets("log_loss"))
    H = np.array([product(e) for e in np.eye(5 * K)])
    X1, P = np.c_[X, np.ones(N)], network.predict(X)
    expected = sum(
        np.kron(np.outer(x, x), np.diag(p) - np.outer(p, p)) / N for x, p in zip(X1, P, strict=True)
    )
    np.testing.assert_allclose(H, expected, atol=1e-8)


def test_the_objective_of_a_part_of_a_fit():
    network, T, v = network_of([Dense(5, "tanh"), Dense(K)], alpha=2.0), targets("log_loss"), 0
    v = np.random.default_rng(0).normal(size=network.params.size)
    whole = network.hessian_vector_product(X, T, v, WEIGHTS)
    parts = [
        network.hessian_vector_product(X[b], T[b], v, WEIGHTS[b], n_samples=9, weight_sum=9.5)
        for b in (slice(0, 3), slice(3, 6), slice(6, 9))
    ]
    assert WEIGHTS.sum() == 9.5
    np.testing.assert_allclose(np.mean(parts, axis=0), whole, atol=1e-7)


def test_masks_go_on_where_they_are_said_to():
    network, T = network_of(STACKS["dropout"]), targets("log_loss")
    v = np.ones(network.params.size)
    here, there = (network.hessian_vector_product(X, T, v, position=p) for p in (0, 9))
    again = network.hessian_vector_product(X, T, v)
    assert np.array_equal(here, again)
    assert not np.allclose(here, there)


@pytest.mark.parametrize("matrix", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_inputs_and_float32(matrix):
    single, T = network_of([Dense(6, "relu"), Dense(K)], dtype="float32"), targets("log_loss")
    double = single.astype("float64")
    of_single = single.hessian_vector_product(matrix(X), T, np.ones(single.params.size))
    of_double = double.hessian_vector_product(X, T, np.ones(double.params.size))
    for a, b in zip(single.views(of_single), double.views(of_double), strict=True):
        for name in a:
            np.testing.assert_allclose(a[name], b[name], atol=1e-8)


@pytest.mark.parametrize(
    "activation",
    ["relu", "elu", LeakyRelu(0.3), "selu", pytest.param(own_leaky_relu, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(("bias", "beside"), [(1e-12, 1e-4), (-1e-12, -1e-4), (0.0, -1e-4)])
def test_a_kink_has_no_curvature_however_near(activation, bias, beside):
    found, T = [], targets("log_loss")
    for b in bias, beside:
        network = network_of([Dense(5, activation, init="zeros"), Dense(K)], alpha=0)
        network.layers[0].b = np.full(5, b)
        v = np.random.default_rng(0).normal(size=network.params.size)
        found.append(network.hessian_vector_product(X, T, v))
    np.testing.assert_allclose(*found, atol=2e-3)


@pytest.mark.parametrize("loss", ["absolute_error", Quantile(0.3)], ids=str)
def test_neither_has_that_of_a_loss(loss):
    network = network_of(
        [Dense(5, "tanh"), Dense(1, init="zeros", bias_init="zeros")], loss, alpha=0
    )
    Hv = network.hessian_vector_product(X, np.zeros((N, 1)), np.ones(network.params.size))
    np.testing.assert_allclose(Hv, 0, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_steps_fit_inputs_and_weights_of_any_size(scale):
    """The same function of inputs and weights in other units has the Hessian in other units."""
    network = network_of([Dense(5, "tanh", bias_init="zeros"), Dense(K)], alpha=0)
    T, v = targets("log_loss"), np.ones(network.params.size)
    expected = network.views(network.hessian_vector_product(X, T, v))
    network.layers[0].W /= scale
    network.views(v)[0]["W"][...] /= scale
    found = network.views(network.hessian_vector_product(X * scale, T, v))
    np.testing.assert_allclose(found[0]["W"] / scale, expected[0]["W"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1]["W"], expected[1]["W"], rtol=1e-4, atol=1e-6)


def test_a_diverged_network_has_no_numbers_and_no_warnings():
    network = network_of([Dense(5, "relu"), Dense(K)])
    network.params[:] = 1e300
    Hv = network.hessian_vector_product(X, targets("log_loss"), np.ones(network.params.size))
    assert not np.isfinite(Hv).all()


def test_nothing_that_is_trained():
    network = network_of([Dense(K, trainable=False)])
    v = np.ones(network.params.size)
    assert not network.hessian_vector_product(X, targets("log_loss"), v).any()


def test_what_is_no_vector_is_said():
    network = network_of([Dense(K)])
    with pytest.raises(ValueError, match=r"v must have the shape of params, \(24,\), got \(3,\)"):
        network.hessian_vector_product(X, targets("log_loss"), [1, 2, 3])


def at_kinks(alpha=0.3):
    """Rows of zeros under biases of zero are on the kinks."""
    layers = [Dense(30, "relu", bias_init="zeros"), Dropout(0.2), Dense(K, LeakyRelu(0.3))]
    network = Network(layers, alpha=alpha).initialize(4, random_state=0)
    return HessianProduct(network, np.where(np.arange(N)[:, None] < 3, 0, X), targets("log_loss"))


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda product: pickle.loads(pickle.dumps(product)),
    "a copy's copy": lambda product: copy.deepcopy(copy.deepcopy(product)),
}


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("name", COPIES)
def test_copies_multiply_alike(name, used):
    product = at_kinks()
    v, w = np.random.default_rng(0).normal(size=(2, product.size))
    if used:
        product(v)
    other = COPIES[name](product)
    assert np.array_equal(other.gradient, product.gradient)
    assert np.array_equal(other.params, product.params)
    assert np.array_equal(other(v), product(v))
    assert np.array_equal(other.third(v, w), product.third(v, w))


@pytest.mark.parametrize("what", ["product", "third"])
def test_threads_multiply_alike(what):
    product = at_kinks()
    vs = np.random.default_rng(0).normal(size=(24, product.size))
    of = product if what == "product" else lambda v: product.third(v, vs[0])
    expected = [of(v) for v in vs]
    with ThreadPoolExecutor(8) as threads:
        for found, right in zip(threads.map(of, vs), expected, strict=True):
            assert np.array_equal(found, right)


@pytest.mark.parametrize("exponent", [-1070, -600, -500, 500, 1000])
def test_vectors_of_any_length(exponent):
    product, ones = at_kinks(), np.random.default_rng(0).choice([-1.0, 1.0], size=(2, 1000))
    v, w = ones[:, : product.size]
    long = np.ldexp(v, exponent)
    assert np.array_equal(product(long), np.ldexp(product(v), exponent))
    assert np.array_equal(product.third(long, w), np.ldexp(product.third(v, w), exponent))
    assert np.array_equal(product.third(w, long), np.ldexp(product.third(w, v), exponent))


def test_a_vector_that_is_not_finite_has_no_product():
    product = at_kinks()
    for number in np.inf, np.nan:
        v = np.full(product.size, 1.0)
        v[0] = number
        assert np.isnan(product(v)).any()


def test_only_a_network_has_a_hessian():
    class Duck:
        def hessian_vector_product(self):
            pass

    with pytest.raises(TypeError, match="network must be a Network, got <"):
        HessianProduct(Duck(), X, targets("log_loss"))


@pytest.mark.parametrize("position", [-1, 1.5, 2**56, 2**62, 2**63, 10**30])
@pytest.mark.parametrize("name", ["dropout", "linear"])
def test_positions_that_a_stream_does_not_have(name, position):
    network, T = network_of(STACKS[name]), targets("log_loss")
    most = 2**60 // max(network.sizes)
    sentence = f"position must be a whole number of at least 0 and at most {most}, got {position}"
    for refuses in (
        lambda: network.loss_and_grad(X, T, position=position),
        lambda: network.hessian_vector_product(X, T, network.params, position=position),
        lambda: HessianProduct(network, X, T, position=position),
        lambda: hessian(network, X, T, position=position),
    ):
        if isinstance(position, int) and 0 <= position <= most:
            refuses()
            continue
        with pytest.raises(ValueError, match=re.escape(sentence)):
            refuses()


@pytest.mark.parametrize("columns", [[0, 1, 2], [1]], ids=["all columns", "one column"])
@pytest.mark.parametrize("scale", [1e-5, 1e-2, 1e2, 1e3, 1e4, 1e5])
def test_inputs_of_any_scale(scale, columns):
    """Inputs S x with weights W / S: the Hessian is that of x and W, with S at both sides."""
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(30, 3)), rng.normal(size=(30, 1))
    network = Network([Dense(6, "tanh"), Dense(6, "tanh"), Dense(1)], "squared_error")
    network.initialize(3, random_state=0)

    def matrix():
        product = HessianProduct(network, X, T)
        return np.stack([product(v) for v in np.eye(product.size)])

    plain, factors = matrix(), np.ones(3)
    factors[columns] = scale
    X *= factors
    network.layers[0].W[:] /= factors[:, np.newaxis]
    S = np.ones(len(plain))
    S[:18] = np.repeat(factors, 6)
    np.testing.assert_allclose(matrix() / S / S[:, np.newaxis], plain, atol=1e-7)
