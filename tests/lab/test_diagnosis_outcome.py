"""What is said of fitted models: causes in the order of the evidence, and advice that trains."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification, make_moons
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Adam, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.lab import diagnose

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:The loss:RuntimeWarning"
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4))
NUMBER = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2])
CLASS = np.digitize(NUMBER, [-0.7, 0.7])
FORMS = "sizes", "layers", "pipeline"
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


def each_with_each(kinds, forms):
    """Return pairs of kinds and forms; all but as many as show each of both once are slow."""
    return pytest.mark.parametrize(
        ("kind", "form"),
        [
            pytest.param(kind, form, marks=[] if i % len(forms) == j else pytest.mark.slow)
            for i, kind in enumerate(kinds)
            for j, form in enumerate(forms)
        ],
    )


def slow(*values):
    return [pytest.param(value, marks=pytest.mark.slow, id=str(value)) for value in values]


def codes(report):
    return [finding.code for finding in report.findings]


def trained(report, y, rows=X):
    """Return the outcome with the report's advice: the share of the constant's errors that is left."""
    model = report.apply()
    model.fit(rows, y)
    return 1 - model.score(rows, y)


# ---- it learned nothing: the cause is a setting


@each_with_each(TARGETS, FORMS)
@pytest.mark.parametrize(
    "broken", [{"alpha": 3e3}, *slow({"weight_decay": 50.0}, {"clip_norm": 1e-7})], ids=str
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
    model = MinNetClassifier((20, 20), alpha=1e4, max_iter=100, random_state=0)
    report = diagnose(model.fit(X, TARGETS["binary"]), X, TARGETS["binary"])
    assert list(report.findings[0].remedy.changes) == ["alpha"]
    assert "init" not in str(report)


# ---- it learned nothing: the cause are the data


@each_with_each(TARGETS, ["sizes", "pipeline"])
def test_targets_that_no_input_explains(kind, form):
    y = np.random.default_rng(1).permutation(TARGETS[kind])
    report = diagnose(model_for(kind, form, max_iter=3).fit(X, y), X, y)
    assert codes(report)[0] == "no_input_explains", str(report)
    assert report.findings[0].remedy is None
    assert report.findings[0].figure > 0.98
    known = diagnose(
        model_for(kind, form, max_iter=3, alpha=1e4).fit(X, TARGETS[kind]), X, TARGETS[kind]
    )
    assert "no_input_explains" not in codes(known)


def test_few_rows_of_a_class_do_not_tell_that_no_input_explains_it():
    rng = np.random.default_rng(3)
    y = (rng.random(6000) < 1 / 200).astype(int)
    rows = rng.normal(size=(6000, 6))
    rows[:, 0] += 1.5 * y
    clf = MinNetClassifier((30,), max_iter=20, random_state=0).fit(rows, y)
    assert codes(diagnose(clf, rows, y))[0] == "one_class"


@pytest.mark.parametrize("kind", ["binary", "number", *slow("classes", "labels", "numbers")])
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
@pytest.mark.parametrize("kind", ["number", *slow("binary")])
def test_a_fit_that_stopped_too_early(kind, stop):
    y = TARGETS[kind]
    model = model_for(kind, solver="sgd", **stop).fit(X, y)
    assert model.n_iter_ < 10
    report = diagnose(model, X, y)
    assert codes(report)[0] == "stopped_too_early", str(report)
    assert trained(report, y) < 0.4


# ---- it answers one class


def rare_rows(one_in, shuffled=False):
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(1200, 4))
    score = rows[:, 0] + rows[:, 1] + rng.normal(size=1200)
    y = (score > np.quantile(score, 1 - 1 / one_in)).astype(int)
    return rows, rng.permutation(y) if shuffled else y


def balanced_accuracy(model, rows, y):
    said = model.predict(rows)
    return np.mean([(said[y == c] == c).mean() for c in np.unique(y)])


@each_with_each([10, 30], FORMS)
def test_a_class_of_few_rows_that_is_not_answered(kind, form):
    one_in = kind
    rows, y = rare_rows(one_in)
    names = np.array(["usual", "rare"])[y]
    model = model_for("binary", form, max_iter=30, learning_rate_init=0.001, batch_size=200)
    model.fit(rows, names)
    report = diagnose(model, rows, names)
    assert codes(report)[0] == "one_class", str(report)
    assert "class rare" in report.findings[0].sentence
    mended = report.apply().fit(rows, names)
    before = balanced_accuracy(model, rows, names)
    assert balanced_accuracy(mended, rows, names) > before + 0.15


def test_a_class_of_several_and_a_label_that_are_not_answered():
    rows, rare = rare_rows(25)
    several = np.where(rare == 1, 2, rows[:, 2] > 0)
    labels = np.c_[rows[:, 2] > 0, rare].astype(int)
    for y in (several, labels):
        model = model_for("classes", max_iter=10, learning_rate_init=0.001).fit(rows, y)
        report = diagnose(model, rows, y)
        assert codes(report)[0] == "one_class", str(report)
        mended = report.apply().fit(rows, y)
        right = [(m.predict(rows) == y)[rare == 1] for m in (model, mended)]
        right = [r if r.ndim == 1 else r[:, 1] for r in right]
        assert right[1].mean() > right[0].mean() + 0.3


def test_rare_classes_that_nothing_tells_or_that_are_answered_are_no_alarm():
    rows, y = rare_rows(20, shuffled=True)
    model = model_for("binary", max_iter=30, learning_rate_init=0.001).fit(rows, y)
    assert "one_class" not in codes(diagnose(model, rows, y))
    rows, y = rare_rows(10)
    easy = np.c_[rows, 3.0 * y]
    model = model_for("binary", max_iter=30).fit(easy, y)
    assert not diagnose(model, easy, y)
    weighted = model_for("binary", max_iter=30, class_weight="balanced").fit(rows, y)
    assert not diagnose(weighted, rows, y)


def one_in_1000(n, distance, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 1000 == 0
    rows = rng.normal(size=(n, 6)) + distance * y[:, None] * np.array([1, 1, 1, 0, 0, 0])
    return rows, np.where(y, "rare", "usual")


def test_all_rows_of_a_class_are_asked_of_it():
    """Of 40000 rows 5000 are looked at; 5 of the 40 would not tell."""
    rows, y = one_in_1000(40_000, 1.3)
    model = model_for("binary", max_iter=5, learning_rate_init=0.001).fit(rows, y)
    report = diagnose(model, rows, y)
    assert codes(report) == ["one_class"], str(report)
    assert report.findings[0].sentence.startswith("Of the 40 rows (of 40000) of class rare none")
    assert "Its price is the share of right answers" in report.findings[0].advice
    others = one_in_1000(40_000, 1.3, seed=1)
    assert balanced_accuracy(model, *others) < 0.6
    assert balanced_accuracy(report.apply().fit(rows, y), *others) > 0.75


def test_a_class_of_so_few_rows_that_nobody_can_tell():
    rows, y = one_in_1000(10_000, 0.0)
    model = model_for("binary", max_iter=5, learning_rate_init=0.001).fit(rows, y)
    (finding,) = diagnose(model, rows, y).findings
    assert finding.remedy is None
    assert finding.advice.startswith("Only 10 of 10000 rows have another class than the commonest")


# ---- rows held out


def noisy(kind, n=150):
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(n + 400, 8))
    number = rows[:, 0] + rows[:, 1] + rng.normal(size=len(rows))
    y = {
        "binary": (number > 0).astype(int),
        "classes": np.digitize(number, [-0.9, 0.9]),
        "number": number,
        "numbers": np.c_[number, rows[:, 2] + rng.normal(size=len(rows))],
        "labels": np.c_[number > 0, rows[:, 2] + rng.normal(size=len(rows)) > 0].astype(int),
    }[kind]
    return rows[:n], y[:n], rows[n:], y[n:]


@each_with_each(TARGETS, FORMS)
def test_overfitting(kind, form):
    rows, y, X_val, y_val = noisy(kind)
    model = model_for(kind, form, max_iter=150).fit(rows, y)
    report = diagnose(model, rows, y, X_val=X_val, y_val=y_val)
    assert codes(report) == ["overfitting"], str(report)
    assert not diagnose(model, rows, y).findings
    mended = report.apply().fit(rows, y)
    assert mended.score(X_val, y_val) > model.score(X_val, y_val) + 0.02
    again = diagnose(mended, rows, y, X_val=X_val, y_val=y_val)
    assert "overfitting" not in codes(again) or again.findings[0].figure < report.findings[0].figure


def test_rows_held_out_that_are_answered_well_are_no_alarm():
    for kind, y in TARGETS.items():
        model = model_for(kind, max_iter=60, alpha=0.1).fit(X[:300], y[:300])
        report = diagnose(model, X[:300], y[:300], X_val=X[300:], y_val=y[300:])
        assert not report.findings, str(report)


@pytest.mark.parametrize("prepare", [lambda A: A * 30, lambda A: A + [0, 0, 9, 0]])
def test_rows_held_out_that_are_others(prepare):
    for kind in ("binary", "number"):
        y = TARGETS[kind]
        model = model_for(kind, max_iter=60).fit(X[:300], y[:300])
        report = diagnose(model, X[:300], y[:300], X_val=prepare(X[300:]), y_val=y[300:])
        assert codes(report) == ["shifted_rows"], str(report)


def test_labels_that_nothing_explains_are_not_called_overfitting():
    y = np.random.default_rng(1).permutation(TARGETS["binary"])
    model = model_for("binary", max_iter=200, learning_rate_init=0.03).fit(X[:300], y[:300])
    report = diagnose(model, X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert codes(report)[0] == "no_input_explains", str(report)
    assert report.findings[0].remedy is None


# ---- what else a fit may be


@each_with_each(["classes", "number"], ["sizes", "layers"])
def test_rows_that_are_not_those_of_the_fit(kind, form):
    y = TARGETS[kind]
    model = model_for(kind, form, max_iter=60).fit(X, y)
    assert not diagnose(model, X, y)
    report = diagnose(model, 50 * X + 20, y)
    assert "other_rows" in codes(report), str(report)
    assert "learning_rate" not in report.findings[0].advice


def test_a_network_that_a_trainer_trained():
    y = TARGETS["binary"]
    for alpha, healthy in ((1e-4, True), (3e3, False)):
        net = Network([Dense(30, "relu"), Dense(2)], alpha=alpha).initialize(4, random_state=0)
        assert "learned" not in str(diagnose(net, X, y, optimizer=Adam(0.01)))
        Trainer(net, Adam(0.01), batch_size=50).fit(X, y, max_epochs=40)
        report = diagnose(net, X, y, optimizer=Adam(0.01))
        assert (not report) is healthy, str(report)
    assert "learned nothing" in report.outcome
    assert list(report.findings[0].remedy.changes) == ["alpha"]
    mended = report.apply()
    Trainer(mended, Adam(0.01), batch_size=50).fit(X, y, max_epochs=40)
    assert (mended.predict(X).argmax(axis=1) == y).mean() > 0.9


def test_weights_that_a_user_has_drawn_are_not_those_of_a_fit():
    net = Network([Dense(30, "relu"), Dense(2)]).initialize(4, random_state=0)
    net.layers[0].W[:] = np.random.default_rng(7).normal(scale=0.5, size=(4, 30))
    report = diagnose(net, X, TARGETS["binary"], optimizer="adam")
    assert not report, str(report)
    assert report.outcome == ""


def test_numbers_with_noise_that_are_learned_as_far_as_anybody_could():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(600, 5))
    y = rows[:, 0] + rng.normal(scale=1.8, size=600)
    model = model_for("number", max_iter=15).fit(rows, y)
    assert model.score(rows, y) < 0.5
    assert not diagnose(model, rows, y)


@pytest.mark.parametrize("way", ["partial_fit", "lbfgs", "saved", *slow("warm", "weights")])
def test_ways_to_fit(way):
    y = TARGETS["binary"]
    model = model_for("binary", max_iter=60)
    weights = None
    if way == "partial_fit":
        for _ in range(40):
            model.partial_fit(X, y, classes=[0, 1])
    elif way == "lbfgs":
        model = MinNetClassifier((30,), solver="lbfgs", random_state=0).fit(X, y)
    elif way == "weights":
        weights = np.linspace(0, 2, len(X))
        model.fit(X, y, sample_weight=weights)
    else:
        model.set_params(warm_start=way == "warm").fit(X, y)
    if way == "saved":
        model = pickle.loads(pickle.dumps(model))
    before = model.network_.params.copy()
    assert not diagnose(model, X, y, weights)
    wrong = np.random.default_rng(0).permutation(y)
    assert diagnose(model, X, wrong, weights).findings
    assert np.array_equal(before, model.network_.params)


@pytest.mark.parametrize("kind", ["classes", "number"])
def test_a_fit_of_too_few_epochs(kind):
    y = TARGETS[kind]
    model = model_for(kind, max_iter=2, batch_size=200, learning_rate_init=0.003).fit(X, y)
    report = diagnose(model, X, y)
    assert report.findings[0].remedy is not None, str(report)
    assert trained(report, y) < 0.35


# ---- what must not be blamed on the data, and what only seems to have stopped


@pytest.mark.parametrize("large", [1000, *slow(5000)])
def test_class_weights_that_leave_one_class_are_the_cause(large):
    rows, y = make_classification(
        1000, 8, n_informative=5, weights=[0.8], class_sep=0.8, random_state=0
    )
    model = MinNetClassifier((30,), class_weight={0: 1, 1: large}, max_iter=40, random_state=0)
    report = diagnose(model.fit(rows, y), rows, y)
    assert codes(report)[0] == "class_weights", str(report)
    before = balanced_accuracy(model, rows, y)
    assert balanced_accuracy(report.apply().fit(rows, y), rows, y) > before + 0.15


def parity(n_bits):
    rows = np.array(list(np.ndindex(*[2] * n_bits)), dtype=float)
    return rows, rows.sum(axis=1).astype(int) % 2


def test_a_parity_is_not_called_a_shuffled_y():
    rows, y = parity(8)
    model = MinNetClassifier((60,), "tanh", learning_rate_init=0.02, max_iter=600, random_state=0)
    report = diagnose(model.fit(rows, y), rows, y)
    assert "shuffled" not in str(report)
    assert "parity" in report.findings[0].advice
    model = model.set_params(random_state=1).fit(2 * rows - 1, y)
    report = diagnose(model, 2 * rows - 1, y)
    assert codes(report) == ["learning_rate_too_low"], str(report)
    assert trained(report, y, 2 * rows - 1) < 0.1


def test_probabilities_that_are_right_are_no_alarm_though_a_class_is_not_answered():
    rng = np.random.RandomState(0)
    rows = rng.randn(4000, 6)
    y = (rng.rand(4000) < 1 / (1 + np.exp(4.6 - 1.2 * rows[:, 0] - rows[:, 1]))).astype(int)
    model = MinNetClassifier((10,), learning_rate_init=0.003, random_state=1).fit(rows, y)
    report = diagnose(model, rows, y)
    assert not report, str(report)
    assert [one.code for one in report.remarks] == ["one_class"]
    assert "price" in report.remarks[0].advice


def test_calls_of_partial_fit_and_a_warm_start_that_are_too_few():
    y = TARGETS["classes"]
    model = model_for("classes", learning_rate_init=0.003)
    report = diagnose(model.partial_fit(X, y, classes=np.unique(y)), X, y)
    assert codes(report) == ["too_few_steps"], str(report)
    assert "tol" not in str(report)
    assert report.findings[0].remedy is None
    warm = model_for("classes", learning_rate_init=0.003, warm_start=True, max_iter=1).fit(X, y)
    report = diagnose(warm, X, y)
    assert codes(report) == ["too_few_steps"], str(report)
    assert trained(report, y) < 0.4


@pytest.mark.parametrize(
    "broken",
    [{"alpha": 1e5}, {"tol": 1e9}, *slow({"weight_decay": 1e3}, {"clip_norm": 1e-9})],
    ids=str,
)
def test_a_cause_shows_in_a_fit_that_was_too_short_besides(broken):
    rows, y = load_digits(return_X_y=True)
    rows, y = rows[:300] / 16, y[:300]
    model = MinNetClassifier((16,), max_iter=30, random_state=0, **broken).fit(rows, y)
    report = diagnose(model, rows, y)
    code = {"alpha": "too_much_l2", "weight_decay": "too_much_weight_decay"}
    code |= {"clip_norm": "clipped", "tol": "stopped_too_early"}
    (name,) = broken
    assert codes(report)[0] == code[name], str(report)
    assert name in report.findings[0].remedy.changes


@pytest.mark.parametrize("end", ["max_iter", "tol"])
def test_the_argument_that_ended_a_fit_is_a_remark(end):
    if end == "max_iter":
        rows, y = make_moons(300, noise=0.2, random_state=0)
        model = MinNetClassifier(solver="lbfgs", max_iter=3, random_state=0)
    else:
        rows, y = load_digits(return_X_y=True)
        rows = rows / 16
        options = {"solver": "sgd", "learning_rate_init": 0.01, "random_state": 0}
        model = MinNetClassifier((40,), tol=0.05, n_iter_no_change=1, **options)
    report = diagnose(model.fit(rows, y), rows, y)
    assert not report, str(report)
    assert [one.code for one in report.remarks] == ["too_few_steps"]
    assert f"{end}=" in report.remarks[0].sentence
    assert end in report.remarks[0].remedy.changes


@pytest.mark.slow
def test_a_fit_of_few_epochs_is_told_to_be_longer_though_alpha_is_large():
    rows, y = make_classification(
        3000, 12, n_informative=6, weights=[0.96], class_sep=0.7, random_state=0
    )
    other = make_classification(
        3000, 12, n_informative=6, weights=[0.97], class_sep=0.7, random_state=0
    )
    y = np.c_[y, other[1]]
    rows = StandardScaler().fit_transform(rows)
    model = MinNetClassifier((20,), max_iter=10, alpha=30.0, random_state=0).fit(rows, y)
    report = diagnose(model, rows, y)
    assert codes(report)[0] == "too_few_steps", str(report)
    assert report.apply().max_iter == 100


def test_a_rate_that_helps_where_nothing_was_learned_names_the_cause():
    rows, y = parity(2)
    model = MinNetClassifier((4,), "logistic", solver="sgd", random_state=0).fit(rows, y)
    report = diagnose(model, rows, y)
    assert codes(report) == ["learning_rate_too_low"], str(report)
    assert report.findings[0].remedy.changes == {"learning_rate_init": 1.0}


@pytest.mark.slow
def test_a_tiny_step_of_a_network_too_large_to_try():
    rng = np.random.default_rng(0)
    rows, y = rng.random((2000, 300), dtype=np.float32), rng.integers(0, 3, 2000)
    rows[np.arange(2000), y] += 2
    model = MinNetClassifier((2500, 2500), learning_rate_init=1e-7, batch_size=1000, max_iter=3)
    report = diagnose(model, rows, y)
    assert codes(report) == ["learning_rate_too_low"], str(report)
    assert "not tried" in report.findings[0].advice
