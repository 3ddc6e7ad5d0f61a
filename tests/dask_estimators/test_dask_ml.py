"""The plain estimators under those of dask-ml that work with every estimator of scikit-learn."""

import dask
import dask.array as da
import numpy as np
import pytest

from minnet import MinNetClassifier

wrappers = pytest.importorskip("dask_ml.wrappers", reason="dask-ml is not installed")

A = np.random.default_rng(0).normal(size=(200, 4))
Y = np.where(A[:, 0] > 0, "yes", "no")
X, LABELS = da.from_array(A, chunks=(50, 4)), da.from_array(Y, chunks=50)


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def new():
    return MinNetClassifier((8,), learning_rate_init=0.01, random_state=0)


def test_incremental_calls_partial_fit_block_by_block():
    incremental = wrappers.Incremental(new(), shuffle_blocks=False)
    expected = new()
    for _ in range(3):
        incremental.partial_fit(X, LABELS, classes=["no", "yes"])
        for i in range(0, 200, 50):
            expected.partial_fit(A[i : i + 50], Y[i : i + 50], classes=["no", "yes"])
    np.testing.assert_array_equal(incremental.estimator_.network_.params, expected.network_.params)
    np.testing.assert_array_equal(incremental.predict(X).compute(), expected.predict(A))
    assert incremental.score(X, LABELS) == expected.score(A, Y)


def test_parallel_post_fit_predicts_block_by_block():
    model = wrappers.ParallelPostFit(new().fit(A, Y))
    for method in ("predict", "predict_proba"):
        lazy = getattr(model, method)(X)
        assert isinstance(lazy, da.Array)
        np.testing.assert_array_equal(lazy.compute(), getattr(model.estimator, method)(A))
