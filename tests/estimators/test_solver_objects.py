"""solver= as an optimizer object: whatever fits with a name fits with an object, and leaves it alone."""

import contextlib
import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from minnet import MinNetClassifier, MinNetRegressor, Trainer, load_model, save_model
from minnet.callbacks import Callback, Checkpoint
from minnet.optimizers import SGD, Adam, AdamW, Cosine, Optimizer, RMSProp

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
R = X @ [1.0, -2.0, 0.5]


class SignSGD(Optimizer):
    """A user's own."""

    def __init__(self, learning_rate=0.001):
        self.learning_rate = learning_rate

    def update(self, params, grads, rates):
        self.step += 1
        params -= rates * np.sign(grads)


OBJECTS = [
    SGD(0.1),
    SGD(0.05, momentum=0.8, nesterov=True),
    Adam(0.01, beta_1=0.8),
    AdamW(0.01, weight_decay=0.1),
    RMSProp(0.01, momentum=0.5),
    SignSGD(0.01),
]
objects = pytest.mark.parametrize("solver", OBJECTS, ids=repr)
estimators = pytest.mark.parametrize(
    ("cls", "y"), [(MinNetClassifier, Y), (MinNetRegressor, R)], ids=["classifier", "regressor"]
)


def make(cls, solver, **options):
    options = {"hidden_layer_sizes": (5,), "max_iter": 4, "batch_size": 16} | options
    return cls(solver=solver, random_state=0, **options)


def batches(y):
    return [(X[i::3], y[i::3]) for i in range(3)]


def first(cls):
    return {"classes": [0, 1, 2]} if cls is MinNetClassifier else {}


class KilledError(Exception):
    pass


class KillAt(Callback):
    def __init__(self, step):
        self.step = step

    def next_step(self, trainer):
        return self.step

    def at_step(self, trainer):
        raise KilledError


def fit(cls, solver, y, path):
    return make(cls, solver).fit(X, y)


def partial_fit(cls, solver, y, path):
    est = make(cls, solver).partial_fit(X, y, **first(cls))
    return est.partial_fit(X, y)


def fit_stream(cls, solver, y, path):
    return make(cls, solver).fit_stream(batches(y), n_epochs=3, **first(cls))


def warm_start(cls, solver, y, path):
    return make(cls, solver, warm_start=True).fit(X, y).fit(X, y)


def early_stopping(cls, solver, y, path):
    return make(cls, solver, early_stopping=True, validation_fraction=0.3).fit(X, y)


def after_a_pickle(cls, solver, y, path):
    est = pickle.loads(pickle.dumps(make(cls, solver)))
    est = pickle.loads(pickle.dumps(est.fit(X, y)))
    return est.partial_fit(X, y)


def after_a_file(cls, solver, y, path):
    est = make(cls, solver).fit(X, y)
    if type(solver) is not SignSGD:
        save_model(est, path / "model")
        est = load_model(path / "model")
    return est.partial_fit(X, y)


def after_a_checkpoint(cls, solver, y, path):
    if type(solver) is SignSGD:  # which a file cannot keep, and says so
        with pytest.raises(ValueError, match="solver must not be of a class of your own"):
            make(cls, solver).set_callbacks(Checkpoint(path / "fit")).fit(X, y)
        return make(cls, solver).fit(X, y)
    est = make(cls, solver).set_callbacks(Checkpoint(path / "fit", every=0), KillAt(6))
    with contextlib.suppress(KilledError):
        est.fit(X, y)
    return make(cls, solver).set_callbacks(Checkpoint(path / "fit")).fit(X, y)


WAYS = [fit, partial_fit, fit_stream, warm_start, early_stopping]
WAYS += [after_a_pickle, after_a_file, after_a_checkpoint]


def by_trainer(cls, solver, y, way):
    """The parameters after the same training by a Trainer of the readable backend: the oracle."""
    start = make(cls, solver).initialize(X, y)
    data = start.network_.check_batch(X, *_targets(start, y))
    trainer = Trainer(start.network_, solver, batch_size=16, backend="numpy")
    n_epochs = {partial_fit: 2, after_a_pickle: 5, after_a_file: 5}.get(way, 4)
    for _ in range(n_epochs):
        trainer.run_epoch(*data)
    return start.network_.params


def _targets(est, y):
    return (
        np.searchsorted(est.classes_, y) if hasattr(est, "classes_") else y[:, np.newaxis],
        None,
    )


