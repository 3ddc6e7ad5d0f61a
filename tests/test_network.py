"""minnet.network: buffers and views, initialization, forward and the checks of its input."""

import copy
import itertools
import pickle
import re
import threading

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax

from minnet import BatchNorm, Dense, Dropout, Network
from minnet.initializers import (
    Constant,
)
from minnet.layers import Layer, Parameter
from minnet.losses import SoftmaxCrossEntropy, SquaredError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(dtype="float64", **given):
    layers = [Dense(5), BatchNorm("tanh"), Dropout(0.2), Dense(7, "relu"), Dense(3)]
    return Network(layers, **given).initialize(4, random_state=0, dtype=dtype)


def assert_bound(network):
    """Check that buffers are aligned and that every layer's arrays are views of them."""
    size = network.dtype.itemsize
    assert network.params.ctypes.data % 64 == network.state.ctypes.data % 64 == 0
    assert network.params.dtype == network.state.dtype == network.dtype
    assert network.params.flags.c_contiguous
    covered = np.zeros(network.params.size, dtype=bool)
    for row in network.parameter_table:
        array = getattr(network.layers[row.layer], row.name)
        assert array.shape == row.shape
        assert array.ctypes.data == network.params.ctypes.data + row.offset * size
        assert array.ctypes.data % 64 == 0
        covered[row.slice] = True
    assert not network.params[~covered].any()
    for layer in network.layers:
        for name in layer.state(1):
            assert np.shares_memory(getattr(layer, name), network.state)
    network.layers[0].W[0, 0] = 123.0
    assert network.params[network.parameter_table[0].offset] == 123.0


