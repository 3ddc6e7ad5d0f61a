"""predictor(): the bits of predict_proba and predict, whatever was fitted, and nothing shared with it."""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, activation
from minnet.backends import list_backends

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
ACTIVATION = activation(
    lambda z: z + 0.1 * z**3, lambda z, y: 1 + 0.3 * z**2, name="cubic_of_predictor"
)
TARGETS = {
    "binary": (MinNetClassifier, np.where(X[:, 0] > 0, "yes", "no")),
    "multiclass": (MinNetClassifier, np.digitize(X[:, 0], [-0.5, 0.5])),
    "multilabel": (MinNetClassifier, (X[:, :3] > 0).astype(int)),
    "one class": (MinNetClassifier, np.zeros(120, int)),
    "number": (MinNetRegressor, X[:, 0]),
    "numbers": (MinNetRegressor, 100 + 7 * X[:, :2]),
}
OPTIONS = {
    "plain": {},
    "several": {"n_networks": 3},
    "layers": {"layers": [Dense(6, "relu"), BatchNorm(), Dropout(0.2), Dense(5, ACTIVATION)]},
}


def fitted(kind, dtype="float64", backend="auto", **options):
    cls, y = TARGETS[kind]
    if "layers" not in options:
        options = {"hidden_layer_sizes": (6,), **options}
    options = {"max_iter": 3, "random_state": 0, "backend": backend, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**options).fit(X.astype(dtype), y)


def expected(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", TARGETS)
def test_the_same_bits(kind, options, dtype, backend):
    model = fitted(kind, dtype, backend, **copy.deepcopy(OPTIONS[options]))
    predictor, Z = model.predictor(), X.astype(dtype)
    assert predictor.dtype == dtype
    for rows in (Z[:1], Z[:7], Z, Z[::-3], np.asfortranarray(Z)):
        np.testing.assert_array_equal(predictor(rows), expected(model, rows))


def test_temperature():
    model = fitted("multiclass", early_stopping=True, calibrate=True, max_iter=20)
    assert model.temperature_ != 1
    np.testing.assert_array_equal(model.predictor()(X), model.predict_proba(X))


def test_a_later_fit_changes_nothing():
    model = fitted("multiclass")
    predictor, before = model.predictor(), model.predict_proba(X)
    model.network_.params[:] = 0
    np.testing.assert_array_equal(predictor(X), before)


def test_pickles_and_copies():
    predictor = fitted("numbers").predictor()
    for other in (pickle.loads(pickle.dumps(predictor)), copy.deepcopy(predictor)):
        np.testing.assert_array_equal(other(X), predictor(X))


def test_several_threads_at_once():
    predictor = fitted("multiclass").predictor()
    whole = predictor(X)
    with ThreadPoolExecutor(8) as pool:
        rows = [i % len(X) for i in range(4000)]
        made = list(pool.map(lambda i: predictor(X[i : i + 1])[0], rows))
    np.testing.assert_array_equal(made, whole[rows])


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize(
    "bad",
    [X[:, :3], X[0], X[np.newaxis], X.astype(np.float32), X.astype(int), X.tolist(), "X", None, 1.0,
     X.astype(">f8"), X.astype(object), X.astype(np.float16)],
    ids=lambda bad: f"{type(bad).__name__} {getattr(bad, 'dtype', '')} {np.shape(bad)}",
)  # fmt: skip
def test_what_does_not_fit_is_told_in_one_sentence(bad, backend):
    if backend != "cython":
        pytest.skip("the readable backends convert, as they always do")
    with pytest.raises(
        ValueError, match=r"^X must be an array of float64 of shape \(n_samples, 4\), got"
    ):
        fitted("multiclass", backend=backend).predictor()(bad)


def test_no_rows():
    assert fitted("multiclass").predictor()(X[:0]).shape == (0, 3)


def test_read_only_rows_and_strides():
    predictor, Z = fitted("multiclass").predictor(), np.repeat(X, 2, axis=1)
    Z.flags.writeable = False
    np.testing.assert_array_equal(predictor(Z[:, ::2]), predictor(X))
