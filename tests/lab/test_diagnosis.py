"""Networks broken on purpose: the right cause comes first. Healthy ones: no alarm."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_moons,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network
from minnet.lab import diagnose
from minnet.lab.diagnosis.check import CHECKS
from minnet.layers import Layer, Parameter

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = DIGITS / 16
STANDARD = StandardScaler().fit_transform(DIGITS)
DATA = pytest.mark.parametrize(
    ("X", "seed"), [(DIGITS, 0), (STANDARD, 1)], ids=["pixels", "standardized"]
)


def deep(n_layers, activation, width=64, **options):
    return MinNetClassifier((width,) * n_layers, activation, **options)


BROKEN = {
    "vanishing_forward": [
        deep(12, "relu", init="glorot"),
        deep(10, "tanh", init="standard"),
        deep(6, "tanh", init={"name": "normal", "std": 0.01}),
        deep(2, "relu", init={"name": "normal", "std": 0.005}),
        deep(1, "tanh", init={"name": "normal", "std": 0.001}),
        deep(10, "selu", init={"name": "normal", "std": 0.05}),
    ],
    "exploding_forward": [
        deep(12, "relu", init={"name": "he_normal", "gain": 2.0}),
        deep(6, "relu", init={"name": "normal", "std": 1.0}),
        deep(10, "identity", init={"name": "glorot", "gain": 1.8}),
    ],
    "vanishing_backward": [
        deep(8, "logistic", init="glorot"),
        deep(6, "sigmoid", init="standard"),
    ],
    "exploding_backward": [
        deep(40, "tanh", width=100, init={"name": "glorot_normal", "gain": 2.0}),
        deep(30, "softsign", width=100, init={"name": "glorot", "gain": 3.0}),
    ],
    "saturated": [
        deep(4, "tanh", init={"name": "normal", "std": 3.0}),
        deep(3, "logistic", init={"name": "normal", "std": 10.0}),
        deep(1, "tanh", init={"name": "uniform", "low": -5.0, "high": 5.0}),
    ],
    "dead_units": [
        deep(3, "relu", bias_init={"name": "constant", "value": -5.0}),
        deep(1, "relu", bias_init=-100.0),
        deep(2, "relu", bias_init=[0.0, -50.0, 0.0]),
    ],
    "symmetric_units": [
        deep(3, "tanh", init="zeros"),
        deep(2, "relu", init={"name": "constant", "value": 0.05}, bias_init="zeros"),
        deep(1, "logistic", init=0.1, bias_init="zeros"),
    ],
    "learning_rate_too_high": [
        deep(2, "relu", solver="sgd", learning_rate_init=50.0),
        deep(4, "tanh", learning_rate_init=3.0),
        deep(1, "relu", solver="sgd", learning_rate_init=10.0, momentum=0.9),
    ],
    "learning_rate_too_low": [
        deep(2, "relu", solver="sgd", learning_rate_init=1e-7),
        deep(2, "tanh", learning_rate_init=1e-9),
    ],
    "initial_loss_too_high": [
        deep(2, "relu", init=["he", "he", {"name": "normal", "std": 10.0}]),
        deep(1, "tanh", bias_init=["zeros", {"name": "normal", "std": 20.0}]),
    ],
    "linear_network": [
        deep(1, "identity"),
        deep(3, "identity", batch_norm=True, dropout=0.1),
        MinNetClassifier(layers=[BatchNorm(), Dense(9, "identity"), Dropout(0.1)]),
    ],
}


@pytest.mark.parametrize(
    ("code", "model"),
    [(code, model) for code, models in BROKEN.items() for model in models],
    ids=lambda value: value if isinstance(value, str) else "",
)
@DATA
def test_what_is_broken_comes_first(code, model, X, seed):
    report = diagnose(model.set_params(random_state=seed), X[:200], DIGIT[:200])
    assert report.findings[0].code == code, str(report)


@pytest.mark.parametrize("scale", [50, 1e-5])
def test_inputs_that_are_not_scaled(scale):
    for model in (deep(2, "tanh"), deep(2, "relu"), deep(4, "logistic")):
        assert diagnose(model, STANDARD * scale, DIGIT).findings[0].code == "unscaled_inputs"


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_raw_tables_are_not_scaled(load):
    X, y = load(return_X_y=True)
    raw = MinNetClassifier(random_state=0)
    assert diagnose(raw, X, y).findings[0].code == "unscaled_inputs"
    assert diagnose(make_pipeline(StandardScaler(), raw), X, y).findings == []


def test_targets_that_are_not_scaled():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    raw = MinNetRegressor(random_state=0)
    assert diagnose(raw, X, y).findings[0].code == "unscaled_targets"
    assert diagnose(raw, X, (y - y.mean()) / y.std()).findings == []
    y = y / y.std()
    biased = MinNetRegressor(bias_init=["zeros", y.mean() + 5], random_state=0)
    assert diagnose(biased, X, y).findings[0].code == "initial_loss_too_high"
    biased.set_params(bias_init=["zeros", y.mean()])
    assert diagnose(biased, X, y).findings == []


def test_a_network_that_diverged():
    network = Network([Dense(8, "relu"), Dense(10)]).initialize(64, random_state=0)
    network.layers[1].W[0, 0] = np.nan
    findings = diagnose(network, DIGITS, DIGIT).findings
    assert [finding.code for finding in findings] == ["not_finite"]
    assert findings[0].layer == 1
    network.layers[1].W[:] = 1e300
    network.layers[0].W[:] = 1e300
    assert diagnose(network, DIGITS, DIGIT).findings[0].code == "not_finite"


class Affine(Layer):
    """A layer of one's own that keeps no gradient of its pre-activations."""

    fully_connected = True
    takes_activation = False

    def __init__(self, units, factor=1.0):
        self.units, self.factor = units, factor

    def output_size(self, n_inputs):
        return self.units

    def parameters(self, n_inputs):
        return {"W": Parameter((n_inputs, self.units), is_weight=True)}

    def forward(self, X, ctx):
        ctx.X = X
        ctx.Y = ctx.Z = X @ self.W
        return ctx.Y

    def backward(self, dY, ctx):
        dY = dY * self.factor
        ctx.dW = ctx.X.T @ dY
        return dY @ self.W.T


