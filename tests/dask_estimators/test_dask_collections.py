"""Collections of Dask given to the plain estimators: they are computed, and the user is told before."""

import warnings

import numpy as np
import pytest

from minnet import MinNetClassifier, MinNetRegressor, TableEncoder, TabularClassifier

pd = pytest.importorskip("pandas", reason="pandas is not installed")
da = pytest.importorskip("dask.array", reason="Dask is not installed")
dd = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")

X = np.random.default_rng(0).normal(size=(60, 3))
Y = {MinNetClassifier: np.where(X[:, 0] > 0, "yes", "no"), MinNetRegressor: X[:, 0]}
WEIGHTS = np.linspace(1, 2, 60)
FORMS = {
    "arrays": lambda A: da.from_array(A, chunks=(7, *A.shape[1:])),
    "chunks of unknown sizes": lambda A: _unknown(da.from_array(A, chunks=(7, *A.shape[1:]))),
    "frames": lambda A: dd.from_pandas(
        pd.DataFrame(A, columns=list("abc")) if A.ndim == 2 else pd.Series(A), npartitions=4
    ),
}


def _unknown(lazy):
    first = lazy if lazy.ndim == 1 else lazy[:, 0]
    return lazy[first == first]


def new(kind):
    return kind(hidden_layer_sizes=(4,), max_iter=2, random_state=0)


def texts(caught):
    return [str(each.message) for each in caught if "of Dask" in str(each.message)]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("kind", Y)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:X .* feature names")
class TestOne:
    def test_a_fit_says_so_once_and_is_that_of_what_they_hold(self, form, kind):
        y = Y[kind]
        data, held = (X, y, WEIGHTS), {"X_val": X, "y_val": y}
        plain = new(kind).fit(*data, **held)
        with pytest.warns(UserWarning, match="X is a collection of Dask") as caught:
            clf = new(kind).fit(*map(form, data), **held)
        assert len(texts(caught)) == 1
        assert caught[0].filename == __file__
        with pytest.warns(UserWarning, match="X_val is a collection of Dask") as caught:
            new(kind).fit(*data, **{name: form(A) for name, A in held.items()})
        assert len(texts(caught)) == 1
        np.testing.assert_array_equal(clf.network_.params, plain.network_.params)
        assert hasattr(clf, "feature_names_in_") == hasattr(form(X), "columns")

    def test_so_do_initialize_and_predictions(self, form, kind):
        plain = new(kind).initialize(X, Y[kind])
        with pytest.warns(UserWarning, match="X is a collection of Dask"):
            clf = new(kind).initialize(form(X), form(Y[kind]))
        with pytest.warns(UserWarning, match="map_blocks") as caught:
            predicted = clf.predict(form(X))
        assert caught[0].filename == __file__
        np.testing.assert_array_equal(predicted, plain.predict(X))

    def test_blocks_of_a_stream_are_meant_to_be_read(self, form, kind):
        lazy, y = form(X), form(Y[kind])
        if hasattr(lazy, "columns"):
            pytest.skip("its parts are read by minnet.streams")
        pairs = list(zip(lazy.blocks, y.blocks, strict=True))
        classes = {} if kind is MinNetRegressor else {"classes": ["no", "yes"]}
        with warnings.catch_warnings(record=True, action="always") as caught:
            clf = new(kind).fit_stream(pairs, **classes)
            clf.partial_fit(*pairs[0])
        assert texts(caught) == []


def test_the_size_is_told_where_it_is_known():
    lazy = da.zeros((1000, 1000), chunks=(100, 1000))
    with pytest.warns(UserWarning, match="X is a collection of Dask of 8 MB, which"):
        new(MinNetRegressor).fit(lazy, lazy[:, 0])


def test_so_do_those_for_tables():
    frame, y = FORMS["frames"](X), FORMS["frames"](Y[MinNetClassifier])
    small = {"quality": "fast", "max_iter": 2, "random_state": 0}
    with pytest.warns(UserWarning, match="X is a collection of Dask") as caught:
        clf = TabularClassifier(**small).fit(frame, y, X_val=X, y_val=Y[MinNetClassifier])
    assert len(texts(caught)) == 1
    assert list(clf.feature_names_in_) == list("abc")
    with pytest.warns(UserWarning, match="X is a collection of Dask"):
        predicted = clf.predict(frame)
    np.testing.assert_array_equal(predicted, clf.predict(frame.compute()))
    with pytest.warns(UserWarning, match="X is a collection of Dask"):
        TableEncoder().fit(frame)
