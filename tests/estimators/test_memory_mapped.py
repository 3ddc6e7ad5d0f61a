"""Inputs that lie in a file are read in place: no call makes a copy of them."""

import subprocess
import sys
import textwrap
import tracemalloc

import joblib
import numpy as np
import pytest

from minnet import MinNetClassifier, MinNetRegressor
from minnet.backends import list_backends

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer"),
    pytest.mark.skipif("cython" not in list_backends(), reason="the compiled backend is not built"),
]

N_ROWS, N_COLUMNS = 100_000, 60


@pytest.fixture(scope="module", params=["float32 C", "float32 F", "float64 C", "float64 F"])
def kept(request, tmp_path_factory):
    """A matrix, and what opens the files in which it lies."""
    dtype, order = request.param.split()
    folder = tmp_path_factory.mktemp("mapped")
    X = np.random.default_rng(0).normal(size=(N_ROWS, N_COLUMNS))
    X = np.asarray(X, dtype=dtype, order=order)
    np.save(folder / "X.npy", X)
    joblib.dump(X, folder / "X.joblib")
    return {
        "NumPy": lambda: np.load(folder / "X.npy", mmap_mode="r"),
        "joblib": lambda: joblib.load(folder / "X.joblib", mmap_mode="r"),
    }


@pytest.mark.parametrize("opened_by", ["NumPy", "joblib"])
def test_nothing_allocates_as_much(kept, opened_by):
    X = kept[opened_by]()
    assert isinstance(X, np.memmap)
    assert not X.flags.writeable
    y = np.arange(N_ROWS) % 3
    options = {"max_iter": 1, "backend": "cython", "n_threads": 1, "random_state": 0}
    clf = MinNetClassifier((8,), **options)
    fitted = MinNetClassifier((8,), **options).fit(X[:1000], y[:1000])
    calls = {
        "fit": lambda: clf.fit(X, y),
        "fit in order": lambda: clf.set_params(shuffle=False).fit(X, y, np.ones(N_ROWS)),
        "fit watching": lambda: clf.fit(X[:1000], y[:1000], X_val=X, y_val=y),
        "regression": lambda: MinNetRegressor(hidden_layer_sizes=(8,), **options).fit(X, y),
        "initializer of data": lambda: clf.set_params(init="lsuv").fit(X, y),
        "partial_fit": lambda: clf.partial_fit(X, y),
        "predict": lambda: fitted.predict(X),
        "predict_proba": lambda: fitted.predict_proba(X),
        "score": lambda: fitted.score(X, y),
    }
    peaks = {}
    for name, call in calls.items():
        tracemalloc.start()
        call()
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert max(peaks.values()) < X.nbytes / 2, peaks
    # What the results themselves take is in the peaks: of an array of all of X they would be above.
    tracemalloc.start()
    np.array(X)
    assert tracemalloc.get_traced_memory()[1] >= X.nbytes
    tracemalloc.stop()


def test_as_an_array(kept):
    X = kept["NumPy"]()[:5000]
    y = np.arange(5000) % 3
    mapped = MinNetClassifier((8,), max_iter=2, random_state=0).fit(X, y)
    loaded = MinNetClassifier((8,), max_iter=2, random_state=0).fit(np.array(X), y)
    np.testing.assert_array_equal(mapped.coefs_[0], loaded.coefs_[0])
    np.testing.assert_array_equal(mapped.predict_proba(X), loaded.predict_proba(np.array(X)))


CHILD = """
    import resource, sys, warnings
    import numpy as np
    from minnet import MinNetClassifier

    warnings.simplefilter("ignore")
    X = np.load(sys.argv[1], mmap_mode="r")
    y = np.arange(len(X)) % 3
    options = {"max_iter": 1, "backend": "cython", "n_threads": 1, "random_state": 0}
    fitted = MinNetClassifier((8,), **options).fit(X[:1000], y[:1000])  # what is loaded is loaded
    with open("/proc/self/status") as status:
        now = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    room = X.nbytes // 2
    resource.setrlimit(resource.RLIMIT_DATA, (now + room, now + room))
    try:
        np.array(X)
    except MemoryError:
        print("no room for a copy")
    MinNetClassifier((8,), **options).fit(X, y)
    MinNetClassifier((8,), **options).partial_fit(X, y, classes=[0, 1, 2])
    fitted.predict(X)
    print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_where_the_system_gives_no_room_for_a_copy(tmp_path, dtype, order):
    # Whoever allocates, the system counts: 100 MB in a file, and half of that for everything.
    shape = 10**8 // (100 * np.dtype(dtype).itemsize), 100
    X = np.lib.format.open_memmap(
        tmp_path / "X.npy", "w+", dtype=dtype, shape=shape, fortran_order=order == "F"
    )
    X[...] = np.random.default_rng(0).normal(size=100)
    X.flush()
    del X
    command = [sys.executable, "-c", textwrap.dedent(CHILD), tmp_path / "X.npy"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.stdout.split("\n")[:2] == ["no room for a copy", "done"], ran.stderr
