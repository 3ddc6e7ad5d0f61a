"""The digest of data: any number that changes changes it; how they lie in memory does not."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from minnet.training import reading
from minnet.training.reading import InMemory

rng = np.random.default_rng(0)
X = np.where(rng.random((57, 13)) < 0.5, 0.0, rng.normal(size=(57, 13)))
WEIGHTS = rng.random(57)


def memmap(array, folder):
    np.save(folder / "X.npy", array)
    return np.load(folder / "X.npy", mmap_mode="r")


FORMS = {
    "C": lambda array, _: array.copy(),
    "F": lambda array, _: np.asfortranarray(array),
    "strided": lambda array, _: np.repeat(np.repeat(array, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda array, _: array[::-1, ::-1].copy()[::-1, ::-1],
    "memmap": memmap,
}


def wide_indices(array):
    X = sparse.csr_array(array)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


SPARSE = {"array": sparse.csr_array, "matrix": sparse.csr_matrix, "wide": wide_indices}
TARGETS = {
    "classes": rng.integers(3, size=57),
    "numbers": rng.normal(size=(57, 2)),
    "labels": sparse.csr_array(rng.integers(2, size=(57, 4)).astype(float)),
}


def digest(X, T=TARGETS["classes"], weights=None):
    return tuple(InMemory((X, T, weights)).digest().items())


@pytest.mark.parametrize("block", [1, 100, 2**20])
def test_how_they_lie_in_memory_makes_no_difference(block, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", block)
    dense = {digest(form(X, tmp_path)) for form in FORMS.values()}
    csr = {digest(form(X)) for form in SPARSE.values()}
    assert len(dense) == len(csr) == 1
    assert dense != csr


@pytest.mark.parametrize("form", [*FORMS, *SPARSE])
def test_every_number_counts(form, tmp_path):
    make = FORMS.get(form) or (lambda array, _: SPARSE[form](array))
    found = {digest(make(X, tmp_path))}
    for place in np.ndindex(X.shape):
        changed = X.copy()
        changed[place] = np.nextafter(X[place], np.inf)
        found.add(digest(make(changed, tmp_path)))
    found.add(digest(make(X[::-1].copy(), tmp_path)))
    found.add(digest(make(X[:, ::-1].copy(), tmp_path)))
    found.add(digest(make(X[:-1], tmp_path)))
    assert len(found) == X.size + 4


@pytest.mark.parametrize("kind", TARGETS)
def test_every_target_and_every_weight_counts(kind):
    T, plain = TARGETS[kind], {digest(X, TARGETS[kind]), digest(X, TARGETS[kind], WEIGHTS)}
    values = T.data if sparse.issparse(T) else T.reshape(-1)
    found = set()
    for numbers, weights in ((values, None), (WEIGHTS.copy(), 1)):
        for i in range(len(numbers)):
            before, numbers[i] = numbers[i], numbers[i] + 1
            found.add(digest(X, T, None if weights is None else numbers))
            numbers[i] = before
    assert len(found) == len(values) + len(WEIGHTS)
    assert len(plain) == 2
    assert not plain & found


def test_no_size_is_special():
    for shape in ((0, 3), (3, 0), (1, 1)):
        assert digest(np.zeros(shape)) != digest(np.zeros(shape[::-1])) or shape == (1, 1)


def test_it_makes_no_copy_of_the_data():
    data = np.asfortranarray(rng.normal(size=(100_000, 60))), np.zeros(100_000, np.int32), None
    tracemalloc.start()
    InMemory(data).digest()
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
