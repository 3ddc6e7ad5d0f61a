"""What is PyTorch's: told without importing it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from minnet.common.extras import import_extra

__all__ = ["as_array", "import_torch", "is_torch_model", "is_torch_optimizer"]


def import_torch() -> Any:
    """Return PyTorch, or raise ImportError with a sentence that says how to get it."""
    return import_extra("torch", "this needs PyTorch: pip install 'minnet-learn[torch]'")


def is_torch_model(value: Any) -> bool:
    """Return whether a value is a module of PyTorch.

    Examples
    --------
    >>> is_torch_model("Sequential")
    False
    """
    return _is_of(value, "nn", "Module")


def is_torch_optimizer(value: Any) -> bool:
    """Return whether a value is an optimizer of PyTorch."""
    return _is_of(value, "optim", "Optimizer")


def as_array(value: Any) -> Any:
    """Return a tensor as an array of NumPy, from any device and without its graph; others as they are.

    NumPy has no bfloat16: that becomes float32.
    """
    if not _is_of(value, "", "Tensor"):
        return value
    torch = sys.modules["torch"]
    value = value.detach().cpu()
    if value.layout != torch.strided:
        value = value.to_dense()
    if value.dtype == torch.bfloat16:
        value = value.float()
    return np.asarray(value.resolve_conj().resolve_neg().numpy())


def _is_of(value: Any, part: str, name: str) -> bool:
    torch = sys.modules.get("torch")
    owner = getattr(torch, part, None) if part else torch
    cls = getattr(owner, name, None)
    return isinstance(cls, type) and isinstance(value, cls)
