"""Kernels of convolutions: every initializer in every layout, and laws of kernels alone.

The fans and laws of other libraries are written out from their sources: keras/src/initializers/
random_initializers.py (compute_fans, OrthogonalInitializer), caffe/filler.hpp, lasagne/init.py,
torch/nn/init.py, jax/_src/nn/initializers.py.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage, stats
from test_initializers import (
    EXACT,
    FOR_BIASES,
    LAWS,
    OF_KERNELS,
    STRUCTURED,
    example,
    follows,
    known_initializers,
    normal,
    uniform,
)

from minnet import Dense, Network
from minnet.initializers import (
    LSUV,
    Bilinear,
    DeltaOrthogonal,
    Dirac,
    EdgeOfChaos,
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
    Sparse,
    VarianceScaling,
    ZerO,
    get_initializer,
    list_initializers,
    materialize,
    resolve_fans,
)
from minnet.lab.theory import weight_variance

DTYPES = ["float64", "float32"]
GIVEN = {FromArray, FromFunction}
MATRICES_ONLY = {Identity, NguyenWidrow}
SIZES = {"I": 6, "O": 10, "D": 2, "H": 3, "W": 5}
#: Keras, JAX; torch, Caffe, Lasagne; Lasagne's c01b; a transposed convolution of Keras; any other.
LAYOUTS = ["IO", "OI", "WIO", "OIW", "HWIO", "OIHW", "IHWO", "HWOI", "OWIH", "DHWIO", "OIDHW"]
FIRST = [layout for layout in LAYOUTS if layout.startswith("OI")]
LAST = [layout for layout in LAYOUTS if layout.endswith("IO")]


def shape_of(layout, **sizes):
    return tuple({**SIZES, **sizes}[letter] for letter in layout)


def places_first(values, layout):
    """Return the array with the axes D, H, W, I, O, those that there are."""
    axes = [layout.index(letter) for letter in "DHWIO" if letter in layout]
    return values.transpose(axes)


def by_unit(values, layout):
    """Return the incoming weights of each unit as a column."""
    ordered = places_first(values, layout)
    return ordered.reshape(-1, ordered.shape[-1])


# Fans


def fans_of_keras(shape):
    places = np.prod(shape[:-2])
    return shape[-2] * places, shape[-1] * places


def fans_of_torch(shape):
    places = np.prod(shape[2:])
    return shape[1] * places, shape[0] * places


def fans_of_caffe(shape):  # blob.count() / blob.num(), blob.count() / blob.channels()
    return np.prod(shape) / shape[0], np.prod(shape) / shape[1]


def fans_of_lasagne(shape, c01b=False):  # of Glorot, n1 + n2 alone matters; of He, fan_in
    places = np.prod(shape[1:3] if c01b else shape[2:])
    return np.prod(shape[:3] if c01b else shape[1:]), (shape[3] if c01b else shape[0]) * places


@pytest.mark.parametrize(
    ("fans", "layout"),
    [
        *((fans_of_keras, layout) for layout in LAST),
        *((fans_of_torch, layout) for layout in FIRST),
        *((fans_of_caffe, layout) for layout in FIRST),
        *((fans_of_lasagne, layout) for layout in FIRST),
        (lambda shape: fans_of_lasagne(shape, c01b=True), "IHWO"),
    ],
)
def test_fans_are_those_of_other_libraries(fans, layout):
    shape = shape_of(layout)
    assert resolve_fans(shape, layout=layout) == fans(shape)


def test_fans_by_hand():
    assert resolve_fans((3, 3, 16, 32), layout="HWIO") == (144, 288)
    assert resolve_fans((32, 16, 3, 3), layout="OIHW") == (144, 288)
    assert resolve_fans((5, 4, 2), layout="WIO") == (20, 10)
    assert resolve_fans((10, 784), layout="OI") == (784, 10)
    assert GlorotUniform()((9, 1, 1, 9), fans=(4, 2), rng=0).max() < 1  # they may be given, too


# Laws


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", LAWS, ids=lambda cls: cls.__name__)
def test_laws_of_kernels(cls, dtype):
    for (initializer, law), layout in itertools.product(LAWS[cls], ["WIO", "OIHW", "DHWIO"]):
        shape = shape_of(layout, I=13, O=17)
        K = initializer(shape, rng=3, dtype=dtype, layout=layout)
        of_entries = law(*resolve_fans(shape, layout=layout))
        assert K.shape == shape
        assert K.dtype == dtype
        assert follows(K, of_entries)
        low, high = (np.dtype(dtype).type(bound) for bound in of_entries.support())
        assert low <= K.min()
        assert K.max() <= high
        spread = math.sqrt((of_entries.moment(4) - of_entries.moment(2) ** 2) / K.size)
        assert abs(np.mean(K.astype("float64") ** 2) - of_entries.moment(2)) < 5 * spread


#: The laws of Caffe and Lasagne in their own terms: of the shape (out, in, kh, kw).
THEIRS = {
    "caffe xavier": (LecunUniform(), lambda s: uniform(math.sqrt(3 / np.prod(s[1:])))),
    "caffe xavier AVERAGE": (
        GlorotUniform(),
        lambda s: uniform(math.sqrt(3 / ((np.prod(s) / s[0] + np.prod(s) / s[1]) / 2))),
    ),
    "caffe xavier FAN_OUT": (
        VarianceScaling(1, "fan_out", "uniform"),
        lambda s: uniform(math.sqrt(3 / (np.prod(s) / s[1]))),
    ),
    "caffe msra": (HeNormal(), lambda s: normal(2 / np.prod(s[1:]))),
    "caffe msra FAN_OUT": (HeNormal(mode="fan_out"), lambda s: normal(2 * s[1] / np.prod(s))),
    "caffe msra AVERAGE": (
        HeNormal(mode="fan_avg"),
        lambda s: normal(2 / ((np.prod(s) / s[0] + np.prod(s) / s[1]) / 2)),
    ),
    "caffe gaussian": (Normal(0.5, 2.0), lambda s: stats.norm(0.5, 2.0)),
    "lasagne GlorotUniform": (
        GlorotUniform(),
        lambda s: uniform(math.sqrt(3) * math.sqrt(2 / ((s[0] + s[1]) * np.prod(s[2:])))),
    ),
    "lasagne GlorotNormal('relu')": (
        GlorotNormal("relu"),
        lambda s: normal(2 * 2 / ((s[0] + s[1]) * np.prod(s[2:]))),
    ),
    "lasagne HeNormal()": (LecunNormal(), lambda s: normal(1 / np.prod(s[1:]))),
    "lasagne HeNormal('relu')": (HeNormal(), lambda s: normal(2 / np.prod(s[1:]))),
    "lasagne HeUniform('relu')": (
        HeUniform(),
        lambda s: uniform(math.sqrt(3) * math.sqrt(2 / np.prod(s[1:]))),
    ),
}


@pytest.mark.parametrize("name", THEIRS)
def test_laws_of_caffe_and_lasagne(name):
    initializer, law = THEIRS[name]
    K = initializer((30, 7, 3, 5), rng=1, layout="OIHW")
    assert follows(K, law(K.shape))
    bound = law(K.shape).support()[1]
    assert K.max() <= bound
    assert np.isinf(bound) or K.max() > 0.98 * bound


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "cls", sorted(set(known_initializers()) - GIVEN - FOR_BIASES, key=lambda cls: cls.__name__)
)
def test_a_seed_gives_the_same_weights_in_every_layout(cls, layout):
    if len(layout) == 2 and cls in OF_KERNELS:
        pytest.skip("is refused")
    if len(layout) > 2 and cls in MATRICES_ONLY:
        pytest.skip("is refused")
    last = "".join(letter for letter in "DHWIO" if letter in layout)
    K = example(cls)(shape_of(layout), rng=4, layout=layout)
    np.testing.assert_array_equal(
        places_first(K, layout), example(cls)(shape_of(last), rng=4, layout=last)
    )
    assert K.flags.c_contiguous
    assert K.flags.writeable
    if last == "IO":  # a matrix without a layout is (in, out)
        np.testing.assert_array_equal(K.T if layout == "OI" else K, example(cls)((6, 10), rng=4))


@pytest.mark.parametrize("layout", ["HWIO", "OIHW"])
def test_given_values_are_not_rearranged(layout):
    shape = shape_of(layout)
    values = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_array_equal(FromArray(values)(shape, layout=layout), values)
    asked = []
    FromFunction(lambda shape: asked.append(shape) or np.ones(shape))(shape, layout=layout)
    assert asked == [shape]


def test_a_class_of_ones_own_makes_kernels():
    class Thirds(Initializer):
        def draw(self, shape, stream, dtype, fans):
            return stream.normal(shape, 0.0, 1 / fans[0], dtype)

    K = Thirds()((20, 30, 3, 3), rng=0, layout="OIHW")
    assert follows(K, stats.norm(0, 1 / 270))
    np.testing.assert_array_equal(K, materialize(Thirds(), K.shape, rng=0, layout="OIHW"))


# Laws of whole kernels


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_outputs", [4, 200])
@pytest.mark.parametrize(
    "initializer",
    [
        Orthogonal(2.0),
        Orthogonal(2.0, "svd"),
        EdgeOfChaos("relu", distribution="orthogonal"),
        LSUV(),
    ],
    ids=repr,
)
def test_orthogonal_kernels(initializer, layout, n_outputs, dtype):
    shape = shape_of(layout, O=n_outputs)
    K = initializer(shape, rng=1, dtype=dtype, layout=layout).astype("float64")
    matrix = by_unit(K, layout)
    if layout in FIRST:  # torch and Lasagne: all but the first axis are flattened
        np.testing.assert_array_equal(np.sort(matrix.T, 1), np.sort(K.reshape(len(K), -1), 1))
    if layout in LAST:  # Keras: all but the last axis
        np.testing.assert_array_equal(matrix, K.reshape(-1, K.shape[-1]))
    rows, columns = matrix.shape
    gain = {Orthogonal: 2.0, LSUV: 1.0}.get(type(initializer))
    if gain is None:  # the variance of an entry is that of the law
        gain = math.sqrt(2 * max(rows, columns) / rows)
    singular = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(singular, gain, rtol=1e-12 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if len(layout) > 2])
def test_counts_and_sums_of_kernels(layout):
    shape = shape_of(layout)
    W = by_unit(Sparse(7)(shape, rng=0, layout=layout), layout)
    assert ((W != 0).sum(axis=0) == 7).all()
    W = by_unit(Sparse(fraction=0.5)(shape, rng=0, layout=layout), layout)
    assert ((W != 0).sum(axis=0) == len(W) // 2).all()
    # Caffe: of each of the blob's num, which are the outputs.
    W = by_unit(PositiveUnitball()(shape, rng=0, layout=layout), layout)
    np.testing.assert_allclose(W.sum(axis=0), 1)
    assert (W > 0).all()
    # Zhao et al. 2022, algorithm 2: the matrix at the centre.
    K = places_first(ZerO()(shape, layout=layout), layout)
    assert len(np.unique(np.argwhere(K)[:, :-2], axis=0)) == 1
    np.testing.assert_array_equal(K[tuple(k // 2 for k in K.shape[:-2])], ZerO()((6, 10)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("given", "share"), [({"fraction": 0.3}, 0.3), ({"n_nonzero": 9}, 9 / 90)])
def test_random_counts_are_those_of_caffe(given, share, dtype):
    initializer = Sparse(**given, std=2.0, exact=False)
    K = initializer((3000, 10, 3, 3), rng=0, layout="OIHW", dtype=dtype)
    counts = (K != 0).sum(axis=(1, 2, 3))
    observed = np.bincount(counts, minlength=91)
    expected = stats.binom(90, share).pmf(np.arange(91)) * 3000
    some = expected > 5
    rest = [3000 - observed[some].sum(), 3000 - expected[some].sum()]
    assert stats.chisquare([*observed[some], rest[0]], [*expected[some], rest[1]]).pvalue > 1e-3
    assert follows(K[K != 0], stats.norm(0, 2))
    assert weight_variance(initializer, 90, 3000) == pytest.approx(share * 4)
    assert K.var() == pytest.approx(share * 4, rel=0.02)
    large = K[:, 0, 0, 0][K[:, 0, 0, 0] != 0], K[:, 0, 0, 1][K[:, 0, 0, 0] != 0]
    assert stats.spearmanr(np.abs(large[0]), large[1] != 0).pvalue > 1e-3


# Kernels alone


def convolved(K, image, mode="constant"):
    """Return what a convolution of stride 1 makes of an image; places, inputs, outputs."""
    return np.stack(
        [
            sum(
                ndimage.correlate(image[..., i], K[..., i, o], mode=mode)
                for i in range(K.shape[-2])
            )
            for o in range(K.shape[-1])
        ],
        axis=-1,
    )


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if len(layout) > 2])
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 3), (3, 5), (5, 3), (1, 1)])
def test_dirac_passes_an_image_on(layout, inputs, outputs):
    K = Dirac(gain=2.0)(shape_of(layout, I=inputs, O=outputs, D=3), rng=0, layout=layout)
    K = places_first(K, layout)
    image = np.random.default_rng(0).normal(size=(7,) * (K.ndim - 2) + (inputs,))
    expected = np.zeros(image.shape[:-1] + (outputs,))
    both = min(inputs, outputs)
    expected[..., :both] = 2 * image[..., :both]
    np.testing.assert_allclose(convolved(K, image), expected, atol=1e-12)


@pytest.mark.parametrize(("groups", "inputs", "outputs"), [(2, 3, 6), (3, 4, 6), (6, 1, 6)])
def test_dirac_of_groups(groups, inputs, outputs):
    K = Dirac(groups)((outputs, inputs, 3, 4), layout="OIHW")
    expected = np.zeros(K.shape)
    for o in range(outputs):
        of_group = o % (outputs // groups)
        if of_group < inputs:
            expected[o, of_group, 1, 2] = 1  # k // 2, as torch's
    np.testing.assert_array_equal(K, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if len(layout) > 2])
@pytest.mark.parametrize(("inputs", "outputs"), [(4, 4), (3, 7), (1, 1)])
def test_delta_orthogonal_keeps_the_length_of_an_image(layout, inputs, outputs, dtype):
    shape = shape_of(layout, I=inputs, O=outputs)
    K = DeltaOrthogonal(gain=3.0)(shape, rng=2, dtype=dtype, layout=layout)
    K = places_first(K, layout).astype("float64")
    image = np.random.default_rng(0).normal(size=(6,) * (K.ndim - 2) + (inputs,))
    lengths = [np.linalg.norm(images) for images in (convolved(K, image, "wrap"), image)]
    assert lengths[0] == pytest.approx(3 * lengths[1], rel=1e-5)
    assert np.count_nonzero(K) == inputs * outputs
    assert K[tuple((k - 1) // 2 for k in K.shape[:-2])].all()  # as JAX's


def test_delta_orthogonal_is_haar():
    draws = np.array(
        [DeltaOrthogonal()((1, 1, 3, 5), rng=seed, layout="HWIO")[0, 0] for seed in range(700)]
    )
    coordinate = stats.beta(2, 2, loc=-1, scale=2)  # of a direction in five dimensions
    assert follows(draws[:, 0, 0], coordinate)
    assert follows(draws[:, 2, 4], coordinate)
    assert follows(draws.sum(axis=(1, 2)) / math.sqrt(15), coordinate)
    assert DeltaOrthogonal("relu")((3, 2, 2), rng=0, layout="WIO") == pytest.approx(
        math.sqrt(2) * DeltaOrthogonal()((3, 2, 2), rng=0, layout="WIO")
    )


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n_places", [1, 2, 3])
def test_bilinear_enlarges_by_interpolation(factor, n_places):
    k, pad = 2 * factor - factor % 2, math.ceil((factor - 1) / 2)
    layout = {1: "OIW", 2: "OIHW", 3: "OIDHW"}[n_places]
    K = Bilinear()((2, 1, *[k] * n_places), layout=layout)
    np.testing.assert_array_equal(K[0], K[1])
    # A transposed convolution: each pixel adds the kernel, times its value, factor places on.
    image = np.zeros((6,) * n_places) + sum(
        a * np.arange(6).reshape([-1 if i == j else 1 for j in range(n_places)])
        for i, a in enumerate([1.0, -2.0, 0.5][:n_places])
    )
    large = np.zeros(((6 - 1) * factor + k,) * n_places)
    for at in np.ndindex(image.shape):
        large[tuple(slice(i * factor, i * factor + k) for i in at)] += image[at] * K[0, 0]
    inner = large[(slice(pad, -pad or None),) * n_places]
    # Inside, a slope stays one, 1 / factor as steep.
    inner = inner[(slice(k, -k),) * n_places]
    for axis, a in enumerate([1.0, -2.0, 0.5][:n_places]):
        np.testing.assert_allclose(np.diff(inner, axis=axis), a / factor, atol=1e-12)


@pytest.mark.parametrize("k", range(1, 9))
def test_bilinear_is_that_of_caffe(k):
    f = math.ceil(k / 2.0)
    c = (k - 1) / (2.0 * f)
    expected = [
        (1 - abs(i % k / f - c)) * (1 - abs((i // k) % k / f - c)) for i in range(6 * k * k)
    ]
    K = Bilinear()((3, 2, k, k), layout="OIHW")
    np.testing.assert_allclose(K.ravel(), expected, rtol=1e-14)


# What is refused


ANY_SHAPE = {"Zeros", "Ones", "Constant", "Uniform", "Normal", "TruncatedNormal"}


@pytest.mark.parametrize("name", list_initializers())
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 3, 16, 32), (2, 3, 3, 4, 5)])
def test_a_kernel_without_a_layout_is_no_guess(name, shape):
    cls = type(get_initializer(name))
    if cls.__name__ in ANY_SHAPE:
        assert example(cls)(shape, rng=0).shape == shape
        return
    keras = {3: "WIO", 4: "HWIO", 5: "DHWIO"}[len(shape)]
    expected = rf'layout.* such as "{keras}" \(Keras, JAX\) or "OI.* \(torch, Caffe\)'
    if cls in {*MATRICES_ONLY, *FOR_BIASES}:
        expected = rf"{cls.__name__}.*makes (weight matrices|biases)"
    with pytest.raises(ValueError, match=expected):
        example(cls)(shape, rng=0)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((3, 3, 2, 4), layout)
        for layout in (
            "hwio",
            "HWI",
            "HWIOO",
            "HHIO",
            "HWII",
            "HWDH",
            "NHWC",
            "",
            3,
            b"HWIO",
            ["H"],
        )
    ]
    + [((3, 4), "HWIO"), ((3, 4), "WO"), ((2, 3, 4), "IO")],
)
@pytest.mark.parametrize("make", [GlorotUniform(), Orthogonal(), Dirac(), FromFunction(np.ones)])
def test_layouts_that_are_none(make, shape, layout):
    sentence = rf"layout must have one letter for each axis of \({shape[0]}, .*, got "
    for call in (make, resolve_fans):
        with pytest.raises(ValueError, match=sentence):
            call(shape, layout=layout)


@pytest.mark.parametrize("shape", [(5,), 5, (1, 2, 3, 4, 5, 6)])
def test_shapes_that_have_no_layout(shape):
    with pytest.raises(ValueError, match="shape must have 2 to 5 axes where layout is given, got "):
        Normal()(shape, layout="IO")


def test_fans_and_a_layout():
    for call in (GlorotUniform(), resolve_fans):
        with pytest.raises(ValueError, match="fans must be left out where layout tells them"):
            call((3, 4), fans=(3, 4), layout="OI")


@pytest.mark.parametrize("cls", sorted(MATRICES_ONLY, key=str))
def test_matrices_that_are_no_kernels(cls):
    with pytest.raises(ValueError, match=rf"\(fan_in, fan_out\) for {cls.__name__}, which makes"):
        cls()((3, 3, 4, 5), rng=0, layout="HWIO")


@pytest.mark.parametrize("cls", sorted(OF_KERNELS, key=str))
def test_kernels_are_no_matrices(cls):
    sentence = f"shape must have 3 to 5 axes, .* for {cls.__name__}, got "
    for shape, layout in [((4, 5), None), ((4, 5), "OI"), ((5,), None)]:
        with pytest.raises(ValueError, match=sentence + str(len(shape))):
            cls()(shape, layout=layout)
    with pytest.raises(ValueError, match=rf"^layers\[0\].W \(Dense\): {sentence}2"):
        Network([Dense(3, init=cls.names[0])]).initialize(4)


def test_channels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"groups must divide the 5 outputs of the shape, got 2"):
        Dirac(2)((5, 3, 3, 3), layout="OIHW")
    with pytest.raises(ValueError, match=r"as many outputs as inputs .*, got 5 inputs and 3 out"):
        DeltaOrthogonal()((3, 5, 3, 3), layout="OIHW")


def test_every_class_is_here():
    assert {*LAWS, *EXACT, *STRUCTURED, *OF_KERNELS, *FOR_BIASES} == set(known_initializers())
