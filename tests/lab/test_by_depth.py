"""Measurement and theory side by side, layer by layer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet import SGD, BatchNorm, Dense, Dropout, Network
from minnet.lab import probe
from minnet.lab.by_depth import (
    by_depth,
    histograms_by_depth,
    network_by_depth,
    next_ratios,
    rows_by_depth,
)
from minnet.lab.phase import layer_sizes, shared_activation, start_sizes
from minnet.lab.prediction import curves_at
from minnet.lab.theory import predict_variances

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
T = RNG.integers(0, 3, 60)


def a_network(*layers, **options):
    return Network([*layers, Dense(3)], **options).initialize(5, random_state=0)


def test_a_normalization_stands_for_the_layer_below_it():
    hidden = [Dense(8), BatchNorm(activation="tanh"), Dropout(0.5), Dense(8), BatchNorm("relu")]
    network = a_network(*hidden)
    m = probe(network, X, T, optimizer=SGD(0.1))
    places = m.index[rows_by_depth(m)]
    assert places.tolist() == [1, 4, 5]
    ratios = {place: float(place + 1) for place in (0, 3, 5)}
    curves = by_depth(m, predict_variances(network, X), ratios)
    assert curves["update_ratio"].tolist() == [1, 4, 6]
    rms = dict(zip(m.index, m["Z", "rms"], strict=True))
    assert_allclose(curves["forward_measured"], [rms[i] ** 2 for i in places])
    assert curves["backward_measured"][1] == 1


def test_without_theory_its_curves_are_nan():
    network = a_network(Dense(8, "tanh"), Dense(8, "tanh"))
    m = probe(network, X, T)
    curves = by_depth(m, None, {0: 0.5, 1: None, 2: 0.25})
    assert np.isnan(curves["forward_predicted"]).all()
    assert np.isnan(curves["backward_high"]).all()
    assert_allclose(curves["update_ratio"], [0.5, np.nan, 0.25])


def test_ratios_of_the_next_step_leave_all_as_it_is():
    network = a_network(Dense(8, "tanh"), Dropout(0.0), Dense(8))
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.prepare(network.params)
    before = network.params.copy(), optimizer.state.copy()
    found = next_ratios(network, optimizer, X, T)
    assert_array_equal(network.params, before[0])
    assert_array_equal(optimizer.state, before[1])
    gradients = network.views(network.loss_and_grad(X, T)[1])
    norm = np.linalg.norm
    expected = {
        i: 0.1 * norm(gradients[i]["W"]) / norm(network.layers[i].W) for i in (0, 2, 3)
    }  # from rest, momentum takes the gradient's own step
    assert found == pytest.approx(expected)


def test_histograms_are_of_the_compared_rows():
    network = a_network(Dense(8), BatchNorm(activation="tanh"), Dropout(0.5))
    m = probe(network, X, T)
    found = histograms_by_depth(m)
    for name, array in (("activation", "Y"), ("gradient", "dZ")):
        density, (low, high) = found[f"{name}_density"], found[f"{name}_range"].T
        assert len(density) == 2  # the normalization, and the output
        assert_allclose(density.sum(axis=1) * (high - low) / density.shape[1], 1)
        assert_allclose(found[f"{name}_sd"], m[array, "sd"][[1, -1]])


def test_all_of_a_network_is_what_a_probe_finds():
    network = a_network(Dense(8), BatchNorm(activation="tanh"), Dropout(0.0), Dense(7, "relu"))
    m = probe(network, X, T)
    ratios = next_ratios(network, SGD(0.1), X, T)
    prediction = predict_variances(network, X)
    layers, arrays = network_by_depth(network, X, T, prediction, ratios, n_bins=9, reach=np.inf)
    assert [layer["name"] for layer in layers] == ["1", "2", "output"]
    assert [layer["label"] for layer in layers] == [m.layers[row] for row in rows_by_depth(m)]
    assert [layer["width"] for layer in layers] == [8, 7, 3]
    for name, values in by_depth(m, prediction, ratios).items():
        assert_array_equal(arrays[name], values)
    assert arrays["activation_density"].shape == (3, 9)
    assert_array_equal(arrays["gradient_sd"], histograms_by_depth(m)["gradient_sd"])


def test_curves_are_found_by_place():
    network = a_network(Dense(8, "tanh"), Dropout(0.1), Dense(8, "tanh"))
    prediction = predict_variances(network, X)
    curves = curves_at(prediction, [2, 1, 0])
    assert_allclose(curves["forward"]["predicted"][[0, 2]], prediction.variances[[1, 0]])
    assert np.isnan(curves["backward"]["low"][1])  # a Dropout has no row
    low, _ = prediction.interval(1.0)
    assert_allclose(curves_at(prediction, [0], 1.0)["forward"]["low"], low[:1])


@pytest.mark.parametrize("init", ["glorot", "orthogonal", "lsuv", "edge_of_chaos"])
def test_sizes_of_weights_at_the_start_are_those_that_were_drawn(init):
    network = Network([Dense(150, "tanh") for _ in range(3)] + [Dense(3)], init=init)
    network.initialize(5, random_state=0).adapt(X)
    assert shared_activation(network).name == "tanh"
    assert layer_sizes(network).shape == (2, 2)  # without the first layer and the output
    assert_allclose(layer_sizes(network), start_sizes(network), rtol=0.02, atol=0.02)


def test_who_has_no_place_in_the_phase_diagram():
    assert shared_activation(a_network(Dense(8, "tanh"), Dense(8, "relu"))) is None
    assert shared_activation(a_network(Dense(8), BatchNorm("tanh"))) is None
    assert shared_activation(a_network()) is None
    apart = a_network(Dense(8, "tanh"), Dense(8, "relu")), a_network(Dense(8), BatchNorm("tanh"))
    for network in (a_network(), *apart):
        assert layer_sizes(network).shape == start_sizes(network).shape == (0, 2)
