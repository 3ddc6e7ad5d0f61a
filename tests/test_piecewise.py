"""The piecewise linear encoding: its formula, its derivative, and that a network with it learns."""

import numpy as np
import pytest

from minnet import Dense, MinNetRegressor, Network, PiecewiseLinear, check_gradients
from minnet.layers import Context

EDGES = np.array([-1.0, 0.0, 0.5, 2.0])
COLUMNS = [EDGES, None, 3, [0.0, 1.0], 1]


def drawn(n, dtype):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=n), rng.normal(size=n), rng.integers(-1, 4, n),
                         rng.normal(size=n), rng.integers(0, 2, n)])  # fmt: skip
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_encoded_as_the_formula_says(dtype):
    X = drawn(200, dtype)
    Y = PiecewiseLinear(COLUMNS).forward(X, Context())
    assert Y.dtype == dtype
    assert Y.shape == (200, 4 + 1 + 3 + 2 + 1)
    for x, y in zip(X, Y, strict=True):
        pieces = []
        for t in range(1, 4):
            u = (x[0] - EDGES[t - 1]) / (EDGES[t] - EDGES[t - 1])
            u = u if t == 1 else max(u, 0)
            pieces.append(u if t == 3 else min(u, 1))
        codes = [float(x[2] == k) for k in range(3)]
        expected = [x[0], *pieces, x[1], *codes, x[3], x[3], float(x[4] == 0)]
        np.testing.assert_allclose(y, expected, rtol=1e-6)


