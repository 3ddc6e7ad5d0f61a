"""Networks that train: ``diagnose`` has no alarm for them, before their fit or after it."""

from functools import partial

import numpy as np
from broken_training import digits, numbers, wine
from scipy import sparse
from situations import (
    Given,
    add,
    california,
    classifier,
    curved,
    friedman,
    network,
    noisy,
    rare,
    regressor,
    scaled,
    shapes,
    table,
)
from sklearn.datasets import load_digits, make_circles, make_moons
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

from minnet import SGD, Adam, AdamW, BatchNorm, Dense, Dropout, LayerNorm, Residual, RMSProp
from minnet.activations import list_activations
from minnet.residual import fixup

HEALTHY = []
enter = partial(add, HEALTHY)


def healthy(goal, makes, **options):
    enter("healthy", (), goal, makes, **options)


def raw(model, name):
    return Given(model, *table(name))


def blocks(n, **options):
    return [
        Dense(32, "relu"),
        *(Residual([Dense(32, "relu"), Dense(32)], **options) for _ in range(n)),
    ]


def residual(n, **options):
    return classifier(layers=blocks(n, **options), max_iter=30)


# ---- activations, depths, widths

healthy(
    0.9,
    {
        f"two layers of {name}": lambda name=name: digits(
            classifier(50, 50, activation=name, learning_rate_init=0.003, max_iter=40)
        )
        for name in list_activations()
        if name != "identity"  # which is another case: a linear network
    },
)
healthy(
    0.9,
    {
        "20 layers of relu, width 100": lambda: digits(
            classifier(*(100,) * 20, max_iter=30, learning_rate_init=0.0005)
        ),
        "20 layers of selu": lambda: digits(classifier(*(50,) * 20, activation="selu", max_iter=30)),
        "20 layers of tanh, orthogonal": lambda: digits(
            classifier(*(50,) * 20, activation="tanh", init="orthogonal", max_iter=30)
        ),
        "30 layers of tanh, orthogonal, gain 1.5": lambda: digits(
            classifier(*(50,) * 30, activation="tanh", max_iter=40,
                       init={"name": "orthogonal", "gain": 1.5})
        ),
        "8 layers of gelu": lambda: digits(classifier(*(64,) * 8, activation="gelu", max_iter=30)),
        "5 layers of softsign": lambda: digits(
            classifier(*(64,) * 5, activation="softsign", max_iter=60)
        ),
        "3 layers of sigmoid": lambda: digits(
            classifier(64, 64, 64, activation="sigmoid", max_iter=60, learning_rate_init=0.005)
        ),
        "ReZero, 5 blocks": lambda: digits(residual(5, scale=0.0, trainable_scale=True)),
        "SkipInit, 20 blocks": lambda: digits(residual(20, scale=20**-0.5, trainable_scale=True)),
        "Fixup, 20 blocks": lambda: digits(
            classifier(layers=fixup(blocks(20), output=False), init="zeros", max_iter=30)
        ),
        "Fixup, 50 blocks": lambda: digits(
            classifier(layers=fixup(blocks(50), output=False), init="zeros", max_iter=30)
        ),
        "residual, BatchNorm, 5 blocks": lambda: digits(
            classifier(
                layers=[
                    Dense(32),
                    *(
                        Residual([BatchNorm("relu"), Dense(32), BatchNorm("relu"), Dense(32)])
                        for _ in range(5)
                    ),
                ],
                max_iter=20,
            )
        ),
        "20 layers of tanh with LayerNorm": lambda: digits(
            classifier(layers=[Dense(40), LayerNorm()] * 20, activation="tanh", max_iter=20)
        ),
        "8 layers of relu with LayerNorm": lambda: digits(
            classifier(layers=[Dense(50), LayerNorm()] * 8, max_iter=20)
        ),
        "residual, LayerNorm, 10 blocks": lambda: digits(
            classifier(
                layers=[
                    Dense(32),
                    *(Residual([LayerNorm(), Dense(32, "relu"), Dense(32)]) for _ in range(10)),
                ],
                max_iter=20,
            )
        ),
        "width 2000": lambda: digits(classifier(2000, max_iter=10)),
        "8 layers of width 10": lambda: digits(
            classifier(*(10,) * 8, activation="tanh", max_iter=100, learning_rate_init=0.005)
        ),
        "3 units": lambda: wine(classifier(3, activation="tanh", max_iter=200, learning_rate_init=0.02)),
        "tapered": lambda: digits(classifier(128, 64, 32, 16, max_iter=30)),
        "a bottleneck": lambda: digits(
            classifier(layers=[Dense(64), Dense(8, "identity"), Dense(64)], max_iter=40)
        ),
        "no hidden layer": lambda: digits(classifier(hidden_layer_sizes=(), max_iter=100)),
        "no hidden layer, zeros": lambda: wine(
            classifier(hidden_layer_sizes=(), init="zeros", max_iter=300, learning_rate_init=0.01)
        ),
        "biases of .1, leaky_relu": lambda: digits(
            classifier(64, 64, activation="leaky_relu", bias_init=0.1, max_iter=30)
        ),
        "standard initialization, one layer of tanh": lambda: digits(
            classifier(64, activation="tanh", init="standard", bias_init="zeros", max_iter=60)
        ),
        "LSUV": lambda: digits(classifier(*(40,) * 6, init="lsuv", max_iter=30)),
        "sparse initialization": lambda: digits(
            classifier(64, 64, activation="tanh", init="sparse", max_iter=40)
        ),
        "output of zeros": lambda: digits(classifier(64, init=["auto", "zeros"], max_iter=30)),
        "torch's law": lambda: digits(
            classifier(64, 64, init="torch_linear", bias_init="torch_linear", max_iter=40)
        ),
    },
)  # fmt: skip

