"""minnet.initializers: every initializer follows its law; every wrong argument is named."""

import math
import pickle

import numpy as np
import pytest
from scipy import stats

import minnet.initializers as package
from minnet.initializers import (
    LSUV,
    Bilinear,
    Constant,
    DeltaOrthogonal,
    Dirac,
    EdgeOfChaos,
    FromArray,
    FromFunction,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Hull,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    MetaInit,
    NguyenWidrow,
    Normal,
    Ones,
    Orthogonal,
    OutputPrior,
    PositiveUnitball,
    SklearnMLP,
    Sparse,
    Standard,
    TorchLinear,
    TruncatedNormal,
    Uniform,
    UnitVariance,
    VarianceScaling,
    ZerO,
    Zeros,
    calculate_gain,
    get_initializer,
    list_initializers,
)
from minnet.initializers.gains import WithGain
from minnet.initializers.variance_scaling import TRUNCATED_STD, Scaling
from minnet.random import Stream

DTYPES = ["float64", "float32"]
SHAPES = [(211, 37), (37, 211)]


# The law of one entry, given fan_in and fan_out, written out from the sources, not from the code.


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


def normal(variance):
    return stats.norm(0, math.sqrt(variance))


def truncated(variance):
    """Return the normal law cut at two deviations that has this variance."""
    return stats.truncnorm(-2, 2, scale=math.sqrt(variance / stats.truncnorm(-2, 2).var()))


LAWS = {
    VarianceScaling: [
        (VarianceScaling(), lambda i, o: normal(1 / i)),
        (VarianceScaling(2.0, "fan_out"), lambda i, o: normal(2 / o)),
        (
            VarianceScaling(3.0, "fan_avg", "uniform"),
            lambda i, o: uniform(3 * math.sqrt(2 / (i + o))),
        ),
        (VarianceScaling(1.0, "fan_in", "truncated_normal"), lambda i, o: truncated(1 / i)),
        (VarianceScaling(2.0, "fan_geo_avg"), lambda i, o: normal(2 / math.sqrt(i * o))),
    ],
    GlorotUniform: [
        (GlorotUniform(), lambda i, o: uniform(math.sqrt(6 / (i + o)))),
        (GlorotUniform(gain=4.0), lambda i, o: uniform(4 * math.sqrt(6 / (i + o)))),
        (GlorotUniform(gain="relu"), lambda i, o: uniform(math.sqrt(12 / (i + o)))),
    ],
    GlorotNormal: [
        (GlorotNormal(), lambda i, o: normal(2 / (i + o))),
        (GlorotNormal("tanh"), lambda i, o: normal(25 / 9 * 2 / (i + o))),
        (GlorotNormal(truncated=True), lambda i, o: truncated(2 / (i + o))),
    ],
    HeUniform: [
        (HeUniform(), lambda i, o: uniform(math.sqrt(6 / i))),
        (HeUniform(mode="fan_out"), lambda i, o: uniform(math.sqrt(6 / o))),
        (HeUniform(negative_slope=2.0), lambda i, o: uniform(math.sqrt(6 / (5 * i)))),
    ],
    HeNormal: [
        (HeNormal(), lambda i, o: normal(2 / i)),
        (HeNormal(gain=3.0, negative_slope=0.5), lambda i, o: normal(9 * 2 / (1.25 * i))),
        (HeNormal(truncated=True, mode="fan_out"), lambda i, o: truncated(2 / o)),
    ],
    LecunUniform: [
        (LecunUniform(), lambda i, o: uniform(math.sqrt(3 / i))),
        (LecunUniform("selu"), lambda i, o: uniform(0.75 * math.sqrt(3 / i))),
    ],
    LecunNormal: [
        (LecunNormal(), lambda i, o: normal(1 / i)),
        (LecunNormal(2.0, truncated=True), lambda i, o: truncated(4 / i)),
    ],
    UnitVariance: [
        (UnitVariance(gain=2.0), lambda i, o: normal(4 / i)),  # until it is adapted
    ],
    Standard: [(Standard(), lambda i, o: uniform(1 / math.sqrt(i)))],
    MetaInit: [
        (MetaInit(), lambda i, o: uniform(math.sqrt(6 / (i + o)))),  # until it is adapted
        (MetaInit(gain=3.0), lambda i, o: uniform(3 * math.sqrt(6 / (i + o)))),
    ],
    TorchLinear: [(TorchLinear(), lambda i, o: uniform(1 / math.sqrt(i)))],
    SklearnMLP: [
        (SklearnMLP(), lambda i, o: uniform(math.sqrt(6 / (i + o)))),
        (SklearnMLP("tanh"), lambda i, o: uniform(math.sqrt(6 / (i + o)))),
        (SklearnMLP("logistic"), lambda i, o: uniform(math.sqrt(2 / (i + o)))),
        (SklearnMLP("sigmoid"), lambda i, o: uniform(math.sqrt(2 / (i + o)))),
    ],
    Uniform: [
        (Uniform(), lambda i, o: uniform(0.05)),
        (Uniform(1, 3), lambda i, o: stats.uniform(1, 2)),
        (Uniform.with_std(0.5, mean=2.0), lambda i, o: stats.uniform(2 - 0.75**0.5, 2 * 0.75**0.5)),
    ],
    Normal: [
        (Normal(), lambda i, o: stats.norm(0, 0.01)),
        (Normal(3.0, 0.5), lambda i, o: stats.norm(3, 0.5)),
    ],
    TruncatedNormal: [
        (TruncatedNormal(), lambda i, o: stats.truncnorm(-2, 2, 0, 0.01)),
        (TruncatedNormal(1.0, 2.0, -1.0, 3.0), lambda i, o: stats.truncnorm(-1, 3, 1, 2)),
    ],
    EdgeOfChaos: [
        (EdgeOfChaos("tanh"), lambda i, o: normal(1 / i)),
        (EdgeOfChaos("tanh", bias_variance=0.3), lambda i, o: normal(2.50513 / i)),
        (EdgeOfChaos("relu", distribution="uniform"), lambda i, o: uniform(math.sqrt(6 / i))),
    ],
}

