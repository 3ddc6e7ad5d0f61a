"""Ctrl-C ends a fit, and stops what makes many: none that it cut short is scored."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, MinNetRegressor, MinNetTransformer
from minnet.layers import Layer
from minnet.training import interrupts

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.arange(60) % 2


class Pressing(Layer):
    """The user presses Ctrl-C in these passes through the layer, counted over all fits."""

    def __init__(self, at=()):
        self.at = at

    def forward(self, X, ctx):
        ctx.X = ctx.Y = X
        Passes.n += ctx.training
        if ctx.training and Passes.n in self.at:
            signal.raise_signal(signal.SIGINT)
        return X

    def backward(self, dY, ctx):
        return dY


class Passes:
    n = 0


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(interrupts, "_last_heard", -np.inf)
    Passes.n = 0
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


SOLVERS = ["adam", "sgd", "adamw", "rmsprop", "lbfgs"]
each_solver = pytest.mark.parametrize("solver", SOLVERS)


def net(cls=MinNetClassifier, at=(5,), **params):
    given = {"layers": [Pressing(at)], "max_iter": 12, "batch_size": 20, "random_state": 0}
    return cls(**given | {"tol": 0, "n_iter_no_change": 99} | params)


ONE_FIT = {
    "fit": lambda est: est.fit(X, Y),
    "warm": lambda est: est.set_params(warm_start=True).fit(X, Y),
    "pipeline": lambda est: make_pipeline(StandardScaler(), est).fit(X, Y)[-1],
    "pipelines": lambda est: make_pipeline(make_pipeline(StandardScaler(), est)).fit(X, Y)[-1][-1],
    "transformer": lambda est: MinNetTransformer(est).fit(X, Y).estimator_,
    "early stopping": lambda est: est.fit(X, Y, **(
        {} if est.solver == "lbfgs" else {"X_val": X, "y_val": Y})),
}  # fmt: skip


@each_solver
@pytest.mark.parametrize("deed", ONE_FIT.values(), ids=ONE_FIT)
def test_one_fit_ends_with_a_warning(deed, solver):
    with pytest.warns(UserWarning, match=r"Training interrupted by user\.") as caught:
        est = deed(net(solver=solver))
    assert len([w for w in caught if "interrupted" in str(w.message)]) == 1
    assert est.n_iter_ < 12
    assert np.isfinite(est.predict_proba(X)).all()


@each_solver
def test_one_fit_of_transformed_targets(solver):
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est = TransformedTargetRegressor(net(MinNetRegressor, solver=solver)).fit(X, Y)
    assert np.isfinite(est.predict(X)).all()


MANY_FITS = {
    "grid": lambda est: GridSearchCV(est, {"alpha": [1, 2]}, cv=2).fit(X, Y),
    "random": lambda est: RandomizedSearchCV(est, {"alpha": [1, 2]}, n_iter=2, cv=2).fit(X, Y),
    "pipeline": lambda est: GridSearchCV(
        make_pipeline(StandardScaler(), est), {"minnetclassifier__alpha": [1, 2]}, cv=2).fit(X, Y),
    "no refit": lambda est: GridSearchCV(est, {"alpha": [1]}, cv=2, refit=False).fit(X, Y),
    "error_score": lambda est: GridSearchCV(est, {"alpha": [1]}, cv=2, error_score=0).fit(X, Y),
    "score": lambda est: cross_val_score(est, X, Y, cv=3),
    "validate": lambda est: cross_validate(est, X, Y, cv=3),
    "predict": lambda est: cross_val_predict(est, X, Y, cv=3),
    "curve": lambda est: learning_curve(est, X, Y, cv=2, train_sizes=[0.5, 1.0]),
    "permutations": lambda est: permutation_test_score(est, X, Y, cv=2, n_permutations=2),
    "selection": lambda est: SequentialFeatureSelector(est, n_features_to_select=1, cv=2).fit(X, Y),
    "calibration": lambda est: CalibratedClassifierCV(est, cv=2).fit(X, Y),
    "bagging": lambda est: BaggingClassifier(est, 2).fit(X, Y),
    "voting": lambda est: VotingClassifier([("a", est), ("b", LogisticRegression())]).fit(X, Y),
    "one vs rest": lambda est: OneVsRestClassifier(est).fit(X, np.arange(60) % 3),
    "outputs": lambda est: MultiOutputClassifier(est).fit(X, np.column_stack([Y, Y])),
    "union": lambda est: FeatureUnion([("a", MinNetTransformer(est))]).fit(X, Y),
    "joblib": lambda est: joblib.Parallel(n_jobs=1)(joblib.delayed(est.fit)(X, Y) for _ in "ab"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*onverge")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("deed", MANY_FITS.values(), ids=MANY_FITS)
def test_a_search_stops(deed, solver):
    est = net(solver=solver)
    with pytest.raises(KeyboardInterrupt):
        deed(est)
    assert not hasattr(est, "network_")
    assert Passes.n <= 6


@pytest.mark.parametrize("solver", SOLVERS[:-1])
def test_a_loop_of_partial_fit_stops_and_keeps_its_steps(solver):
    est, plain = net(solver=solver), net(solver=solver, at=())
    est.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(KeyboardInterrupt):
        est.partial_fit(X, Y)
    assert est.n_iter_ == 1
    assert est._trainer.n_steps == est._trainer.optimizer.step == 5  # that of the fifth is held
    plain.partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    assert plain._trainer.n_steps == 6
    assert np.isfinite(est.partial_fit(X, Y).predict_proba(X)).all()


def test_a_stream_ends_with_a_warning():
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        est = net().fit_stream([(X, Y)], 12, classes=[0, 1])
    assert est.n_iter_ == 1


@each_solver
@pytest.mark.parametrize("seconds", [0.0, 1.9, 2.1, 60.0])
def test_a_second_ctrl_c_within_two_seconds_stops_a_loop_of_fits(solver, seconds, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now[0])
    est, done = net(solver=solver, at=(5, 10)), []

    def loop():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                clone(est).fit(X, Y)
                done.append(sum("interrupted" in str(w.message) for w in caught))
                now[0] += seconds

    if seconds < 2:
        with pytest.raises(KeyboardInterrupt):
            loop()
        assert done == [1]
    else:
        loop()
        assert done[-1] == 2


@pytest.mark.parametrize("solver", SOLVERS[:-1])
def test_two_in_one_step_leave_the_estimator_as_it_was(solver):
    class Twice(Pressing):
        def forward(self, X, ctx):
            Passes.n += 1
            if Passes.n == 5:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return Pressing.forward(self, X, ctx)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est = net(solver=solver, at=()).fit(X, Y)
    Passes.n, before = 0, dict(vars(est))
    est.layers = [Twice()]
    with pytest.raises(KeyboardInterrupt):
        est.fit(X, Y)
    assert vars(est) == before | {"layers": est.layers}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_search_in_processes_stops():
    code = """
    import numpy as np, os, signal, warnings
    from sklearn.model_selection import cross_val_score
    from minnet import MinNetClassifier
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X = np.random.default_rng(0).normal(size=(2000, 50)); y = X[:, 0] > 0
    est = MinNetClassifier(max_iter=10**6, tol=0, n_iter_no_change=10**6, verbose=2)
    try:
        cross_val_score(est, X, y, cv=8, n_jobs=2)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        os._exit(0)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        try:
            for line in run.stdout:
                if "loss" in line:
                    break
            time.sleep(0.1)
            os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all processes of the group
            out = run.communicate(timeout=600)[0]
        finally:
            run.kill()
    assert out.splitlines()[-1] == "stopped"
