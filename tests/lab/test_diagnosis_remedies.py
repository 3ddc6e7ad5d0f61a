"""Advice as a change that is made: of every kind, on every kind of model; nothing else changes by it."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Trainer,
)
from minnet.callbacks import Callback
from minnet.initializers import HeNormal
from minnet.lab import diagnose
from minnet.lab.diagnosis import Remedy
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.trial import training_of
from minnet.layers import Layer, Parameter

pytestmark = pytest.mark.filterwarnings(
    "error", "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Persisting input"
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = RNG.integers(0, 3, size=60)
DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS, DIGIT = DIGITS[:100] / 16, DIGIT[:100]


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    """Which remedy is best does not matter here but in one test."""
    monkeypatch.setattr("minnet.lab.diagnosis.proof._STEPS", 40)


class Scale(Layer):
    def parameters(self, n_inputs):
        return {"g": Parameter((n_inputs,), init="ones")}

    def forward(self, X, ctx):
        ctx.X = X
        return X * self.g

    def backward(self, dY, ctx):
        ctx.dg = (dY * ctx.X).sum(axis=0)
        return dY * self.g


def classifier(*args, **options):
    return MinNetClassifier(*args, max_iter=2, random_state=0, **options)


SIZES = (5, 6, 7)
MODELS = {
    "sizes": classifier(SIZES),
    "lists of initializers": classifier(
        SIZES,
        init=["he", "glorot", "zeros", "ones"],
        bias_init=["zeros", "ones", "zeros", "zeros"],
    ),
    "arrays, functions, dicts": classifier(
        (4, 4, 4),
        init=[
            np.eye(4),
            HeNormal(gain=0.5),
            lambda shape, rng: rng.normal(size=shape),
            {"name": "normal", "std": 0.1},
        ],
    ),
    "identity": classifier(SIZES, "identity"),
    "batch_norm and dropout": classifier(SIZES, batch_norm=True, dropout=0.2),
    "layers that name nothing": classifier(
        layers=[Dense(5), BatchNorm(), Dropout(0.3), Dense(6), Scale(), Dense(7)],
        activation="tanh",
    ),
    "layer normalization": classifier(layers=[Dense(5), LayerNorm(), Dense(6), LayerNorm("tanh")]),
    "layers that name all": classifier(
        layers=[
            Dense(5, "tanh", init="he", bias_init="ones"),
            BatchNorm("relu"),
            Dropout(0.3),
            Dense(6, "selu", trainable=False),
            Scale(),
            Dense(7, "identity", lr_factor=0.0, bias_lr_factor=0.0),
        ]
    ),
    "layers and lists": classifier(
        layers=[Dense(5, "tanh", init="he", bias_init="ones"), Dense(6, "tanh"), Dense(7, "relu")],
        init=[None, "glorot", "he", "zeros"],
        bias_init=[None, "zeros", "ones", "zeros"],
    ),
    "a pipeline": make_pipeline(StandardScaler(), classifier(SIZES)),
    "a pipeline of one step": make_pipeline(classifier(SIZES)),
    "a pipeline with all": Pipeline(
        [
            ("one", ColumnTransformer([("s", StandardScaler(), [0])], remainder="passthrough")),
            ("two", "passthrough"),
            ("standardscaler", StandardScaler()),
            ("network", classifier(SIZES)),
        ]
    ),
    "a regressor": MinNetRegressor(hidden_layer_sizes=SIZES, max_iter=2, random_state=0),
    "sgd": classifier(SIZES, solver="sgd", momentum=0.5, learning_rate="invscaling", power_t=0.3),
    "an optimizer": classifier(SIZES, solver=SGD(0.1, momentum=0.5)),
    "an optimizer that decays": classifier(SIZES, solver=AdamW(0.1), weight_decay=0.1),
    "lbfgs": classifier(SIZES, solver="lbfgs"),
    "a network": Network(
        [
            Dense(5, "tanh", init="he"),
            BatchNorm(),
            Dropout(0.2),
            Dense(6, "relu"),
            Scale(),
            Dense(3),
        ],
        init=[None, "glorot", "ones"],
        bias_init=["ones"] * 3,
    ).initialize(4, random_state=3),
    "a network in single precision": Network([Dense(5, "tanh"), Dense(3)]).initialize(
        4, random_state=3, dtype="float32"
    ),
    "a network without weights": Network([Dense(5, "tanh"), Dense(6, "relu"), Dense(3)]),
    "a linear network": Network([Dense(5), Dense(6), Dense(3)]).initialize(4, random_state=3),
}
CHANGES = [
    {"init": "he_normal"},
    {"init": "auto", "bias_init": "auto"},
    {"bias_init": "output_prior"},
    {"hidden_layers": 1},
    {"hidden_layers": 2},
    {"hidden_layers": 9},
    {"batch_norm": True},
    {"batch_norm": False},
    {"dropout": 0.0},
    {"dropout": 0.4},
    {"activation": "leaky_relu"},
    {"trainable": True},
    {"scaler": StandardScaler()},
    {"scaler": MaxAbsScaler()},
    {"learning_rate_init": 0.02},
    {"learning_rate": "constant"},
    {"momentum": 0.1},
    {"solver": "adam"},
    {"alpha": 0.01},
    {"weight_decay": 0.0},
    {"batch_size": 7},
    {"clip_norm": None},
    {"max_iter": 3},
    {"shuffle": True},
    {"scale_targets": True},
]


def refused(model, change):
    """Whether there is no such model."""
    last = model[-1] if isinstance(model, Pipeline) else model
    (name, *_) = change
    if isinstance(last, Network):
        own = ("init", "bias_init", "alpha", "hidden_layers", "batch_norm", "dropout", "activation",
               "trainable")  # fmt: skip
        return name not in own
    solver = last.solver
    if name == "momentum":
        return not (solver == "sgd" or isinstance(solver, SGD))
    if name in ("learning_rate_init", "batch_size"):
        return solver == "lbfgs"
    return name == "scale_targets" and isinstance(last, MinNetClassifier)


def refused_by_lbfgs(model, change):
    """Whether the solver takes no such network: that its fit says."""
    adds = change.get("batch_norm") or change.get("dropout")
    return adds and getattr(model, "solver", "") == "lbfgs"


def state_of(model):
    params = model.params.copy() if hasattr(model, "params") else None
    return (
        repr(model),
        [layer.get_config() for layer in getattr(model, "layers", None) or ()],
        params,
    )


def hidden_of(model):
    """The layers of a network that the model makes."""
    last = model[-1] if isinstance(model, Pipeline) else model
    return last.layers[:-1] if isinstance(last, Network) else last.network_.layers[:-1]


def assert_changed(model, change):
    last = model[-1] if isinstance(model, Pipeline) else model
    hidden = hidden_of(model)
    dense = [layer for layer in hidden if layer.fully_connected]
    for name, value in change.items():
        if name == "hidden_layers":
            assert len(dense) == min(value, len(dense))
        elif name == "batch_norm":
            of_batch = [layer for layer in hidden if layer.normalizes and layer.differs_in_training]
            of_rows = sum(
                isinstance(layer, LayerNorm) for layer in hidden
            )  # which stay as they are
            assert len(of_batch) == (len(dense) - of_rows if value else 0)
        elif name == "dropout":
            rates = [layer.rate for layer in hidden if isinstance(layer, Dropout)]
            assert set(rates) == ({value} if value else set())
        elif name == "activation":
            own = [layer.activation for layer in hidden if layer.takes_activation]
            assert any(type(one).__name__ == "LeakyRelu" for one in own)
        elif name == "trainable":
            assert all(layer.trainable and layer.lr_factor > 0 for layer in hidden)
        elif name == "scaler":
            assert type(model[-2]) is type(value)
        elif name in ("learning_rate_init", "momentum") and not isinstance(last.solver, str):
            assert getattr(last.solver, name.removesuffix("_init")) == value
        elif name in ("init", "bias_init"):
            assert getattr(last, name) == value
            assert all(getattr(layer, name) is None for layer in dense)
        else:
            assert getattr(last, name) == value


@pytest.mark.parametrize(
    "model",
    [None, "a text", (classifier(), classifier()), [classifier()], MinNetClassifier]
    + [StandardScaler(), make_pipeline(MaxAbsScaler(), StandardScaler())],
    ids=lambda model: type(model).__name__,
)
def test_what_is_no_model_is_said(model):
    with pytest.raises(TypeError, match=r"^model must be a Network, .*, got \w+$"):
        Remedy({"init": "he_normal"}).apply(model)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_change_of_every_model(name, change):
    model = MODELS[name]
    before = state_of(model)
    if refused(model, change):
        with pytest.raises(ValueError, match=r"model must be|Invalid parameter"):
            Remedy(change).apply(model)
        return
    new = Remedy(change).apply(model)
    after = state_of(model)
    assert after[:2] == before[:2]
    assert np.array_equal(after[2], before[2]) or before[2] is None
    assert new is not model
    if refused_by_lbfgs(model, change):
        with pytest.raises(ValueError, match="lbfgs"):
            new.fit(X, Y)
        return
    if isinstance(new, Network):
        assert hasattr(new, "params") == hasattr(model, "params")
        if hasattr(new, "params"):
            assert new.dtype == model.dtype
            assert new.key == model.key  # so that what did not change is drawn alike
        else:
            new.initialize(4, random_state=0)
        Trainer(new).fit(X, Y, max_epochs=2)
    else:
        last = new[-1] if isinstance(new, Pipeline) else new
        assert not hasattr(last, "network_")
        new.fit(X, Y)
    assert_changed(new, change)


def test_what_does_not_change_is_drawn_alike():
    model = classifier(SIZES, init=["he", "glorot", "glorot", "he"])
    fewer = Remedy({"hidden_layers": 2}).apply(model)
    assert fewer.init == ["he", "glorot", "he"]
    whole, part = (each.initialize(X, Y).coefs_ for each in (clone(model), fewer))
    assert all(np.array_equal(a, b) for a, b in zip(whole[:2], part, strict=False))
    net = Network([Dense(5, "relu"), Dense(6, "relu"), Dense(3)]).initialize(4, random_state=5)
    other = Remedy({"activation": "leaky_relu"}).apply(net)
    assert np.array_equal(net.params, other.params)


def test_what_has_no_effect_any_more_goes_to_its_default():
    model = classifier(SIZES, solver="sgd", momentum=0.5, nesterovs_momentum=False)
    new = Remedy({"solver": "adam"}).apply(model)
    assert (new.momentum, new.nesterovs_momentum) == (0.9, True)


def test_the_scaler_of_a_pipeline_has_a_name_of_its_own():
    new = Remedy({"scaler": StandardScaler()}).apply(MODELS["a pipeline with all"])
    assert [*new.named_steps] == ["one", "two", "standardscaler", "standardscaler_", "network"]


def test_a_pipeline_keeps_its_memory_and_nothing_is_written_there(tmp_path):
    model = Pipeline([("s", MaxAbsScaler()), ("n", broken())], memory=str(tmp_path))
    report = diagnose(model, DIGITS, DIGIT)
    assert report.apply().memory == str(tmp_path)
    assert not [*tmp_path.iterdir()]


# ---- nothing but the remedy is tried


def broken(**options):
    given = {"init": "glorot", "random_state": 0, **options}
    return MinNetClassifier((24,) * 20, **given)


def raises(*args, **kwargs):
    raise AssertionError("called")


class Raises(Callback):
    begin = setup = end = abort = raises


@pytest.mark.parametrize("fitted", [False, True])
def test_nobody_is_called_and_nothing_said(fitted, capsys):
    model = broken(init="zeros", max_iter=2, n_threads=1)
    if fitted:
        model.fit(DIGITS, DIGIT)
    model.set_params(
        verbose=2, early_stopping=True, scoring=raises, warm_start=True, backend="numpy"
    )
    report = diagnose(model.set_callbacks(Raises()), DIGITS, DIGIT, train=60)
    assert report.findings[0].remedy is not None
    assert capsys.readouterr() == ("", "")
    new = report.apply()
    assert (new.verbose, new.scoring, new.backend, new.warm_start) == (2, raises, "numpy", True)
    assert not hasattr(new, "network_")


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(3)], ids=["None", "object"])
def test_random_numbers_of_the_user_stay(random_state):
    np.random.seed(5)  # noqa: NPY002  # whether the global generator is left alone
    states = [np.random.get_state()[1].copy()]  # noqa: NPY002
    if random_state is not None:
        states.append(random_state.get_state()[1].copy())
    model = broken(random_state=random_state)
    said = str(diagnose(model, DIGITS, DIGIT))
    assert np.array_equal(np.random.get_state()[1], states[0])  # noqa: NPY002
    if random_state is not None:
        assert np.array_equal(random_state.get_state()[1], states[1])
    assert str(diagnose(model, DIGITS, DIGIT)) == said
    applied = diagnose(model, DIGITS, DIGIT).apply().random_state
    assert (applied is None) == (random_state is None)


# ---- when remedies are tried


def test_remedies_are_of_the_model_as_it_was_given():
    model, A, y = broken(), DIGITS.copy(), DIGIT.copy()
    expected = str(diagnose(model, A, y))
    report = diagnose(model, A, y)
    model.set_params(init="zeros").fit(A, y)
    A *= 1e6
    y[:] = 0
    assert str(report) == expected
    assert report.apply().hidden_layer_sizes == broken().hidden_layer_sizes


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_reports_and_findings_are_copied_with_what_was_tried(copied):
    report = diagnose(broken(), DIGITS, DIGIT)
    again = copied(report)
    assert again == report
    assert str(again) == str(report)
    assert again.apply().get_params() == report.apply().get_params()
    finding = copied(report.findings[0])
    assert finding == report.findings[0]
    assert finding.remedy == report.findings[0].remedy
    assert report != diagnose(broken(init="zeros"), DIGITS, DIGIT)


def test_threads_get_the_same():
    report, said = diagnose(broken(), DIGITS, DIGIT), []
    threads = [threading.Thread(target=lambda: said.append(str(report))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 4
    assert len(set(said)) == 1


def test_the_data_go_when_all_is_tried():
    report = diagnose(broken(), DIGITS, DIGIT)
    proof = weakref.ref(report._combine.__self__)
    assert proof() is not None
    str(report)
    gc.collect()
    assert proof() is None
    assert report.apply(all=True).init == report.apply().init


def test_ctrl_c_leaves_it_to_be_asked_again(monkeypatch):
    report = diagnose(broken(), DIGITS, DIGIT)
    pressed = []

    def interrupted(*args):
        pressed.append(1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("minnet.lab.diagnosis.proof.examine", interrupted)
        with pytest.raises(KeyboardInterrupt):
            str(report)
    assert pressed
    assert str(report) == str(diagnose(broken(), DIGITS, DIGIT))


# ---- short trainings


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "lbfgs"},
        {"batch_size": 1},
        {"batch_size": 7, "shuffle": False, "early_stopping": True},
        {"learning_rate": "adaptive", "solver": "sgd"},
        {"solver": SGD(0.1), "n_iter_no_change": np.inf},
    ],
    ids=str,
)
def test_a_training_has_the_steps_that_it_says(options):
    patient = Patient(MinNetClassifier((8,), random_state=0, **options), DIGITS, DIGIT)
    trials = [training_of(patient, 23, np.inf) for _ in range(2)]
    assert trials[0].n_steps == 23
    assert trials[0].outcome == trials[1].outcome
    assert training_of(patient, 23, 1.0) is None
    assert patient.estimator.max_iter == 200


def test_large_networks_take_fewer_steps():
    patient = Patient(MinNetClassifier((500, 500), random_state=0), DIGITS, DIGIT)
    assert training_of(patient, 10**6, 3e9).n_steps < 30
    S = sparse.random(300, 20000, density=1e-3, random_state=0, format="csr")
    wide = Patient(MinNetClassifier((20,), random_state=0), S, np.arange(300) % 2)
    assert training_of(wide, 10**6, 2e8).n_steps < 50  # though a row has 20 numbers


def test_rows_of_a_training_have_all_classes_and_no_period():
    y = np.arange(1999) % 2
    y[7] = 2
    weights = np.ones(1999)
    weights[:900] = 0
    weights[7] = 1
    model = MinNetClassifier((4,), random_state=0)
    few = Patient(model, np.arange(1999.0)[:, np.newaxis], y, weights).of_rows(1000)
    assert len(few.y) == len(few.X) == 1000
    assert sorted(np.unique(few.y)) == [0, 1, 2]
    assert 0.4 < (few.y == 0).mean() < 0.6
    assert (few.sample_weight > 0).all()
    assert (np.diff(few.X.ravel()) > 0).all()  # in their order


class Fails(Scale):
    def backward(self, dY, ctx):
        raise MemoryError("too little")


def test_layers_that_fail_are_no_reason_for_a_traceback():
    """In trainings; what the layer raises in the pass that is measured is the user's to see."""
    model = MinNetClassifier(layers=[Dense(8, "relu"), Fails()], random_state=0)
    trial = training_of(Patient(model, DIGITS, DIGIT), 20, np.inf)
    assert trial.outcome == np.inf
    assert trial.model is None


