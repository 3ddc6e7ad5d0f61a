"""What is trained on a stream: taken up exactly, on sorted rows as on shuffled ones, in bounded memory."""

import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sources import MAKERS, NAMELESS, NAMES, drawn, make

from minnet import Dense, MinNetClassifier, Network, Trainer
from minnet.callbacks import Callback, Checkpoint
from minnet.streams import BatchStream

CLASSES = ["down", "up"]


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


class PowerCutError(Exception):
    pass


class PowerCut(Callback):
    """Ends a fit after so many steps, as a loss of power does: nothing is written any more."""

    def __init__(self, step):
        self.step = step

    def next_step(self, trainer):
        return max(self.step, trainer.n_steps + 1)

    def at_step(self, trainer):
        raise PowerCutError


def _fit(kind, folder, callbacks, **options):
    source, named = make(kind, folder)
    stream = BatchStream(
        source, **named, batch_size=300, shuffle_buffer=400, random_state=3, **options
    )
    clf = MinNetClassifier((8,), batch_size=100, random_state=0).set_callbacks(*callbacks)
    return clf.fit_stream(stream, n_epochs=3, classes=CLASSES)


@pytest.mark.parametrize(
    "kind", ["parquet", "numpy", "sqlite", "lazy", "hdf5", "zarr", "dask_frame", "cached"]
)
@pytest.mark.parametrize("step", [slow(1), 10, slow(17)])  # of 10 in an epoch
def test_a_training_is_taken_up_exactly_in_the_order_of_its_epoch(kind, step, tmp_path):
    options = {"cache": tmp_path} if kind == "cached" else {}
    kind = "sqlite" if kind == "cached" else kind
    folders = [tmp_path / str(i) for i in range(3)]
    for folder in folders:
        folder.mkdir()
    path = tmp_path / "fit.safetensors"
    with pytest.raises(PowerCutError):
        _fit(kind, folders[0], [PowerCut(step), Checkpoint(path, every=0)], **options)
    resumed = _fit(kind, folders[1], [Checkpoint(path)], **options)
    whole = _fit(kind, folders[2], [], **options)
    np.testing.assert_array_equal(resumed.coefs_[0], whole.coefs_[0])
    assert resumed.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("change", [{"batch_size": 91}, {"random_state": 4}, {"shuffle_buffer": 0}])
def test_a_checkpoint_is_not_that_of_another_stream(change, tmp_path):
    def fit(**change):
        options = {"batch_size": 90, "shuffle_buffer": 200, "random_state": 3} | change
        clf = MinNetClassifier((8,), random_state=0).set_callbacks(Checkpoint(tmp_path / "fit"))
        return clf.fit_stream(BatchStream(drawn(), **options), classes=CLASSES)

    fit()
    with pytest.raises(ValueError, match="batches"):
        fit(**change)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_fitted_estimator_knows_the_columns(kind, tmp_path):
    pd = pytest.importorskip("pandas")
    source, named = make(kind, tmp_path)
    stream = BatchStream(source, **named)
    clf = MinNetClassifier((4,), random_state=0).fit_stream(stream, classes=CLASSES)
    frame = pd.DataFrame(drawn()[0], columns=NAMES)
    if kind in NAMELESS:
        assert stream.feature_names is None
        assert not hasattr(clf, "feature_names_in_")
        return
    assert stream.feature_names == NAMES == clf.feature_names_in_.tolist()
    assert set(clf.predict(frame)) <= set(CLASSES)
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame[NAMES[::-1]])


def test_inputs_are_transformed_by_what_was_fitted_on_the_stream(tmp_path):
    X, y, _ = drawn("float64")
    X = X * [1, 1e3, 1e-3] + [0, 5e3, 0]
    scaler = StandardScaler()
    for X_batch, *_ in BatchStream((X, y)):
        scaler.partial_fit(X_batch)
    stream = BatchStream((X, y), transform=scaler.transform, random_state=0)
    ((scaled, _),) = stream
    np.testing.assert_allclose(scaled.std(axis=0), 1)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)


def test_a_network_is_trained_by_a_trainer(tmp_path):
    X = drawn("float64")[0]
    net = Network([Dense(1)], loss="sigmoid_cross_entropy").initialize(3, random_state=0)
    stream = BatchStream((X, (X[:, :1] > 0).astype(float)), batch_size=100, random_state=0)
    trainer = Trainer(net, "adam").fit_stream(stream, n_epochs=3)
    assert trainer.n_epochs == 3
    assert trainer.loss_curve[-1] < trainer.loss_curve[0]


def test_an_epoch_may_be_a_number_of_batches(tmp_path):
    source, named = make("numpy", tmp_path)
    stream = BatchStream(source, **named, batch_size=100)
    clf = MinNetClassifier((4,), random_state=0)
    assert clf.fit_stream(stream, n_epochs=5, batches_per_epoch=2, classes=CLASSES).n_iter_ == 5


