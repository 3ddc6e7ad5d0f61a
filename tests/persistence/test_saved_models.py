"""What save_model wrote, load_model gives back to the bit, and it goes on to the same bits."""

import copy
import inspect
import warnings

import models
import numpy as np
import pytest
from models import classifier, data, difference, fitted, regressor

import minnet
from minnet import Dense, Dropout, MinNetClassifier, Network, Trainer, load_model, save_model
from minnet.losses import Huber, Quantile
from minnet.schedules import StepDecay, WarmUp


@pytest.fixture
def saved(tmp_path):
    """Return what a model is after it was saved and loaded."""

    def there_and_back(model):
        save_model(model, tmp_path / "model")
        return load_model(tmp_path / "model")

    return there_and_back


def go_on(model, X, y):
    """Return two descendants of a model: by partial_fit and by a warm start."""
    other = copy.deepcopy(model).set_params(warm_start=True)
    descendants = [fitted(other, X, y)]
    if model.solver != "lbfgs":
        model.set_params(early_stopping=False)
        descendants.append(model.partial_fit(X, y).partial_fit(X[:20], y[:20]))
    for descendant in descendants:
        descendant.fit_info_["seconds"] = 0.0  # no two are the same
    return descendants


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("name", models.CLASSIFIERS)
def test_a_classifier_comes_back_and_goes_on_to_the_same_bits(name, kind, dtype, saved):
    X, y = data(kind, dtype)
    if kind != "multiclass" and name == "layers":
        y = y.astype(float)
    model = fitted(classifier(name), X, y)
    other = saved(model)
    assert difference(model, other) is None
    assert other.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert difference(model.predict(X), other.predict(X)) is None
    for one, two in zip(go_on(model, X, y), go_on(other, X, y), strict=True):
        assert difference(one, two) is None
        assert one.coefs_[0].tobytes() == two.coefs_[0].tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "lbfgs"},
        {"loss": "absolute_error", "solver": "sgd"},
        {"loss": Quantile(0.9), "solver": "sgd"},
        {"loss": Huber(0.3)},
        {"early_stopping": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_regressor_comes_back_and_goes_on_to_the_same_bits(options, n_outputs, dtype, saved):
    X, Y = data("numbers", dtype)
    y = Y[:, 0] if n_outputs == 1 else Y
    model = fitted(regressor(**options), X, y)
    other = saved(model)
    assert difference(model, other) is None
    assert difference(model.predict(X), other.predict(X)) is None
    for one, two in zip(go_on(model, X, y), go_on(other, X, y), strict=True):
        assert difference(one, two) is None


def test_the_comparison_sees_a_single_bit():
    X, y = data("binary")
    model = fitted(classifier("adam"), X, y)
    for change in (
        lambda m: m.coefs_[0].__setitem__((0, 0), np.nextafter(m.coefs_[0][0, 0], 9)),
        lambda m: m._trainer.optimizer.state.__setitem__((1, 0), 1e-300),
        lambda m: setattr(m._trainer, "n_seen", m._trainer.n_seen + 1),
        lambda m: setattr(m.network_, "key", m.network_.key ^ 1),
        lambda m: setattr(m, "classes_", m.classes_.astype(np.int32)),
    ):
        other = copy.deepcopy(model)
        assert difference(model, other) is None
        change(other)
        assert difference(model, other) is not None


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_validation_set_and_a_schedule_leave_their_records(early_stopping, saved):
    X, y = data("multiclass")
    schedule = WarmUp(5, then=StepDecay(10, 0.5))
    model = classifier("adam").set_params(
        learning_rate=schedule, scoring="loss", early_stopping=early_stopping, warm_start=True
    )
    fitted(model, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y, X_val=X[:20], y_val=y[:20])
    other = saved(model)
    assert difference(model, other) is None
    assert other.validation_loss_curve_ == model.validation_loss_curve_
    assert other._trainer.n_steps_before == model._trainer.n_steps_before > 0
    for one, two in zip(go_on(model, X, y), go_on(other, X, y), strict=True):
        assert difference(one, two) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_comes_back(dtype, saved):
    net = models.network(dtype)
    X, y = data("multiclass", dtype)
    net.state += 0.5
    net.params[:4] = -0.0, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, -1
    other = saved(net)
    assert difference(net, other) is None
    assert other.params.ctypes.data % 64 == 0
    net.params[:4] = other.params[:4] = 1
    assert difference(net.loss_and_grad(X, y), other.loss_and_grad(X, y)) is None
    assert difference(net.forward(X), other.forward(X)) is None


def test_a_network_without_parameters_comes_back(saved):
    net = Network([Dense(4, init="he"), Dense(2)], "squared_error", [None, "zeros"], alpha=2)
    other = saved(net)
    assert repr(other) == repr(net)
    assert not hasattr(other, "params")
    assert difference(net.initialize(3, 0), other.initialize(3, 0)) is None


@pytest.mark.parametrize(
    "optimizer", ["adam", minnet.SGD(0.1), minnet.SGD(0.1, 0.9, True)], ids=str
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trainer_goes_on_to_the_same_bits(optimizer, dtype, saved):
    trainer = models.trainer(dtype, optimizer)
    other = saved(trainer)
    assert type(other) is Trainer
    assert difference(trainer, other) is None
    data_ = data("multiclass", dtype)
    for each in (trainer, other):
        each.run_epoch(*each.network.check_batch(*data_))
    assert difference(trainer, other) is None


def test_what_was_changed_on_a_layer_after_training_comes_back(saved):
    trainer = models.trainer()
    trainer.network.layers[0].trainable = False
    trainer.network.layers[-1].lr_factor = 0.25
    other = saved(trainer)
    for each in (trainer, other):
        before = each.network.params.copy()
        each.run_epoch(*each.network.check_batch(*data("multiclass")))
        first, *others = each.network.parameter_table
        assert (each.network.params[first.slice] == before[first.slice]).all()
        assert [row.trainable for row in others] == [False, *[True] * (len(others) - 1)]
    assert difference(trainer, other) is None


LABELS = {
    "int32": np.array([-5, 3], dtype=np.int32),
    "uint8": np.array([0, 255], dtype=np.uint8),
    "int64": np.array([-(2**62), 2**62]),
    "bool": np.array([False, True]),
    "str": np.array(["", "snow ☃ \U0001f40d"]),
    "object of str": np.array(["yes\0", "ÿ\ud800"], dtype=object),
    "float64": np.array([1.0, 2.0]),
    "float32": np.array([-1.0, 3.0], dtype=np.float32),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_dtype_come_back(name, saved):
    X, y = data("binary")
    labels = LABELS[name]
    model = fitted(classifier("lbfgs"), X, labels[y])
    other = saved(model)
    assert difference(model.classes_, other.classes_) is None
    assert other._labels.classes is other.classes_
    assert difference(model.predict(X), other.predict(X)) is None


def test_a_single_class_and_sparse_labels_come_back(saved):
    X, y = data("multilabel")
    model = fitted(classifier("adam"), X, np.zeros(len(X)))
    assert difference(model.predict(X), saved(model).predict(X)) is None
    sparse = pytest.importorskip("scipy.sparse")
    model = fitted(classifier("adam"), X, sparse.csr_matrix(y))
    predicted = saved(model).predict(X)
    assert sparse.issparse(predicted)
    assert (predicted != model.predict(X)).nnz == 0


def test_feature_names_come_back(saved):
    pandas = pytest.importorskip("pandas")
    X, y = data("binary")
    frame = pandas.DataFrame(X, columns=["a", "ü", "", "../x", "e" * 99, "__class__"])
    model = fitted(classifier("adam"), frame, y)
    other = saved(model)
    assert difference(model.feature_names_in_, other.feature_names_in_) is None
    with pytest.raises(ValueError, match="feature names"):
        other.predict(frame.rename(columns={"a": "b"}))


PARAMS = {
    "random_state": [None, 7, np.random.RandomState(3), np.uint32(5)],
    "class_weight": [None, "balanced", {0: 0.5, np.int64(1): np.float32(2)}, {"a": 1, True: 2.0}],
    "init": [
        "auto",
        0.5,
        {"name": "sparse"},
        [None, "he"],
        minnet.initializers.HeNormal,
        np.eye(3),
    ],
    "hidden_layer_sizes": [(), 5, [3, 4], np.array([3, 4]), (np.int16(2),)],
    "tol": [0, 1e-4, np.float64(0.1)],
    "layers": [None, [], [Dense(np.int64(3), "tanh"), Dropout(0.1)]],
    "verbose": [True, 2],
    "loss": ["squared_error", minnet.losses.SquaredError("logistic")],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in PARAMS.items() for value in values]
)
def test_arguments_come_back_with_their_types(name, value, saved):
    model = MinNetClassifier(**{name: value})
    other = saved(model)
    assert difference(model.get_params(), other.get_params()) is None
    assert vars(other).keys() == vars(model).keys()


def test_a_random_state_goes_on_where_it_was(saved):
    state = np.random.RandomState(1)
    state.normal()  # which leaves another one for later
    other = saved(MinNetClassifier(random_state=state)).random_state
    assert difference(state.normal(size=3), other.normal(size=3)) is None
    assert difference(state.bytes(5), other.bytes(5)) is None


def test_metadata_requests_come_back(saved):
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        model = MinNetClassifier().set_fit_request(sample_weight="weights")
        model.set_score_request(sample_weight=False)
        other = saved(model)
        assert str(other.get_metadata_routing()) == str(model.get_metadata_routing())
    assert "weights" in str(other.get_metadata_routing())


def test_a_model_fitted_on_other_arguments_than_it_has_now(saved):
    X, y = data("binary")
    model = fitted(classifier("early"), X, y).set_params(early_stopping=False, backend="numpy")
    assert difference(model, saved(model)) is None
    model = fitted(classifier("adam"), X, y).set_params(early_stopping=True)
    assert difference(model, saved(model)) is None


def test_a_backend_that_is_not_installed_here_gives_way(saved, monkeypatch):
    X, y = data("binary")
    model = fitted(classifier("adam", backend="numba"), X, y)
    assert saved(model).backend == "numba"
    monkeypatch.setattr("minnet.persistence.trainings.list_backends", lambda: ("numpy",))
    with pytest.warns(UserWarning, match="backend='numba', which is not installed here") as caught:
        other = saved(model)
    assert (other.backend, other._trainer.backend) == ("auto", "auto")
    assert np.allclose(other.predict_proba(X), model.predict_proba(X))
    other.partial_fit(X, y)
    assert {str(each.filename) for each in caught} == {__file__}


def test_a_saved_model_is_the_same_file_twice(tmp_path):
    model = fitted(classifier("everything"), *data("multiclass"))
    save_model(model, tmp_path / "a")
    save_model(load_model(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_saving_changes_nothing(tmp_path):
    model = fitted(classifier("everything"), *data("multiclass"))
    before = copy.deepcopy(model)
    save_model(model, tmp_path / "a")
    assert difference(model, before) is None


def test_an_own_activation_that_is_registered_comes_back_by_name(saved):
    if not hasattr(minnet, "activation"):
        pytest.skip("this version has no minnet.activation")

    @minnet.activation(derivative=lambda y: 1 - y * y, name="of_test_saved_models")
    def tanh(z):
        return np.tanh(z)

    X, y = data("binary")
    model = fitted(classifier("lbfgs", activation=tanh), X, y)
    other = saved(model)
    assert other.activation is tanh
    assert difference(model.predict_proba(X), other.predict_proba(X)) is None


# ---- what cannot be kept


class Own(minnet.activations.Tanh):
    pass


class OwnLayer(minnet.layers.Layer):
    pass


class OwnClassifier(MinNetClassifier):
    pass


class OwnLoss(minnet.losses.SquaredError):
    pass


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"activation": Own()}, "activation must not be of a class of your own, got Own"),
        ({"layers": [Dense(3), OwnLayer()]}, r"layers\[1\] must not be of a class of your own"),
        ({"layers": [Dense(3, Own())]}, r"layers\[0\].activation must not be of a class"),
        ({"loss": OwnLoss()}, "loss must not be of a class of your own, got OwnLoss"),
        ({"init": lambda shape: np.zeros(shape)}, "init must not be a function"),
        ({"learning_rate": lambda step: 0.1}, "learning_rate must not be a function"),
        ({"init": minnet.initializers.FromFunction(len)}, "init.function must not be a function"),
        ({"init": [None, {"name": "constant", "value": 1j}]}, r"init\[1\]\['value'\] must not"),
    ],
)
def test_what_is_not_minnets_own_is_refused_with_what_to_do(options, where, tmp_path):
    with pytest.raises(ValueError, match=where) as caught:
        save_model(MinNetClassifier(**options), tmp_path / "model")
    assert "joblib.dump" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_function_that_a_fit_has_used_is_refused_although_the_argument_is_gone(tmp_path):
    X, y = data("binary")
    model = fitted(classifier("adam", learning_rate=lambda step: 0.1), X, y)
    model.set_params(learning_rate="constant")
    with pytest.raises(ValueError, match=r"learning_rate\.function must not be a function"):
        save_model(model, tmp_path / "model")


