"""Errors on the driver in the place of hangs; afterwards all is as it was, and the next fit works."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import dask.array as da
import numpy as np
import pytest
from distributed import Client

from minnet import MinNetClassifier
from minnet.callbacks import Callback
from minnet.dask import DaskMinNetClassifier, DaskMinNetRegressor
from minnet.dask.parts import parts_of
from minnet.dask.placement import shards_of
from minnet.dask.ranks import run_ranks
from minnet.dask.watch import Watch

A = np.random.default_rng(0).normal(size=(400, 4))
X, Y = da.from_array(A, chunks=(50, 4)), da.from_array((A[:, 0] > 0).astype(int), chunks=90)

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore:Stochastic Optimizer")]


class AtEpoch(Callback):
    """Does something on rank 0, once it has trained for so many epochs."""

    def __init__(self, epoch, what, *arguments, seconds_at_end=0):
        self.epoch, self.what, self.arguments = epoch, what, arguments
        self.seconds_at_end = seconds_at_end

    def end(self, trainer):
        time.sleep(self.seconds_at_end)

    def end_epoch(self, trainer):
        if trainer.n_epochs == self.epoch:
            self.what(*self.arguments)


def fail():
    raise LookupError("a callback failed")


def touch(path):
    """Leave a file that tells whose process it is; it is there as a whole, or not."""
    with open(f"{path} {os.getpid()}", "w") as file:
        file.write(str(os.getpid()))
    os.replace(file.name, path)


class Marked:
    """An initializer that tells that a fit has begun."""

    def __init__(self, path):
        self.path = path

    def __call__(self, shape, rng):
        touch(self.path)
        return rng.normal(size=shape) / 10


def new(**arguments):
    return DaskMinNetClassifier((8,), max_iter=3, random_state=0, **arguments)


def endless(marker, seconds_at_end=0, **arguments):
    """Return an estimator that trains until it is ended, and the marker tells that it does."""
    clf = new(n_iter_no_change=np.inf, **arguments).set_params(max_iter=10**7)
    return clf.set_callbacks(AtEpoch(2, touch, marker, seconds_at_end=seconds_at_end))


def wait_for(path, seconds=60):
    until = time.monotonic() + seconds
    while not os.path.exists(path):
        assert time.monotonic() < until
        time.sleep(0.02)


class When(threading.Thread):
    """Calls a function when a file is there."""

    def __init__(self, path, function):
        super().__init__(daemon=True)
        self.path, self.function = path, function
        self.start()

    def run(self):
        wait_for(self.path)
        self.function()


def workers_are_idle(client, seconds=10):
    """Whether no worker runs anything, after some seconds at most."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if not any(client.run(lambda dask_worker: len(dask_worker.state.executing)).values()):
                return True
        except OSError:
            pass  # a worker is being replaced
        time.sleep(0.1)
    return False


def check_next_fit(client, clf, before):
    """Assert that a failed fit has left what was there, and that the next one works."""
    assert vars(clf) == before
    client.wait_for_workers(2)
    assert workers_are_idle(client)
    assert new(client=client).fit(X, Y).n_iter_ == 3


@pytest.mark.parametrize("where", [0, 1, 399])
def test_bad_data_on_one_worker(client, where):
    bad = A.copy()
    bad[where, 1] = np.nan
    clf = new(client=client).fit(X, Y)
    before = dict(vars(clf))
    with pytest.raises(ValueError, match="X contains NaN"):
        clf.fit(da.from_array(bad, chunks=(50, 4)), Y)
    check_next_fit(client, clf, before)


def test_a_callback_that_fails(client):
    clf = new(client=client).fit(X, Y).set_callbacks(AtEpoch(2, fail))
    before = dict(vars(clf))
    with pytest.raises(LookupError, match="a callback failed"):
        clf.fit(X, Y)
    check_next_fit(client, clf, before)


