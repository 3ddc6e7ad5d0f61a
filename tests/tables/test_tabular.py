"""The estimators for tables: members are what a user can write, folds, weights, columns of all kinds."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict

from minnet import (
    Dense,
    Dropout,
    MinNetClassifier,
    PiecewiseLinear,
    TableEncoder,
    TabularClassifier,
    TabularRegressor,
)
from minnet.ntk import ntk
from minnet.optimizers import FlatThenCosine

SMALL = {"hidden_layer_sizes": (16,), "max_iter": 8, "batch_size": 32, "random_state": 0}


def table(n=200, seed=0):
    """A frame with columns of all kinds, some missing, and what depends on them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "skewed": np.exp(3 * rng.normal(size=n)),
            "whole": rng.integers(0, 50, n),
            "flag": rng.integers(0, 2, n).astype(bool),
            "city": pd.Categorical(rng.choice(["Rome", "Oslo", "Bonn"], n)),
            "text": rng.choice(["a", "b", "c", "d"], n),
            "constant": 1.0,
            "empty": np.nan,
        }
    )
    X.loc[::7, "number"] = np.nan
    X.loc[::11, "text"] = None
    signal = X["number"].fillna(1) + (X["city"] == "Oslo") + np.log(X["skewed"]) / 3
    return X, (signal + 0.3 * rng.normal(size=n)).to_numpy()


def classes(values, n_classes):
    edges = np.quantile(values, np.arange(1, n_classes) / n_classes)
    return np.array(["low", "mid", "top"])[np.searchsorted(edges, values)]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_frame_in_and_probabilities_out(n_classes):
    X, values = table()
    y = classes(values, n_classes)
    clf = TabularClassifier(**SMALL).fit(X, y)
    P = clf.predict_proba(X)
    assert P.shape == (200, n_classes)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[P.argmax(axis=1)])
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), P)
    assert clf.score(X, y) > 0.75
    assert list(clf.feature_names_in_) == list(X)
    shuffled = X.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(clf.predict_proba(shuffled), P[shuffled.index])


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_out_of_fold_predictions_are_those_of_the_members_that_have_not_seen_the_row(kind):
    X, values = table()
    if kind == "classes":
        y, model = classes(values, 3), TabularClassifier(**SMALL).fit(X, classes(values, 3))
        codes = np.searchsorted(model.classes_, y)
        assert model.oof_score_ == accuracy_score(codes, model.oof_prediction_.argmax(axis=1))
        assert model.oof_log_loss_ == pytest.approx(log_loss(codes, model.oof_prediction_))
    else:
        y, model = values, TabularRegressor(**SMALL).fit(X, values)
        assert model.oof_score_ == pytest.approx(r2_score(y, model.oof_prediction_))
    # Each row is that of exactly one member, and each member has a fifth of them.
    Z, counts = model.encoder_.transform(X), np.zeros(5)
    for i, row in enumerate(model.oof_prediction_.reshape(200, -1)):
        said = []
        for network in model.networks_:
            logits = network.forward(Z[i : i + 1]).astype(np.float64)
            if kind == "classes":
                said.append(network.loss_.predict(logits / model.temperature_)[0])
            else:
                numbers = logits[0] * model.target_scale_ + model.target_mean_
                said.append(np.clip(numbers, *model.target_range_))
        counts[np.abs(np.array(said) - row).max(axis=1).argmin()] += 1
        assert np.abs(np.array(said) - row).max(axis=1).min() < 1e-5
    np.testing.assert_array_equal(counts, 40)


