"""Answers to the exercises of notebook 2."""

import numpy as np
from scipy.special import softmax

from minnet import Dense
from minnet.losses import SoftmaxCrossEntropy


# %% Exercise 2.1: the derivatives of the loss by w and by b
def derivatives(w, b, x, t):
    """Return dL/dw and dL/db."""
    y = np.tanh(w * x + b)
    dz = (y - t) * (1 - y**2)
    return dz * x, dz


# %% Exercise 2.2: an empty layer
class MyDense(Dense):
    """Y = f(X W + b), with self.W (fan_in, fan_out), self.b (fan_out,) and self.activation, which is f."""

    def forward(self, X, ctx):
        """Return Y, and keep in ctx what backward needs."""
        ctx.X = X
        ctx.Z = X @ self.W + self.b
        ctx.Y = self.activation(ctx.Z)
        return ctx.Y

    def backward(self, dY, ctx):
        """Leave ctx.dW and ctx.db, and return dX."""
        ctx.dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
        ctx.dW = ctx.X.T @ ctx.dZ
        ctx.db = ctx.dZ.sum(axis=0)
        return ctx.dZ @ self.W.T


# %% Exercise 2.3: the gradient of the cross-entropy
class MyLoss(SoftmaxCrossEntropy):
    """The loss of each sample is -log p of its class; minnet takes the mean over the samples by itself."""

    def gradient(self, Z, T):
        """Return the derivative of each sample's loss by its logits Z (n, k); T (n,) are the classes."""
        P = softmax(Z, axis=1)
        P[np.arange(len(T)), T] -= 1
        return P


# %% Exercise 2.4: the wrong line of each network, one of "dZ", "dW", "db", "dX", "loss"
# A, C: one array alone. B: all below, and nothing of its own. D: all of all. E: its own and all below.
mistakes = {"A": "db", "B": "dX", "C": "dW", "D": "loss", "E": "dZ"}
