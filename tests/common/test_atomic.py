"""What is no file is never replaced, whoever writes; what is one hands on its rights; nothing is left."""

import errno
import os
import shutil
import signal
import socket
import stat
import warnings

import numpy as np
import pytest

from minnet import MinNetClassifier, load_model, save_model
from minnet.callbacks import Checkpoint
from minnet.common.atomic import write_atomically
from minnet.export import to_numpy_source, to_onnx
from minnet.lab import Probe, Recording

pytestmark = pytest.mark.skipif(os.name != "posix", reason="of POSIX systems")

X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
as_root = os.name == "posix" and os.geteuid() == 0


def fit(*callbacks, **params):
    options = {"max_iter": 3, "n_iter_no_change": 9, "random_state": 0} | params
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MinNetClassifier((4,), **options).set_callbacks(*callbacks).fit(X, Y)


MODEL = fit()
RECORDING = Probe(X, Y)
fit(RECORDING)


def write_onnx(path):
    pytest.importorskip("onnx")
    to_onnx(MODEL, path)


def write_plainly(path):
    with write_atomically(path) as file:
        file.write(b"numbers")


WRITERS = {
    "save_model": lambda path: save_model(MODEL, path),
    "Checkpoint": lambda path: fit(Checkpoint(path)),
    "Checkpoint anew": lambda path: fit(Checkpoint(path, resume=False)),
    "to_onnx": write_onnx,
    "to_numpy_source": lambda path: to_numpy_source(MODEL, path),
    "Recording.save": lambda path: RECORDING.recording.save(path),
    "write_atomically": write_plainly,
}


def make_socket(path):
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket has at most 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


TARGETS = {
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3)),
    "a device of blocks": lambda path: os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(7, 99)),
}


def seen(folder):
    """Return what is in a folder, as the system sees it."""
    return {each.name: (each.lstat().st_mode, each.lstat().st_ino) for each in folder.iterdir()}


@pytest.mark.parametrize("way", ["itself", "a link", "a link to a link"])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_no_file_is_refused_and_stays(writer, kind, way, tmp_path):
    if "device" in kind and not as_root:
        pytest.skip("only root makes devices")
    if kind == "a folder" and writer.startswith("Checkpoint"):
        return  # which makes files in it
    path = tmp_path / "target"
    TARGETS[kind](path)
    for i in range(["itself", "a link", "a link to a link"].index(way)):
        (tmp_path / f"link {i}").symlink_to(path)
        path = tmp_path / f"link {i}"
    before = seen(tmp_path)
    with pytest.raises((OSError, ValueError), match="path must be that of a file, "):
        WRITERS[writer](path)
    assert seen(tmp_path) == before