@pytest.mark.parametrize("layout", ["cache", slow("small pieces"), slow("one piece")])
def test_sorted_rows_train_as_shuffled_ones(layout, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 8)).astype("float32")
    y = np.digitize(X[:, 0] * X[:, 1] + X[:, 2], [-1, 0, 1])
    X_test, y_test = X[::10].copy(), y[::10].copy()

    def score(order, **options):
        stream = BatchStream((X[order], y[order]), batch_size=500, random_state=0, **options)
        clf = MinNetClassifier((32,), learning_rate_init=0.01, random_state=0, n_threads=1)
        return clf.fit_stream(stream, n_epochs=5, classes=range(4)).score(X_test, y_test)

    shuffled = score(rng.permutation(len(X)), shuffle_buffer=0)
    order = np.argsort(y)
    options = {
        "small pieces": {"shuffle_buffer": 5000},  # of 40 pieces of 256 rows
        "one piece": {"shuffle_buffer": "auto"},  # which holds all
        "cache": {"shuffle_buffer": 5000, "cache": tmp_path},
    }[layout]
    assert score(order, shuffle_buffer=0) < shuffled - 0.2  # so that there is something to be seen
    assert score(order, **options) > shuffled - 0.02


def test_a_cache_is_removed_with_its_stream(tmp_path):
    source, named = make("numpy", tmp_path)
    stream = BatchStream(source, **named, cache=tmp_path)
    assert len(list(stream)) == 1
    assert list(tmp_path.iterdir())
    del stream
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="cache must be the path of a folder that is there"):
        BatchStream(source, **named, cache=tmp_path / "none")


class InterruptedSoon(Callback):
    """Presses Ctrl-C while the second epoch or a later one is read."""

    def end_epoch(self, trainer):
        if trainer.n_epochs == 1:
            main = threading.main_thread().ident
            threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
@pytest.mark.parametrize("kind", ["parquet", slow("sqlite"), slow("tables")])
def test_ctrl_c_ends_a_fit_and_the_stream_serves_the_next(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("minnet.training.interrupts._last_heard", -np.inf)  # twice would end all
    source, named = make(kind, tmp_path)
    stream = BatchStream(source, **named, batch_size=50, random_state=0)
    clf = MinNetClassifier((8,), n_iter_no_change=10**9, random_state=0)
    clf.set_callbacks(InterruptedSoon())
    with pytest.warns(UserWarning, match="interrupted"):
        clf.fit_stream(stream, n_epochs=10**6, classes=CLASSES)
    deadline = time.monotonic() + 20
    while (
        any(t.name == "minnet-reader" for t in threading.enumerate())
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert not any(thread.name == "minnet-reader" for thread in threading.enumerate())
    assert clf.set_callbacks().fit_stream(stream, n_epochs=2, classes=CLASSES).n_iter_ == 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss")
@pytest.mark.parametrize("form", ["parquet", "cursor", "cache"])
def test_memory_is_bounded(form, tmp_path):
    pytest.importorskip("pyarrow")
    peaks = [_peak(form, n_rows, tmp_path) for n_rows in (50_000, 450_000)]
    assert peaks[1] - peaks[0] < 12 * 2**20  # the other 400,000 rows fill 33 MB


def _peak(form, n_rows, folder):
    """Return the largest memory of a process that trains on so many rows."""
    program = f"""
        import resource, sqlite3
        import numpy as np, pyarrow as pa
        from pyarrow import parquet
        from minnet import MinNetRegressor
        from minnet.streams import BatchStream

        connection = sqlite3.connect(":memory:", check_same_thread=False)
        columns = ", ".join(f"(i * {{j}}) % 97 / 97.0 AS x{{j}}" for j in range(1, 11))
        query = ("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n_rows}) "
                 f"SELECT {{columns}} FROM c")
        source = lambda: connection.execute(query)
        if "{form}" != "cursor":
            source, names = "{folder}/rows-{n_rows}", [f"x{{j}}" for j in range(1, 11)]
            rng, schema = np.random.default_rng(0), pa.schema([(name, pa.float64()) for name in names])
            with parquet.ParquetWriter(source, schema) as writer:
                for _ in range(0, {n_rows}, 10_000):
                    writer.write_table(pa.table(list(rng.uniform(size=(10, 10_000))), schema=schema))
        cache = "{folder}" if "{form}" == "cache" else None
        stream = BatchStream(source, "x1", shuffle_buffer=20_000, cache=cache)
        MinNetRegressor(hidden_layer_sizes=(4,), random_state=0).fit_stream(stream)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return int(run.stdout.split()[-1])
