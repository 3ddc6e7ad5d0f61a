"""Initializers that look at data: LSUV, the output prior, and how a network shows them data."""

import math
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network
from minnet.initializers import LSUV, FromArray, Initializer, OutputPrior
from minnet.layers import Layer, Parameter

DTYPES = ["float64", "float32"]


@pytest.fixture
def X():
    # Neither centred nor scaled, and columns that depend on each other.
    rng = np.random.default_rng(0)
    return 5 * rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12)) + 3


def made(layers, X, loss="squared_error", dtype="float64", **given):
    return Network(layers, loss, **given).initialize(X.shape[1], random_state=0, dtype=dtype)


def variances(net, X):
    """Return the variance of what each Dense layer makes, in a pass without dropout."""
    Y, found = net.check_X(X), []
    for layer in net.layers:
        if isinstance(layer, Dense):
            Z = Y @ layer.W + layer.b
            found.append(np.var(np.asarray(Z, "float64")))
            Y = layer.activation(Z)
        elif isinstance(layer, BatchNorm):
            Z = (Y - Y.mean(axis=0)) / np.sqrt(Y.var(axis=0) + layer.epsilon)
            Y = layer.activation(Z)
    return found


# LSUV


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "layers",
    [
        [Dense(30, "relu"), Dense(20, "tanh"), Dense(3)],
        [Dense(30, "relu"), Dropout(), Dense(1, "tanh"), Dropout(), Dense(3)],
        [Dense(30), BatchNorm("relu"), Dense(200, "sigmoid"), BatchNorm(), Dropout(), Dense(3)],
        [Dropout(), Dense(3)],
        [Dense(50, "tanh") for _ in range(20)],
    ],
    ids=["plain", "dropout", "batch_norm", "one", "deep"],
)
def test_lsuv_makes_every_variance_one(layers, X, dtype):
    net = made(layers, X, init="lsuv", dtype=dtype)
    before = variances(net, X)
    assert net.adapt(X) is net
    tolerance = 1e-10 if dtype == "float64" else 1e-4  # exact without biases
    np.testing.assert_allclose(variances(net, X), 1, rtol=tolerance)
    assert max(abs(np.log(before))) > 0.5
    for layer in net.layers:
        if isinstance(layer, Dense):  # still orthogonal: only scaled
            s = np.linalg.svd(layer.W.astype("float64"), compute_uv=False)
            np.testing.assert_allclose(s, s[0], rtol=1e-5)


def test_lsuv_with_batch_norm_is_as_in_training(X):
    layers = [Dense(30), BatchNorm("relu"), Dense(20), BatchNorm("relu"), Dense(3)]
    net = made(layers, X, init="lsuv").adapt(X)
    contexts = net.forward_training(X)[1]
    for i in (0, 2, 4):
        Z = X @ net.layers[0].W if i == 0 else contexts[i - 1].Y @ net.layers[i].W
        assert np.var(Z) == pytest.approx(1, rel=1e-10)
    assert not net.layers[1].running_mean.any(), "what training keeps has not begun"


def test_lsuv_is_the_algorithm_of_the_paper(X):
    # Mishkin & Matas, algorithm 1, written out.
    net = made([Dense(30, "relu"), Dense(20, "tanh"), Dense(3)], X, init="lsuv")
    Y, expected = X, []
    for layer in net.layers:
        W = layer.W.copy()
        for _ in range(10):
            variance = np.var(Y @ W)
            if abs(variance - 1.0) < 0.1:
                break
            W = W / np.sqrt(variance)
        expected.append(W)
        Y = layer.activation(Y @ W)
    net.adapt(X)
    for layer, W in zip(net.layers, expected, strict=True):
        np.testing.assert_allclose(layer.W, W, rtol=1e-10)


def test_lsuv_leaves_what_is_near_enough(X):
    X = X - X.mean(axis=0)
    net = made([Dense(12, init=LSUV(tol=0.5)), Dense(3)], X)
    before = net.params.copy()
    scale = np.std(X @ net.layers[0].W)
    np.testing.assert_array_equal(net.adapt(1.2 * X / scale).params, before)  # 1.44
    assert (net.adapt(1.3 * X / scale).params != before).any()  # 1.69


