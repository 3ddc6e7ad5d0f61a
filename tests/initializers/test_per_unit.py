"""Initializers of each unit by data: standard deviation 1, and a zero inside the data."""

import warnings
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse, stats

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    Network,
    PiecewiseLinear,
    Residual,
)
from minnet.initializers import LSUV, FromArray, Hull, Initializer, UnitVariance
from minnet.layers import Context, Layer, Parameter

DTYPES = ["float64", "float32"]
BOTH = {"init": "unit_variance", "bias_init": "hull"}


@pytest.fixture
def X():
    """Columns of other scales, that depend on each other, have zeros, and one that is constant."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(300, 7)) @ rng.normal(size=(7, 7))) * 10.0 ** np.arange(-3, 4) + 1
    return np.column_stack([np.where(rng.random((300, 7)) < 0.3, 0, X), np.full(300, 1234.5)])


def made(layers, n_features, seed=0, dtype="float64", loss="squared_error", **given):
    return Network(layers, loss, **given).initialize(n_features, random_state=seed, dtype=dtype)


def pre_activations(net, X, weights=None):
    """Return X @ W and b of each Dense, in a pass where nothing is dropped."""
    p = None if weights is None else (weights / weights.sum())[:, None]
    Y, found, past = X.astype(net.dtype), [], []
    for layer in net.layers:
        if isinstance(layer, Dense):
            found.append((Y.astype("float64") @ layer.W.astype("float64"), layer.b))
        Y = layer.forward(Y, Context(layer.normalizes, weights=p, skips=past))
    return found


KNOTS = [np.linspace(-1, 1, 5), None, 3, [-100.0, 0.0, 50.0], None, 2, [0.0, 1.0], [0.0, 9.0]]
LAYERS = {
    "plain": lambda: [Dense(30, "silu"), Dense(20, "tanh"), Dense(3)],
    "dropout": lambda: [Dropout(), Dense(30, "relu"), Dropout(), Dense(1, "tanh"), Dense(3)],
    "normalized": lambda: [Dense(30), BatchNorm("relu"), Dense(20), LayerNorm("silu"), Dense(3)],
    "residual": lambda: [Dense(9), Residual([Dense(5, "relu"), Dense(9)]), Dense(3)],
    "pieces": lambda: [PiecewiseLinear(KNOTS), Dense(30, "silu"), Dropout(), Dense(3)],
    "deep": lambda: [Dense(20, "tanh") for _ in range(12)],
}
FORMS = {"dense": np.asarray, "fortran": np.asfortranarray, "csr": sparse.csr_matrix,
         "csc array": sparse.csc_array}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layers", LAYERS)
def test_each_unit_has_unit_variance_and_its_zero_inside_the_data(layers, form, weighted, dtype, X):
    weights = np.random.default_rng(1).integers(0, 4, len(X)) if weighted else None
    net = made(LAYERS[layers](), 8, dtype=dtype, **BOTH)
    assert net.adapt(FORMS[form](X), sample_weight=weights) is net
    tolerance = 1e-9 if dtype == "float64" else 1e-3
    for Z, b in pre_activations(net, X, weights):
        mean = np.average(Z, axis=0, weights=weights)
        variance = np.average((Z - mean) ** 2, axis=0, weights=weights)
        np.testing.assert_allclose(variance, 1, rtol=tolerance)
        seen = Z if weights is None else Z[weights > 0]
        assert (seen.min(axis=0) <= -b + tolerance).all()
        assert (seen.max(axis=0) >= -b - tolerance).all()
        assert len(b) == 1 or len(np.unique(b)) > 1


@pytest.mark.parametrize("layers", LAYERS)
def test_sample_weights_are_repeated_rows(layers, X):
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    one = made(LAYERS[layers](), 8, **BOTH).adapt(X, None, weights)
    other = made(LAYERS[layers](), 8, **BOTH).adapt(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(one.params, other.params, rtol=1e-6, atol=1e-9)
    scaled = made(LAYERS[layers](), 8, **BOTH).adapt(X, None, 1e-200 * weights)
    np.testing.assert_allclose(scaled.params, one.params, rtol=1e-6, atol=1e-9)


def test_weights_are_the_normal_draw_divided_unit_by_unit(X):
    net = made([Dense(30, "silu", init=UnitVariance(gain=2.0)), Dense(4)], 8)
    V = net.layers[0].W.copy()
    other = net.layers[1].W.copy()
    net.adapt(X)
    np.testing.assert_allclose(net.layers[0].W, 2 * V / (X @ V).std(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(net.layers[1].W, other)
    assert not net.layers[0].b.any() or not np.allclose((X @ V).std(axis=0), 2)


def test_law_of_the_weights_of_white_data():
    """Where the covariance is I, the weights of a unit are uniform on the sphere of radius 1."""
    d = 6
    X = np.concatenate([np.eye(d), -np.eye(d)]) * np.sqrt(d) + 5
    W = made([Dense(3000, init="unit_variance")], d).adapt(X).layers[0].W
    np.testing.assert_allclose((W**2).sum(axis=0), 1)
    assert stats.kstest(W[0] ** 2, stats.beta(0.5, (d - 1) / 2).cdf).pvalue > 1e-3
    assert abs(np.sign(W[0]).mean()) < 5 / np.sqrt(3000)


@pytest.mark.parametrize("n_points", [1, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_law_of_the_biases(n_points, weighted):
    """Against a straight simulation: minus a convex combination with normalized Exp(1) weights."""
    rng, n_units = np.random.default_rng(0), 3000
    x = rng.exponential(size=40)[:, None]
    weights = rng.integers(0, 4, 40) if weighted else None
    net = made([Dense(n_units, init="ones", bias_init=Hull(n_points))], 1).adapt(x, None, weights)
    z = x.ravel() if weights is None else np.repeat(x.ravel(), weights)
    share = rng.exponential(size=(n_points, n_units))
    expected = -(z[rng.integers(0, len(z), share.shape)] * share / share.sum(axis=0)).sum(axis=0)
    assert stats.ks_2samp(net.layers[0].b, expected).pvalue > 1e-3
    if n_points == 1:
        assert set(net.layers[0].b.round(12)) == set(-z.round(12))


def test_draws_follow_the_seed_and_the_layer(X):
    def biases(seed):
        net = made(
            [Dense(9, "relu"), Dense(9, "relu"), Dense(9)], 8, seed, init="eye", bias_init="hull"
        )
        return [layer.b.copy() for layer in net.adapt(np.abs(X)).layers]

    one, again, other = biases(0), biases(0), biases(1)
    np.testing.assert_array_equal(one, again)
    assert (np.array(one) != other).any(axis=1).all()


# Data that do not vary, and of extreme scales


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "make",
    [np.zeros_like, lambda X: X[:1], lambda X: np.tile(X[:1] + 1 / 3, (257, 1)), lambda X: 0 * X + 1e-320],
    ids=["zeros", "one row", "constant", "tiny"],
)  # fmt: skip
def test_data_that_do_not_vary(make, dtype, X):
    net = made([Dense(5, "tanh"), Dense(3)], 8, dtype=dtype, **BOTH)
    before = [layer.W.copy() for layer in net.layers]
    with pytest.warns(UserWarning, match="as it was drawn") as caught:
        net.adapt(make(X))
    said = [f"layers[{i}].W (Dense) stays as it was drawn: its inputs"[:51] for i in (0, 1)]
    # BLAS may give rows that are alike other last bits, which are all that Hull leaves of them: then the
    # second layer takes these for data.
    n_same = len(caught) if len(make(X)) == 257 else 2
    assert [str(w.message)[:51] for w in caught] == said[:n_same]
    assert all(w.filename == __file__ for w in caught)
    for layer, W in list(zip(net.layers, before, strict=True))[:n_same]:
        np.testing.assert_array_equal(layer.W, W)
    assert np.isfinite(net.params).all()
    if make is np.zeros_like:
        assert not net.layers[0].b.any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_very_large_and_small_data(scale, dtype, X):
    X = X[:, :3] / X[:, :3].std(axis=0) * scale
    net = made(LAYERS["plain"](), 3, dtype=dtype, **BOTH).adapt(X)
    for Z, _ in pre_activations(net, X):
        np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-4)


def test_a_constant_column_of_any_size_plays_no_part(X):
    X[:, -1] = 1e9
    net = made([Dense(5), Dense(3)], 8, dtype="float32", **BOTH).adapt(X)
    Z = X[:, :7].astype("float32").astype("float64") @ net.layers[0].W[:7].astype("float64")
    np.testing.assert_allclose(Z.std(axis=0), 1, rtol=1e-4)


# Which rows they see


class Recorder(Initializer):
    shown: ClassVar = []

    def draw(self, shape, stream, dtype, fans):
        return np.ones(shape)

    def adapt(self, network, layer_index, X, T, sample_weight):
        Recorder.shown = [X, T, sample_weight]


class OfTen(Recorder):
    n_rows = 10


class OfFive(Recorder):
    n_rows = 5


def rows_seen(initializers, n=1000, weights=None, seed=0):
    X = np.arange(float(n))[:, None]
    made([Dense(1, init=init) for init in initializers], 1, seed).adapt(X, X, weights)
    return Recorder.shown[1].ravel()


def test_an_initializer_says_how_many_rows_it_needs():
    seen = rows_seen([OfTen()])
    np.testing.assert_array_equal(seen // 100, np.arange(10))  # one of each stretch
    np.testing.assert_array_equal(rows_seen([OfTen()]), seen)
    assert (rows_seen([OfTen()], seed=1) != seen).any()
    assert len(rows_seen([OfFive(), OfTen()])) == len(rows_seen([OfTen(), OfFive()])) == 10
    for n in (1, 9, 10):
        np.testing.assert_array_equal(rows_seen([OfTen()], n), np.arange(n))
    for n in (11, 19):
        assert len(set(rows_seen([OfTen()], n))) == 10
    weights = np.arange(1000) % 2
    assert (rows_seen([OfTen()], weights=weights) % 2 == 1).all()
    both = rows_seen([OfTen(), LSUV()], 10_000), rows_seen([LSUV(), OfTen()], 10_000)
    np.testing.assert_array_equal(*both)
    assert len(both[0]) == 4096
    assert set(np.diff(both[0])) == {2, 3}  # evenly


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "all", True])
def test_a_wrong_number_of_rows_is_named(wrong):
    class Wrong(Recorder):
        n_rows = wrong

    with pytest.raises(
        ValueError, match="n_rows of Wrong must be a whole number of at least 1, got"
    ):
        rows_seen([Wrong()])


@pytest.mark.parametrize(
    "given", [BOTH, {"init": "he", "bias_init": "hull"}, {"init": "unit_variance"}]
)
def test_few_rows_go_through_the_layers(given, monkeypatch):
    lengths = set()

    def noting(forward):
        return lambda layer, X, ctx: lengths.add(len(X)) or forward(layer, X, ctx)

    for cls in (PiecewiseLinear, Dense):
        monkeypatch.setattr(cls, "forward", noting(cls.forward))
    X = np.random.default_rng(0).normal(size=(5000, 2))
    layers = [PiecewiseLinear([[-1.0, 0.0, 1.0], None]), Dense(5, "silu"), Dense(1)]
    net = made(layers, 2, **given).adapt(X)
    assert lengths == {1024}
    monkeypatch.undo()
    if "unit_variance" in given.values():  # what 1024 rows say of 5000
        assert abs(pre_activations(net, X)[0][0].std(axis=0) - 1).max() < 0.15


# Where they may stand


class Rescale(Layer):
    """A layer with a bias and no weight matrix."""

    def parameters(self, n_inputs):
        return {"b": Parameter((n_inputs,))}

    def forward(self, X, ctx):
        return X + self.b


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made([Dense(3, bias_init="unit_variance")], 8), "which makes weight matrices"),
        (lambda: made([Dense(3, init="hull")], 8), "Hull makes biases, as bias_init"),
        (lambda: made([Rescale()], 8, bias_init="hull").adapt(np.eye(8)),
         r"Hull needs a layer that computes X @ W .* layers\[0\] is Rescale\(\)"),
        (lambda: Hull(0), "n_points must be a whole number of at least 1, got 0"),
        (lambda: UnitVariance(gain=0), "gain must be a finite number above 0, got 0"),
    ],
)  # fmt: skip
def test_where_they_may_not_stand(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_beside_each_other_and_others(X):
    W = np.random.default_rng(0).normal(size=(8, 4))
    net = made([Dense(4, init=FromArray(W), bias_init="hull"), Dense(2, init="lsuv")], 8).adapt(X)
    np.testing.assert_array_equal(net.layers[0].W, W)
    assert net.layers[0].b.any()
    assert not net.layers[1].b.any()
    frozen = made([Dense(4, trainable=False), Dense(2)], 8, **BOTH).adapt(X)
    np.testing.assert_allclose((X @ frozen.layers[0].W).std(axis=0), 1)


@pytest.mark.parametrize("layers", [None, [PiecewiseLinear(KNOTS), Dense(9, "silu")]])
def test_estimators_adapt_before_they_train(layers, X):
    y = np.arange(300) % 3
    clf = MinNetClassifier(
        layers=layers, **BOTH, max_iter=1, random_state=0, solver="sgd", learning_rate_init=1e-300
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y)
    assert [type(init) for init in clf.init_] == [UnitVariance, UnitVariance]
    for Z, b in pre_activations(clf.network_, X):
        np.testing.assert_allclose(Z.std(axis=0), 1)
        assert b.any()
