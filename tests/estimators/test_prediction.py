"""Predicting: a block of rows at a time, with a backend that is kept."""

import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from minnet import MinNetClassifier, MinNetRegressor
from minnet.activations import get_activation
from minnet.estimators import prediction


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture
def fitted(digits):
    return MinNetClassifier((16,), max_iter=3, random_state=0, tol=1).fit(*digits)


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_blocks_of_rows_are_rows_of_the_whole(fitted, digits, method, layout, monkeypatch):
    X = layout(digits[0])
    whole = getattr(fitted, method)(X)
    monkeypatch.setattr(prediction, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(prediction, "_ROW_STEP", 100)
    assert_array_equal(getattr(fitted, method)(X), whole)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_blocks_of_a_regressor_and_of_labels(digits, monkeypatch):
    X, y = digits
    several = MinNetRegressor(hidden_layer_sizes=(8,), max_iter=2).fit(X, np.column_stack([y, -y]))
    labels = MinNetClassifier((8,), max_iter=2).fit(X, sparse.csr_matrix(np.eye(10, dtype=int)[y]))
    whole = several.predict(X), labels.predict(X).toarray()
    monkeypatch.setattr(prediction, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(prediction, "_ROW_STEP", 7)
    assert_array_equal(several.predict(X), whole[0])
    assert_array_equal(labels.predict(X).toarray(), whole[1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_memory_of_many_rows_is_bounded(fitted):
    X = np.zeros((300_000, 64), dtype=np.float32)
    fitted.predict_proba(X[:10])
    tracemalloc.start()
    P = fitted.predict_proba(X)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < P.nbytes + 12e6  # the whole at once: 48e6 and more


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_kept_backend_follows_the_network(fitted, digits):
    X = digits[0][:5]
    before = fitted.predict_proba(X)
    fitted.coefs_[0][...] *= 2  # a view: no new backend is needed
    doubled = fitted.predict_proba(X)
    assert not np.allclose(doubled, before)
    fitted.network_.layers[0].activation = get_activation("tanh")
    squashed = fitted.predict_proba(X)
    assert not np.allclose(squashed, doubled)
    assert_allclose(squashed, fitted.set_params(backend="numpy").predict_proba(X))
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))
    again = MinNetClassifier((4,), max_iter=1).fit(*digits)
    vars(fitted).update(vars(again))
    assert_array_equal(fitted.predict_proba(X), again.predict_proba(X))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "O"])
def test_what_needs_no_check_and_what_does(fitted, digits, dtype):
    X = (digits[0] * 16).astype(dtype)[:3]
    expected = fitted.predict_proba(X.astype("float64"))
    assert_allclose(fitted.predict_proba(X), expected, rtol=1e-4)
    assert_allclose(fitted.predict_proba(X.tolist()), expected, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bad_rows_are_refused_as_ever(fitted, digits):
    X = digits[0][:3].copy()
    for bad, match in (
        (X[:, :5], "features"),
        (X[0], "2D array"),
        (X[:0], "minimum of 1"),
        (np.full_like(X, np.nan), "NaN"),
        (np.full_like(X, np.inf), "infinity"),
    ):
        with pytest.raises(ValueError, match=match):
            fitted.predict_proba(bad)
    with pytest.raises(NotFittedError):
        MinNetClassifier().predict_proba(X)
