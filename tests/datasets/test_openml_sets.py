"""MNIST and CIFAR-10 from OpenML: in scikit-learn's form, as OpenML's files, and without a network."""

import gzip
import hashlib
import io
import json
from http.client import IncompleteRead
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import _openml as theirs

from minnet.datasets import _openml, cifar10, fetch_cifar10, fetch_mnist, mnist

RNG = np.random.default_rng(0)
STEMS = list(mnist._FILES)


def digest(array):
    """Return the SHA-256 of the IDX file of an array of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return hashlib.sha256(header + array.tobytes()).hexdigest()


class OpenML:
    def __init__(self, monkeypatch, data, target):
        self.data, self.target, self.asked = data, target, []
        monkeypatch.setattr(sklearn.datasets, "fetch_openml", self)

    def __call__(self, **given):
        self.asked.append(given)
        if isinstance(self.data, Exception):
            raise self.data
        return sklearn.utils.Bunch(data=self.data, target=self.target)


def smaller_mnist(monkeypatch, n=700):
    """Make MNIST a set of n images; return them and their labels."""
    X = RNG.integers(0, 256, (n, 784)).astype("u1")
    y = np.arange(n) % 10
    n_test = n // 7
    n_train = n - n_test
    monkeypatch.setattr(mnist, "_SIZES", (n_train - n_test, n_test, n_test))
    monkeypatch.setattr(mnist, "_COUNTS", (n // 10,) * 10)
    images, labels = X.reshape(-1, 28, 28), y.astype("u1")
    arrays = images[:n_train], labels[:n_train], images[n_train:], labels[n_train:]
    known = [digest(array) for array in arrays]
    monkeypatch.setattr(mnist, "_FILES", dict(zip(STEMS, known, strict=True)))
    return X, y


def small_mnist(monkeypatch, dtype="int64"):
    """Make MNIST a set of 700 images; return what OpenML has of it."""
    X, y = smaller_mnist(monkeypatch)
    return OpenML(monkeypatch, X.astype(dtype), y.astype(str).astype(object)), X, y


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_mnist_from_openml(monkeypatch, dtype):
    openml, X, y = small_mnist(monkeypatch, dtype)
    parts = fetch_mnist(data_home="somewhere", cache=False, dtype="uint8")
    (asked,) = openml.asked
    assert asked["data_id"] == 554
    assert (asked["data_home"], asked["cache"]) == ("somewhere", False)
    assert_array_equal(parts.X_train, X[:500])
    assert_array_equal(parts.X_valid, X[500:600])
    assert_array_equal(parts.X_test, X[600:])
    assert_array_equal(np.concatenate([parts.y_train, parts.y_valid, parts.y_test]), y)
    assert parts.y_test.dtype == np.int64
    assert_allclose(fetch_mnist().X_test, X[600:] / 255, rtol=1e-7)


def test_the_true_sizes_and_counts():
    assert mnist._SIZES == (50_000, 10_000, 10_000)
    assert cifar10._SIZES == (40_000, 10_000, 10_000)
    # The counts of the training and of the test file, as they are often printed.
    train = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    test = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    assert_array_equal(mnist._COUNTS, np.add(train, test))
    assert (sum(train), sum(test)) == (60_000, 10_000)


def test_what_arrives_is_looked_at(monkeypatch):
    openml, X, y = small_mnist(monkeypatch)

    def fails(message, data=None, target=None):
        openml.data = X.astype("f8") if data is None else data
        openml.target = y.astype(str) if target is None else target
        with pytest.raises(ValueError, match=message):
            fetch_mnist()

    wrong = X.astype("f8")
    wrong[3, 4] = np.nan
    fails(r"MNIST must have images of shape \(700, 784\), got \(699, 784\)", X[:699])
    fails(r"MNIST must have pixels from 0 to 255", wrong)
    fails("MNIST must have pixels from 0 to 255", X.astype("i8") - 1)
    fails("MNIST must have pixels from 0 to 255", X.astype(str))
    fails("MNIST must have whole numbers as pixels", X * 0.5)
    fails("MNIST must have 700 labels", target=y[:-1])
    fails("MNIST must have the labels 0 to 9", target=y + 1)
    fails("MNIST must have the labels 0 to 9", target=np.full(700, "cat"))
    fails(r"MNIST must have \[70, .*\] images of its classes, got \[0, ", target=np.ones(700, int))
    openml.data, openml.target = X[::-1], y[::-1]
    with pytest.warns(UserWarning, match="MNIST from OpenML: .* not those of the original files"):
        fetch_mnist()


@pytest.mark.parametrize(
    ("fetch", "message"),
    [
        (
            fetch_mnist,
            r"MNIST could not be fetched from OpenML \(.*not known.*\): put the files train-",
        ),
        (fetch_cifar10, r"CIFAR-10 could not be .*: download cifar-10-binary\.tar\.gz"),
    ],
)
def test_without_a_network_it_says_what_to_do(monkeypatch, fetch, message):
    OpenML(monkeypatch, URLError("Name or service not known"), None)
    with pytest.raises(OSError, match=message):
        fetch()


class Response(io.BytesIO):
    """What ``urlopen`` returns, as far as scikit-learn looks at it."""

    def info(self):
        return {"Content-Encoding": "gzip"}


def serve_openml(monkeypatch, data_id, X, y, quote=""):
    """Put OpenML's descriptions of a set and its ARFF file in the place of the network."""
    names = [f"pixel{i}" for i in range(1, 1 + X.shape[1])]
    lines = ["% comment", "@RELATION small", ""]
    lines += [f"@ATTRIBUTE {name} real" for name in names]
    classes = [f"{quote}{label}{quote}" for label in range(10)]
    lines += [f"@ATTRIBUTE class {{{','.join(classes)}}}", "", "@DATA"]
    lines += [",".join([*map(str, row), classes[label]]) for row, label in zip(X, y, strict=True)]
    arff = "\n".join(lines).encode()
    flags = {"is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
    features = [
        {"index": str(i), "name": name, "data_type": "numeric", "is_target": "false"} | flags
        for i, name in enumerate(names)
    ]
    last = {"name": "class", "data_type": "nominal", "nominal_value": list("0123456789")}
    features.append({"index": str(len(names)), "is_target": "true"} | last | flags)
    url = "https://api.openml.org/data/v1/download/52667/small.arff"
    description = {
        "id": str(data_id), "name": "small", "version": "1", "description": "", "format": "ARFF",
        "url": url, "file_id": "52667/small.arff", "status": "active",
        "md5_checksum": hashlib.md5(arff).hexdigest(),
    }  # fmt: skip
    prefix = getattr(theirs, "_OPENML_PREFIX", "")  # of older ones
    api = (prefix + theirs._DATA_INFO).removesuffix("/{}")
    files = {
        f"{api}/{data_id}": {"data_set_description": description},
        f"{api}/features/{data_id}": {"data_features": {"feature": features}},
        f"{api}/qualities/{data_id}": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": f"{len(X)}.0"}]}
        },
    }
    files = {where: json.dumps(what).encode() for where, what in files.items()} | {url: arff}

    def urlopen(request):
        return Response(gzip.compress(files[request.full_url]))

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", urlopen)
    return files, url


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("quote", ["", "'"])
@pytest.mark.parametrize("parser", ["pandas", "liac-arff"])
def test_openmls_files_are_kept_and_read_again(tmp_path, monkeypatch, parser, quote):
    if parser == "pandas":
        pytest.importorskip("pandas")
    else:
        monkeypatch.setattr(_openml, "find_spec", lambda name: None)
    X, y = smaller_mnist(monkeypatch, 70)
    files, url = serve_openml(monkeypatch, 554, X, y, quote)
    for _ in range(2):
        parts = fetch_mnist(data_home=tmp_path, dtype="uint8")
        assert_array_equal(np.concatenate([parts.X_train, parts.X_valid, parts.X_test]), X)
        assert_array_equal(np.concatenate([parts.y_train, parts.y_valid, parts.y_test]), y)
        files.clear()  # the second time nothing is asked for
    assert (tmp_path / "openml" / "openml.org" / f"{url.split('org/')[1]}.gz").is_file()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # scikit-learn tries a second time