def test_lsuv_gain_and_given_biases(X):
    layers = [Dense(30, "relu", init=LSUV(tol=0.01, gain=2.0), bias_init="normal"), Dense(3)]
    net = made(layers, X).adapt(X)
    Z = X @ net.layers[0].W + net.layers[0].b
    assert np.var(Z) == pytest.approx(4, rel=0.01)
    b = np.linspace(-9, 9, 30)
    net = made([Dense(30, init=LSUV(tol=1e-3, max_iter=50, gain=8.0), bias_init=b)], X).adapt(X)
    assert np.var(X @ net.layers[0].W + b) == pytest.approx(64, rel=1e-3)
    np.testing.assert_array_equal(net.layers[0].b, b)


def test_lsuv_says_when_biases_vary_more(X):
    layers = [Dense(30, init=LSUV(max_iter=3), bias_init=np.linspace(-9, 9, 30))]
    with pytest.warns(
        UserWarning, match=r"layers\[0\]\.W \(Dense\) was scaled 3 times, .*is still"
    ):
        made(layers, X).adapt(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "make",
    [
        lambda X: np.zeros_like(X),
        lambda X: np.full_like(X, 1e-310),
        lambda X: X[:1],  # one row and one unit
        lambda X: np.tile(X[:1], (257, 1)),  # alike, but for what rounding makes of them
    ],
    ids=["zeros", "tiny", "one row", "constant"],
)
def test_lsuv_of_data_that_do_not_vary(make, X, dtype):
    X = make(X)
    net = made([Dense(1, init="lsuv"), Dense(3, init="zeros")], X, dtype=dtype)
    before = net.params.copy()
    match = r"layers\[0\]\.W \(Dense\) stays as it was drawn: the standard deviation"
    with pytest.warns(UserWarning, match=match):
        net.adapt(X)
    np.testing.assert_array_equal(net.params, before)


def test_lsuv_above_dead_units(X):
    layers = [Dense(4, "relu", init="zeros"), Dense(3, init="lsuv")]
    with pytest.warns(UserWarning, match=r"layers\[1\]\.W \(Dense\) stays as it was drawn"):
        assert np.isfinite(made(layers, X).adapt(X).params).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_lsuv_of_very_large_and_small_data(X, dtype):
    for scale in (1e30, 1e-30):
        net = made([Dense(30, "tanh"), Dense(3)], X, init="lsuv", dtype=dtype)
        net.adapt(scale * X)
        np.testing.assert_allclose(variances(net, scale * X), 1, rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, list, np.asfortranarray])
def test_lsuv_of_other_forms_of_data(form, X, dtype):
    X = np.where(np.abs(X) < 10, 0, X)
    layers = [Dense(30, "relu"), Dense(3)]
    net = made(layers, X, init="lsuv", dtype=dtype).adapt(X)
    other = made(layers, X, init="lsuv", dtype=dtype).adapt(form(X))
    np.testing.assert_allclose(other.params, net.params, rtol=1e-4 if dtype == "float32" else 1e-11)
    first = made([BatchNorm(), Dense(3)], X, init="lsuv").adapt(form(X))
    assert variances(first, X)[0] == pytest.approx(1)


def test_sample_weights_are_repeated_rows(X):
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    T = X[:, :2] - X[:, 2:4]
    layers = [Dense(30), BatchNorm("relu"), Dense(20, "tanh"), Dense(2)]
    given = {"init": "lsuv", "bias_init": "output_prior"}
    weighted = made(layers, X, **given).adapt(X, T, weights)
    repeated = made(layers, X, **given).adapt(np.repeat(X, weights, 0), np.repeat(T, weights, 0))
    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-9)
    scaled = made(layers, X, **given).adapt(X, T, 5.0 * weights)
    np.testing.assert_allclose(scaled.params, weighted.params, rtol=1e-9)


# Output prior

