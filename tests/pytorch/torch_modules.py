"""Modules and data of the tests of models of PyTorch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

RNG = np.random.default_rng(0)
N, D = 12, 5
X = RNG.normal(size=(N, D))
CLASSES = RNG.integers(3, size=N)
ZEROS_AND_ONES = RNG.integers(2, size=(N, 3))
NUMBERS = RNG.normal(size=(N, 3))

ACTIVATIONS = {
    "relu": nn.ReLU, "relu in place": lambda: nn.ReLU(inplace=True), "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softsign": nn.Softsign, "selu": nn.SELU, "silu": nn.SiLU, "gelu": nn.GELU, "softplus": nn.Softplus,
    "elu": lambda: nn.ELU(0.7), "leaky": lambda: nn.LeakyReLU(0.2), "none": nn.Identity,
    # which PyTorch computes
    "gelu by tanh": lambda: nn.GELU("tanh"), "softplus(2)": lambda: nn.Softplus(2.0), "mish": nn.Mish,
    "relu6 in place": lambda: nn.ReLU6(inplace=True), "hardtanh": nn.Hardtanh,
    "celu": lambda: nn.CELU(0.5),
    "hardswish": nn.Hardswish, "leaky below": lambda: nn.LeakyReLU(-0.1), "logsigmoid": nn.LogSigmoid,
}  # fmt: skip

#: With a place for the activation.
SHAPES = {
    "plain": lambda f: [nn.Linear(D, 6), f(), nn.Linear(6, 3)],
    "no bias": lambda f: [nn.Linear(D, 6, bias=False), f(), nn.Linear(6, 3, bias=False)],
    "norm before": lambda f: [nn.Linear(D, 6), nn.BatchNorm1d(6), f(), nn.Linear(6, 3)],
    "norm after": lambda f: [nn.Linear(D, 6), f(), nn.BatchNorm1d(6, eps=0.1), nn.Linear(6, 3)],
    "norm alone": lambda f: [nn.Linear(D, 6), nn.BatchNorm1d(6, affine=False), f(), nn.Linear(6, 3)],
    "norm first": lambda f: [nn.BatchNorm1d(D), nn.Linear(D, 6), f(), nn.Linear(6, 3)],
    "rows before": lambda f: [nn.Linear(D, 6), nn.LayerNorm(6), f(), nn.Linear(6, 3)],
    "rows after": lambda f: [nn.Linear(D, 6), f(), nn.LayerNorm(6, eps=0.1), nn.Linear(6, 3)],
    "rows alone": lambda f: [
        nn.LayerNorm(D), nn.Linear(D, 6), nn.LayerNorm([6], elementwise_affine=False), f(), nn.Linear(6, 3)
    ],
    "first": lambda f: [f(), nn.Linear(D, 6), f(), f(), nn.Linear(6, 3)],
    "nested": lambda f: [
        nn.Flatten(), nn.Sequential(nn.Linear(D, 6), nn.Sequential(f(), nn.Identity())), nn.Linear(6, 3)
    ],
    "dropped": lambda f: [nn.Linear(D, 6), nn.Dropout(0.0), f(), nn.Dropout(0.0), nn.Linear(6, 3)],
    "softmax inside": lambda f: [nn.Linear(D, 6), f(), nn.Softmax(1), nn.Linear(6, 3)],
}  # fmt: skip


def made(layers, dtype=torch.float64, seed=0):
    """A model with weights, averages and scales that are not those at the start."""
    torch.manual_seed(seed)
    model = nn.Sequential(*layers).to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean += 0.1
                module.running_var *= 1.7
    return model


def leaves(model):
    return [m for m in model.modules() if not isinstance(m, nn.Sequential)]