@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("description", "cut off"),
        ("description", "too short"),
        ("description", "another page"),
        ("data", "cut off"),
        ("data", "too short"),
    ],
)
def test_broken_downloads_say_what_to_do(tmp_path, monkeypatch, cache, where, fault):
    X, y = smaller_mnist(monkeypatch, 70)
    files, url = serve_openml(monkeypatch, 554, X, y)
    broken = url if where == "data" else next(iter(files))

    class CutOff(Response):
        def read(self, *size):
            raise IncompleteRead(b"")

    def urlopen(request):
        data = gzip.compress(files[request.full_url])
        if request.full_url != broken:
            return Response(data)
        if fault == "cut off":
            return CutOff(data)
        page = gzip.compress(b"<html>Log in</html>")  # of a network that wants a password first
        return Response(page if fault == "another page" else data[:-20])

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", urlopen)
    with pytest.raises(OSError, match=r"MNIST could not be fetched .*: put the files train-images"):
        fetch_mnist(data_home=tmp_path, cache=cache)


@pytest.mark.filterwarnings("error")
def test_cifar10_from_openml(monkeypatch):
    labels = (np.arange(20) % 10).astype("u1")
    batches = [
        np.column_stack([labels, RNG.integers(0, 256, (20, 3072)).astype("u1")])
        for _ in cifar10._FILES
    ]
    known = [hashlib.md5(batch.tobytes()).hexdigest() for batch in batches]
    monkeypatch.setattr(cifar10, "_FILES", dict(zip(cifar10._FILES, known, strict=True)))
    monkeypatch.setattr(cifar10, "_SIZES", (80, 20, 20))
    monkeypatch.setattr(cifar10, "_PER_FILE", 20)
    rows = np.concatenate(batches)
    openml = OpenML(monkeypatch, rows[:, 1:].astype("i8"), rows[:, 0].astype(str).astype(object))
    parts = fetch_cifar10(dtype="uint8")
    assert openml.asked[0]["data_id"] == 40927
    assert_array_equal(parts.X_test, batches[5][:, 1:])
    assert_array_equal(parts.y_valid, batches[4][:, 0])
    openml.data, openml.target = openml.data[::-1], openml.target[::-1]
    with pytest.warns(
        UserWarning, match="CIFAR-10 from OpenML: .* not those of the original files"
    ):
        fetch_cifar10()
    openml.target = np.zeros(120, int)
    with pytest.raises(ValueError, match="images of its classes"):
        fetch_cifar10()