def test_a_part_that_cannot_be_computed(client):
    clf = new(client=client)
    before = dict(vars(clf))
    with pytest.raises(LookupError, match="a callback failed"):
        clf.fit(X.map_blocks(lambda block: fail(), meta=A[:0]), Y)
    check_next_fit(client, clf, before)


def signal_of(client, rank, number, marker):
    """Return a function that sends a signal to a rank, and a list that then has its address and pid."""
    pids, sent = client.run(os.getpid), []

    def send():
        with open(marker) as file:
            of_first = int(file.read())
        for worker, pid in pids.items():
            if (pid == of_first) == (rank == 0):
                os.kill(pid, number)
                sent[:] = worker, pid

    return send, sent


def test_a_worker_that_is_killed(client, tmp_path):
    marker = str(tmp_path / "trains")
    clf = endless(marker, client=client)
    before = dict(vars(clf))
    send, sent = signal_of(client, 1, signal.SIGKILL, marker)
    When(marker, send)
    with pytest.raises(RuntimeError, match="was lost during the fit") as caught:
        clf.fit(X, Y)
    assert f"the worker {sent[0]} was lost" in str(caught.value)
    check_next_fit(client, clf, before)


def test_a_worker_that_exits(client):
    clf = new(client=client).set_callbacks(AtEpoch(2, os._exit, 1))
    before = dict(vars(clf))
    with pytest.raises(RuntimeError, match=r"the worker tcp://.* was lost"):
        clf.fit(X, Y)
    check_next_fit(client, clf, before)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_worker_that_is_stopped(client, tmp_path, rank):
    marker = str(tmp_path / "trains")
    clf = endless(marker, client=client, timeout=4)
    before = dict(vars(clf))
    send, sent = signal_of(client, rank, signal.SIGSTOP, marker)
    When(marker, send)
    began = time.monotonic()
    try:
        with pytest.raises(RuntimeError, match="has given no sign of life for 4 seconds") as caught:
            clf.fit(X, Y)
        assert f"the worker {sent[0]} has given" in str(caught.value)
        assert time.monotonic() - began < 60
    finally:
        os.kill(sent[1], signal.SIGCONT)
    check_next_fit(client, clf, before)


def test_a_worker_that_is_busy(client):
    watch, workers = Watch(client, 2), sorted(client.nthreads())
    shards = shards_of(client, parts_of(client, {"X": X, "y": Y}, watch), workers, watch)
    last = shards[-1].worker
    busy = client.submit(time.sleep, 5, workers=[last], key="something-long", pure=False)
    sentence = rf"the worker {last} is busy with something-long, so that it has not begun"
    with pytest.raises(TimeoutError, match=sentence):
        run_ranks(client, MinNetClassifier(), shards, 2, watch)
    assert new(client=client).fit(X, Y).n_iter_ == 3  # waits for it
    assert busy.done()


def _interrupt():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_ctrl_c_ends_the_training_and_keeps_it(client, tmp_path):
    marker = str(tmp_path / "trains")
    clf = endless(marker, client=client)
    When(marker, _interrupt)
    with pytest.warns(UserWarning, match="interrupted by user"):
        clf.fit(X, Y)
    assert clf.n_iter_ >= 2
    assert clf.predict(X).compute().shape == (400,)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_again_ends_all(client, tmp_path, solver):
    marker = str(tmp_path / "trains")
    if solver == "adam":
        clf = endless(marker, seconds_at_end=3, client=client)
        When(marker, lambda: (_interrupt(), time.sleep(1), _interrupt()))
    else:
        clf = new(client=client, solver="lbfgs", tol=0.0, max_fun=10**8).set_params(
            max_iter=10**8, hidden_layer_sizes=(500, 500), init=Marked(marker)
        )
        When(marker, lambda: (time.sleep(0.5), _interrupt()))
    before = dict(vars(clf))
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, Y)
    check_next_fit(client, clf, before)


class Span(Callback):
    """Notes when a training was."""

    def begin(self, trainer):
        self.began = time.time()

    def end(self, trainer):
        time.sleep(0.3)
        self.ended = time.time()


