"""A fit on workers is that of one process which takes their batches, whatever form the data have."""

import pickle
import runpy
from pathlib import Path

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from minnet import MinNetClassifier, MinNetRegressor, load_model, save_model
from minnet.callbacks import Checkpoint, History
from minnet.dask import DaskMinNetClassifier, DaskMinNetRegressor
from minnet.distributed import Shards, together

N = 301  # the workers have 150 and 151
RNG = np.random.default_rng(0)
A = RNG.normal(size=(N, 5))
WEIGHTS = RNG.uniform(0.5, 2, N)
NAMES = np.array(["no", "perhaps", "yes"])[np.digitize(A[:, 0], [-0.5, 0.5])]
TARGETS = {
    "binary": A[:, 0] + A[:, 1] > 0,
    "strings": NAMES,
    "sorted": None,  # a worker lacks classes
    "multilabel": (A[:, :3] > 0).astype(int),
    "numbers": A[:, 0] * A[:, 1] * 100,
    "two outputs": A[:, :2] ** 2,
}
ARGUMENTS = {
    "adam": {},
    "sgd, dropout, batch norm": {"solver": "sgd", "dropout": 0.2, "batch_norm": True},
    "lbfgs": {"solver": "lbfgs"},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2},
    "watched": {"batch_size": 64, "clip_norm": 0.5},
}
FORMS = {
    "arrays": lambda M: da.from_array(M, chunks=(37, *M.shape[1:])),
    "other chunks": lambda M: da.from_array(M, chunks=((9, 0, len(M) - 9), *(2,) * (M.ndim - 1))),
    "frames": lambda M: dd.from_pandas(
        pd.DataFrame(M) if M.ndim == 2 else pd.Series(M), npartitions=3, sort=False
    ),
    "sparse X": lambda M: (
        da.from_array(M, chunks=(37, *M.shape[1:])).map_blocks(sparse.csr_array)
        if M.ndim == 2 and M.shape[1] == 5
        else da.from_array(M, chunks=37)
    ),
}
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings(
        "ignore:Stochastic Optimizer", "ignore:lbfgs failed", "ignore:y is far from unit scale"
    ),
]

#: Of each kind of target, arguments and form one or more cases.
CASES = [
    ("binary", "adam", "arrays"),
    ("binary", "lbfgs", "frames"),
    ("binary", "early stopping", "other chunks"),
    ("strings", "adam", "frames"),
    ("strings", "watched", "other chunks"),
    ("sorted", "sgd, dropout, batch norm", "arrays"),
    ("sorted", "early stopping", "frames"),
    ("multilabel", "sgd, dropout, batch norm", "other chunks"),
    ("numbers", "adam", "other chunks"),
    ("numbers", "early stopping", "arrays"),
    ("numbers", "lbfgs", "sparse X"),
    ("two outputs", "watched", "frames"),
    ("two outputs", "adam", "sparse X"),
]


def estimators(target, arguments):
    """Return the plain estimator and that for Dask."""
    common = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 3, **ARGUMENTS[arguments]}
    if target in ("numbers", "two outputs"):
        common["scale_targets"] = True
        return MinNetRegressor(**common), DaskMinNetRegressor(**common)
    common["class_weight"] = None if target == "multilabel" else "balanced"
    return MinNetClassifier(**common), DaskMinNetClassifier(**common)


def data_of(target):
    """Return X, y and weights."""
    if target == "sorted":
        order = np.argsort(NAMES, kind="stable")
        return A[order], NAMES[order], WEIGHTS[order]
    return A, TARGETS[target], WEIGHTS


