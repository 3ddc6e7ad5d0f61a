"""What modules of PyTorch do and minnet's own layers and activations do not."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from minnet.activations import Activation
from minnet.common.types import Array
from minnet.layers import Layer
from minnet.pytorch.recognition import import_torch

__all__ = ["Elementwise", "Softmax", "TorchActivation"]


class TorchActivation(Activation):
    """An activation that PyTorch computes, such as ``torch.nn.Mish()``, with its derivative by autograd.

    Parameters
    ----------
    module : torch.nn.Module
        Of each element by itself, without parameters.
    """

    needs_Z = True

    def __init__(self, module: Any) -> None:
        self.module = module
        self.name = type(module).__name__.lower()
        low, high = self(np.array([-2.0, 2.0]))
        self.is_rectifier = bool(high > 1 and abs(low) < high / 2)

    def __call__(self, Z: Array) -> Array:
        """Return what the module gives."""
        torch = import_torch()
        with torch.no_grad():
            # The method and not the call: hooks are not to notice.
            return self.module.forward(torch.tensor(Z, device="cpu")).numpy()

    def derivative(self, Z: Array, Y: Array) -> Array:
        """Return its derivative at each element."""
        torch = import_torch()
        with torch.inference_mode(False), torch.enable_grad():
            z = torch.tensor(Z, device="cpu", requires_grad=True)
            y = self.module.forward(z.clone())  # which may write into what it gets
            return torch.autograd.grad(y.sum(), z)[0].numpy()


class Elementwise(Layer):
    """An activation that follows on no Dense or normalization: :math:`Y = f(X)`.

    Parameters
    ----------
    activation : Activation
    """

    takes_activation = True

    def __init__(self, activation: Activation) -> None:
        self.activation = activation

    def forward(self, X: Array, ctx: Any) -> Array:
        """Return the activation of ``X``."""
        ctx.Z, ctx.Y = X, self.activation(X)  # type: ignore[misc]
        return ctx.Y

    def backward(self, dY: Array, ctx: Any) -> Any:
        """Return ``dY`` times its derivative."""
        ctx.dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)  # type: ignore[union-attr]
        return ctx.dZ


class Softmax(Layer):
    r"""A softmax that is no link of the loss: :math:`Y = p(X)`, or :math:`\log p(X)`.

    :math:`dX = p \odot (dY - \sum_j dY_j p_j)`, and of the logarithm :math:`dY - p \sum_j dY_j`.

    Parameters
    ----------
    log : bool
        Whether it is ``torch.nn.LogSoftmax``.
    """

    def __init__(self, log: bool = False) -> None:
        self.log = log

    def forward(self, X: Array, ctx: Any) -> Array:
        """Return the softmax of each row, or its logarithm."""
        ctx.p = softmax(X, axis=1)
        return log_softmax(X, axis=1) if self.log else ctx.p

    def backward(self, dY: Array, ctx: Any) -> Any:
        """Return the gradient before the softmax."""
        if self.log:
            return dY - ctx.p * dY.sum(axis=1, keepdims=True)
        return ctx.p * (dY - (dY * ctx.p).sum(axis=1, keepdims=True))
