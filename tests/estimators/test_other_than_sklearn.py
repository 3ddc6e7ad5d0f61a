"""Ten weak spots of scikit-learn's MLP (1.9): each beside what minnet does.

Where scikit-learn changes, the half of a test that shows its behaviour may fail: delete that half.
"""

import inspect
import sys
import tracemalloc

import numpy as np
import pytest
from scipy.special import log_expit, log_softmax
from sklearn.neural_network import MLPClassifier, MLPRegressor
from versions import since

from minnet import MinNetClassifier, MinNetRegressor, check_gradients
from minnet.backends import list_backends

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
R = X @ [1.0, -1.0, 0.5, 2.0]
BOTH = [MinNetClassifier, MLPClassifier]


# ---- 1. Python, copies and new arrays in each step


def trained(make, solver, batch_size):
    """Return an estimator, its data, and the classes for partial_fit, after two epochs."""
    data = np.random.default_rng(0).normal(size=(400, 200)), np.arange(400) % 3
    est = make((300,), solver=solver, batch_size=batch_size, random_state=0)
    est.partial_fit(*data, classes=[0, 1, 2]).partial_fit(*data)
    return est, data


@pytest.mark.skipif(
    "cython" not in list_backends(), reason="without the extension NumPy takes the steps"
)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_1_memory_of_an_epoch(solver):
    most = {}
    for make in BOTH:
        est, data = trained(make, solver, batch_size=4)
        tracemalloc.start()
        est.partial_fit(*data)
        most[make] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # The weights take 480 kB, X 640 kB. Nothing of the size of either is allocated.
    assert most[MinNetClassifier] < 200_000
    assert most[MLPClassifier] > 480_000


@pytest.mark.skipif(
    "cython" not in list_backends(), reason="without the extension NumPy takes the steps"
)
def test_1_python_calls_of_an_epoch():
    calls = {}
    for make in BOTH:
        for batch_size in (100, 4):
            est, data = trained(make, "sgd", batch_size)
            count = [0]

            def watch(frame, event, argument, count=count):
                count[0] += event in ("call", "c_call")

            sys.setprofile(watch)
            est.partial_fit(*data)
            sys.setprofile(None)
            calls[make, batch_size] = count[0]
    # 4 steps or 100; how many threads there may be is asked for where a step is worth some.
    assert calls[MinNetClassifier, 4] == pytest.approx(calls[MinNetClassifier, 100], abs=10)
    assert calls[MLPClassifier, 4] > 5 * calls[MLPClassifier, 100]


# ---- 2. initial weights


def initial(make, **options):
    """Return weights and biases of two layers, before any step to speak of."""
    rows = np.random.default_rng(0).normal(size=(20, 300))
    fixed = {"solver": "sgd", "learning_rate_init": 1e-12, "max_iter": 1, "random_state": 0}
    est = make((400, 400), **fixed, **options).fit(rows, np.arange(20) % 2)
    return est.coefs_, est.intercepts_


@pytest.mark.parametrize(
    ("activation", "variance", "theirs"),
    [("relu", 2 / 800, 2 / 800), ("logistic", 32 / 800, 2 / 2400)],
)
def test_2_weights_by_activation_and_biases_as_told(activation, variance, theirs):
    # Glorot & Bengio 2010, four times as large between sigmoids: 160,000 draws.
    weights, biases = initial(MinNetClassifier, activation=activation)
    assert weights[1].var() == pytest.approx(variance, rel=0.02)
    assert biases[1].var() == pytest.approx(variance, rel=0.3)  # one more row of weights
    assert np.abs(biases[2]).max() < 1e-10
    _, biases = initial(MinNetClassifier, activation=activation, bias_init="zeros")
    assert all(np.abs(b).max() < 1e-10 for b in biases)
    weights, biases = initial(MLPClassifier, activation=activation)
    assert weights[1].var() == pytest.approx(theirs, rel=0.02)
    assert np.abs(biases[2]).max() > 0.001


def test_2_the_law_is_an_argument():
    weights, _ = initial(MinNetClassifier, init=["orthogonal", "zeros", "lecun_normal"])
    np.testing.assert_allclose(weights[0] @ weights[0].T, np.eye(300), atol=1e-6)
    assert np.abs(weights[1]).max() < 1e-10
    assert "init" not in inspect.signature(MLPClassifier).parameters


