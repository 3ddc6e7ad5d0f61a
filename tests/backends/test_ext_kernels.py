"""The C kernels of activations against 60 digits.  What they may err is stated in kernels/activate.h."""

from decimal import Decimal

import numpy as np
import pytest
from exact import EXACT, evaluate

from minnet import SGD, Dense, Network
from minnet.activations import _BY_NAME, get_activation
from minnet.backends import Hyper, make_backend

pytest.importorskip("minnet_ext", reason="installed without the extension")


def kernel(activation, z, loss="absolute_error"):
    """Return f(z) and f'(z) of the kernels: z as the weights of a unit input; the loss's slope is 1."""
    network = Network([Dense(len(z), activation)], loss=loss, init="zeros", bias_init="zeros")
    network.initialize(1, dtype=z.dtype)
    layer = network.layers[0]
    layer.W[0] = z
    X, T = np.ones((1, 1), z.dtype), np.full((1, len(z)), -np.finfo(z.dtype).max)
    if loss == "poisson":
        T[...] = 0
    hyper = Hyper(1, np.ones(1), SGD(1.0), 1, 1.0)
    hyper.optimizer.prepare(network.params)
    backend = make_backend("cython", network)
    f = backend.forward(X)[0]
    backend.train_steps(X, T.astype(z.dtype), None, None, 0, 1, hyper)
    return f, -layer.b


def ulps(actual, exact):
    """Return the errors in units in the last place of the exact results, rounded."""
    rounded = np.array([float(value) for value in exact]).astype(actual.dtype)
    unit = np.spacing(np.abs(rounded)).astype(np.float64)
    errors = [abs(Decimal(float(a)) - b) for a, b in zip(actual, exact, strict=True)]
    return np.array([float(e / Decimal(float(u))) for e, u in zip(errors, unit, strict=True)])


def points(dtype, limit=None):
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    smallest, largest = np.log(float(info.smallest_subnormal)), np.log(float(info.max))
    limit = limit or -smallest - 1
    sizes = np.exp(rng.uniform(smallest, np.log(limit), 150))
    z = np.concatenate(
        [
            rng.uniform(-1, 1, 60),
            rng.uniform(-10, 10, 60),
            rng.uniform(-limit, limit, 60),
            sizes * rng.choice([-1, 1], sizes.size),
            [0.0, 0.625, np.nextafter(info.dtype.type(0.625), info.dtype.type(0)), 1e-30, -1e-30],
            [float(info.smallest_subnormal), float(info.tiny), float(info.eps), -float(info.tiny)],
            np.arange(-5, 5) * np.log(2) / 2,
            [np.log(float(info.tiny)) + 0.2, np.log(float(info.tiny)) - 0.2],
        ]
    ).astype(dtype)
    z = z[np.abs(z) <= limit]
    return z[z < largest] if limit > largest else z


BOUNDS = {
    "sigmoid": 2.8, "tanh": 1.7, "lecun_tanh": 3.7, "softsign": 1.5, "elu": 2.3, "selu": 3.1,
    "softplus": 2.3, "relu": 1e-40, "identity": 1e-40, "leaky_relu": 0.51, "logistic": 2.8,
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", sorted(BOUNDS))
def test_activations(activation, dtype):
    z = points(dtype)
    actual, _ = kernel(activation, z)
    exact = evaluate(EXACT[type(get_activation(activation)).__name__][0], z)
    if activation == "leaky_relu":  # the slope itself is rounded
        actual, exact = actual[z >= -1], [e for e, x in zip(exact, z, strict=True) if x >= -1]
        exact = [
            e if e > 0 else e / Decimal.from_float(0.01) * Decimal(float(z.dtype.type(0.01)))
            for e in exact
        ]
    assert ulps(actual, exact).max() <= BOUNDS[activation]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exponential(dtype):
    z = points(dtype)
    _, actual = kernel("identity", z, loss="poisson")  # its gradient is exp(z) - t
    exact = evaluate(Decimal.exp, z)
    assert ulps(actual, exact).max() <= 1.6
    assert (actual[z < np.log(np.finfo(dtype).tiny) - 0.1] > 0).any()  # subnormal numbers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("activation", "low", "bound"), [("silu", -80, 3.1), ("gelu", -1, 2.1)])
def test_activations_with_a_tail(activation, low, bound, dtype):
    z = points(dtype, limit=80)
    z = z[z > low]
    exact = evaluate(EXACT[activation.title()][0], z)
    assert ulps(kernel(activation, z)[0], exact).max() <= bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", _BY_NAME)
def test_derivatives(activation, dtype):
    # Relative to the largest: where y saturates it has lost the rest; silu multiplies that with z.
    z = points(dtype, limit=30)
    _, actual = kernel(activation, z)
    exact = evaluate(EXACT[type(get_activation(activation)).__name__][1], z)
    errors = [abs(Decimal(float(a)) - b) for a, b in zip(actual, exact, strict=True)]
    units = 16 if get_activation(activation).needs_Z and activation != "gelu" else 3
    assert max(errors) <= units * Decimal(float(np.finfo(dtype).eps)) * max(map(abs, exact))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_derivative_of_softplus_keeps_small_ones(dtype):
    z = points(dtype)
    exact = evaluate(EXACT["Softplus"][1], z)
    assert ulps(kernel("softplus", z)[1], exact).max() <= 4.4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", _BY_NAME)
def test_ends(activation, dtype):
    largest = np.finfo(dtype).max / 2
    z = np.array([np.nan, np.inf, largest, 1e4, -1e4, -largest, -np.inf], dtype)
    f, derivative = kernel(activation, z)
    own = get_activation(activation)
    with np.errstate(all="ignore"):
        expected = own(z)
        slope = own.derivative(z, expected)
    np.testing.assert_allclose(f, expected, rtol=4 * np.finfo(dtype).eps)
    # The slope is multiplied with that of the loss, 1 here or NaN.
    known = np.isfinite(expected)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(derivative[known], slope[known], rtol=4 * eps, atol=4 * eps)
