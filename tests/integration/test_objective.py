"""What a fit minimizes: weights as repetitions, batches as an average, scikit-learn's objective."""

import warnings

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from versions import since

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, Network, Trainer
from minnet.training.lbfgs import minimize_lbfgs

N, K = 12, 3
REPEATS = np.array([1, 3, 0, 2, 1, 4, 0, 1, 2, 1, 1, 2])


@pytest.fixture(name="X")
def inputs():
    return np.random.default_rng(0).normal(size=(N, 4))


@pytest.fixture(name="T")
def class_indices():
    return np.arange(N) % K


def make(alpha=0.0, loss="log_loss", layers=None):
    layers = layers or [Dense(6, "tanh"), BatchNorm("elu"), Dense(K)]
    network = Network(layers, loss, bias_init="normal", alpha=alpha)
    return network.initialize(4, random_state=0)


def test_objective_by_its_formula(X, T):
    network, weight = make(alpha=0.7, layers=[Dense(6, "tanh"), Dense(K)]), np.linspace(0, 2, N)
    Z = network.forward(X)
    data = (weight * (logsumexp(Z, axis=1) - Z[np.arange(N), T])).sum() / weight.sum()
    squares = sum((layer.W**2).sum() for layer in network.layers)
    expected = data + 0.7 / (2 * weight.sum()) * squares
    assert network.objective(X, T, weight) == pytest.approx(expected, rel=1e-12)
    assert network.loss_and_grad(X, T, weight)[0] == pytest.approx(expected, rel=1e-12)


