"""The table of a network's layers, as text."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network
from minnet.initializers import GlorotUniform
from minnet.layers import Layer, Parameter
from minnet.views.summary import layer_rows, totals


class Halves(Layer):
    """An own layer that computes with the number of its inputs."""

    def output_size(self, n_inputs):
        return n_inputs // 2

    def parameters(self, n_inputs):
        return {"g": Parameter((n_inputs, 3), init="ones")}


def network(dtype="float64", **options):
    layers = [Dense(50, "tanh", trainable=False), BatchNorm("relu"), Dropout(0.2), Dense(3)]
    return Network(layers, **options).initialize(4, 0, dtype=dtype)


def numbers_of(text):
    """Return the last column of the rows of arrays, as numbers."""
    table = text.split("\n" + "-" * 20)[2]
    return [int(n.replace(",", "")) for n in re.findall(r" ([\d,]+)$", table, re.MULTILINE)]


def test_parameters_add_up():
    net = network()
    text = net.summary()
    n = sum(int(np.prod(row.shape)) for row in net.parameter_table)
    assert sum(numbers_of(text)) == n
    frozen = 4 * 50 + 50
    assert totals(layer_rows(net)) == (n, n - frozen)
    assert f"{n} parameters: {n - frozen} trained, {frozen} frozen" in text
    assert "100 running statistics" in text


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("float64", 8)])
def test_dtype_and_bytes(dtype, size):
    net = network(dtype)
    n = sum(int(np.prod(row.shape)) for row in net.parameter_table) + 100
    assert f"{dtype} ({n * size / 1000:.3g} kB)" in " ".join(net.summary().split())


def test_rows_say_what_layers_are():
    rows = layer_rows(network())
    assert [row.kind for row in rows] == ["Dense", "BatchNorm", "Dropout", "Dense"]
    assert [row.units for row in rows] == [50, 50, 50, 3]
    assert [row.activation for row in rows] == ["tanh", "relu", None, "identity"]
    assert [row.trainable for row in rows] == [False, True, True, True]
    assert [array.name for array in rows[1].arrays] == ["gamma", "beta"]
    assert rows[0].arrays[0].init == repr(network().init_["layers[0].W"])
    assert "0 Dense, frozen" in network().summary()
    assert "2 Dropout(rate=0.2)" in network().summary()


def test_loss_is_named():
    text = network(loss="squared_error", alpha=0.25).summary()
    assert "loss SquaredError(), output identity, L2 alpha=0.25" in text


def test_unknown_sizes():
    net = Network([BatchNorm(), Dense(50, "tanh"), Halves(), Dense(2)], init="orthogonal")
    rows = layer_rows(net)
    assert [row.units for row in rows] == [None, 50, 25, 2]
    assert [row.n_parameters for row in rows] == [None, None, 150, 52]
    assert rows[1].arrays[0].shape == (None, 50)
    assert rows[1].arrays[0].init == "Orthogonal()"
    assert totals(rows) == (None, None)
    text = net.summary()
    assert text.startswith("Network: ? inputs, 2 outputs")
    assert "? parameters" in text
    assert "not initialized" in text


def test_initializers_are_those_that_initialize_takes():
    net = Network([Dense(50, "relu"), BatchNorm("tanh"), Dense(9, "selu"), Dense(2)])
    before = [[array.init for array in row.arrays] for row in layer_rows(net)]
    net.initialize(7)
    assert before == [[array.init for array in row.arrays] for row in layer_rows(net)]


def test_own_layer_of_unknown_size():
    rows = layer_rows(Network([Halves(), Dense(2)]))
    assert rows[0].units is None
    assert rows[0].arrays[0].shape == (None, 3)
    assert rows[0].n_parameters is None


@pytest.mark.parametrize(
    "init",
    [
        GlorotUniform(gain=1.23456789012345),
        np.ones((4, 1_000)),
        lambda shape, rng: rng.normal(size=shape),
        "orthogonal",
    ],
)
@pytest.mark.parametrize("units", [1_000, 1_000_000_000])
def test_at_most_80_columns_and_aligned(init, units):
    kind = type("VeryLongNameOfALayerThatSomebodyWrote", (Halves,), {})
    layers = [Dense(1_000, "leaky_relu", init=init), kind(), Dense(units), Dropout(0.123456789)]
    lines = Network(layers, alpha=1e-4).summary().split("\n")
    assert max(map(len, lines)) <= 80
    first, end = lines[2].index("initializer"), len(lines[2])
    ruled = [i for i, line in enumerate(lines) if set(line) == {"-"}]
    rows = lines[ruled[1] + 1 : ruled[2]]
    for line in rows:
        assert line[first - 2 : first].strip() == ""  # a gap between the columns
        assert len(line) == end or not re.search(r"  [\d,]+$|\?$", line)  # numbers to the right
    # Nothing of a long cell is lost.
    column = [re.sub(r" [\d,? ]+$", "", line[first:]).strip() for line in rows]
    whole = layer_rows(Network(layers))[0].arrays[0].init
    assert whole.replace(" ", "") in "".join(column).replace(" ", "")


@pytest.mark.filterwarnings("ignore:Stochastic")
def test_estimators_have_it(iris):
    X, y = iris
    classifier = MinNetClassifier((5,), max_iter=2)
    for estimator in (classifier, MinNetRegressor(hidden_layer_sizes=(5,), max_iter=2)):
        with pytest.raises(NotFittedError):
            estimator.summary()
        text = estimator.fit(X, y).summary()
        assert text.startswith(f"{type(estimator).__name__}: 4 inputs, ")
        n = sum(W.size for W in estimator.coefs_) + sum(b.size for b in estimator.intercepts_)
        assert sum(numbers_of(text)) == n


@pytest.fixture(scope="module")
def iris():
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)