# Shapeset-3x2: three classes of 1/6, three of 1/9, three of 1/18.
SHAPESET = np.repeat(np.arange(9), [3, 3, 3, 2, 2, 2, 1, 1, 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_first_loss_is_the_entropy_of_the_classes(dtype):
    X = np.random.default_rng(0).normal(size=(18, 5))
    layers = [Dense(30, "relu"), Dense(9, init="zeros")]
    net = made(layers, X, "log_loss", dtype, bias_init="output_prior").adapt(X, SHAPESET)
    entropy = math.log(6) / 2 + math.log(9) / 3 + math.log(18) / 6
    assert entropy == pytest.approx(2.110, abs=5e-4)
    tolerance = 1e-14 if dtype == "float64" else 1e-6
    assert net.objective(X, SHAPESET) == pytest.approx(entropy, rel=tolerance)
    assert not net.layers[0].b.any()
    # No step of the biases can make it better: their gradient is 0.
    grads = net.views(net.loss_and_grad(X, SHAPESET)[1])
    assert abs(grads[1]["b"]).max() < 1e-7


T01 = np.array([0.0, 1, 1, 1, 0, 1])
S = np.array([1.0, 2, 0, 1, 1, 3])


@pytest.mark.parametrize(
    ("loss", "T", "expected"),
    [
        ("log_loss", T01, [math.log(6 / 2)]),
        ("sigmoid_cross_entropy", np.stack([T01, 1 - T01], 1), [math.log(3), -math.log(3)]),
        ("squared_error", np.stack([T01, 5 * T01 - 2], 1), [6 / 8, 5 * 6 / 8 - 2]),
        ("absolute_error", T01, [6 / 8]),
        ("poisson", 4 * T01, [math.log(3)]),
    ],
)
def test_output_prior_of_each_link(loss, T, expected):
    X = np.eye(6)
    layers = [Dense(4, "tanh"), Dense(len(expected), init="zeros")]
    net = made(layers, X, loss, bias_init="output_prior").adapt(X, T, S)
    np.testing.assert_allclose(net.layers[1].b, expected, rtol=1e-12)
    mean = S @ np.reshape(T, (6, -1)) / S.sum()
    np.testing.assert_allclose(net.predict(X), np.tile(mean, (6, 1)), rtol=1e-12)


def test_output_prior_of_classes_that_do_not_occur():
    X = np.eye(6)
    layers = [Dense(4, init="zeros", bias_init="output_prior")]
    net = made(layers, X, "softmax_cross_entropy").adapt(X, [0, 0, 2, 2, 2, 2])
    shares = np.array([2 / 6, 1 / 12, 4 / 6, 1 / 12])  # half a sample of six
    np.testing.assert_allclose(net.predict(X)[0], shares / shares.sum())
    # A row of weight 0 is none.
    net.adapt(X, [0, 0, 2, 2, 1, 3], [1, 1, 1, 1, 0, 0])
    shares = np.array([1 / 2, 1 / 8, 1 / 2, 1 / 8])
    np.testing.assert_allclose(net.predict(X)[0], shares / shares.sum())


@pytest.mark.parametrize(
    ("loss", "target", "expected"),
    [("log_loss", 0.0, 1 / 12), ("log_loss", 1.0, 11 / 12), ("poisson", 0.0, 1 / 12)],
)
def test_output_prior_of_a_target_that_is_always_the_same(loss, target, expected):
    X = np.eye(6)
    net = made([Dense(1, init="zeros", bias_init="output_prior")], X, loss)
    np.testing.assert_allclose(net.adapt(X, np.full(6, target)).predict(X), expected)


def test_output_prior_needs_targets_and_a_linear_output(X):
    net = made([Dense(4, "tanh"), Dense(2)], X, bias_init="output_prior")
    before = net.params.copy()
    with pytest.raises(ValueError, match="T must be given for OutputPrior"):
        net.adapt(X)
    np.testing.assert_array_equal(net.params, before)
    net = made([Dense(2, "tanh")], X, bias_init="output_prior")
    with pytest.raises(ValueError, match=r"needs an output layer without an activation.*Tanh\(\)"):
        net.adapt(X, X[:, :2])


def test_output_prior_is_for_biases(X):
    match = r"layers\[0\]\.W .*OutputPrior makes biases.*got \(12, 2\)"
    with pytest.raises(ValueError, match=match):
        made([Dense(2, init="output_prior")], X)
    assert not OutputPrior()((5,), rng=0).any()


# How a network shows data


class Recorder(Initializer):
    """Keeps what it was shown: in a test only, since an initializer holds no data."""

    shown = []  # noqa: RUF012

    def __init__(self, name="", fail=False):
        self.name = name
        self.fail = fail

    def draw(self, shape, stream, dtype, fans):
        return np.full(shape, 0.5)

    def adapt(self, network, layer_index, X, T, sample_weight):
        Recorder.shown.append((self.name, layer_index, X, T, sample_weight))
        network.layers[layer_index].W *= 2
        if self.fail:
            network.layers[layer_index].W[0, 0] = np.nan


class Blind(Recorder):
    needs_X = False


@pytest.fixture(autouse=True)
def _nothing_shown():
    Recorder.shown.clear()


def test_adapt_is_in_the_order_of_the_layers(X):
    layers = [
        Dense(3, "relu", init=Recorder("a")),
        Dropout(),
        Dense(2, init=Blind("b")),
        Dense(1, init=Recorder("c")),
    ]
    T = np.arange(300.0)[:, np.newaxis]
    s = np.arange(300.0) % 3
    made(layers, X).adapt(X, T, s)
    assert [(name, i) for name, i, *_ in Recorder.shown] == [("a", 0), ("b", 2), ("c", 3)]
    used = s > 0
    first, blind, last = (entry[2:] for entry in Recorder.shown)
    np.testing.assert_array_equal(first[0], X[used])
    np.testing.assert_array_equal(first[1], T[used])
    np.testing.assert_array_equal(first[2], s[used])
    assert blind[0] is None
    np.testing.assert_array_equal(blind[1], T)
    np.testing.assert_array_equal(blind[2], s)
    # What comes into the last layer comes through the others as they are after their turn.
    H = np.maximum(X[used] @ np.ones((12, 3)), 0) @ np.ones((3, 2))
    np.testing.assert_allclose(last[0], H)


def test_adapt_shows_at_most_4096_rows_evenly():
    X = np.arange(10_000.0)[:, np.newaxis]
    made([Dense(1, init=Recorder())], X).adapt(X, X)
    seen, T = Recorder.shown[0][2:4]
    assert len(seen) == 4096
    np.testing.assert_array_equal(seen, T)
    assert set(np.diff(seen.ravel())) == {2, 3}
    assert seen[0] == 0
    assert seen[-1] > 9_990


def test_adapt_asks_one_initializer_of_a_layer_once(X):
    shared = Recorder()
    made([Dense(2, init=shared, bias_init=shared), Dense(2, init=shared)], X).adapt(X)
    assert [i for _, i, *_ in Recorder.shown] == [0, 1]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (lambda X: (X[:, :3],), r"X must have shape \(n_samples, 12\), got \(300, 3\)"),
        (lambda X: (X[:0],), "X must have at least one row, got none"),
        (lambda X: (np.where(X > 9, np.nan, X),), "X must be finite, got NaN or infinity"),
        (lambda X: (X, X[:, :3]), r"T must have shape \(300, 2\)"),
        (lambda X: (X, None, X[:, 0]), "sample_weight must be finite and at least 0"),
        (lambda X: (X, None, 0 * X[:, 0]), "sample_weight must not be all zero"),
    ],
)
def test_adapt_checks_what_it_is_given(args, message, X):
    net = made([Dense(3, init="lsuv"), Dense(2)], X)
    before = net.params.copy()
    with pytest.raises(ValueError, match=f"^{message}"):
        net.adapt(*args(X))
    np.testing.assert_array_equal(net.params, before)


