"""Compiled steps of PiecewiseLinear below a Dense: sizes, bits, what is no number, what is refused."""

import logging

import numpy as np
import pytest
from parity import assert_close, compare, compiled, problem, train

from minnet import Adam, BatchNorm, Dense, Dropout, Network, PiecewiseLinear, Trainer
from minnet.backends import list_backends, make_backend, program

if "cython" not in list_backends():
    pytest.skip("no extension here", allow_module_level=True)

KINDS = {
    "none": None,
    "codes": 4,
    "line": [-0.5, 1.0],
    "few": [-0.5, 0.0, 0.7, 1.0],
    "pieces": np.linspace(-2, 2, 34),
    "many": np.linspace(-2, 2, 152),
}


def case(**given):
    plain = {
        "activation": "tanh", "loss": "softmax", "optimizer": "adam", "mode": "fused", "dtype": "float64",
        "weights": "unweighted", "alpha": 0.0, "batch_size": 7, "layout": "C", "order": "in_order",
    }  # fmt: skip
    return plain | given


def mixed(n):
    """Return n columns of all kinds."""
    return [list(KINDS.values())[i % len(KINDS)] for i in range(n)]


def layers_on(columns, units=9, code_dropout=0.0):
    return [PiecewiseLinear(columns, code_dropout), Dense(units, "tanh"), Dense(3)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_columns", [1, 2, 13, 30])
@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
def test_columns_of_any_kind_and_number(kind, n_columns, dtype):
    columns = mixed(n_columns) if kind == "mixed" else [KINDS[kind]] * n_columns
    layers = layers_on(columns)
    one = case(dtype=dtype, alpha=0.1, weights="weighted")
    compare("cython", one, layers=layers, n_features=n_columns)
    if kind in ("codes", "mixed"):
        compare("cython", one, layers=layers_on(columns, 9, 0.4), n_features=n_columns)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [1, 2, 7, 8, 9, 16, 17, 31, 33, 48, 63, 64, 65, 100, 130])
def test_units_around_the_sizes_of_vectors(units, dtype):
    for optimizer, mode in (("sgd", "weight_decay"), ("adam", "fused"), ("momentum", "clip_norm")):
        one = case(dtype=dtype, optimizer=optimizer, mode=mode)
        compare("cython", one, layers=layers_on(mixed(5), units), n_features=5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 2, 12, 13, 25, 192, 193, 600])
def test_batches_around_the_sizes_of_blocks(batch_size, dtype):
    columns = [*mixed(18), 300, *[None] * 30]
    one = case(dtype=dtype, batch_size=batch_size, order="permuted", alpha=0.1)
    for code_dropout in (0.0, 0.3):
        layers = layers_on(columns, 40, code_dropout)
        compare("cython", one, layers=layers, n_rows=batch_size + 13, n_features=49)


