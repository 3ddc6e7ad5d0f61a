"""Huge, tiny and odd numbers and labels: finite results, or one sentence of where and what to do."""

import itertools
import re
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import OptimizeResult
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from minnet import MinNetClassifier, MinNetRegressor
from minnet.backends import list_backends
from minnet.losses import Huber

pytestmark = pytest.mark.filterwarnings(
    "error",
    "ignore::sklearn.exceptions.ConvergenceWarning",  # no RuntimeWarning of NumPy comes out
    "ignore:X is far from unit scale",
    "ignore:.*y is far from unit scale",
    "ignore:batch_size=20 has no effect with solver='lbfgs'",
)

BACKENDS = [name for name in list_backends() if name != "auto"]
N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
SIGNS = np.sign(X)
NUMBER = X[:, 0] + 0.1 * RNG.normal(size=N)
CLASS = np.digitize(NUMBER, [-0.5, 0.5])
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 4, "batch_size": 20, "random_state": 0}

#: Inputs, and whether every fit of ordinary targets must succeed.
INPUTS = {
    "1e30": (X * 1e30, False),
    "1e-30": (X * 1e-30, True),
    "1e300": (X * 1e300, False),
    "1e-300": (X * 1e-300, True),
    "the largest float64": (SIGNS * np.finfo(np.float64).max, False),
    "the largest float32": (SIGNS * float(np.finfo(np.float32).max), False),
    "denormals of float64": (X * 1e-310, True),
    "denormals of float32": (X * 1e-40, True),
    "constant columns": (np.column_stack([X[:, :2], np.full(N, 7.0), np.zeros(N)]), True),
    "a huge constant column": (np.column_stack([X[:, :2], np.full(N, 1e20)]), False),
    "all zero": (np.zeros((N, 4)), True),
    "of all sizes": (X * [1e300, 1e-300, 1.0, 1e-310], False),
    "float16": (X.astype(np.float16), True),
    "the largest float16": ((SIGNS * 65504).astype(np.float16), False),
    "int64": ((X * 1e18).astype(np.int64), False),
    "int8": ((X * 10).astype(np.int8), True),
    "uint64": (np.abs(X * 10).astype(np.uint64), True),
    "bool": (X > 0, True),
    "CSR": (sparse.csr_matrix(X * (X > 0) * 1e30), False),
    "CSR of denormals": (sparse.csr_matrix(X * (X > 0) * 1e-310), True),
}

NUMBERS = {
    "1e30": NUMBER * 1e30,
    "1e-30": NUMBER * 1e-30,
    "1e300": NUMBER * 1e300,
    "the largest float64": np.sign(NUMBER) * np.finfo(np.float64).max,
    "denormals": NUMBER * 1e-310,
    "constant": np.full(N, 5.0),
    "a huge constant": np.full(N, 1e200),
    "zero": np.zeros(N),
    "float16": NUMBER.astype(np.float16),
    "int8": (10 * NUMBER).astype(np.int8),
    "bool": NUMBER > 0,
    "two outputs": np.column_stack([NUMBER * 1e200, NUMBER * 1e-200]),
}

SETTINGS = [
    {"solver": solver} | ({"early_stopping": True, "validation_fraction": 0.3} if stopping else {})
    for solver, stopping in itertools.product(["sgd", "adam", "lbfgs"], [False, True])
    if not (solver == "lbfgs" and stopping)
]

DIVERGED = (
    r"Solver produced non-finite (parameter weights|losses)\. The input data may contain large values "
    r"and need to be preprocessed\. It happened in (the loss on )?layer [01] \(Dense\) in (epoch \d, at "
    r"learning rate 0\.001|iteration \d+ of lbfgs(, in float32)?): scale the inputs( and the targets)?(, "
    r"lower the learning rate or set clip_norm)?\."
)