def test_two_fits_at_once_wait_for_each_other(client):
    spans = [Span(), Span(), Span()]
    fits = [new(client=client).set_callbacks(span) for span in spans]
    threads = [threading.Thread(target=clf.fit, args=(X, Y)) for clf in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    spans.sort(key=lambda span: span.began)
    assert spans[0].ended <= spans[1].began
    assert spans[1].ended <= spans[2].began
    assert all(np.array_equal(clf.coefs_[0], fits[0].coefs_[0]) for clf in fits)


def test_one_estimator_is_not_fitted_twice_at_once(client, tmp_path):
    marker = str(tmp_path / "trains")
    clf = endless(marker, client=client)
    refused = []

    def again():
        try:
            clf.fit(X, Y)
        except RuntimeError as error:
            refused.append(str(error))
        _interrupt()

    When(marker, again)
    with pytest.warns(UserWarning, match="interrupted"):
        clf.fit(X, Y)
    assert "must not be fitted by two calls at once" in refused[0]


def test_a_program_that_is_killed_leaves_no_claim(client, tmp_path):
    marker = str(tmp_path / "trains")
    program = f"""
        import sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from distributed import Client
        from test_dask_failures import X, Y, endless
        client = Client({client.scheduler.address!r})
        endless({marker!r}, client=client).fit(X, Y)
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    try:
        wait_for(marker)
        client.run_on_scheduler(_shorten_leases)
    finally:
        driver.kill()
        driver.wait()
    assert new(client=client, timeout=20).fit(X, Y).n_iter_ == 3


def _shorten_leases(dask_scheduler):
    """Have what a killed program has claimed be free after some seconds: 30 are usual."""
    leases = dask_scheduler.extensions["semaphores"].lease_timeouts
    leases.update(dict.fromkeys(leases, 2))


@pytest.mark.parametrize("of", ["X", "y", "sample_weight", "X_val", "sample_weight_val"])
def test_what_is_no_collection_is_named(client, of):
    data = {
        "X": X,
        "y": Y,
        "sample_weight": Y + 1,
        "X_val": X,
        "y_val": Y,
        "sample_weight_val": Y + 1,
    }
    for value in (A, list(A), X.to_delayed()[0, 0]):
        with pytest.raises(
            TypeError, match=f"^{of} must be a Dask array, DataFrame or Series, got"
        ):
            new(client=client).fit(**data | {of: value})


@pytest.mark.parametrize("of", ["y", "sample_weight"])
def test_numbers_of_rows_are_compared(client, of):
    data = {"X": X, "y": Y, of: Y[:-3] + 1}
    with pytest.raises(ValueError, match=f"{of} must have a row for each of X, got 397 and 400"):
        new(client=client).fit(**data)
    held = {"X_val": X, "y_val": Y[:7]}
    with pytest.raises(ValueError, match="y_val must have a row for each of X_val, got 7 and 400"):
        new(client=client).fit(X, Y, **held)
    with pytest.raises(ValueError, match="X must have at least one row"):
        new(client=client).fit(X[:0], Y[:0])


def test_clients_that_do_not_serve(client):
    with pytest.raises(TypeError, match=r"client must be a dask\.distributed\.Client"):
        new(client="tcp://127.0.0.1:1").fit(X, Y)
    with pytest.raises(
        ValueError, match="'timeout' parameter of DaskMinNetRegressor must be a float"
    ):
        DaskMinNetRegressor(timeout=0).fit(X, Y)
    assert new().fit(X, Y).n_iter_ == 3  # takes that of the test


def test_without_a_client_a_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr("distributed.get_client", _no_client)
    with pytest.raises(ValueError, match=r"client must be given where there is none: .*Client\(\)"):
        new().fit(X, Y)


def _no_client():
    raise ValueError("No global client found and no address provided")


def test_a_cluster_without_workers_is_said():
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        Client(empty) as client,
        pytest.raises(RuntimeError, match="the cluster has no worker that runs"),
    ):
        new(client=client).fit(X, Y)