def test_adapt_that_fails_changes_nothing(X):
    layers = [Dense(3, "tanh", init="lsuv"), Dense(3, init=Recorder(fail=True)), Dense(2)]
    net = made(layers, X)
    before = net.params.copy()
    match = r"layers\[1\]\.W must be finite after it was adapted.*Recorder"
    with pytest.raises(ValueError, match=match):
        net.adapt(X)
    np.testing.assert_array_equal(net.params, before)


def test_adapt_comes_after_initialize(X):
    with pytest.raises(ValueError, match=r"call initialize\(n_features\) first"):
        Network([Dense(3, init="lsuv")], "squared_error").adapt(X)
    net = made([Dense(3), Dense(2)], X)
    before = net.params.copy()
    assert net.adapt(X) is net
    np.testing.assert_array_equal(net.params, before)


class Plain(Layer):
    """A layer with weights and no bias."""

    def output_size(self, n_inputs):
        return 4

    def parameters(self, n_inputs):
        return {"W": Parameter((n_inputs, 4), is_weight=True)}

    def forward(self, X, ctx):
        return X @ self.W


def test_lsuv_on_a_layer_of_ones_own(X):
    net = made([Plain(), Dense(2)], X, init="lsuv").adapt(X)
    assert np.var(X @ net.layers[0].W) == pytest.approx(1)


