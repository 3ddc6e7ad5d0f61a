"""MNIST, CIFAR-10, folders of images: small files in the true formats, and files that are none."""

import gzip
import hashlib
import io
import lzma
import pickle
import struct
import sys
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
import sklearn.datasets
from numpy.testing import assert_allclose, assert_array_equal

from minnet.datasets import (
    cifar10,
    load_cifar10,
    load_digits_splits,
    load_idx,
    load_image_folder,
    load_mnist,
    mnist,
)

RNG = np.random.default_rng(0)
CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array, code=8):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


# ---- IDX


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 5), (0, 4), (1,) * 32])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files(tmp_path, dtype, shape, suffix):
    array = RNG.integers(0, 100, shape).astype(dtype)
    data = idx(array, CODES[dtype])
    path = tmp_path / f"array{suffix}"
    path.write_bytes(gzip.compress(data) if suffix else data)
    loaded = load_idx(str(path))
    assert_array_equal(loaded, array)
    assert loaded.dtype == np.dtype(dtype).newbyteorder("=")
    assert loaded.flags.writeable


WHOLE = idx(np.arange(24, dtype="u1").reshape(2, 3, 4))
HUGE = bytes([0, 0, 14, 3]) + b"\xff" * 12 + bytes(100)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must be an IDX file, got one that begins with b''"),
        (b"\0\0\x08", "must be an IDX file"),
        (b"\0\1\x08\1" + bytes(8), "must be an IDX file"),
        (b"\0\0\x0a\1" + bytes(8), "must be an IDX file"),
        (b"\x89PNG\r\n\x1a\n", "must be an IDX file"),
        (b"\0\0\x08\0\5", "must have 1 to 32 dimensions, got 0"),
        (b"\0\0\x08\xff" + bytes(1020), "must have 1 to 32 dimensions, got 255"),
        (WHOLE[:9], "must have 3 sizes, got a file that ends before"),
        (WHOLE[:-1], "must have 24 bytes of data"),
        (WHOLE + b"x", "must have 24 bytes of data"),
        (HUGE, r"must have \d{30} bytes of data for its shape"),
        (b"\0\0\x08\4" + b"\xff" * 12 + bytes(4), "must have sizes that an array can have, got"),
    ],
)
def test_idx_files_that_are_none(tmp_path, data, message, compressed):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(data) if compressed else data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=message) as caught:
        load_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 2e6
    tracemalloc.stop()
    assert str(path) in str(caught.value)


def test_broken_compression_is_found(tmp_path):
    path = tmp_path / "file.gz"
    whole = gzip.compress(idx(RNG.integers(0, 256, (50, 50)).astype("u1")))
    changed = whole[:-8] + bytes(4) + whole[-4:]  # another checksum
    for data in (whole[:-30], whole[:12], whole[:500] + bytes(20) + whole[520:], changed):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"file\.gz must"):
            load_idx(path)
    # A little file that says it has as much as a compressed one can: memory grows with what comes.
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1]) + struct.pack(">I", 30_000) + bytes(99)))
    with pytest.raises(ValueError, match="must have 30000 bytes of data, got 99"):
        load_idx(path)


# ---- MNIST

STEMS = list(mnist._FILES)


def mnist_arrays(n_train=120, n_test=20, shape=(4, 5)):
    return [
        RNG.integers(0, 256, (n_train, *shape)).astype("u1"),
        (np.arange(n_train) % 10).astype("u1"),
        RNG.integers(0, 256, (n_test, *shape)).astype("u1"),
        (np.arange(n_test) % 10).astype("u1"),
    ]


def write_mnist(folder, arrays, suffix=""):
    for stem, array in zip(STEMS, arrays, strict=True):
        data = idx(array)
        (folder / (stem + suffix)).write_bytes(gzip.compress(data) if suffix else data)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_from_its_files(tmp_path, monkeypatch, suffix):
    arrays = mnist_arrays()
    write_mnist(tmp_path, arrays, suffix)
    with pytest.raises(ValueError, match=r"train-images.* must be MNIST's own file, .* SHA-256"):
        load_mnist(tmp_path)
    known = [hashlib.sha256(idx(array)).hexdigest() for array in arrays]
    monkeypatch.setattr(mnist, "_FILES", dict(zip(STEMS, known, strict=True)))
    parts = load_mnist(str(tmp_path), dtype="uint8")
    assert parts.name == "MNIST"
    images = arrays[0].reshape(120, 20)
    assert_array_equal(parts.X_train, images[:100])
    assert_array_equal(parts.y_train, arrays[1][:100])
    assert_array_equal(parts.X_valid, images[100:])
    assert_array_equal(parts.y_valid, arrays[1][100:])
    assert_array_equal(parts.X_test, arrays[2].reshape(20, 20))
    assert_array_equal(parts.y_test, arrays[3])
    scaled = load_mnist(tmp_path)
    assert scaled.X_test.dtype == np.float32
    assert scaled.y_test.dtype == np.int64
    assert_array_equal(scaled.X_test, (arrays[2].reshape(20, 20) / 255).astype("f4"))
    arrays[3][4] = 3
    write_mnist(tmp_path, arrays, suffix)
    with pytest.raises(ValueError, match=r"t10k-labels.* must be MNIST's own file"):
        load_mnist(tmp_path)
    other = load_mnist(tmp_path, check=False)
    assert other.y_test[4] == 3
    assert other.name != "MNIST"