@pytest.mark.parametrize(("target", "arguments", "form"), CASES)
def test_it_is_the_fit_of_one_process(client, target, arguments, form):
    plain, on_dask = estimators(target, arguments)
    X, y, weights = data_of(target)
    held = {}
    if arguments == "watched":
        held = {"X_val": X[:100], "y_val": y[:100], "sample_weight_val": weights[:100]}
    with together(Shards([N // 2, N - N // 2])):
        plain.fit(X, y, weights, **held)
    form = FORMS[form]
    on_dask.fit(*map(form, (X, y, weights)), **{name: form(M) for name, M in held.items()})
    np.testing.assert_allclose(on_dask.network_.params, plain.network_.params, rtol=0, atol=1e-10)
    assert on_dask.n_iter_ == plain.n_iter_
    np.testing.assert_allclose(on_dask.loss_, plain.loss_, rtol=1e-10)
    for name in ("loss_curve_", "validation_scores_", "classes_"):
        expected = getattr(plain, name, None)
        if expected is not None and np.asarray(expected).dtype.kind == "f":
            np.testing.assert_allclose(getattr(on_dask, name), expected, rtol=1e-9)
        elif expected is not None:
            np.testing.assert_array_equal(getattr(on_dask, name), expected)


def test_chunks_and_places_of_the_data_change_no_bit(client):
    params = []
    workers = sorted(client.nthreads())
    for chunks, where in (((50, 5), None), ((7, 3), None), ((301, 5), workers[:1])):
        X = client.persist(da.from_array(A, chunks=chunks), workers=where)
        y = client.persist(da.from_array(NAMES, chunks=chunks[0]), workers=where and workers[1:])
        clf = DaskMinNetClassifier((8,), max_iter=3, random_state=0).fit(X, y)
        params.append(clf.network_.params)
    np.testing.assert_array_equal(params[0], params[1])
    np.testing.assert_array_equal(params[0], params[2])


@pytest.fixture(scope="module")
def fitted(cluster):
    from distributed import Client

    with Client(cluster) as client:
        clf = DaskMinNetClassifier((8,), max_iter=20, random_state=0, client=client)
        clf.set_callbacks(History())
        return clf.fit(*map(FORMS["arrays"], (A, NAMES)))


def test_callbacks_come_back_as_the_fit_has_left_them(fitted):
    (history,) = vars(fitted)["_skl_callbacks"]
    assert history.to_dict()["loss"] == fitted.loss_curve_


def test_a_scorer_sees_the_whole_validation_set(client):
    y = TARGETS["binary"].astype(int)
    plain = MinNetClassifier((8,), max_iter=3, scoring="roc_auc", random_state=0)
    with together(Shards([150, 151])):
        plain.fit(A, y, X_val=A[:99], y_val=y[:99])
    clf = DaskMinNetClassifier(**plain.get_params())
    X, T, X_val, y_val = map(FORMS["arrays"], (A, y, A[:99], y[:99]))
    clf.fit(X, T, X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(clf.validation_scores_, plain.validation_scores_, rtol=1e-12)


def test_a_task_may_fit(client):
    def fit():
        clf = DaskMinNetClassifier((8,), max_iter=3, random_state=0)
        return clf.fit(*map(FORMS["arrays"], (A, NAMES))).n_iter_

    assert client.submit(fit, pure=False).result(timeout=60) == 3


def test_warnings_come_to_the_user(client):
    with pytest.warns(UserWarning, match="Maximum iterations") as caught:
        DaskMinNetClassifier((8,), max_iter=2).fit(*map(FORMS["arrays"], (A, NAMES)))
    (warning,) = [each for each in caught if "Maximum" in str(each.message)]
    assert warning.filename == __file__


def test_to_local_is_the_plain_estimator(fitted):
    local = fitted.to_local()
    assert type(local) is MinNetClassifier
    assert local.get_params() == {
        name: value
        for name, value in fitted.get_params().items()
        if name not in ("client", "timeout")
    }
    np.testing.assert_array_equal(local.predict(A), fitted.predict(A))
    local.set_callbacks().partial_fit(A, NAMES)
    assert not np.array_equal(local.coefs_[0], fitted.coefs_[0])


def test_saving_says_what_can_be_saved(fitted, tmp_path):
    with pytest.raises(TypeError, match=r"got a DaskMinNetClassifier: save what its to_local\(\)"):
        save_model(fitted, tmp_path / "net.minnet")
    save_model(fitted.to_local(), tmp_path / "net.minnet")
    np.testing.assert_array_equal(load_model(tmp_path / "net.minnet").predict(A), fitted.predict(A))


def test_copies_pickles_and_clones(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    assert again.client is None
    np.testing.assert_array_equal(again.predict(A), fitted.predict(A))
    cloned = clone(fitted)
    assert cloned.client is fitted.client
    assert not hasattr(cloned, "network_")
    assert cloned.get_params() == fitted.get_params()
    assert DaskMinNetRegressor(timeout=9).get_params()["timeout"] == 9
    with pytest.raises(
        TypeError, match="unexpected keyword argument 'epochs': did you mean 'max_iter'"
    ):
        DaskMinNetClassifier(epochs=3)


def test_it_is_the_last_step_of_a_pipeline(client):
    X, y = FORMS["arrays"](A), FORMS["arrays"](NAMES)
    alone = DaskMinNetClassifier((4,), max_iter=2, random_state=0)
    model = make_pipeline(FunctionTransformer(lambda X: X * 1.0), clone(alone))
    for _ in range(2):  # what the pipeline has kept in its steps is not what a fit has left
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict(X), alone.fit(X, y).predict(X))
    assert model.score(X, y) == alone.score(X, y)
    assert vars(model[-1]).keys() == vars(alone).keys()


def test_warm_start_and_a_random_state_go_on(client):
    data = [FORMS["arrays"](each) for each in (A, NAMES)]
    state = np.random.RandomState(0)
    clf = DaskMinNetClassifier((8,), max_iter=3, random_state=state)
    first = clf.fit(*data).network_.params.copy()
    assert not np.array_equal(clf.fit(*data).network_.params, first)
    clf.set_params(warm_start=True, random_state=0).fit(*data)
    assert len(clf.loss_curve_) == 6


def test_a_checkpoint_takes_the_training_up_again(client, tmp_path):
    data = [FORMS["arrays"](each) for each in (A, NAMES)]

    def new(max_iter):
        clf = DaskMinNetClassifier((8,), max_iter=max_iter, n_iter_no_change=99, random_state=0)
        return clf.set_callbacks(Checkpoint(tmp_path / "fit.safetensors"))

    whole = new(6).set_callbacks().fit(*data)
    new(3).fit(*data)
    resumed = new(6).fit(*data)
    np.testing.assert_array_equal(resumed.network_.params, whole.network_.params)
    assert resumed.loss_curve_ == whole.loss_curve_
    with pytest.warns(UserWarning, match="the fit was complete in"):
        new(6).fit(*data)


def test_one_worker_and_one_that_is_a_thread(client):
    from distributed import Client, LocalCluster

    data = [FORMS["arrays"](each) for each in (A, NAMES)]
    expected = MinNetClassifier((8,), max_iter=3, random_state=0).fit(A, NAMES)
    for n_workers in (1, 2):
        with (
            LocalCluster(
                n_workers=n_workers, threads_per_worker=2, processes=False, dashboard_address=None
            ) as threads,
            Client(threads) as own,
        ):
            clf = DaskMinNetClassifier((8,), max_iter=3, random_state=0, client=own).fit(*data)
        assert clf.fit_info_["n_threads"] == 2
        if n_workers == 1:
            np.testing.assert_array_equal(clf.network_.params, expected.network_.params)
        else:
            two = DaskMinNetClassifier((8,), max_iter=3, random_state=0, client=client).fit(*data)
            np.testing.assert_array_equal(clf.network_.params, two.network_.params)


def test_the_program_of_the_docs_runs(client):
    path = Path(__file__).parents[2] / "examples" / "scaling" / "train_dask.py"
    clf = runpy.run_path(str(path))["main"](client.scheduler.address)
    assert type(clf) is MinNetClassifier
    assert clf.best_validation_score_ > 0.95
