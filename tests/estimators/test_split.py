"""The part that early stopping sets aside: labels in proportion, and every class trained on."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

from minnet import MinNetClassifier, MinNetRegressor
from minnet.estimators import fit, validation
from minnet.estimators.stratification import stratified_rows
from minnet.random import Stream

SEEDS = range(10)


def split(T, n_held, seed):
    held = stratified_rows(T, n_held, Stream(seed, "split"))
    assert held.dtype == bool
    assert held.shape == (len(T),)
    assert held.sum() == n_held
    return held


def indicator(n_labels, seed, n_samples=400):
    """Labels of many frequencies that go together, from 2 to 50 per cent of the rows."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n_samples, 3)) @ rng.normal(size=(3, n_labels))
    scores += rng.normal(size=scores.shape)
    return (
        scores > np.quantile(scores, np.linspace(0.5, 0.98, n_labels), axis=0).diagonal()
    ).astype(float)


# ---- one column of labels


@pytest.mark.parametrize("n_classes", [1, 2, 3, 5, 20, 100])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.8])
def test_each_class_has_its_share_rounded_down_or_up(n_classes, fraction):
    rng = np.random.default_rng(n_classes)
    for seed in SEEDS:
        counts = rng.integers(6, 40, size=n_classes)
        T = rng.permutation(np.repeat(np.arange(n_classes), counts))
        n_held = int(np.ceil(fraction * len(T)))
        share = counts * n_held / len(T)
        got = np.bincount(T[split(T, n_held, seed)], minlength=n_classes)
        assert (np.floor(share) <= got).all()
        assert (got <= np.ceil(share)).all()


def test_by_chance_and_by_the_key():
    T = np.repeat([0, 1, 2], [50, 30, 20])
    rows = [tuple(np.flatnonzero(split(T, 10, seed))) for seed in range(200)]
    assert len(set(rows)) == 200
    assert rows[7] == tuple(np.flatnonzero(split(T, 10, 7)))
    # Each row is as likely as any other: 200 draws of a tenth, within five standard deviations.
    times = np.bincount(np.concatenate(rows), minlength=100)
    assert abs(times - 20).max() < 5 * np.sqrt(200 * 0.1 * 0.9)


def test_more_classes_than_rows_for_validation():
    T = np.repeat(np.arange(50), 4)
    for seed in SEEDS:
        held = split(T, 20, seed)
        assert np.bincount(T[held]).max() == 1
        assert len(np.unique(T[~held])) == 50


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_a_row_of_each_class_is_trained_on_where_there_are_enough(fraction):
    T = np.r_[np.zeros(60, dtype=int), np.arange(1, 7), np.repeat([7, 8, 9], 2)]
    n_held = int(np.ceil(fraction * len(T)))
    enough = len(T) - n_held >= 10
    for seed in range(50):
        trained = np.unique(T[~split(T, n_held, seed)])
        assert not enough or len(trained) == 10


def test_of_one_class_and_of_few_rows():
    assert split(np.zeros((5, 1)), 2, 0).sum() == 2
    for n in range(2, 6):
        for n_held in range(1, n + 1):
            split(np.arange(n), n_held, 0)
            split(np.eye(n), n_held, 0)


# ---- multilabel


@pytest.mark.parametrize("n_labels", [2, 5, 12])
@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_each_label_has_its_share(n_labels, fraction):
    worse = 0
    for seed in SEEDS:
        T = indicator(n_labels, seed)
        n_held = int(fraction * len(T))
        share = T.sum(axis=0) * fraction
        off = np.abs(T[split(T, n_held, seed)].sum(axis=0) - share)
        assert off.mean() < 0.8
        assert off.max() <= (1 if n_labels <= 5 else 5)
        by_chance = np.random.default_rng(seed).permutation(len(T))[:n_held]
        worse += off.mean() >= np.abs(T[by_chance].sum(axis=0) - share).mean()
    assert worse <= 1


def test_a_row_of_each_label_is_trained_on():
    rng = np.random.default_rng(0)
    T = (rng.random((60, 8)) < [0.5, 0.5, 0.3, 0.1, 0.0, 0.0, 0.0, 0.0]).astype(float)
    T[[3, 4, 5], [5, 6, 7]] = 1  # three labels with a single row, one with none
    for seed in range(50):
        for n_held in (6, 30, 45):
            trained = T[~split(T, n_held, seed)]
            assert (trained.any(axis=0) == T.any(axis=0)).all()


def test_rows_without_labels_only():
    assert split(np.zeros((10, 3)), 3, 0).sum() == 3


# ---- in fit


class Watch(MinNetClassifier):
    def _validation_score(self, Y, T, sample_weight):
        self.seen_ = T.copy()
        return super()._validation_score(Y, T, sample_weight)


