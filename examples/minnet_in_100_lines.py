"""The core of minnet in 100 lines: a dense network that learns to read handwritten digits.

Everything that a training step does is here: layers forward and backward, activations, the loss, initial
weights, and gradient descent on mini-batches. Names and formulas are those of minnet/layers.py: from the
same weights and in the same order of rows both take the same steps, to the last bit. It runs in seconds:

    python examples/minnet_in_100_lines.py
"""

import numpy as np
from scipy.special import expit  # 1 / (1 + exp(-z)), for any z
from sklearn.datasets import load_digits

# f(Z), and f'(Z) written with Y = f(Z), which is at hand in the backward pass.
ACTIVATIONS = {
    "identity": (lambda Z: Z, lambda Y: np.ones_like(Y)),
    "sigmoid": (expit, lambda Y: Y * (1 - Y)),
    "tanh": (np.tanh, lambda Y: 1 - Y * Y),
    "softsign": (lambda Z: Z / (1 + np.abs(Z)), lambda Y: np.square(1 - np.abs(Y))),
    "relu": (lambda Z: np.maximum(Z, 0), lambda Y: (Y > 0).astype(Y.dtype)),
}

# Weights are drawn between -bound and bound; the variance of such a weight is bound² / 3.
BOUNDS = {
    "zeros": lambda fan_in, fan_out: 0.0,
    "standard": lambda fan_in, fan_out: (1 / fan_in) ** 0.5,  # Glorot & Bengio (2010), equation 1
    "glorot": lambda fan_in, fan_out: (6 / (fan_in + fan_out)) ** 0.5,  # equation 16
    "he": lambda fan_in, fan_out: (6 / fan_in) ** 0.5,  # He et al. (2015), for rectifiers
}


class Dense:
    """A fully connected layer, Y = f(X W + b)."""

    def __init__(self, fan_in, fan_out, activation, init, rng):
        bound = BOUNDS[init](fan_in, fan_out)
        self.W = rng.uniform(-bound, bound, (fan_in, fan_out))
        self.b = np.zeros(fan_out)
        self.f, self.derivative = ACTIVATIONS[activation]

    def forward(self, X):
        """Return Y, and keep what the way back needs."""
        self.X = X
        self.Y = self.f(X @ self.W + self.b)
        return self.Y

    def backward(self, dY):
        """Take the derivative of the loss by Y; keep those by W and b, and return that by X."""
        dZ = dY * self.derivative(self.Y)
        self.dW = self.X.T @ dZ
        self.db = dZ.sum(axis=0)
        return dZ @ self.W.T

    def update(self, learning_rate):
        """Go a little downhill."""
        self.W -= learning_rate * self.dW
        self.b -= learning_rate * self.db


def cross_entropy(Z, t):
    """Return the mean of -log P[t] over the rows, P = softmax(Z), and its derivative by Z."""
    D = Z - Z.max(axis=1, keepdims=True)  # softmax does not change, and no exponential overflows
    E, rows = np.exp(D), np.arange(len(t))
    S = E.sum(axis=1, keepdims=True)
    loss = (np.log(S[:, 0]) - D[rows, t]).mean()
    dZ = E / S
    dZ[rows, t] -= 1
    return loss, dZ * (1 / len(t))


class Network:
    """Layers in a row: sizes are those of the inputs, the hidden layers and the classes."""

    def __init__(self, sizes, activation="tanh", init="glorot", seed=0):
        self.rng = np.random.default_rng(seed)
        functions = [activation] * (len(sizes) - 2) + ["identity"]  # the output is linear
        pairs = zip(sizes[:-1], sizes[1:], functions, strict=True)
        self.layers = [Dense(n, m, f, init, self.rng) for n, m, f in pairs]

    def forward(self, X):
        """Return the logits, a row for each row of X and a column for each class."""
        for layer in self.layers:
            X = layer.forward(X)
        return X

    def step(self, X, t, learning_rate):
        """Go forward, backward, and downhill for one mini-batch; return its loss."""
        loss, dY = cross_entropy(self.forward(X), t)
        for layer in reversed(self.layers):
            dY = layer.backward(dY)
        for layer in self.layers:
            layer.update(learning_rate)
        return loss

    def epoch(self, X, t, learning_rate=0.1, batch_size=32, order=None):
        """Visit each row once, a mini-batch at a time; return the loss of each mini-batch."""
        order = self.rng.permutation(len(X)) if order is None else order
        batches = [order[i : i + batch_size] for i in range(0, len(X), batch_size)]
        return [self.step(X[rows], t[rows], learning_rate) for rows in batches]


def main():
    X, t = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, t = X[order] / 16, t[order]
    for init in "glorot", "standard", "zeros":
        network = Network([64, 32, 32, 32, 10], "tanh", init)
        print(f"three hidden layers of tanh, weights by {init!r}: loss, and new digits read")
        for epoch in range(1, 21):
            losses = network.epoch(X[:1400], t[:1400])
            if epoch in (1, 2, 5, 10, 20):
                right = network.forward(X[1400:]).argmax(axis=1) == t[1400:]
                print(
                    f"epoch {epoch:2}: loss {np.mean(losses):.3f}, new digits: {right.mean():.1%}"
                )


if __name__ == "__main__":
    main()
