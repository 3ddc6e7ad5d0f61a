"""What no array can be made of: the sentence names the argument and says what it was and what to do."""

import warnings

import numpy as np
import pandas as pd
import pytest

from minnet import MinNetClassifier, MinNetRegressor
from minnet.lab import probe

N = 12
X = np.random.default_rng(0).normal(size=(N, 2))
Y = np.arange(N) % 2


def lazy_frame():
    pl = pytest.importorskip("polars")
    return pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}).lazy()


#: For each kind how to make one, since some are used up, and what is to be said of it.
NO_ARRAYS = {
    "lazy frame": (lazy_frame, r"got a LazyFrame: its collect\(\) makes a data frame"),
    "generator": (lambda: (row for row in X), "got a generator: make a list of it"),
    "map": (lambda: map(int, Y), "got a map: make a list of it"),
    "zip": (lambda: zip(Y, Y, strict=True), "got a zip: make a list of it"),
    "set": (lambda: set(range(N)), "got a set: make a list of it"),
    "values": (lambda: dict(enumerate(Y)).values(), "got a dict_values: make a list of it"),
    "dictionary": (
        lambda: {"a": X[:, 0], "b": X[:, 1]},
        r"got a dict: (pandas.DataFrame|make a list of its)",
    ),
}
#: A column of vectors is no matrix yet.
VECTORS = {
    "arrays": lambda: pd.Series(list(X)).to_numpy(),
    "lists": lambda: pd.Series(X.tolist()).to_numpy(),
}


def of_inputs(est):
    return {
        "fit": ("X", lambda v: est.fit(v, Y)),
        "partial_fit": ("X", lambda v: est.partial_fit(v, Y)),
        "predict": ("X", lambda v: est.predict(v)),
        "score": ("X", lambda v: est.score(v, Y)),
        "validation": ("X", lambda v: est.fit(X, Y, X_val=v, y_val=Y)),
        "network": ("X", lambda v: est.network_.predict(v)),
        "loss": ("X", lambda v: est.network_.loss_and_grad(v, Y)),
        "probe": ("X", lambda v: probe(est.network_, v, Y)),
        "probe of estimator": ("X", lambda v: probe(est, v, Y)),
    }


def of_targets(est):
    return {
        "fit": ("y", lambda v: est.fit(X, v)),
        "partial_fit": ("y", lambda v: est.partial_fit(X, v)),
        "score": ("y", lambda v: est.score(X, v)),
        "validation": ("y_val", lambda v: est.fit(X, Y, X_val=X, y_val=v)),
        "loss": ("T", lambda v: est.network_.loss_and_grad(X, v)),
        "weights": ("sample_weight", lambda v: est.fit(X, Y, v)),
        "weights of a score": ("sample_weight", lambda v: est.score(X, Y, v)),
        "weights of a loss": ("sample_weight", lambda v: est.network_.loss_and_grad(X, Y, v)),
    }


INPUTS, TARGETS = list(of_inputs(None)), list(of_targets(None))


@pytest.fixture(scope="module", params=[MinNetClassifier, MinNetRegressor])
def est(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return request.param(hidden_layer_sizes=(3,), max_iter=1, random_state=0).fit(X, Y)


def refused(est, call, argument, value, message):
    before = est.network_.params.copy()
    with pytest.raises(
        (TypeError, ValueError), match=f"^(X_val: )?{argument} must .*{message}"
    ) as caught:
        call(value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    np.testing.assert_array_equal(est.network_.params, before)


@pytest.mark.parametrize("kind", NO_ARRAYS)
@pytest.mark.parametrize("deed", INPUTS)
def test_in_the_place_of_inputs(est, deed, kind):
    argument, call = of_inputs(est)[deed]
    make, message = NO_ARRAYS[kind]
    refused(est, call, argument, make(), message)


@pytest.mark.parametrize("kind", VECTORS)
@pytest.mark.parametrize("deed", INPUTS)
def test_vectors_that_are_not_stacked(est, deed, kind):
    argument, call = of_inputs(est)[deed]
    refused(
        est, call, argument, VECTORS[kind](), r"got sequences: numpy.stack\(X\) makes rows of them"
    )


@pytest.mark.parametrize("kind", NO_ARRAYS)
@pytest.mark.parametrize("deed", TARGETS)
def test_in_the_place_of_targets(est, deed, kind):
    argument, call = of_targets(est)[deed]
    make, message = NO_ARRAYS[kind]
    refused(est, call, argument, make(), message)
