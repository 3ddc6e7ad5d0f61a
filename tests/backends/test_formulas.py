"""The one table: the extension is built from it, unknown codes are no functions, nothing is half added."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exact import EXACT
from parity import FACTORS, LOSSES, OPTIMIZERS, stack

import minnet
from minnet import SGD, Adam, Dense, Network, activations, layers, losses, optimizers
from minnet.backends import Hyper, formulas, program
from minnet.export import description, onnx_operators, to_numpy_source, to_onnx

minnet_ext = pytest.importorskip("minnet_ext", reason="installed without the extension")
from minnet_ext import _train  # noqa: E402

UNKNOWN = 99


# ---- the extension's table


@pytest.fixture(scope="module")
def copy_of_minnet(tmp_path_factory):
    """Return a folder with minnet and its extension, to be changed."""
    folder = tmp_path_factory.mktemp("copied")
    for package in (minnet, minnet_ext):
        source = Path(package.__file__).parent
        shutil.copytree(
            source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__", "kernels")
        )
    return folder


def run(folder, code):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


FIT = "import minnet; minnet.MinNetClassifier((3,), max_iter=2).fit([[0.0], [1.0]] * 9, [0, 1] * 9)"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"tanh",', '"mish",\n    "tanh",'),  # all codes after it
        ('"sgd": ("V",)', '"sgd": ("M",)'),
        ("batch_size start stop", "batch_size stop start"),
    ],
    ids=["codes", "rows", "fields"],
)
def test_an_extension_built_from_another_table_is_refused(copy_of_minnet, old, new):
    table = copy_of_minnet / "minnet/backends/formulas.py"
    text = table.read_text()
    assert text.count(old) == 1
    try:
        table.write_text(text.replace(old, new))
        process = run(copy_of_minnet, FIT)
        shown = run(copy_of_minnet, "import minnet; minnet.show_config()")
    finally:
        table.write_text(text)
    assert process.returncode == 1, process.stderr  # not a signal
    last = process.stderr.strip().rpartition("\n")[2]
    assert last == (
        "ImportError: minnet_ext was built from another table than minnet/backends/formulas.py: "
        "build it again (`pip install .`, or `make kernels` in a checkout)"
    )
    assert "built from another table" in shown.stdout
    assert run(copy_of_minnet, FIT).returncode == 0


def test_comments_do_not_change_the_table():
    assert formulas.digest() == minnet_ext.table_digest
    assert "/*" in formulas.c_header()


# ---- unknown codes


def lowered(activation="tanh", loss="squared_error", dtype="float64"):
    """Return a network of one layer, its table and what the kernels take beside."""
    network = Network([Dense(3, activation)], loss=loss).initialize(5, random_state=0, dtype=dtype)
    table, code = program.lower(network)
    return network, table, code


def program_of(network, table):
    sizes = network.params.size, network.state.size, network.dtype.itemsize
    return _train.Program(table, *sizes, network.key)


def infer(network, table):
    X, out = np.ones((4, 5), network.dtype), np.zeros((4, 3), network.dtype)
    program_of(network, table).infer(network.params, network.state, X, out, 1)
    return out


def train(network, table, loss, optimizer=None, kind=None, clip_value=None):
    """Return the loss of one step."""
    optimizer = SGD(0.1) if optimizer is None else optimizer
    optimizer.prepare(network.params)
    lowered = program.lower_optimizer(optimizer)
    lowered["kind"] = lowered["kind"] if kind is None else kind
    X, T = np.ones((4, 5), network.dtype), np.zeros((4, 3), network.dtype)
    losses = np.zeros(1)
    hyper = Hyper(4, np.ones(1), optimizer, 4, 4.0, clip_value=clip_value)
    program_of(network, table).train_steps(
        loss, 0.0, network.params, network.state, X, T, None, None, 0, 1, hyper, lowered, 1, losses
    )
    return losses[0]


def weights(network):
    """Return all parameters without what lies between them."""
    return np.concatenate([network.params[row.slice] for row in network.parameter_table])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestUnknownCodes:
    def test_activation_gives_nan(self, dtype):
        network, table, _ = lowered(dtype=dtype)
        assert np.isfinite(infer(network, table)).all()
        table["activation"] = UNKNOWN
        assert np.isnan(infer(network, table)).all()

    def test_activation_in_training_gives_nan(self, dtype):
        network, table, loss = lowered(dtype=dtype)
        table["activation"] = UNKNOWN
        train(network, table, loss)
        assert np.isnan(weights(network)).all()

    @pytest.mark.parametrize("code", [UNKNOWN, -1])
    def test_loss_and_gradient_are_nan(self, code, dtype):
        network, table, loss = lowered(dtype=dtype)
        assert np.isfinite(train(network, table, loss))
        assert np.isfinite(weights(network)).all()
        assert np.isnan(train(network, table, (code, 0.0)))
        assert np.isnan(weights(network)).all()

    @pytest.mark.parametrize("clip_value", [None, 1.0])
    @pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, momentum=0.9), Adam()], ids=str)
    def test_step_of_an_optimizer_is_nan(self, optimizer, clip_value, dtype):
        network, table, loss = lowered(dtype=dtype)
        train(network, table, loss, optimizer, clip_value=clip_value)
        assert np.isfinite(weights(network)).all()
        train(network, table, loss, optimizer, kind=UNKNOWN, clip_value=clip_value)
        assert np.isnan(weights(network)).all()


def test_what_is_not_in_the_table_is_not_lowered():
    class Mine(minnet.SGD):
        pass

    class Other(type(minnet.losses.get_loss("poisson", 1))):
        pass

    assert program.lower_optimizer(Mine()) is None
    assert program.lower_loss(Other()) is None


# ---- nothing is half added


API = Path(__file__).parents[2] / "docs/api"


def named_in(module, cls):
    """Yield the places that list a class of a module and do not have this one."""
    if cls.__name__ not in module.__all__:
        yield f"__all__ of {module.__name__}"
    path = API / f"{module.__name__.removeprefix('minnet.')}.rst"
    page = path.read_text() if API.exists() else f"   {cls.__name__}\n"
    if f"   {cls.__name__}\n" not in page and f".{cls.__name__}\n" not in page:
        yield f"docs/api/{path.name}"


def missing_of_activation(cls):
    """Return what there is still to be done for an activation of minnet's own."""
    missing = list(named_in(activations, cls))
    if cls not in onnx_operators._ACTIVATIONS:
        missing.append("_ACTIVATIONS of minnet/export/onnx_operators.py")
    if cls.__name__ not in EXACT:
        missing.append("EXACT of tests/exact.py")
    if cls.name not in formulas.ACTIVATIONS:
        return [*missing, "ACTIVATIONS of minnet/backends/formulas.py"]
    network, table, loss = lowered(cls())
    if np.isnan(infer(network, table)).any():
        missing.append("a case of activate() in minnet_ext/kernels/activate.h")
    train(network, table, loss)
    if np.isnan(weights(network)).any():
        missing.append("a case of differentiate() in minnet_ext/kernels/activate.h")
    return missing


