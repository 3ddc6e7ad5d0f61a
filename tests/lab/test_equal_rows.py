"""Which rows are equal: over the forms a matrix may have, and the scales of its columns."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from minnet.lab.diagnosis.equal_rows import kinds_of_rows

N_KINDS = 7
FORMS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "float32": lambda X: X.astype(np.float32),
    "CSR": sparse.csr_array,
    "CSC": sparse.csc_matrix,
}
SCALES = {
    "alike": np.ones(5),
    "one far larger": np.array([1e9, 1, 1, 1, 1]),
    "one far smaller": np.array([1, 1e-9, 1, 1, 1]),
    "constants": np.array([0, 0, 1, 1, 0]),
}


def rows():
    rng = np.random.default_rng(0)
    which = rng.integers(N_KINDS, size=200)
    return rng.normal(size=(N_KINDS, 5))[which], which


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", SCALES)
def test_rows_are_told_apart(form, scale):
    X, which = rows()
    kinds = kinds_of_rows(FORMS[form](X * SCALES[scale]), most=100)
    assert_array_equal(kinds[:, None] == kinds, which[:, None] == which)


@pytest.mark.parametrize("form", FORMS)
def test_outliers_do_not_make_others_look_alike(form):
    X = np.random.default_rng(0).normal(size=(1500, 8))
    X[::100, 0] = 1e6
    assert kinds_of_rows(FORMS[form](X), most=750) is None


@pytest.mark.parametrize("value", [1e9, -1e12])
def test_nor_do_they_where_the_columns_are_scaled_with_them(value):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    X[rng.random(X.shape) < 0.01] = value
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    assert kinds_of_rows(X, most=300) is None
    doubled = np.vstack([X, X])
    kinds = kinds_of_rows(doubled, most=1200)
    assert_array_equal(kinds[:600], kinds[600:])


def test_what_differs_by_rounding_is_equal():
    X, which = rows()
    noise = 1 + 1e-12 * np.random.default_rng(1).normal(size=X.shape)
    kinds = kinds_of_rows(X * noise, most=100)
    assert_array_equal(kinds[:, None] == kinds, which[:, None] == which)


def test_all_alike():
    assert kinds_of_rows(np.zeros((5, 3)), most=1).tolist() == [0] * 5
    assert kinds_of_rows(-0.0 * np.ones((5, 3)), most=1).tolist() == [0] * 5
