"""minnet.views.trace: the numbers of one batch, worked by hand."""

import sys

import numpy as np
import pytest
from scipy import sparse

from minnet import BatchNorm, Dense, Dropout, Network
from minnet.layers import Layer

W1 = np.array([[1.0, -1.0], [0.5, 2.0]])
W2 = np.array([[1.0], [3.0]])
X = np.array([[1.0, 2.0], [-1.0, 0.0], [0.0, 1.0]])
T = np.array([[1.0], [0.0], [2.0]])


def traced(sample_weight=None, alpha=0.0):
    network = Network(
        [Dense(2, "relu"), Dense(1)],
        "squared_error",
        init=[W1, W2],
        bias_init=[[0.0, -1.0], [0.5]],
        alpha=alpha,
    )
    return network.initialize(2).trace(X, T, sample_weight)


def test_numbers_equal_those_worked_by_hand():
    trace = traced()
    first, second = trace.layers
    # Z = X W + b, row by row: (1+1, -1+4-1), (-1, 1-1), (0.5, 2-1)
    np.testing.assert_allclose(first["Z"], [[2, 2], [-1, 0], [0.5, 1]])
    np.testing.assert_allclose(first["Y"], [[2, 2], [0, 0], [0.5, 1]])
    np.testing.assert_allclose(second["Z"], [[8.5], [0.5], [4.0]])
    # residuals 7.5, 0.5, 2, over 3 samples
    np.testing.assert_allclose(second["dZ"], np.array([[7.5], [0.5], [2.0]]) / 3)
    np.testing.assert_allclose(second["dW"], np.array([[16.0], [17.0]]) / 3)
    np.testing.assert_allclose(second["db"], [10 / 3])
    np.testing.assert_allclose(first["dZ"], np.array([[7.5, 22.5], [0, 0], [2, 6]]) / 3)
    np.testing.assert_allclose(first["dW"], np.array([[7.5, 22.5], [17, 51]]) / 3)
    np.testing.assert_allclose(first["db"], np.array([9.5, 28.5]) / 3)
    assert trace.loss == pytest.approx((7.5**2 + 0.5**2 + 2**2) / 2 / 3)


def test_gradients_are_those_of_training():
    weight = np.array([1.0, 0.0, 2.0])
    network = Network([Dense(4), BatchNorm("tanh"), Dense(1)], "squared_error").initialize(2, 0)
    trace = network.trace(X, T, weight)
    loss, grads = network.loss_and_grad(X, T, weight)
    assert trace.loss == loss
    for arrays, views in zip(trace.layers, network.views(grads), strict=True):
        for name, view in views.items():
            np.testing.assert_array_equal(arrays[f"d{name}"], view)


def test_l2_is_in_the_loss_alone():
    plain, with_l2 = traced(), traced(alpha=0.6)
    np.testing.assert_array_equal(with_l2.layers[0]["dW"], plain.layers[0]["dW"])
    squares = (W1**2).sum() + (W2**2).sum()
    assert with_l2.loss == pytest.approx(plain.loss + 0.6 / (2 * 3) * squares)


def test_arrays_are_listed_in_the_order_of_computation():
    network = Network([Dense(4), BatchNorm("tanh"), Dropout(0.5), Dense(1)], "squared_error")
    trace = network.initialize(2, random_state=0).trace(X, T, [1, 1, 2])
    assert [list(arrays) for arrays in trace.layers] == [
        ["X", "Z", "Y", "dZ", "dW", "db"],
        ["mean", "var", "sigma", "X_hat", "Z", "Y", "dZ", "dgamma", "dbeta"],
        ["mask"],
        ["X", "Z", "Y", "dZ", "dW", "db"],
    ]
    assert trace.names[1] == "BatchNorm(activation=Tanh())"


def test_rows_summarize():
    rows = traced().rows()
    assert len(rows) == 12
    assert rows[1] == {
        "layer": 0,
        "kind": "Dense",
        "array": "Z",
        "shape": (3, 2),
        "mean": pytest.approx(4.5 / 6),
        "sd": pytest.approx(np.std([2, 2, -1, 0, 0.5, 1])),
        "min": -1.0,
        "max": 2.0,
    }


def test_it_prints_as_an_aligned_table():
    network = Network([Dense(4), BatchNorm("tanh"), Dense(1)], "squared_error")
    text = str(network.initialize(2, random_state=0).trace(X, T))
    lines = text.splitlines()
    assert lines[0].startswith("loss ")
    assert lines[1].split() == ["layer", "array", "shape", "mean", "sd", "min", "max"]
    assert len({len(line) for line in lines[1:]}) == 1
    starts = {line.rindex("(") for line in lines[2:]}
    assert starts == {lines[1].index("shape")}
    assert [line[:12].strip() for line in lines[2:] if line[0] != " "] == [
        "0 Dense",
        "1 BatchNorm",
        "2 Dense",
    ]


def test_to_frame():
    pytest.importorskip("pandas")
    frame = traced().to_frame()
    assert frame.shape == (12, 8)
    assert frame.set_index(["layer", "array"]).loc[(1, "db"), "mean"] == pytest.approx(10 / 3)


def test_to_frame_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_frame needs pandas: pip install 'minnet-learn"):
        traced().to_frame()


def test_sparse_input():
    network = Network([Dense(2, "tanh"), Dense(1)], "squared_error").initialize(2, random_state=0)
    dense, trace = network.trace(X, T), network.trace(sparse.csr_array(X), T)
    np.testing.assert_allclose(trace.layers[0]["dW"], dense.layers[0]["dW"])
    row = trace.rows()[0]
    assert (row["array"], row["max"], row["min"]) == ("X", 2.0, -1.0)
    assert "0 Dense" in str(trace)


class Negate(Layer):
    def forward(self, X, ctx):
        ctx.note, ctx.n = "no array", 3
        return -X

    def backward(self, dY, ctx):
        ctx.dX = -dY
        return ctx.dX


def test_a_users_layer_shows_the_arrays_it_kept():
    network = Network([Dense(2), Negate(), Dense(1)], "squared_error").initialize(2, random_state=0)
    trace = network.trace(X, T)
    assert list(trace.layers[1]) == ["dX"]
    assert trace.rows()[6]["kind"] == "Negate"


class Pass(Layer):
    def forward(self, X, ctx):
        return X

    def backward(self, dY, ctx):
        return dY


def test_layers_that_keep_nothing_print():
    network = Network([Pass()], "squared_error").initialize(1, random_state=0)
    assert str(network.trace([[1.0]], [[0.0]])).startswith("loss 0.5")
