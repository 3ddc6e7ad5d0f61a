"""minnet.initializers: what a user may write, what becomes of it, and what is said if wrong."""

import inspect
import math
import re

import numpy as np
import pytest
from scipy import stats

from minnet import Dense, MinNetClassifier, Network
from minnet.initializers import (
    LSUV,
    Constant,
    FromArray,
    FromFunction,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    NguyenWidrow,
    Normal,
    Orthogonal,
    PositiveUnitball,
    SklearnMLP,
    Sparse,
    Standard,
    TorchLinear,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    ZerO,
    Zeros,
    auto_initializer,
    calculate_gain,
    get_initializer,
    list_initializers,
    materialize,
    resolve_fans,
    variance_gain,
)
from minnet.initializers.spec import DEEP
from minnet.initializers.variance_scaling import Scaling


def follows(values, law):
    return stats.kstest(np.asarray(values, "float64").ravel(), law.cdf).pvalue > 1e-3


# Fans and shapes


def test_fans_of_a_bias():
    b = TorchLinear()((5000,), rng=0, fans=(100, 5000))
    assert follows(b, stats.uniform(-0.1, 0.2))
    b = SklearnMLP()((500,), rng=0, dtype="float32", fans=(100, 500))
    assert follows(b, stats.uniform(-0.1, 0.2))
    assert b.dtype == np.float32
    assert resolve_fans((3, 4)) == (3, 4)
    assert resolve_fans((3, 4), (5, 6)) == (5, 6)


@pytest.mark.parametrize("cls", [VarianceScaling, NguyenWidrow, *Scaling.__subclasses__()])
def test_one_dimension_does_not_tell_the_fans(cls):
    if cls.__name__.startswith("_"):
        cls = HeNormal
    with pytest.raises(
        ValueError, match=r"shape must be \(fan_in, fan_out\), or fans=.*, got \(5,\)"
    ):
        cls()((5,), rng=0)


@pytest.mark.parametrize("cls", [Orthogonal, Sparse, Identity, PositiveUnitball, ZerO])
def test_matrices_need_two_dimensions(cls):
    message = rf"shape must be \(fan_in, fan_out\) for {cls.__name__}, which .*, got \(5,\)"
    with pytest.raises(ValueError, match=message):
        cls()((5,), rng=0, fans=(3, 5))


@pytest.mark.parametrize("shape", [(), (0, 3), (3, -1), (2.0, 3), None, "ab", (True, 2)])
def test_bad_shape(shape):
    with pytest.raises(
        ValueError, match=r"shape must be a tuple of whole numbers of at least 1, got "
    ):
        Zeros()(shape)


def test_shape_may_be_one_number():
    assert Normal()(np.int64(4), rng=0).shape == (4,)


@pytest.mark.parametrize("dtype", ["float16", "int64", "complex128", None, "nonsense", 3])
def test_bad_dtype(dtype):
    with pytest.raises(ValueError, match=r"dtype must be float32 or float64, got "):
        Zeros()((2, 2), dtype=dtype)


@pytest.mark.parametrize("fans", [(1,), (1, 2, 3), (0, 2), (1.5, 2)])
def test_bad_fans(fans):
    with pytest.raises(ValueError, match=r"fans must be two whole numbers \(fan_in, fan_out\)"):
        Standard()((3,), fans=fans)


def test_bad_rng():
    with pytest.raises(TypeError, match="rng"):
        Normal()((3,), rng="seed")


NAN = float("nan")