# ---- 3. partial_fit of a regressor with lbfgs


def test_3_lbfgs_has_no_partial_fit():
    assert not hasattr(MinNetClassifier(solver="lbfgs"), "partial_fit")
    assert not hasattr(MinNetRegressor(solver="lbfgs"), "partial_fit")
    assert hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")


# ---- 4. the validation split of several classes


def test_4_the_split_is_stratified():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    rows = np.random.default_rng(0).normal(size=(100, 3))
    seen = []

    class Watched(MLPClassifier):
        def _score(self, X, y, **weight):  # there since 1.7
            seen.append(tuple(np.bincount(y, minlength=3)))
            return super()._score(X, y, **weight)

    def scorer(estimator, X, y):
        seen.append(tuple(np.bincount(y, minlength=3)))
        return 0.0

    common = {"hidden_layer_sizes": (3,), "early_stopping": True, "validation_fraction": 0.2}
    common |= {"max_iter": 1}
    for seed in range(10):
        MinNetClassifier(**common, scoring=scorer, random_state=seed).fit(rows, y)
    assert set(seen) == {(12, 6, 2)}
    seen.clear()
    for seed in range(10):
        Watched(**common, random_state=seed).fit(rows, y)
    assert len(set(seen)) > 1


# ---- 5. the order of rows in partial_fit


def test_5_another_order_in_each_call():
    same = {}
    for make in BOTH:
        est = make((5,), solver="sgd", batch_size=7, learning_rate_init=0.1, random_state=0)
        for _ in range(3):
            est.partial_fit(X, Y, classes=[0, 1, 2])
        fit = make((5,), solver="sgd", batch_size=7, learning_rate_init=0.1, random_state=0)
        fit.set_params(max_iter=3).fit(X, Y)
        same[make] = all(map(np.array_equal, est.coefs_, fit.coefs_))
    assert same == {MinNetClassifier: True, MLPClassifier: False}


# ---- 6. L2 and the batch


def test_6_alpha_means_the_same_for_each_batch_size():
    norms = {}
    for make in (MinNetRegressor, MLPRegressor):
        for batch_size in (6, 60):
            est = make(
                hidden_layer_sizes=(),
                solver="sgd",
                alpha=60,
                learning_rate_init=0.01,
                momentum=0,
                tol=0,
            )
            est.set_params(n_iter_no_change=200, batch_size=batch_size, random_state=0).fit(X, R)
            norms[make, batch_size] = np.linalg.norm(est.coefs_[0])
    assert norms[MinNetRegressor, 6] == pytest.approx(norms[MinNetRegressor, 60], rel=0.05)
    assert norms[MLPRegressor, 6] < 0.5 * norms[MLPRegressor, 60]


@since((1, 7), "sample_weight of the MLP")
def test_6_a_batch_without_weight():
    weights = np.r_[np.zeros(20), np.ones(40)]
    options = {"batch_size": 20, "shuffle": False, "max_iter": 3, "random_state": 0}
    assert np.isfinite(MinNetClassifier((5,), **options).fit(X, Y, sample_weight=weights).loss_)
    with pytest.raises(ZeroDivisionError):
        MLPClassifier((5,), **options).fit(X, Y, sample_weight=weights)


# ---- 7. logits


