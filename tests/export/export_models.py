"""Models that the tests of exports share, fitted in a moment."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    PiecewiseLinear,
    Residual,
)
from minnet.activations import Activation
from minnet.layers import Layer
from minnet.losses import Loss, SquaredError

ACTIVATIONS = [
    "identity", "sigmoid", "tanh", "lecun_tanh", "softsign", "relu", "leaky_relu", "elu", "selu",
    "gelu", "silu", "softplus",
]  # fmt: skip
DTYPES = ["float32", "float64"]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
CLASS = np.arange(60) % 3
WORDS = np.array(["no", "yes", "perhaps é\U0001f600"])
INDICATOR = np.column_stack([X[:, 0] > 0, X[:, 1] > 0, CLASS == 0]).astype(int)
NUMBERS = X @ RNG.normal(size=(4, 2))

LABELS = {
    "binary": CLASS > 0,
    "binary int": (CLASS > 0) * 3 - 7,
    "binary str": WORDS[(CLASS > 0) * 1],
    "binary float": (CLASS > 0) * 2.0,
    "multiclass int": CLASS - 1,
    "multiclass uint8": CLASS.astype(np.uint8),
    "multiclass str": WORDS[CLASS],
    "multiclass object": WORDS[CLASS].astype(object),
    "multilabel": INDICATOR,
    "one class": np.full(60, 5),
    "one str": np.full(60, "all"),
}


def fitted(estimator, y, X=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


def classifier(y, dtype="float64", **arguments):
    common = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "learning_rate_init": 0.05}
    model = MinNetClassifier(**{**common, "random_state": 0, **arguments})
    return fitted(model, y, X.astype(dtype))


def regressor(y, dtype="float64", **arguments):
    common = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "learning_rate_init": 0.05}
    model = MinNetRegressor(**{**common, "random_state": 0, **arguments})
    return fitted(model, y, X.astype(dtype))


def network(activation, dtype, loss="squared_error"):
    """A network with every layer, whose running averages are not those that it starts with."""
    layers = [
        Dense(9, activation),
        BatchNorm(activation),
        Dropout(0.5),
        Dense(7, activation),
        LayerNorm(activation, epsilon=1e-3),
        Residual([Dense(8, activation), Residual([Dense(8)], -0.3), Dense(7)], 0.5),
        Dense(3),
    ]
    net = Network(layers, loss, bias_init="normal").initialize(4, random_state=0, dtype=dtype)
    norm = net.layers[1]
    norm.running_mean[...] = np.linspace(-3, 40, 9)
    norm.running_var[...] = np.geomspace(1e-3, 5, 9)
    norm.gamma[...] = np.linspace(-1, 2, 9)
    norm.beta[...] = np.linspace(1, -1, 9)
    net.layers[4].gamma[...] = np.linspace(2, -1, 7)
    net.layers[4].beta[...] = np.linspace(-1, 1, 7)
    return net


#: What can be made of a column, alone and together, and edges that one precision cannot tell apart.
COLUMNS = {
    "numbers": [None, None, None, None],
    "codes": [3, 1, 2, 5],
    "edges": [[-1.0, 0.0, 0.5, 2.0], [0.0, 1.0], [1.0, 1.0 + 1e-12, 2.0], [-100.0, 100.0]],
    "all": [[-1.0, 0.0, 0.5, 2.0], 3, None, [0.0, 1.0]],
    "codes first": [2, [-2.0, 0.0, 2.0], 4, [1e-3, 1.0]],
}


def pieces(columns, dtype, within=False):
    """A network with the encoding below its weights, or between them."""
    encoding = PiecewiseLinear(COLUMNS[columns])
    layers = [Dense(4, init="eye", bias_init="normal")] * within + [encoding]
    layers += [Dense(6, "silu"), Dropout(0.2), Dense(3)]
    return Network(layers, "squared_error").initialize(4, random_state=0, dtype=dtype)


def coded_rows(dtype):
    """Rows with whole numbers, numbers on edges, and far beyond all."""
    rng = np.random.default_rng(2)
    rows = rng.choice([-300, -1, 0, 0.5, 1, 2, 3, 4, 1e6], size=(100, 4))
    return np.concatenate([rows, rng.normal(size=(100, 4))]).astype(dtype)


def wide_rows(dtype):
    """Rows from 1e-6 to 1e2: pre-activations on the curve and far out on both sides."""
    rows = (
        np.random.default_rng(1).normal(size=(300, 4)) * np.geomspace(1e-6, 100, 300)[:, np.newaxis]
    )
    return rows.astype(dtype)


class OwnLayer(Layer):
    def forward(self, X, ctx):
        return X

    def backward(self, dY, ctx):
        return dY


class OwnDense(Dense):
    pass


class OwnTanh(Activation):
    def __call__(self, Z):
        return np.tanh(Z)

    def derivative(self, Z, Y):
        return 1 - Y * Y


class OwnLink(SquaredError):  # noqa: N818
    def predict(self, Z):
        return Z**2


class OwnLoss(Loss):
    """A loss of a user's own with one of minnet's links."""

    output = "exp"

    def value(self, Z, T):
        return np.square(Z - T).sum(axis=1)

    def gradient(self, Z, T):
        return 2 * (Z - T)


class OwnClassifier(MinNetClassifier):
    def predict(self, X):
        return super().predict(X)[::-1]


class RenamedClassifier(MinNetClassifier):
    """Nothing is its own but the name."""