# ---- what is said


def test_a_remedy_that_changes_nothing_is_none():
    """glorot is what "auto" makes here."""
    shallow = MinNetClassifier((64,) * 3, init="glorot", bias_init="zeros", random_state=0)
    proof = diagnose(shallow, DIGITS, DIGIT)._combine.__self__
    assert proof._with(Remedy({"init": "glorot_uniform"})).same
    assert proof._with(Remedy({"learning_rate_init": 0.001})).same
    assert not proof._with(Remedy({"learning_rate_init": 0.002})).same
    assert not proof._with(Remedy({"init": "he"})).same
    scaled = make_pipeline(StandardScaler(), shallow)
    proof = diagnose(scaled, DIGITS, DIGIT)._combine.__self__
    assert proof._with(Remedy({"scaler": StandardScaler()})).same


def test_training_says_by_how_much_the_losses_differ():
    held = {"X_val": DIGITS[80:], "y_val": DIGIT[80:]}
    first = diagnose(broken(), DIGITS[:80], DIGIT[:80], train=60, **held).findings[0]
    before, after = first.advice.split(": after ")
    assert before.startswith("Set init=")
    assert "times that of the best constant answer, and" in after
    assert "held out" in after


def test_what_does_not_train_better_is_not_said(monkeypatch):
    monkeypatch.setattr("minnet.lab.diagnosis.proof._LOWER", 0.0)
    finding = diagnose(broken(), DIGITS, DIGIT, train=60).findings[0]
    assert finding.remedy is None
    assert "not better" in finding.advice


