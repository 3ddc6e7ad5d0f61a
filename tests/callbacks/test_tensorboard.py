"""Event files, read back by what the format says: TFRecords of protocol buffers."""

import errno
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from minnet import MinNetClassifier
from minnet.callbacks import Callback, TensorBoard

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*converge")
pytest.importorskip("tensorboardX")


def crc32c(data):
    """Castagnoli's CRC, bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    """Yield the records of a TFRecord file, whose lengths and sums must be right."""
    with open(path, "rb") as file:
        while header := file.read(8):
            (length,) = struct.unpack("<Q", header)
            assert struct.unpack("<I", file.read(4))[0] == masked(header)
            data = file.read(length)
            assert struct.unpack("<I", file.read(4))[0] == masked(data)
            yield data


def fields(data):
    """Yield number and value of the fields of a protocol buffer."""

    def varint(at):
        value = shift = 0
        while True:
            byte = data[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        kind = key & 7
        if kind == 0:
            value, at = varint(at)
        elif kind == 1:
            (value,), at = struct.unpack_from("<d", data, at), at + 8
        elif kind == 2:
            length, at = varint(at)
            value, at = data[at : at + length], at + length
        else:
            assert kind == 5
            (value,), at = struct.unpack_from("<f", data, at), at + 4
        yield key >> 3, value


def scalars(folder):
    """Return {tag: {step: value}} of a run."""
    (name,) = os.listdir(folder)
    found = {}
    for record in records(os.path.join(folder, name)):
        event = dict(fields(record))  # 2: step, 5: summary
        for number, value in fields(event.get(5, b"")):
            assert number == 1
            item = dict(fields(value))  # 1: tag, 2: simple_value
            found.setdefault(item[1].decode(), {})[event.get(2, 0)] = item[2]
    return found


def a_classifier(*callbacks, **options):
    given = {"max_iter": 3, "n_iter_no_change": 100, "random_state": 0} | options
    return MinNetClassifier((5,), **given).set_callbacks(*callbacks)


def test_the_reader_knows_the_crc():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of the catalogues


def test_what_is_written(tmp_path):
    board = TensorBoard(tmp_path / "made" / "when needed")
    assert not os.path.exists(board.folder)
    clf = a_classifier(board).fit(X, y, X_val=X[::2], y_val=y[::2])
    found = scalars(*board.run_folders)
    expected = {
        "loss/training": clf.loss_curve_,
        "loss/validation": clf.validation_loss_curve_,
        "score/validation": clf.validation_scores_,
        "learning_rate": [0.001] * 3,
    }
    for tag, values in expected.items():
        assert list(found[tag]) == [1, 2, 3]
        np.testing.assert_array_equal(list(found[tag].values()), np.float32(values))
    assert sorted(found) == sorted([*expected, "time/rows_per_second", "time/seconds"])
    seconds, speed = found["time/seconds"], found["time/rows_per_second"]
    np.testing.assert_allclose([seconds[i] * speed[i] for i in (1, 2, 3)], len(X), rtol=1e-5)


def test_without_validation_there_are_no_such_values(tmp_path):
    board = TensorBoard(str(tmp_path))
    a_classifier(board).fit(X, y)
    assert not any("validation" in tag for tag in scalars(*board.run_folders))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_folder_for_each_fit_of_a_search(tmp_path, n_jobs):
    board = TensorBoard(tmp_path)
    GridSearchCV(a_classifier(board), {"alpha": [0.1, 1.0]}, cv=2, n_jobs=n_jobs).fit(X, y)
    folders = os.listdir(tmp_path)
    assert len(folders) == 5
    for folder in folders:
        assert list(scalars(tmp_path / folder)["loss/training"]) == [1, 2, 3]
    assert len(board.run_folders) == (5 if n_jobs is None else 1)  # others were other processes'


def test_a_warm_start_goes_on(tmp_path):
    board = TensorBoard(tmp_path)
    a_classifier(board, warm_start=True).fit(X, y).fit(X, y)
    steps = [list(scalars(folder)["loss/training"]) for folder in board.run_folders]
    assert steps == [[1, 2, 3], [4, 5, 6]]


def test_pickled_in_the_middle_of_a_fit_and_closed_after_an_error(tmp_path):
    class Failing(Callback):
        def end_epoch(self, trainer):
            self.copied = pickle.loads(pickle.dumps(board))
            if trainer.n_epochs == 2:
                raise RuntimeError("a callback that fails")

    board, failing = TensorBoard(tmp_path), Failing()
    with pytest.raises(RuntimeError):
        a_classifier(board, failing).fit(X, y)
    assert list(scalars(*board.run_folders)["loss/training"]) == [1, 2]
    assert not board._running
    assert failing.copied.run_folders == board.run_folders


@pytest.mark.parametrize("when", ["flush", "write", "close"])
def test_a_full_disk_ends_the_figures_and_not_the_fit(when, tmp_path, monkeypatch):
    import tensorboardX

    real, calls = getattr(tensorboardX.RecordWriter, when), []

    def fails(self, *args):
        calls.append(when)
        if when == "close" or len(calls) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, *args)

    monkeypatch.setattr(tensorboardX.RecordWriter, when, fails)
    monkeypatch.setattr("minnet.callbacks.tensorboard._FLUSH", -1)
    good = a_classifier(max_iter=20).fit(X, y)
    board = TensorBoard(tmp_path)
    with pytest.warns(UserWarning, match=r"no longer be written to .* \(.*No space left") as caught:
        clf = a_classifier(board, max_iter=20).fit(X, y)
    [said] = [w for w in caught if "no longer" in str(w.message)]
    assert said.filename == __file__
    assert clf.loss_curve_ == good.loss_curve_
    assert not board._running


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotADirectoryError):
        a_classifier(TensorBoard(tmp_path / "pipe")).fit(X, y)
    assert os.listdir(tmp_path) == ["pipe"]


def test_without_tensorboardx(tmp_path):
    code = f"""
import sys; sys.modules["tensorboardX"] = None
from minnet import MinNetClassifier
from minnet.callbacks import TensorBoard
clf = MinNetClassifier().set_callbacks(TensorBoard({str(tmp_path)!r}))
try:
    clf.fit([[0.0], [1.0]], [0, 1])
except ImportError as error:
    print(error, hasattr(clf, "network_"))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'minnet-learn[tensorboard]' False" in run.stdout
    assert os.listdir(tmp_path) == []