healthy(  # not the best start, and it trains
    0.85,
    {
        "40 layers of selu, He": lambda: digits(
            classifier(*(64,) * 40, activation="selu", init="he", max_iter=40)
        ),
        "30 layers of tanh, orthogonal, gain 2": lambda: digits(
            classifier(*(64,) * 30, activation="tanh", max_iter=40,
                       init={"name": "orthogonal", "gain": 2.0})
        ),
        "biases of deviation 5": lambda: digits(
            classifier(64, 64, bias_init={"name": "normal", "std": 5.0}, max_iter=40)
        ),
        "50 layers of tanh, batch_norm": lambda: digits(
            classifier(*(50,) * 50, activation="tanh", batch_norm=True, max_iter=40)
        ),
    },
    states="after",
)  # fmt: skip

# ---- batch normalization and dropout

healthy(
    0.9,
    {
        "batch_norm, one layer": lambda: digits(classifier(64, batch_norm=True, max_iter=20)),
        "batch_norm, 3 layers of sigmoid": lambda: digits(
            classifier(64, 64, 64, activation="sigmoid", batch_norm=True, max_iter=30)
        ),
        "batch_norm, 6 layers, batch 32": lambda: digits(
            classifier(*(50,) * 6, batch_norm=True, batch_size=32, max_iter=15)
        ),
        "batch_norm, 10 layers of tanh": lambda: digits(
            classifier(*(64,) * 10, activation="tanh", batch_norm=True, max_iter=30)
        ),
        "batch_norm, batch 16": lambda: digits(
            classifier(64, 64, batch_norm=True, batch_size=16, max_iter=10)
        ),
        "dropout=.1": lambda: digits(classifier(100, dropout=0.1, max_iter=40)),
        "dropout=.5, wide": lambda: digits(classifier(500, dropout=0.5, max_iter=40)),
        "dropout=.3, two layers": lambda: digits(classifier(128, 128, dropout=0.3, max_iter=40)),
        "dropout=.2 and batch_norm": lambda: digits(
            classifier(100, 100, dropout=0.2, batch_norm=True, max_iter=30)
        ),
        "layers of many kinds": lambda: digits(
            classifier(
                layers=[Dense(64, "gelu"), Dropout(0.2), Dense(64, "silu"), BatchNorm("tanh")],
                max_iter=30,
            )
        ),
    },
)  # fmt: skip

# ---- solvers and rates at which training ends well