def trained(one, n_threads=1, cuts=1):
    layers = [
        PiecewiseLinear(mixed(11), 0.3),
        Dense(150, "silu"),
        Dropout(0.2),
        BatchNorm(),
        Dense(3),
    ]
    network, X, T, weights = problem(one, n_rows=90, layers=layers, n_features=11)
    backend = compiled("cython", network, n_threads)
    optimizer, losses = train(backend, network, X, T, weights, one, cuts=cuts)
    loss, gradient = backend.loss_and_grad(X, T, weights)
    return network.params, optimizer.state, gradient, loss, sum(losses), backend.forward(X)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("optimizer", "mode", "alpha"),
    [("sgd", "fused", 0.1), ("adam", "weight_decay", 0.0), ("momentum", "both_clips", 0.1)],
)
def test_threads_and_cuts_change_no_bit(optimizer, mode, alpha, dtype, monkeypatch):
    from minnet.backends import cython

    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)
    one = case(optimizer=optimizer, mode=mode, alpha=alpha, dtype=dtype, batch_size=40)
    expected = trained(one)
    for n_threads, cuts in ((2, 1), (3, 3), (4, 1)):
        for mine, theirs in zip(trained(one, n_threads, cuts), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("code_dropout", [0.0, 0.3])
def test_a_gradient_of_many_rows(code_dropout):
    """More than are summed up at a time, where rows do not know of their place."""
    layers = layers_on(mixed(5), 9, code_dropout)
    network, X, T, _ = problem(case(), n_rows=2500, layers=layers, n_features=5)
    loss, gradient = compiled("cython", network).loss_and_grad(X, T)
    expected = network.loss_and_grad(X, T)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("value", [-0.1, 1.0, 2.0, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(value):
    net, table, columns, pieces = lowered()
    table["rate"][0] = 0.5
    made(net, table, columns, pieces)
    table["rate"][0] = value
    with pytest.raises(ValueError, match=MISFIT):
        made(net, table, columns, pieces)


def test_another_rate_is_noticed():
    net = Network(layers_on([3, None])).initialize(2, random_state=0)
    X, T = np.zeros((50, 2)), np.arange(50) % 3
    backend = compiled("cython", net)
    before = backend.loss_and_grad(X, T)[0]
    net.layers[0].code_dropout = 0.5
    after = backend.loss_and_grad(X, T)[0]
    assert after != before
    np.testing.assert_allclose(after, net.loss_and_grad(X, T)[0], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_is_predicted_alone_as_among_others(dtype):
    network, X, _, _ = problem(case(dtype=dtype), n_rows=500, layers=layers_on(mixed(13), 70),
                               n_features=13)  # fmt: skip
    backend = compiled("cython", network)
    whole = backend.forward(X)
    assert_close(whole, network.forward(X), 0, dtype, "logits")
    for rows in (slice(0, 1), slice(499, 500), slice(100, 300)):
        np.testing.assert_array_equal(backend.forward(X[rows]), whole[rows])
    np.testing.assert_array_equal(backend.forward(np.asfortranarray(X)), whole)


EXTREME = [-1e30, -3.0, -0.5, -0.0, 0.0, 0.5, 0.5 + 1e-9, 1.0, 1.5, 2.0, 3.0, 4.0, 1e30]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "column",
    [None, 1, 3, [0.5, 0.5 + 1e-9], [0.0, 0.5, 0.5 + 1e-9], [0.5, 0.5 + 1e-9, 2.0], [0.0, 1e-40, 1.0],
     [0.5, 0.5 + 1e-9, 0.5 + 2e-9, 0.5 + 3e-9], [-1e300, 0.0, 1e300], [-2.0, 0.0, 0.5, 1.0, 1.5]],
)  # fmt: skip
def test_numbers_at_and_far_beyond_edges(column, dtype):
    net = Network([PiecewiseLinear([column, None]), Dense(5), Dense(2)], "squared_error")
    net.initialize(2, random_state=0, dtype=dtype)
    x = np.array(EXTREME, dtype)
    X = np.column_stack([x, np.zeros_like(x)])
    expected, backend = net.forward(X), compiled("cython", net)
    assert np.isfinite(expected).all()
    eps = np.finfo(dtype).eps
    scale = np.abs(expected).max(axis=1, keepdims=True) + 1
    assert (np.abs(backend.forward(X) - expected) <= 100 * eps * scale).all()
    net.params[...] = 0  # so that no rounding of a large output is in the gradient
    for i in range(len(X)):
        row, T = X[i : i + 1], np.ones((1, 2), dtype)
        net.layers[2].W = np.ones((5, 2))
        gradient = net.loss_and_grad(row, T)[1]
        own = backend.loss_and_grad(row, T)[1]
        np.testing.assert_allclose(own, gradient, rtol=100 * eps, atol=100 * eps)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_stays_visible_in_its_row_alone(kind, value):
    net = Network(layers_on([KINDS[kind], None])).initialize(2, random_state=0)
    X = np.zeros((9, 2))
    X[4, 0] = value
    with np.errstate(invalid="ignore"):
        expected = net.forward(X)
    assert np.isfinite(expected[4]).all() == (
        kind == "codes" or (kind == "none" and np.isinf(value))
    )
    np.testing.assert_allclose(compiled("cython", net).forward(X), expected, rtol=1e-12)


# ---- what is compiled and what is not


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(2, "tanh"), PiecewiseLinear([None, 3]), Dense(3)],
        [PiecewiseLinear([None, 3]), Dropout(0.1), Dense(3)],
        [PiecewiseLinear([None, 2])],
        [PiecewiseLinear([None, 3]), PiecewiseLinear([None] * 4), Dense(3)],
    ],
)
def test_elsewhere_it_runs_on_numpy_and_says_so_once(layers, caplog):
    net = Network(layers).initialize(2, random_state=0)
    X, T = np.zeros((20, 2)), np.arange(20) % 3
    with caplog.at_level(logging.INFO, "minnet"):
        trainer = Trainer(net, "adam", backend="cython")
        for _ in range(3):
            trainer.run_epoch(X, T)
    assert [record for record in caplog.records if "PiecewiseLinear" in record.getMessage()]
    assert len([r for r in caplog.records if "numpy backend" in r.getMessage()]) == 1


def test_more_numbers_of_a_column_than_can_be_counted_run_on_numpy(monkeypatch):
    monkeypatch.setattr(program, "_MOST_OF_COLUMN", 3)
    for columns, name in (([3, None], "cython"), ([None, 4], "numpy")):
        net = Network(layers_on(columns)).initialize(2, random_state=0)
        assert make_backend("cython", net).name_in_use == name


