"""Findings name the cause, and the advice mends it: networks broken in less common ways."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_friedman1
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from minnet import Dense, MinNetClassifier, MinNetRegressor, Network
from minnet.lab import diagnose, probe

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = StandardScaler().fit_transform(DIGITS)
X, Y = make_friedman1(400, random_state=3)
X = StandardScaler().fit_transform(X)
SCALED = (Y - Y.mean()) / Y.std()  # Y itself has a mean of 14, a standard deviation of 5


def classifier(n_layers, activation, width=64, **options):
    return MinNetClassifier((width,) * n_layers, activation, random_state=0, **options)


def regressor(n_layers, activation="relu", width=40, **options):
    hidden = (width,) * n_layers
    return MinNetRegressor(
        hidden_layer_sizes=hidden, activation=activation, random_state=0, **options
    )


def codes(report):
    return [finding.code for finding in report.findings]


# ---- regressors, pipelines, and other ways to break them


@pytest.mark.parametrize(
    ("code", "model"),
    [
        ("vanishing_forward", regressor(10, "softsign", init="standard", bias_init="zeros")),
        ("exploding_forward", regressor(10, "elu", init={"name": "normal", "std": 0.6})),
        ("saturated", regressor(1, "tanh", init=[{"name": "normal", "std": 10.0}, "glorot"])),
        ("saturated", regressor(2, "logistic", bias_init=30.0)),
        ("dead_units", regressor(3, bias_init=[0.0, -20.0, 0.0, 0.0])),
        ("symmetric_units", regressor(2, "softsign", init="ones", bias_init="zeros")),
        ("exploding_backward", regressor(30, "tanh", init={"name": "orthogonal", "gain": 2.5})),
        ("vanishing_backward", regressor(10, "logistic", init="glorot")),
        ("learning_rate_too_high", regressor(2, learning_rate_init=3.0)),
        ("learning_rate_too_low", regressor(2, solver="sgd", learning_rate_init=1e-8)),
        ("initial_loss_too_high", regressor(1, init=["he", {"name": "normal", "std": 5.0}])),
        ("initial_loss_too_high", regressor(1, bias_init=["zeros", 9.0])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_regressors(code, model):
    assert codes(diagnose(model, X, SCALED))[0] == code


def test_a_pipeline_that_spoils_the_scale():
    model = make_pipeline(StandardScaler(), PolynomialFeatures(5), classifier(1, "relu"))
    X, y = load_diabetes(return_X_y=True)
    assert codes(diagnose(model, X, y > 140))[0] == "unscaled_inputs"


def test_an_offset_of_the_targets_is_their_scale():
    first = diagnose(regressor(1), X, Y).findings[0]
    assert first.code == "unscaled_targets"
    assert first.advice == "Set scale_targets=True."
    for mended in ({"scale_targets": True}, {"bias_init": ["zeros", Y.mean()]}):
        assert not diagnose(regressor(1, **mended), X, Y), mended


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_outputs_far_from_the_targets_by_any_loss(loss):
    model = regressor(1, loss=loss, init=["he", {"name": "normal", "std": 20.0}])
    assert codes(diagnose(model, X, SCALED)) == ["initial_loss_too_high"]
    assert not diagnose(regressor(1, loss=loss), X, SCALED)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("activation", ["selu", "relu", "elu"])
def test_outputs_of_fresh_regressors_raise_no_alarm(activation, seed):
    """Random output weights give answers that stray, by twice the targets' deviation at times."""
    model = regressor(2, activation, width=100).set_params(random_state=seed)
    assert not diagnose(model, X, SCALED)


def test_counts():
    counts = np.random.default_rng(0).poisson(np.exp(SCALED))
    assert not diagnose(regressor(1, loss="poisson"), X, counts)
    broken = regressor(1, loss="poisson", init=["he", {"name": "normal", "std": 2.0}])
    assert codes(diagnose(broken, X, counts)) == ["initial_loss_too_high"]
    fitted = regressor(1, loss="poisson", max_iter=100).fit(X, counts)
    assert not diagnose(fitted, X, counts)


def test_signals_that_explode_are_not_the_targets_fault():
    exploding = regressor(12, init={"name": "he", "gain": 2.0})
    assert "unscaled_targets" not in codes(diagnose(exploding, X, SCALED))


# ---- training that went wrong