healthy(
    0.95,
    {
        "SGD at .3, wine": lambda: wine(classifier(64, 64, solver=SGD(0.3), max_iter=60)),
        "SGD at .3, momentum, wine": lambda: wine(
            classifier(64, 64, solver="sgd", learning_rate_init=0.3, max_iter=60)
        ),
        "Adam at .01, wine": lambda: wine(classifier(30, learning_rate_init=0.01, max_iter=60)),
        "Adam at .03, wine": lambda: wine(classifier(30, learning_rate_init=0.03, max_iter=60)),
        "Adam at .01, digits": lambda: digits(classifier(64, learning_rate_init=0.01, max_iter=30)),
        "SGD at .5, digits": lambda: digits(
            classifier(64, solver=SGD(0.5), batch_size=50, max_iter=30)
        ),
        "RMSProp at .003": lambda: digits(classifier(64, solver=RMSProp(0.003), max_iter=30)),
        "AdamW": lambda: digits(classifier(64, solver=AdamW(0.003), max_iter=40)),
        "lbfgs, wine": lambda: wine(classifier(20, solver="lbfgs", max_iter=50)),
        "invscaling": lambda: digits(
            classifier(64, solver="sgd", learning_rate="invscaling", learning_rate_init=0.3,
                       power_t=0.25, batch_size=20, max_iter=30)
        ),
        "a batch of all rows, long": lambda: wine(
            classifier(30, batch_size=178, max_iter=200, learning_rate_init=0.005)
        ),
        "batch of one, SGD at .01": lambda: wine(
            classifier(30, solver=SGD(0.01), batch_size=1, max_iter=20)
        ),
        "early stopping": lambda: Given(
            classifier(100, early_stopping=True, max_iter=100, learning_rate_init=0.005),
            *table("digits"),
        ),
        "stops by tol": lambda: wine(classifier(50, learning_rate_init=0.01, tol=1e-3)),
        "a small alpha": lambda: digits(classifier(64, alpha=0.1, max_iter=40)),
        "alpha=1": lambda: digits(classifier(64, alpha=1.0, max_iter=60)),
        "weight_decay=.01": lambda: digits(classifier(64, weight_decay=0.01, max_iter=40)),
        "clip_norm=1": lambda: digits(
            classifier(64, solver="sgd", learning_rate_init=0.2, clip_norm=1.0, max_iter=40)
        ),
        "shuffle=False, rows in any order": lambda: digits(
            classifier(64, shuffle=False, batch_size=50, max_iter=30)
        ),
        "warm start": lambda: digits(
            classifier(64, warm_start=True, max_iter=30, learning_rate_init=0.003)
        ),
        "squared error of classes": lambda: digits(
            classifier(64, loss="squared_error", max_iter=60, learning_rate_init=0.005)
        ),
    },
)  # fmt: skip

# ---- data

healthy(
    0.9,
    {
        "pixels of 0 to 16": lambda: Given(
            classifier(100, max_iter=30), *(a[:1000] for a in load_digits(return_X_y=True))
        ),
        "iris, as it is": lambda: raw(
            classifier(20, learning_rate_init=0.01, max_iter=100), "iris"
        ),
        "breast cancer, a pipeline": lambda: raw(scaled(classifier(50, max_iter=50)), "cancer"),
        "wine, RobustScaler": lambda: raw(
            make_pipeline(RobustScaler(), classifier(50, max_iter=100)), "wine"
        ),
        "wine, MinMaxScaler": lambda: raw(
            make_pipeline(MinMaxScaler(), classifier(50, learning_rate_init=0.01, max_iter=100)),
            "wine",
        ),
        "digits, whitened": lambda: raw(
            make_pipeline(PCA(20, whiten=True), classifier(50, max_iter=60)), "digits"
        ),
        "moons": lambda: Given(
            classifier(30, 30, learning_rate_init=0.01, max_iter=200),
            *make_moons(400, noise=0.15, random_state=0),
        ),
        "circles": lambda: Given(
            classifier(30, activation="tanh", learning_rate_init=0.03, max_iter=200),
            *make_circles(400, noise=0.05, factor=0.5, random_state=0),
        ),
        "XOR": lambda: Given(
            classifier(8, activation="tanh", learning_rate_init=0.1, max_iter=300, tol=0.0),
            np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0]),
        ),
        "1 in 10": lambda: Given(classifier(50, learning_rate_init=0.005, max_iter=60), *rare(10)),
        "1 in 20": lambda: Given(classifier(50, learning_rate_init=0.01, max_iter=100), *rare(20)),
        "one-hot columns": lambda: one_hot(classifier(50, learning_rate_init=0.01, max_iter=60)),
        "sparse rows": lambda: Given(
            classifier(50, max_iter=60), sparse.csr_matrix(table("digits")[0]), table("digits")[1]
        ),
        "counts of words": lambda: words(classifier(50, learning_rate_init=0.005, max_iter=40)),
        "one column": lambda: Given(
            classifier(20, learning_rate_init=0.03, max_iter=200),
            np.linspace(-2, 2, 200)[:, None], (abs(np.linspace(-2, 2, 200)) > 1).astype(int),
        ),
        "20 rows": lambda: Given(
            classifier(30, learning_rate_init=0.01, max_iter=100), *(a[::9] for a in wine_rows())
        ),
        "3 rows": lambda: Given(
            classifier(20, learning_rate_init=0.01, max_iter=100),
            wine_rows()[0][[0, 80, 170]], np.array([0, 1, 2]),
        ),
        "classes by name, float32": lambda: Given(
            classifier(30, learning_rate_init=0.01, max_iter=60),
            wine_rows()[0].astype("float32"), np.array(["a", "b", "c"])[wine_rows()[1]],
        ),
        "held-out rows of the same kind": lambda: Given(
            classifier(64, max_iter=30),
            *(a[:700] for a in table("digits")), *(a[700:] for a in table("digits")),
        ),
        "columns of mean 3": lambda: Given(
            classifier(50, 50, learning_rate_init=0.003, max_iter=100),
            curved()[0] + 3, curved()[1],
        ),
        "one heavy-tailed column": lambda: heavy(
            classifier(50, 50, learning_rate_init=0.003, max_iter=150)
        ),
        "hundred columns without use": lambda: Given(
            classifier(50, alpha=1.0, max_iter=40),
            np.column_stack([curved()[0], np.random.default_rng(4).normal(size=(1500, 100))]),
            (curved()[0][:, 0] > 0).astype(int),
        ),
        "two labels a row": lambda: two_labels(
            classifier(50, learning_rate_init=0.01, max_iter=60)
        ),
    },
)  # fmt: skip


