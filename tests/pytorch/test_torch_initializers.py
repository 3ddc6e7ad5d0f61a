"""torch.nn.init, function by function: minnet's law of the same name draws what torch draws."""

import inspect
import math

import numpy as np
import pytest
from scipy import stats

from minnet.initializers import (
    Constant,
    Dirac,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Normal,
    Ones,
    Orthogonal,
    Sparse,
    TorchLinear,
    TruncatedNormal,
    Uniform,
    Zeros,
    calculate_gain,
    resolve_fans,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
init = torch.nn.init

pytestmark = pytest.mark.dev

LAYOUTS = {"OI": (40, 60), "OIW": (20, 30, 4), "OIHW": (12, 20, 3, 5), "OIDHW": (8, 10, 2, 3, 5)}
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def drawn(function, shape, dtype="float64", **arguments):
    torch.manual_seed(0)
    return function(torch.empty(shape, dtype=DTYPES[dtype]), **arguments).numpy()


#: torch's function, its arguments, minnet's initializer.
RANDOM = [
    ("uniform_", {"a": -0.2, "b": 0.7}, Uniform(-0.2, 0.7)),
    ("normal_", {"mean": 0.3, "std": 0.7}, Normal(0.3, 0.7)),
    ("trunc_normal_", {}, TruncatedNormal(std=1.0)),
    (
        "trunc_normal_",  # its bounds are values
        {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 3.0},
        TruncatedNormal(0.5, 2.0, -0.75, 1.25),
    ),
    ("trunc_normal_", {"std": 0.02}, Normal(std=0.02)),  # bounds of 100 deviations cut nothing
    ("xavier_uniform_", {}, GlorotUniform()),
    ("xavier_uniform_", {"gain": 5 / 3}, GlorotUniform("tanh")),
    ("xavier_normal_", {"gain": 2.0}, GlorotNormal(2.0)),
    ("kaiming_uniform_", {}, HeUniform()),
    ("kaiming_uniform_", {"a": math.sqrt(5)}, TorchLinear()),
    ("kaiming_uniform_", {"a": 0.5, "mode": "fan_out"}, HeUniform(1.0, 0.5, "fan_out")),
    ("kaiming_normal_", {"a": 0.5}, HeNormal(negative_slope=0.5)),
    ("kaiming_normal_", {"mode": "fan_out"}, HeNormal(mode="fan_out")),
    ("kaiming_normal_", {"nonlinearity": "linear"}, LecunNormal()),
    ("kaiming_normal_", {"nonlinearity": "selu"}, LecunNormal("selu")),
    ("kaiming_uniform_", {"nonlinearity": "tanh"}, LecunUniform("tanh")),
    ("orthogonal_", {"gain": 2.0}, Orthogonal(2.0)),
]
EXACT = [
    ("zeros_", {}, Zeros()),
    ("ones_", {}, Ones()),
    ("constant_", {"val": 0.3}, Constant(0.3)),
    ("eye_", {}, Identity()),
    ("dirac_", {}, Dirac()),
    ("dirac_", {"groups": 4}, Dirac(4)),
]


def test_all_of_torch_is_here():
    functions = {
        name
        for name, thing in vars(init).items()
        if inspect.isfunction(thing) and name.endswith("_") and not name.startswith("_")
    }
    assert functions == {name for name, *_ in [*RANDOM, *EXACT]} | {"sparse_"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "arguments", "ours"), RANDOM)
def test_random_laws(name, arguments, ours, layout, dtype):
    shape = LAYOUTS[layout]
    theirs = drawn(getattr(init, name), shape, dtype, **arguments).ravel()
    values = ours(shape, rng=1, dtype=dtype, layout=layout).ravel()
    assert stats.ks_2samp(theirs, values).pvalue > 1e-3
    n, moment = len(theirs), (theirs.astype("float64") ** 2).mean()
    spread = theirs.astype("float64") ** 2
    assert abs((values.astype("float64") ** 2).mean() - moment) < 6 * spread.std() / math.sqrt(n)
    if "uniform" in name:  # the largest of n is within 6 / n of the bound, with the same bound
        assert np.abs(values).max() == pytest.approx(np.abs(theirs).max(), rel=12 / n)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "arguments", "ours"), EXACT)
def test_exact_laws(name, arguments, ours, layout):
    of_matrices, of_kernels = name == "eye_", name == "dirac_"
    shape = LAYOUTS[layout]
    if (of_matrices and layout != "OI") or (of_kernels and layout == "OI"):
        with pytest.raises(ValueError, match="Only tensors"):
            drawn(getattr(init, name), shape, **arguments)
        with pytest.raises(ValueError, match="shape must "):
            ours(shape, layout=layout)
        return
    theirs = drawn(getattr(init, name), shape, **arguments)
    np.testing.assert_array_equal(ours(shape, layout=layout), theirs)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fans(layout):
    shape = LAYOUTS[layout]
    theirs = init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert resolve_fans(shape, layout=layout) == theirs


@pytest.mark.parametrize("layout", LAYOUTS)
def test_orthogonal_flattens_alike(layout):
    shape = LAYOUTS[layout]
    for W in (drawn(init.orthogonal_, shape, gain=2.0), Orthogonal(2.0)(shape, 0, layout=layout)):
        matrix = W.reshape(len(W), -1)
        np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(len(W)), atol=1e-12)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.55, 0.9])
def test_sparse(sparsity):
    rows, columns = 30, 2000
    theirs = drawn(init.sparse_, (rows, columns), sparsity=sparsity, std=0.5)
    # Theirs counts zeros of each column as it stands, whatever the layer takes the axes for.
    kept = rows - math.ceil(sparsity * rows)
    ours = Sparse(kept, std=0.5)((rows, columns), rng=0)
    for W in (theirs, ours):
        assert ((W != 0).sum(axis=0) == kept).all()
    assert stats.ks_2samp(theirs[theirs != 0], ours[ours != 0]).pvalue > 1e-3


@pytest.mark.parametrize(
    "name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", ("leaky_relu", 0.3)]
)
def test_gains(name):
    arguments = name if isinstance(name, tuple) else (name,)
    assert calculate_gain(*arguments) == pytest.approx(init.calculate_gain(*arguments), rel=1e-15)


@pytest.mark.parametrize(
    ("module", "layout"),
    [
        (torch.nn.Linear(50, 70), "OI"),
        (torch.nn.Conv1d(20, 30, 5), "OIW"),
        (torch.nn.Conv2d(20, 30, (3, 2), groups=5), "OIHW"),
        (torch.nn.Conv3d(5, 10, 3), "OIDHW"),
    ],
    ids=["linear", "conv1d", "conv2d, groups", "conv3d"],
)
def test_what_torch_layers_start_from(module, layout):
    weights, biases = (p.detach().numpy().ravel() for p in module.parameters())
    shape = tuple(module.weight.shape)
    ours = TorchLinear()(shape, rng=0, layout=layout).ravel()
    assert stats.ks_2samp(weights, ours).pvalue > 1e-3
    ours = TorchLinear()(biases.shape, rng=0, fans=resolve_fans(shape, layout=layout))
    bound = resolve_fans(shape, layout=layout)[0] ** -0.5
    assert np.abs(biases).max() <= bound
    assert np.abs(ours).max() <= bound
    assert stats.ks_2samp(biases, ours).pvalue > 1e-3
