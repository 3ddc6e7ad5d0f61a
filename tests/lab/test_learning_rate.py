"""The range test, against steps written down and against theory."""

import pickle

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, MinNetClassifier, MinNetRegressor, Network
from minnet.lab import find_learning_rate
from minnet.random import Stream

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
T = X @ [1.0, -2.0, 3.0] + 0.1 * RNG.normal(size=40)
DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16


def a_network():
    return Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)


def test_the_steps_are_those_of_gradient_descent():
    net = a_network()
    found = find_learning_rate(
        net, X, T, low=1e-3, high=0.2, n_steps=20, optimizer=SGD(), batch_size=15
    )
    rates = 1e-3 * (0.2 / 1e-3) ** (np.arange(20) / 19)
    np.testing.assert_allclose(found.learning_rates, rates)
    W, b, losses = net.layers[0].W[:, 0].copy(), float(net.layers[0].b[0]), []
    for i, rate in enumerate(rates):
        order = Stream(net.key, "shuffle", i // 3).permutation(40)
        rows = order[i % 3 * 15 : (i % 3 + 1) * 15]
        error = X[rows] @ W + b - T[rows]
        losses.append(0.5 * np.mean(error**2))
        W -= rate * X[rows].T @ error / len(rows)
        b -= rate * error.mean()
    np.testing.assert_allclose(found.losses, losses, rtol=1e-10)
    np.testing.assert_allclose(found.smoothed, gaussian_filter1d(losses, 0.4, mode="nearest"))
    assert found.suggestion == pytest.approx(rates[found.smoothed.argmin()] / 10)


def test_it_ends_where_a_quadratic_diverges():
    # Of all rows as one batch: gradient descent grows where rate > 2 / the largest eigenvalue.
    found = find_learning_rate(
        a_network(), X, T, low=1e-3, high=1e3, n_steps=300, optimizer="sgd", batch_size=40
    )
    A = np.column_stack([X, np.ones(40)])
    limit = 2 / np.linalg.eigvalsh(A.T @ A / 40).max()
    assert limit < found.learning_rates[-1] < 10 * limit
    falling = found.learning_rates < limit
    assert (np.diff(found.losses[falling]) <= 1e-12).all()
    assert found.suggestion < limit


@pytest.mark.parametrize("fitted", [False, True])
def test_nothing_of_the_estimator_changes(fitted):
    clf = MinNetClassifier((8,), max_iter=3, n_iter_no_change=5, random_state=0)
    if fitted:
        with pytest.warns(match="converged"):
            clf.fit(DIGITS, LABELS)
    before = pickle.dumps(clf)
    found = find_learning_rate(clf, DIGITS, LABELS, n_steps=30)
    assert pickle.dumps(clf) == before
    assert len(found.losses) <= 30
    if not fitted:
        with pytest.raises(NotFittedError):
            clf.predict(DIGITS)


def test_nothing_of_a_network_changes():
    net = a_network()
    params, state = net.params.copy(), net.state.copy()
    find_learning_rate(net, X, T, n_steps=30)
    np.testing.assert_array_equal(net.params, params)
    np.testing.assert_array_equal(net.state, state)


def test_the_suggestion_trains_and_ten_thousandth_of_it_does_not():
    options = {"solver": "sgd", "max_iter": 30, "n_iter_no_change": 30, "random_state": 0}
    clf = MinNetClassifier((32,), **options)
    rate = find_learning_rate(clf, DIGITS, LABELS).suggestion
    with pytest.warns(match="converged"):
        good = clf.set_params(learning_rate_init=rate).fit(DIGITS, LABELS).score(DIGITS, LABELS)
    with pytest.warns(match="converged"):
        slow = clf.set_params(learning_rate_init=rate / 1e4).fit(DIGITS, LABELS)
    assert good > 0.95
    assert slow.score(DIGITS, LABELS) < 0.5


def test_pipelines_sample_weights_and_arguments_of_the_estimator():
    reg = MinNetRegressor(hidden_layer_sizes=(8,), solver="sgd", batch_size=10, random_state=0)
    scaled = StandardScaler().fit_transform(X)
    weights = RNG.uniform(0.5, 2, size=40)
    one = find_learning_rate(make_pipeline(StandardScaler(), reg), X, T, weights, n_steps=20)
    other = find_learning_rate(reg, scaled, T, weights, n_steps=20)
    np.testing.assert_array_equal(one.losses, other.losses)
    plain = find_learning_rate(reg, scaled, T, n_steps=20)
    assert (plain.losses != other.losses).any()
    clipped = find_learning_rate(reg.set_params(clip_norm=1e-9), scaled, T, n_steps=20)
    assert np.ptp(clipped.losses[::4]) < np.ptp(plain.losses[::4])  # it does not move


def test_the_same_again():
    clf = MinNetClassifier((8,), dropout=0.5, random_state=0)
    one, other = (find_learning_rate(clf, DIGITS, LABELS, n_steps=30) for _ in range(2))
    np.testing.assert_array_equal(one.losses, other.losses)
    assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"low": 0}, "low must be a finite number above 0, got 0"),
        ({"high": np.inf}, "high must be"),
        ({"low": 1, "high": 1}, "high must be a finite number above 1, got 1"),
        (
            {"n_steps": 9},
            "n_steps must be a whole number of at least 10 and at most 1000000, got 9",
        ),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_bad_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        find_learning_rate(a_network(), X, T, **given)


def test_what_has_no_rate():
    with pytest.raises(ValueError, match="'lbfgs' has no learning rate"):
        find_learning_rate(MinNetRegressor(solver="lbfgs"), X, T)
    with pytest.raises(ValueError, match="y must be given"):
        find_learning_rate(a_network(), X, None)
    with pytest.raises(TypeError, match="model must be"):
        find_learning_rate("clf", X, T)


def test_the_picture():
    pytest.importorskip("matplotlib").use("Agg")
    from minnet.lab.displays import LearningRateDisplay

    display = LearningRateDisplay.from_estimator(a_network(), X, T, n_steps=50, color="red")
    test = display.test
    np.testing.assert_array_equal(display.line_.get_xdata(), test.learning_rates)
    np.testing.assert_array_equal(display.line_.get_ydata(), test.smoothed)
    np.testing.assert_array_equal(display.points_.get_ydata(), test.losses)
    assert display.line_.get_color() == "red"
    assert display.suggestion_line_.get_xdata()[0] == test.suggestion
    assert display.ax_.get_xscale() == "log"
    again = LearningRateDisplay.from_test(test, ax=display.ax_)
    assert again.figure_ is display.figure_