def test_training_at_far_too_high_a_rate():
    """Weights of 1e20 and dead units follow from it: not symmetric, and the rate was not too low."""
    given = {
        "momentum": 0.0,
        "learning_rate_init": 5.0,
        "max_iter": 20,
        "init": ["glorot", "he", "glorot"],
    }
    model = classifier(2, "relu", solver="sgd", **given)
    report = diagnose(model.fit(DIGITS, DIGIT), DIGITS, DIGIT)
    assert codes(report)[0] == "learning_rate_too_high"
    assert not {"symmetric_units", "learning_rate_too_low"} & set(codes(report))
    assert "dead_units" in [remark.code for remark in report.remarks]
    assert report.apply().fit(DIGITS, DIGIT).score(DIGITS, DIGIT) > 0.9


def test_units_of_very_different_size_are_no_twins():
    init = np.random.default_rng(0).normal(size=(64, 20)) * np.geomspace(1e-6, 1, 20)
    model = MinNetClassifier((20,), "tanh", init=[init, "zeros"], random_state=0)
    assert not diagnose(model, DIGITS, DIGIT)
    twins = np.repeat(init[:, ::2], 2, axis=1)
    model.set_params(init=[twins, "zeros"], bias_init="zeros")
    assert codes(diagnose(model, DIGITS, DIGIT)) == ["symmetric_units"]


def test_clipping_that_stops_training_is_named():
    model = classifier(1, "relu", solver="sgd", clip_norm=1e-9)
    finding = diagnose(model, DIGITS, DIGIT).findings[0]
    assert finding.code == "clipped"
    assert "clip_norm" in finding.advice
    assert not diagnose(model.set_params(clip_norm=1.0), DIGITS, DIGIT)


@pytest.mark.slow
def test_small_weights_do_not_make_a_rate_too_high():
    """Batch normalization takes any size, and weights near 0 grow in the first step."""
    model = classifier(8, "tanh", batch_norm=True, init={"name": "normal", "std": 0.001})
    assert not diagnose(model, DIGITS, DIGIT)
    model = classifier(8, "tanh", batch_norm=True, learning_rate_init=2.0)
    assert codes(diagnose(model, DIGITS, DIGIT)) == ["learning_rate_too_high"]


# ---- advice


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_advised_higher_rate_trains(solver):
    model = classifier(2, "tanh", solver=solver, learning_rate_init=1e-9, max_iter=30)
    mended = diagnose(model, DIGITS, DIGIT).apply()
    assert not diagnose(mended, DIGITS, DIGIT)
    assert mended.fit(DIGITS, DIGIT).score(DIGITS, DIGIT) > 0.9


def test_biases_that_saturate_are_named():
    model = classifier(2, "logistic", bias_init=30.0)
    finding = diagnose(model, DIGITS, DIGIT).findings[0]
    assert finding.code == "saturated"
    assert "bias_init" in finding.advice
    assert 'init="glorot"' not in finding.advice
    assert not diagnose(model.set_params(bias_init="zeros"), DIGITS, DIGIT)


def test_inputs_that_are_large_are_not_said_to_explode_by_depth():
    report = diagnose(classifier(2, "relu"), 5000 * DIGITS, DIGIT)
    assert codes(report)[:2] == ["unscaled_inputs", "exploding_forward"]
    second = report.findings[1]
    assert "explode" not in second.sentence
    assert f"{second.figure:.3g}" in second.sentence
    assert "StandardScaler" in second.advice