@pytest.mark.parametrize("factor", [1.0, np.nan, np.inf])
@pytest.mark.parametrize("first", [True, False])
def test_what_is_not_measured_is_not_beyond_all_numbers(first, factor):
    own, dense = Affine(12, factor), Dense(12, "relu")
    network = Network([own, dense, Dense(10)] if first else [dense, own, Dense(10)])
    report = diagnose(network.initialize(64, random_state=0), DIGITS, DIGIT)
    found = [finding.code for finding in report.findings]
    assert found == ([] if factor == 1 else ["not_finite"])
    own_row = 0 if first else 1
    assert report.measurement.measured("dZ").tolist() == [row != own_row for row in range(3)]
    assert report.measurement.measured("Z").all()


HEALTHY = [
    MinNetClassifier(),
    MinNetClassifier((256, 64), "tanh", solver="sgd", learning_rate_init=0.1),
    deep(20, "tanh", width=100),
    deep(30, "relu", width=200),
    deep(4, "logistic"),
    deep(5, "softsign"),
    deep(8, "selu", width=128),
    MinNetClassifier((512, 128, 32), "elu"),
    deep(6, "sigmoid", batch_norm=True),
    MinNetClassifier(
        layers=[Dense(64, "gelu"), Dropout(0.3), Dense(64, "silu"), BatchNorm("tanh")]
    ),
    deep(3, "leaky_relu", bias_init=0.1),
    deep(5, "tanh", init="orthogonal"),
    MinNetClassifier(layers=[Dense(64), Dense(32)]),
    MinNetClassifier(layers=[Dense(64), BatchNorm(), Dense(32), Dropout(0.1)]),
    MinNetClassifier(layers=[Dense(64), Dense(16, "identity"), Dense(64)]),  # a bottleneck
    MinNetClassifier(layers=[BatchNorm()]),
    MinNetClassifier(()),
    MinNetClassifier((), init="zeros"),  # no hidden layer: no symmetry to break
]


@pytest.mark.parametrize("model", HEALTHY, ids=str)
@DATA
def test_a_healthy_network_raises_no_alarm(model, X, seed):
    report = diagnose(model.set_params(random_state=seed), X[:300], DIGIT[:300])
    assert report.findings == [], str(report)
    assert not report
    assert "Nothing is wrong" in str(report)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.filterwarnings("ignore:.*converge")
