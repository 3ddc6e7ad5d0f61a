"""Steps of training that are too large, too small or too few: the advice, applied, trains the network."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_friedman1
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import (
    SGD,
    Adam,
    AdamW,
    Dense,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    RMSProp,
    Trainer,
)
from minnet.lab import diagnose, hessian
from minnet.lab.diagnosis.case import Case
from minnet.optimizers import Cosine, StepDecay, WarmUp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = StandardScaler().fit_transform(DIGITS)
X, Y = make_friedman1(400, random_state=3)
X = StandardScaler().fit_transform(X)
Y = (Y - Y.mean()) / Y.std()


def classifier(hidden=(64, 64), activation="relu", **options):
    options = {"max_iter": 30, "random_state": 0} | options
    return MinNetClassifier(hidden, activation, **options)


def regressor(hidden=(40, 40), **options):
    options = {"max_iter": 60, "random_state": 0} | options
    return MinNetRegressor(hidden_layer_sizes=hidden, **options)


def data_of(model):
    return (X, Y) if isinstance(model, MinNetRegressor) else (DIGITS, DIGIT)


def codes(report):
    return [finding.code for finding in report.findings]


def score(model, *data):
    """Return the score of a fit; minus infinity where it diverged."""
    try:
        return model.fit(*data).score(*data)
    except ValueError:
        return -np.inf


# ---- too large


TOO_LARGE = [
    classifier(solver="sgd", learning_rate_init=5.0),
    classifier(activation="tanh", learning_rate_init=1.0),
    classifier(solver=SGD(20.0)),
    regressor(learning_rate_init=3.0),
    regressor(solver="sgd", learning_rate_init=0.5, momentum=0.99),
    regressor(solver=RMSProp(1.0)),
]


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(model, marks=[pytest.mark.slow] if i % 2 else [], id=repr(model))
        for i, model in enumerate(TOO_LARGE)
    ],
)
def test_steps_that_are_too_large(model):
    data = data_of(model)
    report = diagnose(model, *data)
    assert codes(report) == ["learning_rate_too_high"]
    assert score(model, *data) < 0.9
    mended = report.apply()
    assert not diagnose(mended, *data)
    assert score(mended, *data) > 0.9


@pytest.mark.parametrize("optimizer", [SGD(100.0), Adam(5.0)], ids=repr)
def test_the_optimizer_of_a_network(optimizer):
    network = Network([Dense(32, "tanh"), Dense(10)]).initialize(64, random_state=0)
    finding = diagnose(network, DIGITS, DIGIT, optimizer=optimizer).findings[0]
    assert finding.code == "learning_rate_too_high"
    advised = type(optimizer)(finding.remedy.changes["learning_rate_init"])
    assert f"learning_rate={advised.learning_rate:g} of the optimizer" in finding.advice
    assert not diagnose(network, DIGITS, DIGIT, optimizer=advised)
    trainer = Trainer(network, advised).fit(DIGITS, DIGIT, max_epochs=20)
    assert trainer.loss_curve[-1] < 0.3


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
@pytest.mark.parametrize(
    ("solver", "rate"),
    [("sgd", 0.1), ("sgd", 0.3), ("sgd", 1.0), ("adam", 0.03), ("adam", 0.1), ("adam", 0.3)],
)
def test_large_steps_with_which_training_ends_well_raise_no_alarm(load, solver, rate):
    data = load(return_X_y=True)
    network = classifier(solver=solver, learning_rate_init=rate, max_iter=60)
    model = make_pipeline(StandardScaler(), network)
    assert not diagnose(model, *data)
    assert score(model, *data) > 0.95


# ---- beside the curvature


@pytest.mark.parametrize(
    ("optimizer", "limit"),
    [(SGD(20.0), 2.0), (SGD(9.0, momentum=0.5), 3.0), (SGD(9.0, momentum=0.5, nesterov=True), 1.5)],
    ids=repr,
)
def test_a_rate_that_is_too_high_is_said_beside_that_of_stable_steps(optimizer, limit):
    network = Network([Dense(32, "tanh"), Dense(10)]).initialize(64, random_state=0)
    (top,) = hessian(network, DIGITS, DIGIT).eigenvalues()
    finding = diagnose(network, DIGITS, DIGIT, optimizer=optimizer).findings[0]
    assert finding.code == "learning_rate_too_high"
    said = r"Hessian is ([\d.]+), so that steps grow .* at\s+rates above ([\d.]+) / ([\d.]+) = ([\d.]+)"
    found = map(float, re.search(said, " ".join(str(finding.sentence).split())).groups())
    assert [*found] == pytest.approx([top, limit, top, limit / top], rel=0.05)
    assert finding.remedy.changes["learning_rate_init"] < limit / top


def test_where_nothing_can_be_tried_the_curvature_decides(monkeypatch):
    monkeypatch.setattr(Case, "trial", lambda *arguments, **options: None)
    network = Network([Dense(32, "tanh"), Dense(10)]).initialize(64, random_state=0)
    (top,) = hessian(network, DIGITS, DIGIT).eigenvalues()
    assert not diagnose(network, DIGITS, DIGIT, optimizer=SGD(8 / top))
    (finding,) = diagnose(network, DIGITS, DIGIT, optimizer=SGD(14 / top)).findings
    assert finding.code == "learning_rate_too_high"
    assert finding.figure == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize("share", [1.2, 1.9, 2.5])
def test_rates_somewhat_above_are_no_finding(share):
    network = Network([Dense(32, "tanh"), Dense(10)]).initialize(64, random_state=0)
    (top,) = hessian(network, DIGITS, DIGIT).eigenvalues()
    assert not diagnose(network, DIGITS, DIGIT, optimizer=SGD(share * 2 / top))


def test_a_rate_that_is_too_low_is_said_beside_the_steepest_direction():
    model = classifier(solver=SGD(1e-6))
    report = diagnose(model, DIGITS, DIGIT)
    assert codes(report) == ["learning_rate_too_low"]
    (top,) = hessian(model, DIGITS, DIGIT).eigenvalues()
    assert f"is {top:.2g}, a step closes {1e-6 * top:.2g} of the distance" in str(
        report.findings[0].sentence
    )


def test_what_divides_by_gradients_has_no_curvature_at_the_start():
    finding = diagnose(classifier(learning_rate_init=1.0), DIGITS, DIGIT).findings[0]
    assert finding.code == "learning_rate_too_high"
    assert "Hessian" not in finding.sentence


# ---- too small, too few, held down


TOO_LITTLE = {
    "too_much_l2": [
        classifier(alpha=1e4),
        classifier(activation="tanh", solver="sgd", learning_rate_init=0.1, alpha=300.0),
        regressor(alpha=3000.0, solver="lbfgs"),
    ],
    "too_much_weight_decay": [
        classifier(weight_decay=50.0),
        regressor(solver=AdamW(0.01, weight_decay=20.0)),
        classifier(solver="sgd", learning_rate_init=0.1, weight_decay=3.0),
    ],
    "clipped": [
        classifier(solver="sgd", learning_rate_init=0.1, clip_norm=1e-5),
        regressor(solver=SGD(0.1, momentum=0.9), clip_value=1e-7),
    ],
    "learning_rate_too_low": [
        classifier(learning_rate_init=1e-5),
        classifier(solver=SGD(1e-9, momentum=0.9)),
        regressor(epsilon=1e3),
        regressor(solver=RMSProp(1e-6)),
        classifier(solver="sgd", learning_rate_init=0.02, learning_rate="invscaling", power_t=5.0),
        classifier(solver="sgd", learning_rate_init=0.1, learning_rate=StepDecay(2, 0.01)),
        classifier(learning_rate=Cosine(5)),
        regressor(learning_rate_init=0.01, learning_rate=WarmUp(100_000)),
    ],
    "too_few_steps": [
        classifier(max_iter=1),
        classifier(batch_size=1797, max_iter=10),
        regressor(max_iter=5),
        regressor(max_iter=1, solver="lbfgs"),
    ],
}


@pytest.mark.parametrize("fitted", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("code", "model"),
    [
        pytest.param(code, model, marks=[pytest.mark.slow] if i else [], id=f"{code} {i}")
        for code, models in TOO_LITTLE.items()
        for i, model in enumerate(models)
    ],
)
def test_steps_that_lead_nowhere(code, model, fitted):
    data = data_of(model)
    model = clone(model)
    before = score(clone(model), *data)
    report = diagnose(model.fit(*data) if fitted else model, *data)
    assert codes(report)[0] == code
    mended = report.apply()
    assert code not in codes(diagnose(mended, *data))
    after = score(mended, *data)
    assert after > 0.8
    assert after > before + 0.1


@pytest.mark.filterwarnings("ignore:X is far from unit scale")
@pytest.mark.parametrize("fitted", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("too_much_l2", {"alpha": 1e4}),
        ("clipped", {"solver": "sgd", "clip_norm": 1e-5, "learning_rate_init": 0.1}),
    ],
)
def test_what_holds_weights_down_does_not_hide_inputs_that_are_not_scaled(code, change, fitted):
    wine = load_wine(return_X_y=True)
    model = classifier((50,), max_iter=100, **change)
    report = diagnose(model.fit(*wine) if fitted else model, *wine)
    finding = next(one for one in report.findings if one.code == code)
    assert "root mean square of" in finding.sentence
    mended = report.apply(all=True)
    assert mended.named_steps.keys() == {"standardscaler", "minnetclassifier"}
    assert not diagnose(mended, *wine)
    assert score(mended, *wine) > 0.95
    once = report.apply()  # what is left is said of it
    twice = report_again.apply() if (report_again := diagnose(once, *wine)) else once
    assert score(twice, *wine) > 0.95


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 10.0},
        {"weight_decay": 0.1},
        {"solver": AdamW(0.003, weight_decay=0.1)},
        {"solver": "sgd", "learning_rate_init": 0.1, "clip_norm": 0.1},
        {"clip_value": 1e-6},  # of which Adam makes steps of the same size
        {"learning_rate": Cosine(270)},
        {"learning_rate": WarmUp(100), "learning_rate_init": 0.01},
        {"solver": "sgd", "learning_rate_init": 0.3, "learning_rate": "invscaling", "power_t": 0.2},
        {"learning_rate_init": 3e-4, "max_iter": 60},
        {"batch_size": 1797, "learning_rate_init": 0.01},
        {"warm_start": True, "max_iter": 1},
    ],
    ids=repr,
)
def test_what_trains_in_time_raises_no_alarm(change):
    model = classifier(**change)
    assert not diagnose(model, DIGITS, DIGIT)
    assert "warm_start" in change or score(model, DIGITS, DIGIT) > 0.9


def test_labels_that_nothing_explains_are_not_a_matter_of_steps():
    y = np.random.default_rng(0).integers(0, 2, 400)
    for model in (classifier(max_iter=10), classifier(alpha=300.0, max_iter=20)):
        assert not diagnose(model, X, y)


def test_a_fit_that_ends_while_its_loss_falls_is_remarked_on():
    model = classifier((64,), max_iter=8).fit(DIGITS, DIGIT)
    report = diagnose(model, DIGITS, DIGIT)
    assert not report
    assert [remark.code for remark in report.remarks] == ["too_few_steps"]
    assert report.remarks[0].remedy.changes["max_iter"] > 20
    long = classifier((64,), max_iter=200).fit(DIGITS, DIGIT)
    assert diagnose(long, DIGITS, DIGIT).remarks == []


# ---- too noisy


@pytest.mark.parametrize(
    "model",
    [
        classifier(batch_size=1, learning_rate_init=0.05, max_iter=3),
        pytest.param(regressor(batch_size=1, solver=RMSProp(0.06)), marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_batches_of_one_row_whose_gradient_is_noise(model):
    data = tuple(a[:600] for a in data_of(model))
    report = diagnose(clone(model).fit(*data), *data)
    assert codes(report)[0] in ("noisy_gradients", "learning_rate_too_high")
    assert score(report.apply(), *data) > 0.8 > score(clone(model), *data)


def bent():
    rows = np.random.default_rng(0).normal(size=(600, 6))
    return rows, rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 2])


@pytest.mark.parametrize(
    ("model", "data"),
    [
        # One learns nothing, the other too little.
        (regressor((50,), batch_norm=True, batch_size=2, max_iter=30), bent()),
        (classifier((50, 50), batch_norm=True, batch_size=2), (DIGITS[:600], DIGIT[:600])),
    ],
    ids=["numbers", "classes"],
)
def test_what_normalizes_by_two_rows_is_left_out_after_a_fit_too(model, data):
    before = score(model, *data)
    report = diagnose(model, *data)
    first = [*report.findings, *report.remarks][0]
    assert first.code in ("noisy_gradients", "batch_norm_harms"), str(report)
    assert "batch normalization takes" in first.sentence.lower()
    assert first.remedy.changes == {"batch_norm": False}
    assert score(first.remedy.apply(model), *data) > max(before + 0.1, 0.9)


def test_batches_of_one_row_that_train_raise_no_alarm():
    model = classifier(batch_size=1, solver=SGD(0.01), max_iter=3).fit(DIGITS, DIGIT)
    assert model.score(DIGITS, DIGIT) > 0.9
    assert not diagnose(model, DIGITS, DIGIT)