def test_arrays_stay_as_they_are(X):
    W = np.random.default_rng(0).normal(size=(12, 3))
    net = made([Dense(3, init=FromArray(W)), Dense(2, init="lsuv")], X).adapt(X)
    np.testing.assert_array_equal(net.layers[0].W, W)
    assert net.init_["layers[0].W"] == FromArray(W)
    assert net.init_["layers[1].W"] == LSUV()


# Estimators


def fit(X, y, cls=MinNetClassifier, sample_weight=None, **given):
    once = {"max_iter": 1, "tol": 1, "n_iter_no_change": 1, "random_state": 0}
    model = cls(hidden_layer_sizes=(20, 10), **{**once, **given})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y, sample_weight)


STILL = {"learning_rate_init": 1e-300, "solver": "sgd"}  # no step changes anything


def test_estimators_adapt_before_they_train(X):
    y = np.repeat(["a", "b", "c"], [200, 90, 10])
    clf = fit(X, y, init="lsuv", bias_init="output_prior", **STILL)
    np.testing.assert_allclose(variances(clf.network_, X)[:2], 1, rtol=1e-10)
    np.testing.assert_allclose(np.exp(clf.intercepts_[-1]), [2 / 3, 0.3, 1 / 30])
    assert clf.init_ == [LSUV()] * 3
    prior = fit(X, y, alpha=0, init=["he", "he", "zeros"], bias_init=OutputPrior(), **STILL)
    share = np.array([2 / 3, 0.3, 1 / 30])
    assert prior.loss_curve_[0] == pytest.approx(-share @ np.log(share))
    given = {"init": "zeros", "bias_init": "output_prior", "solver": "lbfgs"}
    reg = fit(X, 100 + X[:, 0], MinNetRegressor, **given)
    assert reg.predict(X).mean() == pytest.approx(100 + X[:, 0].mean(), rel=0.01)


def test_a_weighted_fit_adapts_to_the_weights(X):
    y = np.repeat([0, 1], [200, 100])
    weights = np.where(y == 1, 2.0, 0.5)
    clf = fit(X, y, sample_weight=weights, bias_init="output_prior", **STILL)
    assert clf.intercepts_[-1][0] == pytest.approx(math.log(200 / 100))


def test_partial_fit_adapts_the_first_time_only(X):
    y = np.repeat([0, 1], [200, 100])
    clf = MinNetClassifier(
        hidden_layer_sizes=(5,), bias_init="output_prior", random_state=0, **STILL
    )
    clf.partial_fit(X, y, classes=[0, 1, 2])
    start = clf.intercepts_[-1].copy()
    shares = np.array([2 / 3, 1 / 3, 1 / 600])
    np.testing.assert_allclose(np.exp(start), shares / shares.sum())
    clf.partial_fit(X[:10], y[:10])
    np.testing.assert_array_equal(clf.intercepts_[-1], start)
    clf.set_params(warm_start=True, max_iter=1, tol=1, n_iter_no_change=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(np.concatenate([X, X]), np.concatenate([y, 2 - y]))
    np.testing.assert_array_equal(clf.intercepts_[-1], start)


def test_the_same_seed_gives_the_same_bits(X):
    y = np.arange(300) % 3
    given = {"init": "lsuv", "bias_init": "output_prior", "solver": "sgd"}
    one, two = (fit(X, y, **given).network_.params for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_a_deep_network_fits_from_lsuv(X):
    y = (X[:, 0] > X[:, 1]).astype(int)
    clf = MinNetClassifier((30,) * 10, "tanh", init="lsuv", max_iter=30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    assert clf.score(X, y) > 0.9
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict(X), clf.predict(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSUV(tol=0), "tol must be a finite number above 0, got 0"),
        (lambda: LSUV(max_iter=0), "max_iter must be a whole number of at least 1, got 0"),
        (lambda: LSUV(gain="auto"), "gain must be a finite number above 0, got 'auto'"),
        (
            lambda: LSUV()((5,)),
            r"shape must be \(fan_in, fan_out\) for Orthogonal",
        ),
    ],
)
def test_bad_configuration(make, message):
    with pytest.raises(ValueError, match=message):
        make()