# ---- buffers


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "make_copy",
    [
        lambda network: network,
        copy.copy,
        copy.deepcopy,
        lambda network: pickle.loads(pickle.dumps(network)),
        lambda network: network.astype("float32"),
        lambda network: network.astype("float64"),
    ],
    ids=["itself", "copy", "deepcopy", "pickle", "float32", "float64"],
)
def test_layers_are_views_of_aligned_buffers(make_copy, dtype, rng):
    network = make(dtype)
    network.layers[1].running_mean = rng.normal(size=5)
    network.layers[1].running_var = [1, 2, 3, 4, 5]
    X = rng.normal(size=(6, 4))
    expected = network.forward(X)
    other = make_copy(network)
    tolerance = 0 if other.dtype == network.dtype else 1e-5
    np.testing.assert_allclose(other.forward(X), expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(other.layers[1].running_var, [1, 2, 3, 4, 5])
    assert_bound(other)
    assert other.key == network.key
    if other is not network:
        assert network.params[0] != 123.0
        assert_bound(network)


def test_a_copy_has_memory_of_its_own():
    network = make()
    for other in (copy.copy(network), copy.deepcopy(network), network.astype("float64")):
        assert not np.shares_memory(other.params, network.params)
        assert not np.shares_memory(other.state, network.state)
        assert all(a is not b for a, b in zip(network.layers, other.layers, strict=True))


def test_an_uninitialized_network_can_be_copied():
    network = pickle.loads(pickle.dumps(Network([Dense(2)])))
    assert network.initialize(3, random_state=0).layers[0].W.shape == (3, 2)


def test_views_of_a_vector():
    network = make()
    flat = np.arange(network.params.size, dtype=float)
    views = network.views(flat)
    dense = ["W", "b"]
    assert [list(view) for view in views] == [dense, ["gamma", "beta"], [], dense, dense]
    assert views[3]["W"].shape == (5, 7)
    assert all(np.shares_memory(array, flat) for view in views for array in view.values())


def test_parameter_table():
    network = Network(
        [
            Dense(2, trainable=False),
            BatchNorm(lr_factor=0.1),
            Dense(1, lr_factor=3, bias_lr_factor=5, decay_factor=0.5),
        ]
    )
    network.initialize(3)
    rows = [
        (r.label, r.is_weight, r.lr_factor, r.trainable, r.decay_factor)
        for r in network.parameter_table
    ]
    assert rows == [
        ("layers[0].W", True, 1.0, False, 1.0),
        ("layers[0].b", False, 1.0, False, 1.0),
        ("layers[1].gamma", False, 0.1, True, 0.1),
        ("layers[1].beta", False, 0.1, True, 0.1),
        ("layers[2].W", True, 3, True, 0.5),
        ("layers[2].b", False, 5, True, 5),
    ]


def test_a_network_owns_its_layers():
    layer = Dense(3)
    network = Network([layer, layer]).initialize(3, random_state=0)
    assert not hasattr(layer, "W")
    assert not np.array_equal(network.layers[0].W, network.layers[1].W)


# ---- draws


def draws(layers, seed=0, **given):
    """Return the weight matrices of the Dense layers."""
    network = Network(layers, **given).initialize(4, random_state=seed)
    return [layer.W.copy() for layer in network.layers if isinstance(layer, Dense)]


def test_equal_seeds_give_equal_weights():
    base = draws([Dense(5), Dense(3)])
    for seed, same in ((0, True), (1, False), (np.random.RandomState(1), False)):
        other = draws([Dense(5), Dense(3)], seed)
        assert np.array_equal(base[0], other[0]) is same
    assert not np.array_equal(draws([Dense(5)], None)[0], draws([Dense(5)], None)[0])


def test_a_change_of_one_layer_leaves_the_draws_of_others_alone():
    def normal(*layers):
        return draws(list(layers), init="normal", bias_init="normal")

    base = normal(Dense(5), Dense(6), Dense(3))
    wider = normal(Dense(9), Dense(6), Dense(3))
    np.testing.assert_array_equal(wider[2], base[2])
    np.testing.assert_array_equal(wider[1][:5], base[1])  # its fan_in grew; the rest is as it was
    other = normal(Dense(5, init="zeros", bias_init="ones"), Dense(6, "relu"), Dense(3))
    np.testing.assert_array_equal(other[1], base[1])
    with_others = normal(
        Dropout(0.5), Dense(5), BatchNorm(), Dropout(0.1), Dense(6), BatchNorm(), Dense(3)
    )
    for W, expected in zip(with_others, base, strict=True):
        np.testing.assert_array_equal(W, expected)


def test_layers_and_arrays_draw_different_numbers():
    network = Network([Dense(4), Dense(4)], init="normal", bias_init="normal").initialize(4, 0)
    arrays = [network.params[row.slice] for row in network.parameter_table]
    heads = [tuple(array[:4]) for array in arrays]
    assert len(set(heads)) == 4


# ---- initializers

W1 = np.arange(20.0).reshape(4, 5)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("ones", np.ones((4, 5))),
        ({"name": "constant", "value": 2}, np.full((4, 5), 2.0)),
        (Constant(3.0), np.full((4, 5), 3.0)),
        (0.5, np.full((4, 5), 0.5)),
        (W1, W1),
        (W1.tolist(), W1),
        (lambda shape: np.full(shape, 4.0), np.full((4, 5), 4.0)),
        (lambda shape, rng, dtype: np.zeros(shape, dtype), np.zeros((4, 5))),
    ],
    ids=["name", "dict", "object", "number", "array", "nested list", "function", "full function"],
)
def test_every_kind_of_specification(spec, expected):
    for network in (
        Network([Dense(5, init=spec), Dense(3)]),
        Network([Dense(5), Dense(3)], init=[spec, "zeros"]),
    ):
        network.initialize(4, random_state=0)
        np.testing.assert_array_equal(network.layers[0].W, expected)


def test_a_function_gets_the_generator_of_its_stream():
    def init(shape, rng):
        return rng.normal(size=shape)

    first, second = draws([Dense(4), Dense(4)], init=init)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(draws([Dense(4), Dense(4)], init=init)[1], second)


def test_an_init_list_has_one_entry_per_weight_matrix():
    layers = [Dense(5), BatchNorm("relu"), Dropout(0.1), Dense(2, init="ones"), Dense(3)]
    network = Network(layers, init=["zeros", None, W1[:2, :3]], bias_init=[1, 2, [3, 4, 5]])
    network.initialize(4, random_state=0)
    first, _, _, second, third = network.layers
    assert not first.W.any()
    assert (second.W == 1).all()
    np.testing.assert_array_equal(third.W, W1[:2, :3])
    assert (first.b == 1).all()
    assert (second.b == 2).all()
    np.testing.assert_array_equal(third.b, [3, 4, 5])


