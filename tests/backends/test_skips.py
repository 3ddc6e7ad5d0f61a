"""Residual blocks in compiled code: tables that lead astray are refused, and skips are kept apart."""

import numpy as np
import pytest

from minnet import BatchNorm, Dense, Dropout, Network, Residual
from minnet.backends import formulas, list_backends, make_backend, program
from minnet.estimators.architecture import first_layers

pytestmark = pytest.mark.skipif("cython" not in list_backends(), reason="no extension here")

SPLIT, ADD = (formulas.LAYER_KINDS.index(name) for name in ("split", "add"))


def network(dtype="float64"):
    inner = Residual([Dropout(0.2), Residual([Dense(5, "tanh")], 0.7), BatchNorm("relu")], -0.4)
    layers = [Residual([inner], 2.0), Dense(4, "relu"), Residual([Dense(4)], 0.5), Dense(3)]
    net = Network(layers, "squared_error", bias_init="uniform")
    net.initialize(5, random_state=0, dtype=dtype)
    net.state[...] = np.random.default_rng(0).uniform(0.5, 1.5, net.state.size)
    return net


def program_of(net, table):
    from minnet_ext import _train

    return _train.Program(table, net.params.size, net.state.size, net.dtype.itemsize, net.key)


@pytest.mark.parametrize("value", [-(2**62), -2, -1, *range(13), 10**9, 2**62])
@pytest.mark.parametrize("field", ["partner", "bias", "weight", "n_in", "n_out", "kind"])
def test_a_wrong_table_is_refused(field, value):
    net = network()
    table, _ = program.lower(net)
    program_of(net, table)
    rows = np.flatnonzero(np.isin(table["kind"], [SPLIT, ADD]))
    for i in rows:
        wrong = table.copy()
        wrong[field][i] = value
        if (wrong == table).all():
            continue
        if field == "bias" and table["kind"][i] == ADD and 0 <= value < 13 and value % 8 == 0:
            continue  # another parameter
        with pytest.raises(ValueError, match="table"):
            program_of(net, wrong)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", range(1, 13))
def test_the_first_layers_are_predicted(n, dtype):
    net = network(dtype)
    X = np.random.default_rng(1).normal(size=(300, 5)).astype(dtype)
    Y = net.forward(X, return_all=True)
    first = first_layers(net, min(n, len(Y)))
    backend = make_backend("cython", first)
    assert backend.name_in_use == "cython"
    close = {"float64": 1e-12, "float32": 1e-5}[dtype]
    np.testing.assert_allclose(backend.forward(X), Y[min(n, len(Y)) - 1], rtol=close, atol=close)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_gradient_of_many_rows(threads):
    layers = [
        Dense(6, "tanh"),
        Residual([Dense(9, "relu"), Residual([Dense(9)]), Dense(6)], 0.5, True),
    ]
    net = Network([*layers, Dense(2)], "squared_error", alpha=0.1).initialize(5, random_state=0)
    rng = np.random.default_rng(0)
    X, T, weights = rng.normal(size=(2500, 5)), rng.normal(size=(2500, 2)), rng.uniform(size=2500)
    expected = net.loss_and_grad(X, T, weights)
    loss, gradient = make_backend("cython", net, threads).loss_and_grad(X, T, weights)
    assert loss == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-12)