@pytest.mark.parametrize(
    ("code", "model"),
    [
        ("vanishing_forward", classifier(12, "relu", init="glorot")),
        ("vanishing_forward", classifier(10, "tanh", init="standard")),
        ("exploding_forward", classifier(12, "relu", init={"name": "he", "gain": 2.0})),
        ("exploding_forward", classifier(20, "identity", init="he_normal")),
        pytest.param(
            "exploding_backward", classifier(30, "selu", init="he_normal"), marks=pytest.mark.slow
        ),
        ("exploding_forward", classifier(10, "identity", init={"name": "glorot", "gain": 1.8})),
        ("exploding_backward", classifier(30, "tanh", init={"name": "orthogonal", "gain": 2.5})),
        pytest.param("vanishing_backward", classifier(30, "silu"), marks=pytest.mark.slow),
        pytest.param(
            "vanishing_backward",
            classifier(30, "softplus", init="he_normal"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value)[-60:],
)
def test_the_advice_is_something_else_than_what_is_there(code, model):
    finding = next(f for f in diagnose(model, DIGITS, DIGIT).findings if f.code == code)
    for name, value in finding.remedy.changes.items():
        assert name == "hidden_layers" or getattr(model, name) != value
    assert code not in codes(diagnose(finding.remedy.apply(model), DIGITS, DIGIT))


def test_a_network_without_activations_is_mended_by_one():
    net = Network([Dense(64), Dense(64), Dense(1)], "squared_error").initialize(X.shape[1], 0)
    assert codes(diagnose(net, X, SCALED[:, np.newaxis])) == ["linear_network"]
    product = X[:, 0] * X[:, 1]
    linear = regressor(2, "identity", learning_rate_init=0.01)
    finding = diagnose(linear, X, product).findings[0]
    assert (finding.code, finding.layer, finding.figure) == ("linear_network", 0, 3)
    mended = clone(linear).set_params(
        activation=finding.advice.split('activation="')[1].split('"')[0]
    )
    assert not diagnose(mended, X, product)
    assert linear.fit(X, product).score(X, product) < 0.1
    assert mended.fit(X, product).score(X, product) > 0.9


# ---- inputs


@pytest.mark.parametrize(("mean", "sd"), [(3.0, 0.1), (4.0, 0.01), (-1.0, 0.02)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_inputs_far_from_0_beside_their_spread(mean, sd, activation):
    A = np.random.default_rng(0).normal(mean, sd, size=(400, 20))
    first = diagnose(classifier(3, activation), A, np.arange(400) % 2).findings[0]
    assert first.code == "unscaled_inputs"
    assert first.figure == pytest.approx(abs(mean) / sd, rel=0.02)
    assert "StandardScaler" in first.advice
    piped = make_pipeline(StandardScaler(), classifier(3, activation))
    assert not diagnose(piped, A, np.arange(400) % 2)


def test_constant_columns_and_positive_inputs_are_no_alarm():
    raw, digit = load_digits(return_X_y=True)
    with_ones = np.c_[raw / 16, np.full(len(raw), 4.0)]
    assert not diagnose(classifier(2, "relu"), with_ones, digit)


def test_rows_that_are_all_alike():
    report = diagnose(classifier(2, "relu"), np.ones((50, 5)), np.arange(50) % 2)
    assert codes(report) == ["rows_alike"]


# ---- a batch smaller than a mini-batch


@pytest.mark.filterwarnings("error")
def test_a_small_batch_is_no_reason_for_a_warning():
    model = classifier(1, "relu", batch_size=500)
    assert not diagnose(model, DIGITS[:300], DIGIT[:300])
    assert probe(model, DIGITS[:300], DIGIT[:300])["update_ratio"].min() > 0


# ---- too narrow


@pytest.mark.parametrize("fitted", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("sizes", [(32, 1, 32), (2,)], ids=str)
def test_a_layer_too_narrow_for_what_it_has_to_tell(sizes, fitted):
    rows = DIGITS[:600], DIGIT[:600]
    model = MinNetClassifier(sizes, learning_rate_init=0.005, max_iter=40, random_state=0)
    before = clone(model).fit(*rows).score(*rows)
    report = diagnose(model.fit(*rows) if fitted else model, *rows)
    first = [*report.findings, *report.remarks][0]
    assert first.code == "bottleneck", str(report)
    assert first.layer == sizes.index(min(sizes))
    mended = first.remedy.apply(model)
    assert mended.hidden_layer_sizes == ((32, 32, 32) if len(sizes) > 1 else (100,))
    assert mended.fit(*rows).score(*rows) > 0.97 > 0.8 > before


def test_narrow_layers_that_tell_enough_raise_no_alarm():
    wide_enough = MinNetClassifier((32, 4, 32), learning_rate_init=0.01, random_state=0)
    assert not diagnose(wide_enough, DIGITS[:600], DIGIT[:600])
    line = X @ np.array([1.0, -1.0, 0.5, 0, 0, 0, 0, 0, 0, 0])
    of_one = regressor(1, "identity", width=1, learning_rate_init=0.01)
    assert "bottleneck" not in codes(diagnose(of_one, X, line))
