"""A save that fails or is killed leaves the old file; one that ends leaves nothing else."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest
from models import classifier, data, difference, fitted

from minnet import MinNetClassifier, load_model, save_model
from minnet.common import atomic

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")


@pytest.fixture
def old():
    return fitted(classifier("adam"), *data("binary"))


@pytest.fixture
def path(tmp_path, old):
    save_model(old, tmp_path / "model")
    return tmp_path / "model"


def fails(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


class FullDisk:
    """A file on a disk that takes so many more bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        data = bytes(data)
        written = self.file.write(data[: self.room])
        self.room -= written
        if written < len(data):
            fails()
        return written

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


@pytest.mark.parametrize("room", [0, 8, 100, 5000])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(room, path, old, monkeypatch):
    open_ = os.fdopen
    monkeypatch.setattr(atomic.os, "fdopen", lambda *args: FullDisk(open_(*args), room))
    with pytest.raises(OSError, match="No space left"):
        save_model(fitted(classifier("everything"), *data("multiclass")), path)
    monkeypatch.undo()
    assert [each.name for each in path.parent.iterdir()] == ["model"]
    assert difference(load_model(path), old) is None


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_failure_at_the_end_leaves_the_old_file(function, path, old, monkeypatch):
    monkeypatch.setattr(atomic.os, function, fails)
    with pytest.raises(OSError, match="No space left"):
        save_model(MinNetClassifier(), path)
    monkeypatch.undo()
    assert [each.name for each in path.parent.iterdir()] == ["model"]
    assert difference(load_model(path), old) is None


LIMITED = """
import resource, sys
from minnet import MinNetClassifier, save_model
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    save_model(MinNetClassifier(), sys.argv[1])
except OSError as error:
    sys.exit(error.errno)
"""


@posix
def test_a_limit_of_the_system_leaves_the_old_file(path, old):
    done = subprocess.run([sys.executable, "-c", LIMITED, path], check=False)
    assert done.returncode == errno.EFBIG
    assert [each.name for each in path.parent.iterdir()] == ["model"]
    assert difference(load_model(path), old) is None


def test_it_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            atomic.os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1]
        )
    save_model(MinNetClassifier(), tmp_path / "model")
    assert calls[:2] == ["fsync", "replace"]
    assert calls[2:] == (["fsync"] if os.name == "posix" else [])  # of the folder


KILLED = """
import os, sys, signal
from minnet import MinNetClassifier, save_model
from minnet.common import atomic
def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(atomic.os, sys.argv[2], die)
save_model(MinNetClassifier(alpha=0.125), sys.argv[1])
"""


@posix
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_save_that_is_killed_leaves_the_old_file(function, path, old):
    done = subprocess.run([sys.executable, "-c", KILLED, path, function], check=False)
    assert done.returncode == -signal.SIGKILL
    assert difference(load_model(path), old) is None
    left = [each for each in path.parent.iterdir() if each != path]
    assert [each.name[:8] for each in left] == [".minnet-"]
    save_model(MinNetClassifier(alpha=0.125), path)
    assert load_model(path).alpha == 0.125
    assert list(path.parent.iterdir()) == [path]


@posix
def test_permissions_are_those_of_the_umask(tmp_path):
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            save_model(MinNetClassifier(), tmp_path / str(mask))
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / str(mask)).stat().st_mode) == 0o666 & ~mask


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "model")
    save_model(MinNetClassifier(alpha=0.25), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert load_model(tmp_path / "folder" / "model").alpha == 0.25


def test_a_folder_is_no_place_for_a_model(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 (its words are the system's)
        save_model(MinNetClassifier(), tmp_path / "folder")
    with pytest.raises(FileNotFoundError):
        save_model(MinNetClassifier(), tmp_path / "missing" / "model")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_paths_of_any_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("plain", b"bytes", tmp_path / "with ☃ and space", "x" * 255):
        save_model(MinNetClassifier(alpha=0.5), path)
        assert load_model(path).alpha == 0.5
    with pytest.raises(TypeError):
        save_model(MinNetClassifier(), 3)
