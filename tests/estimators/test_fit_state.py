"""What a call leaves behind: failed fits, warm starts, partial_fit, assigned weights, pickles."""

import contextlib
import copy
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from minnet import Dense, MinNetClassifier, MinNetRegressor
from minnet.callbacks import Callback
from minnet.layers import Layer

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
R = X @ [1.0, -2.0, 0.5]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0, "batch_size": 16}
MAKERS = [
    (lambda **k: MinNetClassifier(**{**SMALL, **k}), Y),
    (lambda **k: MinNetRegressor(**{**SMALL, **k}), R),
]
both = pytest.mark.parametrize(("make", "y"), MAKERS, ids=["classifier", "regressor"])


class Broken(Layer):
    """A user's layer that fails in training, at the given call."""

    calls = 0

    def __init__(self, error=ZeroDivisionError, at=1):
        self.error = error
        self.at = at

    def forward(self, X, ctx):
        if ctx.training:
            self.calls += 1
            if self.calls >= self.at:
                raise self.error("in a layer")
        return X

    def backward(self, dY, ctx):
        return dY


def raiser(error):
    def function(*arguments):
        raise error("in a function")

    return function


def params(est):
    return est.network_.params.copy()


# ---- invariant 8: a fit that fails

FAILURES = [
    ({"alpha": -1}, ValueError),
    ({"init": "glorto"}, ValueError),
    ({"init": raiser(ZeroDivisionError)}, ZeroDivisionError),
    ({"init": raiser(KeyboardInterrupt)}, KeyboardInterrupt),
    ({"learning_rate": raiser(ZeroDivisionError)}, ZeroDivisionError),
    ({"solver": "sgd", "learning_rate_init": 1e200, "activation": "identity"}, ValueError),
    ({"hidden_layer_sizes": (100,), "layers": [Dense(3), Broken()]}, ZeroDivisionError),
    ({"hidden_layer_sizes": (100,), "layers": [Dense(3), Broken(at=4)]}, ZeroDivisionError),
]


