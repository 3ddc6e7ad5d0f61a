"""Steps through wide layers as NumPy takes them: of few rows, by blocks of W, and of many."""

import numpy as np
import pytest

from minnet import SGD, Adam, Dense, Network, Trainer
from minnet.backends import list_backends

if "cython" not in list_backends():
    pytest.skip("the extension is not here", allow_module_level=True)

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@pytest.fixture(autouse=True)
def all_threads(monkeypatch):
    """As many threads as asked for, however small the work."""
    from minnet.backends import cython

    monkeypatch.setattr(cython, "_MULTIPLICATIONS_A_THREAD", 1)


def trained(sizes, batch_size, optimizer, dtype, backend="cython", n_threads=1, alpha=0.0):
    """Parameters after three steps, the last of which has fewer rows."""
    rng = np.random.default_rng(0)
    n_rows = 3 * batch_size - batch_size // 2
    network = Network([Dense(n, "tanh") for n in sizes[1:]], loss="squared_error", alpha=alpha)
    network.initialize(sizes[0], random_state=0, dtype=dtype)
    X = rng.standard_normal((n_rows, sizes[0])).astype(dtype)
    T = rng.standard_normal((n_rows, sizes[-1])).astype(dtype)
    trainer = Trainer(
        network, optimizer, batch_size=batch_size, backend=backend, n_threads=n_threads
    )
    trainer.run_epoch(X, T)
    return network.params


SIZES = [(385, 300, 9), (900, 256, 40), (769, 1024, 512, 3), (400, 33, 1100, 12)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(
    "optimizer",
    [SGD(0.01), SGD(0.01, momentum=0.9), Adam(0.001, epsilon=0.01)],
    ids=["sgd", "momentum", "adam"],
)
def test_threads_change_no_bit_of_what_numpy_computes(optimizer, sizes, dtype):
    for batch_size in (1, 4, 6, 8, 11, 12, 13, 24):
        expected = trained(sizes, batch_size, optimizer, dtype, "numpy")
        one, *others = (
            trained(sizes, batch_size, optimizer, dtype, n_threads=n) for n in (1, 2, 3)
        )
        np.testing.assert_allclose(one, expected, rtol=0, atol=TOLERANCE[dtype])
        for other in others:
            np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize("batch_size", [7, 8, 10, 12, 20])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_weights_that_are_fetched_in_advance(alpha, batch_size):
    sizes = 1100, 1000, 30
    made = [
        trained(sizes, batch_size, SGD(0.01), "float32", backend, n, alpha)
        for backend, n in (("cython", 1), ("cython", 2), ("numpy", 1))
    ]
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_allclose(made[0], made[2], rtol=0, atol=TOLERANCE["float32"])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("batch_size", [25, 130, 200, 530])
@pytest.mark.parametrize("optimizer", [SGD(0.01), Adam(0.001, epsilon=0.01)], ids=["sgd", "adam"])
def test_many_rows_in_one_block_and_in_several(optimizer, batch_size, dtype):
    sizes = 390, 343, 201, 350, 5
    expected = trained(sizes, batch_size, optimizer, dtype, "numpy")
    one, *others = (trained(sizes, batch_size, optimizer, dtype, n_threads=n) for n in (1, 2, 3))
    np.testing.assert_allclose(one, expected, rtol=0, atol=TOLERANCE[dtype])
    for other in others:
        np.testing.assert_array_equal(other, one)
