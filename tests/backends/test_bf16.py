"""precision="bf16": the compiled steps beside their exact meaning, and beside the readable backend."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, LayerNorm, Network, Residual, RMSProp
from minnet.backends import Hyper, formulas, make_backend
from minnet.common.bf16 import to_bf16

pytest.importorskip("minnet_ext")

EMULATED = formulas.PRECISIONS.index("bf16_emulated")

#: Of the size of an array: sums run in another order, so that what is close to the middle between two
#: numbers of 8 bits is rounded to the one or to the other.
TOLERANCE = 5e-3

ACTIVATIONS = ("tanh", "relu", "sigmoid", "softsign", "gelu", "elu", "identity", "softplus")
LOSSES = ("log_loss", "squared_error", "sigmoid_cross_entropy", "huber", "poisson")
OPTIMIZERS = {
    "sgd": lambda: SGD(0.01),
    "momentum": lambda: SGD(0.01, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.003),
    "rmsprop": lambda: RMSProp(0.003),
}
#: Inputs, units of each layer.
SIZES = ((16, 16, 16), (33, 47, 130, 17), (600, 40, 16), (64, 100, 3), (1030, 20, 18))
CASES = [
    (sizes, activation, loss, optimizer, n_rows)
    for sizes, (activation, loss, optimizer, n_rows) in zip(
        itertools.cycle(SIZES),
        zip(
            itertools.cycle(ACTIVATIONS),
            itertools.cycle(LOSSES * 2 + LOSSES[1:]),  # so that they meet all others
            itertools.cycle([*OPTIMIZERS, "adam"]),
            itertools.islice(itertools.cycle((26, 1, 13, 203)), 40),
        ),
    )
]
cases = pytest.mark.parametrize(("sizes", "activation", "loss", "optimizer", "n_rows"), CASES)


def made(sizes, activation="tanh", loss="squared_error", **options):
    layers = [Dense(n, activation) for n in sizes[1:-1]]
    network = Network([*layers, Dense(sizes[-1])], loss, precision="bf16", **options)
    return network.initialize(sizes[0], random_state=0)


def data(network, n_rows):
    rng = np.random.default_rng(n_rows)
    X = rng.standard_normal((n_rows, network.sizes[0])).astype(np.float32)
    if network.loss_.output == "softmax":
        return X, rng.integers(0, network.sizes[-1], n_rows)
    T = rng.integers(0, 2, (n_rows, network.sizes[-1])).astype(np.float32)
    return X, T


def backend_of(network, how):
    """Return a backend: "numpy", or the compiled one with so many threads, with or without instruction."""
    kind, threads = how
    if kind == "numpy":
        return make_backend("numpy", network, 1)
    backend = make_backend("cython", network, threads)
    backend.threads = lambda *args, **options: threads  # whatever the steps are worth
    assert backend.is_ready()
    if kind == "emulated":
        backend.program = emulated(backend)
    return backend


def emulated(backend):
    """Return the program of a backend with products that do without the instruction."""
    layers, network = backend.layers.copy(), backend.network
    assert layers["precision"].any()
    layers["precision"][layers["precision"] > 0] = EMULATED
    sizes = network.params.size, network.state.size, network.dtype.itemsize
    return type(backend.program)(layers, *sizes, network.key)


def train(network, how, optimizer, n_rows, n_epochs=3, batch_size=26, **options):
    """Return losses and the parameters of a training."""
    backend = backend_of(network, how)
    X, T = data(network, n_rows)
    optimizer = OPTIMIZERS[optimizer]()
    optimizer.prepare(network.params)
    n_steps = -(-n_rows // batch_size)
    rates = np.full(n_steps, optimizer.learning_rate)
    losses = []
    for epoch in range(n_epochs):
        order = np.random.default_rng(epoch).permutation(n_rows)
        hyper = Hyper(batch_size, rates, optimizer, n_rows, float(n_rows), **options)
        losses.append(backend.train_steps(X, T, None, order, 0, n_steps, hyper))
    return np.concatenate(losses), network.params


def exact(X, W):
    """Return X W as the kernels sum it up: blocks, and in them pairs, of which the second goes first."""
    M, K, N = *X.shape, W.shape[1]
    blocks = -(-K // 1024)
    depth = (-(-K // blocks) + 1) // 2 * 2
    # products of 8 bits and 8 bits and a sum of 24 fit into the 64 bits of a long double, mostly
    X, W = to_bf16(X).astype(np.longdouble), to_bf16(W).astype(np.longdouble)
    Z = np.zeros((M, N), np.float32)
    for begin in range(0, K, depth):
        end = min(K, begin + depth)
        sums = np.zeros((M, N), np.float32)
        for k in range(begin, end, 2):
            for term in (k + 1, k):
                if term < end:
                    sums = (X[:, term, np.newaxis] * W[term] + sums).astype(np.float32)
        Z = Z + sums
    return Z


@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long double is no longer than double"
)
@pytest.mark.parametrize("kind", ["instruction", "emulated"])
@pytest.mark.parametrize(
    ("M", "K", "N"),
    [(1, 16, 16), (7, 33, 47), (13, 1025, 40), (40, 600, 100), (201, 130, 33), (3, 2100, 16)],
)
def test_logits_are_the_sums_of_the_formula(kind, M, K, N):
    network = made((K, N), bias_init="zeros")
    X, _ = data(network, M)
    Z = backend_of(network, (kind, 1)).forward(X)
    np.testing.assert_array_equal(Z, exact(X, network.layers[0].W))


@pytest.mark.parametrize("size", [1e-18, 1e-19, 3e-20])
def test_small_products_become_zero_with_and_without_the_instruction(size):
    network = made((64, 48), bias_init="zeros")
    network.layers[0].W *= np.float32(size)
    X, _ = data(network, 50)
    X *= np.float32(size)
    one, other = (backend_of(network, (kind, 1)).forward(X) for kind in ("instruction", "emulated"))
    np.testing.assert_array_equal(one, other)
    tiny = np.finfo(np.float32).tiny
    assert ((one == 0) | (np.abs(one) >= tiny)).all()
    assert (one == 0).any()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 3.4e38])
def test_no_number_is_seen(number):
    network = made((32, 20), bias_init="zeros")
    X, _ = data(network, 5)
    X[2, 7] = number
    for kind in ("instruction", "emulated"):
        Z = backend_of(network, (kind, 1)).forward(X)
        assert not np.isfinite(Z[2]).any()
        assert np.isfinite(np.delete(Z, 2, axis=0)).all()


@cases
def test_bits_are_the_same_for_any_threads_and_without_the_instruction(
    sizes, activation, loss, optimizer, n_rows
):
    results = [
        train(made(sizes, activation, loss, alpha=0.1), how, optimizer, n_rows)
        for how in (("instruction", 1), ("instruction", 2), ("emulated", 1), ("emulated", 3))
    ]
    assert np.isfinite(results[0][0]).all()
    for losses, params in results[1:]:
        np.testing.assert_array_equal(losses, results[0][0])
        np.testing.assert_array_equal(params, results[0][1])


@cases
def test_it_agrees_with_the_readable_backend(sizes, activation, loss, optimizer, n_rows):
    begun = made(sizes, activation, loss, alpha=0.1).params.copy()
    losses, params = train(
        made(sizes, activation, loss, alpha=0.1), ("instruction", 2), optimizer, n_rows
    )
    expected, other = train(
        made(sizes, activation, loss, alpha=0.1), ("numpy", 1), optimizer, n_rows
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    changes, wanted = params - begun, other - begun
    # Adam and RMSProp divide small gradients by their size: what rounding leaves of them counts as much
    far = 10 if optimizer in ("adam", "rmsprop") else 1
    assert np.linalg.norm(changes - wanted) <= far * TOLERANCE * np.linalg.norm(wanted)


@pytest.mark.parametrize("n_rows", [1, 24, 25, 300])
def test_gradient_agrees_with_the_readable_backend(n_rows):
    network = made((70, 50, 40, 20), "tanh", "log_loss", alpha=0.5)
    X, T = data(network, n_rows)
    loss, grads = make_backend("cython", network, 2).loss_and_grad(X, T)
    expected, wanted = network.loss_and_grad(X, T)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert np.linalg.norm(grads - wanted) <= TOLERANCE * np.linalg.norm(wanted)


def test_gradient_is_near_that_of_float64():
    network = made((70, 50, 40, 20), "tanh", "log_loss")
    X, T = data(network, 100)
    _, grads = make_backend("cython", network, 2).loss_and_grad(X, T)
    wide = network.astype("float64")
    _, wanted = wide.loss_and_grad(X.astype(np.float64), T)
    for views, others in zip(network.views(grads), wide.views(wanted), strict=True):
        for name, view in views.items():
            error = np.linalg.norm(view - others[name]) / np.linalg.norm(others[name])
            assert error < 0.02
            assert error > 1e-4  # they are rounded


def test_a_row_alone_is_predicted_as_among_others():
    network = made((600, 100, 40, 16), "tanh", "log_loss")
    X, _ = data(network, 500)
    backend = make_backend("cython", network, 2)
    together = backend.forward(X)
    for rows in ([0], [499], [3, 4, 5], range(190, 320)):
        np.testing.assert_array_equal(backend.forward(X[rows]), together[list(rows)])


class Still(Dense):
    """Its weights get no gradient."""

    def backward(self, dY, ctx):
        dX = super().backward(dY, ctx)
        ctx.dW, ctx.db = 0 * ctx.dW, 0 * ctx.db
        return dX


@pytest.mark.parametrize("precision", [None, "bf16"])
def test_a_layer_of_ones_own_keeps_its_way_back(precision):
    network = Network([Still(32, "relu"), Dense(20)], "squared_error", precision=precision)
    network.initialize(20, random_state=0, dtype="float32")
    X, T = data(network, 30)
    of_layers = network.views(network.loss_and_grad(X, T)[1])
    assert not of_layers[0]["W"].any()
    assert of_layers[1]["W"].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_put_on_a_layer_is_not_taken_for_it(dtype):
    network = Network([Dense(32, "relu"), Dense(20)], "squared_error")
    network.initialize(20, random_state=0, dtype=dtype)
    layer, seen = network.layers[0], []
    own = layer.backward

    def spy(dY, ctx):
        seen.append(dY)
        return own(dY, ctx)

    layer.backward = spy
    X, T = data(network, 30)
    X, T = X.astype(dtype), T.astype(dtype)
    compiled = make_backend("cython", network).forward(X)
    np.testing.assert_allclose(compiled, network.forward(X), rtol=1e-5, atol=1e-5)
    network.initialize(20, random_state=0, dtype=dtype)
    network.loss_and_grad(X, T)
    assert len(seen) == 1


def test_layers_of_all_kinds_beside_it():
    def network():
        layers = [
            Dense(40, "tanh"), BatchNorm("relu"), Residual([LayerNorm(), Dense(40, "gelu")]),
            Dropout(0.3), Dense(30, "tanh", trainable=False), Dense(20, lr_factor=0.5), Dense(3),
        ]  # fmt: skip
        return Network(layers, precision="bf16").initialize(24, random_state=0)

    losses, params = train(network(), ("instruction", 2), "momentum", 60, batch_size=20)
    again = train(network(), ("emulated", 1), "momentum", 60, batch_size=20)
    np.testing.assert_array_equal(again[0], losses)
    np.testing.assert_array_equal(again[1], params)
    expected, _ = train(network(), ("numpy", 1), "momentum", 60, batch_size=20)
    np.testing.assert_allclose(losses, expected, rtol=3e-3)


@pytest.mark.parametrize(
    "options", [{"clip_norm": 0.1}, {"clip_value": 0.01}, {"weight_decay": 0.1}]
)
def test_clipping_and_decay(options):
    sizes = (64, 50, 20)
    losses, params = train(made(sizes), ("instruction", 2), "sgd", 60, **options)
    again = train(made(sizes), ("emulated", 1), "sgd", 60, **options)
    np.testing.assert_array_equal(again[1], params)
    expected, wanted = train(made(sizes), ("numpy", 1), "sgd", 60, **options)
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    assert np.linalg.norm(params - wanted) <= TOLERANCE * np.linalg.norm(wanted)


def test_sparse_inputs_are_multiplied_in_float32():
    network = made((50, 30, 20), "tanh", "log_loss")
    X, T = data(network, 40)
    X[np.random.default_rng(0).random(X.shape) < 0.7] = 0
    rows = sparse.csr_matrix(X)
    compiled, readable = (make_backend(name, network, 1) for name in ("cython", "numpy"))
    np.testing.assert_allclose(compiled.forward(rows), readable.forward(rows), atol=2e-2)
    loss, grads = compiled.loss_and_grad(rows, T)
    expected, wanted = readable.loss_and_grad(rows, T)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert np.linalg.norm(grads - wanted) <= TOLERANCE * np.linalg.norm(wanted)


def test_small_layers_have_the_bits_of_float32():
    sizes = (15, 40, 12, 9, 3)
    plain = Network([Dense(n, "tanh") for n in sizes[1:]]).initialize(15, 0, dtype="float32")
    rounded = Network([Dense(n, "tanh") for n in sizes[1:]], precision="bf16").initialize(15, 0)
    X, _ = data(plain, 30)
    one, other = (make_backend("cython", network, 1) for network in (plain, rounded))
    np.testing.assert_array_equal(one.forward(X), other.forward(X))


def test_numba_leaves_it_to_the_readable_backend():
    pytest.importorskip("numba")
    network = made((20, 16))
    backend = make_backend("numba", network)
    X, T = data(network, 8)
    optimizer = SGD(0.1)
    optimizer.prepare(network.params)
    backend.train_steps(X, T, None, None, 0, 1, Hyper(8, np.array([0.1]), optimizer, 8, 8.0))
    assert backend.name_in_use == "numpy"


def test_a_table_of_another_precision_is_refused():
    network = made((20, 16))
    backend = make_backend("cython", network, 1)
    backend.is_ready()
    layers = backend.layers.copy()
    sizes = network.params.size, network.state.size
    for wrong, itemsize in ((-1, 4), (3, 4), (1, 8)):
        layers["precision"] = wrong
        with pytest.raises(ValueError, match="does not fit its network"):
            type(backend.program)(layers, *sizes, itemsize, network.key)
