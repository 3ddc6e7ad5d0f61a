"""What depth, dropout, normalization and frozen layers take: named, and mended by what is advised."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from minnet import BatchNorm, Dense, Dropout, LayerNorm, MinNetClassifier, MinNetRegressor, Network
from minnet.activations import Activation, LeakyRelu
from minnet.datasets import make_shapeset
from minnet.lab import diagnose
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.geometry import curvature, directions
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.weights import weights_to_try

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1500, 8))
Y = (X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) > 0).astype(int)
DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = DIGITS / 16


def classifier(*hidden, **options):
    return MinNetClassifier(hidden, random_state=0, **options)


def codes(report):
    return [finding.code for finding in report.findings]


# ---- what is measured


class Square(Activation):
    needs_Z = True

    def __call__(self, Z):
        return Z * Z

    def derivative(self, Z, Y):
        return 2 * Z


@pytest.mark.parametrize("sparse", [False, True])
def test_curvature_is_that_of_its_formula(sparse):
    from scipy.sparse import csr_matrix

    net = Network([Dense(1, Square(), init="ones"), Dense(1)]).initialize(1, random_state=0)
    rows = np.array([[0.0], [1.0], [2.0], [5.0]])  # pairs: 0 with 2, 1 with 5
    given = csr_matrix(rows) if sparse else rows
    bent = np.array([1 - 2, 9 - 13])  # of squares, at 1 and at 3
    apart = np.array([2, 12])
    expected = np.sqrt((bent**2).sum() / (apart**2).sum())
    assert curvature(net, given, 0) == pytest.approx(expected)
    line = Network([Dense(3), Dense(2)]).initialize(1, random_state=0)
    assert curvature(line, given, 1) == pytest.approx(0, abs=1e-12)


def test_directions():
    line = np.outer(np.arange(9.0), [1, 2, 3]) + 5
    assert directions(line) == pytest.approx(1)
    assert directions(np.ones((9, 3))) == 0
    assert directions(np.vstack([np.eye(4), -np.eye(4)])) == pytest.approx(4)


# ---- the paper's patient


def test_tanh_standard_is_a_weak_linear_start_and_softsign_is_not():
    images, shape = make_shapeset(300)

    def found(activation, init):
        model = classifier(
            *(150,) * 5, activation=activation, init=init, bias_init="zeros", solver="sgd",
            momentum=0.0, batch_size=10, learning_rate_init=0.03,
        )  # fmt: skip
        return diagnose(model, images, shape).findings

    tanh = found("tanh", "standard")[0]
    assert tanh.code == "vanishing_backward"
    assert tanh.figure == pytest.approx(3**-0.5, abs=0.05)  # theory: 1 / sqrt(3) a layer
    assert tanh.remedy.changes == {"init": "glorot"}
    for activation, init in (("softsign", "standard"), ("softsign", "glorot"), ("tanh", "glorot")):
        assert not found(activation, init)
    assert found("sigmoid", "standard")[0].code == "vanishing_backward"


# ---- directions that depth loses


@pytest.mark.slow
def test_orthogonal_weights_keep_the_directions_of_a_deep_stack():
    model = classifier(*(50,) * 100, activation="tanh", init="lecun", max_iter=15)
    report = diagnose(model, DIGITS, DIGIT)
    assert codes(report)[0] == "rank_collapse"
    assert report.findings[0].remedy.changes == {"init": "orthogonal"}
    assert model.fit(DIGITS, DIGIT).score(DIGITS, DIGIT) < 0.3
    # A hundred layers make much of rounding: above 0.9 with one kernel of the BLAS library that makes Q,
    # 0.68 with another.
    assert report.apply().fit(DIGITS, DIGIT).score(DIGITS, DIGIT) > 0.5


@pytest.mark.parametrize(
    ("activation", "init", "not_advised"),
    [
        ("relu", "he_uniform", "he_normal"),
        ("relu", {"name": "lecun", "gain": 2**0.5}, "he_normal"),
        ("tanh", "glorot_normal", "glorot"),
        ("tanh", "orthogonal", "orthogonal"),
        ("tanh", {"name": "uniform", "low": -(0.3**0.5), "high": 0.3**0.5}, "glorot"),
    ],
)
def test_a_law_that_is_there_is_not_advised(activation, init, not_advised):
    model = classifier(*(10,) * 12, activation=activation, init=init)
    rows = DIGITS[:50, 20:30]  # as many columns as units: the law is the same in all layers
    case = Case(Patient(model, rows, DIGIT[:50]))
    for depth in (False, True):
        alone = [remedy.changes for remedy in weights_to_try(case, depth=depth)]
        assert {"init": not_advised} not in alone


# ---- dropout, normalization, frozen layers


def _of_layers(rate):
    layers = [layer for _ in range(3) for layer in (Dense(50, "relu"), Dropout(rate))]
    return MinNetClassifier(layers=layers, random_state=0, max_iter=60)


with_dropout = pytest.mark.parametrize(
    "make",
    [
        lambda rate: classifier(50, 50, 50, dropout=rate, max_iter=60),
        lambda rate: classifier(50, 50, 50, dropout=rate, batch_norm=True, max_iter=60),
        _of_layers,
    ],
)


@pytest.mark.parametrize("fitted", [False, pytest.param(True, marks=pytest.mark.slow)])
@with_dropout
@pytest.mark.parametrize("rate", [0.8, 0.95])
def test_too_much_dropout(make, rate, fitted):
    model = make(rate)
    report = diagnose(model.fit(X, Y) if fitted else model, X, Y)
    assert codes(report)[0] == "too_much_dropout"
    assert report.apply().fit(X, Y).score(X, Y) > 0.8


@with_dropout
def test_not_too_much_dropout(make):
    assert "too_much_dropout" not in codes(diagnose(make(0.3), X, Y))


@pytest.mark.parametrize("rows", [1, 2])
def test_normalization_by_few_rows(rows):
    model = classifier(50, 50, batch_norm=True, batch_size=rows, max_iter=20)
    report = diagnose(model, X, Y)
    assert codes(report)[0] == "batch_norm_harms"
    assert report.apply().fit(X, Y).score(X, Y) > 0.9
    assert not diagnose(clone(model).set_params(batch_size=32, max_iter=200), X, Y)


@pytest.mark.parametrize("rows", [1, 2])
def test_normalization_of_rows_needs_no_others(rows):
    layers = [Dense(50), LayerNorm(), Dense(50), LayerNorm()]
    model = MinNetClassifier(layers=layers, batch_size=rows, max_iter=20, random_state=0)
    assert not diagnose(model, X, Y)


def test_deep_normalization():
    layers = [layer for _ in range(30) for layer in (Dense(30, "identity"), BatchNorm("relu"))]
    model = MinNetClassifier(layers=layers, batch_size=32, max_iter=20, random_state=0)
    report = diagnose(model, X, Y)
    assert codes(report)[0] == "batch_norm_harms"
    assert report.apply().fit(X, Y).score(X, Y) > 0.8


@pytest.mark.parametrize("frozen", [{"trainable": False}, {"lr_factor": 0.0}, {"lr_factor": 1e-7}])
@pytest.mark.parametrize("hidden", [4, 300])
def test_frozen_hidden_layers_are_named_where_they_harm(frozen, hidden):
    layers = []
    for units in (hidden, hidden):
        layer = Dense(units, "relu")
        for name, value in frozen.items():
            setattr(layer, name, value)
        layers.append(layer)
    model = MinNetClassifier(layers=layers, random_state=0)
    report = diagnose(model, DIGITS[:500], DIGIT[:500])
    assert codes(report) == (["frozen"] if hidden == 4 else [])
    if hidden == 4:
        mended, as_it_was = report.apply(), clone(model)
        mended.fit(DIGITS[:500], DIGIT[:500])
        assert mended.loss_ < 0.8 * as_it_was.fit(DIGITS[:500], DIGIT[:500]).loss_


# ---- linear


class Twice(Activation):
    def __call__(self, Z):
        return 2 * Z

    def derivative(self, Z, Y):
        return np.full_like(Y, 2.0)


@pytest.mark.parametrize("activation", ["identity", LeakyRelu(1.0), Twice()])
def test_what_is_linear_by_any_name(activation):
    net = Network([Dense(20, activation), Dense(2)]).initialize(8, random_state=0)
    assert codes(diagnose(net, X[:200], Y[:200])) == ["linear_network"]


def test_a_linear_autoencoder_is_meant():
    model = MinNetRegressor(hidden_layer_sizes=(3,), activation="identity", random_state=0)
    assert not diagnose(model, X[:200], X[:200])


@pytest.mark.slow
@pytest.mark.parametrize(
    "inputs", [DIGITS, (DIGITS - DIGITS.mean(axis=0)) * 3], ids=["pixels", "scaled"]
)
def test_directions_that_are_lost_where_a_little_is_learned_first(inputs):
    options = {"activation": "tanh", "init": "lecun_normal", "bias_init": "zeros"}
    model = classifier(*(50,) * 60, max_iter=10, batch_size=64, **options)
    report = diagnose(model, inputs, DIGIT)
    assert codes(report)[0] == "rank_collapse"
    assert report.findings[0].remedy.changes == {"init": "orthogonal"}
    assert report.apply().fit(inputs, DIGIT).score(inputs, DIGIT) > 0.6


@pytest.mark.parametrize("std", [0.03, 0.5])
def test_signals_that_fade_or_grow_are_no_loss_of_directions(std):
    model = classifier(*(64,) * 25, activation="relu", init={"name": "normal", "std": std})
    found = codes(diagnose(model, DIGITS, DIGIT))
    assert found[0] == ("vanishing_forward" if std < 0.1 else "exploding_forward")
    assert "rank_collapse" not in found


def test_no_factor_of_signals_that_are_gone_at_once():
    report = diagnose(classifier(50, 50, 50, init="zeros"), DIGITS, DIGIT)
    vanishing = report.findings[codes(report).index("vanishing_forward")]
    assert "factor" not in vanishing.sentence