def in_dtype(A, dtype):
    """Return float64 numbers in ``dtype``, or None where they are too large for it."""
    if A.dtype != np.float64 or dtype == np.float64:
        return A
    with np.errstate(over="ignore", under="ignore"):
        A = A.astype(dtype)
    return A if np.isfinite(A.data if sparse.issparse(A) else A).all() else None


def error_of(call, *arguments):
    """Return the sentence of the ValueError that the call raises, or an empty string."""
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)
    return ""


def outcome(est, X, y):
    """Fit and predict; return "fitted", "restored" or "refused" after checking what each must be."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("error")
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.filterwarnings("ignore", "(X|y|column . of y) is far from unit scale")
        warnings.filterwarnings("ignore", "batch_size=20 has no effect with solver='lbfgs'")
        refused = error_of(est.fit, X, y)
    if refused:
        too_large = refused.startswith("y must be finite in float32, got ")
        assert too_large or re.fullmatch(DIVERGED, refused)
        assert not hasattr(est, "network_")
        return "refused"
    restored = any("weights of the best epoch were restored" in str(w.message) for w in said)
    assert all(np.isfinite(A).all() for A in [*est.coefs_, *est.intercepts_])
    assert restored or np.isfinite(est.loss_)
    assert restored or np.isfinite(getattr(est, "loss_curve_", [0.0])).all()
    refused = error_of(est.predict, X)
    if refused:  # lbfgs computes in float64, and predict then in float32
        assert est.solver == "lbfgs"
        assert est.network_.dtype == np.float32
        assert "X must give finite numbers in every layer" in refused
        return "refused"
    Y = est.predict(X)
    if not hasattr(est, "predict_proba"):
        assert np.isfinite(Y).all()
    else:
        P = est.predict_proba(X)
        assert np.isfinite(P).all()
        np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
        assert not np.isnan(est.predict_log_proba(X)).any()
        assert np.isin(Y, est.classes_).all()
    return "restored" if restored else "fitted"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", INPUTS)
def test_inputs(name, backend):
    given, harmless = INPUTS[name]
    found = set()
    for dtype, setting in itertools.product([np.float32, np.float64], SETTINGS):
        A = in_dtype(given, dtype)
        if A is None:
            continue
        options = {**SMALL, **setting, "backend": backend}
        for est, y in (
            (MinNetClassifier(**options), CLASS),
            (MinNetClassifier(**options), CLASS > 0),
            (MinNetRegressor(**options), NUMBER),
            (MinNetRegressor(Huber(0.5), **options), NUMBER),
        ):
            result = outcome(est, A, y)
            assert result == "fitted" or not harmless, (dtype, setting, est)
            found.add(result)
    assert found  # some dtype can hold the numbers


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NUMBERS)
def test_targets_of_the_regressor(name, backend):
    y = NUMBERS[name]
    huge = name in ("1e30", "1e300", "the largest float64", "a huge constant", "two outputs")
    for dtype, setting, loss in itertools.product(
        [np.float32, np.float64], SETTINGS, ["squared_error", "absolute_error", "quantile"]
    ):
        est = MinNetRegressor(loss, **SMALL, **setting, backend=backend)
        result = outcome(est, X.astype(dtype), y)
        assert result == "fitted" or huge, (dtype, setting, loss)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("make", [MinNetClassifier, MinNetRegressor])
def test_numbers_of_other_types_are_the_same_numbers(make, dtype):
    A = (np.abs(X) if dtype == np.uint8 else X).astype(dtype)
    y = CLASS if make is MinNetClassifier else NUMBER.astype(dtype)
    one = make(**SMALL, solver="lbfgs").fit(A, y)
    same = make(**SMALL, solver="lbfgs").fit(A.astype(np.float64), y.astype(np.float64))
    assert one.coefs_[0].dtype == np.float64
    np.testing.assert_array_equal(one.coefs_[0], same.coefs_[0])
    np.testing.assert_array_equal(one.predict(A), same.predict(A.astype(np.float64)))


def test_a_constant_column_of_zeros_changes_no_prediction():
    wide = np.column_stack([X, np.zeros(N)])
    init = RNG.normal(size=(5, 5)), RNG.normal(size=(5, 1))
    options = {**SMALL, "solver": "lbfgs", "bias_init": "zeros", "tol": 1e-12}
    one = MinNetRegressor(**options, init=[init[0][:4], init[1]], alpha=0).fit(X, NUMBER)
    other = MinNetRegressor(**options, init=list(init), alpha=0).fit(wide, NUMBER)
    np.testing.assert_allclose(other.predict(wide), one.predict(X), rtol=1e-6)


# ---- which layer, and when


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_layer_whose_numbers_overflow_is_named(at, backend):
    init = [np.full((4, 3), 0.1), np.full((3, 3), 0.1), np.full((3, 1), 0.1)]
    init[at] *= 1e308
    A = np.abs(X) * 1e5
    est = MinNetRegressor("absolute_error", (3, 3), "identity", solver="lbfgs", init=init,
                          bias_init="zeros", alpha=0, backend=backend)  # fmt: skip
    with pytest.raises(ValueError, match=rf"losses\. .* in layer {at} \(Dense\) in iteration 0 of"):
        est.fit(A, NUMBER)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_that_overflows_is_an_error_though_the_weights_are_finite(backend):
    # Adam takes steps of 0 where the square of a gradient is infinite: nothing would be learned.
    est = MinNetRegressor(**SMALL, backend=backend)
    message = (
        r"Solver produced non-finite losses\. .* in the loss on layer 1 \(Dense\) in epoch 1, at learning "
        r"rate 0\.001: scale the inputs and the targets, lower"
    )
    with pytest.raises(ValueError, match=message):
        est.fit(X, NUMBER * 1e200)
    with pytest.raises(ValueError, match=message):
        est.partial_fit(X, NUMBER * 1e200)
    assert not hasattr(est, "network_")


@pytest.mark.parametrize("make", [MinNetClassifier, MinNetRegressor])
def test_divergence_before_the_first_good_epoch_is_no_model(make):
    y = CLASS if make is MinNetClassifier else NUMBER
    est = make(**SMALL, early_stopping=True, solver="sgd")
    est.fit(X, y)
    before = est.coefs_[0].copy()
    with pytest.raises(ValueError, match="in epoch 1, at learning rate 1e\\+300"):
        est.set_params(learning_rate_init=1e300).fit(X, y)
    np.testing.assert_array_equal(est.coefs_[0], before)


@pytest.mark.parametrize("scoring", [None, "loss", "r2", "neg_mean_squared_error"])
def test_scores_that_overflow_are_no_best(scoring):
    reg = MinNetRegressor(**SMALL, early_stopping=True, scoring=scoring)
    with pytest.warns(ConvergenceWarning, match="NaN or minus infinity in every epoch"):
        reg.fit(X, NUMBER, X_val=X, y_val=NUMBER * 1e300)
    assert np.isfinite(reg.predict(X)).all()
    with pytest.raises(ValueError, match=r"^X_val: Input X contains infinity"):
        reg.fit(X.astype(np.float32), NUMBER, X_val=X * 1e300, y_val=NUMBER)


def test_lbfgs_whose_minimum_float32_cannot_hold(monkeypatch):
    # It runs in float64, and the result is rounded. Real minima so far away are hardly ever reached.
    def minimize(objective, theta, **options):
        return OptimizeResult(x=np.full_like(theta, 1e200), fun=1.0, nit=3, status=0)

    monkeypatch.setattr("minnet.training.lbfgs.minimize", minimize)
    reg = MinNetRegressor(hidden_layer_sizes=(), solver="lbfgs")
    assert reg.fit(X, NUMBER).coefs_[0][0, 0] == 1e200
    message = (
        r"weights\. .* in layer 0 \(Dense\) in iteration 3 of lbfgs, in float32: scale the inputs"
    )
    with pytest.raises(ValueError, match=message):
        reg.fit(X.astype(np.float32), NUMBER)
    assert reg.coefs_[0][0, 0] == 1e200


# ---- predictions


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("n_classes", "rows"), [(2, 60), (3, 60), (3, 1)])
def test_predictions_are_never_nan(n_classes, rows, backend):
    clf = MinNetClassifier(**SMALL, backend=backend).fit(X, CLASS % n_classes)
    W = clf.coefs_[0]
    unit = np.abs(W).sum(axis=0).argmax()
    huge = np.tile(np.sign(W[:, unit]) * np.finfo(np.float64).max, (rows, 1))
    for method in (clf.predict, clf.predict_proba, clf.predict_log_proba):
        with pytest.raises(
            ValueError, match=r"X must give finite .* in layer 0 \(Dense\), in float64"
        ):
            method(huge)
    sure = clf.predict_proba(X[:rows] * 1e290)
    assert np.isfinite(sure).all()
    clf.coefs_[1][...] = np.nan
    with pytest.raises(ValueError, match=r"in layer 1 \(Dense\), in float64: .* NaN .* in coefs_"):
        clf.predict_proba(X[:rows])


def test_one_bad_row_in_a_later_block_is_found():
    reg = MinNetRegressor(**SMALL).fit(X, NUMBER)
    many = np.zeros((300_000, 4))
    many[-1] = SIGNS[0] * np.finfo(np.float64).max
    with pytest.raises(ValueError, match=r"layer 0 \(Dense\)"):
        reg.predict(many)
    assert np.isfinite(reg.predict(many[:-1])).all()


# ---- labels

LABELS = {
    "strings": np.array(["no", "yes", "why"])[CLASS],
    "strings of different lengths": [np.str_("x" * (1 + 9 * k)) for k in CLASS],
    "an empty string": np.array(["", "é", "😀"])[CLASS],
    "objects that are strings": np.array(["a", "b", "c"], dtype=object)[CLASS],
    "objects that are integers": CLASS.astype(object),
    "objects that are floats": (CLASS + 1.0).astype(object),
    "bool": CLASS > 0,
    "objects that are bool": (CLASS > 0).astype(object),
    "negative": CLASS - 5,
    "-1 and 1": 2 * (CLASS > 0) - 1,
    "floats": CLASS + 1.0,
    "float32": CLASS.astype(np.float32),
    "float16": CLASS.astype(np.float16),
    "negative zero": np.array([-0.0, 1.0, 2.0])[CLASS],
    "huge": np.array([10**18, 10**18 + 1, -(2**63)])[CLASS],
    "uint64": np.array([2**64 - 1, 2**64 - 2, 0], dtype=np.uint64)[CLASS],
    "int8": CLASS.astype(np.int8) - np.int8(2),
    "one class": np.full(N, -3),
    "one string": np.full(N, "only"),
    "one boolean": np.ones(N, dtype=bool),
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_as_they_are(name, early_stopping):
    y = LABELS[name]
    options = {"early_stopping": True, "validation_fraction": 0.2} if early_stopping else {}
    clf = MinNetClassifier(**SMALL | {"max_iter": 60} | options, learning_rate_init=0.05)
    clf.fit(X, y)
    expected = np.unique(np.array(list(y)))
    np.testing.assert_array_equal(clf.classes_, expected)
    predicted = clf.predict(X)
    assert predicted.dtype == clf.classes_.dtype
    assert (predicted == np.asarray(y)).mean() > 0.7
    # As with the numbers 0, 1, 2 in the order of the labels.
    plain = clf.predict_proba(X)
    numbered = clf.fit(X, np.searchsorted(expected, np.array(list(y))))
    np.testing.assert_array_equal(plain, numbered.predict_proba(X))


@pytest.mark.parametrize("name", ["objects that are integers", "objects that are bool", "strings"])
def test_labels_in_partial_fit_and_as_validation_set(name):
    y = np.asarray(LABELS[name])
    clf = MinNetClassifier(**SMALL).partial_fit(X, y, classes=np.unique(y))
    clf.partial_fit(X, y)
    assert set(clf.predict(X)) <= set(y)
    clf = MinNetClassifier(**SMALL).fit(X, y, X_val=X[:20], y_val=y[:20])
    assert len(clf.validation_scores_) == clf.n_iter_
    indicator = np.column_stack([CLASS > 0, CLASS > 1]).astype(int)
    plain = MinNetClassifier(**SMALL).fit(X, indicator)
    as_objects = MinNetClassifier(**SMALL).fit(X, indicator.astype(object))
    np.testing.assert_array_equal(plain.predict_proba(X), as_objects.predict_proba(X))


def with_(bad, dtype=object):
    labels = np.array(["a", "b", "c"], dtype=object)[CLASS] if dtype is str else CLASS
    labels = labels.astype(object)
    labels[7] = bad
    return labels


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(np.arange(N) == 7, np.nan, CLASS), "Input y contains NaN"),
        (np.where(np.arange(N) == 7, np.inf, CLASS), "Input y contains infinity"),
        (with_(np.nan), "y must have no missing labels, got nan"),
        (with_(np.nan, str), "y must have no missing labels, got nan"),
        (with_(None), "y must have no missing labels, got None"),
        (with_(None, str), "y must have no missing labels, got None"),
        (list(with_(None, str)), "y must have no missing labels, got None"),
        (with_("a"), "y must have labels of one type, got int and str"),
        (with_(True), "y must have labels of one type, got bool and int"),
        (with_(10**30), "y must have labels of at most 64 bits or strings, got 10000000000000000"),
        (CLASS + 0.5, "Unknown label type: continuous"),
        (np.array([1e300, 0.0])[CLASS // 2], "Unknown label type: continuous"),
    ],
    ids=str,
)
def test_labels_that_are_none(y, message):
    clf = MinNetClassifier(**SMALL)
    with pytest.raises(ValueError, match=message):
        clf.fit(X, y)
    assert vars(clf) == clf.get_params(deep=False)


def test_missing_labels_of_pandas():
    pandas = pytest.importorskip("pandas")
    strings = pandas.Series(with_(pandas.NA, str), dtype="string")
    for y in strings, pandas.Series(with_(pandas.NA), dtype="Int64"):
        with pytest.raises(ValueError, match=r"y must have no missing labels, got <?NA"):
            MinNetClassifier(**SMALL).fit(X, y)


# ---- weights


def test_sample_weights():
    reg = MinNetRegressor(**SMALL)
    with pytest.raises(
        ValueError, match=r"sample_weight must have a finite sum, got up to 1e\+308"
    ):
        reg.fit(X, NUMBER, sample_weight=np.full(N, 1e308))
    expected = MinNetRegressor(**SMALL, alpha=0).fit(X, NUMBER).predict(X)
    for weight in (1e300, 1e-290):
        found = MinNetRegressor(**SMALL, alpha=0).fit(X, NUMBER, np.full(N, weight)).predict(X)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("size", [1e300, 1e30, 1e-30])
def test_initializers_that_look_at_data(size):
    one = MinNetRegressor(**SMALL, init="lsuv", alpha=0).fit(X, NUMBER)
    other = MinNetRegressor(**SMALL, init="lsuv", alpha=0, learning_rate=lambda step: 0.0)
    other.fit(X * size, NUMBER)
    assert np.isfinite(other.predict(X * size)).all()
    scaled = other.predict(X * size)
    still = one.set_params(learning_rate=lambda step: 0.0).fit(X, NUMBER)
    np.testing.assert_allclose(scaled, still.predict(X), rtol=1e-5, atol=1e-6)


def test_arguments_that_are_no_numbers():
    for name in ("alpha", "learning_rate_init", "tol"):
        with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter"):
            MinNetRegressor(**{**SMALL, name: np.nan}).fit(X, NUMBER)