def test_interpolates_any_values_at_the_edges():
    values = np.array([3.0, -1.0, 2.0, 5.0])
    W = np.concatenate([[0.0], np.diff(values)])  # of x, then of each piece
    x = np.linspace(-1, 2, 50)
    Y = PiecewiseLinear([EDGES]).forward(x[:, None], Context())
    np.testing.assert_allclose(values[0] + Y @ W, np.interp(x, EDGES, values), atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("below", [[], [Dense(5, "tanh")]])
def test_gradients_below_and_above(below, rate):
    X = drawn(20, "float64")
    layers = [*below, PiecewiseLinear(COLUMNS, rate), Dense(4, "tanh"), Dense(1)]
    net = Network(layers, "squared_error").initialize(5, random_state=0)
    assert check_gradients(net, X, X[:, :1]).ok


@pytest.mark.parametrize(
    "columns",
    [None, [], 3, "ab", [[1.0]], [[1.0, 1.0]], [[2.0, 1.0]], [[0.0, np.nan]], [[0, np.inf]], [0], [-2],
     [2.5], [True], ["a"], [[[0.0, 1.0]]]],
)  # fmt: skip
def test_wrong_columns_are_named(columns):
    with pytest.raises((TypeError, ValueError), match="columns"):
        PiecewiseLinear(columns)


def test_a_network_learns_what_bends():
    x = np.linspace(-2, 2, 400)[:, None]
    layers = [PiecewiseLinear([np.linspace(-2, 2, 9)])]
    reg = MinNetRegressor(layers=layers, solver="lbfgs", alpha=0, random_state=0)
    assert reg.fit(x, np.abs(x).ravel()).score(x, np.abs(x).ravel()) > 0.999
    with pytest.raises(ValueError, match="must have one entry for each of 2 inputs, got 1"):
        reg.fit(np.hstack([x, x]), x.ravel())


def test_kinks_are_told():
    """Numbers that lie by edges: a step across one says nothing of the derivative, nor of the Hessian."""
    x = np.linspace(-1, 1, 41)[:, None]
    layers = [
        Dense(1, init=1.0, bias_init=1e-9),
        PiecewiseLinear([x.ravel()]),
        Dense(1, init="normal"),
    ]
    net = Network(layers, "squared_error").initialize(1, random_state=0)
    result = check_gradients(net, x, x)
    assert result.ok
    assert result.n_skipped["layers[0].W"] == result.n_skipped["layers[0].b"] == 1
    # Between edges the loss is a square of the bias: its second derivative is the mean squared slope.
    slopes = net.loss_and_grad(x, x)[1]
    assert np.isfinite(slopes).all()
    v = np.zeros(net.params.shape)
    net.views(v)[0]["b"][...] = 1
    of_bias = net.views(net.hessian_vector_product(x, x, v))[0]["b"]
    ctx = net.forward_training(x)[1][1]
    J = net.layers[1].backward(np.broadcast_to(net.layers[2].W.T, ctx.Y.shape), ctx)
    np.testing.assert_allclose(of_bias, np.mean(J**2), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_codes_are_dropped_in_training_alone(dtype):
    X = drawn(3000, dtype)
    layers = [PiecewiseLinear(COLUMNS, 0.25), Dense(2)]
    net = Network(layers).initialize(5, random_state=3, dtype=dtype)
    T = np.zeros(3000, int)
    Y = net.forward_training(X)[1][0].Y
    plain = PiecewiseLinear(COLUMNS).forward(X, Context())
    np.testing.assert_array_equal(net.layers[0].forward(X, Context()), plain)
    assert Y.dtype == dtype
    first, dropped = 0, []
    for x, column in zip(X.T, COLUMNS, strict=True):
        part = slice(first, first := first + (1 if column is None else column if isinstance(column, int)
                                              else len(column)))  # fmt: skip
        if not isinstance(column, int):
            np.testing.assert_array_equal(Y[:, part], plain[:, part])
            continue
        known = (x >= 0) & (x < column)
        kept = Y[known, part].sum(axis=1) > 0
        dropped.append(~(Y[:, part].sum(axis=1) > 0))
        np.testing.assert_allclose(Y[known, part], plain[known, part] * kept[:, None] / 0.75)
        assert abs(kept.mean() - 0.75) < 4 * np.sqrt(0.25 * 0.75 / len(kept))
        assert not Y[~known, part].any()
    together = (dropped[0] & dropped[1])[(X[:, 2] >= 0) & (X[:, 2] < 3) & (X[:, 4] == 0)].mean()
    assert abs(together - 0.25**2) < 0.02  # each column by itself
    # A row's numbers depend on its position alone.
    for first, stop in ((0, 1), (7, 20), (2999, 3000)):
        rows = slice(first, stop)
        one = net.forward_training(X[rows], position=first)[1][0].Y
        np.testing.assert_array_equal(one, Y[rows])
    assert net.loss_and_grad(X, T)[0] != net.loss_and_grad(X, T, position=9)[0]


@pytest.mark.parametrize(
    ("columns", "rate", "differs"),
    [([3, None], 0.2, True), ([3, None], 0.0, False), ([None, [0.0, 1.0]], 0.2, False)],
)
def test_it_differs_in_training_where_codes_are_dropped(columns, rate, differs):
    layer = PiecewiseLinear(columns, code_dropout=rate)
    assert layer.differs_in_training == differs
    reg = MinNetRegressor(layers=[layer, Dense(2)], solver="lbfgs", max_iter=3, tol=10.0)
    if differs:
        with pytest.raises(
            ValueError, match=r"for a network with .*code_dropout=0.2\), got 'lbfgs'"
        ):
            reg.fit(np.eye(2), [0.0, 1.0])
    else:
        reg.fit(np.eye(2), [0.0, 1.0])


@pytest.mark.parametrize("rate", [-0.1, 1, 1.0, np.nan, "0.1", None, True])
def test_a_wrong_rate_is_named(rate):
    with pytest.raises((TypeError, ValueError), match="code_dropout of PiecewiseLinear must be"):
        PiecewiseLinear(COLUMNS, rate)


def test_a_printed_layer_is_short():
    many = PiecewiseLinear([np.linspace(-1, 1, 33)] * 50)
    assert repr(many) == "PiecewiseLinear(<50 columns>)"
    assert "0 PiecewiseLinear(<50" in Network([many, Dense(2)]).summary()
    many.code_dropout = 0.2
    assert repr(many) == "PiecewiseLinear(<50 columns>, code_dropout=0.2)"
    assert "code_dropout=" in Network([many, Dense(2)]).summary()
    few = PiecewiseLinear([[0.0, 1.0], 3, None])
    assert repr(few) == "PiecewiseLinear([array([0., 1.]), 3, None])"
