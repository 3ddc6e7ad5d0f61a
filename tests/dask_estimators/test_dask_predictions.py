"""Predictions and scores of collections are those of what they hold, part by part, and lazy."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from minnet import MinNetClassifier, MinNetRegressor
from minnet.dask import DaskMinNetClassifier, DaskMinNetRegressor

A = np.random.default_rng(0).normal(size=(90, 3))
FRAME = pd.DataFrame(A, columns=list("abc"), index=np.arange(90)[::-1])
WEIGHTS = np.linspace(0, 2, 90)
TARGETS = {
    "strings": np.array(["no", "perhaps", "yes"])[np.digitize(A[:, 0], [-0.5, 0.5])],
    "booleans": A[:, 0] > 0,
    "multilabel": (A > 0).astype(int),
    "numbers": A[:, 0] * 3 + 100,
    "two outputs": A[:, :2] * 2,
}
METHODS = {
    "strings": ["predict", "predict_proba", "predict_log_proba"],
    "booleans": ["predict", "predict_proba"],
    "multilabel": ["predict", "predict_proba"],
    "numbers": ["predict"],
    "two outputs": ["predict"],
}
CHUNKS = {"one": 90, "some, one empty": (40, 0, 50), "many": 7}


def unknown(array):
    """Return an array whose chunks are of sizes that are not known."""
    first = array if array.ndim == 1 else array[:, 0]
    return array[first == first]


@pytest.fixture(scope="module")
def models():
    """Return estimators for Dask by their targets, fitted without a cluster."""
    made = {}
    for target, y in TARGETS.items():
        numbers = target in ("numbers", "two outputs")
        plain = (MinNetRegressor if numbers else MinNetClassifier)(
            hidden_layer_sizes=(6,), solver="lbfgs", max_iter=20, random_state=0
        ).fit(A, y)
        model = (DaskMinNetRegressor if numbers else DaskMinNetClassifier)(
            hidden_layer_sizes=(6,), solver="lbfgs", max_iter=20, random_state=0
        )
        vars(model).update({k: v for k, v in vars(plain).items() if k not in plain.get_params()})
        made[target] = plain, model
    return made


pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed", "ignore:X has feature names")


@pytest.fixture(autouse=True)
def _on_threads():
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize(("target", "method"), [(t, m) for t in METHODS for m in METHODS[t]])
class TestPrediction:
    def test_of_arrays(self, models, target, method, chunks):
        plain, model = models[target]
        expected = getattr(plain, method)(A)
        X = da.from_array(A, chunks=(chunks, 2))
        whole = X.rechunk({1: -1})
        for lazy in (X, unknown(X), whole.map_blocks(sparse.csr_matrix)):
            predicted = getattr(model, method)(lazy)
            assert predicted.dtype == expected.dtype
            assert predicted.shape[1:] == expected.shape[1:]
            np.testing.assert_array_equal(predicted.chunks[0], lazy.chunks[0])
            computed = predicted.compute()
            if lazy is X:
                np.testing.assert_array_equal(computed, expected)
            else:  # sparse rows are summed up in another order
                equal = computed == expected
                assert equal.all() or np.allclose(computed, expected, rtol=1e-10, atol=0)

    def test_of_frames(self, models, target, method, chunks):
        plain, model = models[target]
        expected = getattr(plain, method)(A)
        n_parts = {90: 1, 7: 13}.get(chunks, 3)
        X = dd.from_pandas(FRAME, npartitions=n_parts, sort=False)
        X = dd.concat([X, X[X.a > 1000]])  # which has no rows
        predicted = getattr(model, method)(X)
        held = predicted.compute()
        assert isinstance(held, pd.Series if expected.ndim == 1 else pd.DataFrame)
        np.testing.assert_array_equal(np.asarray(held), expected)
        np.testing.assert_array_equal(held.index, FRAME.index)
        if target == "strings" and method != "predict":
            assert list(predicted.columns) == list(plain.classes_)
        if expected.ndim == 1:
            added = X.assign(predicted=predicted).compute()
            np.testing.assert_array_equal(np.asarray(added["predicted"]), expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("target", TARGETS)
def test_scores(models, target, weights):
    plain, model = models[target]
    y = TARGETS[target]
    expected = plain.score(A, y, weights)
    frame = pd.DataFrame(y) if y.ndim == 2 else pd.Series(y)
    for array in (False, True):
        for chunks in (90, 7, (1, 0, 89)):
            if array:
                X, lazy, w = (
                    None if M is None else da.from_array(M, chunks=(chunks, *M.shape[1:]))
                    for M in (A, y, weights)
                )
                other = lazy.rechunk({0: 31})
            else:
                n_parts = {90: 1, 7: 13}.get(chunks, 3)
                X, lazy, w = (
                    None if M is None else dd.from_pandas(M, npartitions=n_parts, sort=False)
                    for M in (FRAME, frame, None if weights is None else pd.Series(weights))
                )
                other = lazy
            assert model.score(X, lazy, w) == pytest.approx(expected, rel=1e-12)
            assert model.score(X, other, w) == pytest.approx(expected, rel=1e-12)
    assert model.score(A, y, weights) == expected


def test_r2_of_numbers_that_are_all_alike_is_that_of_scikit_learn(models):
    plain, model = models["numbers"]
    X, ones = da.from_array(A, chunks=(20, 3)), np.ones(90)
    assert model.score(X, da.from_array(ones, chunks=30)) == plain.score(A, ones) == 0
    exact = model.predict(X).compute()[:1]
    assert (
        model.score(
            da.from_array(A[:1].repeat(9, axis=0), chunks=(2, 3)), da.from_array(exact.repeat(9))
        )
        == 1
    )


def test_nothing_is_computed_before_it_is_asked_for(models):
    _, model = models["strings"]
    computed = []

    def seen(block):
        computed.append(len(block))
        return block

    X = da.from_array(A, chunks=(45, 3)).map_blocks(seen, meta=A[:0])
    predicted = model.predict(X)
    assert computed == []
    predicted.blocks[1].compute()
    assert computed == [45]


def test_what_cannot_be_predicted_or_scored_is_said(models):
    _, model = models["strings"]
    X, y = da.from_array(A, chunks=(45, 3)), da.from_array(TARGETS["strings"], chunks=30)
    with pytest.raises(ValueError, match="X has 2 features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="X must have two axes, got 1"):
        model.predict(X[:, 0])
    with pytest.raises(ValueError, match="y must have as many rows as X, and where chunks"):
        model.score(X, unknown(y))
    with pytest.raises(ValueError, match="y must have parts of as many rows"):
        model.score(unknown(X), unknown(y.rechunk(50)))
    with pytest.raises(TypeError, match="y must be a Dask array"):
        model.score(X, TARGETS["strings"])
    with pytest.raises(ValueError, match="at least one row of a positive sample_weight"):
        model.score(X, y, da.zeros(90, chunks=45))
