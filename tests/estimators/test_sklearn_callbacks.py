"""scikit-learn's callbacks on minnet's estimators."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, MinNetRegressor
from minnet.callbacks import History

callback = pytest.importorskip("sklearn.callback", reason="since scikit-learn 1.9")
ProgressBar, ScoringMonitor = callback.ProgressBar, callback.ScoringMonitor

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
pytestmark = pytest.mark.filterwarnings("ignore:.*converge")


class Recording:
    """The least that scikit-learn takes for a callback."""

    def __init__(self, stop_after=None, fail=False):
        self.calls = []
        self.scores = []
        self.stop_after = stop_after
        self.fail = fail

    def setup(self, estimator, context):
        self.calls.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name}")
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X, y))
        if self.fail:
            raise RuntimeError("a callback that fails")
        return len(self.scores) == self.stop_after

    def teardown(self, estimator, context):
        self.calls.append("teardown")


@pytest.mark.parametrize("Estimator", [MinNetClassifier, MinNetRegressor])
def test_an_epoch_is_a_task(Estimator):
    recording = Recording()
    estimator = Estimator((5,), max_iter=2) if Estimator is MinNetClassifier else None
    estimator = estimator or Estimator(hidden_layer_sizes=(5,), max_iter=2)
    estimator.set_callbacks(recording).fit(X, y)
    assert recording.calls == [
        "setup",
        "begin fit",
        "begin epoch",
        "end epoch",
        "begin epoch",
        "end epoch",
        "end fit",
        "teardown",
    ]
    assert recording.scores[-1] == estimator.score(X, y)


def test_training_is_as_without_and_the_fitted_estimator_is_of_its_epoch():
    options = {"hidden_layer_sizes": (5,), "random_state": 0}
    recording = Recording()
    watched = MinNetClassifier(max_iter=4, **options).set_callbacks(recording).fit(X, y)
    for n, score in enumerate(recording.scores, start=1):
        plain = MinNetClassifier(max_iter=n, **options).fit(X, y)
        assert plain.score(X, y) == score
    np.testing.assert_array_equal(plain.coefs_[0], watched.coefs_[0])


def test_a_callback_can_stop_the_fit():
    recording = Recording(stop_after=3)
    clf = MinNetClassifier((5,)).set_callbacks(recording).fit(X, y)
    assert clf.n_iter_ == 3


def test_a_failing_callback_leaves_the_estimator_and_is_torn_down():
    clf = MinNetClassifier((5,), max_iter=2, random_state=0).fit(X, y)
    before = clf.coefs_[0].copy()
    recording = Recording(fail=True)
    with pytest.raises(RuntimeError, match="fails"):
        clf.set_callbacks(recording).fit(X, y)
    assert recording.calls[-1] == "teardown"
    np.testing.assert_array_equal(clf.coefs_[0], before)
    assert not any("callback_fit" in name for name in vars(clf))


def test_lbfgs_is_one_task():
    recording = Recording()
    MinNetClassifier((5,), solver="lbfgs", max_iter=5).set_callbacks(recording).fit(X, y)
    assert recording.calls == ["setup", "begin fit", "end fit", "teardown"]


def test_scikit_learns_own_callbacks():
    monitor = ScoringMonitor(scoring="accuracy")
    clf = MinNetClassifier((5,), max_iter=3, random_state=0).set_callbacks(monitor)
    clf.fit(X, y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == clf.score(X, y)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_in_a_pipeline_and_a_grid_search(n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    clf = MinNetClassifier((5,), max_iter=2, random_state=0).set_callbacks(monitor)
    pipe = make_pipeline(StandardScaler(), clf)
    grid = GridSearchCV(pipe, {"minnetclassifier__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
    grid.fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 2 * (2 * 2 + 1)  # epochs; candidates times folds, and the refit


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_scores_in_a_search_are_those_of_the_epochs(n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    options = {"hidden_layer_sizes": (5,), "random_state": 0}
    clf = MinNetClassifier(max_iter=3, **options).set_callbacks(monitor)
    GridSearchCV(clf, {"alpha": [0.1]}, cv=2, n_jobs=n_jobs, refit=False).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    expected = []
    for train, _ in StratifiedKFold(2).split(X, y):
        for n in (1, 2, 3):
            plain = MinNetClassifier(max_iter=n, alpha=0.1, **options).fit(X[train], y[train])
            expected.append(plain.score(X[train], y[train]))
    assert sorted(row["accuracy"] for row in rows) == sorted(expected)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_progress_bar_counts_epochs(n_jobs, capfd):
    pytest.importorskip("rich")
    clf = MinNetClassifier((5,), max_iter=2, random_state=0)
    pipe = make_pipeline(StandardScaler(), clf)
    grid = GridSearchCV(pipe, {"minnetclassifier__alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs)
    grid.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    out = capfd.readouterr().out
    assert "100%" in out
    fits = [line for line in out.splitlines() if "MinNetClassifier" in line]
    assert len(fits) == 2 * 2 + 1
    assert all("100%" in line for line in fits)


def test_the_progress_bar_on_the_estimator_itself(capfd):
    pytest.importorskip("rich")
    clf = MinNetClassifier((5,), max_iter=4).set_callbacks(ProgressBar()).fit(X, y)
    assert clf.n_iter_ == 4
    assert "MinNetClassifier - fit" in capfd.readouterr().out
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        clf.set_params(hidden_layer_sizes=(0,)).fit(X, y)


def test_scikit_learns_and_minnets_own_together():
    monitor, history = ScoringMonitor(scoring="accuracy"), History()
    clf = MinNetClassifier((5,), max_iter=3).set_callbacks(history, monitor).fit(X, y)
    assert history.to_dict()["loss"] == clf.loss_curve_
    assert len([row for row in monitor.get_logs().data if row["task_name"] == "epoch"]) == 3


def test_a_validation_set_is_no_metadata_of_the_scorers():
    monitor = ScoringMonitor(scoring="accuracy")
    weights = np.arange(len(y)) + 1.0
    held = {"X_val": X[:20], "y_val": y[:20], "sample_weight_val": weights[:20]}
    clf = MinNetClassifier((5,), max_iter=3, random_state=0).set_callbacks(monitor)
    clf.fit(X, y, sample_weight=weights, **held)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == clf.score(X, y, sample_weight=weights)
