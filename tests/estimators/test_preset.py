"""preset="tables": a fit is that of the arguments written out, which cannot be set beside it."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, MinNetRegressor, MinNetTransformer, load_model, save_model
from minnet.callbacks import History
from minnet.estimators.arguments import defaults_of
from minnet.estimators.preset import Pace
from minnet.lab import diagnose
from minnet.optimizers import SGD

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
TARGETS = {MinNetClassifier: np.arange(60) % 3, MinNetRegressor: 1e3 + 50 * X[:, 0]}
#: What another value than the default may be, of each argument that the preset sets.
OTHER = {
    "hidden_layer_sizes": (5,),
    "activation": "tanh",
    "dropout": 0.5,
    "batch_norm": True,
    "layers": [],
    "output_layer": {},
    "init": "he",
    "bias_init": "zeros",
    "solver": SGD(0.1),
    "beta_2": 0.9,
    "learning_rate": "invscaling",
    "learning_rate_init": 0.1,
    "weight_decay": 0.1,
    "alpha": 0.1,
    "batch_size": 7,
    "max_iter": 3,
    "keep": "last",
    "scale_targets": True,
}

EPOCHS = 3
estimators = pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])


@pytest.fixture(autouse=True)
def few_epochs(monkeypatch):
    monkeypatch.setattr("minnet.estimators.preset.pace_for", lambda n: Pace(32, EPOCHS, 0.1))


def preset(cls, **options):
    return cls(preset="tables", random_state=0, n_threads=1, **options)


@estimators
@pytest.mark.parametrize(
    ("options", "given", "form"),
    [
        ({}, {}, np.asarray),
        ({}, {}, sparse.csr_array),
        ({}, {}, lambda X: X.tolist()),
        ({}, {"sample_weight": np.arange(60) + 1.0}, np.asarray),
        ({}, {"X_val": X}, np.asarray),
        ({"early_stopping": True}, {}, np.asarray),
        ({"early_stopping": True, "scoring": "loss"}, {"X_val": X}, np.asarray),
        ({"n_networks": 2}, {}, np.asarray),
        ({"clip_norm": 1.0, "shuffle": False}, {}, np.asarray),
    ],
)
def test_a_fit_is_that_of_the_arguments_written_out(cls, options, given, form):
    y = TARGETS[cls]
    given = given | ({"y_val": y} if "X_val" in given else {})
    model = preset(cls, **options).fit(form(X), y, **given)
    written = preset(cls, **options).written_out(60, 3).fit(form(X), y, **given)
    np.testing.assert_array_equal(model.predict(X), written.predict(X))
    assert len(model.networks_) == len(written.networks_)
    for one, other in zip(model.networks_, written.networks_, strict=True):
        np.testing.assert_array_equal(one.params, other.params)
    assert model.validation_scores_ == written.validation_scores_
    assert model.get_params(deep=False) == preset(cls, **options).get_params(deep=False)
    assert (model.n_iter_, written.preset) == (EPOCHS, None)


@estimators
def test_what_it_sets_is_refused_beside_it_and_by_its_name(cls):
    defaults, written = defaults_of(cls), vars(preset(cls).written_out(60, 3))
    assert {name for name in defaults if written[name] is not defaults[name]} <= {
        *OTHER, "preset", "random_state", "n_threads"
    }  # fmt: skip
    model = preset(cls).fit(X, TARGETS[cls])
    before = model.network_
    for name in OTHER.keys() & defaults.keys():
        with pytest.raises(ValueError, match=f"{name} must be left at its default"):
            model.set_params(**{name: OTHER[name]}).fit(X, TARGETS[cls])
        model.set_params(**{name: defaults[name]})
        assert model.network_ is before
        # Of the one that is written out it may be changed.
        written = preset(cls).written_out(60, 3)
        assert written.set_params(**{name: OTHER[name]}).get_params()[name] is OTHER[name]


@estimators
@pytest.mark.filterwarnings("ignore:y is far", "ignore:tol=", "ignore:n_iter_no_change=")
def test_what_scikit_learn_does_with_arguments(cls, tmp_path):
    y, model = TARGETS[cls], preset(cls)
    assert clone(model).preset == model.get_params()["preset"] == "tables"
    fitted = clone(model).fit(X, y)
    save_model(fitted, tmp_path / "model.minnet")
    for same in (pickle.loads(pickle.dumps(fitted)), load_model(tmp_path / "model.minnet")):
        assert same.preset == "tables"
        np.testing.assert_array_equal(same.predict(X), fitted.predict(X))
        np.testing.assert_array_equal(same.fit(X, y).predict(X), fitted.predict(X))
    pipeline = make_pipeline(StandardScaler(), cls(tol=1e9, n_iter_no_change=1, random_state=0))
    grid = {f"{cls.__name__.lower()}__preset": [None, "tables"]}
    assert np.isfinite(
        GridSearchCV(pipeline, grid, cv=2).fit(X, y).cv_results_["mean_test_score"]
    ).all()
    grid = {"preset": ["tables"], "early_stopping": [False, True]}
    assert np.isfinite(
        GridSearchCV(model, grid, cv=2).fit(X, y).cv_results_["mean_test_score"]
    ).all()
    with pytest.raises(ValueError, match="'preset' parameter"):
        model.set_params(preset="table").fit(X, y)


@estimators
def test_calls_that_do_not_know_the_data_are_not_there(cls):
    model = preset(cls)
    for name in ("partial_fit", "fit_stream"):
        assert not hasattr(model, name)
        assert hasattr(model.written_out(60, 3), name)


@estimators
@pytest.mark.parametrize("wrong", [None, 1.0, [], "text", np.zeros(3), np.full((60, 3), np.nan)])
def test_wrong_data_are_what_they_are_without_it(cls, wrong):
    model = preset(cls).fit(X, TARGETS[cls])
    before = vars(model)
    raised = []
    for each in (model, cls(random_state=0)):
        with pytest.raises((TypeError, ValueError)) as error:
            each.fit(wrong, TARGETS[cls])
        raised.append(str(error.value))
    assert raised[0] == raised[1]
    assert vars(model) is before


@estimators
def test_what_watches_and_what_looks_at_it_sees_the_arguments_that_it_sets(cls):
    y, history = TARGETS[cls], History()
    model = preset(cls).set_callbacks(history).fit(X, y)
    assert len(history.to_dict()["loss"]) == EPOCHS
    assert model.get_params()["preset"] == "tables"
    started = preset(cls).initialize(X, y).network_
    assert [layer.units for layer in started.layers if hasattr(layer, "units")][:2] == [192, 192]
    assert MinNetTransformer(preset(cls), layer=1).fit(X, y).transform(X).shape == (60, 192)
    for scaled in (preset(cls), make_pipeline(StandardScaler(), preset(cls))):
        report = diagnose(scaled, X, y)
        assert all(finding.code != "unscaled_targets" for finding in report.findings)
    assert diagnose(model, X, y).findings is not None


@estimators
def test_a_warm_start_goes_on(cls):
    model = preset(cls, warm_start=True).fit(X, TARGETS[cls])
    first = model.network_.params.copy()
    model.fit(X, TARGETS[cls])
    assert (model.network_.params != first).any()
    assert len(model.loss_curve_) == 2 * EPOCHS