@pytest.mark.parametrize("sparse_y", [False, True])
def test_fit_stratifies_a_multilabel_indicator(sparse_y):
    X, Y = make_multilabel_classification(n_samples=300, n_classes=4, random_state=0)
    given = sparse.csr_array(Y) if sparse_y else Y
    for seed in range(5):
        est = Watch((3,), early_stopping=True, max_iter=1, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            est.fit(X, given)
        assert est.seen_.shape == (30, 4)
        assert np.abs(est.seen_.sum(axis=0) - Y.sum(axis=0) / 10).max() <= 1.5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_labels_that_cannot_be_in_both_parts_are_named():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.r_[["a"] * 30, ["b"] * 29, ["c"]]
    message = r"^the validation set has no row of these labels: 'c'; give fit more rows"
    for seed in SEEDS:
        est = Watch((3,), early_stopping=True, max_iter=2, random_state=seed)
        with pytest.warns(UserWarning, match=message):
            est.fit(X, y)
        assert est.predict_proba(X).shape == (60, 3)
    Y = np.c_[y == "a", y == "c"].astype(int)
    with pytest.warns(UserWarning, match=r"no row of these labels: 1; "):
        Watch((3,), early_stopping=True, max_iter=2, random_state=0).fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("make", [MinNetClassifier, MinNetRegressor])
def test_the_rows_that_train_stay_in_their_order(make, monkeypatch):
    # With shuffle=False steps go through the rows as they were given.
    seen = []

    def watched(*arguments):
        parts = validation.split(*arguments)
        seen.append(parts[0].X.ravel())
        return parts

    monkeypatch.setattr(fit, "split", watched)
    X = np.arange(40.0)[:, np.newaxis] / 40
    est = make(hidden_layer_sizes=(2,), shuffle=False, early_stopping=True, max_iter=1)
    est.set_params(random_state=0).fit(X, X.ravel() > 0.5)
    assert len(seen[0]) == 36
    assert (np.diff(seen[0]) > 0).all()


# ---- in the order of the rows


def held_rows(make, y, **arguments):
    """Return the rows that a fit sets aside, and those that it trains on."""
    seen = []

    def scorer(estimator, X, y, **weights):
        seen.append((X.ravel(), y, weights))
        return 0.0

    X = np.arange(50.0)[:, np.newaxis] / 50
    est = make(hidden_layer_sizes=(2,), early_stopping=True, max_iter=1, scoring=scorer)
    est.set_params(random_state=0, **arguments)
    est.fit(X, y, np.arange(50) + 1.0)
    return seen[0]


ORDERED = {
    "numbers": (MinNetRegressor, np.arange(50.0)),
    "outputs": (MinNetRegressor, np.arange(100.0).reshape(50, 2)),
    "two classes": (MinNetClassifier, np.arange(50) % 2),
    "classes": (MinNetClassifier, np.array(["a", "b", "c"])[np.arange(50) % 3]),
    "indicator": (MinNetClassifier, np.arange(100).reshape(50, 2) % 3 % 2),
    "sparse indicator": (
        MinNetClassifier,
        sparse.csr_array(np.arange(100).reshape(50, 2) % 3 % 2),
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("fraction", "n_held"), [(0.1, 5), (0.11, 6), (0.5, 25)])
@pytest.mark.parametrize("kind", ORDERED)
def test_without_shuffling_the_last_rows_are_set_aside(kind, fraction, n_held):
    make, y = ORDERED[kind]
    order = {"shuffle": False, "validation_fraction": fraction}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="no row of these|the validation set has no row")
        X, seen, weights = held_rows(make, y, **order)
    np.testing.assert_array_equal(X, np.arange(50 - n_held, 50) / 50)
    np.testing.assert_array_equal(weights["sample_weight"], np.arange(50 - n_held, 50) + 1.0)
    assert (seen != y[50 - n_held :]).sum() == 0
    assert not np.array_equal(held_rows(make, y, validation_fraction=fraction)[0], X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("sparse_y", [None, False, True])
def test_labels_that_come_last_are_named(sparse_y):
    y = np.repeat(["a", "b", "c"], [40, 5, 5])
    if sparse_y is not None:
        Y = (y[:, np.newaxis] == np.array(["a", "b", "c"])).astype(int)
        y = sparse.csr_array(Y) if sparse_y else Y
    last = "'c'" if sparse_y is None else "2"
    with pytest.warns(UserWarning, match="no row of these labels") as seen:
        held_rows(MinNetClassifier, y, shuffle=False)
    texts = [str(w.message) for w in seen]
    assert any(text.startswith(f"no row of these labels is trained on: {last}; ") for text in texts)
    assert any(text.startswith("the validation set has no row of these") for text in texts)
    assert {w.filename for w in seen if "no row" in str(w.message)} == {__file__}
