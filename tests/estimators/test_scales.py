"""Inputs and targets that are far from unit scale."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, MinNetRegressor, load_model, save_model
from minnet.export import to_numpy_source

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4))
Y = np.column_stack([X[:, 0] * X[:, 1], 1000 + 1e4 * X[:, 2]])


def regressor(**params):
    given = {"hidden_layer_sizes": (10,), "scale_targets": True, "random_state": 0, "max_iter": 20}
    return MinNetRegressor(**given | {"n_iter_no_change": 50, "tol": 0.0} | params)


pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer",
    "ignore:lbfgs failed",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)


@pytest.mark.parametrize("y", [Y, Y[:, 1]])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_targets_are_scaled_as_scikit_learn_scales_them(y, solver):
    ours = regressor(solver=solver).fit(X, y)
    plain = clone(ours).set_params(scale_targets=False)
    theirs = TransformedTargetRegressor(plain, transformer=StandardScaler()).fit(X, y)
    assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-6)
    scaler = StandardScaler().fit(y.reshape(150, -1))
    assert_allclose(ours.target_mean_, scaler.mean_, rtol=1e-12)
    assert_allclose(ours.target_scale_, scaler.scale_, rtol=1e-12)
    assert ours.loss_ == pytest.approx(theirs.regressor_.loss_, rel=1e-6)


def test_weights_of_samples_are_repetitions():
    weights = RNG.integers(0, 3, size=150)
    weighted = regressor(solver="lbfgs", max_iter=30).fit(X, Y, sample_weight=weights)
    repeated = regressor(solver="lbfgs", max_iter=30)
    repeated.fit(X.repeat(weights, axis=0), Y.repeat(weights, axis=0))
    assert_allclose(weighted.target_scale_, repeated.target_scale_, rtol=1e-12)
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("constant", [0.0, 5.0, 1e300, 0.1])
def test_a_constant_output_is_predicted(constant):
    y = np.column_stack([Y[:, 0], np.full(150, constant)])
    est = regressor(solver="lbfgs", hidden_layer_sizes=(), alpha=0).fit(X, y)
    assert est.target_scale_[1] == 1
    assert_allclose(est.predict(X)[:, 1], constant, atol=0.01, rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-300, 1e300, 1e-30, 1e30])
def test_targets_of_any_size_are_learned_alike(factor):
    plain = regressor().fit(X, Y[:, 0])
    scaled = regressor().fit(X, Y[:, 0] * factor)
    assert_allclose(scaled.predict(X) / factor, plain.predict(X), rtol=1e-6)


def test_scores_and_validation_are_in_the_units_of_y():
    options = {"early_stopping": True, "scoring": "neg_mean_absolute_error", "max_iter": 5}
    est = regressor(**options).fit(X, Y[:, 1], X_val=X[:50], y_val=Y[:50, 1])
    best = -np.abs(est.predict(X[:50]) - Y[:50, 1]).mean()
    assert est.best_validation_score_ == pytest.approx(best)
    assert best < -100


def test_calls_that_go_on_keep_the_scale():
    est = regressor().partial_fit(X, Y)
    scale = est.target_scale_.copy()
    est.partial_fit(X, Y * 5)
    assert_array_equal(est.target_scale_, scale)
    warm = regressor(warm_start=True).fit(X, Y).fit(X, Y * 5)
    assert_array_equal(warm.target_scale_, scale)
    with pytest.raises(ValueError, match="scale_targets must stay as it was fitted, got False"):
        warm.set_params(scale_targets=False).fit(X, Y)
    assert warm.set_params(warm_start=False).fit(X, Y).target_scale_ is None
    stream = regressor().fit_stream([(X, Y), (X, Y * 5)])
    assert_array_equal(stream.target_scale_, scale)


def test_a_loss_with_a_link_is_refused():
    with pytest.raises(ValueError, match="scale_targets must be False for a loss on exp outputs"):
        regressor(loss="poisson").fit(X, np.abs(Y))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_saved_and_exported(tmp_path, dtype):
    est = regressor(solver="lbfgs").fit(X.astype(dtype), Y)
    save_model(est, tmp_path / "m")
    assert_array_equal(
        load_model(tmp_path / "m").predict(X.astype(dtype)), est.predict(X.astype(dtype))
    )
    space = {}
    exec(to_numpy_source(est), space)
    tolerance = {"float32": 1e-4, "float64": 1e-11}[dtype]
    want = est.predict(X.astype(dtype))
    assert_allclose(space["predict"](X.astype(dtype)), want, rtol=tolerance, atol=tolerance * 1e4)


SCALE = "X is far from unit scale"


@pytest.mark.parametrize("convert", [np.asarray, np.float32, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            load_breast_cancer().data,
            r"column 23 has a root mean square of 1e\+03.*StandardScaler",
        ),
        (X * [1, 1, 1, 1000], r"column 3 has a root mean square of"),
        (X * 1e-5, r"their root mean square is (9e-06|1e-05)"),
        (np.repeat(X * [1, 1000, 1, 1], 30, axis=0), r"column 1 has a root mean square of"),
    ],
)
def test_inputs_far_from_unit_scale_raise_a_warning(convert, data, message):
    y = np.arange(len(data)) % 2
    if convert in (sparse.csr_array, sparse.csc_matrix):
        message = message.replace("StandardScaler", "MaxAbsScaler")
    with pytest.warns(UserWarning, match=SCALE) as caught:
        MinNetClassifier((3,), max_iter=1).fit(convert(data), y)
    said = [w for w in caught if SCALE in str(w.message)]
    assert len(said) == 1
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match=message):
        MinNetClassifier((3,)).partial_fit(convert(data), y, classes=[0, 1])


def test_the_fits_of_a_search_say_the_same():
    data = load_breast_cancer()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = MinNetClassifier((3,), max_iter=1)
        GridSearchCV(net, {"alpha": [1e-4, 1e-3]}, cv=5).fit(data.data, data.target)
    said = [str(w.message) for w in caught if SCALE in str(w.message)]
    assert len(said) == 11
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    "data", [load_digits().data, load_iris().data, X, X * 0, X[:1], X * 0.01, X.astype("float16")]
)
def test_other_inputs_raise_none(data):
    y = np.arange(len(data)) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Stochastic Optimizer")
        MinNetClassifier((3,), max_iter=1).fit(data, y)
