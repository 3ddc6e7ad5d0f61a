"""MinNetClassifier: labels of every kind, probabilities, weights of classes, validation."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils import compute_sample_weight

from minnet import MinNetClassifier
from minnet.losses import SigmoidCrossEntropy, SquaredError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
FAST = {"hidden_layer_sizes": (8,), "max_iter": 60, "learning_rate_init": 0.05, "random_state": 0}


def fit(y, X=X, **arguments):
    return MinNetClassifier(**{**FAST, **arguments}).fit(X, y)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize(
    ("kind", "output"),
    [("binary", "logistic"), ("multiclass", "softmax"), ("multilabel", "logistic")],
)
def test_learns(iris, indicator, solver, kind, output):
    X, y = iris
    y = {"binary": y == 0, "multiclass": y, "multilabel": indicator[1]}[kind]
    est = fit(y, X, solver=solver, max_iter=150)
    assert est.score(X, y) > 0.93
    assert est.out_activation_ == output
    assert est.n_outputs_ == {"binary": 1, "multiclass": 3, "multilabel": 3}[kind]


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "bb", "c"],
        np.array(["x", "y", "z"], dtype=object),
        [-3, 0, 7],
        [0.0, 1.0, 2.0],
        np.array([1, 2, 3], dtype=np.uint8),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_any_kind_come_back(labels, n_classes):
    labels = np.asarray(labels)[:n_classes]
    indices = Y % n_classes
    est = fit(labels[indices])
    plain = fit(indices)
    np.testing.assert_array_equal(est.classes_, labels)
    np.testing.assert_array_equal(est.predict(X), labels[plain.predict(X)])
    np.testing.assert_array_equal(est.predict_proba(X), plain.predict_proba(X))


def test_booleans_come_back():
    est = fit(Y > 0)
    assert est.predict(X).dtype == bool
    np.testing.assert_array_equal(est.classes_, [False, True])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_class(solver):
    est = fit(np.full(60, "only"), solver=solver, max_iter=3)
    assert set(est.predict(X)) == {"only"}
    np.testing.assert_array_equal(est.predict_proba(X), np.ones((60, 1)))
    np.testing.assert_array_equal(est.predict_log_proba(X), np.zeros((60, 1)))
    assert est.score(X, np.full(60, "only")) == 1.0


def test_one_row():
    est = fit([1], X[:1])
    assert est.predict(X[:1]) == [1]


def test_probabilities():
    for y, n_columns in ((Y > 0, 2), (Y, 3)):
        est = fit(y)
        P = est.predict_proba(X)
        assert P.shape == (60, n_columns)
        np.testing.assert_allclose(P.sum(axis=1), 1)
        np.testing.assert_array_equal(est.classes_[P.argmax(axis=1)], est.predict(X))
        np.testing.assert_allclose(est.predict_log_proba(X), np.log(P), rtol=1e-6, atol=1e-12)


def test_log_probabilities_are_finite_and_small_probabilities_precise():
    for y in (Y > 0, Y, np.column_stack([Y > 0, Y > 1]).astype(int)):
        est = fit(y, max_iter=2)
        far = X * 1e6
        assert np.isfinite(est.predict_log_proba(far)).all()
        assert est.predict_log_proba(far).min() < -1000
    est = fit(Y > 0, max_iter=2)
    est.coefs_[1] *= 60 / np.abs(est.network_.forward(X)).max()
    P, log_P = est.predict_proba(X), est.predict_log_proba(X)
    assert log_P.min() < -50
    np.testing.assert_allclose(np.log(P), log_P, rtol=1e-9, atol=1e-15)


class TestMultilabel:
    def test_a_column_of_zeros_and_all_zeros(self):
        y = np.column_stack([Y > 0, Y < 0, Y > 1]).astype(int)
        est = fit(y)
        assert not est.predict(X)[:, 1].any()
        np.testing.assert_array_equal(est.classes_, [0, 1, 2])
        assert est.predict_proba(X).shape == (60, 3)
        assert not fit(np.zeros((60, 2), int)).predict(X).any()

    def test_dtypes_of_the_indicator(self):
        y = np.column_stack([Y > 0, Y > 1])
        expected = fit(y.astype(int)).predict(X)
        assert expected.dtype == np.int64
        for dtype in (bool, float, np.uint8):
            np.testing.assert_array_equal(fit(y.astype(dtype)).predict(X), expected)

    @pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
    def test_sparse_indicator_in_and_out(self, container):
        y = np.column_stack([Y > 0, Y > 1]).astype(int)
        est = fit(container(y))
        P = est.predict(X)
        assert sparse.issparse(P)
        np.testing.assert_array_equal(P.toarray(), fit(y).predict(X))
        assert est.score(X, container(y)) == fit(y).score(X, y)

    def test_partial_fit_names_the_columns(self):
        y = np.column_stack([Y > 0, Y > 1]).astype(int)
        est = MinNetClassifier(**FAST)
        for _ in range(2):
            est.partial_fit(X, y, classes=["left", "right"])
        assert list(est.classes_) == ["left", "right"]
        assert est.predict(X).shape == (60, 2)


SHORT = {"batch_size": 7, "max_iter": 5}


class TestClassWeight:
    def assert_same(self, one, two):
        np.testing.assert_allclose(one.network_.params, two.network_.params, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("solver", ["adam", "lbfgs"])
    def test_dict_is_the_same_as_sample_weight(self, solver):
        weights = np.where(Y == 1, 3.0, 1.0)
        given = MinNetClassifier(**{**FAST, **SHORT, "solver": solver})
        given.fit(X, Y, sample_weight=weights)
        self.assert_same(fit(Y, class_weight={1: 3.0}, solver=solver, **SHORT), given)

    def test_balanced_is_scikit_learns(self):
        for y in (Y, Y > 1, np.array(list("abc"))[Y]):
            given = MinNetClassifier(**{**FAST, **SHORT})
            given.fit(X, y, sample_weight=compute_sample_weight("balanced", y))
            self.assert_same(fit(y, class_weight="balanced", **SHORT), given)
        y = np.column_stack([Y > 0, Y > 1]).astype(int)
        given = MinNetClassifier(**{**FAST, **SHORT})
        given.fit(X, y, sample_weight=compute_sample_weight("balanced", y))
        for form in (y, sparse.csr_matrix(y)):
            self.assert_same(fit(form, class_weight="balanced", **SHORT), given)

    def test_it_multiplies_sample_weight(self):
        s = RNG.uniform(size=60)
        one = MinNetClassifier(**{**FAST, **SHORT}, class_weight={0: 0.0, 2: 2})
        two = MinNetClassifier(**{**FAST, **SHORT})
        self.assert_same(one.fit(X, Y, s), two.fit(X, Y, s * np.array([0.0, 1, 2])[Y]))

    def test_partial_fit_on_a_batch_without_some_classes(self):
        est = MinNetClassifier(**FAST, class_weight={0: 1.0, 1: 5.0})
        est.partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X[Y == 2], Y[Y == 2])
        assert est.n_iter_ == 2

    def test_keys_may_cover_more_than_the_labels_there_are(self):
        one = fit(Y, class_weight={0: 2, 1: 1, 2: 1, 9: 4})
        self.assert_same(one, fit(Y, class_weight={0: 2}))

    def test_balanced_where_a_class_has_no_weight(self):
        s = (Y != 1).astype(float)
        one = MinNetClassifier(**FAST, class_weight="balanced").fit(X, Y, s)
        two = MinNetClassifier(**FAST).fit(
            X, Y, s * compute_sample_weight("balanced", np.where(Y == 1, 0, Y)) * (Y != 1)
        )
        assert np.isfinite(one.network_.params).all()
        assert set(one.predict(X)) <= {0, 2}
        assert set(two.predict(X)) <= {0, 2}


class TestValidation:
    class Spy(MinNetClassifier):
        def _validation_score(self, Y, T, sample_weight):
            self.seen_ = T, sample_weight
            return super()._validation_score(Y, T, sample_weight)

    def test_stratified_for_several_classes(self):
        y = np.repeat([0, 1, 2], [30, 20, 10])
        for seed in range(5):
            est = self.Spy((4,), early_stopping=True, max_iter=1, validation_fraction=0.3)
            est.set_params(random_state=seed).fit(X, y)
            np.testing.assert_array_equal(np.bincount(est.seen_[0]), [9, 6, 3])

    def test_stratified_for_two_classes(self):
        y = np.repeat(["no", "yes"], [50, 10])
        est = self.Spy((4,), early_stopping=True, max_iter=1, validation_fraction=0.3).fit(X, y)
        assert est.seen_[0].sum() == 3

    @pytest.mark.parametrize(
        ("y", "fraction", "missing"),
        [
            (np.r_[np.zeros(30, dtype=int), np.ones(29, dtype=int), 2], 0.2, "2;"),
            (np.arange(60) % 20, 0.1, r"(\d+, ){4}\d+ and 9 more;"),
        ],
    )
    def test_says_which_classes_it_lacks(self, y, fraction, missing):
        est = MinNetClassifier(**FAST, early_stopping=True, validation_fraction=fraction)
        message = f"^the validation set has no row of these labels: {missing} give fit more rows"
        with pytest.warns(UserWarning, match=message):
            est.fit(X, y)
        assert len(est.validation_scores_) == est.n_iter_

    def test_no_warning_otherwise(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            fit(Y, early_stopping=True, max_iter=1000, tol=0.01)

    def test_score_is_the_weighted_accuracy(self):
        s = RNG.integers(0, 4, size=60).astype(float)
        for y in (Y, Y > 0, np.column_stack([Y > 0, Y > 1]).astype(int)):
            est = self.Spy((4,), early_stopping=True, max_iter=3, validation_fraction=0.5)
            est.fit(X, y, sample_weight=s)
            assert est.seen_[1].shape == (30,)
            assert 0 <= min(est.validation_scores_) <= est.best_validation_score_ <= 1
            assert est.best_validation_score_ == max(est.validation_scores_)


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (Y, "squared_error"),
        (Y > 0, "squared_error"),
        (Y, SquaredError("softmax")),
        (Y > 0, SigmoidCrossEntropy()),
    ],
    ids=["names", "names binary", "softmax object", "sigmoid object"],
)
def test_losses(y, loss):
    est = fit(y, loss=loss, max_iter=150)
    assert est.score(X, y) > 0.9
    assert est.predict_proba(X).shape == (60, len(est.classes_))


def test_a_column_of_labels_warns():
    with pytest.warns(Warning, match="A column-vector y was passed"):
        est = fit(Y[:, np.newaxis])
    np.testing.assert_array_equal(est.predict(X), fit(Y).predict(X))
    with pytest.warns(Warning, match="A column-vector y was passed"):
        fit(sparse.csr_array(Y[:, np.newaxis]))


def test_sgd_learns_digits(digits):
    X, y = digits
    est = MinNetClassifier((16,), solver="sgd", learning_rate_init=0.02, max_iter=40, batch_size=10)
    assert est.set_params(random_state=0).fit(X, y).score(X, y) > 0.97
