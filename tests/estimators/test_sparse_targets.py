"""A sparse multilabel indicator through the life of a classifier: the bits of a dense one."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.metrics import f1_score, get_scorer
from sklearn.model_selection import GridSearchCV, KFold

from minnet import MinNetClassifier, MinNetRegressor
from minnet.backends import list_backends
from minnet.backends import numpy as numpy_backend
from minnet.callbacks import Checkpoint
from minnet.estimators import validation
from minnet.estimators.targets import Labels
from minnet.losses import Loss, SquaredError

N, OUTPUTS = 90, 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
Y = (X[:, :1] + RNG.normal(size=(N, OUTPUTS)) > 1).astype(int)
Y[0] = 0
WEIGHTS = RNG.uniform(0.1, 2, N)
CSR = sparse.csr_matrix(Y)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Own(Loss):
    output = "logistic"

    def value(self, Z, T):
        return SquaredError("logistic").value(Z, T)

    def gradient(self, Z, T):
        assert type(T) is np.ndarray
        return SquaredError("logistic").gradient(Z, T)


def scorer(estimator, X, y):
    predicted = estimator.predict(X)
    assert sparse.issparse(predicted) == sparse.issparse(y)
    return f1_score(y, predicted, average="macro", zero_division=0)


def make(**options):
    return MinNetClassifier(
        **{"hidden_layer_sizes": (5,), "max_iter": 3, "batch_size": 16, "random_state": 0} | options
    )


def assert_same(one, other):
    """Compare all that a fit on dense and one on sparse targets leave."""
    assert_array_equal(one.network_.params, other.network_.params)
    assert_array_equal(one.network_.state, other.network_.state)
    for name in ("loss_curve_", "validation_scores_", "validation_loss_curve_", "classes_"):
        assert_array_equal(getattr(one, name, None), getattr(other, name, None))
    predicted = other.predict(X)
    assert (predicted.format, predicted.dtype) == ("csr", np.int64)
    assert_array_equal(one.predict(X), predicted.toarray())
    assert one.score(X, Y) == other.score(X, CSR)


OPTIONS = {
    "sgd": {"solver": "sgd"},
    "adam": {},
    "lbfgs": {"solver": "lbfgs", "batch_size": "auto"},
    "squared_error": {"loss": "squared_error"},
    "own": {"loss": Own()},
    "balanced": {"class_weight": "balanced", "early_stopping": True},
    "no shuffle": {"shuffle": False},
    "clip_norm": {"clip_norm": 0.1, "solver": "sgd"},
    "layers": {"dropout": 0.2, "batch_norm": True},
    "output_prior": {"bias_init": "output_prior", "max_iter": 1},
    "stopping": {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 9},
    "stopping, the last rows": {"early_stopping": True, "shuffle": False},
    "stopping by loss": {"early_stopping": True, "scoring": "loss"},
    "stopping by name": {"early_stopping": True, "scoring": "f1_micro"},
    "stopping by function": {"early_stopping": True, "scoring": scorer},
}


@pytest.mark.filterwarnings("ignore:the validation set has no row")
@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("name", OPTIONS)
def test_fit(name, backend):
    estimator = make(backend=backend, **OPTIONS[name])
    weights = None if name in ("own", "stopping by function") else WEIGHTS
    one, other = (copy.deepcopy(estimator).fit(X, y, weights) for y in (Y, CSR))
    if name == "output_prior":  # the means are sums in another order
        np.testing.assert_allclose(one.network_.params, other.network_.params, rtol=1e-9)
    else:
        assert_same(one, other)


def duplicated(Y):
    """Indices that descend, and each one in two halves."""
    T = sparse.coo_array(Y.astype(float))
    halves = np.tile(T.data / 2, 2), (np.tile(T.row, 2), np.tile(T.col, 2))
    T = sparse.coo_array(halves, shape=T.shape).tocsr(copy=True)
    order = np.lexsort([-T.indices, np.repeat(np.arange(N), np.diff(T.indptr))])
    return sparse.csr_array((T.data[order], T.indices[order], T.indptr), shape=T.shape)


def with_zeros(Y):
    T = sparse.csr_array(np.where(Y == 0, 9, Y))
    T.data[T.data == 9] = 0
    return T


FORMS = {
    "csr_array": sparse.csr_array,
    "csc_matrix": sparse.csc_matrix,
    "coo_array": sparse.coo_array,
    "lil_matrix": sparse.lil_matrix,
    "dok_array": sparse.dok_array,
    "bsr_matrix": sparse.bsr_matrix,
    "bool": lambda Y: sparse.csr_matrix(Y.astype(bool)),
    "float32": lambda Y: sparse.csr_matrix(Y.astype(np.float32)),
    "uint8": lambda Y: sparse.csc_array(Y.astype(np.uint8)),
    "duplicated": duplicated,
    "with_zeros": with_zeros,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form):
    given = FORMS[form](Y)
    before = given.copy()
    estimator = make(early_stopping=True, class_weight="balanced", validation_fraction=0.3)
    assert_same(*(copy.deepcopy(estimator).fit(X, y) for y in (Y, given)))
    assert_array_equal(given.toarray(), before.toarray())
    assert given.nnz == before.nnz


@pytest.mark.parametrize("scoring", [None, "loss", "f1_micro", "roc_auc", "average_precision"])
def test_validation_sets_and_checkpoints(scoring, tmp_path):
    def fitted(y, epochs=4, **options):
        estimator = make(early_stopping=True, scoring=scoring, max_iter=epochs, tol=0, **options)
        given = tmp_path / str(sparse.issparse(y))
        estimator.set_callbacks(Checkpoint(given, resume=True))
        return estimator.fit(X, y, X_val=X[::2], y_val=y[::2])

    one, other = fitted(Y, 2), fitted(CSR, 2)
    assert_same(one, other)
    whole = make(early_stopping=True, scoring=scoring, max_iter=4, tol=0)
    whole.fit(X, Y, X_val=X[::2], y_val=Y[::2])
    assert_same(whole, fitted(CSR))


def test_partial_fit_streams_and_warm_starts():
    def lives(y):
        first = (
            make().partial_fit(X[:50], y[:50], classes=range(OUTPUTS)).partial_fit(X[50:], y[50:])
        )
        batches = [(X[:40], y[:40]), (X[40:], y[40:], WEIGHTS[40:])]
        stream = make(early_stopping=True).fit_stream(
            batches, n_epochs=2, classes=range(OUTPUTS), X_val=X, y_val=y
        )
        warm = make(warm_start=True).fit(X, y).fit(X, y)
        begun = make().initialize(X, y).partial_fit(X, y)
        return first, stream, warm, begun, pickle.loads(pickle.dumps(warm))

    for one, other in zip(lives(Y), lives(CSR), strict=True):
        assert_same(one, other)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "f1_samples", "jaccard_micro"])
def test_searches_and_scorers(scoring):  # cross_val_score refuses sparse targets of any estimator
    searches = [
        GridSearchCV(
            make(), {"alpha": [0, 1]}, cv=KFold(2), scoring=scoring, error_score="raise"
        ).fit(X, y)
        for y in (Y, CSR)
    ]
    assert_array_equal(*(search.cv_results_["mean_test_score"] for search in searches))
    scores = {
        get_scorer(scoring)(search, X, y) for search, y in zip(searches, (Y, CSR), strict=True)
    }
    assert len(scores) == 1


@pytest.mark.parametrize("value", [2, -1, 0.5, np.nan])
def test_what_is_no_indicator_is_refused(value):
    T = CSR.astype(float)
    T.data[3] = value
    with pytest.raises(ValueError, match=r"zeros and ones alone|NaN|continuous"):
        make().fit(X, T)


def test_twice_is_no_indicator():
    T = sparse.coo_array((np.ones(4, int), ([0, 0, 1, 2], [1, 1, 2, 0])), shape=(N, OUTPUTS))
    T = sparse.csr_array((T.data, T.col, np.r_[0, 2, 3, np.full(N - 2, 4)]), shape=T.shape)
    with pytest.raises(ValueError, match="must have zeros and ones alone"):
        make().fit(X, T)


# ---- never dense


@pytest.mark.parametrize("backend", list_backends())
def test_never_dense_beyond_a_batch(backend, monkeypatch):
    n, k, most = 600, 2000, []
    X, y = RNG.normal(size=(n, 3)), sparse.random(n, k, 0.001, "csr", random_state=0) > 0

    def watched(self, *args, **kwargs):
        if self.shape[1] == k:
            most.append(self.shape[0])
        return toarray(self, *args, **kwargs)

    toarray = sparse._compressed._cs_matrix.toarray
    monkeypatch.setattr(sparse._compressed._cs_matrix, "toarray", watched)
    options = {"class_weight": "balanced", "early_stopping": True, "bias_init": "output_prior"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = make(backend=backend, batch_size=20, max_iter=1, **options).fit(X, y)
        estimator.fit(X, y, X_val=X, y_val=y).score(X, y)
        make(backend=backend, batch_size=20, scoring="f1_micro", early_stopping=True).fit(X, y)
        make(backend=backend, batch_size=20).partial_fit(X, y, classes=range(k))
    assert max(most) * k <= 2**20


def test_weights_of_a_thousand_columns_are_numbers():
    n, k = 300, 2000
    y = sparse.random(n, k, 0.002, "csr", random_state=0) > 0
    labels = Labels.of(y)
    T = labels.encode(y, float)
    weights = labels.weights("balanced", T)
    assert weights.mean() == pytest.approx(1)
    ones = np.asarray(T.sum(axis=0)).ravel()
    logs = np.where(ones > 0, np.log((n - ones) / np.maximum(ones, 1)), 0)
    exact = T @ logs
    exact -= np.log(np.exp(exact).mean())
    np.testing.assert_allclose(np.log(weights), exact, atol=1e-9)
    assert_array_equal(weights, labels.weights("balanced", T.toarray()))


# ---- in blocks of rows


def test_predictions_of_many_rows_and_labels():
    n, k = 2500, 300
    X, y = RNG.normal(size=(n, 3)), sparse.random(n, k, 0.3, "csr", random_state=0) > 0
    one, other = (make(max_iter=1).fit(X[:200], y[:200]) for y in (y.toarray(), y))
    proba = other.predict_proba(X)
    np.testing.assert_allclose(proba, other.network_.predict(X), rtol=1e-12)
    assert_array_equal(one.predict(X), proba > 0.5)
    for rows in (X, sparse.csc_matrix(X)):
        predicted = other.predict(rows)
        assert predicted.format == "csr"
        assert_array_equal(predicted.toarray(), proba > 0.5)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("scoring", [None, "loss"])
@pytest.mark.parametrize("kind", [MinNetClassifier, MinNetRegressor])
def test_validation_a_few_rows_at_a_time(kind, scoring, backend, monkeypatch):
    def fitted(X, y):
        options = {"max_iter": 3, "early_stopping": True, "scoring": scoring, "backend": backend}
        return kind(hidden_layer_sizes=(5,), random_state=0, **options).fit(
            X, y, WEIGHTS, X_val=X, y_val=y, sample_weight_val=WEIGHTS
        )

    whole = fitted(X, Y)
    monkeypatch.setattr(validation, "_BYTES_OF_LOGITS", 7 * OUTPUTS * 8)
    monkeypatch.setattr(numpy_backend, "_BLOCK_BYTES", 32 * OUTPUTS * 8)
    ys = [Y] if kind is MinNetRegressor else [Y, CSR]
    for rows, y in itertools.product([X, sparse.csc_array(X)], ys):
        parts = fitted(rows, y)
        for name in ("validation_scores_", "validation_loss_curve_"):
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-13)
