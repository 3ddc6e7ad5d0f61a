"""minnet's own callbacks on its estimators: the same with each version of scikit-learn."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import SKLEARN

from minnet import MinNetClassifier, MinNetRegressor
from minnet.callbacks import Callback, History
from minnet.lab import Probe

X, y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
pytestmark = pytest.mark.filterwarnings("ignore:.*converge")


class Calls(Callback):
    """Notes its calls; ``failing`` is the one that fails."""

    def __init__(self, failing=None):
        self.calls, self.failing = [], failing

    def note(self, call):
        self.calls.append(call)
        if call == self.failing:
            raise RuntimeError(f"{call} fails")

    def setup(self, estimator, context):
        self.note("setup")

    def teardown(self, estimator, context):
        self.note("teardown")

    def begin(self, trainer):
        self.note("begin")

    def end_epoch(self, trainer):
        self.note("epoch")

    def end(self, trainer):
        self.note("end")

    def abort(self, trainer):
        self.note("abort")


class Protocol:
    """The least that scikit-learn takes for a callback."""

    def setup(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context): ...

    def teardown(self, estimator, context): ...


def classifier(**options):
    return MinNetClassifier((5,), max_iter=2, random_state=0, **options)


def search(clf):
    GridSearchCV(clf, {"alpha": [0.1]}, cv=2, refit=False).fit(X, y)


ONE = ["setup", "begin", "epoch", "epoch", "end", "teardown"]
DEEDS = {
    "fit": (lambda clf: clf.fit(X, y), ONE),
    "fit_stream": (lambda clf: clf.fit_stream([(X, y)], 2, classes=[0, 1, 2]), ONE),
    "partial_fit": (lambda clf: clf.partial_fit(X, y, classes=[0, 1, 2]), []),
    "initialize": (lambda clf: clf.initialize(X, y), []),
    "clone": (lambda clf: clone(clf).fit(X, y), ONE),
    "pipeline": (lambda clf: make_pipeline(StandardScaler(), clf).fit(X, y), ONE),
    "clone of a pipeline": (lambda clf: clone(make_pipeline(clf)).fit(X, y), ONE),
    "search": (search, ONE * 2),
    "taken away": (lambda clf: clf.set_callbacks().fit(X, y), []),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_called(deed):
    call, expected = DEEDS[deed]
    calls = Calls()
    call(classifier().set_callbacks(calls))
    assert calls.calls == expected


FAILURES = {
    "setup": ["setup", "teardown"],
    "begin": ["setup", "begin", "abort", "teardown"],
    "epoch": ["setup", "begin", "epoch", "abort", "teardown"],
    "teardown": ONE,
}


@pytest.mark.parametrize("failing", FAILURES)
def test_a_failing_one_is_torn_down_as_the_others_are(failing):
    calls, other = Calls(failing), Calls()
    clf = classifier().set_callbacks(calls, other)
    with pytest.raises(RuntimeError, match=f"{failing} fails"):
        clf.fit(X, y)
    assert calls.calls == FAILURES[failing]
    assert other.calls[-1:] == (["teardown"] if failing != "setup" else [])
    assert set(vars(clf)) & {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} == set()


def test_wrong_data_are_no_fit_to_be_told_of_longer():
    calls = Calls()
    with pytest.raises(ValueError, match="NaN"):
        classifier().set_callbacks(calls).fit(X * np.nan, y)
    assert calls.calls == ["setup", "teardown"]


def test_they_are_kept_with_the_estimator(tmp_path):
    clf = classifier().set_callbacks(History()).fit(X, y)
    joblib.dump(clf, tmp_path / "clf")
    (history,) = joblib.load(tmp_path / "clf").fit(X, y)._skl_callbacks
    assert len(history.fits) == 2


@pytest.mark.skipif(SKLEARN >= (1, 9), reason="scikit-learn has callbacks of its own")
@pytest.mark.parametrize("method", ["on_fit_task_begin", "on_fit_task_end"])
def test_what_needs_scikit_learns_tasks_is_refused_where_there_are_none(method):
    class Own(Callback):
        pass

    setattr(Own, method, getattr(Protocol, method))
    for callback, name in ((Protocol(), "on_fit_task_begin"), (Own(), method)):
        with pytest.raises(
            TypeError, match=f"^callbacks must have no {name} before scikit-learn 1.9"
        ):
            classifier().set_callbacks(callback)


def test_lbfgs_says_that_there_are_no_steps_to_watch():
    probe = Probe(X, y)
    with pytest.warns(UserWarning, match="Probe watches steps"):
        MinNetClassifier((5,), solver="lbfgs", max_iter=5).set_callbacks(probe).fit(X, y)
    assert len(probe.recording) == 0


def test_a_callback_of_ones_own_needs_no_more_than_it_has():
    class Counting(Callback):
        epochs = 0

        def end_epoch(self, trainer):
            self.epochs += 1

    counting = Counting()
    MinNetClassifier((5,), max_iter=3).set_callbacks(counting).fit(X, y)
    assert counting.epochs == 3


def test_a_function_is_called_after_each_epoch():
    epochs = []
    clf = MinNetClassifier((5,), max_iter=3).set_callbacks(History(), lambda t: epochs.append(t))
    clf.fit(X, y)
    assert len(epochs) == 3
    clf.set_callbacks().fit(X, y)
    assert len(epochs) == 3


@pytest.mark.parametrize("Estimator", [MinNetClassifier, MinNetRegressor])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (History, r"got <class .*History'>: did you mean minnet.callbacks.History\(\.\.\.\)\?"),
        ("history", r"got 'history': did you mean minnet.callbacks.History"),
        ([History()], r"one by one, as set_callbacks\(first, second\), got a list of 1"),
        (3, "got 3"),
        (Protocol, "got <class"),
    ],
)
def test_what_is_no_callback_is_refused_and_leaves_those_there_are(Estimator, given, sentence):
    history = History()
    estimator = Estimator(max_iter=2).set_callbacks(history)
    with pytest.raises(TypeError, match="^callbacks must be .*" + sentence):
        estimator.set_callbacks(History(), given)
    estimator.fit(X, y)
    assert len(history.fits) == 1


@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_partial_fit_says_that_it_calls_none(cls, recwarn):
    history, classes = History(), {"classes": [0, 1, 2]} if cls is MinNetClassifier else {}
    model = cls(random_state=0).set_callbacks(history)
    with pytest.warns(UserWarning, match="set_callbacks has no effect in partial_fit") as told:
        model.partial_fit(X, y, **classes)
    assert [w.filename for w in told] == [__file__]
    assert history.fits == []
    model.set_callbacks().partial_fit(X, y)
    assert not [w for w in recwarn if "set_callbacks" in str(w.message)]
