"""What all tests share."""

import pytest
from threadpoolctl import threadpool_limits

from minnet import activations

# They have no examples, and two modules of one name cannot both be imported to look for some.
collect_ignore_glob = ["*/conftest.py"]


def pytest_addoption(parser):
    parser.addoption(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="run every Nth of the tests chosen, no other",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    every = config.getoption("every")
    left_out = [item for i, item in enumerate(items) if i % every]
    config.hook.pytest_deselected(items=left_out)
    items[:] = items[::every]


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
