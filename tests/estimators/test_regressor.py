"""MinNetRegressor: outputs, losses, dtypes of input, and weights against repetition."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import r2_score

from minnet import BatchNorm, Dense, MinNetClassifier, MinNetRegressor
from minnet.losses import AbsoluteError, Poisson, SquaredError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)

FAST = {"hidden_layer_sizes": (10,), "max_iter": 100, "learning_rate_init": 0.05, "random_state": 0}


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("activation", ["identity", "tanh", "softsign"])
def test_learns(numbers, solver, activation):
    X, y = numbers
    est = MinNetRegressor(**{**FAST, "learning_rate_init": 0.02}, solver=solver)
    est.set_params(activation=activation).fit(X, y)
    assert est.score(X, y) > 0.9
    assert est.predict(X).shape == y.shape
    assert est.out_activation_ == "identity"
    assert est.n_outputs_ == 1


def test_several_outputs(numbers):
    X, y = numbers
    both = np.column_stack([y, -2 * y, y**2])
    est = MinNetRegressor(**FAST).fit(X, both)
    assert est.predict(X).shape == both.shape
    assert est.n_outputs_ == 3
    assert est.score(X, both) > 0.8
    est.partial_fit(X, both)
    assert est.n_iter_ <= 101


@pytest.mark.parametrize("early_stopping", [False, True])
def test_absolute_error_is_robust(numbers, early_stopping):
    X, y = numbers
    bad = y.copy()
    bad[::10] += 100
    score = {}
    for loss in ("absolute_error", "squared_error", AbsoluteError(), SquaredError()):
        est = MinNetRegressor(loss, (), max_iter=300, learning_rate_init=0.05, random_state=0)
        est.set_params(early_stopping=early_stopping, n_iter_no_change=300, tol=0)
        score[str(loss)] = est.fit(X, bad).score(X, y)
    assert score["absolute_error"] == score["AbsoluteError()"]
    assert score["squared_error"] == score["SquaredError()"]
    assert score["squared_error"] < 0
    if not early_stopping:
        assert score["absolute_error"] > 0.95


def test_poisson(numbers):
    X, _ = numbers
    counts = np.random.default_rng(0).poisson(np.exp(X[:, 0]))
    est = MinNetRegressor("poisson", (), solver="lbfgs", alpha=0, tol=1e-6).fit(X, counts)
    assert est.out_activation_ == "exp"
    assert (est.predict(X) > 0).all()
    np.testing.assert_allclose(est.predict(X).sum(), counts.sum(), rtol=1e-4)
    other = MinNetRegressor(Poisson(), (), solver="lbfgs", alpha=0, tol=1e-6).fit(X, counts)
    np.testing.assert_allclose(other.predict(X), est.predict(X), rtol=1e-3)


def test_validation_score_is_r2(numbers):
    X, y = numbers

    class Spy(MinNetRegressor):
        def _validation_score(self, Y, T, sample_weight):
            score = super()._validation_score(Y, T, sample_weight)
            self.seen_ = r2_score(T, Y, sample_weight=sample_weight), score, len(T)
            return score

    est = Spy(**FAST, early_stopping=True, validation_fraction=0.25)
    est.fit(X, y, sample_weight=np.arange(80.0))
    assert est.seen_[0] == est.seen_[1] == est.validation_scores_[-1]
    assert est.seen_[2] == 20


class TestInputs:
    def predictions(self, X, y, **arguments):
        est = MinNetRegressor(**{**FAST, "max_iter": 3, "batch_size": 16, **arguments}).fit(X, y)
        return est.predict(X)

    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    @pytest.mark.parametrize(
        "container",
        [
            sparse.csr_matrix,
            sparse.csr_array,
            sparse.csc_matrix,
            sparse.csc_array,
            sparse.coo_array,
        ],
    )
    def test_sparse_equals_dense(self, numbers, solver, container):
        X, y = numbers
        X = X * (X > 0)
        dense, thin = self.predictions(X, y, solver=solver), container(X)
        np.testing.assert_allclose(self.predictions(thin, y, solver=solver), dense, rtol=1e-9)

    def test_sparse_with_early_stopping_batch_norm_and_partial_fit(self, numbers):
        X, y = numbers
        thin = sparse.csc_array(X * (X > 0))
        for options in ({"early_stopping": True}, {"batch_norm": True}):
            dense = self.predictions(thin.toarray(), y, **options)
            # Adam enlarges the rounding of a bias before BatchNorm, whose gradient is 0.
            np.testing.assert_allclose(self.predictions(thin, y, **options), dense, atol=1e-6)
        one = MinNetRegressor(**FAST).partial_fit(thin, y).predict(thin)
        two = MinNetRegressor(**FAST).partial_fit(thin.toarray(), y).predict(thin.toarray())
        np.testing.assert_allclose(one, two, rtol=1e-9)

    def test_sparse_into_a_first_layer_that_is_not_dense(self, numbers):
        X, y = numbers
        est = {"layers": [BatchNorm(), Dense(5, "tanh")], "hidden_layer_sizes": (100,)}
        thin = self.predictions(sparse.csr_array(X), y, **est)
        np.testing.assert_allclose(thin, self.predictions(X, y, **est), rtol=1e-9)

    def test_indices_of_another_width(self, numbers):
        X, y = numbers
        thin = sparse.csr_array(X)
        thin.indices, thin.indptr = thin.indices.astype(np.int64), thin.indptr.astype(np.int64)
        np.testing.assert_allclose(self.predictions(thin, y), self.predictions(X, y), rtol=1e-9)

    def test_memory_layout(self, numbers, tmp_path):
        X, y = numbers
        expected = self.predictions(X, y)
        read_only = X.copy()
        read_only.flags.writeable = False
        np.save(tmp_path / "X.npy", X)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        strided = np.repeat(X, 2, axis=1)[:, ::2]
        for form in (np.asfortranarray(X), read_only, mapped, strided, X.tolist()):
            np.testing.assert_allclose(self.predictions(form, y), expected, rtol=1e-12)

    @pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint64, bool, object, np.longdouble])
    def test_other_dtypes_are_computed_in_float64(self, numbers, dtype):
        X, y = numbers
        X = np.round(np.abs(X)).astype(dtype)
        est = MinNetRegressor(**FAST).set_params(max_iter=2).fit(X, y)
        assert est.predict(X).dtype == np.float64
        np.testing.assert_array_equal(est.predict(X), est.predict(X.astype(np.float64)))

    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    def test_float32_stays(self, numbers, solver):
        X, y = numbers
        X = X.astype(np.float32)
        est = MinNetRegressor(**{**FAST, "max_iter": 5}, solver=solver).fit(X, y)
        assert {a.dtype for a in (*est.coefs_, *est.intercepts_)} == {np.dtype(np.float32)}
        assert est.predict(X).dtype == np.float32
        wide = MinNetRegressor(**{**FAST, "max_iter": 5}, solver=solver).fit(X.astype(float), y)
        np.testing.assert_allclose(est.predict(X), wide.predict(X), rtol=0, atol=2e-3)
        clf = MinNetClassifier((4,), solver=solver, max_iter=2).fit(X, y > 0)
        assert clf.predict_proba(X).dtype == clf.predict_log_proba(X).dtype == np.float32

    def test_constant_columns_and_target(self, numbers):
        X, _ = numbers
        X = np.column_stack([X, np.ones(80), np.zeros(80)])
        for options in ({}, {"batch_norm": True}, {"solver": "lbfgs"}):
            est = MinNetRegressor(**FAST, **options).fit(X, np.full(80, 3.0))
            np.testing.assert_allclose(est.predict(X), 3.0, atol=0.5)

    def test_one_row(self):
        for options in ({}, {"solver": "lbfgs"}):
            est = MinNetRegressor(**FAST, **options).fit([[1.0, 2.0]], [3.0])
            assert np.isfinite(est.predict([[1.0, 2.0]])).all()

    def test_a_column_of_numbers_warns(self, numbers):
        X, y = numbers
        with pytest.warns(Warning, match="A column-vector y was passed"):
            column = self.predictions(X, y[:, np.newaxis])
        np.testing.assert_array_equal(column, self.predictions(X, y))


def targets(kind, X):
    labels = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    return {
        "numbers": X @ [1.0, -1.0, 0.5, 2.0],
        "outputs": np.column_stack([X[:, 0], X[:, 1] ** 2]),
        "multiclass": labels,
        "binary": labels > 0,
        "multilabel": np.column_stack([labels > 0, labels > 1]).astype(int),
    }[kind]


class TestWeightsAreRepetition:
    """Invariant 7: whole-number weights are repeated rows, in full batch."""

    X = np.random.default_rng(1).normal(size=(40, 4))
    s = np.random.default_rng(2).integers(0, 4, size=40)

    def make(self, kind, **arguments):
        cls = MinNetRegressor if kind in ("numbers", "outputs") else MinNetClassifier
        common = {"hidden_layer_sizes": (6,), "activation": "tanh", "batch_size": 1000}
        common |= {"max_iter": 12, "alpha": 0.3, "random_state": 4, "learning_rate_init": 0.01}
        return cls(**{**common, **arguments})

    def assert_equal(self, one, two, atol=1e-10):
        np.testing.assert_allclose(one.network_.params, two.network_.params, rtol=0, atol=atol)
        np.testing.assert_allclose(one.network_.state, two.network_.state, rtol=0, atol=atol)
        np.testing.assert_allclose(one.loss_, two.loss_, rtol=1e-9)

    @pytest.mark.filterwarnings("ignore:Got `batch_size`")
    @pytest.mark.parametrize("kind", ["numbers", "outputs", "binary", "multiclass", "multilabel"])
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"solver": "sgd"},
            {"solver": "lbfgs"},
            {"batch_norm": True},
            {"clip_norm": 0.01, "weight_decay": 0.1},
            {"class_weight": "balanced", "batch_norm": True},
        ],
        ids=str,
    )
    def test_equal(self, kind, options):
        if kind in ("numbers", "outputs"):
            options = {name: value for name, value in options.items() if name != "class_weight"}
        y = targets(kind, self.X)
        weighted = self.make(kind, **options).fit(self.X, y, sample_weight=self.s)
        rows = np.repeat(np.arange(40), self.s)
        repeated = self.make(kind, **options).fit(self.X[rows], y[rows])
        if "batch_norm" in options:  # only its running variance counts rows: it is unbiased
            one, two = (est.network_.layers[1].running_var for est in (weighted, repeated))
            ratio = (one - 0.9**12) / (two - 0.9**12)  # less what is left of the 1 before 12 steps
            p, n = self.s / self.s.sum(), len(rows)
            if "class_weight" not in options:
                np.testing.assert_allclose(ratio, (1 - 1 / n) / (1 - (p * p).sum()), rtol=1e-6)
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
            two[...] = one
        # Adam divides by the root of tiny second moments, lbfgs searches along lines.
        self.assert_equal(weighted, repeated, atol=1e-6 if "solver" in options else 1e-8)

    @pytest.mark.parametrize("kind", ["numbers", "binary", "multiclass"])
    @pytest.mark.parametrize(
        "options", [{}, {"batch_norm": True}, {"early_stopping": True}], ids=str
    )
    def test_scaling_all_weights_changes_nothing(self, kind, options):
        y = targets(kind, self.X)
        s = self.s + 0.5
        arguments = {"alpha": 0.0, "batch_size": 7, **options}
        one = self.make(kind, **arguments).fit(self.X, y, sample_weight=s)
        for factor in (1e-3, 64.0):
            two = self.make(kind, **arguments).fit(self.X, y, sample_weight=factor * s)
            self.assert_equal(one, two, atol=1e-6 if "batch_norm" in options else 1e-9)
        ones = self.make(kind, **arguments).fit(self.X, y, sample_weight=np.ones(40))
        self.assert_equal(self.make(kind, **arguments).fit(self.X, y), ones, atol=1e-6)

    def test_they_matter(self):
        y = targets("numbers", self.X)
        one = self.make("numbers", batch_size=40).fit(self.X, y, sample_weight=self.s)
        assert not np.allclose(
            one.predict(self.X), self.make("numbers", batch_size=40).fit(self.X, y).predict(self.X)
        )


@pytest.mark.parametrize("batch_size", [30, 10, 7])
def test_alpha_acts_alike_in_each_step_for_any_batch_size(batch_size):
    # Without a data gradient on W each step of plain SGD multiplies it by 1 - rate * alpha / n.
    X, y = np.zeros((30, 3)), np.ones(30)
    est = MinNetRegressor(hidden_layer_sizes=(), solver="sgd", momentum=0, alpha=6.0, max_iter=1)
    est.set_params(batch_size=batch_size, init="ones", learning_rate_init=0.5).fit(X, y)
    n_steps = -(-30 // batch_size)
    np.testing.assert_allclose(est.coefs_[0], (1 - 0.5 * 6.0 / 30) ** n_steps, rtol=1e-12)
