"""No argument is without effect in silence: set, it changes what is fitted, raises or warns."""

import functools
import inspect
import itertools
import re
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from minnet import (
    SGD,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Trainer,
)
from minnet.estimators.effects import EFFECTS, EFFECTS_IN_LAYERS
from minnet.optimizers import AdamW, RMSProp
from minnet.schedules import Cosine, FlatThenCosine, StepDecay, WarmUp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.8).astype(int)
R = 3 + X[:, 0] + X[:, 1] ** 2
X_VAL, Y_VAL, R_VAL = X[::3] + 0.1, Y[::3], R[::3]

BASE = {"max_iter": 5, "batch_size": 9, "random_state": 0, "learning_rate_init": 0.01}


def slow(step):
    return 0.05


#: Values of each argument away from its default, with what else is set in both fits.
VALUES = {
    "loss": [("squared_error", {}), ("huber", {})],
    "hidden_layer_sizes": [((3,), {})],
    "activation": [("tanh", {})],
    "solver": [("sgd", {}), (Adam(0.1), {}), ("lbfgs", {})],
    "alpha": [(1.0, {})],
    "batch_size": [(5, {})],
    "learning_rate": [
        ("adaptive", {"tol": 10, "n_iter_no_change": 1}),
        ("adaptive", {"n_iter_no_change": np.inf}),
        ("invscaling", {}),
        ("invscaling", {"n_iter_no_change": np.inf}),
        (Cosine(5), {}),
        (slow, {}),
    ],
    "learning_rate_init": [(0.1, {}), (0.1, {"learning_rate": Cosine(9)}), (0.1, {"learning_rate": slow})],
    "power_t": [(0.1, {}), (0.1, {"learning_rate": "invscaling"}), (0.1, {"learning_rate": "adaptive"})],
    "max_iter": [(3, {})],
    "shuffle": [(False, {})],
    "random_state": [(1, {})],
    "tol": [
        (10, {"n_iter_no_change": 1, "scoring": "loss"}),
        (10, {"n_iter_no_change": np.inf}),
        (10, {"n_iter_no_change": 1, "keep": "last"}),
        (10, {"n_iter_no_change": 1, "keep": "last", "learning_rate": "adaptive"}),
    ],
    "momentum": [(0.5, {}), (0.0, {})],
    "nesterovs_momentum": [(False, {}), (False, {"momentum": 0.0})],
    "early_stopping": [(True, {})],
    "validation_fraction": [(0.3, {})],
    "beta_1": [(0.5, {})],
    "beta_2": [(0.5, {})],
    "epsilon": [(0.1, {})],
    "n_iter_no_change": [
        (1, {"tol": 10}),
        (1, {"tol": 10, "keep": "last"}),
        (1, {"tol": 10, "keep": "last", "learning_rate": "adaptive"}),
    ],
    "max_fun": [(2, {})],
    "init": [("orthogonal", {}), (["he", "he"], {})],
    "bias_init": [(0.5, {})],
    "layers": [([Dense(4, "tanh")], {})],
    "output_layer": [({"init": "he"}, {})],
    "dropout": [(0.5, {})],
    "batch_norm": [(True, {})],
    "class_weight": [({0: 5.0}, {}), ("balanced", {})],
    "weight_decay": [(0.5, {})],
    "clip_norm": [(1e-3, {})],
    "clip_value": [(1e-3, {})],
    "scale_targets": [(True, {})],
    "keep": [("last", {"tol": 10, "n_iter_no_change": 1})],
    "n_networks": [(2, {}), (2, {"keep": "last"})],
    "preset": [("tables", {})],
    "precision": [("bf16", {}), ("bf16", {"hidden_layer_sizes": (20, 16)})],
    "scoring": [("loss", {}), (lambda estimator, X, y, sample_weight=None: 0.5, {})],
}  # fmt: skip

#: Those that need not change what is fitted, and why.
OTHERWISE = {
    "verbose": "it prints",
    "calibrate": "it divides the logits for probabilities; without a validation set it is refused",
    "warm_start": "it is for the next fit",
    "backend": "the backends compute the same numbers; fit_info_ says which one did",
    "n_threads": "the bits are the same for any number, which is a promise",
}