def test_a_member_is_what_a_user_can_write():
    X, values = table()
    y = classes(values, 3)
    tab = TabularClassifier(n_members=1, max_iter=8, random_state=0, calibrate=False).fit(X, y)
    recipe = tab.recipe_

    encoder = TableEncoder(bins=recipe.bins, output="structured")
    Z = encoder.fit_transform(X)
    layers = [PiecewiseLinear(encoder.columns_, recipe.code_dropout)]
    for units in recipe.hidden_layer_sizes:
        layers += [Dense(units, "silu"), Dropout(recipe.dropout)]
    clf = MinNetClassifier(
        layers=ntk(layers),
        init="unit_variance",
        bias_init="hull",
        output_layer={
            "lr_factor": recipe.hidden_layer_sizes[-1] ** -0.5,
            "bias_lr_factor": 0.1,
            "decay_factor": 1.0,
        },
        alpha=0.0,
        batch_size=recipe.batch_size,
        learning_rate=FlatThenCosine(),
        learning_rate_init=recipe.learning_rate_init,
        beta_2=0.95,
        weight_decay=recipe.weight_decay,
        max_iter=recipe.max_iter,
        early_stopping=True,
        keep="best",
        scoring="refinement",
        random_state=tab.seeds_[0],
    )
    held = np.isfinite(tab.oof_prediction_[:, 0])
    clf.fit(Z[~held], y[~held], X_val=Z[held], y_val=y[held])
    np.testing.assert_array_equal(clf.network_.params, tab.networks_[0].params)
    np.testing.assert_allclose(clf.predict_proba(Z), tab.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_same_bits_for_any_number_of_threads(n_threads):
    X, values = table()
    one = TabularRegressor(**SMALL).fit(X, values)
    other = TabularRegressor(**SMALL, n_threads=n_threads).fit(X, values)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("model", [TabularClassifier(**SMALL), TabularRegressor(**SMALL)])
def test_rows_of_weight_0_are_not_there(model):
    X, values = table()
    y = classes(values, 3) if isinstance(model, TabularClassifier) else values
    weight = np.ones(200)
    weight[::5] = 0
    some = weight > 0
    a = clone(model).fit(X, y, sample_weight=weight)
    b = clone(model).fit(X[some], y[some], sample_weight=np.ones(some.sum()))
    method = "predict_proba" if isinstance(model, TabularClassifier) else "predict"
    np.testing.assert_array_equal(getattr(a, method)(X), getattr(b, method)(X))
    np.testing.assert_array_equal(np.isnan(a.oof_prediction_.reshape(200, -1)[:, 0]), ~some)


def test_a_validation_set_is_what_all_members_are_scored_on():
    X, values = table()
    y = classes(values, 2)
    clf = TabularClassifier(**SMALL).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert not hasattr(clf, "oof_prediction_")
    assert clf.validation_scores_[0] != clf.validation_scores_[1]
    with pytest.raises(ValueError, match="X_val and y_val"):
        clf.fit(X, y, X_val=X)


def test_rare_classes_and_few_rows():
    X, values = table(60)
    y = classes(values, 2).astype(object)
    y[0] = "once"
    clf = TabularClassifier(**SMALL).fit(X, y)
    assert np.isnan(clf.oof_prediction_[0]).all()
    assert np.isfinite(clf.oof_prediction_[1:]).all()
    assert list(clf.classes_) == ["low", "mid", "once"]
    few = TabularClassifier(**SMALL).fit(X[:6], y[:6])
    assert not hasattr(few, "oof_score_")
    one = TabularClassifier(**SMALL).fit(X, np.zeros(60))
    np.testing.assert_array_equal(one.predict_proba(X), 1)
    constant = TabularRegressor(**SMALL).fit(np.ones((30, 2)), np.arange(30.0))
    np.testing.assert_allclose(constant.predict([[2.0, 3.0]]), 14.5, atol=1)
    with pytest.raises(ValueError, match="X has 3 features, but TabularRegressor is expecting 2"):
        constant.predict([[2.0, 3.0, 4.0]])


def test_out_of_fold_predictions_of_a_single_class_are_those_of_predict_proba():
    X, _ = table()
    model = TabularClassifier(**SMALL, n_members=2).fit(X, np.zeros(len(X)))
    np.testing.assert_array_equal(model.oof_prediction_, model.predict_proba(X))


def test_frames_of_transformers_everywhere_change_nothing():
    X, _ = table()
    model = TabularClassifier(**SMALL, n_members=2).fit(X, np.arange(len(X)) % 2)
    with config_context(transform_output="pandas"):
        same = clone(model).fit(X, np.arange(len(X)) % 2)
        np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))


