"""What ``diagnose`` takes: pipelines in pipelines, sparse formats, rows held out; and how it says it."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Dense, MinNetClassifier, MinNetRegressor, Network
from minnet.lab import diagnose, probe
from minnet.lab.diagnosis import Remedy
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.report import _advice
from minnet.lab.diagnosis.trial import training_of

pytestmark = pytest.mark.filterwarnings(
    "error", "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:X must be scaled"
)

RNG = np.random.RandomState(0)
X = RNG.normal(size=(80, 4))
Y = (X[:, 0] > 0.2).astype(int)
STATED = np.c_[1.6e9 + RNG.random_sample(400) * 3e7, RNG.normal(size=(400, 3))]
TARGET = np.sin(2 * STATED[:, 1]) + STATED[:, 2] * STATED[:, 3] > 0


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    """Which remedy is best does not matter here."""
    monkeypatch.setattr("minnet.lab.diagnosis.proof._STEPS", 40)


def deep(**given):
    return MinNetClassifier((16,) * 12, init="glorot", random_state=0, **given)


@pytest.mark.parametrize("fitted", [False, True])
def test_a_column_of_timestamps(fitted):
    """That the training is too short shows only when the inputs are scaled: no reason against that."""
    model = MinNetClassifier((40,), max_iter=60, random_state=0)
    if fitted:
        with pytest.warns(UserWarning, match="X"):
            model.fit(STATED, TARGET)
    report = diagnose(model, STATED, TARGET)
    assert report.findings[0].code == "unscaled_inputs"
    assert isinstance(report.apply()[0], StandardScaler)
    longer = report.apply(all=True).fit(STATED, TARGET)
    assert longer[-1].max_iter > 60
    assert longer.score(STATED, TARGET) > 0.9


def test_huge_inputs_of_a_users_layers():
    prices = 1000 + np.cumsum(np.random.RandomState(0).normal(size=300))
    windows = np.lib.stride_tricks.sliding_window_view(prices, 20)[:-1]
    model = MinNetRegressor(layers=[Dense(30, "relu"), Dense(30, "relu")], random_state=0)
    report = diagnose(model, 50 * windows, 50 * prices[20:])
    assert report.findings[0].advice == (
        "Put a StandardScaler before the network, and set scale_targets=True."
    )
    mended = report.apply().fit(50 * windows, 50 * prices[20:])
    assert mended[-1].scale_targets
    assert mended.score(50 * windows, 50 * prices[20:]) > 0.9


def test_what_overflows_even_when_scaled_comes_first():
    model = MinNetRegressor(
        hidden_layer_sizes=(50,) * 20,
        init={"name": "normal", "std": 100.0},
        scale_targets=True,
        random_state=0,
        max_iter=20,
    )
    report = diagnose(model, (1e20 * X).astype(np.float32), X[:, 0])
    assert report.findings[0].code == "not_finite"
    mended = report.apply().fit((1e20 * X).astype(np.float32), X[:, 0])
    assert mended[-1].init == "auto"
    assert np.isfinite(mended[-1].loss_)


@pytest.mark.parametrize("fitted", [False, True])
def test_a_pipeline_in_a_pipeline(fitted):
    inner = Pipeline([("q", "passthrough"), ("n", deep(max_iter=3))])
    model = Pipeline([("p", StandardScaler()), ("n", inner)])
    if fitted:
        model.fit(1000 * X, Y)
    report = diagnose(model, 1000 * X, Y)
    flat = diagnose(deep(max_iter=3), StandardScaler().fit_transform(X), Y)
    if not fitted:
        assert [f.code for f in report.findings] == [f.code for f in flat.findings]
    mended = report.apply()
    assert [name for name, _ in mended.steps] == ["p", "n"]
    assert [name for name, _ in mended[-1].steps] == ["q", "n"]
    assert mended[-1][-1].get_params() != inner[-1].get_params()
    assert inner[-1].init == "glorot"
    assert (
        probe(model, 1000 * X, Y).layers
        == probe(deep(), StandardScaler().fit_transform(X), Y).layers
    )


@pytest.mark.parametrize("fitted", [False, True])
def test_a_step_that_writes_into_its_data(fitted):
    model = make_pipeline(StandardScaler(copy=False), MinNetClassifier((8,), max_iter=3))
    given, held_out = 3 + 10 * X, 3 + 10 * X[:20]
    if fitted:
        model.fit(given.copy(), Y)
    str(diagnose(model, given, Y, X_val=held_out, y_val=Y[:20]))
    probe(model, given, Y)
    np.testing.assert_array_equal(given, 3 + 10 * X)
    np.testing.assert_array_equal(held_out, given[:20])


@pytest.mark.parametrize("format", ["coo", "dia", "bsr", "dok", "lil", "csc"])
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
def test_all_sparse_formats_are_as_one(format, container):
    data = container(X * (X > 0))
    model = MinNetClassifier((16,) * 6, init={"name": "normal", "std": 0.01}, random_state=0)
    other = data.asformat(format)
    report, expected = diagnose(model, other, Y, X_val=other, y_val=Y), diagnose(model, data, Y)
    assert report.findings == expected.findings
    assert report.findings


@pytest.mark.parametrize(
    ("rows", "labels", "what"),
    [
        (X[:, :3], Y, "X_val has 3 features"),
        (np.c_[X, X[:, :1]], Y, "X_val has 5 features"),
        (np.where(X > 2, np.nan, X), Y, "X_val contains NaN"),
        (X, Y + 5, "y_val. has classes"),
        (X, Y[:5], "X_val and y_val"),
    ],
)
@pytest.mark.parametrize("kind", ["unfitted", "fitted", "pipeline"])
def test_rows_held_out_are_checked(rows, labels, what, kind):
    model = MinNetClassifier((8,), max_iter=3)
    if kind == "pipeline" and rows.shape[1] != 4:
        pytest.skip("its steps say so")
    model = make_pipeline("passthrough", model) if kind == "pipeline" else model
    if kind == "fitted":
        model.fit(X, Y)
    with pytest.raises(ValueError, match=what):
        diagnose(model, X, Y, X_val=rows, y_val=labels)


def test_a_single_row_held_out():
    report = diagnose(deep(), X, Y, X_val=X[:1], y_val=Y[:1], train=0.5)
    assert "nan" not in str(report)


@pytest.mark.parametrize("train", ["x", None, -1, np.nan, [1]])
def test_train_is_a_flag_or_seconds(train):
    with pytest.raises(ValueError, match="train must be True, False or a number of seconds"):
        diagnose(deep(), X, Y, train=train)
    assert diagnose(deep(), X, Y, train=np.False_).findings


def test_training_needs_an_optimizer():
    network = Network([Dense(8, "relu"), Dense(2)], "log_loss").initialize(4, random_state=0)
    with pytest.raises(ValueError, match="train needs optimizer="):
        diagnose(network, X, Y, train=2)
    diagnose(network, X, Y, optimizer="adam", train=0.1)


@pytest.mark.parametrize("model", [Pipeline([]), GridSearchCV(deep(), {"alpha": [1, 2]}), object])
def test_other_models_are_refused_in_a_line(model):
    with pytest.raises(TypeError, match="model must be") as refused:
        diagnose(model, X, Y)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="X must be given"):
        diagnose(deep(), None, Y)


class OwnLayer(Dense):
    """A user's."""