@pytest.mark.parametrize("train", [-1, np.nan, np.inf, "yes", None, [1.0]])
def test_train_is_a_flag_or_seconds(train):
    with pytest.raises(ValueError, match="train must be True, False or a number of seconds"):
        diagnose(broken(), DIGITS, DIGIT, train=train)


@pytest.mark.slow
def test_the_remedy_does_not_depend_on_the_seed(monkeypatch):
    """Nearly as good ones stay in the order of the check."""
    monkeypatch.setattr("minnet.lab.diagnosis.proof._STEPS", 300)
    found = [diagnose(broken(random_state=seed), DIGITS, DIGIT).findings[0] for seed in range(5)]
    said = {repr(finding.remedy.changes["init"]) for finding in found}
    assert len(said) <= 2, said


def test_all_remedies_together_bring_nothing_new():
    model = broken(solver="sgd", learning_rate_init=1e-9)
    report = diagnose(model, DIGITS, DIGIT)
    assert len(report.findings) > 1
    again = diagnose(report.apply(all=True), DIGITS, DIGIT)
    assert {f.code for f in again.findings} < {f.code for f in report.findings}


def test_what_has_gone_with_the_first_remedy_needs_none():
    """The rate that large counts bear is too low for scaled ones."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, 800)
    counts = rng.poisson(300 * rng.gamma(0.3, size=(4, 200))[group]).astype(float)
    model = MinNetClassifier((50,), solver="sgd", learning_rate_init=0.1, random_state=0)
    report = diagnose(model, sparse.csr_matrix(counts), group)
    assert [f.code for f in report.findings] == ["unscaled_inputs", "learning_rate_too_high"]
    assert repr(report.apply(all=True)) == repr(report.apply())


# ---- networks


def test_a_network_gets_what_it_can_have():
    net = Network([Dense(64, "relu", init="glorot")] * 12 + [Dense(10)]).initialize(64, 0)
    new = diagnose(net, DIGITS, DIGIT, optimizer="adam").apply()
    assert isinstance(new, Network)
    assert new.init == "he_normal"
    fast = Network([Dense(64, "relu"), Dense(10)]).initialize(64, 0)
    report = diagnose(fast, DIGITS, DIGIT, optimizer=Adam(5.0))
    assert set(report.findings[0].remedy.changes) == {"learning_rate_init"}
    with pytest.raises(ValueError, match=r"of its data or training: Set learning_rate=.* of the"):
        report.apply()
    large = diagnose(fast, 1000 * DIGITS, DIGIT)
    assert "StandardScaler" in large.findings[0].advice
    with pytest.raises(ValueError, match="Put a StandardScaler before the network"):
        large.apply()


def test_a_healthy_network_has_no_remedy():
    report = diagnose(MinNetClassifier((64,), random_state=0), DIGITS, DIGIT)
    with pytest.raises(ValueError, match="nothing is wrong"):
        report.apply()
    with pytest.raises(ValueError, match="all must be True or False, got 'yes'"):
        diagnose(broken(), DIGITS, DIGIT).apply(all="yes")
