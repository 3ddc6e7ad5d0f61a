"""The estimators for tables where something comes in between: Ctrl-C, other threads, extreme numbers."""

import copy
import re
import signal
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import accuracy_score

from minnet import (
    Dense,
    EnsembleTrainer,
    Network,
    TableEncoder,
    TabularClassifier,
    TabularRegressor,
)
from minnet.callbacks import Checkpoint
from minnet.tables import recipe_for
from minnet.tables.members import Members
from minnet.tables.pace import epochs_in_time

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 32, "random_state": 0}


def numbers(n=100, n_columns=2):
    return np.random.default_rng(0).normal(size=(n, n_columns))


def straight(n=200):
    """A table of numbers, and a sum of them."""
    X = numbers(n, 4)
    return X, X.sum(axis=1)


@pytest.fixture
def ctrl_c():
    """Ctrl-C as in a terminal, whatever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("enough_rows", "at", "training", "members", "bins"),
    [
        # Pilots of one member, for which 10 rows are enough: pieces, plain columns, all members of these.
        (10, "training", 0, 1, 32),
        (10, "encoding", 1, 1, 32),
        (10, "training", 1, 1, 32),
        (10, "encoding", 2, 1, None),
        (10, "training", 2, 1, None),
        # All members on pieces, three of them on plain columns, then all.
        (100, "training", 0, 5, 32),
        (100, "encoding", 1, 5, 32),
        (100, "training", 1, 5, 32),
        (100, "encoding", 2, 5, 32),
        (100, "training", 2, 5, 32),
    ],
)
def test_what_is_trained_stays_when_ctrl_c_ends_the_comparison(
    ctrl_c, monkeypatch, enough_rows, at, training, members, bins
):
    X, y = straight()
    params = SMALL | {"n_members": 5, "max_iter": 4}
    monkeypatch.setattr("minnet.tables.fit._ENOUGH_ROWS", enough_rows)
    monkeypatch.setattr("minnet.training.interrupts._last_heard", -np.inf)
    monkeypatch.setattr(Members, "unseen_losses", lambda self, n: np.full(9, self.recipe.bins or 0))
    method = "train" if at == "training" else "__init__"
    usual, calls = getattr(Members, method), []

    def interrupted(self, *args, **kwargs):
        calls.append(self)
        if len(calls) != 1 + training:
            return usual(self, *args, **kwargs)
        if at == "encoding":
            ctrl_c()
        monkeypatch.setattr(self.trainer, "_pause", lambda call: ctrl_c())
        return usual(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Members, method, interrupted)
        with pytest.warns(UserWarning, match="interrupted by user"):
            model = TabularRegressor(**params).fit(X, y)
    assert len(calls) == 1 + training
    assert len(model.networks_) == len(model.seeds_) == model.recipe_.n_members == members
    assert model.recipe_.bins == bins
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.oof_prediction_).sum() == 40 * members
    if (members, bins) == (5, 32) and training:
        pieces = TabularRegressor(**params, bins=32).fit(X, y)
        np.testing.assert_array_equal(model.predict(X), pieces.predict(X))


@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
@pytest.mark.parametrize("better", ["pieces", "plain"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_of_pilots_the_better_kind_is_what_is_trained(
    monkeypatch, tmp_path, estimator, better, n_members
):
    X, y = straight()
    y = y > 0 if estimator is TabularClassifier else y
    params = SMALL | {"n_members": n_members}
    sign = 1 if better == "plain" else -1
    monkeypatch.setattr("minnet.tables.fit._ENOUGH_ROWS", 10)
    monkeypatch.setattr(
        Members, "unseen_losses", lambda self, n: np.full(9, sign * (self.recipe.bins or 0))
    )
    seen = []
    model = estimator(**params).set_callbacks(lambda trainer: seen.append(trainer.n_epochs))
    model.fit(X, y)
    bins = None if better == "plain" else 32
    alone = estimator(**params, bins=bins).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    assert seen == list(range(1, model.n_iter_ + 1))
    assert model.recipe_ == alone.recipe_
    # A fit that was ended goes on from its checkpoint, of the better kind.
    path = tmp_path / "fit.minnet"
    ended = estimator(**params).set_callbacks(
        Checkpoint(path), lambda trainer: trainer.n_epochs == 2
    )
    ended.fit(X, y)
    again = estimator(**params).set_callbacks(Checkpoint(path)).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), alone.predict(X))


def test_pieces_that_ended_behind_the_pilot_of_plain_columns_give_way_to_these(monkeypatch):
    def losses(self, n):
        of_pieces = 0 if self.recipe.n_members == 1 else 2  # of the pilot, and of all
        return np.full(9, 1 if self.recipe.bins is None else of_pieces)

    X, y = straight()
    monkeypatch.setattr("minnet.tables.fit._ENOUGH_ROWS", 10)
    monkeypatch.setattr(Members, "unseen_losses", losses)
    model = TabularRegressor(**SMALL, n_members=2).fit(X, y)
    plain = TabularRegressor(**SMALL, n_members=2, bins=None).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


def test_ctrl_c_while_steps_are_timed_ends_the_fit(ctrl_c, monkeypatch):
    monkeypatch.setattr("minnet.training.interrupts._last_heard", -np.inf)
    model = TabularRegressor(**SMALL, n_members=2, time_limit=60).fit(numbers(), np.arange(100))
    before = vars(model)
    usual = Members._new_trainer

    def of_copies(self, networks, **options):
        trainer = usual(self, networks, **options)
        if not options:
            monkeypatch.setattr(trainer, "_pause", lambda call: ctrl_c())
        return trainer

    monkeypatch.setattr(Members, "_new_trainer", of_copies)
    with pytest.warns(UserWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        model.fit(numbers(), np.arange(100))
    assert vars(model).keys() == before.keys()
    assert model.networks_ is before["networks_"]


@pytest.mark.parametrize("n_rows", [1000, 10])
def test_a_time_limit_is_for_steps_and_not_for_what_comes_once(monkeypatch, n_rows):
    now, beside = [0.0], iter([9.0, 0.5, 0.5])

    class Trainer:
        def __init__(self, networks):
            now[0] += 50.0

        def fit(self, X, T, sample_weight, rows, held, max_epochs, callbacks):
            now[0] += next(beside) + 1e-2 * max_epochs * sum(map(len, rows))

    monkeypatch.setattr("minnet.tables.pace.time", SimpleNamespace(perf_counter=lambda: now[0]))
    rows = [np.arange(n_rows), np.arange(n_rows)]
    n_epochs = epochs_in_time(Trainer, [], (None, None, None), rows, None, 10, end=500.0)
    # Of a single step nobody can tell what it takes of its call.
    of_epoch = 20.0 if n_rows > 10 else 0.7
    assert n_epochs == int(0.8 * (500 - now[0]) / of_epoch)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("label", ["only", 0, 1])
def test_scores_of_a_single_class_are_those_of_its_predictions(n_members, label):
    X = numbers()
    model = TabularClassifier(**SMALL, n_members=n_members).fit(X, [label] * 100)
    held = np.isfinite(model.oof_prediction_[:, 0])
    said = model.classes_[model.oof_prediction_[held].argmax(axis=1)]
    assert model.oof_score_ == accuracy_score([label] * held.sum(), said) == 1
    assert model.oof_log_loss_ == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("how", ["sample_weight", "class_weight", "sample_weight_val"])
def test_only_proportions_of_weights_count(size, how):
    X = numbers()
    y, w = (X[:, 0] > 0).astype(int), np.where(np.arange(100) % 3, 2.0, 1.0)
    of_classes = {0: 1.0, 1: 3.0}

    def fitted(size):
        params = {"class_weight": {k: v * size for k, v in of_classes.items()}}
        params = params if how == "class_weight" else {}
        model = TabularClassifier(**SMALL, n_members=2, **params)
        if how == "sample_weight_val":
            return model.fit(X, y, X_val=X, y_val=y, sample_weight_val=w * size)
        return model.fit(X, y, sample_weight=None if params else w * size)

    expected = fitted(1.0).predict_proba(X)
    np.testing.assert_allclose(fitted(size).predict_proba(X), expected, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_the_out_of_fold_score_does_not_depend_on_the_unit(scale):
    X = numbers()
    y = np.c_[X[:, 0] * scale, X[:, 1]]
    model = TabularRegressor(**SMALL, n_members=2).fit(X, y)
    same = TabularRegressor(**SMALL, n_members=2).fit(X, y / [scale, 1])
    assert model.oof_score_ == pytest.approx(same.oof_score_, abs=1e-4)


def test_of_a_single_row_out_of_fold_there_is_no_r2():
    model = TabularRegressor(**SMALL, n_members=1).fit(numbers(10), np.arange(10))
    assert np.isfinite(model.oof_prediction_).sum() == 1
    assert np.isnan(model.oof_score_)


@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
def test_a_prediction_while_another_thread_fits_is_of_one_of_both(estimator):
    X = numbers()
    y = (X[:, 0] > 0).astype(int)
    few, many = (estimator(**SMALL, n_members=n, bins=8).fit(X, y) for n in (2, 3))
    method = "predict_proba" if estimator is TabularClassifier else "predict"
    expected = [getattr(model, method)(X) for model in (few, many)]
    model = estimator(**SMALL, n_members=2, bins=8).fit(X, y)

    # In the middle of a prediction, as often as it asks for a backend, the other fit takes its place.
    fitted = [
        {k: v for k, v in vars(m).items() if k.endswith("_") or k[0] == "_"} for m in (few, many)
    ]

    class Swaps:
        def __init__(self, cache):
            self.cache = cache

        def get(self, *args):
            model._put(fitted[1])
            return self.cache.get(*args)

    model._put(fitted[0] | {"_backends": [Swaps(cache) for cache in few._backends]})
    np.testing.assert_array_equal(getattr(model, method)(X), expected[0])
    np.testing.assert_array_equal(getattr(model, method)(X), expected[1])


@pytest.mark.parametrize("of_fit", [np.asarray, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("of_val", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_labels_of_a_validation_set_may_be_sparse_where_those_of_fit_are_not(of_fit, of_val):
    X = numbers()
    Y = (X > 0).astype(int)
    one = TabularClassifier(**SMALL, n_members=2).fit(X, Y, X_val=X, y_val=Y)
    other = TabularClassifier(**SMALL, n_members=2).fit(X, of_fit(Y), X_val=X, y_val=of_val(Y))
    np.testing.assert_array_equal(other.predict_proba(X), one.predict_proba(X))


@pytest.mark.parametrize("weights", [None, np.ones(50)])
def test_a_validation_set_in_which_no_row_counts_is_refused(weights):
    X = numbers()
    y = np.repeat([0, 1], 50)
    model = TabularClassifier(**SMALL, class_weight={0: 0.0, 1: 1.0})
    with pytest.raises(
        ValueError, match="sample_weight_val must have a finite sum above 0, got 0, with"
    ):
        model.fit(X, y, X_val=X[:50], y_val=y[:50], sample_weight_val=weights)


@pytest.mark.parametrize("scored", [0, 1])
def test_of_an_ensemble_that_ends_together_some_may_have_no_held_rows(scored):
    X = numbers()
    networks = [Network([Dense(1)], "squared_error").initialize(2, i) for i in range(2)]
    held = [np.arange(9) if i == scored else None for i in range(2)]
    trainer = EnsembleTrainer(networks, scoring="loss", joint=True)
    trainer.fit(X, X[:, :1], held=held, max_epochs=3)
    assert trainer.best_scores[1 - scored] == -np.inf
    assert trainer.best_scores[scored] == trainer.best_score == max(trainer.validation_scores)


@pytest.mark.parametrize("n_members", [1, 2, 5])
@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
def test_a_table_of_which_one_row_alone_is_different_gives_no_warning(estimator, n_members):
    X = np.zeros((50, 1))
    X[7] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = estimator(**SMALL, n_members=n_members).fit(X, np.arange(50) % 2)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("where", ["callback", "thread"])
def test_one_estimator_is_fitted_by_one_call_at_a_time(where):
    X, y = numbers(), np.arange(100) % 2
    model, raised, copies = TabularClassifier(**SMALL, n_members=2), [], []

    def again():
        try:
            model.fit(X, y)
        except RuntimeError as error:
            raised.append(str(error))

    def callback(trainer):
        copies.append(copy.deepcopy(model).set_callbacks())
        if where == "callback":
            again()
        else:
            thread = threading.Thread(target=again)
            thread.start()
            thread.join()

    model.set_callbacks(callback).fit(X, y)
    assert len(raised) == model.n_iter_
    assert all("must not be fitted by two calls at once" in text for text in raised)
    model.set_callbacks().fit(X, y)
    np.testing.assert_array_equal(copies[0].fit(X, y).predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("estimator", "y_val"),
    [
        (TabularClassifier, np.full(100, 7)),
        (TabularClassifier, np.zeros(99, int)),
        (TabularClassifier, np.full(100, np.nan)),
        (TabularRegressor, np.full(100, 1e300)),
        (TabularRegressor, np.full(100, np.nan)),
        (TabularRegressor, np.zeros(99)),
        (TabularRegressor, np.zeros((100, 2))),
    ],
)
def test_errors_of_a_validation_set_name_it(estimator, y_val):
    X = numbers()
    with pytest.raises(ValueError, match="y_val"):
        estimator(**SMALL).fit(X, np.arange(100) % 2, X_val=X, y_val=y_val)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("X", None), ("X", 3), ("X_val", 3), ("X_val", np.array(3.0)),
        ("X_val", pd.DataFrame({"a": np.zeros(100), "c": np.zeros(100)})),
        ("X_val", pd.DataFrame({"a": ["x"] * 100, "b": np.zeros(100)})),
        ("X_val", pd.DataFrame({"a": np.zeros(100)})[[]]),
        ("sample_weight_val", np.full(100, np.nan)), ("sample_weight_val", np.full(100, -1.0)),
        ("sample_weight_val", np.ones(99)), ("sample_weight_val", np.zeros(100)),
        ("sample_weight_val", np.full(100, 1e308)), ("sample_weight_val", "abc"),
        ("categorical_features", 3), ("categorical_features", "no"), ("categorical_features", ["c"]),
    ],
)  # fmt: skip
def test_errors_name_the_argument(estimator, argument, value):
    X = pd.DataFrame(numbers(), columns=["a", "b"])
    given = {"X": X, "y": np.arange(100) % 2, "X_val": X, "y_val": np.arange(100) % 2}
    given = {**given, argument: value}
    model = estimator(**SMALL, categorical_features=given.pop("categorical_features", None))
    with pytest.raises((TypeError, ValueError), match=rf"\b{argument}\b") as caught:
        model.fit(**given)
    assert "TableEncoder" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "kind", "sentence"),
    [
        ("X has", ["X must go"] * 100, "got texts such as 'X must go'"),
        ("X must", np.full(100, "2026-12-01", "M8[D]"), "got datetime64[s]: make numbers of them"),
    ],
)
def test_names_and_texts_of_the_users_own_stand_as_they_are(column, kind, sentence):
    X, y = pd.DataFrame({column: np.arange(100.0)}), np.arange(100) % 2
    with pytest.raises((TypeError, ValueError)) as caught:
        TabularClassifier(**SMALL).fit(X, y, X_val=pd.DataFrame({column: kind}), y_val=y)
    assert str(caught.value).startswith(f"column {column!r} of X_val must be numbers")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", ["y", "y_val"])
def test_a_regressor_sends_those_with_labels_to_a_classifier(name):
    given = {
        "X_val": numbers(),
        "y": np.arange(100),
        "y_val": np.arange(100),
        name: ["a", "b"] * 50,
    }
    with pytest.raises(
        ValueError, match=f"^{name} must be numbers, .* classes are for a classifier$"
    ):
        TabularRegressor(**SMALL).fit(numbers(), **given)


@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
def test_warnings_and_errors_name_the_estimator_that_the_user_called(estimator):
    X = pd.DataFrame(numbers(), columns=["a", "b"])
    model = estimator(**SMALL, n_members=2, bins=8).fit(X, np.arange(100) % 2)
    name = estimator.__name__
    with pytest.warns(UserWarning, match=f"feature names, but {name} was fitted with") as caught:
        model.predict(X.to_numpy())
    assert len(caught) == 1
    with (
        pytest.warns(UserWarning, match=f"feature names, but {name} was fitted with"),
        pytest.raises(ValueError, match=f"X has 1 features, but {name} is expecting 2"),
    ):
        model.predict(X.to_numpy()[:, :1])
    assert type(model.encoder_) is TableEncoder


@pytest.mark.parametrize("estimator", [TabularClassifier, TabularRegressor])
@pytest.mark.parametrize(
    ("X", "said"),
    [
        ({"a": [1.0, 2.0], "b": [3.0, 4.0]}, "got a dict: pandas.DataFrame makes columns of it"),
        ({1, 2}, "got a set: make a list of it"),
        (iter([[1.0], [2.0]]), "got a list_iterator: make a list of it"),
    ],
    ids=["dict", "set", "iterator"],
)
def test_what_has_no_rows_is_no_table(estimator, X, said):
    model = estimator(**SMALL)
    with pytest.raises(TypeError, match=f"^X must be an array-like, {said}$"):
        model.fit(X, [0, 1])
    model.fit(numbers(), np.arange(100) % 2)
    with pytest.raises(TypeError, match=f"^X must be an array-like, {said}$"):
        model.predict(X)
    with pytest.raises(TypeError, match=f"^X_val must be an array-like, {said}$"):
        model.fit(numbers(), np.arange(100) % 2, X_val=X, y_val=[0, 1])


def test_the_largest_numbers_as_targets_give_no_warning():
    largest = np.finfo(float).max
    X, sign = numbers(), np.where(np.arange(100) % 2, 1, -1)
    model = TabularRegressor(**SMALL, n_members=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(model.fit(X, sign * largest).predict(1e9 * X)).all()
        assert np.isfinite(model.target_range_).all()
        with pytest.raises(ValueError, match="y must be finite in float32"):
            model.fit(X, np.where(np.arange(100) < 30, largest, -largest))
        with pytest.raises(
            ValueError, match="sample_weight must have a finite sum above 0, got inf"
        ):
            model.fit(X, sign, sample_weight=np.full(100, largest))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n_rows": -0.5}, "n_rows must be a whole number of at least 1, got -0.5"),
        ({"n_rows": 0}, "n_rows must be a whole number of at least 1, got 0"),
        ({"n_columns": -1}, "n_columns must be a whole number of at least 0, got -1"),
        ({"quality": "slow"}, "quality must be 'fast', 'balanced' or 'best', got 'slow'"),
        ({"quality": ["best"]}, "quality must be 'fast', 'balanced' or 'best', got ['best']"),
    ],
)  # fmt: skip
def test_a_recipe_for_what_cannot_be_is_refused(given, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        recipe_for(**{"n_rows": 1000, **given})