def missing_of_loss(cls):
    missing = list(named_in(losses, cls))
    in_parity = [getattr(loss, "name", loss) for loss in LOSSES.values()]
    if cls.name not in in_parity:
        missing.append("LOSSES of tests/parity.py")
    if cls.name not in formulas.LOSSES:
        return [*missing, "LOSSES of minnet/backends/formulas.py"]
    network, table, code = lowered(loss=cls())
    if cls.output != "softmax" and np.isnan(train(network, table, code)):
        missing.append("a case of loss_of_lanes() in minnet_ext/kernels/losses.h")
    return missing


def missing_of_optimizer(cls):
    missing = list(named_in(optimizers, cls))
    if cls not in optimizers._BY_NAME.values():
        missing.append("_BY_NAME of minnet/optimizers.py")
    if not any(type(make()) is cls for make in OPTIMIZERS.values()):
        missing.append("OPTIMIZERS of tests/parity.py")
    if cls.compiled not in formulas.OPTIMIZERS:
        return [*missing, "compiled=... and OPTIMIZERS of minnet/backends/formulas.py"]
    network, table, loss = lowered()
    train(network, table, loss, cls())
    if np.isnan(weights(network)).any():
        missing.append("a case of update_vector() in minnet_ext/kernels/update.h")
    return missing


def missing_of_layer(cls):
    missing = list(named_in(layers, cls))
    if cls.__name__ not in minnet.__all__:
        missing.append("__all__ of minnet")
    stacks = [stack(name, "tanh") for name in FACTORS["layers"]]
    if not any(type(layer) is cls for layers in stacks for layer in layers):
        missing.append("stack() and FACTORS of tests/parity.py")
    network = Network([Dense(4), cls(4) if cls.fully_connected else cls(), Dense(3)])
    network.initialize(5, random_state=0)
    if cls not in description._LAYERS:
        missing.append("_LAYERS of minnet/export/description.py")
    else:
        missing += [
            f"{branch} of minnet/export/{file}.py"
            for export, branch, file in EXPORTS
            if not exported(export, network)
        ]
    if cls not in program._KINDS:
        return [*missing, "_KINDS of minnet/backends/program.py"]
    if program._KINDS[cls] not in formulas.LAYER_KINDS:
        return [*missing, "LAYER_KINDS of minnet/backends/formulas.py"]
    try:
        table, _ = program.lower(network, tuple(program._KINDS))
    except (AttributeError, KeyError):  # as another kind
        return [*missing, "its fields in lower() of minnet/backends/program.py"]
    try:
        program_of(network, table)
    except ValueError:
        missing.append("its offsets in Program of minnet_ext/_train.pyx")
    return missing