def test_a_fitted_network_is_healthy(solver):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    clf = MinNetClassifier(solver=solver, max_iter=300, random_state=0, learning_rate_init=0.01)
    assert diagnose(clf.fit(X, y), X, y).findings == []


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [(100,) * 4, (100,) * 6, (10, 10, 10)])
@pytest.mark.filterwarnings("ignore:.*converge")
def test_networks_that_have_learned_raise_no_alarm(hidden):
    # Their gradients come from few samples, and their weights have grown.
    X, y = make_moons(400, noise=0.1, random_state=0)
    for seed in range(3):
        clf = MinNetClassifier(hidden, random_state=seed, tol=0, learning_rate_init=0.005)
        clf.set_params(n_iter_no_change=200).fit(X, y)
        assert clf.score(X, y) > 0.98
        report = diagnose(clf, X, y)
        assert report.findings == [], str(report)


def test_small_fresh_networks_raise_no_alarm():
    X, y = make_moons(400, noise=0.1, random_state=0)
    for seed in range(40):
        clf = MinNetClassifier((10, 10, 10), random_state=seed)
        assert diagnose(clf, X, y).findings == []


def test_a_dead_network_after_training():
    clf = MinNetClassifier((50,), max_iter=20, random_state=0)
    with pytest.warns(match="converged"):
        clf.fit(DIGITS, DIGIT)
    clf.intercepts_[0][:] = -1e3
    clf.coefs_[0][:] = np.minimum(clf.coefs_[0], 0)
    report = diagnose(clf, DIGITS, DIGIT)
    assert [finding.code for finding in report.findings] == ["other_rows"]  # or other weights
    assert "dead_units" in [finding.code for finding in report.remarks]


class TestReport:
    report = diagnose(deep(12, "relu", init="glorot", random_state=0), DIGITS, DIGIT)

    def test_sentences_have_the_figures(self):
        first = self.report.findings[0]
        assert first.figure < first.threshold == 1 / 25
        assert f"{self.report.measurement['Z', 'sd'][0]:.3g}" in first.sentence
        assert "he_normal" in first.advice
        assert " ".join(str(self.report).split()).startswith(f"1. {first.sentence}")
        assert bool(self.report)

    def test_findings_are_in_the_order_of_their_seriousness(self):
        codes = [list(CHECKS).index(finding.code) for finding in self.report.findings]
        assert codes == sorted(codes)

    def test_the_factor_of_a_layer_is_the_theorys(self):
        # Glorot's weights on rectifiers halve the variance: 0.707 of the sd a layer.
        factor = float(self.report.findings[0].sentence.split("a factor ")[1].split(" ")[0])
        assert factor == pytest.approx(0.5**0.5, abs=0.05)

    def test_the_layer_is_where_it_begins(self):
        init = ["he"] * 3 + [{"name": "normal", "std": 1e-6}] + ["he"] * 3
        report = diagnose(deep(6, "relu", init=init, random_state=0), STANDARD, DIGIT)
        assert report.findings[0].code == "vanishing_forward"
        assert report.findings[0].layer == 3

    def test_the_advice_helps(self):
        mended = deep(12, "relu", init="he_normal", random_state=0)
        assert diagnose(mended, STANDARD, DIGIT).findings == []

    def test_the_advised_learning_rate_raises_no_alarm(self):
        model = deep(2, "relu", solver="sgd", learning_rate_init=50.0, random_state=0)
        advised = diagnose(model, STANDARD, DIGIT).apply()
        assert diagnose(advised, STANDARD, DIGIT).findings == []