def test_files_in_mnists_form_that_do_not_fit(tmp_path):
    arrays = mnist_arrays()

    def fails(message, **changed):
        given = [changed.get(f"a{i}", array) for i, array in enumerate(arrays)]
        write_mnist(tmp_path, given)
        with pytest.raises(ValueError, match=message):
            load_mnist(tmp_path, check=False)

    fails("train-labels .* must have 120 labels, got an array of shape", a1=arrays[1][:-1])
    fails("t10k-labels .* must have 20 labels", a3=arrays[1])
    fails("must have unsigned bytes in 3 dimensions, got uint8 in 2", a0=arrays[0][:, 0])
    fails("must have unsigned bytes in 1 dimensions, got uint8 in 3", a1=arrays[0])
    fails("must have one size, got", a2=arrays[2][:, :3].copy())
    turned = arrays[2].reshape(20, 5, 4)  # as many pixels
    fails(r"must have one size, got \(4, 5\) and \(5, 4\)", a2=turned)
    for i, part in ((0, "train"), (2, "t10k")):
        empty = {f"a{i}": arrays[i][:0], f"a{i + 1}": arrays[i + 1][:0]}
        fails(rf"{part}-images .* must have pixels, got the shape \(0, 4, 5\)", **empty)


def test_missing_files_are_named_with_what_to_do(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"folder must be a folder, got .*put the files train-im"
    ):
        load_mnist(tmp_path / "none")
    write_mnist(tmp_path, mnist_arrays())
    (tmp_path / STEMS[2]).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"must have t10k-images-idx3-ubyte, or .*gz.*put the"
    ):
        load_mnist(tmp_path)
    (tmp_path / "t10k-images.idx3-ubyte").write_bytes(idx(mnist_arrays()[2]))
    assert load_mnist(tmp_path, check=False).X_test.shape == (20, 20)
    with pytest.raises(ValueError, match="dtype must be float32, float64 or uint8"):
        load_mnist(tmp_path, dtype="int32")
    with pytest.raises(ValueError, match="check must be True or False"):
        load_mnist(tmp_path, check="no")


# ---- CIFAR-10

BINS = list(cifar10._FILES)


def records(n=20):
    labels = (np.arange(n) % 10).astype("u1")
    return np.column_stack([labels, RNG.integers(0, 256, (n, 3072)).astype("u1")])


@pytest.fixture
def batches(monkeypatch):
    made = [records() for _ in BINS]
    known = [hashlib.md5(batch.tobytes()).hexdigest() for batch in made]
    monkeypatch.setattr(cifar10, "_FILES", dict(zip(BINS, known, strict=True)))
    return made


def write_cifar(folder, batches):
    folder.mkdir(exist_ok=True)
    for name, batch in zip(BINS, batches, strict=True):
        (folder / name).write_bytes(bytes(batch))