def test_a_layers_own_initializer_goes_before_the_networks():
    network = Network([Dense(5, init="ones", bias_init=2.0), Dense(3)], init="zeros", bias_init=1.0)
    network.initialize(4)
    assert (network.layers[0].W == 1).all()
    assert (network.layers[0].b == 2).all()
    assert (network.layers[1].W == 0).all()
    assert (network.layers[1].b == 1).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"init": ["zeros"]}, "one entry per weight matrix, the output's included: 2, got 1"),
        ({"init": ["zeros"] * 3}, "init must have one entry per weight matrix.*: 2, got 3"),
        (
            {"bias_init": ["zeros"]},
            "bias_init must have one entry per bias, the output.s included: 2, got 1",
        ),
        ({"init": "glorto"}, r"layers.* must be .*, got 'glorto': did you mean 'glorot'"),
        ({"init": [None, "hee"]}, r"layers\[1\].W must be the name of an initializer, got 'hee'"),
        ({"init": [W1, W1]}, r"layers\[1\].W \(Dense\).*\(5, 3\).*\(4, 5\)"),
        ({"bias_init": [np.ones(5), np.ones(4)]}, r"layers\[1\].b \(Dense\).*\(3,\).*\(4,\)"),
        pytest.param(
            {"init": lambda shape: np.full(shape, np.nan)}, r"layers\[0\].W.*NaN", id="NaN"
        ),
        *(
            (
                {"loss": loss, "layers": [Dense(5, "tanh"), Dense(1)]},
                "loss must not be .*[Ss]oftmax.* last layer of 1 unit.*'sigmoid_cross_entropy'",
            )
            for loss in ("softmax_cross_entropy", SoftmaxCrossEntropy(), SquaredError("softmax"))
        ),
    ],
    ids=str,
)
def test_a_failed_initialize_leaves_the_network_as_it_was(given, message):
    network = Network([Dense(5, "tanh"), Dense(3)]).initialize(4, random_state=0)
    before, state = network.params, copy.deepcopy(vars(network))
    vars(network).update(given)
    with pytest.raises(ValueError, match=message) as caught:
        network.initialize(4, random_state=1)
    assert "\n" not in str(caught.value)
    assert network.params is before
    np.testing.assert_array_equal(before, state["params"])
    assert (network.key, network.init_) == (state["key"], state["init_"])


ARRAYS = {"init": "W", "bias_init": "b"}


@pytest.mark.parametrize("argument", ARRAYS)
@pytest.mark.parametrize("own", itertools.product([False, True], repeat=3), ids=str)
def test_a_list_has_one_entry_for_each_array_and_none_where_the_layer_names_its_own(argument, own):
    layers = [Dense(4, "tanh", **({argument: float(i)} if own[i] else {})) for i in range(3)]
    between = [layers[0], BatchNorm("tanh"), layers[1], Dropout(0.1), layers[2]]
    entries = [None if own[i] else float(i) for i in range(3)]
    network = Network(between, **{argument: entries}).initialize(4, random_state=0)
    for i, layer in enumerate(each for each in network.layers if isinstance(each, Dense)):
        assert (getattr(layer, ARRAYS[argument]) == i).all()
    for wrong in (entries[1:], [*entries, None]):
        network = Network(between, **{argument: wrong})
        with pytest.raises(ValueError, match=f"^{argument} must have one entry per .*: 3, got"):
            network.initialize(4)
    for i in np.flatnonzero(own):
        taken = [9.0 if j == i else entry for j, entry in enumerate(entries)]
        network = Network(between, **{argument: taken})
        where = f"{argument}[{i}] must be None, since layers[{2 * i}] names its own initializer"
        with pytest.raises(ValueError, match=f"^{re.escape(where)}"):
            network.initialize(4)


class OwnBias(Layer):
    """A layer of a user's own: one array that is the network's to initialize, one that is not."""

    def parameters(self, n_inputs):
        return {"shift": Parameter((n_inputs,)), "scale": Parameter((n_inputs,), init="ones")}


def test_what_a_layer_of_your_own_leaves_to_bias_init_has_an_entry():
    layers = [Dense(4, "tanh", bias_init=0.5), OwnBias(), Dense(2)]
    network = Network(layers, bias_init=[None, 1.0, 2.0]).initialize(3, random_state=0)
    assert [network.layers[0].b[0], *network.layers[1].shift] == [0.5, 1, 1, 1, 1]
    assert [*network.layers[1].scale, *network.layers[2].b] == [1, 1, 1, 1, 2, 2]


# ---- forward and predict