class TestInputs:
    def test_a_network_with_and_without_an_optimizer(self):
        network = Network([Dense(32, "tanh"), Dense(10)]).initialize(64, random_state=0)
        assert diagnose(network, STANDARD, DIGIT).findings == []
        for optimizer in (SGD(100.0), Adam(5.0)):
            report = diagnose(network, STANDARD, DIGIT, optimizer=optimizer)
            assert report.findings[0].code == "learning_rate_too_high"
        with pytest.raises(TypeError, match="optimizer"):
            diagnose(network, STANDARD, DIGIT, optimizer=0.1)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_both_precisions_and_sparse_input(self, dtype):
        X = DIGITS.astype(dtype)
        for data in (X, sparse.csr_matrix(X)):
            assert diagnose(MinNetClassifier(random_state=0), data, DIGIT).findings == []
            broken = deep(12, "relu", init="glorot", random_state=0)
            assert diagnose(broken, data, DIGIT).findings[0].code == "vanishing_forward"

    def test_two_classes_of_uneven_frequency_and_multilabel(self):
        y = np.zeros(len(DIGITS), dtype=int)
        y[:20] = 1
        assert diagnose(MinNetClassifier(random_state=0), STANDARD, y).findings == []
        many = np.eye(10, dtype=int)[DIGIT]
        assert diagnose(MinNetClassifier(random_state=0), STANDARD, many).findings == []

    def test_sample_weights_and_labels_of_any_kind(self):
        names = np.array([f"digit {d}" for d in DIGIT], dtype=object)
        weights = np.linspace(0, 5, len(DIGITS))
        clf = MinNetClassifier(random_state=0, class_weight="balanced")
        assert diagnose(clf, STANDARD, names, sample_weight=weights).findings == []

    def test_nothing_changes(self):
        clf = deep(2, "relu", random_state=0)
        diagnose(clf, STANDARD, DIGIT)
        assert not hasattr(clf, "network_")
        with pytest.warns(match="converged"):
            clf.set_params(max_iter=2).fit(STANDARD, DIGIT)
        before = clf.network_.params.copy()
        state = clf._optimizer.state.copy()
        diagnose(clf, STANDARD, DIGIT)
        np.testing.assert_array_equal(clf.network_.params, before)
        np.testing.assert_array_equal(clf._optimizer.state, state)

    def test_layers_of_a_user(self):
        class NoBias(Layer):
            def parameters(self, n_inputs):
                return {"W": Parameter((n_inputs, 20), is_weight=True)}

            def output_size(self, n_inputs):
                return 20

            def forward(self, X, ctx):
                ctx.X, ctx.Z = X, X @ self.W
                ctx.Y = ctx.Z
                return ctx.Y

            def backward(self, dY, ctx):
                ctx.dZ, ctx.dW = dY, ctx.X.T @ dY
                return dY @ self.W.T

        class Scale(Layer):
            def parameters(self, n_inputs):
                return {"W": Parameter((n_inputs,), init="ones")}

            def forward(self, X, ctx):
                ctx.X = X
                return X * self.W

            def backward(self, dY, ctx):
                ctx.dW = (dY * ctx.X).sum(axis=0)
                return dY * self.W

        for layers in ([NoBias(), Scale(), Dense(10)], [Scale()]):
            network = Network(layers).initialize(64, random_state=0)
            targets = DIGIT if len(layers) == 3 else np.arange(len(DIGITS)) % 64
            assert diagnose(network, DIGITS, targets).findings == []
        zeros = Network([NoBias(), Dense(10)], init="zeros").initialize(64, random_state=0)
        assert diagnose(zeros, DIGITS, DIGIT).findings[0].code == "symmetric_units"

    def test_sparse_inputs_are_judged_by_what_they_store(self):
        X = sparse.random(300, 2000, density=0.01, random_state=0, format="csr")
        y = np.arange(300) % 3
        clf = MinNetClassifier(random_state=0)
        assert diagnose(clf, X, y).findings == []
        for scale in (1e-6, 1e3):
            first = diagnose(clf, X * scale, y).findings[0]
            assert first.code == "unscaled_inputs"
            assert "MaxAbsScaler" in first.advice

    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
    def test_large_targets_of_every_loss(self, loss):
        reg = MinNetRegressor(loss, random_state=0)
        assert diagnose(reg, STANDARD, 1e3 * STANDARD[:, 20]).findings[0].code == "unscaled_targets"

    def test_rows_that_are_all_alike_tell_nothing_of_dead_units(self):
        clf = MinNetClassifier((20, 20), random_state=0)
        for X, y in ((STANDARD[:1], DIGIT[:1]), (np.repeat(STANDARD[:1], 50, axis=0), DIGIT[:50])):
            assert "dead_units" not in [f.code for f in diagnose(clf, X, y).findings]

    def test_bad_input(self):
        with pytest.raises(ValueError, match="y must be given"):
            diagnose(MinNetClassifier(), STANDARD, None)
        network = Network([Dense(10)]).initialize(64, random_state=0)
        with pytest.raises(ValueError, match="y must be given"):
            diagnose(network, STANDARD, None)
        with pytest.raises(TypeError, match="model"):
            diagnose("tanh", STANDARD, DIGIT)
