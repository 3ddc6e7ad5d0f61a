"""precision="bf16" of the estimators: float32 whatever X is, kept by copies and files."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from minnet import (
    Dense,
    EnsembleTrainer,
    MinNetClassifier,
    MinNetRegressor,
    MinNetTransformer,
    Network,
    Trainer,
    load_model,
    save_model,
)

DIGITS, CLASSES = load_digits(return_X_y=True)
DIGITS = DIGITS / 16


def fitted(cls=MinNetClassifier, X=DIGITS, **options):
    options = {
        "precision": "bf16",
        "max_iter": 8,
        "tol": 0,
        "random_state": 0,
        "learning_rate_init": 0.01,
    } | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(hidden_layer_sizes=(64, 32), **options).fit(X[:1000], CLASSES[:1000])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_is_float32_whatever_X_is(dtype):
    clf = fitted(X=DIGITS.astype(dtype))
    assert clf.network_.dtype == clf.coefs_[0].dtype == np.float32
    assert clf.predict_proba(DIGITS[:3].astype(dtype)).dtype == np.float32
    assert clf.fit_info_["dtype"] == "float32"
    np.testing.assert_array_equal(clf.coefs_[1], fitted().coefs_[1])


def test_it_learns_what_float32_learns():
    one, other = fitted(), fitted(X=DIGITS.astype(np.float32), precision=None)
    assert abs(one.loss_ - other.loss_) < 0.05 * other.loss_
    assert (one.coefs_[0] != other.coefs_[0]).any()
    scores = [clf.score(DIGITS[1000:], CLASSES[1000:]) for clf in (one, other)]
    assert min(scores) > 0.85
    assert abs(scores[0] - scores[1]) < 0.02


def test_backends_agree():
    one, other = fitted(), fitted(backend="numpy")
    assert one.loss_ == pytest.approx(other.loss_, rel=1e-3)
    probabilities = [clf.predict_proba(DIGITS[1000:]) for clf in (one, other)]
    np.testing.assert_allclose(*probabilities, atol=0.03)


def test_regressor_and_transformer():
    reg = fitted(MinNetRegressor)
    assert reg.predict(DIGITS[:4]).dtype == np.float32
    made = MinNetTransformer(MinNetClassifier((32,), precision="bf16", max_iter=2, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert made.fit(DIGITS, CLASSES).transform(DIGITS[:4]).dtype == np.float32


def test_a_row_alone_and_a_predictor_give_the_same_bits():
    clf = fitted()
    together = clf.predict_proba(DIGITS[:300])
    np.testing.assert_array_equal(clf.predict_proba(DIGITS[7:8]), together[7:8])
    np.testing.assert_array_equal(clf.predictor()(DIGITS[:300].astype(np.float32)), together)


def test_copies_keep_it(tmp_path):
    clf = fitted()
    save_model(clf, tmp_path / "model.minnet")
    copies = [load_model(tmp_path / "model.minnet"), pickle.loads(pickle.dumps(clf))]
    expected = clf.predict_proba(DIGITS[1000:])
    clf.partial_fit(DIGITS[1000:], CLASSES[1000:])
    for copy in copies:
        assert copy.precision == copy.network_.precision == "bf16"
        np.testing.assert_array_equal(copy.predict_proba(DIGITS[1000:]), expected)
        copy.partial_fit(DIGITS[1000:], CLASSES[1000:])
        np.testing.assert_array_equal(copy.coefs_[0], clf.coefs_[0])
    assert clone(clf).precision == "bf16"
    assert "precision='bf16'" in repr(clf)


def test_it_can_be_searched():
    search = GridSearchCV(
        MinNetClassifier((32,), max_iter=3, random_state=0), {"precision": [None, "bf16"]}, cv=2
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(DIGITS[:200], CLASSES[:200])
    assert set(search.cv_results_["param_precision"]) == {None, "bf16"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp16"}, "'precision' parameter of MinNetClassifier must be"),
        ({"solver": "lbfgs"}, "precision must be None for solver='lbfgs'"),
    ],
)
def test_what_it_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        fitted(**options)


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_a_fitted_network_keeps_its_precision(call):
    clf = fitted(warm_start=True)
    before = clf.coefs_[0].copy()
    clf.set_params(precision=None)
    with pytest.raises(ValueError, match="precision must stay as it was fitted, 'bf16', got None"):
        getattr(clf, call)(DIGITS, CLASSES)
    np.testing.assert_array_equal(clf.coefs_[0], before)


def test_numbers_beyond_float32_are_refused():
    X = DIGITS.copy()
    X[0, 0] = 1e300
    with pytest.raises(ValueError, match="too large for dtype"):
        fitted(X=X)


# ---- networks


def network(**options):
    return Network([Dense(32, "tanh"), Dense(16)], **options)


def test_a_network_is_float32_then():
    assert network(precision="bf16").initialize(20, 0).dtype == np.float32
    assert network().initialize(20, 0).dtype == np.float64
    with pytest.raises(
        ValueError, match="dtype must be 'float32' with precision='bf16', got 'float64'"
    ):
        network(precision="bf16").initialize(20, 0, dtype="float64")
    with pytest.raises(ValueError, match="precision must be None or 'bf16'"):
        network(precision="float16")


def test_a_copy_in_float64_is_exact():
    rounded = network(precision="bf16").initialize(20, 0)
    exact = rounded.astype("float64")
    X = np.random.default_rng(0).standard_normal((6, 20))
    first, second = exact.layers
    expected = np.tanh(X @ first.W + first.b) @ second.W + second.b
    np.testing.assert_allclose(exact.forward(X), expected, rtol=1e-12)
    assert (exact.precision, rounded.precision) == (None, "bf16")
    assert 1e-4 < abs(rounded.forward(X.astype(np.float32)) - expected).max() < 0.05


def test_a_network_shows_and_keeps_it(tmp_path):
    made = network(precision="bf16").initialize(20, 0)
    assert "precision='bf16'" in repr(made)
    assert "float32, products in bf16" in made.summary()
    save_model(made, tmp_path / "network.minnet")
    X = np.random.default_rng(0).standard_normal((6, 20)).astype(np.float32)
    for copy in (load_model(tmp_path / "network.minnet"), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(copy.forward(X), made.forward(X))


def test_another_initialization_takes_over_what_was_set():
    made = network(precision="bf16").initialize(20, 0)
    X = np.random.default_rng(0).standard_normal((6, 20)).astype(np.float32)
    rounded = made.forward(X)
    made.precision = None
    plain = made.initialize(20, 0, dtype="float32").forward(X)
    assert (plain != rounded).any()
    np.testing.assert_array_equal(plain, network().initialize(20, 0, dtype="float32").forward(X))


def test_members_of_an_ensemble_get_the_bits_of_trainers_of_their_own():
    X = DIGITS[:200].astype(np.float32)
    networks = [
        Network([Dense(32, "tanh"), Dense(10)], precision="bf16").initialize(64, seed)
        for seed in (0, 1)
    ]
    alone = [
        Network([Dense(32, "tanh"), Dense(10)], precision="bf16").initialize(64, seed)
        for seed in (0, 1)
    ]
    EnsembleTrainer(networks, "sgd", batch_size=32).fit(X, CLASSES[:200], max_epochs=3)
    for one, other in zip(networks, alone, strict=True):
        Trainer(other, "sgd", batch_size=32).fit(X, CLASSES[:200], max_epochs=3)
        np.testing.assert_array_equal(one.params, other.params)
    mixed = [
        networks[0],
        Network([Dense(32, "tanh"), Dense(10)]).initialize(64, 1, dtype="float32"),
    ]
    with pytest.raises(ValueError, match="precision of networks"):
        EnsembleTrainer(mixed, "sgd")