# Point masses: the array itself.
EXACT = {
    Zeros: [(Zeros(), lambda i, o: np.zeros((i, o)))],
    Ones: [(Ones(), lambda i, o: np.ones((i, o)))],
    Constant: [
        (Constant(), lambda i, o: np.zeros((i, o))),
        (Constant(-0.1), lambda i, o: np.full((i, o), -0.1)),
    ],
    Identity: [
        (Identity(), lambda i, o: np.eye(i, o)),
        (Identity(gain=-3), lambda i, o: -3 * np.eye(i, o)),
    ],
    FromArray: [
        (
            FromArray(np.arange(211 * 37).reshape(211, 37)),
            lambda i, o: np.arange(i * o).reshape(i, o),
        )
    ],
    FromFunction: [
        (FromFunction(np.ones), lambda i, o: np.ones((i, o))),
        (FromFunction(lambda shape: np.full(shape, 0.1)), lambda i, o: np.full((i, o), 0.1)),
    ],
    ZerO: [
        (ZerO(), lambda i, o: np.eye(i, o)),
        (ZerO(gain=-3), lambda i, o: -3 * np.eye(i, o)),
    ],
}

# Entries that depend on each other: their laws have tests of their own below.
STRUCTURED = [Orthogonal, Sparse, PositiveUnitball, NguyenWidrow, LSUV]

# Zeros, until they have seen data: test_data_initializers.py and test_per_unit.py.
FOR_BIASES = {OutputPrior, Hull}

# Of convolutions alone: tests/initializers/test_convolution_kernels.py.
OF_KERNELS = {Dirac, DeltaOrthogonal, Bilinear}

RANDOM = [*LAWS, *STRUCTURED]


def example(cls):
    """Return an initializer of the class that draws without a network."""
    return {**LAWS, **EXACT}[cls][0][0] if cls in {**LAWS, **EXACT} else cls()


def known_initializers(cls=Initializer):
    """Return all of minnet's initializers, found by inheritance."""
    for child in cls.__subclasses__():
        if child.__module__.startswith("minnet."):
            if child not in (Scaling, WithGain) and not child.__name__.startswith("_"):
                yield child
            yield from known_initializers(child)


def cases(table):
    return [
        pytest.param(initializer, law, id=repr(initializer)[:60])
        for entries in table.values()
        for initializer, law in entries
    ]


def follows(values, law):
    return stats.kstest(np.asarray(values, "float64").ravel(), law.cdf).pvalue > 1e-3


def test_every_initializer_has_its_law_here():
    assert {*LAWS, *EXACT, *STRUCTURED, *FOR_BIASES, *OF_KERNELS} == set(known_initializers())
    registered = {type(get_initializer(name)) for name in list_initializers()}
    assert registered == set(known_initializers()) - {FromArray, FromFunction}
    assert {cls.__name__ for cls in known_initializers()} <= set(package.__all__)


# Laws