@estimators
@objects
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_trains_and_the_object_stays_as_it_was(cls, y, solver, way, tmp_path):
    before = copy.deepcopy(vars(solver))
    est = way(cls, solver, y, tmp_path)
    assert vars(solver) == before
    assert est.solver == solver
    used = est._trainer.optimizer
    assert type(used) is type(solver)
    assert used is not solver
    assert used.step > 0
    if way not in (fit_stream, warm_start, early_stopping):
        expected = by_trainer(cls, solver, y, way)
        np.testing.assert_allclose(est.network_.params, expected, rtol=1e-9, atol=1e-9)
    if type(solver) is SignSGD:
        assert est.fit_info_["backend"] == "numpy"
    other = clone(est)
    assert other.solver == solver
    assert other.solver is not solver
    assert not hasattr(other, "network_")


@estimators
def test_a_search_over_objects_and_names(cls, y):
    options = [*OBJECTS, "adam", "lbfgs"]
    search = GridSearchCV(make(cls, "sgd"), {"solver": options}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["solver"] in options


@pytest.mark.parametrize(
    ("name", "of_name"),
    [
        ("sgd", SGD(0.02, 0.9, nesterov=True)),
        ("adam", Adam(0.02)),
        ("adamw", AdamW(0.02)),
        ("rmsprop", RMSProp(0.02)),
    ],
    ids=["sgd", "adam", "adamw", "rmsprop"],
)
def test_a_name_is_an_object_with_the_estimator_s_arguments(name, of_name):
    one = make(MinNetRegressor, name, learning_rate_init=0.02).fit(X, R)
    two = make(MinNetRegressor, of_name).fit(X, R)
    np.testing.assert_array_equal(one.network_.params, two.network_.params)


TAKEN_BY_THE_OBJECT = [
    ("learning_rate_init", 0.5),
    ("momentum", 0.5),
    ("nesterovs_momentum", False),
    ("beta_1", 0.5),
    ("beta_2", 0.5),
    ("epsilon", 0.5),
]


@estimators
@pytest.mark.parametrize(("name", "value"), TAKEN_BY_THE_OBJECT)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_stream"])
def test_no_argument_beside_an_object_is_without_effect(cls, y, name, value, method):
    est = make(cls, SGD(0.1), **{name: value})
    data = (batches(y),) if method == "fit_stream" else (X, y)
    message = rf"^{name} must be left at its default .* where solver= is an optimizer object"
    with pytest.raises(ValueError, match=message):
        getattr(est, method)(*data, **({} if method == "fit" else first(cls)))
    assert vars(est) == est.get_params(deep=False)


@pytest.mark.parametrize(
    ("solver", "name", "value"),
    [
        ("adamw", "momentum", 0.5),
        ("adamw", "nesterovs_momentum", False),
        ("rmsprop", "momentum", 0.5),
        ("rmsprop", "beta_1", 0.5),
        ("rmsprop", "beta_2", 0.5),
    ],
)
def test_names_that_scikit_learn_has_not_say_what_they_do_not_take(solver, name, value):
    with pytest.warns(UserWarning, match=rf"^{name}={value} has no effect with solver={solver!r}"):
        make(MinNetRegressor, solver, **{name: value}).fit(X, R)


@objects
@pytest.mark.parametrize("schedule", ["invscaling", "adaptive", Cosine(40), lambda step: 0.003])
def test_schedules_start_from_its_learning_rate(solver, schedule):
    rates = []

    class Note(Callback):
        def begin_epoch(self, trainer):
            rates.append(trainer.schedule.rates(
                trainer.optimizer.learning_rate, trainer.initial_rate, 0, 1, 0
            )[0])  # fmt: skip

    make(MinNetRegressor, solver, learning_rate=schedule).set_callbacks(Note()).fit(X, R)
    assert rates[0] == pytest.approx(0.003 if callable(schedule) and not hasattr(
        schedule, "rates") else solver.learning_rate)  # fmt: skip


@pytest.mark.parametrize("solver", [SGD, "nadam", None, 3, object()])
def test_what_is_no_solver(solver):
    with pytest.raises(ValueError, match=r"^The 'solver' parameter of MinNetRegressor must be"):
        MinNetRegressor(solver=solver).fit(X, R)


def test_partial_fit_is_there():
    assert hasattr(MinNetClassifier(solver=SignSGD()), "partial_fit")
    assert hasattr(MinNetClassifier(solver=SGD()), "fit_stream")
