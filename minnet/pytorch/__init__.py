"""Models of PyTorch as networks of minnet, and back.

Whatever takes a model to look at it, :func:`minnet.lab.diagnose` and :func:`minnet.lab.probe` say, and
:func:`minnet.copy_weights`, take a ``torch.nn.Sequential`` as it is. PyTorch is imported by none of it
before there is one.
"""

from minnet.pytorch.model import network_from_torch
from minnet.pytorch.writing import torch_from_network

__all__ = ["network_from_torch", "torch_from_network"]


def __dir__() -> list[str]:
    return __all__