NO_GAIN = (
    'gain must be a number above 0, "auto" or the name of an activation in torch\'s table, got '
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(std=-1), "std must be a finite number of at least 0, got -1"),
        (lambda: Normal(mean="a"), "mean must be a finite number, got 'a'"),
        (lambda: Normal(std=True), "std must be a finite number of at least 0, got True"),
        (lambda: TruncatedNormal(std=NAN), "std must be a finite number of at least 0, got nan"),
        (
            lambda: TruncatedNormal(lower=2.0),
            "lower must be below upper, got lower=2.0 and upper=2.0",
        ),
        (lambda: Uniform(1, -1), "low must be below high, got low=1 and high=-1"),
        (lambda: Uniform(high=math.inf), "high must be a finite number, got inf"),
        (lambda: Uniform.with_std(0), "std must be a finite number above 0, got 0"),
        (lambda: Constant(NAN), "value must be a finite number, got nan"),
        (lambda: Constant(10**400), f"value must be a finite number, got {10**199}"),
        (lambda: GlorotUniform(NAN), "gain must be a finite number above 0, got nan"),
        (lambda: GlorotNormal(0.0), "gain must be a finite number above 0, got 0.0"),
        (
            lambda: LecunNormal([1]),
            "gain must be a number above 0 or the name of an activation, got [1]",
        ),
        (
            lambda: LecunUniform("tanhh"),
            NO_GAIN + "'tanhh': did you mean 'tanh'? The names are 'auto', 'identity'",
        ),
        (lambda: HeNormal("relu"), "gain of HeNormal must be a number, got 'relu': the formula "),
        (lambda: HeNormal(gain=-1), "gain must be a finite number above 0, got -1"),
        (
            lambda: HeUniform(negative_slope=None),
            "negative_slope must be a finite number, got None",
        ),
        (
            lambda: HeUniform(mode="fan_int"),
            "mode must be 'fan_in', 'fan_out', 'fan_avg' or 'fan_geo_avg', got 'fan_int': did you mean "
            "'fan_in'?",
        ),
        (lambda: VarianceScaling(0), "scale must be a finite number above 0, got 0"),
        (
            lambda: VarianceScaling(distribution="untruncated_normal"),
            "distribution must be 'uniform', 'normal' or 'truncated_normal', got 'untruncated_normal': "
            "did you mean 'truncated_normal'?",
        ),
        (lambda: VarianceScaling(mode=3), "mode must be 'fan_in', "),
        (
            lambda: Orthogonal(method="QR"),
            "method must be 'qr' or 'svd', got 'QR': did you mean 'qr'?",
        ),
        (lambda: Orthogonal(gain=NAN), "gain must be a finite number, got nan"),
        (
            lambda: Orthogonal(gain="tanhh"),
            NO_GAIN + "'tanhh': did you mean 'tanh'? The names are 'auto', 'identity'",
        ),
        (lambda: Orthogonal(gain=True), "gain must be a finite number, got True"),
        (
            lambda: GlorotNormal("autp"),
            NO_GAIN + "'autp': did you mean 'auto'? The names are",
        ),
        (lambda: HeNormal("auto"), "gain of HeNormal must be a number, got 'auto': the formula "),
        (lambda: NguyenWidrow(0), "factor must be a finite number above 0, got 0"),
        (lambda: ZerO("relu"), "gain must be a finite number, got 'relu'"),
        (lambda: LSUV(tol=NAN), "tol must be a finite number above 0, got nan"),
        (
            lambda: variance_gain("tanhh"),
            "activation must be a name or an Activation object, got 'tanhh'",
        ),
        (lambda: variance_gain(0.5), "activation must be a name or an Activation object, got 0.5"),
        (lambda: Identity(gain="tanh"), "gain must be a finite number, got 'tanh'"),
        (lambda: Sparse(0), "n_nonzero must be a whole number of at least 1, got 0"),
        (lambda: Sparse(0.1), "n_nonzero must be a whole number of at least 1, got 0.1"),
        (lambda: Sparse(fraction=0), "fraction must be None or above 0 and at most 1, got 0"),
        (lambda: Sparse(fraction=1.5), "fraction must be None or above 0 and at most 1, got 1.5"),
        (
            lambda: Sparse(3, fraction=0.5),
            "n_nonzero must be left at its default 15 where fraction",
        ),
        (lambda: Sparse(std=0), "std must be a finite number above 0, got 0"),
        (lambda: SklearnMLP(None), "activation must be the name of an activation, got None"),
        (lambda: FromArray(["a"]), "array must give real numbers, got dtype <U1"),
        (lambda: FromArray([1.0, NAN]), "array must give finite numbers in float64, got NaN or"),
        (lambda: FromArray([[1, 2], [3]]), "array must be an array of numbers: "),
        (lambda: FromFunction(3), "function must be callable, got 3"),
        (
            lambda: calculate_gain("relu", 0.1),
            "param is the slope of 'leaky_relu'; 'relu' has none",
        ),
        (lambda: calculate_gain("leaky_relu", NAN), "param must be a finite number, got nan"),
        (
            lambda: calculate_gain(["relu"]),
            "activation must be the name of an activation in torch's table, got ['relu']",
        ),
        (
            lambda: calculate_gain("gelu"),
            "activation must be the name of an activation in torch's table, got 'gelu': did you mean "
            "variance_gain('gelu')?",
        ),
        *(
            (
                lambda cls=cls: cls(gain="gelu"),
                NO_GAIN + "'gelu': did you mean gain=\"auto\"?",
            )
            for cls in (GlorotUniform, GlorotNormal, LecunNormal, LecunUniform, Orthogonal)
        ),
    ],
)
def test_bad_configuration(make, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert str(caught.value).startswith(message)


# A user's own


def test_own_subclass():
    class Alternating(Initializer):
        def __init__(self, size=1.0):
            self.size = size

        def draw(self, shape, stream, dtype, fans):
            return self.size * (1 - 2 * (np.indices(shape).sum(axis=0) % 2))

    W = Alternating(0.5)((2, 2), dtype="float32")
    np.testing.assert_array_equal(W, [[0.5, -0.5], [-0.5, 0.5]])
    assert W.dtype == np.float32
    assert repr(Alternating(0.5)) == "Alternating(size=0.5)"
    with pytest.raises(TypeError, match=r"must have draw\(shape, stream, dtype, fans\)"):
        Initializer()((2, 2))


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (lambda shape: (shape,), ""),
        (lambda shape, rng: (shape, rng), "r"),
        (lambda shape, rng, dtype: (shape, rng, dtype), "rd"),
        (lambda s, r, d: (s, r, d), "rd"),
        (lambda s, r, d, /: (s, r, d), "rd"),
        (lambda s, /, r, scale=1.0: (s, r), "r"),
        (lambda shape, dtype: (shape, dtype), "d"),
        (lambda shape, dtype, r: (shape, r, dtype), "rd"),
        (lambda shape, scale=1.0, *, dtype, rng: (shape, rng, dtype), "rd"),
        (lambda shape, rng=None, *args, **kwargs: (shape, rng), "r"),
        (lambda *args: args, "rd"),
    ],
)
def test_function_gets_what_it_takes(function, takes):
    seen = []

    class Recorder:
        __signature__ = inspect.signature(function)

        def __call__(self, *args, **kwargs):
            seen.append(function(*args, **kwargs))
            return np.ones((2, 3))

    FromFunction(Recorder())((2, 3), rng=0, dtype="float32")
    shape, *others = seen[0]
    assert shape == (2, 3)
    expected = {"r": np.random.Generator, "d": np.dtype}
    assert len(others) == len(takes)
    assert all(isinstance(other, expected[key]) for other, key in zip(others, takes, strict=True))