@pytest.mark.parametrize("y", [Y, Y > 0], ids=["softmax", "logistic"])
def test_7_logarithms_and_losses_of_saturated_outputs(y):
    est = {make: make((), max_iter=2, random_state=0).fit(X, y) for make in BOTH}
    for model in est.values():
        model.coefs_ = [10_000 * np.sign(est[MLPClassifier].coefs_[0])]
        model.intercepts_ = [np.zeros(model.n_outputs_)]
    net = est[MinNetClassifier]
    Z = X @ net.coefs_[0]
    exact = log_softmax(Z, axis=1) if Z.shape[1] > 1 else log_expit(np.hstack([-Z, Z]))
    assert exact.min() < -10_000
    np.testing.assert_allclose(net.predict_log_proba(X), exact, rtol=1e-12, atol=1e-12)
    with np.errstate(divide="ignore"):
        assert np.isinf(est[MLPClassifier].predict_log_proba(X)).any()
    # Loss and gradient are a pair, however wrong the prediction: |Z| grows by 1, so does the loss.
    T = y.astype(int) if Z.shape[1] > 1 else y.astype(float)[:, np.newaxis]
    loss, _ = net.network_.loss_and_grad(X, T)
    of_right = exact[np.arange(60), y.astype(int)]
    assert loss - net.alpha / 120 * (net.coefs_[0] ** 2).sum() == pytest.approx(-of_right.mean())
    assert -of_right.mean() > 1000  # clipped probabilities make it 36 at most


# ---- 8. counting


def test_8_epochs_of_partial_fit():
    for make, n_iter in ((MinNetClassifier, 3), (MLPClassifier, 1)):
        est = make((5,), random_state=0)
        for _ in range(3):
            est.partial_fit(X, Y, classes=[0, 1, 2])
        assert len(est.loss_curve_) == 3
        assert est.n_iter_ == n_iter


def test_8_patience_is_what_the_manual_says():
    est = MinNetClassifier((5,), early_stopping=True, scoring=lambda *_: 0.5, n_iter_no_change=4)
    est.set_params(random_state=0).fit(X, Y)
    # The first epoch is an improvement; more than four are not.
    assert est.n_iter_ == 1 + 5
    assert "stops after more than that many epochs in a row without improvement" in " ".join(
        MinNetClassifier.__doc__.split()
    )


def test_8_a_score_of_nan_is_no_improvement():
    options = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 50, "random_state": 0}

    class Undefined(MLPClassifier):
        def _score(self, X, y, sample_weight=None):
            return np.nan

    est = MinNetClassifier((5,), **options, scoring=lambda *_: np.nan).fit(X, Y)
    assert est.n_iter_ == 4
    assert Undefined((5,), **options).fit(X, Y).n_iter_ == 50


# ---- 9. warm start of another architecture


def test_9_a_changed_architecture_is_named():
    for sizes in ((6,), (5, 5)):
        est = MinNetClassifier((5,), warm_start=True, max_iter=2).fit(X, Y)
        params = est.network_.params.copy()
        message = r"^the architecture must stay as it was fitted, \[Dense\(5.*\], got \[Dense\([56]"
        with pytest.raises(ValueError, match=message):
            est.set_params(hidden_layer_sizes=sizes).fit(X, Y)
        np.testing.assert_array_equal(est.network_.params, params)
    theirs = MLPClassifier((5,), warm_start=True, max_iter=2).fit(X, Y)
    assert theirs.set_params(hidden_layer_sizes=(6,)).fit(X, Y).coefs_[0].shape == (4, 5)  # ignored
    with pytest.raises((AttributeError, TypeError)):
        theirs.set_params(hidden_layer_sizes=(5, 5)).fit(X, Y)


# ---- 10. parts that can be had and checked by themselves


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_10_the_gradient_check_is_public(activation, n_classes):
    y = Y % n_classes
    est = MinNetClassifier((7,), activation=activation, alpha=0.1, max_iter=3, random_state=0)
    network = est.fit(X, y).network_
    T = y if n_classes == 3 else y.astype(float)[:, np.newaxis]
    assert check_gradients(network, X, T).ok
    assert check_gradients(network, X, T, np.arange(60.0)).ok
    # It can fail: a network whose loss does not belong to its gradient.
    network.loss_.gradient = lambda *given: (
        1.001 * type(network.loss_).gradient(network.loss_, *given)
    )
    assert not check_gradients(network, X, T).ok


def test_10_the_fitted_network_works_without_the_estimator():
    est = MinNetClassifier((7,), max_iter=3, random_state=0).fit(X, Y)
    hidden, output = est.network_.layers
    by_hand = hidden.activation(X @ hidden.W + hidden.b) @ output.W + output.b
    np.testing.assert_allclose(est.network_.forward(X), by_hand)
    np.testing.assert_allclose(est.predict_log_proba(X), log_softmax(by_hand, axis=1))
