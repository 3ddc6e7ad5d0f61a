"""Learning rates by fan-in: the same training as with weights of variance 1 over the root of fan_in."""

import numpy as np
import pytest

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    Network,
    PiecewiseLinear,
    Residual,
    RMSProp,
    Trainer,
)
from minnet.layers import Layer, Parameter
from minnet.ntk import ntk

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(60, 5)), RNG.integers(3, size=60)
EDGES = [[-1.0, 0.0, 1.0], None, 3, None, [0.0, 2.0]]


class InTheirParametrization(Layer):
    """Z = X V / sqrt(fan_in) + b, written as the paper has it, and a tenth of the rate for b."""

    takes_activation = True

    def __init__(self, like):
        self.like = like
        self.activation = like.activation

    def output_size(self, n_inputs):
        return self.like.units

    def parameters(self, n_inputs):
        W, b = self.like.init, self.like.bias_init
        self.root = np.sqrt(n_inputs)
        of_bias = self.like.bias_lr_factor
        return {
            "V": Parameter(
                W.shape, W * self.root, True, self.like.lr_factor, self.like.decay_factor
            ),
            "b": Parameter(
                b.shape, b, False, 0.1 * (self.like.lr_factor if of_bias is None else of_bias)
            ),
        }

    def forward(self, X, ctx):
        ctx.X, ctx.Z = X, X @ self.V / self.root + self.b
        ctx.Y = self.activation(ctx.Z)
        return ctx.Y

    def backward(self, dY, ctx):
        dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
        ctx.dV, ctx.db = ctx.X.T @ dZ / self.root, dZ.sum(axis=0)
        return dZ @ self.V.T / self.root


def dense(fan_in, units, activation=None, **factors):
    W, b = RNG.normal(size=(fan_in, units)) / np.sqrt(fan_in), RNG.normal(size=units)
    return Dense(units, activation or "identity", W, b, **factors)


STACKS = {
    "plain": lambda: [dense(5, 40, "tanh"), dense(40, 7, "silu"), dense(7, 3)],
    "others between": lambda: [
        dense(5, 9, "tanh"), Dropout(0.2), BatchNorm("tanh"),
        Residual([dense(9, 9, "tanh")], 0.5), dense(9, 3),
    ],
    "factors before": lambda: [
        dense(5, 9, "tanh", lr_factor=0.5), dense(9, 8, "tanh", bias_lr_factor=3.0, decay_factor=0.2),
        dense(8, 3, lr_factor=0.3, bias_lr_factor=0.0),
    ],
    "pieces": lambda: [PiecewiseLinear(EDGES), Dropout(0.1), dense(10, 9, "tanh"), dense(9, 3)],
}  # fmt: skip
OPTIMIZERS = {
    "adam": Adam(0.01, epsilon=1e-30),
    "adamw": AdamW(0.01, epsilon=1e-30, weight_decay=0.3),
    "rmsprop": RMSProp(0.003, epsilon=1e-30),
    "sgd": SGD(0.1),
    "momentum": SGD(0.03, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("stack", STACKS)
def test_it_trains_as_their_parametrization(stack, name):
    layers, optimizer = STACKS[stack](), OPTIMIZERS[name]
    n_features = None if stack == "pieces" else 5
    kind = "sgd" if isinstance(optimizer, SGD) else "adam"
    ours = Network(ntk(layers, n_features, kind))
    flat = Network(layers).layers
    theirs = Network([InTheirParametrization(a) if a.fully_connected else a for a in flat])
    trained = []
    for network in (ours, theirs):
        network.initialize(5, random_state=0)
        trainer = Trainer(network, optimizer, batch_size=20, weight_decay=0.1, n_iter_no_change=99)
        for _ in range(5):
            trainer.run_epoch(X, T)
        trained.append(network)
    moved = 0.0
    for a, b in zip(*(each.layers for each in trained), strict=True):
        if a.fully_connected:
            np.testing.assert_allclose(a.W, b.V / b.root, rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(a.b, b.b, rtol=1e-9, atol=1e-10)
            moved = max(moved, np.abs(a.W - a.init).max())
    assert moved > 1e-3


def test_layers_are_copied_and_others_stay():
    layers = [Dense(4, "relu", lr_factor=3.0), BatchNorm("tanh", lr_factor=2.0), Dense(2)]
    scaled = ntk(layers, 16)
    assert layers == [Dense(4, "relu", lr_factor=3.0), BatchNorm("tanh", lr_factor=2.0), Dense(2)]
    assert scaled == [
        Dense(4, "relu", lr_factor=0.75, bias_lr_factor=3.0 * 0.1, decay_factor=3.0),
        layers[1],
        Dense(2, lr_factor=0.5, bias_lr_factor=0.1, decay_factor=1.0),
    ]
    assert scaled[1] is not layers[1]
    assert ntk(layers, 16, bias_lr_factor=1.0)[0].bias_lr_factor == 3.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ntk([Dropout(0.1), Dense(3)]),
            "n_features must be the number of inputs of the first",
        ),
        (lambda: ntk([Dense(3)], 0), "n_features must be a whole number of at least 1, got 0"),
        (
            lambda: ntk([PiecewiseLinear(EDGES), Dense(3)], 4),
            "columns of PiecewiseLinear must have one",
        ),
        (lambda: ntk([Dense(3)], 4, "lbfgs"), "optimizer must be"),
        (
            lambda: ntk([Dense(3)], 4, bias_lr_factor=-1),
            "bias_lr_factor must be at least 0, got -1",
        ),
        (lambda: ntk([3], 4), r"layers\[0\] must be a Layer"),
    ],
)
def test_what_it_refuses(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()