def test_layers_of_the_users_own_are_not_thrown_away():
    for kind, n in ((Dense, 1), (OwnLayer, 0)):
        layers = [*[Dense(16, "sigmoid") for _ in range(9)], kind(16, "sigmoid")]
        remedies = _remedies(MinNetClassifier(layers=layers, random_state=0))
        assert sum("hidden_layers" in remedy.changes for remedy in remedies) == n


def _remedies(model):
    from minnet.lab.diagnosis.case import Case
    from minnet.lab.diagnosis.weights import weights_to_try

    return weights_to_try(Case(Patient(model, X, Y)))


def test_where_layers_have_weights_of_their_own_that_is_said():
    for init, words in (("glorot", " in each layer"), (None, "")):
        layers = [Dense(16, "relu", init=init) for _ in range(12)]
        model = MinNetClassifier(layers=layers, init="glorot", random_state=0)
        said = Patient(model, X, Y).words(Remedy({"init": "he_normal"}))
        assert said == f'init="he_normal"{words}'


def test_a_scorer_of_the_users_own_is_not_called():
    called = []

    def scorer(model, X, y):
        called.append(1)
        return 0.5

    model = MinNetClassifier((8,), early_stopping=True, scoring=scorer, random_state=0)
    assert training_of(Patient(model, X, Y), 50, 1e9, own_end=True).n_steps > 0
    assert not called


def test_the_same_advice_is_said_once():
    given = ["Set a=1.", "Set b=2.", "Set a=1.", "", ""]
    said = _advice([SimpleNamespace(advice=advice) for advice in given])
    assert said == ["Set a=1.", "Set b=2.", "As under 1.", "", ""]


def test_the_outcome_comes_first_on_the_page():
    model = MinNetClassifier((16,), alpha=1e6, max_iter=50, random_state=0).fit(X, Y)
    report = diagnose(model, X, Y)
    page = report._repr_html_()
    assert 0 < page.index("The fit has learned nothing") < page.index("most serious first")
