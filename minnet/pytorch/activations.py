"""The activations of PyTorch as minnet's, and back."""

from __future__ import annotations

import copy
from typing import Any

from minnet.activations import (
    Activation,
    Elu,
    Gelu,
    LeakyRelu,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
    Tanh,
    name_of,
)
from minnet.pytorch.layers import TorchActivation
from minnet.pytorch.recognition import import_torch

__all__ = ["KNOWN", "activation_of", "module_of"]

#: Those that minnet has, by their names in ``torch.nn``, with their parameters.
_OWN: dict[str, tuple[type[Activation], tuple[str, ...]]] = {
    "ELU": (Elu, ("alpha",)),
    "GELU": (Gelu, ()),
    "LeakyReLU": (LeakyRelu, ("negative_slope",)),
    "ReLU": (Relu, ()),
    "SELU": (Selu, ()),
    "SiLU": (Silu, ()),
    "Sigmoid": (Sigmoid, ()),
    "Softplus": (Softplus, ()),
    "Softsign": (Softsign, ()),
    "Tanh": (Tanh, ()),
}
#: Of single elements and without parameters, too: PyTorch computes them.
_OTHERS = (
    "CELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LogSigmoid", "Mish", "ReLU6",
    "Softshrink", "Tanhshrink", "Threshold",
)  # fmt: skip

#: The names of all that can be read.
KNOWN = frozenset([*_OWN, *_OTHERS])


def activation_of(kind: str, module: Any) -> Activation:
    """Return the activation that a module of ``torch.nn`` is; ``kind`` is the name of its class."""
    if kind not in _OWN or _is_another_form(kind, module):
        return TorchActivation(module)
    cls, names = _OWN[kind]
    values = [getattr(module, name) for name in names]
    return cls(*values) if min(values, default=0) >= 0 else TorchActivation(module)


def _is_another_form(kind: str, module: Any) -> bool:
    if kind == "GELU":
        return module.approximate != "none"
    return kind == "Softplus" and (module.beta != 1 or module.threshold < 20)


def module_of(activation: Activation) -> Any:
    """Return a module of PyTorch for an activation, or raise TypeError if there is none."""
    if isinstance(activation, TorchActivation):
        return copy.deepcopy(activation.module)
    for kind, (cls, names) in _OWN.items():
        if type(activation) is cls:
            return getattr(import_torch().nn, kind)(*(getattr(activation, name) for name in names))
    raise TypeError(
        f"network must have activations that PyTorch has, got {name_of(activation)}: {activation!r:.200}"
    )
