"""minnet.layers: the equations of each layer, and its configuration."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from scipy import sparse

import minnet
from minnet import (
    SGD,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    Network,
    Trainer,
    activations,
    check_gradients,
)
from minnet.activations import Identity
from minnet.layers import Context, Layer, Parameter
from minnet.mup import mup


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def bound(layer, n_inputs, rng, dtype="float64"):
    """Return the layer with random arrays of its own, without a network."""
    arrays = {
        name: rng.normal(size=parameter.shape).astype(dtype)
        for name, parameter in layer.parameters(n_inputs).items()
    }
    arrays.update(layer.state(n_inputs))
    layer.bind(arrays)
    return layer


# ---- Dense


def test_dense_equations(rng):
    layer = bound(Dense(3, "tanh"), 4, rng)
    X, dY, ctx = rng.normal(size=(6, 4)), rng.normal(size=(6, 3)), Context(training=True)
    Y = layer.forward(X, ctx)
    Z = np.einsum("ij,jk->ik", X, layer.W) + layer.b[None, :]
    np.testing.assert_allclose(Y, np.tanh(Z), rtol=1e-12)
    dX = layer.backward(dY, ctx)
    dZ = dY / np.cosh(Z) ** 2
    np.testing.assert_allclose(ctx.dZ, dZ, rtol=1e-10)
    np.testing.assert_allclose(ctx.dW, np.einsum("ij,ik->jk", X, dZ), rtol=1e-10)
    np.testing.assert_allclose(ctx.db, np.einsum("ik->k", dZ), rtol=1e-10)
    np.testing.assert_allclose(dX, np.einsum("ik,jk->ij", dZ, layer.W), rtol=1e-10)


def test_dense_alone_is_linear(rng):
    layer = bound(Dense(2), 3, rng)
    X = rng.normal(size=(4, 3))
    np.testing.assert_allclose(layer.forward(X, Context()), X @ layer.W + layer.b)


def test_first_layer_makes_no_gradient_of_its_input(rng):
    layer = bound(Dense(2, "relu"), 3, rng)
    ctx = Context(training=True, needs_dX=False)
    layer.forward(rng.normal(size=(4, 3)), ctx)
    assert layer.backward(np.ones((4, 2)), ctx) is None
    assert ctx.dW.shape == (3, 2)


# ---- Dropout


def dropped(rate, X, position=0, training=True, seed=0, layers=1):
    """Return what the last of some Dropout layers makes of X in a network, and its mask."""
    network = Network([*[Dropout(rate)] * layers, Dense(1)]).initialize(X.shape[1], seed)
    layer = network.layers[layers - 1]
    ctx = Context(training, uniform=partial(network._uniform, layers - 1, position))
    return layer.forward(X, ctx), ctx.mask


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_drops_the_rate_and_keeps_the_mean(rate):
    X = np.ones((1000, 100))
    Y, mask = dropped(rate, X)
    np.testing.assert_array_equal(Y, mask)
    assert set(np.unique(Y)) == {0.0, 1 / (1 - rate)}
    deviation = np.sqrt(rate * (1 - rate) / X.size)
    assert abs((Y == 0).mean() - rate) < 4 * deviation
    assert abs(Y.mean() - 1) < 4 * deviation / (1 - rate)


def test_dropout_backward_uses_the_same_mask(rng):
    X, dY = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    layer, ctx = Dropout(0.5), Context(True, uniform=lambda shape: rng.random(shape))
    Y = layer.forward(X, ctx)
    np.testing.assert_allclose(layer.backward(dY, ctx), dY * (Y / X))


def test_a_row_keeps_its_mask_whatever_the_batch():
    whole = dropped(0.5, np.ones((50, 7)))[1]
    np.testing.assert_array_equal(dropped(0.5, np.ones((10, 7)), position=10)[1], whole[10:20])
    np.testing.assert_array_equal(dropped(0.5, np.ones((1, 7)), position=49)[1], whole[49:])


def test_masks_differ_by_key_layer_and_position():
    X = np.ones((20, 10))
    base = dropped(0.5, X)[1]
    for other in (
        dropped(0.5, X, seed=1)[1],
        dropped(0.5, X, layers=2)[1],
        dropped(0.5, X, position=20)[1],
    ):
        assert (base != other).mean() > 0.3
    np.testing.assert_array_equal(dropped(0.5, X)[1], base)


def test_dropout_does_nothing_at_inference_or_rate_0():
    X = np.ones((3, 2))
    assert dropped(0.5, X, training=False)[0] is X
    assert dropped(0.0, X)[0] is X
    assert Dropout(0.5).backward(X, _context(mask=None)) is X


def _context(**given):
    ctx = Context()
    vars(ctx).update(given)
    return ctx


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_keeps_the_dtype(dtype):
    assert dropped(np.float64(0.5), np.ones((4, 4), dtype))[0].dtype == dtype


# ---- BatchNorm


def normalize(X, weights=None, activation="identity", rng=None, **given):
    layer = bound(BatchNorm(activation, **given), X.shape[1], rng or np.random.default_rng(1))
    p = None if weights is None else (weights / weights.sum())[:, None]
    ctx = Context(training=True, weights=p)
    return layer, ctx, layer.forward(X, ctx)


def test_batch_norm_formula(rng):
    X = 3 + 2 * rng.normal(size=(8, 3))
    layer, _, Y = normalize(X, epsilon=0.1, activation="tanh")
    X_hat = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 0.1)
    np.testing.assert_allclose(Y, np.tanh(layer.gamma * X_hat + layer.beta), rtol=1e-12)


def test_batch_norm_backward_by_its_jacobian(rng):
    X, dY, h = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), 1e-6
    weights = np.array([1, 0, 2, 1, 3, 0.5])
    for given in (None, weights):
        layer, ctx, _ = normalize(X, given)
        dX = layer.backward(dY, ctx)
        for i, j in np.ndindex(X.shape):
            step = np.zeros_like(X)
            step[i, j] = h
            up, down = (normalize(X + sign * step, given)[2] for sign in (1, -1))
            slope = ((up - down) * dY).sum() / (2 * h)
            assert abs(dX[i, j] - slope) < 1e-7


def test_weighted_batch_norm_equals_repeated_rows(rng):
    X, repeats = rng.normal(size=(5, 3)), np.array([1, 3, 0, 2, 1])
    layer, ctx, Y = normalize(X, repeats.astype(float))
    repeated, ctx_repeated, Y_repeated = normalize(np.repeat(X, repeats, axis=0))
    np.testing.assert_allclose(np.repeat(Y, repeats, axis=0), Y_repeated, rtol=1e-12)
    np.testing.assert_allclose(ctx.var, ctx_repeated.var, rtol=1e-12)
    # A repeated row gets its gradient once a copy, a weighted one all at once.
    dY = rng.normal(size=(5, 3))
    dX = layer.backward(dY * repeats[:, None], ctx)
    dX_repeated = repeated.backward(np.repeat(dY, repeats, axis=0), ctx_repeated)
    once = repeats > 0
    starts = (np.cumsum(repeats) - repeats)[once]
    np.testing.assert_allclose(
        dX[once], dX_repeated[starts] * repeats[once, None], rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(ctx.dgamma, ctx_repeated.dgamma, rtol=1e-10)


def test_running_averages(rng):
    X = rng.normal(size=(8, 2))
    layer, ctx, _ = normalize(X, momentum=0.75)
    layer.update_state(ctx)
    np.testing.assert_allclose(layer.running_mean, 0.25 * X.mean(axis=0))
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * X.var(axis=0, ddof=1))
    layer.update_state(ctx)
    np.testing.assert_allclose(layer.running_mean, (1 - 0.75**2) * X.mean(axis=0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("weights", [None, "alike", "whole", "any", "nearly one row"])
def test_the_running_variance_is_unbiased(weights, n, dtype):
    """It is half the mean squared difference of two rows, where each pair counts by both weights."""
    rng = np.random.default_rng(n)
    X, w = rng.normal(3, 2, size=(n, 4)).astype(dtype), np.ones(n)
    if weights is not None:
        w = {
            "alike": np.full(n, 0.3),
            "whole": np.append(rng.integers(0, 4, n - 2), [1, 2]),
            "any": rng.uniform(0.01, 5, n),
            "nearly one row": np.append(1, rng.uniform(size=n - 1) * 1e-3),
        }[weights]
    i, j = np.triu_indices(n, 1)
    pairs = w[i] * w[j]
    expected = pairs @ np.square(X[i].astype(float) - X[j]) / 2 / pairs.sum()
    layer = bound(BatchNorm(momentum=0), 4, rng, dtype)
    p = None if weights is None else (w / w.sum())[:, None].astype(dtype)
    ctx = Context(training=True, weights=p)
    layer.forward(X, ctx)
    layer.update_state(ctx)
    rounding = {"float64": 1e-9, "float32": 1e-3}[dtype]
    np.testing.assert_allclose(layer.running_var, expected, rtol=rounding)
    if weights in (None, "alike"):
        np.testing.assert_allclose(layer.running_var, X.var(axis=0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("weights", [None, [1, 0, 0]])
def test_the_running_variance_of_one_row_is_0(weights):
    X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 9.0]])[: 1 if weights is None else 3]
    layer, ctx, _ = normalize(X, None if weights is None else np.array(weights), momentum=0)
    layer.update_state(ctx)
    np.testing.assert_array_equal(layer.running_var, [0, 0])


def test_inference_uses_the_running_averages(rng):
    layer = bound(BatchNorm(epsilon=0.5), 2, rng)
    layer.running_mean = [1.0, 2.0]
    layer.running_var = [3.5, 8.5]
    Y = layer.forward(np.array([[3.0, 5.0]]), Context())
    np.testing.assert_allclose(Y, [layer.gamma + layer.beta])


def test_a_frozen_batch_norm_does_not_change(rng):
    network = Network([Dense(3), BatchNorm("tanh", trainable=False), Dense(1)], "squared_error")
    network.initialize(2, random_state=0)
    network.layers[1].running_mean = [0.1, 0.2, 0.3]
    before, X = network.state.copy(), rng.normal(size=(9, 2))
    logits, contexts = network.forward_training(X)
    for layer, ctx in zip(network.layers, contexts, strict=True):
        layer.update_state(ctx)
    np.testing.assert_array_equal(network.state, before)
    np.testing.assert_array_equal(logits, network.forward(X))
    assert check_gradients(network, X, X[:, :1]).ok


@pytest.mark.parametrize("n", [1, 2])
def test_batch_norm_of_few_or_constant_rows_is_finite(n):
    layer, ctx, Y = normalize(np.full((n, 2), 7.0))
    np.testing.assert_allclose(Y, np.tile(layer.beta, (n, 1)))
    assert np.isfinite(layer.backward(np.ones((n, 2)), ctx)).all()


# ---- LayerNorm


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_layer_norm_is_batch_norm_of_the_transposed_rows(n, training, rng):
    """With a scale and a shift of each row instead, and the inputs as the batch."""
    X, dY = 3 + 2 * rng.normal(size=(n, 5)), rng.normal(size=(n, 5))
    layer = bound(LayerNorm(epsilon=0.1), 5, rng)
    ctx = Context(training=training)
    Y = layer.forward(X, ctx)
    other = BatchNorm(epsilon=0.1)
    other.bind({"gamma": np.ones(n), "beta": np.zeros(n)} | other.state(n))
    transposed = Context(training=True)
    X_hat = other.forward(X.T, transposed).T
    np.testing.assert_allclose(Y, layer.gamma * X_hat + layer.beta, rtol=1e-12)
    dX = layer.backward(dY, ctx)
    np.testing.assert_allclose(dX, other.backward((dY * layer.gamma).T, transposed).T, rtol=1e-9)
    np.testing.assert_allclose(ctx.dgamma, np.einsum("ij,ij->j", dY, X_hat), rtol=1e-10)
    np.testing.assert_allclose(ctx.dbeta, np.einsum("ij->j", dY), rtol=1e-10)


def test_layer_norm_knows_no_other_rows(rng):
    X = rng.normal(size=(7, 5))
    layer = bound(LayerNorm("tanh"), 5, rng)
    whole = layer.forward(X, Context(training=True, weights=rng.uniform(size=(7, 1))))
    for i in range(7):
        np.testing.assert_array_equal(layer.forward(X[i : i + 1], Context())[0], whole[i])
    shifted = layer.forward(3 * X + 100, Context())
    np.testing.assert_allclose(shifted, whole, atol=1e-4)  # but for epsilon
    assert layer.state(5) == {}


@pytest.mark.parametrize(
    "X", [np.full((2, 3), 7.0), np.array([[5.0], [-1.0]])], ids=["alike", "one"]
)
def test_layer_norm_of_equal_inputs_is_the_shift(X, rng):
    layer, ctx = bound(LayerNorm(), X.shape[1], rng), Context(training=True)
    np.testing.assert_allclose(layer.forward(X, ctx), np.tile(layer.beta, (2, 1)))
    g = np.array([[2.0, 3.0, 4.0]])[:, : X.shape[1]]
    dX = layer.backward(np.tile(g / layer.gamma, (2, 1)), ctx)
    np.testing.assert_allclose(dX, np.tile((g - g.mean()) / np.sqrt(1e-5), (2, 1)), atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batch_norm_keeps_the_dtype(dtype, rng):
    layers = [BatchNorm("elu", momentum=np.float64(0.9), epsilon=np.float64(1e-3)), Dense(2)]
    network = Network(layers).initialize(3, random_state=0, dtype=dtype)
    X = rng.normal(size=(4, 3)).astype(dtype)
    for weight in (None, np.ones(4)):
        logits, contexts = network.forward_training(X, weight)
        network.layers[0].update_state(contexts[0])
        assert logits.dtype == network.state.dtype == dtype
        assert network.forward(X).dtype == dtype


# ---- parameters are views


def test_assignment_copies_into_the_flat_buffer():
    network = Network([Dense(3), Dense(2)]).initialize(4, random_state=0)
    layer, W = network.layers[0], np.arange(12.0).reshape(4, 3)
    layer.W = W
    np.testing.assert_array_equal(network.params[:12], np.arange(12))
    W[:] = -1
    assert layer.W[0, 1] == 1
    layer.b = [1, 2, 3]
    assert np.shares_memory(layer.b, network.params)
    layer.W *= 2
    assert np.shares_memory(layer.W, network.params)
    assert network.params[1] == 2


@pytest.mark.parametrize("shape", [(3, 4), (12,), (), (4, 3, 1)], ids=str)
def test_assignment_refuses_another_shape(shape):
    network = Network([Dense(3)]).initialize(4, random_state=0)
    before = network.params.copy()
    with pytest.raises(ValueError, match=r"W of Dense\(3, .*\) must have shape \(4, 3\), got \("):
        network.layers[0].W = np.zeros(shape)
    np.testing.assert_array_equal(network.params, before)


# ---- configuration

LAYERS = [
    Dense(3),
    Dense(4, "relu", init="he", bias_init=0.1, trainable=False, lr_factor=0.5),
    Dense(2, init=np.ones((3, 2))),
    Dense(4, lr_factor=0.5, bias_lr_factor=2.0),
    Dense(4, lr_factor=0.5, decay_factor=2.0),
    Dropout(0.3),
    BatchNorm("tanh", momentum=0.5, epsilon=1e-3, trainable=False),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_equality_repr_copy_and_pickle_are_the_configuration(layer):
    for other in (layer.copy(), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other == layer
        assert other is not layer
        assert repr(other) == repr(layer)
    if not isinstance(getattr(layer, "init", None), np.ndarray):
        assert eval(repr(layer), {**vars(activations), **vars(minnet)}) == layer


def test_different_configurations_differ():
    different = [*LAYERS, Dense(3, "tanh"), Dense(5), Dropout(0.4), BatchNorm()]
    for i, layer in enumerate(different):
        assert [layer == other for other in different].index(True) == i


def test_a_pickled_layer_holds_no_arrays():
    network = Network([Dense(1000)]).initialize(1000, random_state=0)
    assert len(pickle.dumps(network.layers[0])) < 1000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "units of Dense must be a whole number of at least 1, got 0"),
        (lambda: Dense(2.5), "units of Dense"),
        (lambda: Dense(True), "units of Dense"),
        (lambda: Dense(3, "rellu"), "did you mean 'relu'"),
        (lambda: Dense(3, trainable=1), "trainable of Dense must be True or False, got 1"),
        (lambda: Dense(3, lr_factor=-1), "lr_factor of Dense must be at least 0, got -1"),
        (lambda: Dense(3, lr_factor=np.nan), "lr_factor of Dense"),
        (
            lambda: Dense(3, bias_lr_factor=-1),
            "bias_lr_factor of Dense must be None or at least 0, got -1",
        ),
        (
            lambda: Dense(3, decay_factor=np.inf),
            "decay_factor of Dense must be None or at least 0, got inf",
        ),
        (lambda: Dropout(1.0), "rate of Dropout must be at least 0 and below 1, got 1.0"),
        (lambda: Dropout("0.5"), "rate of Dropout"),
        (lambda: BatchNorm(momentum=1), "momentum of BatchNorm must be at least 0 and below 1"),
        (lambda: BatchNorm(epsilon=0), "epsilon of BatchNorm must be above 0, got 0"),
        (lambda: BatchNorm(lr_factor=np.inf), "lr_factor of BatchNorm"),
        (lambda: BatchNorm(trainable=None), "trainable of BatchNorm"),
    ],
)
def test_wrong_configurations_get_one_sentence(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_incomplete_layer_says_what_is_missing():
    for call in (lambda: Layer().forward(None, None), lambda: Layer().backward(None, None)):
        with pytest.raises(TypeError, match="must define forward\\(X, ctx\\) and backward"):
            call()


class Scale(Layer):
    def __init__(self, trainable=True):
        self.trainable = trainable

    def parameters(self, n_inputs):
        return {
            "g": Parameter((n_inputs,), init="ones"),
            "M": Parameter((2, n_inputs), init="ones"),
        }

    def forward(self, X, ctx):
        ctx.X = X
        return X * self.g + self.M.sum(axis=0)

    def backward(self, dY, ctx):
        ctx.dg, ctx.dM = (dY * ctx.X).sum(axis=0), np.tile(dY.sum(axis=0), (2, 1))
        return dY * self.g


def test_a_users_own_layer(rng):
    network = Network([Dense(4, "tanh"), Scale(), Dense(3)]).initialize(5, random_state=0)
    assert network.layers[1].M.shape == (2, 4)
    assert np.shares_memory(network.layers[1].g, network.params)
    network.layers[1].g = rng.normal(size=4)
    X, T = rng.normal(size=(7, 5)), np.arange(7) % 3
    assert check_gradients(network, X, T).ok
    restored = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(restored.forward(X), network.forward(X))


class Noise(Layer):
    """Adds noise in training."""

    only_in_training = True
    differs_in_training = True

    def forward(self, X, ctx):
        return X + ctx.uniform(X.shape) if ctx.training else X

    def backward(self, dY, ctx):
        return dY


class Standardize(Layer):
    """Standardizes by the batch, as a batch normalization without parameters."""

    normalizes = True
    differs_in_training = True
    activation = activations.Relu()

    def __init__(self, lr_factor=1.0):
        self.lr_factor = lr_factor

    def forward(self, X, ctx):
        return self.activation((X - X.mean(axis=0)) / X.std(axis=0)) if ctx.training else X

    def backward(self, dY, ctx):
        return dY


class Density(Layer):
    """Takes the matrix as it comes: its number of stored entries, as one feature."""

    accepts_sparse = True

    def output_size(self, n_inputs):
        return 1

    def forward(self, X, ctx):
        return np.full((X.shape[0], 1), getattr(X, "nnz", -1.0))


class TestKindsOfAUsersOwnLayer:
    """What a layer says of its kind counts, whatever its class is."""

    def test_activations_are_looked_for_through_them(self):
        network = Network([Dense(4), Noise(), Standardize(), Noise(), Dense(3)])
        assert network.activation_above(0) == network.activation_below(4) == activations.Relu()
        assert Network([Dense(4), Scale(), Standardize()]).activation_above(0) == Identity()

    @pytest.mark.parametrize(("above", "drawn"), [(Noise(), True), (Standardize(), False)])
    def test_a_bias_below_what_normalizes_starts_at_zero(self, above, drawn):
        network = Network([Dense(4), above, Dense(3)]).initialize(5, random_state=0)
        assert network.layers[0].b.any() == drawn

    def test_initializers_see_what_the_batch_makes_normal_and_no_noise(self, rng):
        X = rng.normal(size=(200, 5))
        layers = [Noise(), Dense(4), Standardize(), Dense(3, init="lsuv")]
        network = Network(layers, "squared_error").initialize(5, random_state=0).adapt(X)
        Z = network.layers[1].forward(X, Context())
        Y = network.layers[2].forward(Z, Context(training=True)) @ network.layers[3].W
        np.testing.assert_allclose(Y.var(), 1, rtol=1e-6)

    @pytest.mark.parametrize(("layer", "stored"), [(Density(), 2.0), (Noise(), None)])
    def test_a_sparse_matrix_comes_to_those_that_take_one(self, layer, stored):
        X = sparse.csr_array(np.diag([1.0, 0.0, 2.0]))
        Y = Network([layer], "squared_error").initialize(3).forward(X)
        np.testing.assert_array_equal(Y, X.toarray() if stored is None else np.full((3, 1), stored))

    @pytest.mark.parametrize("layer", [Noise(), Standardize()])
    def test_lbfgs_refuses_what_differs_in_training(self, layer):
        model = minnet.MinNetClassifier(layers=[Dense(4, "tanh"), layer], solver="lbfgs")
        with pytest.raises(ValueError, match=f"for a network with {type(layer).__name__}"):
            model.fit(np.eye(4), [0, 1, 0, 1])

    def test_the_scale_of_what_normalizes_learns_at_the_rate_of_the_width(self):
        layers = mup([Dense(64), Standardize(), Noise(), Dense(3)], 16, optimizer="sgd")
        assert [layer.lr_factor for layer in layers] == [4.0, 4.0, 1.0, 0.25]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("epsilon", [1e-300, 1e-50, 1e-40, 1e-5])
@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm])
def test_rows_that_are_constant_whatever_epsilon_is(norm, epsilon, dtype):
    """A variance of 0 plus an epsilon that the dtype has no number for."""
    layers = [norm(epsilon=epsilon), Dense(2)]
    network = Network(layers).initialize(3, random_state=0, dtype=dtype)
    X, y = np.ones((4, 3)), np.arange(4) % 2
    loss = network.loss_and_grad(X, y)[0]
    assert np.isfinite(loss)
    assert np.isfinite(network.forward(X)).all()
    trained = []
    for backend in "numpy", "cython":
        copied = network.astype(dtype)
        trainer = Trainer(copied, SGD(0.01), batch_size=4, backend=backend)
        trainer.run_epoch(X, y)
        trained.append(copied.params)
    assert np.isfinite(trained[0][network.parameter_table[-1].slice]).all()
    np.testing.assert_allclose(*trained, rtol=1e-5)