def test_other_columns_are_noticed():
    net = Network(layers_on([[0.0, 1.0, 2.0], 2])).initialize(2, random_state=0)
    X = np.array([[0.3, 1.0], [1.7, 0.0]])
    backend = compiled("cython", net)
    before = backend.forward(X)
    net.layers[0].columns = [[0.0, 1.5, 2.0], 2]
    after = backend.forward(X)
    np.testing.assert_allclose(after, net.forward(X), rtol=1e-12)
    assert np.abs(after - before).max() > 1e-3
    with pytest.raises(ValueError, match="read-only"):
        net.layers[0].columns[0][1] = 1.0
    net.layers[0].columns = [[0.0, 1.0], 2]
    with pytest.raises(ValueError, match="must have 5 units"):
        backend.forward(X)


def test_curvature_is_the_readable_layers_own():
    net = Network(layers_on([[0.0, 1.0, 2.0], 2]), "log_loss").initialize(2, random_state=0)
    X, T = np.random.default_rng(0).uniform(0, 2, (20, 2)), np.arange(20) % 3
    v = np.ones(net.params.size)
    h = 1e-5

    def gradient(shift):
        net.params += shift * v
        try:
            return make_backend("cython", net).loss_and_grad(X, T)[1]
        finally:
            net.params -= shift * v

    expected = (gradient(h) - gradient(-h)) / (2 * h)
    np.testing.assert_allclose(net.hessian_vector_product(X, T, v), expected, rtol=1e-5, atol=1e-7)


# ---- a table that does not fit is refused


MISFIT = r"its table|columns\[|pieces"


def lowered():
    columns = [np.arange(7.0), None, 3, [0.0, 1.0], None]
    net = Network(layers_on(columns)).initialize(5, random_state=0)
    table, _ = program.lower(net)
    return net, table, *program.lower_columns(net.layers[0].columns, net.dtype)


def made(net, *tables):
    from minnet_ext import _train

    table, *rest = tables
    return _train.Program(table, net.params.size, net.state.size, 8, net.key, *rest)


@pytest.mark.parametrize("value", [-(2**62), -1, *range(12), 10**9, 2**31, 2**62])
@pytest.mark.parametrize("field", program.COLUMN.names)
def test_wrong_columns_are_refused(field, value):
    net, table, columns, pieces = lowered()
    made(net, table, columns, pieces)
    for i in range(len(columns)):
        wrong = columns.copy()
        wrong[field][i] = value
        if wrong[i] == columns[i]:
            continue
        with pytest.raises(ValueError, match=MISFIT):
            made(net, table, wrong, pieces)


@pytest.mark.parametrize("value", [-(2**62), -1, *range(12), 10**9, 2**62])
@pytest.mark.parametrize("field", ["kind", "n_in", "n_out", "weight", "bias"])
def test_a_wrong_table_is_refused(field, value):
    net, table, columns, pieces = lowered()
    for i in (0, 1):
        wrong = table.copy()
        wrong[field][i] = value
        another = field in ("weight", "bias") and 0 <= value < 12 and value % 8 == 0  # parameter
        if wrong[field][i] == table[field][i] or another:
            continue
        with pytest.raises(ValueError, match=MISFIT):
            made(net, wrong, columns, pieces)


def test_columns_that_do_not_fit_are_refused():
    net, table, columns, pieces = lowered()
    for given in ((columns[:-1], pieces), (columns, pieces[:-1]), (columns, pieces.astype("f4")),
                  (columns[:0], pieces), (np.append(columns, columns[-1:]), pieces)):  # fmt: skip
        with pytest.raises(ValueError, match=MISFIT):
            made(net, table, *given)
    addressed = table.copy()
    addressed["columns"], addressed["pieces"] = 12345, 678910  # are its own
    X, out = np.ones((4, 5)), np.zeros((4, 3))
    made(net, addressed, columns, pieces).infer(net.params, net.state, X, out, 1)
    np.testing.assert_allclose(out, net.forward(X), rtol=1e-12)
    plain = Network([Dense(3)]).initialize(5, random_state=0)
    table, _ = program.lower(plain)
    table["columns"] = 12345
    made(plain, table).infer(plain.params, plain.state, X, out, 1)
    np.testing.assert_allclose(out, plain.forward(X), rtol=1e-12)


def test_a_long_fit_gives_the_weights_of_the_readable_backend():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    T = (np.sin(3 * X[:, 0]) + X[:, 1] > 0).astype(int)
    logits = []
    for name in ("numpy", "cython"):
        layers = [PiecewiseLinear([np.quantile(x, np.linspace(0, 1, 9)) for x in X.T]), Dense(16, "silu"),
                  Dense(2)]  # fmt: skip
        net = Network(layers).initialize(3, random_state=0)
        trainer = Trainer(net, Adam(0.01), batch_size=32, backend=name)
        for _ in range(30):
            trainer.run_epoch(X, T)
        logits.append(net.forward(X))
    np.testing.assert_allclose(*logits, rtol=1e-6, atol=1e-8)
