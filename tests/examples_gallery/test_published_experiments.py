"""What the gallery's pages on published experiments rest on, small, against formulas and NumPy alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet import SGD, Dense, Dropout, Network, Trainer
from minnet.initializers import Normal, Orthogonal, Uniform
from minnet.lab import probe

rng = np.random.default_rng(0)


def descend(network, X, T, rate, n_steps):
    """Make steps of gradient descent; return the loss before each of them."""
    options = {"batch_size": len(X), "n_iter_no_change": np.inf, "n_threads": 1}
    trainer = Trainer(network, SGD(rate), **options)
    stop = [lambda trainer: trainer.n_epochs == n_steps]
    return trainer.fit(X, T, max_epochs=n_steps, callbacks=stop).loss_curve


# ---- Saxe et al. 2013: learning time and depth


@pytest.mark.parametrize("depth", [1, 4, 12])
def test_orthogonal_layers_add_up_to_as_many_times_one_layer(depth):
    """A small step moves outputs by (L + 1) X X' times the error, whatever the orthogonal weights."""
    X, T = rng.normal(size=(7, 6)), rng.normal(size=(7, 3))
    layers = [Dense(6) for _ in range(depth)] + [Dense(3)]
    network = Network(layers, loss="squared_error", init="orthogonal", bias_init="zeros")
    network.initialize(6, random_state=0)
    before, rate = network.forward(X), 1e-6
    descend(network, X, T, rate, 1)
    moved = (network.forward(X) - before) / rate
    error = before - T
    # Of each layer the bias is a weight of an input that is 1.
    expected = -(depth + 1) * (X @ X.T + 1) @ error / len(X)
    assert_allclose(moved, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("init", ["orthogonal", "lecun_normal"])
def test_linear_networks_descend_as_products_of_matrices_do(init):
    X, T = rng.normal(size=(8, 5)), rng.normal(size=(8, 2))
    network = Network([Dense(5), Dense(5), Dense(2)], loss="squared_error", init=init)
    network.initialize(5, random_state=0)
    weights = [layer.W.copy() for layer in network.layers]
    biases = [layer.b.copy() for layer in network.layers]
    losses = []
    for _ in range(12):
        outputs = [X]
        for W, b in zip(weights, biases, strict=True):
            outputs.append(outputs[-1] @ W + b)
        error = (outputs[-1] - T) / len(X)
        losses.append(np.square(outputs[-1] - T).sum() / 2 / len(X))
        for i in (2, 1, 0):
            step = outputs[i].T @ error
            biases[i] = biases[i] - 0.02 * error.sum(axis=0)
            error = error @ weights[i].T
            weights[i] = weights[i] - 0.02 * step
    assert_allclose(descend(network, X, T, 0.02, 12), losses)


def test_a_mode_of_two_layers_learns_along_the_published_curve():
    """Saxe et al., equation 10: u(t) = s e^(2 s t) / (e^(2 s t) - 1 + s / u0), for balanced layers."""
    strengths, start, rate, n_steps = np.array([3.0, 1.0, 0.5]), 0.01, 1e-3, 2500
    layers = [Dense(3, bias_init="zeros"), Dense(3, bias_init="zeros")]
    network = Network(layers, loss="squared_error").initialize(3, random_state=0)
    for layer in network.layers:
        layer.W[:] = np.sqrt(start) * np.eye(3)
    X = np.vstack([np.eye(3), -np.eye(3)]) * np.sqrt(3)  # white, with mean 0: biases stay
    descend(network, X, X * strengths, rate, n_steps)
    grown = np.exp(2 * strengths * rate * n_steps)
    expected = strengths * grown / (grown - 1 + strengths / start)
    assert_allclose(np.diag(network.layers[0].W @ network.layers[1].W), expected, rtol=0.01)


# ---- He et al. 2015: rectifiers


@pytest.mark.parametrize("depth", [3, 22])
@pytest.mark.parametrize(("init", "factor"), [("glorot", 1 / 2), ("standard", 1 / 6)])
def test_rectifiers_lose_a_factor_a_layer_exactly(depth, init, factor):
    """max(0, c z) = c max(0, z): with the same draws the start of He et al. is the others', scaled."""
    layers = [Dense(16, "relu") for _ in range(depth)]
    X = rng.normal(size=(20, 16))
    sizes = [
        probe(Network(layers, init=name, bias_init="zeros").initialize(16, random_state=0), X)
        for name in (init, "he_uniform")
    ]
    ratio = sizes[0]["Z", "rms"] / sizes[1]["Z", "rms"]
    assert_allclose(ratio, factor ** (np.arange(1, depth + 1) / 2), rtol=1e-9)


# ---- uniform or normal


@pytest.mark.parametrize("inputs", ["one", "all"])
@pytest.mark.parametrize(("law", "kurtosis"), [(Normal, 3.0), (Uniform, 1.8)])
def test_the_law_of_the_weights_shows_in_the_fourth_moment_of_few_terms_only(law, kurtosis, inputs):
    """E z^4 / E(z^2)^2 = 3 + (kurtosis - 3) sum x^4 / (sum x^2)^2."""
    x = np.ones(30) if inputs == "all" else np.eye(1, 30)[0]
    init = Normal(std=1.0) if law is Normal else Uniform.with_std(1.0)
    z = x @ init((30, 60_000), rng=0)
    concentration = np.sum(x**4) / np.sum(x**2) ** 2
    assert_allclose(z.var(), np.sum(x**2), rtol=0.02)
    measured = np.mean(z**4) / np.mean(z**2) ** 2
    assert_allclose(measured, 3 + (kurtosis - 3) * concentration, rtol=0.04)


# ---- dropout and symmetry


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_masks_bring_equal_units_apart_as_a_random_walk(p):
    X, t = rng.normal(size=(400, 5)), rng.integers(4, size=400)
    layers = [Dense(60, "tanh"), Dropout(p), Dense(4)]
    network = Network(layers, init=0.2, bias_init="zeros").initialize(5, random_state=0)
    Trainer(network, SGD(0.01), batch_size=20).run_epoch(X, t)  # 20 steps
    rows = network.layers[-1].W
    measured = 2 * rows.var(axis=0).sum() * 60 / 59  # the mean square of the distance of two rows
    h, error = np.tanh(0.2 * X.sum(axis=1)), np.eye(4)[t] - 0.25
    walk = 20 * 0.01**2 * 2 * p / (1 - p) / 20 * np.mean(h**2 * np.square(error).sum(axis=1))
    assert_allclose(measured, walk, rtol=0.25)


def test_orthogonal_products_keep_every_direction_and_normal_ones_do_not():
    W = np.linalg.multi_dot([Orthogonal()((24, 24), rng=i) for i in range(60)])
    assert_allclose(np.linalg.svd(W, compute_uv=False), 1)
    W = np.linalg.multi_dot([Normal(std=24**-0.5)((24, 24), rng=i) for i in range(60)])
    values = np.linalg.svd(W, compute_uv=False)
    assert values[-1] < 1e-9 * values[0]
