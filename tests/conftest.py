"""What all tests share."""

import pytest

from minnet import activations


@pytest.fixture(autouse=True)
def _names_are_given_back():
    """Leave no test an activation that another has registered."""
    before = dict(activations._REGISTERED)
    yield
    activations._REGISTERED.clear()
    activations._REGISTERED.update(before)
