"""The estimators among scikit-learn's tools, in threads, in processes and after a fork."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from versions import SKLEARN

from minnet import Dense, MinNetClassifier, MinNetRegressor
from minnet.initializers import GlorotUniform

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # A fork while other threads run is what is tested here.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
R = X @ [1.0, -1.0, 0.5, 2.0]


def classifier(**arguments):
    common = {"hidden_layer_sizes": (8,), "max_iter": 40, "learning_rate_init": 0.02}
    return MinNetClassifier(**{**common, "random_state": 0, **arguments})


def regressor(**arguments):
    common = {"hidden_layer_sizes": (8,), "max_iter": 40, "learning_rate_init": 0.02}
    return MinNetRegressor(**{**common, "random_state": 0, **arguments})


# ---- scikit-learn's tools


def test_pipeline():
    for est, y in ((classifier(), Y), (regressor(), R)):
        pipeline = make_pipeline(StandardScaler(), est).fit(X, y)
        assert pipeline.score(X, y) > 0.9
        assert make_pipeline(StandardScaler(), clone(est)).fit(X, y).score(X, y) == pytest.approx(
            pipeline.score(X, y)
        )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search(n_jobs):
    grid = {
        "init": ["glorot", GlorotUniform(gain=2.0), {"name": "orthogonal"}],
        "hidden_layer_sizes": [(4,), (100,)],
    }
    search = GridSearchCV(classifier(max_iter=5), grid, cv=2, n_jobs=n_jobs).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    serial = GridSearchCV(classifier(max_iter=5), grid, cv=2).fit(X, Y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
    )


def test_search_over_layers():
    layers = [[Dense(4, "tanh")], [Dense(4, "softsign", init="orthogonal"), Dense(3)]]
    est = MinNetRegressor(max_iter=5, random_state=0)
    search = RandomizedSearchCV(est, {"layers": layers}, n_iter=2, cv=2, random_state=0).fit(X, R)
    assert search.best_params_["layers"] in layers


def test_cross_validation():
    P = cross_val_predict(classifier(), X, Y, cv=3, method="predict_proba")
    assert (P.argmax(axis=1) == Y).mean() > 0.9
    scores = cross_validate(
        regressor(), X, R, cv=3, params={"sample_weight": np.ones(150)}, return_estimator=True
    )
    assert len(scores["estimator"]) == 3
    sizes, _, test = learning_curve(classifier(max_iter=5), X, Y, cv=2, shuffle=True)
    assert test.shape == (len(sizes), 2)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda est: CalibratedClassifierCV(est, cv=2),
        lambda est: BaggingClassifier(est, n_estimators=3, max_features=0.8, random_state=0),
        lambda est: StackingClassifier([("net", est)], LogisticRegression(), cv=2),
    ],
    ids=["calibrated", "bagging", "stacking"],
)
def test_meta_classifiers(wrap):
    meta = wrap(classifier()).fit(X, Y)
    assert meta.score(X, Y) > 0.8
    assert meta.predict_proba(X).shape == (150, 3)


def test_bagging_weighs_its_samples():
    bag = BaggingClassifier(classifier(max_iter=5), n_estimators=2, random_state=0)
    bag.fit(X, Y, sample_weight=np.linspace(0.5, 1.5, 150))
    one, two = bag.estimators_
    assert not np.array_equal(one.coefs_[0], two.coefs_[0])


def test_other_meta_estimators():
    both = np.column_stack([Y == 0, Y == 1]).astype(int)
    assert MultiOutputClassifier(classifier()).fit(X, both).predict(X).shape == both.shape
    voting = VotingRegressor([("a", regressor()), ("b", regressor(random_state=1))]).fit(X, R)
    assert voting.score(X, R) > 0.9
    logged = TransformedTargetRegressor(regressor(), func=np.log1p, inverse_func=np.expm1)
    assert logged.fit(X, np.exp(R / 5)).score(X, np.exp(R / 5)) > 0.8


def test_permutation_importance():
    target = 3 * X[:, 0]
    result = permutation_importance(regressor().fit(X, target), X, target, random_state=0)
    assert result.importances_mean.argmax() == 0


class TestFrames:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])

    def test_feature_names(self):
        est = classifier(max_iter=3, early_stopping=True).fit(self.frame, pd.Series(Y, name="y"))
        assert list(est.feature_names_in_) == ["a", "b", "c", "d"]
        expected = est.predict(self.frame)
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            np.testing.assert_array_equal(est.predict(X), expected)
        with pytest.raises(ValueError, match="The feature names should match"):
            est.predict(self.frame[["b", "a", "c", "d"]])
        est.set_params(early_stopping=False)
        with pytest.raises(ValueError, match="The feature names should match"):
            est.partial_fit(self.frame.rename(columns={"a": "z"}), Y)
        assert not hasattr(est.fit(X, Y), "feature_names_in_")

    def test_labels_and_several_targets(self):
        est = classifier(max_iter=3).fit(self.frame, pd.Series(Y).map({0: "x", 1: "y", 2: "z"}))
        assert set(est.predict(self.frame)) <= {"x", "y", "z"}
        out = regressor(max_iter=3).fit(self.frame, pd.DataFrame({"r": R, "s": -R}))
        assert out.predict(self.frame).shape == (150, 2)

    def test_categories_go_through_an_encoder(self):
        frame = self.frame.assign(kind=pd.Categorical(np.array(["u", "v", "w"])[Y]))
        with pytest.raises(ValueError, match="could not convert string to float"):
            classifier().fit(frame, Y)
        encoder = ColumnTransformer([("kind", OneHotEncoder(), ["kind"])], remainder="passthrough")
        assert make_pipeline(encoder, classifier()).fit(frame, Y).score(frame, Y) == 1.0


def test_metadata_routing():
    weights = np.random.default_rng(0).uniform(size=150)
    with sklearn.config_context(enable_metadata_routing=True):
        est = classifier(max_iter=3).set_fit_request(sample_weight=True)
        est.set_score_request(sample_weight=True)
        search = GridSearchCV(est, {"alpha": [0.1]}, cv=2).fit(X, Y, sample_weight=weights)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), est)
        pipeline.fit(X, Y, sample_weight=weights)
        assert hasattr(est, "set_partial_fit_request")
    expected = classifier(max_iter=3, alpha=0.1).fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(search.best_estimator_.coefs_[0], expected.coefs_[0])


def test_html_repr():
    for est in (classifier(), MinNetRegressor(layers=[Dense(3, init=np.eye(4, 3))])):
        for fitted in (est, clone(est).fit(X, R if isinstance(est, MinNetRegressor) else Y)):
            page = fitted._repr_html_()
            assert type(est).__name__ in page
            assert SKLEARN < (1, 7) or "hidden_layer_sizes" in page  # a table of the arguments
        assert "MinNet" in make_pipeline(StandardScaler(), est)._repr_html_()


# ---- threads and processes


def predictions(est):
    return est.predict(X)


def fitted_weights(seed):
    return classifier(max_iter=3, random_state=seed).fit(X, Y).network_.params


def test_eight_threads_predict_on_one_model():
    for options in ({}, {"batch_norm": True}, {"dropout": 0.5}, {"n_threads": 2}):
        est = classifier(hidden_layer_sizes=(64, 64), max_iter=2, **options).fit(X, Y)
        parts = [X[i : i + 50] + i / 100 for i in range(50)]
        serial = [est.predict_proba(part) for part in parts]
        with ThreadPoolExecutor(8) as pool:
            threaded = list(pool.map(est.predict_proba, parts))
        for one, two in zip(serial, threaded, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_joblib(backend):
    serial = [fitted_weights(seed) for seed in range(4)]
    with joblib.parallel_config(backend, n_jobs=2):
        parallel = joblib.Parallel()(joblib.delayed(fitted_weights)(seed) for seed in range(4))
        est = classifier(max_iter=3).fit(X, Y)
        answers = joblib.Parallel()(joblib.delayed(predictions)(est) for _ in range(3))
    np.testing.assert_array_equal(parallel, serial)
    np.testing.assert_array_equal(answers, [est.predict(X)] * 3)


def test_workers_share_the_processors():
    effective_n_threads = pytest.importorskip("minnet_ext").effective_n_threads
    threads = joblib.Parallel(2)(joblib.delayed(effective_n_threads)(None) for _ in range(2))
    assert sum(threads) <= max(2, joblib.cpu_count())


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_fit_then_start_a_process_that_fits(method):
    est = classifier(max_iter=3).fit(X, Y)
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        answers = pool.map_async(predictions, [est, est]).get()
        weights = pool.map_async(fitted_weights, [0, 1]).get()
    np.testing.assert_array_equal(answers, [est.predict(X)] * 2)
    np.testing.assert_array_equal(weights, [fitted_weights(0), fitted_weights(1)])


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_fork_before_anything_was_fitted():
    code = """
