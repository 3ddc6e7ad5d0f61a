"""Few targets that are far from all others: named, mended, and told from heavy tails."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Dense, MinNetRegressor, Network, Trainer
from minnet.lab import diagnose
from minnet.lab.diagnosis.outlying_targets import outlying

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 6))
NUMBER = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2])
FEW = [10, 100, 200]


def regressor(**options):
    given = {"hidden_layer_sizes": (50,), "learning_rate_init": 0.01, "random_state": 0}
    return MinNetRegressor(**given | options)


def with_few(values, unit=1.0, offset=0.0):
    y = offset + unit * NUMBER
    y[FEW[: len(values)]] = values
    return y


def codes(report):
    return [finding.code for finding in report.findings]


def explained(model, y):
    """Return how much of the variance of the others a model explains."""
    others = np.delete(np.arange(600), FEW)
    answers = np.asarray(model.predict(X)).ravel()[others]
    return 1 - np.square(answers - y[others]).mean() / y[others].var()


@pytest.mark.parametrize(
    ("model", "y", "said"),
    [
        (regressor(), with_few([1e5]), "1 of 600 targets, 1e+05, holds nearly all"),
        (regressor(), with_few([50, -50, 40]), "3 of 600 targets, 50, -50, 40, hold "),
        (regressor(scale_targets=True), with_few([1e5]), "1 of 600 targets"),
        (make_pipeline(StandardScaler(), regressor()), with_few([1e5]), "1 of 600 targets"),
        (regressor(), with_few([1e6], unit=30, offset=100), "1 of 600 targets"),
    ],
    ids=["one", "three", "scaled", "a pipeline", "in other units"],
)
def test_few_targets_that_rule_the_loss(model, y, said):
    report = diagnose(model, X, y)
    assert codes(report) == ["outlying_targets"], str(report)
    assert said in report.findings[0].sentence
    assert explained(model.fit(X, y), y) < 0
    mended = report.apply()
    assert not diagnose(mended, X, y)
    assert explained(mended.fit(X, y), y) > 0.6
    # Of the fit, too: that other models explain nothing is then no sign that nothing is to be explained.
    report = diagnose(model, X, y)
    assert "outlying_targets" in [one.code for one in (*report.findings, *report.remarks)]
    assert "no_input_explains" not in codes(report)


@pytest.mark.parametrize(
    ("model", "y", "also"),
    [
        (regressor(), with_few([1e8, 1e8], unit=3e3, offset=1e4), {"scale_targets": True}),
        (regressor(solver="lbfgs"), with_few([50, -50, 50]), {}),  # learns them by heart
    ],
    ids=["in other units", "lbfgs"],
)
def test_what_no_loss_mends_is_said_of_the_rows(model, y, also):
    (finding,) = diagnose(model, X, pd.Series(y)).findings
    assert finding.code == "outlying_targets"
    assert finding.remedy is None
    advice = "leave them out if they are wrong: without them" + ", with scale_targets=True," * len(
        also
    )
    assert f"{advice} a short" in finding.advice
    others = np.delete(np.arange(600), FEW)
    model.set_params(**also).fit(X[others], y[others])
    assert model.score(X[others], y[others]) > 0.9


@pytest.mark.parametrize("optimizer", [None, "adam"])
def test_a_network_of_two_outputs(optimizer):
    y = np.column_stack([NUMBER, with_few([1e5])])
    net = Network([Dense(50, "relu"), Dense(2)], "squared_error").initialize(6, random_state=0)
    report = diagnose(net, X, y, optimizer=optimizer)
    assert codes(report) == ["outlying_targets"]
    assert "targets of output 1, 1e+05," in report.findings[0].sentence
    mended = report.apply()
    assert mended.loss == "huber"
    assert mended.layers == net.layers
    Trainer(mended, "adam").fit(X, y, max_epochs=100)
    errors = np.square(mended.predict(X)[:, 0] - NUMBER).mean()
    assert errors < 0.2 * NUMBER.var()


def test_rows_of_weight_0_rule_nothing():
    weights = np.ones(600)
    weights[FEW] = 0
    y = with_few([1e5, 1e5, 1e5])
    assert "outlying_targets" not in codes(diagnose(regressor(), X, y, weights))


HEAVY = {
    "lognormal": np.exp(NUMBER / NUMBER.std()),
    "lognormal, one column": np.exp(1.5 * X[:, 0]),
    "t of 3 degrees of freedom": NUMBER + RNG.standard_t(3, 600),
    "counts": RNG.poisson(np.exp(1.5 * NUMBER / NUMBER.std())),
    "mostly 0": np.where(RNG.random(600) < 0.95, 0.0, np.exp(NUMBER)),
    "a step that the inputs tell": NUMBER + 1000 * (X[:, 3] > 2.2),
    "few rows": np.r_[NUMBER[:30], 1e5],
}


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_tails_raise_no_alarm(name):
    y = HEAVY[name]
    assert "outlying_targets" not in codes(diagnose(regressor(), X[: len(y)], y))


def test_there_is_a_gap_before_them():
    y = np.column_stack([np.linspace(-1, 1, 100), np.linspace(-1, 1, 100), 1.2 ** np.arange(100)])
    y[[3, 4], 0] = 50, -20
    far, shares = outlying(y)
    assert np.flatnonzero(far[:, 0]).tolist() == [3, 4]
    assert not far[:, 1:].any()  # all near, and a tail without a gap
    assert shares[0] == pytest.approx(2900 / (2900 + np.square(y[5:, 0]).sum() + 3), rel=1e-2)
    assert shares[1:].tolist() == [0, 0]


@pytest.mark.parametrize("usual", [0.0, 0.1, -3e-4 / 7])
def test_beside_a_single_number_others_are_rare_and_not_far(usual):
    y = np.full((97, 1), usual)  # whose mean is rounded
    y[3] = 5.0
    assert not outlying(y)[0].any()
