"""From the same initial weights, training ends where PyTorch 2.13's does, to 1e-9.

The reference is made by tests/data/make_torch_reference.py; PyTorch is not needed here.
"""

import json
import pathlib
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from minnet import SGD, Adam, BatchNorm, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.ntk import ntk

N_EPOCHS, BATCH_SIZE = 20, 8
TOLERANCE = {"rtol": 0, "atol": 1e-9}

path = pathlib.Path(__file__).parents[1] / "data" / "torch_reference.npz"
with np.load(path) as archive:
    REFERENCE = dict(archive)
CASES = json.loads(str(REFERENCE["cases"]))
OPTIMIZERS = json.loads(str(REFERENCE["optimizers"]))
REQUIRED = [
    f"{activation}.{optimizer}"
    for activation in ("tanh", "relu", "softsign", "sigmoid")
    for optimizer in ("sgd", "momentum", "nesterov", "adam")
]


def initial_weights(case):
    n_hidden = len(case.get("hidden", [7]))
    arrays = [REFERENCE[f"initial{n_hidden}.{i}"] for i in range(2 * (n_hidden + 1))]
    return arrays[::2], arrays[1::2]


def targets(case):
    return REFERENCE[f"T.{case.get('loss', 'log_loss')}"]


def build(case):
    weights, biases = initial_weights(case)
    layers = []
    for W in weights[:-1]:
        if case.get("batch_norm"):
            layers += [Dense(W.shape[1]), BatchNorm(case["activation"])]
        else:
            layers.append(Dense(W.shape[1], case["activation"]))
    layers.append(Dense(weights[-1].shape[1]))
    if case.get("ntk"):
        kind = "adam" if OPTIMIZERS[case["optimizer"]]["kind"] == "Adam" else "sgd"
        layers = ntk(layers, len(weights[0]), kind)
    loss, alpha = case.get("loss", "log_loss"), case.get("alpha", 0.0)
    network = Network(layers, loss, init=weights, bias_init=biases, alpha=alpha)
    return network.initialize(len(weights[0]), random_state=0)


def make_optimizer(case):
    settings = dict(OPTIMIZERS[case["optimizer"]])
    return {"SGD": SGD, "Adam": Adam}[settings.pop("kind")](**settings)


def arrays_of(network):
    made = {}
    for kind, names in (
        (Dense, ("W", "b")),
        (BatchNorm, ("gamma", "beta", "running_mean", "running_var")),
    ):
        layers = [layer for layer in network.layers if isinstance(layer, kind)]
        for i, layer in enumerate(layers):
            made.update({f"{name}{i}": getattr(layer, name) for name in names})
    return made


def test_reference_has_the_required_cases_and_versions():
    assert set(REQUIRED) <= set(CASES)
    assert str(REFERENCE["versions"][0]).startswith("torch 2.13")
    assert len(REFERENCE["X"]) % BATCH_SIZE != 0
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("name", CASES)
def test_trainer_ends_where_torch_does(name):
    case = CASES[name]
    network = build(case)
    start = network.params.copy()
    trainer = Trainer(
        network,
        make_optimizer(case),
        batch_size=BATCH_SIZE,
        shuffle=False,
        n_iter_no_change=np.inf,
        clip_norm=case.get("clip_norm"),
        clip_value=case.get("clip_value"),
        weight_decay=case.get("weight_decay", 0.0),
    )
    weight = REFERENCE["sample_weight"] if case.get("weighted") else None
    with pytest.warns(ConvergenceWarning):
        trainer.fit(REFERENCE["X"], targets(case), weight, max_epochs=N_EPOCHS)
    assert np.abs(network.params - start).max() > 0.05  # there is something to compare
    for key, array in arrays_of(network).items():
        np.testing.assert_allclose(array, REFERENCE[f"{name}.{key}"], err_msg=key, **TOLERANCE)


def fit(Estimator, case, **given):
    optimizer = dict(OPTIMIZERS[case["optimizer"]])
    weights, biases = initial_weights(case)
    estimator = Estimator(
        hidden_layer_sizes=[W.shape[1] for W in weights[:-1]],
        activation=case["activation"],
        solver="adam" if optimizer["kind"] == "Adam" else "sgd",
        learning_rate_init=optimizer["learning_rate"],
        momentum=optimizer.get("momentum", 0.0),
        nesterovs_momentum=optimizer.get("nesterov", False),
        alpha=case.get("alpha", 0.0),
        init=weights,
        bias_init=biases,
        batch_size=BATCH_SIZE,
        max_iter=N_EPOCHS,
        n_iter_no_change=np.inf,
        shuffle=False,
        **given,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(REFERENCE["X"], targets(case))


def assert_equals(estimator, name):
    for i, (W, b) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        np.testing.assert_allclose(W, REFERENCE[f"{name}.W{i}"], **TOLERANCE)
        np.testing.assert_allclose(b, REFERENCE[f"{name}.b{i}"], **TOLERANCE)


@pytest.mark.parametrize("name", [*REQUIRED, "deep.gelu", "l2", "l2.adam"])
def test_classifier_ends_where_torch_does(name):
    assert_equals(fit(MinNetClassifier, CASES[name]), name)


def test_classifier_with_decay_and_clipping_ends_where_torch_does():
    for name, given in (("adamw", {"weight_decay": 0.3}), ("clip_norm", {"clip_norm": 0.2})):
        assert_equals(fit(MinNetClassifier, CASES[name], **given), name)


def test_regressor_ends_where_torch_does():
    assert_equals(fit(MinNetRegressor, CASES["squared_error"]), "squared_error")
