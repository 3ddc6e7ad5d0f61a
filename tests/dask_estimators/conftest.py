"""A cluster of two processes on this machine, for all tests of this folder."""

from importlib.util import find_spec

import pytest

if not all(map(find_spec, ("dask", "torch", "pandas"))):
    collect_ignore_glob = ["*.py"]


@pytest.fixture(scope="session")
def cluster():
    """Two workers of one thread each: to start them takes seconds."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    """A client of its own for each test, and both workers there, whatever the test before has done."""
    from distributed import Client

    with Client(cluster) as client:
        client.wait_for_workers(2)
        yield client
