"""Estimators whose first layer encodes columns are as those without it on data that are encoded."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from minnet import (
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    MinNetTransformer,
    Network,
    PiecewiseLinear,
    copy_weights,
    load_model,
    pretrain,
    save_model,
)
from minnet.layers import Context

ENCODING = PiecewiseLinear([np.linspace(-1, 1, 5), None, 3, [0.0, 1.0], 1])
ABOVE = [Dense(9, "silu"), Dropout(0.2), Dense(6, "tanh")]
RNG = np.random.default_rng(0)
X = np.column_stack(
    [RNG.normal(size=(90, 2)), RNG.integers(-1, 4, 90), RNG.normal(size=90), RNG.integers(0, 2, 90)]
)
E = ENCODING.forward(X, Context())
CLASS = (np.abs(X[:, 0]) + X[:, 3] > 1) * 1 + (X[:, 2] > 1)
NUMBER = np.abs(X[:, 0]) + X[:, 3]
SHARED = {"max_iter": 3, "random_state": 0, "init": "unit_variance", "bias_init": "hull"}


def both(cls=MinNetClassifier, **given):
    """Return the estimator with the encoding, and the one of encoded data."""
    return [cls(layers=layers, **SHARED | given) for layers in ([ENCODING, *ABOVE], ABOVE)]


def fitted(estimator, X, y, how="fit"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "partial_fit":
            more = {"classes": [0, 1, 2]} if isinstance(estimator, MinNetClassifier) else {}
            return estimator.partial_fit(X, y, **more).partial_fit(X, y)
        if how == "warm start":
            return estimator.set_params(warm_start=True).fit(X, y).fit(X, y)
        if how == "stream":
            more = {"classes": [0, 1, 2]} if isinstance(estimator, MinNetClassifier) else {}
            return estimator.fit_stream([(X, y)], n_epochs=2, **more)
        return estimator.fit(X, y)


def probabilities(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
@pytest.mark.parametrize("how", ["fit", "partial_fit", "warm start", "stream"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"solver": "sgd"},
        {"early_stopping": True},
        {"clip_norm": 0.5, "weight_decay": 0.01},
        {"backend": "numpy"},
    ],
    ids=str,
)
def test_training(cls, how, given):
    if "early_stopping" in given and how in ("partial_fit", "stream"):
        pytest.skip("is refused")
    y = CLASS if cls is MinNetClassifier else NUMBER
    one, other = (
        fitted(each, x, y, how) for each, x in zip(both(cls, **given), (X, E), strict=True)
    )
    np.testing.assert_allclose(probabilities(one, X), probabilities(other, E), rtol=1e-7)
    assert [W.shape for W in one.coefs_] == [W.shape for W in other.coefs_]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", [np.asfortranarray, sparse.csr_matrix, sparse.csc_array, list])
def test_forms_of_data(form, dtype):
    if form is list and dtype == "float32":
        pytest.skip("a list is float64")
    one, again = both()[0], both()[0]
    rows = X.astype(dtype)
    fitted(one, rows, CLASS)
    fitted(again, form(rows), CLASS)
    found = again.predict_proba(form(rows))
    np.testing.assert_allclose(
        found, one.predict_proba(rows), rtol=1e-4 if dtype == "float32" else 1e-10
    )


def kept_by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def kept_by_file(model, folder):
    save_model(model, folder / "m.minnet")
    return load_model(folder / "m.minnet")


def copied(model, folder):
    another = clone(model).initialize(X, CLASS)
    labels = copy_weights(model, another)
    assert labels[0] == "layers[1].W"
    return another


def refitted(model, folder):
    return fitted(clone(model), X, CLASS)


@pytest.mark.parametrize("keep", [kept_by_pickle, kept_by_file, copied, refitted])
def test_what_is_kept(keep, tmp_path):
    model = fitted(both()[0], X, CLASS)
    again = keep(model, tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.network_.layers[0] == ENCODING
    assert again.summary() == model.summary()


def test_features_of_a_layer():
    one, other = (fitted(each, x, CLASS) for each, x in zip(both(), (X, E), strict=True))
    for layer in (0, 1, -1):
        found = MinNetTransformer(FrozenEstimator(one), layer=layer).fit(X, CLASS).transform(X)
        expected = MinNetTransformer(FrozenEstimator(other), layer=layer).fit(E, CLASS)
        np.testing.assert_allclose(found, expected.transform(E), rtol=1e-7)
    encoded = MinNetTransformer(FrozenEstimator(one), layer="layers[0]").fit(X, CLASS)
    np.testing.assert_array_equal(encoded.transform(X), E)


def test_pretraining_restores_what_is_encoded():
    net = Network([ENCODING, *ABOVE, Dense(3)]).initialize(5, random_state=0)
    losses = pretrain(net, X, n_epochs=30, corruption=0.0).reconstruction_losses
    assert list(losses) == [1, 3]
    assert (
        losses[1][0] > np.square(E).sum(axis=1).mean() / 4
    )  # E is what comes in, with nothing learned
    assert losses[1][-1] < 0.7 * losses[1][0]


def test_its_columns_are_a_parameter():
    clf = both()[0]
    assert clf.get_params()["layers__0__columns"] == ENCODING.columns
    changed = fitted(clone(clf).set_params(layers__0__columns=[None] * 5), X, CLASS)
    assert changed.coefs_[0].shape == (5, 9)
    assert clf.layers[0] == ENCODING
    with pytest.raises(ValueError, match="columns"):
        clone(clf).set_params(layers__0__columns=[0] * 5)


def test_other_numbers_of_columns_are_named():
    with pytest.raises(ValueError, match="one entry for each of 4 inputs, got 5"):
        both()[0].fit(X[:, :4], CLASS)