SOLVERS = ["sgd", "adam", "adamw", "rmsprop", "lbfgs", SGD(0.02, 0.5)]
#: Further settings, and whether ``fit`` is given a validation set.
SETTINGS = [
    ({}, False),
    ({}, True),
    ({"early_stopping": True}, False),
    ({"early_stopping": True}, True),
    ({"hidden_layer_sizes": ()}, False),
    ({"layers": [Dense(5, "tanh"), Dense(3)]}, False),
    ({"layers": [Dense(5, "tanh"), BatchNorm("relu")]}, False),
    ({"backend": "numpy"}, False),
]

estimators = pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])


def outcome(cls, options, held=False, fit=None):
    """Return the bits of a fit and what was told of it; None for the bits where it raised."""
    y, y_val = (Y, Y_VAL) if cls is MinNetClassifier else (R, R_VAL)
    data = {"X_val": X_VAL, "y_val": y_val} if held else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            est = cls(**options)
            est = est.fit(X, y, **data) if fit is None else fit(est, y)
        except (TypeError, ValueError) as error:
            return None, [str(error)]
    names = (
        "loss_",
        "best_loss_",
        "loss_curve_",
        "n_iter_",
        "validation_scores_",
        "validation_loss_curve_",
    )
    numbers = [getattr(est, name, None) for name in names]
    said = [str(each.message) for each in caught]
    return (est.network_.params.tobytes(), est.network_.state.tobytes(), repr(numbers)), said


@functools.cache
def settings(cls, name):
    """Return the settings of fits, each with what came of it and another value of the argument."""
    first, *others = VALUES[name]
    if cls is MinNetRegressor and name not in ("loss", "scale_targets"):
        every = itertools.product(
            [first], ["sgd", "adam"], SETTINGS[1:3]
        )  # all else as in a classifier
    else:
        every = itertools.chain(
            itertools.product([first], SOLVERS, SETTINGS),
            itertools.product(others, ["sgd", "adam", "lbfgs"], SETTINGS[:3:2]),
        )
    default = inspect.signature(cls).parameters[name].default
    found = []
    for (value, beside), solver, (setting, held) in every:
        base = BASE | {"solver": solver} | setting | beside
        if not isinstance(solver, str):
            del base["learning_rate_init"]
        before = _known(cls, base, held)
        if before[0] is not None and base.get(name, default) != value:
            found.append((base, held, before, value))
    return found


_outcomes = {}


def _known(cls, base, held):
    key = cls, repr(base), held
    if key not in _outcomes:
        _outcomes[key] = outcome(cls, base, held)
    return _outcomes[key]


@estimators
@pytest.mark.parametrize("name", VALUES)
def test_every_argument_in_every_setting(cls, name):
    if name not in inspect.signature(cls).parameters:
        pytest.skip("not its argument")
    n_told = 0
    for base, held, (before, _), value in settings(cls, name):
        after, told = outcome(cls, base | {name: value}, held)
        mine = [said for said in told if said.startswith(f"{name}={value!r:.100} has no effect")]
        where = f"{name}={value!r} beside {base}, X_val {held}: {told}"
        assert len(mine) == (after == before), where
        n_told += len(mine) + (after is None)
    assert n_told or name not in EFFECTS or cls is MinNetRegressor


@estimators
def test_every_argument_is_in_the_product(cls):
    names = set(inspect.signature(cls).parameters)
    assert names <= VALUES.keys() | OTHERWISE.keys()
    assert EFFECTS.keys() <= names


@estimators
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_defaults_are_told_nothing(cls, solver):
    bits, told = outcome(cls, {"solver": solver, "max_iter": 2})
    assert bits
    assert told == []