EXPORTS = [(to_numpy_source, "_add_layer()", "numpy_network")]
if importlib.util.find_spec("onnx"):
    EXPORTS.append((to_onnx, "add_logits()", "onnx_operators"))


def exported(export, network):
    """Return whether an export knows the layers of a network."""
    try:
        export(network)
    except (AttributeError, KeyError):  # of another kind
        return False
    return True


def own(base, module):
    """Return minnet's own subclasses."""
    found, queue = [], [base]
    while queue:
        subclasses = queue.pop().__subclasses__()
        found += [
            cls
            for cls in subclasses
            if cls.__module__ == module.__name__ and not cls.__name__.startswith("_")
        ]
        queue += subclasses
    return found


@pytest.mark.parametrize("cls", own(activations.Activation, activations))
def test_activations_are_wholly_added(cls):
    assert missing_of_activation(cls) == []


@pytest.mark.parametrize("cls", own(losses.Loss, losses))
def test_losses_are_wholly_added(cls):
    assert missing_of_loss(cls) == []


@pytest.mark.parametrize("cls", own(layers.Layer, layers))
def test_layers_are_wholly_added(cls):
    assert missing_of_layer(cls) == []


@pytest.mark.parametrize("cls", own(optimizers.Optimizer, optimizers))
def test_optimizers_are_wholly_added(cls):
    assert missing_of_optimizer(cls) == []


def test_what_is_missing_is_named(monkeypatch):
    class Half(activations.Activation):
        name = "half"

    class Third(losses.Loss):
        name = "third"

    class Quarter(optimizers.Optimizer):
        pass

    class Fifth(layers.Layer):
        pass

    assert missing_of_activation(Half) == [
        "__all__ of minnet.activations",
        "docs/api/activations.rst",
        "_ACTIVATIONS of minnet/export/onnx_operators.py",
        "EXACT of tests/exact.py",
        "ACTIVATIONS of minnet/backends/formulas.py",
    ]
    assert missing_of_loss(Third) == [
        "__all__ of minnet.losses",
        "docs/api/losses.rst",
        "LOSSES of tests/parity.py",
        "LOSSES of minnet/backends/formulas.py",
    ]
    assert missing_of_optimizer(Quarter) == [
        "__all__ of minnet.optimizers",
        "docs/api/optimizers.rst",
        "_BY_NAME of minnet/optimizers.py",
        "OPTIMIZERS of tests/parity.py",
        "compiled=... and OPTIMIZERS of minnet/backends/formulas.py",
    ]
    half = [
        "__all__ of minnet.layers",
        "docs/api/layers.rst",
        "__all__ of minnet",
        "stack() and FACTORS of tests/parity.py",
    ]
    tables = ["_LAYERS of minnet/export/description.py", "_KINDS of minnet/backends/program.py"]
    assert missing_of_layer(Fifth) == [*half, *tables]
    monkeypatch.setattr(description, "_LAYERS", (*description._LAYERS, Fifth))
    monkeypatch.setitem(program._KINDS, Fifth, "fifth")
    exports = [f"{branch} of minnet/export/{file}.py" for _, branch, file in EXPORTS]
    codes = "LAYER_KINDS of minnet/backends/formulas.py"
    assert missing_of_layer(Fifth) == [*half, *exports, codes]


def test_a_name_in_the_table_without_c_code_is_named(monkeypatch):
    # The table of this process is longer than the kernels' own: what a forgotten case looks like.
    class Half(activations.Activation):
        name = "half"

    monkeypatch.setattr(activations, "_BY_NAME", {"half": Half})
    monkeypatch.setattr(formulas, "ACTIVATIONS", (*formulas.ACTIVATIONS, "half"))
    assert missing_of_activation(Half)[-2:] == [
        "a case of activate() in minnet_ext/kernels/activate.h",
        "a case of differentiate() in minnet_ext/kernels/activate.h",
    ]


def test_a_kind_of_layer_that_is_half_lowered_is_named(monkeypatch):
    class Half(layers.Layer):
        pass

    monkeypatch.setattr(formulas, "LAYER_KINDS", (*formulas.LAYER_KINDS, "half"))
    monkeypatch.setitem(program._KINDS, Half, "half")
    assert missing_of_layer(Half)[-1] == "its fields in lower() of minnet/backends/program.py"
    monkeypatch.setattr(Half, "only_in_training", True)  # lowered, but no kind that C knows
    monkeypatch.setattr(Half, "rate", 0.5, raising=False)
    assert missing_of_layer(Half)[-1] == "its offsets in Program of minnet_ext/_train.pyx"
