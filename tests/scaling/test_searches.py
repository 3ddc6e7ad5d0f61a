"""Searches and ensembles on local clusters of Dask, Ray and Spark: the programs of docs/scaling.rst.

All must find what one process finds, to the last bit, with one thread a worker, also if one is killed.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
)

from minnet import MinNetClassifier
from minnet.callbacks import Callback, Checkpoint, History

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore::UserWarning")]
PROGRAMS = Path(__file__).parents[2] / "examples" / "scaling"
ENGINES = {"dask": "distributed", "ray": "ray", "spark": "joblibspark"}


def program(name):
    """Return ``main`` of a program; its functions are not importable, as those of a script."""
    return runpy.run_path(str(PROGRAMS / f"{name}.py"))["main"]


@pytest.fixture(autouse=True, scope="module")
def _workers_import_this_file():
    """Spark's JVM keeps what it is started with, also in later sessions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
        yield


@pytest.fixture(scope="module")
def dask():
    """The address of a cluster of two workers, a process of one thread each."""
    distributed = pytest.importorskip("dask.distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as own:
        yield own.scheduler_address


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """A cluster of each engine, as what joblib.parallel_config is told."""
    pytest.importorskip(ENGINES[request.param])
    if request.param == "dask":
        from distributed import Client

        with Client(request.getfixturevalue("dask")) as client:
            client.amm.stop()
            yield {"backend": "dask"}
    if request.param == "ray":
        import ray
        from ray.util.joblib import register_ray

        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        register_ray()
        again = {"max_restarts": 3, "max_task_retries": 3}
        yield {"backend": "ray", "n_jobs": 2, "ray_remote_args": again}
        ray.shutdown()
    if request.param == "spark":
        os.environ["PYSPARK_PYTHON"] = sys.executable
        from joblibspark import register_spark
        from pyspark.sql import SparkSession

        session = SparkSession.builder.master("local[2,4]").getOrCreate()
        register_spark()
        yield {"backend": "spark", "n_jobs": 2}
        session.stop()


class KillOnce(Callback):
    """Kills its process at the end of an epoch, the first time; notes the epochs of all fits."""

    def __init__(self, folder, at):
        self.folder, self.at = folder, at

    def end_epoch(self, trainer):
        with open(self.folder / "epochs", "a") as file:
            print(trainer.n_epochs, file=file)
        if trainer.n_epochs == self.at and not (self.folder / "killed").exists():
            (self.folder / "killed").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)


def assert_as_in_one_process(search, X, y):
    alone = clone(search).fit(X, y)
    for name, values in alone.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(search.cv_results_[name], values, err_msg=name)
    np.testing.assert_array_equal(search.predict_proba(X), alone.predict_proba(X))


# ---- the programs of Dask; those of the others are below


def test_a_grid_search(dask):
    assert_as_in_one_process(program("search_dask")(dask), *load_digits(return_X_y=True))


def test_halving_bagging_and_cross_validation(dask):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    halving, bagging, predicted = program("ensembles_dask")(dask)
    assert_as_in_one_process(halving, X, y)
    np.testing.assert_array_equal(
        bagging.predict_proba(X), clone(bagging).fit(X, y).predict_proba(X)
    )
    np.testing.assert_array_equal(predicted, cross_val_predict(halving.best_estimator_, X, y, cv=3))


def test_rows_from_a_file(dask, tmp_path):
    path = str(tmp_path / "X.npy")
    X = np.random.default_rng(0).normal(size=(3000, 20)).astype("float32")
    np.save(path, X)
    search = program("search_large")(dask, path)
    alone = clone(search)
    alone.estimator = alone.estimator[1:]  # on the rows themselves
    alone.fit(X, X[:, 0] > 0)
    for name in "mean_test_score", "std_test_score":
        np.testing.assert_array_equal(search.cv_results_[name], alone.cv_results_[name])


def test_checkpoints_and_a_worker_that_is_killed(dask, tmp_path):
    X, y = load_digits(return_X_y=True)
    killer = KillOnce(tmp_path, at=20)
    search = program("search_checkpoints")(dask, str(tmp_path / "checkpoints"), killer)
    assert (tmp_path / "killed").exists()
    search.estimator[-1].set_callbacks()
    assert_as_in_one_process(search, X, y)


def test_workers_that_are_threads():
    distributed = pytest.importorskip("dask.distributed")
    X, y = load_digits(return_X_y=True)
    net = MinNetClassifier(max_iter=5, random_state=0)
    alone = cross_val_predict(net, X, y, cv=3, method="predict_proba")
    net.set_params(n_threads=1)
    with (
        distributed.Client(processes=False, threads_per_worker=2, dashboard_address=None),
        joblib.parallel_config("dask"),
    ):
        found = cross_val_predict(net, X, y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("name", ["search_ray", "search_spark"])
def test_a_grid_search_of_others(name):
    pytest.importorskip(ENGINES[name.removeprefix("search_")])
    assert_as_in_one_process(program(name)(), *load_digits(return_X_y=True))


# ---- each engine


def test_one_thread_a_worker_and_callbacks_come_back(engine):
    X, y = load_digits(return_X_y=True)
    net = MinNetClassifier(max_iter=5, random_state=0).set_callbacks(History())
    with joblib.parallel_config(**engine):
        found = cross_validate(net, X / 16, y, cv=3, return_estimator=True)
    alone = cross_validate(net, X / 16, y, cv=3, return_estimator=True)
    np.testing.assert_array_equal(found["test_score"], alone["test_score"])
    for there, here in zip(found["estimator"], alone["estimator"], strict=True):
        assert there.fit_info_["n_threads"] == 1
        np.testing.assert_array_equal(there.network_.params, here.network_.params)


def test_a_killed_worker_goes_on_from_the_checkpoint(engine, tmp_path):
    X, y = load_digits(return_X_y=True)
    n_epochs = 20
    net = MinNetClassifier(max_iter=n_epochs, n_iter_no_change=n_epochs, random_state=0)
    splits = list(StratifiedKFold(3).split(X, y))
    alone = GridSearchCV(net, {"alpha": [1e-4, 1e-2]}, cv=splits, refit=False).fit(X, y)
    callbacks = Checkpoint(f"{tmp_path}/files/", every=0), KillOnce(tmp_path, at=n_epochs // 2)
    search = clone(alone).set_params(cv=splits)  # these arrays themselves are sent ahead
    search.estimator.set_callbacks(*callbacks)
    told = dict(engine)
    if told["backend"] == "dask":
        told["scatter"] = [X, y, *(rows for split in splits for rows in split)]
    with joblib.parallel_config(**told):
        search.fit(X, y)
    assert (tmp_path / "killed").exists()
    scores = [each.cv_results_["mean_test_score"] for each in (search, alone)]
    np.testing.assert_array_equal(*scores)
    # The epoch in which it was killed is done twice, and no other: a kill elsewhere would cost as little.
    assert len((tmp_path / "epochs").read_text().split()) <= 6 * n_epochs + 2