OF_BOTH = {"activation": "relu", "lr_factor": 0.5, "trainable": False}
OF_LAYERS = [
    (Dense(5, "tanh"), OF_BOTH | {"units": 4, "init": "he", "bias_init": 0.5, "bias_lr_factor": 0.5}),
    (Dense(5, "tanh"), {"decay_factor": 0.5}),
    (BatchNorm("tanh"), OF_BOTH | {"momentum": 0.5, "epsilon": 0.1}),
    (LayerNorm("tanh"), OF_BOTH | {"epsilon": 0.1}),
    (Dropout(), {"rate": 0.2}),
]  # fmt: skip


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize(
    ("layer", "name", "value", "beside"),
    [
        (layer, name, value, beside)
        for layer, values in OF_LAYERS
        for name, value in values.items()
        for beside in ([{}, {"weight_decay": 0.1}] if name == "decay_factor" else [{}])
    ],
)
def test_every_argument_of_a_layer(solver, layer, name, value, beside, trainable):
    if not trainable and (name == "trainable" or not hasattr(type(layer), "trainable")):
        pytest.skip("it is so")
    layer = layer.copy()
    layer.trainable = trainable
    options = BASE | {"solver": solver, "layers": [Dense(5), layer]} | beside
    before, _ = outcome(MinNetClassifier, options)
    changed = MinNetClassifier(**options).set_params(**{f"layers__1__{name}": value})
    after, told = outcome(MinNetClassifier, changed.get_params(deep=False))
    has_none = any(said.startswith(f"layers[1].{name}=") for said in told)
    assert has_none == (after is not None and after == before)


OF_OUTPUT = {
    "init": "he",
    "bias_init": 0.5,
    "trainable": False,
    "lr_factor": 0.5,
    "bias_lr_factor": 0.5,
}


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize(
    ("name", "value", "beside"),
    [
        *((name, value, {}) for name, value in OF_OUTPUT.items()),
        ("decay_factor", 0.5, {}),
        ("decay_factor", 0.5, {"weight_decay": 0.1}),
    ],
)
def test_every_argument_of_the_output_layer(solver, name, value, beside, trainable):
    if not trainable and name == "trainable":
        pytest.skip("it is so")
    options = BASE | {"solver": solver, "hidden_layer_sizes": (4,)} | beside
    given = {} if trainable else {"trainable": False}
    before, _ = outcome(MinNetClassifier, options | {"output_layer": given})
    after, told = outcome(MinNetClassifier, options | {"output_layer": given | {name: value}})
    has_none = any(said.startswith(f"output_layer[{name!r}]=") for said in told)
    assert has_none == (after is not None and after == before)


