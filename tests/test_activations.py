"""minnet.activations against 60-digit arithmetic, differences and SciPy."""

import pickle
import warnings
from decimal import Decimal

import numpy as np
import pytest
import scipy.special
from exact import EXACT, evaluate

from minnet import Dense, Network, check_gradients
from minnet.activations import (
    _BY_NAME,
    Activation,
    Elu,
    Gelu,
    Identity,
    LeakyRelu,
    Relu,
    Sigmoid,
    Tanh,
    get_activation,
    name_of,
)

DTYPES = ("float64", "float32")
NAMES = list(_BY_NAME)  # not those that other tests register


def points(dtype):
    """Return ordinary, tiny (denormal too), huge and extreme numbers of both signs, and 0."""
    info = np.finfo(dtype)
    positive = np.concatenate(
        [
            np.linspace(0.01, 20, 60),
            np.geomspace(20, 800, 20),
            np.geomspace(1e-30, 1e-2, 15),
            [float(info.smallest_subnormal), float(info.tiny), float(info.eps)],
            [1e10, 1e30, float(info.max)],
        ]
    ).astype(dtype)
    return np.concatenate([-positive[::-1], np.zeros(1, dtype), positive])


def assert_close(actual, exact, rtol, atol):
    """Compare floats with Decimals where the true value is one that the dtype has."""
    info = np.finfo(actual.dtype)
    largest, floor = Decimal(float(info.max)), Decimal(float(info.tiny))
    for value, truth in zip(actual.tolist(), exact, strict=True):
        if abs(truth) <= largest:
            assert np.isfinite(value)
            allowed = Decimal(float(rtol)) * abs(truth) + Decimal(float(atol)) + floor
            assert abs(Decimal(value) - truth) <= allowed, (value, truth)


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_has_an_exact_formula_here(name):
    assert type(get_activation(name)).__name__ in EXACT


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_value_is_exact_to_rounding(name, dtype):
    activation = get_activation(name)
    Z = points(dtype)
    with np.errstate(over="ignore"):
        Y = activation(Z)
    value, _ = EXACT[type(activation).__name__]
    # The tail of gelu is exp(-z²/2), where the rounding of z² is a relative error.
    rounding, atol = (64, 1e-30) if name == "gelu" else (8, 0)
    assert_close(Y, evaluate(value, Z), rtol=rounding * np.finfo(dtype).eps, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_exact_to_rounding(name, dtype):
    activation = get_activation(name)
    Z = points(dtype)
    with np.errstate(over="ignore"):
        Y = activation(Z)
    dY = activation.derivative(Z if activation.needs_Z else None, Y)
    _, derivative = EXACT[type(activation).__name__]
    eps = np.finfo(dtype).eps
    assert_close(dY, evaluate(derivative, Z), rtol=8 * eps, atol=8 * eps)


@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_the_slope(name):
    activation = get_activation(name)
    Z, h = np.linspace(-6.005, 6.005, 200), 1e-5
    slope = (activation(Z + h) - activation(Z - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(Z, activation(Z)), slope, atol=1e-8)


@pytest.mark.parametrize("activation", [LeakyRelu(0.3), LeakyRelu(0), Elu(2.5), Elu(0)], ids=str)
def test_parameters_are_in_value_and_derivative(activation):
    Z = np.array([-2.0, 3.0])
    below = {LeakyRelu: lambda a: (-2 * a, a), Elu: lambda a: (a * np.expm1(-2), a * np.exp(-2))}
    (parameter,) = activation.get_config().values()
    value, slope = below[type(activation)](parameter)
    np.testing.assert_allclose(activation(Z), [value, 3], rtol=1e-14)
    np.testing.assert_allclose(activation.derivative(Z, activation(Z)), [slope, 1], rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_no_warning_for_any_finite_input(name, dtype):
    activation = get_activation(name)
    # What the largest number times 1.05 is cannot be represented.
    Z = points(dtype)[:-1] if name == "selu" else points(dtype)
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        Y = activation(Z)
        dY = activation.derivative(Z, Y)
    assert np.isfinite(Y).all()
    assert np.isfinite(dY).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_dtype_are_kept(name, dtype):
    activation = get_activation(name)
    for shape in ((0, 3), (1, 1), (4, 3)):
        Z = np.linspace(-2, 2, int(np.prod(shape))).astype(dtype).reshape(shape)
        Y = activation(Z)
        assert (Y.dtype, Y.shape) == (Z.dtype, shape)
        dY = activation.derivative(Z, Y)
        assert (dY.dtype, dY.shape) == (Z.dtype, shape)


@pytest.mark.parametrize("cls", [LeakyRelu, Elu])
def test_a_numpy_parameter_keeps_float32(cls):
    activation = cls(np.float64(0.1))  # as GridSearchCV hands on what np.linspace made
    Z = np.array([-1, 1], dtype=np.float32)
    Y = activation(Z)
    assert Y.dtype == np.float32
    assert activation.derivative(Z, Y).dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_input_is_left_alone(name, dtype):
    Z = points(dtype)[1:-1]
    before = Z.copy()
    activation = get_activation(name)
    Y = activation(Z)
    Y_before = Y.copy()
    activation.derivative(Z, Y)
    np.testing.assert_array_equal(Z, before)
    np.testing.assert_array_equal(Y, Y_before)


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan(name):
    Y = get_activation(name)(np.array([np.nan, 1.0]))
    assert np.isnan(Y[0])
    assert np.isfinite(Y[1])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "lecun_tanh", "softsign", "softplus", "elu"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_slope_of_an_increasing_activation_is_not_negative(name, dtype):
    activation = get_activation(name)
    Z = np.linspace(-50, 50, 20001).astype(dtype)
    assert (activation.derivative(Z, activation(Z)) >= 0).all()


def test_kinks_are_where_the_slope_jumps():
    jumps = {
        name
        for name in NAMES
        if abs(np.diff(_slopes(get_activation(name), np.array([-1e-9, 1e-9]))))[0] > 1e-3
    }
    assert jumps == {"relu", "leaky_relu", "selu"}
    for name in jumps:
        assert get_activation(name).kinks == (0.0,)
    assert Elu(2.0).kinks == (0.0,)  # smooth at alpha = 1 only


def _slopes(activation, Z):
    return activation.derivative(Z, activation(Z))


def test_those_that_read_the_pre_activations_declare_it():
    Z = np.linspace(-3, 3, 7)
    for name in NAMES:
        activation = get_activation(name)
        if not activation.needs_Z:
            activation.derivative(None, activation(Z))
        else:
            with pytest.raises(TypeError):
                activation.derivative(None, activation(Z))


def test_relu_has_slope_0_at_0():
    assert Relu().derivative(None, np.zeros(1))[0] == 0


def test_some_published_values():
    np.testing.assert_allclose(Sigmoid()(np.array([0.5])), scipy.special.expit(0.5))
    np.testing.assert_allclose(get_activation("lecun_tanh")(np.ones(1)), 1, atol=1e-4)
    np.testing.assert_allclose(Gelu()(np.array([1.0])), 0.8413447460685429)
    selu = get_activation("selu")
    rng = np.random.default_rng(0)
    out = selu(rng.normal(size=1_000_000))  # mean 0 and variance 1 are its fixed point
    assert abs(out.mean()) < 0.005
    assert abs(out.var() - 1) < 0.01


def test_lookup_by_name_object_and_class():
    assert get_activation("tanh") == Tanh() == get_activation(Tanh) == get_activation(Tanh())
    assert get_activation("logistic") == get_activation("sigmoid")
    activation = LeakyRelu(0.2)
    assert get_activation(activation) is activation
    assert name_of(Sigmoid()) == "sigmoid"


def test_unknown_names_get_the_closest():
    with pytest.raises(
        ValueError, match=r"activation must be .* got 'sofsign': did you mean 'softsi"
    ):
        get_activation("sofsign")
    with pytest.raises(ValueError, match=r"hidden\[0\].*'tanh'"):
        get_activation("tahn", name="hidden[0]")


@pytest.mark.parametrize("spec", [3, None, np.tanh, [Tanh()]], ids=str)
def test_what_is_no_activation_is_refused(spec):
    with pytest.raises(TypeError, match="activation must be a name or an Activation object"):
        get_activation(spec)


@pytest.mark.parametrize("cls", [LeakyRelu, Elu])
def test_the_branch_not_taken_does_not_overflow(cls):
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(cls(10.0)(np.array([1e308])), [1e308])


@pytest.mark.parametrize("value", [-0.1, np.inf, np.nan, "0.1", None, True])
def test_parameters_are_checked(value):
    with pytest.raises(ValueError, match="negative_slope must be at least 0"):
        LeakyRelu(value)
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        Elu(value)


def test_config_equality_repr_copy_pickle():
    activation = Elu(2.0)
    assert repr(activation) == "Elu(alpha=2.0)"
    assert repr(Elu()) == "Elu()"
    assert activation == Elu(2.0) != Elu()
    assert Elu() != Tanh()
    assert len({Elu(2.0), Elu(2.0), Elu()}) == 2
    for other in (activation.copy(), pickle.loads(pickle.dumps(activation))):
        assert other == activation
        assert other is not activation


class Sine(Activation):
    needs_Z = True

    def __init__(self, frequency=1.0):
        self.frequency = frequency

    def __call__(self, Z):
        return np.sin(self.frequency * Z)

    def derivative(self, Z, Y):
        return self.frequency * np.cos(self.frequency * Z)


def test_a_users_own_activation():
    network = Network([Dense(4, Sine(2.0)), Dense(2)]).initialize(3, random_state=0)
    X = np.random.default_rng(0).normal(size=(5, 3))
    assert check_gradients(network, X, [0, 1, 1, 0, 1]).ok
    first = network.layers[0]
    np.testing.assert_allclose(
        network.forward(X, return_all=True)[0], np.sin(2 * (X @ first.W + first.b))
    )
    assert repr(first) == "Dense(4, activation=Sine(frequency=2.0))"
    assert name_of(Sine()) == "Sine"


def test_an_incomplete_activation_says_what_is_missing():
    for call in (lambda: Activation()(np.ones(1)), lambda: Activation().derivative(None, None)):
        with pytest.raises(TypeError, match="must define __call__\\(Z\\) and derivative"):
            call()


def test_identity_returns_its_input():
    Z = np.ones((2, 2))
    assert Identity()(Z) is Z
