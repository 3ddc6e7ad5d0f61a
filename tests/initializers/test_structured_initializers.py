"""minnet.initializers of whole matrices, whose entries depend on each other: each has its law."""

import math

import numpy as np
import pytest
from scipy import stats

from minnet import SGD, Dense, Network, Trainer
from minnet.initializers import (
    LSUV,
    Identity,
    NguyenWidrow,
    Orthogonal,
    PositiveUnitball,
    Sparse,
    ZerO,
)
from minnet.random import Stream

DTYPES = ["float64", "float32"]
SHAPES = [(211, 37), (37, 211)]


def uniform(bound):
    return stats.uniform(-bound, 2 * bound)


def follows(values, law):
    return stats.kstest(np.asarray(values, "float64").ravel(), law.cdf).pvalue > 1e-3


# Orthogonal

METHODS = pytest.mark.parametrize("method", ["qr", "svd"])


@METHODS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(300, 300), (401, 113), (113, 401), (1, 9), (9, 1), (1, 1)])
def test_orthogonal_is_orthogonal(shape, dtype, method):
    W = Orthogonal(2.0, method)(shape, rng=3, dtype=dtype).astype("float64")
    gram = W.T @ W if shape[0] >= shape[1] else W @ W.T
    tolerance = 1e-14 if dtype == "float64" else 2e-6
    np.testing.assert_allclose(gram, 4 * np.eye(min(shape)), atol=4 * tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(9, 9), (12, 5), (5, 12)])
def test_orthogonal_is_a_product_of_reflections(shape, dtype):
    Q = Orthogonal()(shape, rng=3, dtype=dtype)
    X = Stream(3, "initializer").normal((min(shape), max(shape)), dtype=dtype)
    n = max(shape)
    product = np.eye(n)
    for j, x in enumerate(X.astype(float)):
        axis = np.eye(n)[j] * -np.sign(x[j]) * np.linalg.norm(x[j:])
        u = np.where(np.arange(n) < j, 0, x) - axis  # the mirror between x and that axis
        product @= np.eye(n) - 2 * np.outer(u, u) / (u @ u)
    expected = product[:, : min(shape)] * -np.sign(np.diag(X))
    np.testing.assert_allclose(
        Q if shape[0] >= shape[1] else Q.T, expected, atol=30 * np.finfo(dtype).eps
    )


@METHODS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)], ids=["tall", "wide"])
def test_orthogonal_is_haar(shape, dtype, method):
    draw = Orthogonal(method=method)
    draws = np.array([draw(shape, rng=seed, dtype=dtype) for seed in range(1500)])
    # A coordinate of a random direction in n dimensions: (q + 1) / 2 is Beta((n-1)/2, (n-1)/2).
    coordinate = stats.beta(2, 2, loc=-1, scale=2)
    for i, j in [(0, 0), (shape[0] - 1, shape[1] - 1), (0, shape[1] - 1), (2, 2)]:
        assert follows(draws[:, i, j], coordinate)
    # A rotation on either side leaves the law as it is: u^T W v is such a coordinate, too.
    u, v = (np.full(n, n**-0.5) for n in shape)
    assert follows(np.einsum("kij,i,j->k", draws, u, v), coordinate)


@METHODS
@pytest.mark.parametrize("dtype", DTYPES)
def test_orthogonal_square_is_haar(dtype, method):
    draw = Orthogonal(method=method)
    draws = np.array([draw((2, 2), rng=seed, dtype=dtype) for seed in range(2000)])
    # Angles uniform on the circle, and rotations as frequent as reflections: without the signs of
    # R or with U alone, one of the two fails.
    angle = np.arctan2(draws[:, 1, 0], draws[:, 0, 0])
    assert follows(angle, stats.uniform(-np.pi, 2 * np.pi))
    rotations = int((np.linalg.det(draws) > 0).sum())
    assert stats.binomtest(rotations, 2000).pvalue > 1e-3


# Sparse


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("initializer", "shape", "count"),
    [
        (Sparse(), (211, 37), 15),
        (Sparse(), (37, 211), 15),
        (Sparse(), (15, 3), 15),
        (Sparse(), (4, 30), 4),
        (Sparse(1), (50, 20), 1),
        (Sparse(fraction=0.1), (211, 37), 21),
        (Sparse(fraction=1.0), (20, 5), 20),
        (Sparse(fraction=0.001), (20, 5), 1),
    ],
)
def test_sparse_has_exact_counts_per_unit(initializer, shape, count, dtype):
    W = initializer(shape, rng=1, dtype=dtype)
    assert ((W != 0).sum(axis=0) == count).all()
    assert initializer.count(shape[0]) == count


def test_sparse_places_and_values():
    W = Sparse(std=2.0)((30, 4000), rng=0)
    assert follows(W[W != 0], stats.norm(0, 2))
    # 15 of 30 places, each equally often, whatever the value there.
    places = W != 0
    assert abs(places.mean(axis=1) - 0.5).max() < 4.5 * 0.5 / math.sqrt(4000)
    pairs = (places[:-1] & places[1:]).mean(axis=1)
    assert abs(pairs - 0.5 * 14 / 29).max() < 4.5 * 0.43 / math.sqrt(4000)
    by_place = [W[i][places[i]] for i in (0, 29)]
    assert all(follows(values, stats.norm(0, 2)) for values in by_place)
    # Input of a unit: 15 std^2 whatever the fan-in (Martens 2010).
    for fan_in in (20, 500):
        assert (Sparse()((fan_in, 4000), rng=0) ** 2).sum(axis=0).mean() == pytest.approx(
            15, rel=0.03
        )