OBJECTS = [
    (SGD(0.02, 0.5), {"learning_rate": 0.1, "momentum": 0.8, "nesterov": True}),
    (Adam(0.02), {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.5, "epsilon": 0.1}),
    (AdamW(0.02), {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.5, "epsilon": 0.1, "weight_decay": 1}),
    (RMSProp(0.02), {"learning_rate": 0.1, "rho": 0.5, "momentum": 0.5, "epsilon": 0.1}),
    (Cosine(9), {"n_steps": 4, "final": 0.5}),
    (FlatThenCosine(), {"flat": 0.1, "n_steps": 4, "final": 0.5}),
    (StepDecay(3), {"n_steps": 4, "factor": 0.5}),
    (WarmUp(3), {"n_steps": 4, "then": Cosine(4), "start": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [(given, name, value) for given, values in OBJECTS for name, value in values.items()],
)
def test_every_argument_of_an_optimizer_or_schedule(given, name, value):
    argument = "learning_rate" if hasattr(given, "rates") else "solver"
    options = {"max_iter": 4, "batch_size": 9, "random_state": 0, argument: given}
    before, _ = outcome(MinNetRegressor, options)
    changed = MinNetRegressor(**options).set_params(**{f"{argument}__{name}": value})
    after, told = outcome(MinNetRegressor, changed.get_params(deep=False))
    assert after != before
    assert told == []


def test_nesterov_without_momentum():
    options = {"max_iter": 2, "random_state": 0}
    before, _ = outcome(MinNetRegressor, options | {"solver": SGD(0.1)})
    after, told = outcome(MinNetRegressor, options | {"solver": SGD(0.1, nesterov=True)})
    assert after == before
    assert told == ["nesterov=True has no effect with momentum=0: it needs a momentum above 0"]


@pytest.mark.parametrize(
    ("argument", "make"),
    [
        (
            "init",
            lambda: Network([Dense(2, init="he"), Dense(1, init="he")], init="zeros").initialize(3),
        ),
        ("init", lambda: Network([Dropout()], init="zeros").initialize(3)),
        ("bias_init", lambda: Network([Dense(2, bias_init="ones")], bias_init=0.1).initialize(3)),
        ("power_t", lambda: Trainer(Network([Dense(2)]).initialize(3), power_t=0.3)),
        (
            "power_t",
            lambda: Trainer(Network([Dense(2)]).initialize(3), learning_rate=slow, power_t=0.3),
        ),
    ],
)
def test_a_network_and_a_trainer_refuse_what_they_cannot_use(argument, make):
    with pytest.raises(ValueError, match=f"^{argument} must be left at "):
        make()


# ---- arguments that a call reads no more


def test_partial_fit_tells_that_the_optimizer_stays():
    def second(**changes):
        return lambda est, y: est.partial_fit(X, y).set_params(**changes).partial_fit(X, y)

    others = [{"learning_rate": Cosine(4)}, {"beta_1": 0.5}, {"init": "zeros"}]
    for changes in ({"learning_rate_init": 0.1}, {"solver": "sgd"}, *others):
        before, _ = outcome(MinNetRegressor, {"random_state": 0}, fit=second())
        after, told = outcome(MinNetRegressor, {"random_state": 0}, fit=second(**changes))
        assert after == before
        assert ["has no effect" in said for said in told] == [True]
    for same in ({}, {"alpha": 1.0}, {"batch_size": 3}, {"weight_decay": 0.5}, {"clip_norm": 0.1}):
        for learning_rate in ("constant", "adaptive", "invscaling", Cosine(40), slow):
            options = {
                "solver": "sgd",
                "learning_rate": learning_rate,
                "tol": 10,
                "n_iter_no_change": 1,
            }
            _, told = outcome(MinNetRegressor, options, fit=second(**same))
            assert told == []


@pytest.mark.parametrize(
    ("given", "changed"), [("he", "zeros"), (0.1, 0.1), (np.ones((3, 1)), "auto")]
)
def test_a_warm_start_tells_of_another_initializer(given, changed):
    def again(est, y):
        return est.fit(X, y).set_params(init=changed).fit(X, y)

    options = {"hidden_layer_sizes": (), "init": given, "warm_start": True, "max_iter": 2}
    _, told = outcome(MinNetRegressor, options, fit=again)
    assert len(told) == (isinstance(given, str) and given != changed)


@pytest.mark.parametrize("method", ["partial_fit", "fit_stream", "initialize"])
def test_arguments_for_other_calls_are_not_told(method):
    def fit(est, y):
        data = ([(X, y)],) if method == "fit_stream" else (X, y)
        return getattr(est, method)(*data)

    options = {"max_iter": 3, "validation_fraction": 0.3}
    if method != "fit_stream":
        options |= {"scoring": "r2"}
    _, told = outcome(MinNetRegressor, options, fit=fit)
    assert told == []
    told = [said.partition("=")[0] for said in outcome(MinNetRegressor, options)[1]]
    assert told == list(options)[1:]  # those of fit itself


# ---- the docs


def table():
    """Return the table of the docs: a row for all arguments of the same conditions."""
    rows = {}
    for effects, of in ((EFFECTS, "{}"), (EFFECTS_IN_LAYERS, "{} of a layer")):
        for name, conditions in effects.items():
            rows.setdefault(conditions, []).append(of.format(f"``{name}``"))
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 34 66", "", "   * - argument"]
    lines += ["     - has an effect with"]
    for conditions, names in rows.items():
        needs = [each.needs + (" (else an error)" if each.refused else "") for each in conditions]
        code = re.sub(r"(\w+='?\w+'?|'\w+')", r"``\1``", "; ".join(needs))
        lines += textwrap.wrap(
            ", ".join(names), 118, initial_indent="   * - ", subsequent_indent=" " * 7
        )
        lines += textwrap.wrap(code, 118, initial_indent="     - ", subsequent_indent=" " * 7)
    return "\n".join(lines)


def test_the_table_of_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "estimators.rst").read_text()
    assert table() in page, f"docs/estimators.rst must have this table:\n\n{table()}"