@both
@pytest.mark.parametrize(("arguments", "error"), FAILURES, ids=[str(a)[:40] for a, _ in FAILURES])
@pytest.mark.parametrize("warm_start", [False, True])
def test_failed_fit_leaves_everything(make, y, arguments, error, warm_start):
    fresh = make(**arguments)
    with pytest.raises(error):
        fresh.fit(X, y)
    assert vars(fresh) == {**fresh.get_params(deep=False)}

    est = make(warm_start=warm_start).fit(X, y)
    predictions, weights, curve = est.predict(X), params(est), list(est.loss_curve_)
    initial = {"init"} & arguments.keys()
    if warm_start and initial:
        return  # nothing is drawn in a warm start
    est.set_params(**arguments)
    before = dict(vars(est))
    with pytest.raises((error, ValueError)):
        # Other data, too: as many classes, one more feature.
        est.fit(X if warm_start else np.column_stack([X, X[:, 0]]), y)
    assert vars(est).keys() == before.keys()
    assert all(vars(est)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(params(est), weights)
    np.testing.assert_array_equal(est.predict(X), predictions)
    assert est.loss_curve_ == curve
    assert est.n_features_in_ == 3


@both
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"alpha": -1}, ValueError),
        ({"hidden_layer_sizes": (7,)}, ValueError),
        ({"early_stopping": True}, ValueError),
    ],
    ids=str,
)
def test_partial_fit_that_fails_before_its_first_step_leaves_everything(make, y, arguments, error):
    est = make()
    first = {"classes": [0, 1, 2]} if y is Y else {}
    est.partial_fit(X, y, **first).set_params(**arguments)
    before, weights, curve = dict(vars(est)), params(est), list(est.loss_curve_)
    with pytest.raises(error):
        est.partial_fit(X, y)
    assert all(vars(est)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(params(est), weights)
    assert est.loss_curve_ == curve
    assert est.network_.alpha == 0.0001


@both
def test_first_partial_fit_that_fails_leaves_no_half_fitted_estimator(make, y):
    est = make(hidden_layer_sizes=(100,), layers=[Dense(3), Broken(at=2)])
    first = {"classes": [0, 1, 2]} if y is Y else {}
    with pytest.raises(ZeroDivisionError):
        est.partial_fit(X, y, **first)
    assert vars(est) == est.get_params(deep=False)


def test_divergence_says_where_and_what_to_do():
    est = MinNetRegressor(
        solver="sgd", learning_rate_init=1e3, activation="identity", random_state=0
    )
    message = (
        "Solver produced non-finite parameter weights. The input data may contain large values and "
        r"need to be preprocessed. It happened in layer 0 \(Dense\) in epoch \d+, at learning rate "
        "1000: scale the inputs, lower the learning rate or set clip_norm."
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        est.fit(X, R)
    est.partial_fit(X[:1], R[:1])
    est.coefs_ = [W * 1e300 for W in est.coefs_]
    with pytest.raises(ValueError, match="Solver produced non-finite"):
        est.partial_fit(X, R)


def test_divergence_under_early_stopping_brings_the_best_back():
    est = MinNetRegressor(
        hidden_layer_sizes=(),
        solver="sgd",
        momentum=0,
        early_stopping=True,
        learning_rate=lambda step: 0.01 if step < 3 else 1e200,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="The weights of the best epoch were restored"):
        est.fit(X, R)
    assert np.isnan(est.validation_scores_[-1])
    assert est.best_validation_score_ == np.nanmax(est.validation_scores_)
    assert est.n_iter_ < 10
    assert np.isfinite(est.predict(X)).all()


@both
def test_a_validation_score_that_is_nan_ends_training(make, y):
    class NoScore(type(make())):
        def _validation_score(self, Y, T, sample_weight):
            return np.nan

    est = NoScore(**{**SMALL, "max_iter": 100}, early_stopping=True, n_iter_no_change=4).fit(X, y)
    assert est.n_iter_ == 5
    assert np.isnan(est.validation_scores_).all()


def test_predictions_that_overflow_score_nan():
    # exp(1e6) overflows. The weights do not move: a score that is NaN is no improvement, and ends
    # training after n_iter_no_change epochs more. A loss that is not finite ends it at once: no epoch
    # is there to come back to.
    epochs = []
    for row in range(20):
        data = X[:20].copy()
        data[row] = 1e6
        est = MinNetRegressor("poisson", (), early_stopping=True, validation_fraction=0.5)
        est.set_params(init="ones", learning_rate=lambda step: 0.0, n_iter_no_change=4)
        est.set_params(random_state=0)
        with contextlib.suppress(ValueError):
            est.fit(data, np.ones(20))
        if not hasattr(est, "network_"):
            with pytest.raises(ValueError, match=r"non-finite .* layer 0 \(Dense\) in epoch 1,"):
                est.fit(data, np.ones(20))
            epochs.append(1)
            continue
        assert np.isnan(est.validation_scores_).all()
        assert np.isfinite(est.coefs_[0]).all()
        epochs.append(est.n_iter_)
    assert sorted(epochs) == [1] * 10 + [5] * 10


# ---- Ctrl-C


@both
@pytest.mark.parametrize("early_stopping", [False, True])
def test_interrupt_leaves_a_usable_model(make, y, early_stopping):
    interrupts = [KeyboardInterrupt]

    def rate(step):
        if step >= 10 and interrupts:
            raise interrupts.pop()
        return 0.01

    est = make(learning_rate=rate, max_iter=50, early_stopping=early_stopping)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est.fit(X, y)
    # 40 rows (36 of them for training) in batches of 16: three steps an epoch.
    assert est.n_iter_ == len(est.loss_curve_) == 3
    assert est.predict(X).shape == y.shape
    est.set_params(early_stopping=False).partial_fit(X, y)
    assert est.n_iter_ == 4


@both
def test_interrupt_in_partial_fit(make, y):
    first = {"classes": [0, 1, 2]} if y is Y else {}
    est = make(hidden_layer_sizes=(100,), layers=[Dense(4), Broken(KeyboardInterrupt, at=5)])
    est.partial_fit(X, y, **first)
    with pytest.raises(KeyboardInterrupt):
        est.partial_fit(X, y)
    assert est.n_iter_ == 1
    at_once = make(hidden_layer_sizes=(100,), layers=[Broken(KeyboardInterrupt)])
    with pytest.raises(KeyboardInterrupt):
        at_once.partial_fit(X, y, **first)
    assert at_once.n_iter_ == 0
    assert at_once.predict(X).shape == y.shape


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_real_signal():
    code = """
import numpy as np, signal, sys, warnings
from minnet import MinNetClassifier
# A shell that runs the tests in the background has them, and their children, ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).normal(size=(2000, 50)); y = X[:, 0] > 0
est = MinNetClassifier(max_iter=10**6, tol=0, n_iter_no_change=10**6, verbose=2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    est.fit(X, y)
print([str(w.message) for w in caught], est.score(X, y) > 0.5, est.n_iter_ >= 2, flush=True)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            for line in run.stdout:
                if line.startswith("Iteration 3"):
                    break
            run.send_signal(signal.SIGINT)
            out, err = run.communicate()
        finally:
            run.kill()
    assert run.returncode == 0, err
    # the line that was being printed may have been cut
    assert out.rstrip().endswith("['Training interrupted by user.'] True True"), out[-200:]


# ---- partial_fit


@both
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("options", [{}, {"dropout": 0.3}, {"batch_norm": True}], ids=str)
def test_partial_fit_equals_fit_epoch_for_epoch(make, y, solver, options):
    options = {**options, "solver": solver} | (
        {"learning_rate": "invscaling"} if solver == "sgd" else {}
    )
    fitted = make(**options, tol=0, n_iter_no_change=100).fit(X, y)
    est = make(**options)
    first = {"classes": [0, 1, 2]} if y is Y else {}
    for epoch in range(1, 6):
        est.partial_fit(X, y, **first)
        assert est.n_iter_ == len(est.loss_curve_) == epoch
        assert est.t_ == 40 * epoch
        assert est.loss_ == est.loss_curve_[-1]
        assert est.best_loss_ == min(est.loss_curve_)
    np.testing.assert_array_equal(params(est), params(fitted))
    assert est.loss_curve_ == fitted.loss_curve_


def test_partial_fit_visits_the_rows_in_another_order_each_time():
    class Spy(Layer):
        seen = ()

        def forward(self, X, ctx):
            if ctx.training:
                Spy.seen = (*Spy.seen, tuple(X[:, 0]))
            return X

        def backward(self, dY, ctx):
            return dY

    est = MinNetRegressor(layers=[Spy()], batch_size=40, random_state=0)
    for _ in range(3):
        est.partial_fit(X, R)
    assert len(set(Spy.seen)) == 3
    assert {tuple(sorted(order)) for order in Spy.seen} == {tuple(sorted(X[:, 0]))}


@both
def test_partial_fit_goes_on_after_fit(make, y):
    est = make().fit(X, y)
    before = params(est)
    est.partial_fit(X, y)
    assert est.n_iter_ == len(est.loss_curve_) == 6
    assert not np.array_equal(params(est), before)
    lbfgs = make(solver="lbfgs").fit(X, y).set_params(solver="adam").partial_fit(X, y)
    assert lbfgs.n_iter_ == len(lbfgs.loss_curve_) == 1


@both
def test_partial_fit_is_hidden_for_lbfgs(make, y):
    est = make(solver="lbfgs")
    assert not hasattr(est, "partial_fit")
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = est.partial_fit
    assert hasattr(make(solver="sgd"), "partial_fit")


def test_partial_fit_takes_arguments_that_may_change(capsys):
    est = MinNetRegressor(**SMALL).partial_fit(X, R)
    est.set_params(alpha=7.0, verbose=True, batch_size=10, shuffle=False, clip_norm=1.0)
    est.set_params(weight_decay=0.5).partial_fit(X, R)
    assert "Iteration 2, loss = " in capsys.readouterr().out
    assert est.network_.alpha == 7.0
    trainer = est._trainer
    assert (trainer.batch_size, trainer.shuffle, trainer.clip_norm) == (10, False, 1.0)
    assert trainer.weight_decay == 0.5
    with pytest.warns(UserWarning, match="larger than sample size"):
        est.set_params(batch_size=100).partial_fit(X, R)
    assert trainer.batch_size == 40


# ---- warm starts


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_warm_start_goes_on_from_the_weights(make, y, solver):
    est = make(solver=solver, warm_start=True, max_iter=30).fit(X, y)
    first = est.loss_
    key, network = est.network_.key, est.network_
    est.set_params(max_iter=1).fit(X, y)
    assert est.loss_ < first * 1.1
    assert est.network_.key == key
    assert est.network_ is not network  # a copy, so that a fit that fails changes nothing
    cold = make(solver=solver, max_iter=1).fit(X, y)
    assert est.loss_ < cold.loss_


@both
def test_records_of_a_warm_start(make, y):
    est = make(warm_start=True).fit(X, y)
    curve = list(est.loss_curve_)
    est.fit(X, y)
    assert est.n_iter_ == 5
    assert est.loss_curve_[:5] == curve
    assert len(est.loss_curve_) == 10
    assert est.t_ == 400
    est.set_params(warm_start=False).fit(X, y)
    assert est.loss_curve_ == curve


@both
@pytest.mark.parametrize(
    "changed",
    [{"hidden_layer_sizes": (7,)}, {"hidden_layer_sizes": (6, 6)}, {"activation": "tanh"}]
    + [{"batch_norm": True}, {"hidden_layer_sizes": (100,), "layers": [Dense(6, "tanh")]}],
    ids=str,
)
def test_warm_start_of_another_architecture(make, y, changed):
    est = make(warm_start=True).fit(X, y).set_params(**changed)
    message = r"^the architecture must stay as it was fitted, \[Dense\(6.*\], got \[Dense\([67].*\]"
    message += r": set warm_start=False and call fit to start anew$"
    for method in (est.fit, est.partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X, y)
    est.set_params(warm_start=False).fit(X, y)


@both
def test_warm_start_takes_arguments_that_may_change(make, y):
    est = make(warm_start=True, alpha=0.0).fit(X, y)
    small = sum(np.square(W).sum() for W in est.coefs_)
    est.set_params(alpha=100.0, max_iter=200, learning_rate_init=0.01).fit(X, y)
    assert sum(np.square(W).sum() for W in est.coefs_) < 0.7 * small
    assert est.set_params(loss="squared_error").fit(X, y).network_.loss_.__class__.__name__ == (
        "SquaredError"
    )


def test_warm_start_with_other_labels():
    est = MinNetClassifier(**SMALL, warm_start=True).fit(X, Y)
    for y in (Y + 1, np.minimum(Y, 1), np.where(Y == 1, 5, Y)):
        with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same"):
            est.fit(X, y)
    est.fit(X, np.roll(Y, 1))


def test_warm_start_keeps_the_dtype_of_the_network():
    est = MinNetRegressor(**SMALL, warm_start=True).fit(X, R)
    est.fit(X.astype(np.float32), R)
    assert est.coefs_[0].dtype == np.float64


# ---- assigned weights


@both
class TestAssignedWeights:
    def test_a_list_an_item_and_an_operation(self, make, y):
        est, other = make().fit(X, y), make(random_state=1).fit(X, y)
        est.coefs_ = other.coefs_
        est.intercepts_ = tuple(other.intercepts_)
        np.testing.assert_array_equal(est.predict(X), other.predict(X))
        est.coefs_[0] = np.zeros((3, 6))
        est.coefs_[1] *= 2
        assert not est.network_.layers[0].W.any()
        np.testing.assert_array_equal(est.coefs_[1], 2 * other.coefs_[1])
        assert not np.shares_memory(est.coefs_[1], other.coefs_[1])
        est.intercepts_[-1][:] = 3
        assert (est.network_.layers[-1].b == 3).all()

    def test_a_list_of_its_own_arrays(self, make, y):
        est = make(hidden_layer_sizes=(3, 3), layers=None).fit(X, y)
        one, two = est.coefs_[0].copy(), est.coefs_[1].copy()
        est.coefs_ = [est.coefs_[1], est.coefs_[0], est.coefs_[2]]
        np.testing.assert_array_equal(est.coefs_[0], two)
        np.testing.assert_array_equal(est.coefs_[1], one)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (None, "coefs_ must be a list of 2 arrays, got NoneType"),
            ([1], "coefs_ must be a list of 2 arrays, got 1"),
            ([np.ones((3, 6)), np.ones((9, 1))], r"coefs_\[1\] must have shape \(6, \d\), got \(9"),
            ([np.full((3, 6), np.nan), None], r"coefs_\[0\] must be finite in float64, got NaN"),
            (
                [np.full((3, 6), "a"), None],
                r"coefs_\[0\] must be an array of numbers, got dtype <U",
            ),
            (
                [np.ones((3, 6)) * 1j, None],
                r"coefs_\[0\] must be an array of numbers, got dtype co",
            ),
            ([[[1], [2, 3]], None], r"coefs_\[0\] must be an array of shape \(3, 6\), got a list"),
        ],
    )
    def test_what_does_not_fit(self, make, y, values, message):
        est = make().fit(X, y)
        before = params(est)
        with pytest.raises(ValueError, match=f"^{message}"):
            est.coefs_ = values
        if isinstance(values, list) and values[-1] is None:
            with pytest.raises(ValueError, match=f"^{message}"):
                est.coefs_[0] = values[0]
        with pytest.raises(TypeError, match="coefs_ takes one array at an index, or a whole list"):
            est.coefs_[:] = est.coefs_
        np.testing.assert_array_equal(params(est), before)

    def test_too_large_for_float32(self, make, y):
        est = make().fit(X.astype(np.float32), y)
        with pytest.raises(ValueError, match=r"coefs_\[0\] must be finite in float32"):
            est.coefs_[0] = np.full((3, 6), 1e300)

    def test_before_fit(self, make, y):
        with pytest.raises(AttributeError, match="has no coefs_ before it is fitted"):
            make().coefs_ = []
        assert not hasattr(make(), "intercepts_")

    @pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
    def test_they_survive_a_copy(self, make, y, copied):
        est = make().fit(X, y)
        est.coefs_[0] = np.full((3, 6), 0.5)
        other = copied(est)
        assert (other.coefs_[0] == 0.5).all()
        np.testing.assert_array_equal(other.predict(X), est.predict(X))
        other.coefs_[0] = np.zeros((3, 6))
        assert (est.coefs_[0] == 0.5).all()

    def test_a_warm_start_begins_with_them(self, make, y):
        for solver in ("adam", "lbfgs"):
            est = make(warm_start=True, solver=solver, alpha=0).fit(X, y)
            # Units that are equal stay equal, so what was assigned shows.
            est.coefs_ = [np.full(W.shape, 0.1) for W in est.coefs_]
            est.intercepts_ = [np.zeros(b.shape) for b in est.intercepts_]
            est.fit(X, y)
            np.testing.assert_allclose(est.coefs_[0], est.coefs_[0][:, [0]] * np.ones(6))


# ---- copies


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_copies_predict_and_go_on_alike(make, y, solver, copied):
    est = make(solver=solver, dropout=0.0 if solver == "lbfgs" else 0.2, warm_start=True)
    est.fit(X, y)
    other = copied(est)
    np.testing.assert_array_equal(other.predict(X), est.predict(X))
    assert vars(other).keys() == vars(est).keys()
    method = "fit" if solver == "lbfgs" else "partial_fit"
    for one in (est, other):
        getattr(one, method)(X, y)
    np.testing.assert_array_equal(params(other), params(est))
    assert other._trainer is not est._trainer if solver != "lbfgs" else True
    assert type(pickle.loads(pickle.dumps(est.coefs_))) is list


class CopyEachEpoch(Callback):
    def end_epoch(self, trainer):
        self.copies.append(type(self).copy())


@both
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_a_copy_in_the_middle_of_a_fit_is_as_before_the_fit_and_can_be_fitted(make, y, copied):
    est = make().fit(X, y)
    before = params(est)
    CopyEachEpoch.copies = []
    CopyEachEpoch.copy = lambda: copied(est)
    est.set_params(random_state=1).set_callbacks(CopyEachEpoch()).fit(X, y)
    for other in CopyEachEpoch.copies:
        np.testing.assert_array_equal(params(other), before)
    other.set_callbacks().fit(X, y)
    np.testing.assert_array_equal(params(other), params(est))


def test_a_pickle_holds_no_training_data():
    data = RNG.normal(size=(2000, 3))
    est = MinNetRegressor(**SMALL, early_stopping=True).fit(data, data[:, 0])
    assert len(pickle.dumps(est)) < 10_000
    assert vars(clone(est)) == est.get_params(deep=False)


def test_a_pickle_of_another_version_warns():
    est = MinNetRegressor(**SMALL).fit(X, R)
    est._minnet_version = "0.0.1"
    with pytest.warns(UserWarning, match=r"was pickled by minnet 0\.0\.1 and is read by"):
        pickle.loads(pickle.dumps(est))
