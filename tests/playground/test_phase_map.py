"""The map of the phase diagram against the fixed points of mean-field theory."""

import json

import numpy as np
import pytest

from minnet.lab.theory import MeanField
from minnet.playground.phase import phase_map


@pytest.mark.parametrize("activation", ["tanh", "softsign", "sigmoid", "relu", "selu"])
def test_the_factor_is_that_of_mean_field_theory(activation):
    found = phase_map(activation)
    chi = np.array(found["slope"])
    assert chi.shape == (len(found["bias_sd"]), len(found["weight_sd"]))
    scales = np.array(found["depth_scale"], dtype=float)
    scales[np.isnan(scales)] = np.inf  # null: at the edge itself, to the digits that are kept
    some = chi > 0  # there are weights
    assert np.allclose(np.exp(1 / scales[some]), np.maximum(chi[some], 1 / chi[some]), rtol=1e-2)
    for row in (5, 20, 40):
        for column in (8, 30):
            field = MeanField(
                activation, found["weight_sd"][column] ** 2, found["bias_sd"][row] ** 2
            )
            if np.isfinite(field.fixed_variance()):
                assert chi[row, column] == pytest.approx(field.chi(), rel=0.02)


def test_the_edge_of_chaos_is_where_it_is_published():
    # Poole et al. 2016, Schoenholz et al. 2017: tanh at a bias variance of 0.05 has 1.76.
    edge = np.array(phase_map("tanh")["edge"])
    at = np.interp(np.sqrt(0.05), edge[:, 1], edge[:, 0])
    assert at**2 == pytest.approx(1.76, abs=0.01)
    assert edge[0].tolist() == [1.0, 0.0]


def test_relu_is_critical_without_biases_only():
    assert np.allclose(phase_map("relu")["edge"], [[np.sqrt(2), 0]], rtol=1e-3)


@pytest.mark.parametrize("activation", ["tanh", "softplus", "gelu", "identity"])
def test_it_is_json_of_some_kilobytes(activation):
    text = json.dumps(phase_map(activation), allow_nan=False)
    assert len(text) < 64_000