def test_a_failed_fit_leaves_what_was_there():
    X, values = table()
    reg = TabularRegressor(**SMALL).fit(X, values)
    before = reg.predict(X)
    for call in (
        lambda: reg.fit(X, np.full(200, np.nan)),
        lambda: reg.fit(X.assign(day=pd.Timestamp("2020-01-01")), values),
        lambda: reg.set_params(dropout=0.1).fit(X, values[:-1]),
        lambda: reg.set_params(dropout=2.0).fit(X, values),
    ):
        with pytest.raises((ValueError, TypeError)):
            call()
        np.testing.assert_array_equal(reg.predict(X), before)


def test_with_what_scikit_learn_has():
    X, values = table()
    y = classes(values, 2)
    model = TabularClassifier(**SMALL, n_members=2)
    search = GridSearchCV(model, {"dropout": [0.0, 0.2], "quality": ["fast", "balanced"]}, cv=2)
    assert search.fit(X, y).best_score_ > 0.6
    assert cross_val_predict(model, X, y, cv=2, method="predict_proba").shape == (200, 2)
    model.fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    assert importance.importances_mean[list(X).index("constant")] == 0
    found = partial_dependence(model, X, ["skewed"], grid_resolution=5)
    assert found["average"].shape == (1, 5)


@pytest.mark.filterwarnings("ignore:time_limit")
def test_a_time_limit_is_kept():
    X, values = table(2000)
    reg = TabularRegressor(time_limit=1.0, max_iter=100_000, random_state=0).fit(X, values)
    assert reg.fit_info_["seconds"] < 5  # on a busy machine, too
    assert reg.n_iter_ < 100_000


def test_callbacks_are_called_each_epoch():
    X, values = table()
    seen = []
    TabularRegressor(**SMALL).set_callbacks(lambda t: seen.append(t.n_epochs)).fit(X, values)
    assert seen == list(range(1, 9))


@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
@pytest.mark.parametrize("says", ["nothing", "a line"])
def test_numbers_stay_as_they_are_where_that_is_better_by_more_than_chance(estimator, says):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    values = X.sum(axis=1) if says == "a line" else rng.normal(size=300)
    y = values if estimator is TabularRegressor else values > 0
    fitted = estimator(hidden_layer_sizes=(16,), random_state=0, n_threads=1).fit(X, y)
    assert fitted.recipe_.bins == (None if says == "a line" else 32)


@pytest.mark.parametrize("enough_rows", [10, 500])
def test_networks_on_as_many_pieces_share_what_the_table_became(enough_rows, monkeypatch):
    X, values = table()
    monkeypatch.setattr("minnet.tables.fit._ENOUGH_ROWS", enough_rows)
    usual, fitted = TableEncoder._fit, []

    def fit(self, *args, **kwargs):
        fitted.append(self.bins)
        return usual(self, *args, **kwargs)

    monkeypatch.setattr(TableEncoder, "_fit", fit)
    TabularRegressor(**SMALL).fit(X, values)
    assert fitted == [32, None]


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, lambda X: X.tolist()])
def test_many_columns_have_fewer_pieces_each(form):
    X = np.random.default_rng(0).normal(size=(60, 50))
    fitted = TabularRegressor(**SMALL, n_members=2).fit(form(X), X[:, 0])
    assert fitted.recipe_.bins in (16, None)
    assert TabularRegressor(**SMALL, n_members=2, bins=20).fit(form(X), X[:, 0]).recipe_.bins == 20