def write_archive(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members:
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("form", ["folder", "subfolder", "archive", "folder of archive"])
def test_cifar10_from_its_files(tmp_path, batches, form):
    path = tmp_path
    if form == "folder":
        write_cifar(tmp_path, batches)
    elif form == "subfolder":
        write_cifar(tmp_path / "cifar-10-batches-bin", batches)
    else:
        members = [("readme.html", b"x"), *zip(BINS[::-1], map(bytes, batches[::-1]), strict=True)]
        write_archive(tmp_path / "cifar-10-binary.tar.gz", members)
        path = tmp_path / "cifar-10-binary.tar.gz" if form == "archive" else tmp_path
    parts = load_cifar10(str(path), dtype="uint8")
    assert parts.name == "CIFAR-10"
    assert list(parts.target_names[[0, 9]]) == ["airplane", "truck"]
    assert_array_equal(parts.X_train, np.concatenate(batches[:4])[:, 1:])
    assert_array_equal(parts.y_train, np.concatenate(batches[:4])[:, 0])
    assert_array_equal(parts.X_valid, batches[4][:, 1:])
    assert_array_equal(parts.X_test, batches[5][:, 1:])
    assert_array_equal(parts.y_test, batches[5][:, 0])
    assert load_cifar10(path).X_test.dtype == np.float32
    assert sorted(tmp_path.rglob("*.bin")) == sorted(tmp_path.rglob("*_batch*"))  # nothing unpacked


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], r"must have records of 3073 bytes, got 61459 bytes"),
        (lambda data: b"", "must have records of 3073 bytes, got 0 bytes"),
        (lambda data: b"\x0a" + data[1:], "must have the labels 0 to 9"),
        (lambda data: bytes(30_730_001), "must have at most 30730000 bytes, got 30730001"),
    ],
)
@pytest.mark.parametrize("archived", [False, True])
def test_cifar_files_that_are_none(tmp_path, batches, change, message, archived):
    data = [bytes(batch) for batch in batches]
    data[2] = change(data[2])
    if archived:
        write_archive(tmp_path / "cifar-10-binary.tar.gz", zip(BINS, data, strict=True))
    else:
        write_cifar(tmp_path, data)
    with pytest.raises(ValueError, match=message) as caught:
        load_cifar10(tmp_path, check=False)
    assert "data_batch_3.bin" in str(caught.value)


def test_other_cifar_files_need_no_check(tmp_path, batches):
    batches[3] = records(30)
    write_cifar(tmp_path, batches)
    with pytest.raises(
        ValueError, match=r"data_batch_4\.bin in .* must be CIFAR-10's own file, .* MD5"
    ):
        load_cifar10(tmp_path)
    parts = load_cifar10(tmp_path, check=False)
    assert parts.X_train.shape == (90, 3072)
    assert parts.name != "CIFAR-10"


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_pickles_are_not_opened(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(Evil()))
    for path in (tmp_path, folder):
        with pytest.raises(ValueError, match=r"got the Python version, whose pickles can run code"):
            load_cifar10(path)