@pytest.mark.parametrize("shape", SHAPES, ids=["tall", "wide"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("initializer", "law"), cases(LAWS))
def test_law(initializer, law, dtype, shape):
    W = initializer(shape, rng=12, dtype=dtype)
    law = law(*shape)
    assert follows(W, law)
    low, high = (np.dtype(dtype).type(bound) for bound in law.support())
    assert low <= W.min()
    assert W.max() <= high
    # Second moment: what the theory of signal propagation uses. Five standard errors.
    spread = math.sqrt((law.moment(4) - law.moment(2) ** 2) / W.size)
    assert abs(np.mean(W.astype("float64") ** 2) - law.moment(2)) < 5 * spread


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("initializer", "law"), cases(EXACT))
def test_exact(initializer, law, dtype):
    W = initializer((211, 37), rng=0, dtype=dtype)
    np.testing.assert_array_equal(W, law(211, 37).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", sorted(known_initializers(), key=lambda cls: cls.__name__))
def test_array_is_new_writable_contiguous_of_the_dtype(cls, dtype):
    initializer = example(cls)
    shapes, layout = [(211, 37), (3, 7), (1, 1)], None
    if cls in FOR_BIASES:
        shapes = [(37,), (1,)]
    if cls in OF_KERNELS:
        shapes, layout = [(37, 21, 5, 3), (1, 1, 1, 1)], "OIHW"
    for shape in shapes[:1] if cls is FromArray else shapes:
        W = initializer(shape, rng=np.random.default_rng(0), dtype=np.dtype(dtype), layout=layout)
        assert W.shape == shape
        assert W.dtype == dtype
        assert W.flags.c_contiguous
        assert W.flags.writeable
        before = W.copy()
        W[:] = 7.0
        again = initializer(shape, rng=np.random.default_rng(0), dtype=dtype, layout=layout)
        np.testing.assert_array_equal(again, before)


@pytest.mark.parametrize("cls", RANDOM)
def test_random_by_the_seed_alone(cls):
    shape = (50, 20)
    one = example(cls)(shape, rng=Stream(5, "initializer", 0))
    np.testing.assert_array_equal(one, example(cls)(shape, rng=5))
    other_layer = example(cls)(shape, rng=Stream(5, "initializer", 1))
    other_seed = example(cls)(shape, rng=6)
    assert (one != other_layer).any()
    assert (one != other_seed).any()
    assert (example(cls)(shape) != example(cls)(shape)).any()
    same = example(cls)
    rng = np.random.RandomState(0)
    assert (same(shape, rng) != same(shape, rng)).any(), "two layers that share an initializer"


@pytest.mark.parametrize(
    "cls", sorted(set(known_initializers()) - {FromArray, FromFunction}, key=str)
)
def test_configuration(cls):
    initializer = cls()
    assert repr(initializer) == f"{cls.__name__}()"
    assert initializer == cls()
    assert hash(initializer) == hash(cls())
    assert initializer.copy() == initializer
    assert pickle.loads(pickle.dumps(initializer)) == initializer
    assert vars(initializer).keys() == initializer.get_config().keys()


# Numbers that can be checked by hand


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (GlorotUniform(), 2 / 1000),
        (GlorotNormal(), 2 / 1000),
        (GlorotUniform(4.0), 32 / 1000),
        (HeNormal(), 2 / 800),
        (HeNormal(mode="fan_out"), 2 / 200),
        (HeUniform(negative_slope=1.0), 1 / 800),
        (HeNormal(mode="fan_geo_avg"), 2 / 400),
        (LecunNormal("relu"), 2 / 800),
        (LecunUniform(), 1 / 800),
        (Standard(), 1 / 2400),  # n Var W = 1/3: Glorot & Bengio 2010, equation 15
        (TorchLinear(), 1 / 2400),
        (SklearnMLP("relu"), 2 / 1000),
        (SklearnMLP("logistic"), 2 / 3000),
    ],
    ids=repr,
)
def test_variance(initializer, variance):
    assert initializer.variance(800, 200) == pytest.approx(variance, rel=1e-15)


def test_he_is_lecun_with_the_gain_of_the_activation():
    slope = HeNormal(negative_slope=0.01).variance(10, 5)
    assert slope == pytest.approx(LecunNormal("leaky_relu").variance(10, 5), rel=1e-15)
    he, lecun = HeUniform()((9, 4), rng=1), LecunUniform("relu")((9, 4), rng=1)
    np.testing.assert_allclose(he, lecun, rtol=1e-14)


def test_truncated_std_is_that_of_scipy():
    assert pytest.approx(stats.truncnorm(-2, 2).std(), rel=1e-14) == TRUNCATED_STD


@pytest.mark.parametrize(
    ("activation", "param", "gain"),
    [
        ("linear", None, 1.0),
        ("identity", None, 1.0),
        ("sigmoid", None, 1.0),
        ("logistic", None, 1.0),
        ("tanh", None, 1.6666666666666667),
        ("relu", None, 1.4142135623730951),
        ("leaky_relu", None, 1.4141428569978354),
        ("leaky_relu", 0.2, 1.3867504905630728),
        ("selu", None, 0.75),
    ],
)
def test_gain_table(activation, param, gain):
    assert calculate_gain(activation, param) == pytest.approx(gain, rel=1e-15)


def test_a_scale_too_large_for_the_dtype():
    with pytest.raises(
        ValueError, match="VarianceScaling must give finite numbers in float32, got a st"
    ):
        VarianceScaling(1e76)((2, 3), dtype="float32")
    assert np.isfinite(VarianceScaling(1e76)((2, 3), rng=0)).all()
    largest = VarianceScaling(1e73, "fan_in", "normal")((1000, 1000), rng=0, dtype="float32")
    assert np.isfinite(largest).all()


def test_what_a_subclass_draws_is_looked_at():
    class Broken(HeNormal):
        def draw(self, shape, stream, dtype, fans):
            return super().draw(shape, stream, dtype, fans) / 0.0

    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="Broken must give finite numbers"),
    ):
        Broken()((2, 3), rng=0)