def test_forward_by_hand(rng):
    network = Network([Dense(5, "tanh"), Dense(3)]).initialize(4, random_state=0)
    X = rng.normal(size=(6, 4))
    first, second = network.layers
    Y = np.tanh(X @ first.W + first.b)
    np.testing.assert_allclose(network.forward(X, return_all=True)[0], Y)
    np.testing.assert_allclose(network.forward(X), Y @ second.W + second.b)
    np.testing.assert_allclose(network.predict(X), softmax(Y @ second.W + second.b, axis=1))
    assert network.forward(X[:0]).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_layout_of_the_input_gives_the_same(dtype, rng, tmp_path):
    network, T = make(dtype), np.array([0, 1, 2, 1, 0, 2])
    X = rng.integers(-3, 4, size=(6, 4)).astype(dtype)  # exact in float16 too
    expected, (loss, grads) = network.forward(X), network.loss_and_grad(X, T)
    X.tofile(tmp_path / "X")
    read_only = X.copy()
    read_only.flags.writeable = False
    layouts = {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": read_only,
        "memory-mapped": np.memmap(tmp_path / "X", dtype=dtype, mode="r", shape=(6, 4)),
        "list": X.tolist(),
        "float16": X.astype(np.float16),
        "int": X.astype(int),
        "other byte order": X.astype(X.dtype.newbyteorder()),
        "csr": sparse.csr_matrix(X),
        "csr array": sparse.csr_array(X),
        "csc": sparse.csc_matrix(X),
    }
    for name, given in layouts.items():
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        close = {"rtol": tolerance, "atol": tolerance, "err_msg": name}
        np.testing.assert_allclose(network.forward(given), expected, **close)
        given_loss, given_grads = network.loss_and_grad(given, T)
        assert abs(given_loss - loss) <= tolerance * loss
        np.testing.assert_allclose(given_grads, grads, **close)


@pytest.mark.parametrize("first", [BatchNorm(), Dropout(0.5)], ids=repr)
def test_sparse_input_to_another_first_layer(first, rng):
    network = Network([first, Dense(2)]).initialize(4, random_state=0)
    X = rng.integers(0, 2, size=(5, 4)).astype(float)
    loss, grads = network.loss_and_grad(X, [0, 1, 0, 1, 1])
    sparse_loss, sparse_grads = network.loss_and_grad(sparse.csr_matrix(X), [0, 1, 0, 1, 1])
    assert sparse_loss == pytest.approx(loss)
    np.testing.assert_allclose(sparse_grads, grads)


def test_eight_threads_share_a_network(rng):
    network, X, T = make(alpha=0.1), rng.normal(size=(64, 4)), rng.integers(0, 3, size=64)
    pieces = [slice(8 * i, 8 * i + 8 + i) for i in range(8)]
    expected = [(network.forward(X[p]), network.loss_and_grad(X[p], T[p])) for p in pieces]
    wrong, barrier = [], threading.Barrier(8)

    def work(i):
        barrier.wait()
        logits, (loss, grads) = expected[i]
        for _ in range(30):
            same = np.array_equal(network.forward(X[pieces[i]]), logits)
            again = network.loss_and_grad(X[pieces[i]], T[pieces[i]])
            if not (same and again[0] == loss and np.array_equal(again[1], grads)):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_data_of_a_call_stay_in_the_network(rng):
    network, X = make(), rng.normal(size=(1000, 4))
    size = len(pickle.dumps(network))
    attributes = [set(vars(layer)) for layer in network.layers]
    network.forward(X)
    network.loss_and_grad(X, np.zeros(1000, dtype=int))
    network.trace(X, np.zeros(1000, dtype=int))
    assert len(pickle.dumps(network)) == size
    assert [set(vars(layer)) for layer in network.layers] == attributes


