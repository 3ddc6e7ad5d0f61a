"""Findings about inputs and targets: named before a fit, mended by the advice, silent on what trains."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Adam, Dense, MinNetClassifier, MinNetRegressor, Network
from minnet.lab import diagnose
from minnet.training import Trainer

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 6))
NUMBER = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2])
LABEL = (NUMBER > 0).astype(int)
DIGITS, DIGIT = load_digits(return_X_y=True)
WINE, CULTIVAR = load_wine(return_X_y=True)


def classifier(**options):
    given = {"hidden_layer_sizes": (50,), "learning_rate_init": 0.01, "random_state": 0}
    return MinNetClassifier(**given | options)


def regressor(**options):
    given = {"hidden_layer_sizes": (50,), "learning_rate_init": 0.01, "random_state": 0}
    return MinNetRegressor(**given | options)


def network(output=None, loss="squared_error", n_outputs=1):
    net = Network([Dense(50, "relu"), Dense(n_outputs, output)], loss)
    return net.initialize(X.shape[1], random_state=0)


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


def codes(report):
    return [finding.code for finding in report.findings]


def spoilt(columns, share=0.01, value=1e6):
    """Some cells of columns are a code for "missing"; then all is scaled."""
    Z = X.copy()
    rows = np.random.default_rng(1).random((len(X), len(columns))) < share
    Z[:, columns] = np.where(rows, value, Z[:, columns])
    return StandardScaler().fit_transform(Z)


# ---- inputs

UNSCALED = {
    "table": (classifier(), WINE, CULTIVAR),
    "tiny": (classifier(activation="tanh"), 1e-5 * X, LABEL),
    "small": (classifier(hidden_layer_sizes=(50, 50), learning_rate_init=0.001), 0.003 * X, LABEL),
    "offset": (classifier(), X + 100, LABEL),
    "years": (classifier(), np.c_[X, RNG.integers(1950, 2020, 600)], LABEL),
    "timestamps": (classifier(), np.c_[X, 1.6e9 + 1e6 * RNG.random(600)], LABEL),
    "numbers": (regressor(), 1000 * X + 5000, NUMBER),
    "float32": (classifier(), (X + 100).astype(np.float32), LABEL),
    "labels of several kinds": (classifier(), 1e-5 * X, np.c_[LABEL, X[:, 3] > 0].astype(int)),
    "images of 8 bits": (classifier(learning_rate_init=0.001), 16 * DIGITS, DIGIT),
}


LONG = "small", "years", "timestamps", "images of 8 bits"


@pytest.mark.parametrize("name", [slow(name) if name in LONG else name for name in UNSCALED])
def test_unscaled_inputs_are_named_and_scaled(name):
    model, inputs, y = UNSCALED[name]
    report = diagnose(model, inputs, y)
    assert codes(report)[0] == "unscaled_inputs", str(report)
    assert "StandardScaler" in report.findings[0].advice
    mended = report.apply()
    assert "unscaled_inputs" not in codes(diagnose(mended, inputs, y))
    assert mended.fit(inputs, y).score(inputs, y) > 0.9


def test_the_same_is_said_of_a_fit_that_failed():
    model, inputs, y = UNSCALED["tiny"]
    assert codes(diagnose(model.fit(inputs, y), inputs, y))[0] == "unscaled_inputs"


@pytest.mark.parametrize("columns", [slow([0, 1, 2, 3, 4, 5]), [2]], ids=["all", "one"])
@pytest.mark.parametrize("kind", ["classes", slow("numbers"), "network"])
def test_columns_ruled_by_few_rows(kind, columns):
    Z = spoilt(columns)
    model = {"classes": classifier(), "numbers": regressor(), "network": network()}[kind]
    y = LABEL if kind == "classes" else NUMBER
    optimizer = "adam" if kind == "network" else None
    first = (report := diagnose(model, Z, y, optimizer=optimizer)).findings[0]
    assert first.code == "outliers", str(report)
    assert str(columns[-1]) in first.sentence
    if kind != "network":
        before = model.fit(Z, y).score(Z, y)
        assert report.apply().fit(Z, y).score(Z, y) > max(0.8, before + 0.1)


def test_rows_that_outliers_push_together_are_not_said_to_be_equal():
    """After scaling they differ by 1e-11, which a QuantileTransformer alone does not see."""
    Z = spoilt(range(6), value=1e12)
    report = diagnose(classifier(), Z, LABEL)
    assert codes(report)[0] == "outliers", str(report)
    assert report.apply().fit(Z, LABEL).score(Z, LABEL) > 0.8


HEALTHY_INPUTS = {
    "pixels of 0 to 16": (DIGITS, DIGIT),
    "ten units": (6 * X, (X[:, 0] > X[:, 1]).astype(int)),
    "constant columns": (np.c_[X, np.zeros(600), np.full(600, 3.0)], LABEL),
    "rare indicators": (np.c_[X, RNG.random((600, 20)) < 0.004], LABEL),
    "one-hot": (np.eye(40)[CODE := RNG.integers(0, 40, 600)], CODE % 2),
    "counts": (COUNTS := RNG.poisson(2, (600, 20)), (COUNTS[:, 0] > COUNTS[:, 1]).astype(int)),
    "heavy tails": (TAILS := np.exp(1.2 * X), (TAILS[:, 0] > TAILS[:, 1]).astype(int)),
    "many zeros": (ZEROS := np.where(X > 1, np.exp(X), 0), (ZEROS[:, 0] > ZEROS[:, 1]).astype(int)),
    "sparse": (sparse.random(600, 200, 0.05, random_state=0, format="csr"), LABEL),
    "repeated rows": (np.repeat(X[:100], 6, axis=0), np.repeat(LABEL[:100], 6)),
    "few kinds of rows": ((X[:, :3] > 0).astype(float), (X[:, 0] > 0).astype(int)),
}


@pytest.mark.parametrize("name", HEALTHY_INPUTS)
def test_inputs_from_which_networks_learn_raise_no_alarm(name):
    inputs, y = HEALTHY_INPUTS[name]
    for model in (classifier(), classifier(hidden_layer_sizes=(30, 30), learning_rate_init=0.001)):
        report = diagnose(model, inputs, y)
        assert not report, str(report)


@pytest.mark.parametrize("nearly", [0.0, 1e-9])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_rows_all_alike(nearly, form):
    rows = form(np.broadcast_to(X[:1] + 3, X.shape) * (1 + nearly * X))
    for model, y in ((classifier(), LABEL), (regressor(), NUMBER)):
        first = diagnose(model, rows, y).findings[0]
        assert (first.code, first.remedy) == ("rows_alike", None)
        assert "equal" in first.sentence


def test_rows_all_alike_need_no_other_scaler():
    """Of a scaled constant rounding is left, of 1e-15."""
    rows = np.broadcast_to(X[:1], X.shape)
    report = diagnose(make_pipeline(StandardScaler(), classifier()), rows, LABEL)
    assert codes(report) == ["rows_alike"], str(report)


def test_few_rows_that_contradict_each_other():
    rows, chance = (X[:, 3:5] > 0).astype(float), RNG.integers(0, 2, 600)
    first = diagnose(classifier(), rows, chance).findings[0]
    assert first.code == "rows_alike"
    assert "4 different" in first.sentence


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (classifier(), np.zeros(600, dtype=int)),
        (classifier(), np.ones((600, 2), dtype=int)),
        (regressor(), np.full(600, 7.0)),
        (regressor(loss="poisson"), np.zeros(600)),
        (network(), np.zeros(600)),
    ],
    ids=["one class", "labels", "numbers", "counts", "network"],
)
def test_targets_all_alike(model, y):
    report = diagnose(model, X, y)
    assert codes(report)[0] == "targets_alike"
    assert not {"unscaled_targets", "initial_loss_too_high"} & set(codes(report))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_rows_in_order(kind):
    model = {"classes": classifier, "numbers": regressor}[kind]
    y = LABEL if kind == "classes" else NUMBER
    order = np.argsort(y, kind="stable")
    sorted_rows = X[order], y[order]
    given = {"batch_size": 10, "learning_rate_init": 0.03, "max_iter": 30}
    report = diagnose(model(shuffle=False, **given), *sorted_rows)
    assert codes(report)[0] == "rows_in_order", str(report)
    assert report.findings[0].remedy.changes == {"shuffle": True}
    assert report.apply().fit(*sorted_rows).score(*sorted_rows) > 0.9
    assert "rows_in_order" not in codes(diagnose(model(shuffle=False, **given), X, y))


# ---- targets


LOSSES = ["squared_error", *map(slow, ["absolute_error", "huber", "quantile"])]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("factor", "shift"), [(1e-5, 0), (1e-3, 0), (1e4, 0), (1e6, 3e6), (1, 1000)]
)
def test_targets_of_another_scale(loss, factor, shift):
    y = factor * NUMBER + shift
    report = diagnose(regressor(loss=loss), X, y)
    assert codes(report)[0] == "unscaled_targets", str(report)
    mended = report.apply()
    assert mended.scale_targets
    assert not diagnose(mended, X, y)
    assert mended.fit(X, y).score(X, y) > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["sgd", "rmsprop", "lbfgs", Adam(0.01)], ids=str)
def test_targets_of_another_scale_with_every_solver(solver):
    rate = 0.001 if isinstance(solver, Adam) or solver == "lbfgs" else 0.01
    model = regressor(solver=solver, learning_rate_init=rate)
    report = diagnose(model, X, y := 1e-5 * NUMBER)
    assert codes(report)[0] == "unscaled_targets", str(report)
    assert report.apply().fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("factor", [1e-3, 300])
def test_outputs_of_unlike_scales(factor):
    y = np.c_[NUMBER, factor * X[:, 1] * X[:, 3]]
    report = diagnose(regressor(), X, y)
    assert codes(report)[0] == "unscaled_targets", str(report)
    assert report.apply().fit(X, y).score(X, y) > 0.9
    assert not diagnose(regressor(), X, np.c_[NUMBER, 3 * X[:, 1] * X[:, 3]])


def test_targets_of_a_network():
    report = diagnose(network(), X, 1e-5 * NUMBER, optimizer="adam")
    assert codes(report)[0] == "unscaled_targets"
    assert "mean 0 and standard deviation 1" in report.findings[0].advice


@pytest.mark.parametrize(
    "y",
    [NUMBER, 2 + 0.85 * NUMBER / NUMBER.std(), 0.5 * NUMBER, np.round(NUMBER), 5 * NUMBER],
    ids=["unit", "mean 2", "half", "whole", "5"],
)
@pytest.mark.parametrize("loss", ["squared_error", slow("huber")])
def test_targets_that_are_learned_raise_no_alarm(y, loss):
    report = diagnose(regressor(loss=loss), X, y)
    assert not report, str(report)


@pytest.mark.parametrize("mean", [0.1, 1.0, 20.0])
def test_counts_that_are_learned_raise_no_alarm(mean):
    counts = RNG.poisson(mean * np.exp(NUMBER / 2))
    assert not diagnose(regressor(loss="poisson"), X, counts)


def test_large_counts():
    counts = RNG.poisson(1e4 * np.exp(NUMBER / 2))
    report = diagnose(regressor(loss="poisson", learning_rate_init=0.001), X, counts)
    assert codes(report)[0] == "unscaled_targets"
    assert report.apply().bias_init == "output_prior"


OUT_OF_RANGE = {
    "tanh": 3 * NUMBER,
    "softsign": 3 * NUMBER,
    "sigmoid": 2.0 * LABEL - 1,
    "relu": NUMBER,
    "softplus": NUMBER - 3,
}


@pytest.mark.parametrize("output", OUT_OF_RANGE)
def test_targets_beyond_the_range_of_the_output(output):
    y = OUT_OF_RANGE[output]
    report = diagnose(network(output), X, y, optimizer="adam")
    assert codes(report)[0] == "output_range", str(report)
    mended = report.apply()
    Trainer(mended, Adam(0.01)).fit(X, y, max_epochs=60)
    errors = np.square(mended.predict(X).ravel() - y).mean() / y.var()
    assert errors < 0.3
    assert "output_range" not in codes(diagnose(network(output), X, within(output)))


def within(output):
    """Return targets that an output can have."""
    return np.abs(NUMBER) if output in ("relu", "softplus") else 0.5 + 0.5 * np.tanh(NUMBER)


@pytest.mark.parametrize(
    ("output", "loss", "n_outputs", "found"),
    [
        ("sigmoid", "sigmoid_cross_entropy", 1, True),
        ("relu", "sigmoid_cross_entropy", 1, True),
        ("sigmoid", "softmax_cross_entropy", 2, True),
        ("relu", "softmax_cross_entropy", 2, False),  # one logit of 0 is enough
        (None, "softmax_cross_entropy", 2, False),
        (None, "sigmoid_cross_entropy", 1, False),
    ],
)
def test_a_link_twice(output, loss, n_outputs, found):
    report = diagnose(network(output, loss, n_outputs), X, LABEL)
    assert codes(report) == (["output_range"] if found else [])


@pytest.mark.parametrize("output", ["relu", "softplus", "elu", "leaky_relu"])
def test_classes_whose_output_a_rectifier_cuts_off(output):
    inputs = DIGITS / 16
    net = Network([Dense(32, "relu"), Dense(10, output)]).initialize(64, random_state=0)
    report = diagnose(net, inputs, DIGIT, optimizer="adam")
    if output != "relu":  # with a slope everywhere
        assert not report, str(report)
        return
    assert codes(report) == ["output_range"], str(report)
    accuracies = []
    for trained in (net, report.apply()):
        Trainer(trained, "adam").fit(inputs, DIGIT, max_epochs=20)
        accuracies.append((trained.forward(inputs).argmax(axis=1) == DIGIT).mean())
    assert accuracies[0] < 0.8 < 0.95 < accuracies[1]
    after = diagnose(net, inputs, DIGIT, optimizer="adam")
    assert "output_range" in [one.code for one in (*after.findings, *after.remarks)]


# ---- answers at the start


@pytest.mark.parametrize(
    "model",
    [
        regressor(init=["he", {"name": "normal", "std": 20.0}], learning_rate_init=0.001),
        regressor(bias_init=["zeros", 30.0], learning_rate_init=0.001),
    ],
    ids=["weights", "biases"],
)
def test_answers_far_from_the_targets(model):
    report = diagnose(model, X, NUMBER)
    assert codes(report)[0] == "initial_loss_too_high", str(report)
    assert report.apply().fit(X, NUMBER).score(X, NUMBER) > 0.7


@pytest.mark.parametrize(
    "model",
    [
        classifier(dropout=0.95),
        classifier(hidden_layer_sizes=(64,) * 12, init={"name": "he", "gain": 2.0}),
        regressor(dropout=0.9),
    ],
    ids=["dropout", "exploding", "numbers"],
)
def test_first_losses_are_not_what_is_wrong(model):
    y = LABEL if isinstance(model, MinNetClassifier) else NUMBER
    assert "initial_loss_too_high" not in codes(diagnose(model, X, y))


def test_first_losses_that_the_first_steps_mend_raise_no_alarm():
    model = classifier(hidden_layer_sizes=(64, 64), bias_init={"name": "normal", "std": 5.0})
    inputs = StandardScaler().fit_transform(DIGITS)
    assert "initial_loss_too_high" not in codes(diagnose(model, inputs, DIGIT))


@pytest.mark.parametrize("activation", ["tanh", "softsign", slow("logistic")])
def test_large_inputs_that_saturate_and_are_learned_raise_no_alarm(activation):
    model = classifier(hidden_layer_sizes=(64, 64), activation=activation)
    assert not diagnose(model, DIGITS, DIGIT)


# ---- what is not the inputs' fault


@pytest.mark.parametrize("seed", [1, 2])
def test_a_rare_pixel_is_no_outlier(seed):
    report = diagnose(MinNetClassifier(max_iter=40, random_state=seed), 16 * DIGITS, DIGIT)
    assert "outliers" not in codes(report)


@pytest.mark.parametrize(
    "weights", [{"init": "zeros"}, {"bias_init": 1e4}, {"init": "ones"}], ids=str
)
@pytest.mark.parametrize("scale", [1 / 16, "standard"])
def test_a_broken_network_on_good_inputs(weights, scale):
    inputs = StandardScaler().fit_transform(DIGITS) if scale == "standard" else scale * DIGITS
    net = Network(
        [Dense(30, "relu"), Dense(30, "relu"), Dense(10)], "softmax_cross_entropy", **weights
    )
    net.initialize(64, random_state=0)
    found = codes(diagnose(net, inputs, DIGIT, optimizer="adam"))
    assert found
    assert not {"outliers", "unscaled_inputs"} & set(found)


def test_both_sides_of_a_comparison_start_alike():
    net = network().initialize(6, random_state=0)
    net.params[:] = 0  # by hand: what a Network was initialized with is not to blame
    assert not {"outliers", "unscaled_inputs"} & set(
        codes(diagnose(net, 3 * X, NUMBER, optimizer="adam"))
    )


# ---- what float64 cannot square, and rows that do not count


@pytest.mark.parametrize("factor", [1e300, 1e-300])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_inputs_whose_squares_are_no_numbers(factor, form):
    first = diagnose(classifier(), form(X[:200] * factor), LABEL[:200]).findings[0]
    assert first.code == "unscaled_inputs"
    assert np.isfinite(first.figure)
    assert ("MaxAbsScaler" if factor > 1 else "Divide X by 1e-300") in first.advice


@pytest.mark.parametrize("factor", [1e300, 1e-300])
def test_targets_whose_squares_are_no_numbers(factor):
    first = diagnose(regressor(), X[:200], NUMBER[:200] * factor).findings[0]
    assert first.code == "unscaled_targets"
    assert np.isfinite(first.figure)
    assert first.advice


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_targets_alike_of_the_rows_that_count(kind):
    model, y = (
        (classifier(), LABEL) if kind == "classes" else (regressor(), np.where(LABEL, 3, NUMBER))
    )
    assert codes(diagnose(model, X, y, LABEL.astype(float))) == ["targets_alike"]
    assert "targets_alike" not in codes(diagnose(model, X, y, np.where(LABEL, 1.0, 0.5)))


def test_what_follows_from_the_scale_of_inputs_is_mended_by_the_scaler():
    model = MinNetClassifier((50,) * 6, "tanh", random_state=0)
    cause, *others = diagnose(model, 60 * DIGITS[:400], DIGIT[:400]).findings
    assert cause.code == "unscaled_inputs"
    follows = next(finding for finding in others if finding.code == "vanishing_forward")
    assert (
        follows.advice
        == "What mends the cause mends this, too: a StandardScaler before the network."
    )