def test_sparse_places_do_not_depend_on_the_values():
    # In float32 value (r, j) and place (r, j) would come from the same word of one stream.
    W = Sparse()((30, 4000), rng=0, dtype="float32")
    upper_places, size = (W[:15] != 0).sum(axis=0), (W**2).sum(axis=0)
    assert stats.pearsonr(upper_places, size).pvalue > 1e-3


# Positive unit ball


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (1, 5)])
def test_unitball_columns_sum_to_one(shape, dtype):
    W = PositiveUnitball()(shape, rng=0, dtype=dtype)
    assert (W > 0).all()
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(W.sum(axis=0, dtype="float64"), 1.0, atol=4 * eps)


def test_unitball_law():
    # U1 / (U1 + U2) has density 1 / (2 (1-w)^2) below 1/2, and is symmetric.
    W = PositiveUnitball()((2, 5000), rng=0)[0]
    cdf = lambda w: np.where(w < 0.5, w / (2 * (1 - w)), 1 - (1 - w) / (2 * w))  # noqa: E731
    assert stats.kstest(W, cdf).pvalue > 1e-3
    # More units: against NumPy's own random numbers.
    W = PositiveUnitball()((7, 5000), rng=0)[3]
    U = np.random.default_rng(0).random((7, 5000))
    assert stats.ks_2samp(W, U[0] / U.sum(axis=0)).pvalue > 1e-3


def test_unitball_survives_the_smallest_draw():
    class AllZero:
        def uniform(self, shape, low, high, dtype):
            return np.zeros(shape, dtype)

    W = PositiveUnitball().draw((1, 2), AllZero(), np.dtype("float64"), None)
    np.testing.assert_array_equal(W, 1.0)


# Nguyen & Widrow


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 10), (2, 50), (3, 7), (50, 20)])
def test_nguyen_widrow(shape, dtype):
    fan_in, fan_out = shape
    W = NguyenWidrow()(shape, rng=0, dtype=dtype).astype("float64")
    radius = 0.7 * fan_out ** (1 / fan_in)
    np.testing.assert_allclose(np.linalg.norm(W, axis=0), radius, rtol=1e-6)
    b = NguyenWidrow()((3000,), rng=0, dtype=dtype, fans=shape)
    assert follows(b, uniform(radius))
    assert NguyenWidrow(1.4)(shape, rng=0) == pytest.approx(2 * NguyenWidrow()(shape, rng=0))


def test_nguyen_widrow_has_no_direction_that_it_prefers():
    assert np.abs(NguyenWidrow()((1, 10), rng=0)) == pytest.approx(np.full((1, 10), 7.0))
    W = NguyenWidrow()((2, 5000), rng=0)
    assert follows(np.arctan2(W[0], W[1]), stats.uniform(-np.pi, 2 * np.pi))
    # Of a direction in three dimensions each coordinate is uniform (Archimedes).
    W = NguyenWidrow()((3, 5000), rng=0)
    for w in W:
        assert follows(w, uniform(0.7 * 5000 ** (1 / 3)))


# ZerO


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("fan_in", "fan_out"), [(3, 4), (2, 8), (5, 11), (64, 100), (1, 2), (1, 9)]
)
def test_zero_widens_by_a_hadamard_matrix(fan_in, fan_out, dtype):
    W = ZerO()((fan_in, fan_out), rng=0, dtype=dtype)
    m = math.ceil(math.log2(fan_out))
    # Entry (i, j) of Sylvester's matrix is -1 to the number of ones that i and j have in common.
    signs = [[(-1) ** (i & j).bit_count() for j in range(fan_out)] for i in range(fan_in)]
    np.testing.assert_allclose(W, 2.0 ** (-(m - 1) / 2) * np.array(signs), rtol=1e-7)
    if fan_out == 2**m:  # whole rows: orthogonal
        np.testing.assert_allclose(W @ W.T, 2 * np.eye(fan_in), atol=1e-6)
    assert np.linalg.matrix_rank(W) == fan_in
    # Inputs tell apart as many units as there are signs of their bits.
    assert len(np.unique(W, axis=1).T) == min(fan_out, 2 ** math.ceil(math.log2(fan_in)))


@pytest.mark.parametrize("shape", [(4, 4), (7, 3), (3, 7)])
def test_zero_is_the_same_whatever_the_seed(shape):
    draws = [ZerO()(shape, rng=seed).tobytes() for seed in (0, 1, None)]
    assert len(set(draws)) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(300, 300), (113, 401), (1, 1)])
def test_lsuv_starts_orthonormal(shape, dtype):
    draw = LSUV(gain=3.0)(shape, rng=3, dtype=dtype)
    np.testing.assert_array_equal(draw, Orthogonal()(shape, rng=3, dtype=dtype))


def test_zero_does_not_cap_the_rank_of_what_is_learned():
    # Zhao, Schäfer & Anandkumar 2022, theorem 1: from the identity alone, what a hidden layer learns
    # has at most the rank of the inputs.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    T = np.sin(X @ rng.normal(size=(4, 3)))
    ranks = {}
    for init in (Identity(), ZerO()):
        layers = [Dense(16, "relu"), Dense(16, "relu"), Dense(3)]
        net = Network(layers, "squared_error", init=init, bias_init="zeros").initialize(4)
        Trainer(net, SGD(0.05), batch_size=20).fit(X, T, max_epochs=20)
        ranks[type(init)] = np.linalg.matrix_rank(net.layers[1].W - np.eye(16), tol=1e-4)
    assert ranks[Identity] <= 4 < ranks[ZerO]