class NoSignature:
    """Stands for a compiled function of which Python does not know the arguments."""

    __signature__ = 0  # inspect.signature raises

    def __call__(self, *args):
        return np.zeros(*args)


def test_function_is_reproducible_and_keeps_its_array():
    by_function = FromFunction(lambda shape, rng: rng.standard_normal(shape))
    W = by_function((60, 50), rng=3)
    np.testing.assert_array_equal(W, by_function((60, 50), rng=3))
    assert not np.array_equal(W, by_function((60, 50), rng=4))
    assert follows(W, stats.norm())
    kept = np.zeros((2, 2))
    W = FromFunction(lambda shape: kept)((2, 2))
    W[:] = 1.0
    assert (kept == 0).all()
    # Compiled and without a signature: called with the shape alone.
    assert FromFunction(NoSignature())((2, 2)).shape == (2, 2)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.ones((3, 2)), r"FromFunction must give an array of shape \(2, 3\), got \(3, 2\)"),
        (1.0, r"FromFunction must give an array of shape \(2, 3\), got \(\)"),
        (
            np.full((2, 3), np.nan),
            "FromFunction must give finite numbers in float32, got NaN or inf",
        ),
        (
            np.full((2, 3), 1e300),
            "FromFunction must give finite numbers in float32, got NaN or inf",
        ),
        (np.full((2, 3), 1j), "FromFunction must give real numbers, got dtype complex128"),
        ([["a"] * 3] * 2, "FromFunction must give real numbers, got dtype <U1"),
    ],
)
def test_function_result_is_checked(result, message):
    with pytest.raises(ValueError, match=message):
        FromFunction(lambda shape: result)((2, 3), dtype="float32")


def test_a_constant_too_large_for_the_dtype():
    with pytest.raises(ValueError, match="Constant must give finite numbers in float32"):
        Constant(1e300)((2,), dtype="float32")


def test_array_is_copied_both_ways():
    array = np.zeros((2, 2))
    initializer = FromArray(array)
    array[:] = 1.0
    W = initializer((2, 2))
    assert (W == 0).all()
    W[:] = 2.0
    assert (initializer((2, 2)) == 0).all()
    assert initializer == FromArray([[0.0, 0.0], [0.0, 0.0]])