def test_archives_that_are_none(tmp_path, batches):
    path = tmp_path / "cifar-10-binary.tar.gz"
    members = list(zip(BINS, map(bytes, batches), strict=True))
    write_archive(path, members)
    whole = path.read_bytes()
    for data in (b"", b"no archive", whole[:20], whole[: len(whole) // 2], whole[:400] + bytes(99)):
        path.write_bytes(data)
        with pytest.raises(
            ValueError, match=r"tar\.gz must (be a whole tar archive|have)"
        ) as caught:
            load_cifar10(path)
        assert "\n" not in str(caught.value)
    with lzma.open(path, "wb") as compressed:
        compressed.write(gzip.decompress(whole))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"tar\.gz must be a whole tar archive"):
        load_cifar10(path, check=False)
    write_archive(path, members[:5])
    with pytest.raises(ValueError, match=r"must have test_batch\.bin, got none: download"):
        load_cifar10(path)
    with tarfile.open(path, "w:gz") as archive:  # links and folders of the right names
        for i, name in enumerate(BINS):
            member = tarfile.TarInfo(name)
            member.type = (tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE)[i % 3]
            member.linkname = "/etc/passwd"
            archive.addfile(member)
    with pytest.raises(ValueError, match=r"must have data_batch_1\.bin, .*got none"):
        load_cifar10(path)
    path.unlink()
    for missing in (path, tmp_path):
        with pytest.raises(
            FileNotFoundError, match="must have CIFAR-10's binary version, got none: down"
        ):
            load_cifar10(missing)
    for missing in BINS[1], BINS[5]:
        write_cifar(tmp_path, batches)
        (tmp_path / missing).unlink()
        with pytest.raises(FileNotFoundError, match=rf"must have {missing}, got none"):
            load_cifar10(tmp_path)
    write_archive(path, members)  # which has them all
    assert len(load_cifar10(tmp_path).X_test) == 20


# ---- digits


def test_digits_are_whole_and_labelled_as_a_stand_in():
    parts = load_digits_splits(dtype="uint8")
    X, y = sklearn.datasets.load_digits(return_X_y=True)
    assert "stand-in" in parts.name
    together = np.concatenate([parts.X_train, parts.X_valid, parts.X_test])
    labels = np.concatenate([parts.y_train, parts.y_valid, parts.y_test])
    rows = np.column_stack([together, labels])
    assert_array_equal(np.unique(rows, axis=0), np.unique(np.column_stack([X, y]), axis=0))
    assert len(rows) == 1797
    for part in ("train", "valid", "test"):
        share = np.bincount(parts[f"y_{part}"], minlength=10) / len(parts[f"y_{part}"])
        assert np.abs(share - 0.1).max() < 4 * np.sqrt(0.09 / 300)  # in random order
    assert load_digits_splits().X_train.max() == 1


# ---- folders


def save(path, pixels, **options):
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(pixels).save(path, **options)


def test_a_folder_of_images(tmp_path):
    wide = np.zeros((50, 90, 3), np.uint8)
    wide[:, 20:70] = (10, 200, 90)  # the square in the middle
    save(tmp_path / "fish" / "b.png", wide)
    save(tmp_path / "fish" / "a.PNG", np.full((37, 37), 77, np.uint8))
    tall = np.full((120, 60, 3), (255, 255, 255), np.uint8)
    save(tmp_path / "birds" / "one.bmp", tall)
    (tmp_path / "birds" / "notes.txt").write_text("no image")
    (tmp_path / "birds" / ".hidden.png").write_text("no image")
    (tmp_path / ".cache").mkdir()
    images = load_image_folder(tmp_path, dtype="uint8")
    assert list(images.target_names) == ["birds", "fish"]
    assert_array_equal(images.target, [0, 1, 1])
    assert [name[-7:] for name in images.filenames] == ["one.bmp", "h/a.PNG", "h/b.png"]
    assert images.data.shape == (3, 37 * 37)
    grey = round(0.299 * 10 + 0.587 * 200 + 0.114 * 90)
    assert_array_equal(images.data[:, [0, 700, -1]], np.repeat([[255], [77], [grey]], 3, axis=1))
    scaled = load_image_folder(str(tmp_path), size=8)
    assert scaled.data.shape == (3, 64)
    assert scaled.data.dtype == np.float32
    assert_allclose(scaled.data[1], 77 / 255, rtol=1e-6)


def test_images_are_turned_upright_and_palettes_are_colours(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((40, 40), np.uint8)
    pixels[:10] = 255  # a white bar at the top ...
    exif = image.Exif()
    exif[0x0112] = 6  # ... of a camera that was held on its side: the bar belongs to the right
    save(tmp_path / "a" / "1.png", pixels, exif=exif)
    palette = image.fromarray(np.full((40, 40), 1, np.uint8), "P")
    palette.putpalette([0, 0, 0, 255, 0, 0])
    (tmp_path / "b").mkdir()
    palette.save(tmp_path / "b" / "1.gif")
    images = load_image_folder(tmp_path, size=40, dtype="uint8")
    upright = images.data[0].reshape(40, 40)
    assert (upright[:, 30:] == 255).all()
    assert not upright[:, :30].any()
    assert set(images.data[1]) == {76}  # 0.299 * 255


def test_folders_and_images_that_are_none(tmp_path):
    pytest.importorskip("PIL")
    with pytest.raises(
        FileNotFoundError, match="folder must be a folder with a subfolder for each cl"
    ):
        load_image_folder(tmp_path / "none")
    save(tmp_path / "a" / "1.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(ValueError, match="must have two classes or more as subfolders, got 1"):
        load_image_folder(tmp_path)
    (tmp_path / "b").mkdir()
    with pytest.raises(
        ValueError, match=r"must have images, got no file that ends in one of \.bmp"
    ):
        load_image_folder(tmp_path)
    bad = tmp_path / "b" / "1.png"
    whole = (tmp_path / "a" / "1.png").read_bytes()

    def claims(side):
        """Return a PNG whose header has other sizes, with its checksum."""
        size = struct.pack(">II", side, side) + whole[24:29]
        return whole[:16] + size + struct.pack(">I", zlib.crc32(b"IHDR" + size)) + whole[33:]

    broken = b"", b"text", whole[:40], whole[:46], b"%!PS-Adobe-3.0 EPSF-3.0\n"
    for data in (*broken, claims(8200), claims(100_000)):
        bad.write_bytes(data)
        with pytest.raises(ValueError, match=r"1\.png must be an image of at most 67108864 pixels"):
            load_image_folder(tmp_path)
    bad.unlink()
    save(tmp_path / "b" / "deep.png", np.full((9, 9), 40_000, np.uint16))
    with pytest.raises(ValueError, match="8 bits a channel, got: it has more than 8 bits"):
        load_image_folder(tmp_path)
    with pytest.raises(ValueError, match="size must be a whole number of at least 1"):
        load_image_folder(tmp_path, size=0)


def test_without_pillow_it_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'minnet-learn\[images\]'"):
        load_image_folder(tmp_path)
