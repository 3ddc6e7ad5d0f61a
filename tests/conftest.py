"""What all tests share."""

import pytest
from threadpoolctl import threadpool_limits

from minnet import activations

# They have no examples, and two modules of one name cannot both be imported to look for some.
collect_ignore_glob = ["*/conftest.py"]


@pytest.fixture(autouse=True, scope="session")
def _one_blas_thread():
    """Tests run beside each other, a process for each core."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(autouse=True)
def _names_are_given_back():
    """Leave no test an activation that another has registered."""
    before = dict(activations._REGISTERED)
    yield
    activations._REGISTERED.clear()
    activations._REGISTERED.update(before)
