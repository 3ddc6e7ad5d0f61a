"""What the tests of the estimators share: small data."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_regression


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.fixture(scope="session")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


@pytest.fixture(scope="session")
def numbers():
    X, y = make_regression(n_samples=80, n_features=4, noise=1.0, random_state=0)
    return X, (y - y.mean()) / y.std()


@pytest.fixture(scope="session")
def indicator(iris):
    X, y = iris
    return X, np.column_stack([y == 0, y != 1, X[:, 0] > 0]).astype(int)