import os, sys, numpy as np
from minnet import MinNetRegressor
X = np.random.default_rng(0).normal(size=(600, 20)); y = X[:, 0]
make = lambda: MinNetRegressor(hidden_layer_sizes=(300,), max_iter=2, random_state=0)
for fitted_before in (False, True):
    if fitted_before:
        make().fit(X, y)
    child = os.fork()
    score = make().fit(X, y).score(X, y)
    if child == 0:
        os._exit(0 if np.isfinite(score) else 1)
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert run.stdout.endswith("done\n"), run.stderr


def test_joblib_dump(tmp_path):
    est = classifier(max_iter=3).fit(X, Y)
    for compress in (0, 3):
        joblib.dump(est, tmp_path / "net.joblib", compress=compress)
        other = joblib.load(tmp_path / "net.joblib")
        np.testing.assert_array_equal(other.predict_proba(X), est.predict_proba(X))
        other.partial_fit(X, Y)
    joblib.dump(est, tmp_path / "mapped.joblib")
    mapped = joblib.load(tmp_path / "mapped.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(X), est.predict_proba(X))
    mapped.partial_fit(X, Y)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        other = pickle.loads(pickle.dumps(est, protocol))
        np.testing.assert_array_equal(other.predict_proba(X), est.predict_proba(X))