healthy(
    0.95,
    {
        "sorted by class, not shuffled, and learned": lambda: by_class(
            classifier(30, activation="tanh", shuffle=False, batch_size=10, max_iter=30,
                       learning_rate_init=0.01)
        )
    },
    states="after",
)  # fmt: skip


def by_class(model):
    X, y = table("wine, scaled")
    order = np.argsort(y, kind="stable")
    return Given(model, X[order], y[order])


def wine_rows():
    return table("wine, scaled")


def one_hot(model):
    codes = np.random.default_rng(0).integers(0, 6, size=(800, 5))
    y = ((codes[:, 0] + codes[:, 1]) % 3 == 0).astype(int)
    return Given(make_pipeline(OneHotEncoder(), model), codes, y)


def words(model):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    rates = rng.gamma(0.3, 1.0, size=(3, 200))
    return Given(model, sparse.csr_matrix(rng.poisson(rates[y]).astype(float)), y)


def heavy(model):
    X, y, _ = curved()
    X = np.column_stack([X, np.random.default_rng(2).standard_t(3, len(X))])
    return Given(model, StandardScaler().fit_transform(X), y)


def two_labels(model):
    X = curved()[0]
    return Given(model, X, np.column_stack([X[:, 3] > 0, X[:, 4] + X[:, 5] > 0]).astype(int))


# ---- numbers


def wide_targets(model, factor=1.0, shift=0.0, n=600):
    X, y = friedman()
    return Given(model, X[:n], factor * y[:n] + shift)


healthy(
    0.6,
    {
        "numbers": lambda: numbers(regressor(100)),
        "numbers, tanh, two layers": lambda: numbers(
            regressor(50, 50, activation="tanh", learning_rate_init=0.003)
        ),
        "mean 2, deviation .85": lambda: wide_targets(regressor(100), 0.85, 2.0),
        "as California's, scaled": lambda: Given(scaled(regressor(100)), *california()),
        "diabetes, lbfgs": lambda: raw(
            regressor(30, solver="lbfgs", max_iter=200), "diabetes, scaled"
        ),
        "lbfgs": lambda: numbers(regressor(20, solver="lbfgs", max_iter=100)),
        "huber": lambda: numbers(regressor(100, loss="huber")),
        "absolute error": lambda: numbers(regressor(100, loss="absolute_error")),
        "scale_targets": lambda: wide_targets(regressor(100, scale_targets=True), 1e4, 1e5),
        "three outputs": lambda: Given(
            regressor(100), friedman()[0], np.column_stack([friedman()[1], *friedman()[0].T[:2]])
        ),
        "twenty outputs": lambda: Given(
            regressor(100, learning_rate_init=0.003), friedman()[0],
            np.tanh(friedman()[0] @ np.random.default_rng(0).normal(size=(10, 20)) / 3),
        ),
        "deviation 3": lambda: wide_targets(regressor(100, learning_rate_init=0.003), 3.0),
        "deviation .2": lambda: wide_targets(regressor(100), 0.2),
        "30 rows": lambda: wide_targets(regressor(50, learning_rate_init=0.01), n=30),
        "early stopping, numbers": lambda: numbers(
            regressor(100, early_stopping=True, learning_rate_init=0.005)
        ),
        "batch_norm, numbers": lambda: numbers(
            regressor(50, 50, batch_norm=True, batch_size=50, max_iter=60)
        ),
        "dropout=.1, numbers": lambda: numbers(regressor(200, dropout=0.1, learning_rate_init=0.003)),
        "linear regression, as a network": lambda: Given(
            regressor(hidden_layer_sizes=(), learning_rate_init=0.01, max_iter=400),
            friedman()[0], friedman()[0] @ np.arange(1.0, 11.0) / 20,
        ),
    },
)  # fmt: skip