def test_l2_is_on_weights_only(X, T):
    with_l2, without = make(alpha=0.5), make()
    difference = with_l2.loss_and_grad(X, T)[1] - without.loss_and_grad(X, T)[1]
    for layer, views in zip(without.layers, without.views(difference), strict=True):
        for name, view in views.items():
            expected = 0.5 / N * layer.W if name == "W" else 0.0
            np.testing.assert_allclose(view, np.broadcast_to(expected, view.shape), atol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_whole_number_weights_are_repeated_rows(alpha, X, T):
    network = make(alpha)
    loss, grads = network.loss_and_grad(X, T, REPEATS)
    repeated = np.repeat(X, REPEATS, axis=0), np.repeat(T, REPEATS)
    expected_loss, expected = network.loss_and_grad(*repeated)
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    np.testing.assert_allclose(grads, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9, True), Adam(0.01)], ids=repr)
def test_a_fit_with_whole_number_weights_is_a_fit_on_repeated_rows(optimizer, X, T):
    fits = []
    for data in (
        (X, T, REPEATS),
        (np.repeat(X, REPEATS, axis=0), np.repeat(T, REPEATS)),
    ):
        network = make(alpha=0.3)
        trainer = Trainer(network, optimizer, batch_size=1000, shuffle=False)
        with pytest.warns(ConvergenceWarning):
            trainer.fit(*data, max_epochs=30)
        norm = network.layers[1]
        # The running variance began as 1 and is unbiased, for which copies count as more rows.
        shares = (
            data[2] / data[2].sum() if len(data) == 3 else np.full(len(data[0]), 1 / len(data[0]))
        )
        biased = (norm.running_var - norm.momentum**30) * (1 - np.square(shares).sum())
        fits.append((network.params, norm.running_mean, biased, trainer.loss_curve))
    for a, b in zip(*fits, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_common_factor_of_weights_changes_nothing_without_l2(X, T):
    network, weight = make(), np.linspace(0.1, 2, N)
    loss, grads = network.loss_and_grad(X, T, weight)
    for factor in (1e-3, 1e3):
        scaled_loss, scaled = network.loss_and_grad(X, T, factor * weight)
        assert scaled_loss == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(scaled, grads, rtol=1e-10, atol=1e-14)
    network.alpha = 1.0
    assert network.objective(X, T, 10 * weight) < network.objective(X, T, weight)


def test_equal_weights_are_no_weights(X, T):
    network = make(alpha=0.3)
    np.testing.assert_allclose(
        network.loss_and_grad(X, T, np.ones(N))[1], network.loss_and_grad(X, T)[1], rtol=1e-12
    )


@pytest.mark.parametrize("weight", [None, REPEATS.astype(float)], ids=["equal", "weighted"])
@pytest.mark.parametrize("size", [1, 3, 4])
def test_equal_batches_average_to_the_full_batch(size, weight, X, T):
    network = make(alpha=0.3, layers=[Dense(6, "tanh"), Dense(K)])
    whole = {"n_samples": N, "weight_sum": N if weight is None else weight.sum()}
    losses, gradients = [], []
    for start in range(0, N, size):
        rows = slice(start, start + size)
        loss, grads, _ = network.forward_backward(
            X[rows], T[rows], None if weight is None else weight[rows], **whole
        )
        losses.append(loss)
        gradients.append(grads)
    loss, grads = network.loss_and_grad(X, T, weight)
    assert np.mean(losses) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(np.mean(gradients, axis=0), grads, rtol=1e-10, atol=1e-14)


def test_a_batch_of_zero_weights_has_no_data_gradient(X, T):
    network = make()
    loss, grads, _ = network.forward_backward(X, T, np.zeros(N), n_samples=100, weight_sum=50.0)
    assert loss == 0
    assert not grads.any()


def test_frozen_layers_have_no_gradient_and_no_l2_pull(X, T):
    layers = [
        Dense(6, "tanh", trainable=False),
        BatchNorm(trainable=False),
        Dense(K, init="ones"),
    ]
    network = make(alpha=1.0, layers=layers)
    views = network.views(network.loss_and_grad(X, T)[1])
    assert not any(view.any() for layer in views[:2] for view in layer.values())
    assert views[2]["W"].all()
    # The objective still counts every weight, so that freezing does not change the loss shown.
    free = make(
        alpha=1.0, layers=[Dense(6, "tanh"), BatchNorm(trainable=False), Dense(K, init="ones")]
    )
    assert network.objective(X, T) == pytest.approx(free.objective(X, T))


def test_position_chooses_the_masks_of_dropout(X, T):
    layers = [Dropout(0.5), Dense(6, "tanh"), Dropout(0.5), Dense(K)]
    network = make(layers=layers)
    first = network.loss_and_grad(X, T)[1]
    np.testing.assert_array_equal(network.loss_and_grad(X, T)[1], first)
    assert not np.array_equal(network.loss_and_grad(X, T, position=N)[1], first)
    # Two halves at their positions see the masks of the whole.
    whole = {"n_samples": N, "weight_sum": N}
    halves = [
        network.forward_backward(X[rows], T[rows], **whole, position=rows.start)[1]
        for rows in (slice(0, 5), slice(5, N))
    ]
    np.testing.assert_allclose((5 * halves[0] + 7 * halves[1]) / N, first, rtol=1e-10, atol=1e-14)


# ---- scikit-learn's


def sklearn_network(mlp, loss, alpha):
    layers = [Dense(W.shape[1], mlp.activation) for W in mlp.coefs_[:-1]]
    layers.append(Dense(mlp.coefs_[-1].shape[1]))
    network = Network(layers, loss, init=mlp.coefs_, bias_init=mlp.intercepts_, alpha=alpha)
    return network.initialize(len(mlp.coefs_[0]))


WEIGHTED = pytest.param(
    REPEATS.astype(float), marks=since((1, 7), "sample_weight of the MLP"), id="weighted"
)


@pytest.mark.parametrize("weight", [pytest.param(None, id="equal"), WEIGHTED])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
@pytest.mark.parametrize("kind", ["multiclass", "binary", "regression"])
def test_objective_is_that_of_scikit_learn(kind, activation, weight, X, T):
    y = {"multiclass": T, "binary": T % 2, "regression": X[:, :2] ** 2}[kind]
    loss = "squared_error" if kind == "regression" else "log_loss"
    MLP = MLPRegressor if kind == "regression" else MLPClassifier
    given = {"solver": "lbfgs", "alpha": 0.4, "max_iter": 4, "random_state": 0}
    mlp = MLP(hidden_layer_sizes=(5, 4), activation=activation, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mlp.fit(X, y, **({} if weight is None else {"sample_weight": weight}))
    targets = y.astype(float)[:, None] if kind == "binary" else y
    network = sklearn_network(mlp, loss, 0.4)
    objective = network.objective(X, targets, weight)
    if kind == "regression":
        # scikit-learn means over outputs where minnet sums: the data term alone differs by them.
        penalty = 0.4 * sum((W**2).sum() for W in mlp.coefs_) / 2
        penalty /= N if weight is None else weight.sum()
        objective = (objective - penalty) / y.shape[1] + penalty
    assert objective == pytest.approx(mlp.loss_, rel=1e-10)


def test_lbfgs_goes_where_scikit_learns_does(X, T):
    mlp = MLPClassifier(
        (5,), activation="tanh", solver="lbfgs", alpha=1.0, tol=1e-7, random_state=0
    )
    mlp.fit(X, T)
    start = MLPClassifier((5,), activation="tanh", solver="sgd", random_state=0, max_iter=1)
    start.set_params(learning_rate_init=1e-300)  # so that it keeps its initial weights
    with pytest.warns(ConvergenceWarning):
        start.fit(X, T)
    network = sklearn_network(start, "log_loss", 1.0)
    n_iter, loss = minimize_lbfgs(network, X, T, tol=1e-7)
    assert loss == pytest.approx(mlp.loss_, rel=1e-9)
    assert n_iter == mlp.n_iter_
    for layer, W, b in zip(network.layers, mlp.coefs_, mlp.intercepts_, strict=True):
        np.testing.assert_allclose(layer.W, W, atol=1e-4)
        np.testing.assert_allclose(layer.b, b, atol=1e-4)
