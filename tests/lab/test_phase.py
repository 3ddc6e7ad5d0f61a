"""The edge of chaos, against published numbers and the factor of gradients that it is the edge of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet.activations import get_activation
from minnet.lab.phase import edge_of_chaos, gradient_factors


def test_it_is_where_it_is_published():
    # Poole et al. 2016, Schoenholz et al. 2017: tanh at a bias variance of 0.05 has 1.76.
    ((sigma_w, sigma_b),) = edge_of_chaos(get_activation("tanh"), np.sqrt([0.05]))
    assert sigma_w**2 == pytest.approx(1.76, abs=0.01)
    assert sigma_b**2 == pytest.approx(0.05)
    assert_allclose(edge_of_chaos(get_activation("tanh"), np.zeros(1)), [[1, 0]])
    assert_allclose(edge_of_chaos(get_activation("relu"), np.array([0, 0.1])), [[2**0.5, 0]])


@pytest.mark.parametrize("name", ["tanh", "softsign", "lecun_tanh"])
def test_gradients_neither_vanish_nor_explode_there(name):
    activation = get_activation(name)
    edge = edge_of_chaos(activation, np.linspace(0.1, 1, 5))
    assert len(edge) == 5
    for sigma_w, sigma_b in edge:
        beside = sigma_w * np.array([0.9, 1, 1.1])
        below, at, above = gradient_factors(activation, beside, np.array([sigma_b]))[0]
        assert below < 1 < above
        assert at == pytest.approx(1, abs=0.02)


def test_there_may_be_none():
    assert edge_of_chaos(get_activation("relu"), np.array([0.5, 1.0])).shape == (0, 2)
