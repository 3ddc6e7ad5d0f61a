"""Models of PyTorch as networks of minnet, and back.

Whatever takes a model to look at it, :func:`minnet.lab.diagnose` and :func:`minnet.lab.probe` say, and
:func:`minnet.copy_weights`, take a ``torch.nn.Sequential`` as it is. PyTorch is imported by none of it
before there is one.
"""

import importlib
from typing import Any

__all__ = ["network_from_torch", "torch_from_network"]  # opened below

_MODULES = {"network_from_torch": "model", "torch_from_network": "writing"}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Open what is asked for: importing minnet, which asks what is PyTorch's, does not."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"minnet.pytorch.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'minnet.pytorch' has no attribute {name!r}")