def counts(model):
    X, y = friedman()
    return Given(model, X, np.random.default_rng(0).poisson(np.exp(y)))


healthy(
    0.3,
    {
        "counts, Poisson": lambda: counts(regressor(50, loss="poisson", max_iter=100)),
        "median of noise": lambda: Given(
            regressor(30, loss="absolute_error", max_iter=100, learning_rate_init=0.003),
            *noisy_numbers_alone(),
        ),
    },
)


def noisy_numbers_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5))
    return X, X[:, 0] + 0.5 * rng.standard_t(3, 600)


# ---- noise that no network can learn, and it learned the rest

healthy(
    0.75,
    {
        "a fifth of the labels wrong": lambda: Given(
            classifier(10, learning_rate_init=0.01, max_iter=30), *noisy(1500, 0.2)[:2]
        ),
    },
)

# ---- Networks


def net(layers, X, y, loss="log_loss", optimizer="adam", **trainer):
    made = network(layers, X, loss)
    return Given(made, X, y, trainer={"optimizer": optimizer, "max_epochs": 40, **trainer})


def fine_tuned():
    """The first layer was trained on five classes and is frozen; the rest learns the other five."""
    X, y = table("digits")
    few, other = y < 5, y >= 5
    before = net([Dense(50, "relu"), Dense(5)], X[few], y[few]).trained()
    given = net(
        [Dense(50, "relu", trainable=False), Dense(30, "relu"), Dense(5)], X[other], y[other] - 5
    )
    given.model.layers[0].W[:] = before.layers[0].W
    given.model.layers[0].b[:] = before.layers[0].b
    return given


def autoencoder():
    X = table("digits")[0]
    return net([Dense(20), Dense(64)], X - X.mean(axis=0), X - X.mean(axis=0), "squared_error",
               max_epochs=60)  # fmt: skip


healthy(
    0.6,
    {
        "a Network of relu": lambda: net([Dense(50, "relu"), Dense(10)], *table("digits")),
        "a Network with BatchNorm": lambda: net(
            [Dense(50), BatchNorm(activation="tanh"), Dense(10)], *table("digits")
        ),
        "a Network with Dropout, SGD": lambda: net(
            [Dense(100, "tanh"), Dropout(0.2), Dense(10)], *table("digits"), optimizer=SGD(0.2)
        ),
        "fine-tuning with a frozen first layer": fine_tuned,
        "smaller steps for the first layer": lambda: net(
            [Dense(50, "relu", lr_factor=0.1), Dense(10)], *table("digits"), optimizer=Adam(0.003)
        ),
        "tanh output, targets within": lambda: net(
            [Dense(50, "relu"), Dense(1, "tanh")], curved()[0], np.tanh(curved()[2])[:, None],
            "squared_error", max_epochs=80,
        ),
        "sigmoid output, shares": lambda: net(
            [Dense(50, "tanh"), Dense(1, "sigmoid")], friedman()[0],
            1 / (1 + np.exp(-2 * friedman()[1][:, None])), "squared_error", max_epochs=150,
            optimizer=Adam(0.01),
        ),
    },
)  # fmt: skip
healthy(
    0.5,
    {"a linear autoencoder": autoencoder},
)
healthy(
    0.2,
    {
        "Shapeset, tanh, glorot": lambda: patient_that_trains("tanh"),
        "Shapeset, softsign, glorot": lambda: patient_that_trains("softsign"),
    },
)


def patient_that_trains(activation):
    X, y = shapes(300)
    made = network([Dense(150, activation) for _ in range(3)] + [Dense(9)], X, init="glorot")
    return Given(made, X, y, trainer={"optimizer": "adam", "batch_size": 10, "max_epochs": 15})