@pytest.mark.parametrize("model", [OwnClassifier(), Dense(3), {}, None, MinNetClassifier], ids=str)
def test_other_objects_are_refused(model, tmp_path):
    with pytest.raises(TypeError, match="model must be a Network, a Trainer or one of"):
        save_model(model, tmp_path / "model")


def test_arguments_that_are_wrong_are_refused_when_they_are_saved(tmp_path):
    with pytest.raises(ValueError, match="'alpha' parameter of MinNetClassifier must be"):
        save_model(MinNetClassifier(alpha=-1), tmp_path / "model")


def test_what_is_nested_without_end_is_refused(tmp_path):
    init = ["he"]
    init.append(init)
    with pytest.raises(ValueError, match="nested at most"):
        save_model(MinNetClassifier(init=init), tmp_path / "model")


def below(cls):
    for sub in cls.__subclasses__():
        if sub.__module__.startswith("minnet.") and "<locals>" not in sub.__qualname__:
            yield sub
            yield from below(sub)


def test_every_class_of_minnet_with_a_configuration_can_be_kept():
    """A class that is added later must be exported by the module of its kind."""
    from minnet.common.configurable import Configurable
    from minnet.persistence.names import classes

    known = {cls for of_kind in classes().values() for cls in of_kind.values()}
    kept_by_name = {"UserActivation"}
    # A class of a docstring is in its module only while the docstring is run.
    there = {
        cls
        for cls in below(Configurable)
        if cls.__module__.startswith("minnet.")
        and not cls.__module__.startswith("minnet.pytorch.")  # what stands for a module there
        and not cls.__name__.startswith("_")
        and hasattr(inspect.getmodule(cls), cls.__name__)
    }
    leaves = {cls for cls in there if not there & set(below(cls))}
    assert len(leaves) > 40
    assert {cls.__name__ for cls in leaves - known} <= kept_by_name