@pytest.mark.parametrize("writer", WRITERS)
def test_a_link_that_leads_nowhere(writer, tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to(tmp_path / "missing" / "model")
    before = seen(tmp_path)
    with pytest.raises(OSError, match=r"links: '.*/a'"):
        WRITERS[writer](tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="missing/model'"):
        WRITERS[writer](tmp_path / "c")
    assert seen(tmp_path) == before


@pytest.mark.parametrize("name", ["", ".", "..", "new/", "new/.", "file/", "file/new"])
def test_names_of_folders_only(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    before = seen(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011  # some of the words are the system's
        write_plainly(name)
    assert seen(tmp_path) == before


@pytest.mark.parametrize("writer", WRITERS)
def test_it_is_refused_before_there_is_work(writer, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    calls = []
    monkeypatch.setattr("minnet.persistence.files.describe", lambda *args: calls.append(args))
    monkeypatch.setattr("minnet.export.onnx_model.describe_model", calls.append)
    monkeypatch.setattr("minnet.export.numpy_source.describe_model", calls.append)
    monkeypatch.setattr("numpy.savez_compressed", lambda *args, **arrays: calls.append(args))
    with pytest.raises((OSError, ValueError), match="path must be that of a file"):
        WRITERS[writer](tmp_path / "pipe")
    assert calls == []


@pytest.mark.parametrize("kind", [kind for kind in TARGETS if "device" not in kind])
def test_what_has_come_meanwhile_stays(kind, tmp_path):
    path = tmp_path / "target"
    with pytest.raises(OSError, match="path must be that of a file"), write_atomically(path):  # noqa: PT012
        TARGETS[kind](path)
        before = path.lstat()
    assert [each.name for each in tmp_path.iterdir()] == ["target"]
    assert path.lstat().st_ino == before.st_ino


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o777, 0o4755, 0o2711])
def test_a_file_that_is_replaced_hands_on_its_mode(writer, mode, tmp_path):
    path = tmp_path / "file"
    if writer == "Checkpoint":
        WRITERS[writer](path)
    else:
        path.touch()
    path.chmod(mode)
    WRITERS[writer](path)
    assert path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == mode & 0o777


def test_what_nobody_else_may_read_is_never_readable(tmp_path):
    path = tmp_path / "file"
    path.touch(0o600)
    before = os.umask(0)
    try:
        with write_atomically(path) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(not as_root, reason="only root gives files away")
def test_owner_and_group_are_handed_on(tmp_path):
    path = tmp_path / "file"
    path.touch(0o640)
    os.chown(path, 1234, 5678)
    write_plainly(path)
    after = path.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (1234, 5678, 0o640)


@pytest.mark.parametrize("refused", ["owner", "both"])
def test_another_group_gets_no_rights(refused, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o664)
    asked = []

    def fchown(descriptor, owner, group):
        asked.append((owner, group))
        if refused == "both" or owner != -1:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", fchown)
    real = os.fstat

    def fstat(descriptor):  # as if the new file were another user's, in another group
        fields = list(real(descriptor))
        fields[4], fields[5] = fields[4] + 1, fields[5] + 1
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", fstat)
    write_plainly(path)
    monkeypatch.undo()
    owner, group = path.stat().st_uid, path.stat().st_gid
    assert asked == [(owner, group), (-1, group)]
    assert stat.S_IMODE(path.stat().st_mode) == (0o664 if refused == "owner" else 0o604)


@pytest.mark.parametrize("kind", [kind for kind in TARGETS if "device" not in kind])
@pytest.mark.parametrize("load", [load_model, Recording.load])
def test_what_is_no_file_is_not_read_either(load, kind, tmp_path):
    TARGETS[kind](tmp_path / "target")
    with pytest.raises((OSError, ValueError), match=r"path must be|Is a directory"):
        load(tmp_path / "target")


def test_links_of_both_kinds(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    os.link(tmp_path / "file", tmp_path / "hard")
    (tmp_path / "soft").symlink_to("file")
    write_plainly(tmp_path / "soft")
    assert (tmp_path / "soft").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"numbers"
    assert (tmp_path / "hard").read_bytes() == b"old"


# ---- leftovers


def in_child(function):
    """Call a function in a child process; its exit status is 0 if there was no error."""
    child = os.fork()
    if child == 0:
        try:
            function()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return child


def begin_to_write(path):
    """Return a child that is writing, and what to close for it to end."""
    (told, tell), (end, go_on) = os.pipe(), os.pipe()

    def write_half():
        os.close(go_on)
        with write_atomically(path) as file:
            file.write(b"half")
            os.write(tell, b"!")
            os.read(end, 1)

    child = in_child(write_half)
    os.read(told, 1)
    for descriptor in (told, tell, end):
        os.close(descriptor)
    return child, go_on


def test_leftovers_of_the_dead_go_and_files_of_the_living_stay(tmp_path):
    path = tmp_path / "model"
    children = [begin_to_write(path) for _ in range(3)]
    os.kill(children[0][0], signal.SIGKILL)
    os.waitpid(children[0][0], 0)
    foreign = [".minnet-00000000-0123456789abcdef.tmp", ".minnet-notes", "minnet.tmp"]
    for name in foreign:
        (tmp_path / name).touch()
    assert len(list(tmp_path.iterdir())) == 3 + len(foreign)
    write_plainly(path)
    left = {each.name for each in tmp_path.iterdir()}
    assert {"model", *foreign} < left
    assert len(left) == 3 + len(foreign)
    for child, go_on in children[::-1]:  # whose descriptors the later ones have, too
        os.close(go_on)
        if child != children[0][0]:
            assert os.waitpid(child, 0)[1] == 0
            assert path.read_bytes() == b"half"
    assert {each.name for each in tmp_path.iterdir()} == {"model", *foreign}


def test_what_only_looks_like_a_leftover_is_not_opened(tmp_path):
    write_plainly(tmp_path / "model")
    with write_atomically(tmp_path / "model") as file:
        name = os.path.basename(file.name) if isinstance(file.name, str) else None
        name = name or next(each.name for each in tmp_path.iterdir() if each.name != "model")
        pipe, link = name.replace(".tmp", "1.tmp"), name.replace(".tmp", "2.tmp")
        os.mkfifo(tmp_path / pipe)
        (tmp_path / link).symlink_to("model")
        write_plainly(tmp_path / "other")
    assert {each.name for each in tmp_path.iterdir()} == {"model", "other", pipe, link}
    assert (tmp_path / "model").read_bytes() == b""


def test_many_write_the_same_file_at_once(tmp_path):
    path = tmp_path / "model"

    def write_often():
        for _ in range(100):
            with write_atomically(path) as file:
                file.write(b"1" * 1000)

    writers = [in_child(write_often) for _ in range(4)]
    assert [os.waitpid(writer, 0)[1] for writer in writers] == [0] * 4
    assert os.listdir(tmp_path) == ["model"]
    assert path.read_bytes() == b"1" * 1000


# ---- folders and disks


def test_a_folder_that_vanishes(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match="folder/file'"), write_atomically(folder / "file"):
        shutil.rmtree(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_only_read(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")
    real = os.open

    def no_new_file(path, flags, *mode):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system", path)
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", no_new_file)
    with pytest.raises(OSError, match=r"Read-only file system: '.*/file'"):
        write_plainly(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"old"