# Specifications


def double(shape):
    return np.full(shape, 2.0)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("glorot", GlorotUniform()),
        ("sklearn_mlp", SklearnMLP()),
        ({"name": "glorot_uniform", "gain": 1.2}, GlorotUniform(gain=1.2)),
        ({"name": "glorot"}, GlorotUniform()),
        (HeNormal(2.0), HeNormal(2.0)),
        (Orthogonal, Orthogonal()),
        (0.1, Constant(0.1)),
        (np.float32(0.5), Constant(0.5)),
        (3, Constant(3)),
        (np.eye(2), FromArray(np.eye(2))),
        ([[1.0, 2.0]], FromArray([[1.0, 2.0]])),
        ((1, 2), FromArray([1, 2])),
        pytest.param(double, FromFunction(double), id="a function"),
    ],
    ids=repr,
)
def test_get_initializer(spec, expected):
    assert get_initializer(spec) == expected


def test_an_object_is_returned_as_it_is():
    initializer = GlorotUniform()
    assert get_initializer(initializer) is initializer


def test_data_frame_is_an_array():
    pandas = pytest.importorskip("pandas")
    assert get_initializer(pandas.DataFrame(np.eye(2))) == FromArray(np.eye(2))


@pytest.mark.parametrize(
    ("alias", "cls"),
    [
        ("glorot", GlorotUniform),
        ("xavier", GlorotUniform),
        ("xavier_uniform", GlorotUniform),
        ("xavier_normal", GlorotNormal),
        ("he", HeNormal),
        ("kaiming", HeNormal),
        ("kaiming_uniform", HeUniform),
        ("kaiming_normal", HeNormal),
        ("msra", HeNormal),
        ("lecun", LecunNormal),
        ("gaussian", Normal),
        ("eye", Identity),
    ],
)
def test_aliases(alias, cls):
    assert type(get_initializer(alias)) is cls


def test_list_initializers():
    names, aliases = list_initializers(), list_initializers(aliases=True)
    assert len(aliases) == 12
    assert set(aliases.values()) <= set(names)
    assert not set(aliases) & set(names)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        (
            "glorto",
            ValueError,
            "init[0] must be the name of an initializer, got 'glorto': did you mean 'glorot'? The",
        ),
        (
            "Glorot",
            ValueError,
            "init[0] must be the name of an initializer, got 'Glorot': did you mean 'glorot'? The",
        ),
        ("auto", ValueError, "init[0] must be the name of an initializer, got 'auto'"),
        (
            {"gain": 2.0},
            ValueError,
            "init[0] as a dictionary must have a \"name\", got {'gain': 2.0}",
        ),
        (
            {"name": None},
            ValueError,
            "init[0] must be the name of an initializer, got None",
        ),
        (
            {"name": "glorot", "gian": 2.0},
            ValueError,
            "init[0] must be a dictionary with parameters of GlorotUniform, got 'gian': did you mean",
        ),
        (
            {"name": "normal", "std": -1},
            ValueError,
            "init[0]: std must be a finite number of at least 0, got -1",
        ),
        ({"name": "he", "gain": "relu"}, TypeError, "init[0]: gain of HeNormal must be a number"),
        (FromArray, TypeError, "init[0]: "),
        (math.nan, ValueError, "init[0]: value must be a finite number, got nan"),
        ([[1.0, math.inf]], ValueError, "init[0]: array must give finite numbers"),
        ([[1.0, 2.0], [3.0]], ValueError, "init[0]: array must be an array of numbers: "),
        (None, TypeError, "init[0] must be the name of an initializer, a dictionary"),
        (True, TypeError, "init[0] must be the name of an initializer"),
        ([], TypeError, "init[0] must be the name of an initializer"),
        (["glorot", "he"], TypeError, "init[0] must be the name of an initializer"),
        (dict, TypeError, "init[0] must be the name of an initializer"),
        pytest.param(
            object(), TypeError, "init[0] must be the name of an initializer", id="an object"
        ),
    ],
    ids=repr,
)
def test_bad_specification(spec, error, message):
    with pytest.raises(error) as caught:
        get_initializer(spec, name="init[0]")
    assert str(caught.value).startswith(message)