# ---- errors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Network([]), ValueError, "layers must have at least one layer"),
        (lambda: Network([Dense(2), "relu"]), TypeError, r"layers\[1\] must be a Layer .*'relu'"),
        (lambda: Network([Dense]), TypeError, r"layers\[0\] must be a Layer"),
        (lambda: Network([Dense(2)], alpha=-1), ValueError, "alpha must be at least 0, got -1"),
        (lambda: Network([Dense(2)], alpha="1"), ValueError, "alpha must be at least 0, got '1'"),
        (lambda: Network([Dense(2)], loss="logloss"), ValueError, "did you mean 'log_loss'"),
        (lambda: Network([Dense(2)]).initialize(0), ValueError, "n_features must be a whole"),
        (lambda: Network([Dense(2)]).initialize(2.0), ValueError, "n_features must be a whole"),
        (
            lambda: Network([Dense(2)]).initialize(2, dtype="float16"),
            ValueError,
            "dtype must be float32 or float64, got 'float16'",
        ),
        (
            lambda: make().astype("int64"),
            ValueError,
            "dtype must be float32 or float64, got 'int64'",
        ),
        (lambda: Network([Dense(2)]).forward([[1]]), ValueError, "call initialize"),
        (lambda: Network([Dense(2)]).astype("float32"), ValueError, "call initialize"),
    ],
)
def test_wrong_networks_get_one_sentence(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


OK_X, OK_T = np.ones((2, 4)), [0, 1]


@pytest.mark.parametrize(
    ("X", "T", "weight", "message"),
    [
        (np.ones((2, 5)), OK_T, None, r"X must have shape \(n_samples, 4\), got \(2, 5\)"),
        (np.ones(4), OK_T, None, r"X must have shape \(n_samples, 4\), got \(4,\)"),
        (np.ones((2, 4, 1)), OK_T, None, r"X must have shape \(n_samples, 4\), got \(2, 4, 1\)"),
        (sparse.csr_matrix((2, 5)), OK_T, None, r"X must have shape .*, 4\), got \(2, 5\)"),
        (np.ones((0, 4)), [], None, "X must have at least one row"),
        ([[1, 2, np.nan, 4]] * 2, OK_T, None, "X must be finite"),
        ([[1, 2, np.inf, 4]] * 2, OK_T, None, "X must be finite"),
        (sparse.csr_matrix([[0, np.nan, 0, 0]] * 2), OK_T, None, "X must be finite"),
        (OK_X, [0], None, "T must be class indices"),
        (OK_X, [0, 3], None, "T must be class indices from 0 to 2"),
        (OK_X, OK_T, [1], r"sample_weight must have shape \(2,\), got \(1,\)"),
        (OK_X, OK_T, 1.0, r"sample_weight must have shape \(2,\), got \(\)"),
        (OK_X, OK_T, [1, -1], "sample_weight must be finite and at least 0"),
        (OK_X, OK_T, [1, np.nan], "sample_weight must be finite and at least 0"),
        (OK_X, OK_T, [0, 0], "sample_weight must not be all zero"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_wrong_data_get_one_sentence(X, T, weight, message):
    network = make()
    for method in (network.loss_and_grad, network.objective, network.trace):
        with pytest.raises(ValueError, match=message) as caught:
            method(X, T, weight)
        assert "\n" not in str(caught.value)


def test_repr_shows_what_is_not_the_default():
    network = Network([Dense(2, "relu"), Dropout(0.3)], loss="squared_error", init="he", alpha=0.5)
    layers = "[Dense(2, activation=Relu()), Dropout(rate=0.3)]"
    one_line = " ".join(repr(network).split())
    assert one_line == f"Network({layers}, loss='squared_error', init='he', alpha=0.5)"
    assert repr(Network([Dense(2)])) == "Network([Dense(2, activation=Identity())])"  # it says so


class Centre(Layer):
    """A layer whose parameter's initializer is left to the network."""

    def parameters(self, n_inputs):
        return {"c": Parameter((n_inputs,))}

    def forward(self, X, ctx):
        return X - self.c

    def backward(self, dY, ctx):
        ctx.dc = -dY.sum(axis=0)
        return dY


def test_a_users_parameter_takes_bias_init():
    network = Network([Centre(), Dense(2)], bias_init=[1.5, 0]).initialize(3, random_state=0)
    np.testing.assert_array_equal(network.layers[0].c, [1.5] * 3)
    assert network.init_["layers[0].c"] == Constant(1.5)


@pytest.mark.parametrize("replaced", ["others", "fewer", "more"])
def test_layers_that_were_replaced_are_said(replaced):
    network = Network([Dense(4, "relu"), Dense(3)]).initialize(4, random_state=0)
    X, y = np.eye(4), np.arange(4) % 3
    layers = {"others": [Dense(4), Dense(3)], "fewer": network.layers[:1]}
    network.layers = layers.get(replaced, [*network.layers, Dense(3)])
    for refuses in (
        lambda: network.loss_and_grad(X, y),
        lambda: network.hessian_vector_product(X, y, network.params),
        lambda: network.predict(X),
        lambda: network.astype("float32"),
        network.summary,
    ):
        with pytest.raises(ValueError, match="layers of the network are not those that it was"):
            refuses()
    assert "Dense" in repr(network)
    network._repr_html_()
