"""What a History keeps, against the trainer's own records and a clock."""

import copy
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_validate

from minnet import SGD, Dense, MinNetClassifier, Network, Trainer
from minnet.callbacks import Callback, History
from minnet.schedules import StepDecay

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*converge")


def a_classifier(**options):
    given = {"max_iter": 4, "n_iter_no_change": 100, "random_state": 0} | options
    return MinNetClassifier((5,), **given)


def test_with_a_trainer():
    class Slow(Callback):
        def end_epoch(self, trainer):
            time.sleep(0.02)

    net = Network([Dense(3)]).initialize(4, random_state=0)
    history = History()
    trainer = Trainer(net, SGD(0.5), batch_size=50, learning_rate=StepDecay(4, 0.5))
    began = time.perf_counter()
    trainer.fit(X, y, max_epochs=3, callbacks=[Slow(), history])
    seconds = time.perf_counter() - began
    kept = history.to_dict()
    assert kept["epoch"] == [1, 2, 3]
    assert kept["loss"] == trainer.loss_curve
    assert kept["learning_rate"] == [0.5, 0.5, 0.25]  # steps 0, 3 and 6
    assert np.isnan(kept["validation_loss"]).all()
    assert np.isnan(kept["validation_score"]).all()
    assert min(kept["seconds"]) >= 0.02
    assert sum(kept["seconds"]) <= seconds
    np.testing.assert_allclose(np.multiply(kept["rows_per_second"], kept["seconds"]), len(X))


def test_validation_and_warm_start():
    history = History()
    clf = a_classifier(warm_start=True).set_callbacks(history)
    clf.fit(X, y, X_val=X[::3], y_val=y[::3])
    clf.fit(X, y, X_val=X[::3], y_val=y[::3])
    first, second = history.fits
    assert first["epoch"] + second["epoch"] == list(range(1, 9))
    assert first["loss"] + second["loss"] == clf.loss_curve_
    assert first["validation_score"] + second["validation_score"] == clf.validation_scores_
    assert second["validation_loss"] == clf.validation_loss_curve_[4:]
    assert history.to_dict(0) == first


def test_as_a_frame():
    history = History()
    a_classifier().set_callbacks(history).fit(X, y)
    frame = history.to_frame()
    assert frame.index.name == "epoch"
    for name, values in history.to_dict().items():
        if name != "epoch":
            np.testing.assert_array_equal(frame[name], values)
    with pytest.raises(ValueError, match="fit must be one of the 1 fits"):
        history.to_frame(1)


def test_a_dict_is_a_copy():
    history = History()
    a_classifier().set_callbacks(history).fit(X, y)
    history.to_dict()["loss"].clear()
    assert len(history.to_dict()["loss"]) == 4


def test_without_pandas():
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from minnet.callbacks import History\n"
        "try:\n    History().to_frame()\nexcept ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "minnet-learn[frame]" in run.stdout


def test_the_object_is_shared_by_clones_one_after_the_other():
    history = History()
    clf = a_classifier().set_callbacks(history)
    search = GridSearchCV(clf, {"alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    assert [fit["epoch"] for fit in history.fits] == [[1, 2, 3, 4]] * 5
    assert history.to_dict()["loss"] == search.best_estimator_.loss_curve_


def test_two_fits_in_threads_are_not_mixed_up():
    history = History()
    clf = a_classifier(max_iter=30).set_callbacks(history)
    alphas = [0.0, 0.1, 1.0, 10.0]
    with parallel_config("threading"):
        GridSearchCV(clf, {"alpha": alphas}, cv=2, n_jobs=2, refit=False).fit(X, y)
    found = {tuple(fit["loss"]) for fit in history.fits}
    serial = History()
    GridSearchCV(
        clone(clf).set_callbacks(serial), {"alpha": alphas}, cv=2, refit=False
    ).fit(X, y)  # fmt: skip
    assert found == {tuple(fit["loss"]) for fit in serial.fits}
    assert len(found) == 8


def test_processes_have_copies():
    history = History()
    clf = a_classifier().set_callbacks(history)
    fitted = cross_validate(clf, X, y, cv=2, n_jobs=2, return_estimator=True)["estimator"]
    assert history.fits == []
    for estimator in fitted:
        (theirs,) = estimator._skl_callbacks
        assert theirs.to_dict()["loss"] == estimator.loss_curve_


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))]
)
def test_copies_in_the_middle_of_a_fit(again):
    class Copying(Callback):
        def end_epoch(self, trainer):
            self.copied = again(history)

    history, copying = History(), Copying()
    clf = a_classifier().set_callbacks(history, copying).fit(X, y)
    copied = copying.copied
    assert copied.to_dict()["loss"] == clf.loss_curve_
    clf.set_callbacks(copied).fit(X, y)
    assert copied.to_dict()["loss"] == clf.loss_curve_
    assert len(pickle.loads(pickle.dumps(clf))._skl_callbacks[0].fits) == 2


def test_a_failed_fit_leaves_what_was_noted():
    class Failing(Callback):
        def end_epoch(self, trainer):
            if trainer.n_epochs == 2:
                raise RuntimeError("a callback that fails")

    history = History()
    clf = a_classifier().set_callbacks(history, Failing())
    with pytest.raises(RuntimeError):
        clf.fit(X, y)
    assert history.to_dict()["epoch"] == [1, 2]
    assert not history._running