def test_materialize():
    W = materialize("glorot", (30, 20), rng=0, dtype="float32", name="layers[0].W (Dense)")
    np.testing.assert_array_equal(W, GlorotUniform()((30, 20), rng=0, dtype="float32"))
    b = materialize("torch_linear", (20,), rng=0, fans=(30, 20))
    np.testing.assert_array_equal(b, TorchLinear()((20,), rng=0, fans=(30, 20)))


class Stubborn(Initializer):
    """A user's own that brings its own call."""

    def __call__(self, shape, rng=None, dtype="float64", fans=None):
        return np.zeros((64, 3))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (np.ones((64, 3)), "FromArray must give an array of shape (64, 10), got (64, 3)"),
        (lambda shape: 0.0, "FromFunction must give an array of shape (64, 10), got ()"),
    ],
)
def test_materialize_names_the_layer_and_both_shapes(spec, message):
    message = re.escape(f"layers[1].W (Dense): {message}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        materialize(spec, (64, 10), name="layers[1].W (Dense)")


def test_materialize_checks_a_users_own_call():
    message = r"^init\[1\] must give an array of shape \(64, 10\), got \(64, 3\)$"
    with pytest.raises(ValueError, match=message):
        materialize(Stubborn(), (64, 10), name="init[1]")


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("tanh", GlorotUniform()),
        ("lecun_tanh", GlorotUniform()),
        ("softsign", GlorotUniform()),
        ("identity", GlorotUniform()),
        ("sigmoid", GlorotUniform(gain=4.0)),
        ("logistic", GlorotUniform(gain=4.0)),
        ("relu", GlorotUniform()),
        ("leaky_relu", GlorotUniform()),
        ("elu", GlorotUniform()),
        ("gelu", HeNormal()),
        ("silu", HeNormal()),
        ("softplus", HeNormal()),
        ("selu", LecunNormal()),
        ("MyActivation", GlorotUniform()),
    ],
)
def test_auto(activation, expected):
    assert auto_initializer(activation) == expected


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_auto_gives_relu_he_s_gain_in_deep_networks(activation):
    assert auto_initializer(activation, n_hidden=DEEP - 1) == GlorotUniform()
    assert auto_initializer(activation, n_hidden=DEEP) == HeNormal()
    assert auto_initializer(activation, first_layer=True, n_hidden=DEEP) == GlorotUniform()


@pytest.mark.parametrize(
    "activation", ["tanh", "sigmoid", "selu", "identity", "elu", "gelu", "silu", "mine"]
)
def test_auto_of_the_others_does_not_depend_on_depth(activation):
    assert auto_initializer(activation, n_hidden=50) == auto_initializer(activation)


def test_auto_takes_the_slope():
    deep = {"negative_slope": 0.1, "n_hidden": DEEP}
    assert auto_initializer("leaky_relu", **deep) == HeNormal(negative_slope=0.1)
    assert auto_initializer("relu", **deep) == HeNormal()


def test_auto_of_the_first_layer():
    assert auto_initializer("relu", first_layer=True) == GlorotUniform()
    assert auto_initializer("sigmoid", first_layer=True) == GlorotUniform()
    assert auto_initializer("selu", first_layer=True) == LecunNormal()


class UnluckyError(ValueError):
    """Takes two arguments, so that it cannot be made anew of its sentence."""

    def __init__(self, what, number):
        super().__init__(what, number)


class OfLayer(HeNormal):
    """Fails where it is asked for what it is for a layer."""

    def __init__(self, error=None):
        self.error = error

    def copy(self):
        return self

    def for_layer(self, network, layer_index):
        raise self.error


@pytest.mark.parametrize(
    "error", [UnluckyError("no", 13), KeyError("k"), TypeError("t"), ZeroDivisionError()]
)
@pytest.mark.parametrize("way", ["function", "for_layer"])
@pytest.mark.parametrize("argument", ["init", "bias_init"])
def test_errors_of_users_pass_as_they_are(error, way, argument):
    def fails(shape):
        raise error

    spec, place = (fails if way == "function" else OfLayer(error)), {"init": "W", "bias_init": "b"}
    error.__notes__ = []
    calls = [
        lambda: MinNetClassifier((3,), **{argument: spec}).fit([[0.0], [1.0]], [0, 1]),
        lambda: Network([Dense(3)], **{argument: spec}).initialize(2),
    ]
    for call in calls:
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error
        assert error.__notes__ == [
            f"It was raised by the initializer of layers[0].{place[argument]} (Dense)."
        ]
        error.__notes__ = []
