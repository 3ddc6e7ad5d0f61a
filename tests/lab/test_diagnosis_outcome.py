"""What is said of fitted models: causes in the order of the evidence, and advice that trains."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Dense, MinNetClassifier, MinNetRegressor
from minnet.lab import diagnose

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:The loss:RuntimeWarning"
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
NUMBER = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2])
CLASS = np.digitize(NUMBER, [-0.7, 0.7])
TARGETS = {
    "binary": (NUMBER > 0).astype(int),
    "classes": np.array(["low", "middle", "high"])[CLASS],
    "labels": np.c_[NUMBER > 0, X[:, 0] + X[:, 3] > 0].astype(int),
    "number": NUMBER,
    "numbers": np.c_[NUMBER, X[:, 0] - X[:, 3]],
}


def model_for(kind, form="sizes", **options):
    """Return a model for a kind of targets that trains well unless the options keep it from that."""
    given = {"random_state": 0, "learning_rate_init": 0.01, "batch_size": 50} | options
    given |= {"layers": [Dense(30)]} if form == "layers" else {"hidden_layer_sizes": (30,)}
    model = (MinNetRegressor if kind.startswith("number") else MinNetClassifier)(**given)
    return make_pipeline(StandardScaler(), model) if form == "pipeline" else model


def codes(report):
    return [finding.code for finding in report.findings]


def trained(report, y, rows=X):
    """Return the outcome with the report's advice: the share of the constant's errors that is left."""
    model = report.apply()
    model.fit(rows, y)
    return 1 - model.score(rows, y)


# ---- it learned nothing: the cause is a setting


@pytest.mark.parametrize("form", ["sizes", "layers", "pipeline"])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(
    "broken", [{"alpha": 3e3}, {"weight_decay": 50.0}, {"clip_norm": 1e-7}], ids=str
)
def test_a_setting_that_keeps_it_from_learning(kind, form, broken):
    y = TARGETS[kind]
    solver = {"solver": "sgd"} if "clip_norm" in broken else {}
    model = model_for(kind, form, max_iter=40, **solver, **broken).fit(X, y)
    report = diagnose(model, X, y)
    assert report.outcome.startswith("The fit has learned")
    assert report.findings[0].remedy.changes.keys() == broken.keys(), str(report)
    assert trained(report, y) < 0.35
    assert "init" not in str(report)


def test_signals_that_a_penalty_took_are_no_reason_to_initialize_otherwise():
    model = MinNetClassifier((40, 40), alpha=1e4, max_iter=100, random_state=0)
    report = diagnose(model.fit(X, TARGETS["binary"]), X, TARGETS["binary"])
    assert list(report.findings[0].remedy.changes) == ["alpha"]
    assert "init" not in str(report)


# ---- it learned nothing: the cause are the data


@pytest.mark.parametrize("form", ["sizes", "pipeline"])
@pytest.mark.parametrize("kind", TARGETS)
def test_targets_that_no_input_explains(kind, form):
    y = np.random.default_rng(1).permutation(TARGETS[kind])
    report = diagnose(model_for(kind, form, max_iter=3).fit(X, y), X, y)
    assert codes(report)[0] == "nothing_to_learn", str(report)
    assert report.findings[0].remedy is None
    assert report.findings[0].figure > 0.98
    known = diagnose(
        model_for(kind, form, max_iter=3, alpha=1e4).fit(X, TARGETS[kind]), X, TARGETS[kind]
    )
    assert "nothing_to_learn" not in codes(known)


@pytest.mark.parametrize("kind", TARGETS)
def test_equal_rows_with_different_targets(kind):
    rows = np.repeat(X[:8], 50, axis=0)
    y = TARGETS[kind]
    report = diagnose(model_for(kind, max_iter=20, learning_rate_init=0.001).fit(rows, y), rows, y)
    assert codes(report)[0] == "labels_contradict", str(report)
    alike = np.repeat(X[:1], 400, axis=0)
    report = diagnose(model_for(kind, max_iter=20).fit(alike, y), alike, y)
    assert codes(report)[0] == "rows_alike"


# ---- it learned nothing: the fit ended too soon


@pytest.mark.parametrize(
    "stop",
    [
        {"tol": 0.1, "n_iter_no_change": 1, "learning_rate_init": 0.002},
        {"early_stopping": True, "n_iter_no_change": 1, "validation_fraction": 0.02, "tol": 0.1},
    ],
    ids=["loss", "validation"],
)
@pytest.mark.parametrize("kind", ["binary", "number"])
def test_a_fit_that_stopped_too_early(kind, stop):
    y = TARGETS[kind]
    model = model_for(kind, solver="sgd", **stop).fit(X, y)
    assert model.n_iter_ < 10
    report = diagnose(model, X, y)
    assert codes(report)[0] == "stopped_too_early", str(report)
    assert trained(report, y) < 0.4
