"""A frame of pandas that is plain goes a short way, on which nothing is another than on scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.validation import check_array

from minnet import MinNetClassifier
from minnet.estimators import data

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(40, 3)), columns=["a", "b", "c"])
Y = np.arange(40) % 2
FRAMES = {
    "as it was": X,
    "float32": X.astype("float32"),
    "two dtypes": X.astype({"a": "float32"}),
    "whole numbers": X.astype({"b": "int64"}),
    "all whole numbers": X.astype("int64"),
    "half": X.astype("float16"),
    "booleans": X > 0,
    "nullable": X.convert_dtypes(),
    "sparse": X.astype(pd.SparseDtype("float64")),
    "made of columns": pd.DataFrame({name: X[name].to_numpy().copy() for name in X}),
    "every second row": X[::2],
    "without rows": X[:0],
    "missing": X.mask(X > 1),
    "infinite": X.replace(X.iloc[0, 0], np.inf),
    "huge": X * 1e308,
    "other order": X[["b", "a", "c"]],
    "other names": X.rename(columns={"a": "z"}),
    "one column less": X[["a", "b"]],
    "one column more": X.assign(d=1.0),
    "twice a name": X[["a", "a", "c"]],
    "numbers as names": X.set_axis([0, 1, 2], axis=1),
    "an array": X.to_numpy(),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("method", ["predict_proba", "partial_fit"])
def test_the_short_way_ends_where_the_long_one_does(kind, method, monkeypatch):
    frame = FRAMES[kind]

    def outcome():
        clf = MinNetClassifier((4,), random_state=0, max_iter=2).fit(X, Y)
        try:
            if method == "predict_proba":
                return clf.predict_proba(frame)
            return clf.partial_fit(frame, Y[: len(frame)]).coefs_[0]
        except (TypeError, ValueError) as error:
            return str(error)

    short = outcome()
    monkeypatch.setattr(data, "_plain_frame", lambda X, known: None)
    np.testing.assert_array_equal(short, outcome())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_array_that_the_checks_return(dtype):
    frame = X.astype(dtype)
    known = data.Features(3, np.array(["a", "b", "c"], dtype=object))
    short = data._plain_frame(frame, known)
    long = check_array(frame)
    assert short.dtype == long.dtype
    assert short.strides == long.strides
    assert np.shares_memory(short, frame.to_numpy())
    np.testing.assert_array_equal(short, long)
