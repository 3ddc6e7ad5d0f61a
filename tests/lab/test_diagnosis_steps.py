"""Steps of training that are too large, too small or too few: the advice, applied, trains the network."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_friedman1
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Adam, Dense, MinNetClassifier, MinNetRegressor, Network, RMSProp, Trainer
from minnet.lab import diagnose

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


@pytest.mark.parametrize("model", TOO_LARGE, ids=repr)
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
